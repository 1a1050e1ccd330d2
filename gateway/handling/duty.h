/*
 * Who calls for help at a checkpoint, and whether those who stand before a dangerous vehicle still
 * say that they are well. A call stands until somebody ends it. While a call for backup stands, "I
 * am well" is asked for again and again; one that does not come goes to the leaders, then to
 * headquarters. Pure: time is passed in, no I/O, no lock; one thread owns it.
 */
#pragma once

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum {
    DUTY_HELPS_MAX = 16,
    DUTY_BACKUPS_MAX = 48,
    DUTY_CALLS_MAX = DUTY_HELPS_MAX + DUTY_BACKUPS_MAX,
    DUTY_NAME_SIZE = 32,
    DUTY_NOTE_SIZE = 201,
    DUTY_WELL_AFTER_MS = 5 * 60 * 1000, /* defaults */
    DUTY_WELL_WITHIN_MS = 60 * 1000
};

enum duty_kind {
    DUTY_HELP,  /* 求助: a person pressed it */
    DUTY_BACKUP /* a hit on an entry with officer risk */
};

struct duty_call {
    enum duty_kind kind;
    uint64_t id;                  /* of a backup: the hit */
    uint8_t lane;                 /* 0: not said */
    char officer[DUTY_NAME_SIZE]; /* "" of a backup */
    char note[DUTY_NOTE_SIZE];
    struct wall_time since;
};

enum duty_well {
    DUTY_WELL_OFF,    /* no backup stands */
    DUTY_WELL_RUNS,   /* until `due`, when it is asked for */
    DUTY_WELL_ASKED,  /* until `due`, when it is missed */
    DUTY_WELL_LEADER, /* missed: the leaders are told; at `due` headquarters */
    DUTY_WELL_HQ      /* missed: headquarters is told; until somebody says it */
};

struct duty {
    struct duty_call calls[DUTY_CALLS_MAX]; /* oldest first */
    size_t count;
    int64_t well_after_ms;  /* from a backup, or from the last word, to the question */
    int64_t well_within_ms; /* for the answer, and from the leaders to headquarters */
    enum duty_well well;
    struct mono_time due; /* OFF, HQ: never */
};

void duty_init(struct duty *d, int64_t well_after_ms, int64_t well_within_ms);
/* ERR_CONFLICT: the officer calls from that lane already, or that hit's backup is called;
 * *out_call (may be NULL) is that call then. ERR_FULL: as many of the kind stand as there may. */
int duty_call(struct duty *d, const struct duty_call *call, struct mono_time now,
              const struct duty_call **out_call) MUST_CHECK;
const struct duty_call *duty_find(const struct duty *d, enum duty_kind kind, uint64_t id);
/* ERR_NOT_FOUND. With the last backup nobody is asked any more. */
int duty_end(struct duty *d, enum duty_kind kind, uint64_t id) MUST_CHECK;
/* Somebody says that all is well: asked for again after well_after_ms. ERR_NOT_FOUND: nobody is
 * asked. */
int duty_say_well(struct duty *d, struct mono_time now) MUST_CHECK;
/* After a restart, with the calls that stand: asked for at once, or as it was told already. */
void duty_restore_well(struct duty *d, enum duty_well told, struct mono_time now);
/* One step that is due by now; true: `d->well` is another one, look again. */
bool duty_tick(struct duty *d, struct mono_time now);
/* How many calls of a kind stand, of a lane (0: those of none), and in all (LANE_ANY). */
enum { DUTY_LANE_ANY = -1 };
size_t duty_standing(const struct duty *d, enum duty_kind kind, int lane);
