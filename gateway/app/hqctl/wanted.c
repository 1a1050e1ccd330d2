/*
 * hqctl wanted import, withdraw, rebase, list, head: what is to be listed and what is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/import_faults.h"
#include "gateway/app/hqctl/wanted_choice.h"
#include "gateway/app/hqctl/wanted_files.h"
#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/hqctl/csv.h"
#include "gateway/model/plate_forms.h"
#include "gateway/model/plate_key.h"

enum { UNUSUAL_SHOWN_MAX = 20 };

/* ---- import ---- */

static const char import_text[] =
    "DESCRIPTION\n"
    "  LIST.csv is UTF-8, comma-separated, RFC 4180. Its first line names the columns, in any\n"
    "  order; an empty cell is no value; cells may have spaces around. Required:\n"
    "    plate        full, or partial with ? for each unread symbol (at least 4 read)\n"
    "    class        two characters of GA/T 16.7 (02 small car, 51 large new energy, …) or any;\n"
    "                 may be empty for a partial plate only\n"
    "    category     stolen, fugitive, hit_and_run, cloned, missing, case or other\n"
    "    priority     1 (top, two clerks must sign), 2 or 3\n"
    "    handling     stop\n"
    "    reason, authority, case_number, contact\n"
    "                 text\n"
    "    applicant, reviewer, approver\n"
    "                 names of three different people; of each also applicant_number,\n"
    "                 applicant_time and so on: police number, when\n"
    "    document     what it was approved by (may be empty for an emergency only)\n"
    "    valid_from, valid_until\n"
    "                 2026-12-01T00:00:00Z or with an offset, 2026-12-01T08:00:00+08:00\n"
    "  emergency = yes: 紧急布控, approved by the duty leader with a second officer as reviewer, "
    "who\n"
    "  may be the applicant; valid for 24 hours at most, two clerks sign.\n"
    "  Optional: officer_risk (armed, violent, several_people; several with ; between),\n"
    "  instructions, vehicle.\n"
    "  Every bad row is told with line, column, name, value and reason; with any bad row nothing\n"
    "  is imported. The result is an unsigned draft with new ids above the list's highest:\n"
    "  'hqctl wanted sign' is next.\n\n"
    "EXAMPLE\n"
    "  hqctl wanted import list.csv --out list.json\n"
    "  hqctl wanted sign list.json --key zhang.key.pem\n"
    "  hqctl wanted publish list.json\n";

/* "list.csv" -> "list.draft.json" */
static int draft_name(const char *path, char out[HQCTL_PATH_SIZE], struct err_text *err)
{
    size_t size = strlen(path);
    if (size > 4 && strcmp(path + size - 4, ".csv") == 0)
        size -= 4;
    int used = snprintf(out, HQCTL_PATH_SIZE, "%.*s.draft.json", (int)size, path);
    return used < HQCTL_PATH_SIZE ? 0 : err_set(err, ERR_TOO_LARGE, "%.100s…: path too long", path);
}

/* A mainland plate with a symbol too few or too many: no camera will ever read it. */
static bool is_unusual(const char *plate)
{
    struct plate_text text;
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    plate_encode(plate, strlen(plate), PLATE_DASH_AUTO, &text);
    int count = text.kind == PLATE_KEY ? plate_symbols(text.key, symbols) : 0;
    return count > 0 && plate_serial_start(symbols, count) >= 0 && !plate_form_find(symbols, count);
}

/* Not refused: new kinds of plates come sooner than new programs. */
static void say_unusual(const json_t *entries)
{
    const json_t *entry;
    size_t index;
    size_t count = 0;
    json_array_foreach(entries, index, entry)
    {
        const char *plate = hqctl_text_of(entry, "plate");
        if (is_unusual(plate) && count++ < UNUSUAL_SHOWN_MAX)
            hqctl_line(stderr, "hqctl: plate '%s', case %s: fits no known form; is it complete?",
                       plate, hqctl_text_of(entry, "case_number"));
    }
    if (count > UNUSUAL_SHOWN_MAX)
        fprintf(stderr, "… and %zu more\n", count - UNUSUAL_SHOWN_MAX);
}

static int save_import(const struct hqctl *h, const char *source, const char *out,
                       const struct draft_head *head, json_t *entries)
{
    struct err_text err = {""};
    struct draft draft = {.head = *head, .added = entries, .withdrawn = json_array()};
    size_t top = 0;
    const json_t *entry;
    size_t index;
    (void)snprintf(draft.source, sizeof(draft.source), "%s", source); /* shown only */
    json_array_foreach(entries, index, entry)
    {
        top += hqctl_number_of(entry, "priority") == 1;
    }
    int rc = draft.withdrawn ? wanted_draft_save(out, &draft, false, &err) : ERR_NO_MEMORY;
    json_decref(draft.withdrawn);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    say_unusual(entries);
    if (h->json)
        return hqctl_print(json_pack(
            "{s:s,s:I,s:I,s:I}", "draft", out, "entries", (json_int_t)json_array_size(entries),
            "priority_1", (json_int_t)top, "revision", (json_int_t)head->list.revision + 1));
    printf("%zu %s (%zu of priority 1) in %s, for revision %" PRIu64 ".\n"
           "Sign it: hqctl wanted sign %s --key CLERK.key.pem%s\n",
           json_array_size(entries), json_array_size(entries) == 1 ? "entry" : "entries", top, out,
           head->list.revision + 1, out, top ? "  (two different clerks)" : "");
    return EXIT_OK;
}

static int import_file(struct hqctl *h, const char *path, const char *out,
                       const struct draft_head *head)
{
    struct err_text err = {""};
    struct import_result *result = calloc(1, sizeof(*result));
    uint8_t *data = NULL;
    size_t size = 0;
    int status;
    int rc = result ? file_read(path, CSV_FILE_MAX, &data, &size, &err) : ERR_NO_MEMORY;
    if (rc == 0)
        rc =
            import_csv(path, data, size, head->max_id + 1, clock_wall(&clock_system), result, &err);
    if (rc == 0)
        status = save_import(h, path, out, head, result->entries);
    else if (rc == ERR_INVALID && result->fault_count > 0)
        status = import_faults_say(h, path, result);
    else
        status = hqctl_fail(h, rc, &err);
    if (result)
        import_fini(result);
    free(result);
    free(data);
    return status;
}

int hqctl_wanted_import(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    struct draft_head head;
    const char *path = "";
    const char *out = NULL;
    const char *head_file = NULL;
    char name[HQCTL_PATH_SIZE];
    const struct arg_option options[] = {
        ARG_OPTION_TEXT(
            "out", "FILE", &out,
            "The draft. Default: LIST.draft.json beside LIST.csv. An existing file is kept."),
        ARG_OPTION_TEXT(
            "head", "FILE", &head_file,
            "Without a network: the head of the list as 'hqctl wanted head --json' printed "
            "it. Default: hqd is asked.")};
    struct arg_spec spec = {
        .text = import_text, ARG_OPTIONS(options), ARG_OPERANDS("LIST.csv", 1, &path)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = out ? 0 : draft_name(path, name, &err);
    if (rc == 0 && head_file) {
        rc = wanted_head_read(head_file, &head, &err);
    } else if (rc == 0) {
        status = hqctl_connect(h);
        if (status != 0)
            return status;
        rc = wanted_head_get(h, &head, &err);
    }
    return rc == 0 ? import_file(h, path, out ? out : name, &head) : hqctl_fail(h, rc, &err);
}

/* ---- withdraw ---- */

struct withdrawal {
    struct wanted_choice choice;
    json_t *rows;
    FILE *talk;
};

static int withdraw_entry(void *ctx, const json_t *entry)
{
    struct withdrawal *w = ctx;
    const char *plate = hqctl_text_of(entry, "plate");
    int64_t id = hqctl_number_of(entry, "id");
    hqctl_line(w->talk, "  - %" PRId64 "  %s  class %s  priority %lld  case %s  %s", id, plate,
               hqctl_text_of(entry, "class"), (long long)hqctl_number_of(entry, "priority"),
               hqctl_text_of(entry, "case_number"), hqctl_text_of(entry, "reason"));
    return json_array_append_new(w->rows,
                                 json_pack("{s:I,s:s}", "id", (json_int_t)id, "plate", plate)) == 0
               ? 0
               : ERR_NO_MEMORY;
}

static int make_withdrawal(struct hqctl *h, struct withdrawal *w, const char *out)
{
    struct err_text err = {""};
    struct draft draft = {
        .source = "hqctl wanted withdraw", .added = json_array(), .withdrawn = json_array()};
    w->choice.take = withdraw_entry;
    w->choice.ctx = w;
    w->rows = draft.withdrawn;
    w->talk = hqctl_talk(h);
    int rc = draft.added && draft.withdrawn ? wanted_head_get(h, &draft.head, &err) : ERR_NO_MEMORY;
    if (rc == 0)
        rc = wanted_choice_find(h, &w->choice, &err);
    if (rc == 0)
        rc = wanted_draft_save(out, &draft, false, &err);
    size_t count = json_array_size(draft.withdrawn);
    uint64_t revision = draft.head.list.revision + 1;
    draft_fini(&draft);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (h->json)
        return hqctl_print(json_pack("{s:s,s:I,s:I}", "draft", out, "withdrawn", (json_int_t)count,
                                     "revision", (json_int_t)revision));
    printf("%zu withdrawal%s in %s, for revision %" PRIu64 ".\n"
           "Sign it: hqctl wanted sign %s --key CLERK.key.pem\n",
           count, count == 1 ? "" : "s", out, revision, out);
    return EXIT_OK;
}

int hqctl_wanted_withdraw(struct hqctl *h, int argc, char **argv)
{
    struct withdrawal *w = calloc(1, sizeof(*w));
    const char *out = NULL;
    if (!w)
        return hqctl_fail(h, ERR_NO_MEMORY, &(struct err_text){"out of memory"});
    const struct arg_option options[] = {ARG_OPTION_TEXT(
        "out", "FILE", &out, "The draft. Default: withdraw.draft.json. An existing file is kept.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  Names entries by id (digits only) or by plate; a plate takes every entry in "
                "force that\n  has it. One clerk's signature is enough: a withdrawal must be "
                "quick. 'hqctl wanted\n  sign' and 'publish' follow.\n",
        ARG_OPTIONS(options),
        .operands = "ID|PLATE…",
        .operands_min = 1,
        .operands_max = WANTED_CHOICE_MAX,
        .operand = w->choice.asked,
        .operands_count = &w->choice.asked_count};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status < 0)
        status = make_withdrawal(h, w, out ? out : "withdraw.draft.json");
    free(w);
    return status;
}

/* ---- rebase ---- */

/* The draft that signed batches were made from, without those that are on the list already. */
static int draft_again(struct hqctl *h, struct batch_file *batches, struct draft *out,
                       struct err_text *err)
{
    size_t published = wanted_batches_published(h, batches);
    if (published == batches->count)
        return err_set(err, ERR_CONFLICT, "all of it is on the list already");
    batch_file_drop(batches, published);
    return batch_file_to_draft(batches, out, err);
}

static int rebase(struct hqctl *h, const char *path, const char *out)
{
    struct err_text err = {""};
    struct wanted_file file;
    struct draft_head head;
    struct draft draft = {0};
    int rc = wanted_file_open(path, &file, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (file.is_draft)
        draft = (struct draft){.head = file.draft.head,
                               .added = json_incref(file.draft.added),
                               .changed = json_incref(file.draft.changed),
                               .withdrawn = json_incref(file.draft.withdrawn)};
    else
        rc = draft_again(h, &file.batches, &draft, &err);
    (void)snprintf(draft.source, sizeof(draft.source), "%s",
                   file.is_draft ? file.draft.source : path); /* shown only */
    if (rc == 0)
        rc = wanted_head_get(h, &head, &err);
    if (rc == 0)
        rc = draft_rebase(&draft, &head, &err);
    if (rc == 0)
        rc = wanted_draft_save(out, &draft, true, &err);
    draft_fini(&draft);
    wanted_file_close(&file);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (h->json)
        return hqctl_print(
            json_pack("{s:s,s:I}", "draft", out, "revision", (json_int_t)head.list.revision + 1));
    printf("%s is a draft for revision %" PRIu64 " now; it must be signed anew.\n", out,
           head.list.revision + 1);
    return EXIT_OK;
}

int hqctl_wanted_rebase(struct hqctl *h, int argc, char **argv)
{
    const char *path = NULL;
    const char *out = NULL;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT("out", "FILE", &out, "Where the draft goes. Default: FILE itself.")};
    struct arg_spec spec = {.text = "DESCRIPTION\n"
                                    "  After another clerk published first: FILE, a draft or "
                                    "signed batches, becomes a draft\n  that follows the newest "
                                    "revision, with new ids. Signatures are gone with it: they\n"
                                    "  spoke for another place in the list. Batches that were "
                                    "published are left out.\n",
                            ARG_OPTIONS(options),
                            ARG_OPERANDS("FILE", 1, &path)};
    int status = hqctl_open(h, argc, argv, &spec);
    return status >= 0 ? status : rebase(h, path, out ? out : path);
}

/* ---- list and head ---- */

static int print_entry(void *ctx, const json_t *item)
{
    const struct hqctl *h = ctx;
    const json_t *entry = json_object_get(item, "entry");
    if (h->json)
        return hqctl_print(json_incref((json_t *)(uintptr_t)item)) == EXIT_OK ? 0 : ERR_IO;
    hqctl_line(stdout, "%8lld  %s  class %s  %s  priority %lld  case %s  until %s  %s",
               (long long)hqctl_number_of(entry, "id"), hqctl_text_of(entry, "plate"),
               hqctl_text_of(entry, "class"), hqctl_text_of(entry, "category"),
               (long long)hqctl_number_of(entry, "priority"), hqctl_text_of(entry, "case_number"),
               hqctl_text_of(entry, "valid_until"), hqctl_text_of(entry, "reason"));
    return ferror(stdout) ? ERR_IO : 0;
}

int hqctl_wanted_list(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    int64_t after = 0;
    const struct arg_option options[] = {ARG_OPTION_NUMBER(
        "after", "ID", &after, 0, INT64_MAX, "Only entries with an id above this one.")};
    struct arg_spec spec = {ARG_OPTIONS(options)};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    uint64_t cursor = (uint64_t)after;
    int rc =
        hq_client_walk(&h->client, "/v1/list/entries?", "entries", &cursor, print_entry, h, &err);
    return rc == 0 ? EXIT_OK : hqctl_fail(h, rc, &err);
}

int hqctl_wanted_head(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    struct hq_answer answer;
    struct arg_spec spec = {.text = "DESCRIPTION\n  With --json: hqd's answer, which 'hqctl wanted "
                                    "import --head FILE' takes without a\n  network.\n"};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = hq_client_get(&h->client, "/v1/list/head", &answer, &err);
    status = rc == 0 ? EXIT_OK : hqctl_fail(h, rc, &err);
    if (rc == 0 && h->json)
        status = hqctl_print(json_incref(answer.value));
    else if (rc == 0)
        printf("Revision %lld, %lld entries, highest id %lld, %s\n",
               (long long)hqctl_number_of(answer.value, "revision"),
               (long long)hqctl_number_of(answer.value, "entries"),
               (long long)hqctl_number_of(answer.value, "max_id"),
               hqctl_text_of(answer.value, "hash"));
    hq_answer_fini(&answer);
    return status;
}
