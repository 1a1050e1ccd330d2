/* Who did it and why, in the body of a fact. See fact.h. */
#include <stdio.h>

#include "gateway/pipeline/fact_json.h"

void actor_into(json_t *body, const struct fact *fact)
{
    const struct fact_actor *actor = &fact->actor;
    if (actor->program[0] == '\0' && actor->officer[0] == '\0')
        return;
    json_t *by = json_object();
    put_text(by, "program", actor->program);
    put_int(by, "uid", actor->uid);
    put_text(by, "officer", actor->officer);
    put_text(by, "second", actor->second);
    put_text(by, "origin", actor->origin);
    json_object_set_new(body, "by", by);
    put_text(body, "reason", actor->reason);
    put_text(body, "reason_code", actor->code);
    put_text(body, "note", actor->note);
}

void fact_actor_text(const struct fact *fact, char out[FACT_NAME_SIZE + 16])
{
    const struct fact_actor *actor = &fact->actor;
    if (actor->officer[0] != '\0')
        snprintf(out, FACT_NAME_SIZE + 16, "officer:%s", actor->officer);
    else if (actor->program[0] != '\0')
        snprintf(out, FACT_NAME_SIZE + 16, "program:%s", actor->program);
    else
        snprintf(out, FACT_NAME_SIZE + 16, "%s", fact->lane ? "lane" : "gateway");
}
