/*
 * A real redis-server under the product's own configuration, in a temp folder, with the store and
 * the reader signed on as their users, and `hand`: a connection that may do anything, for faults.
 */
#pragma once

#include "wanted_world.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "gateway/wanted/reader.h"
#include "gateway/wanted/store.h"

extern char **environ;

enum { EVENTS_FIRST = 300, EVENTS_COUNT = 32, WAIT_MS = 10000, MODEL_IDS = 1024 };
enum { FIXTURE_SIGNED_MAX_MS = 12 * 3600 * 1000 };

struct watcher {
    bool active[EVENTS_COUNT];
    int raised[EVENTS_COUNT];
    char detail[EVENTS_COUNT][256];
};

struct fixture {
    struct world *world;
    struct chain chain;
    char *folder;
    char roots[128];
    char socket[96];
    char secrets[2][96]; /* matchd, uplinkd */
    pid_t redis;
    redisContext *hand;
    struct wanted_store *store;
    struct wanted_reader *reader;
    struct watcher at_store;
    struct watcher at_reader;
    int lists;     /* list_changed calls */
    int wholes;    /* … of them asked for the whole */
    size_t loaded; /* parts of the last shelf or snapshot */
    int worked;    /* signs of life of the store */
    int refuse_lists;
    int refuse_changes;
    struct wanted_changes changes;               /* told last; numbers only */
    const struct wanted_entry *model[MODEL_IDS]; /* what was taken over, by id */
    struct list_status status;                   /* told last */
    int policies;                                /* policy_changed calls */
    uint64_t policy;                             /* version told last */
};

/* ---- time: the wall stands still, the monotonic clock may jump ---- */

static int64_t wall_now_ms = 0;
static int64_t mono_ahead_ms = 0;

static struct mono_time fake_mono(void *ctx)
{
    (void)ctx;
    return mono_add_ms(clock_mono(&clock_system), mono_ahead_ms);
}

static struct wall_time fake_wall(void *ctx)
{
    (void)ctx;
    return (struct wall_time){wall_now_ms};
}

static const struct clock_source fake_clock = {fake_mono, fake_wall, NULL};

/* ---- callbacks ---- */

static void watch(struct watcher *w, enum log_event_id event, bool active, const char *detail)
{
    int at = (int)event - EVENTS_FIRST;
    assert_in_range(at, 0, EVENTS_COUNT - 1);
    w->active[at] = active;
    w->raised[at] += active;
    (void)snprintf(w->detail[at], sizeof(w->detail[at]), "%.250s", detail);
}

static void store_alarm(void *ctx, enum log_event_id event, bool active, const char *detail)
{
    watch(&((struct fixture *)ctx)->at_store, event, active, detail);
}

static void reader_alarm(void *ctx, enum log_event_id event, bool active, const char *detail)
{
    watch(&((struct fixture *)ctx)->at_reader, event, active, detail);
}

/* Keeps ids and addresses of what it took over, as an index would, and checks every change by it.
 */
static void model_take(struct fixture *f, const struct wanted_list *list,
                       const struct wanted_changes *changes)
{
    struct wanted_cursor cursor = {0};
    for (size_t i = 0; i < changes->withdrawn_count; i++) {
        const struct wanted_entry *old = changes->withdrawn[i];
        assert_in_range(old->match.record.id, 0, MODEL_IDS - 1); /* readable still */
        assert_ptr_equal(f->model[old->match.record.id], old);
        f->model[old->match.record.id] = NULL;
    }
    for (size_t i = 0; i < changes->added_count; i++) {
        uint64_t id = changes->added[i]->match.record.id;
        assert_in_range(id, 0, MODEL_IDS - 1);
        assert_null(f->model[id]);
        f->model[id] = changes->added[i];
    }
    if (changes->whole) {
        const struct wanted_entry *entry;
        memset(f->model, 0, sizeof(f->model));
        while ((entry = wanted_list_next(list, &cursor))) {
            f->model[entry->match.record.id] = entry;
        }
    }
    for (uint64_t id = 0; id < MODEL_IDS; id++) {
        assert_ptr_equal(f->model[id], wanted_list_find(list, id));
    }
}

static int reader_list(void *ctx, const struct wanted_list *list,
                       const struct wanted_changes *changes, const struct list_status *status,
                       struct err_text *err)
{
    struct fixture *f = ctx;
    assert_int_equal(wanted_list_head(list)->revision, status->revision);
    assert_true(status->revision >= f->status.revision); /* never older */
    if (f->refuse_changes > 0 && !changes->whole) {
        f->refuse_changes--;
        return err_set(err, ERR_FULL, "no room for it");
    }
    if (f->refuse_lists > 0) {
        f->refuse_lists--;
        return err_set(err, ERR_NO_MEMORY, "no memory for it");
    }
    model_take(f, list, changes);
    f->lists++;
    f->wholes += changes->whole;
    f->changes = *changes;
    f->status = *status;
    return ERR_OK;
}

static int reader_policy(void *ctx, const struct match_policy *policy)
{
    struct fixture *f = ctx;
    assert_true(policy->version > f->policy); /* never older, never twice */
    f->policies++;
    f->policy = policy->version;
    return ERR_OK;
}

static void reader_loading(void *ctx, size_t done)
{
    ((struct fixture *)ctx)->loaded = done;
}

static void store_working(void *ctx, size_t done)
{
    (void)done;
    ((struct fixture *)ctx)->worked++;
}

static void reader_status(void *ctx, const struct list_status *status)
{
    ((struct fixture *)ctx)->status = *status;
}

/* ---- redis ---- */

static void run_shell(const char *script)
{
    pid_t pid;
    int status = -1;
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(script), NULL};
    assert_int_equal(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    free(argv[2]);
    assert_int_equal(status, 0);
}

/* The product's templates, with this test's paths and one user more. */
static void redis_configure(struct fixture *f)
{
    char script[1536];
    (void)snprintf(
        script, sizeof(script),
        "set -e; D=%s; systemd/config/make-redis-users"
        " systemd/config/redis-users.acl.in $D;"
        " echo 'user hand on nopass ~* &* +@all' >>$D/users.acl;"
        " sed -e \"s,^dir .*,dir $D,\" -e \"s,^unixsocket .*,unixsocket %s,\""
        " -e \"s,^aclfile .*,aclfile $D/users.acl,\" -e \"s,^logfile .*,logfile $D/log,\""
        " systemd/config/redis.conf >$D/redis.conf",
        f->folder, f->socket);
    run_shell(script);
    (void)snprintf(f->secrets[0], sizeof(f->secrets[0]), "%s/matchd.secret", f->folder);
    (void)snprintf(f->secrets[1], sizeof(f->secrets[1]), "%s/uplinkd.secret", f->folder);
}

static bool redis_answers(struct fixture *f)
{
    redisContext *c = redisConnectUnix(f->socket);
    redisReply *reply = c && !c->err ? redisCommand(c, "AUTH hand x") : NULL;
    bool up = reply && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    reply = up ? redisCommand(c, "PING") : NULL;
    up = reply && reply->type == REDIS_REPLY_STATUS; /* not LOADING */
    freeReplyObject(reply);
    if (up) {
        f->hand = c;
    } else if (c) {
        redisFree(c);
    }
    return up;
}

static int64_t now_ms(void)
{
    return clock_mono(&clock_system).ns / 1000000;
}

static void redis_start(struct fixture *f)
{
    char conf[96];
    (void)snprintf(conf, sizeof(conf), "%s/redis.conf", f->folder);
    char *argv[] = {(char[]){"redis-server"}, conf, NULL};
    assert_int_equal(posix_spawnp(&f->redis, "redis-server", NULL, NULL, argv, environ), 0);
    int64_t deadline = now_ms() + WAIT_MS;
    while (!redis_answers(f)) {
        assert_true(now_ms() < deadline);
        assert_int_equal(poll(NULL, 0, 5), 0);
    }
}

static void redis_kill(struct fixture *f)
{
    int status;
    redisFree(f->hand);
    f->hand = NULL;
    assert_int_equal(kill(f->redis, SIGKILL), 0);
    assert_int_equal(waitpid(f->redis, &status, 0), f->redis);
    f->redis = 0;
}

/* A command of the hand; it must not be refused. */
static redisReply *hand_reply(struct fixture *f, const char *form, ...)
{
    va_list args;
    va_start(args, form);
    redisReply *reply = redisvCommand(f->hand, form, args);
    va_end(args);
    assert_non_null(reply);
    if (reply->type == REDIS_REPLY_ERROR) {
        fail_msg("%s: %s", form, reply->str);
    }
    return reply;
}
#define hand(...) freeReplyObject(hand_reply(__VA_ARGS__))

/* ---- both sides ---- */

static UNUSED_OK void store_open(struct fixture *f)
{
    struct err_text err = {0};
    char folder[96];
    (void)snprintf(folder, sizeof(folder), "%s/store", f->folder);
    struct wanted_store_options options = {
        .folder = folder,
        .roots_folder = f->roots,
        .redis = {f->socket, "checkpoint-uplinkd", f->secrets[1]},
        .clock = &fake_clock,
        .alarm = store_alarm,
        .alarm_ctx = f,
        .working = store_working};
    ok(wanted_store_open(&options, &f->store, &err), &err);
}

static UNUSED_OK void reader_open(struct fixture *f)
{
    struct err_text err = {0};
    char folder[96];
    (void)snprintf(folder, sizeof(folder), "%s/last-good", f->folder);
    struct wanted_reader_options options = {
        .folder = folder,
        .roots_folder = f->roots,
        .redis = {f->socket, "checkpoint-matchd", f->secrets[0]},
        .clock = &fake_clock,
        .signed_max_ms = FIXTURE_SIGNED_MAX_MS,
        .list_changed = reader_list,
        .status_changed = reader_status,
        .policy_changed = reader_policy,
        .loading = reader_loading,
        .alarm = reader_alarm,
        .ctx = f};
    f->status = (struct list_status){0};
    f->lists = 0;
    f->wholes = 0;
    f->loaded = 0;
    memset(f->model, 0, sizeof(f->model));
    f->policies = 0;
    f->policy = 0;
    f->at_reader = (struct watcher){0};
    ok(wanted_reader_open(&options, &f->reader, &err), &err);
}

static UNUSED_OK void reader_reopen(struct fixture *f, bool forget)
{
    wanted_reader_close(f->reader);
    if (forget) {
        char script[128];
        (void)snprintf(script, sizeof(script), "rm -r %s/last-good", f->folder);
        run_shell(script);
    }
    reader_open(f);
}

static UNUSED_OK bool stands(const struct watcher *w, enum log_event_id event)
{
    return w->active[(int)event - EVENTS_FIRST];
}

static UNUSED_OK const char *detail_of(const struct watcher *w, enum log_event_id event)
{
    return w->detail[(int)event - EVENTS_FIRST];
}

static UNUSED_OK int times(const struct watcher *w, enum log_event_id event)
{
    return w->raised[(int)event - EVENTS_FIRST];
}

/* Polls the reader until `condition`; every wait has a deadline. */
#define until(f, condition)                                                                        \
    do {                                                                                           \
        int64_t until_deadline = now_ms() + WAIT_MS;                                               \
        while (!(condition)) {                                                                     \
            assert_int_equal(wanted_reader_poll((f)->reader, 20), 0);                              \
            if (now_ms() > until_deadline) {                                                       \
                fail_msg("not within %d ms: %s", WAIT_MS, #condition);                             \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static UNUSED_OK void store_take(struct fixture *f, struct step step)
{
    struct err_text err = {0};
    struct text t = chain_next(&f->chain, step);
    ok(wanted_store_add_batch(f->store, t.data, t.size, &err), &err);
    text_free(&t);
}

static UNUSED_OK void store_confirm(struct fixture *f)
{
    struct err_text err = {0};
    struct text t = statement_of(f->world, &f->chain.head, wall_now_ms, WORLD_FRESHNESS);
    ok(wanted_store_set_freshness(f->store, t.data, t.size, &err), &err);
    text_free(&t);
}

static UNUSED_OK void store_sync(struct fixture *f)
{
    struct err_text err = {0};
    ok(wanted_store_sync(f->store, &err), &err);
}

/* Redis, store with three entries confirmed as current, and a reader that has them. */
static UNUSED_OK struct fixture *fixture_open(void)
{
    struct err_text err = {0};
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    wall_now_ms = T0_MS;
    mono_ahead_ms = 0;
    f->world = world_create();
    f->chain.world = f->world;
    f->folder = folder_make();
    roots_write(f->world, f->folder, f->roots);
    (void)snprintf(f->socket, sizeof(f->socket), "%s/redis.sock", f->folder);
    redis_configure(f);
    redis_start(f);
    store_open(f);
    ok(wanted_store_set_keyset(f->store, f->world->keyset_text, f->world->keyset_size, &err), &err);
    for (uint64_t id = 1; id <= 3; id++) {
        store_take(f, (struct step){.add = id});
    }
    store_confirm(f);
    reader_open(f);
    until(f, f->status.revision == 3 && f->status.state == LIST_CURRENT);
    return f;
}

static UNUSED_OK void fixture_close(struct fixture *f)
{
    wanted_reader_close(f->reader);
    wanted_store_close(f->store);
    if (f->redis) {
        redis_kill(f);
    }
    folder_remove(f->folder);
    world_destroy(f->world);
    free(f);
}
