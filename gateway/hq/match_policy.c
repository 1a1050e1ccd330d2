/*
 * The match policy at headquarters: verified as a box would, compare-and-swap on its version, kept
 * and handed on verbatim.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/own.h"
#include "gateway/match/channel.h"
#include "gateway/signed/match_policy.h"

static const char kind_name[] = "match-policy";
static const int64_t year_ms = (int64_t)366 * 24 * 3600 * 1000;

enum hq_step hq_match_policy(struct hq_call *call)
{
    return hq_document_newest(call, kind_name);
}

int hq_policy_version(struct hqd *hq, int64_t *out, struct err_text *err)
{
    return hq_db_number(&hq->db, "SELECT max(version) FROM documents WHERE kind = $1",
                        HQ_PARAMS(hq_text(kind_name)), 0, out, err);
}

/* Whether the newest one held has the same bytes. */
static int check_same(struct hq_call *call, bool *out_same, struct err_text *err)
{
    int64_t count = 0;
    int rc = hq_db_number(&call->hq->db,
                          "SELECT count(*) FROM documents WHERE kind = $1 AND body = $2"
                          " AND version = (SELECT max(version) FROM documents WHERE kind = $1)",
                          HQ_PARAMS(hq_text(kind_name), hq_blob(call->body, call->size)), 0, &count,
                          err);
    *out_same = count > 0;
    return rc;
}

static int store(struct hq_call *call, const struct match_policy *policy, struct err_text *err)
{
    struct hqd *hq = call->hq;
    char message[64];
    (void)snprintf(message, sizeof(message), "{\"version\":%" PRIu64 "}",
                   policy->version); /* fits */
    int rc = hq_document_put(hq, kind_name, policy->version, call->body, call->size, err);
    if (rc == 0)
        rc = hqd_post(hq, NULL, "policy", message, strlen(message), call->now,
                      (struct wall_time){call->now.ms + year_ms}, err);
    return rc == 0 ? hq_act_commit(call, 201, err) : rc;
}

static enum hq_step answer_version(struct hq_call *call, int status, int64_t version)
{
    return hq_answer_json(call, status, json_pack("{s:I}", "version", (json_int_t)version));
}

static enum hq_step answer_conflict(struct hq_call *call, const struct match_policy *policy,
                                    int64_t held)
{
    char text[128];
    (void)snprintf(text, sizeof(text),
                   "match policy version %" PRIu64 ", expected %" PRId64
                   ": one more than the one in force",
                   policy->version, held + 1); /* fits */
    return hq_answer_error_with(call, 409, text, json_pack("{s:I}", "version", (json_int_t)held));
}

/* Inside a transaction that the caller ends. */
static enum hq_step take(struct hq_call *call, const struct match_policy *policy)
{
    struct err_text err = {""};
    int64_t held = 0;
    bool same = false;
    int rc = hq_policy_version(call->hq, &held, &err);
    if (rc == 0)
        rc = check_same(call, &same, &err);
    if (rc == 0 && same)
        return answer_version(call, 200, held);
    if (rc == 0 && policy->version != (uint64_t)held + 1)
        return answer_conflict(call, policy, held);
    if (rc == 0)
        rc = store(call, policy, &err);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    log_event(EVENT_HQ_MATCH_POLICY, "version=%" PRIu64 " operator=%s", policy->version,
              call->peer.identity.name);
    hqd_wake(call->hq, HQ_TOPIC_INBOX);
    return answer_version(call, 201, held + 1);
}

/* As a box would: signatures, then whether its channels can be read. */
static int verify(struct hq_call *call, struct match_policy *out, struct err_text *err)
{
    int rc = match_policy_verify(call->hq->keyset, call->body, call->size, out, err);
    for (size_t i = 0; rc == 0 && i < out->channel_count; i++) {
        const struct match_policy_channel *row = &out->channels[i];
        rc = channel_check(row->alphabet, row->text, row->size_bytes, err);
        if (rc != 0) {
            (void)err_prefix(err, rc, "channel %s", row->alphabet); /* told with rc */
            match_policy_fini(out);
        }
    }
    return rc;
}

enum hq_step hq_put_match_policy(struct hq_call *call)
{
    struct err_text err = {""};
    struct match_policy policy = {0};
    enum hq_step step;
    int rc = verify(call, &policy, &err);
    if (rc != 0)
        return hq_answer_error(call, rc == ERR_NO_MEMORY ? 503 : 422, "%s",
                               err.text[0] ? err.text : err_name(rc));
    hq_call_about(call, "version %" PRIu64, policy.version);
    rc = policy.time.ms > call->now.ms + HQ_CLOCK_AHEAD_MS ? ERR_INVALID
                                                           : hq_db_begin(&call->hq->db, &err);
    if (rc == ERR_INVALID)
        step = hq_answer_error(call, 422, "time: dated ahead of this server's clock");
    else
        step = rc == 0 ? take(call, &policy) : hq_answer_failure(call, rc, &err);
    hq_db_rollback(&call->hq->db);
    match_policy_fini(&policy);
    return step;
}
