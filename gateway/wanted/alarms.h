/*
 * Which of the wanted list's alarms stand. Told once when raised and once when ended. Internal to
 * gateway/wanted. One owner thread.
 */
#pragma once

#include "gateway/wanted/store.h"

enum { ALARMS_FIRST = 300, ALARMS_COUNT = 32 };

struct alarms {
    wanted_alarm report; /* may be NULL */
    void *ctx;
    bool active[ALARMS_COUNT];
};

void alarms_raise(struct alarms *alarms, enum log_event_id event, const char *detail);
void alarms_end(struct alarms *alarms, enum log_event_id event);
bool alarms_active(const struct alarms *alarms, enum log_event_id event);
/* Raised with `detail`, or ended. */
void alarms_set(struct alarms *alarms, enum log_event_id event, bool active, const char *detail);
/* The connection's state: WANTED_REDIS_DENIED, _FULL or _DOWN by the code; all ended by ERR_OK.
 * ERR_BUSY of a back-off changes nothing. */
void alarms_link(struct alarms *alarms, int code, const char *detail);
