/*
 * Changes of root keys: who must have signed one, how a box that missed them all comes to the
 * newest set, and that none is forgotten again.
 */
#include "tests/unit/gateway/signed/signed_builder.h"

/* Roots 0 to 2 are the world's, the others come in their places. */
enum { NEW_ROOTS = 4, ALL_ROOTS = 3 + NEW_ROOTS };

struct scene {
    struct world *w;
    struct sign_key *root[ALL_ROOTS];
    json_t *changes;
    uint64_t version; /* of the last change */
};

static void add_root(struct root_keys *roots, const struct sign_key *key)
{
    char *pem = NULL;
    assert_int_equal(public_key_to_pem(KEY_ALG_ED25519, sign_key_public(key), &pem), 0);
    assert_int_equal(root_keys_add_pem(roots, pem, strlen(pem)), 0);
    free(pem);
}

static int open_scene(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    s->w = world_create();
    s->changes = json_array();
    for (int i = 0; i < ALL_ROOTS; i++) {
        if (i < 3) {
            s->root[i] = s->w->root[i];
        } else {
            assert_int_equal(sign_key_create(KEY_ALG_ED25519, &s->root[i]), 0);
        }
    }
    *state = s;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *s = *state;
    for (int i = 3; i < ALL_ROOTS; i++) {
        sign_key_free(s->root[i]);
    }
    json_decref(s->changes);
    world_destroy(s->w);
    free(s);
    return 0;
}

/* A change to the roots of `keys` (bit i: root i), signed by those of `signers`. */
static void change_to(struct scene *s, int keys, int signers)
{
    struct root_change change = {.fleet = "lu-hz", .version = ++s->version, .time = {T0_MS}};
    struct envelope e;
    struct err_text err = {0};
    char *text = NULL;
    size_t size = 0;
    for (int i = 0; i < ALL_ROOTS; i++) {
        if (keys & 1 << i) {
            add_root(&change.keys, s->root[i]);
        }
    }
    ok(root_change_compose(&change, &e, &err), &err);
    for (int i = 0; i < ALL_ROOTS; i++) {
        if (signers & 1 << i) {
            assert_int_equal(envelope_sign(&e, s->root[i]), 0);
        }
    }
    assert_int_equal(envelope_write(&e, &text, &size), 0);
    envelope_fini(&e);
    json_t *value = json_loadb(text, size, 0, NULL);
    assert_int_equal(json_array_append_new(s->changes, value), 0);
    free(text);
}

static char *set_text(struct scene *s, uint64_t version, int signers, size_t *out_size)
{
    struct keyset set;
    struct envelope e;
    struct err_text err = {0};
    char *text = NULL;
    world_fill_set(s->w, &set, version);
    ok(keyset_compose_with(&set, json_array_size(s->changes) ? s->changes : NULL, &e, &err), &err);
    for (int i = 0; i < ALL_ROOTS; i++) {
        if (signers & 1 << i) {
            assert_int_equal(envelope_sign(&e, s->root[i]), 0);
        }
    }
    assert_int_equal(envelope_write(&e, &text, out_size), 0);
    envelope_fini(&e);
    return text;
}

/* What a holder of `roots` says of a set signed by `signers`. */
static int verify(struct scene *s, const struct root_keys *roots, int signers, struct keyset *out,
                  struct err_text *err)
{
    size_t size = 0;
    char *text = set_text(s, 2, signers, &size);
    int result = keyset_verify(roots, text, size, out, err);
    free(text);
    return result;
}

static void refused(struct scene *s, int signers, int code, const char *why)
{
    struct keyset set;
    struct err_text err = {0};
    assert_int_equal(verify(s, &s->w->roots, signers, &set, &err), code);
    if (!strstr(err.text, why)) {
        fail_msg("'%s', expected '%s'", err.text, why);
    }
}

static void who_missed_every_change_comes_to_the_newest_set(void **state)
{
    struct scene *s = *state;
    struct keyset set;
    struct err_text err = {0};
    change_to(s, 0x0B, 0x0B); /* 0 1 3 */
    change_to(s, 0x19, 0x19); /* 0 3 4 */
    change_to(s, 0x38, 0x38); /* 3 4 5: none of the first is left */
    ok(verify(s, &s->w->roots, 0x30, &set, &err), &err);
    assert_int_equal(set.root_changes.count, 3);
    assert_int_equal(set.roots.count, 3);
    assert_int_equal(root_keys_find(&set.roots, sign_key_id(s->root[0])), -1);
    assert_true(root_keys_find(&set.roots, sign_key_id(s->root[5])) >= 0);
    /* And who has those of between, or the newest, as well. */
    struct root_keys between = {0};
    add_root(&between, s->root[3]);
    add_root(&between, s->root[0]);
    add_root(&between, s->root[1]);
    ok(verify(s, &between, 0x28, &set, &err), &err);
    struct root_keys newest = set.roots;
    ok(verify(s, &newest, 0x18, &set, &err), &err);
    refused(s, 0x03, ERR_DENIED, "not by a root key held here"); /* by roots that went */
    refused(s, 0x08, ERR_DENIED, "signed by 1 root key");
}

static void a_change_needs_two_of_before_two_of_after_and_each_new_one(void **state)
{
    struct scene *s = *state;
    static const struct {
        int keys;
        int signers;
        const char *why;
    } cases[] = {
        {0x0B, 0x09, NULL}, /* 0 of before and after, 3 new: one of before alone */
        {0x0B, 0x03, "keys[2]: brought in without its own signature"},
        {0x38, 0x38, "signed by 0 roots of before and 3 of after"},
        {0x38, 0x39, "signed by 1 roots of before and 3 of after"},
        {0x38, 0x1B, "keys[2]: brought in without"},
        {0x38, 0x0B, "signed by 2 roots of before and 1 of after"},
        {0x0B, 0x4B, "signatures[3]: by no root of before or after"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s->version = 0;
        json_array_clear(s->changes);
        change_to(s, cases[i].keys, cases[i].signers);
        refused(s, cases[i].keys & 0x38 ? 0x38 & cases[i].keys : 0x03, ERR_DENIED,
                cases[i].why ? cases[i].why : "signed by 1 roots of before and 2 of after");
    }
}

static void order_and_fleet_are_checked(void **state)
{
    struct scene *s = *state;
    s->version = 1;
    change_to(s, 0x0B, 0x0B);
    refused(s, 0x0A, ERR_DENIED, "version 2 of fleet lu-hz, expected 1 of lu-hz");
    s->version = 0;
    json_array_clear(s->changes);
    change_to(s, 0x0B, 0x0B);
    s->version = 0;
    change_to(s, 0x19, 0x19);
    refused(s, 0x18, ERR_DENIED, "roots[1]: version 1 of fleet lu-hz, expected 2");
}

static void a_change_held_is_never_left_out_again(void **state)
{
    struct scene *s = *state;
    struct keyset held;
    struct keyset next;
    struct err_text err = {0};
    size_t size = 0;
    change_to(s, 0x0B, 0x0B);
    ok(verify(s, &s->w->roots, 0x0A, &held, &err), &err);
    json_array_clear(s->changes);
    char *text = set_text(s, 3, 0x06, &size); /* two roots of the first three, one taken out */
    ok(keyset_verify(&s->w->roots, text, size, &next, &err), &err);
    assert_int_equal(keyset_check_newer(&held, &next, &err), ERR_DENIED);
    assert_non_null(strstr(err.text, "leaves out a change of root keys"));
    free(text);
    s->version = 0;
    change_to(s, 0x13, 0x13); /* another first change than the one held */
    text = set_text(s, 3, 0x12, &size);
    ok(keyset_verify(&s->w->roots, text, size, &next, &err), &err);
    assert_int_equal(keyset_check_newer(&held, &next, &err), ERR_DENIED);
    free(text);
}

static void every_byte_of_a_set_with_changes_counts(void **state)
{
    struct scene *s = *state;
    struct keyset set;
    struct keyset other;
    struct err_text err = {0};
    size_t size = 0;
    change_to(s, 0x0B, 0x0B);
    char *text = set_text(s, 2, 0x0A, &size);
    ok(keyset_verify(&s->w->roots, text, size, &set, &err), &err);
    for (size_t i = 0; i < size; i++) {
        text[i] ^= 1;
        int result = keyset_verify(&s->w->roots, text, size, &other, &err);
        assert_true(result < 0 || memcmp(other.hash, set.hash, HASH_SIZE) == 0);
        text[i] ^= 1;
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SCENE_TEST(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)
        SCENE_TEST(who_missed_every_change_comes_to_the_newest_set),
        SCENE_TEST(a_change_needs_two_of_before_two_of_after_and_each_new_one),
        SCENE_TEST(order_and_fleet_are_checked),
        SCENE_TEST(a_change_held_is_never_left_out_again),
        SCENE_TEST(every_byte_of_a_set_with_changes_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
