/*
 * Every bit of every statement, of a snapshot's chunk and of a sealed observe body flipped, one at
 * a time: refused.
 */
#include <inttypes.h>

#include "every_statement.h"
#include "gateway/signed/observe.h"

enum { CASE_BIT = 5 };

static struct world *world;
static uint64_t drawn = 1; /* the seed, then the last number drawn */

static int setup(void **state)
{
    (void)state;
    const char *given = getenv("CHECKPOINT_SEED");
    if (given)
        drawn = strtoul(given, NULL, 10);
    printf("seed %" PRIu64 "\n", drawn);
    world = world_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_destroy(world);
    return 0;
}

/* The bits of one byte to be tried. */
static int drawn_bits(void)
{
    drawn = drawn * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX generator */
    return getenv("CHECKPOINT_FULL") ? 0xFF : 1 << CASE_BIT | 1 << (drawn >> 61);
}

/* Each byte in turn: `check` of the damaged bytes must not be 0; as they were it must be. */
static void flip_all(const char *what, char *bytes, size_t size,
                     int (*check)(void *ctx, const char *bytes, size_t size), void *ctx)
{
    assert_int_equal(check(ctx, bytes, size), 0);
    for (size_t at = 0; at < size; at++) {
        int bits = drawn_bits();
        for (int bit = 0; bit < 8; bit++) {
            if (!(bits & 1 << bit))
                continue;
            bytes[at] = (char)(bytes[at] ^ 1 << bit);
            if (check(ctx, bytes, size) == 0)
                fail_msg("%s: bit %d of byte %zu of %zu flipped ('%.20s') and accepted", what, bit,
                         at, size, bytes + (at > 9 ? at - 9 : 0));
            bytes[at] = (char)(bytes[at] ^ 1 << bit);
        }
    }
    assert_int_equal(check(ctx, bytes, size), 0);
}

static int check_statement(void *ctx, const char *bytes, size_t size)
{
    return every_statement[*(enum statement_type *)ctx].verify(world, bytes, size, NULL);
}

static void test_every_byte_of_every_statement(void **state)
{
    (void)state;
    for (enum statement_type type = 0; statement_next(&type);) {
        size_t size = 0;
        char *text = statement_text(world, type, &size);
        flip_all(statement_type_name(type), text, size, check_statement, &type);
        free(text);
    }
}

struct chunk_check {
    char *text;
    size_t size;
};

static int check_chunk(void *ctx, const char *bytes, size_t size)
{
    struct chunk_check *c = ctx;
    return read_snapshot(world, c->text, c->size, (const uint8_t *)bytes, size, NULL);
}

static void test_every_byte_of_a_chunk(void **state)
{
    (void)state;
    struct chunk_check c;
    struct envelope e = {0};
    struct err_text err = {0};
    struct snapshot s;
    uint8_t *stored = NULL;
    ok(compose_snapshot_of(&e, &stored, &err), &err);
    for (int i = 0; i < 2; i++)
        ok(envelope_sign(&e, key_of_role(world, KEY_ROLE_LIST, i)), &err);
    c.text = text_of(&e, &c.size);
    ok(snapshot_verify(&world->set, c.text, c.size, &s, &err), &err);
    flip_all("chunk", (char *)stored, s.chunks[0].size_bytes, check_chunk, &c);
    snapshot_fini(&s);
    free(stored);
    free(c.text);
}

static int check_observe(void *ctx, const char *bytes, size_t size)
{
    struct observe_batch batch;
    return observe_open(bytes, size, "lu-hz-01", ctx, &batch, NULL);
}

static void test_every_byte_of_a_sealed_body(void **state)
{
    (void)state;
    struct sign_key *key = world->key[WORLD_OBSERVE];
    struct observe_batch batch = {.from = {T0_MS}};
    char body[OBSERVE_BODY_MAX];
    assert_int_equal(
        observe_seal(&batch, "lu-hz-01", sign_key_id(key), sign_key_public(key), NULL, body), 0);
    flip_all("sealed body", body, strlen(body), check_observe, key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_of_every_statement),
        cmocka_unit_test(test_every_byte_of_a_chunk),
        cmocka_unit_test(test_every_byte_of_a_sealed_body),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
