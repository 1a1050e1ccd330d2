/* A case as JSON, and back from a record. See handling.h. A key with nothing to say is left out. */
#include <stdio.h>
#include <string.h>

#include "gateway/handling/handling.h"

/* ---- writing ---- */

static void put_text(json_t *object, const char *key, const char *text)
{
    if (text && text[0] != '\0') {
        json_object_set_new(object, key, json_string(text));
    }
}

static void put_true(json_t *object, const char *key, bool value)
{
    if (value) {
        json_object_set_new(object, key, json_true());
    }
}

static void put_time(json_t *object, const char *key, struct wall_time time)
{
    char text[WALL_TEXT_SIZE];
    if (time.ms != 0) {
        wall_format(time, text);
        put_text(object, key, text);
    }
}

static const char *rank_name(enum handling_rank rank)
{
    return rank == HANDLING_HEADQUARTERS ? "headquarters"
           : rank == HANDLING_LEADER     ? "leader"
                                         : NULL;
}

static void put_person(json_t *object, const char *key, const struct handling_person *who,
                       struct wall_time at)
{
    if (who->officer[0] == '\0') {
        return;
    }
    json_t *person = json_pack("{s:s}", "officer", who->officer);
    put_text(person, "rank", rank_name(who->rank));
    put_time(person, "time", at);
    json_object_set_new(object, key, person);
}

static json_t *type_json(const struct handling_facts *facts)
{
    json_t *positions = json_array();
    if (facts->type_whole) {
        json_decref(positions);
        return json_pack("{s:b}", "whole", 1);
    }
    for (int i = 0; i < PLATE_SYMBOLS_MAX; i++) {
        if (facts->positions & 1u << i) {
            json_array_append_new(positions, json_integer(i + 1));
        }
    }
    return json_pack("{s:o}", "positions", positions);
}

static void put_feedback(json_t *object, const struct handling_feedback *f)
{
    if (f->at.wall.ms == 0) {
        return;
    }
    json_t *feedback = json_object();
    put_text(feedback, "officer", f->officer);
    put_time(feedback, "time", f->at.wall);
    put_text(feedback, "outcome", f->outcome);
    json_object_set_new(feedback, "intercepted", json_boolean(f->intercepted));
    if (f->suspect_said) {
        json_object_set_new(feedback, "suspect", json_boolean(f->suspect));
    }
    put_text(feedback, "handed_to", f->handed_to);
    put_text(feedback, "document", f->document);
    put_text(feedback, "note", f->note);
    json_object_set_new(object, "feedback", feedback);
}

static void put_answer(json_t *object, const struct handling_case *c)
{
    if (c->answer == HANDLING_UNANSWERED) {
        return;
    }
    put_text(object, "answer", c->answer == HANDLING_CONFIRM ? "confirm" : "reject");
    put_text(object, "waits",
             c->waits == HANDLING_WAITS_SECOND   ? "second"
             : c->waits == HANDLING_WAITS_LEADER ? "leader"
                                                 : NULL);
    put_person(object, "by", &c->by, (struct wall_time){0});
    put_person(object, "second", &c->second, (struct wall_time){0});
    put_time(object, "answered", c->answered_at.wall);
    put_true(object, "by_eye", c->by_eye);
    put_text(object, "typed", c->typed);
    put_text(object, "reason", c->reason);
    put_true(object, "misread", c->misread);
    put_text(object, "note", c->note);
    put_text(object, "plate", c->seen);
}

json_t *handling_json(const struct handling_case *c, const struct handling_policy *policy)
{
    struct handling_when due;
    json_t *object = json_object();
    if (!object) {
        return NULL;
    }
    json_object_set_new(object, "hit", json_integer((json_int_t)c->facts.hit));
    json_object_set_new(object, "passage", json_integer((json_int_t)c->facts.passage));
    json_object_set_new(object, "lane", json_integer(c->facts.lane));
    put_text(object, "stage", handling_stage_name(c->stage));
    put_time(object, "opened", c->opened.wall);
    put_true(object, "two_persons", handling_needs_second(c));
    if (c->facts.typed[0] != '\0') {
        json_object_set_new(object, "type", type_json(&c->facts));
    }
    put_person(object, "signed", &c->signer, c->signed_at.wall);
    put_answer(object, c);
    put_person(object, "intercepting", &c->interceptor, c->intercepted_at.wall);
    put_feedback(object, &c->feedback);
    put_person(object, "closed", &c->closer, c->closed_at.wall);
    put_time(object, "withdrawn", c->withdrawn_at.wall);
    if (handling_due(c, policy, &due)) {
        put_time(object, "due", due.wall);
    }
    put_text(object, "overdue", handling_overdue_name(c->overdue));
    return object;
}

/* ---- reading ---- */

static void take_text(const json_t *object, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(out, size, "%s", text ? text : "");
}

static struct handling_when take_time(const json_t *object, const char *key,
                                      struct handling_when now)
{
    struct handling_when t = {.wall = {0}};
    const char *text = json_string_value(json_object_get(object, key));
    if (text && wall_parse(text, &t.wall) == 0) {
        t.mono = mono_add_ms(now.mono, t.wall.ms - now.wall.ms);
    }
    return t;
}

static struct handling_person take_person(const json_t *object, const char *key)
{
    struct handling_person who = {.rank = HANDLING_OFFICER};
    const json_t *person = json_object_get(object, key);
    const char *rank = json_string_value(json_object_get(person, "rank"));
    take_text(person, "officer", who.officer, sizeof(who.officer));
    if (rank && strcmp(rank, rank_name(HANDLING_HEADQUARTERS)) == 0) {
        who.rank = HANDLING_HEADQUARTERS;
    } else if (rank && strcmp(rank, rank_name(HANDLING_LEADER)) == 0) {
        who.rank = HANDLING_LEADER;
    }
    return who;
}

static bool is_text(const json_t *object, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value && strcmp(value, text) == 0;
}

static void take_feedback(struct handling_feedback *f, const json_t *object,
                          struct handling_when now)
{
    if (!object) {
        return;
    }
    f->at = take_time(object, "time", now);
    take_text(object, "officer", f->officer, sizeof(f->officer));
    take_text(object, "outcome", f->outcome, sizeof(f->outcome));
    f->intercepted = json_is_true(json_object_get(object, "intercepted"));
    f->suspect_said = json_is_boolean(json_object_get(object, "suspect"));
    f->suspect = json_is_true(json_object_get(object, "suspect"));
    take_text(object, "handed_to", f->handed_to, sizeof(f->handed_to));
    take_text(object, "document", f->document, sizeof(f->document));
    take_text(object, "note", f->note, sizeof(f->note));
}

static void take_answer(struct handling_case *c, const json_t *body, struct handling_when now)
{
    c->answer = is_text(body, "answer", "confirm")  ? HANDLING_CONFIRM
                : is_text(body, "answer", "reject") ? HANDLING_REJECT
                                                    : HANDLING_UNANSWERED;
    c->waits = c->answer == HANDLING_UNANSWERED   ? HANDLING_WAITS_NOT
               : is_text(body, "waits", "second") ? HANDLING_WAITS_SECOND
               : is_text(body, "waits", "leader") ? HANDLING_WAITS_LEADER
                                                  : HANDLING_WAITS_NOT;
    c->by = take_person(body, "by");
    c->second = take_person(body, "second");
    c->answered_at = take_time(body, "answered", now);
    c->by_eye = json_is_true(json_object_get(body, "by_eye"));
    c->misread = json_is_true(json_object_get(body, "misread"));
    take_text(body, "typed", c->typed, sizeof(c->typed));
    take_text(body, "reason", c->reason, sizeof(c->reason));
    take_text(body, "note", c->note, sizeof(c->note));
    take_text(body, "plate", c->seen, sizeof(c->seen));
}

void handling_take_json(struct handling_case *c, const json_t *body, struct handling_when now)
{
    for (int i = 0; i < HANDLING_STAGE_COUNT; i++) {
        if (is_text(body, "stage", handling_stage_name((enum handling_stage)i))) {
            c->stage = (enum handling_stage)i;
        }
    }
    c->signer = take_person(body, "signed");
    c->signed_at = take_time(json_object_get(body, "signed"), "time", now);
    take_answer(c, body, now);
    c->interceptor = take_person(body, "intercepting");
    c->intercepted_at = take_time(json_object_get(body, "intercepting"), "time", now);
    take_feedback(&c->feedback, json_object_get(body, "feedback"), now);
    c->closer = take_person(body, "closed");
    c->closed_at = take_time(json_object_get(body, "closed"), "time", now);
    c->withdrawn_at = take_time(body, "withdrawn", now);
    c->overdue = is_text(body, "overdue", "hq")       ? HANDLING_OVERDUE_HQ
                 : is_text(body, "overdue", "leader") ? HANDLING_OVERDUE_LEADER
                                                      : HANDLING_IN_TIME;
}
