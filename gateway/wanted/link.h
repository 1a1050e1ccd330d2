/*
 * One connection to the local Redis over its unix socket: sign-on, deadlines, back-off, error
 * replies as error codes. Internal to gateway/wanted. One owner thread; the program ignores
 * SIGPIPE, since hiredis writes without MSG_NOSIGNAL.
 */
#pragma once

#include <hiredis/hiredis.h>
#include <stddef.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum {
    LINK_CONNECT_MS = 500,
    LINK_REPLY_MS = 2000, /* deadline of one reply */
    LINK_BACKOFF_MIN_MS = 50,
    LINK_BACKOFF_MAX_MS = 2000,
    LINK_SECRET_MAX = 256, /* bytes of a password file */
    LINK_PATH_SIZE = 108,  /* sockaddr_un */
    LINK_USER_SIZE = 64
};

/* Where Redis listens and as whom to sign on. Borrowed strings, copied by link_init. */
struct wanted_redis {
    const char *socket_path;
    const char *user;        /* ACL user; NULL or "": no sign-on */
    const char *secret_path; /* file with the user's password; read at each sign-on */
};

struct link {
    redisContext *redis; /* NULL: not connected */
    char socket_path[LINK_PATH_SIZE];
    char user[LINK_USER_SIZE];
    char secret_path[4096];
    const struct clock_source *clock;
    struct mono_time retry_at;
    int backoff_ms;
};

/* ERR_INVALID when a path or name is too long. Connects nothing. */
int link_init(struct link *link, const struct wanted_redis *where, const struct clock_source *clock,
              struct err_text *err) MUST_CHECK;
void link_close(struct link *link);
/* Connected and signed on, or why not: ERR_BUSY before the next try is due (back-off doubles from
 * LINK_BACKOFF_MIN_MS to LINK_BACKOFF_MAX_MS), ERR_IO, ERR_DENIED. */
int link_ensure(struct link *link, struct err_text *err) MUST_CHECK;
/* Milliseconds until link_ensure will try again; 0 when it would now. */
int link_wait_ms(const struct link *link);

/* An argument of a command. */
struct link_arg {
    const void *data;
    size_t size; /* bytes */
};
#define LINK_TEXT(text) ((struct link_arg){(text), strlen(text)})
enum { LINK_ARGS_MAX = 32 };

/* Queues a command; its reply comes with link_reply, in order. ERR_IO. */
int link_send(struct link *link, const struct link_arg *args, size_t count,
              struct err_text *err) MUST_CHECK;
/* The next reply, which the caller frees with freeReplyObject. Error replies become ERR_DENIED
 * (NOAUTH, NOPERM, WRONGPASS), ERR_FULL (OOM, MISCONF: Redis cannot write), ERR_BUSY (LOADING),
 * ERR_CONFLICT (a stream id too small), ERR_CORRUPT (anything else: the keys are not what they
 * should be). Transport and protocol faults close the connection: ERR_IO, ERR_TIMEOUT. */
int link_reply(struct link *link, redisReply **out, struct err_text *err) MUST_CHECK;
/* link_send and link_reply. */
int link_call(struct link *link, const struct link_arg *args, size_t count, redisReply **out,
              struct err_text *err) MUST_CHECK;
/* A string of at most `limit` bytes by GETRANGE, so that no planted giant is read: heap bytes the
 * caller frees. ERR_NOT_FOUND (no such key or empty), ERR_TOO_LARGE, and link_call's. */
int link_get(struct link *link, const char *key, size_t limit, uint8_t **out, size_t *out_size,
             struct err_text *err) MUST_CHECK;
