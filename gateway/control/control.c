/* See control.h. */
#include "gateway/control/control.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/control/control_state.h"
#include "gateway/control/rights.h"

/* The console keeps one place on `events` for each officer signed on, and one or two on `control`.
 * What clients leave unread is bounded for each and for all of a socket together: twice 64 MiB, and
 * 64 KiB for each client. */
enum {
    CLIENTS_MAX = 128,
    CLIENTS_OF_ONE_MAX = 96, /* one user's programs gone wrong leave places for others */
    SUBSCRIBERS_MAX = 96,
    SUBSCRIBERS_OF_ONE_MAX = 72,
    OUTPUT_MAX_BYTES = 4 << 20,
    OUTPUT_ALL_MAX_BYTES = 64 << 20,
    GROUPS_MAX = 64,
    EVENT_NAMES_MAX = 64
};

/* Who asks without being signed on, among those whose requests are counted; no officer's number. */
static const char NOBODY[] = "?";

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
    json_decref(session->wanted);
    explicit_bzero(session, sizeof *session);
    free(session);
}

bool control_copy_text(const json_t *object, const char *key, char *out, size_t room)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text || strlen(text) >= room)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

/* ---- answers ---- */

struct answer {
    struct control *control;
    struct control_ticket ticket;
    json_t *body; /* whole object, owned */
};

static void deliver(struct control *control, struct control_ticket ticket, json_t *body)
{
    if (once_is_ticket(ticket)) {
        numbered_answer(control, ticket, body);
        return;
    }
    struct line_client *client = line_client_find(control->server, ticket.client);
    if (client)
        line_client_send_json(client, body);
    else
        json_decref(body);
}

static void send_answer(void *ctx, void *item)
{
    (void)ctx;
    struct answer *answer = item;
    deliver(answer->control, answer->ticket, answer->body);
    free(answer);
}

/* An answer made in the control thread goes out at once: a client that asks a thousand things in
 * one breath fills its own output, not the queue that everybody's events come through. */
static void post_answer(struct control *control, struct control_ticket ticket, json_t *body)
{
    if (line_server_is_here(control->server)) {
        deliver(control, ticket, body);
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

/* ---- requests ---- */

static void act_acts(void *ctx, struct control *control, const struct control_call *call);

static const struct control_act own_acts[] = {
    {"login", CONTROL_ANYBODY | CONTROL_AGAIN, act_login}, /* its answer is a token: kept nowhere */
    {"logout", CONTROL_SIGNED_ON | CONTROL_HEARD | CONTROL_AGAIN, act_logout},
    {"session", CONTROL_SIGNED_ON | CONTROL_AGAIN, act_session},
    {"acts", CONTROL_SIGNED_ON | CONTROL_AGAIN, act_acts},
    {"officer_add", CONTROL_ADMIN | CONTROL_FRESH_PIN_AT_CONSOLE, act_officer_add},
    {"officer_disable", CONTROL_ADMIN | CONTROL_FRESH_PIN_AT_CONSOLE, act_officer_disable},
    {"officer_passwd", CONTROL_ANYBODY | CONTROL_FRESH_PIN_AT_CONSOLE, act_officer_passwd},
    {"tablets", CONTROL_ADMIN | CONTROL_AGAIN, act_tablets},
    {"tablet_add", CONTROL_ADMIN | CONTROL_FRESH_PIN_AT_CONSOLE, act_tablet_add},
    {"tablet_revoke", CONTROL_ADMIN | CONTROL_FRESH_PIN_AT_CONSOLE, act_tablet_revoke},
};
enum { OWN_ACTS = sizeof own_acts / sizeof own_acts[0] };

static void put_act(json_t *list, const struct control_act *act)
{
    enum control_need need = (enum control_need)(act->need & CONTROL_NEED_MASK);
    const char *pin = act->need & CONTROL_FRESH_PIN              ? "always"
                      : act->need & CONTROL_FRESH_PIN_AT_CONSOLE ? "console"
                                                                 : "";
    json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:b}", "act", act->name, "need",
                                          rights_need_name(need), "pin", pin, "again",
                                          (act->need & CONTROL_AGAIN) != 0));
}

static void act_acts(void *ctx, struct control *control, const struct control_call *call)
{
    json_t *list = json_array();
    (void)ctx;
    for (size_t i = 0; i < OWN_ACTS; i++)
        put_act(list, &own_acts[i]);
    for (size_t i = 0; i < control->options.act_count; i++)
        put_act(list, &control->options.acts[i]);
    control_answer(control, call->ticket, json_pack("{s:o}", "acts", list));
}

static enum control_need need_of(const struct control_act *act)
{
    return (enum control_need)(act->need & CONTROL_NEED_MASK);
}

static const struct control_act *find_act(const struct control *control, const char *name)
{
    for (size_t i = 0; i < OWN_ACTS; i++)
        if (strcmp(own_acts[i].name, name) == 0)
            return &own_acts[i];
    for (size_t i = 0; i < control->options.act_count; i++)
        if (strcmp(control->options.acts[i].name, name) == 0)
            return &control->options.acts[i];
    return NULL;
}

/* An officer's requests have a measure; an officer's emergency raise has none. Those of nobody
 * share one: a console gone wrong must not fill the journal. */
static bool is_too_much(struct control *control, const struct control_act *act,
                        const struct control_call *call)
{
    enum control_need need = need_of(act);
    bool heard = need == CONTROL_PROTECTIVE || need == CONTROL_RAISING || act->need & CONTROL_HEARD;
    bool named = call->actor.officer[0] != '\0';
    bool emergency =
        need == CONTROL_RAISING && json_is_true(json_object_get(call->args, "emergency"));
    if (need == CONTROL_ANYBODY || need == CONTROL_ADMIN || (emergency && named))
        return false;
    return asking_too_much(&control->asking, named ? call->actor.officer : NOBODY,
                           heard ? ASKED_PROTECTIVE_MAX : ASKED_AT_ONCE_MAX,
                           clock_mono(&clock_system));
}

/* A console gives a PIN where it must, others also where they need not. */
static bool asks_pin(const struct control_act *act, const struct control_call *call)
{
    if (call->actor.officer[0] == '\0')
        return false;
    bool given = json_object_get(call->args, "pin") != NULL;
    return (act->need & CONTROL_FRESH_PIN) != 0 ||
           ((act->need & CONTROL_FRESH_PIN_AT_CONSOLE) != 0 && (call->actor.console || given));
}

static void refuse_role(struct control *control, struct control_ticket ticket,
                        const struct control_act *act, const struct control_actor *actor)
{
    if (need_of(act) == CONTROL_ADMIN)
        control_refuse(control, ticket, "denied", "only for leaders and administrators",
                       "仅限带班领导或管理员");
    else if (actor->officer[0] == '\0')
        control_refuse(control, ticket, "denied", "sign on first: checkpointctl login", "请先登录");
    else
        control_refuse(control, ticket, "denied", "not for your role", "您的岗位无此权限");
}

static void run_call(struct control *control, const struct control_act *act,
                     const struct control_call *call)
{
    bool unnamed = call->actor.console && call->actor.officer[0] == '\0';
    bool may = unnamed ? console_may_unnamed(act, call->args)
                       : rights_may(need_of(act), &call->actor, call->args);
    bool with_pin = asks_pin(act, call);
    if (!may)
        refuse_role(control, call->ticket, act, &call->actor);
    else if (is_too_much(control, act, call))
        control_refuse(control, call->ticket, "busy", "too many requests at once, wait a moment",
                       "请求过于频繁，请稍候");
    else if (with_pin || json_object_get(call->args, "second"))
        sign_on_confirm(control, act, call, with_pin);
    else
        numbered_run(control, act, call);
}

static void run_request(struct control *control, struct session *session,
                        struct control_ticket ticket, const json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "do"));
    const struct control_act *act = name ? find_act(control, name) : NULL;
    struct err_text en;
    struct err_text zh;
    if (!act) {
        control_refuse(control, ticket, "unsupported", "no such act", "没有该操作");
        return;
    }
    json_t *none = json_object();
    const json_t *args = json_object_get(request, "args");
    struct control_call call = {
        .ticket = ticket, .actor = session->actor, .args = json_is_object(args) ? args : none};
    bool known = console_take(control, request, &call.actor, &en, &zh);
    if (known)
        call.session = sessions_take(control, request, &call.actor);
    /* Of a tablet that is not known nobody is signed on: what is left is the emergency raise, and
     * the console's own question which tablets there are. */
    if (!known && !(call.actor.console && console_may_tabletless(act, call.args)))
        control_refuse(control, ticket, "denied", en.text, zh.text);
    else if (numbered_take(control, act, request, &call))
        run_call(control, act, &call);
    json_decref(none);
}

static void on_request(void *ctx, struct line_client *client, const json_t *request)
{
    const json_t *id = json_object_get(request, "id");
    struct control_ticket ticket = {line_client_id(client), json_integer_value(id)};
    run_request(ctx, line_client_data(client), ticket, request);
}

/* ---- events ---- */

/* The names a subscriber asks for, as the keys of an object. False: not a list of at most
 * EVENT_NAMES_MAX names. Without a list *out is NULL. */
static bool take_wanted(const json_t *request, json_t **out)
{
    const json_t *names = json_object_get(request, "events");
    json_t *wanted = names ? json_object() : NULL;
    size_t at;
    json_t *name;
    bool ok =
        !names || (wanted && json_is_array(names) && json_array_size(names) <= EVENT_NAMES_MAX);
    if (ok)
        json_array_foreach(names, at, name)
        {
            ok = ok && json_is_string(name) &&
                 json_object_set_new(wanted, json_string_value(name), json_true()) == 0;
        }
    if (!ok) {
        json_decref(wanted);
        return false;
    }
    *out = wanted;
    return true;
}

static void on_subscribe(void *ctx, struct line_client *client, const json_t *request)
{
    struct control *control = ctx;
    struct session *session = line_client_data(client);
    const char *what = json_string_value(json_object_get(request, "do"));
    if (what && strcmp(what, "watch_tablets") == 0) {
        console_watch_tablets(control, client, request);
        return;
    }
    if (!what || strcmp(what, "subscribe") != 0) {
        line_client_send_json(client, line_error("unsupported", "expected subscribe", "请先订阅"));
        return;
    }
    struct control_actor actor = session->actor;
    struct err_text en;
    struct err_text zh;
    if (!console_take(control, request, &actor, &en, &zh)) {
        line_client_send_json(client, line_error("denied", en.text, zh.text));
        return;
    }
    uint64_t token_id = sessions_take(control, request, &actor);
    if (token_id == 0 && (actor.console || json_object_get(request, "token"))) {
        line_client_send_json(client, line_error("denied", "the token is not valid", "令牌无效"));
        return;
    }
    json_t *wanted = NULL;
    if (!take_wanted(request, &wanted)) {
        line_client_send_json(client, line_error("invalid", "events: expected a list of names",
                                                 "events：应为事件名称列表"));
        return;
    }
    json_decref(session->wanted);
    session->wanted = wanted;
    session->subscribed = true;
    session->console = actor.console;
    session->token_id = token_id;
    line_client_send_json(client, json_pack("{s:b,s:s}", "ok", 1, "officer", actor.officer));
}

static const struct line_ops control_ops = {open_session, on_request, close_session};
static const struct line_ops events_ops = {open_session, on_subscribe, close_session};

struct publication {
    const char *name; /* NULL: it has none */
    const char *text;
    size_t size;
    bool shows_plates;
};

struct visit {
    void (*each)(void *ctx, struct line_client *client);
    void *ctx;
};

static void visit_subscriber(void *ctx, struct line_client *client)
{
    const struct visit *visit = ctx;
    const struct session *session = line_client_data(client);
    if (session->subscribed)
        visit->each(visit->ctx, client);
}

void control_each_subscriber(struct control *control,
                             void (*each)(void *ctx, struct line_client *client), void *ctx)
{
    struct visit visit = {each, ctx};
    control_each_on_events(control, visit_subscriber, &visit);
}

void control_each_on_events(struct control *control,
                            void (*each)(void *ctx, struct line_client *client), void *ctx)
{
    line_server_each(control->server, &events_ops, each, ctx);
}

static void publish_to(void *ctx, struct line_client *client)
{
    const struct publication *publication = ctx;
    const struct session *session = line_client_data(client);
    if (session->wanted && publication->name &&
        !json_object_get(session->wanted, publication->name))
        return;
    if (publication->shows_plates &&
        !rights_see_plates(
            tokens_by_id(&session->control->tokens, session->token_id, clock_mono(&clock_system))))
        return;
    line_client_send(client, publication->text, publication->size);
}

void control_publish(struct control *control, json_t *event, bool shows_plates)
{
    char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;
    if (text) { /* else no memory: the journal still has it */
        const char *name = json_string_value(json_object_get(event, "event"));
        struct publication publication = {name, text, strlen(text), shows_plates};
        control_each_subscriber(control, publish_to, &publication);
    }
    json_decref(event);
    free(text);
}

size_t control_shift(const struct control *control, struct token_on_shift *out, size_t max)
{
    return tokens_on_shift(&control->tokens, clock_mono(&clock_system), out, max);
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

static void find_console(struct control *control)
{
    struct passwd record;
    struct passwd *user = NULL;
    char text[4096];
    if (control->options.console_user &&
        getpwnam_r(control->options.console_user, &record, text, sizeof text, &user) == 0 && user) {
        control->console_uid = user->pw_uid;
        control->has_console_uid = true;
    }
}

static int listen_all(struct control *control, struct err_text *err)
{
    const char *dir = control->options.runtime_dir;
    if (snprintf(control->control_path, CONTROL_PATH_SIZE, "%s/control", dir) >=
            CONTROL_PATH_SIZE ||
        snprintf(control->events_path, CONTROL_PATH_SIZE, "%s/events", dir) >= CONTROL_PATH_SIZE)
        return err_set(err, ERR_INVALID, "runtime_dir: longer than %d bytes",
                       CONTROL_PATH_SIZE - 10);
    struct line_listener acts = {.path = control->control_path,
                                 .mode = 0660,
                                 .group = control->options.control_group,
                                 .ops = &control_ops,
                                 .ctx = control,
                                 .clients_max = CLIENTS_MAX,
                                 .clients_of_one_max = CLIENTS_OF_ONE_MAX,
                                 .line_max_bytes = CONTROL_LINE_MAX_BYTES,
                                 .output_max_bytes = OUTPUT_MAX_BYTES,
                                 .output_all_max_bytes = OUTPUT_ALL_MAX_BYTES};
    struct line_listener events = acts;
    events.path = control->events_path;
    events.group = control->options.events_group;
    events.ops = &events_ops;
    events.clients_max = SUBSCRIBERS_MAX;
    events.clients_of_one_max = SUBSCRIBERS_OF_ONE_MAX;
    int result = line_server_listen(control->server, &acts, err);
    return result == 0 ? line_server_listen(control->server, &events, err) : result;
}

static void on_tick(void *ctx)
{
    struct control *control = ctx;
    sessions_tick(control);
    once_tick(control->once, clock_mono(&clock_system));
}

int control_create(const struct control_options *options, struct control **out,
                   struct err_text *err)
{
    struct control *control = calloc(1, sizeof *control);
    if (!control)
        return err_set(err, ERR_NO_MEMORY, "control: no memory");
    control->options = *options;
    thread_lock_init(&control->names_lock);
    find_admin_group(control);
    find_console(control);
    struct passwords_options passwords = {.accounts_path = options->accounts_path,
                                          .tablets_path = options->tablets_path,
                                          .guesses_path = options->guesses_path,
                                          .ctx = options->ctx,
                                          .record = options->record,
                                          .done = sign_on_job_done,
                                          .named = sign_on_name,
                                          .done_ctx = control};
    int result = once_create(&control->once);
    if (result != 0)
        (void)err_set(err, result, "control: no memory or no random bytes");
    if (result == 0)
        result = line_server_create(&control->server, err);
    if (result == 0)
        result = passwords_create(&passwords, &control->passwords, err);
    if (result == 0) {
        control->tablets = *passwords_tablets(control->passwords);
        sessions_begin(control);
        line_server_on_tick(control->server, on_tick, control);
        result = listen_all(control, err);
    }
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
    once_destroy(control->once);
    pthread_mutex_destroy(&control->names_lock);
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

void control_guesses_run(struct thread *self, void *arg)
{
    struct control *control = arg;
    passwords_keep_run(self, control->passwords);
}

struct line_server *control_server(struct control *control)
{
    return control->server;
}
