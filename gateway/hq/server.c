/*
 * See server.h. Calls that wait stand in `open` with a timer each; a wake runs them again.
 * libevent's own traps: without a bufferevent of ours it would speak plain HTTP (refused in
 * on_request), and its idle time must lie above the longest wait.
 */
#include "gateway/hq/server.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "gateway/base/encode.h"
#include "gateway/base/host_port.h"
#include "gateway/base/log.h"
#include "gateway/hq/connections.h"
#include "gateway/hq/issuer.h"
#include "gateway/hq/own.h"
#include "gateway/hq/refusals.h"
#include "gateway/hq/route.h"
#include "gateway/hq/server_tls.h"
#include "gateway/hq/upkeep.h"

enum {
    WAITS_OF_ONE_MAX = 8, /* parked calls of one peer */
    METHODS = EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
              EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH
};

/* One of the two listening ends. */
struct end {
    struct hq_server *server;
    SSL_CTX *tls;
    struct evhttp *http;
    struct evconnlistener *listener; /* http's */
    struct connections connections;
    uint16_t port;
    bool est;
};

struct open_call {
    TAILQ_ENTRY(open_call) link;
    struct hq_server *server;
    struct evhttp_request *http;
    const struct hq_route *route; /* NULL: answered already */
    struct event *timer;
    bool waiting; /* for a wake; otherwise for its next round */
    char *basic;  /* "user\0password" */
    struct hq_call call;
};

struct hq_server {
    struct event_base *base;
    struct hqd *hq;
    struct issuer *issuer;
    struct end api;
    struct end est;
    struct event *tick;
    struct upkeep upkeep;
    struct thread *self;
    TAILQ_HEAD(, open_call) open;
    size_t open_count;
    struct refusals refusals;
    void (*_Atomic work)(void *ctx); /* release store in hq_server_post, acquire in on_tick */
    void *work_ctx;
};

static void free_call(struct open_call *open)
{
    TAILQ_REMOVE(&open->server->open, open, link);
    open->server->hq->counters.open_requests = --open->server->open_count;
    if (open->timer)
        event_free(open->timer);
    if (open->basic)
        explicit_bzero(open->basic, strlen(open->basic));
    free(open->basic);
    hq_call_fini(&open->call);
    free(open);
}

static void add_header(struct evhttp_request *http, const char *name, const char *value)
{
    /* out of memory: the answer goes without it */
    (void)evhttp_add_header(evhttp_request_get_output_headers(http), name, value);
}

static SSL *ssl_of(struct evhttp_request *http)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(http);
    struct bufferevent *bev = connection ? evhttp_connection_get_bufferevent(connection) : NULL;
    return bev ? bufferevent_openssl_get_ssl(bev) : NULL;
}

static void send_answer(struct open_call *open)
{
    const struct hq_answer *answer = &open->call.answer;
    struct evhttp_request *http = open->http;
    add_header(http, "Content-Type", answer->type);
    add_header(http, "Cache-Control", "no-store");
    if (strncmp(answer->type, "application/pkcs7", strlen("application/pkcs7")) == 0)
        add_header(http, "Content-Transfer-Encoding", "base64");
    if (answer->retry)
        add_header(http, "Retry-After", "5");
    if (answer->close)
        add_header(http, "Connection", "close");
    if (answer->ask_password)
        add_header(http, "WWW-Authenticate", "Basic realm=\"enrolment\"");
    connection_answered(ssl_of(http), clock_mono(&clock_system));
    if (answer->status >= 100 && answer->status < 100 * (HQ_STATUS_CLASSES + 1))
        open->server->hq->counters.requests[answer->status / 100 - 1]++;
    /* a request whose connection has gone is freed by this as well */
    evhttp_send_reply(http, answer->status, NULL, answer->body);
}

static void end_call(struct open_call *open)
{
    if (open->call.peer.identity.kind == TLS_PEER_OPERATOR && !open->call.recorded)
        hq_act_record(&open->call);
    refusals_tell_call(&open->server->refusals, &open->call);
    send_answer(open);
    free_call(open);
}

static size_t waits_of(const struct hq_server *server, const struct hq_call *call)
{
    const struct open_call *other;
    size_t count = 0;
    TAILQ_FOREACH(other, &server->open, link)
    {
        count += other->waiting && memcmp(other->call.peer.fingerprint, call->peer.fingerprint,
                                          TLS_FINGERPRINT_SIZE) == 0;
    }
    return count;
}

/* Boxes have no roles. */
static bool role_fits(const struct hq_route *route, const struct hq_call *call)
{
    return call->peer.identity.kind != TLS_PEER_OPERATOR || (route->roles & call->roles) != 0;
}

static enum hq_step answer_role(const struct hq_route *route, struct hq_call *call)
{
    char roles[HQ_ROLES_TEXT_SIZE];
    hq_roles_format(route->roles, roles);
    return hq_answer_error(call, 403, "not for your role: expected one of %s", roles);
}

/* The handler's next step. Who was revoked, or lost the role, while the call waited gets nothing
 * more. */
static enum hq_step next_step(struct open_call *open)
{
    struct hq_call *call = &open->call;
    if (!open->route)
        return HQ_DONE;
    if (open->waiting && call->peer.identity.kind != 0 &&
        (hq_peer_check(call) != HQ_AGAIN ||
         (!role_fits(open->route, call) && answer_role(open->route, call) == HQ_DONE))) {
        call->recorded = false; /* its wait stands there, this refusal not yet */
        return HQ_DONE;
    }
    return open->route->handler(call);
}

/* Runs the handler until it is done or waits. */
static void run_call(struct open_call *open)
{
    struct hq_call *call = &open->call;
    bool first = !open->waiting;
    call->now = clock_wall(&open->server->hq->clock);
    enum hq_step step = next_step(open);
    if (step == HQ_WAIT && first && waits_of(open->server, call) >= WAITS_OF_ONE_MAX)
        step = hq_answer_error(call, 429, "too many waiting requests of one peer");
    if (step == HQ_DONE) {
        end_call(open);
        return;
    }
    int wait_s = call->topics & HQ_TOPIC_ISSUED ? ISSUER_DEADLINE_S + 2 : call->query.wait_s;
    struct timeval delay = {.tv_sec = step == HQ_WAIT ? wait_s : 0};
    if (step == HQ_WAIT && !first)
        return; /* its timer runs already */
    open->waiting = step == HQ_WAIT;
    if (event_add(open->timer, &delay) != 0) {
        hq_answer_error(call, 503, "out of memory");
        end_call(open);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what; /* a timer has neither */
    struct open_call *open = ctx;
    open->call.last_run = open->waiting;
    run_call(open);
}

static void wake(void *ctx, unsigned topics)
{
    struct hq_server *server = ctx;
    struct open_call *open = TAILQ_FIRST(&server->open);
    while (open) {
        struct open_call *next = TAILQ_NEXT(open, link);
        if (open->waiting && open->call.topics & topics)
            run_call(open);
        open = next;
    }
}

static const char *method_of(const struct evhttp_request *http)
{
    switch (evhttp_request_get_command(http)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_HEAD:
    case EVHTTP_REQ_DELETE:
    case EVHTTP_REQ_OPTIONS:
    case EVHTTP_REQ_TRACE:
    case EVHTTP_REQ_CONNECT:
    case EVHTTP_REQ_PATCH:
        break;
    }
    return "other";
}

/* "Basic <base64 of user:password>" into call->user and call->password. */
static void read_basic(struct open_call *open)
{
    const char *text =
        evhttp_find_header(evhttp_request_get_input_headers(open->http), "Authorization");
    uint8_t *plain = NULL;
    size_t size = 0;
    if (!text || strncasecmp(text, "Basic ", 6) != 0 || strlen(text) > 512 ||
        base64_decode(text + 6, &plain, &size) != 0)
        return;
    open->basic = strndup((const char *)plain, size);
    explicit_bzero(plain, size);
    free(plain);
    char *colon = open->basic ? strchr(open->basic, ':') : NULL;
    if (!colon)
        return;
    *colon = '\0';
    open->call.user = open->basic;
    open->call.password = colon + 1;
}

static bool read_peer(struct open_call *open, const struct end *end)
{
    struct err_text err = {""};
    SSL *ssl = ssl_of(open->http);
    if (!ssl) {
        hq_answer_error(&open->call, 403, "TLS is required");
        return false;
    }
    if (end->est) {
        read_basic(open);
        return true;
    }
    if (hqd_refresh(open->server->hq, &err) != 0) {
        hq_answer_error(&open->call, 503, "%s", err.text);
        return false;
    }
    if (tls_peer_facts(ssl, &open->call.peer, &err) != 0) {
        hq_answer_error(&open->call, 403, "certificate: %s", err.text);
        return false;
    }
    return hq_peer_check(&open->call) == HQ_AGAIN;
}

static void find_route(struct open_call *open, const struct end *end)
{
    struct hq_call *call = &open->call;
    struct err_text err = {""};
    const struct hq_route *route = NULL;
    unsigned who =
        end->est ? (unsigned)HQ_WHO_NOBODY : (unsigned)HQ_WHO_BOX | (unsigned)HQ_WHO_OPERATOR;
    unsigned me = end->est                                          ? HQ_WHO_NOBODY
                  : call->peer.identity.kind == TLS_PEER_CHECKPOINT ? HQ_WHO_BOX
                                                                    : HQ_WHO_OPERATOR;
    int rc = hq_route_find(call->method, call->path, who, &route, call->id, call->part);
    call->what = rc == 0 ? route->what : NULL;
    if (rc != 0)
        hq_answer_error(call,
                        rc == ERR_UNSUPPORTED ? 405
                        : rc == ERR_INVALID   ? 400
                                              : 404,
                        rc == ERR_UNSUPPORTED ? "not by this method" : "no such path");
    else if (!(route->who & me))
        hq_answer_error(call, 403, "not for this kind of peer");
    else if (!role_fits(route, call))
        answer_role(route, call);
    else if (route->own_id && strcmp(call->id, call->peer.identity.name) != 0)
        hq_answer_error(call, 403, "another checkpoint's path");
    else if (hq_query_parse(call->query_text, &call->query, &err) != 0)
        hq_answer_error(call, 400, "%s", err.text);
    else
        open->route = route;
}

static void decode_body(struct open_call *open)
{
    const char *encoding =
        evhttp_find_header(evhttp_request_get_input_headers(open->http), "Content-Encoding");
    if (open->route && hq_call_decode(&open->call, encoding) != 0)
        open->route = NULL;
}

static void on_request(struct evhttp_request *http, void *ctx)
{
    struct end *end = ctx;
    struct hq_server *server = end->server;
    struct open_call *open = server->open_count < HQ_CALLS_MAX ? calloc(1, sizeof(*open)) : NULL;
    if (!open || hq_call_init(&open->call, server->hq) != 0 ||
        !(open->timer = evtimer_new(server->base, on_timer, open))) {
        if (open)
            hq_call_fini(&open->call);
        free(open);
        evhttp_send_error(http, 503, NULL);
        return;
    }
    struct evbuffer *input = evhttp_request_get_input_buffer(http);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    open->server = server;
    open->http = http;
    open->call.now = clock_wall(&server->hq->clock);
    open->call.method = method_of(http);
    open->call.path = path ? path : "";
    open->call.query_text = uri ? evhttp_uri_get_query(uri) : NULL;
    open->call.range = evhttp_find_header(evhttp_request_get_input_headers(http), "Content-Range");
    open->call.size = evbuffer_get_length(input);
    open->call.body = open->call.size ? (const char *)evbuffer_pullup(input, -1) : "";
    TAILQ_INSERT_TAIL(&server->open, open, link);
    server->hq->counters.open_requests = ++server->open_count;
    server->hq->counters.connections = server->api.connections.accepted.count;
    connection_busy(ssl_of(http));
    if (!open->call.body)
        hq_answer_error(&open->call, 503, "out of memory");
    else if (read_peer(open, end)) {
        find_route(open, end);
        decode_body(open);
    }
    run_call(open);
}

/* Each new connection: its TLS. NULL would be plain HTTP, which on_request refuses. A full end
 * stops listening until the next tick. */
static struct bufferevent *on_accept(struct event_base *base, void *ctx)
{
    struct end *end = ctx;
    SSL *ssl = SSL_new(end->tls);
    if (ssl && connections_add(&end->connections, ssl, clock_mono(&clock_system)) != 0) {
        SSL_free(ssl);
        ssl = NULL;
    }
    if (connections_full(&end->connections))
        (void)evconnlistener_disable(end->listener); /* if it fails, a few more come in */
    struct bufferevent *bev =
        ssl ? bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                             BEV_OPT_CLOSE_ON_FREE)
            : NULL;
    if (!bev)
        SSL_free(ssl);
    else
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

/* Out of descriptors: without a pause libevent would try again at once, for ever. on_tick listens
 * again. */
static void on_accept_error(struct evconnlistener *listener, void *http)
{
    (void)http;                             /* the argument is evhttp's own */
    (void)evconnlistener_disable(listener); /* if it fails, so will the next accept */
}

static void listen_again(struct end *end)
{
    if (end->listener && !connections_full(&end->connections))
        (void)evconnlistener_enable(end->listener); /* tried again at the next tick */
}

static int open_end(struct hq_server *server, struct end *end, const char *listen,
                    struct err_text *err)
{
    char host[HOST_TEXT_SIZE];
    uint16_t port = 0;
    int rc = host_port_split(listen, host, &port, err);
    if (rc != 0)
        return rc;
    end->server = server;
    end->http = evhttp_new(server->base);
    if (!end->http)
        return ERR_NO_MEMORY;
    accepted_attach(end->tls);
    evhttp_set_bevcb(end->http, on_accept, end);
    evhttp_set_gencb(end->http, on_request, end);
    evhttp_set_allowed_methods(end->http, METHODS);
    evhttp_set_max_headers_size(end->http, HQ_HEADER_LIMIT);
    evhttp_set_max_body_size(end->http, end->est ? HQ_EST_BODY_LIMIT : HQ_BODY_LIMIT);
    evhttp_set_timeout(end->http, HQ_IDLE_S);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(end->http, host, port);
    if (!bound)
        return err_set(err, ERR_BUSY, "%s: cannot listen there: %s", listen, strerror(errno));
    end->listener = evhttp_bound_socket_get_listener(bound);
    /* inherited by what is accepted: an answer's second packet must not wait 40 ms for the peer's
     * delayed acknowledgement of the first; without it they are only slower */
    (void)setsockopt(evhttp_bound_socket_get_fd(bound), IPPROTO_TCP, TCP_NODELAY, &(int){1},
                     sizeof(int));
    evconnlistener_set_error_cb(end->listener, on_accept_error);
    return socket_port(evhttp_bound_socket_get_fd(bound), &end->port);
}

static void sweep(struct end *end)
{
    (void)connections_sweep(&end->connections, clock_mono(&clock_system)); /* nobody to tell */
    listen_again(end);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what; /* a timer has neither */
    struct hq_server *server = ctx;
    void (*work)(void *) = atomic_load_explicit(&server->work, memory_order_acquire);
    thread_alive(server->self);
    if (thread_stopping(server->self)) {
        (void)event_base_loopbreak(server->base); /* fails only without a base */
        return;
    }
    if (work) {
        work(server->work_ctx);
        atomic_store_explicit(&server->work, NULL, memory_order_release);
    }
    sweep(&server->api);
    sweep(&server->est);
    upkeep_tick(&server->upkeep);
}

int hq_server_post(struct hq_server *server, void (*work)(void *ctx), void *ctx)
{
    if (atomic_load_explicit(&server->work, memory_order_acquire))
        return ERR_BUSY;
    server->work_ctx = ctx;
    atomic_store_explicit(&server->work, work, memory_order_release);
    return 0;
}

/* A connection keeps the context it began with. */
static void change_tls(struct end *end, SSL_CTX **next)
{
    SSL_CTX *before = end->tls;
    accepted_attach(*next);
    end->tls = *next;
    *next = NULL;
    SSL_CTX_free(before);
}

int hq_server_take_files(struct hq_server *server, const struct hq_server_options *options,
                         struct err_text *err)
{
    SSL_CTX *api = NULL;
    SSL_CTX *est = NULL;
    int rc = server_tls_create(options, false, &server->refusals, &api, err);
    if (rc == 0 && server->est.http)
        rc = server_tls_create(options, true, &server->refusals, &est, err);
    if (rc == 0)
        change_tls(&server->api, &api);
    if (rc == 0 && est)
        change_tls(&server->est, &est);
    SSL_CTX_free(api);
    SSL_CTX_free(est);
    return rc;
}

static int open_all(const struct hq_server_options *o, struct hq_server *server,
                    struct err_text *err)
{
    int rc = server_tls_create(o, false, &server->refusals, &server->api.tls, err);
    server->base = rc == 0 ? event_base_new() : NULL;
    if (rc == 0 && !server->base)
        rc = ERR_NO_MEMORY;
    if (rc == 0)
        rc = open_end(server, &server->api, o->listen, err);
    if (rc == 0 && o->est_listen) {
        server->est.est = true;
        rc = server_tls_create(o, true, &server->refusals, &server->est.tls, err);
        if (rc == 0)
            rc = open_end(server, &server->est, o->est_listen, err);
    }
    server->upkeep = (struct upkeep){.base = server->base, .hq = server->hq};
    if (rc == 0)
        rc = issuer_create(server->base, o->issue_socket, &server->issuer);
    if (rc == 0 && !(server->tick = event_new(server->base, -1, EV_PERSIST, on_tick, server)))
        rc = ERR_NO_MEMORY;
    return rc;
}

int hq_server_create(const struct hq_server_options *options, struct hqd *hq,
                     struct hq_server **out, struct err_text *err)
{
    struct hq_server *server = calloc(1, sizeof(*server));
    if (!server)
        return ERR_NO_MEMORY;
    TAILQ_INIT(&server->open);
    connections_init(&server->api.connections, HQ_CONNECTIONS_MAX, HQ_REQUEST_S);
    connections_init(&server->est.connections, HQ_EST_CONNECTIONS_MAX, HQ_EST_REQUEST_S);
    server->api.connections.refused = server->est.connections.refused = refusals_tell;
    server->api.connections.refused_ctx = server->est.connections.refused_ctx = &server->refusals;
    server->hq = hq;
    int rc = open_all(options, server, err);
    if (rc != 0) {
        hq_server_destroy(server);
        return rc;
    }
    hq->issuer = (struct hq_issuer){issuer_ask, server->issuer};
    hq->wake = wake;
    hq->wake_ctx = server;
    *out = server;
    return 0;
}

uint16_t hq_server_port(const struct hq_server *server)
{
    return server->api.port;
}

uint16_t hq_server_est_port(const struct hq_server *server)
{
    return server->est.port;
}

static void say_alive(void *ctx)
{
    thread_alive(ctx);
}

void hq_server_run(struct thread *self, void *ctx)
{
    const struct timeval tick = {.tv_usec = UPKEEP_TICK_MS * 1000};
    struct hq_server *server = ctx;
    server->self = self;
    thread_alive(self);
    hq_db_watch(&server->hq->db, say_alive, self);
    if (event_add(server->tick, &tick) == 0)
        (void)event_base_dispatch(server->base); /* ended by on_tick; otherwise found stale */
}

static void close_end(struct end *end)
{
    if (end->http)
        evhttp_free(end->http);
    SSL_CTX_free(end->tls);
}

void hq_server_destroy(struct hq_server *server)
{
    if (!server)
        return;
    while (!TAILQ_EMPTY(&server->open))
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow TAILQ_REMOVE */
        free_call(TAILQ_FIRST(&server->open));
    if (server->hq && server->hq->wake_ctx == server) {
        server->hq->wake = NULL;
        hq_db_watch(&server->hq->db, NULL, NULL); /* its thread has ended */
    }
    issuer_destroy(server->issuer);
    close_end(&server->api);
    close_end(&server->est);
    if (server->tick)
        event_free(server->tick);
    upkeep_end(&server->upkeep);
    if (server->base)
        event_base_free(server->base);
    free(server);
}
