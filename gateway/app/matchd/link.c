/*
 * Threads "link" and "reads": packets to checkpointd over `matches`, its questions back; reads of
 * other programs in over `reads`.
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/app/matchd/matchd.h"
#include "gateway/base/log.h"
#include "gateway/base/rcu.h"
#include "gateway/base/unix_socket.h"
#include "gateway/model/read_message.h"

enum {
    ALIVE_MS = 250,
    WAIT_MS = 50,
    RECONNECT_MS = 100,
    SEND_WAIT_MS = 100, /* between two signs of life while checkpointd is behind */
    DRAIN_MAX = 64,
    STATS_MS = 1000,
    REFUSED_MAX = 16, /* sent in one turn */
    LATE_MS = 3000,   /* older reads are no use at a lane */
    BEHIND_ENDS_MS = 5000,
    READERS_MAX = 8
};

struct link_state {
    struct matchd *m;
    struct thread *self;
    int fd; /* -1: not connected */
    uint64_t sequence;
    unsigned list_seen;
    unsigned policy_seen; /* 0: to be told anew */
    bool watching;
    uint64_t gone_seen; /* answers about the watched entries */
    struct mono_time sent_at;
    struct mono_time retry_at;
    struct mono_time stats_due;
    size_t refused_sent;        /* of those there are to send */
    struct out_packet *pending; /* off the queue, not sent yet */
    unsigned long long dropped_seen;
    struct mono_time dropped_at; /* 0: no hit was dropped lately */
    struct out_packet own;       /* for messages of the link itself */
    struct out_packet observed;  /* the same of the queue `observed`; size 0: none is held */
};

/* ---- sending ---- */

static void lose(struct link_state *l, const char *why)
{
    log_event(EVENT_LINK_LOST, "reason=\"%s\"", why);
    close(l->fd);
    l->fd = -1;
    l->watching = false;
    l->retry_at = mono_add_ms(clock_mono(&clock_system), RECONNECT_MS);
}

/* Waits while checkpointd is behind: capture then drops reads without a hit first. Only one that
 * takes nothing at all is given up. False: the connection is gone, the packet not sent. */
static bool send_packet(struct link_state *l, struct out_packet *packet)
{
    struct iovec parts[] = {{&packet->message, sizeof(packet->message)},
                            {packet->texts, packet->size - sizeof(packet->message)}};
    struct msghdr header = {.msg_iov = parts, .msg_iovlen = 2};
    struct pollfd room = {.fd = l->fd, .events = POLLOUT};
    struct mono_time begun = clock_mono(&clock_system);
    packet->message.sequence = l->sequence + 1;
    while (sendmsg(l->fd, &header, MSG_NOSIGNAL) < 0) {
        int error = errno;
        thread_alive(l->self);
        if (error != EAGAIN && error != EINTR) {
            lose(l, strerror(error));
            return false;
        }
        if (thread_stopping(l->self) || mono_diff_ms(clock_mono(&clock_system), begun) > LATE_MS) {
            lose(l, "checkpointd takes nothing");
            return false;
        }
        (void)poll(&room, 1, SEND_WAIT_MS); /* whatever it says, sending says it again */
    }
    l->sequence++;
    l->sent_at = clock_mono(&clock_system);
    return true;
}

static struct match_message *begin(struct link_state *l, enum match_message_type type)
{
    memset(&l->own.message, 0, sizeof(l->own.message));
    l->own.message.version = MATCH_MESSAGE_VERSION;
    l->own.message.type = type;
    l->own.size = sizeof(l->own.message);
    rcu_reader_online();
    matchd_fill_list(rcu_load(&l->m->in_force), &l->own.message);
    rcu_reader_offline();
    return &l->own.message;
}

static void send_own(struct link_state *l)
{
    if (l->fd >= 0) {
        (void)send_packet(l, &l->own); /* a lost connection starts with all of it again */
    }
}

static void send_hello(struct link_state *l)
{
    struct match_message *message = begin(l, MATCH_HELLO);
    bool seen[LANE_ID_MAX + 1] = {false};
    for (size_t i = 0; i < l->m->config.camera_count; i++) {
        const struct camera_options *camera = &l->m->config.cameras[i].options;
        if (!seen[camera->lane]) {
            seen[camera->lane] = true;
            message->u.hello.lanes[message->u.hello.lane_count] = camera->lane;
            message->u.hello.cameras[message->u.hello.lane_count++] = camera->id;
        }
    }
    send_own(l);
}

/* What the list thread says of the watched entries, as many messages as it takes. */
static void send_withdrawn(struct link_state *l)
{
    uint64_t gone[MATCH_WATCH_MAX];
    size_t count = 0;
    if (!l->watching || !matchd_watched_gone(l->m, &l->gone_seen, gone, &count)) {
        return;
    }
    for (size_t at = 0; at < count && l->fd >= 0; at += MATCH_WITHDRAWN_MAX) {
        struct match_message *message = begin(l, MATCH_WITHDRAWN);
        size_t part = count - at < MATCH_WITHDRAWN_MAX ? count - at : MATCH_WITHDRAWN_MAX;
        memcpy(message->u.withdrawn.entries, gone + at, part * sizeof(gone[0]));
        message->u.withdrawn.count = (uint32_t)part;
        send_own(l);
    }
}

static void send_alarms(struct link_state *l, bool all)
{
    for (int i = 0; i < ALARMS_MAX && l->fd >= 0; i++) {
        pthread_mutex_lock(&l->m->alarm_lock);
        struct alarm_state *state = &l->m->alarms[i];
        bool tell = state->event != 0 && (!state->told || (all && state->active));
        struct alarm_state copy = *state;
        state->told |= tell;
        pthread_mutex_unlock(&l->m->alarm_lock);
        if (!tell) {
            continue;
        }
        struct match_message *message = begin(l, MATCH_ALARM);
        message->u.alarm.event = copy.event;
        message->u.alarm.active = copy.active;
        memcpy(message->u.alarm.detail, copy.detail, sizeof(message->u.alarm.detail));
        send_own(l);
    }
}

static void send_list_change(struct link_state *l)
{
    unsigned changes = atomic_load_explicit(&l->m->list_changes, memory_order_acquire);
    if (changes == l->list_seen) {
        return;
    }
    l->list_seen = changes;
    (void)begin(l, MATCH_LIST);
    send_own(l);
}

/* Not before the policy of the last run was looked for: what is built in would look like a loss. */
static void send_policy_change(struct link_state *l)
{
    unsigned changes = atomic_load_explicit(&l->m->policy_changes, memory_order_acquire);
    if (l->fd < 0 || changes == l->policy_seen ||
        !atomic_load_explicit(&l->m->list_tried, memory_order_acquire)) {
        return;
    }
    l->policy_seen = changes;
    matchd_judge_fill(l->m, &begin(l, MATCH_POLICY)->u.policy);
    send_own(l);
}

static void send_stats(struct link_state *l)
{
    static struct match_counter counters[MATCHD_COUNTERS_MAX]; /* the link thread's */
    struct mono_time now = clock_mono(&clock_system);
    if (l->fd < 0 || mono_before(now, l->stats_due)) {
        return;
    }
    l->stats_due = mono_add_ms(now, STATS_MS);
    size_t count = matchd_stats_fill(l->m, counters);
    for (size_t at = 0; at < count && l->fd >= 0;) {
        struct match_message *message = begin(l, MATCH_STATS);
        size_t part = count - at < MATCH_COUNTERS_MAX ? count - at : MATCH_COUNTERS_MAX;
        memcpy(message->u.stats.counters, &counters[at], part * sizeof(counters[0]));
        message->u.stats.count = (uint32_t)part;
        at += part;
        send_own(l);
    }
}

/* A row the connection broke under is sent over the next one. */
static void send_refused(struct link_state *l)
{
    const struct refusal *refusal = NULL;
    for (int i = 0; i < REFUSED_MAX && l->fd >= 0; i++) {
        refusal = matchd_refusals_get(l->m, l->refused_sent);
        if (!refusal) {
            matchd_refusals_sent(l->m);
            l->refused_sent = 0;
            return;
        }
        matchd_refusals_fill(refusal, begin(l, MATCH_REFUSED));
        if (send_packet(l, &l->own)) {
            l->refused_sent++;
        }
    }
}

/* ---- questions ---- */

static void answer_search(struct link_state *l, const struct match_query *query)
{
    struct match_result result = {.hit_count = 0};
    struct match_message *message = begin(l, MATCH_SEARCHED);
    struct plate_read *read = &message->u.read.read;
    bool trusted;
    read->event_id = query->u.search.number;
    read->kind = PLATE_KEY;
    read->key = query->u.search.key;
    read->class = query->u.search.class;
    read->confidence = READ_CONFIDENCE_NONE;
    read->speed_kmh = UINT16_MAX;
    read->mono = clock_mono(&clock_system);
    read->wall = matchd_time(l->m, clock_wall(&clock_system), &trusted);
    read->lane = 1; /* a read has them; a search has no passage */
    read->camera = 1;
    rcu_reader_online();
    const struct in_force *in_force = rcu_load(&l->m->in_force);
    if (in_force && in_force->index) {
        match_find(in_force->index, in_force->judge, read, read->wall, trusted, &result);
    }
    matchd_fill_hits(&result, &l->own);
    rcu_reader_offline();
    send_own(l);
}

static void answer_self_test(struct link_state *l, uint64_t number)
{
    (void)begin(l, MATCH_SELF_TEST);
    matchd_self_test(l->m, number, &l->own);
    send_own(l);
}

static void take_query(struct link_state *l)
{
    struct match_query query;
    struct err_text err;
    ssize_t size = recv(l->fd, &query, sizeof(query), MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size <= 0) {
        lose(l, size == 0 ? "checkpointd closed the connection" : strerror(errno));
        return;
    }
    if (match_query_check(&query, (size_t)size, &err) != 0) {
        lose(l, err.text);
        return;
    }
    switch (query.type) {
    case QUERY_WATCH:
        l->watching = true;
        matchd_watch(l->m, query.u.watch.entries, query.u.watch.count);
        break;
    case QUERY_SEARCH:
        answer_search(l, &query);
        break;
    case QUERY_SELF_TEST:
        answer_self_test(l, query.u.self_test);
        break;
    }
}

/* ---- connection ---- */

static void connect_when_due(struct link_state *l)
{
    char path[MATCHD_TEXT_SIZE + 16];
    struct err_text err;
    if (mono_before(clock_mono(&clock_system), l->retry_at)) {
        return;
    }
    snprintf(path, sizeof(path), "%s/matches", l->m->config.runtime_dir);
    if (unix_connect(path, SOCK_SEQPACKET, &l->fd, &err) != 0) {
        l->fd = -1;
        l->retry_at = mono_add_ms(clock_mono(&clock_system), RECONNECT_MS);
        return;
    }
    l->sequence = 0;
    l->list_seen = atomic_load_explicit(&l->m->list_changes, memory_order_acquire);
    l->policy_seen = 0;
    send_hello(l);
    send_alarms(l, true);
}

static void give_back(struct matchd *m, struct out_packet *packet)
{
    int pushed = queue_push(m->free_packets, &packet); /* as long as the pool: always room */
    (void)pushed;
}

/* Sends what hits observe entries, however late. It is no sign of life: those come as they would
 * without it. False: some of it waits for a connection. */
static bool drain_observed(struct link_state *l)
{
    struct match_message *message = &l->observed.message;
    for (;;) {
        struct mono_time sent_at = l->sent_at;
        if (l->observed.size == 0) {
            if (queue_pop(l->m->observed, message, 0) != 0) {
                return true;
            }
            l->observed.size = sizeof(*message);
            unsigned lost =
                atomic_exchange_explicit(&l->m->observed_lost, 0, memory_order_relaxed) +
                message->u.read.hits_dropped;
            message->u.read.hits_dropped = (uint8_t)(lost < UINT8_MAX ? lost : UINT8_MAX);
        }
        if (l->fd < 0 || !send_packet(l, &l->observed)) {
            return false;
        }
        l->sent_at = sent_at;
        l->observed.size = 0;
    }
}

/* Sends what waits, oldest first, some at a time: list changes and questions have their turn in a
 * flood too. Without a connection it waits until it is too late to be of use; what a breaking
 * connection refused is sent over the next one. */
static void drain(struct link_state *l)
{
    for (int i = 0; i < DRAIN_MAX; i++) {
        if (!l->pending && queue_pop(l->m->packets, &l->pending, 0) != 0) {
            return;
        }
        struct mono_time now = clock_mono(&clock_system);
        bool late = mono_diff_ms(now, l->pending->made) > LATE_MS;
        if (!late && !drain_observed(l)) {
            return;
        }
        if (!late && (l->fd < 0 || !send_packet(l, l->pending))) {
            return;
        }
        if (late) {
            atomic_fetch_add_explicit(&l->m->late, 1, memory_order_relaxed);
            if (l->pending->from) {
                atomic_fetch_add_explicit(&l->pending->from->late, 1, memory_order_relaxed);
            }
        }
        give_back(l->m, l->pending);
        l->pending = NULL;
    }
}

/* MATCH_BEHIND ends when checkpointd takes packets again and no hit was dropped for a while. */
static void end_behind(struct link_state *l)
{
    unsigned long long dropped = atomic_load_explicit(&l->m->dropped_hits, memory_order_relaxed);
    struct mono_time now = clock_mono(&clock_system);
    if (dropped != l->dropped_seen) {
        l->dropped_seen = dropped;
        l->dropped_at = now;
    } else if (l->dropped_at.ns != 0 && l->fd >= 0 && !l->pending &&
               mono_diff_ms(now, l->dropped_at) >= BEHIND_ENDS_MS) {
        l->dropped_at = (struct mono_time){0};
        matchd_alarm(l->m, EVENT_MATCH_BEHIND, false, "");
    }
}

static void wait_for_work(struct link_state *l)
{
    struct pollfd fds[2] = {{.fd = l->pending ? -1 : queue_fd(l->m->packets), .events = POLLIN},
                            {.fd = l->fd, .events = POLLIN}}; /* -1 is passed over */
    if (poll(fds, 2, WAIT_MS) > 0 && fds[1].revents) {
        take_query(l);
    }
}

void matchd_link_run(struct thread *self, void *arg)
{
    static struct link_state l; /* one link thread; large */
    l.m = arg;
    l.self = self;
    l.fd = -1;
    rcu_reader_register();
    rcu_reader_offline();
    while (!thread_stopping(self)) {
        thread_alive(self);
        if (l.fd < 0) {
            connect_when_due(&l);
        }
        wait_for_work(&l);
        drain(&l);
        (void)drain_observed(&l); /* what waits, waits for a connection */
        end_behind(&l);
        if (l.fd >= 0) {
            send_list_change(&l);
            send_withdrawn(&l);
            send_policy_change(&l);
        }
        send_alarms(&l, false);
        send_stats(&l);
        send_refused(&l);
        if (l.fd >= 0 && mono_diff_ms(clock_mono(&clock_system), l.sent_at) >= ALIVE_MS) {
            (void)begin(&l, MATCH_ALIVE);
            send_own(&l);
        }
    }
    if (l.fd >= 0) {
        close(l.fd);
    }
    rcu_reader_unregister();
}

/* ---- reads of other programs ---- */

static struct {
    int listen_fd;
    uid_t user;
    int clients[READERS_MAX];
} readers = {.listen_fd = -1};

int matchd_reads_listen(struct matchd *m, struct err_text *err)
{
    char path[MATCHD_TEXT_SIZE + 16];
    const struct passwd *user = getpwnam(m->config.checkpointd_user);
    readers.user = user ? user->pw_uid : getuid();
    for (int i = 0; i < READERS_MAX; i++) {
        readers.clients[i] = -1;
    }
    snprintf(path, sizeof(path), "%s/reads", m->config.runtime_dir);
    return unix_listen(path, SOCK_SEQPACKET, 0660, &readers.listen_fd, err);
}

static void accept_reader(void)
{
    struct unix_peer peer;
    int fd = -1;
    if (unix_accept(readers.listen_fd, &fd, &peer) != 0) {
        return;
    }
    for (int i = 0; i < READERS_MAX && unix_peer_is(&peer, readers.user); i++) {
        if (readers.clients[i] < 0) {
            readers.clients[i] = fd;
            return;
        }
    }
    close(fd); /* not allowed, or too many */
}

static void take_message(struct matchd *m, int *fd)
{
    struct read_message message;
    struct err_text err;
    ssize_t size = recv(*fd, &message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size > 0 && read_message_check(&message, (size_t)size, &err) == 0) {
        rcu_reader_online();
        matchd_take_read(m, &message.read);
        rcu_reader_offline();
        return;
    }
    if (size > 0) {
        atomic_fetch_add_explicit(&m->reads_refused, 1, memory_order_relaxed);
        log_event(EVENT_READ_REFUSED, "detail=\"%s\"", err.text);
    }
    close(*fd);
    *fd = -1;
}

void matchd_reads_run(struct thread *self, void *arg)
{
    struct matchd *m = arg;
    rcu_reader_register();
    rcu_reader_offline();
    matchd_wait_for_list(m, self);
    while (!thread_stopping(self)) {
        struct pollfd fds[READERS_MAX + 1] = {{.fd = readers.listen_fd, .events = POLLIN}};
        for (int i = 0; i < READERS_MAX; i++) {
            fds[i + 1] = (struct pollfd){.fd = readers.clients[i], .events = POLLIN};
        }
        thread_alive(self);
        if (poll(fds, READERS_MAX + 1, WAIT_MS * 2) <= 0) {
            continue;
        }
        for (int i = 0; i < READERS_MAX; i++) {
            if (fds[i + 1].revents) {
                take_message(m, &readers.clients[i]);
            }
        }
        if (fds[0].revents) {
            accept_reader();
        }
    }
    for (int i = 0; i < READERS_MAX; i++) {
        if (readers.clients[i] >= 0) {
            close(readers.clients[i]);
        }
    }
    close(readers.listen_fd);
    rcu_reader_unregister();
}
