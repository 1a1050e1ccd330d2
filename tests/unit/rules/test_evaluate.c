/*
 * Evaluation: every condition, first match wins, and the bounds that hold whatever a rule says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rules/rule.h"

struct scene {
    struct plate_read read;
    struct match_hit hit;
    struct rules_input input;
};

/* An authenticated plate at noon on a Wednesday, no hit, under a current list. */
static void passage(struct scene *s)
{
    struct plate_text text;
    memset(s, 0, sizeof(*s));
    plate_encode("鲁H12345", sizeof("鲁H12345") - 1, PLATE_DASH_AUTO, &text);
    s->read.kind = text.kind;
    s->read.key = text.key;
    s->read.lane = 3;
    s->read.direction = 1;
    s->read.authenticity = AUTH_TAG;
    s->hit.kind = MATCH_EXACT;
    s->hit.agreement = CLASS_AGREE;
    s->hit.entry.handling = HANDLING_STOP;
    s->hit.entry.priority = 1;
    s->hit.entry.category = CATEGORY_STOLEN;
    s->input.read = &s->read;
    s->input.odds_db = RULES_ODDS_NONE;
    s->input.list.state = LIST_CURRENT;
    s->input.list_age_ms = 60000;
    s->input.clock_trusted = true;
    s->input.minute = 720;
    s->input.weekday = 3;
}

static void with_hit(struct scene *s)
{
    passage(s);
    s->input.hit = &s->hit;
}

static void passages_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        enum plate_text_kind kind;
        uint32_t bit;
    } kinds[] = {{PLATE_KEY, PASSAGE_PLATE},
                 {PLATE_NO_PLATE, PASSAGE_NO_PLATE},
                 {PLATE_UNREAD, PASSAGE_UNREAD},
                 {PLATE_DECODE_ERROR, 0}};
    for (size_t i = 0; i < 4; i++) {
        struct scene s;
        struct rule_condition when = {0};
        passage(&s);
        s.read.kind = kinds[i].kind;
        assert_int_equal(rule_matches(&when, &s.input), kinds[i].bit != 0);
        for (uint32_t bit = 1; bit <= PASSAGE_UNREAD; bit <<= 1) {
            when.passages = bit;
            assert_int_equal(rule_matches(&when, &s.input), kinds[i].bit == bit);
        }
    }
}

static void conditions_on_a_hit_need_one(void **state)
{
    (void)state;
    const struct rule_condition conditions[] = {
        {.hit = CHOICE_YES},
        {.kinds = 1u << MATCH_EXACT},
        {.agreements = 1u << CLASS_AGREE},
        {.categories = 1u << CATEGORY_STOLEN},
        {.priorities = 1u << 1},
        {.risk = CHOICE_NO},
    };
    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        struct scene s;
        passage(&s);
        assert_false(rule_matches(&conditions[i], &s.input));
        with_hit(&s);
        assert_true(rule_matches(&conditions[i], &s.input));
    }
}

static void each_condition_on_a_hit_refuses_another_value(void **state)
{
    (void)state;
    const struct rule_condition conditions[] = {
        {.hit = CHOICE_NO},
        {.kinds = 1u << MATCH_LOOK_ALIKE | 1u << MATCH_CANDIDATE | 1u << MATCH_PARTIAL},
        {.agreements = 1u << CLASS_UNVERIFIED | 1u << CLASS_CONFLICT},
        {.categories = ~(1u << CATEGORY_STOLEN)},
        {.priorities = 1u << 2 | 1u << 3},
        {.risk = CHOICE_YES},
        {.has_odds = true, .odds_min_db = -100},
    };
    struct scene s;
    with_hit(&s);
    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        assert_false(rule_matches(&conditions[i], &s.input));
    }
}

static void odds_count_from_the_limit_on(void **state)
{
    (void)state;
    struct scene s;
    with_hit(&s);
    struct rule_condition when = {.has_odds = true, .odds_min_db = 20};
    s.input.odds_db = 19;
    assert_false(rule_matches(&when, &s.input));
    s.input.odds_db = 20;
    assert_true(rule_matches(&when, &s.input));
}

static void lane_direction_and_authenticity(void **state)
{
    (void)state;
    struct scene s;
    passage(&s);
    struct rule_condition when = {0};
    when.lanes[0] = 1u << 3;
    assert_true(rule_matches(&when, &s.input));
    s.read.lane = 255;
    assert_false(rule_matches(&when, &s.input));
    when.lanes[31] = 0x80;
    assert_true(rule_matches(&when, &s.input));

    struct rule_condition direction = {.directions = {1u << 1, 0}};
    assert_true(rule_matches(&direction, &s.input));
    s.read.direction = 9;
    assert_false(rule_matches(&direction, &s.input));
    s.read.direction = 200; /* a code we do not know matches no stated direction */
    assert_false(rule_matches(&direction, &s.input));

    struct rule_condition proven = {.authenticity = 1u << AUTH_TAG | 1u << AUTH_WIRED};
    s.read.authenticity = AUTH_SESSION;
    assert_false(rule_matches(&proven, &s.input));
    s.read.authenticity = AUTH_WIRED;
    assert_true(rule_matches(&proven, &s.input));
}

static void time_windows_go_over_midnight_and_need_a_trusted_clock(void **state)
{
    (void)state;
    static const struct {
        uint16_t from, until, minute;
        bool inside;
    } cases[] = {
        {600, 720, 599, false},   {600, 720, 600, true},    {600, 720, 719, true},
        {600, 720, 720, false},   {1320, 360, 1319, false}, {1320, 360, 1320, true},
        {1320, 360, 0, true},     {1320, 360, 359, true},   {1320, 360, 360, false},
        {1320, 1440, 1439, true}, {1320, 1440, 0, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene s;
        passage(&s);
        struct rule_condition when = {.time = {cases[i].from, cases[i].until}};
        s.input.minute = cases[i].minute;
        assert_int_equal(rule_matches(&when, &s.input), cases[i].inside);
        s.input.clock_trusted = false;
        assert_false(rule_matches(&when, &s.input));
    }
    struct scene s;
    passage(&s);
    struct rule_condition weekend = {.weekdays = 1u << 6 | 1u << 7};
    assert_false(rule_matches(&weekend, &s.input));
    s.input.weekday = 7;
    assert_true(rule_matches(&weekend, &s.input));
    s.input.clock_trusted = false;
    assert_false(rule_matches(&weekend, &s.input));
}

static void list_clock_and_cleared(void **state)
{
    (void)state;
    struct scene s;
    passage(&s);
    struct rule_condition old = {.list_older_than_ms = 60000};
    assert_false(rule_matches(&old, &s.input));
    s.input.list_age_ms = 60001;
    assert_true(rule_matches(&old, &s.input));
    s.input.list_age_ms = -1; /* unknown is older than any limit */
    assert_true(rule_matches(&old, &s.input));

    struct rule_condition stale = {.list_states = 1u << LIST_NONE | 1u << LIST_STALE};
    assert_false(rule_matches(&stale, &s.input));
    s.input.list.state = LIST_NONE;
    assert_true(rule_matches(&stale, &s.input));

    struct rule_condition trusted = {.clock_trusted = CHOICE_YES};
    assert_true(rule_matches(&trusted, &s.input));
    s.input.clock_trusted = false;
    assert_false(rule_matches(&trusted, &s.input));

    struct rule_condition cleared = {.cleared = CHOICE_YES};
    assert_false(rule_matches(&cleared, &s.input));
    s.input.cleared = true;
    assert_true(rule_matches(&cleared, &s.input));
}

static void a_random_rule_looks_at_its_own_draw(void **state)
{
    (void)state;
    struct scene s;
    passage(&s);
    struct rule_condition when = {.share = 500, .draw = 2};
    s.input.draws[2] = 499;
    assert_true(rule_matches(&when, &s.input));
    s.input.draws[2] = 500;
    s.input.draws[0] = 0;
    assert_false(rule_matches(&when, &s.input));
}

static struct rule_set *two_rules(void)
{
    struct rule_set *set = calloc(1, sizeof(*set));
    assert_non_null(set);
    set->count = 2;
    memcpy(set->rules[0].name, "first", sizeof("first"));
    memcpy(set->rules[1].name, "second", sizeof("second"));
    for (int i = 0; i < 2; i++) {
        decision_init(&set->rules[i].then);
        set->rules[i].then.level = ALERT_QUIET;
    }
    return set;
}

static void the_first_match_decides(void **state)
{
    (void)state;
    struct scene s;
    struct decision d;
    struct rule_set *set = two_rules();
    with_hit(&s);
    assert_int_equal(rules_evaluate(set, &s.input, &d), ERR_OK);
    assert_string_equal(d.rule, "first");
    set->rules[0].when.hit = CHOICE_NO;
    assert_int_equal(rules_evaluate(set, &s.input, &d), ERR_OK);
    assert_string_equal(d.rule, "second");
    free(set);
}

static void without_a_match_a_hit_still_alerts_quietly(void **state)
{
    (void)state;
    struct scene s;
    struct decision d;
    struct rule_set *set = two_rules();
    set->count = 0;
    with_hit(&s);
    assert_int_equal(rules_evaluate(set, &s.input, &d), ERR_OK);
    assert_string_equal(d.rule, "");
    assert_int_equal(d.level, ALERT_QUIET);
    assert_int_equal(d.forward, FORWARD_NORMAL);
    assert_int_equal(d.escalate_after_ms, DECISION_NEVER_MS);
    passage(&s);
    assert_int_equal(rules_evaluate(set, &s.input, &d), ERR_OK);
    assert_int_equal(d.level, ALERT_NONE);
    assert_int_equal(d.forward, FORWARD_NONE);
    free(set);
}

static void facts_out_of_range_are_refused_and_decide_nothing(void **state)
{
    (void)state;
    struct scene s;
    struct decision d;
    struct rule_set *set = two_rules();
    with_hit(&s);
    s.input.minute = 1440;
    assert_int_equal(rules_evaluate(set, &s.input, &d), ERR_INVALID);
    assert_string_equal(d.rule, "");
    assert_int_equal(d.level, ALERT_QUIET);
    with_hit(&s);
    s.input.weekday = 0;
    assert_int_equal(rules_evaluate(set, &s.input, &d), ERR_INVALID);
    with_hit(&s);
    s.input.draws[7] = RULES_DRAW_END;
    assert_int_equal(rules_evaluate(set, &s.input, &d), ERR_INVALID);
    with_hit(&s);
    s.input.clock_trusted = false; /* then the local time is not looked at */
    s.input.minute = 9999;
    assert_int_equal(rules_evaluate(set, &s.input, &d), ERR_OK);
    free(set);
}

static void an_observe_entry_decides_nothing(void **state)
{
    (void)state;
    struct scene with;
    struct scene without;
    struct rule_set *set = two_rules();
    set->rules[0].then.raise = true;
    for (int cleared = 0; cleared < 2; cleared++) {
        struct decision a;
        struct decision b;
        with_hit(&with);
        with.hit.entry.handling = HANDLING_OBSERVE;
        with.hit.entry.risk = RISK_ARMED;
        with.input.cleared = cleared;
        passage(&without);
        without.input.cleared = cleared;
        assert_int_equal(rules_evaluate(set, &with.input, &a), ERR_OK);
        assert_int_equal(rules_evaluate(set, &without.input, &b), ERR_OK);
        assert_memory_equal(&a, &b, sizeof(a));
    }
    free(set);
}

/* A rule that asks for everything, which no file can load. */
static struct rule_set *greedy_set(enum alert_level level)
{
    struct rule_set *set = two_rules();
    struct decision *then = &set->rules[0].then;
    then->level = level;
    then->hold = true;
    then->raise = true;
    then->siren = true;
    then->strobe = true;
    then->lights = DECISION_LIGHTS_RED;
    then->inspect = DECISION_INSPECT_NOT;
    return set;
}

static void check_bounds(const struct scene *s, const struct decision *d)
{
    const struct match_hit *hit = s->input.hit;
    bool certain = hit && hit->kind == MATCH_EXACT && hit->agreement == CLASS_AGREE;
    bool strong = certain && s->input.clock_trusted && !hit->expired;
    bool risk = hit && hit->entry.risk != 0;
    bool exact = hit && hit->kind == MATCH_EXACT;
    bool outside = d->siren || d->strobe || d->level == ALERT_SOUNDING;
    assert_true(strong || !d->hold);
    assert_true(strong || !hit || d->lights != DECISION_LIGHTS_RED);
    assert_true((strong && !risk) || !outside);
    assert_int_equal(d->inspect,
                     hit || !d->rule[0] ? DECISION_INSPECT_UNSAID : DECISION_INSPECT_NOT);
    assert_true(certain || d->level <= ALERT_QUIET);
    assert_true(!exact || d->level >= ALERT_QUIET);
    assert_true(!hit || d->level == ALERT_NONE || d->forward != FORWARD_NONE);
    assert_int_equal(d->backup, risk && exact && hit->agreement != CLASS_CONFLICT);
    assert_true(!d->raise || (!hit && s->input.cleared && s->read.authenticity != AUTH_NONE &&
                              s->read.kind == PLATE_KEY && s->input.list.state != LIST_NONE &&
                              !s->input.list_too_old));
    assert_int_equal((d->marks & MARK_OFFICER_RISK) != 0, risk);
    assert_int_equal((d->marks & MARK_SUSPECTED) != 0,
                     hit && (!exact || hit->agreement == CLASS_CONFLICT));
    assert_int_equal((d->marks & MARK_CLASS_UNVERIFIED) != 0,
                     hit && hit->agreement == CLASS_UNVERIFIED);
    assert_int_equal((d->marks & MARK_CLOCK_UNTRUSTED) != 0,
                     hit && (!s->input.clock_trusted || hit->expired));
    assert_int_equal((d->marks & MARK_UNAUTHENTICATED) != 0, s->read.authenticity == AUTH_NONE);
}

/* The n-th combination of everything the bounds look at; false when there are no more. */
static bool combination(unsigned n, struct scene *s)
{
    const unsigned sizes[] = {5, 3, 2, 2, 2, 2, 4, 4, 3, 2};
    unsigned at[10];
    for (size_t i = 0; i < 10; i++) {
        at[i] = n % sizes[i];
        n /= sizes[i];
    }
    if (n > 0) {
        return false;
    }
    passage(s);
    s->input.hit = at[0] ? &s->hit : NULL;
    s->hit.kind = (enum match_kind)at[0];
    s->hit.agreement = (enum class_agreement)at[1];
    s->hit.entry.risk = at[2] ? RISK_VIOLENT : 0;
    s->hit.expired = at[3];
    s->input.clock_trusted = at[4];
    s->input.cleared = at[5];
    s->read.authenticity = (enum read_authenticity)at[6];
    s->read.kind = (enum plate_text_kind)at[7];
    s->input.list.state = (enum list_state)at[8];
    s->input.list_too_old = at[9];
    return true;
}

static void no_rule_crosses_the_bounds(void **state)
{
    (void)state;
    for (enum alert_level level = ALERT_NONE; level <= ALERT_SOUNDING; level++) {
        struct rule_set *set = greedy_set(level);
        unsigned raised = 0;
        unsigned held = 0;
        unsigned sounded = 0;
        struct scene s;
        for (unsigned n = 0; combination(n, &s); n++) {
            struct decision d;
            assert_int_equal(rules_evaluate(set, &s.input, &d), ERR_OK);
            check_bounds(&s, &d);
            raised += d.raise;
            held += d.hold;
            sounded += d.siren;
        }
        assert_true(raised > 0 && held > 0 && sounded > 0); /* the bounds leave something */
        free(set);
    }
}

static void a_plate_with_an_unread_symbol_never_raises(void **state)
{
    (void)state;
    struct scene s;
    struct decision d;
    struct plate_text text;
    struct rule_set *set = greedy_set(ALERT_NONE);
    passage(&s);
    s.input.cleared = true;
    assert_int_equal(rules_evaluate(set, &s.input, &d), ERR_OK);
    assert_true(d.raise);
    plate_encode("鲁H1234?", sizeof("鲁H1234?") - 1, PLATE_DASH_AUTO, &text);
    s.read.key = text.key;
    assert_int_equal(rules_evaluate(set, &s.input, &d), ERR_OK);
    assert_false(d.raise);
    free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passages_are_told_apart),
        cmocka_unit_test(conditions_on_a_hit_need_one),
        cmocka_unit_test(each_condition_on_a_hit_refuses_another_value),
        cmocka_unit_test(odds_count_from_the_limit_on),
        cmocka_unit_test(lane_direction_and_authenticity),
        cmocka_unit_test(time_windows_go_over_midnight_and_need_a_trusted_clock),
        cmocka_unit_test(list_clock_and_cleared),
        cmocka_unit_test(a_random_rule_looks_at_its_own_draw),
        cmocka_unit_test(the_first_match_decides),
        cmocka_unit_test(without_a_match_a_hit_still_alerts_quietly),
        cmocka_unit_test(facts_out_of_range_are_refused_and_decide_nothing),
        cmocka_unit_test(an_observe_entry_decides_nothing),
        cmocka_unit_test(no_rule_crosses_the_bounds),
        cmocka_unit_test(a_plate_with_an_unread_symbol_never_raises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
