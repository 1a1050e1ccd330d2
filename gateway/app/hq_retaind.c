/*
 * hq-retaind: deletes bodies past their term in hqd's database, with a right of its own that hqd's
 * connection has not. The main thread waits for signals; one thread owns the connection. It has no
 * network.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/key_files.h"
#include "gateway/app/service.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/config/config.h"
#include "gateway/hq/retain.h"

enum {
    PATH_BYTES = 256,
    EVERY_MS = 3600 * 1000,
    AGAIN_MS = 60 * 1000, /* after a fault */
    SLICE_MS = 500,
    DAYS_MAX = 36500
};

struct retaind_config {
    char state_dir[PATH_BYTES];
    char database[PATH_BYTES * 2];
    char roots[PATH_BYTES];
    int64_t passage_days;
    int64_t record_days;
    int64_t own_days;
    int64_t clock_ahead_days;
    int64_t picture_days;
};

#define DAYS_OPTION(member, least, days, help_)                                                    \
    CONFIG_OPTION(struct retaind_config, member, #member, CONFIG_INT, .min = (least),              \
                  .max = DAYS_MAX, .fallback = #days, .help = (help_))

static const struct config_option options[] = {
    CONFIG_OPTION(struct retaind_config, state_dir, "state_dir", CONFIG_PATH,
                  .fallback = "/var/lib/checkpoint/hqd", .help = "Folder of hqd's database."),
    CONFIG_OPTION(struct retaind_config, database, "database", CONFIG_STRING, .fallback = "",
                  .help = "postgresql://host,host/name as in hqd.yaml, by a role of its own "
                          "(postgres_grants.sql), or sqlite:<path>; without it "
                          "<state_dir>/hqd.sqlite."),
    CONFIG_OPTION(
        struct retaind_config, roots, "roots", CONFIG_PATH, .fallback = "/etc/checkpoint/roots",
        .help = "Folder of the root public keys, *.pem, as in hqd.yaml: by them retention "
                "terms that were published are verified; they bound the days below."),
    DAYS_OPTION(passage_days, 1, 30, "Days a passage's body is kept."),
    DAYS_OPTION(picture_days, 1, 30, "Days a hit's pictures are kept."),
    DAYS_OPTION(record_days, HQ_RETAIN_RECORD_DAYS_MIN, 365,
                "Days of hits, answers, decisions, orders, acts and device records; at least 30."),
    DAYS_OPTION(own_days, HQ_RETAIN_OWN_DAYS_MIN, 1095,
                "Days of what people at headquarters did and looked at; at least 180."),
    DAYS_OPTION(
        clock_ahead_days, 1, 7,
        "Nothing is deleted while the machine's clock is further ahead of the newest record "
        "or signature; raise it only where checkpoints are silent for longer."),
};
static const struct config_section config_section = {CONFIG_ROWS(options, struct retaind_config)};

struct program {
    struct retaind_config config;
    char database[PATH_BYTES * 2];
    struct hq_db db;
    struct thread thread;
    bool clock_refused;   /* told once */
    bool terms_refused;   /* likewise */
    struct hq_terms told; /* what was said of terms that bind */
};

static bool go_on(void *self)
{
    thread_alive(self);
    return !thread_stopping(self);
}

static int load_roots(void *ctx, struct root_keys *out, struct err_text *err)
{
    const struct program *p = ctx;
    return root_keys_load(p->config.roots, out, err);
}

/* The terms in force: those configured, within those published. */
static int bind_terms(struct program *p, struct hq_terms *terms)
{
    struct err_text err = {""};
    uint64_t version = 0;
    const struct hq_terms configured = {.passage_days = p->config.passage_days,
                                        .record_days = p->config.record_days,
                                        .own_days = p->config.own_days,
                                        .clock_ahead_days = p->config.clock_ahead_days,
                                        .picture_days = p->config.picture_days};
    *terms = configured;
    int rc = hq_terms_bind(&p->db, load_roots, p, clock_wall(&clock_system), terms, &version, &err);
    if (rc != 0 && !p->terms_refused)
        log_event(EVENT_HQ_RETAIN_TERMS, "reason=\"%s\"", err.text[0] ? err.text : err_name(rc));
    p->terms_refused = rc != 0;
    bool binds = terms->passage_days != configured.passage_days ||
                 terms->record_days != configured.record_days ||
                 terms->picture_days != configured.picture_days;
    if (rc == 0 && binds && memcmp(terms, &p->told, sizeof(p->told)) != 0) {
        log_event(EVENT_HQ_RETAIN_BOUND,
                  "version=%llu passage_days=%lld record_days=%lld picture_days=%lld",
                  (unsigned long long)version, (long long)terms->passage_days,
                  (long long)terms->record_days, (long long)terms->picture_days);
        p->told = *terms;
    }
    return rc;
}

static bool run_once(struct program *p, struct thread *self)
{
    struct hq_terms terms;
    struct hq_retained done;
    struct err_text err = {""};
    if (bind_terms(p, &terms) != 0)
        return false;
    int rc = hq_retain(&p->db, &terms, clock_wall(&clock_system), go_on, self, &done, &err);
    if (done.deleted > 0)
        log_event(EVENT_HQ_RETAINED, "deleted=%lld held=%lld", (long long)done.deleted,
                  (long long)done.held);
    if (rc == ERR_STALE && !p->clock_refused)
        log_event(EVENT_HQ_RETAIN_CLOCK, "reason=\"%s\"", err.text);
    p->clock_refused = rc == ERR_STALE;
    if (rc != 0 && rc != ERR_STALE)
        log_event(EVENT_HQ_RETAIN_FAILED, "reason=\"%s\"", err.text[0] ? err.text : err_name(rc));
    return rc == 0;
}

static void work(struct thread *self, void *ctx)
{
    struct program *p = ctx;
    while (!thread_stopping(self)) {
        int left_ms = run_once(p, self) ? EVERY_MS : AGAIN_MS;
        for (; left_ms > 0 && go_on(self); left_ms -= SLICE_MS)
            thread_wait_ms(self, SLICE_MS);
    }
}

static void name_database(struct program *p)
{
    const char *named = p->config.database;
    if (named[0])
        (void)snprintf(p->database, sizeof(p->database), "%s",
                       strncmp(named, "sqlite:", 7) == 0 ? named + 7 : named); /* fits */
    else
        (void)snprintf(p->database, sizeof(p->database), "%s/hqd.sqlite",
                       p->config.state_dir); /* fits */
}

static int start(void *ctx, struct service *service, struct err_text *err)
{
    struct program *p = ctx;
    name_database(p);
    (void)snprintf(service->status, sizeof(service->status), "retention"); /* fits */
    int rc = hq_db_is_postgres(p->database)
                 ? hq_db_open_postgres_retention(p->database, &p->db, err)
                 : hq_db_open_sqlite_retention(p->database, &p->db, err);
    return rc == 0 ? service_thread_start(&p->thread, "retention", 0, work, p, err) : rc;
}

static void stop(void *ctx)
{
    struct program *p = ctx;
    hq_db_close(&p->db);
}

static const struct service_program program = {
    .about =
        {.program = "hq-retaind",
         .purpose = "deletes records' bodies past their term at headquarters",
         .default_config = "/etc/checkpoint/hq-retaind.yaml",
         .help =
             "  At its start and every hour. Retention terms that were published ('hqctl "
             "retention') "
             "bound\n  the days configured. What a case holds stays ('hqctl hold'); each deletion "
             "stands in\n  headquarters' own records ('hqctl audit own show').\n\n"
             "FILES\n"
             "  <state_dir>/hqd.sqlite    hqd's database without 'database', which must be "
             "there\n\n"
             "SIGNALS\n"
             "  SIGTERM  ends\n"},
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
