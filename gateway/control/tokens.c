/* See tokens.h. */
#include "gateway/control/tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <string.h>

#include "gateway/base/encode.h"

enum { TOKEN_BYTES = 32 };

static bool digest_of(const char *text, uint8_t out[32])
{
    uint8_t bytes[TOKEN_BYTES];
    unsigned size;
    bool fits = hex_decode(text, bytes, sizeof bytes) == 0 &&
                EVP_Digest(bytes, sizeof bytes, out, &size, EVP_sha256(), NULL) == 1;
    explicit_bzero(bytes, sizeof bytes);
    return fits;
}

static bool is_free(const struct token *token, struct mono_time now)
{
    return token->officer[0] == '\0' || !mono_before(now, token->expires);
}

int tokens_issue(struct tokens *tokens, const char *officer, enum officer_role role, uid_t uid,
                 struct mono_time expires, struct mono_time now, char out[TOKEN_TEXT_SIZE])
{
    struct token *slot = NULL;
    for (int i = 0; i < TOKENS_MAX && !slot; i++)
        if (is_free(&tokens->slots[i], now))
            slot = &tokens->slots[i];
    if (!slot)
        return ERR_FULL;
    struct token token = {.role = role, .uid = uid, .expires = expires};
    uint8_t bytes[TOKEN_BYTES];
    char text[TOKEN_TEXT_SIZE];
    if (RAND_priv_bytes(bytes, sizeof bytes) != 1)
        return ERR_IO;
    hex_encode(bytes, sizeof bytes, text);
    explicit_bzero(bytes, sizeof bytes);
    if (strlen(officer) >= sizeof token.officer || !digest_of(text, token.digest))
        return ERR_INVALID;
    memcpy(token.officer, officer, strlen(officer) + 1);
    *slot = token;
    memcpy(out, text, sizeof text);
    explicit_bzero(text, sizeof text);
    return 0;
}

const struct token *tokens_find(const struct tokens *tokens, const char *text, uid_t uid,
                                struct mono_time now)
{
    uint8_t digest[32];
    if (!digest_of(text, digest))
        return NULL;
    for (int i = 0; i < TOKENS_MAX; i++) {
        const struct token *token = &tokens->slots[i];
        if (!is_free(token, now) && token->uid == uid &&
            CRYPTO_memcmp(token->digest, digest, sizeof digest) == 0)
            return token;
    }
    return NULL;
}

bool tokens_held(const struct tokens *tokens, const char *officer, uid_t uid, struct mono_time now)
{
    for (int i = 0; i < TOKENS_MAX; i++) {
        const struct token *token = &tokens->slots[i];
        if (!is_free(token, now) && token->uid == uid && strcmp(token->officer, officer) == 0)
            return true;
    }
    return false;
}

size_t tokens_on_shift(const struct tokens *tokens, struct mono_time now,
                       struct token_on_shift *out, size_t max)
{
    size_t count = 0;
    for (int i = 0; i < TOKENS_MAX && count < max; i++) {
        const struct token *token = &tokens->slots[i];
        if (is_free(token, now))
            continue;
        out[count] = (struct token_on_shift){.role = token->role};
        memcpy(out[count++].officer, token->officer, sizeof token->officer);
    }
    return count;
}

void tokens_revoke(struct tokens *tokens, const char *text)
{
    uint8_t digest[32];
    if (!digest_of(text, digest))
        return;
    for (int i = 0; i < TOKENS_MAX; i++)
        if (CRYPTO_memcmp(tokens->slots[i].digest, digest, sizeof digest) == 0)
            tokens->slots[i] = (struct token){0};
}

void tokens_revoke_officer(struct tokens *tokens, const char *officer)
{
    for (int i = 0; i < TOKENS_MAX; i++)
        if (strcmp(tokens->slots[i].officer, officer) == 0)
            tokens->slots[i] = (struct token){0};
}
