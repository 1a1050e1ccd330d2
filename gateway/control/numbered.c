/*
 * Acts under a number: once.h decides whether one runs, here it is run or answered. An act that
 * asks for a PIN or a second officer comes here behind those, so that nobody gets the answer of an
 * earlier one without them. Control thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/control/control_state.h"

enum { ID_MAX = 32 /* {"id":-9223372036854775808, */ };

/* What must not wait for, or be taken for, what was asked before. */
static bool runs_again(const struct control_act *act, const json_t *args)
{
    return (act->need & CONTROL_AGAIN) != 0 ||
           ((act->need & CONTROL_NEED_MASK) == CONTROL_RAISING &&
            json_is_true(json_object_get(args, "emergency")));
}

bool numbered_take(struct control *control, const struct control_act *act, const json_t *request,
                   struct control_call *call)
{
    const json_t *number = json_object_get(request, "once");
    const char *text = json_string_value(number);
    if (!number || runs_again(act, call->args))
        return true;
    if (text && once_is_number(text)) {
        memcpy(call->number, text, strlen(text) + 1);
        return true;
    }
    control_refuse(control, call->ticket, "invalid",
                   "once: expected 16 to 64 letters, digits or '-'",
                   "once：应为 16 至 64 个字母、数字或“-”");
    return false;
}

static void refuse(struct control *control, struct control_ticket ticket, enum once_verdict verdict)
{
    if (verdict == ONCE_OTHER)
        control_refuse(control, ticket, "once_other",
                       "once: this number was used for something else",
                       "once：该编号已用于其他操作");
    else if (verdict == ONCE_GONE)
        control_refuse(control, ticket, "once_gone",
                       "done already under this number; its answer is not kept any more",
                       "该操作已执行，其结果不再保留，请查看当前状态");
    else if (verdict == ONCE_CROWDED)
        control_refuse(control, ticket, "once_running",
                       "being done under this number, wait a moment", "该操作正在执行，请稍候");
    else
        control_refuse(control, ticket, "busy", "too much under way, wait a moment",
                       "正在处理的操作过多，请稍候");
}

/* An answer as it was given, under the id of who asks. */
static void send_text(struct control *control, struct control_ticket ticket, const char *text)
{
    struct line_client *client = line_client_find(control->server, ticket.client);
    size_t room = strlen(text) + ID_MAX;
    char *line = client ? malloc(room) : NULL;
    if (!line)
        return; /* it has gone, or sees no answer and gives up */
    int size = snprintf(line, room, "{\"id\":%lld,%s", (long long)ticket.id, text + 1); /* fits */
    line_client_send(client, line, (size_t)size);
    explicit_bzero(line, room);
    free(line);
}

void numbered_run(struct control *control, const struct control_act *act,
                  const struct control_call *call)
{
    struct mono_time now = clock_mono(&clock_system);
    struct control_call run = *call;
    const char *text = NULL;
    if (call->number[0] == '\0') {
        act->run(control->options.ctx, control, call);
        return;
    }
    const struct token *token = tokens_by_id(&control->tokens, call->session, now);
    const struct once_asked asked = {.owner = token ? (size_t)(token - control->tokens.slots)
                                                    : TOKENS_MAX,
                                     .session = call->session,
                                     .uid = call->actor.peer.uid,
                                     .number = call->number,
                                     .act = act->name,
                                     .second = call->actor.second,
                                     .args = call->args};
    enum once_verdict verdict =
        once_ask(control->once, &asked, call->ticket, now, &run.ticket, &text);
    if (verdict == ONCE_NEW)
        act->run(control->options.ctx, control, &run);
    else if (verdict == ONCE_KNOWN)
        send_text(control, call->ticket, text);
    else if (verdict != ONCE_WAITS)
        refuse(control, call->ticket, verdict);
}

void numbered_answer(struct control *control, struct control_ticket ticket, json_t *body)
{
    struct once_answer answer;
    (void)json_object_del(body, "id"); /* that of the ticket: nobody's */
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    once_take(control->once, ticket, text, clock_mono(&clock_system), &answer);
    for (size_t i = 0; text && i < answer.count; i++)
        send_text(control, answer.tickets[i], text);
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
    json_decref(body);
}
