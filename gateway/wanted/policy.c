/*
 * See policy.h.
 */
#include "gateway/wanted/policy.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/file.h"
#include "gateway/match/channel.h"

enum { POLICY_NAME_SIZE = 64, POLICY_FILE_MODE = 0640, POLICY_FILES_MAX = 64 };

struct policy_file {
    uint64_t version;
    uint64_t keyset;
};

void policy_fini(struct held_policy *held)
{
    if (held->policy) {
        match_policy_fini(held->policy);
    }
    free(held->policy);
    free(held->bytes);
    *held = (struct held_policy){0};
}

/* ---- taking ---- */

/* A channel nobody can read would leave a box without judgement: refused whole instead. */
static int check_channels(const struct match_policy *policy, struct err_text *err)
{
    for (size_t i = 0; i < policy->channel_count; i++) {
        const struct match_policy_channel *row = &policy->channels[i];
        int result = channel_check(row->alphabet, row->text, row->size_bytes, err);
        if (result < 0) {
            return err_prefix(err, result, "match policy: channel %s", row->alphabet);
        }
    }
    return ERR_OK;
}

/* Takes over what `next` holds; on failure that stays the caller's. */
static int replace(struct held_policy *held, const struct match_policy *next, const void *bytes,
                   size_t size, uint64_t keyset)
{
    struct held_policy now = {.policy = malloc(sizeof(*now.policy)),
                              .bytes = malloc(size + 1),
                              .size = size,
                              .keyset = keyset};
    if (!now.policy || !now.bytes) {
        free(now.policy);
        free(now.bytes);
        return ERR_NO_MEMORY;
    }
    *now.policy = *next;
    memcpy(now.bytes, bytes, size);
    now.bytes[size] = '\0'; /* text, for whoever reads it as such */
    policy_fini(held);
    *held = now;
    return ERR_OK;
}

int policy_take(struct held_policy *held, const struct keyset *set, const void *bytes, size_t size,
                bool *out_new, struct err_text *err)
{
    struct match_policy next = {0};
    *out_new = false;
    if (held->policy && held->size == size && memcmp(held->bytes, bytes, size) == 0) {
        return ERR_OK;
    }
    if (!set) {
        return err_set(err, ERR_NOT_FOUND, "match policy: no key set yet");
    }
    int result = match_policy_verify(set, bytes, size, &next, err);
    if (result < 0) {
        return result;
    }
    result = match_policy_check_newer(held->policy, &next, err);
    bool same = result == ERR_NOT_FOUND; /* signed once more, perhaps; what it says is held */
    if (result == ERR_OK) {
        result = check_channels(&next, err);
    }
    if (result == ERR_OK) {
        result = replace(held, &next, bytes, size, set->version);
    }
    *out_new = result == ERR_OK;
    if (result < 0) {
        match_policy_fini(&next);
    }
    return same ? ERR_OK : result;
}

/* ---- files ---- */

static void format_name(const struct policy_file *file, char out[POLICY_NAME_SIZE])
{
    (void)snprintf(out, POLICY_NAME_SIZE, "policy-%020" PRIu64 "-%020" PRIu64 ".json",
                   file->version, file->keyset); /* two 20-digit numbers fit */
}

/* Only names that format_name would write. */
static bool parse_name(const char *text, struct policy_file *out)
{
    char again[POLICY_NAME_SIZE];
    char *end = NULL;
    if (strncmp(text, "policy-", 7) != 0) {
        return false;
    }
    out->version = strtoull(text + 7, &end, 10);
    out->keyset = *end == '-' ? strtoull(end + 1, &end, 10) : 0;
    format_name(out, again);
    return strcmp(again, text) == 0;
}

static void path_of(const struct shelf *shelf, const struct policy_file *file,
                    char out[SHELF_PATH_SIZE])
{
    char name[POLICY_NAME_SIZE];
    format_name(file, name);
    /* shelf_open checked that folder, '/' and a name of this length fit. */
    (void)snprintf(out, SHELF_PATH_SIZE, "%.*s/%s", SHELF_PATH_SIZE - POLICY_NAME_SIZE - 16,
                   shelf->folder, name);
}

static int compare_files(const void *a, const void *b)
{
    const struct policy_file *x = a;
    const struct policy_file *y = b;
    if (x->version != y->version) {
        return x->version < y->version ? 1 : -1;
    }
    return (x->keyset < y->keyset) - (x->keyset > y->keyset);
}

/* Newest first; more than POLICY_FILES_MAX were not written by us. */
static int list_files(const struct shelf *shelf, struct policy_file out[POLICY_FILES_MAX],
                      size_t *out_count, struct err_text *err)
{
    size_t count = 0;
    DIR *dir = opendir(shelf->folder);
    if (!dir) {
        return err_set(err, ERR_IO, "%s: %s", shelf->folder, strerror(errno));
    }
    for (const struct dirent *item = readdir(dir); item && count < POLICY_FILES_MAX;
         item = readdir(dir)) {
        count += parse_name(item->d_name, &out[count]);
    }
    closedir(dir);
    qsort(out, count, sizeof(out[0]), compare_files);
    *out_count = count;
    return ERR_OK;
}

/* ---- loading ---- */

/* The key set of that version, verified anew. */
static int load_keyset(const struct shelf *shelf, const struct root_keys *roots, uint64_t version,
                       struct keyset **out, struct err_text *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct keyset *set = calloc(1, sizeof(*set));
    int result = set ? shelf_get_keyset(shelf, version, &bytes, &size, err)
                     : err_set(err, ERR_NO_MEMORY, "key set: out of memory");
    if (result == ERR_OK) {
        result = keyset_verify(roots, bytes, size, set, err);
    }
    free(bytes);
    if (result < 0) {
        free(set);
        return result;
    }
    *out = set;
    return ERR_OK;
}

/* `held` holds nothing yet. */
static int load_file(struct held_policy *held, const struct shelf *shelf,
                     const struct root_keys *roots, const struct policy_file *file,
                     struct err_text *err)
{
    char path[SHELF_PATH_SIZE];
    char aside[SHELF_PATH_SIZE + 16];
    struct err_text why = {{0}};
    struct keyset *set = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    bool taken = false;
    struct held_policy loaded = {.policy = NULL};
    path_of(shelf, file, path);
    int result = load_keyset(shelf, roots, file->keyset, &set, &why);
    if (result == ERR_OK) {
        result = file_read(path, ENVELOPE_SIZE_MAX, &bytes, &size, &why);
    }
    if (result == ERR_OK) {
        result = policy_take(&loaded, set, bytes, size, &taken, &why);
    }
    if (taken && loaded.policy->version == file->version) {
        loaded.on_disk = true;
        *held = loaded;
    } else if (taken) {
        policy_fini(&loaded);
        result = err_set(&why, ERR_CORRUPT, "holds another version than its name says");
    }
    free(bytes);
    free(set);
    if (result == ERR_OK || result == ERR_NO_MEMORY || result == ERR_IO) {
        return result == ERR_OK ? result : err_set(err, result, "%s: %.300s", path, why.text);
    }
    (void)snprintf(aside, sizeof(aside), "%s.refused", path); /* has room */
    (void)rename(path, aside); /* kept for the technician; a missing file is fine */
    return err_set(err, ERR_CORRUPT, "%s: %.300s", path, why.text);
}

int policy_load(struct held_policy *held, const struct shelf *shelf, const struct root_keys *roots,
                struct err_text *err)
{
    struct policy_file files[POLICY_FILES_MAX];
    size_t count = 0;
    int first = ERR_OK;
    int result = list_files(shelf, files, &count, err);
    for (size_t i = 0; result == ERR_OK && i < count && !held->policy; i++) {
        struct err_text why = {{0}};
        int loaded = load_file(held, shelf, roots, &files[i], &why);
        if (loaded < 0 && first == ERR_OK) {
            first = err_set(err, loaded, "%s", why.text);
        }
    }
    return result == ERR_OK ? first : result;
}

int policy_keep(struct held_policy *held, const struct shelf *shelf, struct err_text *err)
{
    struct policy_file files[POLICY_FILES_MAX];
    size_t count = 0;
    char path[SHELF_PATH_SIZE];
    if (!held->policy || held->on_disk) {
        return ERR_OK;
    }
    const struct policy_file own = {held->policy->version, held->keyset};
    path_of(shelf, &own, path);
    int result = file_write_atomic(path, held->bytes, held->size, POLICY_FILE_MODE, err);
    held->on_disk = result == ERR_OK;
    if (result == ERR_OK) {
        result = list_files(shelf, files, &count, err);
    }
    for (size_t i = 0; i < count; i++) {
        if (files[i].version < own.version) {
            path_of(shelf, &files[i], path);
            (void)unlink(path); /* one that stays is passed over on the next load */
        }
    }
    return result;
}
