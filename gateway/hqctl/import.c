/*
 * See import.h. One import's state lives in struct import.
 */
#include "gateway/hqctl/import_kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/hqctl/csv.h"

enum { COLUMNS_MAX = CSV_FIELDS_MAX };

struct import {
    const struct import_kind *kind;
    const char *name;
    uint64_t first_id;
    struct wall_time now;
    struct csv_reader *reader;
    size_t column_count;
    const char *columns[COLUMNS_MAX]; /* of kind->fields */
    struct csv_row row;
    struct import_mark *marks;
    size_t mark_count;
    struct import_result *result;
};

static bool is_optional(const struct import_kind *kind, const char *field)
{
    for (size_t i = 0; kind->optional[i]; i++)
        if (strcmp(field, kind->optional[i]) == 0)
            return true;
    return false;
}

/* The column of that name; ids are given by hqctl, so `id` is none. */
static const char *find_column(const struct import_kind *kind, const char *name, size_t size)
{
    for (size_t i = 0; kind->fields[i]; i++)
        if (strlen(kind->fields[i]) == size && memcmp(kind->fields[i], name, size) == 0 &&
            strcmp(kind->fields[i], "id") != 0)
            return kind->fields[i];
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
    const char *column = find_column(in->kind, text, size);
    in->columns[index] = column;
    if (!column && size == 2 && memcmp(text, "id", 2) == 0)
        fault_name(in, cell, "ids are given at import, expected no such column");
    else if (!column && in->row.count == 1 && strpbrk(text, ";\t"))
        fault_name(in, cell, "one column only, expected columns separated by commas");
    else if (!column)
        fault_name(in, cell, in->kind->unknown);
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
    for (size_t f = 0; in->kind->fields[f]; f++) {
        const char *field = in->kind->fields[f];
        bool found = is_optional(in->kind, field) || strcmp(field, "id") == 0;
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

json_t *import_time_value(const char *text)
{
    struct wall_time time;
    char utc[WALL_TEXT_SIZE];
    if (import_time_parse(text, &time) != 0)
        return json_string(text); /* the entry's own check refuses it with its place */
    wall_format(time, utc);
    return json_string(utc);
}

/* "armed; violent" -> ["armed","violent"] */
json_t *import_names_value(const char *text)
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
        if (json_object_set_new(entry, in->columns[i],
                                in->kind->cell_value(in->columns[i], text)) != 0) {
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

static int take_row(struct import *in, struct err_text *err)
{
    struct err_text why = {""};
    json_t *clean = NULL;
    struct import_mark mark = {.line = in->row.fields[0].line};
    json_t *entry = row_object(in, in->first_id + json_array_size(in->result->entries));
    int rc = entry ? in->kind->check(entry, in->now, &clean, &mark, &why) : ERR_NO_MEMORY;
    json_decref(entry);
    if (rc == ERR_NO_MEMORY)
        return err_set(err, rc, "out of memory");
    if (rc != 0) {
        fault_row(in, why.text);
        return 0;
    }
    in->marks[in->mark_count++] = mark;
    return json_array_append_new(in->result->entries, clean) == 0 ? 0 : ERR_NO_MEMORY;
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
        if (in->mark_count == in->kind->entries_max)
            return err_set(err, ERR_TOO_LARGE, "%s: more than %zu entries", in->name,
                           in->kind->entries_max);
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
    const struct import_mark *x = a;
    const struct import_mark *y = b;
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
        const struct import_mark *one = &in->marks[i - 1];
        const struct import_mark *two = &in->marks[i];
        if (one->key == two->key && one->class == two->class &&
            strcmp(one->case_number, two->case_number) == 0)
            (void)snprintf(add_fault(in, two->line, 1)->reason, IMPORT_REASON_SIZE,
                           "same %s as line %u", in->kind->same, one->line); /* fits */
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

int import_run(const struct import_kind *kind, const char *name, const void *data, size_t size,
               uint64_t first_id, struct wall_time now, struct import_result *out,
               struct err_text *err)
{
    struct err_text why = {""};
    struct import in = {
        .kind = kind, .name = name, .first_id = first_id, .now = now, .result = out};
    *out = (struct import_result){.entries = json_array()};
    in.reader = calloc(1, sizeof(*in.reader));
    in.marks = calloc(kind->entries_max, sizeof(*in.marks));
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
