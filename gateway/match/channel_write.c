/* A channel as its canonical text. Whatever jansson cannot allocate shows as ERR_NO_MEMORY. */
#include "gateway/base/json.h"
#include "gateway/match/channel.h"

/* Takes over `value`; NULL as either is memory that ran out, and stays so. */
static json_t *with(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value) == 0) {
        return object;
    }
    json_decref(object);
    return NULL;
}

static json_t *with_number(json_t *object, const char *name, uint64_t value)
{
    return with(object, name, json_integer((json_int_t)value));
}

static json_t *append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) == 0) {
        return array;
    }
    json_decref(array);
    return NULL;
}

static json_t *row_json(const struct channel_row *row)
{
    json_t *object = json_object();
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        if (row->ppm[s] > 0) {
            object = with_number(object, plate_symbol_text((uint8_t)s), row->ppm[s]);
        }
    }
    return object;
}

static json_t *symbols_json(const struct match_channel *c)
{
    json_t *object = json_object();
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        if (channel_alphabet_has(c->alphabet, (uint8_t)s)) {
            json_t *row = with(json_object(), "ppm", row_json(&c->read[s]));
            object =
                with(object, plate_symbol_text((uint8_t)s), with_number(row, "seen", c->seen[s]));
        }
    }
    return object;
}

static json_t *lost_json(const struct match_channel *c)
{
    json_t *object = with_number(json_object(), "first", c->lost_ppm[CHANNEL_LOST_FIRST]);
    object = with_number(object, "inside", c->lost_ppm[CHANNEL_LOST_INSIDE]);
    return with_number(object, "last", c->lost_ppm[CHANNEL_LOST_LAST]);
}

static json_t *invented_json(const struct match_channel *c)
{
    json_t *object = with_number(json_object(), "before", c->invented_ppm[CHANNEL_BEFORE]);
    object = with_number(object, "inside", c->invented_ppm[CHANNEL_INSIDE]);
    object = with_number(object, "behind", c->invented_ppm[CHANNEL_BEHIND]);
    return with(object, "symbols", row_json(&c->invented));
}

static json_t *shares_json(const struct match_channel *c)
{
    json_t *object = json_object();
    for (int kind = 0; kind < CHANNEL_KINDS; kind++) {
        const char name[] = {channel_kind_letter((enum channel_kind)kind), '\0'};
        if (channel_alphabet_has_kind(c->alphabet, (enum channel_kind)kind)) {
            object = with(object, name, row_json(&c->share[kind]));
        }
    }
    return object;
}

static json_t *patterns_json(const struct match_channel *c)
{
    json_t *object = json_object();
    for (size_t i = 0; i < c->pattern_count; i++) {
        object = with_number(object, c->patterns[i].text, c->patterns[i].ppm);
    }
    return object;
}

static json_t *evidence_json(const struct channel_evidence *row)
{
    json_t *object = with_number(json_object(), "expected_milli", row->expected_milli);
    object = with_number(object, "observed", row->observed);
    return with(object, "weight_cdb", json_integer(row->weight_cdb));
}

static json_t *evidences_json(const struct match_channel *c)
{
    json_t *best = json_array();
    json_t *candidate = json_array();
    for (int i = 0; i < CHANNEL_GAPS; i++) {
        best = append(best, evidence_json(&c->evidence[CHANNEL_ROW_BEST + i]));
        candidate = append(candidate, evidence_json(&c->evidence[CHANNEL_ROW_CANDIDATE + i]));
    }
    json_t *object = with(with(json_object(), "best", best), "candidate", candidate);
    return with(object, "none", evidence_json(&c->evidence[CHANNEL_ROW_NONE]));
}

static json_t *innocent_json(const struct match_channel *c)
{
    json_t *array = json_array();
    for (int i = 0; i < CHANNEL_LEVELS; i++) {
        array = append(array, json_integer((json_int_t)c->innocent_e15[i]));
    }
    return array;
}

int channel_write(const struct match_channel *c, char **out_text, size_t *out_size)
{
    char learned_at[WALL_TEXT_SIZE];
    wall_format(c->learned_at, learned_at);
    json_t *object =
        with(json_object(), "alphabet", json_string(channel_alphabet_name(c->alphabet)));
    object = with(object, "evidence", evidences_json(c));
    object = with_number(object, "format", CHANNEL_FORMAT);
    object = with(object, "innocent_e15", innocent_json(c));
    object = with(object, "invented", invented_json(c));
    object = with(object, "learned_at", json_string(learned_at));
    object = with(object, "lost", lost_json(c));
    object = with_number(object, "pairs", c->pairs);
    object = with(object, "patterns", patterns_json(c));
    object = with(object, "read", symbols_json(c));
    object = with(object, "share", shares_json(c));
    object = with_number(object, "smoothing", c->smoothing);
    object = with_number(object, "version", c->version);
    int result = object ? json_canonical(object, out_text, out_size) : ERR_NO_MEMORY;
    json_decref(object);
    return result;
}
