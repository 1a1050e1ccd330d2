/*
 * Snapshots: a list through chunks and back, two clerks, damage, order.
 */
#include "gateway/signed/snapshot.h"
#include "signed_builder.h"

enum { ENTRIES = 20 };

static struct world *world;

static int setup(void **state)
{
    (void)state;
    world = world_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_destroy(world);
    return 0;
}

struct made {
    struct wanted_item items[ENTRIES];
    struct snapshot_chunk chunk;
    uint8_t *stored;
    char *text;
    size_t size;
};

/* One chunk of ENTRIES entries, the last of `last_priority`, signed by `clerks` of A and B. */
static struct made make(enum chunk_encoding encoding, int last_priority, int clerks)
{
    struct made m = {0};
    struct err_text err = {0};
    struct envelope e = {0};
    size_t used = 0;
    for (int i = 0; i < ENTRIES; i++)
        m.items[i] = item_make((uint64_t)i + 1, "鲁H12345", i == ENTRIES - 1 ? last_priority : 2);
    ok(snapshot_write_chunk(m.items, ENTRIES, encoding, &m.chunk, &m.stored, &used), &err);
    assert_int_equal(used, ENTRIES);
    struct snapshot s = {.revision = 5,
                         .hash = {1},
                         .time = {T0_MS},
                         .entry_count = ENTRIES,
                         .max_id = ENTRIES,
                         .chunk_count = 1,
                         .chunks = &m.chunk};
    ok(snapshot_compose(&s, &e, &err), &err);
    ok(envelope_sign(&e, world->key[WORLD_CLERK_A]), &err);
    if (clerks > 1)
        ok(envelope_sign(&e, world->key[WORLD_CLERK_B]), &err);
    ok(envelope_write(&e, &m.text, &m.size), &err);
    envelope_fini(&e);
    return m;
}

static void made_free(struct made *m)
{
    for (int i = 0; i < ENTRIES; i++)
        item_free(&m->items[i]);
    free(m->stored);
    free(m->text);
}

/* Reads it all; the result of the first step that refuses. */
static int read_all(const struct made *m, struct err_text *err)
{
    struct snapshot s;
    struct snapshot_reader reader;
    struct snapshot_part part = {0};
    int result = snapshot_verify(&world->set, m->text, m->size, &s, err);
    if (result != 0)
        return result;
    snapshot_read_begin(&reader, &s);
    result = snapshot_read_chunk(&reader, m->stored, m->chunk.size_bytes, true, &part, err);
    if (result == 0) {
        assert_int_equal(part.count, ENTRIES);
        for (int i = 0; i < ENTRIES; i++) {
            assert_true(part.items[i].record.id == m->items[i].record.id);
            assert_true(part.items[i].record.key == m->items[i].record.key);
            assert_memory_equal(part.items[i].text, m->items[i].text, m->items[i].record.text_size);
        }
        snapshot_part_fini(&part);
        result = snapshot_read_end(&reader, err);
    }
    snapshot_fini(&s);
    return result;
}

static void test_a_list_goes_through_and_comes_back(void **state)
{
    (void)state;
    struct err_text err = {0};
    for (enum chunk_encoding encoding = CHUNK_IDENTITY; encoding <= CHUNK_ZSTD; encoding++) {
        struct made m = make(encoding, 2, 1);
        ok(read_all(&m, &err), &err);
        made_free(&m);
    }
}

/* Of `count` items with texts of `spread` different characters. */
static size_t fitting_of(size_t count, int spread, struct snapshot_chunk *out)
{
    uint8_t *stored = NULL;
    size_t used = 0;
    uint32_t random = 1;
    struct wanted_item *items = calloc(count, sizeof(*items));
    char *texts = malloc(count * WANTED_TEXT_MAX);
    assert_non_null(items);
    assert_non_null(texts);
    for (size_t i = 0; i < count * WANTED_TEXT_MAX; i++) {
        random = random * 1664525 + 1013904223;
        texts[i] = (char)((random >> 16) % (uint32_t)spread);
    }
    for (size_t i = 0; i < count; i++)
        items[i] = (struct wanted_item){
            .record = {.id = i + 1, .text_size = WANTED_TEXT_MAX},
            .text = texts + i * WANTED_TEXT_MAX,
        };
    assert_int_equal(snapshot_write_chunk(items, count, CHUNK_ZSTD, out, &stored, &used), 0);
    free(stored);
    free(texts);
    free(items);
    return used;
}

static void test_a_chunk_is_filled_up_to_either_limit(void **state)
{
    (void)state;
    enum { MANY = 1500, ITEM = WANTED_RECORD_SIZE + WANTED_TEXT_MAX };
    struct snapshot_chunk chunk;
    /* shrinks well: as much as may be decoded */
    assert_int_equal(fitting_of(MANY, 1, &chunk), SNAPSHOT_CHUNK_RAW_MAX / ITEM);
    assert_in_range(chunk.raw_size_bytes, SNAPSHOT_CHUNK_RAW_MAX - ITEM, SNAPSHOT_CHUNK_RAW_MAX);
    /* hardly shrinks: what is stored sets the limit */
    assert_in_range(fitting_of(MANY, 256, &chunk), 100, SNAPSHOT_CHUNK_MAX / ITEM + 1);
    assert_in_range(chunk.size_bytes, 1, SNAPSHOT_CHUNK_MAX);
}

static void test_priority_1_needs_two_clerks(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct made one = make(CHUNK_ZSTD, 1, 1);
    assert_int_equal(read_all(&one, &err), ERR_DENIED);
    made_free(&one);
    struct made two = make(CHUNK_ZSTD, 1, 2);
    ok(read_all(&two, &err), &err);
    made_free(&two);
}

static void test_every_damaged_byte_of_a_chunk_is_refused(void **state)
{
    (void)state;
    struct made m = make(CHUNK_ZSTD, 2, 1);
    for (uint32_t at = 0; at < m.chunk.size_bytes; at++) {
        m.stored[at] ^= 1;
        assert_int_equal(read_all(&m, NULL), ERR_CORRUPT);
        m.stored[at] ^= 1;
    }
    assert_int_equal(read_all(&m, NULL), 0);
    made_free(&m);
}

static void test_a_missing_chunk_is_noticed_at_the_end(void **state)
{
    (void)state;
    struct made m = make(CHUNK_ZSTD, 2, 1);
    struct snapshot s;
    struct snapshot_reader reader;
    assert_int_equal(snapshot_verify(&world->set, m.text, m.size, &s, NULL), 0);
    snapshot_read_begin(&reader, &s);
    assert_int_equal(snapshot_read_end(&reader, NULL), ERR_INVALID);
    snapshot_fini(&s);
    made_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_goes_through_and_comes_back),
        cmocka_unit_test(test_a_chunk_is_filled_up_to_either_limit),
        cmocka_unit_test(test_priority_1_needs_two_clerks),
        cmocka_unit_test(test_every_damaged_byte_of_a_chunk_is_refused),
        cmocka_unit_test(test_a_missing_chunk_is_noticed_at_the_end),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
