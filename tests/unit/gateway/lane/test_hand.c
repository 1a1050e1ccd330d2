/* Lowering by hand, hold-to-run: the lane lowers only while beats come, and whatever else happens
 * stops it. What the guard at the wire does of it: test_hand_guard.c. */
#include "lane_world.h"

enum { PRESS = 77, BEAT_MS = 200, LOST_MS = 500 };

static void beat_as(struct world *w, struct lane_beat_event beat)
{
    struct lane_event event = {.kind = LANE_EVENT_BEAT, .u.beat = beat};
    world_take(w, &event);
}

static void beat(struct world *w)
{
    beat_as(w, (struct lane_beat_event){.press = PRESS, .at = w->now});
}

static void let_go(struct world *w)
{
    beat_as(w, (struct lane_beat_event){.press = PRESS, .at = w->now, .end = true});
}

static enum lane_refusal press(struct world *w)
{
    struct lane_act_event act = {.act = 5, .kind = LANE_ACT_LOWER, .press = PRESS, .named = true};
    world_act(w, &act);
    return w->out.replies[0].refusal;
}

static const struct lane_order *lower_of(const struct world *w)
{
    for (uint32_t i = 0; i < w->out.order_count; i++) {
        const struct lane_order *o = &w->out.orders[i].order;
        if (o->on && o->output == OUTPUT_LOWER) {
            return o;
        }
    }
    return NULL;
}

/* Open, raised by an officer, nobody there, every detector well. */
static void open_lane(struct world *w, const struct lane_config *config)
{
    world_init(w, config);
    world_inputs(w, INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK), 0);
    assert_int_equal(world_named(w, LANE_ACT_RAISE), LANE_REFUSAL_NONE);
    world_done(w);
    world_boom_opens(w);
    world_run(w, 4000);
}

static void granted(struct world *w)
{
    struct lane_config config = world_hand_config();
    open_lane(w, &config);
    assert_int_equal(press(w), LANE_REFUSAL_NONE);
    assert_int_equal(w->out.replies[0].kind, LANE_REPLY_PENDING);
    const struct lane_record *record = world_record(w, LANE_RECORD_LOWER_BY_HAND);
    assert_non_null(record);
    assert_int_equal(record->class, LANE_CLASS_RELEASING);
    world_commit(w, record->commit, true);
    assert_int_equal(w->out.replies[0].kind, LANE_REPLY_DONE);
    assert_int_equal(w->lowers, 0);
}

static void lowering(struct world *w)
{
    granted(w);
    beat(w);
    assert_int_equal(w->lowers, 1);
    world_done(w);
    world_inputs(w, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    world_run(w, 100);
    assert_int_equal(w->state.boom, BOOM_LOWERING);
}

static void ended(const struct world *w, enum lane_refusal why)
{
    const struct lane_record *record = world_record(w, LANE_RECORD_LOWER_ENDED);
    assert_non_null(record);
    assert_int_equal(record->refusal, why);
    assert_int_equal(record->act, 5);
    assert_int_equal(w->state.press_stage, PRESS_NONE);
}

static void test_beats_lower_to_the_closed_limit(void **state)
{
    (void)state;
    struct world w;
    lowering(&w);
    for (int i = 0; i < 10; i++) {
        beat(&w);
        const struct lane_order *order = lower_of(&w);
        assert_non_null(order);
        assert_true(order->hold_to_run);
        assert_int_equal(order->pulse_ms, LOST_MS);
        assert_int_equal(mono_diff_ms(order->expires, w.now), LOST_MS);
        world_done(&w);
        world_run(&w, BEAT_MS);
    }
    world_inputs(&w, INPUT_BIT(INPUT_LIMIT_CLOSED), 0);
    world_run(&w, 40);
    assert_int_equal(w.stops, 0);
    beat(&w); /* answered while the limit bounces */
    world_done(&w);
    for (int i = 0; i < 5 && w.state.press_stage != PRESS_NONE; i++) {
        w.now = mono_add_ms(w.now, STEP_MS);
        world_scan(&w);
    }
    ended(&w, LANE_REFUSAL_NONE);
    assert_int_equal(w.state.boom, BOOM_CLOSED);
    assert_int_equal(w.stops, 0);
    world_run(&w, 2000);
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

static void test_nothing_moves_before_a_fresh_beat_after_the_commit(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_hand_config();
    open_lane(&w, &config);
    (void)press(&w);
    uint64_t commit = world_record(&w, LANE_RECORD_LOWER_BY_HAND)->commit;
    beat(&w); /* the journal does not have it yet */
    assert_int_equal(w.lowers, 0);
    world_commit(&w, commit, true);
    assert_int_equal(w.lowers, 0); /* nor does the commit move anything */
    world_run(&w, 100);
    assert_int_equal(w.lowers, 0);
    beat_as(&w, (struct lane_beat_event){.press = PRESS, .at = mono_add_ms(w.now, -LOST_MS)});
    assert_int_equal(w.lowers, 0); /* it waited in a queue */
    beat_as(&w, (struct lane_beat_event){.press = PRESS + 1, .at = w.now});
    assert_int_equal(w.lowers, 0); /* another press */
    beat(&w);
    assert_int_equal(w.lowers, 1);
}

/* The tablet hears of the grant when the journal is done, however slow that is; then it has as long
 * as between two beats. */
static void test_a_slow_journal_and_a_tablet_that_is_gone(void **state)
{
    (void)state;
    for (int gone = 0; gone < 2; gone++) {
        struct world w;
        struct lane_config config = world_hand_config();
        open_lane(&w, &config);
        (void)press(&w);
        uint64_t commit = world_record(&w, LANE_RECORD_LOWER_BY_HAND)->commit;
        world_run(&w, LOST_MS + BEAT_MS);
        world_commit(&w, commit, true);
        assert_int_equal(w.out.replies[0].kind, LANE_REPLY_DONE);
        world_run(&w, gone ? LOST_MS : BEAT_MS);
        assert_int_equal(w.state.press_stage, gone ? PRESS_NONE : PRESS_GRANTED);
        beat(&w);
        assert_int_equal(w.lowers, !gone);
    }
}

static void test_let_go_before_the_commit_lowers_nothing(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_hand_config();
    open_lane(&w, &config);
    (void)press(&w);
    uint64_t commit = world_record(&w, LANE_RECORD_LOWER_BY_HAND)->commit;
    let_go(&w);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_REFUSED);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_LET_GO);
    world_commit(&w, commit, true);
    beat(&w);
    assert_int_equal(w.lowers, 0);
}

static void test_a_journal_that_cannot_lowers_nothing(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_hand_config();
    open_lane(&w, &config);
    (void)press(&w);
    world_commit(&w, world_record(&w, LANE_RECORD_LOWER_BY_HAND)->commit, false);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_JOURNAL);
    assert_int_equal(w.state.press_stage, PRESS_NONE);
    beat(&w);
    assert_int_equal(w.lowers, 0);
}

static void test_lost_beat_stops_within_half_a_second(void **state)
{
    (void)state;
    struct world w;
    lowering(&w);
    beat(&w);
    world_done(&w);
    struct mono_time last = w.now;
    for (int i = 0; i < 40 && w.stops == 0; i++) {
        w.now = mono_add_ms(w.now, STEP_MS);
        world_scan(&w);
    }
    assert_int_equal(w.stops, 1);
    assert_true(mono_diff_ms(w.now, last) <= LOST_MS);
    ended(&w, LANE_REFUSAL_BEAT_LOST);
    world_done(&w);
    uint32_t lowers = w.lowers;
    beat(&w); /* that press is over */
    assert_int_equal(w.lowers, lowers);
}

static void test_let_go_stops_at_once_and_a_new_press_goes_on(void **state)
{
    (void)state;
    struct world w;
    lowering(&w);
    let_go(&w);
    assert_int_equal(w.stops, 1);
    ended(&w, LANE_REFUSAL_LET_GO);
    world_done(&w);
    world_run(&w, 200);
    assert_int_equal(w.state.boom, BOOM_STOPPED);
    w.outputs = OUTPUT_BIT(OUTPUT_STOP);
    world_run(&w, 50);
    assert_int_equal(press(&w), LANE_REFUSAL_MOVING); /* the stop's pulse runs */
    w.outputs = 0;
    world_run(&w, 50);
    assert_int_equal(press(&w), LANE_REFUSAL_NONE); /* from where it stands */
    world_commit(&w, world_record(&w, LANE_RECORD_LOWER_BY_HAND)->commit, true);
    beat(&w);
    assert_int_equal(w.lowers, 2);
}

/* It runs on a little after the stop: no foreign motion; a second later it would be. */
static void test_coasting_is_not_foreign(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct world w;
        lowering(&w);
        let_go(&w);
        world_done(&w);
        world_run(&w, late ? 1500 : 200);
        world_inputs(&w, INPUT_BIT(INPUT_LIMIT_CLOSED), 0);
        world_run(&w, 200);
        assert_int_equal(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION), late);
    }
}

static void test_leaving_the_limit_after_the_stop_is_not_foreign(void **state)
{
    (void)state;
    struct world w;
    granted(&w);
    beat(&w);
    world_done(&w);
    let_go(&w);
    world_done(&w);
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    world_run(&w, 200);
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

/* One order on its way at a time, however fast somebody beats. */
static void test_beats_do_not_fill_the_bus(void **state)
{
    (void)state;
    struct world w;
    granted(&w);
    for (int i = 0; i < 100; i++) {
        beat(&w);
    }
    assert_int_equal(w.lowers, 1);
}

static void act_stop(struct world *w)
{
    (void)world_nameless(w, LANE_ACT_STOP);
}

static void act_hold(struct world *w)
{
    (void)world_nameless(w, LANE_ACT_HOLD);
}

static void act_raise(struct world *w)
{
    (void)world_nameless(w, LANE_ACT_EMERGENCY_RAISE);
}

static void act_out(struct world *w)
{
    (void)world_named(w, LANE_ACT_OUT_OF_SERVICE);
}

static void scan_on(struct world *w, enum lane_input input)
{
    world_inputs(w, INPUT_BIT(input), 0);
    world_scan(w);
}

static void in_presence(struct world *w)
{
    scan_on(w, INPUT_PRESENCE);
}

static void in_obstacle(struct world *w)
{
    scan_on(w, INPUT_OBSTACLE);
}

static void in_exit(struct world *w)
{
    scan_on(w, INPUT_EXIT_LOOP);
}

static void in_stop_button(struct world *w)
{
    scan_on(w, INPUT_EMERGENCY_STOP);
}

static void in_local(struct world *w)
{
    scan_on(w, INPUT_LOCAL_CONTROL);
}

static void in_fault(struct world *w)
{
    scan_on(w, INPUT_FAULT);
}

static void in_fire(struct world *w)
{
    scan_on(w, INPUT_FIRE_RAISE);
}

static void out_mains(struct world *w)
{
    world_inputs(w, 0, INPUT_BIT(INPUT_MAINS_OK));
    world_scan(w);
}

static void out_person(struct world *w)
{
    world_inputs(w, 0, INPUT_BIT(INPUT_PERSON_OK));
    world_scan(w);
}

static void out_detector(struct world *w)
{
    world_inputs(w, 0, INPUT_BIT(INPUT_DETECTOR_OK));
    world_scan(w);
}

static void no_contact(struct world *w)
{
    struct lane_event event = {.kind = LANE_EVENT_SCAN};
    world_take(w, &event);
}

static void guard_raises(struct world *w)
{
    world_scan_as(w, true);
}

static void motion_late(struct world *w)
{
    for (int i = 0; i < 100 && w->state.press_stage != PRESS_NONE; i++) {
        beat(w);
        world_done(w);
        if (w->state.press_stage != PRESS_NONE) {
            w->now = mono_add_ms(w->now, BEAT_MS);
            world_scan(w);
        }
    }
}

static void renewal_vetoed(struct world *w)
{
    beat(w);
    world_answer(w, ORDER_VETOED);
}

/* What ends it: with a stop in that very step, or a raise; and its beats are nobody's then. */
static void test_whatever_happens_stops_it(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*does)(struct world *w);
        bool raises; /* instead of a stop */
    } all[] = {{"stop", act_stop, false},
               {"hold", act_hold, false},
               {"emergency", act_raise, true},
               {"out of service", act_out, false},
               {"presence", in_presence, false},
               {"obstacle", in_obstacle, false},
               {"exit loop", in_exit, false},
               {"emergency stop", in_stop_button, false},
               {"local control", in_local, false},
               {"fault", in_fault, false},
               {"fire", in_fire, true},
               {"mains", out_mains, false},
               {"person device", out_person, false},
               {"detector", out_detector, false},
               {"contact", no_contact, false},
               {"late", motion_late, false},
               {"veto", renewal_vetoed, false}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct world w;
        lowering(&w);
        uint32_t raises = w.raises;
        all[i].does(&w);
        if (w.state.press_stage != PRESS_NONE ||
            (all[i].raises ? w.raises == raises : w.stops == 0)) {
            fail_msg("%s: stage %d, %u stops, %u raises", all[i].name, (int)w.state.press_stage,
                     w.stops, w.raises - raises);
        }
        uint32_t lowers = w.lowers;
        beat(&w);
        assert_int_equal(w.lowers, lowers);
    }
}

static void test_the_guards_raise_ends_it_without_a_stop_against_it(void **state)
{
    (void)state;
    struct world w;
    lowering(&w);
    guard_raises(&w);
    ended(&w, LANE_REFUSAL_NOT_CLEAR);
    assert_int_equal(w.stops, 0);
    assert_int_equal(w.state.motion, MOTION_RAISE);
}

static void test_the_guards_stop_is_told_and_not_foreign(void **state)
{
    (void)state;
    struct world w;
    lowering(&w);
    w.out = (struct lane_actions){.order_count = 0};
    struct lane_event event = {.kind = LANE_EVENT_SCAN};
    event.u.scan = (struct lane_scan){.lane = 1,
                                      .number = ++w.scans,
                                      .at = w.now,
                                      .contact = true,
                                      .wired = w.config.wired,
                                      .active = w.active,
                                      .outputs = OUTPUT_BIT(OUTPUT_STOP),
                                      .outputs_wired = w.config.outputs_wired,
                                      .guard_let_go = true};
    world_take(&w, &event);
    ended(&w, LANE_REFUSAL_BEAT_LOST);
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
}

static void in_foreign(struct world *w)
{
    w->outputs |= OUTPUT_BIT(OUTPUT_RAISE);
    world_scan(w);
}

static void act_convoy(struct world *w)
{
    struct lane_act_event act = {.act = 6, .kind = LANE_ACT_CONVOY, .for_ms = 60000, .named = true};
    world_act(w, &act);
    world_commit(w, world_record(w, LANE_RECORD_CONVOY)->commit, true);
}

static void car_comes(struct world *w)
{
    world_passage(w, false, 3);
    scan_on(w, INPUT_ENTRY_LOOP);
    for (int i = 0; i < 10 && w->state.press_stage != PRESS_NONE; i++) {
        w->now = mono_add_ms(w->now, STEP_MS);
        world_scan(w);
    }
}

/* Granted, the boom not moving yet: it ends for the reason there is, and no beat lowers after. */
static void test_what_stands_against_it_is_named(void **state)
{
    (void)state;
    static const struct {
        void (*does)(struct world *w);
        enum lane_refusal why;
    } all[] = {{act_stop, LANE_REFUSAL_STOPPED},       {act_hold, LANE_REFUSAL_HELD},
               {act_out, LANE_REFUSAL_OUT_OF_SERVICE}, {in_fire, LANE_REFUSAL_FIRE},
               {in_foreign, LANE_REFUSAL_ALARM},       {act_convoy, LANE_REFUSAL_CONVOY},
               {car_comes, LANE_REFUSAL_LET_THROUGH},  {in_fault, LANE_REFUSAL_FAULT},
               {out_mains, LANE_REFUSAL_MAINS},        {in_presence, LANE_REFUSAL_NOT_CLEAR},
               {no_contact, LANE_REFUSAL_NO_CONTACT}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct world w;
        granted(&w);
        all[i].does(&w);
        ended(&w, all[i].why);
        world_done(&w);
        beat(&w);
        assert_int_equal(w.lowers, 0);
    }
}

/* Refused since the journal took too long: what it writes late moves nothing. */
static void test_a_late_commit_lowers_nothing(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_hand_config();
    open_lane(&w, &config);
    (void)press(&w);
    uint64_t commit = world_record(&w, LANE_RECORD_LOWER_BY_HAND)->commit;
    for (int64_t ms = 0; ms <= (int64_t)config.commit_wait_ms; ms += BEAT_MS) {
        beat(&w);
        world_run(&w, BEAT_MS);
    }
    assert_int_equal(w.state.press_stage, PRESS_NONE);
    world_commit(&w, commit, true);
    beat(&w);
    assert_int_equal(w.lowers, 0);
}

static void test_configuration(void **state)
{
    (void)state;
    struct err_text err = {{0}};
    struct lane_config config = world_hand_config();
    assert_int_equal(lane_config_check(&config, &err), 0);
    config.wired &= ~INPUT_BIT(INPUT_OBSTACLE);
    assert_int_equal(lane_config_check(&config, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "manual_lower = 'hold_to_run'"));
    assert_non_null(strstr(err.text, "'obstacle'"));
    config = world_hand_config();
    config.outputs_wired &= ~OUTPUT_BIT(OUTPUT_LOWER);
    assert_int_equal(lane_config_check(&config, &err), ERR_INVALID);
    config = world_hand_config();
    config.auto_close = AUTO_CLOSE_LOOP;
    assert_int_equal(lane_config_check(&config, &err), ERR_INVALID);
    config = world_hand_config();
    config.mode = LANE_NORMALLY_OPEN;
    assert_int_equal(lane_config_check(&config, &err), ERR_INVALID);
}

/* One of the two lowers: while somebody presses, nothing is lowered automatically. */
static void test_a_press_withholds_the_automatic_lower(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_lowering_config();
    config.manual_lower = true;
    world_lowering_init(&w, &config);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_boom_opens(&w);
    world_drives_through(&w);
    (void)world_until_lower_asked(&w);
    uint64_t automatic = world_lower_asked(&w);
    assert_int_equal(press(&w), LANE_REFUSAL_NONE);
    world_commit(&w, automatic, true);
    assert_int_equal(w.lowers, 0);
    assert_int_equal(w.state.press_stage, PRESS_ASKED);
}

static void test_refusals(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_hand_config();
    open_lane(&w, &config);
    struct lane_act_event nameless = {.act = 5, .kind = LANE_ACT_LOWER, .press = PRESS};
    world_act(&w, &nameless);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NOT_NAMED);
    assert_int_equal(press(&w), LANE_REFUSAL_NONE);
    assert_int_equal(press(&w), LANE_REFUSAL_LOWERING); /* and the first goes on */
    assert_int_equal(w.state.press_stage, PRESS_ASKED);

    world_init(&w, &config); /* closed, nothing raised since the start */
    world_inputs(&w, INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK), 0);
    world_run(&w, 4000);
    assert_int_equal(press(&w), LANE_REFUSAL_RAISE_FIRST);

    config.manual_lower = false;
    open_lane(&w, &config);
    assert_int_equal(press(&w), LANE_REFUSAL_NO_HAND_LOWER);

    config = world_hand_config();
    open_lane(&w, &config);
    world_inputs(&w, INPUT_BIT(INPUT_PRESENCE), 0);
    world_run(&w, 100);
    assert_int_equal(press(&w), LANE_REFUSAL_NOT_CLEAR);
    world_inputs(&w, 0, INPUT_BIT(INPUT_PRESENCE));
    world_run(&w, 2000);
    assert_int_equal(press(&w), LANE_REFUSAL_NOT_CLEAR); /* not for long enough */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beats_lower_to_the_closed_limit),
        cmocka_unit_test(test_nothing_moves_before_a_fresh_beat_after_the_commit),
        cmocka_unit_test(test_a_slow_journal_and_a_tablet_that_is_gone),
        cmocka_unit_test(test_let_go_before_the_commit_lowers_nothing),
        cmocka_unit_test(test_a_journal_that_cannot_lowers_nothing),
        cmocka_unit_test(test_lost_beat_stops_within_half_a_second),
        cmocka_unit_test(test_let_go_stops_at_once_and_a_new_press_goes_on),
        cmocka_unit_test(test_coasting_is_not_foreign),
        cmocka_unit_test(test_leaving_the_limit_after_the_stop_is_not_foreign),
        cmocka_unit_test(test_beats_do_not_fill_the_bus),
        cmocka_unit_test(test_whatever_happens_stops_it),
        cmocka_unit_test(test_the_guards_raise_ends_it_without_a_stop_against_it),
        cmocka_unit_test(test_the_guards_stop_is_told_and_not_foreign),
        cmocka_unit_test(test_what_stands_against_it_is_named),
        cmocka_unit_test(test_a_late_commit_lowers_nothing),
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_a_press_withholds_the_automatic_lower),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
