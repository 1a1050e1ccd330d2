/*
 * A request being answered, and what the parts of the server share. An exchange lives from its
 * request to its answer; who waits for checkpointd holds nothing else. Loop's thread.
 */
#pragma once

#include <event2/event.h>
#include <event2/http.h>
#include <jansson.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "gateway/base/log.h"
#include "gateway/console/answer.h"
#include "gateway/console/connections.h"
#include "gateway/console/console.h"
#include "gateway/console/feed.h"
#include "gateway/console/notes.h"
#include "gateway/console/pages.h"
#include "gateway/console/relay.h"
#include "gateway/console/request.h"
#include "gateway/console/site.h"
#include "gateway/console/tablets.h"

struct evconnlistener;

/* One of the two listening ends. */
struct end {
    struct console *console;
    struct evhttp *http;
    struct evconnlistener *listener; /* http's */
    struct connections connections;
    uint16_t port;
    bool pairing;
};

struct route;

struct exchange {
    TAILQ_ENTRY(exchange) link;
    struct console *console;
    struct evhttp_request *http;
    const struct route *route;
    char token[REQUEST_TOKEN_SIZE]; /* "": no session shown */
    char tablet[FEED_TABLET_SIZE];  /* "": none asked for */
    char address[CONNECTION_ADDRESS_SIZE];
    char sha[REQUEST_SHA_SIZE]; /* of a picture that is asked for */
    json_t *body;               /* of a POST, an object */
    struct stream_id at;        /* of a board: from where a stream goes on */
};

struct console {
    struct event_base *base;
    struct console_options options; /* as it was started: cert_file … hosts are the site's */
    struct site *site;
    struct site *_Atomic next_site; /* loaded by console_reload(), taken by the loop */
    char control_path[256];
    char events_path[256];
    char look_path[256];
    struct pages pages;
    struct relay *relay;
    struct feeds *feeds;
    struct tablets *tablets;
    struct notes notes;
    struct end api;
    struct end pair;
    int pair_tries; /* wrong codes until pair_window_end */
    struct mono_time pair_window_end;
    struct mono_time pair_sweep_due;
    struct event *tick;
    struct thread *self;
    TAILQ_HEAD(, exchange) open;
    TAILQ_HEAD(, look) looks; /* pictures under way */
    size_t look_count;
};

/* Frees it; its answer was sent. */
void exchange_end(struct exchange *x);
/* Answers with a refusal, tells it when `event` is not 0, and ends it. */
void exchange_refuse(struct exchange *x, int status, enum log_event_id event,
                     const struct answer_words *words);
/* A request to checkpointd in the session's name: {"do", "args", "token", "tablet", "origin"}.
 * `args` is stolen. NULL without memory. */
json_t *exchange_request(const struct exchange *x, const char *act, json_t *args);
/* Asks; without memory answers 503 and ends the exchange. */
void exchange_ask(struct exchange *x, json_t *request, bool urgent, relay_done done);

/* Finds what the request is for and serves it. */
void routes_serve(struct exchange *x, const struct end *end, const char *path);
/* The request's header of that name; NULL: none, or two. */
const char *exchange_header(const struct exchange *x, const char *name);
SSL *exchange_ssl(const struct exchange *x);
