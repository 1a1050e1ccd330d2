/*
 * checkpoint-consoled: the officers' console over HTTPS. The main thread waits for signals; thread
 * "console" (normal policy) serves every connection and waits for nobody.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/consoled/config.h"
#include "gateway/app/service.h"
#include "gateway/base/log.h"
#include "gateway/console/console.h"

/* Descriptors: connections of both ends, subscriptions, questions. */
enum { DESCRIPTORS = 2048 };

struct program {
    struct consoled_config config;
    const char *config_path;
    const char *hosts[CONSOLE_HOSTS_MAX];
    struct console *console;
    struct thread thread;
};

static struct console_options options_of(const struct consoled_config *c,
                                         const char *hosts[CONSOLE_HOSTS_MAX])
{
    for (size_t i = 0; i < c->host_count; i++)
        hosts[i] = c->hosts[i];
    return (struct console_options){
        .listen = c->listen,
        .pair_listen = c->pair_listen[0] ? c->pair_listen : NULL,
        .cert_file = c->certificate,
        .key_file = c->key,
        .tablet_roots = c->tablet_certificates == TABLETS_REQUIRED ? c->tablets_ca : NULL,
        .runtime_dir = c->runtime_dir,
        .pair_dir = c->pair_dir,
        .hosts = hosts,
        .host_count = c->host_count,
        .connections_of_one = (size_t)c->connections_per_address,
    };
}

static int check(void *ctx, struct err_text *err)
{
    struct program *p = ctx;
    const struct console_options with = options_of(&p->config, p->hosts);
    return console_check(&with, err);
}

static int start(void *ctx, struct service *service, struct err_text *err)
{
    struct program *p = ctx;
    const struct console_options with = options_of(&p->config, p->hosts);
    p->config_path = service->config_path;
    service_raise_descriptors(DESCRIPTORS);
    int rc = console_create(&with, &p->console, err);
    if (rc == 0)
        rc = service_thread_start(&p->thread, "console", 0, console_run, p->console, err);
    if (rc == 0 && with.pair_listen)
        rc = service_write_port(with.runtime_dir, "consoled-pair.port",
                                console_pair_port(p->console), err);
    if (rc == 0)
        rc = service_write_port(with.runtime_dir, "consoled.port", console_port(p->console), err);
    if (rc != 0)
        return rc;
    (void)snprintf(service->status, sizeof(service->status), "port=%u pair_port=%u",
                   (unsigned)console_port(p->console),
                   (unsigned)console_pair_port(p->console)); /* fits */
    if (p->config.tablet_certificates == TABLETS_OFF)
        log_event(EVENT_CONSOLE_ANY_BROWSER, "%s", service->status);
    return 0;
}

/* The option that differs and that a running console cannot change; NULL: none. */
static const char *fixed_option(const struct consoled_config *was, const struct consoled_config *is)
{
    if (strcmp(was->listen, is->listen) != 0)
        return "listen";
    if (strcmp(was->pair_listen, is->pair_listen) != 0)
        return "pair_listen";
    if (was->tablet_certificates != is->tablet_certificates)
        return "tablet_certificates";
    if (strcmp(was->runtime_dir, is->runtime_dir) != 0)
        return "runtime_dir";
    if (strcmp(was->pair_dir, is->pair_dir) != 0)
        return "pair_dir";
    return was->connections_per_address != is->connections_per_address ? "connections_per_address"
                                                                       : NULL;
}

static int take_again(struct program *p, struct consoled_config *config, struct err_text *err)
{
    const char *hosts[CONSOLE_HOSTS_MAX];
    int rc = config_load(p->config_path, &consoled_section, config, err);
    if (rc != 0)
        return rc;
    const char *fixed = fixed_option(&p->config, config);
    const struct console_options with = options_of(config, hosts);
    rc = fixed ? err_set(err, ERR_INVALID, "%s: changed, which takes a restart", fixed)
               : console_reload(p->console, &with, err);
    if (rc != 0)
        config_blame(p->config_path, &consoled_section, err);
    return rc;
}

static void reload(void *ctx)
{
    struct program *p = ctx;
    struct err_text err = {""};
    struct consoled_config *config = calloc(1, sizeof(*config));
    int rc = config ? take_again(p, config, &err) : ERR_NO_MEMORY;
    if (rc != 0)
        log_event(EVENT_CONSOLE_FILES_REFUSED, "reason=\"%s\"",
                  err.text[0] ? err.text : err_name(rc));
    free(config);
}

static void stop(void *ctx)
{
    struct program *p = ctx;
    console_destroy(p->console);
}

static const struct service_program program = {
    .about =
        {.program = "checkpoint-consoled",
         .purpose = "the officers' console: pages, acts and events over HTTPS",
         .default_config = "/etc/checkpoint/consoled.yaml",
         .help =
             "FILES\n"
             "  <runtime_dir>/control        checkpointd: what officers ask and do\n"
             "  <runtime_dir>/events         checkpointd: what happens\n"
             "  <runtime_dir>/consoled.port, consoled-pair.port\n"
             "                               the ports it listens at, written when it is ready\n\n"
             "SIGNALS\n"
             "  SIGHUP   reads certificate, key, tablets_ca and hosts again, for connections that\n"
             "           begin from then on; what is wrong changes nothing\n"
             "  SIGTERM  ends; browsers come again by themselves\n"},
    .section = &consoled_section,
    .check = check,
    .start = start,
    .stop = stop,
    .reload = reload,
};

int main(int argc, char **argv)
{
    static struct program p;
    const struct service_parts parts = {.ctx = &p, .config = &p.config, .thread = &p.thread};
    return service_main(argc, argv, &program, &parts);
}
