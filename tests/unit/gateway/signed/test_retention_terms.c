/*
 * Retention terms: round trip, every wrong role's key, one clerk, every damaged byte, another
 * fleet, versions that do not rise, each field's range, what is in force when, and what a hold
 * fits.
 */
#include <stdio.h>

#include "gateway/signed/match_policy.h"
#include "gateway/signed/retention_terms.h"
#include "signed_builder.h"

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

static const uint8_t plate_key_bytes[SIPHASH_KEY_SIZE] = "fifteen letters";

static struct retention_hold hold_of(const char *plate)
{
    struct retention_hold h = {.case_number = "A3717", .begun_by = "zhang", .begun = {T0_MS}};
    if (plate) {
        h.has_plate = true;
        h.plate = retention_plate_hash(plate_key_bytes, plate);
    }
    return h;
}

static struct retention_terms terms_of(uint64_t version, struct retention_hold *holds, size_t count)
{
    struct retention_terms t = {
        .version = version,
        .time = {T0_MS},
        .fleet = "lu-hz",
        .term_count = 2,
        .terms = {{.from = {T0_MS}, .kinds = {{10, 60}, {5, 20}, {90, 365}}},
                  {.from = {T0_MS + 9 * (int64_t)DAY_MS}, .kinds = {{1, 7}, {5, 20}, {30, 30}}}},
        .hold_count = count,
        .holds = holds};
    memcpy(t.plate_key, plate_key_bytes, sizeof(t.plate_key));
    return t;
}

static char *sign_terms(const struct retention_terms *t, size_t *out_size, enum world_key a,
                        enum world_key b)
{
    struct envelope e;
    struct err_text err = {0};
    char *text = NULL;
    ok(retention_terms_compose(t, &e, &err), &err);
    ok(envelope_sign(&e, world->key[a]), &err);
    if (b != WORLD_KEYS)
        ok(envelope_sign(&e, world->key[b]), &err);
    ok(envelope_write(&e, &text, out_size), &err);
    envelope_fini(&e);
    return text;
}

static char *simple_terms(size_t *out_size, enum world_key a, enum world_key b)
{
    struct retention_hold holds[] = {hold_of("鲁H12345"), hold_of(NULL)};
    struct retention_terms t = terms_of(7, holds, 2);
    memcpy(holds[1].checkpoint, "lu-hz-01", sizeof("lu-hz-01"));
    holds[1].lane = 2;
    holds[1].entry = 4711;
    holds[1].has_from = holds[1].has_until = true;
    holds[1].from.ms = T0_MS;
    holds[1].until.ms = T0_MS + DAY_MS;
    return sign_terms(&t, out_size, a, b);
}

static int verify(const char *text, size_t size, struct err_text *err)
{
    struct retention_terms t;
    int result = retention_terms_verify(&world->set, text, size, &t, err);
    if (result == 0)
        retention_terms_fini(&t);
    return result;
}

static void test_they_say_what_they_were_told(void **state)
{
    (void)state;
    struct retention_terms t;
    struct err_text err = {0};
    size_t size;
    char *text = simple_terms(&size, WORLD_CLERK_A, WORLD_CLERK_B);
    ok(retention_terms_verify(&world->set, text, size, &t, &err), &err);
    assert_true(t.version == 7 && t.time.ms == T0_MS && t.term_count == 2 && t.hold_count == 2);
    assert_string_equal(t.fleet, "lu-hz");
    assert_memory_equal(t.plate_key, plate_key_bytes, sizeof(t.plate_key));
    assert_true(t.terms[1].from.ms == T0_MS + 9 * (int64_t)DAY_MS);
    assert_int_equal(t.terms[0].kinds[RETENTION_RECORD].floor_days, 90);
    assert_int_equal(t.terms[0].kinds[RETENTION_PICTURE].ceiling_days, 20);
    assert_string_equal(t.holds[0].case_number, "A3717");
    assert_string_equal(t.holds[0].begun_by, "zhang");
    assert_true(t.holds[0].begun.ms == T0_MS && t.holds[0].has_plate && !t.holds[0].has_from);
    assert_true(t.holds[0].plate == retention_plate_hash(plate_key_bytes, "鲁H12345"));
    assert_string_equal(t.holds[1].checkpoint, "lu-hz-01");
    assert_true(t.holds[1].lane == 2 && t.holds[1].entry == 4711 && !t.holds[1].has_plate);
    assert_true(t.holds[1].has_until && t.holds[1].until.ms == T0_MS + DAY_MS);
    assert_int_equal(t.clerk_count, 2);
    assert_string_equal(t.clerks[0], "clerk A");
    assert_string_equal(t.clerks[1], "clerk B");
    retention_terms_fini(&t);
    free(text);
}

/* The text a box keeps on its disk. */
static void test_no_plate_stands_in_them(void **state)
{
    (void)state;
    struct retention_hold hold = hold_of("鲁H12345");
    struct retention_terms t = terms_of(1, &hold, 1);
    struct envelope e;
    struct err_text err = {0};
    ok(retention_terms_compose(&t, &e, &err), &err);
    assert_non_null(memmem(e.payload, e.payload_size, "A3717", 5));
    assert_null(memmem(e.payload, e.payload_size, "H12345", 6));
    envelope_fini(&e);
}

static void test_two_different_clerks_and_no_other_role(void **state)
{
    (void)state;
    for (enum world_key a = WORLD_CLERK_A; a < WORLD_OBSERVE; a++) {
        for (enum world_key b = WORLD_CLERK_A; b < WORLD_OBSERVE; b++) {
            size_t size;
            if (a == b)
                continue;
            bool clerks = a <= WORLD_CLERK_A_SPARE && b <= WORLD_CLERK_A_SPARE;
            bool right = clerks && (a == WORLD_CLERK_B || b == WORLD_CLERK_B);
            char *text = simple_terms(&size, a, b);
            assert_int_equal(verify(text, size, NULL), right ? 0 : ERR_DENIED);
            free(text);
        }
    }
}

static void test_one_clerk_is_not_enough(void **state)
{
    (void)state;
    struct err_text err = {0};
    size_t size;
    char *text = simple_terms(&size, WORLD_CLERK_A, WORLD_KEYS);
    assert_int_equal(verify(text, size, &err), ERR_DENIED);
    assert_string_equal(err.text,
                        "retention terms statement: signatures: expected two different clerks");
    free(text);
}

static void test_they_are_no_other_statement_and_none_is_they(void **state)
{
    (void)state;
    struct batch batch;
    struct match_policy policy;
    size_t size;
    char *text = simple_terms(&size, WORLD_CLERK_A, WORLD_CLERK_B);
    assert_int_equal(batch_verify(&world->set, text, size, &batch, NULL), ERR_DENIED);
    assert_int_equal(match_policy_verify(&world->set, text, size, &policy, NULL), ERR_DENIED);
    free(text);
    text = simple_batch(world, &size);
    assert_int_equal(verify(text, size, NULL), ERR_DENIED);
    free(text);
}

static void test_every_damaged_byte_is_refused(void **state)
{
    (void)state;
    size_t size;
    char *text = simple_terms(&size, WORLD_CLERK_A, WORLD_CLERK_B);
    for (size_t at = 0; at < size; at++) {
        text[at] = (char)(text[at] ^ 1);
        if (verify(text, size, NULL) == 0)
            fail_msg("byte %zu changed and accepted", at);
        text[at] = (char)(text[at] ^ 1);
    }
    assert_int_equal(verify(text, size, NULL), 0);
    free(text);
}

static void test_another_fleet_and_a_key_out_of_its_time_are_refused(void **state)
{
    (void)state;
    struct err_text err = {0};
    size_t size;
    struct retention_terms t = terms_of(1, NULL, 0);
    memcpy(t.fleet, "yu-zz", sizeof("yu-zz"));
    char *text = sign_terms(&t, &size, WORLD_CLERK_A, WORLD_CLERK_B);
    assert_int_equal(verify(text, size, &err), ERR_DENIED);
    assert_string_equal(err.text,
                        "retention terms statement: fleet: of fleet yu-zz, expected lu-hz");
    free(text);
    t = terms_of(1, NULL, 0);
    t.time.ms += 366 * (int64_t)DAY_MS; /* no clerk's key is good for as long */
    text = sign_terms(&t, &size, WORLD_CLERK_A, WORLD_CLERK_B);
    assert_int_equal(verify(text, size, NULL), ERR_DENIED);
    free(text);
}

static struct retention_terms parsed(const struct retention_terms *t)
{
    struct retention_terms out;
    struct envelope e;
    struct err_text err = {0};
    ok(retention_terms_compose(t, &e, &err), &err);
    ok(retention_terms_parse(e.payload, e.payload_size, &out, &err), &err);
    envelope_fini(&e);
    return out;
}

static void test_versions_only_rise_and_a_fork_is_named(void **state)
{
    (void)state;
    struct retention_hold hold = hold_of("鲁H12345");
    struct retention_terms a = terms_of(4, NULL, 0);
    struct retention_terms b = terms_of(5, NULL, 0);
    struct retention_terms c = terms_of(5, &hold, 1);
    struct retention_terms four = parsed(&a);
    struct retention_terms five = parsed(&b);
    struct retention_terms other = parsed(&c);
    struct err_text err = {0};
    assert_int_equal(retention_terms_check_newer(NULL, &four, NULL), 0);
    assert_int_equal(retention_terms_check_newer(&four, &five, NULL), 0);
    assert_int_equal(retention_terms_check_newer(&five, &four, &err), ERR_STALE);
    assert_string_equal(err.text, "retention terms version 4, 5 is held");
    assert_int_equal(retention_terms_check_newer(&five, &five, NULL), ERR_NOT_FOUND);
    assert_int_equal(retention_terms_check_newer(&five, &other, &err), ERR_CONFLICT);
    assert_string_equal(err.text, "other retention terms of version 5 than those held");
    retention_terms_fini(&four);
    retention_terms_fini(&five);
    retention_terms_fini(&other);
}

/* A good payload with one value changed: `path` a member of it, or of `inside` [0]. */
static void expect_refused(const char *inside, const char *field, const char *value,
                           const char *text)
{
    struct retention_hold hold = hold_of("鲁H12345");
    struct retention_terms t = terms_of(1, &hold, 1);
    struct retention_terms out;
    struct err_text err = {0};
    struct envelope e;
    ok(retention_terms_compose(&t, &e, &err), &err);
    json_t *object = json_loadb((const char *)e.payload, e.payload_size, 0, NULL);
    json_t *row = inside ? json_array_get(json_object_get(object, inside), 0) : object;
    assert_non_null(row);
    if (value)
        assert_int_equal(json_object_set_new(row, field, json_loads(value, JSON_DECODE_ANY, NULL)),
                         0);
    else
        assert_int_equal(json_object_del(row, field), 0);
    char *changed = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    assert_int_equal(retention_terms_parse(changed, strlen(changed), &out, &err), ERR_INVALID);
    assert_string_equal(err.text, text);
    free(changed);
    json_decref(object);
    envelope_fini(&e);
}

static void test_each_field_names_what_is_wrong(void **state)
{
    (void)state;
    expect_refused(NULL, "version", "0",
                   "retention terms: version: 0 out of range, expected 1 .. 9223372036854775807");
    expect_refused(NULL, "x", "0", "retention terms: unknown field 'x'");
    expect_refused(
        "terms", "passage", "{\"ceiling\":9,\"floor\":10}",
        "retention terms: terms[0]: passage: ceiling: 9 out of range, expected 10 .. 3650");
    expect_refused("terms", "passage", "{\"ceiling\":9,\"floor\":0}",
                   "retention terms: terms[0]: passage: floor: 0 out of range, expected 1 .. 3650");
    expect_refused(
        "terms", "record", "{\"ceiling\":90,\"floor\":29}",
        "retention terms: terms[0]: record: floor: 29 out of range, expected 30 .. 3650");
    expect_refused("terms", "from", "\"2026-12-10T00:00:00.000Z\"",
                   "retention terms: terms[1]: from: does not rise");
    expect_refused("holds", "plate", "\"001122334455667z\"",
                   "retention terms: holds[0]: plate: expected 16 hex digits");
    expect_refused("holds", "plate", NULL,
                   "retention terms: holds[0]: expected a plate, an entry or a checkpoint");
    expect_refused("holds", "lane", "2", "retention terms: holds[0]: lane: of which checkpoint?");
    expect_refused("holds", "by", NULL, "retention terms: holds[0]: by: missing, expected text");
    expect_refused("holds", "checkpoint", "\"Lu HZ\"",
                   "retention terms: holds[0]: checkpoint: expected a-z, 0-9 and '-'");
}

static void test_as_many_holds_as_are_promised_and_no_more(void **state)
{
    (void)state;
    struct retention_hold *holds = calloc(RETENTION_HOLDS_MAX + 1, sizeof(*holds));
    struct retention_terms t = terms_of(1, holds, RETENTION_HOLDS_MAX);
    struct envelope e;
    struct err_text err = {0};
    assert_non_null(holds);
    for (int i = 0; i <= RETENTION_HOLDS_MAX; i++) { /* each as long as it may be */
        holds[i] = hold_of("鲁H12345");
        memset(holds[i].case_number, 'A', RETENTION_CASE_MAX);
        memset(holds[i].begun_by, 'b', RETENTION_PERSON_MAX);
        memset(holds[i].checkpoint, 'c', CHECKPOINT_ID_MAX);
        holds[i].entry = INT64_MAX;
        holds[i].lane = RETENTION_LANE_MAX;
        holds[i].has_from = holds[i].has_until = true;
        holds[i].until.ms = T0_MS;
    }
    ok(retention_terms_compose(&t, &e, &err), &err);
    envelope_fini(&e);
    t.hold_count++;
    assert_int_equal(retention_terms_compose(&t, &e, &err), ERR_TOO_LARGE);
    assert_string_equal(err.text, "retention terms: holds: 1025 items, expected at most 1024");
    free(holds);
}

static void test_a_configured_term_is_kept_within_what_is_in_force(void **state)
{
    (void)state;
    const struct retention_terms t = terms_of(1, NULL, 0);
    const struct wall_time first = {T0_MS};
    const struct wall_time second = {T0_MS + 9 * (int64_t)DAY_MS};
    const struct wall_time before = {T0_MS - 1};
    const struct wall_time last_of_first = {second.ms - 1};
    assert_int_equal(retention_terms_days(NULL, RETENTION_PASSAGE, RETENTION_DEFAULT_DAYS, first),
                     30);
    assert_int_equal(retention_terms_days(NULL, RETENTION_PICTURE, 5000, first), 3650);
    assert_int_equal(retention_terms_days(NULL, RETENTION_PICTURE, 0, first), 1);
    assert_int_equal(retention_terms_days(&t, RETENTION_PASSAGE, 100, before), 100);
    assert_int_equal(retention_terms_days(&t, RETENTION_PASSAGE, 100, first), 60);
    assert_int_equal(retention_terms_days(&t, RETENTION_PASSAGE, 5, last_of_first), 10);
    assert_int_equal(retention_terms_days(&t, RETENTION_PASSAGE, 30, first), 30);
    assert_int_equal(retention_terms_days(&t, RETENTION_PASSAGE, 30, second), 7);
    assert_int_equal(retention_terms_days(&t, RETENTION_RECORD, 180, second), 30);
    assert_true(retention_terms_age_ms(&t, RETENTION_PASSAGE, 36 * 3600 * 1000, second) ==
                36 * 3600 * 1000);
}

static const char hit_body[] =
    "{\"entry\":{\"id\":7,\"plate\":\"鲁H54321\"},\"lane\":2,\"read\":{\"plate\":\"鲁H54322\","
    "\"candidates\":[\"粤Z1234港\"]},\"note\":\"车主称鲁AD12345也来过\"}";

static bool covers(struct retention_hold *holds, size_t count, int64_t at)
{
    struct retention_terms t = terms_of(1, holds, count);
    struct retention_terms held = parsed(&t);
    retention_holds_narrow(&held, "lu-hz-01");
    bool covered =
        retention_holds_cover(&held, (struct wall_time){at}, hit_body, sizeof(hit_body) - 1);
    retention_terms_fini(&held);
    return covered;
}

static void test_a_plate_is_found_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const there[] = {"鲁H54321", "鲁H54322", "粤Z1234港", "鲁AD12345"};
    static const char *const not_there[] = {"鲁H54323", "鲁H5432", "鲁D12345", "鲁A12345",
                                            "粤Z1234澳"};
    for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
        struct retention_hold holds[] = {hold_of("京A00001"), hold_of(there[i]),
                                         hold_of("京A00002")};
        assert_true(covers(holds, 3, T0_MS));
        assert_false(covers(holds, 1, T0_MS));
    }
    /* A longer plate of which only the beginning is asked for is told apart too late: it is kept.
     */
    for (size_t i = 0; i < sizeof(not_there) / sizeof(not_there[0]); i++) {
        struct retention_hold hold = hold_of(not_there[i]);
        assert_int_equal(covers(&hold, 1, T0_MS), i == 1);
    }
}

static void test_all_conditions_of_a_hold_must_fit(void **state)
{
    (void)state;
    struct retention_hold h = hold_of("鲁H54322");
    assert_true(covers(&h, 1, T0_MS));
    h.entry = 7;
    memcpy(h.checkpoint, "lu-hz-01", sizeof("lu-hz-01"));
    h.lane = 2;
    h.has_from = h.has_until = true;
    h.from.ms = T0_MS;
    h.until.ms = T0_MS + 1;
    assert_true(covers(&h, 1, T0_MS));
    assert_false(covers(&h, 1, T0_MS - 1));
    assert_false(covers(&h, 1, T0_MS + 1));
    h.entry = 8;
    assert_false(covers(&h, 1, T0_MS));
    h.entry = 7;
    h.lane = 3;
    assert_false(covers(&h, 1, T0_MS));
    h.lane = 2;
    memcpy(h.checkpoint, "lu-hz-02", sizeof("lu-hz-02"));
    assert_false(covers(&h, 1, T0_MS));
}

static void test_a_hold_without_a_plate(void **state)
{
    (void)state;
    struct retention_hold h = hold_of(NULL);
    h.entry = 7;
    assert_true(covers(&h, 1, T0_MS));
    h.entry = 8;
    assert_false(covers(&h, 1, T0_MS));
    h.entry = 0;
    memcpy(h.checkpoint, "lu-hz-01", sizeof("lu-hz-01"));
    assert_true(covers(&h, 1, T0_MS));
    h.lane = 1;
    assert_false(covers(&h, 1, T0_MS));
}

static void test_what_cannot_be_read_is_held_and_nothing_without_a_hold(void **state)
{
    (void)state;
    struct retention_hold h = hold_of(NULL);
    struct retention_terms t = terms_of(1, &h, 1);
    h.entry = 9;
    struct retention_terms held = parsed(&t);
    retention_holds_narrow(&held, "lu-hz-01");
    assert_true(retention_holds_cover(&held, at_ms(T0_MS), "{", 1));
    assert_false(retention_holds_cover(&held, at_ms(T0_MS), "{}", 2));
    assert_false(retention_holds_cover(NULL, at_ms(T0_MS), "{", 1));
    held.hold_count = 0;
    assert_false(retention_holds_cover(&held, at_ms(T0_MS), "{", 1));
    retention_terms_fini(&held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_they_say_what_they_were_told),
        cmocka_unit_test(test_no_plate_stands_in_them),
        cmocka_unit_test(test_two_different_clerks_and_no_other_role),
        cmocka_unit_test(test_one_clerk_is_not_enough),
        cmocka_unit_test(test_they_are_no_other_statement_and_none_is_they),
        cmocka_unit_test(test_every_damaged_byte_is_refused),
        cmocka_unit_test(test_another_fleet_and_a_key_out_of_its_time_are_refused),
        cmocka_unit_test(test_versions_only_rise_and_a_fork_is_named),
        cmocka_unit_test(test_each_field_names_what_is_wrong),
        cmocka_unit_test(test_as_many_holds_as_are_promised_and_no_more),
        cmocka_unit_test(test_a_configured_term_is_kept_within_what_is_in_force),
        cmocka_unit_test(test_a_plate_is_found_wherever_it_stands),
        cmocka_unit_test(test_all_conditions_of_a_hold_must_fit),
        cmocka_unit_test(test_a_hold_without_a_plate),
        cmocka_unit_test(test_what_cannot_be_read_is_held_and_nothing_without_a_hold),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
