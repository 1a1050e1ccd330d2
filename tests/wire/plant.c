/* See plant.h. */
#include "plant.h"

#include <stddef.h>
#include <string.h>

enum { STEP_MS = 5, CLOSE_DELAY_MS = 500 };

static const double ENTRY_FROM = -5.0, STOP_LINE = -2.0, BOOM_HALF = 1.5, EYE_HALF = 0.5;
static const double EXIT_FROM = 3.0, EXIT_TO = 5.0, GONE = 14.0, SPAWN = -24.0, GAP = 1.5;
static const double OPEN_ENOUGH = 0.9, HEAD_HEIGHT = 0.6, TURN_OFF = -8.0;

void plant_init(struct plant *plant, bool auto_close, bool detector)
{
    *plant = (struct plant){.auto_close = auto_close,
                            .detector = detector,
                            .powered = true,
                            .close_at_ms = INT64_MAX,
                            .noise = 1};
}

/* ---- boom and controller ---- */

static void move(struct plant *p, int motion, enum mover by)
{
    if ((motion > 0 && p->boom >= 1.0) || (motion < 0 && p->boom <= 0.0)) {
        motion = 0;
    }
    p->motion = motion;
    p->moved_by = motion == 0 ? MOVED_BY_NOBODY : by;
}

/* Such a controller heeds the level of raise: a stop that ends lets it go on. */
static void let_go(struct plant *p, enum plant_coil coil)
{
    if (coil == COIL_RAISE) {
        p->close_at_ms = p->now_ms + CLOSE_DELAY_MS;
    } else if (coil == COIL_STOP && (p->coils & BIT(COIL_RAISE))) {
        move(p, 1, MOVED_BY_COIL);
    }
}

void plant_coil(struct plant *plant, enum plant_coil coil, bool on)
{
    bool was = (plant->coils & BIT(coil)) != 0;
    on |= was && (plant->welded & BIT(coil)) != 0;
    plant->coils = on ? plant->coils | BIT(coil) : plant->coils & ~BIT(coil);
    if (plant->maintained && was && !on) {
        let_go(plant, coil);
    }
    if (!on || was) {
        return; /* the controller heeds edges */
    }
    if (coil == COIL_STOP) {
        move(plant, 0, MOVED_BY_COIL);
    } else if (coil == COIL_RAISE && !(plant->coils & BIT(COIL_STOP))) {
        plant->close_at_ms = INT64_MAX;
        move(plant, 1, MOVED_BY_COIL);
    } else if (coil == COIL_LOWER && !(plant->coils & BIT(COIL_STOP))) {
        move(plant, -1, MOVED_BY_COIL);
    }
}

void plant_fob(struct plant *plant, int motion)
{
    move(plant, motion, MOVED_BY_FOB);
}

void plant_power(struct plant *plant, bool on)
{
    plant->powered = on;
    if (!on) {
        plant->coils = 0;
        move(plant, 0, MOVED_BY_NOBODY); /* a worm gear stays where it is */
    }
}

/* ---- who is where ---- */

/* Who lurks stands beside the lane. */

static bool body_over(const struct plant_vehicle *v, double from, double to)
{
    return v->id != 0 && !v->lurks && v->front_m >= from && v->front_m - v->length_m <= to;
}

/* Metal a loop senses: not the axle gap, where it covers the whole loop. */
static bool metal_over(const struct plant_vehicle *v, double from, double to)
{
    if (v->user == USER_PEDESTRIAN || !body_over(v, from, to)) {
        return false;
    }
    double gap_front = v->front_m - v->gap_from_m;
    double gap_back = v->front_m - v->gap_to_m;
    return v->gap_to_m <= 0.0 || gap_front < to || gap_back > from;
}

static bool any(const struct plant *p, bool metal, double from, double to)
{
    for (int i = 0; i < PLANT_VEHICLES_MAX; i++) {
        const struct plant_vehicle *v = &p->vehicles[i];
        if (metal ? metal_over(v, from, to) : body_over(v, from, to)) {
            return true;
        }
    }
    return false;
}

uint32_t plant_truth(const struct plant *p)
{
    uint32_t t = BIT(CONTACT_PERSON_OK) | BIT(CONTACT_DETECTOR_OK) | BIT(CONTACT_MAINS);
    t |= p->boom >= 1.0 ? BIT(CONTACT_OPEN) : 0;
    t |= p->boom <= 0.0 ? BIT(CONTACT_CLOSED) : 0;
    if (any(p, false, ENTRY_FROM, EXIT_TO)) {
        bool seen = any(p, !p->detector, -BOOM_HALF, BOOM_HALF);
        t |= seen ? BIT(CONTACT_PRESENCE) : 0;
        t |= any(p, false, -EYE_HALF, EYE_HALF) ? BIT(CONTACT_OBSTACLE) : 0;
        t |= any(p, true, ENTRY_FROM, STOP_LINE) ? BIT(CONTACT_ENTRY) : 0;
        t |= any(p, true, EXIT_FROM, EXIT_TO) ? BIT(CONTACT_EXIT) : 0;
    }
    return (t & ~p->forced) | (p->levels & p->forced);
}

uint32_t plant_levels(struct plant *p)
{
    uint32_t levels = plant_truth(p);
    p->noise = p->noise * 1664525u + 1013904223u;
    levels ^= p->bouncing & (p->noise >> 8);
    return levels ^ BIT(CONTACT_STOP_BUTTON);
}

/* ---- driving ---- */

struct plant_vehicle *plant_arrive(struct plant *plant, enum road_user user)
{
    double front = SPAWN;
    struct plant_vehicle *place = NULL;
    for (int i = 0; i < PLANT_VEHICLES_MAX; i++) {
        struct plant_vehicle *v = &plant->vehicles[i];
        if (v->id == 0) {
            place = v;
        } else if (v->user != USER_PEDESTRIAN && v->front_m - v->length_m - GAP < front) {
            front = v->front_m - v->length_m - GAP;
        }
    }
    if (!place) {
        return NULL;
    }
    *place = (struct plant_vehicle){
        .id = ++plant->next_id, .user = user, .front_m = front, .length_m = 4.5, .speed_mps = 4.0};
    if (user == USER_GAP_TRUCK) {
        place->length_m = 16.0;
        place->gap_from_m = 5.0;
        place->gap_to_m = 11.0;
        place->speed_mps = 1.5;
    } else if (user == USER_MOTORCYCLE) {
        place->length_m = 2.0;
    } else if (user == USER_PEDESTRIAN) { /* walks across under the boom's end */
        place->front_m = -1.7;
        place->length_m = 0.4;
        place->speed_mps = 1.2;
        place->read = true;
    }
    return place;
}

static bool is_ahead(const struct plant_vehicle *v, const struct plant_vehicle *other)
{
    return other != v && other->id != 0 && other->user != USER_PEDESTRIAN &&
           other->front_m > v->front_m;
}

/* How far the one ahead lets it go. */
static double limit_of(const struct plant *p, const struct plant_vehicle *v)
{
    double limit = 1e9;
    for (int i = 0; i < PLANT_VEHICLES_MAX; i++) {
        const struct plant_vehicle *other = &p->vehicles[i];
        if (is_ahead(v, other) && other->front_m - other->length_m - GAP < limit) {
            limit = other->front_m - other->length_m - GAP;
        }
    }
    return limit;
}

static bool may_pass(const struct plant *p, struct plant_vehicle *v)
{
    if (v->runs || v->user == USER_PEDESTRIAN) {
        return true;
    }
    if (p->boom < OPEN_ENOUGH) {
        return false;
    }
    bool red = (p->coils & BIT(COIL_RED)) != 0;
    bool ahead_under = any(p, false, STOP_LINE + 0.1, EXIT_TO);
    v->granted |= v->tailgates || (!red && !ahead_under);
    return v->granted;
}

static void leave(struct plant *p, struct plant_vehicle *v)
{
    *v = (struct plant_vehicle){.id = 0};
    (void)p;
}

static void drive_one(struct plant *p, struct plant_vehicle *v, double dt_s)
{
    v->lurks &= p->motion >= 0;
    if (v->lurks) {
        return;
    }
    double to = v->front_m + v->speed_mps * dt_s;
    if (v->turns_away && to >= TURN_OFF && v->front_m < STOP_LINE) {
        leave(p, v);
        return;
    }
    if (v->front_m <= STOP_LINE && to > STOP_LINE && !may_pass(p, v)) {
        to = STOP_LINE;
    }
    double limit = limit_of(p, v);
    if (v->speed_mps > 0 && v->user != USER_PEDESTRIAN && to > limit) {
        to = limit > v->front_m ? limit : v->front_m;
    }
    v->front_m = to;
    double gone = v->user == USER_PEDESTRIAN ? 1.0 : GONE;
    if (v->front_m - v->length_m > gone || v->front_m < SPAWN * 2) {
        leave(p, v);
    }
}

bool plant_is_empty(const struct plant *plant)
{
    for (int i = 0; i < PLANT_VEHICLES_MAX; i++) {
        const struct plant_vehicle *v = &plant->vehicles[i];
        if (v->id != 0 && v->user != USER_PEDESTRIAN) {
            return false;
        }
    }
    return true;
}

struct plant_vehicle *plant_at_stop_line(struct plant *plant)
{
    struct plant_vehicle *first = NULL;
    for (int i = 0; i < PLANT_VEHICLES_MAX; i++) {
        struct plant_vehicle *v = &plant->vehicles[i];
        bool there = v->id != 0 && v->user != USER_PEDESTRIAN && v->front_m <= STOP_LINE + 0.01;
        if (there && (!first || v->front_m > first->front_m)) {
            first = v;
        }
    }
    return first && first->front_m >= STOP_LINE - 0.3 ? first : NULL;
}

/* ---- time ---- */

static void notice_harm(struct plant *p, double before)
{
    bool crossed = before >= HEAD_HEIGHT && p->boom < HEAD_HEIGHT;
    if (crossed && any(p, false, -EYE_HALF, EYE_HALF)) {
        p->harm++;
        p->harm_by = p->moved_by;
        p->harm_fault = p->forced | p->bouncing;
    }
}

/* The maker's own closing: behind the exit loop, never over an occupied presence loop. */
static void run_controller(struct plant *p, uint32_t before)
{
    uint32_t now = plant_truth(p);
    bool under = (now & (BIT(CONTACT_PRESENCE) | BIT(CONTACT_OBSTACLE))) != 0;
    if (now & BIT(CONTACT_EXIT)) {
        p->close_at_ms = INT64_MAX;
    } else if ((before & BIT(CONTACT_EXIT)) && p->boom > 0.0) {
        p->close_at_ms = p->now_ms + CLOSE_DELAY_MS;
    }
    if (p->motion < 0 && under && p->moved_by == MOVED_BY_CONTROLLER) {
        move(p, 1, MOVED_BY_CONTROLLER);
        p->close_at_ms = p->now_ms + CLOSE_DELAY_MS;
    }
    uint32_t against = BIT(COIL_STOP) | (p->maintained ? BIT(COIL_RAISE) : 0);
    if (p->now_ms >= p->close_at_ms && !under && !(p->coils & against)) {
        p->close_at_ms = INT64_MAX;
        move(p, -1, MOVED_BY_CONTROLLER);
    }
}

static void run_step(struct plant *p, int64_t ms)
{
    bool controls = p->auto_close && p->powered;
    uint32_t before = controls ? plant_truth(p) : 0;
    double boom = p->boom;
    p->now_ms += ms;
    if (p->motion != 0 && p->powered) {
        p->boom += p->motion * (double)ms / PLANT_TRAVEL_MS;
        p->boom = p->boom > 1.0 ? 1.0 : p->boom < 0.0 ? 0.0 : p->boom;
        notice_harm(p, boom);
        if (p->boom >= 1.0 || p->boom <= 0.0) {
            move(p, 0, MOVED_BY_NOBODY);
        }
    }
    for (int i = 0; i < PLANT_VEHICLES_MAX; i++) {
        if (p->vehicles[i].id != 0) {
            drive_one(p, &p->vehicles[i], (double)ms / 1000.0);
        }
    }
    if (controls) {
        run_controller(p, before);
    }
}

void plant_run(struct plant *plant, int64_t now_ms)
{
    while (plant->now_ms < now_ms) {
        int64_t left = now_ms - plant->now_ms;
        run_step(plant, left < STEP_MS ? left : STEP_MS);
    }
}
