/*
 * One JSON object into a plate read. jansson's memory comes from the reader while it decodes (a
 * pointer of this thread says which), from malloc otherwise.
 */
#include "drivers/wire/json_read.h"

#include <jansson.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/wire/read_fields.h"

struct json_reader {
    struct json_fields fields;
    size_t used; /* bytes of memory */
    bool exhausted;
    alignas(max_align_t) uint8_t memory[JSON_READ_MEMORY];
};

enum { MS_PER_MINUTE = 60000, TIME_DIGITS = 14, TIME_DIGITS_MS = 17, NUMBER_TEXT_MAX = 20 };

/* ---- jansson's memory ---- */

static _Thread_local struct json_reader *decoding;
static pthread_once_t memory_once = PTHREAD_ONCE_INIT;

static void *reader_malloc(size_t size)
{
    struct json_reader *r = decoding;
    if (!r)
        return malloc(size);
    size_t rounded =
        (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (rounded < size || rounded > sizeof r->memory - r->used) {
        r->exhausted = true;
        return NULL;
    }
    void *piece = r->memory + r->used;
    r->used += rounded;
    return piece;
}

static void reader_free(void *piece)
{
    /* What jansson gets while decoding it gives back while decoding: the whole is reset at once. */
    if (!decoding)
        free(piece);
}

static void direct_memory(void)
{
    json_object_seed(0);
    json_set_alloc_funcs(reader_malloc, reader_free);
}

/* ---- fields ---- */

static json_t *field_of(const struct json_reader *r, const json_t *object, enum json_field field)
{
    const char *name = r->fields.name[field];
    json_t *value = name[0] ? json_object_get(object, name) : NULL;
    return json_is_null(value) ? NULL : value;
}

static bool digits_value(const char *text, size_t size, uint64_t *out)
{
    uint64_t value = 0;
    if (size == 0 || size > NUMBER_TEXT_MAX)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

/* A whole number ≥ 0, as number or text; a real number is cut to whole (speed 61.5). Empty text is
 * not given: *out stays. False for anything else. */
static bool number_of(const json_t *value, uint64_t *out)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *out = (uint64_t)json_integer_value(value);
        return true;
    }
    if (json_is_real(value) && json_real_value(value) >= 0 && json_real_value(value) < 1e15) {
        *out = (uint64_t)json_real_value(value);
        return true;
    }
    if (json_is_string(value) && json_string_length(value) == 0)
        return true;
    return json_is_string(value) &&
           digits_value(json_string_value(value), json_string_length(value), out);
}

static bool local_time(const char *text, size_t size, int16_t offset_minutes, int64_t *out_ms)
{
    char rfc[WALL_TEXT_SIZE] = "0000-00-00T00:00:00.000Z";
    static const uint8_t place[TIME_DIGITS_MS] = {0,  1,  2,  3,  5,  6,  8,  9, 11,
                                                  12, 14, 15, 17, 18, 20, 21, 22};
    struct wall_time wall;
    for (size_t i = 0; i < size; i++)
        rfc[place[i]] = text[i];
    if (wall_parse(rfc, &wall) != 0)
        return false;
    *out_ms = wall.ms - (int64_t)offset_minutes * MS_PER_MINUTE;
    return true;
}

/* A time that is none counts as not given. */
static void keep_time(const struct json_reader *r, const json_t *value, struct plate_read *read)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    struct wall_time wall;
    int64_t ms = 0;
    if (!text)
        return;
    if (size == TIME_DIGITS || size == TIME_DIGITS_MS) {
        if (local_time(text, size, r->fields.utc_offset_minutes, &ms) && ms > 0)
            (void)read_fields_set_time(read, (uint64_t)ms);
    } else if (size < WALL_TEXT_SIZE && wall_parse(text, &wall) == 0 && wall.ms > 0) {
        (void)read_fields_set_time(read, (uint64_t)wall.ms);
    }
}

/* "A-90,B-88": the scores in order; anything else counts as not given. */
static void keep_scores(const json_t *value, struct plate_read *read)
{
    uint8_t scores[PLATE_SYMBOLS_MAX];
    size_t count = 0;
    const char *at = json_string_value(value);
    while (at && *at) {
        size_t size = strcspn(at, ",");
        const char *dash = memrchr(at, '-', size);
        uint64_t score;
        if (!dash || count == PLATE_SYMBOLS_MAX ||
            !digits_value(dash + 1, size - (size_t)(dash + 1 - at), &score) || score > 100)
            return;
        scores[count++] = (uint8_t)score;
        at += size + (at[size] == ',');
    }
    (void)read_fields_set_scores(read, scores, count);
}

static enum json_cause keep_camera(const struct json_reader *r, const struct camera_table *table,
                                   const json_t *object, struct plate_read *read)
{
    const json_t *value = field_of(r, object, JSON_FIELD_CAMERA);
    uint64_t number = 0;
    if (json_is_string(value))
        number = camera_table_find_device(table, json_string_value(value));
    if (number == 0 && value && !number_of(value, &number))
        return json_is_string(value) ? JSON_NO_CAMERA : JSON_BAD_TYPE;
    if (number == 0 || number > CAMERA_ID_MAX)
        return JSON_NO_CAMERA;
    read->camera = (uint16_t)number;
    return JSON_CAUSE_OK;
}

static bool has_no_plate(const struct json_reader *r, const json_t *object)
{
    const json_t *value = field_of(r, object, JSON_FIELD_HAS_PLATE);
    return json_is_false(value) || (json_is_integer(value) && json_integer_value(value) == 0) ||
           (json_is_string(value) && strcmp(json_string_value(value), "0") == 0);
}

static enum json_cause keep_plate(const struct json_reader *r, const struct camera_table *table,
                                  const json_t *object, struct plate_read *read)
{
    const json_t *value = field_of(r, object, JSON_FIELD_PLATE);
    bool no_plate = has_no_plate(r, object);
    if (!value)
        return no_plate ? (read->kind = PLATE_NO_PLATE, JSON_CAUSE_OK) : JSON_NO_PLATE;
    if (!json_is_string(value))
        return JSON_BAD_TYPE;
    if (read_fields_set_plate(read, (const uint8_t *)json_string_value(value),
                              json_string_length(value),
                              camera_table_dash(table, read->camera)) != 0)
        return JSON_PLATE_TEXT;
    if (no_plate && read->raw[0] == '\0')
        read->kind = PLATE_NO_PLATE;
    return JSON_CAUSE_OK;
}

struct json_numbers {
    uint64_t lane;
    uint64_t colour;
    uint64_t speed_kmh;
    uint64_t direction;
    uint64_t confidence;
    uint64_t event;
};

static bool read_numbers(const struct json_reader *r, const json_t *object,
                         struct json_numbers *out)
{
    const struct {
        enum json_field field;
        uint64_t *value;
    } rows[] = {{JSON_FIELD_LANE, &out->lane},
                {JSON_FIELD_COLOUR, &out->colour},
                {JSON_FIELD_SPEED, &out->speed_kmh},
                {JSON_FIELD_DIRECTION, &out->direction},
                {JSON_FIELD_CONFIDENCE, &out->confidence},
                {JSON_FIELD_EVENT, &out->event}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const json_t *value = field_of(r, object, rows[i].field);
        if (value && !number_of(value, rows[i].value))
            return false;
    }
    return out->lane <= LANE_ID_MAX;
}

static enum json_cause keep_fields(const struct json_reader *r, const json_t *object,
                                   struct plate_read *read)
{
    struct json_numbers n = {.speed_kmh = READ_SPEED_NONE, .confidence = READ_CONFIDENCE_NONE};
    if (!read_numbers(r, object, &n))
        return JSON_BAD_TYPE;
    read->lane = (uint8_t)n.lane;
    read->event_id = n.event;
    /* Out of range is treated as not given: the results are of no further use. */
    (void)read_fields_set_colour(read, n.colour);
    (void)read_fields_set_speed(read, n.speed_kmh);
    (void)read_fields_set_direction(read, n.direction);
    (void)read_fields_set_confidence(read, n.confidence);
    const json_t *class = field_of(r, object, JSON_FIELD_CLASS);
    if (json_is_string(class) && json_string_length(class) == 2)
        (void)read_fields_set_class(read, (const uint8_t *)json_string_value(class));
    keep_time(r, field_of(r, object, JSON_FIELD_TIME), read);
    return JSON_CAUSE_OK;
}

static enum json_cause decode_object(const struct json_reader *r, const struct camera_table *table,
                                     const json_t *object, struct plate_read *out)
{
    struct plate_read read;
    read_fields_init(&read);
    enum json_cause cause = keep_camera(r, table, object, &read);
    if (cause == JSON_CAUSE_OK)
        cause = keep_fields(r, object, &read);
    if (cause == JSON_CAUSE_OK)
        cause = keep_plate(r, table, object, &read);
    if (cause == JSON_CAUSE_OK) {
        keep_scores(field_of(r, object, JSON_FIELD_CHAR_SCORES), &read);
        *out = read;
    }
    return cause;
}

/* jansson recurses into nesting, so it is bounded before. */
static bool depth_ok(const uint8_t *data, size_t size)
{
    int depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < size; i++) {
        if (in_text) {
            if (data[i] == '\\')
                i++;
            else if (data[i] == '"')
                in_text = false;
        } else if (data[i] == '"') {
            in_text = true;
        } else if ((data[i] == '{' || data[i] == '[') && ++depth > JSON_READ_DEPTH_MAX) {
            return false;
        } else if (data[i] == '}' || data[i] == ']') {
            depth--;
        }
    }
    return true;
}

/* ---- public ---- */

void json_fields_default(struct json_fields *out)
{
    *out = (struct json_fields){
        .name = {JSON_NAME_CAMERA, JSON_NAME_LANE, JSON_NAME_PLATE, JSON_NAME_HAS_PLATE,
                 JSON_NAME_CLASS, JSON_NAME_COLOUR, JSON_NAME_TIME, JSON_NAME_SPEED,
                 JSON_NAME_DIRECTION, JSON_NAME_CONFIDENCE, JSON_NAME_CHAR_SCORES, JSON_NAME_EVENT},
        .utc_offset_minutes = JSON_UTC_OFFSET_MINUTES};
}

int json_reader_create(const struct json_fields *fields, struct json_reader **out,
                       struct err_text *err)
{
    for (int i = 0; i < JSON_FIELD_COUNT; i++)
        if (!memchr(fields->name[i], '\0', JSON_FIELD_NAME_SIZE))
            return err_set(err, ERR_INVALID, "json field name %d: longer than %d bytes", i,
                           JSON_FIELD_NAME_SIZE - 1);
    if (!fields->name[JSON_FIELD_CAMERA][0] || !fields->name[JSON_FIELD_PLATE][0])
        return err_set(err, ERR_INVALID, "json fields: camera and plate need a name");
    struct json_reader *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(err, ERR_NO_MEMORY, "no memory for a json reader");
    (void)pthread_once(&memory_once, direct_memory); /* cannot fail with a static once */
    r->fields = *fields;
    *out = r;
    return ERR_OK;
}

void json_reader_destroy(struct json_reader *reader)
{
    free(reader);
}

enum json_cause json_reader_decode(struct json_reader *reader, const struct camera_table *table,
                                   const uint8_t *data, size_t size_bytes, struct plate_read *out)
{
    if (size_bytes > JSON_READ_SIZE_MAX)
        return JSON_TOO_LONG;
    if (!depth_ok(data, size_bytes))
        return JSON_TOO_DEEP;
    reader->used = 0;
    reader->exhausted = false;
    decoding = reader;
    enum json_cause cause = JSON_BAD_SYNTAX;
    json_t *object = json_loadb((const char *)data, size_bytes, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(object))
        cause = decode_object(reader, table, object, out);
    json_decref(object); /* its memory goes with the reset */
    decoding = NULL;
    return reader->exhausted ? JSON_NO_MEMORY : cause;
}

const char *json_cause_name(enum json_cause cause)
{
    static const char *const names[JSON_CAUSE_COUNT] = {"ok",         "too_long",  "too_deep",
                                                        "bad_syntax", "no_memory", "no_camera",
                                                        "no_plate",   "bad_type",  "plate_text"};
    return (unsigned)cause < JSON_CAUSE_COUNT ? names[cause] : "unknown";
}
