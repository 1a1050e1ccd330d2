/*
 * See list_conflict.h. Entries of one plate are in one crowd, which the table has an index of.
 */
#include "gateway/hq/list_conflict.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/match/crowd.h"

/* An item of the batch: those of one crowd stand together. */
struct hq_conflict_item {
    uint64_t crowd;
    size_t index; /* of batch->items */
};

/* The items of one crowd while the entries that may contradict them pass by. */
struct looking {
    struct hq_conflicts *conflicts;
    const struct hq_conflict_item *items;
    size_t count;
};

int hq_conflicts_init(struct hq_conflicts *c, const struct batch *batch)
{
    *c = (struct hq_conflicts){
        .batch = batch,
        .held = calloc(batch->changed_count + 1, sizeof(*c->held)),
        .items = calloc(batch->added_count + batch->changed_count + 1, sizeof(*c->items)),
        .pairs = json_array()};
    return c->held && c->items && c->pairs ? 0 : ERR_NO_MEMORY;
}

void hq_conflicts_fini(struct hq_conflicts *c)
{
    free(c->held);
    free(c->items);
    json_decref(c->pairs);
    *c = (struct hq_conflicts){0};
}

void hq_conflicts_held(struct hq_conflicts *c, size_t index, const struct wanted_record *held)
{
    if (held && index >= c->batch->added_count)
        c->held[index - c->batch->added_count] = *held;
}

static json_t *entry_of(const char *text, size_t size)
{
    json_t *entry = NULL;
    return json_parse(text, size, &entry, NULL) == 0 ? entry : NULL;
}

/* A pair inside the batch is told once, by the item whose id is lower. */
static bool is_told(const struct batch *batch, uint64_t id, uint64_t other)
{
    if (other > id)
        return false;
    for (size_t i = 0; i < batch->added_count + batch->changed_count; i++)
        if (batch->items[i].record.id == other)
            return true;
    return false;
}

/* Whether item `index` contradicts `other` and did not before. */
static bool is_new_pair(const struct hq_conflicts *c, size_t index,
                        const struct wanted_record *other)
{
    const struct wanted_record *record = &c->batch->items[index].record;
    size_t added = c->batch->added_count;
    return wanted_records_conflict(record, other) &&
           !(index >= added && c->held[index - added].id != 0 &&
             wanted_records_conflict(&c->held[index - added], other)) &&
           !is_told(c->batch, record->id, other->id);
}

static int take_other(void *ctx, const struct hq_value *columns, size_t count)
{
    struct looking *l = ctx;
    struct hq_conflicts *c = l->conflicts;
    struct wanted_record other;
    struct byte_reader r;
    if (count != 2)
        return ERR_CORRUPT;
    byte_reader_init(&r, columns[0].data, columns[0].size);
    int rc = wanted_record_read(&r, &other, NULL);
    for (size_t i = 0; rc == 0 && i < l->count; i++) {
        const struct wanted_item *item = &c->batch->items[l->items[i].index];
        if (!is_new_pair(c, l->items[i].index, &other) || c->count++ >= HQ_CONFLICTS_MAX)
            continue;
        rc = json_array_append_new(c->pairs,
                                   json_pack("{s:o,s:o}", "entry",
                                             entry_of(item->text, item->record.text_size), "other",
                                             entry_of(columns[1].data, columns[1].size))) == 0
                 ? 0
                 : ERR_NO_MEMORY;
    }
    return rc;
}

static int compare_items(const void *a, const void *b)
{
    const struct hq_conflict_item *x = a;
    const struct hq_conflict_item *y = b;
    if (x->crowd != y->crowd)
        return x->crowd < y->crowd ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* The entries of that handling in the crowd; few are `observe`. The record's byte 37 is the
 * handling (gateway/model/wanted.h); SQL counts bytes from 1. */
static int look_at(struct looking *l, uint8_t handling, struct hqd *hq, struct err_text *err)
{
    return hq_db_query(
        &hq->db,
        "SELECT record, body FROM entries WHERE crowd = $1"
        " AND substr(record, 38, 1) = $2 ORDER BY id",
        HQ_PARAMS(hq_int((int64_t)l->items[0].crowd), hq_blob(&handling, sizeof(handling))),
        take_other, l, err);
}

/* A crowd is asked for once, however many of the batch are in it. */
static int look_at_crowd(struct looking *l, struct hqd *hq, struct err_text *err)
{
    bool stop = false;
    bool observe = false;
    for (size_t i = 0; i < l->count; i++) {
        uint8_t handling = l->conflicts->batch->items[l->items[i].index].record.handling;
        stop |= handling == HANDLING_STOP;
        observe |= handling == HANDLING_OBSERVE;
    }
    int rc = stop ? look_at(l, HANDLING_OBSERVE, hq, err) : 0;
    return rc == 0 && observe ? look_at(l, HANDLING_STOP, hq, err) : rc;
}

int hq_conflicts_find(struct hq_conflicts *c, struct hqd *hq, struct err_text *err)
{
    size_t count = c->batch->added_count + c->batch->changed_count;
    int rc = 0;
    for (size_t i = 0; i < count; i++)
        c->items[i] = (struct hq_conflict_item){match_crowd_of(c->batch->items[i].record.key), i};
    qsort(c->items, count, sizeof(*c->items), compare_items);
    for (size_t i = 0; rc == 0 && i < count;) {
        struct looking l = {.conflicts = c, .items = &c->items[i]};
        while (i < count && c->items[i].crowd == l.items[0].crowd) {
            l.count++;
            i++;
        }
        rc = look_at_crowd(&l, hq, err);
    }
    return rc;
}

void hq_conflicts_say(const struct hq_conflicts *c, struct err_text *out)
{
    const json_t *pair = json_array_get(c->pairs, 0);
    const json_t *entry = json_object_get(pair, "entry");
    const json_t *other = json_object_get(pair, "other");
    (void)err_set(out, ERR_DENIED,
                  "entry %lld (%s) and entry %lld (%s) are one vehicle, plate %s: %zu such pair%s; "
                  "expected ?conflicts=confirm when it is meant",
                  (long long)json_integer_value(json_object_get(entry, "id")),
                  json_string_value(json_object_get(entry, "handling")),
                  (long long)json_integer_value(json_object_get(other, "id")),
                  json_string_value(json_object_get(other, "handling")),
                  json_string_value(json_object_get(entry, "plate")), c->count,
                  c->count == 1 ? "" : "s"); /* only the text is wanted */
}
