/*
 * See retention_file.h.
 */
#include "gateway/app/hqctl/retention_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/signed_file.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"

enum { RETENTION_FILE_MAX = 4 << 20 /* bytes */ };

static const char draft_type[] = "retention-terms-draft/1";

/* ---- reading and saving ---- */

static int read_draft(const char *text, size_t size, struct retention_file *out,
                      struct err_text *err)
{
    json_t *object = NULL;
    char *payload = NULL;
    size_t payload_size = 0;
    int rc = json_parse(text, size, &object, err);
    const char *type = json_string_value(json_object_get(object, "type"));
    if (rc == 0 && (!type || strcmp(type, draft_type) != 0))
        rc = err_set(err, ERR_INVALID, "type = '%.64s': expected %s", type ? type : "", draft_type);
    if (rc == 0) {
        (void)json_object_del(object, "type"); /* it is there */
        rc = json_canonical(object, &payload, &payload_size);
    }
    if (rc == 0)
        rc = retention_terms_parse(payload, payload_size, &out->terms, err);
    free(payload);
    json_decref(object);
    return rc;
}

static int read_signed(const char *text, size_t size, struct retention_file *out,
                       struct err_text *err)
{
    int rc = signed_file_parse(text, size, STATEMENT_RETENTION_TERMS, &out->envelope, err);
    return rc == 0 ? retention_terms_parse(out->envelope.payload, out->envelope.payload_size,
                                           &out->terms, err)
                   : rc;
}

int retention_file_open(const char *path, struct retention_file *out, struct err_text *err)
{
    static const char signed_type[] = "\"retention-terms/1\"";
    struct retention_file file = {.is_draft = true};
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = file_read(path, RETENTION_FILE_MAX, &text, &size, err);
    if (rc != 0)
        return rc;
    file.is_draft = memmem(text, size, signed_type, sizeof(signed_type) - 1) == NULL;
    rc = file.is_draft ? read_draft((const char *)text, size, &file, err)
                       : read_signed((const char *)text, size, &file, err);
    free(text);
    if (rc != 0) {
        retention_file_close(&file);
        return err_prefix(err, rc, "%s", path);
    }
    *out = file;
    return 0;
}

int retention_file_get(struct hqctl *h, struct retention_file *out, struct err_text *err)
{
    struct hq_answer answer;
    struct retention_file file = {.is_draft = false};
    int rc = hq_client_get(&h->client, RETENTION_PATH, &answer, err);
    if (rc == 0)
        rc = read_signed(answer.text, answer.size, &file, err);
    hq_answer_fini(&answer);
    if (rc != 0) {
        retention_file_close(&file);
        return rc;
    }
    *out = file;
    return 0;
}

int retention_file_compose(struct retention_file *file, struct wall_time now, struct err_text *err)
{
    if (!file->is_draft)
        return 0;
    file->terms.time = now;
    int rc = retention_terms_compose(&file->terms, &file->envelope, err);
    if (rc == 0)
        rc = hash_bytes(file->envelope.payload, file->envelope.payload_size, file->terms.hash);
    file->is_draft = rc != 0;
    return rc;
}

static int write_draft(const struct retention_file *file, char **out, struct err_text *err)
{
    struct envelope e = {0};
    json_t *object = NULL;
    int rc = retention_terms_compose(&file->terms, &e, err);
    if (rc == 0)
        rc = json_parse((const char *)e.payload, e.payload_size, &object, err);
    if (rc == 0 && json_object_set_new(object, "type", json_string(draft_type)) != 0)
        rc = ERR_NO_MEMORY;
    if (rc == 0)
        *out = json_dumps(object, JSON_INDENT(1) | JSON_SORT_KEYS);
    json_decref(object);
    envelope_fini(&e);
    return rc == 0 && !*out ? ERR_NO_MEMORY : rc;
}

int retention_file_save(const char *path, const struct retention_file *file, struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    int rc = file->is_draft ? write_draft(file, &text, err)
                            : envelope_write(&file->envelope, &text, &size);
    if (rc == 0)
        rc = signed_file_save(path, text, strlen(text), !file->is_draft, err);
    free(text);
    return rc;
}

void retention_file_close(struct retention_file *file)
{
    envelope_fini(&file->envelope);
    retention_terms_fini(&file->terms);
}

/* ---- showing ---- */

static void show_term(FILE *to, const struct retention_term *term)
{
    char from[WALL_TEXT_SIZE];
    wall_format(term->from, from);
    hqctl_line(to, "  from %s:", from);
    for (enum retention_kind kind = 0; kind < RETENTION_KINDS; kind++) {
        hqctl_line(to, "    %-8s at least %u, at most %u days", retention_kind_name(kind),
                   term->kinds[kind].floor_days, term->kinds[kind].ceiling_days);
    }
}

static void show_hold(FILE *to, const struct retention_hold *hold)
{
    char begun[WALL_TEXT_SIZE];
    char from[WALL_TEXT_SIZE] = "the beginning";
    char until[WALL_TEXT_SIZE] = "the end";
    char entry[32] = "";
    char lane[24] = "";
    wall_format(hold->begun, begun);
    if (hold->has_from)
        wall_format(hold->from, from);
    if (hold->has_until)
        wall_format(hold->until, until);
    if (hold->entry)
        (void)snprintf(entry, sizeof(entry), ", entry %" PRIu64, hold->entry); /* fits */
    if (hold->lane)
        (void)snprintf(lane, sizeof(lane), " lane %u", hold->lane); /* fits */
    hqctl_line(to, "  held for case %s%s%s at %s%s, from %s to %s; begun by %s %s",
               hold->case_number, hold->has_plate ? ", a plate" : "", entry,
               hold->checkpoint[0] ? hold->checkpoint : "every checkpoint", lane, from, until,
               hold->begun_by, begun);
}

void retention_show(FILE *to, const struct retention_terms *terms, const struct envelope *envelope,
                    const struct keyset *keyset)
{
    char time[WALL_TEXT_SIZE];
    wall_format(terms->time, time);
    hqctl_line(to, "Retention terms version %" PRIu64 " of fleet %s, dated %s:", terms->version,
               terms->fleet, time);
    for (size_t i = 0; i < terms->term_count; i++)
        show_term(to, &terms->terms[i]);
    if (terms->term_count == 0)
        hqctl_line(to, "  no floor, no ceiling: each checkpoint goes by its own configuration");
    for (size_t i = 0; i < terms->hold_count; i++)
        show_hold(to, &terms->holds[i]);
    if (terms->hold_count > 0)
        hqctl_line(to, "  A plate stands in them only hashed; 'hqctl hold list' names it by case.");
    else
        hqctl_line(to, "  nothing is held for a case: what checkpoints held goes at its term");
    signed_file_show_signers(to, envelope, keyset);
    fprintf(to, "Needs two different clerks.\n");
}

json_t *retention_json(const struct retention_terms *terms, const struct envelope *envelope,
                       const struct keyset *keyset)
{
    char time[WALL_TEXT_SIZE];
    char hash[HASH_TEXT_SIZE];
    wall_format(terms->time, time);
    hash_format(terms->hash, hash);
    return json_pack("{s:I,s:s,s:s,s:s,s:o,s:o,s:o,s:i}", "version", (json_int_t)terms->version,
                     "fleet", terms->fleet, "time", time, "hash", hash, "terms",
                     retention_terms_json(terms), "holds", retention_holds_json(terms), "signed_by",
                     signed_file_signers_json(envelope, keyset), "clerks_needed", RETENTION_CLERKS);
}
