/*
 * See store.h. The order of steps makes every cut harmless: a file is durable before its row is, a
 * row is gone before its file; a file without a row is wiped when its folder is looked through.
 */
#include "gateway/evidence/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "gateway/evidence/index.h"

struct picture_store {
    struct picture_store_options options;
    char folder[PICTURE_FOLDER_SIZE];
    struct picture_index *index;
    unsigned coming; /* numbers what comes in */
    unsigned walked; /* the folder to look through next */
    bool all_walked;
    bool has_terms;
    struct picture_terms terms; /* as the index keeps them */
};

int picture_store_open(const struct picture_store_options *options, struct picture_store **out,
                       struct err_text *err)
{
    struct picture_store *store = calloc(1, sizeof(*store));
    if (!store)
        return err_set(err, ERR_NO_MEMORY, "picture store: no memory");
    store->options = *options;
    int rc = picture_files_open(options->folder, err);
    if (rc == 0) {
        (void)snprintf(store->folder, sizeof(store->folder), "%s", options->folder); /* checked */
        rc = picture_index_open(options->folder, &store->index, err);
    }
    if (rc == 0)
        rc = picture_index_terms(store->index, &store->terms, err);
    store->has_terms = rc == 0;
    rc = rc == ERR_NOT_FOUND ? 0 : rc;
    if (rc != 0) {
        picture_store_close(store);
        return rc;
    }
    *out = store;
    return 0;
}

void picture_store_close(struct picture_store *store)
{
    if (store)
        picture_index_close(store->index);
    free(store);
}

int picture_store_counts(struct picture_store *store, struct picture_counts *out,
                         struct err_text *err)
{
    return picture_index_counts(store->index, out, err);
}

static int64_t now_ms(const struct picture_store *store)
{
    return clock_wall(store->options.clock).ms;
}

/* Row first: what is cut off here has no row, and its file goes when it is found. */
static int delete_one(struct picture_store *store, const uint8_t sha[PICTURE_SHA_SIZE],
                      struct err_text *err)
{
    char path[PICTURE_PATH_SIZE];
    int rc = picture_index_delete(store->index, sha, err);
    picture_file_path(store->folder, sha, path);
    if (rc == 0) {
        rc = picture_file_wipe(path, err);
        store->all_walked &= rc == 0; /* what could not be wiped is looked for again */
    }
    return rc;
}

/* ---- coming in ---- */

static int check_disk(struct picture_store *store, int64_t size, struct err_text *err)
{
    struct statvfs fs;
    if (statvfs(store->folder, &fs) != 0)
        return err_set(err, ERR_IO, "%s: %s", store->folder, strerror(errno));
    int64_t left = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize - size;
    if (left >= store->options.disk_free_min)
        return 0;
    return err_set(err, ERR_FULL, "%s: the disk would have %lld bytes left, expected at least %lld",
                   store->folder, (long long)left, (long long)store->options.disk_free_min);
}

static int make_room(struct picture_store *store, int64_t size, struct err_text *err)
{
    const struct picture_store_options *o = &store->options;
    struct picture_counts counts;
    uint8_t sha[PICTURE_SHA_SIZE];
    if (size > o->bytes_max) /* nothing gives way to what never fits */
        return err_set(err, ERR_FULL, "a picture of %lld bytes: expected at most %lld in all",
                       (long long)size, (long long)o->bytes_max);
    for (int i = 0; i < PICTURE_FADE_MAX; i++) {
        struct err_text why = {""};
        int rc = picture_index_counts(store->index, &counts, err);
        if (rc != 0)
            return rc;
        bool fits = counts.bytes + size <= o->bytes_max && counts.pictures < o->count_max;
        int disk = check_disk(store, size, &why);
        if (fits && disk == 0)
            return 0;
        rc = picture_index_oldest_free(store->index, sha, err);
        if (rc == ERR_NOT_FOUND && !fits)
            return err_set(
                err, ERR_FULL,
                "%lld pictures of %lld bytes, all of hits: expected at most %lld of %lld",
                (long long)counts.pictures, (long long)counts.bytes, (long long)o->count_max,
                (long long)o->bytes_max);
        if (rc == ERR_NOT_FOUND)
            return err_set(err, disk, "%s", why.text);
        if (rc == 0)
            rc = delete_one(store, sha, err);
        if (rc != 0)
            return rc;
    }
    return err_set(err, ERR_FULL, "no room after %d pictures gave way", PICTURE_FADE_MAX);
}

/* Hits pin all there is of an event: whoever hands pictures in could fill the store with one. */
static int check_event(struct picture_store *store, const struct picture_about *about,
                       struct err_text *err)
{
    int64_t count = 0;
    int rc =
        picture_index_of_event(store->index, about, now_ms(store) - PICTURE_BIND_MS, &count, err);
    if (rc != 0 || count < PICTURES_OF_EVENT_MAX)
        return rc;
    return err_set(err, ERR_DENIED,
                   "event %llu of camera %u has %lld pictures: expected at most %d within %d "
                   "minutes",
                   (unsigned long long)about->event, about->camera, (long long)count,
                   PICTURES_OF_EVENT_MAX, PICTURE_BIND_MS / 60000);
}

int picture_store_begin(struct picture_store *store, const struct picture_about *about,
                        struct picture_file *out, struct err_text *err)
{
    int rc = picture_about_check(about, err);
    if (rc == 0)
        rc = check_event(store, about, err);
    if (rc == 0)
        rc = make_room(store, (int64_t)about->size, err);
    return rc == 0 ? picture_file_begin(store->folder, ++store->coming, out, err) : rc;
}

int picture_store_end(struct picture_store *store, const struct picture_about *about,
                      struct picture_file *file, struct err_text *err)
{
    if (file->size != about->size) {
        uint32_t came = file->size;
        picture_file_abandon(file);
        return err_set(err, ERR_CORRUPT, "%u bytes came, expected %u", came, about->size);
    }
    int rc = picture_file_end(store->folder, file, about->sha, err);
    if (rc == 0)
        rc = picture_index_add(store->index, about, now_ms(store), err);
    store->all_walked &= rc == 0; /* a file without a row */
    return rc;
}

/* ---- hits ---- */

int picture_store_pin(struct picture_store *store, const struct picture_hit *hit,
                      struct wall_time time, const struct hit_event *events, size_t count,
                      bool in_turn, struct err_text *err)
{
    int rc = picture_index_pin(store->index, hit, time.ms, events, count, err);
    return rc == 0 && in_turn ? picture_index_offer_again(store->index, hit, err) : rc;
}

int picture_store_next(struct picture_store *store, struct picture_about *out_about,
                       struct picture_hit *out_hit, struct err_text *err)
{
    return picture_index_next(store->index, now_ms(store), out_about, out_hit, err);
}

int picture_store_look(struct picture_store *store, struct wall_time time,
                       const struct hit_event *events, size_t count, struct picture_about *out,
                       size_t max, size_t *out_count, struct err_text *err)
{
    size_t found = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count && found < max; i++) {
        size_t more = 0;
        rc = picture_index_look(store->index, &events[i], time.ms, out + found, max - found, &more,
                                err);
        found += more;
    }
    if (rc == 0)
        *out_count = found;
    return rc;
}

int picture_store_read(struct picture_store *store, const uint8_t sha[PICTURE_SHA_SIZE],
                       uint32_t offset, void *out, size_t size, size_t *out_size,
                       struct err_text *err)
{
    struct picture_about about = {.size = 0};
    memcpy(about.sha, sha, PICTURE_SHA_SIZE);
    int rc = picture_index_size(store->index, sha, &about.size, err);
    if (rc == 0)
        rc =
            picture_file_read(store->folder, &about, offset, offset == 0, out, size, out_size, err);
    if (rc == ERR_CORRUPT && picture_index_damaged(store->index, sha, NULL) != 0)
        return rc; /* found again at its next reading */
    return rc;
}

int picture_store_done(struct picture_store *store, const struct picture_about *about,
                       const struct picture_hit *hit, enum picture_result result,
                       struct err_text *err)
{
    return picture_index_done(store->index, about, hit, result, now_ms(store), err);
}

/* ---- fading ---- */

struct walk {
    struct picture_store *store;
    int wiped;
    struct err_text *err;
};

static int look_at_file(void *ctx, const uint8_t sha[PICTURE_SHA_SIZE])
{
    struct walk *walk = ctx;
    char path[PICTURE_PATH_SIZE];
    uint32_t size = 0;
    int rc = picture_index_size(walk->store->index, sha, &size, walk->err);
    if (rc != ERR_NOT_FOUND)
        return rc;
    if (walk->wiped++ == PICTURE_FADE_MAX)
        return ERR_FULL; /* the rest with the next call */
    picture_file_path(walk->store->folder, sha, path);
    return picture_file_wipe(path, walk->err);
}

/* One folder a call: a start waits for none of them. */
static int walk_folder(struct picture_store *store, struct err_text *err)
{
    struct walk walk = {.store = store, .err = err};
    if (store->all_walked)
        return 0;
    int rc = picture_files_walk(store->folder, store->walked, look_at_file, &walk, err);
    if (rc == 0 && ++store->walked == PICTURE_FOLDERS) {
        store->walked = 0;
        store->all_walked = true;
    }
    return rc == ERR_FULL ? 0 : rc;
}

static int check_clock(struct picture_store *store, bool synchronised, struct err_text *err)
{
    int64_t newest = 0;
    int64_t ahead_ms = (int64_t)PICTURE_CLOCK_AHEAD_DAYS * 24 * 3600 * 1000;
    int rc = synchronised ? 0 : picture_index_newest(store->index, &newest, err);
    if (rc != 0 || synchronised || now_ms(store) - newest <= ahead_ms)
        return rc;
    return err_set(err, ERR_STALE,
                   "the clock, which no source keeps, is more than %d days ahead of the newest "
                   "picture",
                   PICTURE_CLOCK_AHEAD_DAYS);
}

int picture_store_set_terms(struct picture_store *store, const struct picture_terms *terms,
                            struct err_text *err)
{
    struct picture_terms next = *terms;
    if (store->has_terms && terms->version < store->terms.version) {
        next = store->terms;
        next.paused = 1;
    }
    int rc = picture_index_keep_terms(store->index, &next, err);
    if (rc == 0) {
        store->terms = next;
        store->has_terms = true;
    }
    return rc;
}

/* A configured term within headquarters'. */
static int64_t within(const struct picture_store *store, int64_t term_ms)
{
    const int64_t day_ms = INT64_C(24) * 3600 * 1000;
    const int64_t floor_ms = store->terms.floor_days * day_ms;
    const int64_t ceiling_ms = store->terms.ceiling_days * day_ms;
    if (!store->has_terms)
        return term_ms;
    return term_ms < floor_ms ? floor_ms : term_ms > ceiling_ms ? ceiling_ms : term_ms;
}

/* Those of a hit come up to PICTURE_BIND_MS before or after it. */
static struct picture_due what_is_due(const struct picture_store *store, int64_t now)
{
    const struct picture_terms *t = &store->terms;
    bool held = store->has_terms && t->held_until_ms > t->held_from_ms;
    return (struct picture_due){.free_ms = now - within(store, store->options.term_ms),
                                .settled_ms = now - within(store, store->options.pinned_term_ms),
                                .held_from_ms = held ? t->held_from_ms - PICTURE_BIND_MS : 0,
                                .held_until_ms = held ? t->held_until_ms + PICTURE_BIND_MS : 0};
}

static int delete_due(struct picture_store *store, size_t *out_deleted, struct err_text *err)
{
    uint8_t due[PICTURE_FADE_MAX][PICTURE_SHA_SIZE];
    size_t count = 0;
    const struct picture_due until = what_is_due(store, now_ms(store));
    int rc = picture_index_due(store->index, &until, due, PICTURE_FADE_MAX, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = delete_one(store, due[i], err);
    if (rc == 0 && (count > 0 || store->all_walked)) /* not between two folders */
        rc = picture_index_tidy(store->index, until.free_ms, err);
    *out_deleted = count;
    return rc;
}

int picture_store_fade(struct picture_store *store, bool synchronised, bool *out_more,
                       struct err_text *err)
{
    size_t deleted = 0;
    struct picture_counts counts = {0};
    *out_more = false;
    int rc = walk_folder(store, err);
    if (rc == 0)
        rc = picture_index_counts(store->index, &counts, err);
    if (rc == 0 && counts.pictures > 0)
        rc = check_clock(store, synchronised, err);
    if (rc == 0 && counts.pictures > 0 && store->has_terms && store->terms.paused)
        rc = err_set(err, ERR_STALE, "retention terms older than those this box had (version %llu)",
                     (unsigned long long)store->terms.version);
    if (rc == 0)
        rc = delete_due(store, &deleted, err);
    *out_more = rc == 0 && (deleted == PICTURE_FADE_MAX || !store->all_walked);
    return rc;
}
