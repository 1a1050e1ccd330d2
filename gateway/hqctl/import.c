/*
 * See import.h and import_kind.h. One import's state lives in struct import.
 */
#include "gateway/hqctl/import_kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/hqctl/csv.h"

enum { COLUMNS_MAX = CSV_FIELDS_MAX };

struct csv_import {
    struct import in;
    struct csv_reader *reader;
    size_t column_count;
    const char *columns[COLUMNS_MAX]; /* of kind->fields */
    struct csv_row row;
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

struct import_fault *import_fault_add(struct import *in, uint32_t line, uint32_t column)
{
    static struct import_fault beyond; /* counted, not kept; never read */
    size_t index = in->result->fault_count++;
    struct import_fault *fault = index < IMPORT_FAULTS_MAX ? &in->result->faults[index] : &beyond;
    *fault = (struct import_fault){.line = line, .column = column, .field = ""};
    return fault;
}

void import_fault_value(struct import_fault *fault, const char *text, size_t size)
{
    size_t kept = size < IMPORT_VALUE_SIZE ? size : IMPORT_VALUE_SIZE - 1;
    while (kept < size && kept > 0 && ((unsigned char)text[kept] & 0xC0) == 0x80)
        kept--;
    memcpy(fault->value, text, kept);
    fault->value[kept] = '\0';
}

void import_fault_reason(struct import_fault *fault, const char *reason)
{
    size_t size = strlen(fault->value);
    if (size > 0 && reason[0] == '\'' && strncmp(reason + 1, fault->value, size) == 0 &&
        reason[size + 1] == '\'')
        reason += size + 2 + strspn(reason + size + 2, ", ");
    (void)snprintf(fault->reason, sizeof(fault->reason), "%s", reason); /* cut: still reads */
}

static void fault_cell(struct csv_import *c, const struct csv_field *cell, const char *field,
                       const char *reason)
{
    size_t size = 0;
    const char *text = trimmed(cell, &size);
    struct import_fault *fault = import_fault_add(&c->in, cell->line, cell->column);
    fault->field = field;
    import_fault_value(fault, text, size);
    import_fault_reason(fault, reason);
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

static void fault_name(struct csv_import *c, const struct csv_field *cell, const char *reason)
{
    struct import_fault *fault = import_fault_add(&c->in, cell->line, cell->column);
    size_t size = 0;
    const char *text = trimmed(cell, &size);
    import_fault_value(fault, text, size);
    (void)snprintf(fault->reason, sizeof(fault->reason), "column '%s': %s", fault->value,
                   reason); /* cut: still reads */
    fault->value[0] = '\0';
}

static void take_name(struct csv_import *c, size_t index)
{
    const struct csv_field *cell = &c->row.fields[index];
    size_t size = 0;
    const char *text = trimmed(cell, &size);
    const char *column = find_column(c->in.kind, text, size);
    c->columns[index] = column;
    if (!column && size == 2 && memcmp(text, "id", 2) == 0)
        fault_name(c, cell, "ids are given at import, expected no such column");
    else if (!column && c->row.count == 1 && strpbrk(text, ";\t"))
        fault_name(c, cell, "one column only, expected columns separated by commas");
    else if (!column)
        fault_name(c, cell, c->in.kind->unknown);
    for (size_t i = 0; column && i < index; i++)
        if (c->columns[i] == column) {
            fault_name(c, cell, "stands twice");
            return;
        }
}

static int read_header(struct csv_import *c, struct err_text *err)
{
    int rc = csv_next(c->reader, &c->row, err);
    if (rc == ERR_NOT_FOUND) {
        (void)snprintf(import_fault_add(&c->in, 1, 1)->reason, IMPORT_REASON_SIZE,
                       "empty, expected a first line with the column names"); /* fits */
        return ERR_INVALID;
    }
    if (rc != 0)
        return rc;
    c->column_count = c->row.count;
    for (size_t i = 0; i < c->row.count; i++)
        take_name(c, i);
    for (size_t f = 0; c->in.kind->fields[f]; f++) {
        const char *field = c->in.kind->fields[f];
        bool found = is_optional(c->in.kind, field) || strcmp(field, "id") == 0;
        for (size_t i = 0; i < c->column_count && !found; i++)
            found = c->columns[i] == field;
        if (!found && c->column_count > 1)
            (void)snprintf(import_fault_add(&c->in, 1, 1)->reason, IMPORT_REASON_SIZE,
                           "column '%s': missing", field); /* fits */
    }
    return c->in.result->fault_count > 0 ? ERR_INVALID : 0;
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
static json_t *row_object(const struct csv_import *c)
{
    json_t *entry = json_object();
    for (size_t i = 0; entry && i < c->column_count; i++) {
        char text[CSV_ROW_MAX];
        size_t size = 0;
        const char *cell = trimmed(&c->row.fields[i], &size);
        if (size == 0)
            continue;
        memcpy(text, cell, size); /* a field is shorter than a row */
        text[size] = '\0';
        if (json_object_set_new(entry, c->columns[i],
                                c->in.kind->cell_value(c->columns[i], text)) != 0) {
            json_decref(entry);
            return NULL;
        }
    }
    return entry;
}

static const struct csv_field *cell_of(const struct csv_import *c, const char *field, size_t size,
                                       const char **out_name)
{
    for (size_t i = 0; i < c->column_count; i++)
        if (strlen(c->columns[i]) == size && memcmp(c->columns[i], field, size) == 0) {
            *out_name = c->columns[i];
            return &c->row.fields[i];
        }
    return NULL;
}

/* A fault said as "field: reason". */
static void fault_row(struct csv_import *c, const char *text)
{
    const char *name = "";
    size_t size = strcspn(text, ":");
    const struct csv_field *cell = text[size] == ':' ? cell_of(c, text, size, &name) : NULL;
    if (cell)
        fault_cell(c, cell, name, text + size + 1 + strspn(text + size + 1, " "));
    else
        import_fault_reason(
            import_fault_add(&c->in, c->row.fields[0].line, c->row.fields[0].column), text);
}

int import_row_take(struct import *in, json_t *row, uint32_t line, struct err_text *why)
{
    json_t *clean = NULL;
    struct import_mark mark = {.line = line};
    uint64_t id = in->first_id + json_array_size(in->result->entries);
    int rc = row && json_object_set_new(row, "id", json_integer((json_int_t)id)) == 0
                 ? in->kind->check(row, in->now, &clean, &mark, why)
                 : ERR_NO_MEMORY;
    in->result->row_count++;
    if (rc == 0 && json_array_append_new(in->result->entries, clean) != 0)
        rc = ERR_NO_MEMORY;
    if (rc == 0)
        in->marks[in->mark_count++] = mark;
    return rc;
}

static int take_row(struct csv_import *c, struct err_text *err)
{
    struct err_text why = {""};
    json_t *row = row_object(c);
    int rc = import_row_take(&c->in, row, c->row.fields[0].line, &why);
    json_decref(row);
    if (rc == ERR_NO_MEMORY)
        return err_set(err, rc, "out of memory");
    if (rc != 0)
        fault_row(c, why.text);
    return 0;
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

static int read_rows(struct csv_import *c, struct err_text *err)
{
    for (;;) {
        int rc = csv_next(c->reader, &c->row, err);
        if (rc == ERR_NOT_FOUND)
            return 0;
        if (rc != 0)
            return rc;
        if (row_empty(&c->row))
            continue; /* spreadsheets leave them at the end */
        if (c->in.mark_count == c->in.kind->entries_max)
            return err_set(err, ERR_TOO_LARGE, "%s: more than %zu entries", c->in.name,
                           c->in.kind->entries_max);
        if (c->row.count != c->column_count) {
            char text[96];
            (void)snprintf(text, sizeof(text), "%zu fields, expected %zu as in line 1",
                           c->row.count, c->column_count); /* fits */
            fault_row(c, text);
            c->in.result->row_count++;
            continue;
        }
        rc = take_row(c, err);
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
            (void)snprintf(import_fault_add(in, two->line, 1)->reason, IMPORT_REASON_SIZE,
                           "same %s as line %u", in->kind->same, one->line); /* fits */
    }
}

int import_state_begin(struct import *in, struct import_result *out)
{
    *out = (struct import_result){.entries = json_array()};
    in->result = out;
    in->marks = calloc(in->kind->entries_max, sizeof(*in->marks));
    return in->marks && out->entries ? 0 : ERR_NO_MEMORY;
}

int import_state_end(struct import *in, int rc)
{
    free(in->marks);
    if (rc != 0)
        import_fini(in->result);
    return rc;
}

int import_state_judge(struct import *in)
{
    find_doubles(in);
    return in->result->fault_count > 0 ? ERR_INVALID : 0;
}

static int read_all(struct csv_import *c, struct err_text *err)
{
    int rc = read_header(c, err);
    if (rc == 0)
        rc = read_rows(c, err);
    if (rc != 0)
        return rc;
    if (c->in.result->row_count == 0)
        import_fault_reason(import_fault_add(&c->in, 1, 1), "no row below the column names");
    return import_state_judge(&c->in);
}

int import_run(const struct import_kind *kind, const char *name, const void *data, size_t size,
               uint64_t first_id, struct wall_time now, struct import_result *out,
               struct err_text *err)
{
    struct err_text why = {""};
    struct csv_import c = {.in = {.kind = kind, .name = name, .first_id = first_id, .now = now}};
    int rc = import_state_begin(&c.in, out);
    c.reader = rc == 0 ? calloc(1, sizeof(*c.reader)) : NULL;
    if (!c.reader)
        return import_state_end(&c.in, ERR_NO_MEMORY);
    rc = csv_open(c.reader, name, data, size, &why);
    if (rc == 0)
        rc = read_all(&c, &why);
    if (c.reader->fault_reason[0]) { /* the reader's own, behind which nothing can be read */
        rc = ERR_INVALID;
        import_fault_reason(import_fault_add(&c.in, c.reader->fault_line, c.reader->fault_column),
                            c.reader->fault_reason);
    }
    (void)err_set(err, rc, "%s", why.text[0] ? why.text : err_name(rc)); /* rc is returned */
    free(c.reader);
    return import_state_end(&c.in, rc);
}

void import_fini(struct import_result *result)
{
    json_decref(result->entries);
    result->entries = NULL;
}
