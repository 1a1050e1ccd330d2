/*
 * Redis connection. State: struct link.
 */
#include "gateway/wanted/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "gateway/base/file.h"

static struct timeval timeval_of(int ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static int copy_text(char *out, size_t size, const char *text, const char *what,
                     struct err_text *err)
{
    int length = snprintf(out, size, "%s", text ? text : "");
    return length >= 0 && (size_t)length < size
               ? ERR_OK
               : err_set(err, ERR_INVALID, "redis: %s longer than %zu bytes", what, size - 1);
}

int link_init(struct link *link, const struct wanted_redis *where, const struct clock_source *clock,
              struct err_text *err)
{
    *link = (struct link){.clock = clock, .retry_at = clock_mono(clock)};
    int result = copy_text(link->socket_path, sizeof(link->socket_path), where->socket_path,
                           "socket path", err);
    if (result == ERR_OK) {
        result = copy_text(link->user, sizeof(link->user), where->user, "user", err);
    }
    return result == ERR_OK ? copy_text(link->secret_path, sizeof(link->secret_path),
                                        where->secret_path, "password file", err)
                            : result;
}

void link_close(struct link *link)
{
    if (link->redis) {
        redisFree(link->redis);
        link->redis = NULL;
    }
}

static void back_off(struct link *link)
{
    link->backoff_ms = link->backoff_ms == 0 ? LINK_BACKOFF_MIN_MS : link->backoff_ms * 2;
    if (link->backoff_ms > LINK_BACKOFF_MAX_MS) {
        link->backoff_ms = LINK_BACKOFF_MAX_MS;
    }
    link->retry_at = mono_add_ms(clock_mono(link->clock), link->backoff_ms);
}

int link_wait_ms(const struct link *link)
{
    int64_t ms = mono_diff_ms(link->retry_at, clock_mono(link->clock));
    return link->redis || ms <= 0 ? 0 : (int)ms + 1;
}

static int sign_on(struct link *link, struct err_text *err)
{
    uint8_t *secret = NULL;
    size_t size = 0;
    redisReply *reply = NULL;
    if (link->user[0] == '\0') {
        return ERR_OK;
    }
    int result = file_read(link->secret_path, LINK_SECRET_MAX, &secret, &size, err);
    if (result < 0) {
        return result;
    }
    while (size > 0 && (secret[size - 1] == '\n' || secret[size - 1] == '\r')) {
        size--;
    }
    const struct link_arg args[] = {LINK_TEXT("AUTH"), LINK_TEXT(link->user), {secret, size}};
    result = link_call(link, args, 3, &reply, err);
    freeReplyObject(reply);
    explicit_bzero(secret, size);
    free(secret);
    return result;
}

static int connect_now(struct link *link, struct err_text *err)
{
    redisContext *redis =
        redisConnectUnixWithTimeout(link->socket_path, timeval_of(LINK_CONNECT_MS));
    if (!redis) {
        return err_set(err, ERR_NO_MEMORY, "redis: out of memory");
    }
    if (redis->err || redisSetTimeout(redis, timeval_of(LINK_REPLY_MS)) != REDIS_OK) {
        int result = err_set(err, ERR_IO, "redis: %s: %s", link->socket_path, redis->errstr);
        redisFree(redis);
        return result;
    }
    redis->reader->maxbuf = 0; /* gives big buffers back between commands */
    link->redis = redis;
    int result = sign_on(link, err);
    if (result < 0) {
        link_close(link);
    }
    return result;
}

int link_ensure(struct link *link, struct err_text *err)
{
    if (link->redis) {
        return ERR_OK;
    }
    if (link_wait_ms(link) > 0) {
        return err_set(err, ERR_BUSY, "redis: next try in %d ms", link_wait_ms(link));
    }
    int result = connect_now(link, err);
    if (result < 0) {
        back_off(link);
    }
    return result;
}

static int broken(struct link *link, struct err_text *err)
{
    bool late = link->redis->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK);
    int result = err_set(err, late ? ERR_TIMEOUT : ERR_IO, "redis: %s: %s", link->socket_path,
                         late ? "no reply in time" : link->redis->errstr);
    link_close(link);
    back_off(link);
    return result;
}

int link_send(struct link *link, const struct link_arg *args, size_t count, struct err_text *err)
{
    const char *texts[LINK_ARGS_MAX];
    size_t sizes[LINK_ARGS_MAX];
    if (!link->redis || count > LINK_ARGS_MAX) {
        return err_set(err, ERR_IO, "redis: not connected");
    }
    for (size_t i = 0; i < count; i++) {
        texts[i] = args[i].data;
        sizes[i] = args[i].size;
    }
    return redisAppendCommandArgv(link->redis, (int)count, texts, sizes) == REDIS_OK
               ? ERR_OK
               : broken(link, err);
}

static int code_of(const char *text)
{
    static const struct {
        const char *start;
        int code;
    } codes[] = {{"NOAUTH", ERR_DENIED},
                 {"NOPERM", ERR_DENIED},
                 {"WRONGPASS", ERR_DENIED},
                 {"OOM", ERR_FULL},
                 {"MISCONF", ERR_FULL},
                 {"LOADING", ERR_BUSY},
                 {"ERR The ID specified in XADD", ERR_CONFLICT}};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strncmp(text, codes[i].start, strlen(codes[i].start)) == 0) {
            return codes[i].code;
        }
    }
    return ERR_CORRUPT;
}

int link_reply(struct link *link, redisReply **out, struct err_text *err)
{
    void *reply = NULL;
    if (!link->redis) {
        return err_set(err, ERR_IO, "redis: not connected");
    }
    errno = 0;
    if (redisGetReply(link->redis, &reply) != REDIS_OK) {
        return broken(link, err);
    }
    redisReply *got = reply;
    if (got->type == REDIS_REPLY_ERROR) {
        int result = err_set(err, code_of(got->str), "redis: %.200s", got->str);
        freeReplyObject(got);
        return result;
    }
    link->backoff_ms = 0;
    *out = got;
    return ERR_OK;
}

int link_call(struct link *link, const struct link_arg *args, size_t count, redisReply **out,
              struct err_text *err)
{
    int result = link_send(link, args, count, err);
    return result == ERR_OK ? link_reply(link, out, err) : result;
}

int link_get(struct link *link, const char *key, size_t limit, uint8_t **out, size_t *out_size,
             struct err_text *err)
{
    char last[24];
    redisReply *reply = NULL;
    (void)snprintf(last, sizeof(last), "%zu", limit); /* one byte more than allowed shows */
    const struct link_arg args[] = {LINK_TEXT("GETRANGE"), LINK_TEXT(key), LINK_TEXT("0"),
                                    LINK_TEXT(last)};
    int result = link_call(link, args, 4, &reply, err);
    if (result != ERR_OK) {
        return err_prefix(err, result, "%s", key);
    }
    if (!reply || reply->type != REDIS_REPLY_STRING) {
        result = err_set(err, ERR_CORRUPT, "%s: not a string", key);
    } else if (reply->len == 0) {
        result = err_set(err, ERR_NOT_FOUND, "%s: missing", key);
    } else if (reply->len > limit) {
        result = err_set(err, ERR_TOO_LARGE, "%s: more than %zu bytes", key, limit);
    } else {
        uint8_t *bytes = malloc(reply->len + 1);
        result = bytes ? ERR_OK : err_set(err, ERR_NO_MEMORY, "%s: out of memory", key);
        if (bytes) {
            memcpy(bytes, reply->str, reply->len);
            bytes[reply->len] = '\0';
            *out = bytes;
            *out_size = reply->len;
        }
    }
    freeReplyObject(reply);
    return result;
}
