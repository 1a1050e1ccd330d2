/*
 * The plate key: one uint64_t per plate text, in one canonical form (design page, "Plate key").
 *
 * Form 1 (top bit 0): up to 9 symbols of 7 bits, first symbol in bits 62..56, unused low symbols 0.
 * Form 2 (top bit 1): exactly 10 alphanumerics of 6 bits, bits 59..0, first symbol highest.
 * Every text that fits form 1 has only form 1. Symbol 0 ends a key; the symbol values are a table
 * in plate_key.c, fixed for ever: they stand on disk and on the wire.
 *
 * Formats and special cases: see the tests. Pure, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"

typedef uint64_t plate_key; /* 0 = no key */

enum {
    PLATE_SYMBOLS_MAX = 10, /* symbols of a key */
    PLATE_TEXT_MAX = 32,    /* bytes of UTF-8 a camera or list may give for one plate */
    PLATE_TEXT_SIZE = 33    /* the same with its NUL */
};

enum plate_text_kind {
    PLATE_KEY,         /* a key, perhaps with unread symbols */
    PLATE_NO_PLATE,    /* 无车牌, 无牌, noPlate, … : the vehicle carries none */
    PLATE_UNREAD,      /* -------, 未知, unknown, empty: there may be one, nothing was read */
    PLATE_DECODE_ERROR /* not a plate, bad UTF-8, too long, a symbol outside the alphabet */
};

enum plate_dash { PLATE_DASH_AUTO, PLATE_DASH_IS_UNREAD /* GA/T 1400, old pass records */ };

struct plate_text {
    enum plate_text_kind kind;
    plate_key key;      /* 0 unless kind is PLATE_KEY */
    int unread_symbols; /* symbols that are '?' */
    int vendor_colour;  /* GA/T 1400 colour code of a stripped colour prefix, 0 = none */
    bool folded_io;     /* an impossible I or O of a mainland serial was read as 1 or 0 */
    bool old_military;  /* abolished military form: decoded, flagged */
};

/* Folds and encodes `size` bytes (need not be NUL-terminated; trailing NUL and space are ignored).
 * Never fails: what is no plate is PLATE_DECODE_ERROR. */
void plate_encode(const char *text, size_t size, enum plate_dash dash, struct plate_text *out);

/* Canonical UTF-8 text of a key ("鲁H12345", "W?鲁12345"); out has PLATE_TEXT_SIZE bytes.
 * ERR_INVALID for a value that no text encodes to. */
int plate_decode(plate_key key, char out[PLATE_TEXT_SIZE]) MUST_CHECK;

/* Number of symbols, 0 for an invalid key; symbols (table values, '?' = PLATE_SYMBOL_UNREAD) to
 * out. */
int plate_symbols(plate_key key, uint8_t out[PLATE_SYMBOLS_MAX]);
/* The key of `count` symbols; 0 when they fit no form. */
plate_key plate_key_of_symbols(const uint8_t *symbols, int count);
bool plate_has_unread(plate_key key);
/* Bits of the symbols that were read: all ones for a key without '?'. Two keys may be one plate
 * only if they are equal under both masks. */
uint64_t plate_known_mask(plate_key key);
