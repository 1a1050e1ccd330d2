/* Code tables: the shipped file is good, a bad one is refused at its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/config/config.h"
#include "gateway/handling/codes.h"

static const char shipped[] = "rules/default/codes.yaml"; /* tests run in the repository's root */

static void the_table_is_sound(void **state)
{
    (void)state;
    struct err_text err = {{0}};
    int result = config_section_check(&codes_section, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(result, 0);
}

static void the_shipped_tables_load(void **state)
{
    (void)state;
    static struct codes codes;
    struct err_text err = {{0}};
    int result = codes_load(shipped, &codes, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(result, 0);
    assert_true(codes_find(&codes, CODES_REJECT, "plate_differs")->misread);
    assert_false(codes_find(&codes, CODES_REJECT, "vehicle_differs")->misread);
    assert_string_equal(codes_find(&codes, CODES_NOT_INTERCEPTED, "ran_through")->zh, "闯卡");
    assert_null(codes_find(&codes, CODES_OUTCOME, "ran_through"));
    assert_null(codes_find(&codes, CODES_OUTCOME, NULL));
    json_t *json = codes_json(&codes);
    assert_int_equal(json_object_size(json), CODES_COUNT);
    for (int i = 0; i < CODES_COUNT; i++) {
        assert_true(
            json_array_size(json_object_get(json, codes_table_name((enum code_table_id)i))) > 0);
    }
    json_decref(json);
}

static char *read_shipped(void)
{
    static char text[32768];
    FILE *file = fopen(shipped, "re");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    assert_int_equal(fclose(file), 0);
    text[size] = '\0';
    return text;
}

/* The shipped file with one place changed; the error without its file's name. */
static void check_refused(const char *from, const char *to, const char *expected)
{
    static char changed[32768];
    static struct codes codes;
    struct err_text err = {{0}};
    char *text = read_shipped();
    char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    assert_int_equal(
        config_parse("codes.yaml", changed, strlen(changed), &codes_section, &codes, &err),
        ERR_INVALID);
    if (!strstr(err.text, expected)) {
        fail_msg("'%s' has no '%s'", err.text, expected);
    }
}

static void a_bad_table_is_refused_at_its_line(void **state)
{
    (void)state;
    check_refused("code: plate_differs", "code: Plate-differs",
                  "codes.yaml:6: reject[0].code = 'Plate-differs': not a code");
    check_refused(", misread: true}", "}", "codes.yaml:6: reject[0].misread: missing");
    check_refused("zh: 测试车辆, ", "", "reject[6].zh: missing");
    check_refused("code: withdrawn", "code: plate_differs", "plate_differs");
    check_refused("suspect:\n", "suspekt:\n", "unknown key, did you mean 'suspect'?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(the_shipped_tables_load),
        cmocka_unit_test(a_bad_table_is_refused_at_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
