/*
 * What an RTU line is heard to do, counted, and what is likely behind it: a technician is told the
 * cause to look for, not "wrong CRC". Counts fade, so that they speak of the last few hundred
 * exchanges. Pure; one owner, the thread that uses the line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/bus/modbus_pdu.h"
#include "gateway/base/clock.h"

enum bus_cause {
    BUS_CAUSE_NONE,
    BUS_CAUSE_ECHO,           /* the adapter hands our own request back before the answer */
    BUS_CAUSE_SECOND_MASTER,  /* requests on the line that are not ours */
    BUS_CAUSE_TWO_ON_ADDRESS, /* two answers to one request, or one unit garbled among good ones */
    BUS_CAUSE_SWAPPED,        /* bytes and breaks, never a frame: A and B, or the line's settings */
    BUS_CAUSE_TERMINATION,    /* reflections: bytes behind good answers, long answers garbled */
    BUS_CAUSE_COLLIDING, /* the only unit's answers begin right and end garbled: two modules on its
                            address, or noise; one line alone does not tell which */
    BUS_CAUSE_COUNT
};

enum {
    LINE_WATCH_UNITS = 8,          /* told apart; further ones are not */
    LINE_WATCH_FADE = 256,         /* exchanges until their counts are halved */
    LINE_WATCH_FOREIGN_MS = 15000, /* strange requests are counted for so long, then anew */
    LINE_WATCH_HOLD_MS = 10000     /* a cause is told for so long after it last showed */
};

struct line_share {
    uint32_t good;
    uint32_t garbled;
};

struct line_symptoms {
    uint32_t exchanges;
    uint32_t silent;   /* not one byte came */
    uint32_t breaks;   /* framing errors and breaks the serial port counted */
    uint32_t echoes;   /* our request came back first */
    uint32_t foreign;  /* requests on the line that are not ours */
    uint32_t twice;    /* a second answer of the unit just asked */
    uint32_t trailing; /* bytes right behind a good answer that are no frame */
    uint32_t frames;   /* whole or recognised ones since the line was opened; never fades */
    uint32_t headed;   /* garbled answers that begin with the unit and function asked */
    uint32_t row;      /* exchanges with bytes, none of them a frame, since the last one with */
    struct line_share short_answers; /* up to LINE_WATCH_SHORT bytes */
    struct line_share long_answers;
    struct {
        uint8_t unit; /* 0 = free */
        struct line_share share;
    } units[LINE_WATCH_UNITS];
};

enum { LINE_WATCH_SHORT = 16 };

/* The likely cause of what was counted. */
enum bus_cause line_symptoms_judge(const struct line_symptoms *symptoms);

/* How one exchange went, as far as the line's bytes tell. */
struct line_exchange {
    uint8_t unit;
    size_t answer_size; /* expected, with CRC */
    bool good;          /* a whole frame of that unit came, exceptions too */
    bool heard;         /* any byte came, an echo not counted */
    bool recognised;    /* what came begins with that unit and function */
    bool echoed;
    uint32_t breaks;
};

struct line_watch {
    struct line_symptoms symptoms;
    /* the latest exchange, for what comes behind it */
    bool last_good;
    uint8_t last_unit;
    uint8_t last_function;
    struct mono_time foreign_first; /* of those counted */
    enum bus_cause cause;
    struct mono_time shown; /* when the cause was last judged */
};

void line_watch_init(struct line_watch *watch); /* also each time the line is opened */
void line_watch_note(struct line_watch *watch, const struct line_exchange *exchange,
                     uint8_t function, struct mono_time now);
/* Bytes heard that belong to no exchange, or to one that failed. */
void line_watch_stray(struct line_watch *watch, const uint8_t *data, size_t size,
                      struct mono_time now);
/* The cause told now. */
enum bus_cause line_watch_cause(const struct line_watch *watch, struct mono_time now);

/* "echo"; NULL out of range. */
const char *bus_cause_name(enum bus_cause cause);

/* CRC of an RTU frame (MODBUS over Serial Line 1.02, 6.2.2), low byte first on the wire. */
uint16_t rtu_crc(const uint8_t *data, size_t size);
/* Whether data ends with the CRC of what stands before it. */
bool rtu_frame_is_whole(const uint8_t *data, size_t size);
