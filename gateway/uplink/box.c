/*
 * See box.h. checkpointd answers a connection's requests without saying which, a receipt's later
 * than others; so one request is under way at a time. Credit has no answer.
 */
#include "gateway/uplink/box.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/json.h"
#include "gateway/base/queue.h"
#include "gateway/base/unix_socket.h"
#include "gateway/uplink/box_line.h"

enum {
    RECORDS_QUEUED_MAX = 2 * OUTBOX_RECORDS_MAX, /* with what is left of the last connection */
    REQUESTS_MAX = 16,
    ANSWERS_MAX = 4,
    SEND_MS = 2000, /* for one line to be taken by checkpointd */
    RETRY_MIN_MS = 100,
    RETRY_MAX_MS = 2000
};

enum request_kind { REQUEST_NONE, REQUEST_CREDIT, REQUEST_RECEIPT, REQUEST_STATE };

struct request {
    enum request_kind kind;
    unsigned epoch;
    unsigned number;             /* of a receipt */
    struct outbox_amount amount; /* of a credit */
    char *text;                  /* heap: the receipt */
};

struct answer {
    unsigned number;
    int rc;
    uint64_t confirmed;
    char why[BOX_ERROR_SIZE];
};

struct arrived {
    unsigned epoch;
    char *text; /* heap */
    size_t size;
    uint64_t sequence;
};

struct box {
    struct box_options options;
    struct records_box records_box;
    struct queue *records;  /* struct arrived */
    struct queue *urgents;  /* struct arrived */
    struct queue *requests; /* struct request */
    struct queue *answers;  /* struct answer */
    atomic_uint epoch;      /* release when a connection stands, 0 without one; pairs with take */
    atomic_uint receipts;   /* relaxed: numbers them */
    atomic_ullong exempt_held; /* relaxed: a number on its own */

    pthread_mutex_t lock; /* of the state to tell */
    char *keyset;         /* heap, NULL: none */
    char *exempt;         /* likewise */
    struct list_head list;
    unsigned keyset_version; /* counts what was told */
    unsigned exempt_version;
    unsigned list_version;

    /* the box thread's own */
    int fd;
    unsigned epochs; /* connections so far */
    struct request under_way;
    struct mono_time sent_at;
    unsigned keyset_sent, exempt_sent, list_sent, link_sent;
    bool link_known;
    struct backoff backoff;
    struct mono_time retry_at;
    size_t used;
    char input[BOX_LINE_MAX];
};

/* ---- other threads' side ---- */

static unsigned epoch_of(void *ctx)
{
    struct box *box = ctx;
    return atomic_load_explicit(&box->epoch, memory_order_acquire);
}

static int take_record(void *ctx, unsigned epoch, int wait_ms, char **out_text, size_t *out_size,
                       uint64_t *out_sequence)
{
    struct box *box = ctx;
    struct arrived arrived;
    for (;;) {
        int rc = queue_pop(box->records, &arrived, wait_ms);
        if (rc != 0)
            return rc;
        if (arrived.epoch == epoch)
            break;
        free(arrived.text); /* comes again on the new connection */
    }
    *out_text = arrived.text;
    *out_size = arrived.size;
    *out_sequence = arrived.sequence;
    return 0;
}

static void give_credit(void *ctx, unsigned epoch, struct outbox_amount amount)
{
    struct box *box = ctx;
    struct request request = {.kind = REQUEST_CREDIT, .epoch = epoch, .amount = amount};
    /* One credit and one receipt at a time come from the records thread: there is room, and lost
     * credit would only be missed until the next connection. */
    if (queue_push(box->requests, &request) != 0)
        uplink_alarm_set(box->options.alarms, box->options.alarm_channel, EVENT_UPLINK_BOX_LOST,
                         true, "credit lost: too many requests wait");
}

static int wait_for_answer(struct box *box, unsigned number, const struct uplink_wait *wait,
                           struct answer *out)
{
    struct mono_time until = mono_add_ms(clock_mono(box->options.clock), BOX_ANSWER_MS);
    while (mono_before(clock_mono(box->options.clock), until)) {
        if (!wait->go_on(wait->ctx))
            return ERR_STOPPED;
        if (queue_pop(box->answers, out, BOX_LOOK_MS) == 0 && out->number == number)
            return 0;
    }
    return ERR_TIMEOUT;
}

/* What comes from others need not end with a zero. */
static char *text_of(const void *bytes, size_t size)
{
    char *text = malloc(size + 1);
    if (text) {
        memcpy(text, bytes, size);
        text[size] = '\0';
    }
    return text;
}

static int give_receipt(void *ctx, unsigned epoch, const char *text, size_t size,
                        const struct uplink_wait *wait, uint64_t *out_confirmed,
                        struct err_text *err)
{
    struct box *box = ctx;
    struct answer answer = {0};
    struct request request = {
        .kind = REQUEST_RECEIPT,
        .epoch = epoch,
        .number = atomic_fetch_add_explicit(&box->receipts, 1, memory_order_relaxed) + 1,
        .text = text_of(text, size)};
    if (!request.text)
        return err_set(err, ERR_NO_MEMORY, "receipt: no memory");
    int rc = queue_push(box->requests, &request);
    if (rc != 0) {
        free(request.text);
        return err_set(err, rc, "receipt: too many requests wait");
    }
    rc = wait_for_answer(box, request.number, wait, &answer);
    if (rc != 0)
        return err_set(err, rc, "checkpointd gave no answer to the receipt");
    if (answer.rc != 0)
        return err_set(err, answer.rc, "%s", answer.why);
    *out_confirmed = answer.confirmed;
    return 0;
}

const struct records_box *box_records(struct box *box)
{
    return &box->records_box;
}

int box_take_urgent(struct box *box, int wait_ms, char **out_text, size_t *out_size)
{
    struct arrived arrived;
    int rc = queue_pop(box->urgents, &arrived, wait_ms);
    if (rc != 0)
        return rc;
    if (queue_length(box->urgents) == 0)
        uplink_alarm_set(box->options.alarms, box->options.alarm_channel, EVENT_UPLINK_URGENT_LATE,
                         false, "");
    *out_text = arrived.text;
    *out_size = arrived.size;
    return 0;
}

static int keep_text(struct box *box, char **text, unsigned *version, const void *envelope,
                     size_t size)
{
    char *copy = text_of(envelope, size);
    if (!copy)
        return ERR_NO_MEMORY;
    pthread_mutex_lock(&box->lock);
    free(*text);
    *text = copy;
    (*version)++;
    box->exempt_version += text == &box->keyset; /* refused by the old one, perhaps good by this */
    pthread_mutex_unlock(&box->lock);
    return 0;
}

int box_tell_keyset(struct box *box, const void *envelope, size_t size)
{
    return keep_text(box, &box->keyset, &box->keyset_version, envelope, size);
}

int box_tell_exempt(struct box *box, const void *envelope, size_t size)
{
    return keep_text(box, &box->exempt, &box->exempt_version, envelope, size);
}

uint64_t box_exempt_revision(const struct box *box)
{
    return atomic_load_explicit(&box->exempt_held, memory_order_relaxed);
}

void box_tell_list(struct box *box, const struct list_head *head)
{
    pthread_mutex_lock(&box->lock);
    if (head->revision != box->list.revision ||
        memcmp(head->hash, box->list.hash, sizeof(head->hash)) != 0) {
        box->list = *head;
        box->list_version++;
    }
    pthread_mutex_unlock(&box->lock);
}

/* ---- the box thread: connection ---- */

static void give_answer(struct box *box, int rc, uint64_t confirmed, const char *why)
{
    struct answer answer = {.number = box->under_way.number, .rc = rc, .confirmed = confirmed};
    struct answer stale;
    if (box->under_way.kind == REQUEST_RECEIPT) {
        (void)snprintf(answer.why, sizeof(answer.why), "%s", why); /* a cut text still reads */
        /* Full of answers nobody waited for: the oldest goes. */
        while (queue_push(box->answers, &answer) == ERR_FULL &&
               queue_pop(box->answers, &stale, 0) == 0)
            ;
    }
    box->under_way = (struct request){0};
}

static void lose(struct box *box, const char *why)
{
    const struct box_options *o = &box->options;
    if (box->fd >= 0)
        close(box->fd);
    box->fd = -1;
    box->used = 0;
    atomic_store_explicit(&box->epoch, 0, memory_order_release);
    give_answer(box, ERR_STALE, 0, "connection to checkpointd lost");
    box->retry_at = mono_add_ms(clock_mono(o->clock), backoff_next(&box->backoff));
    uplink_alarm_set(o->alarms, o->alarm_channel, EVENT_UPLINK_BOX_LOST, true, why);
}

static void connect_box(struct box *box)
{
    struct err_text err = {{0}};
    if (mono_before(clock_mono(box->options.clock), box->retry_at)) {
        (void)poll(NULL, 0, BOX_LOOK_MS); /* a pause; a signal only shortens it */
        return;
    }
    if (unix_connect(box->options.path, SOCK_STREAM, &box->fd, &err) != 0) {
        box->fd = -1;
        lose(box, err.text);
    }
    box->keyset_sent = box->exempt_sent = box->list_sent = 0;
    box->link_known = false;
}

/* One line, its newline included, within SEND_MS. */
static void send_line(struct box *box, const char *text, size_t size)
{
    struct mono_time until = mono_add_ms(clock_mono(box->options.clock), SEND_MS);
    size_t at = 0;
    while (box->fd >= 0 && at < size) {
        ssize_t n = send(box->fd, text + at, size - at, MSG_NOSIGNAL);
        if (n > 0) {
            at += (size_t)n;
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR) &&
                   mono_before(clock_mono(box->options.clock), until)) {
            struct pollfd fd = {.fd = box->fd, .events = POLLOUT};
            (void)poll(&fd, 1, BOX_LOOK_MS); /* judged by the next send */
        } else {
            lose(box, n < 0 && errno != EAGAIN ? strerror(errno) : "checkpointd takes nothing");
        }
    }
}

/* Steals `object`. */
static void send_object(struct box *box, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    size_t size = text ? strlen(text) : 0;
    json_decref(object);
    if (!text) {
        lose(box, "no memory");
        return;
    }
    text[size] = '\n'; /* the NUL's place: the length says where it ends */
    send_line(box, text, size + 1);
    free(text);
}

/* {"do":"<act>","<member>":<text as it is>} */
static void send_verbatim(struct box *box, const char *act, const char *member, const char *text)
{
    size_t size = strlen(text) + strlen(act) + strlen(member) + 32;
    char *line = malloc(size);
    if (!line) {
        lose(box, "no memory");
        return;
    }
    int used = snprintf(line, size, "{\"do\":\"%s\",\"%s\":%s}\n", act, member, text);
    send_line(box, line, (size_t)used);
    free(line);
}

/* ---- the box thread: lines ---- */

static void take_event(struct box *box, const struct box_line *line)
{
    struct arrived arrived = {.epoch = box->epochs,
                              .text = malloc(line->event_size),
                              .size = line->event_size,
                              .sequence = line->sequence};
    bool urgent = line->kind == BOX_URGENT;
    struct queue *queue = urgent ? box->urgents : box->records;
    if (!arrived.text) {
        lose(box, "no memory");
        return;
    }
    memcpy(arrived.text, line->event, line->event_size);
    int rc = queue_push(queue, &arrived);
    struct arrived oldest;
    while (urgent && rc == ERR_FULL && queue_pop(queue, &oldest, 0) == 0) {
        free(oldest.text);
        uplink_alarm_set(box->options.alarms, box->options.alarm_channel, EVENT_UPLINK_URGENT_LATE,
                         true, "");
        rc = queue_push(queue, &arrived);
    }
    if (rc != 0) {
        free(arrived.text);
        lose(box, "checkpointd sends more records than it was given credit for");
    }
}

static void take_status(struct box *box, const struct box_line *line)
{
    const struct box_options *o = &box->options;
    char why[2 * BOX_NAME_SIZE + 64];
    if (strcmp(line->checkpoint, o->checkpoint) != 0) {
        (void)snprintf(why, sizeof(why), "checkpointd is of checkpoint '%s', expected '%s'",
                       line->checkpoint, o->checkpoint); /* names are short */
        lose(box, why);
        return;
    }
    if (epoch_of(box) != 0)
        return; /* a later status of the same connection */
    box->epochs++;
    backoff_reset(&box->backoff);
    atomic_store_explicit(&box->epoch, box->epochs, memory_order_release);
    uplink_alarm_set(o->alarms, o->alarm_channel, EVENT_UPLINK_BOX_LOST, false, "");
}

static void take_line(struct box *box, const char *text, size_t size)
{
    struct box_line line;
    struct err_text err = {{0}};
    if (box_line_parse(text, size, &line, &err) != 0) {
        (void)err_prefix(&err, ERR_INVALID, "checkpointd"); /* dealt with here */
        lose(box, err.text);
        return;
    }
    if (line.has_exempt)
        atomic_store_explicit(&box->exempt_held, line.exempt, memory_order_relaxed);
    switch (line.kind) {
    case BOX_STATUS:
        take_status(box, &line);
        break;
    case BOX_RECORD:
    case BOX_URGENT:
        take_event(box, &line);
        break;
    case BOX_OK:
        give_answer(box, 0, line.confirmed, "");
        break;
    case BOX_ERROR:
        give_answer(box, ERR_DENIED, 0, line.error);
        break;
    }
}

static void take_lines(struct box *box)
{
    size_t at = 0;
    while (box->fd >= 0) {
        const char *end = memchr(box->input + at, '\n', box->used - at);
        if (!end)
            break;
        size_t size = (size_t)(end - box->input) - at;
        take_line(box, box->input + at, size);
        at += size + 1;
    }
    if (box->fd < 0)
        return; /* lost on the way, nothing is kept of it */
    box->used -= at;
    memmove(box->input, box->input + at, box->used);
    if (box->used == sizeof(box->input))
        lose(box, "checkpointd sends a line without end");
}

static void receive(struct box *box)
{
    ssize_t n = recv(box->fd, box->input + box->used, sizeof(box->input) - box->used, 0);
    if (n > 0) {
        box->used += (size_t)n;
        take_lines(box);
    } else if (n == 0) {
        lose(box, "checkpointd closed the connection");
    } else if (errno != EAGAIN && errno != EINTR) {
        lose(box, strerror(errno));
    }
}

/* ---- the box thread: requests ---- */

static void begin(struct box *box, const struct request *request)
{
    box->under_way = *request;
    box->under_way.text = NULL;
    box->sent_at = clock_mono(box->options.clock);
}

static void send_request(struct box *box)
{
    struct request request;
    if (queue_pop(box->requests, &request, 0) != 0)
        return;
    if (request.epoch != epoch_of(box)) {
        begin(box, &request);
        give_answer(box, ERR_STALE, 0, "connection to checkpointd lost");
    } else if (request.kind == REQUEST_CREDIT) {
        send_object(box, json_pack("{s:s,s:I,s:I}", "do", "credit", "n",
                                   (json_int_t)request.amount.records, "bytes",
                                   (json_int_t)request.amount.bytes));
    } else {
        begin(box, &request);
        send_verbatim(box, "receipt", "receipt", request.text);
    }
    free(request.text);
}

static void send_link(struct box *box, unsigned changes)
{
    char detail[UPLINK_DETAIL_SIZE];
    bool connected = uplink_connected(box->options.alarms, detail);
    box->link_sent = changes;
    box->link_known = true;
    begin(box, &(struct request){.kind = REQUEST_STATE});
    json_t *text = json_string(detail); /* NULL when a cut broke its last character */
    send_object(box, json_pack("{s:s,s:b,s:o}", "do", "link", "connected", connected, "detail",
                               text ? text : json_string("see the log of checkpoint-uplinkd")));
}

static void send_list(struct box *box)
{
    char hash[HASH_TEXT_SIZE];
    pthread_mutex_lock(&box->lock);
    struct list_head list = box->list;
    box->list_sent = box->list_version;
    pthread_mutex_unlock(&box->lock);
    hash_format(list.hash, hash);
    begin(box, &(struct request){.kind = REQUEST_STATE});
    send_object(box, json_pack("{s:s,s:I,s:s}", "do", "list", "revision", (json_int_t)list.revision,
                               "hash", hash));
}

/* `act` is also the member's name. */
static void send_text(struct box *box, const char *act, char *const *text, const unsigned *version,
                      unsigned *sent)
{
    pthread_mutex_lock(&box->lock);
    char *copy = *text ? strdup(*text) : NULL;
    *sent = *version;
    pthread_mutex_unlock(&box->lock);
    if (!copy)
        return; /* none yet, or told with the next one */
    begin(box, &(struct request){.kind = REQUEST_STATE});
    send_verbatim(box, act, act, copy);
    free(copy);
}

/* What is due, one at a time. The key set first: receipts and the exempt list are judged by it. */
static void send_due(struct box *box)
{
    unsigned changes = atomic_load_explicit(&box->options.alarms->changes, memory_order_relaxed);
    if (box->under_way.kind != REQUEST_NONE || box->fd < 0 || epoch_of(box) == 0)
        return;
    pthread_mutex_lock(&box->lock);
    bool keyset_due = box->keyset_sent != box->keyset_version;
    bool exempt_due = box->exempt_sent != box->exempt_version;
    bool list_due = box->list_sent != box->list_version;
    pthread_mutex_unlock(&box->lock);
    if (keyset_due)
        send_text(box, "keyset", &box->keyset, &box->keyset_version, &box->keyset_sent);
    else if (exempt_due)
        send_text(box, "exempt", &box->exempt, &box->exempt_version, &box->exempt_sent);
    else if (list_due)
        send_list(box);
    else if (!box->link_known || box->link_sent != changes)
        send_link(box, changes);
    else
        send_request(box);
}

void box_step(struct box *box)
{
    if (box->fd < 0) {
        send_request(box); /* one of a connection that has gone gets its answer */
        connect_box(box);
        return;
    }
    bool idle = box->under_way.kind == REQUEST_NONE && epoch_of(box) != 0;
    struct pollfd fds[2] = {{.fd = box->fd, .events = POLLIN},
                            {.fd = idle ? queue_fd(box->requests) : -1, .events = POLLIN}};
    (void)poll(fds, 2, BOX_LOOK_MS); /* judged by what is there */
    if (fds[0].revents)
        receive(box);
    send_due(box);
    if (box->under_way.kind != REQUEST_NONE &&
        mono_diff_ms(clock_mono(box->options.clock), box->sent_at) > BOX_ANSWER_MS)
        lose(box, "checkpointd gives no answer");
}

/* ---- life ---- */

int box_create(const struct box_options *options, struct box **out, struct err_text *err)
{
    struct box *box = calloc(1, sizeof(*box));
    if (!box)
        return err_set(err, ERR_NO_MEMORY, "box: no memory");
    box->options = *options;
    box->fd = -1;
    box->records_box = (struct records_box){.ctx = box,
                                            .epoch = epoch_of,
                                            .take = take_record,
                                            .credit = give_credit,
                                            .receipt = give_receipt};
    (void)pthread_mutex_init(&box->lock, NULL); /* cannot fail with default attributes */
    backoff_init(&box->backoff, RETRY_MIN_MS, RETRY_MAX_MS, 1);
    box->records = queue_create(RECORDS_QUEUED_MAX, sizeof(struct arrived));
    box->urgents = queue_create(BOX_URGENT_MAX, sizeof(struct arrived));
    box->requests = queue_create(REQUESTS_MAX, sizeof(struct request));
    box->answers = queue_create(ANSWERS_MAX, sizeof(struct answer));
    if (!box->records || !box->urgents || !box->requests || !box->answers) {
        box_destroy(box);
        return err_set(err, ERR_NO_MEMORY, "box: no memory");
    }
    *out = box;
    return 0;
}

static void drop_arrived(struct queue *queue)
{
    struct arrived arrived;
    while (queue && queue_pop(queue, &arrived, 0) == 0)
        free(arrived.text);
    queue_destroy(queue);
}

void box_destroy(struct box *box)
{
    struct request request;
    if (!box)
        return;
    if (box->fd >= 0)
        close(box->fd);
    while (box->requests && queue_pop(box->requests, &request, 0) == 0)
        free(request.text);
    drop_arrived(box->records);
    drop_arrived(box->urgents);
    queue_destroy(box->requests);
    queue_destroy(box->answers);
    free(box->keyset);
    free(box->exempt);
    (void)pthread_mutex_destroy(&box->lock); /* nobody holds it */
    free(box);
}
