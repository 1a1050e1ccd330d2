/*
 * A list that the index of a box could not hold is refused at publish, in words that name entry,
 * count and limit, and leaves no trace; what makes room in the same batch counts. Also that a list
 * taken up to its limit is one an index does hold.
 */
#include "hq_world.h"

#include "../signed/signed_builder.h"
#include "gateway/match/index.h"

enum { PER_BATCH = 1000 };

static struct world *world;

static int open_world(void **state)
{
    world = world_create();
    if (open_hq(state) != 0)
        return -1;
    for (int i = 0; i < 2; i++)
        hq.keyset->keys[hq.keyset->key_count++] = world->set.keys[i]; /* the two clerks */
    return 0;
}

static int close_world(void **state)
{
    world_destroy(world);
    return close_hq(state);
}

/* What one batch does; answered with `out`, "" when it was taken. */
static int put(const struct batch_plan *plan, char out[256])
{
    struct batch_plan whole = *plan;
    size_t size = 0;
    whole.head = hq.head;
    whole.time = at_ms(T0_MS);
    char *text = batch_text(world, &whole, &size, WORLD_CLERK_A, WORLD_CLERK_B, WORLD_KEYS);
    struct hq_call call = call_of(TLS_PEER_OPERATOR, "zhang");
    call.body = text;
    call.size = size;
    assert_int_equal(hq_list_put_batch(&call), HQ_DONE);
    int status = call.answer.status;
    json_t *answer = answer_of(&call);
    const char *en = json_string_value(json_object_get(json_object_get(answer, "error"), "en"));
    (void)snprintf(out, 256, "%s", en ? en : ""); /* cut: the test fails */
    json_decref(answer);
    hq_call_fini(&call);
    free(text);
    return status;
}

static int64_t count_entries(void)
{
    int64_t count = -1;
    assert_int_equal(
        hq_db_number(&hq.db, "SELECT count(*) FROM entries", NULL, 0, -1, &count, NULL), 0);
    return count;
}

typedef void (*plate_maker)(size_t number, char out[32]);

/* Look-alikes of one another all: five places of 0, D, Q, O. */
static void look_alike_plate(size_t number, char out[32])
{
    memcpy(out, "鲁H00000", sizeof("鲁H00000"));
    for (size_t at = 0; at < 5; at++, number /= 4)
        out[4 + at] = "0DQO"[number % 4];
}

static void partial_plate(size_t number, char out[32])
{
    (void)snprintf(out, 32, "鲁H?%05zu", number); /* fits */
}

/* Adds entries `from` to `to` (ids from 1), all taken. */
static void add(plate_maker make, size_t from, size_t to)
{
    static struct wanted_item items[PER_BATCH];
    char plate[32];
    char why[256];
    while (from <= to) {
        size_t count = 0;
        for (; count < PER_BATCH && from <= to; count++, from++) {
            make(from, plate);
            items[count] = item_make(from, plate, 2);
        }
        const struct batch_plan plan = {.added = items, .added_count = count};
        assert_int_equal(put(&plan, why), 201);
        for (size_t i = 0; i < count; i++)
            item_free(&items[i]);
    }
}

/* Adds or changes one entry and withdraws another (0: none). */
static int one(uint64_t id, const char *plate, bool change, uint64_t withdrawn, char why[256])
{
    struct wanted_item item = item_make(id, plate, 2);
    const struct batch_plan plan = {.added = &item,
                                    .added_count = !change,
                                    .changed = &item,
                                    .changed_count = change,
                                    .withdrawn = &withdrawn,
                                    .withdrawn_count = withdrawn != 0};
    int status = put(&plan, why);
    item_free(&item);
    return status;
}

/* An index takes all that stands in the store, whatever its look-alikes. */
static int take_record(void *ctx, const struct hq_value *columns, size_t count)
{
    struct match_entry **next = ctx;
    struct byte_reader r;
    assert_int_equal(count, 1);
    byte_reader_init(&r, columns[0].data, columns[0].size);
    assert_int_equal(wanted_record_read(&r, &(*next)->record, NULL), 0);
    (*next)++->text = "";
    return 0;
}

static void expect_an_index_holds_it(void)
{
    size_t count = (size_t)count_entries();
    struct match_entry *entries = calloc(count, sizeof(*entries));
    const struct match_entry **rows = calloc(count, sizeof(const struct match_entry *));
    struct match_entry *next = entries;
    struct err_text err = {""};
    assert_true(entries && rows);
    assert_int_equal(
        hq_db_query(&hq.db, "SELECT record FROM entries", NULL, 0, take_record, &next, NULL), 0);
    for (size_t i = 0; i < count; i++)
        rows[i] = &entries[i];
    for (int k = 0; k <= MATCH_LOOK_ALIKE_MAX; k++) {
        const struct match_options options = {.look_alike_max = (uint8_t)k};
        struct match_index *index = NULL;
        ok(match_index_create(rows, count, &options, &index, &err), &err);
        match_index_destroy(index);
    }
    free(entries);
    free(rows);
}

static void one_plate_and_its_look_alikes_have_a_limit(void **state)
{
    (void)state;
    char why[256];
    const struct list_head *head = &hq.head;
    add(look_alike_plate, 1, MATCH_SAME_PLATE_MAX - 1);
    assert_int_equal(one(4096, "鲁HOOOOO", false, 0, why), 201);
    expect_an_index_holds_it();
    uint64_t revision = head->revision;
    assert_int_equal(one(4097, "鲁HDDDDD", false, 0, why), 422);
    assert_string_equal(why, "entry 4097: makes 4097 entries of its plate and those that look like "
                             "it, expected at most 4096");
    /* Nothing of it stayed: not the entry, not the revision, not its id. */
    assert_int_equal(count_entries(), 4096);
    assert_int_equal(head->revision, revision);
    assert_int_equal(one(4097, "鲁H12345", false, 0, why), 201);
    /* A change crowds like an addition, unless the entry was of this crowd before. */
    assert_int_equal(one(4097, "鲁HQQQQQ", true, 0, why), 422);
    assert_string_equal(why, "entry 4097: makes 4097 entries of its plate and those that look like "
                             "it, expected at most 4096");
    assert_int_equal(one(5, "鲁HQQQQQ", true, 0, why), 201);
    /* One goes, one may come, in one batch. */
    assert_int_equal(one(4098, "鲁HDDDDD", false, 7, why), 201);
    expect_an_index_holds_it();
}

static void partial_plates_have_a_limit_for_each_form(void **state)
{
    (void)state;
    char why[256];
    add(partial_plate, 1, MATCH_PARTIAL_MAX);
    expect_an_index_holds_it();
    assert_int_equal(one(16385, "鲁H1234?", false, 0, why), 422);
    assert_string_equal(why, "entry 16385: makes 16385 partial plates, expected at most 16384");
    assert_int_equal(one(16385, "AB1234567?", false, 0, why), 201); /* of ten symbols */
    assert_int_equal(one(16386, "鲁H12345", false, 0, why), 201);
    expect_an_index_holds_it();
}

static void the_whole_list_has_a_limit(void **state)
{
    (void)state;
    char why[256];
    assert_int_equal(one(1, "鲁H12345", false, 0, why), 201);
    /* As if that many had come: they would take an hour. */
    assert_int_equal(hq_db_exec(&hq.db, "UPDATE ids SET entries = 15999999", NULL, 0, NULL), 0);
    assert_int_equal(one(2, "鲁H12346", false, 0, why), 201);
    assert_int_equal(one(3, "鲁H12347", false, 0, why), 422);
    assert_string_equal(why,
                        "entry 3: makes a list of 16000001 entries, expected at most 16000000");
    assert_int_equal(one(3, "鲁H12347", false, 1, why), 201);
}

/* A list that an older hqd let grow too large can be made smaller step by step. */
static void a_crowd_that_is_too_large_may_shrink(void **state)
{
    (void)state;
    char why[256];
    add(look_alike_plate, 1, MATCH_SAME_PLATE_MAX);
    assert_int_equal(one(4097, "鲁H12345", false, 0, why), 201);
    assert_int_equal(one(4098, "鲁H12346", false, 0, why), 201);
    assert_int_equal(hq_db_exec(&hq.db,
                                "UPDATE entries SET crowd ="
                                " (SELECT crowd FROM entries WHERE id = 1) WHERE id > 4096",
                                NULL, 0, NULL),
                     0);
    assert_int_equal(one(4099, "鲁HDDDDD", false, 1, why), 422);
    assert_int_equal(one(2, "鲁HDDDDD", true, 1, why), 201); /* 4097 are left: still too many */
    assert_int_equal(one(4099, "鲁H12347", false, 3, why), 201);
}

int main(void)
{
#define WITH_HQ(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
    const struct CMUnitTest tests[] = {
        WITH_HQ(one_plate_and_its_look_alikes_have_a_limit),
        WITH_HQ(partial_plates_have_a_limit_for_each_form),
        WITH_HQ(the_whole_list_has_a_limit),
        WITH_HQ(a_crowd_that_is_too_large_may_shrink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
