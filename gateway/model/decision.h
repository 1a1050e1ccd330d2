/*
 * What a read means here and now: the outcome of the rules for one passage. A plain value, made by
 * `rules`, carried out by the pipeline and the lane, written to the journal. A decision never
 * lowers a boom (safety rule 7): there is no such field.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DECISION_RULE_MAX = 47, /* bytes of a rule's name */
    DECISION_NEVER_MS = -1, /* escalate_after_ms: not at all; 0 = at once */
    DECISION_ESCALATE_MAX_MS = 3600 * 1000,
    DECISION_MARKS_TEXT_SIZE = 160
};

enum alert_level {
    ALERT_NONE,    /* nothing to show */
    ALERT_QUIET,   /* in the list, no sound */
    ALERT_SILENT,  /* full alert to officers' devices, nothing outside: officer risk */
    ALERT_SOUNDING /* full alert with sound */
};

enum decision_lights {
    DECISION_LIGHTS_UNCHANGED, /* the lane's own state decides */
    DECISION_LIGHTS_RED,
    DECISION_LIGHTS_YELLOW
};

enum decision_forward {
    FORWARD_NONE,   /* in the record only, as every record */
    FORWARD_NORMAL, /* to HQ in order */
    FORWARD_URGENT  /* to HQ ahead of the backlog */
};

/* In rising order: of several decisions of one passage the highest counts. */
enum decision_inspect {
    DECISION_INSPECT_UNSAID, /* the lane's mode decides: due at a check point, not elsewhere */
    DECISION_INSPECT_NOT,
    DECISION_INSPECT_DUE
};

/* Bits: why an alert is weaker than an exact hit, or how it must be handled. Shown on the card. */
enum decision_mark {
    MARK_SUSPECTED = 1,        /* 疑似: look-alike, candidate, partial, or class conflict */
    MARK_CLASS_UNVERIFIED = 2, /* 种类未核: read without class against a classed entry */
    MARK_CLOCK_UNTRUSTED = 4,  /* 时钟不可信: validity could not be judged */
    MARK_UNAUTHENTICATED = 8,  /* 来源未认证: authenticity `none` */
    MARK_OFFICER_RISK = 16,    /* 注意安全: armed, violent or several people */
    MARK_CLASS_CONFLICT = 32,  /* 种类不符: both classes known and different */
    MARK_LIST_STALE = 64,      /* 名单过期: the list is older than the lane's limit */
    MARK_PLATE_CONFLICT = 128, /* 车牌冲突: two sure plates were read of this one vehicle */
    MARK_LOCAL_LOOKOUT = 256, /* 本地布控: a look-out of this checkpoint, no entry of the list */
    MARK_COUNT = 9            /* number of bits above, not a bit */
};

struct decision {
    enum alert_level level;
    bool hold;   /* hold the passage once its vehicle is at the boom */
    bool raise;  /* routine opening for a cleared vehicle; the lane still checks everything */
    bool siren;  /* outside siren */
    bool strobe; /* outside strobe */
    bool backup; /* call backup: a silent request to HQ and the other consoles */
    enum decision_lights lights;
    enum decision_inspect inspect; /* never NOT for a hit */
    int32_t escalate_after_ms; /* unacknowledged this long: escalate; DECISION_NEVER_MS, 0 = now */
    enum decision_forward forward;
    uint32_t marks;                   /* enum decision_mark bits */
    char rule[DECISION_RULE_MAX + 1]; /* name of the rule that matched, "" = none did */
};

/* Nothing to show, nothing to do. */
void decision_init(struct decision *out);
/* Folds the decision of another hit of the same passage into `into`. The stronger alert gives
 * level, rule and marks, every hold, inspection and call for backup stays, `raise` stays only if
 * both say so, and one officer-risk decision silences the outside of all: its mark stays, sounding
 * becomes silent. So does the mark of a plate conflict, which is the vehicle's. */
void decision_merge(struct decision *into, const struct decision *other);

/* Stable names for journal and JSON ("sounding", "red", "urgent"); NULL out of range. */
const char *alert_level_name(enum alert_level level);
const char *decision_lights_name(enum decision_lights lights);
const char *decision_forward_name(enum decision_forward forward);
/* "due", "not"; "" when nothing is said. */
const char *decision_inspect_name(enum decision_inspect inspect);
/* English id ("suspected") and card text ("疑似") of one mark bit; NULL when it is none. */
const char *decision_mark_name(enum decision_mark mark);
const char *decision_mark_text(enum decision_mark mark);
/* The card texts of all bits of `marks`, separated by spaces; out has DECISION_MARKS_TEXT_SIZE. */
void decision_marks_format(uint32_t marks, char out[DECISION_MARKS_TEXT_SIZE]);
