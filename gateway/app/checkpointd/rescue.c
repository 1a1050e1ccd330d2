/*
 * Open holds of a journal that had to be set aside, and its lanes out of service or with an
 * emergency stop to reset. What it says of them is read before it is renamed and kept in a file
 * until the new journal has them on record, so that a power cut at any point loses none. Taken over
 * are the holds that its verified part shows open, and, marked, those that are open by all of it
 * that could be read: a vehicle is held for nothing rather than let go. Where anything may be
 * missing, every lane asks for the vehicle to be confirmed. Main thread, before the lanes run;
 * rescue_acknowledged: control thread.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/journal/verify.h"

enum { KEPT_FILE_MAX = 1 << 20 };

static int kept_path(const struct checkpointd *c, char out[sizeof(c->journal_dir) + 32])
{
    return snprintf(out, sizeof(c->journal_dir) + 32, "%s/open-holds.json", c->journal_dir);
}

/* ---- the file ---- */

static json_t *hold_json(const struct open_hold *hold)
{
    const struct lane_restore_event *event = &hold->event;
    json_t *held = json_array();
    for (int i = 0; held && i < event->hit_count; i++) {
        const struct lane_hit *hit = &event->hits[i];
        if (json_array_append_new(held, json_pack("{s:I,s:I,s:i}", "hit", (json_int_t)hit->hit,
                                                  "entry", (json_int_t)hit->entry, "priority",
                                                  (int)hit->priority)) != 0) {
            json_decref(held);
            return NULL;
        }
    }
    return json_pack("{s:i,s:I,s:I,s:b,s:b,s:b,s:i,s:o}", "lane", (int)hold->lane, "hold",
                     (json_int_t)event->hold, "passage", (json_int_t)event->passage, "active",
                     (int)event->active, "verified", (int)hold->verified, "by_officer",
                     (int)event->by_officer, "priority", (int)event->priority, "held", held);
}

/* What of a lane is kept besides its holds: in the file as the numbers of the lanes it is so of,
 * in the new journal as a record. */
static const struct {
    const char *key;
    size_t flag; /* in struct lane_restore_service_event */
    enum lane_record_kind kind;
    const char *reason;
} standing[] = {{"out_of_service", offsetof(struct lane_restore_service_event, out_of_service),
                 LANE_RECORD_OUT_OF_SERVICE, "out of service in the journal that was set aside"},
                {"emergency_stop", offsetof(struct lane_restore_service_event, emergency_stop),
                 LANE_RECORD_EMERGENCY_STOP,
                 "emergency stop not reset in the journal that was set aside"}};

enum { STANDING_COUNT = sizeof(standing) / sizeof(standing[0]) };

static bool *flag_of(struct lane_restore_service_event *service, size_t which)
{
    return (bool *)((char *)service + standing[which].flag);
}

static json_t *standing_json(struct open_holds *open, size_t which)
{
    json_t *lanes = json_array();
    for (int lane = 1; lanes && lane <= LANE_ID_MAX; lane++) {
        if (*flag_of(&open->services[lane], which) &&
            json_array_append_new(lanes, json_integer(lane)) != 0) {
            json_decref(lanes);
            return NULL;
        }
    }
    return lanes;
}

static void take_standing(const json_t *kept, struct open_holds *open)
{
    const json_t *lane;
    size_t index;
    for (size_t which = 0; which < STANDING_COUNT; which++) {
        json_array_foreach(json_object_get(kept, standing[which].key), index, lane)
        {
            json_int_t number = json_integer_value(lane);
            if (number >= 1 && number <= LANE_ID_MAX) {
                *flag_of(&open->services[number], which) = true;
            }
        }
    }
}

static int save(const struct checkpointd *c, struct rescue *rescue, struct err_text *err)
{
    char path[sizeof(c->journal_dir) + 32];
    char *text = NULL;
    size_t size = 0;
    json_t *holds = json_array();
    int result = holds ? 0 : ERR_NO_MEMORY;
    for (size_t i = 0; result == 0 && i < rescue->open.count; i++) {
        if (json_array_append_new(holds, hold_json(&rescue->open.holds[i])) != 0) {
            result = ERR_NO_MEMORY;
        }
    }
    json_t *value = json_pack("{s:b,s:s,s:I,s:O?}", "whole", (int)rescue->whole, "why", rescue->why,
                              "highest", (json_int_t)rescue->open.highest, "holds", holds);
    for (size_t which = 0; result == 0 && which < STANDING_COUNT; which++) {
        if (json_object_set_new(value, standing[which].key, standing_json(&rescue->open, which)) !=
            0) {
            result = ERR_NO_MEMORY;
        }
    }
    if (result == 0) {
        result = value ? json_canonical(value, &text, &size) : ERR_NO_MEMORY;
    }
    (void)kept_path(c, path); /* fits */
    if (result == 0) {
        result = file_write_atomic(path, text, size, 0600, err);
    } else {
        (void)err_set(err, result, "%s", err_name(result)); /* returned */
    }
    free(text);
    json_decref(holds);
    json_decref(value);
    return result;
}

static int parse_kept(const char *text, size_t size, struct rescue *out, struct err_text *err)
{
    json_t *value = NULL;
    const json_t *row;
    size_t index;
    int result = json_parse(text, size, &value, err);
    json_int_t highest = json_integer_value(json_object_get(value, "highest"));
    const char *why = json_string_value(json_object_get(value, "why"));
    out->whole = json_is_true(json_object_get(value, "whole"));
    out->open.highest = highest > 0 ? (uint64_t)highest : 0;
    snprintf(out->why, sizeof(out->why), "%s", why ? why : "");
    take_standing(value, &out->open);
    json_array_foreach(json_object_get(value, "holds"), index, row)
    {
        bool active = json_is_true(json_object_get(row, "active"));
        if (result == 0) {
            result = open_holds_take(&out->open, row, active);
        }
        if (result == 0) {
            out->open.holds[out->open.count - 1].verified =
                json_is_true(json_object_get(row, "verified"));
        }
    }
    json_decref(value);
    return result;
}

static void forget_record(struct open_holds *open)
{
    for (size_t i = 0; i < open->count; i++) {
        open->holds[i].on_record = false;
    }
}

void rescue_load(struct checkpointd *c)
{
    static struct rescue kept; /* large */
    char path[sizeof(c->journal_dir) + 32];
    uint8_t *text = NULL;
    size_t size = 0;
    struct err_text err = {""};
    (void)kept_path(c, path); /* fits */
    int result = file_read(path, KEPT_FILE_MAX, &text, &size, &err);
    if (result == ERR_NOT_FOUND) {
        return;
    }
    memset(&kept, 0, sizeof(kept));
    if (result == 0) {
        result = parse_kept((const char *)text, size, &kept, &err);
        if (result != 0) {
            result = err_prefix(&err, result, "%s", path);
        }
    }
    free(text);
    if (result != 0) { /* then nobody knows what it said */
        kept.whole = false;
        snprintf(kept.why, sizeof(kept.why), "%.190s", err.text);
    }
    forget_record(&kept.open);
    c->rescue = &kept;
}

void rescue_doubt(struct checkpointd *c, const char *why)
{
    static struct rescue doubt; /* large */
    if (!c->rescue) {
        memset(&doubt, 0, sizeof(doubt));
        doubt.whole = true;
        c->rescue = &doubt;
    }
    if (c->rescue->whole) {
        c->rescue->whole = false;
        snprintf(c->rescue->why, sizeof(c->rescue->why), "%.190s", why);
    }
}

/* ---- reading a damaged journal ---- */

struct reading {
    struct open_holds sound; /* by the part that holds together */
    struct open_holds all;   /* by all that could be read */
    bool crowded;
};

static void take_record(void *ctx, const struct journal_record *record, bool verified)
{
    struct reading *r = ctx;
    int sound = verified ? open_holds_apply(&r->sound, record) : 0;
    int all = open_holds_apply(&r->all, record);
    r->crowded |= sound != 0 || all != 0;
}

/* An end that does not verify ends nothing, a hold that does not verify is one all the same; so
 * with a lane out of service. */
static bool unite(struct reading *r, struct open_holds *out)
{
    bool room = true;
    *out = r->sound;
    out->highest = r->all.highest > out->highest ? r->all.highest : out->highest;
    for (int lane = 1; lane <= LANE_ID_MAX; lane++) {
        for (size_t which = 0; which < STANDING_COUNT; which++) {
            *flag_of(&out->services[lane], which) |= *flag_of(&r->all.services[lane], which);
        }
        out->services[lane].convoy |= r->all.services[lane].convoy;
    }
    for (size_t i = 0; i < r->all.count; i++) {
        const struct open_hold *hold = &r->all.holds[i];
        struct open_hold *there = open_holds_find(out, hold->lane, hold->event.hold);
        if (there) {
            there->event.active |= hold->event.active;
        } else if (out->count < HOLDS_MAX) {
            out->holds[out->count] = *hold;
            out->holds[out->count++].verified = false;
        } else {
            room = false;
        }
    }
    forget_record(out);
    return room;
}

void rescue_keep(struct checkpointd *c, const char *why)
{
    static struct rescue rescue; /* large */
    static struct reading reading;
    struct journal_report report = {.ok = false};
    struct err_text err = {""};
    rescue_load(c); /* of an earlier journal, still not on record */
    bool whole = !c->rescue || c->rescue->whole;
    memset(&reading, 0, sizeof(reading));
    memset(&rescue, 0, sizeof(rescue));
    if (c->rescue) {
        reading.sound = c->rescue->open;
        reading.all = c->rescue->open;
    }
    int result = journal_salvage(c->journal_dir, take_record, &reading, &report, &err);
    snprintf(rescue.why, sizeof(rescue.why), "%s", why);
    bool room = unite(&reading, &rescue.open);
    rescue.whole = whole && result == 0 && report.ok && room && !reading.crowded;
    c->rescue = &rescue;
    if (save(c, &rescue, &err) != 0) { /* in memory they still are */
        log_event(EVENT_HOLDS_UNKEPT, "detail=\"%s\"", err.text);
    }
}

/* ---- the lanes ---- */

static void begin_fact(const struct checkpointd *c, struct fact *fact, enum fact_kind kind,
                       uint8_t lane)
{
    memset(fact, 0, sizeof(*fact));
    fact->kind = kind;
    fact->lane = lane;
    fact->wall = clock_wall(&c->clock);
    fact->mono = clock_mono(&clock_system);
    fact->class = LANE_CLASS_PROTECTIVE;
    fact->to_journal = true;
    fact->to_events = true;
    snprintf(fact->actor.program, sizeof(fact->actor.program), "checkpointd");
}

static bool record(struct checkpointd *c, const struct fact *fact)
{
    publish_push(c, fact);
    return recorder_record_and_wait(c, fact) == 0;
}

static bool record_hold(struct checkpointd *c, const struct open_hold *hold)
{
    static struct fact fact; /* large */
    const struct lane_restore_event *event = &hold->event;
    begin_fact(c, &fact, FACT_LANE, hold->lane);
    snprintf(fact.actor.reason, sizeof(fact.actor.reason),
             "open in the journal that was set aside%s",
             hold->verified ? "" : ", in a part that does not verify");
    fact.u.lane.record = (struct lane_record){.kind = LANE_RECORD_HOLD_KEPT,
                                              .class = LANE_CLASS_PROTECTIVE,
                                              .hold = event->hold,
                                              .passage = event->passage,
                                              .priority = event->priority,
                                              .by_officer = event->by_officer};
    for (int i = 0; i < event->hit_count; i++) {
        const struct lane_hit *hit = &event->hits[i];
        fact.u.lane.held[fact.u.lane.held_count++] =
            (struct fact_held){hit->hit, hit->entry, hit->priority};
    }
    return record(c, &fact);
}

static bool record_standing(struct checkpointd *c, uint8_t lane)
{
    static struct fact fact; /* large */
    bool done = true;
    for (size_t which = 0; which < STANDING_COUNT; which++) {
        if (!*flag_of(&c->rescue->open.services[lane], which)) {
            continue;
        }
        begin_fact(c, &fact, FACT_LANE, lane);
        snprintf(fact.actor.reason, sizeof(fact.actor.reason), "%s", standing[which].reason);
        fact.u.lane.record =
            (struct lane_record){.kind = standing[which].kind, .class = LANE_CLASS_PROTECTIVE};
        done &= record(c, &fact);
    }
    return done;
}

/* "hold 5 of passage 3; hold 9 of passage 7 not verified; the journal …"; returns whether there is
 * anything to say of the lane. */
static bool describe(const struct checkpointd *c, const struct open_holds *open, uint8_t lane,
                     char out[FACT_DETAIL_SIZE])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < c->rescue->open.count; i++) {
        const struct open_hold *hold = &c->rescue->open.holds[i];
        bool is_open = false;
        for (size_t k = 0; k < open->count; k++) {
            is_open |= open->holds[k].lane == lane && open->holds[k].event.hold == hold->event.hold;
        }
        if (hold->lane == lane && is_open && used < FACT_DETAIL_SIZE) {
            used += (size_t)snprintf(
                out + used, FACT_DETAIL_SIZE - used, "hold %llu of passage %llu%s; ",
                (unsigned long long)hold->event.hold, (unsigned long long)hold->event.passage,
                hold->verified ? "" : " not verified");
        }
    }
    if (used == 0 && c->rescue->whole) {
        return false;
    }
    if (used < FACT_DETAIL_SIZE) {
        (void)snprintf(out + used, FACT_DETAIL_SIZE - used, "%s%.120s",
                       c->rescue->whole ? "" : "others may be missing; ", c->rescue->why); /* cut */
    }
    return true;
}

/* Every lane whose holds are taken over, or may be missing. */
static bool settle_lane(struct checkpointd *c, const struct open_holds *open, uint8_t lane)
{
    static struct fact fact; /* large */
    const struct lane_restore_event unknown = {.hold = 0};
    begin_fact(c, &fact, FACT_ALARM, lane);
    fact.u.alarm.event = EVENT_HOLDS_TAKEN_OVER;
    fact.u.alarm.active = true;
    if (!describe(c, open, lane, fact.u.alarm.detail)) {
        return true;
    }
    if (!c->rescue->whole &&
        pipeline_restore(c->pipeline, lane, &unknown, clock_mono(&clock_system),
                         clock_wall(&c->clock)) != 0) {
        return false; /* the lane is configured: it is there */
    }
    atomic_store(&c->taken_over[lane], true);
    return record(c, &fact);
}

void rescue_settle(struct checkpointd *c, const struct open_holds *open)
{
    char path[sizeof(c->journal_dir) + 32];
    bool done = true;
    if (!c->rescue) {
        return;
    }
    for (size_t i = 0; i < open->count; i++) {
        const struct open_hold *hold = &open->holds[i];
        if (!hold->on_record && hold->event.active && c->devices.bus_of_lane[hold->lane]) {
            done &= record_hold(c, hold);
        }
    }
    for (size_t i = 0; i < c->config.lane_count; i++) {
        uint8_t lane = c->config.lanes[i].lane.lane.lane;
        done &= record_standing(c, lane);
        done &= settle_lane(c, open, lane);
    }
    (void)kept_path(c, path); /* fits */
    if (!done) {
        log_event(EVENT_HOLDS_UNKEPT, "detail=\"not on record yet: %s stays\"", path);
    } else if (unlink(path) != 0 && errno != ENOENT) {
        log_event(EVENT_HOLDS_UNKEPT, "detail=\"%s: %s\"", path, strerror(errno));
    }
    c->rescue = NULL;
}

void rescue_acknowledged(struct checkpointd *c, uint8_t lane)
{
    struct {
        atomic_bool *stands;
        enum log_event_id event;
    } told[] = {{&c->taken_over[lane], EVENT_HOLDS_TAKEN_OVER},
                {&c->still_held[lane], EVENT_HOLD_STILL_HELD}};
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        struct pipeline_event event = {.kind = PIPELINE_ALARM};
        event.u.alarm.lane = lane;
        event.u.alarm.event = told[i].event;
        if (atomic_exchange(told[i].stands, false)) {
            lane_post(c, &event);
        }
    }
}
