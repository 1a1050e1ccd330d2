/* See records.h. */
#include "gateway/uplink/records.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/compress.h"
#include "gateway/uplink/answers.h"

enum {
    TAKE_WAIT_MS = 200,
    MORE_WAIT_MS = 50, /* checkpointd has no more to send, if nothing comes in this time */
    /* A batch that takes longer is halved, a full one that takes less doubled: whatever the link,
     * it gets through long before its deadline. */
    BATCH_FIRST = 100, /* records, while nothing is known of the link */
    BATCH_SLOW_MS = 10000,
    BATCH_QUICK_MS = 3000,
    LINK_SLOWEST_BYTES_S = 2000,    /* a body has the time that needs */
    REQUEST_LONGEST_MS = 9 * 60000, /* hqd closes what takes 10 minutes */
    GAPS_QUIET_MAX = 5, /* asked again so often without a receipt in between, it is a fault */
};

static const char batch_type[] = "application/cloudevents-batch+x-ndjson";
static const char event_type[] = "application/cloudevents+json";

/* Answers about records that stand as alarms until one is taken again. */
static const enum log_event_id record_events[] = {
    EVENT_UPLINK_QUARANTINE, EVENT_UPLINK_SET_ASIDE, EVENT_UPLINK_RECORD_REFUSED,
    EVENT_UPLINK_ANSWER_BAD, EVENT_UPLINK_RECEIPT_REFUSED};

/* `event` 0 ends them all. */
static void tell(struct channel *channel, unsigned event, const char *detail)
{
    for (size_t i = 0; i < sizeof(record_events) / sizeof(record_events[0]); i++)
        uplink_alarm_set(channel->site->alarms, channel->number, record_events[i],
                         record_events[i] == (enum log_event_id)event, detail);
}

void records_init(struct records *r, const struct uplink_site *site, int channel_number,
                  const struct records_box *box, const struct records_link *link,
                  const struct uplink_wait *wait)
{
    memset(r, 0, sizeof(*r));
    channel_init(&r->channel, site, channel_number, wait);
    r->box = box;
    r->link = *link;
    r->batch_now = link->batch_max < BATCH_FIRST ? link->batch_max : BATCH_FIRST;
    r->due_at = clock_mono(site->clock);
    (void)snprintf(r->path, sizeof(r->path), "/v1/checkpoints/%s/%s", site->own.checkpoint,
                   link->observe ? "observe" : "records"); /* ids are short */
}

void records_fini(struct records *r)
{
    outbox_clear(&r->outbox);
    channel_fini(&r->channel);
}

/* A new connection to checkpointd begins again behind what is confirmed. */
static void follow_epoch(struct records *r)
{
    unsigned epoch = r->box->epoch(r->box->ctx);
    if (epoch == r->epoch)
        return;
    outbox_clear(&r->outbox);
    r->epoch = epoch;
    if (epoch != 0)
        r->box->credit(r->box->ctx, epoch,
                       (struct outbox_amount){OUTBOX_RECORDS_MAX, OUTBOX_BYTES_MAX});
}

static void take_records(struct records *r)
{
    char *text = NULL;
    size_t size = 0;
    uint64_t sequence = 0;
    int wait_ms = r->outbox.count ? 0 : TAKE_WAIT_MS;
    while (r->outbox.count < OUTBOX_RECORDS_MAX &&
           r->box->take(r->box->ctx, r->epoch, wait_ms, &text, &size, &sequence) == 0) {
        wait_ms = r->under_way ? MORE_WAIT_MS : 0;
        if (outbox_add(&r->outbox, text, size, sequence) != 0)
            free(text); /* larger than any record: without it the chain shows a gap at HQ */
    }
    /* Not when what is missing is only credit. */
    r->caught_up =
        r->under_way && r->outbox.count < OUTBOX_RECORDS_MAX && r->outbox.bytes < OUTBOX_BYTES_MAX;
}

/* The receipt to checkpointd, which alone confirms. 0, or why the batch stays. */
static int settle(struct records *r, const struct https_answer *answer)
{
    struct err_text err = {{0}};
    char *receipt = NULL;
    size_t size = 0;
    uint64_t confirmed = 0;
    int rc = object_answer_read(answer->body, answer->size, &receipt, &size, &err);
    if (rc != 0) {
        tell(&r->channel, EVENT_UPLINK_ANSWER_BAD, err.text);
        return rc;
    }
    rc = r->box->receipt(r->box->ctx, r->epoch, receipt, size, &r->channel.wait, &confirmed, &err);
    free(receipt);
    if (rc == 0) {
        struct outbox_amount gone = outbox_confirm(&r->outbox, confirmed);
        r->gaps = 0;
        if (gone.records == 0)
            rc = err_set(&err, ERR_CONFLICT, "receipt confirms nothing of what was sent");
        else
            r->box->credit(r->box->ctx, r->epoch, gone);
    }
    if (rc == 0)
        tell(&r->channel, 0, "");
    else if (rc != ERR_STALE && rc != ERR_STOPPED)
        tell(&r->channel, EVENT_UPLINK_RECEIPT_REFUSED, err.text);
    return rc;
}

/* Headquarters lacks records that lie before those sent: it was put back to an earlier state. */
static bool asks_again(struct records *r, const struct https_answer *answer)
{
    struct place_answer gap;
    if (answer->status != 409 || r->gaps == GAPS_QUIET_MAX ||
        gap_answer_read(answer->body, answer->size, &gap, NULL) != 0)
        return false;
    r->gaps++;
    outbox_clear(&r->outbox); /* the new connection brings it again, after what is missing */
    tell(&r->channel, 0, "");
    r->box->again(r->box->ctx, gap.chain, gap.sequence);
    return true;
}

static int refused(struct channel *channel, const struct https_answer *answer, const char *path)
{
    struct err_text err = {{0}};
    char reason[ANSWER_REASON_SIZE];
    bool set_aside = false;
    const struct https_request request = {.url = path};
    int rc = https_answer_error(&request, answer, &err);
    if (answer->status == 409 &&
        quarantine_answer_read(answer->body, answer->size, reason, &set_aside, NULL) == 0)
        tell(channel, set_aside ? EVENT_UPLINK_SET_ASIDE : EVENT_UPLINK_QUARANTINE, reason);
    else
        tell(channel, EVENT_UPLINK_RECORD_REFUSED, err.text);
    return rc;
}

/* Milliseconds a body of `size` may take. */
static int deadline_of(const struct records *r, size_t size)
{
    int64_t bytes_s = LINK_SLOWEST_BYTES_S;
    if (r->link.send_bytes_s > 0 && r->link.send_bytes_s / 2 < bytes_s)
        bytes_s = r->link.send_bytes_s / 2 + 1;
    int64_t ms = (int64_t)size * 1000 / bytes_s;
    return ms < UPLINK_REQUEST_MS    ? UPLINK_REQUEST_MS
           : ms > REQUEST_LONGEST_MS ? REQUEST_LONGEST_MS
                                     : (int)ms;
}

/* The batch to send next; `compressed` says in which form. */
static int make_body(const struct records *r, char **out, size_t *out_size, size_t *out_records,
                     bool *out_compressed)
{
    char *text = NULL;
    size_t size = 0;
    void *frame = NULL;
    *out_compressed = false;
    int rc = outbox_batch(&r->outbox, r->batch_now, &text, &size, out_records);
    if (rc != 0)
        return rc;
    if (r->link.compress && compress_frame(text, size, &frame, &size) == 0) {
        free(text);
        text = frame;
        *out_compressed = true;
    }
    *out = text;
    *out_size = size;
    return 0;
}

/* By how a batch of `records` went. One that held less than it might says nothing of larger ones.
 */
static void adapt(struct records *r, size_t records, int rc, struct mono_time begun)
{
    int64_t took_ms = mono_diff_ms(clock_mono(r->channel.site->clock), begun);
    if (rc == ERR_TIMEOUT || rc == ERR_IO || took_ms > BATCH_SLOW_MS)
        r->batch_now = (r->batch_now + 1) / 2;
    else if (rc == 0 && took_ms < BATCH_QUICK_MS && records >= r->batch_now)
        r->batch_now = 2 * r->batch_now < r->link.batch_max ? 2 * r->batch_now : r->link.batch_max;
}

/* What others give way to: a batch on its way, or the next one that follows it at once. */
static void show(const struct records *r, bool busy)
{
    if (r->link.traffic)
        atomic_store_explicit(&r->link.traffic->records, busy, memory_order_relaxed);
}

static int send_batch(struct records *r)
{
    struct err_text err = {{0}};
    struct https_answer answer = {0};
    char *body = NULL;
    size_t size = 0;
    size_t records = 0;
    bool compressed = false;
    struct mono_time begun = clock_mono(r->channel.site->clock);
    int rc = make_body(r, &body, &size, &records, &compressed);
    if (rc != 0)
        return rc;
    struct channel_ask ask = {.method = "POST",
                              .path = r->path,
                              .content_type = batch_type,
                              .compression = compressed ? "zstd" : NULL,
                              .body = body,
                              .body_size = size,
                              .total_timeout_ms = deadline_of(r, size),
                              .send_bytes_s = r->link.send_bytes_s};
    rc = channel_send(&r->channel, &ask, &answer, &err);
    adapt(r, records, rc, begun);
    if (rc == 0)
        rc = answer.status == 200     ? settle(r, &answer)
             : asks_again(r, &answer) ? ERR_CONFLICT
                                      : refused(&r->channel, &answer, r->path);
    https_answer_free(&answer);
    free(body);
    return rc;
}

/* On a metered link: whether what waits goes up now. When all of it has, the connection closes, so
 * that an idle one costs nothing. */
static bool is_time(struct records *r)
{
    struct mono_time now = clock_mono(r->channel.site->clock);
    if (r->link.interval_ms == 0)
        return r->outbox.count > 0;
    if (r->under_way && r->outbox.count == 0) {
        r->under_way = r->caught_up = false;
        r->due_at = mono_add_ms(now, r->link.interval_ms);
        if (r->link.traffic)
            (void)atomic_fetch_add_explicit(&r->link.traffic->windows, 1,
                                            memory_order_relaxed); /* only counts */
        if (r->channel.client)
            https_client_disconnect(r->channel.client);
    }
    r->under_way |= r->outbox.count > 0 && !mono_before(now, r->due_at);
    if (!r->under_way && r->outbox.count > 0)
        (void)poll(NULL, 0, TAKE_WAIT_MS); /* a pause; a signal only shortens it */
    return r->under_way;
}

void records_step(struct records *r)
{
    follow_epoch(r);
    if (!r->caught_up)
        take_records(r);
    if (!is_time(r))
        return;
    show(r, true);
    int rc = send_batch(r);
    show(r, rc == 0 && r->outbox.count > 0);
    if (rc == 0)
        channel_succeeded(&r->channel);
    else if (rc != ERR_STOPPED && rc != ERR_STALE)
        channel_pause(&r->channel);
}

int records_send_urgent(struct channel *channel, const char *text, size_t size)
{
    char path[UPLINK_PATH_SIZE];
    (void)snprintf(path, sizeof(path), "/v1/checkpoints/%s/urgent",
                   channel->site->own.checkpoint); /* ids are short */
    struct channel_ask ask = {.method = "POST",
                              .path = path,
                              .content_type = event_type,
                              .body = text,
                              .body_size = size};
    for (;;) {
        struct err_text err = {{0}};
        struct https_answer answer = {0};
        int rc = channel_send(channel, &ask, &answer, &err);
        if (rc == 0) {
            bool taken = answer.status / 100 == 2;
            rc = taken ? 0 : ERR_INVALID;
            if (taken)
                tell(channel, 0, "");
            else
                (void)refused(channel, &answer, path); /* told; whatever the code, it is for good */
            https_answer_free(&answer);
            channel_succeeded(channel);
            return rc;
        }
        channel_pause(channel);
        if (rc == ERR_STOPPED || !channel->wait.go_on(channel->wait.ctx))
            return ERR_STOPPED;
    }
}
