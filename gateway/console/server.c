/*
 * The listening ends, the life of exchanges and the loop. libevent's traps: without a bufferevent
 * of ours it would speak plain HTTP (refused in on_request); its own time-outs are about silence,
 * so connections.c keeps the deadlines.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/base/host_port.h"
#include "gateway/console/exchange.h"
#include "gateway/console/pair.h"
#include "gateway/console/pictures.h"

enum {
    METHODS = EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
              EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH,
    IDLE_S = 75, /* above KEPT_MS and RELAY_WAIT_MS */
    SEND_BUFFER_BYTES = 64 << 10,
    DEAD_PEER_MS = 20000
};

/* ---- exchanges ---- */

SSL *exchange_ssl(const struct exchange *x)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(x->http);
    struct bufferevent *bev = connection ? evhttp_connection_get_bufferevent(connection) : NULL;
    return bev ? bufferevent_openssl_get_ssl(bev) : NULL;
}

const char *exchange_header(const struct exchange *x, const char *name)
{
    const struct evkeyval *header;
    const char *found = NULL;
    TAILQ_FOREACH(header, evhttp_request_get_input_headers(x->http), next)
    {
        if (strcasecmp(header->key, name) != 0)
            continue;
        if (found)
            return NULL;
        found = header->value;
    }
    return found;
}

void exchange_end(struct exchange *x)
{
    TAILQ_REMOVE(&x->console->open, x, link);
    json_decref(x->body);
    explicit_bzero(x->token, sizeof x->token);
    free(x);
}

void exchange_refuse(struct exchange *x, int status, enum log_event_id event,
                     const struct answer_words *words)
{
    if (event != 0)
        notes_tell(&x->console->notes, event, x->address, x->tablet, words->en);
    answer_refusal(x->http, status, words);
    exchange_end(x);
}

json_t *exchange_request(const struct exchange *x, const char *act, json_t *args)
{
    json_t *request = json_pack("{s:s,s:o,s:s,s:s}", "do", act, "args", args ? args : json_object(),
                                "origin", x->address, "tablet", x->tablet);
    if (request && x->token[0] &&
        json_object_set_new(request, "token", json_string(x->token)) != 0) {
        json_decref(request);
        return NULL;
    }
    return request;
}

void exchange_ask(struct exchange *x, json_t *request, bool urgent, relay_done done)
{
    static const struct answer_words no_memory = {"no_memory", "no memory", "内存不足"};
    if (!relay_ask(x->console->relay, request, RELAY_WAIT_MS, urgent, done, x))
        exchange_refuse(x, 503, 0, &no_memory);
}

/* ---- a request comes ---- */

/* What no browser sends: shapes that two readers may read differently. NULL: none. */
static const char *shape_fault(const struct exchange *x, const struct connection_facts *facts)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(x->http);
    const char *uri = evhttp_request_get_uri(x->http);
    if (facts->bare_line_feed)
        return "a line feed without carriage return";
    if (evhttp_find_header(headers, "Transfer-Encoding"))
        return "Transfer-Encoding";
    if (evhttp_find_header(headers, "Content-Length") && !exchange_header(x, "Content-Length"))
        return "two Content-Length";
    if (!exchange_header(x, "Host"))
        return "no Host, or two";
    if (evhttp_find_header(headers, "Cookie") && !exchange_header(x, "Cookie"))
        return "two Cookie headers";
    if (!uri || uri[0] != '/' || uri[1] == '/')
        return "not a path of this server";
    return NULL;
}

static void serve(struct exchange *x, const struct end *end, const struct connection_facts *facts)
{
    static const struct answer_words no_tls = {"denied", "TLS is required", "必须使用 TLS"};
    static const struct answer_words wrong_host = {"invalid", "not a name of this server",
                                                   "不是本服务器的名称"};
    const struct site *site = end->console->site;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(x->http);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    const char *fault = shape_fault(x, facts);
    if (facts->more || fault)
        answer_header(x->http, "Connection", "close");
    if (!exchange_ssl(x))
        exchange_refuse(x, 403, EVENT_CONSOLE_REQUEST_REFUSED, &no_tls);
    else if (fault)
        exchange_refuse(x, 400, EVENT_CONSOLE_REQUEST_REFUSED,
                        &(struct answer_words){"invalid", fault, "请求格式不被接受"});
    else if (!request_host_allowed(exchange_header(x, "Host"), (const char *const *)site->hosts,
                                   site->host_count)) {
        answer_header(x->http, "Connection", "close");
        exchange_refuse(x, 421, EVENT_CONSOLE_REQUEST_REFUSED, &wrong_host);
    } else {
        routes_serve(x, end, path ? path : "");
    }
}

static void on_request(struct evhttp_request *http, void *ctx)
{
    struct end *end = ctx;
    struct connection_facts facts;
    struct exchange *x = calloc(1, sizeof *x);
    if (!x) {
        evhttp_send_error(http, 503, NULL);
        return;
    }
    x->console = end->console;
    x->http = http;
    TAILQ_INSERT_TAIL(&end->console->open, x, link);
    connection_busy(exchange_ssl(x), &facts);
    memcpy(x->address, facts.address, strlen(facts.address) + 1);
    serve(x, end, &facts);
}

/* ---- connections ---- */

static void on_ended(void *ctx, enum connection_end why, const char *address)
{
    static const char *const words[] = {
        [CONNECTION_SLOW] = "the handshake or the request took too long",
        [CONNECTION_BROKEN] = "a request that is none, too large, or broke off",
        [CONNECTION_TOO_MANY] = "too many connections of one address",
        [CONNECTION_TALKS] = "it sends into an answer that goes on",
        [CONNECTION_UNREAD] = "it does not read its answer"};
    struct console *console = ctx;
    notes_tell(&console->notes, EVENT_CONSOLE_CONNECTION_ENDED, address, "", words[why]);
}

/* Each new connection: its TLS. NULL would be plain HTTP, which serve() refuses. A full end stops
 * listening until the next tick. */
static struct bufferevent *on_accept(struct event_base *base, void *ctx)
{
    struct end *end = ctx;
    const struct site *site = end->console->site;
    SSL *ssl = SSL_new(end->pairing ? site->pair : site->api);
    struct bufferevent *bev =
        ssl ? bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                             BEV_OPT_CLOSE_ON_FREE)
            : NULL;
    if (!bev) {
        SSL_free(ssl);
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    if (connections_add(&end->connections, ssl, bev) != 0) {
        bufferevent_free(bev);
        return NULL;
    }
    if (connections_full(&end->connections)) {
        notes_tell(&end->console->notes, EVENT_CONSOLE_FULL, "", "", "every connection is taken");
        (void)evconnlistener_disable(end->listener); /* if it fails, a few more come in */
    }
    return bev;
}

/* Out of descriptors: without a pause libevent would try again at once, for ever. on_tick listens
 * again. */
static void on_accept_error(struct evconnlistener *listener, void *http)
{
    (void)http;                             /* the argument is evhttp's own */
    (void)evconnlistener_disable(listener); /* if it fails, so will the next accept */
}

static void on_refused(void *ctx, const char *why)
{
    struct console *console = ctx;
    notes_tell(&console->notes, EVENT_CONSOLE_TABLET_REFUSED, "", "", why);
}

/* What accepted sockets inherit. */
static void set_socket(int fd)
{
    const int yes = 1;
    const int bytes = SEND_BUFFER_BYTES;
    const unsigned dead_ms = DEAD_PEER_MS;
    /* Without them events come later, slow readers are noticed later: nothing else. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms);
}

static int open_end(struct console *console, struct end *end, const char *listen, bool pairing,
                    struct err_text *err)
{
    char host[HOST_TEXT_SIZE];
    uint16_t port = 0;
    int rc = host_port_split(listen, host, &port, err);
    if (rc != 0)
        return rc;
    end->console = console;
    end->pairing = pairing;
    end->http = evhttp_new(console->base);
    if (!end->http)
        return err_set(err, ERR_NO_MEMORY, "%s: no memory", listen);
    connections_init(&end->connections, console->base, console->options.connections_of_one,
                     on_ended, console);
    evhttp_set_bevcb(end->http, on_accept, end);
    evhttp_set_gencb(end->http, on_request, end);
    evhttp_set_allowed_methods(end->http, METHODS);
    evhttp_set_max_headers_size(end->http, CONSOLE_HEAD_MAX);
    evhttp_set_max_body_size(end->http, CONSOLE_BODY_MAX);
    evhttp_set_timeout(end->http, IDLE_S);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(end->http, host, port);
    if (!bound)
        return err_set(err, ERR_BUSY, "%s: cannot listen there: %s", listen, strerror(errno));
    end->listener = evhttp_bound_socket_get_listener(bound);
    set_socket(evhttp_bound_socket_get_fd(bound));
    evconnlistener_set_error_cb(end->listener, on_accept_error);
    return socket_port(evhttp_bound_socket_get_fd(bound), &end->port);
}

static void close_end(struct end *end)
{
    if (end->http)
        evhttp_free(end->http);
}

/* ---- the loop ---- */

static void use_site(struct console *console, struct site *site)
{
    accepted_attach(site->api);
    if (site->pair)
        accepted_attach(site->pair);
    site_free(console->site); /* connections that use its contexts keep them */
    console->site = site;
}

static void take_site(struct console *console)
{
    struct site *site = atomic_exchange_explicit(&console->next_site, NULL, memory_order_acquire);
    if (!site)
        return;
    use_site(console, site);
    log_event(EVENT_CONSOLE_FILES_TAKEN, "certificate=%s hosts=%zu", site->certificate,
              site->host_count);
}

static void sweep(struct end *end)
{
    if (!end->listener)
        return;
    connections_sweep(&end->connections);
    if (!connections_full(&end->connections))
        (void)evconnlistener_enable(end->listener); /* tried again at the next tick */
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what; /* a timer has neither */
    struct console *console = ctx;
    thread_alive(console->self);
    if (thread_stopping(console->self)) {
        (void)event_base_loopbreak(console->base); /* fails only without a base */
        return;
    }
    take_site(console);
    sweep(&console->api);
    sweep(&console->pair);
    tablets_tick(console->tablets);
    pair_tick(console);
    feeds_tick(console->feeds);
    notes_tell_rest(&console->notes, false);
}

void console_run(struct thread *self, void *ctx)
{
    const struct timeval tick = {.tv_usec = CONSOLE_TICK_MS * 1000};
    struct console *console = ctx;
    console->self = self;
    thread_alive(self);
    tablets_tick(console->tablets); /* answered before the first handshake is over, as a rule */
    if (event_add(console->tick, &tick) == 0)
        (void)event_base_dispatch(console->base); /* ended by on_tick; otherwise found stale */
}

/* ---- checkpointd ---- */

static void on_hung(void *ctx, bool hung)
{
    struct console *console = ctx;
    if (hung)
        notes_tell(&console->notes, EVENT_CONSOLE_NO_ANSWER, "", "", "no answer within 5 s");
    feeds_set_hung(console->feeds, hung);
}

static void on_slow(void *ctx, const char *tablet)
{
    struct console *console = ctx;
    notes_tell(&console->notes, EVENT_CONSOLE_STREAM_DROPPED, "", tablet,
               "it took its events too slowly");
}

/* Whether a session still stands. */
struct doubt {
    struct console *console;
    char token[REQUEST_TOKEN_SIZE];
    char tablet[FEED_TABLET_SIZE];
};

static void on_doubt(void *ctx, const struct relay_answer *answer)
{
    struct doubt *doubt = ctx;
    if (strcmp(relay_code(answer), "denied") == 0)
        feeds_end(doubt->console->feeds, doubt->token, doubt->tablet);
    explicit_bzero(doubt, sizeof *doubt);
    free(doubt);
}

static void on_doubted(void *ctx, const char *token, const char *tablet)
{
    struct console *console = ctx;
    struct doubt *doubt = calloc(1, sizeof *doubt);
    if (!doubt)
        return; /* it is asked again */
    doubt->console = console;
    memcpy(doubt->token, token, strlen(token) + 1);
    memcpy(doubt->tablet, tablet, strlen(tablet) + 1);
    json_t *request = json_pack("{s:s,s:s,s:s}", "do", "session", "token", token, "tablet", tablet);
    if (!relay_ask(console->relay, request, RELAY_WAIT_MS, false, on_doubt, doubt))
        free(doubt); /* asked again */
}

/* ---- life ---- */

static int open_all(struct console *console, struct err_text *err)
{
    const struct console_options *o = &console->options;
    struct site *site = NULL;
    (void)snprintf(console->control_path, sizeof console->control_path, "%s/control",
                   o->runtime_dir); /* a cut one is nobody's socket */
    (void)snprintf(console->events_path, sizeof console->events_path, "%s/events",
                   o->runtime_dir); /* likewise */
    (void)snprintf(console->look_path, sizeof console->look_path, "%s/look",
                   o->runtime_dir); /* likewise */
    const struct feeds_options feeds = {console->base, console->events_path, on_doubted, on_slow,
                                        console};
    int rc = pages_init(&console->pages, err);
    if (rc == 0)
        rc = relay_create(console->base, console->control_path, &console->relay);
    if (rc == 0)
        rc = feeds_create(&feeds, &console->feeds);
    const struct tablets_options tablets = {console->base, console->events_path, console->relay,
                                            on_hung, console};
    if (rc == 0)
        rc = tablets_create(&tablets, &console->tablets);
    if (rc == 0 && !(console->tick = event_new(console->base, -1, EV_PERSIST, on_tick, console)))
        rc = ERR_NO_MEMORY;
    if (rc == 0)
        rc = site_load(o, on_refused, console, &site, err);
    if (rc == 0)
        use_site(console, site);
    if (rc == 0)
        rc = open_end(console, &console->api, o->listen, false, err);
    if (rc == 0 && o->pair_listen)
        rc = open_end(console, &console->pair, o->pair_listen, true, err);
    return rc;
}

int console_create(const struct console_options *options, struct console **out,
                   struct err_text *err)
{
    struct console *console = calloc(1, sizeof *console);
    if (!console)
        return err_set(err, ERR_NO_MEMORY, "console: no memory");
    console->options = *options;
    TAILQ_INIT(&console->open);
    TAILQ_INIT(&console->looks);
    console->base = event_base_new();
    int rc = console->base ? open_all(console, err) : ERR_NO_MEMORY;
    if (rc != 0) {
        console_destroy(console);
        return rc;
    }
    *out = console;
    return 0;
}

int console_check(const struct console_options *options, struct err_text *err)
{
    char host[HOST_TEXT_SIZE];
    uint16_t port = 0;
    struct site *site = NULL;
    int rc = host_port_split(options->listen, host, &port, err);
    if (rc == 0 && options->pair_listen)
        rc = host_port_split(options->pair_listen, host, &port, err);
    if (rc == 0)
        rc = site_load(options, NULL, NULL, &site, err);
    site_free(site);
    return rc;
}

int console_reload(struct console *console, const struct console_options *options,
                   struct err_text *err)
{
    struct site *site = NULL;
    int rc = site_load(options, on_refused, console, &site, err);
    if (rc != 0)
        return rc;
    /* Pairs with the acquire in take_site. One that the loop did not come to is replaced. */
    site_free(atomic_exchange_explicit(&console->next_site, site, memory_order_acq_rel));
    return 0;
}

uint16_t console_port(const struct console *console)
{
    return console->api.port;
}

uint16_t console_pair_port(const struct console *console)
{
    return console->pair.port;
}

void console_destroy(struct console *console)
{
    if (!console)
        return;
    feeds_destroy(console->feeds);
    tablets_destroy(console->tablets);
    relay_destroy(console->relay);
    pictures_stop(console);
    while (!TAILQ_EMPTY(&console->open))
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow TAILQ_REMOVE */
        exchange_end(TAILQ_FIRST(&console->open));
    close_end(&console->api);
    close_end(&console->pair);
    site_free(console->site);
    site_free(atomic_load_explicit(&console->next_site, memory_order_acquire));
    notes_tell_rest(&console->notes, true);
    if (console->tick)
        event_free(console->tick);
    if (console->base)
        event_base_free(console->base);
    pages_fini(&console->pages);
    free(console);
}
