/*
 * Replies of the local Redis, which holds whatever somebody put there: the first byte chooses the
 * question, the rest comes back on the connection. Lengths above LENGTH_DIGITS digits are left to
 * hiredis, which allocates what a header says; who may speak RESP to us is redis-server itself.
 */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/wanted/delta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 32 << 10, LENGTH_DIGITS = 5, DELTAS_MAX = 8 };

static bool lengths_small(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        size_t digits = 0;
        while ((data[i] == '*' || data[i] == '$') && i + 1 + digits < size &&
               data[i + 1 + digits] != '\r' && data[i + 1 + digits] != '\n')
            digits++;
        if (digits > LENGTH_DIGITS)
            return false;
    }
    return true;
}

static void ask_stream(struct link *link, uint8_t question)
{
    struct delta deltas[DELTAS_MAX] = {{0}};
    size_t count = 0;
    uint64_t length = 0;
    struct err_text err = {""};
    switch (question) {
    case 0:
        if (delta_last(link, &deltas[0], &err) == 0)
            count = 1;
        break;
    case 1:
        if (delta_get(link, 5, &deltas[0], &err) == 0)
            count = 1;
        break;
    case 2:
        if (delta_read(link, 4, 0, 0, deltas, DELTAS_MAX, &count, &err) != 0)
            count = 0;
        assert(count <= DELTAS_MAX);
        break;
    default:
        if (delta_length(link, &length, &err) != 0)
            assert(err.text[0]);
    }
    for (size_t i = 0; i < count; i++)
        delta_free(&deltas[i]);
}

static void ask_value(struct link *link, uint8_t question)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    bool same = false;
    struct err_text err = {""};
    if (question == 4) {
        uint8_t *manifest = (uint8_t *)strdup("abc"); /* freed by the call */
        if (delta_same_manifest(link, manifest, 3, &same, &err) != 0)
            assert(err.text[0]);
        return;
    }
    if (link_get(link, "wanted:meta", INPUT_MAX / 2, &bytes, &size, &err) == 0)
        assert(size > 0 && size <= INPUT_MAX / 2);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char socket_path[] = "/nowhere/redis.sock";
    const struct wanted_redis where = {.socket_path = socket_path};
    struct link link;
    int pair[2];
    if (size < 1 || size > INPUT_MAX || !lengths_small(data + 1, size - 1))
        return 0;
    (void)signal(SIGPIPE, SIG_IGN); /* as every program does; cannot fail for this signal */
    if (link_init(&link, &where, &clock_system, NULL) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        abort();
    ssize_t written = write(pair[1], data + 1, size - 1);
    assert(written == (ssize_t)size - 1);
    (void)shutdown(pair[1], SHUT_WR); /* a short reply ends there; cannot fail on a fresh pair */
    link.redis = redisConnectFd(pair[0]);
    assert(link.redis);
    if (data[0] % 6 < 4)
        ask_stream(&link, data[0] % 6);
    else
        ask_value(&link, data[0] % 6);
    link_close(&link); /* and its end of the pair */
    close(pair[1]);
    return 0;
}
