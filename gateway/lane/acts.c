/*
 * Officers' acts and the journal's answers. Protective acts run now and are recorded in the same
 * step; releasing acts ask the journal first and are refused while it cannot commit, emergency
 * raise excepted. See lane.h.
 */
#include "gateway/lane/private.h"

/* ---- commits ---- */

bool commit_free(const struct lane_ctx *x)
{
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        if (x->s->commits[i].kind == COMMIT_NONE) {
            return true;
        }
    }
    return false;
}

bool commit_pending(const struct lane_ctx *x, enum lane_commit_kind kind, uint64_t hold)
{
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        if (x->s->commits[i].kind == kind && x->s->commits[i].hold == hold) {
            return true;
        }
    }
    return false;
}

bool commit_ask(struct lane_ctx *x, const struct lane_commit *commit, struct lane_record *record)
{
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        struct lane_commit *slot = &x->s->commits[i];
        if (slot->kind != COMMIT_NONE) {
            continue;
        }
        *slot = *commit;
        slot->id = ++x->s->last_commit;
        record->commit = slot->id;
        record->act = commit->act;
        timer_set(x, TIMER_COMMIT + i, x->c->commit_wait_ms);
        return true;
    }
    return false;
}

static void raise_committed(struct lane_ctx *x, const struct lane_commit *commit)
{
    struct lane_vehicle *v = queue_at_boom(x);
    enum lane_refusal refusal = boom_cannot_raise(x, false);
    if (refusal == LANE_REFUSAL_NONE && x->s->out_of_service) {
        refusal = LANE_REFUSAL_OUT_OF_SERVICE;
    }
    if (refusal == LANE_REFUSAL_NONE && x->s->hold_count > 0) {
        refusal = LANE_REFUSAL_HELD;
    }
    if (refusal == LANE_REFUSAL_NONE && (v ? v->passage : 0) != commit->passage) {
        refusal = LANE_REFUSAL_NOT_CLEAR; /* another vehicle stands there now */
    }
    if (refusal != LANE_REFUSAL_NONE) {
        refuse(x, commit->act, refusal);
        return;
    }
    inspection_over(x, v, commit->act);
    boom_raise(x, LANE_CAUSE_OFFICER, commit->passage, commit->act);
    reply(x, commit->act, LANE_REPLY_DONE, LANE_REFUSAL_NONE);
}

/* A release that was refused does not happen late: the officer was told, the vehicle still stands.
 * The journal has it though, so the hold is put on record again behind it, for a restart. */
static void release_too_late(struct lane_ctx *x, uint64_t id)
{
    const struct lane_hold *hold = hold_find(x, id);
    if (!hold) {
        return;
    }
    bool active = hold >= x->s->holds && hold < x->s->holds + x->s->hold_count;
    hold_record(x, hold, active ? LANE_RECORD_HOLD_KEPT : LANE_RECORD_HOLD_WAITING,
                LANE_CLASS_PROTECTIVE);
}

/* Meanwhile another hit has joined the hold: nobody has spoken of that one yet. */
static bool has_joined(struct lane_ctx *x, const struct lane_commit *commit)
{
    const struct lane_hold *hold = hold_find(x, commit->hold);
    return hold && (hold->hit_count > commit->hit_count || hold->full != commit->full ||
                    hold->priority != commit->priority || hold->by_officer != commit->by_officer);
}

static void committed(struct lane_ctx *x, const struct lane_commit *commit)
{
    switch (commit->kind) {
    case COMMIT_RELEASE:
        if (!hold_find(x, commit->hold)) { /* dropped or withdrawn meanwhile: not by this act */
            refuse(x, commit->act, LANE_REFUSAL_NO_SUCH_HOLD);
            break;
        }
        if (has_joined(x, commit)) {
            release_too_late(x, commit->hold);
            refuse(x, commit->act, LANE_REFUSAL_JOINED);
            break;
        }
        hold_end(x, commit->hold, commit->act);
        reply(x, commit->act, LANE_REPLY_DONE, LANE_REFUSAL_NONE);
        break;
    case COMMIT_WITHDRAW:
        if (has_joined(x, commit)) {
            release_too_late(x, commit->hold);
            hold_end_withdrawn(x); /* that one may be withdrawn by now, too */
        } else {
            hold_end(x, commit->hold, 0);
        }
        break;
    case COMMIT_RAISE:
        raise_committed(x, commit);
        break;
    case COMMIT_LOWER:
        if (boom_may_lower(x)) {
            boom_lower(x);
        } else if (maintained_may_let_go(x)) {
            maintained_let_go(x);
        } else {
            refuse(x, 0, LANE_REFUSAL_NOT_CLEAR);
        }
        break;
    case COMMIT_CONVOY:
        convoy_committed(x, commit);
        break;
    case COMMIT_HAND:
        press_committed(x, commit);
        break;
    case COMMIT_NONE:
        break;
    }
}

static void not_committed(struct lane_ctx *x, const struct lane_commit *commit)
{
    set_alarm(x, EVENT_LANE_COMMIT_REFUSED, true, 0);
    if (commit->kind == COMMIT_WITHDRAW) {
        timer_set(x, TIMER_WITHDRAW, x->c->withdraw_retry_ms);
    } else {
        refuse(x, commit->act, LANE_REFUSAL_JOURNAL);
    }
}

void commit_take(struct lane_ctx *x, uint64_t id, bool done)
{
    for (int i = 0; id != 0 && i < LANE_COMMITS_MAX; i++) {
        if (x->s->commits[i].kind == COMMIT_NONE || x->s->commits[i].id != id) {
            continue;
        }
        struct lane_commit commit = x->s->commits[i];
        bool refused_before = x->s->timer[TIMER_COMMIT + i].ns == INT64_MAX;
        x->s->commits[i] = (struct lane_commit){0};
        timer_off(x, TIMER_COMMIT + i);
        if (done && refused_before && commit.kind == COMMIT_RELEASE) {
            release_too_late(x, commit.hold);
        } else if (done) {
            committed(x, &commit);
        } else if (!refused_before ||
                   commit.kind == COMMIT_WITHDRAW) { /* that one is tried again */
            not_committed(x, &commit);
        }
        return;
    }
}

void commit_tick(struct lane_ctx *x)
{
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        if (!timer_take(x, TIMER_COMMIT + i)) {
            continue;
        }
        struct lane_commit *slot = &x->s->commits[i];
        not_committed(x, slot);
        /* The slot of a hold waits for what the journal still writes; a motion does not happen
         * late. */
        slot->act = 0;
        if (slot->kind == COMMIT_RAISE || slot->kind == COMMIT_LOWER ||
            slot->kind == COMMIT_CONVOY || slot->kind == COMMIT_HAND) {
            *slot = (struct lane_commit){0};
        }
    }
    if (timer_take(x, TIMER_WITHDRAW)) {
        hold_end_withdrawn(x);
    }
}

/* ---- acts ---- */

struct lane_record *act_record(struct lane_ctx *x, const struct lane_act_event *act,
                               enum lane_record_kind kind, enum lane_class class)
{
    struct lane_record *record = add_record(x, kind, class);
    const struct lane_vehicle *v = queue_at_boom(x);
    record->act = act->act;
    record->act_kind = act->kind;
    record->passage = v ? v->passage : 0;
    return record;
}

void act_done(struct lane_ctx *x, const struct lane_act_event *act)
{
    reply(x, act->act, LANE_REPLY_DONE, LANE_REFUSAL_NONE);
}

enum lane_refusal act_cannot_commit(const struct lane_ctx *x)
{
    return !x->s->journal_commits ? LANE_REFUSAL_JOURNAL
           : !commit_free(x)      ? LANE_REFUSAL_BUSY
                                  : LANE_REFUSAL_NONE;
}

/* On nothing but these hits, and entries that were withdrawn. */
static bool rests_on(const struct lane_hold *hold, const struct lane_act_event *act)
{
    bool alone = !hold->by_officer && !hold->full;
    for (uint8_t k = 0; k < hold->hit_count; k++) {
        bool named = (hold->withdrawn & 1u << k) != 0;
        for (uint8_t i = 0; i < act->hit_count; i++) {
            named |= act->hits[i] == hold->hits[k].hit;
        }
        alone &= named;
    }
    return alone;
}

/* The hold of that vehicle, active or waiting; NULL. */
static const struct lane_hold *hold_of_vehicle(struct lane_ctx *x, uint64_t passage)
{
    const struct lane_hold *hold = passage != 0 ? hold_of(x, passage) : NULL;
    for (uint8_t i = 0; !hold && passage != 0 && i < x->s->count; i++) {
        const struct lane_vehicle *v = &x->s->queue[i];
        hold = v->passage == passage && v->hold.id != 0 ? &v->hold : NULL;
    }
    return hold;
}

static enum lane_refusal cannot_release(const struct lane_ctx *x, const struct lane_hold *hold,
                                        const struct lane_act_event *act)
{
    if (!hold) {
        return LANE_REFUSAL_NO_SUCH_HOLD;
    }
    if (!act->named) {
        return LANE_REFUSAL_NOT_NAMED;
    }
    if (act->hit_count > 0 && !rests_on(hold, act)) {
        return LANE_REFUSAL_OTHER_HIT;
    }
    if (act->joins != 0 && act->joins != lane_hold_joins(hold)) {
        return LANE_REFUSAL_JOINED;
    }
    if (hold->priority == 1 && !act->second_person) {
        return LANE_REFUSAL_SECOND_PERSON;
    }
    if (hold->priority == 1 && !act->leader) {
        return LANE_REFUSAL_LEADER;
    }
    if (commit_pending(x, COMMIT_RELEASE, hold->id)) {
        return LANE_REFUSAL_BUSY;
    }
    return act_cannot_commit(x);
}

void act_refuse(struct lane_ctx *x, const struct lane_act_event *act, enum lane_refusal refusal)
{
    if (refusal == LANE_REFUSAL_JOURNAL) {
        set_alarm(x, EVENT_LANE_COMMIT_REFUSED, true, 0);
    }
    refuse(x, act->act, refusal);
}

void act_name_hits(const struct lane_ctx *x, struct lane_record *record)
{
    const struct lane_vehicle *v = queue_at_boom(x);
    record->passage = v ? v->passage : 0;
    record->hit_count = v ? v->hit_count : 0;
    for (uint8_t i = 0; i < record->hit_count; i++) {
        record->hits[i] = v->hits[i].hit;
    }
}

void act_ask(struct lane_ctx *x, const struct lane_commit *commit, struct lane_record *record)
{
    bool asked = commit_ask(x, commit, record);
    reply(x, commit->act, asked ? LANE_REPLY_PENDING : LANE_REPLY_REFUSED,
          asked ? LANE_REFUSAL_NONE : LANE_REFUSAL_BUSY);
}

static void act_release(struct lane_ctx *x, const struct lane_act_event *act)
{
    const struct lane_hold *hold =
        act->hit_count > 0 ? hold_of_vehicle(x, act->passage) : hold_find(x, act->hold);
    enum lane_refusal refusal = cannot_release(x, hold, act);
    if (refusal != LANE_REFUSAL_NONE) {
        act_refuse(x, act, refusal);
        return;
    }
    hold_record(x, hold, LANE_RECORD_HOLD_RELEASE, LANE_CLASS_RELEASING);
    struct lane_commit commit = hold_question(hold, COMMIT_RELEASE, act->act);
    act_ask(x, &commit, &x->out->records[x->out->record_count - 1]);
}

bool act_raise_releases(const struct lane_ctx *x)
{
    const struct lane_vehicle *v = queue_at_boom(x);
    return v ? v->open_hit || naming_due(x) : has_alarm(x, EVENT_LANE_CONFIRM_VEHICLE);
}

static enum lane_refusal cannot_raise(const struct lane_ctx *x, const struct lane_act_event *act)
{
    enum lane_refusal refusal = boom_cannot_raise(x, false);
    if (refusal == LANE_REFUSAL_NONE && x->s->out_of_service) {
        refusal = LANE_REFUSAL_OUT_OF_SERVICE; /* somebody may work at the barrier */
    }
    if (refusal == LANE_REFUSAL_NONE && x->s->hold_count > 0) {
        refusal = LANE_REFUSAL_HELD;
    }
    if (refusal == LANE_REFUSAL_NONE && inspection_due(x, queue_at_boom(x)) && !act->named) {
        refusal = LANE_REFUSAL_NOT_NAMED;
    }
    if (refusal == LANE_REFUSAL_NONE && act_raise_releases(x)) {
        refusal = act->named ? act_cannot_commit(x) : LANE_REFUSAL_NOT_NAMED;
    }
    return refusal;
}

static void act_raise(struct lane_ctx *x, const struct lane_act_event *act)
{
    enum lane_refusal refusal = cannot_raise(x, act);
    if (refusal != LANE_REFUSAL_NONE) {
        act_refuse(x, act, refusal);
        return;
    }
    struct lane_vehicle *v = queue_at_boom(x);
    uint64_t passage = v ? v->passage : 0;
    if (!act_raise_releases(x)) {
        (void)act_record(x, act, LANE_RECORD_ACT, LANE_CLASS_ROUTINE);
        inspection_over(x, v, act->act);
        boom_raise(x, LANE_CAUSE_OFFICER, passage, act->act);
        act_done(x, act);
        return;
    }
    struct lane_record *record = act_record(x, act, LANE_RECORD_RAISE, LANE_CLASS_RELEASING);
    act_name_hits(x, record);
    struct lane_commit commit = {.kind = COMMIT_RAISE, .act = act->act, .passage = passage};
    act_ask(x, &commit, record);
}

static void act_emergency_raise(struct lane_ctx *x, const struct lane_act_event *act)
{
    enum lane_refusal refusal = boom_cannot_raise(x, true);
    if (refusal != LANE_REFUSAL_NONE) {
        act_refuse(x, act, refusal);
        return;
    }
    (void)act_record(x, act, LANE_RECORD_ACT, LANE_CLASS_PROTECTIVE);
    boom_raise(x, LANE_CAUSE_EMERGENCY, 0, act->act);
    act_done(x, act);
}

static void act_stop(struct lane_ctx *x, const struct lane_act_event *act)
{
    (void)act_record(x, act, LANE_RECORD_ACT, LANE_CLASS_PROTECTIVE);
    x->s->stopped = true;
    x->s->go = false;
    set_alarm(x, EVENT_LANE_STOPPED, true, 0);
    boom_stop(x, LANE_CAUSE_OFFICER, act->act);
    act_done(x, act);
}

/* An acknowledgement would reset the emergency stop: it is released, as the module says. */
static bool resets_stop(const struct lane_ctx *x)
{
    return has_alarm(x, EVENT_LANE_STOP_NOT_RESET) && x->s->contact &&
           !input_on(x, INPUT_EMERGENCY_STOP);
}

/* From here the lane moves by itself again, but not by the reset: whoever stands there is raised
 * for by hand, and an open boom is not lowered. */
static void reset_stop(struct lane_ctx *x, const struct lane_act_event *act)
{
    struct lane_vehicle *v = queue_at_boom(x);
    (void)act_record(x, act, LANE_RECORD_STOP_RESET, LANE_CLASS_PROTECTIVE);
    set_alarm(x, EVENT_LANE_STOP_NOT_RESET, false, 0);
    x->s->lower_blocked = true;
    if (v) {
        v->was_held = true;
    }
}

/* Alarms that stay until somebody has looked. */
static void act_ack(struct lane_ctx *x, const struct lane_act_event *act)
{
    static const enum log_event_id latched[] = {
        EVENT_LANE_CONFIRM_VEHICLE, EVENT_LANE_FOREIGN_MOTION,    EVENT_LANE_ORDER_FAILED,
        EVENT_LANE_UNCONFIRMED,     EVENT_LANE_HELD_VEHICLE_GONE, EVENT_LANE_COMMIT_REFUSED,
        EVENT_LANE_CONVOY_HIT};
    if (resets_stop(x) && !act->named) {
        act_refuse(x, act, LANE_REFUSAL_NOT_NAMED);
        return;
    }
    (void)act_record(x, act, LANE_RECORD_ACT, LANE_CLASS_PROTECTIVE);
    if (resets_stop(x)) {
        reset_stop(x, act);
    }
    for (size_t i = 0; i < sizeof(latched) / sizeof(latched[0]); i++) {
        set_alarm(x, latched[i], false, 0);
    }
    if (!input_on(x, INPUT_OBSTACLE) && !input_on(x, INPUT_PRESENCE)) {
        set_alarm(x, EVENT_LANE_OBSTACLE, false, 0);
    }
    if (!input_on(x, INPUT_BOOM_OFF)) {
        set_alarm(x, EVENT_LANE_RUN_THROUGH, false, 0);
    }
    safety_inputs_ack(x);
    sirens_off(x);
    queue_confirm(x);
    act_done(x, act);
}

void act_take(struct lane_ctx *x, const struct lane_act_event *act)
{
    switch (act->kind) {
    case LANE_ACT_HOLD:
        hold_by_officer(x, act->act);
        act_done(x, act);
        break;
    case LANE_ACT_RELEASE:
        act_release(x, act);
        break;
    case LANE_ACT_RAISE:
        act_raise(x, act);
        break;
    case LANE_ACT_EMERGENCY_RAISE:
        act_emergency_raise(x, act);
        break;
    case LANE_ACT_STOP:
        act_stop(x, act);
        break;
    case LANE_ACT_ACK:
        act_ack(x, act);
        break;
    case LANE_ACT_INSPECTED:
        inspection_act(x, act);
        break;
    case LANE_ACT_CONVOY:
        convoy_act(x, act);
        break;
    case LANE_ACT_CONVOY_END:
        convoy_end_act(x, act);
        break;
    case LANE_ACT_OUT_OF_SERVICE:
    case LANE_ACT_IN_SERVICE:
    case LANE_ACT_TEST_RAISE:
    case LANE_ACT_TEST_STOP:
    case LANE_ACT_TEST_LOWER:
        service_act(x, act);
        break;
    case LANE_ACT_LOWER:
        press_act(x, act);
        break;
    case LANE_ACT_COUNT:
        break;
    }
}
