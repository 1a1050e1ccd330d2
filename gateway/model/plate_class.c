/*
 * Plate class text and agreement. No state.
 */
#include "gateway/model/plate_class.h"

#include <stdbool.h>
#include <string.h>

static bool class_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

int plate_class_parse(const char *text, plate_class *out)
{
    if (text[0] == '\0') {
        *out = PLATE_CLASS_UNKNOWN;
        return ERR_OK;
    }
    if (strcmp(text, "any") == 0) {
        *out = PLATE_CLASS_ANY;
        return ERR_OK;
    }
    if (!class_char(text[0]) || !class_char(text[1]) || text[2] != '\0') {
        return ERR_INVALID;
    }
    *out = (plate_class)((unsigned char)text[0] << 8 | (unsigned char)text[1]);
    return ERR_OK;
}

void plate_class_format(plate_class c, char out[4])
{
    if (c == PLATE_CLASS_ANY) {
        memcpy(out, "any", 4);
    } else if (c == PLATE_CLASS_UNKNOWN) {
        out[0] = '\0';
    } else {
        out[0] = (char)(c >> 8);
        out[1] = (char)(c & 0xFF);
        out[2] = '\0';
    }
}

enum class_agreement plate_class_agree(plate_class read, plate_class entry)
{
    if (entry == PLATE_CLASS_ANY || read == entry) {
        return CLASS_AGREE;
    }
    return read == PLATE_CLASS_UNKNOWN ? CLASS_UNVERIFIED : CLASS_CONFLICT;
}
