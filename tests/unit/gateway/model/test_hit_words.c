/* A hit in words: its odds, and how the read differs from the listed plate, in both languages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/model/hit.h"

static plate_key key_of(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    assert_int_equal(plate.kind, PLATE_KEY);
    return plate.key;
}

static void test_odds(void **state)
{
    (void)state;
    static const struct {
        int16_t odds_db;
        const char *en;
        const char *zh;
    } cases[] = {
        {300, "almost certainly this plate", "几乎可以肯定是此车牌"},
        {20, "almost certainly this plate", "几乎可以肯定是此车牌"},
        {19, "very likely this plate", "很可能是此车牌"},
        {7, "very likely this plate", "很可能是此车牌"},
        {6, "more likely than not: check by eye", "较可能是此车牌，请目视核对"},
        {0, "more likely than not: check by eye", "较可能是此车牌，请目视核对"},
        {-1, "possible: check by eye", "有可能，请目视核对"},
        {-10, "possible: check by eye", "有可能，请目视核对"},
        {-11, "unlikely: check by eye", "可能性小，请目视核对"},
        {-300, "unlikely: check by eye", "可能性小，请目视核对"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(match_odds_words(cases[i].odds_db, MATCH_CANDIDATE), cases[i].en);
        assert_string_equal(match_odds_words_zh(cases[i].odds_db, MATCH_CANDIDATE), cases[i].zh);
    }
    assert_string_equal(match_odds_words(MATCH_ODDS_NONE, MATCH_EXACT), "odds not judged");
    assert_string_equal(match_odds_words(MATCH_ODDS_NONE, MATCH_PARTIAL),
                        "odds not judged: check by eye");
    assert_string_equal(match_odds_words_zh(MATCH_ODDS_NONE, MATCH_EXACT), "未评估可能性");
    assert_string_equal(match_odds_words_zh(MATCH_ODDS_NONE, MATCH_LOOK_ALIKE),
                        "未评估可能性，请目视核对");
}

static void test_differs(void **state)
{
    (void)state;
    static const struct {
        const char *entry;
        const char *read;
        uint16_t differs;
        const char *en;
        const char *zh;
    } cases[] = {
        {"ABC103", "ABC103", 0, "", ""},
        {"ABC103", "ABC1O3", 1 << 4, "O read for 0 at position 5", "第5位：读作 O，名单为 0"},
        {"ABC103", "BC1O3", 1 << 0 | 1 << 4, "A not read at position 1; O read for 0 at position 5",
         "第1位：A 未读出；第5位：读作 O，名单为 0"},
        {"ABC103", "1ABC103", 0, "1 read before position 1", "第1位之前多读出 1"},
        {"ABC103", "ABC1037", 0, "7 read behind the last", "末位之后多读出 7"},
        {"ABC103", "ABC1", 3 << 4, "0 not read at position 5; 3 not read at position 6",
         "第5位：0 未读出；第6位：3 未读出"},
        {"ABC103", "AB?103", 1 << 2, "C not read at position 3", "第3位：C 未读出"},
        {"ABC103", "A18C103", 1 << 1, "1 read before position 2; 8 read for B at position 2",
         "第2位之前多读出 1；第2位：读作 8，名单为 B"},
        {"云A12345", "京A12345", 1 << 0, "京 read for 云 at position 1",
         "第1位：读作 京，名单为 云"},
        /* The symbol read in place of one that stands next to it as well. */
        {"鲁H8B888", "鲁H88888", 1 << 3, "8 read for B at position 4", "第4位：读作 8，名单为 B"},
        {"B10B", "110B", 1 << 0, "1 read for B at position 1", "第1位：读作 1，名单为 B"},
        {"111BB1AB", "111BBAAB", 1 << 5, "A read for 1 at position 6", "第6位：读作 A，名单为 1"},
        {"ABC100", "ABC1000", 0, "0 read before position 5", "第5位之前多读出 0"},
        {"ABC100", "ABC10", 1 << 4, "0 not read at position 5", "第5位：0 未读出"},
        {"A?C103", "AXC108", 1 << 5, "8 read for 3 at position 6", "第6位：读作 8，名单为 3"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[MATCH_DIFFERS_TEXT_SIZE];
        plate_key entry = key_of(cases[i].entry);
        plate_key read = key_of(cases[i].read);
        match_differs_text(entry, read, cases[i].differs, text);
        assert_string_equal(text, cases[i].en);
        match_differs_text_zh(entry, read, cases[i].differs, text);
        assert_string_equal(text, cases[i].zh);
    }
}

/* Whatever the message says differs, the text is whole and has an end. */
static void test_any_differs(void **state)
{
    (void)state;
    const plate_key reads[] = {0, key_of("1Z9"), key_of("ABCDE12345"), key_of("民航AA0125")};
    for (unsigned differs = 0; differs < 1 << PLATE_SYMBOLS_MAX; differs++) {
        for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
            char text[MATCH_DIFFERS_TEXT_SIZE];
            match_differs_text_zh(key_of("XYZUV67890"), reads[i], (uint16_t)differs, text);
            assert_true(strlen(text) < sizeof(text));
            match_differs_text(key_of("XYZUV67890"), reads[i], (uint16_t)differs, text);
            assert_true(strlen(text) < sizeof(text));
            assert_true(differs == 0 || strstr(text, " at position ") != NULL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odds),
        cmocka_unit_test(test_differs),
        cmocka_unit_test(test_any_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
