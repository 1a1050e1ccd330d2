/*
 * Thread "publish": facts to events, for the operator's log, the subscribers, and the board that
 * commands read. Making JSON and sending it costs the lane thread nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/log.h"

enum { POP_WAIT_MS = 200 };

struct published {
    struct checkpointd *c;
    json_t *event;
    bool shows_plate;
    enum fact_kind kind;
    uint8_t lane;
    uint32_t alarm;
    bool active;
};

void board_init(struct board *board)
{
    board->lanes = json_object();
    board->captures = json_object();
    board->alarms = json_object();
    board->hits = json_array();
    board->messages = json_array();
    board->list = NULL;
    board->policy = NULL;
    board->exempt = NULL;
    board->retention = NULL;
    board->clock = NULL;
    board->self_test = NULL;
    board->uplink = NULL;
    board_set_uplink(board, false, "checkpoint-uplinkd is not connected");
    board->matchd = json_object();
    board->sources = json_object();
}

void board_free(struct board *board)
{
    json_decref(board->lanes);
    json_decref(board->captures);
    json_decref(board->alarms);
    json_decref(board->hits);
    json_decref(board->messages);
    json_decref(board->list);
    json_decref(board->policy);
    json_decref(board->exempt);
    json_decref(board->retention);
    json_decref(board->clock);
    json_decref(board->self_test);
    json_decref(board->uplink);
    json_decref(board->matchd);
    json_decref(board->sources);
}

void board_set_uplink(struct board *board, bool connected, const char *detail)
{
    json_decref(board->uplink);
    board->uplink = json_pack("{s:b,s:s}", "connected", connected, "detail", detail);
}

static void replace(json_t **place, json_t *value)
{
    json_decref(*place);
    *place = json_incref(value);
}

/* The latest answer stands with its hit; all of them are on record. */
void board_keep_answer(struct board *board, const json_t *event)
{
    json_int_t id = json_integer_value(json_object_get(event, "hit"));
    json_t *hit = board_find_hit(board, id);
    const char *officer =
        json_string_value(json_object_get(json_object_get(event, "by"), "officer"));
    json_t *answer =
        json_pack("{s:s*,s:s*,s:s*}", "answer", json_string_value(json_object_get(event, "answer")),
                  "plate", json_string_value(json_object_get(event, "plate")), "officer", officer);
    if (hit && answer) {
        json_object_set(hit, "answer", answer);
    }
    json_decref(answer);
}

/* Headquarters' word stands with its hit. */
void board_keep_standing(struct board *board, const json_t *event)
{
    json_t *hit = board_find_hit(board, json_integer_value(json_object_get(event, "hit")));
    json_t *standing =
        json_pack("{s:O,s:O,s:O,s:O}", "standing", json_object_get(event, "standing"), "time",
                  json_object_get(event, "time"), "en", json_object_get(event, "en"), "zh",
                  json_object_get(event, "zh"));
    if (hit && standing) {
        json_object_set(hit, "standing", standing);
    }
    json_decref(standing);
}

json_t *board_find_hit(const struct board *board, json_int_t id)
{
    for (size_t i = json_array_size(board->hits); i-- > 0;) {
        json_t *hit = json_array_get(board->hits, i);
        if (json_integer_value(json_object_get(hit, "hit")) == id) {
            return hit;
        }
    }
    return NULL;
}

/* The hits shown of that passage get both plates and the mark too. */
void board_mark_conflict(struct board *board, const json_t *conflict)
{
    json_int_t passage = json_integer_value(json_object_get(conflict, "passage"));
    const char *mark = json_string_value(json_object_get(conflict, "zh"));
    for (size_t i = 0; i < json_array_size(board->hits); i++) {
        json_t *hit = json_array_get(board->hits, i);
        const char *marks = json_string_value(json_object_get(hit, "marks_zh"));
        char text[DECISION_MARKS_TEXT_SIZE];
        if (json_integer_value(json_object_get(hit, "passage")) != passage) {
            continue;
        }
        json_object_set(hit, "conflict", json_object_get(conflict, "conflict"));
        if (!marks || !strstr(marks, mark)) {
            snprintf(text, sizeof(text), "%s%s%s", marks ? marks : "", marks ? " " : "", mark);
            json_object_set_new(hit, "marks_zh", json_string(text));
        }
    }
}

/* What consoles and metrics show of an hour. */
static void keep_capture(struct board *board, const struct published *p)
{
    char key[8];
    snprintf(key, sizeof(key), "%u", p->lane);
    json_t *lane = json_object_get(board->captures, key);
    if (!lane) {
        lane = json_pack("{s:i}", "lane", (int)p->lane);
        json_object_set_new(board->captures, key, lane);
    }
    bool over = json_is_true(json_object_get(p->event, "over"));
    json_object_set(lane, over ? "last" : "now", p->event);
    if (over) {
        json_object_del(lane, "now");
    }
}

/* Messages to officers; the oldest gives way. */
static void keep_message(struct board *board, json_t *event)
{
    const char *kind = json_string_value(json_object_get(event, "kind"));
    const char *result = json_string_value(json_object_get(event, "result"));
    if (!kind || strcmp(kind, "message") != 0 || !result || strcmp(result, "done") != 0) {
        return;
    }
    json_array_append(board->messages, event);
    if (json_array_size(board->messages) > BOARD_MESSAGES_MAX) {
        json_array_remove(board->messages, 0);
    }
}

static void show_case(struct checkpointd *c, const struct case_slot *slot)
{
    if (slot) {
        cases_changed(c, slot);
    }
}

static void take(struct board *board, const struct published *p)
{
    char key[32];
    switch (p->kind) {
    case FACT_STATUS:
        snprintf(key, sizeof(key), "%u", p->lane);
        json_object_set(board->lanes, key, p->event);
        duty_holds_changed(p->c);
        break;
    case FACT_ALARM:
        snprintf(key, sizeof(key), "%u:%u", p->alarm, p->lane);
        if (p->active) {
            json_object_set(board->alarms, key, p->event);
        } else {
            json_object_del(board->alarms, key);
        }
        break;
    case FACT_ANSWER:
        board_keep_answer(board, p->event);
        show_case(p->c, cases_take_answer(p->c, p->event));
        break;
    case FACT_INSTRUCTION:
        keep_message(board, p->event);
        break;
    case FACT_STANDING:
        board_keep_standing(board, p->event);
        break;
    case FACT_LIST:
        replace(&board->list, json_object_get(p->event, "list"));
        break;
    case FACT_POLICY:
        replace(&board->policy, json_object_get(p->event, "policy"));
        break;
    case FACT_EXEMPT_LIST:
        replace(&board->exempt, json_object_get(p->event, "exempt_list"));
        break;
    case FACT_RETENTION:
        replace(&board->retention, json_object_get(p->event, "retention"));
        break;
    case FACT_CLOCK:
        replace(&board->clock, json_object_get(p->event, "clock"));
        break;
    case FACT_SELF_TEST:
        replace(&board->self_test, p->event);
        break;
    case FACT_CAPTURE:
        keep_capture(board, p);
        break;
    case FACT_CONFLICT:
        board_mark_conflict(board, p->event);
        break;
    case FACT_HIT: /* once it is shown */
    case FACT_HANDLING:
    case FACT_PASSAGE:
    case FACT_EXEMPT:
    case FACT_LANE:
    case FACT_ORDER:
    case FACT_OUTCOME:
    case FACT_ACT:
    case FACT_LOOKOUT:
    case FACT_SUPPRESSED:
    case FACT_REFUSED:
        break;
    }
}

static void publish_in_control(void *ctx, void *item)
{
    struct published *p = item;
    (void)ctx;
    take(&p->c->board, p);
    if (p->kind == FACT_HIT) { /* nothing is done before an alert is out */
        control_publish(p->c->control, json_incref(p->event), p->shows_plate);
        show_case(p->c, cases_take_hit(p->c, p->event));
        json_decref(p->event);
    } else {
        control_publish(p->c->control, p->event, p->shows_plate);
    }
    free(p);
}

struct counters {
    struct board *board;
    json_t *values;
    json_t *sources;
};

static void free_counters(struct counters *counters)
{
    json_decref(counters->values);
    json_decref(counters->sources);
    free(counters);
}

static void keep_counters(void *ctx, void *item)
{
    struct counters *counters = item;
    (void)ctx;
    json_object_update(counters->board->matchd, counters->values);
    json_object_update_recursive(counters->board->sources, counters->sources);
    free_counters(counters);
}

static void drop_counters(void *ctx, void *item)
{
    struct board *board = item;
    (void)ctx;
    json_object_clear(board->matchd);
    json_object_clear(board->sources);
}

void board_forget_counters(struct checkpointd *c)
{
    int posted = line_server_post(control_server(c->control), drop_counters, NULL, &c->board);
    (void)posted; /* refused: what an earlier matchd counted stays until this one counts the same */
}

/* Of a source's queue: {"eth1 0": {"source": "eth1", "queue": 0, "counters": {"frames": 12}}}. */
static void put_source_counter(json_t *sources, const struct match_counter *counter)
{
    char key[MATCH_COUNTER_SOURCE_SIZE + 8];
    snprintf(key, sizeof(key), "%s %u", counter->source, counter->queue);
    json_t *source = json_object_get(sources, key);
    if (!source) {
        source = json_pack("{s:s,s:i,s:{}}", "source", counter->source, "queue",
                           (int)counter->queue, "counters");
        json_object_set_new(sources, key, source);
    }
    json_object_set_new(json_object_get(source, "counters"), counter->name,
                        json_integer((json_int_t)counter->value));
}

void board_take_counters(struct checkpointd *c, const struct match_message *message)
{
    struct counters *counters = malloc(sizeof(*counters));
    if (!counters) {
        return; /* said again in a second */
    }
    *counters = (struct counters){&c->board, json_object(), json_object()};
    for (uint32_t i = 0; i < message->u.stats.count; i++) {
        const struct match_counter *counter = &message->u.stats.counters[i];
        if (counter->source[0] != '\0') {
            put_source_counter(counters->sources, counter);
        } else {
            json_object_set_new(counters->values, counter->name,
                                json_integer((json_int_t)counter->value));
        }
    }
    if (line_server_post(control_server(c->control), keep_counters, NULL, counters) != 0) {
        free_counters(counters); /* the same */
    }
}

static void log_fact(const struct fact *fact)
{
    if (fact->kind == FACT_ALARM) {
        log_event(fact->u.alarm.event, "lane=%u active=%d detail=\"%s\"", fact->lane,
                  fact->u.alarm.active, fact->u.alarm.detail);
    }
}

/* Officers say names, records numbers. */
static void add_name(struct checkpointd *c, json_t *by)
{
    const char *officer = json_string_value(json_object_get(by, "officer"));
    char name[OFFICER_TITLE_SIZE];
    if (officer) {
        control_officer_name(c->control, officer, name);
        json_object_set_new(by, "name", json_string(name));
    }
}

static void add_names(struct checkpointd *c, json_t *status)
{
    static const char *const members[] = {"ordered_who", "out_by", "convoy_by"};
    const json_t *holds = json_object_get(status, "holds");
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        add_name(c, json_object_get(status, members[i]));
    }
    add_name(c, json_object_get(json_object_get(status, "manual_lower"), "by"));
    for (size_t i = 0; i < json_array_size(holds); i++) {
        add_name(c, json_object_get(json_array_get(holds, i), "by"));
    }
}

static void publish(struct checkpointd *c, const struct fact *fact)
{
    struct published *p = malloc(sizeof(*p));
    json_t *event = fact_event(fact);
    log_fact(fact);
    if (fact->kind == FACT_STATUS) {
        add_names(c, event);
    }
    if (p && event) {
        *p = (struct published){.c = c,
                                .event = event,
                                .shows_plate = fact_shows_plate(fact),
                                .kind = fact->kind,
                                .lane = fact->lane,
                                .alarm = fact->kind == FACT_ALARM ? fact->u.alarm.event : 0,
                                .active = fact->kind == FACT_ALARM && fact->u.alarm.active};
        if (line_server_post(control_server(c->control), publish_in_control, NULL, p) == 0) {
            return;
        }
    }
    atomic_fetch_add_explicit(&c->events_dropped, 1, memory_order_relaxed);
    json_decref(event);
    free(p);
}

void publish_run(struct thread *self, void *arg)
{
    struct checkpointd *c = arg;
    static struct fact fact; /* the publish thread's own */
    struct mono_time keys_due = clock_mono(&clock_system);
    while (!thread_stopping(self)) {
        thread_alive(self);
        confirm_look(c);
        duty_look(c);
        cases_look(c);
        lookout_keys_look(c, &keys_due);
        if (queue_pop(c->facts, &fact, POP_WAIT_MS) == 0) {
            lanes_add_reason(c, &fact);
            publish(c, &fact);
        }
    }
}

void publish_push(struct checkpointd *c, const struct fact *fact)
{
    if (queue_push(c->facts, fact) != 0) {
        atomic_fetch_add_explicit(&c->events_dropped, 1, memory_order_relaxed);
    }
}
