/* See line_server.h. */
#include "gateway/control/line_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/json.h"
#include "gateway/base/queue.h"

enum { LISTENERS_MAX = 8, POSTS_MAX = 4096, TICK_MS = 200, SLOW_BYTES = 64 * 1024 };

struct post {
    void (*run)(void *ctx, void *item);
    void *ctx;
    void *item;
};

struct socket_of {
    struct line_server *server;
    struct line_listener listener;
    struct event *event;
    int fd;
    int clients;
};

struct line_client {
    struct line_client *next; /* list of the server */
    struct socket_of *socket;
    struct bufferevent *stream;
    struct unix_peer peer;
    uint64_t id;
    void *data;
    bool closing; /* no more input; freed when the output is gone or the peer is */
    bool dead;    /* freed at the next sweep */
};

struct line_server {
    struct event_base *base;
    struct event *tick;
    struct event *posted;
    struct queue *posts;
    struct thread *thread;
    struct socket_of sockets[LISTENERS_MAX];
    int socket_count;
    struct line_client *clients;
    uint64_t last_id;
    struct line_stats stats;
    void (*ticked)(void *ctx); /* NULL: nobody */
    void *ticked_ctx;
};

/* ---- clients ---- */

static void mark_dead(struct line_client *client)
{
    if (client->dead)
        return;
    client->dead = true;
    bufferevent_disable(client->stream, EV_READ | EV_WRITE);
}

/* Frees dead clients; only from the loop, never inside a callback that holds one: what the owner
 * keeps for a client lives as long as the client. */
static void sweep(struct line_server *server)
{
    struct line_client **at = &server->clients;
    while (*at) {
        struct line_client *client = *at;
        if (!client->dead) {
            at = &client->next;
            continue;
        }
        *at = client->next;
        client->socket->listener.ops->closed(client->socket->listener.ctx, client);
        client->socket->clients--;
        server->stats.clients--;
        bufferevent_free(client->stream);
        free(client);
    }
}

static size_t unread_of(const struct line_client *client)
{
    return client->dead ? 0 : evbuffer_get_length(bufferevent_get_output(client->stream));
}

/* Looked at for those only that are slow themselves: whoever reads pays nothing for others. */
static bool is_over_bound(const struct line_client *client, size_t size)
{
    const struct line_listener *listener = &client->socket->listener;
    size_t unread = unread_of(client) + size;
    if (unread > listener->output_max_bytes)
        return true;
    if (listener->output_all_max_bytes == 0 || unread <= SLOW_BYTES)
        return false;
    size_t all = size;
    for (const struct line_client *c = client->socket->server->clients; c; c = c->next)
        all += c->socket == client->socket ? unread_of(c) : 0;
    return all > listener->output_all_max_bytes;
}

void line_client_send(struct line_client *client, const char *text, size_t size)
{
    if (client->dead)
        return;
    struct evbuffer *output = bufferevent_get_output(client->stream);
    if (is_over_bound(client, size)) {
        client->socket->server->stats.slow_dropped++;
        mark_dead(client);
        return;
    }
    if (evbuffer_add(output, text, size) != 0 || evbuffer_add(output, "\n", 1) != 0)
        mark_dead(client);
}

void line_client_send_json(struct line_client *client, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!text) {
        mark_dead(client);
        return;
    }
    line_client_send(client, text, strlen(text));
    free(text);
}

void line_client_close(struct line_client *client)
{
    if (client->dead)
        return;
    client->closing = true;
    bufferevent_disable(client->stream, EV_READ);
    if (evbuffer_get_length(bufferevent_get_output(client->stream)) == 0)
        mark_dead(client);
}

void *line_client_data(const struct line_client *client)
{
    return client->data;
}

uint64_t line_client_id(const struct line_client *client)
{
    return client->id;
}

const struct unix_peer *line_client_peer(const struct line_client *client)
{
    return &client->peer;
}

struct line_client *line_client_find(struct line_server *server, uint64_t id)
{
    for (struct line_client *client = server->clients; client; client = client->next)
        if (client->id == id && !client->dead)
            return client;
    return NULL;
}

void line_server_each(struct line_server *server, const struct line_ops *ops,
                      void (*visit)(void *ctx, struct line_client *client), void *ctx)
{
    for (struct line_client *client = server->clients; client; client = client->next)
        if (!client->dead && client->socket->listener.ops == ops)
            visit(ctx, client);
}

json_t *line_error(const char *code, const char *en, const char *zh)
{
    return json_pack("{s:{s:s,s:s,s:s}}", "error", "code", code, "en", en, "zh", zh);
}

static void send_bad_line(struct line_client *client, const char *en)
{
    client->socket->server->stats.lines_bad++;
    json_t *answer = line_error("invalid", en, "请求不是一行 JSON 对象");
    if (answer)
        json_object_set_new(answer, "ok", json_false());
    line_client_send_json(client, answer);
}

static void take_line(struct line_client *client, const char *line, size_t size)
{
    struct err_text err;
    json_t *object;
    if (json_parse(line, size, &object, &err) != 0) {
        send_bad_line(client, err.text);
        return;
    }
    if (json_is_object(object))
        client->socket->listener.ops->line(client->socket->listener.ctx, client, object);
    else
        send_bad_line(client, "expected a JSON object");
    json_decref(object);
}

static void on_readable(struct bufferevent *stream, void *ctx)
{
    struct line_client *client = ctx;
    struct evbuffer *input = bufferevent_get_input(stream);
    size_t limit = client->socket->listener.line_max_bytes;
    bool too_long = false;
    while (!client->dead && !client->closing && !too_long) {
        size_t size = 0;
        char *line = evbuffer_readln(input, &size, EVBUFFER_EOL_LF);
        if (!line)
            break;
        too_long = size > limit;
        if (!too_long)
            take_line(client, line, size);
        explicit_bzero(line, size); /* it may hold a password */
        free(line);
    }
    too_long |= evbuffer_get_length(input) > limit;
    if (!client->dead && !client->closing && too_long) {
        send_bad_line(client, "the line is too long");
        line_client_close(client);
    }
}

static void on_written(struct bufferevent *stream, void *ctx)
{
    (void)stream;
    struct line_client *client = ctx;
    if (client->closing)
        mark_dead(client);
}

static void on_event(struct bufferevent *stream, short what, void *ctx)
{
    (void)stream;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
        mark_dead(ctx);
}

static void add_client(struct socket_of *socket, int fd, const struct unix_peer *peer)
{
    struct line_server *server = socket->server;
    struct line_client *client = calloc(1, sizeof *client);
    struct bufferevent *stream =
        client ? bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE) : NULL;
    if (!stream) {
        free(client);
        close(fd);
        server->stats.refused++;
        return;
    }
    *client = (struct line_client){
        .socket = socket, .stream = stream, .peer = *peer, .id = ++server->last_id};
    if (socket->listener.ops->open(socket->listener.ctx, client, peer, &client->data) != 0) {
        bufferevent_free(stream);
        free(client);
        server->stats.refused++;
        return;
    }
    client->next = server->clients;
    server->clients = client;
    socket->clients++;
    server->stats.clients++;
    bufferevent_setcb(stream, on_readable, on_written, on_event, client);
    bufferevent_setwatermark(stream, EV_READ, 0, socket->listener.line_max_bytes + 1);
    bufferevent_enable(stream, EV_READ | EV_WRITE);
}

/* Whether there is a place: not all are taken, and not too many by one user. */
static bool has_place(const struct socket_of *socket, const struct unix_peer *peer)
{
    int of_one = 0;
    if (socket->clients >= socket->listener.clients_max)
        return false;
    for (const struct line_client *c = socket->server->clients; c; c = c->next)
        of_one += c->socket == socket && c->peer.uid == peer->uid;
    return socket->listener.clients_of_one_max == 0 || of_one < socket->listener.clients_of_one_max;
}

static void turn_away(struct socket_of *socket, int fd)
{
    static const char answer[] =
        "{\"error\":{\"code\":\"busy\",\"en\":\"too many connections\",\"zh\":\"连接数过多\"},"
        "\"ok\":false}\n";
    socket->server->stats.refused++;
    (void)send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL); /* it sees the end at any rate */
    close(fd);
}

static void on_acceptable(evutil_socket_t fd, short what, void *ctx)
{
    (void)what;
    struct socket_of *socket = ctx;
    int client_fd;
    struct unix_peer peer;
    int rc;
    sweep(socket->server); /* places of those that left */
    while ((rc = unix_accept(fd, &client_fd, &peer)) == 0) {
        if (has_place(socket, &peer))
            add_client(socket, client_fd, &peer);
        else
            turn_away(socket, client_fd);
    }
    if (rc !=
        ERR_TIMEOUT) /* out of descriptors: at once again would be for ever. on_tick listens */
        (void)event_del(socket->event); /* if it fails, so will the next accept */
    sweep(socket->server);
}

static void listen_again(struct line_server *server)
{
    for (int i = 0; i < server->socket_count; i++)
        (void)event_add(server->sockets[i].event, NULL); /* one that listens is added already */
}

/* ---- server ---- */

static void run_posts(struct line_server *server)
{
    struct post post;
    while (queue_pop(server->posts, &post, 0) == 0)
        post.run(post.ctx, post.item);
    sweep(server);
}

static void on_posted(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    run_posts(ctx);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct line_server *server = ctx;
    thread_alive(server->thread);
    if (server->ticked)
        server->ticked(server->ticked_ctx);
    sweep(server);
    listen_again(server);
    if (thread_stopping(server->thread))
        event_base_loopbreak(server->base);
}

int line_server_create(struct line_server **out, struct err_text *err)
{
    struct line_server *server = calloc(1, sizeof *server);
    if (server) {
        server->base = event_base_new();
        server->posts = queue_create(POSTS_MAX, sizeof(struct post));
    }
    if (server && server->base && server->posts) {
        server->tick = event_new(server->base, -1, EV_PERSIST, on_tick, server);
        server->posted = event_new(server->base, queue_fd(server->posts), EV_READ | EV_PERSIST,
                                   on_posted, server);
    }
    struct timeval period = {0, TICK_MS * 1000};
    if (!server || !server->tick || !server->posted || event_add(server->tick, &period) != 0 ||
        event_add(server->posted, NULL) != 0) {
        line_server_destroy(server);
        return err_set(err, ERR_NO_MEMORY, "local sockets: no memory");
    }
    *out = server;
    return 0;
}

int line_server_listen(struct line_server *server, const struct line_listener *listener,
                       struct err_text *err)
{
    if (server->socket_count == LISTENERS_MAX)
        return err_set(err, ERR_FULL, "%s: more than %d local sockets", listener->path,
                       LISTENERS_MAX);
    struct socket_of *socket = &server->sockets[server->socket_count];
    *socket = (struct socket_of){.server = server, .listener = *listener, .fd = -1};
    int result = unix_listen(listener->path, SOCK_STREAM, listener->mode, &socket->fd, err);
    if (result != 0)
        return result;
    result = unix_give_to_group(listener->path, listener->group, err);
    if (result != 0) {
        close(socket->fd);
        return result;
    }
    socket->event =
        event_new(server->base, socket->fd, EV_READ | EV_PERSIST, on_acceptable, socket);
    server->socket_count++;
    if (!socket->event || event_add(socket->event, NULL) != 0)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory", listener->path);
    return 0;
}

void line_server_on_tick(struct line_server *server, void (*tick)(void *ctx), void *ctx)
{
    server->ticked = tick;
    server->ticked_ctx = ctx;
}

/* The server whose thread this is. */
static _Thread_local const struct line_server *served_here;

bool line_server_is_here(const struct line_server *server)
{
    return served_here == server;
}

void line_server_run(struct thread *self, void *arg)
{
    struct line_server *server = arg;
    server->thread = self;
    served_here = server;
    thread_alive(self);
    event_base_dispatch(server->base);
    run_posts(server);
    served_here = NULL;
}

void line_server_destroy(struct line_server *server)
{
    if (!server)
        return;
    if (server->posts)
        run_posts(server); /* what other threads posted at the very end still owns memory */
    for (struct line_client *client = server->clients; client; client = client->next)
        mark_dead(client);
    sweep(server);
    for (int i = 0; i < server->socket_count; i++) {
        if (server->sockets[i].event)
            event_free(server->sockets[i].event);
        close(server->sockets[i].fd);
        unlink(server->sockets[i].listener.path); /* the next start would replace it anyway */
    }
    if (server->tick)
        event_free(server->tick);
    if (server->posted)
        event_free(server->posted);
    if (server->base)
        event_base_free(server->base);
    queue_destroy(server->posts);
    free(server);
}

int line_server_post(struct line_server *server, void (*run)(void *ctx, void *item), void *ctx,
                     void *item)
{
    struct post post = {run, ctx, item};
    return queue_push(server->posts, &post);
}

void line_server_stats(const struct line_server *server, struct line_stats *out)
{
    *out = server->stats;
    out->posts_dropped = queue_full_count(server->posts);
}
