/*
 * One connection to headquarters: requests to the server that answers, faults named as alarms, and
 * the wait before the next try. Nothing is sent under a certificate of ours that cannot be good.
 * Blocks; one owner thread.
 */
#pragma once

#include "gateway/tls/https_client.h"
#include "gateway/uplink/alarms.h"
#include "gateway/uplink/backoff.h"
#include "gateway/uplink/own_certificate.h"

enum {
    UPLINK_SERVERS_MAX = 4,
    UPLINK_PATH_SIZE = 400, /* bytes of a request path, with its NUL */
    UPLINK_RETRY_MIN_MS = 250,
    UPLINK_CERTIFICATE_WARN_DAYS = 7, /* renewal begins at ten: by then it has failed for days */
    UPLINK_REQUEST_MS = 30000         /* a request that does not wait on purpose */
};

struct channel_ask;

/* Another way to headquarters than a connection: the files of a stick. */
struct uplink_carrier {
    void *ctx;
    /* As channel_send; 404 for what did not come along. */
    int (*carry)(void *ctx, const struct channel_ask *ask, struct https_answer *out,
                 struct err_text *err);
};

/* What all channels share; fixed after start. */
struct uplink_site {
    const char *fleet;
    const char *servers[UPLINK_SERVERS_MAX]; /* https://host:port */
    size_t server_count;
    const char *hq_root;
    struct own_files own;
    atomic_uint
        *switches; /* of the pair in `own` while running, see renew.h; NULL: there are none */
    const struct uplink_carrier *carrier; /* NULL: a connection */
    int retry_max_ms;
    struct uplink_alarms *alarms;
    const struct clock_source *clock;
};

/* How a thread waits: called every HTTPS_LOOK_MS or sooner, false: stop. */
struct uplink_wait {
    bool (*go_on)(void *ctx);
    void *ctx;
};

struct channel {
    const struct uplink_site *site;
    int number; /* of the alarms' bit */
    bool quiet; /* tells no alarm of the link: its owner has one of its own */
    struct uplink_wait wait;
    struct https_client *client; /* NULL: none yet */
    size_t server;
    struct backoff backoff;
    int retry_after_s; /* asked for by the last answer */
    unsigned arrivals; /* of the alarms, when the last request began */
    unsigned switches; /* of the site, when the last request began */
    bool own_checked;  /* the box's own certificate, … */
    struct mono_time own_checked_at;
};

void channel_init(struct channel *channel, const struct uplink_site *site, int number,
                  const struct uplink_wait *wait);
void channel_fini(struct channel *channel);

struct channel_ask {
    const char *method;
    const char *path; /* "/v1/…" */
    const char *content_type;
    const void *body;
    size_t body_size;
    const char *compression; /* Content-Encoding of the body; NULL: none */
    const char *encoding;    /* Content-Transfer-Encoding of the body; NULL: none */
    const char *range;       /* Content-Range of the body; NULL: none */
    int total_timeout_ms;    /* 0 = UPLINK_REQUEST_MS */
    int send_bytes_s;        /* 0: as fast as it can */
};

/* 0: an answer to deal with, of status 2xx or 4xx other than 401, 403 and 429; https_answer_free is
 * the caller's. Everything else is an error and an alarm of the link: ERR_STOPPED, ERR_DENIED (we
 * refuse them, they refuse us, or our certificate is unusable and nothing was sent), ERR_BUSY,
 * ERR_IO, ERR_TIMEOUT, ERR_TOO_LARGE, … A request that was refused because the box's certificate
 * was renewed meanwhile is sent again with the new one. */
int channel_send(struct channel *channel, const struct channel_ask *ask, struct https_answer *out,
                 struct err_text *err) MUST_CHECK;
/* The request was good for something: the next fault waits shortly again. */
void channel_succeeded(struct channel *channel);
/* Waits before the next try; not on when another channel reached headquarters meanwhile. */
void channel_pause(struct channel *channel);
