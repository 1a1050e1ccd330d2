/*
 * Every statement under every key but the right ones: each role's, a root's, those of the CAs, of a
 * box's TLS and journal. Refused with the reason, alone, beside the right signatures, and under the
 * right key's name. The good one, which differs in nothing else, is accepted.
 */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "every_statement.h"

/* What no key set holds. TLS keys are of P-256, a seal is Ed25519, and a CA may be either. */
enum stranger { CA_ED25519, CA_P256, BOX_TLS, JOURNAL_SEAL, STRANGERS };
static const char *const stranger_names[] = {"CA (Ed25519)", "CA (P-256)", "box's TLS",
                                             "journal's seal"};

static struct world *world;
static struct sign_key *ed25519[STRANGERS];
static EVP_PKEY *p256[STRANGERS];

static int setup(void **state)
{
    (void)state;
    world = world_create();
    for (int i = 0; i < STRANGERS; i++) {
        if (i == CA_P256 || i == BOX_TLS)
            assert_non_null(p256[i] = EVP_EC_gen("P-256"));
        else
            assert_int_equal(sign_key_create(KEY_ALG_ED25519, &ed25519[i]), 0);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < STRANGERS; i++) {
        EVP_PKEY_free(p256[i]);
        sign_key_free(ed25519[i]);
    }
    world_destroy(world);
    return 0;
}

static void add_raw(struct envelope *e, const uint8_t id[KEY_ID_SIZE],
                    const uint8_t signature[SIGNATURE_SIZE])
{
    struct envelope_signature *s = &e->signatures[e->signature_count++];
    memcpy(s->key_id, id, KEY_ID_SIZE);
    memcpy(s->signature, signature, SIGNATURE_SIZE);
}

/* ECDSA as the 64 bytes r and s, under the key's id: as near as such a key comes. */
static void sign_p256(struct envelope *e, EVP_PKEY *key)
{
    uint8_t der[128];
    uint8_t raw[SIGNATURE_SIZE] = {0};
    uint8_t id[KEY_ID_SIZE];
    size_t der_size = sizeof(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &der_size, e->signed_bytes, e->signed_size), 1);
    EVP_MD_CTX_free(ctx);
    const uint8_t *at = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der_size);
    assert_non_null(sig);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32), 32);
    ECDSA_SIG_free(sig);
    uint8_t *spki = NULL;
    int spki_size = i2d_PUBKEY(key, &spki);
    assert_int_equal(hash_bytes(spki, (size_t)spki_size, id), 0);
    OPENSSL_free(spki);
    add_raw(e, id, raw);
}

static void sign_stranger(struct envelope *e, int which)
{
    if (p256[which])
        sign_p256(e, p256[which]);
    else
        assert_int_equal(envelope_sign(e, ed25519[which]), 0);
}

/* An encryption key cannot sign, so its id stands over a signature of nothing. */
static void sign_role(struct envelope *e, enum key_role role, int count)
{
    static const uint8_t nothing[SIGNATURE_SIZE] = {1};
    for (int i = 0; i < count; i++) {
        struct sign_key *key = key_of_role(world, role, i);
        if (!key)
            break; /* that role has fewer */
        if (sign_key_alg(key) == KEY_ALG_ED25519)
            assert_int_equal(envelope_sign(e, key), 0);
        else
            add_raw(e, sign_key_id(key), nothing);
    }
}

static struct envelope composed(enum statement_type type)
{
    struct envelope e = {0};
    struct err_text err = {0};
    ok(every_statement[type].compose(world, &e, &err), &err);
    return e;
}

/* Refused with ERR_DENIED and a reason that says `why`; frees the envelope. */
static void refused(enum statement_type type, struct envelope *e, const char *by, const char *why)
{
    struct err_text err = {0};
    size_t size = 0;
    char *text = text_of(e, &size);
    int rc = every_statement[type].verify(world, text, size, &err);
    if (rc != ERR_DENIED || !strstr(err.text, why))
        fail_msg("%s signed by a key of %s: %s '%s', expected '%s'", statement_type_name(type), by,
                 err_name(rc), err.text, why);
    free(text);
}

/* A key set is verified by root keys alone, which stand in no set; all else by the set. */
static void reason(enum statement_type type, enum key_role role, char out[96])
{
    if (type == STATEMENT_KEYSET)
        (void)snprintf(out, 96, "not by a root key held here");
    else if (type == STATEMENT_ROOTS)
        (void)snprintf(out, 96, "by no root of before or after");
    else if (role == KEY_ROLE_ROOT || role == 0)
        (void)snprintf(out, 96, "key is not in key set version 1");
    else
        (void)snprintf(out, 96, "key of role %s, expected %s", key_role_name(role),
                       key_role_name(statement_role(type)));
}

static void test_the_right_keys_are_accepted(void **state)
{
    (void)state;
    for (enum statement_type type = 0; statement_next(&type);) {
        struct err_text err = {0};
        size_t size = 0;
        char *text = statement_text(world, type, &size);
        ok(every_statement[type].verify(world, text, size, &err), &err);
        free(text);
    }
}

static void test_every_other_role_is_refused(void **state)
{
    (void)state;
    int cells = 0;
    for (enum statement_type type = 0; statement_next(&type);) {
        for (enum key_role role = KEY_ROLE_ROOT; key_role_name(role); role++) {
            char why[96];
            assert_non_null(key_of_role(world, role, 0)); /* a role without a key shows nothing */
            if (role == statement_role(type))
                continue;
            reason(type, role, why);
            struct envelope alone = composed(type);
            sign_role(&alone, role, every_statement[type].signers);
            refused(type, &alone, key_role_name(role), why);
            struct envelope beside = composed(type);
            sign_role(&beside, statement_role(type), every_statement[type].signers);
            sign_role(&beside, role, 1);
            refused(type, &beside, key_role_name(role), why);
            cells++;
        }
    }
    assert_true(cells >= 40);
}

static void test_keys_of_no_key_set_are_refused(void **state)
{
    (void)state;
    for (enum statement_type type = 0; statement_next(&type);) {
        for (int who = 0; who < STRANGERS; who++) {
            char why[96];
            reason(type, 0, why);
            struct envelope alone = composed(type);
            sign_stranger(&alone, who);
            refused(type, &alone, stranger_names[who], why);
            struct envelope beside = composed(type);
            sign_role(&beside, statement_role(type), every_statement[type].signers);
            sign_stranger(&beside, who);
            refused(type, &beside, stranger_names[who], why);
        }
    }
}

/* Whoever holds another role's key and writes the right one's id over its signature. */
static void test_another_key_under_the_right_name_is_refused(void **state)
{
    (void)state;
    for (enum statement_type type = 0; statement_next(&type);) {
        for (enum key_role role = KEY_ROLE_ROOT; role < KEY_ROLE_OBSERVE; role++) {
            if (role == statement_role(type))
                continue;
            struct err_text err = {0};
            size_t size = 0;
            struct envelope e = composed(type);
            for (int i = 0; i < every_statement[type].signers; i++) {
                uint8_t signature[SIGNATURE_SIZE];
                assert_int_equal(sign_key_sign(key_of_role(world, role, 0), e.signed_bytes,
                                               e.signed_size, signature),
                                 0);
                add_raw(&e, sign_key_id(key_of_role(world, statement_role(type), i)), signature);
            }
            char *text = text_of(&e, &size);
            assert_int_equal(every_statement[type].verify(world, text, size, &err), ERR_CORRUPT);
            assert_non_null(strstr(err.text, "signatures[0]: does not verify"));
            free(text);
        }
    }
}

/* The same role signs several types: a signature is good for one. */
static void test_no_statement_passes_for_another(void **state)
{
    (void)state;
    for (enum statement_type type = 0; statement_next(&type);) {
        size_t size = 0;
        char *text = statement_text(world, type, &size);
        for (enum statement_type as = 0; statement_next(&as);) {
            struct err_text err = {0};
            int rc = every_statement[as].verify(world, text, size, &err);
            assert_int_equal(rc, as == type ? 0 : ERR_DENIED);
            if (as != type)
                assert_non_null(strstr(err.text, statement_type_name(as)));
        }
        free(text);
    }
}

/* … and its bytes under another type's name neither. */
static void test_a_signature_does_not_move_to_another_type(void **state)
{
    (void)state;
    for (enum statement_type type = 0; statement_next(&type);) {
        for (enum statement_type as = 0; statement_next(&as);) {
            if (as == type)
                continue;
            struct err_text err = {0};
            size_t size = 0;
            struct envelope from = composed(type);
            struct envelope e = {0};
            sign_role(&from, statement_role(as), every_statement[as].signers);
            ok(envelope_init(&e, as, from.payload, from.payload_size), &err);
            for (int i = 0; i < from.signature_count; i++)
                add_raw(&e, from.signatures[i].key_id, from.signatures[i].signature);
            envelope_fini(&from);
            char *text = text_of(&e, &size);
            /* Who may have signed a change of roots stands in it: it is read before. */
            int rc = every_statement[as].verify(world, text, size, &err);
            assert_true(as == STATEMENT_ROOTS ? rc < 0 : rc == ERR_CORRUPT);
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_right_keys_are_accepted),
        cmocka_unit_test(test_every_other_role_is_refused),
        cmocka_unit_test(test_keys_of_no_key_set_are_refused),
        cmocka_unit_test(test_another_key_under_the_right_name_is_refused),
        cmocka_unit_test(test_no_statement_passes_for_another),
        cmocka_unit_test(test_a_signature_does_not_move_to_another_type),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
