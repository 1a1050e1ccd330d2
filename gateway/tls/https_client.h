/*
 * An HTTPS client that talks to headquarters only: TLS 1.3 under one given root, the server known
 * by its SAN URI and not by host name, one connection kept between requests. No redirects, no
 * proxies, no system roots, no resumption. Everything the other side sends has a limit. Blocks; a
 * client belongs to one thread at a time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/tls/context.h"

enum {
    HTTPS_ANSWER_MAX = 4 << 20,       /* bytes of a body, the default and the most */
    HTTPS_HEADERS_MAX = 32 * 1024,    /* bytes of all header lines of one answer */
    HTTPS_LOOK_MS = 100,              /* how soon `go_on` is heard */
    HTTPS_CONNECT_DEFAULT_MS = 10000, /* TCP and TLS together */
    HTTPS_TOTAL_DEFAULT_MS = 60000,
    HTTPS_URL_SIZE = 512 /* with its NUL */
};

struct https_client;

struct https_client_options {
    const char *root_file;          /* PEM: the HQ-server root, nothing else is trusted */
    const char *fleet;              /* the server must be urn:checkpoint-hq:<fleet> */
    const char *cert_file;          /* PEM chain; NULL: no client certificate */
    const char *key_file;           /* 0600; with cert_file. Both are read at each new connection */
    int connect_timeout_ms;         /* 0 = HTTPS_CONNECT_DEFAULT_MS */
    bool (*go_on)(void *go_on_ctx); /* asked every HTTPS_LOOK_MS; false ends the request; or NULL */
    void *go_on_ctx;
};

struct https_request {
    const char *method;       /* "GET", "PUT", "POST" */
    const char *url;          /* https://… */
    const char *content_type; /* of the body; NULL without one */
    const char *encoding;     /* Content-Transfer-Encoding of EST bodies; NULL: none */
    const char *compression;  /* Content-Encoding of the body; NULL: none */
    const char *range;        /* Content-Range of the body; NULL: none */
    const void *body;
    size_t body_size;
    const char *user; /* HTTP Basic; NULL: none */
    const char *password;
    size_t answer_max;    /* bytes, 0 = HTTPS_ANSWER_MAX */
    int total_timeout_ms; /* 0 = HTTPS_TOTAL_DEFAULT_MS */
    int send_bytes_s;     /* the body goes out no faster; 0: as fast as it can */
};

struct https_answer {
    int status;        /* HTTP */
    int retry_after_s; /* 0: not said */
    char content_type[96];
    char *body; /* heap, NUL behind it; https_answer_free */
    size_t size;
};

/* Strings are copied, files are checked. ERR_NOT_FOUND, ERR_DENIED (key file mode), ERR_INVALID,
 * ERR_NO_MEMORY. *out is heap memory for https_client_destroy(). */
int https_client_create(const struct https_client_options *options, struct https_client **out,
                        struct err_text *err) MUST_CHECK;
void https_client_destroy(struct https_client *client); /* NULL is fine */

/* One request and its whole answer. 0 whatever the HTTP status: an answer is an answer. Otherwise
 * nothing is in *out and `err` is "<url>: cause: detail":
 * ERR_DENIED (a certificate was refused, ours or theirs, see https_client_report), ERR_IO (cannot
 * connect; connection broken; no valid HTTP), ERR_TIMEOUT, ERR_TOO_LARGE (headers or body past
 * their limit; the rest is not read), ERR_STOPPED (by go_on), ERR_INVALID (URL, a certificate or
 * key file that is none), ERR_NOT_FOUND and ERR_DENIED for those files, ERR_NO_MEMORY. */
int https_client_send(struct https_client *client, const struct https_request *request,
                      struct https_answer *out, struct err_text *err) MUST_CHECK;
void https_answer_free(struct https_answer *answer);

/* What the last request learnt of a handshake: who refused whom, and why. */
const struct tls_client_report *https_client_report(const struct https_client *client);
/* Closes the kept connection, so that the next request shows the certificate files as they are. */
void https_client_disconnect(struct https_client *client);

/* `err` = "<url>: HTTP <status> <code>: <en>" from an answer's error object, or without it when the
 * body is none. Returns the code that fits: ERR_DENIED 401 403, ERR_NOT_FOUND 404, ERR_CONFLICT
 * 409, ERR_TOO_LARGE 413, ERR_BUSY 429 503, ERR_INVALID other 4xx, ERR_IO the rest. */
int https_answer_error(const struct https_request *request, const struct https_answer *answer,
                       struct err_text *err) MUST_CHECK;
