/* See control.h. */
#include "gateway/control/control.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/control/asking.h"
#include "gateway/control/passwords.h"
#include "gateway/control/rights.h"

enum {
    CLIENTS_MAX = 64,
    CLIENTS_OF_ONE_MAX = 48, /* one user's programs gone wrong leave places for others */
    SUBSCRIBERS_MAX = 32,
    SUBSCRIBERS_OF_ONE_MAX = 24,
    POST_TRIES_MAX = 5000, /* a millisecond each */
    OUTPUT_MAX_BYTES = 4 << 20,
    PATH_SIZE = 256,
    GROUPS_MAX = 64
};

struct control {
    struct control_options options;
    struct line_server *server;
    struct passwords *passwords;
    struct tokens tokens;
    struct asking asking;
    char control_path[PATH_SIZE];
    char events_path[PATH_SIZE];
    gid_t admin_gid;
    bool has_admin_gid;
};

/* ---- who asks ---- */

static void name_program(const struct unix_peer *peer, char out[32])
{
    char link[64];
    char path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%ld/exe", (long)peer->pid);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    const char *slash = strrchr(path, '/');
    snprintf(out, 32, "%.31s", slash ? slash + 1 : "");
}

static bool is_admin(const struct control *control, const struct unix_peer *peer)
{
    if (peer->uid == 0 || peer->uid == geteuid())
        return true;
    if (!control->has_admin_gid)
        return false;
    struct passwd record;
    struct passwd *user = NULL;
    char text[4096];
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX;
    if (getpwuid_r(peer->uid, &record, text, sizeof text, &user) != 0 || !user ||
        getgrouplist(user->pw_name, peer->gid, groups, &count) < 0)
        return peer->gid == control->admin_gid;
    for (int i = 0; i < count; i++)
        if (groups[i] == control->admin_gid)
            return true;
    return false;
}

/* What a connection knows of its peer; the officer comes with each request. */
struct session {
    struct control *control;
    struct control_actor actor;
    bool subscribed;
    char token[TOKEN_TEXT_SIZE]; /* of a subscriber */
};

static int open_session(void *ctx, struct line_client *client, const struct unix_peer *peer,
                        void **out_data)
{
    (void)client;
    struct control *control = ctx;
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return ERR_NO_MEMORY;
    session->control = control;
    session->actor.peer = *peer;
    session->actor.admin = is_admin(control, peer);
    name_program(peer, session->actor.program);
    *out_data = session;
    return 0;
}

static void close_session(void *ctx, struct line_client *client)
{
    (void)ctx;
    struct session *session = line_client_data(client);
    explicit_bzero(session, sizeof *session);
    free(session);
}

/* ---- answers ---- */

struct answer {
    struct control *control;
    struct control_ticket ticket;
    json_t *body; /* whole object, owned */
};

static void send_answer(void *ctx, void *item)
{
    (void)ctx;
    struct answer *answer = item;
    struct line_client *client = line_client_find(answer->control->server, answer->ticket.client);
    if (client)
        line_client_send_json(client, answer->body);
    else
        json_decref(answer->body);
    free(answer);
}

/* An answer made in the control thread goes out at once: a client that asks a thousand things in
 * one breath fills its own output, not the queue that everybody's events come through. */
static void post_answer(struct control *control, struct control_ticket ticket, json_t *body)
{
    if (line_server_is_here(control->server)) {
        struct line_client *client = line_client_find(control->server, ticket.client);
        if (client)
            line_client_send_json(client, body);
        else
            json_decref(body);
        return;
    }
    struct answer *answer = body ? malloc(sizeof *answer) : NULL;
    if (answer) {
        *answer = (struct answer){control, ticket, body};
        if (line_server_post(control->server, send_answer, NULL, answer) == 0)
            return;
    }
    /* No memory, or the queue is full and counted: the client sees no answer and gives up. */
    json_decref(body);
    free(answer);
}

void control_answer(struct control *control, struct control_ticket ticket, json_t *result)
{
    json_t *value = result ? result : json_object();
    post_answer(control, ticket,
                json_pack("{s:I,s:b,s:o}", "id", ticket.id, "ok", 1, "result", value));
}

void control_refuse_with(struct control *control, struct control_ticket ticket, const char *code,
                         const char *en, const char *zh, json_t *fields)
{
    json_t *body = line_error(code, en, zh);
    if (body) {
        json_object_update_missing(json_object_get(body, "error"), fields);
        json_object_set_new(body, "id", json_integer(ticket.id));
        json_object_set_new(body, "ok", json_false());
    }
    json_decref(fields);
    post_answer(control, ticket, body);
}

void control_refuse(struct control *control, struct control_ticket ticket, const char *code,
                    const char *en, const char *zh)
{
    control_refuse_with(control, ticket, code, en, zh, NULL);
}

/* ---- sign-on and accounts ---- */

static const char *refusal_zh(int result)
{
    switch (result) {
    case ERR_DENIED:
        return "被拒绝：姓名、密码或权限不符";
    case ERR_BUSY:
        return "密码错误次数过多，请稍候再试";
    case ERR_CONFLICT:
        return "该警员已存在";
    case ERR_NOT_FOUND:
        return "没有该警员";
    case ERR_INVALID:
        return "姓名或密码不符合要求";
    case ERR_CORRUPT:
        return "警员账户文件不可用，请联系技术人员";
    default:
        return "无法完成，请查看日志";
    }
}

static void finish_login(struct control *control, struct password_job *job)
{
    char text[TOKEN_TEXT_SIZE];
    struct mono_time now = clock_mono(&clock_system);
    struct mono_time expires = mono_add_ms(now, control->options.token_life_s * 1000);
    int result = tokens_issue(&control->tokens, job->name, job->role, job->actor.peer.uid, expires,
                              now, text);
    if (result != 0) {
        control_refuse(control, job->ticket, err_name(result), "no token can be given out",
                       "无法签发令牌");
        return;
    }
    control_answer(control, job->ticket,
                   json_pack("{s:s,s:s,s:s,s:I}", "token", text, "officer", job->name, "role",
                             officer_role_name(job->role), "expires_in_s",
                             (json_int_t)control->options.token_life_s));
    explicit_bzero(text, sizeof text);
}

/* The first officer may have been signed off while the second one's password was checked. */
static void finish_second(struct control *control, struct password_job *job)
{
    struct control_call call = {job->ticket, job->actor, job->args};
    if (job->actor.officer[0] != '\0' &&
        !tokens_held(&control->tokens, job->actor.officer, job->actor.peer.uid,
                     clock_mono(&clock_system))) {
        control_refuse(control, job->ticket, "denied", "sign on first: checkpointctl login",
                       "请先登录");
        return;
    }
    memcpy(call.actor.second, job->name, sizeof call.actor.second);
    call.actor.second_role = job->role;
    job->act->run(control->options.ctx, control, &call);
}

static void finish_job(void *ctx, void *item)
{
    struct control *control = ctx;
    struct password_job *job = item;
    if (job->result != 0) {
        control_refuse(control, job->ticket, err_name(job->result), job->err.text,
                       refusal_zh(job->result));
    } else if (job->kind == JOB_LOGIN) {
        finish_login(control, job);
    } else if (job->kind == JOB_SECOND) {
        finish_second(control, job);
    } else {
        if (job->kind != JOB_ADD)
            tokens_revoke_officer(&control->tokens, job->name);
        control_answer(control, job->ticket, json_pack("{s:s}", "officer", job->name));
    }
    password_job_free(job);
}

/* What a job did must reach the control thread: it ends the tokens of a disabled officer. */
static void job_done(void *ctx, struct password_job *job)
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

static bool copy_text(const json_t *object, const char *key, char *out, size_t room)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text || strlen(text) >= room)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static struct password_job *new_job(enum password_job_kind kind, const struct control_call *call)
{
    struct password_job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->kind = kind;
    job->ticket = call->ticket;
    job->actor = call->actor;
    return job;
}

static void submit(struct control *control, struct password_job *job, struct control_ticket ticket,
                   bool fits)
{
    if (job && fits && passwords_submit(control->passwords, job) == 0)
        return;
    control_refuse(control, ticket, fits ? "full" : "invalid",
                   fits ? "too many sign-ons at once, try again"
                        : "expected officer and password as texts within their limits",
                   fits ? "登录请求过多，请稍后重试" : "缺少姓名或密码，或长度超限");
    password_job_free(job);
}

static void act_account(struct control *control, const struct control_call *call,
                        enum password_job_kind kind)
{
    struct password_job *job = new_job(kind, call);
    bool fits = job && copy_text(call->args, "officer", job->name, sizeof job->name);
    if (fits && kind != JOB_DISABLE)
        fits = copy_text(call->args, "password", job->password, sizeof job->password);
    if (fits && kind == JOB_ADD) {
        const char *role = json_string_value(json_object_get(call->args, "role"));
        fits = officer_role_parse(role ? role : "officer", &job->role) == 0;
    }
    submit(control, job, call->ticket, fits);
}

static void act_login(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    act_account(control, call, JOB_LOGIN);
}

static void act_officer_add(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    act_account(control, call, JOB_ADD);
}

static void act_officer_disable(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    act_account(control, call, JOB_DISABLE);
}

static void act_officer_passwd(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    const char *name = json_string_value(json_object_get(call->args, "officer"));
    bool own = name && strcmp(name, call->actor.officer) == 0;
    if (own || call->actor.admin || call->actor.role == OFFICER_ROLE_LEADER)
        act_account(control, call, JOB_SET_PASSWORD);
    else
        control_refuse(control, call->ticket, "denied", "only your own password, or as a leader",
                       "只能修改本人密码");
}

static void act_logout(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    tokens_revoke_officer(&control->tokens, call->actor.officer);
    control_answer(control, call->ticket, NULL);
}

static const struct control_act own_acts[] = {
    {"login", CONTROL_ANYBODY, act_login},
    {"logout", CONTROL_PROTECTIVE, act_logout},
    {"officer_add", CONTROL_ADMIN, act_officer_add},
    {"officer_disable", CONTROL_ADMIN, act_officer_disable},
    {"officer_passwd", CONTROL_ANYBODY, act_officer_passwd},
};

/* ---- requests ---- */

static const struct control_act *find_act(const struct control *control, const char *name)
{
    for (size_t i = 0; i < sizeof own_acts / sizeof own_acts[0]; i++)
        if (strcmp(own_acts[i].name, name) == 0)
            return &own_acts[i];
    for (size_t i = 0; i < control->options.act_count; i++)
        if (strcmp(control->options.acts[i].name, name) == 0)
            return &control->options.acts[i];
    return NULL;
}

static void take_token(struct control *control, const json_t *request, struct control_actor *actor)
{
    const char *text = json_string_value(json_object_get(request, "token"));
    const struct token *token =
        text ? tokens_find(&control->tokens, text, actor->peer.uid, clock_mono(&clock_system))
             : NULL;
    if (!token)
        return;
    memcpy(actor->officer, token->officer, sizeof actor->officer);
    actor->role = token->role;
}

/* An officer's requests have a measure; an emergency raise has none. */
static bool is_too_much(struct control *control, const struct control_act *act,
                        const struct control_call *call)
{
    bool ordinary = act->need != CONTROL_PROTECTIVE && act->need != CONTROL_RAISING;
    if (act->need == CONTROL_ANYBODY || act->need == CONTROL_ADMIN ||
        (act->need == CONTROL_RAISING && json_is_true(json_object_get(call->args, "emergency"))))
        return false;
    return asking_too_much(&control->asking, call->actor.officer,
                           ordinary ? ASKED_AT_ONCE_MAX : ASKED_PROTECTIVE_MAX,
                           clock_mono(&clock_system));
}

static void run_with_second(struct control *control, const struct control_act *act,
                            const struct control_call *call, const json_t *second)
{
    struct password_job *job = new_job(JOB_SECOND, call);
    bool fits = job && copy_text(second, "officer", job->name, sizeof job->name) &&
                copy_text(second, "password", job->password, sizeof job->password);
    if (fits) {
        job->act = act;
        job->args = json_deep_copy(call->args);
        fits = job->args && json_object_del(job->args, "second") == 0;
    }
    submit(control, job, call->ticket, fits);
}

static void refuse_role(struct control *control, struct control_ticket ticket,
                        const struct control_act *act, const struct control_actor *actor)
{
    if (act->need == CONTROL_ADMIN)
        control_refuse(control, ticket, "denied", "only for leaders and administrators",
                       "仅限带班领导或管理员");
    else if (actor->officer[0] == '\0')
        control_refuse(control, ticket, "denied", "sign on first: checkpointctl login", "请先登录");
    else
        control_refuse(control, ticket, "denied", "not for your role", "您的岗位无此权限");
}

static void run_request(struct control *control, struct session *session,
                        struct control_ticket ticket, const json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "do"));
    const struct control_act *act = name ? find_act(control, name) : NULL;
    if (!act) {
        control_refuse(control, ticket, "unsupported", "no such act", "没有该操作");
        return;
    }
    json_t *none = json_object();
    const json_t *args = json_object_get(request, "args");
    struct control_call call = {ticket, session->actor, json_is_object(args) ? args : none};
    take_token(control, request, &call.actor);
    /* Too long to keep is as good as not given. */
    (void)copy_text(request, "origin", call.actor.origin, sizeof call.actor.origin);
    (void)copy_text(request, "tablet", call.actor.tablet, sizeof call.actor.tablet); /* likewise */
    const json_t *second = json_object_get(call.args, "second");
    if (!rights_may(act->need, &call.actor, call.args))
        refuse_role(control, ticket, act, &call.actor);
    else if (is_too_much(control, act, &call))
        control_refuse(control, ticket, "busy", "too many requests at once, wait a moment",
                       "请求过于频繁，请稍候");
    else if (second)
        run_with_second(control, act, &call, second);
    else
        act->run(control->options.ctx, control, &call);
    json_decref(none);
}

static void on_request(void *ctx, struct line_client *client, const json_t *request)
{
    const json_t *id = json_object_get(request, "id");
    struct control_ticket ticket = {line_client_id(client), json_integer_value(id)};
    run_request(ctx, line_client_data(client), ticket, request);
}

/* ---- events ---- */

static void on_subscribe(void *ctx, struct line_client *client, const json_t *request)
{
    struct control *control = ctx;
    struct session *session = line_client_data(client);
    const char *what = json_string_value(json_object_get(request, "do"));
    if (!what || strcmp(what, "subscribe") != 0) {
        line_client_send_json(client, line_error("unsupported", "expected subscribe", "请先订阅"));
        return;
    }
    struct control_actor actor = session->actor;
    take_token(control, request, &actor);
    if (json_object_get(request, "token") && actor.officer[0] == '\0') {
        line_client_send_json(client, line_error("denied", "the token is not valid", "令牌无效"));
        return;
    }
    session->subscribed = true;
    explicit_bzero(session->token, sizeof session->token);
    if (actor.officer[0] != '\0')
        (void)copy_text(request, "token", session->token, sizeof session->token);
    line_client_send_json(client, json_pack("{s:b,s:s}", "ok", 1, "officer", actor.officer));
}

static const struct line_ops control_ops = {open_session, on_request, close_session};
static const struct line_ops events_ops = {open_session, on_subscribe, close_session};

struct publication {
    const char *text;
    size_t size;
    bool shows_plates;
};

static void publish_to(void *ctx, struct line_client *client)
{
    const struct publication *publication = ctx;
    struct session *session = line_client_data(client);
    if (!session->subscribed)
        return;
    if (publication->shows_plates &&
        !rights_see_plates(tokens_find(&session->control->tokens, session->token,
                                       session->actor.peer.uid, clock_mono(&clock_system))))
        return;
    line_client_send(client, publication->text, publication->size);
}

void control_publish(struct control *control, json_t *event, bool shows_plates)
{
    char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;
    json_decref(event);
    if (!text)
        return; /* no memory: the journal still has it */
    struct publication publication = {text, strlen(text), shows_plates};
    line_server_each(control->server, &events_ops, publish_to, &publication);
    free(text);
}

/* ---- life ---- */

static void find_admin_group(struct control *control)
{
    struct group record;
    struct group *group = NULL;
    char text[8192];
    if (control->options.admin_group &&
        getgrnam_r(control->options.admin_group, &record, text, sizeof text, &group) == 0 &&
        group) {
        control->admin_gid = group->gr_gid;
        control->has_admin_gid = true;
    }
}

static int listen_all(struct control *control, struct err_text *err)
{
    const char *dir = control->options.runtime_dir;
    if (snprintf(control->control_path, PATH_SIZE, "%s/control", dir) >= PATH_SIZE ||
        snprintf(control->events_path, PATH_SIZE, "%s/events", dir) >= PATH_SIZE)
        return err_set(err, ERR_INVALID, "runtime_dir: longer than %d bytes", PATH_SIZE - 10);
    struct line_listener acts = {.path = control->control_path,
                                 .mode = 0660,
                                 .group = control->options.control_group,
                                 .ops = &control_ops,
                                 .ctx = control,
                                 .clients_max = CLIENTS_MAX,
                                 .clients_of_one_max = CLIENTS_OF_ONE_MAX,
                                 .line_max_bytes = CONTROL_LINE_MAX_BYTES,
                                 .output_max_bytes = OUTPUT_MAX_BYTES};
    struct line_listener events = acts;
    events.path = control->events_path;
    events.group = control->options.events_group;
    events.ops = &events_ops;
    events.clients_max = SUBSCRIBERS_MAX;
    events.clients_of_one_max = SUBSCRIBERS_OF_ONE_MAX;
    int result = line_server_listen(control->server, &acts, err);
    return result == 0 ? line_server_listen(control->server, &events, err) : result;
}

int control_create(const struct control_options *options, struct control **out,
                   struct err_text *err)
{
    struct control *control = calloc(1, sizeof *control);
    if (!control)
        return err_set(err, ERR_NO_MEMORY, "control: no memory");
    control->options = *options;
    find_admin_group(control);
    struct passwords_options passwords = {options->accounts_path, options->ctx, options->record,
                                          job_done, control};
    int result = line_server_create(&control->server, err);
    if (result == 0)
        result = passwords_create(&passwords, &control->passwords, err);
    if (result == 0)
        result = listen_all(control, err);
    if (result != 0) {
        control_destroy(control);
        return result;
    }
    *out = control;
    return 0;
}

void control_destroy(struct control *control)
{
    if (!control)
        return;
    line_server_destroy(control->server);
    passwords_destroy(control->passwords);
    explicit_bzero(&control->tokens, sizeof control->tokens);
    free(control);
}

void control_run(struct thread *self, void *arg)
{
    struct control *control = arg;
    line_server_run(self, control->server);
}

void control_password_run(struct thread *self, void *arg)
{
    struct control *control = arg;
    passwords_run(self, control->passwords);
}

struct line_server *control_server(struct control *control)
{
    return control->server;
}
