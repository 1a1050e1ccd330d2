/* One vehicle, one passage, where somebody or something works against it: forged reads, a covered
 * plate behind a trailer, cameras whose events or pictures could be of another vehicle, loops
 * nobody sees, a withdrawn entry. CHECKPOINT_SEED and CHECKPOINT_RUNS widen the traffic at the end.
 */
#include "vehicle_world.h"

#define WANTED "鲁H12345"
#define OTHER "鲁K98776"
#define INNOCENT "鲁H54321"
#define NEAR_WANTED "鲁H1234S" /* one look-alike apart from WANTED */
#define TRAILER "鲁H1234挂"

#define SEE(w, ...) world_see((w), (struct sight){__VA_ARGS__})
#define SEE_AS(w, ...) world_see_as((w), (struct sight){__VA_ARGS__})

/* The boom opened for whoever came, once it stood there. */
static bool is_let_through(struct vehicle_world *w)
{
    int before = w->raises;
    world_loops(w, ENTRY_LOOP, 0, 1000);
    return w->raises > before;
}

static void a_trailers_plate_clears_no_vehicle_whose_own_was_not_read(void **state)
{
    (void)state;
    static const char *const own[] = {NULL, "鲁H1?345"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        struct vehicle_world *w = world_create();
        uint64_t passage = SEE(w, .camera = FRONT, .plate = own[i]);
        world_run(w, 2000);
        assert_int_equal(SEE(w, .camera = REAR, .plate = TRAILER), passage);
        assert_false(w->last[FACT_PASSAGE].u.passage.cleared);
        assert_false(is_let_through(w));
        world_destroy(w);
    }
}

static void a_trailer_behind_a_tractor_that_was_read_is_cleared(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t passage = SEE(w, .camera = FRONT, .plate = OTHER, .class = "01");
    world_run(w, 2000);
    assert_int_equal(SEE(w, .camera = REAR, .plate = TRAILER), passage);
    assert_true(is_let_through(w));
    world_destroy(w);
}

static void a_forged_event_id_joins_nobody_to_an_authenticated_vehicle(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t first = SEE_AS(w, .camera = FRONT, .plate = OTHER, .event = 7);
    world_run(w, 500);
    /* The next event's number is no secret. */
    SEE_AS(w, .camera = FRONT, .plate = OTHER, .event = 8, .forged = true);
    world_run(w, 1500);
    uint64_t next = SEE_AS(w, .camera = FRONT, .plate = WANTED, .event = 8, .confidence = 70);
    assert_int_not_equal(next, first);
    assert_int_equal(world_queued(w), 2);
    assert_int_equal(world_vehicle(w, first)->hit_count, 0);
    world_destroy(w);
}

static void a_forged_rear_read_keeps_no_trailer_from_its_tractor(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, TRAILER);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = OTHER, .class = "01");
    world_run(w, 1000);
    SEE(w, .camera = REAR, .plate = OTHER, .forged = true);
    world_run(w, 1000);
    assert_int_equal(SEE(w, .camera = REAR, .plate = TRAILER), passage);
    assert_true(world_slot(w)->state.order_known);
    world_destroy(w);
}

static void the_next_picture_is_the_same_cameras(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t first = SEE_AS(w, .camera = FRONT, .plate = NEAR_WANTED);
    world_run(w, 3000);
    assert_int_equal(SEE_AS(w, .camera = REAR, .plate = NEAR_WANTED), first);
    world_run(w, 100);
    uint64_t next = SEE_AS(w, .camera = FRONT, .plate = WANTED);
    assert_int_not_equal(next, first);
    assert_int_equal(w->last[FACT_HIT].u.hit.passage, next);
    world_destroy(w);
}

static void a_trailer_read_late_is_not_put_to_the_car_behind_its_rig(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, TRAILER);
    uint64_t rig = SEE(w, .camera = FRONT, .plate = OTHER, .class = "01");
    world_run(w, 1500);
    assert_int_equal(SEE(w, .camera = REAR), rig); /* not read in the first pictures */
    world_run(w, 500);
    uint64_t car = SEE(w, .camera = FRONT, .plate = INNOCENT);
    world_run(w, 500);
    uint64_t trailer = SEE(w, .camera = REAR, .plate = TRAILER);
    assert_int_not_equal(trailer, car);
    assert_int_equal(world_vehicle(w, car)->hit_count, 0);
    assert_int_equal(w->last[FACT_HIT].u.hit.passage, trailer);
    world_destroy(w);
}

/* A box's inputs are lost while somebody stands on the loop. */
static void lose_contact(struct vehicle_world *w, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += WORLD_STEP_MS) {
        struct pipeline_event scan = {.kind = PIPELINE_SCAN};
        w->now = mono_add_ms(w->now, WORLD_STEP_MS);
        memset(&w->packet, 0, offsetof(struct match_packet, texts));
        world_message(w, MATCH_ALIVE);
        scan.u.scan = (struct lane_scan){
            .lane = WORLD_LANE, .number = ++w->scans, .at = w->now, .contact = false};
        world_handle(w, &scan);
        pipeline_tick(w->pipeline, w->now, world_wall(w));
    }
}

static void a_loop_nobody_sees_keeps_no_vehicle_present(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t first = SEE(w, .camera = FRONT, .plate = WANTED);
    world_loops(w, ENTRY_LOOP, 0, 500);
    lose_contact(w, WORLD_SILENCE_MS + 5000);
    assert_int_not_equal(SEE(w, .camera = FRONT, .plate = WANTED), first);
    assert_int_equal(world_alerts(w), 2);
    world_destroy(w);
}

static void forged_hits_take_no_room_from_an_authenticated_one(void **state)
{
    (void)state;
    static const char *const others[] = {"鲁A11111", "鲁A22222", "鲁A33333", "鲁A44444",
                                         "鲁A77777", "鲁A99999", "鲁A1C1C1", "鲁A3C3C3",
                                         "鲁A4C4C4", "鲁A7C7C7"};
    enum { OTHERS = sizeof others / sizeof others[0] };
    struct vehicle_world *w = world_create();
    for (size_t i = 0; i < OTHERS; i++)
        world_want(w, others[i]);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = INNOCENT);
    for (size_t i = 0; i < OTHERS; i++) {
        world_run(w, 100);
        SEE(w, .camera = FRONT, .plate = INNOCENT, .forged = true, .candidate = others[i]);
    }
    assert_int_equal(world_vehicle(w, passage)->hit_count, VEHICLE_HITS_MAX);
    int before = world_alerts(w);
    uint64_t entry = world_want(w, "鲁HS4321"); /* a look-alike: as quiet as those */
    world_run(w, 1000);
    assert_int_equal(SEE(w, .camera = REAR, .plate = INNOCENT), passage);
    assert_int_equal(world_alerts(w), before + 1);
    assert_int_equal(w->last[FACT_HIT].u.hit.match.entry.id, entry);
    world_destroy(w);
}

/* Eight entries name the vehicle; the ninth is of priority 1. */
static void a_hit_of_priority_1_finds_room_among_others(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    for (int i = 0; i < VEHICLE_HITS_MAX; i++)
        world_want(w, WANTED);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = WANTED);
    assert_int_equal(world_vehicle(w, passage)->hit_count, VEHICLE_HITS_MAX);
    w->wanted[0] = 0; /* matchd names the eight strongest */
    w->top_entry = world_want(w, WANTED);
    int before = world_alerts(w);
    world_run(w, 1000);
    assert_int_equal(SEE(w, .camera = FRONT, .plate = WANTED), passage);
    assert_int_equal(world_alerts(w), before + 1);
    assert_int_equal(w->last[FACT_HIT].u.hit.match.entry.id, w->top_entry);
    world_run(w, 1000);
    (void)SEE(w, .camera = FRONT, .plate = WANTED); /* and the one that gave way is no news */
    assert_int_equal(world_alerts(w), before + 1);
    world_destroy(w);
}

static void withdraw(struct vehicle_world *w, uint64_t entry)
{
    memset(&w->packet, 0, sizeof w->packet);
    w->packet.message.u.withdrawn.count = 1;
    w->packet.message.u.withdrawn.entries[0] = entry;
    w->wanted[entry - 1] = 0;
    world_message(w, MATCH_WITHDRAWN);
}

static void a_withdrawn_entry_holds_nobody_who_is_seen_again(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t entry = world_want(w, WANTED);
    uint64_t passage = SEE(w, .camera = FRONT, .plate = WANTED);
    withdraw(w, entry);
    lose_contact(w, 1000); /* the lane loses sight of everybody */
    world_run(w, 1000);
    assert_int_equal(SEE(w, .camera = FRONT, .plate = WANTED), passage);
    assert_int_equal(SEE(w, .camera = BOOM, .plate = WANTED), passage);
    world_loops(w, ENTRY_LOOP, 0, 500);
    assert_int_equal(SEE(w, .camera = BOOM, .plate = WANTED), passage);
    assert_int_equal(world_slot(w)->state.hold_count, 0);
    assert_int_equal(world_slot(w)->state.queue[0].hold.id, 0);
    world_destroy(w);
}

static void a_list_that_was_set_back_withdraws_nothing(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    uint64_t entry = world_want(w, WANTED);
    w->revision = 2;
    world_run(w, 100);
    SEE(w, .camera = FRONT, .plate = WANTED);
    world_loops(w, ENTRY_LOOP, 0, 500);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    w->revision = 1;
    withdraw(w, entry);
    world_run(w, 1000);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    assert_int_equal(world_slot(w)->state.holds[0].withdrawn, 0);
    w->revision = 2;
    withdraw(w, entry);
    assert_int_equal(world_slot(w)->state.holds[0].withdrawn, 1);
    world_destroy(w);
}

/* A camera that numbers every event the same. */
static void an_event_id_that_never_changes_puts_nobody_to_one_who_left(void **state)
{
    (void)state;
    struct vehicle_world *w = world_create();
    world_want(w, WANTED);
    uint64_t first = SEE_AS(w, .camera = FRONT, .plate = OTHER, .event = 1);
    world_loops(w, ENTRY_LOOP, 0, 1000);
    world_drives_through(w);
    uint64_t next = SEE_AS(w, .camera = FRONT, .plate = WANTED, .event = 1, .confidence = 70);
    assert_int_not_equal(next, first);
    world_loops(w, ENTRY_LOOP, 0, 500);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    world_destroy(w);
}

/* ---- the same traffic with and without forged reads ---- */

enum { CARS = 12, TRAFFICS = 30, POOL = 6, FORGED_MAX = 3 };

static const char *const pool[POOL] = {WANTED, NEAR_WANTED, INNOCENT, OTHER, TRAILER, "鲁K987T6"};

static unsigned draw(uint64_t *seed, unsigned end)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % end;
}

/* One lane, and what somebody on the camera network sends besides. */
struct attacked {
    struct vehicle_world *w;
    uint64_t traffic;
    uint64_t attack; /* 0: nobody does */
    int alerts[CARS * 8];
    int raises[CARS * 8];
    size_t steps;
};

static void forge(struct attacked *a)
{
    for (unsigned i = a->attack ? draw(&a->attack, FORGED_MAX + 1) : 0; i > 0; i--) {
        /* Event numbers to come are as easily guessed as those that were. */
        uint64_t event = a->w->events + draw(&a->attack, 5);
        SEE_AS(a->w, .camera = (uint16_t)(FRONT + draw(&a->attack, 3)),
               .plate = pool[draw(&a->attack, POOL)], .event = event, .forged = true);
    }
}

/* A read that is vouched for: how many alerts it gave, how often the boom has opened by then. */
static void see(struct attacked *a, uint16_t camera, const char *plate)
{
    forge(a);
    int before = world_alerts(a->w);
    SEE(a->w, .camera = camera, .plate = plate,
        .confidence = (uint8_t)(60 + draw(&a->traffic, 40)));
    a->alerts[a->steps] = world_alerts(a->w) - before;
    forge(a);
    world_run(a->w, 200 + 50 * draw(&a->traffic, 40));
    a->raises[a->steps++] = a->w->raises;
}

static void drive(struct attacked *a)
{
    a->w = world_create();
    world_want(a->w, WANTED);
    world_want(a->w, TRAILER);
    for (int car = 0; car < CARS; car++) {
        const char *plate = pool[draw(&a->traffic, POOL)];
        see(a, FRONT, plate);
        if (draw(&a->traffic, 2))
            see(a, REAR, draw(&a->traffic, 4) ? plate : TRAILER);
        world_loops(a->w, ENTRY_LOOP, 0, 300);
        if (draw(&a->traffic, 2))
            see(a, BOOM, plate);
        world_drives_through(a->w);
    }
}

/* What is vouched for alerts as it would have, and the boom opens for nobody more. */
static uint64_t setting(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : fallback;
}

static void forged_reads_take_no_alert_and_open_nothing(void **state)
{
    (void)state;
    uint64_t first = setting("CHECKPOINT_SEED", 1);
    uint64_t runs = setting("CHECKPOINT_RUNS", TRAFFICS);
    print_message("seed %llu, %llu runs\n", (unsigned long long)first, (unsigned long long)runs);
    for (uint64_t seed = first; seed < first + runs; seed++) {
        struct attacked left = {.traffic = seed};
        struct attacked right = {.traffic = seed, .attack = seed};
        drive(&left);
        drive(&right);
        assert_int_equal(left.steps, right.steps);
        for (size_t i = 0; i < left.steps; i++) {
            if (left.alerts[i] > right.alerts[i] || left.raises[i] < right.raises[i])
                print_message("seed %llu, read %zu: %d alerts, %d raises; attacked %d, %d\n",
                              (unsigned long long)seed, i, left.alerts[i], left.raises[i],
                              right.alerts[i], right.raises[i]);
            assert_true(left.alerts[i] <= right.alerts[i]);
            assert_true(left.raises[i] >= right.raises[i]);
        }
        world_destroy(left.w);
        world_destroy(right.w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trailers_plate_clears_no_vehicle_whose_own_was_not_read),
        cmocka_unit_test(a_trailer_behind_a_tractor_that_was_read_is_cleared),
        cmocka_unit_test(a_forged_event_id_joins_nobody_to_an_authenticated_vehicle),
        cmocka_unit_test(a_forged_rear_read_keeps_no_trailer_from_its_tractor),
        cmocka_unit_test(a_trailer_read_late_is_not_put_to_the_car_behind_its_rig),
        cmocka_unit_test(the_next_picture_is_the_same_cameras),
        cmocka_unit_test(a_loop_nobody_sees_keeps_no_vehicle_present),
        cmocka_unit_test(forged_hits_take_no_room_from_an_authenticated_one),
        cmocka_unit_test(a_hit_of_priority_1_finds_room_among_others),
        cmocka_unit_test(a_withdrawn_entry_holds_nobody_who_is_seen_again),
        cmocka_unit_test(a_list_that_was_set_back_withdraws_nothing),
        cmocka_unit_test(an_event_id_that_never_changes_puts_nobody_to_one_who_left),
        cmocka_unit_test(forged_reads_take_no_alert_and_open_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
