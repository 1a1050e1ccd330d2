/*
 * The high-water revision of the wanted list, version of the match policy and revision of the
 * exempt list, read back from the journal at start: files and Redis may be lost or set back.
 */
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/journal/reader.h"

struct high {
    struct checkpointd *c;
    struct list_status list;
    struct policy_status policy;
    struct exempt_status exempt;
};

static void take_list_body(struct list_status *high, const json_t *body)
{
    const json_t *list = json_object_get(body, "list");
    const char *hash = json_string_value(json_object_get(list, "hash"));
    json_int_t revision = json_integer_value(json_object_get(list, "revision"));
    struct list_status found = {.revision = (uint64_t)revision, .state = LIST_STALE};
    /* The first of a revision counts: what came after it as another one was alarmed. */
    if (revision > 0 && found.revision > high->revision && hash &&
        hex_decode(hash, found.hash, sizeof(found.hash)) == 0) {
        *high = found;
    }
}

/* The same of a policy's version. */
static void take_policy_body(struct policy_status *high, const json_t *body)
{
    const json_t *policy = json_object_get(body, "policy");
    const char *hash = json_string_value(json_object_get(policy, "hash"));
    json_int_t version = json_integer_value(json_object_get(policy, "version"));
    struct policy_status found = {.version = (uint64_t)version};
    if (version > 0 && found.version > high->version && hash &&
        hex_decode(hash, found.hash, sizeof(found.hash)) == 0) {
        *high = found;
    }
}

/* The same of an exempt list. */
static void take_exempt_body(struct exempt_status *high, const json_t *body)
{
    const json_t *list = json_object_get(body, "exempt_list");
    const char *hash = json_string_value(json_object_get(list, "hash"));
    json_int_t revision = json_integer_value(json_object_get(list, "revision"));
    struct exempt_status found = {.revision = (uint64_t)revision};
    if (revision > 0 && found.revision > high->revision && hash &&
        hex_decode(hash, found.hash, sizeof(found.hash)) == 0) {
        *high = found;
    }
}

static int take_record(void *ctx, const struct journal_record *record)
{
    struct high *high = ctx;
    json_t *body = NULL;
    if (!record->has_body || json_parse(record->body, record->body_size, &body, NULL) != 0) {
        return 0; /* past its retention; every start records the list again */
    }
    take_list_body(&high->list, body);
    take_policy_body(&high->policy, body);
    take_exempt_body(&high->exempt, body);
    json_decref(body);
    return 0;
}

static void damaged(void *ctx, uint64_t sequence, const char *why)
{
    const struct high *high = ctx;
    restore_note_damage(high->c, sequence, why);
}

int restore_list_high(struct checkpointd *c, struct pipeline_options *out, struct err_text *err)
{
    struct high high = {.c = c, .list.state = LIST_NONE};
    struct journal_reader *reader = NULL;
    const struct journal_scan scan = {.kinds = JOURNAL_KIND_BIT(JOURNAL_LIST),
                                      .take = take_record,
                                      .damaged = damaged,
                                      .ctx = &high};
    int result = journal_reader_open(c->journal_dir, &reader, err);
    if (result == 0) {
        result = journal_reader_scan(reader, &scan, err);
    }
    journal_reader_close(reader);
    if (result == 0) {
        out->list_high = high.list;
        out->policy_high = high.policy;
        out->exempt_high = high.exempt;
    }
    return result;
}
