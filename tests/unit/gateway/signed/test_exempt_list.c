/*
 * Exempt list: round trip, every wrong role's key, one clerk, every damaged byte, another fleet,
 * revisions that do not rise, each field's range, the end no entry may pass, what a checkpoint
 * finds in it.
 */
#include "gateway/signed/exempt_list.h"
#include "gateway/signed/match_policy.h"
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

static const char ambulance[] =
    "{\"id\":3,\"plate\":\"鲁H12345\",\"class\":\"02\",\"kind\":\"ambulance\","
    "\"authority\":\"急救中心\",\"approver\":\"王五\",\"reason\":\"值班车\","
    "\"valid_from\":\"2026-11-01T00:00:00.000Z\",\"valid_until\":\"2027-11-01T00:00:00.000Z\"}";
static const char fire_engine[] =
    "{\"id\":5,\"plate\":\"鲁H54321\",\"class\":\"01\",\"kind\":\"fire\","
    "\"authority\":\"消防支队\",\"approver\":\"赵六\","
    "\"checkpoints\":[\"lu-hz-01\",\"lu-hz-02\"],"
    "\"valid_from\":\"2026-11-24T00:00:00.000Z\",\"valid_until\":\"2026-12-01T00:00:00.000Z\"}";

/* An array of one or two entries. */
static json_t *rows_of(const char *first, const char *second)
{
    json_t *rows = json_array();
    const char *const texts[] = {first, second};
    for (int i = 0; i < 2 && texts[i]; i++) {
        json_t *row = json_loads(texts[i], JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(row);
        assert_int_equal(json_array_append_new(rows, row), 0);
    }
    return rows;
}

static struct exempt_list head_of(uint64_t revision)
{
    return (struct exempt_list){
        .revision = revision, .last_id = 9, .time = {T0_MS}, .fleet = "lu-hz"};
}

static char *sign_rows(const struct exempt_list *head, json_t *rows, size_t *out_size,
                       enum world_key a, enum world_key b)
{
    struct envelope e;
    struct err_text err = {0};
    char *text = NULL;
    ok(exempt_list_compose(head, rows, &e, &err), &err);
    ok(envelope_sign(&e, world->key[a]), &err);
    if (b != WORLD_KEYS)
        ok(envelope_sign(&e, world->key[b]), &err);
    ok(envelope_write(&e, &text, out_size), &err);
    envelope_fini(&e);
    json_decref(rows);
    return text;
}

static char *simple_list(size_t *out_size, enum world_key a, enum world_key b)
{
    struct exempt_list head = head_of(7);
    return sign_rows(&head, rows_of(ambulance, fire_engine), out_size, a, b);
}

static int verify(const char *text, size_t size, struct err_text *err)
{
    struct exempt_list list;
    int result = exempt_list_verify(&world->set, text, size, &list, err);
    if (result == 0)
        exempt_list_fini(&list);
    return result;
}

static plate_key key_of(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    assert_int_equal(plate.kind, PLATE_KEY);
    return plate.key;
}

static plate_class class_of(const char *text)
{
    plate_class class;
    assert_int_equal(plate_class_parse(text, &class), 0);
    return class;
}

static void test_it_says_what_it_was_told(void **state)
{
    (void)state;
    struct exempt_list list;
    struct err_text err = {0};
    size_t size;
    char *text = simple_list(&size, WORLD_CLERK_A, WORLD_CLERK_B);
    ok(exempt_list_verify(&world->set, text, size, &list, &err), &err);
    assert_true(list.revision == 7 && list.last_id == 9 && list.time.ms == T0_MS);
    assert_string_equal(list.fleet, "lu-hz");
    assert_int_equal(list.entry_count, 2);
    const struct exempt_entry *e = &list.entries[0];
    assert_true(e->id == 3 && e->key == key_of("鲁H12345") && e->class == class_of("02"));
    assert_int_equal(e->kind, EXEMPT_AMBULANCE);
    assert_string_equal(e->authority, "急救中心");
    assert_string_equal(e->approver, "王五");
    assert_string_equal(e->reason, "值班车");
    assert_null(e->checkpoints);
    assert_string_equal(list.entries[1].checkpoints, "lu-hz-01 lu-hz-02");
    assert_null(list.entries[1].reason);
    assert_int_equal(list.clerk_count, 2);
    assert_string_equal(list.clerks[0], "clerk A");
    assert_string_equal(list.clerks[1], "clerk B");
    exempt_list_fini(&list);
    free(text);
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
            char *text = simple_list(&size, a, b);
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
    char *text = simple_list(&size, WORLD_CLERK_A, WORLD_KEYS);
    assert_int_equal(verify(text, size, &err), ERR_DENIED);
    assert_string_equal(err.text,
                        "exempt list statement: signatures: expected two different clerks");
    free(text);
}

static void test_it_is_no_other_statement_and_none_is_it(void **state)
{
    (void)state;
    struct batch batch;
    struct match_policy policy;
    size_t size;
    char *text = simple_list(&size, WORLD_CLERK_A, WORLD_CLERK_B);
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
    char *text = simple_list(&size, WORLD_CLERK_A, WORLD_CLERK_B);
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
    struct exempt_list head = head_of(1);
    memcpy(head.fleet, "yu-zz", sizeof("yu-zz"));
    char *text = sign_rows(&head, rows_of(ambulance, NULL), &size, WORLD_CLERK_A, WORLD_CLERK_B);
    assert_int_equal(verify(text, size, &err), ERR_DENIED);
    assert_string_equal(err.text, "exempt list statement: fleet: of fleet yu-zz, expected lu-hz");
    free(text);
    head = head_of(1);
    head.time.ms += EXEMPT_DAYS_MAX * (int64_t)DAY_MS; /* no clerk's key is good for as long */
    text = sign_rows(&head, rows_of(ambulance, NULL), &size, WORLD_CLERK_A, WORLD_CLERK_B);
    assert_int_equal(verify(text, size, NULL), ERR_DENIED);
    free(text);
}

static struct exempt_list parsed(uint64_t revision, json_t *rows)
{
    struct exempt_list head = head_of(revision);
    struct exempt_list list;
    struct envelope e;
    struct err_text err = {0};
    ok(exempt_list_compose(&head, rows, &e, &err), &err);
    ok(exempt_list_parse(e.payload, e.payload_size, &list, &err), &err);
    envelope_fini(&e);
    json_decref(rows);
    return list;
}

static void test_revisions_only_rise_and_a_fork_is_named(void **state)
{
    (void)state;
    struct exempt_list four = parsed(4, rows_of(ambulance, NULL));
    struct exempt_list five = parsed(5, rows_of(ambulance, NULL));
    struct exempt_list other = parsed(5, rows_of(fire_engine, NULL));
    struct err_text err = {0};
    assert_int_equal(exempt_list_check_newer(NULL, &four, NULL), 0);
    assert_int_equal(exempt_list_check_newer(&four, &five, NULL), 0);
    assert_int_equal(exempt_list_check_newer(&five, &four, &err), ERR_STALE);
    assert_string_equal(err.text, "exempt list revision 4, 5 is held");
    assert_int_equal(exempt_list_check_newer(&five, &five, NULL), ERR_NOT_FOUND);
    assert_int_equal(exempt_list_check_newer(&five, &other, &err), ERR_CONFLICT);
    assert_string_equal(err.text, "another exempt list of revision 5 than the one held");
    exempt_list_fini(&four);
    exempt_list_fini(&five);
    exempt_list_fini(&other);
}

/* The ambulance with one field of another value; `value` NULL: without it. */
static void expect_refused(const char *field, const char *value, const char *text)
{
    struct exempt_list head = head_of(1);
    struct envelope e;
    struct err_text err = {0};
    json_t *rows = rows_of(ambulance, NULL);
    json_t *row = json_array_get(rows, 0);
    if (value)
        assert_int_equal(json_object_set_new(row, field, json_loads(value, JSON_DECODE_ANY, NULL)),
                         0);
    else
        assert_int_equal(json_object_del(row, field), 0);
    assert_int_equal(exempt_list_compose(&head, rows, &e, &err), ERR_INVALID);
    assert_string_equal(err.text, text);
    json_decref(rows);
}

static void test_each_field_names_what_is_wrong(void **state)
{
    (void)state;
    expect_refused("plate", "\"鲁H1?345\"",
                   "exempt list: entries[0]: plate: '鲁H1?345' is partial, expected every "
                   "character");
    expect_refused("plate", "\"!!!\"", "exempt list: entries[0]: plate: '!!!' is no plate");
    expect_refused("plate", "\"鲁H·12345\"",
                   "exempt list: entries[0]: plate: '鲁H·12345', expected it as '鲁H12345'");
    expect_refused("class", "\"any\"",
                   "exempt list: entries[0]: class: 'any', expected two digits or capitals (GA/T "
                   "16.7); 'any' would exempt another vehicle's plate");
    expect_refused("class", NULL, "exempt list: entries[0]: class: missing, expected text");
    expect_refused("kind", "\"taxi\"",
                   "exempt list: entries[0]: kind: 'taxi', expected ambulance, fire, police, "
                   "rescue, convoy, official or other");
    expect_refused("approver", NULL, "exempt list: entries[0]: approver: missing, expected text");
    expect_refused("authority", "\"  \"", "exempt list: entries[0]: authority: blank");
    expect_refused("valid_until", "\"2026-10-01T00:00:00.000Z\"",
                   "exempt list: entries[0]: valid_until: not after valid_from");
    expect_refused("id", "10",
                   "exempt list: entries[0]: id: 10, expected rising ids up to last_id");
    expect_refused("checkpoints", "[]",
                   "exempt list: entries[0]: checkpoints: empty, leave it out for all");
    expect_refused("checkpoints", "[\"Lu HZ\"]",
                   "exempt list: entries[0]: checkpoints: 'Lu HZ', expected a-z, 0-9 and '-'");
    expect_refused("priority", "1", "exempt list: entries[0]: unknown field 'priority'");
}

static void test_no_entry_outlives_its_signing_by_more_than_a_year(void **state)
{
    (void)state;
    struct exempt_list head = head_of(1);
    struct envelope e;
    struct err_text err = {0};
    json_t *rows = rows_of(ambulance, NULL);
    json_t *row = json_array_get(rows, 0);
    json_object_set_new(row, "valid_until", json_string("2027-11-24T00:00:00.000Z"));
    ok(exempt_list_compose(&head, rows, &e, &err), &err);
    envelope_fini(&e);
    json_object_set_new(row, "valid_until", json_string("2027-11-24T00:00:00.001Z"));
    assert_int_equal(exempt_list_compose(&head, rows, &e, &err), ERR_INVALID);
    assert_string_equal(err.text,
                        "exempt list: entries[0]: valid_until: '2027-11-24T00:00:00.001Z', "
                        "expected at most 2027-11-24T00:00:00.000Z, 366 days after the list is "
                        "signed");
    json_decref(rows);
}

static void test_a_vehicle_stands_once(void **state)
{
    (void)state;
    struct exempt_list head = head_of(1);
    struct envelope e;
    struct err_text err = {0};
    json_t *rows = rows_of(ambulance, ambulance);
    json_object_set_new(json_array_get(rows, 1), "id", json_integer(4));
    assert_int_equal(exempt_list_compose(&head, rows, &e, &err), ERR_INVALID);
    assert_string_equal(err.text, "exempt list: entries 3 and 4: the same plate and class");
    json_object_set_new(json_array_get(rows, 1), "class", json_string("01"));
    ok(exempt_list_compose(&head, rows, &e, &err), &err); /* another vehicle */
    envelope_fini(&e);
    json_decref(rows);
}

static void test_as_many_as_are_promised_and_no_more(void **state)
{
    (void)state;
    struct exempt_list head = head_of(1);
    struct envelope e;
    struct err_text err = {0};
    json_t *rows = json_array();
    head.last_id = EXEMPT_ENTRIES_MAX + 1;
    for (int i = 1; i <= EXEMPT_ENTRIES_MAX + 1; i++) {
        char plate[PLATE_TEXT_SIZE];
        json_t *row = json_loads(ambulance, 0, NULL);
        (void)snprintf(plate, sizeof(plate), "鲁H%05d", i);
        json_object_set_new(row, "id", json_integer(i));
        json_object_set_new(row, "plate", json_string(plate));
        if (i == EXEMPT_ENTRIES_MAX + 1) {
            ok(exempt_list_compose(&head, rows, &e, &err), &err);
            envelope_fini(&e);
        }
        json_array_append_new(rows, row);
    }
    assert_int_equal(exempt_list_compose(&head, rows, &e, &err), ERR_TOO_LARGE);
    assert_string_equal(err.text, "exempt list: entries: 2049 items, expected at most 2048");
    json_decref(rows);
}

static void test_a_checkpoint_finds_what_concerns_it_while_it_is_in_force(void **state)
{
    (void)state;
    const struct wall_time in_time = {T0_MS + 2 * (int64_t)DAY_MS};
    struct exempt_list list = parsed(1, rows_of(ambulance, fire_engine));
    exempt_list_narrow(&list, "lu-hz-02");
    assert_int_equal(list.entry_count, 2);
    const struct exempt_entry *e =
        exempt_list_find(&list, key_of("鲁H54321"), class_of("01"), in_time);
    assert_non_null(e);
    assert_int_equal(e->id, 5);
    assert_null(exempt_list_find(&list, key_of("鲁H54321"), class_of("02"), in_time));
    assert_null(exempt_list_find(&list, key_of("鲁H54321"), PLATE_CLASS_UNKNOWN, in_time));
    assert_null(exempt_list_find(&list, key_of("鲁H54322"), class_of("01"), in_time));
    assert_null(exempt_list_find(&list, e->key, e->class, at_ms(e->valid_until.ms)));
    assert_non_null(exempt_list_find(&list, e->key, e->class, at_ms(e->valid_until.ms - 1)));
    assert_non_null(exempt_list_find(&list, e->key, e->class, e->valid_from));
    assert_null(exempt_list_find(&list, e->key, e->class, at_ms(e->valid_from.ms - 1)));
    assert_int_equal(exempt_list_in_force(&list, in_time), 2);
    assert_int_equal(exempt_list_in_force(&list, at_ms(T0_MS)), 1);
    exempt_list_narrow(&list, "lu-hz-0");
    assert_int_equal(list.entry_count, 1);
    assert_int_equal(list.entries[0].id, 3);
    exempt_list_fini(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_says_what_it_was_told),
        cmocka_unit_test(test_two_different_clerks_and_no_other_role),
        cmocka_unit_test(test_one_clerk_is_not_enough),
        cmocka_unit_test(test_it_is_no_other_statement_and_none_is_it),
        cmocka_unit_test(test_every_damaged_byte_is_refused),
        cmocka_unit_test(test_another_fleet_and_a_key_out_of_its_time_are_refused),
        cmocka_unit_test(test_revisions_only_rise_and_a_fork_is_named),
        cmocka_unit_test(test_each_field_names_what_is_wrong),
        cmocka_unit_test(test_no_entry_outlives_its_signing_by_more_than_a_year),
        cmocka_unit_test(test_a_vehicle_stands_once),
        cmocka_unit_test(test_as_many_as_are_promised_and_no_more),
        cmocka_unit_test(test_a_checkpoint_finds_what_concerns_it_while_it_is_in_force),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
