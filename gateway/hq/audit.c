/*
 * Audit of the records held: every chain is followed again from its first record to the head its
 * receipt speaks of. A few records a round of the loop, so that nobody waits for it.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/hq/hqd.h"
#include "gateway/journal/record.h"
#include "gateway/signed/receipt.h"

enum { AUDIT_ROUND = 64 /* records */, AUDIT_CHAINS_MAX = 16384 };

struct audit_chain {
    char checkpoint[TLS_LABEL_SIZE];
    uint8_t chain[JOURNAL_CHAIN_ID_SIZE];
    int64_t sequence; /* held, as the table of chains says */
    uint8_t head[JOURNAL_HASH_SIZE];
};

struct audit {
    struct audit_chain *chains;
    size_t count;
    size_t at; /* the chain being followed */
    struct journal_head head;
    int64_t records;
    bool begun;
    bool faulty;
    struct err_text fault;
    int round; /* records of the last query */
    bool all_ok;
    json_t *report;
};

static void audit_free(void *state)
{
    struct audit *a = state;
    if (!a)
        return;
    free(a->chains);
    json_decref(a->report);
    free(a);
}

static int take_chain(void *ctx, const struct hq_value *c, size_t count)
{
    struct audit *a = ctx;
    if (count != 4 || c[0].size >= TLS_LABEL_SIZE || c[1].size != JOURNAL_CHAIN_ID_SIZE ||
        c[3].size != JOURNAL_HASH_SIZE)
        return ERR_CORRUPT;
    if (a->count == AUDIT_CHAINS_MAX)
        return ERR_TOO_LARGE;
    struct audit_chain *chain = &a->chains[a->count++];
    memcpy(chain->checkpoint, c[0].data, c[0].size);
    memcpy(chain->chain, c[1].data, c[1].size);
    chain->sequence = c[2].number;
    memcpy(chain->head, c[3].data, c[3].size);
    return 0;
}

static int follow(void *ctx, const struct hq_value *c, size_t count)
{
    struct audit *a = ctx;
    struct journal_wire wire;
    if (count != 1)
        return ERR_CORRUPT;
    a->round++;
    int rc = journal_wire_read(c[0].data, c[0].size, &wire, &a->fault);
    if (rc == 0) {
        rc = journal_head_follow(&a->head, &wire.record, &a->fault);
        journal_wire_free(&wire);
    }
    if (rc == ERR_NO_MEMORY)
        return rc;
    a->records += rc == 0;
    a->faulty = rc != 0;
    return rc == 0 ? 0 : ERR_STOPPED;
}

/* Whether the newest receipt, which this server signed itself, speaks of a record held. */
static json_t *receipt_of(struct hq_call *call, const struct audit_chain *chain)
{
    char *text = NULL;
    size_t size = 0;
    json_t *value = NULL;
    if (hq_db_bytes(
            &call->hq->db, "SELECT receipt FROM chains WHERE checkpoint = $1 AND chain = $2",
            HQ_PARAMS(hq_text(chain->checkpoint), hq_blob(chain->chain, JOURNAL_CHAIN_ID_SIZE)),
            &text, &size, NULL) == 0)
        value = json_loadb(text, size, 0, NULL);
    free(text);
    return value ? value : json_null();
}

static void check_end(struct audit *a, const struct audit_chain *chain)
{
    if (a->faulty || (a->head.sequence == (uint64_t)chain->sequence &&
                      memcmp(a->head.hash, chain->head, JOURNAL_HASH_SIZE) == 0))
        return;
    a->faulty = true;
    (void)err_set(&a->fault, ERR_CORRUPT, "the records end at %llu, confirmed were %lld",
                  (unsigned long long)a->head.sequence, (long long)chain->sequence);
}

static int end_chain(struct hq_call *call, struct audit *a)
{
    const struct audit_chain *chain = &a->chains[a->at];
    char id[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    char head[HASH_TEXT_SIZE];
    check_end(a, chain);
    hex_encode(chain->chain, JOURNAL_CHAIN_ID_SIZE, id);
    hash_format(a->head.hash, head);
    json_t *fault = a->faulty
                        ? json_pack("{s:I,s:s,s:s}", "sequence", (json_int_t)a->head.sequence + 1,
                                    "en", a->fault.text, "zh", "记录链在此处不完整")
                        : json_null();
    json_t *row = json_pack("{s:s,s:s,s:b,s:I,s:i,s:I,s:s,s:o,s:o}", "id", chain->checkpoint,
                            "chain", id, "ok", !a->faulty, "records", (json_int_t)a->records,
                            "first", a->records > 0 ? 1 : 0, "last", (json_int_t)a->head.sequence,
                            "head", head, "receipt", receipt_of(call, chain), "fault", fault);
    a->all_ok = a->all_ok && !a->faulty;
    a->at++;
    a->begun = false;
    return row && json_array_append_new(a->report, row) == 0 ? 0 : ERR_NO_MEMORY;
}

/* One round; HQ_AGAIN while there is more. */
static enum hq_step audit_step(struct hq_call *call, struct audit *a)
{
    struct err_text err = {""};
    int rc = 0;
    if (a->at == a->count)
        return hq_answer_json(call, 200,
                              json_pack("{s:b,s:O}", "ok", a->all_ok, "checkpoints", a->report));
    const struct audit_chain *chain = &a->chains[a->at];
    if (!a->begun) {
        a->begun = true;
        a->records = 0;
        a->faulty = false;
        a->head = (struct journal_head){0};
        memcpy(a->head.chain, chain->chain, JOURNAL_CHAIN_ID_SIZE);
    }
    a->round = 0;
    rc = hq_db_query(
        &call->hq->db,
        "SELECT line FROM records WHERE checkpoint = $1 AND chain = $2"
        " AND sequence > $3 AND sequence <= $4 ORDER BY sequence LIMIT $5",
        HQ_PARAMS(hq_text(chain->checkpoint), hq_blob(chain->chain, JOURNAL_CHAIN_ID_SIZE),
                  hq_int((int64_t)a->head.sequence), hq_int(chain->sequence), hq_int(AUDIT_ROUND)),
        follow, a, &err);
    if (rc == ERR_STOPPED || (rc == 0 && a->round < AUDIT_ROUND))
        rc = end_chain(call, a);
    return rc == 0 ? HQ_AGAIN : hq_answer_failure(call, rc, &err);
}

static int begin(struct hq_call *call, const char *checkpoint, struct err_text *err)
{
    struct audit *a = calloc(1, sizeof(*a));
    call->state = a;
    call->state_free = audit_free;
    if (!a)
        return ERR_NO_MEMORY;
    a->all_ok = true;
    a->chains = calloc(AUDIT_CHAINS_MAX, sizeof(*a->chains));
    a->report = json_array();
    if (!a->chains || !a->report)
        return ERR_NO_MEMORY;
    return hq_db_query(&call->hq->db,
                       "SELECT checkpoint, chain, sequence, head FROM chains"
                       " WHERE $1 = '' OR checkpoint = $1 ORDER BY checkpoint, stream, opened_ms",
                       HQ_PARAMS(hq_text(checkpoint)), take_chain, a, err);
}

enum hq_step hq_operator_audit(struct hq_call *call)
{
    static const char *const names[] = {"checkpoint", NULL};
    struct err_text err = {""};
    json_t *object = NULL;
    const char *id = "";
    int rc = 0;
    if (call->state)
        return audit_step(call, call->state);
    if (hq_call_object(call, names, &object) != 0)
        return HQ_DONE;
    if (json_object_get(object, "checkpoint"))
        id = hq_call_member(call, object, "checkpoint", TLS_LABEL_SIZE - 1);
    if (id)
        hq_call_about(call, "%s", id[0] ? id : "all");
    if (id)
        rc = begin(call, id, &err);
    json_decref(object);
    if (!id)
        return HQ_DONE;
    return rc == 0 ? HQ_AGAIN : hq_answer_failure(call, rc, &err);
}
