/*
 * hq-cad: holds the issuing CA's key and signs boxes' certificates for hqd over a local socket. It
 * has no network. The main thread waits for signals; one thread serves the socket.
 */
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "gateway/app/service.h"
#include "gateway/base/clock.h"
#include "gateway/config/config.h"
#include "gateway/control/line_server.h"
#include "gateway/hq/ca.h"

enum {
    PATH_BYTES = 256,
    CLIENTS_MAX = 80, /* above what hqd asks at a time */
    LINE_MAX_BYTES = 32 << 10,
    OUTPUT_MAX_BYTES = 256 << 10
};

struct cad_config {
    char runtime_dir[PATH_BYTES];
    char certificate[PATH_BYTES];
    char key[PATH_BYTES];
    char client_user[64];
};

static const struct config_option options[] = {
    CONFIG_OPTION(struct cad_config, runtime_dir, "runtime_dir", CONFIG_PATH,
                  .fallback = "/run/checkpoint", .help = "Folder of the socket 'issue'."),
    CONFIG_OPTION(struct cad_config, certificate, "certificate", CONFIG_PATH,
                  .fallback = "/etc/checkpoint/hq-cad/box-issuing.pem",
                  .help = "Certificate of the CA that issues to boxes, with its chain."),
    CONFIG_OPTION(struct cad_config, key, "key", CONFIG_PATH,
                  .fallback = "/etc/checkpoint/hq-cad/box-issuing.key.pem",
                  .help = "Its private key, mode 0600."),
    CONFIG_OPTION(struct cad_config, client_user, "client_user", CONFIG_STRING, .min = 1,
                  .fallback = "hqd",
                  .help = "The user that may ask; root and hq-cad's own user may as well."),
};
static const struct config_section config_section = {CONFIG_ROWS(options, struct cad_config)};

struct program {
    struct cad_config config;
    struct hq_ca *ca;
    uid_t client;
    char socket[PATH_BYTES + 16];
    struct line_server *server;
    struct thread thread;
};

static int on_open(void *ctx, struct line_client *client, const struct unix_peer *peer,
                   void **out_data)
{
    const struct program *p = ctx;
    (void)client;
    *out_data = NULL;
    return unix_peer_is(peer, p->client) ? 0 : ERR_DENIED;
}

static void on_line(void *ctx, struct line_client *client, const json_t *object)
{
    struct program *p = ctx;
    json_t *answer = hq_ca_answer(p->ca, object, clock_wall(&clock_system));
    if (answer)
        line_client_send_json(client, answer);
    line_client_close(client);
}

static void on_closed(void *ctx, struct line_client *client)
{
    (void)ctx, (void)client; /* nothing is kept for a client */
}

static const struct line_ops ops = {on_open, on_line, on_closed};

static int check(void *ctx, struct err_text *err)
{
    struct program *p = ctx;
    const struct passwd *user = getpwnam(p->config.client_user);
    /* a machine without that user: only root and our own user may ask */
    p->client = user ? user->pw_uid : geteuid();
    return hq_ca_open(p->config.certificate, p->config.key, &p->ca, err);
}

static int start(void *ctx, struct service *service, struct err_text *err)
{
    struct program *p = ctx;
    const struct line_listener listener = {
        .path = p->socket,
        .mode = 0660,
        .ops = &ops,
        .ctx = p,
        .clients_max = CLIENTS_MAX,
        .line_max_bytes = LINE_MAX_BYTES,
        .output_max_bytes = OUTPUT_MAX_BYTES,
    };
    (void)snprintf(p->socket, sizeof(p->socket), "%s/issue", p->config.runtime_dir); /* fits */
    (void)snprintf(service->status, sizeof(service->status), "socket=issue");        /* fits */
    int rc = line_server_create(&p->server, err);
    if (rc == 0)
        rc = line_server_listen(p->server, &listener, err);
    if (rc == 0)
        rc = service_thread_start(&p->thread, "issue", 0, line_server_run, p->server, err);
    return rc;
}

static void stop(void *ctx)
{
    struct program *p = ctx;
    line_server_destroy(p->server);
}

static const struct service_program program = {
    .about =
        {.program = "hq-cad",
         .purpose = "issues boxes' certificates for hqd",
         .default_config = "/etc/checkpoint/hq-cad.yaml",
         .help =
             "FILES\n"
             "  <runtime_dir>/issue   socket: one JSON object a line, {\"csr\",\"checkpoint\"}\n\n"
             "SIGNALS\n"
             "  SIGTERM  ends\n"},
    .section = &config_section,
    .check = check,
    .start = start,
    .stop = stop,
};

int main(int argc, char **argv)
{
    static struct program p;
    const struct service_parts parts = {.ctx = &p, .config = &p.config, .thread = &p.thread};
    int status = service_main(argc, argv, &program, &parts);
    hq_ca_close(p.ca);
    return status;
}
