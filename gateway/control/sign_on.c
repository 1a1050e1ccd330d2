/*
 * Sign-on, sessions and accounts: what asks for a password goes to the password thread as a job and
 * comes back here. Control thread, but for what says otherwise.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/control/control_state.h"

enum { POST_TRIES_MAX = 5000 /* a millisecond each */, MS_PER_S = 1000 };

/* ---- names ---- */

void sign_on_name(void *ctx, const struct officer *officer)
{
    struct control *control = ctx;
    pthread_mutex_lock(&control->names_lock);
    int at = 0;
    while (at < control->name_count && strcmp(control->names[at].officer, officer->name) != 0)
        at++;
    if (at < OFFICERS_MAX) {
        memcpy(control->names[at].officer, officer->name, sizeof officer->name);
        memcpy(control->names[at].title, officer->title, sizeof officer->title);
        control->name_count += at == control->name_count;
    }
    pthread_mutex_unlock(&control->names_lock);
}

void control_officer_name(struct control *control, const char *officer,
                          char out[OFFICER_TITLE_SIZE])
{
    err_copy(officer, out, OFFICER_TITLE_SIZE);
    pthread_mutex_lock(&control->names_lock);
    for (int i = 0; i < control->name_count; i++)
        if (strcmp(control->names[i].officer, officer) == 0 && control->names[i].title[0] != '\0')
            memcpy(out, control->names[i].title, OFFICER_TITLE_SIZE);
    pthread_mutex_unlock(&control->names_lock);
}

/* ---- what comes of a job ---- */

static const char *refusal_zh(const struct password_job *job)
{
    if (job->zh.text[0] != '\0')
        return job->zh.text;
    bool of_tablets = job->kind == JOB_TABLET_ADD || job->kind == JOB_TABLET_REVOKE;
    switch (job->result) {
    case ERR_DENIED:
        return "被拒绝：姓名、密码或权限不符";
    case ERR_CONFLICT:
        return of_tablets ? "该平板或其证书已登记" : "该警员已存在";
    case ERR_NOT_FOUND:
        return of_tablets ? "没有该平板" : "没有该警员";
    case ERR_INVALID:
        return "警号、姓名或密码不符合要求（PIN 为 6 至 12 位数字，不得过于简单）";
    case ERR_CORRUPT:
        return "警员账户或平板文件不可用，请联系技术人员";
    default:
        return "无法完成，请查看日志";
    }
}

static void refuse_job(struct control *control, const struct password_job *job)
{
    json_t *fields = NULL;
    if (job->wait.wait_ms > 0)
        fields = json_pack("{s:I,s:b}", "wait_s",
                           (json_int_t)(job->wait.wait_ms + MS_PER_S - 1) / MS_PER_S, "locked",
                           (int)job->wait.locked);
    control_refuse_with(control, job->ticket, job->code ? job->code : err_name(job->result),
                        job->err.text, refusal_zh(job), fields);
}

static json_t *lanes_json(const struct control_actor *actor)
{
    json_t *lanes = json_array();
    for (int i = 0; i < TABLET_LANES_MAX && actor->tablet_lanes[i] != 0; i++)
        json_array_append_new(lanes, json_integer(actor->tablet_lanes[i]));
    return lanes;
}

/* Who is signed on where, as `login` and `session` answer it. */
static json_t *about(struct control *control, const struct control_actor *actor,
                     const char *officer, enum officer_role role, int64_t expires_in_s)
{
    char title[OFFICER_TITLE_SIZE];
    control_officer_name(control, officer, title);
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:I,s:I}", "officer", officer, "name", title, "role",
                     officer_role_name(role), "tablet", actor->tablet, "lanes", lanes_json(actor),
                     "expires_in_s", (json_int_t)expires_in_s, "idle_limit_s",
                     (json_int_t)control->options.token_idle_s);
}

/* The tablet may have been revoked while the password was checked. */
static bool tablet_counts(const struct control *control, const struct control_actor *actor)
{
    const struct tablet *tablet = tablets_find(&control->tablets, actor->tablet);
    return actor->tablet[0] == '\0' || (tablet && !tablet->revoked);
}

static void finish_login(struct control *control, struct password_job *job)
{
    char text[TOKEN_TEXT_SIZE];
    if (!tablet_counts(control, &job->actor)) {
        control_refuse(control, job->ticket, "denied", "tablet: not paired, or revoked",
                       "该平板未配对或已被吊销");
        return;
    }
    int result = sessions_issue(control, &job->actor, job->name, job->role, text);
    if (result != 0) {
        control_refuse(control, job->ticket, err_name(result), "no token can be given out",
                       "无法签发令牌");
        return;
    }
    json_t *answer =
        about(control, &job->actor, job->name, job->role, control->options.token_life_s);
    if (answer)
        json_object_set_new(answer, "token", json_string(text));
    control_answer(control, job->ticket, answer);
    explicit_bzero(text, sizeof text);
}

/* The officer may have been signed off while the passwords were checked. */
static void finish_act(struct control *control, struct password_job *job)
{
    struct control_call call = {
        .ticket = job->ticket, .actor = job->actor, .args = job->args, .session = job->session};
    memcpy(call.number, job->number, sizeof call.number);
    if (job->session != 0 &&
        !tokens_by_id(&control->tokens, job->session, clock_mono(&clock_system))) {
        control_refuse(control, job->ticket, "denied", "sign on first: checkpointctl login",
                       "请先登录");
        return;
    }
    numbered_run(control, job->act, &call);
}

static void finish_tablets(struct control *control, struct password_job *job)
{
    control->tablets = *job->paired;
    console_tell_tablets(control); /* before it is answered: whoever hears that asks with it */
    if (job->kind == JOB_TABLET_REVOKE)
        sessions_end_tablet(control, job->tablet.name, "tablet");
    control_answer(control, job->ticket, json_pack("{s:s}", "name", job->tablet.name));
}

static void finish_job(void *ctx, void *item)
{
    struct control *control = ctx;
    struct password_job *job = item;
    if (job->result != 0) {
        refuse_job(control, job);
    } else if (job->kind == JOB_LOGIN) {
        finish_login(control, job);
    } else if (job->kind == JOB_ACT) {
        finish_act(control, job);
    } else if (job->kind == JOB_TABLET_ADD || job->kind == JOB_TABLET_REVOKE) {
        finish_tablets(control, job);
    } else {
        if (job->kind != JOB_ADD)
            sessions_end_officer(control, job->name, "account");
        control_answer(control, job->ticket, json_pack("{s:s}", "officer", job->name));
    }
    password_job_free(job);
}

/* What a job did must reach the control thread: it ends the tokens of a disabled officer. */
void sign_on_job_done(void *ctx, struct password_job *job)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    struct control *control = ctx;
    int result = line_server_post(control->server, finish_job, control, job);
    for (int i = 0; result == ERR_FULL && i < POST_TRIES_MAX; i++) {
        nanosleep(&pause, NULL);
        result = line_server_post(control->server, finish_job, control, job);
    }
    if (result != 0)
        password_job_free(job); /* the control thread stands still: the program is being ended */
}

/* ---- jobs ---- */

struct password_job *sign_on_new_job(enum password_job_kind kind, const struct control_call *call)
{
    struct password_job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->kind = kind;
    job->ticket = call->ticket;
    job->actor = call->actor;
    job->session = call->session;
    memcpy(job->number, call->number, sizeof job->number);
    return job;
}

void sign_on_submit(struct control *control, struct password_job *job, struct control_ticket ticket,
                    bool fits)
{
    if (job && fits && passwords_submit(control->passwords, job) == 0)
        return;
    control_refuse(control, ticket, fits ? "full" : "invalid",
                   fits ? "too many sign-ons at once, try again"
                        : "expected officer and password as texts within their limits",
                   fits ? "登录请求过多，请稍后重试" : "缺少警号或密码，或长度超限");
    password_job_free(job);
}

/* The arguments as the act sees them: neither its officer's PIN nor the second one's password. */
static json_t *without_secrets(const json_t *args)
{
    json_t *copy = json_object();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)args, key, value) /* only reads */
    {
        if (strcmp(key, "second") != 0 && strcmp(key, "pin") != 0)
            json_object_set_new(copy, key, json_deep_copy(value));
    }
    return copy;
}

void sign_on_confirm(struct control *control, const struct control_act *act,
                     const struct control_call *call, bool with_pin)
{
    const json_t *second = json_object_get(call->args, "second");
    struct password_job *job = sign_on_new_job(JOB_ACT, call);
    bool fits = job != NULL;
    if (fits && with_pin && !control_copy_text(call->args, "pin", job->pin, sizeof job->pin)) {
        control_refuse(control, call->ticket, "pin",
                       "pin: your own password or PIN is asked for with this act",
                       "此操作须输入本人密码");
        password_job_free(job);
        return;
    }
    if (fits && second)
        fits = control_copy_text(second, "officer", job->name, sizeof job->name) &&
               job->name[0] != '\0' &&
               control_copy_text(second, "password", job->password, sizeof job->password);
    if (fits) {
        job->with_pin = with_pin;
        job->act = act;
        job->args = without_secrets(call->args);
        fits = job->args != NULL;
    }
    sign_on_submit(control, job, call->ticket, fits);
}

/* ---- acts ---- */

static void act_account(struct control *control, const struct control_call *call,
                        enum password_job_kind kind)
{
    struct password_job *job = sign_on_new_job(kind, call);
    bool fits = job && control_copy_text(call->args, "officer", job->name, sizeof job->name);
    if (fits && kind != JOB_DISABLE)
        fits = control_copy_text(call->args, "password", job->password, sizeof job->password);
    if (fits && kind == JOB_ADD) {
        const char *role = json_string_value(json_object_get(call->args, "role"));
        fits = officer_role_parse(role ? role : "officer", &job->role) == 0 &&
               (!json_object_get(call->args, "name") ||
                control_copy_text(call->args, "name", job->title, sizeof job->title));
    }
    sign_on_submit(control, job, call->ticket, fits);
}

void act_login(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    act_account(control, call, JOB_LOGIN);
}

void act_officer_add(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    act_account(control, call, JOB_ADD);
}

void act_officer_disable(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    act_account(control, call, JOB_DISABLE);
}

void act_officer_passwd(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    const char *name = json_string_value(json_object_get(call->args, "officer"));
    bool own = name && name[0] != '\0' && strcmp(name, call->actor.officer) == 0;
    if (own || call->actor.admin || call->actor.role == OFFICER_ROLE_LEADER)
        act_account(control, call, JOB_SET_PASSWORD);
    else
        control_refuse(control, call->ticket, "denied", "only your own password, or as a leader",
                       "只能修改本人密码");
}

/* On the box an officer signs off everywhere, at a tablet from that tablet. */
void act_logout(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    if (call->actor.console)
        sessions_end_one(control, call->session, "logout");
    else
        sessions_end_officer(control, call->actor.officer, "logout");
    control_answer(control, call->ticket, NULL);
}

void act_session(void *ctx, struct control *control, const struct control_call *call)
{
    struct mono_time now = clock_mono(&clock_system);
    const struct token *token = tokens_by_id(&control->tokens, call->session, now);
    (void)ctx;
    if (!token) { /* ended while a second officer's password was checked */
        control_refuse(control, call->ticket, "denied", "sign on first: checkpointctl login",
                       "请先登录");
        return;
    }
    control_answer(control, call->ticket,
                   about(control, &call->actor, call->actor.officer, call->actor.role,
                         mono_diff_ms(token->expires, now) / MS_PER_S));
}
