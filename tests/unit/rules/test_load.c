/*
 * Rule files: what is refused, with file, line, key, value and reason word for word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rules/rules.h"

static void refused(const char *text, const char *expected)
{
    struct rule_set *set = NULL;
    struct err_text err = {""};
    int rc = rules_parse("r.yaml", text, strlen(text), &set, &err);
    assert_string_equal(err.text, expected);
    assert_int_equal(rc, ERR_INVALID);
    assert_null(set);
}

/* A file of one rule; the condition stands in line 4, the outcome in line 5. */
static void rule_refused(const char *when, const char *then, const char *expected)
{
    char text[512];
    (void)snprintf(text, sizeof(text), /* fits */
                   "title: t\nrules:\n- name: a\n  when: {%s}\n  then: {%s}\n"
                   "examples:\n- name: e\n  expect: {rule: a}\n",
                   when, then);
    refused(text, expected);
}

static void nothing_but_a_certain_match_holds_or_sounds(void **state)
{
    (void)state;
    rule_refused("hit: true", "alert: sounding, hold: true",
                 "r.yaml:5: rules[0].then.hold = 'true': only an exact match may hold or sound, "
                 "expected 'match: exact' under when");
    rule_refused("match: [exact, look_alike], class: agree", "alert: sounding",
                 "r.yaml:5: rules[0].then.alert = 'sounding': only an exact match may hold or "
                 "sound, expected 'match: exact' under when");
    rule_refused("match: exact, class: [agree, unknown]", "alert: silent, hold: true",
                 "r.yaml:5: rules[0].then.hold = 'true': only an agreeing class may hold or sound, "
                 "expected 'class: agree' under when");
    rule_refused(
        "match: exact, class: agree", "alert: silent, hold: true",
        "r.yaml:5: rules[0].then.hold = 'true': nothing holds or sounds under an untrusted "
        "clock, expected 'clock: trusted' under when");
    rule_refused("match: exact, class: agree, clock: trusted", "alert: quiet, hold: true",
                 "r.yaml:5: rules[0].then.hold = 'true': a hold without a full alert, expected "
                 "'alert: silent' or 'alert: sounding'");
    rule_refused("match: partial", "alert: quiet, lights: red",
                 "r.yaml:5: rules[0].then.lights = 'red': red stops like a hold, so a hit needs "
                 "'match: exact', 'class: agree' and 'clock: trusted' under when, expected yellow");
    rule_refused(
        "match: partial", "alert: silent",
        "r.yaml:5: rules[0].then.alert = 'silent': anything but an exact match with "
        "agreeing class is at most quiet, expected 'match: exact' and 'class: agree' under "
        "when");
}

static void officer_risk_is_silent_outside_and_calls_backup(void **state)
{
    (void)state;
    rule_refused("match: exact, class: agree, clock: trusted", "alert: sounding, hold: true",
                 "r.yaml:5: rules[0].then.alert = 'sounding': officer risk is silent outside, "
                 "expected 'officer_risk: false' under when");
    rule_refused("match: exact, class: agree, clock: trusted, officer_risk: true",
                 "alert: silent, siren: true, backup: true",
                 "r.yaml:5: rules[0].then.siren = 'true': officer risk is silent outside, expected "
                 "'officer_risk: false' under when");
    rule_refused("match: exact, class: agree, clock: trusted, officer_risk: true",
                 "alert: silent, hold: true",
                 "r.yaml:5: rules[0].then.backup: officer risk calls backup, expected true");
    rule_refused("match: exact, class: agree, clock: trusted, officer_risk: false",
                 "alert: silent, strobe: true",
                 "r.yaml:5: rules[0].then.strobe = 'true': siren and strobe go with 'alert: "
                 "sounding'");
}

static void only_a_cleared_authenticated_plate_is_let_through(void **state)
{
    (void)state;
    rule_refused(
        "cleared: true, passage: plate", "alert: none, raise: true",
        "r.yaml:5: rules[0].then.raise = 'true': only a cleared vehicle without hit is let "
        "through, expected 'hit: false' and 'cleared: true' under when");
    rule_refused("hit: false, cleared: true, authenticity: tag", "alert: none, raise: true",
                 "r.yaml:5: rules[0].then.raise = 'true': only a read plate is let through, "
                 "expected 'passage: plate' under when");
    rule_refused("hit: false, cleared: true, passage: plate", "alert: none, raise: true",
                 "r.yaml:5: rules[0].then.raise = 'true': an unauthenticated read never raises, "
                 "expected 'authenticity: [tag, wired, session]' under when");
    rule_refused("hit: false, cleared: true, passage: plate, authenticity: [none, tag]",
                 "alert: none, raise: true",
                 "r.yaml:5: rules[0].then.raise = 'true': an unauthenticated read never raises, "
                 "expected 'authenticity: [tag, wired, session]' under when");
}

static void a_hit_takes_no_inspection_off_a_vehicle(void **state)
{
    (void)state;
    rule_refused("match: look_alike", "alert: quiet, inspect: false",
                 "r.yaml:5: rules[0].then.inspect = 'false': a hit takes no inspection off a "
                 "vehicle, expected 'hit: false' under when");
    rule_refused("hit: false", "alert: none, inspect: often",
                 "r.yaml:5: rules[0].then.inspect = 'often': not a word on inspection, expected "
                 "one of unsaid, false, true");
}

static void a_hit_is_never_swallowed(void **state)
{
    (void)state;
    rule_refused(
        "lane: 1", "alert: none",
        "r.yaml:5: rules[0].then.alert = 'none': an exact match always alerts, expected at "
        "least quiet, or 'hit: false' under when");
    rule_refused("match: look_alike", "alert: quiet, forward: none",
                 "r.yaml:5: rules[0].then.forward = 'none': what alerts on a hit goes to "
                 "headquarters, expected normal or urgent");
    rule_refused("match: look_alike", "alert: none, escalate_after: 5s",
                 "r.yaml:5: rules[0].then.escalate_after = '5s': no alert to escalate");
}

static void conditions_that_contradict_each_other(void **state)
{
    (void)state;
    rule_refused(
        "hit: false, priority: 1", "alert: quiet",
        "r.yaml:4: rules[0].when.hit = 'false': contradicts the conditions on a hit beside "
        "it");
    rule_refused(
        "hit: true, time: 08:00-09:00, clock: untrusted", "alert: quiet",
        "r.yaml:4: rules[0].when.clock = 'untrusted': never matches: time and weekday hold "
        "only under a trusted clock");
    rule_refused("hit: true, cleared: true", "alert: quiet",
                 "r.yaml:4: rules[0].when.cleared = 'true': never matches: a vehicle with a hit is "
                 "not cleared");
}

static void words_that_are_no_values(void **state)
{
    (void)state;
    rule_refused("time: 8-9", "alert: quiet",
                 "r.yaml:4: rules[0].when.time = '8-9': not a time window, expected like "
                 "22:00-06:00");
    rule_refused("time: 08:00-08:00", "alert: quiet",
                 "r.yaml:4: rules[0].when.time = '08:00-08:00': not a time window, expected like "
                 "22:00-06:00");
    rule_refused("time: 24:00-08:00", "alert: quiet",
                 "r.yaml:4: rules[0].when.time = '24:00-08:00': not a time window, expected like "
                 "22:00-06:00");
    const char *const shares[] = {"0%", "0.001%", "5", "100.01%", ".5%", "5.%", "-1%", "5 %"};
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        char when[32];
        char expected[128];
        (void)snprintf(when, sizeof(when), "random: %s", shares[i]); /* fits */
        (void)snprintf(
            expected, sizeof(expected), /* fits */
            "r.yaml:4: rules[0].when.random = '%s': not a share, expected 0.01%% to 100%%",
            shares[i]);
        rule_refused(when, "alert: quiet", expected);
    }
    rule_refused("match: similar", "alert: quiet",
                 "r.yaml:4: rules[0].when.match = 'similar': not a kind of match, expected some of "
                 "exact, look_alike, candidate, partial");
    rule_refused("priority: 4", "alert: quiet",
                 "r.yaml:4: rules[0].when.priority = '4': out of range, expected 1 to 3");
    rule_refused("catagory: stolen", "alert: quiet",
                 "r.yaml:4: rules[0].when.catagory: unknown key, did you mean 'category'?");
    rule_refused("", "alert: quiet, lower: true",
                 "r.yaml:5: rules[0].then.lower: unknown key, expected one of alert, hold, raise, "
                 "siren, strobe, backup, lights, inspect, escalate_after, forward");
    refused("title: t\nrules:\n- name: Über\n",
            "r.yaml:3: rules[0].name = 'Über': not a rule name, "
            "expected 1 to 47 of a-z, 0-9 and '-'");
}

#define RULES                                                                                      \
    "title: t\n"                                                                                   \
    "rules:\n"                                                                                     \
    "- name: strong\n"                                                                             \
    "  when: {match: exact, class: agree, clock: trusted, officer_risk: false}\n"                  \
    "  then: {alert: sounding, hold: true, escalate_after: 30s}\n"                                 \
    "- name: weak\n"                                                                               \
    "  when: {hit: true}\n"                                                                        \
    "  then: {alert: quiet}\n"                                                                     \
    "examples:\n"

static void a_wrong_example_refuses_the_file(void **state)
{
    (void)state;
    refused(RULES "- name: a\n  hit: {}\n  expect:\n    rule: weak\n",
            "r.yaml:13: examples[0].expect.rule = 'weak': the decision is that of 'strong'");
    refused(RULES "- name: a\n  expect:\n    rule: weak\n",
            "r.yaml:12: examples[0].expect.rule = 'weak': the decision is that of 'none'");
    refused(RULES "- name: a\n  hit: {class: unknown}\n  expect: {rule: weak}\n"
                  "- name: b\n  hit: {}\n  expect:\n    rule: strong\n    hold: false\n",
            "r.yaml:17: examples[1].expect.hold = 'false': the decision of 'strong' is true");
    refused(RULES "- name: a\n  hit: {}\n  expect: {rule: strong, escalate_after: 31s}\n",
            "r.yaml:12: examples[0].expect.escalate_after = '31s': the decision of 'strong' is "
            "30000ms");
    refused(RULES
            "- name: a\n  hit: {match: partial}\n  expect: {rule: weak, escalate_after: 1s}\n",
            "r.yaml:12: examples[0].expect.escalate_after = '1s': the decision of 'weak' is never");
    refused(
        RULES "- name: a\n  hit: {class: conflict}\n  expect: {rule: weak, marks: suspected}\n",
        "r.yaml:12: examples[0].expect.marks = 'suspected': the decision of 'weak' is suspected, "
        "class_conflict");
}

static void every_rule_needs_an_example(void **state)
{
    (void)state;
    refused(RULES "- name: a\n  hit: {}\n  expect: {rule: strong}\n",
            "r.yaml:6: rules[1].name = 'weak': no example reaches it, expected one with 'expect: "
            "{rule: weak}'");
    refused("title: t\nrules:\n- name: a\n  then: {alert: quiet}\nexamples: []\n",
            "r.yaml:5: examples: 0 items, expected 1 to 256");
    refused("title: t\nrules: []\n", "r.yaml:2: rules: 0 items, expected 1 to 64");
}

static void two_rules_of_one_name(void **state)
{
    (void)state;
    refused(
        "title: t\nrules:\n- {name: a, then: {alert: quiet}}\n- {name: a, then: {alert: quiet}}\n"
        "examples:\n- {name: e, expect: {rule: a}}\n",
        "r.yaml:4: rules[1].name = 'a': already given to rules[0], expected another");
}

static void a_ninth_random_rule_is_refused(void **state)
{
    (void)state;
    char text[2048] = "title: t\nrules:\n";
    size_t at = strlen(text);
    for (int i = 0; i < 9; i++) {
        at += (size_t)snprintf(text + at, sizeof(text) - at,
                               "- {name: r%d, when: {random: 5%%}, then: {alert: quiet}}\n", i);
    }
    (void)snprintf(text + at, sizeof(text) - at, /* fits */
                   "examples:\n- {name: e, expect: {rule: none}}\n");
    refused(text, "r.yaml:11: rules[8].when.random = '5%': the ninth rule with random, expected at "
                  "most 8");
}

static void a_good_file_evaluates(void **state)
{
    (void)state;
    static const char text[] = RULES "- name: a\n  hit: {}\n  expect: {rule: strong}\n"
                                     "- name: b\n  hit: {match: partial}\n  expect: {rule: weak}\n";
    struct rule_set *set = NULL;
    struct err_text err = {""};
    assert_int_equal(rules_parse("r.yaml", text, sizeof(text) - 1, &set, &err), ERR_OK);
    struct plate_read read = {.kind = PLATE_KEY, .key = 1, .authenticity = AUTH_TAG};
    struct match_hit hit = {.kind = MATCH_EXACT, .agreement = CLASS_AGREE};
    hit.entry.handling = HANDLING_STOP;
    struct rules_input input = {.read = &read, .hit = &hit, .clock_trusted = true, .weekday = 1};
    input.list.state = LIST_CURRENT;
    struct decision d;
    assert_int_equal(rules_evaluate(set, &input, &d), ERR_OK);
    assert_string_equal(d.rule, "strong");
    assert_true(d.hold);
    assert_int_equal(d.escalate_after_ms, 30000);
    assert_int_equal(d.forward, FORWARD_NORMAL);
    rules_destroy(set);
    rules_destroy(NULL);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct rule_set *set = NULL;
    struct err_text err;
    assert_int_equal(rules_load("/nonexistent/r.yaml", &set, &err), ERR_NOT_FOUND);
    assert_string_equal(err.text, "/nonexistent/r.yaml: No such file or directory");
}

static void the_options_print(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    rules_print_options(file);
    assert_int_equal(fclose(file), 0);
    assert_non_null(strstr(text, "rules[].when.match: some of exact, look_alike, candidate, "
                                 "partial; optional\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_but_a_certain_match_holds_or_sounds),
        cmocka_unit_test(officer_risk_is_silent_outside_and_calls_backup),
        cmocka_unit_test(only_a_cleared_authenticated_plate_is_let_through),
        cmocka_unit_test(a_hit_takes_no_inspection_off_a_vehicle),
        cmocka_unit_test(a_hit_is_never_swallowed),
        cmocka_unit_test(conditions_that_contradict_each_other),
        cmocka_unit_test(words_that_are_no_values),
        cmocka_unit_test(a_wrong_example_refuses_the_file),
        cmocka_unit_test(every_rule_needs_an_example),
        cmocka_unit_test(two_rules_of_one_name),
        cmocka_unit_test(a_ninth_random_rule_is_refused),
        cmocka_unit_test(a_good_file_evaluates),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(the_options_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
