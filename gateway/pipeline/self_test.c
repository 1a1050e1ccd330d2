/* See self_test.h. */
#include "gateway/pipeline/self_test.h"

#include <inttypes.h>
#include <stdio.h>

#include "gateway/pipeline/state.h"

enum {
    ANSWER_MS = 10000,
    RETRY_MS = 15 * 60 * 1000, /* after one that failed; a broken way is tried again soon */
    LOOK_MS = 60 * 1000        /* while there is nothing to test, or nobody to ask */
};

static int64_t at_most(int64_t interval_ms, int64_t limit_ms)
{
    return interval_ms < limit_ms ? interval_ms : limit_ms;
}

static void tell_failed(struct pipeline *p, bool failed, const char *why)
{
    if (failed != p->self_test.failed)
        raise_alarm(p, 0, EVENT_SELF_TEST_FAILED, failed, 0, why);
    p->self_test.failed = failed;
}

static void tell_unconfirmed(struct pipeline *p, bool unconfirmed, const char *why)
{
    if (unconfirmed != p->self_test.unconfirmed)
        raise_alarm(p, 0, EVENT_SELF_TEST_UNCONFIRMED, unconfirmed, 0, why);
    p->self_test.unconfirmed = unconfirmed;
}

static void fail(struct pipeline *p, const char *why)
{
    struct self_test *t = &p->self_test;
    t->due = mono_add_ms(p->now, at_most(t->options.interval_ms, RETRY_MS));
    tell_failed(p, true, why);
}

static void ask(struct pipeline *p)
{
    struct self_test *t = &p->self_test;
    struct match_query query = {.version = MATCH_MESSAGE_VERSION, .type = QUERY_SELF_TEST};
    query.u.self_test = t->number + 1;
    t->due = mono_add_ms(p->now, at_most(t->options.interval_ms, LOOK_MS));
    if (!p->link_up || p->sinks.query(p->sinks.ctx, &query) != 0)
        return; /* without checkpoint-matchd there is a louder alarm */
    t->number++;
    t->asked = true;
    t->answer_due = mono_add_ms(p->now, ANSWER_MS);
    t->due = mono_add_ms(p->now, t->options.interval_ms);
}

static void record(struct pipeline *p, const struct match_packet *packet)
{
    struct self_test *t = &p->self_test;
    const struct match_message *m = &packet->message;
    struct fact *fact = begin_fact(p, FACT_SELF_TEST, 0);
    fact->class = LANE_CLASS_ROUTINE;
    fact->commit = t->number;
    fact->u.hit.hit = t->number;
    fact->u.hit.read = m->u.read.read;
    fact->u.hit.match = m->u.read.hits[0];
    fact->u.hit.list = m->list;
    fact->u.hit.clock = p->clock;
    judge_self_test(p, packet, &fact->u.hit.decision);
    t->committing = send_fact(p) == 0;
    if (!t->committing)
        fail(p, "the journal has no room for its record");
}

void self_test_take(struct pipeline *p, const struct match_packet *packet)
{
    struct self_test *t = &p->self_test;
    const struct match_message *m = &packet->message;
    const struct match_hit *hit = &m->u.read.hits[0];
    if (!t->asked || m->u.read.read.event_id != t->number)
        return; /* to a question of an earlier connection, or given up */
    t->asked = false;
    t->idle = m->u.read.hit_count == 0 && !m->u.read.self_test_listed;
    if (m->u.read.hit_count > 0 && hit->kind == MATCH_EXACT && hit->agreement == CLASS_AGREE &&
        !hit->expired) {
        record(p, packet);
    } else if (!t->idle) {
        fail(p, "its entry is in the list and is not found in the index: "
                "the index is broken, or the entry has ended");
    } else { /* nothing to test: headquarters withdrew the entry, or has none */
        t->due = mono_add_ms(p->now, at_most(t->options.interval_ms, LOOK_MS));
        tell_failed(p, false, "");
        tell_unconfirmed(p, false, "");
        t->sequence = 0;
    }
}

void self_test_committed(struct pipeline *p, uint64_t number, bool done, uint64_t sequence)
{
    struct self_test *t = &p->self_test;
    if (!t->committing || number != t->number)
        return;
    t->committing = false;
    if (!done) {
        fail(p, "its record could not be written");
        return;
    }
    tell_failed(p, false, "");
    if (t->sequence != 0)
        return; /* the older one's term runs on; a receipt for a later record speaks for it too */
    t->confirm_due = mono_add_ms(p->now, t->options.grace_ms);
    t->sequence = sequence;
}

void self_test_confirmed(struct pipeline *p, uint64_t sequence)
{
    struct self_test *t = &p->self_test;
    if (t->sequence == 0 || sequence < t->sequence)
        return;
    t->sequence = 0;
    tell_unconfirmed(p, false, "");
}

void self_test_changed(struct pipeline *p)
{
    struct self_test *t = &p->self_test;
    if (!t->asked && !t->committing && (t->idle || t->failed || t->number == 0))
        t->due = p->now;
}

struct mono_time self_test_deadline(const struct pipeline *p)
{
    const struct self_test *t = &p->self_test;
    struct mono_time next = t->asked ? t->answer_due : t->due;
    if (t->options.interval_ms == 0)
        return (struct mono_time){INT64_MAX};
    return t->sequence != 0 && !t->unconfirmed && mono_before(t->confirm_due, next) ? t->confirm_due
                                                                                    : next;
}

void self_test_look(struct pipeline *p)
{
    struct self_test *t = &p->self_test;
    char why[FACT_DETAIL_SIZE];
    if (t->options.interval_ms == 0)
        return;
    if (t->asked && !mono_before(p->now, t->answer_due)) {
        t->asked = false;
        fail(p, "checkpoint-matchd does not answer");
    }
    if (!t->asked && !mono_before(p->now, t->due))
        ask(p);
    if (t->sequence != 0 && !mono_before(p->now, t->confirm_due)) {
        snprintf(why, sizeof why, "its record %" PRIu64 " has no receipt", t->sequence);
        tell_unconfirmed(p, true, why);
    }
}
