/*
 * Officers' tokens: 256 random bits given out once, kept as their SHA-256, bound to the user that
 * signed on, ended by time, by logout or with the account. In memory only: after a restart officers
 * sign on again. Owned by one thread, no clock of its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/base/clock.h"
#include "gateway/control/accounts.h"

enum {
    TOKENS_MAX = 64,
    TOKEN_TABLET_SIZE = 32,
    TOKEN_TEXT_SIZE = 65,            /* 64 hex digits and a NUL */
    TOKEN_LIFE_DEFAULT_S = 12 * 3600 /* one shift */
};

struct token {
    uint8_t digest[32];
    char officer[OFFICER_NAME_MAX + 1]; /* "" = free */
    enum officer_role role;
    uid_t uid;
    struct mono_time expires;
};

struct tokens {
    struct token slots[TOKENS_MAX];
};

struct token_on_shift {
    char officer[OFFICER_NAME_MAX + 1];
    enum officer_role role;
    char tablet[TOKEN_TABLET_SIZE]; /* "" = none */
};

/* Makes a token; its text stands in `out` and nowhere else. ERR_FULL, ERR_IO (no random bytes). */
int tokens_issue(struct tokens *tokens, const char *officer, enum officer_role role, uid_t uid,
                 struct mono_time expires, struct mono_time now,
                 char out[TOKEN_TEXT_SIZE]) MUST_CHECK;
/* The token, if it is valid now and was given to this user; otherwise NULL. */
const struct token *tokens_find(const struct tokens *tokens, const char *text, uid_t uid,
                                struct mono_time now);
/* Whether this user still has a token of the officer. */
bool tokens_held(const struct tokens *tokens, const char *officer, uid_t uid, struct mono_time now);
/* Who holds a valid token, one row each; at most `max`. Returns how many. */
size_t tokens_on_shift(const struct tokens *tokens, struct mono_time now,
                       struct token_on_shift *out, size_t max);
void tokens_revoke(struct tokens *tokens, const char *text);
void tokens_revoke_officer(struct tokens *tokens, const char *officer);
