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

static void live(uint64_t seed, struct totals *totals)
{
    static struct site site; /* large; one at a time */
    memset(&site, 0, sizeof(site));
    struct will will = {.left = EVENTS_OF_A_RUN};
    struct lane_config config;
    site_config(&config);
    config.person_device = config.vehicle_detector = true;
    config.lower_automatically = seed % KINDS != 0;
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_orders_without_sense_break_no_rule)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
