/*
 * hqctl retention draft, sign, show, publish: how long checkpoints and headquarters keep what they
 * recorded, and what cases hold, from a draft to every checkpoint.
 */
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/retention_file.h"
#include "gateway/app/hqctl/versioned.h"
#include "gateway/base/clock.h"

/* ---- draft ---- */

struct drafting {
    const char *out;
    const char *days[RETENTION_KINDS]; /* "10-60"; NULL: as before */
    const char *from;
};

static int start_draft(struct hqctl *h, struct retention_terms *t, struct err_text *err)
{
    struct retention_file in_force;
    int rc = retention_file_get(h, &in_force, err);
    if (rc == ERR_NOT_FOUND) {
        *t = (struct retention_terms){.version = 1};
        (void)snprintf(t->fleet, sizeof(t->fleet), "%s",
                       h->client.connection.fleet); /* checked when composed */
        return 0;
    }
    if (rc != 0)
        return rc;
    *t = in_force.terms;
    t->version++;
    t->hold_count = 0;
    free(t->holds); /* hqd's, as they are now, come in their place */
    t->holds = NULL;
    envelope_fini(&in_force.envelope);
    return 0;
}

static int read_days(const char *text, enum retention_kind kind, struct retention_bounds *out,
                     struct err_text *err)
{
    char *end = NULL;
    unsigned long floor = strtoul(text, &end, 10);
    const char *behind = *end == '-' ? end + 1 : "";
    unsigned long ceiling = strtoul(behind, &end, 10);
    if (strspn(text, "0123456789-") != strlen(text) || text[0] == '-' || *behind == '\0' ||
        *behind == '-' || *end != '\0' || floor > RETENTION_DAYS_MAX ||
        ceiling > RETENTION_DAYS_MAX)
        return err_set(err, ERR_INVALID,
                       "--%s = '%.60s': expected days at least and at most, 10-60",
                       retention_kind_name(kind), text);
    *out = (struct retention_bounds){(uint32_t)floor, (uint32_t)ceiling};
    return 0;
}

/* Terms whose time is over leave: of those that have come only the last is in force. */
static void drop_past(struct retention_terms *t, struct wall_time now)
{
    while (t->term_count > 1 && t->terms[1].from.ms <= now.ms) {
        t->term_count--;
        memmove(&t->terms[0], &t->terms[1], t->term_count * sizeof(t->terms[0]));
    }
}

/* What is given, from then on, with the rest as before; it takes the place of what would come
 * later. */
static int add_term(const struct drafting *d, struct retention_terms *t, struct wall_time now,
                    struct err_text *err)
{
    struct retention_term next = {.from = now};
    bool given = false;
    int rc = 0;
    if (d->from && wall_parse(d->from, &next.from) != 0)
        return err_set(err, ERR_INVALID, "--from = '%.60s': expected 2026-12-01T00:00:00Z",
                       d->from);
    while (t->term_count > 0 && t->terms[t->term_count - 1].from.ms >= next.from.ms)
        t->term_count--;
    for (enum retention_kind kind = 0; rc == 0 && kind < RETENTION_KINDS; kind++) {
        const struct retention_bounds none = {kind == RETENTION_RECORD ? RETENTION_RECORD_DAYS_MIN
                                                                       : RETENTION_DAYS_MIN,
                                              RETENTION_DAYS_MAX};
        next.kinds[kind] = t->term_count > 0 ? t->terms[t->term_count - 1].kinds[kind] : none;
        if (d->days[kind])
            rc = read_days(d->days[kind], kind, &next.kinds[kind], err);
        given = given || d->days[kind];
    }
    if (rc == 0 && !given && d->from)
        return err_set(err, ERR_INVALID,
                       "--from: of which terms? Give --passage, --picture or "
                       "--record");
    if (rc == 0 && given && t->term_count == RETENTION_TERMS_MAX)
        return err_set(err, ERR_FULL, "%d terms are to come already", RETENTION_TERMS_MAX);
    if (rc == 0 && given)
        t->terms[t->term_count++] = next;
    return rc;
}

/* ---- draft: holds ---- */

struct holding {
    struct retention_terms *terms;
    struct err_text *err;
};

static bool take_time(const json_t *row, const char *name, struct wall_time *out)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text && wall_parse(text, out) == 0;
}

static int fill_hold(const struct retention_terms *t, const json_t *row, struct retention_hold *out)
{
    struct retention_hold h = {.entry = (uint64_t)hqctl_number_of(row, "entry"),
                               .lane = (uint32_t)hqctl_number_of(row, "lane")};
    const char *plate = hqctl_text_of(row, "plate");
    const char *from[] = {hqctl_text_of(row, "case_number"), hqctl_text_of(row, "by"),
                          hqctl_text_of(row, "checkpoint")};
    if (strlen(from[0]) > RETENTION_CASE_MAX || strlen(from[1]) > RETENTION_PERSON_MAX ||
        strlen(from[2]) > CHECKPOINT_ID_MAX || !take_time(row, "begun", &h.begun))
        return ERR_INVALID;
    memcpy(h.case_number, from[0], strlen(from[0]) + 1);
    memcpy(h.begun_by, from[1], strlen(from[1]) + 1);
    memcpy(h.checkpoint, from[2], strlen(from[2]) + 1);
    h.has_plate = plate[0] != '\0';
    if (h.has_plate)
        h.plate = retention_plate_hash(t->plate_key, plate);
    h.has_from = take_time(row, "from", &h.from);
    h.has_until = take_time(row, "until", &h.until);
    *out = h;
    return 0;
}

static int take_hold(void *ctx, const json_t *row)
{
    struct holding *holding = ctx;
    struct retention_terms *t = holding->terms;
    if (json_is_string(json_object_get(row, "ended")))
        return 0;
    if (t->hold_count == RETENTION_HOLDS_MAX)
        return err_set(holding->err, ERR_FULL,
                       "more than %d holds of cases: end some, or hold a checkpoint's span of time",
                       RETENTION_HOLDS_MAX);
    int rc = fill_hold(t, row, &t->holds[t->hold_count]);
    if (rc != 0)
        return err_set(holding->err, rc, "hold %lld: cannot be read",
                       (long long)hqctl_number_of(row, "number"));
    t->hold_count++;
    return 0;
}

static int add_holds(struct hqctl *h, struct retention_terms *t, struct err_text *err)
{
    struct holding holding = {t, err};
    uint64_t after = 0;
    if (RAND_bytes(t->plate_key, sizeof(t->plate_key)) != 1)
        return err_set(err, ERR_IO, "no random bytes");
    t->holds = calloc(RETENTION_HOLDS_MAX, sizeof(t->holds[0]));
    if (!t->holds)
        return ERR_NO_MEMORY;
    return hq_client_walk(&h->client, "/v1/operator/holds?", "holds", &after, take_hold, &holding,
                          err);
}

/* ---- draft: the command ---- */

static int say_draft(const struct hqctl *h, const char *out, struct retention_file *file)
{
    struct err_text err = {""};
    /* Shown as it will be signed; the file stays the draft. */
    int rc = retention_file_compose(file, clock_wall(&clock_system), &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (h->json)
        return hqctl_print_with(retention_json(&file->terms, &file->envelope, NULL), "file",
                                json_string(out));
    retention_show(stdout, &file->terms, &file->envelope, NULL);
    printf("Draft: %s. Two clerks sign it: hqctl retention sign %s\n", out, out);
    return EXIT_OK;
}

static int draft_terms(struct hqctl *h, const struct drafting *d)
{
    struct err_text err = {""};
    struct retention_file file = {.is_draft = true};
    struct wall_time now = clock_wall(&clock_system);
    int rc = start_draft(h, &file.terms, &err);
    file.terms.time = now;
    if (rc == 0) {
        drop_past(&file.terms, now);
        rc = add_term(d, &file.terms, now, &err);
    }
    if (rc == 0)
        rc = add_holds(h, &file.terms, &err);
    if (rc == 0)
        rc = retention_file_save(d->out, &file, &err);
    int status = rc == 0 ? say_draft(h, d->out, &file) : hqctl_fail(h, rc, &err);
    retention_file_close(&file);
    return status;
}

int hqctl_retention_draft(struct hqctl *h, int argc, char **argv)
{
    struct drafting d = {0};
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("out", "FILE", &d.out, "Where the draft goes; must not be there."),
        ARG_OPTION_TEXT("passage", "MIN-MAX", &d.days[RETENTION_PASSAGE],
                        "Days that passages are kept at least and at most: 10-60."),
        ARG_OPTION_TEXT("picture", "MIN-MAX", &d.days[RETENTION_PICTURE],
                        "The same of pictures that nothing pins."),
        ARG_OPTION_TEXT("record", "MIN-MAX", &d.days[RETENTION_RECORD],
                        "The same of all other records that name somebody: hits, officers' "
                        "answers, acts, devices; at least 30."),
        ARG_OPTION_TEXT("from", "TIME", &d.from,
                        "When they begin, 2026-12-01T00:00:00Z. Default: at once.")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  What is not given stays as in the terms in force, which hqd is asked for. A\n"
            "  checkpoint and hq-retaind keep what is configured there within these bounds. "
            "The\n"
            "  holds of cases ('hqctl hold list') in force now come along, their plates "
            "hashed: with\n"
            "  no option but --out a draft brings holds begun or ended since to the "
            "checkpoints.\n"
            "  The draft is the version behind; two different clerks sign it offline.\n"
            "  "
            "保存期限：各检查站与总部在此上下限内保存；案件保全随之下发，由两名名单签发人签署。\n\n"
            "EXAMPLE\n"
            "  hqctl retention draft --passage 10-60 --picture 10-30 --out terms.json\n"
            "  hqctl retention sign terms.json --key zhang.key.pem\n"
            "  hqctl retention sign terms.json --key li.key.pem\n"
            "  hqctl retention publish terms.json\n"
            "  hqctl checkpoints                        # TERMS: the version each checkpoint "
            "has\n",
        ARG_OPTIONS(options)};
    int status = hqctl_open(h, argc, argv, &spec);
    return status < 0 ? draft_terms(h, &d) : status;
}

/* ---- sign, show, publish ---- */

static int open_file(const char *path, void *file, struct err_text *err)
{
    return retention_file_open(path, file, err);
}

static int get_file(struct hqctl *h, void *file, struct err_text *err)
{
    return retention_file_get(h, file, err);
}

static int compose_file(void *file, struct wall_time now, struct err_text *err)
{
    return retention_file_compose(file, now, err);
}

static int save_file(const char *path, const void *file, struct err_text *err)
{
    return retention_file_save(path, file, err);
}

static void close_file(void *file)
{
    retention_file_close(file);
}

static void show_file(FILE *to, const void *file, const struct keyset *set)
{
    const struct retention_file *f = file;
    retention_show(to, &f->terms, &f->envelope, set);
}

static json_t *file_json(const void *file, const struct keyset *set)
{
    const struct retention_file *f = file;
    return retention_json(&f->terms, &f->envelope, set);
}

static int verify_text(const struct keyset *set, const char *text, size_t size,
                       struct err_text *err)
{
    struct retention_terms value = {0};
    int rc = retention_terms_verify(set, text, size, &value, err);
    if (rc == 0)
        retention_terms_fini(&value);
    return rc;
}

static struct versioned_view view_of(void *file)
{
    struct retention_file *f = file;
    return (struct versioned_view){f->is_draft, f->terms.time, f->terms.version, &f->envelope};
}

static const struct versioned_kind kind = {
    .command = "retention",
    .title = "retention terms",
    .in_force = "retention terms",
    .pronoun = "them",
    .number_name = "version",
    .path = RETENTION_PATH,
    .clerks = RETENTION_CLERKS,
    .sign_text =
        "DESCRIPTION\n"
        "  Shows what is signed, then asks for the passphrase. The first signature dates the\n"
        "  terms; a second clerk runs the same command on the same file. Needs no network.\n"
        "  gateway/signed/README.md shows how stock openssl checks a signature.\n",
    .show_text =
        "DESCRIPTION\n"
        "  Without FILE the terms in force, as hqd has them. With a key set, verifies them "
        "exactly\n"
        "  as a checkpoint does before it takes them: status 1 when it would refuse.\n",
    .publish_text = "DESCRIPTION\n"
                    "  hqd verifies them as a checkpoint would and takes them only "
                    "if they follow the version\n  in force. Publishing the same "
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

int hqctl_retention_sign(struct hqctl *h, int argc, char **argv)
{
    struct retention_file file = {.is_draft = false};
    return versioned_sign(h, argc, argv, &kind, &file);
}

int hqctl_retention_show(struct hqctl *h, int argc, char **argv)
{
    struct retention_file file = {.is_draft = false};
    return versioned_show(h, argc, argv, &kind, &file);
}

int hqctl_retention_publish(struct hqctl *h, int argc, char **argv)
{
    struct retention_file file = {.is_draft = false};
    return versioned_publish(h, argc, argv, &kind, &file);
}
