/* See box_place.h. */
#include "gateway/uplink/box_place.h"

#include <string.h>

void box_place_init(struct box_place *p)
{
    *p = (struct box_place){.due = false};
    (void)pthread_mutex_init(&p->lock, NULL); /* cannot fail with default attributes */
}

void box_place_fini(struct box_place *p)
{
    (void)pthread_mutex_destroy(&p->lock); /* nobody holds it */
}

void box_place_begin(struct box_place *p, const struct box_line *status)
{
    pthread_mutex_lock(&p->lock);
    memcpy(p->journal.chain, status->chain, sizeof(p->journal.chain));
    p->journal.recorded = status->head;
    p->journal.confirmed = status->confirmed;
    p->begun = p->due && strcmp(p->chain, status->chain) == 0;
    p->due = false;
    p->received = p->begun && p->after < status->confirmed ? p->after : status->confirmed;
    pthread_mutex_unlock(&p->lock);
}

static void raise_to(uint64_t *value, uint64_t to)
{
    if (to > *value)
        *value = to;
}

void box_place_note(struct box_place *p, uint64_t recorded, uint64_t confirmed)
{
    pthread_mutex_lock(&p->lock);
    raise_to(&p->journal.recorded, recorded);
    raise_to(&p->journal.confirmed, confirmed);
    raise_to(&p->received, confirmed);
    pthread_mutex_unlock(&p->lock);
}

void box_place_read(struct box_place *p, struct box_journal *out)
{
    pthread_mutex_lock(&p->lock);
    *out = p->journal;
    pthread_mutex_unlock(&p->lock);
}

static void ask(struct box_place *p, const char *chain, uint64_t sequence, bool asked)
{
    pthread_mutex_lock(&p->lock);
    if (p->journal.chain[0] && strcmp(chain, p->journal.chain) == 0 &&
        (asked || sequence < p->received)) {
        memcpy(p->chain, p->journal.chain, sizeof(p->chain));
        p->after = sequence;
        p->due = true;
    }
    pthread_mutex_unlock(&p->lock);
}

void box_place_again(struct box_place *p, const char *chain, uint64_t sequence)
{
    ask(p, chain, sequence, true);
}

void box_place_held(struct box_place *p, const char *chain, uint64_t sequence)
{
    ask(p, chain, sequence, false);
}

bool box_place_is_due(struct box_place *p)
{
    pthread_mutex_lock(&p->lock);
    bool due = p->due;
    pthread_mutex_unlock(&p->lock);
    return due;
}

json_t *box_place_credit(struct box_place *p, struct outbox_amount amount)
{
    json_t *object = json_pack("{s:s,s:I,s:I}", "do", "credit", "n", (json_int_t)amount.records,
                               "bytes", (json_int_t)amount.bytes);
    pthread_mutex_lock(&p->lock);
    /* A member that found no memory is missed by checkpointd, which then begins elsewhere: none. */
    if (p->begun && object &&
        (json_object_set_new(object, "after", json_integer((json_int_t)p->after)) != 0 ||
         json_object_set_new(object, "chain", json_string(p->chain)) != 0)) {
        json_decref(object);
        object = NULL;
    }
    p->begun = p->begun && !object;
    pthread_mutex_unlock(&p->lock);
    return object;
}
