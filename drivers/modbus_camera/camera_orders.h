/*
 * What we ask of a camera over its coils: a read now, and its lights. Which coil is to be written
 * next is decided here, by the time that is passed in; the camera's thread writes it. Asking is for
 * any thread, all else belongs to the camera's thread. Nothing waits, nothing is allocated.
 *
 * A trigger not written within CAMERA_TRIGGER_LIFE_MS is dropped and counted: its vehicle has moved
 * on. Lights are written when they change, when the camera is back, and again every
 * CAMERA_LIGHT_AGAIN_MS, since a camera that was without power has forgotten them.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum {
    CAMERA_LIGHTS_MAX = 4,
    CAMERA_TRIGGER_LIFE_MS = 1000,
    CAMERA_LIGHT_AGAIN_MS = 60000,
    CAMERA_LIGHT_RETRY_MS = 5000 /* after a write that failed */
};

enum camera_light_plan { CAMERA_LIGHT_OFF, CAMERA_LIGHT_ON, CAMERA_LIGHT_WINDOW };
enum camera_light { CAMERA_LIGHT_BY_PLAN, CAMERA_LIGHT_FORCED_ON, CAMERA_LIGHT_FORCED_OFF };

struct camera_orders_options {
    bool has_trigger;
    uint16_t trigger_coil;
    uint8_t light_count; /* 0 = no lights of ours */
    uint16_t light_coils[CAMERA_LIGHTS_MAX];
    enum camera_light_plan plan;
    uint16_t from_minute;  /* CAMERA_LIGHT_WINDOW: local time of day, 0-1439, over midnight too; */
    uint16_t until_minute; /* its end is not included */
};

struct camera_orders {
    struct camera_orders_options options;
    atomic_llong trigger_ns; /* when it was asked for, 0 = none; relaxed, as all: it stands alone */
    atomic_int light;        /* enum camera_light */
    atomic_ullong triggers, trigger_failures;
    bool lights_known; /* what was written last still stands: */
    bool lights_on;
    uint8_t lights_done; /* coils of this round */
    struct mono_time lights_due;
};

struct camera_order {
    bool trigger; /* otherwise a light */
    uint16_t coil;
    bool on;
};

void camera_orders_init(struct camera_orders *orders, const struct camera_orders_options *options);
/* Any thread. ERR_UNSUPPORTED: the camera has no such coil; ERR_BUSY: one is waiting already. */
int camera_orders_trigger(struct camera_orders *orders, struct mono_time now) MUST_CHECK;
/* Any thread. ERR_UNSUPPORTED. */
int camera_orders_light(struct camera_orders *orders, enum camera_light light) MUST_CHECK;

/* Counts a trigger that is too old. True: one was. */
bool camera_orders_expire(struct camera_orders *orders, struct mono_time now);
/* The coil to be written now; `minute` is the local time of day. False: none. */
bool camera_orders_next(const struct camera_orders *orders, struct mono_time now, uint16_t minute,
                        struct camera_order *out);
/* What became of it: 0 or an error. A trigger that failed is not written again. */
void camera_orders_done(struct camera_orders *orders, const struct camera_order *order, int result,
                        struct mono_time now);
/* Contact was lost: the lights are written when it is back. */
void camera_orders_forget(struct camera_orders *orders);
