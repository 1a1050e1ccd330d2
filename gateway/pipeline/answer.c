/* See answer.h. */
#include "gateway/pipeline/answer.h"

static void put_number(json_t *body, const char *name, uint64_t number)
{
    if (number != 0)
        json_object_set_new(body, name, json_integer((json_int_t)number));
}

static void put_plate(json_t *body, const char *name, plate_key key)
{
    char text[PLATE_TEXT_SIZE];
    if (key != 0 && plate_decode(key, text) == 0)
        json_object_set_new(body, name, json_string(text));
}

void answer_into(json_t *body, const struct fact_answer *answer, const char *read)
{
    put_number(body, "hit", answer->hit);
    put_number(body, "passage", answer->passage);
    put_number(body, "entry", answer->entry);
    json_object_set_new(body, "answer", json_string(answer->confirmed ? "confirm" : "misread"));
    put_plate(body, "listed", answer->listed);
    put_plate(body, "plate", answer->seen);
    json_t *value = json_loads(read, JSON_REJECT_DUPLICATES, NULL);
    if (value)
        json_object_set_new(body, "read", value);
}
