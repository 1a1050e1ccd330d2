/*
 * The box's pictures: bytes in files by their SHA-256 (files.h), an index in SQLite of which event
 * of which camera each shows, which hits rest on those events and what headquarters has of them.
 * A picture without a hit fades after its term or when there is no more room, the oldest first; a
 * hit's is pinned until headquarters has it, and its term thereafter. Owned by one thread; blocks
 * on the disk. Headquarters' retention terms bound both terms, and what a case may hold stays.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/clock.h"
#include "gateway/evidence/files.h"
#include "gateway/model/picture_message.h"

enum {
    PICTURE_BIND_MS = 10 * 60 * 1000, /* a camera may count its events anew: only what came this
                                         near to the read is of it */
    PICTURES_OF_EVENT_MAX = 8, /* that come so near to one another: a hit pins no more of a read */
    PICTURE_AGAIN_MS = 5000,   /* until one that headquarters did not take is offered anew */
    PICTURE_HITS_MAX = 100000, /* events of hits remembered; the oldest give way */
    PICTURE_FADE_MAX = 32,     /* deleted by one call */
    PICTURE_CLOCK_AHEAD_DAYS = 7
};

struct picture_store;

struct picture_store_options {
    const char *folder; /* the program's state folder, there already */
    int64_t bytes_max;  /* of all pictures */
    int64_t count_max;
    int64_t disk_free_min;  /* bytes left to others on the disk */
    int64_t term_ms;        /* of a picture without a hit, from when it came */
    int64_t pinned_term_ms; /* of a hit's, from when headquarters took or refused it */
    const struct clock_source *clock;
};

struct picture_counts {
    int64_t pictures;
    int64_t bytes;
    int64_t waiting; /* hits' pictures that headquarters is to get */
    int64_t damaged;
};

/* Opens or makes it. ERR_CORRUPT names the index: it is not made anew by itself, for that would
 * lose what hits' pictures belong to. *out is heap memory for picture_store_close (NULL is fine).
 */
int picture_store_open(const struct picture_store_options *options, struct picture_store **out,
                       struct err_text *err) MUST_CHECK;
void picture_store_close(struct picture_store *store);

/* One that comes in: room is made for it first. ERR_FULL: there is none, `err` says why;
 * ERR_DENIED: its event has PICTURES_OF_EVENT_MAX; ERR_INVALID. picture_file_add takes its bytes;
 * picture_store_end or picture_file_abandon ends it.
 */
int picture_store_begin(struct picture_store *store, const struct picture_about *about,
                        struct picture_file *out, struct err_text *err) MUST_CHECK;
/* Durable when it returns 0, the same bytes once. ERR_CORRUPT (other bytes, or fewer), ERR_FULL,
 * ERR_IO: it is as if it had not come. */
int picture_store_end(struct picture_store *store, const struct picture_about *about,
                      struct picture_file *file, struct err_text *err) MUST_CHECK;

/* A hit rests on these events: their pictures, those that came and those that will, are its.
 * `in_turn`: its record goes up in the chain, so those headquarters has are offered once more: it
 * may have been put back to an earlier state. */
int picture_store_pin(struct picture_store *store, const struct picture_hit *hit,
                      struct wall_time time, const struct hit_event *events, size_t count,
                      bool in_turn, struct err_text *err) MUST_CHECK;
/* The next of a hit's pictures for headquarters, the longest waiting first. ERR_NOT_FOUND. */
int picture_store_next(struct picture_store *store, struct picture_about *out_about,
                       struct picture_hit *out_hit, struct err_text *err) MUST_CHECK;
/* Pictures that show these events of a read at that time, at most `max`; the damaged are left out.
 * None is no error. */
int picture_store_look(struct picture_store *store, struct wall_time time,
                       const struct hit_event *events, size_t count, struct picture_about *out,
                       size_t max, size_t *out_count, struct err_text *err) MUST_CHECK;
/* Bytes of one; the first read compares all of it with its hash. ERR_NOT_FOUND; ERR_CORRUPT names
 * the file, and the picture is not offered any more. */
int picture_store_read(struct picture_store *store, const uint8_t sha[PICTURE_SHA_SIZE],
                       uint32_t offset, void *out, size_t size, size_t *out_size,
                       struct err_text *err) MUST_CHECK;
/* What became of one that was offered. */
int picture_store_done(struct picture_store *store, const struct picture_about *about,
                       const struct picture_hit *hit, enum picture_result result,
                       struct err_text *err) MUST_CHECK;

/* What is to go from now on, also after a restart, goes by these. Older ones than it had are not
 * taken: those it had stand, and nothing goes by age until they or newer ones come. */
int picture_store_set_terms(struct picture_store *store, const struct picture_terms *terms,
                            struct err_text *err) MUST_CHECK;
/* Deletes some of what is past its term and looks through one of the folders for files that no row
 * knows; *out_more: there is more to do now. `synchronised`: a source keeps the clock; without one
 * nothing is deleted by age while the clock is PICTURE_CLOCK_AHEAD_DAYS ahead of the newest picture
 * or hit, and nothing while terms are paused: ERR_STALE. ERR_IO names what cannot be deleted. */
int picture_store_fade(struct picture_store *store, bool synchronised, bool *out_more,
                       struct err_text *err) MUST_CHECK;
int picture_store_counts(struct picture_store *store, struct picture_counts *out,
                         struct err_text *err) MUST_CHECK;
