/*
 * See instructions.h. Control thread, except instructions_reply (lane thread) and what hears of a
 * commit (journal thread): both leave a word for the control thread and wake it.
 */
#include "gateway/app/checkpointd/instructions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/journal/reader.h"
#include "gateway/signed/instruction_task.h"

enum { MINUTE_MS = 60 * 1000 };

/* ---- verdicts of the journal ---- */

bool instructions_vouched(const struct keyset *set, const json_t *body)
{
    uint8_t id[KEY_ID_SIZE];
    struct wall_time at;
    const char *hex = json_string_value(json_object_get(body, "key"));
    const char *time = json_string_value(json_object_get(body, "signed_at"));
    if (!set || !hex || strlen(hex) != 2 * sizeof(id) || hex_decode(hex, id, sizeof(id)) != 0 ||
        !time || wall_parse(time, &at) != 0) {
        return false;
    }
    const struct keyset_key *key = keyset_find(set, KEY_ROLE_INSTRUCTION, id);
    return key && keyset_key_valid(key, at);
}

/* The verdict of a record; false where it is none. One that nobody vouches for any more is one that
 * has ended: it still takes the place of those before it. */
static bool read_verdict(const struct keyset *set, const json_t *body, struct pipeline_verdict *out)
{
    const struct wall_time ended = {1};
    struct instruction i = {.body = json_object_get(body, "said")};
    struct instruction_task task;
    struct err_text err;
    const char *kind = json_string_value(json_object_get(body, "kind"));
    const char *by = json_string_value(json_object_get(body, "signed_by"));
    const char *expires = json_string_value(json_object_get(body, "expires"));
    const char *result = json_string_value(json_object_get(body, "result"));
    if (!kind || !by || !expires || !result || strcmp(kind, "verdict") != 0 ||
        strcmp(result, "done") != 0 || wall_parse(expires, &i.expires) != 0) {
        return false;
    }
    (void)snprintf(i.kind, sizeof(i.kind), "%s", kind); /* fits */
    if (instruction_read_task(&i, &task, &err) != 0) {
        return false;
    }
    *out =
        (struct pipeline_verdict){.id = (uint64_t)json_integer_value(json_object_get(body, "id")),
                                  .entry = task.entry,
                                  .plate = task.plate,
                                  .verdict = task.verdict,
                                  .holds = task.holds,
                                  .checked = task.checked,
                                  .expires = instructions_vouched(set, body) ? i.expires : ended};
    (void)snprintf(out->place, sizeof(out->place), "%s", task.place); /* fits */
    (void)snprintf(out->signed_by, sizeof(out->signed_by), "%s", by); /* as it was put in */
    return out->id != 0;
}

/* Those in force only; id 0 goes through. */
static void post_verdict(struct checkpointd *c, const struct pipeline_verdict *verdict)
{
    if (verdict->id != 0 && verdict->expires.ms <= clock_wall(&c->clock).ms) {
        return;
    }
    lane_post(c, &(struct pipeline_event){.kind = PIPELINE_VERDICT, .u.verdict = *verdict});
}

/* On record: neither it nor an earlier one is carried out again. */
static void note_done(struct instruction_keeper *k, uint64_t id, uint64_t number)
{
    k->done[k->done_count++ % INSTRUCTIONS_DONE_KEPT] = (struct instruction_done){id, number};
    k->last_id = id > k->last_id ? id : k->last_id;
}

static bool is_done(const struct instruction_keeper *k, uint64_t id, uint64_t number)
{
    for (size_t i = 0; i < INSTRUCTIONS_DONE_KEPT; i++) {
        if (k->done[i].id == id && k->done[i].number == number) {
            return id != 0 && number != 0;
        }
    }
    return false;
}

struct loading {
    struct checkpointd *c;
    struct instruction_keeper *keeper;
    const struct keyset *set;
    struct verdicts verdicts; /* no more than the lanes keep: their queue has room for these */
};

static int look_at(void *ctx, const struct journal_record *record)
{
    struct loading *loading = ctx;
    struct instruction_keeper *k = loading->keeper;
    struct pipeline_verdict verdict;
    json_t *body = NULL;
    if (!record->has_body || json_parse(record->body, record->body_size, &body, NULL) != 0) {
        return 0; /* past its term: then it has long expired */
    }
    json_int_t id = json_integer_value(json_object_get(body, "id"));
    json_int_t number = json_integer_value(json_object_get(body, "number"));
    if (id > 0) {
        note_done(k, (uint64_t)id, number > 0 ? (uint64_t)number : 0);
    }
    if (read_verdict(loading->set, body, &verdict)) {
        verdicts_take(&loading->verdicts, &verdict);
    }
    json_decref(body);
    return 0;
}

static void damaged(void *ctx, uint64_t sequence, const char *why)
{
    const struct loading *loading = ctx;
    restore_note_damage(loading->c, sequence, why);
}

static int read_journal(struct loading *loading, struct err_text *err)
{
    struct journal_reader *reader = NULL;
    const struct journal_scan scan = {.kinds = JOURNAL_KIND_BIT(JOURNAL_INSTRUCTION),
                                      .take = look_at,
                                      .damaged = damaged,
                                      .ctx = loading};
    int result = journal_reader_open(loading->c->journal_dir, &reader, err);
    if (result == 0) {
        result = journal_reader_scan(reader, &scan, err);
    }
    journal_reader_close(reader);
    return result;
}

int instructions_load(struct checkpointd *c, struct instruction_keeper *k, const struct keyset *set,
                      struct err_text *err)
{
    struct loading *loading = calloc(1, sizeof(*loading));
    post_verdict(c, &(struct pipeline_verdict){.id = 0}); /* those of before are forgotten */
    if (!loading) {
        return err_set(err, ERR_NO_MEMORY, "instructions: no memory");
    }
    loading->c = c;
    loading->keeper = k;
    loading->set = set;
    int result = read_journal(loading, err);
    for (int i = 0; result == 0 && i < VERDICTS_MAX; i++) {
        if (loading->verdicts.kept[i].id != 0) {
            post_verdict(c, &loading->verdicts.kept[i]);
        }
    }
    free(loading);
    return result;
}

/* ---- on record, then answered ---- */

static void look_at_answers(struct checkpointd *c, struct instruction_keeper *k);

static void answer(const struct checkpointd *c, struct instruction_keeper *k, const char *busy_en,
                   const char *busy_zh)
{
    struct line_client *line = line_client_find(control_server(c->control), k->client);
    if (line && busy_en) {
        line_client_send_json(line, line_error("busy", busy_en, busy_zh));
    } else if (line) {
        line_client_send_json(
            line, json_pack("{s:b,s:I}", "ok", 1, "instruction", (json_int_t)k->number));
    }
    k->client = 0;
}

static void look_in_control(void *ctx, void *item)
{
    (void)item;
    look_at_answers(ctx, records_instructions(((struct checkpointd *)ctx)->records));
}

/* Lost only while the control thread has too much to do: it looks with every offer too. */
static void wake_control(struct checkpointd *c)
{
    (void)!line_server_post(control_server(c->control), look_in_control, c, NULL); /* as said */
}

/* Journal thread. */
static void tell(struct checkpointd *c, const struct fact *fact, struct control_ticket ticket,
                 int result)
{
    struct instruction_keeper *k = records_instructions(c->records);
    (void)ticket; /* the keeper knows who waits */
    if (result == 0) {
        publish_push(c, fact);
    }
    atomic_store_explicit(&k->settled, result == 0 ? SETTLED_COMMITTED : SETTLED_FAILED,
                          memory_order_release); /* pairs with look_at_answers */
    wake_control(c);
}

/* What was carried out goes to the journal, once however often it is offered. */
static int put_on_record(struct checkpointd *c, struct instruction_keeper *k, struct err_text *err)
{
    k->stage = INSTRUCTION_RECORDING; /* before the journal thread can say what became of it */
    int result = recorder_record_and_tell(c, &k->fact, (struct control_ticket){0, 0}, tell);
    if (result != 0) {
        k->stage = INSTRUCTION_CARRIED_OUT;
        k->client = 0;
        return err_set(err, result, "instruction: the journal takes nothing now");
    }
    return 0;
}

static void settle(struct checkpointd *c, struct instruction_keeper *k, bool committed)
{
    struct pipeline_verdict verdict;
    if (!committed) {
        k->stage = INSTRUCTION_CARRIED_OUT;
        answer(c, k, "the journal cannot record it now", "日志当前无法写入");
        return;
    }
    k->stage = INSTRUCTION_NONE;
    if (k->fact.u.instruction.id != 0) {
        note_done(k, k->fact.u.instruction.id, k->number);
    }
    /* Not before it is on record: a hit that does not hold must say why. */
    json_t *body = fact_body(&k->fact);
    if (body && read_verdict(records_keyset(c->records), body, &verdict)) {
        post_verdict(c, &verdict);
    }
    if (body && strcmp(k->fact.u.instruction.kind, "agree") == 0 &&
        k->fact.u.instruction.result == FACT_INSTRUCTION_DONE) {
        duty_hq_agrees(c, body);
    }
    json_decref(body);
    answer(c, k, NULL, NULL);
}

static void say_why(struct fact *fact, enum fact_instruction_result result, const char *en,
                    const char *zh)
{
    struct fact_instruction *i = &fact->u.instruction;
    i->result = result;
    (void)snprintf(i->why, sizeof(i->why), "%.199s", en);       /* a cut reason still reads */
    (void)snprintf(i->why_zh, sizeof(i->why_zh), "%.199s", zh); /* fixed words, which fit */
}

static const char *words_zh(int result)
{
    switch (result) {
    case ERR_STALE:
        return "指令已过期或已处理过";
    case ERR_UNSUPPORTED:
        return "本版本不认识该类指令";
    case ERR_CORRUPT:
        return "签名不符";
    case ERR_DENIED:
        return "签名人无权，或非本站指令";
    case ERR_TOO_LARGE:
        return "超过指令允许大小";
    case ERR_BUSY:
        return "指令时间超前于本站时钟";
    default:
        return "指令内容无效";
    }
}

/* ---- carrying out ---- */

/* What it said, and, asked for, how the box is. What has no room, which nothing has that passed
 * the checks, is left out. */
static void fill_text(struct checkpointd *c, const struct instruction *i, bool status,
                      struct fact *fact)
{
    json_t *more = json_pack("{s:O}", "said", i->body);
    if (more && status) {
        json_object_set_new(more, "status", instructions_status(c));
    }
    size_t size =
        more ? json_dumpb(more, fact->text, sizeof(fact->text) - 1, JSON_COMPACT | JSON_SORT_KEYS)
             : 0;
    fact->text[size < sizeof(fact->text) ? size : 0] = '\0';
    json_decref(more);
}

static bool has_lane(const struct checkpointd *c, uint8_t lane)
{
    for (size_t i = 0; i < c->config.lane_count; i++) {
        if (c->config.lanes[i].lane.lane.lane == lane) {
            return true;
        }
    }
    return false;
}

/* The lane answers. */
static void ask_hold(struct checkpointd *c, struct instruction_keeper *k,
                     const struct instruction_task *task)
{
    const struct fact *fact = &k->fact;
    struct pipeline_event event = {.kind = PIPELINE_ACT};
    struct pipeline_act *act = &event.u.act;
    *act = (struct pipeline_act){.kind = LANE_ACT_HOLD,
                                 .lane = task->lane,
                                 .plate = task->plate,
                                 .request = (int64_t)fact->u.instruction.id};
    (void)snprintf(act->actor.program, sizeof(act->actor.program), "headquarters"); /* fits */
    (void)snprintf(act->actor.origin, sizeof(act->actor.origin), "instruction %llu",
                   (unsigned long long)fact->u.instruction.id); /* fits */
    (void)snprintf(act->actor.reason, sizeof(act->actor.reason), "%s",
                   task->reason); /* INSTRUCTION_REASON_MAX fits */
    k->stage = INSTRUCTION_ASKED;
    lane_post(c, &event);
}

/* Fills in what becomes of it; true: the lane is asked and says. */
static bool carry_out(struct checkpointd *c, struct instruction_keeper *k,
                      const struct instruction *i)
{
    struct instruction_task task;
    struct err_text why = {{0}};
    struct fact *fact = &k->fact;
    int result = instruction_read_task(i, &task, &why);
    if (result == 0 && task.lane != 0 && !has_lane(c, task.lane)) {
        say_why(fact, FACT_INSTRUCTION_FAILED, "lane: no such lane here", "本站没有该车道");
        return false;
    }
    if (result != 0) {
        say_why(fact, FACT_INSTRUCTION_FAILED, why.text, words_zh(result));
        return false;
    }
    if (task.kind == INSTRUCTION_AGREE && !duty_asked(c, &task)) {
        say_why(fact, FACT_INSTRUCTION_FAILED, "nobody asks for that here", "本站未请示此事");
        return false;
    }
    fact->lane = task.lane;
    fill_text(c, i, task.kind == INSTRUCTION_STATUS, fact);
    if (task.kind != INSTRUCTION_HOLD) {
        return false;
    }
    if (i->id == k->held.id) { /* its hold is on record, the end of the program came before more */
        fact->lane = k->held.lane;
        return false;
    }
    ask_hold(c, k, &task);
    return true;
}

enum { REPLY_CAME = 1, REPLY_DONE = 2, REPLY_LANE_SHIFT = 8, REPLY_REFUSAL_SHIFT = 16 };

static void take_reply(struct checkpointd *c, struct instruction_keeper *k, unsigned reply)
{
    struct err_text why = {{0}};
    enum lane_refusal refusal = (enum lane_refusal)(reply >> REPLY_REFUSAL_SHIFT);
    k->fact.lane = (uint8_t)(reply >> REPLY_LANE_SHIFT);
    if (!(reply & REPLY_DONE)) {
        say_why(&k->fact, FACT_INSTRUCTION_FAILED, lane_refusal_text_en(refusal),
                lane_refusal_text_zh(refusal));
    }
    uint64_t client = k->client;
    if (put_on_record(c, k, &why) != 0) { /* it is offered again; the vehicle is held already */
        k->client = client;
        answer(c, k, why.text, "日志当前无法写入");
    }
}

static void look_at_answers(struct checkpointd *c, struct instruction_keeper *k)
{
    unsigned reply = atomic_exchange_explicit(&k->reply, 0, memory_order_acquire);
    if (reply != 0 && k->stage == INSTRUCTION_ASKED) {
        take_reply(c, k, reply);
    }
    int settled = atomic_exchange_explicit(&k->settled, SETTLED_NOTHING, memory_order_acquire);
    if (settled != SETTLED_NOTHING && k->stage == INSTRUCTION_RECORDING) {
        settle(c, k, settled == SETTLED_COMMITTED);
    }
}

void instructions_reply(struct checkpointd *c, const struct pipeline_act *act,
                        enum lane_reply_kind kind, enum lane_refusal refusal)
{
    struct instruction_keeper *k = records_instructions(c->records);
    if (kind == LANE_REPLY_PENDING) {
        return; /* one follows */
    }
    unsigned reply = REPLY_CAME | (kind == LANE_REPLY_DONE ? REPLY_DONE : 0u) |
                     (unsigned)act->lane << REPLY_LANE_SHIFT |
                     (unsigned)refusal << REPLY_REFUSAL_SHIFT;
    atomic_store_explicit(&k->reply, reply, memory_order_release); /* pairs with look_at_answers */
    wake_control(c);
}

void instructions_held(struct checkpointd *c, uint64_t id, uint8_t lane)
{
    struct instruction_keeper *k = records_instructions(c->records);
    k->held.id = id;
    k->held.lane = lane;
}

/* ---- taking ---- */

static void fill_fact(const struct instruction *i, struct fact *fact)
{
    struct fact_instruction *out = &fact->u.instruction;
    memcpy(out->kind, i->kind, sizeof(out->kind));
    (void)snprintf(out->signed_by, sizeof(out->signed_by), "%s", i->officer); /* fits */
    hex_encode(i->key, sizeof(i->key), out->key);
    out->signed_at = i->time;
    out->expires = i->expires;
}

static void begin_fact(struct checkpointd *c, struct instruction_keeper *k)
{
    struct fact *fact = &k->fact;
    memset(fact, 0, sizeof(*fact));
    fact->kind = FACT_INSTRUCTION;
    fact->wall = clock_wall(&c->clock);
    fact->mono = clock_mono(&clock_system);
    fact->to_journal = true;
    fact->to_events = true;
    (void)snprintf(fact->actor.program, sizeof(fact->actor.program), "headquarters"); /* fits */
    fact->u.instruction.number = k->number;
}

/* Nobody's key vouches for it: so many a minute go on record, the others into the log. */
static bool too_many(struct instruction_keeper *k)
{
    struct mono_time now = clock_mono(&clock_system);
    if (mono_diff_ms(now, k->minute) >= MINUTE_MS || k->minute.ns == 0) {
        k->minute = now;
        k->refusals = 0;
    }
    return ++k->refusals > INSTRUCTION_REFUSALS_MAX;
}

static int refuse(struct checkpointd *c, struct instruction_keeper *k, int result,
                  const struct err_text *why, struct err_text *err)
{
    say_why(&k->fact, FACT_INSTRUCTION_REFUSED, why->text, words_zh(result));
    log_event(EVENT_INSTRUCTION_REFUSED, "number=%llu detail=\"%s\"", (unsigned long long)k->number,
              why->text);
    if (!too_many(k)) {
        return put_on_record(c, k, err);
    }
    answer(c, k, NULL, NULL);
    return 0;
}

/* Whether one is under way: then `result` is what the offer comes to. The same one, offered again,
 * waits for its record like the first time; one whose record failed is tried once more. */
static bool is_under_way(struct checkpointd *c, struct instruction_keeper *k, uint64_t client,
                         uint64_t number, uint64_t id, int *result, struct err_text *err)
{
    look_at_answers(c, k);
    if (k->stage == INSTRUCTION_NONE) {
        return false;
    }
    bool same = number == k->number && id == k->id;
    k->client = same ? client : k->client;
    int recorded = k->stage == INSTRUCTION_CARRIED_OUT ? put_on_record(c, k, err) : 0;
    /* What became of another one is told when that is offered again. */
    *result = same ? recorded : err_set(err, ERR_BUSY, "instruction: another one is under way");
    return true;
}

static void begin(struct checkpointd *c, struct instruction_keeper *k, uint64_t client,
                  uint64_t number, uint64_t id)
{
    k->client = client;
    k->number = number;
    k->id = id;
    begin_fact(c, k);
}

int instructions_refuse_size(struct checkpointd *c, struct instruction_keeper *k, uint64_t client,
                             uint64_t number, int64_t size_bytes, struct err_text *err)
{
    struct err_text why = {{0}};
    int result = 0;
    if (is_under_way(c, k, client, number, 0, &result, err)) {
        return result;
    }
    begin(c, k, client, number, 0);
    result = err_set(&why, ERR_TOO_LARGE, "instruction: %lld bytes, expected at most %d",
                     (long long)size_bytes, INSTRUCTION_ENVELOPE_MAX);
    return refuse(c, k, result, &why, err);
}

/* Dated ahead of a clock that nothing vouches for yet: the clock may be the one that is wrong. */
static void alarm_early(struct checkpointd *c, struct instruction_keeper *k, bool early,
                        const char *detail)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    if (early == k->early) {
        return;
    }
    k->early = early;
    event.u.alarm.active = early;
    event.u.alarm.event = EVENT_INSTRUCTION_EARLY;
    snprintf(event.u.alarm.detail, sizeof(event.u.alarm.detail), "%.199s", detail); /* cut */
    lane_post(c, &event);
}

/* A verified one that is under way no more than any other. */
static int take(struct checkpointd *c, struct instruction_keeper *k, uint64_t client,
                uint64_t number, const struct instruction *i, struct err_text *err)
{
    struct err_text why = {{0}};
    begin(c, k, client, number, i->id);
    fill_fact(i, &k->fact);
    int result = instruction_check(i, c->config.checkpoint, k->last_id, k->fact.wall, &why);
    if (result == ERR_BUSY &&
        !atomic_load_explicit(&c->clock_vouched, memory_order_acquire)) { /* see clock.c */
        k->client = 0;
        alarm_early(c, k, true, why.text);
        return err_set(err, result, "%s", why.text);
    }
    alarm_early(c, k, false, "");
    if (result == ERR_STALE && is_done(k, i->id, number)) {
        answer(c, k, NULL, NULL); /* its record stands: the answer to it was lost */
        return 0;
    }
    if (result != 0) {
        return refuse(c, k, result, &why, err);
    }
    k->fact.u.instruction.id = i->id;
    return carry_out(c, k, i) ? 0 : put_on_record(c, k, err);
}

int instructions_offer(struct checkpointd *c, struct instruction_keeper *k,
                       const struct keyset *set, uint64_t client, uint64_t number, const char *text,
                       size_t size, struct err_text *err)
{
    struct instruction i = {0};
    struct err_text why = {{0}};
    int result = 0;
    if (!set) {
        return err_set(err, ERR_BUSY, "no key set yet");
    }
    int verified = instruction_verify(set, text, size, &i, &why);
    if (!is_under_way(c, k, client, number, i.id, &result, err)) {
        if (verified == 0) {
            result = take(c, k, client, number, &i, err);
        } else {
            alarm_early(c, k, false, ""); /* it waits no more: nobody vouches for it now */
            begin(c, k, client, number, 0);
            result = refuse(c, k, verified, &why, err);
        }
    }
    instruction_fini(&i);
    return result;
}
