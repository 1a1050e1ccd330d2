/* The checkpoint's numbers for a monitoring system, in the Prometheus text format 0.0.4. */
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointctl/checkpointctl.h"

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* Totals: one row a counter of checkpointd; the others are told by label. */
static const struct {
    const char *key;
    const char *name;
    const char *help;
} totals[] = {
    {"reads", "reads_total", "Plate reads taken by checkpointd."},
    {"unread", "unread_total", "Of these, without a plate that could be read."},
    {"hits", "hits_total", "Hits of entries to be stopped."},
    {"alerts_quiet", "alerts_quiet_total", "Alerts that only stand in a list."},
    {"alerts_sounding", "alerts_sounding_total", "Alerts that sounded, or were silent on purpose."},
    {"holds", "holds_total", "Holds that became active."},
    {"suppressed", "suppressed_total", "Unauthenticated passages only counted."},
    {"facts_lost", "facts_lost_total", "Routine records the journal's queue had no room for."},
    {"records_lost", "records_lost_total", "Routine records that could not be written."},
    {"events_dropped", "events_dropped_total", "Events subscribers did not get."},
    {"scans_dropped", "scans_dropped_total", "Scans of devices the lanes had no room for."},
    {"outcomes_dropped", "outcomes_dropped_total", "Outcomes of orders the lanes had no room for."},
};

struct row {
    const char *key;
    const char *name;
    const char *type;
    const char *help;
};

static const struct row bus_rows[] = {
    {"scans", "bus_scans_total", "counter", "Scans of a bus's lanes."},
    {"scans_failed", "bus_scans_failed_total", "counter", "Scans without an answer."},
    {"late_scans", "bus_scans_late_total", "counter", "Scans later than the promised worst case."},
    {"orders_done", "bus_orders_done_total", "counter", "Orders carried out."},
    {"orders_vetoed", "bus_orders_vetoed_total", "counter", "Orders the guard vetoed."},
    {"orders_failed", "bus_orders_failed_total", "counter", "Orders that failed."},
    {"guard_writes", "bus_guard_writes_total", "counter", "Writes of the guard itself."},
    {"connects", "bus_connects_total", "counter", "Connections made."},
    {"scan_us_max", "bus_scan_longest_microseconds", "gauge", "Longest scan of one lane."},
};

static void print_head(const char *name, const char *type, const char *help)
{
    printf("# HELP checkpoint_%s %s\n# TYPE checkpoint_%s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line feed escaped. */
static void print_label(const char *name, const char *value, const char *before)
{
    printf("%s%s=\"", before, name);
    for (; value && *value; value++) {
        if (*value == '\\' || *value == '"') {
            putchar('\\');
        }
        if (*value == '\n') {
            printf("\\n");
        } else {
            putchar(*value);
        }
    }
    putchar('"');
}

static const struct row device_rows[] = {
    {"good", "device_answers_total", "counter", "Exchanges a device answered well."},
    {"timeouts", "device_timeouts_total", "counter", "Exchanges without a whole answer in time."},
    {"corrupt", "device_garbled_total", "counter", "Exchanges answered garbled or wrong."},
    {"denied", "device_refused_total", "counter", "Exchanges answered with an exception."},
    {"broken", "device_broken_total", "counter", "Exchanges in which the link broke."},
    {"median_us", "device_round_trip_median_microseconds", "gauge", "Median of late round trips."},
    {"p99_us", "device_round_trip_p99_microseconds", "gauge", "99th percentile of these."},
};

/* `device` NULL: the bus's own. */
static void print_sample(const struct row *row, const json_t *bus, const json_t *device)
{
    printf("checkpoint_%s", row->name);
    print_label("bus", text_of(bus, "bus"), "{");
    if (device) {
        printf(",lane=\"%lld\"", number_of(device, "lane"));
        print_label("device", text_of(device, "device"), ",");
    }
    printf("} %lld\n", number_of(device ? device : bus, row->key));
}

static void print_bus_row(const struct row *row, const json_t *buses, bool of_devices)
{
    print_head(row->name, row->type, row->help);
    for (size_t i = 0; i < json_array_size(buses); i++) {
        const json_t *bus = json_array_get(buses, i);
        const json_t *devices = json_object_get(bus, "devices");
        if (!of_devices) {
            print_sample(row, bus, NULL);
        }
        for (size_t d = 0; of_devices && d < json_array_size(devices); d++) {
            print_sample(row, bus, json_array_get(devices, d));
        }
    }
}

static void print_buses(const json_t *buses)
{
    for (size_t r = 0; r < sizeof(bus_rows) / sizeof(bus_rows[0]); r++) {
        print_bus_row(&bus_rows[r], buses, false);
    }
    for (size_t r = 0; r < sizeof(device_rows) / sizeof(device_rows[0]); r++) {
        print_bus_row(&device_rows[r], buses, true);
    }
}

static void print_causes(const json_t *buses)
{
    print_head("bus_line_cause", "gauge", "1 for what is likely wrong with a serial line.");
    for (size_t i = 0; i < json_array_size(buses); i++) {
        const json_t *bus = json_array_get(buses, i);
        const char *cause = text_of(json_object_get(bus, "cause"), "name");
        printf("checkpoint_bus_line_cause");
        print_label("bus", text_of(bus, "bus"), "{");
        print_label("cause", cause ? cause : "none", ",");
        printf("} 1\n");
    }
}

static const struct {
    const char *key;
    const char *name;
    const char *help;
} lane_rows[] = {
    {"vehicles_total", "lane_vehicles_total", "Vehicles that left a lane, by its loops."},
    {"captured_total", "lane_captured_total", "Vehicles of a lane that were read."},
};

static void print_captures(json_t *captures)
{
    if (json_object_size(captures) == 0) {
        return; /* no lane has counted anybody yet: a head without a sample is none */
    }
    for (size_t r = 0; r < sizeof(lane_rows) / sizeof(lane_rows[0]); r++) {
        const char *number;
        json_t *lane;
        print_head(lane_rows[r].name, "counter", lane_rows[r].help);
        json_object_foreach(captures, number, lane)
        {
            const json_t *now = json_object_get(lane, "now");
            const json_t *event = now ? now : json_object_get(lane, "last");
            printf("checkpoint_%s{lane=\"%s\"} %lld\n", lane_rows[r].name, number,
                   number_of(event, lane_rows[r].key));
        }
    }
}

/* ---- cameras on wires, displays ---- */

static const struct row camera_rows[] = {
    {"contact", "camera_contact", "gauge", "1 while a camera on a wire answers."},
    {"silent_ms", "camera_silent_milliseconds", "gauge", "Since its last sign of life."},
    {"clock_offset_ms", "camera_clock_offset_milliseconds", "gauge",
     "How far its clock is ahead of the box's, where it says it."},
    {"reads", "camera_reads_total", "counter", "Reads of a camera on a wire."},
    {"bad", "camera_garbled_total", "counter", "Messages that broke their format."},
    {"missed", "camera_reads_missed_total", "counter", "Reads that were not seen, by its count."},
    {"errors", "camera_errors_total", "counter", "Failed exchanges and lost lines."},
    {"torn", "camera_torn_total", "counter", "Looks that met it writing, repeated."},
    {"triggers", "camera_triggers_total", "counter", "Reads it was asked for."},
    {"trigger_failures", "camera_trigger_failures_total", "counter",
     "Reads it could not be asked for."},
};

static const struct row display_rows[] = {
    {"contact", "display_contact", "gauge", "1 while a display can be written to."},
    {"shown", "display_messages_total", "counter", "Messages written."},
    {"replaced", "display_messages_replaced_total", "counter",
     "Messages not written, because a newer one came."},
    {"errors", "display_errors_total", "counter", "Lines that could not be opened or written."},
};

static bool has_value(const json_t *devices, const char *key)
{
    for (size_t i = 0; i < json_array_size(devices); i++) {
        if (!json_is_null(json_object_get(json_array_get(devices, i), key))) {
            return true;
        }
    }
    return false;
}

/* `label` names a device: the key it is told apart by. What is not known is left out. */
static void print_wired(const json_t *devices, const struct row *rows, size_t row_count,
                        const char *label)
{
    for (size_t r = 0; r < row_count; r++) {
        if (!has_value(devices, rows[r].key)) {
            continue;
        }
        print_head(rows[r].name, rows[r].type, rows[r].help);
        for (size_t i = 0; i < json_array_size(devices); i++) {
            const json_t *device = json_array_get(devices, i);
            const json_t *value = json_object_get(device, rows[r].key);
            if (!json_is_null(value)) {
                printf("checkpoint_%s{%s=\"%lld\"} %lld\n", rows[r].name, label,
                       number_of(device, label),
                       json_is_boolean(value) ? (long long)json_is_true(value)
                                              : (long long)json_integer_value(value));
            }
        }
    }
}

/* ---- capture ---- */

static const struct {
    const char *key;
    const char *name;
    const char *help;
} source_rows[] = {
    {"frames", "capture_source_frames_total", "Frames a capture source handed over."},
    {"frames_with_read", "capture_source_reads_total", "Of these, reads that were admitted."},
    {"source_errors", "capture_source_errors_total", "Frames received broken, by its own count."},
};

/* Why a frame became no passage: lost before us, left out, or refused. NULL: it is none of it. */
static const char *cause_of(const char *counter)
{
    static const char *const stages[] = {"frame_", "compact_", "json_", "camera_"};
    static const char lost[] = "dropped_";
    if (strncmp(counter, lost, sizeof(lost) - 1) == 0) {
        return counter + sizeof(lost) - 1;
    }
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        if (strncmp(counter, stages[i], strlen(stages[i])) == 0) {
            return counter;
        }
    }
    return NULL;
}

static void print_source_labels(const json_t *source, const char *name)
{
    printf("checkpoint_%s", name);
    print_label("source", text_of(source, "source"), "{");
    printf(",queue=\"%lld\"", number_of(source, "queue"));
}

static void print_drops(const json_t *source)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(source, "counters"), name, value)
    {
        const char *cause = cause_of(name);
        if (cause) {
            print_source_labels(source, "capture_dropped_total");
            print_label("cause", cause, ",");
            printf("} %lld\n", (long long)json_integer_value(value));
        }
    }
}

static void print_sources(const json_t *sources)
{
    size_t count = json_array_size(sources);
    for (size_t r = 0; count > 0 && r < sizeof(source_rows) / sizeof(source_rows[0]); r++) {
        print_head(source_rows[r].name, "counter", source_rows[r].help);
        for (size_t i = 0; i < count; i++) {
            const json_t *source = json_array_get(sources, i);
            print_source_labels(source, source_rows[r].name);
            printf("} %lld\n", number_of(json_object_get(source, "counters"), source_rows[r].key));
        }
    }
    if (count > 0) {
        print_head(
            "capture_dropped_total", "counter",
            "Frames that became no passage: nic and pool were lost before checkpoint-matchd, "
            "ring and late by it; the rest was refused.");
    }
    for (size_t i = 0; i < count; i++) {
        print_drops(json_array_get(sources, i));
    }
}

static void print_matchd(const json_t *matchd)
{
    const char *name;
    json_t *value;
    print_head("matchd_connected", "gauge", "1 while checkpoint-matchd is connected.");
    printf("checkpoint_matchd_connected %d\n", json_is_true(json_object_get(matchd, "connected")));
    json_t *counters = json_object_get(matchd, "counters");
    if (json_object_size(counters) > 0) {
        print_head("capture_total", "counter",
                   "What checkpoint-matchd counted in all, refused reads and frames by cause.");
    }
    json_object_foreach(counters, name, value)
    {
        printf("checkpoint_capture_total");
        print_label("what", name, "{");
        printf("} %lld\n", (long long)json_integer_value(value));
    }
    print_sources(json_object_get(matchd, "sources"));
}

static void print_metrics(const json_t *metrics)
{
    const json_t *counters = json_object_get(metrics, "counters");
    const json_t *journal = json_object_get(metrics, "journal");
    for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
        print_head(totals[i].name, "counter", totals[i].help);
        printf("checkpoint_%s %lld\n", totals[i].name, number_of(counters, totals[i].key));
    }
    print_head("journal_head", "gauge", "Sequence of the newest record.");
    printf("checkpoint_journal_head %lld\n", number_of(journal, "head"));
    print_head("journal_confirmed", "gauge", "Newest sequence headquarters has confirmed.");
    printf("checkpoint_journal_confirmed %lld\n", number_of(journal, "confirmed"));
    print_head("journal_healthy", "gauge", "1 while the journal can commit.");
    printf("checkpoint_journal_healthy %d\n", json_is_true(json_object_get(journal, "healthy")));
    print_buses(json_object_get(metrics, "buses"));
    print_causes(json_object_get(metrics, "buses"));
    print_captures(json_object_get(metrics, "captures"));
    print_wired(json_object_get(metrics, "cameras"), camera_rows,
                sizeof(camera_rows) / sizeof(camera_rows[0]), "camera");
    print_wired(json_object_get(metrics, "displays"), display_rows,
                sizeof(display_rows) / sizeof(display_rows[0]), "lane");
    print_matchd(json_object_get(metrics, "matchd"));
}

int ctl_metrics(struct ctl *ctl)
{
    json_t *metrics = NULL;
    int status = ctl_ask(ctl, "metrics", NULL, &metrics);
    if (status != 0) {
        return status;
    }
    if (ctl->json) {
        ctl_print_json(metrics);
    } else {
        print_metrics(metrics);
    }
    json_decref(metrics);
    return EXIT_OK;
}
