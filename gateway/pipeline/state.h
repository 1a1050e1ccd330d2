/*
 * What the files of the pipeline share: its state and the steps between them. Internal.
 */
#pragma once

#include "gateway/pipeline/pipeline.h"
#include "gateway/pipeline/vehicles.h"

enum {
    MATCHD_ALARMS_MAX = 40,
    ACTS_OPEN_MAX = 32,
    DEFERRED_MAX = 64,
    SECOND_MS = 1000,
    MINUTE_MS = 60 * 1000
};

struct open_act {
    uint64_t act; /* 0 = free */
    struct pipeline_act request;
};

struct lane_slot {
    struct pipeline_lane options;
    struct lane_state state;
    struct vehicles vehicles;
    struct captures captures;
    struct sign sign;
    struct mono_time hour_ends; /* of captures; ns = 0: none runs */
    struct fact_doing doing;
    bool doing_changed;   /* and no status says so yet */
    struct open_act hand; /* the newest lower by hand: its orders follow its answer */
    uint64_t hand_told;   /* the act whose first order is on record … */
    uint64_t renewal;     /* … and its newest order, which says nothing new */
    bool list_usable;
    bool list_told; /* the lane was told, even that there is none */
    /* Unauthenticated passages without a hit. */
    struct mono_time second_ends;
    uint32_t in_second;
    struct mono_time minute_ends; /* ns = 0: nothing suppressed */
    uint32_t suppressed;
    struct plate_read suppressed_first;
};

struct deferred {
    uint8_t lane;
    struct lane_event event;
};

/* An alarm matchd raised. After a new connection it names again those that still stand. */
struct matchd_alarm {
    uint32_t event; /* 0 = free */
    bool unconfirmed;
};

struct pipeline {
    struct pipeline_sinks sinks;
    struct lane_slot lanes[PIPELINE_LANES_MAX];
    size_t lane_count;
    uint64_t last_id; /* of passages, hits and acts */
    struct rule_set *rules;
    struct list_status list;
    struct list_status list_high; /* the highest revision ever in force here */
    bool rolled_back;             /* the list in force is below it … */
    bool other_list;              /* … or another one of that revision */
    struct policy_status policy;
    bool policy_known;                /* matchd said it */
    struct policy_status policy_high; /* the newest ever in force here */
    bool policy_rolled_back;
    struct exempt_list *exempt;       /* narrowed to this checkpoint; NULL: none */
    struct exempt_status exempt_high; /* revision and hash of the newest ever in force here */
    bool exempt_rolled_back;
    uint32_t exempt_in_force;
    struct mono_time exempt_due; /* an exempt vehicle's entry ends; ns = INT64_MAX: none does */
    struct verdicts verdicts;
    struct lookouts lookouts;
    struct self_test self_test;
    struct fact_clock clock;
    bool link_up;
    struct matchd_alarm matchd_alarms[MATCHD_ALARMS_MAX];
    struct open_act acts[ACTS_OPEN_MAX];
    struct pipeline_watch dealt_with; /* entries of hits on the board */
    struct match_query watch;         /* as matchd knows it */
    struct match_query watch_next;    /* being made; too large for each step to clear */
    struct pipeline_stats stats;
    struct mono_time now; /* of the event being handled */
    struct wall_time wall;
    struct fact fact;            /* being built */
    struct lane_actions actions; /* of the step being carried out */
    /* Answers the lanes get after the step that caused them, never inside it. */
    struct deferred deferred[DEFERRED_MAX];
    size_t deferred_count;
};

/* carry_out.c */

/* The fact to be filled in and sent; valid until the next one is begun. */
struct fact *begin_fact(struct pipeline *p, enum fact_kind kind, uint8_t lane);
/* Counts a fact the recorder had no room for. Returns what the sink returned: only a caller whose
 * fact somebody waits for has to look. */
int send_fact(struct pipeline *p);
/* Holds, out of service, an emergency stop to reset: on record once more. */
int say_standing(struct pipeline *p, struct lane_slot *slot);
void raise_alarm(struct pipeline *p, uint8_t lane, enum log_event_id event, bool active,
                 uint64_t passage, const char *detail);
/* Raise, lower, stop: always recorded; lights are not, one by one. */
bool is_boom(enum lane_output output);
/* The vehicle's reads and plates into the fact being built. */
void fill_evidence(struct fact *fact, const struct vehicle *vehicle);
struct lane_slot *find_lane(struct pipeline *p, uint8_t lane);
/* One event of one lane: orders leave before anything is recorded. */
void step(struct pipeline *p, struct lane_slot *slot, const struct lane_event *event);
void step_all(struct pipeline *p, const struct lane_event *event);
/* Gives the lanes what earlier steps deferred; each answer may defer another, up to a bound. */
void step_deferred(struct pipeline *p);

/* doing.c: who set what, for the status. */

void doing_init(struct fact_doing *doing);
void doing_ordered(struct lane_slot *slot, const struct lane_command *command,
                   const struct fact_actor *actor, struct wall_time wall);
void doing_recorded(struct lane_slot *slot, const struct lane_record *record,
                    const struct fact_actor *actor, struct wall_time wall);
void doing_alarmed(struct lane_slot *slot, const struct lane_alarm *alarm, struct wall_time wall);

/* capture_ratio.c */

/* Vehicles that left since the last scan. */
void count_leaving(struct pipeline *p, struct lane_slot *slot);
/* The vehicle was read: counted once. */
void count_captured(struct pipeline *p, struct lane_slot *slot, struct vehicle *vehicle);
/* At slot->hour_ends at the latest. */
void end_capture_hour(struct pipeline *p, struct lane_slot *slot);

/* policy.c */

void take_policy(struct pipeline *p, const struct policy_status *policy);

/* self_test.c */

/* checkpoint-matchd's answer. */
void self_test_take(struct pipeline *p, const struct match_packet *packet);
void self_test_committed(struct pipeline *p, uint64_t number, bool done, uint64_t sequence);
void self_test_confirmed(struct pipeline *p, uint64_t sequence);
/* Another list is in force, or checkpoint-matchd is there again: one that could not be done, or
 * failed, is done at once. */
void self_test_changed(struct pipeline *p);
/* At self_test_deadline() at the latest. */
void self_test_look(struct pipeline *p);
struct mono_time self_test_deadline(const struct pipeline *p);

/* exempt.c */

/* Takes it over; NULL: there is none any more. */
void take_exempt(struct pipeline *p, struct exempt_list *list);
/* Whether the vehicle is exempt now, into v->exempt. */
void exempt_judge(struct pipeline *p, const struct lane_slot *slot, struct vehicle *v);
/* Puts v->exempt on record when it changed; after the lane's step. */
void record_exempt(struct pipeline *p, const struct lane_slot *slot, struct vehicle *v);
/* What time, the clock's trust or another list has changed: the lanes are told at once. */
void exempt_look(struct pipeline *p);
void exempt_free(struct pipeline *p);

/* reads.c */

void take_list(struct pipeline *p, const struct list_status *list);
/* Tells the lanes when the list became usable or too old for them. */
void update_usable(struct pipeline *p);
/* Loops and boom of the lane as they are now, for the vehicles. */
void follow_vehicles(struct pipeline *p, struct lane_slot *slot, struct lane_status *out_status);
void take_read(struct pipeline *p, const struct match_packet *packet);
/* What the rules say of the packet's first hit; nothing is carried out, nothing counted. */
void judge_self_test(struct pipeline *p, const struct match_packet *packet, struct decision *out);
void flush_suppressed(struct pipeline *p, struct lane_slot *slot);
