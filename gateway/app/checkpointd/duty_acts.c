/*
 * Acts of those on duty: 求助 and its end, "I am well", the end of a backup. Control thread.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/utf8.h"

static void refuse(struct control *control, const struct control_call *call, const char *code,
                   const char *en, const char *zh)
{
    control_refuse(control, call->ticket, code, en, zh);
}

static void refuse_unrecorded(struct control *control, const struct control_call *call)
{
    refuse(control, call, "journal", "the journal cannot record it now", "日志当前无法写入");
}

/* The number that `name` says; 0: none. */
static uint64_t number_of(const struct control_call *call, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(call->args, name));
    return number > 0 ? (uint64_t)number : 0;
}

void duty_act_show(void *ctx, struct control *control, const struct control_call *call)
{
    control_answer(control, call->ticket, duty_json(ctx));
}

/* ---- 求助 ---- */

static json_t *help_call(const struct duty_call *help, bool open)
{
    json_t *call = json_pack("{s:s,s:I,s:s,s:b}", "kind", "help", "id", (json_int_t)help->id,
                             "officer", help->officer, "open", (int)open);
    if (call && help->lane != 0) {
        json_object_set_new(call, "lane", json_integer(help->lane));
    }
    return call;
}

/* False: refused. A call without a lane is one of the checkpoint's. */
static bool take_help(struct checkpointd *c, struct control *control,
                      const struct control_call *call, struct duty_call *out)
{
    const char *note = json_string_value(json_object_get(call->args, "note"));
    *out = (struct duty_call){.kind = DUTY_HELP, .since = clock_wall(&c->clock)};
    if (note && strlen(note) >= sizeof(out->note)) {
        refuse(control, call, "too_large", "note: longer than 200 bytes", "备注过长");
        return false;
    }
    if (note && !utf8_is_line(note)) {
        refuse(control, call, "invalid", "note: expected a text of one line",
               "备注应为一行文字，不含控制字符");
        return false;
    }
    (void)snprintf(out->note, sizeof(out->note), "%s", note ? note : "");          /* as checked */
    (void)snprintf(out->officer, sizeof(out->officer), "%s", call->actor.officer); /* fits */
    if (json_object_get(call->args, "lane")) {
        out->lane = acts_lane_of(c, control, call);
        return out->lane != 0;
    }
    return true;
}

void duty_act_help(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct duty_call help;
    const struct duty_call *standing = NULL;
    if (!take_help(c, control, call, &help)) {
        return;
    }
    help.id = duty_new_id(c);
    int result = duty_call(&c->duty.duty, &help, clock_mono(&clock_system), &standing);
    if (result == ERR_FULL) {
        refuse(control, call, "full", "as many calls for help stand as there may: end some",
               "未结束的求助过多，请先结束");
        return;
    }
    if (result == 0) {
        struct duty_record record = {.actor = &call->actor,
                                     .what = "help",
                                     .reason = help.note,
                                     .lane = help.lane,
                                     .protective = true,
                                     .at = help.since,
                                     .call = help_call(&help, true)};
        (void)!duty_put(c, &record); /* counted when refused; the call stands all the same */
        duty_alarm(c, DUTY_HELP, help.lane);
        duty_tell(c);
    }
    control_answer(control, call->ticket, json_pack("{s:I}", "help", (json_int_t)standing->id));
}

void duty_act_help_end(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    const struct duty_call *standing = duty_find(&c->duty.duty, DUTY_HELP, number_of(call, "help"));
    const char *reason = acts_reason(control, call, true);
    if (!reason) {
        return;
    }
    if (!standing) {
        refuse(control, call, "not_found", "help: no such call for help stands", "没有该求助");
        return;
    }
    if (call->actor.role != OFFICER_ROLE_LEADER &&
        strcmp(call->actor.officer, standing->officer) != 0) {
        refuse(control, call, "denied", "only who called, or a leader, ends it",
               "仅求助人本人或带班领导可结束");
        return;
    }
    const struct duty_call help = *standing;
    struct duty_record record = {.actor = &call->actor,
                                 .what = "help_end",
                                 .reason = reason,
                                 .lane = help.lane,
                                 .call = help_call(&help, false)};
    if (duty_put(c, &record) != 0 || duty_end(&c->duty.duty, DUTY_HELP, help.id) != 0) {
        refuse_unrecorded(control, call);
        return;
    }
    duty_alarm(c, DUTY_HELP, help.lane);
    duty_tell(c);
    control_answer(control, call->ticket, json_pack("{s:I}", "help", (json_int_t)help.id));
}

/* ---- backup ---- */

void duty_act_well(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    if (c->duty.duty.well == DUTY_WELL_OFF) {
        refuse(control, call, "not_found", "nobody is asked for it: no backup is called",
               "当前无须报平安");
        return;
    }
    if (duty_well_over(c, &call->actor, "well") != 0 ||
        duty_say_well(&c->duty.duty, clock_mono(&clock_system)) != 0) {
        refuse_unrecorded(control, call);
        return;
    }
    duty_tell(c);
    control_answer(control, call->ticket, duty_json(c));
}

void duty_act_backup_end(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    const char *reason = acts_reason(control, call, true);
    uint64_t hit = number_of(call, "hit");
    if (!reason) {
        return;
    }
    int result = duty_end_backup(c, &call->actor, hit, reason);
    if (result == ERR_NOT_FOUND) {
        refuse(control, call, "not_found", "hit: no backup is called for it", "该命中没有增援呼叫");
    } else if (result != 0) {
        refuse_unrecorded(control, call);
    } else {
        control_answer(control, call->ticket, json_pack("{s:I}", "hit", (json_int_t)hit));
    }
}
