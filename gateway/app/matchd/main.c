/*
 * checkpoint-matchd: plate reads in, matched against the wanted list, out to checkpointd. matchd.h
 * has its thread table; alarms and the wiring stand here.
 */
#include "gateway/app/matchd/matchd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/service.h"
#include "gateway/base/log.h"

enum { THREADS_MAX = MATCHD_CAPTURERS_MAX + 4 };

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

/* ---- setting up ---- */

static int prepare(struct matchd *m, struct err_text *err)
{
    int result = matchd_cameras_load(&m->config, &m->cameras, err);
    if (result == 0) {
        result = matchd_capturers_create(m, err);
    }
    if (result == 0) {
        result = matchd_refusals_create(m, err);
    }
    return result;
}

static int start_threads(struct matchd *m, struct err_text *err)
{
    int result = service_thread_start(&m->list_thread, "list", 0, matchd_list_run, m, err);
    if (result == 0) {
        result = service_thread_start(&m->link_thread, "link", 20, matchd_link_run, m, err);
    }
    if (result == 0) {
        result = service_thread_start(&m->reads_thread, "reads", 20, matchd_reads_run, m, err);
    }
    if (result == 0) {
        result = service_thread_start(&m->keeper_thread, "keeper", 0, matchd_keeper_run, m, err);
    }
    if (result == 0) {
        result = matchd_capturers_start(m, err);
    }
    return result;
}

/* The order in which they are told to stop: what makes packets first. Returns how many. */
static size_t list_threads(struct matchd *m, struct thread *out[THREADS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < m->capturer_count; i++) {
        out[count++] = &m->capturers[i].thread;
    }
    out[count++] = &m->reads_thread;
    out[count++] = &m->link_thread;
    out[count++] = &m->keeper_thread;
    out[count++] = &m->list_thread;
    return count;
}

static void stop_all(struct matchd *m)
{
    struct thread *threads[THREADS_MAX];
    size_t count = list_threads(m, threads);
    for (size_t i = 0; i < count; i++) {
        thread_stop(threads[i]);
    }
    for (size_t i = 0; i < count; i++) {
        thread_join(threads[i]);
    }
}

static void destroy_all(struct matchd *m)
{
    matchd_list_close(m);
    matchd_judge_end(m);
    matchd_capturers_destroy(m);
    matchd_refusals_destroy(m);
    camera_table_destroy(m->cameras);
    matchd_packets_destroy(m);
    pthread_mutex_destroy(&m->judging.lock);
    pthread_mutex_destroy(&m->watched.lock);
    pthread_mutex_destroy(&m->alarm_lock);
}

static void on_dump(void *ctx)
{
    static struct match_counter counters[MATCHD_COUNTERS_MAX]; /* the main thread's */
    char text[1024]; /* counters at 0 are left out; more than fit are too */
    size_t size = 0;
    size_t count = matchd_stats_fill(ctx, counters);
    text[0] = '\0';
    for (size_t i = 0; i < count && size < sizeof(text); i++) {
        if (counters[i].value > 0 && counters[i].source[0] == '\0') {
            size +=
                (size_t)snprintf(text + size, sizeof(text) - size, "%s%s=%llu", size > 0 ? " " : "",
                                 counters[i].name, (unsigned long long)counters[i].value);
        }
    }
    log_event(EVENT_PROGRAM_STARTED, "%s", text);
}

static int run(void *ctx, struct service *service, struct err_text *err)
{
    struct matchd *m = ctx;
    const struct service_hooks hooks = {.ctx = m, .dump = on_dump};
    struct thread *threads[THREADS_MAX];
    size_t thread_count = list_threads(m, threads);
    int result = service_take_state(service, m->config.state_dir, err);
    if (result != 0) {
        return result;
    }
    matchd_clock_begin(m);
    matchd_counters_load(m);
    result = matchd_judge_begin(m, err);
    if (result == 0) {
        result = matchd_packets_create(m, err);
    }
    if (result == 0) {
        result = matchd_reads_listen(m, err);
    }
    if (result == 0) {
        result = start_threads(m, err);
    }
    if (result == 0) {
        service_ready("matching");
        result = service_run(service, threads, thread_count, &hooks);
        result = result == EXIT_OK ? 0 : err_set(err, ERR_STOPPED, "a thread ended");
    }
    stop_all(m);
    return result;
}

int main(int argc, char **argv)
{
    static struct matchd m;
    struct service_args args;
    struct err_text err = {{0}};
    int status = service_args_parse(argc, argv, &about, &args);
    if (status >= 0) {
        return status;
    }
    thread_lock_init(&m.alarm_lock);
    thread_lock_init(&m.watched.lock);
    thread_lock_init(&m.judging.lock);
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
    status = service_serve(&about, run, &m);
    destroy_all(&m);
    return status;
}
