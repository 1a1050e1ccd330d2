/*
 * What is known of the pictures on disk: an SQLite file of the store (store.h), synchronous=FULL.
 * Times are wall time in milliseconds. Internal to gateway/evidence.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/evidence/store.h"

struct picture_index;

int picture_index_open(const char *folder, struct picture_index **out,
                       struct err_text *err) MUST_CHECK;
void picture_index_close(struct picture_index *index); /* NULL is fine */

/* A picture whose file is in place, and the event it shows; known ones are mended by it. */
int picture_index_add(struct picture_index *index, const struct picture_about *about,
                      int64_t now_ms, struct err_text *err) MUST_CHECK;
/* How many others show its event and came after `since_ms`. */
int picture_index_of_event(struct picture_index *index, const struct picture_about *about,
                           int64_t since_ms, int64_t *out, struct err_text *err) MUST_CHECK;
int picture_index_pin(struct picture_index *index, const struct picture_hit *hit, int64_t time_ms,
                      const struct hit_event *events, size_t count,
                      struct err_text *err) MUST_CHECK;
/* What headquarters has of the hit is to be offered once more. */
int picture_index_offer_again(struct picture_index *index, const struct picture_hit *hit,
                              struct err_text *err) MUST_CHECK;
/* ERR_NOT_FOUND. */
int picture_index_next(struct picture_index *index, int64_t now_ms, struct picture_about *out_about,
                       struct picture_hit *out_hit, struct err_text *err) MUST_CHECK;
int picture_index_done(struct picture_index *index, const struct picture_about *about,
                       const struct picture_hit *hit, enum picture_result result, int64_t now_ms,
                       struct err_text *err) MUST_CHECK;
/* Pictures that show one event and came within PICTURE_BIND_MS of that time, not the damaged. */
int picture_index_look(struct picture_index *index, const struct hit_event *event, int64_t time_ms,
                       struct picture_about *out, size_t max, size_t *out_count,
                       struct err_text *err) MUST_CHECK;
/* ERR_NOT_FOUND. */
int picture_index_size(struct picture_index *index, const uint8_t sha[PICTURE_SHA_SIZE],
                       uint32_t *out, struct err_text *err) MUST_CHECK;
int picture_index_damaged(struct picture_index *index, const uint8_t sha[PICTURE_SHA_SIZE],
                          struct err_text *err) MUST_CHECK;
/* All that is known of it. */
int picture_index_delete(struct picture_index *index, const uint8_t sha[PICTURE_SHA_SIZE],
                         struct err_text *err) MUST_CHECK;
/* The terms that were last kept. ERR_NOT_FOUND: none yet; ERR_CORRUPT. */
int picture_index_terms(struct picture_index *index, struct picture_terms *out,
                        struct err_text *err) MUST_CHECK;
int picture_index_keep_terms(struct picture_index *index, const struct picture_terms *terms,
                             struct err_text *err) MUST_CHECK;
/* The oldest of no hit. ERR_NOT_FOUND. */
int picture_index_oldest_free(struct picture_index *index, uint8_t out[PICTURE_SHA_SIZE],
                              struct err_text *err) MUST_CHECK;
/* What may go. */
struct picture_due {
    int64_t free_ms;       /* what came up to then, of no hit, or of hits … */
    int64_t settled_ms;    /* … that are all settled up to then, … */
    int64_t held_from_ms;  /* … but for those of hits that came from then … */
    int64_t held_until_ms; /* … to before then */
};
int picture_index_due(struct picture_index *index, const struct picture_due *due,
                      uint8_t (*out)[PICTURE_SHA_SIZE], size_t max, size_t *out_count,
                      struct err_text *err) MUST_CHECK;
/* Forgets hits' events from before `before_ms` and those beyond PICTURE_HITS_MAX; what is deleted
 * leaves the file. */
int picture_index_tidy(struct picture_index *index, int64_t before_ms,
                       struct err_text *err) MUST_CHECK;
/* When the newest picture came or the newest hit was; 0: neither is known. */
int picture_index_newest(struct picture_index *index, int64_t *out,
                         struct err_text *err) MUST_CHECK;
int picture_index_counts(struct picture_index *index, struct picture_counts *out,
                         struct err_text *err) MUST_CHECK;
