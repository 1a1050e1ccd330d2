/* Local look-outs: what they alert on, what they never do, and when they end. */
#include "tests/unit/gateway/pipeline/vehicle_world.h"

enum { HOUR_MS = 3600 * 1000, LOOKOUT = 7 };

static const char plate[] = "鲁H12345";

static void look_out(struct vehicle_world *w, const char *class, int64_t for_ms)
{
    struct pipeline_event event = {.kind = PIPELINE_LOOKOUT};
    event.u.lookout = calloc(1, sizeof *event.u.lookout);
    *event.u.lookout = (struct lookout){.id = LOOKOUT,
                                        .key = world_key(plate),
                                        .begun = world_wall(w),
                                        .until = {world_wall(w).ms + for_ms},
                                        .text = "{\"authority\":\"liu\",\"approver\":\"wu\"}"};
    assert_int_equal(plate_class_parse(class, &event.u.lookout->class), 0);
    world_handle(w, &event);
}

static void end_it(struct vehicle_world *w)
{
    struct pipeline_event event = {.kind = PIPELINE_LOOKOUT};
    event.u.lookout = calloc(1, sizeof *event.u.lookout);
    event.u.lookout->id = LOOKOUT;
    world_handle(w, &event);
}

static void trust(struct vehicle_world *w, bool trusted)
{
    struct pipeline_event clock = {.kind = PIPELINE_CLOCK, .u.clock = {.trusted = trusted}};
    world_handle(w, &clock);
}

/* A vehicle of its own each time. */
static void sees(struct vehicle_world *w, const char *text, const char *class, bool forged)
{
    world_run(w, WORLD_SILENCE_MS + 1000);
    world_see(w, (struct sight){.camera = PLAIN, .plate = text, .class = class, .forged = forged});
}

static int setup(void **state)
{
    *state = world_create();
    return 0;
}

static int teardown(void **state)
{
    world_destroy(*state);
    return 0;
}

static void its_plate_alerts_as_the_rules_say_and_never_holds(void **state)
{
    struct vehicle_world *w = *state;
    look_out(w, "02", HOUR_MS);
    world_see(w, (struct sight){.camera = FRONT, .plate = plate, .class = "02"});
    assert_int_equal(world_alerts(w), 1);
    const struct fact *hit = &w->last[FACT_HIT];
    assert_int_equal(hit->u.hit.match.entry.id, LOOKOUT_ENTRY_BASE + LOOKOUT);
    assert_int_equal(hit->u.hit.match.entry.priority, 3);
    assert_int_equal(hit->u.hit.match.kind, MATCH_EXACT);
    assert_int_equal(hit->u.hit.decision.level, ALERT_SOUNDING);
    assert_true(hit->u.hit.decision.marks & MARK_LOCAL_LOOKOUT);
    assert_true(hit->to_journal && hit->to_events);
    assert_false(hit->u.hit.decision.hold);
    world_loops(w, ENTRY_LOOP, 0, 2000); /* at the boom: neither held nor let through */
    assert_int_equal(world_slot(w)->state.hold_count, 0);
    assert_int_equal(w->raises, 0);
}

static void the_hit_says_whose_it_is(void **state)
{
    struct vehicle_world *w = *state;
    look_out(w, "any", HOUR_MS);
    sees(w, plate, "02", false);
    json_t *event = fact_event(&w->last[FACT_HIT]);
    assert_int_equal(json_integer_value(json_object_get(event, "lookout")), LOOKOUT);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(event, "card"), "authority")), "liu");
    assert_non_null(strstr(json_string_value(json_object_get(event, "marks_zh")), "本地布控"));
    json_decref(event);
    world_want(w, "鲁H77777");
    sees(w, "鲁H77777", "02", false);
    event = fact_event(&w->last[FACT_HIT]);
    assert_null(json_object_get(event, "lookout"));
    json_decref(event);
}

static void only_exactly_its_plate_and_no_other_class(void **state)
{
    struct vehicle_world *w = *state;
    look_out(w, "02", HOUR_MS);
    sees(w, "鲁H12346", "02", false);
    sees(w, "鲁HI2345", "02", false);
    sees(w, "鲁H1234?", "02", false);
    sees(w, plate, "01", false);
    sees(w, "无车牌", NULL, false);
    int before = world_alerts(w);
    assert_true(before <= 1); /* I is read as 1, where no plate has an I */
    sees(w, plate, "02", false);
    assert_int_equal(world_alerts(w), before + 1);
}

static void a_read_nobody_vouches_for_alerts_too(void **state)
{
    struct vehicle_world *w = *state;
    look_out(w, "02", HOUR_MS);
    sees(w, plate, "02", true);
    assert_int_equal(world_alerts(w), 1);
}

static void a_read_without_class_is_quiet_and_says_so(void **state)
{
    struct vehicle_world *w = *state;
    look_out(w, "02", HOUR_MS);
    sees(w, plate, NULL, false);
    assert_int_equal(w->last[FACT_HIT].u.hit.decision.level, ALERT_QUIET);
    assert_true(w->last[FACT_HIT].u.hit.decision.marks & MARK_CLASS_UNVERIFIED);
}

static void an_entry_of_the_list_alerts_and_holds_beside_it(void **state)
{
    struct vehicle_world *w = *state;
    uint64_t entry = world_want(w, plate);
    look_out(w, "02", HOUR_MS);
    world_see(w, (struct sight){.camera = FRONT, .plate = plate, .class = "02"});
    assert_int_equal(world_alerts(w), 2);
    world_loops(w, ENTRY_LOOP, 0, 2000);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    for (uint32_t i = 0; i < w->pipeline->watch.u.watch.count; i++)
        assert_int_equal(w->pipeline->watch.u.watch.entries[i], entry);
}

static void matchd_is_not_asked_about_it(void **state)
{
    struct vehicle_world *w = *state;
    struct pipeline_event link = {.kind = PIPELINE_LINK, .u.link.connected = true};
    world_handle(w, &link);
    look_out(w, "02", HOUR_MS);
    world_see(w, (struct sight){.camera = FRONT, .plate = plate, .class = "02"});
    world_loops(w, ENTRY_LOOP, 0, 2000);
    assert_int_equal(world_slot(w)->state.queue[0].hit_count, 1);
    assert_int_equal(w->pipeline->watch.u.watch.count, 0);
}

static void it_ends_by_trusted_time_and_says_so(void **state)
{
    struct vehicle_world *w = *state;
    look_out(w, "02", 10 * 1000);
    world_run(w, 9 * 1000);
    assert_int_equal(w->last[FACT_LOOKOUT].kind, FACT_PASSAGE); /* nothing told: zeroes */
    world_run(w, 2 * 1000);
    assert_int_equal(w->last[FACT_LOOKOUT].kind, FACT_LOOKOUT);
    assert_int_equal(w->last[FACT_LOOKOUT].u.lookout.state, FACT_LOOKOUT_ENDED);
    assert_true(w->last[FACT_LOOKOUT].urgent && w->last[FACT_LOOKOUT].to_journal);
    assert_true(fact_shows_plate(&w->last[FACT_LOOKOUT]));
    json_t *body = fact_body(&w->last[FACT_LOOKOUT]);
    assert_string_equal(json_string_value(json_object_get(body, "what")), "lookout_ended");
    assert_true(json_is_false(json_object_get(json_object_get(body, "call"), "open")));
    json_decref(body);
    sees(w, plate, "02", false);
    assert_int_equal(world_alerts(w), 0);
}

static void an_untrusted_clock_ends_nothing_but_quietens_it(void **state)
{
    struct vehicle_world *w = *state;
    look_out(w, "02", 10 * 1000);
    trust(w, false);
    sees(w, plate, "02", false);
    assert_int_equal(world_alerts(w), 1);
    assert_true(w->last[FACT_HIT].u.hit.match.expired);
    assert_int_equal(w->last[FACT_HIT].u.hit.decision.level, ALERT_QUIET);
    assert_true(w->last[FACT_HIT].u.hit.decision.marks & MARK_CLOCK_UNTRUSTED);
    trust(w, true);
    sees(w, plate, "02", false);
    assert_int_equal(world_alerts(w), 1);
}

static void one_that_was_ended_alerts_no_more(void **state)
{
    struct vehicle_world *w = *state;
    look_out(w, "02", HOUR_MS);
    end_it(w);
    sees(w, plate, "02", false);
    assert_int_equal(world_alerts(w), 0);
    end_it(w); /* of none: nothing */
}

static void there_is_room_for_so_many(void **state)
{
    (void)state;
    struct lookouts all = {.rows = {{.id = 0}}};
    struct lookout one = {.key = world_key(plate), .until = {1}};
    for (uint64_t i = 1; i <= LOOKOUTS_MAX; i++) {
        one.id = i;
        assert_true(lookouts_take(&all, &one));
    }
    one.id = LOOKOUTS_MAX + 1;
    assert_false(lookouts_take(&all, &one));
    one.id = 1;
    assert_true(lookouts_take(&all, &one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(its_plate_alerts_as_the_rules_say_and_never_holds, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_hit_says_whose_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(only_exactly_its_plate_and_no_other_class, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_nobody_vouches_for_alerts_too, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_without_class_is_quiet_and_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(an_entry_of_the_list_alerts_and_holds_beside_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(matchd_is_not_asked_about_it, setup, teardown),
        cmocka_unit_test_setup_teardown(it_ends_by_trusted_time_and_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(an_untrusted_clock_ends_nothing_but_quietens_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_that_was_ended_alerts_no_more, setup, teardown),
        cmocka_unit_test(there_is_room_for_so_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
