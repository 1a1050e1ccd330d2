/*
 * A hit's pictures: checkpointd says whether the session may see the hit, and records that it did;
 * then checkpoint-camerad's socket `look` says which pictures show its reads and gives their bytes.
 * One local connection a request, never waited for. The bytes are not looked into.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/base/unix_socket.h"
#include "gateway/console/pictures.h"
#include "gateway/model/picture_look.h"

enum { LOOKS_MAX = 8, LOOK_WAIT_S = 15 };

struct look {
    TAILQ_ENTRY(look) link; /* of the console */
    struct exchange *x;
    int fd;
    struct event *io;
    struct event *deadline; /* of all of it */
    struct hit_events events;
    bool wants_bytes; /* of x->sha; else the list */
    bool reading;     /* which picture it is is known */
    struct picture_about about;
    uint32_t got;
    struct evbuffer *bytes;
    _Alignas(8) uint8_t packet[PICTURE_MESSAGE_SIZE_MAX];
};

static const struct answer_words no_picture = {"not_found", "no such picture of this hit",
                                               "该命中没有此图片"};
static const struct answer_words no_store = {"unreachable", "the picture store does not answer",
                                             "图片库无应答"};
static const struct answer_words too_many = {"busy", "too many pictures at once, try again",
                                             "请求图片过多，请稍候"};

static void free_look(struct look *look)
{
    TAILQ_REMOVE(&look->x->console->looks, look, link);
    look->x->console->look_count--;
    if (look->io)
        event_free(look->io);
    if (look->deadline)
        event_free(look->deadline);
    if (look->fd >= 0)
        close(look->fd);
    if (look->bytes)
        evbuffer_free(look->bytes);
    free(look);
}

void pictures_stop(struct console *console)
{
    while (!TAILQ_EMPTY(&console->looks))
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow TAILQ_REMOVE */
        free_look(TAILQ_FIRST(&console->looks));
}

static void refuse_look(struct look *look, int status, const struct answer_words *words)
{
    struct exchange *x = look->x;
    free_look(look);
    exchange_refuse(x, status, 0, words);
}

/* ---- the list ---- */

static json_t *about_json(const struct picture_about *about, int64_t read_ms)
{
    char sha[2 * PICTURE_SHA_SIZE + 1];
    char time[WALL_TEXT_SIZE];
    const char *kind = picture_kind_name(about->kind);
    bool trigger = picture_is_trigger(about);
    hex_encode(about->sha, PICTURE_SHA_SIZE, sha);
    wall_format((struct wall_time){about->taken_ms}, time);
    return json_pack("{s:s,s:s,s:s,s:I,s:i,s:s,s:i}", "sha256", sha, "kind",
                     trigger ? kind : "scene", "evidence", trigger ? "trigger" : "later",
                     "delay_ms", (json_int_t)(about->taken_ms - read_ms), "camera",
                     (int)about->camera, "time", time, "bytes", (int)about->size);
}

static void answer_list(struct look *look, const struct picture_about *found, size_t count)
{
    struct exchange *x = look->x;
    json_t *list = json_array();
    for (size_t i = 0; list && i < count; i++)
        /* one that finds no memory is left out */
        (void)json_array_append_new(list, about_json(&found[i], look->events.time.ms));
    free_look(look);
    answer_json(x->http, 200, json_pack("{s:o}", "pictures", list));
    exchange_end(x);
}

/* ---- the bytes ---- */

static bool send_packet(struct look *look, const struct picture_message *m)
{
    return send(look->fd, m, sizeof(*m), MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(*m);
}

static void ask_bytes(struct look *look)
{
    struct picture_message m = {.version = PICTURE_MESSAGE_VERSION, .type = PICTURE_READ};
    uint32_t left = look->about.size - look->got;
    memcpy(m.u.read.sha, look->about.sha, PICTURE_SHA_SIZE);
    m.u.read.offset = look->got;
    m.u.read.size = left < PICTURE_DATA_MAX ? left : PICTURE_DATA_MAX;
    if (!send_packet(look, &m))
        refuse_look(look, 503, &no_store);
}

static void take_bytes(struct look *look, size_t size)
{
    const struct picture_message *m = (const void *)look->packet;
    if (m->type != PICTURE_DATA) {
        refuse_look(look, m->type == PICTURE_ANSWER ? 404 : 503, &no_picture);
        return;
    }
    if (m->u.data.offset != look->got || m->u.data.size > look->about.size - look->got ||
        evbuffer_add(look->bytes, m + 1, size - sizeof(*m)) != 0) {
        refuse_look(look, 503, &no_store);
        return;
    }
    look->got += m->u.data.size;
    if (look->got < look->about.size) {
        ask_bytes(look);
        return;
    }
    struct exchange *x = look->x;
    answer_buffer(x->http, 200, "image/jpeg", look->bytes);
    free_look(look);
    exchange_end(x);
}

static void take_found(struct look *look, size_t size)
{
    struct picture_about found[PICTURES_FOUND_MAX];
    char sha[2 * PICTURE_SHA_SIZE + 1];
    size_t count = 0;
    if (picture_look_answer(look->packet, size, found, &count, NULL) != 0) {
        refuse_look(look, 503, &no_store);
        return;
    }
    if (!look->wants_bytes) {
        answer_list(look, found, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        hex_encode(found[i].sha, PICTURE_SHA_SIZE, sha);
        if (strcmp(sha, look->x->sha) != 0)
            continue;
        look->about = found[i];
        look->reading = true;
        ask_bytes(look);
        return;
    }
    refuse_look(look, 404, &no_picture);
}

static void on_packet(evutil_socket_t fd, short what, void *ctx)
{
    struct look *look = ctx;
    (void)what; /* it waits for nothing else */
    ssize_t size = recv(fd, look->packet, sizeof(look->packet), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0 || picture_message_check((const void *)look->packet, (size_t)size, NULL) != 0)
        refuse_look(look, 503, &no_store);
    else if (look->reading)
        take_bytes(look, (size_t)size);
    else
        take_found(look, (size_t)size);
}

static void on_deadline(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what; /* a timer has neither */
    refuse_look(ctx, 503, &no_store);
}

/* ---- begin ---- */

static bool open_look(struct look *look)
{
    const struct timeval wait = {.tv_sec = LOOK_WAIT_S};
    struct console *console = look->x->console;
    struct picture_message m;
    picture_look_ask(&look->events, &m);
    if (unix_connect(console->look_path, SOCK_SEQPACKET, &look->fd, NULL) != 0 ||
        !send_packet(look, &m))
        return false;
    look->bytes = evbuffer_new();
    look->io = event_new(console->base, look->fd, EV_READ | EV_PERSIST, on_packet, look);
    look->deadline = evtimer_new(console->base, on_deadline, look);
    return look->bytes && look->io && look->deadline && event_add(look->io, NULL) == 0 &&
           event_add(look->deadline, &wait) == 0;
}

static void begin_look(struct exchange *x, const struct hit_events *events)
{
    struct look *look = x->console->look_count < LOOKS_MAX ? calloc(1, sizeof *look) : NULL;
    if (!look) {
        exchange_refuse(x, 429, 0, &too_many);
        return;
    }
    look->x = x;
    look->fd = -1;
    look->events = *events;
    look->wants_bytes = x->sha[0] != '\0';
    TAILQ_INSERT_TAIL(&x->console->looks, look, link);
    x->console->look_count++;
    if (events->count == 0 && !look->wants_bytes)
        answer_list(look, NULL, 0);
    else if (events->count == 0)
        refuse_look(look, 404, &no_picture);
    else if (!open_look(look))
        refuse_look(look, 503, &no_store);
}

void pictures_of_hit(struct exchange *x, const struct relay_answer *answer)
{
    struct hit_events events = {0};
    json_t *result = NULL;
    int rc = json_parse(answer->result, answer->size, &result, NULL);
    char *text = rc == 0 ? json_dumps(json_object_get(result, "hit"), JSON_COMPACT) : NULL;
    json_decref(result);
    if (!text || hit_events_read(text, strlen(text), &events) != 0)
        exchange_refuse(x, 404, 0, &no_picture);
    else
        begin_look(x, &events);
    free(text);
}
