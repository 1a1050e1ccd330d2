/*
 * A fact: one thing that happened at the checkpoint, as a plain value, made by the pipeline in the
 * lane thread. The recorder turns it into a journal record, the publisher into an event: both from
 * the same JSON body, so that what an officer saw and what is on record cannot differ.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gateway/lane/lane.h"
#include "gateway/model/decision.h"
#include "gateway/model/hit.h"
#include "gateway/pipeline/captures.h"
#include "gateway/pipeline/lookout.h"
#include "gateway/pipeline/vehicles.h"
#include "gateway/pipeline/verdict.h"
#include "gateway/signed/exempt_list.h"
#include "gateway/signed/instruction.h"
#include "gateway/signed/retention_terms.h"
#include "gateway/signed/standing.h"
#include "gateway/signed/wanted_entry.h"

enum {
    FACT_NAME_SIZE = 32,
    FACT_ORIGIN_SIZE = 64,
    FACT_REASON_SIZE = 201,
    FACT_DETAIL_SIZE = 200,
    FACT_SOURCE_SIZE = 56,
    FACT_AUTHORITY_SIZE = ENTRY_AUTHORITY_MAX * 4 + 1, /* characters of UTF-8 */
    FACT_APPROVER_SIZE = ENTRY_PERSON_MAX * 4 + 1,
    FACT_SIGNERS_SIZE = 2 * KEY_HOLDER_MAX + 3 /* two, with ", " between */
};

enum fact_kind {
    FACT_PASSAGE,     /* a vehicle's read */
    FACT_HIT,         /* one entry it matched, with the decision */
    FACT_CONFLICT,    /* two sure plates were read of one vehicle */
    FACT_EXEMPT,      /* a vehicle is exempt, by which entry; or not any more */
    FACT_LANE,        /* a record of the lane: holds, boom, refusals */
    FACT_ORDER,       /* an order for the boom */
    FACT_OUTCOME,     /* what became of it */
    FACT_ACT,         /* an officer's or administrator's act outside the lane */
    FACT_ANSWER,      /* what an officer saw by eye of a hit's vehicle */
    FACT_HANDLING,    /* a step in the handling of a hit */
    FACT_SELF_TEST,   /* the daily self-test passed matching and rules; no lane saw it */
    FACT_INSTRUCTION, /* headquarters said something, and what became of it */
    FACT_STANDING,    /* headquarters' word on a hit's entry, or that none came */
    FACT_ALARM,       /* raised or ended; by event id */
    FACT_LIST,        /* the list in force changed */
    FACT_POLICY,      /* by what matches are judged changed */
    FACT_EXEMPT_LIST, /* the exempt list in force changed */
    FACT_RETENTION,   /* how long records are kept changed */
    FACT_CLOCK,       /* trust in the clock changed */
    FACT_LOOKOUT,     /* a local look-out began, stands or ended */
    FACT_SUPPRESSED,  /* unauthenticated passages of a minute that were only counted */
    FACT_REFUSED,     /* what of a camera was refused for one cause in a minute */
    FACT_CAPTURE,     /* vehicles of an hour and those read; on record once it is over */
    FACT_STATUS       /* what the lane looks like now: events only */
};

/* Who did it; all "" when the lane itself did. */
struct fact_actor {
    char program[FACT_NAME_SIZE];
    uid_t uid;
    char officer[FACT_NAME_SIZE];
    char second[FACT_NAME_SIZE];
    char origin[FACT_ORIGIN_SIZE];
    char reason[FACT_REASON_SIZE];
    char code[FACT_NAME_SIZE]; /* of a reason that was picked from a table, "" none */
    char note[FACT_REASON_SIZE];
    uint64_t group; /* of acts that are answered together, 0 = none; not on record */
};

/* Who set what stands in a lane, and since when. */
struct fact_who {
    struct wall_time since; /* ms = 0: nothing stands, or before the program's start */
    char officer[FACT_NAME_SIZE];
    char program[FACT_NAME_SIZE];
    /* A code of a table. A reason in an officer's own words may name a plate: only on record. */
    char code[FACT_NAME_SIZE];
};

/* What a lane was told to do and by whom, beside what its devices say. */
struct fact_doing {
    enum lane_output ordered; /* the last motion: raise, lower, stop; OUTPUT_COUNT: none yet */
    enum lane_cause cause;
    struct fact_who order;
    struct fact_who out;    /* of service */
    struct fact_who convoy; /* asked for */
    struct fact_who hand;   /* who lowers by hand */
    struct {
        uint64_t hold;
        struct fact_who who;
    } holds[LANE_HOLDS_MAX];      /* active ones, where that is known */
    struct wall_time run_through; /* since then it stands; ms = 0: it does not … */
    uint64_t run_through_of;      /* … the passage, 0 = unknown */
};

/* Source and offset of the clock, as every hit states them. */
struct fact_clock {
    bool trusted;
    char source[FACT_NAME_SIZE];
    int64_t offset_ms;
};

/* A hit of a hold: enough to rebuild the hold after a restart. */
struct fact_held {
    uint64_t hit;
    uint64_t entry;
    uint8_t priority;
};

/* An officer's answer to a hit. It ends nothing and mutes nothing: headquarters learns from it. */
struct fact_answer {
    uint64_t hit;
    uint64_t passage;
    uint64_t entry;
    bool confirmed;   /* the vehicle carries the listed plate; otherwise it was misread */
    plate_key listed; /* the entry's plate */
    plate_key seen;   /* misread: the plate seen by eye, 0: not said */
};

/* A step in the handling of a hit; `text` of the fact is {"handling","read","call"} as JSON. */
struct fact_handling {
    char what[FACT_NAME_SIZE]; /* the act, or "overdue" */
    bool answers;              /* an answer comes with it: on record too, in one commit */
    struct fact_answer answer; /* its hit, passage and entry are the case's */
};

enum fact_instruction_result {
    FACT_INSTRUCTION_DONE,
    FACT_INSTRUCTION_FAILED, /* a good one, that could not be carried out here */
    FACT_INSTRUCTION_REFUSED /* none of a duty officer's for this box and this time */
};

/* An instruction of headquarters; `text` of the fact is what it said or asked for, as JSON. */
struct fact_instruction {
    uint64_t id;     /* 0: nobody's signature vouches for one */
    uint64_t number; /* of headquarters' message, as the link said; 0: none */
    char kind[INSTRUCTION_KIND_MAX + 1];
    char signed_by[FACT_SIGNERS_SIZE];
    char key[2 * KEY_ID_SIZE + 1]; /* hex: the id of the key; "": nobody's */
    struct wall_time signed_at;
    struct wall_time expires;
    enum fact_instruction_result result;
    char why[FACT_DETAIL_SIZE]; /* FAILED, REFUSED */
    char why_zh[FACT_DETAIL_SIZE];
};

enum fact_standing_state {
    FACT_STANDING_ANSWERED,
    FACT_STANDING_NO_ANSWER, /* within the time */
    FACT_STANDING_NO_LINK,   /* not asked: headquarters is not reached */
    FACT_STANDING_TOO_MANY   /* not asked: so many hits at once */
};

/* Whether a hit's entry still stands, as headquarters says at the hit. It ends and begins nothing.
 * `text` of the fact is the signed answer, as JSON. */
struct fact_standing {
    uint64_t hit;
    uint64_t passage;
    uint64_t entry;
    uint64_t revision; /* of the list it hit by */
    enum fact_standing_state state;
    struct standing_answer answer; /* ANSWERED */
};

enum fact_lookout_state {
    FACT_LOOKOUT_BEGUN,
    FACT_LOOKOUT_STANDS, /* on record once more: at a start, or before its record's term is over */
    FACT_LOOKOUT_ENDED   /* by its actor, or, without one, by time */
};

/* What a passage rests on: its reads and the plates they say. */
struct fact_evidence {
    plate_key plates[PLATE_PLACES]; /* best estimates, 0 = not read */
    uint8_t read_count;
    uint32_t reads_dropped; /* different ones beyond those */
    struct vehicle_read reads[VEHICLE_READS_MAX];
};

/* Why an exempt vehicle is none any more. */
enum exempt_end {
    EXEMPT_END_NOT,
    EXEMPT_END_EXPIRED,   /* its entry's end */
    EXEMPT_END_WITHDRAWN, /* a later list has no such entry */
    EXEMPT_END_CLOCK,     /* nobody can say whether its entry is in force */
    EXEMPT_END_PLATES,    /* what else was read of it speaks against it */
    EXEMPT_END_HIT
};

struct fact_exempt {
    uint64_t passage;
    enum exempt_end end;
    uint64_t entry;
    uint64_t revision; /* of the list */
    plate_key key;     /* 0: that and what follows is not known any more */
    plate_class class;
    enum exempt_kind kind;
    struct wall_time valid_until;
    char authority[FACT_AUTHORITY_SIZE];
    char approver[FACT_APPROVER_SIZE];
};

/* The exempt list in force; revision 0: none. */
struct exempt_status {
    uint64_t revision;
    uint8_t hash[HASH_SIZE];
    struct wall_time signed_at;
    uint32_t entries;  /* that concern this checkpoint … */
    uint32_t in_force; /* … now; none while the clock is not trusted */
};

/* How long records are kept; nothing of holds. */
struct retention_status {
    uint64_t version; /* of the terms; 0: none of headquarters yet */
    uint8_t hash[HASH_SIZE];
    struct wall_time signed_at;
    bool paused; /* nothing is deleted */
    struct retention_bounds bounds[RETENTION_KINDS];
    uint32_t days[RETENTION_KINDS]; /* what is configured, within them; 0: not kept here */
};

/* Refused reads of a camera; the first of them as an example. */
struct fact_refused {
    uint16_t camera; /* 0 = none that is known */
    uint32_t count;
    char cause[FACT_NAME_SIZE];
    char source[FACT_SOURCE_SIZE]; /* address and port, "" = a line, or not known */
    char first[FACT_DETAIL_SIZE];  /* its bytes in hex, or what was wrong with it; no plate */
};

struct fact {
    enum fact_kind kind;
    uint8_t lane; /* 0 = none */
    struct wall_time wall;
    struct mono_time mono;
    enum lane_class class;
    uint64_t commit; /* > 0: the lane waits for it */
    bool to_journal;
    bool to_events;
    bool urgent; /* ahead of the backlog to HQ */
    struct fact_actor actor;
    union {
        struct {
            uint64_t passage;
            bool repeated; /* another read of the same passage */
            bool cleared;
            bool in_doubt;    /* perhaps another passage's vehicle … */
            uint64_t perhaps; /* … this one's, 0 = of several */
            bool conflict;
            uint8_t hits; /* stop entries only */
            uint32_t hits_dropped;
            enum decision_inspect inspect;
            char inspect_rule[DECISION_RULE_MAX + 1];
            struct vehicle_exemption exempt;
            struct plate_read read;
        } passage;
        struct {
            uint64_t hit;
            uint64_t passage;
            struct plate_read read;
            struct match_hit match;
            struct decision decision;
            struct pipeline_verdict verdict; /* id 0: none */
            struct list_status list;
            struct fact_clock clock;
        } hit; /* FACT_SELF_TEST too: `hit` its number, no passage */
        struct {
            uint64_t passage;
            plate_key plates[VEHICLE_SURE_MAX];
        } conflict;
        struct {
            struct lane_record record;
            uint8_t held_count;
            struct fact_held held[LANE_HITS_MAX];
        } lane;
        struct lane_command order;
        struct lane_outcome outcome;
        struct {
            char act[FACT_NAME_SIZE];
            char detail[FACT_DETAIL_SIZE];
            uint64_t number; /* of who waits for its commit; not on record */
        } act;
        struct {
            struct lookout lookout;
            enum fact_lookout_state state;
        } lookout;
        struct fact_answer answer;
        struct fact_handling handling;
        struct fact_instruction instruction;
        struct fact_standing standing;
        struct {
            enum log_event_id event;
            bool active;
            uint64_t passage;
            char detail[FACT_DETAIL_SIZE];
        } alarm;
        struct list_status list;
        struct policy_status policy;
        struct fact_exempt exempt;
        struct exempt_status exempt_list;
        struct retention_status retention;
        struct fact_clock clock;
        struct {
            uint32_t count;
            struct plate_read first; /* an example */
        } suppressed;
        struct fact_refused refused;
        struct captures captures;
        struct {
            struct lane_status status;
            struct fact_doing doing;
        }; /* FACT_STATUS */
    } u;
    struct fact_evidence evidence; /* FACT_PASSAGE, FACT_HIT, FACT_CONFLICT, a vehicle that left */
    /* FACT_HIT: the entry's JSON text for the card; FACT_ANSWER: of the hit's read, as recorded;
     * FACT_INSTRUCTION: {"said":{…}} and what was asked for; FACT_STANDING: the signed answer;
     * FACT_ACT: members that join its body, "": none */
    char text[WANTED_TEXT_MAX + 1];
};

/* Name of the journal's record kind ("passage", "hit", "decision", "order", "outcome", "act",
 * "hit_answer", "handling", "instruction", "list", "device", "clock"); NULL when the fact is not
 * recorded. */
const char *fact_record_kind(const struct fact *fact);
/* "officer:wang", "program:checkpointctl" or "lane": the record's actor. */
void fact_actor_text(const struct fact *fact, char out[FACT_NAME_SIZE + 16]);
/* Whether the event shows a plate, so that only signed-on officers may see it. */
bool fact_shows_plate(const struct fact *fact);
/* The body: integers, texts and booleans only. New reference, NULL without memory. */
json_t *fact_body(const struct fact *fact);
/* The event of a record of kind "hit", and of headquarters' word on one: as fact_event made it when
 * `body` was recorded at that time. New reference, NULL without memory. */
json_t *fact_hit_again(const json_t *body, struct wall_time wall, struct mono_time mono);
json_t *fact_standing_again(const json_t *body, struct wall_time wall, struct mono_time mono);
/* The body of the record of kind "hit_answer" that goes before a FACT_HANDLING's own in the same
 * commit; NULL when there is none, or no memory. */
json_t *fact_answer_body(const struct fact *fact);
/* The event: the body and {"event","time","mono_ns"}, for a hit the card too. New reference. */
json_t *fact_event(const struct fact *fact);
