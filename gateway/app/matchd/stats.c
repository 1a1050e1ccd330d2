/*
 * What matchd counts, told to checkpointd once a second: the program's totals, and of each source
 * and queue what it gave and what was lost on the way, by cause. Any thread.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/matchd/matchd.h"

struct filling {
    struct match_counter *out;
    size_t count;
    const struct capturer *of; /* NULL: the program's */
};

static void put(struct filling *f, const char *name, unsigned long long value)
{
    struct match_counter *counter = &f->out[f->count++];
    memset(counter, 0, sizeof(*counter));
    snprintf(counter->name, sizeof(counter->name), "%s", name);
    if (f->of) {
        snprintf(counter->source, sizeof(counter->source), "%.31s", capturer_name(f->of));
        counter->queue = f->of->queue;
    }
    counter->value = value;
}

/* All its numbers are 64 bits wide, one behind the other. */
static void add_receiver(struct receiver_stats *sum, const struct receiver_stats *more)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)more;
    _Static_assert(sizeof(*sum) % sizeof(*to) == 0, "a struct of counters and nothing else");
    for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++) {
        to[i] += from[i];
    }
}

static void put_capturer(struct filling *f, const struct capturer_counts *counts, uint64_t late)
{
    struct match_counter causes[CAPTURE_COUNTERS_MAX];
    size_t cause_count = capture_counters_fill(&counts->receiver, causes);
    put(f, "frames", counts->source.frames);
    put(f, "frames_with_read", counts->receiver.reads);
    put(f, "source_errors", counts->source.errors);
    put(f, "dropped_nic", counts->source.missed);
    put(f, "dropped_pool", counts->source.no_buffer);
    put(f, "dropped_ring", counts->sift.left_out + counts->no_packet);
    put(f, "dropped_late", late);
    for (size_t i = CAPTURE_COUNTERS_TOTALS; i < cause_count; i++) {
        if (causes[i].value > 0) {
            put(f, causes[i].name, causes[i].value);
        }
    }
}

static void put_program(struct filling *f, struct matchd *m, const struct capturer_counts *sum)
{
    f->count = capture_counters_fill(&sum->receiver, f->out);
    f->out[0].value += sum->sift.left_out; /* frames */
    put(f, "source_frames", sum->source.frames);
    put(f, "source_errors", sum->source.errors);
    put(f, "reads", atomic_load(&m->reads));
    put(f, "undecoded", atomic_load(&m->undecoded));
    put(f, "dropped_nic", sum->source.missed);
    put(f, "dropped_pool", sum->source.no_buffer);
    put(f, "dropped_ring",
        sum->sift.left_out + atomic_load(&m->dropped) + atomic_load(&m->dropped_hits));
    put(f, "dropped_late", atomic_load(&m->late));
    put(f, "hits_left_out", atomic_load(&m->hits_left_out));
    put(f, "reads_refused", atomic_load(&m->reads_refused));
    put(f, "index_updates", atomic_load(&m->index_updates));
    put(f, "index_rebuilds", atomic_load(&m->index_rebuilds));
}

static void copy_counts(struct capturer *c, struct capturer_counts *out)
{
    pthread_mutex_lock(&c->lock);
    *out = c->counts;
    pthread_mutex_unlock(&c->lock);
}

static void add_counts(struct capturer_counts *sum, const struct capturer_counts *more)
{
    add_receiver(&sum->receiver, &more->receiver);
    sum->source.frames += more->source.frames;
    sum->source.errors += more->source.errors;
    sum->source.missed += more->source.missed;
    sum->source.no_buffer += more->source.no_buffer;
    sum->sift.left_out += more->sift.left_out;
}

size_t matchd_stats_fill(struct matchd *m, struct match_counter out[MATCHD_COUNTERS_MAX])
{
    struct filling f = {.out = out};
    struct capturer_counts counts[MATCHD_CAPTURERS_MAX] = {{.no_packet = 0}};
    struct capturer_counts sum = {.no_packet = 0};
    memset(out, 0, sizeof(out[0]) * MATCHD_COUNTERS_MAX);
    for (size_t i = 0; i < m->capturer_count; i++) {
        copy_counts(&m->capturers[i], &counts[i]);
        add_counts(&sum, &counts[i]);
    }
    put_program(&f, m, &sum);
    for (size_t i = 0; i < m->capturer_count; i++) {
        f.of = &m->capturers[i];
        put_capturer(&f, &counts[i], atomic_load(&m->capturers[i].late));
    }
    return f.count;
}
