/*
 * One lane on a fake clock (lane_world.h).
 */
#include "tests/unit/gateway/lane/lane_world.h"

void world_take(struct world *w, const struct lane_event *event)
{
    lane_step(&w->config, &w->state, event, w->now, &w->out);
    for (uint32_t i = 0; i < w->out.order_count; i++) {
        const struct lane_order *order = &w->out.orders[i].order;
        uint32_t bit = OUTPUT_BIT(order->output);
        if (order->pulse_ms == 0) {
            w->outputs = order->on ? w->outputs | bit : w->outputs & ~bit;
        }
        w->raises += order->on && order->output == OUTPUT_RAISE;
        w->lowers += order->on && order->output == OUTPUT_LOWER;
        w->stops += order->on && order->output == OUTPUT_STOP;
    }
}

void world_answer(struct world *w, enum order_result result)
{
    struct lane_actions actions = w->out;
    for (uint32_t i = 0; i < actions.order_count; i++) {
        struct lane_event event = {.kind = LANE_EVENT_OUTCOME};
        event.u.outcome = (struct lane_outcome){.order_id = actions.orders[i].order.id,
                                                .lane = w->config.lane,
                                                .output = actions.orders[i].order.output,
                                                .result = result,
                                                .at = w->now};
        world_take(w, &event);
    }
    w->out = actions;
}

void world_done(struct world *w)
{
    world_answer(w, ORDER_DONE);
}

void world_scan_as(struct world *w, bool guard_acted)
{
    struct lane_event event = {.kind = LANE_EVENT_SCAN};
    event.u.scan = (struct lane_scan){.lane = w->config.lane,
                                      .number = ++w->scans,
                                      .at = w->now,
                                      .contact = true,
                                      .wired = w->config.wired,
                                      .active = w->active,
                                      .outputs = w->outputs,
                                      .outputs_wired = w->config.outputs_wired,
                                      .guard_acted = guard_acted};
    world_take(w, &event);
}

void world_scan(struct world *w)
{
    world_scan_as(w, false);
}

void world_guard_scan(struct world *w)
{
    w->now = mono_add_ms(w->now, STEP_MS);
    world_scan_as(w, true);
}

void world_event(struct world *w, enum lane_event_kind kind)
{
    struct lane_event event = {.kind = kind};
    world_take(w, &event);
}

void world_run(struct world *w, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += STEP_MS) {
        w->now = mono_add_ms(w->now, STEP_MS);
        world_event(w, LANE_EVENT_MATCH_ALIVE);
        world_done(w);
        world_scan(w);
        world_done(w);
    }
}

void world_inputs(struct world *w, uint32_t on, uint32_t off)
{
    w->active = (w->active | on) & ~off;
}

void world_list(struct world *w, bool usable)
{
    struct lane_event event = {.kind = LANE_EVENT_LIST, .u.list_usable = usable};
    world_take(w, &event);
}

void world_init(struct world *w, const struct lane_config *config)
{
    struct err_text err = {{0}};
    memset(w, 0, sizeof(*w));
    w->config = *config;
    assert_int_equal(lane_config_check(config, &err), 0);
    w->now.ns = 1000000000;
    w->active = INPUT_BIT(INPUT_LIMIT_CLOSED) | INPUT_BIT(INPUT_MAINS_OK);
    lane_init(&w->config, &w->state, 100, w->now);
    world_scan(w);
    world_list(w, true);
    world_run(w, config->transit_max_ms + 200);
}

struct lane_config world_config(void)
{
    struct lane_config config;
    lane_config_defaults(&config, 1);
    config.wired = ALL_INPUTS & ~INPUT_BIT(INPUT_BOOM_OFF);
    config.outputs_wired = ALL_OUTPUTS;
    config.transit_max_ms = 5000;
    config.auto_close = AUTO_CLOSE_LOOP;
    return config;
}

uint64_t world_passage(struct world *w, bool hit, uint8_t priority)
{
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
    struct lane_passage_event *p = &event.u.passage;
    p->passage = ++w->passages;
    decision_init(&p->decision);
    p->authenticity = AUTH_TAG;
    if (hit) {
        p->decision.hold = true;
        p->decision.siren = true;
        p->hit_count = 1;
        p->hits[0] = (struct lane_hit){.hit = 500 + p->passage,
                                       .entry = 9000 + p->passage,
                                       .priority = priority,
                                       .holds = true};
    } else {
        p->cleared = true;
        p->decision.raise = true;
    }
    world_take(w, &event);
    return p->passage;
}

void world_act(struct world *w, const struct lane_act_event *act)
{
    struct lane_event event = {.kind = LANE_EVENT_ACT, .u.act = *act};
    world_take(w, &event);
}

enum lane_refusal world_named(struct world *w, enum lane_act_kind kind)
{
    struct lane_act_event act = {.act = 1, .kind = kind, .named = true};
    world_act(w, &act);
    return w->out.replies[0].refusal;
}

enum lane_refusal world_nameless(struct world *w, enum lane_act_kind kind)
{
    struct lane_act_event act = {.act = 1, .kind = kind};
    world_act(w, &act);
    return w->out.replies[0].refusal;
}

enum lane_refusal world_nameless_done(struct world *w, enum lane_act_kind kind)
{
    enum lane_refusal refusal = world_nameless(w, kind);
    world_done(w);
    return refusal;
}

void world_commit(struct world *w, uint64_t commit, bool done)
{
    struct lane_event event = {.kind = LANE_EVENT_COMMIT};
    event.u.commit.commit = commit;
    event.u.commit.done = done;
    world_take(w, &event);
}

void world_withdraw(struct world *w, uint64_t entry)
{
    struct lane_event event = {.kind = LANE_EVENT_WITHDRAWAL, .u.withdrawn_entry = entry};
    world_take(w, &event);
}

const struct lane_record *world_record(const struct world *w, enum lane_record_kind kind)
{
    for (uint32_t i = 0; i < w->out.record_count; i++) {
        if (w->out.records[i].kind == kind) {
            return &w->out.records[i];
        }
    }
    return NULL;
}

bool world_alarm(const struct world *w, enum log_event_id event)
{
    return (w->state.alarms & (1u << (event - EVENT_LANE_CONTACT_LOST))) != 0;
}

void world_boom_opens(struct world *w)
{
    world_inputs(w, 0, INPUT_BIT(INPUT_LIMIT_CLOSED));
    world_run(w, 1000);
    world_inputs(w, INPUT_BIT(INPUT_LIMIT_OPEN), 0);
    world_run(w, 200);
}

void world_drives_through(struct world *w)
{
    world_inputs(w, INPUT_BIT(INPUT_PRESENCE), INPUT_BIT(INPUT_ENTRY_LOOP));
    world_run(w, 400);
    world_inputs(w, INPUT_BIT(INPUT_EXIT_LOOP), INPUT_BIT(INPUT_PRESENCE));
    world_run(w, 400);
    world_inputs(w, 0, INPUT_BIT(INPUT_EXIT_LOOP));
    world_run(w, 1500);
}

void world_arrives(struct world *w)
{
    world_inputs(w, INPUT_BIT(INPUT_ENTRY_LOOP), 0);
    world_run(w, 200);
}

uint64_t world_hold_one(struct world *w, uint8_t priority)
{
    world_passage(w, true, priority);
    world_arrives(w);
    assert_int_equal(w->state.hold_count, 1);
    return w->state.holds[0].id;
}

void world_lose_contact(struct world *w)
{
    w->now = mono_add_ms(w->now, w->config.scan_lost_ms + 1);
    world_event(w, LANE_EVENT_TICK);
}

struct lane_config world_hand_config(void)
{
    struct lane_config config = world_config();
    config.auto_close = AUTO_CLOSE_NONE;
    config.manual_lower = true;
    return config;
}

struct lane_config world_lowering_config(void)
{
    struct lane_config config = world_config();
    config.auto_close = AUTO_CLOSE_NONE;
    config.lower_automatically = true;
    config.person_device = true;
    config.vehicle_detector = true;
    return config;
}

void world_guided(struct world *w, int64_t valid_ms)
{
    struct lane_event event = {.kind = LANE_EVENT_GUIDED_TEST, .u.guided_test_valid_ms = valid_ms};
    world_take(w, &event);
}

void world_lowering_init(struct world *w, const struct lane_config *config)
{
    world_init(w, config);
    world_inputs(w, DETECTORS_OK, 0);
    world_guided(w, 1000000);
    world_run(w, 200);
}

uint64_t world_lower_asked(const struct world *w)
{
    for (int i = 0; i < LANE_COMMITS_MAX; i++) {
        if (w->state.commits[i].kind == COMMIT_LOWER) {
            return w->state.commits[i].id;
        }
    }
    return 0;
}

int64_t world_until_lower_asked(struct world *w)
{
    for (int64_t ms = 0; ms < 10000; ms += STEP_MS) {
        if (world_lower_asked(w) != 0) {
            return ms;
        }
        world_run(w, STEP_MS);
    }
    return -1;
}
