/*
 * Random life at a lane, judged at the wire: vehicles of every kind, people, faults of contacts,
 * line, module, power, journal and matching, in no order. Prints what was done, so that a run that
 * did nothing cannot pass for one that found nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "faults.h"
#include "site.h"

enum {
    EVENTS_DEFAULT = 20000, /* of the quick tier, over all runs; the full tier has a million */
    EVENTS_OF_A_RUN = 2000,
    EVENT_GAP_MS = 800, /* mean */
    QUIET_MS = 25000,   /* the road is empty: the order of vehicles is known again */
    GUIDED_MS = 3600000,
    CALM_GAP_MS = 2000, /* besides, between two events of the calm */
    PHASE = 100,        /* events: a calm, then a storm of … */
    STORM = 30,
    KINDS = 5
};

static const int64_t MS = 1000000;

struct life {
    uint64_t left; /* events */
    int64_t next_event_ns;
    int64_t pause_ms; /* before it, besides the usual */
    uint64_t done[16];
};

/* ---- what can happen ---- */

static void traffic(struct site *s)
{
    static const enum road_user users[] = {USER_CAR,       USER_CAR,        USER_CAR,
                                           USER_GAP_TRUCK, USER_MOTORCYCLE, USER_PEDESTRIAN};
    enum road_user user = users[site_draw(s, 6)];
    struct plant_vehicle *v = site_arrive(s, user, site_chance(s, 15));
    if (!v) {
        return;
    }
    if (user == USER_PEDESTRIAN) {
        v->lurks = site_chance(s, 60);
        return;
    }
    v->speed_mps = 2.0 + site_draw(s, 60) / 10.0;
    v->runs = site_chance(s, 3);
    v->tailgates = site_chance(s, 6);
    v->turns_away = site_chance(s, 4);
    if (v->runs || v->tailgates || v->turns_away) {
        site_disturbed(s);
    }
}

static void reverse_end(struct site *s, uint32_t id)
{
    for (int i = 0; i < PLANT_VEHICLES_MAX; i++) {
        struct plant_vehicle *v = &s->plant.vehicles[i];
        v->speed_mps = v->id == id && v->speed_mps < 0 ? -v->speed_mps : v->speed_mps;
    }
}

static void reverse(struct site *s)
{
    struct plant_vehicle *v = &s->plant.vehicles[site_draw(s, PLANT_VEHICLES_MAX)];
    if (v->id != 0 && v->speed_mps > 0 && v->user != USER_PEDESTRIAN) {
        v->speed_mps = -v->speed_mps;
        site_disturbed(s);
        faults_plan(s, 500 + site_draw(s, 3000), reverse_end, v->id);
    }
}

static void officer(struct site *s)
{
    static const enum lane_act_kind usual[] = {LANE_ACT_ACK, LANE_ACT_ACK, LANE_ACT_RAISE,
                                               LANE_ACT_RELEASE, LANE_ACT_RELEASE};
    struct lane_act_event act = {.kind = usual[site_draw(s, 5)]};
    if (s->lane.out_of_service && site_chance(s, 60)) {
        act.kind = LANE_ACT_IN_SERVICE;
    } else if (site_chance(s, 25)) {
        act.kind = (enum lane_act_kind)site_draw(s, LANE_ACT_COUNT);
    }
    act.hold = s->lane.hold_count ? s->lane.holds[site_draw(s, s->lane.hold_count)].id : 0;
    act.passage = s->passage_count;
    act.for_ms = site_draw(s, 30000);
    act.named = site_chance(s, 85);
    act.second_person = site_chance(s, 50);
    act.leader = site_chance(s, 70);
    (void)site_act(s, act); /* its number matters to who waits for the answer only */
}

static void headquarters(struct site *s)
{
    if (s->passage_count > 0) {
        site_withdraw(s, s->passage_count - site_draw(s, s->passage_count < 6 ? 1 : 6));
    }
}

static void journal_back(struct site *s, uint32_t what)
{
    (void)what;
    s->journal_up = true;
    struct lane_event event = {.kind = LANE_EVENT_JOURNAL, .u.journal_commits = true};
    site_tell(s, &event);
}

static void journal(struct site *s)
{
    s->journal_up = false;
    struct lane_event event = {.kind = LANE_EVENT_JOURNAL, .u.journal_commits = false};
    if (site_chance(s, 70)) { /* or it hangs, and nobody says so */
        site_tell(s, &event);
    }
    faults_plan(s, 100 + site_draw(s, 9000), journal_back, 0);
}

static void matching_back(struct site *s, uint32_t what)
{
    (void)what;
    s->matching_up = true;
}

static void matching(struct site *s)
{
    s->matching_up = false;
    site_disturbed(s); /* vehicles pass unread */
    if (site_chance(s, 50)) {
        struct lane_event event = {.kind = LANE_EVENT_MATCH_LOST};
        site_tell(s, &event);
    }
    faults_plan(s, 100 + site_draw(s, 5000), matching_back, 0);
}

static void list(struct site *s)
{
    struct lane_event event = {.kind = LANE_EVENT_LIST, .u.list_usable = site_chance(s, 85)};
    site_tell(s, &event);
}

static void guided(struct site *s)
{
    bool valid = site_chance(s, 85);
    s->monitor.guided = valid;
    struct lane_event event = {.kind = LANE_EVENT_GUIDED_TEST};
    event.u.guided_test_valid_ms = valid ? GUIDED_MS : -1;
    site_tell(s, &event);
}

static const struct {
    const char *name;
    uint32_t weight;
    void (*happens)(struct site *site);
} happenings[] = {
    {"traffic", 42, traffic},       {"reverse", 2, reverse},   {"stick", 5, faults_stick},
    {"bounce", 8, faults_bounce},   {"line", 8, faults_line},  {"power", 1, faults_power},
    {"foreign", 2, faults_foreign}, {"officer", 22, officer},  {"withdrawal", 4, headquarters},
    {"journal", 2, journal},        {"matching", 1, matching}, {"list", 1, list},
    {"guided", 2, guided}};
enum { HAPPENINGS = sizeof(happenings) / sizeof(happenings[0]), WEIGHTS = 100, OFFICER = 7 };

static void say(struct site *s, enum lane_event_kind kind)
{
    struct lane_event event = {.kind = kind};
    event.u.list_usable = true;
    if (kind == LANE_EVENT_GUIDED_TEST) {
        s->monitor.guided = true;
        event.u.guided_test_valid_ms = GUIDED_MS;
    }
    site_tell(s, &event);
}

/* What an officer does next to bring a lane back to its usual work; false: nothing. */
static bool look_after(struct site *s)
{
    const struct lane_state *lane = &s->lane;
    bool look = site_alarm(s, EVENT_LANE_CONFIRM_VEHICLE) ||
                site_alarm(s, EVENT_LANE_FOREIGN_MOTION) || site_alarm(s, EVENT_LANE_RUN_THROUGH) ||
                site_alarm(s, EVENT_LANE_FIRE_RAISE) || site_alarm(s, EVENT_LANE_OBSTACLE) ||
                site_alarm(s, EVENT_LANE_STOP_NOT_RESET);
    struct lane_act_event act = {
        .kind = LANE_ACT_COUNT, .named = true, .second_person = true, .leader = true};
    if (lane->out_of_service) {
        act.kind = LANE_ACT_IN_SERVICE;
    } else if (look && site_chance(s, 70)) {
        act.kind = LANE_ACT_ACK;
    } else if (lane->hold_count > 0) {
        act.kind = LANE_ACT_RELEASE;
        act.hold = lane->holds[0].id;
    } else if (lane->stopped || (plant_at_stop_line(&s->plant) && site_chance(s, 20))) {
        act.kind = LANE_ACT_RAISE;
    }
    if (act.kind != LANE_ACT_COUNT) {
        (void)site_act(s, act);
    }
    return act.kind != LANE_ACT_COUNT;
}

/* Between storms: somebody looks after the lane, then there is traffic. An order of vehicles that
 * is in doubt needs an empty road first. */
static void calm(struct site *s)
{
    struct life *life = s->ctx;
    if (!s->lane.list_usable) {
        say(s, LANE_EVENT_LIST);
    }
    if (!s->monitor.guided) {
        say(s, LANE_EVENT_GUIDED_TEST);
    }
    if (look_after(s)) {
        life->done[OFFICER]++;
        return;
    }
    bool empty = plant_is_empty(&s->plant);
    if (!s->lane.order_known) {
        life->pause_ms = empty ? QUIET_MS : CALM_GAP_MS;
        return;
    }
    if (empty && s->plant.boom >= 1.0 && s->plant.motion == 0 && site_chance(s, 30)) {
        site_disturbed(s);
        plant_fob(&s->plant, -1);
        return;
    }
    traffic(s);
    life->pause_ms = site_draw(s, 2 * CALM_GAP_MS);
    life->done[0]++;
}

static void something(struct site *s)
{
    struct life *life = s->ctx;
    if (life->left % PHASE >= STORM) {
        calm(s);
        return;
    }
    uint32_t at = site_draw(s, WEIGHTS);
    for (unsigned i = 0; i < HAPPENINGS; i++) {
        if (at < happenings[i].weight) {
            site_trace(s, "happens: %s", happenings[i].name);
            happenings[i].happens(s);
            life->done[i]++;
            return;
        }
        at -= happenings[i].weight;
    }
    fail_msg("the weights of what can happen must add up to %d", WEIGHTS);
}

static void due(struct site *s)
{
    struct life *life = s->ctx;
    (void)faults_run(s); /* before what happens next; the next end is asked for after it */
    if (s->now_ns >= life->next_event_ns) {
        something(s);
        int64_t gap_ms = 1 + (int64_t)site_draw(s, 2 * EVENT_GAP_MS) + life->pause_ms;
        life->next_event_ns = s->now_ns + gap_ms * MS;
        life->pause_ms = 0;
        if (--life->left == 0) {
            s->end_ns = s->now_ns;
        }
    }
    int64_t next_end_ns = faults_run(s);
    s->next_ns = next_end_ns < life->next_event_ns ? next_end_ns : life->next_event_ns;
}

/* ---- the lanes ---- */

static void config_of(unsigned kind, struct lane_config *out)
{
    site_config(out);
    switch (kind % KINDS) {
    case 0:
        out->auto_close = AUTO_CLOSE_LOOP;
        break;
    case 1:
        out->lower_automatically = out->person_device = out->vehicle_detector = true;
        break;
    case 2:
        out->mode = LANE_NORMALLY_OPEN;
        out->on_blind = LANE_FAIL_ALARM;
        break;
    case 3:
        out->mode = LANE_CHECK_POINT;
        out->auto_close = AUTO_CLOSE_LOOP;
        break;
    default:
        out->lower_automatically = out->person_device = out->vehicle_detector = true;
        out->on_no_list = LANE_FAIL_ALARM;
        break;
    }
}

struct totals {
    uint64_t done[16], requests, scans, motions, lowers, guard_acts, holds, checks[RULE_COUNT];
};

static void add_up(struct totals *t, const struct site *s, const struct life *life)
{
    for (unsigned i = 0; i < HAPPENINGS; i++) {
        t->done[i] += life->done[i];
    }
    for (unsigned i = 0; i < RULE_COUNT; i++) {
        t->checks[i] += s->monitor.checks[i];
    }
    t->requests += s->monitor.requests;
    t->scans += s->monitor.scans;
    t->motions += s->monitor.motions;
    t->lowers += s->monitor.lowers;
    t->guard_acts += s->monitor.guard_acts;
    t->holds += s->holds_made;
}

static void live(uint64_t seed, uint64_t events, struct totals *totals)
{
    static struct site site; /* large; one at a time */
    memset(&site, 0, sizeof(site));
    struct life life = {.left = events};
    struct lane_config config;
    config_of((unsigned)seed, &config);
    site.seed = seed * 0x9E3779B97F4A7C15u + 1;
    site.boom_camera = seed % 3 == 0;
    site.missed_reads_percent = seed % 2 ? 5 : 0;
    site_run(&site, &config, INT64_MAX / MS / 2, due, &life);
    if (site.monitor.violations > 0) {
        fail_msg("seed %llu: %u violations, the first: %s", (unsigned long long)seed,
                 site.monitor.violations, site.monitor.first);
    }
    add_up(totals, &site, &life);
}

static void print(const struct totals *t, uint64_t events)
{
    printf("{\"events\":%llu", (unsigned long long)events);
    for (unsigned i = 0; i < HAPPENINGS; i++) {
        printf(",\"%s\":%llu", happenings[i].name, (unsigned long long)t->done[i]);
    }
    printf(",\"requests\":%llu,\"scans\":%llu,\"motions\":%llu,\"lowers\":%llu,\"stopped\":%llu,"
           "\"holds\":%llu",
           (unsigned long long)t->requests, (unsigned long long)t->scans,
           (unsigned long long)t->motions, (unsigned long long)t->lowers,
           (unsigned long long)t->guard_acts, (unsigned long long)t->holds);
    for (unsigned i = 1; i < RULE_COUNT; i++) {
        printf(",\"rule_%u\":%llu", i, (unsigned long long)t->checks[i]);
    }
    printf("}\n");
}

static void test_random_life_breaks_no_rule(void **state)
{
    (void)state;
    const char *count = getenv("CHECKPOINT_EVENTS"); /* a million in the full tier */
    const char *from = getenv("CHECKPOINT_SEED");
    uint64_t events = count ? strtoull(count, NULL, 10) : EVENTS_DEFAULT;
    uint64_t seed = from ? strtoull(from, NULL, 10) : 1;
    print_message("CHECKPOINT_SEED=%llu CHECKPOINT_EVENTS=%llu\n", (unsigned long long)seed,
                  (unsigned long long)events);
    struct totals totals = {.requests = 0};
    for (uint64_t done = 0; done < events; done += EVENTS_OF_A_RUN) {
        live(seed++, EVENTS_OF_A_RUN, &totals);
    }
    print(&totals, events);
    for (unsigned i = 1; i < RULE_COUNT && events >= KINDS * EVENTS_OF_A_RUN; i++) {
        assert_true(totals.checks[i] > 0);
    }
    assert_true(events < KINDS * EVENTS_OF_A_RUN ||
                (totals.lowers > 0 && totals.guard_acts > 0 && totals.holds > 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_life_breaks_no_rule)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
