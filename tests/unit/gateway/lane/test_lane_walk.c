/*
 * Seeded random walks over everything a lane can be told, each step checked against what a lane may
 * never do. The walk reaches states nobody thought of; the rules are written a second time, apart
 * from the code.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lane_world.h"

enum { WALKS_DEFAULT = 1500, WALK_STEPS = 4000, CONFIGS = 8 };

static uint64_t rng_state;

static uint32_t draw(uint32_t below)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return (uint32_t)(rng_state >> 33) % below;
}

static struct lane_config config_of(int i)
{
    struct lane_config config = world_config();
    config.wired = ALL_INPUTS;
    if (i == 1) {
        config.mode = LANE_NORMALLY_OPEN;
        config.auto_close = AUTO_CLOSE_NONE;
        config.on_blind = LANE_FAIL_ALARM;
    } else if (i == 2) {
        config.auto_close = AUTO_CLOSE_NONE;
        config.lower_automatically = true;
        config.person_device = true;
        config.vehicle_detector = true;
    } else if (i == 3) {
        config.wired &= ~(INPUT_BIT(INPUT_ENTRY_LOOP) | INPUT_BIT(INPUT_EXIT_LOOP));
        config.camera_to_boom_m = 4;
        config.on_no_list = LANE_FAIL_ALARM;
    } else if (i == 6) {
        config.wired &= ~INPUT_BIT(INPUT_LIMIT_OPEN);
        config.feedback = FEEDBACK_CLOSED;
    } else if (i == 7) {
        config.raise_maintained = true;
        config.outputs_wired &= ~OUTPUT_BIT(OUTPUT_LOWER);
    } else if (i == 5) {
        config.mode = LANE_CHECK_POINT;
        config.auto_close = AUTO_CLOSE_TIMER;
    } else if (i == 4) {
        config.auto_close = AUTO_CLOSE_NONE;
        config.outputs_wired &=
            ~(OUTPUT_BIT(OUTPUT_RAISE) | OUTPUT_BIT(OUTPUT_LOWER) | OUTPUT_BIT(OUTPUT_STOP));
    }
    return config;
}

/* What was given out and what may end it. */
struct ledger {
    uint64_t may_end[64]; /* holds whose release or withdrawal the journal confirmed */
    int may_end_count;
    uint64_t lower_commit; /* the commit that allows one lower */
    bool lower_allowed;
};

static struct lane_event random_scan(struct world *w)
{
    struct lane_event event = {.kind = LANE_EVENT_SCAN};
    if (draw(4) == 0) {
        w->active ^= INPUT_BIT(draw(INPUT_COUNT));
    }
    if (draw(12) == 0) { /* mostly calm: safety inputs off again */
        w->active &= INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_LIMIT_CLOSED) |
                     INPUT_BIT(INPUT_ENTRY_LOOP);
        w->active |=
            INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK) | INPUT_BIT(INPUT_MAINS_OK);
    }
    if (draw(40) == 0) {
        w->active ^= INPUT_BIT(INPUT_LIMIT_OPEN) | INPUT_BIT(INPUT_LIMIT_CLOSED);
    }
    if (draw(60) == 0) {
        w->outputs ^= OUTPUT_BIT(draw(OUTPUT_COUNT));
    }
    event.u.scan = (struct lane_scan){.lane = 1,
                                      .number = ++w->scans,
                                      .at = w->now,
                                      .contact = draw(50) != 0,
                                      .wired = w->config.wired,
                                      .active = w->active & w->config.wired,
                                      .outputs = w->outputs & w->config.outputs_wired,
                                      .outputs_wired = w->config.outputs_wired,
                                      .guard_acted = draw(100) == 0};
    return event;
}

static struct lane_event random_passage(struct world *w)
{
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
    struct lane_passage_event *p = &event.u.passage;
    bool again = w->passages > 0 && draw(6) == 0;
    p->passage = again ? w->passages - draw(3) % w->passages : ++w->passages;
    decision_init(&p->decision);
    p->authenticity = draw(3) == 0 ? AUTH_NONE : AUTH_TAG;
    p->hit_count = (uint8_t)(draw(3) == 0 ? 1 + draw(2) : 0);
    p->cleared = p->hit_count == 0 && draw(2);
    p->decision.raise = draw(2);
    p->inspect = (enum lane_inspect)draw(3);
    p->exempt = draw(4) == 0;
    p->decision.siren = draw(2);
    p->decision.lights = (enum decision_lights)draw(3);
    for (uint8_t i = 0; i < p->hit_count; i++) {
        p->hits[i] = (struct lane_hit){.hit = p->passage * 10 + i,
                                       .entry = 1 + draw(20),
                                       .priority = (uint8_t)(1 + draw(3)),
                                       .holds = draw(2)};
    }
    return event;
}

static struct lane_event random_act(struct world *w)
{
    struct lane_event event = {.kind = LANE_EVENT_ACT};
    event.u.act.act = 1 + w->scans;
    event.u.act.kind = (enum lane_act_kind)draw(LANE_ACT_COUNT);
    event.u.act.passage = w->state.count ? w->state.queue[0].passage : 0;
    event.u.act.for_ms = draw(60000);
    event.u.act.hold = w->state.hold_count ? w->state.holds[draw(w->state.hold_count)].id : draw(9);
    event.u.act.named = draw(4) != 0;
    event.u.act.second_person = draw(2);
    event.u.act.leader = draw(2);
    return event;
}

static struct lane_event random_answer(struct world *w)
{
    struct lane_event event = {.kind = LANE_EVENT_OUTCOME};
    const struct lane_state *s = &w->state;
    if (draw(2)) {
        event.u.outcome.order_id = draw(2) ? s->motion_order : s->stop_order;
        event.u.outcome.result = draw(4) ? ORDER_DONE : ORDER_FAILED;
        return event;
    }
    event.kind = LANE_EVENT_COMMIT;
    event.u.commit.commit = s->commits[draw(LANE_COMMITS_MAX)].id;
    event.u.commit.done = draw(4) != 0;
    return event;
}

static struct lane_event random_other(struct world *w)
{
    struct lane_event event = {.kind = LANE_EVENT_TICK};
    switch (draw(10)) {
    case 0:
        event.kind = LANE_EVENT_WITHDRAWAL;
        event.u.withdrawn_entry = 1 + draw(20);
        break;
    case 1:
        event.kind = draw(4) ? LANE_EVENT_MATCH_ALIVE : LANE_EVENT_MATCH_LOST;
        break;
    case 2:
        event.kind = LANE_EVENT_LIST;
        event.u.list_usable = draw(5) != 0;
        break;
    case 3:
        event.kind = LANE_EVENT_JOURNAL;
        event.u.journal_commits = draw(5) != 0;
        break;
    case 5:
        event.kind = LANE_EVENT_GUIDED_TEST;
        event.u.guided_test_valid_ms = draw(5) ? 100000 : -1;
        break;
    case 6:
        event.kind = LANE_EVENT_SEEN_AT_BOOM;
        event.u.seen_at_boom = w->passages ? w->passages - draw(2) : 0;
        break;
    default:
        event.kind = LANE_EVENT_MATCH_ALIVE;
        break;
    }
    return event;
}

static struct lane_event random_event(struct world *w)
{
    uint32_t kind = draw(20);
    return kind < 11   ? random_scan(w)
           : kind < 13 ? random_passage(w)
           : kind < 14 ? random_act(w)
           : kind < 17 ? random_answer(w)
                       : random_other(w);
}

#define RULE(condition, text)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("%s (seed %llu, step %d)", text, (unsigned long long)seed, at);               \
        }                                                                                          \
    } while (0)

static bool may_end(const struct ledger *l, uint64_t hold)
{
    for (int i = 0; i < l->may_end_count && i < 64; i++) {
        if (l->may_end[i] == hold) {
            return true;
        }
    }
    return false;
}

/* Which commit answers allow what: read off the state before the step. */
static void note_commit(struct ledger *l, const struct lane_state *before,
                        const struct lane_event *event)
{
    l->lower_allowed = false;
    if (event->kind != LANE_EVENT_COMMIT || !event->u.commit.done || event->u.commit.commit == 0) {
        return;
    }
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        const struct lane_commit *c = &before->commits[i];
        if (c->kind == COMMIT_NONE || c->id != event->u.commit.commit) {
            continue;
        }
        bool refused = before->timer[TIMER_COMMIT + i].ns == INT64_MAX;
        if ((c->kind == COMMIT_RELEASE && !refused) || c->kind == COMMIT_WITHDRAW) {
            l->may_end[l->may_end_count++ % 64] = c->hold;
        }
        l->lower_allowed = c->kind == COMMIT_LOWER;
    }
}

static bool is_held_after(const struct lane_state *s, uint64_t id)
{
    for (uint8_t h = 0; h < s->hold_count; h++) {
        if (s->holds[h].id == id) {
            return true;
        }
    }
    return false;
}

static bool inspection_waits(const struct world *w, const struct lane_vehicle *v)
{
    bool due = w->config.mode == LANE_CHECK_POINT ? v->inspect != LANE_INSPECT_NOT
                                                  : v->inspect == LANE_INSPECT_DUE;
    return due && !v->inspected && !v->exempt;
}

static void check_orders(const struct world *w, const struct lane_state *before,
                         const struct ledger *l, uint64_t seed, int at)
{
    uint32_t motion = 0;
    for (uint32_t i = 0; i < w->out.order_count; i++) {
        const struct lane_command *c = &w->out.orders[i];
        bool moves = c->order.output == OUTPUT_RAISE || c->order.output == OUTPUT_LOWER;
        RULE(w->config.outputs_wired & OUTPUT_BIT(c->order.output), "an output that is not wired");
        RULE(mono_before(w->now, c->order.expires), "an order without an expiry");
        if (c->order.output == OUTPUT_RAISE && !c->order.on && w->config.raise_maintained) {
            uint32_t hands_off = INPUT_BIT(INPUT_LOCAL_CONTROL) | INPUT_BIT(INPUT_EMERGENCY_STOP);
            uint32_t under = INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE);
            RULE((w->state.inputs & hands_off) || (l->lower_allowed && !(w->state.raw & under)),
                 "a maintained raise let go of");
        }
        if (!c->order.on || !moves) {
            continue;
        }
        motion |= OUTPUT_BIT(c->order.output);
        RULE(c->order.pulse_ms > 0 ||
                 (w->config.raise_maintained && c->order.output == OUTPUT_RAISE),
             "a motion that is no bounded pulse");
        RULE(
            !(w->state.inputs & (INPUT_BIT(INPUT_LOCAL_CONTROL) | INPUT_BIT(INPUT_EMERGENCY_STOP))),
            "motion under local control or emergency stop");
        RULE(!(w->state.inputs & INPUT_BIT(INPUT_FAULT)) || c->order.emergency,
             "motion under fault");
        if (c->order.output == OUTPUT_LOWER) {
            RULE(w->config.lower_automatically, "a lower in a lane that declares none");
            RULE(l->lower_allowed, "a lower that was not recorded first");
            RULE(!(w->state.raw & (INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_OBSTACLE))),
                 "a lower onto something");
            uint32_t healthy = INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK);
            RULE(before->contact && (before->raw & healthy) == healthy,
                 "a lower without healthy detectors");
            RULE(before->timer[TIMER_GUIDED].ns != INT64_MAX, "a lower without a guided test");
            RULE(!before->out_of_service && before->convoy_act == 0, "a lower in convoy or test");
            RULE(before->raw & INPUT_BIT(INPUT_MAINS_OK), "a lower on the battery");
        } else if (c->cause == LANE_CAUSE_CLEARED) {
            const struct lane_vehicle *v = &before->queue[0];
            (void)v;
            RULE(w->state.hold_count == 0, "opened for a cleared vehicle while one is held");
            RULE(w->state.order_known && w->state.arrived > 0, "opened for nobody");
            RULE(w->state.queue[0].authenticated &&
                     (w->state.queue[0].cleared || w->state.queue[0].exempt) &&
                     !w->state.queue[0].open_hit,
                 "opened for an uncleared vehicle");
            RULE(!inspection_waits(w, &w->state.queue[0]), "opened for one due for inspection");
            RULE(!w->state.out_of_service, "opened out of service");
            RULE(w->state.journal_commits && w->state.list_usable ? true
                 : !w->state.journal_commits                      ? false
                                             : w->config.on_no_list == LANE_FAIL_ALARM,
                 "opened without a list or a journal");
        }
    }
    RULE(motion != (OUTPUT_BIT(OUTPUT_RAISE) | OUTPUT_BIT(OUTPUT_LOWER)),
         "raise and lower at once");
}

static void check_holds(const struct world *w, const struct lane_state *before,
                        const struct ledger *l, uint64_t seed, int at)
{
    for (uint8_t h = 0; h < before->hold_count; h++) {
        uint64_t id = before->holds[h].id;
        RULE(is_held_after(&w->state, id) || may_end(l, id), "a hold ended without its commit");
    }
    for (uint32_t i = 0; i < w->out.record_count; i++) {
        const struct lane_record *r = &w->out.records[i];
        bool releasing = r->kind == LANE_RECORD_HOLD_RELEASE ||
                         r->kind == LANE_RECORD_HOLD_WITHDRAW || r->kind == LANE_RECORD_RAISE ||
                         r->kind == LANE_RECORD_LOWER || r->kind == LANE_RECORD_CONVOY;
        RULE(releasing == (r->commit != 0), "a releasing record without a commit, or the reverse");
        RULE(!releasing || before->journal_commits || w->state.journal_commits,
             "a releasing record while the journal cannot commit");
    }
    RULE(w->state.hold_count == 0 ||
             (w->state.alarms & (1u << (EVENT_LANE_HELD - EVENT_LANE_CONTACT_LOST))) != 0,
         "a hold without its alarm");
    RULE(w->state.hold_count == 0 || !w->state.contact ||
             (w->state.lights & (OUTPUT_BIT(OUTPUT_GREEN) | OUTPUT_BIT(OUTPUT_YELLOW))) == 0,
         "a held lane does not show red");
    RULE(w->state.count <= LANE_QUEUE_MAX && w->state.arrived <= w->state.count, "queue counts");
}

static void walk(uint64_t seed)
{
    struct lane_config config = config_of((int)(seed % CONFIGS));
    struct world w;
    struct ledger ledger = {.may_end_count = 0};
    rng_state = seed * 0x9E3779B97F4A7C15u + 1;
    world_init(&w, &config);
    for (int at = 0; at < WALK_STEPS; at++) {
        struct lane_state before = w.state;
        struct lane_event event = random_event(&w);
        note_commit(&ledger, &before, &event);
        w.now = mono_add_ms(w.now, draw(30) ? draw(60) : draw(6000));
        world_take(&w, &event);
        check_orders(&w, &before, &ledger, seed, at);
        check_holds(&w, &before, &ledger, seed, at);
        RULE(w.state.timer[TIMER_SCAN].ns > w.now.ns || !w.state.contact, "a timer was missed");
    }
}

static void test_walks(void **state)
{
    (void)state;
    const char *text = getenv("CHECKPOINT_WALKS"); /* more of them in the full tier */
    const char *from = getenv("CHECKPOINT_SEED");
    uint64_t walks = text ? strtoull(text, NULL, 10) : WALKS_DEFAULT;
    uint64_t first = from ? strtoull(from, NULL, 10) : 1;
    print_message("CHECKPOINT_SEED=%llu CHECKPOINT_WALKS=%llu\n", (unsigned long long)first,
                  (unsigned long long)walks);
    for (uint64_t seed = first; seed < first + walks; seed++) {
        walk(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_walks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
