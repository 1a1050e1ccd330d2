/* Every format and special case of Chinese and foreign plates, and property tests both ways. The
 * seed of the property tests is printed and can be set by CHECKPOINT_SEED. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/model/plate_key.h"
#include "gateway/model/plate_symbols.h"

static struct plate_text encode_dash(const char *text, enum plate_dash dash)
{
    struct plate_text out;
    plate_encode(text, strlen(text), dash, &out);
    return out;
}

static struct plate_text encode(const char *text)
{
    return encode_dash(text, PLATE_DASH_AUTO);
}

/* The canonical text of what `text` encodes to. */
static void assert_canonical(const char *text, const char *expected)
{
    struct plate_text got = encode(text);
    char decoded[PLATE_TEXT_SIZE] = "(no key)";
    if (got.kind == PLATE_KEY)
        assert_int_equal(plate_decode(got.key, decoded), 0);
    if (strcmp(decoded, expected) != 0)
        fail_msg("'%s' encodes to '%s', expected '%s'", text, decoded, expected);
}

static void assert_kind(const char *text, enum plate_text_kind kind)
{
    struct plate_text got = encode(text);
    if (got.kind != kind || got.key != 0)
        fail_msg("'%s' is of kind %d, expected %d", text, (int)got.kind, (int)kind);
}

static void every_format_has_a_key_and_its_own_text(void **state)
{
    (void)state;
    static const char *const plates[] = {
        "鲁H12345",    "鲁R8K6Q2",    "豫J0A317",   "鲁HD0786",     "豫JA2290",     "鲁HD12345",
        "鲁HFA1234",   "鲁HA01234",   "鲁H12345D",  "鲁H06789F",    "川A12345F",    "鲁Q7253挂",
        "鲁H1234挂",   "豫JK012挂",   "浙C2314学",  "鲁H0123学",    "鲁R8080学",    "川A0001警",
        "鲁HA001警",   "鲁O0012警",   "224578使",   "014001使",     "使014578",     "鲁B0023领",
        "沪A0017领",   "粤A1234领",   "粤ZA123港",  "粤Z1234澳",    "粤ZF023澳",    "琼X1234应急",
        "鲁X0119应急", "鲁S0033应急", "WJ鲁12345",  "WJ鲁1234X",    "WJ1234J",      "KA12345",
        "VA00123",     "NB98765",     "海A12345",   "济A00123",     "军A12345",     "鲁HA2B34",
        "鲁R00123",    "鲁RC0412",    "豫J20013",   "京0100001",    "鲁0812345",    "鲁1700001",
        "民航AA0125",  "民航AA7017",  "民航BA0031", "场内京A00001", "场内鲁H00012", "连港A0018",
        "苏A1234试",   "冀A1234超",   "云A12345",   "桂A00123",     "新A12345",     "7ABC123",
        "AB12CDE",     "BAB1234",
    };
    for (size_t i = 0; i < sizeof plates / sizeof plates[0]; i++)
        assert_canonical(plates[i], plates[i]);
}

static void keys_are_fixed_for_ever(void **state)
{
    (void)state;
    /* Symbols: 鲁 = 53, H = 18, 1 = 2, … in 7 bits from bit 62 down. */
    assert_true(
        encode("鲁H12345").key ==
        (((((((UINT64_C(53) << 7 | 18) << 7 | 2) << 7 | 3) << 7 | 4) << 7 | 5) << 7 | 6) << 14));
    /* Ten alphanumerics: top bit and 6 bits each, A = 11, 1 = 2. */
    assert_true(encode("ABCDEFGH12").key ==
                (UINT64_C(1) << 63 | UINT64_C(11) << 54 | UINT64_C(12) << 48 | UINT64_C(13) << 42 |
                 UINT64_C(14) << 36 | UINT64_C(15) << 30 | UINT64_C(16) << 24 | UINT64_C(17) << 18 |
                 UINT64_C(18) << 12 | 2 << 6 | 3));
    assert_int_equal(plate_symbol_of(0x65B0), PLATE_SYMBOL_PROVINCE_LAST); /* 新 */
    assert_int_equal(plate_symbol_of(0x8B66), PLATE_SYMBOL_SPECIAL_FIRST); /* 警 */
}

static void alphanumerics_have_one_key_whatever_the_class(void **state)
{
    (void)state;
    assert_true(encode("KA12345").key == encode("ka 12345").key);
    assert_true(encode("WJ·1234J").key == encode("WJ1234J").key);
}

static void w_or_j_alone_unread_still_encodes(void **state)
{
    (void)state;
    assert_canonical("W?鲁12345", "W?鲁12345");
    assert_canonical("?J鲁12345", "?J鲁12345");
    assert_int_equal(encode("W?鲁12345").unread_symbols, 1);
}

static void unread_characters_stay_in_their_places(void **state)
{
    (void)state;
    assert_canonical("?H12345", "?H12345");
    assert_canonical("鲁H1?345", "鲁H1?345");
    assert_canonical("鲁H1234?", "鲁H1234?");
    assert_canonical("？Ｈ１２３４５", "?H12345");
    assert_true(plate_has_unread(encode("鲁H1234?").key));
    assert_false(plate_has_unread(encode("鲁H12345").key));
}

static void dash_is_a_separator_only_between_prefix_and_full_serial(void **state)
{
    (void)state;
    assert_canonical("鲁H-12345", "鲁H12345");
    assert_canonical("鲁H-D12345", "鲁HD12345");
    assert_canonical("鲁H-1234挂", "鲁H1234挂");
    assert_canonical("KA-12345", "KA12345");
    assert_canonical("WJ鲁-12345", "WJ鲁12345");
    assert_canonical("鲁H1-345", "鲁H1?345");
    assert_canonical("-H12345", "?H12345");
    assert_canonical("鲁H-1234", "鲁H?1234");
    assert_canonical("鲁-12345", "鲁?12345");
    assert_canonical("鲁H12345-", "鲁H12345?");
}

static void dash_from_a_marked_source_is_always_unread(void **state)
{
    (void)state;
    struct plate_text got = encode_dash("鲁H-12345", PLATE_DASH_IS_UNREAD);
    assert_true(got.key == encode("鲁H?12345").key);
    assert_int_equal(got.unread_symbols, 1);
}

static void no_plate_unread_and_decode_error_are_three_things(void **state)
{
    (void)state;
    assert_kind("无车牌", PLATE_NO_PLATE);
    assert_kind("无牌", PLATE_NO_PLATE);
    assert_kind("noPlate", PLATE_NO_PLATE);
    assert_kind("未知", PLATE_UNREAD);
    assert_kind("unknown", PLATE_UNREAD);
    assert_kind("-------", PLATE_UNREAD);
    assert_kind("???????", PLATE_UNREAD);
    assert_kind("00000000", PLATE_UNREAD);
    assert_kind("", PLATE_UNREAD);
    assert_kind("\xEF\xBB\xBF  ", PLATE_UNREAD);
    assert_kind("鲁", PLATE_DECODE_ERROR);
    assert_kind("鲁H/1/2345", PLATE_DECODE_ERROR);
    assert_kind("鲁H12345678", PLATE_DECODE_ERROR);
}

static void vendor_colour_is_stripped_only_if_a_whole_plate_remains(void **state)
{
    (void)state;
    assert_canonical("蓝鲁H12345", "鲁H12345");
    assert_canonical("黑粤ZA123港", "粤ZA123港");
    assert_canonical("蓝黑A12345", "黑A12345");
    assert_canonical("蓝浙AX2P12", "浙AX2P12");
    assert_canonical("黄绿川A12345F", "川A12345F");
    assert_canonical("渐变绿鲁HD12345", "鲁HD12345");
    assert_canonical("白KA12345", "KA12345");
    assert_canonical("黑A12345", "黑A12345");
    assert_canonical("黑KA12345", "黑KA12345");
    assert_int_equal(encode("蓝鲁H12345").vendor_colour, 5);
    assert_int_equal(encode("黑A12345").vendor_colour, 0);
    assert_kind("蓝鲁H12", PLATE_DECODE_ERROR);
}

static void impossible_letters_fold_in_a_mainland_serial_only(void **state)
{
    (void)state;
    assert_canonical("鲁H1O3I5", "鲁H10315");
    assert_true(encode("鲁H1O3I5").folded_io);
    assert_canonical("鲁O0012警", "鲁O0012警");
    assert_canonical("鲁OO012警", "鲁O0012警");
    assert_canonical("WJ鲁I2345", "WJ鲁12345");
    assert_canonical("O14578使", "014578使");
    assert_canonical("AB1O2I", "AB1O2I");
    assert_canonical("KO12345", "KO12345");
    assert_false(encode("鲁O0012警").folded_io);
}

static void dots_widths_and_padding_are_folded(void **state)
{
    (void)state;
    assert_canonical("鲁H·12345", "鲁H12345");
    assert_canonical("鲁H•12345", "鲁H12345");
    assert_canonical("鲁H・12345", "鲁H12345");
    assert_canonical("鲁H\xA1\xA4"
                     "12345",
                     "鲁H12345");
    assert_canonical("鲁Ｈ１２３４５", "鲁H12345");
    assert_canonical("鲁ｈ12345", "鲁H12345");
    assert_canonical("鲁h 12345 ", "鲁H12345");
    assert_canonical("\xEF\xBB\xBF鲁H12345", "鲁H12345");
    assert_canonical("豫J/A2290", "豫JA2290");
    struct plate_text padded;
    plate_encode("鲁H12345\0\0 \0", 13, PLATE_DASH_AUTO, &padded);
    assert_true(padded.key == encode("鲁H12345").key);
}

static void what_is_no_plate_is_refused(void **state)
{
    (void)state;
    assert_kind("危险品", PLATE_DECODE_ERROR);
    assert_kind("欢迎光临", PLATE_DECODE_ERROR);
    assert_kind("13812345678", PLATE_DECODE_ERROR);
    assert_kind("4001234567", PLATE_DECODE_ERROR);
    assert_kind("鲁港", PLATE_DECODE_ERROR);
    assert_kind("鲁H12345鲁H1", PLATE_DECODE_ERROR);
    assert_kind("A+B123", PLATE_DECODE_ERROR);
    assert_kind("鲁H123456789012345678901234567890", PLATE_DECODE_ERROR);
}

static void malformed_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\xE9\xB2H12345", "\xC0\xB1H12345",     "\xED\xA0\x80H1234", "H12345\xE9",
        "\xFFH12345",     "\xF5\x80\x80\x80H1", "\x80H12345",        "\xE0\x80\xB1H1234",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_kind(texts[i], PLATE_DECODE_ERROR);
    struct plate_text nul_inside;
    plate_encode("AB\0CD1", 6, PLATE_DASH_AUTO, &nul_inside);
    assert_int_equal(nul_inside.kind, PLATE_DECODE_ERROR);
}

static void old_military_is_decoded_and_flagged(void **state)
{
    (void)state;
    assert_true(encode("海A12345").old_military);
    assert_true(encode("军A12345").old_military);
    assert_false(encode("鲁H12345").old_military);
    assert_false(encode("?A12345").old_military);
}

static void invalid_keys_are_refused(void **state)
{
    (void)state;
    static const plate_key keys[] = {
        0,
        UINT64_C(40) << 42,  /* a symbol behind an end */
        UINT64_C(38) << 56,  /* a gap of the alphabet */
        UINT64_C(1) << 63,   /* form 2 without symbols */
        UINT64_C(127) << 56, /* nothing read */
        UINT64_C(127) << 56 | UINT64_C(127) << 49,
        (UINT64_C(1) << 63) | (UINT64_C(1) << 62) | 1,
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char text[PLATE_TEXT_SIZE] = "untouched";
        assert_int_equal(plate_decode(keys[i], text), ERR_INVALID);
        assert_string_equal(text, "untouched");
    }
}

/* ---- properties ---- */

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % limit);
}

static void seed_random(void)
{
    const char *text = getenv("CHECKPOINT_SEED");
    random_state = text ? strtoull(text, NULL, 10) : UINT64_C(20261124);
    print_message("CHECKPOINT_SEED=%" PRIu64 "\n", random_state);
}

static void assert_stable(const struct plate_text *first)
{
    char text[PLATE_TEXT_SIZE];
    assert_int_equal(plate_decode(first->key, text), 0);
    struct plate_text second = encode(text);
    assert_int_equal(second.kind, PLATE_KEY);
    assert_true(second.key == first->key);
    assert_false(second.folded_io);
    assert_int_equal(second.unread_symbols, first->unread_symbols);
    assert_true(plate_has_unread(first->key) == (first->unread_symbols > 0));
}

static void any_text_that_has_a_key_round_trips(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "鲁", "豫", "黑", "京", "警", "使", "挂", "学", "W",  "J", "O", "I",
        "0",  "1",  "2",  "A",  "H",  "Z",  "?",  "-",  "/",  "·", " ", "蓝",
        "黄", "绿", "海", "Ａ", "５", "民", "航", "应", "急", "x",
    };
    seed_random();
    int keys = 0;
    for (int round = 0; round < 200000; round++) {
        char text[64] = "";
        size_t size = 0;
        uint32_t count = random_below(11);
        for (uint32_t i = 0; i < count; i++) {
            const char *piece = pieces[random_below(sizeof pieces / sizeof pieces[0])];
            memcpy(text + size, piece, strlen(piece));
            size += strlen(piece);
        }
        struct plate_text got;
        plate_encode(text, size, random_below(2) ? PLATE_DASH_AUTO : PLATE_DASH_IS_UNREAD, &got);
        assert_true((got.kind == PLATE_KEY) == (got.key != 0));
        if (got.kind == PLATE_KEY) {
            assert_stable(&got);
            keys++;
        }
    }
    assert_true(keys > 10000);
}

static void any_value_is_refused_or_round_trips(void **state)
{
    (void)state;
    seed_random();
    int valid = 0;
    for (int round = 0; round < 200000; round++) {
        uint8_t symbols[PLATE_SYMBOLS_MAX];
        int count = 1 + (int)random_below(PLATE_SYMBOLS_MAX);
        for (int i = 0; i < count; i++)
            symbols[i] = (uint8_t)(count == 10 ? 1 + random_below(36) : random_below(128));
        plate_key key = plate_key_of_symbols(symbols, count);
        char text[PLATE_TEXT_SIZE];
        if (key == 0 || plate_decode(key, text) != 0)
            continue;
        valid++;
        assert_true(encode(text).key == key);
    }
    assert_true(valid > 10000);
}

static void different_symbols_have_different_keys(void **state)
{
    (void)state;
    seed_random();
    for (int round = 0; round < 100000; round++) {
        uint8_t a[PLATE_SYMBOLS_MAX];
        uint8_t b[PLATE_SYMBOLS_MAX];
        int count = 2 + (int)random_below(9);
        for (int i = 0; i < count; i++)
            a[i] = b[i] = (uint8_t)(1 + random_below(36));
        uint32_t at = random_below((uint32_t)count);
        b[at] = (uint8_t)(1 + (a[at] % 36));
        assert_true(plate_key_of_symbols(a, count) != plate_key_of_symbols(b, count));
        assert_true(plate_key_of_symbols(a, count) != plate_key_of_symbols(a, count - 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_has_a_key_and_its_own_text),
        cmocka_unit_test(keys_are_fixed_for_ever),
        cmocka_unit_test(alphanumerics_have_one_key_whatever_the_class),
        cmocka_unit_test(w_or_j_alone_unread_still_encodes),
        cmocka_unit_test(unread_characters_stay_in_their_places),
        cmocka_unit_test(dash_is_a_separator_only_between_prefix_and_full_serial),
        cmocka_unit_test(dash_from_a_marked_source_is_always_unread),
        cmocka_unit_test(no_plate_unread_and_decode_error_are_three_things),
        cmocka_unit_test(vendor_colour_is_stripped_only_if_a_whole_plate_remains),
        cmocka_unit_test(impossible_letters_fold_in_a_mainland_serial_only),
        cmocka_unit_test(dots_widths_and_padding_are_folded),
        cmocka_unit_test(what_is_no_plate_is_refused),
        cmocka_unit_test(malformed_utf8_is_refused),
        cmocka_unit_test(old_military_is_decoded_and_flagged),
        cmocka_unit_test(invalid_keys_are_refused),
        cmocka_unit_test(any_text_that_has_a_key_round_trips),
        cmocka_unit_test(any_value_is_refused_or_round_trips),
        cmocka_unit_test(different_symbols_have_different_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
