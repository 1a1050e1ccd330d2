/*
 * The handling of a hit, from alert to closed: who signed for it, what was answered, by whom and
 * with whom, what became of the vehicle, and what is overdue. Pure: (case, act, time) -> case or
 * refusal; no I/O, no clock, no memory of its own. README.md has the table of stages.
 *
 * Whoever keeps a case puts each step on record before it counts; a step that is refused leaves the
 * case as it was.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/model/plate_key.h"

enum {
    HANDLING_NAME_SIZE = 32,
    HANDLING_CODE_SIZE = 32,     /* of a code of the code tables */
    HANDLING_NOTE_SIZE = 201,    /* bytes of a person's words */
    HANDLING_DOCUMENT_SIZE = 65, /* of a document's number */
    HANDLING_TYPED_SIZE = 64,
    HANDLING_VIEWERS_MAX = 8, /* officers whose viewing time runs; the oldest gives way */
    HANDLING_DAY_MS = 24 * 3600 * 1000
};

enum handling_stage {
    HANDLING_ALERTED,      /* 预警 */
    HANDLING_SIGNED,       /* 签收 */
    HANDLING_CONFIRMED,    /* 核对: it is the listed vehicle */
    HANDLING_REJECTED,     /* 核对: it is not; nothing more is due */
    HANDLING_INTERCEPTING, /* 拦截 */
    HANDLING_REPORTED,     /* 处置反馈 */
    HANDLING_CLOSED,       /* 办结 */
    HANDLING_STAGE_COUNT
};

enum handling_answer { HANDLING_UNANSWERED, HANDLING_CONFIRM, HANDLING_REJECT };

/* Whose word an answer still waits for. */
enum handling_wait {
    HANDLING_WAITS_NOT,
    HANDLING_WAITS_SECOND, /* another officer's; headquarters' where nobody else is on shift */
    HANDLING_WAITS_LEADER  /* a leader's or headquarters': a hold of priority 1 would end */
};

enum handling_overdue { HANDLING_IN_TIME, HANDLING_OVERDUE_LEADER, HANDLING_OVERDUE_HQ };

enum handling_rank { HANDLING_OFFICER, HANDLING_LEADER, HANDLING_HEADQUARTERS };

struct handling_person {
    char officer[HANDLING_NAME_SIZE]; /* "" = nobody */
    enum handling_rank rank;
};

/* One moment by both clocks: deadlines go by the first, records by the second. */
struct handling_when {
    struct mono_time mono;
    struct wall_time wall; /* ms = 0: never */
};

struct handling_policy {
    int64_t confirm_view_ms; /* an officer looks at the card so long before confirming */
    int64_t sign_ms;         /* from the alert; the rules' escalate_after goes before it */
    int64_t feedback_ms;     /* from the confirmation, and from signing to the answer */
    int64_t close_ms;        /* from the alert */
    int64_t again_ms; /* after the leader was told, headquarters is; 0: the same time again */
};

/* What of the hit decides; constant. */
struct handling_facts {
    uint64_t hit;
    uint64_t passage;
    uint64_t entry;
    uint8_t lane;
    uint8_t priority;
    bool officer_risk;
    bool holds;                      /* the rules hold its vehicle */
    int32_t escalate_ms;             /* of the rules; -1: they say nothing */
    bool type_whole;                 /* the whole plate is to be typed as seen */
    uint16_t positions;              /* bit i: the plate's character i + 1 is to be typed as seen */
    char typed[HANDLING_TYPED_SIZE]; /* what was listed there; "": nothing is to be typed */
};

struct handling_viewer {
    char officer[HANDLING_NAME_SIZE];
    struct mono_time since;
};

struct handling_feedback {
    struct handling_when at; /* wall 0: none yet */
    char officer[HANDLING_NAME_SIZE];
    bool intercepted;
    char outcome[HANDLING_CODE_SIZE];
    bool suspect_said;
    bool suspect;
    char handed_to[HANDLING_CODE_SIZE];
    char document[HANDLING_DOCUMENT_SIZE];
    char note[HANDLING_NOTE_SIZE];
};

struct handling_case {
    struct handling_facts facts;
    enum handling_stage stage;
    struct handling_when opened;
    struct handling_person signer;
    struct handling_when signed_at;
    enum handling_answer answer; /* counts once nobody's word is waited for */
    enum handling_wait waits;
    struct handling_person by; /* of the answer */
    struct handling_person second;
    struct handling_when answered_at;
    bool by_eye; /* without the picture the camera was triggered by */
    char typed[HANDLING_TYPED_SIZE];
    char reason[HANDLING_CODE_SIZE]; /* of a reject */
    bool misread;                    /* a reject that says the plate is another one */
    char note[HANDLING_NOTE_SIZE];
    char seen[PLATE_TEXT_SIZE]; /* the plate seen at a reject, "" = not said */
    struct handling_person interceptor;
    struct handling_when intercepted_at;
    struct handling_feedback feedback;
    struct handling_person closer;
    struct handling_when closed_at;
    struct handling_when
        withdrawn_at; /* of the entry, as this box's list says; wall 0: it stands */
    enum handling_overdue overdue;
    struct handling_viewer viewers[HANDLING_VIEWERS_MAX];
    uint8_t viewer_count;
};

enum handling_act_kind {
    HANDLING_ACT_SIGN,
    HANDLING_ACT_CONFIRM,
    HANDLING_ACT_REJECT,
    HANDLING_ACT_AGREE,
    HANDLING_ACT_INTERCEPT,
    HANDLING_ACT_FEEDBACK,
    HANDLING_ACT_CLOSE,
    HANDLING_ACT_COUNT
};

struct handling_act {
    enum handling_act_kind kind;
    struct handling_person who;
    struct handling_person second; /* CONFIRM, REJECT: was checked at the same tablet */
    /* CONFIRM */
    bool plate_agrees;
    bool class_agrees;
    bool vehicle_agrees;
    bool by_eye;
    bool has_trigger_picture;
    char typed[HANDLING_TYPED_SIZE];
    /* REJECT */
    char reason[HANDLING_CODE_SIZE];
    bool misread;
    char note[HANDLING_NOTE_SIZE];
    char seen[PLATE_TEXT_SIZE];
    /* AGREE */
    bool disagrees;                  /* the second person does not */
    char viewer[HANDLING_NAME_SIZE]; /* at whose tablet, having looked; "": his own */
    /* FEEDBACK; `at` and `officer` are filled in */
    struct handling_feedback feedback;
};

enum handling_refusal {
    HANDLING_REFUSED_NOT,
    HANDLING_REFUSED_ANSWERED,   /* another answer was first: by whom, when */
    HANDLING_REFUSED_SIGNED,     /* another signed: by whom, when */
    HANDLING_REFUSED_TOO_SOON,   /* looked at too shortly: how long still */
    HANDLING_REFUSED_NOT_AGREED, /* plate, class, vehicle: not all said to agree */
    HANDLING_REFUSED_BY_EYE,     /* no trigger picture: it must be said that it was seen by eye */
    HANDLING_REFUSED_TYPED,      /* the differing characters were not typed */
    HANDLING_REFUSED_TYPED_DIFFERS, /* what was seen is not what is listed */
    HANDLING_REFUSED_SECOND_PERSON, /* another person, or a leader, is needed */
    HANDLING_REFUSED_NOTHING_WAITS, /* no answer waits for a second person */
    HANDLING_REFUSED_NO_REASON,
    HANDLING_REFUSED_NO_OUTCOME,
    HANDLING_REFUSED_WITHDRAWN, /* nobody looks for the vehicle any more */
    HANDLING_REFUSED_STAGE,     /* not at this stage */
    HANDLING_REFUSED_COUNT
};

/* Beside a refusal. */
struct handling_refused {
    int64_t left_ms;             /* TOO_SOON */
    char by[HANDLING_NAME_SIZE]; /* ANSWERED, SIGNED */
    struct wall_time at;
};

/* A new case of a hit, as its event says it. ERR_INVALID: it names no hit. */
int handling_open(struct handling_case *out, const json_t *hit,
                  struct handling_when now) MUST_CHECK;
/* The officer has the card before him; whether for the first time. */
bool handling_show(struct handling_case *c, const char *officer, struct mono_time now);
/* The officer looks at it anew: his time begins again. */
void handling_look_again(struct handling_case *c, const char *officer, struct mono_time now);
/* How long that officer has to look on before confirming; the whole time when he never did. */
int64_t handling_view_left_ms(const struct handling_case *c, const char *officer,
                              const struct handling_policy *policy, struct mono_time now);
/* One act. `out` is filled in where the refusal says so. */
enum handling_refusal handling_step(struct handling_case *c, const struct handling_act *act,
                                    const struct handling_policy *policy, struct handling_when now,
                                    struct handling_refused *out);
/* An answer given without the card (checkpointctl): counts if it is the first and needs nobody's
 * word beside. */
void handling_answered(struct handling_case *c, bool confirmed, const char *officer,
                       struct handling_when now);
/* The entry was withdrawn: from now on nobody confirms or intercepts on it, and a confirmation that
 * waits is void. Whether that is new, and concerns somebody. */
bool handling_withdraw(struct handling_case *c, struct handling_when now);
/* Whether the case needs nobody any more: rejected or closed. */
bool handling_done(const struct handling_case *c);
/* A confirmation needs a second person. */
bool handling_needs_second(const struct handling_case *c);

/* ---- deadlines (deadlines.c) ---- */

/* When the case's next step is due, as people are told; false: never. */
bool handling_due(const struct handling_case *c, const struct handling_policy *policy,
                  struct handling_when *out);
/* When handling_look() has something to say next; ns = INT64_MAX: not before an act. */
struct mono_time handling_next_look(const struct handling_case *c,
                                    const struct handling_policy *policy);
/* Raises `overdue` as far as the time says; whether it did. */
bool handling_look(struct handling_case *c, const struct handling_policy *policy,
                   struct mono_time now);

/* ---- as JSON (handling_json.c) ---- */

/* The whole case for event and record. New reference, NULL without memory. */
json_t *handling_json(const struct handling_case *c, const struct handling_policy *policy);
/* Puts a case that was opened from its hit where a record left it. Moments are taken over by their
 * wall time; `now` says what that is by the other clock. Unknown keys are passed over. */
void handling_take_json(struct handling_case *c, const json_t *body, struct handling_when now);

/* "signed"; NULL out of range. */
const char *handling_stage_name(enum handling_stage stage);
const char *handling_overdue_name(enum handling_overdue overdue);
/* "hit_sign" */
const char *handling_act_name(enum handling_act_kind kind);
/* Code and words of a refusal; NULL out of range. */
const char *handling_refusal_code(enum handling_refusal refusal);
const char *handling_refusal_en(enum handling_refusal refusal);
const char *handling_refusal_zh(enum handling_refusal refusal);
