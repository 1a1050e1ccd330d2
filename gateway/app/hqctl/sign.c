/*
 * hqctl wanted sign, show, publish: from a draft to the list.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/wanted_diff.h"
#include "gateway/app/hqctl/wanted_files.h"
#include "gateway/base/clock.h"
#include "gateway/base/json.h"

/* ---- sign ---- */

static int say_signed(const struct hqctl *h, const char *out, const struct batch_file *batches,
                      const struct keyset *set)
{
    int count = batches->envelopes[0].signature_count;
    int needed = batch_file_needs_two(batches) ? 2 : 1;
    if (h->json)
        return hqctl_print_with(wanted_batches_json(batches, set), "file", json_string(out));
    signed_file_tell(out, count, needed, "wanted");
    return EXIT_OK;
}

/* The batches of `file`, made now from a draft or those that came. */
static int take_batches(struct wanted_file *file, struct batch_file *out, struct err_text *err)
{
    if (file->is_draft)
        return batch_file_compose(&file->draft, clock_wall(&clock_system), out, err);
    *out = file->batches;
    file->batches = (struct batch_file){0};
    return 0;
}

static int sign_batches(const struct hqctl *h, const struct signed_file_args *args,
                        struct batch_file *batches, struct err_text *err)
{
    struct sign_key *key = NULL;
    wanted_batches_show(hqctl_talk(h), batches, args->set);
    wanted_batches_warn(stderr, batches);
    int rc = batch_file_check_approvals(batches, err);
    if (rc != 0)
        return err_prefix(err, rc, "%s", args->path);
    rc = signed_file_open_key(h, args->key, args->set, batches->batches[0].time,
                              &batches->envelopes[0], &key, err);
    if (rc == 0)
        rc = batch_file_sign(batches, key, err);
    if (rc == 0)
        rc = wanted_batches_save(args->out, batches, err);
    sign_key_free(key);
    return rc;
}

static int sign_file(const struct hqctl *h, const struct signed_file_args *args)
{
    struct err_text err = {""};
    struct wanted_file file;
    struct batch_file batches = {0};
    int rc = wanted_file_open(args->path, &file, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    rc = take_batches(&file, &batches, &err);
    if (rc != 0)
        rc = err_prefix(&err, rc, "%s", args->path);
    else
        rc = sign_batches(h, args, &batches, &err);
    int status = rc == 0 ? say_signed(h, args->out, &batches, args->set) : hqctl_fail(h, rc, &err);
    batch_file_fini(&batches);
    wanted_file_close(&file);
    return status;
}

int hqctl_wanted_sign(struct hqctl *h, int argc, char **argv)
{
    static const char text[] =
        "DESCRIPTION\n"
        "  Shows what is signed: counts, every entry of priority 1, each entry of a small draft;\n"
        "  then asks for the passphrase. Refused is an entry without applicant, reviewer and "
        "approver, "
        "each\n  with number and time and different people, or without its document. The first "
        "signature turns the draft into batches dated "
        "now;\n  a second clerk runs the same command on the same file. Needs no network.\n"
        "  With stock openssl: gateway/hqctl/README.md shows how to check a signature by hand.\n";
    struct signed_file_args args;
    int status = signed_file_sign_args(h, argc, argv, text, &args);
    if (status >= 0)
        return status;
    status = sign_file(h, &args);
    free(args.set);
    return status;
}

/* ---- show ---- */

static int show_draft(const struct hqctl *h, const struct draft *draft)
{
    const json_t *item;
    size_t index;
    if (h->json)
        return hqctl_print(json_pack("{s:b,s:I,s:O,s:O*,s:O}", "draft", 1, "revision",
                                     (json_int_t)draft->head.list.revision + 1, "added",
                                     draft->added, "changed", draft->changed, "withdrawn",
                                     draft->withdrawn));
    hqctl_line(stdout,
               "Draft for revision %" PRIu64
               ", from %s: %zu added, %zu changed, %zu withdrawn; unsigned",
               draft->head.list.revision + 1, draft->source, json_array_size(draft->added),
               json_array_size(draft->changed), json_array_size(draft->withdrawn));
    json_array_foreach(draft->added, index, item)
    {
        hqctl_line(stdout, "  + %lld  %s  class %s  %s  priority %lld  case %s  %s",
                   (long long)hqctl_number_of(item, "id"), hqctl_text_of(item, "plate"),
                   hqctl_text_of(item, "class"), hqctl_text_of(item, "category"),
                   (long long)hqctl_number_of(item, "priority"), hqctl_text_of(item, "case_number"),
                   hqctl_text_of(item, "reason"));
    }
    json_array_foreach(draft->changed, index, item)
    {
        hqctl_line(stdout, "  ~ %lld  %s  case %s  until %s",
                   (long long)hqctl_number_of(item, "id"), hqctl_text_of(item, "plate"),
                   hqctl_text_of(item, "case_number"), hqctl_text_of(item, "valid_until"));
    }
    json_array_foreach(draft->withdrawn, index, item)
    {
        hqctl_line(stdout, "  - %lld  %s", (long long)hqctl_number_of(item, "id"),
                   hqctl_text_of(item, "plate"));
    }
    return EXIT_OK;
}

static int show_batches(const struct hqctl *h, const struct batch_file *batches,
                        const struct keyset *set)
{
    struct err_text err = {""};
    int rc = set ? batch_file_verify(batches, set, &err) : 0;
    if (h->json && rc == 0)
        return hqctl_print_with(wanted_batches_json(batches, set), "verified",
                                json_boolean(set != NULL));
    wanted_batches_show(hqctl_talk(h), batches, set);
    wanted_batches_warn(stderr, batches);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    puts(set ? "A box would take it: signatures and clerks verified."
             : "Not verified: give --dir, or --keyset and --roots.");
    return EXIT_OK;
}

int hqctl_wanted_show(struct hqctl *h, int argc, char **argv)
{
    static const char text[] =
        "DESCRIPTION\n"
        "  With a key set, verifies signed batches exactly as a checkpoint does before it takes\n"
        "  them, the two clerks of priority 1 included: status 1 when it would refuse.\n";
    struct err_text err = {""};
    struct wanted_file file;
    struct signed_file_args args;
    int status = signed_file_show_args(h, argc, argv, text, "FILE", &args);
    if (status >= 0)
        return status;
    int rc = wanted_file_open(args.path, &file, &err);
    if (rc == 0) {
        status =
            file.is_draft ? show_draft(h, &file.draft) : show_batches(h, &file.batches, args.set);
        wanted_file_close(&file);
    } else {
        status = hqctl_fail(h, rc, &err);
    }
    free(args.set);
    return status;
}

/* ---- publish ---- */

struct publishing {
    const char *path;
    bool confirm_conflicts;
};

/* Who published the revision we wanted: behind the error. */
static int explain_conflict(struct hqctl *h, const struct batch *batch, const char *path,
                            const struct hq_answer *refusal, struct err_text *err)
{
    char names[256] = "";
    struct hq_answer answer;
    const json_t *head = json_object_get(refusal->value, "head");
    const json_t *row = wanted_batch_get(h, batch->revision, &answer);
    if (row)
        signed_file_name_signers(h, json_object_get(row, "envelope"), names, sizeof(names));
    hq_answer_fini(&answer);
    return err_set(err, ERR_CONFLICT,
                   "revision %" PRIu64 " was published before yours%s%s (the list is at %lld since "
                   "%s): run 'hqctl wanted rebase %.160s', then sign it again",
                   batch->revision, names[0] ? ", signed by " : "", names,
                   (long long)hqctl_number_of(head, "revision"), hqctl_text_of(head, "time"), path);
}

/* Both entries of each pair hqd found. */
static void show_conflicts(const struct hq_answer *refusal)
{
    const json_t *pair;
    size_t index;
    json_array_foreach(json_object_get(refusal->value, "conflicts"), index, pair)
    {
        wanted_conflict_show(stderr, json_object_get(pair, "entry"),
                             json_object_get(pair, "other"));
    }
}

static int publish_one(struct hqctl *h, const struct batch_file *batches, size_t index,
                       const struct publishing *p, struct err_text *err)
{
    const char *route =
        p->confirm_conflicts ? "/v1/list/batches?conflicts=confirm" : "/v1/list/batches";
    struct hq_answer answer = {0};
    char *text = NULL;
    size_t size = 0;
    int rc = envelope_write(&batches->envelopes[index], &text, &size);
    if (rc == 0)
        rc = hq_client_ask(&h->client, "PUT", route, text, size, 0, &answer, err);
    if (rc == ERR_CONFLICT && batches->batches[index].revision > 0)
        rc = explain_conflict(h, &batches->batches[index], p->path, &answer, err);
    if (json_array_size(json_object_get(answer.value, "conflicts")) > 0) {
        show_conflicts(&answer);
        rc = err_set(err, ERR_DENIED,
                     "revision %" PRIu64 " was not published: one vehicle would be under stop and "
                     "observe; say --confirm-conflicts if it is meant",
                     batches->batches[index].revision);
    }
    hq_answer_fini(&answer);
    free(text);
    return rc;
}

static int publish(struct hqctl *h, const struct publishing *p, const struct batch_file *batches)
{
    struct err_text err = {""};
    int rc = batch_file_check_crowds(batches, &err); /* else some of them would be published */
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    size_t first = batches->count > 1 ? wanted_batches_published(h, batches) : 0;
    if (first == batches->count)
        first--; /* hqd says that nothing changes */
    for (size_t i = first; i < batches->count; i++) {
        rc = publish_one(h, batches, i, p, &err);
        if (rc != 0)
            return hqctl_fail(h, rc, &err);
        if (batches->count > 1)
            fprintf(stderr, "revision %" PRIu64 " published (%zu of %zu)\n",
                    batches->batches[i].revision, i + 1, batches->count);
    }
    const struct batch *last = &batches->batches[batches->count - 1];
    char hash[HASH_TEXT_SIZE];
    hash_format(last->hash, hash);
    if (h->json)
        return hqctl_print(
            json_pack("{s:I,s:s}", "revision", (json_int_t)last->revision, "hash", hash));
    printf("Published: the list is at revision %" PRIu64 ".\n", last->revision);
    return EXIT_OK;
}

int hqctl_wanted_publish(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    struct wanted_file file;
    struct publishing p = {.path = NULL};
    const struct arg_option options[] = {
        ARG_OPTION_FLAG("confirm-conflicts", &p.confirm_conflicts,
                        "One vehicle under stop and observe is meant; it is recorded.")};
    struct arg_spec spec = {.text = "DESCRIPTION\n"
                                    "  hqd verifies it as a checkpoint would and takes it only "
                                    "if it follows the newest\n  revision. If another clerk was "
                                    "first, says who and how to go on. Publishing the same\n  "
                                    "file once more changes nothing. Refused, naming both entries, "
                                    "when one vehicle would be\n"
                                    "  under stop and observe.\n",
                            ARG_OPTIONS(options),
                            ARG_OPERANDS("FILE", 1, &p.path)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = wanted_file_open(p.path, &file, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    status = signed_file_connect(h, p.path, file.is_draft, "wanted");
    if (status == 0)
        status = publish(h, &p, &file.batches);
    wanted_file_close(&file);
    return status;
}
