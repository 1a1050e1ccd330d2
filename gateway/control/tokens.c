/* See tokens.h. */
#include "gateway/control/tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "gateway/base/encode.h"

enum { TOKEN_BYTES = 32 };

static bool digest_of(const char *text, uint8_t out[TOKEN_DIGEST_SIZE])
{
    uint8_t bytes[TOKEN_BYTES];
    unsigned size;
    bool fits = hex_decode(text, bytes, sizeof bytes) == 0 &&
                EVP_Digest(bytes, sizeof bytes, out, &size, EVP_sha256(), NULL) == 1;
    explicit_bzero(bytes, sizeof bytes);
    return fits;
}

enum token_state tokens_state(const struct tokens *tokens, const struct token *token,
                              struct mono_time now)
{
    if (token->id == 0)
        return TOKEN_FREE;
    if (!mono_before(now, token->expires))
        return TOKEN_EXPIRED;
    bool idle = tokens->idle_ms > 0 && !mono_before(now, mono_add_ms(token->used, tokens->idle_ms));
    return idle ? TOKEN_IDLE : TOKEN_GOOD;
}

/* A place for the officer's next token: a free one, or, once they have too many, their own that
 * was not used for longest. */
static struct token *place_for(struct tokens *tokens, const char *officer, struct mono_time now)
{
    struct token *slot = NULL;
    struct token *oldest = NULL;
    int own = 0;
    for (int i = 0; i < TOKENS_MAX; i++) {
        struct token *token = &tokens->slots[i];
        if (tokens_state(tokens, token, now) != TOKEN_GOOD) {
            slot = slot ? slot : token;
        } else if (strcmp(token->holder.officer, officer) == 0) {
            own++;
            oldest = !oldest || mono_before(token->used, oldest->used) ? token : oldest;
        }
    }
    return own >= TOKENS_OF_ONE_MAX ? oldest : slot;
}

int tokens_issue(struct tokens *tokens, const struct token_holder *holder, struct mono_time expires,
                 struct mono_time now, char out[TOKEN_TEXT_SIZE], struct token *out_replaced)
{
    struct token *slot = place_for(tokens, holder->officer, now);
    struct token token = {.holder = *holder, .expires = expires, .used = now};
    uint8_t bytes[TOKEN_BYTES];
    char text[TOKEN_TEXT_SIZE];
    if (!slot)
        return ERR_FULL;
    if (RAND_priv_bytes(bytes, sizeof bytes) != 1)
        return ERR_IO;
    hex_encode(bytes, sizeof bytes, text);
    explicit_bzero(bytes, sizeof bytes);
    if (!digest_of(text, token.digest))
        return ERR_IO;
    token.id = ++tokens->last_id;
    *out_replaced = *slot;
    *slot = token;
    memcpy(out, text, sizeof text);
    explicit_bzero(text, sizeof text);
    return 0;
}

struct token *tokens_find(struct tokens *tokens, const char *text, uid_t uid, const char *tablet,
                          struct mono_time now, bool *out_elsewhere)
{
    uint8_t digest[TOKEN_DIGEST_SIZE];
    if (!digest_of(text, digest))
        return NULL;
    for (int i = 0; i < TOKENS_MAX; i++) {
        struct token *token = &tokens->slots[i];
        if (tokens_state(tokens, token, now) != TOKEN_GOOD ||
            CRYPTO_memcmp(token->digest, digest, sizeof digest) != 0)
            continue;
        if (token->holder.uid == uid && strcmp(token->holder.tablet, tablet) == 0)
            return token;
        if (out_elsewhere)
            *out_elsewhere = true;
    }
    return NULL;
}

struct token *tokens_by_id(struct tokens *tokens, uint64_t id, struct mono_time now)
{
    for (int i = 0; id != 0 && i < TOKENS_MAX; i++)
        if (tokens->slots[i].id == id)
            return tokens_state(tokens, &tokens->slots[i], now) == TOKEN_GOOD ? &tokens->slots[i]
                                                                              : NULL;
    return NULL;
}

size_t tokens_on_shift(const struct tokens *tokens, struct mono_time now,
                       struct token_on_shift *out, size_t max)
{
    size_t count = 0;
    for (int i = 0; i < TOKENS_MAX && count < max; i++) {
        const struct token *token = &tokens->slots[i];
        if (tokens_state(tokens, token, now) != TOKEN_GOOD)
            continue;
        out[count] = (struct token_on_shift){.role = token->holder.role};
        memcpy(out[count].officer, token->holder.officer, sizeof token->holder.officer);
        memcpy(out[count++].tablet, token->holder.tablet, sizeof token->holder.tablet);
    }
    return count;
}
