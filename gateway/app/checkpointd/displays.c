/*
 * The signs that drivers read: one message to the sign of a lane, their alarms, what status says of
 * them. Each sign's thread is its driver's; nothing here waits, and nothing here decides what a
 * sign says.
 */
#include <stdio.h>

#include "gateway/app/checkpointd/checkpointd.h"

static const struct display *of_lane(const struct checkpointd *c, uint8_t lane)
{
    for (size_t i = 0; i < c->devices.display_count; i++) {
        if (c->devices.displays[i].lane == lane) {
            return &c->devices.displays[i];
        }
    }
    return NULL;
}

int displays_show(struct checkpointd *c, uint8_t lane, const struct display_show *show)
{
    const struct display *display = of_lane(c, lane);
    return display ? display->driver->show(display->state, show) : ERR_NOT_FOUND;
}

/* A sign's thread. */
static void take_contact(void *ctx, uint8_t lane, bool contact, const char *reason)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    event.u.alarm.lane = lane;
    event.u.alarm.event = EVENT_DISPLAY_LOST;
    event.u.alarm.active = !contact;
    snprintf(event.u.alarm.detail, sizeof(event.u.alarm.detail), "%s", reason);
    lane_post(ctx, &event);
}

struct display_sink displays_sink(struct checkpointd *c)
{
    return (struct display_sink){.ctx = c, .contact = take_contact};
}

json_t *displays_json(const struct checkpointd *c)
{
    json_t *displays = json_array();
    for (size_t i = 0; i < c->devices.display_count; i++) {
        const struct display *display = &c->devices.displays[i];
        struct display_stats s;
        display->driver->stats(display->state, &s);
        json_array_append_new(displays,
                              json_pack("{s:i,s:b,s:I,s:I,s:I,s:I}", "lane", (int)display->lane,
                                        "contact", (int)s.contact, "shown", (json_int_t)s.shown,
                                        "replaced", (json_int_t)s.replaced, "errors",
                                        (json_int_t)s.errors, "connects", (json_int_t)s.connects));
    }
    return displays;
}

/* ---- life: main thread ---- */

int displays_start(struct checkpointd *c, struct err_text *err)
{
    for (size_t i = 0; i < c->devices.display_count; i++) {
        const struct display *display = &c->devices.displays[i];
        int rc = display->driver->start(display->state);
        if (rc != 0) {
            return err_set(err, rc, "display of lane %u: cannot start", display->lane);
        }
    }
    return 0;
}

void displays_stop(struct checkpointd *c)
{
    for (size_t i = 0; i < c->devices.display_count; i++) {
        c->devices.displays[i].driver->stop(c->devices.displays[i].state);
    }
}

size_t displays_threads(struct checkpointd *c, struct thread **out)
{
    for (size_t i = 0; i < c->devices.display_count; i++) {
        out[i] = c->devices.displays[i].driver->thread(c->devices.displays[i].state);
    }
    return c->devices.display_count;
}
