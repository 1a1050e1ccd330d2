/* See traffic.h. */
#include "gateway/model/traffic.h"

enum { HOUR_MS = 3600 * 1000 };

void traffic_init(struct traffic *traffic, uint64_t count, struct mono_time now)
{
    *traffic = (struct traffic){.count = count, .hour_ends = mono_add_ms(now, HOUR_MS)};
    for (size_t i = 0; i < TRAFFIC_HOURS; i++)
        traffic->hours[i] = TRAFFIC_HOUR_ORDINARY;
}

void traffic_look(struct traffic *traffic, uint64_t count, struct mono_time now)
{
    if (mono_before(now, traffic->hour_ends))
        return;
    uint64_t hours = 1 + (uint64_t)mono_diff_ms(now, traffic->hour_ends) / HOUR_MS;
    uint64_t each = (count - traffic->count) / hours;
    traffic->count = count;
    traffic->hour_ends = mono_add_ms(traffic->hour_ends, (int64_t)hours * HOUR_MS);
    for (uint64_t i = 0; i < hours && i < TRAFFIC_HOURS; i++) {
        traffic->hours[traffic->oldest] =
            each > TRAFFIC_SHIFT_MAX ? TRAFFIC_SHIFT_MAX : (uint32_t)each;
        traffic->oldest = (traffic->oldest + 1) % TRAFFIC_HOURS;
    }
}

uint32_t traffic_of_shift(const struct traffic *traffic)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < TRAFFIC_HOURS; i++)
        sum += traffic->hours[i];
    if (sum < TRAFFIC_SHIFT_MIN)
        return TRAFFIC_SHIFT_MIN;
    return sum > TRAFFIC_SHIFT_MAX ? TRAFFIC_SHIFT_MAX : (uint32_t)sum;
}
