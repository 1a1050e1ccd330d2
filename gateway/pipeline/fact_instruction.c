/* An instruction of headquarters and what became of it, as JSON. See fact.h. */
#include "gateway/pipeline/fact_json.h"

static const char *result_name(enum fact_instruction_result result)
{
    switch (result) {
    case FACT_INSTRUCTION_DONE:
        return "done";
    case FACT_INSTRUCTION_FAILED:
        return "failed";
    case FACT_INSTRUCTION_REFUSED:
        return "refused";
    }
    return NULL;
}

void instruction_into(json_t *body, const struct fact *fact)
{
    const struct fact_instruction *i = &fact->u.instruction;
    json_t *more = json_loads(fact->text, JSON_REJECT_DUPLICATES, NULL);
    put_text(body, "what", "instruction");
    put_id(body, "id", i->id);
    put_id(body, "number", i->number);
    put_text(body, "kind", i->kind);
    put_text(body, "signed_by", i->signed_by);
    put_text(body, "key", i->key);
    put_time(body, "signed_at", i->signed_at);
    put_time(body, "expires", i->expires);
    put_text(body, "result", result_name(i->result));
    put_text(body, "why", i->why);
    put_text(body, "why_zh", i->why_zh);
    if (more)
        json_object_update_missing(body, more);
    json_decref(more);
}
