/* The reads and plates a passage rests on, as JSON: integers, texts and booleans. See fact.h. */
#include "gateway/pipeline/fact_json.h"

static json_t *reading_body(const struct vehicle_read *read)
{
    json_t *body = json_object();
    put_int(body, "camera", read->camera);
    put_text(body, "place", plate_place_name(read->place));
    put_event_id(body, "event_id", read->first_event);
    if (read->last_event != read->first_event)
        put_event_id(body, "last_event_id", read->last_event);
    put_text(body, "kind", read_kind_name(read->kind));
    put_plate(body, "plate", read->key);
    put_text(body, "raw", read->raw);
    put_text(body, "authenticity", authenticity_name(read->authenticity));
    if (read->confidence != READ_CONFIDENCE_NONE)
        put_int(body, "confidence", read->confidence);
    put_time(body, "time", read->first);
    if (read->times > 1) {
        put_int(body, "times", read->times);
        put_time(body, "last_time", read->last);
    }
    return body;
}

void put_evidence(json_t *object, const struct fact_evidence *evidence)
{
    json_t *plates = json_object();
    json_t *reads = json_array();
    for (int i = 0; i < PLATE_PLACES; i++)
        put_plate(plates, plate_place_name((enum plate_place)i), evidence->plates[i]);
    for (int i = 0; i < evidence->read_count; i++)
        json_array_append_new(reads, reading_body(&evidence->reads[i]));
    if (json_object_size(plates) > 0)
        json_object_set(object, "plates", plates);
    if (evidence->read_count > 0)
        json_object_set(object, "reads", reads);
    put_id(object, "reads_dropped", evidence->reads_dropped);
    json_decref(plates);
    json_decref(reads);
}

void conflict_into(json_t *body, const struct fact *fact)
{
    json_t *plates = json_array();
    for (int i = 0; i < VEHICLE_SURE_MAX; i++) {
        char text[PLATE_TEXT_SIZE];
        if (plate_decode(fact->u.conflict.plates[i], text) == 0)
            json_array_append_new(plates, json_string(text));
    }
    put_text(body, "what", decision_mark_name(MARK_PLATE_CONFLICT));
    put_id(body, "passage", fact->u.conflict.passage);
    put_text(body, "en", "two plates read on one vehicle");
    put_text(body, "zh", decision_mark_text(MARK_PLATE_CONFLICT));
    json_object_set_new(body, "conflict", plates);
    put_evidence(body, &fact->evidence);
}

void passage_into(json_t *body, const struct fact *fact)
{
    put_id(body, "passage", fact->u.passage.passage);
    put_true(body, "repeated", fact->u.passage.repeated);
    put_true(body, "cleared", fact->u.passage.cleared);
    put_true(body, "in_doubt", fact->u.passage.in_doubt);
    put_id(body, "perhaps", fact->u.passage.perhaps);
    put_true(body, "plate_conflict", fact->u.passage.conflict);
    put_id(body, "hits", fact->u.passage.hits);
    put_id(body, "hits_dropped", fact->u.passage.hits_dropped);
    put_text(body, "inspect", decision_inspect_name(fact->u.passage.inspect));
    put_text(body, "inspect_rule", fact->u.passage.inspect_rule);
    put_id(body, "exempt_entry", fact->u.passage.exempt.entry);
    put_id(body, "exempt_revision", fact->u.passage.exempt.revision);
    json_object_set_new(body, "read", read_body(&fact->u.passage.read));
    put_evidence(body, &fact->evidence);
}
