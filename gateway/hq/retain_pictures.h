/* Pictures of hits past their term, a part of hq_retain (retain.h). */
#pragma once

#include "gateway/hq/retain.h"

/* Deletes the bytes of pictures whose newest hit is more than `days` old, but for those of a hit
 * that a case holds; which picture it was and of which hit stays. Adds to *out. ERR_STOPPED. */
int hq_retain_pictures(struct hq_db *db, int64_t days, struct wall_time now,
                       bool (*go_on)(void *ctx), void *ctx, struct hq_retained *out,
                       struct err_text *err) MUST_CHECK;
