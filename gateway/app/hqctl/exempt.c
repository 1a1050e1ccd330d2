/*
 * hqctl exempt draft, withdraw, sign, show, publish: from a spreadsheet to every checkpoint.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/exempt_file.h"
#include "gateway/app/hqctl/import_faults.h"
#include "gateway/app/hqctl/versioned.h"
#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/hqctl/csv.h"

enum { WITHDRAW_OPERANDS_MAX = 256 };

/* ---- draft ---- */

static const char draft_text[] =
    "DESCRIPTION\n"
    "  The exempt list names vehicles that a checkpoint opens for without inspecting them:\n"
    "  ambulances, fire engines, police, convoys. It waives nothing else. A vehicle that is "
    "wanted\n"
    "  as well is held and alerted like any other, and only a plate that an authenticated camera\n"
    "  read surely and letter for letter, with its class, counts; nothing read of it may speak\n"
    "  against it. An entry ends by itself, at once, at every checkpoint, also offline.\n\n"
    "  The draft is the revision behind the list in force, which hqd is asked for, without what\n"
    "  has ended. The vehicles of LIST.csv are added to it, or take the place of what it says of\n"
    "  the same plate and class. Two different clerks sign it offline. Without LIST.csv the list\n"
    "  stays as it is but for what has ended.\n\n"
    "  LIST.csv is UTF-8, comma-separated, RFC 4180. Its first line names the columns, in any\n"
    "  order; an empty cell is no value. Required:\n"
    "    plate        full; partial plates exempt nobody\n"
    "    class        two characters of GA/T 16.7 (02 small car, 01 large, 23 police, …); not any\n"
    "    kind         ambulance, fire, police, rescue, convoy, official or other\n"
    "    authority    who asks for it\n"
    "    approver     who granted it\n"
    "    valid_from, valid_until\n"
    "                 2026-12-01T00:00:00Z or with an offset, 2026-12-01T08:00:00+08:00; the end\n"
    "                 lies ahead, at most 366 days behind the signing\n"
    "  Optional: reason; checkpoints (ids with ; between, at most 16; empty for all).\n"
    "  Every bad row is told with line, column, name, value and reason; with any bad row no draft\n"
    "  is made. At most 2048 vehicles and 768,000 bytes.\n\n"
    "EXAMPLE\n"
    "  hqctl exempt draft ambulances.csv --out exempt.json\n"
    "  hqctl exempt sign exempt.json --key zhang.key.pem\n"
    "  hqctl exempt sign exempt.json --key li.key.pem\n"
    "  hqctl exempt publish exempt.json\n"
    "  hqctl checkpoints                        # EXEMPT: the revision each checkpoint has\n";

static int start_draft(struct hqctl *h, struct exempt_draft *draft, struct exempt_changes *changes,
                       struct err_text *err)
{
    struct exempt_file held;
    int rc = exempt_file_get(h, &held, err);
    if (rc == ERR_NOT_FOUND)
        return exempt_draft_init(draft, h->client.connection.fleet);
    if (rc == 0) {
        rc = exempt_draft_after(draft, held.envelope.payload, held.envelope.payload_size,
                                clock_wall(&clock_system), changes, err);
        exempt_file_close(&held);
    }
    return rc;
}

/* Saves and shows as it will be signed; the file stays the draft. */
static int finish_draft(const struct hqctl *h, const char *out, struct exempt_file *file,
                        const char *did)
{
    struct err_text err = {""};
    int rc = exempt_draft_compose(&file->draft, clock_wall(&clock_system), &file->envelope, &err);
    if (rc == 0)
        rc = exempt_list_parse(file->envelope.payload, file->envelope.payload_size, &file->list,
                               &err);
    if (rc == 0)
        rc = exempt_file_save(out, file, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (h->json)
        return hqctl_print_with(exempt_json(&file->list, &file->envelope, NULL), "file",
                                json_string(out));
    exempt_show(stdout, &file->list, &file->envelope, NULL);
    printf("%s\nDraft: %s. Two clerks sign it: hqctl exempt sign %s\n", did, out, out);
    return EXIT_OK;
}

static int read_csv(const char *path, struct import_result *out, struct err_text *err)
{
    uint8_t *data = NULL;
    size_t size = 0;
    int rc = file_read(path, CSV_FILE_MAX, &data, &size, err);
    if (rc == 0)
        rc = import_exempt_csv(path, data, size, clock_wall(&clock_system), out, err);
    free(data);
    return rc;
}

static int draft_list(struct hqctl *h, const char *csv, bool whole, const char *out)
{
    struct err_text err = {""};
    struct exempt_file file = {.is_draft = true};
    struct exempt_changes changes = {0};
    struct import_result *rows = calloc(1, sizeof(*rows));
    char did[160];
    int status = -1;
    int rc = !rows ? ERR_NO_MEMORY : csv ? read_csv(csv, rows, &err) : 0;
    if (rc == ERR_INVALID && rows->fault_count > 0)
        status = import_faults_say(h, csv, rows);
    else if (rc == 0)
        rc = start_draft(h, &file.draft, &changes, &err);
    if (rc == 0 && csv)
        rc = exempt_draft_put(&file.draft, rows->entries, whole, &changes);
    (void)snprintf(did, sizeof(did), "%zu added, %zu changed, %zu left out as ended.",
                   changes.added, changes.replaced, changes.ended); /* fits */
    if (status < 0)
        status = rc == 0 ? finish_draft(h, out, &file, did) : hqctl_fail(h, rc, &err);
    exempt_file_close(&file);
    if (rows)
        import_fini(rows);
    free(rows);
    return status;
}

int hqctl_exempt_draft(struct hqctl *h, int argc, char **argv)
{
    const char *csv = NULL;
    const char *out = NULL;
    bool whole = false;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("out", "FILE", &out, "Where the draft goes; must not be there."),
        ARG_OPTION_FLAG("whole", &whole,
                        "LIST.csv is the whole list: vehicles that do not stand in it go.")};
    struct arg_spec spec = {.text = draft_text,
                            ARG_OPTIONS(options),
                            .operands = "[LIST.csv]",
                            .operands_max = 1,
                            .operand = &csv};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    if (whole && !csv) {
        struct err_text err = {"--whole: expected LIST.csv with it"};
        (void)hqctl_fail(h, ERR_INVALID, &err); /* the status is another */
        return EXIT_USAGE;
    }
    status = hqctl_connect(h);
    return status == 0 ? draft_list(h, csv, whole, out) : status;
}

/* ---- withdraw ---- */

static bool is_asked(const json_t *entry, const char *text, plate_key key)
{
    struct plate_text plate;
    const char *its = hqctl_text_of(entry, "plate");
    if (key == 0)
        return (uint64_t)hqctl_number_of(entry, "id") == strtoull(text, NULL, 10);
    plate_encode(its, strlen(its), PLATE_DASH_AUTO, &plate);
    return plate.key == key;
}

/* Digits are an id, anything else a plate: every entry of it goes, whatever its class. */
static int withdraw_one(struct exempt_draft *draft, const char *text, struct err_text *err)
{
    struct plate_text plate = {.key = 0};
    bool is_id = text[0] != '\0' && text[strspn(text, "0123456789")] == '\0' && strlen(text) < 19;
    size_t before = json_array_size(draft->entries);
    if (!is_id) {
        plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
        if (plate.kind != PLATE_KEY)
            return err_set(err, ERR_INVALID, "'%.60s': expected an entry's id or its plate", text);
    }
    for (size_t i = before; i > 0; i--) {
        const json_t *entry = json_array_get(draft->entries, i - 1);
        if (!is_asked(entry, text, plate.key))
            continue;
        int rc = exempt_draft_withdraw(draft, (uint64_t)hqctl_number_of(entry, "id"), err);
        if (rc != 0)
            return rc;
    }
    return json_array_size(draft->entries) < before
               ? 0
               : err_set(err, ERR_NOT_FOUND, "'%.60s': not on the list in force", text);
}

static int withdraw_all(struct hqctl *h, const char *const *asked, size_t count, const char *out)
{
    struct err_text err = {""};
    struct exempt_file file = {.is_draft = true};
    struct exempt_changes changes = {0};
    char did[96];
    int rc = start_draft(h, &file.draft, &changes, &err);
    size_t before = json_array_size(file.draft.entries);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = withdraw_one(&file.draft, asked[i], &err);
    (void)snprintf(did, sizeof(did), "%zu withdrawn, %zu left out as ended.",
                   before - json_array_size(file.draft.entries), changes.ended); /* fits */
    int status = rc == 0 ? finish_draft(h, out, &file, did) : hqctl_fail(h, rc, &err);
    exempt_file_close(&file);
    return status;
}

int hqctl_exempt_withdraw(struct hqctl *h, int argc, char **argv)
{
    const char *asked[WITHDRAW_OPERANDS_MAX];
    size_t count = 0;
    const char *out = NULL;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("out", "FILE", &out, "Where the draft goes; must not be there.")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  Names entries by id (digits only) or by plate; a plate takes every entry of it.\n"
            "  The draft is the list in force without them, for 'hqctl exempt sign' by two\n"
            "  clerks and 'hqctl exempt publish'. At a checkpoint it counts at once, for a\n"
            "  vehicle that waits there too.\n\n"
            "  In a hurry list the vehicle as wanted ('hqctl wanted import', one clerk from\n"
            "  priority 2 on): a hit always wins over an exemption.\n\n"
            "EXAMPLE\n"
            "  hqctl exempt withdraw 7 鲁H12345 --out exempt.json\n",
        ARG_OPTIONS(options),
        .operands = "ID|PLATE…",
        .operands_min = 1,
        .operands_max = WITHDRAW_OPERANDS_MAX,
        .operand = asked,
        .operands_count = &count};
    int status = hqctl_open(h, argc, argv, &spec);
    return status < 0 ? withdraw_all(h, asked, count, out) : status;
}

/* ---- sign, show, publish ---- */

static int open_file(const char *path, void *file, struct err_text *err)
{
    return exempt_file_open(path, file, err);
}

static int get_file(struct hqctl *h, void *file, struct err_text *err)
{
    return exempt_file_get(h, file, err);
}

static int compose_file(void *file, struct wall_time now, struct err_text *err)
{
    return exempt_file_compose(file, now, err);
}

static int save_file(const char *path, const void *file, struct err_text *err)
{
    return exempt_file_save(path, file, err);
}

static void close_file(void *file)
{
    exempt_file_close(file);
}

static void show_file(FILE *to, const void *file, const struct keyset *set)
{
    const struct exempt_file *f = file;
    exempt_show(to, &f->list, &f->envelope, set);
}

static json_t *file_json(const void *file, const struct keyset *set)
{
    const struct exempt_file *f = file;
    return exempt_json(&f->list, &f->envelope, set);
}

static int verify_text(const struct keyset *set, const char *text, size_t size,
                       struct err_text *err)
{
    struct exempt_list value = {0};
    int rc = exempt_list_verify(set, text, size, &value, err);
    if (rc == 0)
        exempt_list_fini(&value);
    return rc;
}

static struct versioned_view view_of(void *file)
{
    struct exempt_file *f = file;
    return (struct versioned_view){f->is_draft, f->list.time, f->list.revision, &f->envelope};
}

static const struct versioned_kind kind = {
    .command = "exempt",
    .title = "exempt list",
    .in_force = "exempt list",
    .pronoun = "it",
    .number_name = "revision",
    .path = EXEMPT_PATH,
    .clerks = EXEMPT_CLERKS,
    .sign_text =
        "DESCRIPTION\n"
        "  Shows every vehicle on the list, then asks for the passphrase. The first signature\n"
        "  dates the list; a second clerk runs the same command on the same file. Needs no\n"
        "  network. gateway/signed/README.md shows how stock openssl checks a signature.\n",
    .show_text =
        "DESCRIPTION\n"
        "  Without FILE the list in force, as hqd has it. With a key set, verifies it exactly as\n"
        "  a checkpoint does before it takes it: status 1 when it would refuse.\n",
    .publish_text = "DESCRIPTION\n"
                    "  hqd verifies it as a checkpoint would and takes it only if "
                    "it follows the revision in\n  force. Publishing the same "
                    "file once more changes nothing.\n",
    .open = open_file,
    .get = get_file,
    .compose = compose_file,
    .save = save_file,
    .close = close_file,
    .show = show_file,
    .json = file_json,
    .verify = verify_text,
    .view = view_of,
};

int hqctl_exempt_sign(struct hqctl *h, int argc, char **argv)
{
    struct exempt_file file = {.is_draft = false};
    return versioned_sign(h, argc, argv, &kind, &file);
}

int hqctl_exempt_show(struct hqctl *h, int argc, char **argv)
{
    struct exempt_file file = {.is_draft = false};
    return versioned_show(h, argc, argv, &kind, &file);
}

int hqctl_exempt_publish(struct hqctl *h, int argc, char **argv)
{
    struct exempt_file file = {.is_draft = false};
    return versioned_publish(h, argc, argv, &kind, &file);
}
