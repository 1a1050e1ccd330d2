/*
 * Officers' tokens: 256 random bits given out once, kept as their SHA-256, bound to the user and
 * the tablet that signed on, ended by time, by disuse, by logout or with account or tablet. Owned
 * by one thread, no clock of its own. token_file.h keeps them over a restart.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/base/clock.h"
#include "gateway/control/accounts.h"
#include "gateway/control/tablets.h"

enum {
    TOKENS_MAX = 256,
    TOKENS_OF_ONE_MAX = 96, /* of one officer: the longest unused gives way */
    TOKEN_TABLET_SIZE = TABLET_NAME_SIZE,
    TOKEN_TEXT_SIZE = 65, /* 64 hex digits and a NUL */
    TOKEN_DIGEST_SIZE = 32,
    TOKEN_LIFE_DEFAULT_S = 12 * 3600, /* one shift */
    TOKEN_IDLE_DEFAULT_S = 2 * 3600
};

/* Who signed on, and where: a token is good for nobody else and nowhere else. */
struct token_holder {
    char officer[OFFICER_NAME_MAX + 1];
    enum officer_role role;
    uid_t uid;
    char tablet[TABLET_NAME_SIZE]; /* "" = none */
};

struct token {
    uint64_t id; /* of this run, never used again; 0 = free */
    uint8_t digest[TOKEN_DIGEST_SIZE];
    struct token_holder holder;
    struct mono_time expires;
    struct mono_time used; /* last */
};

struct tokens {
    int64_t idle_ms; /* unused for so long: ended; 0: never */
    uint64_t last_id;
    struct token slots[TOKENS_MAX];
};

struct token_on_shift {
    char officer[OFFICER_NAME_MAX + 1];
    enum officer_role role;
    char tablet[TOKEN_TABLET_SIZE]; /* "" = none */
};

enum token_state { TOKEN_FREE, TOKEN_GOOD, TOKEN_EXPIRED, TOKEN_IDLE };

enum token_state tokens_state(const struct tokens *tokens, const struct token *token,
                              struct mono_time now);
/* Makes a token; its text stands in `out` and nowhere else. ERR_FULL, ERR_IO (no random bytes).
 * *out_replaced: the token of the same officer whose place it takes, as it was; id 0: none. */
int tokens_issue(struct tokens *tokens, const struct token_holder *holder, struct mono_time expires,
                 struct mono_time now, char out[TOKEN_TEXT_SIZE],
                 struct token *out_replaced) MUST_CHECK;
/* The token, if it is valid now and was given to this user on this tablet; otherwise NULL.
 * *out_elsewhere (may be NULL): it is valid, but of another user or tablet. */
struct token *tokens_find(struct tokens *tokens, const char *text, uid_t uid, const char *tablet,
                          struct mono_time now, bool *out_elsewhere);
/* Who holds a valid token, one row each; at most `max`. Returns how many. */
size_t tokens_on_shift(const struct tokens *tokens, struct mono_time now,
                       struct token_on_shift *out, size_t max);
/* By its id; NULL when it has ended. */
struct token *tokens_by_id(struct tokens *tokens, uint64_t id, struct mono_time now);
