/* A sign on a real pty: the exact bytes, the newest message, a line unplugged and back. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "drivers/led_display/led_display.h"

enum { WAIT_MS = 20000, HEARD_MAX = 4096 };

#define WELCOME "\xBC\xF5\xCB\xD9\xC2\xFD\xD0\xD0"
#define STOP "\xC7\xEB\xCD\xA3\xB3\xB5 \xBD\xD3\xCA\xDC\xBC\xEC\xB2\xE9"
#define PLATE "\xC2\xB3H12345"

struct sign {
    char folder[32];
    char line[64];
    char profile[64];
    int master; /* -1: unplugged */
    int slave;  /* kept open, so that the driver's opening and closing does not end the pty */
    struct display display;
    char heard[HEARD_MAX];
    size_t heard_size;
    atomic_int lost;
    atomic_int found;
};

static void note_contact(void *ctx, uint8_t lane, bool contact, const char *reason)
{
    struct sign *s = ctx;
    assert_int_equal(lane, 3);
    assert_int_equal(reason[0] == '\0', contact);
    atomic_fetch_add(contact ? &s->found : &s->lost, 1);
}

static void plug_in(struct sign *s)
{
    struct termios t;
    s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    assert_true(s->master >= 0);
    assert_int_equal(grantpt(s->master), 0);
    assert_int_equal(unlockpt(s->master), 0);
    const char *name = ptsname(s->master);
    s->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(s->slave >= 0);
    assert_int_equal(tcgetattr(s->slave, &t), 0);
    cfmakeraw(&t);
    assert_int_equal(tcsetattr(s->slave, TCSANOW, &t), 0);
    assert_int_equal(symlink(name, s->line), 0);
}

static void pull_out(struct sign *s)
{
    assert_int_equal(unlink(s->line), 0);
    close(s->slave);
    close(s->master);
    s->master = -1;
}

/* Waits until the sign heard the frame, and forgets everything up to it. */
static void expect(struct sign *s, const char *text)
{
    struct mono_time deadline = mono_add_ms(clock_mono(&clock_system), WAIT_MS);
    char frame[64];
    int size = snprintf(frame, sizeof frame, "%s\r\n", text);
    for (;;) {
        char *at = memmem(s->heard, s->heard_size, frame, (size_t)size);
        if (at) {
            size_t used = (size_t)(at - s->heard) + (size_t)size;
            s->heard_size -= used;
            memmove(s->heard, s->heard + used, s->heard_size);
            return;
        }
        int64_t left_ms = mono_diff_ms(deadline, clock_mono(&clock_system));
        struct pollfd p = {.fd = s->master, .events = POLLIN};
        if (left_ms <= 0 || poll(&p, 1, (int)left_ms) <= 0)
            fail_msg("not shown: %s", text);
        ssize_t got = read(s->master, s->heard + s->heard_size, sizeof s->heard - s->heard_size);
        assert_true(got > 0);
        s->heard_size += (size_t)got;
    }
}

static void wait_for(atomic_int *what, int count)
{
    struct mono_time deadline = mono_add_ms(clock_mono(&clock_system), WAIT_MS);
    while (atomic_load(what) < count) {
        if (mono_before(deadline, clock_mono(&clock_system)))
            fail_msg("%d instead of %d", atomic_load(what), count);
        (void)poll(NULL, 0, 5);
    }
}

static void write_profile(const struct sign *s, const char *gap, const char *repeat)
{
    FILE *f = fopen(s->profile, "we");
    assert_non_null(f);
    fprintf(f, "{columns: 16, suffix: 0d0a, gap: %s, repeat: %s}\n", gap, repeat);
    assert_int_equal(fclose(f), 0);
}

static int create(struct sign *s, struct err_text *err)
{
    const struct display_sink sink = {.ctx = s, .contact = note_contact};
    struct led_display_options options = {
        .name = "sign-3", .lane = 3, .port = {.baud_bps = 9600, .parity = 'N', .stop_bits = 1}};
    (void)snprintf(options.port.line, sizeof options.port.line, "%s", s->line);
    (void)snprintf(options.profile, sizeof options.profile, "%s", s->profile);
    return led_display_create(&options, &sink, &s->display, err);
}

static void begin(struct sign *s, const char *gap, const char *repeat)
{
    struct err_text err = {""};
    memset(s, 0, sizeof *s);
    (void)snprintf(s->folder, sizeof s->folder, "/tmp/sign-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    (void)snprintf(s->line, sizeof s->line, "%s/tty", s->folder);
    (void)snprintf(s->profile, sizeof s->profile, "%s/sign.yaml", s->folder);
    write_profile(s, gap, repeat);
    plug_in(s);
    if (create(s, &err) != 0)
        fail_msg("%s", err.text);
}

static void start(struct sign *s)
{
    assert_int_equal(s->display.driver->start(s->display.state), 0);
}

static void say(struct sign *s, enum display_message message, const char *plate)
{
    struct display_show show = {.message = message};
    (void)snprintf(show.plate, sizeof show.plate, "%s", plate);
    assert_int_equal(s->display.driver->show(s->display.state, &show), 0);
}

static struct display_stats stats_of(const struct sign *s)
{
    struct display_stats stats;
    s->display.driver->stats(s->display.state, &stats);
    return stats;
}

static void end(struct sign *s)
{
    s->display.driver->stop(s->display.state);
    s->display.driver->destroy(s->display.state);
    if (s->master >= 0)
        pull_out(s);
    assert_int_equal(unlink(s->profile), 0);
    assert_int_equal(rmdir(s->folder), 0);
}

static void messages_are_written_in_the_encoding_of_the_sign(void **state)
{
    (void)state;
    struct sign s;
    begin(&s, "0ms", "0ms");
    start(&s);
    expect(&s, WELCOME);
    say(&s, DISPLAY_PLEASE_STOP, "");
    expect(&s, STOP);
    say(&s, DISPLAY_PLATE, "鲁H12345");
    expect(&s, PLATE);
    s.display.driver->stop(s.display.state); /* nobody's plate stays behind */
    expect(&s, WELCOME);
    assert_int_equal(s.heard_size, 0);
    assert_int_equal(stats_of(&s).shown, 4);
    assert_int_equal(stats_of(&s).errors, 0);
    end(&s);
}

/* Nothing is written before the thread runs, so what is replaced is certain. */
static void the_newest_message_stands_and_the_older_ones_are_counted(void **state)
{
    (void)state;
    struct sign s;
    begin(&s, "0ms", "0ms");
    for (int i = 0; i < 100; i++)
        say(&s, i % 2 ? DISPLAY_PLEASE_WAIT : DISPLAY_LANE_CLOSED, "");
    say(&s, DISPLAY_PLATE, "鲁H12345");
    start(&s);
    expect(&s, PLATE);
    s.display.driver->stop(s.display.state);
    expect(&s, WELCOME);
    assert_int_equal(stats_of(&s).shown, 2);
    assert_int_equal(stats_of(&s).replaced, 100);
    end(&s);
}

static void a_message_is_repeated_for_a_sign_that_was_without_power(void **state)
{
    (void)state;
    struct sign s;
    begin(&s, "0ms", "20ms");
    start(&s);
    say(&s, DISPLAY_PLEASE_STOP, "");
    for (int i = 0; i < 3; i++)
        expect(&s, STOP);
    end(&s);
}

static void a_line_unplugged_and_back_gets_the_message_that_stands(void **state)
{
    (void)state;
    struct sign s;
    begin(&s, "0ms", "0ms");
    start(&s);
    say(&s, DISPLAY_PLATE, "鲁H12345");
    expect(&s, PLATE);
    wait_for(&s.found, 1);
    pull_out(&s);
    wait_for(&s.lost, 1);
    assert_false(stats_of(&s).contact);
    say(&s, DISPLAY_PLEASE_STOP, "");
    s.heard_size = 0;
    plug_in(&s);
    expect(&s, STOP);
    wait_for(&s.found, 2);
    assert_true(stats_of(&s).contact);
    assert_int_equal(atomic_load(&s.lost), 1);
    assert_int_equal(stats_of(&s).connects, 2);
    end(&s);
}

static void a_line_that_takes_nothing_does_not_hold_the_thread(void **state)
{
    (void)state;
    struct sign s;
    char full[256];
    begin(&s, "0ms", "1ms");
    memset(full, 'x', sizeof full);
    int fd = open(s.line, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    while (write(fd, full, sizeof full) > 0) {
    }
    start(&s);
    wait_for(&s.lost, 1);
    close(fd);
    end(&s); /* within the deadline of the test, that is all */
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    struct sign s;
    struct err_text err = {""};
    struct display none;
    begin(&s, "0ms", "0ms");
    const struct display_show wrong[] = {{.message = DISPLAY_PLATE},
                                         {.message = DISPLAY_MESSAGE_COUNT},
                                         {.message = DISPLAY_PLATE, .plate = "\xFF"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(s.display.driver->show(s.display.state, &wrong[i]), ERR_INVALID);
    const struct led_display_options no_rate = {.lane = 3,
                                                .port = {.line = "/dev/x", .baud_bps = 9601}};
    const struct display_sink sink = {0};
    assert_int_equal(led_display_create(&no_rate, &sink, &none, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "baud 9601"));
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_written_in_the_encoding_of_the_sign),
        cmocka_unit_test(the_newest_message_stands_and_the_older_ones_are_counted),
        cmocka_unit_test(a_message_is_repeated_for_a_sign_that_was_without_power),
        cmocka_unit_test(a_line_unplugged_and_back_gets_the_message_that_stands),
        cmocka_unit_test(a_line_that_takes_nothing_does_not_hold_the_thread),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
