/*
 * Which entries with an open hit were withdrawn. The list is the list thread's and changes in
 * place, so the link thread does not look into it: it leaves the question here, and the list thread
 * answers with its next look, a twentieth of a second later at most while Redis is there. Looked up
 * is the verified list itself, also when it could not be brought into the index: what headquarters
 * withdrew holds nobody.
 */
#include <string.h>

#include "gateway/app/matchd/matchd.h"

void matchd_watch(struct matchd *m, const uint64_t *entries, size_t count)
{
    struct watched *w = &m->watched;
    pthread_mutex_lock(&w->lock);
    w->question++;
    w->count = count;
    memcpy(w->entries, entries, count * sizeof(entries[0]));
    pthread_mutex_unlock(&w->lock);
}

bool matchd_watched_gone(struct matchd *m, uint64_t *seen, uint64_t out[MATCH_WATCH_MAX],
                         size_t *out_count)
{
    struct watched *w = &m->watched;
    pthread_mutex_lock(&w->lock);
    bool news = w->answer != *seen && w->answered == w->question;
    if (news) {
        *seen = w->answer;
        *out_count = w->gone_count;
        memcpy(out, w->gone, w->gone_count * sizeof(out[0]));
    }
    pthread_mutex_unlock(&w->lock);
    return news;
}

/* As matching sees it: an observe entry is none, and without any list nothing was withdrawn. */
static bool is_gone(const struct wanted_list *list, uint64_t id)
{
    const struct wanted_entry *entry = wanted_list_find(list, id);
    return !entry || entry->match.record.handling == HANDLING_OBSERVE;
}

void matchd_watched_look(struct matchd *m, const struct wanted_list *list)
{
    struct watched *w = &m->watched;
    uint64_t revision = wanted_list_head(list)->revision;
    pthread_mutex_lock(&w->lock);
    if (w->question > 0 && revision > 0 &&
        (w->answered != w->question || w->looked_revision != revision)) {
        w->gone_count = 0;
        for (size_t i = 0; i < w->count; i++) {
            if (is_gone(list, w->entries[i])) {
                w->gone[w->gone_count++] = w->entries[i];
            }
        }
        w->answered = w->question;
        w->looked_revision = revision;
        w->answer++;
    }
    pthread_mutex_unlock(&w->lock);
}
