/*
 * Freshness statement. No state.
 */
#include "gateway/signed/freshness.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/signed/fields.h"

enum { AHEAD_MAX_MS = 5 * 60 * 1000 };

static int check_times(const struct freshness *f, struct err_text *err)
{
    int64_t valid_ms = f->valid_until.ms - f->time.ms;
    return valid_ms > 0 && valid_ms <= FRESHNESS_VALID_MAX_MS
               ? ERR_OK
               : err_set(err, ERR_INVALID,
                         "freshness: valid_until: expected at most 24 hours after time");
}

int freshness_compose(const struct freshness *f, struct envelope *out, struct err_text *err)
{
    int result = check_times(f, err);
    if (result < 0) {
        return result;
    }
    return statement_compose(json_pack("{s:o,s:I,s:o,s:o}", "hash", hash_json(f->hash), "revision",
                                       (json_int_t)f->revision, "time", time_json(f->time),
                                       "valid_until", time_json(f->valid_until)),
                             STATEMENT_FRESHNESS, out);
}

static int read_fields(const json_t *object, struct freshness *f, struct err_text *err)
{
    static const char *const names[] = {"hash", "revision", "time", "valid_until", NULL};
    int result = fields_check(object, names, err);
    if (result == ERR_OK) {
        result = field_hash(object, "hash", f->hash, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "revision", 0, INT64_MAX, &f->revision, err);
    }
    if (result == ERR_OK) {
        result = field_time(object, "time", &f->time, err);
    }
    return result == ERR_OK ? field_time(object, "valid_until", &f->valid_until, err) : result;
}

int freshness_verify(const struct keyset *set, const void *envelope, size_t size,
                     struct freshness *out, struct err_text *err)
{
    struct signers signers;
    struct freshness f = {0};
    json_t *object = NULL;
    int result = statement_open(set, envelope, size, STATEMENT_FRESHNESS, &signers, &object, err);
    if (result == ERR_OK) {
        result = read_fields(object, &f, err);
    }
    json_decref(object);
    if (result == ERR_OK) {
        result = check_times(&f, err);
    }
    if (result == ERR_OK) {
        result = signers_check_time(&signers, f.time, err);
    }
    if (result < 0) {
        return err_prefix(err, result, "freshness statement");
    }
    *out = f;
    return ERR_OK;
}

int freshness_check(const struct freshness *f, uint64_t revision, const uint8_t hash[HASH_SIZE],
                    struct wall_time now, struct err_text *err)
{
    if (f->revision != revision || memcmp(f->hash, hash, HASH_SIZE) != 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "freshness statement speaks of revision %" PRIu64 ", held is %" PRIu64,
                       f->revision, revision);
    }
    if (now.ms >= f->valid_until.ms) {
        return err_set(err, ERR_STALE, "freshness statement ran out");
    }
    return f->time.ms - now.ms > AHEAD_MAX_MS
               ? err_set(err, ERR_INVALID, "freshness statement is dated ahead of the clock")
               : ERR_OK;
}
