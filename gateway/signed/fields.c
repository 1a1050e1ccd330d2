/*
 * Typed access to the fields of signed JSON objects. No state.
 */
#include "gateway/signed/fields.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"

enum { UTF8_BYTES_MAX = 4 };

int fields_check(const json_t *value, const char *const *names, struct err_text *err)
{
    const char *key;
    json_t *item;
    if (!json_is_object(value)) {
        return err_set(err, ERR_INVALID, "not a JSON object");
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        const char *const *name = names;
        while (*name && strcmp(*name, key) != 0) {
            name++;
        }
        if (!*name) {
            return err_set(err, ERR_INVALID, "unknown field '%.64s'", key);
        }
    }
    return ERR_OK;
}

int field_text(const json_t *object, const char *name, size_t min_bytes, size_t max_bytes,
               const char **out, struct err_text *err)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value)) {
        return err_set(err, ERR_INVALID, "%s: %s, expected text", name,
                       value ? "not text" : "missing");
    }
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    if (size < min_bytes || size > max_bytes) {
        return err_set(err, ERR_INVALID, "%s: %zu bytes, expected %zu .. %zu", name, size,
                       min_bytes, max_bytes);
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7F) {
            return err_set(err, ERR_INVALID, "%s: control character in text", name);
        }
    }
    *out = text;
    return ERR_OK;
}

static size_t utf8_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++) {
        count += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return count;
}

int field_line(const json_t *object, const char *name, size_t max_characters, const char **out,
               struct err_text *err)
{
    const char *text = NULL;
    int result = field_text(object, name, 1, max_characters * UTF8_BYTES_MAX, &text, err);
    if (result < 0) {
        return result;
    }
    if (text[strspn(text, " ")] == '\0') {
        return err_set(err, ERR_INVALID, "%s: blank", name);
    }
    if (utf8_characters(text) > max_characters) {
        return err_set(err, ERR_INVALID, "%s: %zu characters, expected at most %zu", name,
                       utf8_characters(text), max_characters);
    }
    *out = text;
    return ERR_OK;
}

int field_copy(const json_t *object, const char *name, size_t max_bytes, char *out,
               struct err_text *err)
{
    const char *text = NULL;
    int result = field_text(object, name, 1, max_bytes, &text, err);
    if (result == ERR_OK) {
        memcpy(out, text, strlen(text) + 1);
    }
    return result;
}

int field_number(const json_t *object, const char *name, uint64_t min, uint64_t max, uint64_t *out,
                 struct err_text *err)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value)) {
        return err_set(err, ERR_INVALID, "%s: %s, expected a whole number", name,
                       value ? "not a whole number" : "missing");
    }
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number < min || (uint64_t)number > max) {
        return err_set(err, ERR_INVALID,
                       "%s: %" JSON_INTEGER_FORMAT " out of range, expected %" PRIu64
                       " .. %" PRIu64,
                       name, number, min, max);
    }
    *out = (uint64_t)number;
    return ERR_OK;
}

int field_time(const json_t *object, const char *name, struct wall_time *out, struct err_text *err)
{
    const char *text = NULL;
    int result = field_text(object, name, 1, WALL_TEXT_SIZE - 1, &text, err);
    if (result == ERR_OK && wall_parse(text, out) < 0) {
        return err_set(err, ERR_INVALID,
                       "%s: '%s' is no time, expected UTC as 2026-11-24T03:46:48.123Z", name, text);
    }
    return result;
}

int field_hash(const json_t *object, const char *name, uint8_t out[HASH_SIZE], struct err_text *err)
{
    const char *text = NULL;
    int result = field_text(object, name, 1, HASH_TEXT_SIZE - 1, &text, err);
    if (result == ERR_OK) {
        result = hash_parse(text, out);
        if (result < 0) {
            return err_set(err, result, "%s: no hash, expected sha256: and 64 hex digits", name);
        }
    }
    return result;
}

int field_base64(const json_t *object, const char *name, uint8_t *out, size_t size,
                 struct err_text *err)
{
    const char *text = NULL;
    uint8_t *data = NULL;
    size_t data_size = 0;
    int result = field_text(object, name, 1, 4 * size, &text, err);
    if (result < 0) {
        return result;
    }
    if (base64_decode(text, &data, &data_size) < 0 || data_size != size) {
        free(data);
        return err_set(err, ERR_INVALID, "%s: expected base64 of %zu bytes", name, size);
    }
    memcpy(out, data, size);
    free(data);
    return ERR_OK;
}

int field_array(const json_t *object, const char *name, size_t max_items, const json_t **out,
                struct err_text *err)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_array(value)) {
        return err_set(err, ERR_INVALID, "%s: %s, expected a list", name,
                       value ? "not a list" : "missing");
    }
    if (json_array_size(value) > max_items) {
        return err_set(err, ERR_TOO_LARGE, "%s: %zu items, expected at most %zu", name,
                       json_array_size(value), max_items);
    }
    *out = value;
    return ERR_OK;
}

json_t *hash_json(const uint8_t hash[HASH_SIZE])
{
    char text[HASH_TEXT_SIZE];
    hash_format(hash, text);
    return json_string(text);
}

json_t *time_json(struct wall_time time)
{
    char text[WALL_TEXT_SIZE];
    wall_format(time, text);
    return json_string(text);
}

json_t *base64_json(const uint8_t *data, size_t size)
{
    char *text = base64_encode(data, size);
    json_t *value = text ? json_string(text) : NULL;
    free(text);
    return value;
}

int statement_compose(json_t *payload, enum statement_type type, struct envelope *out)
{
    char *text = NULL;
    size_t size = 0;
    int result = payload ? json_canonical(payload, &text, &size) : ERR_NO_MEMORY;
    json_decref(payload);
    if (result == ERR_OK) {
        result = envelope_init(out, type, text, size);
    }
    free(text);
    return result;
}

int statement_open(const struct keyset *set, const void *envelope, size_t size,
                   enum statement_type type, struct signers *out_signers, json_t **out_payload,
                   struct err_text *err)
{
    struct envelope e = {0};
    int result = envelope_parse(envelope, size, &e, err);
    if (result == ERR_OK) {
        result = keyset_check_envelope(set, &e, type, out_signers, err);
    }
    if (result == ERR_OK) {
        result = json_parse((const char *)e.payload, e.payload_size, out_payload, err);
    }
    envelope_fini(&e);
    return result;
}
