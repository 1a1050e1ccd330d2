/*
 * Enrolment (RFC 7030): the CA's certificates, a first certificate against a one-time token, and a
 * new one for a box that still has one. hq-cad signs; a token ends when its certificate is handed
 * out, in one transaction, so of two requests with it one gets an answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/records.h"
#include "gateway/tls/est.h"
#include "gateway/tls/pem.h"

/* A request on its way to hq-cad. Freed by whoever comes last: the call or the answer. */
struct issue {
    struct hqd *hq;
    bool call_gone;
    bool answered;
    int rc;
    char *chain_pem;
    char why[200];
    uint8_t key[TLS_FINGERPRINT_SIZE]; /* whose certificate it is */
};

static void issue_release(struct issue *issue)
{
    if (!issue->call_gone || !issue->answered)
        return;
    free(issue->chain_pem);
    free(issue);
}

static void issue_free(void *state)
{
    struct issue *issue = state;
    issue->call_gone = true;
    issue_release(issue);
}

static void issued(void *ctx, int rc, const char *chain_pem, const char *why)
{
    struct issue *issue = ctx;
    issue->answered = true;
    issue->rc = rc;
    issue->chain_pem = chain_pem ? strdup(chain_pem) : NULL;
    if (rc == 0 && !issue->chain_pem)
        issue->rc = ERR_NO_MEMORY;
    (void)snprintf(issue->why, sizeof(issue->why), "%s", why ? why : ""); /* cut: still reads */
    if (issue->call_gone)
        issue_release(issue);
    else
        hqd_wake(issue->hq, HQ_TOPIC_ISSUED);
}

enum hq_step hq_est_cacerts(struct hq_call *call)
{
    return hq_answer_bytes(call, 200, "application/pkcs7-mime", call->hq->cacerts,
                           strlen(call->hq->cacerts));
}

/* Checks the request before hq-cad sees it: form, key kind, and the name it asks for, if any.
 * *out_fingerprint: of its key. */
static bool request_fits(struct hq_call *call, const char *checkpoint,
                         uint8_t out_fingerprint[TLS_FINGERPRINT_SIZE])
{
    struct err_text err = {""};
    struct tls_identity asked;
    X509_REQ *request = NULL;
    if (call->size > EST_REQUEST_MAX) {
        hq_answer_error(call, 413, "request above %d bytes", EST_REQUEST_MAX);
        return false;
    }
    int rc = est_request_read(call->body, call->size, &request, &err);
    if (rc == 0)
        rc = est_request_identity(request, &asked, &err);
    if (rc == 0 && (asked.kind != TLS_PEER_CHECKPOINT || strcmp(asked.name, checkpoint) != 0))
        rc = err_set(&err, ERR_DENIED, "the request names another peer");
    if (rc == ERR_NOT_FOUND)
        rc = 0;
    if (rc == 0)
        rc = est_key_fingerprint(X509_REQ_get0_pubkey(request), out_fingerprint);
    X509_REQ_free(request);
    if (rc == 0)
        return true;
    hq_answer_error(call,
                    rc == ERR_TOO_LARGE   ? 413
                    : rc == ERR_DENIED    ? 403
                    : rc == ERR_NO_MEMORY ? 503
                                          : 400,
                    "%s", err.text[0] ? err.text : err_name(rc));
    return false;
}

static enum hq_step ask_issuer(struct hq_call *call, const char *checkpoint,
                               const uint8_t key[TLS_FINGERPRINT_SIZE])
{
    struct hqd *hq = call->hq;
    char request[EST_REQUEST_MAX + 1];
    size_t size = 0;
    for (size_t i = 0; i < call->size; i++) /* base64 in lines: hq-cad reads one */
        if (!strchr(" \t\r\n", call->body[i]))
            request[size++] = call->body[i];
    request[size] = '\0';
    struct issue *issue = calloc(1, sizeof(*issue));
    if (!issue)
        return hq_answer_error(call, 503, "out of memory");
    issue->hq = hq;
    memcpy(issue->key, key, sizeof(issue->key));
    int rc = hq->issuer.ask ? hq->issuer.ask(hq->issuer.impl, request, checkpoint, issued, issue)
                            : ERR_NOT_FOUND;
    if (rc != 0) {
        free(issue);
        return hq_answer_error(call, 503, "certificates cannot be issued now");
    }
    call->state = issue;
    call->state_free = issue_free;
    call->topics = HQ_TOPIC_ISSUED;
    return HQ_WAIT;
}

/* The new box of a checkpoint knows nothing of what the old one had: it is told all that stands,
 * and of the instructions those that the old one did not answer. Verdicts are no act but what its
 * next hit shows. It begins one new chain of each stream, which nobody need accept. */
static int begin_anew(struct hq_call *call, const char *checkpoint, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int rc = hq_db_exec(db,
                        "UPDATE checkpoints SET expected_streams = $2, inbox_acked = 0,"
                        " list_revision = NULL, list_hash = NULL, policy_version = NULL,"
                        " exempt_revision = NULL, retention_version = NULL, last_seen_ms = NULL"
                        " WHERE id = $1",
                        HQ_PARAMS(hq_text(checkpoint), hq_int(HQ_STREAMS_ALL)), err);
    return rc == 0 ? hq_db_exec(db,
                                "DELETE FROM inbox WHERE checkpoint = $1 AND number IN"
                                " (SELECT number FROM instructions WHERE checkpoint = $1"
                                " AND answered_ms IS NOT NULL AND kind <> 'verdict')",
                                HQ_PARAMS(hq_text(checkpoint)), err)
                   : rc;
}

/* The token is spent, and a person approves this key still. ERR_DENIED: somebody was faster. */
static int spend_token(struct hq_call *call, const char *checkpoint, const uint8_t *token_hash,
                       const struct issue *issue, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int64_t replaces = 0;
    int rc = hq_db_number(db, "SELECT replaces FROM tokens WHERE checkpoint = $1",
                          HQ_PARAMS(hq_text(checkpoint)), 0, &replaces, err);
    if (rc != 0)
        return rc;
    rc = hq_db_exec(db,
                    "DELETE FROM tokens WHERE checkpoint = $1 AND hash = $2 AND expires_ms > $3"
                    " AND ($4 = 1 OR approved = $5)",
                    HQ_PARAMS(hq_text(checkpoint), hq_blob(token_hash, HASH_SIZE),
                              hq_int(call->now.ms), hq_int(call->hq->token_alone),
                              hq_blob(issue->key, sizeof(issue->key))),
                    err);
    if (rc == 0 && hq_db_changed(db) == 0)
        return ERR_DENIED;
    if (rc == 0)
        rc = hq_db_exec(
            db, "UPDATE checkpoints SET revoked_ms = NULL, expected_streams = 0 WHERE id = $1",
            HQ_PARAMS(hq_text(checkpoint)), err);
    return rc == 0 && replaces ? begin_anew(call, checkpoint, err) : rc;
}

/* The certificate that asks for the next one was not ended meanwhile, by another hqd say: what it
 * gets would outlive that. */
static int check_renewing(struct hq_call *call, struct err_text *err)
{
    int64_t ended = 0;
    int rc = hq_db_number(
        &call->hq->db,
        "SELECT count(*) FROM certificates WHERE fingerprint = $1 AND revoked_ms IS NOT NULL",
        HQ_PARAMS(hq_blob(call->peer.fingerprint, TLS_FINGERPRINT_SIZE)), 0, &ended, err);
    return rc == 0 && ended > 0 ? ERR_DENIED : rc;
}

/* The token is spent, the certificate noted, the box let back: all or nothing. ERR_DENIED: not any
 * more. */
static int settle(struct hq_call *call, const char *checkpoint, const uint8_t *token_hash,
                  const struct issue *issue, const struct tls_cert_facts *facts,
                  struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int rc = hq_db_begin(db, err);
    if (rc == 0)
        rc = token_hash ? spend_token(call, checkpoint, token_hash, issue, err)
                        : check_renewing(call, err);
    if (rc == 0)
        rc = hq_certificate_issued(call->hq, checkpoint, facts, token_hash != NULL, err);
    if (rc == 0 && token_hash)
        rc = hq_db_change(db, HQ_DB_CHANGE_INBOX, err); /* who waits with an ended one is let go */
    if (rc == 0)
        rc = hq_db_commit(db, err);
    hq_db_rollback(db);
    return rc;
}

static enum hq_step answer_chain(struct hq_call *call, STACK_OF(X509) * chain)
{
    char *text = NULL;
    if (est_certificates_write(chain, &text) != 0)
        return hq_answer_error(call, 503, "out of memory");
    enum hq_step step = hq_answer_bytes(call, 200, "application/pkcs7-mime; smime-type=certs-only",
                                        text, strlen(text));
    free(text);
    return step;
}

static enum hq_step hand_out(struct hq_call *call, const struct issue *issue,
                             const char *checkpoint, const uint8_t *token_hash)
{
    struct err_text err = {""};
    struct tls_cert_facts facts;
    STACK_OF(X509) *chain = NULL;
    enum hq_step step = HQ_DONE;
    int rc = tls_pem_certificates(issue->chain_pem, strlen(issue->chain_pem), &chain, &err);
    if (rc == 0)
        rc = tls_cert_facts_of(sk_X509_value(chain, 0), &facts, &err);
    if (rc == 0 && (facts.identity.kind != TLS_PEER_CHECKPOINT ||
                    strcmp(facts.identity.name, checkpoint) != 0))
        rc = err_set(&err, ERR_CORRUPT, "hq-cad issued another name");
    if (rc == 0)
        rc = settle(call, checkpoint, token_hash, issue, &facts, &err);
    if (rc == 0) {
        log_event(EVENT_HQ_ENROLLED, "checkpoint=%s renewal=%d", checkpoint, !token_hash);
        step = answer_chain(call, chain);
    } else if (rc == ERR_DENIED && !token_hash)
        step = hq_answer_error(call, 403, "certificate: revoked");
    else
        step = rc == ERR_DENIED ? hq_answer_error(call, 401, "token: wrong, used or expired")
                                : hq_answer_failure(call, rc, &err);
    sk_X509_pop_free(chain, X509_free);
    return step;
}

/* hq-cad's answer, or none yet. */
static enum hq_step go_on(struct hq_call *call, const char *checkpoint, const uint8_t *token_hash)
{
    const struct issue *issue = call->state;
    if (!issue->answered && !call->last_run)
        return HQ_WAIT;
    if (!issue->answered)
        return hq_answer_error(call, 503, "certificates cannot be issued now");
    if (issue->rc == ERR_INVALID || issue->rc == ERR_DENIED)
        return hq_answer_error(call, 400, "%s", issue->why);
    if (issue->rc != 0)
        return hq_answer_error(call, 503, "certificates cannot be issued now");
    return hand_out(call, issue, checkpoint, token_hash);
}

/* 0: a person approved the request's key. ERR_BUSY: not yet, and it is noted who asks. */
static int check_approval(struct hq_call *call, const uint8_t hash[HASH_SIZE],
                          const uint8_t fingerprint[TLS_FINGERPRINT_SIZE], struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    const struct hq_value asked = hq_blob(fingerprint, TLS_FINGERPRINT_SIZE);
    int64_t approved = 0;
    int rc = hq_db_number(
        db, "SELECT count(*) FROM tokens WHERE checkpoint = $1 AND hash = $2 AND approved = $3",
        HQ_PARAMS(hq_text(call->user), hq_blob(hash, HASH_SIZE), asked), 0, &approved, err);
    if (rc != 0 || approved > 0)
        return rc;
    rc = hq_db_exec(
        db,
        "UPDATE tokens SET requested = $3, requested_ms = $4"
        " WHERE checkpoint = $1 AND hash = $2"
        " AND (requested IS NULL OR requested <> $3)",
        HQ_PARAMS(hq_text(call->user), hq_blob(hash, HASH_SIZE), asked, hq_int(call->now.ms)), err);
    return rc == 0 ? ERR_BUSY : rc;
}

/* RFC 7030 section 4.2.3: 202 with Retry-After while a person has yet to approve. */
static enum hq_step hold(struct hq_call *call, const uint8_t fingerprint[TLS_FINGERPRINT_SIZE])
{
    char text[HASH_TEXT_SIZE];
    hash_format(fingerprint, text);
    enum hq_step step = hq_answer_json(
        call, 202, json_pack("{s:s,s:s}", "fingerprint", text, "state", "waits for approval"));
    call->answer.retry = true;
    return step;
}

static bool token_good(struct hq_call *call, const uint8_t hash[HASH_SIZE])
{
    int64_t count = 0;
    return hq_db_number(
               &call->hq->db,
               "SELECT count(*) FROM tokens WHERE checkpoint = $1 AND hash = $2"
               " AND expires_ms > $3",
               HQ_PARAMS(hq_text(call->user), hq_blob(hash, HASH_SIZE), hq_int(call->now.ms)), 0,
               &count, NULL) == 0 &&
           count == 1;
}

enum hq_step hq_est_enroll(struct hq_call *call)
{
    struct err_text err = {""};
    uint8_t hash[HASH_SIZE];
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    if (!call->user || !call->password || !tls_label_ok(call->user))
        return hq_answer_error(call, 401, "HTTP Basic: checkpoint id and token expected");
    if (hash_bytes(call->password, strlen(call->password), hash) != 0)
        return hq_answer_error(call, 503, "out of memory");
    if (call->state)
        return go_on(call, call->user, hash);
    if (!token_good(call, hash))
        return hq_answer_error(call, 401, "token: wrong, used or expired");
    if (!request_fits(call, call->user, fingerprint))
        return HQ_DONE;
    int rc = call->hq->token_alone ? 0 : check_approval(call, hash, fingerprint, &err);
    if (rc == ERR_BUSY)
        return hold(call, fingerprint);
    return rc == 0 ? ask_issuer(call, call->user, fingerprint) : hq_answer_failure(call, rc, &err);
}

enum hq_step hq_est_reenroll(struct hq_call *call)
{
    const char *checkpoint = call->peer.identity.name;
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    if (call->state)
        return go_on(call, checkpoint, NULL);
    return request_fits(call, checkpoint, fingerprint) ? ask_issuer(call, checkpoint, fingerprint)
                                                       : HQ_DONE;
}
