/* See box_line.h. */
#include "gateway/uplink/box_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/journal/record.h"

enum { ID_ROOM = 2 * JOURNAL_CHAIN_ID_SIZE + 24 };

static const char record_head[] = "{\"record\":";
static const char urgent_head[] = "{\"urgent\":";
static const char ask_head[] = "{\"ask\":";

/* The number behind the colon of "<chain>:<sequence>"; `id` may be NULL. */
static int sequence_of(const char *id, uint64_t *out, struct err_text *err)
{
    const char *colon = id ? strchr(id, ':') : NULL;
    char *end = NULL;
    if (!colon || colon[1] < '1' || colon[1] > '9')
        return err_set(err, ERR_INVALID, "id: expected <chain>:<sequence>");
    unsigned long long value = strtoull(colon + 1, &end, 10);
    if (*end != '\0' || value > INT64_MAX)
        return err_set(err, ERR_INVALID, "id: expected <chain>:<sequence>");
    *out = value;
    return 0;
}

/* Of the canonical form, in which the type stands last. Whoever cares reads the record itself. */
static bool is_hit(const char *event, size_t size)
{
    static const char end[] = "\"type\":\"checkpoint.hit\"}";
    return size >= sizeof(end) - 1 &&
           memcmp(event + size - (sizeof(end) - 1), end, sizeof(end) - 1) == 0;
}

/* `name` is "record" or "urgent"; both heads have the same length. */
static int take_event(const char *line, size_t size, const json_t *object, struct box_line *out,
                      struct err_text *err)
{
    const size_t head = sizeof(record_head) - 1;
    bool urgent = size > head && memcmp(line, urgent_head, head) == 0;
    if (size < head + 2 || (!urgent && memcmp(line, record_head, head) != 0) ||
        json_object_size(object) != 1)
        return err_set(err, ERR_INVALID, "expected one member, record or urgent");
    const json_t *event = json_object_get(object, urgent ? "urgent" : "record");
    if (!json_is_object(event) || line[head] != '{' || line[size - 2] != '}')
        return err_set(err, ERR_INVALID, "record: expected an object");
    out->kind = urgent ? BOX_URGENT : BOX_RECORD;
    out->event = line + head;
    out->event_size = size - head - 1;
    out->hit = is_hit(out->event, out->event_size);
    return sequence_of(json_string_value(json_object_get(event, "id")), &out->sequence, err);
}

/* A question is not read here: headquarters reads it, checkpointd holds the answer against it. */
static int take_ask(const char *line, size_t size, const json_t *object, struct box_line *out,
                    struct err_text *err)
{
    const size_t head = sizeof(ask_head) - 1;
    if (size < head + 3 || memcmp(line, ask_head, head) != 0 || json_object_size(object) != 1 ||
        line[head] != '{' || line[size - 2] != '}')
        return err_set(err, ERR_INVALID, "ask: expected an object alone");
    out->kind = BOX_ASK;
    out->event = line + head;
    out->event_size = size - head - 1;
    return 0;
}

static int take_number(const json_t *object, const char *name, uint64_t *out, struct err_text *err)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return err_set(err, ERR_INVALID, "%s: expected a number from 0", name);
    *out = (uint64_t)json_integer_value(value);
    return 0;
}

/* An older checkpointd does not say it. */
static int take_head(const json_t *object, struct box_line *out, struct err_text *err)
{
    return json_object_get(object, "head") ? take_number(object, "head", &out->head, err) : 0;
}

static int take_chain(const json_t *status, struct box_line *out, struct err_text *err)
{
    const json_t *value = json_object_get(status, "chain");
    const char *chain = json_string_value(value);
    if (!value)
        return 0;
    if (!chain || strlen(chain) != sizeof(out->chain) - 1 ||
        strspn(chain, "0123456789abcdef") != sizeof(out->chain) - 1)
        return err_set(err, ERR_INVALID, "status.chain: expected 32 hex digits");
    memcpy(out->chain, chain, sizeof(out->chain));
    return 0;
}

/* An older checkpointd says nothing of some. */
static int take_statements(const json_t *object, struct box_line *out, struct err_text *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < BOX_STATEMENTS; i++) {
        const char *name = box_statement_names[i].name;
        out->has_statement[i] = json_object_get(object, name) != NULL;
        if (out->has_statement[i])
            rc = take_number(object, name, &out->statements[i], err);
    }
    return rc;
}

/* An older checkpointd says nothing of them. */
static int take_pictures(const json_t *terms, struct box_line *out, struct err_text *err)
{
    struct picture_terms *t = &out->pictures;
    json_int_t version = 0;
    json_int_t from = 0;
    json_int_t until = 0;
    json_int_t floor_days = 0;
    json_int_t ceiling_days = 0;
    int paused = 0;
    if (!terms)
        return 0;
    if (json_unpack((json_t *)terms, "{s:I,s:I,s:I,s:b,s:I,s:I}", "version", &version, "floor",
                    &floor_days, "ceiling", &ceiling_days, "paused", &paused, "from", &from,
                    "until", &until) != 0 ||
        version < 0 || floor_days < 0 || ceiling_days < 0 || floor_days > PICTURE_DAYS_MAX ||
        ceiling_days > PICTURE_DAYS_MAX)
        return err_set(err, ERR_INVALID, "status.pictures: expected terms");
    *t = (struct picture_terms){.version = (uint64_t)version,
                                .floor_days = (uint32_t)floor_days,
                                .ceiling_days = (uint32_t)ceiling_days,
                                .paused = paused != 0,
                                .held_from_ms = from,
                                .held_until_ms = until};
    int rc = picture_terms_check(t, err);
    out->has_pictures = rc == 0;
    return rc == 0 ? 0 : err_prefix(err, rc, "status.pictures");
}

static int take_status(const json_t *status, struct box_line *out, struct err_text *err)
{
    const char *name = json_string_value(json_object_get(status, "checkpoint"));
    out->kind = BOX_STATUS;
    out->has_confirmed = true;
    if (!name || snprintf(out->checkpoint, sizeof(out->checkpoint), "%s", name) >= BOX_NAME_SIZE)
        return err_set(err, ERR_INVALID, "status.checkpoint: expected a name");
    int rc = take_statements(status, out, err);
    if (rc == 0)
        rc = take_chain(status, out, err);
    if (rc == 0)
        rc = take_head(status, out, err);
    if (rc == 0)
        rc = take_pictures(json_object_get(status, "pictures"), out, err);
    return rc == 0 ? take_number(status, "confirmed", &out->confirmed, err) : rc;
}

static int take_object(const char *line, size_t size, const json_t *object, struct box_line *out,
                       struct err_text *err)
{
    const json_t *error = json_object_get(object, "error");
    const json_t *confirmed = json_object_get(object, "confirmed");
    if (json_object_get(object, "status"))
        return take_status(json_object_get(object, "status"), out, err);
    if (json_object_get(object, "ask"))
        return take_ask(line, size, object, out, err);
    if (error) {
        const char *code = json_string_value(json_object_get(error, "code"));
        const char *text = json_string_value(json_object_get(error, "en"));
        out->kind = BOX_ERROR;
        (void)snprintf(out->error, sizeof(out->error), "%s: %s", code ? code : "?",
                       text ? text : "?"); /* a cut text is still readable */
        return 0;
    }
    if (json_is_true(json_object_get(object, "ok"))) {
        out->kind = BOX_OK;
        out->has_confirmed = confirmed != NULL;
        int rc = take_statements(object, out, err);
        if (rc == 0)
            rc = take_head(object, out, err);
        return rc == 0 && confirmed ? take_number(object, "confirmed", &out->confirmed, err) : rc;
    }
    return take_event(line, size, object, out, err);
}

/* Nearly all lines are events as checkpointd writes them: handed on without a JSON parser. False:
 * left to one. */
static bool take_plain_event(const char *line, size_t size, struct box_line *out)
{
    const size_t head = sizeof(record_head) - 1;
    bool urgent = size > head && memcmp(line, urgent_head, head) == 0;
    const char *id = NULL;
    size_t id_size = 0;
    char text[ID_ROOM];
    if (size < head + 2 || (!urgent && memcmp(line, record_head, head) != 0) ||
        line[size - 1] != '}' || !journal_wire_id(line + head, size - head - 1, &id, &id_size) ||
        id_size >= sizeof(text))
        return false;
    memcpy(text, id, id_size);
    text[id_size] = '\0';
    out->kind = urgent ? BOX_URGENT : BOX_RECORD;
    out->event = line + head;
    out->event_size = size - head - 1;
    out->hit = is_hit(out->event, out->event_size);
    return sequence_of(text, &out->sequence, NULL) == 0;
}

int box_line_parse(const char *line, size_t size, struct box_line *out, struct err_text *err)
{
    json_t *object = NULL;
    struct box_line parsed = {0};
    if (size <= BOX_LINE_MAX && take_plain_event(line, size, &parsed)) {
        *out = parsed;
        return 0;
    }
    parsed = (struct box_line){0};
    int rc = size > BOX_LINE_MAX ? err_set(err, ERR_INVALID, "line of %zu bytes", size)
                                 : json_parse(line, size, &object, err);
    if (rc == 0 && !json_is_object(object))
        rc = err_set(err, ERR_INVALID, "expected an object");
    if (rc == 0)
        rc = take_object(line, size, object, &parsed, err);
    json_decref(object);
    if (rc == 0)
        *out = parsed;
    return rc;
}
