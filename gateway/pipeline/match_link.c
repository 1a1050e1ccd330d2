/* See match_link.h. */
#include "gateway/pipeline/match_link.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gateway/base/queue.h"
#include "gateway/base/unix_socket.h"

enum { POLL_MS = 200, RECEIVE_BUFFER_BYTES = 1 << 20 };

struct match_link {
    struct match_link_sink sink;
    struct queue *free; /* of struct match_packet * */
    struct match_packet *pool;
    char *texts;       /* the texts of one message as they came */
    uint64_t sequence; /* last of this connection */
    uid_t user;
    int listen_fd;
    int peer_fd; /* -1: no matchd; changed by the link thread only, under the lock */
    pthread_mutex_t lock;
};

int match_link_create(const char *path, uid_t user, const struct match_link_sink *sink,
                      struct match_link **out, struct err_text *err)
{
    struct match_link *link = calloc(1, sizeof *link);
    if (!link)
        return err_set(err, ERR_NO_MEMORY, "matches socket: no memory");
    *link = (struct match_link){.sink = *sink, .user = user, .listen_fd = -1, .peer_fd = -1};
    thread_lock_init(&link->lock);
    link->pool = calloc(MATCH_LINK_PACKETS, sizeof *link->pool);
    link->texts = malloc(MATCH_HITS_MAX * WANTED_TEXT_MAX);
    link->free = queue_create(MATCH_LINK_PACKETS, sizeof(struct match_packet *));
    int result = link->pool && link->texts && link->free ? 0 : ERR_NO_MEMORY;
    if (result != 0)
        err_set(err, result, "matches socket: no memory");
    for (int i = 0; result == 0 && i < MATCH_LINK_PACKETS; i++) {
        struct match_packet *packet = &link->pool[i];
        result = queue_push(link->free, &packet);
    }
    if (result == 0)
        result = unix_listen(path, SOCK_SEQPACKET, 0660, &link->listen_fd, err);
    if (result != 0) {
        match_link_destroy(link);
        return result;
    }
    *out = link;
    return 0;
}

static void close_peer(struct match_link *link)
{
    pthread_mutex_lock(&link->lock);
    if (link->peer_fd >= 0)
        close(link->peer_fd);
    link->peer_fd = -1;
    pthread_mutex_unlock(&link->lock);
}

int match_link_send(struct match_link *link, const struct match_query *query)
{
    int result = ERR_NOT_FOUND;
    pthread_mutex_lock(&link->lock);
    if (link->peer_fd >= 0) {
        ssize_t size = send(link->peer_fd, query, sizeof *query, MSG_DONTWAIT | MSG_NOSIGNAL);
        bool full = size < 0 && (errno == EAGAIN || errno == ENOBUFS);
        result = size == (ssize_t)sizeof *query ? 0 : full ? ERR_FULL : ERR_IO;
    }
    pthread_mutex_unlock(&link->lock);
    return result;
}

void match_link_destroy(struct match_link *link)
{
    if (!link)
        return;
    close_peer(link);
    if (link->listen_fd >= 0)
        close(link->listen_fd);
    queue_destroy(link->free);
    free(link->texts);
    free(link->pool);
    pthread_mutex_destroy(&link->lock);
    free(link);
}

void match_link_release(struct match_link *link, struct match_packet *packet)
{
    int result = queue_push(link->free, &packet);
    assert(result == 0); /* room for the whole pool */
    (void)result;
}

static void lose_peer(struct match_link *link, const char *reason)
{
    close_peer(link);
    link->sink.state(link->sink.ctx, false, reason);
}

static void accept_peer(struct match_link *link)
{
    int fd;
    struct unix_peer peer;
    if (unix_accept(link->listen_fd, &fd, &peer) != 0)
        return;
    if (!unix_peer_is(&peer, link->user)) {
        close(fd);
        return;
    }
    int size = RECEIVE_BUFFER_BYTES;
    /* A smaller buffer only makes matchd wait sooner. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (link->peer_fd >= 0)
        lose_peer(link, "a newer matchd connected");
    pthread_mutex_lock(&link->lock);
    link->peer_fd = fd;
    pthread_mutex_unlock(&link->lock);
    link->sequence = 0;
    link->sink.state(link->sink.ctx, true, NULL);
}

static void split_texts(const struct match_link *link, struct match_packet *packet)
{
    if (packet->message.type != MATCH_READ && packet->message.type != MATCH_SEARCHED &&
        packet->message.type != MATCH_SELF_TEST)
        return;
    size_t at = 0;
    for (int i = 0; i < packet->message.u.read.hit_count; i++) {
        size_t size = packet->message.u.read.hits[i].entry.text_size;
        memcpy(packet->texts[i], link->texts + at, size);
        packet->texts[i][size] = '\0';
        at += size;
    }
}

static int check_order(struct match_link *link, const struct match_message *m, struct err_text *err)
{
    if (m->sequence != link->sequence + 1)
        return err_set(err, ERR_INVALID, "sequence = '%llu': expected %llu",
                       (unsigned long long)m->sequence, (unsigned long long)link->sequence + 1);
    if ((m->type == MATCH_HELLO) != (m->sequence == 1))
        return err_set(err, ERR_INVALID, "type = '%d': expected a hello first and once",
                       (int)m->type);
    link->sequence = m->sequence;
    return 0;
}

/* Receives one message into `packet`. 0, ERR_TIMEOUT (none waits) or an error: the peer is lost. */
static int receive(struct match_link *link, struct match_packet *packet, struct err_text *err)
{
    struct iovec parts[] = {
        {&packet->message, sizeof packet->message},
        {link->texts, MATCH_HITS_MAX * WANTED_TEXT_MAX},
    };
    struct msghdr header = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t size = recvmsg(link->peer_fd, &header, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return ERR_TIMEOUT;
    if (size < 0)
        return err_set(err, ERR_IO, "%s", strerror(errno));
    if (size == 0)
        return err_set(err, ERR_IO, "matchd closed the connection");
    if (header.msg_flags & MSG_TRUNC)
        return err_set(err, ERR_TOO_LARGE, "a message of more than %zu bytes",
                       (size_t)MATCH_MESSAGE_SIZE_MAX);
    int result = match_message_check(&packet->message, (size_t)size, err);
    if (result == 0)
        result = check_order(link, &packet->message, err);
    if (result == 0)
        split_texts(link, packet);
    return result;
}

/* False: there may be more. */
static bool read_peer(struct match_link *link, struct thread *self)
{
    while (!thread_stopping(self) && link->peer_fd >= 0) {
        struct match_packet *packet;
        thread_alive(self);
        if (queue_pop(link->free, &packet, POLL_MS) != 0)
            return false;
        struct err_text err;
        int result = receive(link, packet, &err);
        if (result == 0) {
            link->sink.packet(link->sink.ctx, packet);
            continue;
        }
        match_link_release(link, packet);
        if (result != ERR_TIMEOUT)
            lose_peer(link, err.text);
        return true;
    }
    return true;
}

void match_link_run(struct thread *self, void *arg)
{
    struct match_link *link = arg;
    while (!thread_stopping(self)) {
        struct pollfd fds[2] = {
            {.fd = link->listen_fd, .events = POLLIN},
            {.fd = link->peer_fd, .events = POLLIN}, /* -1 is passed over */
        };
        thread_alive(self);
        if (poll(fds, 2, POLL_MS) <= 0)
            continue;
        /* What an earlier connection brought is taken before a newer one replaces it. */
        bool drained = !fds[1].revents || read_peer(link, self);
        if (fds[0].revents && drained)
            accept_peer(link);
    }
    close_peer(link);
}
