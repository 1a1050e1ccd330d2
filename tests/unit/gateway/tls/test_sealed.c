/* A statement signed with a certificate: read under its root, refused under any other, altered in
 * any byte, or when its certificate would not get by in a handshake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/tls/sealed.h"
#include "tls_parties.h"

static const char type[] = "spool-manifest/1";
static const char payload[] = "{\"checkpoint\":\"north-1\"}";

static char *seal(const struct party *p, size_t *out_size)
{
    char *text = NULL;
    STACK_OF(X509) *chain = sk_X509_new_null();
    assert_non_null(chain);
    assert_true(sk_X509_push(chain, p->certificate) > 0);
    assert_int_equal(
        tls_sealed_write(p->key, chain, type, payload, strlen(payload), &text, out_size, NULL), 0);
    sk_X509_free(chain);
    return text;
}

static int read_under(const struct party *root, const char *text, size_t size, struct wall_time at,
                      struct tls_cert_facts *facts, struct err_text *err)
{
    uint8_t *out = NULL;
    size_t out_size = 0;
    STACK_OF(X509) *roots = sk_X509_new_null();
    assert_non_null(roots);
    assert_true(sk_X509_push(roots, root->certificate) > 0);
    int rc = tls_sealed_read(text, size, type, roots, at, facts, &out, &out_size, err);
    if (rc == 0) {
        assert_int_equal(out_size, strlen(payload));
        assert_memory_equal(out, payload, out_size);
    }
    free(out);
    sk_X509_free(roots);
    return rc;
}

static void it_is_read_under_its_root_and_names_who_signed(void **state)
{
    (void)state;
    struct party root = root_named("boxes");
    struct party other = root_named("others");
    struct party box = party_of(&root, "urn:checkpoint:north-1", now(), 30);
    struct tls_cert_facts facts;
    struct err_text err = {""};
    size_t size = 0;
    char *text = seal(&box, &size);
    assert_int_equal(read_under(&root, text, size, now(), &facts, &err), 0);
    assert_string_equal(facts.identity.name, "north-1");
    assert_int_equal(facts.identity.kind, TLS_PEER_CHECKPOINT);
    assert_int_equal(read_under(&other, text, size, now(), &facts, &err), ERR_DENIED);
    struct wall_time later = {now().ms + 31LL * 24 * 3600 * 1000};
    assert_int_equal(read_under(&root, text, size, later, &facts, &err), ERR_DENIED);
    struct wall_time before = {now().ms - 24LL * 3600 * 1000};
    assert_int_equal(read_under(&root, text, size, before, &facts, &err), ERR_DENIED);
    free(text);
    party_free(&box);
    party_free(&other);
    party_free(&root);
}

static void another_use_another_key_or_another_type_is_refused(void **state)
{
    (void)state;
    struct party root = root_named("boxes");
    struct party box = party_of(&root, "urn:checkpoint:north-1", now(), 30);
    struct party server = party_of(&root, "urn:checkpoint-hq:fleet", now(), 30);
    struct party mixed = {.key = server.key, .certificate = box.certificate};
    struct tls_cert_facts facts;
    struct err_text err = {""};
    uint8_t *out = NULL;
    size_t size = 0;
    size_t out_size = 0;
    char *text = seal(&server, &size); /* a server's certificate is for servers */
    assert_int_equal(read_under(&root, text, size, now(), &facts, &err), ERR_DENIED);
    free(text);
    text = seal(&mixed, &size);
    assert_int_equal(read_under(&root, text, size, now(), &facts, &err), ERR_CORRUPT);
    assert_int_equal(tls_sealed_payload(text, size, "receipt/1", &out, &out_size, &err),
                     ERR_INVALID);
    free(text);
    party_free(&server);
    party_free(&box);
    party_free(&root);
}

/* Whatever still reads says the same: nothing but the form of the JSON may have changed. */
static void every_byte_flipped_is_refused(void **state)
{
    (void)state;
    struct party root = root_named("boxes");
    struct party box = party_of(&root, "urn:checkpoint:north-1", now(), 30);
    struct tls_cert_facts facts;
    size_t size = 0;
    char *text = seal(&box, &size);
    for (size_t i = 0; i < size; i++) {
        struct err_text err = {""};
        text[i] ^= 1;
        if (read_under(&root, text, size, now(), &facts, &err) == 0)
            fail_msg("byte %zu of %zu", i, size);
        text[i] ^= 1;
    }
    for (size_t i = 0; i < size; i += 7) {
        struct err_text err = {""};
        assert_int_not_equal(read_under(&root, text, i, now(), &facts, &err), 0);
    }
    free(text);
    party_free(&box);
    party_free(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_read_under_its_root_and_names_who_signed),
        cmocka_unit_test(another_use_another_key_or_another_type_is_refused),
        cmocka_unit_test(every_byte_flipped_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
