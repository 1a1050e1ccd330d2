/*
 * What a case holds at a checkpoint: holds in the order that a lookup by plate wants, and whether
 * one fits a record's body. A plate is looked for wherever its canonical text may stand: every run
 * of digits, capitals and characters beyond ASCII is hashed from each of its symbols on. No state.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/signed/retention_terms.h"

enum {
    PLATE_LEAST_SYMBOLS = 2,
    PLATE_MOST_SYMBOLS = 12 /* ten, one of which may be written WJ */
};

uint64_t retention_plate_hash(const uint8_t key[SIPHASH_KEY_SIZE], const char *plate)
{
    return siphash24(key, plate, strlen(plate));
}

/* Those with a plate first, by plate. */
static int compare_holds(const void *a, const void *b)
{
    const struct retention_hold *x = a;
    const struct retention_hold *y = b;
    if (x->has_plate != y->has_plate) {
        return x->has_plate ? -1 : 1;
    }
    return (x->plate > y->plate) - (x->plate < y->plate);
}

void retention_holds_narrow(struct retention_terms *terms, const char *checkpoint)
{
    size_t kept = 0;
    for (size_t i = 0; i < terms->hold_count; i++) {
        const struct retention_hold *h = &terms->holds[i];
        if (!h->checkpoint[0] || strcmp(h->checkpoint, checkpoint) == 0) {
            terms->holds[kept++] = *h;
        }
    }
    terms->hold_count = kept;
    if (kept > 1) {
        qsort(terms->holds, kept, sizeof(terms->holds[0]), compare_holds);
    }
}

/* ---- one record ---- */

struct looking {
    const struct retention_terms *terms;
    struct wall_time time;
    const char *body;
    size_t size;
    json_t *object; /* NULL: not read yet */
    bool unreadable;
};

static const json_t *member(struct looking *l, const char *name)
{
    if (!l->object && !l->unreadable) {
        l->unreadable = json_parse(l->body, l->size, &l->object, NULL) != 0;
    }
    return json_object_get(l->object, name);
}

/* A body names an entry by its id, a hit's with more about it. */
static bool entry_fits(struct looking *l, uint64_t id)
{
    const json_t *entry = member(l, "entry");
    return l->unreadable || json_integer_value(json_is_object(entry) ? json_object_get(entry, "id")
                                                                     : entry) == (json_int_t)id;
}

static bool lane_fits(struct looking *l, uint32_t lane)
{
    const json_t *value = member(l, "lane");
    return l->unreadable || json_integer_value(value) == (json_int_t)lane;
}

/* All but the plate. */
static bool rest_fits(struct looking *l, const struct retention_hold *h)
{
    return (!h->has_from || l->time.ms >= h->from.ms) &&
           (!h->has_until || l->time.ms < h->until.ms) &&
           (h->entry == 0 || entry_fits(l, h->entry)) && (h->lane == 0 || lane_fits(l, h->lane));
}

/* The first hold of that plate; `count` of them have one. */
static size_t first_of(const struct retention_hold *holds, size_t count, uint64_t plate)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (holds[middle].plate < plate) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

static bool plate_held(struct looking *l, size_t with_plate, uint64_t plate)
{
    const struct retention_hold *holds = l->terms->holds;
    for (size_t i = first_of(holds, with_plate, plate); i < with_plate && holds[i].plate == plate;
         i++) {
        if (rest_fits(l, &holds[i])) {
            return true;
        }
    }
    return false;
}

static bool in_plate(unsigned char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || byte >= 0x80;
}

static bool in_symbol(unsigned char byte)
{
    return (byte & 0xC0) == 0x80; /* not its first byte */
}

static bool any_plate_held(struct looking *l, size_t with_plate)
{
    const unsigned char *bytes = (const unsigned char *)l->body;
    for (size_t start = 0; start < l->size; start++) {
        size_t end = start;
        if (!in_plate(bytes[start]) || in_symbol(bytes[start])) {
            continue;
        }
        for (int symbols = 1; symbols <= PLATE_MOST_SYMBOLS && end < l->size; symbols++) {
            if (!in_plate(bytes[end])) {
                break;
            }
            do {
                end++;
            } while (end < l->size && in_symbol(bytes[end]));
            if (symbols >= PLATE_LEAST_SYMBOLS &&
                plate_held(l, with_plate,
                           siphash24(l->terms->plate_key, bytes + start, end - start))) {
                return true;
            }
        }
    }
    return false;
}

bool retention_holds_cover(const struct retention_terms *terms, struct wall_time time,
                           const char *body, size_t size)
{
    struct looking l = {.terms = terms, .time = time, .body = body, .size = size};
    size_t with_plate = 0;
    bool held = false;
    if (!terms || terms->hold_count == 0) {
        return false;
    }
    while (with_plate < terms->hold_count && terms->holds[with_plate].has_plate) {
        with_plate++;
    }
    for (size_t i = with_plate; i < terms->hold_count && !held; i++) {
        held = rest_fits(&l, &terms->holds[i]);
    }
    held = held || (with_plate > 0 && any_plate_held(&l, with_plate));
    json_decref(l.object);
    return held;
}
