/*
 * What goes wrong at a lane and ends by itself: contacts that stick or bounce, a line with faults,
 * a module without power, motions and coils that are nobody's order. For random lives.
 */
#pragma once

#include "site.h"

/* `end` is called with `what` after ms; at once when too much goes wrong already. */
void faults_plan(struct site *site, int64_t ms, void (*end)(struct site *site, uint32_t what),
                 uint32_t what);
/* Ends what is due by now; the time of the next end, INT64_MAX: none. */
int64_t faults_run(struct site *site);

void faults_stick(struct site *site);
void faults_bounce(struct site *site);
void faults_line(struct site *site);
void faults_power(struct site *site);
void faults_foreign(struct site *site);
