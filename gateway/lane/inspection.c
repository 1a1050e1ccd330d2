/*
 * Inspections: a vehicle that is due for one is not cleared, so the boom stays down for it and the
 * light red; no hold of a hit, no siren. A named officer ends it. See enum lane_inspect.
 */
#include "gateway/lane/private.h"

bool inspection_due(const struct lane_ctx *x, const struct lane_vehicle *v)
{
    if (!v || v->inspected || v->exempt || convoy_on(x)) {
        return false;
    }
    return v->inspect == LANE_INSPECT_DUE ||
           (v->inspect == LANE_INSPECT_UNSAID && x->c->mode == LANE_CHECK_POINT);
}

void inspection_over(struct lane_ctx *x, struct lane_vehicle *v, uint64_t act)
{
    if (!inspection_due(x, v)) {
        return;
    }
    v->inspected = true;
    struct lane_record *record = add_record(x, LANE_RECORD_INSPECTED, LANE_CLASS_ROUTINE);
    record->passage = v->passage;
    record->act = act;
}

void inspection_act(struct lane_ctx *x, const struct lane_act_event *act)
{
    struct lane_vehicle *v = act->passage != 0 ? queue_find(x, act->passage) : queue_at_boom(x);
    bool meant = v && v->passage == act->passage;
    if (!act->named) {
        act_refuse(x, act, LANE_REFUSAL_NOT_NAMED);
    } else if (!meant || !inspection_due(x, v)) {
        act_refuse(x, act, LANE_REFUSAL_NO_INSPECTION);
    } else {
        inspection_over(x, v, act->act);
        act_done(x, act);
    }
}

void inspection_decide(struct lane_ctx *x)
{
    struct lane_state *s = x->s;
    const struct lane_vehicle *v = queue_at_boom(x);
    if (!inspection_due(x, v)) {
        set_alarm(x, EVENT_LANE_INSPECTION, false, 0);
        return;
    }
    if (!has_alarm(x, EVENT_LANE_INSPECTION) || s->inspecting != v->passage) {
        s->inspecting = v->passage;
        set_alarm(x, EVENT_LANE_INSPECTION, true, v->passage);
    }
}
