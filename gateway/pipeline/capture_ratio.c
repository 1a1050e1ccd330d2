/* Counting vehicles and reads of a lane by the hour: told to the consoles as it goes, on record
 * when the hour is over, alarmed when too few were read. See captures.h. */
#include <stdio.h>

#include "gateway/pipeline/state.h"

static void tell(struct pipeline *p, const struct lane_slot *slot, bool over)
{
    struct fact *fact = begin_fact(p, FACT_CAPTURE, slot->options.lane.lane);
    fact->class = LANE_CLASS_ROUTINE;
    fact->to_journal = over;
    fact->u.captures = slot->captures;
    (void)send_fact(p); /* counted; nobody waits for it */
}

static void alarm_low(struct pipeline *p, struct lane_slot *slot, bool low)
{
    const struct capture_hour *hour = &slot->captures.hour;
    char detail[FACT_DETAIL_SIZE];
    if (slot->captures.low == low)
        return;
    slot->captures.low = low;
    snprintf(detail, sizeof detail, "captured=%u vehicles=%u expected_percent=%u",
             hour->captured, hour->vehicles, hour->percent);
    raise_alarm(p, slot->options.lane.lane, EVENT_LANE_CAPTURE_LOW, low, 0, low ? detail : NULL);
}

/* A low one is alarmed as soon as enough vehicles say so, and ends with a whole hour that is good.
 */
void end_capture_hour(struct pipeline *p, struct lane_slot *slot)
{
    struct captures *c = &slot->captures;
    const struct capture_options *options = &slot->options.captures;
    uint16_t minute;
    uint8_t weekday;
    if (!captures_hour_is_over(c, p->wall)) { /* the clock was set back meanwhile */
        slot->hour_ends = mono_add_ms(p->now, CAPTURE_HOUR_MS - p->wall.ms % CAPTURE_HOUR_MS);
        return;
    }
    if (c->hour.vehicles > 0 || c->hour.captured > 0) {
        if (captures_judge(options, &c->hour) == CAPTURE_GOOD)
            alarm_low(p, slot, false);
        tell(p, slot, true);
    }
    p->sinks.local_time(p->sinks.ctx, p->wall, &minute, &weekday);
    captures_begin(c, options, p->wall, minute);
    slot->hour_ends = mono_add_ms(p->now, CAPTURE_HOUR_MS - p->wall.ms % CAPTURE_HOUR_MS);
}

static void add(struct pipeline *p, struct lane_slot *slot, uint32_t vehicles, uint32_t captured)
{
    if (captures_hour_is_over(&slot->captures, p->wall))
        end_capture_hour(p, slot);
    captures_add(&slot->captures, vehicles, captured);
    tell(p, slot, false);
}

void count_leaving(struct pipeline *p, struct lane_slot *slot)
{
    struct captures *c = &slot->captures;
    uint64_t left = slot->vehicles.left_count - c->left_seen;
    c->left_seen = slot->vehicles.left_count;
    if (left == 0 || slot->state.out_of_service) /* who works there moves the loops */
        return;
    add(p, slot, (uint32_t)left, 0);
    if (captures_judge(&slot->options.captures, &c->hour) == CAPTURE_LOW)
        alarm_low(p, slot, true);
}

static bool counts_as_read(const struct vehicle_read *read)
{
    return read->authenticity != AUTH_NONE &&
           (read->kind == PLATE_KEY || read->kind == PLATE_NO_PLATE);
}

/* A vehicle the camera says has no plate is read too. One in doubt may be another that is. What
 * nobody vouches for does not count: a flood of it must not hide a camera that sees nothing. */
void count_captured(struct pipeline *p, struct lane_slot *slot, struct vehicle *v)
{
    bool read = false;
    for (int i = 0; i < v->read_count; i++)
        read |= counts_as_read(&v->reads[i]);
    if (!read || v->captured || v->unplaced || slot->state.out_of_service)
        return;
    v->captured = true;
    add(p, slot, 0, 1);
}
