/*
 * Thread "list": follows the wanted list and keeps what reads are matched against (in_force.h).
 */
#include <stdio.h>

#include "gateway/app/matchd/matchd.h"
#include "gateway/base/log.h"

enum {
    LIST_POLL_MS = 200,
    LIST_FIRST_MS = 5,
    CLOCK_MS = 1000,
    LOADING_MS = 2000, /* between two lines that say how far it is */
    INDEXED_A_MS = 200 /* entries, even by a slow machine under load */
};

/* ---- what the reader tells ---- */

static void note_changed(struct matchd *m)
{
    atomic_fetch_add_explicit(&m->list_changes, 1, memory_order_release);
}

/* No sign of life comes from inside an index that is being built. */
static void be_silent(struct matchd *m, const struct wanted_list *list)
{
    thread_silent_ms(&m->list_thread, (int)(wanted_list_count(list) / INDEXED_A_MS));
}

/* A change is counted whether it touches an entry that is matched or not: what is missing in the
 * count would show that there is an observe entry. */
static int list_changed(void *ctx, const struct wanted_list *list,
                        const struct wanted_changes *changes, const struct list_status *status,
                        struct err_text *err)
{
    struct matchd *m = ctx;
    struct mono_time begun = clock_mono(&clock_system);
    bool rebuilt = false;
    be_silent(m, list);
    int result = in_force_change(&m->in_force, list, changes, status,
                                 m->judging.status.look_alike_max, &rebuilt, err);
    thread_alive(&m->list_thread);
    if (result != 0) {
        return result;
    }
    note_changed(m);
    if (!changes->whole) {
        atomic_fetch_add_explicit(&m->index_updates, 1, memory_order_relaxed);
    }
    if (rebuilt) {
        const struct match_index *index = ((const struct in_force *)m->in_force)->index;
        atomic_fetch_add_explicit(&m->index_rebuilds, 1, memory_order_relaxed);
        log_event(EVENT_WANTED_INDEXED, "revision=%llu entries=%zu bytes=%zu took_ms=%lld",
                  (unsigned long long)status->revision, match_index_count(index),
                  match_index_bytes(index),
                  (long long)mono_diff_ms(clock_mono(&clock_system), begun));
    }
    return 0;
}

/* The same index under another status. */
static void status_changed(void *ctx, const struct list_status *status)
{
    struct matchd *m = ctx;
    struct in_force *next = in_force_next(&m->in_force);
    if (!next) {
        return; /* said again with the next look */
    }
    next->status = *status;
    in_force_publish(&m->in_force, next);
    note_changed(m);
}

/* A list of millions is loaded for longer than a thread may be silent. */
static void loading(void *ctx, size_t done)
{
    struct matchd *m = ctx;
    struct mono_time now = clock_mono(&clock_system);
    thread_alive(&m->list_thread);
    if (done <= 1) {
        m->loading_told = now;
    } else if (mono_diff_ms(now, m->loading_told) >= LOADING_MS) {
        m->loading_told = now;
        log_event(EVENT_WANTED_LOADING, "chunks_and_batches=%zu", done);
    }
}

/* ---- the thread ---- */

static struct wall_time trusted_wall(void *ctx)
{
    bool trusted;
    return matchd_time(ctx, clock_wall(&clock_system), &trusted);
}

static struct mono_time system_mono(void *ctx)
{
    (void)ctx;
    return clock_mono(&clock_system);
}

void matchd_wait_for_list(struct matchd *m, struct thread *self)
{
    while (!thread_stopping(self) && !atomic_load_explicit(&m->list_tried, memory_order_acquire)) {
        thread_alive(self);
        thread_wait_ms(self, LIST_FIRST_MS);
    }
}

static int open_reader(struct matchd *m, struct err_text *err)
{
    char folder[MATCHD_TEXT_SIZE + 16];
    const struct wanted_reader_options options = {.folder = folder,
                                                  .roots_folder = m->config.roots,
                                                  .redis = {.socket_path = m->config.redis_socket,
                                                            .user = m->config.redis_user,
                                                            .secret_path = m->config.redis_secret},
                                                  .clock = &m->clock,
                                                  .signed_max_ms = m->config.list_signed_max_ms,
                                                  .list_changed = list_changed,
                                                  .status_changed = status_changed,
                                                  .policy_changed = matchd_judge_policy,
                                                  .loading = loading,
                                                  .alarm = matchd_alarm,
                                                  .ctx = m};
    snprintf(folder, sizeof(folder), "%s/last-good", m->config.state_dir);
    return wanted_reader_open(&options, &m->reader, err);
}

/* The policy says how far apart a look-alike may be; an index that cannot be built for it stays as
 * it is and is tried again with the next look. */
static void look_alike_look(struct matchd *m)
{
    struct err_text err;
    const struct wanted_list *list = wanted_reader_list(m->reader);
    be_silent(m, list);
    int result = in_force_look_alike(&m->in_force, list, m->judging.status.look_alike_max, &err);
    thread_alive(&m->list_thread);
    if (result == ERR_BUSY) {
        return; /* the reader brings the change in, or raises the same alarm */
    }
    if (result != 0 || m->judging.index_failed) {
        m->judging.index_failed = result != 0;
        matchd_alarm(m, EVENT_WANTED_INDEX_FAILED, result != 0, result != 0 ? err.text : "");
    }
}

void matchd_list_run(struct thread *self, void *arg)
{
    struct matchd *m = arg;
    struct err_text err;
    struct mono_time clock_due = {0};
    m->clock = (struct clock_source){.mono = system_mono, .wall = trusted_wall, .ctx = m};
    while (!thread_stopping(self)) {
        struct mono_time now = clock_mono(&clock_system);
        thread_alive(self);
        if (!mono_before(now, clock_due)) {
            matchd_clock_look(m);
            matchd_judge_look(m, now);
            clock_due = mono_add_ms(now, CLOCK_MS);
        }
        if (m->reader) {
            matchd_clock_signed(m, wanted_reader_list(m->reader));
        }
        int result = m->reader ? wanted_reader_poll(m->reader, LIST_POLL_MS) : open_reader(m, &err);
        const char *why = m->reader ? err_name(result) : err.text;
        if (m->reader) {
            look_alike_look(m);
            matchd_watched_look(m, wanted_reader_list(m->reader));
        }
        atomic_store_explicit(&m->list_tried, true,
                              memory_order_release); /* matchd_wait_for_list */
        matchd_alarm(m, EVENT_WANTED_UNREADABLE, result != 0, result != 0 ? why : "");
        if (result != 0) {
            thread_wait_ms(self, CLOCK_MS);
        }
    }
}

void matchd_list_close(struct matchd *m)
{
    in_force_destroy(&m->in_force);
    wanted_reader_close(m->reader);
}
