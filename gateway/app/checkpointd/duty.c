/*
 * See duty.h. Control thread, except duty_see_hit (lane thread), duty_look (any), duty_restore
 * (main thread before the others run).
 */
#include "gateway/app/checkpointd/duty.h"

#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/log.h"

enum { DETAIL_NAMES_MAX = 4 };

void duty_keeper_init(struct checkpointd *c)
{
    thread_lock_init(&c->duty.lock);
    duty_init(&c->duty.duty, c->config.well_after_ms, c->config.well_within_ms);
}

uint64_t duty_new_id(struct checkpointd *c)
{
    int64_t now = clock_wall(&c->clock).ms;
    uint64_t id = now > 0 ? (uint64_t)now : 1;
    c->duty.last_id = id > c->duty.last_id ? id : c->duty.last_id + 1;
    return c->duty.last_id;
}

/* ---- records ---- */

void duty_fill(struct checkpointd *c, struct duty_record *record, struct fact *out)
{
    static const struct control_actor nobody;
    json_t *text = record->more ? record->more : json_object();
    acts_begin_fact(c, out, record->actor ? record->actor : &nobody, FACT_ACT,
                    record->reason ? record->reason : "");
    out->lane = record->lane;
    out->wall = record->at.ms != 0 ? record->at : out->wall;
    out->class = record->protective ? LANE_CLASS_PROTECTIVE : LANE_CLASS_ROUTINE;
    out->urgent = record->call != NULL;
    (void)snprintf(out->u.act.act, sizeof(out->u.act.act), "%s", record->what); /* fixed words */
    if (record->call) {
        json_object_set_new(text, "call", record->call);
    }
    size_t size = json_dumpb(text, out->text, sizeof(out->text) - 1, JSON_COMPACT | JSON_SORT_KEYS);
    out->text[size < sizeof(out->text) ? size : 0] = '\0'; /* what is put in fits */
    json_decref(text);
}

int duty_put(struct checkpointd *c, struct duty_record *record)
{
    static struct fact fact; /* control thread, and main before it runs */
    duty_fill(c, record, &fact);
    int result = recorder_push(c, &fact);
    if (result == 0 || record->protective) {
        publish_push(c, &fact);
    }
    return result;
}

/* ---- what stands, for people ---- */

static json_t *time_json(struct wall_time time)
{
    char text[WALL_TEXT_SIZE];
    wall_format(time, text);
    return json_string(text);
}

static json_t *calls_json(const struct duty *d, enum duty_kind kind)
{
    json_t *calls = json_array();
    for (size_t i = 0; i < d->count; i++) {
        const struct duty_call *call = &d->calls[i];
        if (call->kind != kind) {
            continue;
        }
        json_t *row = json_pack("{s:I,s:o}", kind == DUTY_HELP ? "id" : "hit", (json_int_t)call->id,
                                "since", time_json(call->since));
        if (call->lane != 0) {
            json_object_set_new(row, "lane", json_integer(call->lane));
        }
        if (call->officer[0] != '\0') {
            json_object_set_new(row, "officer", json_string(call->officer));
        }
        if (call->note[0] != '\0') {
            json_object_set_new(row, "note", json_string(call->note));
        }
        json_array_append_new(calls, row);
    }
    return calls;
}

static const char *well_name(enum duty_well well)
{
    return well == DUTY_WELL_RUNS ? "runs" : well == DUTY_WELL_ASKED ? "asked" : "missed";
}

static json_t *well_json(const struct checkpointd *c)
{
    const struct duty *d = &c->duty.duty;
    if (d->well == DUTY_WELL_OFF) {
        return NULL;
    }
    json_t *well = json_pack("{s:s}", "state", well_name(d->well));
    if (d->well >= DUTY_WELL_LEADER) {
        json_object_set_new(well, "told", json_string(d->well == DUTY_WELL_HQ ? "hq" : "leader"));
    }
    if (d->well != DUTY_WELL_HQ) {
        int64_t left_ms = mono_diff_ms(d->due, clock_mono(&clock_system));
        json_object_set_new(well, "due",
                            time_json((struct wall_time){clock_wall(&c->clock).ms + left_ms}));
    }
    return well;
}

static json_t *handover_json(const struct duty_handover *handover)
{
    return handover->officer[0] == '\0'
               ? NULL
               : json_pack("{s:I,s:s,s:o}", "id", (json_int_t)handover->id, "officer",
                           handover->officer, "time", time_json(handover->time));
}

json_t *duty_json(const struct checkpointd *c)
{
    const struct duty_keeper *k = &c->duty;
    return json_pack("{s:o,s:o,s:o,s:o*,s:o*}", "help", calls_json(&k->duty, DUTY_HELP), "backup",
                     calls_json(&k->duty, DUTY_BACKUP), "asks", duty_questions_json(c), "well",
                     well_json(c), "handover", handover_json(&k->handover));
}

void duty_set_due(struct checkpointd *c)
{
    const struct duty *d = &c->duty.duty;
    bool asked = d->well != DUTY_WELL_OFF && d->well != DUTY_WELL_HQ;
    int64_t due = asked ? d->due.ns : 0;
    int64_t questions = c->duty.question_count > 0 ? c->duty.questions_due.ns : 0;
    if (c->duty.question_count > 0 && (due == 0 || questions < due)) {
        due = questions > 0 ? questions : 1; /* never looked: at once */
    }
    atomic_store_explicit(&c->duty.due_ns, due, memory_order_relaxed);
}

void duty_tell(struct checkpointd *c)
{
    json_t *event = duty_json(c);
    duty_set_due(c);
    if (event) {
        json_object_set_new(event, "event", json_string("duty"));
        json_object_set_new(event, "time", time_json(clock_wall(&c->clock)));
        control_publish(c->control, event, true);
    }
}

void duty_raise(struct checkpointd *c, enum log_event_id id, uint8_t lane, bool active,
                const char *detail)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    event.u.alarm.event = id;
    event.u.alarm.lane = lane;
    event.u.alarm.active = active;
    (void)snprintf(event.u.alarm.detail, sizeof(event.u.alarm.detail), "%s", detail); /* fits */
    lane_post(c, &event);
}

/* Names those that call; no plate and no note, for technicians see alarms too. */
void duty_alarm(struct checkpointd *c, enum duty_kind kind, uint8_t lane)
{
    const struct duty *d = &c->duty.duty;
    char detail[FACT_DETAIL_SIZE] = "";
    size_t used = 0;
    size_t named = 0;
    for (size_t i = 0; i < d->count && named < DETAIL_NAMES_MAX; i++) {
        const struct duty_call *call = &d->calls[i];
        if (call->kind != kind || call->lane != lane || used >= sizeof(detail)) {
            continue;
        }
        const char *comma = named++ > 0 ? ", " : "";
        used += (size_t)(kind == DUTY_HELP
                             ? snprintf(detail + used, sizeof(detail) - used, "%s%s", comma,
                                        call->officer)
                             : snprintf(detail + used, sizeof(detail) - used, "%shit=%llu", comma,
                                        (unsigned long long)call->id));
    }
    duty_raise(c, kind == DUTY_HELP ? EVENT_DUTY_HELP : EVENT_DUTY_BACKUP, lane,
               duty_standing(d, kind, lane) > 0, detail);
}

/* ---- backup: from a hit to everybody ---- */

static json_t *backup_call(uint64_t hit, uint8_t lane, bool open)
{
    return json_pack("{s:s,s:I,s:I,s:i,s:b}", "kind", "backup", "id", (json_int_t)hit, "hit",
                     (json_int_t)hit, "lane", (int)lane, "open", (int)open);
}

static void look_in_control(void *ctx, void *item);

static void wake(struct checkpointd *c)
{
    if (!atomic_exchange_explicit(&c->duty.look_posted, true, memory_order_relaxed) &&
        line_server_post(control_server(c->control), look_in_control, c, NULL) != 0) {
        atomic_store_explicit(&c->duty.look_posted, false, memory_order_relaxed); /* next look */
    }
}

void duty_see_hit(struct checkpointd *c, const struct fact *hit)
{
    static struct fact fact; /* lane thread */
    struct duty_keeper *k = &c->duty;
    if (hit->kind != FACT_HIT || !hit->u.hit.decision.backup) {
        return;
    }
    struct duty_record record = {.what = "backup",
                                 .lane = hit->lane,
                                 .protective = true,
                                 .call = backup_call(hit->u.hit.hit, hit->lane, true)};
    duty_fill(c, &record, &fact);
    (void)!recorder_push(c, &fact); /* counted when refused; backup is called all the same */
    publish_push(c, &fact);
    pthread_mutex_lock(&k->lock);
    if (k->post_count < DUTY_POSTS_MAX) { /* more than may stand at once are on record alone */
        k->posts[k->post_count++] = (struct duty_call){
            .kind = DUTY_BACKUP, .id = hit->u.hit.hit, .lane = hit->lane, .since = fact.wall};
    }
    pthread_mutex_unlock(&k->lock);
    wake(c);
}

/* Whether any came. */
static bool take_posts(struct checkpointd *c, struct mono_time now)
{
    static struct duty_call posts[DUTY_POSTS_MAX]; /* control thread */
    struct duty_keeper *k = &c->duty;
    pthread_mutex_lock(&k->lock);
    size_t count = k->post_count;
    memcpy(posts, k->posts, count * sizeof(posts[0]));
    k->post_count = 0;
    pthread_mutex_unlock(&k->lock);
    for (size_t i = 0; i < count; i++) {
        if (duty_call(&k->duty, &posts[i], now, NULL) == 0) { /* full: see DUTY_BACKUPS_MAX */
            duty_alarm(c, DUTY_BACKUP, posts[i].lane);
        }
    }
    return count > 0;
}

/* ---- "I am well" ---- */

static json_t *well_call(uint64_t id, bool open)
{
    return json_pack("{s:s,s:I,s:b}", "kind", "well", "id", (json_int_t)id, "open", (int)open);
}

int duty_well_over(struct checkpointd *c, const struct control_actor *actor, const char *what)
{
    struct duty_keeper *k = &c->duty;
    json_t *call = k->well_id ? well_call(k->well_id, false) : NULL;
    struct duty_record record = {.actor = actor, .what = what, .call = call};
    int result = duty_put(c, &record);
    if (result == 0) {
        duty_raise(c, EVENT_DUTY_WELL_MISSED, 0, false, "");
        k->well_id = 0;
    }
    return result;
}

static void step_well(struct checkpointd *c)
{
    struct duty_keeper *k = &c->duty;
    bool to_hq = k->duty.well == DUTY_WELL_HQ;
    if (k->duty.well < DUTY_WELL_LEADER) {
        return; /* asked for: the consoles show it */
    }
    k->well_id = k->well_id ? k->well_id : duty_new_id(c);
    struct duty_record record = {.what = "well_missed",
                                 .protective = true,
                                 .call = to_hq ? well_call(k->well_id, true) : NULL,
                                 .more = json_pack("{s:I,s:s}", "missed", (json_int_t)k->well_id,
                                                   "told", to_hq ? "hq" : "leader")};
    (void)!duty_put(c, &record); /* counted when refused; it is shown all the same */
    duty_raise(c, EVENT_DUTY_WELL_MISSED, 0, true,
               to_hq ? "headquarters is told" : "leaders are told");
}

static void look_in_control(void *ctx, void *item)
{
    struct checkpointd *c = ctx;
    struct mono_time now = clock_mono(&clock_system);
    (void)item;
    atomic_store_explicit(&c->duty.look_posted, false, memory_order_relaxed);
    bool changed = take_posts(c, now);
    changed |= duty_questions_look(c, now);
    while (duty_tick(&c->duty.duty, now)) {
        step_well(c);
        changed = true;
    }
    if (changed) {
        duty_tell(c);
    } else {
        duty_set_due(c);
    }
}

void duty_look(struct checkpointd *c)
{
    struct duty_keeper *k = &c->duty;
    long long due = atomic_load_explicit(&k->due_ns, memory_order_relaxed);
    pthread_mutex_lock(&k->lock);
    bool waits = k->post_count > 0;
    pthread_mutex_unlock(&k->lock);
    if (waits || (due != 0 && clock_mono(&clock_system).ns >= due)) {
        wake(c);
    }
}

/* ---- what ends ---- */

int duty_end_backup(struct checkpointd *c, const struct control_actor *actor, uint64_t hit,
                    const char *reason)
{
    struct duty *d = &c->duty.duty;
    const struct duty_call *standing = duty_find(d, DUTY_BACKUP, hit);
    uint8_t lane = standing ? standing->lane : 0;
    if (!standing) {
        return ERR_NOT_FOUND;
    }
    struct duty_record record = {.actor = actor,
                                 .what = "backup_end",
                                 .reason = reason,
                                 .lane = lane,
                                 .call = backup_call(hit, lane, false)};
    int result = duty_put(c, &record);
    if (result == 0) {
        result = duty_end(d, DUTY_BACKUP, hit);
    }
    if (result == 0) {
        duty_alarm(c, DUTY_BACKUP, lane);
        if (c->duty.well_id != 0 && d->well == DUTY_WELL_OFF) {
            result = duty_well_over(c, actor, "well_end");
        }
        duty_tell(c);
    }
    return result;
}

void duty_case_closed(struct checkpointd *c, uint64_t hit)
{
    duty_ask_over(c, INSTRUCTION_REJECT, hit);
    duty_ask_over(c, INSTRUCTION_CONFIRM, hit);
    /* What cannot be put on record stands until an officer ends it. */
    (void)!duty_end_backup(c, NULL, hit, "");
}
