/* See environment.h. */
#include "drivers/capture_dpdk/environment.h"

#include <errno.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ARGS_TEXT_SIZE = 2048 };

static pthread_mutex_t eal_lock = PTHREAD_MUTEX_INITIALIZER;
static char eal_started[ARGS_TEXT_SIZE]; /* arguments it was started with, "" = not yet */

static int join_args(const struct capture_dpdk_options *options, char out[ARGS_TEXT_SIZE],
                     struct err_text *err)
{
    size_t size = 0;
    out[0] = '\0';
    for (int i = 0; i < options->eal_arg_count; i++) {
        int more = snprintf(out + size, ARGS_TEXT_SIZE - size, "%s%s", i > 0 ? " " : "",
                            options->eal_args[i]);
        if (more < 0 || (size_t)more >= ARGS_TEXT_SIZE - size)
            return err_set(err, ERR_TOO_LARGE, "dpdk: EAL arguments longer than %d bytes",
                           ARGS_TEXT_SIZE);
        size += (size_t)more;
    }
    return 0;
}

/* An EAL that failed half-way cannot be tried again in this process: the first reason stands. */
static int eal_failed(const char *args, int code, struct err_text *err)
{
    static int first_code; /* under eal_lock */
    if (code != EALREADY)
        first_code = code;
    return err_set(err, ERR_IO, "dpdk: EAL refused '%s': %s%s", args, rte_strerror(first_code),
                   code == EALREADY ? "; correct it and start the program anew" : "");
}

/* rte_eal_init() with the calling thread on any core and without priority: it waits, hardly
 * sleeping, for threads it starts where it runs itself, which would never get there. Afterwards the
 * thread is what it was before, for the EAL pins it to its main core: where threads run is the
 * program's say. */
static int init_unbound(int argc, char **argv)
{
    const struct sched_param none = {0};
    struct sched_param param;
    cpu_set_t cores;
    cpu_set_t all;
    int policy;
    bool known = pthread_getaffinity_np(pthread_self(), sizeof cores, &cores) == 0 &&
                 pthread_getschedparam(pthread_self(), &policy, &param) == 0;
    if (known && sched_getaffinity(getpid(), sizeof all, &all) == 0) {   /* of the first thread */
        (void)pthread_setschedparam(pthread_self(), SCHED_OTHER, &none); /* always allowed */
        (void)pthread_setaffinity_np(pthread_self(), sizeof all, &all);  /* the same */
    }
    int result = rte_eal_init(argc, argv);
    if (known) { /* as it was allowed before */
        (void)pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
        (void)pthread_setschedparam(pthread_self(), policy, &param);
    }
    return result;
}

static int start_eal_locked(const struct capture_dpdk_options *options, const char *args,
                            struct err_text *err)
{
    char *argv[CAPTURE_DPDK_EAL_ARGS_MAX + 2];
    char program[] = "checkpoint-matchd";
    char text[ARGS_TEXT_SIZE];
    size_t size = 0;
    argv[0] = program;
    for (int i = 0; i < options->eal_arg_count; i++) {
        size_t bytes = strlen(options->eal_args[i]) + 1;
        memcpy(text + size, options->eal_args[i], bytes); /* join_args checked the sum */
        argv[i + 1] = text + size;
        size += bytes;
    }
    argv[options->eal_arg_count + 1] = NULL;
    int result = init_unbound(options->eal_arg_count + 1, argv);
    if (result < 0)
        return eal_failed(args, rte_errno, err);
    snprintf(eal_started, sizeof eal_started, "%s", args[0] ? args : " ");
    return 0;
}

int dpdk_environment_start(const struct capture_dpdk_options *options, struct err_text *err)
{
    char args[ARGS_TEXT_SIZE];
    int result = join_args(options, args, err);
    if (result != 0)
        return result;
    if (pthread_mutex_trylock(&eal_lock) != 0)
        return err_set(err, ERR_BUSY, "dpdk: another source starts the environment");
    if (eal_started[0] == '\0')
        result = start_eal_locked(options, args, err);
    else if (strcmp(eal_started, args[0] ? args : " ") != 0)
        result = err_set(err, ERR_CONFLICT, "dpdk: EAL arguments '%s', running with '%s'", args,
                         eal_started);
    pthread_mutex_unlock(&eal_lock);
    return result;
}

/* What the arguments say of the virtual device `name` ("" = of the first one), NULL: nothing. */
const char *dpdk_virtual_device(const struct capture_dpdk_options *options, const char *name)
{
    static const char option[] = "--vdev=";
    size_t size = strlen(name);
    for (int i = 0; i < options->eal_arg_count; i++) {
        const char *device = options->eal_args[i] + sizeof option - 1;
        if (strncmp(options->eal_args[i], option, sizeof option - 1) == 0 &&
            (size == 0 || (strncmp(device, name, size) == 0 && strchr(",", device[size]))))
            return device;
    }
    return NULL;
}
