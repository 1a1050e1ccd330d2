/* A record on its way to HQ: one CloudEvents 1.0 event a line (JSON event format). See record.h. */
#include <inttypes.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/journal/record.h"

enum { ID_SIZE = 2 * JOURNAL_CHAIN_ID_SIZE + 24, TYPE_SIZE = JOURNAL_KIND_TEXT_SIZE + 16 };

static const char type_prefix[] = "checkpoint.";
static const char body_type[] = "application/json";

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

/* ---- writing ---- */

/* Printable ASCII that JSON takes as it is. */
static bool is_plain(const char *text)
{
    for (; *text; text++)
        if (*text < 0x20 || *text > 0x7E || *text == '"' || *text == '\\')
            return false;
    return true;
}

static char *put(char *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

/* `,"name":"` or, as the first one, `{"name":"`. */
static char *put_name(char *at, const char *name, const char *first)
{
    *at = at == first ? '{' : ',';
    at = put(at + 1, "\"", 1);
    at = put(at, name, strlen(name));
    return put(at, "\":\"", 3);
}

static char *put_member(char *at, const char *name, const char *text, const char *first)
{
    at = put_name(at, name, first);
    at = put(at, text, strlen(text));
    return put(at, "\"", 1);
}

static char *put_base64(char *at, const char *name, const void *data, size_t size,
                        const char *first)
{
    at = put_name(at, name, first);
    at += base64_encode_into(data, size, at);
    return put(at, "\"", 1);
}

/* Members in the order of canonical JSON. `out` has room for them (event_room). */
static size_t write_event(const struct journal_record *record, const char *source, bool with_body,
                          char *out)
{
    char id[ID_SIZE];
    char type[TYPE_SIZE];
    char time[WALL_TEXT_SIZE];
    char salt[2 * JOURNAL_SALT_SIZE + 1];
    char *at = out;
    id_of(&record->header, id);
    type_of(&record->header, type);
    wall_format(record->header.wall, time);
    hex_encode(record->salt, sizeof record->salt, salt);
    if (with_body) {
        at = put_base64(at, "data_base64", record->body, record->body_size, out);
        at = put_member(at, "datacontenttype", body_type, out);
    }
    at = put_base64(at, "header", record->bytes, sizeof record->bytes, out);
    at = put_member(at, "id", id, out);
    if (with_body)
        at = put_member(at, "salt", salt, out);
    at = put_member(at, "source", source, out);
    at = put_member(at, "specversion", "1.0", out);
    at = put_member(at, "time", time, out);
    at = put_member(at, "type", type, out);
    at = put(at, "}", 2); /* with its NUL */
    return (size_t)(at - out) - 1;
}

/* What stands beside source and body: nine names with their punctuation, and values of a bounded
 * size. */
enum { EVENT_REST = 1024 };
_Static_assert(EVENT_REST >= 9 * 24 + ID_SIZE + TYPE_SIZE + WALL_TEXT_SIZE + 2 * JOURNAL_SALT_SIZE +
                                 BASE64_SIZE(JOURNAL_HEADER_SIZE) + 32,
               "room for an event");

int journal_wire_write(const struct journal_record *record, const char *source, bool with_body,
                       char **out, size_t *out_size)
{
    with_body = with_body && record->has_body;
    if (!is_plain(source) || (with_body && record->body_size > JOURNAL_BODY_MAX))
        return ERR_INVALID;
    char *text =
        malloc(EVENT_REST + strlen(source) + (with_body ? BASE64_SIZE(record->body_size) : 0));
    if (!text)
        return ERR_NO_MEMORY;
    *out_size = write_event(record, source, with_body, text);
    *out = text;
    return 0;
}

/* ---- reading ---- */

/* The members of an event as texts; NULL: not there, or no text. */
struct event {
    const char *data_base64;
    const char *datacontenttype;
    const char *header;
    const char *id;
    const char *salt;
    const char *source;
    const char *specversion;
    const char *time;
    const char *type;
};

static const struct {
    const char *name;
    size_t offset;
} members[] = {
    {"data_base64", offsetof(struct event, data_base64)},
    {"datacontenttype", offsetof(struct event, datacontenttype)},
    {"header", offsetof(struct event, header)},
    {"id", offsetof(struct event, id)},
    {"salt", offsetof(struct event, salt)},
    {"source", offsetof(struct event, source)},
    {"specversion", offsetof(struct event, specversion)},
    {"time", offsetof(struct event, time)},
    {"type", offsetof(struct event, type)},
};
enum { MEMBERS = sizeof(members) / sizeof(members[0]), MEMBER_ID = 3 };

static void set_member(struct event *event, size_t at, const char *text)
{
    memcpy((char *)event + members[at].offset, &text, sizeof text);
}

static void take_members(const json_t *object, struct event *out)
{
    for (size_t i = 0; i < MEMBERS; i++)
        set_member(out, i, json_string_value(json_object_get(object, members[i].name)));
}

/* A member's text inside a line. */
struct span {
    const char *text;
    size_t size;
};

/* Printable ASCII up to the quote; returns what stands behind it, NULL: something else is there. */
static const char *plain_text(const char *text, const char *end, struct span *out)
{
    const char *quote = memchr(text, '"', (size_t)(end - text));
    unsigned other = 0;
    for (const char *p = text; quote && p < quote; p++)
        other |= (unsigned)(*p < 0x20) | (unsigned)(*p > 0x7E) | (unsigned)(*p == '\\');
    if (!quote || other)
        return NULL;
    *out = (struct span){text, (size_t)(quote - text)};
    return quote + 1;
}

/* The place of a name among the members from `from` on; MEMBERS: it is none of them. */
static size_t find_member(const struct span *name, size_t from)
{
    while (from < MEMBERS && (strlen(members[from].name) != name->size ||
                              memcmp(members[from].name, name->text, name->size) != 0))
        from++;
    return from;
}

/* The canonical form every box of ours sends, its known members in order and plain: found ten times
 * faster than by a JSON parser. False: left to one. */
static bool find_plain(const char *text, size_t size, struct span out[MEMBERS])
{
    const char *end = text + size;
    const char *at = text;
    size_t next = 0;
    if (size < 2 || *at != '{')
        return false;
    while (at < end && *at != '}') {
        struct span name;
        at++; /* the brace or a comma */
        if (at >= end || *at != '"' || !(at = plain_text(at + 1, end, &name)))
            return false;
        next = find_member(&name, next);
        if (next == MEMBERS || end - at < 3 || at[0] != ':' || at[1] != '"')
            return false;
        at = plain_text(at + 2, end, &out[next++]);
        if (!at || at >= end || (*at != ',' && *at != '}'))
            return false;
    }
    return at == end - 1;
}

/* Its members become texts in place. */
static bool read_plain(char *text, size_t size, struct event *out)
{
    struct span spans[MEMBERS] = {{NULL, 0}};
    if (!find_plain(text, size, spans))
        return false;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (spans[i].text)
            text[spans[i].text - text + (ptrdiff_t)spans[i].size] = '\0';
        set_member(out, i, spans[i].text);
    }
    return true;
}

bool journal_wire_id(const char *line, size_t size, const char **out_id, size_t *out_size)
{
    struct span spans[MEMBERS] = {{NULL, 0}};
    if (!find_plain(line, size, spans) || !spans[MEMBER_ID].text)
        return false;
    *out_id = spans[MEMBER_ID].text;
    *out_size = spans[MEMBER_ID].size;
    return true;
}

static int get_text(const char *text, const char *key, const char **out, struct err_text *err)
{
    *out = text;
    if (*out)
        return 0;
    return err_set(err, ERR_INVALID, "%s: missing or no text", key);
}

static int check_attribute(const char *value, const char *key, const char *expected,
                           struct err_text *err)
{
    const char *text;
    int result = get_text(value, key, &text, err);
    if (result == 0 && strcmp(text, expected) != 0)
        result = err_set(err, ERR_INVALID, "%s = '%.80s': expected %s", key, text, expected);
    return result;
}

static int read_header(const struct event *event, struct journal_record *record,
                       struct err_text *err)
{
    const char *text;
    uint8_t *bytes;
    size_t size;
    int result = get_text(event->header, "header", &text, err);
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

static int read_body(const struct event *event, struct journal_record *record, struct err_text *err)
{
    const char *salt = event->salt;
    const char *data = event->data_base64;
    if (!salt && !data)
        return 0;
    int result = check_attribute(event->datacontenttype, "datacontenttype", body_type, err);
    if (result != 0)
        return result;
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
static int check_type(const struct event *event, const struct journal_header *header,
                      struct err_text *err)
{
    const char *text;
    char type[TYPE_SIZE];
    char numbered[TYPE_SIZE];
    type_of(header, type);
    int result = get_text(event->type, "type", &text, err);
    if (result == 0 && strcmp(text, type) == 0)
        return 0;
    snprintf(numbered, sizeof numbered, "%skind_%u", type_prefix, (unsigned)header->kind);
    bool known = journal_kind_name(header->kind) != NULL;
    if (result == 0 && strcmp(text, numbered) != 0 &&
        (known ? strcmp(text, type) != 0 : !is_type(text)))
        result = err_set(err, ERR_INVALID, "type = '%.80s': expected %s", text, type);
    return result;
}

static int check_attributes(const struct event *event, const struct journal_header *header,
                            struct err_text *err)
{
    char id[ID_SIZE];
    char time[WALL_TEXT_SIZE];
    id_of(header, id);
    wall_format(header->wall, time);
    int result = check_attribute(event->specversion, "specversion", "1.0", err);
    if (result == 0)
        result = check_attribute(event->id, "id", id, err);
    if (result == 0)
        result = check_type(event, header, err);
    if (result == 0)
        result = check_attribute(event->time, "time", time, err);
    return result;
}

static int read_event(const struct event *event, struct journal_wire *out, struct err_text *err)
{
    const char *source = NULL;
    int result = read_header(event, &out->record, err);
    if (result == 0)
        result = check_attributes(event, &out->record.header, err);
    if (result == 0)
        result = get_text(event->source, "source", &source, err);
    if (result == 0 && strlen(source) >= sizeof out->source)
        result =
            err_set(err, ERR_TOO_LARGE, "source: longer than %zu bytes", sizeof out->source - 1);
    if (result != 0)
        return result;
    memcpy(out->source, source, strlen(source) + 1);
    return read_body(event, &out->record, err);
}

static int read_any(const char *line, size_t size, struct journal_wire *out, struct err_text *err)
{
    struct event event = {0};
    json_t *object;
    int result = json_parse(line, size, &object, err);
    if (result != 0)
        return result;
    if (json_is_object(object)) {
        take_members(object, &event);
        result = read_event(&event, out, err);
    } else
        result = err_set(err, ERR_INVALID, "expected a JSON object");
    json_decref(object);
    return result;
}

int journal_wire_read(const char *line, size_t size, struct journal_wire *out, struct err_text *err)
{
    struct event event = {0};
    struct journal_wire wire = {0};
    if (size > JOURNAL_WIRE_MAX)
        return err_set(err, ERR_TOO_LARGE, "record of %zu bytes, expected at most %d", size,
                       JOURNAL_WIRE_MAX);
    char *copy = malloc(size + 1);
    if (!copy)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    memcpy(copy, line, size);
    int result = read_plain(copy, size, &event) ? read_event(&event, &wire, err)
                                                : read_any(line, size, &wire, err);
    free(copy);
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
