/* From a match message to decisions: the list in force, rules, passages. See pipeline.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/pipeline/state.h"

/* ---- the list ---- */

/* Since HQ last vouched for the list; -1 without a list or a trusted clock. */
static int64_t list_age_ms(const struct pipeline *p)
{
    if (p->list.state == LIST_NONE || !p->clock.trusted)
        return -1;
    int64_t vouched = p->list.current_until.ms ? p->list.current_until.ms : p->list.signed_at.ms;
    return p->wall.ms > vouched ? p->wall.ms - vouched : 0;
}

static bool usable_for(const struct pipeline *p, const struct lane_slot *slot)
{
    int64_t age = list_age_ms(p);
    return p->list.state != LIST_NONE && !p->rolled_back && !p->other_list && age >= 0 &&
           age <= slot->options.list_grace_ms;
}

void update_usable(struct pipeline *p)
{
    for (size_t i = 0; i < p->lane_count; i++) {
        struct lane_slot *slot = &p->lanes[i];
        bool usable = usable_for(p, slot);
        if (usable == slot->list_usable && slot->list_told)
            continue;
        slot->list_told = true;
        slot->list_usable = usable;
        struct lane_event event = {.kind = LANE_EVENT_LIST, .u.list_usable = usable};
        step(p, slot, &event);
    }
}

/* matchd may have lost its state, or someone may have set it back: the journal remembers. */
static void compare_with_high_water(struct pipeline *p)
{
    const struct list_status *high = &p->list_high;
    bool any = p->list.state != LIST_NONE;
    bool older = any && p->list.revision < high->revision;
    bool other = any && high->state != LIST_NONE && p->list.revision == high->revision &&
                 memcmp(p->list.hash, high->hash, sizeof high->hash) != 0;
    char detail[FACT_DETAIL_SIZE];
    snprintf(detail, sizeof detail, "in force %" PRIu64 ", highest %" PRIu64, p->list.revision,
             high->revision);
    if (older != p->rolled_back)
        raise_alarm(p, 0, EVENT_WANTED_ROLLED_BACK, older, 0, detail);
    if (other != p->other_list)
        raise_alarm(p, 0, EVENT_WANTED_OTHER_LIST, other, 0, detail);
    p->rolled_back = older;
    p->other_list = other;
    if (any && p->list.revision > high->revision)
        p->list_high = p->list;
}

void take_list(struct pipeline *p, const struct list_status *list)
{
    bool changed = list->revision != p->list.revision || list->state != p->list.state ||
                   memcmp(list->hash, p->list.hash, sizeof list->hash) != 0;
    p->list = *list;
    if (changed) {
        struct fact *fact = begin_fact(p, FACT_LIST, 0);
        fact->u.list = *list;
        (void)send_fact(p);
        compare_with_high_water(p);
        self_test_changed(p);
    }
    update_usable(p);
}

/* ---- reads ---- */

/* A hit that says more than its vehicle's hits so far. */
struct new_hit {
    const struct match_hit *match;
    const char *text;
    uint64_t id;
    struct decision decision;
    const struct pipeline_verdict *verdict; /* NULL: headquarters said nothing of it */
};

/* What becomes of one read. */
struct read_result {
    const struct match_packet *packet;
    const struct plate_read *read;
    struct lane_status status; /* as the read came */
    struct vehicle_finding finding;
    struct vehicle *vehicle; /* NULL: none yet */
    struct rules_input input;
    struct vehicle_news news;
    bool first;
    bool cleared;
    int hit_count;
    struct new_hit hits[MATCH_HITS_MAX + 1]; /* matchd's and one look-out's */
    struct match_hit lookout;
};

static bool read_is_complete(const struct plate_read *read)
{
    return read->kind == PLATE_KEY && !plate_has_unread(read->key) &&
           read->authenticity != AUTH_NONE;
}

static void fill_rules_input(struct pipeline *p, const struct lane_slot *slot,
                             struct read_result *r)
{
    r->input = (struct rules_input){.read = r->read,
                                    .odds_db = RULES_ODDS_NONE,
                                    .list = r->packet->message.list,
                                    .list_age_ms = list_age_ms(p),
                                    .list_too_old = !slot->list_usable,
                                    .clock_trusted = p->clock.trusted};
    p->sinks.local_time(p->sinks.ctx, p->wall, &r->input.minute, &r->input.weekday);
    if (r->vehicle) /* drawn once a vehicle */
        memcpy(r->input.draws, r->vehicle->draws, sizeof r->input.draws);
    for (int i = 0; !r->vehicle && i < RULES_DRAWS; i++)
        r->input.draws[i] = p->sinks.draw(p->sinks.ctx);
}

static void evaluate(const struct pipeline *p, const struct rules_input *input,
                     struct decision *out)
{
    /* A fact out of range (checked at the socket) still gives the decision of no rule. */
    int result = rules_evaluate(p->rules, input, out);
    (void)result;
}

void judge_self_test(struct pipeline *p, const struct match_packet *packet, struct decision *out)
{
    const struct match_hit *hit = &packet->message.u.read.hits[0];
    struct rules_input input = {.read = &packet->message.u.read.read,
                                .hit = hit,
                                .odds_db = hit->odds_db,
                                .list = packet->message.list,
                                .list_age_ms = list_age_ms(p),
                                .clock_trusted = p->clock.trusted};
    p->sinks.local_time(p->sinks.ctx, p->wall, &input.minute, &input.weekday);
    evaluate(p, &input, out);
}

/* The hits that say something new, each with its decision. */
static void judge_hits(struct pipeline *p, struct read_result *r)
{
    const struct match_message *m = &r->packet->message;
    for (int i = 0; i < m->u.read.hit_count; i++) {
        const struct match_hit *match = &m->u.read.hits[i];
        struct new_hit hit = {.match = match, .text = r->packet->texts[i]};
        if (match->entry.handling == HANDLING_OBSERVE)
            continue;
        r->input.hit = match;
        r->input.odds_db = match->odds_db;
        evaluate(p, &r->input, &hit.decision);
        hit.verdict = verdicts_find(&p->verdicts, match, p->clock.trusted, p->wall);
        if (hit.verdict && verdict_drops_hold(hit.verdict, match))
            hit.decision.hold = false;
        if (!r->vehicle || vehicle_hit_is_new(r->vehicle, match->entry.id, &hit.decision))
            r->hits[r->hit_count++] = hit;
    }
    r->input.hit = NULL;
    r->input.odds_db = RULES_ODDS_NONE;
}

static void judge_lookout(struct pipeline *p, struct read_result *r)
{
    const struct lookout *lookout =
        lookouts_match(&p->lookouts, r->read, p->clock.trusted, p->wall, &r->lookout);
    if (!lookout)
        return;
    struct new_hit hit = {.match = &r->lookout, .text = lookout->text};
    r->input.hit = &r->lookout;
    r->input.odds_db = r->lookout.odds_db;
    evaluate(p, &r->input, &hit.decision);
    lookout_bound(&hit.decision);
    if (!r->vehicle || vehicle_hit_is_new(r->vehicle, r->lookout.entry.id, &hit.decision))
        r->hits[r->hit_count++] = hit;
    r->input.hit = NULL;
    r->input.odds_db = RULES_ODDS_NONE;
}

/* What stands stays, whatever a later read says; only the opening is the later one's to give. */
static void fold_decision(struct vehicle *v, const struct decision *later)
{
    struct decision *into = &v->decision;
    struct decision folded = *later;
    if (later->inspect > into->inspect)
        memcpy(v->inspect_rule, later->rule, sizeof v->inspect_rule);
    decision_merge(&folded, into);
    folded.raise = later->raise && !into->hold;
    *into = folded;
}

static void take_hits(struct pipeline *p, struct read_result *r)
{
    struct vehicle *v = r->vehicle;
    int kept = 0;
    for (int i = 0; i < r->hit_count; i++) {
        struct new_hit hit = r->hits[i];
        const struct wanted_record *entry = &hit.match->entry;
        hit.id = p->last_id + 1;
        if (!vehicle_take_hit(v,
                              &(struct vehicle_hit){.hit = hit.id,
                                                    .entry = entry->id,
                                                    .priority = entry->priority,
                                                    .level = hit.decision.level,
                                                    .holds = hit.decision.hold,
                                                    .vouched = r->read->authenticity != AUTH_NONE}))
            continue;
        p->last_id = hit.id;
        if (vehicle_in_conflict(v))
            hit.decision.marks |= MARK_PLATE_CONFLICT;
        fold_decision(v, &hit.decision);
        r->hits[kept++] = hit;
    }
    r->hit_count = kept;
}

/* A vehicle without a hit: cleared once, a poorer read of it does not take that back. */
static void decide_without_hit(struct pipeline *p, struct lane_slot *slot, struct read_result *r)
{
    struct vehicle *v = r->vehicle;
    r->cleared =
        v->complete && !v->doubted && !v->unplaced && !vehicle_in_conflict(v) && slot->list_usable;
    bool forged = v->proven && r->read->authenticity == AUTH_NONE;
    bool poorer = forged || (v->decision.raise && !read_is_complete(r->read));
    if (!poorer) {
        struct decision decision;
        r->input.cleared = r->cleared;
        evaluate(p, &r->input, &decision);
        fold_decision(v, &decision);
    }
    v->decision.raise = v->decision.raise && r->cleared;
}

static void decide(struct pipeline *p, struct lane_slot *slot, struct read_result *r)
{
    struct vehicle *v = r->vehicle;
    take_hits(p, r);
    if (v->hit_count == 0)
        decide_without_hit(p, slot, r);
    else
        v->decision.raise = false;
    if (vehicle_in_conflict(v))
        v->decision.marks |= MARK_PLATE_CONFLICT;
    v->cleared = r->cleared;
    exempt_judge(p, slot, v);
}

/* ---- the lane ---- */

/* Those that are new; all that still hold when the lane has lost sight of it meanwhile. */
static void fill_lane_hits(const struct read_result *r, struct lane_passage_event *out)
{
    const struct vehicle *v = r->vehicle;
    bool all = r->finding.again && !vehicle_is_queued(&r->status, v->id);
    for (int i = 0; all && i < v->hit_count; i++)
        if (!v->hits[i].settled)
            out->hits[out->hit_count++] = (struct lane_hit){.hit = v->hits[i].hit,
                                                            .entry = v->hits[i].entry,
                                                            .priority = v->hits[i].priority,
                                                            .holds = v->hits[i].holds};
    for (int i = 0; !all && i < r->hit_count && out->hit_count < LANE_HITS_MAX; i++)
        out->hits[out->hit_count++] =
            (struct lane_hit){.hit = r->hits[i].id,
                              .entry = r->hits[i].match->entry.id,
                              .priority = r->hits[i].match->entry.priority,
                              .holds = r->hits[i].decision.hold};
}

/* A camera at the boom names the vehicle there: where the lane does not know better. */
static void step_at_boom(struct pipeline *p, struct lane_slot *slot, const struct read_result *r)
{
    const struct lane_status *s = &r->status;
    uint32_t at_line = INPUT_BIT(INPUT_ENTRY_LOOP) | INPUT_BIT(INPUT_PRESENCE);
    bool unread_there = s->at_boom > 0 && s->vehicles[0] == 0;
    if (!r->finding.at_boom || (s->order_known && !unread_there) || (s->inputs & at_line) == 0)
        return;
    struct lane_event event = {.kind = LANE_EVENT_SEEN_AT_BOOM, .u.seen_at_boom = r->vehicle->id};
    step(p, slot, &event);
}

static enum lane_inspect inspect_of(const struct vehicle *v)
{
    switch (v->decision.inspect) {
    case DECISION_INSPECT_NOT:
        return LANE_INSPECT_NOT;
    case DECISION_INSPECT_DUE:
        return LANE_INSPECT_DUE;
    case DECISION_INSPECT_UNSAID:
        break;
    }
    return LANE_INSPECT_UNSAID;
}

static void step_passage(struct pipeline *p, struct lane_slot *slot, const struct read_result *r)
{
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
    struct lane_passage_event *out = &event.u.passage;
    out->passage = r->vehicle->id;
    out->decision = r->vehicle->decision;
    out->cleared = r->cleared;
    out->inspect = inspect_of(r->vehicle);
    out->exempt = r->vehicle->exempt.entry != 0;
    /* A forged read, which joins him by his plate alone, takes nothing away. */
    out->authenticity = out->exempt ? r->vehicle->exempt.vouched : r->read->authenticity;
    out->again = r->finding.again;
    out->unplaced = r->vehicle->unplaced;
    out->perhaps_more = r->vehicle->perhaps_more;
    fill_lane_hits(r, out);
    step(p, slot, &event);
    step_at_boom(p, slot, r);
}

/* A camera at the boom surely reads another plate where the lane says this vehicle is. */
static bool is_not_there(const struct lane_slot *slot, const struct read_result *r,
                         const struct vehicle *v)
{
    enum camera_role role = vehicle_camera_role(&slot->options.vehicles, r->read->camera);
    return role >= ROLE_BOOM && vehicle_read_is_sure(r->read) && r->status.at_boom > 0 &&
           r->status.vehicles[0] == v->id;
}

/* What was read in doubt speaks against letting a vehicle through: a hit, which may be any one's
 * that is there, or another plate at the stop line. */
static void doubt_others(struct pipeline *p, struct lane_slot *slot, const struct read_result *r)
{
    for (int i = 0; r->vehicle->unplaced && i < VEHICLES_KEPT; i++) {
        struct vehicle *v = &slot->vehicles.kept[i];
        struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
        if (v == r->vehicle || v->id == 0 || v->over || (v->proven && !r->vehicle->proven))
            continue;
        bool not_there = is_not_there(slot, r, v);
        if (!not_there && r->hit_count == 0)
            continue;
        v->unvouched |= not_there;
        v->doubted = true;
        v->decision.raise = false;
        v->cleared = false;
        exempt_judge(p, slot, v);
        event.u.passage.passage = v->id;
        event.u.passage.decision = v->decision;
        if (vehicle_is_queued(&r->status, v->id))
            step(p, slot, &event);
        record_exempt(p, slot, v);
    }
}

void follow_vehicles(struct pipeline *p, struct lane_slot *slot, struct lane_status *out_status)
{
    lane_status_of(&slot->options.lane, &slot->state, out_status);
    vehicles_follow(&slot->vehicles, &slot->options.vehicles, out_status, p->now);
}

/* ---- on record ---- */

static void count_level(struct pipeline *p, enum alert_level level)
{
    p->stats.hits++;
    if (level == ALERT_QUIET)
        p->stats.alerts_quiet++;
    else if (level != ALERT_NONE)
        p->stats.alerts_sounding++;
}

static void record_hit(struct pipeline *p, struct lane_slot *slot, const struct read_result *r,
                       const struct new_hit *hit)
{
    struct fact *fact = begin_fact(p, FACT_HIT, slot->options.lane.lane);
    fact->u.hit.hit = hit->id;
    fact->u.hit.passage = r->vehicle->id;
    fact->u.hit.read = *r->read;
    fact->u.hit.match = *hit->match;
    fact->u.hit.decision = hit->decision;
    if (hit->verdict)
        fact->u.hit.verdict = *hit->verdict;
    fact->u.hit.list = p->list;
    fact->u.hit.clock = p->clock;
    fact->urgent = hit->decision.forward == FORWARD_URGENT;
    fact->to_events = hit->decision.level != ALERT_NONE;
    memcpy(fact->text, hit->text, strlen(hit->text) + 1);
    fill_evidence(fact, r->vehicle);
    count_level(p, hit->decision.level);
    (void)send_fact(p); /* counted; nobody waits for it */
}

static void record_conflict(struct pipeline *p, struct lane_slot *slot, const struct read_result *r)
{
    const struct vehicle *v = r->vehicle;
    struct fact *fact = begin_fact(p, FACT_CONFLICT, slot->options.lane.lane);
    int which = v->sure_count[0] > 1 ? 0 : 1;
    fact->u.conflict.passage = v->id;
    memcpy(fact->u.conflict.plates, v->sure[which], sizeof fact->u.conflict.plates);
    fill_evidence(fact, v);
    (void)send_fact(p); /* counted; nobody waits for it */
}

/* What the camera calls another event is on record, all that is known of the vehicle only when that
 * has changed; pictures without an event of their own that show nothing new once a minute. */
static void record_passage(struct pipeline *p, struct lane_slot *slot, const struct read_result *r)
{
    struct vehicle *v = r->vehicle;
    struct fact *fact = begin_fact(p, FACT_PASSAGE, slot->options.lane.lane);
    bool whole = r->first || r->news.evidence || r->hit_count > 0 ||
                 mono_diff_ms(p->now, v->last_told) >= MINUTE_MS;
    fact->class = LANE_CLASS_ROUTINE;
    fact->u.passage.passage = v->id;
    fact->u.passage.repeated = !r->first;
    fact->u.passage.cleared = r->cleared;
    fact->u.passage.in_doubt = v->unplaced;
    fact->u.passage.perhaps = v->perhaps;
    fact->u.passage.conflict = vehicle_in_conflict(v);
    fact->u.passage.hits = v->hit_count;
    fact->u.passage.inspect = v->decision.inspect;
    memcpy(fact->u.passage.inspect_rule, v->inspect_rule, sizeof v->inspect_rule);
    fact->u.passage.exempt = v->exempt;
    fact->u.passage.hits_dropped = v->hits_dropped;
    fact->u.passage.read = *r->read;
    fact->to_journal = whole || (r->finding.again && r->read->event_id != 0);
    if (whole) {
        fill_evidence(fact, v);
        v->last_told = p->now;
    }
    (void)send_fact(p); /* counted; nobody waits for it */
}

/* ---- reads without a new hit that nobody vouches for ---- */

void flush_suppressed(struct pipeline *p, struct lane_slot *slot)
{
    if (slot->suppressed > 0) {
        struct fact *fact = begin_fact(p, FACT_SUPPRESSED, slot->options.lane.lane);
        fact->class = LANE_CLASS_ROUTINE;
        fact->to_events = false;
        fact->u.suppressed.count = slot->suppressed;
        fact->u.suppressed.first = slot->suppressed_first;
        (void)send_fact(p);
    }
    slot->suppressed = 0;
    slot->minute_ends = (struct mono_time){0};
}

/* Whether this read is only counted, design page "When to record": more vehicles a second than a
 * lane can have. Not told to the lane either, whose order the first ones have upset already. */
static bool suppress(struct pipeline *p, struct lane_slot *slot, const struct plate_read *read)
{
    if (!mono_before(p->now, slot->second_ends)) {
        slot->second_ends = mono_add_ms(p->now, SECOND_MS);
        slot->in_second = 0;
    }
    if (slot->in_second++ < PIPELINE_UNAUTHENTICATED_MAX)
        return false;
    if (slot->suppressed++ == 0) {
        slot->suppressed_first = *read;
        slot->minute_ends = mono_add_ms(p->now, MINUTE_MS);
    }
    p->stats.suppressed++;
    return true;
}

static void add_vehicle(struct pipeline *p, struct lane_slot *slot, struct read_result *r)
{
    uint64_t perhaps = r->finding.perhaps;
    bool one = perhaps != 0 && (perhaps & (perhaps - 1)) == 0;
    uint64_t other = one ? slot->vehicles.kept[__builtin_ctzll(perhaps)].id : 0;
    struct vehicle *v = vehicles_add(&slot->vehicles, &slot->options.vehicles, &r->status, r->read,
                                     ++p->last_id, p->now);
    v->unplaced = r->finding.verdict == VEHICLE_DOUBT;
    v->perhaps = other;
    v->perhaps_more = v->unplaced && vehicle_comes_in(&slot->options.vehicles, r->read->camera);
    memcpy(v->draws, r->input.draws, sizeof v->draws);
    r->vehicle = v;
    r->first = true;
}

static void take_lane_read(struct pipeline *p, struct lane_slot *slot, struct read_result *r)
{
    follow_vehicles(p, slot, &r->status);
    r->finding =
        vehicles_find(&slot->vehicles, &slot->options.vehicles, &r->status, r->read, p->now);
    r->vehicle = r->finding.vehicle;
    fill_rules_input(p, slot, r);
    judge_hits(p, r);
    judge_lookout(p, r);
    if (r->read->authenticity == AUTH_NONE && r->hit_count == 0 && suppress(p, slot, r->read))
        return;
    if (!r->vehicle)
        add_vehicle(p, slot, r);
    r->news = vehicle_take_read(r->vehicle, &slot->options.vehicles, r->read, p->now);
    count_captured(p, slot, r->vehicle);
    decide(p, slot, r);
    step_passage(p, slot, r);
    doubt_others(p, slot, r);
    for (int i = 0; i < r->hit_count; i++)
        record_hit(p, slot, r, &r->hits[i]);
    if (r->news.conflict)
        record_conflict(p, slot, r);
    record_exempt(p, slot, r->vehicle);
    record_passage(p, slot, r);
}

void take_read(struct pipeline *p, const struct match_packet *packet)
{
    struct read_result r = {.packet = packet, .read = &packet->message.u.read.read};
    struct lane_slot *slot = find_lane(p, r.read->lane);
    p->stats.reads++;
    p->stats.unread += r.read->kind != PLATE_KEY;
    if (slot)
        take_lane_read(p, slot, &r);
    else
        p->stats.unknown_lane++;
}
