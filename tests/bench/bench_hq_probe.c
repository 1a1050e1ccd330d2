/*
 * Stands where checkpointd stands and asks checkpoint-matchd, again and again, whether a plate is
 * an exact hit now: an officer's `check` without its limit on requests. For bench_hq.py.
 *   bench_hq_probe SOCKET    listens there; of each line "+PLATE" or "-PLATE" of its input it says
 *                            "ok" as soon as that plate is a hit, or none
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/unix_socket.h"
#include "gateway/model/hit.h"
#include "tests/bench/bench.h"

enum { ASK_EVERY_MS = 1, CONNECT_S = 600, LINE_ROOM = 64 };

struct probe {
    int listen_fd;
    int fd; /* matchd's connection; -1: none */
    uint64_t asked;
    uint64_t answered;
    bool hit; /* of the last one answered */
    struct match_message *message;
};

static void wait_readable(int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, timeout_ms) < 0 && errno != EINTR)
        bench_fail("poll");
}

/* Waits for a connection, takes what matchd says. */
static void receive(struct probe *p, int timeout_ms)
{
    struct unix_peer peer;
    wait_readable(p->fd < 0 ? p->listen_fd : p->fd, timeout_ms);
    if (p->fd < 0) {
        if (unix_accept(p->listen_fd, &p->fd, &peer) != 0)
            p->fd = -1;
        return;
    }
    ssize_t size = recv(p->fd, p->message, MATCH_MESSAGE_SIZE_MAX, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size < (ssize_t)sizeof(*p->message))
        bench_fail("matchd closed the connection");
    if (p->message->type == MATCH_SEARCHED) {
        p->answered = p->message->u.read.read.event_id;
        p->hit = false;
        for (int i = 0; i < p->message->u.read.hit_count; i++)
            p->hit = p->hit || p->message->u.read.hits[i].kind == MATCH_EXACT;
    }
}

/* Whether the plate is a hit now. */
static bool ask(struct probe *p, plate_key key)
{
    struct match_query query = {.version = MATCH_MESSAGE_VERSION, .type = QUERY_SEARCH};
    uint64_t end = bench_wall_ns() + CONNECT_S * 1000000000ULL;
    query.u.search.number = ++p->asked;
    query.u.search.key = key;
    while (p->fd < 0 && bench_wall_ns() < end)
        receive(p, ASK_EVERY_MS);
    if (p->fd < 0 || send(p->fd, &query, sizeof(query), MSG_NOSIGNAL) != (ssize_t)sizeof(query))
        bench_fail("matchd cannot be asked");
    while (p->answered != p->asked && bench_wall_ns() < end)
        receive(p, ASK_EVERY_MS);
    if (p->answered != p->asked)
        bench_fail("matchd gives no answer");
    return p->hit;
}

int main(int argc, char **argv)
{
    struct probe probe = {.fd = -1, .message = bench_room(1, MATCH_MESSAGE_SIZE_MAX)};
    struct err_text err = {""};
    char line[LINE_ROOM];
    if (argc != 2 || unix_listen(argv[1], SOCK_SEQPACKET, 0600, &probe.listen_fd, &err) != 0)
        bench_fail("expected a socket's path: %s", err.text);
    while (fgets(line, sizeof(line), stdin)) {
        struct plate_text plate;
        plate_encode(line + 1, strcspn(line + 1, "\n"), PLATE_DASH_AUTO, &plate);
        if (plate.kind != PLATE_KEY)
            bench_fail("'%s' is no plate", line);
        while (ask(&probe, plate.key) != (line[0] == '+'))
            receive(&probe, ASK_EVERY_MS);
        printf("ok\n");
        if (fflush(stdout) != 0)
            return 1;
    }
    free(probe.message);
    return 0;
}
