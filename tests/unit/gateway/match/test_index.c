/* The wanted index against a naive scan of random lists, and its ways one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/match/index.h"
#include "gateway/model/plate_symbols.h"

enum { NOW = 1000, ENTRIES = 400, READS = 4000, SEEDS = 12 };

static uint64_t rng_state = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return (uint32_t)(rng_state >> 32) % below;
}

static plate_key key_of(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    assert_int_equal(plate.kind, PLATE_KEY);
    return plate.key;
}

static struct wanted_record record(uint64_t id, const char *plate, plate_class class)
{
    return (struct wanted_record){.id = id,
                                  .key = key_of(plate),
                                  .valid_from = {0},
                                  .valid_until = {2 * NOW},
                                  .class = class,
                                  .priority = 2,
                                  .handling = HANDLING_STOP};
}

static struct match_index *index_of(const struct wanted_record *records, size_t count)
{
    static struct match_entry entries[ENTRIES]; /* one index at a time */
    const struct match_entry *pointers[ENTRIES];
    struct match_index *index = NULL;
    struct err_text err;
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct match_entry){records[i], "{}"};
        pointers[i] = &entries[i];
    }
    if (match_index_create(pointers, count, NULL, &index, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return index;
}

static struct plate_read read_of(const char *plate, plate_class class)
{
    return (struct plate_read){.kind = PLATE_KEY, .key = key_of(plate), .class = class};
}

static struct match_result find(const struct match_index *index, const struct plate_read *read)
{
    struct match_result result;
    match_find(index, NULL, read, (struct wall_time){NOW}, true, &result);
    return result;
}

static void test_exact_and_class(void **state)
{
    (void)state;
    plate_class small;
    plate_class big;
    assert_int_equal(plate_class_parse("02", &small), 0);
    assert_int_equal(plate_class_parse("01", &big), 0);
    struct wanted_record records[] = {record(1, "鲁H12345", small), record(2, "鲁H12345", big),
                                      record(3, "鲁H12345", PLATE_CLASS_ANY)};
    struct match_index *index = index_of(records, 3);
    struct plate_read read = read_of("鲁H12345", small);
    struct match_result r = find(index, &read);
    assert_int_equal(r.hit_count, 3);
    assert_int_equal(r.hits[0].entry.id, 1);
    assert_int_equal(r.hits[0].agreement, CLASS_AGREE);
    assert_int_equal(r.hits[1].entry.id, 3);
    assert_int_equal(r.hits[2].agreement, CLASS_CONFLICT);
    read.class = PLATE_CLASS_UNKNOWN;
    r = find(index, &read);
    assert_int_equal(r.hits[0].entry.id, 3); /* `any` agrees, the others are unverified */
    assert_int_equal(r.hits[1].agreement, CLASS_UNVERIFIED);
    read = read_of("鲁H12347", small);
    assert_int_equal(find(index, &read).hit_count, 0);
    match_index_destroy(index);
}

static void test_validity(void **state)
{
    (void)state;
    struct wanted_record records[] = {record(1, "鲁H12345", PLATE_CLASS_ANY),
                                      record(2, "鲁H12346", PLATE_CLASS_ANY)};
    struct match_result r;
    records[0].valid_until.ms = NOW; /* exclusive */
    records[1].valid_from.ms = NOW;  /* inclusive */
    struct match_index *index = index_of(records, 2);
    struct plate_read read = read_of("鲁H12345", 0);
    assert_int_equal(find(index, &read).hit_count, 0);
    match_find(index, NULL, &read, (struct wall_time){NOW}, false, &r);
    assert_int_equal(r.hit_count, 1);
    assert_true(r.hits[0].expired);
    read = read_of("鲁H12346", 0);
    r = find(index, &read);
    assert_int_equal(r.hit_count, 1);
    assert_false(r.hits[0].expired);
    match_index_destroy(index);
}

static void test_partial(void **state)
{
    (void)state;
    struct wanted_record records[] = {record(1, "鲁H1?345", PLATE_CLASS_ANY),
                                      record(2, "鲁H12345", PLATE_CLASS_ANY),
                                      record(3, "鲁H1??4?", PLATE_CLASS_ANY)};
    struct match_index *index = index_of(records, 3);
    struct plate_read read = read_of("鲁H12345", 0);
    struct match_result r = find(index, &read);
    assert_int_equal(r.hit_count, 3);
    assert_int_equal(r.hits[0].kind, MATCH_EXACT);
    assert_int_equal(r.hits[1].kind, MATCH_PARTIAL);
    assert_int_equal(r.hits[1].differing, 1);
    read = read_of("鲁H1234?", 0);
    r = find(index, &read);
    assert_int_equal(r.hits[0].entry.id, 1); /* known: 鲁 H 1 3 4 */
    assert_int_equal(r.hits[0].kind, MATCH_PARTIAL);
    read = read_of("鲁H1????", 0);
    assert_int_equal(find(index, &read).hit_count, 0); /* says too little */
    match_index_destroy(index);
}

/* Ten alphanumerics have a key form of their own. */
static void test_partial_of_ten_symbols(void **state)
{
    (void)state;
    struct wanted_record records[] = {record(1, "AB12CDE34F", PLATE_CLASS_ANY),
                                      record(2, "AB12?DE34F", PLATE_CLASS_ANY),
                                      record(3, "AB12CDE34", PLATE_CLASS_ANY)};
    struct match_index *index = index_of(records, 3);
    struct plate_read read = read_of("AB12CDE34F", 0);
    struct match_result r = find(index, &read);
    assert_int_equal(r.hit_count, 2);
    assert_int_equal(r.hits[0].kind, MATCH_EXACT);
    assert_int_equal(r.hits[1].entry.id, 2);
    assert_int_equal(r.hits[1].kind, MATCH_PARTIAL);
    read = read_of("AB12CDE3?F", 0);
    r = find(index, &read);
    assert_int_equal(r.hit_count, 2);
    assert_int_equal(r.hits[0].entry.id, 1);
    assert_int_equal(r.hits[0].kind, MATCH_PARTIAL);
    read = read_of("AB12XDE34F", 0);
    r = find(index, &read);
    assert_int_equal(r.hit_count, 1);
    assert_int_equal(r.hits[0].entry.id, 2);
    match_index_destroy(index);
}

static void test_candidate_is_weaker_than_exact(void **state)
{
    (void)state;
    struct wanted_record records[] = {record(1, "鲁H12345", PLATE_CLASS_ANY),
                                      record(2, "鲁H1234T", PLATE_CLASS_ANY)};
    struct match_index *index = index_of(records, 2);
    struct plate_read read = read_of("鲁H12345", 0);
    read.candidate_count = 2;
    read.candidates[0].key = key_of("鲁H1234T");
    read.candidates[1].key = key_of("鲁H12345");
    struct match_result r = find(index, &read);
    assert_int_equal(r.hit_count, 2);
    assert_int_equal(r.hits[0].kind, MATCH_EXACT);
    assert_int_equal(r.hits[1].kind, MATCH_CANDIDATE);
    assert_int_equal(r.hits[1].read_key, key_of("鲁H1234T"));
    match_index_destroy(index);
}

static void test_more_hits_than_fit(void **state)
{
    (void)state;
    struct wanted_record records[20];
    for (uint64_t i = 0; i < 20; i++) {
        records[i] = record(i + 1, "鲁H12345", PLATE_CLASS_ANY);
        records[i].priority = (uint8_t)(i == 19 ? 1 : 3);
    }
    struct match_index *index = index_of(records, 20);
    struct plate_read read = read_of("鲁H12345", 0);
    struct match_result r = find(index, &read);
    assert_int_equal(r.hit_count, MATCH_HITS_MAX);
    assert_int_equal(r.dropped, 20 - MATCH_HITS_MAX);
    assert_int_equal(r.hits[0].entry.id, 20); /* the top priority is never the one dropped */
    /* The best read is among the candidates, as cameras send it. */
    read.candidate_count = 3;
    read.candidates[0] = (struct read_candidate){.key = read.key, .confidence = 90};
    read.candidates[1] = (struct read_candidate){.key = key_of("鲁H12346"), .confidence = 50};
    read.candidates[2] = read.candidates[0];
    r = find(index, &read);
    assert_int_equal(r.hit_count, MATCH_HITS_MAX);
    assert_int_equal(r.dropped, 20 - MATCH_HITS_MAX);
    read.kind = PLATE_UNREAD; /* nothing but candidates, one of them twice */
    r = find(index, &read);
    assert_int_equal(r.dropped, 20 - MATCH_HITS_MAX);
    assert_int_equal(r.hits[0].kind, MATCH_CANDIDATE);
    match_index_destroy(index);
}

static void test_refusals(void **state)
{
    (void)state;
    struct match_entry entries[] = {{record(7, "鲁H12345", PLATE_CLASS_ANY), ""},
                                    {record(9, "鲁H12346", PLATE_CLASS_ANY), ""}};
    const struct match_entry *pointers[] = {&entries[0], &entries[1]};
    struct match_index *index = NULL;
    struct err_text err;
    entries[1].record.key = 0;
    assert_int_equal(match_index_create(pointers, 2, NULL, &index, &err), ERR_INVALID);
    assert_string_equal(err.text, "entry 9: its plate key is none");
    assert_int_equal(match_index_create(pointers, 0, NULL, &index, &err), 0);
    struct plate_read read = read_of("鲁H12345", 0);
    assert_int_equal(find(index, &read).hit_count, 0);
    match_index_destroy(index);
}

/* ---- against a naive scan ---- */

static void random_plate(char *out, uint32_t unread_of_10)
{
    static const char alphabet[] = "0123456789ABCDEFGHJK";
    size_t size = 0;
    memcpy(out, draw(2) ? "鲁H" : "豫A", 4);
    size = 4;
    for (int i = 0; i < 5; i++) {
        char read = alphabet[draw(i < 3 ? 2 : 4)];
        if (draw(10) < unread_of_10) {
            read = '?';
        }
        out[size++] = read;
    }
    out[size] = '\0';
}

static int known_and_unread(plate_key a, plate_key b, int *unread)
{
    uint8_t left[PLATE_SYMBOLS_MAX];
    uint8_t right[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(a, left);
    int known = 0;
    *unread = 0;
    if (count != plate_symbols(b, right)) {
        return -1;
    }
    for (int i = 0; i < count; i++) {
        if (left[i] == 127 || right[i] == 127) {
            (*unread)++;
        } else if (left[i] != right[i]) {
            return -1;
        } else {
            known++;
        }
    }
    return known;
}

/* The first of a symbol's group. */
static char group_of(uint8_t symbol)
{
    static const char *const groups[] = {"0ODQ", "1I", "2Z", "5S", "8B", "6G"};
    char c = plate_symbol_text(symbol)[0];
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (strchr(groups[i], c)) {
            return groups[i][0];
        }
    }
    return '-';
}

/* One symbol differs, and by its look alone. */
static bool one_look_alike(plate_key a, plate_key b)
{
    uint8_t left[PLATE_SYMBOLS_MAX];
    uint8_t right[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(a, left);
    int differing = 0;
    if (count != plate_symbols(b, right)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (left[i] != right[i]) {
            differing++;
            if (group_of(left[i]) == '-' || group_of(left[i]) != group_of(right[i])) {
                return false;
            }
        }
    }
    return differing == 1;
}

static int naive_count(const struct wanted_record *records, const struct plate_read *read)
{
    int hits = 0;
    for (int i = 0; i < ENTRIES; i++) {
        int unread;
        int own = 0;
        int known = known_and_unread(records[i].key, read->key, &unread);
        (void)known_and_unread(read->key, read->key, &own);
        hits += one_look_alike(records[i].key, read->key);
        hits += known >= 0 && own <= MATCH_READ_UNREAD_MAX &&
                (unread == 0 || known >= MATCH_PARTIAL_KNOWN_MIN);
    }
    return hits;
}

static void test_random_lists_against_a_scan(void **state)
{
    (void)state;
    static struct wanted_record records[ENTRIES];
    int found = 0;
    for (int seed = 0; seed < SEEDS; seed++) {
        for (uint64_t i = 0; i < ENTRIES; i++) {
            char plate[PLATE_TEXT_SIZE];
            random_plate(plate, draw(4) == 0 ? 3 : 0);
            records[i] = record(i + 1, plate, PLATE_CLASS_ANY);
        }
        struct match_index *index = index_of(records, ENTRIES);
        for (int i = 0; i < READS; i++) {
            char plate[PLATE_TEXT_SIZE];
            random_plate(plate, draw(3) == 0 ? 2 : 0);
            struct plate_read read = read_of(plate, 0);
            struct match_result r = find(index, &read);
            int expected = naive_count(records, &read);
            assert_int_equal(r.hit_count + r.dropped, expected);
            found += expected;
        }
        match_index_destroy(index);
    }
    assert_true(found > READS); /* the lists were dense enough to say something */
}

/* Whatever a camera sends, it is no self-test; and the self-test finds nothing else. */
static void test_self_test_entries_are_found_by_the_self_test_alone(void **state)
{
    (void)state;
    struct wanted_record records[] = {record(1, WANTED_SELF_TEST_PLATE, PLATE_CLASS_ANY),
                                      record(2, "试?00000", PLATE_CLASS_ANY),
                                      record(3, "试试O0000", PLATE_CLASS_ANY)};
    struct plate_read read = {.kind = PLATE_KEY,
                              .key = WANTED_SELF_TEST_KEY,
                              .candidate_count = 1,
                              .candidates = {{WANTED_SELF_TEST_KEY, 90}}};
    struct match_result result;
    uint32_t at;
    records[0].category = CATEGORY_SELF_TEST;
    struct match_index *index = index_of(records, 3);
    match_find(index, NULL, &read, (struct wall_time){NOW}, true, &result);
    for (int i = 0; i < result.hit_count; i++)
        assert_int_not_equal(result.hits[i].entry.id, 1);
    assert_int_equal(result.hit_count, 2);
    read.key = key_of("试试0000?");
    match_find(index, NULL, &read, (struct wall_time){NOW}, true, &result);
    for (int i = 0; i < result.hit_count; i++)
        assert_int_not_equal(result.hits[i].entry.id, 1);
    read.key = WANTED_SELF_TEST_KEY;
    assert_int_equal(match_scan(index, &read.key, 1, &at), 1);
    match_find_self_test(index, NULL, &read, (struct wall_time){NOW}, true, &result);
    assert_int_equal(result.hit_count, 1);
    assert_int_equal(result.hits[0].entry.id, 1);
    assert_int_equal(result.hits[0].kind, MATCH_EXACT);
    match_find_self_test(index, NULL, &read, (struct wall_time){3 * NOW}, true, &result);
    assert_int_equal(result.hit_count, 0); /* it has ended */
    match_index_destroy(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_and_class),
        cmocka_unit_test(test_self_test_entries_are_found_by_the_self_test_alone),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_partial),
        cmocka_unit_test(test_partial_of_ten_symbols),
        cmocka_unit_test(test_candidate_is_weaker_than_exact),
        cmocka_unit_test(test_more_hits_than_fit),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_random_lists_against_a_scan)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
