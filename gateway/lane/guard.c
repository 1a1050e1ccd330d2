/* See guard.h. */
#include "gateway/lane/guard.h"

#include <stdio.h>
#include <string.h>

enum {
    UNDER = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE),
    HANDS_OFF = INPUT_BIT(INPUT_LOCAL_CONTROL) | INPUT_BIT(INPUT_EMERGENCY_STOP)
};

void guard_init(struct guard *guard, const struct lane_config *config)
{
    memset(guard, 0, sizeof(*guard));
    guard->config = config;
    guard->free_since.ns = INT64_MAX;
}

static bool active(const struct lane_scan *scan, enum lane_input input)
{
    return (scan->active & scan->wired & INPUT_BIT(input)) != 0;
}

static bool energised(const struct lane_scan *scan, enum lane_output output)
{
    return (scan->outputs & scan->outputs_wired & OUTPUT_BIT(output)) != 0;
}

/* A lower of ours runs, or somebody's coil is on. */
static bool is_lowering(const struct guard *g, const struct lane_scan *scan)
{
    bool down = active(scan, INPUT_LIMIT_CLOSED) && !active(scan, INPUT_LIMIT_OPEN);
    bool ours = mono_before(scan->at, g->lowering_until) && !down;
    return ours || g->lower_on || energised(scan, OUTPUT_LOWER);
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
    bool under = (scan->active & scan->wired & UNDER) != 0;
    if (under) {
        g->free_since.ns = INT64_MAX;
    } else if (g->free_since.ns == INT64_MAX) {
        g->free_since = scan->at;
    }
    if (active(scan, INPUT_LIMIT_OPEN)) {
        g->raising = false;
    }
    bool danger = under && is_lowering(g, scan);
    bool again = g->raising && g->raise_failed;
    if ((!danger && !again) || (scan->active & scan->wired & HANDS_OFF) != 0) {
        return 0;
    }
    g->raising = true;
    g->raise_failed = false;
    g->lowering_until = scan->at;
    add(out, &count, g, OUTPUT_LOWER, false, 0);
    add(out, &count, g, OUTPUT_STOP, true, g->config->stop_pulse_ms);
    add(out, &count, g, OUTPUT_RAISE, true, g->config->pulse_ms);
    return count;
}

static bool veto(char reason[GUARD_REASON_SIZE], const char *why)
{
    (void)snprintf(reason, GUARD_REASON_SIZE, "%s", why); /* constant texts fit */
    return false;
}

static bool allows_raise(const struct guard *g, const struct lane_order *order,
                         const struct lane_scan *latest, char reason[GUARD_REASON_SIZE])
{
    if (g->lower_on || (energised(latest, OUTPUT_LOWER) && !g->raising)) {
        return veto(reason, "lower is energised");
    }
    if (active(latest, INPUT_FAULT) && !order->emergency) {
        return veto(reason, "the barrier reports a fault");
    }
    return true;
}

static bool allows_lower(const struct guard *g, const struct lane_scan *latest,
                         struct mono_time now, char reason[GUARD_REASON_SIZE])
{
    if (g->raise_on || energised(latest, OUTPUT_RAISE) || g->raising) {
        return veto(reason, "raise is energised");
    }
    if ((latest->active & latest->wired & UNDER) != 0) {
        return veto(reason, "something is under the boom");
    }
    if (g->free_since.ns == INT64_MAX ||
        mono_diff_ms(now, g->free_since) < (int64_t)g->config->clear_ms) {
        return veto(reason, "not clear under the boom for long enough");
    }
    if (active(latest, INPUT_FAULT) || active(latest, INPUT_BOOM_OFF)) {
        return veto(reason, "the barrier reports a fault");
    }
    if (!active(latest, INPUT_LIMIT_OPEN)) {
        return veto(reason, "the boom is not fully open");
    }
    return true;
}

bool guard_allows(void *ctx, const struct lane_order *order, const struct lane_scan *latest,
                  struct mono_time now, char reason[GUARD_REASON_SIZE])
{
    const struct guard *g = ctx;
    bool motion = order->output == OUTPUT_RAISE || order->output == OUTPUT_LOWER;
    if (!order->on) {
        return true;
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
    return order->output == OUTPUT_RAISE ? allows_raise(g, order, latest, reason)
                                         : allows_lower(g, latest, now, reason);
}

void guard_wrote(void *ctx, const struct lane_order *order, bool done, struct mono_time now)
{
    struct guard *g = ctx;
    if (order->output == OUTPUT_LOWER) {
        /* A write that failed may have acted all the same. */
        g->lower_on = order->on || (g->lower_on && !done);
        if (order->on) {
            g->lowering_until = mono_add_ms(now, g->config->travel_ms);
        }
    } else if (order->output == OUTPUT_RAISE) {
        g->raise_on = order->on || (g->raise_on && !done);
        if (order->on && done) {
            g->lowering_until = now;
        }
        if (order->on && g->raising) {
            g->raise_failed = !done;
        }
    } else if (order->output == OUTPUT_STOP && order->on && done) {
        g->lowering_until = now;
    }
}
