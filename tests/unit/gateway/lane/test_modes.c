/* Inspections, exempt vehicles and convoys: who is let through, who is not, and what ends it. */
#include "lane_world.h"

static void whole(struct world *w, enum lane_mode mode)
{
    struct lane_config config = world_config();
    config.wired = ALL_INPUTS;
    config.mode = mode;
    world_init(w, &config);
}

static struct lane_event passage_of(struct world *w)
{
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
    event.u.passage.passage = ++w->passages;
    decision_init(&event.u.passage.decision);
    event.u.passage.authenticity = AUTH_TAG;
    event.u.passage.cleared = true;
    event.u.passage.decision.raise = true;
    return event;
}

static uint64_t reads(struct world *w, enum lane_inspect inspect, bool exempt)
{
    struct lane_event event = passage_of(w);
    event.u.passage.inspect = inspect;
    event.u.passage.exempt = exempt;
    world_take(w, &event);
    return event.u.passage.passage;
}

static bool told(const struct world *w, enum log_event_id event, bool active, uint64_t passage)
{
    for (uint32_t i = 0; i < w->out.alarm_count; i++) {
        const struct lane_alarm *alarm = &w->out.alarms[i];
        if (alarm->event == event && alarm->active == active && alarm->passage == passage) {
            return true;
        }
    }
    return false;
}

/* ---- inspections ---- */

static void test_who_is_due_for_inspection(void **state)
{
    (void)state;
    static const struct {
        enum lane_mode mode;
        enum lane_inspect inspect;
        bool opens;
    } cases[] = {{LANE_CHECK_POINT, LANE_INSPECT_UNSAID, false},
                 {LANE_CHECK_POINT, LANE_INSPECT_NOT, true},
                 {LANE_CHECK_POINT, LANE_INSPECT_DUE, false},
                 {LANE_NORMALLY_CLOSED, LANE_INSPECT_UNSAID, true},
                 {LANE_NORMALLY_CLOSED, LANE_INSPECT_NOT, true},
                 {LANE_NORMALLY_CLOSED, LANE_INSPECT_DUE, false},
                 {LANE_NORMALLY_OPEN, LANE_INSPECT_UNSAID, true},
                 {LANE_NORMALLY_OPEN, LANE_INSPECT_DUE, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        whole(&w, cases[i].mode);
        (void)reads(&w, cases[i].inspect, false);
        world_arrives(&w);
        world_run(&w, 1000);
        if ((w.raises > 0) != cases[i].opens ||
            world_alarm(&w, EVENT_LANE_INSPECTION) == cases[i].opens) {
            fail_msg("case %zu: %u raises", i, w.raises);
        }
        assert_int_equal(w.state.hold_count, 0);
    }
}

static void test_inspection_ends_by_a_named_officer(void **state)
{
    (void)state;
    struct world w;
    whole(&w, LANE_CHECK_POINT);
    struct lane_act_event act = {
        .act = 7, .kind = LANE_ACT_INSPECTED, .passage = reads(&w, LANE_INSPECT_UNSAID, false)};
    world_arrives(&w);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NOT_NAMED);
    act.named = true;
    act.passage += 1; /* another vehicle than the one here */
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NO_INSPECTION);
    act.passage = 0; /* "the unread one": there is none */
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NO_INSPECTION);
    assert_int_equal(w.raises, 0);
    act.passage = w.passages;
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_DONE);
    const struct lane_record *record = world_record(&w, LANE_RECORD_INSPECTED);
    assert_int_equal(record->passage, w.passages);
    assert_int_equal(record->act, 7);
    assert_int_equal(record->class, LANE_CLASS_ROUTINE);
    assert_int_equal(w.raises, 1); /* cleared otherwise: it opens */
    assert_false(world_alarm(&w, EVENT_LANE_INSPECTION));
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NO_INSPECTION);
}

static void test_raise_ends_an_inspection_only_with_a_name(void **state)
{
    (void)state;
    struct world w;
    struct lane_act_event act = {.act = 1, .kind = LANE_ACT_RAISE};
    whole(&w, LANE_CHECK_POINT);
    (void)reads(&w, LANE_INSPECT_DUE, false);
    world_arrives(&w);
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NOT_NAMED);
    assert_int_equal(w.raises, 0);
    assert_int_equal(world_named(&w, LANE_ACT_RAISE), LANE_REFUSAL_NONE);
    assert_non_null(world_record(&w, LANE_RECORD_INSPECTED));
    assert_int_equal(w.raises, 1);
}

/* An unread vehicle is due as well; inspected, it still opens by hand only. */
static void test_unread_vehicle_in_a_check_point(void **state)
{
    (void)state;
    struct world w;
    whole(&w, LANE_CHECK_POINT);
    world_arrives(&w);
    assert_true(world_alarm(&w, EVENT_LANE_INSPECTION));
    assert_int_equal(world_named(&w, LANE_ACT_INSPECTED), LANE_REFUSAL_NONE);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
}

static void test_a_draw_is_not_taken_back(void **state)
{
    (void)state;
    struct world w;
    whole(&w, LANE_NORMALLY_CLOSED);
    uint64_t passage = reads(&w, LANE_INSPECT_DUE, false);
    struct lane_event event = passage_of(&w);
    event.u.passage.passage = passage;
    event.u.passage.inspect = LANE_INSPECT_NOT;
    world_take(&w, &event);
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
}

static void test_past_the_exit_while_due_is_run_through(void **state)
{
    (void)state;
    struct world w;
    whole(&w, LANE_CHECK_POINT);
    uint64_t passage = reads(&w, LANE_INSPECT_UNSAID, false);
    world_arrives(&w);
    world_inputs(&w, INPUT_BIT(INPUT_EXIT_LOOP), 0);
    w.now = mono_add_ms(w.now, STEP_MS);
    world_scan(&w);
    assert_true(told(&w, EVENT_LANE_RUN_THROUGH, true, passage));
    assert_int_equal(world_record(&w, LANE_RECORD_RUN_THROUGH)->passage, passage);
    whole(&w, LANE_CHECK_POINT); /* let through by an officer it is none */
    (void)reads(&w, LANE_INSPECT_UNSAID, false);
    world_arrives(&w);
    (void)world_named(&w, LANE_ACT_EMERGENCY_RAISE);
    world_done(&w);
    world_inputs(&w, INPUT_BIT(INPUT_EXIT_LOOP), INPUT_BIT(INPUT_LIMIT_CLOSED));
    world_run(&w, 100);
    assert_false(world_alarm(&w, EVENT_LANE_RUN_THROUGH));
}

/* Where the boom stands open the light alone says it. */
static void test_due_vehicle_sees_red_at_an_open_boom(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.mode = LANE_NORMALLY_OPEN;
    config.auto_close = AUTO_CLOSE_NONE;
    world_init(&w, &config);
    (void)world_named(&w, LANE_ACT_RAISE);
    world_done(&w);
    world_boom_opens(&w);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_GREEN));
    (void)reads(&w, LANE_INSPECT_DUE, false);
    world_arrives(&w);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
}

/* ---- exempt vehicles ---- */

enum exemption {
    PLAIN,
    UNCLEARED,
    NO_RULE,
    DUE,
    FORGED,
    QUIET_HIT,
    HOLDING_HIT,
    NO_LIST,
    EXEMPTIONS
};

static void test_exempt_vehicle_opens_and_hides_no_hit(void **state)
{
    (void)state;
    for (int what = 0; what < EXEMPTIONS; what++) {
        struct world w;
        whole(&w, LANE_NORMALLY_CLOSED);
        struct lane_event event = passage_of(&w);
        event.u.passage.exempt = true;
        event.u.passage.cleared = what != UNCLEARED;
        event.u.passage.decision.raise = what != NO_RULE;
        event.u.passage.inspect = what == DUE ? LANE_INSPECT_DUE : LANE_INSPECT_UNSAID;
        event.u.passage.authenticity = what == FORGED ? AUTH_NONE : AUTH_TAG;
        if (what == QUIET_HIT || what == HOLDING_HIT) {
            event.u.passage.hit_count = 1;
            event.u.passage.hits[0] = (struct lane_hit){
                .hit = 5, .entry = 6, .priority = 3, .holds = what == HOLDING_HIT};
        }
        world_list(&w, what != NO_LIST);
        world_take(&w, &event);
        world_arrives(&w);
        world_run(&w, 1000);
        bool opens = what == PLAIN || what == UNCLEARED || what == NO_RULE || what == DUE;
        if (w.raises != (opens ? 1u : 0u) || w.state.hold_count != (what == HOLDING_HIT)) {
            fail_msg("case %d: %u raises, %u holds", what, w.raises, w.state.hold_count);
        }
    }
}

static void test_last_event_says_whether_exempt(void **state)
{
    (void)state;
    struct world w;
    whole(&w, LANE_CHECK_POINT);
    uint64_t passage = reads(&w, LANE_INSPECT_UNSAID, true);
    struct lane_event event = passage_of(&w);
    event.u.passage.passage = passage;
    world_take(&w, &event);
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
}

/* The plate of an exempt vehicle in a frame nobody vouches for. */
static void test_forged_read_does_not_exempt_a_known_vehicle(void **state)
{
    (void)state;
    struct world w;
    struct lane_event event;
    whole(&w, LANE_CHECK_POINT);
    event = passage_of(&w);
    world_take(&w, &event);
    event.u.passage.exempt = true;
    event.u.passage.authenticity = AUTH_NONE;
    world_take(&w, &event);
    world_arrives(&w);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
}

/* ---- convoys ---- */

static uint64_t commit_of(const struct world *w)
{
    const struct lane_record *record = world_record(w, LANE_RECORD_CONVOY);
    return record ? record->commit : 0;
}

static enum lane_refusal ask(struct world *w, uint32_t for_ms, bool named)
{
    struct lane_act_event act = {
        .act = 3, .kind = LANE_ACT_CONVOY, .for_ms = for_ms, .named = named};
    world_act(w, &act);
    return w->out.replies[0].refusal;
}

static void begin(struct world *w, uint32_t for_ms)
{
    assert_int_equal(ask(w, for_ms, true), LANE_REFUSAL_NONE);
    assert_int_equal(w->out.replies[0].kind, LANE_REPLY_PENDING);
    assert_int_equal(w->raises, 0); /* recorded first */
    world_commit(w, commit_of(w), true);
    assert_int_equal(w->out.replies[0].kind, LANE_REPLY_DONE);
    world_done(w);
}

static void test_convoy_needs_name_time_and_journal(void **state)
{
    (void)state;
    struct world w;
    whole(&w, LANE_NORMALLY_CLOSED);
    struct lane_event journal = {.kind = LANE_EVENT_JOURNAL, .u.journal_commits = false};
    assert_int_equal(ask(&w, 1000, false), LANE_REFUSAL_NOT_NAMED);
    assert_int_equal(ask(&w, 0, true), LANE_REFUSAL_CONVOY_TIME);
    assert_int_equal(ask(&w, LANE_CONVOY_MAX_MS + 1, true), LANE_REFUSAL_CONVOY_TIME);
    world_take(&w, &journal);
    assert_int_equal(ask(&w, 1000, true), LANE_REFUSAL_JOURNAL);
    journal.u.journal_commits = true;
    world_take(&w, &journal);
    assert_int_equal(ask(&w, LANE_CONVOY_MAX_MS, true), LANE_REFUSAL_NONE);
    assert_int_equal(world_record(&w, LANE_RECORD_CONVOY)->for_ms, LANE_CONVOY_MAX_MS);
    uint64_t commit = commit_of(&w);
    assert_int_equal(ask(&w, 1000, true), LANE_REFUSAL_BUSY);
    world_commit(&w, commit, false);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_JOURNAL);
    world_run(&w, 1000);
    assert_int_equal(w.raises, 0);
}

static void test_convoy_committed_too_late_does_not_begin(void **state)
{
    (void)state;
    struct world w;
    whole(&w, LANE_NORMALLY_CLOSED);
    (void)ask(&w, 60000, true);
    uint64_t commit = commit_of(&w);
    world_run(&w, w.config.commit_wait_ms + 100);
    world_commit(&w, commit, true);
    world_run(&w, 1000);
    assert_false(world_alarm(&w, EVENT_LANE_CONVOY));
    assert_int_equal(w.raises, 0);
}

enum spoiler { HELD, WAITING, OUT_OF_SERVICE, FIRE, FOREIGN, LOCAL, SPOILERS };

static void spoil(struct world *w, enum spoiler what)
{
    switch (what) {
    case HELD:
        (void)world_hold_one(w, 2);
        break;
    case WAITING:
        (void)world_passage(w, true, 2);
        break;
    case OUT_OF_SERVICE:
        (void)world_named(w, LANE_ACT_OUT_OF_SERVICE);
        break;
    case FIRE:
        world_inputs(w, INPUT_BIT(INPUT_FIRE_RAISE), 0);
        break;
    case FOREIGN:
        w->outputs |= OUTPUT_BIT(OUTPUT_RAISE);
        break;
    case LOCAL:
        world_inputs(w, INPUT_BIT(INPUT_LOCAL_CONTROL), 0);
        break;
    case SPOILERS:
        break;
    }
    world_run(w, 100);
}

static void test_what_a_convoy_does_not_begin_against(void **state)
{
    (void)state;
    static const enum lane_refusal refusals[SPOILERS] = {
        LANE_REFUSAL_HELD, LANE_REFUSAL_HELD,  LANE_REFUSAL_OUT_OF_SERVICE,
        LANE_REFUSAL_FIRE, LANE_REFUSAL_ALARM, LANE_REFUSAL_LOCAL_CONTROL};
    for (int what = 0; what < SPOILERS; what++) {
        struct world w;
        whole(&w, LANE_NORMALLY_CLOSED);
        spoil(&w, (enum spoiler)what);
        if (ask(&w, 1000, true) != refusals[what]) {
            fail_msg("case %d", what);
        }
        whole(&w, LANE_NORMALLY_CLOSED); /* the same between question and answer */
        (void)ask(&w, 60000, true);
        uint64_t commit = commit_of(&w);
        spoil(&w, (enum spoiler)what);
        world_commit(&w, commit, true);
        if (w.state.convoy_act != 0 || w.out.replies[0].refusal != refusals[what]) {
            fail_msg("case %d began", what);
        }
    }
}

/* Blind and without a list: it is the officer's order. The barrier closes behind each vehicle. */
static void test_convoy_opens_for_everybody(void **state)
{
    (void)state;
    struct world w;
    whole(&w, LANE_NORMALLY_CLOSED);
    world_list(&w, false);
    begin(&w, 600000);
    assert_int_equal(w.raises, 1);
    assert_true(world_alarm(&w, EVENT_LANE_CONVOY));
    world_boom_opens(&w);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_GREEN));
    world_arrives(&w);
    world_drives_through(&w);
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_OPEN)); /* its own controller closes */
    world_run(&w, STEP_MS);
    assert_int_equal(w.raises, 2);
    assert_false(world_alarm(&w, EVENT_LANE_FOREIGN_MOTION));
    assert_int_equal(w.lowers, 0);
}

static void test_convoy_holds_nobody_and_tells(void **state)
{
    (void)state;
    struct world w;
    whole(&w, LANE_NORMALLY_CLOSED);
    begin(&w, 600000);
    world_boom_opens(&w);
    uint64_t passage = world_passage(&w, true, 1);
    assert_true(told(&w, EVENT_LANE_CONVOY_HIT, true, passage));
    const struct lane_record *record = world_record(&w, LANE_RECORD_CONVOY_HIT);
    assert_int_equal(record->hit_count, 1);
    assert_int_equal(record->priority, 1);
    world_arrives(&w);
    assert_int_equal(w.state.hold_count, 0);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_GREEN));
    world_drives_through(&w);
    assert_int_equal(w.lowers, 0);
    assert_true(world_alarm(&w, EVENT_LANE_CONVOY_HIT)); /* until somebody has looked */
    (void)world_named(&w, LANE_ACT_ACK);
    assert_false(world_alarm(&w, EVENT_LANE_CONVOY_HIT));
}

static void test_hit_still_here_at_the_end_is_held(void **state)
{
    (void)state;
    struct world w;
    whole(&w, LANE_NORMALLY_CLOSED);
    begin(&w, 600000);
    world_boom_opens(&w);
    (void)world_passage(&w, true, 2);
    world_arrives(&w);
    w.state.left_open = true; /* one left on this very step */
    assert_int_equal(world_named(&w, LANE_ACT_CONVOY_END), LANE_REFUSAL_NONE);
    assert_false(w.state.left_open);
    assert_int_equal(w.state.hold_count, 1);
    assert_int_equal(w.state.lights, OUTPUT_BIT(OUTPUT_RED));
}

static void test_convoy_ends_by_time_and_lowers_nothing(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    config.auto_close = AUTO_CLOSE_NONE;
    config.lower_automatically = true;
    config.person_device = true;
    config.vehicle_detector = true;
    world_init(&w, &config);
    struct lane_event test = {.kind = LANE_EVENT_GUIDED_TEST, .u.guided_test_valid_ms = 1000000};
    world_take(&w, &test);
    world_inputs(&w, INPUT_BIT(INPUT_PERSON_OK) | INPUT_BIT(INPUT_DETECTOR_OK), 0);
    begin(&w, 30000);
    world_boom_opens(&w);
    world_passage(&w, false, 3);
    world_arrives(&w);
    world_drives_through(&w);
    world_run(&w, 10000);
    assert_null(world_record(&w, LANE_RECORD_LOWER));
    assert_int_equal(w.state.commits[0].kind, COMMIT_NONE); /* open behind it, yet no lower */
    assert_true(w.state.convoy_act != 0);
    world_run(&w, 20000);
    assert_int_equal(w.state.convoy_act, 0);
    assert_true(world_alarm(&w, EVENT_LANE_BOOM_LEFT_OPEN));
    world_run(&w, 20000);
    assert_int_equal(w.state.commits[0].kind, COMMIT_NONE);
    assert_int_equal(w.lowers, 0);
}

enum ending {
    END_STOP,
    END_HOLD,
    END_ESTOP,
    END_LOCAL,
    END_FAULT,
    END_BROKEN,
    END_FIRE,
    END_OUT,
    END_FOREIGN,
    ENDINGS
};

static void end_it(struct world *w, enum ending what)
{
    static const uint32_t inputs[ENDINGS] = {[END_ESTOP] = INPUT_BIT(INPUT_EMERGENCY_STOP),
                                             [END_LOCAL] = INPUT_BIT(INPUT_LOCAL_CONTROL),
                                             [END_FAULT] = INPUT_BIT(INPUT_FAULT),
                                             [END_BROKEN] = INPUT_BIT(INPUT_BOOM_OFF),
                                             [END_FIRE] = INPUT_BIT(INPUT_FIRE_RAISE)};
    world_inputs(w, inputs[what], 0);
    if (what == END_STOP) {
        (void)world_named(w, LANE_ACT_STOP);
    } else if (what == END_HOLD) {
        (void)world_named(w, LANE_ACT_HOLD);
    } else if (what == END_OUT) {
        (void)world_named(w, LANE_ACT_OUT_OF_SERVICE);
    } else if (what == END_FOREIGN) {
        world_inputs(w, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
        world_scan(w);
    } else {
        world_scan(w);
    }
}

static void test_everything_that_ends_a_convoy(void **state)
{
    (void)state;
    for (int what = 0; what < ENDINGS; what++) {
        struct world w;
        whole(&w, LANE_NORMALLY_CLOSED);
        begin(&w, 600000);
        world_boom_opens(&w);
        w.now = mono_add_ms(w.now, STEP_MS);
        end_it(&w, (enum ending)what);
        if (w.state.convoy_act != 0 || !world_record(&w, LANE_RECORD_CONVOY_ENDED) ||
            world_alarm(&w, EVENT_LANE_CONVOY)) {
            fail_msg("case %d does not end it", what);
        }
        assert_int_equal(w.lowers, 0);
    }
}

static void test_ending_a_convoy_needs_a_name_and_a_convoy(void **state)
{
    (void)state;
    struct world w;
    struct lane_act_event act = {.act = 4, .kind = LANE_ACT_CONVOY_END};
    whole(&w, LANE_NORMALLY_CLOSED);
    assert_int_equal(world_named(&w, LANE_ACT_CONVOY_END), LANE_REFUSAL_NO_CONVOY);
    begin(&w, 600000);
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NOT_NAMED);
    assert_true(w.state.convoy_act != 0);
}

static void test_convoy_without_journal_raises_nothing_anew(void **state)
{
    (void)state;
    struct world w;
    struct lane_event journal = {.kind = LANE_EVENT_JOURNAL, .u.journal_commits = false};
    whole(&w, LANE_NORMALLY_CLOSED);
    begin(&w, 600000);
    world_boom_opens(&w);
    world_arrives(&w);
    world_drives_through(&w);
    world_take(&w, &journal);
    world_inputs(&w, 0, INPUT_BIT(INPUT_LIMIT_OPEN));
    world_run(&w, 200);
    assert_int_equal(w.raises, 1);
}

static void test_boom_that_does_not_go_up_ends_the_convoy(void **state)
{
    (void)state;
    struct world w;
    whole(&w, LANE_NORMALLY_CLOSED);
    begin(&w, 600000);
    world_run(&w, w.config.travel_ms + 200);
    assert_true(world_alarm(&w, EVENT_LANE_UNCONFIRMED));
    assert_int_equal(w.state.convoy_act, 0);
    assert_int_equal(w.raises, 1);
}

static void test_restored_convoy_has_ended(void **state)
{
    (void)state;
    struct world w = {.config = world_config(), .now = {1000}};
    struct lane_event event = {.kind = LANE_EVENT_RESTORE_SERVICE,
                               .u.restore_service = {.convoy = true}};
    lane_init(&w.config, &w.state, 100, w.now);
    world_take(&w, &event);
    assert_non_null(world_record(&w, LANE_RECORD_CONVOY_ENDED));
    assert_int_equal(w.state.convoy_act, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_due_for_inspection),
        cmocka_unit_test(test_inspection_ends_by_a_named_officer),
        cmocka_unit_test(test_raise_ends_an_inspection_only_with_a_name),
        cmocka_unit_test(test_unread_vehicle_in_a_check_point),
        cmocka_unit_test(test_a_draw_is_not_taken_back),
        cmocka_unit_test(test_past_the_exit_while_due_is_run_through),
        cmocka_unit_test(test_due_vehicle_sees_red_at_an_open_boom),
        cmocka_unit_test(test_exempt_vehicle_opens_and_hides_no_hit),
        cmocka_unit_test(test_last_event_says_whether_exempt),
        cmocka_unit_test(test_forged_read_does_not_exempt_a_known_vehicle),
        cmocka_unit_test(test_convoy_needs_name_time_and_journal),
        cmocka_unit_test(test_convoy_committed_too_late_does_not_begin),
        cmocka_unit_test(test_what_a_convoy_does_not_begin_against),
        cmocka_unit_test(test_convoy_opens_for_everybody),
        cmocka_unit_test(test_convoy_holds_nobody_and_tells),
        cmocka_unit_test(test_hit_still_here_at_the_end_is_held),
        cmocka_unit_test(test_convoy_ends_by_time_and_lowers_nothing),
        cmocka_unit_test(test_everything_that_ends_a_convoy),
        cmocka_unit_test(test_ending_a_convoy_needs_a_name_and_a_convoy),
        cmocka_unit_test(test_convoy_without_journal_raises_nothing_anew),
        cmocka_unit_test(test_boom_that_does_not_go_up_ends_the_convoy),
        cmocka_unit_test(test_restored_convoy_has_ended)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
