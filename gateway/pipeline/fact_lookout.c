/* A local look-out on record and as an event. See fact.h. */
#include "gateway/pipeline/fact_json.h"

static const char *state_name(enum fact_lookout_state state)
{
    switch (state) {
    case FACT_LOOKOUT_BEGUN:
        return "lookout";
    case FACT_LOOKOUT_STANDS:
        return "lookout_stands";
    case FACT_LOOKOUT_ENDED:
        return "lookout_ended";
    }
    return NULL;
}

/* What headquarters shows as open at this checkpoint, and no longer. */
static json_t *call_body(const struct lookout *lookout, bool open)
{
    json_t *call = json_object();
    put_text(call, "kind", "lookout");
    put_id(call, "id", lookout->id);
    json_object_set_new(call, "open", json_boolean(open));
    put_time(call, "until", lookout->until);
    return call;
}

void lookout_into(json_t *body, const struct fact *fact)
{
    const struct lookout *lookout = &fact->u.lookout.lookout;
    json_t *card = json_loads(lookout->text, JSON_REJECT_DUPLICATES, NULL);
    put_text(body, "what", state_name(fact->u.lookout.state));
    put_id(body, "lookout", lookout->id);
    put_plate(body, "plate", lookout->key);
    put_class(body, lookout->class);
    put_time(body, "begun", lookout->begun);
    put_time(body, "until", lookout->until);
    if (card)
        json_object_set_new(body, "card", card);
    if (fact->u.lookout.state != FACT_LOOKOUT_STANDS)
        json_object_set_new(body, "call",
                            call_body(lookout, fact->u.lookout.state == FACT_LOOKOUT_BEGUN));
}

void lookout_hit_into(json_t *body, const struct match_hit *match)
{
    if (lookout_is(match->entry.id))
        put_id(body, "lookout", match->entry.id - LOOKOUT_ENTRY_BASE);
}
