/*
 * See import.h. One import's state lives in struct import.
 */
#include "gateway/hqctl/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/hqctl/csv.h"
#include "gateway/signed/wanted_entry.h"

enum { COLUMNS_MAX = CSV_FIELDS_MAX };

/* What an entry of the file is known by, to find one listed twice. */
struct mark {
    plate_key key;
    plate_class class;
    uint32_t line;
    const char *case_number; /* inside result->entries */
};

struct import {
    const char *name;
    uint64_t first_id;
    struct wall_time now;
    struct csv_reader *reader;
    size_t column_count;
    const char *columns[COLUMNS_MAX]; /* of wanted_entry_fields */
    struct csv_row row;
    struct mark *marks;
    size_t mark_count;
    struct import_result *result;
};

static bool is_optional(const char *field)
{
    static const char *const names[] = {"officer_risk", "instructions", "vehicle", "document",
                                        "emergency"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(field, names[i]) == 0)
            return true;
    return false;
}

/* The column of that name; ids are given by hqctl, so `id` is none. */
static const char *find_column(const char *name, size_t size)
{
    for (size_t i = 0; wanted_entry_fields[i]; i++)
        if (strlen(wanted_entry_fields[i]) == size &&
            memcmp(wanted_entry_fields[i], name, size) == 0 &&
            strcmp(wanted_entry_fields[i], "id") != 0)
            return wanted_entry_fields[i];
    return NULL;
}

/* Text of a field without the spaces around it. */
static const char *trimmed(const struct csv_field *field, size_t *out_size)
{
    size_t begin = strspn(field->text, " ");
    size_t size = field->size - begin;
    while (size > 0 && field->text[begin + size - 1] == ' ')
        size--;
    *out_size = size;
    return field->text + begin;
}

static struct import_fault *add_fault(struct import *in, uint32_t line, uint32_t column)
{
    static struct import_fault beyond; /* counted, not kept; never read */
    size_t index = in->result->fault_count++;
    struct import_fault *fault = index < IMPORT_FAULTS_MAX ? &in->result->faults[index] : &beyond;
    *fault = (struct import_fault){.line = line, .column = column, .field = ""};
    return fault;
}

/* A value with its end cut at a character, for an error. */
static void copy_value(const char *text, size_t size, char out[IMPORT_VALUE_SIZE])
{
    size_t kept = size < IMPORT_VALUE_SIZE ? size : IMPORT_VALUE_SIZE - 1;
    while (kept < size && kept > 0 && ((unsigned char)text[kept] & 0xC0) == 0x80)
        kept--;
    memcpy(out, text, kept);
    out[kept] = '\0';
}

/* A fault of one cell; `reason` may repeat the value in quotes at its start, which is dropped. */
static void fault_cell(struct import *in, const struct csv_field *cell, const char *field,
                       const char *reason)
{
    size_t size = 0;
    const char *text = trimmed(cell, &size);
    struct import_fault *fault = add_fault(in, cell->line, cell->column);
    fault->field = field;
    copy_value(text, size, fault->value);
    if (size > 0 && reason[0] == '\'' && strncmp(reason + 1, text, size) == 0 &&
        reason[size + 1] == '\'')
        reason += size + 2 + strspn(reason + size + 2, ", ");
    (void)snprintf(fault->reason, sizeof(fault->reason), "%s", reason); /* cut: still reads */
}

void import_fault_format(const char *name, const struct import_fault *fault, struct err_text *out)
{
    if (fault->field[0])
        (void)err_set(out, 0, "%s:%u:%u: %s = '%s': %s", name, fault->line, fault->column,
                      fault->field, fault->value, fault->reason); /* only the text is wanted */
    else
        (void)err_set(out, 0, "%s:%u:%u: %s", name, fault->line, fault->column,
                      fault->reason); /* only the text is wanted */
}

/* ---- the header ---- */

static void fault_name(struct import *in, const struct csv_field *cell, const char *reason)
{
    struct import_fault *fault = add_fault(in, cell->line, cell->column);
    char value[IMPORT_VALUE_SIZE];
    size_t size = 0;
    const char *text = trimmed(cell, &size);
    copy_value(text, size, value);
    (void)snprintf(fault->reason, sizeof(fault->reason), "column '%s': %s", value,
                   reason); /* cut: still reads */
}

static void take_name(struct import *in, size_t index)
{
    const struct csv_field *cell = &in->row.fields[index];
    size_t size = 0;
    const char *text = trimmed(cell, &size);
    const char *column = find_column(text, size);
    in->columns[index] = column;
    if (!column && size == 2 && memcmp(text, "id", 2) == 0)
        fault_name(in, cell, "ids are given at import, expected no such column");
    else if (!column && in->row.count == 1 && strpbrk(text, ";\t"))
        fault_name(in, cell, "one column only, expected columns separated by commas");
    else if (!column)
        fault_name(in, cell,
                   "unknown, expected plate, class, category, priority, handling, officer_risk, "
                   "reason, authority, case_number, applicant, reviewer, approver, each of these "
                   "with _number and _time, document, emergency, contact, valid_from, valid_until, "
                   "instructions or vehicle");
    for (size_t i = 0; column && i < index; i++)
        if (in->columns[i] == column) {
            fault_name(in, cell, "stands twice");
            return;
        }
}

static int read_header(struct import *in, struct err_text *err)
{
    int rc = csv_next(in->reader, &in->row, err);
    if (rc == ERR_NOT_FOUND) {
        (void)snprintf(add_fault(in, 1, 1)->reason, IMPORT_REASON_SIZE,
                       "empty, expected a first line with the column names"); /* fits */
        return ERR_INVALID;
    }
    if (rc != 0)
        return rc;
    in->column_count = in->row.count;
    for (size_t i = 0; i < in->row.count; i++)
        take_name(in, i);
    for (size_t f = 0; wanted_entry_fields[f]; f++) {
        const char *field = wanted_entry_fields[f];
        bool found = is_optional(field) || strcmp(field, "id") == 0;
        for (size_t i = 0; i < in->column_count && !found; i++)
            found = in->columns[i] == field;
        if (!found && in->column_count > 1)
            (void)snprintf(add_fault(in, 1, 1)->reason, IMPORT_REASON_SIZE, "column '%s': missing",
                           field); /* fits */
    }
    return in->result->fault_count > 0 ? ERR_INVALID : 0;
}

/* ---- one row ---- */

int import_time_parse(const char *text, struct wall_time *out)
{
    enum { OFFSET_SIZE = 6, HOURS_MAX = 14, MS_PER_MINUTE = 60000 };
    size_t size = strlen(text);
    char utc[WALL_TEXT_SIZE + 1];
    struct wall_time time;
    int hours = 0;
    int minutes = 0;
    if (size > OFFSET_SIZE && strchr("+-", text[size - OFFSET_SIZE])) {
        const char *offset = text + size - OFFSET_SIZE;
        for (int i = 1; i < OFFSET_SIZE; i++)
            if (i == 3 ? offset[i] != ':' : (offset[i] < '0' || offset[i] > '9'))
                return ERR_INVALID;
        hours = (offset[1] - '0') * 10 + offset[2] - '0';
        minutes = (offset[4] - '0') * 10 + offset[5] - '0';
        size -= OFFSET_SIZE;
        if (hours > HOURS_MAX || minutes > 59 || size + 2 > sizeof(utc))
            return ERR_INVALID;
        memcpy(utc, text, size);
        memcpy(utc + size, "Z", 2);
        if (wall_parse(utc, &time) != 0)
            return ERR_INVALID;
        time.ms -= (offset[0] == '+' ? 1 : -1) * (int64_t)(hours * 60 + minutes) * MS_PER_MINUTE;
        *out = time;
        return 0;
    }
    return wall_parse(text, out) == 0 ? 0 : ERR_INVALID;
}

static json_t *time_value(const char *text)
{
    struct wall_time time;
    char utc[WALL_TEXT_SIZE];
    if (import_time_parse(text, &time) != 0)
        return json_string(text); /* wanted_entry_from_json refuses it with its place */
    wall_format(time, utc);
    return json_string(utc);
}

/* "armed; violent" -> ["armed","violent"] */
static json_t *risk_value(const char *text)
{
    json_t *list = json_array();
    while (list && *text) {
        size_t skip = strspn(text, "; ");
        size_t size = strcspn(text + skip, "; ");
        if (size > 0 && json_array_append_new(list, json_stringn(text + skip, size)) != 0) {
            json_decref(list);
            return NULL;
        }
        text += skip + size;
    }
    return list;
}

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
        return time_value(text);
    return strcmp(field, "officer_risk") == 0 ? risk_value(text) : json_string(text);
}

/* The row as an entry; empty cells are absent fields. */
static json_t *row_object(const struct import *in, uint64_t id)
{
    json_t *entry = json_pack("{s:I}", "id", (json_int_t)id);
    for (size_t i = 0; entry && i < in->column_count; i++) {
        char text[CSV_ROW_MAX];
        size_t size = 0;
        const char *cell = trimmed(&in->row.fields[i], &size);
        if (size == 0)
            continue;
        memcpy(text, cell, size); /* a field is shorter than a row */
        text[size] = '\0';
        if (json_object_set_new(entry, in->columns[i], cell_value(in->columns[i], text)) != 0) {
            json_decref(entry);
            return NULL;
        }
    }
    return entry;
}

static const struct csv_field *cell_of(const struct import *in, const char *field, size_t size,
                                       const char **out_name)
{
    for (size_t i = 0; i < in->column_count; i++)
        if (strlen(in->columns[i]) == size && memcmp(in->columns[i], field, size) == 0) {
            *out_name = in->columns[i];
            return &in->row.fields[i];
        }
    return NULL;
}

/* A fault said as "field: reason". */
static void fault_row(struct import *in, const char *text)
{
    const char *name = "";
    size_t size = strcspn(text, ":");
    const struct csv_field *cell = text[size] == ':' ? cell_of(in, text, size, &name) : NULL;
    if (cell) {
        fault_cell(in, cell, name, text + size + 1 + strspn(text + size + 1, " "));
        return;
    }
    struct import_fault *fault = add_fault(in, in->row.fields[0].line, in->row.fields[0].column);
    (void)snprintf(fault->reason, sizeof(fault->reason), "%s", text); /* cut: still reads */
}

/* What an entry may be and a new row may not. NULL when it is good. */
static const char *objection(const struct import *in, const struct wanted_record *record,
                             const json_t *entry, struct err_text *why)
{
    if (record->handling == HANDLING_OBSERVE)
        return "handling: observe entries cannot be listed yet: the separate chain that keeps them "
               "from officers is not in this version, expected stop";
    if (wanted_entry_check_approval(entry, why) != 0)
        return why->text;
    if (record->valid_until.ms <= in->now.ms)
        return "valid_until: already past, the entry would never alert";
    return NULL;
}

static int keep_entry(struct import *in, const struct wanted_record *record, const char *text)
{
    json_t *clean = NULL;
    int rc = json_parse(text, record->text_size, &clean, NULL);
    if (rc != 0)
        return rc;
    in->marks[in->mark_count++] =
        (struct mark){record->key, record->class, in->row.fields[0].line,
                      json_string_value(json_object_get(clean, "case_number"))};
    return json_array_append_new(in->result->entries, clean) == 0 ? 0 : ERR_NO_MEMORY;
}

static int take_row(struct import *in, struct err_text *err)
{
    struct err_text why = {""};
    struct wanted_record record;
    char *text = NULL;
    json_t *entry = row_object(in, in->first_id + json_array_size(in->result->entries));
    int rc = entry ? wanted_entry_from_json(entry, &record, &text, &why) : ERR_NO_MEMORY;
    if (rc == ERR_NO_MEMORY) {
        json_decref(entry);
        return err_set(err, rc, "out of memory");
    }
    const char *no = rc == 0 ? objection(in, &record, entry, &why) : why.text;
    if (no)
        fault_row(in, no);
    else
        rc = keep_entry(in, &record, text);
    json_decref(entry);
    free(text);
    return no ? 0 : rc;
}

static bool row_empty(const struct csv_row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        size_t size = 0;
        (void)trimmed(&row->fields[i], &size); /* only the size is wanted */
        if (size > 0)
            return false;
    }
    return true;
}

static int read_rows(struct import *in, struct err_text *err)
{
    for (;;) {
        int rc = csv_next(in->reader, &in->row, err);
        if (rc == ERR_NOT_FOUND)
            return 0;
        if (rc != 0)
            return rc;
        if (row_empty(&in->row))
            continue; /* spreadsheets leave them at the end */
        if (in->mark_count == IMPORT_ENTRIES_MAX)
            return err_set(err, ERR_TOO_LARGE, "%s: more than %d entries", in->name,
                           IMPORT_ENTRIES_MAX);
        in->result->row_count++;
        if (in->row.count != in->column_count) {
            char text[96];
            (void)snprintf(text, sizeof(text), "%zu fields, expected %zu as in line 1",
                           in->row.count, in->column_count); /* fits */
            fault_row(in, text);
            continue;
        }
        rc = take_row(in, err);
        if (rc != 0)
            return rc;
    }
}

/* ---- the whole file ---- */

static int compare_marks(const void *a, const void *b)
{
    const struct mark *x = a;
    const struct mark *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    int order = strcmp(x->case_number, y->case_number);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static void find_doubles(struct import *in)
{
    qsort(in->marks, in->mark_count, sizeof(in->marks[0]), compare_marks);
    for (size_t i = 1; i < in->mark_count; i++) {
        const struct mark *one = &in->marks[i - 1];
        const struct mark *two = &in->marks[i];
        if (one->key == two->key && one->class == two->class &&
            strcmp(one->case_number, two->case_number) == 0)
            (void)snprintf(add_fault(in, two->line, 1)->reason, IMPORT_REASON_SIZE,
                           "same plate, class and case_number as line %u", one->line); /* fits */
    }
}

static int read_all(struct import *in, struct err_text *err)
{
    int rc = read_header(in, err);
    if (rc == 0)
        rc = read_rows(in, err);
    if (rc != 0)
        return rc;
    find_doubles(in);
    if (in->result->row_count == 0)
        (void)snprintf(add_fault(in, 1, 1)->reason, IMPORT_REASON_SIZE,
                       "no row below the column names"); /* fits */
    return in->result->fault_count > 0 ? ERR_INVALID : 0;
}

int import_csv(const char *name, const void *data, size_t size, uint64_t first_id,
               struct wall_time now, struct import_result *out, struct err_text *err)
{
    struct err_text why = {""};
    struct import in = {.name = name, .first_id = first_id, .now = now, .result = out};
    *out = (struct import_result){.entries = json_array()};
    in.reader = calloc(1, sizeof(*in.reader));
    in.marks = calloc(IMPORT_ENTRIES_MAX, sizeof(*in.marks));
    int rc = ERR_NO_MEMORY;
    if (!in.reader || !in.marks || !out->entries)
        goto out;
    rc = csv_open(in.reader, name, data, size, &why);
    if (rc == 0)
        rc = read_all(&in, &why);
    if (in.reader->fault_reason[0]) { /* the reader's own, behind which nothing can be read */
        rc = ERR_INVALID;
        struct import_fault *fault = add_fault(&in, in.reader->fault_line, in.reader->fault_column);
        (void)snprintf(fault->reason, sizeof(fault->reason), "%s",
                       in.reader->fault_reason); /* fits */
    }
    (void)err_set(err, rc, "%s", why.text[0] ? why.text : err_name(rc)); /* rc is returned */
out:
    free(in.reader);
    free(in.marks);
    if (rc != 0) {
        json_decref(out->entries);
        out->entries = NULL;
    }
    return rc;
}

void import_fini(struct import_result *result)
{
    json_decref(result->entries);
    result->entries = NULL;
}
