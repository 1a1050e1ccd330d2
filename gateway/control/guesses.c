/* See guesses.h. */
#include "gateway/control/guesses.h"

#include <string.h>

enum { SECOND_MS = 1000, WAIT_FIRST_S = 1, WAIT_MAX_S = 60 };

static int limit_of(enum guess_scope scope)
{
    switch (scope) {
    case GUESS_AT_PLACE:
    case GUESS_PIN:
        return GUESSES_AT_PLACE_MAX;
    case GUESS_OF_PLACE:
        return GUESSES_OF_PLACE_MAX;
    case GUESS_OF_NAME:
        return GUESSES_OF_NAME_MAX;
    }
    return 1;
}

static const char *name_in(enum guess_scope scope, const struct guess *guess)
{
    return scope == GUESS_OF_PLACE ? "" : guess->name;
}

static const char *place_in(enum guess_scope scope, const struct guess *guess)
{
    return scope == GUESS_OF_NAME ? "" : guess->place;
}

static struct guess_row *find(struct guesses *guesses, enum guess_scope scope,
                              const struct guess *guess)
{
    for (int i = 0; i < GUESS_ROWS; i++) {
        struct guess_row *row = &guesses->rows[i];
        if (row->used && row->scope == scope && strcmp(row->name, name_in(scope, guess)) == 0 &&
            strcmp(row->place, place_in(scope, guess)) == 0)
            return row;
    }
    return NULL;
}

/* A row for a new count. Names without an account share a few, so that trying many of them neither
 * makes an officer's row go nor takes memory; within its kind the longest unused gives way. */
static struct guess_row *take(struct guesses *guesses, bool known)
{
    struct guess_row *unused = NULL;
    struct guess_row *oldest = NULL;
    int unknown = 0;
    for (int i = 0; i < GUESS_ROWS; i++) {
        struct guess_row *row = &guesses->rows[i];
        if (!row->used) {
            unused = unused ? unused : row;
            continue;
        }
        unknown += !row->known;
        if (row->known == known && (!oldest || mono_before(row->last, oldest->last)))
            oldest = row;
    }
    bool room = known || unknown < GUESS_ROWS_UNKNOWN;
    return (unused && room) || !oldest ? unused : oldest;
}

static void forget_old(struct guess_row *row, struct mono_time now)
{
    int64_t after_s = row->scope == GUESS_OF_PLACE ? GUESS_LOCK_S : GUESS_FORGET_S;
    if (!mono_before(now, mono_add_ms(row->last, after_s * SECOND_MS)) &&
        !mono_before(now, row->until))
        *row = (struct guess_row){0};
}

static void look_at(struct guesses *guesses, enum guess_scope scope, const struct guess *guess,
                    struct mono_time now, struct guess_wait *out)
{
    struct guess_row *row = find(guesses, scope, guess);
    if (!row)
        return;
    forget_old(row, now);
    int64_t wait_ms = row->used ? mono_diff_ms(row->until, now) : 0;
    if (wait_ms > out->wait_ms)
        *out = (struct guess_wait){.wait_ms = wait_ms, .locked = row->locked, .scope = scope};
}

void guesses_look(struct guesses *guesses, const struct guess *guess, struct mono_time now,
                  struct guess_wait *out)
{
    *out = (struct guess_wait){0};
    if (guess->pin) {
        look_at(guesses, GUESS_PIN, guess, now, out);
        return;
    }
    look_at(guesses, GUESS_AT_PLACE, guess, now, out);
    look_at(guesses, GUESS_OF_PLACE, guess, now, out);
    look_at(guesses, GUESS_OF_NAME, guess, now, out);
}

/* Seconds of the wait behind the wrong one of that number. */
static int64_t wait_s(int wrong)
{
    int64_t wait = WAIT_FIRST_S;
    for (int i = GUESSES_FREE; i < wrong && wait < WAIT_MAX_S; i++)
        wait *= 2;
    return wait < WAIT_MAX_S ? wait : WAIT_MAX_S;
}

static void count(struct guesses *guesses, enum guess_scope scope, const struct guess *guess,
                  struct mono_time now, struct guess_wait *out)
{
    struct guess_row *row = find(guesses, scope, guess);
    bool known = guess->known || scope == GUESS_OF_PLACE;
    guesses->changed |= known;
    if (!row) {
        row = take(guesses, known);
        *row = (struct guess_row){.used = true, .scope = scope, .known = known};
        memcpy(row->name, name_in(scope, guess), strlen(name_in(scope, guess)) + 1);
        memcpy(row->place, place_in(scope, guess), strlen(place_in(scope, guess)) + 1);
    }
    row->last = now;
    row->wrong++;
    row->locked = row->wrong >= limit_of(scope);
    if (row->locked) {
        row->until = mono_add_ms(now, (int64_t)GUESS_LOCK_S * SECOND_MS);
        row->wrong = limit_of(scope) - GUESSES_AFTER_LOCK;
        *out = (struct guess_wait){(int64_t)GUESS_LOCK_S * SECOND_MS, true, scope};
    } else if ((scope == GUESS_AT_PLACE || scope == GUESS_PIN) && row->wrong >= GUESSES_FREE) {
        row->until = mono_add_ms(now, wait_s(row->wrong) * SECOND_MS);
    }
}

void guesses_wrong(struct guesses *guesses, const struct guess *guess, struct mono_time now,
                   struct guess_wait *out)
{
    *out = (struct guess_wait){0};
    if (guess->pin) {
        count(guesses, GUESS_PIN, guess, now, out);
        return;
    }
    count(guesses, GUESS_AT_PLACE, guess, now, out);
    struct guess_row *here = find(guesses, GUESS_AT_PLACE, guess);
    bool of_name = !here || here->of_name < GUESSES_AT_PLACE_MAX;
    if (here && of_name)
        here->of_name++;
    count(guesses, GUESS_OF_PLACE, guess, now, out);
    if (of_name)
        count(guesses, GUESS_OF_NAME, guess, now, out);
}

static void clear(struct guesses *guesses, enum guess_scope scope, const struct guess *guess)
{
    struct guess_row *row = find(guesses, scope, guess);
    if (!row)
        return;
    guesses->changed |= row->known;
    *row = (struct guess_row){0};
}

void guesses_right(struct guesses *guesses, const struct guess *guess)
{
    if (guess->pin) {
        clear(guesses, GUESS_PIN, guess);
        return;
    }
    clear(guesses, GUESS_AT_PLACE, guess);
    clear(guesses, GUESS_OF_NAME, guess);
}
