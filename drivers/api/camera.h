/*
 * The role `camera` inside checkpointd: a device on a serial or Modbus line that says plates. Each
 * runs in a thread of its own (created stopped, so that the program's thread table can name it), or
 * as a polled device in the bus thread of a line it shares (poll.h), and hands every read to a
 * sink. Cameras that send network frames are `capture.h`, HTTP cameras belong
 * to camerad.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/base/thread.h"
#include "gateway/model/plate_read.h"

enum camera_fault {
    CAMERA_FAULT_BAD,    /* what it sent breaks its format; a vehicle may have passed unread */
    CAMERA_FAULT_VALUE,  /* a value is out of range and taken as not given; the read is not lost */
    CAMERA_FAULT_MISSED, /* its own counter says that reads were not seen */
    CAMERA_FAULT_ORDER   /* what we asked of it was not done: a trigger, a light */
};

/* Called by the thread that runs the camera; must return at once. */
struct camera_sink {
    void *ctx;
    void (*read)(void *ctx, const struct plate_read *read);
    /* When contact is gained or lost, with the reason ("" when gained). A serial line is in contact
     * while it is open and its camera was heard within its silence limit. May be NULL. */
    void (*contact)(void *ctx, uint16_t camera, bool contact, const char *reason);
    /* Told before the read it comes with. `detail` is English, one line. May be NULL. */
    void (*fault)(void *ctx, uint16_t camera, enum camera_fault fault, const char *detail);
};

/* What every camera's configuration says, whatever its line. */
struct camera_identity {
    char name[16]; /* thread name, at most 15 bytes: "cam-3" */
    uint8_t lane;
    uint16_t camera;
    bool wired; /* declared: its line runs inside the locked cabinet. Never for Modbus TCP. */
};

/* Counters since start; any thread may read them. */
struct camera_stats {
    uint64_t reads;
    uint64_t bad;    /* messages that broke their format, or had a value out of range */
    uint64_t errors; /* failed exchanges, lost lines */
    uint64_t missed; /* reads the camera's own counter says we did not see */
    uint64_t connects;
    uint64_t torn;             /* looks that met the camera writing, and were repeated */
    uint64_t triggers;         /* asked for by us and written */
    uint64_t trigger_failures; /* asked for and not written in time */
    bool contact;
    bool heard; /* a sign of life came since start, the last one at `heard_at` */
    struct mono_time heard_at;
    bool clock_known; /* the camera says its time, `clock_offset_ms` ahead of ours (behind: < 0), */
    int64_t clock_offset_ms; /* good to `clock_error_ms` either way */
    uint32_t clock_error_ms;
};
