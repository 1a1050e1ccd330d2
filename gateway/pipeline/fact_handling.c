/* A step in the handling of a hit, as JSON: one body, or two that are committed together. See
 * fact.h. */
#include <stdlib.h>

#include "gateway/pipeline/fact_json.h"

void handling_into(json_t *body, const struct fact *fact)
{
    const struct fact_handling *h = &fact->u.handling;
    json_t *text = json_loads(fact->text, JSON_REJECT_DUPLICATES, NULL);
    json_object_del(text, "read"); /* the answer's */
    put_text(body, "what", h->what);
    put_id(body, "hit", h->answer.hit);
    put_id(body, "passage", h->answer.passage);
    put_id(body, "entry", h->answer.entry);
    if (text)
        json_object_update_missing(body, text);
    json_decref(text);
}

json_t *fact_answer_body(const struct fact *fact)
{
    if (fact->kind != FACT_HANDLING || !fact->u.handling.answers)
        return NULL;
    json_t *body = json_object();
    json_t *text = json_loads(fact->text, JSON_REJECT_DUPLICATES, NULL);
    char *read = json_dumps(json_object_get(text, "read"), JSON_COMPACT);
    put_id(body, "lane", fact->lane);
    actor_into(body, fact);
    answer_into(body, &fact->u.handling.answer, read ? read : "");
    free(read);
    json_decref(text);
    return body;
}
