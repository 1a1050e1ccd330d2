/*
 * See duty.h.
 */
#include "gateway/handling/duty.h"

#include <string.h>

void duty_init(struct duty *d, int64_t well_after_ms, int64_t well_within_ms)
{
    *d = (struct duty){.well_after_ms = well_after_ms, .well_within_ms = well_within_ms};
}

const struct duty_call *duty_find(const struct duty *d, enum duty_kind kind, uint64_t id)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->calls[i].kind == kind && d->calls[i].id == id) {
            return &d->calls[i];
        }
    }
    return NULL;
}

/* A second press of the same officer at the same lane is the same call. */
static const struct duty_call *find_same(const struct duty *d, const struct duty_call *call)
{
    for (size_t i = 0; call->kind == DUTY_HELP && i < d->count; i++) {
        const struct duty_call *other = &d->calls[i];
        if (other->kind == DUTY_HELP && other->lane == call->lane &&
            strcmp(other->officer, call->officer) == 0) {
            return other;
        }
    }
    return duty_find(d, call->kind, call->id);
}

/* The first backup begins the asking; a later one does not put it off. */
static void begin_asking(struct duty *d, struct mono_time now)
{
    if (d->well == DUTY_WELL_OFF) {
        d->well = DUTY_WELL_RUNS;
        d->due = mono_add_ms(now, d->well_after_ms);
    }
}

int duty_call(struct duty *d, const struct duty_call *call, struct mono_time now,
              const struct duty_call **out_call)
{
    const struct duty_call *same = find_same(d, call);
    if (out_call) {
        *out_call = same;
    }
    if (same) {
        return ERR_CONFLICT;
    }
    if (duty_standing(d, call->kind, DUTY_LANE_ANY) ==
        (call->kind == DUTY_HELP ? DUTY_HELPS_MAX : DUTY_BACKUPS_MAX)) {
        return ERR_FULL;
    }
    if (call->kind == DUTY_BACKUP) {
        begin_asking(d, now);
    }
    d->calls[d->count] = *call;
    if (out_call) {
        *out_call = &d->calls[d->count];
    }
    d->count++;
    return 0;
}

int duty_end(struct duty *d, enum duty_kind kind, uint64_t id)
{
    const struct duty_call *call = duty_find(d, kind, id);
    if (!call) {
        return ERR_NOT_FOUND;
    }
    size_t at = (size_t)(call - d->calls);
    d->count--;
    memmove(&d->calls[at], &d->calls[at + 1], (d->count - at) * sizeof(d->calls[0]));
    if (duty_standing(d, DUTY_BACKUP, DUTY_LANE_ANY) == 0) {
        d->well = DUTY_WELL_OFF;
    }
    return 0;
}

int duty_say_well(struct duty *d, struct mono_time now)
{
    if (d->well == DUTY_WELL_OFF) {
        return ERR_NOT_FOUND;
    }
    d->well = DUTY_WELL_RUNS;
    d->due = mono_add_ms(now, d->well_after_ms);
    return 0;
}

void duty_restore_well(struct duty *d, enum duty_well told, struct mono_time now)
{
    if (duty_standing(d, DUTY_BACKUP, DUTY_LANE_ANY) == 0) {
        d->well = DUTY_WELL_OFF;
        return;
    }
    d->well = told == DUTY_WELL_LEADER || told == DUTY_WELL_HQ ? told : DUTY_WELL_ASKED;
    d->due = mono_add_ms(now, d->well_within_ms);
}

bool duty_tick(struct duty *d, struct mono_time now)
{
    if (d->well == DUTY_WELL_OFF || d->well == DUTY_WELL_HQ || mono_before(now, d->due)) {
        return false;
    }
    /* From when it was due, so that a late look puts nothing off. */
    d->due = mono_add_ms(d->due, d->well_within_ms);
    d->well++;
    return true;
}

size_t duty_standing(const struct duty *d, enum duty_kind kind, int lane)
{
    size_t count = 0;
    for (size_t i = 0; i < d->count; i++) {
        count += d->calls[i].kind == kind && (lane == DUTY_LANE_ANY || d->calls[i].lane == lane);
    }
    return count;
}
