/* Every step of a hit's handling: what each act does at each stage, and who may be its second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/handling/handling.h"

static const struct handling_policy policy = {
    .confirm_view_ms = 3000, .sign_ms = 120000, .feedback_ms = 600000, .close_ms = HANDLING_DAY_MS};

static struct handling_when at_s(int64_t s)
{
    return (struct handling_when){{s * 1000000000}, {1700000000000 + s * 1000}};
}

static const char plain[] =
    "{\"hit\":7,\"passage\":6,\"lane\":2,\"match\":\"exact\",\"entry\":{\"id\":3,"
    "\"plate\":\"鲁H12345\",\"priority\":2},\"decision\":{\"hold\":true}}";
static const char risk[] = "{\"hit\":7,\"passage\":6,\"lane\":2,\"entry\":{\"id\":3,\"plate\":"
                           "\"鲁H12345\",\"priority\":2,\"risk\":1},\"decision\":{}}";
static const char top[] = "{\"hit\":7,\"passage\":6,\"lane\":2,\"entry\":{\"id\":3,\"plate\":"
                          "\"鲁H12345\",\"priority\":1},\"decision\":{\"hold\":true}}";
static const char top_quiet[] = "{\"hit\":7,\"passage\":6,\"lane\":2,\"entry\":{\"id\":3,\"plate\":"
                                "\"鲁H12345\",\"priority\":1},\"decision\":{}}";
static const char alike[] =
    "{\"hit\":7,\"passage\":6,\"lane\":2,\"entry\":{\"id\":3,\"plate\":\"鲁H18D45\",\"priority\":2}"
    ","
    "\"decision\":{},\"differs\":[{\"position\":4,\"listed\":\"8\",\"read\":\"B\"},{\"position\":5,"
    "\"listed\":\"D\",\"read\":\"0\"}]}";

static struct handling_case opened(const char *text)
{
    struct handling_case c;
    json_t *hit = json_loads(text, 0, NULL);
    assert_int_equal(handling_open(&c, hit, at_s(0)), 0);
    json_decref(hit);
    return c;
}

static struct handling_person person(const char *officer, enum handling_rank rank)
{
    struct handling_person who = {.rank = rank};
    snprintf(who.officer, sizeof(who.officer), "%s", officer);
    return who;
}

/* A good one: all agrees, seen by eye, a reason, an outcome. */
static struct handling_act act_of(enum handling_act_kind kind, const char *officer)
{
    struct handling_act act = {
        .kind = kind,
        .who = person(officer, HANDLING_OFFICER),
        .plate_agrees = true,
        .class_agrees = true,
        .vehicle_agrees = true,
        .by_eye = true,
        .reason = "plate_differs",
        .misread = true,
        .feedback = {.outcome = "intercepted", .intercepted = true, .suspect_said = true}};
    return act;
}

static enum handling_refusal step_at(struct handling_case *c, const struct handling_act *act,
                                     int64_t s, struct handling_refused *out)
{
    return handling_step(c, act, &policy, at_s(s), out);
}

static enum handling_refusal step(struct handling_case *c, const struct handling_act *act,
                                  int64_t s)
{
    struct handling_refused refused;
    return step_at(c, act, s, &refused);
}

static void do_act(struct handling_case *c, enum handling_act_kind kind, const char *officer,
                   int64_t s)
{
    struct handling_act act = act_of(kind, officer);
    assert_int_equal(step(c, &act, s), HANDLING_REFUSED_NOT);
}

/* Seen by wang and li from the beginning. */
static struct handling_case seen(const char *text)
{
    struct handling_case c = opened(text);
    assert_true(handling_show(&c, "wang", at_s(0).mono));
    assert_true(handling_show(&c, "li", at_s(0).mono));
    return c;
}

/* A plain case brought to that stage by wang. */
static struct handling_case at_stage(enum handling_stage stage)
{
    struct handling_case c = seen(plain);
    if (stage >= HANDLING_SIGNED) {
        do_act(&c, HANDLING_ACT_SIGN, "wang", 10);
    }
    if (stage == HANDLING_REJECTED) {
        do_act(&c, HANDLING_ACT_REJECT, "wang", 20);
    } else if (stage >= HANDLING_CONFIRMED) {
        do_act(&c, HANDLING_ACT_CONFIRM, "wang", 20);
    }
    if (stage >= HANDLING_INTERCEPTING) {
        do_act(&c, HANDLING_ACT_INTERCEPT, "wang", 30);
    }
    if (stage >= HANDLING_REPORTED) {
        do_act(&c, HANDLING_ACT_FEEDBACK, "wang", 40);
    }
    if (stage >= HANDLING_CLOSED) {
        do_act(&c, HANDLING_ACT_CLOSE, "wang", 50);
    }
    assert_int_equal(c.stage, stage);
    return c;
}

enum { R = -100 }; /* refused with: R + refusal */
#define REFUSED(name) (R + HANDLING_REFUSED_##name)

static void every_act_at_every_stage(void **state)
{
    (void)state;
    /* The stage after it, or the refusal. */
    static const int expected[HANDLING_STAGE_COUNT][HANDLING_ACT_COUNT] = {
        [HANDLING_ALERTED] = {HANDLING_SIGNED, HANDLING_CONFIRMED, HANDLING_REJECTED,
                              REFUSED(NOTHING_WAITS), REFUSED(STAGE), REFUSED(STAGE),
                              REFUSED(NO_OUTCOME)},
        [HANDLING_SIGNED] = {REFUSED(SIGNED), HANDLING_CONFIRMED, HANDLING_REJECTED,
                             REFUSED(NOTHING_WAITS), REFUSED(STAGE), REFUSED(STAGE),
                             REFUSED(NO_OUTCOME)},
        [HANDLING_CONFIRMED] = {REFUSED(ANSWERED), REFUSED(ANSWERED), REFUSED(ANSWERED),
                                REFUSED(ANSWERED), HANDLING_INTERCEPTING, HANDLING_REPORTED,
                                REFUSED(NO_OUTCOME)},
        [HANDLING_REJECTED] = {REFUSED(ANSWERED), REFUSED(ANSWERED), REFUSED(ANSWERED),
                               REFUSED(ANSWERED), REFUSED(STAGE), REFUSED(STAGE), HANDLING_CLOSED},
        [HANDLING_INTERCEPTING] = {REFUSED(ANSWERED), REFUSED(ANSWERED), REFUSED(ANSWERED),
                                   REFUSED(ANSWERED), REFUSED(STAGE), HANDLING_REPORTED,
                                   REFUSED(NO_OUTCOME)},
        [HANDLING_REPORTED] = {REFUSED(ANSWERED), REFUSED(ANSWERED), REFUSED(ANSWERED),
                               REFUSED(ANSWERED), REFUSED(STAGE), HANDLING_REPORTED,
                               HANDLING_CLOSED},
        [HANDLING_CLOSED] = {REFUSED(ANSWERED), REFUSED(ANSWERED), REFUSED(ANSWERED),
                             REFUSED(ANSWERED), REFUSED(STAGE), REFUSED(STAGE), REFUSED(STAGE)}};
    for (int s = 0; s < HANDLING_STAGE_COUNT; s++) {
        for (int a = 0; a < HANDLING_ACT_COUNT; a++) {
            struct handling_case c = at_stage((enum handling_stage)s);
            struct handling_case before = c;
            struct handling_act act = act_of((enum handling_act_kind)a, "li");
            struct handling_refused refused;
            enum handling_refusal got = step_at(&c, &act, 60, &refused);
            int result = got == HANDLING_REFUSED_NOT ? (int)c.stage : R + (int)got;
            if (result != expected[s][a]) {
                fail_msg("%s at %s: %d, expected %d", handling_act_name(act.kind),
                         handling_stage_name((enum handling_stage)s), result, expected[s][a]);
            }
            if (got != HANDLING_REFUSED_NOT) {
                assert_memory_equal(&c, &before, sizeof(c));
            }
            if (got == HANDLING_REFUSED_ANSWERED) { /* the first one: who and when */
                assert_string_equal(refused.by, "wang");
                assert_int_equal(refused.at.ms, at_s(20).wall.ms);
            }
        }
    }
}

/* Nobody confirms or intercepts on it; all else goes on, also after a restart. */
static void an_entry_withdrawn_at_every_stage(void **state)
{
    (void)state;
    static const enum handling_refusal confirm[] = {
        HANDLING_REFUSED_WITHDRAWN, HANDLING_REFUSED_WITHDRAWN, HANDLING_REFUSED_ANSWERED,
        HANDLING_REFUSED_ANSWERED,  HANDLING_REFUSED_ANSWERED,  HANDLING_REFUSED_ANSWERED,
        HANDLING_REFUSED_ANSWERED};
    for (int s = 0; s < HANDLING_STAGE_COUNT; s++) {
        struct handling_case c = at_stage((enum handling_stage)s);
        struct handling_act act = act_of(HANDLING_ACT_CONFIRM, "wang");
        bool done = handling_done(&c);
        assert_int_equal(handling_withdraw(&c, at_s(60)), !done);
        assert_false(handling_withdraw(&c, at_s(61)));
        json_t *text = handling_json(&c, &policy);
        struct handling_case again = opened(plain);
        handling_take_json(&again, text, at_s(62));
        assert_int_equal(again.withdrawn_at.wall.ms, done ? 0 : at_s(60).wall.ms);
        json_decref(text);
        again = c;
        assert_int_equal(step(&c, &act, 63), confirm[s]);
        act.kind = HANDLING_ACT_INTERCEPT;
        assert_int_equal(step(&c, &act, 63), s == HANDLING_CONFIRMED ? HANDLING_REFUSED_WITHDRAWN
                                                                     : HANDLING_REFUSED_STAGE);
        handling_answered(&c, true, "wang", at_s(63));
        assert_memory_equal(&c, &again, sizeof(c));
        act.kind = s < HANDLING_CONFIRMED ? HANDLING_ACT_REJECT : HANDLING_ACT_FEEDBACK;
        assert_int_equal(step(&c, &act, 63), done ? HANDLING_REFUSED_STAGE : HANDLING_REFUSED_NOT);
    }
}

static void a_confirmation_that_waits_is_void_when_the_entry_is_withdrawn(void **state)
{
    (void)state;
    struct handling_case c = seen(risk);
    struct handling_act agree = act_of(HANDLING_ACT_AGREE, "li");
    do_act(&c, HANDLING_ACT_CONFIRM, "wang", 10);
    assert_int_equal(c.waits, HANDLING_WAITS_SECOND);
    assert_true(handling_withdraw(&c, at_s(20)));
    assert_int_equal(step(&c, &agree, 30), HANDLING_REFUSED_NOTHING_WAITS);
    struct handling_case rejected = seen(top);
    do_act(&rejected, HANDLING_ACT_REJECT, "wang", 10);
    assert_true(handling_withdraw(&rejected, at_s(20)));
    assert_int_equal(rejected.waits, HANDLING_WAITS_LEADER);
}

/* Who is enough beside wang. */
static void every_second_person(void **state)
{
    (void)state;
    static const struct {
        const char *hit;
        enum handling_act_kind kind;
        const char *officer;
        enum handling_rank rank;
        bool enough;
        bool asked; /* a second person is needed */
    } rows[] = {
        {plain, HANDLING_ACT_CONFIRM, "", HANDLING_OFFICER, true, false},
        {plain, HANDLING_ACT_REJECT, "", HANDLING_OFFICER, true, false},
        {risk, HANDLING_ACT_CONFIRM, "li", HANDLING_OFFICER, true, true},
        {risk, HANDLING_ACT_CONFIRM, "wang", HANDLING_OFFICER, false, true},
        {risk, HANDLING_ACT_CONFIRM, "wang", HANDLING_HEADQUARTERS, true, true},
        {risk, HANDLING_ACT_REJECT, "", HANDLING_OFFICER, true, false},
        {top, HANDLING_ACT_CONFIRM, "li", HANDLING_OFFICER, true, true},
        {top, HANDLING_ACT_CONFIRM, "wang", HANDLING_LEADER, false, true},
        {top, HANDLING_ACT_REJECT, "li", HANDLING_OFFICER, false, true},
        {top, HANDLING_ACT_REJECT, "wang", HANDLING_LEADER, false, true},
        {top, HANDLING_ACT_REJECT, "li", HANDLING_LEADER, true, true},
        {top, HANDLING_ACT_REJECT, "duty", HANDLING_HEADQUARTERS, true, true},
        {top_quiet, HANDLING_ACT_REJECT, "", HANDLING_OFFICER, true, false},
        {top_quiet, HANDLING_ACT_CONFIRM, "li", HANDLING_OFFICER, true, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct handling_case c = seen(rows[i].hit);
        struct handling_act act = act_of(rows[i].kind, "wang");
        enum handling_stage after =
            rows[i].kind == HANDLING_ACT_CONFIRM ? HANDLING_CONFIRMED : HANDLING_REJECTED;
        /* Brought along at the same tablet … */
        act.second = person(rows[i].officer, rows[i].rank);
        assert_int_equal(step(&c, &act, 5),
                         rows[i].enough ? HANDLING_REFUSED_NOT : HANDLING_REFUSED_SECOND_PERSON);
        assert_int_equal(c.stage, rows[i].enough ? after : HANDLING_ALERTED);
        /* … or later, at another one. */
        c = seen(rows[i].hit);
        act.second = person("", HANDLING_OFFICER);
        assert_int_equal(step(&c, &act, 5), HANDLING_REFUSED_NOT);
        assert_int_equal(c.waits != HANDLING_WAITS_NOT, rows[i].asked);
        if (!rows[i].asked) {
            assert_int_equal(c.stage, after);
            continue;
        }
        assert_int_equal(c.stage, HANDLING_SIGNED);
        struct handling_act again = act_of(HANDLING_ACT_CONFIRM, "zhao");
        assert_int_equal(step(&c, &again, 5), HANDLING_REFUSED_ANSWERED); /* the first waits */
        struct handling_act agree = {.kind = HANDLING_ACT_AGREE,
                                     .who = person(rows[i].officer, rows[i].rank)};
        assert_int_equal(step(&c, &agree, 6),
                         rows[i].enough ? HANDLING_REFUSED_NOT : HANDLING_REFUSED_SECOND_PERSON);
        assert_int_equal(c.stage, rows[i].enough ? after : HANDLING_SIGNED);
        assert_int_equal(c.waits == HANDLING_WAITS_NOT, rows[i].enough);
    }
}

static void one_of_the_two_is_a_leader(void **state)
{
    (void)state;
    struct handling_case c = seen(top);
    struct handling_act act = act_of(HANDLING_ACT_REJECT, "wang");
    act.who.rank = HANDLING_LEADER;
    act.second = person("li", HANDLING_OFFICER);
    assert_int_equal(step(&c, &act, 5), HANDLING_REFUSED_NOT);
    assert_int_equal(c.stage, HANDLING_REJECTED);
}

static void a_second_person_may_see_it_otherwise(void **state)
{
    (void)state;
    struct handling_case c = seen(risk);
    do_act(&c, HANDLING_ACT_CONFIRM, "wang", 5);
    struct handling_act act = {.kind = HANDLING_ACT_AGREE, .who = person("li", HANDLING_OFFICER)};
    act.disagrees = true;
    assert_int_equal(step(&c, &act, 6), HANDLING_REFUSED_NOT);
    assert_int_equal(c.answer, HANDLING_UNANSWERED);
    assert_int_equal(c.waits, HANDLING_WAITS_NOT);
    do_act(&c, HANDLING_ACT_REJECT, "li", 7);
    assert_int_equal(c.stage, HANDLING_REJECTED);
}

static void a_second_person_looks_as_long_as_the_first(void **state)
{
    (void)state;
    struct handling_case c = opened(risk);
    (void)handling_show(&c, "wang", at_s(0).mono);
    do_act(&c, HANDLING_ACT_CONFIRM, "wang", 5);
    struct handling_act act = {.kind = HANDLING_ACT_AGREE, .who = person("li", HANDLING_OFFICER)};
    assert_int_equal(step(&c, &act, 6), HANDLING_REFUSED_TOO_SOON);
    (void)handling_show(&c, "li", at_s(6).mono);
    assert_int_equal(step(&c, &act, 8), HANDLING_REFUSED_TOO_SOON);
    assert_int_equal(step(&c, &act, 9), HANDLING_REFUSED_NOT);
}

/* He cannot have the card shown in his own name there; it stands before both. */
static void who_comes_to_the_first_ones_tablet_sees_the_card_there(void **state)
{
    (void)state;
    struct handling_case c = opened(risk);
    (void)handling_show(&c, "wang", at_s(0).mono);
    do_act(&c, HANDLING_ACT_CONFIRM, "wang", 5);
    struct handling_act act = {
        .kind = HANDLING_ACT_AGREE, .who = person("li", HANDLING_OFFICER), .viewer = "zhao"};
    assert_int_equal(step(&c, &act, 6), HANDLING_REFUSED_TOO_SOON); /* nor has zhao seen it */
    snprintf(act.viewer, sizeof(act.viewer), "wang");
    assert_int_equal(step(&c, &act, 6), HANDLING_REFUSED_NOT);
    assert_string_equal(c.second.officer, "li");
}

static void looking_again_takes_as_long_as_before(void **state)
{
    (void)state;
    struct handling_case c = seen(alike);
    struct handling_act act = act_of(HANDLING_ACT_CONFIRM, "wang");
    snprintf(act.typed, sizeof(act.typed), "B0");
    assert_int_equal(step(&c, &act, 10), HANDLING_REFUSED_TYPED_DIFFERS);
    handling_look_again(&c, "wang", at_s(10).mono);
    handling_look_again(&c, "zhao", at_s(10).mono); /* never saw it */
    snprintf(act.typed, sizeof(act.typed), "8D");
    assert_int_equal(step(&c, &act, 12), HANDLING_REFUSED_TOO_SOON);
    assert_int_equal(step(&c, &act, 13), HANDLING_REFUSED_NOT);
}

static void confirming_takes_a_look(void **state)
{
    (void)state;
    struct handling_case c = opened(plain);
    struct handling_act act = act_of(HANDLING_ACT_CONFIRM, "wang");
    struct handling_refused refused;
    assert_int_equal(step_at(&c, &act, 100, &refused), HANDLING_REFUSED_TOO_SOON);
    assert_int_equal(refused.left_ms, 3000); /* never shown */
    assert_true(handling_show(&c, "wang", at_s(100).mono));
    assert_false(handling_show(&c, "wang", at_s(101).mono)); /* begins once */
    assert_int_equal(step_at(&c, &act, 102, &refused), HANDLING_REFUSED_TOO_SOON);
    assert_int_equal(refused.left_ms, 1000);
    assert_int_equal(step(&c, &act, 103), HANDLING_REFUSED_NOT);
}

static void each_part_must_be_said_to_agree(void **state)
{
    (void)state;
    for (int bits = 0; bits < 16; bits++) {
        struct handling_case c = seen(plain);
        struct handling_act act = act_of(HANDLING_ACT_CONFIRM, "wang");
        act.plate_agrees = bits & 1;
        act.class_agrees = bits & 2;
        act.vehicle_agrees = bits & 4;
        act.by_eye = bits & 8;
        assert_int_equal(step(&c, &act, 5), (bits & 7) != 7 ? HANDLING_REFUSED_NOT_AGREED
                                            : bits & 8      ? HANDLING_REFUSED_NOT
                                                            : HANDLING_REFUSED_BY_EYE);
    }
    struct handling_case c = seen(plain);
    struct handling_act act = act_of(HANDLING_ACT_CONFIRM, "wang");
    act.by_eye = false;
    act.has_trigger_picture = true;
    assert_int_equal(step(&c, &act, 5), HANDLING_REFUSED_NOT);
}

static void a_look_alike_is_typed_as_seen(void **state)
{
    (void)state;
    static const struct {
        const char *typed;
        enum handling_refusal refusal;
    } rows[] = {{"", HANDLING_REFUSED_TYPED},           {"8D", HANDLING_REFUSED_NOT},
                {"8 d", HANDLING_REFUSED_NOT},          {"B0", HANDLING_REFUSED_TYPED_DIFFERS},
                {"80", HANDLING_REFUSED_TYPED_DIFFERS}, {"8", HANDLING_REFUSED_TYPED_DIFFERS},
                {"8DX", HANDLING_REFUSED_TYPED_DIFFERS}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct handling_case c = seen(alike);
        struct handling_act act = act_of(HANDLING_ACT_CONFIRM, "wang");
        snprintf(act.typed, sizeof(act.typed), "%s", rows[i].typed);
        assert_int_equal(step(&c, &act, 5), rows[i].refusal);
    }
    const char *words = handling_refusal_en(HANDLING_REFUSED_TYPED_DIFFERS);
    assert_null(strpbrk(words, "0123456789"));
    struct handling_case whole =
        opened("{\"hit\":1,\"passage\":1,\"lane\":1,\"entry\":{\"id\":1,\"plate\":\"鲁H1234\","
               "\"priority\":2},"
               "\"decision\":{},\"differs\":[{\"position\":4,\"read\":\"1\"}]}");
    assert_true(whole.facts.type_whole);
    assert_string_equal(whole.facts.typed, "鲁H1234");
}

static void an_answer_without_the_card_counts_where_one_is_enough(void **state)
{
    (void)state;
    struct handling_case c = opened(plain);
    handling_answered(&c, true, "wang", at_s(1));
    assert_int_equal(c.stage, HANDLING_CONFIRMED);
    handling_answered(&c, false, "li", at_s(2)); /* the first counts */
    assert_int_equal(c.stage, HANDLING_CONFIRMED);
    c = opened(risk);
    handling_answered(&c, true, "wang", at_s(1));
    assert_int_equal(c.answer, HANDLING_UNANSWERED);
    c = opened(top);
    handling_answered(&c, false, "wang", at_s(1));
    assert_int_equal(c.answer, HANDLING_UNANSWERED);
}

static void check_late(const struct handling_case *from, int64_t leader_s, int64_t hq_s)
{
    struct handling_case c = *from;
    assert_int_equal(handling_next_look(&c, &policy).ns, at_s(leader_s).mono.ns);
    assert_false(handling_look(&c, &policy, at_s(leader_s - 1).mono));
    assert_true(handling_look(&c, &policy, at_s(leader_s).mono));
    assert_int_equal(c.overdue, HANDLING_OVERDUE_LEADER);
    assert_int_equal(handling_next_look(&c, &policy).ns, at_s(hq_s).mono.ns);
    assert_false(handling_look(&c, &policy, at_s(hq_s - 1).mono));
    assert_true(handling_look(&c, &policy, at_s(hq_s).mono));
    assert_int_equal(c.overdue, HANDLING_OVERDUE_HQ);
    assert_int_equal(handling_next_look(&c, &policy).ns, INT64_MAX);
    assert_false(handling_look(&c, &policy, at_s(hq_s + 100000).mono));
}

static void every_stage_has_its_deadline(void **state)
{
    (void)state;
    static const int64_t due_s[HANDLING_STAGE_COUNT][2] = {[HANDLING_ALERTED] = {120, 240},
                                                           [HANDLING_SIGNED] = {610, 1210},
                                                           [HANDLING_CONFIRMED] = {620, 1220},
                                                           [HANDLING_INTERCEPTING] = {620, 1220},
                                                           [HANDLING_REPORTED] = {86400, 172800}};
    for (int s = 0; s < HANDLING_STAGE_COUNT; s++) {
        struct handling_case c = at_stage((enum handling_stage)s);
        struct handling_when due;
        assert_int_equal(handling_due(&c, &policy, &due), due_s[s][0] != 0);
        if (due_s[s][0] != 0) {
            assert_int_equal(due.wall.ms, at_s(due_s[s][0]).wall.ms);
            check_late(&c, due_s[s][0], due_s[s][1]);
        } else {
            assert_int_equal(handling_next_look(&c, &policy).ns, INT64_MAX);
            assert_true(handling_done(&c));
        }
    }
    struct handling_case waiting = seen(risk);
    do_act(&waiting, HANDLING_ACT_CONFIRM, "wang", 50);
    check_late(&waiting, 170, 290);
    struct handling_case late = at_stage(HANDLING_ALERTED); /* long after: both at once */
    assert_true(handling_look(&late, &policy, at_s(5000).mono));
    assert_int_equal(late.overdue, HANDLING_OVERDUE_HQ);
    do_act(&late, HANDLING_ACT_SIGN, "wang", 5001); /* taken on: in time again */
    assert_int_equal(late.overdue, HANDLING_IN_TIME);
}

static void the_rules_escalation_goes_first(void **state)
{
    (void)state;
    struct handling_case c =
        opened("{\"hit\":7,\"passage\":6,\"lane\":2,\"entry\":{\"priority\":1},"
               "\"decision\":{\"escalate_after_ms\":30000}}");
    check_late(&c, 30, 60);
    c = opened("{\"hit\":7,\"passage\":6,\"lane\":2,\"entry\":{\"priority\":1},"
               "\"decision\":{\"escalate_after_ms\":0}}");
    check_late(&c, 0, 120); /* the leader at once, headquarters after the time to sign */
}

/* Whatever a case has been through, its JSON brings it back. */
static void a_case_comes_back_from_its_record(void **state)
{
    (void)state;
    struct handling_case cases[HANDLING_STAGE_COUNT + 2];
    for (int s = 0; s < HANDLING_STAGE_COUNT; s++) {
        cases[s] = at_stage((enum handling_stage)s);
    }
    struct handling_case *waiting = &cases[HANDLING_STAGE_COUNT];
    *waiting = seen(top);
    do_act(waiting, HANDLING_ACT_REJECT, "wang", 5);
    (void)handling_look(waiting, &policy, at_s(200).mono);
    struct handling_case *agreed = waiting + 1;
    *agreed = seen(top);
    struct handling_act act = act_of(HANDLING_ACT_REJECT, "wang");
    act.second = person("duty", HANDLING_HEADQUARTERS);
    snprintf(act.seen, sizeof(act.seen), "鲁H13345");
    snprintf(act.note, sizeof(act.note), "mud");
    assert_int_equal(step(agreed, &act, 5), HANDLING_REFUSED_NOT);
    static const char *const hits[2] = {plain, top};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *first = handling_json(&cases[i], &policy);
        struct handling_case back = opened(hits[i >= HANDLING_STAGE_COUNT]);
        handling_take_json(&back, first, at_s(1000));
        json_t *second = handling_json(&back, &policy);
        assert_true(json_equal(first, second));
        assert_int_equal(handling_next_look(&back, &policy).ns,
                         handling_next_look(&cases[i], &policy).ns);
        back.viewer_count = cases[i].viewer_count; /* who looks is not kept */
        memcpy(back.viewers, cases[i].viewers, sizeof(back.viewers));
        assert_memory_equal(&back.facts, &cases[i].facts, sizeof(back.facts));
        assert_int_equal(back.waits, cases[i].waits);
        assert_int_equal(back.second.rank, cases[i].second.rank);
        json_decref(first);
        json_decref(second);
    }
}

static void what_is_no_hit_opens_no_case(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}", "{\"hit\":0,\"lane\":1}", "{\"hit\":1,\"lane\":256}",
                                      "{\"hit\":\"1\",\"lane\":1}", "{\"hit\":1,\"passage\":-1}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct handling_case c;
        json_t *hit = json_loads(bad[i], 0, NULL);
        assert_int_equal(handling_open(&c, hit, at_s(0)), ERR_INVALID);
        json_decref(hit);
    }
}

static void every_refusal_has_its_words(void **state)
{
    (void)state;
    for (int i = 0; i < HANDLING_REFUSED_COUNT; i++) {
        assert_non_null(handling_refusal_code((enum handling_refusal)i));
        assert_non_null(handling_refusal_en((enum handling_refusal)i));
        assert_non_null(handling_refusal_zh((enum handling_refusal)i));
    }
    assert_null(handling_refusal_code(HANDLING_REFUSED_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_act_at_every_stage),
        cmocka_unit_test(every_second_person),
        cmocka_unit_test(one_of_the_two_is_a_leader),
        cmocka_unit_test(a_second_person_may_see_it_otherwise),
        cmocka_unit_test(a_second_person_looks_as_long_as_the_first),
        cmocka_unit_test(who_comes_to_the_first_ones_tablet_sees_the_card_there),
        cmocka_unit_test(looking_again_takes_as_long_as_before),
        cmocka_unit_test(confirming_takes_a_look),
        cmocka_unit_test(each_part_must_be_said_to_agree),
        cmocka_unit_test(a_look_alike_is_typed_as_seen),
        cmocka_unit_test(an_answer_without_the_card_counts_where_one_is_enough),
        cmocka_unit_test(an_entry_withdrawn_at_every_stage),
        cmocka_unit_test(a_confirmation_that_waits_is_void_when_the_entry_is_withdrawn),
        cmocka_unit_test(every_stage_has_its_deadline),
        cmocka_unit_test(the_rules_escalation_goes_first),
        cmocka_unit_test(a_case_comes_back_from_its_record),
        cmocka_unit_test(what_is_no_hit_opens_no_case),
        cmocka_unit_test(every_refusal_has_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
