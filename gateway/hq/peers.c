/*
 * Who may speak: a row for every checkpoint, certificate and operator, looked at on each request.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/own.h"
#include "gateway/tls/issue.h"

enum { SEEN_EVERY_MS = 60 * 1000, BACK_EVERY_MS = 3600 * 1000 };

struct row {
    bool found;
    bool revoked;
    int64_t last_seen_ms;
    int64_t enrolled_ms;
    bool of_replaced_box; /* the certificate shown */
};

struct certificate_row {
    bool found;
    bool revoked;
    bool shown;
    int64_t issued_ms;
    int64_t replaced_ms; /* its box was replaced then, 0: no */
    int64_t back_ms;     /* and showed it since */
};

struct operator_row {
    struct row row;
    unsigned roles;
    bool bound; /* to this certificate */
    uint8_t certificate[TLS_FINGERPRINT_SIZE];
};

static int take_row(void *ctx, const struct hq_value *columns, size_t count)
{
    if (count != 3)
        return ERR_CORRUPT;
    *(struct row *)ctx = (struct row){.found = true,
                                      .revoked = columns[0].type != HQ_NULL,
                                      .last_seen_ms = columns[1].number,
                                      .enrolled_ms = columns[2].number};
    return 0;
}

/* At most once a minute, and again when the clock went back. */
static void note_seen(struct hq_call *call, const struct row *row, const char *sql)
{
    struct err_text err = {""};
    int64_t age_ms = call->now.ms - row->last_seen_ms;
    if (age_ms >= 0 && age_ms < SEEN_EVERY_MS)
        return;
    int rc = hq_db_exec(&call->hq->db, sql,
                        HQ_PARAMS(hq_text(call->peer.identity.name), hq_int(call->now.ms)), &err);
    hqd_noted(call->hq, rc, &err);
}

static int note_certificate(struct hqd *hq, const char *checkpoint,
                            const struct tls_cert_facts *facts, int64_t issued_ms,
                            struct err_text *err)
{
    return hq_db_exec(&hq->db,
                      "INSERT INTO certificates(fingerprint, checkpoint, until_ms, issued_ms)"
                      " VALUES($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                      HQ_PARAMS(hq_blob(facts->fingerprint, TLS_FINGERPRINT_SIZE),
                                hq_text(checkpoint), hq_int(facts->not_after.ms),
                                hq_int(issued_ms)),
                      err);
}

int hq_certificate_issued(struct hqd *hq, const char *checkpoint,
                          const struct tls_cert_facts *facts, bool first, struct err_text *err)
{
    int rc =
        first ? hq_db_exec(&hq->db,
                           "UPDATE certificates SET revoked_ms = $2"
                           " WHERE checkpoint = $1 AND revoked_ms IS NULL",
                           HQ_PARAMS(hq_text(checkpoint), hq_int(clock_wall(&hq->clock).ms)), err)
              : 0;
    if (rc == 0)
        rc = note_certificate(hq, checkpoint, facts, clock_wall(&hq->clock).ms, err);
    if (rc == 0)
        rc = hq_db_exec(&hq->db,
                        "UPDATE checkpoints SET certificate_until_ms = $2,"
                        " enrolled_ms = CASE WHEN $3 = 1 THEN $4 ELSE enrolled_ms END"
                        " WHERE id = $1",
                        HQ_PARAMS(hq_text(checkpoint), hq_int(facts->not_after.ms), hq_int(first),
                                  hq_int(clock_wall(&hq->clock).ms)),
                        err);
    return rc;
}

/* revoked, shown, issued, replaced, back */
static int take_certificate(void *ctx, const struct hq_value *columns, size_t count)
{
    if (count != 5)
        return ERR_CORRUPT;
    *(struct certificate_row *)ctx = (struct certificate_row){.found = true,
                                                              .revoked = columns[0].type != HQ_NULL,
                                                              .shown = columns[1].type != HQ_NULL,
                                                              .issued_ms = columns[2].number,
                                                              .replaced_ms = columns[3].number,
                                                              .back_ms = columns[4].number};
    return 0;
}

/* What the transaction of a certificate's first showing does: it is noted as shown, those that
 * `others` (a condition, $4 is issued_ms) names end, and who waits with one of them is let go. */
static int show(struct hq_call *call, int64_t issued_ms, const char *others, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    const struct hq_value own = hq_blob(call->peer.fingerprint, TLS_FINGERPRINT_SIZE);
    int rc = hq_db_exec(db, "UPDATE certificates SET shown_ms = $2 WHERE fingerprint = $1",
                        HQ_PARAMS(own, hq_int(call->now.ms)), err);
    if (rc == 0)
        rc = hq_db_exec(db, others,
                        HQ_PARAMS(own, hq_text(call->peer.identity.name), hq_int(call->now.ms),
                                  hq_int(issued_ms)),
                        err);
    if (rc == 0 && hq_db_changed(db) > 0)
        rc = hq_db_change(db, HQ_DB_CHANGE_INBOX, err);
    return rc;
}

/* The box has its renewed certificate in place: from here on the ones it had, and those issued
 * before that it never got, are refused everywhere. */
static int end_earlier(struct hq_call *call, int64_t issued_ms, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int rc = hq_db_begin(db, err);
    if (rc == 0)
        rc = show(call, issued_ms,
                  "UPDATE certificates SET revoked_ms = $3 WHERE checkpoint = $2"
                  " AND fingerprint <> $1 AND revoked_ms IS NULL"
                  " AND (shown_ms IS NOT NULL OR issued_ms <= $4)",
                  err);
    if (rc == 0)
        rc = hq_db_commit(db, err);
    hq_db_rollback(db);
    return rc;
}

/* One this database never issued: of an issuing CA that is not ours to run, or renewed since a
 * backup that was put back. Noted, so that a new enrolment ends it; those issued before it end as
 * by a renewal, for the box has gone on from them. */
static int note_unknown(struct hq_call *call, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    const int64_t issued_ms = call->peer.not_before.ms + TLS_BACKDATE_S * INT64_C(1000);
    int rc = hq_db_begin(db, err);
    if (rc == 0)
        rc = note_certificate(call->hq, call->peer.identity.name, &call->peer, issued_ms, err);
    if (rc == 0)
        rc = show(call, issued_ms,
                  "UPDATE certificates SET revoked_ms = $3 WHERE checkpoint = $2"
                  " AND fingerprint <> $1 AND revoked_ms IS NULL AND issued_ms < $4",
                  err);
    if (rc == 0)
        rc = hq_db_exec(
            db,
            "UPDATE checkpoints SET certificate_until_ms = $2 WHERE id = $1"
            " AND (certificate_until_ms IS NULL OR certificate_until_ms < $2)",
            HQ_PARAMS(hq_text(call->peer.identity.name), hq_int(call->peer.not_after.ms)), err);
    if (rc == 0)
        rc = hq_db_commit(db, err);
    hq_db_rollback(db);
    return rc;
}

/* A box whose place another one has taken: told, and put on record, once an hour for each of its
 * certificates. */
static int tell_two_boxes(struct hq_call *call, const struct certificate_row *c,
                          struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    char hash[HASH_TEXT_SIZE];
    char about[HQ_ABOUT_SIZE];
    if (c->back_ms > 0 && call->now.ms - c->back_ms < BACK_EVERY_MS && call->now.ms >= c->back_ms)
        return 0;
    hash_format(call->peer.fingerprint, hash);
    (void)snprintf(about, sizeof(about), "%s certificate %s of a box that was replaced",
                   call->peer.identity.name, hash); /* fits */
    log_event(EVENT_HQ_TWO_BOXES, "checkpoint=%s certificate=%s", call->peer.identity.name, hash);
    int rc = hq_db_begin(db, err);
    if (rc == 0)
        rc = hq_db_exec(
            db, "UPDATE certificates SET back_ms = $2 WHERE fingerprint = $1",
            HQ_PARAMS(hq_blob(call->peer.fingerprint, TLS_FINGERPRINT_SIZE), hq_int(call->now.ms)),
            err);
    if (rc == 0)
        rc = hq_own_append(db, "hqd",
                           json_pack("{s:s,s:s,s:s}", "what", "checkpoint.two_boxes", "about",
                                     about, "person", "hqd"),
                           call->now, err);
    if (rc == 0)
        rc = hq_db_commit(db, err);
    hq_db_rollback(db);
    return rc;
}

static int load_certificate(struct hq_call *call, struct certificate_row *out, struct err_text *err)
{
    return hq_db_query(&call->hq->db,
                       "SELECT revoked_ms, shown_ms, issued_ms, replaced_ms, back_ms"
                       " FROM certificates WHERE fingerprint = $1",
                       HQ_PARAMS(hq_blob(call->peer.fingerprint, TLS_FINGERPRINT_SIZE)),
                       take_certificate, out, err);
}

static int check_box(struct hq_call *call, struct row *row, struct err_text *err)
{
    struct hqd *hq = call->hq;
    const char *id = call->peer.identity.name;
    struct certificate_row certificate = {0};
    struct err_text why = {""};
    int rc = hq_db_query(&hq->db,
                         "SELECT revoked_ms, last_seen_ms, enrolled_ms FROM checkpoints"
                         " WHERE id = $1",
                         HQ_PARAMS(hq_text(id)), take_row, row, err);
    if (rc != 0 || !row->found)
        return rc;
    rc = load_certificate(call, &certificate, err);
    row->of_replaced_box = certificate.replaced_ms > 0;
    if (rc != 0 || row->revoked)
        return rc;
    row->revoked = certificate.revoked;
    /* Made before the last enrolment it has ended, though it was never shown here. */
    if (!certificate.found && call->peer.not_before.ms < row->enrolled_ms)
        row->revoked = true;
    else if (!certificate.found)
        rc = note_unknown(call, err);
    else if (row->of_replaced_box && row->enrolled_ms > certificate.replaced_ms)
        hqd_noted(hq, tell_two_boxes(call, &certificate, &why), &why);
    else if (!row->revoked && !certificate.shown)
        hqd_noted(hq, end_earlier(call, certificate.issued_ms, &why), &why);
    if (rc == 0 && !row->revoked)
        note_seen(call, row, "UPDATE checkpoints SET last_seen_ms = $2 WHERE id = $1");
    return rc;
}

/* revoked, last seen, roles, certificate */
static int take_operator(void *ctx, const struct hq_value *columns, size_t count)
{
    struct operator_row *out = ctx;
    if (count != 4)
        return ERR_CORRUPT;
    out->row = (struct row){
        .found = true, .revoked = columns[0].type != HQ_NULL, .last_seen_ms = columns[1].number};
    out->roles = (unsigned)columns[2].number & HQ_ROLES_ALL;
    out->bound = columns[3].size == TLS_FINGERPRINT_SIZE;
    if (out->bound)
        memcpy(out->certificate, columns[3].data, TLS_FINGERPRINT_SIZE);
    return 0;
}

static int check_operator(struct hq_call *call, struct row *row, struct err_text *err)
{
    struct operator_row found = {0};
    struct hqd *hq = call->hq;
    const char *name = call->peer.identity.name;
    if (strcmp(call->peer.identity.fleet, hq->keyset->fleet) != 0)
        return 0;
    int rc = hq_db_query(&hq->db,
                         "SELECT revoked_ms, last_seen_ms, roles, certificate FROM operators"
                         " WHERE name = $1",
                         HQ_PARAMS(hq_text(name)), take_operator, &found, err);
    *row = found.row;
    call->roles = found.roles;
    if (found.bound && memcmp(found.certificate, call->peer.fingerprint, TLS_FINGERPRINT_SIZE) != 0)
        row->revoked = true; /* another certificate of this name: an earlier one */
    if (rc == 0 && row->found && !row->revoked)
        note_seen(call, row, "UPDATE operators SET last_seen_ms = $2 WHERE name = $1");
    return rc;
}

static enum hq_step refuse(struct hq_call *call, const char *why)
{
    call->answer.close = true;
    return hq_answer_error(call, 403, "%s", why);
}

enum hq_step hq_peer_check(struct hq_call *call)
{
    struct err_text err = {""};
    struct row row = {0};
    int rc = 0;
    if (call->now.ms > call->peer.not_after.ms || call->now.ms < call->peer.not_before.ms)
        return refuse(call, "certificate: not valid now");
    switch (call->peer.identity.kind) {
    case TLS_PEER_CHECKPOINT:
        rc = check_box(call, &row, &err);
        break;
    case TLS_PEER_OPERATOR:
        rc = check_operator(call, &row, &err);
        break;
    case TLS_PEER_HQ:
    case TLS_PEER_CONSOLE:
    case TLS_PEER_TABLET:
        break; /* none of them is a client of headquarters */
    }
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    if (!row.found)
        return refuse(call, "certificate: its holder is not known here");
    if (row.revoked && row.of_replaced_box)
        return refuse(call, "certificate: of a box that was replaced by another one; take this one "
                            "out of service");
    if (row.revoked)
        return refuse(call, "certificate: revoked");
    return HQ_AGAIN;
}
