/*
 * Refused datagrams from the capture threads to checkpointd, one row a camera and cause in a time:
 * the link thread asks, each capturer goes on in its other ledger and hands the full one over, and
 * when all have, the link adds them up and sends the rows, some at a time so that reads do not
 * wait. While checkpointd is away its rows wait, and the capturers go on counting. What is not
 * handed over when the program ends stands in its last counters alone.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "gateway/app/matchd/matchd.h"

int matchd_refusals_create(struct matchd *m, struct err_text *err)
{
    m->refusals = refusals_create();
    return m->refusals ? 0 : err_set(err, ERR_NO_MEMORY, "refused datagrams: no memory");
}

void matchd_refusals_destroy(struct matchd *m)
{
    refusals_destroy(m->refusals);
}

void matchd_refusals_hand_over(struct capturer *c)
{
    /* Pairs with the store of collect(): the ledger handed over before is empty again. */
    unsigned asked = atomic_load_explicit(&c->m->refusals_asked, memory_order_acquire);
    if (asked == atomic_load_explicit(&c->refusals_handed, memory_order_relaxed)) {
        return;
    }
    c->filling = (c->filling + 1) % CAPTURER_LEDGERS;
    receiver_note_refusals(c->receiver, c->refusals[c->filling]);
    /* Pairs with the load of all_handed(). */
    atomic_store_explicit(&c->refusals_handed, asked, memory_order_release);
}

static bool all_handed(struct matchd *m)
{
    unsigned asked = atomic_load_explicit(&m->refusals_asked, memory_order_relaxed);
    for (size_t i = 0; i < m->capturer_count; i++) {
        if (atomic_load_explicit(&m->capturers[i].refusals_handed, memory_order_acquire) != asked) {
            return false;
        }
    }
    return true;
}

/* Link thread, with nothing left to send: asks when it is time, adds up what was handed over. */
static void collect(struct matchd *m)
{
    struct mono_time now = clock_mono(&clock_system);
    if (m->refusals_due.ns == 0) {
        m->refusals_due = mono_add_ms(now, m->config.error_report_ms);
    }
    if (!m->refusals_awaited) {
        if (!mono_before(now, m->refusals_due)) {
            m->refusals_due = mono_add_ms(now, m->config.error_report_ms);
            m->refusals_awaited = true;
            atomic_fetch_add_explicit(&m->refusals_asked, 1, memory_order_release);
        }
        return;
    }
    if (!all_handed(m)) {
        return;
    }
    /* A capturer begins with its first ledger and goes to the other with each question. */
    unsigned asked = atomic_load_explicit(&m->refusals_asked, memory_order_relaxed);
    for (size_t i = 0; i < m->capturer_count; i++) {
        struct refusals *full = m->capturers[i].refusals[(asked + 1) % CAPTURER_LEDGERS];
        refusals_add(m->refusals, full);
        refusals_clear(full);
    }
    m->refusals_awaited = false;
}

const struct refusal *matchd_refusals_get(struct matchd *m, size_t index)
{
    if (refusals_count(m->refusals) == 0) {
        collect(m);
    }
    return index < refusals_count(m->refusals) ? refusals_get(m->refusals, index) : NULL;
}

void matchd_refusals_sent(struct matchd *m)
{
    refusals_clear(m->refusals);
}

void matchd_refusals_fill(const struct refusal *refusal, struct match_message *message)
{
    char address[INET6_ADDRSTRLEN] = "";
    char *source = message->u.refused.source;
    int family = refusal->family == 6 ? AF_INET6 : AF_INET;
    message->u.refused.camera = refusal->camera;
    message->u.refused.lane = refusal->lane;
    message->u.refused.count = refusal->count;
    capture_refusal_name(refusal, message->u.refused.cause);
    if (refusal->family != 0 &&
        inet_ntop(family, refusal->address, address, sizeof(address)) != NULL) {
        snprintf(source, MATCH_REFUSED_SOURCE_SIZE, refusal->family == 6 ? "[%s]:%u" : "%s:%u",
                 address, refusal->port);
    }
    message->u.refused.size = refusal->size;
    memcpy(message->u.refused.bytes, refusal->bytes, refusal->size);
}
