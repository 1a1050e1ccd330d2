/*
 * The exempt list on its way from the keeper (keeper.h) to the lanes. Control thread.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/keeper.h"

static int verify(const struct keyset *set, const char *text, size_t size, void **out,
                  struct keeper_number *out_number, struct err_text *err)
{
    struct exempt_list *list = calloc(1, sizeof(*list));
    int result = list ? exempt_list_verify(set, text, size, list, err)
                      : err_set(err, ERR_NO_MEMORY, "exempt list: no memory");
    if (result != 0) {
        free(list);
        return result;
    }
    out_number->number = list->revision;
    memcpy(out_number->hash, list->hash, sizeof(out_number->hash));
    *out = list;
    return 0;
}

static int check_newer(const struct checkpointd *c, const struct keeper_number *held,
                       const void *next, struct err_text *err)
{
    struct exempt_list head = {.revision = held->number};
    (void)c; /* the lanes compare with the journal */
    memcpy(head.hash, held->hash, sizeof(head.hash));
    return exempt_list_check_newer(held->number > 0 ? &head : NULL, next, err);
}

static void put_in_force(struct checkpointd *c, void *statement)
{
    struct exempt_list *list = statement;
    if (list) {
        exempt_list_narrow(list, c->config.checkpoint);
    }
    lane_post(c, &(struct pipeline_event){.kind = PIPELINE_EXEMPT, .u.exempt = list});
}

static void drop(void *statement)
{
    exempt_list_fini(statement);
    free(statement);
}

const struct keeper_ops keeper_exempt = {.what = "exempt list",
                                         .file = "exempt-list.json",
                                         .refused = EVENT_EXEMPT_REFUSED,
                                         .verify = verify,
                                         .check_newer = check_newer,
                                         .put_in_force = put_in_force,
                                         .drop = drop};
