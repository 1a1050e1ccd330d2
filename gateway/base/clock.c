/*
 * The machine's clocks and RFC 3339 text. No state.
 */
#include "gateway/base/clock.h"

#include <string.h>
#include <time.h>

#include "gateway/base/err.h"

enum { MS_PER_S = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

static struct mono_time system_mono(void *ctx)
{
    (void)ctx; /* the machine has one clock */
    struct timespec ts;
    (void)clock_gettime(CLOCK_BOOTTIME, &ts); /* cannot fail for this clock and address */
    return (struct mono_time){.ns = (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec};
}

static struct wall_time system_wall(void *ctx)
{
    (void)ctx; /* the machine has one clock */
    struct timespec ts;
    (void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail for this clock and address */
    return (struct wall_time){.ms = (int64_t)ts.tv_sec * MS_PER_S + ts.tv_nsec / NS_PER_MS};
}

const struct clock_source clock_system = {system_mono, system_wall, NULL};

struct mono_time clock_mono(const struct clock_source *clock)
{
    return clock->mono(clock->ctx);
}

struct wall_time clock_wall(const struct clock_source *clock)
{
    return clock->wall(clock->ctx);
}

struct mono_time mono_add_ms(struct mono_time t, int64_t ms)
{
    int64_t ns;
    if (__builtin_mul_overflow(ms, NS_PER_MS, &ns) || __builtin_add_overflow(t.ns, ns, &ns)) {
        ns = ms < 0 ? INT64_MIN : INT64_MAX;
    }
    return (struct mono_time){.ns = ns};
}

int64_t mono_diff_ms(struct mono_time a, struct mono_time b)
{
    int64_t ns;
    if (__builtin_sub_overflow(a.ns, b.ns, &ns)) {
        ns = a.ns < b.ns ? INT64_MIN : INT64_MAX;
    }
    return ns / NS_PER_MS;
}

/* Records go out and come in by the million, each with its time: no printf. */
static void put_digits(int value, int digits, char *out)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10) {
        out[i] = (char)('0' + value % 10);
    }
}

void wall_format(struct wall_time t, char out[WALL_TEXT_SIZE])
{
    static const int64_t year_0 = -62167219200000;
    static const int64_t year_9999 = 253402300799999;
    int64_t ms = t.ms < year_0 ? year_0 : t.ms > year_9999 ? year_9999 : t.ms;
    int64_t whole = ms >= 0 ? ms / MS_PER_S : -((MS_PER_S - 1 - ms) / MS_PER_S);
    time_t seconds = (time_t)whole;
    int part = (int)(ms - whole * MS_PER_S);
    struct tm tm;
    (void)gmtime_r(&seconds, &tm); /* in range by the clamp above */
    memcpy(out, "0000-00-00T00:00:00.000Z", WALL_TEXT_SIZE);
    put_digits(tm.tm_year + 1900, 4, out);
    put_digits(tm.tm_mon + 1, 2, out + 5);
    put_digits(tm.tm_mday, 2, out + 8);
    put_digits(tm.tm_hour, 2, out + 11);
    put_digits(tm.tm_min, 2, out + 14);
    put_digits(tm.tm_sec, 2, out + 17);
    put_digits(part, 3, out + 20);
}

/* Reads `digits` decimal digits at text[*at]; -1 when one is not a digit. */
static int read_digits(const char *text, size_t *at, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        char c = text[*at];
        if (c < '0' || c > '9') {
            return -1;
        }
        value = value * 10 + (c - '0');
        (*at)++;
    }
    return value;
}

int wall_parse(const char *text, struct wall_time *out)
{
    static const struct {
        int digits;
        int low;
        int high;
        char after;
    } parts[6] = {{4, 0, 9999, '-'}, {2, 1, 12, '-'}, {2, 1, 31, 'T'},
                  {2, 0, 23, ':'},   {2, 0, 59, ':'}, {2, 0, 59, '\0'}};
    int values[6];
    size_t at = 0;
    for (int i = 0; i < 6; i++) {
        values[i] = read_digits(text, &at, parts[i].digits);
        if (values[i] < parts[i].low || values[i] > parts[i].high) {
            return ERR_INVALID;
        }
        if (parts[i].after && text[at++] != parts[i].after) {
            return ERR_INVALID;
        }
    }
    int ms = 0;
    if (text[at] == '.') {
        at++;
        ms = read_digits(text, &at, 3);
    }
    if (ms < 0 || strcmp(text + at, "Z") != 0) {
        return ERR_INVALID;
    }
    struct tm tm = {.tm_year = values[0] - 1900,
                    .tm_mon = values[1] - 1,
                    .tm_mday = values[2],
                    .tm_hour = values[3],
                    .tm_min = values[4],
                    .tm_sec = values[5]};
    time_t seconds = timegm(&tm);
    if (tm.tm_mday != values[2]) {
        return ERR_INVALID; /* 31 June: timegm moved it to July */
    }
    out->ms = (int64_t)seconds * MS_PER_S + ms;
    return ERR_OK;
}
