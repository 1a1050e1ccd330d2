/*
 * Pictures of hits, as boxes send them: declared with the hit they belong to, sent in ranges, whole
 * once their SHA-256 fits. A box's own alone, and only what one of its hit records names.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/err.h"

enum {
    HQ_PICTURE_MAX = 8 << 20,    /* bytes */
    HQ_RANGE_MAX = 256 * 1024,   /* bytes of one range */
    HQ_RANGE_STEP = 4096,        /* ranges begin and end there, the last at the picture's end */
    HQ_PICTURES_OF_HIT_MAX = 32, /* declared for one hit */
    HQ_PICTURES_DAY_MAX = 50000  /* of one box within 24 hours; their bytes: evidence_day_mb */
};

struct hq_range {
    uint32_t from;
    uint32_t to; /* behind the last byte */
    uint32_t total;
};

/* "bytes 0-262143/300000" of Content-Range, within the limits above. ERR_INVALID; `err` says what
 * was expected. */
int hq_range_parse(const char *text, struct hq_range *out, struct err_text *err) MUST_CHECK;
