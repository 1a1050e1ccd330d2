/* See passwords.h. */
#include "gateway/control/passwords.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/queue.h"

enum {
    JOBS_MAX = 16,
    POP_MS = 200,
    NAMES_UNKNOWN = 64, /* of nobody's account, the longest unused gives way */
    NAMES_TRACKED = OFFICERS_MAX + NAMES_UNKNOWN,
    FREE_TRIES = 3,   /* wrong passwords before the first wait */
    WAIT_FIRST_S = 1, /* doubled with each further one */
    WAIT_MAX_S = 60,
    REFUSALS_RECORDED = 10, /* of unknown names, in a minute one by one, more are counted */
    MINUTE_MS = 60 * 1000,
    RECORD_MAX_MS = 10 * MINUTE_MS /* what it records waits for the disk */
};

struct tries {
    char name[OFFICER_NAME_MAX + 1];
    int wrong;
    struct mono_time until; /* no try before */
    struct mono_time last;
};

struct passwords {
    struct passwords_options options;
    struct accounts *accounts; /* NULL: the file is unusable, tried again with each job */
    struct queue *jobs;        /* of struct password_job * */
    struct tries tries[NAMES_TRACKED];
    struct mono_time minute_ends; /* of the refusals on record */
    int refused;
    int refused_untold;
};

void password_job_free(struct password_job *job)
{
    if (!job)
        return;
    json_decref(job->args);
    explicit_bzero(job, sizeof *job);
    free(job);
}

/* ---- guessing ---- */

/* The name's row. Names without an account share a few rows, so that trying many of them neither
 * makes an officer's row go nor takes memory. */
static struct tries *tries_of(struct passwords *p, const char *name)
{
    bool known = accounts_find(p->accounts, name) != NULL;
    struct tries *unused = NULL;
    struct tries *oldest = NULL;
    int unknown = 0;
    for (int i = 0; i < NAMES_TRACKED; i++) {
        struct tries *row = &p->tries[i];
        if (strcmp(row->name, name) == 0)
            return row;
        if (row->name[0] == '\0') {
            unused = unused ? unused : row;
        } else if (!accounts_find(p->accounts, row->name)) {
            unknown++;
            if (!oldest || mono_before(row->last, oldest->last))
                oldest = row;
        }
    }
    /* There are never more rows of accounts than accounts, so one of the two is there. */
    struct tries *row = unused && (known || unknown < NAMES_UNKNOWN) ? unused : oldest;
    *row = (struct tries){0};
    memcpy(row->name, name, strlen(name) + 1);
    return row;
}

static void count_wrong(struct tries *tries, struct mono_time now)
{
    tries->wrong++;
    if (tries->wrong < FREE_TRIES)
        return;
    int64_t wait_s = WAIT_FIRST_S;
    for (int i = FREE_TRIES; i < tries->wrong && wait_s < WAIT_MAX_S; i++)
        wait_s *= 2;
    if (wait_s > WAIT_MAX_S)
        wait_s = WAIT_MAX_S;
    tries->until = mono_add_ms(now, wait_s * 1000);
}

static int check_password(struct passwords *p, struct password_job *job)
{
    struct tries *tries = tries_of(p, job->name);
    struct mono_time now = clock_mono(&clock_system);
    tries->last = now;
    if (mono_before(now, tries->until))
        return err_set(&job->err, ERR_BUSY, "too many wrong passwords: wait %lld s",
                       (long long)mono_diff_ms(tries->until, now) / 1000 + 1);
    int result = accounts_check(p->accounts, job->name, job->password, &job->role);
    if (result == 0) {
        *tries = (struct tries){0};
        return 0;
    }
    count_wrong(tries, now);
    return err_set(&job->err, result, "wrong name or password");
}

/* ---- jobs ---- */

static int record(struct passwords *p, struct password_job *job, const char *act)
{
    json_t *details = json_pack("{s:s}", "officer", job->name);
    if (job->kind == JOB_ADD && details)
        json_object_set_new(details, "role", json_string(officer_role_name(job->role)));
    int result =
        details ? p->options.record(p->options.ctx, &job->actor, act, details) : ERR_NO_MEMORY;
    json_decref(details);
    if (result != 0)
        return err_set(&job->err, result, "the journal cannot record the act (%s)",
                       err_name(result));
    return 0;
}

/* A wrong password goes on record; of names nobody has a few a minute, the others as a number.
 * Officers' own are kept few by their waits. */
static void record_refusal(struct passwords *p, struct password_job *job, const char *act)
{
    struct mono_time now = clock_mono(&clock_system);
    if (!mono_before(now, p->minute_ends)) {
        p->minute_ends = mono_add_ms(now, MINUTE_MS);
        p->refused = 0;
    }
    if (!accounts_find(p->accounts, job->name) && p->refused++ >= REFUSALS_RECORDED) {
        p->refused_untold++;
        return;
    }
    json_t *details =
        json_pack("{s:s,s:i}", "officer", job->name, "others_before", p->refused_untold);
    /* the refusal stands, recorded or not */
    if (details && p->options.record(p->options.ctx, &job->actor, act, details) == 0)
        p->refused_untold = 0;
    json_decref(details);
}

static int run_login(struct passwords *p, struct password_job *job)
{
    int result = check_password(p, job);
    if (result == ERR_DENIED)
        record_refusal(p, job, "login_refused");
    return result == 0 ? record(p, job, "login") : result;
}

static int run_second(struct passwords *p, struct password_job *job)
{
    if (strcmp(job->name, job->actor.officer) == 0)
        return err_set(&job->err, ERR_DENIED, "the second officer must be another person");
    int result = check_password(p, job);
    if (result == ERR_DENIED)
        record_refusal(p, job, "second_refused");
    return result;
}

/* Without a leader the admin group may make the first one, and nothing else. */
static int check_bootstrap(struct passwords *p, struct password_job *job)
{
    bool by_leader = job->actor.role == OFFICER_ROLE_LEADER;
    if (by_leader || accounts_has_leader(p->accounts) || job->role == OFFICER_ROLE_LEADER)
        return 0;
    return err_set(&job->err, ERR_DENIED,
                   "there is no leader yet: the first account must be a leader's");
}

/* An act that is on record and was not carried out after all is followed by one that says so. */
static int record_failed(struct passwords *p, struct password_job *job, const char *act, int result)
{
    struct err_text why = job->err;
    if (result != 0)
        (void)record(p, job, act); /* the refusal stands, recorded or not */
    job->err = why;
    return result;
}

static int run_add(struct passwords *p, struct password_job *job)
{
    bool bootstrap = !accounts_has_leader(p->accounts);
    int result = check_bootstrap(p, job);
    if (result == 0)
        result = record(p, job, bootstrap ? "officer_bootstrap" : "officer_add");
    if (result != 0)
        return result;
    result = accounts_add(p->accounts, job->name, job->role, job->password, &job->err);
    return record_failed(p, job, "officer_add_failed", result);
}

static int run_set_password(struct passwords *p, struct password_job *job)
{
    int result = record(p, job, "officer_passwd");
    if (result != 0)
        return result;
    result = accounts_set_password(p->accounts, job->name, job->password, &job->err);
    return record_failed(p, job, "officer_passwd_failed", result);
}

static int run_disable(struct passwords *p, struct password_job *job)
{
    int result = record(p, job, "officer_disable");
    if (result != 0)
        return result;
    result = accounts_disable(p->accounts, job->name, &job->err);
    return record_failed(p, job, "officer_disable_failed", result);
}

/* Who asks may have been disabled while the job waited. */
static int check_actor(const struct passwords *p, struct password_job *job)
{
    const struct officer *officer = accounts_find(p->accounts, job->actor.officer);
    if (job->actor.officer[0] == '\0' || (officer && !officer->disabled))
        return 0;
    return err_set(&job->err, ERR_DENIED, "the account '%s' is disabled", job->actor.officer);
}

/* Not 0: the file is unusable; nobody signs on, and nobody bootstraps over it. */
static int open_accounts(struct passwords *p, struct err_text *err)
{
    return p->accounts ? 0 : accounts_open(p->options.accounts_path, &p->accounts, err);
}

static int run_job(struct passwords *p, struct password_job *job)
{
    if (open_accounts(p, &job->err) != 0)
        return ERR_CORRUPT;
    int result = check_actor(p, job);
    if (result != 0)
        return result;
    switch (job->kind) {
    case JOB_LOGIN:
        return run_login(p, job);
    case JOB_SECOND:
        return run_second(p, job);
    case JOB_ADD:
        return run_add(p, job);
    case JOB_DISABLE:
        return run_disable(p, job);
    case JOB_SET_PASSWORD:
        return run_set_password(p, job);
    }
    return ERR_INVALID;
}

int passwords_create(const struct passwords_options *options, struct passwords **out,
                     struct err_text *err)
{
    struct passwords *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(err, ERR_NO_MEMORY, "accounts: no memory");
    p->options = *options;
    p->jobs = queue_create(JOBS_MAX, sizeof(struct password_job *));
    int result = p->jobs ? 0 : err_set(err, ERR_NO_MEMORY, "accounts: no memory");
    if (result == 0)
        result = open_accounts(p, err);
    if (result != 0 && result != ERR_NO_MEMORY) {
        log_event(EVENT_ACCOUNTS_UNUSABLE, "detail=\"%s\"", err->text);
        result = 0; /* lanes do not wait for officers' accounts */
    }
    if (result != 0) {
        passwords_destroy(p);
        return result;
    }
    *out = p;
    return 0;
}

void passwords_destroy(struct passwords *p)
{
    if (!p)
        return;
    struct password_job *job;
    while (p->jobs && queue_pop(p->jobs, &job, 0) == 0)
        password_job_free(job);
    queue_destroy(p->jobs);
    accounts_close(p->accounts);
    free(p);
}

void passwords_run(struct thread *self, void *arg)
{
    struct passwords *p = arg;
    while (!thread_stopping(self)) {
        struct password_job *job;
        thread_alive(self);
        if (queue_pop(p->jobs, &job, POP_MS) != 0)
            continue;
        thread_silent_ms(self, RECORD_MAX_MS);
        job->result = run_job(p, job);
        p->options.done(p->options.done_ctx, job);
    }
}

int passwords_submit(struct passwords *p, struct password_job *job)
{
    return queue_push(p->jobs, &job);
}
