/*
 * See observe.h. X25519 with a key of its own for each body, HKDF-SHA256, AES-256-GCM; all of them
 * OpenSSL's.
 */
#include "gateway/signed/observe.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "gateway/base/bytes.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"

enum { VERSION = 1, AES_KEY_SIZE = 32, NONCE_SIZE = 12, CONTEXT_SIZE = 21 + OBSERVE_BOX_MAX };

static const char algorithm[] = "x25519-hkdf-sha256-aes256gcm";
static const char purpose[] = "checkpoint:observe/1\n";

/* ---- the batch in bytes ---- */

static void write_hit(struct byte_writer *w, const struct observe_hit *hit)
{
    static const uint8_t zeros[4] = {0};
    byte_write_be64(w, hit->entry);
    byte_write_be64(w, hit->revision);
    byte_write_be64(w, (uint64_t)hit->first.ms);
    byte_write_be64(w, (uint64_t)hit->last.ms);
    byte_write_be64(w, hit->read_key);
    byte_write_be64(w, hit->event_id);
    byte_write_be16(w, hit->camera);
    byte_write_u8(w, hit->lane);
    byte_write_u8(w, (uint8_t)hit->kind);
    byte_write_be16(w, hit->class);
    byte_write_u8(w, (uint8_t)hit->agreement);
    byte_write_u8(w, (uint8_t)hit->authenticity);
    byte_write_u8(w, hit->confidence);
    byte_write_u8(w, hit->direction);
    byte_write_be16(w, hit->speed_kmh);
    byte_write_be16(w, (uint16_t)hit->odds_db);
    byte_write_be16(w, hit->differs);
    byte_write_be16(w, hit->reads);
    byte_write_u8(w, hit->colour);
    byte_write_u8(w, hit->flags);
    byte_write_bytes(w, zeros, sizeof(zeros));
}

static void write_batch(const struct observe_batch *batch, uint8_t out[OBSERVE_PLAIN_SIZE])
{
    struct byte_writer w;
    memset(out, 0, OBSERVE_PLAIN_SIZE);
    byte_writer_init(&w, out, OBSERVE_PLAIN_SIZE);
    byte_write_u8(&w, VERSION);
    byte_write_u8(&w, batch->count);
    byte_write_be16(&w, batch->lost);
    byte_write_be32(&w, 0);
    byte_write_be64(&w, (uint64_t)batch->from.ms);
    for (int i = 0; i < batch->count && i < OBSERVE_HITS_MAX; i++)
        write_hit(&w, &batch->hits[i]);
}

static void read_hit(struct byte_reader *r, struct observe_hit *hit)
{
    hit->entry = byte_read_be64(r);
    hit->revision = byte_read_be64(r);
    hit->first.ms = (int64_t)byte_read_be64(r);
    hit->last.ms = (int64_t)byte_read_be64(r);
    hit->read_key = byte_read_be64(r);
    hit->event_id = byte_read_be64(r);
    hit->camera = byte_read_be16(r);
    hit->lane = byte_read_u8(r);
    hit->kind = (enum match_kind)byte_read_u8(r);
    hit->class = byte_read_be16(r);
    hit->agreement = (enum class_agreement)byte_read_u8(r);
    hit->authenticity = (enum read_authenticity)byte_read_u8(r);
    hit->confidence = byte_read_u8(r);
    hit->direction = byte_read_u8(r);
    hit->speed_kmh = byte_read_be16(r);
    hit->odds_db = (int16_t)byte_read_be16(r);
    hit->differs = byte_read_be16(r);
    hit->reads = byte_read_be16(r);
    hit->colour = byte_read_u8(r);
    hit->flags = byte_read_u8(r);
    (void)byte_read_be32(r); /* for later use */
}

static int read_batch(const uint8_t plain[OBSERVE_PLAIN_SIZE], struct observe_batch *out,
                      struct err_text *err)
{
    struct byte_reader r;
    struct observe_batch batch = {0};
    byte_reader_init(&r, plain, OBSERVE_PLAIN_SIZE);
    uint8_t version = byte_read_u8(&r);
    if (version != VERSION)
        return err_set(err, ERR_UNSUPPORTED, "observe batch: version = '%u', expected %d", version,
                       VERSION);
    batch.count = byte_read_u8(&r);
    batch.lost = byte_read_be16(&r);
    (void)byte_read_be32(&r); /* for later use */
    batch.from.ms = (int64_t)byte_read_be64(&r);
    if (batch.count > OBSERVE_HITS_MAX)
        return err_set(err, ERR_INVALID, "observe batch: count = '%u', expected at most %d",
                       batch.count, OBSERVE_HITS_MAX);
    for (int i = 0; i < batch.count; i++) {
        char text[PLATE_TEXT_SIZE];
        read_hit(&r, &batch.hits[i]);
        if (!match_kind_name(batch.hits[i].kind) || plate_decode(batch.hits[i].read_key, text) != 0)
            return err_set(err, ERR_INVALID, "observe batch: hits[%d]: no kind or no plate", i);
    }
    *out = batch;
    return 0;
}

/* ---- key and cipher ---- */

struct derived {
    uint8_t key[AES_KEY_SIZE];
    uint8_t nonce[NONCE_SIZE];
};

/* The ephemeral public key is new with each body, so key and nonce are never used twice. */
static int derive(const uint8_t shared[PUBLIC_KEY_SIZE], const uint8_t ephemeral[PUBLIC_KEY_SIZE],
                  const uint8_t recipient[PUBLIC_KEY_SIZE], struct derived *out)
{
    uint8_t salt[2 * PUBLIC_KEY_SIZE];
    memcpy(salt, ephemeral, PUBLIC_KEY_SIZE);
    memcpy(salt + PUBLIC_KEY_SIZE, recipient, PUBLIC_KEY_SIZE);
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)shared,
                                          PUBLIC_KEY_SIZE),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, sizeof(salt)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)purpose,
                                          sizeof(purpose) - 1),
        OSSL_PARAM_construct_end()};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    bool good = ctx && EVP_KDF_derive(ctx, (uint8_t *)out, sizeof(*out), parameters) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return good ? 0 : ERR_NO_MEMORY;
}

_Static_assert(sizeof(struct derived) == AES_KEY_SIZE + NONCE_SIZE, "derived in one piece");

/* What is authenticated besides: a body cannot be handed on as another checkpoint's. */
static int context_of(const char *checkpoint, char out[CONTEXT_SIZE + 1])
{
    if (strlen(checkpoint) > OBSERVE_BOX_MAX)
        return ERR_INVALID;
    return snprintf(out, CONTEXT_SIZE + 1, "%s%s", purpose, checkpoint);
}

/* Both ways: `out` has as many bytes as `data`, OBSERVE_PLAIN_SIZE. */
static int run_cipher(bool sealing, const struct derived *d, const char *checkpoint,
                      const uint8_t *data, uint8_t tag[OBSERVE_TAG_SIZE], uint8_t *out)
{
    char context[CONTEXT_SIZE + 1];
    int context_size = context_of(checkpoint, context);
    int size = 0;
    EVP_CIPHER_CTX *ctx = context_size > 0 ? EVP_CIPHER_CTX_new() : NULL;
    bool good =
        ctx && EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), d->key, d->nonce, sealing, NULL) == 1 &&
        (sealing || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, OBSERVE_TAG_SIZE, tag) == 1) &&
        EVP_CipherUpdate(ctx, NULL, &size, (const uint8_t *)context, context_size) == 1 &&
        EVP_CipherUpdate(ctx, out, &size, data, OBSERVE_PLAIN_SIZE) == 1 &&
        size == OBSERVE_PLAIN_SIZE && EVP_CipherFinal_ex(ctx, out + size, &size) == 1 &&
        (!sealing || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, OBSERVE_TAG_SIZE, tag) == 1);
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    return good ? 0 : ERR_CORRUPT;
}

/* ---- the body ---- */

static int write_body(const uint8_t key_id[KEY_ID_SIZE], const uint8_t sealed[OBSERVE_SEALED_SIZE],
                      char out[OBSERVE_BODY_MAX])
{
    char id[HASH_TEXT_SIZE];
    char *text = base64_encode(sealed, OBSERVE_SEALED_SIZE);
    if (!text)
        return ERR_NO_MEMORY;
    hash_format(key_id, id);
    int size = snprintf(out, OBSERVE_BODY_MAX, "{\"alg\":\"%s\",\"key\":\"%s\",\"sealed\":\"%s\"}",
                        algorithm, id, text);
    free(text);
    return size < OBSERVE_BODY_MAX ? 0 : ERR_TOO_LARGE;
}

int observe_seal(const struct observe_batch *batch, const char *checkpoint,
                 const uint8_t key_id[KEY_ID_SIZE], const uint8_t public_key[PUBLIC_KEY_SIZE],
                 const struct sign_key *ephemeral, char out[OBSERVE_BODY_MAX])
{
    uint8_t plain[OBSERVE_PLAIN_SIZE];
    uint8_t sealed[OBSERVE_SEALED_SIZE];
    uint8_t shared[PUBLIC_KEY_SIZE];
    struct derived d = {{0}, {0}};
    struct sign_key *made = NULL;
    int result = ephemeral ? 0 : sign_key_create(KEY_ALG_X25519, &made);
    const struct sign_key *own = ephemeral ? ephemeral : made;
    write_batch(batch, plain);
    if (result == 0)
        result = sign_key_agree(own, public_key, shared);
    if (result == 0) {
        memcpy(sealed, sign_key_public(own), PUBLIC_KEY_SIZE);
        result = derive(shared, sealed, public_key, &d);
    }
    if (result == 0)
        result =
            run_cipher(true, &d, checkpoint, plain, sealed + PUBLIC_KEY_SIZE + OBSERVE_PLAIN_SIZE,
                       sealed + PUBLIC_KEY_SIZE);
    if (result == 0)
        result = write_body(key_id, sealed, out);
    sign_key_free(made);
    explicit_bzero(&d, sizeof(d));
    explicit_bzero(shared, sizeof(shared));
    explicit_bzero(plain, sizeof(plain));
    return result;
}

int observe_seal_nothing(char out[OBSERVE_BODY_MAX])
{
    static const uint8_t no_key[KEY_ID_SIZE] = {0};
    uint8_t sealed[OBSERVE_SEALED_SIZE];
    for (size_t at = 0; at < sizeof(sealed);) {
        ssize_t got = getrandom(sealed + at, sizeof(sealed) - at, 0);
        if (got <= 0)
            return ERR_IO;
        at += (size_t)got;
    }
    return write_body(no_key, sealed, out);
}

struct parts {
    uint8_t key_id[KEY_ID_SIZE];
    uint8_t sealed[OBSERVE_SEALED_SIZE];
};

static int read_parts(const json_t *object, struct parts *out, struct err_text *err)
{
    const char *alg = json_string_value(json_object_get(object, "alg"));
    const char *key = json_string_value(json_object_get(object, "key"));
    const char *sealed = json_string_value(json_object_get(object, "sealed"));
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!alg || !key || !sealed || json_object_size(object) != 3)
        return err_set(err, ERR_INVALID, "observe body: expected alg, key and sealed");
    if (strcmp(alg, algorithm) != 0)
        return err_set(err, ERR_UNSUPPORTED, "observe body: alg = '%.40s', expected %s", alg,
                       algorithm);
    if (hash_parse(key, out->key_id) != 0 || base64_decode(sealed, &bytes, &size) != 0)
        return err_set(err, ERR_INVALID, "observe body: key or sealed is not readable");
    bool whole = size == OBSERVE_SEALED_SIZE;
    if (whole)
        memcpy(out->sealed, bytes, OBSERVE_SEALED_SIZE);
    free(bytes);
    return whole ? 0
                 : err_set(err, ERR_INVALID, "observe body: %zu bytes sealed, expected %d", size,
                           OBSERVE_SEALED_SIZE);
}

static int parse_body(const char *body, size_t size, struct parts *out, struct err_text *err)
{
    json_t *object = NULL;
    int result = json_parse(body, size, &object, err);
    if (result == 0)
        result = read_parts(object, out, err);
    json_decref(object);
    return result;
}

int observe_key_of(const char *body, size_t size, uint8_t out[KEY_ID_SIZE], struct err_text *err)
{
    struct parts parts;
    int result = parse_body(body, size, &parts, err);
    if (result == 0)
        memcpy(out, parts.key_id, KEY_ID_SIZE);
    return result;
}

int observe_open(const char *body, size_t size, const char *checkpoint, const struct sign_key *key,
                 struct observe_batch *out, struct err_text *err)
{
    struct parts parts;
    struct derived d = {{0}, {0}};
    uint8_t shared[PUBLIC_KEY_SIZE];
    uint8_t plain[OBSERVE_PLAIN_SIZE];
    int result = parse_body(body, size, &parts, err);
    if (result != 0)
        return result;
    if (memcmp(parts.key_id, sign_key_id(key), KEY_ID_SIZE) != 0)
        return err_set(err, ERR_DENIED, "observe body: sealed to another key");
    result = sign_key_agree(key, parts.sealed, shared);
    if (result == 0)
        result = derive(shared, parts.sealed, sign_key_public(key), &d);
    if (result == 0)
        result = run_cipher(false, &d, checkpoint, parts.sealed + PUBLIC_KEY_SIZE,
                            parts.sealed + PUBLIC_KEY_SIZE + OBSERVE_PLAIN_SIZE, plain);
    if (result == 0)
        result = read_batch(plain, out, err);
    else
        err_set(err, result, "observe body: not what was sealed, or of another checkpoint");
    explicit_bzero(&d, sizeof(d));
    explicit_bzero(shared, sizeof(shared));
    explicit_bzero(plain, sizeof(plain));
    return result;
}
