/* See service.h. */
#include "gateway/app/service.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/base/log.h"
#include "gateway/base/state_folder.h"
#include "gateway/config/config.h"

static void print_help(const struct service_about *about)
{
    printf("%s - %s\n\n"
           "usage: %s [--config FILE] [--check]\n\n"
           "  --config FILE  configuration (default %s)\n"
           "  --check        read the configuration, say what is wrong with it, and end\n"
           "  --help         this text\n"
           "  --version      version\n\n"
           "%s\n"
           "EXIT STATUS\n"
           "  0 ended as asked, 1 failed at run time, 2 wrong arguments, 78 wrong configuration\n",
           about->program, about->purpose, about->program, about->default_config, about->help);
}

int service_args_parse(int argc, char **argv, const struct service_about *about,
                       struct service_args *out)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    struct service_args args = {.config_path = about->default_config};
    int c;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            args.config_path = optarg;
            break;
        case 'k':
            args.check = true;
            break;
        case 'h':
            print_help(about);
            return EXIT_OK;
        case 'v':
            printf("%s %s\n", about->program, SERVICE_VERSION);
            return EXIT_OK;
        default:
            fprintf(stderr, "Try '%s --help'.\n", about->program);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument '%s'\nTry '%s --help'.\n", about->program,
                argv[optind], about->program);
        return EXIT_USAGE;
    }
    *out = args;
    return -1;
}

int service_config_result(const struct service_about *about, const struct service_args *args,
                          const struct config_section *section, bool loaded, int rc,
                          struct err_text *err)
{
    if (rc == 0 && !args->check)
        return -1;
    if (rc == 0) {
        printf("%s: %s: configuration is good\n", about->program, args->config_path);
        return EXIT_OK;
    }
    if (loaded)
        config_blame(args->config_path, section, err);
    fprintf(stderr, "%s: %s\n", about->program, err->text);
    return EXIT_CONFIG;
}

int service_open(struct service *service, const char *program, struct err_text *err)
{
    sigset_t set;
    log_init(program);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return err_set(err, ERR_IO, "signals: %s", strerror(errno));
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return err_set(err, ERR_IO, "signalfd: %s", strerror(errno));
    *service = (struct service){.signal_fd = fd, .state_fd = -1};
    return 0;
}

int service_take_state(struct service *service, const char *path, struct err_text *err)
{
    return state_folder_take(path, &service->state_fd, err);
}

void service_close(struct service *service)
{
    close(service->signal_fd);
    service->signal_fd = -1;
    if (service->state_fd >= 0)
        close(service->state_fd);
    service->state_fd = -1;
}

void service_ready(const char *status)
{
    /* Without a service manager there is nobody to tell; that is no error. */
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
    log_event(EVENT_PROGRAM_STARTED, "%s", status);
}

/* Handles what is pending. Returns true when the program shall end. */
static bool handle_signals(struct service *service, const struct service_hooks *hooks)
{
    struct signalfd_siginfo info;
    while (read(service->signal_fd, &info, sizeof info) == sizeof info) {
        switch (info.ssi_signo) {
        case SIGHUP:
            if (hooks->reload)
                hooks->reload(hooks->ctx);
            break;
        case SIGUSR1:
            if (hooks->dump)
                hooks->dump(hooks->ctx);
            break;
        default:
            return true;
        }
    }
    return false;
}

int service_run(struct service *service, struct thread *const *threads, size_t count,
                const struct service_hooks *hooks)
{
    int status = EXIT_OK;
    /* Only a manager that asked for it reads these; without a reader the socket would fill up. */
    bool watched = sd_watchdog_enabled(0, NULL) > 0;
    for (;;) {
        struct pollfd fd = {.fd = service->signal_fd, .events = POLLIN};
        if (poll(&fd, 1, SERVICE_TICK_MS) > 0 && handle_signals(service, hooks))
            break;
        const struct thread *stale = threads_stale(threads, count, SERVICE_STALE_MS);
        if (stale) {
            log_event(EVENT_THREAD_STALE, "thread=%s", stale->options.name);
            status = EXIT_RUN;
            break;
        }
        if (watched)
            (void)sd_notify(0, "WATCHDOG=1");
        if (hooks->tick)
            hooks->tick(hooks->ctx);
    }
    (void)sd_notify(0, "STOPPING=1");
    log_event(EVENT_PROGRAM_STOPPING, "%s", "");
    return status;
}

int service_serve(const struct service_about *about,
                  int (*run)(void *ctx, struct service *service, struct err_text *err), void *ctx)
{
    struct service service;
    struct err_text err = {""};
    int rc = service_open(&service, about->program, &err);
    if (rc == 0) {
        rc = run(ctx, &service, &err);
        service_close(&service);
    }
    if (rc != 0)
        fprintf(stderr, "%s: %s\n", about->program, err.text);
    return rc == 0 ? EXIT_OK : EXIT_RUN;
}

int service_thread_start(struct thread *thread, const char *name, int priority,
                         void (*run)(struct thread *self, void *arg), void *arg,
                         struct err_text *err)
{
    const struct thread_options options = {.name = name,
                                           .core = -1,
                                           .policy = priority ? THREAD_FIFO : THREAD_NORMAL,
                                           .priority = priority};
    int rc = thread_start(thread, &options, run, arg);
    return rc == 0 ? 0 : err_set(err, rc, "thread %s: cannot start", name);
}

int service_write_port(const char *runtime_dir, const char *name, uint16_t port,
                       struct err_text *err)
{
    char path[PATH_MAX];
    char text[16];
    if (snprintf(path, sizeof(path), "%s/%s", runtime_dir, name) >= (int)sizeof(path))
        return err_set(err, ERR_TOO_LARGE, "%s: too long a path", runtime_dir);
    int size = snprintf(text, sizeof(text), "%u\n", (unsigned)port);
    return file_write_atomic(path, text, (size_t)size, 0644, err);
}

void service_raise_descriptors(unsigned count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= count)
        return;
    limit.rlim_cur = limit.rlim_max < count ? limit.rlim_max : count;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* with fewer, connections wait to be accepted */
}

/* ---- a daemon of one thread ---- */

/* -1: go on. */
static int load(int argc, char **argv, const struct service_program *program,
                const struct service_parts *parts, struct service_args *args)
{
    struct err_text err = {""};
    int status = service_args_parse(argc, argv, &program->about, args);
    if (status >= 0)
        return status;
    int rc = config_load(args->config_path, program->section, parts->config, &err);
    bool loaded = rc == 0;
    if (loaded && !args->check && program->instead)
        status = program->instead(parts->ctx);
    if (status >= 0)
        return status;
    if (loaded && program->check)
        rc = program->check(parts->ctx, &err);
    return service_config_result(&program->about, args, program->section, loaded, rc, &err);
}

struct work {
    const struct service_program *program;
    const struct service_parts *parts;
    const char *config_path;
};

static int work(void *ctx, struct service *service, struct err_text *err)
{
    const struct work *with = ctx;
    const struct service_program *program = with->program;
    const struct service_parts *parts = with->parts;
    const struct service_hooks hooks = {.ctx = parts->ctx, .reload = program->reload};
    service->config_path = with->config_path;
    int rc = program->start(parts->ctx, service, err);
    if (rc == 0) {
        service_ready(service->status);
        rc = service_run(service, &parts->thread, 1, &hooks) == EXIT_OK
                 ? 0
                 : err_set(err, ERR_STOPPED, "a thread ended");
    }
    thread_stop(parts->thread);
    thread_join(parts->thread);
    program->stop(parts->ctx);
    return rc;
}

int service_main(int argc, char **argv, const struct service_program *program,
                 const struct service_parts *parts)
{
    struct service_args args;
    int status = load(argc, argv, program, parts, &args);
    if (status >= 0)
        return status;
    struct work with = {program, parts, args.config_path};
    return service_serve(&program->about, work, &with);
}
