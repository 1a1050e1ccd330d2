/*
 * Orders without sense, judged at the wire: no lane machine, but somebody who raises, lowers and
 * stops as he likes, in time and too late, while vehicles pass and everything fails. What bus and
 * guard promise by themselves must hold whoever gives the orders.
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
    EVENTS_OF_A_RUN = 4000,
    EVENT_GAP_MS = 120, /* mean */
    PHASE = 200,        /* events: a boom that goes up, then one that comes down */
    KINDS = 5
};

static const int64_t MS = 1000000;

struct will {
    uint64_t left; /* events */
    int64_t next_event_ns;
};

static void traffic(struct site *s)
{
    static const enum road_user users[] = {USER_CAR, USER_GAP_TRUCK, USER_MOTORCYCLE,
                                           USER_PEDESTRIAN};
    enum road_user user = users[site_draw(s, 4)];
    struct plant_vehicle *v = site_arrive(s, user, false);
    if (v && user == USER_PEDESTRIAN) {
        v->lurks = site_chance(s, 60);
    } else if (v) {
        v->speed_mps = 2.0 + site_draw(s, 60) / 10.0;
        v->runs = site_chance(s, 30);
    }
}

static int64_t life_of(struct site *s)
{
    if (site_chance(s, 80)) {
        return s->config.order_life_ms;
    }
    return (int64_t)site_draw(s, 30) - 10; /* late, or late by the time it is written */
}

static void order(struct site *s, bool down)
{
    if (down && s->config.raise_maintained && site_chance(s, 80)) {
        site_order(s, OUTPUT_RAISE, false, false, life_of(s));
        return;
    }
    enum lane_output usual = down ? OUTPUT_LOWER : OUTPUT_RAISE;
    enum lane_output output =
        site_chance(s, 80) ? usual : (enum lane_output)site_draw(s, OUTPUT_COUNT);
    site_order(s, output, site_chance(s, 95), site_chance(s, 3), life_of(s));
}

static void fault(struct site *s)
{
    static void (*const faults[])(struct site * site) = {
        faults_stick, faults_stick, faults_bounce, faults_bounce, faults_line, faults_foreign};
    site_chance(s, 4) ? faults_power(s) : faults[site_draw(s, 6)](s);
}

static void something(struct site *s)
{
    const struct will *will = s->ctx;
    uint32_t at = site_draw(s, 100);
    if (at < 80) {
        order(s, will->left % PHASE < PHASE / 2);
    } else if (at < 86) {
        traffic(s);
    } else if (at < 94) {
        fault(s);
    }
}

static void due(struct site *s)
{
    struct will *will = s->ctx;
    (void)faults_run(s); /* before what happens next; the next end is asked for after it */
    if (s->now_ns >= will->next_event_ns) {
        something(s);
        will->next_event_ns = s->now_ns + (1 + (int64_t)site_draw(s, 2 * EVENT_GAP_MS)) * MS;
        if (--will->left == 0) {
            s->end_ns = s->now_ns;
        }
    }
    int64_t next_end_ns = faults_run(s);
    s->next_ns = next_end_ns < will->next_event_ns ? next_end_ns : will->next_event_ns;
}

struct totals {
    uint64_t requests, motions, lowers, guard_acts, checks[RULE_COUNT];
};

static void be_maintained(struct lane_config *config)
{
    config->raise_maintained = true;
    config->auto_close = AUTO_CLOSE_LOOP;
    config->outputs_wired &= ~OUTPUT_BIT(OUTPUT_LOWER);
}

static void live(uint64_t seed, struct totals *totals)
{
    static struct site site; /* large; one at a time */
    memset(&site, 0, sizeof(site));
    struct will will = {.left = EVENTS_OF_A_RUN};
    struct lane_config config;
    site_config(&config);
    config.person_device = config.vehicle_detector = true;
    config.lower_automatically = seed % KINDS > 1;
    if (seed % KINDS == 1) {
        be_maintained(&config);
    }
    site.seed = seed * 0x9E3779B97F4A7C15u + 1;
    site.orders_only = true;
    site_run(&site, &config, INT64_MAX / MS / 2, due, &will);
    if (site.monitor.violations > 0) {
        fail_msg("seed %llu: %u violations, the first: %s", (unsigned long long)seed,
                 site.monitor.violations, site.monitor.first);
    }
    totals->requests += site.monitor.requests;
    totals->motions += site.monitor.motions;
    totals->lowers += site.monitor.lowers;
    totals->guard_acts += site.monitor.guard_acts;
    for (unsigned i = 0; i < RULE_COUNT; i++) {
        totals->checks[i] += site.monitor.checks[i];
    }
}

static void test_orders_without_sense_break_no_rule(void **state)
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
        live(seed++, &totals);
    }
    printf("{\"events\":%llu,\"requests\":%llu,\"motions\":%llu,\"lowers\":%llu,\"stopped\":%llu",
           (unsigned long long)events, (unsigned long long)totals.requests,
           (unsigned long long)totals.motions, (unsigned long long)totals.lowers,
           (unsigned long long)totals.guard_acts);
    for (unsigned i = 1; i < RULE_COUNT; i++) {
        printf(",\"rule_%u\":%llu", i, (unsigned long long)totals.checks[i]);
    }
    printf("}\n");
    if (events >= KINDS * EVENTS_OF_A_RUN) {
        assert_true(totals.lowers > 0);
        assert_true(totals.guard_acts > 0);
    }
}

/* ---- what chance brings too rarely ---- */

enum {
    LOOK_MS = 5,
    UP_MS = 7000,
    AGAIN_MS = 5500,
    REFUSED_MS = 1000,
    RENEWED_MS = 2000,
    LIFE_MS = 1000
};

struct course {
    void (*goes)(struct site *site);
    int stage;
    int64_t at_ns; /* of the stage */
    int64_t renewed_ns;
};

static void look(struct site *s)
{
    struct course *course = s->ctx;
    course->goes(s);
    s->next_ns = s->now_ns + LOOK_MS * MS;
}

static void next_stage(struct site *s)
{
    struct course *course = s->ctx;
    course->stage++;
    course->at_ns = s->now_ns;
}

static bool passed(const struct site *s, int64_t ms)
{
    const struct course *course = s->ctx;
    return s->now_ns >= course->at_ns + ms * MS;
}

static void force(struct site *s, enum plant_contact contact, bool on)
{
    s->plant.forced |= BIT(contact);
    s->plant.levels = on ? s->plant.levels | BIT(contact) : s->plant.levels & ~BIT(contact);
}

/* A second master lowers, at a moment when no coil is on. */
static bool foreign_lower(struct site *s)
{
    if (s->plant.coils != 0) {
        return false;
    }
    plant_coil(&s->plant, COIL_LOWER, true);
    s->plant.moved_by = MOVED_BY_FOB;
    return true;
}

/* Up; lowered as soon as the guard lets it; then somebody is under it, and the upper limit has
 * died: the guard raises for as long as it may. */
static void comes_down_on_somebody(struct site *s)
{
    const struct course *course = s->ctx;
    if (course->stage == 0 && s->monitor.have_inputs) {
        site_order(s, OUTPUT_RAISE, true, false, LIFE_MS);
        next_stage(s);
    } else if (course->stage == 1 && passed(s, UP_MS)) {
        site_order(s, OUTPUT_LOWER, true, false, LIFE_MS);
        next_stage(s);
    } else if (course->stage == 2 && s->plant.boom < 0.9) {
        force(s, CONTACT_OPEN, false);
        force(s, CONTACT_PRESENCE, true);
        next_stage(s);
    }
}

static void danger_comes_anew(struct site *s)
{
    const struct course *course = s->ctx;
    comes_down_on_somebody(s);
    if (course->stage == 3 && passed(s, AGAIN_MS) && foreign_lower(s)) {
        next_stage(s);
    } else if (course->stage == 4 && passed(s, UP_MS)) {
        s->end_ns = s->now_ns;
    }
}

static void end_of_lower_is_refused(struct site *s)
{
    const struct course *course = s->ctx;
    comes_down_on_somebody(s);
    if (course->stage == 3 && passed(s, REFUSED_MS) && foreign_lower(s)) {
        s->refuses = BIT(COIL_LOWER);
        next_stage(s);
    } else if (course->stage == 4 && passed(s, REFUSED_MS)) {
        s->refuses = 0;
        next_stage(s);
    } else if (course->stage == 5 && passed(s, REFUSED_MS)) {
        s->end_ns = s->now_ns;
    }
}

/* Let go of, somebody is under it before it moves; raised and raised again within each pulse it
 * stays up, the way gets clear. Then the module's power fails for a moment, and a fob lowers it. */
static void stays_up_until_power_fails(struct site *s)
{
    struct course *course = s->ctx;
    if (course->stage == 0 && s->monitor.have_inputs) {
        site_order(s, OUTPUT_RAISE, true, false, LIFE_MS);
        next_stage(s);
    } else if (course->stage == 1 && passed(s, UP_MS)) {
        site_order(s, OUTPUT_RAISE, false, false, LIFE_MS);
        next_stage(s);
    } else if (course->stage == 2 && !(s->plant.coils & BIT(COIL_RAISE))) {
        force(s, CONTACT_PRESENCE, true);
        next_stage(s);
    } else if (course->stage == 3 && passed(s, RENEWED_MS)) {
        force(s, CONTACT_PRESENCE, false);
        plant_power(&s->plant, false);
        next_stage(s);
    } else if (course->stage == 3 &&
               s->now_ns >= course->renewed_ns + s->config.pulse_ms / 2 * MS) {
        site_order(s, OUTPUT_RAISE, true, false, LIFE_MS);
        course->renewed_ns = s->now_ns;
    } else if (course->stage == 4 && passed(s, REFUSED_MS)) {
        plant_power(&s->plant, true);
        plant_fob(&s->plant, -1);
        next_stage(s);
    } else if (course->stage == 5 && passed(s, REFUSED_MS)) {
        assert_true(s->plant.boom < 1.0);
        s->end_ns = s->now_ns;
    }
}

static void run_course(void (*goes)(struct site *site), int stages, bool maintained)
{
    static struct site site;
    memset(&site, 0, sizeof(site));
    struct course course = {.goes = goes};
    struct lane_config config;
    site_config(&config);
    config.person_device = config.vehicle_detector = true;
    config.lower_automatically = !maintained;
    if (maintained) {
        be_maintained(&config);
    }
    site.seed = 1;
    site.orders_only = true;
    site_run(&site, &config, 60000, look, &course);
    if (site.monitor.violations > 0) {
        fail_msg("%u violations, the first: %s", site.monitor.violations, site.monitor.first);
    }
    assert_int_equal(course.stage, stages);
    assert_true(site.monitor.guard_acts > (maintained ? 0 : 1));
}

static void test_danger_anew_is_raised_for_anew(void **state)
{
    (void)state;
    run_course(danger_comes_anew, 4, false);
}

static void test_no_raise_meets_a_lower_whose_end_is_refused(void **state)
{
    (void)state;
    run_course(end_of_lower_is_refused, 5, false);
}

static void test_no_raise_is_owed_to_a_boom_that_was_up(void **state)
{
    (void)state;
    run_course(stays_up_until_power_fails, 5, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_without_sense_break_no_rule),
        cmocka_unit_test(test_danger_anew_is_raised_for_anew),
        cmocka_unit_test(test_no_raise_meets_a_lower_whose_end_is_refused),
        cmocka_unit_test(test_no_raise_is_owed_to_a_boom_that_was_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
