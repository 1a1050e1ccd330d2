/*
 * Handing the shift over: what stands open is listed, and whoever comes in accepts that list by
 * name, with a PIN. A list is kept as it was shown; what opened since then refuses it, so that
 * nobody accepts what he has not seen. What ended since, or alarms, which come and go, do not.
 * Control thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/cases.h"
#include "gateway/app/checkpointd/checkpointd.h"

enum { HITS_TOLD_MAX = 200 /* of the record: its text has 4 KiB */ };

/* ---- what is handed over ---- */

/* With its handling, as cases_hit_json() makes it. A rejected one has its outcome. */
static bool is_open(const json_t *hit)
{
    const char *stage =
        json_string_value(json_object_get(json_object_get(hit, "handling"), "stage"));
    return stage ? strcmp(stage, handling_stage_name(HANDLING_CLOSED)) != 0 &&
                       strcmp(stage, handling_stage_name(HANDLING_REJECTED)) != 0
                 : json_object_get(hit, "answer") == NULL;
}

/* What a line of the list shows of it. */
static json_t *hit_row(const json_t *hit)
{
    static const char *const names[] = {"hit", "lane", "time", "handling"};
    static const char *const of_entry[] = {"plate", "class", "category", "priority"};
    json_t *row = json_object();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (json_object_get(hit, names[i])) {
            json_object_set(row, names[i], json_object_get(hit, names[i]));
        }
    }
    for (size_t i = 0; i < sizeof(of_entry) / sizeof(of_entry[0]); i++) {
        json_t *value = json_object_get(json_object_get(hit, "entry"), of_entry[i]);
        if (value) {
            json_object_set(row, of_entry[i], value);
        }
    }
    return row;
}

static json_t *open_hits(const struct checkpointd *c)
{
    json_t *hits = json_array();
    for (size_t i = json_array_size(c->board.hits); i-- > 0;) {
        json_t *hit = cases_hit_json(c, json_array_get(c->board.hits, i));
        if (is_open(hit)) {
            json_array_append_new(hits, hit_row(hit));
        }
        json_decref(hit);
    }
    return hits;
}

static void add_holds(json_t *holds, const json_t *status, const char *list, int lane)
{
    const json_t *rows = json_object_get(status, list);
    const json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        json_t *hold = json_copy((json_t *)(uintptr_t)row);
        json_object_set_new(hold, "lane", json_integer(lane));
        json_array_append_new(holds, hold);
    }
}

/* Holds of each lane, and the lanes out of service. */
static void take_lanes(const struct checkpointd *c, json_t *holds, json_t *lanes_out)
{
    for (size_t i = 0; i < c->config.lane_count; i++) {
        int lane = c->config.lanes[i].lane.lane.lane;
        char key[8];
        (void)snprintf(key, sizeof(key), "%d", lane); /* fits */
        const json_t *status = json_object_get(c->board.lanes, key);
        add_holds(holds, status, "holds", lane);
        add_holds(holds, status, "waiting", lane);
        if (json_is_true(json_object_get(status, "out_of_service"))) {
            json_array_append_new(lanes_out, json_pack("{s:i,s:s}", "lane", lane, "name",
                                                       c->config.lanes[i].lane.name));
        }
    }
}

static json_t *alarms(const struct checkpointd *c)
{
    json_t *rows = json_array();
    const char *key;
    json_t *alarm;
    json_object_foreach(c->board.alarms, key, alarm)
    {
        json_array_append(rows, alarm);
    }
    return rows;
}

static json_t *numbers_of(const json_t *rows, const char *name, size_t max)
{
    json_t *numbers = json_array();
    const json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        if (i < max) {
            json_array_append(numbers, json_object_get(row, name));
        }
    }
    return numbers;
}

/* {"hits":[n],"holds":[n],"lanes":[n],"help":[n],"backup":[n]} */
static json_t *items_of(const json_t *list)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "hits",
                     numbers_of(json_object_get(list, "open_hits"), "hit", BOARD_HITS_MAX), "holds",
                     numbers_of(json_object_get(list, "holds"), "hold", HOLDS_MAX), "lanes",
                     numbers_of(json_object_get(list, "lanes_out"), "lane", PIPELINE_LANES_MAX),
                     "help", numbers_of(json_object_get(list, "help"), "id", DUTY_HELPS_MAX),
                     "backup",
                     numbers_of(json_object_get(list, "backup"), "hit", DUTY_BACKUPS_MAX));
}

/* New reference, NULL without memory. */
static json_t *make_list(struct checkpointd *c)
{
    json_t *list = duty_json(c);
    json_t *holds = json_array();
    json_t *lanes_out = json_array();
    take_lanes(c, holds, lanes_out);
    if (list) {
        json_object_del(list, "handover");
        json_object_set_new(list, "open_hits", open_hits(c));
        json_object_set_new(list, "alarms", alarms(c));
        json_object_set(list, "holds", holds);
        json_object_set(list, "lanes_out", lanes_out);
    }
    json_decref(holds);
    json_decref(lanes_out);
    return list;
}

/* ---- showing ---- */

static json_t *name_of(struct checkpointd *c, const char *officer)
{
    char name[OFFICER_TITLE_SIZE];
    control_officer_name(c->control, officer, name);
    return json_string(name);
}

static json_t *shift_json(struct checkpointd *c)
{
    static struct token_on_shift shift[TOKENS_MAX]; /* control thread */
    size_t count = control_shift(c->control, shift, TOKENS_MAX);
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(rows, json_pack("{s:s,s:o,s:s,s:s}", "officer", shift[i].officer,
                                              "name", name_of(c, shift[i].officer), "role",
                                              officer_role_name(shift[i].role), "tablet",
                                              shift[i].tablet));
    }
    return rows;
}

/* Keeps what was shown; the oldest gives way. */
static uint64_t keep(struct checkpointd *c, const char *officer, json_t *items)
{
    struct duty_keeper *k = &c->duty;
    struct duty_list *place = &k->lists[k->list_next++ % DUTY_LISTS_MAX];
    json_decref(place->items);
    *place = (struct duty_list){.id = duty_new_id(c), .items = items};
    (void)snprintf(place->officer, sizeof(place->officer), "%s", officer); /* fits */
    return place->id;
}

void handover_free(struct checkpointd *c)
{
    for (size_t i = 0; i < DUTY_LISTS_MAX; i++) {
        json_decref(c->duty.lists[i].items);
        c->duty.lists[i] = (struct duty_list){.id = 0};
    }
}

void handover_act_show(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    const struct duty_handover *last = &c->duty.handover;
    json_t *list = make_list(c);
    json_t *items = list ? items_of(list) : NULL;
    if (!items) {
        json_decref(list);
        control_refuse(control, call->ticket, "full", "no memory", "内存不足");
        return;
    }
    uint64_t id = keep(c, call->actor.officer, items);
    json_object_set_new(list, "id", json_integer((json_int_t)id));
    json_object_set_new(list, "on_shift", shift_json(c));
    if (last->officer[0] != '\0') {
        char time[WALL_TEXT_SIZE];
        wall_format(last->time, time);
        json_object_set_new(list, "from",
                            json_pack("{s:s,s:o,s:s}", "officer", last->officer, "name",
                                      name_of(c, last->officer), "time", time));
    }
    control_answer(control, call->ticket, list);
}

/* ---- accepting ---- */

static bool holds_number(const json_t *numbers, const json_t *number)
{
    const json_t *each;
    size_t i;
    json_array_foreach(numbers, i, each)
    {
        if (json_equal(each, number)) {
            return true;
        }
    }
    return false;
}

/* What stands now and was not shown: {"hits":[n]}; NULL: nothing. */
static json_t *news_of(const json_t *now, const json_t *shown)
{
    json_t *news = json_object();
    const char *what;
    const json_t *numbers;
    json_object_foreach((json_t *)(uintptr_t)now, what, numbers)
    {
        json_t *fresh = json_array();
        const json_t *number;
        size_t i;
        json_array_foreach(numbers, i, number)
        {
            if (!holds_number(json_object_get(shown, what), number)) {
                json_array_append(fresh, (json_t *)(uintptr_t)number);
            }
        }
        if (json_array_size(fresh) > 0) {
            json_object_set(news, what, fresh);
        }
        json_decref(fresh);
    }
    if (json_object_size(news) == 0) {
        json_decref(news);
        return NULL;
    }
    return news;
}

/* The list that was shown to the officer; NULL: none such is kept. */
static const struct duty_list *find(const struct checkpointd *c, const struct control_call *call)
{
    json_int_t id = json_integer_value(json_object_get(call->args, "handover"));
    for (size_t i = 0; id > 0 && i < DUTY_LISTS_MAX; i++) {
        const struct duty_list *list = &c->duty.lists[i];
        if (list->id == (uint64_t)id && strcmp(list->officer, call->actor.officer) == 0) {
            return list;
        }
    }
    return NULL;
}

struct accepted {
    struct checkpointd *c;
    struct duty_handover handover;
};

static void accepted_in_control(void *ctx, void *item)
{
    struct accepted *accepted = item;
    (void)ctx;
    accepted->c->duty.handover = accepted->handover;
    duty_tell(accepted->c);
    free(accepted);
}

/* Journal thread. */
static void tell(struct checkpointd *c, const struct fact *fact, struct control_ticket ticket,
                 int result)
{
    struct accepted *accepted = malloc(sizeof(*accepted));
    json_t *body = fact_body(fact);
    json_int_t id = json_integer_value(json_object_get(json_object_get(body, "handover"), "id"));
    json_decref(body);
    if (result != 0) {
        free(accepted);
        control_refuse(c->control, ticket, "journal", "the journal cannot record it now",
                       "日志当前无法写入");
        return;
    }
    publish_push(c, fact);
    if (accepted) { /* else consoles see it after a restart: it is on record */
        *accepted = (struct accepted){.c = c, .handover = {.id = (uint64_t)id, .time = fact->wall}};
        (void)snprintf(accepted->handover.officer, sizeof(accepted->handover.officer), "%s",
                       fact->actor.officer); /* fits */
        if (line_server_post(control_server(c->control), accepted_in_control, NULL, accepted) !=
            0) {
            free(accepted);
        }
    }
    control_answer(c->control, ticket, json_pack("{s:I}", "handover", id));
}

/* What he accepts, as it stands: for the record. */
static json_t *accepted_json(uint64_t id, const json_t *list)
{
    const json_t *hits = json_object_get(list, "open_hits");
    json_t *items = items_of(list);
    json_object_set_new(items, "hits", numbers_of(hits, "hit", HITS_TOLD_MAX));
    json_object_set_new(items, "hit_count", json_integer((json_int_t)json_array_size(hits)));
    json_object_set_new(items, "alarms",
                        numbers_of(json_object_get(list, "alarms"), "alarm", HITS_TOLD_MAX / 4));
    json_object_set_new(items, "id", json_integer((json_int_t)id));
    return json_pack("{s:o}", "handover", items);
}

void handover_act_accept(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    static struct fact fact; /* control thread */
    const struct duty_list *shown = find(c, call);
    json_t *list = make_list(c);
    json_t *now = items_of(list);
    json_t *news = shown ? news_of(now, shown->items) : NULL;
    if (!shown || news) {
        control_refuse_with(control, call->ticket, "changed",
                            shown ? "something came in since it was shown: look again"
                                  : "look at the handover first",
                            shown ? "交接内容已变化，请重新查看" : "请先查看交接内容", news);
    } else {
        struct duty_record record = {.actor = &call->actor,
                                     .what = "handover_accept",
                                     .more = accepted_json(shown->id, list)};
        duty_fill(c, &record, &fact);
        if (recorder_record_and_tell(c, &fact, call->ticket, tell) != 0) {
            control_refuse(control, call->ticket, "journal", "the journal cannot record it now",
                           "日志当前无法写入");
        }
    }
    json_decref(now);
    json_decref(list);
}
