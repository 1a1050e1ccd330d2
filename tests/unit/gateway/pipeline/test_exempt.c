/*
 * Exempt vehicles at a check point, which holds everybody for inspection: who is let through by the
 * signed list, what speaks against it, that a hit always wins, and that an end counts at once.
 */
#include <inttypes.h>

#include "vehicle_world.h"

enum { DAY_MS = 24 * 3600 * 1000, WAITS_MS = 1500 };

static const char *const exempt_plate = "鲁H12345";
static const char *const other_plate = "鲁K98765";

#define SEE_EXEMPT(w, ...)                                                                         \
    world_see(w, (struct sight){.camera = FRONT, .plate = exempt_plate, .class = "02", __VA_ARGS__})

static struct vehicle_world *check_point(void)
{
    struct vehicle_world *w = world_create();
    world_slot(w)->options.lane.mode = LANE_CHECK_POINT;
    return w;
}

/* One entry as id 7: the plate above, class 02, an ambulance, from now on for `for_ms`. */
static struct exempt_list *list_of(struct vehicle_world *w, uint64_t revision, int64_t for_ms)
{
    struct exempt_list *list = calloc(1, sizeof *list);
    assert_non_null(list);
    list->entries = calloc(1, sizeof list->entries[0]);
    assert_non_null(list->entries);
    list->revision = revision;
    list->time = world_wall(w);
    list->entry_count = 1;
    list->hash[0] = (uint8_t)revision;
    list->entries[0] = (struct exempt_entry){.id = 7,
                                             .key = world_key(exempt_plate),
                                             .class = '0' << 8 | '2',
                                             .kind = EXEMPT_AMBULANCE,
                                             .valid_from = world_wall(w),
                                             .valid_until = {world_wall(w).ms + for_ms},
                                             .authority = strdup("急救中心"),
                                             .approver = strdup("王五")};
    return list;
}

static void give(struct vehicle_world *w, struct exempt_list *list)
{
    world_handle(w, &(struct pipeline_event){.kind = PIPELINE_EXEMPT, .u.exempt = list});
}

static void trust_clock(struct vehicle_world *w, bool trusted)
{
    world_handle(w, &(struct pipeline_event){.kind = PIPELINE_CLOCK, .u.clock.trusted = trusted});
}

static void assert_body(const struct fact *fact, const char *expected)
{
    json_t *body = fact_body(fact);
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
    json_decref(body);
}

static void it_is_let_through_where_all_others_wait_for_their_inspection(void **state)
{
    (void)state;
    struct vehicle_world *w = check_point();
    give(w, list_of(w, 3, DAY_MS));
    uint64_t passage = SEE_EXEMPT(w);
    world_loops(w, ENTRY_LOOP, 0, WAITS_MS);
    assert_int_equal(w->raises, 1);
    const struct fact *fact = &w->last[FACT_EXEMPT];
    assert_true(fact->to_journal && fact->to_events && fact_shows_plate(fact));
    assert_string_equal(fact_record_kind(fact), "decision");
    char expected[512];
    char until[WALL_TEXT_SIZE];
    wall_format(w->pipeline->exempt->entries[0].valid_until, until);
    snprintf(expected, sizeof expected,
             "{\"exempt\":{\"approver\":\"王五\",\"authority\":\"急救中心\",\"class\":\"02\","
             "\"id\":7,\"kind\":\"ambulance\",\"kind_zh\":\"救护车\",\"plate\":\"鲁H12345\","
             "\"revision\":3,\"valid_until\":\"%s\"},\"lane\":1,\"passage\":%" PRIu64
             ",\"what\":\"exempt\"}",
             until, passage);
    assert_body(fact, expected);
    const struct fact *read = &w->last[FACT_PASSAGE];
    assert_true(read->u.passage.exempt.entry == 7 && read->u.passage.exempt.revision == 3);
    world_destroy(w);
}

static void nobody_is_exempt_without_a_list(void **state)
{
    (void)state;
    struct vehicle_world *w = check_point();
    (void)SEE_EXEMPT(w);
    world_loops(w, ENTRY_LOOP, 0, WAITS_MS);
    assert_int_equal(w->raises, 0);
    assert_int_equal(world_slot(w)->state.queue[0].exempt, false);
    world_destroy(w);
}

/* What is read of it, in this order; NULL camera ends. */
struct evidence {
    const char *what;
    bool exempt;
    struct sight sights[3];
};

static const struct evidence evidences[] = {
    {"front", true, {{.camera = FRONT, .plate = "鲁H12345", .class = "02", .event = 1}}},
    {"front and rear",
     true,
     {{.camera = FRONT, .plate = "鲁H12345", .class = "02", .event = 1},
      {.camera = REAR, .plate = "鲁H12345", .class = "02", .event = 2}}},
    {"rear without class",
     true,
     {{.camera = FRONT, .plate = "鲁H12345", .class = "02", .event = 1},
      {.camera = REAR, .plate = "鲁H12345", .event = 2}}},
    {"half a read first",
     true,
     {{.camera = FRONT, .plate = "鲁H1234?", .event = 1},
      {.camera = FRONT, .plate = "鲁H12345", .class = "02", .event = 1}}},
    {"a forged read of it after",
     true,
     {{.camera = FRONT, .plate = "鲁H12345", .class = "02", .event = 1},
      {.camera = REAR, .plate = "鲁H12345", .forged = true, .event = 2}}},
    {"no class", false, {{.camera = FRONT, .plate = "鲁H12345", .event = 1}}},
    {"another class", false, {{.camera = FRONT, .plate = "鲁H12345", .class = "01", .event = 1}}},
    {"a look-alike",
     false,
     {{.camera = FRONT, .plate = "鲁HI2345", .class = "02", .event = 1},
      {.camera = FRONT, .plate = "鲁H1234S", .class = "02", .event = 1}}},
    {"an unread symbol",
     false,
     {{.camera = FRONT, .plate = "鲁H1234?", .class = "02", .event = 1}}},
    {"a candidate",
     false,
     {{.camera = FRONT, .plate = "鲁H1234S", .class = "02", .candidate = "鲁H12345", .event = 1}}},
    {"not sure",
     false,
     {{.camera = FRONT, .plate = "鲁H12345", .class = "02", .confidence = 60, .event = 1}}},
    {"nobody vouches",
     false,
     {{.camera = FRONT, .plate = "鲁H12345", .class = "02", .forged = true, .event = 1}}},
    {"another plate at the rear",
     false,
     {{.camera = FRONT, .plate = "鲁H12345", .class = "02", .event = 1},
      {.camera = REAR, .plate = "鲁K98765", .class = "02", .event = 2}}},
    {"another plate, not sure",
     false,
     {{.camera = FRONT, .plate = "鲁H12345", .class = "02", .event = 1},
      {.camera = REAR, .plate = "鲁H12346", .confidence = 40, .event = 2}}},
    {"another word of the same event, not sure",
     false,
     {{.camera = FRONT, .plate = "鲁H12345", .class = "02", .event = 1},
      {.camera = FRONT, .plate = "鲁H12346", .confidence = 40, .event = 1}}},
    {"another class at the rear",
     false,
     {{.camera = FRONT, .plate = "鲁H12345", .class = "02", .event = 1},
      {.camera = REAR, .plate = "鲁H12345", .class = "01", .event = 2}}},
};

static void what_was_read_of_it_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof evidences / sizeof evidences[0]; i++) {
        const struct evidence *e = &evidences[i];
        struct vehicle_world *w = check_point();
        give(w, list_of(w, 3, DAY_MS));
        for (int k = 0; k < 3 && e->sights[k].camera != 0; k++)
            (void)world_see_as(w, e->sights[k]);
        world_loops(w, ENTRY_LOOP, 0, WAITS_MS);
        bool told = w->last[FACT_PASSAGE].u.passage.exempt.entry != 0;
        if (w->raises != e->exempt || told != e->exempt)
            fail_msg("%s: raised %d times, on record %d, expected %d", e->what, w->raises, told,
                     e->exempt);
        world_destroy(w);
    }
}

static void a_hit_always_wins(void **state)
{
    (void)state;
    static const struct {
        const char *wanted;
        int holds;
    } cases[] = {{"鲁H12345", 1}, {"鲁H1234S", 0}}; /* exact: holds; a look-alike: quiet */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vehicle_world *w = check_point();
        give(w, list_of(w, 3, DAY_MS));
        world_want(w, cases[i].wanted);
        uint64_t passage = SEE_EXEMPT(w);
        assert_int_equal(world_count(w, FACT_HIT, passage), 1);
        world_loops(w, ENTRY_LOOP, 0, WAITS_MS);
        assert_int_equal(world_slot(w)->state.hold_count, cases[i].holds);
        assert_int_equal(w->raises, 0);
        assert_int_equal(w->last[FACT_PASSAGE].u.passage.exempt.entry, 0);
        world_destroy(w);
    }
}

static void a_hit_that_comes_later_ends_it(void **state)
{
    (void)state;
    struct vehicle_world *w = check_point();
    give(w, list_of(w, 3, DAY_MS));
    uint64_t passage = SEE_EXEMPT(w);
    assert_true(world_slot(w)->state.queue[0].exempt);
    world_want(w, exempt_plate);
    assert_int_equal(world_see(w, (struct sight){.camera = REAR, .plate = exempt_plate}), passage);
    assert_false(world_slot(w)->state.queue[0].exempt);
    assert_int_equal(w->last[FACT_EXEMPT].u.exempt.end, EXEMPT_END_HIT);
    world_loops(w, ENTRY_LOOP, 0, WAITS_MS);
    assert_int_equal(world_slot(w)->state.hold_count, 1);
    assert_int_equal(w->raises, 0);
    world_destroy(w);
}

static void an_end_counts_for_one_that_waits(void **state)
{
    (void)state;
    struct vehicle_world *w = check_point();
    give(w, list_of(w, 3, 4000));
    uint64_t passage = SEE_EXEMPT(w);
    assert_int_equal(w->pipeline->exempt_in_force, 1);
    int64_t left_ms = w->pipeline->exempt->entries[0].valid_until.ms - world_wall(w).ms;
    assert_int_equal(mono_diff_ms(pipeline_next_deadline(w->pipeline), w->now) <= left_ms, 1);
    world_run(w, left_ms - WORLD_STEP_MS);
    assert_true(world_slot(w)->state.queue[0].exempt);
    world_run(w, WORLD_STEP_MS); /* no event but time */
    assert_false(world_slot(w)->state.queue[0].exempt);
    assert_int_equal(w->last[FACT_EXEMPT].u.exempt.passage, passage);
    assert_int_equal(w->last[FACT_EXEMPT].u.exempt.end, EXEMPT_END_EXPIRED);
    json_t *body = fact_body(&w->last[FACT_EXEMPT]);
    assert_string_equal(json_string_value(json_object_get(body, "what")), "exempt_ended");
    assert_string_equal(json_string_value(json_object_get(body, "why")), "entry_expired");
    json_decref(body);
    world_loops(w, ENTRY_LOOP, 0, WAITS_MS);
    assert_int_equal(w->raises, 0);
    assert_int_equal(w->last[FACT_EXEMPT_LIST].u.exempt_list.in_force, 0);
    assert_false(w->last[FACT_EXEMPT_LIST].to_journal); /* told, the list is the same */
    world_destroy(w);
}

static void a_list_that_comes_or_goes_counts_for_one_that_waits(void **state)
{
    (void)state;
    struct vehicle_world *w = check_point();
    (void)SEE_EXEMPT(w);
    assert_false(world_slot(w)->state.queue[0].exempt);
    give(w, list_of(w, 3, DAY_MS));
    assert_true(world_slot(w)->state.queue[0].exempt);
    struct exempt_list *without = list_of(w, 4, DAY_MS);
    without->entries[0].key = world_key(other_plate);
    without->entries[0].id = 8;
    give(w, without);
    assert_false(world_slot(w)->state.queue[0].exempt);
    assert_int_equal(w->last[FACT_EXEMPT].u.exempt.end, EXEMPT_END_WITHDRAWN);
    give(w, list_of(w, 5, DAY_MS));
    assert_true(world_slot(w)->state.queue[0].exempt);
    give(w, NULL);
    assert_false(world_slot(w)->state.queue[0].exempt);
    world_loops(w, ENTRY_LOOP, 0, WAITS_MS);
    assert_int_equal(w->raises, 0);
    world_destroy(w);
}

static void while_the_clock_is_not_trusted_nobody_is_exempt(void **state)
{
    (void)state;
    struct vehicle_world *w = check_point();
    give(w, list_of(w, 3, DAY_MS));
    (void)SEE_EXEMPT(w);
    trust_clock(w, false);
    assert_false(world_slot(w)->state.queue[0].exempt);
    assert_int_equal(w->last[FACT_EXEMPT].u.exempt.end, EXEMPT_END_CLOCK);
    assert_int_equal(w->last[FACT_EXEMPT_LIST].u.exempt_list.in_force, 0);
    trust_clock(w, true);
    assert_true(world_slot(w)->state.queue[0].exempt);
    assert_int_equal(w->last[FACT_EXEMPT_LIST].u.exempt_list.in_force, 1);
    world_destroy(w);
}

static void a_vehicle_in_doubt_is_not_exempt(void **state)
{
    (void)state;
    struct vehicle_world *w = check_point();
    world_want(w, "鲁K9876S"); /* a look-alike of what is read: quiet, the order stays */
    give(w, list_of(w, 3, DAY_MS));
    (void)SEE_EXEMPT(w);
    (void)world_see(w, (struct sight){.camera = FRONT, .plate = "鲁K11111", .class = "02"});
    assert_true(world_slot(w)->state.queue[0].exempt);
    (void)world_see(w, (struct sight){.camera = REAR, .plate = other_plate}); /* of either */
    assert_true(w->last[FACT_PASSAGE].u.passage.in_doubt);
    assert_int_equal(world_queued(w), 2);
    assert_false(world_slot(w)->state.queue[0].exempt);
    world_destroy(w);
}

static void an_older_or_other_list_than_the_journal_knows_is_not_taken(void **state)
{
    (void)state;
    struct vehicle_world *w = check_point();
    w->pipeline->exempt_high = (struct exempt_status){.revision = 5, .hash = {5}};
    struct fact *alarm = &w->last[FACT_ALARM];
    give(w, list_of(w, 4, DAY_MS));
    assert_null(w->pipeline->exempt);
    assert_int_equal(alarm->u.alarm.event, EVENT_EXEMPT_ROLLED_BACK);
    assert_true(alarm->u.alarm.active);
    assert_string_equal(alarm->u.alarm.detail, "offered 4, highest 5");
    struct exempt_list *other = list_of(w, 5, DAY_MS);
    other->hash[0] = 6;
    give(w, other);
    assert_null(w->pipeline->exempt);
    give(w, list_of(w, 5, DAY_MS));
    assert_non_null(w->pipeline->exempt);
    assert_false(alarm->u.alarm.active);
    give(w, list_of(w, 4, DAY_MS)); /* the newer one stays */
    assert_int_equal(w->pipeline->exempt->revision, 5);
    assert_true(alarm->u.alarm.active);
    world_destroy(w);
}

static void the_list_in_force_is_on_record(void **state)
{
    (void)state;
    struct vehicle_world *w = check_point();
    struct exempt_list *list = list_of(w, 3, DAY_MS);
    list->time.ms = 1795392000000;
    memset(list->hash, 0xab, sizeof list->hash);
    give(w, list);
    const struct fact *fact = &w->last[FACT_EXEMPT_LIST];
    assert_true(fact->to_journal);
    assert_string_equal(fact_record_kind(fact), "list");
    assert_body(fact, "{\"exempt_list\":{\"entries\":1,\"hash\":\""
                      "abababababababababababababababababababababababababababababababab\","
                      "\"in_force\":1,\"revision\":3,"
                      "\"signed_at\":\"2026-11-23T00:00:00.000Z\"}}");
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_let_through_where_all_others_wait_for_their_inspection),
        cmocka_unit_test(nobody_is_exempt_without_a_list),
        cmocka_unit_test(what_was_read_of_it_decides),
        cmocka_unit_test(a_hit_always_wins),
        cmocka_unit_test(a_hit_that_comes_later_ends_it),
        cmocka_unit_test(an_end_counts_for_one_that_waits),
        cmocka_unit_test(a_list_that_comes_or_goes_counts_for_one_that_waits),
        cmocka_unit_test(while_the_clock_is_not_trusted_nobody_is_exempt),
        cmocka_unit_test(a_vehicle_in_doubt_is_not_exempt),
        cmocka_unit_test(an_older_or_other_list_than_the_journal_knows_is_not_taken),
        cmocka_unit_test(the_list_in_force_is_on_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
