/* See answer.h. */
#include "gateway/console/answer.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/console/connections.h"

static const struct {
    const char *name;
    const char *value;
} security_headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; "
     "img-src 'self' blob: data:; media-src 'self'; font-src 'self'; connect-src 'self'; "
     "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
     "require-trusted-types-for 'script'; trusted-types checkpoint"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy",
     "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), "
     "microphone=(), midi=(), payment=(), serial=(), usb=()"},
    {"Strict-Transport-Security", "max-age=31536000"},
};

void answer_header(struct evhttp_request *http, const char *name, const char *value)
{
    /* out of memory: the answer goes without it, and with what else there is none */
    (void)evhttp_add_header(evhttp_request_get_output_headers(http), name, value);
}

void answer_headers(struct evhttp_request *http, const char *type, bool kept)
{
    for (size_t i = 0; i < sizeof security_headers / sizeof security_headers[0]; i++)
        answer_header(http, security_headers[i].name, security_headers[i].value);
    answer_header(http, "Cache-Control", kept ? "no-cache" : "no-store");
    if (type)
        answer_header(http, "Content-Type", type);
}

static void send_buffer(struct evhttp_request *http, int status, struct evbuffer *body)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(http);
    struct bufferevent *bev = connection ? evhttp_connection_get_bufferevent(connection) : NULL;
    /* a request whose connection has gone is freed by this as well */
    evhttp_send_reply(http, status, NULL, body);
    if (!bev)
        return;
    answer_join(bev);
    connection_answered(bufferevent_openssl_get_ssl(bev));
}

void answer_join(struct bufferevent *bev)
{
    struct evbuffer *output = bufferevent_get_output(bev);
    size_t size = evbuffer_get_length(output);
    if (size <= SSL3_RT_MAX_PLAIN_LENGTH)
        (void)evbuffer_pullup(output, (ev_ssize_t)size); /* without memory it goes in parts */
}

void answer_bytes(struct evhttp_request *http, int status, const char *type, const void *data,
                  size_t size)
{
    struct evbuffer *body = size > 0 ? evbuffer_new() : NULL;
    bool made = size == 0 || (body && evbuffer_add(body, data, size) == 0);
    answer_buffer(http, made ? status : 503, type, made ? body : NULL);
    if (body)
        evbuffer_free(body);
}

void answer_buffer(struct evhttp_request *http, int status, const char *type, struct evbuffer *body)
{
    if (!evhttp_find_header(evhttp_request_get_output_headers(http), "Content-Security-Policy"))
        answer_headers(http, type, false);
    send_buffer(http, status, body);
}

void answer_page(struct evhttp_request *http, const uint8_t *data, size_t size)
{
    struct evbuffer *body = evbuffer_new();
    bool made = body && evbuffer_add_reference(body, data, size, NULL, NULL) == 0;
    send_buffer(http, made ? 200 : 503, made ? body : NULL);
    if (body)
        evbuffer_free(body);
}

void answer_json(struct evhttp_request *http, int status, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    answer_bytes(http, text ? status : 503, "application/json", text, text ? strlen(text) : 0);
    free(text);
}

static json_t *refusal_json(const struct answer_words *words)
{
    return json_pack("{s:b,s:{s:s,s:s,s:s}}", "ok", 0, "error", "code", words->code, "en",
                     words->en, "zh", words->zh);
}

void answer_refusal(struct evhttp_request *http, int status, const struct answer_words *words)
{
    answer_json(http, status, refusal_json(words));
}

/* What libevent says by itself, and ours for it; the last for whatever else. */
static const struct refused {
    int said;
    int status;
    const char *phrase;
    struct answer_words words;
} refused[] = {
    {413, 413, "Content Too Large", {"too_large", "too large", "内容过大"}},
    {417,
     417,
     "Expectation Failed",
     {"unsupported", "Expect: not of this server", "不支持 Expect"}},
    {501, 405, "Method Not Allowed", {"unsupported", "not by this method", "不支持该方法"}},
    {503, 503, "Service Unavailable", {"no_memory", "no memory", "内存不足"}},
    {0, 400, "Bad Request", {"invalid", "not a request that can be read", "请求格式不被接受"}},
};

static const struct refused *find_refused(int said)
{
    const struct refused *one = refused;
    while (one->said != 0 && one->said != said)
        one++;
    return one;
}

bool answer_replace(struct evbuffer *output)
{
    char first[sizeof "HTTP/1.1 400"] = "";
    if (evbuffer_copyout(output, first, sizeof first - 1) < 0)
        return false;
    const char *blank = strchr(first, ' ');
    int said = blank ? (int)strtol(blank + 1, NULL, 10) : 0;
    if (said >= 100 && said < 200)
        return true;
    const struct refused *one = find_refused(said);
    json_t *object = refusal_json(&one->words);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    bool done = text && evbuffer_drain(output, evbuffer_get_length(output)) == 0 &&
                evbuffer_add_printf(output, "HTTP/1.1 %d %s\r\n", one->status, one->phrase) > 0;
    for (size_t i = 0; done && i < sizeof security_headers / sizeof security_headers[0]; i++)
        done = evbuffer_add_printf(output, "%s: %s\r\n", security_headers[i].name,
                                   security_headers[i].value) > 0;
    done =
        done && evbuffer_add_printf(output,
                                    "Cache-Control: no-store\r\nContent-Type: application/json\r\n"
                                    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                                    strlen(text), text) > 0;
    free(text);
    return done;
}

void answer_error(struct evhttp_request *http, int status, const json_t *error)
{
    answer_json(http, status, json_pack("{s:b,s:O}", "ok", 0, "error", (json_t *)(uintptr_t)error));
}

void answer_result(struct evhttp_request *http, const char *result, size_t size)
{
    static const char head[] = "{\"ok\":true,\"result\":";
    struct evbuffer *body = evbuffer_new();
    bool made = body && evbuffer_add(body, head, sizeof head - 1) == 0 &&
                evbuffer_add(body, result, size) == 0 && evbuffer_add(body, "}", 1) == 0;
    answer_buffer(http, made ? 200 : 503, "application/json", made ? body : NULL);
    if (body)
        evbuffer_free(body);
}
