/*
 * The act "hit_answer": an officer says of a hit whether the vehicle carries the listed plate, or
 * which one it carries. On record before it is answered, told to headquarters with the chain, from
 * where judgement is learned. It ends no hold and mutes no later passage; every answer stands, the
 * latest counts. Control thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/journal/reader.h"
#include "gateway/model/plate_key.h"

/* ---- the hit ---- */

struct hit_search {
    struct checkpointd *c;
    char mark[40]; /* how its body begins to name it */
    json_int_t id;
    json_t *found;
};

static int look_at(void *ctx, const struct journal_record *record)
{
    struct hit_search *search = ctx;
    json_t *body = NULL;
    /* Most bodies are not it: they are not parsed. */
    if (!record->has_body ||
        !memmem(record->body, record->body_size, search->mark, strlen(search->mark)) ||
        json_parse(record->body, record->body_size, &body, NULL) != 0) {
        return 0;
    }
    if (json_integer_value(json_object_get(body, "hit")) == search->id) {
        search->found = body;
        return ERR_STOPPED;
    }
    json_decref(body);
    return 0;
}

static void damaged(void *ctx, uint64_t sequence, const char *why)
{
    const struct hit_search *search = ctx;
    restore_note_damage(search->c, sequence, why);
}

/* One of an earlier run. New reference; NULL: the journal has none of that number any more. */
static json_t *find_in_journal(struct checkpointd *c, json_int_t id)
{
    struct hit_search search = {.c = c, .id = id};
    struct journal_reader *reader = NULL;
    struct err_text err;
    const struct journal_scan scan = {.kinds = JOURNAL_KIND_BIT(JOURNAL_HIT),
                                      .take = look_at,
                                      .damaged = damaged,
                                      .ctx = &search};
    snprintf(search.mark, sizeof(search.mark), "\"hit\":%" JSON_INTEGER_FORMAT, id);
    int result = journal_reader_open(c->journal_dir, &reader, &err);
    if (result == 0) {
        result = journal_reader_scan(reader, &scan, &err);
    }
    if (result != 0 && result != ERR_STOPPED) {
        log_event(EVENT_RECORDS_UNREADABLE, "detail=\"%s\"", err.text);
    }
    journal_reader_close(reader);
    return search.found;
}

/* New reference. */
static json_t *find_hit(struct checkpointd *c, json_int_t id)
{
    json_t *hit = id > 0 ? board_find_hit(&c->board, id) : NULL;
    return hit ? json_incref(hit) : id > 0 ? find_in_journal(c, id) : NULL;
}

static uint64_t number_of(const json_t *object, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* The plate of a text, 0 when it is none whole. */
static plate_key whole_plate(const char *text)
{
    struct plate_text plate = {.kind = PLATE_DECODE_ERROR};
    if (text) {
        plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    }
    return plate.kind == PLATE_KEY && !plate_has_unread(plate.key) ? plate.key : 0;
}

/* ---- the act ---- */

/* Fills in what was seen; false: refused. */
static bool take_seen(struct control *control, const struct control_call *call,
                      struct fact_answer *answer)
{
    const char *text = json_string_value(json_object_get(call->args, "plate"));
    if (!text) {
        return true;
    }
    answer->seen = whole_plate(text);
    if (answer->confirmed || answer->seen == 0) {
        control_refuse(control, call->ticket, "invalid",
                       answer->confirmed ? "plate: only with misread"
                                         : "plate: not a whole plate, expected one like 鲁H12345",
                       answer->confirmed ? "仅误读时填写车牌" : "车牌格式不正确或不完整");
        return false;
    }
    if (answer->seen == answer->listed) {
        control_refuse(control, call->ticket, "invalid",
                       "plate: that is the listed plate: confirm the hit instead",
                       "该车牌即布控车牌，请改为确认命中");
        return false;
    }
    return true;
}

/* False: refused. */
static bool take_answer(struct control *control, const struct control_call *call,
                        struct fact_answer *answer)
{
    const char *text = json_string_value(json_object_get(call->args, "answer"));
    answer->confirmed = text && strcmp(text, "confirm") == 0;
    if (!answer->confirmed && (!text || strcmp(text, "misread") != 0)) {
        control_refuse(control, call->ticket, "invalid", "answer: expected confirm or misread",
                       "answer 应为 confirm 或 misread");
        return false;
    }
    return take_seen(control, call, answer);
}

void acts_answer_of_hit(const json_t *hit, struct fact_answer *answer)
{
    const json_t *entry = json_object_get(hit, "entry");
    struct plate_text plate = {.kind = PLATE_DECODE_ERROR};
    const char *listed = json_string_value(json_object_get(entry, "plate"));
    if (listed) { /* of a partial entry too */
        plate_encode(listed, strlen(listed), PLATE_DASH_AUTO, &plate);
    }
    answer->hit = number_of(hit, "hit");
    answer->passage = number_of(hit, "passage");
    answer->entry = number_of(entry, "id");
    answer->listed = plate.kind == PLATE_KEY ? plate.key : 0;
}

/* With the read it is about; one that does not fit, which no camera's does, would be left out. */
static void put_read(struct fact *fact, json_t *text)
{
    size_t size =
        json_dumpb(text, fact->text, sizeof(fact->text) - 1, JSON_COMPACT | JSON_SORT_KEYS);
    fact->text[size < sizeof(fact->text) ? size : 0] = '\0';
}

static void refuse_unrecorded(struct control *control, struct control_ticket ticket)
{
    control_refuse(control, ticket, "journal", "the journal cannot record it now",
                   "日志当前无法写入");
}

/* Journal thread: told as every answer is. */
static void tell(struct checkpointd *c, const struct fact *fact, struct control_ticket ticket,
                 int result)
{
    static struct fact told; /* the journal thread's own, large */
    if (result != 0) {
        refuse_unrecorded(c->control, ticket);
        return;
    }
    json_t *text = json_loads(fact->text, JSON_REJECT_DUPLICATES, NULL);
    told = *fact;
    told.kind = FACT_ANSWER;
    told.u.answer = fact->u.handling.answer;
    told.to_events = true;
    put_read(&told, json_object_get(text, "read"));
    json_decref(text);
    publish_push(c, &told);
    control_answer(c->control, ticket, cases_said_json(&told.u.answer));
}

/* Of a hit that is on no board any more, or never was. */
static int say_without_case(struct checkpointd *c, const struct control_call *call,
                            const struct fact_answer *said, const json_t *hit, const char *reason)
{
    static struct fact fact; /* control thread */
    json_t *text = json_pack("{s:O?}", "read", json_object_get(hit, "read"));
    acts_begin_fact(c, &fact, &call->actor, FACT_HANDLING, reason);
    fact.lane = (uint8_t)number_of(hit, "lane");
    fact.to_events = false; /* told as an answer */
    (void)snprintf(fact.u.handling.what, sizeof(fact.u.handling.what), "hit_answer"); /* fits */
    fact.u.handling.answers = true;
    fact.u.handling.answer = *said;
    put_read(&fact, text);
    json_decref(text);
    return recorder_record_and_tell(c, &fact, call->ticket, tell);
}

void acts_hit_answer(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    json_int_t id = json_integer_value(json_object_get(call->args, "hit"));
    struct case_slot *slot = id > 0 ? cases_find(c, (uint64_t)id) : NULL;
    struct fact_answer said = {.hit = 0};
    const char *reason = acts_reason(control, call, true);
    if (!reason) {
        return;
    }
    if (call->actor.console) { /* neither looked at long enough nor with a second person */
        control_refuse(control, call->ticket, "unsupported",
                       "hit_answer: not at a console, where the card is: hit_confirm, hit_reject",
                       "控制台请在预警卡片上确认或排除");
        return;
    }
    if (slot && !cases_of_call(c, control, call, acts_hit_answer)) {
        return; /* put off, behind the step that is on its way */
    }
    json_t *hit = find_hit(c, id);
    if (!hit) {
        control_refuse(control, call->ticket, "not_found",
                       "hit: no such hit, expected a number that 'checkpointctl hits' shows",
                       "没有该命中");
        return;
    }
    acts_answer_of_hit(hit, &said);
    if (take_answer(control, call, &said)) {
        int result = slot ? cases_say(c, slot, call, &said, reason)
                          : say_without_case(c, call, &said, hit, reason);
        if (result != 0) {
            refuse_unrecorded(control, call->ticket);
        }
    }
    json_decref(hit);
}
