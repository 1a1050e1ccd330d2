/*
 * The way from a captured frame to an admitted read: frame, format of its port, camera. One object
 * a capture thread, over a camera table that they may share; what is refused is counted by stage
 * and cause. No allocation after create, no I/O.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/wire/camera_table.h"
#include "drivers/wire/compact.h"
#include "drivers/wire/frame.h"
#include "drivers/wire/json_read.h"
#include "drivers/wire/refusals.h"

struct receiver_port {
    uint16_t port;
    enum wire_format format; /* a port carries one format */
};

struct receiver_options {
    struct receiver_port ports[FRAME_PORTS_MAX];
    size_t port_count;
    bool accept_partial_checksum; /* see struct frame_filter */
    struct json_fields json;      /* used when a port carries json */
};

/* Each array is indexed by its cause; the OK row counts what passed that stage. */
struct receiver_stats {
    uint64_t frames; /* taken in */
    uint64_t reads;  /* given out */
    uint64_t frame[FRAME_CAUSE_COUNT];
    uint64_t compact[COMPACT_CAUSE_COUNT];
    uint64_t json[JSON_CAUSE_COUNT];
    uint64_t camera[CAMERA_CAUSE_COUNT];
    uint64_t values_ignored; /* optional fields with values out of range */
};

struct receiver;

/* `cameras` stays the caller's and must outlive the receiver or be replaced. ERR_INVALID (no port,
 * a port twice, port 0), ERR_TOO_LARGE, ERR_NO_MEMORY; `err` says why. */
int receiver_create(const struct receiver_options *options, struct camera_table *cameras,
                    struct receiver **out, struct err_text *err) MUST_CHECK;
void receiver_destroy(struct receiver *receiver); /* NULL is fine */
/* After a reload, by the capture thread: the old table is no longer used when this returns. */
void receiver_set_cameras(struct receiver *receiver, struct camera_table *cameras);

/* What is refused from now on is noted there too; the caller's, NULL: nowhere. Frames of other
 * traffic (no IP, no UDP, a foreign port) are no refusals. */
void receiver_note_refusals(struct receiver *receiver, struct refusals *refusals);

/* Takes one frame (from the destination MAC on, without FCS) with its time of arrival. True when
 * `out` holds an admitted read; its kind may still be PLATE_DECODE_ERROR. */
bool receiver_take(struct receiver *receiver, const uint8_t *frame, size_t size_bytes,
                   struct mono_time mono, struct wall_time wall, struct plate_read *out);

/* Counters since create; read by the capture thread, copied for others. */
const struct receiver_stats *receiver_stats(const struct receiver *receiver);
