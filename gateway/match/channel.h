/*
 * The channel of an alphabet: how a camera misreads a plate. Probabilities of reading one symbol
 * for another, of losing and of inventing one, what an innocent read looks like, and how the
 * camera's own candidates bear on it. A text a person can read and a clerk can sign
 * (gateway/signed): canonical JSON, whole numbers only, every field required; the fields stand in
 * README.md. Learned by gateway/match/learn.h at headquarters. Immutable once made; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/model/plate_key.h"
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

enum {
    CHANNEL_TEXT_MAX = 512 * 1024, /* bytes of a channel file */
    CHANNEL_SYMBOLS = PLATE_SYMBOL_SPECIAL_LAST + 1,
    CHANNEL_PATTERNS_MAX = 256, /* shapes of plates with a row of their own */
    CHANNEL_BUCKETS = 7,        /* of confidence gaps */
    CHANNEL_MASS_ROWS = 48      /* of the false alert curve */
};

struct match_channel;

/* "latin", "mainland"; NULL when it is none. And back: ERR_NOT_FOUND. */
const char *channel_alphabet_name(enum channel_alphabet alphabet);
int channel_alphabet_parse(const char *name, enum channel_alphabet *out) MUST_CHECK;
enum channel_alphabet channel_alphabet_of(plate_key key);

/* Parses and checks a channel file of `size` bytes (no NUL needed). *out is heap memory for
 * channel_destroy(). ERR_INVALID, ERR_TOO_LARGE, ERR_UNSUPPORTED (format), ERR_NO_MEMORY; `err`
 * says where, what stands there and what was expected. */
int channel_parse(const char *text, size_t size, struct match_channel **out,
                  struct err_text *err) MUST_CHECK;
/* The canonical text, heap, NUL-terminated; the caller frees. What it says parses to itself. */
int channel_write(const struct match_channel *channel, char **out_text,
                  size_t *out_size) MUST_CHECK;
void channel_destroy(struct match_channel *channel); /* NULL is fine */

enum channel_alphabet channel_alphabet(const struct match_channel *channel);
uint64_t channel_version(const struct match_channel *channel);
struct wall_time channel_learned_at(const struct match_channel *channel);
uint64_t channel_pairs(const struct match_channel *channel); /* confirmed pairs it comes from */
