/* A camera's read as JSON: integers, texts and booleans. See fact.h. */
#include "gateway/pipeline/fact_json.h"

const char *read_kind_name(enum plate_text_kind kind)
{
    switch (kind) {
    case PLATE_KEY:
        return "plate";
    case PLATE_NO_PLATE:
        return "no_plate";
    case PLATE_UNREAD:
        return "unread";
    case PLATE_DECODE_ERROR:
        return "decode_error";
    }
    return NULL;
}

const char *authenticity_name(enum read_authenticity authenticity)
{
    switch (authenticity) {
    case AUTH_NONE:
        return "none";
    case AUTH_TAG:
        return "tag";
    case AUTH_WIRED:
        return "wired";
    case AUTH_SESSION:
        return "session";
    }
    return NULL;
}

static json_t *candidates_body(const struct plate_read *read)
{
    json_t *list = json_array();
    for (int i = 0; i < read->candidate_count; i++) {
        json_t *candidate = json_object();
        put_plate(candidate, "plate", read->candidates[i].key);
        if (read->candidates[i].confidence != READ_CONFIDENCE_NONE)
            put_int(candidate, "confidence", read->candidates[i].confidence);
        json_array_append_new(list, candidate);
    }
    return list;
}

json_t *read_body(const struct plate_read *read)
{
    json_t *body = json_object();
    put_int(body, "camera", read->camera);
    put_event_id(body, "event_id", read->event_id);
    put_text(body, "kind", read_kind_name(read->kind));
    put_plate(body, "plate", read->key);
    put_text(body, "raw", read->raw);
    put_class(body, read->class);
    put_text(body, "authenticity", authenticity_name(read->authenticity));
    if (read->confidence != READ_CONFIDENCE_NONE)
        put_int(body, "confidence", read->confidence);
    put_id(body, "colour", read->colour);
    put_id(body, "direction", read->direction);
    if (read->speed_kmh != 0xFFFF)
        put_int(body, "speed_kmh", read->speed_kmh);
    if (read->candidate_count > 0)
        json_object_set_new(body, "candidates", candidates_body(read));
    put_time(body, "camera_time", read->camera_time);
    put_time(body, "time", read->wall);
    return body;
}
