/* See pictures.h. */
#include "gateway/uplink/pictures.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/journal/record.h"
#include "gateway/uplink/answers.h"

enum {
    IDLE_MS = 500,
    RANGE_FIRST = 64 * 1024, /* while nothing is known of the link */
    RANGE_SLOW_MS = 2000,    /* one that takes longer is halved, one that takes less doubled */
    RANGE_QUICK_MS = 500,
    LINK_SLOWEST_BYTES_S = 1000, /* a range has the time that needs */
    CONFLICTS_MAX = 8            /* answers that put us elsewhere, of one picture */
};

/* ---- pins ---- */

void pictures_note(struct queue *pins, const char *event, size_t size, bool urgent)
{
    struct journal_wire wire;
    struct hit_events events;
    struct picture_message pin = {.type = PICTURE_PIN};
    struct picture_message oldest;
    if (journal_wire_read(event, size, &wire, NULL) != 0)
        return; /* headquarters refuses it, and tells */
    const struct journal_record *record = &wire.record;
    bool rests = record->header.kind == JOURNAL_HIT && record->has_body &&
                 hit_events_read(record->body, record->body_size, &events) == 0 && events.count > 0;
    if (rests) {
        memcpy(pin.u.pin.hit.chain, record->header.chain, PICTURE_CHAIN_SIZE);
        pin.u.pin.hit.sequence = record->header.sequence;
        pin.u.pin.time_ms = events.time.ms ? events.time.ms : record->header.wall.ms;
        pin.u.pin.count = (uint32_t)events.count;
        pin.u.pin.in_turn = !urgent;
        memcpy(pin.u.pin.events, events.events, events.count * sizeof(events.events[0]));
        while (queue_push(pins, &pin) == ERR_FULL && queue_pop(pins, &oldest, 0) == 0)
            ; /* it was urgent: it comes once more in its turn */
    }
    journal_wire_free(&wire);
}

/* ---- life ---- */

void pictures_init(struct pictures *p, const struct uplink_site *site, int channel_number,
                   const char *store_path, struct queue *pins, const struct uplink_traffic *traffic,
                   const struct pictures_link *link, const struct uplink_wait *wait)
{
    memset(p, 0, sizeof(*p));
    channel_init(&p->channel, site, channel_number, wait);
    p->channel.quiet = true; /* the records' channels tell of the link */
    store_client_init(&p->store, store_path, site->clock, wait);
    p->pins = pins;
    p->traffic = traffic;
    p->link = *link;
    p->range_now = RANGE_FIRST;
}

void pictures_fini(struct pictures *p)
{
    channel_fini(&p->channel);
    store_client_fini(&p->store);
}

static void tell(struct pictures *p, enum log_event_id event, bool active, const char *detail)
{
    uplink_alarm_set(p->channel.site->alarms, p->channel.number, event, active, detail);
}

/* Hears of a new pin at once. */
static void idle(struct pictures *p)
{
    struct pollfd fd = {.fd = p->pin_waits ? -1 : queue_fd(p->pins), .events = POLLIN};
    (void)poll(&fd, 1, IDLE_MS); /* a pause; a signal only shortens it */
}

/* What became of a question to the store: the alarm of one that does not answer. */
static int note_store(struct pictures *p, int rc, const struct err_text *err)
{
    bool says_what = rc == ERR_NOT_FOUND || rc == ERR_CORRUPT || rc == ERR_INVALID;
    if (rc != 0 && rc != ERR_STOPPED && !says_what)
        tell(p, EVENT_UPLINK_PICTURES_WAIT, true, err->text);
    return rc;
}

/* All of them, before anything is sent. 0, or why one waits on. */
static int deliver_pins(struct pictures *p)
{
    struct err_text err = {""};
    while (p->pin_waits || queue_pop(p->pins, &p->pin, 0) == 0) {
        p->pin_waits = store_client_used(&p->store); /* a box without pictures has none to pin */
        if (!p->pin_waits)
            continue;
        int rc =
            note_store(p, store_client_ask(&p->store, &p->pin, PICTURE_ANSWER, NULL, &err), &err);
        if (rc == ERR_INVALID)
            p->pin_waits = false; /* no store will have it */
        else if (rc != 0)
            return rc;
        p->pin_waits = false;
    }
    return 0;
}

void pictures_terms_init(struct pictures_terms *terms)
{
    *terms = (struct pictures_terms){.said = 0};
    (void)pthread_mutex_init(&terms->lock, NULL); /* cannot fail with default attributes */
}

void pictures_terms_set(struct pictures_terms *terms, const struct picture_terms *next)
{
    pthread_mutex_lock(&terms->lock);
    terms->terms = *next;
    terms->said++;
    pthread_mutex_unlock(&terms->lock);
}

/* 0, or why they wait. */
static int deliver_terms(struct pictures *p)
{
    struct err_text err = {""};
    struct picture_message ask = {.type = PICTURE_TERMS};
    if (!p->terms || !store_client_used(&p->store))
        return 0;
    if (p->store.fd < 0)
        p->terms_told = 0;
    pthread_mutex_lock(&p->terms->lock);
    unsigned said = p->terms->said;
    ask.u.terms = p->terms->terms;
    pthread_mutex_unlock(&p->terms->lock);
    if (said == p->terms_told)
        return 0;
    int rc = note_store(p, store_client_ask(&p->store, &ask, PICTURE_ANSWER, NULL, &err), &err);
    if (rc == ERR_INVALID) {
        p->terms =
            NULL; /* an older camerad, which ends the connection over what it does not know */
        store_client_fini(&p->store);
        rc = 0;
    } else if (rc == 0)
        p->terms_told = said;
    return rc;
}

/* ---- whose turn it is ---- */

static bool records_wait(const struct pictures *p)
{
    return atomic_load_explicit(&p->traffic->urgents, memory_order_relaxed) != 0 ||
           atomic_load_explicit(&p->traffic->records, memory_order_relaxed) != 0;
}

/* On a metered link once after each of the records' windows, until nothing waits. */
static bool is_time(const struct pictures *p)
{
    unsigned windows = atomic_load_explicit(&p->traffic->windows, memory_order_relaxed);
    return !records_wait(p) && (!p->link.metered || windows != p->windows);
}

static void end_window(struct pictures *p)
{
    p->windows = atomic_load_explicit(&p->traffic->windows, memory_order_relaxed);
    if (p->link.metered && p->channel.client)
        https_client_disconnect(p->channel.client); /* an idle one would cost */
}

/* ---- one picture ---- */

struct sending {
    struct picture_about about;
    struct picture_hit hit;
    char path[UPLINK_PATH_SIZE]; /* of it at headquarters */
    uint32_t held;
    bool complete;
    bool begun_anew; /* its bytes were refused once as a whole */
    bool goes_on;    /* what comes next is another one, or a pin: no pause before it */
};

static int settle(struct pictures *p, struct sending *s, enum picture_result result)
{
    struct err_text err = {""};
    struct picture_message done = {.type = PICTURE_DONE};
    done.u.done.about = s->about;
    done.u.done.hit = s->hit;
    done.u.done.result = result;
    int rc = store_client_ask(&p->store, &done, PICTURE_ANSWER, NULL, &err);
    s->goes_on = rc == 0;
    return note_store(p, rc, &err);
}

/* Headquarters' word on how much of it is there. */
static int take_state(struct pictures *p, struct sending *s, const struct https_answer *answer)
{
    struct err_text err = {""};
    struct picture_state state;
    int rc = picture_answer_read(answer->body, answer->size, &state, &err);
    if (rc == 0 && (state.size != s->about.size || state.held > state.size))
        rc = err_set(&err, ERR_INVALID, "a picture of %" PRIu64 " bytes, %" PRIu64 " held",
                     state.size, state.held);
    tell(p, EVENT_UPLINK_ANSWER_BAD, rc != 0, err.text);
    if (rc != 0)
        return rc;
    s->held = (uint32_t)state.held;
    s->complete = state.complete;
    return 0;
}

/* A picture headquarters will not have: it stays for its term, told. */
static int refused(struct pictures *p, struct sending *s, const struct https_answer *answer)
{
    struct err_text err = {""};
    const struct https_request request = {.url = s->path};
    (void)!https_answer_error(&request, answer, &err); /* whatever the code, it is for good */
    tell(p, EVENT_UPLINK_PICTURE_REFUSED, true, err.text);
    int rc = settle(p, s, PICTURE_REFUSED);
    return rc == 0 ? ERR_DENIED : rc;
}

static char *declaration(const struct sending *s)
{
    char sha[2 * PICTURE_SHA_SIZE + 1];
    char chain[2 * PICTURE_CHAIN_SIZE + 1];
    char event[24];
    char taken[WALL_TEXT_SIZE];
    hex_encode(s->about.sha, PICTURE_SHA_SIZE, sha);
    hex_encode(s->hit.chain, PICTURE_CHAIN_SIZE, chain);
    (void)snprintf(event, sizeof(event), "%" PRIu64, s->about.event); /* fits */
    wall_format((struct wall_time){s->about.taken_ms}, taken);
    json_t *object =
        json_pack("{s:s,s:I,s:s,s:I,s:s,s:i,s:s,s:s}", "sha256", sha, "size",
                  (json_int_t)s->about.size, "chain", chain, "sequence",
                  (json_int_t)s->hit.sequence, "kind", picture_kind_name(s->about.kind), "camera",
                  (int)s->about.camera, "event", event, "taken", taken);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

/* 0: it is known there, and how much of it. ERR_CONFLICT: not yet; ERR_DENIED: never. */
static int declare(struct pictures *p, struct sending *s)
{
    struct err_text err = {""};
    struct https_answer answer = {0};
    char path[UPLINK_PATH_SIZE];
    char *text = declaration(s);
    (void)snprintf(path, sizeof(path), "/v1/checkpoints/%s/evidence",
                   p->channel.site->own.checkpoint); /* ids are short */
    struct channel_ask ask = {.method = "POST",
                              .path = path,
                              .content_type = "application/json",
                              .body = text,
                              .body_size = text ? strlen(text) : 0};
    int rc = text ? channel_send(&p->channel, &ask, &answer, &err) : ERR_NO_MEMORY;
    if (rc == ERR_BUSY)
        tell(p, EVENT_UPLINK_PICTURES_WAIT, true, err.text); /* too many of them, or it is busy */
    free(text);
    if (rc != 0)
        return rc;
    if (answer.status / 100 == 2)
        rc = take_state(p, s, &answer);
    else if (answer.status == 409) {
        rc = settle(p, s, PICTURE_AGAIN); /* its hit goes first */
        rc = rc == 0 ? ERR_CONFLICT : rc;
    } else
        rc = refused(p, s, &answer);
    https_answer_free(&answer);
    return rc;
}

/* Bytes of the picture from `held`, at most `room`. Damaged: the store says so and offers it no
 * more. */
static int read_range(struct pictures *p, struct sending *s, uint8_t *out, size_t room,
                      size_t *out_size, struct err_text *err)
{
    size_t left = s->about.size - s->held;
    size_t wanted = left < room ? left : room;
    size_t size = 0;
    while (size < wanted) {
        struct picture_message ask = {.type = PICTURE_READ};
        const struct picture_message *got = NULL;
        size_t part = wanted - size < PICTURE_DATA_MAX ? wanted - size : PICTURE_DATA_MAX;
        memcpy(ask.u.read.sha, s->about.sha, PICTURE_SHA_SIZE);
        ask.u.read.offset = s->held + (uint32_t)size;
        ask.u.read.size = (uint32_t)part;
        int rc = note_store(p, store_client_ask(&p->store, &ask, PICTURE_DATA, &got, err), err);
        s->goes_on = rc == ERR_CORRUPT;
        if (rc != 0)
            return rc;
        if (got->u.data.size != part)
            return err_set(err, ERR_CORRUPT, "the picture store gave %u bytes, expected %zu",
                           got->u.data.size, part);
        memcpy(out + size, p->store.answer + sizeof(*got), part);
        size += part;
    }
    *out_size = size;
    return 0;
}

/* The next range is as large as the link was quick: what comes meanwhile waits for one. */
static void adapt(struct pictures *p, size_t size, int rc, struct mono_time begun)
{
    int64_t took_ms = mono_diff_ms(clock_mono(p->channel.site->clock), begun);
    size_t most = PICTURES_RANGE_MAX;
    size_t paced = (size_t)p->link.send_bytes_s * RANGE_SLOW_MS / 1000;
    if (p->link.send_bytes_s > 0 && paced < most)
        most = paced;
    if (rc == ERR_TIMEOUT || rc == ERR_IO || took_ms > RANGE_SLOW_MS)
        p->range_now /= 2;
    else if (rc == 0 && took_ms < RANGE_QUICK_MS && size >= p->range_now)
        p->range_now *= 2;
    if (p->range_now > most)
        p->range_now = most;
    p->range_now -= p->range_now % PICTURES_RANGE_STEP;
    if (p->range_now < PICTURES_RANGE_STEP)
        p->range_now = PICTURES_RANGE_STEP;
}

static int put_range(struct pictures *p, struct sending *s, const uint8_t *bytes, size_t size,
                     struct https_answer *answer)
{
    struct err_text err = {""};
    char range[64];
    int64_t deadline_ms = (int64_t)size * 1000 / LINK_SLOWEST_BYTES_S;
    (void)snprintf(range, sizeof(range), "bytes %u-%zu/%u", s->held, s->held + size - 1,
                   s->about.size); /* fits */
    struct channel_ask ask = {
        .method = "PUT",
        .path = s->path,
        .content_type = "application/octet-stream",
        .range = range,
        .body = bytes,
        .body_size = size,
        .total_timeout_ms = deadline_ms < UPLINK_REQUEST_MS ? UPLINK_REQUEST_MS : (int)deadline_ms,
        .send_bytes_s = p->link.send_bytes_s};
    struct mono_time begun = clock_mono(p->channel.site->clock);
    int rc = channel_send(&p->channel, &ask, answer, &err);
    adapt(p, size, rc, begun);
    return rc;
}

/* Ranges that lead nowhere end here, whatever headquarters says. */
static int check_progress(struct pictures *p, const struct sending *s, uint32_t before)
{
    bool good = s->complete || s->held > before;
    if (!good)
        tell(p, EVENT_UPLINK_ANSWER_BAD, true, "a range was taken and nothing more is held");
    return good ? 0 : ERR_INVALID;
}

/* The bytes were not those of the hash. From the beginning the store compares them first, so the
 * second time it is not ours that are wrong. */
static int begin_anew(struct pictures *p, struct sending *s, const struct https_answer *answer)
{
    if (s->begun_anew)
        return refused(p, s, answer);
    s->begun_anew = true;
    s->held = 0;
    return 0;
}

/* One range. ERR_CONFLICT: headquarters holds another part of it, which s says now. ERR_BUSY: it
 * does not know it any more. */
static int send_range(struct pictures *p, struct sending *s)
{
    struct err_text err = {""};
    struct https_answer answer = {0};
    size_t size = 0;
    uint8_t *bytes = malloc(PICTURES_RANGE_MAX);
    int rc = bytes ? read_range(p, s, bytes, p->range_now, &size, &err) : ERR_NO_MEMORY;
    if (rc == 0)
        rc = put_range(p, s, bytes, size, &answer);
    free(bytes);
    if (rc != 0)
        return rc;
    uint32_t before = s->held;
    if (answer.status / 100 == 2) {
        rc = take_state(p, s, &answer);
        rc = rc == 0 ? check_progress(p, s, before) : rc;
    } else if (answer.status == 409) {
        rc = take_state(p, s, &answer);
        rc = rc == 0 ? ERR_CONFLICT : rc;
    } else if (answer.status == 404)
        rc = ERR_BUSY; /* put back to an earlier state: it is declared anew */
    else
        rc = answer.status == 422 ? begin_anew(p, s, &answer) : refused(p, s, &answer);
    https_answer_free(&answer);
    return rc;
}

/* Whole, or until something else is to go first. */
static int send_picture(struct pictures *p, struct sending *s)
{
    int conflicts = 0;
    int rc = declare(p, s);
    while (rc == 0 && !s->complete) {
        s->goes_on = p->pin_waits || queue_length(p->pins) > 0;
        if (s->goes_on || records_wait(p))
            return ERR_BUSY;
        rc = send_range(p, s);
        if (rc == ERR_CONFLICT && ++conflicts < CONFLICTS_MAX)
            rc = 0;
    }
    if (rc == 0)
        rc = settle(p, s, PICTURE_TAKEN);
    if (rc == 0) {
        channel_succeeded(&p->channel);
        tell(p, EVENT_UPLINK_PICTURES_WAIT, false, "");
        tell(p, EVENT_UPLINK_PICTURE_REFUSED, false, "");
    }
    return rc;
}

static int next_picture(struct pictures *p, struct sending *out)
{
    struct err_text err = {""};
    struct picture_message ask = {.type = PICTURE_NEXT};
    const struct picture_message *got = NULL;
    char sha[2 * PICTURE_SHA_SIZE + 1];
    if (!store_client_used(&p->store))
        return ERR_NOT_FOUND;
    int rc = note_store(p, store_client_ask(&p->store, &ask, PICTURE_ITEM, &got, &err), &err);
    if (rc != 0)
        return rc;
    *out = (struct sending){.about = got->u.item.about, .hit = got->u.item.hit};
    hex_encode(out->about.sha, PICTURE_SHA_SIZE, sha);
    (void)snprintf(out->path, sizeof(out->path), "/v1/checkpoints/%s/evidence/%s",
                   p->channel.site->own.checkpoint, sha); /* ids are short */
    return 0;
}

void pictures_step(struct pictures *p)
{
    struct sending s;
    int rc = deliver_terms(p);
    if (rc == 0)
        rc = deliver_pins(p);
    if (rc != 0 || !is_time(p)) {
        idle(p);
        return;
    }
    rc = next_picture(p, &s);
    if (rc == ERR_NOT_FOUND) {
        tell(p, EVENT_UPLINK_PICTURES_WAIT, false, "");
        end_window(p);
    }
    if (rc != 0) {
        idle(p);
        return;
    }
    rc = send_picture(p, &s);
    /* The store would offer the same one again at once, whatever kept it: a pause before that. */
    if (rc != 0 && rc != ERR_STOPPED && !s.goes_on && !records_wait(p))
        channel_pause(&p->channel);
}
