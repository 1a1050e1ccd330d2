/*
 * The other threads' side of the connection to checkpointd: what they ask of the box thread and
 * what it hands on to them. See box.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/uplink/box_state.h"

unsigned box_epoch(void *ctx)
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

/* Heap text. */
static char *instruction_line(uint64_t number, const char *member, const char *value)
{
    size_t room = strlen(member) + strlen(value) + 80; /* the words and the number fit */
    char *line = malloc(room);
    if (line)
        (void)snprintf(line, room, "{\"do\":\"instruction\",\"number\":%" PRIu64 ",\"%s\":%s}\n",
                       number, member, value);
    return line;
}

int box_offer_instruction(struct box *box, uint64_t number, const char *member, const char *value)
{
    struct request request = {
        .kind = REQUEST_INSTRUCTION, .epoch = box_epoch(box), .message = number};
    if (request.epoch == 0)
        return ERR_STALE;
    request.text = instruction_line(number, member, value);
    if (!request.text)
        return ERR_NO_MEMORY;
    int rc = queue_push(box->requests, &request);
    if (rc != 0)
        free(request.text);
    return rc;
}

int box_taken(struct box *box, struct box_taken *out)
{
    return queue_pop(box->taken, out, 0);
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

void box_urgent_done(struct box *box)
{
    if (box->options.traffic)
        (void)atomic_fetch_sub_explicit(&box->options.traffic->urgents, 1,
                                        memory_order_relaxed); /* only counts */
}

int box_take_ask(struct box *box, int wait_ms, struct box_ask *out)
{
    return queue_pop(box->asks, out, wait_ms);
}

int box_tell_standing(struct box *box, unsigned epoch, const char *envelope, size_t size)
{
    struct request request = {.kind = REQUEST_STANDING, .epoch = epoch};
    if (epoch == 0 || epoch != box_epoch(box))
        return ERR_STALE;
    size_t room = size + 40; /* the words fit */
    request.text = malloc(room);
    if (!request.text)
        return ERR_NO_MEMORY;
    (void)snprintf(request.text, room, "{\"do\":\"standing\",\"standing\":%.*s}\n", (int)size,
                   envelope);
    int rc = queue_push(box->requests, &request);
    if (rc != 0)
        free(request.text);
    return rc;
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
    for (int i = 0; text == &box->keyset && i < BOX_STATEMENTS; i++)
        box->statement_versions[i]++; /* refused by the old one, perhaps good by this */
    pthread_mutex_unlock(&box->lock);
    return 0;
}

int box_tell_keyset(struct box *box, const void *envelope, size_t size)
{
    return keep_text(box, &box->keyset, &box->keyset_version, envelope, size);
}

int box_tell_statement(struct box *box, enum box_statement which, const void *envelope, size_t size)
{
    return keep_text(box, &box->statements[which], &box->statement_versions[which], envelope, size);
}

uint64_t box_statement_held(const struct box *box, enum box_statement which)
{
    return atomic_load_explicit(&box->held[which], memory_order_relaxed);
}

bool box_journal(struct box *box, struct box_journal *out)
{
    box_place_read(&box->place, out);
    return out->chain[0] && box_epoch(box) != 0;
}

void box_held(struct box *box, const char *chain, uint64_t sequence)
{
    box_place_held(&box->place, chain, sequence);
}

static void ask_again(void *ctx, const char *chain, uint64_t sequence)
{
    struct box *box = ctx;
    box_place_again(&box->place, chain, sequence);
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

const struct records_box box_records_side = {.epoch = box_epoch,
                                             .take = take_record,
                                             .credit = give_credit,
                                             .again = ask_again,
                                             .receipt = give_receipt};
