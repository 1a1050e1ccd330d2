/*
 * hqd: the HQ end. The main thread waits for signals; one thread runs the HTTPS server and owns the
 * database.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqd_backup.h"
#include "gateway/app/service.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/config/config.h"
#include "gateway/hq/server.h"

/* Descriptors: every connection of both ends, the database, hq-cad. */
enum { PATH_BYTES = 256, NAMES_MAX = 256, OPERATOR_SIZE = 200, DESCRIPTORS = 10240 };

struct hqd_config {
    char runtime_dir[PATH_BYTES];
    char state_dir[PATH_BYTES];
    char database[PATH_BYTES * 2];
    char listen[80];
    char est_listen[80];
    char est_url[PATH_BYTES];
    char certificate[PATH_BYTES];
    char key[PATH_BYTES];
    char box_root[PATH_BYTES];
    bool enrolment_approval;
    int64_t evidence_day_mb;
    int64_t self_test_within_ms;
    char console_root[PATH_BYTES];
    char freshness_key[PATH_BYTES];
    char receipt_key[PATH_BYTES];
    char roots[PATH_BYTES];
    char keyset[PATH_BYTES];
    char operators[NAMES_MAX][OPERATOR_SIZE];
    size_t operator_count;
};

static const struct config_option operator_name = {
    .kind = CONFIG_STRING, .size = OPERATOR_SIZE, .min = 1, .max = OPERATOR_SIZE - 1};

static int check_config(void *section, const struct config_at *at, struct err_text *err)
{
    const struct hqd_config *c = section;
    for (size_t i = 0; i < c->operator_count; i++) {
        char key[32];
        char name[TLS_LABEL_SIZE];
        unsigned roles = 0;
        struct err_text why = {""};
        (void)snprintf(key, sizeof(key), "operators[%zu]", i); /* fits */
        if (hq_operator_parse(c->operators[i], name, &roles, &why) != 0)
            return config_refuse(at, key, err, "%s", why.text);
    }
    return 0;
}

#define PATH_OPTION(member, fallback_, help_)                                                      \
    CONFIG_OPTION(struct hqd_config, member, #member, CONFIG_PATH, .fallback = (fallback_),        \
                  .help = (help_))

static const struct config_option options[] = {
    PATH_OPTION(runtime_dir, "/run/checkpoint",
                "Folder of hq-cad's socket, hqd.port, hqd-est.port."),
    PATH_OPTION(state_dir, "/var/lib/checkpoint/hqd", "Folder of the database hqd.sqlite."),
    CONFIG_OPTION(struct hqd_config, database, "database", CONFIG_STRING, .fallback = "",
                  .help = "postgresql://host,host/name, or sqlite:<path>; without it"
                          " <state_dir>/hqd.sqlite."),
    CONFIG_OPTION(struct hqd_config, listen, "listen", CONFIG_STRING, .min = 3,
                  .fallback = "0.0.0.0:8442",
                  .help = "Address and port of the API; port 0 takes a free one."),
    CONFIG_OPTION(struct hqd_config, est_listen, "est_listen", CONFIG_STRING, .min = 3,
                  .fallback = "0.0.0.0:8443", .help = "Address and port of enrolment (EST)."),
    CONFIG_OPTION(struct hqd_config, est_url, "est_url", CONFIG_STRING, .min = 8, .required = true,
                  .help = "How boxes reach enrolment; told with each token."),
    PATH_OPTION(certificate, "/etc/checkpoint/hqd/server.pem",
                "Server certificate with its chain."),
    PATH_OPTION(key, "/etc/checkpoint/hqd/server.key.pem", "Its private key, mode 0600."),
    CONFIG_OPTION(struct hqd_config, enrolment_approval, "enrolment_approval", CONFIG_BOOL,
                  .fallback = "true",
                  .help = "A box's first certificate waits until a person has approved the "
                          "fingerprint the box shows; false: its token alone is enough."),
    CONFIG_OPTION(struct hqd_config, evidence_day_mb, "evidence_day_mb", CONFIG_INT, .min = 1,
                  .max = 1 << 20, .fallback = "2048",
                  .help = "Megabytes of hits' pictures taken from one checkpoint within 24 hours."),
    CONFIG_OPTION(struct hqd_config, self_test_within_ms, "self_test_within", CONFIG_DURATION,
                  .fallback = "30h", .min = 1000, .max = 31LL * 24 * 3600 * 1000,
                  .help = "A checkpoint whose newest self-test is older is alarmed: their interval "
                          "and some grace. Looked at only while the list has an entry of category "
                          "self_test."),
    PATH_OPTION(box_root, "/etc/checkpoint/hqd/box-root.pem", "Root of the boxes' certificates."),
    PATH_OPTION(console_root, "/etc/checkpoint/hqd/console-root.pem",
                "Root of the operators' certificates."),
    PATH_OPTION(freshness_key, "/etc/checkpoint/hqd/freshness.key.pem",
                "Key that says the list is current, mode 0600."),
    PATH_OPTION(receipt_key, "/etc/checkpoint/hqd/receipt.key.pem",
                "Key that signs receipts, mode 0600."),
    PATH_OPTION(roots, "/etc/checkpoint/roots", "Folder of the root public keys, *.pem."),
    PATH_OPTION(keyset, "/etc/checkpoint/hqd/keyset.json",
                "The first key set; a newer one published later wins."),
    CONFIG_ARRAY(
        struct hqd_config, operators, operator_count, "operators", .item = &operator_name,
        .help = "Operators who may act besides those an administrator added: NAME (every role) or "
                "NAME:ROLE+ROLE. Others are refused."),
};
static const struct config_section config_section = {CONFIG_ROWS(options, struct hqd_config),
                                                     .check = check_config};

struct program {
    struct hqd_config *config;
    const char *config_path;
    struct hqd_backup backup;
    const char *operators[NAMES_MAX + 1];
    char database[PATH_BYTES * 2];
    char issue[PATH_BYTES + 16];
    struct hqd hq;
    struct hq_server *server;
    struct thread thread;
};

static void name_operators(const struct hqd_config *config, const char **out)
{
    for (size_t i = 0; i < config->operator_count; i++)
        out[i] = config->operators[i];
    out[config->operator_count] = NULL;
}

static struct hqd_options hqd_options_of(const struct program *p, const struct hqd_config *c)
{
    return (struct hqd_options){
        .database = p->database,
        .roots_folder = c->roots,
        .keyset_file = c->keyset,
        .freshness_key = c->freshness_key,
        .receipt_key = c->receipt_key,
        .est_url = c->est_url,
        .token_alone = !c->enrolment_approval,
        .evidence_day_bytes = c->evidence_day_mb << 20,
        .self_test_within_ms = c->self_test_within_ms,
        .box_root = c->box_root,
        .operators = p->operators,
        .clock = &clock_system,
    };
}

static struct hq_server_options server_options_of(const struct program *p,
                                                  const struct hqd_config *c)
{
    return (struct hq_server_options){
        .listen = c->listen,
        .est_listen = c->est_listen,
        .cert_file = c->certificate,
        .key_file = c->key,
        .box_root = c->box_root,
        .console_root = c->console_root,
        .issue_socket = p->issue,
    };
}

static void name_database(struct program *p)
{
    if (p->config->database[0])
        memcpy(p->database, p->config->database, sizeof(p->config->database));
    else
        (void)snprintf(p->database, sizeof(p->database), "%s/hqd.sqlite",
                       p->config->state_dir); /* fits */
}

/* What the configuration names: addresses, keys, certificates. */
static int check(void *ctx, struct err_text *err)
{
    struct program *p = ctx;
    name_operators(p->config, p->operators);
    name_database(p);
    (void)snprintf(p->issue, sizeof(p->issue), "%s/issue", p->config->runtime_dir); /* fits */
    const struct hq_server_options server = server_options_of(p, p->config);
    const struct hqd_options hqd = hqd_options_of(p, p->config);
    int rc = hq_server_check(&server, err);
    return rc == 0 ? hqd_check(&hqd, err) : rc;
}

static int start(void *ctx, struct service *service, struct err_text *err)
{
    struct program *p = ctx;
    const struct hqd_options hqd = hqd_options_of(p, p->config);
    const struct hq_server_options server = server_options_of(p, p->config);
    const char *run = p->config->runtime_dir;
    p->config_path = service->config_path;
    service_raise_descriptors(DESCRIPTORS);
    int rc = service_take_state(service, p->config->state_dir, err);
    if (rc == 0)
        rc = hqd_open(&hqd, &p->hq, err);
    if (rc == 0)
        rc = hq_server_create(&server, &p->hq, &p->server, err);
    if (rc == 0)
        rc = service_thread_start(&p->thread, "hq-server", 0, hq_server_run, p->server, err);
    if (rc == 0)
        rc = service_write_port(run, "hqd.port", hq_server_port(p->server), err);
    if (rc == 0)
        rc = service_write_port(run, "hqd-est.port", hq_server_est_port(p->server), err);
    if (rc == 0)
        (void)snprintf(service->status, sizeof(service->status), "port=%u est_port=%u",
                       (unsigned)hq_server_port(p->server),
                       (unsigned)hq_server_est_port(p->server)); /* fits */
    return rc;
}

/* A configuration read again, on its way to the server's thread. */
struct operator_change {
    struct program *program;
    struct hqd_config config;
    const char *names[NAMES_MAX + 1];
};

/* Keys and certificates of a rotation: what is refused changes nothing. */
static void take_files(const struct operator_change *change)
{
    struct program *p = change->program;
    struct err_text err = {""};
    const struct hqd_options hqd = hqd_options_of(p, &change->config);
    const struct hq_server_options server = server_options_of(p, &change->config);
    int rc = hq_server_check(&server, &err); /* all of them or none */
    if (rc == 0)
        rc = hqd_take_files(&p->hq, &hqd, &err);
    if (rc == 0)
        rc = hq_server_take_files(p->server, &server, &err);
    if (rc == 0)
        log_event(EVENT_HQ_FILES_TAKEN, "certificate=%s", server.cert_file);
    else
        log_event(EVENT_HQ_FILES_REFUSED, "reason=\"%s\"", err.text[0] ? err.text : err_name(rc));
}

/* In the server's thread, which owns the database. */
static void set_operators(void *ctx)
{
    struct operator_change *change = ctx;
    struct err_text err = {""};
    take_files(change);
    if (hqd_set_operators(&change->program->hq, change->names, &err) != 0)
        log_event(EVENT_CONFIG_REFUSED, "reason=\"operators: %s\"", err.text);
    free(change);
}

static void reload(void *ctx)
{
    struct program *p = ctx;
    struct err_text err = {""};
    struct operator_change *change = calloc(1, sizeof(*change));
    int rc = change ? config_load(p->config_path, &config_section, &change->config, &err)
                    : ERR_NO_MEMORY;
    if (rc == 0) {
        change->program = p;
        name_operators(&change->config, change->names);
        rc = hq_server_post(p->server, set_operators, change);
    }
    if (rc != 0) {
        log_event(EVENT_CONFIG_REFUSED, "reason=\"%s\"", err.text[0] ? err.text : err_name(rc));
        free(change);
    }
}

static void stop(void *ctx)
{
    struct program *p = ctx;
    hq_server_destroy(p->server);
    hqd_close(&p->hq);
}

static int back_up(void *ctx)
{
    struct program *p = ctx;
    if (!p->backup.to && !p->backup.from)
        return -1;
    name_database(p);
    return hqd_backup_run(&p->backup, p->database, p->config->state_dir);
}

static const struct service_program program = {
    .about =
        {.program = "hqd",
         .purpose = "headquarters server: wanted list, records, enrolment",
         .default_config = "/etc/checkpoint/hqd.yaml",
         .help =
             "  --backup FILE   copies the database to FILE and ends; hqd may go on meanwhile\n"
             "  --restore FILE  checks FILE, puts it in the database's place and ends; hqd and\n"
             "                  hq-retaind stopped. What was there stays as <database>.before\n"
             "                  Both with SQLite; PostgreSQL has pg_basebackup, pg_dump, "
             "pg_restore.\n\n"
             "FILES\n"
             "  <state_dir>/hqd.sqlite    everything hqd keeps, without 'database'\n"
             "  <runtime_dir>/hqd.port, hqd-est.port\n"
             "                            the ports it listens at, written when it is ready\n"
             "  <runtime_dir>/issue       hq-cad's socket\n"
             "  <certificate>.before, <key>.before\n"
             "                            the pair of the HQ-server CA before, shown to whoever "
             "trusts\n                            that one alone; take them away when nobody "
             "does\n\n"
             "SIGNALS\n"
             "  SIGHUP   reads 'operators' of the configuration again, and the files of keys,\n"
             "           certificates and roots it names; open connections go on\n"
             "  SIGTERM  ends\n"},
    .section = &config_section,
    .instead = back_up,
    .check = check,
    .start = start,
    .stop = stop,
    .reload = reload,
};

int main(int argc, char **argv)
{
    static struct hqd_config config;
    static struct program p;
    const struct service_parts parts = {.ctx = &p, .config = &config, .thread = &p.thread};
    p.config = &config;
    int status = hqd_backup_args(&argc, argv, &p.backup);
    return status >= 0 ? status : service_main(argc, argv, &program, &parts);
}
