/*
 * The TLS connections that a listening end has accepted. A struct accepted is the first member of
 * its owner's own struct, hangs on its SSL (ex_data) and is freed with it. One is ended by shutting
 * its socket down: whoever reads there takes it apart as for any peer that left. Owned by the
 * server's thread.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum { ACCEPTED_KEY_SIZE = 48 };

struct accepted_list;

struct accepted {
    TAILQ_ENTRY(accepted) link;
    struct accepted_list *all;
    SSL *ssl;
    struct mono_time since;         /* of whatever its owner has it do */
    uint8_t key[ACCEPTED_KEY_SIZE]; /* who it is, zeros behind */
    bool known;                     /* the key is */
};

struct accepted_list {
    TAILQ_HEAD(accepted_head, accepted) list;
    size_t count;
    size_t max;
    /* What OpenSSL tells of a handshake or an alert, as SSL_CTX_set_info_callback() has it. */
    void (*info)(struct accepted *one, int where, int value);
    /* It has left the list and is freed behind this call. May be NULL. */
    void (*freed)(struct accepted *one);
};

/* `all` outlives every connection. */
void accepted_init(struct accepted_list *all, size_t max,
                   void (*info)(struct accepted *one, int where, int value),
                   void (*freed)(struct accepted *one));
/* Before a connection of `ctx`: has it tell of handshakes. */
void accepted_attach(SSL_CTX *ctx);
/* Takes `one`, heap memory of its owner's size. ERR_NO_MEMORY: it is still the caller's. */
int accepted_add(struct accepted_list *all, struct accepted *one, SSL *ssl,
                 struct mono_time now) MUST_CHECK;
struct accepted *accepted_of(const SSL *ssl); /* NULL: none; `ssl` may be NULL */
bool accepted_is_full(const struct accepted_list *all);
/* `size` at most ACCEPTED_KEY_SIZE. Returns how many have that key now. */
size_t accepted_identify(struct accepted *one, const void *key, size_t size);
void accepted_end(const struct accepted *one);
