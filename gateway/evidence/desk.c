/*
 * See desk.h. A peer that says what makes no sense, or does not take its answers, is let go: all of
 * them come again by themselves.
 */
#include "gateway/evidence/desk.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/unix_socket.h"

enum { LISTENERS = 3, PATH_SIZE = 256, DETAIL_SIZE = 320, MESSAGES_A_TURN = 64 };

enum side { SIDE_CAMERA, SIDE_LINK, SIDE_LOOK };
static const char *const socket_names[LISTENERS] = {"pictures", "evidence", "look"};
/* The link's places come first, and are looked at first; nobody takes another side's. */
static const struct {
    int first;
    int end;
} places[LISTENERS] = {[SIDE_LINK] = {0, DESK_LINKS_MAX},
                       [SIDE_CAMERA] = {DESK_LINKS_MAX, DESK_LINKS_MAX + DESK_CAMERAS_MAX},
                       [SIDE_LOOK] = {DESK_LINKS_MAX + DESK_CAMERAS_MAX, DESK_PEERS_MAX}};

struct peer {
    int fd; /* -1: none */
    enum side side;
    pid_t pid;
    uid_t uid;
    bool coming; /* a picture */
    struct picture_about about;
    struct picture_file file;
    struct mono_time put_until;
};

struct desk {
    struct desk_options options;
    int listeners[LISTENERS];
    struct peer peers[DESK_PEERS_MAX];
    struct mono_time fade_due;
    struct mono_time tell_due; /* of a refusal */
    bool worked;               /* this peer has had its turn: the disk was waited for */
    bool full;                 /* alarms that stand */
    bool undeleted;
    _Alignas(8) uint8_t buffer[PICTURE_MESSAGE_SIZE_MAX + 1]; /* one more shows what is too long */
    uint8_t out[PICTURE_MESSAGE_SIZE_MAX];
};

/* ---- alarms ---- */

static void set_alarm(const struct desk *desk, bool *stands, enum log_event_id event, bool active,
                      const char *detail)
{
    if (*stands != active)
        desk->options.report(desk->options.ctx, event, active, detail);
    *stands = active;
}

static void tell_refused(struct desk *desk, const struct peer *peer, const char *why)
{
    struct mono_time now = clock_mono(desk->options.clock);
    char detail[DETAIL_SIZE];
    if (mono_before(now, desk->tell_due))
        return;
    desk->tell_due = mono_add_ms(now, DESK_TELL_MS);
    (void)snprintf(detail, sizeof(detail), "%s: process %ld of user %ld: %s",
                   socket_names[peer->side], (long)peer->pid, (long)peer->uid,
                   why); /* a cut one still reads */
    desk->options.report(desk->options.ctx, EVENT_PICTURES_REFUSED, true, detail);
}

/* ---- peers ---- */

static void let_go(struct peer *peer)
{
    if (peer->coming)
        picture_file_abandon(&peer->file);
    peer->coming = false;
    close(peer->fd);
    peer->fd = -1;
}

static void send_bytes(struct peer *peer, const void *message, size_t size)
{
    if (send(peer->fd, message, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size)
        let_go(peer); /* gone, or it takes nothing */
}

static void answer(struct peer *peer, int rc, const struct err_text *err)
{
    struct picture_message m = {.version = PICTURE_MESSAGE_VERSION, .type = PICTURE_ANSWER};
    m.u.answer.rc = rc;
    if (rc != 0)
        err_copy(err->text[0] ? err->text : err_name(rc), m.u.answer.why, sizeof(m.u.answer.why));
    send_bytes(peer, &m, sizeof(m));
}

static bool may_connect(const struct desk *desk, enum side side, const struct unix_peer *who)
{
    const struct desk_options *o = &desk->options;
    if (side == SIDE_LOOK)
        return unix_peer_is(who, o->look_users[0]) || unix_peer_is(who, o->look_users[1]);
    return unix_peer_is(who, side == SIDE_CAMERA ? o->camera_user : o->link_user);
}

static void accept_one(struct desk *desk, enum side side)
{
    struct peer new = {.fd = -1, .side = side, .file = {.fd = -1}};
    struct unix_peer who;
    if (unix_accept(desk->listeners[side], &new.fd, &who) != 0)
        return; /* it has gone again */
    new.pid = who.pid;
    new.uid = who.uid;
    if (!may_connect(desk, side, &who)) {
        tell_refused(desk, &new, "expected another user");
        close(new.fd);
        return;
    }
    for (int i = places[side].first; i < places[side].end; i++)
        if (desk->peers[i].fd < 0) {
            desk->peers[i] = new;
            return;
        }
    tell_refused(desk, &new, "too many connections");
    close(new.fd);
}

/* ---- pictures come in ---- */

/* What ended a picture is told to who sent it; a full store is an alarm until one fits again. */
static void end_put(struct desk *desk, struct peer *peer, int rc, const struct err_text *err)
{
    peer->coming = false;
    if (rc == 0 || rc == ERR_FULL)
        set_alarm(desk, &desk->full, EVENT_PICTURES_FULL, rc == ERR_FULL, err->text);
    else
        tell_refused(desk, peer, err->text);
    answer(peer, rc, err);
}

static void take_put(struct desk *desk, struct peer *peer, const struct picture_message *m)
{
    struct err_text err = {""};
    if (peer->coming)
        picture_file_abandon(&peer->file); /* its sender thought better of it */
    peer->about = m->u.put;
    peer->put_until = mono_add_ms(clock_mono(desk->options.clock), DESK_PUT_MS);
    desk->worked = true;
    int rc = picture_store_begin(desk->options.store, &peer->about, &peer->file, &err);
    peer->coming = rc == 0;
    if (rc != 0)
        end_put(desk, peer, rc, &err);
}

static void take_data(struct desk *desk, struct peer *peer, const struct picture_message *m)
{
    struct err_text err = {""};
    if (!peer->coming)
        return; /* of one that was refused */
    uint32_t left = peer->about.size - peer->file.size;
    int rc = 0;
    if (m->u.data.offset != peer->file.size || m->u.data.size > left)
        rc = err_set(&err, ERR_INVALID, "data: %u bytes at %u: expected at most %u at %u",
                     m->u.data.size, m->u.data.offset, left, peer->file.size);
    if (rc == 0)
        rc = picture_file_add(&peer->file, (const uint8_t *)m + sizeof(*m), m->u.data.size, &err);
    if (rc != 0) {
        picture_file_abandon(&peer->file);
        end_put(desk, peer, rc, &err);
    } else if (peer->file.size == peer->about.size) {
        desk->worked = true;
        rc = picture_store_end(desk->options.store, &peer->about, &peer->file, &err);
        end_put(desk, peer, rc, &err);
    }
}

/* ---- hits' pictures go out ---- */

static void take_next(struct desk *desk, struct peer *peer)
{
    struct err_text err = {""};
    struct picture_message m = {.version = PICTURE_MESSAGE_VERSION, .type = PICTURE_ITEM};
    int rc = picture_store_next(desk->options.store, &m.u.item.about, &m.u.item.hit, &err);
    if (rc == 0)
        send_bytes(peer, &m, sizeof(m));
    else
        answer(peer, rc, &err);
}

static void take_read(struct desk *desk, struct peer *peer, const struct picture_message *m)
{
    struct err_text err = {""};
    struct picture_message head = {.version = PICTURE_MESSAGE_VERSION, .type = PICTURE_DATA};
    size_t size = 0;
    int rc = picture_store_read(desk->options.store, m->u.read.sha, m->u.read.offset,
                                desk->out + sizeof(head), m->u.read.size, &size, &err);
    if (rc == 0 && size == 0)
        rc = err_set(&err, ERR_INVALID, "read: behind the picture's end");
    if (rc == ERR_CORRUPT)
        desk->options.report(desk->options.ctx, EVENT_PICTURE_DAMAGED, true, err.text);
    if (rc != 0) {
        answer(peer, rc, &err);
        return;
    }
    head.u.data.offset = m->u.read.offset;
    head.u.data.size = (uint32_t)size;
    memcpy(desk->out, &head, sizeof(head));
    send_bytes(peer, desk->out, sizeof(head) + size);
}

/* ---- and are looked at ---- */

static void take_look(struct desk *desk, struct peer *peer, const struct picture_message *m)
{
    struct picture_about found[PICTURES_FOUND_MAX];
    struct err_text err = {""};
    struct picture_message head = {.version = PICTURE_MESSAGE_VERSION, .type = PICTURE_FOUND};
    size_t count = 0;
    int rc = picture_store_look(desk->options.store, (struct wall_time){m->u.look.time_ms},
                                m->u.look.events, m->u.look.count, found, PICTURES_FOUND_MAX,
                                &count, &err);
    if (rc != 0) {
        answer(peer, rc, &err);
        return;
    }
    head.u.found.count = (uint32_t)count;
    memcpy(desk->out, &head, sizeof(head));
    if (count > 0)
        memcpy(desk->out + sizeof(head), found, count * sizeof(found[0]));
    send_bytes(peer, desk->out, sizeof(head) + count * sizeof(found[0]));
}

static void take_pin(struct desk *desk, struct peer *peer, const struct picture_message *m)
{
    struct err_text err = {""};
    int rc =
        picture_store_pin(desk->options.store, &m->u.pin.hit, (struct wall_time){m->u.pin.time_ms},
                          m->u.pin.events, m->u.pin.count, m->u.pin.in_turn == 1, &err);
    answer(peer, rc, &err);
}

static void take_done(struct desk *desk, struct peer *peer, const struct picture_message *m)
{
    struct err_text err = {""};
    int rc = picture_store_done(desk->options.store, &m->u.done.about, &m->u.done.hit,
                                (enum picture_result)m->u.done.result, &err);
    answer(peer, rc, &err);
}

static void take_terms(struct desk *desk, struct peer *peer, const struct picture_message *m)
{
    struct err_text err = {""};
    int rc = picture_store_set_terms(desk->options.store, &m->u.terms, &err);
    if (rc == 0)
        desk->fade_due = clock_mono(desk->options.clock);
    answer(peer, rc, &err);
}

/* Whether `type` may be said at that socket. */
static bool belongs(enum side side, uint32_t type)
{
    bool put = type == PICTURE_PUT || type == PICTURE_DATA;
    bool asks = type == PICTURE_PIN || type == PICTURE_NEXT || type == PICTURE_READ ||
                type == PICTURE_DONE || type == PICTURE_TERMS;
    bool looks = type == PICTURE_LOOK || type == PICTURE_READ;
    return side == SIDE_CAMERA ? put : side == SIDE_LINK ? asks : looks;
}

static void take_message(struct desk *desk, struct peer *peer, size_t size)
{
    const struct picture_message *m = (const void *)desk->buffer;
    struct err_text err = {""};
    int rc = picture_message_check(m, size, &err);
    if (rc == 0 && !belongs(peer->side, m->type))
        rc = err_set(&err, ERR_DENIED, "type = %u: not at this socket", m->type);
    if (rc != 0) {
        tell_refused(desk, peer, err.text);
        answer(peer, rc, &err);
        if (peer->fd >= 0)
            let_go(peer);
        return;
    }
    if (m->type == PICTURE_PUT)
        take_put(desk, peer, m);
    else if (m->type == PICTURE_DATA)
        take_data(desk, peer, m);
    else if (m->type == PICTURE_PIN)
        take_pin(desk, peer, m);
    else if (m->type == PICTURE_NEXT)
        take_next(desk, peer);
    else if (m->type == PICTURE_READ)
        take_read(desk, peer, m);
    else if (m->type == PICTURE_LOOK)
        take_look(desk, peer, m);
    else if (m->type == PICTURE_TERMS)
        take_terms(desk, peer, m);
    else
        take_done(desk, peer, m);
}

/* A picture begun or ended is a turn's worth: who has many of them does not keep the others
 * waiting.
 */
static void serve(struct desk *desk, struct peer *peer)
{
    desk->worked = false;
    for (int i = 0; i < MESSAGES_A_TURN && peer->fd >= 0 && !desk->worked; i++) {
        ssize_t size = recv(peer->fd, desk->buffer, sizeof(desk->buffer), MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        desk->options.alive(desk->options.ctx);
        if (size <= 0)
            let_go(peer);
        else
            take_message(desk, peer, (size_t)size);
    }
}

/* ---- by the clock ---- */

static void let_go_of_slow(struct desk *desk)
{
    struct mono_time now = clock_mono(desk->options.clock);
    for (int i = 0; i < DESK_PEERS_MAX; i++) {
        struct peer *peer = &desk->peers[i];
        if (peer->fd >= 0 && peer->coming && mono_before(peer->put_until, now)) {
            tell_refused(desk, peer, "a picture took longer than 30 s");
            let_go(peer);
        }
    }
}

static void fade(struct desk *desk)
{
    enum { SOON_MS = 1000 };
    struct err_text err = {""};
    struct mono_time now = clock_mono(desk->options.clock);
    bool more = false;
    if (mono_before(now, desk->fade_due))
        return;
    desk->options.alive(desk->options.ctx);
    int rc = picture_store_fade(desk->options.store, desk->options.synchronised(desk->options.ctx),
                                &more, &err);
    set_alarm(desk, &desk->undeleted, EVENT_PICTURES_NOT_DELETED, rc != 0, err.text);
    desk->fade_due = mono_add_ms(now, more ? SOON_MS : DESK_FADE_MS);
}

void desk_step(struct desk *desk)
{
    struct pollfd fds[LISTENERS + DESK_PEERS_MAX];
    for (int i = 0; i < LISTENERS; i++)
        fds[i] = (struct pollfd){.fd = desk->listeners[i], .events = POLLIN};
    for (int i = 0; i < DESK_PEERS_MAX; i++)
        fds[LISTENERS + i] = (struct pollfd){.fd = desk->peers[i].fd, .events = POLLIN};
    (void)poll(fds, LISTENERS + DESK_PEERS_MAX, DESK_LOOK_MS); /* judged by what is there */
    for (int i = 0; i < DESK_PEERS_MAX; i++)
        if (fds[LISTENERS + i].revents)
            serve(desk, &desk->peers[i]);
    for (int i = 0; i < LISTENERS; i++)
        if (fds[i].revents)
            accept_one(desk, (enum side)i);
    let_go_of_slow(desk);
    fade(desk);
}

/* ---- life ---- */

static int listen_at(struct desk *desk, enum side side, const char *group, struct err_text *err)
{
    char path[PATH_SIZE];
    if (snprintf(path, sizeof(path), "%s/%s", desk->options.runtime_dir, socket_names[side]) >=
        (int)sizeof(path))
        return err_set(err, ERR_INVALID, "%s: path too long", desk->options.runtime_dir);
    int rc = unix_listen(path, SOCK_SEQPACKET, 0660, &desk->listeners[side], err);
    return rc == 0 ? unix_give_to_group(path, group, err) : rc;
}

int desk_create(const struct desk_options *options, struct desk **out, struct err_text *err)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    if (!desk)
        return err_set(err, ERR_NO_MEMORY, "picture store: no memory");
    desk->options = *options;
    desk->fade_due = desk->tell_due = clock_mono(options->clock);
    for (int i = 0; i < LISTENERS; i++)
        desk->listeners[i] = -1;
    for (int i = 0; i < DESK_PEERS_MAX; i++)
        desk->peers[i] = (struct peer){.fd = -1, .file = {.fd = -1}};
    int rc = listen_at(desk, SIDE_CAMERA, options->pictures_group, err);
    if (rc == 0)
        rc = listen_at(desk, SIDE_LINK, options->evidence_group, err);
    if (rc == 0)
        rc = listen_at(desk, SIDE_LOOK, options->look_group, err);
    if (rc != 0) {
        desk_destroy(desk);
        return rc;
    }
    *out = desk;
    return 0;
}

void desk_destroy(struct desk *desk)
{
    if (!desk)
        return;
    for (int i = 0; i < DESK_PEERS_MAX; i++)
        if (desk->peers[i].fd >= 0)
            let_go(&desk->peers[i]);
    for (int i = 0; i < LISTENERS; i++)
        if (desk->listeners[i] >= 0)
            close(desk->listeners[i]);
    free(desk);
}
