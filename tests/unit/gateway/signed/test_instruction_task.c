/* What instructions ask for: each kind's body, field by field; nothing else is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/signed/instruction_task.h"

static struct err_text err;

static int read_task(const char *kind, const char *body, struct instruction_task *out)
{
    struct instruction i = {.body = json_loads(body, 0, NULL)};
    assert_non_null(i.body);
    (void)snprintf(i.kind, sizeof(i.kind), "%s", kind);
    err.text[0] = '\0';
    int rc = instruction_read_task(&i, out, &err);
    instruction_fini(&i);
    return rc;
}

static void assert_refused(const char *kind, const char *body, int rc, const char *why)
{
    struct instruction_task task = {.lane = 99};
    assert_int_equal(read_task(kind, body, &task), rc);
    assert_string_equal(err.text, why);
    assert_int_equal(task.lane, 99);
}

static void each_kind_is_read(void **state)
{
    (void)state;
    struct instruction_task task;
    assert_int_equal(read_task("message", "{\"lane\":3,\"text\":\"x\"}", &task), 0);
    assert_true(task.kind == INSTRUCTION_MESSAGE && task.lane == 3);
    assert_int_equal(read_task("message", "{\"text\":\"x\"}", &task), 0);
    assert_int_equal(task.lane, 0);
    assert_int_equal(read_task("hold", "{\"lane\":2,\"reason\":\"r\"}", &task), 0);
    assert_true(task.kind == INSTRUCTION_HOLD && task.lane == 2 && task.plate == 0);
    assert_int_equal(read_task("hold", "{\"plate\":\"鲁H12345\",\"reason\":\"r\"}", &task), 0);
    assert_true(task.lane == 0 && task.plate != 0);
    assert_int_equal(read_task("status", "{}", &task), 0);
    assert_int_equal(task.kind, INSTRUCTION_STATUS);
    assert_int_equal(
        read_task("verdict",
                  "{\"checked\":\"2026-11-26T12:00:00.000Z\",\"entry\":7,\"hold\":true,"
                  "\"place\":\"p\",\"plate\":\"鲁H12345\",\"verdict\":\"found\"}",
                  &task),
        0);
    assert_true(task.kind == INSTRUCTION_VERDICT && task.entry == 7 && task.holds);
    assert_int_equal(task.verdict, INSTRUCTION_FOUND);
}

static void an_agreement_is_about_one_thing(void **state)
{
    (void)state;
    struct instruction_task task;
    assert_int_equal(
        read_task("agree",
                  "{\"agrees\":true,\"hold\":9,\"note\":\"n\",\"question\":3,\"what\":\"release\"}",
                  &task),
        0);
    assert_true(task.kind == INSTRUCTION_AGREE && task.agrees && task.subject == 9 &&
                task.asked == 3);
    assert_int_equal(task.question, INSTRUCTION_RELEASE);
    assert_int_equal(
        read_task("agree",
                  "{\"agrees\":false,\"hit\":8,\"note\":\"n\",\"question\":3,\"what\":\"confirm\"}",
                  &task),
        0);
    assert_true(task.question == INSTRUCTION_CONFIRM && !task.agrees && task.subject == 8);
    assert_refused("agree",
                   "{\"agrees\":true,\"hit\":9,\"note\":\"n\",\"question\":3,\"what\":\"release\"}",
                   ERR_INVALID, "agree: unknown field 'hit'");
    assert_refused("agree",
                   "{\"agrees\":true,\"hold\":9,\"note\":\"n\",\"question\":3,\"what\":\"reject\"}",
                   ERR_INVALID, "agree: unknown field 'hold'");
    assert_refused("agree",
                   "{\"agrees\":true,\"hold\":9,\"note\":\"n\",\"question\":3,\"what\":\"raise\"}",
                   ERR_INVALID, "agree: what: expected release, reject or confirm");
    assert_refused("agree", "{\"hold\":9,\"note\":\"n\",\"question\":3,\"what\":\"release\"}",
                   ERR_INVALID, "agree: agrees: missing");
    assert_refused("agree", "{\"agrees\":true,\"hold\":9,\"question\":3,\"what\":\"release\"}",
                   ERR_INVALID, "agree: note: missing, expected text");
}

static void what_is_not_known_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const kinds[] = {"raise", "lower", "release", "open", "ack", "Hold", ""};
    char why[128];
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        (void)snprintf(why, sizeof(why),
                       "kind '%s': not known here, expected message, hold, status, verdict, agree",
                       kinds[i]);
        assert_refused(kinds[i], "{\"lane\":1,\"reason\":\"r\"}", ERR_UNSUPPORTED, why);
    }
    assert_refused("hold", "{\"lane\":1,\"reason\":\"r\",\"release\":7}", ERR_INVALID,
                   "hold: unknown field 'release'");
    assert_refused("status", "{\"raise\":true}", ERR_INVALID, "status: unknown field 'raise'");
    assert_refused("message", "{\"text\":\"x\",\"zh\":\"x\"}", ERR_INVALID,
                   "message: unknown field 'zh'");
}

static void a_field_out_of_range_is_named(void **state)
{
    (void)state;
    static const char verdict[] = "{\"checked\":\"2026-11-26T12:00:00.000Z\",\"entry\":7,%"
                                  "s\"place\":\"p\",%s\"verdict\":\"%s\"}";
    char body[256];
    assert_refused("message", "{}", ERR_INVALID, "message: text: missing, expected text");
    assert_refused("message", "{\"text\":\"  \"}", ERR_INVALID, "message: text: blank");
    assert_refused("hold", "{\"lane\":1}", ERR_INVALID, "hold: reason: missing, expected text");
    assert_refused("hold", "{\"reason\":\"r\"}", ERR_INVALID,
                   "hold: expected either lane or plate");
    assert_refused("hold", "{\"lane\":1,\"plate\":\"鲁H12345\",\"reason\":\"r\"}", ERR_INVALID,
                   "hold: expected either lane or plate");
    assert_refused("hold", "{\"lane\":0,\"reason\":\"r\"}", ERR_INVALID,
                   "hold: lane: 0 out of range, expected 1 .. 64");
    assert_refused("hold", "{\"plate\":\"鲁H1?345\",\"reason\":\"r\"}", ERR_INVALID,
                   "hold: plate: not a whole plate");
    (void)snprintf(body, sizeof(body), verdict, "\"hold\":false,", "", "found");
    assert_refused("verdict", body, ERR_INVALID, "verdict: plate: missing");
    (void)snprintf(body, sizeof(body), verdict, "", "\"plate\":\"鲁H12345\",", "found");
    assert_refused("verdict", body, ERR_INVALID, "verdict: hold: missing");
    (void)snprintf(body, sizeof(body), verdict, "\"hold\":false,", "\"plate\":\"鲁H12345\",", "no");
    assert_refused("verdict", body, ERR_INVALID,
                   "verdict: verdict: expected false_alarm, entry_wrong or found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_kind_is_read),
                                       cmocka_unit_test(an_agreement_is_about_one_thing),
                                       cmocka_unit_test(what_is_not_known_is_refused_by_name),
                                       cmocka_unit_test(a_field_out_of_range_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
