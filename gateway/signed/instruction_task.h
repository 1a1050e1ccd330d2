/*
 * What an instruction asks of a box: its kind and its body, read strictly. There is no kind that
 * raises or lowers a boom, ends a hold, an inspection or an alarm, and none is to be added: what
 * lets somebody through is done by an officer who sees the lane. Pure, any thread.
 */
#pragma once

#include "gateway/model/plate_key.h"
#include "gateway/signed/instruction.h"

enum instruction_kind {
    INSTRUCTION_MESSAGE = 1, /* "message" {"text"[,"lane"]}: to the officers */
    INSTRUCTION_HOLD = 2,    /* "hold" {"reason","lane"} or {"reason","plate"}: who stands at the
                                boom of that lane, or the vehicle of that plate where it stands */
    INSTRUCTION_STATUS = 3,  /* "status" {}: how the box is, with the acknowledgement */
    INSTRUCTION_VERDICT = 4, /* "verdict" {"checked","entry","hold","place","plate","verdict"}: what
                                was found about a hit, for the next ones of that plate */
    INSTRUCTION_AGREE =
        5 /* "agree" {"agrees","hold" or "hit","note","question","what"}: the
             answer to what a box asked, by the question's own number: asked anew,
             since more is at stake, it is another one; it stands for the second person that an act
             of an officer there needs, and does nothing without that act */
};

/* What an officer needs a second person for. */
enum instruction_question {
    INSTRUCTION_RELEASE = 1, /* "release": of a hold */
    INSTRUCTION_REJECT = 2,  /* "reject": of a hit */
    INSTRUCTION_CONFIRM = 3  /* "confirm": of a hit on an entry with officer risk */
};

enum instruction_verdict {
    INSTRUCTION_FALSE_ALARM = 1, /* 误报 */
    INSTRUCTION_ENTRY_WRONG = 2, /* 布控有误 */
    INSTRUCTION_FOUND = 3        /* 已查获 */
};

enum {
    INSTRUCTION_LANE_MAX = 64,
    INSTRUCTION_TEXT_MAX = 400,   /* characters of UTF-8 */
    INSTRUCTION_PLACE_MAX = 64,   /* characters */
    INSTRUCTION_REASON_MAX = 200, /* bytes; of a note, too */
    INSTRUCTION_QUESTION_KINDS = INSTRUCTION_CONFIRM + 1
};

struct instruction_task {
    enum instruction_kind kind;
    uint8_t lane;       /* 0: none is named */
    plate_key plate;    /* hold: 0 with a lane; verdict: of the vehicle that was checked */
    const char *text;   /* message: inside the instruction's body */
    const char *reason; /* hold: the same */
    /* verdict */
    uint64_t entry;
    enum instruction_verdict verdict;
    bool holds;               /* hits hold all the same */
    struct wall_time checked; /* before the instruction's own time */
    const char *place;        /* where, inside the body */
    /* agree */
    enum instruction_question question;
    uint64_t subject; /* the hold of a release, otherwise the hit */
    uint64_t asked;   /* the question's number */
    bool agrees;
    const char *note; /* inside the body */
};

/* "release" …; NULL out of range. */
const char *instruction_question_name(enum instruction_question question);
/* 0: none of that name; NULL is none. */
enum instruction_question instruction_question_parse(const char *name);

/* "false_alarm" …, "误报" …, "false alarm" …; NULL out of range. */
const char *instruction_verdict_name(enum instruction_verdict verdict);
const char *instruction_verdict_text(enum instruction_verdict verdict);
const char *instruction_verdict_words(enum instruction_verdict verdict);

/* ERR_UNSUPPORTED: a kind this build does not know; ERR_INVALID: a field it does not know, or one
 * out of range: "hold: unknown field 'release'". *out lives as long as the instruction. */
int instruction_read_task(const struct instruction *i, struct instruction_task *out,
                          struct err_text *err) MUST_CHECK;
