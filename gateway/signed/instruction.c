/*
 * Instruction. No state.
 */
#include "gateway/signed/instruction.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/signed/fields.h"

enum { AHEAD_MAX_MS = 5 * 60 * 1000 };

bool instruction_is_for_all(const struct instruction *i)
{
    return strcmp(i->checkpoint, INSTRUCTION_ALL) == 0;
}

static int check_address(const struct instruction *i, struct err_text *err)
{
    if (!instruction_is_for_all(i)) {
        return checkpoint_id_good(i->checkpoint) && i->fleet[0] == '\0'
                   ? ERR_OK
                   : err_set(err, ERR_INVALID,
                             "checkpoint: expected a-z, 0-9 and '-', or '*' with a fleet");
    }
    if (strcmp(i->kind, INSTRUCTION_KIND_FOR_ALL) != 0) {
        return err_set(err, ERR_INVALID, "checkpoint: '*' is for kind " INSTRUCTION_KIND_FOR_ALL);
    }
    return fleet_name_good(i->fleet)
               ? ERR_OK
               : err_set(err, ERR_INVALID, "fleet: expected a-z, 0-9 and '-'");
}

static int check_fields(const struct instruction *i, struct err_text *err)
{
    int64_t valid_ms = i->expires.ms - i->time.ms;
    size_t kind = strlen(i->kind);
    char *body = NULL;
    size_t body_size = 0;
    if (i->id == 0 || i->id > INT64_MAX) {
        return err_set(err, ERR_INVALID, "id: out of range");
    }
    int result = check_address(i, err);
    if (result < 0) {
        return result;
    }
    if (kind == 0 || strspn(i->kind, "abcdefghijklmnopqrstuvwxyz_") != kind) {
        return err_set(err, ERR_INVALID, "kind: expected a-z and '_'");
    }
    if (valid_ms <= 0 || valid_ms > INSTRUCTION_VALID_MAX_MS) {
        return err_set(err, ERR_INVALID, "expires: expected at most 24 hours after time");
    }
    if (!json_is_object(i->body) || json_canonical(i->body, &body, &body_size) < 0) {
        return err_set(err, ERR_INVALID, "body: expected an object without fractions");
    }
    free(body);
    return body_size <= INSTRUCTION_BODY_MAX
               ? ERR_OK
               : err_set(err, ERR_TOO_LARGE, "body: %zu bytes, expected at most %d", body_size,
                         INSTRUCTION_BODY_MAX);
}

int instruction_compose(const struct instruction *i, struct envelope *out, struct err_text *err)
{
    int result = check_fields(i, err);
    if (result < 0) {
        return err_prefix(err, result, "instruction");
    }
    return statement_compose(
        json_pack("{s:O,s:s,s:o,s:s*,s:I,s:s,s:o}", "body", i->body, "checkpoint", i->checkpoint,
                  "expires", time_json(i->expires), "fleet", i->fleet[0] ? i->fleet : NULL, "id",
                  (json_int_t)i->id, "kind", i->kind, "time", time_json(i->time)),
        STATEMENT_INSTRUCTION, out);
}

static int read_fields(const json_t *object, struct instruction *i, struct err_text *err)
{
    static const char *const names[] = {"body", "checkpoint", "expires", "fleet",
                                        "id",   "kind",       "time",    NULL};
    int result = fields_check(object, names, err);
    if (result == ERR_OK && json_object_get(object, "fleet")) {
        result = field_copy(object, "fleet", FLEET_NAME_MAX, i->fleet, err);
    }
    if (result == ERR_OK) {
        result = field_number(object, "id", 1, INT64_MAX, &i->id, err);
    }
    if (result == ERR_OK) {
        result = field_copy(object, "checkpoint", CHECKPOINT_ID_MAX, i->checkpoint, err);
    }
    if (result == ERR_OK) {
        result = field_copy(object, "kind", INSTRUCTION_KIND_MAX, i->kind, err);
    }
    if (result == ERR_OK) {
        result = field_time(object, "time", &i->time, err);
    }
    if (result == ERR_OK) {
        result = field_time(object, "expires", &i->expires, err);
    }
    i->body = json_object_get(object, "body");
    return result == ERR_OK ? check_fields(i, err) : result;
}

int instruction_verify(const struct keyset *set, const void *envelope, size_t size,
                       struct instruction *out, struct err_text *err)
{
    struct signers signers;
    struct instruction i = {0};
    json_t *object = NULL;
    if (size > INSTRUCTION_ENVELOPE_MAX) {
        return err_set(err, ERR_TOO_LARGE, "instruction: %zu bytes, expected at most %d", size,
                       INSTRUCTION_ENVELOPE_MAX);
    }
    int result = statement_open(set, envelope, size, STATEMENT_INSTRUCTION, &signers, &object, err);
    if (result == ERR_OK) {
        result = read_fields(object, &i, err);
    }
    if (result == ERR_OK) {
        result = signers_check_time(&signers, i.time, err);
    }
    if (result == ERR_OK && instruction_is_for_all(&i) && strcmp(i.fleet, set->fleet) != 0) {
        result = err_set(err, ERR_DENIED, "is for fleet %s", i.fleet);
    }
    if (result == ERR_OK) {
        json_incref(i.body);
        memcpy(i.officer, signers.keys[0]->holder, sizeof(i.officer));
        memcpy(i.key, signers.keys[0]->id, sizeof(i.key));
        *out = i;
    }
    json_decref(object);
    return result == ERR_OK ? ERR_OK : err_prefix(err, result, "instruction");
}

int instruction_check(const struct instruction *i, const char *checkpoint, uint64_t last_id,
                      struct wall_time now, struct err_text *err)
{
    if (!instruction_is_for_all(i) && strcmp(i->checkpoint, checkpoint) != 0) {
        return err_set(err, ERR_DENIED, "instruction is for checkpoint %s", i->checkpoint);
    }
    if (i->id <= last_id) {
        return err_set(err, ERR_STALE, "instruction %" PRIu64 ", %" PRIu64 " was carried out",
                       i->id, last_id);
    }
    if (now.ms >= i->expires.ms) {
        return err_set(err, ERR_STALE, "instruction %" PRIu64 " expired", i->id);
    }
    return i->time.ms - now.ms > AHEAD_MAX_MS
               ? err_set(err, ERR_BUSY, "instruction %" PRIu64 " is dated ahead of the clock",
                         i->id)
               : ERR_OK;
}

void instruction_fini(struct instruction *i)
{
    json_decref(i->body);
    *i = (struct instruction){0};
}
