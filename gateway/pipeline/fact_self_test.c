/* The daily self-test as JSON: "what" names it, so that nothing takes it for a hit. */
#include "gateway/pipeline/fact_json.h"

void self_test_into(json_t *body, const struct fact *fact)
{
    const struct match_hit *match = &fact->u.hit.match;
    put_text(body, "what", "self_test");
    put_id(body, "number", fact->u.hit.hit);
    put_text(body, "match", match_kind_name(match->kind));
    put_plate(body, "plate", match->read_key);
    json_object_set_new(body, "entry", entry_body(&match->entry));
    json_object_set_new(body, "decision", decision_body(&fact->u.hit.decision));
    json_object_set_new(body, "list", list_body(&fact->u.hit.list));
    json_object_set_new(body, "clock", clock_body(&fact->u.hit.clock));
}
