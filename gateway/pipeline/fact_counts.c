/* What was only counted, and of what the first is told, as JSON. See fact.h. */
#include "gateway/pipeline/fact_json.h"

void suppressed_into(json_t *body, const struct fact *fact)
{
    put_int(body, "count", fact->u.suppressed.count);
    json_object_set_new(body, "first", read_body(&fact->u.suppressed.first));
}

void refused_into(json_t *body, const struct fact *fact)
{
    const struct fact_refused *refused = &fact->u.refused;
    put_text(body, "what", "camera_errors");
    put_id(body, "camera", refused->camera);
    put_text(body, "cause", refused->cause);
    put_int(body, "count", refused->count);
    put_text(body, "source", refused->source);
    put_text(body, "first", refused->first);
}

void capture_into(json_t *body, const struct fact *fact)
{
    const struct capture_hour *hour = &fact->u.captures.hour;
    put_text(body, "what", "capture_ratio");
    put_time(body, "from", hour->from);
    put_int(body, "vehicles", hour->vehicles);
    put_int(body, "captured", hour->captured);
    put_int(body, "limit_percent", hour->percent);
    put_true(body, "low", fact->u.captures.low);
}
