/*
 * Match policy: round trip, channels verbatim, every wrong role's key, one clerk twice, every
 * damaged byte, another fleet, versions that do not rise, limits.
 */
#include "gateway/signed/freshness.h"
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

static const char cn_text[] = "alphabet cn\n0 D 12\n";
static const char latin_text[] = "alphabet latin\n0 O 33\nO 0 31\n";

static struct match_policy policy_make(uint64_t version)
{
    return (struct match_policy){.version = version,
                                 .time = {T0_MS},
                                 .fleet = "lu-hz",
                                 .false_alerts = 3,
                                 .traffic = 1200,
                                 .look_alike_max = 1,
                                 .channel_count = 2,
                                 .channels = {{"cn", cn_text, sizeof(cn_text) - 1},
                                              {"latin", latin_text, sizeof(latin_text) - 1}}};
}

/* The envelope text of a policy signed by the keys listed, ended by WORLD_KEYS. */
static char *policy_text(const struct match_policy *policy, size_t *out_size, ...)
{
    struct envelope e;
    struct err_text err = {0};
    char *text = NULL;
    va_list keys;
    ok(match_policy_compose(policy, &e, &err), &err);
    va_start(keys, out_size);
    for (int key = va_arg(keys, int); key != WORLD_KEYS; key = va_arg(keys, int))
        ok(envelope_sign(&e, world->key[key]), &err);
    va_end(keys);
    ok(envelope_write(&e, &text, out_size), &err);
    envelope_fini(&e);
    return text;
}

static int verify(const char *text, size_t size, struct err_text *err)
{
    struct match_policy p;
    int result = match_policy_verify(&world->set, text, size, &p, err);
    if (result == 0)
        match_policy_fini(&p);
    return result;
}

static void test_it_says_what_it_was_told(void **state)
{
    (void)state;
    struct match_policy told = policy_make(7);
    struct match_policy p;
    struct err_text err = {0};
    size_t size;
    char *text = policy_text(&told, &size, WORLD_CLERK_A, WORLD_CLERK_B, WORLD_KEYS);
    ok(match_policy_verify(&world->set, text, size, &p, &err), &err);
    assert_true(p.version == 7 && p.time.ms == T0_MS && p.false_alerts == 3 && p.traffic == 1200);
    assert_int_equal(p.look_alike_max, 1);
    assert_string_equal(p.fleet, "lu-hz");
    assert_int_equal(p.channel_count, 2);
    assert_string_equal(p.channels[1].alphabet, "latin");
    assert_int_equal(p.channels[1].size_bytes, sizeof(latin_text) - 1);
    assert_memory_equal(p.channels[0].text, cn_text, sizeof(cn_text) - 1);
    assert_memory_equal(p.channels[1].text, latin_text, sizeof(latin_text) - 1);
    assert_int_equal(p.clerk_count, 2);
    assert_string_equal(p.clerks[0], "clerk A");
    assert_string_equal(p.clerks[1], "clerk B");
    match_policy_fini(&p);
    free(text);
}

static void test_two_different_clerks_and_no_other_role(void **state)
{
    (void)state;
    struct match_policy told = policy_make(1);
    /* WORLD_OBSERVE is an encryption key: it cannot sign at all. */
    for (enum world_key a = WORLD_CLERK_A; a < WORLD_OBSERVE; a++) {
        for (enum world_key b = WORLD_CLERK_A; b < WORLD_OBSERVE; b++) {
            size_t size;
            if (a == b)
                continue;
            bool clerks = a <= WORLD_CLERK_A_SPARE && b <= WORLD_CLERK_A_SPARE;
            bool right = clerks && (a == WORLD_CLERK_B || b == WORLD_CLERK_B);
            char *text = policy_text(&told, &size, a, b, WORLD_KEYS);
            assert_int_equal(verify(text, size, NULL), right ? 0 : ERR_DENIED);
            free(text);
        }
    }
}

static void test_one_clerk_is_not_enough(void **state)
{
    (void)state;
    struct match_policy told = policy_make(1);
    struct err_text err = {0};
    size_t size;
    char *text = policy_text(&told, &size, WORLD_CLERK_A, WORLD_KEYS);
    assert_int_equal(verify(text, size, &err), ERR_DENIED);
    assert_string_equal(err.text,
                        "match policy statement: signatures: expected two different clerks");
    free(text);
    text = policy_text(&told, &size, WORLD_CLERK_A, WORLD_CLERK_B, WORLD_INSTRUCTION, WORLD_KEYS);
    assert_int_equal(verify(text, size, &err), ERR_DENIED);
    assert_string_equal(err.text, "match policy statement: signatures[2]: key of role instruction, "
                                  "expected list");
    free(text);
}

static void test_it_is_no_other_statement_and_none_is_it(void **state)
{
    (void)state;
    struct match_policy told = policy_make(1);
    struct batch batch;
    struct freshness fresh;
    size_t size;
    char *text = policy_text(&told, &size, WORLD_CLERK_A, WORLD_CLERK_B, WORLD_KEYS);
    assert_int_equal(batch_verify(&world->set, text, size, &batch, NULL), ERR_DENIED);
    assert_int_equal(freshness_verify(&world->set, text, size, &fresh, NULL), ERR_DENIED);
    free(text);
    text = simple_batch(world, &size);
    assert_int_equal(verify(text, size, NULL), ERR_DENIED);
    free(text);
}

static void test_every_damaged_byte_is_refused(void **state)
{
    (void)state;
    struct match_policy told = policy_make(1);
    size_t size;
    char *text = policy_text(&told, &size, WORLD_CLERK_A, WORLD_CLERK_B, WORLD_KEYS);
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
    struct match_policy told = policy_make(1);
    struct err_text err = {0};
    size_t size;
    memcpy(told.fleet, "yu-zz", sizeof("yu-zz"));
    char *text = policy_text(&told, &size, WORLD_CLERK_A, WORLD_CLERK_B, WORLD_KEYS);
    assert_int_equal(verify(text, size, &err), ERR_DENIED);
    assert_string_equal(err.text, "match policy statement: fleet: of fleet yu-zz, expected lu-hz");
    free(text);
    told = policy_make(1);
    told.time.ms = T0_MS + 366 * (int64_t)DAY_MS;
    text = policy_text(&told, &size, WORLD_CLERK_A, WORLD_CLERK_B, WORLD_KEYS);
    assert_int_equal(verify(text, size, NULL), ERR_DENIED);
    free(text);
}

static struct match_policy parsed(struct match_policy told)
{
    struct envelope e;
    struct match_policy p;
    struct err_text err = {0};
    ok(match_policy_compose(&told, &e, &err), &err);
    ok(match_policy_parse(e.payload, e.payload_size, &p, &err), &err);
    envelope_fini(&e);
    return p;
}

static void test_versions_only_rise_and_a_fork_is_named(void **state)
{
    (void)state;
    struct match_policy four = parsed(policy_make(4));
    struct match_policy five = parsed(policy_make(5));
    struct match_policy other = policy_make(5);
    other.false_alerts = 30;
    other = parsed(other);
    struct err_text err = {0};
    assert_int_equal(match_policy_check_newer(NULL, &four, NULL), 0);
    assert_int_equal(match_policy_check_newer(&four, &five, NULL), 0);
    assert_int_equal(match_policy_check_newer(&five, &four, &err), ERR_STALE);
    assert_string_equal(err.text, "match policy version 4, 5 is held");
    assert_int_equal(match_policy_check_newer(&five, &five, NULL), ERR_NOT_FOUND);
    assert_int_equal(match_policy_check_newer(&five, &other, &err), ERR_CONFLICT);
    assert_string_equal(err.text, "another match policy of version 5 than the one held");
    match_policy_fini(&four);
    match_policy_fini(&five);
    match_policy_fini(&other);
}

static void expect_refused(const struct match_policy *policy, int code, const char *text)
{
    struct envelope e;
    struct err_text err = {0};
    assert_int_equal(match_policy_compose(policy, &e, &err), code);
    assert_string_equal(err.text, text);
}

static void test_ranges_and_order(void **state)
{
    (void)state;
    struct match_policy p = policy_make(1);
    p.false_alerts = 0;
    expect_refused(&p, ERR_INVALID,
                   "match policy: false_alerts: 0 out of range, expected 1 .. 1000");
    p = policy_make(1);
    p.look_alike_max = 4;
    expect_refused(&p, ERR_INVALID, "match policy: look_alike: 4 out of range, expected 0 .. 3");
    p = policy_make(0);
    expect_refused(&p, ERR_INVALID,
                   "match policy: version: 0 out of range, expected 1 .. 9223372036854775807");
    p = policy_make(1);
    memcpy(p.channels[1].alphabet, "cn", sizeof("cn"));
    expect_refused(&p, ERR_INVALID,
                   "match policy: channels[1]: alphabet: 'cn' does not rise after 'cn'");
    p = policy_make(1);
    p.channels[0].alphabet[0] = 'C';
    expect_refused(&p, ERR_INVALID,
                   "match policy: channels[0]: alphabet: expected a-z, 0-9, '-' and '_'");
    p = policy_make(1);
    p.channels[0].size_bytes = sizeof(cn_text); /* its NUL too */
    expect_refused(&p, ERR_INVALID, "match policy: channels[0]: is no text");
    p = policy_make(1);
    p.channel_count = 0;
    struct match_policy none = parsed(p);
    assert_int_equal(none.channel_count, 0);
    match_policy_fini(&none);
}

static void test_no_byte_too_few_or_too_many(void **state)
{
    (void)state;
    struct match_policy told = policy_make(1);
    struct match_policy p;
    struct envelope e;
    struct err_text err = {0};
    ok(match_policy_compose(&told, &e, &err), &err);
    assert_int_equal(match_policy_parse(e.payload, e.payload_size - 1, &p, &err), ERR_INVALID);
    assert_string_equal(err.text, "match policy: channels[1]: cut short");
    uint8_t *more = calloc(1, e.payload_size + 1);
    assert_non_null(more);
    memcpy(more, e.payload, e.payload_size);
    assert_int_equal(match_policy_parse(more, e.payload_size + 1, &p, &err), ERR_INVALID);
    assert_string_equal(err.text, "match policy: 1 bytes behind the last channel");
    free(more);
    assert_int_equal(match_policy_parse("", 0, &p, &err), ERR_INVALID);
    envelope_fini(&e);
}

static void test_the_largest_fits_an_envelope_and_one_byte_more_does_not(void **state)
{
    (void)state;
    struct match_policy told = policy_make(1);
    struct envelope e;
    struct err_text err = {0};
    size_t size;
    char *big = malloc(MATCH_POLICY_PAYLOAD_MAX);
    assert_non_null(big);
    memset(big, 'x', MATCH_POLICY_PAYLOAD_MAX);
    told.channel_count = 1;
    told.channels[0] = (struct match_policy_channel){"cn", big, 700000};
    ok(match_policy_compose(&told, &e, &err), &err);
    told.channels[0].size_bytes = MATCH_POLICY_PAYLOAD_MAX - (e.payload_size - 700000);
    envelope_fini(&e);
    char *text = policy_text(&told, &size, WORLD_CLERK_A, WORLD_CLERK_B, WORLD_KEYS);
    assert_int_equal(verify(text, size, NULL), 0);
    assert_true(size <= ENVELOPE_SIZE_MAX);
    told.channels[0].size_bytes++;
    expect_refused(&told, ERR_TOO_LARGE, "match policy: more than 768000 bytes");
    free(text);
    free(big);
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
        cmocka_unit_test(test_versions_only_rise_and_a_fork_is_named),
        cmocka_unit_test(test_ranges_and_order),
        cmocka_unit_test(test_no_byte_too_few_or_too_many),
        cmocka_unit_test(test_the_largest_fits_an_envelope_and_one_byte_more_does_not),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
