/*
 * The rule files that come with the product load, so their examples hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "rules/rules.h"

static void loads(const char *path, const char *title, size_t rules, size_t examples)
{
    struct rule_set *set = NULL;
    struct err_text err = {""};
    int rc = rules_load(path, &set, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, ERR_OK);
    assert_string_equal(rules_title(set), title);
    assert_int_equal(rules_count(set), rules);
    assert_int_equal(rules_example_count(set), examples);
    rules_destroy(set);
}

static void the_default_files_load_with_their_examples(void **state)
{
    (void)state;
    loads("rules/default/default.yaml", "默认规则 / default rules", 8, 19);
    loads("rules/default/inspection.yaml", "抽检 / random inspection", 9, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_files_load_with_their_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
