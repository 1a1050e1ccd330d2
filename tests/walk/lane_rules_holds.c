/*
 * Rule 5 and what stands beside it over one step: holds, the questions to the journal, who may be
 * opened for, the order of vehicles, lamps. See lane_walk.h.
 */
#include "lane_walk.h"

enum {
    LOOPS = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_EXIT_LOOP) | INPUT_BIT(INPUT_ENTRY_LOOP),
    HANDS_OFF = INPUT_BIT(INPUT_LOCAL_CONTROL) | INPUT_BIT(INPUT_EMERGENCY_STOP),
    LAMP_RED = 1,
    LAMP_YELLOW = 2,
    LAMP_GREEN = 4
};

static bool is_due(const struct walk_step *w, int timer)
{
    return (w->due >> timer & 1) != 0;
}

static bool is_act(const struct walk_step *w, enum lane_act_kind kind)
{
    return w->event->kind == LANE_EVENT_ACT && w->event->u.act.kind == kind;
}

static const struct lane_vehicle *at_boom(const struct lane_state *s)
{
    return s->order_known && s->arrived > 0 ? &s->queue[0] : NULL;
}

static const struct lane_vehicle *vehicle_of(const struct lane_state *s, uint64_t passage)
{
    for (int i = 0; passage != 0 && i < s->count; i++) {
        if (s->queue[i].passage == passage) {
            return &s->queue[i];
        }
    }
    return NULL;
}

static const struct lane_hold *active_hold(const struct lane_state *s, uint64_t id)
{
    for (int i = 0; i < s->hold_count; i++) {
        if (s->holds[i].id == id) {
            return &s->holds[i];
        }
    }
    return NULL;
}

static bool has_open_hit(const struct lane_vehicle *v)
{
    for (int i = 0; i < v->hit_count; i++) {
        if (!(v->withdrawn & (1u << i))) {
            return true;
        }
    }
    return false;
}

static bool is_withdrawn(const struct lane_vehicle *v, uint64_t hit)
{
    for (int i = 0; i < v->hit_count; i++) {
        if (v->hits[i].hit == hit && (v->withdrawn & (1u << i))) {
            return true;
        }
    }
    return false;
}

static bool hold_has(const struct lane_hold *hold, uint64_t hit)
{
    for (int i = 0; i < hold->hit_count; i++) {
        if (hold->hits[i].hit == hit) {
            return true;
        }
    }
    return false;
}

/* The question that is answered with yes, in time. */
static const struct lane_commit *granted(const struct walk_step *w)
{
    for (int i = 0; w->event->kind == LANE_EVENT_COMMIT && i < LANE_COMMITS_MAX; i++) {
        const struct lane_commit *c = &w->before->commits[i];
        bool told = w->before->timer[TIMER_COMMIT + i].ns == INT64_MAX;
        if (c->kind != COMMIT_NONE && c->id == w->event->u.commit.commit &&
            w->event->u.commit.done && (!told || c->kind == COMMIT_WITHDRAW)) {
            return c;
        }
    }
    return NULL;
}

/* ---- questions to the journal ---- */

static const char *may_ask(const struct walk_step *w, const struct lane_record *r)
{
    const struct lane_act_event *act = &w->event->u.act;
    const struct lane_hold *hold;
    RULE(w->after->journal_commits, "rule 5: a question while the journal cannot commit");
    switch ((int)r->kind) {
    case LANE_RECORD_HOLD_RELEASE:
        RULE(is_act(w, LANE_ACT_RELEASE) && act->hold == r->hold, "rule 5: a release nobody asked");
        RULE(act->named, "rule 5: a release without a named officer");
        RULE(r->priority != 1 || act->second_person, "rule 5: priority 1 without a second person");
        RULE(r->priority != 1 || act->leader, "rule 5: priority 1 without a leader");
        return NULL;
    case LANE_RECORD_HOLD_WITHDRAW:
        hold = active_hold(w->after, r->hold);
        RULE(hold && !hold->by_officer && hold->hit_count > 0,
             "rule 5: an officer's hold ends by withdrawal");
        for (int i = 0; i < hold->hit_count; i++) {
            RULE(hold->withdrawn & (1u << i), "rule 5: a hold ends, and an entry stands");
        }
        return NULL;
    case LANE_RECORD_RAISE:
        RULE(is_act(w, LANE_ACT_RAISE) && act->named, "rule 5: a raise without a named officer");
        return NULL;
    case LANE_RECORD_LOWER:
        RULE(w->next->passed && w->next->raised && !w->next->unclear,
             "rule 7: a lower is asked for that may not be");
        RULE(w->config->raise_maintained || (w->config->lower_automatically && w->next->guided),
             "rule 7: a lower is asked for, not declared");
        return NULL;
    case LANE_RECORD_CONVOY:        /* lane_rules_modes.c */
    case LANE_RECORD_LOWER_BY_HAND: /* lane_rules_hand.c */
        return NULL;
    default:
        return "a record that needs no commit has one";
    }
}

static bool has_slot(const struct lane_state *s, uint64_t id)
{
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        if (s->commits[i].kind != COMMIT_NONE && s->commits[i].id == id) {
            return timer_runs(s, TIMER_COMMIT + i);
        }
    }
    return false;
}

static const char *questions(const struct walk_step *w)
{
    for (uint32_t i = 0; i < w->out->record_count; i++) {
        const struct lane_record *r = &w->out->records[i];
        bool releasing = r->kind == LANE_RECORD_HOLD_RELEASE ||
                         r->kind == LANE_RECORD_HOLD_WITHDRAW || r->kind == LANE_RECORD_RAISE ||
                         r->kind == LANE_RECORD_LOWER || r->kind == LANE_RECORD_CONVOY ||
                         r->kind == LANE_RECORD_LOWER_BY_HAND;
        RULE(releasing == (r->commit != 0), "rule 5: a releasing record without its commit");
        RULE(releasing == (r->class == LANE_CLASS_RELEASING), "a record's class");
        if (!releasing) {
            continue;
        }
        RULE(has_slot(w->after, r->commit), "rule 5: a question without a deadline");
        const char *violation = may_ask(w, r);
        if (violation) {
            return violation;
        }
    }
    return NULL;
}

/* ---- how holds begin and end ---- */

/* Since the journal was asked for its end. */
static bool has_grown(const struct lane_hold *hold, const struct lane_commit *asked)
{
    return hold->hit_count > asked->hit_count || hold->full != asked->full ||
           hold->priority != asked->priority || hold->by_officer != asked->by_officer;
}

static const char *holds_end(const struct walk_step *w)
{
    const struct lane_commit *yes = granted(w);
    for (int i = 0; i < w->before->hold_count; i++) {
        const struct lane_hold *was = &w->before->holds[i];
        const struct lane_hold *is = active_hold(w->after, was->id);
        if (!is) {
            RULE(yes && yes->hold == was->id &&
                     (yes->kind == COMMIT_RELEASE || yes->kind == COMMIT_WITHDRAW),
                 "rule 5: a hold ends without its commit");
            RULE(record_of(w->out, LANE_RECORD_HOLD_ENDED), "rule 5: an end nobody is told");
            RULE(!has_grown(was, yes), "rule 5: a hold ends, and a hit has joined it meanwhile");
            continue;
        }
        RULE(is->by_officer || !was->by_officer, "rule 5: an officer's hold becomes another");
        RULE(is->priority <= was->priority, "rule 5: a hold's priority sinks");
        for (int k = 0; k < was->hit_count; k++) {
            bool withdrawn = w->event->kind == LANE_EVENT_WITHDRAWAL &&
                             was->hits[k].entry == w->event->u.withdrawn_entry;
            bool before = (was->withdrawn >> k & 1) != 0, after = (is->withdrawn >> k & 1) != 0;
            RULE(after == (before || withdrawn), "rule 5: an entry withdrawn, or not");
        }
    }
    if (yes && (yes->kind == COMMIT_RELEASE || yes->kind == COMMIT_WITHDRAW)) {
        const struct lane_hold *was = active_hold(w->before, yes->hold);
        const struct lane_hold *is = active_hold(w->after, yes->hold);
        RULE(!is || (was && has_grown(was, yes)), "rule 5: a hold that ended on record goes on");
        RULE(!is || record_of(w->out, LANE_RECORD_HOLD_KEPT),
             "rule 5: a hold that ended on record goes on, and a restart loses it");
    }
    return NULL;
}

static const char *hold_begins(const struct walk_step *w, const struct lane_hold *hold)
{
    const struct lane_state *a = w->after;
    if (is_act(w, LANE_ACT_HOLD)) {
        RULE(hold->by_officer, "an officer's hold is another's");
        return NULL;
    }
    if (w->event->kind == LANE_EVENT_RESTORE) {
        return NULL;
    }
    const struct lane_vehicle *v = at_boom(a);
    RULE(v && v->passage == hold->passage, "a hold by hit of a vehicle that is not at the boom");
    RULE(hold->hit_count > 0, "a hold for nothing");
    RULE(record_of(w->out, LANE_RECORD_HOLD_ACTIVE), "a hold nobody is told");
    return NULL;
}

static const char *holds_stand(const struct walk_step *w)
{
    const struct lane_state *a = w->after;
    for (int i = 0; i < a->hold_count; i++) {
        const struct lane_hold *hold = &a->holds[i];
        const struct lane_vehicle *v = vehicle_of(a, hold->passage);
        uint8_t top = 3;
        for (int k = 0; k < hold->hit_count; k++) {
            RULE(hold->hits[k].holds, "a hit that does not hold holds");
            top = hold->hits[k].priority < top ? hold->hits[k].priority : top;
        }
        RULE(hold->full ? hold->priority <= top : hold->priority == top,
             "rule 5: a hold's priority is not its hits'");
        RULE(!v || v->was_held, "a held vehicle that may be opened for");
        if (!active_hold(w->before, hold->id)) {
            const char *violation = hold_begins(w, hold);
            if (violation) {
                return violation;
            }
        }
        bool all = !hold->by_officer && !hold->full && hold->hit_count > 0 &&
                   hold->withdrawn == (uint8_t)((1u << hold->hit_count) - 1u);
        bool asked = timer_runs(a, TIMER_WITHDRAW);
        for (int k = 0; k < LANE_COMMITS_MAX; k++) {
            asked |= a->commits[k].kind == COMMIT_WITHDRAW && a->commits[k].hold == hold->id;
        }
        RULE(!all || asked, "rule 5: a hold without an entry stands for ever");
    }
    RULE((a->hold_count > 0) == alarm_on(a, EVENT_LANE_HELD), "a hold without its alarm");
    for (int i = 0; i < a->count; i++) {
        bool waits = a->queue[i].hold.id != 0;
        RULE(!waits || a->order_known, "a hold waits, and nobody knows where");
        RULE(!waits || &a->queue[i] != at_boom(a), "a hold waits at the boom");
        for (int k = 0; waits && k < a->queue[i].hold.hit_count; k++) {
            RULE(a->queue[i].hold.hits[k].holds, "a hit that does not hold waits");
        }
    }
    return NULL;
}

/* A read with a holding hit: it stands in the hold, there is one, or an officer is asked. */
static const char *read_holds(const struct walk_step *w)
{
    const struct lane_state *a = w->after, *b = w->before;
    const struct lane_passage_event *p = &w->event->u.passage;
    if (w->event->kind != LANE_EVENT_PASSAGE) {
        return NULL;
    }
    const struct lane_vehicle *v = vehicle_of(a, p->passage);
    const struct lane_hold *hold = v && v->hold.id != 0 ? &v->hold : NULL;
    bool any = false;
    for (int i = 0; i < a->hold_count; i++) {
        hold = a->holds[i].passage == p->passage ? &a->holds[i] : hold;
    }
    for (int k = 0; k < p->hit_count; k++) {
        const struct lane_vehicle *was = vehicle_of(b, p->passage);
        if (was && is_withdrawn(was, p->hits[k].hit)) {
            continue;
        }
        any |= p->hits[k].holds;
        RULE(!hold || !p->hits[k].holds || hold_has(hold, p->hits[k].hit),
             "a hit that holds does not join the hold");
    }
    bool is_new = v && !vehicle_of(b, p->passage);
    if (any && is_new) {
        bool convoy = a->convoy_act != 0 && alarm_on(a, EVENT_LANE_CONVOY_HIT);
        RULE(hold || convoy || alarm_on(a, EVENT_LANE_CONFIRM_VEHICLE),
             "a hit that holds does not hold");
        RULE(!hold || a->order_known || active_hold(b, hold->id), "a hold of unknown order");
    }
    if (any && !v && !hold) {
        RULE(alarm_on(a, EVENT_LANE_CONFIRM_VEHICLE) || alarm_on(a, EVENT_LANE_HELD_VEHICLE_GONE),
             "a hit that holds is lost");
    }
    return NULL;
}

static const char *restored(const struct walk_step *w)
{
    const struct lane_restore_event *r = &w->event->u.restore;
    if (w->event->kind != LANE_EVENT_RESTORE) {
        return NULL;
    }
    if (r->active) {
        RULE(active_hold(w->after, r->hold), "rule 5: a hold of before the start is gone");
    } else {
        RULE(alarm_on(w->after, EVENT_LANE_CONFIRM_VEHICLE), "a waiting hold is forgotten");
        const struct lane_record *dropped = record_of(w->out, LANE_RECORD_HOLD_DROPPED);
        RULE(!dropped || dropped->hold != 0, "a hold is dropped that is none");
    }
    return NULL;
}

/* Nothing moves when a hold ends; an emergency raise always works. */
static const char *moves(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    const struct lane_commit *yes = granted(w);
    bool boom = (w->config->outputs_wired & OUTPUT_BIT(OUTPUT_RAISE)) != 0;
    bool raises = count_on(w->out, OUTPUT_RAISE) > 0;
    if (w->event->kind == LANE_EVENT_COMMIT) {
        RULE(!raises || is_due(w, TIMER_RETRY) ||
                 (yes && (yes->kind == COMMIT_RAISE || yes->kind == COMMIT_CONVOY)),
             "rule 5: a raise that was refused");
    }
    if (is_act(w, LANE_ACT_EMERGENCY_RAISE) && boom && !(b->inputs & HANDS_OFF)) {
        bool first = w->out->order_count > 0 && count_on(w->out, OUTPUT_RAISE) == 1;
        RULE(first && a->motion == MOTION_RAISE, "rule 5: an emergency raise is refused");
    }
    if (is_act(w, LANE_ACT_RAISE) && raises) {
        const struct lane_vehicle *v = at_boom(b);
        RULE(b->hold_count == 0, "rule 5: raised while one is held");
        RULE(!v || !has_open_hit(v), "rule 5: raised for a vehicle with a hit, not on record");
        RULE(v || !alarm_on(b, EVENT_LANE_CONFIRM_VEHICLE),
             "raised for nobody knows whom, not on record");
    }
    if (raises && yes && yes->kind == COMMIT_RAISE) {
        const struct lane_vehicle *v = at_boom(b);
        RULE(b->hold_count == 0, "rule 5: raised while one is held");
        RULE((v ? v->passage : 0) == yes->passage, "raised for another vehicle than on record");
    }
    return NULL;
}

/* ---- who stands at the boom while one that is to be held waits behind ---- */

/* The loops may be wrong about who it is, and no second camera has said it. */
static bool must_be_named(const struct walk_step *w, const struct lane_state *s)
{
    const struct lane_vehicle *v = at_boom(s);
    bool far = w->config->camera_to_boom_m > LANE_DIRECT_MAX_M;
    for (int i = 1; v && far && !v->named && i < s->count; i++) {
        if (s->queue[i].hold.id != 0) {
            return true;
        }
    }
    return false;
}

static const char *named(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    if (is_act(w, LANE_ACT_RAISE)) {
        RULE(count_on(w->out, OUTPUT_RAISE) == 0 || !must_be_named(w, b),
             "raised for one unnamed before one to be held, not on record");
    }
    if (!must_be_named(w, a)) {
        return NULL;
    }
    const struct lane_vehicle *v = at_boom(a);
    bool asks = !v->asked && !a->go && a->convoy_act == 0;
    RULE(!asks || timer_runs(a, TIMER_NAMED), "one unnamed before one to be held, for ever");
    if (w->event->kind == LANE_EVENT_TICK && is_due(w, TIMER_NAMED) && must_be_named(w, b)) {
        RULE(v->asked && alarm_on(a, EVENT_LANE_CONFIRM_VEHICLE),
             "one unnamed before one to be held, and nobody is asked");
    }
    return NULL;
}

/* ---- opening for a cleared vehicle ---- */

/* The vehicle at the boom was seen behind it. */
static bool has_passed(const struct walk_step *w)
{
    const struct lane_state *a = w->after;
    uint32_t at_it = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_EXIT_LOOP);
    return w->config->wired & INPUT_BIT(INPUT_EXIT_LOOP)
               ? a->exit_seen
               : a->was_present && (a->inputs & at_it) == 0;
}

static const char *opens_for(const struct walk_step *w, const struct lane_vehicle *v)
{
    const struct lane_state *a = w->after;
    RULE(a->hold_count == 0, "opened while one is held");
    RULE(a->journal_commits, "opened while the journal cannot record it");
    RULE(a->list_usable || w->config->on_no_list != LANE_FAIL_HOLD, "opened without a list");
    RULE(!a->blind || w->config->on_blind != LANE_FAIL_HOLD, "opened while blind");
    RULE(v, "opened for nobody");
    RULE(!alarm_on(a, EVENT_LANE_CONFIRM_VEHICLE), "opened while an officer must look");
    RULE(!alarm_on(a, EVENT_LANE_FOREIGN_MOTION), "rule 8: opened after foreign motion");
    RULE(!alarm_on(a, EVENT_LANE_RUN_THROUGH), "rule 8: opened after a run-through");
    RULE(v->passage != 0 && (v->cleared || v->exempt), "opened for an uncleared vehicle");
    RULE(v->authenticated, "opened by an unauthenticated read");
    RULE(v->raise || v->exempt, "opened against the rules");
    RULE(!has_open_hit(v), "opened for a vehicle with a hit");
    RULE(!v->was_held, "opened for a vehicle that was held");
    RULE(!v->doubtful, "opened for a vehicle that may be another");
    RULE(!must_be_named(w, a), "opened for one unnamed before one to be held");
    RULE(!(w->config->wired & INPUT_BIT(INPUT_ENTRY_LOOP)) ||
             (a->inputs & INPUT_BIT(INPUT_ENTRY_LOOP)),
         "opened for a vehicle that has gone on");
    RULE(!has_passed(w), "opened again behind one that has passed");
    return NULL;
}

static const char *opens(const struct walk_step *w)
{
    const struct lane_state *a = w->after;
    for (int i = 0; i < a->count; i++) {
        RULE(a->queue[i].raises <= LANE_RAISES_MAX, "opened for one vehicle for ever");
    }
    for (uint32_t i = 0; i < w->out->order_count; i++) {
        const struct lane_command *c = &w->out->orders[i];
        if (c->order.on && c->order.output == OUTPUT_RAISE && c->cause == LANE_CAUSE_CLEARED) {
            return opens_for(w, at_boom(a));
        }
    }
    return NULL;
}

/* ---- who stands where ---- */

static const char *vehicle_kept(const struct walk_step *w, const struct lane_vehicle *v)
{
    const struct lane_passage_event *p = &w->event->u.passage;
    const struct lane_vehicle *was = vehicle_of(w->before, v->passage);
    if (w->event->kind == LANE_EVENT_PASSAGE && p->passage == v->passage) {
        bool tagged = p->authenticity != AUTH_NONE;
        RULE(v->cleared == p->cleared && v->raise == p->decision.raise, "a read not taken over");
        RULE(v->authenticated == (tagged || (was && was->authenticated)), "authenticity");
        RULE(v->open_hit == has_open_hit(v), "open hits are counted wrong");
        return NULL;
    }
    RULE(was, "a vehicle out of nothing");
    RULE(v->cleared == was->cleared && v->authenticated == was->authenticated &&
             v->raise == was->raise,
         "a vehicle becomes another");
    RULE(v->doubtful || !was->doubtful, "a doubt is forgotten");
    RULE(v->was_held || !was->was_held, "a held vehicle becomes a free one");
    RULE(v->named == was->named || (v->named && w->event->kind == LANE_EVENT_SEEN_AT_BOOM &&
                                    w->event->u.seen_at_boom == v->passage),
         "a vehicle is named by no camera");
    RULE(v->open_hit == has_open_hit(v), "open hits are counted wrong");
    for (int i = 0; i < was->hit_count; i++) {
        bool now = (v->withdrawn >> i & 1) != 0, before = (was->withdrawn >> i & 1) != 0;
        bool withdrawn = w->event->kind == LANE_EVENT_WITHDRAWAL &&
                         was->hits[i].entry == w->event->u.withdrawn_entry;
        bool settled = granted(w) &&
                       (granted(w)->kind == COMMIT_RELEASE || granted(w)->kind == COMMIT_WITHDRAW);
        RULE(now || !before || !settled, "a hit stands again");
        RULE(now == (before || withdrawn) || settled, "a hit withdrawn, or not");
    }
    return NULL;
}

/* A read that may be of the vehicle behind, or behind one nobody has placed. */
static const char *read_placed(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    const struct lane_passage_event *p = &w->event->u.passage;
    if (w->event->kind != LANE_EVENT_PASSAGE || vehicle_of(b, p->passage)) {
        return NULL;
    }
    const struct lane_vehicle *v = vehicle_of(a, p->passage);
    bool holds = false;
    for (int i = 0; i < p->hit_count; i++) {
        holds |= p->hits[i].holds;
    }
    if (p->unplaced) {
        RULE(!v, "a read in doubt is one vehicle more");
        RULE(!holds || (!a->order_known && alarm_on(a, EVENT_LANE_CONFIRM_VEHICLE)),
             "a hit of a read in doubt, and the order is known");
        RULE(!p->perhaps_more || !a->order_known || a->perhaps_more, "one more is forgotten");
        return NULL;
    }
    RULE(!v || !b->perhaps_more || !a->order_known || v->doubtful,
         "a vehicle behind one in doubt is sure");
    bool unread = b->order_known && b->arrived > 0 && b->arrived == b->count &&
                  b->queue[b->arrived - 1].passage == 0 && timer_runs(b, TIMER_GRACE);
    if (v && unread && w->config->camera_to_boom_m > LANE_DIRECT_MAX_M) {
        RULE(!a->order_known || v->doubtful, "a late read is sure");
        RULE(!holds || !a->order_known, "a hit of a late read, and the order is known");
    }
    return NULL;
}

static const char *order_lost(const struct walk_step *w)
{
    const struct lane_state *b = w->before, *a = w->after;
    RULE(b->blind || !a->blind || !a->order_known, "the order survives blindness");
    RULE(!record_of(w->out, LANE_RECORD_HOLD_DROPPED) || a->order_known ||
             alarm_on(a, EVENT_LANE_CONFIRM_VEHICLE),
         "a hold is dropped and nobody is asked");
    RULE(a->arrived <= a->count && a->count <= LANE_QUEUE_MAX, "the queue's counts");
    RULE(a->order_known || a->arrived == 0, "somebody has arrived in unknown order");
    bool on_the_way = a->order_known && a->arrived == 0 && a->count > 0;
    RULE(!on_the_way || timer_runs(a, TIMER_TRANSIT), "a vehicle is on its way for ever");
    if (w->event->kind == LANE_EVENT_TICK && is_due(w, TIMER_TRANSIT) && b->arrived == 0 &&
        b->count > 0 && b->order_known) {
        RULE(!a->order_known || a->arrived > 0 || a->count == 0,
             "a vehicle that did not come, and the order is known");
    }
    if (w->event->kind == LANE_EVENT_TICK && is_due(w, TIMER_GRACE) && a->count > 1) {
        RULE(!a->order_known || timer_runs(a, TIMER_GRACE),
             "a vehicle was not read, and the order is known");
    }
    bool far = (w->config->wired & INPUT_BIT(INPUT_ENTRY_LOOP)) != 0;
    if (w->event->kind == LANE_EVENT_TICK && is_due(w, TIMER_EXIT_GAP) && far && b->order_known &&
        b->count > 0) {
        RULE(b->arrived > 0 || !a->order_known, "one passed that no loop has seen come");
        RULE(!a->order_known || a->arrived > 0 || !(a->inputs & INPUT_BIT(INPUT_ENTRY_LOOP)),
             "one stands at the stop line, close behind, and does not count");
    }
    if (record_of(w->out, LANE_RECORD_ORDER_KNOWN) && far &&
        w->event->kind != LANE_EVENT_SEEN_AT_BOOM && w->event->kind != LANE_EVENT_ACT) {
        RULE(is_due(w, TIMER_APPROACH), "the order is known early");
        RULE(((a->inputs | a->raw) & LOOPS) == 0, "the order is known behind who stands there");
    }
    if (record_of(w->out, LANE_RECORD_ORDER_KNOWN) && is_act(w, LANE_ACT_ACK)) {
        RULE(!timer_runs(b, TIMER_APPROACH), "an officer's look finds vehicles on their way");
    }
    if (b->perhaps_more && !a->perhaps_more) {
        RULE(!a->order_known || is_due(w, TIMER_DOUBT) || a->arrived > b->arrived ||
                 record_of(w->out, LANE_RECORD_ORDER_LOST) ||
                 (a->inputs & ~b->inputs & INPUT_BIT(INPUT_ENTRY_LOOP)) ||
                 is_due(w, TIMER_EXIT_GAP),
             "one more is forgotten");
    }
    return NULL;
}

/* ---- lamps ---- */

static const char *lamps(const struct walk_step *w)
{
    const struct lane_state *a = w->after;
    const struct lane_config *c = w->config;
    uint32_t lamps = OUTPUT_BIT(OUTPUT_RED) | OUTPUT_BIT(OUTPUT_YELLOW) | OUTPUT_BIT(OUTPUT_GREEN);
    if (!a->contact || (c->outputs_wired & lamps) == 0) {
        return NULL;
    }
    RULE((a->lights >> OUTPUT_RED) == w->next->lamps || !a->lights_known, "lamps not ordered");
    bool waits = false;
    for (int i = 0; i < a->count; i++) {
        waits |= a->queue[i].hold.id != 0;
    }
    const struct lane_vehicle *v = at_boom(a);
    bool due = v && !v->inspected && !v->exempt &&
               (v->inspect == LANE_INSPECT_DUE ||
                (v->inspect == LANE_INSPECT_UNSAID && c->mode == LANE_CHECK_POINT));
    bool convoy = a->convoy_act != 0;
    bool under = a->was_present || a->exit_seen; /* who is to be held may see it first */
    bool red = a->hold_count > 0 || w->next->stopped || is_act(w, LANE_ACT_STOP) ||
               a->out_of_service || alarm_on(a, EVENT_LANE_FOREIGN_MOTION) ||
               alarm_on(a, EVENT_LANE_RUN_THROUGH) || alarm_on(a, EVENT_LANE_STOP_NOT_RESET);
    red |= !convoy && (due || alarm_on(a, EVENT_LANE_CONFIRM_VEHICLE) ||
                       (a->blind && c->on_blind == LANE_FAIL_HOLD) ||
                       (!a->list_usable && c->on_no_list == LANE_FAIL_HOLD) ||
                       (waits && (c->mode == LANE_NORMALLY_OPEN || under)));
    bool raised = count_on(w->out, OUTPUT_RAISE) > 0; /* an officer's, in this step */
    RULE(!red || raised || w->next->lamps == (LAMP_RED & c->outputs_wired >> OUTPUT_RED),
         "no red, and somebody must stop");
    RULE(!(w->next->lamps & LAMP_GREEN) || a->boom == BOOM_OPEN || a->boom == BOOM_NONE,
         "green, and the boom is not open");
    return NULL;
}

static const char *first_of(const struct walk_step *w,
                            const char *(*const rules[])(const struct walk_step *), size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *violation = rules[i](w);
        if (violation) {
            return violation;
        }
    }
    return NULL;
}

const char *lane_rules_holds(const struct walk_step *w)
{
    static const char *(*const rules[])(const struct walk_step *) = {
        questions, holds_end, holds_stand, read_holds, restored, moves, named, opens};
    return first_of(w, rules, sizeof(rules) / sizeof(rules[0]));
}

const char *lane_rules_order(const struct walk_step *w)
{
    static const char *(*const rules[])(const struct walk_step *) = {read_placed, order_lost,
                                                                     lamps};
    for (int i = 0; i < w->after->count; i++) {
        const char *violation =
            w->after->queue[i].passage == 0 ? NULL : vehicle_kept(w, &w->after->queue[i]);
        if (violation) {
            return violation;
        }
    }
    return first_of(w, rules, sizeof(rules) / sizeof(rules[0]));
}
