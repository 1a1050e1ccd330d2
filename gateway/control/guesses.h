/*
 * Wrong passwords, counted: the waits that grow with them and the locks they end in. Owned by one
 * thread, no clock of its own. Internal to gateway/control.
 *
 * Counted are a name at a place (a tablet, or the user of a program on the box), a place whatever
 * the name, and a name wherever it is tried. Who guesses at one tablet locks that name there and
 * nowhere else, however long he goes on: of one place the name's count takes no more than lock it
 * there. The name everywhere and the whole tablet go only after more. A fresh PIN of
 * somebody who is signed on has a count of its own, so that no guessing at sign-on, here or
 * elsewhere, keeps an officer on duty from acting.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/control/accounts.h"

enum {
    GUESS_PLACE_SIZE = 80,
    GUESSES_FREE = 3,          /* wrong ones before the first wait */
    GUESSES_AT_PLACE_MAX = 10, /* of a name at a place: locked there */
    GUESSES_OF_PLACE_MAX = 20, /* at a place, any names: nobody signs on there */
    GUESSES_OF_NAME_MAX = 30,  /* of a name, any places: locked everywhere */
    GUESSES_AFTER_LOCK = 3,    /* so many more after a lock, then the next */
    GUESS_LOCK_S = 15 * 60,    /* how long a lock lasts; a quiet place is forgotten after as much */
    GUESS_FORGET_S = 12 * 3600, /* a name without a wrong one for a shift begins anew */
    GUESS_ROWS = 1024,
    GUESS_ROWS_UNKNOWN = 128 /* of them for names without an account */
};

enum guess_scope {
    GUESS_AT_PLACE, /* a name at a place */
    GUESS_PIN,      /* the same, of who is signed on there */
    GUESS_OF_PLACE,
    GUESS_OF_NAME
};

struct guess_row {
    enum guess_scope scope;
    bool used;
    bool known; /* the name has an account */
    bool locked;
    char name[OFFICER_NAME_MAX + 1];
    char place[GUESS_PLACE_SIZE];
    int wrong;
    int of_name;            /* AT_PLACE: how many of them the name's own count has, too */
    struct mono_time until; /* no try before */
    struct mono_time last;
};

struct guesses {
    struct guess_row rows[GUESS_ROWS];
    bool changed; /* since the owner last kept them: guess_file.h */
};

struct guess {
    const char *name;
    bool known;
    const char *place;
    bool pin; /* a fresh PIN; otherwise a sign-on or a second person */
};

struct guess_wait {
    int64_t wait_ms; /* 0: go on */
    bool locked;
    enum guess_scope scope; /* what makes it wait */
};

/* Whether a try is heard now. */
void guesses_look(struct guesses *guesses, const struct guess *guess, struct mono_time now,
                  struct guess_wait *out);
/* A wrong one was heard. `out`: the widest lock it brought about, wait_ms 0 when none. */
void guesses_wrong(struct guesses *guesses, const struct guess *guess, struct mono_time now,
                   struct guess_wait *out);
/* A right one: the name begins anew, here and as a whole; the place does not. */
void guesses_right(struct guesses *guesses, const struct guess *guess);
