/*
 * The daily self-test: its plate put in at the capture end, found in the index in force, judged by
 * the rules, on record, confirmed by headquarters' receipt. It is done while the list has an entry
 * of category self_test, signed by clerks like any other, and fails loudly wherever the way is
 * broken. No lane hears of it. Part of the pipeline; the lane thread's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"

struct self_test_options {
    int64_t interval_ms; /* between two, > 0; 0: none is done */
    int64_t grace_ms;    /* from its record to headquarters' receipt */
};

struct self_test {
    struct self_test_options options;
    struct mono_time due;        /* the next one; ns = 0: at the next look */
    uint64_t number;             /* of the newest */
    bool asked;                  /* checkpoint-matchd has not answered yet … */
    struct mono_time answer_due; /* … and must by then */
    bool committing;             /* its record waits for the journal */
    uint64_t sequence;           /* of the record that waits for its receipt; 0: none does */
    struct mono_time confirm_due;
    bool idle;        /* the newest answer: there is nothing to test */
    bool failed;      /* alarmed */
    bool unconfirmed; /* alarmed */
};
