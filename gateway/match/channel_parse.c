/* A channel file into a channel: every field required, none unknown, every number in its range. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/match/channel.h"

/* ---- fields ---- */

static int read_object(const json_t *value, size_t fields, struct err_text *err)
{
    if (!json_is_object(value)) {
        return err_set(err, ERR_INVALID, "%s, expected an object",
                       value ? "not an object" : "missing");
    }
    if (json_object_size(value) > fields) {
        return err_set(err, ERR_INVALID, "%zu fields, expected at most %zu",
                       json_object_size(value), fields);
    }
    return 0;
}

static int read_number(const json_t *value, int64_t min, int64_t max, int64_t *out,
                       struct err_text *err)
{
    if (!json_is_integer(value)) {
        return err_set(err, ERR_INVALID, "%s, expected a whole number",
                       value ? "not a whole number" : "missing");
    }
    int64_t number = json_integer_value(value);
    if (number < min || number > max) {
        return err_set(err, ERR_INVALID, "'%" PRId64 "': expected %" PRId64 " to %" PRId64, number,
                       min, max);
    }
    *out = number;
    return 0;
}

static int field_number(const json_t *object, const char *name, int64_t min, int64_t max,
                        int64_t *out, struct err_text *err)
{
    int result = read_number(json_object_get(object, name), min, max, out, err);
    return result == 0 ? 0 : err_prefix(err, result, "%s", name);
}

static int field_text(const json_t *object, const char *name, const char **out,
                      struct err_text *err)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value)) {
        return err_set(err, ERR_INVALID, "%s: %s, expected text", name,
                       value ? "not text" : "missing");
    }
    *out = json_string_value(value);
    return 0;
}

static int field_ppm(const json_t *object, const char *name, uint32_t *out, struct err_text *err)
{
    int64_t number = 0;
    int result = field_number(object, name, 1, CHANNEL_EDGE_PPM_MAX, &number, err);
    *out = (uint32_t)number;
    return result;
}

/* ---- rows ---- */

/* The symbol a name stands for; 0 when it is none or not one of the set. */
static uint8_t symbol_named(const char *name, channel_set set)
{
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        if (channel_set_has(set, (uint8_t)s) && strcmp(plate_symbol_text((uint8_t)s), name) == 0) {
            return (uint8_t)s;
        }
    }
    return 0;
}

/* Every symbol must be possible: those that are not listed share what is left, at least 1 ppm each.
 */
static int check_row(const struct channel_row *row, channel_set set, struct err_text *err)
{
    int64_t sum = 0;
    int64_t unlisted = 0;
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        sum += row->ppm[s];
        unlisted += channel_set_has(set, (uint8_t)s) && row->ppm[s] == 0;
    }
    int64_t most = CHANNEL_PPM - unlisted;
    if (sum > most || (unlisted == 0 && sum != CHANNEL_PPM)) {
        return err_set(err, ERR_INVALID, "sum '%" PRId64 "': expected %s %" PRId64, sum,
                       unlisted == 0 ? "exactly" : "at most", most);
    }
    return 0;
}

static int read_row(const json_t *value, channel_set set, struct channel_row *out,
                    struct err_text *err)
{
    const char *name;
    json_t *item;
    int result = read_object(value, CHANNEL_SYMBOLS, err);
    if (result != 0) {
        return result;
    }
    json_object_foreach((json_t *)(uintptr_t)value, name, item)
    {
        int64_t ppm = 0;
        uint8_t symbol = symbol_named(name, set);
        if (symbol == 0) {
            return err_set(err, ERR_INVALID, "'%.16s': no symbol that stands here", name);
        }
        result = read_number(item, 1, CHANNEL_PPM, &ppm, err);
        if (result != 0) {
            return err_prefix(err, result, "%s", name);
        }
        out->ppm[symbol] = (uint32_t)ppm;
    }
    return check_row(out, set, err);
}

static int field_row(const json_t *object, const char *name, channel_set set,
                     struct channel_row *out, struct err_text *err)
{
    int result = read_row(json_object_get(object, name), set, out, err);
    return result == 0 ? 0 : err_prefix(err, result, "%s", name);
}

/* ---- parts ---- */

static int read_symbol(const json_t *value, struct match_channel *c, uint8_t symbol,
                       struct err_text *err)
{
    int64_t seen = 0;
    int result = read_object(value, 2, err);
    if (result == 0) {
        result =
            field_row(value, "ppm", channel_set_of_alphabet(c->alphabet), &c->read[symbol], err);
    }
    if (result == 0) {
        result = field_number(value, "seen", 0, INT64_MAX, &seen, err);
    }
    c->seen[symbol] = (uint64_t)seen;
    return result;
}

static int read_symbols(const json_t *object, struct match_channel *c, struct err_text *err)
{
    const json_t *rows = json_object_get(object, "read");
    size_t count = 0;
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        count += channel_alphabet_has(c->alphabet, (uint8_t)s);
    }
    int result = read_object(rows, count, err);
    if (result != 0) {
        return err_prefix(err, result, "read");
    }
    for (int s = 1; s < CHANNEL_SYMBOLS; s++) {
        if (!channel_alphabet_has(c->alphabet, (uint8_t)s)) {
            continue;
        }
        const char *name = plate_symbol_text((uint8_t)s);
        result = read_symbol(json_object_get(rows, name), c, (uint8_t)s, err);
        if (result != 0) {
            return err_prefix(err, result, "read.%s", name);
        }
    }
    return 0;
}

static int read_edges(const json_t *object, struct match_channel *c, struct err_text *err)
{
    static const char *const lost_names[] = {"first", "inside", "last"};
    static const char *const invented_names[] = {"before", "inside", "behind"};
    const json_t *lost = json_object_get(object, "lost");
    const json_t *invented = json_object_get(object, "invented");
    int result = read_object(lost, 3, err);
    for (int i = 0; i < 3 && result == 0; i++) {
        result = field_ppm(lost, lost_names[i], &c->lost_ppm[i], err);
    }
    if (result != 0) {
        return err_prefix(err, result, "lost");
    }
    result = read_object(invented, 4, err);
    for (int i = 0; i < 3 && result == 0; i++) {
        result = field_ppm(invented, invented_names[i], &c->invented_ppm[i], err);
    }
    if (result == 0) {
        result =
            field_row(invented, "symbols", channel_set_of_alphabet(c->alphabet), &c->invented, err);
    }
    return result == 0 ? 0 : err_prefix(err, result, "invented");
}

static int read_shares(const json_t *object, struct match_channel *c, struct err_text *err)
{
    const json_t *shares = json_object_get(object, "share");
    size_t kinds = 0;
    for (int kind = 0; kind < CHANNEL_KINDS; kind++) {
        kinds += channel_alphabet_has_kind(c->alphabet, (enum channel_kind)kind);
    }
    int result = read_object(shares, kinds, err);
    for (int kind = 0; kind < CHANNEL_KINDS && result == 0; kind++) {
        const char name[] = {channel_kind_letter((enum channel_kind)kind), '\0'};
        if (channel_alphabet_has_kind(c->alphabet, (enum channel_kind)kind)) {
            result = field_row(shares, name, channel_set_of_kind((enum channel_kind)kind),
                               &c->share[kind], err);
        }
    }
    return result == 0 ? 0 : err_prefix(err, result, "share");
}

static bool pattern_good(const char *text, enum channel_alphabet alphabet)
{
    size_t size = strlen(text);
    return size > 0 && size <= PLATE_SYMBOLS_MAX &&
           strspn(text, alphabet == CHANNEL_LATIN ? "DL" : "DLAPS") == size;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct channel_pattern *)a)->text,
                  ((const struct channel_pattern *)b)->text);
}

static int read_patterns(const json_t *object, struct match_channel *c, struct err_text *err)
{
    const json_t *patterns = json_object_get(object, "patterns");
    const char *name;
    json_t *item;
    int64_t sum = 0;
    int result = read_object(patterns, CHANNEL_PATTERNS_MAX, err);
    if (result != 0) {
        return err_prefix(err, result, "patterns");
    }
    json_object_foreach((json_t *)(uintptr_t)patterns, name, item)
    {
        int64_t ppm = 0;
        struct channel_pattern *pattern = &c->patterns[c->pattern_count++];
        if (!pattern_good(name, c->alphabet)) {
            return err_set(err, ERR_INVALID, "patterns: '%.16s': expected 1 to %d of %s", name,
                           PLATE_SYMBOLS_MAX, c->alphabet == CHANNEL_LATIN ? "DL" : "DLAPS");
        }
        result = read_number(item, 1, CHANNEL_PPM, &ppm, err);
        if (result != 0) {
            return err_prefix(err, result, "patterns.%s", name);
        }
        memcpy(pattern->text, name, strlen(name) + 1);
        pattern->ppm = (uint32_t)ppm;
        sum += ppm;
    }
    qsort(c->patterns, c->pattern_count, sizeof(c->patterns[0]), by_text);
    if (sum >= CHANNEL_PPM) { /* a plate of another shape is always possible */
        return err_set(err, ERR_INVALID, "patterns: sum '%" PRId64 "': expected at most %d", sum,
                       CHANNEL_PPM - 1);
    }
    return 0;
}

/* ---- evidence ---- */

static int read_evidence_row(const json_t *value, struct channel_evidence *out,
                             struct err_text *err)
{
    int64_t expected = 0;
    int64_t observed = 0;
    int64_t weight = 0;
    int result = read_object(value, 3, err);
    if (result == 0) {
        result = field_number(value, "expected_milli", 0, INT64_MAX, &expected, err);
    }
    if (result == 0) {
        result = field_number(value, "observed", 0, CHANNEL_PAIRS_MAX, &observed, err);
    }
    if (result == 0) {
        result = field_number(value, "weight_cdb", -CHANNEL_WEIGHT_CDB_MAX, CHANNEL_WEIGHT_CDB_MAX,
                              &weight, err);
    }
    *out = (struct channel_evidence){(uint64_t)expected, (uint64_t)observed, (int32_t)weight};
    return result;
}

static int read_evidence_rows(const json_t *object, const char *name,
                              struct channel_evidence out[CHANNEL_GAPS], struct err_text *err)
{
    const json_t *rows = json_object_get(object, name);
    if (!json_is_array(rows) || json_array_size(rows) != CHANNEL_GAPS) {
        return err_set(err, ERR_INVALID, "%s: expected a list of %d", name, CHANNEL_GAPS);
    }
    for (size_t i = 0; i < CHANNEL_GAPS; i++) {
        int result = read_evidence_row(json_array_get(rows, i), &out[i], err);
        if (result != 0) {
            return err_prefix(err, result, "%s[%zu]", name, i);
        }
    }
    return 0;
}

/* What the camera holds for likelier must not weigh less. */
static int check_order(const struct match_channel *c, struct err_text *err)
{
    const struct channel_evidence *best = &c->evidence[CHANNEL_ROW_BEST];
    const struct channel_evidence *candidate = &c->evidence[CHANNEL_ROW_CANDIDATE];
    for (int i = 1; i < CHANNEL_GAPS; i++) {
        if (best[i].weight_cdb < best[i - 1].weight_cdb) {
            return err_set(err, ERR_INVALID, "best[%d].weight_cdb: '%d': expected at least %d", i,
                           best[i].weight_cdb, best[i - 1].weight_cdb);
        }
        if (candidate[i].weight_cdb > candidate[i - 1].weight_cdb) {
            return err_set(err, ERR_INVALID, "candidate[%d].weight_cdb: '%d': expected at most %d",
                           i, candidate[i].weight_cdb, candidate[i - 1].weight_cdb);
        }
    }
    if (c->evidence[CHANNEL_ROW_NONE].weight_cdb > candidate[CHANNEL_GAPS - 1].weight_cdb) {
        return err_set(err, ERR_INVALID, "none.weight_cdb: '%d': expected at most %d",
                       c->evidence[CHANNEL_ROW_NONE].weight_cdb,
                       candidate[CHANNEL_GAPS - 1].weight_cdb);
    }
    return 0;
}

static int read_evidence(const json_t *object, struct match_channel *c, struct err_text *err)
{
    const json_t *evidence = json_object_get(object, "evidence");
    int result = read_object(evidence, 3, err);
    if (result == 0) {
        result = read_evidence_rows(evidence, "best", &c->evidence[CHANNEL_ROW_BEST], err);
    }
    if (result == 0) {
        result =
            read_evidence_rows(evidence, "candidate", &c->evidence[CHANNEL_ROW_CANDIDATE], err);
    }
    if (result == 0) {
        result = read_evidence_row(json_object_get(evidence, "none"),
                                   &c->evidence[CHANNEL_ROW_NONE], err);
        result = result == 0 ? check_order(c, err) : err_prefix(err, result, "none");
    }
    return result == 0 ? 0 : err_prefix(err, result, "evidence");
}

static int read_innocent(const json_t *object, struct match_channel *c, struct err_text *err)
{
    const json_t *masses = json_object_get(object, "innocent_e15");
    int64_t most = INT64_MAX;
    if (!json_is_array(masses) || json_array_size(masses) != CHANNEL_LEVELS) {
        return err_set(err, ERR_INVALID, "innocent_e15: expected a list of %d", CHANNEL_LEVELS);
    }
    for (size_t i = 0; i < CHANNEL_LEVELS; i++) {
        int result = read_number(json_array_get(masses, i), 0, most, &most, err);
        if (result != 0) {
            return err_prefix(err, result, "innocent_e15[%zu]", i);
        }
        c->innocent_e15[i] = (uint64_t)most;
    }
    return 0;
}

/* ---- the whole ---- */

static int read_head(const json_t *object, struct match_channel *c, struct err_text *err)
{
    const char *alphabet = NULL;
    const char *learned_at = NULL;
    int64_t pairs = 0;
    int64_t smoothing = 0;
    int64_t version = 0;
    int result = field_text(object, "alphabet", &alphabet, err);
    if (result == 0 && channel_alphabet_parse(alphabet, &c->alphabet) != 0) {
        result =
            err_set(err, ERR_INVALID, "alphabet: '%.32s': expected latin or mainland", alphabet);
    }
    if (result == 0) {
        result = field_text(object, "learned_at", &learned_at, err);
    }
    if (result == 0 && wall_parse(learned_at, &c->learned_at) != 0) {
        result =
            err_set(err, ERR_INVALID,
                    "learned_at: '%.32s': expected UTC as 2026-11-24T03:46:48.123Z", learned_at);
    }
    if (result == 0) {
        result = field_number(object, "pairs", 0, CHANNEL_PAIRS_MAX, &pairs, err);
    }
    if (result == 0) {
        result = field_number(object, "smoothing", 1, CHANNEL_SMOOTHING_MAX, &smoothing, err);
    }
    if (result == 0) {
        result = field_number(object, "version", 1, INT64_MAX, &version, err);
    }
    c->pairs = (uint64_t)pairs;
    c->smoothing = (uint32_t)smoothing;
    c->version = (uint64_t)version;
    return result;
}

static int check_fields(const json_t *object, struct err_text *err)
{
    static const char *const names[] = {
        "alphabet", "evidence", "format", "innocent_e15", "invented",  "learned_at", "lost",
        "pairs",    "patterns", "read",   "share",        "smoothing", "version",    NULL};
    const char *key;
    json_t *item;
    int64_t format = 0;
    if (!json_is_object(object)) {
        return err_set(err, ERR_INVALID, "not a JSON object");
    }
    int result = field_number(object, "format", 1, INT64_MAX, &format, err);
    if (result == 0 && format != CHANNEL_FORMAT) {
        result = err_set(err, ERR_UNSUPPORTED, "format: '%" PRId64 "': expected %d", format,
                         CHANNEL_FORMAT);
    }
    if (result != 0) {
        return result;
    }
    json_object_foreach((json_t *)(uintptr_t)object, key, item)
    {
        const char *const *name = names;
        while (*name && strcmp(*name, key) != 0) {
            name++;
        }
        if (!*name) {
            return err_set(err, ERR_INVALID, "'%.32s': unknown field", key);
        }
    }
    return 0;
}

static int read_channel(const json_t *object, struct match_channel *c, struct err_text *err)
{
    static int (*const parts[])(const json_t *, struct match_channel *, struct err_text *) = {
        read_head,     read_symbols,  read_edges,   read_shares,
        read_patterns, read_evidence, read_innocent};
    int result = check_fields(object, err);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && result == 0; i++) {
        result = parts[i](object, c, err);
    }
    return result;
}

int channel_parse(const char *text, size_t size, struct match_channel **out, struct err_text *err)
{
    json_t *object = NULL;
    struct match_channel *c = NULL;
    if (size > CHANNEL_TEXT_MAX) {
        return err_set(err, ERR_TOO_LARGE, "channel: %zu bytes, expected at most %d", size,
                       CHANNEL_TEXT_MAX);
    }
    int result = json_parse(text, size, &object, err);
    if (result == 0) {
        c = calloc(1, sizeof(*c));
        result = c ? read_channel(object, c, err) : err_set(err, ERR_NO_MEMORY, "no memory");
    }
    json_decref(object);
    if (result != 0) {
        channel_destroy(c);
        return err_prefix(err, result, "channel");
    }
    *out = c;
    return 0;
}
