/*
 * Cases kept: opened by hits, changed by steps that are on record, shown and escalated. See
 * cases.h. Control thread, but for settled() (journal thread) and cases_look (any).
 */
#include "gateway/app/checkpointd/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/log.h"

enum { LOOK_NOW = 1, LOOK_AGAIN_MS = 1000 };

static void post_look(struct checkpointd *c);

void cases_init(struct checkpointd *c)
{
    thread_lock_init(&c->cases.lock);
}

void cases_free(struct checkpointd *c)
{
    for (size_t i = 0; i < CASES_DEFERRED_MAX; i++) {
        if (c->cases.deferred[i].hit != 0) {
            json_decref((json_t *)c->cases.deferred[i].call.args);
        }
    }
    for (size_t i = 0; i < CASES_JOINS_MAX; i++) {
        if (c->cases.joins[i].hit != 0) {
            json_decref(c->cases.joins[i].result);
        }
    }
    free(c->cases.codes);
    c->cases.codes = NULL;
}

struct handling_when cases_now(const struct checkpointd *c)
{
    return (struct handling_when){clock_mono(&clock_system), clock_wall(&c->clock)};
}

struct case_slot *cases_find(struct checkpointd *c, uint64_t hit)
{
    for (size_t i = c->cases.count; hit != 0 && i-- > 0;) {
        if (c->cases.slots[i].now.facts.hit == hit) {
            return &c->cases.slots[i];
        }
    }
    return NULL;
}

json_t *cases_hit(const struct checkpointd *c, const struct case_slot *slot)
{
    return board_find_hit(&c->board, (json_int_t)slot->now.facts.hit);
}

json_t *cases_hit_json(const struct checkpointd *c, json_t *hit)
{
    json_t *copy = json_copy(hit);
    uint64_t id = (uint64_t)json_integer_value(json_object_get(hit, "hit"));
    for (size_t i = c->cases.count; i-- > 0;) {
        if (c->cases.slots[i].now.facts.hit == id) {
            json_object_set_new(copy, "handling",
                                handling_json(&c->cases.slots[i].now, &c->config.handling));
            break;
        }
    }
    return copy;
}

/* ---- what is told ---- */

static void publish_case(struct checkpointd *c, const struct case_slot *slot)
{
    char time[WALL_TEXT_SIZE];
    json_t *event = handling_json(&slot->now, &c->config.handling);
    wall_format(clock_wall(&c->clock), time);
    json_object_set_new(event, "event", json_string("handling"));
    json_object_set_new(event, "time", json_string(time));
    control_publish(c->control, event, true);
}

static void alarm_lane(struct checkpointd *c, uint8_t lane, int level, bool active, uint64_t hit,
                       size_t count)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    if (c->cases.told[lane][level] == active) {
        return;
    }
    c->cases.told[lane][level] = active;
    event.u.alarm.event = level == 0 ? EVENT_HIT_OVERDUE_LEADER : EVENT_HIT_OVERDUE_HQ;
    event.u.alarm.lane = lane;
    event.u.alarm.active = active;
    if (active) {
        (void)snprintf(event.u.alarm.detail, sizeof(event.u.alarm.detail), "hit=%llu count=%zu",
                       (unsigned long long)hit, count); /* fits */
    }
    lane_post(c, &event);
}

/* One alarm a lane and level stands while any of its cases is that late. */
static void update_alarms(struct checkpointd *c, uint8_t lane)
{
    for (int level = 0; level < 2; level++) {
        enum handling_overdue least = level == 0 ? HANDLING_OVERDUE_LEADER : HANDLING_OVERDUE_HQ;
        uint64_t hit = 0;
        size_t count = 0;
        for (size_t i = 0; i < c->cases.count; i++) {
            const struct handling_case *now = &c->cases.slots[i].now;
            if (now->facts.lane == lane && now->overdue >= least) {
                hit = hit != 0 ? hit : now->facts.hit;
                count++;
            }
        }
        alarm_lane(c, lane, level, count > 0, hit, count);
    }
}

static void set_due(struct checkpointd *c)
{
    struct cases *k = &c->cases;
    int64_t due = INT64_MAX;
    int64_t again = mono_add_ms(clock_mono(&clock_system), LOOK_AGAIN_MS).ns;
    for (size_t i = 0; i < k->count; i++) {
        /* Who may agree signs off; a withdrawal that the journal did not take is tried again. */
        bool waits = k->slots[i].now.waits != HANDLING_WAITS_NOT || k->slots[i].gone;
        int64_t at = handling_next_look(&k->slots[i].now, &c->config.handling).ns;
        at = waits && again < at ? again : at;
        due = !k->slots[i].in_flight && at < due ? at : due;
    }
    due = due == INT64_MAX ? 0 : due < LOOK_NOW ? LOOK_NOW : due;
    pthread_mutex_lock(&k->lock); /* what is told behind this asks for its look behind this, too */
    due = k->settled_count > 0 || k->gone_count > 0 ? LOOK_NOW : due;
    atomic_store_explicit(&k->due_ns, due, memory_order_relaxed);
    pthread_mutex_unlock(&k->lock);
}

void cases_changed(struct checkpointd *c, const struct case_slot *slot)
{
    publish_case(c, slot);
    cases_watch(c);
    update_alarms(c, slot->now.facts.lane);
    if (handling_done(&slot->now)) {
        duty_case_closed(c, slot->now.facts.hit);
    }
    set_due(c);
}

/* ---- hits ---- */

static void drop_case(struct checkpointd *c, uint64_t hit)
{
    struct cases *k = &c->cases;
    struct case_slot *slot = cases_find(c, hit);
    if (slot) {
        size_t at = (size_t)(slot - k->slots);
        k->count--;
        memmove(slot, slot + 1, (k->count - at) * sizeof(*slot));
    }
}

enum { WORTH_NOTHING, WORTH_QUIET, WORTH_LEAST, WORTH_KEPT = WORTH_LEAST + 3 };

/* How much it is worth to keep the hit: dealt with, quiet, by priority; a step on its way to the
 * journal keeps it. */
static int worth_of(const struct case_slot *slot, const json_t *hit)
{
    const char *level =
        json_string_value(json_object_get(json_object_get(hit, "decision"), "level"));
    if (slot && slot->in_flight) {
        return WORTH_KEPT;
    }
    if (!slot || handling_done(&slot->now)) {
        return WORTH_NOTHING;
    }
    return level && strcmp(level, alert_level_name(ALERT_QUIET)) == 0
               ? WORTH_QUIET
               : WORTH_LEAST + 3 - slot->now.facts.priority;
}

/* Of too many hits the oldest of the least worth: what is quiet leaves before any alert;
 * headquarters has them all. One that nobody dealt with is told. */
static size_t who_gives_way(struct checkpointd *c)
{
    size_t going = 0;
    int least = WORTH_KEPT + 1;
    for (size_t i = 0; i < json_array_size(c->board.hits); i++) {
        const json_t *hit = json_array_get(c->board.hits, i);
        uint64_t id = (uint64_t)json_integer_value(json_object_get(hit, "hit"));
        int worth = worth_of(cases_find(c, id), hit);
        if (worth < least) {
            least = worth;
            going = i;
        }
    }
    if (least != WORTH_NOTHING) {
        const json_t *id = json_object_get(json_array_get(c->board.hits, going), "hit");
        log_event(EVENT_HIT_GAVE_WAY, "hit=%lld", (long long)json_integer_value(id));
    }
    return going;
}

static bool alerts(const json_t *hit)
{
    const char *level =
        json_string_value(json_object_get(json_object_get(hit, "decision"), "level"));
    return level && strcmp(level, alert_level_name(ALERT_NONE)) != 0;
}

/* When the event happened. */
static struct handling_when when_of(const struct checkpointd *c, const json_t *event)
{
    struct handling_when now = cases_now(c);
    struct handling_when at = now;
    const char *time = json_string_value(json_object_get(event, "time"));
    if (time && wall_parse(time, &at.wall) == 0) {
        at.mono = mono_add_ms(now.mono, at.wall.ms - now.wall.ms);
    }
    return at;
}

struct case_slot *cases_take_hit(struct checkpointd *c, json_t *event)
{
    struct cases *k = &c->cases;
    if (json_array_size(c->board.hits) == CASES_MAX) {
        size_t going = who_gives_way(c);
        const json_t *id = json_object_get(json_array_get(c->board.hits, going), "hit");
        drop_case(c, (uint64_t)json_integer_value(id));
        json_array_remove(c->board.hits, going);
    }
    json_array_append(c->board.hits, event);
    struct case_slot *slot = &k->slots[k->count];
    memset(slot, 0, sizeof(*slot));
    if (alerts(event) && handling_open(&slot->now, event, when_of(c, event)) == 0) {
        k->count++;
        return slot;
    }
    return NULL;
}

struct case_slot *cases_take_answer(struct checkpointd *c, const json_t *event)
{
    const char *answer = json_string_value(json_object_get(event, "answer"));
    const char *officer =
        json_string_value(json_object_get(json_object_get(event, "by"), "officer"));
    struct case_slot *slot =
        cases_find(c, (uint64_t)json_integer_value(json_object_get(event, "hit")));
    if (!slot || slot->now.answer != HANDLING_UNANSWERED || !answer) {
        return NULL;
    }
    handling_answered(&slot->now, strcmp(answer, "confirm") == 0, officer ? officer : "",
                      when_of(c, event));
    return slot->now.answer != HANDLING_UNANSWERED ? slot : NULL;
}

/* ---- steps ---- */

static void fill_text(const struct checkpointd *c, const struct handling_case *before,
                      const struct handling_case *after, const json_t *hit, struct fact *fact)
{
    bool was = before->overdue == HANDLING_OVERDUE_HQ;
    bool is = after->overdue == HANDLING_OVERDUE_HQ;
    json_t *text = json_pack("{s:o}", "handling", handling_json(after, &c->config.handling));
    if (was != is) { /* headquarters' list of what needs somebody */
        json_int_t id = (json_int_t)after->facts.hit;
        json_object_set_new(text, "call",
                            json_pack("{s:s,s:I,s:I,s:i,s:b}", "kind", "overdue", "id", id, "hit",
                                      id, "lane", (int)after->facts.lane, "open", (int)is));
    }
    json_object_set(text, "read", json_object_get(hit, "read"));
    size_t room = sizeof(fact->text) - 1;
    size_t size = json_dumpb(text, fact->text, room, JSON_COMPACT | JSON_SORT_KEYS);
    if (size > room) { /* no camera's read is that long */
        json_object_del(text, "read");
        size = json_dumpb(text, fact->text, room, JSON_COMPACT | JSON_SORT_KEYS);
    }
    fact->text[size <= room ? size : 0] = '\0';
    json_decref(text);
}

static void begin_fact(struct checkpointd *c, const struct case_slot *slot,
                       const struct handling_case *after, const char *what, struct fact *fact)
{
    const json_t *hit = cases_hit(c, slot);
    fact->lane = after->facts.lane;
    fact->to_events = false; /* shown once it counts, from the case itself */
    fact->urgent = true;
    acts_answer_of_hit(hit, &fact->u.handling.answer);
    (void)snprintf(fact->u.handling.what, sizeof(fact->u.handling.what), "%s",
                   what); /* our words */
    fill_text(c, &slot->now, after, hit, fact);
}

static void fill_answer(const struct case_flight *f, struct fact_answer *answer)
{
    struct plate_text plate = {.kind = PLATE_DECODE_ERROR};
    if (f->bare) {
        *answer = f->said;
        return;
    }
    plate_encode(f->after.seen, strlen(f->after.seen), PLATE_DASH_AUTO, &plate);
    answer->confirmed = f->after.answer == HANDLING_CONFIRM;
    answer->seen = !answer->confirmed && plate.kind == PLATE_KEY ? plate.key : 0;
}

/* Journal thread. */
static void settled(struct checkpointd *c, const struct fact *fact, struct control_ticket ticket,
                    int result)
{
    struct cases *k = &c->cases;
    (void)ticket; /* stands in the flight */
    pthread_mutex_lock(&k->lock);
    if (k->settled_count < CASES_IN_FLIGHT_MAX) { /* no more are in flight */
        k->settled[k->settled_count++] = (struct case_settled){fact->u.handling.answer.hit, result};
    }
    pthread_mutex_unlock(&k->lock);
    post_look(c);
}

bool cases_answer_counts(const struct handling_case *before, const struct handling_case *after)
{
    bool counts = before->stage < HANDLING_CONFIRMED &&
                  (after->stage == HANDLING_CONFIRMED || after->stage == HANDLING_REJECTED);
    return counts && (after->answer == HANDLING_CONFIRM || after->misread);
}

int cases_launch(struct checkpointd *c, struct case_slot *slot)
{
    static struct fact fact; /* control thread */
    struct case_flight *f = &slot->flight;
    if (c->cases.in_flight == CASES_IN_FLIGHT_MAX) {
        return ERR_BUSY;
    }
    acts_begin_fact(c, &fact, &f->actor, FACT_HANDLING, f->reason);
    begin_fact(c, slot, &f->after, f->bare ? "hit_answer" : handling_act_name(f->kind), &fact);
    fact.urgent = f->kind != HANDLING_ACT_SIGN && f->kind != HANDLING_ACT_INTERCEPT;
    fact.u.handling.answers = f->answers;
    fill_answer(f, &fact.u.handling.answer);
    int result = recorder_record_and_tell(c, &fact, f->ticket, settled);
    if (result == 0) {
        slot->in_flight = true;
        c->cases.in_flight++;
    }
    return result;
}

int cases_say(struct checkpointd *c, struct case_slot *slot, const struct control_call *call,
              const struct fact_answer *said, const char *reason)
{
    struct case_flight *f = &slot->flight;
    *f = (struct case_flight){.after = slot->now,
                              .kind = said->confirmed ? HANDLING_ACT_CONFIRM : HANDLING_ACT_REJECT,
                              .answers = true,
                              .actor = call->actor,
                              .ticket = call->ticket,
                              .bare = true,
                              .said = *said};
    handling_answered(&f->after, said->confirmed, call->actor.officer, cases_now(c));
    (void)snprintf(f->reason, sizeof(f->reason), "%s", reason); /* no longer, acts_reason */
    return cases_launch(c, slot);
}

json_t *cases_said_json(const struct fact_answer *said)
{
    return json_pack("{s:I,s:s}", "hit", (json_int_t)said->hit, "answer",
                     said->confirmed ? "confirm" : "misread");
}

/* The event that has always followed an answer; the board keeps it with the hit. */
static void publish_answer(struct checkpointd *c, const struct case_slot *slot)
{
    static struct fact fact; /* control thread */
    const struct case_flight *f = &slot->flight;
    const json_t *hit = cases_hit(c, slot);
    acts_begin_fact(c, &fact, &f->actor, FACT_ANSWER, f->reason);
    fact.to_journal = false;
    fact.lane = slot->now.facts.lane;
    acts_answer_of_hit(hit, &fact.u.answer);
    fill_answer(f, &fact.u.answer);
    size_t size = json_dumpb(json_object_get(hit, "read"), fact.text, sizeof(fact.text) - 1,
                             JSON_COMPACT | JSON_SORT_KEYS);
    fact.text[size < sizeof(fact.text) ? size : 0] = '\0';
    publish_push(c, &fact);
}

static void settle_done(struct checkpointd *c, struct case_slot *slot)
{
    const struct case_flight *f = &slot->flight;
    bool rejects =
        !f->bare && slot->now.stage != HANDLING_REJECTED && f->after.stage == HANDLING_REJECTED;
    struct handling_case viewed = slot->now;
    slot->now = f->after;
    slot->now.viewer_count = viewed.viewer_count; /* who looked meanwhile */
    memcpy(slot->now.viewers, viewed.viewers, sizeof(viewed.viewers));
    cases_changed(c, slot);
    cases_ask_headquarters(c, slot);
    if (f->answers) {
        publish_answer(c, slot);
    }
    if (rejects || f->search != 0) {
        cases_reject_done(c, slot);
    } else if (f->bare) {
        control_answer(c->control, f->ticket, cases_said_json(&f->said));
    } else if (f->ticket.client != 0) {
        control_answer(
            c->control, f->ticket,
            json_pack("{s:o}", "handling", handling_json(&slot->now, &c->config.handling)));
    }
}

/* ---- acts that wait ---- */

struct case_slot *cases_of_call(struct checkpointd *c, struct control *control,
                                const struct control_call *call,
                                void (*run)(void *, struct control *, const struct control_call *))
{
    json_int_t id = json_integer_value(json_object_get(call->args, "hit"));
    struct case_slot *slot = id > 0 ? cases_find(c, (uint64_t)id) : NULL;
    if (!slot) {
        control_refuse(control, call->ticket, "not_found",
                       "hit: no such hit on the board, expected a number that 'board' shows",
                       "没有该命中");
        return NULL;
    }
    if (!slot->in_flight) {
        return slot;
    }
    for (size_t i = 0; i < CASES_DEFERRED_MAX; i++) {
        struct case_deferred *d = &c->cases.deferred[i];
        if (d->hit == 0) {
            *d = (struct case_deferred){(uint64_t)id, run, *call};
            d->call.args = json_deep_copy(call->args);
            return NULL;
        }
    }
    control_refuse(control, call->ticket, "busy", "others' acts on this hit are being recorded",
                   "他人对该预警的操作正在记录，请稍候");
    return NULL;
}

/* Those that came while the step was in flight, in their order: the first may put the others off
 * again, behind itself. */
static void run_deferred(struct checkpointd *c, uint64_t hit)
{
    struct case_deferred waiting[CASES_DEFERRED_MAX];
    size_t count = 0;
    for (size_t i = 0; i < CASES_DEFERRED_MAX; i++) {
        if (c->cases.deferred[i].hit == hit) {
            waiting[count++] = c->cases.deferred[i];
            c->cases.deferred[i].hit = 0;
        }
    }
    for (size_t i = 0; i < count; i++) {
        waiting[i].run(c, c->control, &waiting[i].call);
        json_decref((json_t *)waiting[i].call.args);
    }
}

static void take_settled(struct checkpointd *c)
{
    struct cases *k = &c->cases;
    struct case_settled all[CASES_IN_FLIGHT_MAX];
    pthread_mutex_lock(&k->lock);
    size_t count = k->settled_count;
    memcpy(all, k->settled, count * sizeof(all[0]));
    k->settled_count = 0;
    pthread_mutex_unlock(&k->lock);
    for (size_t i = 0; i < count; i++) {
        struct case_slot *slot = cases_find(c, all[i].hit);
        if (!slot || !slot->in_flight) {
            continue; /* a case in flight does not give way */
        }
        slot->in_flight = false;
        k->in_flight--;
        if (all[i].result == 0) {
            settle_done(c, slot);
        } else if (slot->flight.ticket.client != 0) {
            control_refuse(c->control, slot->flight.ticket, "journal",
                           "the journal cannot record it now", "日志当前无法写入");
        }
        run_deferred(c, all[i].hit);
    }
}

/* ---- what is late ---- */

int cases_record(struct checkpointd *c, struct case_slot *slot, const struct handling_case *after,
                 const char *what)
{
    static struct fact fact; /* control thread */
    static const struct control_actor nobody;
    acts_begin_fact(c, &fact, &nobody, FACT_HANDLING, "");
    begin_fact(c, slot, after, what, &fact);
    int result = recorder_push(c, &fact);
    if (result == 0) {
        slot->now = *after;
        publish_case(c, slot);
    }
    return result;
}

static void escalate(struct checkpointd *c, struct case_slot *slot, struct mono_time now)
{
    struct handling_case after = slot->now;
    if (!slot->in_flight && handling_look(&after, &c->config.handling, now)) {
        int result = cases_record(c, slot, &after, "overdue");
        (void)result; /* else at the next look */
    }
}

static void look_in_control(void *ctx, void *item)
{
    struct checkpointd *c = ctx;
    struct mono_time now = clock_mono(&clock_system);
    (void)item;
    atomic_store(&c->cases.look_posted, false);
    take_settled(c);
    bool again = !cases_mark_withdrawn(c);
    for (size_t i = 0; i < c->cases.count; i++) {
        escalate(c, &c->cases.slots[i], now);
    }
    for (size_t i = 0; i < c->config.lane_count; i++) {
        update_alarms(c, c->config.lanes[i].lane.lane.lane);
    }
    again |= cases_hear_headquarters(c); /* and ask them, where a second person has gone */
    cases_watch(c);
    set_due(c);
    /* What the journal did not take is not asked for in every turn. */
    long long due = atomic_load_explicit(&c->cases.due_ns, memory_order_relaxed);
    if (again || (due > LOOK_NOW && due < now.ns)) {
        atomic_store_explicit(&c->cases.due_ns, mono_add_ms(now, LOOK_AGAIN_MS).ns,
                              memory_order_relaxed);
    }
}

/* One look at a time; it takes all there is. */
static void post_look(struct checkpointd *c)
{
    if (atomic_exchange(&c->cases.look_posted, true)) {
        return;
    }
    if (line_server_post(control_server(c->control), look_in_control, c, NULL) != 0) {
        atomic_store_explicit(&c->cases.due_ns, LOOK_NOW, memory_order_relaxed);
        atomic_store(&c->cases.look_posted, false); /* the publish thread tries again */
    }
}

void cases_look_soon(struct checkpointd *c)
{
    atomic_store_explicit(&c->cases.due_ns, LOOK_NOW, memory_order_relaxed);
}

void cases_look(struct checkpointd *c)
{
    long long due = atomic_load_explicit(&c->cases.due_ns, memory_order_relaxed);
    if (due != 0 && clock_mono(&clock_system).ns >= due) {
        post_look(c);
    }
}
