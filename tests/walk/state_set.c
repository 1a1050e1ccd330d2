/* See state_set.h. */
#include "state_set.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 20, FIRST_SLOTS = 1 << 16, WORD = 8 };

struct state_chunk {
    struct state_chunk *next;
    size_t used;
    size_t read;
    uint8_t bytes[CHUNK_BYTES];
};

struct record_head {
    uint32_t id;
    uint32_t size;
};

static void *or_die(void *memory)
{
    if (!memory) {
        fprintf(stderr, "out of memory for the states of the walk\n");
        exit(2);
    }
    return memory;
}

void state_set_init(struct state_set *set)
{
    memset(set, 0, sizeof(*set));
    set->slots = FIRST_SLOTS;
    set->seen = or_die(calloc(set->slots, sizeof(set->seen[0])));
}

void state_set_fini(struct state_set *set)
{
    while (set->first) {
        struct state_chunk *next = set->first->next;
        free(set->first);
        set->first = next;
    }
    free(set->seen);
    free(set->parents);
    free(set->moves);
}

void state_hash(const void *state, struct state_span span, uint64_t hash[2])
{
    uint64_t a = hash[0], b = hash[1];
    for (size_t at = span.begin; at < span.end; at += WORD) {
        uint64_t word;
        memcpy(&word, (const uint8_t *)state + at, sizeof(word));
        if (word == 0) {
            continue;
        }
        a = (a ^ word ^ (at << 48)) * 0xFF51AFD7ED558CCDu;
        a ^= a >> 33;
        b = (b + (word ^ at * 0x9E3779B97F4A7C15u)) * 0xC4CEB9FE1A85EC53u;
        b = (b << 29) | (b >> 35);
    }
    hash[0] = a;
    hash[1] = b;
}

void state_hash_end(const uint64_t hash[2], uint64_t out[2])
{
    uint64_t a = (hash[0] ^ hash[1]) * 0x9FB21C651E98DF25u, b = hash[1];
    out[0] = a ^ (a >> 32);
    out[1] = (b ^ (b >> 31)) * 0xD6E8FEB86659FD93u;
    if (out[0] == 0 && out[1] == 0) {
        out[1] = 1; /* both zero marks a free place */
    }
}

static void hash_of(const uint8_t *bytes, size_t size, uint64_t out[2])
{
    uint64_t hash[2] = {0x9E3779B97F4A7C15u ^ size, 0xC2B2AE3D27D4EB4Fu + size}, last = 0;
    size_t whole = size / WORD * WORD;
    state_hash(bytes, (struct state_span){0, whole}, hash);
    memcpy(&last, bytes + whole, size - whole);
    state_hash(&last, (struct state_span){0, WORD}, hash);
    state_hash_end(hash, out);
}

/* Where the hash stands or would stand. */
static uint64_t *place_of(uint64_t (*seen)[2], size_t slots, const uint64_t hash[2])
{
    size_t at = hash[0] & (slots - 1);
    while ((seen[at][0] != 0 || seen[at][1] != 0) &&
           (seen[at][0] != hash[0] || seen[at][1] != hash[1])) {
        at = (at + 1) & (slots - 1);
    }
    return seen[at];
}

static void grow(struct state_set *set)
{
    size_t slots = set->slots * 2;
    uint64_t(*seen)[2] = or_die(calloc(slots, sizeof(seen[0])));
    for (size_t i = 0; i < set->slots; i++) {
        if (set->seen[i][0] != 0 || set->seen[i][1] != 0) {
            memcpy(place_of(seen, slots, set->seen[i]), set->seen[i], sizeof(seen[0]));
        }
    }
    free(set->seen);
    set->seen = seen;
    set->slots = slots;
}

static void remember(struct state_set *set, uint32_t parent, uint64_t move)
{
    if (set->count == set->room) {
        set->room = set->room ? set->room * 2 : FIRST_SLOTS;
        set->parents = or_die(realloc(set->parents, set->room * sizeof(set->parents[0])));
        set->moves = or_die(realloc(set->moves, set->room * sizeof(set->moves[0])));
    }
    set->parents[set->count] = parent;
    set->moves[set->count] = move;
}

bool state_set_claim(struct state_set *set, const uint64_t hash[2], uint32_t parent, uint64_t move)
{
    uint64_t *place = place_of(set->seen, set->slots, hash);
    if (place[0] != 0 || place[1] != 0) {
        return false;
    }
    memcpy(place, hash, sizeof(set->seen[0]));
    remember(set, parent, move);
    set->count++;
    if ((size_t)set->count * 5 > set->slots * 3) {
        grow(set);
    }
    return true;
}

void state_set_put(struct state_set *set, const uint8_t *packed, size_t size)
{
    struct record_head head = {.id = set->count - 1, .size = (uint32_t)size};
    if (!set->last || set->last->used + sizeof(head) + size > CHUNK_BYTES) {
        struct state_chunk *chunk = or_die(malloc(sizeof(*chunk)));
        chunk->next = NULL;
        chunk->used = 0;
        chunk->read = 0;
        if (set->last) {
            set->last->next = chunk;
        } else {
            set->first = chunk;
        }
        set->last = chunk;
    }
    memcpy(set->last->bytes + set->last->used, &head, sizeof(head));
    memcpy(set->last->bytes + set->last->used + sizeof(head), packed, size);
    set->last->used += sizeof(head) + size;
    set->waiting++;
}

bool state_set_add(struct state_set *set, const uint8_t *packed, size_t size, uint32_t parent,
                   uint64_t move)
{
    uint64_t hash[2];
    hash_of(packed, size, hash);
    if (!state_set_claim(set, hash, parent, move)) {
        return false;
    }
    state_set_put(set, packed, size);
    return true;
}

bool state_set_next(struct state_set *set, uint8_t packed[STATE_PACKED_MAX], size_t *size,
                    uint32_t *id)
{
    struct state_chunk *chunk = set->first;
    if (chunk && chunk->read == chunk->used && chunk->next) {
        set->first = chunk->next;
        free(chunk);
        chunk = set->first;
    }
    if (!chunk || chunk->read == chunk->used) {
        return false;
    }
    struct record_head head;
    memcpy(&head, chunk->bytes + chunk->read, sizeof(head));
    memcpy(packed, chunk->bytes + chunk->read + sizeof(head), head.size);
    chunk->read += sizeof(head) + head.size;
    *size = head.size;
    *id = head.id;
    set->waiting--;
    return true;
}

/* A word: how many of zero stand before it (two bytes, little endian), which of its bytes are not
 * zero (one bit each), those bytes. */
size_t state_pack(const void *state, size_t size, const struct state_span *dead, int dead_count,
                  uint8_t packed[STATE_PACKED_MAX])
{
    size_t used = 0, zeros = 0;
    int next = 0;
    for (size_t at = 0; at < size; at += WORD) {
        uint64_t word;
        if (next < dead_count && at == dead[next].begin) {
            zeros += (dead[next].end - at) / WORD;
            at = dead[next++].end;
        }
        if (at >= size) {
            break;
        }
        memcpy(&word, (const uint8_t *)state + at, sizeof(word));
        if (word == 0) {
            zeros++;
            continue;
        }
        uint8_t *mask = &packed[used + 2];
        packed[used] = (uint8_t)zeros;
        packed[used + 1] = (uint8_t)(zeros >> 8);
        *mask = 0;
        used += 3;
        for (unsigned i = 0; i < WORD; i++) {
            uint8_t byte = (uint8_t)(word >> (8 * i));
            if (byte != 0) {
                *mask |= (uint8_t)(1u << i);
                packed[used++] = byte;
            }
        }
        zeros = 0;
        assert(used + WORD + 3 <= STATE_PACKED_MAX);
    }
    return used;
}

void state_unpack(const uint8_t *packed, size_t packed_size, void *out_state, size_t size)
{
    size_t at = 0;
    memset(out_state, 0, size);
    for (size_t used = 0; used < packed_size;) {
        at += (packed[used] | (size_t)packed[used + 1] << 8) * WORD;
        uint8_t mask = packed[used + 2];
        uint64_t word = 0;
        used += 3;
        for (unsigned i = 0; i < WORD; i++) {
            if (mask & (1u << i)) {
                word |= (uint64_t)packed[used++] << (8 * i);
            }
        }
        memcpy((uint8_t *)out_state + at, &word, sizeof(word));
        at += WORD;
    }
}
