/*
 * Which camera events a hit record rests on, read from its body (gateway/pipeline/fact.c writes
 * it): pictures belong to the hit by them. The box pins and headquarters accepts by the same rule.
 * Pure.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

/* The reads of a vehicle have two events each, the first and the last one. */
enum { HIT_EVENTS_MAX = 32 };

struct hit_event {
    uint16_t camera;
    uint64_t event; /* the camera's own, never 0 */
};

struct hit_events {
    size_t count;
    struct hit_event events[HIT_EVENTS_MAX]; /* each once; those beyond are left out */
    struct wall_time time;                   /* of the read that hit; ms = 0: not said */
};

/* ERR_INVALID: no body of a hit. A read whose camera gave no event of its own adds none. */
int hit_events_read(const char *body, size_t size, struct hit_events *out) MUST_CHECK;
bool hit_events_have(const struct hit_events *events, uint16_t camera, uint64_t event);
/* A camera's event as decimal text, from 1. ERR_INVALID. */
int hit_event_parse(const char *text, uint64_t *out) MUST_CHECK;
