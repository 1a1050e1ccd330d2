/* Releases of rejected hits: a hold ends by them only if it rests on nothing else. */
#include "lane_world.h"

static void join_of(struct world *w, uint64_t hit, uint8_t priority)
{
    struct lane_event again = {.kind = LANE_EVENT_PASSAGE};
    struct lane_passage_event *p = &again.u.passage;
    decision_init(&p->decision);
    p->passage = w->passages;
    p->authenticity = AUTH_TAG;
    p->hits[p->hit_count++] =
        (struct lane_hit){.hit = hit, .entry = 9000 + hit, .priority = priority, .holds = true};
    world_take(w, &again);
}

static void join(struct world *w, uint64_t hit)
{
    join_of(w, hit, 2);
}

/* Of whoever stands at the boom, of the hit it is held for. */
static struct lane_act_event rejection(struct world *w, uint8_t priority)
{
    struct lane_config config = world_config();
    world_init(w, &config);
    (void)world_hold_one(w, priority);
    return (struct lane_act_event){.act = 1,
                                   .kind = LANE_ACT_RELEASE,
                                   .passage = w->passages,
                                   .named = true,
                                   .hit_count = 1,
                                   .hits = {w->state.holds[0].hits[0].hit}};
}

static void test_a_hold_ends_with_its_only_hit(void **state)
{
    (void)state;
    struct world w;
    struct lane_act_event act = rejection(&w, 2);
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_PENDING);
    assert_int_equal(w.state.hold_count, 1); /* not before it is on record */
    world_commit(&w, world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit, true);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_DONE);
    assert_int_equal(w.state.hold_count, 0);
}

static void test_another_hit_keeps_the_hold(void **state)
{
    (void)state;
    struct world w;
    struct lane_act_event act = rejection(&w, 2);
    join(&w, 700);
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_OTHER_HIT);
    act.hits[act.hit_count++] = 700;
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_PENDING);
    world_commit(&w, world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit, true);
    assert_int_equal(w.state.hold_count, 0);
}

static void test_a_withdrawn_entry_keeps_none(void **state)
{
    (void)state;
    struct world w;
    struct lane_act_event act = rejection(&w, 2);
    join(&w, 700);
    world_withdraw(&w, 9700);
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_PENDING);
}

/* More hits than there is room for: none of them is rejected, or withdrawn, unseen. */
static void test_a_hold_that_is_full_is_an_officers_to_end(void **state)
{
    (void)state;
    struct world w;
    struct lane_act_event act = rejection(&w, 2);
    for (uint64_t hit = 700; hit < 700 + LANE_HITS_MAX; hit++) { /* one more than fits */
        join(&w, hit);
    }
    const struct lane_hold *hold = &w.state.holds[0];
    assert_int_equal(hold->hit_count, LANE_HITS_MAX);
    act.hit_count = LANE_HITS_MAX;
    for (int i = 0; i < LANE_HITS_MAX; i++) {
        act.hits[i] = hold->hits[i].hit;
    }
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_OTHER_HIT);
    for (int i = 0; i < LANE_HITS_MAX; i++) {
        world_withdraw(&w, hold->hits[i].entry);
    }
    assert_null(world_record(&w, LANE_RECORD_HOLD_WITHDRAW));
    act = (struct lane_act_event){
        .act = 2, .kind = LANE_ACT_RELEASE, .hold = hold->id, .named = true};
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_PENDING);
}

static void fill(struct world *w)
{
    for (uint64_t hit = 700; hit < 700 + LANE_HITS_MAX - 1; hit++) {
        join_of(w, hit, 3);
    }
}

static enum lane_refusal release_alone(struct world *w, uint64_t hold)
{
    const struct lane_act_event act = {
        .act = 2, .kind = LANE_ACT_RELEASE, .hold = hold, .named = true};
    world_act(w, &act);
    return w->out.replies[0].refusal;
}

/* There is no room for it, but it is a hit of the vehicle's like the others. */
static void test_a_ninth_hit_asks_for_the_second_person(void **state)
{
    (void)state;
    struct world w;
    (void)rejection(&w, 3);
    fill(&w);
    const struct lane_hold *hold = &w.state.holds[0];
    uint8_t joins = lane_hold_joins(hold);
    join_of(&w, 800, 1);
    assert_int_equal(hold->priority, 1);
    assert_true(lane_hold_joins(hold) > joins);
    assert_int_equal(world_record(&w, LANE_RECORD_HOLD_JOINED)->priority, 1);
    join_of(&w, 800, 1); /* read again: nothing new */
    assert_null(world_record(&w, LANE_RECORD_HOLD_JOINED));
    assert_int_equal(release_alone(&w, hold->id), LANE_REFUSAL_SECOND_PERSON);
}

static void test_a_ninth_hit_of_a_vehicle_on_its_way_goes_with_it(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    (void)world_passage(&w, true, 3);
    fill(&w);
    join_of(&w, 800, 1);
    assert_int_equal(w.state.queue[0].hold.priority, 1);
    world_arrives(&w);
    assert_int_equal(w.state.holds[0].priority, 1);
    assert_int_equal(release_alone(&w, w.state.holds[0].id), LANE_REFUSAL_SECOND_PERSON);
}

/* Held only once the convoy is over: by then all it is known by are the eight, and that. */
static void test_a_ninth_hit_in_a_convoy_holds_with_the_others(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    struct lane_act_event convoy = {
        .act = 1, .kind = LANE_ACT_CONVOY, .named = true, .for_ms = 60000};
    world_act(&w, &convoy);
    world_commit(&w, world_record(&w, LANE_RECORD_CONVOY)->commit, true);
    (void)world_passage(&w, true, 3);
    fill(&w);
    join_of(&w, 800, 1);
    assert_int_equal(world_named(&w, LANE_ACT_CONVOY_END), LANE_REFUSAL_NONE);
    assert_int_equal(world_record(&w, LANE_RECORD_HOLD_WAITING)->priority, 1);
}

static void test_a_tenth_hit_of_priority_1_stops_a_release_on_its_way(void **state)
{
    (void)state;
    struct world w;
    (void)rejection(&w, 3);
    fill(&w);
    join_of(&w, 800, 3);
    assert_int_equal(release_alone(&w, w.state.holds[0].id), LANE_REFUSAL_NONE);
    uint64_t commit = world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit;
    join_of(&w, 801, 1);
    world_commit(&w, commit, true);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_JOINED);
    assert_int_equal(w.state.hold_count, 1);
}

/* The order of vehicles was lost before the release was on record: it has ended nothing. */
static void test_a_release_of_a_hold_that_was_dropped_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    world_init(&w, &config);
    (void)world_passage(&w, true, 2);
    assert_int_equal(release_alone(&w, w.state.queue[0].hold.id), LANE_REFUSAL_NONE);
    uint64_t commit = world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit;
    world_event(&w, LANE_EVENT_MATCH_LOST);
    assert_non_null(world_record(&w, LANE_RECORD_HOLD_DROPPED));
    world_commit(&w, commit, true);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_REFUSED);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NO_SUCH_HOLD);
}

/* All places for holds are taken: the next hold's hits go to the last one, those beyond, too. */
static void test_a_hold_without_a_place_brings_its_priority(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    struct lane_event event = {.kind = LANE_EVENT_RESTORE};
    world_init(&w, &config);
    for (uint64_t hold = 1; hold <= LANE_HOLDS_MAX + 1; hold++) {
        event.u.restore = (struct lane_restore_event){
            .hold = hold << LANE_ID_BITS, .passage = hold, .active = true, .priority = 3};
        world_take(&w, &event);
        event.u.restore.hit_count = LANE_HITS_MAX;
        event.u.restore.priority = 1;
        for (int i = 0; i < LANE_HITS_MAX; i++) {
            event.u.restore.hits[i] = (struct lane_hit){
                .hit = 700 + (uint64_t)i, .entry = 9, .priority = 3, .holds = true};
        }
    }
    assert_int_equal(w.state.holds[LANE_HOLDS_MAX - 1].priority, 3);
    world_take(&w, &event);
    assert_int_equal(w.state.holds[LANE_HOLDS_MAX - 1].priority, 1);
    assert_true(w.state.holds[LANE_HOLDS_MAX - 1].by_officer);
}

/* An officer's hold that a hit has joined is the officer's after a start, too; and what a record
 * does not tell is not taken for less. */
static void test_a_restored_hold_is_no_less_than_it_was(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    struct lane_event event = {.kind = LANE_EVENT_RESTORE};
    world_init(&w, &config);
    event.u.restore = (struct lane_restore_event){.hold = 77,
                                                  .passage = 9,
                                                  .active = true,
                                                  .priority = 2,
                                                  .by_officer = true,
                                                  .hit_count = 1};
    event.u.restore.hits[0] = (struct lane_hit){.hit = 5, .entry = 6, .holds = true};
    world_take(&w, &event);
    assert_int_equal(w.state.holds[0].priority, 2);
    world_withdraw(&w, 6);
    assert_null(world_record(&w, LANE_RECORD_HOLD_WITHDRAW));
    event.u.restore = (struct lane_restore_event){.hold = 88, .passage = 10, .active = true};
    world_take(&w, &event);
    assert_int_equal(release_alone(&w, 88), LANE_REFUSAL_SECOND_PERSON);
}

/* So does one that comes while the journal is asked for the end by withdrawal … */
static void test_a_hit_that_joins_a_withdrawn_hold_keeps_it(void **state)
{
    (void)state;
    struct world w;
    (void)rejection(&w, 2);
    world_withdraw(&w, w.state.holds[0].hits[0].entry);
    uint64_t commit = world_record(&w, LANE_RECORD_HOLD_WITHDRAW)->commit;
    join(&w, 700);
    world_commit(&w, commit, true);
    assert_int_equal(w.state.hold_count, 1);
    assert_non_null(world_record(&w, LANE_RECORD_HOLD_KEPT)); /* a restart finds it again */
    world_withdraw(&w, 9700);
    world_commit(&w, world_record(&w, LANE_RECORD_HOLD_WITHDRAW)->commit, true);
    assert_int_equal(w.state.hold_count, 0);
}

/* … but not for ever. */
static void test_a_hit_that_joins_and_is_withdrawn_meanwhile_keeps_none(void **state)
{
    (void)state;
    struct world w;
    (void)rejection(&w, 2);
    world_withdraw(&w, w.state.holds[0].hits[0].entry);
    uint64_t commit = world_record(&w, LANE_RECORD_HOLD_WITHDRAW)->commit;
    join(&w, 700);
    world_withdraw(&w, 9700);
    world_commit(&w, commit, true);
    assert_int_equal(w.state.hold_count, 1);
    world_commit(&w, world_record(&w, LANE_RECORD_HOLD_WITHDRAW)->commit, true);
    assert_int_equal(w.state.hold_count, 0);
}

/* … or for an officer's release: of priority 1 it would have taken two. */
static void test_a_hit_that_joins_an_officers_release_keeps_the_hold(void **state)
{
    (void)state;
    struct world w;
    (void)rejection(&w, 3);
    struct lane_act_event act = {
        .act = 2, .kind = LANE_ACT_RELEASE, .hold = w.state.holds[0].id, .named = true};
    world_act(&w, &act);
    uint64_t commit = world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit;
    struct lane_event again = {.kind = LANE_EVENT_PASSAGE};
    struct lane_passage_event *p = &again.u.passage;
    decision_init(&p->decision);
    p->passage = w.passages;
    p->authenticity = AUTH_TAG;
    p->hits[p->hit_count++] =
        (struct lane_hit){.hit = 700, .entry = 9700, .priority = 1, .holds = true};
    world_take(&w, &again);
    world_commit(&w, commit, true);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_JOINED);
    assert_int_equal(w.state.hold_count, 1);
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_SECOND_PERSON);
}

/* What was decided on, officer's and headquarters' word alike, was the hold as it was shown. */
static void test_a_release_speaks_of_the_hold_as_it_was_shown(void **state)
{
    (void)state;
    struct world w;
    (void)rejection(&w, 2);
    const struct lane_hold *hold = &w.state.holds[0];
    struct lane_act_event act = {.act = 2,
                                 .kind = LANE_ACT_RELEASE,
                                 .hold = hold->id,
                                 .named = true,
                                 .joins = lane_hold_joins(hold)};
    join(&w, 700);
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_JOINED);
    act.joins = lane_hold_joins(hold);
    w.state.holds[0].by_officer = true; /* as by an officer's own hold that found no other place */
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_JOINED);
    act.joins = lane_hold_joins(hold);
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_PENDING);
}

/* The hold of a vehicle on its way is shown with all that a release of it is decided by. */
static void test_a_hold_that_waits_is_shown_with_what_it_rests_on(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    struct lane_status status;
    world_init(&w, &config);
    (void)world_passage(&w, true, 1);
    lane_status_of(&w.config, &w.state, &status);
    assert_int_equal(status.waiting_count, 1);
    assert_int_equal(status.waiting[0].priority, 1);
    assert_int_equal(status.waiting[0].joins, lane_hold_joins(&w.state.queue[0].hold));
    assert_int_equal(status.waiting[0].hits[0], 500 + w.passages);
}

/* Ended by withdrawal, and the program ended before that was on record: asked for anew. */
static void test_a_restored_hold_whose_entry_is_withdrawn_ends(void **state)
{
    (void)state;
    struct world w;
    struct lane_config config = world_config();
    struct lane_event event = {.kind = LANE_EVENT_RESTORE};
    world_init(&w, &config);
    event.u.restore = (struct lane_restore_event){
        .hold = 77, .passage = 9, .active = true, .priority = 2, .hit_count = 2, .withdrawn = 1};
    event.u.restore.hits[0] = (struct lane_hit){.hit = 5, .entry = 6, .priority = 2, .holds = true};
    event.u.restore.hits[1] = (struct lane_hit){.hit = 7, .entry = 8, .priority = 2, .holds = true};
    world_take(&w, &event);
    assert_null(world_record(&w, LANE_RECORD_HOLD_WITHDRAW)); /* the other one stands */
    world_withdraw(&w, 8);
    assert_non_null(world_record(&w, LANE_RECORD_HOLD_WITHDRAW));
    event.u.restore.withdrawn = 3;
    event.u.restore.hold = 88;
    world_take(&w, &event);
    assert_non_null(world_record(&w, LANE_RECORD_HOLD_WITHDRAW));
}

/* The hit comes between the question to the journal and its answer. */
static void test_a_hit_that_joins_meanwhile_keeps_the_hold(void **state)
{
    (void)state;
    struct world w;
    struct lane_act_event act = rejection(&w, 2);
    world_act(&w, &act);
    uint64_t commit = world_record(&w, LANE_RECORD_HOLD_RELEASE)->commit;
    join(&w, 700);
    world_commit(&w, commit, true);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_JOINED);
    assert_int_equal(w.state.hold_count, 1);
    assert_non_null(
        world_record(&w, LANE_RECORD_HOLD_KEPT)); /* behind the release, for a restart */
}

static void test_an_officers_own_hold_stays(void **state)
{
    (void)state;
    struct world w;
    struct lane_act_event act = rejection(&w, 2);
    w.state.holds[0].by_officer = true;
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_OTHER_HIT);
}

static void test_priority_1_takes_two_and_no_vehicle_none(void **state)
{
    (void)state;
    struct world w;
    struct lane_act_event act = rejection(&w, 1);
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_SECOND_PERSON);
    act.second_person = true;
    act.named = false;
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NOT_NAMED);
    act.named = true;
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_LEADER);
    act.leader = true;
    for (uint64_t passage = 0; passage <= 4711; passage += 4711) {
        struct lane_act_event none = act;
        none.passage = passage;
        world_act(&w, &none);
        assert_int_equal(w.out.replies[0].refusal, LANE_REFUSAL_NO_SUCH_HOLD);
    }
    world_act(&w, &act);
    assert_int_equal(w.out.replies[0].kind, LANE_REPLY_PENDING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hold_ends_with_its_only_hit),
        cmocka_unit_test(test_another_hit_keeps_the_hold),
        cmocka_unit_test(test_a_withdrawn_entry_keeps_none),
        cmocka_unit_test(test_a_hold_that_is_full_is_an_officers_to_end),
        cmocka_unit_test(test_a_ninth_hit_asks_for_the_second_person),
        cmocka_unit_test(test_a_ninth_hit_of_a_vehicle_on_its_way_goes_with_it),
        cmocka_unit_test(test_a_ninth_hit_in_a_convoy_holds_with_the_others),
        cmocka_unit_test(test_a_tenth_hit_of_priority_1_stops_a_release_on_its_way),
        cmocka_unit_test(test_a_release_of_a_hold_that_was_dropped_is_refused),
        cmocka_unit_test(test_a_hold_without_a_place_brings_its_priority),
        cmocka_unit_test(test_a_restored_hold_is_no_less_than_it_was),
        cmocka_unit_test(test_a_hit_that_joins_a_withdrawn_hold_keeps_it),
        cmocka_unit_test(test_a_hit_that_joins_and_is_withdrawn_meanwhile_keeps_none),
        cmocka_unit_test(test_a_hit_that_joins_an_officers_release_keeps_the_hold),
        cmocka_unit_test(test_a_hit_that_joins_meanwhile_keeps_the_hold),
        cmocka_unit_test(test_a_release_speaks_of_the_hold_as_it_was_shown),
        cmocka_unit_test(test_a_hold_that_waits_is_shown_with_what_it_rests_on),
        cmocka_unit_test(test_a_restored_hold_whose_entry_is_withdrawn_ends),
        cmocka_unit_test(test_an_officers_own_hold_stays),
        cmocka_unit_test(test_priority_1_takes_two_and_no_vehicle_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
