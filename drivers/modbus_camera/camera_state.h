/*
 * State of one register camera, and what its answers mean. Internal to drivers/modbus_camera:
 * modbus_camera.c asks (thread, link, orders), camera_take.c takes what comes. All of it belongs to
 * the thread that asks, but for the atomics, which any thread may read.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "drivers/modbus_camera/camera_orders.h"
#include "drivers/modbus_camera/modbus_camera.h"
#include "drivers/wire/camera_clock.h"
#include "drivers/wire/camera_registers.h"

#define CAMERA_CLOCK_UNKNOWN INT64_MIN

struct modbus_camera {
    struct modbus_camera_options options;
    struct camera_sink sink;
    struct modbus_link *link;
    struct registers_form form;
    struct camera_orders orders;
    int wake_fd; /* written by stop and trigger */
    uint32_t retry_ms;
    struct mono_time heard; /* the last exchange that succeeded */
    bool contact_told;
    atomic_bool contact;        /* its own thread writes it */
    bool know_sequence;         /* false: the next read found is only remembered */
    uint16_t sequence;          /* 0 = the camera had none */
    uint16_t version;           /* of its map, 0 = not seen yet */
    unsigned torn;              /* looks one after the other that met the camera writing */
    unsigned status_torn;       /* the same of the status */
    struct mono_time last_poll; /* the last good look at the read */
    struct mono_time read_due;
    struct mono_time status_due;
    bool waiting; /* a read for its candidates */
    struct registers_read waiting_read;
    bool know_heartbeat;
    uint16_t heartbeat;
    struct mono_time beat; /* when it changed last, or was first asked for */
    struct camera_clock clock;
    atomic_ullong reads, bad, errors, missed, connects, torn_looks; /* relaxed: each stands alone */
    atomic_llong life_ns;                                           /* 0 = none */
    atomic_llong offset_ms;                                         /* CAMERA_CLOCK_UNKNOWN */
    atomic_uint offset_error_ms;
    struct thread thread;
    bool started; /* owner's thread */
};

/* Says it once, when it changes. */
void camera_tell_contact(struct modbus_camera *c, bool contact, const char *reason);
void camera_tell_fault(struct modbus_camera *c, enum camera_fault fault, const char *detail);

/* Registers 0-33, asked for at `asked`. Returns in how many ms the next look is due. */
uint32_t camera_take_registers(struct modbus_camera *c, const uint16_t *registers,
                               struct mono_time asked);
/* Registers 34-39. */
void camera_take_status(struct modbus_camera *c, const uint16_t *registers, struct mono_time asked);
/* They could not be had. */
void camera_take_no_status(struct modbus_camera *c, struct mono_time asked);
/* Registers 40-87, of the read that waits for them. */
void camera_take_candidates(struct modbus_camera *c, const uint16_t *registers);
/* They could not be had: the read goes on without. */
void camera_take_no_candidates(struct modbus_camera *c);

static inline bool camera_in_contact(const struct modbus_camera *c)
{
    return atomic_load_explicit(&c->contact, memory_order_relaxed);
}
