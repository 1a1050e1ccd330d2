/*
 * What of a state nobody reads again before it is set anew: it is set to nothing, so that states
 * which behave alike are one. A field that one day is read after all makes the walk fail:
 * lane_walk.c follows some states both ways (nothing_lost). See lane_walk.h.
 */
#include "lane_walk.h"

#define ALARM(name) (1u << ((unsigned)EVENT_LANE_##name - (unsigned)EVENT_LANE_CONTACT_LOST))

enum { LAMPS = OUTPUT_BIT(OUTPUT_RED) | OUTPUT_BIT(OUTPUT_YELLOW) | OUTPUT_BIT(OUTPUT_GREEN) };

/* They tell somebody and decide nothing; the rules want them in the step that has the cause. */
static const uint32_t told_only = ALARM(ORDER_FAILED) | ALARM(UNCONFIRMED) | ALARM(COMMIT_REFUSED) |
                                  ALARM(BOOM_LEFT_OPEN) | ALARM(HELD_VEHICLE_GONE) |
                                  ALARM(LIGHT_FAULT) | ALARM(CONVOY_HIT);

static void forget_motion(const struct lane_config *config, struct lane_state *s)
{
    s->motion_act = 0; /* goes into records only */
    if (s->motion != MOTION_RAISE && s->motion != MOTION_LOWER) {
        s->motion_cause = 0;
    }
    if (s->stop_order == 0 && s->timer[TIMER_STOP].ns == 0) { /* set with the next stop */
        s->stop_tries = 0;
        s->stop_hard = false;
    }
    s->coils &= LAMPS | (config->raise_maintained ? OUTPUT_BIT(OUTPUT_RAISE) : 0);
}

static void forget_vehicles(struct lane_state *s)
{
    for (uint8_t i = 0; i < s->count; i++) { /* read with what sets them, hold_announce */
        s->queue[i].siren = false;
        s->queue[i].strobe = false;
    }
    if (!s->perhaps_more) {
        s->timer[TIMER_DOUBT].ns = 0; /* set with it */
    }
    if ((s->alarms & ALARM(INSPECTION)) == 0) {
        s->inspecting = 0;
    }
}

/* Nothing of ours makes this lane's boom come down: what stands for or against it is nobody's. */
static void forget_lower(struct node *node)
{
    struct shadow *h = &node->h;
    node->s.left_open = false;
    node->s.lower_blocked = false;
    node->s.timer[TIMER_CLEAR].ns = 0;
    node->s.timer[TIMER_GUIDED].ns = 0;
    h->raised = h->passed = h->unclear = h->guided = 0;
}

void node_forget(const struct lane_config *config, struct node *node)
{
    struct shadow *h = &node->h;
    node->s.alarms &= ~told_only;
    forget_motion(config, &node->s);
    forget_vehicles(&node->s);
    if (!(config->outputs_wired & OUTPUT_BIT(OUTPUT_LOWER)) && !config->raise_maintained) {
        forget_lower(node);
    }
    h->paired &= h->pulse;
    h->covered &= h->unclear;
}
