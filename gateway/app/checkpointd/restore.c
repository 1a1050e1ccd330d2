/*
 * Holds that were open when the program ended, read back from the journal before any output is
 * energised. A release or withdrawal that was committed ends its hold, whatever else is missing,
 * unless the hold was put on record again behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/json.h"
#include "gateway/journal/reader.h"

struct restore {
    struct lane_restore_event *holds;
    uint8_t *lanes;
    size_t max;
    size_t count;
    uint64_t highest;
};

static uint64_t id_of(const json_t *body, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(body, key));
    return value > 0 ? (uint64_t)value : 0;
}

static void note_id(struct restore *r, uint64_t id)
{
    if (id > r->highest) {
        r->highest = id;
    }
}

static struct lane_restore_event *find_hold(struct restore *r, uint64_t lane, uint64_t id)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->holds[i].hold == id && r->lanes[i] == lane) {
            return &r->holds[i];
        }
    }
    return NULL;
}

static void drop_hold(struct restore *r, uint64_t lane, uint64_t id)
{
    struct lane_restore_event *hold = find_hold(r, lane, id);
    if (!hold) {
        return;
    }
    size_t at = (size_t)(hold - r->holds);
    r->count--;
    memmove(&r->holds[at], &r->holds[at + 1], (r->count - at) * sizeof(r->holds[0]));
    memmove(&r->lanes[at], &r->lanes[at + 1], r->count - at);
}

static void fill_hits(const json_t *held, struct lane_restore_event *out)
{
    out->hit_count = 0;
    for (size_t i = 0; i < json_array_size(held) && out->hit_count < LANE_HITS_MAX; i++) {
        const json_t *hit = json_array_get(held, i);
        out->hits[out->hit_count++] = (struct lane_hit){.hit = id_of(hit, "hit"),
                                                        .entry = id_of(hit, "entry"),
                                                        .priority = (uint8_t)id_of(hit, "priority"),
                                                        .holds = true};
    }
}

static int take_hold(struct restore *r, const json_t *body, bool active)
{
    uint64_t id = id_of(body, "hold");
    struct lane_restore_event *hold = find_hold(r, id_of(body, "lane"), id);
    if (!hold) {
        if (r->count == r->max) {
            return ERR_FULL;
        }
        r->lanes[r->count] = (uint8_t)id_of(body, "lane");
        hold = &r->holds[r->count++];
        memset(hold, 0, sizeof(*hold));
        hold->hold = id;
    }
    hold->active |= active;
    hold->passage = id_of(body, "passage");
    hold->priority = (uint8_t)id_of(body, "priority");
    fill_hits(json_object_get(body, "held"), hold);
    return 0;
}

/* A record of a kind this build does not know can make a hold, by the words known here, but ends
 * none: who cannot read it all keeps the vehicle. */
static int take_body(struct restore *r, const json_t *body, bool may_end)
{
    const char *what = json_string_value(json_object_get(body, "what"));
    uint64_t hold = id_of(body, "hold");
    note_id(r, id_of(body, "hit"));
    note_id(r, id_of(body, "passage"));
    note_id(r, hold);
    if (!what || hold == 0) {
        return 0;
    }
    if (strcmp(what, lane_record_name(LANE_RECORD_HOLD_ACTIVE)) == 0 ||
        strcmp(what, lane_record_name(LANE_RECORD_HOLD_KEPT)) == 0) {
        return take_hold(r, body, true);
    }
    if (strcmp(what, lane_record_name(LANE_RECORD_HOLD_WAITING)) == 0 ||
        strcmp(what, lane_record_name(LANE_RECORD_HOLD_JOINED)) == 0) {
        return take_hold(r, body, false);
    }
    if (may_end && (strcmp(what, lane_record_name(LANE_RECORD_HOLD_DROPPED)) == 0 ||
                    strcmp(what, lane_record_name(LANE_RECORD_HOLD_RELEASE)) == 0 ||
                    strcmp(what, lane_record_name(LANE_RECORD_HOLD_WITHDRAW)) == 0 ||
                    strcmp(what, lane_record_name(LANE_RECORD_HOLD_ENDED)) == 0)) {
        drop_hold(r, id_of(body, "lane"), hold);
    }
    return 0;
}

static int take_record(void *ctx, const struct journal_record *record)
{
    json_t *body = NULL;
    if (!record->has_body || json_parse(record->body, record->body_size, &body, NULL) != 0) {
        return 0; /* past its retention: then no hold hangs on it */
    }
    int result = take_body(ctx, body, journal_kind_name(record->header.kind) != NULL);
    json_decref(body);
    return result;
}

int restore_find(const char *journal_dir, struct lane_restore_event *holds, uint8_t *lanes,
                 size_t max, size_t *out_count, uint64_t *out_highest, struct err_text *err)
{
    struct restore restore = {.holds = holds, .lanes = lanes, .max = max};
    struct journal_reader *reader = NULL;
    uint32_t kinds = JOURNAL_KIND_BIT(JOURNAL_DECISION) | JOURNAL_KIND_BIT(JOURNAL_ACT) |
                     JOURNAL_KIND_BIT(JOURNAL_HIT) | JOURNAL_KINDS_UNKNOWN;
    uint64_t after = 0;
    uint64_t last = 0;
    int result = journal_reader_open(journal_dir, &reader, err);
    while (result == 0) {
        result = journal_reader_read(reader, after, kinds, JOURNAL_READ_MAX, take_record, &restore,
                                     &last, err);
        if (last == after) {
            break;
        }
        after = last;
    }
    journal_reader_close(reader);
    *out_count = restore.count;
    *out_highest = restore.highest;
    return result == ERR_FULL ? err_set(err, ERR_FULL, "more than %zu open holds", max) : result;
}
