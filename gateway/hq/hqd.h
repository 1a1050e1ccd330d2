/*
 * What hqd's handlers share: the database, the key set, its two signing keys and the freshness
 * statement of the moment. Owned by the server's thread; nothing here knows HTTP.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/hq/call.h"
#include "gateway/hq/store/db.h"
#include "gateway/signed/batch.h"
#include "gateway/signed/keyset.h"

/* A person's name: it stands as the actor of records. */
enum { HQ_PERSON_MAX = 48 };

enum { HQ_FRESHNESS_RENEW_MS = 3600 * 1000, HQ_CLOCK_AHEAD_MS = 5 * 60 * 1000 };

struct hqd_options {
    const char *database;      /* hq_db_open */
    const char *roots_folder;  /* *.pem: root public keys */
    const char *keyset_file;   /* the first key set; a newer one in the database wins */
    const char *freshness_key; /* PKCS#8 PEM, 0600 */
    const char *receipt_key;
    const char *est_url;  /* told with a token */
    const char *box_root; /* PEM: what /cacerts says */
    int64_t
        self_test_within_ms;    /* a checkpoint's newest self-test is not older, or it is alarmed */
    bool token_alone;           /* enrolment asks for no approval of the box's key */
    int64_t evidence_day_bytes; /* pictures of one box within 24 hours */
    const char *const *operators; /* see hq_operator_parse; NULL ends */
    const struct clock_source *clock;
};

/* Asks hq-cad for a certificate; `request` (canonical base64 PKCS#10) and `checkpoint` are copied.
 * Later calls done() exactly once, by the server's thread: `rc` 0 and the chain as PEM, or why not.
 */
typedef void (*hq_issued_cb)(void *ctx, int rc, const char *chain_pem, const char *why);
struct hq_issuer {
    int (*ask)(void *impl, const char *request, const char *checkpoint, hq_issued_cb done,
               void *ctx);
    void *impl;
};

enum { HQ_STATUS_CLASSES = 5 };

/* Of this hqd since it started, for Prometheus. */
struct hqd_counters {
    uint64_t requests[HQ_STATUS_CLASSES]; /* answered with 1xx … 5xx */
    uint64_t stored;
    uint64_t repeated;
    uint64_t quarantines;
    size_t connections; /* now, as are those below */
    size_t open_requests;
};

struct hqd {
    struct hq_db db;
    struct hq_db_revision seen; /* what another hqd changed up to here is known */
    bool store_down;            /* told once */
    struct clock_source clock;
    struct root_keys roots;
    struct keyset *keyset; /* NULL only while opening */
    struct sign_key *freshness_key;
    struct sign_key *receipt_key;
    const char *est_url;
    STACK_OF(X509) * box_roots; /* of the boxes' certificates */
    char *cacerts;              /* base64 PKCS#7 of the box root */
    int64_t self_test_within_ms;
    bool token_alone;
    int64_t evidence_day_bytes;
    struct wall_time evidence_told; /* when the log last heard of one refused */
    struct list_head head;
    char *freshness; /* envelope, NULL when the key set has no key of ours */
    struct wall_time freshness_time;
    bool freshness_missing; /* told once */
    bool notes_unwritten;   /* told once */
    struct hqd_counters counters;
    struct hq_issuer issuer;
    void (*wake)(void *ctx, unsigned topics); /* runs calls that wait; NULL: nobody waits */
    void *wake_ctx;
};

/* Checks every file, opens the database, takes operators over. `options` strings must live on.
 * ERR_…; `err` names the file. hqd_close frees; a zeroed one is fine. */
int hqd_open(const struct hqd_options *options, struct hqd *out, struct err_text *err) MUST_CHECK;
void hqd_close(struct hqd *hq);
/* The files of hqd_open alone, without the database. */
int hqd_check(const struct hqd_options *options, struct err_text *err) MUST_CHECK;
/* Operators named may act, others that no administrator added no longer. */
int hqd_set_operators(struct hqd *hq, const char *const *operators,
                      struct err_text *err) MUST_CHECK;
/* "zhang" has every role, "li:auditor+approver" those. ERR_INVALID. */
int hq_operator_parse(const char *text, char out_name[TLS_LABEL_SIZE], unsigned *out_roles,
                      struct err_text *err) MUST_CHECK;

/* Reads its two keys and the box roots again, after a rotation: both are in the key set, or nothing
 * changes. ERR_DENIED, and those of reading; `err` names the file. */
int hqd_take_files(struct hqd *hq, const struct hqd_options *options,
                   struct err_text *err) MUST_CHECK;

/* Takes over what another hqd over the same database has changed (key set, head) and wakes who
 * waits for it. Fails as the database does; told once. */
int hqd_refresh(struct hqd *hq, struct err_text *err) MUST_CHECK;
/* Reads the head from the database. */
int hqd_load_head(struct hqd *hq, struct err_text *err) MUST_CHECK;
/* Issues a new freshness statement when it is due or speaks of another head. Never fails: without
 * one the boxes notice; the reason is logged. */
void hqd_renew_freshness(struct hqd *hq);
void hqd_wake(struct hqd *hq, unsigned topics);
/* A note for people (last seen, list at the box) was written or could not be: with a full disk
 * whoever only reads is still answered. Logged when that changes. */
void hqd_noted(struct hqd *hq, int rc, const struct err_text *err);
/* A message for one box, or for all (checkpoint NULL: a newer one of the kind replaces it). `body`
 * is JSON text. Inside the caller's transaction. */
int hqd_post(struct hqd *hq, const char *checkpoint, const char *kind, const char *body,
             size_t size, struct wall_time now, struct wall_time expires,
             struct err_text *err) MUST_CHECK;
/* Signs an unsigned envelope with one key; heap text the caller frees. Ends the envelope. */
int hqd_sign(struct envelope *e, const struct sign_key *key, char **out,
             size_t *out_size) MUST_CHECK;

/* A signed document: the newest of a kind as the answer (404: none yet); one kept verbatim, inside
 * the caller's transaction where there is one. */
enum hq_step hq_document_newest(struct hq_call *call, const char *kind);
int hq_document_put(struct hqd *hq, const char *kind, uint64_t version, const char *body,
                    size_t size, struct err_text *err) MUST_CHECK;

/* Signed statements of which the newest counts: match policy, exempt list, retention terms
 * (versioned.c). */
struct hq_versioned {
    const char *kind;        /* of the document */
    const char *title;       /* for people */
    const char *number_name; /* member of answers and messages */
    const char *message;     /* kind of the inbox message */
    enum log_event_id event;
};
extern const struct hq_versioned hq_versioned_policy;
extern const struct hq_versioned hq_versioned_exempt;
extern const struct hq_versioned hq_versioned_retention;
/* Its number, 0 when there is none. */
int hq_versioned_newest(struct hqd *hq, const struct hq_versioned *what, int64_t *out,
                        struct err_text *err) MUST_CHECK;
/* Takes the call's body, a verified statement of that number and time, if it follows the one held;
 * the same bytes once more change nothing. */
enum hq_step hq_versioned_put(struct hq_call *call, const struct hq_versioned *what,
                              uint64_t number, struct wall_time time);
/* The answer to one that does not verify. */
enum hq_step hq_versioned_refuse(struct hq_call *call, int rc, const struct err_text *why);

/* "checkpoint" of an operator's body, which the request is about; NULL and answered (400) when it
 * is no id (tokens.c). */
const char *hq_call_checkpoint(struct hq_call *call, const json_t *object);

/* Whether the peer of `call` may speak: known, not revoked, its certificate neither expired nor
 * superseded. Answers 403 and returns HQ_DONE when not, HQ_AGAIN when it may go on. */
enum hq_step hq_peer_check(struct hq_call *call);
/* Notes a certificate issued to a checkpoint; `first`: enrolled anew, so earlier ones end. Those
 * before a renewed one end when it is first shown (hq_peer_check). */
int hq_certificate_issued(struct hqd *hq, const char *checkpoint,
                          const struct tls_cert_facts *facts, bool first,
                          struct err_text *err) MUST_CHECK;
/* Handlers, one a row of the routing table (route.c). */
enum hq_step hq_list_head(struct hq_call *call);
enum hq_step hq_list_put_batch(struct hq_call *call);
enum hq_step hq_list_batches(struct hq_call *call);
enum hq_step hq_list_entries(struct hq_call *call);
enum hq_step hq_list_snapshot(struct hq_call *call);
enum hq_step hq_list_put_snapshot(struct hq_call *call);
enum hq_step hq_list_chunk(struct hq_call *call);
enum hq_step hq_list_put_chunk(struct hq_call *call);
enum hq_step hq_keyset(struct hq_call *call);
enum hq_step hq_put_keyset(struct hq_call *call);
enum hq_step hq_match_policy(struct hq_call *call);
enum hq_step hq_put_match_policy(struct hq_call *call);
enum hq_step hq_exempt_list(struct hq_call *call);
enum hq_step hq_put_exempt_list(struct hq_call *call);
enum hq_step hq_retention_terms(struct hq_call *call);
enum hq_step hq_put_retention_terms(struct hq_call *call);
enum hq_step hq_box_records(struct hq_call *call);
enum hq_step hq_box_observe(struct hq_call *call);
enum hq_step hq_box_urgent(struct hq_call *call);
enum hq_step hq_box_confirm(struct hq_call *call);
enum hq_step hq_box_inbox(struct hq_call *call);
enum hq_step hq_box_journal(struct hq_call *call);
enum hq_step hq_box_evidence_declare(struct hq_call *call);
enum hq_step hq_box_evidence_put(struct hq_call *call);
enum hq_step hq_box_evidence_state(struct hq_call *call);
enum hq_step hq_operator_evidence(struct hq_call *call);
enum hq_step hq_operator_evidence_open(struct hq_call *call);
/* What a box says of itself in its query; answered when it says what none can have seen. */
void hq_box_note(struct hq_call *call);
/* Its inbox behind query.after into the answer's body, about `max` bytes of it at most. */
int hq_box_messages(struct hq_call *call, size_t max, struct err_text *err) MUST_CHECK;
enum hq_step hq_operator_spool(struct hq_call *call);
enum hq_step hq_operator_spool_records(struct hq_call *call);
enum hq_step hq_operator_spool_answer(struct hq_call *call);
enum hq_step hq_operator_hits(struct hq_call *call);
enum hq_step hq_operator_answers(struct hq_call *call);
enum hq_step hq_operator_observed(struct hq_call *call);
enum hq_step hq_operator_checkpoints(struct hq_call *call);
enum hq_step hq_operator_enroll(struct hq_call *call);
enum hq_step hq_operator_replace(struct hq_call *call);
enum hq_step hq_operator_enrolments(struct hq_call *call);
enum hq_step hq_operator_enrolment_approve(struct hq_call *call);
enum hq_step hq_operator_enrolment_revoke(struct hq_call *call);
enum hq_step hq_operator_revoke(struct hq_call *call);
enum hq_step hq_operator_instructions(struct hq_call *call);
enum hq_step hq_operator_calls(struct hq_call *call);
enum hq_step hq_operator_instructed(struct hq_call *call);
enum hq_step hq_operator_audit(struct hq_call *call);
enum hq_step hq_operator_missing(struct hq_call *call);
enum hq_step hq_operator_accept(struct hq_call *call);
enum hq_step hq_operator_hold_add(struct hq_call *call);
enum hq_step hq_operator_hold_end(struct hq_call *call);
enum hq_step hq_operator_holds(struct hq_call *call);
enum hq_step hq_operator_person_add(struct hq_call *call);
enum hq_step hq_operator_person_revoke(struct hq_call *call);
enum hq_step hq_operator_persons(struct hq_call *call);
enum hq_step hq_operator_reviews(struct hq_call *call);
enum hq_step hq_operator_review_answer(struct hq_call *call);
enum hq_step hq_operator_own(struct hq_call *call);
enum hq_step hq_operator_self(struct hq_call *call);
enum hq_step hq_operator_metrics(struct hq_call *call);
enum hq_step hq_est_cacerts(struct hq_call *call);
enum hq_step hq_est_enroll(struct hq_call *call);
enum hq_step hq_est_reenroll(struct hq_call *call);
