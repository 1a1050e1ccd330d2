/* See picture_store.h. */
#include "gateway/uplink/picture_store.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/unix_socket.h"

enum { LOOK_MS = 100 };

void store_client_init(struct store_client *client, const char *path,
                       const struct clock_source *clock, const struct uplink_wait *wait)
{
    memset(client, 0, sizeof(*client));
    client->path = path;
    client->clock = clock;
    client->wait = *wait;
    client->fd = -1;
}

void store_client_fini(struct store_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

bool store_client_used(const struct store_client *client)
{
    return client->fd >= 0 || access(client->path, F_OK) == 0;
}

static int lose(struct store_client *client, int rc, const char *why, struct err_text *err)
{
    store_client_fini(client);
    return err_set(err, rc, "checkpoint-camerad: %s", why);
}

/* One packet, checked. */
static int receive(struct store_client *client, struct err_text *err)
{
    struct mono_time until = mono_add_ms(clock_mono(client->clock), STORE_ANSWER_MS);
    for (;;) {
        struct pollfd fd = {.fd = client->fd, .events = POLLIN};
        (void)poll(&fd, 1, LOOK_MS); /* receiving says what there is */
        ssize_t size = recv(client->fd, client->answer, sizeof(client->answer), MSG_DONTWAIT);
        if (size > 0)
            return picture_message_check((const void *)client->answer, (size_t)size, err);
        if (size == 0)
            return lose(client, ERR_IO, "closed the connection", err);
        if (errno != EAGAIN && errno != EINTR)
            return lose(client, ERR_IO, strerror(errno), err);
        if (!client->wait.go_on(client->wait.ctx))
            return lose(client, ERR_STOPPED, "stopped", err);
        if (mono_before(until, clock_mono(client->clock)))
            return lose(client, ERR_TIMEOUT, "gives no answer", err);
    }
}

int store_client_ask(struct store_client *client, struct picture_message *ask, uint32_t expected,
                     const struct picture_message **out, struct err_text *err)
{
    const struct picture_message *m = (const void *)client->answer;
    int rc = 0;
    ask->version = PICTURE_MESSAGE_VERSION;
    if (client->fd < 0)
        rc = unix_connect(client->path, SOCK_SEQPACKET, &client->fd, err);
    if (rc != 0) {
        client->fd = -1;
        return err_prefix(err, ERR_IO, "checkpoint-camerad");
    }
    if (send(client->fd, ask, sizeof(*ask), MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof(*ask))
        return lose(client, ERR_IO, strerror(errno), err);
    rc = receive(client, err);
    if (rc != 0)
        return client->fd < 0 ? rc : lose(client, ERR_IO, err->text, err);
    if (m->type == PICTURE_ANSWER && m->u.answer.rc != 0)
        return err_set(err, m->u.answer.rc, "%s", m->u.answer.why);
    if (m->type != expected)
        return lose(client, ERR_IO, "an answer of another kind", err);
    if (out)
        *out = m;
    return 0;
}
