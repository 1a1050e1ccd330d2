/*
 * States of an exhaustive search: which were seen (by a hash of 128 bits), which still wait to be
 * expanded (whole, packed, first in first out), and by which move each was reached first. Shared by
 * the walks in this folder; one owner, no thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATE_PACKED_MAX = 16384 };

struct state_set {
    uint64_t (*seen)[2]; /* open addressing; 0, 0 = free */
    size_t slots;
    uint32_t count; /* of states, ids count from 0 */
    uint32_t *parents;
    uint64_t *moves; /* by which the parent led here */
    size_t room;     /* of the two above */
    struct state_chunk *first;
    struct state_chunk *last;
    uint64_t waiting;
};

void state_set_init(struct state_set *set);
void state_set_fini(struct state_set *set);
/* True: it is new and has the next id; state_set_put follows. A hash of no state is 0, 0. Memory
 * that runs out ends the program. */
bool state_set_claim(struct state_set *set, const uint64_t hash[2], uint32_t parent, uint64_t move);
/* The state claimed last waits now. */
void state_set_put(struct state_set *set, const uint8_t *packed, size_t size);
/* Both in one, by a hash of the packed state. True: it is new. */
bool state_set_add(struct state_set *set, const uint8_t *packed, size_t size, uint32_t parent,
                   uint64_t move);
/* The oldest that waits; false: none. */
bool state_set_next(struct state_set *set, uint8_t packed[STATE_PACKED_MAX], size_t *size,
                    uint32_t *id);

/* Bytes of a state that mean nothing: packed as zero. Multiples of 8. */
struct state_span {
    size_t begin;
    size_t end;
};

/* A hash over spans of a state, one after another. What is zero costs and says nothing but by its
 * place; begin with anything. */
void state_hash(const void *state, struct state_span span, uint64_t hash[2]);
void state_hash_end(const uint64_t hash[2], uint64_t out[2]);

/* Words that are not zero, each with its place; returns the size, at most STATE_PACKED_MAX. `size`
 * is a multiple of 8; `dead` in ascending order. */
size_t state_pack(const void *state, size_t size, const struct state_span *dead, int dead_count,
                  uint8_t packed[STATE_PACKED_MAX]);
void state_unpack(const uint8_t *packed, size_t packed_size, void *out_state, size_t size);
