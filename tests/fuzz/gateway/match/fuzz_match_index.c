/*
 * A list and what becomes of it, out of bytes: entries of few symbols added, withdrawn and added
 * again, grace periods, reads with candidates and keys that are none. After every step the index
 * says what a naive scan of the entries says (tests/unit/gateway/match/naive.h).
 */
#include "gateway/base/bytes.h"
#include "tests/unit/gateway/match/naive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 64, STEPS_MAX = 400, NOW = 100, SCANNED = 48 };

static struct match_entry entries[ROWS];
static struct naive_row rows[ROWS];
static struct naive_hit hits[ROWS * (READ_CANDIDATES_MAX + 1)];
static plate_key recent[SCANNED];
static size_t recent_count;

/* Plates of one to ten symbols out of sixteen, so that they meet; or any number at all. */
static plate_key take_key(struct byte_reader *r)
{
    static const char alphabet[] = "0ODQ1I2Z5S8B6GA?";
    uint8_t count = byte_read_u8(r) % 12;
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    if (count == 11) {
        return byte_read_le64(r);
    }
    for (int i = 0; i < count; i++) {
        symbols[i] = plate_symbol_of((uint8_t)alphabet[byte_read_u8(r) % 16]);
    }
    return plate_key_of_symbols(symbols, count);
}

static void remember(plate_key key)
{
    recent[recent_count++ % SCANNED] = key;
}

static void add(struct match_index *index, struct byte_reader *r)
{
    size_t at = byte_read_u8(r) % ROWS;
    plate_key key = take_key(r);
    struct err_text err;
    if (rows[at].entry) {
        return;
    }
    entries[at] =
        (struct match_entry){.record = {.id = at + 1,
                                        .key = key,
                                        .valid_from = {byte_read_u8(r) > 200 ? NOW + 1 : 0},
                                        .valid_until = {NOW + 1},
                                        .class = byte_read_u8(r) % 2 ? PLATE_CLASS_ANY : 0x3031,
                                        .priority = (uint8_t)(1 + at % 3)},
                             .text = "{}"};
    int result = match_index_add(index, &entries[at], &err);
    struct naive_plate plate = naive_plate_of(key);
    assert(result == (plate.count > 0 ? 0 : ERR_INVALID));
    if (result == 0) {
        rows[at] = (struct naive_row){&entries[at], plate};
        remember(key);
    }
}

static void withdraw(struct match_index *index, struct byte_reader *r)
{
    size_t at = byte_read_u8(r) % ROWS;
    int result = match_index_withdraw(index, &entries[at]);
    assert(result == (rows[at].entry ? 0 : ERR_NOT_FOUND));
    rows[at].entry = NULL;
}

static void look(const struct match_index *index, struct byte_reader *r, int most)
{
    struct plate_read read = {.kind = PLATE_KEY, .key = take_key(r)};
    struct match_result result;
    const struct wall_time now = {NOW};
    uint8_t bits = byte_read_u8(r);
    read.class = bits & 1 ? 0x3031 : PLATE_CLASS_UNKNOWN;
    for (int c = bits >> 1 & 3; c > 0; c--) {
        read.candidates[read.candidate_count++].key = take_key(r);
    }
    remember(read.key);
    size_t expected = naive_find(rows, ROWS, most, &read, now, bits & 8, hits);
    match_find(index, NULL, &read, now, bits & 8, &result);
    assert(naive_equal(hits, expected, &result, now));
}

/* What may have a hit passes; what passes is in the list by its folded key, or unread. */
static void scan(const struct match_index *index, int most)
{
    uint32_t at[SCANNED];
    size_t found = match_scan(index, recent, SCANNED, at);
    size_t next = 0;
    for (uint32_t i = 0; i < SCANNED; i++) {
        struct naive_plate plate = naive_plate_of(recent[i]);
        bool passed = next < found && at[next] == i;
        bool must = plate.unread > 0;
        for (size_t row = 0; row < ROWS && !must; row++) {
            must = rows[row].entry && naive_may(&plate, &rows[row].plate, most);
        }
        assert(plate.count > 0 ? passed == must : !must);
        next += passed;
    }
    assert(next == found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct byte_reader r = {0};
    struct match_index *index = NULL;
    struct err_text err;
    byte_reader_init(&r, data, size);
    const struct match_options options = {
        .look_alike_max = byte_read_u8(&r) % (MATCH_LOOK_ALIKE_MAX + 1),
        .room = ROWS,
        .kernel = byte_read_u8(&r) % 2 ? MATCH_KERNEL_BEST : MATCH_KERNEL_SCALAR,
        .seed = 1 + byte_read_u8(&r)};
    memset(rows, 0, sizeof(rows));
    memset(entries, 0, sizeof(entries));
    memset(recent, 0, sizeof(recent));
    recent_count = 0;
    int created = match_index_create(NULL, 0, &options, &index, &err);
    assert(created == 0);
    for (int step = 0; step < STEPS_MAX && byte_reader_left(&r) > 0; step++) {
        switch (byte_read_u8(&r) % 8) {
        case 0:
            withdraw(index, &r);
            break;
        case 1:
            match_index_reclaim(index);
            break;
        case 2:
            scan(index, options.look_alike_max);
            break;
        case 3:
        case 4:
            look(index, &r, options.look_alike_max);
            break;
        default:
            add(index, &r);
            break;
        }
    }
    match_index_destroy(index);
    return 0;
}
