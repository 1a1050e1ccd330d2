/*
 * What follows a rejection in the same step: the release of what it held, by the lane's own rules
 * for a release, and the look-up of the plate that was seen. The officer's answer goes out when
 * both are there. See cases.h. Control thread; answers come in the lane, journal and main thread.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/cases.h"
#include "gateway/app/checkpointd/checkpointd.h"

static struct case_join *find_join(struct cases *k, uint64_t hit)
{
    for (size_t i = 0; i < CASES_JOINS_MAX; i++) {
        if (k->joins[i].hit == hit) {
            return &k->joins[i];
        }
    }
    return NULL;
}

/* Any thread. Steals `value`. */
static void part_done(struct checkpointd *c, uint64_t hit, unsigned part, const char *key,
                      json_t *value)
{
    struct cases *k = &c->cases;
    struct case_join done = {.hit = 0};
    pthread_mutex_lock(&k->lock);
    struct case_join *join = find_join(k, hit);
    if (join) {
        json_object_set_new(join->result, key, value);
        join->waits &= ~part;
        if (join->waits == 0) {
            done = *join;
            join->hit = 0;
        }
    } else {
        json_decref(value);
    }
    pthread_mutex_unlock(&k->lock);
    if (done.hit == 0) {
        return;
    }
    if (done.ticket.client != 0) {
        control_answer(c->control, done.ticket, done.result);
    } else {
        json_decref(done.result);
    }
}

void cases_released(struct checkpointd *c, const struct pipeline_act *act,
                    enum lane_reply_kind kind, enum lane_refusal refusal)
{
    if (kind == LANE_REPLY_PENDING) {
        return; /* DONE or REFUSED follows */
    }
    json_t *result =
        kind == LANE_REPLY_DONE
            ? json_pack("{s:b}", "done", 1)
            : json_pack("{s:b,s:s,s:s,s:s}", "done", 0, "code", lane_refusal_name(refusal), "en",
                        lane_refusal_text_en(refusal), "zh", lane_refusal_text_zh(refusal));
    part_done(c, act->of_case, CASE_JOIN_RELEASE, "released", result);
}

static void searched(struct checkpointd *c, const struct search_ask *ask, enum search_end end,
                     json_t *hits)
{
    char plate[PLATE_TEXT_SIZE];
    json_t *seen = json_object();
    if (plate_decode(ask->key, plate) == 0) {
        json_object_set_new(seen, "plate", json_string(plate));
    }
    if (search_is_far_off(ask->listed, ask->key)) {
        json_object_set_new(seen, "far_off", json_true());
    }
    if (end == SEARCH_ANSWERED) {
        json_object_set_new(seen, "hits", hits);
    } else {
        json_object_set_new(seen, "error",
                            json_string(end == SEARCH_NO_MATCHD ? "no_match_service" : "journal"));
    }
    part_done(c, ask->hit, CASE_JOIN_SEARCH, "seen", seen);
}

/* ---- beginning ---- */

static plate_key whole_key(const json_t *object)
{
    struct plate_text plate = {.kind = PLATE_DECODE_ERROR};
    const char *text = json_string_value(json_object_get(object, "plate"));
    if (text) {
        plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    }
    return plate.kind == PLATE_KEY && !plate_has_unread(plate.key) ? plate.key : 0;
}

/* How far off it is counts from what was read, where that is a whole plate. */
static void begin_search(struct checkpointd *c, const struct case_slot *slot)
{
    const struct case_flight *f = &slot->flight;
    const json_t *hit = cases_hit(c, slot);
    plate_key read = whole_key(json_object_get(hit, "read"));
    struct search_ask ask = {.key = f->search,
                             .class = PLATE_CLASS_UNKNOWN,
                             .hit = slot->now.facts.hit,
                             .listed = read != 0 ? read : whole_key(json_object_get(hit, "entry")),
                             .ticket = f->ticket,
                             .done = searched};
    const struct control_call call = {.ticket = f->ticket, .actor = f->actor};
    (void)snprintf(ask.code, sizeof(ask.code), "alert"); /* fits */
    int result = search_start(c, &call, &ask);
    if (result != 0) {
        part_done(c, ask.hit, CASE_JOIN_SEARCH, "seen",
                  json_pack("{s:s}", "error",
                            result == ERR_DENIED ? "quota"
                            : result == ERR_BUSY ? "busy"
                                                 : "journal"));
    }
}

/* Of the two who stand behind an answer one is a leader, or it is headquarters. */
static bool has_leader(const struct handling_case *now)
{
    return now->by.rank != HANDLING_OFFICER || now->second.rank != HANDLING_OFFICER;
}

/* All of its vehicle's hits that are rejected; whether one of them holds. Who agreed to a rejection
 * of priority 1 among them goes with the release. */
static bool fill_release(const struct checkpointd *c, const struct case_slot *slot,
                         struct pipeline_act *act)
{
    bool holds = false;
    act->leader = true; /* unless one of priority 1 among them has none */
    for (size_t i = 0; i < c->cases.count && act->hit_count < LANE_HITS_MAX; i++) {
        const struct handling_case *other = &c->cases.slots[i].now;
        if (other->facts.lane != slot->now.facts.lane || other->answer != HANDLING_REJECT ||
            other->facts.passage != slot->now.facts.passage || other->waits != HANDLING_WAITS_NOT) {
            continue;
        }
        act->hits[act->hit_count++] = other->facts.hit;
        holds |= other->facts.holds;
        act->leader &= other->facts.priority != 1 || !other->facts.holds || has_leader(other);
        if (other->facts.priority == 1 && act->actor.second[0] == '\0') {
            memcpy(act->actor.second, other->second.officer, sizeof(act->actor.second));
        }
    }
    return holds;
}

static bool begin_release(struct checkpointd *c, const struct case_slot *slot,
                          struct pipeline_event *event)
{
    const struct handling_case *now = &slot->now;
    struct pipeline_act *act = &event->u.act;
    *event = (struct pipeline_event){.kind = PIPELINE_ACT};
    act->kind = LANE_ACT_RELEASE;
    act->lane = now->facts.lane;
    act->passage = now->facts.passage;
    act->of_case = now->facts.hit;
    acts_fill_actor(&act->actor, &slot->flight.actor, now->reason);
    _Static_assert(sizeof(act->actor.officer) == sizeof(now->by.officer), "names are of one size");
    memcpy(act->actor.officer, now->by.officer, sizeof(act->actor.officer));
    memcpy(act->actor.second, now->second.officer, sizeof(act->actor.second));
    return now->facts.passage != 0 && fill_release(c, slot, act);
}

void cases_reject_done(struct checkpointd *c, const struct case_slot *slot)
{
    struct cases *k = &c->cases;
    struct pipeline_event release;
    const struct case_flight *f = &slot->flight;
    uint64_t hit = slot->now.facts.hit;
    bool releases = slot->now.stage == HANDLING_REJECTED && begin_release(c, slot, &release);
    json_t *result = json_pack("{s:o}", "handling", handling_json(&slot->now, &c->config.handling));
    unsigned waits = (releases ? CASE_JOIN_RELEASE : 0u) | (f->search != 0 ? CASE_JOIN_SEARCH : 0u);
    pthread_mutex_lock(&k->lock);
    struct case_join *join = waits != 0 && !find_join(k, hit) ? find_join(k, 0) : NULL;
    if (join) {
        *join = (struct case_join){hit, waits, f->ticket, result};
    }
    pthread_mutex_unlock(&k->lock);
    if (f->search != 0 && join) {
        begin_search(c, slot);
    }
    if (releases) { /* without a place to join, too: it ends all the same */
        lane_post(c, &release);
    }
    if (join) {
        return;
    }
    if (f->ticket.client != 0) {
        control_answer(c->control, f->ticket, result);
    } else {
        json_decref(result);
    }
}
