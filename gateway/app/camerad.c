/*
 * checkpoint-camerad: the box's pictures. Camera programs hand them in over a local socket, those
 * of hits are given to checkpoint-uplinkd. The main thread waits for signals; thread "pictures"
 * (normal policy; a full store refuses what comes) owns the sockets, the files and their index.
 */
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "gateway/app/service.h"
#include "gateway/base/log.h"
#include "gateway/base/trusted_time.h"
#include "gateway/config/config.h"
#include "gateway/evidence/desk.h"

enum { PATH_BYTES = 192, NAME_BYTES = 64, DAYS_MAX = 3650 };

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

struct camerad_config {
    char runtime_dir[PATH_BYTES];
    char state_dir[PATH_BYTES];
    char pictures_group[NAME_BYTES];
    char pictures_user[NAME_BYTES];
    char evidence_group[NAME_BYTES];
    char uplinkd_user[NAME_BYTES];
    int64_t store_mb;
    int64_t store_pictures;
    int64_t disk_free_mb;
    int64_t picture_days;
    int64_t evidence_days;
};

#define ROW(member, kind_, ...)                                                                    \
    CONFIG_OPTION(struct camerad_config, member, #member, kind_, __VA_ARGS__)

static const struct config_option options[] = {
    ROW(runtime_dir, CONFIG_PATH, .fallback = "/run/checkpoint",
        .help = "Folder of the sockets 'pictures' and 'evidence'."),
    ROW(state_dir, CONFIG_PATH, .fallback = "/var/lib/checkpoint/camerad",
        .help = "Folder of the pictures and their index."),
    ROW(pictures_group, CONFIG_STRING, .fallback = "checkpoint-pictures",
        .help = "Who may open 'pictures' …"),
    ROW(pictures_user, CONFIG_STRING, .fallback = "checkpoint-camerad",
        .help = "… and as which user, besides root."),
    ROW(evidence_group, CONFIG_STRING, .fallback = "checkpoint-evidence",
        .help = "Who may open 'evidence' …"),
    ROW(uplinkd_user, CONFIG_STRING, .fallback = "checkpoint-uplinkd",
        .help = "… and as which user, besides root."),
    ROW(store_mb, CONFIG_INT, .fallback = "4096", .min = 1, .max = 1 << 20,
        .help = "Megabytes of all pictures; the oldest without a hit give way."),
    ROW(store_pictures, CONFIG_INT, .fallback = "100000", .min = 1, .max = 1000000,
        .help = "How many pictures at most."),
    ROW(disk_free_mb, CONFIG_INT, .fallback = "512", .min = 0, .max = 1 << 20,
        .help = "Megabytes of the disk that are left to others."),
    ROW(picture_days, CONFIG_INT, .fallback = "30", .min = 1, .max = DAYS_MAX,
        .help = "Days a picture without a hit is kept, within headquarters' terms."),
    ROW(evidence_days, CONFIG_INT, .fallback = "30", .min = 1, .max = DAYS_MAX,
        .help = "Days a hit's picture is kept once headquarters has it, likewise."),
};
static const struct config_section config_section = {CONFIG_ROWS(options, struct camerad_config)};

static const struct service_about about = {
    .program = "checkpoint-camerad",
    .purpose = "the box's pictures: kept, and those of hits given to the link",
    .default_config = "/etc/checkpoint/camerad.yaml",
    .help = "FILES\n"
            "  <runtime_dir>/pictures      camera programs hand pictures in\n"
            "  <runtime_dir>/evidence      checkpoint-uplinkd takes hits' pictures out\n"
            "  <state_dir>/pictures/       pictures, by their SHA-256\n"
            "  <state_dir>/pictures.sqlite what they show and which hits rest on them\n\n"
            "SIGNALS\n"
            "  SIGTERM  ends; what was being handed in is handed in again\n",
};

struct program {
    struct camerad_config config;
    struct picture_store *store;
    struct desk *desk;
    struct thread thread;
};

static bool synchronised(void *ctx)
{
    int64_t offset_ms = 0;
    (void)ctx; /* the clock is the machine's */
    return time_sync_system(&offset_ms);
}

static void report(void *ctx, enum log_event_id event, bool active, const char *detail)
{
    (void)ctx; /* the log is the program's */
    log_event(event, "active=%d detail=\"%s\"", active, detail);
}

/* Nobody: ourselves and root alone. */
static uid_t user_of(const char *name)
{
    const struct passwd *user = getpwnam(name);
    return user ? user->pw_uid : 0;
}

static void work(struct thread *self, void *ctx)
{
    const struct program *p = ctx;
    while (!thread_stopping(self)) {
        thread_alive(self);
        desk_step(p->desk);
    }
}

static int prepare(struct program *p, struct err_text *err)
{
    const struct camerad_config *c = &p->config;
    const struct picture_store_options store = {.folder = c->state_dir,
                                                .bytes_max = c->store_mb << 20,
                                                .count_max = c->store_pictures,
                                                .disk_free_min = c->disk_free_mb << 20,
                                                .term_ms = c->picture_days * day_ms,
                                                .pinned_term_ms = c->evidence_days * day_ms,
                                                .clock = &clock_system};
    int rc = picture_store_open(&store, &p->store, err);
    const struct desk_options desk = {.runtime_dir = c->runtime_dir,
                                      .pictures_group = c->pictures_group,
                                      .evidence_group = c->evidence_group,
                                      .camera_user = user_of(c->pictures_user),
                                      .link_user = user_of(c->uplinkd_user),
                                      .store = p->store,
                                      .clock = &clock_system,
                                      .synchronised = synchronised,
                                      .report = report,
                                      .ctx = p};
    return rc == 0 ? desk_create(&desk, &p->desk, err) : rc;
}

static int run(void *ctx, struct service *service, struct err_text *err)
{
    struct program *p = ctx;
    struct thread *const threads[] = {&p->thread};
    const struct service_hooks hooks = {.ctx = p};
    int rc = service_take_state(service, p->config.state_dir, err);
    if (rc == 0)
        rc = prepare(p, err);
    if (rc == 0)
        rc = service_thread_start(&p->thread, "pictures", 0, work, p, err);
    if (rc == 0) {
        service_ready("pictures");
        rc = service_run(service, threads, 1, &hooks) == EXIT_OK
                 ? 0
                 : err_set(err, ERR_STOPPED, "a thread ended");
    }
    thread_stop(&p->thread);
    thread_join(&p->thread);
    desk_destroy(p->desk);
    picture_store_close(p->store);
    return rc;
}

int main(int argc, char **argv)
{
    static struct program program;
    struct service_args args;
    struct err_text err = {""};
    int status = service_args_parse(argc, argv, &about, &args);
    if (status >= 0)
        return status;
    int rc = config_load(args.config_path, &config_section, &program.config, &err);
    status = service_config_result(&about, &args, &config_section, rc == 0, rc, &err);
    if (status >= 0)
        return status;
    return service_serve(&about, run, &program);
}
