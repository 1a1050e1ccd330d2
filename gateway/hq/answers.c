/*
 * Officers' answers to hits, as the chains brought them: each with the read it is about, so that
 * whoever learns from them needs nothing else.
 */
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/records.h"

struct answers {
    struct hq_call *call;
    int count;
    int64_t next;
};

/* number, checkpoint, chain, sequence, time, received, body */
static int add_answer(void *ctx, const struct hq_value *columns, size_t count)
{
    struct answers *a = ctx;
    struct evbuffer *body = a->call->answer.body;
    char chain[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    char time[WALL_TEXT_SIZE];
    char received[WALL_TEXT_SIZE];
    if (count != 7 || columns[2].size != JOURNAL_CHAIN_ID_SIZE)
        return ERR_CORRUPT;
    if (a->count > 0 && evbuffer_get_length(body) + columns[6].size + 512 > HQ_ANSWER_MAX)
        return ERR_FULL;
    a->next = columns[0].number;
    hex_encode((const uint8_t *)columns[2].data, columns[2].size, chain);
    wall_format((struct wall_time){columns[4].number}, time);
    wall_format((struct wall_time){columns[5].number}, received);
    if (evbuffer_add_printf(body,
                            "%s{\"number\":%lld,\"checkpoint\":\"%.*s\",\"chain\":\"%s\","
                            "\"sequence\":%lld,\"time\":\"%s\",\"received\":\"%s\",\"record\":",
                            a->count++ ? "," : "", (long long)a->next, (int)columns[1].size,
                            columns[1].data, chain, (long long)columns[3].number, time,
                            received) < 0 ||
        evbuffer_add(body, columns[6].data, columns[6].size) != 0 ||
        evbuffer_add(body, "}", 1) != 0)
        return ERR_NO_MEMORY;
    return 0;
}

enum hq_step hq_operator_answers(struct hq_call *call)
{
    struct err_text err = {""};
    const struct hq_query *q = &call->query;
    struct answers a = {.call = call, .next = (int64_t)q->after};
    hq_answer_begin(call, 200);
    if (evbuffer_add_printf(call->answer.body, "{\"answers\":[") < 0)
        return hq_answer_error(call, 503, "out of memory");
    int rc = hq_db_query(&call->hq->db,
                         "SELECT number, checkpoint, chain, sequence, time_ms, received_ms, body"
                         " FROM answers WHERE number > $1 AND ($2 = '' OR checkpoint = $2)"
                         " ORDER BY number LIMIT $3",
                         HQ_PARAMS(hq_int(a.next), hq_text(q->checkpoint), hq_int(q->limit)),
                         add_answer, &a, &err);
    if (rc != 0 && rc != ERR_FULL)
        return hq_answer_failure(call, rc, &err);
    if (evbuffer_add_printf(call->answer.body, "],\"next\":%lld}", (long long)a.next) < 0)
        return hq_answer_error(call, 503, "out of memory");
    hq_call_about(call, "%d, up to %lld", a.count, (long long)a.next);
    return HQ_DONE;
}
