/*
 * Counting what a line does, and judging it. State: struct line_watch, its owner's.
 */
#include "drivers/bus/line_watch.h"

#include <string.h>

enum {
    CRC_SIZE = 2,
    EXCEPTION_SIZE = 5,
    REQUEST_SIZE = 8,
    MASK_REQUEST_SIZE = 10,
    STRAY_MAX = 256, /* bytes looked at for frames at a time */
    /* Below these numbers chance explains it. */
    FEW = 3,
    SEVERAL = 8,
    MANY = 24,
    PERCENT = 100
};

uint16_t rtu_crc(const uint8_t *data, size_t size)
{
    static const uint16_t nibbles[16] = {0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00,
                                         0x2800, 0xE401, 0xA001, 0x6C00, 0x7800, 0xB401,
                                         0x5000, 0x9C01, 0x8801, 0x4400};
    uint16_t crc = 0xFFFF;
    for (size_t i = 0; i < size; i++) {
        crc = (uint16_t)(crc >> 4 ^ nibbles[(crc ^ data[i]) & 0xF]);
        crc = (uint16_t)(crc >> 4 ^ nibbles[(crc ^ data[i] >> 4) & 0xF]);
    }
    return crc;
}

bool rtu_frame_is_whole(const uint8_t *data, size_t size)
{
    if (size <= CRC_SIZE) {
        return false;
    }
    uint16_t crc = rtu_crc(data, size - CRC_SIZE);
    return data[size - 2] == (crc & 0xFF) && data[size - 1] == crc >> 8;
}

/* --- judging --- */

static uint32_t percent(uint32_t part, uint32_t whole)
{
    return whole ? part * PERCENT / whole : 0;
}

static uint32_t garbled_percent(const struct line_share *share)
{
    return percent(share->garbled, share->good + share->garbled);
}

/* One unit is garbled while those beside it on the same wire are well. */
static bool one_unit_is_garbled(const struct line_symptoms *s)
{
    size_t bad = 0;
    size_t well = 0;
    for (size_t i = 0; i < LINE_WATCH_UNITS; i++) {
        const struct line_share *share = &s->units[i].share;
        bad += share->garbled >= SEVERAL && garbled_percent(share) >= 20;
        well += share->good >= SEVERAL && garbled_percent(share) <= 2;
    }
    return bad == 1 && well > 0;
}

/* Two modules on the only address of a line: both begin with the same unit and function, and
 * collide from the first byte on in which they differ, answer for answer. */
static bool only_unit_collides(const struct line_symptoms *s)
{
    uint32_t garbled = s->short_answers.garbled + s->long_answers.garbled;
    const struct line_share *share = &s->units[0].share;
    bool only = s->units[0].unit != 0 && s->units[1].unit == 0;
    return only && share->garbled >= SEVERAL && garbled_percent(share) >= 20 &&
           percent(s->headed, garbled) >= 50;
}

static bool long_answers_suffer(const struct line_symptoms *s)
{
    return s->long_answers.garbled >= SEVERAL &&
           s->short_answers.good + s->short_answers.garbled >= SEVERAL &&
           garbled_percent(&s->long_answers) >= 5 + 3 * garbled_percent(&s->short_answers);
}

enum bus_cause line_symptoms_judge(const struct line_symptoms *s)
{
    uint32_t good = s->short_answers.good + s->long_answers.good;
    uint32_t garbled = s->short_answers.garbled + s->long_answers.garbled;
    if (s->echoes >= FEW && percent(s->echoes, s->exchanges) >= 50) {
        return BUS_CAUSE_ECHO;
    }
    if (s->foreign >= FEW) {
        return BUS_CAUSE_SECOND_MASTER;
    }
    if (s->twice >= FEW) {
        return BUS_CAUSE_TWO_ON_ADDRESS;
    }
    if ((s->frames == 0 && garbled + s->breaks >= SEVERAL) || s->row >= MANY) {
        return BUS_CAUSE_SWAPPED;
    }
    if (one_unit_is_garbled(s)) {
        return BUS_CAUSE_TWO_ON_ADDRESS;
    }
    if ((s->trailing >= SEVERAL && percent(s->trailing, good) >= 20) || long_answers_suffer(s)) {
        return BUS_CAUSE_TERMINATION;
    }
    return only_unit_collides(s) ? BUS_CAUSE_COLLIDING : BUS_CAUSE_NONE;
}

/* --- counting --- */

void line_watch_init(struct line_watch *watch)
{
    *watch = (struct line_watch){0};
}

static void fade(struct line_symptoms *s)
{
    uint32_t *const counts[] = {&s->exchanges, &s->silent,   &s->breaks, &s->echoes,
                                &s->twice,     &s->trailing, &s->headed};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        *counts[i] /= 2;
    }
}

/* Of its own pace: a unit that fails is asked seldom, and long answers may be few. */
static void count_share(struct line_share *share, const struct line_exchange *exchange)
{
    if (share->good + share->garbled >= LINE_WATCH_FADE) {
        share->good /= 2;
        share->garbled /= 2;
    }
    share->good += exchange->good;
    share->garbled += exchange->heard && !exchange->good;
}

static void count_unit(struct line_symptoms *s, const struct line_exchange *exchange)
{
    size_t place = LINE_WATCH_UNITS;
    for (size_t i = 0; exchange->heard && i < LINE_WATCH_UNITS; i++) {
        if (s->units[i].unit == exchange->unit) {
            place = i;
            break;
        }
        place = s->units[i].unit == 0 && place == LINE_WATCH_UNITS ? i : place;
    }
    if (place < LINE_WATCH_UNITS) {
        s->units[place].unit = exchange->unit;
        count_share(&s->units[place].share, exchange);
    }
}

void line_watch_note(struct line_watch *watch, const struct line_exchange *exchange,
                     uint8_t function, struct mono_time now)
{
    struct line_symptoms *s = &watch->symptoms;
    if (s->exchanges >= LINE_WATCH_FADE) {
        fade(s);
    }
    if (s->foreign > 0 && mono_diff_ms(now, watch->foreign_first) >= LINE_WATCH_FOREIGN_MS) {
        s->foreign = 0; /* by time: another master may ask seldom */
    }
    s->exchanges++;
    s->silent += !exchange->heard;
    s->echoes += exchange->echoed;
    s->breaks += exchange->breaks;
    bool frame = exchange->good || exchange->recognised;
    s->frames += frame && s->frames < UINT32_MAX;
    s->headed += exchange->recognised && !exchange->good;
    s->row = frame ? 0 : s->row + exchange->heard;
    count_share(exchange->answer_size > LINE_WATCH_SHORT ? &s->long_answers : &s->short_answers,
                exchange);
    count_unit(s, exchange);
    watch->last_good = exchange->good;
    watch->last_unit = exchange->unit;
    watch->last_function = function;
    enum bus_cause cause = line_symptoms_judge(s);
    if (cause != BUS_CAUSE_NONE) {
        watch->cause = cause;
        watch->shown = now;
    }
}

/* Size of the whole frame at the start of the bytes, 0 when none begins there. */
static size_t frame_at(const uint8_t *data, size_t size)
{
    if (size < EXCEPTION_SIZE) {
        return 0;
    }
    uint8_t function = data[1] & 0x7F;
    if (data[0] == 0 || function == 0 || function > MODBUS_MASK_REGISTER) {
        return 0;
    }
    const size_t sizes[] = {
        REQUEST_SIZE, /* requests, and answers to writes */
        function == MODBUS_MASK_REGISTER ? MASK_REQUEST_SIZE : 0,
        data[1] & 0x80 ? EXCEPTION_SIZE : 0, /* exceptions */
        (size_t)data[2] + EXCEPTION_SIZE,    /* answers to reads */
        size > 6 ? (size_t)data[6] + 9 : 0   /* requests that write many */
    };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i] >= EXCEPTION_SIZE && sizes[i] <= size && rtu_frame_is_whole(data, sizes[i])) {
            return sizes[i];
        }
    }
    return 0;
}

/* Whether a whole frame has the shape of a request; an answer to a write has it too. */
static bool is_request(const uint8_t *frame, size_t size)
{
    bool many = frame[1] == MODBUS_WRITE_COILS || frame[1] == MODBUS_WRITE_REGISTERS;
    return (size == REQUEST_SIZE && frame[1] <= MODBUS_WRITE_REGISTER) ||
           (size == MASK_REQUEST_SIZE && frame[1] == MODBUS_MASK_REGISTER) ||
           (many && size > REQUEST_SIZE && size == (size_t)frame[6] + 9);
}

static void count_frame(struct line_watch *watch, const uint8_t *frame, size_t size,
                        struct mono_time now)
{
    struct line_symptoms *s = &watch->symptoms;
    bool of_last = frame[0] == watch->last_unit && (frame[1] & 0x7F) == watch->last_function;
    bool answers = !is_request(frame, size) || modbus_function_writes(frame[1]);
    s->frames += s->frames < UINT32_MAX;
    s->row = 0;
    if (of_last && answers) {
        s->twice += watch->last_good; /* otherwise it is late, not second */
    } else if (is_request(frame, size)) {
        watch->foreign_first = s->foreign++ == 0 ? now : watch->foreign_first;
    }
}

void line_watch_stray(struct line_watch *watch, const uint8_t *data, size_t size,
                      struct mono_time now)
{
    size_t frames = 0;
    size = size > STRAY_MAX ? STRAY_MAX : size;
    for (size_t at = 0; at < size;) {
        size_t frame = frame_at(data + at, size - at);
        if (frame > 0) {
            count_frame(watch, data + at, frame, now);
            frames++;
        }
        at += frame > 0 ? frame : 1;
    }
    watch->symptoms.trailing += size > 0 && frames == 0 && watch->last_good;
}

enum bus_cause line_watch_cause(const struct line_watch *watch, struct mono_time now)
{
    return mono_diff_ms(now, watch->shown) < LINE_WATCH_HOLD_MS ? watch->cause : BUS_CAUSE_NONE;
}

const char *bus_cause_name(enum bus_cause cause)
{
    static const char *const names[BUS_CAUSE_COUNT] = {
        [BUS_CAUSE_NONE] = "none",
        [BUS_CAUSE_ECHO] = "echo",
        [BUS_CAUSE_SECOND_MASTER] = "second_master",
        [BUS_CAUSE_TWO_ON_ADDRESS] = "two_on_address",
        [BUS_CAUSE_SWAPPED] = "swapped",
        [BUS_CAUSE_TERMINATION] = "termination",
        [BUS_CAUSE_COLLIDING] = "colliding",
    };
    return (unsigned)cause < BUS_CAUSE_COUNT ? names[cause] : NULL;
}
