/*
 * Records of the second chains for those who may open them: hqd hands the sealed bodies on as they
 * came and cannot tell a hit from none.
 */
#include "gateway/base/encode.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/records.h"

struct observed {
    struct hq_call *call;
    int count;
    int64_t next;
};

static int add_body(struct observed *o, const struct hq_value *c,
                    const struct journal_record *record)
{
    struct evbuffer *body = o->call->answer.body;
    char chain[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    char time[WALL_TEXT_SIZE];
    if (o->count > 0 && evbuffer_get_length(body) + record->body_size + 512 > HQ_ANSWER_MAX)
        return ERR_FULL;
    hex_encode((const uint8_t *)c[2].data, c[2].size, chain);
    wall_format(record->header.wall, time);
    if (evbuffer_add_printf(body,
                            "%s{\"number\":%lld,\"checkpoint\":\"%.*s\",\"chain\":\"%s\","
                            "\"sequence\":%lld,\"time\":\"%s\",\"record\":",
                            o->count ? "," : "", (long long)c[0].number, (int)c[1].size, c[1].data,
                            chain, (long long)c[3].number, time) < 0 ||
        evbuffer_add(body, record->body, record->body_size) != 0 || evbuffer_add(body, "}", 1) != 0)
        return ERR_NO_MEMORY;
    o->count++;
    return 0;
}

/* number, checkpoint, chain, sequence, line. One whose term is over has no body any more. */
static int add_observed(void *ctx, const struct hq_value *c, size_t count)
{
    struct observed *o = ctx;
    struct journal_wire wire;
    struct err_text err;
    if (count != 5 || c[2].size != JOURNAL_CHAIN_ID_SIZE)
        return ERR_CORRUPT;
    int rc = journal_wire_read(c[4].data, c[4].size, &wire, &err);
    if (rc != 0)
        return rc;
    if (wire.record.has_body)
        rc = add_body(o, c, &wire.record);
    if (rc == 0)
        o->next = c[0].number;
    journal_wire_free(&wire);
    return rc;
}

enum hq_step hq_operator_observed(struct hq_call *call)
{
    struct err_text err = {""};
    const struct hq_query *q = &call->query;
    struct observed o = {.call = call, .next = (int64_t)q->after};
    hq_answer_begin(call, 200);
    if (evbuffer_add_printf(call->answer.body, "{\"records\":[") < 0)
        return hq_answer_error(call, 503, "out of memory");
    int rc = hq_db_query(&call->hq->db,
                         "SELECT o.number, o.checkpoint, o.chain, o.sequence, r.line"
                         " FROM observed o JOIN records r ON r.checkpoint = o.checkpoint"
                         " AND r.chain = o.chain AND r.sequence = o.sequence"
                         " WHERE o.number > $1 AND ($2 = '' OR o.checkpoint = $2)"
                         " ORDER BY o.number LIMIT $3",
                         HQ_PARAMS(hq_int(o.next), hq_text(q->checkpoint), hq_int(q->limit)),
                         add_observed, &o, &err);
    if (rc != 0 && rc != ERR_FULL)
        return hq_answer_failure(call, rc, &err);
    if (evbuffer_add_printf(call->answer.body, "],\"next\":%lld}", (long long)o.next) < 0)
        return hq_answer_error(call, 503, "out of memory");
    hq_call_about(call, "%d, up to %lld", o.count, (long long)o.next);
    return HQ_DONE;
}
