/* See why.h. */
#include "gateway/pipeline/why.h"

#include "gateway/model/plate_symbols.h"

/* What the hit's `differs` was made of: the best read, or what matched when it is none. */
static plate_key best_of(const struct match_hit *hit, const struct plate_read *read)
{
    return read->kind == PLATE_KEY ? read->key : hit->read_key;
}

static json_t *difference_body(const struct match_difference *d)
{
    json_t *row = json_object();
    json_object_set_new(row, "position", json_integer(d->position));
    if (d->listed != 0)
        json_object_set_new(row, "listed", json_string(plate_symbol_text(d->listed)));
    if (d->read != PLATE_SYMBOL_UNREAD)
        json_object_set_new(row, "read", json_string(plate_symbol_text(d->read)));
    return row;
}

void why_into(json_t *body, const struct match_hit *hit, const struct plate_read *read)
{
    struct match_difference rows[MATCH_DIFFERENCES_MAX];
    int count = match_differences(hit->entry.key, best_of(hit, read), hit->differs, rows);
    json_t *differs = count > 0 ? json_array() : NULL;
    for (int i = 0; i < count; i++)
        json_array_append_new(differs, difference_body(&rows[i]));
    if (differs)
        json_object_set_new(body, "differs", differs);
    if (hit->odds_db != MATCH_ODDS_NONE)
        json_object_set_new(body, "odds_db", json_integer(hit->odds_db));
}

void why_words_into(json_t *event, const struct match_hit *hit, const struct plate_read *read)
{
    char text[MATCH_WHY_TEXT_SIZE];
    plate_key best = best_of(hit, read);
    match_why_text(hit->kind, hit->entry.key, best, hit->differs, hit->odds_db, text);
    json_object_set_new(event, "why", json_string(text));
    match_why_text_zh(hit->kind, hit->entry.key, best, hit->differs, hit->odds_db, text);
    json_object_set_new(event, "why_zh", json_string(text));
}
