/*
 * Standing of an entry. No state.
 */
#include "gateway/signed/standing.h"

#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/signed/fields.h"

static const char *const names[] = {[STANDING_STANDS] = "stands",
                                    [STANDING_WITHDRAWN] = "withdrawn",
                                    [STANDING_CHANGED] = "changed",
                                    [STANDING_EXPIRED] = "expired",
                                    [STANDING_UNKNOWN] = "unknown"};

const char *standing_name(enum standing standing)
{
    return standing >= STANDING_STANDS && standing <= STANDING_UNKNOWN ? names[standing] : NULL;
}

int standing_compose(const struct standing_answer *a, struct envelope *out, struct err_text *err)
{
    char chain[2 * CHAIN_ID_SIZE + 1];
    if (!checkpoint_id_good(a->checkpoint) || a->sequence == 0 || a->sequence > INT64_MAX ||
        a->entry == 0 || a->entry > INT64_MAX || !standing_name(a->standing)) {
        return err_set(err, ERR_INVALID, "standing: a field is out of range");
    }
    hex_encode(a->chain, CHAIN_ID_SIZE, chain);
    return statement_compose(json_pack("{s:s,s:s,s:I,s:I,s:I,s:s,s:o}", "chain", chain,
                                       "checkpoint", a->checkpoint, "entry", (json_int_t)a->entry,
                                       "revision", (json_int_t)a->revision, "sequence",
                                       (json_int_t)a->sequence, "standing",
                                       standing_name(a->standing), "time", time_json(a->time)),
                             STATEMENT_STANDING, out);
}

static int read_standing(const json_t *object, struct standing_answer *a, struct err_text *err)
{
    const char *text = NULL;
    int result = field_text(object, "standing", 1, 16, &text, err);
    for (enum standing s = STANDING_STANDS; result == ERR_OK && s <= STANDING_UNKNOWN; s++) {
        if (strcmp(text, names[s]) == 0) {
            a->standing = s;
        }
    }
    if (result == ERR_OK && a->standing == 0) {
        result = err_set(err, ERR_INVALID,
                         "standing: '%s', expected stands, withdrawn, changed, expired or unknown",
                         text);
    }
    return result;
}

static int read_question(const json_t *object, struct standing_answer *a, struct err_text *err)
{
    const char *chain = NULL;
    int result = field_text(object, "chain", 1, 2 * CHAIN_ID_SIZE, &chain, err);
    if (result == ERR_OK && hex_decode(chain, a->chain, CHAIN_ID_SIZE) < 0) {
        result = err_set(err, ERR_INVALID, "chain: expected %d hex digits", 2 * CHAIN_ID_SIZE);
    }
    if (result == ERR_OK) {
        result = field_copy(object, "checkpoint", CHECKPOINT_ID_MAX, a->checkpoint, err);
    }
    if (result == ERR_OK && !checkpoint_id_good(a->checkpoint)) {
        result = err_set(err, ERR_INVALID, "checkpoint: expected a-z, 0-9 and '-'");
    }
    if (result == ERR_OK) {
        result = field_number(object, "sequence", 1, INT64_MAX, &a->sequence, err);
    }
    return result == ERR_OK ? field_number(object, "entry", 1, INT64_MAX, &a->entry, err) : result;
}

static int read_fields(const json_t *object, struct standing_answer *a, struct err_text *err)
{
    static const char *const known[] = {"chain",    "checkpoint", "entry", "revision",
                                        "sequence", "standing",   "time",  NULL};
    int result = fields_check(object, known, err);
    if (result == ERR_OK) {
        result = read_question(object, a, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "revision", 0, INT64_MAX, &a->revision, err);
    }
    if (result == ERR_OK) {
        result = read_standing(object, a, err);
    }
    return result == ERR_OK ? field_time(object, "time", &a->time, err) : result;
}

int standing_verify(const struct keyset *set, const void *envelope, size_t size,
                    struct standing_answer *out, struct err_text *err)
{
    struct signers signers;
    struct standing_answer a = {0};
    json_t *object = NULL;
    int result = statement_open(set, envelope, size, STATEMENT_STANDING, &signers, &object, err);
    if (result == ERR_OK) {
        result = read_fields(object, &a, err);
    }
    json_decref(object);
    if (result == ERR_OK) {
        result = signers_check_time(&signers, a.time, err);
    }
    if (result < 0) {
        return err_prefix(err, result, "standing");
    }
    *out = a;
    return ERR_OK;
}
