/* Vehicles counted by the loops, reads by passage, judged by the hour. */
#include "vehicle_world.h"

static struct vehicle_world *create(uint32_t count_min)
{
    struct vehicle_world *w = world_create();
    world_slot(w)->options.captures = (struct capture_options){.day_from_h = 6,
                                                               .day_until_h = 19,
                                                               .day_percent = 95,
                                                               .night_percent = 80,
                                                               .count_min = count_min};
    /* Early in an hour, so that the test does not end one by chance. */
    w->now = mono_add_ms(w->now, CAPTURE_HOUR_MS - world_wall(w).ms % CAPTURE_HOUR_MS);
    world_run(w, 100);
    return w;
}

static void pass(struct vehicle_world *w, const char *plate)
{
    if (plate)
        world_see(w, (struct sight){.camera = FRONT, .plate = plate});
    world_loops(w, ENTRY_LOOP, 0, 1000);
    world_drives_through(w);
}

static const struct capture_hour *hour_of(struct vehicle_world *w)
{
    return &world_slot(w)->captures.hour;
}

static bool alarmed(struct vehicle_world *w)
{
    return world_slot(w)->captures.low;
}

static void a_vehicle_is_counted_once_however_often_it_is_read(void **state)
{
    (void)state;
    struct vehicle_world *w = create(20);
    world_see(w, (struct sight){.camera = FRONT, .plate = "鲁H11111"});
    world_run(w, 500);
    pass(w, "鲁H11111");
    assert_int_equal(hour_of(w)->vehicles, 1);
    assert_int_equal(hour_of(w)->captured, 1);
    pass(w, NULL);
    pass(w, "-------"); /* a camera that looked and read nothing */
    assert_int_equal(hour_of(w)->vehicles, 3);
    assert_int_equal(hour_of(w)->captured, 1);
    pass(w, "无车牌"); /* it has none: that was read */
    assert_int_equal(hour_of(w)->captured, 2);
    world_destroy(w);
}

static void a_read_nobody_vouches_for_does_not_count(void **state)
{
    (void)state;
    struct vehicle_world *w = create(2);
    for (int i = 0; i < 2; i++) {
        char plate[16];
        snprintf(plate, sizeof plate, "鲁H1111%d", i);
        world_see(w, (struct sight){.camera = FRONT, .plate = plate, .forged = true});
        pass(w, NULL);
    }
    assert_int_equal(hour_of(w)->vehicles, 2);
    assert_int_equal(hour_of(w)->captured, 0);
    assert_true(alarmed(w));
    world_see(w, (struct sight){.camera = FRONT, .plate = "鲁H22222", .forged = true});
    pass(w, "鲁H22222"); /* read again, by one that is */
    assert_int_equal(hour_of(w)->captured, 1);
    world_destroy(w);
}

static void an_axle_gap_is_no_second_vehicle(void **state)
{
    (void)state;
    struct vehicle_world *w = create(20);
    world_loops(w, EXIT_LOOP, 0, 400);
    world_loops(w, 0, EXIT_LOOP, 600);
    world_loops(w, EXIT_LOOP, 0, 400);
    world_loops(w, 0, EXIT_LOOP, 1500);
    assert_int_equal(hour_of(w)->vehicles, 1);
    world_destroy(w);
}

static void too_few_reads_alarm_and_a_good_hour_ends_it(void **state)
{
    (void)state;
    struct vehicle_world *w = create(3);
    pass(w, "鲁H11111");
    pass(w, NULL);
    assert_false(alarmed(w)); /* two are too few to say */
    pass(w, "鲁H22222");
    assert_true(alarmed(w));
    assert_int_equal(w->last[FACT_ALARM].u.alarm.event, EVENT_LANE_CAPTURE_LOW);
    assert_string_equal(w->last[FACT_ALARM].u.alarm.detail,
                        "captured=2 vehicles=3 expected_percent=95");
    w->now = mono_add_ms(w->now, CAPTURE_HOUR_MS);
    world_run(w, 100);
    const struct fact *told = &w->last[FACT_CAPTURE];
    assert_true(told->to_journal);
    assert_int_equal(told->class, LANE_CLASS_ROUTINE);
    assert_string_equal(fact_record_kind(told), "device");
    assert_int_equal(told->u.captures.hour.vehicles, 3);
    assert_int_equal(told->u.captures.hour.captured, 2);
    assert_true(alarmed(w)); /* that hour was not good */
    for (int i = 0; i < 3; i++) {
        char plate[16];
        snprintf(plate, sizeof plate, "鲁H3333%d", i);
        pass(w, plate);
    }
    assert_false(told->to_journal); /* as it goes: for consoles only */
    assert_true(alarmed(w));        /* until the hour is over */
    w->now = mono_add_ms(w->now, CAPTURE_HOUR_MS);
    world_run(w, 100);
    assert_false(alarmed(w));
    assert_int_equal(world_slot(w)->captures.vehicles_total, 6);
    world_destroy(w);
}

static void an_hour_without_anybody_is_not_recorded(void **state)
{
    (void)state;
    struct vehicle_world *w = create(3);
    w->now = mono_add_ms(w->now, 3 * (int64_t)CAPTURE_HOUR_MS);
    world_run(w, 100);
    assert_int_equal(w->last[FACT_CAPTURE].kind, 0);
    world_destroy(w);
}

static void who_works_at_the_lane_is_no_vehicle(void **state)
{
    (void)state;
    struct vehicle_world *w = create(1);
    struct pipeline_event out = {.kind = PIPELINE_ACT};
    out.u.act = (struct pipeline_act){.lane = WORLD_LANE,
                                      .kind = LANE_ACT_OUT_OF_SERVICE,
                                      .actor = {.officer = "wang", .reason = "loop"}};
    world_handle(w, &out);
    pass(w, NULL);
    assert_int_equal(hour_of(w)->vehicles, 0);
    out.u.act.kind = LANE_ACT_IN_SERVICE;
    world_handle(w, &out);
    pass(w, NULL);
    assert_int_equal(hour_of(w)->vehicles, 1);
    world_destroy(w);
}

static uint8_t limit_at(const struct capture_options *options, unsigned hour)
{
    struct captures c = {0};
    captures_begin(&c, options, (struct wall_time){1780000000000}, (uint16_t)(hour * 60));
    return c.hour.percent;
}

static void day_and_night_have_limits_of_their_own(void **state)
{
    (void)state;
    struct capture_options o = {
        .day_from_h = 6, .day_until_h = 19, .day_percent = 95, .night_percent = 80};
    assert_int_equal(limit_at(&o, 5), 80);
    assert_int_equal(limit_at(&o, 6), 95);
    assert_int_equal(limit_at(&o, 18), 95);
    assert_int_equal(limit_at(&o, 19), 80);
    o.day_from_h = 20; /* a site whose day is the night */
    o.day_until_h = 4;
    assert_int_equal(limit_at(&o, 23), 95);
    assert_int_equal(limit_at(&o, 3), 95);
    assert_int_equal(limit_at(&o, 4), 80);
    assert_int_equal(limit_at(&o, 19), 80);
}

static void the_limit_itself_is_good(void **state)
{
    (void)state;
    const struct capture_options o = {.count_min = 20};
    assert_int_equal(captures_judge(&o, &(struct capture_hour){.percent = 95, .vehicles = 19}),
                     CAPTURE_UNJUDGED);
    assert_int_equal(captures_judge(&o, &(struct capture_hour){.percent = 95, 20, 19}),
                     CAPTURE_GOOD);
    assert_int_equal(captures_judge(&o, &(struct capture_hour){.percent = 95, 40, 37}),
                     CAPTURE_LOW);
    assert_int_equal(captures_judge(&o, &(struct capture_hour){.percent = 0, 40, 0}), CAPTURE_GOOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vehicle_is_counted_once_however_often_it_is_read),
        cmocka_unit_test(a_read_nobody_vouches_for_does_not_count),
        cmocka_unit_test(an_axle_gap_is_no_second_vehicle),
        cmocka_unit_test(too_few_reads_alarm_and_a_good_hour_ends_it),
        cmocka_unit_test(an_hour_without_anybody_is_not_recorded),
        cmocka_unit_test(who_works_at_the_lane_is_no_vehicle),
        cmocka_unit_test(day_and_night_have_limits_of_their_own),
        cmocka_unit_test(the_limit_itself_is_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
