/*
 * What each path does, once its request was judged: asks checkpointd in the session's name and
 * answers what it said. Everything waits in callbacks, nothing here does.
 */
#include "gateway/console/handlers.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/console/pictures.h"

/* What a page may have done. Accounts, configuration and bus writes are for checkpointctl. */
static const char *const acts[] = {"ack",
                                   "acts",
                                   "backup_end",
                                   "camera_trigger",
                                   "check",
                                   "codes",
                                   "convoy",
                                   "convoy_end",
                                   "duty",
                                   "guided_test",
                                   "handover",
                                   "handover_accept",
                                   "help",
                                   "help_end",
                                   "history",
                                   "history_more",
                                   "hit_agree",
                                   "hit_close",
                                   "hit_confirm",
                                   "hit_feedback",
                                   "hit_intercept",
                                   "hit_reject",
                                   "hit_show",
                                   "hit_sign",
                                   "hits",
                                   "hold",
                                   "inspected",
                                   "lanes",
                                   "lookout_add",
                                   "lookout_end",
                                   "lookouts",
                                   "lower",
                                   "lower_beat",
                                   "lower_end",
                                   "messages",
                                   "metrics",
                                   "officer_passwd",
                                   "raise",
                                   "raise_all",
                                   "release",
                                   "report",
                                   "service_in",
                                   "service_out",
                                   "status",
                                   "stop",
                                   "stop_record",
                                   "test_lower",
                                   "test_raise",
                                   "test_stop",
                                   "test_watch",
                                   "well"};

static const struct answer_words no_session = {"session", "sign on first", "请先登录"};
static const struct answer_words away = {"unreachable", "checkpointd does not answer",
                                         "检查站主程序无应答"};
static const struct answer_words busy = {"busy", "too many requests at once, wait a moment",
                                         "请求过于频繁，请稍候"};
static const struct answer_words too_large = {"too_large", "too large", "内容过大"};

/* ---- checkpointd's answers ---- */

static int status_of(const char *code)
{
    static const struct {
        const char *code;
        int status;
    } table[] = {{"invalid", 400},  {"unsupported", 400}, {"session", 401},   {"denied", 403},
                 {"pin", 403},      {"second", 403},      {"not_found", 404}, {"too_large", 413},
                 {"busy", 429},     {"quota", 429},       {"full", 429},      {"journal", 503},
                 {"timeout", 503},  {"io", 503},          {"corrupt", 503},   {"stopped", 503},
                 {"no_memory", 503}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].code, code) == 0)
            return table[i].status;
    return 409; /* the act's own refusals: answered, held, too_soon … */
}

static void refuse_away(struct exchange *x, int rc)
{
    if (rc == ERR_BUSY)
        exchange_refuse(x, 429, 0, &busy);
    else if (rc == ERR_TOO_LARGE)
        exchange_refuse(x, 413, 0, &too_large);
    else
        exchange_refuse(x, 503, 0, &away);
}

static void drop_cookie(struct exchange *x)
{
    answer_header(x->http, "Set-Cookie",
                  REQUEST_COOKIE_NAME "=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict");
}

static void refuse_as_said(struct exchange *x, const struct relay_answer *answer)
{
    answer_error(x->http, status_of(relay_code(answer)), answer->error);
    exchange_end(x);
}

static void refuse_session(struct exchange *x)
{
    drop_cookie(x);
    exchange_refuse(x, 401, EVENT_CONSOLE_SESSION_REFUSED, &no_session);
}

/* Refused as `denied`: for the role, or because the session is none? */
struct denied {
    struct exchange *x;
    json_t *error;
};

static void on_denied(void *ctx, const struct relay_answer *answer)
{
    struct denied *denied = ctx;
    const struct relay_answer before = {.error = denied->error};
    if (strcmp(relay_code(answer), "denied") == 0)
        refuse_session(denied->x);
    else
        refuse_as_said(denied->x, &before);
    json_decref(denied->error);
    free(denied);
}

static void refuse_denied(struct exchange *x, const struct relay_answer *answer)
{
    struct denied *denied = calloc(1, sizeof *denied);
    if (!denied) {
        refuse_as_said(x, answer);
        return;
    }
    denied->x = x;
    denied->error = json_deep_copy(answer->error);
    if (relay_ask(x->console->relay, exchange_request(x, "session", NULL), RELAY_WAIT_MS, false,
                  on_denied, denied))
        return;
    refuse_as_said(x, answer);
    json_decref(denied->error);
    free(denied);
}

/* True when there is a result; otherwise the exchange was ended. */
static bool was_done(struct exchange *x, const struct relay_answer *answer)
{
    if (answer->rc == 0 && answer->ok)
        return true;
    if (answer->rc != 0)
        refuse_away(x, answer->rc);
    else if (strcmp(relay_code(answer), "denied") == 0 && x->token[0])
        refuse_denied(x, answer);
    else
        refuse_as_said(x, answer);
    return false;
}

static void on_act(void *ctx, const struct relay_answer *answer)
{
    struct exchange *x = ctx;
    if (!was_done(x, answer))
        return;
    answer_result(x->http, answer->result, answer->size);
    exchange_end(x);
}

/* ---- sessions ---- */

static json_t *parse_result(const struct relay_answer *answer)
{
    json_t *result = NULL;
    return json_parse(answer->result, answer->size, &result, NULL) == 0 ? result : NULL;
}

/* Who is signed on, with the word a page must send with each act. */
static void answer_session(struct exchange *x, json_t *result, const char *token)
{
    char csrf[REQUEST_CSRF_SIZE];
    if (result && request_csrf(token, csrf) &&
        json_object_set_new(result, "csrf", json_string(csrf)) == 0) {
        answer_json(x->http, 200, result);
    } else {
        json_decref(result);
        answer_refusal(x->http, 503, &away);
    }
    exchange_end(x);
}

static void on_login(void *ctx, const struct relay_answer *answer)
{
    struct exchange *x = ctx;
    char cookie[256];
    if (!was_done(x, answer))
        return;
    json_t *result = parse_result(answer);
    const char *token = json_string_value(json_object_get(result, "token"));
    bool fits = token && strlen(token) == REQUEST_TOKEN_SIZE - 1;
    if (!fits) {
        json_decref(result);
        exchange_refuse(x, 503, 0, &away);
        return;
    }
    memcpy(x->token, token, REQUEST_TOKEN_SIZE);
    (void)snprintf(cookie, sizeof cookie,
                   REQUEST_COOKIE_NAME "=%s; Path=/; Secure; HttpOnly; SameSite=Strict",
                   x->token); /* fits */
    answer_header(x->http, "Set-Cookie", cookie);
    explicit_bzero(cookie, sizeof cookie);
    (void)json_object_del(result, "token"); /* it was there */
    answer_session(x, result, x->token);
}

void handle_post_login(struct exchange *x, const char *path)
{
    static const struct answer_words wrong = {"invalid", "expected officer and pin",
                                              "缺少警号或口令"};
    (void)path; /* known */
    const json_t *officer = json_object_get(x->body, "officer");
    const json_t *pin = json_object_get(x->body, "pin");
    x->token[0] = '\0'; /* whoever was signed on here before has nothing to do with it */
    if (!json_is_string(officer) || !json_is_string(pin))
        exchange_refuse(x, 400, 0, &wrong);
    else
        exchange_ask(x,
                     exchange_request(x, "login",
                                      json_pack("{s:O,s:O}", "officer", officer, "password", pin)),
                     false, on_login);
}

static void on_logout(void *ctx, const struct relay_answer *answer)
{
    struct exchange *x = ctx;
    if (answer->rc != 0) {
        refuse_away(x, answer->rc);
        return;
    }
    feeds_end(x->console->feeds, x->token, x->tablet);
    drop_cookie(x);
    answer_result(x->http, "{}", 2);
    exchange_end(x);
}

void handle_post_logout(struct exchange *x, const char *path)
{
    (void)path; /* known */
    exchange_ask(x, exchange_request(x, "logout", NULL), true, on_logout);
}

static void on_session(void *ctx, const struct relay_answer *answer)
{
    struct exchange *x = ctx;
    if (answer->rc == 0 && strcmp(relay_code(answer), "denied") == 0)
        refuse_session(x);
    else if (was_done(x, answer))
        answer_session(x, parse_result(answer), x->token);
}

void handle_get_session(struct exchange *x, const char *path)
{
    (void)path; /* known */
    exchange_ask(x, exchange_request(x, "session", NULL), false, on_session);
}

/* ---- acts ---- */

static bool is_act(const char *name)
{
    for (size_t i = 0; name && i < sizeof acts / sizeof acts[0]; i++)
        if (strcmp(acts[i], name) == 0)
            return true;
    return false;
}

/* A boom goes up or stops, somebody calls for help: not behind what else is asked. */
static bool is_urgent(const char *name, const json_t *args)
{
    static const char *const names[] = {"help",      "hold", "lower_end",
                                        "raise_all", "stop", "test_stop"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return json_is_true(json_object_get(args, "emergency"));
}

/* Under the page's own number, which checkpointd judges. */
static json_t *act_request(const struct exchange *x, const char *name, json_t *args)
{
    json_t *request = exchange_request(x, name, json_incref(args));
    json_t *once = json_object_get(x->body, "once");
    if (request && once && json_object_set(request, "once", once) != 0) {
        json_decref(request);
        return NULL;
    }
    return request;
}

void handle_post_act(struct exchange *x, const char *path)
{
    static const struct answer_words wrong = {"invalid", "do: not an act of the console",
                                              "do：不是控制台的操作"};
    static const struct answer_words no_args = {"invalid", "args: expected an object",
                                                "args：应为对象"};
    (void)path; /* known */
    const char *name = json_string_value(json_object_get(x->body, "do"));
    json_t *args = json_object_get(x->body, "args");
    if (!is_act(name))
        exchange_refuse(x, 400, 0, &wrong);
    else if (args && !json_is_object(args))
        exchange_refuse(x, 400, 0, &no_args);
    else
        exchange_ask(x, act_request(x, name, args), is_urgent(name, args), on_act);
}

/* For whoever stands in the booth, signed on or not: the way is opened, and recorded. */
void handle_post_emergency_raise(struct exchange *x, const char *path)
{
    static const struct answer_words wrong = {"invalid", "lane: expected its number",
                                              "lane：应为车道号"};
    (void)path; /* known */
    json_t *lane = json_object_get(x->body, "lane");
    if (!json_is_integer(lane)) {
        exchange_refuse(x, 400, 0, &wrong);
        return;
    }
    exchange_ask(x,
                 exchange_request(x, "raise",
                                  json_pack("{s:O,s:b,s:s}", "lane", lane, "emergency", 1, "reason",
                                            "emergency")),
                 true, on_act);
}

static const struct answer_words no_picture = {"not_found", "no such picture of this hit",
                                               "该命中没有此图片"};

static void on_shown(void *ctx, const struct relay_answer *answer)
{
    struct exchange *x = ctx;
    if (was_done(x, answer))
        pictures_of_hit(x, answer);
}

/* A hit's number stays a number for checkpointd. */
void handle_get_pictures(struct exchange *x, const char *path)
{
    char hit[REQUEST_HIT_SIZE];
    if (!request_picture_path(path, hit, x->sha)) {
        exchange_refuse(x, 404, 0, &no_picture);
        return;
    }
    bool number = hit[strspn(hit, "0123456789")] == '\0' && strlen(hit) <= 15;
    json_t *args = number ? json_pack("{s:I}", "hit", (json_int_t)strtoll(hit, NULL, 10))
                          : json_pack("{s:s}", "hit", hit);
    exchange_ask(x, exchange_request(x, "hit_show", args), false, on_shown);
}

/* ---- the board and its stream ---- */

static void refuse_feed(struct exchange *x, int rc)
{
    if (rc == ERR_FULL)
        notes_tell(&x->console->notes, EVENT_CONSOLE_FULL, x->address, x->tablet,
                   "every stream is taken");
    exchange_refuse(x, 503, 0, rc == ERR_FULL ? &busy : &away);
}

static void on_board(void *ctx, const struct relay_answer *answer)
{
    struct exchange *x = ctx;
    char stream[96];
    if (!was_done(x, answer))
        return;
    int size =
        snprintf(stream, sizeof stream, "{\"stream\":{\"epoch\":\"%s\",\"id\":%llu}%s", x->at.epoch,
                 (unsigned long long)x->at.number, answer->size > 2 ? "," : ""); /* fits */
    struct evbuffer *body = evbuffer_new();
    bool made = body && evbuffer_add(body, stream, (size_t)size) == 0 &&
                evbuffer_add(body, answer->result + 1, answer->size - 1) == 0;
    if (made)
        answer_buffer(x->http, 200, "application/json", body);
    else
        answer_refusal(x->http, 503, &away);
    if (body)
        evbuffer_free(body);
    exchange_end(x);
}

/* The place in the stream is taken before the board is made: what happens in between comes twice
 * rather than never. */
static void on_board_feed(void *ctx, struct feed *feed, enum feed_state state)
{
    struct exchange *x = ctx;
    if (state == FEED_REFUSED) {
        refuse_session(x);
    } else if (state != FEED_LIVE) {
        exchange_refuse(x, 503, 0, &away);
    } else {
        feed_newest(feed, &x->at);
        exchange_ask(x, exchange_request(x, "board", NULL), false, on_board);
    }
}

static void stream_from(struct exchange *x, struct feed *feed)
{
    struct stream_id after;
    const char *header = exchange_header(x, "Last-Event-ID");
    struct evhttp_request *http = x->http;
    bool given = header && header[0] != '\0';
    if (given && !request_stream_id(header, &after))
        memset(&after, 0, sizeof after); /* no epoch's: `reset` */
    connection_streams(exchange_ssl(x));
    answer_headers(http, "text/event-stream; charset=utf-8", false);
    answer_header(http, "Connection", "close"); /* of use for nothing else afterwards */
    int rc = feed_stream(feed, http, given ? &after : NULL);
    if (rc != 0) {
        evhttp_clear_headers(evhttp_request_get_output_headers(http)); /* a refusal has others */
        refuse_feed(x, rc);
    } else {
        exchange_end(x);
    }
}

static void on_stream_feed(void *ctx, struct feed *feed, enum feed_state state)
{
    struct exchange *x = ctx;
    if (state == FEED_REFUSED)
        refuse_session(x);
    else
        stream_from(x, feed);
}

static void with_feed(struct exchange *x,
                      void (*ready)(void *ctx, struct feed *feed, enum feed_state state))
{
    struct feed *feed = NULL;
    int rc = feeds_get(x->console->feeds, x->token, x->tablet, &feed);
    if (rc == 0 && feed_state(feed) == FEED_OPENING)
        rc = feed_wait(feed, ready, x);
    else if (rc == 0) {
        ready(x, feed, feed_state(feed));
        return;
    }
    if (rc != 0)
        refuse_feed(x, rc);
}

void handle_get_board(struct exchange *x, const char *path)
{
    (void)path; /* known */
    with_feed(x, on_board_feed);
}

void handle_get_stream(struct exchange *x, const char *path)
{
    (void)path; /* known */
    with_feed(x, on_stream_feed);
}
