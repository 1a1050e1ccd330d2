/* See look_alike.h. */
#include "gateway/match/look_alike.h"

#include <stddef.h>

/* The first of each is what the others fold to. */
static const char *const groups[] = {"0ODQ", "1I", "2Z", "5S", "8B", "6G"};

void look_alike_init(struct look_alike *look_alike, bool folds)
{
    look_alike->folds = folds;
    for (unsigned s = 0; s < LOOK_ALIKE_SYMBOLS; s++) {
        look_alike->symbols[s] = (uint8_t)s;
    }
    for (size_t g = 0; folds && g < sizeof(groups) / sizeof(groups[0]); g++) {
        uint8_t first = plate_symbol_of((uint8_t)groups[g][0]);
        for (const char *c = groups[g]; *c; c++) {
            look_alike->symbols[plate_symbol_of((uint8_t)*c)] = first;
        }
    }
}

static plate_key fold_1(const struct look_alike *look_alike, plate_key key)
{
    plate_key folded = 0;
    for (int shift = 0; shift < KEY_BITS_1 * KEY_SYMBOLS_1; shift += KEY_BITS_1) {
        folded |= (plate_key)look_alike->symbols[key >> shift & 0x7F] << shift;
    }
    return folded;
}

static plate_key fold_2(const struct look_alike *look_alike, plate_key key)
{
    plate_key folded = key & UINT64_C(15) << 60;
    for (int shift = 0; shift < KEY_BITS_2 * KEY_SYMBOLS_2; shift += KEY_BITS_2) {
        folded |= (plate_key)look_alike->symbols[key >> shift & 0x3F] << shift;
    }
    return folded;
}

plate_key look_alike_fold(const struct look_alike *look_alike, plate_key key)
{
    if (!look_alike->folds) {
        return key;
    }
    return key & KEY_FORM_2 ? fold_2(look_alike, key) : fold_1(look_alike, key);
}

int look_alike_distance(plate_key a, plate_key b)
{
    int differing = 0;
    for (int i = 0; i < key_places(key_form(a)); i++) {
        differing += key_field(a, i) != key_field(b, i);
    }
    return differing;
}
