/* See letter.h. No state. */
#include "gateway/tls/letter.h"

#include <limits.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/tls/pem.h"

static const unsigned flags = CMS_BINARY; /* bytes as they are */

/* Heap, NUL behind it. */
static int take_bytes(BIO *from, uint8_t **out, size_t *out_size)
{
    char *bytes = NULL;
    long size = BIO_get_mem_data(from, &bytes);
    uint8_t *copy = size >= 0 ? malloc((size_t)size + 1) : NULL;
    if (!copy)
        return ERR_NO_MEMORY;
    if (size > 0)
        memcpy(copy, bytes, (size_t)size);
    copy[size] = '\0';
    *out = copy;
    *out_size = (size_t)size;
    return 0;
}

int tls_letter_write(X509 *to, const void *data, size_t size, uint8_t **out, size_t *out_size,
                     struct err_text *err)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    BIO *in = size <= INT_MAX ? BIO_new_mem_buf(data, (int)size) : NULL;
    BIO *written = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = NULL;
    int rc =
        certificates && in && written && sk_X509_push(certificates, to) > 0 ? 0 : ERR_NO_MEMORY;
    if (rc == 0) {
        cms = CMS_encrypt(certificates, in, EVP_aes_256_gcm(), flags);
        rc = cms && i2d_CMS_bio(written, cms) == 1
                 ? take_bytes(written, out, out_size)
                 : tls_error(err, ERR_UNSUPPORTED, "writing to the certificate's key");
    }
    CMS_ContentInfo_free(cms);
    BIO_free(written);
    BIO_free(in);
    sk_X509_free(certificates);
    return rc;
}

int tls_letter_read(EVP_PKEY *key, X509 *own, const void *letter, size_t size, uint8_t **out,
                    size_t *out_size, struct err_text *err)
{
    BIO *in = size <= INT_MAX ? BIO_new_mem_buf(letter, (int)size) : NULL;
    BIO *opened = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = NULL;
    int rc = in && opened ? 0 : ERR_NO_MEMORY;
    if (rc == 0) {
        cms = d2i_CMS_bio(in, NULL);
        rc = cms ? 0 : tls_error(err, ERR_INVALID, "sealed file");
    }
    if (rc == 0)
        rc = CMS_decrypt(cms, key, own, NULL, opened, flags) == 1
                 ? take_bytes(opened, out, out_size)
                 : tls_error(err, ERR_DENIED, "not to this certificate, or altered");
    CMS_ContentInfo_free(cms);
    BIO_free(opened);
    BIO_free(in);
    ERR_clear_error();
    return rc;
}
