/* The compact datagram: every field, every cause of refusal, tags, encode and decode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/wire/compact.h"
#include "drivers/wire/read_fields.h"
#include "gateway/base/encode.h"

struct datagram {
    uint8_t bytes[2048];
    size_t size;
};

static void put(struct datagram *d, const void *bytes, size_t size)
{
    assert_true(d->size + size <= sizeof d->bytes);
    memcpy(d->bytes + d->size, bytes, size);
    d->size += size;
}

static void put_tlv(struct datagram *d, uint8_t type, const void *value, size_t size)
{
    const uint8_t head[2] = {type, (uint8_t)size};
    put(d, head, 2);
    put(d, value, size);
}

/* Lane 3, camera 258, confidence 97. */
static struct datagram datagram_of(const char *plate)
{
    struct datagram d = {.size = 0};
    const uint8_t head[8] = {'P', 'R', 1, 3, 1, 2, 97, (uint8_t)strlen(plate)};
    put(&d, head, sizeof head);
    put(&d, plate, strlen(plate));
    return d;
}

static enum compact_cause decode(const struct datagram *d, struct plate_read *read,
                                 struct compact_info *info)
{
    /* An exact copy, so that AddressSanitizer sees a read past the end. */
    uint8_t *exact = malloc(d->size ? d->size : 1);
    assert_non_null(exact);
    memcpy(exact, d->bytes, d->size);
    enum compact_cause cause = compact_decode(exact, d->size, PLATE_DASH_AUTO, read, info);
    free(exact);
    return cause;
}

static void refused(const struct datagram *d, enum compact_cause expected)
{
    struct plate_read read = {.lane = 77};
    struct compact_info info = {.counter = 77};
    assert_string_equal(compact_cause_name(decode(d, &read, &info)), compact_cause_name(expected));
    assert_int_equal(read.lane, 77);
    assert_true(info.counter == 77);
}

static void smallest_read_fits_the_smallest_frame(void **state)
{
    (void)state;
    struct datagram d = datagram_of("鲁H12345");
    struct plate_read read;
    struct compact_info info;
    char text[PLATE_TEXT_SIZE];
    assert_true(14 + 20 + 8 + d.size <= 60);
    assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
    assert_int_equal(read.lane, 3);
    assert_int_equal(read.camera, 258);
    assert_int_equal(read.confidence, 97);
    assert_int_equal(read.kind, PLATE_KEY);
    assert_int_equal(plate_decode(read.key, text), 0);
    assert_string_equal(text, "鲁H12345");
    assert_string_equal(read.raw, "鲁H12345");
    assert_int_equal(read.speed_kmh, READ_SPEED_NONE);
    assert_int_equal(read.authenticity, AUTH_NONE);
    assert_int_equal(read.event_id, 0);
    assert_false(info.tagged);
    assert_int_equal(plate_read_check(&read, NULL), 0);
}

static void every_field_is_kept(void **state)
{
    (void)state;
    struct datagram d = datagram_of("鲁H12345");
    struct plate_read read;
    struct compact_info info;
    put_tlv(&d, 1, "\0\0\1\x9a\xbc\xde\xf0\x12", 8);
    put_tlv(&d, 2, "\0\x50", 2);
    put_tlv(&d, 3, "02", 2);
    put_tlv(&d, 4, "\5", 1);
    put_tlv(&d, 5, "\3", 1);
    put_tlv(&d, 6, "\1\2\3\4\5\6\7\x08", 8);
    put_tlv(&d, 7, "\x3c鲁H12346", 10);
    put_tlv(&d, 7, "\xff鲁H12347", 10);
    put_tlv(&d, 8, "\x5a\x5b\x5c\x5d\x5e\x5f\x60", 7);
    assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
    assert_true(read.camera_time.ms == 0x019abcdef012);
    assert_int_equal(read.speed_kmh, 80);
    assert_int_equal(read.class, '0' << 8 | '2');
    assert_int_equal(read.colour, COLOUR_BLUE);
    assert_int_equal(read.direction, 3);
    assert_true(read.event_id == 0x0102030405060708);
    assert_int_equal(read.candidate_count, 2);
    assert_int_equal(read.candidates[0].confidence, 60);
    assert_int_equal(read.candidates[1].confidence, READ_CONFIDENCE_NONE);
    assert_int_equal(read.char_count, 7);
    assert_int_equal(read.char_confidence[6], 96);
    assert_int_equal(info.values_ignored, 0);
}

static void unknown_types_are_skipped(void **state)
{
    (void)state;
    struct datagram d = datagram_of("鲁H12345");
    struct plate_read read;
    struct compact_info info;
    put_tlv(&d, 0, "", 0);
    put_tlv(&d, 200, "anything", 8);
    put_tlv(&d, 200, "twice", 5);
    put_tlv(&d, 254, "", 0);
    put_tlv(&d, 6, "\0\0\0\0\0\0\0\x09", 8);
    assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
    assert_int_equal(info.unknown_tlvs, 4);
    assert_true(read.event_id == 9);
}

static void values_out_of_range_count_as_not_given(void **state)
{
    (void)state;
    struct datagram d = datagram_of("鲁H12345");
    struct plate_read read;
    struct compact_info info;
    d.bytes[6] = 101;
    put_tlv(&d, 1, "\xff\0\0\0\0\0\0\0", 8);
    put_tlv(&d, 3, "?!", 2);
    put_tlv(&d, 4, "\x0e", 1);
    put_tlv(&d, 5, "\x0a", 1);
    put_tlv(&d, 8, "\1\2\3", 3);
    assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
    assert_int_equal(info.values_ignored, 6);
    assert_int_equal(read.confidence, READ_CONFIDENCE_NONE);
    assert_true(read.camera_time.ms == 0);
    assert_int_equal(read.class, PLATE_CLASS_UNKNOWN);
    assert_int_equal(read.colour, COLOUR_NONE);
    assert_int_equal(read.direction, DIRECTION_NONE);
    assert_int_equal(read.char_count, 0);
}

static void broken_headers_are_refused(void **state)
{
    (void)state;
    struct datagram d = datagram_of("鲁H12345");
    const struct {
        size_t at;
        uint8_t value;
        enum compact_cause cause;
    } rows[] = {{0, 'Q', COMPACT_BAD_MAGIC},    {1, 'Q', COMPACT_BAD_MAGIC},
                {2, 0, COMPACT_BAD_VERSION},    {2, 2, COMPACT_BAD_VERSION},
                {3, 0, COMPACT_BAD_LANE},       {7, 33, COMPACT_PLATE_LENGTH},
                {7, 255, COMPACT_PLATE_LENGTH}, {7, 10, COMPACT_TOO_SHORT},
                {7, 8, COMPACT_TLV_CUT},        {8, 0xFF, COMPACT_PLATE_TEXT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct datagram changed = d;
        changed.bytes[rows[i].at] = rows[i].value;
        refused(&changed, rows[i].cause);
    }
    d.bytes[4] = d.bytes[5] = 0;
    refused(&d, COMPACT_BAD_CAMERA);
}

static void broken_text_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"\xc0\xb1H12345",  "\xed\xa0\x80H1", "\xf4\x90\x80\x80",
                                        "鲁H\x1b[2J",      "鲁H1\x7f",       "\xe9\xb2",
                                        "\xc2\x85鲁H",     "\x80",           "鲁H\n12345",
                                        "\xf8\x88\x80\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct datagram d = datagram_of(texts[i]);
        refused(&d, COMPACT_PLATE_TEXT);
        char candidate[33] = {50};
        d = datagram_of("鲁H12345");
        memcpy(candidate + 1, texts[i], strlen(texts[i]));
        put_tlv(&d, 7, candidate, 1 + strlen(texts[i]));
        refused(&d, COMPACT_CANDIDATE_TEXT);
    }
    struct datagram d = datagram_of("鲁H12345");
    d.bytes[d.size - 3] = 0; /* a NUL inside: two programs would read two plates */
    refused(&d, COMPACT_PLATE_TEXT);
}

static void a_known_type_has_its_length(void **state)
{
    (void)state;
    static const uint8_t zeroes[255];
    static const struct {
        uint8_t type;
        uint8_t size;
    } rows[] = {{1, 7},  {1, 9}, {2, 1},   {2, 3},    {3, 0},   {3, 3}, {4, 0},
                {4, 2},  {5, 0}, {5, 2},   {6, 7},    {6, 9},   {7, 0}, {7, 1},
                {7, 34}, {8, 0}, {255, 0}, {255, 15}, {255, 17}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct datagram d = datagram_of("鲁H12345");
        put_tlv(&d, rows[i].type, zeroes, rows[i].size);
        refused(&d, COMPACT_TLV_LENGTH);
    }
}

static void a_known_type_stands_once(void **state)
{
    (void)state;
    static const uint8_t sizes[9] = {0, 8, 2, 2, 1, 1, 8, 0, 7};
    static const uint8_t value[8] = {'1', '1', '1', '1', '1', '1', '1', '1'};
    for (uint8_t type = 1; type <= 8; type++) {
        if (type == 7)
            continue;
        struct datagram d = datagram_of("鲁H12345");
        put_tlv(&d, type, value, sizes[type]);
        put_tlv(&d, type, value, sizes[type]);
        refused(&d, COMPACT_TLV_DUPLICATE);
    }
}

static void sizes_have_limits(void **state)
{
    (void)state;
    static const uint8_t zeroes[255];
    struct datagram d = datagram_of("鲁H12345");
    struct plate_read read;
    struct compact_info info;
    while (d.size + 257 <= COMPACT_SIZE_MAX)
        put_tlv(&d, 100, zeroes, 255);
    put_tlv(&d, 100, zeroes, COMPACT_SIZE_MAX - d.size - 2);
    assert_int_equal(d.size, COMPACT_SIZE_MAX);
    assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
    d.size++;
    refused(&d, COMPACT_TOO_LONG);
    d.size = 0;
    refused(&d, COMPACT_TOO_SHORT);
}

static void every_cut_is_refused_or_an_end_of_a_field(void **state)
{
    (void)state;
    struct datagram d = datagram_of("鲁H12345");
    size_t ends[4] = {d.size, 0, 0, 0};
    put_tlv(&d, 1, "\0\0\1\x9a\xbc\xde\xf0\x12", 8);
    ends[1] = d.size;
    put_tlv(&d, 6, "\1\2\3\4\5\6\7\x08", 8);
    ends[2] = d.size;
    put_tlv(&d, 255, "0123456789abcdef", 16);
    ends[3] = d.size;
    for (size_t size = 0; size <= d.size; size++) {
        struct datagram cut = d;
        struct plate_read read;
        struct compact_info info;
        cut.size = size;
        bool whole = size == ends[0] || size == ends[1] || size == ends[2] || size == ends[3];
        assert_int_equal(decode(&cut, &read, &info) == COMPACT_OK, whole);
    }
}

static void nothing_follows_the_tag(void **state)
{
    (void)state;
    struct datagram d = datagram_of("鲁H12345");
    put_tlv(&d, 255, "0123456789abcdef", 16);
    put_tlv(&d, 255, "0123456789abcdef", 16);
    refused(&d, COMPACT_TAG_NOT_LAST);
    d = datagram_of("鲁H12345");
    put_tlv(&d, 255, "0123456789abcdef", 16);
    put_tlv(&d, 4, "\5", 1);
    refused(&d, COMPACT_TAG_NOT_LAST);
}

static void any_flipped_bit_breaks_the_tag(void **state)
{
    (void)state;
    const uint8_t key[SIPHASH_KEY_SIZE] = "0123456789abcdef";
    struct plate_read read;
    struct compact_info info;
    struct datagram d = datagram_of("鲁H12345");
    assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
    assert_false(compact_tag_valid(d.bytes, &info, key));
    d.size = compact_encode(&read, key, 41, d.bytes, sizeof d.bytes);
    assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
    assert_true(info.tagged);
    assert_true(info.counter == 41);
    assert_true(compact_tag_valid(d.bytes, &info, key));
    assert_false(compact_tag_valid(d.bytes, &info, (const uint8_t *)"0123456789abcdeg"));
    for (size_t bit = 0; bit < d.size * 8; bit++) {
        struct datagram flipped = d;
        flipped.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (decode(&flipped, &read, &info) == COMPACT_OK)
            assert_false(compact_tag_valid(flipped.bytes, &info, key));
    }
}

static void candidates_are_bounded_and_distinct(void **state)
{
    (void)state;
    struct datagram d = datagram_of("鲁H12345");
    struct plate_read read;
    struct compact_info info;
    put_tlv(&d, 7, "\x32鲁H12345", 10); /* the best read itself */
    put_tlv(&d, 7, "\x32鲁H12346", 10);
    put_tlv(&d, 7, "\x31鲁H12346", 10); /* again */
    put_tlv(&d, 7, "\x31危险品", 10);   /* no plate */
    assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
    assert_int_equal(read.candidate_count, 1);
    assert_int_equal(read.candidates[0].confidence, 50);
    assert_int_equal(info.values_ignored, 0);
    for (int c = 'A'; c < 'A' + 12; c++) {
        char value[11] = "\x32鲁K1234";
        value[9] = (char)c;
        put_tlv(&d, 7, value, 10);
    }
    assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
    assert_int_equal(read.candidate_count, READ_CANDIDATES_MAX);
    assert_true(info.values_ignored > 0);
    assert_int_equal(plate_read_check(&read, NULL), 0);
}

static void what_is_no_plate_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum plate_text_kind kind;
    } rows[] = {{"无车牌", PLATE_NO_PLATE},
                {"", PLATE_UNREAD},
                {"-------", PLATE_UNREAD},
                {"危险品", PLATE_DECODE_ERROR},
                {"☺☺☺", PLATE_DECODE_ERROR}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct datagram d = datagram_of(rows[i].text);
        struct plate_read read;
        struct compact_info info;
        assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
        assert_int_equal(read.kind, rows[i].kind);
        assert_true(read.key == 0);
        assert_string_equal(read.raw, rows[i].text);
    }
}

static void a_vendor_colour_fills_a_missing_colour(void **state)
{
    (void)state;
    struct datagram d = datagram_of("蓝鲁H12345");
    struct plate_read read;
    struct compact_info info;
    assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
    assert_int_equal(read.colour, COLOUR_BLUE);
    assert_string_equal(read.raw, "蓝鲁H12345");
    put_tlv(&d, 4, "\6", 1);
    assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
    assert_int_equal(read.colour, COLOUR_YELLOW);
}

static void encode_reports_short_room(void **state)
{
    (void)state;
    struct datagram d = datagram_of("鲁H12345");
    struct plate_read read;
    struct compact_info info;
    uint8_t room[64];
    const uint8_t key[SIPHASH_KEY_SIZE] = {0};
    assert_int_equal(decode(&d, &read, &info), COMPACT_OK);
    size_t whole = compact_encode(&read, key, 1, room, sizeof room);
    assert_int_equal(whole, d.size + COMPACT_TAG_SIZE);
    for (size_t size = 0; size < whole; size++)
        assert_int_equal(compact_encode(&read, key, 1, room, size), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smallest_read_fits_the_smallest_frame),
        cmocka_unit_test(every_field_is_kept),
        cmocka_unit_test(unknown_types_are_skipped),
        cmocka_unit_test(values_out_of_range_count_as_not_given),
        cmocka_unit_test(broken_headers_are_refused),
        cmocka_unit_test(broken_text_is_refused),
        cmocka_unit_test(a_known_type_has_its_length),
        cmocka_unit_test(a_known_type_stands_once),
        cmocka_unit_test(sizes_have_limits),
        cmocka_unit_test(every_cut_is_refused_or_an_end_of_a_field),
        cmocka_unit_test(nothing_follows_the_tag),
        cmocka_unit_test(any_flipped_bit_breaks_the_tag),
        cmocka_unit_test(candidates_are_bounded_and_distinct),
        cmocka_unit_test(what_is_no_plate_says_so),
        cmocka_unit_test(a_vendor_colour_fills_a_missing_colour),
        cmocka_unit_test(encode_reports_short_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
