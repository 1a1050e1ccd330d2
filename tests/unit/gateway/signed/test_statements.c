/*
 * Freshness, receipt, instruction, standing: round trip, every wrong role's key, every damaged
 * byte, time.
 */
#include "gateway/signed/freshness.h"
#include "gateway/signed/instruction.h"
#include "gateway/signed/receipt.h"
#include "gateway/signed/standing.h"
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

enum statement { FRESHNESS, RECEIPT, INSTRUCTION, STANDING, STATEMENTS };

static const enum world_key right_key[STATEMENTS] = {WORLD_FRESHNESS, WORLD_RECEIPT,
                                                     WORLD_INSTRUCTION, WORLD_FRESHNESS};

static struct freshness fresh(void)
{
    return (struct freshness){.revision = 7,
                              .hash = {1, 2, 3},
                              .time = {T0_MS},
                              .valid_until = {T0_MS + FRESHNESS_VALID_MAX_MS}};
}

static struct receipt receipt(void)
{
    return (struct receipt){
        .checkpoint = "lu-hz-01", .chain = {4, 5}, .sequence = 9, .head = {6}, .time = {T0_MS}};
}

static struct instruction instruction(json_t *body)
{
    return (struct instruction){.id = 3,
                                .checkpoint = "lu-hz-01",
                                .kind = "message",
                                .time = {T0_MS},
                                .expires = {T0_MS + 60000},
                                .body = body};
}

static struct standing_answer standing(void)
{
    return (struct standing_answer){.checkpoint = "lu-hz-01",
                                    .chain = {4, 5},
                                    .sequence = 9,
                                    .entry = 17,
                                    .revision = 3,
                                    .standing = STANDING_CHANGED,
                                    .time = {T0_MS}};
}

static char *signed_text(enum statement which, enum world_key key, size_t *out_size)
{
    struct envelope e = {0};
    struct err_text err = {0};
    struct freshness f = fresh();
    struct receipt r = receipt();
    struct standing_answer s = standing();
    json_t *body = json_pack("{s:s}", "text", "look out");
    struct instruction i = instruction(body);
    char *text = NULL;
    int result = which == FRESHNESS  ? freshness_compose(&f, &e, &err)
                 : which == RECEIPT  ? receipt_compose(&r, &e, &err)
                 : which == STANDING ? standing_compose(&s, &e, &err)
                                     : instruction_compose(&i, &e, &err);
    ok(result, &err);
    ok(envelope_sign(&e, world->key[key]), &err);
    ok(envelope_write(&e, &text, out_size), &err);
    envelope_fini(&e);
    json_decref(body);
    return text;
}

static int verify(enum statement which, const char *text, size_t size)
{
    struct freshness f;
    struct receipt r;
    struct standing_answer s;
    struct instruction i = {0};
    if (which == FRESHNESS)
        return freshness_verify(&world->set, text, size, &f, NULL);
    if (which == RECEIPT)
        return receipt_verify(&world->set, text, size, &r, NULL);
    if (which == STANDING)
        return standing_verify(&world->set, text, size, &s, NULL);
    int result = instruction_verify(&world->set, text, size, &i, NULL);
    if (result == 0)
        instruction_fini(&i);
    return result;
}

static void test_each_says_what_it_was_told(void **state)
{
    (void)state;
    struct err_text err = {0};
    struct freshness f;
    struct receipt r;
    struct instruction i = {0};
    size_t size;
    char *text = signed_text(FRESHNESS, WORLD_FRESHNESS, &size);
    ok(freshness_verify(&world->set, text, size, &f, &err), &err);
    struct freshness f_expected = fresh();
    assert_true(f.revision == 7 && f.valid_until.ms == f_expected.valid_until.ms);
    assert_memory_equal(f.hash, f_expected.hash, sizeof f.hash);
    free(text);
    text = signed_text(RECEIPT, WORLD_RECEIPT, &size);
    ok(receipt_verify(&world->set, text, size, &r, &err), &err);
    struct receipt r_expected = receipt();
    assert_string_equal(r.checkpoint, "lu-hz-01");
    assert_true(r.sequence == 9);
    assert_memory_equal(r.chain, r_expected.chain, sizeof r.chain);
    assert_memory_equal(r.head, r_expected.head, sizeof r.head);
    free(text);
    text = signed_text(INSTRUCTION, WORLD_INSTRUCTION, &size);
    ok(instruction_verify(&world->set, text, size, &i, &err), &err);
    assert_string_equal(i.officer, "duty officer");
    assert_string_equal(json_string_value(json_object_get(i.body, "text")), "look out");
    instruction_fini(&i);
    free(text);
}

static void test_a_standing_names_the_hit_it_is_about(void **state)
{
    (void)state;
    struct standing_answer said;
    struct standing_answer s = standing();
    struct envelope e = {0};
    struct err_text err = {0};
    size_t size;
    char *text = signed_text(STANDING, WORLD_FRESHNESS, &size);
    ok(standing_verify(&world->set, text, size, &said, &err), &err);
    assert_string_equal(said.checkpoint, "lu-hz-01");
    assert_memory_equal(said.chain, s.chain, sizeof s.chain);
    assert_true(said.sequence == 9 && said.entry == 17 && said.revision == 3);
    assert_true(said.standing == STANDING_CHANGED && said.time.ms == T0_MS);
    free(text);
    s.standing = STANDING_UNKNOWN + 1;
    assert_int_equal(standing_compose(&s, &e, NULL), ERR_INVALID);
    s = standing();
    s.sequence = 0; /* no record: an answer to anything */
    assert_int_equal(standing_compose(&s, &e, NULL), ERR_INVALID);
    for (enum standing n = STANDING_STANDS; n <= STANDING_UNKNOWN; n++)
        assert_non_null(standing_name(n));
    assert_null(standing_name(0));
}

static void test_every_wrong_key_is_refused(void **state)
{
    (void)state;
    for (enum statement which = FRESHNESS; which < STATEMENTS; which++) {
        /* WORLD_OBSERVE is an encryption key: it cannot sign at all. */
        for (enum world_key key = WORLD_CLERK_A; key < WORLD_OBSERVE; key++) {
            size_t size;
            char *text = signed_text(which, key, &size);
            int result = verify(which, text, size);
            assert_int_equal(result, key == right_key[which] ? 0 : ERR_DENIED);
            free(text);
        }
    }
}

static void test_one_statement_is_not_another(void **state)
{
    (void)state;
    for (enum statement which = FRESHNESS; which < STATEMENTS; which++) {
        size_t size;
        char *text = signed_text(which, right_key[which], &size);
        for (enum statement as = FRESHNESS; as < STATEMENTS; as++)
            assert_int_equal(verify(as, text, size) == 0, as == which);
        free(text);
    }
}

static void test_every_damaged_byte_is_refused(void **state)
{
    (void)state;
    for (enum statement which = FRESHNESS; which < STATEMENTS; which++) {
        size_t size;
        char *text = signed_text(which, right_key[which], &size);
        for (size_t at = 0; at < size; at++) {
            text[at] = (char)(text[at] ^ 1);
            if (verify(which, text, size) == 0)
                fail_msg("statement %d: byte %zu changed and accepted", (int)which, at);
            text[at] = (char)(text[at] ^ 1);
        }
        assert_int_equal(verify(which, text, size), 0);
        free(text);
    }
}

static void test_freshness_speaks_of_one_list_and_runs_out(void **state)
{
    (void)state;
    struct freshness f = fresh();
    uint8_t other[HASH_SIZE] = {9};
    assert_int_equal(freshness_check(&f, 7, f.hash, at_ms(T0_MS + 1), NULL), 0);
    assert_int_equal(freshness_check(&f, 8, f.hash, at_ms(T0_MS + 1), NULL), ERR_NOT_FOUND);
    assert_int_equal(freshness_check(&f, 7, other, at_ms(T0_MS + 1), NULL), ERR_NOT_FOUND);
    assert_int_equal(freshness_check(&f, 7, f.hash, f.valid_until, NULL), ERR_STALE);
    assert_int_equal(freshness_check(&f, 7, f.hash, at_ms(T0_MS - 6 * 60000), NULL), ERR_INVALID);
    struct envelope e = {0};
    f.valid_until.ms++;
    assert_int_equal(freshness_compose(&f, &e, NULL), ERR_INVALID);
}

static void test_an_instruction_is_for_one_box_once_and_in_time(void **state)
{
    (void)state;
    struct instruction i = instruction(NULL);
    assert_int_equal(instruction_check(&i, "lu-hz-01", 2, at_ms(T0_MS + 1), NULL), 0);
    assert_int_equal(instruction_check(&i, "lu-hz-02", 2, at_ms(T0_MS + 1), NULL), ERR_DENIED);
    assert_int_equal(instruction_check(&i, "lu-hz-01", 3, at_ms(T0_MS + 1), NULL), ERR_STALE);
    assert_int_equal(instruction_check(&i, "lu-hz-01", 2, i.expires, NULL), ERR_STALE);
    assert_int_equal(instruction_check(&i, "lu-hz-01", 2, at_ms(T0_MS - 6 * 60000), NULL),
                     ERR_BUSY);
}

/* One signature for every box of a fleet; of verdicts alone, and of this fleet. */
static void test_a_verdict_may_be_for_a_whole_fleet(void **state)
{
    (void)state;
    static const char *const fleets[] = {"lu-hz", "other"};
    json_t *body = json_pack("{s:i}", "entry", 17);
    for (int n = 0; n < 2; n++) {
        struct instruction i = instruction(body);
        struct instruction said = {0};
        struct envelope e = {0};
        struct err_text err = {0};
        char *text = NULL;
        size_t size;
        memcpy(i.checkpoint, "*", sizeof "*");
        memcpy(i.fleet, fleets[n], strlen(fleets[n]) + 1);
        assert_int_equal(instruction_compose(&i, &e, NULL), ERR_INVALID); /* a message */
        memcpy(i.kind, "verdict", sizeof "verdict");
        ok(instruction_compose(&i, &e, &err), &err);
        ok(envelope_sign(&e, world->key[WORLD_INSTRUCTION]), &err);
        ok(envelope_write(&e, &text, &size), &err);
        envelope_fini(&e);
        assert_int_equal(instruction_verify(&world->set, text, size, &said, &err),
                         n == 0 ? 0 : ERR_DENIED);
        if (n == 0) {
            assert_true(instruction_is_for_all(&said));
            assert_int_equal(instruction_check(&said, "lu-hz-02", 2, at_ms(T0_MS), NULL), 0);
            assert_int_equal(instruction_check(&said, "lu-hz-02", 3, at_ms(T0_MS), NULL),
                             ERR_STALE);
            instruction_fini(&said);
        } else {
            assert_string_equal(err.text, "instruction: is for fleet other");
        }
        free(text);
        i.fleet[0] = '\0';
        assert_int_equal(instruction_compose(&i, &e, NULL), ERR_INVALID);
        memcpy(i.checkpoint, "lu-hz-01", sizeof "lu-hz-01");
        memcpy(i.fleet, "lu-hz", sizeof "lu-hz"); /* not both */
        assert_int_equal(instruction_compose(&i, &e, NULL), ERR_INVALID);
    }
    json_decref(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_says_what_it_was_told),
        cmocka_unit_test(test_a_standing_names_the_hit_it_is_about),
        cmocka_unit_test(test_every_wrong_key_is_refused),
        cmocka_unit_test(test_one_statement_is_not_another),
        cmocka_unit_test(test_every_damaged_byte_is_refused),
        cmocka_unit_test(test_freshness_speaks_of_one_list_and_runs_out),
        cmocka_unit_test(test_an_instruction_is_for_one_box_once_and_in_time),
        cmocka_unit_test(test_a_verdict_may_be_for_a_whole_fleet),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
