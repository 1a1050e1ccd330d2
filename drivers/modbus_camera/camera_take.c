/*
 * What a register camera's answers mean: reads, heartbeat, clock, candidates. See camera_state.h.
 */
#include "drivers/modbus_camera/camera_state.h"

#include <stdio.h>

enum { SEQUENCE_AT = 2 };

static void count(atomic_ullong *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

void camera_tell_contact(struct modbus_camera *c, bool contact, const char *reason)
{
    if (c->contact_told && camera_in_contact(c) == contact) {
        return;
    }
    atomic_store_explicit(&c->contact, contact, memory_order_relaxed);
    c->contact_told = true;
    if (!contact) {
        camera_orders_forget(&c->orders);
    }
    if (c->sink.contact) {
        c->sink.contact(c->sink.ctx, c->options.identity.camera, contact, reason);
    }
}

void camera_tell_fault(struct modbus_camera *c, enum camera_fault fault, const char *detail)
{
    if (c->sink.fault) {
        c->sink.fault(c->sink.ctx, c->options.identity.camera, fault, detail);
    }
}

static uint32_t poll_ms(const struct modbus_camera *c)
{
    return c->options.poll_ms ? c->options.poll_ms : MODBUS_CAMERA_POLL_MS;
}

static uint32_t heartbeat_ms(const struct modbus_camera *c)
{
    return c->options.heartbeat_ms ? c->options.heartbeat_ms : MODBUS_CAMERA_HEARTBEAT_MS;
}

/* Contact is good when the camera answers and, where it has a heartbeat, that goes on. */
static void note_life(struct modbus_camera *c, struct mono_time now)
{
    if (c->version < 2) {
        atomic_store_explicit(&c->life_ns, now.ns, memory_order_relaxed);
    } else if (mono_diff_ms(now, c->beat) > heartbeat_ms(c)) {
        char reason[64];
        (void)snprintf(reason, sizeof(reason), "its heartbeat stands still for %u ms",
                       heartbeat_ms(c));
        camera_tell_contact(c, false, reason);
        return;
    }
    camera_tell_contact(c, true, "");
}

/* ---- reads ---- */

static void hand_on(struct modbus_camera *c, const struct registers_read *found)
{
    if (found->odd.text[0]) {
        count(&c->bad, 1);
        camera_tell_fault(c, CAMERA_FAULT_VALUE, found->odd.text);
    }
    count(&c->reads, 1);
    c->sink.read(c->sink.ctx, &found->read);
}

static void note_offset(struct modbus_camera *c)
{
    int64_t offset_ms = 0;
    uint32_t error_ms = 0;
    if (camera_clock_offset(&c->clock, &offset_ms, &error_ms)) {
        atomic_store_explicit(&c->offset_error_ms, error_ms, memory_order_relaxed);
        atomic_store_explicit(&c->offset_ms, offset_ms, memory_order_relaxed);
    }
}

/* A new read: complete but for its candidates. */
static void take_new(struct modbus_camera *c, struct registers_read *found, struct mono_time asked)
{
    struct plate_read *read = &found->read;
    bool line = c->options.rtu || c->options.shared;
    read->lane = c->options.identity.lane;
    read->camera = c->options.identity.camera;
    read->authenticity = line && c->options.identity.wired ? AUTH_WIRED : AUTH_NONE;
    read->mono = asked;
    read->wall = clock_wall(&clock_system);
    if (read->camera_time.ms > 0) {
        camera_clock_said(&c->clock, read->camera_time.ms, read->wall.ms, 1);
        note_offset(c);
    }
    if (c->options.candidates && found->version > 1) {
        c->waiting = true;
        c->torn = 0;
        c->waiting_read = *found;
    } else {
        hand_on(c, found);
    }
}

static void take_sequence(struct modbus_camera *c, struct registers_read *found,
                          struct mono_time asked)
{
    uint16_t sequence = found->sequence;
    if (c->know_sequence && sequence != c->sequence) {
        uint16_t lost = c->sequence ? camera_registers_lost(c->sequence, sequence) : 0;
        if (lost > 0) {
            char detail[48];
            (void)snprintf(detail, sizeof(detail), "%u reads between two polls", lost);
            count(&c->missed, lost);
            camera_tell_fault(c, CAMERA_FAULT_MISSED, detail);
        }
        take_new(c, found, asked);
    }
    c->know_sequence = true;
    c->sequence = sequence;
}

/* The camera was writing. Asked again at once a few times; one that writes for ever, or never
 * finishes, is told once. True: at once. */
static bool again_at_once(struct modbus_camera *c)
{
    count(&c->torn_looks, 1);
    c->torn++;
    if (c->torn == MODBUS_CAMERA_TORN_AGAIN_MAX + 1) {
        count(&c->bad, 1);
        camera_tell_fault(c, CAMERA_FAULT_BAD, registers_cause_name(REGISTERS_TORN));
    }
    return c->torn <= MODBUS_CAMERA_TORN_AGAIN_MAX;
}

static void take_no_map(struct modbus_camera *c, enum registers_cause cause)
{
    char reason[64];
    (void)snprintf(reason, sizeof(reason), "register map: %s", registers_cause_name(cause));
    count(&c->errors, 1);
    camera_tell_contact(c, false, reason);
}

/* A vehicle passed and its text is broken: counted once, not polled for ever. */
static void take_broken(struct modbus_camera *c, uint16_t sequence, enum registers_cause cause)
{
    if (!c->know_sequence || sequence != c->sequence) {
        count(&c->bad, 1);
        camera_tell_fault(c, CAMERA_FAULT_BAD, registers_cause_name(cause));
    }
    c->know_sequence = true;
    c->sequence = sequence;
}

static void note_version(struct modbus_camera *c, uint16_t version, struct mono_time asked)
{
    if (version > 1 && c->version < 2) { /* its heartbeat has the time from now on */
        c->beat = asked;
        c->know_heartbeat = false;
        c->status_due = asked;
    }
    c->version = version ? version : c->version;
}

/* Returns in how many ms the next look is due. */
uint32_t camera_take_registers(struct modbus_camera *c, const uint16_t *registers,
                               struct mono_time asked)
{
    struct registers_read found;
    enum registers_cause cause =
        camera_registers_decode(registers, CAMERA_REGISTERS_COUNT, &c->form, &found);
    note_version(c, camera_registers_version(registers, CAMERA_REGISTERS_COUNT), asked);
    if (cause == REGISTERS_TORN) {
        note_life(c, asked);
        return again_at_once(c) ? 0 : poll_ms(c);
    }
    c->torn = 0;
    if (mono_diff_ms(asked, c->last_poll) > MODBUS_CAMERA_STALE_MS) {
        c->know_sequence = false;
    }
    c->last_poll = asked;
    switch (cause) {
    case REGISTERS_OK:
        take_sequence(c, &found, asked);
        break;
    case REGISTERS_EMPTY:
        c->know_sequence = true;
        c->sequence = 0;
        break;
    case REGISTERS_PLATE_LENGTH:
    case REGISTERS_ENCODING:
    case REGISTERS_PLATE_TEXT:
        take_broken(c, registers[SEQUENCE_AT], cause);
        break;
    case REGISTERS_TOO_FEW:
    case REGISTERS_BAD_MAGIC:
    case REGISTERS_BAD_VERSION:
    case REGISTERS_TORN:
    case REGISTERS_CAUSE_COUNT:
        take_no_map(c, cause);
        return MODBUS_CAMERA_RETRY_LAST_MS;
    }
    note_life(c, asked);
    return poll_ms(c);
}

/* ---- the rest of version 2 ---- */

void camera_take_status(struct modbus_camera *c, const uint16_t *registers, struct mono_time asked)
{
    struct mono_time now = clock_mono(&clock_system);
    struct registers_status status;
    c->status_due = mono_add_ms(asked, MODBUS_CAMERA_STATUS_MS);
    if (camera_status_decode(registers, CAMERA_STATUS_COUNT, &status) != REGISTERS_OK) {
        count(&c->torn_looks, 1);
        if (++c->status_torn <= MODBUS_CAMERA_TORN_AGAIN_MAX) {
            c->status_due = now;
        }
        note_life(c, asked);
        return;
    }
    c->status_torn = 0;
    if (!c->know_heartbeat || status.heartbeat != c->heartbeat) {
        c->beat = asked;
        atomic_store_explicit(&c->life_ns, asked.ns, memory_order_relaxed);
    }
    c->know_heartbeat = true;
    c->heartbeat = status.heartbeat;
    if (status.now_ms > 0) {
        int64_t took_ms = mono_diff_ms(now, asked);
        camera_clock_asked(&c->clock, status.now_ms, clock_wall(&clock_system).ms - took_ms / 2,
                           (uint32_t)took_ms);
        note_offset(c);
    }
    note_life(c, asked);
}

/* A vehicle does not wait for its candidates longer than a few looks. */
void camera_take_candidates(struct modbus_camera *c, const uint16_t *registers)
{
    if (camera_candidates_decode(registers, CAMERA_CANDIDATES_COUNT, &c->form, &c->waiting_read) !=
            REGISTERS_OK &&
        c->torn < MODBUS_CAMERA_TORN_AGAIN_MAX) {
        c->torn++;
        count(&c->torn_looks, 1);
        return;
    }
    c->torn = 0;
    c->waiting = false;
    hand_on(c, &c->waiting_read);
}

void camera_take_no_candidates(struct modbus_camera *c)
{
    if (c->waiting) {
        c->waiting = false;
        hand_on(c, &c->waiting_read);
    }
}

void camera_take_no_status(struct modbus_camera *c, struct mono_time asked)
{
    c->status_due = mono_add_ms(asked, MODBUS_CAMERA_STATUS_MS);
    note_life(c, asked);
}
