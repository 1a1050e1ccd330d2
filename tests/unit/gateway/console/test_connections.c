/* Answers that peers leave unread are bounded together: whoever has read nothing for the longest is
 * ended first, and nobody who reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/console/connections.h"

enum { BLOCK_BYTES = 1 << 20, HALF_BLOCKS = ANSWERS_UNREAD_MAX / BLOCK_BYTES / 2 };

static const uint8_t block[BLOCK_BYTES];
static struct event_base *base;
static struct connections all;
static SSL_CTX *ctx;
static int told[CONNECTION_UNREAD + 1];

struct line {
    SSL *ssl;
    struct bufferevent *bev;
    int near;
    int far;
};

static void on_ended(void *arg, enum connection_end why, const char *address)
{
    (void)arg, (void)address;
    told[why]++;
}

static int open_all(void **state)
{
    (void)state;
    base = event_base_new();
    ctx = SSL_CTX_new(TLS_server_method());
    connections_init(&all, base, 0, on_ended, NULL);
    told[CONNECTION_UNREAD] = 0;
    return base && ctx ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    SSL_CTX_free(ctx);
    event_base_free(base);
    return 0;
}

/* With an answer of so many blocks that nobody takes. */
static struct line open_line(size_t blocks)
{
    struct line l = {.ssl = SSL_new(ctx)};
    struct connection_facts facts;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    l.near = pair[0];
    l.far = pair[1];
    l.bev = bufferevent_socket_new(base, l.near, 0);
    assert_non_null(l.bev);
    assert_int_equal(SSL_set_fd(l.ssl, l.near), 1);
    assert_int_equal(connections_add(&all, l.ssl, l.bev), 0);
    connection_busy(l.ssl, &facts);
    for (size_t i = 0; i < blocks; i++)
        assert_int_equal(
            evbuffer_add_reference(bufferevent_get_output(l.bev), block, BLOCK_BYTES, NULL, NULL),
            0);
    connection_answered(l.ssl);
    return l;
}

static void close_line(const struct line *l)
{
    bufferevent_free(l->bev);
    SSL_free(l->ssl);
    assert_int_equal(close(l->near), 0);
    assert_int_equal(close(l->far), 0);
}

static bool ended(const struct line *l)
{
    char byte;
    return recv(l->far, &byte, 1, 0) == 0;
}

static void what_nobody_reads_is_bounded(void **state)
{
    (void)state;
    struct line reads = open_line(0);
    struct line first = open_line(HALF_BLOCKS);
    struct line second = open_line(HALF_BLOCKS);
    connections_sweep(&all);
    assert_false(ended(&first));
    struct line third = open_line(1);
    connections_sweep(&all);
    connections_sweep(&all); /* what was ended is not counted again */
    assert_true(ended(&first));
    assert_false(ended(&second));
    assert_false(ended(&third));
    assert_false(ended(&reads));
    assert_int_equal(told[CONNECTION_UNREAD], 1);
    close_line(&reads);
    close_line(&first);
    close_line(&second);
    close_line(&third);
    assert_int_equal(all.accepted.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_nobody_reads_is_bounded, open_all, close_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
