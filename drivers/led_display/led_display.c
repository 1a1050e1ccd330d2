/*
 * A sign on a serial line. The message that stands is shared under a lock; everything else belongs
 * to the sign's thread, but for the counters. Waits in poll: for a new message, for the next
 * repetition, for room on the line, always with a deadline.
 */
#include "drivers/led_display/led_display.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "drivers/led_display/profile.h"

enum {
    WAIT_MAX_MS = 500,
    LAST_WRITE_MS = 100,
    STOP_LOOK_MS = 50, /* a write that waits hears stop within this */
    /* A line that is back counts as good when it stayed so long; twice as long after each loss
     * within a minute, so that a loose plug does not fill the journal. */
    STEADY_FIRST_MS = 500,
    STEADY_LAST_MS = 60000
};

struct led_display {
    struct led_display_options options;
    struct led_profile profile;
    struct text_converter to_device;      /* sign's thread */
    struct text_converter to_device_test; /* show(), under the lock */
    struct display_sink sink;
    pthread_mutex_t lock;
    struct display_show standing; /* under the lock */
    bool fresh;                   /* the same: not written yet */
    int fd;                       /* -1 = closed */
    int wake_fd;                  /* written by show and stop */
    uint32_t retry_ms;
    bool contact_told;
    uint32_t steady_ms;
    struct mono_time opened;  /* the line */
    struct mono_time written; /* when the last frame went out */
    bool wrote;               /* since the line was opened */
    atomic_bool contact;      /* relaxed, as the counters: each stands alone */
    atomic_ullong shown, replaced, errors, connects;
    struct thread thread;
    bool started; /* owner's thread */
};

static struct mono_time now_mono(void)
{
    return clock_mono(&clock_system);
}

static void count(atomic_ullong *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void wake(struct led_display *d)
{
    uint64_t one = 1;
    ssize_t done = write(d->wake_fd, &one, sizeof(one));
    (void)done; /* full means that it is awake already; its waits end by themselves anyway */
}

static void clear_wake(struct led_display *d)
{
    uint64_t count_of;
    ssize_t got = read(d->wake_fd, &count_of, sizeof(count_of));
    (void)got; /* nothing to read: nobody woke it */
}

static void tell_contact(struct led_display *d, bool contact, const char *reason)
{
    if (d->contact_told && atomic_load_explicit(&d->contact, memory_order_relaxed) == contact) {
        return;
    }
    atomic_store_explicit(&d->contact, contact, memory_order_relaxed);
    d->contact_told = true;
    if (d->sink.contact) {
        d->sink.contact(d->sink.ctx, d->options.lane, contact, reason);
    }
}

/* ---- the line: sign's thread ---- */

static void lose_line(struct led_display *d, const char *reason)
{
    if (d->fd >= 0) {
        close(d->fd);
        d->fd = -1;
    }
    if (thread_stopping(&d->thread)) {
        return; /* a write cut short by stop is no news of the line */
    }
    count(&d->errors);
    if (atomic_load_explicit(&d->contact, memory_order_relaxed)) {
        bool calm = mono_diff_ms(now_mono(), d->opened) > STEADY_LAST_MS;
        d->steady_ms = calm ? STEADY_FIRST_MS : d->steady_ms * 2;
        d->steady_ms = d->steady_ms < STEADY_LAST_MS ? d->steady_ms : STEADY_LAST_MS;
    }
    tell_contact(d, false, reason);
}

static void note_steady(struct led_display *d)
{
    if (!d->contact_told || mono_diff_ms(now_mono(), d->opened) >= d->steady_ms) {
        tell_contact(d, true, "");
    }
}

static bool open_line(struct led_display *d)
{
    struct err_text err = {""};
    if (serial_port_open(&d->options.port, &d->fd, &err) != ERR_OK) {
        d->fd = -1;
        lose_line(d, err.text);
        return false;
    }
    d->retry_ms = LED_DISPLAY_RETRY_FIRST_MS;
    d->wrote = false; /* whatever the sign showed meanwhile */
    d->opened = now_mono();
    count(&d->connects);
    note_steady(d);
    return true;
}

/* False: the line is gone, or takes nothing within `limit_ms`. */
static bool write_frame(struct led_display *d, const uint8_t *frame, size_t size, int limit_ms)
{
    struct mono_time deadline = mono_add_ms(now_mono(), limit_ms);
    for (size_t at = 0; at < size;) {
        ssize_t done = write(d->fd, frame + at, size - at);
        if (done > 0) {
            at += (size_t)done;
            continue;
        }
        int64_t left_ms = mono_diff_ms(deadline, now_mono());
        int wait_ms = (int)(left_ms < STOP_LOOK_MS ? left_ms : STOP_LOOK_MS);
        struct pollfd p = {.fd = d->fd, .events = POLLOUT};
        if ((done < 0 && errno != EAGAIN && errno != EINTR) || left_ms <= 0 ||
            (poll(&p, 1, wait_ms) > 0 && (p.revents & (POLLERR | POLLHUP | POLLNVAL))) ||
            (thread_stopping(&d->thread) && limit_ms > LAST_WRITE_MS)) {
            return false;
        }
    }
    return true;
}

/* What stands, taken for writing. */
static struct display_show take_standing(struct led_display *d)
{
    pthread_mutex_lock(&d->lock);
    struct display_show show = d->standing;
    d->fresh = false;
    pthread_mutex_unlock(&d->lock);
    return show;
}

static bool is_fresh(struct led_display *d)
{
    pthread_mutex_lock(&d->lock);
    bool fresh = d->fresh;
    pthread_mutex_unlock(&d->lock);
    return fresh;
}

static void write_message(struct led_display *d, const struct display_show *show, int limit_ms)
{
    uint8_t frame[LED_FRAME_MAX];
    size_t size = 0;
    if (led_frame_encode(&d->profile, &d->to_device, d->options.address, show, frame, &size) !=
        ERR_OK) {
        count(&d->errors); /* cannot be: show() refuses what cannot be encoded */
        return;
    }
    if (!write_frame(d, frame, size, limit_ms)) {
        lose_line(d, "the line takes nothing");
        return;
    }
    d->written = now_mono();
    d->wrote = true;
    count(&d->shown);
}

/* In how many ms the message that stands is due, 0: now. */
static int64_t due_in_ms(struct led_display *d)
{
    int64_t since_ms = mono_diff_ms(now_mono(), d->written);
    if (!d->wrote) {
        return 0;
    }
    if (is_fresh(d)) {
        return (int64_t)d->profile.gap_ms - since_ms;
    }
    return d->profile.repeat_ms == 0 ? WAIT_MAX_MS : (int64_t)d->profile.repeat_ms - since_ms;
}

/* One wait: a new message, the next repetition, a line that ends, or stop. */
static void serve_line(struct led_display *d)
{
    int64_t wait_ms = due_in_ms(d);
    note_steady(d);
    if (wait_ms <= 0) {
        struct display_show show = take_standing(d);
        write_message(d, &show, LED_DISPLAY_WRITE_MS);
        return;
    }
    /* A line that has gone shows as an error; what the sign says is not listened to. */
    struct pollfd p[2] = {{.fd = d->wake_fd, .events = POLLIN}, {.fd = d->fd}};
    int ready = poll(p, 2, (int)(wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS));
    if (ready > 0 && p[1].revents != 0) {
        lose_line(d, "the line is gone");
    }
    if (ready > 0 && p[0].revents != 0) {
        clear_wake(d);
    }
}

static void wait_to_retry(struct led_display *d)
{
    struct pollfd p = {.fd = d->wake_fd, .events = POLLIN};
    struct mono_time until = mono_add_ms(now_mono(), d->retry_ms);
    int64_t left_ms;
    while (!thread_stopping(&d->thread) && (left_ms = mono_diff_ms(until, now_mono())) > 0) {
        if (poll(&p, 1, (int)left_ms) > 0) {
            clear_wake(d); /* a new message does not make the line come back sooner */
        }
    }
    d->retry_ms =
        d->retry_ms * 2 > LED_DISPLAY_RETRY_LAST_MS ? LED_DISPLAY_RETRY_LAST_MS : d->retry_ms * 2;
}

static void run(struct thread *self, void *arg)
{
    struct led_display *d = arg;
    const struct display_show welcome = {.message = DISPLAY_WELCOME};
    while (!thread_stopping(self)) {
        thread_alive(self);
        if (d->fd >= 0 || open_line(d)) {
            serve_line(d);
        } else {
            wait_to_retry(d);
        }
    }
    if (d->fd >= 0) {
        write_message(d, &welcome, LAST_WRITE_MS); /* nobody's plate stays behind */
    }
    if (d->fd >= 0) {
        close(d->fd);
        d->fd = -1;
    }
}

/* ---- the role ---- */

static int show(void *state, const struct display_show *what)
{
    struct led_display *d = state;
    uint8_t frame[LED_FRAME_MAX];
    size_t size = 0;
    pthread_mutex_lock(&d->lock);
    int rc =
        led_frame_encode(&d->profile, &d->to_device_test, d->options.address, what, frame, &size);
    if (rc == ERR_OK) {
        if (d->fresh) {
            count(&d->replaced);
        }
        d->standing = *what;
        d->fresh = true;
    }
    pthread_mutex_unlock(&d->lock);
    if (rc == ERR_OK) {
        wake(d);
    }
    return rc == ERR_OK ? ERR_OK : ERR_INVALID;
}

static uint64_t load(const atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void stats(const void *state, struct display_stats *out)
{
    const struct led_display *d = state;
    *out =
        (struct display_stats){.shown = load(&d->shown),
                               .replaced = load(&d->replaced),
                               .errors = load(&d->errors),
                               .connects = load(&d->connects),
                               .contact = atomic_load_explicit(&d->contact, memory_order_relaxed)};
}

static int start(void *state)
{
    struct led_display *d = state;
    struct thread_options options = {.name = d->options.name, .core = -1, .policy = THREAD_NORMAL};
    int rc = thread_start(&d->thread, &options, run, d);
    d->started = rc == ERR_OK;
    return rc;
}

static void stop(void *state)
{
    struct led_display *d = state;
    if (d->started) {
        thread_stop(&d->thread);
        wake(d);
        thread_join(&d->thread);
        d->started = false;
    }
}

static struct thread *thread_of(void *state)
{
    struct led_display *d = state;
    return &d->thread;
}

static void destroy(void *state)
{
    struct led_display *d = state;
    if (!d) {
        return;
    }
    if (d->wake_fd >= 0) {
        close(d->wake_fd);
    }
    text_converter_close(&d->to_device);
    text_converter_close(&d->to_device_test);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static const struct display_driver driver = {.name = "led_display",
                                             .show = show,
                                             .stats = stats,
                                             .start = start,
                                             .stop = stop,
                                             .thread = thread_of,
                                             .destroy = destroy};

static int prepare(struct led_display *d, struct err_text *err)
{
    int rc = serial_settings_check(&d->options.port, err);
    if (rc == ERR_OK) {
        rc = led_profile_load(d->options.profile, &d->profile, err);
    }
    if (rc == ERR_OK) {
        rc = text_converter_open(&d->to_device, d->profile.encoding, TEXT_TO_DEVICE, err);
    }
    if (rc == ERR_OK) {
        rc = text_converter_open(&d->to_device_test, d->profile.encoding, TEXT_TO_DEVICE, err);
    }
    if (rc == ERR_OK && (d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
        rc = err_set(err, ERR_IO, "eventfd: %s", strerror(errno));
    }
    return rc;
}

int led_display_create(const struct led_display_options *options, const struct display_sink *sink,
                       struct display *out, struct err_text *err)
{
    struct led_display *d = calloc(1, sizeof(*d));
    if (!d) {
        return err_set(err, ERR_NO_MEMORY, "display of lane %u: out of memory", options->lane);
    }
    d->options = *options;
    d->sink = *sink;
    d->fd = d->wake_fd = -1;
    d->retry_ms = LED_DISPLAY_RETRY_FIRST_MS;
    d->steady_ms = STEADY_FIRST_MS;
    d->standing.message = DISPLAY_WELCOME;
    thread_lock_init(&d->lock);
    int rc = prepare(d, err);
    if (rc != ERR_OK) {
        destroy(d);
        return rc;
    }
    *out = (struct display){.driver = &driver, .state = d, .lane = options->lane};
    return ERR_OK;
}
