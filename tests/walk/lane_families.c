/*
 * The families of the walk: what is wired, what may happen. All of it at once is too much; every
 * guard of the machine and every pair of features that meet is in one of them.
 */
#include "lane_walk.h"

#define IN(name) INPUT_BIT(INPUT_##name)
#define OUT(name) OUTPUT_BIT(OUTPUT_##name)
#define FROZEN(timer) ((uint64_t)1 << TIMER_##timer)
#define CALM (FROZEN(MATCH) | FROZEN(SCAN) | FROZEN(CLEAR)) /* contact stays; no lower */
#define OTHER_COILS                                                                                \
    (FROZEN(COIL_LOWER) | FROZEN(COIL_STOP)) /* raise ends, or nothing is lowered                  \
                                              */
#define COILS (FROZEN(COIL_RAISE) | FROZEN(COIL_LOWER) | FROZEN(COIL_STOP))

enum {
    LIMITS = IN(LIMIT_OPEN) | IN(LIMIT_CLOSED),
    BOOM_OUTPUTS = OUT(RAISE) | OUT(STOP),
    LAMP_OUTPUTS = OUT(RED) | OUT(YELLOW) | OUT(GREEN),
    OFFICER = WALK_RAISE | WALK_EMERGENCY | WALK_STOP | WALK_ACK
};

static void boom(struct lane_config *c)
{
    c->wired = LIMITS;
    c->outputs_wired = BOOM_OUTPUTS;
    c->camera_to_boom_m = 4;
}

static void boom_safety(struct lane_config *c)
{
    boom(c);
    c->wired |= IN(LOCAL_CONTROL) | IN(EMERGENCY_STOP) | IN(FAULT) | IN(BOOM_OFF);
}

static void lower(struct lane_config *c)
{
    boom(c);
    c->wired |= IN(PRESENCE) | IN(OBSTACLE) | IN(PERSON_OK) | IN(DETECTOR_OK);
    c->outputs_wired |= OUT(LOWER);
    c->lower_automatically = true;
    c->person_device = true;
    c->vehicle_detector = true;
}

/* By hand only. */
static void hand(struct lane_config *c)
{
    boom(c);
    c->wired |= IN(PRESENCE) | IN(OBSTACLE);
    c->outputs_wired |= OUT(LOWER);
    c->manual_lower = true;
}

static void hand_safety(struct lane_config *c)
{
    hand(c);
    c->wired |= IN(LOCAL_CONTROL) | IN(EMERGENCY_STOP) | IN(FAULT) | IN(EXIT_LOOP);
}

static void hand_wired(struct lane_config *c)
{
    hand(c);
    c->wired |= IN(PERSON_OK) | IN(DETECTOR_OK) | IN(MAINS_OK) | IN(FIRE_RAISE);
}

static void hand_too(struct lane_config *c)
{
    lower(c);
    c->manual_lower = true;
}

static void hand_undeclared(struct lane_config *c)
{
    hand(c);
    c->manual_lower = false;
}

static void lower_undeclared(struct lane_config *c)
{
    lower(c);
    c->lower_automatically = false;
}

static void lower_exit(struct lane_config *c)
{
    lower(c);
    c->wired |= IN(EXIT_LOOP);
}

static void lower_safety(struct lane_config *c)
{
    lower(c);
    c->wired |= IN(LOCAL_CONTROL) | IN(EMERGENCY_STOP) | IN(FAULT) | IN(BOOM_OFF);
}

static void own_close(struct lane_config *c)
{
    boom(c);
    c->wired |= IN(PRESENCE) | IN(EXIT_LOOP);
    c->auto_close = AUTO_CLOSE_LOOP;
}

/* The camera looks at the boom itself. */
static void direct(struct lane_config *c)
{
    boom(c);
    c->wired |= IN(PRESENCE);
}

static void with_fire(struct lane_config *c)
{
    boom(c);
    c->wired |= IN(FIRE_RAISE) | IN(EMERGENCY_STOP) | IN(PANIC);
}

static void lower_fire(struct lane_config *c)
{
    lower(c);
    c->wired |= IN(FIRE_RAISE);
}

static void lower_mains(struct lane_config *c)
{
    lower(c);
    c->wired |= IN(MAINS_OK);
}

static void direct_safety(struct lane_config *c)
{
    direct(c);
    c->wired |= IN(EMERGENCY_STOP) | IN(FAULT);
}

static void direct_lights(struct lane_config *c)
{
    direct(c);
    c->outputs_wired |= LAMP_OUTPUTS;
}

static void boom_broken(struct lane_config *c)
{
    boom(c);
    c->wired |= IN(BOOM_OFF) | IN(EMERGENCY_STOP);
}

static void direct_broken(struct lane_config *c)
{
    direct(c);
    c->wired |= IN(BOOM_OFF);
}

static void direct_reset(struct lane_config *c)
{
    direct_lights(c);
    c->wired |= IN(EMERGENCY_STOP);
}

/* Every vehicle is inspected here. */
static void check_point(struct lane_config *c)
{
    direct(c);
    c->wired |= IN(EXIT_LOOP);
    c->outputs_wired |= LAMP_OUTPUTS;
    c->mode = LANE_CHECK_POINT;
}

static void check_loops(struct lane_config *c)
{
    c->wired = IN(ENTRY_LOOP) | IN(EXIT_LOOP);
    c->outputs_wired = LAMP_OUTPUTS;
    c->mode = LANE_CHECK_POINT;
}

static void feedback_open(struct lane_config *c)
{
    boom(c);
    c->wired = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(EMERGENCY_STOP) | IN(MAINS_OK);
    c->feedback = FEEDBACK_OPEN;
    c->auto_close = AUTO_CLOSE_TIMER;
}

static void feedback_closed(struct lane_config *c)
{
    feedback_open(c);
    c->wired ^= LIMITS;
    c->feedback = FEEDBACK_CLOSED;
}

static void feedback_none(struct lane_config *c)
{
    feedback_open(c);
    c->wired ^= IN(LIMIT_OPEN);
    c->feedback = FEEDBACK_NONE;
    c->mode = LANE_NORMALLY_OPEN;
}

static void kept(struct lane_config *c)
{
    boom(c);
    c->wired |= IN(PRESENCE) | IN(EMERGENCY_STOP);
    c->raise_maintained = true;
    c->auto_close = AUTO_CLOSE_LOOP;
}

static void loops_boom(struct lane_config *c)
{
    boom(c);
    c->wired |= IN(ENTRY_LOOP);
    c->camera_to_boom_m = 15;
}

/* Loops and nothing else: who stands where. */
static void loops(struct lane_config *c)
{
    c->wired = IN(ENTRY_LOOP) | IN(EXIT_LOOP);
    c->outputs_wired = 0;
    c->camera_to_boom_m = 15;
}

static void loops_siren(struct lane_config *c)
{
    loops(c);
    c->outputs_wired = OUT(SIREN) | LAMP_OUTPUTS;
    c->mode = LANE_NORMALLY_OPEN;
}

/* A lane with an entry loop, its camera far from the boom. */
static void queue(struct lane_config *c)
{
    c->wired = LIMITS | IN(ENTRY_LOOP) | IN(PRESENCE);
    c->outputs_wired = BOOM_OUTPUTS;
    c->camera_to_boom_m = 15;
}

static void queue_lights(struct lane_config *c)
{
    queue(c);
    c->wired = IN(ENTRY_LOOP) | IN(EXIT_LOOP);
    c->outputs_wired = LAMP_OUTPUTS;
    c->mode = LANE_NORMALLY_OPEN;
}

const struct family lane_families[] = {
    {.name = "boom_limits",
     .configure = boom,
     .inputs = LIMITS,
     .product = true,
     .together = true,
     .events = WALK_RAISE | WALK_STOP | WALK_ACK | WALK_OUTCOME | WALK_RESULTS,
     .frozen = CALM | COILS,
     .quick = true},
    {.name = "boom_contact",
     .configure = boom,
     .inputs = LIMITS,
     .together = true,
     .events = WALK_RAISE | WALK_EMERGENCY | WALK_NO_CONTACT | WALK_OUTCOME,
     .frozen = FROZEN(MATCH) | FROZEN(CLEAR) | COILS,
     .quick = true},
    {.name = "boom_guard",
     .configure = boom,
     .inputs = LIMITS,
     .together = true,
     .events = OFFICER | WALK_OUTCOME | WALK_RESULTS | WALK_GUARD_ACTED,
     .frozen = CALM | COILS,
     .quick = true},
    {.name = "boom_coils",
     .configure = boom_broken,
     .inputs = IN(LIMIT_OPEN) | IN(BOOM_OFF) | IN(EMERGENCY_STOP),
     .coils = true,
     .events = WALK_OUTCOME | WALK_RAISE | WALK_STOP | WALK_ACK | WALK_GUARD_ACTED,
     .frozen = CALM},
    {.name = "boom_safety",
     .configure = boom_safety,
     .inputs = LIMITS | IN(LOCAL_CONTROL) | IN(EMERGENCY_STOP) | IN(FAULT) | IN(BOOM_OFF),
     .events = WALK_OUTCOME | WALK_EMERGENCY | WALK_RAISE | WALK_GUARD_ACTED,
     .frozen = CALM | COILS},
    {.name = "stop_reset",
     .configure = direct_reset,
     .expects = OUT(RAISE) | OUT(GREEN),
     .inputs = IN(LIMIT_OPEN) | IN(EMERGENCY_STOP),
     .events =
         WALK_OUTCOME | WALK_EMERGENCY | WALK_RAISE | WALK_ACK | WALK_NO_CONTACT | WALK_PRESSED,
     .reads = READ_CLEARED,
     .vehicles = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD),
     .ready = true,
     .quick = true},
    {.name = "lower_reset",
     .configure = lower_safety,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(EMERGENCY_STOP),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_EMERGENCY | WALK_RAISE | WALK_ACK | WALK_COMMIT | WALK_GUIDED,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(GUIDED)},
    {.name = "lower",
     .configure = lower,
     .expects = OUT(LOWER),
     .inputs = LIMITS | IN(PRESENCE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_GUIDED,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN)},
    {.name = "lower_guided",
     .configure = lower,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_GUIDED,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS},
    {.name = "lower_contact",
     .configure = lower,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_NO_CONTACT | WALK_GUIDED,
     .frozen = FROZEN(MATCH) | OTHER_COILS | FROZEN(GUIDED)},
    {.name = "lower_exit",
     .configure = lower_exit,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(EXIT_LOOP) | IN(OBSTACLE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_GUIDED,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(GUIDED)},
    {.name = "lower_safety",
     .configure = lower_safety,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(LOCAL_CONTROL) | IN(EMERGENCY_STOP) | IN(FAULT),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_OUTCOME | WALK_EMERGENCY | WALK_COMMIT | WALK_GUIDED,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(GUIDED)},
    {.name = "lower_guard",
     .configure = lower,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_OUTCOME | WALK_STOP | WALK_RAISE | WALK_COMMIT | WALK_GUIDED |
               WALK_GUARD_ACTED | WALK_ACK,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(GUIDED)},
    {.name = "lower_held",
     .configure = lower,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_GUIDED | WALK_HOLD | WALK_RELEASE |
               WALK_JOURNAL,
     .holds = 1,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(GUIDED)},
    {.name = "lower_undeclared",
     .configure = lower_undeclared,
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_GUIDED,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS,
     .quick = true},
    {.name = "hand",
     .configure = hand,
     .expects = OUT(LOWER),
     .inputs = LIMITS | IN(OBSTACLE),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_HAND,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | FROZEN(COIL_STOP)},
    {.name = "hand_contact",
     .configure = hand,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_HAND | WALK_NO_CONTACT,
     .frozen = FROZEN(MATCH) | OTHER_COILS},
    {.name = "hand_guard",
     .configure = hand,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(LIMIT_CLOSED),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_HAND | WALK_GUARD_ACTED |
               WALK_LET_GO | WALK_ACK,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS},
    {.name = "hand_acts",
     .configure = hand,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN),
     .events = WALK_EMERGENCY | WALK_STOP | WALK_HOLD | WALK_COMMIT | WALK_HAND | WALK_JOURNAL |
               WALK_SERVICE | WALK_CONVOY,
     .holds = 1,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS},
    {.name = "hand_safety",
     .configure = hand_safety,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(LOCAL_CONTROL) | IN(EMERGENCY_STOP) | IN(FAULT) | IN(EXIT_LOOP),
     .events = WALK_EMERGENCY | WALK_COMMIT | WALK_HAND | WALK_ACK,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS},
    {.name = "hand_wired",
     .configure = hand_wired,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PERSON_OK) | IN(DETECTOR_OK) | IN(MAINS_OK) | IN(FIRE_RAISE),
     .events = WALK_RAISE | WALK_COMMIT | WALK_HAND | WALK_ACK,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS},
    {.name = "hand_too",
     .configure = hand_too,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_RAISE | WALK_COMMIT | WALK_GUIDED | WALK_HAND,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(GUIDED) | FROZEN(COAST)},
    {.name = "hand_vehicle",
     .configure = hand,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_HAND,
     .reads = READ_CLEARED | READ_SECOND,
     .vehicles = 1,
     .holds = 1,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(UNREAD) | FROZEN(COAST),
     .ready = true,
     .quick = true},
    {.name = "hand_undeclared",
     .configure = hand_undeclared,
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_HAND,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS,
     .quick = true},
    {.name = "own_close",
     .configure = own_close,
     .inputs = LIMITS | IN(PRESENCE) | IN(EXIT_LOOP),
     .events = WALK_OUTCOME | WALK_RAISE,
     .frozen = CALM | COILS},
    {.name = "loops",
     .configure = loops,
     .inputs = IN(ENTRY_LOOP) | IN(EXIT_LOOP),
     .events = WALK_ACK,
     .reads = READ_CLEARED | READ_SECOND,
     .vehicles = 2,
     .holds = 1,
     .frozen = CALM,
     .ready = true},
    {.name = "loops_doubt",
     .configure = loops,
     .inputs = IN(ENTRY_LOOP),
     .events = WALK_UNPLACED | WALK_SEEN,
     .reads = READ_CLEARED | READ_SECOND,
     .vehicles = 2,
     .holds = 1,
     .frozen = CALM,
     .ready = true},
    {.name = "opening",
     .configure = queue,
     .inputs = IN(LIMIT_OPEN) | IN(ENTRY_LOOP) | IN(PRESENCE),
     .events = WALK_OUTCOME,
     .reads = READ_CLEARED,
     .vehicles = 2,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD),
     .ready = true},
    {.name = "opening_kinds",
     .configure = direct,
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .events = WALK_OUTCOME | WALK_WITHDRAW,
     .reads = READ_CLEARED | READ_UNAUTHENTICATED | READ_UNCLEARED | READ_NOT_RAISED | READ_QUIET,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS,
     .quick = true},
    {.name = "opening_raised",
     .configure = direct,
     .inputs = IN(LIMIT_OPEN),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT,
     .reads = READ_CLEARED | READ_QUIET,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD),
     .ready = true},
    {.name = "opening_withheld",
     .configure = direct,
     .inputs = IN(LIMIT_OPEN),
     .events = WALK_OUTCOME | WALK_LIST | WALK_JOURNAL | WALK_STOP | WALK_RAISE | WALK_ACK,
     .reads = READ_CLEARED,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS,
     .quick = true},
    {.name = "opening_named",
     .configure = loops_boom,
     .inputs = IN(ENTRY_LOOP),
     .always = IN(LIMIT_CLOSED),
     .events = WALK_SEEN | WALK_ACK | WALK_RAISE | WALK_COMMIT,
     .expects = OUT(RAISE),
     .reads = READ_CLEARED | READ_SECOND,
     .vehicles = 2,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD) | FROZEN(ORDER),
     .ready = true},
    {.name = "opening_lights",
     .configure = direct_lights,
     .inputs = IN(PRESENCE) | IN(LIMIT_OPEN),
     .events = WALK_OUTCOME,
     .expects = OUT(GREEN),
     .reads = READ_CLEARED | READ_SECOND,
     .vehicles = 2,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD),
     .ready = true,
     .quick = true},
    {.name = "opening_broken",
     .configure = direct_broken,
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(BOOM_OFF),
     .events = WALK_OUTCOME | WALK_ACK,
     .reads = READ_CLEARED,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD),
     .ready = true,
     .quick = true},
    {.name = "holding",
     .configure = direct,
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .events = WALK_OUTCOME | WALK_HOLD | WALK_RELEASE | WALK_COMMIT | WALK_WITHDRAW | WALK_RAISE,
     .reads = READ_CLEARED | READ_TOP,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD),
     .ready = true},
    {.name = "holding_emergency",
     .configure = direct,
     .inputs = IN(LIMIT_OPEN),
     .events = WALK_HOLD | WALK_RELEASE | WALK_COMMIT | WALK_RAISE | WALK_EMERGENCY | WALK_JOURNAL |
               WALK_ACK,
     .reads = READ_TOP,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD),
     .ready = true},
    {.name = "holding_joins",
     .configure = loops,
     .inputs = IN(ENTRY_LOOP),
     .events = WALK_RELEASE | WALK_COMMIT | WALK_WITHDRAW | WALK_AGAIN,
     .reads = READ_SECOND | READ_TOP,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD) | FROZEN(ENTRY_GAP),
     .ready = true},
    {.name = "holding_quiet",
     .configure = loops,
     .inputs = IN(ENTRY_LOOP),
     .events = WALK_RELEASE | WALK_COMMIT | WALK_WITHDRAW | WALK_AGAIN,
     .reads = READ_BOTH | READ_QUIET,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD) | FROZEN(ENTRY_GAP),
     .ready = true,
     .quick = true},
    {.name = "restore",
     .configure = direct,
     .inputs = IN(PRESENCE),
     .events = WALK_RESTORE | WALK_RELEASE | WALK_COMMIT | WALK_ACK | WALK_RAISE,
     .reads = READ_CLEARED | READ_SECOND,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD) | FROZEN(ORDER),
     .ready = true,
     .quick = true},
    {.name = "restore_more",
     .configure = check_loops,
     .inputs = IN(ENTRY_LOOP),
     .events = WALK_RESTORE | WALK_COMMIT | WALK_WITHDRAW | WALK_AGAIN,
     .reads = READ_SECOND,
     .vehicles = 1,
     .holds = 2,
     .frozen = CALM | COILS | FROZEN(UNREAD) | FROZEN(ENTRY_GAP) | FROZEN(EMPTY),
     .ready = true},
    {.name = "lights",
     .configure = queue_lights,
     .expects = OUT(GREEN),
     .inputs = IN(ENTRY_LOOP) | IN(EXIT_LOOP),
     .events = WALK_HOLD | WALK_RELEASE | WALK_COMMIT | WALK_ACK | WALK_STOP,
     .reads = READ_CLEARED | READ_YELLOW | READ_SECOND,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD) | FROZEN(ENTRY_GAP) | FROZEN(LIGHTS),
     .ready = true},
    {.name = "lights_fault",
     .configure = queue_lights,
     .expects = OUT(GREEN),
     .inputs = IN(ENTRY_LOOP),
     .events = WALK_ACK | WALK_STOP | WALK_LAMP_FAULT | WALK_LIST | WALK_MATCH,
     .reads = READ_CLEARED,
     .vehicles = 1,
     .frozen = FROZEN(SCAN) | FROZEN(CLEAR) | COILS | FROZEN(UNREAD),
     .quick = true},
    {.name = "knowledge",
     .configure = loops,
     .inputs = IN(ENTRY_LOOP) | IN(EXIT_LOOP),
     .events = WALK_MATCH | WALK_LIST | WALK_NO_CONTACT | WALK_ACK,
     .reads = READ_SECOND,
     .vehicles = 2,
     .holds = 1,
     .frozen = FROZEN(CLEAR) | COILS,
     .quick = true},
    {.name = "fire",
     .configure = with_fire,
     .inputs = LIMITS | IN(FIRE_RAISE) | IN(EMERGENCY_STOP) | IN(PANIC),
     .events = WALK_OUTCOME | WALK_STOP | WALK_ACK | WALK_RAISE,
     .frozen = CALM | COILS},
    {.name = "fire_lower",
     .configure = lower_fire,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(FIRE_RAISE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_GUIDED | WALK_ACK,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(GUIDED)},
    {.name = "mains_lower",
     .configure = lower_mains,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(MAINS_OK),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_GUIDED,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(GUIDED)},
    {.name = "convoy",
     .configure = direct,
     .inputs = IN(LIMIT_OPEN),
     .events =
         WALK_OUTCOME | WALK_CONVOY | WALK_COMMIT | WALK_HOLD | WALK_STOP | WALK_JOURNAL | WALK_ACK,
     .reads = READ_SECOND,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD),
     .ready = true,
     .quick = true},
    {.name = "convoy_waiting",
     .configure = loops_boom,
     .inputs = IN(ENTRY_LOOP),
     .always = IN(LIMIT_CLOSED),
     .events = WALK_OUTCOME | WALK_CONVOY | WALK_COMMIT,
     .reads = READ_SECOND,
     .vehicles = 2,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD),
     .ready = true},
    {.name = "convoy_safety",
     .configure = direct_safety,
     .inputs = IN(LIMIT_OPEN) | IN(EMERGENCY_STOP) | IN(FAULT),
     .events = WALK_OUTCOME | WALK_CONVOY | WALK_COMMIT | WALK_ACK,
     .frozen = CALM | COILS,
     .quick = true},
    {.name = "convoy_lower",
     .configure = lower,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_GUIDED | WALK_CONVOY,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(GUIDED)},
    {.name = "convoy_together",
     .configure = lower,
     .expects = OUT(LOWER),
     .inputs = IN(PRESENCE),
     .always = IN(LIMIT_OPEN) | IN(PERSON_OK) | IN(DETECTOR_OK),
     .together = true,
     .events = WALK_RAISE | WALK_COMMIT | WALK_GUIDED | WALK_CONVOY,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(GUIDED),
     .quick = true},
    {.name = "service",
     .configure = direct,
     .inputs = IN(LIMIT_OPEN) | IN(LIMIT_CLOSED),
     .events = WALK_OUTCOME | WALK_SERVICE | WALK_TEST | WALK_RAISE | WALK_STOP | WALK_CONVOY |
               WALK_COMMIT,
     .reads = 0,
     .frozen = CALM | COILS},
    {.name = "service_vehicles",
     .configure = direct,
     .inputs = IN(LIMIT_OPEN),
     .events = WALK_OUTCOME | WALK_SERVICE | WALK_TEST | WALK_RAISE | WALK_COMMIT | WALK_HOLD,
     .reads = READ_CLEARED | READ_QUIET,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD),
     .ready = true},
    {.name = "service_lower",
     .configure = lower,
     .expects = OUT(LOWER),
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .always = IN(PERSON_OK) | IN(DETECTOR_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_COMMIT | WALK_GUIDED | WALK_SERVICE,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(GUIDED)},
    {.name = "service_loops",
     .configure = loops_siren,
     .inputs = IN(ENTRY_LOOP),
     .events = WALK_SERVICE,
     .reads = READ_CLEARED | READ_TOP,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM,
     .quick = true},
    {.name = "check_point",
     .configure = check_point,
     .inputs = IN(LIMIT_OPEN) | IN(EXIT_LOOP),
     .events = WALK_OUTCOME | WALK_INSPECT | WALK_RAISE | WALK_EMERGENCY,
     .reads = READ_CLEARED | READ_DUE | READ_NOT_DUE | READ_EXEMPT,
     .vehicles = 1,
     .holds = 1,
     .frozen = CALM | COILS | FROZEN(UNREAD),
     .ready = true},
    {.name = "check_drawn",
     .configure = check_loops,
     .inputs = IN(ENTRY_LOOP),
     .events = WALK_INSPECT | WALK_AGAIN,
     .reads = READ_CLEARED | READ_DUE | READ_NOT_DUE | READ_EXEMPT | READ_EXEMPT_UNAUTHENTICATED,
     .vehicles = 2,
     .holds = 1,
     .frozen = CALM,
     .ready = true},
    {.name = "feedback_open",
     .configure = feedback_open,
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(EMERGENCY_STOP) | IN(MAINS_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_STOP | WALK_NO_CONTACT,
     .frozen = FROZEN(MATCH) | FROZEN(CLEAR) | COILS},
    {.name = "feedback_closed",
     .configure = feedback_closed,
     .inputs = IN(LIMIT_CLOSED) | IN(PRESENCE) | IN(EMERGENCY_STOP) | IN(MAINS_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_STOP | WALK_NO_CONTACT,
     .frozen = FROZEN(MATCH) | FROZEN(CLEAR) | COILS},
    {.name = "feedback_none",
     .configure = feedback_none,
     .inputs = IN(PRESENCE) | IN(EMERGENCY_STOP) | IN(MAINS_OK),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_STOP | WALK_NO_CONTACT,
     .frozen = FROZEN(MATCH) | FROZEN(CLEAR) | COILS,
     .quick = true},
    {.name = "kept",
     .configure = kept,
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .coils = true,
     .events = WALK_RAISE | WALK_COMMIT | WALK_OUTCOME,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN)},
    {.name = "kept_safety",
     .configure = kept,
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE) | IN(EMERGENCY_STOP),
     .events = WALK_OUTCOME | WALK_RAISE | WALK_STOP | WALK_COMMIT | WALK_GUARD_ACTED,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | OTHER_COILS | FROZEN(BOUNCE)},
    {.name = "kept_next",
     .configure = kept,
     .inputs = IN(LIMIT_OPEN) | IN(PRESENCE),
     .events = WALK_OUTCOME | WALK_COMMIT,
     .reads = READ_CLEARED,
     .vehicles = 1,
     .frozen = FROZEN(MATCH) | FROZEN(SCAN) | FROZEN(UNREAD),
     .ready = true},
};

const int lane_family_count = sizeof(lane_families) / sizeof(lane_families[0]);
