/*
 * The index against brute force, by every kernel this machine runs: what the filter lets through is
 * exactly what it must, and what match_find says of it is what a naive scan of the list says, hit
 * for hit. Lists are small and dense, so that each query meets them: drawn evenly, of one province
 * and mostly digits, of look-alikes only, and of real plates (`plates-cn.txt` in the folder
 * CHECKPOINT_TEST_DATA or ../shared/data, when it is there). A large list is held against a sorted
 * array of folded keys.
 *
 * The seed is printed and can be set by CHECKPOINT_SEED; CHECKPOINT_QUERIES makes it longer, and
 * then its last line is one JSON object.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/match/look_alike.h"
#include "naive.h"

enum {
    NOW = 1000,
    ROWS_MAX = 400,
    QUERIES = 20000, /* of a list */
    STRETCHES = 60,
    STRETCH_MAX = 400,
    QUERIES_DEFAULT = 400000,
    REAL_MAX = 70000,
    LARGE = 150000,
    LARGE_QUERIES = 400000
};

enum drawing { DRAW_EVEN, DRAW_DIGITS, DRAW_ALIKE, DRAW_REAL, DRAWINGS };

static struct match_entry entries[ROWS_MAX];
static struct naive_row rows[ROWS_MAX];
static plate_key queries[QUERIES];
static uint32_t survivors[MATCH_KERNELS][QUERIES];
static plate_key real[REAL_MAX];
static size_t real_count;
static uint64_t random_state;
static uint64_t reads_done;
static uint64_t hits_seen;

static uint32_t draw(uint32_t below)
{
    random_state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = random_state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ z >> 31) >> 32) % below;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

/* ---- plates ---- */

static plate_key encode(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    return plate.kind == PLATE_KEY ? plate.key : 0;
}

static void append(char *text, const char *alphabet, int count)
{
    size_t size = strlen(text);
    for (int i = 0; i < count; i++) {
        text[size++] = alphabet[draw((uint32_t)strlen(alphabet))];
    }
    text[size] = '\0';
}

/* Few enough plates of a kind that lists and queries meet. */
static plate_key draw_full(enum drawing drawing)
{
    static const char *const heads[] = {"鲁H", "鲁H", "鲁H", "豫Z", "B1", ""};
    static const char *const suffixes[] = {"", "", "", "", "挂", "学"};
    char text[PLATE_TEXT_SIZE] = "";
    plate_key key = 0;
    while (key == 0) {
        if (drawing == DRAW_REAL) {
            return real[draw(draw(2) ? 200 : (uint32_t)real_count)];
        }
        snprintf(text, sizeof(text), "%s", heads[draw(6)]);
        if (drawing == DRAW_EVEN) {
            append(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 2 + (int)draw(3));
        } else if (drawing == DRAW_DIGITS) {
            append(text, draw(5) ? "0123" : "ABCD", 5);
        } else {
            append(text, "0ODQ8B6G", draw(3) == 0 ? 10 : 3);
        }
        strncat(text, suffixes[draw(6)], sizeof(text) - strlen(text) - 1);
        key = encode(text);
    }
    return key;
}

static plate_key with_unread(plate_key key, int unread)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    for (int i = 0; i < unread; i++) {
        symbols[draw((uint32_t)count)] = PLATE_SYMBOL_UNREAD;
    }
    return plate_key_of_symbols(symbols, count);
}

/* A plate of the list with some of its symbols drawn anew. */
static plate_key near(plate_key key)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    for (uint32_t left = draw(4); left > 0; left--) {
        symbols[draw((uint32_t)count)] = plate_symbol_of((uint8_t) "0ODQ1I2Z5S8B6GAK"[draw(16)]);
    }
    plate_key other = plate_key_of_symbols(symbols, count);
    return other ? other : key;
}

static plate_key draw_query(enum drawing drawing, size_t count)
{
    uint32_t kind = draw(20);
    plate_key key = kind < 9 ? near(entries[draw((uint32_t)count)].record.key) : draw_full(drawing);
    return kind == 0 ? 0 : kind < 3 ? with_unread(key, 1 + (int)draw(3)) : key;
}

static void make_list(enum drawing drawing, size_t count)
{
    static const plate_class classes[] = {PLATE_CLASS_ANY, 0x3031, 0x3032};
    for (size_t i = 0; i < count; i++) {
        plate_key key = draw_full(drawing);
        entries[i] = (struct match_entry){
            .record = {.id = i + 1,
                       .key = draw(4) == 0 ? with_unread(key, 1 + (int)draw(4)) : key,
                       .valid_from = {draw(8) == 0 ? NOW + 1 : 0},
                       .valid_until = {draw(8) == 0 ? NOW : 2 * NOW},
                       .class = classes[draw(3)],
                       .priority = (uint8_t)(1 + draw(3))},
            .text = "{}"};
        rows[i] = (struct naive_row){&entries[i], naive_plate_of(entries[i].record.key)};
    }
}

/* ---- one list ---- */

static struct match_index *make_index(size_t count, uint8_t most, enum match_kernel kernel)
{
    const struct match_entry *pointers[ROWS_MAX];
    const struct match_options options = {
        .look_alike_max = most, .kernel = kernel, .seed = random_state | 1};
    struct match_index *index = NULL;
    struct err_text err = {""};
    for (size_t i = 0; i < count; i++) {
        pointers[i] = &entries[i];
    }
    int result = match_index_create(pointers, count, &options, &index, &err);
    if (result != 0 && result != ERR_UNSUPPORTED) {
        fail_msg("%s", err.text);
    }
    return index;
}

static bool must_pass(plate_key key, size_t count, int most)
{
    struct naive_plate plate = naive_plate_of(key);
    bool may = plate.unread > 0;
    for (size_t i = 0; i < count && !may; i++) {
        may = naive_may(&plate, &rows[i].plate, most);
    }
    return may;
}

static void check_read(const struct match_index *index, size_t count, int most, plate_key key)
{
    static struct naive_hit hits[ROWS_MAX * (READ_CANDIDATES_MAX + 1)];
    struct match_result result;
    struct plate_read read = {.kind = PLATE_KEY, .key = key, .class = draw(2) ? 0x3031 : 0};
    bool trusted = draw(4) > 0;
    const struct wall_time now = {NOW};
    for (uint32_t c = draw(8) == 0 ? draw(4) : 0; c > 0; c--) {
        read.candidates[read.candidate_count++].key = near(key ? key : rows[0].entry->record.key);
    }
    size_t expected = naive_find(rows, count, most, &read, now, trusted, hits);
    match_find(index, NULL, &read, now, trusted, &result);
    if (!naive_equal(hits, expected, &result, now)) {
        fail_msg("read %016" PRIx64 ": %u hits and %u more, a naive scan finds %zu", key,
                 result.hit_count, result.dropped, expected);
    }
    hits_seen += result.hit_count;
}

/* The kernels' survivors are those of the first of them. */
static size_t scan_by_all(struct match_index *const *indexes)
{
    size_t first = 0;
    for (int k = MATCH_KERNEL_SCALAR; k < MATCH_KERNELS; k++) {
        if (!indexes[k]) {
            continue;
        }
        size_t found = match_scan(indexes[k], queries, QUERIES, survivors[k]);
        if (k == MATCH_KERNEL_SCALAR) {
            first = found;
        }
        assert_int_equal(found, first);
        assert_memory_equal(survivors[k], survivors[MATCH_KERNEL_SCALAR],
                            found * sizeof(survivors[k][0]));
    }
    return first;
}

/* Any stretch of the queries, whatever its length and where it begins, has the survivors of the
 * whole, and nothing behind the room for them is written. */
static void scan_stretches(struct match_index *const *indexes, size_t found)
{
    static uint32_t part[STRETCH_MAX + 1];
    const uint32_t *all = survivors[MATCH_KERNEL_SCALAR];
    for (int i = 0; i < STRETCHES; i++) {
        const struct match_index *index = indexes[MATCH_KERNEL_SCALAR + i % (MATCH_KERNELS - 1)];
        size_t begin = draw(QUERIES - STRETCH_MAX);
        size_t count = draw(draw(2) ? STRETCH_MAX + 1 : 20);
        size_t next = 0;
        while (next < found && all[next] < begin) {
            next++;
        }
        if (!index) {
            continue;
        }
        part[count] = UINT32_MAX;
        size_t of_part = match_scan(index, queries + begin, count, part);
        assert_int_equal(part[count], UINT32_MAX);
        for (size_t at = 0; at < of_part; at++, next++) {
            assert_true(next < found);
            assert_int_equal(begin + part[at], all[next]);
        }
        assert_true(next == found || all[next] >= begin + count);
    }
}

static void check_list(enum drawing drawing)
{
    struct match_index *indexes[MATCH_KERNELS] = {0};
    size_t count = 1 + draw(draw(2) ? ROWS_MAX : 40);
    uint8_t most = (uint8_t)draw(MATCH_LOOK_ALIKE_MAX + 1);
    make_list(drawing, count);
    for (int k = MATCH_KERNEL_SCALAR; k < MATCH_KERNELS; k++) {
        indexes[k] = make_index(count, most, (enum match_kernel)k);
    }
    for (size_t i = 0; i < QUERIES; i++) {
        queries[i] = draw_query(drawing, count);
    }
    size_t found = scan_by_all(indexes);
    size_t next = 0;
    scan_stretches(indexes, found);
    for (size_t i = 0; i < QUERIES; i++) {
        bool passed = next < found && survivors[MATCH_KERNEL_SCALAR][next] == i;
        bool must = must_pass(queries[i], count, most);
        if (passed != must) {
            fail_msg("key %016" PRIx64 ": the filter says %d, a naive scan %d", queries[i], passed,
                     must);
        }
        next += passed;
        if (passed || draw(16) == 0) {
            check_read(indexes[MATCH_KERNEL_SCALAR], count, most, queries[i]);
        }
    }
    assert_int_equal(next, found);
    for (int k = 0; k < MATCH_KERNELS; k++) {
        match_index_destroy(indexes[k]);
    }
    reads_done += QUERIES;
}

static void load_real(void)
{
    char path[4096];
    char line[PLATE_TEXT_SIZE + 8];
    const char *folder = getenv("CHECKPOINT_TEST_DATA");
    snprintf(path, sizeof(path), "%s/plates-cn.txt", folder ? folder : "../shared/data");
    FILE *file = fopen(path, "re");
    if (!file) {
        print_message("plates-cn.txt is not here: no lists of real plates\n");
        return;
    }
    while (real_count < REAL_MAX && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\r\n")] = '\0';
        real[real_count] = encode(line);
        real_count += real[real_count] != 0;
    }
    (void)fclose(file); /* read only */
    assert_true(real_count > 1000);
}

static void test_small_lists_against_a_scan(void **state)
{
    uint64_t wanted = setting("CHECKPOINT_QUERIES", QUERIES_DEFAULT);
    (void)state;
    load_real();
    for (int list = 0; reads_done < wanted; list++) {
        enum drawing drawing = (enum drawing)(list % DRAWINGS);
        check_list(drawing == DRAW_REAL && real_count == 0 ? DRAW_EVEN : drawing);
    }
    assert_true(hits_seen > reads_done / 10); /* the lists were dense enough to say something */
    printf("{\"queries\":%" PRIu64 ",\"hits\":%" PRIu64 "}\n", reads_done, hits_seen);
}

/* ---- a large list ---- */

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static plate_key large_plate(void)
{
    char text[PLATE_TEXT_SIZE] = "鲁H";
    append(text, "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", 5);
    return encode(text);
}

static void check_large(const struct match_index *index, const uint64_t *folded, uint8_t most)
{
    struct look_alike look_alike;
    size_t next = 0;
    look_alike_init(&look_alike, most > 0);
    size_t found = match_scan(index, queries, QUERIES, survivors[0]);
    for (size_t i = 0; i < QUERIES; i++) {
        uint64_t key = look_alike_fold(&look_alike, queries[i]);
        bool passed = next < found && survivors[0][next] == i;
        assert_int_equal(passed, bsearch(&key, folded, LARGE, sizeof(folded[0]), by_value) != NULL);
        next += passed;
    }
}

/* Buckets run over at this size, and twice the list came and went before. */
static void test_large_list_against_sorted_keys(void **state)
{
    struct match_entry *large = calloc(2 * LARGE, sizeof(*large));
    const struct match_entry **pointers = calloc(2 * LARGE, sizeof(*pointers));
    uint64_t *folded = calloc(LARGE, sizeof(*folded));
    struct err_text err;
    (void)state;
    assert_true(large && pointers && folded);
    for (size_t i = 0; i < 2 * (size_t)LARGE; i++) {
        large[i].record = (struct wanted_record){.id = i + 1, .key = large_plate()};
        pointers[i] = &large[i];
    }
    for (int k = MATCH_KERNEL_SCALAR; k < MATCH_KERNELS; k++) {
        uint8_t most = (uint8_t)(k % 2);
        const struct match_options options = {
            .look_alike_max = most, .kernel = (enum match_kernel)k, .room = 64};
        struct match_index *index = NULL;
        struct look_alike look_alike;
        if (match_index_create(pointers, LARGE, &options, &index, &err) == ERR_UNSUPPORTED) {
            print_message("%s: not on this machine\n", match_kernel_name((enum match_kernel)k));
            continue;
        }
        look_alike_init(&look_alike, most > 0);
        for (size_t i = 0; i < LARGE; i++) {
            assert_int_equal(match_index_add(index, pointers[LARGE + i], &err), 0);
            assert_int_equal(match_index_withdraw(index, pointers[i]), 0);
            folded[i] = look_alike_fold(&look_alike, large[LARGE + i].record.key);
        }
        qsort(folded, LARGE, sizeof(folded[0]), by_value);
        for (int done = 0; done < LARGE_QUERIES; done += QUERIES) {
            for (size_t i = 0; i < QUERIES; i++) {
                queries[i] = draw(10) ? large_plate() : large[draw(2 * LARGE)].record.key;
            }
            check_large(index, folded, most);
        }
        match_index_destroy(index);
    }
    free(folded);
    free(pointers);
    free(large);
}

/* A burst has any length: the ends of the ring are met one key at a time. */
static void test_bursts_of_every_length(void **state)
{
    struct match_index *indexes[MATCH_KERNELS] = {0};
    (void)state;
    make_list(DRAW_DIGITS, ROWS_MAX);
    for (size_t i = 0; i < QUERIES; i++) {
        queries[i] = draw_query(DRAW_DIGITS, ROWS_MAX);
    }
    for (int k = MATCH_KERNEL_SCALAR; k < MATCH_KERNELS; k++) {
        indexes[k] = make_index(ROWS_MAX, 1, (enum match_kernel)k);
    }
    size_t found = scan_by_all(indexes);
    for (int k = MATCH_KERNEL_SCALAR; k < MATCH_KERNELS; k++) {
        size_t upto = 0;
        for (size_t count = 0; indexes[k] && count < 700; count++) {
            while (upto < found && survivors[MATCH_KERNEL_SCALAR][upto] < count) {
                upto++;
            }
            assert_int_equal(match_scan(indexes[k], queries, count, survivors[0]), upto);
            assert_memory_equal(survivors[0], survivors[MATCH_KERNEL_SCALAR],
                                upto * sizeof(survivors[0][0]));
        }
        match_index_destroy(indexes[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bursts_of_every_length),
                                       cmocka_unit_test(test_large_list_against_sorted_keys),
                                       cmocka_unit_test(test_small_lists_against_a_scan)};
    random_state = setting("CHECKPOINT_SEED", 20261126);
    print_message("CHECKPOINT_SEED=%" PRIu64 "\n", random_state);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
