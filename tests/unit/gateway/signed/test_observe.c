/*
 * Sealed observe bodies: what goes in comes out, at one length whatever is in it; every changed
 * byte, another checkpoint and another key are refused; the vector is the format's.
 */
#include "tests/unit/gateway/signed/signed_builder.h"

#include <stdio.h>

#include "gateway/base/encode.h"
#include "gateway/signed/observe.h"

static struct observe_hit hit_of(uint64_t entry)
{
    struct observe_hit hit = {.entry = entry,
                              .revision = 17,
                              .first = at_ms(T0_MS),
                              .last = at_ms(T0_MS + 1234),
                              .event_id = 9,
                              .camera = 11,
                              .lane = 2,
                              .kind = MATCH_LOOK_ALIKE,
                              .class = PLATE_CLASS_ANY,
                              .agreement = CLASS_UNVERIFIED,
                              .authenticity = AUTH_TAG,
                              .confidence = 93,
                              .direction = 3,
                              .speed_kmh = 41,
                              .odds_db = -12,
                              .differs = 5,
                              .reads = 3,
                              .colour = COLOUR_BLUE,
                              .flags = OBSERVE_CLOCK_UNTRUSTED};
    struct plate_text text;
    plate_encode("鲁H12345", strlen("鲁H12345"), PLATE_DASH_AUTO, &text);
    hit.read_key = text.key;
    return hit;
}

static struct observe_batch batch_of(uint8_t count)
{
    struct observe_batch batch = {.count = count, .lost = count ? 2 : 0, .from = at_ms(T0_MS)};
    for (uint8_t i = 0; i < count; i++)
        batch.hits[i] = hit_of(100u + i);
    return batch;
}

static const struct sign_key *key_of(void **state)
{
    return ((const struct world *)*state)->key[WORLD_OBSERVE];
}

static void seal(void **state, const struct observe_batch *batch, char out[OBSERVE_BODY_MAX])
{
    const struct sign_key *key = key_of(state);
    assert_int_equal(
        observe_seal(batch, "lu-hz-01", sign_key_id(key), sign_key_public(key), NULL, out), 0);
}

static void test_what_goes_in_comes_out(void **state)
{
    for (int count = 0; count <= OBSERVE_HITS_MAX; count++) {
        char body[OBSERVE_BODY_MAX];
        struct err_text err;
        struct observe_batch opened;
        const struct observe_batch batch = batch_of((uint8_t)count);
        uint8_t id[KEY_ID_SIZE];
        memset(&opened, 0x5a, sizeof(opened));
        seal(state, &batch, body);
        assert_int_equal(observe_open(body, strlen(body), "lu-hz-01", key_of(state), &opened, &err),
                         0);
        assert_int_equal(opened.count, batch.count);
        assert_int_equal(opened.lost, batch.lost);
        assert_int_equal(opened.from.ms, batch.from.ms);
        for (int i = 0; i < count; i++) {
            const struct observe_hit *a = &opened.hits[i];
            const struct observe_hit *b = &batch.hits[i];
            assert_true(a->entry == b->entry && a->revision == b->revision &&
                        a->first.ms == b->first.ms && a->last.ms == b->last.ms &&
                        a->read_key == b->read_key && a->event_id == b->event_id);
            assert_true(a->camera == b->camera && a->lane == b->lane && a->kind == b->kind &&
                        a->class == b->class && a->agreement == b->agreement &&
                        a->authenticity == b->authenticity && a->confidence == b->confidence);
            assert_true(a->direction == b->direction && a->speed_kmh == b->speed_kmh &&
                        a->odds_db == b->odds_db && a->differs == b->differs &&
                        a->reads == b->reads && a->colour == b->colour && a->flags == b->flags);
        }
        assert_int_equal(observe_key_of(body, strlen(body), id, &err), 0);
        assert_memory_equal(id, sign_key_id(key_of(state)), KEY_ID_SIZE);
        assert_true(json_is_canonical_object(body, strlen(body)));
    }
}

static void test_all_bodies_are_equally_long(void **state)
{
    char none[OBSERVE_BODY_MAX];
    char again[OBSERVE_BODY_MAX];
    const struct observe_batch empty = batch_of(0);
    const struct observe_batch full = batch_of(OBSERVE_HITS_MAX);
    char empty_body[OBSERVE_BODY_MAX];
    seal(state, &empty, empty_body);
    seal(state, &empty, again);
    assert_string_not_equal(empty_body, again); /* a key of its own each */
    seal(state, &full, again);
    assert_int_equal(observe_seal_nothing(none), 0);
    assert_int_equal(strlen(again), strlen(empty_body));
    assert_int_equal(strlen(none), strlen(empty_body));
}

static void test_every_changed_byte_is_refused(void **state)
{
    char body[OBSERVE_BODY_MAX];
    struct err_text err;
    struct observe_batch opened;
    const struct observe_batch batch = batch_of(1);
    seal(state, &batch, body);
    size_t size = strlen(body);
    for (size_t i = 0; i < size; i++) {
        char kept = body[i];
        body[i] = kept == 'A' ? 'B' : 'A';
        assert_int_not_equal(observe_open(body, size, "lu-hz-01", key_of(state), &opened, &err), 0);
        body[i] = kept;
    }
    assert_int_equal(observe_open(body, size, "lu-hz-01", key_of(state), &opened, &err), 0);
}

static void test_another_box_and_another_key_are_refused(void **state)
{
    char body[OBSERVE_BODY_MAX];
    struct err_text err;
    struct observe_batch opened;
    struct sign_key *other = NULL;
    const struct observe_batch batch = batch_of(1);
    seal(state, &batch, body);
    assert_int_equal(observe_open(body, strlen(body), "lu-hz-02", key_of(state), &opened, &err),
                     ERR_CORRUPT);
    assert_string_equal(err.text, "observe body: not what was sealed, or of another checkpoint");
    assert_int_equal(sign_key_create(KEY_ALG_X25519, &other), 0);
    assert_int_equal(observe_open(body, strlen(body), "lu-hz-01", other, &opened, &err),
                     ERR_DENIED);
    assert_string_equal(err.text, "observe body: sealed to another key");
    sign_key_free(other);
    assert_int_equal(observe_seal_nothing(body), 0);
    assert_int_equal(observe_open(body, strlen(body), "lu-hz-01", key_of(state), &opened, &err),
                     ERR_DENIED);
}

static void test_a_key_that_gives_nothing_to_agree_on(void **state)
{
    static const uint8_t zeros[PUBLIC_KEY_SIZE] = {0};
    const struct world *w = *state;
    uint8_t shared[PUBLIC_KEY_SIZE];
    char body[OBSERVE_BODY_MAX];
    const struct observe_batch batch = batch_of(1);
    assert_int_equal(sign_key_agree(w->key[WORLD_CLERK_A], zeros, shared), ERR_UNSUPPORTED);
    assert_int_equal(observe_seal(&batch, "lu-hz-01", zeros, zeros, NULL, body), ERR_INVALID);
}

/* ---- the vector ---- */

static void line_of(FILE *file, const char *name, char *out, size_t size)
{
    char line[OBSERVE_BODY_MAX + 64];
    rewind(file);
    while (fgets(line, sizeof(line), file)) {
        size_t length = strlen(name);
        if (strncmp(line, name, length) == 0 && line[length] == ' ') {
            line[strcspn(line, "\n")] = '\0';
            (void)snprintf(out, size, "%s", line + length + 1); /* sizes are the caller's */
            return;
        }
    }
    fail_msg("no line '%s' in the vector", name);
}

/* A private key of raw bytes, by the PKCS#8 form of RFC 8410. */
static struct sign_key *key_from_hex(const char *hex)
{
    uint8_t der[48] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                       0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20};
    static const char label[] = "PRIVATE KEY";
    char pem[256];
    struct sign_key *key = NULL;
    assert_int_equal(hex_decode(hex, der + 16, 32), 0);
    char *text = base64_encode(der, sizeof(der));
    int size = snprintf(pem, sizeof(pem), "-----BEGIN %s-----\n%s\n-----END %s-----\n", label, text,
                        label);
    free(text);
    assert_int_equal(sign_key_from_pem(pem, (size_t)size, NULL, &key), 0);
    return key;
}

static void test_the_vector(void **state)
{
    char hex[128];
    char expected[OBSERVE_BODY_MAX];
    char body[OBSERVE_BODY_MAX];
    struct observe_batch opened;
    struct err_text err;
    (void)state;
    FILE *file = fopen("tests/unit/gateway/signed/observe_vector.txt", "re");
    assert_non_null(file);
    line_of(file, "private", hex, sizeof(hex));
    struct sign_key *key = key_from_hex(hex);
    line_of(file, "ephemeral", hex, sizeof(hex));
    struct sign_key *ephemeral = key_from_hex(hex);
    line_of(file, "body", expected, sizeof(expected));
    (void)fclose(file); /* was only read */
    const struct observe_batch batch = batch_of(2);
    assert_int_equal(
        observe_seal(&batch, "lu-hz-01", sign_key_id(key), sign_key_public(key), ephemeral, body),
        0);
    assert_string_equal(body, expected);
    assert_int_equal(observe_open(body, strlen(body), "lu-hz-01", key, &opened, &err), 0);
    assert_int_equal(opened.hits[1].entry, 101);
    sign_key_free(ephemeral);
    sign_key_free(key);
}

static int setup(void **state)
{
    *state = world_create();
    return 0;
}

static int teardown(void **state)
{
    world_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes_in_comes_out),
        cmocka_unit_test(test_all_bodies_are_equally_long),
        cmocka_unit_test(test_every_changed_byte_is_refused),
        cmocka_unit_test(test_another_box_and_another_key_are_refused),
        cmocka_unit_test(test_a_key_that_gives_nothing_to_agree_on),
        cmocka_unit_test(test_the_vector),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
