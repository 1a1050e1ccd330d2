/*
 * The mains' common part against a service manager's socket: the watchdog is fed while every thread
 * lives and not once more after one is stale or ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/app/service.h"

enum { WAIT_MS = 10000, TEXT_SIZE = 4096 };

static char socket_path[] = "/tmp/checkpoint.notify.XXXXXX/s";

struct world {
    int manager_fd;
    char said[TEXT_SIZE]; /* every message of the program, a line each */
    struct service service;
    struct thread worker;
    atomic_bool silent; /* the worker gives no sign of life any more, as if it hung */
    atomic_bool hushed; /* the worker has seen `silent` */
    atomic_bool leave;  /* the worker ends unasked */
    int ticks;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct err_text err;
    char *slash = strrchr(socket_path, '/');
    memcpy(slash - 6, "XXXXXX", 6);
    *slash = '\0';
    assert_non_null(mkdtemp(socket_path));
    *slash = '/';
    memcpy(address.sun_path, socket_path, sizeof(socket_path));
    w->manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(w->manager_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", socket_path, 1);
    setenv("WATCHDOG_USEC", "2000000", 1);
    unsetenv("WATCHDOG_PID");
    unsetenv("JOURNAL_STREAM");
    assert_int_equal(service_open(&w->service, "test", &err), 0);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    char *slash = strrchr(socket_path, '/');
    thread_stop(&w->worker);
    thread_join(&w->worker);
    service_close(&w->service);
    close(w->manager_fd);
    unlink(socket_path);
    *slash = '\0';
    rmdir(socket_path);
    *slash = '/';
    free(w);
    return 0;
}

/* Takes what the program has said so far. */
static void listen_in(struct world *w)
{
    size_t used = strlen(w->said);
    ssize_t got;
    while ((got = recv(w->manager_fd, w->said + used, TEXT_SIZE - used - 2, 0)) > 0) {
        used += (size_t)got;
        w->said[used++] = '\n';
        w->said[used] = '\0';
    }
}

static int count(const struct world *w, const char *line)
{
    int found = 0;
    for (const char *at = strstr(w->said, line); at; at = strstr(at + 1, line))
        found++;
    return found;
}

static void work(struct thread *self, void *arg)
{
    struct world *w = arg;
    while (!thread_stopping(self) && !atomic_load(&w->leave)) {
        if (!atomic_load(&w->silent))
            thread_alive(self);
        else
            atomic_store(&w->hushed, true);
        poll(NULL, 0, 5);
    }
}

static void wait_for(const atomic_bool *flag)
{
    for (int i = 0; i < WAIT_MS && !atomic_load(flag); i++)
        poll(NULL, 0, 1);
    assert_true(atomic_load(flag));
}

static void start_worker(struct world *w)
{
    const struct thread_options options = {.name = "worker", .core = -1};
    assert_int_equal(thread_start(&w->worker, &options, work, w), 0);
}

static int run(struct world *w, void (*tick)(void *))
{
    struct thread *const threads[] = {&w->worker};
    const struct service_hooks hooks = {.ctx = w, .tick = tick};
    int status = service_run(&w->service, threads, 1, &hooks);
    listen_in(w);
    return status;
}

/* Fed twice: asks for the end, as the service manager does. */
static void end_when_fed(void *ctx)
{
    struct world *w = ctx;
    listen_in(w);
    if (count(w, "WATCHDOG=1") >= 2 || ++w->ticks > WAIT_MS / SERVICE_TICK_MS)
        kill(getpid(), SIGTERM);
}

static void fed_while_threads_live_and_ended_by_sigterm(void **state)
{
    struct world *w = *state;
    service_ready("working");
    start_worker(w);
    assert_int_equal(run(w, end_when_fed), EXIT_OK);
    assert_int_equal(count(w, "READY=1"), 1);
    assert_int_equal(count(w, "STATUS=working"), 1);
    assert_int_equal(count(w, "WATCHDOG=1"), 2);
    assert_int_equal(count(w, "STOPPING=1"), 1);
}

/* Fed once, then the worker hangs: its last sign of life is put back past the limit. */
static void hang_when_fed(void *ctx)
{
    struct world *w = ctx;
    listen_in(w);
    if (count(w, "WATCHDOG=1") == 0)
        return;
    atomic_store(&w->silent, true);
    wait_for(&w->hushed);
    atomic_store(&w->worker.alive_ns,
                 clock_mono(&clock_system).ns - (SERVICE_STALE_MS + 1) * INT64_C(1000000));
    if (++w->ticks > 1)
        kill(getpid(), SIGTERM); /* not found stale: the test ends and fails */
}

static void a_hanging_thread_ends_the_feeding_and_the_program(void **state)
{
    struct world *w = *state;
    start_worker(w);
    assert_int_equal(run(w, hang_when_fed), EXIT_RUN);
    assert_int_equal(count(w, "WATCHDOG=1"), 1);
    assert_int_equal(count(w, "STOPPING=1"), 1);
}

static void leave_when_fed(void *ctx)
{
    struct world *w = ctx;
    listen_in(w);
    if (count(w, "WATCHDOG=1") == 0)
        return;
    atomic_store(&w->leave, true);
    wait_for(&w->worker.finished);
    if (++w->ticks > 1)
        kill(getpid(), SIGTERM);
}

static void a_thread_that_ends_unasked_ends_the_program(void **state)
{
    struct world *w = *state;
    start_worker(w);
    assert_int_equal(run(w, leave_when_fed), EXIT_RUN);
    assert_int_equal(count(w, "WATCHDOG=1"), 1);
}

static void not_fed_when_nobody_asked(void **state)
{
    struct world *w = *state;
    unsetenv("WATCHDOG_USEC");
    start_worker(w);
    kill(getpid(), SIGTERM);
    assert_int_equal(run(w, NULL), EXIT_OK);
    assert_int_equal(count(w, "WATCHDOG=1"), 0);
    assert_int_equal(count(w, "STOPPING=1"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(fed_while_threads_live_and_ended_by_sigterm),
        TEST(a_hanging_thread_ends_the_feeding_and_the_program),
        TEST(a_thread_that_ends_unasked_ends_the_program),
        TEST(not_fed_when_nobody_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
