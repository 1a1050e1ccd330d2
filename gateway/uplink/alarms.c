/* See alarms.h. */
#include "gateway/uplink/alarms.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Faults of the link itself, of which a channel has one at a time. */
static const enum log_event_id link_events[] = {EVENT_UPLINK_DOWN, EVENT_UPLINK_SERVER_REFUSED,
                                                EVENT_UPLINK_REFUSED, EVENT_UPLINK_CERTIFICATE};
enum { LINK_EVENTS = sizeof(link_events) / sizeof(link_events[0]) };

void uplink_alarms_init(struct uplink_alarms *alarms, uplink_report report, void *ctx)
{
    memset(alarms, 0, sizeof(*alarms));
    (void)pthread_mutex_init(&alarms->lock, NULL); /* cannot fail with default attributes */
    alarms->report = report;
    alarms->ctx = ctx;
    (void)snprintf(alarms->detail, sizeof(alarms->detail), "not tried yet"); /* fits */
}

void uplink_alarms_fini(struct uplink_alarms *alarms)
{
    (void)pthread_mutex_destroy(&alarms->lock); /* nobody holds it */
}

/* With the lock held, so that begin and end are told in their order. */
static void set(struct uplink_alarms *alarms, int channel, enum log_event_id event, bool active,
                const char *detail)
{
    int index = (int)event - UPLINK_EVENTS_FIRST;
    assert(index >= 0 && index < UPLINK_EVENTS_COUNT && channel < UPLINK_CHANNELS_MAX);
    unsigned before = alarms->raised_by[index];
    unsigned after = active ? before | 1u << channel : before & ~(1u << channel);
    alarms->raised_by[index] = after;
    if ((before == 0) != (after == 0) && alarms->report)
        alarms->report(alarms->ctx, event, active, detail);
}

void uplink_alarm_set(struct uplink_alarms *alarms, int channel, enum log_event_id event,
                      bool active, const char *detail)
{
    pthread_mutex_lock(&alarms->lock);
    set(alarms, channel, event, active, detail);
    pthread_mutex_unlock(&alarms->lock);
}

static bool any_fault(const struct uplink_alarms *alarms)
{
    for (int i = 0; i < LINK_EVENTS; i++)
        if (alarms->raised_by[(int)link_events[i] - UPLINK_EVENTS_FIRST])
            return true;
    return false;
}

void uplink_link_state(struct uplink_alarms *alarms, int channel, unsigned fault,
                       const char *detail)
{
    pthread_mutex_lock(&alarms->lock);
    bool had_fault = any_fault(alarms);
    bool was_reached = alarms->reached & 1u << channel;
    for (int i = 0; i < LINK_EVENTS; i++)
        set(alarms, channel, link_events[i], link_events[i] == (enum log_event_id)fault, detail);
    if (fault) {
        alarms->reached &= ~(1u << channel);
        (void)snprintf(alarms->detail, sizeof(alarms->detail), "%s", detail); /* cut: still reads */
    } else {
        alarms->reached |= 1u << channel;
        if (!was_reached)
            atomic_fetch_add_explicit(&alarms->arrivals, 1, memory_order_relaxed);
    }
    if (had_fault != any_fault(alarms) || was_reached != !fault)
        atomic_fetch_add_explicit(&alarms->changes, 1, memory_order_relaxed);
    pthread_mutex_unlock(&alarms->lock);
}

bool uplink_connected(struct uplink_alarms *alarms, char out_detail[UPLINK_DETAIL_SIZE])
{
    pthread_mutex_lock(&alarms->lock);
    bool connected = alarms->reached != 0 && !any_fault(alarms);
    memcpy(out_detail, connected ? "" : alarms->detail, connected ? 1 : UPLINK_DETAIL_SIZE);
    pthread_mutex_unlock(&alarms->lock);
    return connected;
}
