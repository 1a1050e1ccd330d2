/*
 * The rule files that come with the product load, so their examples hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/file.h"
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
    loads("rules/default/inspection.yaml", "抽检 / random inspection", 9, 13);
}

static void the_example_of_the_manual_loads_with_its_examples(void **state)
{
    (void)state;
    static const char begin[] = "```yaml\n";
    uint8_t *page = NULL;
    size_t size = 0;
    struct rule_set *set = NULL;
    struct err_text err = {""};
    assert_int_equal(file_read("rules/README.md", 1 << 20, &page, &size, &err), 0);
    const char *from = strstr((const char *)page, begin);
    assert_non_null(from);
    from += sizeof(begin) - 1;
    const char *to = strstr(from, "```");
    assert_non_null(to);
    int rc = rules_parse("README.md", from, (size_t)(to - from), &set, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, ERR_OK);
    assert_int_equal(rules_count(set), 3);
    assert_int_equal(rules_example_count(set), 4);
    rules_destroy(set);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_files_load_with_their_examples),
        cmocka_unit_test(the_example_of_the_manual_loads_with_its_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
