/*
 * Retention terms: reading, checking, writing, what they make of a configured term. No state.
 */
#include "gateway/signed/retention_terms.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/signed/fields.h"

enum { PLATE_HEX = 2 * sizeof(uint64_t) };

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

static const char *const kind_names[] = {[RETENTION_PASSAGE] = "passage",
                                         [RETENTION_PICTURE] = "picture",
                                         [RETENTION_RECORD] = "record"};

const char *retention_kind_name(enum retention_kind kind)
{
    return kind < RETENTION_KINDS ? kind_names[kind] : NULL;
}

static uint32_t least_days(enum retention_kind kind)
{
    return kind == RETENTION_RECORD ? RETENTION_RECORD_DAYS_MIN : RETENTION_DAYS_MIN;
}

/* ---- in force ---- */

struct retention_bounds retention_terms_bounds(const struct retention_terms *terms,
                                               enum retention_kind kind, struct wall_time now)
{
    struct retention_bounds bounds = {RETENTION_DAYS_MIN, RETENTION_DAYS_MAX};
    for (size_t i = 0; terms && i < terms->term_count && terms->terms[i].from.ms <= now.ms; i++) {
        bounds = terms->terms[i].kinds[kind];
    }
    return bounds;
}

int64_t retention_terms_age_ms(const struct retention_terms *terms, enum retention_kind kind,
                               int64_t configured_ms, struct wall_time now)
{
    const struct retention_bounds bounds = retention_terms_bounds(terms, kind, now);
    if (configured_ms < bounds.floor_days * day_ms) {
        return bounds.floor_days * day_ms;
    }
    return configured_ms > bounds.ceiling_days * day_ms ? bounds.ceiling_days * day_ms
                                                        : configured_ms;
}

uint32_t retention_terms_days(const struct retention_terms *terms, enum retention_kind kind,
                              uint32_t configured_days, struct wall_time now)
{
    return (uint32_t)(retention_terms_age_ms(terms, kind, configured_days * day_ms, now) / day_ms);
}

/* ---- terms ---- */

static int read_bounds(const json_t *term, enum retention_kind kind, struct retention_bounds *out,
                       struct err_text *err)
{
    static const char *const names[] = {"ceiling", "floor", NULL};
    const json_t *value = json_object_get(term, kind_names[kind]);
    uint64_t floor = 0;
    uint64_t ceiling = 0;
    int result = fields_check(value, names, err);
    if (result == ERR_OK) {
        result = field_number(value, "floor", least_days(kind), RETENTION_DAYS_MAX, &floor, err);
    }
    if (result == ERR_OK) {
        result = field_number(value, "ceiling", floor, RETENTION_DAYS_MAX, &ceiling, err);
    }
    out->floor_days = (uint32_t)floor;
    out->ceiling_days = (uint32_t)ceiling;
    return result == ERR_OK ? result : err_prefix(err, result, "%s", kind_names[kind]);
}

static int read_term(const json_t *row, struct retention_terms *t, struct err_text *err)
{
    static const char *const names[] = {"from", "passage", "picture", "record", NULL};
    struct retention_term *term = &t->terms[t->term_count];
    int result = fields_check(row, names, err);
    if (result == ERR_OK) {
        result = field_time(row, "from", &term->from, err);
    }
    if (result == ERR_OK && t->term_count > 0 && term->from.ms <= (term - 1)->from.ms) {
        result = err_set(err, ERR_INVALID, "from: does not rise");
    }
    for (enum retention_kind kind = 0; result == ERR_OK && kind < RETENTION_KINDS; kind++) {
        result = read_bounds(row, kind, &term->kinds[kind], err);
    }
    t->term_count += result == ERR_OK;
    return result;
}

static int read_terms(const json_t *object, struct retention_terms *t, struct err_text *err)
{
    const json_t *rows = NULL;
    int result = field_array(object, "terms", RETENTION_TERMS_MAX, &rows, err);
    for (size_t i = 0; result == ERR_OK && i < json_array_size(rows); i++) {
        result = read_term(json_array_get(rows, i), t, err);
        if (result < 0) {
            result = err_prefix(err, result, "terms[%zu]", i);
        }
    }
    return result;
}

/* ---- holds ---- */

static int read_who(const json_t *row, struct retention_hold *h, struct err_text *err)
{
    int result = field_copy(row, "case", RETENTION_CASE_MAX, h->case_number, err);
    if (result == ERR_OK) {
        result = field_copy(row, "by", RETENTION_PERSON_MAX, h->begun_by, err);
    }
    return result == ERR_OK ? field_time(row, "begun", &h->begun, err) : result;
}

static int read_plate(const json_t *row, struct retention_hold *h, struct err_text *err)
{
    const char *text = NULL;
    uint8_t bytes[sizeof(uint64_t)];
    int result = field_text(row, "plate", PLATE_HEX, PLATE_HEX, &text, err);
    if (result == ERR_OK && hex_decode(text, bytes, sizeof(bytes)) != 0) {
        result = err_set(err, ERR_INVALID, "plate: expected %d hex digits", PLATE_HEX);
    }
    for (size_t i = 0; result == ERR_OK && i < sizeof(bytes); i++) {
        h->plate = h->plate << 8 | bytes[i];
    }
    h->has_plate = result == ERR_OK;
    return result;
}

static int read_place(const json_t *row, struct retention_hold *h, struct err_text *err)
{
    uint64_t lane = 0;
    int result = ERR_OK;
    if (json_object_get(row, "checkpoint")) {
        result = field_copy(row, "checkpoint", CHECKPOINT_ID_MAX, h->checkpoint, err);
        if (result == ERR_OK && !checkpoint_id_good(h->checkpoint)) {
            result = err_set(err, ERR_INVALID, "checkpoint: expected a-z, 0-9 and '-'");
        }
    }
    if (result == ERR_OK && json_object_get(row, "lane")) {
        result = field_number(row, "lane", 1, RETENTION_LANE_MAX, &lane, err);
        if (result == ERR_OK && !h->checkpoint[0]) {
            result = err_set(err, ERR_INVALID, "lane: of which checkpoint?");
        }
        h->lane = (uint32_t)lane;
    }
    return result;
}

static int read_span(const json_t *row, struct retention_hold *h, struct err_text *err)
{
    int result = ERR_OK;
    h->has_from = json_object_get(row, "from") != NULL;
    h->has_until = json_object_get(row, "until") != NULL;
    if (h->has_from) {
        result = field_time(row, "from", &h->from, err);
    }
    if (result == ERR_OK && h->has_until) {
        result = field_time(row, "until", &h->until, err);
    }
    if (result == ERR_OK && h->has_from && h->has_until && h->until.ms <= h->from.ms) {
        result = err_set(err, ERR_INVALID, "until: not after from");
    }
    return result;
}

static int read_hold(const json_t *row, struct retention_hold *h, struct err_text *err)
{
    static const char *const names[] = {"begun", "by",   "case",  "checkpoint", "entry",
                                        "from",  "lane", "plate", "until",      NULL};
    int result = fields_check(row, names, err);
    if (result == ERR_OK) {
        result = read_who(row, h, err);
    }
    if (result == ERR_OK && json_object_get(row, "plate")) {
        result = read_plate(row, h, err);
    }
    if (result == ERR_OK && json_object_get(row, "entry")) {
        result = field_number(row, "entry", 1, INT64_MAX, &h->entry, err);
    }
    if (result == ERR_OK) {
        result = read_place(row, h, err);
    }
    if (result == ERR_OK) {
        result = read_span(row, h, err);
    }
    if (result == ERR_OK && !h->has_plate && h->entry == 0 && !h->checkpoint[0]) {
        result = err_set(err, ERR_INVALID, "expected a plate, an entry or a checkpoint");
    }
    return result;
}

static int read_holds(const json_t *object, struct retention_terms *t, struct err_text *err)
{
    const json_t *rows = NULL;
    int result = field_array(object, "holds", RETENTION_HOLDS_MAX, &rows, err);
    if (result < 0) {
        return result;
    }
    t->holds = calloc(json_array_size(rows) + 1, sizeof(t->holds[0]));
    if (!t->holds) {
        return err_set(err, ERR_NO_MEMORY, "holds: no memory");
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        result = read_hold(json_array_get(rows, i), &t->holds[i], err);
        if (result < 0) {
            return err_prefix(err, result, "holds[%zu]", i);
        }
        t->hold_count++;
    }
    return ERR_OK;
}

/* ---- the statement ---- */

static int read_all(const json_t *object, struct retention_terms *t, struct err_text *err)
{
    static const char *const names[] = {"fleet", "holds",   "plate_key", "terms",
                                        "time",  "version", NULL};
    int result = fields_check(object, names, err);
    if (result == ERR_OK) {
        result = field_number(object, "version", 1, INT64_MAX, &t->version, err);
    }
    if (result == ERR_OK) {
        result = field_copy(object, "fleet", FLEET_NAME_MAX, t->fleet, err);
    }
    if (result == ERR_OK && !fleet_name_good(t->fleet)) {
        result = err_set(err, ERR_INVALID, "fleet: expected a-z, 0-9 and '-'");
    }
    if (result == ERR_OK) {
        result = field_time(object, "time", &t->time, err);
    }
    if (result == ERR_OK) {
        result = field_base64(object, "plate_key", t->plate_key, sizeof(t->plate_key), err);
    }
    if (result == ERR_OK) {
        result = read_terms(object, t, err);
    }
    return result == ERR_OK ? read_holds(object, t, err) : result;
}

int retention_terms_parse(const void *payload, size_t size, struct retention_terms *out,
                          struct err_text *err)
{
    struct retention_terms t = {0};
    json_t *object = NULL;
    int result = size > ENVELOPE_PAYLOAD_MAX
                     ? err_set(err, ERR_TOO_LARGE, "%zu bytes, expected at most %d", size,
                               ENVELOPE_PAYLOAD_MAX)
                     : json_parse(payload, size, &object, err);
    if (result == ERR_OK) {
        result = hash_bytes(payload, size, t.hash);
    }
    if (result == ERR_OK) {
        result = read_all(object, &t, err);
    }
    json_decref(object);
    if (result < 0) {
        retention_terms_fini(&t);
        return err_prefix(err, result, "retention terms");
    }
    *out = t;
    return ERR_OK;
}

int retention_terms_verify(const struct keyset *set, const void *envelope, size_t size,
                           struct retention_terms *out, struct err_text *err)
{
    struct envelope e = {0};
    struct retention_terms t = {0};
    struct signers signers;
    int result = envelope_parse(envelope, size, &e, err);
    if (result == ERR_OK) {
        result = keyset_check_envelope(set, &e, STATEMENT_RETENTION_TERMS, &signers, err);
    }
    if (result == ERR_OK) {
        result = retention_terms_parse(e.payload, e.payload_size, &t, err);
    }
    if (result == ERR_OK) {
        result = signers_check_two(&signers, set, t.fleet, t.time, err);
    }
    envelope_fini(&e);
    if (result != ERR_OK) {
        retention_terms_fini(&t);
        return err_prefix(err, result, "retention terms statement");
    }
    t.clerk_count = signers_holders(&signers, t.clerks);
    *out = t;
    return ERR_OK;
}

int retention_terms_check_newer(const struct retention_terms *held,
                                const struct retention_terms *next, struct err_text *err)
{
    if (!held || next->version > held->version) {
        return ERR_OK;
    }
    if (next->version < held->version) {
        return err_set(err, ERR_STALE, "retention terms version %" PRIu64 ", %" PRIu64 " is held",
                       next->version, held->version);
    }
    return memcmp(held->hash, next->hash, HASH_SIZE) == 0
               ? err_set(err, ERR_NOT_FOUND, "retention terms version %" PRIu64 " are held already",
                         held->version)
               : err_set(err, ERR_CONFLICT,
                         "other retention terms of version %" PRIu64 " than those held",
                         held->version);
}

/* ---- writing ---- */

static json_t *term_json(const struct retention_term *term)
{
    json_t *row = json_pack("{s:o}", "from", time_json(term->from));
    for (enum retention_kind kind = 0; row && kind < RETENTION_KINDS; kind++) {
        const struct retention_bounds *b = &term->kinds[kind];
        if (json_object_set_new(row, kind_names[kind],
                                json_pack("{s:i,s:i}", "ceiling", (int)b->ceiling_days, "floor",
                                          (int)b->floor_days)) < 0) {
            json_decref(row);
            return NULL;
        }
    }
    return row;
}

/* Appends; takes over `row`. */
static int append(json_t *rows, json_t *row)
{
    return rows && row && json_array_append_new(rows, row) == 0 ? ERR_OK : ERR_NO_MEMORY;
}

json_t *retention_terms_json(const struct retention_terms *terms)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < terms->term_count; i++) {
        if (append(rows, term_json(&terms->terms[i])) < 0) {
            json_decref(rows);
            return NULL;
        }
    }
    return rows;
}

static json_t *plate_json(uint64_t plate)
{
    char hex[PLATE_HEX + 1];
    uint8_t bytes[sizeof(uint64_t)];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(plate >> (8 * (sizeof(bytes) - 1 - i)));
    }
    hex_encode(bytes, sizeof(bytes), hex);
    return json_string(hex);
}

static json_t *hold_json(const struct retention_hold *h)
{
    /* a member whose value is missing ("o*" of NULL) is left out */
    return json_pack("{s:s,s:s,s:o,s:o*,s:o*,s:o*,s:o*,s:o*,s:o*}", "case", h->case_number, "by",
                     h->begun_by, "begun", time_json(h->begun), "checkpoint",
                     h->checkpoint[0] ? json_string(h->checkpoint) : NULL, "plate",
                     h->has_plate ? plate_json(h->plate) : NULL, "entry",
                     h->entry ? json_integer((json_int_t)h->entry) : NULL, "lane",
                     h->lane ? json_integer((json_int_t)h->lane) : NULL, "from",
                     h->has_from ? time_json(h->from) : NULL, "until",
                     h->has_until ? time_json(h->until) : NULL);
}

json_t *retention_holds_json(const struct retention_terms *terms)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < terms->hold_count; i++) {
        if (append(rows, hold_json(&terms->holds[i])) < 0) {
            json_decref(rows);
            return NULL;
        }
    }
    return rows;
}

int retention_terms_compose(const struct retention_terms *terms, struct envelope *out,
                            struct err_text *err)
{
    struct envelope e = {0};
    struct retention_terms check = {0};
    int result =
        statement_compose(json_pack("{s:s,s:o,s:o,s:o,s:o,s:I}", "fleet", terms->fleet, "holds",
                                    retention_holds_json(terms), "plate_key",
                                    base64_json(terms->plate_key, sizeof(terms->plate_key)),
                                    "terms", retention_terms_json(terms), "time",
                                    time_json(terms->time), "version", (json_int_t)terms->version),
                          STATEMENT_RETENTION_TERMS, &e);
    if (result == ERR_TOO_LARGE) {
        return err_set(err, result, "retention terms: more than %d bytes", ENVELOPE_PAYLOAD_MAX);
    }
    if (result == ERR_OK) {
        result = retention_terms_parse(e.payload, e.payload_size, &check, err);
    }
    retention_terms_fini(&check);
    if (result < 0) {
        envelope_fini(&e);
        return result;
    }
    *out = e;
    return ERR_OK;
}

void retention_terms_fini(struct retention_terms *terms)
{
    free(terms->holds);
    *terms = (struct retention_terms){0};
}
