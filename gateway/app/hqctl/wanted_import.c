/*
 * hqctl wanted import: a file against the list in force; what it would change, what of that is
 * suspicious, and a draft.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/import_faults.h"
#include "gateway/app/hqctl/wanted_diff.h"
#include "gateway/app/hqctl/wanted_files.h"
#include "gateway/base/file.h"
#include "gateway/hqctl/csv.h"
#include "gateway/hqctl/import.h"
#include "gateway/model/plate_forms.h"
#include "gateway/model/plate_key.h"

enum { UNUSUAL_SHOWN_MAX = 20 };

/* What it was asked for, and what it works on. */
struct importing {
    const char *path;
    const char *out;
    const char *head_file; /* NULL: hqd is asked */
    const char *encoding;
    bool whole;
    bool dry_run;
    bool confirm_mass;
    bool confirm_conflicts;
    struct draft_head head;
    struct import_diff diff;
    char name[HQCTL_PATH_SIZE]; /* of the draft, where none is told */
};

static const char import_text[] =
    "DESCRIPTION\n"
    "  LIST is UTF-8 or GBK (told apart by its bytes, and said): CSV, comma-separated, RFC 4180,\n"
    "  whose first line names the columns, in any order, an empty cell being no value; or JSON, a\n"
    "  list of objects with these names (priority a number, officer_risk a list, emergency true).\n"
    "  Required:\n"
    "    plate        full, or partial with ? for each unread symbol (at least 4 read)\n"
    "    class        two characters of GA/T 16.7 (02 small car, 51 large new energy, …) or any;\n"
    "                 may be empty for a partial plate only\n"
    "    category     stolen, fugitive, hit_and_run, cloned, missing, case, self_test or other\n"
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
    "  is imported.\n\n"
    "  The rows are held against the list in force. One whose plate, class and case number are on\n"
    "  it already is a change of that entry, or nothing when it says the same; others are added,\n"
    "  with new ids above the list's highest. With --whole what LIST does not have is withdrawn.\n"
    "  The difference is shown; --dry-run ends there. The result is an unsigned draft: 'hqctl\n"
    "  wanted sign' is next.\n\n"
    "  Refused unless --confirm-mass: more than 500 added and more than 20 % of the list; more\n"
    "  than 20 withdrawn, or ended earlier, and more than 5 % of the list; more than 20 new of\n"
    "  priority 1 and more than 10 % of what is added and changed; more than 20 that end more "
    "than\n"
    "  366 days from now. Refused unless --confirm-conflicts: one vehicle under stop and "
    "observe.\n\n"
    "EXAMPLE\n"
    "  hqctl wanted import list.csv --dry-run\n"
    "  hqctl wanted import list.csv --out list.json\n"
    "  hqctl wanted sign list.json --key zhang.key.pem\n"
    "  hqctl wanted publish list.json\n";

/* "list.csv" -> "list.draft.json" */
static int draft_name(const char *path, char out[HQCTL_PATH_SIZE], struct err_text *err)
{
    size_t size = strlen(path);
    if (size > 4 && strcmp(path + size - 4, ".csv") == 0)
        size -= 4;
    else if (size > 5 && strcmp(path + size - 5, ".json") == 0)
        size -= 5;
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

/* ---- against the list in force ---- */

struct walking {
    struct import_diff *diff;
    struct err_text *err;
};

static int take_listed(void *ctx, const json_t *item)
{
    struct walking *w = ctx;
    return import_diff_listed(w->diff, json_object_get(item, "entry"), w->err);
}

/* Without a network the list is not there to be held against: the head says how long it is. */
static int compare(struct hqctl *h, struct importing *in, const json_t *entries,
                   struct err_text *err)
{
    struct walking walking = {.diff = &in->diff, .err = err};
    uint64_t after = 0;
    int rc = import_diff_begin(&in->diff, entries, in->whole, clock_wall(&clock_system), err);
    if (rc == 0 && !in->head_file)
        rc = hq_client_walk(&h->client, "/v1/list/entries?", "entries", &after, take_listed,
                            &walking, err);
    if (rc == 0)
        rc = import_diff_end(&in->diff, in->head.max_id + 1);
    if (in->head_file)
        in->diff.listed = (size_t)in->head.entries;
    return rc;
}

/* ---- what is asked back ---- */

/* 0, or the status: what must be confirmed was not. */
static int judge(const struct hqctl *h, const struct importing *in, const json_t *suspicions)
{
    size_t conflicts = json_array_size(in->diff.conflicts);
    bool mass = json_array_size(suspicions) > 0 && !in->confirm_mass;
    bool both = conflicts > 0 && !in->confirm_conflicts;
    wanted_diff_warn(stderr, &in->diff, suspicions);
    if (in->dry_run || (!mass && !both))
        return 0;
    struct err_text err;
    (void)err_set(&err, ERR_DENIED, "no draft was made: look at what is said above, then say%s%s",
                  mass ? " --confirm-mass" : "",
                  both ? " --confirm-conflicts" : ""); /* only the text is wanted */
    return hqctl_fail(h, ERR_DENIED, &err);
}

static json_t *summary(const struct importing *in, const json_t *suspicions)
{
    const struct import_diff *diff = &in->diff;
    return json_pack(
        "{s:s*,s:I,s:I,s:I,s:I,s:I,s:I,s:O,s:O}", "draft", in->dry_run ? NULL : in->out, "entries",
        (json_int_t)json_array_size(diff->added), "changed",
        (json_int_t)json_array_size(diff->changed), "unchanged", (json_int_t)diff->same,
        "withdrawn", (json_int_t)json_array_size(diff->withdrawn), "priority_1",
        (json_int_t)diff->top, "revision", (json_int_t)in->head.list.revision + 1, "suspicious",
        suspicions, "conflicts", diff->conflicts);
}

static int save(struct importing *in, struct err_text *err)
{
    struct draft draft = {.head = in->head,
                          .added = in->diff.added,
                          .changed = in->diff.changed,
                          .withdrawn = wanted_diff_withdrawals(&in->diff)};
    (void)snprintf(draft.source, sizeof(draft.source), "%s", in->path); /* shown only */
    int rc = draft.withdrawn ? wanted_draft_save(in->out, &draft, false, err) : ERR_NO_MEMORY;
    json_decref(draft.withdrawn);
    return rc;
}

static int say_done(const struct hqctl *h, const struct importing *in, const json_t *suspicions)
{
    const struct import_diff *diff = &in->diff;
    size_t added = json_array_size(diff->added);
    if (h->json) {
        json_t *value = summary(in, suspicions);
        return in->dry_run ? hqctl_print_with(value, "diff", wanted_diff_json(diff))
                           : hqctl_print(value);
    }
    if (in->dry_run) {
        puts("Dry run: no draft was made.");
        return EXIT_OK;
    }
    printf("%zu %s added (%zu of priority 1), %zu changed, %zu withdrawn in %s, for revision"
           " %" PRIu64 ".\n"
           "Sign it: hqctl wanted sign %s --key CLERK.key.pem%s\n",
           added, added == 1 ? "entry" : "entries", diff->top, json_array_size(diff->changed),
           json_array_size(diff->withdrawn), in->out, in->head.list.revision + 1, in->out,
           diff->top ? "  (two different clerks)" : "");
    return EXIT_OK;
}

static bool is_nothing(const struct import_diff *diff)
{
    return json_array_size(diff->added) + json_array_size(diff->changed) +
               json_array_size(diff->withdrawn) ==
           0;
}

static int make_draft(struct hqctl *h, struct importing *in, const json_t *entries)
{
    struct err_text err = {""};
    json_t *suspicions = NULL;
    int rc = compare(h, in, entries, &err);
    if (rc == 0) {
        suspicions = import_diff_suspicions(&in->diff);
        rc = suspicions ? 0 : ERR_NO_MEMORY;
    }
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    bool nothing = is_nothing(&in->diff);
    wanted_diff_show(hqctl_talk(h), &in->diff, in->head_file == NULL, in->head.list.revision,
                     in->dry_run);
    say_unusual(in->diff.added);
    int status = judge(h, in, suspicions);
    if (status == 0 && nothing && !in->dry_run) {
        in->dry_run = true; /* an empty draft could not be signed */
        fputs("hqctl: the list in force says all of it already; no draft was made\n", stderr);
    }
    if (status == 0 && !in->dry_run) {
        rc = save(in, &err);
        status = rc == 0 ? 0 : hqctl_fail(h, rc, &err);
    }
    if (status == 0)
        status = say_done(h, in, suspicions);
    json_decref(suspicions);
    return status;
}

static int import_file(struct hqctl *h, struct importing *in, enum import_encoding encoding)
{
    struct err_text err = {""};
    struct import_result *result = calloc(1, sizeof(*result));
    uint8_t *data = NULL;
    size_t size = 0;
    int status;
    int rc = result ? file_read(in->path, CSV_FILE_MAX, &data, &size, &err) : ERR_NO_MEMORY;
    if (rc == 0)
        rc = import_wanted(in->path, data, size, encoding, in->head.max_id + 1,
                           clock_wall(&clock_system), result, &err);
    if (result && result->encoding == IMPORT_ENCODING_GBK)
        hqctl_line(stderr, "hqctl: %s: read as GBK 按 GBK 读取", in->path);
    if (rc == 0)
        status = make_draft(h, in, result->entries);
    else if (rc == ERR_INVALID && result->fault_count > 0)
        status = import_faults_say(h, in->path, result);
    else
        status = hqctl_fail(h, rc, &err);
    import_diff_fini(&in->diff);
    if (result)
        import_fini(result);
    free(result);
    free(data);
    return status;
}

static int start(struct hqctl *h, struct importing *in)
{
    struct err_text err = {""};
    enum import_encoding encoding = IMPORT_ENCODING_AUTO;
    int rc = in->encoding ? import_encoding_parse(in->encoding, &encoding, &err) : 0;
    if (rc == 0 && in->whole && in->head_file)
        rc = err_set(&err, ERR_INVALID, "--whole: needs the list in force, expected no --head");
    if (rc == 0 && !in->out) {
        rc = draft_name(in->path, in->name, &err);
        in->out = in->name;
    }
    if (rc == 0 && in->head_file) {
        rc = wanted_head_read(in->head_file, &in->head, &err);
    } else if (rc == 0) {
        int status = hqctl_connect(h);
        if (status != 0)
            return status;
        rc = wanted_head_get(h, &in->head, &err);
    }
    return rc == 0 ? import_file(h, in, encoding) : hqctl_fail(h, rc, &err);
}

int hqctl_wanted_import(struct hqctl *h, int argc, char **argv)
{
    struct importing in = {.path = ""};
    const struct arg_option options[] = {
        ARG_OPTION_TEXT("out", "FILE", &in.out,
                        "The draft. Default: LIST.draft.json beside LIST. An existing file is "
                        "kept."),
        ARG_OPTION_TEXT("head", "FILE", &in.head_file,
                        "Without a network: the head of the list as 'hqctl wanted head --json' "
                        "printed it; every row is added then. Default: hqd is asked."),
        ARG_OPTION_TEXT("encoding", "NAME", &in.encoding,
                        "utf-8 or gbk, when the bytes are misjudged. Default: auto."),
        ARG_OPTION_FLAG("whole", &in.whole,
                        "LIST is the whole list: entries that do not stand in it are withdrawn."),
        ARG_OPTION_FLAG("dry-run", &in.dry_run, "Show what would change and make no draft."),
        ARG_OPTION_FLAG("confirm-mass", &in.confirm_mass, "The mass change is meant."),
        ARG_OPTION_FLAG("confirm-conflicts", &in.confirm_conflicts,
                        "One vehicle under stop and observe is meant.")};
    struct arg_spec spec = {
        .text = import_text, ARG_OPTIONS(options), ARG_OPERANDS("LIST", 1, &in.path)};
    int status = hqctl_parse(h, argc, argv, &spec);
    return status >= 0 ? status : start(h, &in);
}
