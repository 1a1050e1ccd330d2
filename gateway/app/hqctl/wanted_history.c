/*
 * hqctl wanted history: the revisions of the list, and the whole life of one entry, out of the
 * signed batches, whose hashes and links are checked on the way. Who published is hqd's word.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/signed_file.h"
#include "gateway/app/hqctl/wanted_diff.h"
#include "gateway/base/json.h"
#include "gateway/base/text_table.h"
#include "gateway/signed/batch.h"

enum { LAST_DEFAULT = 20, CELL_SIZE = 24, NAMES_SIZE = 256 };

static const char *const titles[] = {"REVISION",   "TIME",        ">ADDED", ">CHANGED",
                                     ">WITHDRAWN", ">PRIORITY 1", "CLERKS", "PUBLISHED BY"};
enum { COLUMNS = sizeof(titles) / sizeof(titles[0]) };

struct history {
    struct hqctl *h;
    json_t *keys;             /* who signed, by hqd's key set */
    uint64_t id;              /* of one entry; 0: revisions */
    struct text_table *table; /* of revisions, NULL with --json */
    struct list_head head;    /* of the batch before; revision 0: none yet */
    uint64_t from;            /* the first one's revision - 1 */
    json_t *entry;            /* as it stands, NULL: not on the list */
    size_t acts;
    struct err_text *err;
};

static size_t count_top(const struct batch *batch)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->added_count + batch->changed_count; i++)
        count += batch->items[i].record.priority == 1;
    return count;
}

static int show_revision(struct history *s, const struct batch *b, const char *clerks,
                         const char *publisher)
{
    char cells[5][CELL_SIZE];
    char time[WALL_TEXT_SIZE];
    char hash[HASH_TEXT_SIZE];
    size_t top = count_top(b);
    wall_format(b->time, time);
    hash_format(b->hash, hash);
    if (s->h->json)
        return hqctl_print(json_pack(
                   "{s:I,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I}", "revision", (json_int_t)b->revision,
                   "hash", hash, "time", time, "clerks", clerks, "published_by", publisher, "added",
                   (json_int_t)b->added_count, "changed", (json_int_t)b->changed_count, "withdrawn",
                   (json_int_t)b->withdrawn_count, "priority_1", (json_int_t)top)) == EXIT_OK
                   ? 0
                   : ERR_IO;
    const uint64_t numbers[5] = {b->revision, b->added_count, b->changed_count, b->withdrawn_count,
                                 top};
    for (size_t i = 0; i < 5; i++)
        (void)snprintf(cells[i], CELL_SIZE, "%" PRIu64, numbers[i]); /* fits */
    const char *row[COLUMNS] = {cells[0], time,     cells[1], cells[2],
                                cells[3], cells[4], clerks,   publisher};
    return text_table_add(s->table, row);
}

/* "added", "changed", "withdrawn", NULL: the batch says nothing of the entry. */
static const char *act_of(const struct batch *b, uint64_t id, const struct wanted_item **out_item)
{
    *out_item = NULL;
    for (size_t i = 0; i < b->added_count + b->changed_count; i++)
        if (b->items[i].record.id == id) {
            *out_item = &b->items[i];
            return i < b->added_count ? "added" : "changed";
        }
    for (size_t i = 0; i < b->withdrawn_count; i++)
        if (b->withdrawn[i] == id)
            return "withdrawn";
    return NULL;
}

static int say_act(struct history *s, const struct batch *b, const char *act, json_t *next,
                   const char *clerks, const char *publisher)
{
    char time[WALL_TEXT_SIZE];
    wall_format(b->time, time);
    if (s->h->json)
        return hqctl_print(json_pack("{s:I,s:s,s:s,s:s,s:s,s:O}", "revision",
                                     (json_int_t)b->revision, "time", time, "act", act, "clerks",
                                     clerks, "published_by", publisher, "entry",
                                     next ? next : json_null())) == EXIT_OK
                   ? 0
                   : ERR_IO;
    hqctl_line(stdout, "%s  revision %" PRIu64 "  %s, signed by %s, published by %s", time,
               b->revision, act, clerks, publisher);
    if (next)
        wanted_change_show(stdout, s->entry ? s->entry : next, next);
    if (next && !s->entry)
        hqctl_line(stdout, "      %s; applicant %s, reviewer %s, approver %s, document %s",
                   hqctl_text_of(next, "reason"), hqctl_text_of(next, "applicant"),
                   hqctl_text_of(next, "reviewer"), hqctl_text_of(next, "approver"),
                   hqctl_or_dash(hqctl_text_of(next, "document")));
    return 0;
}

static int show_act(struct history *s, const struct batch *b, const char *clerks,
                    const char *publisher)
{
    const struct wanted_item *item;
    json_t *next = NULL;
    const char *act = act_of(b, s->id, &item);
    if (!act)
        return 0;
    int rc = item ? json_parse(item->text, item->record.text_size, &next, s->err) : 0;
    if (rc == 0)
        rc = say_act(s, b, act, next, clerks, publisher);
    s->acts++;
    json_decref(s->entry);
    s->entry = next;
    return rc;
}

/* What hqd hands out must be the chain it says: hash by hash, link by link. */
static int check_link(struct history *s, const struct batch *b, const char *told)
{
    char hash[HASH_TEXT_SIZE];
    hash_format(b->hash, hash);
    if (strcmp(hash, told) != 0)
        return err_set(s->err, ERR_CORRUPT, "revision %" PRIu64 ": hqd says %.19s…, it is %.19s…",
                       b->revision, told, hash);
    if (s->head.revision > 0 || s->from == 0) {
        int rc = batch_check_next(&s->head, b, s->err);
        if (rc != 0)
            return rc;
    } else if (b->revision != s->from + 1) {
        return err_set(s->err, ERR_CORRUPT, "revision %" PRIu64 " is missing", s->from + 1);
    }
    s->head = (struct list_head){.revision = b->revision, .time = b->time};
    memcpy(s->head.hash, b->hash, HASH_SIZE);
    return 0;
}

static int take_batch(void *ctx, const json_t *row)
{
    struct history *s = ctx;
    struct envelope envelope = {0};
    struct batch batch = {0};
    char clerks[NAMES_SIZE] = "";
    const json_t *signed_by = json_object_get(row, "envelope");
    const char *publisher = hqctl_or_dash(hqctl_text_of(row, "published_by"));
    char *text = json_dumps(signed_by, JSON_COMPACT);
    int rc = text ? signed_file_parse(text, strlen(text), STATEMENT_BATCH, &envelope, s->err)
                  : err_set(s->err, ERR_CORRUPT, "a revision without its batch");
    if (rc == 0)
        rc = batch_parse(envelope.payload, envelope.payload_size, &batch, s->err);
    if (rc == 0)
        rc = check_link(s, &batch, hqctl_text_of(row, "hash"));
    signed_file_signers_by(signed_by, s->keys, clerks, sizeof(clerks));
    if (rc == 0)
        rc = s->id ? show_act(s, &batch, clerks, publisher)
                   : show_revision(s, &batch, clerks, publisher);
    batch_fini(&batch);
    envelope_fini(&envelope);
    free(text);
    return rc;
}

static void say_end(const struct history *s)
{
    if (s->h->json)
        return;
    if (!s->id)
        text_table_print(s->table, stdout, text_screen_columns(stdout));
    else if (s->entry)
        hqctl_line(stdout, "On the list at revision %" PRIu64 ", valid until %s.", s->head.revision,
                   hqctl_text_of(s->entry, "valid_until"));
    else
        hqctl_line(stdout, "Not on the list at revision %" PRIu64 ".", s->head.revision);
}

static int walk(struct history *s, uint64_t last)
{
    struct hq_answer head = {0};
    int rc = hq_client_get(&s->h->client, "/v1/list/head", &head, s->err);
    uint64_t newest = (uint64_t)hqctl_number_of(head.value, "revision");
    hq_answer_fini(&head);
    if (rc == 0 && !s->id && !s->h->json)
        rc = text_table_create(titles, COLUMNS, &s->table);
    s->from = s->id || newest < last ? 0 : newest - last;
    uint64_t after = s->from;
    s->keys = signed_file_keys_get(s->h);
    if (rc == 0)
        rc = hq_client_walk(&s->h->client, "/v1/list/batches?", "batches", &after, take_batch, s,
                            s->err);
    if (rc == 0 && s->id && s->acts == 0)
        rc = err_set(s->err, ERR_NOT_FOUND, "entry %" PRIu64 ": never on the list", s->id);
    return rc;
}

int hqctl_wanted_history(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    struct history s = {.h = h, .err = &err};
    const char *asked = NULL;
    int64_t last = LAST_DEFAULT;
    const struct arg_option options[] = {
        ARG_OPTION_NUMBER("last", "N", &last, 1, INT64_MAX,
                          "How many of the newest revisions are shown. Default: 20.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  Revisions with their time, counts, the clerks who signed and who published; "
                "with an\n  entry's ID its whole life: entered, changed field by field, "
                "withdrawn. All of it is read\n  out of the signed batches, and each must follow "
                "the one before. An entry's life is\n  looked for in every revision there was.\n",
        ARG_OPTIONS(options),
        .operands = "[ID]",
        .operands_max = 1,
        .operand = &asked};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    if (asked && (asked[strspn(asked, "0123456789")] != '\0' || strlen(asked) > 18 ||
                  (s.id = strtoull(asked, NULL, 10)) == 0)) {
        (void)err_set(&err, ERR_INVALID, "'%.60s': expected an entry's id", asked); /* told below */
        (void)hqctl_fail(h, ERR_INVALID, &err); /* the status is another */
        return EXIT_USAGE;
    }
    status = hqctl_connect(h);
    if (status != 0)
        return status;
    int rc = walk(&s, (uint64_t)last);
    if (rc == 0 || s.table)
        say_end(&s); /* what was found comes before what is wrong with it */
    text_table_destroy(s.table);
    json_decref(s.keys);
    json_decref(s.entry);
    return rc == 0 ? EXIT_OK : hqctl_fail(h, rc, &err);
}
