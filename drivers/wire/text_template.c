/*
 * Templates of text messages: compiled once, then a walk over parts. No state.
 */
#include "drivers/wire/text_template.h"

#include <stdio.h>
#include <string.h>

enum { NUMBER_DIGITS_MAX = 20, TIME_DIGITS = 14, TIME_TEXT = 19, WIDTH_MAX = 99, NAME_MAX = 24 };

static const char *const field_names[TEMPLATE_FIELD_COUNT] = {[TEMPLATE_LITERAL] = "",
                                                              [TEMPLATE_PLATE] = "plate",
                                                              [TEMPLATE_CONFIDENCE] = "confidence",
                                                              [TEMPLATE_CLASS] = "class",
                                                              [TEMPLATE_DIRECTION] = "direction",
                                                              [TEMPLATE_COLOUR] = "colour",
                                                              [TEMPLATE_SPEED] = "speed",
                                                              [TEMPLATE_EVENT] = "event",
                                                              [TEMPLATE_NUMBER] = "number",
                                                              [TEMPLATE_TIME] = "time",
                                                              [TEMPLATE_TIME_MS] = "time_ms",
                                                              [TEMPLATE_CANDIDATE] = "candidate",
                                                              [TEMPLATE_CANDIDATE_CONFIDENCE] =
                                                                  "candidate_confidence",
                                                              [TEMPLATE_SKIP] = "skip"};

/* ---- compiling ---- */

static const char *const no_field =
    "a field in it is unknown, expected plate, confidence, class, direction, colour, speed, event, "
    "number, time, time_ms, candidate, candidate_confidence or skip, like {plate} or {time:14}";

static enum template_field find_field(const char *name, size_t size)
{
    for (int i = TEMPLATE_PLATE; i < TEMPLATE_FIELD_COUNT; i++)
        if (strlen(field_names[i]) == size && memcmp(field_names[i], name, size) == 0)
            return (enum template_field)i;
    return TEMPLATE_LITERAL;
}

/* "{name}" or "{name:12}" at *at; moves it behind the brace. */
static const char *compile_field(const char **at, struct template_part *out)
{
    const char *name = *at + 1;
    const char *end = strchr(name, '}');
    size_t size = strcspn(name, ":}");
    if (!end || size > NAME_MAX)
        return "a brace is not closed, expected fields like {plate}";
    *out = (struct template_part){.field = find_field(name, size)};
    if (out->field == TEMPLATE_LITERAL)
        return no_field;
    if (name[size] == ':') {
        unsigned width = 0;
        for (const char *digit = name + size + 1; digit < end; digit++) {
            width = *digit >= '0' && *digit <= '9' ? width * 10 + (unsigned)(*digit - '0') : 0;
            if (width == 0 || width > WIDTH_MAX)
                return "a width in it is wrong, expected 1 to 99 like {time:14}";
        }
        if (width == 0)
            return "a width in it is wrong, expected 1 to 99 like {time:14}";
        out->width = (uint8_t)width;
    }
    *at = end + 1;
    return NULL;
}

static const char *compile_literal(const char **at, struct template_part *out)
{
    size_t size = strcspn(*at, "{}");
    if ((*at)[0] == '}')
        return "a brace closes nothing, expected fields like {plate}";
    if (size > TEMPLATE_LITERAL_MAX)
        return "more than 16 bytes between two fields";
    *out = (struct template_part){.field = TEMPLATE_LITERAL, .literal_size = (uint8_t)size};
    memcpy(out->literal, *at, size);
    *at += size;
    return NULL;
}

/* What single parts cannot show. */
static const char *check_parts(const struct text_template *form)
{
    int plates = 0;
    int candidates = 0;
    for (uint8_t i = 0; i < form->count; i++) {
        const struct template_part *part = &form->parts[i];
        bool open = part->field != TEMPLATE_LITERAL && part->width == 0;
        if (open && i + 1 < form->count && form->parts[i + 1].field != TEMPLATE_LITERAL)
            return "two fields stand side by side, expected a literal between them or a width";
        plates += part->field == TEMPLATE_PLATE;
        candidates += part->field == TEMPLATE_CANDIDATE;
        if (part->field == TEMPLATE_CANDIDATE_CONFIDENCE && candidates == 0)
            return "{candidate_confidence} has no {candidate} before it";
    }
    if (candidates > READ_CANDIDATES_MAX)
        return "more than 10 candidates";
    return plates == 1 ? NULL : "expected {plate} once";
}

const char *text_template_compile(const char *text, struct text_template *out)
{
    struct text_template form = *out;
    const char *wrong = NULL;
    form.count = 0;
    while (*text != '\0' && !wrong) {
        if (form.count == TEMPLATE_PARTS_MAX)
            return "more than 32 fields and literals";
        struct template_part *part = &form.parts[form.count++];
        wrong = *text == '{' ? compile_field(&text, part) : compile_literal(&text, part);
    }
    if (!wrong)
        wrong = check_parts(&form);
    if (!wrong)
        *out = form;
    return wrong;
}

/* ---- reading ---- */

struct field {
    const uint8_t *text;
    size_t size; /* bytes */
};

/* Decimal, no sign; an empty field leaves *out alone. */
static bool parse_number(struct field field, uint64_t *out)
{
    uint64_t value = 0;
    if (field.size > NUMBER_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < field.size; i++) {
        uint64_t digit = (uint64_t)field.text[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (field.size > 0)
        *out = value;
    return true;
}

/* The 14 digits of a time, with or without what stands between them. */
static bool time_digits(struct field field, char out[TIME_DIGITS])
{
    static const char shape[] = "dddd-dd-dd dd:dd:dd";
    size_t digits = 0;
    if (field.size != TIME_DIGITS && field.size != TIME_TEXT)
        return false;
    for (size_t i = 0; i < field.size; i++) {
        char c = (char)field.text[i];
        bool digit = field.size == TIME_DIGITS || shape[i] == 'd';
        if (digit && (c < '0' || c > '9'))
            return false;
        if (digit)
            out[digits++] = c;
        else if (c != shape[i] && !(shape[i] == ' ' && c == 'T'))
            return false;
    }
    return true;
}

/* False for a shape that is no time; a date that does not exist is a time not given. */
static bool take_time(struct field field, int32_t utc_offset_minutes, struct plate_read *read,
                      struct read_oddity *odd)
{
    char d[TIME_DIGITS];
    char text[WALL_TEXT_SIZE];
    struct wall_time time;
    if (field.size == 0)
        return true;
    if (!time_digits(field, d))
        return false;
    (void)snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", d, d + 4, d + 6, d + 8,
                   d + 10, d + 12);
    int64_t offset_ms = (int64_t)utc_offset_minutes * 60000;
    bool taken = wall_parse(text, &time) == 0 && time.ms > offset_ms &&
                 read_fields_set_time(read, (uint64_t)(time.ms - offset_ms));
    if (!taken && !odd->text[0])
        (void)snprintf(odd->text, sizeof(odd->text), "time: %s, expected a date that exists",
                       text); /* fits */
    return true;
}

struct reading {
    const struct text_template *form;
    struct plate_read read;
    struct template_extra extra;
    struct field plate;
    struct field candidates[READ_CANDIDATES_MAX];
    uint64_t confidences[READ_CANDIDATES_MAX];
    size_t candidate_count;
};

/* Whether the value was in range, and what that is. */
static bool keep_number(struct reading *r, enum template_field kind, uint64_t value,
                        const char **out_expected)
{
    *out_expected = kind == TEMPLATE_DIRECTION ? READ_EXPECTED_DIRECTION
                    : kind == TEMPLATE_COLOUR  ? READ_EXPECTED_COLOUR
                    : kind == TEMPLATE_SPEED   ? READ_EXPECTED_SPEED
                    : kind == TEMPLATE_TIME_MS ? READ_EXPECTED_TIME
                    : kind == TEMPLATE_NUMBER  ? "0 to 4294967295"
                                               : READ_EXPECTED_CONFIDENCE;
    if (kind == TEMPLATE_CONFIDENCE)
        return read_fields_set_confidence(&r->read, value);
    if (kind == TEMPLATE_DIRECTION)
        return read_fields_set_direction(&r->read, value);
    if (kind == TEMPLATE_COLOUR)
        return read_fields_set_colour(&r->read, value);
    if (kind == TEMPLATE_SPEED)
        return read_fields_set_speed(&r->read, value);
    if (kind == TEMPLATE_TIME_MS)
        return read_fields_set_time(&r->read, value);
    if (kind == TEMPLATE_CANDIDATE_CONFIDENCE) {
        r->confidences[r->candidate_count - 1] = value;
        return value <= 100 || value == READ_CONFIDENCE_NONE;
    }
    if (kind == TEMPLATE_EVENT) {
        r->read.event_id = value;
        return true;
    }
    if (value > UINT32_MAX)
        return false;
    r->extra.has_number = true;
    r->extra.number = (uint32_t)value;
    return true;
}

/* False for what is no number; one out of range is not given, and named. */
static bool take_number(struct reading *r, enum template_field kind, struct field field)
{
    uint64_t value = 0;
    const char *expected = NULL;
    if (!parse_number(field, &value))
        return false;
    if (field.size > 0) {
        bool taken = keep_number(r, kind, value, &expected);
        read_oddity_note(&r->extra.odd, taken, "", field_names[kind], value, expected);
    }
    return true;
}

/* A class that is none is not given, and named; its text is the camera's and stays out of it. */
static void take_class(struct reading *r, struct field field)
{
    struct read_oddity *odd = &r->extra.odd;
    bool taken = field.size == 2 && read_fields_set_class(&r->read, field.text);
    if (field.size > 0 && !taken && !odd->text[0])
        (void)snprintf(odd->text, sizeof(odd->text),
                       "class: %zu bytes, expected two characters of GA 24.7", field.size);
}

static bool take_field(struct reading *r, enum template_field kind, struct field field)
{
    switch (kind) {
    case TEMPLATE_PLATE:
        r->plate = field;
        return true;
    case TEMPLATE_CLASS:
        take_class(r, field);
        return true;
    case TEMPLATE_TIME:
        r->extra.time_in_seconds = true;
        return take_time(field, r->form->utc_offset_minutes, &r->read, &r->extra.odd);
    case TEMPLATE_CANDIDATE:
        r->candidates[r->candidate_count] = field;
        r->confidences[r->candidate_count++] = READ_CONFIDENCE_NONE;
        return true;
    case TEMPLATE_LITERAL:
    case TEMPLATE_SKIP:
    case TEMPLATE_FIELD_COUNT:
        return true;
    case TEMPLATE_CONFIDENCE:
    case TEMPLATE_DIRECTION:
    case TEMPLATE_COLOUR:
    case TEMPLATE_SPEED:
    case TEMPLATE_EVENT:
    case TEMPLATE_NUMBER:
    case TEMPLATE_TIME_MS:
    case TEMPLATE_CANDIDATE_CONFIDENCE:
        return take_number(r, kind, field);
    }
    return false;
}

/* Bytes of the first `width` characters, or more than there are. */
static size_t bytes_of(struct field rest, size_t width)
{
    size_t at = 0;
    for (; width > 0; width--) {
        if (at >= rest.size)
            return rest.size + 1;
        at++;
        while (at < rest.size && (rest.text[at] & 0xC0) == 0x80)
            at++;
    }
    return at;
}

/* How many bytes at the front of `rest` are the field; more than there are: it is not there. */
static size_t field_bytes(const struct text_template *form, uint8_t part, struct field rest)
{
    if (form->parts[part].width > 0)
        return bytes_of(rest, form->parts[part].width);
    if (part + 1 == form->count)
        return rest.size;
    const struct template_part *literal = &form->parts[part + 1];
    const uint8_t *at = memmem(rest.text, rest.size, literal->literal, literal->literal_size);
    if (at)
        return (size_t)(at - rest.text);
    return form->trailing_optional ? rest.size : rest.size + 1;
}

static enum template_result read_parts(struct reading *r, struct field rest)
{
    const struct text_template *form = r->form;
    bool has_plate = false;
    for (uint8_t i = 0; i < form->count; i++) {
        const struct template_part *part = &form->parts[i];
        if (rest.size == 0 && has_plate && form->trailing_optional)
            return TEMPLATE_OK;
        size_t size = part->literal_size;
        if (part->field == TEMPLATE_LITERAL) {
            if (rest.size < size || memcmp(rest.text, part->literal, size) != 0)
                return TEMPLATE_BAD_FIELDS;
        } else {
            size = field_bytes(form, i, rest);
            if (size > rest.size || !take_field(r, part->field, (struct field){rest.text, size}))
                return TEMPLATE_BAD_FIELDS;
            has_plate = has_plate || part->field == TEMPLATE_PLATE;
        }
        rest = (struct field){rest.text + size, rest.size - size};
    }
    return rest.size == 0 ? TEMPLATE_OK : TEMPLATE_BAD_FIELDS;
}

enum template_result text_template_read(const struct text_template *form, const uint8_t *text,
                                        size_t size_bytes, struct plate_read *out,
                                        struct template_extra *out_extra)
{
    struct reading r = {.form = form};
    read_fields_init(&r.read);
    enum template_result result = read_parts(&r, (struct field){text, size_bytes});
    if (result != TEMPLATE_OK)
        return result;
    if (read_fields_set_plate(&r.read, r.plate.text, r.plate.size, form->dash) != 0)
        return TEMPLATE_BAD_PLATE;
    for (size_t i = 0; i < r.candidate_count; i++) {
        uint8_t confidence = r.confidences[i] <= READ_CONFIDENCE_NONE ? (uint8_t)r.confidences[i]
                                                                      : READ_CONFIDENCE_NONE;
        /* false when the list is full, which compiling has ruled out */
        (void)read_fields_add_candidate(&r.read, confidence, r.candidates[i].text,
                                        r.candidates[i].size, form->dash);
    }
    *out = r.read;
    *out_extra = r.extra;
    return TEMPLATE_OK;
}
