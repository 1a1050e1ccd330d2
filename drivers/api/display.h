/*
 * The role `display`: a sign that drivers read at a lane. It shows one of a fixed set of messages
 * and nothing else: a caller cannot say why a vehicle has to stop, so the sign gives no hit away,
 * neither by its words nor by a free text. Every stop is DISPLAY_PLEASE_STOP, shown at the moment
 * any other stop would be: an inspection, a random share, a hit look alike from the car.
 *
 * Each sign has a thread of its own (created stopped, so that the program's thread table can name
 * it). A sign protects nobody and answers nothing: whether its line is open is all that is known.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/base/thread.h"
#include "gateway/model/plate_key.h"

enum display_message {
    DISPLAY_WELCOME,     /* nobody to tell anything: 减速慢行 */
    DISPLAY_PLATE,       /* a vehicle that is cleared, and only then: its plate */
    DISPLAY_PLEASE_WAIT, /* a vehicle is being looked at: 请稍候 */
    DISPLAY_PLEASE_STOP, /* every stop alike: 请停车 接受检查 */
    DISPLAY_LANE_CLOSED, /* 车道关闭 */
    DISPLAY_MESSAGE_COUNT
};

struct display_show {
    enum display_message message;
    char plate[PLATE_TEXT_SIZE]; /* canonical UTF-8 (plate_decode); with DISPLAY_PLATE only */
};

/* Called by the sign's thread; must return at once. */
struct display_sink {
    void *ctx;
    /* When the line of `lane`'s sign is opened or lost, with the reason ("" when opened). */
    void (*contact)(void *ctx, uint8_t lane, bool contact, const char *reason);
};

/* Counters since start; any thread may read them. */
struct display_stats {
    uint64_t shown;    /* messages written whole */
    uint64_t replaced; /* never written: a newer one came first */
    uint64_t errors;   /* lines that could not be opened or written */
    uint64_t connects;
    bool contact;
};

struct display_driver {
    const char *name; /* folder name, "led_display" */
    /* What the sign shall say from now on: the newest stands, one not yet written is replaced.
     * Returns at once; any thread. ERR_INVALID: no such message, a plate that is not valid text or
     * missing. The sign's own pace is the same for every message. */
    int (*show)(void *state, const struct display_show *show);
    void (*stats)(const void *state, struct display_stats *out);
    int (*start)(void *state); /* ERR_IO */
    void (*stop)(void *state); /* ends the thread within 200 ms */
    struct thread *(*thread)(void *state);
    void (*destroy)(void *state); /* stopped; NULL is fine */
};

/* A driver and one sign of it. */
struct display {
    const struct display_driver *driver; /* NULL: none */
    void *state;
    uint8_t lane;
};
