/*
 * Retention terms at headquarters: verified as a box would, then one of the versioned statements.
 * What they make of the retention program's own terms stands in retain_terms.c.
 */
#include "gateway/signed/retention_terms.h"

#include "gateway/hq/hqd.h"
#include "gateway/hq/retain.h"

const struct hq_versioned hq_versioned_retention = {.kind = HQ_RETENTION_KIND,
                                                    .title = "retention terms",
                                                    .number_name = "version",
                                                    .message = "retention",
                                                    .event = EVENT_HQ_RETENTION_TERMS};

enum hq_step hq_retention_terms(struct hq_call *call)
{
    return hq_document_newest(call, hq_versioned_retention.kind);
}

enum hq_step hq_put_retention_terms(struct hq_call *call)
{
    struct err_text err = {""};
    struct retention_terms terms = {0};
    int rc = retention_terms_verify(call->hq->keyset, call->body, call->size, &terms, &err);
    if (rc != 0)
        return hq_versioned_refuse(call, rc, &err);
    enum hq_step step = hq_versioned_put(call, &hq_versioned_retention, terms.version, terms.time);
    retention_terms_fini(&terms);
    return step;
}
