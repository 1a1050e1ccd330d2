/*
 * The reader's steps and what it tells its caller. Looking at Redis: reader_check.c.
 */
#include "gateway/wanted/reader.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/wanted/reader_state.h"

static void idle(int ms)
{
    if (ms > 0 && poll(NULL, 0, ms) < 0) {
        return; /* a signal: the caller comes back anyway */
    }
}

static bool same_status(const struct list_status *a, const struct list_status *b)
{
    return a->revision == b->revision && a->state == b->state &&
           a->current_until.ms == b->current_until.ms &&
           memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
}

/* Hands over a list that changed; a failure is tried again a second later. */
static void tell_list(struct wanted_reader *r, const struct list_status *now)
{
    struct mono_time mono = clock_mono(r->options.clock);
    if (alarms_active(&r->alarms, EVENT_WANTED_INDEX_FAILED) && mono_before(mono, r->index_at)) {
        return;
    }
    struct wanted_changes changes;
    struct err_text why = {{0}};
    wanted_list_changes(r->list, &changes);
    int result = r->options.list_changed(r->options.ctx, r->list, &changes, now, &why);
    if (result < 0 && !changes.whole) {
        changes = (struct wanted_changes){.whole = true};
        result = r->options.list_changed(r->options.ctx, r->list, &changes, now, &why);
    }
    alarms_set(&r->alarms, EVENT_WANTED_INDEX_FAILED, result < 0, why.text);
    r->owes_index = result < 0;
    r->index_at = mono_add_ms(mono, READER_CHECK_MS);
    if (result == ERR_OK) {
        wanted_list_settle(r->list);
        r->told = *now;
    }
}

static bool unsigned_for_long(const struct wanted_reader *r, const struct list_status *now,
                              struct wall_time wall)
{
    return r->options.signed_max_ms > 0 && now->revision > 0 &&
           wall.ms - now->signed_at.ms > r->options.signed_max_ms;
}

static void tell(struct wanted_reader *r)
{
    struct list_status now;
    struct wall_time wall = clock_wall(r->options.clock);
    reader_tell_policy(r); /* first: a list is indexed for it */
    wanted_list_status(r->list, wall, &now);
    if (r->owes_index || now.revision != r->told.revision) {
        tell_list(r, &now);
    } else if (!same_status(&now, &r->told)) {
        r->told = now;
        if (r->options.status_changed) {
            r->options.status_changed(r->options.ctx, &now);
        }
    }
    alarms_set(&r->alarms, EVENT_WANTED_NO_LIST, now.state == LIST_NONE, "");
    alarms_set(&r->alarms, EVENT_WANTED_STALE, now.state == LIST_STALE, "");
    alarms_set(&r->alarms, EVENT_WANTED_UNSIGNED, unsigned_for_long(r, &now, wall), "");
    alarms_set(&r->alarms, EVENT_WANTED_NO_KEYSET, wanted_list_keyset(r->list) == NULL, "");
}

static void shelf_step(void *ctx, size_t done)
{
    reader_step(ctx, done);
}

void reader_step(struct wanted_reader *r, size_t done)
{
    if (r->options.loading) {
        r->options.loading(r->options.ctx, done);
    }
}

static int open_parts(struct wanted_reader *r, struct err_text *err)
{
    struct root_keys roots;
    struct err_text why = {{0}};
    int result = wanted_roots_load(r->options.roots_folder, &roots, err);
    if (result == ERR_OK) {
        result = shelf_open(&r->shelf, r->options.folder, err);
    }
    if (result == ERR_OK) {
        result = link_init(&r->link, &r->options.redis, r->options.clock, err);
    }
    if (result == ERR_OK) {
        result = wanted_list_create(&roots, &r->list);
    }
    if (result < 0) {
        return result;
    }
    struct shelf_steps steps = {.step = shelf_step, .ctx = r};
    result = shelf_load(&r->shelf, r->list, clock_wall(r->options.clock), &steps, &why);
    if (result == ERR_NO_MEMORY || result == ERR_IO) {
        return err_set(err, result, "%s", why.text);
    }
    alarms_set(&r->alarms, EVENT_WANTED_FILE_DAMAGED, result < 0, why.text);
    reader_load_policy(r, &roots);
    return ERR_OK;
}

int wanted_reader_open(const struct wanted_reader_options *options, struct wanted_reader **out,
                       struct err_text *err)
{
    struct wanted_reader *r = calloc(1, sizeof(*r));
    if (!r) {
        return err_set(err, ERR_NO_MEMORY, "wanted reader: out of memory");
    }
    r->options = *options;
    r->alarms = (struct alarms){.report = options->alarm, .ctx = options->ctx};
    r->check_at = clock_mono(options->clock);
    int result = open_parts(r, err);
    if (result < 0) {
        wanted_reader_close(r);
        return err_prefix(err, result, "wanted reader");
    }
    r->cursor = wanted_list_head(r->list)->revision;
    tell(r);
    *out = r;
    return ERR_OK;
}

void wanted_reader_close(struct wanted_reader *reader)
{
    if (!reader) {
        return;
    }
    link_close(&reader->link);
    shelf_close(&reader->shelf);
    policy_fini(&reader->policy);
    wanted_list_destroy(reader->list);
    free(reader);
}

static int step(struct wanted_reader *r, int wait_ms, struct err_text *err)
{
    size_t count = 0;
    bool fresh = r->link.redis == NULL;
    int result = link_ensure(&r->link, err);
    if (result == ERR_OK && (fresh || !mono_before(clock_mono(r->options.clock), r->check_at))) {
        result = reader_check(r, err);
        r->check_at = mono_add_ms(clock_mono(r->options.clock), READER_CHECK_MS);
        tell(r);
        reader_flush(r);
    }
    if (result == ERR_OK) {
        result = reader_take_deltas(r, wait_ms, &count, err);
    }
    if (result == ERR_OK) {
        result = reader_glance(r, err);
    }
    return result;
}

int wanted_reader_poll(struct wanted_reader *reader, int timeout_ms)
{
    struct err_text why = {{0}};
    int wait_ms = timeout_ms < READER_LOOK_MS ? timeout_ms : READER_LOOK_MS;
    int result = step(reader, wait_ms, &why);
    if (result == ERR_CORRUPT) { /* a key of another type: answered at once, so not asked at once */
        alarms_raise(&reader->alarms, EVENT_WANTED_ALTERED, why.text);
        result = ERR_OK;
        idle(wait_ms);
    }
    alarms_link(&reader->alarms, result, why.text);
    tell(reader);
    reader_flush(reader);
    if (result < 0 && result != ERR_NO_MEMORY) {
        int retry_ms = link_wait_ms(&reader->link);
        idle(retry_ms > 0 && retry_ms < timeout_ms ? retry_ms : timeout_ms);
    }
    return result == ERR_NO_MEMORY ? result : ERR_OK;
}

void wanted_reader_status(const struct wanted_reader *reader, struct list_status *out)
{
    wanted_list_status(reader->list, clock_wall(reader->options.clock), out);
}

const struct wanted_list *wanted_reader_list(const struct wanted_reader *reader)
{
    return reader->list;
}
