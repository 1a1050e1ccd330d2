/* An officer's answer to a hit, as JSON. See fact.h. */
#include "gateway/pipeline/fact_json.h"

void answer_into(json_t *body, const struct fact_answer *answer, const char *read)
{
    put_id(body, "hit", answer->hit);
    put_id(body, "passage", answer->passage);
    put_id(body, "entry", answer->entry);
    put_text(body, "answer", answer->confirmed ? "confirm" : "misread");
    put_plate(body, "listed", answer->listed);
    put_plate(body, "plate", answer->seen);
    json_t *text = json_loads(read, JSON_REJECT_DUPLICATES, NULL);
    if (text)
        json_object_set_new(body, "read", text);
}
