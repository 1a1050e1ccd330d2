/*
 * Instructions of headquarters as checkpointd takes them: judged by the key set it holds itself,
 * carried out, on record with what became of them, and only then answered to checkpoint-uplinkd.
 * Part of the socket `records` (records.c), whose thread owns it.
 *
 * The only act on a lane that an instruction can ask for is LANE_ACT_HOLD: nothing here raises,
 * lowers, ends a hold or acknowledges.
 */
#pragma once

#include "gateway/app/checkpointd/checkpointd.h"

enum {
    INSTRUCTION_REFUSALS_MAX = 20 /* on record in a minute, of those nobody's key vouches for */
};

struct instruction_keeper {
    uint64_t last_id;         /* of those signed for this box */
    uint64_t client;          /* of the records socket that waits for the answer; 0: none */
    struct mono_time started; /* since when */
    struct mono_time minute;
    unsigned refusals;
    struct fact fact; /* of the one under way */
};

/* The newest id that the journal knows of, and to the lanes the verdicts in force whose signer's
 * key stands in `set` (NULL: none): at a start, and under every new key set. */
int instructions_load(struct checkpointd *c, struct instruction_keeper *k, const struct keyset *set,
                      struct err_text *err) MUST_CHECK;
/* Takes one; `client` is answered when it is on record. Not 0: it is to be offered again later.
 * ERR_BUSY: another one is under way, or there is no key set yet; ERR_FULL: the journal. */
int instructions_offer(struct checkpointd *c, struct instruction_keeper *k,
                       const struct keyset *set, uint64_t client, uint64_t number, const char *text,
                       size_t size, struct err_text *err) MUST_CHECK;
/* One that checkpoint-uplinkd refused by its size: it goes on record as refused. Like the other. */
int instructions_refuse_size(struct checkpointd *c, struct instruction_keeper *k, uint64_t client,
                             uint64_t number, int64_t size_bytes, struct err_text *err) MUST_CHECK;
/* What records.c gives: the keeper of the socket, and the key set it holds (NULL: none). */
struct instruction_keeper *records_instructions(struct records *records);
const struct keyset *records_keyset(const struct records *records);
