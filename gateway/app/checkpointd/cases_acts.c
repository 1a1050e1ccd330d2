/*
 * Acts on the handling of a hit: what an officer says, checked against the case and the code tables
 * and put on its way to the journal; the answer comes once it is there. See cases.h. Control
 * thread.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/cases.h"
#include "gateway/app/checkpointd/checkpointd.h"

/* ---- arguments ---- */

static void refuse_invalid(struct control *control, const struct control_call *call, const char *en,
                           const char *zh)
{
    control_refuse(control, call->ticket, "invalid", en, zh);
}

/* A text of the call's, "" when not given. False: refused. */
static bool take_text(struct control *control, const struct control_call *call, const char *name,
                      char *out, size_t size)
{
    const char *text = search_text(control, call, name, size - 1);
    if (!text) {
        return false;
    }
    memcpy(out, text, strlen(text) + 1); /* no longer than size - 1 */
    return true;
}

static bool is_said(const struct control_call *call, const char *name)
{
    return json_is_true(json_object_get(call->args, name));
}

/* A code of one of these tables; false: refused. */
static const struct code *take_code(struct checkpointd *c, struct control *control,
                                    const struct control_call *call, const char *name,
                                    const enum code_table_id *tables, size_t count,
                                    enum code_table_id *out_table)
{
    const char *code = json_string_value(json_object_get(call->args, name));
    char en[160];
    for (size_t i = 0; c->cases.codes && i < count; i++) {
        const struct code *row = codes_find(c->cases.codes, tables[i], code);
        if (row) {
            *out_table = tables[i];
            return row;
        }
    }
    (void)snprintf(en, sizeof(en), "%s: expected a code of the table '%s'%s%s%s", name,
                   codes_table_name(tables[0]), count > 1 ? " or '" : "",
                   count > 1 ? codes_table_name(tables[1]) : "", count > 1 ? "'" : ""); /* fits */
    refuse_invalid(control, call, en, c->cases.codes ? "请从代码表中选择" : "代码表不可用");
    return NULL;
}

static enum handling_rank rank_of(enum officer_role role)
{
    return role == OFFICER_ROLE_LEADER ? HANDLING_LEADER : HANDLING_OFFICER;
}

static struct handling_act begin_act(enum handling_act_kind kind, const struct control_actor *actor)
{
    struct handling_act act = {.kind = kind};
    act.who.rank = rank_of(actor->role);
    act.second.rank = rank_of(actor->second_role);
    (void)snprintf(act.who.officer, sizeof(act.who.officer), "%s", actor->officer); /* as long */
    (void)snprintf(act.second.officer, sizeof(act.second.officer), "%s", actor->second); /* too */
    return act;
}

/* ---- a step ---- */

static void refuse_step(const struct checkpointd *c, struct control *control,
                        struct control_ticket ticket, enum handling_refusal refusal,
                        const struct handling_refused *why, const struct case_slot *slot)
{
    char time[WALL_TEXT_SIZE];
    json_t *fields = json_pack("{s:o}", "handling", handling_json(&slot->now, &c->config.handling));
    if (why->left_ms > 0) {
        json_object_set_new(fields, "left_ms", json_integer(why->left_ms));
    } else if (why->by[0] != '\0') {
        wall_format(why->at, time);
        json_object_set_new(fields, "by", json_string(why->by));
        json_object_set_new(fields, "at", json_string(time));
    }
    control_refuse_with(control, ticket, handling_refusal_code(refusal),
                        handling_refusal_en(refusal), handling_refusal_zh(refusal), fields);
}

/* Other characters than the listed ones were seen: on record, and a reason to look again as long as
 * the first time, so that nobody tries them all. False: refused. */
static bool typed_differs(struct checkpointd *c, struct control *control,
                          const struct control_call *call, struct case_slot *slot,
                          struct handling_refused *why)
{
    struct mono_time now = clock_mono(&clock_system);
    const char *officer = call->actor.officer;
    handling_look_again(&slot->now, officer, now);
    why->left_ms = handling_view_left_ms(&slot->now, officer, &c->config.handling, now);
    return cases_record_look(c, control, call, "typed_differs", slot);
}

/* `search`: a plate to be looked up with it, 0: none. */
static void take_step(struct checkpointd *c, struct control *control,
                      const struct control_call *call, struct case_slot *slot,
                      const struct handling_act *act, plate_key search)
{
    struct handling_refused why;
    struct case_flight *f = &slot->flight;
    *f = (struct case_flight){.after = slot->now,
                              .kind = act->kind,
                              .actor = call->actor,
                              .ticket = call->ticket,
                              .search = search};
    enum handling_refusal refusal =
        handling_step(&f->after, act, &c->config.handling, cases_now(c), &why);
    if (refusal == HANDLING_REFUSED_TYPED_DIFFERS && !typed_differs(c, control, call, slot, &why)) {
        return;
    }
    if (refusal != HANDLING_REFUSED_NOT) {
        refuse_step(c, control, call->ticket, refusal, &why, slot);
        return;
    }
    f->answers = cases_answer_counts(&slot->now, &f->after);
    (void)snprintf(f->reason, sizeof(f->reason), "%s", act->reason); /* as long */
    if (cases_launch(c, slot) != 0) {
        control_refuse(control, call->ticket, "journal", "the journal cannot record it now",
                       "日志当前无法写入");
    }
}

static void simple_act(struct checkpointd *c, struct control *control,
                       const struct control_call *call, enum handling_act_kind kind,
                       void (*run)(void *, struct control *, const struct control_call *))
{
    struct case_slot *slot = cases_of_call(c, control, call, run);
    if (slot) {
        const struct handling_act act = begin_act(kind, &call->actor);
        take_step(c, control, call, slot, &act, 0);
    }
}

void case_act_sign(void *ctx, struct control *control, const struct control_call *call)
{
    simple_act(ctx, control, call, HANDLING_ACT_SIGN, case_act_sign);
}

void case_act_intercept(void *ctx, struct control *control, const struct control_call *call)
{
    simple_act(ctx, control, call, HANDLING_ACT_INTERCEPT, case_act_intercept);
}

void case_act_close(void *ctx, struct control *control, const struct control_call *call)
{
    simple_act(ctx, control, call, HANDLING_ACT_CLOSE, case_act_close);
}

void case_act_confirm(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct handling_act act = begin_act(HANDLING_ACT_CONFIRM, &call->actor);
    struct case_slot *slot = cases_of_call(ctx, control, call, case_act_confirm);
    if (!slot || !take_text(control, call, "typed", act.typed, sizeof(act.typed))) {
        return;
    }
    act.plate_agrees = is_said(call, "plate_agrees");
    act.class_agrees = is_said(call, "class_agrees");
    act.vehicle_agrees = is_said(call, "vehicle_agrees");
    act.by_eye = is_said(call, "by_eye");
    act.has_trigger_picture = looks_trigger(&c->looks, slot->now.facts.hit);
    take_step(ctx, control, call, slot, &act, 0);
}

/* The plate seen, 0: not said. False: refused. */
static bool take_seen(struct control *control, const struct control_call *call, const json_t *hit,
                      struct handling_act *act, plate_key *out)
{
    const json_t *value = json_object_get(call->args, "plate");
    const char *text = json_string_value(value);
    const char *listed = json_string_value(json_object_get(json_object_get(hit, "entry"), "plate"));
    struct plate_text plate = {.kind = PLATE_DECODE_ERROR};
    if (!value || json_is_null(value) || (text && text[0] == '\0')) {
        return true;
    }
    if (text) {
        plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    }
    if (plate.kind != PLATE_KEY || plate_has_unread(plate.key) ||
        plate_decode(plate.key, act->seen) != 0) {
        refuse_invalid(control, call, "plate: not a whole plate, expected one like 鲁H12345",
                       "车牌格式不正确或不完整");
        return false;
    }
    if (listed && strcmp(listed, act->seen) == 0 && act->misread) {
        refuse_invalid(control, call, "plate: that is the listed plate: confirm the hit instead",
                       "该车牌即布控车牌，请改为确认命中");
        return false;
    }
    *out = plate.key;
    return true;
}

void case_act_reject(void *ctx, struct control *control, const struct control_call *call)
{
    static const enum code_table_id table[] = {CODES_REJECT};
    struct checkpointd *c = ctx;
    struct handling_act act = begin_act(HANDLING_ACT_REJECT, &call->actor);
    enum code_table_id found;
    plate_key seen = 0;
    struct case_slot *slot = cases_of_call(c, control, call, case_act_reject);
    const struct code *reason =
        slot ? take_code(c, control, call, "reason", table, 1, &found) : NULL;
    if (!reason || !take_text(control, call, "note", act.note, sizeof(act.note))) {
        return;
    }
    memcpy(act.reason, reason->code, sizeof(act.reason));
    act.misread = reason->misread;
    if (take_seen(control, call, cases_hit(c, slot), &act, &seen)) {
        take_step(c, control, call, slot, &act, seen);
    }
}

void case_act_agree(void *ctx, struct control *control, const struct control_call *call)
{
    const json_t *agrees = json_object_get(call->args, "agree");
    struct handling_act act = begin_act(HANDLING_ACT_AGREE, &call->actor);
    struct case_slot *slot = cases_of_call(ctx, control, call, case_act_agree);
    if (!slot) {
        return;
    }
    if (agrees && !json_is_boolean(agrees)) {
        refuse_invalid(control, call, "agree: expected true or false", "agree 应为 true 或 false");
        return;
    }
    act.disagrees = json_is_false(agrees);
    if (act.second.officer[0] != '\0') { /* came to the other's tablet, where the card stands */
        act.who = act.second;
        (void)snprintf(act.viewer, sizeof(act.viewer), "%s", call->actor.officer); /* as long */
    }
    take_step(ctx, control, call, slot, &act, 0);
}

/* False: refused. */
static bool take_feedback(struct checkpointd *c, struct control *control,
                          const struct control_call *call, struct handling_feedback *out)
{
    static const enum code_table_id outcomes[] = {CODES_OUTCOME, CODES_NOT_INTERCEPTED};
    static const enum code_table_id handed[] = {CODES_HANDED_TO};
    const json_t *to = json_object_get(call->args, "handed_to");
    const json_t *suspect = json_object_get(call->args, "suspect");
    enum code_table_id table = CODES_OUTCOME;
    const struct code *outcome = take_code(c, control, call, "outcome", outcomes, 2, &table);
    if (!outcome) {
        return false;
    }
    memcpy(out->outcome, outcome->code, sizeof(out->outcome));
    out->intercepted = table == CODES_OUTCOME;
    out->suspect_said = json_is_boolean(suspect);
    out->suspect = json_is_true(suspect);
    bool none = !to || json_is_null(to) || (json_string_value(to) && json_string_length(to) == 0);
    const struct code *code =
        none ? NULL : take_code(c, control, call, "handed_to", handed, 1, &table);
    if (code) {
        memcpy(out->handed_to, code->code, sizeof(out->handed_to));
    }
    return (none || code) &&
           take_text(control, call, "document", out->document, sizeof(out->document)) &&
           take_text(control, call, "note", out->note, sizeof(out->note));
}

void case_act_feedback(void *ctx, struct control *control, const struct control_call *call)
{
    struct handling_act act = begin_act(HANDLING_ACT_FEEDBACK, &call->actor);
    struct case_slot *slot = cases_of_call(ctx, control, call, case_act_feedback);
    if (slot && take_feedback(ctx, control, call, &act.feedback)) {
        take_step(ctx, control, call, slot, &act, 0);
    }
}
