/*
 * Which of the uplink's alarms stand, and whether headquarters is reached. Several channels talk to
 * headquarters at once; an alarm about the link stands while any of them has that fault, and is
 * told once when it begins and once when it ends. Any thread.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "gateway/base/log.h"

enum {
    UPLINK_CHANNELS_MAX = 16,
    UPLINK_EVENTS_FIRST = 700,
    UPLINK_EVENTS_COUNT = 32,
    UPLINK_DETAIL_SIZE = 320
};

/* An alarm begins, or ends. By whichever thread found out; must not block. */
typedef void (*uplink_report)(void *ctx, enum log_event_id event, bool active, const char *detail);

struct uplink_alarms {
    pthread_mutex_t lock;
    unsigned raised_by[UPLINK_EVENTS_COUNT]; /* a bit a channel */
    unsigned reached;                        /* channels whose last request was answered */
    char detail[UPLINK_DETAIL_SIZE];         /* of the newest fault of the link */
    atomic_uint changes;                     /* relaxed: says that connected or detail changed */
    atomic_uint arrivals;                    /* relaxed: a channel reached headquarters again */
    uplink_report report;
    void *ctx;
};

void uplink_alarms_init(struct uplink_alarms *alarms, uplink_report report, void *ctx);
void uplink_alarms_fini(struct uplink_alarms *alarms);
/* Raises or ends `event` for channel 0 … UPLINK_CHANNELS_MAX - 1. */
void uplink_alarm_set(struct uplink_alarms *alarms, int channel, enum log_event_id event,
                      bool active, const char *detail);
/* What became of the channel's last request: `fault` is one of the link's events, or 0: answered.
 * Ends the link's other events for this channel. */
void uplink_link_state(struct uplink_alarms *alarms, int channel, unsigned fault,
                       const char *detail);
/* Whether every channel that spoke was answered last, and if not, why. */
bool uplink_connected(struct uplink_alarms *alarms, char out_detail[UPLINK_DETAIL_SIZE]);
