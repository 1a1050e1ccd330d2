/* See refusals.h. One row for each camera and cause, and the list of those in use. */
#include "drivers/wire/refusals.h"

#include <assert.h>
#include <stdlib.h>

struct refusals {
    size_t used_count;
    uint16_t used[REFUSALS_MAX];
    struct refusal rows[REFUSALS_MAX];
};

_Static_assert(REFUSALS_MAX <= UINT16_MAX, "rows are numbered with 16 bits");

struct refusals *refusals_create(void)
{
    return calloc(1, sizeof(struct refusals));
}

void refusals_destroy(struct refusals *refusals)
{
    free(refusals);
}

struct refusal *refusals_at(struct refusals *refusals, uint16_t row, enum refusal_stage stage,
                            int cause)
{
    static const int before[] = {[REFUSAL_FRAME] = 0,
                                 [REFUSAL_COMPACT] = FRAME_CAUSE_COUNT,
                                 [REFUSAL_JSON] = FRAME_CAUSE_COUNT + COMPACT_CAUSE_COUNT,
                                 [REFUSAL_CAMERA] =
                                     FRAME_CAUSE_COUNT + COMPACT_CAUSE_COUNT + JSON_CAUSE_COUNT};
    size_t at = (size_t)row * REFUSAL_CAUSES + (size_t)(before[stage] + cause);
    assert(at < REFUSALS_MAX);
    struct refusal *refusal = &refusals->rows[at];
    if (refusal->cause == 0) { /* cause 0 is no refusal: the row is free */
        *refusal = (struct refusal){.stage = stage, .cause = cause};
        refusals->used[refusals->used_count++] = (uint16_t)at;
    }
    return refusal;
}

size_t refusals_count(const struct refusals *refusals)
{
    return refusals->used_count;
}

const struct refusal *refusals_get(const struct refusals *refusals, size_t index)
{
    return &refusals->rows[refusals->used[index]];
}

void refusals_clear(struct refusals *refusals)
{
    for (size_t i = 0; i < refusals->used_count; i++)
        refusals->rows[refusals->used[i]].cause = 0;
    refusals->used_count = 0;
}

void refusals_add(struct refusals *refusals, const struct refusals *more)
{
    for (size_t i = 0; i < more->used_count; i++) {
        uint16_t at = more->used[i];
        const struct refusal *from = &more->rows[at];
        struct refusal *to = &refusals->rows[at];
        if (to->cause == 0) {
            *to = *from;
            refusals->used[refusals->used_count++] = at;
        } else {
            to->count = to->count > UINT32_MAX - from->count ? UINT32_MAX : to->count + from->count;
        }
    }
}
