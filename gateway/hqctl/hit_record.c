/* See hit_record.h. */
#include "gateway/hqctl/hit_record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

plate_key hit_record_plate(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    struct plate_text plate = {.kind = PLATE_DECODE_ERROR};
    if (text)
        plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    return plate.kind == PLATE_KEY ? plate.key : 0;
}

/* Bit i: symbol i of the listed plate is among the places that differ. */
static uint16_t differing_bits(const json_t *record)
{
    const json_t *row;
    size_t index;
    uint16_t bits = 0;
    json_array_foreach(json_object_get(record, "differs"), index, row)
    {
        json_int_t position = json_integer_value(json_object_get(row, "position"));
        if (json_object_get(row, "listed") && position >= 1 && position <= PLATE_SYMBOLS_MAX)
            bits |= (uint16_t)(1 << (position - 1));
    }
    return bits;
}

static int16_t odds_of(const json_t *record)
{
    const json_t *odds = json_object_get(record, "odds_db");
    long long db = json_integer_value(odds);
    if (!json_is_integer(odds) || db < -MATCH_ODDS_MAX_DB || db > MATCH_ODDS_MAX_DB)
        return MATCH_ODDS_NONE;
    return (int16_t)db;
}

void hit_record_why(const json_t *record, char out[MATCH_WHY_TEXT_SIZE])
{
    const char *name = json_string_value(json_object_get(record, "match"));
    enum match_kind kind = name ? match_kind_parse(name) : (enum match_kind)0;
    plate_key listed = hit_record_plate(json_object_get(record, "entry"), "plate");
    plate_key read = hit_record_plate(json_object_get(record, "read"), "plate");
    int16_t odds_db = odds_of(record);
    if (!match_kind_name(kind) || listed == 0) {
        (void)snprintf(out, MATCH_WHY_TEXT_SIZE, "%s", name ? name : ""); /* shown only */
        return;
    }
    read = read ? read : hit_record_plate(record, "matched");
    match_why_text(kind, listed, read, differing_bits(record), odds_db, out);
}

/* 0 .. 100, rounded; READ_CONFIDENCE_NONE when it is none. */
static uint8_t confidence_of(const json_t *object)
{
    const json_t *value = json_object_get(object, "confidence");
    double number = json_number_value(value);
    return json_is_number(value) && number >= 0 && number <= 100 ? (uint8_t)lround(number)
                                                                 : READ_CONFIDENCE_NONE;
}

bool hit_record_read(const json_t *read, struct plate_read *out)
{
    const json_t *item;
    size_t index;
    *out = (struct plate_read){.kind = PLATE_KEY, .confidence = confidence_of(read)};
    out->key = hit_record_plate(read, "plate");
    json_array_foreach(json_object_get(read, "candidates"), index, item)
    {
        plate_key key = hit_record_plate(item, "plate");
        if (key != 0 && key != out->key && out->candidate_count < READ_CANDIDATES_MAX)
            out->candidates[out->candidate_count++] =
                (struct read_candidate){.key = key, .confidence = confidence_of(item)};
    }
    return out->key != 0;
}
