/*
 * The match policy at headquarters: verified as a box would, then one of the versioned statements.
 */
#include "gateway/signed/match_policy.h"
#include "gateway/hq/hqd.h"
#include "gateway/match/channel.h"

const struct hq_versioned hq_versioned_policy = {.kind = "match-policy",
                                                 .title = "match policy",
                                                 .number_name = "version",
                                                 .message = "policy",
                                                 .event = EVENT_HQ_MATCH_POLICY};

enum hq_step hq_match_policy(struct hq_call *call)
{
    return hq_document_newest(call, hq_versioned_policy.kind);
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
    int rc = verify(call, &policy, &err);
    if (rc != 0)
        return hq_versioned_refuse(call, rc, &err);
    enum hq_step step = hq_versioned_put(call, &hq_versioned_policy, policy.version, policy.time);
    match_policy_fini(&policy);
    return step;
}
