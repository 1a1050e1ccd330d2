/*
 * Decisions: merging over the hits of one passage, names and card texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/model/decision.h"

static struct decision sounding_hold(void)
{
    struct decision d;
    decision_init(&d);
    d.level = ALERT_SOUNDING;
    d.hold = true;
    d.siren = true;
    d.strobe = true;
    d.lights = DECISION_LIGHTS_RED;
    d.escalate_after_ms = 30000;
    d.forward = FORWARD_URGENT;
    memcpy(d.rule, "stop-exact", sizeof("stop-exact"));
    return d;
}

static struct decision quiet_suspected(void)
{
    struct decision d;
    decision_init(&d);
    d.level = ALERT_QUIET;
    d.marks = MARK_SUSPECTED;
    d.lights = DECISION_LIGHTS_YELLOW;
    memcpy(d.rule, "suspected", sizeof("suspected"));
    return d;
}

static void the_stronger_alert_gives_level_and_rule(void **state)
{
    (void)state;
    struct decision d = quiet_suspected();
    struct decision strong = sounding_hold();
    decision_merge(&d, &strong);
    assert_int_equal(d.level, ALERT_SOUNDING);
    assert_string_equal(d.rule, "stop-exact");
    assert_true(d.hold && d.siren && d.strobe);
    assert_int_equal(d.marks, 0);
    assert_int_equal(d.lights, DECISION_LIGHTS_RED);
    assert_int_equal(d.escalate_after_ms, 30000);
    assert_int_equal(d.forward, FORWARD_URGENT);

    struct decision weak = quiet_suspected();
    decision_merge(&strong, &weak);
    assert_string_equal(strong.rule, "stop-exact");
    assert_int_equal(strong.lights, DECISION_LIGHTS_RED);
}

static void officer_risk_silences_the_outside_of_all(void **state)
{
    (void)state;
    struct decision risk;
    decision_init(&risk);
    risk.level = ALERT_SILENT;
    risk.marks = MARK_OFFICER_RISK;
    risk.backup = true;
    risk.escalate_after_ms = 0;
    struct decision a = sounding_hold();
    decision_merge(&a, &risk);
    struct decision b = risk;
    struct decision loud = sounding_hold();
    decision_merge(&b, &loud);
    const struct decision *both[] = {&a, &b};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(both[i]->level, ALERT_SILENT);
        assert_false(both[i]->siren);
        assert_false(both[i]->strobe);
        assert_true(both[i]->hold);
        assert_true(both[i]->backup);
        assert_int_equal(both[i]->escalate_after_ms, 0);
    }
}

static void raise_needs_both(void **state)
{
    (void)state;
    struct decision open;
    decision_init(&open);
    open.raise = true;
    struct decision other = open;
    decision_merge(&other, &open);
    assert_true(other.raise);
    struct decision hit = quiet_suspected();
    decision_merge(&other, &hit);
    assert_false(other.raise);
}

static void names_and_card_texts(void **state)
{
    (void)state;
    assert_string_equal(alert_level_name(ALERT_SOUNDING), "sounding");
    assert_string_equal(decision_lights_name(DECISION_LIGHTS_YELLOW), "yellow");
    assert_string_equal(decision_forward_name(FORWARD_URGENT), "urgent");
    assert_string_equal(decision_mark_name(MARK_LIST_STALE), "list_stale");
    assert_string_equal(decision_mark_text(MARK_CLASS_UNVERIFIED), "种类未核");
    assert_null(alert_level_name((enum alert_level)9));
    assert_null(decision_mark_name((enum decision_mark)3));
    char text[DECISION_MARKS_TEXT_SIZE];
    decision_marks_format(MARK_SUSPECTED | MARK_CLOCK_UNTRUSTED, text);
    assert_string_equal(text, "疑似 时钟不可信");
    decision_marks_format(0, text);
    assert_string_equal(text, "");
    decision_marks_format(UINT32_MAX, text);
    assert_non_null(strstr(text, "名单过期"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stronger_alert_gives_level_and_rule),
        cmocka_unit_test(officer_risk_silences_the_outside_of_all),
        cmocka_unit_test(raise_needs_both),
        cmocka_unit_test(names_and_card_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
