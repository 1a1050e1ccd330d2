/* See connections.h. */
#include "gateway/console/connections.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
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
    struct accepted accepted; /* `since`: of the state */
    struct evbuffer *input;   /* the bufferevent's */
    struct evbuffer *output;
    struct event *replace; /* active once libevent answered by itself */
    size_t replace_at;     /* where in the output that answer begins */
    bool replacing;        /* what is added now is ours */
    enum state state;
    struct head_scan scan;
    bool more;                             /* bytes came while it was busy */
    bool told;                             /* its end was */
    bool ended;                            /* libevent takes it apart soon */
    char address[CONNECTION_ADDRESS_SIZE]; /* "" until the handshake began */
};

/* The list is its owner's first member, as a connection's part is. */
static const struct connections *all_of(const struct connection *c)
{
    return (const struct connections *)c->accepted.all;
}

static struct connection *connection_of(const SSL *ssl)
{
    return (struct connection *)accepted_of(ssl);
}

static void tell(struct connection *c, enum connection_end why)
{
    const struct connections *all = all_of(c);
    if (!c->told)
        all->ended(all->ctx, why, c->address);
    c->told = true;
}

static void on_freed(struct accepted *one)
{
    struct connection *c = (struct connection *)one;
    if (c->state == READING)
        tell(c, CONNECTION_BROKEN);
    if (c->replace)
        event_free(c->replace);
}

static void set_state(struct connection *c, enum state state)
{
    c->state = state;
    c->accepted.since = clock_mono(&clock_system);
}

static void end_connection(struct connection *c, enum connection_end why)
{
    tell(c, why);
    c->ended = true;
    accepted_end(&c->accepted);
}

static void read_address(struct connection *c)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {.v6 = {.sin6_port = 0}};
    socklen_t size = sizeof peer;
    int fd = SSL_get_fd(c->accepted.ssl);
    if (fd < 0 || getpeername(fd, &peer.any, &size) != 0)
        return; /* it has left */
    const void *bytes = peer.any.sa_family == AF_INET6 ? (const void *)&peer.v6.sin6_addr
                                                       : (const void *)&peer.v4.sin_addr;
    if (!inet_ntop(peer.any.sa_family, bytes, c->address, sizeof c->address))
        c->address[0] = '\0';
}

static void on_handshake(struct accepted *one, int where, int value)
{
    struct connection *c = (struct connection *)one;
    (void)value; /* what was wrong with a certificate is told by who judges it */
    if (where & SSL_CB_HANDSHAKE_START && c->address[0] == '\0') {
        read_address(c);
        if (accepted_identify(one, c->address, strlen(c->address)) > all_of(c)->of_one_max)
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
    *all = (struct connections){.of_one_max = of_one_max ? of_one_max : CONNECTIONS_OF_ONE_MAX,
                                .base = base,
                                .ended = ended,
                                .ctx = ctx};
    accepted_init(&all->accepted, CONNECTIONS_MAX, on_handshake, on_freed);
}

int connections_add(struct connections *all, SSL *ssl, struct bufferevent *bev)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NO_MEMORY;
    *c = (struct connection){.input = bufferevent_get_input(bev),
                             .output = bufferevent_get_output(bev),
                             .replace = event_new(all->base, -1, 0, on_replace, c)};
    if (!c->replace ||
        accepted_add(&all->accepted, &c->accepted, ssl, clock_mono(&clock_system)) != 0) {
        if (c->replace)
            event_free(c->replace);
        free(c);
        return ERR_NO_MEMORY;
    }
    bufferevent_setwatermark(bev, EV_READ, 0, CONNECTION_INPUT_MAX);
    return evbuffer_add_cb(c->input, on_input, c) && evbuffer_add_cb(c->output, on_output, c)
               ? 0
               : ERR_NO_MEMORY;
}

bool connections_full(const struct connections *all)
{
    return accepted_is_full(&all->accepted);
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

/* Who has had an answer for the longest and not read it; NULL: nobody. */
static struct connection *longest_unread(struct connections *all)
{
    struct accepted *one;
    struct connection *found = NULL;
    TAILQ_FOREACH(one, &all->accepted.list, link)
    {
        struct connection *c = (struct connection *)one;
        if (c->state == KEPT && !c->ended && evbuffer_get_length(c->output) > 0 &&
            (!found || mono_before(one->since, found->accepted.since)))
            found = c;
    }
    return found;
}

static void sweep_unread(struct connections *all)
{
    const struct accepted *one;
    struct connection *longest;
    size_t unread = 0;
    TAILQ_FOREACH(one, &all->accepted.list, link)
    {
        const struct connection *c = (const struct connection *)one;
        unread += c->ended ? 0 : evbuffer_get_length(c->output);
    }
    while (unread > ANSWERS_UNREAD_MAX && (longest = longest_unread(all)) != NULL) {
        unread -= evbuffer_get_length(longest->output);
        end_connection(longest, CONNECTION_UNREAD);
    }
}

void connections_sweep(struct connections *all)
{
    static const int limits_ms[] = {
        [SHAKING] = HANDSHAKE_MS, [KEPT] = KEPT_MS, [READING] = REQUEST_MS};
    struct mono_time now = clock_mono(&clock_system);
    struct accepted *one;
    TAILQ_FOREACH(one, &all->accepted.list, link)
    {
        struct connection *c = (struct connection *)one;
        if (c->state >= BUSY || mono_diff_ms(now, one->since) < limits_ms[c->state])
            continue;
        if (c->state == KEPT)
            c->told = true; /* as it should be */
        end_connection(c, CONNECTION_SLOW);
    }
    sweep_unread(all);
}
