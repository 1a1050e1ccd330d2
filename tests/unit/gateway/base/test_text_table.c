/* Columns, wrapping and tables with wide characters; nothing that could command a terminal. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text_table.h"

static int use_utf8(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static void wide_characters_take_two_columns(void **state)
{
    (void)state;
    assert_int_equal(text_columns(""), 0);
    assert_int_equal(text_columns("H12345"), 6);
    assert_int_equal(text_columns("鲁H12345"), 8);
    assert_int_equal(text_columns("（疑似）"), 8);
    assert_int_equal(text_columns("a\xff\x1b"), 3); /* shown as "a??" */
}

/* What `print` writes, compared. */
#define ASSERT_PRINTS(expected, print)                                                             \
    do {                                                                                           \
        char *text_ = NULL;                                                                        \
        size_t size_ = 0;                                                                          \
        FILE *out = open_memstream(&text_, &size_);                                                \
        assert_non_null(out);                                                                      \
        print;                                                                                     \
        fclose(out);                                                                               \
        assert_string_equal(text_, expected);                                                      \
        free(text_);                                                                               \
    } while (0)

static void control_characters_and_bad_utf8_are_question_marks(void **state)
{
    (void)state;
    const char text[] = "a\x1b[2Jb\xe9\xb2\r鲁";
    ASSERT_PRINTS("a?[2Jb???鲁", text_print(out, text, strlen(text)));
    ASSERT_PRINTS("?", text_print(out, "鲁", 1)); /* cut in the middle */
}

static void text_wraps_at_spaces_and_between_wide_characters(void **state)
{
    (void)state;
    ASSERT_PRINTS("one two\n  three", text_wrap(out, "one two three", 2, 9));
    ASSERT_PRINTS("one two\nthree", text_wrap(out, "one two three", 0, 7));
    ASSERT_PRINTS("栏杆\n状态\n未知", text_wrap(out, "栏杆状态未知", 0, 5));
    ASSERT_PRINTS("栏杆\nraised", text_wrap(out, "栏杆raised", 0, 7));
    ASSERT_PRINTS("abcd\nefg", text_wrap(out, "abcdefg", 0, 4));
    ASSERT_PRINTS("", text_wrap(out, "", 4, 10));
    ASSERT_PRINTS("鲁\nH", text_wrap(out, "鲁H", 0, 1)); /* narrower than a character */
}

static void columns_line_up(void **state)
{
    const char *titles[] = {">NO", "PLATE", "WHY"};
    const char *first[] = {"1", "鲁H12345", "被盗抢"};
    const char *second[] = {"22", "AB", NULL};
    struct text_table *table = NULL;
    (void)state;
    assert_int_equal(text_table_create(titles, 3, &table), 0);
    assert_int_equal(text_table_add(table, first), 0);
    assert_int_equal(text_table_add(table, second), 0);
    ASSERT_PRINTS("NO  PLATE     WHY\n"
                  " 1  鲁H12345  被盗抢\n"
                  "22  AB        \n",
                  text_table_print(table, out, 80));
    text_table_destroy(table);
    text_table_destroy(NULL);
}

static void the_last_column_wraps_into_the_screen(void **state)
{
    const char *titles[] = {"PART", "DETAIL"};
    const char *row[] = {"list", "revision 12, current, signed today"};
    struct text_table *table = NULL;
    (void)state;
    assert_int_equal(text_table_create(titles, 2, &table), 0);
    assert_int_equal(text_table_add(table, row), 0);
    ASSERT_PRINTS("PART  DETAIL\n"
                  "list  revision 12, current,\n"
                  "      signed today\n",
                  text_table_print(table, out, 30));
    text_table_destroy(table);
}

static void more_columns_than_there_are_is_refused(void **state)
{
    const char *titles[TEXT_TABLE_COLUMNS_MAX + 1];
    struct text_table *table = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
        titles[i] = "X";
    assert_int_equal(text_table_create(titles, TEXT_TABLE_COLUMNS_MAX + 1, &table), ERR_TOO_LARGE);
    assert_int_equal(text_table_create(titles, 0, &table), ERR_TOO_LARGE);
    assert_null(table);
    assert_int_equal(text_table_create(titles, TEXT_TABLE_COLUMNS_MAX, &table), 0);
    text_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_characters_take_two_columns),
        cmocka_unit_test(control_characters_and_bad_utf8_are_question_marks),
        cmocka_unit_test(text_wraps_at_spaces_and_between_wide_characters),
        cmocka_unit_test(columns_line_up),
        cmocka_unit_test(the_last_column_wraps_into_the_screen),
        cmocka_unit_test(more_columns_than_there_are_is_refused),
    };
    return cmocka_run_group_tests(tests, use_utf8, NULL);
}
