/*
 * Refused datagrams from the capture thread to checkpointd: of two ledgers capture fills one while
 * the link thread sends the rows of the other, some at a time so that reads do not wait. While
 * checkpointd is away its rows wait, and capture goes on counting in its own.
 * What is not handed over when the program ends stands in its last counters alone.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "gateway/app/matchd/matchd.h"

enum { NONE = -1 };

int matchd_refusals_create(struct matchd *m, struct err_text *err)
{
    atomic_init(&m->refusals_to_send, NONE);
    for (int i = 0; i < MATCHD_LEDGERS; i++) {
        m->refusals[i] = refusals_create();
        if (!m->refusals[i]) {
            return err_set(err, ERR_NO_MEMORY, "refused datagrams: no memory");
        }
    }
    receiver_note_refusals(m->receiver, m->refusals[0]);
    return 0;
}

void matchd_refusals_destroy(struct matchd *m)
{
    for (int i = 0; i < MATCHD_LEDGERS; i++) {
        refusals_destroy(m->refusals[i]);
    }
}

void matchd_refusals_hand_over(struct matchd *m, struct mono_time now)
{
    if (m->refusals_due.ns == 0) {
        m->refusals_due = mono_add_ms(now, m->config.error_report_ms);
    }
    /* Pairs with the store of matchd_refusals_sent(): that ledger is empty again. */
    if (mono_before(now, m->refusals_due) ||
        atomic_load_explicit(&m->refusals_to_send, memory_order_acquire) != NONE) {
        return;
    }
    m->refusals_due = mono_add_ms(now, m->config.error_report_ms);
    if (refusals_count(m->refusals[m->refusals_filling]) == 0) {
        return;
    }
    int full = m->refusals_filling;
    m->refusals_filling = (full + 1) % MATCHD_LEDGERS;
    receiver_note_refusals(m->receiver, m->refusals[m->refusals_filling]);
    /* Pairs with the load of matchd_refusals_get(). */
    atomic_store_explicit(&m->refusals_to_send, full, memory_order_release);
}

const struct refusal *matchd_refusals_get(struct matchd *m, size_t index)
{
    int full = atomic_load_explicit(&m->refusals_to_send, memory_order_acquire);
    if (full == NONE) {
        return NULL;
    }
    return index < refusals_count(m->refusals[full]) ? refusals_get(m->refusals[full], index)
                                                     : NULL;
}

void matchd_refusals_sent(struct matchd *m)
{
    int full = atomic_load_explicit(&m->refusals_to_send, memory_order_relaxed);
    if (full != NONE) {
        refusals_clear(m->refusals[full]);
        atomic_store_explicit(&m->refusals_to_send, NONE, memory_order_release);
    }
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
