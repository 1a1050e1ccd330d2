/*
 * Thread "list": follows the wanted list and keeps what reads are matched against. It alone changes
 * struct in_force and the index behind it, while the others match.
 *
 * A batch is brought into the running index: first what it adds, then away with what it withdraws
 * or changed, then the new revision is published, and after a grace period the old entries' slots
 * and memory are free. A whole list (start, snapshot) and an index that is full or worn take a new
 * index, which is swapped in. So a read that carries revision r
 *   - was offered every entry of r that r itself or the batches being brought in next leave in
 *     force; for a changed one the old version or the new, never neither,
 *   - was offered no entry that r or an earlier revision withdrew,
 *   - may have been offered entries of the revision that comes into force at that moment.
 * After a swap it is exactly r's.
 *
 * Observe entries stay out: with and without one, everything that leaves this program is the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/app/matchd/matchd.h"
#include "gateway/base/log.h"
#include "gateway/base/rcu.h"

enum { LIST_POLL_MS = 200, LIST_FIRST_MS = 5, CLOCK_MS = 1000 };

/* ---- what is in force ---- */

struct in_force *matchd_next_in_force(const struct matchd *m)
{
    struct in_force *next = calloc(1, sizeof(*next));
    const struct in_force *now = m->in_force; /* this thread alone replaces it */
    if (next && now) {
        *next = *now;
    }
    return next;
}

void matchd_publish(struct matchd *m, struct in_force *next)
{
    struct in_force *old = rcu_publish(&m->in_force, next);
    atomic_fetch_add_explicit(&m->list_changes, 1, memory_order_release);
    rcu_wait();
    if (old && old->index != next->index) {
        match_index_destroy(old->index);
    }
    free(old);
}

static bool is_matched(const struct wanted_entry *entry)
{
    return entry->match.record.handling != HANDLING_OBSERVE;
}

static int build_index(const struct wanted_list *list, struct match_index **out,
                       struct err_text *err)
{
    const struct match_entry **rows = malloc((wanted_list_count(list) + 1) * sizeof(*rows));
    struct wanted_cursor cursor = {0};
    const struct wanted_entry *entry;
    size_t count = 0;
    if (!rows) {
        return err_set(err, ERR_NO_MEMORY, "index: no memory");
    }
    while ((entry = wanted_list_next(list, &cursor))) {
        if (is_matched(entry)) {
            rows[count++] = &entry->match;
        }
    }
    int result = match_index_create(rows, count, NULL, out, err);
    free(rows);
    return result;
}

static int list_changed(void *ctx, const struct wanted_list *list,
                        const struct wanted_changes *changes, const struct list_status *status)
{
    struct matchd *m = ctx;
    struct err_text err;
    struct in_force *next = matchd_next_in_force(m);
    if (!next) {
        return ERR_NO_MEMORY;
    }
    (void)changes;
    next->status = *status;
    int result = build_index(list, &next->index, &err);
    if (result != 0) {
        free(next);
        return result;
    }
    matchd_publish(m, next);
    atomic_fetch_add_explicit(&m->index_rebuilds, 1, memory_order_relaxed);
    return 0;
}

/* The same index under another status. */
static void status_changed(void *ctx, const struct list_status *status)
{
    struct matchd *m = ctx;
    struct in_force *next = matchd_next_in_force(m);
    if (!next) {
        return; /* said again with the next look */
    }
    next->status = *status;
    matchd_publish(m, next);
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
                                                  .list_changed = list_changed,
                                                  .status_changed = status_changed,
                                                  .alarm = matchd_alarm,
                                                  .ctx = m};
    snprintf(folder, sizeof(folder), "%s/last-good", m->config.state_dir);
    return wanted_reader_open(&options, &m->reader, err);
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
            clock_due = mono_add_ms(now, CLOCK_MS);
        }
        if (m->reader) {
            matchd_clock_signed(m, wanted_reader_list(m->reader));
        }
        int result = m->reader ? wanted_reader_poll(m->reader, LIST_POLL_MS) : open_reader(m, &err);
        const char *why = m->reader ? err_name(result) : err.text;
        if (m->reader) {
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
    struct in_force *in_force = m->in_force;
    if (in_force) {
        match_index_destroy(in_force->index);
    }
    free(in_force);
    wanted_reader_close(m->reader);
}
