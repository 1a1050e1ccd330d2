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
    }
    update_usable(p);
}

/* ---- reads ---- */

static bool read_is_complete(const struct plate_read *read)
{
    return read->kind == PLATE_KEY && !plate_has_unread(read->key) &&
           read->authenticity != AUTH_NONE;
}

static void fill_rules_input(struct pipeline *p, const struct lane_slot *slot,
                             const struct match_message *message, struct rules_input *out)
{
    *out = (struct rules_input){.read = &message->u.read.read,
                                .odds_db = RULES_ODDS_NONE,
                                .list = message->list,
                                .list_age_ms = list_age_ms(p),
                                .list_too_old = !slot->list_usable,
                                .clock_trusted = p->clock.trusted};
    p->sinks.local_time(p->sinks.ctx, p->wall, &out->minute, &out->weekday);
    for (int i = 0; i < RULES_DRAWS; i++)
        out->draws[i] = p->sinks.draw(p->sinks.ctx);
}

static void evaluate(const struct pipeline *p, const struct rules_input *input,
                     struct decision *out)
{
    /* A fact out of range (checked at the socket) still gives the decision of no rule. */
    int result = rules_evaluate(p->rules, input, out);
    (void)result;
}

/* What became of one read: the new hits, in the order they came. */
struct read_result {
    struct passage *passage;
    bool repeated;
    bool cleared;
    int hit_count;
    struct {
        const struct match_hit *match;
        const char *text;
        uint64_t id;
        struct decision decision;
    } hits[MATCH_HITS_MAX];
};

static void decide(struct pipeline *p, struct lane_slot *slot, const struct match_packet *packet,
                   struct read_result *out)
{
    const struct match_message *m = &packet->message;
    struct passage *passage = out->passage;
    struct rules_input input;
    fill_rules_input(p, slot, m, &input);
    for (int i = 0; i < m->u.read.hit_count; i++) {
        const struct match_hit *match = &m->u.read.hits[i];
        if (match->entry.handling == HANDLING_OBSERVE || passage->hit_count == PASSAGE_HITS_MAX ||
            passage_has_entry(passage, match->entry.id))
            continue;
        uint64_t id = ++p->last_id;
        struct decision decision;
        input.hit = match;
        evaluate(p, &input, &decision);
        if (passage->hit_count == 0)
            passage->decision = decision;
        else
            decision_merge(&passage->decision, &decision);
        passage->hits[passage->hit_count++] =
            (struct fact_held){id, match->entry.id, match->entry.priority};
        out->hits[out->hit_count].match = match;
        out->hits[out->hit_count].text = packet->texts[i];
        out->hits[out->hit_count].id = id;
        out->hits[out->hit_count++].decision = decision;
    }
    passage->complete |= read_is_complete(&m->u.read.read);
    out->cleared = passage->hit_count == 0 && passage->complete && slot->list_usable;
    if (passage->hit_count == 0) {
        input.hit = NULL;
        input.cleared = out->cleared;
        evaluate(p, &input, &passage->decision);
    }
}

static void step_passage(struct pipeline *p, struct lane_slot *slot, const struct plate_read *read,
                         const struct read_result *result)
{
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
    struct lane_passage_event *out = &event.u.passage;
    out->passage = result->passage->id;
    out->decision = result->passage->decision;
    out->cleared = result->cleared;
    out->authenticity = read->authenticity;
    for (int i = 0; i < result->hit_count; i++)
        out->hits[out->hit_count++] =
            (struct lane_hit){.hit = result->hits[i].id,
                              .entry = result->hits[i].match->entry.id,
                              .priority = result->hits[i].match->entry.priority,
                              .holds = result->hits[i].decision.hold};
    step(p, slot, &event);
}

static void count_level(struct pipeline *p, enum alert_level level)
{
    p->stats.hits++;
    if (level == ALERT_QUIET)
        p->stats.alerts_quiet++;
    else if (level != ALERT_NONE)
        p->stats.alerts_sounding++;
}

static void record_hit(struct pipeline *p, struct lane_slot *slot, const struct plate_read *read,
                       const struct read_result *result, int i)
{
    struct fact *fact = begin_fact(p, FACT_HIT, slot->options.lane.lane);
    fact->u.hit.hit = result->hits[i].id;
    fact->u.hit.passage = result->passage->id;
    fact->u.hit.read = *read;
    fact->u.hit.match = *result->hits[i].match;
    fact->u.hit.decision = result->hits[i].decision;
    fact->u.hit.list = p->list;
    fact->u.hit.clock = p->clock;
    fact->urgent = result->hits[i].decision.forward == FORWARD_URGENT;
    fact->to_events = result->hits[i].decision.level != ALERT_NONE;
    memcpy(fact->text, result->hits[i].text, strlen(result->hits[i].text) + 1);
    count_level(p, result->hits[i].decision.level);
    (void)send_fact(p);
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

/* Whether the read has a hit its passage (NULL: a new one) does not hold yet. */
static bool has_new_hit(const struct passage *passage, const struct match_message *m)
{
    for (int i = 0; i < m->u.read.hit_count; i++) {
        const struct match_hit *hit = &m->u.read.hits[i];
        if (hit->entry.handling != HANDLING_OBSERVE &&
            !(passage && passage_has_entry(passage, hit->entry.id)))
            return true;
    }
    return false;
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

static void record_passage(struct pipeline *p, struct lane_slot *slot,
                           const struct plate_read *read, const struct read_result *result)
{
    struct fact *fact = begin_fact(p, FACT_PASSAGE, slot->options.lane.lane);
    fact->class = LANE_CLASS_ROUTINE;
    fact->u.passage.passage = result->passage->id;
    fact->u.passage.repeated = result->repeated;
    fact->u.passage.cleared = result->cleared;
    fact->u.passage.hits = result->passage->hit_count;
    fact->u.passage.read = *read;
    (void)send_fact(p);
}

void take_read(struct pipeline *p, const struct match_packet *packet)
{
    const struct plate_read *read = &packet->message.u.read.read;
    struct lane_slot *slot = find_lane(p, read->lane);
    p->stats.reads++;
    p->stats.unread += read->kind != PLATE_KEY;
    if (!slot) {
        p->stats.unknown_lane++;
        return;
    }
    struct read_result result = {.passage = passages_find(&slot->passages, read)};
    if (read->authenticity == AUTH_NONE && !has_new_hit(result.passage, &packet->message) &&
        suppress(p, slot, read))
        return;
    result.repeated = result.passage != NULL;
    if (!result.passage)
        result.passage = passages_add(&slot->passages, read, ++p->last_id);
    decide(p, slot, packet, &result);
    step_passage(p, slot, read, &result);
    for (int i = 0; i < result.hit_count; i++)
        record_hit(p, slot, read, &result, i);
    record_passage(p, slot, read, &result);
}
