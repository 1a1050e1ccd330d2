/*
 * See journals.h; and the request a box tells it by.
 */
#include "gateway/hq/journals.h"

#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/hq/hqd.h"

/* No journal has more records, and sums with the number of one still fit. */
#define SEQUENCE_MAX ((int64_t)1 << 53)

enum { SAME_TELLING_MS = 3600 * 1000 /* the same once more is written once in so long */ };

int hq_journal_raise(struct hq_db *db, const char *checkpoint,
                     const uint8_t chain[JOURNAL_CHAIN_ID_SIZE], int64_t sequence,
                     struct wall_time now, struct err_text *err)
{
    return hq_db_exec(db,
                      "INSERT INTO journals(checkpoint, chain, recorded, confirmed, newest,"
                      " first_ms, told_ms) VALUES($1, $2, $3, 0, $3, $4, 0)"
                      " ON CONFLICT(checkpoint, chain) DO UPDATE SET recorded = $3"
                      " WHERE journals.recorded < $3",
                      HQ_PARAMS(hq_text(checkpoint), hq_blob(chain, JOURNAL_CHAIN_ID_SIZE),
                                hq_int(sequence), hq_int(now.ms)),
                      err);
}

/* A chain as it stands here, and what was told of it. */
struct journal_row {
    int64_t held;
    bool known;       /* as a chain */
    bool quarantined; /* of those */
    int64_t recorded;
    int64_t confirmed;
    int64_t newest;
    int64_t told_ms;
    int64_t lost_from; /* 0: nothing */
    int64_t lost_to;
};

static int take_row(void *ctx, const struct hq_value *c, size_t count)
{
    struct journal_row *row = ctx;
    if (count != 8)
        return ERR_CORRUPT;
    row->known = c[0].type == HQ_TEXT;
    row->quarantined = row->known && c[0].size != 6; /* "active" */
    row->held = c[1].number;
    row->recorded = c[2].number;
    row->confirmed = c[3].number;
    row->newest = c[4].number;
    row->told_ms = c[5].number;
    row->lost_from = c[6].number;
    row->lost_to = c[7].number;
    return 0;
}

static int load(struct hq_call *call, const struct hq_value *chain, struct journal_row *out,
                struct err_text *err)
{
    return hq_db_query(
        &call->hq->db,
        "SELECT c.state, coalesce(c.sequence, 0), coalesce(j.recorded, 0),"
        " coalesce(j.confirmed, 0), coalesce(j.newest, 0), coalesce(j.told_ms, 0),"
        " coalesce(j.lost_from, 0), coalesce(j.lost_to, 0)"
        " FROM (SELECT 1 AS one) k LEFT JOIN chains c ON c.checkpoint = $1 AND c.chain = $2"
        " LEFT JOIN journals j ON j.checkpoint = $1 AND j.chain = $2",
        HQ_PARAMS(hq_text(call->id), *chain), take_row, out, err);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Takes over what is told now. True: the journal has become shorter, which is new. */
static bool merge(struct journal_row *row, int64_t recorded, int64_t confirmed)
{
    bool shorter = recorded < row->newest && recorded < row->recorded;
    int64_t from = larger(row->held, recorded) + 1;
    if (shorter && from <= row->recorded) {
        row->lost_from = row->lost_from && row->lost_from < from ? row->lost_from : from;
        row->lost_to = row->recorded;
    }
    row->recorded = larger(row->recorded, recorded);
    row->confirmed = larger(row->confirmed, confirmed);
    row->newest = recorded;
    return shorter;
}

static int store(struct hq_call *call, const struct hq_value *chain, const struct journal_row *row,
                 struct err_text *err)
{
    const struct hq_value from = row->lost_from ? hq_int(row->lost_from) : hq_text(NULL);
    const struct hq_value to = row->lost_from ? hq_int(row->lost_to) : hq_text(NULL);
    return hq_db_exec(&call->hq->db,
                      "INSERT INTO journals(checkpoint, chain, recorded, confirmed, newest,"
                      " first_ms, told_ms, lost_from, lost_to) VALUES($1, $2, $3, $4, $5, $6, $6,"
                      " $7, $8) ON CONFLICT(checkpoint, chain) DO UPDATE SET recorded = $3,"
                      " confirmed = $4, newest = $5, told_ms = $6, lost_from = $7, lost_to = $8",
                      HQ_PARAMS(hq_text(call->id), *chain, hq_int(row->recorded),
                                hq_int(row->confirmed), hq_int(row->newest), hq_int(call->now.ms),
                                from, to),
                      err);
}

/* The chain told last is the one the box writes now: of several the later telling counts. */
static int take(struct hq_call *call, const struct hq_value *chain, int64_t recorded,
                int64_t confirmed, struct journal_row *row, bool *out_shorter, struct err_text *err)
{
    int64_t newest_told = 0;
    int rc = hq_db_begin_scope(&call->hq->db, call->id, err);
    if (rc == 0)
        rc = load(call, chain, row, err);
    if (rc == 0)
        rc = hq_db_number(&call->hq->db, "SELECT max(told_ms) FROM journals WHERE checkpoint = $1",
                          HQ_PARAMS(hq_text(call->id)), 0, &newest_told, err);
    bool same = row->told_ms > 0 && row->told_ms == newest_told && row->newest == recorded &&
                row->confirmed >= confirmed && call->now.ms - row->told_ms < SAME_TELLING_MS;
    if (rc == 0 && !same) {
        *out_shorter = merge(row, recorded, confirmed);
        rc = store(call, chain, row, err);
        if (rc == 0)
            rc = hq_db_commit(&call->hq->db, err);
    }
    hq_db_rollback(&call->hq->db);
    return rc;
}

static int read_body(struct hq_call *call, uint8_t chain[JOURNAL_CHAIN_ID_SIZE],
                     int64_t *out_recorded, int64_t *out_confirmed)
{
    static const char *const names[] = {"chain", "recorded", "confirmed", NULL};
    json_t *object = NULL;
    int rc = hq_call_object(call, names, &object);
    if (rc != 0)
        return rc;
    const char *hex = json_string_value(json_object_get(object, "chain"));
    const json_t *recorded = json_object_get(object, "recorded");
    const json_t *confirmed = json_object_get(object, "confirmed");
    *out_recorded = json_integer_value(recorded);
    *out_confirmed = json_integer_value(confirmed);
    if (!hex || strlen(hex) != 2 * JOURNAL_CHAIN_ID_SIZE ||
        hex_decode(hex, chain, JOURNAL_CHAIN_ID_SIZE) != 0 || !json_is_integer(recorded) ||
        !json_is_integer(confirmed) || *out_confirmed < 0 || *out_confirmed > *out_recorded ||
        *out_recorded > SEQUENCE_MAX) {
        hq_answer_error(call, 400,
                        "expected chain (32 hex digits), recorded and confirmed (numbers, not more"
                        " confirmed than recorded)");
        rc = ERR_INVALID;
    }
    json_decref(object);
    return rc;
}

enum hq_step hq_box_journal(struct hq_call *call)
{
    struct err_text err = {""};
    uint8_t id[JOURNAL_CHAIN_ID_SIZE];
    char hex[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    struct journal_row row = {0};
    int64_t recorded = 0;
    int64_t confirmed = 0;
    bool shorter = false;
    if (read_body(call, id, &recorded, &confirmed) != 0)
        return HQ_DONE;
    const struct hq_value chain = hq_blob(id, sizeof(id));
    int rc = take(call, &chain, recorded, confirmed, &row, &shorter, &err);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    hex_encode(id, sizeof(id), hex);
    if (shorter)
        log_event(EVENT_HQ_JOURNAL_BACK, "checkpoint=%s chain=%s records=%lld before=%lld",
                  call->id, hex, (long long)recorded, (long long)row.recorded);
    return hq_answer_json(call, 200,
                          json_pack("{s:s,s:I,s:s}", "chain", hex, "held", (json_int_t)row.held,
                                    "state",
                                    !row.known        ? "none"
                                    : row.quarantined ? "quarantined"
                                                      : "active"));
}
