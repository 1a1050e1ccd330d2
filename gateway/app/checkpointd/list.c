/*
 * The highest numbers of the signed statements this box has had (wanted list, match policy, exempt
 * list, retention terms), read back from the journal at start: files and Redis may be lost or set
 * back.
 */
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/journal/reader.h"

/* The first of a number counts: what came after it as another one was alarmed. */
static bool take_higher(const json_t *body, const char *member, const char *number_name,
                        uint64_t *high, uint8_t out_hash[HASH_SIZE])
{
    const json_t *value = json_object_get(body, member);
    const char *hash = json_string_value(json_object_get(value, "hash"));
    json_int_t number = json_integer_value(json_object_get(value, number_name));
    uint8_t bytes[HASH_SIZE];
    if (number <= 0 || (uint64_t)number <= *high || !hash ||
        hex_decode(hash, bytes, sizeof(bytes)) != 0) {
        return false;
    }
    *high = (uint64_t)number;
    memcpy(out_hash, bytes, sizeof(bytes));
    return true;
}

static int take_record(void *ctx, const struct journal_record *record)
{
    struct checkpointd *c = ctx;
    struct list_high *high = &c->list_high;
    json_t *body = NULL;
    if (!record->has_body || json_parse(record->body, record->body_size, &body, NULL) != 0) {
        return 0; /* past its retention; every start records the list again */
    }
    if (take_higher(body, "list", "revision", &high->list.revision, high->list.hash)) {
        high->list.state = LIST_STALE;
    }
    /* What these say besides number and hash is not known here, and is not asked for. */
    (void)take_higher(body, "policy", "version", &high->policy.version, high->policy.hash);
    (void)take_higher(body, "exempt_list", "revision", &high->exempt.revision, high->exempt.hash);
    (void)take_higher(body, "retention", "version", &high->retention.version, high->retention.hash);
    json_decref(body);
    return 0;
}

static void damaged(void *ctx, uint64_t sequence, const char *why)
{
    restore_note_damage(ctx, sequence, why);
}

int restore_list_high(struct checkpointd *c, struct err_text *err)
{
    struct journal_reader *reader = NULL;
    c->list_high = (struct list_high){.list.state = LIST_NONE};
    const struct journal_scan scan = {
        .kinds = JOURNAL_KIND_BIT(JOURNAL_LIST), .take = take_record, .damaged = damaged, .ctx = c};
    int result = journal_reader_open(c->journal_dir, &reader, err);
    if (result == 0) {
        result = journal_reader_scan(reader, &scan, err);
    }
    journal_reader_close(reader);
    return result;
}
