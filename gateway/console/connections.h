/*
 * The TLS connections of one listening end: how many, how many of one address, how long a handshake
 * and a request may take. A request's time runs from its first byte and is not set anew by more of
 * them: who sends a byte now and then keeps no place. Owned by the loop's thread.
 */
#pragma once

#include <event2/bufferevent.h>

#include "gateway/tls/accepted.h"

enum {
    CONNECTIONS_MAX = 512,
    CONNECTIONS_OF_ONE_MAX = 64, /* of one address, unless configured */
    HANDSHAKE_MS = 5000,
    REQUEST_MS = 10000, /* a whole request of at most 64 KiB, from its first byte */
    KEPT_MS = 60000,    /* from the last answer to the next request's first byte */
    CONNECTION_ADDRESS_SIZE = 46,
    CONNECTION_INPUT_MAX = 96 << 10, /* unread bytes: a body and a head */
    ANSWERS_UNREAD_MAX = 128 << 20   /* bytes of answers that peers leave unread, of all */
};

enum connection_end {
    CONNECTION_SLOW,     /* a handshake or request took too long */
    CONNECTION_BROKEN,   /* it ended in the midst of either, or was no HTTP */
    CONNECTION_TOO_MANY, /* of one address */
    CONNECTION_TALKS,    /* it sends while an answer goes on */
    CONNECTION_UNREAD    /* answers nobody reads took too much memory, its own for the longest */
};

struct connections {
    struct accepted_list accepted;
    size_t of_one_max;
    struct event_base *base;
    void (*ended)(void *ctx, enum connection_end why, const char *address);
    void *ctx;
};

struct connection_facts {
    const char *address; /* of the peer */
    bool bare_line_feed; /* in the request's head */
    bool more;           /* bytes behind the request: another one, unasked */
};

/* `all` outlives every connection. `of_one_max` 0: the default. */
void connections_init(struct connections *all, struct event_base *base, size_t of_one_max,
                      void (*ended)(void *ctx, enum connection_end why, const char *address),
                      void *ctx);
/* A new one; it leaves `all` when OpenSSL frees it. What libevent answers by itself on it goes out
 * as answer_replace() says. ERR_NO_MEMORY. */
int connections_add(struct connections *all, SSL *ssl, struct bufferevent *bev) MUST_CHECK;
bool connections_full(const struct connections *all);
/* A request has come whole; its answer was handed over; its answer goes on until it leaves. */
void connection_busy(SSL *ssl, struct connection_facts *out);
void connection_answered(SSL *ssl);
void connection_streams(SSL *ssl);
/* Ends those whose time is over, and who reads nothing when that of all is too much. */
void connections_sweep(struct connections *all);
