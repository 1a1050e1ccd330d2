/*
 * See bench_site.h. The main thread owns the site; what other threads write is atomic.
 */
#include "tests/bench/bench_site.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum {
    QUEUE_SCANS = 4096,
    POP_MS = 100,
    GIVE_UP_S = 20,
    LOOK_US = 200,
    ANSWER_US = 5000,
    TIMEOUT_US = 200000
};

int64_t site_now_ns(void)
{
    return (int64_t)bench_wall_ns();
}

void site_sleep_us(uint32_t us)
{
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL); /* shorter: the caller looks again */
}

void site_prefer(pthread_t thread, int priority)
{
    struct sched_param param = {.sched_priority = priority};
    (void)pthread_setschedparam(thread, SCHED_FIFO, &param); /* else slower, and told */
}

void site_prefer_nothing(pthread_t thread)
{
    struct sched_param param = {.sched_priority = 0};
    if (pthread_setschedparam(thread, SCHED_OTHER, &param) != 0) {
        bench_fail("a thread cannot be made an ordinary one");
    }
}

/* ---- the lane thread ---- */

static void take_scan(struct site_lane *lane, const struct lane_scan *scan)
{
    unsigned before = atomic_load(&lane->active);
    if (scan->contact && scan->active != before) {
        unsigned came = scan->active & ~before;
        if (came & INPUT_BIT(INPUT_OBSTACLE)) {
            atomic_store(&lane->acted_at_once, scan->guard_acted);
        }
        atomic_store(&lane->changed_ns, site_now_ns());
        atomic_store(&lane->active, scan->active);
    }
    if (!scan->contact && atomic_load(&lane->contact)) {
        atomic_store(&lane->lost_ns, site_now_ns());
    }
    atomic_store(&lane->contact, scan->contact);
}

static void *run_lanes(void *arg)
{
    struct site *site = arg;
    struct lane_scan scan;
    for (;;) {
        int rc = queue_pop(site->scans, &scan, POP_MS);
        if (rc == ERR_STOPPED) {
            return NULL;
        }
        if (rc == ERR_OK) {
            take_scan(&site->lanes[scan.lane - 1], &scan);
        }
    }
}

/* ---- sinks of the buses ---- */

static void sink_scan(void *ctx, const struct lane_scan *scan)
{
    struct site *site = ctx;
    if (queue_push(site->scans, scan) != ERR_OK) {
        bench_fail("the lane thread does not keep up");
    }
}

static void sink_outcome(void *ctx, const struct lane_outcome *outcome)
{
    (void)ctx;
    if (outcome->result == ORDER_VETOED || outcome->result == ORDER_EXPIRED) {
        bench_fail("order %s: %s", order_result_name(outcome->result), outcome->detail);
    }
}

/* ---- start and stop ---- */

static void start_lane(struct site *site, size_t index)
{
    struct site_lane *lane = &site->lanes[index];
    uint8_t number = (uint8_t)(index + 1);
    struct err_text err = {""};
    lane->module = (struct line_module){.unit = number,
                                        .inputs = INPUT_COUNT,
                                        .coils = OUTPUT_COUNT,
                                        .answer_us = ANSWER_US,
                                        .timeout_us = TIMEOUT_US};
    lane_config_defaults(&lane->config, number);
    lane->config.wired = (1u << INPUT_COUNT) - 1;
    lane->config.outputs_wired = (1u << OUTPUT_COUNT) - 1;
    guard_init(&lane->guard, &lane->config);
    lane->hooks = (struct lane_guard){
        .ctx = &lane->guard, .scan = guard_scan, .allows = guard_allows, .wrote = guard_wrote};
    struct bus_options options = {.kind = BUS_MODBUS_TCP,
                                  .host = "127.0.0.1",
                                  .port = site->partner.port,
                                  .core = -1,
                                  .priority = SITE_BUS_PRIORITY};
    (void)snprintf(options.name, sizeof(options.name), "bus-%u", number);
    struct bus_lane on_bus = {.lane = number, .device_count = 1, .guard = &lane->hooks};
    on_bus.devices[0] =
        (struct io_device){.driver = &line_module_driver, .state = &lane->module, .name = "module"};
    struct bus_sinks sinks = {.ctx = site, .scan = sink_scan, .outcome = sink_outcome};
    if (bus_create(&options, &on_bus, 1, &sinks, &lane->bus, &err) != ERR_OK ||
        bus_start(lane->bus) != ERR_OK) {
        bench_fail("lane %u: %s", number, err.text);
    }
}

void site_start(struct site *site, size_t lanes)
{
    memset(site, 0, sizeof(*site));
    site->lane_count = lanes;
    site->scans = queue_create(QUEUE_SCANS, sizeof(struct lane_scan));
    partner_init(&site->partner);
    site->partner.priority = SITE_PARTNER_PRIORITY;
    for (size_t i = 0; i < lanes; i++) {
        site->lanes[i].unit = partner_add(&site->partner, (uint8_t)(i + 1));
    }
    if (!site->scans || !partner_start_tcp(&site->partner) ||
        pthread_create(&site->lane_thread, NULL, run_lanes, site) != 0) {
        bench_fail("the site cannot start");
    }
    site_prefer(site->lane_thread, SITE_LANE_PRIORITY);
    for (size_t i = 0; i < lanes; i++) {
        start_lane(site, i);
    }
    site_await_contact(site, true);
}

void site_stop(struct site *site)
{
    for (size_t i = 0; i < site->lane_count; i++) {
        bus_stop(site->lanes[i].bus);
    }
    queue_stop(site->scans);
    pthread_join(site->lane_thread, NULL);
    for (size_t i = 0; i < site->lane_count; i++) {
        bus_destroy(site->lanes[i].bus);
    }
    partner_stop(&site->partner);
    queue_destroy(site->scans);
}

/* ---- the least it can cost ---- */

struct bare {
    struct sockaddr_in address;
    uint8_t unit;
    atomic_bool stop;
    pthread_t thread;
};

static void bare_exchange(int fd, uint8_t unit, uint8_t function, uint16_t count)
{
    const uint8_t request[] = {0, 0, 0, 0, 0, 6, unit, function, 0, 0, 0, (uint8_t)count};
    uint8_t answer[64];
    size_t wanted = 9u + (count + 7u) / 8u;
    if (send(fd, request, sizeof(request), MSG_NOSIGNAL) != (ssize_t)sizeof(request)) {
        bench_fail("the bare connection takes no request");
    }
    for (size_t got = 0; got < wanted;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        const struct timespec patience = {.tv_sec = GIVE_UP_S};
        ssize_t more = ppoll(&p, 1, &patience, NULL) > 0
                           ? recv(fd, answer + got, sizeof(answer) - got, 0)
                           : -1;
        if (more <= 0) {
            bench_fail("the bare connection gives no answer");
        }
        got += (size_t)more;
    }
}

static void *run_bare(void *arg)
{
    struct bare *bare = arg;
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&bare->address, sizeof(bare->address)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
        bench_fail("the bare connection is refused");
    }
    int64_t next = site_now_ns();
    while (!atomic_load(&bare->stop)) {
        next += (int64_t)BUS_SCAN_INTERVAL_TCP_MS * 1000000;
        struct timespec t = {.tv_sec = next / 1000000000, .tv_nsec = next % 1000000000};
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL); /* earlier: it is paced */
        bare_exchange(fd, bare->unit, 2, INPUT_COUNT);
        bare_exchange(fd, bare->unit, 1, OUTPUT_COUNT);
    }
    close(fd);
    return NULL;
}

int64_t site_cpu_ns(pthread_t thread)
{
    clockid_t clock;
    struct timespec t;
    if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &t) != 0) {
        bench_fail("CPU time of a thread");
    }
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

double site_bare_cpu_percent(size_t lanes, uint32_t ms)
{
    static struct bare all[SITE_LANES_MAX];
    struct partner partner;
    int64_t cpu = 0;
    partner_init(&partner);
    partner.priority = SITE_PARTNER_PRIORITY;
    for (size_t i = 0; i < lanes; i++) {
        (void)partner_add(&partner, (uint8_t)(i + 1));
    }
    if (!partner_start_tcp(&partner)) {
        bench_fail("the bare site cannot start");
    }
    for (size_t i = 0; i < lanes; i++) {
        all[i] = (struct bare){.unit = (uint8_t)(i + 1)};
        all[i].address = (struct sockaddr_in){.sin_family = AF_INET,
                                              .sin_port = htons(partner.port),
                                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (pthread_create(&all[i].thread, NULL, run_bare, &all[i]) != 0) {
            bench_fail("no thread for the bare site");
        }
        site_prefer(all[i].thread, SITE_BUS_PRIORITY);
    }
    site_sleep_us(100000); /* connected and under way */
    for (size_t i = 0; i < lanes; i++) {
        cpu -= site_cpu_ns(all[i].thread);
    }
    int64_t begin = site_now_ns();
    site_sleep_us(ms * 1000);
    for (size_t i = 0; i < lanes; i++) {
        cpu += site_cpu_ns(all[i].thread);
    }
    double took_s = (double)(site_now_ns() - begin) / 1e9;
    for (size_t i = 0; i < lanes; i++) {
        atomic_store(&all[i].stop, true);
        pthread_join(all[i].thread, NULL);
    }
    partner_stop(&partner);
    return (double)cpu / 1e7 / took_s;
}

/* ---- waiting ---- */

int64_t site_await_inputs(struct site_lane *lane, unsigned inputs)
{
    int64_t give_up = site_now_ns() + (int64_t)GIVE_UP_S * 1000000000;
    while (atomic_load(&lane->active) != inputs) {
        if (site_now_ns() > give_up) {
            bench_fail("inputs %x do not come, %x stand", inputs, atomic_load(&lane->active));
        }
        site_sleep_us(LOOK_US);
    }
    return atomic_load(&lane->changed_ns);
}

void site_await_contact(struct site *site, bool contact)
{
    int64_t give_up = site_now_ns() + (int64_t)GIVE_UP_S * 1000000000;
    for (size_t i = 0; i < site->lane_count; i++) {
        while (atomic_load(&site->lanes[i].contact) != contact) {
            if (site_now_ns() > give_up) {
                bench_fail("lane %zu: contact does not %s", i + 1, contact ? "come" : "go");
            }
            site_sleep_us(LOOK_US);
        }
    }
}
