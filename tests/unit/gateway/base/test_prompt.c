/*
 * A line from a descriptor: nothing read beyond it, its bound. A line from a terminal (a real pty,
 * asked in a child process of its own session): unseen, and whatever ends it, the echo is back.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/prompt.h"

enum { LINE_SIZE = 16, SCREEN_SIZE = 512, DEADLINE_MS = 20000 };

static char line[LINE_SIZE];

/* ---- a descriptor ---- */

static int pipe_of(const char *bytes, size_t size)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], bytes, size), size);
    close(ends[1]);
    memset(line, 'z', sizeof(line));
    return ends[0];
}

static void expect_line(int fd, const char *text)
{
    assert_int_equal(prompt_read_line(fd, line, sizeof(line)), 0);
    assert_string_equal(line, text);
}

static void expect_failure(int fd, int code)
{
    static const char wiped[LINE_SIZE];
    assert_int_equal(prompt_read_line(fd, line, sizeof(line)), code);
    assert_memory_equal(line, wiped, sizeof(wiped));
}

static void two_readers_get_a_line_each(void **state)
{
    static const char bytes[] = "one\n\ntwo 二\trest\r\nlast";
    (void)state;
    int fd = pipe_of(bytes, sizeof(bytes) - 1);
    expect_line(fd, "one");
    expect_line(fd, "");
    expect_line(fd, "two 二\trest\r"); /* control characters are the caller's to judge */
    expect_line(fd, "last");
    expect_failure(fd, ERR_NOT_FOUND);
    close(fd);
}

static void the_bound_is_the_room(void **state)
{
    char left[4] = "";
    (void)state;
    int fd = pipe_of("123456789012345\n", 16);
    expect_line(fd, "123456789012345");
    close(fd);
    fd = pipe_of("1234567890123456xyz", 19);
    expect_failure(fd, ERR_TOO_LARGE);
    assert_int_equal(read(fd, left, sizeof(left)), 3);
    close(fd);
}

static void a_nul_and_what_cannot_be_read_are_refused(void **state)
{
    (void)state;
    int fd = pipe_of("ab\0cd\n", 6);
    expect_failure(fd, ERR_INVALID);
    close(fd);
    fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    expect_failure(fd, ERR_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(prompt_ask(fd, "? ", false, line, sizeof(line), NULL), ERR_IO);
    assert_int_equal(errno, ENOTTY);
    close(fd);
}

/* ---- a terminal ---- */

struct asked {
    pid_t child;
    int master;
    int report; /* from the child: struct report */
    char screen[SCREEN_SIZE];
    size_t used;
};

struct report {
    int result;
    int signal_number;
    char line[LINE_SIZE];
    bool mask_restored;
    int pending; /* bytes of the line left at the terminal */
};

static bool same_signals(const sigset_t *a, const sigset_t *b)
{
    for (int i = 1; i < SIGRTMIN; i++)
        if (sigismember(a, i) != sigismember(b, i))
            return false;
    return true;
}

static void ask_in_child(int report_fd, bool echo)
{
    struct report report = {0};
    sigset_t before;
    sigset_t after;
    struct pollfd left = {.events = POLLIN};
    int terminal = prompt_open_terminal();
    sigprocmask(SIG_SETMASK, NULL, &before);
    report.result = prompt_ask(terminal, "Word: ", echo, report.line, sizeof(report.line),
                               &report.signal_number);
    sigprocmask(SIG_SETMASK, NULL, &after);
    report.mask_restored = same_signals(&before, &after);
    left.fd = terminal;
    report.pending = poll(&left, 1, 0);
    _exit(write(report_fd, &report, sizeof(report)) == sizeof(report) ? 0 : 1);
}

static void more_of_screen(struct asked *a)
{
    struct pollfd ready = {.fd = a->master, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
    assert_true(a->used < sizeof(a->screen) - 1);
    ssize_t n = read(a->master, a->screen + a->used, sizeof(a->screen) - 1 - a->used);
    assert_true(n > 0);
    a->used += (size_t)n;
    a->screen[a->used] = '\0';
}

/* The child has a session and a controlling terminal of its own; returns when it asks. */
static void begin(struct asked *a, bool echo)
{
    int ends[2];
    *a = (struct asked){0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    a->child = forkpty(&a->master, NULL, NULL, NULL);
    assert_true(a->child >= 0);
    if (a->child == 0)
        ask_in_child(ends[1], echo);
    close(ends[1]);
    a->report = ends[0];
    while (!strstr(a->screen, "Word: "))
        more_of_screen(a);
}

static void type(struct asked *a, const char *text)
{
    assert_int_equal(write(a->master, text, strlen(text)), strlen(text));
}

static bool echoes(const struct asked *a)
{
    struct termios now;
    assert_int_equal(tcgetattr(a->master, &now), 0);
    return now.c_lflag & ECHO;
}

/* Waits for the child; the terminal must echo again, whatever happened. */
static struct report end(struct asked *a)
{
    struct report report;
    struct pollfd ready = {.fd = a->report, .events = POLLIN};
    int status = -1;
    assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
    assert_int_equal(read(a->report, &report, sizeof(report)), sizeof(report));
    assert_int_equal(waitpid(a->child, &status, 0), a->child);
    assert_int_equal(status, 0);
    assert_true(echoes(a));
    assert_true(report.mask_restored);
    close(a->report);
    return report;
}

static void a_secret_is_not_shown_and_the_echo_comes_back(void **state)
{
    struct asked a;
    (void)state;
    begin(&a, false);
    assert_false(echoes(&a));
    type(&a, "secret\n");
    struct report report = end(&a);
    assert_int_equal(report.result, 0);
    assert_string_equal(report.line, "secret");
    while (!strchr(a.screen, '\n'))
        more_of_screen(&a);
    assert_string_equal(a.screen, "Word: \r\n");
    close(a.master);
}

static void a_name_is_shown(void **state)
{
    struct asked a;
    (void)state;
    begin(&a, true);
    assert_true(echoes(&a));
    type(&a, "zhang\n");
    struct report report = end(&a);
    assert_int_equal(report.result, 0);
    assert_string_equal(report.line, "zhang");
    while (!strchr(a.screen, '\n'))
        more_of_screen(&a);
    assert_string_equal(a.screen, "Word: zhang\r\n");
    close(a.master);
}

static void a_signal_ends_it_with_the_terminal_put_right(void **state)
{
    static const struct {
        const char *typed;
        int number;
    } cases[] = {{"half\003", SIGINT},
                 {"half\034", SIGQUIT},
                 {"half\032", SIGTSTP},
                 {"half", SIGTERM},
                 {"half", SIGHUP}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct asked a;
        begin(&a, false);
        type(&a, cases[i].typed);
        if (cases[i].number == SIGTERM || cases[i].number == SIGHUP)
            assert_int_equal(kill(a.child, cases[i].number), 0);
        struct report report = end(&a);
        assert_int_equal(report.result, ERR_STOPPED);
        assert_int_equal(report.signal_number, cases[i].number);
        assert_string_equal(report.line, "");
        close(a.master);
    }
}

static void wait_unread(const struct asked *a, int bytes)
{
    int slave = open(ptsname(a->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    int unread = -1;
    for (int waited_ms = 0; unread != bytes; waited_ms++) {
        assert_true(waited_ms < DEADLINE_MS);
        (void)poll(NULL, 0, 1);
        assert_int_equal(ioctl(slave, FIONREAD, &unread), 0);
    }
    close(slave);
}

/* Ctrl-D hands out half a line; it is read before the signal comes. */
static void a_signal_is_heard_in_the_middle_of_a_line(void **state)
{
    struct asked a;
    int status = 0;
    (void)state;
    begin(&a, false);
    assert_int_equal(kill(a.child, SIGSTOP), 0);
    assert_int_equal(waitpid(a.child, &status, WUNTRACED), a.child);
    type(&a, "half\004");
    wait_unread(&a, 4);
    assert_int_equal(kill(a.child, SIGCONT), 0);
    wait_unread(&a, 0);
    assert_int_equal(kill(a.child, SIGTERM), 0);
    assert_int_equal(end(&a).result, ERR_STOPPED);
    close(a.master);
}

static void what_is_too_long_is_not_left_for_the_shell(void **state)
{
    struct asked a;
    (void)state;
    begin(&a, false);
    type(&a, "much longer than there is room; rm x\n");
    struct report report = end(&a);
    assert_int_equal(report.result, ERR_TOO_LARGE);
    assert_string_equal(report.line, "");
    assert_int_equal(report.pending, 0);
    close(a.master);
}

static void the_end_of_input_is_no_line(void **state)
{
    struct asked a;
    (void)state;
    begin(&a, false);
    type(&a, "\004");
    assert_int_equal(end(&a).result, ERR_NOT_FOUND);
    close(a.master);
}

static void no_terminal_is_said(void **state)
{
    int status = -1;
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setsid(); /* a session without one */
        _exit(prompt_open_terminal() == ERR_NOT_FOUND ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_readers_get_a_line_each),
        cmocka_unit_test(the_bound_is_the_room),
        cmocka_unit_test(a_nul_and_what_cannot_be_read_are_refused),
        cmocka_unit_test(a_secret_is_not_shown_and_the_echo_comes_back),
        cmocka_unit_test(a_name_is_shown),
        cmocka_unit_test(a_signal_ends_it_with_the_terminal_put_right),
        cmocka_unit_test(a_signal_is_heard_in_the_middle_of_a_line),
        cmocka_unit_test(what_is_too_long_is_not_left_for_the_shell),
        cmocka_unit_test(the_end_of_input_is_no_line),
        cmocka_unit_test(no_terminal_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
