/* See picture_look.h. */
#include "gateway/model/picture_look.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/unix_socket.h"

enum {
    ANSWER_MAX = sizeof(struct picture_message) + PICTURES_FOUND_MAX * sizeof(struct picture_about)
};

void picture_look_ask(const struct hit_events *events, struct picture_message *out)
{
    *out = (struct picture_message){.version = PICTURE_MESSAGE_VERSION, .type = PICTURE_LOOK};
    out->u.look.time_ms = events->time.ms;
    out->u.look.count = (uint32_t)events->count;
    memcpy(out->u.look.events, events->events, sizeof(out->u.look.events));
}

int picture_look_answer(const void *packet, size_t size,
                        struct picture_about out[PICTURES_FOUND_MAX], size_t *out_count,
                        struct err_text *err)
{
    const struct picture_message *m = packet;
    int rc = picture_message_check(m, size, err);
    if (rc != 0)
        return rc;
    if (m->type == PICTURE_ANSWER && m->u.answer.rc != 0)
        return err_set(err, m->u.answer.rc, "%s", m->u.answer.why);
    if (m->type != PICTURE_FOUND)
        return err_set(err, ERR_INVALID, "type = %u: expected pictures found", m->type);
    if (m->u.found.count > 0)
        memcpy(out, m + 1, m->u.found.count * sizeof(*out));
    *out_count = m->u.found.count;
    return 0;
}

/* One packet of the answer; its size. */
static int receive(int fd, int timeout_ms, void *packet, size_t room, size_t *out_size,
                   struct err_text *err)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready = poll(&wait, 1, timeout_ms);
    if (ready == 0)
        return err_set(err, ERR_TIMEOUT, "no answer within %d ms", timeout_ms);
    ssize_t size = ready > 0 ? recv(fd, packet, room, MSG_DONTWAIT) : -1;
    if (size <= 0)
        return err_set(err, ERR_NOT_FOUND, "the picture store let go");
    *out_size = (size_t)size;
    return 0;
}

int picture_look(const char *path, const struct hit_events *events, int timeout_ms,
                 struct picture_about out[PICTURES_FOUND_MAX], size_t *out_count,
                 struct err_text *err)
{
    struct picture_message m;
    _Alignas(8) uint8_t packet[ANSWER_MAX];
    size_t size = 0;
    int fd = -1;
    if (events->count == 0)
        return err_set(err, ERR_INVALID, "no event of a camera");
    int rc = unix_connect(path, SOCK_SEQPACKET, &fd, err);
    if (rc != 0)
        return rc;
    picture_look_ask(events, &m);
    if (send(fd, &m, sizeof(m), MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof(m))
        rc = err_set(err, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    if (rc == 0)
        rc = receive(fd, timeout_ms, packet, sizeof(packet), &size, err);
    if (rc == 0)
        rc = picture_look_answer(packet, size, out, out_count, err);
    close(fd);
    return rc;
}
