/*
 * See confirm.h.
 */
#include "gateway/app/checkpointd/confirm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/signed/standing.h"

static uint64_t number_of(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

/* ---- showing ---- */

static void begin_fact(struct checkpointd *c, const struct confirm_hit *hit,
                       enum fact_standing_state state, struct fact *fact)
{
    memset(fact, 0, sizeof(*fact));
    fact->kind = FACT_STANDING;
    fact->lane = hit->lane;
    fact->wall = clock_wall(&c->clock);
    fact->mono = clock_mono(&clock_system);
    fact->class = LANE_CLASS_ROUTINE;
    fact->to_events = true;
    fact->u.standing = (struct fact_standing){.hit = hit->hit,
                                              .passage = hit->passage,
                                              .entry = hit->entry,
                                              .revision = hit->revision,
                                              .state = state};
}

static void show(struct checkpointd *c, const struct confirm_hit *hit,
                 enum fact_standing_state state)
{
    static struct fact fact; /* control thread */
    begin_fact(c, hit, state, &fact);
    publish_push(c, &fact);
}

/* ---- asking ---- */

static bool read_hit(const struct journal_record *record, struct confirm_hit *out)
{
    json_t *body = NULL;
    if (record->header.kind != JOURNAL_HIT || !record->has_body ||
        json_parse(record->body, record->body_size, &body, NULL) != 0) {
        return false;
    }
    *out = (struct confirm_hit){.sequence = record->header.sequence,
                                .hit = number_of(body, "hit"),
                                .passage = number_of(body, "passage"),
                                .entry = number_of(json_object_get(body, "entry"), "id"),
                                .revision = number_of(json_object_get(body, "list"), "revision"),
                                .lane = (uint8_t)number_of(body, "lane")};
    memcpy(out->chain, record->header.chain, sizeof(out->chain));
    json_decref(body);
    if (lookout_is(out->entry)) {
        return false; /* this checkpoint's own: headquarters has no such entry */
    }
    return out->hit != 0 && out->entry != 0 && out->revision != 0;
}

/* Each question costs CONFIRM_EVERY_MS, which time gives back. */
static bool may_ask(struct confirm_keeper *k, struct mono_time now)
{
    int64_t back = mono_diff_ms(now, k->spent_at);
    k->spent_at = now;
    k->spent_ms = back < k->spent_ms ? k->spent_ms - back : 0;
    if (k->spent_ms > (CONFIRM_BURST - 1) * CONFIRM_EVERY_MS) {
        return false;
    }
    k->spent_ms += CONFIRM_EVERY_MS;
    return true;
}

static void set_due(struct confirm_keeper *k)
{
    int64_t due = 0;
    for (size_t i = 0; i < CONFIRM_KEPT; i++) {
        int64_t at = mono_add_ms(k->hits[i].asked, CONFIRM_WAIT_MS).ns;
        if (k->hits[i].state == CONFIRM_ASKED && (due == 0 || at < due)) {
            due = at;
        }
    }
    atomic_store_explicit(&k->due_ns, due, memory_order_relaxed);
}

/* The oldest gives way: one nobody answered yet is shown as that. */
static void keep(struct checkpointd *c, const struct confirm_hit *hit)
{
    struct confirm_keeper *k = &c->confirm;
    struct confirm_hit *place = &k->hits[k->next];
    if (place->state == CONFIRM_ASKED) {
        show(c, place, FACT_STANDING_NO_ANSWER);
    }
    *place = *hit;
    k->next = (k->next + 1) % CONFIRM_KEPT;
    set_due(k);
}

json_t *confirm_begin(struct checkpointd *c, const struct journal_record *record, bool linked)
{
    struct confirm_hit hit;
    char chain[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    if (!read_hit(record, &hit)) {
        return NULL;
    }
    hit.asked = clock_mono(&clock_system);
    if (!linked) {
        show(c, &hit, FACT_STANDING_NO_LINK);
        return NULL;
    }
    if (!may_ask(&c->confirm, hit.asked)) {
        show(c, &hit, FACT_STANDING_TOO_MANY);
        return NULL;
    }
    hit.state = CONFIRM_ASKED;
    keep(c, &hit);
    hex_encode(hit.chain, sizeof(hit.chain), chain);
    return json_pack("{s:s,s:I,s:I,s:I}", "chain", chain, "entry", (json_int_t)hit.entry,
                     "revision", (json_int_t)hit.revision, "sequence", (json_int_t)hit.sequence);
}

/* ---- answers ---- */

static struct confirm_hit *find(struct confirm_keeper *k, const struct standing_answer *a)
{
    for (size_t i = 0; i < CONFIRM_KEPT; i++) {
        if (k->hits[i].state != CONFIRM_FREE && k->hits[i].sequence == a->sequence &&
            memcmp(k->hits[i].chain, a->chain, sizeof(a->chain)) == 0) {
            return &k->hits[i];
        }
    }
    return NULL;
}

static int judge(struct checkpointd *c, const struct confirm_hit *hit,
                 const struct standing_answer *a, struct err_text *err)
{
    int64_t off_ms = a->time.ms - clock_wall(&c->clock).ms;
    if (strcmp(a->checkpoint, c->config.checkpoint) != 0) {
        return err_set(err, ERR_DENIED, "standing: is for checkpoint %s", a->checkpoint);
    }
    if (!hit) {
        return err_set(err, ERR_NOT_FOUND,
                       "standing: no hit waits for an answer to record %" PRIu64, a->sequence);
    }
    if (hit->state == CONFIRM_ANSWERED) {
        return err_set(err, ERR_CONFLICT, "standing: hit %" PRIu64 " has its answer", hit->hit);
    }
    if (a->entry != hit->entry) {
        return err_set(err, ERR_DENIED,
                       "standing: is about entry %" PRIu64 ", the hit is on %" PRIu64, a->entry,
                       hit->entry);
    }
    if (mono_diff_ms(clock_mono(&clock_system), hit->asked) > CONFIRM_LATE_MAX_MS) {
        return err_set(err, ERR_STALE, "standing: too late for hit %" PRIu64, hit->hit);
    }
    return off_ms < -CONFIRM_CLOCK_MS || off_ms > CONFIRM_CLOCK_MS
               ? err_set(err, ERR_STALE, "standing: dated %" PRId64 " s from this box's clock",
                         off_ms / 1000)
               : 0;
}

int confirm_take(struct checkpointd *c, const struct keyset *set, const char *text, size_t size,
                 struct err_text *err)
{
    static struct fact fact; /* control thread */
    struct standing_answer answer;
    if (!set) {
        return err_set(err, ERR_DENIED, "standing: no key set yet");
    }
    int result = standing_verify(set, text, size, &answer, err);
    struct confirm_hit *hit = result == 0 ? find(&c->confirm, &answer) : NULL;
    if (result == 0) {
        result = judge(c, hit, &answer, err);
    }
    if (result != 0) {
        return result;
    }
    begin_fact(c, hit, FACT_STANDING_ANSWERED, &fact);
    fact.to_journal = true;
    fact.u.standing.answer = answer;
    if (size < sizeof(fact.text)) { /* what hqd signs is far below */
        memcpy(fact.text, text, size);
    }
    if (recorder_push(c, &fact) != 0) {
        return err_set(err, ERR_FULL, "standing: the journal takes nothing now");
    }
    hit->state = CONFIRM_ANSWERED;
    set_due(&c->confirm);
    publish_push(c, &fact);
    return 0;
}

static void look_in_control(void *ctx, void *item)
{
    struct checkpointd *c = ctx;
    struct confirm_keeper *k = &c->confirm;
    struct mono_time now = clock_mono(&clock_system);
    (void)item;
    atomic_store_explicit(&k->look_posted, false, memory_order_relaxed);
    for (size_t i = 0; i < CONFIRM_KEPT; i++) {
        struct confirm_hit *hit = &k->hits[i];
        if (hit->state == CONFIRM_ASKED && mono_diff_ms(now, hit->asked) >= CONFIRM_WAIT_MS) {
            hit->state = CONFIRM_UNANSWERED;
            show(c, hit, FACT_STANDING_NO_ANSWER);
        }
    }
    set_due(k);
}

void confirm_look(struct checkpointd *c)
{
    struct confirm_keeper *k = &c->confirm;
    long long due = atomic_load_explicit(&k->due_ns, memory_order_relaxed);
    if (due == 0 || clock_mono(&clock_system).ns < due ||
        atomic_exchange_explicit(&k->look_posted, true, memory_order_relaxed)) {
        return;
    }
    if (line_server_post(control_server(c->control), look_in_control, c, NULL) != 0) {
        atomic_store_explicit(&k->look_posted, false, memory_order_relaxed); /* the next look */
    }
}
