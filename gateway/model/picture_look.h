/*
 * Asking checkpoint-camerad's socket `look` which pictures show a hit's reads. Blocking, with a
 * deadline; any thread, one connection a call.
 */
#pragma once

#include "gateway/base/err.h"
#include "gateway/model/picture_message.h"

/* Fills a question for `events`, which has at least one. */
void picture_look_ask(const struct hit_events *events, struct picture_message *out);
/* Asks at `path`. *out_count: 0 to PICTURES_FOUND_MAX of `out`. ERR_NOT_FOUND (nobody there),
 * ERR_TIMEOUT, ERR_INVALID (no event in `events`, or an answer that is none), or the store's own.
 */
int picture_look(const char *path, const struct hit_events *events, int timeout_ms,
                 struct picture_about out[PICTURES_FOUND_MAX], size_t *out_count,
                 struct err_text *err) MUST_CHECK;
/* What an answer of `size` bytes says: as picture_look(). */
int picture_look_answer(const void *packet, size_t size,
                        struct picture_about out[PICTURES_FOUND_MAX], size_t *out_count,
                        struct err_text *err) MUST_CHECK;
