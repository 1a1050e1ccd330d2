/*
 * Walks families of states of the lane and its guard and prints one JSON line each: states,
 * transitions, steps cut off, whether it closed. Ends at the first violation with status 1; 3: a
 * family was not closed within the bound; 0: all closed, nothing violated. See lane_walk.h.
 *
 *     walk_lane [--states-max N] [--rules-only] [--quick | FAMILY …]
 *
 * --rules-only: without the walk's check of itself (lane_forget.c), for machines made wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config_walk.h"
#include "guard_walk.h"
#include "lane_walk.h"

enum { STATES_MAX = 40000000 };

enum { CLOSED = 0, VIOLATED = 1, USAGE = 2, LEFT_OPEN = 3 };

static int told(const char *name, const struct walk_result *r, clock_t start)
{
    printf("{\"sweep\": \"lane_states\", \"family\": \"%s\", \"states\": %u, "
           "\"transitions\": %llu, \"cut\": %llu, \"closed\": %s, "
           "\"raises\": %llu, \"lowers\": %llu, \"stops\": %llu, \"cpu_s\": %.1f",
           name, r->states, (unsigned long long)r->transitions, (unsigned long long)r->cut,
           r->closed ? "true" : "false", (unsigned long long)r->ordered[OUTPUT_RAISE],
           (unsigned long long)r->ordered[OUTPUT_LOWER],
           (unsigned long long)r->ordered[OUTPUT_STOP], (double)(clock() - start) / CLOCKS_PER_SEC);
    if (r->violation) {
        printf(", \"violation\": \"%s\"", r->violation);
    }
    printf("}\n");
    fflush(stdout);
    return r->violation ? VIOLATED : r->closed ? CLOSED : LEFT_OPEN;
}

enum { FAMILIES_BEFORE = 1 }; /* the configurations */

static int family_count(void)
{
    return FAMILIES_BEFORE + guard_family_count + lane_family_count;
}

/* By its place in the three tables. */
static const char *name_of(int at)
{
    return at == 0                    ? "configurations"
           : at <= guard_family_count ? guard_families[at - 1].name
                                      : lane_families[at - 1 - guard_family_count].name;
}

static bool is_large(int at)
{
    return at == 0                    ? false
           : at <= guard_family_count ? guard_families[at - 1].large
                                      : !lane_families[at - 1 - guard_family_count].quick;
}

static int walk_one(int at, uint32_t states_max)
{
    struct walk_result r;
    clock_t start = clock();
    if (at == 0) {
        config_walk(&r);
    } else if (at <= guard_family_count) {
        guard_walk(&guard_families[at - 1], states_max, &r);
    } else {
        lane_walk(&lane_families[at - 1 - guard_family_count], states_max, &r);
    }
    return told(name_of(at), &r, start);
}

static int worse(int a, int b)
{
    return a == VIOLATED || b == VIOLATED ? VIOLATED : a > b ? a : b;
}

/* The small families first: what is wrong shows early. */
static int walk_all(bool quick, uint32_t states_max)
{
    int status = CLOSED;
    int last = quick ? 0 : 1;
    for (int large = 0; large <= last; large++) {
        for (int at = 0; at < family_count() && status != VIOLATED; at++) {
            if ((is_large(at) ? 1 : 0) == large) {
                status = worse(status, walk_one(at, states_max));
            }
        }
    }
    return status;
}

static int walk_named(const char *name, uint32_t states_max)
{
    for (int at = 0; at < family_count(); at++) {
        if (strcmp(name_of(at), name) == 0) {
            return walk_one(at, states_max);
        }
    }
    fprintf(stderr, "no family '%s'\n", name);
    return USAGE;
}

int main(int argc, char **argv)
{
    uint32_t states_max = STATES_MAX;
    int status = CLOSED;
    bool quick = false, named = false;
    for (int i = 1; i < argc && status != VIOLATED; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            quick = true;
        } else if (strcmp(argv[i], "--rules-only") == 0) {
            lane_walk_checks_itself = false;
        } else if (strcmp(argv[i], "--states-max") == 0 && i + 1 < argc) {
            states_max = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else {
            named = true;
            status = worse(status, walk_named(argv[i], states_max));
        }
    }
    return named ? status : walk_all(quick, states_max);
}
