/*
 * What every daemon's main has in common: arguments, signals, readiness, the watchdog and the end.
 * The main thread does nothing else: it waits in service_run() while the program's threads work.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/err.h"
#include "gateway/base/thread.h"

#define SERVICE_VERSION "0.1.0"

/* Exit statuses, sysexits(3) where it has one. */
enum service_exit {
    EXIT_OK = 0,
    EXIT_RUN = 1,    /* refused or failed at run time */
    EXIT_USAGE = 2,  /* wrong arguments */
    EXIT_CONFIG = 78 /* EX_CONFIG: wrong configuration */
};

struct service_about {
    const char *program;        /* "checkpointd" */
    const char *purpose;        /* one line */
    const char *default_config; /* "/etc/checkpoint/checkpointd.yaml" */
    const char *help;           /* man-page text behind the options: FILES, SIGNALS, … */
};

struct service_args {
    const char *config_path;
    bool check; /* --check: load the configuration, say what is wrong, end */
};

/* Parses --config F, --check, --help, --version. Returns -1 to go on, otherwise the status to exit
 * with: help, version and errors have been printed. */
int service_args_parse(int argc, char **argv, const struct service_about *about,
                       struct service_args *out);

struct config_section;

/* How `rc` of loading the configuration and what it names ended: says on stderr what is wrong, or
 * with --check on stdout that nothing is. Returns -1 to go on, otherwise the status to exit with.
 * `loaded`: the file itself was read, the fault lies in what it names. */
int service_config_result(const struct service_about *about, const struct service_args *args,
                          const struct config_section *section, bool loaded, int rc,
                          struct err_text *err);

struct service_hooks {
    void *ctx;
    void (*reload)(void *ctx); /* SIGHUP; may be NULL */
    void (*dump)(void *ctx);   /* SIGUSR1: write the counters to the log; may be NULL */
    void (*tick)(void *ctx);   /* every SERVICE_TICK_MS; may be NULL */
};

enum { SERVICE_TICK_MS = 250, SERVICE_STALE_MS = 5000 };

enum { SERVICE_STATUS_SIZE = 64 };

struct service {
    int signal_fd;
    int state_fd;                     /* holds the state folder; -1: none taken */
    const char *config_path;          /* of a service_main */
    char status[SERVICE_STATUS_SIZE]; /* what service_main says with READY */
};

/* Blocks the signals in this and every later thread: call before any thread starts. SIGPIPE is
 * ignored. ERR_IO. */
int service_open(struct service *service, const char *program, struct err_text *err) MUST_CHECK;
/* Makes the program's state folder and takes it for itself until service_close(). ERR_BUSY: a
 * second one of the program works there. */
int service_take_state(struct service *service, const char *path, struct err_text *err) MUST_CHECK;
/* Tells the service manager that the program is ready; `status` is shown by it. */
void service_ready(const char *status);
/* Waits for SIGTERM or SIGINT (returns EXIT_OK) while every thread lives: a thread without a sign
 * of life for SERVICE_STALE_MS, or ended, is named and EXIT_RUN returned, so that the service
 * manager restarts the program. Feeds the watchdog. */
int service_run(struct service *service, struct thread *const *threads, size_t count,
                const struct service_hooks *hooks);
void service_close(struct service *service);
/* All of it: opens the service, runs, closes, says on stderr what went wrong. Returns the status to
 * exit with. */
int service_serve(const struct service_about *about,
                  int (*run)(void *ctx, struct service *service, struct err_text *err), void *ctx);

/* A thread on any core: FIFO with that priority, 0: a normal one. ERR_…, `err` names it. */
int service_thread_start(struct thread *thread, const char *name, int priority,
                         void (*run)(struct thread *self, void *arg), void *arg,
                         struct err_text *err) MUST_CHECK;

/* Writes the port a server listens at into `<runtime_dir>/<name>`, for whoever looks for it. */
int service_write_port(const char *runtime_dir, const char *name, uint16_t port,
                       struct err_text *err) MUST_CHECK;
/* A service starts with 1024 descriptors and may have more. */
void service_raise_descriptors(unsigned count);

/* ---- a daemon of one thread, whole ---- */

struct service_program {
    struct service_about about;
    const struct config_section *section;
    /* After --check was seen not to stand there; -1 to go on, else the status. May be NULL. */
    int (*instead)(void *ctx);
    /* What the configuration names: addresses, keys. May be NULL. */
    int (*check)(void *ctx, struct err_text *err);
    /* Opens all and starts the thread; sets service->status. */
    int (*start)(void *ctx, struct service *service, struct err_text *err);
    /* The thread has ended, or never began: closes what start() opened, half of it too. */
    void (*stop)(void *ctx);
    void (*reload)(void *ctx); /* SIGHUP; may be NULL */
};

struct service_parts {
    void *ctx;    /* of the functions above */
    void *config; /* filled before any of them is called */
    struct thread *thread;
};

/* Arguments, configuration, start, the wait in service_run(), the end. Returns the status to exit
 * with. */
int service_main(int argc, char **argv, const struct service_program *program,
                 const struct service_parts *parts);
