/*
 * The cameras of the camera net: which may speak, from where, for which lane, with which key. A
 * decoded read is admitted here or refused with a named cause, counted for each camera. The table
 * is built before capture starts (it allocates then and never again); any number of threads admit
 * reads at once, without a lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/wire/compact.h"
#include "drivers/wire/frame.h"
#include "gateway/model/plate_read.h"

enum { CAMERA_DEVICE_ID_SIZE = 41, CAMERAS_MAX = 256 };

enum wire_format { WIRE_COMPACT, WIRE_JSON };

enum camera_cause {
    CAMERA_OK,
    CAMERA_UNKNOWN,  /* no such camera id or device id */
    CAMERA_FORMAT,   /* known, but speaks another format */
    CAMERA_PORT,     /* came to another UDP port than bound */
    CAMERA_VLAN,     /* on another VLAN */
    CAMERA_MAC,      /* from another MAC */
    CAMERA_ADDRESS,  /* from another IP address */
    CAMERA_LANE,     /* names a lane that is not this camera's */
    CAMERA_UNTAGGED, /* auth required, no tag */
    CAMERA_BAD_TAG,  /* the tag was not made with this camera's key, or over other bytes */
    CAMERA_REPLAY,   /* counter not greater than the last one seen */
    CAMERA_CAUSE_COUNT
};

/* Where a camera must come from. What is not bound is not looked at; the VLAN is always bound
 * (vlan_count 0: untagged). */
struct camera_binding {
    uint16_t port; /* UDP destination port, never 0 */
    uint8_t vlan_count;
    uint16_t vlans[FRAME_VLANS_MAX]; /* outer first */
    bool mac_bound;
    uint8_t mac[FRAME_MAC_SIZE];
    uint8_t family; /* 0: any address; 4 or 6 */
    uint8_t address[FRAME_ADDRESS_SIZE];
};

struct camera_options {
    uint16_t id;  /* 1-65535 */
    uint8_t lane; /* 1-255 */
    enum wire_format format;
    struct camera_binding binding;
    bool auth_required; /* refuse untagged reads; needs a key */
    bool has_key;
    uint8_t key[SIPHASH_KEY_SIZE];         /* wiped in the table by camera_table_destroy */
    char device_id[CAMERA_DEVICE_ID_SIZE]; /* json: the camera's own name, "" = none */
    enum plate_dash dash;                  /* how it writes an unread symbol */
};

struct camera_table;

/* Copies `count` cameras. ERR_INVALID with the camera and the reason in `err` (id 0 or twice, lane
 * 0, port 0, auth without key, auth for json, which has no tags, device id twice), ERR_TOO_LARGE,
 * ERR_NO_MEMORY. The caller frees with camera_table_destroy. */
int camera_table_create(const struct camera_options *cameras, size_t count,
                        struct camera_table **out, struct err_text *err) MUST_CHECK;
void camera_table_destroy(struct camera_table *table); /* wipes the keys; NULL is fine */

/* Whether a frame is who it says it is. Checks in this order: known, format, binding, lane, tag,
 * counter. On CAMERA_OK `read` gets its authenticity (AUTH_TAG with a verified tag, otherwise
 * AUTH_NONE), a read without lane gets the camera's, and the counter's high water moves up (of one
 * counter in two threads one alone is admitted); any
 * other cause changes nothing but the counters. `datagram` and `info` belong to a compact read;
 * `info` is NULL for json. A tag of a camera without key cannot be checked: the read is AUTH_NONE.
 */
enum camera_cause camera_table_admit(struct camera_table *table, enum wire_format format,
                                     const struct frame_info *frame, const uint8_t *datagram,
                                     const struct compact_info *info,
                                     struct plate_read *read) MUST_CHECK;

/* The camera id with this device id, 0 when there is none. */
uint16_t camera_table_find_device(const struct camera_table *table, const char *device_id);
/* 1 + the camera's place in camera_table_at(), 0 when there is none. */
uint16_t camera_table_row(const struct camera_table *table, uint16_t camera);
/* How that camera writes an unread symbol; PLATE_DASH_AUTO for an unknown one. */
enum plate_dash camera_table_dash(const struct camera_table *table, uint16_t camera);

/* High water of one camera's counter: kept on disk by the owner, so that a replay does not succeed
 * after a restart. */
struct camera_counter {
    uint16_t camera;
    uint64_t high; /* the greatest counter admitted, 0 = none yet */
};
/* Writes up to `room` counters that are not 0, ordered by camera id; returns how many. */
size_t camera_table_counters(const struct camera_table *table, struct camera_counter *out,
                             size_t room);
/* Raises a camera's high water; a lower value or an unknown camera changes nothing. */
void camera_table_raise_counter(struct camera_table *table, struct camera_counter counter);
/* Changes with every counter that moved: whether there is something new to keep. */
uint64_t camera_table_counter_changes(const struct camera_table *table);

/* Reads of one camera by outcome since create (CAMERA_OK: admitted); UINT64_C(0) for an unknown
 * camera. Camera 0 with CAMERA_UNKNOWN: reads of cameras that are not in the table. */
uint64_t camera_table_count(const struct camera_table *table, uint16_t camera,
                            enum camera_cause cause);
size_t camera_table_size(const struct camera_table *table);
/* The camera at `index` (ordered by id), NULL out of range. Holds the key: do not print it. */
const struct camera_options *camera_table_at(const struct camera_table *table, size_t index);

/* Stable lower-case name for counters and records ("bad_tag"). */
const char *camera_cause_name(enum camera_cause cause);
