/*
 * What a device says it is: the answers to Read Device Identification (function 43, MEI type 14)
 * and to Report Server ID (function 17), MODBUS Application Protocol 1.1b3, 6.21 and 6.13. Pure;
 * every byte of an answer is the device's and trusted with nothing: lengths are checked, texts cut
 * of blanks, and what cannot be printed is '?'.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/bus/modbus_pdu.h"
#include "gateway/base/err.h"

enum identity_object { IDENTITY_VENDOR, IDENTITY_PRODUCT, IDENTITY_REVISION, IDENTITY_OBJECTS };

enum {
    IDENTITY_TEXT_SIZE = 64,   /* a longer text is refused */
    IDENTITY_REQUESTS_MAX = 3, /* each answer brings at least one of the three objects */
    IDENTITY_ANSWER_MIN = 32,  /* bytes: the least that a profile may allow an answer */
    IDENTITY_PART_MIN = 24     /* the same of a later part, whatever the parts before it took */
};

struct device_identity {
    char text[IDENTITY_OBJECTS][IDENTITY_TEXT_SIZE]; /* ASCII; "" where the device has none */
};

/* Takes the objects out of one answer to MODBUS_DEVICE_ID that began with object `first`. *out_next
 * is the object to ask for next, 0: that was all. ERR_CORRUPT: broken, too long, or more follows
 * without end; then *identity holds what came before. */
int device_identity_take(struct device_identity *identity, uint8_t first,
                         const struct modbus_answer *answer, uint8_t *out_next,
                         struct err_text *err) MUST_CHECK;

/* "vendor", "product code", "revision" */
const char *device_identity_name(enum identity_object object);

/* Whether a text is the pattern, or, where the pattern ends in '*', begins with what stands before
 * it. */
bool device_identity_matches(const char *pattern, const char *text);

/* Whether the answer to MODBUS_SERVER_ID begins with these bytes (`id_size` 0: any) and has `text`
 * somewhere in it ("": any). */
bool server_id_matches(const struct modbus_answer *answer, const uint8_t *id, size_t id_size,
                       const char *text);
/* The answer for people: "B4 FF 4C 4D 'LMB3.1.6'", cut where it is longer. `out` has
 * IDENTITY_TEXT_SIZE. */
void server_id_show(const struct modbus_answer *answer, char *out);
/* Bytes as text for people: without the blanks and zeros at its end, '?' for what cannot be
 * printed, cut where it is longer. `out` has IDENTITY_TEXT_SIZE. */
void device_text_show(const uint8_t *data, size_t size, char *out);
