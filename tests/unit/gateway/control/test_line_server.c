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

static void a_client_that_does_not_read_is_closed_after_the_callback(void **state)
{
    (void)state;
    char folder[] = "/tmp/line_server.XXXXXX";
    char path[64];
    struct err_text err;
    struct line_server *server = NULL;
    struct thread thread;
    struct line_stats stats;
    int fd = -1;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    const struct line_listener listener = {.path = path,
                                           .mode = 0600,
                                           .ops = &ops,
                                           .clients_max = 4,
                                           .line_max_bytes = 1024,
                                           .output_max_bytes = OUTPUT_MAX};
    const struct thread_options options = {.name = "lines", .core = -1};
    assert_int_equal(line_server_create(&server, &err), 0);
    assert_int_equal(line_server_listen(server, &listener, &err), 0);
    assert_int_equal(thread_start(&thread, &options, line_server_run, server), 0);
    assert_int_equal(unix_connect(path, SOCK_STREAM, &fd, NULL), 0);
    assert_int_equal(send(fd, "{}\n", 3, 0), 3);
    struct pollfd gone = {.fd = fd, .events = POLLRDHUP};
    assert_int_equal(poll(&gone, 1, WAIT_MS), 1); /* the server closes it */
    thread_stop(&thread);
    thread_join(&thread);
    line_server_stats(server, &stats);
    assert_int_equal(stats.slow_dropped, 1);
    assert_int_equal(atomic_load(&closed_inside), 0);
    assert_int_equal(atomic_load(&sent_count), SENDS);
    assert_int_equal(atomic_load(&closed_count), 1);
    line_server_destroy(server);
    close(fd);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_does_not_read_is_closed_after_the_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
