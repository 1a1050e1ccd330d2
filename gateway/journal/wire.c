/* A record on its way to HQ: one CloudEvents 1.0 event a line (JSON event format). See record.h. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/journal/record.h"

enum { ID_SIZE = 2 * JOURNAL_CHAIN_ID_SIZE + 24, TYPE_SIZE = JOURNAL_KIND_TEXT_SIZE + 16 };

static const char type_prefix[] = "checkpoint.";

static void id_of(const struct journal_header *header, char out[ID_SIZE])
{
    char chain[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    hex_encode(header->chain, sizeof header->chain, chain);
    snprintf(out, ID_SIZE, "%s:%" PRIu64, chain, header->sequence);
}

static void type_of(const struct journal_header *header, char out[TYPE_SIZE])
{
    char kind[JOURNAL_KIND_TEXT_SIZE];
    journal_kind_text(header->kind, kind);
    snprintf(out, TYPE_SIZE, "%s%s", type_prefix, kind);
}

static int put_base64(json_t *event, const char *key, const void *data, size_t size)
{
    char *text = base64_encode(data, size);
    int result = text ? json_object_set_new(event, key, json_string(text)) : -1;
    free(text);
    return result == 0 ? 0 : ERR_NO_MEMORY;
}

static int put_body(json_t *event, const struct journal_record *record)
{
    char salt[2 * JOURNAL_SALT_SIZE + 1];
    hex_encode(record->salt, sizeof record->salt, salt);
    if (json_object_set_new(event, "salt", json_string(salt)) != 0 ||
        json_object_set_new(event, "datacontenttype", json_string("application/json")) != 0)
        return ERR_NO_MEMORY;
    return put_base64(event, "data_base64", record->body, record->body_size);
}

int journal_wire_write(const struct journal_record *record, const char *source, bool with_body,
                       char **out, size_t *out_size)
{
    char id[ID_SIZE];
    char type[TYPE_SIZE];
    char time[WALL_TEXT_SIZE];
    id_of(&record->header, id);
    type_of(&record->header, type);
    wall_format(record->header.wall, time);
    json_t *event = json_pack("{s:s,s:s,s:s,s:s,s:s}", "specversion", "1.0", "id", id, "source",
                              source, "type", type, "time", time);
    int result =
        event ? put_base64(event, "header", record->bytes, sizeof record->bytes) : ERR_NO_MEMORY;
    if (result == 0 && with_body && record->has_body)
        result = put_body(event, record);
    if (result == 0)
        result = json_canonical(event, out, out_size);
    json_decref(event);
    return result;
}

/* ---- reading ---- */

static int get_text(const json_t *event, const char *key, const char **out, struct err_text *err)
{
    *out = json_string_value(json_object_get(event, key));
    if (*out)
        return 0;
    return err_set(err, ERR_INVALID, "%s: missing or no text", key);
}

static int check_attribute(const json_t *event, const char *key, const char *expected,
                           struct err_text *err)
{
    const char *text;
    int result = get_text(event, key, &text, err);
    if (result == 0 && strcmp(text, expected) != 0)
        result = err_set(err, ERR_INVALID, "%s = '%.80s': expected %s", key, text, expected);
    return result;
}

static int read_header(const json_t *event, struct journal_record *record, struct err_text *err)
{
    const char *text;
    uint8_t *bytes;
    size_t size;
    int result = get_text(event, "header", &text, err);
    if (result != 0)
        return result;
    if (base64_decode(text, &bytes, &size) != 0)
        return err_set(err, ERR_INVALID, "header: no base64");
    if (size == JOURNAL_HEADER_SIZE) {
        memcpy(record->bytes, bytes, size);
        result = journal_header_read(record->bytes, &record->header, err);
    } else {
        result =
            err_set(err, ERR_INVALID, "header: %zu bytes, expected %d", size, JOURNAL_HEADER_SIZE);
    }
    free(bytes);
    return result;
}

static int read_body(const json_t *event, struct journal_record *record, struct err_text *err)
{
    const char *salt = json_string_value(json_object_get(event, "salt"));
    const char *data = json_string_value(json_object_get(event, "data_base64"));
    if (!salt && !data)
        return 0;
    if (!salt || !data || hex_decode(salt, record->salt, sizeof record->salt) != 0)
        return err_set(err, ERR_INVALID, "salt: expected %d hex digits beside data_base64",
                       2 * JOURNAL_SALT_SIZE);
    uint8_t *bytes;
    if (base64_decode(data, &bytes, &record->body_size) != 0)
        return err_set(err, ERR_INVALID, "data_base64: no base64");
    record->body = (const char *)bytes;
    record->has_body = true;
    if (record->body_size > JOURNAL_BODY_MAX)
        return err_set(err, ERR_TOO_LARGE, "body of %zu bytes, expected at most %d",
                       record->body_size, JOURNAL_BODY_MAX);
    uint8_t digest[JOURNAL_HASH_SIZE];
    if (journal_digest(record->salt, bytes, record->body_size, digest) != 0)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (memcmp(digest, record->header.digest, sizeof digest) != 0)
        return err_set(err, ERR_CORRUPT, "the body does not fit its digest");
    return 0;
}

/* "checkpoint." and letters of a name. */
static bool is_type(const char *text)
{
    const char *name = text + sizeof type_prefix - 1;
    return strncmp(text, type_prefix, sizeof type_prefix - 1) == 0 && name[0] != '\0' &&
           strlen(name) < JOURNAL_KIND_TEXT_SIZE &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* By number whoever does not know the name, by name whoever does. */
static int check_type(const json_t *event, const struct journal_header *header,
                      struct err_text *err)
{
    const char *text;
    char type[TYPE_SIZE];
    char numbered[TYPE_SIZE];
    type_of(header, type);
    snprintf(numbered, sizeof numbered, "%skind_%u", type_prefix, (unsigned)header->kind);
    int result = get_text(event, "type", &text, err);
    bool known = journal_kind_name(header->kind) != NULL;
    if (result == 0 && strcmp(text, numbered) != 0 &&
        (known ? strcmp(text, type) != 0 : !is_type(text)))
        result = err_set(err, ERR_INVALID, "type = '%.80s': expected %s", text, type);
    return result;
}

static int check_attributes(const json_t *event, const struct journal_header *header,
                            struct err_text *err)
{
    char id[ID_SIZE];
    char time[WALL_TEXT_SIZE];
    id_of(header, id);
    wall_format(header->wall, time);
    int result = check_attribute(event, "specversion", "1.0", err);
    if (result == 0)
        result = check_attribute(event, "id", id, err);
    if (result == 0)
        result = check_type(event, header, err);
    if (result == 0)
        result = check_attribute(event, "time", time, err);
    return result;
}

static int read_event(const json_t *event, struct journal_wire *out, struct err_text *err)
{
    const char *source = NULL;
    if (!json_is_object(event))
        return err_set(err, ERR_INVALID, "expected a JSON object");
    int result = read_header(event, &out->record, err);
    if (result == 0)
        result = check_attributes(event, &out->record.header, err);
    if (result == 0)
        result = get_text(event, "source", &source, err);
    if (result == 0 && strlen(source) >= sizeof out->source)
        result =
            err_set(err, ERR_TOO_LARGE, "source: longer than %zu bytes", sizeof out->source - 1);
    if (result != 0)
        return result;
    memcpy(out->source, source, strlen(source) + 1);
    return read_body(event, &out->record, err);
}

int journal_wire_read(const char *line, size_t size, struct journal_wire *out, struct err_text *err)
{
    json_t *event;
    struct journal_wire wire = {0};
    if (size > JOURNAL_WIRE_MAX)
        return err_set(err, ERR_TOO_LARGE, "record of %zu bytes, expected at most %d", size,
                       JOURNAL_WIRE_MAX);
    int result = json_parse(line, size, &event, err);
    if (result != 0)
        return result;
    result = read_event(event, &wire, err);
    json_decref(event);
    if (result != 0) {
        journal_wire_free(&wire);
        return result;
    }
    *out = wire;
    return 0;
}

void journal_wire_free(struct journal_wire *wire)
{
    free((void *)(uintptr_t)wire->record.body);
    wire->record.body = NULL;
    wire->record.has_body = false;
}
