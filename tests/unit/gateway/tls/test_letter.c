/* A file to one certificate: read with its key alone, and never read as anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gateway/tls/letter.h"
#include "tls_parties.h"

static const char text[] = "{\"envelope\":{},\"revision\":7}";

static int read_with(const struct party *p, const uint8_t *letter, size_t size)
{
    uint8_t *out = NULL;
    size_t out_size = 0;
    int rc = tls_letter_read(p->key, p->certificate, letter, size, &out, &out_size, NULL);
    if (rc == 0) {
        assert_int_equal(out_size, strlen(text));
        assert_string_equal((const char *)out, text);
    }
    free(out);
    return rc;
}

static void the_key_of_its_certificate_alone_reads_it(void **state)
{
    (void)state;
    struct party root = root_named("boxes");
    struct party box = party_of(&root, "urn:checkpoint:north-1", now(), 30);
    struct party other = party_of(&root, "urn:checkpoint:north-2", now(), 30);
    struct party mixed = {other.key, box.certificate};
    uint8_t *letter = NULL;
    size_t size = 0;
    assert_int_equal(tls_letter_write(box.certificate, text, strlen(text), &letter, &size, NULL),
                     0);
    assert_null(memmem(letter, size, "revision", 8));
    assert_int_equal(read_with(&box, letter, size), 0);
    assert_int_equal(read_with(&other, letter, size), ERR_DENIED);
    assert_int_equal(read_with(&mixed, letter, size), ERR_DENIED);
    assert_int_equal(read_with(&box, (const uint8_t *)text, strlen(text)), ERR_INVALID);
    size_t refused = 0;
    for (size_t i = 0; i < size; i++) { /* a byte that says nothing may be another one */
        letter[i] ^= 1;
        refused += read_with(&box, letter, size) != 0;
        letter[i] ^= 1;
    }
    assert_true(refused > size / 2);
    for (size_t i = 0; i < size; i++)
        assert_int_not_equal(read_with(&box, letter, i), 0);
    free(letter);
    party_free(&other);
    party_free(&box);
    party_free(&root);
}

static void a_key_that_only_signs_is_named(void **state)
{
    (void)state;
    struct err_text err = {""};
    struct party root = root_named("boxes");
    struct party box = {.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    struct tls_issue_request request = {.now = now(), .days = 30, .public_key = box.key};
    uint8_t *letter = NULL;
    size_t size = 0;
    assert_non_null(box.key);
    assert_int_equal(tls_identity_parse("urn:checkpoint:north-1", 22, &request.identity), 0);
    assert_int_equal(tls_issue(root.key, root.certificate, &request, &box.certificate, NULL), 0);
    assert_int_equal(tls_letter_write(box.certificate, text, strlen(text), &letter, &size, &err),
                     ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "certificate's key"));
    party_free(&box);
    party_free(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_of_its_certificate_alone_reads_it),
        cmocka_unit_test(a_key_that_only_signs_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
