/*
 * See issuer.h.
 */
#include "gateway/hq/issuer.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/base/unix_socket.h"

enum { REQUESTS_MAX = 64 };

struct pending {
    struct issuer *issuer;
    struct bufferevent *bev;
    hq_issued_cb done;
    void *ctx;
};

struct issuer {
    struct event_base *base;
    char *path;
    bool down; /* told once */
    struct pending *pending[REQUESTS_MAX];
};

int issuer_create(struct event_base *base, const char *socket_path, struct issuer **out)
{
    struct issuer *issuer = calloc(1, sizeof(*issuer));
    if (!issuer || !(issuer->path = strdup(socket_path))) {
        free(issuer);
        return ERR_NO_MEMORY;
    }
    issuer->base = base;
    *out = issuer;
    return 0;
}

static void finish(struct pending *p, int rc, const char *chain_pem, const char *why)
{
    struct issuer *issuer = p->issuer;
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (issuer->pending[i] == p)
            issuer->pending[i] = NULL;
    if ((rc == ERR_NOT_FOUND || rc == ERR_TIMEOUT) && !issuer->down)
        log_event(EVENT_HQ_ISSUER_DOWN, "socket=%s reason=%s", issuer->path, err_name(rc));
    issuer->down = rc == ERR_NOT_FOUND || rc == ERR_TIMEOUT;
    bufferevent_free(p->bev);
    p->done(p->ctx, rc, chain_pem, why);
    free(p);
}

void issuer_destroy(struct issuer *issuer)
{
    if (!issuer)
        return;
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (issuer->pending[i])
            finish(issuer->pending[i], ERR_STOPPED, NULL, "");
    free(issuer->path);
    free(issuer);
}

static void take_answer(struct pending *p, const char *line)
{
    json_t *answer = NULL;
    if (json_parse(line, strlen(line), &answer, NULL) != 0) {
        finish(p, ERR_IO, NULL, "hq-cad: no JSON");
        return;
    }
    const char *chain = json_string_value(json_object_get(answer, "chain"));
    const char *why = json_string_value(json_object_get(json_object_get(answer, "error"), "en"));
    if (chain)
        finish(p, 0, chain, NULL);
    else
        finish(p, ERR_DENIED, NULL, why ? why : "refused");
    json_decref(answer);
}

static void on_read(struct bufferevent *bev, void *ctx)
{
    struct pending *p = ctx;
    struct evbuffer *input = bufferevent_get_input(bev);
    char *line = evbuffer_readln(input, NULL, EVBUFFER_EOL_LF);
    if (line) {
        take_answer(p, line);
        free(line);
    } else if (evbuffer_get_length(input) > ISSUER_LINE_MAX)
        finish(p, ERR_IO, NULL, "hq-cad: line too long");
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
    (void)bev; /* the pending request has it */
    finish(ctx, what & BEV_EVENT_TIMEOUT ? ERR_TIMEOUT : ERR_NOT_FOUND, NULL, "hq-cad is gone");
}

/* Takes `fd` over, also when it fails. */
static struct bufferevent *open_line(struct issuer *issuer, int fd, const char *line)
{
    const struct timeval deadline = {.tv_sec = ISSUER_DEADLINE_S};
    struct bufferevent *bev = bufferevent_socket_new(issuer->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) {
        close(fd);
        return NULL;
    }
    if (bufferevent_set_timeouts(bev, &deadline, &deadline) != 0 ||
        bufferevent_write(bev, line, strlen(line)) != 0 || bufferevent_write(bev, "\n", 1) != 0 ||
        bufferevent_enable(bev, EV_READ | EV_WRITE) != 0) {
        bufferevent_free(bev);
        return NULL;
    }
    return bev;
}

static int start(struct issuer *issuer, const char *line, struct pending *p)
{
    size_t slot = 0;
    int fd = -1;
    while (slot < REQUESTS_MAX && issuer->pending[slot])
        slot++;
    if (slot == REQUESTS_MAX)
        return ERR_BUSY;
    int rc = unix_connect(issuer->path, SOCK_STREAM, &fd, NULL);
    if (rc != 0) {
        if (!issuer->down)
            log_event(EVENT_HQ_ISSUER_DOWN, "socket=%s reason=%s", issuer->path, err_name(rc));
        issuer->down = true;
        return rc;
    }
    p->issuer = issuer;
    p->bev = open_line(issuer, fd, line);
    if (!p->bev)
        return ERR_NO_MEMORY;
    bufferevent_setcb(p->bev, on_read, NULL, on_event, p);
    issuer->pending[slot] = p;
    return 0;
}

int issuer_ask(void *impl, const char *request, const char *checkpoint, hq_issued_cb done,
               void *ctx)
{
    struct pending *p = calloc(1, sizeof(*p));
    json_t *object = json_pack("{s:s,s:s}", "csr", request, "checkpoint", checkpoint);
    char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;
    int rc = p && line ? 0 : ERR_NO_MEMORY;
    json_decref(object);
    if (rc == 0) {
        p->done = done;
        p->ctx = ctx;
        rc = start(impl, line, p);
    }
    free(line);
    if (rc != 0)
        free(p);
    return rc;
}
