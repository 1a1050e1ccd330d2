/* See eval_data.h. */
#include "eval_data.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"

enum { LINE_MAX_BYTES = 64 * 1024, PREFIX_SYMBOLS = 2, TRIES_A_DISTRACTOR = 1000 };

PRINTF_LIKE(1, 2) static _Noreturn void stop(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

static void *grow(void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0) {
        return items; /* room is a power of two */
    }
    void *grown = reallocarray(items, count == 0 ? 1 : 2 * count, size);
    if (!grown) {
        stop("no memory");
    }
    return grown;
}

uint64_t eval_random_below(struct eval_random *random, uint64_t below)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    uint64_t number = random->state * UINT64_C(0x2545F4914F6CDD1D);
    return (uint64_t)(((unsigned __int128)number * below) >> 64);
}

/* ---- files ---- */

static plate_key key_of(const char *text)
{
    struct plate_text plate;
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    return plate.kind == PLATE_KEY ? plate.key : 0;
}

static uint8_t confidence_of(const json_t *read)
{
    const json_t *value = json_object_get(read, "confidence");
    double confidence = json_is_number(value) ? json_number_value(value) : -1;
    return confidence >= 0 && confidence <= 100 ? (uint8_t)lround(confidence)
                                                : READ_CONFIDENCE_NONE;
}

static void take_read(struct plate_read *out, const json_t *reads)
{
    size_t at;
    const json_t *item;
    *out = (struct plate_read){.kind = PLATE_UNREAD, .confidence = READ_CONFIDENCE_NONE};
    json_array_foreach(reads, at, item)
    {
        const char *text = json_string_value(json_object_get(item, "plate"));
        plate_key key = text ? key_of(text) : 0;
        if (key == 0 || key == out->key) {
            continue;
        }
        if (out->key == 0) {
            out->kind = PLATE_KEY;
            out->key = key;
            out->confidence = confidence_of(item);
        } else if (out->candidate_count < READ_CANDIDATES_MAX) {
            out->candidates[out->candidate_count++] =
                (struct read_candidate){key, confidence_of(item)};
        }
    }
}

static size_t plate_number(struct eval_data *data, plate_key key)
{
    size_t at = 0;
    while (at < data->plate_count && data->plates[at] != key) {
        at++;
    }
    if (at == data->plate_count) {
        data->plates = grow(data->plates, data->plate_count, sizeof(*data->plates));
        data->plates[data->plate_count++] = key;
    }
    return at;
}

static void take_line(struct eval_data *data, const char *line, const char *path, size_t number)
{
    json_t *object = NULL;
    struct err_text err;
    struct eval_read read = {0};
    if (json_parse(line, strlen(line), &object, &err) != 0) {
        stop("%s:%zu: %s", path, number, err.text);
    }
    const char *truth = json_string_value(json_object_get(object, "truth"));
    const json_t *reads = json_object_get(object, "reads");
    if (!truth || !json_is_array(reads)) {
        stop("%s:%zu: expected \"truth\" (text) and \"reads\" (a list)", path, number);
    }
    read.pair.truth = key_of(truth);
    take_read(&read.pair.read, reads);
    json_decref(object);
    if (read.pair.truth == 0) {
        data->skipped++;
    } else if (read.pair.read.key == 0) {
        data->unread++;
    } else {
        read.plate = plate_number(data, read.pair.truth);
        data->reads = grow(data->reads, data->read_count, sizeof(*data->reads));
        data->reads[data->read_count++] = read;
    }
}

static void shape_of(plate_key key, char out[PLATE_SYMBOLS_MAX + 1])
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(key, symbols);
    for (int i = 0; i < count; i++) {
        out[i] = channel_kind_letter(channel_kind_at(symbols, i));
    }
    out[count] = '\0';
}

static struct eval_shape *find_shape(const struct eval_data *data, const char *text)
{
    for (size_t i = 0; i < data->shape_count; i++) {
        if (strcmp(data->shapes[i].text, text) == 0) {
            return &data->shapes[i];
        }
    }
    return NULL;
}

static void take_plate(struct eval_data *data, const char *line, const char *path, size_t number)
{
    char text[PLATE_SYMBOLS_MAX + 1];
    plate_key key = key_of(line);
    if (key == 0) {
        stop("%s:%zu: '%.40s': not a plate", path, number, line);
    }
    shape_of(key, text);
    struct eval_shape *shape = find_shape(data, text);
    if (!shape) {
        data->shapes = grow(data->shapes, data->shape_count, sizeof(*data->shapes));
        shape = &data->shapes[data->shape_count++];
        *shape = (struct eval_shape){.count = 0};
        memcpy(shape->text, text, sizeof(text));
    }
    shape->keys = grow(shape->keys, shape->count, sizeof(*shape->keys));
    shape->keys[shape->count++] = key;
}

static void for_lines(struct eval_data *data, const char *path,
                      void (*take)(struct eval_data *, const char *, const char *, size_t))
{
    static char line[LINE_MAX_BYTES];
    size_t number = 0;
    FILE *file = fopen(path, "re");
    if (!file) {
        stop("%s: cannot be opened", path);
    }
    while (fgets(line, sizeof(line), file)) {
        size_t size = strlen(line);
        number++;
        if (size == sizeof(line) - 1 && line[size - 1] != '\n') {
            stop("%s:%zu: longer than %d bytes", path, number, LINE_MAX_BYTES);
        }
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '\0') {
            take(data, line, path, number);
        }
    }
    if (ferror(file)) {
        stop("%s: cannot be read", path);
    }
    fclose(file);
}

static void take_form(const struct eval_data *data, plate_key plate, struct eval_form *out)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    char shape[PLATE_SYMBOLS_MAX + 1];
    out->count = plate_symbols(plate, symbols);
    for (int i = 0; i < out->count; i++) {
        out->kinds[i] = channel_kind_at(symbols, i);
    }
    shape_of(plate, shape);
    out->shape = find_shape(data, shape);
}

void eval_data_read(struct eval_data *out, const char *reads_path, const char *plates_path)
{
    *out = (struct eval_data){.read_count = 0};
    for_lines(out, reads_path, take_line);
    for_lines(out, plates_path, take_plate);
    out->forms = calloc(out->plate_count + 1, sizeof(*out->forms));
    if (!out->forms) {
        stop("no memory");
    }
    for (size_t i = 0; i < out->plate_count; i++) {
        take_form(out, out->plates[i], &out->forms[i]);
    }
}

void eval_data_free(struct eval_data *data)
{
    for (size_t i = 0; i < data->shape_count; i++) {
        free(data->shapes[i].keys);
    }
    free(data->shapes);
    free(data->plates);
    free(data->forms);
    free(data->reads);
}

/* ---- lists ---- */

/* Keys that are taken: open addressing, half full at most; 0 is free. */
struct key_set {
    plate_key *keys;
    size_t mask;
};

static void key_set_make(struct key_set *set, size_t most)
{
    size_t size = 16;
    while (size < 2 * most) {
        size *= 2;
    }
    set->keys = calloc(size, sizeof(*set->keys));
    set->mask = size - 1;
    if (!set->keys) {
        stop("no memory");
    }
}

/* False: it is there already. */
static bool key_set_add(struct key_set *set, plate_key key)
{
    size_t at = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & set->mask;
    while (set->keys[at] != 0 && set->keys[at] != key) {
        at = (at + 1) & set->mask;
    }
    bool added = set->keys[at] == 0;
    set->keys[at] = key;
    return added;
}

static uint8_t any_symbol(enum channel_kind kind, struct eval_random *random)
{
    static const struct {
        int first;
        int count;
    } ranges[CHANNEL_KINDS] = {
        [CHANNEL_DIGIT] = {PLATE_SYMBOL_DIGIT_0, 10},
        [CHANNEL_LETTER] = {PLATE_SYMBOL_LETTER_A, 26},
        [CHANNEL_AREA] = {PLATE_SYMBOL_LETTER_A, 26},
        [CHANNEL_PROVINCE] = {PLATE_SYMBOL_PROVINCE_FIRST, 31},
        [CHANNEL_SPECIAL] = {PLATE_SYMBOL_SPECIAL_FIRST, 25},
    };
    return (uint8_t)(ranges[kind].first +
                     (int)eval_random_below(random, (uint64_t)ranges[kind].count));
}

static plate_key make_distractor(const struct eval_form *form, struct eval_random *random)
{
    uint8_t symbols[PLATE_SYMBOLS_MAX] = {0};
    for (int i = 0; i < form->count; i++) {
        if (!form->shape) {
            symbols[i] = any_symbol(form->kinds[i], random);
        } else if (i == 0 || i >= PREFIX_SYMBOLS) {
            uint8_t other[PLATE_SYMBOLS_MAX] = {0};
            plate_symbols(form->shape->keys[eval_random_below(random, form->shape->count)], other);
            memcpy(&symbols[i], &other[i], (size_t)(form->count - i));
        }
    }
    return plate_key_of_symbols(symbols, form->count);
}

static void put_entry(struct eval_list *list, size_t at, plate_key key)
{
    list->entries[at].record = (struct wanted_record){.id = at + 1,
                                                      .key = key,
                                                      .valid_until = {INT64_MAX},
                                                      .class = PLATE_CLASS_ANY,
                                                      .priority = 2,
                                                      .handling = HANDLING_STOP};
    list->entries[at].text = "";
}

static size_t fill_list(struct eval_list *list, const struct eval_data *data, const size_t *wanted,
                        size_t wanted_count, const size_t *like, size_t like_count, size_t size,
                        struct eval_random *random)
{
    struct key_set taken;
    size_t count = 0;
    size_t tries = size * TRIES_A_DISTRACTOR;
    key_set_make(&taken, size + data->plate_count);
    for (size_t i = 0; i < data->plate_count; i++) {
        key_set_add(&taken, data->plates[i]);
    }
    while (count < wanted_count && count < size) {
        put_entry(list, count, data->plates[wanted[count]]);
        count++;
    }
    while (count < size && tries-- > 0) {
        const struct eval_form *form = &data->forms[like[eval_random_below(random, like_count)]];
        plate_key key = make_distractor(form, random);
        if (key_set_add(&taken, key)) {
            put_entry(list, count++, key);
        }
    }
    free(taken.keys);
    return count;
}

void eval_list_make(struct eval_list *out, const struct eval_data *data, const size_t *wanted,
                    size_t wanted_count, const size_t *like, size_t like_count, size_t size,
                    struct eval_random *random)
{
    struct err_text err = {""};
    out->entries = calloc(size, sizeof(*out->entries));
    const struct match_entry **pointers = calloc(size, sizeof(const struct match_entry *));
    if (!out->entries || !pointers) {
        stop("no memory");
    }
    size_t count = fill_list(out, data, wanted, wanted_count, like, like_count, size, random);
    if (count < size) {
        stop("only %zu distinct plates of the shapes there are, expected %zu", count, size);
    }
    for (size_t i = 0; i < count; i++) {
        pointers[i] = &out->entries[i];
    }
    if (match_index_create(pointers, count, NULL, &out->index, &err) != 0) {
        stop("%s", err.text);
    }
    free(pointers);
}

void eval_list_free(struct eval_list *list)
{
    match_index_destroy(list->index);
    free(list->entries);
}
