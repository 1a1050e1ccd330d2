/*
 * Trusted time of checkpointd: begins at what the journal last said, goes on with the system clock
 * while nothing speaks against it, and is what every record carries. Owned by the lane thread;
 * others read `clock`.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/build_time.h"
#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/journal/reader.h"

static struct wall_time trusted_wall(void *ctx)
{
    struct checkpointd *c = ctx;
    return (struct wall_time){clock_wall(&clock_system).ms -
                              atomic_load_explicit(&c->clock_offset_ms, memory_order_relaxed)};
}

static struct mono_time system_mono(void *ctx)
{
    (void)ctx;
    return clock_mono(&clock_system);
}

/* Trusted time begins at what the journal last said; its records carry no other time. A journal
 * that is not there yet or cannot be read says nothing: opening it tells why. */
void checkpointd_clock_begin(struct checkpointd *c)
{
    struct journal_reader *reader = NULL;
    struct journal_header last;
    struct trusted_reading reading;
    uint8_t boot[TIME_BOOT_ID_SIZE];
    int64_t offset_ms = 0;
    bool synchronised = time_sync_system(&offset_ms);
    trusted_time_init(&c->time, (struct wall_time){BUILD_TIME_MS}, &clock_system);
    trusted_time_synchronised(&c->time, synchronised, offset_ms);
    if (journal_reader_open(c->journal_dir, &reader, NULL) == 0 &&
        journal_reader_last(reader, &last, NULL) == 0) {
        bool same_boot = time_boot_id(boot) == 0 && memcmp(boot, last.boot, sizeof(boot)) == 0;
        trusted_time_journaled(&c->time, last.wall, same_boot, last.mono, &clock_system);
    }
    journal_reader_close(reader);
    trusted_time_read(&c->time, &clock_system, &reading);
    atomic_store_explicit(&c->clock_offset_ms, reading.offset_ms, memory_order_relaxed);
    c->clock = (struct clock_source){.mono = system_mono, .wall = trusted_wall, .ctx = c};
}

void checkpointd_clock_look(struct checkpointd *c, struct mono_time now,
                            struct trusted_reading *out)
{
    int64_t offset_ms = 0;
    bool synchronised = time_sync_system(&offset_ms);
    struct wall_time signed_time = {atomic_load_explicit(&c->signed_time_ms, memory_order_relaxed)};
    trusted_time_synchronised(&c->time, synchronised, offset_ms);
    if (signed_time.ms > 0) {
        trusted_time_signed(&c->time, signed_time, &clock_system);
    }
    trusted_time_read(&c->time, &clock_system, out);
    atomic_store_explicit(&c->clock_offset_ms, out->offset_ms, memory_order_relaxed);
    atomic_store_explicit(&c->clock_trusted, out->trusted, memory_order_relaxed);
    /* Release: with it the offset above counts. */
    atomic_store_explicit(&c->clock_vouched,
                          synchronised || signed_time.ms > 0 || out->source == TIME_CONFIRMED,
                          memory_order_release);
    struct pipeline_event event = {.kind = PIPELINE_CLOCK};
    event.u.clock.trusted = out->trusted;
    event.u.clock.offset_ms = out->offset_ms;
    snprintf(event.u.clock.source, sizeof(event.u.clock.source), "%s",
             time_source_name(out->source));
    pipeline_handle(c->pipeline, &event, now, out->wall);
}
