/* What a lane looks like now, as JSON. See fact.h. */
#include "gateway/pipeline/fact_json.h"

static json_t *hold_body(const struct lane_hold *hold)
{
    json_t *body = json_object();
    put_id(body, "hold", hold->id);
    put_id(body, "passage", hold->passage);
    put_id(body, "priority", hold->priority);
    put_true(body, "by_officer", hold->by_officer);
    put_id(body, "hits", hold->hit_count);
    return body;
}

static json_t *names_of_bits(uint32_t bits, int count, const char *(*name)(int))
{
    json_t *names = json_array();
    for (int i = 0; i < count; i++)
        if (bits & (1u << i))
            json_array_append_new(names, json_string(name(i)));
    return names;
}

static const char *output_name(int output)
{
    return lane_output_name((enum lane_output)output);
}

static const char *input_name(int input)
{
    return lane_input_name((enum lane_input)input);
}

void status_into(json_t *body, const struct fact *fact)
{
    const struct lane_status *status = &fact->u.status;
    json_t *holds = json_array();
    json_t *waiting = json_array();
    put_text(body, "boom", boom_state_name(status->boom));
    put_text(body, "boom_zh", boom_state_text(status->boom));
    json_object_set_new(body, "contact", json_boolean(status->contact));
    json_object_set_new(body, "blind", json_boolean(status->blind));
    json_object_set_new(body, "list_usable", json_boolean(status->list_usable));
    json_object_set_new(body, "order_known", json_boolean(status->order_known));
    put_true(body, "doubtful", status->doubtful);
    put_true(body, "stopped", status->stopped);
    put_true(body, "stop_not_reset", status->stop_not_reset);
    put_true(body, "boom_presumed", status->boom_presumed);
    put_true(body, "out_of_service", status->out_of_service);
    put_true(body, "inspection_due", status->inspection_due);
    if (status->inspection_due) /* 0: unread */
        put_int(body, "inspection_of", (int64_t)status->vehicles[0]);
    put_true(body, "fire_raise", status->fire_raise);
    put_true(body, "panic", status->panic);
    put_true(body, "mains_lost", status->mains_lost);
    put_true(body, "raise_held", status->raise_held);
    put_id(body, "blocked_exempt", status->blocked_exempt);
    if (status->convoy_until.ns != 0)
        put_time(
            body, "convoy_until",
            (struct wall_time){fact->wall.ms + mono_diff_ms(status->convoy_until, fact->mono)});
    put_int(body, "vehicles", status->vehicle_count);
    put_int(body, "at_boom", status->at_boom);
    for (int i = 0; i < status->hold_count; i++)
        json_array_append_new(holds, hold_body(&status->holds[i]));
    for (int i = 0; i < status->waiting_count; i++) {
        json_t *hold = json_object();
        put_id(hold, "hold", status->waiting[i].hold);
        put_id(hold, "passage", status->waiting[i].passage);
        put_int(hold, "place", status->waiting[i].place);
        json_array_append_new(waiting, hold);
    }
    json_object_set_new(body, "holds", holds);
    json_object_set_new(body, "waiting", waiting);
    json_object_set_new(body, "lights", names_of_bits(status->lights, OUTPUT_COUNT, output_name));
    json_object_set_new(body, "inputs", names_of_bits(status->inputs, INPUT_COUNT, input_name));
}
