/*
 * checkpoint-camerad: the box's pictures. Camera programs hand them in over a local socket, those
 * of hits are given to checkpoint-uplinkd. The main thread waits for signals; thread "pictures"
 * (normal policy; a full store refuses what comes) owns the sockets, the files and their index.
 */
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/service.h"
#include "gateway/base/file.h"
#include "gateway/base/log.h"
#include "gateway/base/trusted_time.h"
#include "gateway/config/config.h"
#include "gateway/evidence/desk.h"

enum { PATH_BYTES = 192, NAME_BYTES = 64, DAYS_MAX = 3650, SAY_MS = 10000, DETAIL_BYTES = 320 };

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

struct camerad_config {
    char runtime_dir[PATH_BYTES];
    char state_dir[PATH_BYTES];
    char pictures_group[NAME_BYTES];
    char pictures_user[NAME_BYTES];
    char evidence_group[NAME_BYTES];
    char uplinkd_user[NAME_BYTES];
    char look_group[NAME_BYTES];
    char consoled_user[NAME_BYTES];
    char checkpointd_user[NAME_BYTES];
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
        .help = "Folder of the sockets 'pictures', 'evidence' and 'look'."),
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
    ROW(look_group, CONFIG_STRING, .fallback = "checkpoint-look", .help = "Who may open 'look' …"),
    ROW(consoled_user, CONFIG_STRING, .fallback = "checkpoint-consoled",
        .help = "… and as which user, besides root: the console, which shows pictures,"),
    ROW(checkpointd_user, CONFIG_STRING, .fallback = "checkpointd",
        .help = "or the lanes' program, which asks whether a hit has one."),
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

struct program {
    struct camerad_config config;
    struct picture_store *store;
    struct desk *desk;
    struct thread thread;
    struct mono_time say_due; /* camerad.json */
    enum log_event_id fault;  /* the last one; 0: none */
    bool fault_stands;        /* and has not ended */
    struct wall_time fault_time;
    char fault_detail[DETAIL_BYTES];
};

/* ---- thread pictures ---- */

static bool synchronised(void *ctx)
{
    int64_t offset_ms = 0;
    (void)ctx; /* the clock is the machine's */
    return time_sync_system(&offset_ms);
}

static void report(void *ctx, enum log_event_id event, bool active, const char *detail)
{
    struct program *p = ctx;
    log_event(event, "active=%d detail=\"%s\"", active, detail);
    p->say_due = clock_mono(&clock_system);
    if (active) {
        p->fault = event;
        p->fault_time = clock_wall(&clock_system);
        err_copy(detail, p->fault_detail, sizeof(p->fault_detail));
    }
    if (active || p->fault == event)
        p->fault_stands =
            active && (event == EVENT_PICTURES_FULL || event == EVENT_PICTURES_NOT_DELETED);
}

static json_t *fault_json(const struct program *p)
{
    char time[WALL_TEXT_SIZE];
    wall_format(p->fault_time, time);
    return p->fault == 0 ? json_null()
                         : json_pack("{s:i,s:s,s:b,s:s}", "number", (int)p->fault, "time", time,
                                     "stands", (int)p->fault_stands, "detail", p->fault_detail);
}

/* How it is, for whoever may look into the folder of the sockets: nobody else may ask there. */
static void say_state(struct program *p)
{
    struct picture_counts counts;
    struct err_text err = {""};
    char path[PATH_BYTES + 16];
    struct mono_time now = clock_mono(&clock_system);
    if (mono_before(now, p->say_due))
        return;
    p->say_due = mono_add_ms(now, SAY_MS);
    (void)snprintf(path, sizeof(path), "%s/camerad.json", p->config.runtime_dir); /* fits */
    int rc = picture_store_counts(p->store, &counts, &err);
    json_t *state =
        rc == 0 ? json_pack("{s:I,s:I,s:I,s:I,s:I,s:o}", "pictures", (json_int_t)counts.pictures,
                            "bytes", (json_int_t)counts.bytes, "waiting",
                            (json_int_t)counts.waiting, "damaged", (json_int_t)counts.damaged,
                            "mono_ns", (json_int_t)now.ns, "fault", fault_json(p))
                : NULL;
    char *text = state ? json_dumps(state, JSON_COMPACT) : NULL;
    if (text) /* not written, or not made: it is seen to be silent */
        (void)!file_write_atomic(path, text, strlen(text), 0644, &err);
    free(text);
    json_decref(state);
}

static void alive(void *ctx)
{
    struct program *p = ctx;
    thread_alive(&p->thread);
}

/* Nobody: ourselves and root alone. */
static uid_t user_of(const char *name)
{
    const struct passwd *user = getpwnam(name);
    return user ? user->pw_uid : 0;
}

static void work(struct thread *self, void *ctx)
{
    struct program *p = ctx;
    while (!thread_stopping(self)) {
        thread_alive(self);
        desk_step(p->desk);
        say_state(p);
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
    const struct desk_options desk = {
        .runtime_dir = c->runtime_dir,
        .pictures_group = c->pictures_group,
        .evidence_group = c->evidence_group,
        .camera_user = user_of(c->pictures_user),
        .link_user = user_of(c->uplinkd_user),
        .look_group = c->look_group,
        .look_users = {user_of(c->consoled_user), user_of(c->checkpointd_user)},
        .store = p->store,
        .clock = &clock_system,
        .synchronised = synchronised,
        .report = report,
        .alive = alive,
        .ctx = p};
    return rc == 0 ? desk_create(&desk, &p->desk, err) : rc;
}

static int start(void *ctx, struct service *service, struct err_text *err)
{
    struct program *p = ctx;
    (void)snprintf(service->status, sizeof(service->status), "pictures"); /* fits */
    int rc = service_take_state(service, p->config.state_dir, err);
    if (rc == 0)
        rc = prepare(p, err);
    return rc == 0 ? service_thread_start(&p->thread, "pictures", 0, work, p, err) : rc;
}

static void stop(void *ctx)
{
    struct program *p = ctx;
    desk_destroy(p->desk);
    picture_store_close(p->store);
}

static const struct service_program program = {
    .about = {.program = "checkpoint-camerad",
              .purpose = "the box's pictures: kept, and those of hits given to the link",
              .default_config = "/etc/checkpoint/camerad.yaml",
              .help = "FILES\n"
                      "  <runtime_dir>/pictures      camera programs hand pictures in\n"
                      "  <runtime_dir>/evidence      checkpoint-uplinkd takes hits' pictures out\n"
                      "  <runtime_dir>/look          checkpoint-consoled shows pictures of hits\n"
                      "  <runtime_dir>/camerad.json  how it is, for 'checkpointctl status'\n"
                      "  <state_dir>/pictures/       pictures, by their SHA-256\n"
                      "  <state_dir>/pictures.sqlite what they show and which hits rest on them\n\n"
                      "SIGNALS\n"
                      "  SIGTERM  ends; what was being handed in is handed in again\n"},
    .section = &config_section,
    .start = start,
    .stop = stop,
};

int main(int argc, char **argv)
{
    static struct program p;
    const struct service_parts parts = {.ctx = &p, .config = &p.config, .thread = &p.thread};
    return service_main(argc, argv, &program, &parts);
}
