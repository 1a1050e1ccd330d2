/*
 * The TLS connections of one listening end, and how long they may take. evhttp's own time-out is
 * about silence, so a peer that sends a byte a minute would keep its place for ever; here a
 * handshake and a request as a whole have a deadline, and one certificate has few connections at a
 * time, because evhttp keeps a whole body before anybody sees it. Owned by the server's thread.
 */
#pragma once

#include "gateway/tls/accepted.h"

enum {
    HQ_HANDSHAKE_S = 20,
    HQ_REQUEST_S = 600,      /* a body of 1 MiB at 2 KB/s, an answer of 4 MiB at 7 KB/s */
    HQ_EST_REQUEST_S = 60,   /* nobody has shown who they are there */
    HQ_CONNECTIONS_ONE = 16, /* of one certificate: its parked calls and as many again */
    HQ_CONNECTIONS_MAX = 8192,
    HQ_EST_CONNECTIONS_MAX = 256
};

struct connections {
    struct accepted_list accepted;
    int request_s; /* from the last answer, or the handshake, to the next whole request */
    void (*refused)(void *ctx, const char *why); /* of a peer that showed nothing to judge */
    void *refused_ctx;
};

void connections_init(struct connections *all, size_t max, int request_s);
/* A new one; it leaves `all` when OpenSSL frees it, so `all` outlives every connection.
 * ERR_NO_MEMORY. */
int connections_add(struct connections *all, SSL *ssl, struct mono_time now) MUST_CHECK;
bool connections_full(const struct connections *all);
/* A request has come whole; its answer was handed over. `ssl` may be NULL. */
void connection_busy(SSL *ssl);
void connection_answered(SSL *ssl, struct mono_time now);
/* Ends those whose time is over. Returns how many. */
int connections_sweep(struct connections *all, struct mono_time now);
