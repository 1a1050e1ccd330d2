/*
 * The handling of hits, wired: every hit that alerts opens a case, steps are on record before they
 * count, consoles see each, what is late is escalated, and what a rejection lets go is released.
 * The cases belong to the control thread; journal and lane threads leave their answers under a
 * lock. Internal to checkpointd; the files cases*.c.
 */
#pragma once

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "gateway/app/checkpointd/search.h"
#include "gateway/control/control.h"
#include "gateway/handling/codes.h"
#include "gateway/handling/handling.h"
#include "gateway/journal/record.h"
#include "gateway/pipeline/fact.h"
#include "gateway/pipeline/pipeline.h"

enum {
    CASES_MAX = 256,          /* as many as the board keeps hits */
    CASES_IN_FLIGHT_MAX = 64, /* steps on their way to the journal */
    CASES_DEFERRED_MAX = 16,  /* acts that wait for one of those */
    CASES_JOINS_MAX = 16      /* rejections that wait for the lane or matchd */
};

/* A step on its way to the journal, and who waits for it. */
struct case_flight {
    struct handling_case after;
    enum handling_act_kind kind;
    bool answers; /* an answer comes to count by it */
    struct control_actor actor;
    struct control_ticket ticket; /* client 0: nobody on a socket */
    char reason[FACT_REASON_SIZE];
    plate_key search; /* the plate seen at a reject: to be looked up; 0: none */
    bool bare;        /* said without the card: `said` is on record, nothing is released by it */
    struct fact_answer said;
};

struct case_slot {
    struct handling_case now;
    bool in_flight;
    bool gone; /* its entry was withdrawn: to be put on record */
    struct case_flight flight;
};

/* What the journal said of a step; its case is found by the hit. */
struct case_settled {
    uint64_t hit;
    int result;
};

/* An act that came while another step of its case was in flight. */
struct case_deferred {
    uint64_t hit; /* 0 = free */
    void (*run)(void *checkpointd, struct control *control, const struct control_call *call);
    struct control_call call; /* args owned */
};

enum { CASE_JOIN_RELEASE = 1, CASE_JOIN_SEARCH = 2 };

/* A rejection's answer, until all of it is there. */
struct case_join {
    uint64_t hit; /* 0 = free */
    unsigned waits;
    struct control_ticket ticket;
    json_t *result; /* owned */
};

struct cases {
    struct case_slot slots[CASES_MAX]; /* oldest first */
    size_t count;
    size_t in_flight;
    struct case_deferred deferred[CASES_DEFERRED_MAX]; /* oldest first */
    bool told[LANE_ID_MAX + 1][2]; /* by lane: HIT_OVERDUE_LEADER, HIT_OVERDUE_HQ stand */
    struct codes *codes;           /* NULL: none that can be used */
    atomic_bool codes_refused;     /* alarmed */
    atomic_llong due_ns;           /* when something is late, or 1: something is settled. Relaxed: a
                                      look is cheap and comes again */
    atomic_bool look_posted;       /* relaxed: a second one would find nothing */
    pthread_mutex_t lock;          /* of what follows */
    struct case_settled settled[CASES_IN_FLIGHT_MAX];
    size_t settled_count;
    struct case_join joins[CASES_JOINS_MAX];
    uint64_t gone[PIPELINE_WATCH_MAX]; /* entries withdrawn, not looked at yet */
    size_t gone_count;
    struct pipeline_watch watched; /* as the pipeline knows it. Control thread */
};

struct checkpointd;

/* Before the threads. */
void cases_init(struct checkpointd *c);
void cases_free(struct checkpointd *c);
/* Reads the code tables; those in force stay when the file is not good, which is alarmed. Main
 * and control thread; the lanes run. */
void cases_load_codes(struct checkpointd *c);

/* ---- control thread ---- */

/* A hit: puts it on the board, within its bounds, and opens its case; NULL: it alerts nobody. Main
 * thread before the others run, too. */
struct case_slot *cases_take_hit(struct checkpointd *c, json_t *event);
/* An answer that was given without the card: the case it counts for, NULL. Main thread likewise. */
struct case_slot *cases_take_answer(struct checkpointd *c, const json_t *event);
/* The hit with its "handling"; new reference. */
json_t *cases_hit_json(const struct checkpointd *c, json_t *hit);

/* The next look finds something to do. Any thread. */
void cases_look_soon(struct checkpointd *c);
/* Any thread, often: takes what the journal settled, and escalates what is late. */
void cases_look(struct checkpointd *c);
/* An entry was withdrawn: hits on it that are open say so, and nobody stops a vehicle on them any
 * more. Lane thread. */
void cases_withdrawn(void *checkpointd, uint64_t entry);
/* The lane's answer to a release that a rejection asked for. Lane thread. */
void cases_released(struct checkpointd *c, const struct pipeline_act *act,
                    enum lane_reply_kind kind, enum lane_refusal refusal);

/* ---- at the start, before the threads (cases_restore.c) ---- */

enum {
    CASES_KINDS = JOURNAL_KIND_BIT(JOURNAL_HIT) | JOURNAL_KIND_BIT(JOURNAL_HIT_ANSWER) |
                  JOURNAL_KIND_BIT(JOURNAL_HANDLING) | JOURNAL_KIND_BIT(JOURNAL_DECISION)
};
/* One record of the journal, rising. */
void cases_restore(struct checkpointd *c, const struct journal_record *record);

/* ---- acts ---- */

void case_act_show(void *checkpointd, struct control *control, const struct control_call *call);
void case_act_sign(void *checkpointd, struct control *control, const struct control_call *call);
void case_act_confirm(void *checkpointd, struct control *control, const struct control_call *call);
void case_act_reject(void *checkpointd, struct control *control, const struct control_call *call);
void case_act_agree(void *checkpointd, struct control *control, const struct control_call *call);
void case_act_intercept(void *checkpointd, struct control *control,
                        const struct control_call *call);
void case_act_feedback(void *checkpointd, struct control *control, const struct control_call *call);
void case_act_close(void *checkpointd, struct control *control, const struct control_call *call);
void case_act_stop_record(void *checkpointd, struct control *control,
                          const struct control_call *call);
void case_act_codes(void *checkpointd, struct control *control, const struct control_call *call);

/* ---- what the files of the cases share ---- */

struct case_slot *cases_find(struct checkpointd *c, uint64_t hit);
/* The board's hit of the case; borrowed, NULL. */
json_t *cases_hit(const struct checkpointd *c, const struct case_slot *slot);
/* Who did what with the hit's card, by name, as every way to a plate is. False: refused. */
bool cases_record_look(struct checkpointd *c, struct control *control,
                       const struct control_call *call, const char *what,
                       const struct case_slot *slot);
/* The case the call names; NULL: refused, or put off until the step in flight is settled, when
 * `run` is called with it. */
struct case_slot *cases_of_call(struct checkpointd *c, struct control *control,
                                const struct control_call *call,
                                void (*run)(void *, struct control *, const struct control_call *));
/* By this step an answer counts that headquarters learns from. */
bool cases_answer_counts(const struct handling_case *before, const struct handling_case *after);
/* What an officer said of the hit without the card. Its case takes it for its answer where it is
 * the first and needs nobody's word. ERR_FULL, ERR_BUSY: it is not on its way. */
int cases_say(struct checkpointd *c, struct case_slot *slot, const struct control_call *call,
              const struct fact_answer *said, const char *reason) MUST_CHECK;
/* What is answered to who said it. */
json_t *cases_said_json(const struct fact_answer *said);
/* Puts slot->flight on its way. ERR_FULL, ERR_BUSY: it is not. */
int cases_launch(struct checkpointd *c, struct case_slot *slot) MUST_CHECK;
/* What nobody's act made of the case: on record and shown. Not 0: neither, the case as it was. */
int cases_record(struct checkpointd *c, struct case_slot *slot, const struct handling_case *after,
                 const char *what) MUST_CHECK;
/* Hits of withdrawn entries say so; false: not all yet, for want of room at the journal. */
bool cases_mark_withdrawn(struct checkpointd *c);
/* Has the entries of open hits watched, where those have changed. */
void cases_watch(struct checkpointd *c);
struct handling_when cases_now(const struct checkpointd *c);
/* The case of a step that is on record has changed: shown, alarms and deadlines follow. */
void cases_changed(struct checkpointd *c, const struct case_slot *slot);

/* cases_second.c: headquarters is asked, once, about an answer that waits for a second person where
 * nobody on shift can be it, now or since one has signed off; no more about one that does not wait.
 */
void cases_ask_headquarters(struct checkpointd *c, const struct case_slot *slot);
/* Takes what headquarters has said to those that wait; whether some could not be put on record. */
bool cases_hear_headquarters(struct checkpointd *c);

/* cases_join.c: a rejection counts: lets go what it held, looks up what was seen, answers. */
void cases_reject_done(struct checkpointd *c, const struct case_slot *slot);
