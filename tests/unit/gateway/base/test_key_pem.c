/*
 * Private keys as PEM: a locked one opens with its passphrase only, and what is no key is told from
 * what needs a passphrase.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "gateway/base/key_pem.h"

struct written {
    EVP_PKEY *key;
    BIO *bio;
    const char *pem;
    size_t size;
};

static struct written write_key(const char *passphrase)
{
    char *pem = NULL;
    struct written w = {.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
                        .bio = BIO_new(BIO_s_mem())};
    assert_non_null(w.key);
    if (passphrase)
        assert_int_equal(key_pem_write_locked(w.bio, w.key, passphrase), 0);
    else
        assert_int_equal(PEM_write_bio_PKCS8PrivateKey(w.bio, w.key, NULL, NULL, 0, NULL, NULL), 1);
    w.size = (size_t)BIO_get_mem_data(w.bio, &pem);
    w.pem = pem;
    return w;
}

static void forget(struct written *w)
{
    EVP_PKEY_free(w->key);
    BIO_free(w->bio);
}

static void expect_key(const struct written *w, const char *passphrase)
{
    EVP_PKEY *read = NULL;
    assert_int_equal(key_pem_read(w->pem, w->size, passphrase, &read), 0);
    assert_int_equal(EVP_PKEY_eq(read, w->key), 1);
    EVP_PKEY_free(read);
    assert_int_equal(ERR_peek_error(), 0);
}

static void expect_refused(const struct written *w, const char *passphrase, int code)
{
    EVP_PKEY *read = NULL;
    assert_int_equal(key_pem_read(w->pem, w->size, passphrase, &read), code);
    assert_null(read);
}

static void a_locked_key_opens_with_its_passphrase_only(void **state)
{
    char longest[KEY_PASSPHRASE_MAX + 1];
    (void)state;
    memset(longest, 'x', KEY_PASSPHRASE_MAX);
    longest[KEY_PASSPHRASE_MAX] = '\0';
    struct written w = write_key(longest);
    assert_memory_equal(w.pem, "-----BEGIN ENCRYPTED ", 21);
    expect_key(&w, longest);
    longest[KEY_PASSPHRASE_MAX - 1] = 'y';
    expect_refused(&w, longest, ERR_DENIED);
    expect_refused(&w, "", ERR_DENIED);
    expect_refused(&w, NULL, ERR_DENIED);
    assert_int_equal(ERR_peek_error(), 0);
    forget(&w);
}

static void a_key_without_one_opens_with_any(void **state)
{
    (void)state;
    struct written w = write_key(NULL);
    expect_key(&w, NULL);
    expect_key(&w, "unused");
    forget(&w);
}

static void what_is_no_key_needs_no_passphrase(void **state)
{
    static const char text[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    struct written w = {.pem = text, .size = sizeof(text) - 1};
    (void)state;
    expect_refused(&w, "any", ERR_INVALID);
    assert_int_not_equal(ERR_peek_error(), 0); /* the reason, for the caller's text */
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_locked_key_opens_with_its_passphrase_only),
        cmocka_unit_test(a_key_without_one_opens_with_any),
        cmocka_unit_test(what_is_no_key_needs_no_passphrase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
