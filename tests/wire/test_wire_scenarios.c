/*
 * What the road and the cabinet are known to do to a lane, one by one, on the simulated wire: each
 * with what must come of it, and with the monitor over all of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "site.h"

enum { KNOWN_MS = 22000, LOOK_MS = 5, STEPS_MAX = 12, RIGHT_AWAY = 10 };

static const int64_t MS = 1000000;

/* What is done when, and what is looked at all the time. */
struct step {
    int64_t at_ms;
    void (*does)(struct site *site);
};

struct script {
    struct step steps[STEPS_MAX]; /* in the order of time; the rest zero */
    unsigned next;
    void (*looks)(struct site *site);
    uint32_t id[5]; /* of vehicles */
    int stage;
    bool came_down; /* by the gateway's coil, over the first vehicle */
    uint64_t motions;
};

static struct site site; /* large; one at a time */

static struct script *script_of(struct site *s)
{
    return s->ctx;
}

static struct plant_vehicle *vehicle(struct site *s, uint32_t id)
{
    for (int i = 0; id != 0 && i < PLANT_VEHICLES_MAX; i++) {
        if (s->plant.vehicles[i].id == id) {
            return &s->plant.vehicles[i];
        }
    }
    return NULL;
}

static void due(struct site *s)
{
    struct script *script = script_of(s);
    const struct plant_vehicle *first = vehicle(s, script->id[0]);
    script->came_down |= first && s->plant.motion < 0 && s->plant.moved_by == MOVED_BY_COIL &&
                         first->front_m > -1.5 && first->front_m - first->length_m < 1.5;
    while (script->next < STEPS_MAX && script->steps[script->next].does &&
           s->now_ns >= script->steps[script->next].at_ms * MS) {
        script->steps[script->next++].does(s);
    }
    if (script->looks) {
        script->looks(s);
    }
    s->next_ns = s->now_ns + LOOK_MS * MS;
}

static struct lane_config plain(void)
{
    struct lane_config config;
    site_config(&config);
    return config;
}

/* The barrier closes behind its exit loop. */
static struct lane_config closing(void)
{
    struct lane_config config = plain();
    config.auto_close = AUTO_CLOSE_LOOP;
    return config;
}

static struct lane_config lowering(void)
{
    struct lane_config config = plain();
    config.lower_automatically = config.person_device = config.vehicle_detector = true;
    return config;
}

static void tested(struct site *s)
{
    s->monitor.guided = true;
    struct lane_event event = {.kind = LANE_EVENT_GUIDED_TEST};
    event.u.guided_test_valid_ms = 3600000;
    site_tell(s, &event);
}

static void play(struct script *script, const struct lane_config *config, int64_t ms)
{
    site_run(&site, config, ms, due, script);
    if (site.monitor.violations > 0) {
        fail_msg("%u violations, the first: %s", site.monitor.violations, site.monitor.first);
    }
    assert_true(site.monitor.scans > 0 && script->next > 0);
}

static void fresh(void)
{
    memset(&site, 0, sizeof(site));
    site.seed = 1;
}

static uint64_t alarms(enum log_event_id event)
{
    return site.alarm_count[event - EVENT_LANE_CONTACT_LOST];
}

static uint64_t raises(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 16; i++) {
        sum += site.raises_by_cause[i];
    }
    return sum;
}

static void comes(struct site *s, unsigned place, enum road_user user, bool wanted)
{
    struct plant_vehicle *v = site_arrive(s, user, wanted);
    assert_non_null(v);
    script_of(s)->id[place] = v->id;
}

static void car(struct site *s)
{
    comes(s, 0, USER_CAR, false);
}

static void second_car(struct site *s)
{
    comes(s, 1, USER_CAR, false);
}

static void officer(enum lane_act_kind kind)
{
    (void)site_act(&site, (struct lane_act_event){.kind = kind, .named = true});
}

static void officer_raises(struct site *s)
{
    (void)s; /* there is one */
    officer(LANE_ACT_RAISE);
}

static void officer_acknowledges(struct site *s)
{
    (void)s;
    officer(LANE_ACT_ACK);
}

/* ---- vehicles ---- */

static void gap_truck(struct site *s)
{
    comes(s, 0, USER_GAP_TRUCK, false);
}

static void test_axle_gap_truck(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        fresh();
        struct lane_config config = own ? closing() : lowering();
        struct script script = {
            .steps = {{RIGHT_AWAY, tested}, {KNOWN_MS, gap_truck}, {55000, second_car}}};
        play(&script, &config, 90000);
        assert_false(script.came_down);
        assert_null(vehicle(&site, script.id[0]));
        bool lost = site.records[LANE_RECORD_ORDER_LOST] > 0;
        assert_true(site.records[LANE_RECORD_LEFT] == 2 || lost); /* never two of it */
        assert_true(lost || site.raises_by_cause[LANE_CAUSE_CLEARED] == 2);
        assert_true(own || lost || site.monitor.lowers == 2);
        assert_int_equal(alarms(EVENT_LANE_OBSTACLE), 0);
    }
}

static void reverses(struct site *s)
{
    struct plant_vehicle *v = vehicle(s, script_of(s)->id[0]);
    struct script *script = script_of(s);
    if (v && script->stage == 0 && v->front_m > 6.0) {
        v->speed_mps = -1.0;
        script->stage = 1;
    } else if (v && script->stage == 1 && v->front_m < -3.0) { /* behind the stop line again */
        v->speed_mps = 2.0;
        script->stage = 2;
    }
}

static void trailer(struct site *s)
{
    comes(s, 0, USER_GAP_TRUCK, false);
    struct plant_vehicle *v = vehicle(s, script_of(s)->id[0]);
    v->length_m = 11.0; /* a car, its drawbar, its trailer */
    v->gap_from_m = 4.5;
    v->gap_to_m = 6.0;
}

static void test_reversing_trailer(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        fresh();
        struct lane_config config = own ? closing() : lowering();
        struct script script = {.steps = {{RIGHT_AWAY, tested}, {KNOWN_MS, trailer}},
                                .looks = reverses};
        play(&script, &config, 80000);
        assert_int_equal(script.stage, 2);
        assert_false(script.came_down);
        /* Once more behind the stop line it is somebody unread; never a second one that was read.
         */
        assert_true(site.left_read <= 1 || site.records[LANE_RECORD_ORDER_LOST] > 0);
        assert_int_equal(site.plant.harm, 0);
    }
}

static void cleared_and_tailgater(struct site *s)
{
    comes(s, 0, USER_CAR, false);
    comes(s, 1, USER_CAR, true);
    vehicle(s, script_of(s)->id[1])->tailgates = true;
    site_disturbed(s);
}

/* The wanted one goes through behind the cleared one, on its opening. */
static void test_tailgater_behind_a_cleared_car(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = closing();
    struct script script = {.steps = {{KNOWN_MS, cleared_and_tailgater},
                                      {32000, officer_acknowledges},
                                      {32100, officer_raises}}};
    play(&script, &config, 100000);
    assert_int_equal(site.records[LANE_RECORD_HOLD_WAITING], 1); /* the officer was told at once */
    assert_null(vehicle(&site, script.id[1]));
    assert_true(alarms(EVENT_LANE_RUN_THROUGH) + alarms(EVENT_LANE_CONFIRM_VEHICLE) +
                    alarms(EVENT_LANE_HELD_VEHICLE_GONE) >
                0);
    assert_true(site.alarms != 0); /* and it stays until somebody has looked */
}

static void wanted_that_runs(struct site *s)
{
    comes(s, 0, USER_CAR, true);
    vehicle(s, script_of(s)->id[0])->runs = true;
}

static void test_held_vehicle_that_runs_through(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = closing();
    struct script script = {.steps = {{KNOWN_MS, wanted_that_runs}}};
    play(&script, &config, 40000);
    assert_int_equal(site.holds_made, 1);
    assert_int_equal(site.records[LANE_RECORD_RUN_THROUGH], 1);
    assert_true(site_alarm(&site, EVENT_LANE_RUN_THROUGH));
    assert_int_equal(raises(), 0);
}

static void wanted_car(struct site *s)
{
    comes(s, 0, USER_CAR, true);
}

static void runs_unseen(struct site *s)
{
    assert_int_equal(s->lane.hold_count, 1);
    plant_power(&s->plant, false);
    vehicle(s, script_of(s)->id[0])->runs = true;
}

static void stops_on_the_exit_loop(struct site *s)
{
    struct plant_vehicle *v = vehicle(s, script_of(s)->id[0]);
    if (v && v->front_m > 4.0) {
        v->speed_mps = 0;
    }
}

static void power_back(struct site *s)
{
    plant_power(&s->plant, true);
}

static void test_held_vehicle_that_runs_through_unseen(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = closing();
    struct script script = {.steps = {{KNOWN_MS, wanted_car},
                                      {KNOWN_MS + 9000, runs_unseen},
                                      {KNOWN_MS + 15000, power_back}},
                            .looks = stops_on_the_exit_loop};
    play(&script, &config, KNOWN_MS + 20000);
    assert_int_equal(site.records[LANE_RECORD_RUN_THROUGH], 1);
    assert_true(site_alarm(&site, EVENT_LANE_RUN_THROUGH));
    assert_non_null(vehicle(&site, script.id[0])); /* it stands there still */
}

static void motorcycle(struct site *s)
{
    comes(s, 0, USER_MOTORCYCLE, false);
}

static void wanted_motorcycle(struct site *s)
{
    comes(s, 1, USER_MOTORCYCLE, true);
}

static void test_motorcycle(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = lowering();
    struct script script = {
        .steps = {{RIGHT_AWAY, tested}, {KNOWN_MS, motorcycle}, {45000, wanted_motorcycle}}};
    play(&script, &config, 70000);
    assert_false(script.came_down);
    assert_int_equal(site.raises_by_cause[LANE_CAUSE_CLEARED], 1);
    assert_int_equal(site.records[LANE_RECORD_LEFT], 1);
    assert_int_equal(site.monitor.lowers, 1);
    assert_int_equal(site.held_vehicle, script.id[1]);
    assert_non_null(vehicle(&site, script.id[1]));
}

static void pedestrian_lurks(struct site *s)
{
    comes(s, 1, USER_PEDESTRIAN, false);
    vehicle(s, script_of(s)->id[1])->lurks = true;
}

static void test_pedestrian_under_a_boom_that_comes_down(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = lowering();
    struct script script = {
        .steps = {{RIGHT_AWAY, tested}, {KNOWN_MS, car}, {KNOWN_MS + 100, pedestrian_lurks}}};
    play(&script, &config, 60000);
    assert_int_equal(site.monitor.lowers, 1);
    assert_true(site.monitor.guard_acts > 0);
    assert_int_equal(alarms(EVENT_LANE_OBSTACLE), 1);
    assert_true(site.plant.boom >= 1.0); /* up again, and down no more before somebody has looked */
    assert_null(vehicle(&site, script.id[1]));
}

/* ---- five queued, the third is wanted, the second leaves ---- */

static void five_queue(struct site *s)
{
    for (unsigned i = 0; i < 5; i++) {
        comes(s, i, USER_CAR, i == 2);
    }
    vehicle(s, script_of(s)->id[1])->turns_away = true;
}

static void test_five_queued_boom_camera(void **state)
{
    (void)state;
    fresh();
    site.boom_camera = true;
    struct lane_config config = closing();
    struct script script = {.steps = {{KNOWN_MS, five_queue}}};
    play(&script, &config, 90000);
    assert_int_equal(site.held_vehicle, script.id[2]);
    assert_int_equal(site.lane.hold_count, 1);
    assert_null(vehicle(&site, script.id[0]));
    assert_non_null(vehicle(&site, script.id[2]));
    assert_true(vehicle(&site, script.id[2])->front_m <= -1.9); /* before the boom still */
}

/* The loops cannot tell; so nobody passes as somebody else. */
static void test_five_queued_loops_alone(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = closing();
    struct script script = {.steps = {{KNOWN_MS, five_queue}, {60000, officer_acknowledges}}};
    play(&script, &config, 120000);
    assert_int_equal(site.records[LANE_RECORD_HOLD_WAITING], 1);
    assert_true(alarms(EVENT_LANE_CONFIRM_VEHICLE) > 0);
    assert_true(site.raises_by_cause[LANE_CAUSE_CLEARED] <= 1); /* the first, before the hit */
    assert_non_null(vehicle(&site, script.id[2]));
    assert_true(vehicle(&site, script.id[2])->front_m <= -1.9);
}

static void car_and_unread_one_close_behind(struct site *s)
{
    car(s);
    second_car(s);
    vehicle(s, script_of(s)->id[1])->read = true; /* the camera has missed it */
}

static void somebody_walks_across(struct site *s)
{
    comes(s, 4, USER_PEDESTRIAN, false);
}

static void wanted_and_cleared(struct site *s)
{
    comes(s, 2, USER_CAR, true);
    comes(s, 3, USER_CAR, false);
}

static void officer_waves_it_on(struct site *s) /* the light stays red for the one behind */
{
    vehicle(s, script_of(s)->id[1])->granted = true;
}

/* The entry loop has no free moment between the first two; nobody is taken for one that has left.
 */
static void test_unread_one_close_behind(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = closing();
    struct script script = {.steps = {{KNOWN_MS, car_and_unread_one_close_behind},
                                      {30000, somebody_walks_across},
                                      {31500, somebody_walks_across},
                                      {33000, somebody_walks_across},
                                      {40000, wanted_and_cleared},
                                      {52000, officer_raises},
                                      {54500, officer_waves_it_on}}};
    play(&script, &config, 90000);
    assert_null(vehicle(&site, script.id[1]));
    assert_int_equal(site.holds_made, 1);
    assert_int_equal(site.held_vehicle, script.id[2]);
    assert_true(vehicle(&site, script.id[2])->front_m <= -1.9);
    assert_int_equal(alarms(EVENT_LANE_HELD_VEHICLE_GONE), 0);
}

/* ---- the cabinet ---- */

static void power_goes(struct site *s, int motion)
{
    struct script *script = script_of(s);
    bool there = s->plant.motion == motion && s->plant.boom > 0.3 && s->plant.boom < 0.7;
    if (script->stage == 0 && there) {
        plant_power(&s->plant, false);
        script->stage = 1;
        script->motions = s->monitor.motions;
        script->steps[script->next] = (struct step){s->now_ns / MS + 4000, power_back};
    }
}

static void power_goes_raising(struct site *s)
{
    power_goes(s, 1);
}

static void power_goes_lowering(struct site *s)
{
    power_goes(s, -1);
}

static void test_power_loss_while_it_goes_up(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = lowering();
    struct script script = {.steps = {{RIGHT_AWAY, tested}, {KNOWN_MS, car}},
                            .looks = power_goes_raising};
    play(&script, &config, 60000);
    assert_int_equal(script.stage, 1);
    assert_true(alarms(EVENT_LANE_CONTACT_LOST) > 0);
    assert_false(site_alarm(&site, EVENT_LANE_CONTACT_LOST));
    assert_int_equal(site.monitor.lowers, 0);
    assert_int_equal(site.monitor.motions, script.motions); /* nothing moves by itself */
    assert_int_equal(site.lane.boom, BOOM_UNKNOWN);
}

static void test_power_loss_while_it_comes_down(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = lowering();
    struct script script = {.steps = {{RIGHT_AWAY, tested}, {KNOWN_MS, car}},
                            .looks = power_goes_lowering};
    play(&script, &config, 60000);
    assert_int_equal(script.stage, 1);
    assert_int_equal(site.monitor.lowers, 1); /* not again */
    assert_int_equal(site.monitor.motions, script.motions);
    assert_true(site.plant.boom > 0.2 && site.plant.boom < 0.8);
    assert_int_equal(site.lane.boom, BOOM_UNKNOWN);
}

static void both_limits(struct site *s)
{
    s->plant.forced = s->plant.levels = BIT(CONTACT_OPEN) | BIT(CONTACT_CLOSED);
    script_of(s)->motions = s->monitor.motions;
}

static void emergency(struct site *s)
{
    (void)s;
    officer(LANE_ACT_EMERGENCY_RAISE);
}

static void note_raises(struct site *s)
{
    assert_int_equal(s->monitor.motions, script_of(s)->motions);
    assert_int_equal(s->lane.boom, BOOM_FAULT);
}

static void test_both_limits_at_once(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = lowering();
    struct script script = {.steps = {{RIGHT_AWAY, tested},
                                      {KNOWN_MS, both_limits},
                                      {KNOWN_MS + 100, car},
                                      {KNOWN_MS + 9000, officer_raises},
                                      {KNOWN_MS + 12000, note_raises},
                                      {KNOWN_MS + 13000, emergency}}};
    play(&script, &config, 60000);
    assert_true(site_alarm(&site, EVENT_LANE_BARRIER_FAULT));
    assert_int_equal(site.raises_by_cause[LANE_CAUSE_CLEARED], 0);
    assert_int_equal(site.raises_by_cause[LANE_CAUSE_OFFICER], 0);
    assert_true(site.raises_by_cause[LANE_CAUSE_EMERGENCY] > 0); /* rule 5: always */
    assert_true(site.plant.boom >= 1.0);
    assert_int_equal(site.monitor.lowers, 0);
}

static void open_limit_stays_dead(struct site *s)
{
    s->plant.forced = BIT(CONTACT_OPEN);
    s->plant.levels = 0;
}

static void test_upper_limit_that_never_closes(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = lowering();
    struct script script = {
        .steps = {{RIGHT_AWAY, tested}, {KNOWN_MS, open_limit_stays_dead}, {KNOWN_MS + 100, car}}};
    play(&script, &config, 60000);
    assert_true(alarms(EVENT_LANE_UNCONFIRMED) > 0);
    assert_int_equal(site.monitor.lowers, 0); /* it is not known to be up */
    assert_true(raises() <= LANE_RAISES_MAX);
}

static void raise_welds(struct site *s)
{
    s->plant.welded = BIT(COIL_RAISE);
}

static void test_raise_relay_that_stays_on(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = lowering();
    struct script script = {
        .steps = {{RIGHT_AWAY, tested}, {KNOWN_MS, raise_welds}, {KNOWN_MS + 100, car}}};
    play(&script, &config, 60000);
    assert_true(site_alarm(&site, EVENT_LANE_FOREIGN_MOTION));
    assert_int_equal(site.monitor.lowers, 0); /* rule 2: raise is energised */
}

static void line_breaks(struct site *s)
{
    struct script *script = script_of(s);
    if (script->stage == 0 && s->plant.motion < 0 && s->plant.boom < 0.7) {
        s->fault = WIRE_LOST_ANSWER;
        s->fault_left = 12;
        script->stage = 1;
    }
}

static void test_contact_lost_while_it_comes_down(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = lowering();
    struct script script = {.steps = {{RIGHT_AWAY, tested}, {KNOWN_MS, car}}, .looks = line_breaks};
    play(&script, &config, 60000);
    assert_int_equal(script.stage, 1);
    assert_true(alarms(EVENT_LANE_CONTACT_LOST) > 0);
    assert_false(site_alarm(&site, EVENT_LANE_CONTACT_LOST));
    assert_int_equal(site.monitor.lowers, 1);
    assert_int_equal(raises(), 1); /* the car's */
}

static void answers_are_late(struct site *s)
{
    s->fault = WIRE_LATE;
    s->fault_left = 200;
}

static void test_late_answers(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = closing();
    struct script script = {.steps = {{KNOWN_MS, car}, {KNOWN_MS + 1000, answers_are_late}}};
    play(&script, &config, 90000);
    assert_int_equal(site.fault_left, 0);
    assert_in_range(site.raises_by_cause[LANE_CAUSE_CLEARED], 1,
                    LANE_RAISES_MAX); /* orders expire */
    assert_null(vehicle(&site, script.id[0]));
    assert_true(site.monitor.late_at > 0);
}

/* ---- lowering by hand ---- */

enum { PRESS = 5, BEAT_MS = 200, PRESS_MS = KNOWN_MS + 15000 };

static struct lane_config by_hand(void)
{
    struct lane_config config = plain();
    config.manual_lower = true;
    return config;
}

static void officer_presses(struct site *s)
{
    assert_true(s->plant.boom >= 1.0);
    (void)site_act(s,
                   (struct lane_act_event){.kind = LANE_ACT_LOWER, .press = PRESS, .named = true});
    script_of(s)->stage = 1; /* the thumb stays on it */
}

static void thumb(struct site *s)
{
    static int64_t next_ns;
    struct script *script = script_of(s);
    if (script->stage == 0) {
        next_ns = 0;
    } else if (script->stage == 1 && s->now_ns >= next_ns) {
        next_ns = s->now_ns + BEAT_MS * MS;
        site_beat(s, PRESS, false);
    }
}

static void beats_are_lost(struct site *s)
{
    assert_true(s->plant.motion < 0);
    script_of(s)->stage = 2;
}

static void officer_lets_go(struct site *s)
{
    beats_are_lost(s);
    site_beat(s, PRESS, true);
}

static void lane_hangs(struct site *s)
{
    assert_true(s->plant.motion < 0);
    s->lane_hangs = true;
}

static void test_lowering_by_hand(void **state)
{
    (void)state;
    fresh();
    struct lane_config config = by_hand();
    struct script script = {.steps = {{KNOWN_MS, officer_raises}, {PRESS_MS, officer_presses}},
                            .looks = thumb};
    play(&script, &config, PRESS_MS + 15000);
    assert_true(site.plant.boom <= 0.0);
    assert_int_equal(site.records[LANE_RECORD_LOWER_BY_HAND], 1);
    assert_int_equal(site.records[LANE_RECORD_LOWER_ENDED], 1);
    assert_int_equal(alarms(EVENT_LANE_FOREIGN_MOTION) + alarms(EVENT_LANE_ORDER_FAILED), 0);
    assert_true(site.monitor.lowers > 5); /* one a beat */
}

/* Let go, not heard of, or the lane's thread hangs: it stands where it was half a second later. */
static void test_lowering_by_hand_stops(void **state)
{
    (void)state;
    void (*const ends[])(struct site *) = {officer_lets_go, beats_are_lost, lane_hangs};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        fresh();
        struct lane_config config = by_hand();
        struct script script = {.steps = {{KNOWN_MS, officer_raises},
                                          {PRESS_MS, officer_presses},
                                          {PRESS_MS + 1200, ends[i]}},
                                .looks = thumb};
        play(&script, &config, PRESS_MS + 12000);
        assert_true(site.plant.boom > 0.0 && site.plant.boom < 1.0);
        assert_int_equal(site.plant.motion, 0);
        assert_int_equal(alarms(EVENT_LANE_FOREIGN_MOTION), 0);
        assert_int_equal(site.records[LANE_RECORD_LOWER_ENDED], ends[i] != lane_hangs);
    }
}

static void somebody_walks_under_it(struct site *s)
{
    assert_true(s->plant.motion < 0);
    comes(s, 0, USER_PEDESTRIAN, false);
}

static void test_somebody_under_a_boom_lowered_by_hand(void **state)
{
    (void)state;
    for (int hangs = 0; hangs < 2; hangs++) {
        fresh();
        struct lane_config config = by_hand();
        struct script script = {.steps = {{KNOWN_MS, officer_raises},
                                          {PRESS_MS, officer_presses},
                                          {PRESS_MS + 900, somebody_walks_under_it},
                                          {PRESS_MS + 1700, hangs ? lane_hangs : NULL}},
                                .looks = thumb};
        play(&script, &config, PRESS_MS + 20000);
        assert_int_equal(site.plant.harm, 0);
        assert_true(site.monitor.guard_acts > 0);
        assert_true(site.plant.boom >= 1.0); /* the thumb is still on it, and nobody heeds it */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axle_gap_truck),
        cmocka_unit_test(test_reversing_trailer),
        cmocka_unit_test(test_tailgater_behind_a_cleared_car),
        cmocka_unit_test(test_held_vehicle_that_runs_through),
        cmocka_unit_test(test_held_vehicle_that_runs_through_unseen),
        cmocka_unit_test(test_motorcycle),
        cmocka_unit_test(test_pedestrian_under_a_boom_that_comes_down),
        cmocka_unit_test(test_five_queued_boom_camera),
        cmocka_unit_test(test_five_queued_loops_alone),
        cmocka_unit_test(test_unread_one_close_behind),
        cmocka_unit_test(test_power_loss_while_it_goes_up),
        cmocka_unit_test(test_power_loss_while_it_comes_down),
        cmocka_unit_test(test_both_limits_at_once),
        cmocka_unit_test(test_upper_limit_that_never_closes),
        cmocka_unit_test(test_raise_relay_that_stays_on),
        cmocka_unit_test(test_contact_lost_while_it_comes_down),
        cmocka_unit_test(test_lowering_by_hand),
        cmocka_unit_test(test_lowering_by_hand_stops),
        cmocka_unit_test(test_somebody_under_a_boom_lowered_by_hand),
        cmocka_unit_test(test_late_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
