/*
 * Lists that mean harm, and the limits of an index: each costs bounded time and memory, counted
 * here in the steps it can take, or is refused by a text that names the entry and the limit. Also
 * what happens without memory, without room, and to slots that are used again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/match/index_state.h"

enum { SEED = 7, MANY = 200000, IN_ONE_BUCKET = 100 };

static uint64_t random_state = 20261126;

static uint64_t draw(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 33;
}

static plate_key key_of(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    assert_int_equal(plate.kind, PLATE_KEY);
    return plate.key;
}

static struct match_entry entry(uint64_t id, plate_key key)
{
    return (struct match_entry){.record = {.id = id,
                                           .key = key,
                                           .valid_until = {INT64_MAX},
                                           .class = PLATE_CLASS_ANY,
                                           .priority = 2},
                                .text = ""};
}

/* `count` entries and the addresses that create() wants. */
struct list {
    struct match_entry *entries;
    const struct match_entry **pointers;
};

static struct list list_of(size_t count)
{
    struct list list = {calloc(count, sizeof(struct match_entry)),
                        calloc(count, sizeof(const struct match_entry *))};
    assert_true(list.entries && list.pointers);
    for (size_t i = 0; i < count; i++) {
        list.pointers[i] = &list.entries[i];
    }
    return list;
}

static void list_free(struct list *list)
{
    free(list->entries);
    free(list->pointers);
}

static int find_key(const struct match_index *index, plate_key key, struct match_result *out)
{
    const struct plate_read read = {.kind = PLATE_KEY, .key = key};
    match_find(index, NULL, &read, (struct wall_time){1}, true, out);
    return out->hit_count;
}

static plate_key random_digits(const char *head)
{
    static const char digits[] = "0123456789";
    char text[PLATE_TEXT_SIZE];
    size_t size = strlen(head);
    memcpy(text, head, size);
    for (int i = 0; i < 5; i++) {
        text[size++] = digits[draw() % 10];
    }
    text[size] = '\0';
    return key_of(text);
}

/* Whoever knows the hash can aim at one bucket. Its keys go on to others, and a table that has no
 * bucket left for one takes another hash. */
static void test_one_bucket(void **state)
{
    struct list list = list_of(IN_ONE_BUCKET);
    struct match_options options = {.seed = SEED, .room = 2000};
    struct match_result result;
    struct table aim;
    struct match_index *index = NULL;
    struct err_text err;
    size_t made = 0;
    (void)state;
    assert_int_equal(table_init(&aim, IN_ONE_BUCKET + options.room, SEED), 0);
    while (made < IN_ONE_BUCKET) {
        plate_key key = random_digits(draw() % 2 ? "鲁H" : "豫A");
        bool again = false;
        for (size_t i = 0; i < made; i++) {
            again |= list.entries[i].record.key == key;
        }
        if (!again && table_place(&aim, key).mark / TABLE_BUCKET_BYTES == 3) {
            list.entries[made] = entry(made + 1, key);
            made++;
        }
    }
    assert_int_equal(match_index_create(list.pointers, made, &options, &index, &err), 0);
    assert_int_equal(index->view.table.bucket_count, aim.bucket_count); /* the hash aimed at */
    for (size_t i = 0; i < made; i++) {
        uint32_t at;
        assert_int_equal(find_key(index, list.entries[i].record.key, &result), 1);
        assert_int_equal(match_scan(index, &list.entries[i].record.key, 1, &at), 1);
    }
    match_index_destroy(index);
    table_fini(&aim);
    list_free(&list);
}

/* A table whose every bucket on the way is full says so; nothing else changes. */
static void test_no_bucket_left(void **state)
{
    struct table table;
    size_t slot;
    uint64_t key = 1;
    int result = 0;
    (void)state;
    assert_int_equal(table_init(&table, 1, SEED), 0);
    for (; result == 0; key++) {
        struct table_place place = table_place(&table, key);
        assert_true(table_find(&table, key, place) == TABLE_NO_SLOT);
        result = table_reserve(&table, place, &slot);
        if (result == 0) {
            table_publish(&table, slot, key);
        }
    }
    assert_int_equal(result, ERR_FULL);
    size_t slots = (size_t)table.bucket_count * TABLE_BUCKET_SLOTS;
    assert_true(table.used >= slots - 2 * TABLE_BUCKET_SLOTS); /* it tried nearly all of them */
    for (uint64_t k = 1; k < key - 1; k++) {
        assert_true(table_find(&table, k, table_place(&table, k)) != TABLE_NO_SLOT);
    }
    assert_true(table_find(&table, key - 1, table_place(&table, key - 1)) == TABLE_NO_SLOT);
    assert_true(table_worn(&table));
    table_fini(&table);
}

/* All of one province and letter, four symbols of five a digit: as spread over the buckets as any
 * list, and within the memory promised. */
static void test_one_province(void **state)
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ";
    struct list list = list_of(MANY);
    struct match_index *index = NULL;
    struct err_text err;
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        char text[] = "鲁H00000";
        for (size_t at = 4; at < 9; at++) {
            bool digit = draw() % 5;
            const char *from = digit ? "0123456789" : letters;
            text[at] = from[draw() % (digit ? 10 : 24)];
        }
        list.entries[i] = entry(i + 1, key_of(text));
    }
    assert_int_equal(match_index_create(list.pointers, MANY, NULL, &index, &err), 0);
    assert_false(match_index_worn(index));
    assert_true(match_index_bytes(index) < 45u * MANY + (2u << 20)); /* whole pages */
    match_index_destroy(index);
    list_free(&list);
}

/* Ten million entries of one plate and its look-alikes are refused at the first too many. */
static void test_one_plate_and_its_look_alikes(void **state)
{
    static const char alike[] = "0DQ";
    const size_t count = MATCH_SAME_PLATE_MAX + 1;
    struct list list = list_of(count);
    struct match_index *index = NULL;
    struct match_result result;
    struct err_text err;
    (void)state;
    for (size_t i = 0; i < count; i++) {
        char text[] = "鲁H00000";
        for (size_t at = 0, left = i; at < 5; at++, left /= 3) {
            text[4 + at] = alike[left % 3];
        }
        list.entries[i] = entry(i + 1, key_of(text));
    }
    assert_int_equal(match_index_create(list.pointers, count, NULL, &index, &err), ERR_TOO_LARGE);
    assert_string_equal(err.text, "entry 4097: makes 4097 entries of its plate and those that look "
                                  "like it, expected at most 4096");
    assert_null(index);
    const struct match_options options = {.look_alike_max = 1, .room = 1};
    assert_int_equal(match_index_create(list.pointers, count - 1, &options, &index, &err), 0);
    assert_int_equal(match_index_add(index, list.pointers[count - 1], &err), ERR_TOO_LARGE);
    assert_int_equal(find_key(index, key_of("鲁H00000"), &result), MATCH_HITS_MAX);
    assert_int_equal(result.hits[0].kind, MATCH_EXACT);
    /* One goes, one may come. */
    assert_int_equal(match_index_withdraw(index, list.pointers[77]), 0);
    assert_int_equal(match_index_add(index, list.pointers[count - 1], &err), 0);
    match_index_destroy(index);
    /* Without look-alikes they are plates of their own: 3^5 of them, each with few entries. */
    const struct match_options exact = {.look_alike_max = 0};
    assert_int_equal(match_index_create(list.pointers, count, &exact, &index, &err), 0);
    match_index_destroy(index);
    list_free(&list);
}

static plate_key pattern(size_t number)
{
    static const char alphabet[] = "0123456789ABCDEFGHJK";
    char text[] = "鲁H?0000";
    for (size_t at = 4; at > 0; at--, number /= 20) {
        text[4 + at] = alphabet[number % 20];
    }
    return key_of(text);
}

static void test_all_partial(void **state)
{
    const size_t count = MATCH_PARTIAL_MAX + 1;
    struct list list = list_of(count);
    struct match_index *index = NULL;
    struct match_result result;
    struct err_text err;
    uint32_t at[2];
    (void)state;
    for (size_t i = 0; i < count; i++) {
        list.entries[i] = entry(i + 1, pattern(i));
    }
    assert_int_equal(match_index_create(list.pointers, count, NULL, &index, &err), ERR_TOO_LARGE);
    assert_string_equal(err.text,
                        "entry 16385: makes 16385 partial plates, expected at most 16384");
    const struct match_options options = {.room = 1};
    assert_int_equal(match_index_create(list.pointers, count - 1, &options, &index, &err), 0);
    assert_int_equal(match_index_add(index, list.pointers[count - 1], &err), ERR_TOO_LARGE);
    const plate_key reads[] = {key_of("鲁H71234"), key_of("鲁H7123T")};
    assert_int_equal(match_scan(index, reads, 2, at), 1);
    assert_int_equal(at[0], 0);
    assert_int_equal(find_key(index, reads[0], &result), 1);
    assert_int_equal(result.hits[0].entry.key, key_of("鲁H?1234"));
    /* Every pattern comes and goes by itself. */
    for (size_t i = 0; i < count - 1; i++) {
        assert_int_equal(match_index_withdraw(index, list.pointers[i]), 0);
    }
    assert_int_equal(match_scan(index, reads, 2, at), 0);
    assert_int_equal(match_index_add(index, list.pointers[count - 1], &err), 0);
    match_index_destroy(index);
    list_free(&list);
}

/* Patterns that know too little are in no set: they cost a read nothing. */
static void test_partial_that_know_too_little(void **state)
{
    struct match_entry vague = entry(1, key_of("鲁H?????"));
    const struct match_entry *pointer = &vague;
    struct match_index *index = NULL;
    struct match_result result;
    struct err_text err;
    plate_key read = key_of("鲁H12345");
    uint32_t at;
    (void)state;
    assert_int_equal(match_index_create(&pointer, 1, NULL, &index, &err), 0);
    assert_int_equal(match_index_count(index), 1);
    assert_int_equal(match_scan(index, &read, 1, &at), 0);
    assert_int_equal(find_key(index, read, &result), 0);
    assert_int_equal(match_index_withdraw(index, pointer), 0);
    assert_int_equal(match_index_withdraw(index, pointer), ERR_NOT_FOUND);
    match_index_destroy(index);
}

static void test_options_and_numbers(void **state)
{
    struct match_index *index = NULL;
    struct err_text err;
    struct match_options options = {.look_alike_max = 4};
    (void)state;
    assert_int_equal(match_index_create(NULL, 0, &options, &index, &err), ERR_INVALID);
    assert_string_equal(err.text, "look-alike symbols 4, expected at most 3");
    options = (struct match_options){.room = MATCH_ENTRIES_MAX};
    assert_int_equal(match_index_create(NULL, 1, &options, &index, &err), ERR_TOO_LARGE);
    assert_string_equal(err.text,
                        "1 entries and room for 16000000, expected at most 16000000 in all");
    assert_null(index);
    options = (struct match_options){.kernel = MATCH_KERNELS};
    assert_int_equal(match_index_create(NULL, 0, &options, &index, &err), ERR_UNSUPPORTED);
    assert_string_equal(err.text, "match kernel 'none': this machine does not run it");
}

static void test_no_room(void **state)
{
    struct match_entry entries[] = {entry(1, key_of("鲁H12345")), entry(2, key_of("鲁H12346")),
                                    entry(3, key_of("鲁H12347"))};
    const struct match_entry *pointers[] = {&entries[0]};
    const struct match_options options = {.room = 1};
    struct match_index *index = NULL;
    struct err_text err;
    (void)state;
    assert_int_equal(match_index_create(pointers, 1, &options, &index, &err), 0);
    assert_int_equal(match_index_add(index, &entries[1], &err), 0);
    assert_int_equal(match_index_add(index, &entries[2], &err), ERR_FULL);
    assert_string_equal(err.text, "entry 3: the index has no room for it");
    assert_int_equal(match_index_withdraw(index, &entries[2]), ERR_NOT_FOUND);
    assert_int_equal(match_index_withdraw(index, &entries[0]), 0);
    assert_int_equal(match_index_withdraw(index, &entries[0]), ERR_NOT_FOUND);
    assert_int_equal(match_index_retire_count(index), 1);
    assert_int_equal(match_index_add(index, &entries[2], &err), 0);
    match_index_reclaim(index);
    assert_int_equal(match_index_retire_count(index), 0);
    match_index_destroy(index);
}

/* Nodes of a chain come back by a grace period alone: without one the pool runs dry, and says so.
 */
static void test_nodes_wait_for_a_grace_period(void **state)
{
    struct match_entry entries[3];
    const struct match_entry *pointers[] = {&entries[0], &entries[1]};
    const struct match_options options = {.room = 1};
    struct match_index *index = NULL;
    struct match_result hits;
    struct err_text err;
    int result = 0;
    int turns = 0;
    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        entries[i] = entry(i + 1, key_of("鲁H12345"));
    }
    assert_int_equal(match_index_create(pointers, 2, &options, &index, &err), 0);
    for (; result == 0; turns++) {
        result = match_index_add(index, &entries[2], &err);
        if (result == 0) {
            assert_int_equal(match_index_withdraw(index, &entries[2]), 0);
        }
    }
    assert_int_equal(result, ERR_FULL);
    assert_true(turns > 4000);
    match_index_reclaim(index);
    assert_int_equal(match_index_add(index, &entries[2], &err), 0);
    assert_int_equal(find_key(index, entries[0].record.key, &hits), 3);
    match_index_destroy(index);
}

/* A list changed many times over is worn, its answers are right all the same. */
static void test_worn(void **state)
{
    enum { LISTED = 2000, CHANGES = 400000 };
    struct list list = list_of(2 * LISTED);
    const struct match_options options = {.room = LISTED};
    struct match_index *index = NULL;
    struct match_result result;
    struct err_text err;
    (void)state;
    for (size_t i = 0; i < LISTED; i++) {
        list.entries[i] = entry(i + 1, random_digits("鲁H"));
    }
    assert_int_equal(match_index_create(list.pointers, LISTED, &options, &index, &err), 0);
    assert_false(match_index_worn(index));
    int changes = 0;
    for (; changes < CHANGES && !match_index_worn(index); changes++) {
        size_t place = draw() % LISTED;
        struct match_entry *old = &list.entries[place];
        assert_int_equal(match_index_withdraw(index, old), 0);
        match_index_reclaim(index);
        *old = entry(old->record.id, random_digits("豫A"));
        assert_int_equal(match_index_add(index, old, &err), 0);
    }
    /* With half the room used buckets seldom run over: it wears slowly, if at all. */
    for (size_t i = 0; i < LISTED; i++) {
        assert_true(find_key(index, list.entries[i].record.key, &result) > 0);
    }
    match_index_destroy(index);
    list_free(&list);
}

#if !defined(__SANITIZE_ADDRESS__) && KERNEL_VECTOR
/* Whatever the system refuses, create() says so and leaves nothing behind. */
static void test_no_memory(void **state)
{
    struct rlimit before;
    struct list list = list_of(MANY);
    struct match_index *index = NULL;
    struct err_text err = {""};
    int refused = 0;
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        list.entries[i] = entry(i + 1, random_digits("鲁H"));
    }
    assert_int_equal(getrlimit(RLIMIT_DATA, &before), 0);
    for (rlim_t limit = 1 << 20; limit < 64u << 20 && !index; limit += 1 << 20) {
        const struct rlimit tight = {limit, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_DATA, &tight), 0);
        int result = match_index_create(list.pointers, MANY, NULL, &index, &err);
        assert_int_equal(setrlimit(RLIMIT_DATA, &before), 0);
        assert_true(result == 0 || result == ERR_NO_MEMORY);
        if (result != 0) {
            assert_string_equal(err.text, "match index: no memory");
            assert_null(index);
            refused++;
        }
    }
    assert_non_null(index);
    assert_true(refused > 1);
    match_index_destroy(index);
    list_free(&list);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#if !defined(__SANITIZE_ADDRESS__) && KERNEL_VECTOR
        cmocka_unit_test(test_no_memory),
#endif
        cmocka_unit_test(test_one_bucket),
        cmocka_unit_test(test_no_bucket_left),
        cmocka_unit_test(test_one_province),
        cmocka_unit_test(test_one_plate_and_its_look_alikes),
        cmocka_unit_test(test_all_partial),
        cmocka_unit_test(test_partial_that_know_too_little),
        cmocka_unit_test(test_options_and_numbers),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_nodes_wait_for_a_grace_period),
        cmocka_unit_test(test_worn)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
