/*
 * What the files of the lane share: one step's context and the verbs each part offers the others.
 * Internal to gateway/lane.
 */
#pragma once

#include <stddef.h>

#include "gateway/lane/lane.h"

struct lane_ctx {
    const struct lane_config *c;
    struct lane_state *s;
    struct mono_time now;
    struct lane_actions *out;
};

/* ---- step.c: timers and actions ---- */

void timer_set(struct lane_ctx *x, int timer, uint32_t ms);
void timer_off(struct lane_ctx *x, int timer);
bool timer_running(const struct lane_ctx *x, int timer); /* set and not yet due */
/* True once: when it is set and due; it is off then. */
bool timer_take(struct lane_ctx *x, int timer);

/* Returns the order's id. Pulses of 0 ms hold the level. */
uint64_t give_order(struct lane_ctx *x, const struct lane_command *command);
struct lane_record *add_record(struct lane_ctx *x, enum lane_record_kind kind,
                               enum lane_class class);
/* Reported when it changes; `passage` goes with the report only. */
void set_alarm(struct lane_ctx *x, enum log_event_id event, bool active, uint64_t passage);
bool has_alarm(const struct lane_ctx *x, enum log_event_id event);
void reply(struct lane_ctx *x, uint64_t act, enum lane_reply_kind kind, enum lane_refusal refusal);
/* Reply and record of an act that was not done. */
void refuse(struct lane_ctx *x, uint64_t act, enum lane_refusal refusal);

static inline bool input_on(const struct lane_ctx *x, enum lane_input input)
{
    return (x->s->inputs & INPUT_BIT(input)) != 0;
}
static inline bool is_wired(const struct lane_ctx *x, enum lane_input input)
{
    return (x->c->wired & INPUT_BIT(input)) != 0;
}
static inline bool output_wired(const struct lane_ctx *x, enum lane_output output)
{
    return (x->c->outputs_wired & OUTPUT_BIT(output)) != 0;
}
static inline bool has_boom(const struct lane_ctx *x)
{
    return output_wired(x, OUTPUT_RAISE);
}

/* ---- inputs.c: scans ---- */

void inputs_scan(struct lane_ctx *x, const struct lane_scan *scan);
void inputs_tick(struct lane_ctx *x);

/* ---- boom.c, boom_watch.c, boom_decide.c ---- */

bool boom_limits_contradict(const struct lane_ctx *x);
bool boom_at_fault(const struct lane_ctx *x);
bool boom_is_emergency(enum lane_cause cause); /* goes through under a fault (rule 3) */
void boom_coil_off(struct lane_ctx *x, enum lane_output output, enum lane_cause cause);
bool boom_has_open_limit(const struct lane_ctx *x);
bool boom_has_closed_limit(const struct lane_ctx *x);
/* Fully open, by its limit switch or, where it has none, by travel time. */
bool boom_is_up(const struct lane_ctx *x);
/* Up, and nothing of ours is needed to keep it so. */
bool boom_stays_up(const struct lane_ctx *x);
/* From now on its own controller may begin to close it, for the declared time. */
void boom_may_close_from_now(struct lane_ctx *x);
/* Something moved or was energised without an order: alarm, record, stop (rule 8). */
void boom_foreign_motion(struct lane_ctx *x, bool guard_acted);
/* No motion of ours is going on any more. */
void boom_motion_over(struct lane_ctx *x);

void boom_contact_gained(struct lane_ctx *x);
void boom_contact_lost(struct lane_ctx *x);
/* `before`: raw inputs of the scan before. */
void boom_scan(struct lane_ctx *x, const struct lane_scan *scan, uint32_t before);
void boom_tick(struct lane_ctx *x);
void boom_outcome(struct lane_ctx *x, const struct lane_outcome *outcome);
void boom_raise(struct lane_ctx *x, enum lane_cause cause, uint64_t passage, uint64_t act);
void boom_stop(struct lane_ctx *x, enum lane_cause cause, uint64_t act);
/* Why no raise can be ordered now; LANE_REFUSAL_NONE: it can. */
enum lane_refusal boom_cannot_raise(const struct lane_ctx *x, bool emergency);
/* Opens for a cleared vehicle, asks to lower behind one (rule 7), when everything says so. */
void boom_decide(struct lane_ctx *x);
bool boom_may_lower(const struct lane_ctx *x);
/* The way under it is known to be clear and nothing stands against a closing; rule 7 apart. */
bool boom_may_come_down(const struct lane_ctx *x);
void boom_lower(struct lane_ctx *x);
enum boom_state boom_state_of(const struct lane_ctx *x);

/* A cleared vehicle stands at the boom, and nothing withholds its raise. */
bool boom_raise_is_due(const struct lane_ctx *x);
/* The answer to a beat: begins a lower by hand, or renews it. */
void boom_lower_by_hand(struct lane_ctx *x, uint64_t act);

/* ---- press.c: lowering by hand, hold-to-run ---- */

void press_act(struct lane_ctx *x, const struct lane_act_event *act);
void press_committed(struct lane_ctx *x, const struct lane_commit *commit);
void press_beat(struct lane_ctx *x, const struct lane_beat_event *beat);
/* Over, for whatever reason: what it lowers is stopped. */
void press_end(struct lane_ctx *x, enum lane_refusal why);
void press_tick(struct lane_ctx *x);
/* Ends it when anything stands against it any more. */
void press_decide(struct lane_ctx *x);
/* The guard has stopped what nobody renewed. */
void press_stopped(struct lane_ctx *x);

/* ---- maintained.c: a raise contact that is kept energised ---- */

/* The contact as read back, against what was ordered. */
void maintained_watch(struct lane_ctx *x, bool guard_acted);
/* Emergency stop and local control: the barrier's own hardware holds the boom. */
void maintained_hands_off(struct lane_ctx *x);
bool maintained_may_let_go(const struct lane_ctx *x);
void maintained_let_go(struct lane_ctx *x); /* after the commit */
/* True when it was the outcome of a release. */
bool maintained_outcome(struct lane_ctx *x, const struct lane_outcome *outcome);

/* ---- queue.c, passage.c: vehicles between camera and exit ---- */

/* Another vehicle fits between the camera's read point and the stop line. */
bool queue_is_far(const struct lane_ctx *x);
bool queue_is_direct(const struct lane_ctx *x); /* the camera looks at the boom itself */
void queue_passage(struct lane_ctx *x, const struct lane_passage_event *event);
void queue_seen_at_boom(struct lane_ctx *x, uint64_t passage);
/* Raw inputs that became active, all that are when contact comes back: a held vehicle past the exit
 * is told on the scan that shows it. */
void queue_watch_held(struct lane_ctx *x, uint32_t rose);
/* `rose`, `fell`: debounced inputs that changed. */
void queue_loops(struct lane_ctx *x, uint32_t rose, uint32_t fell);
void queue_tick(struct lane_ctx *x);
void queue_lose_order(struct lane_ctx *x);
/* Nothing unseen can be on its way after the settling time from now. */
void queue_settle(struct lane_ctx *x);
/* An officer has looked: the order counts from here. */
void queue_confirm(struct lane_ctx *x);
void queue_withdraw(struct lane_ctx *x, uint64_t entry);
/* The vehicle at the stop line, NULL when none is known there. */
struct lane_vehicle *queue_at_boom(const struct lane_ctx *x);
/* The vehicle at the boom was seen behind it; the one at the stop line may be the next. */
bool queue_has_passed(const struct lane_ctx *x);

/* What passage.c needs of it. */

enum { AT_THE_BOOM = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_EXIT_LOOP) };

struct lane_vehicle *queue_find(const struct lane_ctx *x, uint64_t passage); /* NULL: none */
struct lane_vehicle *queue_add(struct lane_ctx *x, uint64_t passage);
void queue_drop_first(struct lane_ctx *x);
void queue_first_at_boom(struct lane_ctx *x);
void queue_watch_transit(struct lane_ctx *x);
bool vehicle_wants_hold(const struct lane_vehicle *v);
void queue_place_hold(struct lane_ctx *x, struct lane_vehicle *v);
void queue_drop_hold(struct lane_ctx *x, struct lane_vehicle *v);
void queue_ask_to_confirm(struct lane_ctx *x, uint64_t passage);

/* ---- holds.c ---- */

void hold_activate(struct lane_ctx *x, const struct lane_hold *hold);
void hold_restore(struct lane_ctx *x, const struct lane_restore_event *event);
void hold_by_officer(struct lane_ctx *x, uint64_t act);
uint64_t hold_new_id(struct lane_ctx *x); /* of no other hold of any lane */
/* Whether the hold stands for more now. */
bool hold_add_hits(struct lane_hold *hold, const struct lane_hit *hits, uint8_t count);
/* The same with hits there is no room for, by their top priority; 0: none. */
bool hold_add_beyond(struct lane_hold *hold, uint8_t priority);
/* Holding hits that are new to an open hold, and those of its vehicle that found no room; recorded.
 */
void hold_join(struct lane_ctx *x, struct lane_hold *hold, const struct lane_hit *hits,
               uint8_t count, uint8_t beyond);
void hold_record(struct lane_ctx *x, const struct lane_hold *hold, enum lane_record_kind kind,
                 enum lane_class class);
/* The active or waiting hold of that id, NULL: none. */
struct lane_hold *hold_find(struct lane_ctx *x, uint64_t id);
/* The active hold of this passage's vehicle; passage 0: of one nobody knows. NULL: none. */
struct lane_hold *hold_of(struct lane_ctx *x, uint64_t passage);
void hold_withdraw(struct lane_ctx *x, uint64_t entry);
/* After the commit: the hold is over, its vehicle settled. Nothing moves by itself. */
void hold_end(struct lane_ctx *x, uint64_t id, uint64_t act);
/* Asks the journal for the end of every hold whose entries are all withdrawn. */
void hold_end_withdrawn(struct lane_ctx *x);
/* To the journal, whether the hold may end as it stands now. */
struct lane_commit hold_question(const struct lane_hold *hold, enum lane_commit_kind kind,
                                 uint64_t act);
/* Siren and strobe, once a vehicle. */
void hold_announce(struct lane_ctx *x, struct lane_vehicle *vehicle);

/* ---- acts.c: officers and the journal's answers ---- */

void act_take(struct lane_ctx *x, const struct lane_act_event *event);
/* Asks the journal; the record's commit number is filled in. False: the table is full. */
bool commit_ask(struct lane_ctx *x, const struct lane_commit *commit, struct lane_record *record);
bool commit_pending(const struct lane_ctx *x, enum lane_commit_kind kind, uint64_t hold);
bool commit_free(const struct lane_ctx *x);
void commit_take(struct lane_ctx *x, uint64_t id, bool done);
void commit_tick(struct lane_ctx *x);

/* An officer's act on record; the vehicle at the boom goes with it. */
struct lane_record *act_record(struct lane_ctx *x, const struct lane_act_event *act,
                               enum lane_record_kind kind, enum lane_class class);
void act_done(struct lane_ctx *x, const struct lane_act_event *act);
void act_refuse(struct lane_ctx *x, const struct lane_act_event *act, enum lane_refusal refusal);
enum lane_refusal act_cannot_commit(const struct lane_ctx *x);
/* Puts the hits of the vehicle at the boom on a releasing record. */
void act_name_hits(const struct lane_ctx *x, struct lane_record *record);
/* Asks the journal and replies: pending, or refused when the table is full. */
void act_ask(struct lane_ctx *x, const struct lane_commit *commit, struct lane_record *record);
/* A raise now would let go a vehicle with an open hit, or one nobody knows while an alert is open.
 */
bool act_raise_releases(const struct lane_ctx *x);

/* ---- convoy.c ---- */

static inline bool convoy_on(const struct lane_ctx *x)
{
    return x->s->convoy_act != 0;
}
void convoy_act(struct lane_ctx *x, const struct lane_act_event *act);
void convoy_committed(struct lane_ctx *x, const struct lane_commit *commit);
void convoy_end_act(struct lane_ctx *x, const struct lane_act_event *act);
/* `act` 0: the lane ends it. Without a convoy nothing. */
void convoy_end(struct lane_ctx *x, uint64_t act);
void convoy_tick(struct lane_ctx *x);
/* Keeps the boom up, or ends the convoy when something says so. */
void convoy_decide(struct lane_ctx *x);
/* Tells of a vehicle that would be held. */
void convoy_hit(struct lane_ctx *x, struct lane_vehicle *v);

/* ---- service.c: out of service, guided test ---- */

void service_act(struct lane_ctx *x, const struct lane_act_event *act);
void service_restore(struct lane_ctx *x, const struct lane_restore_service_event *event);

/* ---- inspection.c ---- */

bool inspection_due(const struct lane_ctx *x, const struct lane_vehicle *v); /* v may be NULL */
void inspection_act(struct lane_ctx *x, const struct lane_act_event *act);
/* An officer let it through: that ends the inspection. */
void inspection_over(struct lane_ctx *x, struct lane_vehicle *v, uint64_t act);
void inspection_decide(struct lane_ctx *x);

/* ---- safety_inputs.c: fire raise, panic, cabinet, mains ---- */

/* `rose`: debounced inputs that became active. */
void safety_inputs_follow(struct lane_ctx *x, uint32_t rose);
void safety_inputs_ack(struct lane_ctx *x);
void fire_decide(struct lane_ctx *x);
static inline bool mains_lost(const struct lane_ctx *x)
{
    return x->s->contact && is_wired(x, INPUT_MAINS_OK) && !input_on(x, INPUT_MAINS_OK);
}

/* ---- unread.c: who stands here unread, who is blocked ---- */

void unread_tick(struct lane_ctx *x);
void unread_decide(struct lane_ctx *x);

/* ---- naming.c: who stands at the boom while one that is to be held waits behind ---- */

/* The vehicle at the boom may be another than the order says: it is not let through unnamed. */
bool naming_due(const struct lane_ctx *x);
void naming_seen(struct lane_vehicle *v);
void naming_tick(struct lane_ctx *x);
void naming_decide(struct lane_ctx *x);

/* ---- lights.c ---- */

void lights_decide(struct lane_ctx *x);
void lights_tick(struct lane_ctx *x);
/* De-energises what still sounds or flashes. */
void sirens_off(struct lane_ctx *x);
