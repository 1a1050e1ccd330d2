/* See guard.h. */
#include "gateway/lane/guard.h"

#include <stdio.h>
#include <string.h>

enum {
    UNDER = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE),
    HANDS_OFF = INPUT_BIT(INPUT_LOCAL_CONTROL) | INPUT_BIT(INPUT_EMERGENCY_STOP),
    REPEAT_MS = 100 /* between two raises of the guard */
};

void guard_init(struct guard *guard, const struct lane_config *config)
{
    memset(guard, 0, sizeof(*guard));
    guard->config = config;
    guard->free_since.ns = INT64_MAX;
    guard->lower_off.ns = INT64_MIN;
    guard->permit_until.ns = INT64_MAX;
    guard->hand_until.ns = INT64_MIN;
}

static bool active(const struct lane_scan *scan, enum lane_input input)
{
    return (scan->active & scan->wired & INPUT_BIT(input)) != 0;
}

static bool energised(const struct lane_scan *scan, enum lane_output output)
{
    return (scan->outputs & scan->outputs_wired & OUTPUT_BIT(output)) != 0;
}

/* Limits that contradict each other are a fault of the barrier like any other. */
static bool at_fault(const struct lane_scan *scan)
{
    return active(scan, INPUT_FAULT) ||
           (active(scan, INPUT_LIMIT_OPEN) && active(scan, INPUT_LIMIT_CLOSED));
}

/* Rule 7: a lower of ours needs both detectors, now. */
static bool detectors_healthy(const struct lane_scan *scan)
{
    return active(scan, INPUT_PERSON_OK) && active(scan, INPUT_DETECTOR_OK);
}

/* By hand somebody looks on; what says that it is out of order still counts. */
static bool none_unhealthy(const struct lane_scan *scan)
{
    uint32_t both = INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK);
    return (scan->wired & ~scan->active & both) == 0;
}

static bool is_unsafe(const struct guard *g, const struct lane_scan *scan)
{
    if ((scan->active & scan->wired & UNDER) != 0) {
        return true;
    }
    bool by_hand = mono_before(scan->at, g->hand_until);
    return !g->config->raise_maintained &&
           !(by_hand ? none_unhealthy(scan) : detectors_healthy(scan));
}

static bool is_down(const struct lane_scan *scan)
{
    return active(scan, INPUT_LIMIT_CLOSED) && !active(scan, INPUT_LIMIT_OPEN);
}

/* A lower of ours runs, a raise contact was let go of, or somebody's coil is on. */
static bool is_lowering(const struct guard *g, const struct lane_scan *scan)
{
    bool ours = mono_before(scan->at, g->lowering_until) && !is_down(scan);
    return ours || mono_before(scan->at, g->lower_until) || energised(scan, OUTPUT_LOWER);
}

static void add(struct lane_order out[GUARD_ORDERS_MAX], uint32_t *count, const struct guard *guard,
                enum lane_output output, bool on, uint32_t pulse_ms)
{
    if (!(guard->latest.outputs_wired & OUTPUT_BIT(output))) {
        return;
    }
    out[(*count)++] =
        (struct lane_order){.lane = guard->config->lane,
                            .output = output,
                            .on = on,
                            .pulse_ms = pulse_ms,
                            .emergency = true,
                            .expires = mono_add_ms(guard->latest.at, guard->config->order_life_ms)};
}

/* Ordered raises of such a lane are kept, so are the guard's. */
static uint32_t raise_pulse_ms(const struct guard *g)
{
    return g->config->raise_maintained ? 0 : g->config->pulse_ms;
}

/* The guard's raise is over and the boom not up. */
static bool must_repeat(const struct guard *g, const struct lane_scan *scan)
{
    return g->raising && mono_before(scan->at, g->raising_until) &&
           !mono_before(scan->at, g->raise_again) && !energised(scan, OUTPUT_RAISE) &&
           !energised(scan, OUTPUT_STOP);
}

/* A lower by hand that nobody renewed: stopped, again on every scan until that is acknowledged. */
static void end_permit(struct guard *g, const struct lane_scan *scan,
                       struct lane_order out[GUARD_ORDERS_MAX], uint32_t *count)
{
    if (mono_before(scan->at, g->permit_until)) {
        return;
    }
    if (is_down(scan)) {
        g->permit_until.ns = INT64_MAX;
        return;
    }
    add(out, count, g, OUTPUT_LOWER, false, 0);
    add(out, count, g, OUTPUT_STOP, true, g->config->stop_pulse_ms);
}

static void note_free(struct guard *g, const struct lane_scan *scan)
{
    if ((scan->active & scan->wired & UNDER) != 0) {
        g->free_since.ns = INT64_MAX;
    } else if (g->free_since.ns == INT64_MAX) {
        g->free_since = scan->at;
    }
}

uint32_t guard_scan(void *ctx, const struct lane_scan *scan,
                    struct lane_order out[GUARD_ORDERS_MAX])
{
    struct guard *g = ctx;
    uint32_t count = 0;
    g->latest = *scan;
    if (!scan->contact) {
        g->free_since.ns = INT64_MAX;
        return 0;
    }
    note_free(g, scan);
    /* Not while the pulse of its raise runs: the limit the boom had just left may still bounce. */
    bool pulsed = !g->config->raise_maintained && mono_before(scan->at, g->raise_again);
    if (active(scan, INPUT_LIMIT_OPEN) && !pulsed) {
        g->raising = false;
    }
    bool danger = is_unsafe(g, scan) && is_lowering(g, scan);
    bool again = g->raising && g->raise_failed && mono_before(scan->at, g->raising_until);
    if (active(scan, INPUT_EMERGENCY_STOP)) { /* released, it does not go on by itself */
        g->raising = false;
        g->raise_failed = false;
    }
    if ((scan->active & scan->wired & HANDS_OFF) != 0) {
        return 0;
    }
    if (!danger && !again) {
        if (must_repeat(g, scan)) {
            add(out, &count, g, OUTPUT_RAISE, true, raise_pulse_ms(g));
        } else {
            end_permit(g, scan, out, &count);
        }
        return count;
    }
    if (danger) {
        g->raising_until = mono_add_ms(scan->at, 2 * (int64_t)g->config->travel_ms);
    }
    g->raising = true;
    g->raise_failed = false;
    g->lowering_until = scan->at;
    g->permit_until.ns = INT64_MAX; /* it is raised from here */
    add(out, &count, g, OUTPUT_LOWER, false, 0);
    add(out, &count, g, OUTPUT_STOP, true, g->config->stop_pulse_ms);
    add(out, &count, g, OUTPUT_RAISE, true, raise_pulse_ms(g));
    return count;
}

static bool veto(char reason[GUARD_REASON_SIZE], const char *why)
{
    (void)snprintf(reason, GUARD_REASON_SIZE, "%s", why); /* constant texts fit */
    return false;
}

static bool allows_raise(const struct guard *g, const struct lane_order *order,
                         const struct lane_scan *latest, struct mono_time now,
                         char reason[GUARD_REASON_SIZE])
{
    bool released = !mono_before(g->lower_off, latest->at); /* since the module was read */
    if (mono_before(now, g->lower_until) || (energised(latest, OUTPUT_LOWER) && !released)) {
        return veto(reason, "lower is energised");
    }
    if (at_fault(latest) && !order->emergency) {
        return veto(reason, "the barrier reports a fault");
    }
    return true;
}

/* Rules 1, 3 and 4 for all that makes the boom come down. */
static bool way_is_clear(const struct guard *g, const struct lane_scan *latest,
                         struct mono_time now, char reason[GUARD_REASON_SIZE])
{
    if ((latest->wired & ~latest->active & INPUT_BIT(INPUT_MAINS_OK)) != 0) {
        return veto(reason, "the mains are lost");
    }
    if ((latest->active & latest->wired & UNDER) != 0) {
        return veto(reason, "something is under the boom");
    }
    if (g->free_since.ns == INT64_MAX ||
        mono_diff_ms(now, g->free_since) < (int64_t)g->config->clear_ms) {
        return veto(reason, "not clear under the boom for long enough");
    }
    if (at_fault(latest) || active(latest, INPUT_BOOM_OFF)) {
        return veto(reason, "the barrier reports a fault");
    }
    return true;
}

static bool is_open(const struct lane_scan *latest, char reason[GUARD_REASON_SIZE])
{
    return active(latest, INPUT_LIMIT_OPEN) || veto(reason, "the boom is not fully open");
}

/* A lower by hand is for one beat, in its pulse as in its permit. */
static bool allows_by_hand(const struct guard *g, const struct lane_order *order,
                           const struct lane_scan *latest, struct mono_time now,
                           char reason[GUARD_REASON_SIZE])
{
    if (!g->config->manual_lower) {
        return veto(reason, "this lane declares no lowering by hand");
    }
    if (order->pulse_ms == 0 || order->pulse_ms > LANE_BEAT_LOST_MS ||
        mono_diff_ms(order->expires, now) > LANE_BEAT_LOST_MS) {
        return veto(reason, "a lower by hand for longer than a beat");
    }
    return none_unhealthy(latest) || veto(reason, "a detector is not healthy");
}

static bool allows_automatic(const struct guard *g, const struct lane_scan *latest,
                             char reason[GUARD_REASON_SIZE])
{
    if (!g->config->lower_automatically) {
        return veto(reason, "this lane declares no lowering by the gateway");
    }
    if (!detectors_healthy(latest)) {
        return veto(reason, "a detector is not healthy");
    }
    return is_open(latest, reason);
}

static bool allows_lower(const struct guard *g, const struct lane_order *order,
                         const struct lane_scan *latest, struct mono_time now,
                         char reason[GUARD_REASON_SIZE])
{
    bool may = order->hold_to_run ? allows_by_hand(g, order, latest, now, reason)
                                  : allows_automatic(g, latest, reason);
    if (!may) {
        return false;
    }
    if (g->config->feedback != FEEDBACK_BOTH || g->config->raise_maintained) {
        return veto(reason, "this barrier is not lowered by an output");
    }
    if (mono_before(now, g->raise_until) || energised(latest, OUTPUT_RAISE) || g->raising) {
        return veto(reason, "raise is energised");
    }
    return way_is_clear(g, latest, now, reason);
}

/* Letting go of a maintained raise is a lower. Under emergency stop and local control the barrier's
 * own hardware holds the boom, and our order must not go on when the key is turned back. */
static bool allows_off(const struct guard *g, const struct lane_order *order,
                       const struct lane_scan *latest, struct mono_time now,
                       char reason[GUARD_REASON_SIZE])
{
    if (order->output != OUTPUT_RAISE || !g->config->raise_maintained) {
        return true;
    }
    if (mono_before(order->expires, now)) {
        return veto(reason, "the order came too late");
    }
    if (!latest->contact) {
        return veto(reason, "no contact with the lane's devices");
    }
    if ((latest->active & latest->wired & HANDS_OFF) != 0) {
        return true;
    }
    return way_is_clear(g, latest, now, reason) && is_open(latest, reason);
}

bool guard_allows(void *ctx, const struct lane_order *order, const struct lane_scan *latest,
                  struct mono_time now, char reason[GUARD_REASON_SIZE])
{
    const struct guard *g = ctx;
    bool motion = order->output == OUTPUT_RAISE || order->output == OUTPUT_LOWER;
    if (!order->on) {
        return allows_off(g, order, latest, now, reason);
    }
    if (mono_before(order->expires, now)) {
        return veto(reason, "the order came too late");
    }
    if (!motion) {
        return true;
    }
    if (!latest->contact) {
        return veto(reason, "no contact with the lane's devices");
    }
    if (active(latest, INPUT_LOCAL_CONTROL)) {
        return veto(reason, "the barrier is under local control");
    }
    if (active(latest, INPUT_EMERGENCY_STOP)) {
        return veto(reason, "the emergency stop is pressed");
    }
    return order->output == OUTPUT_RAISE ? allows_raise(g, order, latest, now, reason)
                                         : allows_lower(g, order, latest, now, reason);
}

/* A write that failed may have acted all the same. */
static void note_coil(struct mono_time *until, const struct guard *g,
                      const struct lane_order *order, bool done, struct mono_time now)
{
    if (order->on && order->pulse_ms == 0) {
        until->ns = INT64_MAX;
    } else if (order->on) {
        *until = mono_add_ms(now, (int64_t)order->pulse_ms + g->config->coil_grace_ms);
    } else if (done) {
        *until = now;
    }
}

static void note_permit(struct guard *g, const struct lane_order *order, struct mono_time now)
{
    g->permit_until.ns = order->hold_to_run ? order->expires.ns : INT64_MAX;
    g->hand_until = order->hold_to_run
                        ? mono_add_ms(now, (int64_t)order->pulse_ms + g->config->coil_grace_ms)
                        : now;
}

void guard_wrote(void *ctx, const struct lane_order *order, bool done, struct mono_time now)
{
    struct guard *g = ctx;
    if (order->output == OUTPUT_LOWER) {
        note_coil(&g->lower_until, g, order, done, now);
        if (!order->on && done) {
            g->lower_off = now;
        }
        if (order->on) {
            g->lower_off.ns = INT64_MIN; /* what the module said of before counts again */
            g->lowering_until = mono_add_ms(now, g->config->travel_ms);
            note_permit(g, order, now);
        }
    } else if (order->output == OUTPUT_RAISE) {
        note_coil(&g->raise_until, g, order, done, now);
        if (!order->on && g->config->raise_maintained) { /* it closes by itself from here */
            g->lowering_until =
                mono_add_ms(now, (int64_t)g->config->auto_close_ms + g->config->travel_ms);
        }
        if (order->on && done) {
            g->lowering_until = now;
            g->permit_until.ns = INT64_MAX;
        }
        if (order->on && g->raising) {
            g->raise_failed = !done;
            g->raise_again = mono_add_ms(now, (int64_t)order->pulse_ms + REPEAT_MS);
        }
    } else if (order->output == OUTPUT_STOP && order->on && done) {
        g->lowering_until = now;
        g->permit_until.ns = INT64_MAX;
    }
}
