/*
 * A session's newest events as they go out to pages, bounded in bytes: the oldest give way. Each
 * has a number, counted up without gaps. One owner, no thread of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gateway/base/err.h"

struct ring_line {
    TAILQ_ENTRY(ring_line) link;
    uint64_t number;
    size_t size;
    char text[];
};

struct ring {
    TAILQ_HEAD(ring_lines, ring_line) lines;
    size_t bytes;
    size_t bytes_max;
    uint64_t newest; /* number of the newest line there ever was, 0: none */
};

void ring_init(struct ring *ring, size_t bytes_max);
/* Forgets the lines; numbers go on. */
void ring_clear(struct ring *ring);
/* Takes "id: <epoch>-<number>\nevent: m\ndata: <line>\n\n" with the next number. ERR_NO_MEMORY:
 * the line is lost, and its number with it. */
int ring_add(struct ring *ring, const char *epoch, const char *line, size_t size) MUST_CHECK;
/* The first line after that number; NULL: none yet. Sought from the newest. */
const struct ring_line *ring_after(const struct ring *ring, uint64_t number);
const struct ring_line *ring_next(const struct ring_line *line);
/* Whether every line after `number` is still there. */
bool ring_reaches(const struct ring *ring, uint64_t number);
