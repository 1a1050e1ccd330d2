/*
 * Thread "observe": hits on observe entries become the second chain, in <state_dir>/observe. Every
 * OBSERVE_INTERVAL_MS one record of fixed size, hit or not, its body sealed to headquarters'
 * observe key; with more hits than one holds the next ones take the rest. What waits for its record
 * stands, sealed the same way, in the file `pending`, which has one size and is written anew with
 * every read, hit or not, and every second, when it is synced too. So a kill loses at most the hits
 * of the last WRITE_GAP_MS (20 ms), a power cut those of the last second and of a slow sync, and
 * neither file nor chain tells anybody on the box whether there was a hit. No log line, counter,
 * event or urgent record comes from here but what would come without hits too.
 *
 * The next start cannot tell which of the pending bodies hold hits: it records all of them. One
 * that was recorded but not taken out of `pending` before the end is known by its bytes.
 */
#pragma once

#include <stdatomic.h>

#include "gateway/base/thread.h"
#include "gateway/journal/record.h"
#include "gateway/model/hit.h"
#include "gateway/signed/keyset.h"

enum { OBSERVE_INTERVAL_MS = 10000, OBSERVE_PENDING_BODIES = 8 };

struct checkpointd;
struct observe;
struct receipt_job;

/* Where the chain stands, for the socket `observe`. Any thread may load them. */
struct observe_counts {
    atomic_ullong recorded; /* sequence of the newest record */
    atomic_ullong confirmed;
    atomic_bool open;                          /* release once the chain is, for good */
    char chain[2 * JOURNAL_CHAIN_ID_SIZE + 1]; /* hex; constant from then on */
};

/* Opens the chain; one that cannot be opened is logged and tried again by the thread: the lanes do
 * not wait for it. *out is heap memory for observe_destroy. ERR_NO_MEMORY. */
int observe_create(struct checkpointd *c, struct observe **out, struct err_text *err) MUST_CHECK;
void observe_destroy(struct observe *o); /* NULL is fine; stopped */
int observe_start(struct observe *o, struct err_text *err) MUST_CHECK;
/* Takes what is queued, writes it to `pending`, closes the chain. NULL is fine. */
void observe_stop(struct observe *o);
struct thread *observe_thread(struct observe *o);

/* ---- any thread ---- */

/* A read came, whatever it is. */
void observe_read_came(struct observe *o);
/* A checked MATCH_OBSERVED. */
void observe_take(struct observe *o, const struct match_message *message);
/* The key set in force, copied. */
void observe_set_keyset(struct observe *o, const struct keyset *set);
/* A receipt for this chain, verified; takes over job->text on success. ERR_FULL. */
int observe_receipt(struct observe *o, const struct receipt_job *job) MUST_CHECK;
struct observe_counts *observe_counts(struct observe *o);
const char *observe_folder(const struct observe *o);
