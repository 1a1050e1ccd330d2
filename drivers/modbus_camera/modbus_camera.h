/*
 * Driver `modbus_camera`: an ANPR camera, or a gateway in front of one, that offers its last read
 * as input registers (drivers/wire/camera_registers.h), polled over Modbus TCP or RTU. One thread a
 * camera, or none: on an RTU line it shares with a lane's modules the bus thread polls it. A camera
 * of map version 2 is asked for its heartbeat and its clock besides, and for the candidates of a
 * read if so configured; coils trigger a read and switch its lights (camera_orders.h).
 *
 * A read that was there before we looked is not handed on (after start, or after an outage of
 * MODBUS_CAMERA_STALE_MS): its vehicle may be gone, and a plate must not meet the wrong passage.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/api/camera.h"
#include "drivers/api/poll.h"
#include "drivers/bus/serial_port.h"
#include "drivers/modbus_camera/camera_orders.h"
#include "drivers/wire/camera_registers.h"
#include "gateway/base/err.h"
#include "gateway/model/plate_read.h"

enum {
    MODBUS_CAMERA_REGISTERS = CAMERA_CANDIDATES_AT + CAMERA_CANDIDATES_COUNT, /* of its map */
    MODBUS_CAMERA_POLL_MS = 50,
    MODBUS_CAMERA_TIMEOUT_MS = 500,
    MODBUS_CAMERA_STALE_MS = 2000,
    MODBUS_CAMERA_ANSWER_MS = 10,
    MODBUS_CAMERA_LOST_MS = 1000,     /* no good poll for so long: contact is lost */
    MODBUS_CAMERA_TORN_AGAIN_MAX = 3, /* torn looks repeated at once, then at the poll's pace */
    MODBUS_CAMERA_STATUS_MS = 500,    /* between two looks at heartbeat and clock */
    MODBUS_CAMERA_HEARTBEAT_MS = 3000,
    MODBUS_CAMERA_RETRY_FIRST_MS = 100,
    MODBUS_CAMERA_RETRY_LAST_MS = 500
};

struct modbus_camera_options {
    struct camera_identity identity;
    bool shared; /* polled by a bus: no line, no thread; otherwise: */
    bool rtu;    /* true: port; false: host and tcp_port */
    char host[64];
    uint16_t tcp_port;
    struct serial_settings port;
    uint8_t unit;
    uint16_t base;       /* address of register 0 of the map */
    uint32_t poll_ms;    /* 0 = MODBUS_CAMERA_POLL_MS */
    uint32_t timeout_ms; /* of one exchange, 0 = MODBUS_CAMERA_TIMEOUT_MS; not shared */
    uint32_t answer_ms;  /* shared: silence after this, 0 = MODBUS_CAMERA_ANSWER_MS */
    enum plate_dash dash;
    enum registers_encoding encoding;
    bool candidates;       /* ask a camera of version 2 for those of each read */
    uint32_t heartbeat_ms; /* version 2: one that stands still for so long is a lost camera, 0 =
                              MODBUS_CAMERA_HEARTBEAT_MS */
    struct camera_orders_options orders;
};

struct modbus_camera;

/* Reads are AUTH_WIRED for an RTU line (own or shared) with identity.wired, otherwise AUTH_NONE;
 * `wired` over TCP is refused. Opens nothing yet; the sink must outlive the camera. ERR_INVALID,
 * ERR_NO_MEMORY, ERR_IO (eventfd), ERR_UNSUPPORTED (the system lacks GBK). */
int modbus_camera_create(const struct modbus_camera_options *options,
                         const struct camera_sink *sink, struct modbus_camera **out,
                         struct err_text *err) MUST_CHECK;
/* ERR_IO; ERR_INVALID for a shared one, which modbus_camera_polled() hands to its bus instead. */
int modbus_camera_start(struct modbus_camera *camera) MUST_CHECK;
void modbus_camera_polled(struct modbus_camera *camera, struct poll_device *out);
/* Asks for a read now: the coil is written at once, or within the poll's pace on a shared line. Any
 * thread. ERR_UNSUPPORTED: no coil for it; ERR_BUSY: one is waiting already. */
int modbus_camera_trigger(struct modbus_camera *camera) MUST_CHECK;
/* Lights on or off until told otherwise, or by plan again. Any thread. ERR_UNSUPPORTED. */
int modbus_camera_light(struct modbus_camera *camera, enum camera_light light) MUST_CHECK;
void modbus_camera_stop(struct modbus_camera *camera);    /* within one exchange */
void modbus_camera_destroy(struct modbus_camera *camera); /* stopped; NULL is fine */
void modbus_camera_stats(const struct modbus_camera *camera, struct camera_stats *out);
struct thread *modbus_camera_thread(struct modbus_camera *camera);
