/*
 * The whole way in one place: match -> rules -> lane -> facts for journal and events. One thread,
 * "lane", owns a pipeline and feeds it; nothing here does I/O, waits or reads a clock. Other
 * threads reach it through queues of struct pipeline_event. README.md in this folder draws the
 * threads.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/lane/lane.h"
#include "gateway/pipeline/captures.h"
#include "gateway/pipeline/fact.h"
#include "gateway/pipeline/match_link.h"
#include "gateway/pipeline/self_test.h"
#include "gateway/pipeline/sign.h"
#include "gateway/pipeline/vehicles.h"
#include "gateway/pipeline/verdict.h"
#include "rules/rules.h"

enum {
    PIPELINE_LANES_MAX = 32,
    PIPELINE_UNAUTHENTICATED_MAX = 10, /* passages of a lane recorded one by one in a second */
    PIPELINE_LIST_GRACE_DEFAULT_MS = 24 * 3600 * 1000
};

struct pipeline_lane {
    struct lane_config lane;
    char name[64];         /* for people */
    bool own_camera;       /* a serial or Modbus camera of this program: matchd.yaml needs none */
    int64_t list_grace_ms; /* how long the list may be used after HQ last vouched for it */
    struct capture_options captures;
    struct vehicle_options vehicles; /* wired, clear_ms and near are filled in from `lane` */
};

struct pipeline_options {
    struct pipeline_lane lanes[PIPELINE_LANES_MAX];
    size_t lane_count;
    /* The highest revision the journal knows this box to have had, and its hash; state LIST_NONE:
     * none yet. A list below it, or another one of the same revision, is alarmed and lets nobody
     * through; its hits alert all the same. */
    struct list_status list_high;
    /* The newest match policy the journal knows this box to have had; version 0: none. One below
     * it, or another of its version, is alarmed; matching goes on by it. */
    struct policy_status policy_high;
    /* Revision and hash of the newest exempt list likewise; revision 0: none. One below it, or
     * another of its revision, is alarmed and not taken. */
    struct exempt_status exempt_high;
    struct self_test_options self_test;
    /* Ids of passages, hits and holds count on from here; higher than any id ever given out. */
    uint64_t ids_after;
};

/* An officer's act on a lane. */
struct pipeline_act {
    uint64_t client; /* where the answer goes: the caller's, given back with the reply */
    int64_t request;
    uint8_t lane;
    enum lane_act_kind kind;
    uint64_t hold;
    uint8_t joins;    /* LANE_ACT_RELEASE of `hold`: as lane.h says */
    bool leader;      /* … officer or second person is a leader, or that is headquarters */
    uint64_t passage; /* LANE_ACT_INSPECTED: of this vehicle … */
    bool at_boom;     /* … or of the one that stands at the boom when the act is taken */
    plate_key plate; /* with lane 0: of the lane where a vehicle of this plate stands at the boom */
    uint32_t for_ms; /* LANE_ACT_CONVOY */
    uint8_t hit_count;            /* LANE_ACT_RELEASE of rejected hits: the hold of `passage` … */
    uint64_t hits[LANE_HITS_MAX]; /* … if it rests on these alone */
    uint64_t of_case;             /* the caller's: the hit whose rejection asks for it */
    uint64_t press;               /* LANE_ACT_LOWER */
    uint64_t turn; /* the caller's: what the first beat of that press has to repeat */
    struct fact_actor actor;
};

enum pipeline_event_kind {
    PIPELINE_SCAN,
    PIPELINE_OUTCOME,
    PIPELINE_PACKET, /* of matchd; given back through sinks.release */
    PIPELINE_LINK,   /* matchd connected or lost */
    PIPELINE_ACT,
    PIPELINE_BEAT,    /* of an officer who lowers by hand; not on record */
    PIPELINE_COMMIT,  /* a releasing fact or the self-test's was committed, or could not be */
    PIPELINE_JOURNAL, /* the journal can, or cannot, commit */
    PIPELINE_CLOCK,
    PIPELINE_RULES,  /* a new rule set; the old one goes back through sinks.retire */
    PIPELINE_EXEMPT, /* another exempt list: taken over, verified and narrowed by the sender */
    PIPELINE_GUIDED_TEST,
    PIPELINE_SEARCH,    /* an officer looks a plate up, with a reason */
    PIPELINE_ALARM,     /* of a device that is no lane's module: raised or ended */
    PIPELINE_REFUSED,   /* garbage of a camera of this program, counted */
    PIPELINE_VERDICT,   /* of headquarters about a hit: verified by the sender */
    PIPELINE_CONFIRMED, /* headquarters' receipts speak of records up to this one */
    PIPELINE_LOOKOUT,   /* a local look-out begins, or, with until 0, ends */
    PIPELINE_WATCH /* the entries of hits that are being dealt with, in place of those before */
};

enum { PIPELINE_WATCH_MAX = 256 };

struct pipeline_watch {
    uint32_t count;
    uint64_t entries[PIPELINE_WATCH_MAX];
};

struct pipeline_event {
    enum pipeline_event_kind kind;
    union {
        struct lane_scan scan;
        struct lane_outcome outcome;
        struct match_packet *packet;
        struct {
            bool connected;
            char reason[FACT_DETAIL_SIZE];
        } link;
        struct pipeline_act act;
        struct {
            uint8_t lane;
            struct lane_beat_event beat;
        } beat;
        struct {
            uint8_t lane; /* 0: the self-test's */
            uint64_t commit;
            bool done;
            uint64_t sequence; /* done: of its record */
        } commit;
        uint64_t confirmed; /* sequence */
        bool journal_commits;
        struct fact_clock clock;
        struct rule_set *rules;
        struct exempt_list *exempt; /* NULL: there is none any more */
        struct pipeline_verdict verdict;
        struct lookout *lookout;      /* heap, taken over */
        struct pipeline_watch *watch; /* likewise */
        struct {
            uint8_t lane;
            int64_t valid_ms; /* from now to 12 months after the test; <= 0: none */
        } guided_test;
        struct {
            uint64_t number;
            plate_key key;
            plate_class class;
        } search;
        struct {
            uint8_t lane;
            bool active;
            enum log_event_id event;
            char detail[FACT_DETAIL_SIZE];
        } alarm;
        struct {
            uint8_t lane;
            struct fact_refused refused;
        } refused;
    } u;
};

/* What happens outside; all called in the lane thread, must return at once. */
struct pipeline_sinks {
    void *ctx;
    /* To the lane's bus. Not 0: refused; the lane gets a failed outcome. */
    int (*order)(void *ctx, const struct lane_order *order);
    /* To recorder and publisher. Not 0: the recorder's queue is full (a releasing fact counts as
     * not committed). */
    int (*fact)(void *ctx, const struct fact *fact);
    void (*reply)(void *ctx, const struct pipeline_act *act, enum lane_reply_kind kind,
                  enum lane_refusal refusal);
    int (*query)(void *ctx, const struct match_query *query);
    /* Answer to a search; `packet` is borrowed, NULL: matchd could not be asked. */
    void (*searched)(void *ctx, uint64_t number, const struct match_packet *packet);
    void (*release)(void *ctx, struct match_packet *packet);
    void (*retire)(void *ctx, struct rule_set *rules);
    /* A watched entry was withdrawn, a local look-out ended; maybe said again. NULL: nobody asks.
     */
    void (*withdrawn)(void *ctx, uint64_t entry);
    /* A number 0 .. RULES_DRAW_END - 1 for rules with `random`. */
    uint16_t (*draw)(void *ctx);
    /* What the lane's sign says from now on; `plate` with DISPLAY_PLATE. NULL: there are no signs.
     */
    void (*show)(void *ctx, uint8_t lane, enum display_message message, plate_key plate);
    /* The lane's cameras shall look again: somebody stands there unread. NULL: none can. */
    void (*retrigger)(void *ctx, uint8_t lane);
    /* Local minute of the day (0-1439) and weekday (1 Monday - 7) at `wall`. */
    void (*local_time)(void *ctx, struct wall_time wall, uint16_t *out_minute,
                       uint8_t *out_weekday);
};

struct pipeline;

/* Copies the options; `rules` is taken over. *out is heap memory for pipeline_destroy().
 * ERR_NO_MEMORY, ERR_INVALID (a lane twice). */
int pipeline_create(const struct pipeline_options *options, struct rule_set *rules,
                    const struct pipeline_sinks *sinks, struct mono_time now, struct pipeline **out,
                    struct err_text *err) MUST_CHECK;
/* Destroys the rule set in force too. NULL is fine. */
void pipeline_destroy(struct pipeline *pipeline);

/* A hold rebuilt from the journal, before the first event. ERR_NOT_FOUND: no such lane. */
int pipeline_restore(struct pipeline *pipeline, uint8_t lane, const struct lane_restore_event *hold,
                     struct mono_time now, struct wall_time wall) MUST_CHECK;
/* What else the journal says of the lane, likewise. */
int pipeline_restore_service(struct pipeline *pipeline, uint8_t lane,
                             const struct lane_restore_service_event *service, struct mono_time now,
                             struct wall_time wall) MUST_CHECK;
/* What is restored from the journal at a start is put on record once more, so that it does not go
 * with its record's term. Negative: not all of it could be handed over; to be tried again. */
int pipeline_say_standing(struct pipeline *pipeline, struct mono_time now,
                          struct wall_time wall) MUST_CHECK;
void pipeline_handle(struct pipeline *pipeline, const struct pipeline_event *event,
                     struct mono_time now, struct wall_time wall);
/* Timers: to be called at pipeline_next_deadline() at the latest. */
void pipeline_tick(struct pipeline *pipeline, struct mono_time now, struct wall_time wall);
struct mono_time pipeline_next_deadline(const struct pipeline *pipeline);

/* Totals since create, for `status` and `metrics`; lane thread. */
struct pipeline_stats {
    uint64_t reads;
    uint64_t unread;
    uint64_t hits; /* of stop entries */
    uint64_t alerts_quiet;
    uint64_t alerts_sounding; /* sounding and silent */
    uint64_t holds;           /* became active */
    uint64_t unknown_lane;    /* reads of a lane that is not configured */
    uint64_t suppressed;      /* unauthenticated passages only counted */
    uint64_t facts_lost;      /* routine facts the recorder had no room for */
};
void pipeline_stats_read(const struct pipeline *pipeline, struct pipeline_stats *out);
/* The list in force as matchd last said. */
void pipeline_list(const struct pipeline *pipeline, struct list_status *out);
