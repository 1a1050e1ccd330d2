/*
 * Modbus modules in a thread. The thread owns everything but the atomics; see the header.
 */
#include "tests/sim/modbus_partner.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_MAX = 300,
    EVENTS_MAX = 64,
    CONNECTIONS_MAX = 64,
    HEADER = 6,
    US = 1000,
    NS_PER_S = 1000000000,
    STRANGE_UNIT = 99,
    LONG_ANSWER = 16
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void sleep_until(int64_t when_ns)
{
    struct timespec t = {.tv_sec = when_ns / NS_PER_S, .tv_nsec = when_ns % NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
    }
}

static uint16_t crc_of(const uint8_t *data, size_t size)
{
    uint16_t crc = 0xFFFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xA001 : crc >> 1);
        }
    }
    return crc;
}

static size_t seal(uint8_t *frame, size_t size)
{
    uint16_t crc = crc_of(frame, size);
    frame[size] = (uint8_t)crc;
    frame[size + 1] = (uint8_t)(crc >> 8);
    return size + 2;
}

/* ---- the modules ---- */

static struct partner_unit *find(struct partner *p, uint8_t unit)
{
    for (size_t i = 0; i < p->unit_count; i++) {
        if (p->units[i].unit == unit) {
            return &p->units[i];
        }
    }
    return NULL;
}

static size_t exception(const uint8_t *request, uint8_t code, uint8_t *out)
{
    out[0] = request[0];
    out[1] = request[1] | 0x80;
    out[2] = code;
    return 3;
}

static size_t read_bits(const uint8_t *request, unsigned bits, uint16_t address, uint16_t count,
                        uint8_t *out)
{
    memcpy(out, request, 2);
    out[2] = (uint8_t)((count + 7) / 8);
    memset(out + 3, 0, out[2]);
    for (unsigned i = 0; i < count && address + i < 32; i++) {
        out[3 + i / 8] |= (uint8_t)((bits >> (address + i) & 1) << (i % 8));
    }
    return 3u + out[2];
}

static size_t read_registers(const uint8_t *request, uint16_t address, uint16_t count, uint8_t *out)
{
    memcpy(out, request, 2);
    out[2] = (uint8_t)(2 * count);
    for (unsigned i = 0; i < count; i++) {
        out[3 + 2 * i] = (uint8_t)((address + i) >> 8);
        out[4 + 2 * i] = (uint8_t)(address + i);
    }
    return 3u + out[2];
}

/* The answer from the unit on, 0 = silence. */
static size_t answer(struct partner *p, const uint8_t *request, size_t size, uint8_t *out)
{
    struct partner_unit *unit = find(p, request[0]);
    if (!unit || size < 6) {
        return 0;
    }
    uint16_t address = (uint16_t)(request[2] << 8 | request[3]);
    uint16_t value = (uint16_t)(request[4] << 8 | request[5]);
    atomic_fetch_add(&unit->requests, 1);
    if (request[1] == 1 || request[1] == 2) {
        unsigned bits = atomic_load(request[1] == 1 ? &unit->coils : &unit->inputs);
        return value > 0 && value <= 64 ? read_bits(request, bits, address, value, out)
                                        : exception(request, 3, out);
    }
    if (request[1] == 3 || request[1] == 4) {
        return value > 0 && value <= 125 ? read_registers(request, address, value, out)
                                         : exception(request, 3, out);
    }
    if (request[1] == 5 && address < 32) {
        atomic_store(&unit->coil_ns[address], now_ns());
        if (value) {
            atomic_fetch_or(&unit->coils, 1u << address);
        } else {
            atomic_fetch_and(&unit->coils, ~(1u << address));
        }
        memcpy(out, request, 6);
        return 6;
    }
    return exception(request, request[1] == 5 ? 2 : 1, out);
}

/* ---- RTU ---- */

/* A gone reader shows itself to the master; nothing is to be done here. */
static void put(const struct partner *p, const uint8_t *data, size_t size)
{
    ssize_t done = write(p->master, data, size);
    (void)done;
}

/* Byte by byte as the line's rate has it, from `begin_ns` on. */
static int64_t put_paced(const struct partner *p, const uint8_t *data, size_t size,
                         int64_t begin_ns)
{
    if (p->baud_bps == 0) {
        put(p, data, size);
        return now_ns();
    }
    int64_t char_ns = (int64_t)10 * NS_PER_S / p->baud_bps;
    for (size_t i = 0; i < size; i++) {
        sleep_until(begin_ns + (int64_t)(i + 1) * char_ns);
        put(p, data + i, 1);
    }
    return begin_ns + (int64_t)size * char_ns;
}

static int64_t gap_ns(const struct partner *p)
{
    int64_t gap = p->baud_bps ? (int64_t)35 * NS_PER_S / p->baud_bps : 0;
    return p->baud_bps > 19200 ? 1750 * US : gap;
}

/* What the line does with one answer. */
static void put_answer(struct partner *p, uint8_t unit, uint8_t *frame, size_t size, int64_t begin)
{
    static const uint8_t garbage[] = {0x00, 0xFE, 0x80, 0x00, 0xF8, 0xC0, 0x00};
    uint8_t strange[FRAME_MAX] = {STRANGE_UNIT, 3, 0, 0, 0, 2};
    enum partner_symptom symptom = atomic_load(&p->symptom);
    bool this_one = atomic_load(&p->symptom_unit) == unit;
    if (symptom == PARTNER_SWAPPED) {
        put(p, garbage, sizeof(garbage));
        return;
    }
    if ((symptom == PARTNER_COLLIDING && this_one) ||
        (symptom == PARTNER_LONG_GARBLED && size > LONG_ANSWER)) {
        frame[size - 3] ^= 0x10;
    }
    int64_t end = put_paced(p, frame, size, begin);
    if (symptom == PARTNER_TWICE) {
        (void)put_paced(p, frame, size, end + gap_ns(p));
    } else if (symptom == PARTNER_SECOND_MASTER) {
        size_t more = seal(strange, 6);
        (void)put_paced(p, strange, more, end + gap_ns(p));
    } else if (symptom == PARTNER_REFLECTING) {
        put(p, garbage, 3);
    }
}

static void serve_frame(struct partner *p, const uint8_t *request, size_t size, int64_t heard_ns)
{
    uint8_t out[FRAME_MAX];
    int64_t char_ns = p->baud_bps ? (int64_t)10 * NS_PER_S / p->baud_bps : 0;
    int64_t begin = heard_ns + (int64_t)size * char_ns;
    if (atomic_load(&p->symptom) == PARTNER_ECHO) {
        (void)put_paced(p, request, size, heard_ns);
    }
    begin += gap_ns(p) + (int64_t)atomic_load(&p->answer_us) * US;
    if (p->baud_bps || atomic_load(&p->answer_us)) {
        sleep_until(begin);
    }
    bool silent = atomic_load(&p->symptom) == PARTNER_SILENT;
    unsigned silent_unit = atomic_load(&p->symptom_unit);
    size_t answered = answer(p, request, size - 2, out);
    if (answered > 0 && !(silent && (silent_unit == 0 || silent_unit == request[0]))) {
        put_answer(p, request[0], out, seal(out, answered), begin);
    }
}

static void *run_rtu(void *arg)
{
    struct partner *p = arg;
    uint8_t buffer[FRAME_MAX];
    size_t size = 0;
    struct pollfd waits[] = {{.fd = p->master, .events = POLLIN}, {.fd = p->wake[0]}};
    while (poll(waits, 2, -1) > 0 && waits[1].revents == 0) {
        ssize_t got = read(p->master, buffer + size, sizeof(buffer) - size);
        int64_t now = now_ns();
        if (got < 0 && errno == EAGAIN) {
            continue; /* the master threw it away */
        }
        if (got <= 0) {
            break;
        }
        size += (size_t)got;
        if (size >= 8 && crc_of(buffer, size) == 0) { /* over a frame and its CRC it is 0 */
            serve_frame(p, buffer, size, now);
            size = 0;
        } else if (size > 16) {
            size = 0;
        }
    }
    return NULL;
}

static bool start_thread(struct partner *p, void *(*run)(void *))
{
    if (pipe2(p->wake, O_CLOEXEC) != 0 || pthread_create(&p->thread, NULL, run, p) != 0) {
        return false;
    }
    p->started = true;
    if (p->priority > 0) {
        struct sched_param param = {.sched_priority = p->priority};
        (void)pthread_setschedparam(p->thread, SCHED_FIFO, &param); /* as far as it may */
    }
    return true;
}

bool partner_start_rtu(struct partner *p, uint32_t baud_bps)
{
    struct termios raw;
    p->baud_bps = baud_bps;
    if (openpty(&p->master, &p->slave, NULL, NULL, NULL) != 0) {
        return false;
    }
    (void)fcntl(p->master, F_SETFD, FD_CLOEXEC); /* none of these can fail on an open fd */
    (void)fcntl(p->master, F_SETFL, O_NONBLOCK);
    (void)fcntl(p->slave, F_SETFD, FD_CLOEXEC);
    if (ttyname_r(p->slave, p->path, sizeof(p->path)) != 0 || tcgetattr(p->slave, &raw) != 0) {
        return false;
    }
    cfmakeraw(&raw);
    return tcsetattr(p->slave, TCSANOW, &raw) == 0 && start_thread(p, run_rtu);
}

/* ---- TCP ---- */

struct connection {
    int fd;
    size_t size;
    uint8_t data[FRAME_MAX];
};

static void serve_connection(struct partner *p, struct connection *c)
{
    uint8_t out[FRAME_MAX];
    ssize_t got = read(c->fd, c->data + c->size, sizeof(c->data) - c->size);
    if (got <= 0) {
        close(c->fd);
        c->fd = -1;
        return;
    }
    c->size += (size_t)got;
    size_t said = c->size >= HEADER ? (size_t)c->data[4] << 8 | c->data[5] : FRAME_MAX;
    if (c->size < HEADER + said) {
        return;
    }
    size_t answered = answer(p, c->data + HEADER, said, out + HEADER);
    enum partner_symptom symptom = atomic_load(&p->symptom);
    c->size = 0; /* a master waits for its answer: nothing is behind it */
    memcpy(out, c->data, 4);
    out[4] = (uint8_t)(answered >> 8);
    out[5] = (uint8_t)answered;
    int times = symptom == PARTNER_SILENT ? 0 : symptom == PARTNER_TWICE ? 2 : 1;
    for (int i = 0; answered > 0 && i < times; i++) {
        ssize_t done = write(c->fd, out, HEADER + answered);
        (void)done; /* a gone master shows itself in the next read */
    }
}

static void accept_one(const struct partner *p, int poller, struct connection *all)
{
    struct sockaddr_storage peer; /* nobody asks who it is */
    socklen_t size = sizeof(peer);
    int fd = accept4(p->listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int on = 1;
    for (size_t i = 0; fd >= 0 && i < CONNECTIONS_MAX; i++) {
        if (all[i].fd < 0) {
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
            all[i] = (struct connection){.fd = fd};
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without */
            if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0) {
                return;
            }
            all[i].fd = -1;
        }
    }
    close(fd);
}

static void *run_tcp(void *arg)
{
    struct partner *p = arg;
    static _Thread_local struct connection all[CONNECTIONS_MAX];
    struct epoll_event events[EVENTS_MAX];
    struct epoll_event listens = {.events = EPOLLIN, .data.ptr = NULL};
    struct epoll_event stops = {.events = EPOLLIN, .data.ptr = p};
    int poller = epoll_create1(EPOLL_CLOEXEC);
    bool stopping = epoll_ctl(poller, EPOLL_CTL_ADD, p->listener, &listens) != 0 ||
                    epoll_ctl(poller, EPOLL_CTL_ADD, p->wake[0], &stops) != 0;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        all[i].fd = -1;
    }
    while (!stopping) {
        int count = epoll_wait(poller, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == p) {
                stopping = true;
            } else if (events[i].data.ptr) {
                serve_connection(p, events[i].data.ptr);
            } else {
                accept_one(p, poller, all);
            }
        }
    }
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (all[i].fd >= 0) {
            close(all[i].fd);
        }
    }
    close(poller);
    return NULL;
}

bool partner_start_tcp(struct partner *p)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->listener < 0 || bind(p->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(p->listener, CONNECTIONS_MAX) != 0 ||
        getsockname(p->listener, (struct sockaddr *)&address, &size) != 0) {
        return false;
    }
    p->port = ntohs(address.sin_port);
    return start_thread(p, run_tcp);
}

/* ---- */

void partner_init(struct partner *p)
{
    memset(p, 0, sizeof(*p));
    p->master = p->slave = p->listener = p->wake[0] = p->wake[1] = -1;
}

struct partner_unit *partner_add(struct partner *p, uint8_t unit)
{
    struct partner_unit *added = &p->units[p->unit_count++];
    added->unit = unit;
    return added;
}

static void end_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

void partner_stop(struct partner *p)
{
    end_fd(&p->wake[1]); /* its end is heard */
    if (p->started) {
        pthread_join(p->thread, NULL);
    }
    p->started = false;
    end_fd(&p->wake[0]);
    end_fd(&p->listener);
    end_fd(&p->master);
    end_fd(&p->slave);
}
