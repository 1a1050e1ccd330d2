/*
 * The bus engine against what was promised, with one lane and with all lanes of a large checkpoint:
 * input change to lane event, scans a second, order to coil with both cores busy, lost contact,
 * obstacle to stop, CPU time of the bus threads beside that of threads that do nothing but the same
 * requests; and one RTU request against its time on the wire and against a loop of write and read.
 * The modules stand in a thread of this process above the bus in priority, so that they bound
 * nothing. Medians of the runs; "always" and "at most" are the worst of all. A ratio of at most 1
 * keeps the promise. Options: --lanes N --runs N --events N. Last line: one JSON object.
 */
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "drivers/bus/modbus_link.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_site.h"

enum {
    EVENTS_MAX = 10000,
    BURNERS = 2,
    STEADY_MS = 1000,
    RTU_CHARS = 14, /* FC02 of 8 inputs: 8 there, 6 back */
    RTU_BITS = 10,
    OBSTACLE_EVERY = 4 /* one trial for so many events: it takes longer */
};

static const double event_slack_ms = 2;
static const double order_limit_ms = 5;
static const double lost_limit_ms = 1000;
static const double stop_limit_ms = 100;
static const double scans_promised = 100;
static const double cpu_limit_percent = 25;
static const double rtu_limit = 1.15;

struct options {
    size_t lanes;
    size_t runs;
    size_t events;
};

/* Of one run with so many lanes. */
struct figures {
    double scan_ms; /* mean distance of two scans of a lane */
    double scans_per_s;
    double event_p99_ms;
    double order_p99_ms;
    double lost_ms;
    double stop_max_ms;
    double cpu_percent;
    double bare_cpu_percent; /* of nothing but the same requests */
    size_t stops;
    size_t stops_at_once;
};

static uint64_t draws;

static double ms_of(int64_t ns)
{
    return (double)ns / 1e6;
}

static double p99(double *values, size_t count)
{
    (void)bench_median(values, count); /* sorts */
    return values[(count * 99 + 99) / 100 - 1];
}

static void random_pause(uint32_t most_us)
{
    site_sleep_us((uint32_t)(bench_draw(&draws) % most_us));
}

static struct site_lane *random_lane(struct site *site)
{
    return &site->lanes[bench_draw(&draws) % site->lane_count];
}

/* ---- one lane or many ---- */

static uint64_t scans_of(const struct site *site, size_t lane)
{
    struct bus_stats stats;
    bus_stats_read(site->lanes[lane].bus, &stats);
    return stats.scans;
}

static int64_t cpu_ns(const struct site *site)
{
    int64_t sum = 0;
    for (size_t i = 0; i < site->lane_count; i++) {
        sum += site_cpu_ns(bus_thread(site->lanes[i].bus)->handle);
    }
    return sum;
}

/* The slowest lane counts. */
static void measure_steady(const struct site *site, struct figures *out)
{
    uint64_t before[SITE_LANES_MAX] = {0};
    for (size_t i = 0; i < site->lane_count; i++) {
        before[i] = scans_of(site, i);
    }
    int64_t cpu = cpu_ns(site);
    int64_t begin = site_now_ns();
    site_sleep_us(STEADY_MS * 1000);
    cpu = cpu_ns(site) - cpu;
    double took_s = (double)(site_now_ns() - begin) / 1e9;
    out->scans_per_s = 1e9;
    for (size_t i = 0; i < site->lane_count; i++) {
        double rate = (double)(scans_of(site, i) - before[i]) / took_s;
        out->scans_per_s = rate < out->scans_per_s ? rate : out->scans_per_s;
    }
    out->scan_ms = 1000 / out->scans_per_s;
    out->cpu_percent = (double)cpu / 1e7 / took_s;
}

static double measure_events(struct site *site, size_t count, double *values)
{
    for (size_t i = 0; i < count; i++) {
        struct site_lane *lane = random_lane(site);
        unsigned inputs = atomic_load(&lane->unit->inputs) ^ INPUT_BIT(INPUT_ENTRY_LOOP);
        random_pause(20000);
        int64_t begin = site_now_ns();
        atomic_store(&lane->unit->inputs, inputs);
        values[i] = ms_of(site_await_inputs(lane, inputs) - begin);
    }
    return p99(values, count);
}

static atomic_bool burning;

static void *burn(void *arg)
{
    volatile uint64_t *sink = arg;
    while (atomic_load_explicit(&burning, memory_order_relaxed)) {
        *sink += 1;
    }
    return NULL;
}

static int64_t order_one(struct site_lane *lane, uint64_t id)
{
    bool on = !(atomic_load(&lane->unit->coils) & OUTPUT_BIT(OUTPUT_RED));
    int64_t begin = site_now_ns();
    const struct lane_order order = {.id = id,
                                     .lane = lane->config.lane,
                                     .output = OUTPUT_RED,
                                     .on = on,
                                     .expires = mono_add_ms(clock_mono(&clock_system), 10000)};
    if (bus_submit(lane->bus, &order) != ERR_OK) {
        bench_fail("an order is refused");
    }
    while (atomic_load(&lane->unit->coil_ns[OUTPUT_RED]) < begin) {
        site_sleep_us(100);
    }
    return atomic_load(&lane->unit->coil_ns[OUTPUT_RED]) - begin;
}

static double measure_orders(struct site *site, size_t count, double *values)
{
    pthread_t burners[BURNERS];
    uint64_t sinks[BURNERS] = {0};
    atomic_store(&burning, true);
    for (int i = 0; i < BURNERS; i++) {
        if (pthread_create(&burners[i], NULL, burn, &sinks[i]) != 0) {
            bench_fail("no thread to keep a core busy");
        }
        site_prefer_nothing(burners[i]);
    }
    for (size_t i = 0; i < count; i++) {
        random_pause(5000);
        values[i] = ms_of(order_one(random_lane(site), i + 1));
    }
    atomic_store(&burning, false);
    for (int i = 0; i < BURNERS; i++) {
        pthread_join(burners[i], NULL);
    }
    return p99(values, count);
}

/* Every module falls silent at once; the lane that is told last. */
static double measure_lost(struct site *site)
{
    int64_t last = 0;
    random_pause(20000);
    int64_t begin = site_now_ns();
    atomic_store(&site->partner.symptom, PARTNER_SILENT);
    site_await_contact(site, false);
    for (size_t i = 0; i < site->lane_count; i++) {
        int64_t lost = atomic_load(&site->lanes[i].lost_ns);
        last = lost > last ? lost : last;
    }
    atomic_store(&site->partner.symptom, PARTNER_WELL);
    site_await_contact(site, true);
    return ms_of(last - begin);
}

/* Somebody's hand is on the lower coil, then an obstacle comes: the guard stops and raises. */
static double obstacle_one(struct site_lane *lane, bool *out_at_once)
{
    const unsigned healthy = INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK);
    atomic_store(&lane->unit->inputs, healthy | INPUT_BIT(INPUT_LIMIT_OPEN));
    (void)site_await_inputs(lane, healthy | INPUT_BIT(INPUT_LIMIT_OPEN));
    atomic_store(&lane->unit->inputs, healthy);
    (void)site_await_inputs(lane, healthy);
    atomic_store(&lane->unit->coils, OUTPUT_BIT(OUTPUT_LOWER));
    random_pause(20000);
    atomic_store(&lane->acted_at_once, false);
    int64_t begin = site_now_ns();
    atomic_store(&lane->unit->inputs, healthy | INPUT_BIT(INPUT_OBSTACLE));
    (void)site_await_inputs(lane, healthy | INPUT_BIT(INPUT_OBSTACLE));
    *out_at_once = atomic_load(&lane->acted_at_once);
    int64_t stopped = atomic_load(&lane->unit->coil_ns[OUTPUT_STOP]);
    if (stopped < begin || atomic_load(&lane->unit->coil_ns[OUTPUT_RAISE]) < stopped) {
        bench_fail("lane %u: an obstacle and no stop, no raise", lane->config.lane);
    }
    return ms_of(stopped - begin);
}

static void measure_obstacles(struct site *site, size_t count, struct figures *out)
{
    out->stops = count;
    for (size_t i = 0; i < count; i++) {
        struct site_lane *lane = random_lane(site);
        bool at_once = false;
        double took_ms = obstacle_one(lane, &at_once);
        out->stop_max_ms = took_ms > out->stop_max_ms ? took_ms : out->stop_max_ms;
        out->stops_at_once += at_once;
    }
}

static void measure_site(size_t lanes, size_t events, double *values, struct figures *out)
{
    static struct site site;
    *out = (struct figures){0};
    site_start(&site, lanes);
    measure_steady(&site, out);
    out->event_p99_ms = measure_events(&site, events, values);
    out->order_p99_ms = measure_orders(&site, events, values);
    out->lost_ms = measure_lost(&site);
    measure_obstacles(&site, events / OBSTACLE_EVERY + 1, out);
    site_stop(&site);
    out->bare_cpu_percent = site_bare_cpu_percent(lanes, STEADY_MS);
}

/* ---- RTU ---- */

struct rtu_figures {
    double request_ms; /* the link's, back to back */
    double bare_ms;    /* the same frames, written and read by nothing but a loop */
    double wire_ms;
};

static void sleep_until_ns(int64_t when_ns)
{
    struct timespec t = {.tv_sec = when_ns / 1000000000, .tv_nsec = when_ns % 1000000000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL); /* the frame tells */
}

/* The least a master can do: the silence, the frame out, the bytes in. */
static double bare_requests(const struct partner *partner, size_t count, int64_t gap_ns)
{
    static const uint8_t frame[] = {1, 2, 0, 0, 0, 8, 0x79, 0xCC};
    int fd = open(partner->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        bench_fail("%s cannot be opened", partner->path);
    }
    int64_t begin = site_now_ns();
    int64_t quiet = begin;
    for (size_t i = 0; i < count; i++) {
        uint8_t answer[6];
        sleep_until_ns(quiet + gap_ns);
        if (write(fd, frame, sizeof(frame)) != (ssize_t)sizeof(frame)) {
            bench_fail("the bare line takes no frame");
        }
        for (size_t got = 0; got < sizeof(answer);) {
            ssize_t more = read(fd, answer + got, sizeof(answer) - got);
            if (more <= 0) {
                bench_fail("the bare line gives no answer");
            }
            got += (size_t)more;
        }
        quiet = site_now_ns();
    }
    close(fd);
    return ms_of(quiet - begin) / (double)count;
}

static double link_requests(const struct partner *partner, size_t count)
{
    const struct modbus_request request = {.unit = 1, .function = 2, .count = 8};
    struct modbus_link *link = NULL;
    struct modbus_answer answer;
    struct err_text err = {""};
    if (modbus_link_create_rtu(partner->path, partner->baud_bps, 'N', 1, &link, &err) != ERR_OK ||
        modbus_link_open(link, 0, &err) != ERR_OK ||
        modbus_link_exchange(link, &request, 1000000, &answer, &err) != ERR_OK) { /* settles it */
        bench_fail("RTU: %s", err.text);
    }
    int64_t begin = site_now_ns();
    for (size_t i = 0; i < count; i++) {
        if (modbus_link_exchange(link, &request, 1000000, &answer, &err) != ERR_OK) {
            bench_fail("RTU: %s", err.text);
        }
    }
    double took_ms = ms_of(site_now_ns() - begin);
    modbus_link_destroy(link);
    return took_ms / (double)count;
}

static void measure_rtu(uint32_t baud_bps, size_t count, struct rtu_figures *out)
{
    struct partner partner;
    struct io_timing timing;
    modbus_timing_rtu(baud_bps, RTU_BITS, &timing);
    partner_init(&partner);
    partner.priority = SITE_PARTNER_PRIORITY;
    partner_add(&partner, 1);
    if (!partner_start_rtu(&partner, baud_bps)) {
        bench_fail("no pty");
    }
    out->wire_ms = ((double)RTU_CHARS * timing.char_ns + 2e3 * timing.gap_us) / 1e6;
    out->bare_ms = bare_requests(&partner, count, (int64_t)timing.gap_us * 1000);
    out->request_ms = link_requests(&partner, count);
    partner_stop(&partner);
}

/* ---- the whole ---- */

static struct options parse(int argc, char **argv)
{
    static const struct option names[] = {{"lanes", required_argument, NULL, 'l'},
                                          {"runs", required_argument, NULL, 'r'},
                                          {"events", required_argument, NULL, 'e'},
                                          {NULL, 0, NULL, 0}};
    struct options o = {.lanes = SITE_LANES_MAX, .runs = 7, .events = 100};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'l') {
            o.lanes = bench_number("lanes", optarg, SITE_LANES_MAX);
        } else if (option == 'r') {
            o.runs = bench_number("runs", optarg, BENCH_RUNS_MAX);
        } else if (option == 'e') {
            o.events = bench_number("events", optarg, EVENTS_MAX);
        } else {
            bench_fail("see the head of bench_lanes.c for the options");
        }
    }
    if (optind < argc) {
        bench_fail("'%s': expected an option", argv[optind]);
    }
    return o;
}

enum column { EVENT, ORDER, LOST, STOP, SCANS, SCAN, CPU, BARE_CPU, TO_BARE, COLUMNS };

static double median_of(const struct figures *runs, size_t count, enum column column)
{
    double values[BENCH_RUNS_MAX];
    for (size_t i = 0; i < count; i++) {
        const double all[COLUMNS] = {
            [EVENT] = runs[i].event_p99_ms,
            [ORDER] = runs[i].order_p99_ms,
            [LOST] = runs[i].lost_ms,
            [STOP] = runs[i].stop_max_ms,
            [SCANS] = runs[i].scans_per_s,
            [SCAN] = runs[i].scan_ms,
            [CPU] = runs[i].cpu_percent,
            [BARE_CPU] = runs[i].bare_cpu_percent,
            [TO_BARE] = runs[i].cpu_percent / runs[i].bare_cpu_percent,
        };
        values[i] = all[column];
    }
    double median = bench_median(values, count);
    return column == LOST || column == STOP ? values[count - 1] : median; /* these: always */
}

static void say(struct bench_json *json, const char *who, const char *what, double value)
{
    char key[64];
    (void)snprintf(key, sizeof(key), "%s_%s", who, what);
    bench_json_number(json, key, value, 3);
}

static void say_site(struct bench_json *json, const char *who, const struct figures *runs,
                     size_t count)
{
    double event_limit_ms = median_of(runs, count, SCAN) + event_slack_ms;
    size_t stops = 0;
    size_t at_once = 0;
    for (size_t i = 0; i < count; i++) {
        stops += runs[i].stops;
        at_once += runs[i].stops_at_once;
    }
    say(json, who, "scans_per_s", median_of(runs, count, SCANS));
    say(json, who, "scans_ratio", scans_promised / median_of(runs, count, SCANS));
    say(json, who, "event_p99_ms", median_of(runs, count, EVENT));
    say(json, who, "event_ratio", median_of(runs, count, EVENT) / event_limit_ms);
    say(json, who, "order_p99_ms", median_of(runs, count, ORDER));
    say(json, who, "order_ratio", median_of(runs, count, ORDER) / order_limit_ms);
    say(json, who, "lost_max_ms", median_of(runs, count, LOST));
    say(json, who, "lost_ratio", median_of(runs, count, LOST) / lost_limit_ms);
    say(json, who, "stop_max_ms", median_of(runs, count, STOP));
    say(json, who, "stop_ratio", median_of(runs, count, STOP) / stop_limit_ms);
    say(json, who, "stops", (double)stops);
    say(json, who, "stops_not_in_their_scan", (double)(stops - at_once));
    say(json, who, "cpu_percent", median_of(runs, count, CPU));
    say(json, who, "bare_cpu_percent", median_of(runs, count, BARE_CPU));
    say(json, who, "cpu_to_bare", median_of(runs, count, TO_BARE));
    say(json, who, "cpu_ratio", median_of(runs, count, CPU) / cpu_limit_percent);
}

static void say_rtu(struct bench_json *json, const char *who, const struct rtu_figures *runs,
                    size_t count)
{
    double to_wire[BENCH_RUNS_MAX];
    double to_bare[BENCH_RUNS_MAX];
    double bare[BENCH_RUNS_MAX];
    for (size_t i = 0; i < count; i++) {
        to_wire[i] = runs[i].request_ms / runs[i].wire_ms;
        bare[i] = runs[i].bare_ms / runs[i].wire_ms;
        to_bare[i] = runs[i].request_ms / runs[i].bare_ms;
    }
    double median = bench_median(to_wire, count);
    say(json, who, "wire_ms", runs[0].wire_ms);
    say(json, who, "to_wire", median);
    say(json, who, "bare_to_wire", bench_median(bare, count));
    say(json, who, "to_bare", bench_median(to_bare, count));
    say(json, who, "ratio", median / rtu_limit);
}

int main(int argc, char **argv)
{
    struct options o = parse(argc, argv);
    static struct figures one[BENCH_RUNS_MAX];
    static struct figures all[BENCH_RUNS_MAX];
    static struct rtu_figures slow[BENCH_RUNS_MAX];
    static struct rtu_figures fast[BENCH_RUNS_MAX];
    double *values = bench_room(o.events, sizeof(double));
    site_prefer(pthread_self(), SITE_MAIN_PRIORITY); /* or its own late clocks are measured */
    for (size_t i = 0; i < o.runs; i++) {
        measure_site(1, o.events, values, &one[i]);
        measure_site(o.lanes, o.events, values, &all[i]);
        measure_rtu(19200, o.events / 2 + 1, &slow[i]);
        measure_rtu(115200, o.events, &fast[i]);
        fprintf(stderr,
                "run %zu: event %.2f / %.2f ms, order %.2f / %.2f ms, %.0f / %.0f scans/s, cpu "
                "%.1f %%\n",
                i + 1, one[i].event_p99_ms, all[i].event_p99_ms, one[i].order_p99_ms,
                all[i].order_p99_ms, one[i].scans_per_s, all[i].scans_per_s, all[i].cpu_percent);
    }
    free(values);
    struct bench_json json;
    bench_json_begin(&json, stdout);
    bench_json_text(&json, "bench", "lanes");
    bench_json_integer(&json, "lanes", o.lanes);
    bench_json_integer(&json, "runs", o.runs);
    bench_json_integer(&json, "events", o.events);
    say_site(&json, "one", one, o.runs);
    say_site(&json, "all", all, o.runs);
    say_rtu(&json, "rtu_19200", slow, o.runs);
    say_rtu(&json, "rtu_115200", fast, o.runs);
    bench_json_end(&json);
    return 0;
}
