/*
 * checkpointd's end of the `matches` socket: one matchd at a time (the newest connection wins),
 * every message checked before it is passed on. Packets come from a pool made at creation: when
 * the lanes are behind, reading stops and matchd's sends wait, which matchd counts.
 *
 * Owned by the link thread; match_link_send and match_link_release may be called by any thread.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "gateway/base/err.h"
#include "gateway/base/thread.h"
#include "gateway/model/hit.h"

enum { MATCH_LINK_PACKETS = 128 };

struct match_packet {
    struct match_message message;
    char texts[MATCH_HITS_MAX][WANTED_TEXT_MAX + 1]; /* of the hits, each with a NUL */
};

struct match_link_sink {
    void *ctx;
    /* A checked message; give it back with match_link_release(). */
    void (*packet)(void *ctx, struct match_packet *packet);
    /* A matchd connected (reason NULL) or was lost (reason in English). */
    void (*state)(void *ctx, bool connected, const char *reason);
};

struct match_link;

/* Listens at `path`; `user` may connect, root and our own user too. *out is heap memory for
 * match_link_destroy(). Errors of unix_listen(), ERR_NO_MEMORY. */
int match_link_create(const char *path, uid_t user, const struct match_link_sink *sink,
                      struct match_link **out, struct err_text *err) MUST_CHECK;
void match_link_destroy(struct match_link *link); /* NULL is fine; the thread has ended */
/* Thread function: reads until the thread is asked to stop. */
void match_link_run(struct thread *self, void *link);
/* Any thread. ERR_NOT_FOUND without a matchd, ERR_FULL when it does not read, ERR_IO. */
int match_link_send(struct match_link *link, const struct match_query *query) MUST_CHECK;
void match_link_release(struct match_link *link, struct match_packet *packet);
