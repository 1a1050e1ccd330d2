/*
 * The local sockets `control` (acts) and `events` (subscribe): who may do what, officers' sign-on,
 * answers now or later, events to whoever may see them. README.md has the protocol.
 *
 * Three threads: "control" serves the sockets and owns the tokens, "password" owns the accounts and
 * takes the tens of milliseconds a password costs, so that nobody's alert waits for a sign-on;
 * "guesses" writes how many were wrong, so that no sign-on waits behind a disk that hangs.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "gateway/control/accounts.h"
#include "gateway/control/line_server.h"
#include "gateway/control/tablets.h"
#include "gateway/control/tokens.h"

enum { CONTROL_ORIGIN_MAX = 63, CONTROL_NUMBER_SIZE = 65, CONTROL_LINE_MAX_BYTES = 64 * 1024 };

struct control;

/* Who asks: program, user, officer, tablet, and where they say they are. */
struct control_actor {
    struct unix_peer peer;
    char program[32];                   /* name of the peer's executable, "" if unknown */
    bool admin;                         /* root, our own user, or in the admin group */
    bool console;                       /* the console asks, for whoever is at a tablet */
    char officer[OFFICER_NAME_MAX + 1]; /* "" = nobody signed on */
    enum officer_role role;             /* 0 without officer */
    char second[OFFICER_NAME_MAX + 1];  /* second officer who confirmed this act, "" = none */
    enum officer_role second_role;      /* officer or leader; 0 without second */
    char origin[CONTROL_ORIGIN_MAX + 1];
    char tablet[TABLET_NAME_SIZE];          /* paired and not revoked, "" = none */
    uint8_t tablet_lanes[TABLET_LANES_MAX]; /* it is bound to; 0 behind the last */
};

/* Where the answer to a request goes. A plain value; the client may have gone by then. */
struct control_ticket {
    uint64_t client;
    json_int_t id;
};

struct control_call {
    struct control_ticket ticket;
    struct control_actor actor;
    const json_t *args;               /* an object; borrowed */
    uint64_t session;                 /* id of the token that was shown, 0: none */
    char number[CONTROL_NUMBER_SIZE]; /* under which it is done once, "" = none */
};

enum control_need {
    CONTROL_ANYBODY,    /* whoever may open the socket: status without plates */
    CONTROL_SIGNED_ON,  /* any role's token; shows no plate */
    CONTROL_READER,     /* plates: every role but technicians */
    CONTROL_SIGNER,     /* signs for an alert: officers, auxiliaries, leaders */
    CONTROL_OFFICER,    /* acts: officers, leaders */
    CONTROL_PROTECTIVE, /* as signers, and heard though they asked too much else */
    CONTROL_RAISING,    /* as officers; in an emergency (args.emergency true) as protective, at a
                           console every role, and without a measure */
    CONTROL_LEADER,
    CONTROL_REVIEWER,   /* figures of the shifts: leaders, auditors; shows no plate */
    CONTROL_TECHNICIAN, /* devices: technicians, officers, leaders */
    CONTROL_ADMIN       /* group checkpoint-admin, or a leader's token: accounts, reload, replay */
};

/* Stand beside the need: CONTROL_OFFICER | CONTROL_FRESH_PIN. */
enum control_flags {
    CONTROL_NEED_MASK = 0xff,
    /* args.pin, the actor's own password or PIN, is checked before the act runs; refused as `pin`.
     * The act never sees it. */
    CONTROL_FRESH_PIN = 1 << 8,
    /* The same when a console asks: a tablet lies about, a terminal on the box asked for the
     * password of its user. */
    CONTROL_FRESH_PIN_AT_CONSOLE = 1 << 9,
    CONTROL_HEARD = 1 << 10, /* also of somebody who asked too much else, as CONTROL_PROTECTIVE */
    /* Asked again under the number it had, it runs again: it only reads, or somebody's safety is
     * worth more than one record too many. So does an emergency raise, whatever its flags. */
    CONTROL_AGAIN = 1 << 11
};

struct control_act {
    const char *name;
    int need; /* enum control_need, with flags */
    /* In the control thread; answers once through the ticket, at once or later. */
    void (*run)(void *ctx, struct control *control, const struct control_call *call);
};

struct control_options {
    const char *runtime_dir; /* of the sockets */
    const char *accounts_path;
    const char *admin_group;      /* its members manage accounts; unknown group: root only */
    const char *control_group;    /* may open the socket `control`; NULL or unknown: the folder's */
    const char *events_group;     /* the same for `events` */
    int64_t token_life_s;         /* TOKEN_LIFE_DEFAULT_S */
    int64_t token_idle_s;         /* TOKEN_IDLE_DEFAULT_S; 0: unused tokens stay */
    const char *tokens_path;      /* keeps tokens over a restart; NULL: in memory only */
    const char *tablets_path;     /* NULL: no tablets */
    const char *guesses_path;     /* keeps counts of wrong passwords; NULL: in memory only */
    const char *console_user;     /* of checkpoint-consoled; NULL or unknown: nobody */
    bool console_without_tablets; /* it may ask for no tablet */
    const struct control_act *acts;
    size_t act_count;
    void *ctx; /* of the acts and of `record` */
    /* Commits an act on accounts or a sign-on to the journal before it takes effect. Called in the
     * password thread, may block. Not 0: the act is refused; ERR_TIMEOUT: the disk hangs. `details`
     * is borrowed. */
    int (*record)(void *ctx, const struct control_actor *actor, const char *act,
                  const json_t *details);
};

/* Opens accounts and sockets. *out is heap memory for control_destroy(). */
int control_create(const struct control_options *options, struct control **out,
                   struct err_text *err) MUST_CHECK;
void control_destroy(struct control *control);        /* NULL is fine; its threads have ended */
void control_run(struct thread *self, void *control); /* thread "control" */
void control_password_run(struct thread *self, void *control); /* thread "password" */
/* Thread "guesses": ended after "password". */
void control_guesses_run(struct thread *self, void *control);
struct line_server *control_server(struct control *control);

/* Any thread. Steals `result` (an object; NULL = {}). A client that has gone is no error. */
void control_answer(struct control *control, struct control_ticket ticket, json_t *result);
/* Any thread. `code` as err_name(), texts for people. */
void control_refuse(struct control *control, struct control_ticket ticket, const char *code,
                    const char *en, const char *zh);
/* The same; the keys of `fields` (an object, stolen; NULL: none) join the error: what else there is
 * to know of it, such as when to ask again. */
void control_refuse_with(struct control *control, struct control_ticket ticket, const char *code,
                         const char *en, const char *zh, json_t *fields);

/* Any thread: the name people say for an officer's number, the number itself when none was given.
 */
void control_officer_name(struct control *control, const char *officer,
                          char out[OFFICER_TITLE_SIZE]);
/* Whether the request came from a tablet that is bound to the lane. */
bool control_on_lane(const struct control_actor *actor, uint8_t lane);

/* Control thread only: who is signed on, see tokens_on_shift(). */
size_t control_shift(const struct control *control, struct token_on_shift *out, size_t max);

/* Control thread only: one event to every subscriber, one that shows plates only to those with an
 * officer's token. Steals `event`. */
void control_publish(struct control *control, json_t *event, bool shows_plates);
