/*
 * Alarm states. State: struct alarms.
 */
#include "gateway/wanted/alarms.h"

#include <assert.h>

static bool *slot_of(const struct alarms *alarms, enum log_event_id event)
{
    int at = (int)event - ALARMS_FIRST;
    assert(at >= 0 && at < ALARMS_COUNT);
    return (bool *)(uintptr_t)&alarms->active[at];
}

void alarms_set(struct alarms *alarms, enum log_event_id event, bool active, const char *detail)
{
    bool *slot = slot_of(alarms, event);
    if (*slot == active) {
        return;
    }
    *slot = active;
    if (alarms->report) {
        alarms->report(alarms->ctx, event, active, detail);
    }
}

void alarms_raise(struct alarms *alarms, enum log_event_id event, const char *detail)
{
    alarms_set(alarms, event, true, detail);
}

void alarms_end(struct alarms *alarms, enum log_event_id event)
{
    alarms_set(alarms, event, false, "");
}

bool alarms_active(const struct alarms *alarms, enum log_event_id event)
{
    return *slot_of(alarms, event);
}

void alarms_link(struct alarms *alarms, int code, const char *detail)
{
    if (code == ERR_BUSY) {
        return;
    }
    alarms_set(alarms, EVENT_WANTED_REDIS_DENIED, code == ERR_DENIED, detail);
    alarms_set(alarms, EVENT_WANTED_REDIS_FULL, code == ERR_FULL, detail);
    alarms_set(alarms, EVENT_WANTED_REDIS_DOWN,
               code != ERR_OK && code != ERR_DENIED && code != ERR_FULL, detail);
}
