/*
 * Thread "journal": facts become records, up to JOURNAL_GROUP_MAX in one commit. While the journal
 * cannot commit, protective records use its reserve, releasing ones are answered "not committed",
 * routine ones are counted and the gap goes on record as soon as one can be written again.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/app/service.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"

enum {
    POP_WAIT_MS = 200,
    RETAIN_MS = 60 * 1000,
    RETAIN_FAILURES_TOLD = 10,
    TRY_AGAIN_MS = 1000,       /* only a record shows that a failure is over */
    LOOK_S = 1,                /* who waits in time looks so often whether the disk hangs */
    HANGS_MS = 3000,           /* a turn that takes longer waits for the disk */
    SILENT_MAX_MS = 10 * 60000 /* the lanes go on without a journal: no reason to end the program */
};

/* Heap: of who waits and of the journal thread; freed by the one that comes last. */
struct record_waiter {
    pthread_mutex_t lock;
    pthread_cond_t done_signal;
    bool done;
    bool left;   /* nobody waits any more */
    bool follow; /* then what was recorded all the same is followed by its name with _failed */
    int result;
};

static struct record_waiter *make_waiter(bool follow)
{
    pthread_condattr_t attr;
    struct record_waiter *waiter = calloc(1, sizeof(*waiter));
    if (waiter) {
        waiter->follow = follow;
        thread_lock_init(&waiter->lock);
        /* None of these fails on Linux. */
        (void)pthread_condattr_init(&attr);
        (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        (void)pthread_cond_init(&waiter->done_signal, &attr);
        (void)pthread_condattr_destroy(&attr);
    }
    return waiter;
}

static void free_waiter(struct record_waiter *waiter)
{
    pthread_cond_destroy(&waiter->done_signal);
    pthread_mutex_destroy(&waiter->lock);
    free(waiter);
}

/* On record although it was refused as too late. */
static void follow_up(struct checkpointd *c, const struct fact *fact)
{
    static struct fact undone; /* the journal thread's own, large */
    undone = *fact;
    size_t size = strlen(undone.u.act.act);
    (void)snprintf(undone.u.act.act + size, sizeof(undone.u.act.act) - size, "_failed"); /* fits */
    int lost = recorder_push(c, &undone);
    (void)lost; /* counted there */
}

static void wake_waiter(struct checkpointd *c, const struct job *job, int result)
{
    struct record_waiter *waiter = job->waiter;
    pthread_mutex_lock(&waiter->lock);
    bool left = waiter->left;
    bool follow = left && waiter->follow && result == 0;
    waiter->done = true;
    waiter->result = result;
    pthread_cond_signal(&waiter->done_signal);
    pthread_mutex_unlock(&waiter->lock);
    if (follow) {
        follow_up(c, &job->fact);
    }
    if (left) {
        free_waiter(waiter);
    }
}

/* ---- what became of a job ---- */

static void tell_commits(struct checkpointd *c, bool commits)
{
    if (c->recorder.commits == commits) {
        return;
    }
    c->recorder.commits = commits;
    atomic_store_explicit(&c->recorder.healthy, commits, memory_order_relaxed);
    lane_post(c, &(struct pipeline_event){.kind = PIPELINE_JOURNAL, .u.journal_commits = commits});
}

static bool somebody_waits(const struct job *job)
{
    return job->waiter || job->tell;
}

static void settle(struct checkpointd *c, const struct job *job, int result, uint64_t sequence)
{
    struct recorder *r = &c->recorder;
    raise_all_settled(c, &job->fact, result == 0);
    if (job->waiter) {
        wake_waiter(c, job, result);
    }
    if (job->tell) {
        job->tell(c, &job->fact, job->ticket, result);
    }
    if (job->fact.commit != 0) {
        struct pipeline_event event = {.kind = PIPELINE_COMMIT};
        event.u.commit.lane = job->fact.lane;
        event.u.commit.commit = job->fact.commit;
        event.u.commit.done = result == 0;
        event.u.commit.sequence = sequence;
        lane_post(c, &event);
    } else if (job->kind == JOB_GAP) {
        r->gap_written = result == 0;
    } else if (result != 0 && !somebody_waits(job)) {
        if (r->lost++ == 0) {
            r->lost_first = job->fact.wall;
        }
        r->lost_last = job->fact.wall;
        atomic_fetch_add_explicit(&r->lost_total, 1, memory_order_relaxed);
    }
    if (result == 0) {
        atomic_store_explicit(&r->recorded, sequence, memory_order_relaxed);
        records_wake(c->records, job->fact.urgent ? sequence : 0);
    }
}

/* ---- a group ---- */

/* The records of a group: a job's own, and before it the answer that some make with it. */
struct bodies {
    struct journal_entry entries[JOURNAL_GROUP_MAX];
    char actors[JOURNAL_GROUP_MAX][FACT_NAME_SIZE + 16];
    char *texts[JOURNAL_GROUP_MAX];
    size_t count;
    size_t last[JOURNAL_GROUP_MAX]; /* by job: which is its own */
};

enum { RECORDS_OF_JOB_MAX = 2 };

static size_t records_of(const struct job *job)
{
    return job->fact.kind == FACT_HANDLING && job->fact.u.handling.answers ? RECORDS_OF_JOB_MAX : 1;
}

/* Steals `object`. */
static int fill_entry(const struct job *job, enum journal_kind kind, json_t *object,
                      struct bodies *b)
{
    size_t i = b->count++;
    int result =
        object ? json_canonical(object, &b->texts[i], &b->entries[i].body_size) : ERR_NO_MEMORY;
    json_decref(object);
    if (result != 0) {
        return result;
    }
    fact_actor_text(&job->fact, b->actors[i]);
    b->entries[i].kind = kind;
    b->entries[i].actor = b->actors[i];
    b->entries[i].body = b->texts[i];
    b->entries[i].wall = job->fact.wall;
    b->entries[i].mono = job->fact.mono;
    b->entries[i].essential = job->fact.class == LANE_CLASS_PROTECTIVE;
    return 0;
}

static int fill_job(const struct job *job, struct bodies *b, size_t index)
{
    int result = 0;
    if (records_of(job) > 1) {
        result = fill_entry(job, JOURNAL_HIT_ANSWER, fact_answer_body(&job->fact), b);
    }
    b->last[index] = b->count;
    int own =
        fill_entry(job, journal_kind_parse(fact_record_kind(&job->fact)), fact_body(&job->fact), b);
    return result == 0 ? own : result;
}

/* Job by job: what can be written is, the rest is settled as not written. */
static void append_singly(struct checkpointd *c, struct bodies *b, size_t count)
{
    struct err_text err;
    for (size_t i = 0; i < count; i++) {
        size_t records = records_of(&c->recorder.group[i]);
        size_t first = b->last[i] + 1 - records;
        uint64_t sequence = 0;
        bool whole = b->texts[first] && b->texts[b->last[i]];
        int result = whole ? journal_append(c->recorder.journal, &b->entries[first], records,
                                            &sequence, &err)
                           : ERR_NO_MEMORY;
        settle(c, &c->recorder.group[i], result, sequence + records - 1);
    }
}

/* Another program has the file: those somebody waits for are refused, the others stay for the next
 * try. Returns how many, at the front of the group. */
static size_t keep_group(struct checkpointd *c, size_t count)
{
    struct job *group = c->recorder.group;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (somebody_waits(&group[i]) || group[i].fact.commit != 0) {
            settle(c, &group[i], ERR_BUSY, 0);
        } else if (i == kept++) {
            continue;
        } else {
            group[kept - 1] = group[i];
        }
    }
    return kept;
}

/* Returns how many wait at the front of the group for the next try. */
static size_t append_group(struct checkpointd *c, size_t count)
{
    static struct bodies b; /* the journal thread's own */
    struct err_text err;
    uint64_t sequence = 0;
    size_t kept = 0;
    int result = 0;
    memset(&b, 0, sizeof(b));
    for (size_t i = 0; i < count; i++) { /* all: one that fails must not take others with it */
        int filled = fill_job(&c->recorder.group[i], &b, i);
        result = result == 0 ? filled : result;
    }
    if (result == 0) {
        result = journal_append(c->recorder.journal, b.entries, b.count, &sequence, &err);
    }
    if (result == 0) {
        for (size_t i = 0; i < count; i++) {
            settle(c, &c->recorder.group[i], 0, sequence + b.last[i]);
        }
    } else if (result == ERR_BUSY) {
        kept = keep_group(c, count);
    } else {
        append_singly(c, &b, count);
    }
    for (size_t i = 0; i < b.count; i++) {
        free(b.texts[i]);
    }
    tell_commits(c, kept == 0 && journal_healthy(c->recorder.journal));
    return kept;
}

/* ---- the gap ---- */

static void record_gap(struct checkpointd *c)
{
    struct recorder *r = &c->recorder;
    struct job *job = &r->group[0];
    uint64_t lost = r->lost;
    struct wall_time first = r->lost_first;
    struct wall_time last = r->lost_last;
    char from[WALL_TEXT_SIZE];
    char to[WALL_TEXT_SIZE];
    wall_format(first, from);
    wall_format(last, to);
    memset(job, 0, sizeof(*job));
    job->kind = JOB_GAP;
    job->fact.kind = FACT_ALARM;
    job->fact.wall = lost > 0 ? last : clock_wall(&clock_system);
    job->fact.mono = clock_mono(&clock_system);
    job->fact.u.alarm.event = EVENT_LANE_JOURNAL_DOWN;
    if (lost > 0) {
        snprintf(job->fact.u.alarm.detail, sizeof(job->fact.u.alarm.detail),
                 "%llu records were not written between %s and %s", (unsigned long long)lost, from,
                 to);
    } else {
        snprintf(job->fact.u.alarm.detail, sizeof(job->fact.u.alarm.detail),
                 "the journal could not be written; whoever waited for a record was refused");
    }
    r->gap_written = false;
    if (append_group(c, 1) == 0 && r->gap_written) { /* else said when it can be */
        r->lost = 0;
    }
}

/* A failure that nothing else is written after is not over until somebody tries: on a quiet lane
 * that would be the next vehicle, for which the lane then does not open. */
static bool time_to_try(struct recorder *r)
{
    struct mono_time now = clock_mono(&clock_system);
    if (!journal_failed(r->journal) || mono_before(now, r->try_due)) {
        return false;
    }
    r->try_due = mono_add_ms(now, TRY_AGAIN_MS);
    return true;
}

/* ---- receipts ---- */

static void confirm(struct checkpointd *c, const struct receipt_job *receipt)
{
    struct err_text err = {{0}};
    int result =
        journal_confirm(c->recorder.journal, &receipt->head, receipt->text, receipt->size, &err);
    atomic_store_explicit(&c->recorder.confirmed, journal_confirmed(c->recorder.journal),
                          memory_order_relaxed);
    records_confirmed(c->records, receipt->client, receipt->head.sequence, result, &err);
    free(receipt->text);
}

/* ---- thread ---- */

/* Takes what waits behind those kept, up to a group; a receipt is done on the way. Returns the
 * number of facts. */
static size_t take_jobs(struct checkpointd *c, size_t kept)
{
    struct recorder *r = &c->recorder;
    size_t count = kept;
    size_t records = kept; /* nobody waits for what is kept: one record each */
    int wait_ms = kept == 0 ? POP_WAIT_MS : 0;
    while (records + RECORDS_OF_JOB_MAX <= JOURNAL_GROUP_MAX &&
           queue_pop(r->jobs, &r->group[count], wait_ms) == 0) {
        wait_ms = 0;
        if (r->group[count].kind == JOB_RECEIPT) {
            confirm(c, &r->group[count].receipt);
        } else {
            records += records_of(&r->group[count]);
            count++;
        }
    }
    return count;
}

static bool is_awaited(const void *item)
{
    const struct job *job = item;
    return job->kind == JOB_RECEIPT || somebody_waits(job) || job->fact.commit != 0;
}

/* With a whole group kept there is no room for more, and whoever waits behind it is answered all
 * the same; what nobody waits for stays in the queue, in its order. */
static void refuse_awaited(struct checkpointd *c)
{
    static struct job job; /* the journal thread's own, large */
    while (queue_take_if(c->recorder.jobs, &job, is_awaited) == 0) {
        if (job.kind == JOB_RECEIPT) {
            confirm(c, &job.receipt);
        } else {
            settle(c, &job, ERR_BUSY, 0);
        }
    }
}

/* What found the queue full is part of the gap. */
static void count_turned_away(struct recorder *r)
{
    uint64_t count = atomic_exchange_explicit(&r->turned_away, 0, memory_order_relaxed);
    if (count == 0) {
        return;
    }
    r->lost_last = clock_wall(&clock_system);
    r->lost_first = r->lost == 0 ? r->lost_last : r->lost_first;
    r->lost += count;
}

/* Not while the group holds what is to be tried again. */
static void maintain(struct checkpointd *c)
{
    struct err_text err;
    count_turned_away(&c->recorder);
    int result = journal_maintain(c->recorder.journal, &err);
    tell_commits(c, result == 0 && journal_healthy(c->recorder.journal));
    if ((c->recorder.lost > 0 && c->recorder.commits) || time_to_try(&c->recorder)) {
        record_gap(c);
    }
}

/* Bodies past their term, a few at a time while nothing else waits; never by a clock that is not
 * trusted, which could throw everything away at once, nor before what stands is on record anew. */
static void retain(struct checkpointd *c)
{
    struct recorder *r = &c->recorder;
    struct mono_time now = clock_mono(&clock_system);
    struct wall_time wall = clock_wall(&clock_system);
    struct journal_retention retention;
    struct err_text err;
    size_t looked = 0;
    wall.ms -= atomic_load_explicit(&c->clock_offset_ms, memory_order_relaxed);
    if (!retention_look(c, wall, &retention) || mono_before(now, r->retain_due) ||
        !atomic_load_explicit(&c->clock_trusted, memory_order_relaxed) ||
        !atomic_load_explicit(&c->standing_said, memory_order_acquire)) {
        return;
    }
    int result = journal_retain(r->journal, &retention, wall, &looked, &err);
    r->retain_due = looked == JOURNAL_RETAIN_MAX ? now : mono_add_ms(now, RETAIN_MS);
    r->retain_failures = result == 0 ? 0 : r->retain_failures + 1;
    if (r->retain_failures == RETAIN_FAILURES_TOLD) {
        log_event(EVENT_RETENTION_BEHIND, "detail=\"%s\"", err.text);
    }
}

static void recorder_run(struct thread *self, void *arg)
{
    struct checkpointd *c = arg;
    size_t kept = 0;
    for (;;) {
        bool stopping = thread_stopping(self); /* before the pop: what came before stop is taken */
        thread_silent_ms(self, SILENT_MAX_MS);
        atomic_store_explicit(&c->recorder.turn_ns, clock_mono(&clock_system).ns,
                              memory_order_relaxed);
        if (kept + RECORDS_OF_JOB_MAX > JOURNAL_GROUP_MAX) {
            refuse_awaited(c);
        }
        size_t count = take_jobs(c, kept);
        bool more = count > kept;
        kept = count > 0 ? append_group(c, count) : 0;
        if (kept == 0) {
            maintain(c);
        }
        if (count == 0 && !stopping) {
            retain(c);
        }
        if (stopping && !more) {
            return; /* what is still kept cannot be written: the file is another program's */
        }
    }
}

int recorder_start(struct checkpointd *c, struct journal *journal, struct err_text *err)
{
    struct recorder *r = &c->recorder;
    struct journal_head head;
    journal_head_read(journal, &head);
    hex_encode(head.chain, sizeof(head.chain), r->chain);
    r->journal = journal;
    r->commits = true;
    atomic_store(&r->healthy, true);
    atomic_store(&r->turn_ns, clock_mono(&clock_system).ns);
    atomic_store(&r->recorded, head.sequence);
    atomic_store(&r->confirmed, journal_confirmed(journal));
    r->jobs = queue_create(JOBS_MAX, sizeof(struct job));
    if (!r->jobs) {
        return err_set(err, ERR_NO_MEMORY, "journal queue: no memory");
    }
    return service_thread_start(&r->thread, "journal", 30, recorder_run, c, err);
}

void recorder_stop(struct checkpointd *c)
{
    struct recorder *r = &c->recorder;
    if (r->jobs)
        queue_stop(r->jobs); /* what is in it is done yet, what comes later is refused */
    thread_stop(&r->thread);
    thread_join(&r->thread);
    journal_close(r->journal);
    r->journal = NULL;
    retention_free(r->keeping.in_force);
    retention_free(atomic_exchange(&c->retention_next, NULL));
    r->keeping = (struct retention_keeping){.told = false};
}

/* ---- the other threads' side ---- */

static int push_job(struct checkpointd *c, const struct job *job)
{
    return queue_push(c->recorder.jobs, job);
}

int recorder_push(struct checkpointd *c, const struct fact *fact)
{
    bool routine = fact->class == LANE_CLASS_ROUTINE;
    int result = routine && queue_length(c->recorder.jobs) > JOBS_ROUTINE_MAX
                     ? ERR_FULL
                     : push_job(c, &(struct job){.kind = JOB_FACT, .fact = *fact});
    if (result != 0 && fact->commit == 0) { /* a releasing one is refused instead */
        atomic_fetch_add_explicit(&c->recorder.turned_away, 1, memory_order_relaxed);
        raise_all_settled(c, fact, false);
    }
    return result;
}

int recorder_record_and_tell(struct checkpointd *c, const struct fact *fact,
                             struct control_ticket ticket, recorder_tell tell)
{
    return push_job(c,
                    &(struct job){.kind = JOB_TELL, .fact = *fact, .tell = tell, .ticket = ticket});
}

bool recorder_hangs(const struct checkpointd *c, struct mono_time now)
{
    struct mono_time turn = {.ns =
                                 atomic_load_explicit(&c->recorder.turn_ns, memory_order_relaxed)};
    return mono_diff_ms(now, turn) > HANGS_MS;
}

/* Whether it is done; with `in_time` not when the thread hangs. Under the lock. */
static bool await(struct checkpointd *c, struct record_waiter *waiter, bool in_time)
{
    while (!waiter->done) {
        struct timespec until;
        if (in_time && recorder_hangs(c, clock_mono(&clock_system))) {
            return false;
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &until); /* is there on Linux */
        until.tv_sec += LOOK_S;
        (void)pthread_cond_timedwait(&waiter->done_signal, &waiter->lock,
                                     &until); /* over or not: looks again */
    }
    return true;
}

static int record_and_wait(struct checkpointd *c, const struct fact *fact, bool in_time,
                           bool follow)
{
    struct record_waiter *waiter = make_waiter(follow);
    int result = waiter
                     ? push_job(c, &(struct job){.kind = JOB_WAIT, .fact = *fact, .waiter = waiter})
                     : ERR_NO_MEMORY;
    if (result != 0) {
        if (waiter) {
            free_waiter(waiter);
        }
        return result;
    }
    pthread_mutex_lock(&waiter->lock);
    bool done = await(c, waiter, in_time);
    result = done ? waiter->result : ERR_TIMEOUT;
    waiter->left = true;
    pthread_mutex_unlock(&waiter->lock);
    if (done) {
        free_waiter(waiter);
    }
    return result;
}

int recorder_record_and_wait(struct checkpointd *c, const struct fact *fact)
{
    return record_and_wait(c, fact, false, false);
}

int recorder_record_in_time(struct checkpointd *c, const struct fact *fact, bool takes_effect)
{
    if (!recorder_hangs(c, clock_mono(&clock_system))) {
        return record_and_wait(c, fact, true, takes_effect);
    }
    int pushed = takes_effect ? 0 : recorder_push(c, fact);
    (void)pushed; /* lost, it is counted there */
    return ERR_TIMEOUT;
}

int recorder_receipt(struct checkpointd *c, const struct receipt_job *receipt)
{
    return push_job(c, &(struct job){.kind = JOB_RECEIPT, .receipt = *receipt});
}
