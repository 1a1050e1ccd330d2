/*
 * Plate class (号牌种类, GA/T 16.7): two ASCII characters, kept as one uint16_t (first character in
 * the high byte). Classes are data: any two digits or capitals are accepted, "any" and "unknown"
 * are our own. Agreement rules: design page, "Plate key". Pure.
 */
#pragma once

#include <stdint.h>

#include "gateway/base/err.h"

typedef uint16_t plate_class;

#define PLATE_CLASS_UNKNOWN ((plate_class)0)  /* a read without class */
#define PLATE_CLASS_ANY ((plate_class)0xFFFF) /* an entry that says `any` */

enum class_agreement {
    CLASS_AGREE,      /* equal, or the entry says `any` */
    CLASS_UNVERIFIED, /* read without class against a classed entry: 种类未核, quiet, no hold */
    CLASS_CONFLICT    /* both known and different: 疑似, quiet, never exact, never holds */
};

/* "02", "51", "any" (entries only), "" (unknown). ERR_INVALID otherwise. */
int plate_class_parse(const char *text, plate_class *out) MUST_CHECK;
/* "02", "any" or ""; out has 4 bytes. */
void plate_class_format(plate_class c, char out[4]);
enum class_agreement plate_class_agree(plate_class read, plate_class entry);
