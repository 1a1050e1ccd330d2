/*
 * See key_pem.h. Through OpenSSL's EVP and PKCS#8.
 */
#include "gateway/base/key_pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { SCRYPT_N = 16384, SCRYPT_R = 8, SCRYPT_P = 1, SALT_SIZE = 16, AES_IV_SIZE = 16 };

struct passphrase {
    const char *text; /* NULL: none given */
    bool asked;
};

static int give_passphrase(char *buffer, int size, int writing, void *ctx)
{
    struct passphrase *passphrase = ctx;
    size_t length = passphrase->text ? strlen(passphrase->text) : 0;
    (void)writing; /* reading only */
    passphrase->asked = true;
    if (length == 0 || length > (size_t)size) {
        return -1;
    }
    memcpy(buffer, passphrase->text, length);
    return (int)length;
}

int key_pem_read(const void *pem, size_t size, const char *passphrase, EVP_PKEY **out)
{
    struct passphrase ask = {.text = passphrase};
    BIO *bio = size <= INT32_MAX ? BIO_new_mem_buf(pem, (int)size) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &ask) : NULL;
    BIO_free(bio);
    if (!key && !ask.asked) {
        return ERR_INVALID;
    }
    ERR_clear_error();
    if (!key) {
        return ERR_DENIED;
    }
    *out = key;
    return 0;
}

/* EVP_PKEY2PKCS8 copies the key, so that it is wiped with `info`. */
int key_pem_write_locked(BIO *bio, const EVP_PKEY *key, const char *passphrase)
{
    uint8_t salt[SALT_SIZE];
    uint8_t iv[AES_IV_SIZE];
    X509_ALGOR *scheme = NULL;
    X509_SIG *sealed = NULL;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    if (info && RAND_bytes(salt, sizeof(salt)) == 1 && RAND_bytes(iv, sizeof(iv)) == 1) {
        scheme = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt, sizeof(salt), iv, SCRYPT_N,
                                       SCRYPT_R, SCRYPT_P);
    }
    if (scheme) {
        sealed = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), info, scheme);
    }
    if (!sealed) {
        X509_ALGOR_free(scheme); /* otherwise `sealed` owns it */
    }
    bool written = sealed && PEM_write_bio_PKCS8(bio, sealed) == 1;
    X509_SIG_free(sealed);
    PKCS8_PRIV_KEY_INFO_free(info);
    return written ? 0 : ERR_NO_MEMORY;
}
