/*
 * See connections.h. A struct connection hangs on its SSL (ex_data) and is freed with it. A
 * connection is ended by shutting its socket down: libevent takes it apart as for any peer that
 * left.
 */
#include "gateway/console/connections.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/console/answer.h"
#include "gateway/console/request.h"

enum state {
    SHAKING, /* the handshake goes on */
    KEPT,    /* between requests */
    READING, /* a request comes */
    BUSY,    /* it is being answered */
    STREAMING
};

struct connection {
    TAILQ_ENTRY(connection) link;
    struct connections *all;
    SSL *ssl;
    struct evbuffer *input; /* the bufferevent's */
    struct evbuffer *output;
    struct event *replace; /* active once libevent answered by itself */
    size_t replace_at;     /* where in the output that answer begins */
    bool replacing;        /* what is added now is ours */
    enum state state;
    struct mono_time since; /* of the state */
    struct head_scan scan;
    bool more;                             /* bytes came while it was busy */
    bool told;                             /* its end was */
    char address[CONNECTION_ADDRESS_SIZE]; /* "" until the handshake began */
};

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int connection_index; /* written once, by make_index */

static void tell(struct connection *c, enum connection_end why)
{
    if (!c->told)
        c->all->ended(c->all->ctx, why, c->address);
    c->told = true;
}

static void free_connection(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                            void *argp)
{
    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp; /* the signature is OpenSSL's */
    struct connection *c = ptr;
    if (!c)
        return;
    if (c->state == READING)
        tell(c, CONNECTION_BROKEN);
    TAILQ_REMOVE(&c->all->list, c, link);
    c->all->count--;
    if (c->replace)
        event_free(c->replace);
    free(c);
}

static void make_index(void)
{
    connection_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_connection);
}

static struct connection *connection_of(const SSL *ssl)
{
    return ssl ? SSL_get_ex_data(ssl, connection_index) : NULL;
}

static void set_state(struct connection *c, enum state state)
{
    c->state = state;
    c->since = clock_mono(&clock_system);
}

static void end_connection(struct connection *c, enum connection_end why)
{
    int fd = SSL_get_fd(c->ssl);
    tell(c, why);
    if (fd >= 0)
        (void)shutdown(fd, SHUT_RDWR); /* a peer that left already is as good */
}

static void read_address(struct connection *c)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {.v6 = {.sin6_port = 0}};
    socklen_t size = sizeof peer;
    int fd = SSL_get_fd(c->ssl);
    if (fd < 0 || getpeername(fd, &peer.any, &size) != 0)
        return; /* it has left */
    const void *bytes = peer.any.sa_family == AF_INET6 ? (const void *)&peer.v6.sin6_addr
                                                       : (const void *)&peer.v4.sin_addr;
    if (!inet_ntop(peer.any.sa_family, bytes, c->address, sizeof c->address))
        c->address[0] = '\0';
}

static size_t count_same(const struct connection *c)
{
    const struct connection *other;
    size_t count = 0;
    TAILQ_FOREACH(other, &c->all->list, link)
    {
        count += strcmp(other->address, c->address) == 0;
    }
    return count;
}

static void on_handshake(const SSL *ssl, int where, int value)
{
    struct connection *c = connection_of(ssl);
    (void)value; /* what was wrong with a certificate is told by who judges it */
    if (!c)
        return;
    if (where & SSL_CB_HANDSHAKE_START && c->address[0] == '\0') {
        read_address(c);
        if (count_same(c) > c->all->of_one_max)
            end_connection(c, CONNECTION_TOO_MANY);
    }
    if (where & SSL_CB_HANDSHAKE_DONE && c->state == SHAKING)
        set_state(c, KEPT);
}

/* Bytes of the peer, as they come out of the TLS layer. */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *ctx)
{
    struct connection *c = ctx;
    struct evbuffer_iovec parts[8];
    struct evbuffer_ptr at;
    if (info->n_added == 0)
        return;
    if (c->state == KEPT) {
        set_state(c, READING);
        c->scan = (struct head_scan){0};
    } else if (c->state == STREAMING) {
        end_connection(c, CONNECTION_TALKS);
    }
    c->more |= c->state == BUSY;
    if (c->state != READING || c->scan.whole ||
        evbuffer_ptr_set(input, &at, info->orig_size, EVBUFFER_PTR_SET) != 0)
        return;
    int count = evbuffer_peek(input, (ssize_t)info->n_added, &at, parts, 8);
    for (int i = 0; i < count && i < 8; i++)
        head_scan_add(&c->scan, parts[i].iov_base, parts[i].iov_len);
}

/* Before the loop comes to writing: libevent's answer was added in the loop's present round. */
static void on_replace(evutil_socket_t fd, short what, void *ctx)
{
    struct connection *c = ctx;
    (void)fd, (void)what; /* it has neither */
    c->replacing = true;
    if (c->replace_at != 0 || !answer_replace(c->output))
        end_connection(c, CONNECTION_BROKEN);
    c->replacing = false;
}

/* Bytes for the peer. Those of an answer come while one is due; libevent's own are others. */
static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *ctx)
{
    struct connection *c = ctx;
    (void)output; /* the connection knows it */
    if (info->n_added == 0 || c->state >= BUSY || c->replacing ||
        event_pending(c->replace, EV_WRITE, NULL))
        return;
    c->replace_at = info->orig_size;
    event_active(c->replace, EV_WRITE, 1);
}

void connections_init(struct connections *all, struct event_base *base, size_t of_one_max,
                      void (*ended)(void *ctx, enum connection_end why, const char *address),
                      void *ctx)
{
    (void)pthread_once(&index_once, make_index); /* fails only for a bad argument */
    *all = (struct connections){.of_one_max = of_one_max ? of_one_max : CONNECTIONS_OF_ONE_MAX,
                                .base = base,
                                .ended = ended,
                                .ctx = ctx};
    TAILQ_INIT(&all->list);
}

void connections_attach(SSL_CTX *ctx)
{
    SSL_CTX_set_info_callback(ctx, on_handshake);
}

int connections_add(struct connections *all, SSL *ssl, struct bufferevent *bev)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NO_MEMORY;
    *c = (struct connection){.all = all,
                             .ssl = ssl,
                             .input = bufferevent_get_input(bev),
                             .output = bufferevent_get_output(bev),
                             .replace = event_new(all->base, -1, 0, on_replace, c)};
    set_state(c, SHAKING);
    if (!c->replace || SSL_set_ex_data(ssl, connection_index, c) != 1) {
        if (c->replace)
            event_free(c->replace);
        free(c);
        return ERR_NO_MEMORY;
    }
    TAILQ_INSERT_TAIL(&all->list, c, link);
    all->count++;
    bufferevent_setwatermark(bev, EV_READ, 0, CONNECTION_INPUT_MAX);
    return evbuffer_add_cb(c->input, on_input, c) && evbuffer_add_cb(c->output, on_output, c)
               ? 0
               : ERR_NO_MEMORY;
}

bool connections_full(const struct connections *all)
{
    return all->count >= CONNECTIONS_MAX;
}

void connection_busy(SSL *ssl, struct connection_facts *out)
{
    struct connection *c = connection_of(ssl);
    *out = (struct connection_facts){.address = ""};
    if (!c)
        return;
    set_state(c, BUSY);
    c->more = evbuffer_get_length(c->input) > 0;
    *out = (struct connection_facts){c->address, c->scan.bare, c->more};
}

void connection_answered(SSL *ssl)
{
    struct connection *c = connection_of(ssl);
    if (c)
        set_state(c, KEPT);
}

void connection_streams(SSL *ssl)
{
    struct connection *c = connection_of(ssl);
    if (c)
        set_state(c, STREAMING);
}

void connections_sweep(struct connections *all)
{
    static const int limits_ms[] = {
        [SHAKING] = HANDSHAKE_MS, [KEPT] = KEPT_MS, [READING] = REQUEST_MS};
    struct mono_time now = clock_mono(&clock_system);
    struct connection *c;
    TAILQ_FOREACH(c, &all->list, link)
    {
        if (c->state >= BUSY || mono_diff_ms(now, c->since) < limits_ms[c->state])
            continue;
        if (c->state == KEPT)
            c->told = true; /* as it should be */
        end_connection(c, CONNECTION_SLOW);
    }
}
