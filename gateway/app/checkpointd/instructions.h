/*
 * Instructions of headquarters as checkpointd takes them: judged by the key set it holds itself,
 * carried out, on record with what became of them, and only then answered to checkpoint-uplinkd.
 * Part of the socket `records` (records.c), whose thread owns it.
 *
 * One is carried out once: under way it is known by number and id however long the journal takes,
 * on record by its id, and where the program ended between a hold and the instruction's own record
 * by the hold's, which names it (restore.c). One dated ahead of a clock that nothing vouches for
 * waits until something does, and with it those behind it, which are later still.
 *
 * The only act on a lane that an instruction can ask for is LANE_ACT_HOLD: nothing here raises,
 * lowers, ends a hold or acknowledges.
 */
#pragma once

#include "gateway/app/checkpointd/checkpointd.h"

enum {
    INSTRUCTION_REFUSALS_MAX = 20, /* on record in a minute, of those nobody's key vouches for */
    INSTRUCTIONS_DONE_KEPT = 256   /* the newest on record: offered again they are answered */
};

enum instruction_stage {
    INSTRUCTION_NONE,        /* is under way */
    INSTRUCTION_ASKED,       /* the lane, which answers */
    INSTRUCTION_CARRIED_OUT, /* not on record, and the journal took it not: offered again, it is put
                                there, and carried out no second time */
    INSTRUCTION_RECORDING    /* the journal thread has it, which says what became of it */
};

enum { SETTLED_NOTHING, SETTLED_COMMITTED, SETTLED_FAILED };

struct instruction_done {
    uint64_t id;
    uint64_t number;
};

struct instruction_keeper {
    uint64_t last_id;                                     /* of those signed for this box */
    struct instruction_done done[INSTRUCTIONS_DONE_KEPT]; /* a ring */
    size_t done_count;
    /* The newest one whose hold the journal has; its own record may be missing. 0: none. */
    struct {
        uint64_t id;
        uint8_t lane;
    } held;
    enum instruction_stage stage;
    uint64_t number; /* of the one under way, and its id, 0 while nobody vouches for one */
    uint64_t id;
    uint64_t client; /* of the records socket that waits for the answer; 0: none */
    struct mono_time minute;
    unsigned refusals;
    bool early;        /* told: one waits for the clock */
    struct fact fact;  /* of the one under way */
    atomic_uint reply; /* the lane's, packed; 0: none. Release, and acquire in the control thread */
    atomic_int settled; /* SETTLED_…, the journal's; likewise */
};

/* The newest id that the journal knows of, and to the lanes the verdicts in force whose signer's
 * key stands in `set` (NULL: none): at a start, and under every new key set. */
int instructions_load(struct checkpointd *c, struct instruction_keeper *k, const struct keyset *set,
                      struct err_text *err) MUST_CHECK;
/* Takes one; `client` is answered when it is on record. Not 0: it is to be offered again later.
 * ERR_BUSY: another one is under way, it waits for the clock, or there is no key set yet;
 * ERR_FULL: the journal. */
int instructions_offer(struct checkpointd *c, struct instruction_keeper *k,
                       const struct keyset *set, uint64_t client, uint64_t number, const char *text,
                       size_t size, struct err_text *err) MUST_CHECK;
/* One that checkpoint-uplinkd refused by its size: it goes on record as refused. Like the other. */
int instructions_refuse_size(struct checkpointd *c, struct instruction_keeper *k, uint64_t client,
                             uint64_t number, int64_t size_bytes, struct err_text *err) MUST_CHECK;
/* Whether who signed it, as its record's body says, still stands in the key set (NULL: none). */
bool instructions_vouched(const struct keyset *set, const json_t *body);
/* How the box is; new reference (instruction_status.c). */
json_t *instructions_status(const struct checkpointd *c);
/* What records.c gives: the keeper of the socket, and the key set it holds (NULL: none). */
struct instruction_keeper *records_instructions(struct records *records);
const struct keyset *records_keyset(const struct records *records);
