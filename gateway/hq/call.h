/*
 * One request to hqd, apart from HTTP: who asks, for what, and the answer. A handler runs in the
 * server's thread, answers (HQ_DONE), asks to be run again when something of `topic` changes or at
 * the deadline (HQ_WAIT), or in the next round of the loop because it has more to do (HQ_AGAIN).
 * What it keeps between runs stands in `state`.
 */
#pragma once

#include <event2/buffer.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/hq/role.h"
#include "gateway/signed/sign_key.h"
#include "gateway/tls/identity.h"

struct hqd;

enum {
    HQ_LIMIT_DEFAULT = 100,
    HQ_LIMIT_MAX = 1000,
    HQ_WAIT_MAX_S = 60,
    HQ_ABOUT_SIZE = 192,
    HQ_REASON_MAX_BYTES = 512,
    HQ_ANSWER_MAX = 4 << 20, /* bytes */
    HQ_REQUEST_MAX = 1 << 20 /* bytes of a request's body, decoded */
};

enum hq_step { HQ_DONE, HQ_WAIT, HQ_AGAIN };

/* What a parked call waits for. */
enum hq_topic { HQ_TOPIC_INBOX = 1, HQ_TOPIC_HITS = 2, HQ_TOPIC_ISSUED = 4 };

/* The query string, each known key checked; those not given have their defaults. */
struct hq_query {
    uint64_t after; /* default 0 */
    int limit;      /* 1 .. HQ_LIMIT_MAX */
    int wait_s;     /* 0 .. HQ_WAIT_MAX_S */
    bool has_revision;
    uint64_t revision;
    char hash[HASH_TEXT_SIZE]; /* "" when not given */
    bool has_policy;
    uint64_t policy;
    bool has_exempt;
    uint64_t exempt;
    bool has_retention;
    uint64_t retention;
    bool confirm_conflicts;          /* conflicts=confirm */
    uint64_t hit;                    /* 0: not given */
    char checkpoint[TLS_LABEL_SIZE]; /* "" when not given */
    bool has_above;
    char above[TLS_LABEL_SIZE]; /* a page begins behind this checkpoint; "": the first one */
};

struct hq_answer {
    int status;            /* 0: none yet */
    const char *type;      /* content type; a literal */
    struct evbuffer *body; /* empty when status is 0 */
    bool retry;            /* Retry-After: 5 */
    bool ask_password;     /* WWW-Authenticate: Basic */
    bool close;            /* nothing more on this connection */
};

struct hq_call {
    struct hqd *hq;
    struct tls_cert_facts peer; /* identity.kind 0: nobody (EST enrolment) */
    unsigned roles;             /* enum hq_role, of an operator */
    char id[TLS_LABEL_SIZE];    /* {id} or {hex} of the path */
    char part[TLS_LABEL_SIZE];  /* the second {} of the path, "": none */
    const char *range;          /* Content-Range; NULL when not given */
    struct hq_query query;
    const char *user; /* HTTP Basic, EST only; NULL when not given */
    const char *password;
    const char *body; /* `size` bytes, not NUL-terminated */
    size_t size;
    char *decoded; /* heap: the body, when it came compressed */
    struct wall_time now;
    /* For the record of an operator's request (own.h). The first four are borrowed. */
    const char *what;   /* the route's name for it, NULL: no such route */
    const char *method; /* as it came */
    const char *path;
    const char *query_text;
    char about[HQ_ABOUT_SIZE]; /* which object; "" when the path says it */
    char why[HQ_ABOUT_SIZE];   /* of the last error answered */
    char *reason;              /* heap; the body's "reason", where one is asked for */
    bool recorded;
    bool last_run; /* of a waiting call: the deadline is reached, answer now */
    unsigned topics;
    void *state; /* the handler's; ended by state_free */
    void (*state_free)(void *state);
    struct hq_answer answer;
};

typedef enum hq_step (*hq_handler)(struct hq_call *call);

/* ERR_NO_MEMORY. hq_call_fini frees answer and state; a zeroed call is fine. */
int hq_call_init(struct hq_call *call, struct hqd *hq) MUST_CHECK;
void hq_call_fini(struct hq_call *call);

/* Answers; all return HQ_DONE. hq_answer_json steals `value` (NULL: out of memory, 503). */
enum hq_step hq_answer_json(struct hq_call *call, int status, json_t *value);
/* The bytes as they are: an envelope, a chunk. */
enum hq_step hq_answer_bytes(struct hq_call *call, int status, const char *type, const void *data,
                             size_t size);
/* Begins an answer whose body the handler writes into call->answer.body itself. */
void hq_answer_begin(struct hq_call *call, int status);
/* {"error":{code,en,zh}}; the code follows from the status. */
enum hq_step hq_answer_error(struct hq_call *call, int status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The same with the members of `more` beside "error"; steals it. */
enum hq_step hq_answer_error_with(struct hq_call *call, int status, const char *en, json_t *more);
/* An error of the database or of memory: 503 for what passes, 500 otherwise. */
enum hq_step hq_answer_failure(struct hq_call *call, int rc, const struct err_text *err);

/* Adds `value` as JSON text, quoted and escaped. */
void hq_body_text(struct evbuffer *body, const char *text);
/* "time" as JSON: RFC 3339 or null for ms = 0. New reference. */
json_t *hq_time_json(int64_t ms);

/* Says which object the request is about, for its record; a later one replaces it. */
void hq_call_about(struct hq_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The body of a request with Content-Encoding `encoding` (NULL: none) as it was before.
 * ERR_INVALID, ERR_TOO_LARGE, and the call is answered (400, 413). */
int hq_call_decode(struct hq_call *call, const char *encoding) MUST_CHECK;

/* Parses the body as one JSON object with no other members than `names` (NULL-terminated).
 * ERR_INVALID, and the call is answered. */
int hq_call_object(struct hq_call *call, const char *const *names, json_t **out) MUST_CHECK;
/* A member's text of 1 .. max bytes; NULL and answered (400) when it is missing or unfit. "reason"
 * is kept for the request's record as well. */
const char *hq_call_member(struct hq_call *call, const json_t *object, const char *name,
                           size_t max_bytes);
