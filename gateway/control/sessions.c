/*
 * Who is signed on: tokens, the subscribers that hold one, and how they end. A token's end is told
 * to those who hold it and kept in the file that outlives a restart. Control thread.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/log.h"
#include "gateway/control/control_state.h"
#include "gateway/control/token_file.h"

enum { ELSEWHERE_TOLD_MS = 60 * 1000 };

/* ---- the file ---- */

/* An ended token that comes back with the next start would be worse than signing on again. */
static void keep(struct control *control)
{
    struct err_text err;
    const char *path = control->options.tokens_path;
    if (!path || token_file_save(path, &control->tokens, clock_mono(&clock_system), &err) == 0)
        return;
    log_event(EVENT_TOKENS_UNKEPT, "detail=\"%s\"", err.text);
    (void)unlink(path); /* not there: as good */
}

/* Only of an account that is there, enabled and of that role, on a tablet that still counts. */
static bool accept(void *ctx, const struct token_holder *holder)
{
    const struct control *control = ctx;
    const struct tablet *tablet = tablets_find(&control->tablets, holder->tablet);
    return passwords_know(control->passwords, holder->officer, holder->role) &&
           (holder->tablet[0] == '\0' || (tablet && !tablet->revoked));
}

void sessions_begin(struct control *control)
{
    struct err_text err;
    const char *path = control->options.tokens_path;
    control->tokens.idle_ms = control->options.token_idle_s * 1000;
    if (!path)
        return;
    int result = token_file_prepare(path, &err);
    if (result != 0) {
        log_event(EVENT_TOKENS_UNKEPT, "detail=\"%s\"", err.text);
        control->options.tokens_path = NULL;
        return;
    }
    result =
        token_file_load(path, &control->tokens, clock_mono(&clock_system), accept, control, &err);
    if (result != 0)
        log_event(EVENT_TOKENS_IGNORED, "detail=\"%s\"", err.text);
    keep(control);
}

/* ---- the end ---- */

struct ended {
    const struct token *token;
    const char *why;
};

static void tell_ended(void *ctx, struct line_client *client)
{
    const struct ended *ended = ctx;
    struct session *session = line_client_data(client);
    if (session->token_id != ended->token->id)
        return;
    session->token_id = 0; /* no more plates, and to a console nothing: it speaks for nobody now */
    session->subscribed = !session->console;
    line_client_send_json(client, json_pack("{s:s,s:s,s:s,s:s}", "event", "session_ended",
                                            "officer", ended->token->holder.officer, "tablet",
                                            ended->token->holder.tablet, "why", ended->why));
}

static void tell(struct control *control, const struct token *token, const char *why)
{
    struct ended ended = {token, why};
    control_each_subscriber(control, tell_ended, &ended);
}

static void end(struct control *control, struct token *token, const char *why)
{
    tell(control, token, why);
    *token = (struct token){0};
}

void sessions_end_officer(struct control *control, const char *officer, const char *why)
{
    for (int i = 0; i < TOKENS_MAX; i++) {
        struct token *token = &control->tokens.slots[i];
        if (token->id != 0 && strcmp(token->holder.officer, officer) == 0)
            end(control, token, why);
    }
    keep(control);
}

void sessions_end_tablet(struct control *control, const char *tablet, const char *why)
{
    for (int i = 0; i < TOKENS_MAX; i++) {
        struct token *token = &control->tokens.slots[i];
        if (token->id != 0 && strcmp(token->holder.tablet, tablet) == 0)
            end(control, token, why);
    }
    keep(control);
}

void sessions_end_one(struct control *control, uint64_t id, const char *why)
{
    for (int i = 0; i < TOKENS_MAX; i++)
        if (id != 0 && control->tokens.slots[i].id == id)
            end(control, &control->tokens.slots[i], why);
    keep(control);
}

/* Whoever watches is there, though they ask nothing all night: the console ends a tablet's
 * subscription when the tablet is gone. */
static void touch(void *ctx, struct line_client *client)
{
    struct control *control = ctx;
    const struct session *session = line_client_data(client);
    struct mono_time now = clock_mono(&clock_system);
    struct token *token = tokens_by_id(&control->tokens, session->token_id, now);
    if (token)
        token->used = now;
}

void sessions_tick(void *ctx)
{
    struct control *control = ctx;
    struct mono_time now = clock_mono(&clock_system);
    bool ended = false;
    control_each_subscriber(control, touch, control);
    for (int i = 0; i < TOKENS_MAX; i++) {
        struct token *token = &control->tokens.slots[i];
        enum token_state state = tokens_state(&control->tokens, token, now);
        if (state == TOKEN_EXPIRED || state == TOKEN_IDLE) {
            end(control, token, state == TOKEN_IDLE ? "idle" : "expired");
            ended = true;
        }
    }
    if (ended)
        keep(control);
}

/* ---- in between ---- */

/* A token on a tablet or by a user that it was not given to was copied, or a program is wrong. */
static void tell_elsewhere(struct control *control, const struct control_actor *actor)
{
    struct mono_time now = clock_mono(&clock_system);
    control->elsewhere++;
    if (control->elsewhere > 1 && mono_before(now, control->elsewhere_told))
        return;
    control->elsewhere_told = mono_add_ms(now, ELSEWHERE_TOLD_MS);
    log_event(EVENT_TOKEN_ELSEWHERE, "program=%s uid=%lld tablet=%s times=%llu", actor->program,
              (long long)actor->peer.uid, actor->tablet, (unsigned long long)control->elsewhere);
}

uint64_t sessions_take(struct control *control, const json_t *request, struct control_actor *actor)
{
    const char *text = json_string_value(json_object_get(request, "token"));
    struct mono_time now = clock_mono(&clock_system);
    bool elsewhere = false;
    struct token *token =
        text ? tokens_find(&control->tokens, text, actor->peer.uid, actor->tablet, now, &elsewhere)
             : NULL;
    if (elsewhere)
        tell_elsewhere(control, actor);
    if (!token)
        return 0;
    token->used = now;
    memcpy(actor->officer, token->holder.officer, sizeof actor->officer);
    actor->role = token->holder.role;
    return token->id;
}

int sessions_issue(struct control *control, const struct control_actor *actor, const char *officer,
                   enum officer_role role, char out[TOKEN_TEXT_SIZE])
{
    struct mono_time now = clock_mono(&clock_system);
    struct mono_time expires = mono_add_ms(now, control->options.token_life_s * 1000);
    struct token_holder holder = {.role = role, .uid = actor->peer.uid};
    struct token replaced;
    memcpy(holder.officer, officer, strlen(officer) + 1);
    memcpy(holder.tablet, actor->tablet, sizeof holder.tablet);
    int result = tokens_issue(&control->tokens, &holder, expires, now, out, &replaced);
    if (result != 0)
        return result;
    if (replaced.id != 0)
        tell(control, &replaced, "replaced");
    keep(control);
    return 0;
}
