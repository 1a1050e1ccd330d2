/*
 * See wanted_files.h.
 */
#include "gateway/app/hqctl/wanted_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/wanted_diff.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"

enum { SHOWN_SMALL = 20, SHOWN_TOP_MAX = 200, HEAD_FILE_MAX = 1 << 20 };

/* ---- reading and saving ---- */

static int read_text(const char *text, size_t size, struct wanted_file *out, struct err_text *err)
{
    static const char batch_type[] = "\"wanted-batch/1\"";
    out->is_draft = memmem(text, size, batch_type, sizeof(batch_type) - 1) == NULL ||
                    memmem(text, size, "\"wanted-draft/1\"", sizeof("\"wanted-draft/1\"") - 1);
    return out->is_draft ? draft_read(text, size, &out->draft, err)
                         : batch_file_read(text, size, &out->batches, err);
}

int wanted_file_open(const char *path, struct wanted_file *out, struct err_text *err)
{
    struct wanted_file file = {0};
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = file_read(path, DRAFT_FILE_MAX, &text, &size, err);
    if (rc != 0)
        return rc;
    rc = read_text((const char *)text, size, &file, err);
    free(text);
    if (rc != 0)
        return err_prefix(err, rc, "%s", path);
    *out = file;
    return 0;
}

void wanted_file_close(struct wanted_file *file)
{
    if (file->is_draft)
        draft_fini(&file->draft);
    batch_file_fini(&file->batches);
}

int wanted_draft_save(const char *path, const struct draft *draft, bool replace,
                      struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    int rc = draft_write(draft, &text, &size);
    if (rc == 0)
        rc = signed_file_save(path, text, size, replace, err);
    free(text);
    return rc;
}

int wanted_batches_save(const char *path, const struct batch_file *batches, struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    int rc = batch_file_write(batches, &text, &size);
    if (rc == 0)
        rc = signed_file_save(path, text, size, true, err);
    free(text);
    return rc;
}

/* ---- showing ---- */

static size_t count_top(const struct batch *batch)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->added_count + batch->changed_count; i++)
        count += batch->items[i].record.priority == 1;
    return count;
}

static void show_item(FILE *to, const char *sign, const struct wanted_item *item)
{
    json_t *entry = NULL;
    if (json_parse(item->text, item->record.text_size, &entry, NULL) != 0)
        return; /* it was parsed when the file was read; without memory the line is missing */
    hqctl_line(to, "  %s %" PRIu64 "  %s  class %s  %s  priority %u  case %s  %s", sign,
               item->record.id, hqctl_text_of(entry, "plate"), hqctl_text_of(entry, "class"),
               hqctl_text_of(entry, "category"), item->record.priority,
               hqctl_text_of(entry, "case_number"), hqctl_text_of(entry, "reason"));
    hqctl_line(to, "      applicant %s %s, reviewer %s %s, approver %s %s; %s to %s%s",
               hqctl_text_of(entry, "applicant"), hqctl_text_of(entry, "applicant_number"),
               hqctl_text_of(entry, "reviewer"), hqctl_text_of(entry, "reviewer_number"),
               hqctl_text_of(entry, "approver"), hqctl_text_of(entry, "approver_number"),
               hqctl_text_of(entry, "valid_from"), hqctl_text_of(entry, "valid_until"),
               (item->record.flags & WANTED_EMERGENCY) != 0 ? "; EMERGENCY 紧急布控" : "");
    json_decref(entry);
}

static void show_batch(FILE *to, const struct batch *batch)
{
    char hash[HASH_TEXT_SIZE];
    char time[WALL_TEXT_SIZE];
    size_t items = batch->added_count + batch->changed_count;
    size_t shown = 0;
    bool small = items + batch->withdrawn_count <= SHOWN_SMALL;
    hash_format(batch->prev, hash);
    wall_format(batch->time, time);
    fprintf(to,
            "Revision %" PRIu64 ", after %.19s…, dated %s: %zu added, %zu changed, %zu withdrawn; "
            "priority 1: %zu\n",
            batch->revision, hash, time, batch->added_count, batch->changed_count,
            batch->withdrawn_count, count_top(batch));
    for (size_t i = 0; i < items && shown < SHOWN_TOP_MAX; i++)
        if (small || batch->items[i].record.priority == 1) {
            show_item(to, i < batch->added_count ? "+" : "~", &batch->items[i]);
            shown++;
        }
    for (size_t i = 0; i < batch->withdrawn_count && small; i++)
        fprintf(to, "  - %" PRIu64 "\n", batch->withdrawn[i]);
    if (shown == SHOWN_TOP_MAX)
        fprintf(to, "  … and more of priority 1\n");
}

void wanted_batches_show(FILE *to, const struct batch_file *batches, const struct keyset *keyset)
{
    for (size_t i = 0; i < batches->count; i++)
        show_batch(to, &batches->batches[i]);
    signed_file_show_signers(to, &batches->envelopes[0], keyset);
    fprintf(to, "Needs %s.\n",
            batch_file_needs_two(batches) ? "two different clerks (priority 1)" : "one clerk");
}

static void warn_pair(void *ctx, const struct wanted_item *one, const struct wanted_item *two)
{
    json_t *entry = NULL;
    json_t *other = NULL;
    if (json_parse(one->text, one->record.text_size, &entry, NULL) == 0 &&
        json_parse(two->text, two->record.text_size, &other, NULL) == 0)
        wanted_conflict_show(ctx, entry, other);
    json_decref(entry);
    json_decref(other);
}

void wanted_batches_warn(FILE *to, const struct batch_file *batches)
{
    if (batch_file_conflicts(batches, warn_pair, to) != 0)
        fputs("hqctl: no memory to look for vehicles under stop and observe\n", to);
}

json_t *wanted_batches_json(const struct batch_file *batches, const struct keyset *keyset)
{
    json_t *rows = json_array();
    char hash[HASH_TEXT_SIZE];
    for (size_t i = 0; i < batches->count; i++) {
        const struct batch *b = &batches->batches[i];
        hash_format(b->hash, hash);
        (void)json_array_append_new(
            rows, json_pack("{s:I,s:s,s:I,s:I,s:I,s:I}", "revision", (json_int_t)b->revision,
                            "hash", hash, "added", (json_int_t)b->added_count, "changed",
                            (json_int_t)b->changed_count, "withdrawn",
                            (json_int_t)b->withdrawn_count, "priority_1",
                            (json_int_t)count_top(b))); /* without memory the row is missing */
    }
    return json_pack("{s:o,s:o,s:i}", "batches", rows, "signed_by",
                     signed_file_signers_json(&batches->envelopes[0], keyset), "clerks_needed",
                     batch_file_needs_two(batches) ? 2 : 1);
}

/* ---- head ---- */

int wanted_head_get(struct hqctl *h, struct draft_head *out, struct err_text *err)
{
    struct hq_answer answer;
    int rc = hq_client_get(&h->client, "/v1/list/head", &answer, err);
    if (rc == 0)
        rc = draft_head_read(answer.value, out, err);
    hq_answer_fini(&answer);
    return rc;
}

int wanted_head_read(const char *path, struct draft_head *out, struct err_text *err)
{
    uint8_t *text = NULL;
    size_t size = 0;
    json_t *value = NULL;
    int rc = file_read(path, HEAD_FILE_MAX, &text, &size, err);
    if (rc != 0)
        return rc;
    rc = json_parse((const char *)text, size, &value, err);
    if (rc == 0)
        rc = draft_head_read(value, out, err);
    json_decref(value);
    free(text);
    return rc == 0 ? 0 : err_prefix(err, rc, "%s", path);
}

/* ---- what is published ---- */

const json_t *wanted_batch_get(struct hqctl *h, uint64_t revision, struct hq_answer *answer)
{
    char query[96];
    (void)snprintf(query, sizeof(query), "/v1/list/batches?after=%" PRIu64 "&limit=1",
                   revision - 1); /* fits */
    *answer = (struct hq_answer){0};
    if (hq_client_get(&h->client, query, answer, NULL) != 0)
        return NULL;
    return json_array_get(json_object_get(answer->value, "batches"), 0);
}

size_t wanted_batches_published(struct hqctl *h, const struct batch_file *batches)
{
    size_t count = 0;
    for (bool same = true; same && count < batches->count; count += same) {
        char hash[HASH_TEXT_SIZE];
        struct hq_answer answer;
        hash_format(batches->batches[count].hash, hash);
        const json_t *row = wanted_batch_get(h, batches->batches[count].revision, &answer);
        same = row && strcmp(hqctl_text_of(row, "hash"), hash) == 0;
        hq_answer_fini(&answer);
    }
    return count;
}
