/*
 * See pem.h. No state.
 */
#include "gateway/tls/pem.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/tls/identity.h"

int tls_error(struct err_text *err, int code, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    (void)err_set(err, code, "%s: %s", what, reason ? reason : err_name(code)); /* returned below */
    ERR_clear_error();
    return code;
}

/* A passphrase is never asked for at a terminal. */
static int no_passphrase(char *buffer, int size, int rwflag, void *ctx)
{
    (void)buffer, (void)size, (void)rwflag, (void)ctx; /* the signature is OpenSSL's */
    return -1;
}

int tls_pem_certificates(const char *text, size_t size, STACK_OF(X509) * *out, struct err_text *err)
{
    BIO *bio = size > TLS_CERT_FILE_MAX ? NULL : BIO_new_mem_buf(text, (int)size);
    STACK_OF(X509) *list = sk_X509_new_null();
    X509 *certificate;
    int rc = 0;
    if (!bio || !list)
        rc = tls_error(err, ERR_NO_MEMORY, "certificates");
    while (rc == 0 && (certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)))
        if (sk_X509_push(list, certificate) <= 0) {
            X509_free(certificate);
            rc = tls_error(err, ERR_NO_MEMORY, "certificates");
        }
    /* The end of the text shows as PEM_R_NO_START_LINE; anything else is a broken certificate. */
    if (rc == 0 &&
        (sk_X509_num(list) == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE))
        rc = tls_error(err, ERR_INVALID, "not a PEM certificate");
    ERR_clear_error();
    BIO_free(bio);
    if (rc != 0) {
        sk_X509_pop_free(list, X509_free);
        return rc;
    }
    *out = list;
    return 0;
}

int tls_pem_certificate(const char *text, size_t size, X509 **out, struct err_text *err)
{
    STACK_OF(X509) *list = NULL;
    int rc = tls_pem_certificates(text, size, &list, err);
    if (rc != 0)
        return rc;
    *out = sk_X509_shift(list);
    sk_X509_pop_free(list, X509_free);
    return 0;
}

int tls_file_certificates(const char *path, STACK_OF(X509) * *out, struct err_text *err)
{
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = file_read(path, TLS_CERT_FILE_MAX, &text, &size, err);
    if (rc != 0)
        return rc;
    rc = tls_pem_certificates((const char *)text, size, out, err);
    if (rc != 0)
        (void)err_prefix(err, rc, "%s", path); /* rc is returned below */
    free(text);
    return rc;
}

/* NUL-terminated heap copy of what was written to a memory BIO. */
static int bio_text(BIO *bio, char **out)
{
    const char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    char *text = size < 0 ? NULL : malloc((size_t)size + 1);
    if (!text)
        return ERR_NO_MEMORY;
    memcpy(text, data, (size_t)size);
    text[size] = '\0';
    *out = text;
    return 0;
}

int tls_pem_write_certificates(const STACK_OF(X509) * certificates, char **out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int rc = bio ? 0 : ERR_NO_MEMORY;
    for (int i = 0; rc == 0 && i < sk_X509_num(certificates); i++)
        if (PEM_write_bio_X509(bio, sk_X509_value(certificates, i)) != 1)
            rc = ERR_NO_MEMORY;
    if (rc == 0)
        rc = bio_text(bio, out);
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

int tls_pem_write_certificate(const X509 *certificate, char **out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int rc = bio && PEM_write_bio_X509(bio, certificate) == 1 ? bio_text(bio, out) : ERR_NO_MEMORY;
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

int tls_key_create(EVP_PKEY **out, struct err_text *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (!key)
        return tls_error(err, ERR_NO_MEMORY, "new key");
    *out = key;
    return 0;
}

int tls_key_file_write(const char *path, const EVP_PKEY *key, struct err_text *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    const char *data = NULL;
    int rc;
    if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        rc = tls_error(err, ERR_NO_MEMORY, path);
        goto out;
    }
    long size = BIO_get_mem_data(bio, &data);
    rc = file_write_atomic(path, data, (size_t)size, 0600, err);
out:
    BIO_free(bio); /* wipes what it holds */
    return rc;
}

int tls_key_file_write_locked(const char *path, const EVP_PKEY *key, const char *passphrase,
                              struct err_text *err)
{
    BIO *bio = BIO_new(BIO_s_mem()); /* encrypted: nothing secret in it */
    const char *data = NULL;
    size_t length = strlen(passphrase);
    int rc;
    if (length == 0 || length > TLS_PASSPHRASE_MAX) {
        rc = err_set(err, ERR_INVALID, "%s: passphrase of %zu bytes, expected 1 to %d", path,
                     length, TLS_PASSPHRASE_MAX);
    } else if (!bio || key_pem_write_locked(bio, key, passphrase) != 0) {
        rc = tls_error(err, ERR_NO_MEMORY, path);
    } else {
        long size = BIO_get_mem_data(bio, &data);
        rc = file_write_atomic(path, data, (size_t)size, 0600, err);
    }
    BIO_free(bio);
    return rc;
}

int tls_key_file_check(const char *path, struct err_text *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_DENIED, "%s: not a regular file", path);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return err_set(err, ERR_DENIED, "%s: belongs to user %u, expected ours or root's", path,
                       st.st_uid);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return err_set(err, ERR_DENIED, "%s: mode %04o, expected 0600: a private key", path,
                       st.st_mode & 07777);
    return 0;
}

int tls_key_file_read_locked(const char *path, const char *passphrase, EVP_PKEY **out,
                             struct err_text *err)
{
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = tls_key_file_check(path, err);
    if (rc == 0)
        rc = file_read(path, TLS_CERT_FILE_MAX, &text, &size, err);
    if (rc != 0)
        return rc;
    rc = key_pem_read(text, size, passphrase, out);
    OPENSSL_cleanse(text, size);
    free(text);
    if (rc == ERR_DENIED)
        return err_set(err, rc, "%s: %s passphrase", path, passphrase ? "wrong" : "needs a");
    return rc == 0 ? 0 : tls_error(err, rc, path);
}

int tls_key_file_read(const char *path, EVP_PKEY **out, struct err_text *err)
{
    return tls_key_file_read_locked(path, NULL, out, err);
}
