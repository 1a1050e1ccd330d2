/*
 * What matchd counts, told to checkpointd once a second: capture's counters by cause (a copy that
 * the capture thread makes for others) and the program's own totals. Any thread but where said.
 */
#include <stdio.h>

#include "gateway/app/capture_counters.h"
#include "gateway/app/matchd/matchd.h"

void matchd_stats_copy(struct matchd *m, const struct capture_stats *sources)
{
    pthread_mutex_lock(&m->counter_lock);
    m->receiver_copy = *receiver_stats(m->receiver);
    m->sources_copy = *sources;
    pthread_mutex_unlock(&m->counter_lock);
}

static void put(struct match_counter *out, const char *name, unsigned long long value)
{
    snprintf(out->name, sizeof(out->name), "%s", name);
    out->value = value;
}

size_t matchd_stats_fill(struct matchd *m, struct match_counter out[MATCHD_COUNTERS_MAX])
{
    pthread_mutex_lock(&m->counter_lock);
    const struct receiver_stats receiver = m->receiver_copy;
    const struct capture_stats sources = m->sources_copy;
    pthread_mutex_unlock(&m->counter_lock);
    size_t at = capture_counters_fill(&receiver, out);
    put(&out[at++], "source_frames", sources.frames);
    put(&out[at++], "source_dropped", sources.dropped);
    put(&out[at++], "source_errors", sources.errors);
    put(&out[at++], "reads", atomic_load(&m->reads));
    put(&out[at++], "undecoded", atomic_load(&m->undecoded));
    put(&out[at++], "dropped_behind", atomic_load(&m->dropped) + atomic_load(&m->dropped_hits));
    put(&out[at++], "dropped_late", atomic_load(&m->late));
    put(&out[at++], "hits_left_out", atomic_load(&m->hits_left_out));
    put(&out[at++], "reads_refused", atomic_load(&m->reads_refused));
    put(&out[at++], "index_updates", atomic_load(&m->index_updates));
    put(&out[at++], "index_rebuilds", atomic_load(&m->index_rebuilds));
    return at;
}
