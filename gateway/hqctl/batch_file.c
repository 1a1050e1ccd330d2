/*
 * See batch_file.h. No state.
 */
#include "gateway/hqctl/batch_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/match/crowd.h"
#include "gateway/signed/wanted_entry.h"

/* The items of a draft while they are cut into batches. */
struct cutting {
    struct wanted_item *items; /* added, then changed */
    size_t item_count;
    size_t added_count;
    uint64_t *withdrawn;
    size_t withdrawn_count;
    size_t item_at;
    size_t withdrawn_at;
    struct list_head head;
    struct wall_time time;
};

static void cutting_fini(struct cutting *c)
{
    for (size_t i = 0; i < c->item_count; i++)
        free((void *)(uintptr_t)c->items[i].text); /* ours; const for the reader */
    free(c->items);
    free(c->withdrawn);
}

static int take_items(struct cutting *c, const json_t *list, const char *name, struct err_text *err)
{
    const json_t *item;
    size_t index;
    json_array_foreach(list, index, item)
    {
        char *text = NULL;
        int rc = wanted_entry_from_json(item, &c->items[c->item_count].record, &text, err);
        if (rc != 0)
            return err_prefix(err, rc, "%s[%zu]", name, index);
        c->items[c->item_count++].text = text;
    }
    return 0;
}

static int cutting_init(struct cutting *c, const struct draft *draft, struct err_text *err)
{
    const json_t *item;
    size_t index;
    size_t items = json_array_size(draft->added) + json_array_size(draft->changed);
    size_t withdrawn = json_array_size(draft->withdrawn);
    c->items = calloc(items + 1, sizeof(*c->items));
    c->withdrawn = calloc(withdrawn + 1, sizeof(*c->withdrawn));
    if (!c->items || !c->withdrawn)
        return ERR_NO_MEMORY;
    int rc = take_items(c, draft->added, "added", err);
    c->added_count = c->item_count;
    if (rc == 0)
        rc = take_items(c, draft->changed, "changed", err);
    if (rc != 0)
        return rc;
    json_array_foreach(draft->withdrawn, index, item)
    {
        c->withdrawn[index] = (uint64_t)json_integer_value(json_object_get(item, "id"));
    }
    c->withdrawn_count = withdrawn;
    return 0;
}

/* How many items from `at` to `end` fit beside what the batch has already. */
static size_t count_fitting(const struct cutting *c, size_t at, size_t end, size_t taken,
                            size_t *io_bytes)
{
    size_t count = 0;
    while (at + count < end && taken + count < BATCH_ENTRIES_MAX) {
        size_t bytes = *io_bytes + WANTED_RECORD_SIZE + c->items[at + count].record.text_size;
        if (bytes > BATCH_PAYLOAD_MAX)
            break;
        *io_bytes = bytes;
        count++;
    }
    return count;
}

/* The next batch takes withdrawals first, then as many entries as fit: added ones, then changed. */
static struct batch_plan next_plan(struct cutting *c)
{
    struct batch_plan plan = {.head = c->head, .time = c->time};
    size_t bytes = BATCH_HEAD_MAX;
    size_t left = c->withdrawn_count - c->withdrawn_at;
    plan.withdrawn = c->withdrawn + c->withdrawn_at;
    plan.withdrawn_count = left < BATCH_WITHDRAWN_MAX ? left : BATCH_WITHDRAWN_MAX;
    bytes += plan.withdrawn_count * sizeof(uint64_t);
    plan.added = c->items + c->item_at;
    if (c->item_at < c->added_count)
        plan.added_count = count_fitting(c, c->item_at, c->added_count, 0, &bytes);
    c->item_at += plan.added_count;
    plan.changed = c->items + c->item_at;
    if (c->item_at >= c->added_count)
        plan.changed_count = count_fitting(c, c->item_at, c->item_count, plan.added_count, &bytes);
    c->item_at += plan.changed_count;
    c->withdrawn_at += plan.withdrawn_count;
    return plan;
}

static int grow(struct batch_file *file)
{
    size_t count = file->count + 1;
    struct envelope *envelopes = realloc(file->envelopes, count * sizeof(*envelopes));
    if (!envelopes)
        return ERR_NO_MEMORY;
    file->envelopes = envelopes;
    struct batch *batches = realloc(file->batches, count * sizeof(*batches));
    if (!batches)
        return ERR_NO_MEMORY;
    file->batches = batches;
    return 0;
}

/* Takes an envelope over, parsing what it holds; it must follow the batch before. */
static int append(struct batch_file *file, struct envelope *envelope, struct err_text *err)
{
    int rc = file->count < BATCH_FILE_BATCHES_MAX
                 ? grow(file)
                 : err_set(err, ERR_TOO_LARGE, "more than %d batches", BATCH_FILE_BATCHES_MAX);
    struct batch batch = {0};
    if (rc == 0)
        rc = batch_parse(envelope->payload, envelope->payload_size, &batch, err);
    if (rc == 0 && file->count > 0) {
        const struct batch *last = &file->batches[file->count - 1];
        struct list_head head = {.revision = last->revision, .time = last->time};
        memcpy(head.hash, last->hash, HASH_SIZE);
        rc = batch_check_next(&head, &batch, err);
    }
    if (rc != 0) {
        batch_fini(&batch);
        envelope_fini(envelope);
        return rc;
    }
    file->envelopes[file->count] = *envelope;
    file->batches[file->count++] = batch;
    return 0;
}

int batch_file_check_crowds(const struct batch_file *file, struct err_text *err)
{
    size_t count = 0;
    size_t at = 0;
    for (size_t i = 0; i < file->count; i++)
        count += file->batches[i].added_count;
    struct match_crowd *entries = calloc(count + 1, sizeof(*entries));
    if (!entries)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < file->count; i++)
        for (size_t k = 0; k < file->batches[i].added_count; k++) {
            const struct wanted_record *record = &file->batches[i].items[k].record;
            entries[at++] = (struct match_crowd){match_crowd_of(record->key), record->id};
        }
    int rc = match_crowds_check(entries, count, err);
    free(entries);
    return rc;
}

int batch_file_compose(const struct draft *draft, struct wall_time now, struct batch_file *out,
                       struct err_text *err)
{
    struct batch_file file = {0};
    struct cutting c = {.head = draft->head.list, .time = now};
    if (c.time.ms < c.head.time.ms)
        c.time = c.head.time;
    int rc = cutting_init(&c, draft, err);
    while (rc == 0 && (c.item_at < c.item_count || c.withdrawn_at < c.withdrawn_count)) {
        struct batch_plan plan = next_plan(&c);
        struct envelope envelope = {0};
        rc = batch_compose(&plan, &envelope, err);
        if (rc == 0)
            rc = append(&file, &envelope, err);
        if (rc == 0) {
            const struct batch *last = &file.batches[file.count - 1];
            c.head = (struct list_head){.revision = last->revision, .time = last->time};
            memcpy(c.head.hash, last->hash, HASH_SIZE);
        }
    }
    cutting_fini(&c);
    if (rc == 0)
        rc = batch_file_check_crowds(&file, err);
    if (rc != 0) {
        batch_file_fini(&file);
        return rc;
    }
    *out = file;
    return 0;
}

int batch_file_read(const char *text, size_t size, struct batch_file *out, struct err_text *err)
{
    struct batch_file file = {0};
    size_t at = 0;
    size_t line = 0;
    int rc = 0;
    while (rc == 0 && at < size) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - text) - at : size - at;
        struct envelope envelope = {0};
        line++;
        rc = envelope_parse(text + at, length, &envelope, err);
        if (rc == 0 && envelope.type != STATEMENT_BATCH) {
            rc = err_set(err, ERR_INVALID, "type = '%s': expected %s",
                         statement_type_name(envelope.type), statement_type_name(STATEMENT_BATCH));
            envelope_fini(&envelope);
        } else if (rc == 0) {
            rc = append(&file, &envelope, err);
        }
        if (rc != 0)
            rc = err_prefix(err, rc, "line %zu", line);
        at += length + 1;
    }
    if (rc == 0 && file.count == 0)
        rc = err_set(err, ERR_INVALID, "empty, expected a draft or signed batches");
    if (rc != 0) {
        batch_file_fini(&file);
        return rc;
    }
    *out = file;
    return 0;
}

int batch_file_sign(struct batch_file *file, const struct sign_key *key, struct err_text *err)
{
    for (size_t i = 0; i < file->count; i++) {
        int rc = envelope_sign(&file->envelopes[i], key);
        if (rc == ERR_CONFLICT)
            return err_set(err, rc, "this key has signed it already, expected another clerk's");
        if (rc != 0)
            return err_set(err, rc, "signing: %s", err_name(rc));
    }
    return 0;
}

int batch_file_write(const struct batch_file *file, char **out, size_t *out_size)
{
    char *text = NULL;
    size_t size = 0;
    int rc = 0;
    FILE *to = open_memstream(&text, &size);
    for (size_t i = 0; to && rc == 0 && i < file->count; i++) {
        char *line = NULL;
        size_t length = 0;
        rc = envelope_write(&file->envelopes[i], &line, &length);
        if (rc == 0)
            fprintf(to, "%s\n", line);
        free(line);
    }
    if (!to || (ferror(to) | fclose(to)) != 0)
        rc = ERR_NO_MEMORY;
    if (rc != 0) {
        free(text);
        return rc;
    }
    *out = text;
    *out_size = size;
    return 0;
}

int batch_file_verify(const struct batch_file *file, const struct keyset *set, struct err_text *err)
{
    for (size_t i = 0; i < file->count; i++) {
        struct batch batch = {0};
        char *text = NULL;
        size_t size = 0;
        int rc = envelope_write(&file->envelopes[i], &text, &size);
        if (rc == 0)
            rc = batch_verify(set, text, size, &batch, err);
        free(text);
        batch_fini(&batch);
        if (rc != 0)
            return err_prefix(err, rc, "revision %" PRIu64, file->batches[i].revision);
    }
    return batch_file_check_crowds(file, err);
}

int batch_file_check_approvals(const struct batch_file *file, struct err_text *err)
{
    for (size_t i = 0; i < file->count; i++) {
        const struct batch *batch = &file->batches[i];
        for (size_t k = 0; k < batch->added_count + batch->changed_count; k++) {
            const struct wanted_item *item = &batch->items[k];
            int rc = wanted_entry_check_approval_text(item->text, item->record.text_size, err);
            if (rc != 0)
                return err_prefix(err, rc, "entry %" PRIu64, item->record.id);
        }
    }
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    const struct wanted_record *x = &(*(const struct wanted_item *const *)a)->record;
    const struct wanted_record *y = &(*(const struct wanted_item *const *)b)->record;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

int batch_file_conflicts(const struct batch_file *file,
                         void (*tell)(void *ctx, const struct wanted_item *one,
                                      const struct wanted_item *two),
                         void *ctx)
{
    size_t count = 0;
    size_t at = 0;
    for (size_t i = 0; i < file->count; i++)
        count += file->batches[i].added_count + file->batches[i].changed_count;
    const struct wanted_item **items = calloc(count + 1, sizeof(struct wanted_item *));
    if (!items)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < file->count; i++)
        for (size_t k = 0; k < file->batches[i].added_count + file->batches[i].changed_count; k++)
            items[at++] = &file->batches[i].items[k];
    qsort(items, count, sizeof(*items), compare_keys);
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count && items[k]->record.key == items[i]->record.key; k++)
            if (wanted_records_conflict(&items[i]->record, &items[k]->record))
                tell(ctx, items[i], items[k]);
    free(items);
    return 0;
}

bool batch_file_needs_two(const struct batch_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        if (batch_needs_two(&file->batches[i]))
            return true;
    return false;
}

/* Adds one batch's entries and withdrawals to the lists of a draft. */
static int add_to_draft(const struct batch *batch, struct draft *draft, struct err_text *err)
{
    for (size_t i = 0; i < batch->added_count + batch->changed_count; i++) {
        const struct wanted_item *item = &batch->items[i];
        json_t *entry = NULL;
        int rc = json_parse(item->text, item->record.text_size, &entry, err);
        if (rc != 0)
            return rc;
        if (json_array_append_new(i < batch->added_count ? draft->added : draft->changed, entry) !=
            0)
            return ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < batch->withdrawn_count; i++)
        if (json_array_append_new(
                draft->withdrawn,
                json_pack("{s:I,s:s}", "id", (json_int_t)batch->withdrawn[i], "plate", "")) != 0)
            return ERR_NO_MEMORY;
    return 0;
}

int batch_file_to_draft(const struct batch_file *file, struct draft *out, struct err_text *err)
{
    struct draft draft = {
        .added = json_array(), .changed = json_array(), .withdrawn = json_array()};
    int rc = draft.added && draft.changed && draft.withdrawn ? 0 : ERR_NO_MEMORY;
    for (size_t i = 0; rc == 0 && i < file->count; i++)
        rc = add_to_draft(&file->batches[i], &draft, err);
    if (rc != 0) {
        draft_fini(&draft);
        return rc;
    }
    draft.head.list.revision = file->batches[0].revision - 1;
    memcpy(draft.head.list.hash, file->batches[0].prev, HASH_SIZE);
    *out = draft;
    return 0;
}

void batch_file_drop(struct batch_file *file, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        envelope_fini(&file->envelopes[i]);
        batch_fini(&file->batches[i]);
    }
    file->count -= count;
    memmove(file->envelopes, file->envelopes + count, file->count * sizeof(*file->envelopes));
    memmove(file->batches, file->batches + count, file->count * sizeof(*file->batches));
}

void batch_file_fini(struct batch_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        envelope_fini(&file->envelopes[i]);
        batch_fini(&file->batches[i]);
    }
    free(file->envelopes);
    free(file->batches);
    *file = (struct batch_file){0};
}
