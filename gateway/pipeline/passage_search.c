/* See passage_search.h. */
#include "gateway/pipeline/passage_search.h"

#include <string.h>

#include "gateway/model/plate_symbols.h"

void passage_query_init(struct passage_query *out, plate_key plate, bool look_alike, uint8_t lane)
{
    *out = (struct passage_query){.plate = plate, .look_alike = look_alike, .lane = lane};
    look_alike_init(&out->like, look_alike);
}

bool passage_plate_fits(const struct passage_query *query, plate_key read)
{
    uint8_t asked[PLATE_SYMBOLS_MAX];
    uint8_t said[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(query->plate, asked);
    int known = 0;
    int agree = 0;
    if (count != plate_symbols(read, said))
        return false;
    for (int i = 0; i < count; i++) {
        bool open = asked[i] == PLATE_SYMBOL_UNREAD;
        known += !open;
        if (open || said[i] == PLATE_SYMBOL_UNREAD)
            continue;
        if (asked[i] != said[i] && query->like.symbols[asked[i]] != query->like.symbols[said[i]])
            return false;
        agree++;
    }
    return agree >= (known < PASSAGE_AGREE_MIN ? known : PASSAGE_AGREE_MIN);
}

static plate_key key_of(const char *text, size_t size)
{
    struct plate_text plate = {.kind = PLATE_DECODE_ERROR};
    plate_encode(text, size, PLATE_DASH_AUTO, &plate);
    return plate.kind == PLATE_KEY ? plate.key : 0;
}

bool passage_body_may(const struct passage_query *query, const char *body, size_t size)
{
    static const char mark[] = "\"plate\":\"";
    const char *end = body + size;
    if (query->plate == 0)
        return true;
    for (const char *at = body; at < end;) {
        at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1);
        if (!at)
            return false;
        at += sizeof mark - 1;
        const char *quote = memchr(at, '"', (size_t)(end - at));
        if (quote && passage_plate_fits(query, key_of(at, (size_t)(quote - at))))
            return true;
    }
    return false;
}

static bool read_fits(const struct passage_query *query, const json_t *read)
{
    const char *text = json_string_value(json_object_get(read, "plate"));
    return text && passage_plate_fits(query, key_of(text, strlen(text)));
}

/* The read that was asked for; NULL: none. */
static const json_t *find_read(const struct passage_query *query, const json_t *body)
{
    const json_t *read = json_object_get(body, "read");
    const json_t *reads = json_object_get(body, "reads");
    if (query->plate == 0 || read_fits(query, read))
        return read;
    for (size_t i = 0; i < json_array_size(reads); i++)
        if (read_fits(query, json_array_get(reads, i)))
            return json_array_get(reads, i);
    return NULL;
}

static void copy(json_t *to, const json_t *from, const char *const *keys)
{
    for (; *keys; keys++) {
        json_t *value = json_object_get(from, *keys);
        if (value)
            json_object_set(to, *keys, value);
    }
}

/* The earliest time that a read of the passage states. */
static json_t *first_time(const json_t *body)
{
    json_t *first = json_object_get(json_object_get(body, "read"), "time");
    const json_t *reads = json_object_get(body, "reads");
    for (size_t i = 0; i < json_array_size(reads); i++) {
        json_t *time = json_object_get(json_array_get(reads, i), "time");
        const char *text = json_string_value(time);
        if (text && (!first || strcmp(text, json_string_value(first)) < 0))
            first = time;
    }
    return first;
}

static json_t *reads_of(const json_t *body)
{
    static const char *const shown[] = {"camera",       "place", "kind",       "plate",
                                        "authenticity", "time",  "confidence", NULL};
    const json_t *reads = json_object_get(body, "reads");
    const json_t *only = json_object_get(body, "read");
    size_t count = json_array_size(reads);
    json_t *list = json_array();
    for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
        json_t *row = json_object();
        copy(row, count > 0 ? json_array_get(reads, i) : only, shown);
        json_array_append_new(list, row);
    }
    return list;
}

json_t *passage_row(const struct passage_query *query, const json_t *body)
{
    static const char *const of_body[] = {"passage", "lane",           "plates",  "in_doubt",
                                          "perhaps", "plate_conflict", "cleared", NULL};
    static const char *const of_read[] = {"kind",      "class",        "colour",
                                          "direction", "authenticity", NULL};
    const json_t *read = json_object_get(body, "read");
    json_int_t lane = json_integer_value(json_object_get(body, "lane"));
    const json_t *found = json_is_object(read) ? find_read(query, body) : NULL;
    if (!found || !json_object_get(body, "passage") || (query->lane != 0 && lane != query->lane))
        return NULL;
    json_t *row = json_object();
    json_t *time = first_time(body);
    copy(row, body, of_body);
    copy(row, read, of_read);
    copy(row, found, (const char *const[]){"plate", NULL});
    if (time)
        json_object_set(row, "time", time);
    json_object_set_new(row, "reads", reads_of(body));
    return row;
}
