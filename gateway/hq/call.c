/*
 * See call.h. No state of its own.
 */
#include "gateway/hq/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/compress.h"
#include "gateway/base/json.h"

struct error_kind {
    int status;
    const char *code;
    const char *zh;
};

static const struct error_kind error_kinds[] = {
    {400, "bad_request", "请求格式错误"},
    {401, "unauthorized", "注册码无效"},
    {403, "denied", "无权限"},
    {404, "not_found", "不存在"},
    {405, "method", "不支持的方法"},
    {409, "conflict", "与当前状态冲突"},
    {413, "too_large", "请求过大"},
    {422, "refused", "内容未被接受"},
    {429, "busy", "请求过多，请稍后再试"},
    {503, "busy", "服务忙，请稍后再试"},
};
static const struct error_kind internal_error = {500, "internal", "服务器内部错误"};

int hq_call_init(struct hq_call *call, struct hqd *hq)
{
    *call = (struct hq_call){.hq = hq, .query = {.limit = HQ_LIMIT_DEFAULT}};
    call->answer.body = evbuffer_new();
    return call->answer.body ? 0 : ERR_NO_MEMORY;
}

void hq_call_fini(struct hq_call *call)
{
    if (call->state_free)
        call->state_free(call->state);
    if (call->answer.body)
        evbuffer_free(call->answer.body);
    free(call->reason);
    free(call->decoded);
    *call = (struct hq_call){0};
}

int hq_call_decode(struct hq_call *call, const char *encoding)
{
    struct err_text err = {""};
    size_t size = 0;
    if (!encoding || strcmp(encoding, "identity") == 0)
        return 0;
    int rc =
        strcmp(encoding, "zstd") == 0
            ? decompress_frame(call->body, call->size, HQ_REQUEST_MAX, &call->decoded, &size, &err)
            : err_set(&err, ERR_INVALID, "Content-Encoding: expected zstd or identity");
    if (rc != 0) {
        hq_answer_error(call,
                        rc == ERR_TOO_LARGE   ? 413
                        : rc == ERR_NO_MEMORY ? 503
                                              : 400,
                        "%s", err.text);
        return rc;
    }
    call->body = call->decoded;
    call->size = size;
    return 0;
}

void hq_answer_begin(struct hq_call *call, int status)
{
    call->answer.status = status;
    call->answer.type = "application/json";
    (void)evbuffer_drain(call->answer.body,
                         evbuffer_get_length(call->answer.body)); /* own buffer */
}

enum hq_step hq_answer_bytes(struct hq_call *call, int status, const char *type, const void *data,
                             size_t size)
{
    hq_answer_begin(call, status);
    call->answer.type = type;
    if (evbuffer_add(call->answer.body, data, size) != 0)
        return hq_answer_error(call, 503, "out of memory");
    return HQ_DONE;
}

enum hq_step hq_answer_json(struct hq_call *call, int status, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    if (!text)
        return hq_answer_error(call, 503, "out of memory");
    enum hq_step step = hq_answer_bytes(call, status, "application/json", text, strlen(text));
    free(text);
    return step;
}

static const struct error_kind *kind_of(int status)
{
    for (size_t i = 0; i < sizeof(error_kinds) / sizeof(error_kinds[0]); i++)
        if (error_kinds[i].status == status)
            return &error_kinds[i];
    return &internal_error;
}

enum hq_step hq_answer_error_with(struct hq_call *call, int status, const char *en, json_t *more)
{
    static const char no_memory[] =
        "{\"error\":{\"code\":\"busy\",\"en\":\"out of memory\",\"zh\":\"服务忙，请稍后再试\"}}";
    const struct error_kind *kind = kind_of(status);
    (void)snprintf(call->why, sizeof(call->why), "%s", en); /* a cut reason still reads */
    json_t *body =
        json_pack("{s:{s:s,s:s,s:s}}", "error", "code", kind->code, "en", en, "zh", kind->zh);
    if (body && more && json_object_update(body, more) != 0) {
        json_decref(body);
        body = NULL;
    }
    json_decref(more);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    hq_answer_begin(call, text ? status : 503);
    call->answer.retry = call->answer.status == 503 || call->answer.status == 429;
    call->answer.ask_password = call->answer.status == 401;
    /* an answer without its body still says its status */
    (void)evbuffer_add(call->answer.body, text ? text : no_memory,
                       text ? strlen(text) : sizeof(no_memory) - 1);
    free(text);
    return HQ_DONE;
}

enum hq_step hq_answer_error(struct hq_call *call, int status, const char *fmt, ...)
{
    char en[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(en, sizeof(en), fmt, args); /* a cut reason still reads */
    va_end(args);
    return hq_answer_error_with(call, status, en, NULL);
}

enum hq_step hq_answer_failure(struct hq_call *call, int rc, const struct err_text *err)
{
    bool passes = rc == ERR_BUSY || rc == ERR_FULL || rc == ERR_NO_MEMORY || rc == ERR_TIMEOUT;
    return hq_answer_error(call, passes ? 503 : 500, "%s", err->text[0] ? err->text : err_name(rc));
}

void hq_body_text(struct evbuffer *body, const char *text)
{
    json_t *value = json_string(text);
    char *quoted = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    /* without memory the answer is no JSON, which a reader refuses whole */
    (void)evbuffer_add_printf(body, "%s", quoted ? quoted : "");
    free(quoted);
    json_decref(value);
}

json_t *hq_time_json(int64_t ms)
{
    char text[WALL_TEXT_SIZE];
    if (ms == 0)
        return json_null();
    wall_format((struct wall_time){ms}, text);
    return json_string(text);
}

void hq_call_about(struct hq_call *call, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(call->about, sizeof(call->about), fmt, args); /* a cut one still reads */
    va_end(args);
}

int hq_call_object(struct hq_call *call, const char *const *names, json_t **out)
{
    struct err_text err = {""};
    json_t *object = NULL;
    const char *key;
    json_t *value;
    if (json_parse(call->body, call->size, &object, &err) != 0) {
        hq_answer_error(call, 400, "%s", err.text);
        return ERR_INVALID;
    }
    if (!json_is_object(object))
        hq_answer_error(call, 400, "expected a JSON object");
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (!names[i])
            hq_answer_error(call, 400, "%.64s: unknown member", key);
    }
    if (call->answer.status != 0) {
        json_decref(object);
        return ERR_INVALID;
    }
    *out = object;
    return 0;
}

/* Names and reasons stand in the log, one event a line. */
static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return true;
    return false;
}

const char *hq_call_member(struct hq_call *call, const json_t *object, const char *name,
                           size_t max_bytes)
{
    const json_t *value = json_object_get(object, name);
    size_t size = json_string_length(value);
    if (!json_is_string(value) || size == 0 || size > max_bytes ||
        strlen(json_string_value(value)) != size || has_control(json_string_value(value))) {
        hq_answer_error(call, 400,
                        "%s: expected a text of 1 to %zu bytes without control characters", name,
                        max_bytes);
        return NULL;
    }
    if (strcmp(name, "reason") == 0) {
        free(call->reason);
        call->reason = strdup(json_string_value(value));
        if (!call->reason) {
            hq_answer_error(call, 503, "out of memory");
            return NULL;
        }
    }
    return json_string_value(value);
}
