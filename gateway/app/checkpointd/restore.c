/*
 * Holds that were open and lanes that were out of service, or open for a convoy, when the program
 * ended, read back from the journal before any output is energised. A hold is over once that is on
 * record (hold_ended): a release alone may have come on record after the officer was refused, or
 * before a hit that nobody has spoken of joined, so its hold stands and that is told. A withdrawal
 * alone is asked for anew by the lane. A record that cannot be read is passed over and told; where
 * it may have been of a hold every lane asks for the vehicle to be confirmed.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/journal/reader.h"

static const uint32_t restore_kinds = JOURNAL_KIND_BIT(JOURNAL_DECISION) |
                                      JOURNAL_KIND_BIT(JOURNAL_ACT) |
                                      JOURNAL_KIND_BIT(JOURNAL_HIT) | JOURNAL_KINDS_UNKNOWN;

static uint64_t id_of(const json_t *body, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(body, key));
    return value > 0 ? (uint64_t)value : 0;
}

static void note_id(struct open_holds *open, uint64_t id)
{
    if (id > open->highest) {
        open->highest = id;
    }
}

struct open_hold *open_holds_find(struct open_holds *open, uint8_t lane, uint64_t id)
{
    for (size_t i = 0; i < open->count; i++) {
        if (open->holds[i].event.hold == id && open->holds[i].lane == lane) {
            return &open->holds[i];
        }
    }
    return NULL;
}

static void drop_hold(struct open_holds *open, uint8_t lane, uint64_t id)
{
    struct open_hold *hold = open_holds_find(open, lane, id);
    if (!hold) {
        return;
    }
    size_t at = (size_t)(hold - open->holds);
    open->count--;
    memmove(hold, hold + 1, (open->count - at) * sizeof(*hold));
}

static uint64_t hit_at(const json_t *held, size_t i)
{
    return id_of(json_array_get(held, i), "hit");
}

static bool names_hit(const json_t *held, uint64_t hit)
{
    for (size_t i = 0; hit != 0 && i < json_array_size(held); i++) {
        if (hit_at(held, i) == hit) {
            return true;
        }
    }
    return false;
}

/* An entry that was withdrawn stays so. */
static void fill_hits(const json_t *held, struct lane_restore_event *out)
{
    const struct lane_restore_event before = *out;
    out->hit_count = 0;
    out->withdrawn = 0;
    for (size_t i = 0; i < json_array_size(held) && i < LANE_HITS_MAX; i++) {
        for (uint8_t k = 0; k < before.hit_count; k++) {
            bool was = (before.withdrawn >> k & 1u) != 0 && before.hits[k].hit == hit_at(held, i);
            out->withdrawn |= (uint8_t)(was ? 1u << i : 0);
        }
    }
    for (size_t i = 0; i < json_array_size(held) && out->hit_count < LANE_HITS_MAX; i++) {
        const json_t *hit = json_array_get(held, i);
        out->hits[out->hit_count++] = (struct lane_hit){.hit = id_of(hit, "hit"),
                                                        .entry = id_of(hit, "entry"),
                                                        .priority = (uint8_t)id_of(hit, "priority"),
                                                        .holds = true};
    }
}

/* Its end was asked for, and nothing more is said of it so far. */
static void take_end(struct open_hold *hold, const json_t *body, bool withdrawn)
{
    const json_t *held = json_object_get(body, "held");
    if (!hold) {
        return;
    }
    hold->released |= !withdrawn;
    for (uint8_t i = 0; withdrawn && i < hold->event.hit_count; i++) {
        if (names_hit(held, hold->event.hits[i].hit)) {
            hold->event.withdrawn |= (uint8_t)(1u << i);
        }
    }
}

int open_holds_take(struct open_holds *open, const json_t *body, bool active)
{
    uint64_t id = id_of(body, "hold");
    uint8_t lane = (uint8_t)id_of(body, "lane");
    struct open_hold *hold = open_holds_find(open, lane, id);
    if (!hold) {
        if (open->count == HOLDS_MAX) {
            return ERR_FULL;
        }
        hold = &open->holds[open->count++];
        *hold = (struct open_hold){.lane = lane, .verified = true, .event.hold = id};
    }
    hold->on_record = true;
    hold->event.active |= active;
    hold->event.passage = id_of(body, "passage");
    hold->event.priority = (uint8_t)id_of(body, "priority");
    fill_hits(json_object_get(body, "held"), &hold->event);
    hold->event.by_officer |=
        hold->event.hit_count == 0 || json_is_true(json_object_get(body, "by_officer"));
    return 0;
}

static bool is_named(const char *what, enum lane_record_kind kind)
{
    return strcmp(what, lane_record_name(kind)) == 0;
}

static void take_service(struct lane_restore_service_event *service, const char *what, bool may_end)
{
    if (is_named(what, LANE_RECORD_OUT_OF_SERVICE)) {
        service->out_of_service = true;
    } else if (is_named(what, LANE_RECORD_CONVOY)) {
        service->convoy = true;
    } else if (is_named(what, LANE_RECORD_EMERGENCY_STOP)) {
        service->emergency_stop = true;
    } else if (may_end && is_named(what, LANE_RECORD_IN_SERVICE)) {
        service->out_of_service = false;
    } else if (may_end && is_named(what, LANE_RECORD_CONVOY_ENDED)) {
        service->convoy = false;
    } else if (may_end && is_named(what, LANE_RECORD_STOP_RESET)) {
        service->emergency_stop = false;
    }
}

/* Who made a hold says so: "instruction 17". */
static void note_instruction(struct open_holds *open, const json_t *body)
{
    static const char words[] = "instruction ";
    const json_t *by = json_object_get(body, "by");
    const char *program = json_string_value(json_object_get(by, "program"));
    const char *origin = json_string_value(json_object_get(by, "origin"));
    if (!program || strcmp(program, "headquarters") != 0 || !origin ||
        strncmp(origin, words, sizeof(words) - 1) != 0) {
        return;
    }
    uint64_t id = strtoull(origin + sizeof(words) - 1, NULL, 10);
    if (id > open->instruction) {
        open->instruction = id;
        open->instruction_lane = (uint8_t)id_of(body, "lane");
    }
}

/* A record of a kind this build does not know can make a hold, by the words known here, but ends
 * none: who cannot read it all keeps the vehicle. */
static int take_body(struct open_holds *open, const json_t *body, bool may_end)
{
    const char *what = json_string_value(json_object_get(body, "what"));
    uint64_t hold = id_of(body, "hold");
    note_id(open, id_of(body, "hit"));
    note_id(open, id_of(body, "passage"));
    note_id(open, hold);
    if (what) {
        take_service(&open->services[(uint8_t)id_of(body, "lane")], what, may_end);
    }
    if (!what || hold == 0) {
        return 0;
    }
    note_instruction(open, body);
    if (is_named(what, LANE_RECORD_HOLD_ACTIVE) || is_named(what, LANE_RECORD_HOLD_KEPT)) {
        int result = open_holds_take(open, body, true);
        struct open_hold *taken = open_holds_find(open, (uint8_t)id_of(body, "lane"), hold);
        if (taken) {
            taken->released = false; /* said after it */
        }
        return result;
    }
    if (is_named(what, LANE_RECORD_HOLD_WAITING) || is_named(what, LANE_RECORD_HOLD_JOINED)) {
        return open_holds_take(open, body, false);
    }
    bool withdraw = is_named(what, LANE_RECORD_HOLD_WITHDRAW);
    uint8_t lane = (uint8_t)id_of(body, "lane");
    if (may_end && (withdraw || is_named(what, LANE_RECORD_HOLD_RELEASE))) {
        take_end(open_holds_find(open, lane, hold), body, withdraw);
    } else if (may_end && (is_named(what, LANE_RECORD_HOLD_DROPPED) ||
                           is_named(what, LANE_RECORD_HOLD_ENDED))) {
        drop_hold(open, lane, hold);
    }
    return 0;
}

int open_holds_apply(struct open_holds *open, const struct journal_record *record)
{
    json_t *body = NULL;
    if ((restore_kinds & JOURNAL_KIND_BIT(record->header.kind)) == 0 || !record->has_body ||
        json_parse(record->body, record->body_size, &body, NULL) != 0) {
        return 0; /* past its retention: then no hold hangs on it */
    }
    int result = take_body(open, body, journal_kind_name(record->header.kind) != NULL);
    json_decref(body);
    return result;
}

/* ---- records that cannot be read ---- */

void restore_note_damage(struct checkpointd *c, uint64_t sequence, const char *why)
{
    struct journal_damage *d = &c->damage;
    for (size_t i = 0; i < d->count && i < DAMAGED_TOLD_MAX; i++) {
        if (d->sequences[i] == sequence) {
            return; /* told at an earlier look */
        }
    }
    if (d->count < DAMAGED_TOLD_MAX) {
        d->sequences[d->count] = sequence;
        log_event(EVENT_RECORD_DAMAGED, "sequence=%llu detail=\"%s\"", (unsigned long long)sequence,
                  why);
    }
    d->count++;
}

void restore_alarm_damage(struct checkpointd *c)
{
    const struct journal_damage *d = &c->damage;
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    char *detail = event.u.alarm.detail;
    size_t room = sizeof(event.u.alarm.detail);
    size_t used = 0;
    for (size_t i = 0; i < d->count && i < DAMAGED_TOLD_MAX && used < room; i++) {
        used += (size_t)snprintf(detail + used, room - used, "%s%llu", i > 0 ? ", " : "sequence ",
                                 (unsigned long long)d->sequences[i]);
    }
    if (d->count > DAMAGED_TOLD_MAX && used < room) {
        (void)snprintf(detail + used, room - used, " and %zu more", d->count - DAMAGED_TOLD_MAX);
    }
    event.u.alarm.event = EVENT_RECORD_DAMAGED;
    event.u.alarm.active = d->count > 0;
    if (event.u.alarm.active) {
        lane_post(c, &event);
    }
}

/* ---- holds ---- */

struct finding {
    struct checkpointd *c;
    struct open_holds *open;
};

static int take_record(void *ctx, const struct journal_record *record)
{
    const struct finding *finding = ctx;
    cases_restore(finding->c, record);
    return open_holds_apply(finding->open, record);
}

/* It may have begun a hold, or ended one. */
static void damaged(void *ctx, uint64_t sequence, const char *why)
{
    const struct finding *finding = ctx;
    restore_note_damage(finding->c, sequence, why);
    rescue_doubt(finding->c, why);
}

int restore_find(struct checkpointd *c, struct open_holds *open, struct err_text *err)
{
    struct finding finding = {c, open};
    struct journal_reader *reader = NULL;
    const struct journal_scan scan = {.kinds = restore_kinds | CASES_KINDS,
                                      .take = take_record,
                                      .damaged = damaged,
                                      .ctx = &finding};
    int result = journal_reader_open(c->journal_dir, &reader, err);
    if (result == 0) {
        result = journal_reader_scan(reader, &scan, err);
    }
    journal_reader_close(reader);
    return result == ERR_FULL ? err_set(err, ERR_FULL, "more than %d open holds", HOLDS_MAX)
                              : result;
}
