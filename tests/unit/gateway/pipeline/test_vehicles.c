/* One vehicle, one passage: each promise of the decision table, through the real pipeline and lane.
 */
#include "vehicle_world.h"

#define WANTED "鲁H12345"
#define OTHER "鲁K98776"
#define INNOCENT "鲁H54321"
#define NEAR_WANTED "鲁H1234S" /* one look-alike apart from WANTED */
#define TRAILER "鲁H1234挂"

#define SEE(w, ...) world_see((w), (struct sight){__VA_ARGS__})
#define SEE_AS(w, ...) world_see_as((w), (struct sight){__VA_ARGS__})

static void frames_of_one_event_are_one_passage_with_the_evidence_of_all(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t entry = world_want(w, WANTED);
    uint64_t passage =
        SEE_AS(w, .camera = FRONT, .plate = "鲁H1?345", .event = 7, .confidence = 40);
    assert_int_equal(SEE_AS(w, .camera = FRONT, .plate = WANTED, .event = 7, .confidence = 95),
                     passage);
    assert_int_equal(world_queued(w), 1);
    assert_int_equal(w->last[FACT_HIT].u.hit.match.entry.id, entry);
    const struct fact_evidence *e = &w->last[FACT_HIT].evidence;
    assert_int_equal(e->read_count, 2);
    assert_string_equal(e->reads[0].raw, "鲁H1?345");
    assert_int_equal(e->reads[0].confidence, 40);
    assert_string_equal(e->reads[1].raw, WANTED);
    assert_int_equal(e->reads[1].first_event, 7);
    assert_int_equal(e->plates[PLATE_FRONT], world_key(WANTED));
    world_destroy(w);
}

static void front_and_rear_camera_are_one_passage_and_one_alert(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = WANTED);
    world_run(w, 2000);
    assert_int_equal(SEE(w, .camera = REAR, .plate = WANTED), passage);
    assert_int_equal(world_alerts(w), 1);
    assert_int_equal(world_queued(w), 1);
    const struct vehicle *v = world_vehicle(w, passage);
    assert_int_equal(v->plates[PLATE_FRONT].key, v->plates[PLATE_REAR].key);
    assert_int_equal(v->read_count, 2);
    world_destroy(w);
}

static void a_rear_plate_misread_alike_is_of_the_one_vehicle_that_is_due(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = NEAR_WANTED, .confidence = 60);
    assert_int_equal(world_alerts(w), 1); /* a suspicion */
    world_run(w, 2000);
    assert_int_equal(SEE(w, .camera = REAR, .plate = WANTED, .confidence = 95), passage);
    assert_int_equal(world_alerts(w), 2); /* now certain: a stronger alert, of the same vehicle */
    assert_int_equal(w->last[FACT_HIT].u.hit.decision.level, ALERT_SOUNDING);
    world_loops(w, ENTRY_LOOP, 0, 300);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    assert_int_equal(world_slot(w)->state.holds[0].passage, passage);
    world_destroy(w);
}

static void a_rear_plate_two_vehicles_could_carry_is_a_passage_of_its_own(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t first = SEE(w, .camera = FRONT, .plate = WANTED, .confidence = 60);
    world_run(w, 1000);
    uint64_t second = SEE(w, .camera = FRONT, .plate = INNOCENT, .confidence = 60);
    world_run(w, 1000);
    uint64_t rear = SEE(w, .camera = REAR, .plate = NEAR_WANTED, .confidence = 60);
    assert_true(rear != first && rear != second);
    assert_true(world_vehicle(w, rear)->unplaced);
    assert_int_equal(world_queued(w), 2); /* the lane counts no third vehicle */
    world_destroy(w);
}

static void tractor_and_trailer_are_both_matched_and_neither_outvotes_the_other(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t tractor = world_want(w, WANTED);
    uint64_t trailer = world_want(w, TRAILER);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = WANTED, .class = "01", .confidence = 82);
    world_run(w, 3000);
    for (int i = 0; i < 5; i++)
        assert_int_equal(SEE(w, .camera = REAR, .plate = TRAILER, .confidence = 99), passage);
    assert_int_equal(world_alerts(w), 2);
    assert_int_equal(w->told[0].entry, tractor);
    assert_int_equal(w->last[FACT_HIT].u.hit.match.entry.id, trailer);
    const struct vehicle *v = world_vehicle(w, passage);
    assert_int_equal(v->plates[PLATE_FRONT].key, world_key(WANTED));
    assert_int_equal(v->plates[PLATE_TRAILER].key, world_key(TRAILER));
    assert_false(vehicle_in_conflict(v));
    assert_int_equal(world_queued(w), 1);
    world_destroy(w);
}

static void a_trailer_is_not_put_to_a_small_car(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t rig = SEE(w, .camera = FRONT, .plate = OTHER, .class = "01");
    world_run(w, 1500);
    uint64_t car = SEE(w, .camera = FRONT, .plate = INNOCENT, .class = "02");
    world_run(w, 500);
    assert_int_equal(SEE(w, .camera = REAR, .plate = TRAILER), rig);
    assert_int_equal(world_vehicle(w, car)->plates[PLATE_TRAILER].key, 0);
    world_destroy(w);
}

static int on_record(const struct vehicle_world *w)
{
    int count = 0;
    for (size_t i = 0; i < w->told_count; i++)
        count += w->told[i].kind == FACT_PASSAGE && w->told[i].to_journal;
    return count;
}

static void a_parked_car_alerts_once_however_often_it_is_read(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = WANTED);
    for (int i = 0; i < 300; i++) { /* for minutes, across the order it costs */
        world_run(w, 2000);
        assert_int_equal(SEE(w, .camera = FRONT, .plate = WANTED), passage);
    }
    assert_int_equal(world_alerts(w), 1);
    assert_int_equal(world_vehicle(w, passage)->reads[0].times, 301);
    assert_int_equal(on_record(w), 301); /* each event, */
    SEE(w, .camera = FRONT, .plate = WANTED);
    assert_int_equal(w->last[FACT_PASSAGE].evidence.read_count, 0); /* without what is known */
    world_destroy(w);
}

static void pictures_without_an_event_go_on_record_once_a_minute(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t passage = SEE_AS(w, .camera = FRONT, .plate = WANTED);
    for (int i = 0; i < 300; i++) {
        world_run(w, 2000);
        assert_int_equal(SEE_AS(w, .camera = FRONT, .plate = WANTED), passage);
    }
    assert_in_range(on_record(w), 10, 12);
    assert_int_equal(world_vehicle(w, passage)->reads[0].times, 301);
    world_destroy(w);
}

static void a_car_in_the_queue_alerts_once_until_the_loop_clears_behind_it(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = WANTED);
    world_loops(w, ENTRY_LOOP, 0, 5 * 60 * 1000); /* stands at the stop line, unread for long */
    assert_int_equal(SEE(w, .camera = FRONT, .plate = WANTED), passage);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    assert_int_equal(world_alerts(w), 1);
    world_drives_through(w);
    uint64_t next = SEE(w, .camera = FRONT, .plate = WANTED); /* seconds later */
    assert_true(next != passage);
    assert_int_equal(world_alerts(w), 2);
    world_destroy(w);
}

static void deduplication_ends_when_the_loop_clears_though_the_order_is_lost(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = WANTED);
    world_loops(w, ENTRY_LOOP, 0, 500);
    world_handle(w,
                 &(struct pipeline_event){.kind = PIPELINE_LINK}); /* blind: nobody is followed */
    world_run(w, 90 * 1000);
    assert_int_equal(SEE(w, .camera = FRONT, .plate = WANTED), passage); /* stands there still */
    world_loops(w, PRESENCE, ENTRY_LOOP, 400);
    world_loops(w, 0, PRESENCE, 400); /* the gap before the trailer's axle */
    world_loops(w, PRESENCE, 0, 400);
    assert_int_equal(SEE(w, .camera = FRONT, .plate = WANTED), passage);
    world_loops(w, 0, PRESENCE, 1500);
    assert_true(SEE(w, .camera = FRONT, .plate = WANTED) != passage);
    assert_int_equal(world_alerts(w), 2);
    world_destroy(w);
}

static void a_lane_without_loops_forgets_after_the_silence(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create_with(0, 5);
    world_want(w, WANTED);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = WANTED);
    for (int i = 0; i < 10; i++) {
        world_run(w, WORLD_SILENCE_MS - 1000);
        assert_int_equal(SEE(w, .camera = FRONT, .plate = WANTED), passage);
    }
    world_run(w, WORLD_SILENCE_MS);
    assert_true(SEE(w, .camera = FRONT, .plate = WANTED) != passage);
    assert_int_equal(world_alerts(w), 2);
    world_destroy(w);
}

static void two_adjacent_cars_one_look_alike_apart_are_never_merged(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t first_entry = world_want(w, WANTED);
    uint64_t first = SEE(w, .camera = FRONT, .plate = NEAR_WANTED, .confidence = 95);
    world_run(w, 400);
    uint64_t second = SEE(w, .camera = FRONT, .plate = WANTED, .confidence = 95);
    assert_true(first != second);
    assert_int_equal(world_queued(w), 2);
    assert_int_equal(w->last[FACT_HIT].u.hit.match.entry.id, first_entry);
    assert_int_equal(w->last[FACT_HIT].u.hit.passage, second);
    assert_int_equal(w->last[FACT_HIT].u.hit.decision.level, ALERT_SOUNDING);
    /* Poorly read it could be either: still a passage of its own, and it alerts. */
    world_run(w, 400);
    int alerts = world_alerts(w);
    world_want(w, "鲁H1Z345");
    uint64_t third = SEE(w, .camera = FRONT, .plate = "鲁H1Z345", .confidence = 50);
    assert_true(third != first && third != second);
    assert_true(world_alerts(w) > alerts);
    world_destroy(w);
}

static void an_event_that_takes_its_plate_back_was_of_the_car_behind(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, NEAR_WANTED);
    uint64_t first = SEE_AS(w, .camera = FRONT, .plate = WANTED, .event = 1, .confidence = 95);
    world_run(w, 800);
    assert_int_equal(SEE_AS(w, .camera = FRONT, .plate = WANTED, .event = 2, .confidence = 60),
                     first); /* misread */
    uint64_t second =
        SEE_AS(w, .camera = FRONT, .plate = NEAR_WANTED, .event = 2, .confidence = 95);
    assert_true(second != first);
    assert_int_equal(w->last[FACT_HIT].u.hit.passage, second);
    assert_int_equal(w->last[FACT_HIT].u.hit.decision.level, ALERT_SOUNDING);
    assert_int_equal(world_queued(w), 2);
    assert_int_equal(world_count(w, FACT_CONFLICT, 0), 0);
    world_destroy(w);
}

static void what_may_be_another_opens_nothing_for_the_one_before(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t first = SEE(w, .camera = FRONT, .plate = INNOCENT, .confidence = 95);
    world_want(w, "鲁HS43Z1"); /* a suspicion: one apart from what is read, two from the first */
    uint64_t doubt = SEE(w, .camera = FRONT, .plate = "鲁H543Z1", .confidence = 50);
    assert_true(first != doubt);
    assert_true(world_vehicle(w, doubt)->unplaced);
    assert_int_equal(world_vehicle(w, doubt)->perhaps, first);
    assert_int_equal(SEE(w, .camera = FRONT, .plate = INNOCENT, .confidence = 99), first);
    world_loops(w, ENTRY_LOOP, 0, 3000);
    assert_int_equal(w->raises, 0);
    world_destroy(w);
}

static void a_later_read_improves_the_estimate_and_lowers_nothing(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t passage =
        SEE_AS(w, .camera = FRONT, .plate = NEAR_WANTED, .event = 5, .confidence = 70);
    assert_int_equal(world_vehicle(w, passage)->decision.level, ALERT_QUIET);
    SEE_AS(w, .camera = FRONT, .plate = WANTED, .event = 5, .confidence = 90);
    assert_int_equal(world_vehicle(w, passage)->decision.level, ALERT_SOUNDING);
    assert_int_equal(world_vehicle(w, passage)->plates[PLATE_FRONT].key, world_key(WANTED));
    SEE_AS(w, .camera = FRONT, .plate = INNOCENT, .event = 5, .confidence = 60);
    SEE_AS(w, .camera = FRONT, .plate = NULL, .event = 5);
    const struct vehicle *v = world_vehicle(w, passage);
    assert_int_equal(v->decision.level, ALERT_SOUNDING);
    assert_true(v->decision.hold && !v->decision.raise);
    assert_int_equal(v->plates[PLATE_FRONT].key, world_key(WANTED));
    assert_int_equal(world_alerts(w), 2);
    world_loops(w, ENTRY_LOOP, 0, 3000);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    assert_int_equal(w->raises, 0);
    world_destroy(w);
}

static void a_vehicle_cleared_once_is_not_uncleared_by_a_poorer_read(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    SEE_AS(w, .camera = FRONT, .plate = INNOCENT, .event = 5, .confidence = 95);
    SEE_AS(w, .camera = FRONT, .plate = "鲁H5?321", .event = 5, .confidence = 50);
    SEE_AS(w, .camera = FRONT, .plate = NULL, .event = 5);
    world_loops(w, ENTRY_LOOP, 0, 1000);
    assert_int_equal(w->raises, 1);
    world_destroy(w);
}

static void two_sure_plates_of_one_vehicle_are_both_shown_and_open_nothing(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, OTHER);
    uint64_t passage = SEE_AS(w, .camera = FRONT, .plate = INNOCENT, .event = 5, .confidence = 95);
    SEE_AS(w, .camera = FRONT, .plate = "鲁K98775", .event = 5, .confidence = 95);
    assert_int_equal(world_count(w, FACT_CONFLICT, passage), 1);
    assert_int_equal(w->last[FACT_CONFLICT].u.conflict.plates[0], world_key(INNOCENT));
    assert_int_equal(w->last[FACT_CONFLICT].u.conflict.plates[1], world_key("鲁K98775"));
    json_t *event = fact_event(&w->last[FACT_CONFLICT]);
    assert_string_equal(json_string_value(json_object_get(event, "event")), "plate_conflict");
    assert_string_equal(json_string_value(json_object_get(event, "zh")), "车牌冲突");
    assert_int_equal(json_array_size(json_object_get(event, "conflict")), 2);
    json_decref(event);
    SEE_AS(w, .camera = FRONT, .plate = OTHER, .event = 5, .confidence = 60);
    assert_true(w->last[FACT_HIT].u.hit.decision.marks & MARK_PLATE_CONFLICT);
    assert_true(fact_shows_plate(&w->last[FACT_CONFLICT]));
    assert_int_equal(world_count(w, FACT_CONFLICT, passage), 1); /* once */
    world_loops(w, ENTRY_LOOP, 0, 3000);
    assert_int_equal(w->raises, 0);
    world_destroy(w);
}

static void another_plate_at_the_rear_of_the_only_vehicle_there_is_a_conflict(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, OTHER);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = INNOCENT, .confidence = 95);
    world_run(w, 1500);
    assert_int_equal(SEE(w, .camera = REAR, .plate = OTHER, .confidence = 95), passage);
    assert_int_equal(world_count(w, FACT_CONFLICT, passage), 1);
    world_loops(w, ENTRY_LOOP, 0, 1000);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    assert_int_equal(w->raises, 0);
    world_destroy(w);
}

static void a_camera_at_the_boom_reads_whoever_the_loop_says_stands_there(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, OTHER);
    uint64_t first = SEE(w, .camera = FRONT, .plate = INNOCENT, .confidence = 95);
    world_loops(w, ENTRY_LOOP, 0, 500);
    assert_int_equal(SEE(w, .camera = BOOM, .plate = OTHER, .confidence = 95), first);
    assert_int_equal(world_count(w, FACT_CONFLICT, first), 1);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    assert_int_equal(world_slot(w)->state.holds[0].passage, first);
    /* The plate of the one behind it is not put to it, nor what nobody there is known by. */
    uint64_t second = SEE(w, .camera = FRONT, .plate = WANTED, .confidence = 95);
    assert_int_equal(SEE(w, .camera = BOOM, .plate = WANTED, .confidence = 95), second);
    assert_int_equal(world_slot(w)->state.queue[0].passage, first);
    uint64_t third = SEE(w, .camera = BOOM, .plate = "京B77777", .confidence = 95);
    assert_true(third != first && third != second && world_vehicle(w, third)->unplaced);
    world_destroy(w);
}

static void a_camera_at_the_boom_makes_a_lost_order_known(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    world_handle(w, &(struct pipeline_event){.kind = PIPELINE_LINK}); /* order lost */
    world_run(w, 100);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = WANTED);
    assert_false(world_slot(w)->state.order_known);
    world_loops(w, ENTRY_LOOP, 0, 500);
    assert_int_equal(world_slot(w)->state.hold_count, 0);
    assert_int_equal(SEE(w, .camera = BOOM, .plate = WANTED), passage);
    assert_true(world_slot(w)->state.order_known);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    assert_int_equal(world_alerts(w), 1);
    world_destroy(w);
}

static void a_released_hold_does_not_mute_the_next_passage(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = WANTED);
    world_loops(w, ENTRY_LOOP, 0, 500);
    struct pipeline_event act = {.kind = PIPELINE_ACT};
    act.u.act = (struct pipeline_act){.lane = WORLD_LANE,
                                      .kind = LANE_ACT_RELEASE,
                                      .hold = world_slot(w)->state.holds[0].id,
                                      .actor = {.officer = "wang", .reason = "misread"}};
    world_handle(w, &act);
    struct pipeline_event commit = {.kind = PIPELINE_COMMIT};
    commit.u.commit.lane = WORLD_LANE;
    commit.u.commit.commit = w->last[FACT_LANE].commit;
    commit.u.commit.done = true;
    world_handle(w, &commit);
    assert_int_equal(world_slot(w)->state.hold_count, 0);
    assert_int_equal(SEE(w, .camera = FRONT, .plate = WANTED), passage);
    assert_int_equal(world_alerts(w), 1);
    assert_int_equal(world_slot(w)->state.hold_count, 0);
    world_drives_through(w);
    assert_true(SEE(w, .camera = FRONT, .plate = WANTED) != passage);
    assert_int_equal(world_alerts(w), 2);
    world_loops(w, ENTRY_LOOP, 0, 500);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    world_destroy(w);
}

static void a_read_nobody_vouches_for_touches_no_authenticated_vehicle(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t entry = world_want(w, OTHER);
    uint64_t passage = SEE_AS(w, .camera = FRONT, .plate = INNOCENT, .event = 9, .confidence = 85);
    uint64_t forged =
        SEE_AS(w, .camera = FRONT, .plate = OTHER, .event = 9, .confidence = 99, .forged = true);
    assert_true(forged != passage);                                  /* even under its event id */
    assert_int_equal(w->last[FACT_HIT].u.hit.match.entry.id, entry); /* it may alert */
    assert_int_equal(SEE(w, .camera = PLAIN, .plate = INNOCENT, .confidence = 99, .forged = true),
                     passage);
    const struct vehicle *v = world_vehicle(w, passage);
    assert_int_equal(v->plates[PLATE_FRONT].confidence, 85);
    assert_int_equal(v->read_count, 2);
    assert_false(vehicle_in_conflict(v));
    /* What was forged first does not take the alert from the vehicle itself. */
    int alerts = world_alerts(w);
    assert_true(SEE(w, .camera = FRONT, .plate = OTHER) != forged);
    assert_int_equal(world_alerts(w), alerts + 1);
    world_destroy(w);
}

static void forged_reads_keep_no_vehicle_present(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create_with(0, 5);
    world_want(w, WANTED);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = WANTED);
    for (int i = 0; i < 6; i++) {
        world_run(w, 6000);
        SEE(w, .camera = PLAIN, .plate = WANTED, .forged = true);
    }
    assert_true(SEE(w, .camera = FRONT, .plate = WANTED) != passage);
    world_destroy(w);
}

static void a_flood_of_forged_reads_pushes_out_no_authenticated_vehicle(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = WANTED);
    for (int i = 0; i < 500; i++) {
        char plate[PLATE_TEXT_SIZE];
        snprintf(plate, sizeof plate, "京A%05d", i);
        world_want(w, "京A00000"); /* one list entry is enough to make each a look-alike or none */
        w->wanted_count = 1;
        world_run(w, WORLD_STEP_MS);
        SEE(w, .camera = PLAIN, .plate = plate, .forged = true);
    }
    assert_int_equal(SEE(w, .camera = FRONT, .plate = WANTED), passage);
    assert_int_equal(world_alerts(w), 1);
    world_destroy(w);
}

static void more_hits_than_there_is_room_for_never_cost_the_strongest(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    for (int i = 0; i < 12; i++) { /* a candidate each, under one event */
        char plate[PLATE_TEXT_SIZE];
        snprintf(plate, sizeof plate, "京A%d7777", i % 10);
        world_want(w, plate);
        SEE_AS(w, .camera = FRONT, .plate = "鲁H1?345", .event = 3, .candidate = plate);
    }
    uint64_t entry = world_want(w, WANTED);
    uint64_t passage = SEE_AS(w, .camera = FRONT, .plate = WANTED, .event = 3);
    assert_int_equal(w->last[FACT_HIT].u.hit.match.entry.id, entry);
    assert_int_equal(w->last[FACT_HIT].u.hit.decision.level, ALERT_SOUNDING);
    world_loops(w, ENTRY_LOOP, 0, 500);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    assert_int_equal(world_slot(w)->state.holds[0].passage, passage);
    world_destroy(w);
}

static void the_same_text_under_another_class_is_another_vehicle(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t large = SEE(w, .camera = FRONT, .plate = WANTED, .class = "01");
    world_run(w, 1000);
    uint64_t small = SEE(w, .camera = FRONT, .plate = WANTED, .class = "02");
    assert_true(large != small);
    assert_int_equal(SEE(w, .camera = FRONT, .plate = WANTED, .class = "01"), large);
    world_destroy(w);
}

static void a_camera_without_event_ids_gives_frames(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t passage = SEE_AS(w, .camera = FRONT, .plate = WANTED, .confidence = 70);
    world_run(w, 100);
    assert_int_equal(SEE_AS(w, .camera = FRONT, .plate = NEAR_WANTED, .confidence = 60), passage);
    world_run(w, 100);
    assert_int_equal(SEE_AS(w, .camera = FRONT, .plate = NULL), passage);
    world_run(w, 100);
    assert_true(SEE_AS(w, .camera = FRONT, .plate = OTHER) != passage);
    world_run(w, VEHICLE_FRAME_MS + 100);
    assert_true(SEE_AS(w, .camera = FRONT, .plate = NEAR_WANTED, .confidence = 60) != passage);
    world_destroy(w);
}

static void an_event_id_used_again_later_is_another_vehicle(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t passage = SEE_AS(w, .camera = FRONT, .plate = WANTED, .event = 1);
    world_loops(w, ENTRY_LOOP, 0, 500);
    world_drives_through(w);
    assert_int_equal(SEE_AS(w, .camera = FRONT, .plate = WANTED, .event = 1), passage); /* "lost" */
    assert_int_equal(world_alerts(w), 1);
    assert_true(SEE_AS(w, .camera = FRONT, .plate = OTHER, .event = 1) != passage);
    world_run(w, 2 * VEHICLE_EVENT_MS); /* the camera has started anew */
    assert_true(SEE_AS(w, .camera = FRONT, .plate = WANTED, .event = 1) != passage);
    assert_int_equal(world_alerts(w), 2);
    world_destroy(w);
}

static void a_vehicle_that_left_goes_on_record_with_its_reads(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t passage = SEE(w, .camera = FRONT, .plate = INNOCENT, .confidence = 95);
    SEE(w, .camera = REAR, .plate = INNOCENT, .confidence = 90);
    world_loops(w, ENTRY_LOOP, 0, 500);
    memset(&w->last[FACT_LANE], 0, sizeof w->last[FACT_LANE]);
    world_drives_through(w);
    const struct fact *left = &w->last[FACT_LANE];
    assert_int_equal(left->u.lane.record.kind, LANE_RECORD_LEFT);
    assert_int_equal(left->u.lane.record.passage, passage);
    json_t *body = fact_body(left);
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null(strstr(text, "\"plates\":{\"front\":\"鲁H54321\",\"rear\":\"鲁H54321\"}"));
    assert_non_null(strstr(text, "\"camera\":12,\"confidence\":90,\"event_id\":\"2\""));
    free(text);
    json_decref(body);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_one_event_are_one_passage_with_the_evidence_of_all),
        cmocka_unit_test(front_and_rear_camera_are_one_passage_and_one_alert),
        cmocka_unit_test(a_rear_plate_misread_alike_is_of_the_one_vehicle_that_is_due),
        cmocka_unit_test(a_rear_plate_two_vehicles_could_carry_is_a_passage_of_its_own),
        cmocka_unit_test(tractor_and_trailer_are_both_matched_and_neither_outvotes_the_other),
        cmocka_unit_test(a_trailer_is_not_put_to_a_small_car),
        cmocka_unit_test(a_parked_car_alerts_once_however_often_it_is_read),
        cmocka_unit_test(pictures_without_an_event_go_on_record_once_a_minute),
        cmocka_unit_test(a_car_in_the_queue_alerts_once_until_the_loop_clears_behind_it),
        cmocka_unit_test(deduplication_ends_when_the_loop_clears_though_the_order_is_lost),
        cmocka_unit_test(a_lane_without_loops_forgets_after_the_silence),
        cmocka_unit_test(two_adjacent_cars_one_look_alike_apart_are_never_merged),
        cmocka_unit_test(an_event_that_takes_its_plate_back_was_of_the_car_behind),
        cmocka_unit_test(what_may_be_another_opens_nothing_for_the_one_before),
        cmocka_unit_test(a_later_read_improves_the_estimate_and_lowers_nothing),
        cmocka_unit_test(a_vehicle_cleared_once_is_not_uncleared_by_a_poorer_read),
        cmocka_unit_test(two_sure_plates_of_one_vehicle_are_both_shown_and_open_nothing),
        cmocka_unit_test(another_plate_at_the_rear_of_the_only_vehicle_there_is_a_conflict),
        cmocka_unit_test(a_camera_at_the_boom_reads_whoever_the_loop_says_stands_there),
        cmocka_unit_test(a_camera_at_the_boom_makes_a_lost_order_known),
        cmocka_unit_test(a_released_hold_does_not_mute_the_next_passage),
        cmocka_unit_test(a_read_nobody_vouches_for_touches_no_authenticated_vehicle),
        cmocka_unit_test(forged_reads_keep_no_vehicle_present),
        cmocka_unit_test(a_flood_of_forged_reads_pushes_out_no_authenticated_vehicle),
        cmocka_unit_test(more_hits_than_there_is_room_for_never_cost_the_strongest),
        cmocka_unit_test(the_same_text_under_another_class_is_another_vehicle),
        cmocka_unit_test(a_camera_without_event_ids_gives_frames),
        cmocka_unit_test(an_event_id_used_again_later_is_another_vehicle),
        cmocka_unit_test(a_vehicle_that_left_goes_on_record_with_its_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
