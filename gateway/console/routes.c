/*
 * What may be asked and of whom: one table of paths. Everything else is 404. Each request is judged
 * whole before anything of it is done.
 */
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/json.h"
#include "gateway/console/exchange.h"
#include "gateway/console/handlers.h"
#include "gateway/console/pair.h"
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
    void (*run)(struct exchange *x, const char *path);
};

static const struct answer_words no_session = {"session", "sign on first", "请先登录"};
static const struct answer_words not_found = {"not_found", "no such path", "没有该地址"};
static const struct answer_words no_method = {"unsupported", "not by this method", "不支持该方法"};

/* ---- finding ---- */

static const struct route routes[] = {
    {"POST", "/api/login", 0, handle_post_login},
    {"POST", "/api/logout", NEED_SESSION | NEED_CSRF, handle_post_logout},
    {"GET", "/api/session", NEED_SESSION, handle_get_session},
    {"POST", "/api/act", NEED_SESSION | NEED_CSRF, handle_post_act},
    {"POST", "/api/emergency_raise", 0, handle_post_emergency_raise},
    {"GET", "/api/board", NEED_SESSION, handle_get_board},
    {"GET", "/api/stream", NEED_SESSION, handle_get_stream},
    {"POST", "/api/pair", AT_PAIRING, handle_post_pair},
};
static const struct route picture_route = {"GET", "/api/hits/", NEED_SESSION, handle_get_pictures};

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
    return strncmp(path, picture_route.path, strlen(picture_route.path)) == 0 ? &picture_route
                                                                              : NULL;
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

static void serve_route(struct exchange *x, const struct route *route, const char *path)
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
        route->run(x, path);
}

/* Whose tablet it is; an unknown one gets nothing, not even the pages. */
static bool has_tablet(struct exchange *x)
{
    struct tls_cert_facts facts;
    struct err_text err = {""};
    return tls_peer_facts(exchange_ssl(x), &facts, &err) == 0 &&
           tablets_find(x->console->tablets, facts.fingerprint, x->tablet);
}

/* False: refused, which ends the exchange. */
static bool take_tablet(struct exchange *x)
{
    static const struct answer_words no_tablet = {
        "tablet", "this tablet is not paired, or was revoked", "该平板未配对或已被吊销"};
    static const struct answer_words not_known = {
        "unreachable", "the box has not told yet which tablets are paired",
        "尚未取得已配对平板名单"};
    if (has_tablet(x))
        return true;
    if (tablets_known(x->console->tablets))
        exchange_refuse(x, 403, EVENT_CONSOLE_TABLET_REFUSED, &no_tablet);
    else
        exchange_refuse(x, 503, 0, &not_known);
    return false;
}

void routes_serve(struct exchange *x, const struct end *end, const char *path)
{
    const char *method = method_of(x->http);
    const struct page *page = pages_find(&x->console->pages, path);
    const struct route *route = find_route(path);
    bool here = route && ((route->needs & AT_PAIRING) != 0) == end->pairing;
    if (end->pairing && strcmp(path, "/") == 0)
        page = pages_find(&x->console->pages, "/pair");
    if (!end->pairing && x->console->options.tablet_roots && !take_tablet(x))
        return;
    if (!page && !here)
        exchange_refuse(x, 404, 0, &not_found);
    else if (strcmp(method, page ? "GET" : route->method) != 0)
        exchange_refuse(x, 405, EVENT_CONSOLE_REQUEST_REFUSED, &no_method);
    else if (page)
        send_page(x, page);
    else
        serve_route(x, route, path);
}
