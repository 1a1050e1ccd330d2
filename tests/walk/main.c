/*
 * Walks families of states of the lane and its guard and prints one JSON line each: states,
 * transitions, steps cut off, whether it closed. Ends at the first violation with status 1; 3: a
 * family was not closed within the bound; 0: all closed, nothing violated. See lane_walk.h.
 *
 *     walk_lane [--quick | FAMILY …] [--states-max N]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config_walk.h"
#include "guard_walk.h"
#include "lane_walk.h"

enum { STATES_MAX = 40000000 };

struct options {
    int argc;
    char **argv;
    bool quick;
    bool named;
    uint32_t states_max;
};

static bool is_chosen(const struct options *o, const char *name, bool quick)
{
    for (int i = 1; o->named && i < o->argc; i++) {
        if (strcmp(o->argv[i], name) == 0) {
            return true;
        }
    }
    return !o->named && (quick || !o->quick);
}

enum { CLOSED = 0, VIOLATED = 1, LEFT_OPEN = 3 };

static int told(const char *name, const struct walk_result *r, clock_t start)
{
    printf("{\"sweep\": \"lane_states\", \"family\": \"%s\", \"states\": %u, "
           "\"transitions\": %llu, \"cut\": %llu, \"closed\": %s, \"cpu_s\": %.1f",
           name, r->states, (unsigned long long)r->transitions, (unsigned long long)r->cut,
           r->closed ? "true" : "false", (double)(clock() - start) / CLOCKS_PER_SEC);
    if (r->violation) {
        printf(", \"violation\": \"%s\"", r->violation);
    }
    printf("}\n");
    fflush(stdout);
    return r->violation ? VIOLATED : r->closed ? CLOSED : LEFT_OPEN;
}

/* One family by its place in the three tables, if it is chosen and as large as asked; -1: not. */
static int walk_one(const struct options *o, int at, bool large)
{
    struct walk_result r;
    clock_t start = clock();
    if (at == 0) {
        if (large || !is_chosen(o, "configurations", true)) {
            return -1;
        }
        config_walk(&r);
        return told("configurations", &r, start);
    }
    if (at <= guard_family_count) {
        const struct guard_family *f = &guard_families[at - 1];
        if (large != f->large || !is_chosen(o, f->name, !f->large)) {
            return -1;
        }
        guard_walk(f, o->states_max, &r);
        return told(f->name, &r, start);
    }
    const struct family *f = &lane_families[at - 1 - guard_family_count];
    if (large == f->quick || !is_chosen(o, f->name, f->quick)) {
        return -1;
    }
    lane_walk(f, o->states_max, &r);
    return told(f->name, &r, start);
}

/* The small families first: what is wrong shows early. */
static int walk_all(const struct options *o)
{
    int status = -1, count = 1 + guard_family_count + lane_family_count;
    for (int i = 0; i < 2 * count && status != VIOLATED; i++) {
        int one = walk_one(o, i % count, i >= count);
        status = one == VIOLATED || one > status ? one : status;
    }
    return status;
}

int main(int argc, char **argv)
{
    struct options o = {.argc = argc, .argv = argv, .states_max = STATES_MAX};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            o.quick = true;
        } else if (strcmp(argv[i], "--states-max") == 0 && i + 1 < argc) {
            o.states_max = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else {
            o.named = true;
        }
    }
    int status = walk_all(&o);
    if (status < 0) {
        fprintf(stderr, "no such family\n");
        return 2;
    }
    return status;
}
