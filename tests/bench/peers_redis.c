/*
 * Peer: a real redis-server over a unix socket, asked with pipelined SMISMEMBER. It is a program of
 * its own, so a run is timed by the wall: its work and ours overlap on two cores, which is in its
 * favour. It holds nothing on disk: once connected, its socket and folder are removed, and the
 * kernel ends it with this thread, however that ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "tests/bench/peers.h"

enum {
    SLICE = 64 * 1024,
    MEMBERS_ASKED = 256,
    PIPELINED = 4, /* commands under way */
    MEMBERS_ADDED = 1000,
    START_MS = 20000
};

struct redis_command {
    char *bytes;
    size_t size;
};

struct redis_peer {
    pid_t server;
    redisContext *connection;
    size_t query_count;
    struct redis_command *commands; /* MEMBERS_ASKED queries each */
    size_t command_count;
    char folder[64];
    char socket[96];
};

/* In the child: becomes the server, or ends. */
static _Noreturn void become_server(const char *folder, pid_t parent, const sigset_t *signals)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && null >= 0 &&
        dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 && chdir(folder) == 0 &&
        sigprocmask(SIG_SETMASK, signals, NULL) == 0) {
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", "socket", "--save",
               "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning",
               (char *)NULL);
    }
    _exit(127);
}

static void stop_server(struct redis_peer *peer)
{
    if (peer->server > 0) {
        if (kill(peer->server, SIGKILL) != 0 || waitpid(peer->server, NULL, 0) != peer->server) {
            bench_fail("redis: process %d cannot be stopped", (int)peer->server);
        }
        peer->server = 0;
    }
}

/* A server that is not there yet is asked again until it has had START_MS. */
static int connect_server(struct redis_peer *peer, struct err_text *err)
{
    uint64_t begun = bench_wall_ns();
    while (bench_wall_ns() - begun < START_MS * UINT64_C(1000000)) {
        int status = 0;
        redisFree(peer->connection);
        peer->connection = redisConnectUnix(peer->socket);
        if (peer->connection && peer->connection->err == 0) {
            return 0;
        }
        if (waitpid(peer->server, &status, WNOHANG) == peer->server) {
            peer->server = 0;
            return err_set(err, ERR_IO, "redis-server ended with status %d at its start",
                           WEXITSTATUS(status));
        }
        (void)poll(NULL, 0, 10); /* only waits */
    }
    return err_set(err, ERR_TIMEOUT, "redis-server does not answer within %d ms", START_MS);
}

static int start_server(struct redis_peer *peer, struct err_text *err)
{
    sigset_t held;
    sigset_t before;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    /* None of them may come between making the folder and removing it. */
    if (sigprocmask(SIG_BLOCK, &held, &before) != 0) {
        return err_set(err, ERR_IO, "sigprocmask: %s", strerror(errno));
    }
    int result = 0;
    (void)snprintf(peer->folder, sizeof(peer->folder), "/tmp/bench_redis_XXXXXX"); /* fits */
    if (!mkdtemp(peer->folder)) {
        result = err_set(err, ERR_IO, "no folder below /tmp: %s", strerror(errno));
        goto out;
    }
    (void)snprintf(peer->socket, sizeof(peer->socket), "%s/socket", peer->folder); /* fits */
    pid_t parent = getpid();
    peer->server = fork();
    if (peer->server == 0) {
        become_server(peer->folder, parent, &before);
    }
    result = peer->server > 0 ? connect_server(peer, err)
                              : err_set(err, ERR_IO, "fork: %s", strerror(errno));
    (void)unlink(peer->socket); /* a server that did not start has made none */
    if (rmdir(peer->folder) != 0 && result == 0) {
        result = err_set(err, ERR_IO, "%s: %s", peer->folder, strerror(errno));
    }
out:
    if (sigprocmask(SIG_SETMASK, &before, NULL) != 0) {
        bench_fail("sigprocmask: %s", strerror(errno));
    }
    return result;
}

static redisReply *next_reply(struct redis_peer *peer, int type)
{
    void *reply = NULL;
    if (redisGetReply(peer->connection, &reply) != REDIS_OK) {
        bench_fail("redis: %s", peer->connection->errstr);
    }
    redisReply *answer = reply;
    if (answer->type != type) {
        bench_fail("redis: a reply of type %d, expected %d: %s", answer->type, type,
                   answer->str ? answer->str : "");
    }
    return answer;
}

/* The command `verb wanted` over `count` plates. */
static struct redis_command command_of(const char *verb, const struct bench_text *texts,
                                       size_t count)
{
    const char *words[2 + MEMBERS_ADDED];
    size_t sizes[2 + MEMBERS_ADDED];
    struct redis_command command;
    words[0] = verb;
    sizes[0] = strlen(verb);
    words[1] = "wanted";
    sizes[1] = strlen("wanted");
    for (size_t i = 0; i < count; i++) {
        words[2 + i] = texts[i].utf8;
        sizes[2 + i] = texts[i].size;
    }
    int size = redisFormatCommandArgv(&command.bytes, (int)(2 + count), words, sizes);
    if (size < 0) {
        bench_fail("redis: no memory for a command");
    }
    command.size = (size_t)size;
    return command;
}

static void send_command(struct redis_peer *peer, const struct redis_command *command)
{
    if (redisAppendFormattedCommand(peer->connection, command->bytes, command->size) != REDIS_OK) {
        bench_fail("redis: %s", peer->connection->errstr);
    }
}

static void fill(struct redis_peer *peer, const struct bench_keys *keys)
{
    struct bench_text *texts = bench_texts_create(keys->listed, keys->listed_count);
    for (size_t i = 0; i < keys->listed_count; i += MEMBERS_ADDED) {
        size_t rest = keys->listed_count - i;
        size_t count = rest < MEMBERS_ADDED ? rest : MEMBERS_ADDED;
        struct redis_command command = command_of("SADD", &texts[i], count);
        send_command(peer, &command);
        redisFreeCommand(command.bytes);
        redisReply *reply = next_reply(peer, REDIS_REPLY_INTEGER);
        if (reply->integer != (long long)count) {
            bench_fail("redis: SADD adds %lld of %zu plates", reply->integer, count);
        }
        freeReplyObject(reply);
    }
    bench_texts_destroy(texts);
}

/* The questions are made beforehand: what is timed is sending, answering and reading. */
static void prepare(struct redis_peer *peer, const struct bench_keys *keys)
{
    struct bench_text *texts = bench_texts_create(keys->queries, keys->query_count);
    peer->query_count = keys->query_count;
    peer->command_count = (keys->query_count + MEMBERS_ASKED - 1) / MEMBERS_ASKED;
    peer->commands = bench_room(peer->command_count, sizeof(peer->commands[0]));
    for (size_t i = 0; i < peer->command_count; i++) {
        size_t first = i * MEMBERS_ASKED;
        size_t rest = keys->query_count - first;
        peer->commands[i] =
            command_of("SMISMEMBER", &texts[first], rest < MEMBERS_ASKED ? rest : MEMBERS_ASKED);
    }
    bench_texts_destroy(texts);
}

static void close_peer(void *self)
{
    struct redis_peer *peer = self;
    if (!peer) {
        return;
    }
    redisFree(peer->connection);
    stop_server(peer);
    for (size_t i = 0; i < peer->command_count; i++) {
        redisFreeCommand(peer->commands[i].bytes);
    }
    free(peer->commands);
    free(peer);
}

static int open_peer(const struct bench_keys *keys, void **out, struct err_text *err)
{
    struct redis_peer *peer = bench_room(1, sizeof(*peer));
    *out = NULL;
    int result = start_server(peer, err);
    if (result == 0) {
        fill(peer, keys);
        prepare(peer, keys);
        *out = peer;
    } else {
        close_peer(peer);
    }
    return result;
}

static size_t hits_of_next(struct redis_peer *peer)
{
    redisReply *reply = next_reply(peer, REDIS_REPLY_ARRAY);
    size_t hits = 0;
    for (size_t i = 0; i < reply->elements; i++) {
        hits += reply->element[i]->integer == 1;
    }
    freeReplyObject(reply);
    return hits;
}

/* The server is kept busy: a new question goes out with every answer that came in. */
static size_t run_peer(void *self, size_t first, size_t count)
{
    struct redis_peer *peer = self;
    size_t sent = first / MEMBERS_ASKED;
    size_t end = (first + count + MEMBERS_ASKED - 1) / MEMBERS_ASKED;
    size_t hits = 0;
    if (first % MEMBERS_ASKED != 0 ||
        (count % MEMBERS_ASKED != 0 && first + count != peer->query_count)) {
        bench_fail("redis: queries %zu to %zu are no whole commands of %d", first, first + count,
                   MEMBERS_ASKED);
    }
    for (size_t answered = sent; answered < end; answered++) {
        while (sent < end && sent < answered + PIPELINED) {
            send_command(peer, &peer->commands[sent++]);
        }
        hits += hits_of_next(peer);
    }
    return hits;
}

const struct bench_peer bench_peer_redis = {.name = "redis",
                                            .slice = SLICE,
                                            .now_ns = bench_wall_ns,
                                            .open = open_peer,
                                            .run = run_peer,
                                            .close = close_peer};
