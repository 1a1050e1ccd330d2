/*
 * hqctl wanted withdraw, rebase, list, head: what is to leave the list and what is on it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/wanted_choice.h"
#include "gateway/app/hqctl/wanted_files.h"

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
