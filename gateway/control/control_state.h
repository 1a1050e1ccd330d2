/*
 * What the files of gateway/control share: the server's state and what each offers the others.
 * Everything here belongs to the control thread unless it says otherwise. Internal to
 * gateway/control.
 */
#pragma once

#include <pthread.h>

#include "gateway/control/asking.h"
#include "gateway/control/control.h"
#include "gateway/control/once.h"
#include "gateway/control/passwords.h"

enum { CONTROL_PATH_SIZE = 256 };

struct control {
    struct control_options options;
    struct line_server *server;
    struct passwords *passwords;
    struct tokens tokens;
    struct tablets tablets; /* the password thread's, as it handed them over last */
    struct asking asking;
    struct once *once;
    char control_path[CONTROL_PATH_SIZE];
    char events_path[CONTROL_PATH_SIZE];
    gid_t admin_gid;
    bool has_admin_gid;
    uid_t console_uid;
    bool has_console_uid;
    struct mono_time elsewhere_told; /* of tokens used where they do not count */
    uint64_t elsewhere;
    /* Any thread, under the lock: numbers and names. */
    pthread_mutex_t names_lock;
    int name_count;
    struct {
        char officer[OFFICER_NAME_MAX + 1];
        char title[OFFICER_TITLE_SIZE];
    } names[OFFICERS_MAX];
};

/* What a connection knows of its peer; the officer comes with each request. */
struct session {
    struct control *control;
    struct control_actor actor;
    bool subscribed;
    json_t *wanted; /* of a subscriber: an object with a key for each event's name; NULL: all */
    bool console;   /* it subscribed as one */
    bool watches_tablets; /* instead: a console that is told which there are */
    uint64_t token_id;    /* of a subscriber; 0 = none, or it has ended */
};

/* ---- sessions.c: tokens, those who hold them, and their end ---- */

/* Reads what tokens a restart left; what cannot be trusted is told and left. */
void sessions_begin(struct control *control);
/* Fills in the officer whose token the request carries, if it counts here; its id, 0: none. */
uint64_t sessions_take(struct control *control, const json_t *request, struct control_actor *actor);
/* Gives out a token for the actor's place. Errors of tokens_issue(). */
int sessions_issue(struct control *control, const struct control_actor *actor, const char *officer,
                   enum officer_role role, char out[TOKEN_TEXT_SIZE]) MUST_CHECK;
/* Ends tokens, tells who holds them, and keeps the rest. `why` as in README.md. */
void sessions_end_officer(struct control *control, const char *officer, const char *why);
void sessions_end_tablet(struct control *control, const char *tablet, const char *why);
void sessions_end_one(struct control *control, uint64_t id, const char *why);
/* Some times a second: ends what time ended; a subscriber's token is in use. */
void sessions_tick(void *control);

/* ---- sign_on.c: jobs for the password thread and what comes of them ---- */

void sign_on_job_done(void *control, struct password_job *job); /* in the password thread */
/* The act runs once the PIN it asks for and the second officer its arguments name are checked. */
void sign_on_confirm(struct control *control, const struct control_act *act,
                     const struct control_call *call, bool with_pin);
struct password_job *sign_on_new_job(enum password_job_kind kind, const struct control_call *call);
/* Steals `job` (NULL is fine). */
void sign_on_submit(struct control *control, struct password_job *job, struct control_ticket ticket,
                    bool fits);
void sign_on_name(void *control, const struct officer *officer); /* in the password thread */
void act_login(void *ctx, struct control *control, const struct control_call *call);
void act_logout(void *ctx, struct control *control, const struct control_call *call);
void act_session(void *ctx, struct control *control, const struct control_call *call);
void act_officer_add(void *ctx, struct control *control, const struct control_call *call);
void act_officer_disable(void *ctx, struct control *control, const struct control_call *call);
void act_officer_passwd(void *ctx, struct control *control, const struct control_call *call);

/* ---- numbered.c: acts under a number ---- */

/* Takes over the number a request carries, if the act goes by it. False: refused and answered. */
bool numbered_take(struct control *control, const struct control_act *act, const json_t *request,
                   struct control_call *call);
/* Runs an act that may be run now, or answers what it was answered under its number. */
void numbered_run(struct control *control, const struct control_act *act,
                  const struct control_call *call);
/* An act's answer to a ticket of its number: to all who wait for it. Steals `body`. */
void numbered_answer(struct control *control, struct control_ticket ticket, json_t *body);

/* ---- console.c: tablets, and what a console may ask ---- */

/* Takes over what the peer says of tablet and origin. False: refused and answered, or, with
 * `raising`, nothing of it counts. */
bool console_take(struct control *control, const json_t *request, struct control_actor *actor,
                  struct err_text *why_en, struct err_text *why_zh);
/* Whether a console without an officer may have this act. */
bool console_may_unnamed(const struct control_act *act, const json_t *args);
/* And whether it may have it for a tablet that is not known, either. */
bool console_may_tabletless(const struct control_act *act, const json_t *args);
/* Answers `watch_tablets` on `events`: the list now, and from now on at each change. */
void console_watch_tablets(struct control *control, struct line_client *client,
                           const json_t *request);
/* The list changed. */
void console_tell_tablets(struct control *control);
void act_tablets(void *ctx, struct control *control, const struct control_call *call);
void act_tablet_add(void *ctx, struct control *control, const struct control_call *call);
void act_tablet_revoke(void *ctx, struct control *control, const struct control_call *call);

/* ---- control.c ---- */

/* Copies a text member; false when it is none or too long. */
bool control_copy_text(const json_t *object, const char *key, char *out, size_t room);
/* Calls `visit` for each subscriber of `events`. */
void control_each_subscriber(struct control *control,
                             void (*visit)(void *ctx, struct line_client *client), void *ctx);
/* Calls `visit` for each client of `events`. */
void control_each_on_events(struct control *control,
                            void (*visit)(void *ctx, struct line_client *client), void *ctx);
