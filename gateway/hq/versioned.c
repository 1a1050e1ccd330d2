/*
 * Signed statements of which the newest counts, by a number that rises by one: compare-and-swap,
 * kept and handed on verbatim, told to every box. Who verifies them stands in match_policy.c,
 * exempt.c and retention_terms.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/own.h"

static const int64_t year_ms = (int64_t)366 * 24 * 3600 * 1000;

int hq_versioned_newest(struct hqd *hq, const struct hq_versioned *what, int64_t *out,
                        struct err_text *err)
{
    return hq_db_number(&hq->db, "SELECT max(version) FROM documents WHERE kind = $1",
                        HQ_PARAMS(hq_text(what->kind)), 0, out, err);
}

/* Whether the newest one held has the same bytes. */
static int check_same(struct hq_call *call, const struct hq_versioned *what, bool *out_same,
                      struct err_text *err)
{
    int64_t count = 0;
    int rc = hq_db_number(&call->hq->db,
                          "SELECT count(*) FROM documents WHERE kind = $1 AND body = $2"
                          " AND version = (SELECT max(version) FROM documents WHERE kind = $1)",
                          HQ_PARAMS(hq_text(what->kind), hq_blob(call->body, call->size)), 0,
                          &count, err);
    *out_same = count > 0;
    return rc;
}

static int store(struct hq_call *call, const struct hq_versioned *what, uint64_t number,
                 struct err_text *err)
{
    struct hqd *hq = call->hq;
    char message[64];
    (void)snprintf(message, sizeof(message), "{\"%s\":%" PRIu64 "}", what->number_name,
                   number); /* fits */
    int rc = hq_document_put(hq, what->kind, number, call->body, call->size, err);
    if (rc == 0)
        rc = hqd_post(hq, NULL, what->message, message, strlen(message), call->now,
                      (struct wall_time){call->now.ms + year_ms}, err);
    return rc == 0 ? hq_act_commit(call, 201, err) : rc;
}

static json_t *number_json(const struct hq_versioned *what, int64_t number)
{
    return json_pack("{s:I}", what->number_name, (json_int_t)number);
}

static enum hq_step answer_conflict(struct hq_call *call, const struct hq_versioned *what,
                                    uint64_t number, int64_t held)
{
    char text[128];
    (void)snprintf(text, sizeof(text),
                   "%s %s %" PRIu64 ", expected %" PRId64 ": one more than the one in force",
                   what->title, what->number_name, number, held + 1); /* fits */
    return hq_answer_error_with(call, 409, text, number_json(what, held));
}

/* Inside a transaction that the caller ends. */
static enum hq_step take(struct hq_call *call, const struct hq_versioned *what, uint64_t number)
{
    struct err_text err = {""};
    int64_t held = 0;
    bool same = false;
    int rc = hq_versioned_newest(call->hq, what, &held, &err);
    if (rc == 0)
        rc = check_same(call, what, &same, &err);
    if (rc == 0 && same)
        return hq_answer_json(call, 200, number_json(what, held));
    if (rc == 0 && number != (uint64_t)held + 1)
        return answer_conflict(call, what, number, held);
    if (rc == 0)
        rc = store(call, what, number, &err);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    log_event(what->event, "%s=%" PRIu64 " operator=%s", what->number_name, number,
              call->peer.identity.name);
    hqd_wake(call->hq, HQ_TOPIC_INBOX);
    return hq_answer_json(call, 201, number_json(what, held + 1));
}

enum hq_step hq_versioned_put(struct hq_call *call, const struct hq_versioned *what,
                              uint64_t number, struct wall_time time)
{
    struct err_text err = {""};
    hq_call_about(call, "%s %" PRIu64, what->number_name, number);
    if (time.ms > call->now.ms + HQ_CLOCK_AHEAD_MS)
        return hq_answer_error(call, 422, "time: dated ahead of this server's clock");
    int rc = hq_db_begin(&call->hq->db, &err);
    enum hq_step step = rc == 0 ? take(call, what, number) : hq_answer_failure(call, rc, &err);
    hq_db_rollback(&call->hq->db);
    return step;
}

enum hq_step hq_versioned_refuse(struct hq_call *call, int rc, const struct err_text *why)
{
    return hq_answer_error(call, rc == ERR_NO_MEMORY ? 503 : 422, "%s",
                           why->text[0] ? why->text : err_name(rc));
}
