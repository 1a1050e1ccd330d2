/*
 * See observe.h. The thread owns batches, file and journal; the other threads reach it through one
 * queue, the key set through a lock.
 */
#include "gateway/app/checkpointd/observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/app/service.h"
#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/base/log.h"
#include "gateway/base/slot_file.h"
#include "gateway/journal/reader.h"
#include "gateway/signed/observe.h"

enum {
    ITEMS_MAX = 512,
    TICK_MS = 1000,
    WRITE_GAP_MS = 20, /* between two writings of `pending` in a flood of reads */
    REOPEN_MS = 10000,
    RETAIN_MS = 60 * 1000,
    KEPT_DAYS = 7, /* bodies stay so long on the box, and never go before their receipt */
    RESERVE_BYTES = 1 << 20,
    TAIL_RECORDS = 32,         /* more than a run can record before it writes `pending` anew */
    SILENT_MAX_MS = 10 * 60000 /* the lanes go on without this chain */
};

enum item_kind { ITEM_READ, ITEM_HIT, ITEM_RECEIPT };

struct item {
    enum item_kind kind;
    struct observe_hit hit;
    uint8_t lost; /* with a hit: so many others found no room before */
    struct receipt_job receipt;
};

struct observe {
    struct checkpointd *c;
    char folder[256];
    struct queue *items;
    atomic_bool read_posted; /* an ITEM_READ waits: one speaks for all */
    atomic_uint turned_away; /* hits that found the queue full */
    pthread_mutex_t lock;    /* of keyset */
    struct keyset *keyset;   /* NULL: none yet */
    struct observe_counts counts;
    struct thread thread;

    /* the thread's own */
    struct journal *journal;  /* NULL: cannot be opened */
    struct slot_file pending; /* not open: cannot be */
    struct mono_time reopen_due;
    struct observe_batch batches[OBSERVE_PENDING_BODIES]; /* the first is recorded next */
    size_t used;                                          /* of them, at least 1 */
    bool sealed;                                          /* bodies are of the batches */
    char bodies[OBSERVE_PENDING_BODIES][OBSERVE_BODY_MAX];
    size_t carried; /* bodies of the run before, in `bodies`, not on record yet: no writing */
    struct mono_time tick_due, write_due, record_due, retain_due;
    bool unwritten; /* a read came since the last writing */
    bool failing;   /* told */
};

/* ---- files ---- */

/* One line when it begins, one when it is over; what it says does not depend on hits. */
static void tell_failing(struct observe *o, bool failing, const char *why)
{
    if (failing != o->failing) {
        log_event(EVENT_OBSERVE_UNWRITTEN, "active=%d detail=\"%s\"", failing, why);
    }
    o->failing = failing;
}

static int open_chain(struct observe *o, struct err_text *err)
{
    const struct journal_options options = {.folder = o->folder,
                                            .checkpoint = o->c->config.checkpoint,
                                            .seal_interval_ms = o->c->config.seal_interval_ms,
                                            .reserve_bytes = RESERVE_BYTES,
                                            .clock = &o->c->clock};
    struct journal_head head;
    int result = file_make_folder(o->folder, 0700, err);
    if (result == 0) {
        result = set_aside_open(o->c, &options, false, &o->journal, err);
    }
    if (result != 0) {
        o->journal = NULL;
        return result;
    }
    journal_head_read(o->journal, &head);
    atomic_store(&o->counts.recorded, head.sequence);
    atomic_store(&o->counts.confirmed, journal_confirmed(o->journal));
    hex_encode(head.chain, sizeof(head.chain), o->counts.chain);
    atomic_store_explicit(&o->counts.open, true, memory_order_release);
    return 0;
}

struct tail {
    const char *body; /* of those pending */
    bool recorded;
};

static int compare(void *ctx, const struct journal_record *record)
{
    struct tail *tail = ctx;
    tail->recorded |= record->has_body && record->body_size == strlen(tail->body) &&
                      memcmp(record->body, tail->body, record->body_size) == 0;
    return 0;
}

/* Whether it is on record already: among the newest. */
static int is_recorded(const struct observe *o, struct journal_reader *reader, const char *body,
                       bool *out, struct err_text *err)
{
    uint64_t head = atomic_load(&o->counts.recorded);
    uint64_t last = 0;
    struct tail tail = {.body = body};
    int result = journal_reader_read(reader, head > TAIL_RECORDS ? head - TAIL_RECORDS : 0,
                                     JOURNAL_KIND_BIT(JOURNAL_OBSERVED), TAIL_RECORDS, compare,
                                     &tail, &last, err);
    *out = tail.recorded;
    return result;
}

/* The bodies that the run before left in `pending`, without those that are on record. */
static int carry(struct observe *o, const char *text, struct err_text *err)
{
    size_t line = o->pending.size / OBSERVE_PENDING_BODIES;
    struct journal_reader *reader = NULL;
    int result = journal_reader_open(o->folder, &reader, err);
    for (size_t i = 0; result == 0 && i < OBSERVE_PENDING_BODIES; i++) {
        char *body = o->bodies[o->carried];
        bool recorded = false;
        memcpy(body, text + i * line, line - 1);
        body[line - 1] = '\0';
        result = is_recorded(o, reader, body, &recorded, err);
        o->carried += result == 0 && !recorded;
    }
    journal_reader_close(reader);
    return result;
}

static int open_pending(struct observe *o, struct err_text *err)
{
    char path[sizeof(o->folder) + 16];
    uint8_t text[OBSERVE_PENDING_BODIES * OBSERVE_BODY_MAX];
    o->carried = 0;
    int result = observe_seal_nothing(o->bodies[0]); /* for its length, which all have */
    if (result != 0) {
        return err_set(err, result, "observe hits cannot be sealed");
    }
    snprintf(path, sizeof(path), "%s/pending", o->folder);
    slot_file_init(&o->pending, path, OBSERVE_PENDING_BODIES * (strlen(o->bodies[0]) + 1));
    result = slot_file_open(&o->pending, text, err);
    if (result == ERR_NOT_FOUND) {
        return 0;
    }
    if (result == 0) {
        result = carry(o, (const char *)text, err);
        if (result != 0) {
            slot_file_close(&o->pending);
        }
    }
    return result;
}

static void open_all(struct observe *o)
{
    struct err_text err = {{0}};
    int result = o->journal ? 0 : open_chain(o, &err);
    if (result == 0 && o->pending.fd < 0) {
        result = open_pending(o, &err);
    }
    o->reopen_due = mono_add_ms(clock_mono(&clock_system), REOPEN_MS);
    if (result != 0) {
        tell_failing(o, true, err.text);
    }
}

/* ---- hits ---- */

static void add_lost(struct observe_batch *batch, unsigned count)
{
    unsigned lost = batch->lost + count;
    batch->lost = (uint16_t)(lost < UINT16_MAX ? lost : UINT16_MAX);
}

static bool is_same(const struct observe_hit *a, const struct observe_hit *b)
{
    return a->entry == b->entry && a->lane == b->lane && a->read_key == b->read_key;
}

static void read_again(struct observe_hit *known, const struct observe_hit *hit)
{
    known->last = hit->last;
    if (known->reads < UINT16_MAX) {
        known->reads++;
    }
}

static void take_hit(struct observe *o, const struct observe_hit *hit)
{
    for (size_t b = 0; b < o->used; b++) {
        for (int i = 0; i < o->batches[b].count; i++) {
            struct observe_hit *known = &o->batches[b].hits[i];
            if (is_same(known, hit)) {
                read_again(known, hit);
                return;
            }
        }
    }
    struct observe_batch *batch = &o->batches[o->used - 1];
    if (batch->count == OBSERVE_HITS_MAX && o->used < OBSERVE_PENDING_BODIES) {
        batch = &o->batches[o->used++];
        *batch = (struct observe_batch){.from = clock_wall(&o->c->clock)};
    }
    if (batch->count == OBSERVE_HITS_MAX) {
        add_lost(batch, 1);
        return;
    }
    batch->hits[batch->count++] = *hit;
}

/* The first batch is on record. */
static void next_batch(struct observe *o)
{
    memmove(&o->batches[0], &o->batches[1], (OBSERVE_PENDING_BODIES - 1) * sizeof(o->batches[0]));
    o->batches[OBSERVE_PENDING_BODIES - 1] = (struct observe_batch){0};
    o->used -= o->used > 1;
    if (o->batches[0].from.ms == 0) {
        o->batches[0].from = clock_wall(&o->c->clock);
    }
}

/* ---- sealing and writing ---- */

/* Every body anew, full or empty: none can be told from the others by having stayed. */
static int seal_all(struct observe *o)
{
    struct keyset_key key = {.role = KEY_ROLE_OBSERVE};
    pthread_mutex_lock(&o->lock);
    const struct keyset_key *found =
        o->keyset ? keyset_current(o->keyset, KEY_ROLE_OBSERVE, clock_wall(&o->c->clock)) : NULL;
    if (found) {
        key = *found;
    }
    pthread_mutex_unlock(&o->lock);
    o->sealed = found != NULL;
    int result = 0;
    for (size_t i = 0; result == 0 && i < OBSERVE_PENDING_BODIES; i++) {
        result = found ? observe_seal(&o->batches[i], o->c->config.checkpoint, key.id,
                                      key.public_key, NULL, o->bodies[i])
                       : observe_seal_nothing(o->bodies[i]);
    }
    return result;
}

static int write_pending(struct observe *o, struct err_text *err)
{
    char text[OBSERVE_PENDING_BODIES * OBSERVE_BODY_MAX];
    size_t size = 0;
    int result = seal_all(o);
    if (result != 0) {
        return err_set(err, result, "observe hits cannot be sealed");
    }
    for (size_t i = 0; i < OBSERVE_PENDING_BODIES; i++) {
        size_t length = strlen(o->bodies[i]);
        memcpy(text + size, o->bodies[i], length);
        text[size + length] = '\n';
        size += length + 1;
    }
    o->unwritten = false;
    return slot_file_write(&o->pending, (const uint8_t *)text,
                           (uint64_t)clock_wall(&clock_system).ms, err);
}

/* Against a power cut, too. */
static int keep_pending(struct observe *o, struct err_text *err)
{
    int result = write_pending(o, err);
    return result == 0 ? slot_file_sync(&o->pending, err) : result;
}

static int append(struct observe *o, size_t count, struct err_text *err)
{
    struct journal_entry entries[OBSERVE_PENDING_BODIES];
    uint64_t sequence = 0;
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct journal_entry){.kind = JOURNAL_OBSERVED,
                                            .actor = "checkpointd",
                                            .body = o->bodies[i],
                                            .body_size = strlen(o->bodies[i]),
                                            .wall = clock_wall(&o->c->clock),
                                            .mono = clock_mono(&clock_system)};
    }
    int result = journal_append(o->journal, entries, count, &sequence, err);
    if (result == 0) {
        atomic_store(&o->counts.recorded, sequence + count - 1);
        records_wake(o->c->observe_records, 0);
    }
    return result;
}

/* The run before's first; until they are on record `pending` stays as it was left. */
static int append_carried(struct observe *o, struct err_text *err)
{
    int result = append(o, o->carried, err);
    if (result == 0) {
        o->carried = 0;
    }
    return result;
}

/* What is appended is what stands in `pending`, on the disk: after an end in between it is known by
 * its bytes. Hits that no key was there for wait for one. */
static int record(struct observe *o, struct err_text *err)
{
    int result = keep_pending(o, err);
    if (result == 0) {
        result = append(o, 1, err);
    }
    if (result != 0) {
        return result;
    }
    if (o->sealed || o->batches[0].count == 0) {
        next_batch(o);
    }
    return write_pending(o, err);
}

/* ---- the thread ---- */

static void confirm(struct observe *o, const struct receipt_job *receipt)
{
    struct err_text err = {{0}};
    int result =
        o->journal ? journal_confirm(o->journal, &receipt->head, receipt->text, receipt->size, &err)
                   : err_set(&err, ERR_IO, "the chain is not open");
    if (o->journal) {
        atomic_store(&o->counts.confirmed, journal_confirmed(o->journal));
    }
    records_confirmed(o->c->observe_records, receipt->client, receipt->head.sequence, result, &err);
    free(receipt->text);
}

static void take_item(struct observe *o, const struct item *item)
{
    switch (item->kind) {
    case ITEM_READ:
        atomic_store_explicit(&o->read_posted, false, memory_order_release);
        break;
    case ITEM_HIT:
        add_lost(&o->batches[o->used - 1], item->lost);
        take_hit(o, &item->hit);
        break;
    case ITEM_RECEIPT:
        confirm(o, &item->receipt);
        return;
    }
    o->unwritten = true;
}

static void take_items(struct observe *o, int wait_ms)
{
    struct item item;
    while (queue_pop(o->items, &item, wait_ms) == 0) {
        take_item(o, &item);
        wait_ms = 0;
    }
    add_lost(&o->batches[o->used - 1],
             atomic_exchange_explicit(&o->turned_away, 0, memory_order_relaxed));
}

static void retain(struct observe *o, struct mono_time now)
{
    struct journal_retention retention = {.on_box = 0};
    struct err_text err;
    size_t deleted = 0;
    if (mono_before(now, o->retain_due) ||
        !atomic_load_explicit(&o->c->clock_trusted, memory_order_relaxed)) {
        return;
    }
    retention.age_ms[JOURNAL_OBSERVED] = KEPT_DAYS * INT64_C(24) * 3600 * 1000;
    int result = journal_retain(o->journal, &retention, clock_wall(&o->c->clock), &deleted, &err);
    bool more = result == 0 && deleted == JOURNAL_RETAIN_MAX;
    o->retain_due = more ? now : mono_add_ms(now, RETAIN_MS); /* what failed comes again then */
}

static int work(struct observe *o, struct mono_time now, struct err_text *err)
{
    bool tick = !mono_before(now, o->tick_due);
    int result = 0;
    if (o->carried > 0 && tick) {
        result = append_carried(o, err);
    }
    if (result == 0 && o->carried == 0 && tick && !mono_before(now, o->record_due)) {
        result = record(o, err);
        if (result == 0) {
            struct mono_time next = mono_add_ms(o->record_due, OBSERVE_INTERVAL_MS);
            o->record_due = mono_before(now, next) ? next : mono_add_ms(now, OBSERVE_INTERVAL_MS);
        }
    } else if (result == 0 && o->carried == 0 && tick) {
        result = keep_pending(o, err);
    } else if (result == 0 && o->carried == 0 && o->unwritten && !mono_before(now, o->write_due)) {
        result = write_pending(o, err);
    }
    if (result == 0 && tick) {
        result = journal_maintain(o->journal, err);
        retain(o, now);
    }
    o->write_due = mono_add_ms(now, WRITE_GAP_MS);
    if (tick) {
        o->tick_due = mono_add_ms(now, TICK_MS);
    }
    return result;
}

static void observe_run(struct thread *self, void *arg)
{
    struct observe *o = arg;
    o->record_due = mono_add_ms(clock_mono(&clock_system), OBSERVE_INTERVAL_MS);
    for (;;) {
        struct err_text err = {{0}};
        bool stopping = thread_stopping(self); /* before the pop: what came before is taken */
        thread_silent_ms(self, SILENT_MAX_MS);
        take_items(o, o->unwritten || stopping ? WRITE_GAP_MS : TICK_MS / 10);
        struct mono_time now = clock_mono(&clock_system);
        bool open = o->journal && o->pending.fd >= 0;
        if (!open && !mono_before(now, o->reopen_due)) {
            open_all(o);
        } else if (open) {
            if (stopping) {
                o->unwritten = true;
                o->write_due = now;
                o->tick_due = now; /* what is written last is kept against a power cut too */
            }
            int result = work(o, now, &err);
            tell_failing(o, result != 0, result != 0 ? err.text : "");
        }
        if (stopping) {
            return;
        }
    }
}

/* ---- the other threads' side ---- */

void observe_read_came(struct observe *o)
{
    const struct item item = {.kind = ITEM_READ};
    if (!atomic_exchange_explicit(&o->read_posted, true, memory_order_acq_rel) &&
        queue_push(o->items, &item) != 0) { /* full: the thread has enough to write for */
        atomic_store_explicit(&o->read_posted, false, memory_order_release);
    }
}

static struct observe_hit hit_of(const struct match_message *m, const struct match_hit *match,
                                 bool trusted)
{
    const struct plate_read *read = &m->u.read.read;
    return (struct observe_hit){.entry = match->entry.id,
                                .revision = m->list.revision,
                                .first = read->wall,
                                .last = read->wall,
                                .read_key = match->read_key,
                                .event_id = read->event_id,
                                .camera = read->camera,
                                .lane = read->lane,
                                .kind = match->kind,
                                .class = read->class,
                                .agreement = match->agreement,
                                .authenticity = read->authenticity,
                                .confidence = read->confidence,
                                .direction = read->direction,
                                .speed_kmh = read->speed_kmh,
                                .odds_db = match->odds_db,
                                .differs = match->differs,
                                .reads = 1,
                                .colour = read->colour,
                                .flags = (uint8_t)((match->expired ? OBSERVE_EXPIRED : 0) |
                                                   (trusted ? 0 : OBSERVE_CLOCK_UNTRUSTED))};
}

void observe_take(struct observe *o, const struct match_message *m)
{
    bool trusted = atomic_load_explicit(&o->c->clock_trusted, memory_order_relaxed);
    for (int i = 0; i < m->u.read.hit_count; i++) {
        struct item item = {.kind = ITEM_HIT, .hit = hit_of(m, &m->u.read.hits[i], trusted)};
        item.lost = i == 0 ? m->u.read.hits_dropped : 0;
        if (queue_push(o->items, &item) != 0) {
            atomic_fetch_add_explicit(&o->turned_away, 1, memory_order_relaxed);
        }
    }
}

void observe_set_keyset(struct observe *o, const struct keyset *set)
{
    struct keyset *copy = malloc(sizeof(*copy));
    if (!copy) {
        return; /* the one before goes on; told again with the next connection of uplinkd */
    }
    *copy = *set;
    pthread_mutex_lock(&o->lock);
    struct keyset *old = o->keyset;
    o->keyset = copy;
    pthread_mutex_unlock(&o->lock);
    free(old);
}

int observe_receipt(struct observe *o, const struct receipt_job *job)
{
    const struct item item = {.kind = ITEM_RECEIPT, .receipt = *job};
    return queue_push(o->items, &item);
}

struct observe_counts *observe_counts(struct observe *o)
{
    return &o->counts;
}

const char *observe_folder(const struct observe *o)
{
    return o->folder;
}

/* ---- life ---- */

int observe_create(struct checkpointd *c, struct observe **out, struct err_text *err)
{
    struct observe *o = calloc(1, sizeof(*o));
    if (o) {
        o->items = queue_create(ITEMS_MAX, sizeof(struct item));
    }
    if (!o || !o->items) {
        free(o);
        return err_set(err, ERR_NO_MEMORY, "observe: no memory");
    }
    o->c = c;
    o->pending.fd = -1;
    o->used = 1;
    o->batches[0].from = clock_wall(&c->clock);
    thread_lock_init(&o->lock);
    snprintf(o->folder, sizeof(o->folder), "%s/observe", c->config.state_dir);
    open_all(o);
    *out = o;
    return 0;
}

int observe_start(struct observe *o, struct err_text *err)
{
    return service_thread_start(&o->thread, "observe", 0, observe_run, o, err);
}

struct thread *observe_thread(struct observe *o)
{
    return &o->thread;
}

void observe_stop(struct observe *o)
{
    if (!o) {
        return;
    }
    thread_stop(&o->thread);
    thread_join(&o->thread);
    journal_close(o->journal);
    o->journal = NULL;
}

void observe_destroy(struct observe *o)
{
    if (!o) {
        return;
    }
    observe_stop(o);
    slot_file_close(&o->pending);
    explicit_bzero(o->batches, sizeof(o->batches));
    queue_destroy(o->items);
    free(o->keyset);
    pthread_mutex_destroy(&o->lock);
    free(o);
}
