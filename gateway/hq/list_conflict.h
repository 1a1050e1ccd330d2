/*
 * One vehicle under stop and observe: the pairs a batch would make, looked for with the batch
 * applied, inside its transaction. A pair that was there before is not told again.
 */
#pragma once

#include "gateway/hq/hqd.h"

enum { HQ_CONFLICTS_MAX = 100 };

struct hq_conflict_item;

struct hq_conflicts {
    const struct batch *batch;
    struct wanted_record *held;     /* heap: of each changed entry, as it was; id 0: not noted */
    struct hq_conflict_item *items; /* heap */
    size_t count;
    json_t *pairs; /* the first HQ_CONFLICTS_MAX: [{"entry":{…},"other":{…}}…] */
};

/* hq_conflicts_fini in any case. ERR_NO_MEMORY. */
int hq_conflicts_init(struct hq_conflicts *c, const struct batch *batch) MUST_CHECK;
void hq_conflicts_fini(struct hq_conflicts *c);
/* What item `index` of the batch was before. */
void hq_conflicts_held(struct hq_conflicts *c, size_t index, const struct wanted_record *held);
/* Fills count and pairs. Fails as the database does. */
int hq_conflicts_find(struct hq_conflicts *c, struct hqd *hq, struct err_text *err) MUST_CHECK;
/* "entry 7 (stop) and entry 3 (observe) are one vehicle, …" of the first pair. */
void hq_conflicts_say(const struct hq_conflicts *c, struct err_text *out);
