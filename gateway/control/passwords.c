/* See passwords.h. */
#include "gateway/control/passwords.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/queue.h"
#include "gateway/control/guess_file.h"
#include "gateway/control/guess_keeper.h"

enum {
    JOBS_MAX = 16,
    POP_MS = 200,
    MS_PER_S = 1000,
    REFUSALS_RECORDED = 10, /* of unknown names, in a minute one by one, more are counted */
    MINUTE_MS = 60 * MS_PER_S,
    KEEP_WAIT_MS = 2 * MS_PER_S,
    RECORD_MAX_MS = 10 * MINUTE_MS /* what it records waits for the disk */
};

struct passwords {
    struct passwords_options options;
    struct accounts *accounts; /* NULL: the file is unusable, tried again with each job */
    struct queue *jobs;        /* of struct password_job * */
    struct tablets tablets;
    bool tablets_usable;
    struct guesses guesses;
    struct guess_keeper *keeper; /* NULL: in memory only */
    bool guesses_unkept;
    struct mono_time minute_ends; /* of the refusals on record */
    int refused;
    int refused_untold;
};

void password_job_free(struct password_job *job)
{
    if (!job)
        return;
    json_decref(job->args);
    free(job->paired);
    explicit_bzero(job, sizeof *job);
    free(job);
}

/* ---- guessing ---- */

/* For the log: what others typed into a name or an origin begins no line of its own there. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f || *text == '"')
            *text = '_';
}

/* Where a password was typed. Without tablets a console says which address it serves: one that
 * guesses must not lock the others out. */
static void place_of(const struct control_actor *actor, char out[GUESS_PLACE_SIZE])
{
    if (actor->tablet[0] != '\0')
        snprintf(out, GUESS_PLACE_SIZE, "tablet:%s", actor->tablet);
    else if (actor->console)
        snprintf(out, GUESS_PLACE_SIZE, "console:%s", actor->origin);
    else
        snprintf(out, GUESS_PLACE_SIZE, "uid:%lld", (long long)actor->peer.uid);
    make_printable(out);
}

static const char *scope_name(enum guess_scope scope)
{
    switch (scope) {
    case GUESS_AT_PLACE:
        return "officer_here";
    case GUESS_PIN:
        return "pin_here";
    case GUESS_OF_PLACE:
        return "place";
    case GUESS_OF_NAME:
        return "officer";
    }
    return "";
}

/* The refusal with the time that is left, in both languages. */
static int refuse_wait(struct password_job *job, const struct guess_wait *wait)
{
    static const char *const locked_en[] = {
        [GUESS_AT_PLACE] = "too many wrong passwords: this officer is locked here, wait",
        [GUESS_PIN] = "too many wrong PINs: locked here, wait",
        [GUESS_OF_PLACE] = "too many wrong passwords: nobody can sign on here, wait",
        [GUESS_OF_NAME] = "too many wrong passwords: this officer is locked, wait"};
    static const char *const locked_zh[] = {
        [GUESS_AT_PLACE] = "密码错误次数过多：该警员在此处已锁定，剩余",
        [GUESS_PIN] = "密码错误次数过多：已在此处锁定，剩余",
        [GUESS_OF_PLACE] = "密码错误次数过多：此处暂停登录，剩余",
        [GUESS_OF_NAME] = "密码错误次数过多：该警员已锁定，剩余"};
    long long left_s = (long long)(wait->wait_ms + MS_PER_S - 1) / MS_PER_S;
    job->wait = *wait;
    if (!wait->locked) {
        (void)err_set(&job->zh, 0, "密码错误次数过多，请 %lld 秒后再试", left_s);
        return err_set(&job->err, ERR_BUSY, "too many wrong passwords: wait %lld s", left_s);
    }
    (void)err_set(&job->zh, 0, "%s %lld 分 %lld 秒", locked_zh[wait->scope], left_s / 60,
                  left_s % 60);
    return err_set(&job->err, ERR_BUSY, "%s %lld min %lld s", locked_en[wait->scope], left_s / 60,
                   left_s % 60);
}

/* A lock goes on record as soon as it is there. */
static void tell_locked(struct passwords *p, const struct password_job *job,
                        const struct guess *guess, const struct guess_wait *lock)
{
    json_t *details =
        json_pack("{s:s,s:s,s:s,s:i}", "officer", guess->name, "scope", scope_name(lock->scope),
                  "place", guess->place, "for_s", (int)(lock->wait_ms / MS_PER_S));
    log_event(EVENT_SIGN_ON_LOCKED, "officer=%s scope=%s place=\"%s\" for_s=%lld",
              guess->known ? guess->name : "unknown", scope_name(lock->scope), guess->place,
              (long long)(lock->wait_ms / MS_PER_S));
    if (details)
        (void)p->options.record(p->options.ctx, &job->actor, "sign_on_locked",
                                details); /* the lock stands, recorded or not */
    json_decref(details);
}

/* The password of `name`, or the actor's own PIN, with the waits of whoever guesses. */
static int check_secret(struct passwords *p, struct password_job *job, const char *name,
                        const char *secret, bool pin, enum officer_role *out_role)
{
    char place[GUESS_PLACE_SIZE];
    struct guess_wait wait;
    place_of(&job->actor, place);
    struct guess guess = {name, accounts_find(p->accounts, name) != NULL, place, pin};
    guesses_look(&p->guesses, &guess, clock_mono(&clock_system), &wait);
    if (wait.wait_ms > 0)
        return refuse_wait(job, &wait);
    int result = accounts_check(p->accounts, name, secret, out_role);
    if (result == 0) {
        guesses_right(&p->guesses, &guess);
        return 0;
    }
    guesses_wrong(&p->guesses, &guess, clock_mono(&clock_system), &wait);
    if (wait.wait_ms > 0)
        tell_locked(p, job, &guess, &wait);
    return err_set(&job->err, result, pin ? "wrong PIN" : "wrong name or password");
}

/* Counts that change, before anybody hears what came of a try: who then takes the power away has
 * had it. `recorded`: what became of the record of it, from which it is known when the disk hangs;
 * nobody waits behind that, and the answer goes out with what is kept later. */
static void keep_guesses(struct passwords *p, int recorded)
{
    struct err_text err;
    if (!p->keeper || !p->guesses.changed)
        return;
    p->guesses.changed = false;
    int result =
        guess_keeper_save(p->keeper, &p->guesses, recorded == ERR_TIMEOUT ? 0 : KEEP_WAIT_MS, &err);
    if (result != 0 && !p->guesses_unkept)
        log_event(EVENT_GUESSES_UNKEPT, "detail=\"%s\"", err.text);
    p->guesses_unkept = result != 0;
}

/* ---- jobs ---- */

/* What the journal keeps of the job beside who asked. */
static json_t *details_of(const struct password_job *job)
{
    json_t *details = NULL;
    if (job->kind == JOB_TABLET_ADD) {
        details = tablets_row_json(&job->tablet);
    } else if (job->kind == JOB_TABLET_REVOKE) {
        details = json_pack("{s:s}", "name", job->tablet.name);
    } else {
        details = json_pack("{s:s}", "officer", job->name);
    }
    if (job->kind == JOB_ADD && details) {
        json_object_set_new(details, "role", json_string(officer_role_name(job->role)));
        json_object_set_new(details, "name", json_string(job->title));
    }
    return details;
}

static int record(struct passwords *p, struct password_job *job, const char *act)
{
    json_t *details = details_of(job);
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
static void record_refusal(struct passwords *p, struct password_job *job, const char *name,
                           const char *act)
{
    struct mono_time now = clock_mono(&clock_system);
    if (!mono_before(now, p->minute_ends)) {
        p->minute_ends = mono_add_ms(now, MINUTE_MS);
        p->refused = 0;
    }
    if (!accounts_find(p->accounts, name) && p->refused++ >= REFUSALS_RECORDED) {
        p->refused_untold++;
        return;
    }
    json_t *details = json_pack("{s:s,s:i}", "officer", name, "others_before", p->refused_untold);
    int result =
        details ? p->options.record(p->options.ctx, &job->actor, act, details) : ERR_NO_MEMORY;
    json_decref(details);
    if (result == 0)
        p->refused_untold = 0; /* else the refusal stands all the same */
    keep_guesses(p, result);
}

static int run_login(struct passwords *p, struct password_job *job)
{
    int result = check_secret(p, job, job->name, job->password, false, &job->role);
    if (result == ERR_DENIED)
        record_refusal(p, job, job->name, "login_refused");
    if (result != 0)
        return result;
    err_copy(accounts_find(p->accounts, job->name)->title, job->title, sizeof job->title);
    result = record(p, job, "login");
    keep_guesses(p, result);
    return result;
}

static int check_pin(struct passwords *p, struct password_job *job)
{
    enum officer_role role;
    int result = check_secret(p, job, job->actor.officer, job->pin, true, &role);
    if (result == ERR_DENIED) {
        record_refusal(p, job, job->actor.officer, "pin_refused");
        (void)err_set(&job->zh, 0, "本人密码错误");
    }
    if (result != 0)
        job->code = "pin";
    return result;
}

/* A second person answers for what is done: an officer or a leader. */
static int check_second(struct passwords *p, struct password_job *job)
{
    if (strcmp(job->name, job->actor.officer) == 0)
        return err_set(&job->err, ERR_DENIED, "the second officer must be another person");
    int result = check_secret(p, job, job->name, job->password, false, &job->actor.second_role);
    if (result == ERR_DENIED)
        record_refusal(p, job, job->name, "second_refused");
    if (result != 0)
        return result;
    if (job->actor.second_role != OFFICER_ROLE_OFFICER &&
        job->actor.second_role != OFFICER_ROLE_LEADER)
        return err_set(&job->err, ERR_DENIED, "the second officer must be an officer or a leader");
    memcpy(job->actor.second, job->name, sizeof job->actor.second);
    return 0;
}

static int run_act(struct passwords *p, struct password_job *job)
{
    int result = job->with_pin ? check_pin(p, job) : 0;
    return result == 0 && job->name[0] != '\0' ? check_second(p, job) : result;
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
    result = accounts_add(p->accounts, job->name, job->title, job->role, job->password, &job->err);
    if (result == 0)
        p->options.named(p->options.done_ctx, accounts_find(p->accounts, job->name));
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

/* ---- tablets ---- */

static void name_actor(const struct control_actor *actor, char out[TABLET_BY_SIZE])
{
    if (actor->officer[0] != '\0')
        snprintf(out, TABLET_BY_SIZE, "%s", actor->officer);
    else
        snprintf(out, TABLET_BY_SIZE, "uid:%lld", (long long)actor->peer.uid);
}

/* Gives the control thread what counts now. */
static int hand_over(struct passwords *p, struct password_job *job)
{
    job->paired = malloc(sizeof *job->paired);
    if (!job->paired)
        return err_set(&job->err, ERR_NO_MEMORY, "no memory: restart checkpointd");
    *job->paired = p->tablets;
    return 0;
}

/* Not 0: the file is unusable, no tablet counts and none is paired over it. */
static int open_tablets(struct passwords *p, struct err_text *err)
{
    if (!p->options.tablets_path)
        return err_set(err, ERR_UNSUPPORTED, "no tablets here");
    if (p->tablets_usable)
        return 0;
    int result = tablets_load(p->options.tablets_path, &p->tablets, err);
    p->tablets_usable = result == 0;
    return result;
}

static int run_tablet_add(struct passwords *p, struct password_job *job)
{
    int result = open_tablets(p, &job->err);
    job->tablet.paired_at = clock_wall(&clock_system);
    name_actor(&job->actor, job->tablet.paired_by);
    if (result == 0)
        result = record(p, job, "tablet_add");
    if (result != 0)
        return result;
    result = tablets_add(&p->tablets, p->options.tablets_path, &job->tablet, &job->err);
    result = record_failed(p, job, "tablet_add_failed", result);
    return result == 0 ? hand_over(p, job) : result;
}

static int run_tablet_revoke(struct passwords *p, struct password_job *job)
{
    char by[TABLET_BY_SIZE];
    int result = open_tablets(p, &job->err);
    name_actor(&job->actor, by);
    if (result == 0)
        result = record(p, job, "tablet_revoke");
    if (result != 0)
        return result;
    result = tablets_revoke(&p->tablets, p->options.tablets_path, job->tablet.name,
                            clock_wall(&clock_system), by, &job->err);
    result = record_failed(p, job, "tablet_revoke_failed", result);
    return result == 0 ? hand_over(p, job) : result;
}

/* ---- life ---- */

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
    if (p->accounts)
        return 0;
    int result = accounts_open(p->options.accounts_path, &p->accounts, err);
    for (int i = 0; result == 0 && accounts_at(p->accounts, i); i++)
        p->options.named(p->options.done_ctx, accounts_at(p->accounts, i));
    return result;
}

static int run_job(struct passwords *p, struct password_job *job)
{
    bool of_tablets = job->kind == JOB_TABLET_ADD || job->kind == JOB_TABLET_REVOKE;
    bool without = of_tablets && job->actor.officer[0] == '\0';
    /* A lost tablet is revoked whatever has become of the accounts. */
    if (!without && open_accounts(p, &job->err) != 0)
        return ERR_CORRUPT;
    int result = without ? 0 : check_actor(p, job);
    if (result != 0)
        return result;
    switch (job->kind) {
    case JOB_LOGIN:
        return run_login(p, job);
    case JOB_ACT:
        return run_act(p, job);
    case JOB_ADD:
        return run_add(p, job);
    case JOB_DISABLE:
        return run_disable(p, job);
    case JOB_SET_PASSWORD:
        return run_set_password(p, job);
    case JOB_TABLET_ADD:
        return run_tablet_add(p, job);
    case JOB_TABLET_REVOKE:
        return run_tablet_revoke(p, job);
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
    if (options->guesses_path &&
        guess_file_load(options->guesses_path, &p->guesses, clock_mono(&clock_system), err) != 0)
        log_event(EVENT_GUESSES_IGNORED, "detail=\"%s\"", err->text); /* counted anew */
    p->jobs = queue_create(JOBS_MAX, sizeof(struct password_job *));
    int result = p->jobs ? 0 : ERR_NO_MEMORY;
    if (result == 0 && options->guesses_path)
        result = guess_keeper_create(options->guesses_path, &p->keeper);
    if (result != 0)
        (void)err_set(err, result, "accounts: no memory");
    if (result == 0)
        result = open_accounts(p, err);
    if (result != 0 && result != ERR_NO_MEMORY) {
        log_event(EVENT_ACCOUNTS_UNUSABLE, "detail=\"%s\"", err->text);
        result = 0; /* lanes do not wait for officers' accounts */
    }
    if (result == 0 && options->tablets_path && open_tablets(p, err) != 0)
        log_event(EVENT_TABLETS_UNUSABLE, "detail=\"%s\"", err->text); /* nor for tablets */
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
    guess_keeper_destroy(p->keeper);
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

void passwords_keep_run(struct thread *self, void *arg)
{
    struct passwords *p = arg;
    if (p->keeper)
        guess_keeper_run(self, p->keeper);
}

const struct tablets *passwords_tablets(const struct passwords *p)
{
    return &p->tablets;
}

bool passwords_know(const struct passwords *p, const char *name, enum officer_role role)
{
    const struct officer *officer = p->accounts ? accounts_find(p->accounts, name) : NULL;
    return officer && !officer->disabled && officer->role == role;
}

int passwords_submit(struct passwords *p, struct password_job *job)
{
    return queue_push(p->jobs, &job);
}
