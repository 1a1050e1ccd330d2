/*
 * Trusted time: a floor that the monotonic clock carries on, and the system clock judged against
 * it. The caller owns the value; the only look at the machine is time_sync_system.
 */
#include "gateway/base/trusted_time.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/timex.h>
#include <unistd.h>

#include "gateway/base/encode.h"
#include "gateway/base/err.h"

enum { US_PER_MS = 1000, NS_PER_US = 1000 };

static const char *const source_names[TIME_SOURCE_COUNT] = {
    "synchronised", "headquarters", "free_running", "journal", "confirmed", "build"};
static const char *const doubt_names[TIME_DOUBT_COUNT] = {"", "jumped_forward", "behind_floor"};

/* The floor now: it never stands still while the machine runs. */
static struct wall_time carried(const struct trusted_time *t, struct mono_time now)
{
    int64_t elapsed_ms = mono_diff_ms(now, t->floor_mono);
    return (struct wall_time){.ms = t->floor.ms + (elapsed_ms > 0 ? elapsed_ms : 0)};
}

static void set_floor(struct trusted_time *t, struct wall_time wall, struct mono_time mono,
                      enum time_source source)
{
    t->floor = wall;
    t->floor_mono = mono;
    t->floor_source = source;
}

void trusted_time_init(struct trusted_time *t, struct wall_time build,
                       const struct clock_source *clock)
{
    *t = (struct trusted_time){0};
    set_floor(t, build, clock_mono(clock), TIME_BUILD);
}

void trusted_time_journaled(struct trusted_time *t, struct wall_time wall, bool same_boot,
                            struct mono_time at, const struct clock_source *clock)
{
    struct mono_time now = clock_mono(clock);
    if (same_boot && mono_before(at, now)) {
        wall.ms += mono_diff_ms(now, at);
    }
    if (wall.ms > carried(t, now).ms) {
        set_floor(t, wall, now, TIME_JOURNAL);
        t->referenced = true;
    }
}

void trusted_time_signed(struct trusted_time *t, struct wall_time wall,
                         const struct clock_source *clock)
{
    struct mono_time now = clock_mono(clock);
    int64_t ahead_ms = carried(t, now).ms - wall.ms;
    bool doubtful = t->guessed && !t->synchronised && ahead_ms > TIME_JUMP_MAX_MS;
    if (ahead_ms < 0 || doubtful) {
        set_floor(t, wall, now, TIME_HEADQUARTERS);
        t->referenced = true;
    }
    t->guessed = false;
}

void trusted_time_synchronised(struct trusted_time *t, bool synchronised, int64_t offset_ms)
{
    t->synchronised = synchronised;
    t->sync_offset_ms = synchronised ? offset_ms : 0;
}

int trusted_time_confirm(struct trusted_time *t, const struct clock_source *clock)
{
    struct mono_time now = clock_mono(clock);
    struct wall_time system = clock_wall(clock);
    if (system.ms < carried(t, now).ms) {
        return ERR_INVALID;
    }
    set_floor(t, system, now, TIME_CONFIRMED);
    t->referenced = true;
    t->guessed = false;
    return ERR_OK;
}

static enum time_doubt doubt_of(const struct trusted_time *t, int64_t ahead_ms)
{
    if (ahead_ms < -TIME_JUMP_MAX_MS) {
        return TIME_BEHIND_FLOOR; /* also when synchronised: the floor was signed or journaled */
    }
    if (ahead_ms > TIME_JUMP_MAX_MS && t->referenced && !t->synchronised) {
        return TIME_JUMPED_FORWARD;
    }
    return TIME_NO_DOUBT;
}

void trusted_time_read(struct trusted_time *t, const struct clock_source *clock,
                       struct trusted_reading *out)
{
    struct mono_time now = clock_mono(clock);
    struct wall_time system = clock_wall(clock);
    struct wall_time floor = carried(t, now);
    enum time_doubt doubt = doubt_of(t, system.ms - floor.ms);
    struct wall_time wall = floor;
    enum time_source source = t->floor_source;
    if (doubt == TIME_NO_DOUBT) {
        if (system.ms > floor.ms) {
            wall = system;
        }
        source = t->synchronised                     ? TIME_SYNCHRONISED
                 : t->floor_source == TIME_CONFIRMED ? TIME_CONFIRMED
                                                     : TIME_FREE_RUNNING;
        set_floor(t, wall, now, source);
        t->guessed = (t->guessed || !t->referenced) && !t->synchronised;
        t->referenced = true;
    }
    *out = (struct trusted_reading){.wall = wall,
                                    .trusted = doubt == TIME_NO_DOUBT,
                                    .source = source,
                                    .doubt = doubt,
                                    .offset_ms = system.ms - wall.ms,
                                    .sync_offset_ms = t->sync_offset_ms};
}

bool time_sync_system(int64_t *out_offset_ms)
{
    struct timex tx = {.modes = 0};
    int state = adjtimex(&tx);
    *out_offset_ms = 0;
    if (state < 0 || state == TIME_ERROR || (tx.status & STA_UNSYNC)) {
        return false;
    }
    *out_offset_ms = tx.offset / ((tx.status & STA_NANO) ? NS_PER_US * US_PER_MS : US_PER_MS);
    return true;
}

int time_boot_id(uint8_t out[TIME_BOOT_ID_SIZE])
{
    /* A file of /proc has no size, so it is read by hand. */
    char raw[64];
    char hex[2 * TIME_BOOT_ID_SIZE + 1];
    size_t digits = 0;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, raw, sizeof raw) : -1;
    if (fd >= 0) {
        close(fd);
    }
    for (ssize_t i = 0; i < got && digits < sizeof hex - 1; i++) {
        if (raw[i] != '-' && raw[i] != '\n') {
            hex[digits++] = raw[i];
        }
    }
    hex[digits] = '\0';
    return hex_decode(hex, out, TIME_BOOT_ID_SIZE) == 0 ? ERR_OK : ERR_IO;
}

const char *time_source_name(enum time_source source)
{
    return (unsigned)source < TIME_SOURCE_COUNT ? source_names[source] : NULL;
}

const char *time_doubt_name(enum time_doubt doubt)
{
    return (unsigned)doubt < TIME_DOUBT_COUNT ? doubt_names[doubt] : NULL;
}
