/*
 * The exempt list at headquarters: verified as a box would, then one of the versioned statements.
 */
#include "gateway/hq/hqd.h"
#include "gateway/signed/exempt_list.h"

const struct hq_versioned hq_versioned_exempt = {.kind = "exempt-list",
                                                 .title = "exempt list",
                                                 .number_name = "revision",
                                                 .message = "exempt",
                                                 .event = EVENT_HQ_EXEMPT_LIST};

enum hq_step hq_exempt_list(struct hq_call *call)
{
    return hq_document_newest(call, hq_versioned_exempt.kind);
}

enum hq_step hq_put_exempt_list(struct hq_call *call)
{
    struct err_text err = {""};
    struct exempt_list list = {0};
    int rc = exempt_list_verify(call->hq->keyset, call->body, call->size, &list, &err);
    if (rc != 0)
        return hq_versioned_refuse(call, rc, &err);
    enum hq_step step = hq_versioned_put(call, &hq_versioned_exempt, list.revision, list.time);
    exempt_list_fini(&list);
    return step;
}
