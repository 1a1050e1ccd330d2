/* See guess_file.h. */
#include "gateway/control/guess_file.h"

#include <jansson.h>
#include <string.h>

#include "gateway/control/kept_file.h"

enum {
    FILE_MAX_BYTES = 512 * 1024, /* 1024 rows of at most 400 bytes */
    FORGET_MS = GUESS_FORGET_S * 1000,
    LOCK_MS = GUESS_LOCK_S * 1000
};

static json_t *row_of(const struct guess_row *row, struct mono_time now)
{
    int64_t left_ms = mono_diff_ms(row->until, now);
    int64_t ago_ms = mono_diff_ms(now, row->last); /* long ago is as good as forgotten */
    return json_pack("{s:i,s:s,s:s,s:i,s:i,s:b,s:I,s:I}", "scope", (int)row->scope, "name",
                     row->name, "place", row->place, "wrong", row->wrong, "of_name", row->of_name,
                     "locked", (int)row->locked, "left_ms", (json_int_t)(left_ms > 0 ? left_ms : 0),
                     "ago_ms", (json_int_t)(ago_ms < FORGET_MS ? ago_ms : FORGET_MS));
}

int guess_file_save(const char *path, const struct guesses *guesses, struct mono_time now,
                    struct err_text *err)
{
    json_t *rows = json_array();
    for (int i = 0; i < GUESS_ROWS; i++)
        if (guesses->rows[i].used && guesses->rows[i].known)
            json_array_append_new(rows, row_of(&guesses->rows[i], now));
    json_t *content = json_pack("{s:I,s:o}", "at_ns", (json_int_t)now.ns, "rows", rows);
    int result = content ? kept_file_save(path, content, err)
                         : err_set(err, ERR_NO_MEMORY, "%s: no memory", path);
    json_decref(content);
    return result;
}

static bool copy(const char *text, char *out, size_t room)
{
    if (strlen(text) >= room)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static int parse_row(const json_t *row, int64_t elapsed_ms, struct mono_time now,
                     struct guess_row *out)
{
    int scope;
    int locked;
    const char *name;
    const char *place;
    json_int_t left_ms;
    json_int_t ago_ms;
    *out = (struct guess_row){.used = true, .known = true};
    /* json_unpack only reads, whatever its signature says. */
    if (json_unpack((json_t *)row, "{s:i,s:s,s:s,s:i,s:i,s:b,s:I,s:I!}", "scope", &scope, "name",
                    &name, "place", &place, "wrong", &out->wrong, "of_name", &out->of_name,
                    "locked", &locked, "left_ms", &left_ms, "ago_ms", &ago_ms) != 0 ||
        scope < GUESS_AT_PLACE || scope > GUESS_OF_NAME ||
        !copy(name, out->name, sizeof out->name) || !copy(place, out->place, sizeof out->place) ||
        left_ms < 0 || left_ms > LOCK_MS || ago_ms < 0 || ago_ms > FORGET_MS || out->wrong < 0 ||
        out->of_name < 0)
        return ERR_CORRUPT;
    out->scope = (enum guess_scope)scope;
    out->locked = locked != 0;
    out->until = mono_add_ms(now, left_ms - elapsed_ms);
    out->last = mono_add_ms(now, -ago_ms - elapsed_ms);
    return 0;
}

/* Since it was written, as far as that is known. */
static int64_t elapsed_since(const json_t *content, bool this_start, struct mono_time now)
{
    struct mono_time at = {.ns = json_integer_value(json_object_get(content, "at_ns"))};
    int64_t elapsed_ms = this_start ? mono_diff_ms(now, at) : 0;
    return elapsed_ms > 0 ? elapsed_ms : 0;
}

static int take_rows(const char *path, const json_t *content, bool this_start,
                     struct guesses *guesses, struct mono_time now, struct err_text *err)
{
    const json_t *rows = json_object_get(content, "rows");
    int64_t elapsed_ms = elapsed_since(content, this_start, now);
    bool fits = json_is_array(rows) && json_array_size(rows) <= GUESS_ROWS;
    for (size_t i = 0; fits && i < json_array_size(rows); i++)
        fits = parse_row(json_array_get(rows, i), elapsed_ms, now, &guesses->rows[i]) == 0;
    if (fits)
        return 0;
    *guesses = (struct guesses){.changed = false};
    return err_set(err, ERR_CORRUPT, "%s: damaged or changed", path);
}

int guess_file_load(const char *path, struct guesses *guesses, struct mono_time now,
                    struct err_text *err)
{
    json_t *content;
    bool this_start = false;
    int result = kept_file_load(path, FILE_MAX_BYTES, &content, &this_start, err);
    if (result == 0 && content)
        result = take_rows(path, content, this_start, guesses, now, err);
    json_decref(content);
    return result;
}
