/*
 * The vehicles of a lane: which reads are of one vehicle, what is known of its plates, which hits
 * it has. One vehicle is one passage. A plain value inside the pipeline: no clock, no allocation,
 * times come with each call. README.md in this folder has the decision table, same_vehicle.c
 * carries it out.
 *
 * Three answers: the same vehicle, another one, or in doubt. In doubt it is a passage of its own
 * that alerts by itself: an alert too many costs a look, a merged vehicle would cost the alert.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/lane/lane.h"
#include "gateway/match/look_alike.h"
#include "gateway/model/decision.h"
#include "gateway/model/plate_read.h"
#include "rules/rules.h"

enum {
    VEHICLES_PROVEN = 32,   /* kept a lane: those with an authenticated read … */
    VEHICLES_UNPROVEN = 16, /* … and those without, who can push out only one another */
    VEHICLES_KEPT = VEHICLES_PROVEN + VEHICLES_UNPROVEN,
    VEHICLE_READS_MAX = 8, /* different readings kept of one; further ones are counted */
    VEHICLE_HITS_MAX = LANE_HITS_MAX,
    VEHICLE_CAMERAS_MAX = 8,      /* of a lane, with a role */
    VEHICLE_SURE_MAX = 2,         /* different sure plates shown of one; one more adds nothing */
    VEHICLE_CONFIDENT_MIN = 80,   /* a full read of this confidence, or of none given, is sure */
    VEHICLE_FRAME_MS = 300,       /* no two vehicles come to one read point within this */
    VEHICLE_EVENT_MS = 60 * 1000, /* a camera says more of an event within this, then it is new */
    VEHICLE_LINGERS_MS =
        120 * 1000, /* one thought gone makes others' rear reads doubtful so long */
    VEHICLE_STANDS_MAX_MS = 3600 * 1000 /* a loop alone vouches for a vehicle not longer */
};

/* Where a camera reads, and which end of the vehicle. */
enum camera_role {
    ROLE_NONE,     /* not in the lane's `cameras`: fused by its own events and equal plates only */
    ROLE_FRONT,    /* front plate, on the way to the boom */
    ROLE_REAR,     /* rear plate, on the way to the boom */
    ROLE_BOOM,     /* front plate of whoever stands at the stop line */
    ROLE_BOOM_REAR /* rear plate of whoever stands there */
};

struct vehicle_camera {
    uint16_t id;
    enum camera_role role;
};

struct vehicle_options {
    uint32_t silence_ms; /* not seen by lane or loop and not read for so long: gone; 0 = at once */
    uint32_t fuse_ms;    /* front and rear read of one vehicle lie within this, or it is in the
                            lane's queue */
    size_t camera_count;
    struct vehicle_camera cameras[VEHICLE_CAMERAS_MAX];
    uint32_t wired;    /* the lane's inputs */
    uint32_t clear_ms; /* loops free this long are clear: an axle gap is shorter */
    bool near;         /* the cameras read at the stop line itself */
};

enum plate_place { PLATE_FRONT, PLATE_REAR, PLATE_TRAILER, PLATE_PLACES };

/* What a camera said of it: one entry a camera, plate and authenticity, however often. */
struct vehicle_read {
    uint16_t camera;
    enum plate_place place;
    uint64_t first_event; /* the camera's event ids, 0 = none */
    uint64_t last_event;
    enum plate_text_kind kind;
    plate_key key;
    char raw[PLATE_TEXT_SIZE];
    uint8_t confidence; /* the highest of them */
    enum read_authenticity authenticity;
    struct wall_time first;
    struct wall_time last;
    struct mono_time seen; /* last said */
    uint32_t times;
};

/* The best reading of one of its plates; only ever replaced by a better one. */
struct vehicle_plate {
    plate_key key; /* 0: not read */
    plate_class class;
    uint8_t colour;
    uint8_t confidence;
    uint8_t candidate_count;
    plate_key candidates[READ_CANDIDATES_MAX];
};

/* One entry it hit, with the strongest decision so far. */
struct vehicle_hit {
    uint64_t hit;
    uint64_t entry;
    uint8_t priority;
    enum alert_level level;
    bool holds;
    bool settled; /* its hold was ended by an officer or by withdrawal */
    bool vouched; /* by an authenticated read */
};

/* On the signed exempt list, by which entry; entry 0: it is not. */
struct vehicle_exemption {
    uint64_t entry;
    uint64_t revision; /* of the list */
    enum read_authenticity vouched;
};

struct vehicle {
    uint64_t id;       /* the passage's; 0 = free */
    bool proven;       /* made by an authenticated read; only those touch what is known of it */
    bool over;         /* the loops cleared behind it, or it left */
    bool unvouched;    /* one that may have been it has left: the lane's queue proves nothing */
    bool at_line;      /* last read at the stop line */
    bool unplaced;     /* may be one of the others: not queued at the boom as one more … */
    bool perhaps_more; /* … though it may be one more, read where vehicles come in */
    uint64_t perhaps;  /* … that one, 0 = none alone */
    bool doubted;      /* a hit in doubt may be its own: never cleared */
    bool complete;     /* an authenticated read had every symbol; a trailer's own plate counts
                          only where no camera looks for the one in front */
    struct mono_time first;
    struct mono_time last; /* read that counts for its presence */
    struct mono_time
        last_told; /* on record; a standing car read again and again is not, each time */
    struct vehicle_plate plates[PLATE_PLACES];
    /* Different sure plates at one place: front and rear carry the same, a trailer its own. */
    uint8_t sure_count[2];
    plate_key sure[2][VEHICLE_SURE_MAX];
    uint16_t draws[RULES_DRAWS];              /* of random rules: once a vehicle */
    char inspect_rule[DECISION_RULE_MAX + 1]; /* which says decision.inspect, "" = none does */
    struct decision decision;                 /* folded over all hits */
    bool cleared;                             /* as the lane was told */
    struct vehicle_exemption exempt;          /* likewise … */
    struct vehicle_exemption exempt_told;     /* … and as it is on record */
    bool captured;                            /* counted as read */
    uint8_t hit_count;
    struct vehicle_hit hits[VEHICLE_HITS_MAX];
    uint32_t hits_dropped;
    uint8_t read_count;
    uint32_t reads_dropped;
    struct vehicle_read reads[VEHICLE_READS_MAX];
};

/* A loop, or several as one; gaps shorter than clear_ms (trailer axles) are none. */
struct loop_watch {
    bool occupied;
    struct mono_time since;      /* occupied since */
    struct mono_time last;       /* seen occupied last; ns = 0: never */
    struct mono_time free_since; /* ns = 0: not free */
};

struct vehicles {
    struct look_alike look_alike;
    struct vehicle kept[VEHICLES_KEPT];
    struct loop_watch loops;     /* all of the lane's */
    struct loop_watch way_out;   /* the last one a vehicle passes */
    struct mono_time cleared;    /* one of them last cleared: somebody left */
    uint64_t left_count;         /* times that the way out cleared */
    struct mono_time boom_moved; /* the boom was last seen not closed */
    struct mono_time unseen;     /* nobody has seen the loops since; ns = 0: they are seen */
};

enum vehicle_verdict { VEHICLE_SAME, VEHICLE_OTHER, VEHICLE_DOUBT };

struct vehicle_finding {
    enum vehicle_verdict verdict;
    struct vehicle *vehicle; /* VEHICLE_SAME: its */
    bool again;              /* … read anew, no further word of an event known already */
    bool at_boom;            /* a camera at the boom names it there */
    uint64_t perhaps;        /* VEHICLE_DOUBT: bit i, it may be kept[i] */
};

/* What a read made new of its vehicle. */
struct vehicle_news {
    bool evidence; /* a plate, a camera, a better read: to be put on record */
    bool conflict; /* a second sure plate at one place, the first time */
};

void vehicles_init(struct vehicles *vehicles);
/* Whose read this is, table in README.md. `status`: the lane's, as of now. */
struct vehicle_finding vehicles_find(struct vehicles *vehicles,
                                     const struct vehicle_options *options,
                                     const struct lane_status *status,
                                     const struct plate_read *read, struct mono_time now);
/* Takes a place for a new vehicle, made by `read`: of the one gone longest, else the oldest's. */
struct vehicle *vehicles_add(struct vehicles *vehicles, const struct vehicle_options *options,
                             const struct lane_status *status, const struct plate_read *read,
                             uint64_t id, struct mono_time now);
/* The read as evidence of this vehicle. */
struct vehicle_news vehicle_take_read(struct vehicle *vehicle,
                                      const struct vehicle_options *options,
                                      const struct plate_read *read, struct mono_time now);

/* With each scan and before each read: loops and boom. */
void vehicles_follow(struct vehicles *vehicles, const struct vehicle_options *options,
                     const struct lane_status *status, struct mono_time now);
/* The lane says that the vehicle of this passage has left; 0: one that was never read. */
void vehicles_left(struct vehicles *vehicles, uint64_t passage);
/* The entry was withdrawn: its hits hold nobody any more, and it alerts anew should it come back.
 */
void vehicles_withdrawn(struct vehicles *vehicles, uint64_t entry);
/* The hold of this passage ended: its hits hold it no more, should the lane see it again. */
void vehicles_settled(struct vehicles *vehicles, uint64_t passage);
/* Whether the lane has it among its vehicles, the order known or not. */
bool vehicle_is_queued(const struct lane_status *status, uint64_t passage);
/* Whether it is still there: in the lane's queue, on a loop, or read a short while ago. */
bool vehicle_is_present(const struct vehicles *vehicles, const struct vehicle_options *options,
                        const struct lane_status *status, const struct vehicle *vehicle,
                        struct mono_time now);

/* The hit on this entry, NULL: none yet. */
struct vehicle_hit *vehicle_hit_of(struct vehicle *vehicle, uint64_t entry);
/* Whether `decision` says more than the hit on that entry did: else it alerts nobody again. */
bool vehicle_hit_is_new(const struct vehicle *vehicle, uint64_t entry,
                        const struct decision *decision);
/* Takes a new or stronger hit; past VEHICLE_HITS_MAX the weakest gives way to a stronger one,
 * and one that only forged reads may have made to one that is vouched for.
 * False: weaker than all, counted. */
bool vehicle_take_hit(struct vehicle *vehicle, const struct vehicle_hit *hit);
/* NULL: none of that id, or too old. */
struct vehicle *vehicles_find_id(struct vehicles *vehicles, uint64_t passage);
/* The hit with this id among all kept vehicles, NULL when it is too old. */
const struct vehicle_hit *vehicles_find_hit(const struct vehicles *vehicles, uint64_t hit);

/* One may be the other misread: as long, at most one symbol apart within its confusable group; an
 * unread symbol speaks against nothing. */
bool plates_are_alike(const struct look_alike *fold, plate_key a, plate_key b);
bool vehicle_in_conflict(const struct vehicle *vehicle);
enum camera_role vehicle_camera_role(const struct vehicle_options *options, uint16_t camera);
/* Whether vehicles come into the lane before this camera: one that reads them later adds none. */
bool vehicle_comes_in(const struct vehicle_options *options, uint16_t camera);
enum plate_place vehicle_place_of(const struct vehicle_options *options,
                                  const struct plate_read *read);
/* A full read nobody doubts: every symbol, confident. */
bool vehicle_read_is_sure(const struct plate_read *read);
/* Stable names for configuration, journal and JSON; NULL out of range. */
const char *plate_place_name(enum plate_place place);
