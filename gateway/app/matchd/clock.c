/*
 * Trusted time of checkpoint-matchd. It has no journal, so it keeps the time it last trusted in a
 * file: "<boot id> <monotonic ns> <wall ms>". Without it every restart would begin by believing the
 * system clock, and one 400 days ahead would end every entry of the list.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/build_time.h"
#include "gateway/app/matchd/matchd.h"
#include "gateway/base/encode.h"
#include "gateway/base/file.h"

enum { KEEP_MS = 10000, TIME_FILE_MAX = 128, PATH_SIZE = MATCHD_TEXT_SIZE + 16 };

static void time_path(const struct matchd *m, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/time", m->config.state_dir);
}

static void take_kept(struct matchd *m, const char *text)
{
    char hex[2 * TIME_BOOT_ID_SIZE + 1];
    uint8_t kept[TIME_BOOT_ID_SIZE];
    uint8_t boot[TIME_BOOT_ID_SIZE];
    int64_t mono_ns;
    int64_t wall_ms;
    /* Anything else is as good as no file: build time and headquarters remain. glibc ends a number
     * out of range at its limit. */
    /* NOLINTNEXTLINE(cert-err34-c): see above */
    if (sscanf(text, "%32s %" SCNd64 " %" SCNd64, hex, &mono_ns, &wall_ms) != 3 ||
        hex_decode(hex, kept, sizeof(kept)) != 0) {
        return;
    }
    bool same_boot = time_boot_id(boot) == 0 && memcmp(boot, kept, sizeof(boot)) == 0;
    trusted_time_journaled(&m->time, (struct wall_time){wall_ms}, same_boot,
                           (struct mono_time){mono_ns}, &clock_system);
}

void matchd_clock_begin(struct matchd *m)
{
    char path[PATH_SIZE];
    uint8_t *text = NULL;
    size_t size = 0;
    time_path(m, path);
    trusted_time_init(&m->time, (struct wall_time){BUILD_TIME_MS}, &clock_system);
    if (file_read(path, TIME_FILE_MAX, &text, &size, NULL) == 0) {
        take_kept(m, (const char *)text);
    }
    free(text);
    matchd_clock_look(m);
}

void matchd_clock_look(struct matchd *m)
{
    struct trusted_reading reading;
    int64_t offset_ms = 0;
    bool synchronised = time_sync_system(&offset_ms);
    trusted_time_synchronised(&m->time, synchronised, offset_ms);
    trusted_time_read(&m->time, &clock_system, &reading);
    atomic_store_explicit(&m->time_offset_ms, reading.offset_ms, memory_order_relaxed);
    atomic_store_explicit(&m->time_trusted, reading.trusted, memory_order_relaxed);
}

void matchd_clock_signed(struct matchd *m, const struct wanted_list *list)
{
    const struct freshness *freshness = wanted_list_freshness(list);
    struct wall_time newest = wanted_list_head(list)->time;
    if (freshness && freshness->time.ms > newest.ms) {
        newest = freshness->time;
    }
    if (newest.ms > m->time_signed.ms) {
        m->time_signed = newest;
        trusted_time_signed(&m->time, newest, &clock_system);
        matchd_clock_look(m);
    }
}

void matchd_clock_keep(struct matchd *m)
{
    char path[PATH_SIZE];
    char text[TIME_FILE_MAX];
    char hex[2 * TIME_BOOT_ID_SIZE + 1];
    uint8_t boot[TIME_BOOT_ID_SIZE];
    struct err_text err;
    bool trusted;
    struct mono_time now = clock_mono(&clock_system);
    struct wall_time wall = matchd_time(m, clock_wall(&clock_system), &trusted);
    bool due = m->time_kept.ns == 0 || mono_diff_ms(now, m->time_kept) >= KEEP_MS;
    if (!trusted || !due || time_boot_id(boot) != 0) {
        return;
    }
    m->time_kept = now;
    hex_encode(boot, sizeof(boot), hex);
    int size = snprintf(text, sizeof(text), "%s %" PRId64 " %" PRId64 "\n", hex, now.ns, wall.ms);
    time_path(m, path);
    if (file_write_atomic(path, text, (size_t)size, 0600, &err) != 0) {
        matchd_alarm(m, EVENT_COUNTERS_UNWRITTEN, true,
                     err.text); /* the counters' next write ends it */
    }
}
