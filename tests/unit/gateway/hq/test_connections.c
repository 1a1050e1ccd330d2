/*
 * Connections have deadlines: one that shakes hands for ever, or sends a request for ever, is
 * ended; one whose request is being answered is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/hq/connections.h"

static struct connections all;
static SSL_CTX *ctx;
static const struct mono_time begin = {1000};

struct line {
    SSL *ssl;
    int near;
    int far;
};

static int open_all(void **state)
{
    (void)state;
    connections_init(&all, 2, 60);
    ctx = SSL_CTX_new(TLS_method());
    return ctx ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    SSL_CTX_free(ctx);
    return 0;
}

static struct line open_line(void)
{
    struct line l = {.ssl = SSL_new(ctx)};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    l.near = pair[0];
    l.far = pair[1];
    assert_non_null(l.ssl);
    assert_int_equal(SSL_set_fd(l.ssl, l.near), 1);
    assert_int_equal(connections_add(&all, l.ssl, begin), 0);
    return l;
}

static void close_line(const struct line *l)
{
    SSL_free(l->ssl);
    assert_int_equal(close(l->near), 0);
    assert_int_equal(close(l->far), 0);
}

/* What the peer sees: its end of the line is closed. */
static bool ended(const struct line *l)
{
    char byte;
    return recv(l->far, &byte, 1, 0) == 0;
}

static struct mono_time after_s(int seconds)
{
    return mono_add_ms(begin, (int64_t)seconds * 1000);
}

static void a_handshake_has_a_deadline(void **state)
{
    (void)state;
    struct line l = open_line();
    assert_int_equal(connections_sweep(&all, after_s(HQ_HANDSHAKE_S - 1)), 0);
    assert_false(ended(&l));
    assert_int_equal(connections_sweep(&all, after_s(HQ_HANDSHAKE_S)), 1);
    assert_true(ended(&l));
    close_line(&l);
    assert_int_equal(all.accepted.count, 0);
}

static void an_answer_under_way_is_not_cut(void **state)
{
    (void)state;
    struct line l = open_line();
    connection_busy(l.ssl);
    assert_int_equal(connections_sweep(&all, after_s(3600)), 0);
    connection_answered(l.ssl, after_s(3600));
    assert_int_equal(connections_sweep(&all, after_s(3600 + HQ_HANDSHAKE_S - 1)), 0);
    assert_int_equal(connections_sweep(&all, after_s(3600 + HQ_HANDSHAKE_S)), 1);
    assert_true(ended(&l));
    close_line(&l);
}

static void a_full_end_says_so(void **state)
{
    (void)state;
    struct line one = open_line();
    assert_false(connections_full(&all));
    struct line two = open_line();
    assert_true(connections_full(&all));
    close_line(&one);
    assert_false(connections_full(&all));
    close_line(&two);
    connection_busy(NULL);
    connection_answered(NULL, begin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_handshake_has_a_deadline, open_all, close_all),
        cmocka_unit_test_setup_teardown(an_answer_under_way_is_not_cut, open_all, close_all),
        cmocka_unit_test_setup_teardown(a_full_end_says_so, open_all, close_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
