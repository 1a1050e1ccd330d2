/*
 * Rows of the wanted list. See import_kind.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/hqctl/import_kind.h"
#include "gateway/signed/wanted_entry.h"

static bool is_time(const char *field)
{
    size_t size = strlen(field);
    return strcmp(field, "valid_from") == 0 || strcmp(field, "valid_until") == 0 ||
           (size > 5 && strcmp(field + size - 5, "_time") == 0);
}

static json_t *cell_value(const char *field, const char *text)
{
    if (strcmp(field, "emergency") == 0 && (strcmp(text, "yes") == 0 || strcmp(text, "是") == 0))
        return json_true();
    if (strcmp(field, "priority") == 0 && text[0] >= '0' && text[0] <= '9' && text[1] == '\0')
        return json_integer(text[0] - '0');
    if (is_time(field))
        return import_time_value(text);
    return strcmp(field, "officer_risk") == 0 ? import_names_value(text) : json_string(text);
}

/* What an entry may be and a new row may not. NULL when it is good. */
static const char *objection(const struct wanted_record *record, const json_t *row,
                             struct wall_time now, struct err_text *why)
{
    if (wanted_entry_check_approval(row, why) != 0)
        return why->text;
    if (record->valid_until.ms <= now.ms)
        return "valid_until: already past, the entry would never alert";
    return NULL;
}

static int check_row(const json_t *row, struct wall_time now, json_t **out_entry,
                     struct import_mark *out_mark, struct err_text *err)
{
    struct wanted_record record;
    struct err_text why = {""};
    char *text = NULL;
    int rc = wanted_entry_from_json(row, &record, &text, err);
    const char *no = rc == 0 ? objection(&record, row, now, &why) : NULL;
    if (no)
        rc = err_set(err, ERR_INVALID, "%s", no);
    if (rc == 0)
        rc = json_parse(text, record.text_size, out_entry, err);
    free(text);
    if (rc != 0)
        return rc;
    out_mark->key = record.key;
    out_mark->class = record.class;
    (void)snprintf(out_mark->case_number, sizeof(out_mark->case_number), "%s",
                   json_string_value(json_object_get(*out_entry, "case_number"))); /* fits */
    return 0;
}

static const char *const optional[] = {"officer_risk", "instructions", "vehicle",
                                       "document",     "emergency",    NULL};

static const struct import_kind wanted = {
    .fields = wanted_entry_fields,
    .optional = optional,
    .unknown = "unknown, expected plate, class, category, priority, handling, officer_risk, "
               "reason, authority, case_number, applicant, reviewer, approver, each of these "
               "with _number and _time, document, emergency, contact, valid_from, valid_until, "
               "instructions or vehicle",
    .same = "plate, class and case_number",
    .entries_max = IMPORT_ENTRIES_MAX,
    .cell_value = cell_value,
    .check = check_row};

int import_csv(const char *name, const void *data, size_t size, uint64_t first_id,
               struct wall_time now, struct import_result *out, struct err_text *err)
{
    return import_run(&wanted, name, data, size, first_id, now, out, err);
}

/* What stands behind a byte order mark and white space. */
static bool is_json(const char *text, size_t size)
{
    size_t at = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (at < size && strchr(" \t\r\n", text[at]) && text[at] != '\0')
        at++;
    return at < size && text[at] == '[';
}

int import_wanted(const char *name, const void *data, size_t size, enum import_encoding encoding,
                  uint64_t first_id, struct wall_time now, struct import_result *out,
                  struct err_text *err)
{
    char *decoded = NULL;
    size_t length = 0;
    enum import_encoding was = IMPORT_ENCODING_UTF8;
    *out = (struct import_result){0};
    int rc = import_text_decode(data, size, encoding, &decoded, &length, &was, err);
    if (rc != 0)
        return err_prefix(err, rc, "%s", name);
    const char *text = decoded ? decoded : data;
    rc = is_json(text, length)
             ? import_run_json(&wanted, name, text, length, first_id, now, out, err)
             : import_run(&wanted, name, text, length, first_id, now, out, err);
    out->encoding = was;
    free(decoded);
    return rc;
}
