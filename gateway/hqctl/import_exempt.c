/*
 * Rows of the exempt list. See import_kind.h.
 */
#include <string.h>

#include "gateway/hqctl/import_kind.h"
#include "gateway/signed/exempt_list.h"

/* The list holds plates in their one form only; a spreadsheet may write them otherwise. */
static json_t *plate_value(const char *text)
{
    struct plate_text plate;
    char canonical[PLATE_TEXT_SIZE];
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    bool known = plate.kind == PLATE_KEY && plate_decode(plate.key, canonical) == 0;
    return json_string(known ? canonical : text);
}

static json_t *cell_value(const char *field, const char *text)
{
    if (strcmp(field, "plate") == 0)
        return plate_value(text);
    if (strcmp(field, "valid_from") == 0 || strcmp(field, "valid_until") == 0)
        return import_time_value(text);
    return strcmp(field, "checkpoints") == 0 ? import_names_value(text) : json_string(text);
}

static int check_row(const json_t *row, struct wall_time now, json_t **out_entry,
                     struct import_mark *out_mark, struct err_text *err)
{
    struct exempt_entry entry;
    int rc = exempt_entry_from_json(row, now, &entry, err);
    if (rc != 0)
        return rc;
    out_mark->key = entry.key;
    out_mark->class = entry.class;
    bool past = entry.valid_until.ms <= now.ms;
    exempt_entry_fini(&entry);
    if (past)
        return err_set(err, ERR_INVALID,
                       "valid_until: already past, the entry would exempt nobody");
    *out_entry = json_deep_copy(row);
    return *out_entry ? 0 : ERR_NO_MEMORY;
}

int import_exempt_csv(const char *name, const void *data, size_t size, struct wall_time now,
                      struct import_result *out, struct err_text *err)
{
    static const char *const optional[] = {"reason", "checkpoints", NULL};
    const struct import_kind kind = {
        .fields = exempt_entry_fields,
        .optional = optional,
        .unknown = "unknown, expected plate, class, kind, reason, authority, approver, "
                   "valid_from, valid_until or checkpoints",
        .same = "plate and class",
        .entries_max = EXEMPT_ENTRIES_MAX,
        .cell_value = cell_value,
        .check = check_row};
    return import_run(&kind, name, data, size, 1, now, out, err);
}
