/* A client that does not read: closed and counted, its owner's data alive until no callback holds
 * it. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/control/line_server.h"

enum { WAIT_MS = 20000, OUTPUT_MAX = 64 * 1024, SENDS = 100, TEXT_SIZE = 8192 };

static atomic_int closed_count;
static atomic_int closed_inside; /* while the callback was still at work */
static atomic_int sent_count;

static int on_open(void *ctx, struct line_client *client, const struct unix_peer *peer,
                   void **out_data)
{
    (void)ctx, (void)client, (void)peer;
    int *data = malloc(sizeof *data);
    if (!data)
        return ERR_NO_MEMORY;
    *data = 0;
    *out_data = data;
    return 0;
}

/* As the records socket does: sends on and counts in its own data, whatever became of the client.
 */
static void on_line(void *ctx, struct line_client *client, const json_t *object)
{
    static char text[TEXT_SIZE];
    (void)ctx, (void)object;
    int *sent = line_client_data(client);
    memset(text, 'x', sizeof text);
    for (int i = 0; i < SENDS; i++) {
        line_client_send(client, text, sizeof text);
        (*sent)++;
    }
    atomic_store(&closed_inside, atomic_load(&closed_count));
    atomic_store(&sent_count, *sent);
}

static void on_closed(void *ctx, struct line_client *client)
{
    (void)ctx;
    free(line_client_data(client));
    atomic_fetch_add(&closed_count, 1);
}

static const struct line_ops ops = {on_open, on_line, on_closed};

struct bench {
    char folder[32];
    char path[64];
    struct line_server *server;
    struct thread thread;
    struct line_stats stats; /* at the end */
};

static void start(struct bench *b, size_t output_max, size_t output_all_max)
{
    struct err_text err;
    *b = (struct bench){.folder = "/tmp/line_server.XXXXXX"};
    atomic_store(&closed_count, 0);
    assert_non_null(mkdtemp(b->folder));
    snprintf(b->path, sizeof b->path, "%s/socket", b->folder);
    const struct line_listener listener = {.path = b->path,
                                           .mode = 0600,
                                           .ops = &ops,
                                           .clients_max = 4,
                                           .line_max_bytes = 1024,
                                           .output_max_bytes = output_max,
                                           .output_all_max_bytes = output_all_max};
    const struct thread_options options = {.name = "lines", .core = -1};
    assert_int_equal(line_server_create(&b->server, &err), 0);
    assert_int_equal(line_server_listen(b->server, &listener, &err), 0);
    assert_int_equal(thread_start(&b->thread, &options, line_server_run, b->server), 0);
}

static void stop(struct bench *b)
{
    thread_stop(&b->thread);
    thread_join(&b->thread);
    line_server_stats(b->server, &b->stats);
    line_server_destroy(b->server);
    assert_int_equal(rmdir(b->folder), 0);
}

static int ask(const struct bench *b)
{
    int fd = -1;
    assert_int_equal(unix_connect(b->path, SOCK_STREAM, &fd, NULL), 0);
    assert_int_equal(send(fd, "{}\n", 3, 0), 3);
    return fd;
}

static void wait_gone(int fd)
{
    struct pollfd gone = {.fd = fd, .events = POLLRDHUP};
    assert_int_equal(poll(&gone, 1, WAIT_MS), 1); /* the server closes it */
}

/* Everything that was queued for it. */
static void read_all(int fd)
{
    static char text[65536];
    size_t left = (size_t)SENDS * (TEXT_SIZE + 1);
    while (left > 0) {
        struct pollfd in = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&in, 1, WAIT_MS), 1);
        ssize_t got = recv(fd, text, sizeof text, 0);
        assert_true(got > 0 && (size_t)got <= left);
        left -= (size_t)got;
    }
}

static void a_client_that_does_not_read_is_closed_after_the_callback(void **state)
{
    (void)state;
    struct bench b;
    start(&b, OUTPUT_MAX, 0);
    int fd = ask(&b);
    wait_gone(fd);
    stop(&b);
    assert_int_equal(b.stats.slow_dropped, 1);
    assert_int_equal(atomic_load(&closed_inside), 0);
    assert_int_equal(atomic_load(&sent_count), SENDS);
    assert_int_equal(atomic_load(&closed_count), 1);
    close(fd);
}

/* Each may leave that much unread, but not two of them together. */
static void slow_clients_share_a_bound(void **state)
{
    (void)state;
    struct bench b;
    start(&b, (size_t)2 * SENDS * TEXT_SIZE, (size_t)SENDS * TEXT_SIZE * 3 / 2);
    int first = ask(&b);
    struct pollfd in = {.fd = first, .events = POLLIN};
    assert_int_equal(poll(&in, 1, WAIT_MS), 1);
    int second = ask(&b);
    wait_gone(second);
    read_all(first);
    int third = ask(&b); /* there is room again */
    read_all(third);
    stop(&b);
    assert_int_equal(b.stats.slow_dropped, 1);
    close(first);
    close(second);
    close(third);
}

static int64_t cpu_ms(void)
{
    struct rusage used;
    assert_int_equal(getrusage(RUSAGE_SELF, &used), 0);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

static void who_finds_no_descriptor_waits_and_the_server_does_not_spin(void **state)
{
    enum { LOOK_MS = 1000, BUSY_MS = 150 };
    struct bench b;
    struct rlimit before;
    (void)state;
    start(&b, (size_t)2 * SENDS * TEXT_SIZE, 0);
    int free_fd = dup(STDIN_FILENO); /* the lowest that is free: the client's */
    assert_int_equal(close(free_fd), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none_left = {(rlim_t)free_fd + 1, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none_left), 0);
    int fd = ask(&b);
    int64_t used_ms = cpu_ms();
    struct pollfd in = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&in, 1, LOOK_MS), 0); /* nobody accepts it */
    assert_in_range(cpu_ms() - used_ms, 0, BUSY_MS);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    read_all(fd);
    stop(&b);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_does_not_read_is_closed_after_the_callback),
        cmocka_unit_test(slow_clients_share_a_bound),
        cmocka_unit_test(who_finds_no_descriptor_waits_and_the_server_does_not_spin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
