/*
 * The channel of an alphabet: how a camera misreads a plate. Probabilities of reading one symbol
 * for another, of losing and of inventing one, what an innocent read looks like, and how the
 * camera's own candidates bear on it. A text a person can read and a clerk can sign
 * (gateway/signed): canonical JSON, whole numbers only, every field required; README.md says what
 * each means. Learned by gateway/match/learn.h at headquarters. Immutable once made; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/model/plate_key.h"
#include "gateway/model/plate_read.h"
#include "gateway/model/plate_symbols.h"

/*
 * Plates whose symbols are confused with one another by the same reader. The listed plate decides,
 * never the read: a lost province does not make a mainland plate a Latin one.
 */
enum channel_alphabet {
    CHANNEL_LATIN,    /* digits and capitals alone: foreign, military */
    CHANNEL_MAINLAND, /* with a province or special character besides */
    CHANNEL_ALPHABETS
};

/* What a symbol is where it stands. */
enum channel_kind {
    CHANNEL_DIGIT,    /* D */
    CHANNEL_LETTER,   /* L */
    CHANNEL_AREA,     /* A: a letter right behind a province */
    CHANNEL_PROVINCE, /* P */
    CHANNEL_SPECIAL,  /* S */
    CHANNEL_KINDS
};

enum channel_lost { CHANNEL_LOST_FIRST, CHANNEL_LOST_INSIDE, CHANNEL_LOST_LAST };
enum channel_invented { CHANNEL_BEFORE, CHANNEL_INSIDE, CHANNEL_BEHIND };

enum {
    CHANNEL_FORMAT = 1,
    CHANNEL_TEXT_MAX = 512 * 1024, /* bytes of a channel file */
    CHANNEL_SYMBOLS = PLATE_SYMBOL_SPECIAL_LAST + 1,
    CHANNEL_PPM = 1000 * 1000,
    CHANNEL_EDGE_PPM_MAX = 500 * 1000, /* losing or inventing more often than not is no reader */
    CHANNEL_PATTERNS_MAX = 256,        /* shapes of plates with a row of their own */
    CHANNEL_PAIRS_MAX = 10 * 1000 * 1000,
    CHANNEL_SMOOTHING_MAX = 10 * 1000,
    CHANNEL_GAPS = 7,             /* buckets of confidence gap, see channel_gap_bucket */
    CHANNEL_WEIGHT_CDB_MAX = 4000 /* hundredths of a decibel */
};

/* Rows of evidence: the camera's best read by its lead over the next candidate, a candidate by its
 * gap behind the best read, and a plate that is neither. */
enum {
    CHANNEL_ROW_BEST = 0,
    CHANNEL_ROW_CANDIDATE = CHANNEL_GAPS,
    CHANNEL_ROW_NONE = 2 * CHANNEL_GAPS,
    CHANNEL_ROWS
};

/* Likelihood ratios, in decibels, at which the mass of innocent look-alikes is known. */
enum { CHANNEL_LEVELS = 64, CHANNEL_LEVEL_FROM_DB = 20, CHANNEL_LEVEL_STEP_DB = 2 };
#define CHANNEL_MASS_ONE UINT64_C(1000000000000000) /* masses are parts of 10^15 */

/* Probabilities over the symbols of a set in parts per million; 0: not listed, has an even part of
 * what the listed ones leave. */
struct channel_row {
    uint32_t ppm[CHANNEL_SYMBOLS];
};

/* What rested on the channel alone expected, what came true, and the weight that follows. */
struct channel_evidence {
    uint64_t expected_milli;
    uint64_t observed;
    int32_t weight_cdb; /* hundredths of a decibel */
};

struct channel_pattern {
    char text[PLATE_SYMBOLS_MAX + 1]; /* "PADDDDD": letters of channel_kind */
    uint32_t ppm;                     /* of innocent reads */
};

struct match_channel {
    enum channel_alphabet alphabet;
    uint64_t version; /* from 1 */
    struct wall_time learned_at;
    uint64_t pairs;                           /* confirmed pairs it was learned from */
    uint32_t smoothing;                       /* pseudo-observations a row was given */
    struct channel_row read[CHANNEL_SYMBOLS]; /* by true symbol */
    uint64_t seen[CHANNEL_SYMBOLS];           /* the true symbol among the pairs */
    uint32_t lost_ppm[3];
    uint32_t invented_ppm[3];
    struct channel_row invented;             /* which symbol, when one is invented */
    struct channel_row share[CHANNEL_KINDS]; /* of innocent reads, within a kind */
    size_t pattern_count;
    struct channel_pattern patterns[CHANNEL_PATTERNS_MAX]; /* rising; what they leave is "other" */
    struct channel_evidence evidence[CHANNEL_ROWS];
    uint64_t innocent_e15[CHANNEL_LEVELS]; /* falling: false matches at this level or above, an
                                              innocent read and a listed plate */
};

/* "latin", "mainland"; NULL when it is none. And back: ERR_NOT_FOUND. */
const char *channel_alphabet_name(enum channel_alphabet alphabet);
int channel_alphabet_parse(const char *name, enum channel_alphabet *out) MUST_CHECK;
enum channel_alphabet channel_alphabet_of(plate_key key);
bool channel_alphabet_has(enum channel_alphabet alphabet, uint8_t symbol);
bool channel_alphabet_has_kind(enum channel_alphabet alphabet, enum channel_kind kind);
/* The symbols a row is over: those of a kind, or those of an alphabet. */
typedef int channel_set;
channel_set channel_set_of_alphabet(enum channel_alphabet alphabet);
channel_set channel_set_of_kind(enum channel_kind kind);
bool channel_set_has(channel_set set, uint8_t symbol);
/* Kind of symbol i of a plate; CHANNEL_KINDS for an unread one. */
enum channel_kind channel_kind_at(const uint8_t *symbols, int i);
char channel_kind_letter(enum channel_kind kind);

/* Bucket of a confidence gap of 0 .. 100 points: 0, 1, 2, to 4, to 8, to 16, beyond. */
int channel_gap_bucket(int gap);

/* Parses and checks a channel file of `size` bytes (no NUL needed). *out is heap memory for
 * channel_destroy(). ERR_INVALID, ERR_TOO_LARGE, ERR_UNSUPPORTED (format), ERR_NO_MEMORY; `err`
 * says where, what stands there and what was expected. */
int channel_parse(const char *text, size_t size, struct match_channel **out,
                  struct err_text *err) MUST_CHECK;
/* The canonical text, heap, NUL-terminated; the caller frees. What it says parses to itself. */
int channel_write(const struct match_channel *channel, char **out_text,
                  size_t *out_size) MUST_CHECK;
void channel_destroy(struct match_channel *channel); /* NULL is fine */
/* Whether a channel file can be read and is of the alphabet named. Errors of channel_parse;
 * ERR_INVALID: of another one. */
int channel_check(const char *alphabet, const char *text, size_t size,
                  struct err_text *err) MUST_CHECK;
