/*
 * The CSV reader: every rule of RFC 4180 it keeps, every fault with its place, limits at their
 * edge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/hqctl/csv.h"

static struct csv_reader reader;
static struct csv_row row;
static struct err_text err;

static void open_bytes(const char *text, size_t size)
{
    assert_int_equal(csv_open(&reader, "x.csv", text, size, &err), 0);
}

static void open_text(const char *text)
{
    open_bytes(text, strlen(text));
}

/* The next row's fields joined by '|'. */
static void expect_row(const char *joined)
{
    char text[256] = "";
    if (csv_next(&reader, &row, &err) != 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < row.count; i++) {
        assert_int_equal(strlen(row.fields[i].text), row.fields[i].size);
        strncat(text, i ? "|" : "", sizeof(text) - strlen(text) - 1);
        strncat(text, row.fields[i].text, sizeof(text) - strlen(text) - 1);
    }
    assert_string_equal(text, joined);
}

static void expect_end(void)
{
    assert_int_equal(csv_next(&reader, &row, &err), ERR_NOT_FOUND);
}

static void expect_fault(const char *text, size_t size, const char *message)
{
    int rc = csv_open(&reader, "x.csv", text, size, &err);
    while (rc == 0)
        rc = csv_next(&reader, &row, &err);
    assert_int_not_equal(rc, ERR_NOT_FOUND);
    assert_string_equal(err.text, message);
}

static void rows_and_fields(void **state)
{
    (void)state;
    open_text("a,b,c\r\n1,,3\n\n,\nlast,row,without end");
    expect_row("a|b|c");
    expect_row("1||3");
    expect_row("");
    expect_row("|");
    expect_row("last|row|without end");
    expect_end();
    open_text("");
    expect_end();
    open_text("a,");
    expect_row("a|");
    expect_end();
}

static void quotes(void **state)
{
    (void)state;
    open_text("\"a,b\",\"say \"\"no\"\"\",\"\"\r\n\"two\r\nlines\",x\n\"end\"");
    expect_row("a,b|say \"no\"|");
    expect_row("two\r\nlines|x");
    expect_row("end");
    expect_end();
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    open_text("\xEF\xBB\xBF\"a\",b");
    expect_row("a|b");
    assert_int_equal(row.fields[0].column, 1);
}

static void places_count_characters_and_lines(void **state)
{
    (void)state;
    open_text("鲁H,\"x\ny\",z\nq,r");
    expect_row("鲁H|x\ny|z");
    assert_int_equal(row.fields[1].line, 1);
    assert_int_equal(row.fields[1].column, 4);
    assert_int_equal(row.fields[2].line, 2);
    assert_int_equal(row.fields[2].column, 4);
    expect_row("q|r");
    assert_int_equal(row.fields[1].line, 3);
    assert_int_equal(row.fields[1].column, 3);
}

static void malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size; /* 0: up to the NUL */
        const char *message;
    } cases[] = {
        {"a,\"b", 0, "x.csv:1:3: the quote opened here is never closed"},
        {"a,\"b\nc", 0, "x.csv:1:3: the quote opened here is never closed"},
        {"\"a\" ,b", 0, "x.csv:1:4: text behind a closing quote, expected a comma"},
        {"a\rb", 0, "x.csv:1:2: carriage return alone, expected CRLF or LF"},
        {"a\r", 0, "x.csv:1:2: carriage return alone, expected CRLF or LF"},
        {"a\n\tb\x01", 0, "x.csv:2:3: control character 0x01"},
        {"a\0b", 3, "x.csv:1:2: control character 0x00"},
        {"\"a\0b\"", 5, "x.csv:1:3: control character 0x00"},
        {"\xFE\xFF\0a", 4, "x.csv:1:1: UTF-16, expected UTF-8: save it as 'CSV UTF-8'"},
        {"\xFF\xFE\x61\0", 4, "x.csv:1:1: UTF-16, expected UTF-8: save it as 'CSV UTF-8'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_fault(cases[i].text, cases[i].size ? cases[i].size : strlen(cases[i].text),
                     cases[i].message);
    assert_string_equal(reader.fault_reason, "UTF-16, expected UTF-8: save it as 'CSV UTF-8'");
}

/* Table 3-7 of the Unicode standard: overlong, surrogate, beyond U+10FFFF, cut short. */
static void invalid_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80",         "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80", "\xF5\x80", "\xE9\xB2", "\xFF",         "\xC2",         "\xE1\x80z"};
    static const char *const good[] = {
        "\x7E",         "\xC2\x80",     "\xE0\xA0\x80",     "\xED\x9F\xBF",
        "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[16] = "a,";
        char message[128];
        memcpy(text + 2, bad[i], strlen(bad[i]) + 1);
        (void)snprintf(message, sizeof(message),
                       "x.csv:1:3: byte 0x%02X is no UTF-8, expected UTF-8: save it as 'CSV UTF-8'",
                       (unsigned char)bad[i][0]); /* fits */
        expect_fault(text, strlen(text), message);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        open_text(good[i]);
        expect_row(good[i]);
    }
}

static void limits(void **state)
{
    (void)state;
    char commas[CSV_FIELDS_MAX + 1];
    memset(commas, ',', sizeof(commas));
    open_bytes(commas, CSV_FIELDS_MAX - 1);
    assert_int_equal(csv_next(&reader, &row, &err), 0);
    assert_int_equal(row.count, CSV_FIELDS_MAX);
    expect_fault(commas, CSV_FIELDS_MAX, "x.csv:1:65: more than 64 fields in a row");
    char *wide = malloc(CSV_ROW_MAX);
    assert_non_null(wide);
    memset(wide, 'x', CSV_ROW_MAX);
    open_bytes(wide, CSV_ROW_MAX - 2);
    assert_int_equal(csv_next(&reader, &row, &err), 0);
    assert_int_equal(row.fields[0].size, CSV_ROW_MAX - 2);
    assert_int_equal(csv_open(&reader, "x.csv", wide, CSV_ROW_MAX, &err), 0);
    assert_int_equal(csv_next(&reader, &row, &err), ERR_TOO_LARGE);
    assert_string_equal(err.text, "x.csv:1:32768: row above 32768 bytes");
    free(wide);
    assert_int_equal(csv_open(&reader, "x.csv", "", (size_t)CSV_FILE_MAX + 1, &err), ERR_TOO_LARGE);
    assert_string_equal(err.text, "x.csv: 67108865 bytes, expected at most 67108864");
    char *lines = malloc(CSV_LINES_MAX + 1);
    assert_non_null(lines);
    memset(lines, '\n', CSV_LINES_MAX + 1);
    expect_fault(lines, CSV_LINES_MAX + 1, "x.csv:1000001:1: more than 1000000 lines");
    free(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_fields),
        cmocka_unit_test(quotes),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(places_count_characters_and_lines),
        cmocka_unit_test(malformed),
        cmocka_unit_test(invalid_utf8),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
