/*
 * Entries that are withdrawn while officers deal with hits on them: the pipeline is told which to
 * watch, and each such hit says so, on record. See cases.h. Control thread, but for
 * cases_withdrawn() (lane thread).
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/cases.h"
#include "gateway/app/checkpointd/checkpointd.h"

_Static_assert((int)CASES_MAX <= (int)PIPELINE_WATCH_MAX, "every open hit is watched");

static bool is_among(const uint64_t *entries, size_t count, uint64_t entry)
{
    for (size_t i = 0; i < count; i++) {
        if (entries[i] == entry) {
            return true;
        }
    }
    return false;
}

void cases_withdrawn(void *checkpointd, uint64_t entry)
{
    struct checkpointd *c = checkpointd;
    struct cases *k = &c->cases;
    pthread_mutex_lock(&k->lock);
    if (k->gone_count < PIPELINE_WATCH_MAX && !is_among(k->gone, k->gone_count, entry)) {
        k->gone[k->gone_count++] = entry; /* one too many is said again with the next change */
    }
    pthread_mutex_unlock(&k->lock);
    cases_look_soon(c);
}

static void take_gone(struct checkpointd *c)
{
    struct cases *k = &c->cases;
    uint64_t gone[PIPELINE_WATCH_MAX];
    pthread_mutex_lock(&k->lock);
    size_t count = k->gone_count;
    memcpy(gone, k->gone, count * sizeof(gone[0]));
    k->gone_count = 0;
    pthread_mutex_unlock(&k->lock);
    for (size_t i = 0; count > 0 && i < k->count; i++) {
        k->slots[i].gone |= is_among(gone, count, k->slots[i].now.facts.entry);
    }
}

/* False: to be tried again. */
static bool mark(struct checkpointd *c, struct case_slot *slot)
{
    struct handling_case after = slot->now;
    if (slot->in_flight) {
        return true; /* looked at when that has settled */
    }
    if (handling_withdraw(&after, cases_now(c))) {
        if (cases_record(c, slot, &after, "withdrawn") != 0) {
            return false;
        }
        cases_ask_headquarters(c, slot); /* what it was asked about is over */
    }
    slot->gone = false;
    return true;
}

bool cases_mark_withdrawn(struct checkpointd *c)
{
    bool all = true;
    take_gone(c);
    for (size_t i = 0; i < c->cases.count; i++) {
        struct case_slot *slot = &c->cases.slots[i];
        all = (!slot->gone || mark(c, slot)) && all;
    }
    return all;
}

void cases_watch(struct checkpointd *c)
{
    struct cases *k = &c->cases;
    struct pipeline_event event = {.kind = PIPELINE_WATCH};
    struct pipeline_watch watch = {.count = 0};
    for (size_t i = 0; i < k->count; i++) {
        const struct handling_case *now = &k->slots[i].now;
        if (!handling_done(now) && now->withdrawn_at.wall.ms == 0) {
            watch.entries[watch.count++] = now->facts.entry;
        }
    }
    if (watch.count == k->watched.count &&
        memcmp(watch.entries, k->watched.entries, watch.count * sizeof(watch.entries[0])) == 0) {
        return;
    }
    event.u.watch = malloc(sizeof(watch));
    if (event.u.watch) { /* else with the next change */
        *event.u.watch = watch;
        k->watched = watch;
        lane_post(c, &event);
    }
}
