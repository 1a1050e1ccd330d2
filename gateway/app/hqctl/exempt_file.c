/*
 * See exempt_file.h.
 */
#include "gateway/app/hqctl/exempt_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/signed_file.h"
#include "gateway/base/clock.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"

/* ---- reading and saving ---- */

static int read_signed(const char *text, size_t size, struct exempt_file *out, struct err_text *err)
{
    struct exempt_file file = {.is_draft = false};
    int rc = signed_file_parse(text, size, STATEMENT_EXEMPT_LIST, &file.envelope, err);
    if (rc == 0)
        rc = exempt_list_parse(file.envelope.payload, file.envelope.payload_size, &file.list, err);
    if (rc != 0) {
        exempt_file_close(&file);
        return rc;
    }
    *out = file;
    return 0;
}

int exempt_file_open(const char *path, struct exempt_file *out, struct err_text *err)
{
    static const char signed_type[] = "\"exempt-list/1\"";
    struct exempt_file file = {.is_draft = true};
    uint8_t *text = NULL;
    size_t size = 0;
    int rc = file_read(path, EXEMPT_FILE_MAX, &text, &size, err);
    if (rc != 0)
        return rc;
    file.is_draft = memmem(text, size, signed_type, sizeof(signed_type) - 1) == NULL;
    rc = file.is_draft ? exempt_draft_read((const char *)text, size, &file.draft, err)
                       : read_signed((const char *)text, size, &file, err);
    free(text);
    if (rc != 0)
        return err_prefix(err, rc, "%s", path);
    *out = file;
    return 0;
}

int exempt_file_get(struct hqctl *h, struct exempt_file *out, struct err_text *err)
{
    struct hq_answer answer;
    int rc = hq_client_get(&h->client, EXEMPT_PATH, &answer, err);
    if (rc == 0)
        rc = read_signed(answer.text, answer.size, out, err);
    hq_answer_fini(&answer);
    return rc;
}

int exempt_file_compose(struct exempt_file *file, struct wall_time now, struct err_text *err)
{
    if (!file->is_draft)
        return 0;
    int rc = exempt_draft_compose(&file->draft, now, &file->envelope, err);
    if (rc == 0)
        rc = exempt_list_parse(file->envelope.payload, file->envelope.payload_size, &file->list,
                               err);
    file->is_draft = rc != 0;
    return rc;
}

int exempt_file_save(const char *path, const struct exempt_file *file, struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    int rc = file->is_draft ? exempt_draft_write(&file->draft, &text, &size)
                            : envelope_write(&file->envelope, &text, &size);
    if (rc == 0)
        rc = signed_file_save(path, text, size, !file->is_draft, err);
    free(text);
    return rc;
}

void exempt_file_close(struct exempt_file *file)
{
    exempt_draft_fini(&file->draft);
    envelope_fini(&file->envelope);
    exempt_list_fini(&file->list);
}

/* ---- showing ---- */

static void show_entry(FILE *to, const struct exempt_entry *e)
{
    char plate[PLATE_TEXT_SIZE];
    char class[4];
    char from[WALL_TEXT_SIZE];
    char until[WALL_TEXT_SIZE];
    bool good = plate_decode(e->key, plate) == 0;
    plate_class_format(e->class, class);
    wall_format(e->valid_from, from);
    wall_format(e->valid_until, until);
    hqctl_line(to, "  %" PRIu64 "  %s  class %s  %s  %s to %s  %s, approved by %s%s%s%s%s", e->id,
               good ? plate : "?", class, exempt_kind_name(e->kind), from, until, e->authority,
               e->approver, e->reason ? "; " : "", e->reason ? e->reason : "",
               e->checkpoints ? "; only at " : "", e->checkpoints ? e->checkpoints : "");
}

void exempt_show(FILE *to, const struct exempt_list *list, const struct envelope *envelope,
                 const struct keyset *keyset)
{
    const struct wall_time now = clock_wall(&clock_system);
    char time[WALL_TEXT_SIZE];
    wall_format(list->time, time);
    hqctl_line(to,
               "Exempt list revision %" PRIu64 " of fleet %s, dated %s: %zu vehicle%s, %zu in "
               "force now",
               list->revision, list->fleet, time, list->entry_count,
               list->entry_count == 1 ? "" : "s", exempt_list_in_force(list, now));
    for (size_t i = 0; i < list->entry_count; i++)
        show_entry(to, &list->entries[i]);
    signed_file_show_signers(to, envelope, keyset);
    fprintf(to, "Needs two different clerks.\n");
}

json_t *exempt_json(const struct exempt_list *list, const struct envelope *envelope,
                    const struct keyset *keyset)
{
    const struct wall_time now = clock_wall(&clock_system);
    char time[WALL_TEXT_SIZE];
    char hash[HASH_TEXT_SIZE];
    json_t *payload = NULL;
    wall_format(list->time, time);
    hash_format(list->hash, hash);
    if (json_parse((const char *)envelope->payload, envelope->payload_size, &payload, NULL) != 0)
        return NULL; /* it was parsed before: no memory */
    json_t *value = json_pack(
        "{s:I,s:s,s:s,s:s,s:I,s:O,s:o,s:i}", "revision", (json_int_t)list->revision, "fleet",
        list->fleet, "time", time, "hash", hash, "in_force",
        (json_int_t)exempt_list_in_force(list, now), "entries", json_object_get(payload, "entries"),
        "signed_by", signed_file_signers_json(envelope, keyset), "clerks_needed", EXEMPT_CLERKS);
    json_decref(payload);
    return value;
}
