/*
 * checkpoint-uplinkd: the box's link to headquarters. uplinkd.h has its thread table; the wiring
 * and the small threads stand here.
 */
#include "gateway/app/uplinkd/uplinkd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/app/service.h"
#include "gateway/base/log.h"
#include "gateway/uplink/confirm.h"
#include "gateway/uplink/renew.h"

enum { THREADS_MAX = 9, URGENT_WAIT_MS = 200, RENEW_PAUSE_MS = 200 };

static const char help_text[] =
    "ENROLMENT\n"
    "  --enroll        gets this box's certificate from headquarters and ends. The one-time\n"
    "                  token is asked for at the terminal, or\n"
    "  --token-fd N    read from file descriptor N\n"
    "                  Run by root it becomes the owner of the key's folder: what it installs\n"
    "                  is then the daemon's.\n\n"
    "SPOOL\n"
    "  --spool-export DIR  writes what headquarters has not confirmed to DIR/<checkpoint>/, for a\n"
    "                  stick: records as they would go over the wire, and a manifest signed with\n"
    "                  this box's certificate. Interrupted, it is done again over the same "
    "folder.\n"
    "  --spool-import DIR  takes what 'hqctl spool import' left in DIR/<checkpoint>/answer/: "
    "receipts,\n"
    "                  list, key set, messages, each verified as from the wire. Both need the\n"
    "                  daemon stopped and its user.\n\n"
    "FILES\n"
    "  <runtime_dir>/records       checkpointd's records come from here\n"
    "  <runtime_dir>/observe       and those of its second chain\n"
    "  <runtime_dir>/evidence      checkpoint-camerad's: hits' pictures, where there are any\n"
    "  <state_dir>/list/           the verified wanted list, to refill Redis without headquarters\n"
    "  <state_dir>/inbox.number    the last message of headquarters dealt with\n"
    "  <state_dir>/hq-roots.pem    the roots headquarters' servers are met with\n"
    "  <state_dir>/spool.number, spool.held, spool.held-observe\n"
    "                              exports so far, where headquarters stands if put back\n"
    "  <state_dir>/messages/       instructions for checkpointd, and messages this\n"
    "                              version does not know\n\n"
    "SIGNALS\n"
    "  SIGTERM  ends within 2 s; nothing is lost\n"
    "  SIGHUP   nothing: restart to read the configuration again\n";

static const struct service_about about = {.program = "checkpoint-uplinkd",
                                           .purpose =
                                               "records to headquarters, wanted lists from it",
                                           .default_config = "/etc/checkpoint/uplinkd.yaml",
                                           .help = help_text};

bool uplinkd_go_on(void *thread)
{
    struct thread *self = thread;
    thread_alive(self);
    return !thread_stopping(self);
}

void uplinkd_report(void *ctx, enum log_event_id event, bool active, const char *detail)
{
    (void)ctx; /* the log is the program's */
    if (event == EVENT_UPLINK_LIST_TAKEN && !active)
        return; /* an event, not a state */
    log_event(event, "active=%d detail=\"%s\"", active, detail);
}

/* ---- threads ---- */

static void box_run(struct thread *self, void *uplinkd)
{
    const struct uplinkd *u = uplinkd;
    while (uplinkd_go_on(self))
        box_step(u->box);
}

static void observe_box_run(struct thread *self, void *uplinkd)
{
    const struct uplinkd *u = uplinkd;
    while (uplinkd_go_on(self))
        box_step(u->observe_box);
}

/* `records` is the thread's own. */
static void forward(struct thread *self, struct uplinkd *u, bool observe, struct records *records)
{
    const struct uplink_wait wait = {uplinkd_go_on, self};
    const struct records_link link = {.batch_max = (size_t)u->config.batch_records,
                                      .compress = u->config.compress,
                                      .send_bytes_s = u->config.upload_kbit_s * (1000 / 8),
                                      .interval_ms = u->config.metered_interval_ms,
                                      .observe = observe,
                                      .traffic = observe ? NULL : &u->traffic};
    records_init(records, &u->site, observe ? CHANNEL_OBSERVE : CHANNEL_RECORDS,
                 box_records(observe ? u->observe_box : u->box), &link, &wait);
    while (uplinkd_go_on(self))
        records_step(records);
    records_fini(records);
}

static void records_run(struct thread *self, void *uplinkd)
{
    static struct records records; /* too large for a stack */
    forward(self, uplinkd, false, &records);
}

static void observe_run(struct thread *self, void *uplinkd)
{
    static struct records records; /* likewise */
    forward(self, uplinkd, true, &records);
}

static void urgent_run(struct thread *self, void *uplinkd)
{
    const struct uplinkd *u = uplinkd;
    const struct uplink_wait wait = {uplinkd_go_on, self};
    struct channel channel;
    channel_init(&channel, &u->site, CHANNEL_URGENT, &wait);
    while (uplinkd_go_on(self)) {
        char *text = NULL;
        size_t size = 0;
        if (box_take_urgent(u->box, URGENT_WAIT_MS, &text, &size) == 0) {
            /* Not delivered: stopping, or refused and alarmed. Either way it comes in its turn. */
            (void)!records_send_urgent(&channel, text, size);
            box_urgent_done(u->box);
            free(text);
        }
    }
    channel_fini(&channel);
}

static void confirm_run(struct thread *self, void *uplinkd)
{
    const struct uplinkd *u = uplinkd;
    const struct uplink_wait wait = {uplinkd_go_on, self};
    struct channel channel;
    channel_init(&channel, &u->site, CHANNEL_CONFIRM, &wait);
    channel.quiet = true; /* the other channels meet the same fault and tell it */
    while (uplinkd_go_on(self))
        confirm_step(u->box, &channel);
    channel_fini(&channel);
}

static void renew_run(struct thread *self, void *uplinkd)
{
    const struct uplinkd *u = uplinkd;
    const struct uplink_wait wait = {uplinkd_go_on, self};
    const struct timespec pause = {.tv_nsec = RENEW_PAUSE_MS * 1000000L};
    struct renew renew;
    renew_init(&renew, &u->site, CHANNEL_RENEW, &wait);
    while (uplinkd_go_on(self)) {
        renew_step(&renew);
        (void)nanosleep(&pause, NULL); /* a signal only shortens it */
    }
    renew_fini(&renew);
}

static void pictures_run(struct thread *self, void *uplinkd)
{
    static struct pictures pictures; /* too large for a stack */
    struct uplinkd *u = uplinkd;
    const struct uplink_wait wait = {uplinkd_go_on, self};
    const struct pictures_link link = {.send_bytes_s = u->config.upload_kbit_s * (1000 / 8),
                                       .metered = u->config.metered_interval_ms > 0};
    pictures_init(&pictures, &u->site, CHANNEL_PICTURES, u->evidence_path, u->pins, &u->traffic,
                  &link, &wait);
    pictures.terms = &u->picture_terms;
    while (uplinkd_go_on(self))
        pictures_step(&pictures);
    pictures_fini(&pictures);
}

/* Thread box, both. */
static void note_hit(void *uplinkd, const char *event, size_t size, bool urgent)
{
    const struct uplinkd *u = uplinkd;
    pictures_note(u->pins, event, size, urgent);
}

static void note_picture_terms(void *uplinkd, const struct picture_terms *terms)
{
    struct uplinkd *u = uplinkd;
    pictures_terms_set(&u->picture_terms, terms);
}

/* ---- setting up ---- */

static void fill_site(struct uplinkd *u)
{
    const struct uplinkd_config *c = &u->config;
    (void)snprintf(u->trust_path, sizeof(u->trust_path), "%s/hq-roots.pem",
                   c->state_dir); /* fits */
    u->site = (struct uplink_site){.fleet = c->fleet,
                                   .server_count = c->hq_count,
                                   .hq_root = u->trust_path,
                                   .own = {.certificate = c->certificate,
                                           .key = c->key,
                                           .box_root = c->box_root,
                                           .checkpoint = c->checkpoint},
                                   .switches = &u->switches,
                                   .retry_max_ms = c->retry_max_ms,
                                   .alarms = &u->alarms,
                                   .clock = &clock_system};
    for (size_t i = 0; i < c->hq_count; i++)
        u->site.servers[i] = c->hq[i];
}

int uplinkd_prepare(struct uplinkd *u, struct err_text *err)
{
    (void)snprintf(u->records_path, sizeof(u->records_path), "%s/records",
                   u->config.runtime_dir); /* fits */
    fill_site(u);
    struct box_options options = {.path = u->records_path,
                                  .checkpoint = u->config.checkpoint,
                                  .alarms = &u->alarms,
                                  .alarm_channel = CHANNEL_BOX,
                                  .hit = note_hit,
                                  .pictures = note_picture_terms,
                                  .hit_ctx = u,
                                  .traffic = &u->traffic,
                                  .clock = &clock_system};
    (void)snprintf(u->evidence_path, sizeof(u->evidence_path), "%s/evidence",
                   u->config.runtime_dir); /* fits */
    u->pins = queue_create(PICTURES_PINS_MAX, sizeof(struct picture_message));
    if (!u->pins)
        return err_set(err, ERR_NO_MEMORY, "pictures: no memory");
    pictures_terms_init(&u->picture_terms);
    int rc = box_create(&options, &u->box, err);
    (void)snprintf(u->observe_path, sizeof(u->observe_path), "%s/observe",
                   u->config.runtime_dir); /* fits */
    options.path = u->observe_path;
    options.alarm_channel = CHANNEL_OBSERVE_BOX;
    options.records_alone = true;
    options.hit = NULL;
    options.pictures = NULL;
    options.traffic = NULL;
    if (rc == 0)
        rc = box_create(&options, &u->observe_box, err);
    return rc == 0 ? uplinkd_store_open(u, err) : rc;
}

int uplinkd_start_boxes(struct uplinkd *u, struct err_text *err)
{
    int rc = service_thread_start(&u->box_thread, "box", 0, box_run, u, err);
    return rc == 0
               ? service_thread_start(&u->observe_box_thread, "obs-box", 0, observe_box_run, u, err)
               : rc;
}

static int start_threads(struct uplinkd *u, struct err_text *err)
{
    int rc = uplinkd_start_boxes(u, err);
    if (rc == 0)
        rc = service_thread_start(&u->records_thread, "records", 0, records_run, u, err);
    if (rc == 0)
        rc = service_thread_start(&u->observe_thread, "observe", 0, observe_run, u, err);
    if (rc == 0)
        rc = service_thread_start(&u->urgent_thread, "urgent", 0, urgent_run, u, err);
    if (rc == 0)
        rc = service_thread_start(&u->confirm_thread, "confirm", 0, confirm_run, u, err);
    if (rc == 0)
        rc = service_thread_start(&u->inbox_thread, "inbox", 0, uplinkd_inbox_run, u, err);
    if (rc == 0)
        rc = service_thread_start(&u->renew_thread, "renew", 0, renew_run, u, err);
    if (rc == 0)
        rc = service_thread_start(&u->pictures_thread, "pictures", 0, pictures_run, u, err);
    return rc;
}

static int run(void *ctx, struct service *service, struct err_text *err)
{
    struct uplinkd *u = ctx;
    const struct service_hooks hooks = {.ctx = u};
    struct thread *threads[THREADS_MAX] = {
        &u->box_thread,     &u->records_thread, &u->observe_box_thread,
        &u->observe_thread, &u->urgent_thread,  &u->confirm_thread,
        &u->inbox_thread,   &u->renew_thread,   &u->pictures_thread};
    int rc = service_take_state(service, u->config.state_dir, err);
    if (rc == 0)
        rc = uplinkd_prepare(u, err);
    if (rc == 0)
        rc = start_threads(u, err);
    if (rc == 0) {
        service_ready("link to headquarters running");
        rc = service_run(service, threads, THREADS_MAX, &hooks) == EXIT_OK
                 ? 0
                 : err_set(err, ERR_STOPPED, "a thread ended");
    }
    for (int i = 0; i < THREADS_MAX; i++)
        thread_stop(threads[i]);
    for (int i = 0; i < THREADS_MAX; i++)
        thread_join(threads[i]);
    return rc;
}

static int serve(struct uplinkd *u)
{
    uplink_alarms_init(&u->alarms, uplinkd_report, u);
    int status = service_serve(&about, run, u);
    wanted_store_close(u->store);
    box_destroy(u->observe_box);
    box_destroy(u->box);
    queue_destroy(u->pins);
    uplink_alarms_fini(&u->alarms);
    return status;
}

int main(int argc, char **argv)
{
    static struct uplinkd u;
    struct service_args args;
    struct uplinkd_enroll enroll;
    struct uplinkd_spool spool;
    struct err_text err = {{0}};
    int status = uplinkd_enroll_args(&argc, argv, &enroll);
    if (status < 0)
        status = uplinkd_spool_args(&argc, argv, &spool);
    if (status < 0)
        status = service_args_parse(argc, argv, &about, &args);
    if (status >= 0)
        return status;
    int rc = config_load(args.config_path, &uplinkd_section, &u.config, &err);
    bool loaded = rc == 0;
    if (loaded && args.check)
        rc = uplinkd_files_check(&u.config, clock_wall(&clock_system), &err);
    status = service_config_result(&about, &args, &uplinkd_section, loaded, rc, &err);
    if (status >= 0)
        return status;
    if (enroll.wanted)
        return uplinkd_enroll_run(&u.config, &enroll);
    return spool.folder ? uplinkd_spool_run(&u, &spool) : serve(&u);
}
