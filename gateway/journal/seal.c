/* See seal.h. */
#include "gateway/journal/seal.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"

static const char domain[] = "checkpoint:journal-seal/1\n";

int seal_key_public(const uint8_t private_key[SEAL_KEY_SIZE], uint8_t public_key[SEAL_KEY_SIZE])
{
    size_t size = SEAL_KEY_SIZE;
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, SEAL_KEY_SIZE);
    bool done = key && EVP_PKEY_get_raw_public_key(key, public_key, &size) == 1;
    EVP_PKEY_free(key);
    return done ? 0 : ERR_NO_MEMORY;
}

int seal_key_make(uint8_t private_key[SEAL_KEY_SIZE], uint8_t public_key[SEAL_KEY_SIZE])
{
    if (RAND_priv_bytes(private_key, SEAL_KEY_SIZE) != 1)
        return ERR_IO;
    return seal_key_public(private_key, public_key);
}

/* domain ‖ chain ‖ sequence (big-endian) ‖ hash ‖ next */
static size_t write_message(const struct seal *seal, const uint8_t chain[JOURNAL_CHAIN_ID_SIZE],
                            uint8_t out[SEAL_MESSAGE_SIZE])
{
    struct byte_writer w;
    byte_writer_init(&w, out, SEAL_MESSAGE_SIZE);
    byte_write_bytes(&w, domain, sizeof domain - 1);
    byte_write_bytes(&w, chain, JOURNAL_CHAIN_ID_SIZE);
    byte_write_be64(&w, seal->sequence);
    byte_write_bytes(&w, seal->hash, JOURNAL_HASH_SIZE);
    byte_write_bytes(&w, seal->next, SEAL_KEY_SIZE);
    return w.at;
}

int seal_sign(struct seal *seal, const uint8_t chain[JOURNAL_CHAIN_ID_SIZE],
              const uint8_t private_key[SEAL_KEY_SIZE])
{
    uint8_t message[SEAL_MESSAGE_SIZE];
    size_t size = write_message(seal, chain, message);
    size_t signature_size = SEAL_SIGNATURE_SIZE;
    int result = seal_key_public(private_key, seal->key);
    if (result != 0)
        return result;
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, SEAL_KEY_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = key && context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestSign(context, seal->signature, &signature_size, message, size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return done ? 0 : ERR_NO_MEMORY;
}

int seal_verify(const struct seal *seal, const uint8_t chain[JOURNAL_CHAIN_ID_SIZE])
{
    uint8_t message[SEAL_MESSAGE_SIZE];
    size_t size = write_message(seal, chain, message);
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, seal->key, SEAL_KEY_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ready = key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1;
    bool fits = ready &&
                EVP_DigestVerify(context, seal->signature, SEAL_SIGNATURE_SIZE, message, size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return fits ? 0 : ERR_CORRUPT;
}

int seal_body_write(const struct seal *seal, char **out, size_t *out_size)
{
    char hash[2 * JOURNAL_HASH_SIZE + 1];
    char key[2 * SEAL_KEY_SIZE + 1];
    char next[2 * SEAL_KEY_SIZE + 1];
    char signature[2 * SEAL_SIGNATURE_SIZE + 1];
    hex_encode(seal->hash, sizeof seal->hash, hash);
    hex_encode(seal->key, sizeof seal->key, key);
    hex_encode(seal->next, sizeof seal->next, next);
    hex_encode(seal->signature, sizeof seal->signature, signature);
    json_t *body = json_pack("{s:s,s:I,s:s,s:s,s:s,s:s}", "algorithm", "ed25519", "sequence",
                             (json_int_t)seal->sequence, "hash", hash, "key", key, "next_key", next,
                             "signature", signature);
    int result = body ? json_canonical(body, out, out_size) : ERR_NO_MEMORY;
    json_decref(body);
    return result;
}

int seal_body_read(const char *body, size_t size, struct seal *out, struct err_text *err)
{
    json_t *root;
    json_error_t why;
    const char *algorithm, *hash, *key, *next, *signature;
    json_int_t sequence;
    struct seal seal = {0};
    int result = json_parse(body, size, &root, err);
    if (result != 0)
        return result;
    if (json_unpack_ex(root, &why, JSON_STRICT, "{s:s,s:I,s:s,s:s,s:s,s:s}", "algorithm",
                       &algorithm, "sequence", &sequence, "hash", &hash, "key", &key, "next_key",
                       &next, "signature", &signature) != 0)
        result = err_set(err, ERR_INVALID, "seal: %s", why.text);
    else if (strcmp(algorithm, "ed25519") != 0)
        result =
            err_set(err, ERR_UNSUPPORTED, "seal algorithm '%.20s': expected ed25519", algorithm);
    else if (sequence < 0 || hex_decode(hash, seal.hash, sizeof seal.hash) != 0 ||
             hex_decode(key, seal.key, sizeof seal.key) != 0 ||
             hex_decode(next, seal.next, sizeof seal.next) != 0 ||
             hex_decode(signature, seal.signature, sizeof seal.signature) != 0)
        result = err_set(err, ERR_INVALID, "seal: a value out of range");
    json_decref(root);
    if (result != 0)
        return result;
    seal.sequence = (uint64_t)sequence;
    *out = seal;
    return 0;
}
