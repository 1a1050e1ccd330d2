/*
 * Headquarters as the second person: what an officer asked for want of one on shift, and what its
 * duty officer answered by a signed instruction. An answer moves and ends nothing; it stands for
 * the second person when the officer's own act comes; the newest counts. It counts while it has not
 * expired, its key stands in the key set, and, about a hold, nothing has joined that since it was
 * asked. Control thread; duty_questions_take in main, before it
 * runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/app/checkpointd/instructions.h"

enum { SHIFT_MAX = TOKENS_MAX };

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static struct duty_question *find(struct checkpointd *c, enum instruction_question what,
                                  uint64_t subject)
{
    struct duty_keeper *k = &c->duty;
    for (size_t i = 0; i < k->question_count; i++) {
        if (k->questions[i].what == what && k->questions[i].subject == subject) {
            return &k->questions[i];
        }
    }
    return NULL;
}

static void drop(struct duty_keeper *k, struct duty_question *q)
{
    size_t at = (size_t)(q - k->questions);
    json_decref(q->answer);
    json_decref(q->of_hits);
    k->question_count--;
    memmove(q, q + 1, (k->question_count - at) * sizeof(*q));
}

void duty_questions_free(struct checkpointd *c)
{
    while (c->duty.question_count > 0) {
        drop(&c->duty, &c->duty.questions[0]);
    }
}

size_t duty_others(struct checkpointd *c, const char *officer, bool leaders_only)
{
    static struct token_on_shift shift[SHIFT_MAX]; /* control thread */
    size_t count = control_shift(c->control, shift, SHIFT_MAX);
    size_t others = 0;
    for (size_t i = 0; i < count; i++) {
        bool may = shift[i].role == OFFICER_ROLE_LEADER ||
                   (!leaders_only && shift[i].role == OFFICER_ROLE_OFFICER);
        others += may && strcmp(shift[i].officer, officer) != 0;
    }
    return others;
}

/* ---- asking ---- */

static json_t *question_call(const struct duty_question *q, bool open)
{
    bool hold = q->what == INSTRUCTION_RELEASE;
    json_t *call = json_pack("{s:s,s:I,s:s,s:I,s:i,s:s,s:b}", "kind", "question", "id",
                             (json_int_t)q->id, "what", instruction_question_name(q->what),
                             hold ? "hold" : "hit", (json_int_t)q->subject, "lane", (int)q->lane,
                             "officer", q->officer, "open", (int)open);
    if (call && q->of_hits) {
        json_object_set(call, "of_hits", q->of_hits);
    }
    if (call && q->joins != 0) {
        json_object_set_new(call, "joins", json_integer(q->joins));
    }
    return call;
}

static uint8_t joins_of(const json_t *object)
{
    json_int_t joins = json_integer_value(json_object_get(object, "joins"));
    return joins > 0 && joins <= UINT8_MAX ? (uint8_t)joins : 0;
}

/* Of a hold that is shown, and something has joined it since that was asked. */
static bool outdated(const struct checkpointd *c, const struct duty_question *q)
{
    const json_t *row = NULL;
    return q->what == INSTRUCTION_RELEASE &&
           acts_lane_of_hold(c, (json_int_t)q->subject, &row) != 0 && joins_of(row) != q->joins;
}

int duty_ask_hq(struct checkpointd *c, enum instruction_question what, uint64_t subject,
                uint8_t lane, const struct control_actor *actor, const json_t *hold)
{
    struct duty_keeper *k = &c->duty;
    const struct duty_question *asked = find(c, what, subject);
    if (asked) {
        return outdated(c, asked) ? ERR_FULL : 0; /* the journal could not end it so far */
    }
    if (k->question_count == DUTY_QUESTIONS_MAX) {
        return ERR_FULL;
    }
    struct duty_question q = {.id = duty_new_id(c),
                              .what = what,
                              .subject = subject,
                              .joins = joins_of(hold),
                              .of_hits = json_deep_copy(json_object_get(hold, "of_hits")),
                              .lane = lane,
                              .since = clock_wall(&c->clock)};
    memcpy(q.officer, actor->officer, sizeof(q.officer));
    struct duty_record record = {.actor = actor,
                                 .what = "hq_asked",
                                 .lane = lane,
                                 .at = q.since,
                                 .call = question_call(&q, true)};
    int result = duty_put(c, &record);
    if (result == 0) {
        k->questions[k->question_count++] = q;
        duty_tell(c);
    } else {
        json_decref(q.of_hits);
    }
    return result;
}

bool duty_asked(const struct checkpointd *c, const struct instruction_task *answer)
{
    const struct duty_keeper *k = &c->duty;
    for (size_t i = 0; i < k->question_count; i++) {
        const struct duty_question *q = &k->questions[i];
        if (q->what == answer->question && q->subject == answer->subject &&
            q->id == answer->asked) {
            return true;
        }
    }
    return false;
}

/* ---- answers ---- */

static bool has_expired(const struct checkpointd *c, const json_t *answer)
{
    struct wall_time expires;
    return wall_parse(text_of(answer, "expires"), &expires) != 0 ||
           expires.ms <= clock_wall(&c->clock).ms;
}

static bool counts(const struct checkpointd *c, const json_t *answer)
{
    return !has_expired(c, answer) && instructions_vouched(records_keyset(c->records), answer);
}

static bool agrees(const json_t *answer)
{
    return json_is_true(json_object_get(json_object_get(answer, "said"), "agrees"));
}

enum duty_word duty_hq_word(struct checkpointd *c, enum instruction_question what, uint64_t subject,
                            char *second, const char **out_note)
{
    const struct duty_question *q = find(c, what, subject);
    if (!q) {
        return DUTY_WORD_NOT_ASKED;
    }
    if (!q->answer && !outdated(c, q)) {
        return DUTY_WORD_WAITS;
    }
    if (!counts(c, q->answer) || outdated(c, q)) {
        duty_ask_over(c, what, subject); /* it may be asked anew */
        return DUTY_WORD_NOT_ASKED;
    }
    if (out_note) {
        *out_note = text_of(json_object_get(q->answer, "said"), "note");
    }
    if (!agrees(q->answer)) {
        return DUTY_WORD_DISAGREES;
    }
    /* The whole name stands in the instruction's own record. */
    (void)snprintf(second, DUTY_SECOND_SIZE, "hq:%s", text_of(q->answer, "signed_by"));
    return DUTY_WORD_AGREES;
}

static int put_end(struct checkpointd *c, struct duty_question *q, const char *what)
{
    struct duty_record record = {.what = what, .lane = q->lane, .call = question_call(q, false)};
    if (q->answer) {
        record.more = json_pack("{s:b,s:s,s:I}", "agrees", (int)agrees(q->answer), "signed_by",
                                text_of(q->answer, "signed_by"), "instruction",
                                json_integer_value(json_object_get(q->answer, "id")));
    }
    int result = duty_put(c, &record);
    q->over = result == 0;
    return result;
}

/* What an instruction speaks of. */
static struct duty_question *find_answered(struct checkpointd *c, const json_t *said)
{
    enum instruction_question what = instruction_question_parse(text_of(said, "what"));
    const json_t *subject = json_object_get(said, what == INSTRUCTION_RELEASE ? "hold" : "hit");
    struct duty_question *q = find(c, what, (uint64_t)json_integer_value(subject));
    json_int_t asked = json_integer_value(json_object_get(said, "question"));
    return q && asked > 0 && q->id == (uint64_t)asked ? q : NULL;
}

void duty_hq_agrees(struct checkpointd *c, const json_t *body)
{
    struct duty_question *q = find_answered(c, json_object_get(body, "said"));
    if (!q) {
        return; /* what it was about has gone meanwhile */
    }
    json_decref(q->answer);
    q->answer = json_deep_copy(body);
    if (q->answer && !q->over) {
        (void)!put_end(c, q, "hq_answered"); /* else at the next look */
    }
    duty_tell(c);
    cases_look_soon(c); /* an answer to a hit may wait for it */
}

void duty_ask_over(struct checkpointd *c, enum instruction_question what, uint64_t subject)
{
    struct duty_question *q = find(c, what, subject);
    /* One that waits ends on record; refused, it is tried again at the next look. */
    if (q && (q->answer || put_end(c, q, "hq_not_needed") == 0)) {
        drop(&c->duty, q);
        duty_tell(c);
    }
}

void duty_holds_changed(struct checkpointd *c)
{
    struct duty_keeper *k = &c->duty;
    for (size_t i = k->question_count; i-- > 0;) {
        const struct duty_question *q = &k->questions[i];
        if (outdated(c, q)) {
            duty_ask_over(c, q->what, q->subject);
        }
    }
}

/* From its first status on the board tells which holds there are. */
static bool lane_is_shown(const struct checkpointd *c, uint8_t lane)
{
    char key[8];
    (void)snprintf(key, sizeof(key), "%u", lane); /* fits */
    return json_object_get(c->board.lanes, key) != NULL;
}

bool duty_questions_look(struct checkpointd *c, struct mono_time now)
{
    struct duty_keeper *k = &c->duty;
    size_t before = k->question_count;
    if (before == 0 || mono_before(now, k->questions_due)) {
        return false;
    }
    k->questions_due = mono_add_ms(now, DUTY_QUESTIONS_LOOK_MS);
    for (size_t i = before; i-- > 0;) {
        struct duty_question *q = &k->questions[i];
        bool gone = q->what == INSTRUCTION_RELEASE && lane_is_shown(c, q->lane) &&
                    acts_lane_of_hold(c, (json_int_t)q->subject, NULL) == 0;
        if (q->answer && !q->over) {
            (void)!put_end(c, q, "hq_answered"); /* else at the next look */
        }
        bool stays_gone = gone && q->gone; /* a lane's first status may still lack its holds */
        q->gone = gone;
        if (stays_gone || outdated(c, q) || (q->answer && has_expired(c, q->answer))) {
            duty_ask_over(c, q->what, q->subject);
        }
    }
    return k->question_count != before;
}

/* ---- showing, and after a restart ---- */

json_t *duty_questions_json(const struct checkpointd *c)
{
    const struct duty_keeper *k = &c->duty;
    json_t *rows = json_array();
    for (size_t i = 0; i < k->question_count; i++) {
        const struct duty_question *q = &k->questions[i];
        char since[WALL_TEXT_SIZE];
        wall_format(q->since, since);
        json_t *row =
            json_pack("{s:I,s:s,s:I,s:i,s:s,s:s}", "question", (json_int_t)q->id, "what",
                      instruction_question_name(q->what), "subject", (json_int_t)q->subject, "lane",
                      (int)q->lane, "officer", q->officer, "since", since);
        if (row && q->of_hits) {
            json_object_set(row, "of_hits", q->of_hits);
        }
        if (row && q->answer) {
            json_object_set_new(row, "word",
                                json_string(agrees(q->answer) ? "agrees" : "disagrees"));
            json_object_set_new(row, "by", json_string(text_of(q->answer, "signed_by")));
            json_object_set(row, "note",
                            json_object_get(json_object_get(q->answer, "said"), "note"));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

void duty_questions_take(struct checkpointd *c, const json_t *call, struct wall_time wall)
{
    struct duty_keeper *k = &c->duty;
    struct duty_question q = {.id = (uint64_t)json_integer_value(json_object_get(call, "id")),
                              .what = instruction_question_parse(text_of(call, "what")),
                              .joins = joins_of(call),
                              .lane = (uint8_t)json_integer_value(json_object_get(call, "lane")),
                              .since = wall};
    const json_t *subject = json_object_get(call, q.what == INSTRUCTION_RELEASE ? "hold" : "hit");
    q.subject = (uint64_t)json_integer_value(subject);
    struct duty_question *asked = find(c, q.what, q.subject);
    if (!json_is_true(json_object_get(call, "open"))) {
        if (asked && asked->answer) {
            asked->over = true;
        } else if (asked) {
            drop(k, asked);
        }
        return;
    }
    if (asked) {
        drop(k, asked); /* its answer expired, it was asked anew */
    }
    (void)snprintf(q.officer, sizeof(q.officer), "%s", text_of(call, "officer")); /* as put in */
    if (q.what != 0 && k->question_count < DUTY_QUESTIONS_MAX) {
        q.of_hits = json_deep_copy(json_object_get(call, "of_hits"));
        k->questions[k->question_count++] = q;
    }
}

void duty_questions_take_answer(struct checkpointd *c, const json_t *body)
{
    const json_t *said = json_object_get(body, "said");
    struct duty_question *q = find_answered(c, said);
    if (q && strcmp(text_of(body, "result"), "done") == 0) {
        json_decref(q->answer);
        q->answer = json_deep_copy(body);
    }
}
