/* What is kept of a lane's vehicles: places, presence, plates, hits. See vehicles.h. */
#include "gateway/pipeline/vehicles.h"

#include <stddef.h>
#include <string.h>

#include "gateway/model/plate_symbols.h"

enum {
    LOOPS = INPUT_BIT(INPUT_ENTRY_LOOP) | INPUT_BIT(INPUT_PRESENCE) | INPUT_BIT(INPUT_EXIT_LOOP)
};
enum { SURE_OWN, SURE_TRAILER }; /* vehicle.sure */

static const char *const place_names[] = {"front", "rear", "trailer"};

const char *plate_place_name(enum plate_place place)
{
    return (unsigned)place < PLATE_PLACES ? place_names[place] : NULL;
}

enum camera_role vehicle_camera_role(const struct vehicle_options *options, uint16_t camera)
{
    for (size_t i = 0; i < options->camera_count; i++)
        if (options->cameras[i].id == camera)
            return options->cameras[i].role;
    return ROLE_NONE;
}

bool vehicle_comes_in(const struct vehicle_options *options, uint16_t camera)
{
    return vehicle_camera_role(options, camera) <= ROLE_FRONT;
}

/* GA/T 16.7 class 15, or a plate that ends in 挂. */
static bool is_trailer(const struct plate_read *read)
{
    enum { GUA = 0x6302, CLASS_TRAILER = '1' << 8 | '5' };
    uint8_t symbols[PLATE_SYMBOLS_MAX];
    int count = plate_symbols(read->key, symbols);
    return read->class == CLASS_TRAILER ||
           (count > 0 && symbols[count - 1] == plate_symbol_of(GUA));
}

enum plate_place vehicle_place_of(const struct vehicle_options *options,
                                  const struct plate_read *read)
{
    enum camera_role role = vehicle_camera_role(options, read->camera);
    if (read->kind == PLATE_KEY && is_trailer(read))
        return PLATE_TRAILER;
    return role == ROLE_REAR || role == ROLE_BOOM_REAR ? PLATE_REAR : PLATE_FRONT;
}

static uint8_t confidence_of(uint8_t confidence)
{
    return confidence == READ_CONFIDENCE_NONE ? VEHICLE_CONFIDENT_MIN : confidence;
}

bool vehicle_read_is_sure(const struct plate_read *read)
{
    return read->kind == PLATE_KEY && !plate_has_unread(read->key) &&
           confidence_of(read->confidence) >= VEHICLE_CONFIDENT_MIN;
}

/* ---- places ---- */

void vehicles_init(struct vehicles *vehicles)
{
    memset(vehicles, 0, sizeof *vehicles);
    look_alike_init(&vehicles->look_alike, true);
}

struct vehicle *vehicles_find_id(struct vehicles *vehicles, uint64_t id)
{
    for (int i = 0; id != 0 && i < VEHICLES_KEPT; i++)
        if (vehicles->kept[i].id == id)
            return &vehicles->kept[i];
    return NULL;
}

/* ---- presence ---- */

/* True once when it has cleared. */
static bool watch_loop(struct loop_watch *w, bool on, uint32_t clear_ms, struct mono_time now)
{
    if (on) {
        w->since = w->occupied ? w->since : now;
        w->occupied = true;
        w->last = now;
        w->free_since = (struct mono_time){0};
        return false;
    }
    if (w->occupied && w->free_since.ns == 0)
        w->free_since = now;
    if (!w->occupied || mono_diff_ms(now, w->free_since) < clear_ms)
        return false;
    w->occupied = false;
    return true;
}

static uint32_t way_out(const struct vehicle_options *options)
{
    static const uint32_t last_first[] = {INPUT_BIT(INPUT_EXIT_LOOP), INPUT_BIT(INPUT_PRESENCE),
                                          INPUT_BIT(INPUT_ENTRY_LOOP)};
    for (size_t i = 0; i < sizeof last_first / sizeof last_first[0]; i++)
        if (options->wired & last_first[i])
            return last_first[i];
    return 0;
}

/* The loops are seen again: who was not read for long meanwhile may have left. */
static void look_again(struct vehicles *vehicles, const struct vehicle_options *options,
                       struct mono_time now)
{
    struct mono_time silent = mono_add_ms(now, -(int64_t)options->silence_ms);
    if (vehicles->unseen.ns != 0 && mono_before(vehicles->unseen, silent) &&
        mono_before(vehicles->cleared, silent))
        vehicles->cleared = silent;
    vehicles->unseen = (struct mono_time){0};
}

void vehicles_follow(struct vehicles *vehicles, const struct vehicle_options *options,
                     const struct lane_status *status, struct mono_time now)
{
    struct loop_watch *out = &vehicles->way_out;
    struct loop_watch *all = &vehicles->loops;
    if (status->boom != BOOM_CLOSED)
        vehicles->boom_moved = now;
    if (!status->contact) { /* nobody sees the loops */
        vehicles->unseen = vehicles->unseen.ns ? vehicles->unseen : now;
        return;
    }
    look_again(vehicles, options, now);
    bool left = watch_loop(out, status->inputs & way_out(options), options->clear_ms, now);
    bool empty = watch_loop(all, status->inputs & LOOPS, options->clear_ms, now);
    vehicles->left_count += left;
    if (left)
        vehicles->cleared = out->free_since;
    else if (empty && mono_before(out->last, all->since)) /* it turned away */
        vehicles->cleared = all->free_since;
}

static bool may_be_misread(const struct look_alike *fold, const struct vehicle *a,
                           const struct vehicle *b)
{
    bool any = false;
    for (int i = 0; i < PLATE_PLACES; i++)
        for (int k = 0; k < PLATE_PLACES; k++) {
            any |= a->plates[i].key != 0;
            if (a->plates[i].key != 0 && plates_are_alike(fold, a->plates[i].key, b->plates[k].key))
                return true;
        }
    return !any;
}

/* A misread under an event of its own is queued as one more: when that one leaves, the vehicle
 * itself may have gone, whatever the queue says; so may any when one leaves that nobody vouches
 * for. */
static void doubt_queue(struct vehicles *vehicles, const struct vehicle *gone)
{
    for (int i = 0; i < VEHICLES_KEPT; i++) {
        struct vehicle *v = &vehicles->kept[i];
        v->unvouched |= v != gone && v->id != 0 &&
                        (!gone || gone->unvouched || (v->proven && !gone->proven) ||
                         may_be_misread(&vehicles->look_alike, gone, v)) &&
                        mono_before(v->last, vehicles->loops.last);
    }
}

void vehicles_left(struct vehicles *vehicles, uint64_t passage)
{
    struct vehicle *v = vehicles_find_id(vehicles, passage);
    if (vehicles->loops.last.ns == 0 || (v && mono_before(vehicles->loops.last, v->first)))
        return; /* no loop saw it: the lane only assumed that it had gone */
    if (v)
        v->over = true;
    doubt_queue(vehicles, v);
}

void vehicles_withdrawn(struct vehicles *vehicles, uint64_t entry)
{
    for (int i = 0; i < VEHICLES_KEPT; i++) {
        struct vehicle_hit *hit = vehicle_hit_of(&vehicles->kept[i], entry);
        if (!hit)
            continue;
        hit->settled = true;
        hit->level = ALERT_NONE;
        hit->holds = false;
    }
}

void vehicles_settled(struct vehicles *vehicles, uint64_t passage)
{
    struct vehicle *v = vehicles_find_id(vehicles, passage);
    for (int i = 0; v && i < v->hit_count; i++)
        v->hits[i].settled = true;
}

bool vehicle_is_queued(const struct lane_status *status, uint64_t passage)
{
    for (int i = 0; i < status->vehicle_count; i++)
        if (status->vehicles[i] == passage)
            return true;
    return false;
}

bool vehicle_is_present(const struct vehicles *vehicles, const struct vehicle_options *options,
                        const struct lane_status *status, const struct vehicle *v,
                        struct mono_time now)
{
    bool entry = (options->wired & INPUT_BIT(INPUT_ENTRY_LOOP)) != 0;
    bool queued = status->order_known && vehicle_is_queued(status, v->id);
    int64_t silent_ms = mono_diff_ms(now, v->last);
    if (v->id == 0 || v->over || (v->unvouched && !queued))
        return false;
    /* Without an entry loop the queue keeps the latest one for ever: only a loop vouches for it.
     * Whom a camera saw at the stop line is the next to leave, whatever the queue says. */
    bool passed = v->at_line && mono_before(v->last, vehicles->cleared);
    if (queued && !v->unvouched && !passed && (entry || vehicles->loops.occupied))
        return true;
    if (mono_before(v->last, vehicles->cleared))
        return false; /* somebody has left: perhaps this one */
    if (!v->unvouched && status->contact && vehicles->loops.occupied)
        return silent_ms <= VEHICLE_STANDS_MAX_MS;
    return silent_ms < options->silence_ms;
}

/* ---- places ---- */

/* Who is not there any more gives way first, the longest gone of them: one that has just left is
 * still asked for. */
static struct vehicle *place_of(struct vehicles *vehicles, const struct vehicle_options *options,
                                const struct lane_status *status, bool proven, struct mono_time now)
{
    int from = proven ? 0 : VEHICLES_PROVEN;
    int to = proven ? VEHICLES_PROVEN : VEHICLES_KEPT;
    struct vehicle *found = NULL;
    bool found_present = true;
    for (int i = from; i < to; i++) {
        struct vehicle *v = &vehicles->kept[i];
        if (v->id == 0)
            return v;
        bool present = vehicle_is_present(vehicles, options, status, v, now);
        if (!found || (present != found_present ? !present : mono_before(v->last, found->last))) {
            found = v;
            found_present = present;
        }
    }
    return found;
}

struct vehicle *vehicles_add(struct vehicles *vehicles, const struct vehicle_options *options,
                             const struct lane_status *status, const struct plate_read *read,
                             uint64_t id, struct mono_time now)
{
    bool proven = read->authenticity != AUTH_NONE;
    struct vehicle *v = place_of(vehicles, options, status, proven, now);
    *v = (struct vehicle){.id = id, .proven = proven, .first = now, .last = now};
    decision_init(&v->decision);
    return v;
}

/* ---- plates ---- */

/* Whether `read` says more of a plate than `known`; a total order, so that it does not matter which
 * read came first. */
static bool is_better(const struct plate_read *read, const struct vehicle_plate *known)
{
    bool full = !plate_has_unread(read->key);
    bool known_full = !plate_has_unread(known->key);
    int score = confidence_of(read->confidence);
    int known_score = confidence_of(known->confidence);
    if (known->key == 0 || full != known_full)
        return known->key == 0 || full;
    if (score != known_score)
        return score > known_score;
    return read->key < known->key;
}

static bool note_plate(struct vehicle_plate *plate, const struct plate_read *read)
{
    bool better = is_better(read, plate);
    bool new_class = plate->key == read->key && plate->class == PLATE_CLASS_UNKNOWN &&
                     read->class != PLATE_CLASS_UNKNOWN;
    plate_class class = plate->class;
    if (new_class)
        plate->class = read->class;
    if (!better)
        return new_class;
    *plate = (struct vehicle_plate){
        .key = read->key,
        .class =
            read->class != PLATE_CLASS_UNKNOWN || plate->key != read->key ? read->class : class,
        .colour = read->colour,
        .confidence = read->confidence};
    for (int i = 0; i < read->candidate_count; i++)
        plate->candidates[plate->candidate_count++] = read->candidates[i].key;
    return true;
}

/* True: with this one there are two. */
static bool note_sure(struct vehicle *v, int which, plate_key key)
{
    for (int i = 0; i < v->sure_count[which]; i++)
        if (v->sure[which][i] == key)
            return false;
    if (v->sure_count[which] == VEHICLE_SURE_MAX)
        return false;
    v->sure[which][v->sure_count[which]++] = key;
    return v->sure_count[which] == VEHICLE_SURE_MAX;
}

bool vehicle_in_conflict(const struct vehicle *v)
{
    return v->sure_count[SURE_OWN] > 1 || v->sure_count[SURE_TRAILER] > 1;
}

/* ---- evidence ---- */

static struct vehicle_read *same_reading(struct vehicle *v, const struct plate_read *read)
{
    for (int i = 0; i < v->read_count; i++)
        if (v->reads[i].camera == read->camera && v->reads[i].kind == read->kind &&
            v->reads[i].key == read->key && v->reads[i].authenticity == read->authenticity)
            return &v->reads[i];
    return NULL;
}

/* Then a trailer's plate says nothing of the vehicle that tows it: that one's was missed. */
static bool fronts_are_read(const struct vehicle_options *options)
{
    for (size_t i = 0; i < options->camera_count; i++)
        if (options->cameras[i].role == ROLE_FRONT || options->cameras[i].role == ROLE_BOOM)
            return true;
    return false;
}

/* A free place, or that of a read nobody vouches for when this one is better. */
static struct vehicle_read *place_for(struct vehicle *v, const struct plate_read *read)
{
    if (v->read_count < VEHICLE_READS_MAX)
        return &v->reads[v->read_count++];
    v->reads_dropped++;
    for (int i = 0; i < VEHICLE_READS_MAX && read->authenticity != AUTH_NONE; i++)
        if (v->reads[i].authenticity == AUTH_NONE)
            return &v->reads[i];
    return NULL;
}

static bool note_reading(struct vehicle *v, enum plate_place place, const struct plate_read *read,
                         struct mono_time now)
{
    struct vehicle_read *known = same_reading(v, read);
    if (known) {
        known->last_event = read->event_id;
        known->last = read->wall;
        known->seen = now;
        known->times++;
        bool better = confidence_of(read->confidence) > confidence_of(known->confidence);
        known->confidence = better ? read->confidence : known->confidence;
        return better;
    }
    struct vehicle_read *fresh = place_for(v, read);
    if (!fresh)
        return false;
    *fresh = (struct vehicle_read){.camera = read->camera,
                                   .place = place,
                                   .first_event = read->event_id,
                                   .last_event = read->event_id,
                                   .kind = read->kind,
                                   .key = read->key,
                                   .confidence = read->confidence,
                                   .authenticity = read->authenticity,
                                   .first = read->wall,
                                   .last = read->wall,
                                   .seen = now,
                                   .times = 1};
    memcpy(fresh->raw, read->raw, sizeof fresh->raw);
    return true;
}

struct vehicle_news vehicle_take_read(struct vehicle *v, const struct vehicle_options *options,
                                      const struct plate_read *read, struct mono_time now)
{
    enum plate_place place = vehicle_place_of(options, read);
    struct vehicle_news news = {.evidence = note_reading(v, place, read, now)};
    if (v->proven && read->authenticity == AUTH_NONE)
        return news; /* evidence, but nothing that anybody could have sent tells more of it */
    v->last = now;
    v->unvouched = false;
    v->at_line = vehicle_camera_role(options, read->camera) >= ROLE_BOOM;
    if (read->kind != PLATE_KEY)
        return news;
    news.evidence |= note_plate(&v->plates[place], read);
    if (vehicle_read_is_sure(read))
        news.conflict = note_sure(v, place == PLATE_TRAILER ? SURE_TRAILER : SURE_OWN, read->key);
    v->complete |= read->authenticity != AUTH_NONE && !plate_has_unread(read->key) &&
                   (place != PLATE_TRAILER || !fronts_are_read(options));
    return news;
}

/* ---- hits ---- */

struct vehicle_hit *vehicle_hit_of(struct vehicle *v, uint64_t entry)
{
    for (int i = 0; i < v->hit_count; i++)
        if (v->hits[i].entry == entry)
            return &v->hits[i];
    return NULL;
}

bool vehicle_hit_is_new(const struct vehicle *v, uint64_t entry, const struct decision *decision)
{
    for (int i = 0; i < v->hit_count; i++)
        if (v->hits[i].entry == entry)
            return decision->level > v->hits[i].level || (decision->hold && !v->hits[i].holds);
    return true;
}

static bool is_weaker(const struct vehicle_hit *a, const struct vehicle_hit *b)
{
    if (a->holds != b->holds)
        return b->holds;
    if (a->level != b->level)
        return a->level < b->level;
    return a->priority != b->priority ? a->priority > b->priority : b->vouched && !a->vouched;
}

bool vehicle_take_hit(struct vehicle *v, const struct vehicle_hit *hit)
{
    struct vehicle_hit *place = vehicle_hit_of(v, hit->entry);
    if (!place && v->hit_count < VEHICLE_HITS_MAX)
        place = &v->hits[v->hit_count++];
    if (!place) {
        place = &v->hits[0];
        for (int i = 1; i < VEHICLE_HITS_MAX; i++)
            if (is_weaker(&v->hits[i], place))
                place = &v->hits[i];
        v->hits_dropped++;
        if (!is_weaker(place, hit))
            return false;
    }
    *place = *hit;
    return true;
}

const struct vehicle_hit *vehicles_find_hit(const struct vehicles *vehicles, uint64_t hit)
{
    for (int p = 0; p < VEHICLES_KEPT; p++)
        for (int i = 0; vehicles->kept[p].id != 0 && i < vehicles->kept[p].hit_count; i++)
            if (vehicles->kept[p].hits[i].hit == hit)
                return &vehicles->kept[p].hits[i];
    return NULL;
}
