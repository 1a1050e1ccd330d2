/*
 * The high-water revision of the wanted list, read back from the journal at start: matchd's own
 * memory of it, and Redis', may be lost or set back.
 */
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/journal/reader.h"

static void take_body(struct list_status *high, const json_t *body)
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

static int take_record(void *ctx, const struct journal_record *record)
{
    json_t *body = NULL;
    if (!record->has_body || json_parse(record->body, record->body_size, &body, NULL) != 0) {
        return 0; /* past its retention; every start records the list again */
    }
    take_body(ctx, body);
    json_decref(body);
    return 0;
}

int restore_list_high(const char *journal_dir, struct list_status *out, struct err_text *err)
{
    struct list_status high = {.state = LIST_NONE};
    struct journal_reader *reader = NULL;
    uint64_t after = 0;
    uint64_t last = 0;
    int result = journal_reader_open(journal_dir, &reader, err);
    while (result == 0) {
        result = journal_reader_read(reader, after, JOURNAL_KIND_BIT(JOURNAL_LIST),
                                     JOURNAL_READ_MAX, take_record, &high, &last, err);
        if (last == after) {
            break;
        }
        after = last;
    }
    journal_reader_close(reader);
    if (result == 0) {
        *out = high;
    }
    return result;
}
