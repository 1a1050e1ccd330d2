/*
 * hqctl wanted extend (续控): entries of the list with a later end and an approval of their own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/wanted_choice.h"
#include "gateway/app/hqctl/wanted_files.h"
#include "gateway/hqctl/import.h"
#include "gateway/signed/wanted_entry.h"

enum { PERSON_TEXT_MAX = 512 };

struct extension {
    struct wanted_choice choice;
    const char *until;
    const char *applicant; /* "NAME,NUMBER,TIME" */
    const char *reviewer;
    const char *approver;
    const char *document;
    json_t *approval; /* the members they say, for every entry */
    json_t *changed;
    bool needs_two;
    FILE *talk;
    struct err_text *err;
};

static int set(json_t *object, const char *name, const char *text)
{
    return json_object_set_new(object, name, json_string(text)) == 0 ? 0 : ERR_NO_MEMORY;
}

static int set_time(json_t *object, const char *name, const char *option, const char *text,
                    struct err_text *err)
{
    struct wall_time time;
    char utc[WALL_TEXT_SIZE];
    if (import_time_parse(text, &time) != 0)
        return err_set(err, ERR_INVALID,
                       "%s: '%.40s' is no time, expected 2026-12-01T08:00:00+08:00 or UTC with Z",
                       option, text);
    wall_format(time, utc);
    return set(object, name, utc);
}

/* "王五,370003,2026-11-26T08:00:00+08:00" into three members. */
static int set_person(json_t *object, const char *name, const char *text, struct err_text *err)
{
    char copy[PERSON_TEXT_MAX];
    char member[64];
    char option[64];
    (void)snprintf(option, sizeof(option), "--%s", name); /* fits */
    int size = snprintf(copy, sizeof(copy), "%s", text);
    char *number = size < PERSON_TEXT_MAX ? strchr(copy, ',') : NULL;
    char *time = number ? strchr(number + 1, ',') : NULL;
    if (!time)
        return err_set(err, ERR_INVALID, "%s = '%.80s': expected NAME,NUMBER,TIME", option, text);
    *number++ = '\0';
    *time++ = '\0';
    int rc = set(object, name, copy);
    (void)snprintf(member, sizeof(member), "%s_number", name); /* fits */
    if (rc == 0)
        rc = set(object, member, number);
    (void)snprintf(member, sizeof(member), "%s_time", name); /* fits */
    return rc == 0 ? set_time(object, member, option, time, err) : rc;
}

static int read_approval(struct extension *x)
{
    int rc = set_time(x->approval, "valid_until", "--until", x->until, x->err);
    if (rc == 0)
        rc = set_person(x->approval, "applicant", x->applicant, x->err);
    if (rc == 0)
        rc = set_person(x->approval, "reviewer", x->reviewer, x->err);
    if (rc == 0)
        rc = set_person(x->approval, "approver", x->approver, x->err);
    return rc == 0 ? set(x->approval, "document", x->document) : rc;
}

static int check_later(const struct extension *x, const json_t *before, int64_t id)
{
    struct wall_time was;
    struct wall_time will;
    if (wall_parse(hqctl_text_of(before, "valid_until"), &was) != 0 ||
        wall_parse(hqctl_text_of(x->approval, "valid_until"), &will) != 0)
        return ERR_CORRUPT;
    if (will.ms <= was.ms)
        return err_set(x->err, ERR_DENIED, "entry %" PRId64 ": is valid until %s already", id,
                       hqctl_text_of(before, "valid_until"));
    return 0;
}

/* The entry as it shall be; of an emergency it is a whole one from now on. */
static int extend_entry(void *ctx, const json_t *before)
{
    struct extension *x = ctx;
    struct wanted_record record;
    char *text = NULL;
    int64_t id = hqctl_number_of(before, "id");
    json_t *after = json_deep_copy(before);
    if (!after || json_object_update(after, x->approval) != 0) {
        json_decref(after);
        return ERR_NO_MEMORY;
    }
    (void)json_object_del(after, "emergency"); /* most have none */
    int rc = check_later(x, before, id);
    if (rc == 0)
        rc = wanted_entry_from_json(after, &record, &text, x->err);
    if (rc == 0)
        rc = wanted_entry_check_approval(after, x->err);
    free(text);
    if (rc == 0) {
        x->needs_two = x->needs_two || wanted_record_needs_two(&record) ||
                       json_is_true(json_object_get(before, "emergency"));
        hqctl_line(x->talk, "  ~ %" PRId64 "  %s  case %s  until %s, was %s", id,
                   hqctl_text_of(after, "plate"), hqctl_text_of(after, "case_number"),
                   hqctl_text_of(after, "valid_until"), hqctl_text_of(before, "valid_until"));
        rc = json_array_append(x->changed, after) == 0 ? 0 : ERR_NO_MEMORY;
    }
    json_decref(after);
    return rc;
}

static int make(struct hqctl *h, struct extension *x, const char *out)
{
    struct err_text err = {""};
    struct draft draft = {.source = "hqctl wanted extend",
                          .added = json_array(),
                          .changed = json_array(),
                          .withdrawn = json_array()};
    x->approval = json_object();
    x->changed = draft.changed;
    x->choice.take = extend_entry;
    x->choice.ctx = x;
    x->talk = hqctl_talk(h);
    x->err = &err;
    int rc = draft.added && draft.changed && draft.withdrawn && x->approval ? read_approval(x)
                                                                            : ERR_NO_MEMORY;
    if (rc == 0)
        rc = wanted_head_get(h, &draft.head, &err);
    if (rc == 0)
        rc = wanted_choice_find(h, &x->choice, &err);
    if (rc == 0)
        rc = wanted_draft_save(out, &draft, false, &err);
    size_t count = json_array_size(draft.changed);
    uint64_t revision = draft.head.list.revision + 1;
    json_decref(x->approval);
    draft_fini(&draft);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (h->json)
        return hqctl_print(json_pack("{s:s,s:I,s:I}", "draft", out, "changed", (json_int_t)count,
                                     "revision", (json_int_t)revision));
    printf("%zu extended in %s, for revision %" PRIu64 ".\n"
           "Sign it: hqctl wanted sign %s --key CLERK.key.pem%s\n",
           count, out, revision, out, x->needs_two ? "  (two different clerks)" : "");
    return EXIT_OK;
}

int hqctl_wanted_extend(struct hqctl *h, int argc, char **argv)
{
    struct extension *x = calloc(1, sizeof(*x));
    const char *out = NULL;
    if (!x)
        return hqctl_fail(h, ERR_NO_MEMORY, &(struct err_text){"out of memory"});
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("until", "TIME", &x->until, "The new end, later than the present."),
        ARG_OPTION_TEXT_NEEDED("applicant", "NAME,NUMBER,TIME", &x->applicant,
                               "Who applied for it: name, police number, when."),
        ARG_OPTION_TEXT_NEEDED("reviewer", "NAME,NUMBER,TIME", &x->reviewer, "Who reviewed it."),
        ARG_OPTION_TEXT_NEEDED("approver", "NAME,NUMBER,TIME", &x->approver, "Who approved it."),
        ARG_OPTION_TEXT_NEEDED("document", "TEXT", &x->document, "What it was approved by."),
        ARG_OPTION_TEXT("out", "FILE", &out,
                        "The draft. Default: extend.draft.json. An existing file is kept.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  续控: an approved act like an entry. Names entries by id or by plate, as 'hqctl "
                "wanted\n  withdraw'; three different people. An emergency entry becomes a whole "
                "one, which two clerks\n  sign. 'hqctl wanted sign' and 'publish' follow.\n\n"
                "EXAMPLE\n"
                "  hqctl wanted extend 17 --until 2027-06-01T00:00:00+08:00 --document 续字3号 \\\n"
                "    --applicant 张三,370001,2026-11-26T08:00:00+08:00 \\\n"
                "    --reviewer 李四,370002,2026-11-26T09:00:00+08:00 \\\n"
                "    --approver 王五,370003,2026-11-26T10:00:00+08:00\n",
        ARG_OPTIONS(options),
        .operands = "ID|PLATE…",
        .operands_min = 1,
        .operands_max = WANTED_CHOICE_MAX,
        .operand = x->choice.asked,
        .operands_count = &x->choice.asked_count};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status < 0)
        status = make(h, x, out ? out : "extend.draft.json");
    free(x);
    return status;
}
