/*
 * Strict JSON parse and canonical dump. No state.
 */
#include "gateway/base/json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/utf8.h"

int json_parse(const char *text, size_t size, json_t **out, struct err_text *err)
{
    json_error_t reason;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &reason);
    if (!value) {
        /* It quotes what was found; a quotation mark in there would end the field of an event. */
        utf8_make_line(reason.text);
        for (char *p = reason.text; *p != '\0'; p++) {
            *p = *p == '"' ? '\'' : *p;
        }
        return err_set(err, ERR_INVALID, "line %d column %d: %s", reason.line, reason.column,
                       reason.text);
    }
    *out = value;
    return ERR_OK;
}

/* Bounded recursion: depth is jansson's own parse limit, or what our code built. */
/* NOLINTNEXTLINE(misc-no-recursion): see above */
static bool holds_real(const json_t *value)
{
    const char *key;
    json_t *item;
    size_t index;
    if (json_is_real(value)) {
        return true;
    }
    if (json_is_array(value)) {
        json_array_foreach(value, index, item)
        {
            if (holds_real(item)) {
                return true;
            }
        }
    }
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
            if (holds_real(item)) {
                return true;
            }
        }
    }
    return false;
}

int json_canonical(const json_t *value, char **out, size_t *out_size)
{
    if (holds_real(value)) {
        return ERR_INVALID;
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (!text) {
        return ERR_NO_MEMORY;
    }
    *out = text;
    *out_size = strlen(text);
    return ERR_OK;
}
