/*
 * Ed25519 through OpenSSL's EVP. A private key lives in one EVP_PKEY; OpenSSL wipes it on free.
 */
#include "gateway/signed/sign_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/key_pem.h"

_Static_assert((int)PASSPHRASE_MAX == (int)KEY_PASSPHRASE_MAX, "one limit, whoever wrote the key");

struct sign_key {
    EVP_PKEY *pkey;
    enum key_alg alg;
    uint8_t public_key[PUBLIC_KEY_SIZE];
    uint8_t id[KEY_ID_SIZE];
};

static const char hash_prefix[] = "sha256:";

const char *key_alg_name(enum key_alg alg)
{
    switch (alg) {
    case KEY_ALG_ED25519:
        return "ed25519";
    case KEY_ALG_X25519:
        return "x25519";
    case KEY_ALG_SM2_SM3:
        return "sm2-sm3";
    }
    return NULL;
}

int key_alg_parse(const char *name, enum key_alg *out)
{
    for (enum key_alg alg = KEY_ALG_ED25519; alg <= KEY_ALG_SM2_SM3; alg++) {
        if (strcmp(name, key_alg_name(alg)) == 0) {
            if (alg == KEY_ALG_SM2_SM3) {
                return ERR_UNSUPPORTED;
            }
            *out = alg;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

int hash_bytes(const void *data, size_t size, uint8_t out[HASH_SIZE])
{
    return EVP_Digest(data, size, out, NULL, EVP_sha256(), NULL) == 1 ? ERR_OK : ERR_NO_MEMORY;
}

void hash_format(const uint8_t hash[HASH_SIZE], char out[HASH_TEXT_SIZE])
{
    memcpy(out, hash_prefix, sizeof(hash_prefix));
    hex_encode(hash, HASH_SIZE, out + sizeof(hash_prefix) - 1);
}

int hash_parse(const char *text, uint8_t out[HASH_SIZE])
{
    size_t prefix = sizeof(hash_prefix) - 1;
    const char *colon = strchr(text, ':');
    if (colon && strncmp(text, hash_prefix, prefix) != 0) {
        return ERR_UNSUPPORTED;
    }
    if (!colon) {
        return ERR_INVALID;
    }
    for (const char *c = text + prefix; *c; c++) {
        if (*c >= 'A' && *c <= 'F') {
            return ERR_INVALID; /* one spelling only */
        }
    }
    return hex_decode(text + prefix, out, HASH_SIZE);
}

static int evp_type(enum key_alg alg)
{
    return alg == KEY_ALG_X25519 ? EVP_PKEY_X25519 : EVP_PKEY_ED25519;
}

static EVP_PKEY *public_pkey(enum key_alg alg, const uint8_t public_key[PUBLIC_KEY_SIZE])
{
    if (alg != KEY_ALG_ED25519 && alg != KEY_ALG_X25519) {
        return NULL;
    }
    return EVP_PKEY_new_raw_public_key(evp_type(alg), NULL, public_key, PUBLIC_KEY_SIZE);
}

int public_key_id(enum key_alg alg, const uint8_t public_key[PUBLIC_KEY_SIZE],
                  uint8_t out[KEY_ID_SIZE])
{
    EVP_PKEY *pkey = public_pkey(alg, public_key);
    uint8_t *der = NULL;
    int size = pkey ? i2d_PUBKEY(pkey, &der) : -1;
    int result = size > 0 ? hash_bytes(der, (size_t)size, out) : ERR_INVALID;
    OPENSSL_free(der);
    EVP_PKEY_free(pkey);
    return result;
}

static int key_alg_of(const EVP_PKEY *pkey, enum key_alg *out)
{
    int type = EVP_PKEY_get_base_id(pkey);
    if (type != EVP_PKEY_ED25519 && type != EVP_PKEY_X25519) {
        return ERR_UNSUPPORTED;
    }
    *out = type == EVP_PKEY_ED25519 ? KEY_ALG_ED25519 : KEY_ALG_X25519;
    return ERR_OK;
}

static int raw_public(const EVP_PKEY *pkey, enum key_alg *out_alg, uint8_t out[PUBLIC_KEY_SIZE])
{
    uint8_t raw[PUBLIC_KEY_SIZE];
    size_t size = sizeof(raw);
    enum key_alg alg = KEY_ALG_ED25519;
    int result = key_alg_of(pkey, &alg);
    if (result < 0) {
        return result;
    }
    if (EVP_PKEY_get_raw_public_key(pkey, raw, &size) != 1 || size != sizeof(raw)) {
        return ERR_INVALID;
    }
    *out_alg = alg;
    memcpy(out, raw, sizeof(raw));
    return ERR_OK;
}

static BIO *memory_bio(const char *pem, size_t size)
{
    return size <= INT32_MAX ? BIO_new_mem_buf(pem, (int)size) : NULL;
}

int public_key_from_pem(const char *pem, size_t size, enum key_alg *out_alg,
                        uint8_t out[PUBLIC_KEY_SIZE])
{
    BIO *bio = memory_bio(pem, size);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    int result = pkey ? raw_public(pkey, out_alg, out) : ERR_INVALID;
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    ERR_clear_error();
    return result;
}

/* Copies what a memory BIO holds to a fresh NUL-terminated string. */
static int bio_text(BIO *bio, char **out, size_t *out_size)
{
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    char *text = size > 0 ? malloc((size_t)size + 1) : NULL;
    if (!text) {
        return ERR_NO_MEMORY;
    }
    memcpy(text, data, (size_t)size);
    text[size] = '\0';
    *out = text;
    *out_size = (size_t)size;
    return ERR_OK;
}

int public_key_to_pem(enum key_alg alg, const uint8_t public_key[PUBLIC_KEY_SIZE], char **out)
{
    size_t size = 0;
    EVP_PKEY *pkey = public_pkey(alg, public_key);
    BIO *bio = BIO_new(BIO_s_mem());
    int result = ERR_NO_MEMORY;
    if (pkey && bio && PEM_write_bio_PUBKEY(bio, pkey) == 1) {
        result = bio_text(bio, out, &size);
    }
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return result;
}

int signature_check(const uint8_t public_key[PUBLIC_KEY_SIZE], const void *data, size_t size,
                    const uint8_t signature[SIGNATURE_SIZE])
{
    EVP_PKEY *pkey = public_pkey(KEY_ALG_ED25519, public_key);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
                EVP_DigestVerify(ctx, signature, SIGNATURE_SIZE, data, size) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return good ? ERR_OK : ERR_CORRUPT;
}

/* Takes over `pkey`, also on failure. */
static int sign_key_wrap(EVP_PKEY *pkey, struct sign_key **out)
{
    struct sign_key *key = calloc(1, sizeof(*key));
    int result = key ? raw_public(pkey, &key->alg, key->public_key) : ERR_NO_MEMORY;
    if (result == ERR_OK) {
        result = public_key_id(key->alg, key->public_key, key->id);
    }
    if (result < 0) {
        free(key);
        EVP_PKEY_free(pkey);
        return result;
    }
    key->pkey = pkey;
    *out = key;
    return ERR_OK;
}

int sign_key_create(enum key_alg alg, struct sign_key **out)
{
    if (alg != KEY_ALG_ED25519 && alg != KEY_ALG_X25519) {
        return ERR_UNSUPPORTED;
    }
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(evp_type(alg), NULL);
    bool good = ctx && EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_keygen(ctx, &pkey) == 1;
    EVP_PKEY_CTX_free(ctx);
    return good ? sign_key_wrap(pkey, out) : ERR_NO_MEMORY;
}

int sign_key_from_pem(const char *pem, size_t size, const char *passphrase, struct sign_key **out)
{
    EVP_PKEY *pkey = NULL;
    int result = key_pem_read(pem, size, passphrase, &pkey);
    ERR_clear_error();
    return result == 0 ? sign_key_wrap(pkey, out) : result;
}

int sign_key_to_pem(const struct sign_key *key, const char *passphrase, char **out,
                    size_t *out_size)
{
    size_t length = passphrase ? strlen(passphrase) : 0;
    if (passphrase && (length == 0 || length > PASSPHRASE_MAX)) {
        return ERR_INVALID;
    }
    BIO *bio = BIO_new(BIO_s_secmem());
    int result = ERR_NO_MEMORY;
    if (bio && passphrase) {
        result = key_pem_write_locked(bio, key->pkey, passphrase);
    } else if (bio && PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL)) {
        result = ERR_OK;
    }
    if (result == ERR_OK) {
        result = bio_text(bio, out, out_size);
    }
    BIO_free(bio);
    ERR_clear_error();
    return result;
}

void sign_key_free(struct sign_key *key)
{
    if (!key) {
        return;
    }
    EVP_PKEY_free(key->pkey);
    free(key);
}

enum key_alg sign_key_alg(const struct sign_key *key)
{
    return key->alg;
}

const uint8_t *sign_key_id(const struct sign_key *key)
{
    return key->id;
}

const uint8_t *sign_key_public(const struct sign_key *key)
{
    return key->public_key;
}

int sign_key_sign(const struct sign_key *key, const void *data, size_t size,
                  uint8_t out[SIGNATURE_SIZE])
{
    if (key->alg != KEY_ALG_ED25519) {
        return ERR_UNSUPPORTED;
    }
    size_t signature_size = SIGNATURE_SIZE;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
                EVP_DigestSign(ctx, out, &signature_size, data, size) == 1 &&
                signature_size == SIGNATURE_SIZE;
    EVP_MD_CTX_free(ctx);
    return good ? ERR_OK : ERR_NO_MEMORY;
}

int sign_key_agree(const struct sign_key *key, const uint8_t peer[PUBLIC_KEY_SIZE],
                   uint8_t out[PUBLIC_KEY_SIZE])
{
    if (key->alg != KEY_ALG_X25519) {
        return ERR_UNSUPPORTED;
    }
    size_t size = PUBLIC_KEY_SIZE;
    EVP_PKEY *other = public_pkey(KEY_ALG_X25519, peer);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
    bool good = other && ctx && EVP_PKEY_derive_init(ctx) == 1 &&
                EVP_PKEY_derive_set_peer(ctx, other) == 1 &&
                EVP_PKEY_derive(ctx, out, &size) == 1 && size == PUBLIC_KEY_SIZE;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(other);
    ERR_clear_error();
    return good ? ERR_OK : ERR_INVALID;
}
