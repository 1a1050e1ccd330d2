/* What a lane looks like now, as JSON. See fact.h. */
#include "gateway/pipeline/fact_json.h"

/* Left out where nobody is known. */
static void put_who(json_t *body, const char *key, const struct fact_who *who)
{
    if (who->officer[0] == '\0' && who->program[0] == '\0')
        return;
    json_t *by = json_object();
    put_text(by, "officer", who->officer);
    put_text(by, "program", who->program);
    json_object_set_new(body, key, by);
}

static void put_since(json_t *body, const char *key, struct wall_time since)
{
    if (since.ms != 0)
        put_time(body, key, since);
}

/* What it rests on: what a release of it is decided by. */
static void rests_into(json_t *body, uint8_t priority, uint8_t joins, const uint64_t *hits,
                       uint8_t count)
{
    put_id(body, "priority", priority);
    put_id(body, "joins", joins);
    if (count == 0)
        return;
    json_t *all = json_array();
    put_id(body, "hit", hits[0]);
    for (int i = 0; i < count; i++)
        json_array_append_new(all, json_integer((json_int_t)hits[i]));
    json_object_set_new(body, "of_hits", all);
}

static json_t *hold_body(const struct lane_hold *hold, const struct fact_doing *doing)
{
    json_t *body = json_object();
    uint64_t hits[LANE_HITS_MAX] = {0};
    for (int i = 0; i < LANE_HOLDS_MAX; i++)
        if (doing->holds[i].hold == hold->id) {
            put_who(body, "by", &doing->holds[i].who);
            put_since(body, "since", doing->holds[i].who.since);
            put_text(body, "reason", doing->holds[i].who.code);
        }
    for (int i = 0; i < hold->hit_count; i++)
        hits[i] = hold->hits[i].hit;
    rests_into(body, hold->priority, lane_hold_joins(hold), hits, hold->hit_count);
    put_id(body, "hold", hold->id);
    put_id(body, "passage", hold->passage);
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

/* By the limit switches alone, whatever was ordered or reckoned. */
static const char *measured(const struct lane_status *status)
{
    bool open = (status->inputs & INPUT_BIT(INPUT_LIMIT_OPEN)) != 0;
    bool closed = (status->inputs & INPUT_BIT(INPUT_LIMIT_CLOSED)) != 0;
    return !status->contact ? "unknown"
           : open && closed ? "contradicting"
           : open           ? "open"
           : closed         ? "closed"
                            : "between";
}

/* Of the last motion ordered; who, where somebody stands behind it. */
static void ordered_into(json_t *body, const struct fact_doing *doing)
{
    bool none = doing->ordered == OUTPUT_COUNT;
    put_text(body, "ordered", none ? "none" : lane_output_name(doing->ordered));
    if (none)
        return;
    put_text(body, "ordered_by", lane_cause_name(doing->cause));
    put_since(body, "ordered_at", doing->order.since);
    put_who(body, "ordered_who", &doing->order);
}

static void standing_so_into(json_t *body, const struct lane_status *status,
                             const struct fact_doing *doing)
{
    if (status->out_of_service) {
        put_who(body, "out_by", &doing->out);
        put_since(body, "out_since", doing->out.since);
        put_text(body, "out_reason", doing->out.code);
    }
    if (status->convoy_until.ns != 0) {
        put_who(body, "convoy_by", &doing->convoy);
        put_text(body, "convoy_reason", doing->convoy.code);
    }
    if (status->pressed) {
        json_t *hand = json_object();
        put_who(hand, "by", &doing->hand);
        put_since(hand, "since", doing->hand.since);
        json_object_set_new(hand, "moves", json_boolean(status->lowers_by_hand));
        json_object_set_new(body, "manual_lower", hand);
    }
    if (doing->run_through.ms != 0) {
        json_t *through = json_object();
        put_id(through, "passage", doing->run_through_of);
        put_time(through, "since", doing->run_through);
        json_object_set_new(body, "run_through", through);
    }
}

void status_into(json_t *body, const struct fact *fact)
{
    const struct lane_status *status = &fact->u.status;
    const struct fact_doing *doing = &fact->u.doing;
    json_t *holds = json_array();
    json_t *waiting = json_array();
    put_text(body, "boom", boom_state_name(status->boom));
    put_text(body, "boom_zh", boom_state_text(status->boom));
    if (status->boom != BOOM_NONE)
        put_text(body, "boom_measured", measured(status));
    ordered_into(body, doing);
    standing_so_into(body, status, doing);
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
    json_t *queue = json_array(); /* first at the boom; 0: unread */
    for (int i = 0; i < status->vehicle_count; i++)
        json_array_append_new(queue, json_integer((json_int_t)status->vehicles[i]));
    json_object_set_new(body, "queue", queue);
    for (int i = 0; i < status->hold_count; i++)
        json_array_append_new(holds, hold_body(&status->holds[i], doing));
    for (int i = 0; i < status->waiting_count; i++) {
        json_t *hold = json_object();
        put_id(hold, "hold", status->waiting[i].hold);
        put_id(hold, "passage", status->waiting[i].passage);
        rests_into(hold, status->waiting[i].priority, status->waiting[i].joins,
                   status->waiting[i].hits, status->waiting[i].hit_count);
        put_int(hold, "place", status->waiting[i].place);
        json_array_append_new(waiting, hold);
    }
    json_object_set_new(body, "holds", holds);
    json_object_set_new(body, "waiting", waiting);
    json_object_set_new(body, "lights", names_of_bits(status->lights, OUTPUT_COUNT, output_name));
    json_object_set_new(body, "inputs", names_of_bits(status->inputs, INPUT_COUNT, input_name));
}
