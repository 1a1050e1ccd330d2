/*
 * The console's part: which tablet a request comes from, what may be asked for somebody who is not
 * signed on, the acts on tablets and who is told of them. Control thread.
 *
 * The console's user has no rights of its own: it speaks for officers. A program of our own user or
 * of root that names a tablet, even "", speaks as a console does: so that a box of one user (tests,
 * demo) has one, too.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/control/control_state.h"

static bool is_console(const struct control *control, const struct control_actor *actor,
                       bool names_tablet)
{
    if (control->has_console_uid && actor->peer.uid == control->console_uid)
        return actor->peer.uid != geteuid() || names_tablet;
    return names_tablet && (actor->peer.uid == 0 || actor->peer.uid == geteuid());
}

/* Of the paired tablets, the one the request names. */
static bool take_tablet(struct control *control, const char *name, struct control_actor *actor)
{
    const struct tablet *tablet = tablets_find(&control->tablets, name);
    if (!tablet || tablet->revoked)
        return false;
    memcpy(actor->tablet, tablet->name, sizeof actor->tablet);
    memcpy(actor->tablet_lanes, tablet->lanes, sizeof actor->tablet_lanes);
    return true;
}

bool console_take(struct control *control, const json_t *request, struct control_actor *actor,
                  struct err_text *why_en, struct err_text *why_zh)
{
    const json_t *named = json_object_get(request, "tablet");
    const char *name = json_is_string(named) ? json_string_value(named) : "";
    /* Too long to keep is as good as not given. */
    (void)control_copy_text(request, "origin", actor->origin, sizeof actor->origin);
    actor->console = is_console(control, actor, named != NULL);
    if (!actor->console && !named)
        return true;
    (void)err_set(why_zh, 0, "该平板未配对或已被吊销");
    if (!actor->console) { /* else anybody could say they stand at the lane */
        (void)err_set(why_en, 0, "tablet: only the console may name one");
        return false;
    }
    actor->admin = false;
    if (name[0] == '\0' && control->options.console_without_tablets)
        return true;
    if (take_tablet(control, name, actor))
        return true;
    (void)err_set(why_en, 0, "tablet '%.40s': not paired, or revoked", name);
    return false;
}

bool console_may_unnamed(const struct control_act *act, const json_t *args)
{
    static const char *const names[] = {"login", "codes", "tablets"};
    if ((act->need & CONTROL_NEED_MASK) == CONTROL_RAISING)
        return json_is_true(json_object_get(args, "emergency"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(act->name, names[i]) == 0)
            return true;
    return false;
}

bool console_may_tabletless(const struct control_act *act, const json_t *args)
{
    return console_may_unnamed(act, args) && ((act->need & CONTROL_NEED_MASK) == CONTROL_RAISING ||
                                              strcmp(act->name, "tablets") == 0);
}

bool control_on_lane(const struct control_actor *actor, uint8_t lane)
{
    return lane != 0 && memchr(actor->tablet_lanes, lane, sizeof actor->tablet_lanes) != NULL;
}

static json_t *list_json(const struct control *control)
{
    json_t *list = json_array();
    for (int i = 0; i < control->tablets.count; i++)
        json_array_append_new(list, tablets_row_json(&control->tablets.rows[i]));
    return list;
}

/* ---- on `events` ---- */

/* The console itself asks, before it knows any tablet and for nobody. */
void console_watch_tablets(struct control *control, struct line_client *client,
                           const json_t *request)
{
    struct session *session = line_client_data(client);
    struct control_actor actor = session->actor;
    struct err_text en;
    struct err_text zh;
    (void)console_take(control, request, &actor, &en, &zh); /* it names none */
    if (!actor.console) {
        line_client_send_json(client, line_error("denied", "only for the console", "仅限控制台"));
        return;
    }
    session->watches_tablets = true;
    line_client_send_json(client, json_pack("{s:b,s:o}", "ok", 1, "tablets", list_json(control)));
}

static void tell_tablets(void *ctx, struct line_client *client)
{
    const struct session *session = line_client_data(client);
    if (session->watches_tablets)
        line_client_send_json(
            client, json_pack("{s:s,s:o}", "event", "tablets", "tablets", list_json(ctx)));
}

void console_tell_tablets(struct control *control)
{
    control_each_on_events(control, tell_tablets, control);
}

/* ---- acts ---- */

void act_tablets(void *ctx, struct control *control, const struct control_call *call)
{
    (void)ctx;
    control_answer(control, call->ticket, json_pack("{s:o}", "tablets", list_json(control)));
}

void act_tablet_add(void *ctx, struct control *control, const struct control_call *call)
{
    struct err_text err;
    struct password_job *job = sign_on_new_job(JOB_TABLET_ADD, call);
    (void)ctx;
    if (job && tablets_parse(call->args, &job->tablet, &err) != 0) {
        control_refuse(control, call->ticket, "invalid", err.text,
                       "平板名称、证书指纹或车道不符合要求");
        password_job_free(job);
        return;
    }
    sign_on_submit(control, job, call->ticket, job != NULL);
}

void act_tablet_revoke(void *ctx, struct control *control, const struct control_call *call)
{
    struct password_job *job = sign_on_new_job(JOB_TABLET_REVOKE, call);
    (void)ctx;
    if (job && !control_copy_text(call->args, "name", job->tablet.name, sizeof job->tablet.name)) {
        control_refuse(control, call->ticket, "invalid", "name: expected that of a tablet",
                       "缺少平板名称");
        password_job_free(job);
        return;
    }
    sign_on_submit(control, job, call->ticket, job != NULL);
}
