/* Exempt vehicles: the signed list in force, who is on it by what was read of him, for how long,
 * and on record why the lane may open. A lane waives no hit for one (gateway/lane); here he is none
 * as soon as he has a hit of any kind. See README.md. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/pipeline/fact_json.h"
#include "gateway/pipeline/state.h"

/* ---- the list ---- */

static void tell_list(struct pipeline *p, bool on_record)
{
    struct fact *fact = begin_fact(p, FACT_EXEMPT_LIST, 0);
    fact->u.exempt_list.in_force = p->exempt_in_force;
    fact->to_journal = on_record;
    if (p->exempt) {
        fact->u.exempt_list.revision = p->exempt->revision;
        fact->u.exempt_list.signed_at = p->exempt->time;
        fact->u.exempt_list.entries = (uint32_t)p->exempt->entry_count;
        memcpy(fact->u.exempt_list.hash, p->exempt->hash, sizeof fact->u.exempt_list.hash);
    }
    (void)send_fact(p); /* counted; nobody waits for it */
}

static void count_in_force(struct pipeline *p)
{
    p->exempt_in_force =
        p->exempt && p->clock.trusted ? (uint32_t)exempt_list_in_force(p->exempt, p->wall) : 0;
}

/* The box's file may have been set back: the journal remembers. Unlike an older wanted list, which
 * still alerts, an older exempt list is good for nothing. */
static bool is_behind(struct pipeline *p, const struct exempt_list *list)
{
    const struct exempt_status *high = &p->exempt_high;
    bool behind =
        list->revision < high->revision || (list->revision == high->revision &&
                                            memcmp(list->hash, high->hash, sizeof high->hash) != 0);
    char detail[FACT_DETAIL_SIZE];
    snprintf(detail, sizeof detail, "offered %" PRIu64 ", highest %" PRIu64, list->revision,
             high->revision);
    if (behind != p->exempt_rolled_back)
        raise_alarm(p, 0, EVENT_EXEMPT_ROLLED_BACK, behind, 0, behind ? detail : NULL);
    p->exempt_rolled_back = behind;
    return behind;
}

static void drop(struct exempt_list *list)
{
    if (list)
        exempt_list_fini(list);
    free(list);
}

void take_exempt(struct pipeline *p, struct exempt_list *list)
{
    if (list && is_behind(p, list)) {
        drop(list);
        return;
    }
    drop(p->exempt);
    p->exempt = list;
    if (list) {
        p->exempt_high.revision = list->revision;
        memcpy(p->exempt_high.hash, list->hash, sizeof p->exempt_high.hash);
    }
    count_in_force(p);
    tell_list(p, true);
    exempt_look(p);
}

/* ---- a vehicle ---- */

static bool is_sure(const struct vehicle_read *read)
{
    const struct plate_read said = {
        .kind = read->kind, .key = read->key, .confidence = read->confidence};
    return vehicle_read_is_sure(&said);
}

/* Front and rear say one plate, of one class that is known. */
static bool own_plate(const struct vehicle *v, plate_key *out_key, plate_class *out_class)
{
    const struct vehicle_plate *front = &v->plates[PLATE_FRONT];
    const struct vehicle_plate *rear = &v->plates[PLATE_REAR];
    bool front_class = front->key != 0 && front->class != PLATE_CLASS_UNKNOWN;
    bool rear_class = rear->key != 0 && rear->class != PLATE_CLASS_UNKNOWN;
    *out_key = front->key ? front->key : rear->key;
    *out_class = front_class ? front->class : rear->class;
    return *out_key != 0 && (rear->key == 0 || rear->key == *out_key) &&
           (front_class || rear_class) &&
           (!front_class || !rear_class || front->class == rear->class);
}

/* Some camera surely read that plate, letter for letter, and none read anything else of it. */
static bool reads_agree(const struct look_alike *fold, const struct vehicle *v, plate_key key,
                        enum read_authenticity *out_vouched)
{
    bool sure = false;
    for (int i = 0; i < v->read_count; i++) {
        const struct vehicle_read *read = &v->reads[i];
        if (read->authenticity == AUTH_NONE || read->place == PLATE_TRAILER ||
            read->kind == PLATE_UNREAD || read->kind == PLATE_DECODE_ERROR)
            continue; /* says nothing of this plate */
        if (read->kind == PLATE_KEY && read->key == key) {
            *out_vouched = is_sure(read) ? read->authenticity : *out_vouched;
            sure |= is_sure(read);
        } else if (read->kind != PLATE_KEY || !plate_has_unread(read->key) ||
                   !plates_are_alike(fold, read->key, key)) {
            return false;
        }
    }
    return sure && v->reads_dropped == 0;
}

static const struct exempt_entry *entry_of(const struct pipeline *p, const struct lane_slot *slot,
                                           const struct vehicle *v,
                                           enum read_authenticity *out_vouched)
{
    plate_key key = 0;
    plate_class class = PLATE_CLASS_UNKNOWN;
    if (!p->exempt || !p->clock.trusted || !v->proven || !v->complete || v->unplaced ||
        v->doubted || v->hit_count > 0 || vehicle_in_conflict(v) || !own_plate(v, &key, &class) ||
        !reads_agree(&slot->vehicles.look_alike, v, key, out_vouched))
        return NULL;
    return exempt_list_find(p->exempt, key, class, p->wall);
}

static void wake_at(struct pipeline *p, struct wall_time end)
{
    struct mono_time at = mono_add_ms(p->now, end.ms - p->wall.ms);
    if (mono_before(at, p->exempt_due))
        p->exempt_due = at;
}

void exempt_judge(struct pipeline *p, const struct lane_slot *slot, struct vehicle *v)
{
    enum read_authenticity vouched = AUTH_NONE;
    const struct exempt_entry *entry = entry_of(p, slot, v, &vouched);
    v->exempt = (struct vehicle_exemption){.entry = 0};
    if (!entry)
        return;
    v->exempt = (struct vehicle_exemption){
        .entry = entry->id, .revision = p->exempt->revision, .vouched = vouched};
    wake_at(p, entry->valid_until);
}

static const struct exempt_entry *entry_by_id(const struct pipeline *p, uint64_t id)
{
    for (size_t i = 0; p->exempt && i < p->exempt->entry_count; i++)
        if (p->exempt->entries[i].id == id)
            return &p->exempt->entries[i];
    return NULL;
}

/* Why he is none any more. */
static enum exempt_end end_of(const struct pipeline *p, const struct vehicle *v)
{
    const struct exempt_entry *entry = entry_by_id(p, v->exempt_told.entry);
    if (v->hit_count > 0)
        return EXEMPT_END_HIT;
    if (!p->clock.trusted)
        return EXEMPT_END_CLOCK;
    if (!entry)
        return EXEMPT_END_WITHDRAWN;
    return exempt_entry_in_force(entry, p->wall) ? EXEMPT_END_PLATES : EXEMPT_END_EXPIRED;
}

static void fill_entry(struct fact_exempt *out, const struct exempt_entry *entry)
{
    out->key = entry->key;
    out->class = entry->class;
    out->kind = entry->kind;
    out->valid_until = entry->valid_until;
    snprintf(out->authority, sizeof out->authority, "%s", entry->authority);
    snprintf(out->approver, sizeof out->approver, "%s", entry->approver);
}

void record_exempt(struct pipeline *p, const struct lane_slot *slot, struct vehicle *v)
{
    const struct vehicle_exemption *now = &v->exempt;
    struct vehicle_exemption *told = &v->exempt_told;
    if (now->entry == told->entry && now->revision == told->revision)
        return;
    bool over = now->entry == 0;
    const struct exempt_entry *entry = entry_by_id(p, over ? told->entry : now->entry);
    struct fact *fact = begin_fact(p, FACT_EXEMPT, slot->options.lane.lane);
    fact->class = LANE_CLASS_ROUTINE;
    fact->u.exempt.passage = v->id;
    fact->u.exempt.end = over ? end_of(p, v) : EXEMPT_END_NOT;
    fact->u.exempt.entry = over ? told->entry : now->entry;
    fact->u.exempt.revision = over ? told->revision : now->revision;
    if (entry)
        fill_entry(&fact->u.exempt, entry);
    *told = *now;
    (void)send_fact(p); /* counted; nobody waits for it */
}

/* ---- what time and a new list change ---- */

static void look_at(struct pipeline *p, struct lane_slot *slot, struct vehicle *v)
{
    struct vehicle_exemption before = v->exempt;
    exempt_judge(p, slot, v);
    if (v->exempt.entry == before.entry && v->exempt.revision == before.revision)
        return;
    struct lane_event event = {.kind = LANE_EVENT_PASSAGE};
    event.u.passage.passage = v->id;
    event.u.passage.decision = v->decision;
    event.u.passage.cleared = v->cleared;
    event.u.passage.exempt = v->exempt.entry != 0;
    event.u.passage.authenticity = v->exempt.vouched;
    step(p, slot, &event);
    record_exempt(p, slot, v);
}

void exempt_look(struct pipeline *p)
{
    uint32_t before = p->exempt_in_force;
    p->exempt_due = (struct mono_time){INT64_MAX};
    for (size_t i = 0; i < p->lane_count; i++) {
        struct lane_slot *slot = &p->lanes[i];
        struct lane_status status;
        lane_status_of(&slot->options.lane, &slot->state, &status);
        for (int k = 0; k < VEHICLES_KEPT; k++) {
            struct vehicle *v = &slot->vehicles.kept[k];
            if (v->id != 0 && !v->over && vehicle_is_queued(&status, v->id))
                look_at(p, slot, v);
        }
    }
    count_in_force(p);
    if (p->exempt_in_force != before)
        tell_list(p, false);
}

void exempt_free(struct pipeline *p)
{
    drop(p->exempt);
    p->exempt = NULL;
}

/* ---- on record ---- */

static const char *end_name(enum exempt_end end)
{
    switch (end) {
    case EXEMPT_END_EXPIRED:
        return "entry_expired";
    case EXEMPT_END_WITHDRAWN:
        return "entry_withdrawn";
    case EXEMPT_END_CLOCK:
        return "clock_untrusted";
    case EXEMPT_END_PLATES:
        return "plates_differ";
    case EXEMPT_END_HIT:
        return "open_hit";
    case EXEMPT_END_NOT:
        break;
    }
    return NULL;
}

void exempt_into(json_t *body, const struct fact_exempt *exempt)
{
    json_t *entry = json_object();
    put_text(body, "what", exempt->end == EXEMPT_END_NOT ? "exempt" : "exempt_ended");
    put_text(body, "why", end_name(exempt->end));
    put_id(body, "passage", exempt->passage);
    put_id(entry, "id", exempt->entry);
    put_int(entry, "revision", (int64_t)exempt->revision);
    if (exempt->key != 0) { /* else it is not on the list any more */
        put_plate(entry, "plate", exempt->key);
        put_class(entry, exempt->class);
        put_text(entry, "kind", exempt_kind_name(exempt->kind));
        put_text(entry, "kind_zh", exempt_kind_text(exempt->kind));
        put_text(entry, "authority", exempt->authority);
        put_text(entry, "approver", exempt->approver);
        put_time(entry, "valid_until", exempt->valid_until);
    }
    json_object_set_new(body, "exempt", entry);
}

void exempt_list_into(json_t *body, const struct exempt_status *list)
{
    char hash[2 * sizeof list->hash + 1];
    json_t *value = json_object();
    hex_encode(list->hash, sizeof list->hash, hash);
    put_int(value, "revision", (int64_t)list->revision);
    put_text(value, "hash", list->revision == 0 ? "" : hash);
    put_time(value, "signed_at", list->signed_at);
    put_int(value, "entries", list->entries);
    put_int(value, "in_force", list->in_force);
    json_object_set_new(body, "exempt_list", value);
}
