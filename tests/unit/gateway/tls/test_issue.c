/*
 * An issuing CA under an offline root, and CA keys with a passphrase: what verifies, what does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/tls/issue.h"
#include "gateway/tls/pem.h"

struct party {
    EVP_PKEY *key;
    X509 *certificate;
};

static struct wall_time now(void)
{
    return clock_wall(&clock_system);
}

static void party_free(struct party *p)
{
    EVP_PKEY_free(p->key);
    X509_free(p->certificate);
}

static struct party issuer_under(const struct party *root, const char *name, int days)
{
    struct party p;
    assert_int_equal(tls_key_create(&p.key, NULL), 0);
    assert_int_equal(tls_issue_issuer(root->key, root->certificate, p.key, name, now(), days,
                                      &p.certificate, NULL),
                     0);
    return p;
}

static struct party box_under(const struct party *issuer)
{
    struct party p;
    struct tls_issue_request request = {.now = now(), .days = 30};
    assert_int_equal(tls_key_create(&p.key, NULL), 0);
    assert_int_equal(tls_identity_parse("urn:checkpoint:a", 16, &request.identity), 0);
    request.public_key = p.key;
    assert_int_equal(tls_issue(issuer->key, issuer->certificate, &request, &p.certificate, NULL),
                     0);
    return p;
}

/* X509_V_OK or the reason against it. */
static int verify(const struct party *root, const struct party *between,
                  const struct party *further, const struct party *leaf)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *chain = sk_X509_new_null();
    assert_int_equal(X509_STORE_add_cert(store, root->certificate), 1);
    assert_true(sk_X509_push(chain, between->certificate) > 0);
    assert_true(!further || sk_X509_push(chain, further->certificate) > 0);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf->certificate, chain), 1);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
    int error = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    sk_X509_free(chain);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return error;
}

static void an_issuing_ca_stands_between_root_and_box(void **state)
{
    (void)state;
    struct party root;
    assert_int_equal(tls_key_create(&root.key, NULL), 0);
    assert_int_equal(
        tls_issue_upper_root(root.key, "box root", now(), 365, &root.certificate, NULL), 0);
    struct party issuer = issuer_under(&root, "issuing", 100);
    struct party box = box_under(&issuer);
    assert_int_equal(verify(&root, &issuer, NULL, &box), X509_V_OK);
    struct party second =
        issuer_under(&issuer, "further", 100); /* an issuing CA makes no further one */
    struct party other = box_under(&second);
    assert_int_equal(verify(&root, &issuer, &second, &other), X509_V_ERR_PATH_LENGTH_EXCEEDED);
    party_free(&other);
    party_free(&second);
    party_free(&box);
    party_free(&issuer);
    party_free(&root);
}

static void a_plain_root_has_no_issuing_ca_under_it(void **state)
{
    (void)state;
    struct party root;
    assert_int_equal(tls_key_create(&root.key, NULL), 0);
    assert_int_equal(tls_issue_root(root.key, "hq root", now(), 365, &root.certificate, NULL), 0);
    struct party issuer = issuer_under(&root, "issuing", 100);
    struct party box = box_under(&issuer);
    assert_int_equal(verify(&root, &issuer, NULL, &box), X509_V_ERR_PATH_LENGTH_EXCEEDED);
    party_free(&box);
    party_free(&issuer);
    party_free(&root);
}

static void an_issuing_ca_never_outlives_its_root(void **state)
{
    (void)state;
    struct party root;
    struct err_text err;
    X509 *none = NULL;
    assert_int_equal(tls_key_create(&root.key, NULL), 0);
    assert_int_equal(tls_issue_upper_root(root.key, "box root", now(), 10, &root.certificate, NULL),
                     0);
    struct party issuer = issuer_under(&root, "issuing", 100);
    assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(issuer.certificate),
                                       X509_get0_notAfter(root.certificate)),
                     0);
    assert_int_equal(tls_issue_issuer(root.key, root.certificate, issuer.key, "x", now(),
                                      TLS_DAYS_MAX + 1, &none, &err),
                     ERR_INVALID);
    assert_string_equal(err.text, "7301 days, expected 1 to 7300");
    party_free(&issuer);
    party_free(&root);
}

static void a_host_is_a_name_or_an_address(void **state)
{
    (void)state;
    static const char *const good[] = {"console.checkpoint.local", "192.168.10.2", "fd00::2",
                                       "hq1"};
    static const char *const bad[] = {"",      "a b",  "192.168.1.999",  "\xe4\xbe\x8b.local",
                                      "*.all", "a:84", "a,URI:urn:evil", "https://a"};
    struct party root;
    struct err_text err;
    assert_int_equal(tls_key_create(&root.key, NULL), 0);
    assert_int_equal(tls_issue_root(root.key, "console", now(), 365, &root.certificate, NULL), 0);
    struct tls_issue_request request = {.identity = {.kind = TLS_PEER_CONSOLE, .name = "console"},
                                        .now = now(),
                                        .days = 30,
                                        .public_key = root.key};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        X509 *certificate = NULL;
        request.hosts[0] = good[i];
        assert_int_equal(tls_issue(root.key, root.certificate, &request, &certificate, NULL), 0);
        X509_free(certificate);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        X509 *none = NULL;
        request.hosts[0] = bad[i];
        assert_int_equal(tls_issue(root.key, root.certificate, &request, &none, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, "': expected a name or an address, like "));
    }
    party_free(&root);
}

static void a_locked_key_opens_with_its_passphrase_only(void **state)
{
    (void)state;
    char path[] = "/tmp/test_issue.XXXXXX";
    char message[128];
    struct err_text err;
    struct stat st;
    EVP_PKEY *key = NULL;
    EVP_PKEY *read = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(tls_key_create(&key, NULL), 0);
    assert_int_equal(tls_key_file_write_locked(path, key, "open sesame", &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(tls_key_file_read_locked(path, "open sesame", &read, &err), 0);
    assert_int_equal(EVP_PKEY_eq(key, read), 1);
    assert_int_equal(tls_key_file_read_locked(path, "open barley", &read, &err), ERR_DENIED);
    (void)snprintf(message, sizeof(message), "%s: wrong passphrase", path); /* fits */
    assert_string_equal(err.text, message);
    assert_int_equal(tls_key_file_read(path, &read, &err), ERR_DENIED);
    (void)snprintf(message, sizeof(message), "%s: needs a passphrase", path); /* fits */
    assert_string_equal(err.text, message);
    assert_int_equal(tls_key_file_write_locked(path, key, "", &err), ERR_INVALID);
    assert_int_equal(unlink(path), 0);
    EVP_PKEY_free(read);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_issuing_ca_stands_between_root_and_box),
        cmocka_unit_test(a_plain_root_has_no_issuing_ca_under_it),
        cmocka_unit_test(an_issuing_ca_never_outlives_its_root),
        cmocka_unit_test(a_host_is_a_name_or_an_address),
        cmocka_unit_test(a_locked_key_opens_with_its_passphrase_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
