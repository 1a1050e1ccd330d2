/*
 * Local look-outs (本地布控) of this checkpoint: who may begin one, which stand, what the journal
 * says of them after a restart. The pipeline matches by its own copy. Internal to checkpointd;
 * lookouts.c, lookout_keys.c, lookouts_restore.c.
 */
#pragma once

#include <jansson.h>
#include <pthread.h>

#include "gateway/base/siphash.h"
#include "gateway/control/control.h"
#include "gateway/pipeline/fact.h"
#include "gateway/pipeline/lookout.h"

struct checkpointd;

enum {
    LOOKOUT_AGAIN_DAYS = 7,  /* from its begin, the same plate cannot be looked out for again */
    LOOKOUT_RECENT_MAX = 64, /* begun within that time; of all plates */
    LOOKOUT_KEYS_MAX = LOOKOUT_AGAIN_DAYS + 3
};

/* What the rule of LOOKOUT_AGAIN_DAYS needs, beyond the record's term: no plate. */
struct lookout_recent {
    uint64_t digest; /* of the plate, by the key of the day it began; 0 = free */
    uint64_t id;     /* of the look-out; 0: of before the start */
    plate_class class;
    struct wall_time begun;
};

struct lookout_key {
    int64_t day; /* 0 = free */
    uint8_t bytes[SIPHASH_KEY_SIZE];
};

struct lookout_desk {
    pthread_mutex_t lock; /* control, journal and lane thread */
    struct lookout_row {
        struct lookout lookout;
        bool pending; /* not on record yet */
    } rows[LOOKOUTS_MAX];
    struct lookout_recent recent[LOOKOUT_RECENT_MAX];
    uint64_t last_id;
    struct lookout_key keys[LOOKOUT_KEYS_MAX]; /* control thread; main before it runs */
    bool keys_unsaved;                         /* the file has some that are wiped here */
};

/* Before the threads. */
void lookout_desk_init(struct checkpointd *c);
/* Those that stand by the journal are looked out for again; so are the quotas' uses. The pipeline
 * is there, the lanes do not run yet. ERR_IO, ERR_NO_MEMORY. */
int lookouts_restore(struct checkpointd *c, struct err_text *err) MUST_CHECK;
/* Lane thread: one is over. */
void lookouts_ended(struct checkpointd *c, uint64_t id);
/* Puts what stands on record once more. Negative: not all of it; to be tried again. Lane thread. */
int lookouts_say_standing(struct checkpointd *c) MUST_CHECK;
/* Those that stand: [{"id","plate","class","begun","until","reason","case","officer","second"}].
 * Any thread. */
json_t *lookouts_json(struct checkpointd *c);

/* Whether a look-out of this plate may begin by the rule; false: not before *out_again. The lock is
 * held. */
bool lookout_may(const struct lookout_desk *desk, plate_key key, plate_class class,
                 struct wall_time now, struct wall_time *out_again);
/* Keeps its begin; false: no room. The lock is held. */
bool lookout_remember(struct lookout_desk *desk, const struct lookout_recent *one,
                      struct wall_time now);

/* ---- lookout_keys.c ---- */

/* 0: there is no key of that day. */
uint64_t lookout_digest(const struct lookout_desk *desk, plate_key key, struct wall_time begun);
/* There is a key for what begins now, also after a restart; not 0: there cannot be. */
int lookout_keys_ready(struct checkpointd *c, struct wall_time begun) MUST_CHECK;
/* Publish thread, often: has those past the rule's term wiped, once an hour. */
void lookout_keys_look(struct checkpointd *c, struct mono_time *due);
void lookout_keys_load(struct checkpointd *c);

/* Hands it to the lanes; until 0: its end. Without memory it is as if it had not been said. */
void lookout_post(struct checkpointd *c, const struct lookout *lookout);

/* The acts. */
void acts_lookout_add(void *checkpointd, struct control *control, const struct control_call *call);
void acts_lookout_end(void *checkpointd, struct control *control, const struct control_call *call);
void acts_lookouts(void *checkpointd, struct control *control, const struct control_call *call);
