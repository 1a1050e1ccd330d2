/*
 * Thread "cameras": reads of the serial and Modbus cameras out to checkpoint-matchd over the socket
 * `reads`, and the alarms of those cameras. The camera threads (a bus thread for a camera on its
 * line) queue reads and note faults; this thread alone owns the socket and tells the lanes. What
 * matchd cannot take is dropped, counted and alarmed: a read that comes late meets the wrong
 * vehicle.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/log.h"
#include "gateway/base/unix_socket.h"
#include "gateway/model/read_message.h"

enum {
    WAIT_MS = 50,
    RECONNECT_MS = 250,
    /* An alarm ends when its camera was good for so long; the longer time for one that came often
     * within a minute, so that a loose plug does not fill the journal. */
    CALM_MS = 500,
    CALM_FLAPPING_MS = 60000,
    OFTEN = 8
};

static const enum log_event_id camera_events[CAMERA_ALARM_COUNT] = {
    [CAMERA_ALARM_LOST] = EVENT_CAMERA_LOST,
    [CAMERA_ALARM_GARBLED] = EVENT_CAMERA_GARBLED,
    [CAMERA_ALARM_MISSED] = EVENT_CAMERA_MISSED,
    [CAMERA_ALARM_ORDER] = EVENT_CAMERA_ORDER_FAILED,
    [CAMERA_ALARM_CLOCK] = EVENT_CAMERA_CLOCK_OFF};

/* ---- notes of faults: any thread, under the lock ---- */

static struct camera_note *note_of(struct checkpointd *c, uint16_t camera)
{
    for (size_t i = 0; i < c->config.camera_count; i++) {
        if (c->config.cameras[i].id == camera) {
            return &c->cameras.notes[i];
        }
    }
    return NULL;
}

static void take_contact(void *ctx, uint16_t camera, bool contact, const char *reason)
{
    struct checkpointd *c = ctx;
    pthread_mutex_lock(&c->cameras.lock);
    struct camera_note *note = note_of(c, camera);
    if (note) {
        note->lost = !contact;
        snprintf(note->why_lost, sizeof(note->why_lost), "%s", reason);
    }
    pthread_mutex_unlock(&c->cameras.lock);
}

static void take_fault(void *ctx, uint16_t camera, enum camera_fault fault, const char *detail)
{
    struct checkpointd *c = ctx;
    pthread_mutex_lock(&c->cameras.lock);
    struct camera_note *note = note_of(c, camera);
    if (note && (fault == CAMERA_FAULT_BAD || fault == CAMERA_FAULT_VALUE)) {
        note->bad++;
        snprintf(note->why_bad, sizeof(note->why_bad), "%s", detail);
    } else if (note && fault == CAMERA_FAULT_ORDER) {
        note->orders_failed++;
        snprintf(note->why_order, sizeof(note->why_order), "%s", detail);
    } else if (note) {
        note->missed++;
        snprintf(note->why_missed, sizeof(note->why_missed), "%s", detail);
    }
    pthread_mutex_unlock(&c->cameras.lock);
}

static void take_read(void *ctx, const struct plate_read *read)
{
    struct checkpointd *c = ctx;
    if (queue_push(c->cameras.reads, read) != 0) {
        atomic_fetch_add_explicit(&c->cameras.dropped, 1, memory_order_relaxed);
    }
}

struct camera_sink cameras_sink(struct checkpointd *c)
{
    return (struct camera_sink){
        .ctx = c, .read = take_read, .contact = take_contact, .fault = take_fault};
}

/* ---- alarms: thread "cameras" ---- */

static void tell(struct checkpointd *c, uint8_t lane, enum log_event_id alarm, bool active,
                 const char *detail)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    event.u.alarm.lane = lane;
    event.u.alarm.event = alarm;
    event.u.alarm.active = active;
    snprintf(event.u.alarm.detail, sizeof(event.u.alarm.detail), "%s", detail);
    lane_post(c, &event);
}

/* Whether another camera of the lane has this alarm: then it goes on, with that camera's words. */
static const struct camera_alarm *another(const struct checkpointd *c, size_t camera, int kind)
{
    for (size_t i = 0; i < c->config.camera_count; i++) {
        const struct camera_alarm *other = &c->cameras.alarms[i][kind];
        if (i != camera && c->config.cameras[i].lane == c->config.cameras[camera].lane &&
            other->active) {
            return other;
        }
    }
    return NULL;
}

static void raise(struct checkpointd *c, size_t camera, int kind, struct mono_time now,
                  const char *reason)
{
    struct camera_alarm *alarm = &c->cameras.alarms[camera][kind];
    if (alarm->raises == 0 || mono_diff_ms(now, alarm->minute) > CALM_FLAPPING_MS) {
        alarm->minute = now;
        alarm->raises = 0;
    }
    alarm->calm_ms = ++alarm->raises > OFTEN ? CALM_FLAPPING_MS : CALM_MS;
    alarm->active = true;
    snprintf(alarm->detail, sizeof(alarm->detail), "camera %u: %s", c->config.cameras[camera].id,
             reason);
    tell(c, c->config.cameras[camera].lane, camera_events[kind], true, alarm->detail);
}

static void end(struct checkpointd *c, size_t camera, int kind)
{
    uint8_t lane = c->config.cameras[camera].lane;
    struct camera_alarm *alarm = &c->cameras.alarms[camera][kind];
    const struct camera_alarm *other = another(c, camera, kind);
    alarm->active = false;
    tell(c, lane, camera_events[kind], other != NULL, other ? other->detail : alarm->detail);
}

/* `faulty`: now, or since the last look. */
static void follow(struct checkpointd *c, size_t camera, int kind, bool faulty, const char *reason)
{
    struct camera_alarm *alarm = &c->cameras.alarms[camera][kind];
    struct mono_time now = clock_mono(&clock_system);
    if (faulty) {
        alarm->last = now;
    }
    if (faulty && !alarm->active) {
        raise(c, camera, kind, now, reason);
    } else if (alarm->active && mono_diff_ms(now, alarm->last) > alarm->calm_ms) {
        end(c, camera, kind);
    }
}

static void stats_of(const struct wired_camera *camera, struct camera_stats *out)
{
    if (camera->serial) {
        serial_camera_stats(camera->serial, out);
    } else {
        modbus_camera_stats(camera->modbus, out);
    }
}

/* A clock that is off puts the camera's reads in the wrong order, and its records at a wrong time.
 * While ours is not trusted nothing is said of another. */
static void follow_clock(struct checkpointd *c, size_t camera)
{
    uint32_t limit_ms = c->config.cameras[camera].clock_limit_ms;
    struct camera_stats s;
    char reason[CAMERA_REASON_SIZE];
    stats_of(&c->devices.cameras[camera], &s);
    int64_t off_ms = s.clock_offset_ms < 0 ? -s.clock_offset_ms : s.clock_offset_ms;
    bool off = limit_ms > 0 && s.clock_known && off_ms > (int64_t)limit_ms + s.clock_error_ms &&
               atomic_load_explicit(&c->clock_trusted, memory_order_relaxed);
    snprintf(reason, sizeof(reason), "its clock is %lld ms %s ours, +-%u ms", (long long)off_ms,
             s.clock_offset_ms < 0 ? "behind" : "ahead of", s.clock_error_ms);
    follow(c, camera, CAMERA_ALARM_CLOCK, off, reason);
}

/* One record a camera and minute, however much there is. */
static void follow_garbage(struct checkpointd *c, size_t camera, const struct camera_note *note)
{
    struct camera_garbage *garbage = &c->cameras.garbage[camera];
    struct pipeline_event event = {.kind = PIPELINE_REFUSED};
    struct fact_refused *refused = &event.u.refused.refused;
    struct mono_time now = clock_mono(&clock_system);
    if (garbage->count == 0 && note->bad > 0) {
        garbage->due = mono_add_ms(now, c->config.error_report_ms);
        snprintf(garbage->first, sizeof(garbage->first), "%s", note->why_bad);
    }
    garbage->count += note->bad;
    if (garbage->count == 0 || mono_before(now, garbage->due)) {
        return;
    }
    event.u.refused.lane = c->config.cameras[camera].lane;
    refused->camera = c->config.cameras[camera].id;
    refused->count = garbage->count;
    snprintf(refused->cause, sizeof(refused->cause), "line_garbled");
    snprintf(refused->first, sizeof(refused->first), "%s", garbage->first);
    garbage->count = 0;
    lane_post(c, &event);
}

static void look_at_notes(struct checkpointd *c)
{
    for (size_t i = 0; i < c->config.camera_count; i++) {
        pthread_mutex_lock(&c->cameras.lock);
        struct camera_note note = c->cameras.notes[i];
        c->cameras.notes[i].bad = 0;
        c->cameras.notes[i].missed = 0;
        c->cameras.notes[i].orders_failed = 0;
        pthread_mutex_unlock(&c->cameras.lock);
        follow(c, i, CAMERA_ALARM_LOST, note.lost, note.why_lost);
        follow(c, i, CAMERA_ALARM_GARBLED, note.bad > 0, note.why_bad);
        follow(c, i, CAMERA_ALARM_MISSED, note.missed > 0, note.why_missed);
        follow(c, i, CAMERA_ALARM_ORDER, note.orders_failed > 0, note.why_order);
        follow_clock(c, i);
        follow_garbage(c, i, &note);
    }
}

static void follow_dropped(struct checkpointd *c, bool connected)
{
    uint64_t dropped = atomic_load_explicit(&c->cameras.dropped, memory_order_relaxed);
    bool fresh = dropped != c->cameras.dropped_told;
    char detail[FACT_DETAIL_SIZE];
    snprintf(detail, sizeof(detail), "%llu reads dropped since the start%s",
             (unsigned long long)dropped, connected ? "" : ": checkpoint-matchd does not listen");
    if (fresh && !c->cameras.dropping) {
        c->cameras.dropping = true;
        tell(c, 0, EVENT_CAMERA_READS_DROPPED, true, detail);
    } else if (!fresh && c->cameras.dropping && connected) {
        c->cameras.dropping = false;
        tell(c, 0, EVENT_CAMERA_READS_DROPPED, false, detail);
    }
    c->cameras.dropped_told = dropped;
}

/* ---- reads: thread "cameras" ---- */

static void connect_when_due(struct checkpointd *c, bool now)
{
    char path[sizeof(c->config.runtime_dir) + 8];
    struct err_text err;
    struct mono_time at = clock_mono(&clock_system);
    if (c->cameras.fd >= 0 || (!now && mono_before(at, c->cameras.retry_at))) {
        return;
    }
    snprintf(path, sizeof(path), "%s/reads", c->config.runtime_dir);
    if (unix_connect(path, SOCK_SEQPACKET, &c->cameras.fd, &err) != 0) {
        c->cameras.fd = -1; /* that matchd is away the lanes know from its own connection */
        c->cameras.retry_at = mono_add_ms(at, RECONNECT_MS);
    }
}

static void disconnect(struct checkpointd *c)
{
    if (c->cameras.fd >= 0) {
        close(c->cameras.fd);
        c->cameras.fd = -1;
    }
}

/* matchd never writes here: readable means that it has gone. */
static void notice_end(struct checkpointd *c)
{
    uint8_t byte;
    if (c->cameras.fd < 0) {
        return;
    }
    ssize_t got = recv(c->cameras.fd, &byte, 1, MSG_DONTWAIT);
    if (got >= 0 || (errno != EAGAIN && errno != EINTR)) {
        disconnect(c);
    }
}

static bool send_read(struct checkpointd *c, const struct plate_read *read)
{
    struct read_message message;
    memset(&message, 0, sizeof(message)); /* padding too: it leaves the program */
    message.version = READ_MESSAGE_VERSION;
    message.read = *read;
    notice_end(c);
    connect_when_due(c, true);
    if (c->cameras.fd < 0) {
        return false;
    }
    if (send(c->cameras.fd, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL) ==
        (ssize_t)sizeof(message)) {
        return true;
    }
    if (errno != EAGAIN) {
        disconnect(c);
    }
    return false;
}

void cameras_run(struct thread *self, void *arg)
{
    struct checkpointd *c = arg;
    while (!thread_stopping(self)) {
        struct plate_read read;
        thread_alive(self);
        if (queue_pop(c->cameras.reads, &read, WAIT_MS) == 0 && !send_read(c, &read)) {
            atomic_fetch_add_explicit(&c->cameras.dropped, 1, memory_order_relaxed);
        }
        notice_end(c);
        connect_when_due(c, false);
        look_at_notes(c);
        follow_dropped(c, c->cameras.fd >= 0);
    }
    disconnect(c);
}

/* ---- asked by others: any thread ---- */

static const struct wired_camera *find_camera(const struct checkpointd *c, uint16_t camera)
{
    for (size_t i = 0; i < c->devices.camera_count; i++) {
        if (c->config.cameras[i].id == camera) {
            return &c->devices.cameras[i];
        }
    }
    return NULL;
}

int cameras_trigger(struct checkpointd *c, uint16_t camera)
{
    const struct wired_camera *found = find_camera(c, camera);
    if (!found) {
        return ERR_NOT_FOUND;
    }
    return found->modbus ? modbus_camera_trigger(found->modbus)
                         : serial_camera_trigger(found->serial);
}

size_t cameras_trigger_lane(struct checkpointd *c, uint8_t lane)
{
    size_t asked = 0;
    for (size_t i = 0; i < c->devices.camera_count; i++) {
        const struct config_camera *camera = &c->config.cameras[i];
        asked += camera->lane == lane && cameras_trigger(c, camera->id) == ERR_OK;
    }
    return asked;
}

int cameras_light(struct checkpointd *c, uint16_t camera, enum camera_light light)
{
    const struct wired_camera *found = find_camera(c, camera);
    if (!found) {
        return ERR_NOT_FOUND;
    }
    return found->modbus ? modbus_camera_light(found->modbus, light) : ERR_UNSUPPORTED;
}

int cameras_stats(const struct checkpointd *c, uint16_t camera, struct camera_stats *out)
{
    const struct wired_camera *found = find_camera(c, camera);
    if (!found) {
        return ERR_NOT_FOUND;
    }
    stats_of(found, out);
    return ERR_OK;
}

static json_t *number_or_null(bool known, int64_t value)
{
    return known ? json_integer((json_int_t)value) : json_null();
}

static json_t *camera_json(const struct config_camera *config, const struct wired_camera *camera)
{
    static const char *const kinds[] = {[CAMERA_MODBUS_TCP] = "modbus_tcp",
                                        [CAMERA_MODBUS_RTU] = "modbus_rtu",
                                        [CAMERA_SERIAL] = "serial"};
    struct camera_stats s;
    stats_of(camera, &s);
    int64_t silent_ms = mono_diff_ms(clock_mono(&clock_system), s.heard_at);
    return json_pack("{s:i,s:i,s:s,s:b,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "camera",
                     (int)config->id, "lane", (int)config->lane, "kind", kinds[config->kind],
                     "contact", (int)s.contact, "silent_ms", number_or_null(s.heard, silent_ms),
                     "clock_offset_ms", number_or_null(s.clock_known, s.clock_offset_ms),
                     "clock_error_ms", number_or_null(s.clock_known, s.clock_error_ms), "reads",
                     (json_int_t)s.reads, "bad", (json_int_t)s.bad, "errors", (json_int_t)s.errors,
                     "missed", (json_int_t)s.missed, "connects", (json_int_t)s.connects, "torn",
                     (json_int_t)s.torn, "triggers", (json_int_t)s.triggers, "trigger_failures",
                     (json_int_t)s.trigger_failures);
}

json_t *cameras_json(const struct checkpointd *c)
{
    json_t *cameras = json_array();
    for (size_t i = 0; i < c->devices.camera_count; i++) {
        json_array_append_new(cameras, camera_json(&c->config.cameras[i], &c->devices.cameras[i]));
    }
    return cameras;
}

/* ---- life: main thread ---- */

int cameras_init(struct checkpointd *c, struct err_text *err)
{
    c->cameras.fd = -1;
    c->cameras.reads = queue_create(CAMERA_READS_MAX, sizeof(struct plate_read));
    if (!c->cameras.reads || pthread_mutex_init(&c->cameras.lock, NULL) != 0) {
        return err_set(err, ERR_NO_MEMORY, "cameras: no memory");
    }
    return 0;
}

int cameras_start(struct checkpointd *c, struct err_text *err)
{
    for (size_t i = 0; i < c->devices.camera_count; i++) {
        struct wired_camera *camera = &c->devices.cameras[i];
        int rc = 0;
        if (camera->serial) {
            rc = serial_camera_start(camera->serial);
        } else if (c->config.cameras[i].bus[0] == '\0') { /* otherwise its bus polls it */
            rc = modbus_camera_start(camera->modbus);
        }
        if (rc != 0) {
            return err_set(err, rc, "camera %u: cannot start", c->config.cameras[i].id);
        }
    }
    return 0;
}

size_t cameras_threads(struct checkpointd *c, struct thread **out)
{
    size_t count = 0;
    for (size_t i = 0; i < c->devices.camera_count; i++) {
        struct wired_camera *camera = &c->devices.cameras[i];
        if (camera->serial) {
            out[count++] = serial_camera_thread(camera->serial);
        } else if (c->config.cameras[i].bus[0] == '\0') {
            out[count++] = modbus_camera_thread(camera->modbus);
        }
    }
    return count;
}

void cameras_stop(struct checkpointd *c)
{
    for (size_t i = 0; i < c->devices.camera_count; i++) {
        struct wired_camera *camera = &c->devices.cameras[i];
        if (camera->serial) {
            serial_camera_stop(camera->serial);
        } else {
            modbus_camera_stop(camera->modbus);
        }
    }
}
