/*
 * Plate keys bit by bit, as matching handles them: 63 bits of a table's slot, unread symbols found
 * without a loop. The two forms of a key are told in gateway/model/plate_key.h; any 64-bit value
 * may be asked about, only valid keys get a meaningful answer. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/model/plate_key.h"
#include "gateway/model/plate_symbols.h"

enum {
    KEY_FORMS = 2,
    KEY_SYMBOLS_1 = 9, /* of the first form, 7 bits each */
    KEY_BITS_1 = 7,
    KEY_SYMBOLS_2 = 10, /* of the second, 6 bits each */
    KEY_BITS_2 = 6,
    KEY_UNREAD_2 = 37
};

#define KEY_FORM_2 (UINT64_C(1) << 63)
/* Bit 63 of a slot is the table's own. */
#define KEY_SLOT_MASK (~(UINT64_C(1) << 63))
/* Nine unread symbols: the slot form that stands for "no key" in a scan, where a key with unread
 * symbols is never compared. */
#define KEY_SLOT_NONE KEY_SLOT_MASK

/* The 63 bits by which a table knows a key. Keys of the second form, whose bits 62..60 are 0, get
 * 110 there, which as the beginning of a first symbol (96-111) no key of the first form has. */
static inline uint64_t key_slot(plate_key key)
{
    return key & KEY_FORM_2 ? (key & ~(UINT64_C(15) << 60)) | UINT64_C(6) << 60 : key;
}

/* A field of seven (six) bits that are all set leaves its lowest bit set. */
static inline bool key_unread_1(uint64_t key)
{
    uint64_t two = key & key >> 1;
    uint64_t four = two & two >> 2;
    return (four & four >> 3 & UINT64_C(0x0102040810204081)) != 0;
}

static inline bool key_unread_2(uint64_t key)
{
    uint64_t same = ~(key ^ UINT64_C(0x0965965965965965)); /* 37 ten times */
    uint64_t two = same & same >> 1;
    uint64_t four = two & two >> 2;
    return (four & two >> 4 & UINT64_C(0x0041041041041041)) != 0;
}

static inline bool key_has_unread(plate_key key)
{
    return key & KEY_FORM_2 ? key_unread_2(key) : key_unread_1(key);
}

/* Form of a key, 0 or 1, as an index. */
static inline int key_form(plate_key key)
{
    return (int)(key >> 63);
}

/* Places for symbols in a form. */
static inline int key_places(int form)
{
    return form ? KEY_SYMBOLS_2 : KEY_SYMBOLS_1;
}

/* Of a key of the first form: see key_field. */
static inline unsigned key_field_1(plate_key key, int place)
{
    return (unsigned)(key >> (KEY_BITS_1 * (KEY_SYMBOLS_1 - 1 - place)) & 0x7F);
}

/* Symbol at a place (0 the first) as its field holds it; behind the last one 0. */
static inline unsigned key_field(plate_key key, int place)
{
    return key & KEY_FORM_2 ? (unsigned)(key >> (KEY_BITS_2 * (KEY_SYMBOLS_2 - 1 - place)) & 0x3F)
                            : key_field_1(key, place);
}

static inline plate_key key_with_field(plate_key key, int place, unsigned field)
{
    int bits = key & KEY_FORM_2 ? KEY_BITS_2 : KEY_BITS_1;
    int shift = bits * (key_places(key_form(key)) - 1 - place);
    return (key & ~(((UINT64_C(1) << bits) - 1) << shift)) | (uint64_t)field << shift;
}

/* What an unread symbol looks like in a field of this form. */
static inline unsigned key_unread_field(int form)
{
    return form ? KEY_UNREAD_2 : PLATE_SYMBOL_UNREAD;
}

/* No field behind the end of the plate, and no bit beside the fields, is set. */
static inline bool key_has_shape(plate_key key)
{
    uint64_t any = key | key >> 1;
    any |= any >> 2;
    any |= any >> 3; /* a field's lowest bit: whether any of its seven is set */
    uint64_t ends = ~any & UINT64_C(0x0102040810204081);
    return key & KEY_FORM_2 ? (key >> 60 & 7) == 0 : (ends >> KEY_BITS_1 & ~ends) == 0;
}

/* The key stands for symbols of the alphabet and nothing besides. */
static inline bool key_is_valid(plate_key key)
{
    bool form2 = key & KEY_FORM_2;
    bool ended = false;
    bool good = key != 0 && (!form2 || (key >> 60 & 7) == 0);
    for (int i = 0; i < key_places(form2); i++) {
        unsigned s = key_field(key, i);
        bool special = s >= PLATE_SYMBOL_PROVINCE_FIRST && s <= PLATE_SYMBOL_SPECIAL_LAST;
        bool symbol = (s >= PLATE_SYMBOL_DIGIT_0 && s <= PLATE_SYMBOL_ALNUM_LAST) ||
                      s == key_unread_field(form2) || (special && !form2);
        bool end = s == PLATE_SYMBOL_END && i > 0 && !form2;
        good &= end || (symbol && !ended);
        ended |= end;
    }
    return good;
}
