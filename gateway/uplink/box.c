/*
 * See box.h. checkpointd answers a connection's requests without saying which, a receipt's later
 * than others; so one request is under way at a time. Credit has no answer.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/base/json.h"
#include "gateway/base/unix_socket.h"
#include "gateway/uplink/box_state.h"

enum {
    RECORDS_QUEUED_MAX = 2 * OUTBOX_RECORDS_MAX, /* with what is left of the last connection */
    REQUESTS_MAX = 16,
    ANSWERS_MAX = 4,
    RETRY_MIN_MS = 100,
    RETRY_MAX_MS = 2000
};

/* ---- the box thread: connection ---- */

static void give_answer(struct box *box, int rc, uint64_t confirmed, const char *why)
{
    struct answer answer = {.number = box->under_way.number, .rc = rc, .confirmed = confirmed};
    struct answer stale;
    struct box_taken taken = {.number = box->under_way.message, .rc = rc};
    /* One at a time is offered: there is room. */
    if (box->under_way.kind == REQUEST_INSTRUCTION)
        (void)!queue_push(box->taken, &taken);
    if (box->under_way.kind == REQUEST_RECEIPT) {
        (void)snprintf(answer.why, sizeof(answer.why), "%s", why); /* a cut text still reads */
        /* Full of answers nobody waited for: the oldest goes. */
        while (queue_push(box->answers, &answer) == ERR_FULL &&
               queue_pop(box->answers, &stale, 0) == 0)
            ;
    }
    box->under_way = (struct request){0};
}

static void leave(struct box *box)
{
    if (box->fd >= 0)
        close(box->fd);
    box->fd = -1;
    box->used = 0;
    atomic_store_explicit(&box->epoch, 0, memory_order_release);
    give_answer(box, ERR_STALE, 0, "connection to checkpointd lost");
}

static void lose(struct box *box, const char *why)
{
    const struct box_options *o = &box->options;
    leave(box);
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
    box->keyset_sent = box->list_sent = 0;
    memset(box->statements_sent, 0, sizeof(box->statements_sent));
    box->link_known = false;
}

static void send_object(struct box *box, json_t *object)
{
    const char *why = box_send_object(box->fd, box->options.clock, object);
    if (why)
        lose(box, why);
}

static void send_line(struct box *box, const char *line)
{
    const char *why = box_send_line(box->fd, box->options.clock, line, strlen(line));
    if (why)
        lose(box, why);
}

static void send_verbatim(struct box *box, const char *act, const char *member, const char *text)
{
    const char *why = box_send_verbatim(box->fd, box->options.clock, act, member, text);
    if (why)
        lose(box, why);
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
    if (urgent && box->options.traffic) /* before anybody can take it */
        (void)atomic_fetch_add_explicit(&box->options.traffic->urgents, 1,
                                        memory_order_relaxed); /* only counts */
    int rc = queue_push(queue, &arrived);
    struct arrived oldest;
    while (urgent && rc == ERR_FULL && queue_pop(queue, &oldest, 0) == 0) {
        free(oldest.text);
        box_urgent_done(box);
        uplink_alarm_set(box->options.alarms, box->options.alarm_channel, EVENT_UPLINK_URGENT_LATE,
                         true, "");
        rc = queue_push(queue, &arrived);
    }
    if (rc != 0) {
        free(arrived.text);
        if (urgent)
            box_urgent_done(box);
        lose(box, "checkpointd sends more records than it was given credit for");
    } else if (line->hit && box->options.hit) {
        box->options.hit(box->options.hit_ctx, line->event, line->event_size, urgent);
    }
}

static void take_ask(struct box *box, const struct box_line *line)
{
    struct box_ask oldest;
    struct box_ask ask = {.epoch = box->epochs,
                          .came = clock_mono(box->options.clock),
                          .text = malloc(line->event_size),
                          .size = line->event_size};
    if (!ask.text)
        return; /* it goes unanswered, which checkpointd shows */
    memcpy(ask.text, line->event, line->event_size);
    while (queue_push(box->asks, &ask) == ERR_FULL && queue_pop(box->asks, &oldest, 0) == 0)
        free(oldest.text);
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
    if (line->has_pictures && o->pictures)
        o->pictures(o->hit_ctx, &line->pictures);
    if (box_epoch(box) != 0)
        return; /* a later status of the same connection */
    box_place_begin(&box->place, line);
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
    for (int i = 0; i < BOX_STATEMENTS; i++)
        if (line.has_statement[i])
            atomic_store_explicit(&box->held[i], line.statements[i], memory_order_relaxed);
    switch (line.kind) {
    case BOX_STATUS:
        take_status(box, &line);
        break;
    case BOX_RECORD:
    case BOX_URGENT:
        box_place_note(&box->place, line.sequence, 0);
        take_event(box, &line);
        break;
    case BOX_ASK:
        take_ask(box, &line);
        break;
    case BOX_OK:
        box_place_note(&box->place, line.head, line.has_confirmed ? line.confirmed : 0);
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
    if (request.epoch != box_epoch(box)) {
        begin(box, &request);
        give_answer(box, ERR_STALE, 0, "connection to checkpointd lost");
    } else if (request.kind == REQUEST_CREDIT) {
        send_object(box, box_place_credit(&box->place, request.amount));
    } else if (request.kind == REQUEST_INSTRUCTION || request.kind == REQUEST_STANDING) {
        begin(box, &request);
        send_line(box, request.text);
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

/* Under the lock; BOX_STATEMENTS: none. */
static int statement_due(const struct box *box)
{
    int which = 0;
    while (which < BOX_STATEMENTS && box->statements_sent[which] == box->statement_versions[which])
        which++;
    return which;
}

/* What is due, one at a time. The key set first: receipts and statements are judged by it. */
static void send_due(struct box *box)
{
    unsigned changes = atomic_load_explicit(&box->options.alarms->changes, memory_order_relaxed);
    if (box->under_way.kind != REQUEST_NONE || box->fd < 0 || box_epoch(box) == 0)
        return;
    pthread_mutex_lock(&box->lock);
    bool keyset_due = box->keyset_sent != box->keyset_version;
    int due = statement_due(box);
    bool list_due = box->list_sent != box->list_version;
    pthread_mutex_unlock(&box->lock);
    if (keyset_due)
        send_text(box, "keyset", &box->keyset, &box->keyset_version, &box->keyset_sent);
    else if (due < BOX_STATEMENTS)
        send_text(box, box_statement_names[due].name, &box->statements[due],
                  &box->statement_versions[due], &box->statements_sent[due]);
    else if (list_due)
        send_list(box);
    else if (!box->options.records_alone && (!box->link_known || box->link_sent != changes))
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
    if (box_epoch(box) != 0 && box_place_is_due(&box->place)) {
        leave(box); /* the next step begins a new one, where headquarters wants it */
        return;
    }
    bool idle = box->under_way.kind == REQUEST_NONE && box_epoch(box) != 0;
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
    box->records_box = box_records_side;
    box->records_box.ctx = box;
    (void)pthread_mutex_init(&box->lock, NULL); /* cannot fail with default attributes */
    box_place_init(&box->place);
    backoff_init(&box->backoff, RETRY_MIN_MS, RETRY_MAX_MS, 1);
    box->records = queue_create(RECORDS_QUEUED_MAX, sizeof(struct arrived));
    box->asks = queue_create(BOX_ASKS_MAX, sizeof(struct box_ask));
    box->urgents = queue_create(BOX_URGENT_MAX, sizeof(struct arrived));
    box->requests = queue_create(REQUESTS_MAX, sizeof(struct request));
    box->answers = queue_create(ANSWERS_MAX, sizeof(struct answer));
    box->taken = queue_create(BOX_TAKEN_MAX, sizeof(struct box_taken));
    if (!box->records || !box->asks || !box->urgents || !box->requests || !box->answers ||
        !box->taken) {
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
    struct box_ask ask;
    if (!box)
        return;
    if (box->fd >= 0)
        close(box->fd);
    while (box->requests && queue_pop(box->requests, &request, 0) == 0)
        free(request.text);
    while (box->asks && queue_pop(box->asks, &ask, 0) == 0)
        free(ask.text);
    queue_destroy(box->asks);
    drop_arrived(box->records);
    drop_arrived(box->urgents);
    queue_destroy(box->requests);
    queue_destroy(box->answers);
    queue_destroy(box->taken);
    free(box->keyset);
    for (int i = 0; i < BOX_STATEMENTS; i++)
        free(box->statements[i]);
    (void)pthread_mutex_destroy(&box->lock); /* nobody holds it */
    box_place_fini(&box->place);
    free(box);
}
