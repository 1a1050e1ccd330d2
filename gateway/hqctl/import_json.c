/*
 * A JSON list of objects to entries: jansson says whether it is JSON and what it holds, a second
 * walk over the text, which is valid then, says where. See import_kind.h.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/hqctl/csv.h"
#include "gateway/hqctl/import_kind.h"

/* A place in a text that is valid JSON. */
struct cursor {
    const char *text;
    size_t size;
    size_t at;
    uint32_t line;
    uint32_t column; /* in characters */
};

static char look(const struct cursor *c)
{
    return c->at < c->size ? c->text[c->at] : '\0';
}

static void step(struct cursor *c)
{
    char byte = c->text[c->at++];
    if (byte == '\n') {
        c->line++;
        c->column = 1;
    } else if (((unsigned char)look(c) & 0xC0) != 0x80) {
        c->column++;
    }
}

static void skip_space(struct cursor *c)
{
    while (c->at < c->size && strchr(" \t\r\n", look(c)))
        step(c);
}

static void skip_string(struct cursor *c)
{
    step(c);
    while (c->at < c->size && look(c) != '"') {
        if (look(c) == '\\')
            step(c);
        step(c);
    }
    step(c);
}

static void skip_value(struct cursor *c)
{
    size_t depth = 0;
    do {
        char byte = look(c);
        if (byte == '"') {
            skip_string(c);
            continue;
        }
        if (depth == 0 && strchr(",]} \t\r\n", byte))
            return;
        depth += byte == '{' || byte == '[';
        depth -= byte == '}' || byte == ']';
        step(c);
        if (depth == 0 && (byte == '}' || byte == ']'))
            return;
    } while (c->at < c->size);
}

/* Goes over white space and the comma to the next item of a list or object; false at its end. */
static bool to_next(struct cursor *c)
{
    skip_space(c);
    if (look(c) == ',') {
        step(c);
        skip_space(c);
    }
    return c->at < c->size && look(c) != ']' && look(c) != '}';
}

/* From the object at `c` to the value of its member; false when it has none of that name. */
static bool to_member(struct cursor *c, const char *name, size_t size)
{
    step(c);
    while (to_next(c)) {
        const char *key = c->text + c->at + 1;
        skip_string(c);
        size_t length = (size_t)(c->text + c->at - 1 - key);
        skip_space(c);
        step(c); /* the colon */
        skip_space(c);
        if (length == size && memcmp(key, name, size) == 0)
            return true;
        skip_value(c);
    }
    return false;
}

static const char *field_named(const struct import_kind *kind, const char *name, size_t size)
{
    for (size_t i = 0; kind->fields[i]; i++)
        if (strlen(kind->fields[i]) == size && memcmp(kind->fields[i], name, size) == 0)
            return kind->fields[i];
    return NULL;
}

/* A fault said as "field: reason", at the field's value, or at its object when it has none. */
static void fault_object(struct import *in, const json_t *object, const struct cursor *begin,
                         const char *text)
{
    struct cursor at = *begin;
    size_t size = strcspn(text, ":");
    const char *field = text[size] == ':' ? field_named(in->kind, text, size) : NULL;
    if (field && !to_member(&at, field, size))
        at = *begin;
    struct import_fault *fault = import_fault_add(in, at.line, at.column);
    if (!field) {
        import_fault_reason(fault, text);
        return;
    }
    const json_t *value = json_object_get(object, field);
    char *dump = json_is_string(value) ? strdup(json_string_value(value))
                                       : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    fault->field = field;
    if (dump) /* without a value there is none to tell */
        import_fault_value(fault, dump, strlen(dump));
    free(dump);
    import_fault_reason(fault, text + size + 1 + strspn(text + size + 1, " "));
}

/* The object as check() takes it: times with an offset in UTC, null as not there. */
static json_t *row_of(const struct import *in, const json_t *object)
{
    const char *key;
    json_t *value;
    json_t *row = json_object();
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        json_t *cell = json_is_string(value) && field_named(in->kind, key, strlen(key))
                           ? in->kind->cell_value(key, json_string_value(value))
                           : NULL;
        if (!json_is_string(cell)) { /* a number or list is written as one here */
            json_decref(cell);
            cell = json_incref(value);
        }
        if (json_is_null(value))
            json_decref(cell);
        else if (json_object_set_new(row, key, cell) != 0) {
            json_decref(row);
            return NULL;
        }
    }
    return row;
}

static int take_object(struct import *in, const json_t *object, const struct cursor *begin,
                       struct err_text *err)
{
    struct err_text why = {""};
    if (!json_is_object(object) || json_object_get(object, "id")) {
        fault_object(in, object, begin,
                     json_is_object(object) ? "id: ids are given at import, expected no such field"
                                            : "expected an object with the fields of an entry");
        in->result->row_count++;
        return 0;
    }
    json_t *row = row_of(in, object);
    int rc = import_row_take(in, row, begin->line, &why);
    json_decref(row);
    if (rc == ERR_NO_MEMORY)
        return err_set(err, rc, "out of memory");
    if (rc != 0)
        fault_object(in, object, begin, why.text);
    return 0;
}

static int take_list(struct import *in, const json_t *list, struct cursor *c, struct err_text *err)
{
    const json_t *object;
    size_t index;
    if (json_array_size(list) > in->kind->entries_max)
        return err_set(err, ERR_TOO_LARGE, "%s: more than %zu entries", in->name,
                       in->kind->entries_max);
    skip_space(c);
    if (json_array_size(list) == 0)
        import_fault_reason(import_fault_add(in, c->line, c->column), "no entry in the list");
    step(c);
    json_array_foreach(list, index, object)
    {
        if (!to_next(c))
            return ERR_CORRUPT; /* the text is the list's own */
        struct cursor begin = *c;
        skip_value(c);
        int rc = take_object(in, object, &begin, err);
        if (rc != 0)
            return rc;
    }
    return import_state_judge(in);
}

/* "line 3 column 7: reason", as json_parse says it. */
static void fault_syntax(struct import *in, const struct err_text *why)
{
    char *rest = NULL;
    uint32_t line = 1;
    uint32_t column = 1;
    const char *text = why->text;
    if (strncmp(text, "line ", 5) == 0) {
        line = (uint32_t)strtoul(text + 5, &rest, 10);
        if (strncmp(rest, " column ", 8) == 0)
            column = (uint32_t)strtoul(rest + 8, &rest, 10);
        text = rest + strspn(rest, ": ");
    }
    import_fault_reason(import_fault_add(in, line, column), text);
}

int import_run_json(const struct import_kind *kind, const char *name, const char *text, size_t size,
                    uint64_t first_id, struct wall_time now, struct import_result *out,
                    struct err_text *err)
{
    struct err_text why = {""};
    struct import in = {.kind = kind, .name = name, .first_id = first_id, .now = now};
    struct cursor c = {.text = text, .size = size, .line = 1, .column = 1};
    json_t *list = NULL;
    int rc = import_state_begin(&in, out);
    if (rc == 0 && size > CSV_FILE_MAX)
        rc = err_set(&why, ERR_TOO_LARGE, "%s: %zu bytes, expected at most %d", name, size,
                     CSV_FILE_MAX);
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        c.at = 3;
    if (rc == 0) {
        rc = json_parse(text + c.at, size - c.at, &list, &why);
        if (rc == ERR_INVALID)
            fault_syntax(&in, &why);
    }
    if (rc == 0)
        rc = take_list(&in, list, &c, &why);
    (void)err_set(err, rc, "%s", why.text[0] ? why.text : err_name(rc)); /* rc is returned */
    json_decref(list);
    return import_state_end(&in, rc);
}
