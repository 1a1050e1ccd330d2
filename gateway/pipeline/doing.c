/* Who set what stands in a lane, kept beside it for the consoles: the lane's own state knows acts,
 * not people. After a restart it is not known any more; the journal has it. */
#include <stdio.h>
#include <string.h>

#include "gateway/pipeline/state.h"

void doing_init(struct fact_doing *doing)
{
    memset(doing, 0, sizeof(*doing));
    doing->ordered = OUTPUT_COUNT;
}

/* As the code tables have them: small letters, digits and _. */
static bool is_code(const char *text)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return size > 0 && size < FACT_NAME_SIZE && text[size] == '\0';
}

static void set(struct lane_slot *slot, struct fact_who *who, const struct fact_actor *actor,
                struct wall_time wall)
{
    const char *code = is_code(actor->code)     ? actor->code
                       : is_code(actor->reason) ? actor->reason
                                                : "";
    *who = (struct fact_who){.since = wall};
    memcpy(who->officer, actor->officer, sizeof(who->officer));
    memcpy(who->program, actor->program, sizeof(who->program));
    (void)snprintf(who->code, sizeof(who->code), "%.31s", code); /* fits: is_code */
    slot->doing_changed = true;
}

void doing_ordered(struct lane_slot *slot, const struct lane_command *command,
                   const struct fact_actor *actor, struct wall_time wall)
{
    const struct lane_order *order = &command->order;
    bool lets_go =
        !order->on && order->output == OUTPUT_RAISE && slot->options.lane.raise_maintained;
    if (!is_boom(order->output) || (!order->on && !lets_go))
        return;
    slot->doing.ordered = lets_go ? OUTPUT_LOWER : order->output;
    slot->doing.cause = command->cause;
    set(slot, &slot->doing.order, actor, wall);
}

static void forget_hold(struct fact_doing *doing, uint64_t hold)
{
    for (int i = 0; i < LANE_HOLDS_MAX; i++)
        if (doing->holds[i].hold == hold)
            memset(&doing->holds[i], 0, sizeof(doing->holds[i]));
}

static void note_hold(struct lane_slot *slot, uint64_t hold, const struct fact_actor *actor,
                      struct wall_time wall)
{
    for (int i = 0; i < LANE_HOLDS_MAX; i++)
        if (slot->doing.holds[i].hold == hold)
            return; /* further ones join it */
    for (int i = 0; i < LANE_HOLDS_MAX; i++)
        if (slot->doing.holds[i].hold == 0) {
            slot->doing.holds[i].hold = hold;
            set(slot, &slot->doing.holds[i].who, actor, wall);
            return;
        }
}

/* The guard stops and raises by itself. */
static void note_guard(struct lane_slot *slot, struct wall_time wall)
{
    static const struct fact_actor nobody = {.uid = 0};
    slot->doing.ordered = OUTPUT_RAISE;
    slot->doing.cause = LANE_CAUSE_SAFETY;
    set(slot, &slot->doing.order, &nobody, wall);
}

void doing_recorded(struct lane_slot *slot, const struct lane_record *record,
                    const struct fact_actor *actor, struct wall_time wall)
{
    struct fact_doing *doing = &slot->doing;
    if (record->kind == LANE_RECORD_HOLD_ACTIVE)
        note_hold(slot, record->hold, actor, wall);
    else if (record->kind == LANE_RECORD_HOLD_ENDED)
        forget_hold(doing, record->hold);
    else if (record->kind == LANE_RECORD_OUT_OF_SERVICE)
        set(slot, &doing->out, actor, wall);
    else if (record->kind == LANE_RECORD_CONVOY)
        set(slot, &doing->convoy, actor, wall);
    else if (record->kind == LANE_RECORD_LOWER_BY_HAND)
        set(slot, &doing->hand, actor, wall);
    else if (record->kind == LANE_RECORD_OBSTACLE)
        note_guard(slot, wall);
}

void doing_alarmed(struct lane_slot *slot, const struct lane_alarm *alarm, struct wall_time wall)
{
    struct fact_doing *doing = &slot->doing;
    if (alarm->event != EVENT_LANE_RUN_THROUGH)
        return;
    if (!alarm->active) {
        doing->run_through = (struct wall_time){0};
    } else if (doing->run_through.ms == 0) {
        doing->run_through = wall;
        doing->run_through_of = alarm->passage != 0     ? alarm->passage
                                : slot->state.count > 0 ? slot->state.queue[0].passage
                                                        : 0;
    }
    slot->doing_changed = true;
}
