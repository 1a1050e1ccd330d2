/*
 * A watch over one lane while somebody works at its barrier: every change of inputs and read-back
 * outputs, with the scan's own time, so that travel times and pulse widths are as exact as the
 * scans. Written by the bus threads under one lock that is held for a few instructions.
 */
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"

static struct lane_watch *find(struct tools *tools, uint8_t lane)
{
    for (size_t i = 0; i < PIPELINE_LANES_MAX; i++) {
        if (tools->watches[i].lane == lane) {
            return &tools->watches[i];
        }
    }
    return NULL;
}

static void end(struct tools *tools, struct lane_watch *watch)
{
    watch->lane = 0;
    atomic_fetch_sub_explicit(&tools->watching, 1, memory_order_relaxed);
}

static void take(struct lane_watch *watch, const struct lane_scan *scan, uint32_t ms)
{
    const struct watch_edge edge = {ms, scan->active & scan->wired,
                                    scan->outputs & scan->outputs_wired};
    const struct watch_edge *last = watch->count > 0 ? &watch->edges[watch->count - 1] : NULL;
    if (last && last->inputs == edge.inputs && last->outputs == edge.outputs) {
        return;
    }
    if (watch->count == WATCH_EDGES_MAX) {
        watch->dropped++;
        return;
    }
    watch->edges[watch->count++] = edge;
}

void watch_see_scan(struct checkpointd *c, const struct lane_scan *scan)
{
    struct tools *tools = &c->tools;
    if (atomic_load_explicit(&tools->watching, memory_order_relaxed) == 0) {
        return;
    }
    pthread_mutex_lock(&tools->lock);
    struct lane_watch *watch = find(tools, scan->lane);
    int64_t ms = watch ? mono_diff_ms(scan->at, watch->since) : 0;
    if (watch && ms > WATCH_LIFE_MS) {
        end(tools, watch);
    } else if (watch && !scan->contact) {
        watch->lost++;
    } else if (watch && ms >= 0) { /* a scan begun before the watch says nothing of it */
        take(watch, scan, (uint32_t)ms);
    }
    pthread_mutex_unlock(&tools->lock);
}

void watch_begin(struct checkpointd *c, uint8_t lane, bool lower)
{
    struct tools *tools = &c->tools;
    pthread_mutex_lock(&tools->lock);
    struct lane_watch *watch = find(tools, lane);
    if (!watch) { /* a place for each lane that can be configured */
        watch = find(tools, 0);
        atomic_fetch_add_explicit(&tools->watching, 1, memory_order_relaxed);
    }
    memset(watch, 0, sizeof(*watch));
    watch->lane = lane;
    watch->lower = lower;
    watch->since = clock_mono(&clock_system);
    pthread_mutex_unlock(&tools->lock);
}

/* A copy; false: none. */
static bool copy_of(struct checkpointd *c, uint8_t lane, struct lane_watch *out)
{
    pthread_mutex_lock(&c->tools.lock);
    const struct lane_watch *watch = find(&c->tools, lane);
    if (watch) {
        *out = *watch;
    }
    pthread_mutex_unlock(&c->tools.lock);
    return watch != NULL;
}

static json_t *inputs_json(uint32_t bits)
{
    json_t *names = json_array();
    for (unsigned i = 0; i < INPUT_COUNT; i++) {
        if (bits & INPUT_BIT(i)) {
            json_array_append_new(names, json_string(lane_input_name((enum lane_input)i)));
        }
    }
    return names;
}

static json_t *outputs_json(uint32_t bits)
{
    json_t *names = json_array();
    for (unsigned i = 0; i < OUTPUT_COUNT; i++) {
        if (bits & OUTPUT_BIT(i)) {
            json_array_append_new(names, json_string(lane_output_name((enum lane_output)i)));
        }
    }
    return names;
}

json_t *watch_json(struct checkpointd *c, uint8_t lane)
{
    struct lane_watch watch;
    if (!copy_of(c, lane, &watch)) {
        return NULL;
    }
    json_t *edges = json_array();
    for (size_t i = 0; i < watch.count; i++) {
        const struct watch_edge *edge = &watch.edges[i];
        json_array_append_new(edges, json_pack("{s:I,s:o,s:o}", "ms", (json_int_t)edge->ms,
                                               "inputs", inputs_json(edge->inputs), "outputs",
                                               outputs_json(edge->outputs)));
    }
    return json_pack("{s:i,s:I,s:o,s:I,s:I}", "lane", (int)lane, "for_ms",
                     (json_int_t)mono_diff_ms(clock_mono(&clock_system), watch.since), "edges",
                     edges, "lost", (json_int_t)watch.lost, "dropped", (json_int_t)watch.dropped);
}

/* The edge at which the obstacle came into a boom on its way down, as far as its limits say: it had
 * left the upper one last. 0: none. */
static size_t obstacle_met(const struct lane_watch *watch, uint32_t open, uint32_t closed)
{
    bool from_above = open == 0; /* where there is no such limit: not from the lower one */
    for (size_t i = 0; i < watch->count; i++) {
        uint32_t now = watch->edges[i].inputs;
        uint32_t before = i > 0 ? watch->edges[i - 1].inputs : now;
        if (now & (open | closed)) {
            from_above = (now & closed) == 0;
        } else if (from_above && (now & ~before & INPUT_BIT(INPUT_OBSTACLE))) {
            return i;
        }
    }
    return 0;
}

/* An output of ours that may have stopped the boom instead of its hardware; OUTPUT_COUNT: none. */
static enum lane_output acted(const struct lane_watch *watch)
{
    static const enum lane_output motions[] = {OUTPUT_STOP, OUTPUT_RAISE, OUTPUT_LOWER};
    for (size_t i = 1; i < watch->count; i++) {
        uint32_t rose = watch->edges[i].outputs & ~watch->edges[i - 1].outputs;
        for (size_t m = 0; m < sizeof(motions) / sizeof(motions[0]); m++) {
            if (rose & OUTPUT_BIT(motions[m])) {
                return motions[m];
            }
        }
    }
    return OUTPUT_COUNT;
}

/* That the boom was stopped on its way down, and not by us. */
static int judge(const struct lane_watch *watch, uint32_t wired, struct err_text *err)
{
    const uint32_t closed = INPUT_BIT(INPUT_LIMIT_CLOSED) & wired;
    size_t met = obstacle_met(watch, INPUT_BIT(INPUT_LIMIT_OPEN) & wired, closed);
    enum lane_output ours = acted(watch);
    if (ours != OUTPUT_COUNT) {
        return err_set(err, ERR_INVALID,
                       "output %s was energised meanwhile: the gateway may have stopped the boom",
                       lane_output_name(ours));
    }
    if (met == 0) {
        return err_set(err, ERR_INVALID,
                       "the input obstacle did not become active while the boom was closing");
    }
    for (size_t i = met; i < watch->count; i++) {
        if (watch->edges[i].inputs & closed) {
            return err_set(err, ERR_INVALID,
                           "the boom reached its lower limit %u ms after the obstacle",
                           watch->edges[i].ms - watch->edges[met].ms);
        }
    }
    return 0;
}

int watch_shows_stop(struct checkpointd *c, uint8_t lane, uint32_t wired, struct err_text *err)
{
    struct lane_watch watch;
    if (!copy_of(c, lane, &watch) || !watch.lower) {
        return err_set(err, ERR_NOT_FOUND, "no lower by hand was watched on lane %u", lane);
    }
    if (watch.lost > 0 || watch.dropped > 0) {
        return err_set(err, ERR_INVALID,
                       "the watch has gaps: %u scans without contact, %u changes "
                       "too many",
                       watch.lost, watch.dropped);
    }
    if (!(wired & INPUT_BIT(INPUT_OBSTACLE)) || !(wired & INPUT_BIT(INPUT_LIMIT_CLOSED))) {
        return err_set(err, ERR_INVALID, "lane %u has no input %s", lane,
                       wired & INPUT_BIT(INPUT_OBSTACLE) ? "limit_closed" : "obstacle");
    }
    return judge(&watch, wired, err);
}
