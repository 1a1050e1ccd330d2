/*
 * Driver `serial_camera`: an ANPR camera that sends its reads over a serial line in one of the
 * framings of drivers/wire/serial_line.h, as a profile file says (profile.h). One thread a line. A
 * line that vanishes is opened again with a back-off.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "drivers/api/camera.h"
#include "drivers/bus/serial_port.h"
#include "drivers/serial_camera/profile.h"
#include "drivers/wire/serial_line.h"
#include "gateway/base/err.h"
#include "gateway/model/plate_read.h"

enum {
    SERIAL_CAMERA_REPEAT_MS = 5000, /* the same message again within this is a repetition */
    SERIAL_CAMERA_RETRY_FIRST_MS = 100,
    SERIAL_CAMERA_RETRY_LAST_MS = 500,
    SERIAL_CAMERA_TRIGGER_LIFE_MS = 1000 /* not sent by then its vehicle has moved on */
};

struct serial_camera_options {
    struct camera_identity identity;
    struct serial_settings port;
    struct serial_format format;
    bool answer;         /* SERIAL_PROTOCOLLED: acknowledge each message (it repeats until then) */
    uint32_t silence_ms; /* contact is lost when no good message came for so long; 0 = never */
    struct serial_trigger trigger;
    uint32_t trigger_pause_ms; /* between two triggers, at least */
};

struct serial_camera;

/* Reads are AUTH_WIRED when identity.wired, otherwise AUTH_NONE. Opens nothing yet; the sink must
 * outlive the camera. ERR_INVALID, ERR_NO_MEMORY, ERR_IO (eventfd), ERR_UNSUPPORTED
 * (the system lacks its encoding). */
int serial_camera_create(const struct serial_camera_options *options,
                         const struct camera_sink *sink, struct serial_camera **out,
                         struct err_text *err) MUST_CHECK;
int serial_camera_start(struct serial_camera *camera) MUST_CHECK; /* ERR_IO */
void serial_camera_stop(struct serial_camera *camera);            /* ends the thread at once */
void serial_camera_destroy(struct serial_camera *camera);         /* stopped; NULL is fine */
/* Asks for a read now: its trigger frame is sent between two messages; the read comes as any other.
 * Any thread. ERR_UNSUPPORTED: the profile has no trigger; ERR_BUSY: one waits already, or the one
 * before was sent less than the pause ago. One that could not be sent is counted and told. */
int serial_camera_trigger(struct serial_camera *camera) MUST_CHECK;
void serial_camera_stats(const struct serial_camera *camera, struct camera_stats *out);
struct thread *serial_camera_thread(struct serial_camera *camera);
