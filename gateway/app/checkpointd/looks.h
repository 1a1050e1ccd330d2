/*
 * Whether a hit has a picture taken when the camera read: asked of checkpoint-camerad itself, for a
 * console could say anything. A thread of its own waits for the answer; until it came, and without
 * a picture store, there is no such picture and an officer says by name that they looked.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/queue.h"
#include "gateway/base/thread.h"
#include "gateway/model/hit_events.h"

enum {
    LOOKS_WAITING_MAX = 16,
    LOOKS_KNOWN_MAX = 256, /* hits that have one; the oldest give way */
    LOOKS_WAIT_MS = 2000
};

struct looks {
    struct queue *jobs;
    struct thread thread;
    pthread_mutex_t lock; /* of what follows */
    uint64_t known[LOOKS_KNOWN_MAX];
    size_t next;
    char path[256];
};

int looks_init(struct looks *looks, const char *runtime_dir, struct err_text *err) MUST_CHECK;
void looks_destroy(struct looks *looks);
void looks_run(struct thread *self, void *looks); /* thread "looks" */
/* Asks, if it is not known yet; `hit` is the hit's event. Any thread, at once: a full queue asks
 * nothing, the next look at the hit does. */
void looks_ask(struct looks *looks, uint64_t id, const json_t *hit);
/* Whether the store has one, as far as it was asked. Any thread. */
bool looks_trigger(struct looks *looks, uint64_t id);
