/*
 * Every combination of what a lane's configuration may say about its boom: what lane_config_check
 * lets pass must be allowed by the rules, and what they allow must pass.
 */
#include "config_walk.h"

#include <stdio.h>
#include <string.h>

#include "lane_walk.h"

enum {
    BITS = 22,
    LOWERS = 1 << 0,
    PERSON = 1 << 1,
    DETECTOR = 1 << 2,
    OPEN_MODE = 1 << 3,
    CLOSES_ITSELF = 1 << 4,
    IN_OBSTACLE = 1 << 5,
    IN_PERSON_OK = 1 << 6,
    IN_DETECTOR_OK = 1 << 7,
    IN_PRESENCE = 1 << 8,
    IN_OPEN = 1 << 9,
    IN_CLOSED = 1 << 10,
    IN_ENTRY = 1 << 11,
    OUT_RAISE = 1 << 12,
    OUT_LOWER = 1 << 13,
    OUT_STOP = 1 << 14,
    FAR = 1 << 15,
    KEPT = 1 << 16,
    BY_TIMER = 1 << 17, /* it closes itself after a time, not behind its loop */
    IN_EXIT = 1 << 18,
    FEEDBACK_SHIFT = 19, /* two bits: enum lane_feedback */
    BY_HAND = 1 << 21
};

static bool has(uint32_t bits, uint32_t wanted)
{
    return (bits & wanted) == wanted;
}

static enum lane_feedback feedback_of(uint32_t bits)
{
    return (enum lane_feedback)(bits >> FEEDBACK_SHIFT & 3);
}

static void build(uint32_t bits, struct lane_config *c)
{
    static const struct {
        uint32_t bit;
        enum lane_input input;
    } inputs[] = {{IN_OBSTACLE, INPUT_OBSTACLE},       {IN_PERSON_OK, INPUT_PERSON_OK},
                  {IN_DETECTOR_OK, INPUT_DETECTOR_OK}, {IN_PRESENCE, INPUT_PRESENCE},
                  {IN_OPEN, INPUT_LIMIT_OPEN},         {IN_CLOSED, INPUT_LIMIT_CLOSED},
                  {IN_ENTRY, INPUT_ENTRY_LOOP},        {IN_EXIT, INPUT_EXIT_LOOP}};
    lane_config_defaults(c, 1);
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        c->wired |= has(bits, inputs[i].bit) ? INPUT_BIT(inputs[i].input) : 0;
    }
    c->outputs_wired = (has(bits, OUT_RAISE) ? OUTPUT_BIT(OUTPUT_RAISE) : 0) |
                       (has(bits, OUT_LOWER) ? OUTPUT_BIT(OUTPUT_LOWER) : 0) |
                       (has(bits, OUT_STOP) ? OUTPUT_BIT(OUTPUT_STOP) : 0);
    c->lower_automatically = has(bits, LOWERS);
    c->person_device = has(bits, PERSON);
    c->vehicle_detector = has(bits, DETECTOR);
    c->mode = has(bits, OPEN_MODE) ? LANE_NORMALLY_OPEN : LANE_NORMALLY_CLOSED;
    c->auto_close = !has(bits, CLOSES_ITSELF) ? AUTO_CLOSE_NONE
                    : has(bits, BY_TIMER)     ? AUTO_CLOSE_TIMER
                                              : AUTO_CLOSE_LOOP;
    c->raise_maintained = has(bits, KEPT);
    c->feedback = feedback_of(bits);
    c->manual_lower = has(bits, BY_HAND);
    c->camera_to_boom_m = has(bits, FAR) ? LANE_DIRECT_MAX_M + 1 : LANE_DIRECT_MAX_M;
}

/* Limits as declared, and what a lane without them may not do. */
static bool feedback_fits(uint32_t bits)
{
    enum lane_feedback f = feedback_of(bits);
    bool open = f == FEEDBACK_BOTH || f == FEEDBACK_OPEN;
    bool closed = f == FEEDBACK_BOTH || f == FEEDBACK_CLOSED;
    if (has(bits, IN_OPEN) != open || has(bits, IN_CLOSED) != closed) {
        return false; /* rule 6: confirmed by what it has */
    }
    if (f == FEEDBACK_NONE && (has(bits, OUT_LOWER) || !has(bits, OPEN_MODE))) {
        return false; /* raise only; nobody knows whether it holds */
    }
    /* A contact that is kept: let go of as a lower is, closed by its own controller. */
    return !has(bits, KEPT) ||
           (has(bits, CLOSES_ITSELF | IN_PRESENCE | IN_OPEN) && !has(bits, OUT_LOWER));
}

/* Rule 7 and what the other rules need to be kept at all. */
static bool allowed(uint32_t bits)
{
    if (has(bits, LOWERS)) {
        uint32_t needs = PERSON | DETECTOR | IN_OBSTACLE | IN_PERSON_OK | IN_DETECTOR_OK |
                         IN_PRESENCE | OUT_LOWER | OUT_STOP | OUT_RAISE;
        if (!has(bits, needs) || feedback_of(bits) != FEEDBACK_BOTH || has(bits, OPEN_MODE) ||
            has(bits, CLOSES_ITSELF)) {
            return false;
        }
    }
    if (has(bits, BY_HAND)) { /* seen, confirmed, stopped, and nothing else closes it */
        uint32_t needs = IN_OBSTACLE | IN_PRESENCE | OUT_LOWER | OUT_STOP | OUT_RAISE;
        if (!has(bits, needs) || feedback_of(bits) != FEEDBACK_BOTH || has(bits, OPEN_MODE) ||
            has(bits, CLOSES_ITSELF)) {
            return false;
        }
    }
    if ((bits & (OUT_LOWER | OUT_STOP)) && !has(bits, OUT_RAISE)) {
        return false; /* what can come down can be raised */
    }
    if (has(bits, OUT_RAISE) && !feedback_fits(bits)) {
        return false;
    }
    if (has(bits, OUT_LOWER) && !has(bits, IN_PRESENCE | OUT_STOP)) {
        return false; /* rule 1: seen, and stopped */
    }
    if (has(bits, CLOSES_ITSELF) && !has(bits, BY_TIMER) && !(bits & (IN_PRESENCE | IN_EXIT))) {
        return false; /* its loop */
    }
    return has(bits, IN_ENTRY) || !has(bits, FAR);
}

void config_walk(struct walk_result *out)
{
    memset(out, 0, sizeof(*out));
    for (uint32_t bits = 0; bits < 1u << BITS && !out->violation; bits++) {
        struct lane_config config;
        struct err_text err = {{0}};
        build(bits, &config);
        bool passes = lane_config_check(&config, &err) == 0;
        out->states++;
        out->transitions++;
        if (passes != allowed(bits)) {
            printf("configuration %x: %s\n", bits, passes ? "passes" : err.text);
            out->violation = passes ? "rule 7: a configuration passes that may not"
                                    : "a configuration is refused that may pass";
        }
    }
    out->closed = !out->violation;
}
