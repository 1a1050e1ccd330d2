/*
 * Whose read is this? The decision table of README.md, row by row; the first row that answers
 * counts. Pure. A read nobody vouches for never looks at what authenticated reads have built up but
 * where it says the same plate, and an authenticated one never joins what such reads made: the
 * alert it brings is one nobody has had.
 */
#include <stddef.h>

#include "gateway/model/plate_symbols.h"
#include "gateway/pipeline/vehicles.h"

enum { ALIKE_KNOWN_MIN = 4 }; /* symbols both say, and say alike */

struct look {
    struct vehicles *vehicles;
    const struct vehicle_options *options;
    const struct lane_status *status;
    const struct plate_read *read;
    enum camera_role role;
    enum plate_place place;
    struct mono_time now;
    uint64_t perhaps;
};

/* ---- two plates ---- */

/* The same symbols apart from confusable ones, where both were read; out: how many of those are the
 * same and how many are not. */
static bool compare(const struct look_alike *fold, plate_key a, plate_key b, int *out_same,
                    int *out_apart)
{
    uint8_t left[PLATE_SYMBOLS_MAX];
    uint8_t right[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(a, left);
    if (count != plate_symbols(b, right))
        return false;
    for (int i = 0; i < count; i++) {
        if (left[i] == PLATE_SYMBOL_UNREAD || right[i] == PLATE_SYMBOL_UNREAD)
            continue;
        if (fold->symbols[left[i]] != fold->symbols[right[i]])
            return false;
        *out_same += left[i] == right[i];
        *out_apart += left[i] != right[i];
    }
    return true;
}

bool plates_are_alike(const struct look_alike *fold, plate_key a, plate_key b)
{
    int same = 0;
    int apart = 0;
    return compare(fold, a, b, &same, &apart) && apart <= 1 && same >= ALIKE_KNOWN_MIN;
}

static bool is_alike(const struct look_alike *fold, const struct vehicle_plate *plate,
                     const struct plate_read *read)
{
    if (plate->key == 0 || read->kind != PLATE_KEY)
        return false;
    for (int i = 0; i < plate->candidate_count; i++)
        if (plate->candidates[i] == read->key)
            return true;
    for (int i = 0; i < read->candidate_count; i++)
        if (read->candidates[i].key == plate->key)
            return true;
    return plates_are_alike(fold, plate->key, read->key);
}

/* The same text under another class is another vehicle; a class that is not known says nothing. */
static bool is_equal(const struct vehicle_plate *plate, const struct plate_read *read)
{
    return read->kind == PLATE_KEY && plate->key == read->key &&
           (plate->class == read->class || plate->class == PLATE_CLASS_UNKNOWN ||
            read->class == PLATE_CLASS_UNKNOWN);
}

static bool is_sure(const struct vehicle_plate *plate)
{
    const struct plate_read read = {
        .kind = PLATE_KEY, .key = plate->key, .confidence = plate->confidence};
    return plate->key != 0 && vehicle_read_is_sure(&read);
}

/* ---- a read and a vehicle ---- */

static bool is_proven(const struct look *l)
{
    return l->read->authenticity != AUTH_NONE;
}

static bool is_present(const struct look *l, const struct vehicle *v)
{
    return vehicle_is_present(l->vehicles, l->options, l->status, v, l->now);
}

static bool says_its_plate(const struct look *l, const struct vehicle *v)
{
    for (int i = 0; i < PLATE_PLACES; i++)
        if (is_equal(&v->plates[i], l->read))
            return true;
    return false;
}

/* Front and rear carry the same plate, a trailer its own. */
static bool is_near_its_plate(const struct look *l, const struct vehicle *v)
{
    const struct look_alike *fold = &l->vehicles->look_alike;
    if (l->place == PLATE_TRAILER)
        return is_alike(fold, &v->plates[PLATE_TRAILER], l->read);
    return is_alike(fold, &v->plates[PLATE_FRONT], l->read) ||
           is_alike(fold, &v->plates[PLATE_REAR], l->read);
}

/* Both sure of what they say, and it is not the same. */
static bool contradicts(const struct look *l, const struct vehicle *v)
{
    int from = l->place == PLATE_TRAILER ? PLATE_TRAILER : PLATE_FRONT;
    int to = l->place == PLATE_TRAILER ? PLATE_TRAILER : PLATE_REAR;
    if (says_its_plate(l, v))
        return false;
    for (int i = from; i <= to; i++)
        if (is_sure(&v->plates[i]) && v->plates[i].key != l->read->key)
            return vehicle_read_is_sure(l->read);
    return false;
}

/* What nobody vouches for tells an authenticated read nothing of a vehicle. */
static bool counts(const struct look *l, const struct vehicle_read *reading)
{
    return !is_proven(l) || reading->authenticity != AUTH_NONE;
}

/* What this camera said of it last. */
static const struct vehicle_read *reading_of(const struct vehicle *v, const struct look *l)
{
    const struct vehicle_read *found = NULL;
    for (int i = 0; i < v->read_count; i++)
        if (v->reads[i].camera == l->read->camera && counts(l, &v->reads[i]) &&
            (!found || !mono_before(v->reads[i].seen, found->seen)))
            found = &v->reads[i];
    return found;
}

static bool this_camera_said_it(const struct look *l, const struct vehicle *v)
{
    for (int i = 0; i < v->read_count; i++)
        if (v->reads[i].camera == l->read->camera && v->reads[i].key == l->read->key &&
            counts(l, &v->reads[i]))
            return true;
    return false;
}

/* Some camera of these roles has read it. */
static bool read_by_roles(const struct look *l, const struct vehicle *v, enum camera_role from,
                          enum camera_role to)
{
    for (int i = 0; i < v->read_count; i++) {
        enum camera_role role = vehicle_camera_role(l->options, v->reads[i].camera);
        if (role >= from && role <= to && counts(l, &v->reads[i]))
            return true;
    }
    return false;
}

static bool is_in_queue(const struct look *l, const struct vehicle *v)
{
    return l->status->order_known && vehicle_is_queued(l->status, v->id);
}

static struct vehicle_finding same(struct vehicle *v, bool again)
{
    return (struct vehicle_finding){.verdict = VEHICLE_SAME, .vehicle = v, .again = again};
}

/* ---- rows of the table ---- */

static bool is_of_event(const struct look *l, const struct vehicle_read *reading)
{
    return reading->camera == l->read->camera && counts(l, reading) &&
           (reading->last_event == l->read->event_id || reading->first_event == l->read->event_id);
}

/* Which of its readings are of the event read, and how lately the camera spoke of it. */
struct event_trace {
    bool began; /* the vehicle itself */
    bool any;
    bool fresh;
};

static struct event_trace trace_event(const struct look *l, const struct vehicle *v)
{
    struct event_trace trace = {.any = false};
    for (int k = 0; v->id != 0 && k < v->read_count; k++) {
        if (!is_of_event(l, &v->reads[k]))
            continue;
        trace.began |= k == 0 && v->reads[0].first_event == l->read->event_id;
        trace.any = true;
        trace.fresh |= mono_diff_ms(l->now, v->reads[k].seen) <= VEHICLE_EVENT_MS;
    }
    return trace;
}

/* Whether the event's vehicle, not there any more, is the one the read is of: a camera that uses
 * its numbers again means another. */
static bool is_late_word(const struct look *l, const struct vehicle *v)
{
    return mono_diff_ms(l->now, v->last) <= VEHICLE_EVENT_MS && !contradicts(l, v) &&
           (l->read->kind != PLATE_KEY || says_its_plate(l, v) || is_near_its_plate(l, v));
}

/* Row 1: the camera itself says that it is still the same. An event that joined a vehicle by a
 * plate which it then takes back was another's, and so is one long over that comes up again. */
static struct vehicle *by_event(const struct look *l)
{
    struct vehicle *found = NULL;
    for (int i = 0; l->read->event_id != 0 && i < VEHICLES_KEPT; i++) {
        struct vehicle *v = &l->vehicles->kept[i];
        struct event_trace trace = trace_event(l, v);
        if (!trace.any || (v->proven != is_proven(l) && (is_proven(l) || !says_its_plate(l, v))))
            continue;
        bool present = is_present(l, v);
        /* A camera further on sees what has come in before. */
        bool began = trace.began || (l->role > ROLE_FRONT && present);
        bool its_own = present ? (began && trace.fresh) || !contradicts(l, v) : is_late_word(l, v);
        if (its_own && began)
            return v;
        found = its_own ? v : found;
    }
    return found;
}

/* Row 2: the plate it is known by. Of several the one this camera read, then the latest. */
static struct vehicle *by_plate(struct look *l)
{
    struct vehicle *found = NULL;
    for (int i = 0; i < VEHICLES_KEPT; i++) {
        struct vehicle *v = &l->vehicles->kept[i];
        if (!is_present(l, v) || (is_proven(l) && !v->proven) || !says_its_plate(l, v))
            continue;
        if (reading_of(v, l) && !this_camera_said_it(l, v)) {
            l->perhaps |= 1ull << i; /* this camera read something else of it */
            continue;
        }
        bool closer = found && this_camera_said_it(l, v) != this_camera_said_it(l, found)
                          ? this_camera_said_it(l, v)
                          : !found || mono_before(found->last, v->last);
        found = closer ? v : found;
    }
    return found;
}

/* The lane's loops and reads know of this vehicle and no other. */
static bool is_alone(const struct look *l, const struct vehicle *v)
{
    return l->status->order_known && !l->status->doubtful && l->status->vehicle_count == 1 &&
           l->status->vehicles[0] == v->id &&
           (l->options->wired & INPUT_BIT(INPUT_ENTRY_LOOP)) != 0;
}

/* Those that are kept, there or gone, and could carry what was read, this one left out: the one
 * behind it, or one that has not left after all. */
static uint64_t others_alike(const struct look *l, const struct vehicle *but)
{
    uint64_t found = 0;
    for (int i = 0; i < VEHICLES_KEPT; i++) {
        const struct vehicle *v = &l->vehicles->kept[i];
        if (v->id != 0 && v != but && v->proven == is_proven(l) && is_near_its_plate(l, v))
            found |= 1ull << i;
    }
    return found;
}

/* Row 3: one vehicle at the stop line by the loops, and a camera that reads there. What it reads
 * may be far from what the vehicle is known by where no other is in the lane. */
static struct vehicle *by_stop_line(struct look *l)
{
    const struct lane_status *s = l->status;
    uint32_t at_line = INPUT_BIT(INPUT_ENTRY_LOOP) | INPUT_BIT(INPUT_PRESENCE);
    if ((l->role != ROLE_BOOM && l->role != ROLE_BOOM_REAR) || !s->order_known || s->doubtful ||
        s->at_boom != 1 || s->vehicles[0] == 0 || (s->inputs & at_line) == 0 ||
        (s->inputs & INPUT_BIT(INPUT_EXIT_LOOP)) != 0)
        return NULL;
    struct vehicle *there = vehicles_find_id(l->vehicles, s->vehicles[0]);
    if (!there || there->proven != is_proven(l))
        return NULL;
    bool near = !contradicts(l, there) && is_near_its_plate(l, there);
    uint64_t others = others_alike(l, there);
    if (others == 0 && (near || is_alone(l, there)))
        return there;
    l->perhaps |= others | 1ull << (there - l->vehicles->kept);
    return NULL;
}

/* It has stood at the stop line, under a closed boom, since it was first read: nobody else can be
 * at the read point of a camera that looks there. */
static bool has_stood(const struct look *l, const struct vehicle *v)
{
    return l->options->near && l->status->order_known && !l->status->doubtful &&
           l->status->at_boom == 1 && l->status->vehicles[0] == v->id &&
           l->status->boom == BOOM_CLOSED && mono_before(l->vehicles->boom_moved, v->first) &&
           l->vehicles->loops.occupied && !mono_before(v->last, l->vehicles->loops.since);
}

/* A camera that gives no event ids: the next picture of what it has just read. */
static bool is_next_frame(const struct look *l, const struct vehicle *v)
{
    const struct vehicle_read *before = reading_of(v, l);
    return l->read->event_id == 0 && before->last_event == 0 &&
           mono_diff_ms(l->now, before->seen) <= VEHICLE_FRAME_MS;
}

/* Rows 4 and 5: the same camera reads what could be the same plate. */
static struct vehicle *by_camera(struct look *l)
{
    for (int i = 0; i < VEHICLES_KEPT; i++) {
        struct vehicle *v = &l->vehicles->kept[i];
        if (!is_present(l, v) || v->proven != is_proven(l) || !reading_of(v, l))
            continue;
        bool alike = is_near_its_plate(l, v);
        if (is_next_frame(l, v) && (alike || l->read->kind != PLATE_KEY))
            return v;
        if (!alike || contradicts(l, v))
            continue;
        if (has_stood(l, v))
            return v;
        l->perhaps |= 1ull << i;
    }
    return NULL;
}

/* Class 02, 52, 07 and 08, and blue plates: no articulated vehicle has them. */
static bool may_tow(const struct vehicle *v)
{
    enum { SMALL = '0' << 8 | '2', SMALL_NEV = '5' << 8 | '2' };
    enum { MOTORCYCLE = '0' << 8 | '7', LIGHT_MOTORCYCLE = '0' << 8 | '8' };
    const struct vehicle_plate *plate = &v->plates[PLATE_FRONT];
    return plate->class != SMALL && plate->class != SMALL_NEV && plate->class != MOTORCYCLE &&
           plate->class != LIGHT_MOTORCYCLE && plate->colour != COLOUR_BLUE;
}

/* A camera that has not read a plate at its end yet may still read the trailer's. */
static bool is_done_there(const struct look *l, const struct vehicle *v)
{
    return l->place != PLATE_TRAILER || v->plates[PLATE_REAR].key != 0 ||
           v->plates[PLATE_TRAILER].key != 0;
}

/* Whether it was read on its way here and a camera like this one has still to read it. One that the
 * lane has lost sight of counts too, for a while. */
static bool is_due(const struct look *l, const struct vehicle *v)
{
    enum camera_role before = (enum camera_role)(l->role - 1);
    bool has_it = !v->unplaced && read_by_roles(l, v, l->role, l->role) && is_done_there(l, v);
    if (v->id == 0 || v->over || v->proven != is_proven(l) || has_it ||
        !read_by_roles(l, v, ROLE_FRONT, before))
        return false;
    const struct vehicle *other = vehicles_find_id(l->vehicles, v->perhaps);
    bool lingers = mono_diff_ms(l->now, v->last) <= VEHICLE_LINGERS_MS || is_in_queue(l, v) ||
                   (other && is_present(l, other)); /* one behind the other, or the same */
    if (!is_present(l, v) && !lingers)
        return false;
    return l->place != PLATE_TRAILER || may_tow(v);
}

/* Rows 6 and 7: a camera that sees vehicles after the front camera has. With several it could be
 * of, nobody says. The front camera is the first to see a vehicle: what it reads joins no earlier
 * one but by its plate. */
static struct vehicle *by_turn(struct look *l)
{
    struct vehicle *only = NULL;
    uint64_t due = 0;
    for (int i = 0; l->role > ROLE_FRONT && i < VEHICLES_KEPT; i++) {
        struct vehicle *v = &l->vehicles->kept[i];
        if (!is_due(l, v))
            continue;
        only = due == 0 ? v : NULL;
        due |= 1ull << i;
    }
    bool in_time =
        only && (is_in_queue(l, only) || mono_diff_ms(l->now, only->last) <= l->options->fuse_ms);
    bool near = only && !contradicts(l, only) && is_near_its_plate(l, only);
    if (in_time && is_present(l, only) && others_alike(l, only) == 0 &&
        (l->place == PLATE_TRAILER || near || is_alone(l, only)))
        return only;
    l->perhaps |= due;
    return NULL;
}

/* Row 8: what a later camera reads came in past the front camera: as one of these, if there is any
 * whose plate may have been missed. */
static uint64_t came_in_before(const struct look *l)
{
    uint64_t found = 0;
    for (int i = 0; l->role > ROLE_FRONT && i < VEHICLES_KEPT; i++) {
        const struct vehicle *v = &l->vehicles->kept[i];
        if (v->proven == is_proven(l) && is_present(l, v) &&
            read_by_roles(l, v, ROLE_FRONT, (enum camera_role)(l->role - 1)))
            found |= 1ull << i;
    }
    return found;
}

struct vehicle_finding vehicles_find(struct vehicles *vehicles,
                                     const struct vehicle_options *options,
                                     const struct lane_status *status,
                                     const struct plate_read *read, struct mono_time now)
{
    struct look l = {.vehicles = vehicles,
                     .options = options,
                     .status = status,
                     .read = read,
                     .role = vehicle_camera_role(options, read->camera),
                     .place = vehicle_place_of(options, read),
                     .now = now};
    struct vehicle *v = by_event(&l);
    if (v)
        return same(v, false);
    v = by_plate(&l);
    if (v) {
        struct vehicle_finding found = same(v, true);
        found.at_boom = (l.role == ROLE_BOOM || l.role == ROLE_BOOM_REAR) && is_proven(&l) &&
                        vehicle_read_is_sure(read) && l.place != PLATE_TRAILER;
        return found;
    }
    v = by_stop_line(&l);
    if (!v)
        v = by_camera(&l);
    if (!v && l.perhaps == 0)
        v = by_turn(&l);
    if (v)
        return same(v, true);
    l.perhaps |= l.perhaps == 0 ? came_in_before(&l) : 0;
    return (struct vehicle_finding){.verdict = l.perhaps ? VEHICLE_DOUBT : VEHICLE_OTHER,
                                    .perhaps = l.perhaps};
}
