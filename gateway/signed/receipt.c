/*
 * Receipt. No state.
 */
#include "gateway/signed/receipt.h"

#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/signed/fields.h"

bool checkpoint_id_good(const char *id)
{
    size_t size = strlen(id);
    return size > 0 && size <= CHECKPOINT_ID_MAX &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

int receipt_compose(const struct receipt *r, struct envelope *out, struct err_text *err)
{
    char chain[2 * CHAIN_ID_SIZE + 1];
    if (!checkpoint_id_good(r->checkpoint) || r->sequence == 0 || r->sequence > INT64_MAX) {
        return err_set(err, ERR_INVALID, "receipt: checkpoint or sequence out of range");
    }
    hex_encode(r->chain, CHAIN_ID_SIZE, chain);
    return statement_compose(json_pack("{s:s,s:s,s:o,s:I,s:o}", "chain", chain, "checkpoint",
                                       r->checkpoint, "head", hash_json(r->head), "sequence",
                                       (json_int_t)r->sequence, "time", time_json(r->time)),
                             STATEMENT_RECEIPT, out);
}

static int read_fields(const json_t *object, struct receipt *r, struct err_text *err)
{
    static const char *const names[] = {"chain", "checkpoint", "head", "sequence", "time", NULL};
    const char *chain = NULL;
    int result = fields_check(object, names, err);
    if (result == ERR_OK) {
        result = field_text(object, "chain", 1, 2 * CHAIN_ID_SIZE, &chain, err);
    }
    if (result == ERR_OK && hex_decode(chain, r->chain, CHAIN_ID_SIZE) < 0) {
        result = err_set(err, ERR_INVALID, "chain: expected %d hex digits", 2 * CHAIN_ID_SIZE);
    }
    if (result == ERR_OK) {
        result = field_copy(object, "checkpoint", CHECKPOINT_ID_MAX, r->checkpoint, err);
    }
    if (result == ERR_OK && !checkpoint_id_good(r->checkpoint)) {
        result = err_set(err, ERR_INVALID, "checkpoint: expected a-z, 0-9 and '-'");
    }
    if (result == ERR_OK) {
        result = field_hash(object, "head", r->head, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "sequence", 1, INT64_MAX, &r->sequence, err);
    }
    return result == ERR_OK ? field_time(object, "time", &r->time, err) : result;
}

int receipt_verify(const struct keyset *set, const void *envelope, size_t size, struct receipt *out,
                   struct err_text *err)
{
    struct signers signers;
    struct receipt r = {0};
    json_t *object = NULL;
    int result = statement_open(set, envelope, size, STATEMENT_RECEIPT, &signers, &object, err);
    if (result == ERR_OK) {
        result = read_fields(object, &r, err);
    }
    json_decref(object);
    if (result == ERR_OK) {
        result = signers_check_time(&signers, r.time, err);
    }
    if (result < 0) {
        return err_prefix(err, result, "receipt");
    }
    *out = r;
    return ERR_OK;
}
