/*
 * checkpointd: rules, lanes, bus drivers, journal, officers' accounts. checkpointd.h has its thread
 * table; main() and the wiring stand here.
 */
#include "gateway/app/checkpointd/checkpointd.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "gateway/app/key_files.h"
#include "gateway/app/service.h"
#include "gateway/base/file.h"
#include "gateway/base/log.h"

enum { THREADS_MAX = 13 + CONFIG_BUSES_MAX + CONFIG_CAMERAS_MAX + CONFIG_DISPLAYS_MAX };

static const char help_text[] =
    "FILES\n"
    "  <runtime_dir>/control  acts: checkpointctl, consoles\n"
    "  <runtime_dir>/events   subscribers\n"
    "  <runtime_dir>/records  checkpoint-uplinkd\n"
    "  <runtime_dir>/observe  checkpoint-uplinkd: the second chain\n"
    "  <runtime_dir>/matches  checkpoint-matchd\n"
    "  <state_dir>/journal/   the journal and its seal key\n"
    "  <state_dir>/observe/   the second chain, sealed to headquarters\n"
    "  <runtime_dir>/private/tokens.json  who is signed on, over a restart of the program\n"
    "  <state_dir>/accounts.json, tablets.json, guesses.json, keyset.json\n"
    "  <state_dir>/lookout-keys.json  of the rule of seven days for local look-outs\n"
    "  <state_dir>/exempt-list.json  the exempt list as signed, verified at every start\n"
    "  <state_dir>/retention-terms.json  the retention terms likewise; plates in them are hashed\n"
    "  <state_dir>/guided-tests.yaml  when each lane's guided test was (automatic lowering)\n"
    "  <shipped_profiles>/, <profiles>/  device profiles, one YAML file a model\n\n"
    "SIGNALS\n"
    "  SIGHUP   reads rule file, guided tests and code tables again; a bad one is refused, the\n"
    "           old one stays in force; without a good file of tests nothing is lowered\n"
    "  SIGUSR1  writes the counters to the log\n"
    "  SIGTERM  ends within 2 s: running pulses are ended, nothing is lowered, red stays red\n";

static const struct service_about about = {.program = "checkpointd",
                                           .purpose =
                                               "lanes, rules, devices and journal of a checkpoint",
                                           .default_config = "/etc/checkpoint/checkpointd.yaml",
                                           .help = help_text};

/* ---- setting up ---- */

static int open_journal(struct checkpointd *c, struct journal **out, struct err_text *err)
{
    struct journal_options options = {.folder = c->journal_dir,
                                      .checkpoint = c->config.checkpoint,
                                      .seal_interval_ms = c->config.seal_interval_ms,
                                      .reserve_bytes = (uint64_t)c->config.reserve_bytes,
                                      .clock = &c->clock};
    int result = file_make_folder(c->journal_dir, 0700, err);
    return result == 0 ? set_aside_open(c, &options, true, out, err) : result;
}

static uid_t user_of(const char *name)
{
    const struct passwd *user = getpwnam(name);
    return user ? user->pw_uid : getuid(); /* one user for all: tests, demo */
}

static int create_sockets(struct checkpointd *c, struct err_text *err)
{
    static char accounts[256];
    static char tablets[256];
    static char tokens[256];
    static char guesses[256];
    static char matches[256];
    struct control_options options = {.runtime_dir = c->config.runtime_dir,
                                      .accounts_path = accounts,
                                      .admin_group = c->config.admin_group,
                                      .control_group = c->config.control_group,
                                      .events_group = c->config.events_group,
                                      .tokens_path = tokens,
                                      .tablets_path = tablets,
                                      .guesses_path = guesses,
                                      .console_user = c->config.console_user,
                                      .console_without_tablets = c->config.console_without_tablets,
                                      .token_life_s = c->config.token_life_ms / 1000,
                                      .token_idle_s = c->config.token_idle_ms / 1000,
                                      .acts = checkpointd_acts,
                                      .act_count = checkpointd_act_count,
                                      .ctx = c,
                                      .record = acts_record};
    const struct match_link_sink sink = lanes_link_sink(c);
    snprintf(accounts, sizeof(accounts), "%s/accounts.json", c->config.state_dir);
    snprintf(tablets, sizeof(tablets), "%s/tablets.json", c->config.state_dir);
    snprintf(guesses, sizeof(guesses), "%s/guesses.json", c->config.state_dir);
    snprintf(tokens, sizeof(tokens), "%s/private/tokens.json", c->config.runtime_dir);
    snprintf(matches, sizeof(matches), "%s/matches", c->config.runtime_dir);
    int result = control_create(&options, &c->control, err);
    if (result == 0) {
        result = observe_create(c, &c->observe, err);
    }
    if (result == 0) {
        result = records_create(c, &c->records, err);
    }
    if (result == 0) {
        result = records_create_observe(c, c->records, &c->observe_records, err);
    }
    if (result == 0) {
        result = match_link_create(matches, user_of(c->config.matchd_user), &sink, &c->link, err);
    }
    if (result == 0 &&
        atomic_load_explicit(&observe_counts(c->observe)->open, memory_order_acquire)) {
        set_aside_done(c); /* else the second chain is set aside once it can be opened */
    }
    return result;
}

/* ---- threads ---- */

static int start_threads(struct checkpointd *c, struct err_text *err)
{
    int result = service_thread_start(&c->lane_thread, "lane", 35, lanes_run, c, err);
    if (result == 0) {
        result = service_thread_start(&c->publish_thread, "publish", 0, publish_run, c, err);
    }
    if (result == 0) {
        result =
            service_thread_start(&c->control_thread, "control", 0, control_run, c->control, err);
    }
    if (result == 0) {
        result = service_thread_start(&c->password_thread, "password", 0, control_password_run,
                                      c->control, err);
    }
    if (result == 0) {
        result = service_thread_start(&c->guesses_thread, "guesses", 0, control_guesses_run,
                                      c->control, err);
    }
    if (result == 0) {
        result = service_thread_start(&c->link_thread, "link", 20, match_link_run, c->link, err);
    }
    if (result == 0) {
        result = observe_start(c->observe, err);
    }
    if (result == 0) {
        result = service_thread_start(&c->tools.thread, "tools", 0, tools_run, c, err);
    }
    if (result == 0) {
        result = service_thread_start(&c->inquiries.thread, "search", 0, inquiries_run, c, err);
    }
    if (result == 0) {
        result = service_thread_start(&c->looks.thread, "looks", 0, looks_run, &c->looks, err);
    }
    if (result == 0 && c->config.camera_count > 0) {
        result = service_thread_start(&c->cameras.thread, "cameras", 20, cameras_run, c, err);
    }
    if (result == 0) {
        result = cameras_start(c, err);
    }
    if (result == 0) {
        result = displays_start(c, err);
    }
    for (size_t i = 0; result == 0 && i < c->devices.bus_count; i++) {
        result = bus_start(c->devices.buses[i]);
        if (result != 0) {
            return err_set(err, result, "bus %s: cannot start", bus_name(c->devices.buses[i]));
        }
    }
    return result;
}

/* Safety rule 1's times are promised with it. */
static void tell_realtime(struct checkpointd *c)
{
    struct pipeline_event event = {.kind = PIPELINE_ALARM};
    char *detail = event.u.alarm.detail;
    size_t used = 0;
    for (size_t i = 0; i <= c->devices.bus_count; i++) {
        const struct thread *t =
            i < c->devices.bus_count ? bus_thread(c->devices.buses[i]) : &c->lane_thread;
        if (t->options.policy == THREAD_FIFO && !thread_is_realtime(t) &&
            used < sizeof(event.u.alarm.detail)) {
            used += (size_t)snprintf(detail + used, sizeof(event.u.alarm.detail) - used, "%s%s",
                                     used > 0 ? ", " : "", t->options.name);
        }
    }
    if (used > 0) {
        event.u.alarm.event = EVENT_NOT_REALTIME;
        event.u.alarm.active = true;
        lane_post(c, &event);
    }
}

static size_t list_threads(struct checkpointd *c, struct thread *out[THREADS_MAX])
{
    size_t count = 0;
    out[count++] = &c->lane_thread;
    out[count++] = &c->publish_thread;
    out[count++] = &c->control_thread;
    out[count++] = &c->password_thread;
    out[count++] = &c->guesses_thread;
    out[count++] = &c->link_thread;
    out[count++] = &c->tools.thread;
    out[count++] = &c->inquiries.thread;
    out[count++] = &c->looks.thread;
    out[count++] = &c->recorder.thread;
    out[count++] = observe_thread(c->observe);
    if (c->config.camera_count > 0) {
        out[count++] = &c->cameras.thread;
    }
    count += cameras_threads(c, out + count);
    count += displays_threads(c, out + count);
    for (size_t i = 0; i < c->devices.bus_count; i++) {
        out[count++] = bus_thread(c->devices.buses[i]);
    }
    return count;
}

static void stop_thread(struct thread *t)
{
    thread_stop(t);
    thread_join(t);
}

/* Inputs first, so that what they said is still carried out and recorded. */
static void stop_all(struct checkpointd *c)
{
    stop_thread(&c->link_thread);
    thread_stop(&c->tools.thread);
    thread_stop(&c->inquiries.thread);
    stop_thread(&c->looks.thread);
    cameras_stop(c);
    stop_thread(&c->cameras.thread);
    for (size_t i = 0; i < c->devices.bus_count; i++) {
        bus_stop(c->devices.buses[i]); /* a bus that never started: nothing */
    }
    displays_stop(c);
    thread_join(&c->tools.thread); /* a stopped bus answers it; the journal still runs */
    thread_stop(&c->lane_thread);
    thread_stop(&c->password_thread);
    thread_join(&c->inquiries.thread);
    thread_join(&c->password_thread); /* both may wait for the journal: that still runs */
    stop_thread(&c->guesses_thread);
    thread_join(&c->lane_thread);
    stop_thread(&c->publish_thread);
    if (c->recorder.journal) {
        recorder_stop(c);
    }
    observe_stop(c->observe);
    stop_thread(&c->control_thread);
}

/* What was handed over and never taken. */
static void drain_events(struct checkpointd *c)
{
    struct pipeline_event event;
    while (c->events && queue_pop(c->events, &event, 0) == 0) {
        if (event.kind == PIPELINE_RULES) {
            rules_destroy(event.u.rules);
        } else if (event.kind == PIPELINE_EXEMPT && event.u.exempt) {
            exempt_list_fini(event.u.exempt);
            free(event.u.exempt);
        } else if (event.kind == PIPELINE_LOOKOUT) {
            free(event.u.lookout);
        } else if (event.kind == PIPELINE_WATCH) {
            free(event.u.watch);
        }
    }
}

static void destroy_all(struct checkpointd *c)
{
    drain_events(c);
    pipeline_destroy(c->pipeline);
    rules_destroy(c->rules);
    match_link_destroy(c->link);
    control_destroy(c->control); /* tells the records socket that its clients have gone */
    records_destroy(c->observe_records);
    records_destroy(c->records);
    observe_destroy(c->observe);
    checkpointd_devices_destroy(&c->devices);
    tools_destroy(c);
    inquiries_destroy(c);
    looks_destroy(&c->looks);
    queue_destroy(c->recorder.jobs);
    queue_destroy(c->cameras.reads);
    queue_destroy(c->events);
    queue_destroy(c->facts);
    cases_free(c);
    duty_questions_free(c);
    handover_free(c);
    board_free(&c->board);
}

/* ---- service ---- */

static void on_reload(void *ctx)
{
    struct err_text err;
    /* Refused: said in the log, the old one stays in force. */
    int result = checkpointd_reload(ctx, &err);
    (void)result;
    guided_load(ctx);
    cases_load_codes(ctx);
}

static void on_dump(void *ctx)
{
    struct checkpointd *c = ctx;
    log_event(EVENT_PROGRAM_STARTED, "reads=%llu hits=%llu holds=%llu recorded=%llu confirmed=%llu",
              (unsigned long long)atomic_load(&c->stat_reads),
              (unsigned long long)atomic_load(&c->stat_hits),
              (unsigned long long)atomic_load(&c->stat_holds),
              (unsigned long long)atomic_load(&c->recorder.recorded),
              (unsigned long long)atomic_load(&c->recorder.confirmed));
}

static void on_tick(void *ctx)
{
    searches_tick(ctx);
}

static int prepare(struct checkpointd *c, struct err_text *err)
{
    const struct bus_sinks sinks = lanes_bus_sinks(c);
    const struct camera_sink reads = cameras_sink(c);
    const struct display_sink signs = displays_sink(c);
    snprintf(c->journal_dir, sizeof(c->journal_dir), "%s/journal", c->config.state_dir);
    struct root_keys roots;
    int result = rules_load(c->config.rules, &c->rules, err);
    if (result == 0) {
        result = root_keys_load(c->config.roots, &roots, err);
    }
    if (result == 0) {
        result = cameras_init(c, err);
    }
    if (result == 0) {
        result = tools_init(c, err);
    }
    if (result == 0) {
        result = inquiries_init(c, err);
    }
    if (result == 0) {
        result = looks_init(&c->looks, c->config.runtime_dir, err);
    }
    if (result == 0) {
        result = checkpointd_devices_create(&c->config, &sinks, &reads, &signs, &c->devices, err);
    }
    return result;
}

static int run(void *ctx, struct service *service, struct err_text *err)
{
    struct checkpointd *c = ctx;
    struct journal *journal = NULL;
    struct thread *threads[THREADS_MAX];
    const struct service_hooks hooks = {
        .ctx = c, .reload = on_reload, .dump = on_dump, .tick = on_tick};
    c->events = queue_create(LANE_EVENTS_MAX, sizeof(struct pipeline_event));
    c->facts = queue_create(FACTS_MAX, sizeof(struct fact));
    if (!c->events || !c->facts ||
        getrandom(&c->draw_state, sizeof(c->draw_state), 0) != sizeof(c->draw_state)) {
        return err_set(err, ERR_NO_MEMORY, "queues: no memory");
    }
    c->draw_state |= 1;
    int result = service_take_state(service, c->config.state_dir, err);
    if (result == 0) {
        checkpointd_clock_begin(c);
        result = open_journal(c, &journal, err);
    }
    if (result != 0) {
        return result;
    }
    atomic_store(&c->recorder.confirmed, journal_confirmed(journal));
    result = restore_list_high(c, err);
    if (result == 0) {
        result = create_sockets(c, err);
    }
    if (result == 0) {
        result = recorder_start(c, journal, err);
    }
    if (result == 0) {
        result = lanes_create(c, err);
        result = result == 0 ? duty_restore(c, err) : result;
    } else if (!c->recorder.journal) { /* else stop_all closes it */
        journal_close(journal);
    }
    if (result == 0) {
        result = start_threads(c, err);
    }
    if (result == 0) {
        guided_load(c);
        cases_load_codes(c);
        tell_realtime(c);
        service_ready(c->config.checkpoint);
        result = service_run(service, threads, list_threads(c, threads), &hooks);
        stop_all(c);
        return result == EXIT_OK ? 0 : err_set(err, ERR_STOPPED, "a thread ended");
    }
    stop_all(c);
    return result;
}

int main(int argc, char **argv)
{
    static struct checkpointd c;
    struct service_args args;
    struct err_text err = {{0}};
    int status = service_args_parse(argc, argv, &about, &args);
    if (status >= 0) {
        return status;
    }
    board_init(&c.board);
    thread_lock_init(&c.reasons.lock);
    thread_lock_init(&c.guided_lock);
    raise_all_init(&c);
    searches_init(&c);
    lookout_desk_init(&c);
    cases_init(&c);
    c.config_path = args.config_path;
    int result = config_load(args.config_path, &checkpointd_section, &c.config, &err);
    bool loaded = result == 0;
    if (loaded) {
        duty_keeper_init(&c);
        result = prepare(&c, &err);
    }
    status = service_config_result(&about, &args, &checkpointd_section, loaded, result, &err);
    if (status >= 0) {
        destroy_all(&c);
        return status;
    }
    status = service_serve(&about, run, &c);
    destroy_all(&c);
    return status;
}
