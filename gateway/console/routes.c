/*
 * What may be asked, of whom, and what is done: two tables, the paths and the acts. Everything else
 * is 404. Each request is judged whole before anything of it is done.
 */
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/json.h"
#include "gateway/console/exchange.h"
#include "gateway/tls/context.h"

enum {
    NEED_SESSION = 1, /* 401 without a cookie of the right form */
    NEED_CSRF = 2,
    AT_PAIRING = 4 /* at the pairing end, and only there */
};

struct route {
    const char *method;
    const char *path;
    unsigned needs;
    void (*run)(struct exchange *x, const char *query);
};

/* What a page may have done. Accounts, configuration and bus writes are for checkpointctl. */
static const char *const acts[] = {"ack",
                                   "camera_trigger",
                                   "check",
                                   "codes",
                                   "convoy",
                                   "convoy_end",
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
                                   "tablets",
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
static const struct answer_words not_found = {"not_found", "no such path", "没有该地址"};
static const struct answer_words no_method = {"unsupported", "not by this method", "不支持该方法"};

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

static void post_login(struct exchange *x, const char *query)
{
    static const struct answer_words wrong = {"invalid", "expected officer and pin",
                                              "缺少警号或口令"};
    (void)query; /* it has none */
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

static void post_logout(struct exchange *x, const char *query)
{
    (void)query; /* it has none */
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

static void get_session(struct exchange *x, const char *query)
{
    (void)query; /* it has none */
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

static void post_act(struct exchange *x, const char *query)
{
    static const struct answer_words wrong = {"invalid", "do: not an act of the console",
                                              "do：不是控制台的操作"};
    static const struct answer_words no_args = {"invalid", "args: expected an object",
                                                "args：应为对象"};
    (void)query; /* it has none */
    const char *name = json_string_value(json_object_get(x->body, "do"));
    json_t *args = json_object_get(x->body, "args");
    if (!is_act(name))
        exchange_refuse(x, 400, 0, &wrong);
    else if (args && !json_is_object(args))
        exchange_refuse(x, 400, 0, &no_args);
    else
        exchange_ask(x, exchange_request(x, name, json_incref(args)),
                     json_is_true(json_object_get(args, "emergency")), on_act);
}

/* For whoever stands in the booth, signed on or not: the way is opened, and recorded. */
static void post_emergency_raise(struct exchange *x, const char *query)
{
    static const struct answer_words wrong = {"invalid", "lane: expected its number",
                                              "lane：应为车道号"};
    (void)query; /* it has none */
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

/* ---- the picture and its stream ---- */

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
    if (rc != 0)
        refuse_feed(x, rc);
    else
        exchange_end(x);
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

static void get_board(struct exchange *x, const char *query)
{
    (void)query; /* it has none */
    with_feed(x, on_board_feed);
}

static void get_stream(struct exchange *x, const char *query)
{
    (void)query; /* it has none */
    with_feed(x, on_stream_feed);
}

/* ---- finding ---- */

static const struct route routes[] = {
    {"POST", "/api/login", 0, post_login},
    {"POST", "/api/logout", NEED_SESSION | NEED_CSRF, post_logout},
    {"GET", "/api/session", NEED_SESSION, get_session},
    {"POST", "/api/act", NEED_SESSION | NEED_CSRF, post_act},
    {"POST", "/api/emergency_raise", 0, post_emergency_raise},
    {"GET", "/api/board", NEED_SESSION, get_board},
    {"GET", "/api/stream", NEED_SESSION, get_stream},
};

static const char *method_of(const struct evhttp_request *http)
{
    switch (evhttp_request_get_command(http)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_HEAD:
    case EVHTTP_REQ_PUT:
    case EVHTTP_REQ_DELETE:
    case EVHTTP_REQ_OPTIONS:
    case EVHTTP_REQ_TRACE:
    case EVHTTP_REQ_CONNECT:
    case EVHTTP_REQ_PATCH:
        break;
    }
    return "other";
}

static void send_page(struct exchange *x, const struct page *page)
{
    const char *known = exchange_header(x, "If-None-Match");
    answer_headers(x->http, page->type, true);
    answer_header(x->http, "ETag", page->tag);
    if (known && strcmp(known, page->tag) == 0)
        answer_bytes(x->http, HTTP_NOTMODIFIED, NULL, NULL, 0);
    else
        answer_page(x->http, page->data, page->size);
    exchange_end(x);
}

static const struct route *find_route(const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    return NULL;
}

/* Another site's page may lead a browser here, it may not send or read anything. NULL: it is ours.
 */
static const char *cross_site(const struct exchange *x, bool post)
{
    const char *site = exchange_header(x, "Sec-Fetch-Site");
    if (site && strcmp(site, "same-origin") != 0 && (post || strcmp(site, "none") != 0))
        return "Sec-Fetch-Site: another site's page";
    if (post && !request_same_origin(exchange_header(x, "Origin"), exchange_header(x, "Host")))
        return "Origin: expected this server";
    return NULL;
}

static bool is_json(const struct exchange *x)
{
    const char *type = exchange_header(x, "Content-Type");
    const size_t size = strlen("application/json");
    return type && strncasecmp(type, "application/json", size) == 0 &&
           (type[size] == '\0' || type[size] == ';');
}

/* The body, an object; the bytes are wiped, a PIN may be among them. */
static bool take_body(struct exchange *x, struct err_text *err)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(x->http);
    size_t size = evbuffer_get_length(input);
    uint8_t *text = evbuffer_pullup(input, -1);
    int rc = size > 0 && text ? json_parse((const char *)text, size, &x->body, err)
                              : err_set(err, ERR_INVALID, "expected a JSON object");
    if (text)
        explicit_bzero(text, size);
    if (rc == 0 && !json_is_object(x->body))
        rc = err_set(err, ERR_INVALID, "expected a JSON object");
    return rc == 0;
}

static void serve_route(struct exchange *x, const struct route *route, const char *query)
{
    static const struct answer_words no_json = {
        "invalid", "Content-Type: expected application/json", "Content-Type 应为 application/json"};
    static const struct answer_words no_csrf = {"denied", "X-CSRF-Token: not this session's",
                                                "X-CSRF-Token 与会话不符"};
    bool post = strcmp(route->method, "POST") == 0;
    const char *cross = cross_site(x, post);
    struct err_text err = {""};
    bool signed_on = request_token(exchange_header(x, "Cookie"), x->token);
    if (!signed_on)
        x->token[0] = '\0';
    if (cross)
        exchange_refuse(x, 403, EVENT_CONSOLE_REQUEST_REFUSED,
                        &(struct answer_words){"denied", cross, "跨站请求被拒绝"});
    else if (post && !is_json(x))
        exchange_refuse(x, 415, EVENT_CONSOLE_REQUEST_REFUSED, &no_json);
    else if (route->needs & NEED_SESSION && !signed_on)
        exchange_refuse(x, 401, 0, &no_session);
    else if (route->needs & NEED_CSRF &&
             !request_csrf_fits(x->token, exchange_header(x, "X-CSRF-Token")))
        exchange_refuse(x, 403, EVENT_CONSOLE_REQUEST_REFUSED, &no_csrf);
    else if (post && !take_body(x, &err))
        exchange_refuse(
            x, 400, EVENT_CONSOLE_REQUEST_REFUSED,
            &(struct answer_words){"invalid", err.text, "请求内容不是有效的 JSON 对象"});
    else
        route->run(x, query);
}

/* Whose tablet it is; an unknown one gets nothing, not even the pages. */
static bool take_tablet(struct exchange *x)
{
    struct tls_cert_facts facts;
    struct err_text err = {""};
    if (tls_peer_facts(exchange_ssl(x), &facts, &err) != 0)
        return false;
    if (tablets_find(x->console->tablets, facts.fingerprint, x->tablet))
        return true;
    tablets_refresh(x->console->tablets); /* it may have been paired this second */
    return false;
}

void routes_serve(struct exchange *x, const struct end *end, const char *path, const char *query)
{
    static const struct answer_words no_tablet = {
        "tablet", "this tablet is not paired, or was revoked", "该平板未配对或已被吊销"};
    const char *method = method_of(x->http);
    const struct page *page = pages_find(&x->console->pages, path);
    const struct route *route = find_route(path);
    bool here = route && ((route->needs & AT_PAIRING) != 0) == end->pairing;
    if (end->pairing && strcmp(path, "/") == 0)
        page = pages_find(&x->console->pages, "/pair");
    if (!end->pairing && x->console->options.tablet_roots && !take_tablet(x))
        exchange_refuse(x, 403, EVENT_CONSOLE_TABLET_REFUSED, &no_tablet);
    else if (!page && !here)
        exchange_refuse(x, 404, 0, &not_found);
    else if (strcmp(method, page ? "GET" : route->method) != 0)
        exchange_refuse(x, 405, EVENT_CONSOLE_REQUEST_REFUSED, &no_method);
    else if (page)
        send_page(x, page);
    else
        serve_route(x, route, query);
}
