/*
 * Who calls for help, whether those before a dangerous vehicle are well, and who took the shift
 * over, wired: from hits and acts to the journal, headquarters, every console and an alarm each.
 * What stands is read back from the journal at the start. Control thread, but where said.
 *
 * A record that begins or ends something headquarters has to see carries a member "call":
 * {"kind","id","open",…}, open true or false; gateway/hq/calls.c keeps the list of those open.
 */
#pragma once

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "gateway/control/control.h"
#include "gateway/handling/duty.h"
#include "gateway/pipeline/fact.h"
#include "gateway/signed/instruction_task.h"

enum { DUTY_POSTS_MAX = DUTY_BACKUPS_MAX };

/* What an officer asked headquarters, for want of a second person on shift. */
struct duty_question {
    uint64_t id;
    enum instruction_question what;
    uint64_t subject; /* the hold of a release, otherwise the hit */
    uint8_t joins;    /* release: what the hold had come to rest on (lane.h) … */
    json_t *of_hits;  /* … and its hits, for people; NULL: none */
    uint8_t lane;
    char officer[OFFICER_NAME_MAX + 1]; /* who asked */
    struct wall_time since;
    json_t *answer; /* body of the instruction's record; NULL: it waits */
    bool over;      /* that it is answered is on record */
    bool gone;      /* its hold was not there at the last look */
};

enum duty_word { DUTY_WORD_NOT_ASKED, DUTY_WORD_WAITS, DUTY_WORD_AGREES, DUTY_WORD_DISAGREES };

enum { DUTY_QUESTIONS_MAX = 16, DUTY_QUESTIONS_LOOK_MS = 1000, DUTY_SECOND_SIZE = 32 };

/* Who accepted the last handover. */
struct duty_handover {
    uint64_t id;
    char officer[OFFICER_NAME_MAX + 1]; /* "": nobody yet */
    struct wall_time time;
};

/* What was shown to an officer as the handover. */
struct duty_list {
    uint64_t id; /* 0: free */
    char officer[OFFICER_NAME_MAX + 1];
    json_t *items;
};

enum { DUTY_LISTS_MAX = 16 };

struct duty_keeper {
    struct duty duty;
    uint64_t last_id; /* of helps and of missed words; rises over restarts */
    uint64_t well_id; /* of the word headquarters was told to miss; 0: none */
    struct duty_handover handover;
    struct duty_list lists[DUTY_LISTS_MAX]; /* a ring */
    size_t list_next;
    struct duty_question questions[DUTY_QUESTIONS_MAX]; /* oldest first */
    size_t question_count;
    struct mono_time questions_due; /* the next look at whether they still matter */
    atomic_llong due_ns;     /* when something is due, 0: nothing. Relaxed: looks are cheap */
    atomic_bool look_posted; /* relaxed: a second one would find nothing */
    pthread_mutex_t lock;    /* of posts: backups called by the lane thread */
    struct duty_call posts[DUTY_POSTS_MAX];
    size_t post_count;
};

struct checkpointd;

/* After the configuration is read, before the threads. */
void duty_keeper_init(struct checkpointd *c);
/* What stands by the journal, with its alarms; the recorder runs, the other threads not yet. */
int duty_restore(struct checkpointd *c, struct err_text *err) MUST_CHECK;
/* Lane thread, for every hit: calls backup where the rules say so. */
void duty_see_hit(struct checkpointd *c, const struct fact *hit);
/* Any thread, often: does what is due, in the control thread. */
void duty_look(struct checkpointd *c);
/* The hit is dealt with: its backup ends. */
void duty_case_closed(struct checkpointd *c, uint64_t hit);
/* What stands, as the event "duty" tells it; new reference. */
json_t *duty_json(const struct checkpointd *c);

/* ---- headquarters as the second person (duty_questions.c) ---- */

/* How many others than `officer` are signed on who may be the second person: leaders, or, not
 * `leaders_only`, officers too. */
size_t duty_others(struct checkpointd *c, const char *officer, bool leaders_only);
/* Asks headquarters, once while it is not answered: on record, urgently, and shown. `hold` (a
 * release; NULL) is the board's row of it, borrowed: an answer speaks of the hold as it is there.
 * ERR_FULL: the journal, or DUTY_QUESTIONS_MAX wait. */
int duty_ask_hq(struct checkpointd *c, enum instruction_question what, uint64_t subject,
                uint8_t lane, const struct control_actor *actor, const json_t *hold) MUST_CHECK;
/* What headquarters says to it now. `second` (DUTY_SECOND_SIZE bytes; agrees only) is whom to put
 * on record as the second person, "hq:wang"; *out_note (may be NULL) lives as long as the answer.
 */
enum duty_word duty_hq_word(struct checkpointd *c, enum instruction_question what, uint64_t subject,
                            char *second, const char **out_note);
/* It needs no answer any more. */
void duty_ask_over(struct checkpointd *c, enum instruction_question what, uint64_t subject);
/* The lanes' holds as the board shows them have changed: questions about less than is held now, and
 * their answers, go. */
void duty_holds_changed(struct checkpointd *c);
/* Whether that question, by its number, is asked here, also answered: headquarters may think better
 * of it. */
bool duty_asked(const struct checkpointd *c, const struct instruction_task *answer);
/* A verified answer is on record: `body` of that record, borrowed. It moves and ends nothing. */
void duty_hq_agrees(struct checkpointd *c, const json_t *body);

/* ---- what duty's files share ---- */

json_t *duty_questions_json(const struct checkpointd *c);
/* Ends questions of holds that have gone and of answers that are too old; whether any. */
bool duty_questions_look(struct checkpointd *c, struct mono_time now);
void duty_questions_free(struct checkpointd *c);
/* Of the journal, at the start. */
void duty_questions_take(struct checkpointd *c, const json_t *call, struct wall_time wall);
void duty_questions_take_answer(struct checkpointd *c, const json_t *body);

/* An id above all others so far, also after a restart. */
uint64_t duty_new_id(struct checkpointd *c);
/* Puts a record of kind act into the journal's queue; `call` (stolen, NULL: none) is its member of
 * that name, `more` (stolen, NULL) others. ERR_FULL. */
struct duty_record {
    const struct control_actor *actor; /* NULL: the program */
    const char *what;
    const char *reason;
    uint8_t lane;
    bool protective;     /* acts now, whatever the journal says */
    struct wall_time at; /* ms 0: now */
    json_t *call;
    json_t *more;
};
void duty_fill(struct checkpointd *c, struct duty_record *record, struct fact *out);
int duty_put(struct checkpointd *c, struct duty_record *record) MUST_CHECK;
/* To the consoles, and the alarms of that lane. */
void duty_tell(struct checkpointd *c);
void duty_set_due(struct checkpointd *c);
void duty_alarm(struct checkpointd *c, enum duty_kind kind, uint8_t lane);
void duty_raise(struct checkpointd *c, enum log_event_id id, uint8_t lane, bool active,
                const char *detail);
/* By a person, or NULL by the course of things. ERR_NOT_FOUND; ERR_FULL: it stands. */
int duty_end_backup(struct checkpointd *c, const struct control_actor *actor, uint64_t hit,
                    const char *reason) MUST_CHECK;
/* On record that nobody is missed any more, the alarm with it; ERR_FULL: it is not. */
int duty_well_over(struct checkpointd *c, const struct control_actor *actor,
                   const char *what) MUST_CHECK;

/* handover.c */
void handover_act_show(void *checkpointd, struct control *control, const struct control_call *call);
void handover_act_accept(void *checkpointd, struct control *control,
                         const struct control_call *call);
void handover_free(struct checkpointd *c);

/* duty_acts.c */
void duty_act_show(void *checkpointd, struct control *control, const struct control_call *call);
void duty_act_help(void *checkpointd, struct control *control, const struct control_call *call);
void duty_act_help_end(void *checkpointd, struct control *control, const struct control_call *call);
void duty_act_well(void *checkpointd, struct control *control, const struct control_call *call);
void duty_act_backup_end(void *checkpointd, struct control *control,
                         const struct control_call *call);
