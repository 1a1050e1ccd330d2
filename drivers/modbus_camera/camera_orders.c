/* Triggers and lights of a camera. See camera_orders.h. */
#include "drivers/modbus_camera/camera_orders.h"

void camera_orders_init(struct camera_orders *orders, const struct camera_orders_options *options)
{
    *orders = (struct camera_orders){.options = *options};
}

/* ---- any thread ---- */

int camera_orders_trigger(struct camera_orders *orders, struct mono_time now)
{
    long long none = 0;
    if (!orders->options.has_trigger) {
        return ERR_UNSUPPORTED;
    }
    return atomic_compare_exchange_strong_explicit(&orders->trigger_ns, &none, now.ns,
                                                   memory_order_relaxed, memory_order_relaxed)
               ? ERR_OK
               : ERR_BUSY;
}

int camera_orders_light(struct camera_orders *orders, enum camera_light light)
{
    if (orders->options.light_count == 0) {
        return ERR_UNSUPPORTED;
    }
    atomic_store_explicit(&orders->light, (int)light, memory_order_relaxed);
    return ERR_OK;
}

/* ---- the camera's thread ---- */

static void count(atomic_ullong *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void end_trigger(struct camera_orders *orders, atomic_ullong *counter)
{
    count(counter);
    atomic_store_explicit(&orders->trigger_ns, 0, memory_order_relaxed);
}

bool camera_orders_expire(struct camera_orders *orders, struct mono_time now)
{
    struct mono_time asked = {.ns =
                                  atomic_load_explicit(&orders->trigger_ns, memory_order_relaxed)};
    if (asked.ns == 0 || mono_diff_ms(now, asked) <= CAMERA_TRIGGER_LIFE_MS) {
        return false;
    }
    end_trigger(orders, &orders->trigger_failures);
    return true;
}

static bool lights_wanted(const struct camera_orders *orders, uint16_t minute)
{
    const struct camera_orders_options *o = &orders->options;
    int light = atomic_load_explicit(&orders->light, memory_order_relaxed);
    if (light != CAMERA_LIGHT_BY_PLAN) {
        return light == CAMERA_LIGHT_FORCED_ON;
    }
    if (o->plan != CAMERA_LIGHT_WINDOW) {
        return o->plan == CAMERA_LIGHT_ON;
    }
    return o->from_minute <= o->until_minute ? minute >= o->from_minute && minute < o->until_minute
                                             : minute >= o->from_minute || minute < o->until_minute;
}

bool camera_orders_next(const struct camera_orders *orders, struct mono_time now, uint16_t minute,
                        struct camera_order *out)
{
    const struct camera_orders_options *o = &orders->options;
    if (atomic_load_explicit(&orders->trigger_ns, memory_order_relaxed) != 0) {
        *out = (struct camera_order){.trigger = true, .coil = o->trigger_coil, .on = true};
        return true;
    }
    if (o->light_count == 0) {
        return false;
    }
    bool on = lights_wanted(orders, minute);
    bool changed = orders->lights_known && on != orders->lights_on;
    if (!changed && mono_before(now, orders->lights_due)) {
        return false;
    }
    /* A change in the middle of a round begins it anew. */
    uint8_t at =
        on == orders->lights_on && orders->lights_done < o->light_count ? orders->lights_done : 0;
    *out = (struct camera_order){.coil = o->light_coils[at], .on = on};
    return true;
}

void camera_orders_done(struct camera_orders *orders, const struct camera_order *order, int result,
                        struct mono_time now)
{
    if (order->trigger) {
        end_trigger(orders, result == ERR_OK ? &orders->triggers : &orders->trigger_failures);
        return;
    }
    if (result != ERR_OK) {
        orders->lights_known = false;
        orders->lights_done = 0;
        orders->lights_due = mono_add_ms(now, CAMERA_LIGHT_RETRY_MS);
        return;
    }
    if (order->on != orders->lights_on || order->coil == orders->options.light_coils[0]) {
        orders->lights_done = 0;
    }
    orders->lights_on = order->on;
    bool last = ++orders->lights_done >= orders->options.light_count;
    orders->lights_done = last ? 0 : orders->lights_done;
    orders->lights_known = last;
    orders->lights_due = mono_add_ms(now, last ? CAMERA_LIGHT_AGAIN_MS : 0);
}

void camera_orders_forget(struct camera_orders *orders)
{
    orders->lights_known = false;
    orders->lights_done = 0;
    orders->lights_due = (struct mono_time){0};
}
