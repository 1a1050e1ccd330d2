/* The officers' terms: both languages of each, no code twice, found by code and by group and name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/model/decision.h"
#include "gateway/model/glossary.h"
#include "gateway/model/hit.h"
#include "gateway/model/wanted.h"

static bool is_code(const char *code)
{
    return code[0] != '\0' && strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(code);
}

static void every_term_has_a_code_and_both_languages(void **state)
{
    (void)state;
    size_t count = 0;
    const struct glossary_term *terms = glossary_table(&count);
    assert_true(count > 50);
    for (size_t i = 0; i < count; i++) {
        assert_true(is_code(terms[i].code));
        assert_true(terms[i].zh[0] != '\0');
        assert_true(terms[i].en[0] != '\0');
        assert_ptr_equal(glossary_find(terms[i].code), &terms[i]); /* the first of that code */
    }
}

static void a_term_is_found_by_group_and_name(void **state)
{
    (void)state;
    assert_string_equal(glossary_of("role", "leader")->zh, "带班领导");
    assert_null(glossary_of("role", "nobody"));
    assert_null(glossary_of("role", NULL));
    assert_null(glossary_find(""));
    assert_null(
        glossary_of("role", "a_name_longer_than_any_code_of_the_table_could_be_at_all_and_more"));
}

/* Code takes these for granted. */
static void what_the_model_names_has_a_term(void **state)
{
    (void)state;
    for (int i = 0; i < MARK_COUNT; i++)
        assert_non_null(decision_mark_text((enum decision_mark)(1u << i)));
    for (int i = MATCH_EXACT; match_kind_name((enum match_kind)i); i++)
        assert_non_null(glossary_of("match", match_kind_name((enum match_kind)i)));
    for (int db = -200; db <= 200; db++)
        assert_non_null(match_odds_words_zh((int16_t)db, MATCH_EXACT));
    for (int i = 0; i < CATEGORY_COUNT; i++)
        assert_non_null(glossary_of("category", wanted_category_name((uint16_t)i)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_term_has_a_code_and_both_languages),
        cmocka_unit_test(a_term_is_found_by_group_and_name),
        cmocka_unit_test(what_the_model_names_has_a_term),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
