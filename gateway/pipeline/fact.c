/* See fact.h. A key is left out when it has nothing to say. */
#include "gateway/pipeline/fact.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/pipeline/fact_json.h"

/* ---- building ---- */

void put_int(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, json_integer(value));
}

void put_id(json_t *object, const char *key, uint64_t id)
{
    if (id != 0)
        put_int(object, key, (int64_t)id);
}

void put_event_id(json_t *object, const char *key, uint64_t id)
{
    char text[24];
    if (id == 0)
        return;
    snprintf(text, sizeof text, "%llu", (unsigned long long)id);
    json_object_set_new(object, key, json_string(text));
}

void put_text(json_t *object, const char *key, const char *text)
{
    if (text && text[0] != '\0')
        json_object_set_new(object, key, json_string(text));
}

void put_true(json_t *object, const char *key, bool value)
{
    if (value)
        json_object_set_new(object, key, json_true());
}

void put_plate(json_t *object, const char *key, plate_key plate)
{
    char text[PLATE_TEXT_SIZE];
    if (plate != 0 && plate_decode(plate, text) == 0)
        put_text(object, key, text);
}

void put_class(json_t *object, plate_class class)
{
    char text[4];
    plate_class_format(class, text);
    put_text(object, "class", text);
}

void put_time(json_t *object, const char *key, struct wall_time time)
{
    char text[WALL_TEXT_SIZE];
    if (time.ms == 0)
        return;
    wall_format(time, text);
    put_text(object, key, text);
}

static const char *list_state_name(enum list_state state)
{
    switch (state) {
    case LIST_NONE:
        return "none";
    case LIST_CURRENT:
        return "current";
    case LIST_STALE:
        return "stale";
    }
    return NULL;
}

json_t *entry_body(const struct wanted_record *entry)
{
    json_t *body = json_object();
    put_id(body, "id", entry->id);
    put_plate(body, "plate", entry->key);
    put_class(body, entry->class);
    put_text(body, "category", wanted_category_name(entry->category));
    put_int(body, "priority", entry->priority);
    put_id(body, "risk", entry->risk);
    put_time(body, "valid_until", entry->valid_until);
    return body;
}

json_t *list_body(const struct list_status *list)
{
    char hash[65];
    json_t *body = json_object();
    hex_encode(list->hash, sizeof list->hash, hash);
    put_int(body, "revision", (int64_t)list->revision);
    put_text(body, "hash", list->state == LIST_NONE ? "" : hash);
    put_text(body, "state", list_state_name(list->state));
    put_time(body, "signed_at", list->signed_at);
    put_time(body, "current_until", list->current_until);
    return body;
}

json_t *clock_body(const struct fact_clock *clock)
{
    json_t *body = json_object();
    json_object_set_new(body, "trusted", json_boolean(clock->trusted));
    put_text(body, "source", clock->source);
    put_int(body, "offset_ms", clock->offset_ms);
    return body;
}

json_t *decision_body(const struct decision *decision)
{
    json_t *body = json_object();
    put_text(body, "level", alert_level_name(decision->level));
    put_text(body, "rule", decision->rule);
    put_true(body, "hold", decision->hold);
    put_true(body, "raise", decision->raise);
    put_true(body, "siren", decision->siren);
    put_true(body, "strobe", decision->strobe);
    put_true(body, "backup", decision->backup);
    put_text(body, "lights", decision_lights_name(decision->lights));
    put_text(body, "inspect", decision_inspect_name(decision->inspect));
    put_text(body, "forward", decision_forward_name(decision->forward));
    if (decision->escalate_after_ms != DECISION_NEVER_MS)
        put_int(body, "escalate_after_ms", decision->escalate_after_ms);
    json_t *marks = json_array();
    for (uint32_t bit = 0; bit < MARK_COUNT; bit++)
        if (decision->marks & (1u << bit))
            json_array_append_new(marks,
                                  json_string(decision_mark_name((enum decision_mark)(1u << bit))));
    if (json_array_size(marks) > 0)
        json_object_set(body, "marks", marks);
    json_decref(marks);
    return body;
}

/* ---- one body a kind ---- */

static void lane_into(json_t *body, const struct fact *fact)
{
    const struct lane_record *record = &fact->u.lane.record;
    put_text(body, "what", lane_record_name(record->kind));
    put_id(body, "hold", record->hold);
    put_id(body, "passage", record->passage);
    put_id(body, "act", record->act);
    if (record->act != 0 &&
        (record->kind == LANE_RECORD_ACT || record->kind == LANE_RECORD_REFUSED))
        put_text(body, "act_kind", lane_act_name(record->act_kind));
    put_id(body, "for_ms", record->for_ms);
    if (record->kind == LANE_RECORD_HOLD_WAITING)
        put_int(body, "place", record->place);
    put_id(body, "priority", record->priority);
    put_true(body, "by_officer", record->by_officer);
    if (record->kind == LANE_RECORD_BOOM)
        put_text(body, "boom", boom_state_name(record->boom));
    if (record->refusal != LANE_REFUSAL_NONE)
        put_text(body, "refusal", lane_refusal_name(record->refusal));
    put_evidence(body, &fact->evidence);
    if (fact->u.lane.held_count == 0)
        return;
    json_t *held = json_array();
    for (int i = 0; i < fact->u.lane.held_count; i++) {
        json_t *hit = json_object();
        put_id(hit, "hit", fact->u.lane.held[i].hit);
        put_id(hit, "entry", fact->u.lane.held[i].entry);
        put_id(hit, "priority", fact->u.lane.held[i].priority);
        json_array_append_new(held, hit);
    }
    json_object_set_new(body, "held", held);
}

static void order_into(json_t *body, const struct fact *fact)
{
    const struct lane_command *command = &fact->u.order;
    put_id(body, "order", command->order.id);
    put_text(body, "output", lane_output_name(command->order.output));
    json_object_set_new(body, "on", json_boolean(command->order.on));
    put_id(body, "pulse_ms", command->order.pulse_ms);
    put_text(body, "cause", lane_cause_name(command->cause));
    put_text(body, "class", lane_class_name(command->class));
    put_id(body, "passage", command->passage);
    put_id(body, "act", command->act);
}

static void outcome_into(json_t *body, const struct fact *fact)
{
    const struct lane_outcome *outcome = &fact->u.outcome;
    put_id(body, "order", outcome->order_id);
    put_text(body, "output", lane_output_name(outcome->output));
    put_text(body, "result", order_result_name(outcome->result));
    put_text(body, "detail", outcome->detail);
}

static void alarm_into(json_t *body, const struct fact *fact)
{
    const struct log_event_def *def = log_event_find(fact->u.alarm.event);
    put_int(body, "alarm", fact->u.alarm.event);
    json_object_set_new(body, "active", json_boolean(fact->u.alarm.active));
    put_id(body, "passage", fact->u.alarm.passage);
    put_text(body, "detail", fact->u.alarm.detail);
    if (!def)
        return;
    put_text(body, "name", def->name);
    put_text(body, "en", def->text_en);
    put_text(body, "zh", def->text_zh);
}

static void act_into(json_t *body, const struct fact *fact)
{
    json_t *more = json_loads(fact->text, JSON_REJECT_DUPLICATES, NULL);
    put_text(body, "what", fact->u.act.act);
    put_text(body, "detail", fact->u.act.detail);
    if (more)
        json_object_update_missing(body, more);
    json_decref(more);
}

json_t *fact_body(const struct fact *fact)
{
    json_t *body = json_object();
    if (!body)
        return NULL;
    put_id(body, "lane", fact->lane);
    actor_into(body, fact);
    switch (fact->kind) {
    case FACT_PASSAGE:
        passage_into(body, fact);
        break;
    case FACT_HIT:
        hit_into(body, fact);
        break;
    case FACT_SELF_TEST:
        self_test_into(body, fact);
        break;
    case FACT_CONFLICT:
        conflict_into(body, fact);
        break;
    case FACT_EXEMPT:
        exempt_into(body, &fact->u.exempt);
        break;
    case FACT_LANE:
        lane_into(body, fact);
        break;
    case FACT_ORDER:
        order_into(body, fact);
        break;
    case FACT_OUTCOME:
        outcome_into(body, fact);
        break;
    case FACT_ACT:
        act_into(body, fact);
        break;
    case FACT_LOOKOUT:
        lookout_into(body, fact);
        break;
    case FACT_ANSWER:
        answer_into(body, &fact->u.answer, fact->text);
        break;
    case FACT_HANDLING:
        handling_into(body, fact);
        break;
    case FACT_INSTRUCTION:
        instruction_into(body, fact);
        break;
    case FACT_STANDING:
        standing_into(body, fact);
        break;
    case FACT_ALARM:
        alarm_into(body, fact);
        break;
    case FACT_LIST:
        json_object_set_new(body, "list", list_body(&fact->u.list));
        break;
    case FACT_POLICY:
        policy_into(body, &fact->u.policy);
        break;
    case FACT_EXEMPT_LIST:
        exempt_list_into(body, &fact->u.exempt_list);
        break;
    case FACT_RETENTION:
        retention_into(body, &fact->u.retention);
        break;
    case FACT_CLOCK:
        json_object_set_new(body, "clock", clock_body(&fact->u.clock));
        break;
    case FACT_SUPPRESSED:
        suppressed_into(body, fact);
        break;
    case FACT_REFUSED:
        refused_into(body, fact);
        break;
    case FACT_CAPTURE:
        capture_into(body, fact);
        break;
    case FACT_STATUS:
        status_into(body, fact);
        break;
    }
    return body;
}

/* ---- kinds ---- */

static const char *lane_record_kind(const struct lane_record *record)
{
    switch (record->kind) {
    case LANE_RECORD_BOOM:
    case LANE_RECORD_OBSTACLE:
    case LANE_RECORD_ORDER_LOST:
    case LANE_RECORD_ORDER_KNOWN:
    case LANE_RECORD_FOREIGN_MOTION:
    case LANE_RECORD_RUN_THROUGH:
    case LANE_RECORD_FIRE_RAISE:
    case LANE_RECORD_MAINS_LOST:
    case LANE_RECORD_MAINS_BACK:
    case LANE_RECORD_RETRIGGER:
        return "device";
    case LANE_RECORD_LEFT:
        return "passage";
    case LANE_RECORD_HOLD_RELEASE:
    case LANE_RECORD_RAISE:
    case LANE_RECORD_LOWER_BY_HAND:
    case LANE_RECORD_LOWER_ENDED:
    case LANE_RECORD_ACT:
    case LANE_RECORD_CONVOY:
    case LANE_RECORD_CONVOY_ENDED:
    case LANE_RECORD_OUT_OF_SERVICE:
    case LANE_RECORD_IN_SERVICE:
    case LANE_RECORD_INSPECTED:
        return "act";
    case LANE_RECORD_HOLD_WAITING:
    case LANE_RECORD_HOLD_ACTIVE:
    case LANE_RECORD_HOLD_JOINED:
    case LANE_RECORD_HOLD_DROPPED:
    case LANE_RECORD_HOLD_WITHDRAW:
    case LANE_RECORD_HOLD_ENDED:
    case LANE_RECORD_HOLD_KEPT:
    case LANE_RECORD_LOWER:
    case LANE_RECORD_REFUSED:
    case LANE_RECORD_CONVOY_HIT:
    case LANE_RECORD_EMERGENCY_STOP: /* read again at start, and of one term with … */
    case LANE_RECORD_STOP_RESET:     /* … its end */
        return "decision";
    case LANE_RECORD_COUNT:
        return NULL;
    }
    return NULL;
}

const char *fact_record_kind(const struct fact *fact)
{
    switch (fact->kind) {
    case FACT_PASSAGE:
    case FACT_SUPPRESSED:
        return "passage";
    case FACT_HIT:
        return "hit";
    case FACT_CONFLICT:
    case FACT_EXEMPT:
    case FACT_STANDING:
        return "decision";
    case FACT_LANE:
        return lane_record_kind(&fact->u.lane.record);
    case FACT_ORDER:
        return "order";
    case FACT_OUTCOME:
        return "outcome";
    case FACT_ACT:
    case FACT_LOOKOUT:
        return "act";
    case FACT_ANSWER:
        return "hit_answer";
    case FACT_HANDLING:
        return "handling";
    case FACT_INSTRUCTION:
        return "instruction";
    case FACT_ALARM:
    case FACT_REFUSED:
    case FACT_CAPTURE:
    case FACT_SELF_TEST:
        return "device";
    case FACT_LIST:
    case FACT_POLICY:
    case FACT_EXEMPT_LIST:
    case FACT_RETENTION:
        return "list";
    case FACT_CLOCK:
        return "clock";
    case FACT_STATUS:
        return NULL;
    }
    return NULL;
}

static const char *event_name(const struct fact *fact)
{
    switch (fact->kind) {
    case FACT_PASSAGE:
    case FACT_SUPPRESSED:
        return "read";
    case FACT_HIT:
        return "hit";
    case FACT_SELF_TEST:
        return "self_test";
    case FACT_CONFLICT:
        return "plate_conflict";
    case FACT_EXEMPT:
        return "exempt";
    case FACT_LANE:
        return fact->u.lane.record.hold ? "hold" : "lane";
    case FACT_ORDER:
    case FACT_OUTCOME:
        return "boom";
    case FACT_ACT:
        return "act";
    case FACT_LOOKOUT:
        return "lookout";
    case FACT_ANSWER:
        return "hit_answer";
    case FACT_HANDLING:
        return "handling";
    case FACT_INSTRUCTION:
        return "instruction";
    case FACT_STANDING:
        return "hit_standing";
    case FACT_ALARM:
        return "alarm";
    case FACT_REFUSED:
        return "camera_errors";
    case FACT_CAPTURE:
        return "capture";
    case FACT_LIST:
        return "list";
    case FACT_POLICY:
        return "policy";
    case FACT_EXEMPT_LIST:
        return "exempt_list";
    case FACT_RETENTION:
        return "retention";
    case FACT_CLOCK:
        return "clock";
    case FACT_STATUS:
        return "status";
    }
    return NULL;
}

bool fact_shows_plate(const struct fact *fact)
{
    return fact->kind == FACT_PASSAGE || fact->kind == FACT_HIT || fact->kind == FACT_CONFLICT ||
           fact->kind == FACT_EXEMPT || fact->kind == FACT_SUPPRESSED || fact->kind == FACT_ACT ||
           fact->kind == FACT_LOOKOUT || fact->kind == FACT_ANSWER || fact->kind == FACT_HANDLING ||
           fact->kind == FACT_INSTRUCTION ||
           (fact->kind == FACT_LANE && fact->evidence.read_count > 0);
}

json_t *fact_event(const struct fact *fact)
{
    json_t *event = fact_body(fact);
    if (!event)
        return NULL;
    put_text(event, "event", event_name(fact));
    put_time(event, "time", fact->wall);
    put_int(event, "mono_ns", fact->mono.ns);
    if (fact->kind == FACT_CAPTURE) { /* since start, for counters */
        put_int(event, "vehicles_total", (int64_t)fact->u.captures.vehicles_total);
        put_int(event, "captured_total", (int64_t)fact->u.captures.captured_total);
        json_object_set_new(event, "over", json_boolean(fact->to_journal));
    }
    if (fact->kind == FACT_LANE || fact->kind == FACT_ORDER)
        json_object_del(event, "note"); /* may name a plate, and technicians hear of lanes */
    if (fact->kind == FACT_STANDING)
        standing_words_into(event, fact);
    if (fact->kind == FACT_HIT)
        hit_words_into(event, fact);
    return event;
}
