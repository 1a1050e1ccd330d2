/*
 * hqd's HTTPS ends over libevent: the API (mutual TLS 1.3) and EST (server TLS, token). One thread
 * runs both and owns the struct hqd. A connection without TLS is refused, whatever libevent does.
 */
#pragma once

#include "gateway/base/thread.h"
#include "gateway/hq/hqd.h"
#include "gateway/tls/context.h"

enum {
    HQ_BODY_LIMIT = HQ_REQUEST_MAX,
    HQ_EST_BODY_LIMIT = 16 << 10,
    HQ_HEADER_LIMIT = 8 << 10,
    HQ_IDLE_S = 90,     /* above HQ_WAIT_MAX_S */
    HQ_CALLS_MAX = 8192 /* open at a time */
};

struct hq_server;

struct hq_server_options {
    const char *listen;     /* "address:port", "[address]:port"; port 0: any free one */
    const char *est_listen; /* NULL: no EST */
    const char *cert_file;
    const char *key_file;
    const char *box_root;
    const char *console_root;
    const char *issue_socket; /* hq-cad's */
};

/* Listens; `hq` is used from hq_server_run on. ERR_INVALID (address), ERR_BUSY (address in use) and
 * those of tls_server_create. hq_server_destroy frees; NULL is fine. */
int hq_server_create(const struct hq_server_options *options, struct hqd *hq,
                     struct hq_server **out, struct err_text *err) MUST_CHECK;
/* Certificates, keys and addresses alone. */
int hq_server_check(const struct hq_server_options *options, struct err_text *err) MUST_CHECK;
uint16_t hq_server_port(const struct hq_server *server);
uint16_t hq_server_est_port(const struct hq_server *server);
/* Thread function. */
void hq_server_run(struct thread *self, void *server);
/* In the server's thread: new connections are met with these certificates, key and roots; those
 * that are open go on. Nothing changes when one of the files is refused. */
int hq_server_take_files(struct hq_server *server, const struct hq_server_options *options,
                         struct err_text *err) MUST_CHECK;
/* Any thread: runs `work(ctx)` soon in the server's thread, where hqd may be used. One at a time;
 * ERR_BUSY while the last one waits. */
int hq_server_post(struct hq_server *server, void (*work)(void *ctx), void *ctx) MUST_CHECK;
void hq_server_destroy(struct hq_server *server);
