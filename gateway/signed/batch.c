/*
 * Batch payload: reading, checking, writing. No state.
 */
#include "gateway/signed/batch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/signed/fields.h"
#include "gateway/signed/wanted_entry.h"

static int read_head(const char *line, size_t size, struct batch *b, struct err_text *err)
{
    static const char *const names[] = {"added", "changed",   "prev", "revision",
                                        "time",  "withdrawn", NULL};
    uint64_t added = 0;
    uint64_t changed = 0;
    uint64_t withdrawn = 0;
    json_t *object = NULL;
    int result = json_parse(line, size, &object, err);
    if (result == ERR_OK) {
        result = fields_check(object, names, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "added", 0, BATCH_ENTRIES_MAX, &added, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "changed", 0, BATCH_ENTRIES_MAX - added, &changed, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "withdrawn", 0, BATCH_WITHDRAWN_MAX, &withdrawn, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "revision", 1, INT64_MAX, &b->revision, err);
    }
    if (result == ERR_OK) {
        result = field_hash(object, "prev", b->prev, err);
    }
    if (result == ERR_OK) {
        result = field_time(object, "time", &b->time, err);
    }
    json_decref(object);
    b->added_count = added;
    b->changed_count = changed;
    b->withdrawn_count = withdrawn;
    return result;
}

/* Ids rise strictly within a section. */
static int check_rising(uint64_t previous, uint64_t id, const char *section, size_t index,
                        struct err_text *err)
{
    return id > previous
               ? ERR_OK
               : err_set(err, ERR_INVALID, "%s[%zu]: id %" PRIu64 " does not rise after %" PRIu64,
                         section, index, id, previous);
}

static int read_records(struct byte_reader *r, struct batch *b, struct err_text *err)
{
    uint64_t previous = 0;
    for (size_t i = 0; i < b->added_count + b->changed_count; i++) {
        bool added = i < b->added_count;
        const char *section = added ? "added" : "changed";
        size_t index = added ? i : i - b->added_count;
        previous = index == 0 ? 0 : previous;
        struct wanted_record *record = &b->items[i].record;
        int result = wanted_record_read(r, record, err);
        if (result < 0) {
            return err_prefix(err, result, "%s[%zu]", section, index);
        }
        result = check_rising(previous, record->id, section, index, err);
        if (result < 0) {
            return result;
        }
        previous = record->id;
    }
    return ERR_OK;
}

static int read_withdrawn(struct byte_reader *r, struct batch *b, struct err_text *err)
{
    uint64_t previous = 0;
    for (size_t i = 0; i < b->withdrawn_count; i++) {
        b->withdrawn[i] = byte_read_le64(r);
        if (r->failed) {
            return err_set(err, ERR_INVALID, "withdrawn[%zu]: cut short", i);
        }
        if (b->withdrawn[i] > INT64_MAX) {
            return err_set(err, ERR_INVALID, "withdrawn[%zu]: id out of range", i);
        }
        int result = check_rising(previous, b->withdrawn[i], "withdrawn", i, err);
        if (result < 0) {
            return result;
        }
        previous = b->withdrawn[i];
    }
    return ERR_OK;
}

static int read_texts(struct byte_reader *r, struct batch *b, struct err_text *err)
{
    for (size_t i = 0; i < b->added_count + b->changed_count; i++) {
        struct wanted_item *item = &b->items[i];
        const uint8_t *text = byte_read_bytes(r, item->record.text_size);
        if (!text) {
            return err_set(err, ERR_INVALID, "entry %" PRIu64 ": text cut short", item->record.id);
        }
        item->text = (const char *)text;
        int result =
            wanted_entry_check_text(&item->record, item->text, item->record.text_size, err);
        if (result < 0) {
            return err_prefix(err, result, "entry %" PRIu64, item->record.id);
        }
    }
    return byte_reader_done(r)
               ? ERR_OK
               : err_set(err, ERR_INVALID, "%zu bytes behind the last text", byte_reader_left(r));
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* No id in two of added, changed and withdrawn. */
static int check_disjoint(const struct batch *b, struct err_text *err)
{
    size_t items = b->added_count + b->changed_count;
    size_t count = items + b->withdrawn_count;
    uint64_t *ids = calloc(count ? count : 1, sizeof(*ids));
    int result = ids ? ERR_OK : ERR_NO_MEMORY;
    for (size_t i = 0; ids && i < items; i++) {
        ids[i] = b->items[i].record.id;
    }
    for (size_t i = 0; ids && i < b->withdrawn_count; i++) {
        ids[items + i] = b->withdrawn[i];
    }
    if (ids) {
        qsort(ids, count, sizeof(*ids), compare_ids);
    }
    for (size_t i = 1; ids && i < count && result == ERR_OK; i++) {
        if (ids[i] == ids[i - 1]) {
            result = err_set(err, ERR_INVALID, "entry %" PRIu64 " stands twice", ids[i]);
        }
    }
    free(ids);
    return result;
}

static int read_body(struct batch *b, size_t head_size, struct err_text *err)
{
    static const uint8_t zeros[HASH_SIZE];
    size_t items = b->added_count + b->changed_count;
    if (items + b->withdrawn_count == 0) {
        return err_set(err, ERR_INVALID, "nothing added, changed or withdrawn");
    }
    if ((b->revision == 1) != (memcmp(b->prev, zeros, HASH_SIZE) == 0)) {
        return err_set(err, ERR_INVALID, "prev: zeros stand for revision 1 and only there");
    }
    b->items = calloc(items ? items : 1, sizeof(*b->items));
    b->withdrawn = calloc(b->withdrawn_count ? b->withdrawn_count : 1, sizeof(*b->withdrawn));
    if (!b->items || !b->withdrawn) {
        return ERR_NO_MEMORY;
    }
    struct byte_reader r;
    byte_reader_init(&r, b->payload + head_size, b->payload_size - head_size);
    int result = read_records(&r, b, err);
    if (result == ERR_OK) {
        result = read_withdrawn(&r, b, err);
    }
    if (result == ERR_OK) {
        result = read_texts(&r, b, err);
    }
    return result == ERR_OK ? check_disjoint(b, err) : result;
}

static int parse_into(const void *payload, size_t size, struct batch *b, struct err_text *err)
{
    if (size > BATCH_PAYLOAD_MAX) {
        return err_set(err, ERR_TOO_LARGE, "%zu bytes, expected at most %d", size,
                       BATCH_PAYLOAD_MAX);
    }
    size_t look = size < BATCH_HEAD_MAX ? size : BATCH_HEAD_MAX;
    const char *end = look > 0 ? memchr(payload, '\n', look) : NULL;
    if (!end) {
        return err_set(err, ERR_INVALID, "no head line within %d bytes", BATCH_HEAD_MAX);
    }
    size_t head_size = (size_t)(end - (const char *)payload);
    b->payload = malloc(size);
    if (!b->payload) {
        return ERR_NO_MEMORY;
    }
    memcpy(b->payload, payload, size);
    b->payload_size = size;
    int result = hash_bytes(payload, size, b->hash);
    if (result == ERR_OK) {
        result = read_head((const char *)b->payload, head_size, b, err);
    }
    return result == ERR_OK ? read_body(b, head_size + 1, err) : result;
}

int batch_parse(const void *payload, size_t size, struct batch *out, struct err_text *err)
{
    struct batch b = {0};
    int result = parse_into(payload, size, &b, err);
    if (result < 0) {
        batch_fini(&b);
        return err_prefix(err, result, "batch");
    }
    *out = b;
    return ERR_OK;
}

bool batch_needs_two(const struct batch *batch)
{
    for (size_t i = 0; i < batch->added_count + batch->changed_count; i++) {
        if (wanted_record_needs_two(&batch->items[i].record)) {
            return true;
        }
    }
    return false;
}

int batch_verify(const struct keyset *set, const void *envelope, size_t size, struct batch *out,
                 struct err_text *err)
{
    struct envelope e = {0};
    struct batch b = {0};
    struct signers signers;
    int result = envelope_parse(envelope, size, &e, err);
    if (result == ERR_OK) {
        result = keyset_check_envelope(set, &e, STATEMENT_BATCH, &signers, err);
    }
    if (result == ERR_OK) {
        result = batch_parse(e.payload, e.payload_size, &b, err);
    }
    if (result == ERR_OK) {
        result = signers_check_time(&signers, b.time, err);
    }
    if (result == ERR_OK && batch_needs_two(&b) && signers_distinct(&signers) < 2) {
        result = err_set(err, ERR_DENIED,
                         "holds a priority 1 or observe entry, expected two different clerks");
    }
    envelope_fini(&e);
    if (result != ERR_OK) {
        batch_fini(&b);
        return err_prefix(err, result, "wanted batch");
    }
    b.clerk_count = signers_holders(&signers, b.clerks);
    *out = b;
    return ERR_OK;
}

int batch_check_next(const struct list_head *head, const struct batch *batch, struct err_text *err)
{
    if (batch->revision <= head->revision) {
        bool same =
            batch->revision == head->revision && memcmp(batch->hash, head->hash, HASH_SIZE) != 0;
        return err_set(err, same ? ERR_CONFLICT : ERR_STALE,
                       "batch revision %" PRIu64 ", the list is already at %" PRIu64,
                       batch->revision, head->revision);
    }
    if (batch->revision > head->revision + 1) {
        return err_set(err, ERR_NOT_FOUND,
                       "batch revision %" PRIu64 ", the list is at %" PRIu64
                       ": batches between are missing",
                       batch->revision, head->revision);
    }
    if (memcmp(batch->prev, head->hash, HASH_SIZE) != 0) {
        return err_set(err, ERR_CONFLICT, "batch %" PRIu64 " follows another batch %" PRIu64,
                       batch->revision, head->revision);
    }
    if (batch->time.ms < head->time.ms) {
        return err_set(err, ERR_INVALID, "batch %" PRIu64 " is dated before the one it follows",
                       batch->revision);
    }
    return ERR_OK;
}

int batch_check_list(const struct batch *batch,
                     const struct wanted_record *(*find)(void *ctx, uint64_t id), void *ctx,
                     struct err_text *err)
{
    for (size_t i = 0; i < batch->added_count + batch->changed_count; i++) {
        uint64_t id = batch->items[i].record.id;
        const struct wanted_record *held = find(ctx, id);
        if (i < batch->added_count && held) {
            return err_set(err, ERR_CONFLICT, "added entry %" PRIu64 " is already on the list", id);
        }
        if (i >= batch->added_count && !held) {
            return err_set(err, ERR_NOT_FOUND, "changed entry %" PRIu64 " is not on the list", id);
        }
        if (held && wanted_record_needs_two(held) && batch->clerk_count < 2) {
            return err_set(err, ERR_DENIED,
                           "changes entry %" PRIu64
                           " of priority 1 or observe, expected two different clerks",
                           id);
        }
    }
    for (size_t i = 0; i < batch->withdrawn_count; i++) {
        if (!find(ctx, batch->withdrawn[i])) {
            return err_set(err, ERR_NOT_FOUND, "withdrawn entry %" PRIu64 " is not on the list",
                           batch->withdrawn[i]);
        }
    }
    return ERR_OK;
}

void batch_fini(struct batch *batch)
{
    free(batch->items);
    free(batch->withdrawn);
    free(batch->payload);
    *batch = (struct batch){0};
}

static int write_head(const struct batch_plan *plan, char **out, size_t *out_size)
{
    json_t *head =
        json_pack("{s:I,s:I,s:o,s:I,s:o,s:I}", "added", (json_int_t)plan->added_count, "changed",
                  (json_int_t)plan->changed_count, "prev", hash_json(plan->head.hash), "revision",
                  (json_int_t)plan->head.revision + 1, "time", time_json(plan->time), "withdrawn",
                  (json_int_t)plan->withdrawn_count);
    int result = head ? json_canonical(head, out, out_size) : ERR_NO_MEMORY;
    json_decref(head);
    return result;
}

static void write_items(struct byte_writer *w, const struct wanted_item *items, size_t count,
                        bool texts)
{
    for (size_t i = 0; i < count; i++) {
        if (texts) {
            byte_write_bytes(w, items[i].text, items[i].record.text_size);
        } else {
            wanted_record_write(w, &items[i].record);
        }
    }
}

static void write_body(struct byte_writer *w, const struct batch_plan *plan)
{
    write_items(w, plan->added, plan->added_count, false);
    write_items(w, plan->changed, plan->changed_count, false);
    for (size_t i = 0; i < plan->withdrawn_count; i++) {
        byte_write_le64(w, plan->withdrawn[i]);
    }
    write_items(w, plan->added, plan->added_count, true);
    write_items(w, plan->changed, plan->changed_count, true);
}

int batch_compose(const struct batch_plan *plan, struct envelope *out, struct err_text *err)
{
    char *head = NULL;
    size_t head_size = 0;
    struct byte_writer w;
    struct batch check = {0};
    uint8_t *bytes = malloc(BATCH_PAYLOAD_MAX);
    int result = bytes ? write_head(plan, &head, &head_size) : ERR_NO_MEMORY;
    if (result == ERR_OK) {
        byte_writer_init(&w, bytes, BATCH_PAYLOAD_MAX);
        byte_write_bytes(&w, head, head_size);
        byte_write_u8(&w, '\n');
        write_body(&w, plan);
        result = w.failed
                     ? err_set(err, ERR_TOO_LARGE, "batch: more than %d bytes", BATCH_PAYLOAD_MAX)
                     : batch_parse(bytes, w.at, &check, err);
    }
    if (result == ERR_OK) {
        result = envelope_init(out, STATEMENT_BATCH, bytes, w.at);
    }
    batch_fini(&check);
    free(head);
    free(bytes);
    return result;
}
