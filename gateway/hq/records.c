/*
 * See records.h. No state of its own: all of it is in the database.
 */
#include "gateway/hq/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/hq/calls.h"
#include "gateway/hq/journals.h"
#include "gateway/hq/self_tests.h"

enum { MANY_BYTES = 16 * 1024 };

struct ingest {
    struct hq_db *db;
    const char *checkpoint;
    enum hq_stream stream;
    struct wall_time now;
    bool chain_known;
    bool other_stream; /* the chain is held as one of the other stream */
    bool ordered;      /* hq_db_change was called: numbers may be drawn */
    bool gap_known;    /* it stands already */
    bool expected;     /* the next chain of the stream is that of a box put in another's place */
    int64_t beyond;    /* the last sequence told beyond a gap */
    bool many;         /* records in this body */
    struct hq_ingest *out;
};

static int take_chain(void *ctx, const struct hq_value *columns, size_t count)
{
    struct ingest *in = ctx;
    if (count != 7)
        return ERR_CORRUPT;
    in->expected = (columns[6].number & (1 << in->stream)) != 0;
    if (columns[0].type != HQ_TEXT)
        return 0; /* a chain not held yet */
    if (columns[2].size != JOURNAL_HASH_SIZE)
        return ERR_CORRUPT;
    in->chain_known = true;
    in->other_stream = columns[5].number != (int64_t)in->stream;
    in->out->quarantined = columns[0].size != 6; /* "active" */
    in->out->head.sequence = (uint64_t)columns[1].number;
    memcpy(in->out->head.hash, columns[2].data, JOURNAL_HASH_SIZE);
    if (columns[3].type == HQ_TEXT)
        (void)snprintf(in->out->reason, HQ_REASON_SIZE, "%.*s", (int)columns[3].size,
                       columns[3].data); /* written by us, fits */
    in->gap_known = columns[4].type == HQ_INT;
    return 0;
}

static struct hq_value chain_of(const struct ingest *in)
{
    return hq_blob(in->out->head.chain, JOURNAL_CHAIN_ID_SIZE);
}

static int quarantine(struct ingest *in, const char *reason, struct err_text *err)
{
    in->out->quarantined = true;
    in->out->broke = true;
    (void)snprintf(in->out->reason, HQ_REASON_SIZE, "%s", reason); /* a cut reason still reads */
    return hq_db_exec(in->db,
                      "UPDATE chains SET state = 'quarantined', reason = $3"
                      " WHERE checkpoint = $1 AND chain = $2",
                      HQ_PARAMS(hq_text(in->checkpoint), chain_of(in), hq_text(in->out->reason)),
                      err);
}

/* The chain that was expected has come, or the old one goes on: no other is taken unseen. */
static int end_expected(struct ingest *in, struct err_text *err)
{
    return hq_db_exec(in->db,
                      "UPDATE checkpoints SET expected_streams = expected_streams - $2"
                      " WHERE id = $1",
                      HQ_PARAMS(hq_text(in->checkpoint), hq_int(1 << in->stream)), err);
}

/* Who had the box replaced accepted its new chain with it. */
static int note_expected(struct ingest *in, struct err_text *err)
{
    return hq_db_exec(in->db,
                      "UPDATE chains SET accepted_by = (SELECT replaced_by FROM checkpoints"
                      " WHERE id = $1), accept_reason = (SELECT replace_reason FROM checkpoints"
                      " WHERE id = $1), accepted_ms = $3 WHERE checkpoint = $1 AND chain = $2",
                      HQ_PARAMS(hq_text(in->checkpoint), chain_of(in), hq_int(in->now.ms)), err);
}

/* Finds the chain of the first record, or opens it: the first of a checkpoint's stream is active.
 */
static int open_chain(struct ingest *in, const struct journal_header *header, struct err_text *err)
{
    int64_t others = 0;
    memcpy(in->out->head.chain, header->chain, JOURNAL_CHAIN_ID_SIZE);
    int rc = hq_db_query(in->db,
                         "SELECT c.state, c.sequence, c.head, c.reason, c.gap_ms, c.stream,"
                         " coalesce(p.expected_streams, 0) FROM (SELECT 1 AS one) k"
                         " LEFT JOIN chains c ON c.checkpoint = $1 AND c.chain = $2"
                         " LEFT JOIN checkpoints p ON p.id = $1",
                         HQ_PARAMS(hq_text(in->checkpoint), chain_of(in)), take_chain, in, err);
    if (rc == 0 && in->other_stream)
        return err_set(err, ERR_INVALID, "the chain is another stream's of this checkpoint");
    if (rc == 0 && in->expected)
        rc = end_expected(in, err);
    if (rc != 0 || in->chain_known)
        return rc;
    in->chain_known = true;
    rc = hq_db_number(in->db, "SELECT count(*) FROM chains WHERE checkpoint = $1 AND stream = $2",
                      HQ_PARAMS(hq_text(in->checkpoint), hq_int(in->stream)), 0, &others, err);
    if (rc == 0)
        rc = hq_db_exec(in->db,
                        "INSERT INTO chains(checkpoint, chain, state, sequence, head, opened_ms,"
                        " stream) VALUES($1, $2, 'active', 0, $3, $4, $5)",
                        HQ_PARAMS(hq_text(in->checkpoint), chain_of(in),
                                  hq_blob(in->out->head.hash, JOURNAL_HASH_SIZE),
                                  hq_int(in->now.ms), hq_int(in->stream)),
                        err);
    if (rc == 0 && in->expected)
        rc = note_expected(in, err);
    else if (rc == 0 && others > 0)
        rc = quarantine(in, "new chain beside the one held", err);
    return rc;
}

/* Before the first row that operators follow by its number. */
static int draw_in_order(struct ingest *in, struct err_text *err)
{
    int rc = in->ordered ? 0 : hq_db_change(in->db, HQ_DB_CHANGE_HITS, err);
    in->ordered = rc == 0;
    return rc;
}

/* Finds a hit by what it says, not by its sequence alone: a box put back to an earlier state tells
 * other hits under old sequences, and none of them may hide another. One of the chain's whose body
 * went at the end of its term ("{}") is there. */
static int mark_hit(struct ingest *in, const struct journal_record *r, bool provisional,
                    bool *out_there, struct err_text *err)
{
    int rc = hq_db_exec(
        in->db,
        "UPDATE hits SET provisional = CASE WHEN $5 = 0 THEN 0 ELSE provisional END"
        " WHERE checkpoint = $1 AND chain = $2 AND sequence = $3"
        " AND (body = $4 OR (body = $6 AND provisional = 0))",
        HQ_PARAMS(hq_text(in->checkpoint), chain_of(in), hq_int((int64_t)r->header.sequence),
                  hq_blob(r->body, r->body_size), hq_int(provisional), hq_blob("{}", 2)),
        err);
    if (rc == 0)
        *out_there = hq_db_changed(in->db) > 0;
    return rc;
}

/* The chain's hit replaces provisional ones that say something else. */
static int put_hit(struct ingest *in, const struct journal_record *r, bool provisional,
                   struct err_text *err)
{
    const struct hq_value sequence = hq_int((int64_t)r->header.sequence);
    bool there = false;
    int rc = mark_hit(in, r, provisional, &there, err);
    if (rc == 0 && !there && !provisional)
        rc = hq_db_exec(in->db,
                        "DELETE FROM hits WHERE checkpoint = $1 AND chain = $2 AND sequence = $3"
                        " AND provisional = 1",
                        HQ_PARAMS(hq_text(in->checkpoint), chain_of(in), sequence), err);
    if (rc == 0 && !there)
        rc = draw_in_order(in, err);
    if (rc != 0 || there)
        return rc;
    rc = hq_db_queue(in->db,
                     "INSERT INTO hits(checkpoint, chain, sequence, time_ms, received_ms,"
                     " provisional, body) VALUES($1, $2, $3, $4, $5, $6, $7)",
                     HQ_PARAMS(hq_text(in->checkpoint), chain_of(in), sequence,
                               hq_int(r->header.wall.ms), hq_int(in->now.ms), hq_int(provisional),
                               hq_blob(r->body, r->body_size)),
                     err);
    in->out->hits += rc == 0;
    return rc;
}

/* Bodies are handed on verbatim inside JSON answers, so one that is none is no record. */
static int check_body(const struct journal_record *r, struct err_text *err)
{
    json_t *body = NULL;
    if (!r->has_body || json_is_canonical_object(r->body, r->body_size))
        return 0;
    int rc = json_parse(r->body, r->body_size, &body, err);
    if (rc != 0)
        return err_prefix(err, rc, "body");
    bool object = json_is_object(body);
    json_decref(body);
    return object ? 0 : err_set(err, ERR_INVALID, "body: expected a JSON object");
}

/* Nothing but what is sealed comes over the second chain, and that comes over no other: a hit there
 * would be shown to all. */
static int check_stream(const struct ingest *in, const struct journal_record *r,
                        struct err_text *err)
{
    char kind[JOURNAL_KIND_TEXT_SIZE];
    bool either = r->header.kind == JOURNAL_START || r->header.kind == JOURNAL_STOP ||
                  r->header.kind == JOURNAL_SEAL;
    bool sealed = r->header.kind == JOURNAL_OBSERVED;
    if (either || sealed == (in->stream == HQ_STREAM_OBSERVE))
        return 0;
    journal_kind_text(r->header.kind, kind);
    return err_set(err, ERR_INVALID, "a record '%s' in the other stream's chain", kind);
}

/* What people follow by its number; the body stays in the record. */
static int put_observed(struct ingest *in, const struct journal_record *r, struct err_text *err)
{
    int rc = draw_in_order(in, err);
    if (rc != 0)
        return rc;
    return hq_db_queue(
        in->db, "INSERT INTO observed(checkpoint, chain, sequence) VALUES($1, $2, $3)",
        HQ_PARAMS(hq_text(in->checkpoint), chain_of(in), hq_int((int64_t)r->header.sequence)), err);
}

/* A sequence HQ holds already: the same record is a repeat, another one a fork. */
static int check_repeat(struct ingest *in, const struct journal_record *r, struct err_text *err)
{
    uint8_t hash[JOURNAL_HASH_SIZE];
    int64_t same = 0;
    int rc = journal_hash(r->bytes, hash);
    if (rc == 0)
        rc = hq_db_number(in->db,
                          "SELECT count(*) FROM records WHERE checkpoint = $1 AND chain = $2"
                          " AND sequence = $3 AND hash = $4",
                          HQ_PARAMS(hq_text(in->checkpoint), chain_of(in),
                                    hq_int((int64_t)r->header.sequence),
                                    hq_blob(hash, sizeof(hash))),
                          0, &same, err);
    if (rc != 0)
        return rc;
    in->out->repeated += same > 0;
    return same > 0 ? 0 : quarantine(in, "another record under a sequence held", err);
}

/* An officer's answer to a hit; the chain brings each once. */
static int put_answer(struct ingest *in, const struct journal_record *r, struct err_text *err)
{
    int rc = draw_in_order(in, err);
    if (rc != 0)
        return rc;
    return hq_db_queue(
        in->db,
        "INSERT INTO answers(checkpoint, chain, sequence, time_ms, received_ms, body)"
        " VALUES($1, $2, $3, $4, $5, $6)",
        HQ_PARAMS(hq_text(in->checkpoint), chain_of(in), hq_int((int64_t)r->header.sequence),
                  hq_int(r->header.wall.ms), hq_int(in->now.ms), hq_blob(r->body, r->body_size)),
        err);
}

/* A COPY costs a round trip to begin and one to end: worth it for many. */
static int put_record(struct ingest *in, const struct hq_value *values, size_t count,
                      struct err_text *err)
{
    static const struct hq_rows records = {
        "INSERT INTO records(checkpoint, chain, sequence, hash, kind, time_ms, received_ms, line)"
        " VALUES($1, $2, $3, $4, $5, $6, $7, $8)",
        "COPY records(checkpoint, chain, sequence, hash, kind, time_ms, received_ms, line)"
        " FROM STDIN (FORMAT binary)"};
    return in->many ? hq_db_add_row(in->db, &records, values, count, err)
                    : hq_db_queue(in->db, records.insert, values, count, err);
}

static int store_record(struct ingest *in, const struct journal_record *r, const char *line,
                        size_t size, struct err_text *err)
{
    char kind[JOURNAL_KIND_TEXT_SIZE];
    journal_kind_text(r->header.kind, kind);
    in->out->stored++;
    int rc = put_record(
        in,
        HQ_PARAMS(hq_text(in->checkpoint), chain_of(in), hq_int((int64_t)r->header.sequence),
                  hq_blob(in->out->head.hash, JOURNAL_HASH_SIZE), hq_text(kind),
                  hq_int(r->header.wall.ms), hq_int(in->now.ms), hq_blob(line, size)),
        err);
    if (rc == 0 && r->header.kind == JOURNAL_HIT_ANSWER && r->has_body)
        rc = put_answer(in, r, err);
    if (rc == 0 && r->header.kind == JOURNAL_INSTRUCTION && r->has_body)
        rc = hq_instruction_answered(in->db, in->checkpoint, r, err);
    if (rc == 0 && r->header.kind == JOURNAL_OBSERVED)
        rc = put_observed(in, r, err);
    if (rc == 0)
        rc = hq_self_test_note(in->db, in->checkpoint, r, in->now, err);
    if (rc == 0)
        rc = hq_call_note(in->db, in->checkpoint, r, in->now, err);
    return rc;
}

/* The box has what lies between: a chain cannot be had without it. */
static void note_gap(struct ingest *in, const struct journal_header *header)
{
    in->out->gap = true;
    if ((int64_t)header->sequence > in->beyond)
        in->beyond = (int64_t)header->sequence;
}

static int take_record(struct ingest *in, const struct journal_record *r, const char *line,
                       size_t size, struct err_text *err)
{
    struct err_text why = {""};
    int rc = check_stream(in, r, err);
    if (rc == 0 && !in->chain_known)
        rc = open_chain(in, &r->header, err);
    if (rc != 0)
        return rc;
    if (memcmp(r->header.chain, in->out->head.chain, JOURNAL_CHAIN_ID_SIZE) != 0)
        return err_set(err, ERR_INVALID, "two chains in one body");
    if (!in->out->quarantined) {
        bool beyond = r->header.sequence > in->out->head.sequence + 1;
        int follows = r->header.sequence <= in->out->head.sequence ? ERR_STALE
                      : beyond                                     ? ERR_NOT_FOUND
                               : journal_head_follow(&in->out->head, r, &why);
        if (beyond)
            note_gap(in, &r->header);
        else if (follows == 0)
            rc = store_record(in, r, line, size, err);
        else if (follows == ERR_STALE)
            rc = check_repeat(in, r, err);
        else if (follows == ERR_NO_MEMORY)
            rc = follows;
        else
            rc = quarantine(in, why.text, err);
    }
    if (rc == 0 && r->header.kind == JOURNAL_HIT && r->has_body)
        rc = put_hit(in, r, in->out->quarantined || in->out->gap, err);
    return rc;
}

static int take_lines(struct ingest *in, const char *body, size_t size, struct err_text *err)
{
    char source[128];
    int line_number = 0;
    int rc = 0;
    (void)snprintf(source, sizeof(source), "urn:checkpoint:%s", in->checkpoint); /* an id fits */
    for (size_t at = 0; rc == 0 && at < size;) {
        const char *end = memchr(body + at, '\n', size - at);
        size_t length = end ? (size_t)(end - body) - at : size - at;
        struct journal_wire wire;
        line_number++;
        rc = journal_wire_read(body + at, length, &wire, err);
        if (rc == 0) {
            rc = strcmp(wire.source, source) == 0
                     ? check_body(&wire.record, err)
                     : err_set(err, ERR_INVALID, "source of another checkpoint");
            if (rc == 0)
                rc = take_record(in, &wire.record, body + at, length, err);
            journal_wire_free(&wire);
        }
        at += length + 1;
    }
    if (rc == 0 && line_number == 0)
        return err_set(err, ERR_INVALID, "no record");
    return rc == 0 ? 0 : err_prefix(err, rc, "line %d", line_number);
}

/* Urgent records the chain has reached; one that says something else stays, as evidence. */
static int drop_urgents(struct ingest *in, struct err_text *err)
{
    return hq_db_queue(
        in->db,
        "DELETE FROM urgents WHERE checkpoint = $1 AND chain = $2 AND sequence <= $3"
        " AND line = (SELECT r.line FROM records r WHERE r.checkpoint = $1"
        " AND r.chain = $2 AND r.sequence = urgents.sequence)",
        HQ_PARAMS(hq_text(in->checkpoint), chain_of(in), hq_int((int64_t)in->out->head.sequence)),
        err);
}

/* A gap stands until the chain goes on without one; that there are records beyond is kept. */
static int store_gap(struct ingest *in, struct err_text *err)
{
    in->out->gap_new = !in->gap_known;
    int rc = in->gap_known
                 ? 0
                 : hq_db_exec(
                       in->db, "UPDATE chains SET gap_ms = $3 WHERE checkpoint = $1 AND chain = $2",
                       HQ_PARAMS(hq_text(in->checkpoint), chain_of(in), hq_int(in->now.ms)), err);
    return rc == 0 ? hq_journal_raise(in->db, in->checkpoint, in->out->head.chain, in->beyond,
                                      in->now, err)
                   : rc;
}

/* Where the chain stands now; a receipt kept before gives way to a new one only. */
static int store_head(struct ingest *in, const char *receipt, struct err_text *err)
{
    const struct hq_value sequence = hq_int((int64_t)in->out->head.sequence);
    const struct hq_value head = hq_blob(in->out->head.hash, JOURNAL_HASH_SIZE);
    if (!receipt)
        return hq_db_queue(in->db,
                           "UPDATE chains SET sequence = $3, head = $4"
                           " WHERE checkpoint = $1 AND chain = $2",
                           HQ_PARAMS(hq_text(in->checkpoint), chain_of(in), sequence, head), err);
    return hq_db_queue(in->db,
                       "UPDATE chains SET sequence = $3, head = $4, receipt = $5, gap_ms = NULL"
                       " WHERE checkpoint = $1 AND chain = $2",
                       HQ_PARAMS(hq_text(in->checkpoint), chain_of(in), sequence, head,
                                 hq_blob(receipt, strlen(receipt))),
                       err);
}

int hq_records_take(struct hq_db *db, enum hq_stream stream, const char *checkpoint,
                    const char *body, size_t size, struct wall_time now, hq_receipt_cb make,
                    void *ctx, struct hq_ingest *out, char **out_receipt, struct err_text *err)
{
    struct hq_ingest result = {0};
    struct ingest in = {.db = db,
                        .stream = stream,
                        .checkpoint = checkpoint,
                        .now = now,
                        .many = size >= MANY_BYTES,
                        .out = &result};
    char *receipt = NULL;
    if (size > HQ_BODY_MAX)
        return err_set(err, ERR_TOO_LARGE, "body of %zu bytes, limit %d", size, HQ_BODY_MAX);
    int rc = hq_db_begin_scope(db, checkpoint, err);
    if (rc == 0)
        rc = take_lines(&in, body, size, err);
    if (rc == 0 && result.gap && !result.quarantined)
        rc = store_gap(&in, err);
    if (rc == 0 && make && !result.quarantined && !result.gap)
        receipt = make(ctx, &result.head);
    if (rc == 0)
        rc = store_head(&in, receipt, err);
    if (rc == 0 && result.stored > 0)
        rc = drop_urgents(&in, err);
    if (rc == 0)
        rc = hq_db_commit(db, err);
    hq_db_rollback(db);
    if (rc != 0) {
        free(receipt);
        return rc;
    }
    *out = result;
    *out_receipt = receipt;
    return 0;
}

int hq_records_ingest(struct hq_db *db, const char *checkpoint, const char *body, size_t size,
                      struct wall_time now, struct hq_ingest *out, struct err_text *err)
{
    char *none = NULL;
    return hq_records_take(db, HQ_STREAM_JOURNAL, checkpoint, body, size, now, NULL, NULL, out,
                           &none, err);
}

/* With a new chain ends what it takes the place of: the older ones of its stream that broke. A box
 * that begins its journal anew does so with its second chain too, and that is the same decision. */
static int accept_along(struct hq_db *db, const char *checkpoint, const struct hq_value *chain,
                        const char *operator_name, const char *reason, struct wall_time now,
                        struct err_text *err)
{
    return hq_db_exec(
        db,
        "UPDATE chains SET state = 'active', reason = NULL, accepted_by = $3, accept_reason = $4,"
        " accepted_ms = $5 WHERE checkpoint = $1 AND chain <> $2 AND state = 'quarantined'"
        " AND EXISTS(SELECT 1 FROM chains n WHERE n.checkpoint = $1 AND n.chain = $2"
        " AND n.sequence = 0 AND ((n.stream = chains.stream AND chains.sequence > 0"
        " AND chains.opened_ms <= n.opened_ms) OR (n.stream = 0 AND chains.stream = 1)))",
        HQ_PARAMS(hq_text(checkpoint), *chain, hq_text(operator_name), hq_text(reason),
                  hq_int(now.ms)),
        err);
}

int hq_records_accept(struct hq_db *db, const char *checkpoint,
                      const uint8_t chain[JOURNAL_CHAIN_ID_SIZE], const char *operator_name,
                      const char *reason, struct wall_time now, struct err_text *err)
{
    const struct hq_value id = hq_blob(chain, JOURNAL_CHAIN_ID_SIZE);
    int rc = hq_db_exec(
        db,
        "UPDATE chains SET state = 'active', reason = NULL, accepted_by = $3,"
        " accept_reason = $4, accepted_ms = $5"
        " WHERE checkpoint = $1 AND chain = $2 AND state = 'quarantined'",
        HQ_PARAMS(hq_text(checkpoint), id, hq_text(operator_name), hq_text(reason), hq_int(now.ms)),
        err);
    if (rc == 0 && hq_db_changed(db) == 0)
        return err_set(err, ERR_NOT_FOUND, "no such chain in quarantine");
    return rc == 0 ? accept_along(db, checkpoint, &id, operator_name, reason, now, err) : rc;
}

static int take_urgent(struct ingest *in, const struct journal_record *r, const char *line,
                       size_t size, bool *out_new, struct err_text *err)
{
    char kind[JOURNAL_KIND_TEXT_SIZE];
    journal_kind_text(r->header.kind, kind);
    memcpy(in->out->head.chain, r->header.chain, JOURNAL_CHAIN_ID_SIZE);
    int rc = check_stream(in, r, err);
    if (rc != 0)
        return rc;
    rc = hq_db_exec(in->db,
                    "INSERT INTO urgents(checkpoint, chain, sequence, kind, time_ms,"
                    " received_ms, line) VALUES($1, $2, $3, $4, $5, $6, $7)"
                    " ON CONFLICT DO NOTHING",
                    HQ_PARAMS(hq_text(in->checkpoint), chain_of(in),
                              hq_int((int64_t)r->header.sequence), hq_text(kind),
                              hq_int(r->header.wall.ms), hq_int(in->now.ms), hq_blob(line, size)),
                    err);
    *out_new = rc == 0 && hq_db_changed(in->db) > 0;
    if (rc == 0 && r->header.kind == JOURNAL_HIT && r->has_body)
        rc = put_hit(in, r, true, err);
    if (rc == 0 && *out_new)
        rc = hq_call_note(in->db, in->checkpoint, r, in->now, err);
    return rc;
}

int hq_records_urgent(struct hq_db *db, const char *checkpoint, const char *line, size_t size,
                      struct wall_time now, bool *out_new, struct err_text *err)
{
    struct hq_ingest result = {0};
    struct ingest in = {.db = db, .checkpoint = checkpoint, .now = now, .out = &result};
    struct journal_wire wire;
    char source[128];
    bool is_new = false;
    (void)snprintf(source, sizeof(source), "urn:checkpoint:%s", checkpoint); /* an id fits */
    while (size > 0 && line[size - 1] == '\n')
        size--;
    int rc = journal_wire_read(line, size, &wire, err);
    if (rc != 0)
        return rc;
    rc = strcmp(wire.source, source) == 0
             ? check_body(&wire.record, err)
             : err_set(err, ERR_INVALID, "source of another checkpoint");
    if (rc == 0)
        rc = hq_db_begin_scope(db, checkpoint, err);
    if (rc == 0)
        rc = take_urgent(&in, &wire.record, line, size, &is_new, err);
    if (rc == 0)
        rc = hq_db_commit(db, err);
    hq_db_rollback(db);
    journal_wire_free(&wire);
    if (rc == 0)
        *out_new = is_new;
    return rc;
}
