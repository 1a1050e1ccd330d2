/*
 * checkpoint-matchd: plate reads in, matched against the wanted list, out to checkpointd. matchd.h
 * has its thread table; the list thread and the wiring stand here.
 */
#include "gateway/app/matchd/matchd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/service.h"
#include "gateway/base/log.h"
#include "gateway/base/rcu.h"

enum { LIST_POLL_MS = 200, LIST_FIRST_MS = 5, CLOCK_MS = 1000, THREADS_MAX = 5 };

static const char help_text[] =
    "FILES\n"
    "  <runtime_dir>/matches     where checkpointd listens\n"
    "  <runtime_dir>/reads       reads of checkpointd's and camerad's cameras come in here\n"
    "  <state_dir>/last-good/    the verified list, to start from without Redis\n"
    "  <state_dir>/counters      the cameras' tag counters\n"
    "  <state_dir>/time          the time it last trusted\n\n"
    "SIGNALS\n"
    "  SIGUSR1  writes the counters to the log\n"
    "  SIGTERM  ends within 2 s\n"
    "  SIGHUP   nothing: restart to read the configuration again, lanes are blind for that "
    "moment\n";

static const struct service_about about = {
    .program = "checkpoint-matchd",
    .purpose = "takes plate reads and matches them against the wanted list",
    .default_config = "/etc/checkpoint/matchd.yaml",
    .help = help_text};

/* ---- alarms ---- */

void matchd_alarm(void *ctx, enum log_event_id event, bool active, const char *detail)
{
    struct matchd *m = ctx;
    struct alarm_state *state = NULL;
    bool changed = false;
    pthread_mutex_lock(&m->alarm_lock);
    for (int i = 0; i < ALARMS_MAX && !state; i++) {
        if (m->alarms[i].event == (uint32_t)event || m->alarms[i].event == 0) {
            state = &m->alarms[i];
        }
    }
    if (state && (state->event != 0 || active) &&
        (state->active != active ||
         strncmp(state->detail, detail, sizeof(state->detail) - 1) != 0)) {
        changed = state->active != active;
        state->event = (uint32_t)event;
        state->active = active;
        state->told = false;
        snprintf(state->detail, sizeof(state->detail), "%s", detail);
    }
    pthread_mutex_unlock(&m->alarm_lock);
    if (changed) {
        log_event(event, "active=%d detail=\"%s\"", active, detail);
    }
}

/* ---- the list in force ---- */

struct in_force *matchd_next_in_force(const struct matchd *m)
{
    struct in_force *next = calloc(1, sizeof(*next));
    const struct in_force *now = m->in_force; /* this thread alone replaces it */
    if (next && now) {
        *next = *now;
    }
    return next;
}

static void free_in_force(struct in_force *in_force, const struct in_force *next)
{
    if (in_force && (!next || in_force->index != next->index)) {
        match_index_destroy(in_force->index);
        free(in_force->entries);
        wanted_list_destroy(in_force->list);
    }
    free(in_force);
}

void matchd_publish(struct matchd *m, struct in_force *next)
{
    struct in_force *old = rcu_publish(&m->in_force, next);
    atomic_fetch_add_explicit(&m->list_changes, 1, memory_order_release);
    rcu_wait();
    free_in_force(old, next);
}

/* Observe entries stay out: with and without one, everything that leaves this program is the same.
 */
static int build_index(struct in_force *next, struct err_text *err)
{
    size_t count = wanted_list_count(next->list);
    const struct wanted_entry *entries = wanted_list_entries(next->list);
    const struct match_entry **matched = calloc(count + 1, sizeof(*matched));
    next->entries = calloc(count + 1, sizeof(*next->entries));
    if (!matched || !next->entries) {
        free(matched);
        return err_set(err, ERR_NO_MEMORY, "index: no memory");
    }
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].record.handling != HANDLING_OBSERVE) {
            next->entries[used] = (struct match_entry){entries[i].record, entries[i].text};
            matched[used] = &next->entries[used];
            used++;
        }
    }
    int result = match_index_create(matched, used, NULL, &next->index, err);
    free(matched);
    return result;
}

/* List thread. */
static int list_changed(void *ctx, const struct wanted_list *list, const struct list_status *status)
{
    struct matchd *m = ctx;
    struct err_text err;
    struct in_force *next = matchd_next_in_force(m);
    if (!next) {
        return ERR_NO_MEMORY;
    }
    next->status = *status;
    next->index = NULL;
    next->entries = NULL;
    next->list = NULL;
    int result = wanted_list_share(list, &next->list);
    if (result == 0) {
        result = build_index(next, &err);
    }
    if (result != 0) {
        free_in_force(next, NULL);
        return result;
    }
    matchd_publish(m, next);
    return 0;
}

/* List thread: the same index under another status. */
static void status_changed(void *ctx, const struct list_status *status)
{
    struct matchd *m = ctx;
    struct in_force *next = matchd_next_in_force(m);
    if (!next) {
        return; /* said again with the next look */
    }
    next->status = *status;
    matchd_publish(m, next);
}

static struct wall_time trusted_wall(void *ctx)
{
    bool trusted;
    return matchd_time(ctx, clock_wall(&clock_system), &trusted);
}

static struct mono_time system_mono(void *ctx)
{
    (void)ctx;
    return clock_mono(&clock_system);
}

void matchd_wait_for_list(struct matchd *m, struct thread *self)
{
    while (!thread_stopping(self) && !atomic_load_explicit(&m->list_tried, memory_order_acquire)) {
        thread_alive(self);
        thread_wait_ms(self, LIST_FIRST_MS);
    }
}

static void list_run(struct thread *self, void *arg)
{
    struct matchd *m = arg;
    char folder[MATCHD_TEXT_SIZE + 16];
    const struct clock_source clock = {.mono = system_mono, .wall = trusted_wall, .ctx = m};
    struct wanted_reader_options options = {.folder = folder,
                                            .roots_folder = m->config.roots,
                                            .redis = {.socket_path = m->config.redis_socket,
                                                      .user = m->config.redis_user,
                                                      .secret_path = m->config.redis_secret},
                                            .clock = &clock,
                                            .list_changed = list_changed,
                                            .status_changed = status_changed,
                                            .policy_changed = matchd_judge_policy,
                                            .alarm = matchd_alarm,
                                            .ctx = m};
    struct wanted_reader *reader = NULL;
    struct err_text err;
    struct mono_time clock_due = {0};
    snprintf(folder, sizeof(folder), "%s/last-good", m->config.state_dir);
    while (!thread_stopping(self)) {
        struct mono_time now = clock_mono(&clock_system);
        thread_alive(self);
        if (!mono_before(now, clock_due)) {
            matchd_clock_look(m);
            clock_due = mono_add_ms(now, CLOCK_MS);
            matchd_judge_look(m, now);
        }
        if (reader) {
            matchd_clock_signed(m, wanted_reader_list(reader));
        }
        int result = reader ? wanted_reader_poll(reader, LIST_POLL_MS)
                            : wanted_reader_open(&options, &reader, &err);
        const char *why = reader ? err_name(result) : err.text;
        atomic_store_explicit(&m->list_tried, true,
                              memory_order_release); /* matchd_wait_for_list */
        matchd_alarm(m, EVENT_WANTED_UNREADABLE, result != 0, result != 0 ? why : "");
        if (result != 0) {
            thread_wait_ms(self, CLOCK_MS);
        }
    }
    wanted_reader_close(reader);
}

/* ---- setting up ---- */

static int make_pool(struct matchd *m, struct err_text *err)
{
    m->pool = calloc(PACKETS_MAX, sizeof(m->pool[0]));
    m->free_packets = queue_create(PACKETS_MAX, sizeof(struct out_packet *));
    m->packets = queue_create(PACKETS_MAX, sizeof(struct out_packet *));
    if (!m->pool || !m->free_packets || !m->packets) {
        return err_set(err, ERR_NO_MEMORY, "packets: no memory");
    }
    for (int i = 0; i < PACKETS_MAX; i++) {
        struct out_packet *packet = &m->pool[i];
        int result = queue_push(m->free_packets, &packet);
        if (result != 0) {
            return err_set(err, result, "packets");
        }
    }
    return 0;
}

static int prepare(struct matchd *m, struct err_text *err)
{
    struct receiver_options options = {.port_count = m->config.port_count,
                                       .json = m->config.json,
                                       .accept_partial_checksum =
                                           m->config.accept_partial_checksum};
    memcpy(options.ports, m->config.ports, sizeof(options.ports));
    int result = matchd_cameras_load(&m->config, &m->cameras, err);
    if (result == 0) {
        result = receiver_create(&options, m->cameras, &m->receiver, err);
    }
    if (result == 0) {
        result = matchd_refusals_create(m, err);
    }
    return result;
}

static int start(struct thread *t, const char *name, int priority,
                 void (*run)(struct thread *, void *), struct matchd *m, struct err_text *err)
{
    struct thread_options options = {.name = name,
                                     .core = -1,
                                     .policy = priority ? THREAD_FIFO : THREAD_NORMAL,
                                     .priority = priority};
    int result = thread_start(t, &options, run, m);
    return result == 0 ? 0 : err_set(err, result, "thread %s: cannot start", name);
}

static int start_threads(struct matchd *m, struct err_text *err)
{
    int result = start(&m->list_thread, "list", 0, list_run, m, err);
    if (result == 0) {
        result = start(&m->link_thread, "link", 20, matchd_link_run, m, err);
    }
    if (result == 0) {
        result = start(&m->reads_thread, "reads", 20, matchd_reads_run, m, err);
    }
    if (result == 0) {
        result = start(&m->keeper_thread, "keeper", 0, matchd_keeper_run, m, err);
    }
    if (result == 0) {
        result = start(&m->capture_thread, "capture", 20, matchd_capture_run, m, err);
    }
    return result;
}

static void stop_all(struct matchd *m)
{
    struct thread *threads[THREADS_MAX] = {&m->capture_thread, &m->reads_thread, &m->link_thread,
                                           &m->keeper_thread, &m->list_thread};
    for (int i = 0; i < THREADS_MAX; i++) {
        thread_stop(threads[i]);
    }
    for (int i = 0; i < THREADS_MAX; i++) {
        thread_join(threads[i]);
    }
}

static void destroy_all(struct matchd *m)
{
    matchd_judge_end(m);
    free_in_force(m->in_force, NULL);
    receiver_destroy(m->receiver);
    matchd_refusals_destroy(m);
    camera_table_destroy(m->cameras);
    queue_destroy(m->packets);
    queue_destroy(m->free_packets);
    free(m->pool);
    pthread_mutex_destroy(&m->counter_lock);
    pthread_mutex_destroy(&m->alarm_lock);
}

static void on_dump(void *ctx)
{
    struct match_counter counters[MATCHD_COUNTERS_MAX];
    char text[1024]; /* counters at 0 are left out; more than fit are too */
    size_t size = 0;
    size_t count = matchd_stats_fill(ctx, counters);
    text[0] = '\0';
    for (size_t i = 0; i < count && size < sizeof(text); i++) {
        if (counters[i].value > 0) {
            size +=
                (size_t)snprintf(text + size, sizeof(text) - size, "%s%s=%llu", size > 0 ? " " : "",
                                 counters[i].name, (unsigned long long)counters[i].value);
        }
    }
    log_event(EVENT_PROGRAM_STARTED, "%s", text);
}

static int run(struct matchd *m, struct service *service, struct err_text *err)
{
    const struct service_hooks hooks = {.ctx = m, .dump = on_dump};
    struct thread *threads[THREADS_MAX] = {&m->list_thread, &m->link_thread, &m->reads_thread,
                                           &m->keeper_thread, &m->capture_thread};
    int result = service_take_state(service, m->config.state_dir, err);
    if (result != 0) {
        return result;
    }
    matchd_clock_begin(m);
    matchd_counters_load(m);
    result = matchd_judge_begin(m, err);
    if (result == 0) {
        result = make_pool(m, err);
    }
    if (result == 0) {
        result = matchd_reads_listen(m, err);
    }
    if (result == 0) {
        result = start_threads(m, err);
    }
    if (result == 0) {
        service_ready("matching");
        result = service_run(service, threads, THREADS_MAX, &hooks);
        result = result == EXIT_OK ? 0 : err_set(err, ERR_STOPPED, "a thread ended");
    }
    stop_all(m);
    return result;
}

int main(int argc, char **argv)
{
    static struct matchd m;
    struct service_args args;
    struct service service;
    struct err_text err = {{0}};
    int status = service_args_parse(argc, argv, &about, &args);
    if (status >= 0) {
        return status;
    }
    thread_lock_init(&m.alarm_lock);
    thread_lock_init(&m.counter_lock);
    int result = config_load(args.config_path, &matchd_section, &m.config, &err);
    bool loaded = result == 0;
    if (loaded) {
        result = prepare(&m, &err);
    }
    if (result == 0 && args.check) {
        result = matchd_files_check(&m.config, &err);
    }
    status = service_config_result(&about, &args, &matchd_section, loaded, result, &err);
    if (status >= 0) {
        destroy_all(&m);
        return status;
    }
    result = service_open(&service, about.program, &err);
    if (result == 0) {
        result = run(&m, &service, &err);
        service_close(&service);
    }
    if (result != 0) {
        fprintf(stderr, "%s: %s\n", about.program, err.text);
    }
    destroy_all(&m);
    return result == 0 ? EXIT_OK : EXIT_RUN;
}
