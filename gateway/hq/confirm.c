/*
 * A box asks at a hit whether the entry still stands, here and now: the answer is signed and names
 * the hit's record, so that it fits no other. Nothing is written.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/json.h"
#include "gateway/hq/hqd.h"
#include "gateway/signed/standing.h"

struct listed {
    struct wanted_record record;
    uint64_t revision; /* of the batch that put it there as it is */
};

static int take_entry(void *ctx, const struct hq_value *columns, size_t count)
{
    struct listed *out = ctx;
    struct byte_reader r;
    if (count != 2)
        return ERR_CORRUPT;
    out->revision = (uint64_t)columns[1].number;
    byte_reader_init(&r, columns[0].data, columns[0].size);
    return wanted_record_read(&r, &out->record, NULL);
}

/* `held`: the revision the box hit by. An entry that is not on the list was withdrawn, if its
 * number was ever given. */
static int find_standing(struct hq_call *call, uint64_t held, struct standing_answer *a,
                         struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    struct listed listed = {.revision = 0};
    int64_t max_id = 0;
    int rc = hq_db_query(db, "SELECT record, revision FROM entries WHERE id = $1",
                         HQ_PARAMS(hq_int((int64_t)a->entry)), take_entry, &listed, err);
    if (rc == 0 && listed.revision == 0) {
        rc = hq_db_number(db, "SELECT max_id FROM ids", NULL, 0, 0, &max_id, err);
        a->standing = (int64_t)a->entry <= max_id ? STANDING_WITHDRAWN : STANDING_UNKNOWN;
    } else if (rc == 0) {
        a->standing = listed.record.valid_until.ms <= call->now.ms ? STANDING_EXPIRED
                      : listed.revision > held                     ? STANDING_CHANGED
                                                                   : STANDING_STANDS;
    }
    return rc;
}

/* ERR_INVALID, and the call is answered. */
static int read_question(struct hq_call *call, struct standing_answer *a, uint64_t *out_held)
{
    static const char *const names[] = {"chain", "entry", "revision", "sequence", NULL};
    json_t *object = NULL;
    int rc = hq_call_object(call, names, &object);
    if (rc != 0)
        return rc;
    const char *chain = json_string_value(json_object_get(object, "chain"));
    json_int_t sequence = json_integer_value(json_object_get(object, "sequence"));
    json_int_t entry = json_integer_value(json_object_get(object, "entry"));
    json_int_t held = json_integer_value(json_object_get(object, "revision"));
    if (!chain || hex_decode(chain, a->chain, CHAIN_ID_SIZE) != 0 || sequence < 1 || entry < 1 ||
        held < 1) {
        hq_answer_error(call, 400,
                        "expected chain (32 hex digits), entry, revision and sequence (numbers "
                        "from 1)");
        rc = ERR_INVALID;
    }
    a->sequence = (uint64_t)sequence;
    a->entry = (uint64_t)entry;
    *out_held = (uint64_t)held;
    json_decref(object);
    return rc;
}

/* *out is heap text. ERR_DENIED: the key set has no key of ours. */
static int sign_answer(struct hq_call *call, const struct standing_answer *a, char **out,
                       size_t *out_size, struct err_text *err)
{
    const struct hqd *hq = call->hq;
    struct envelope e = {0};
    const struct keyset_key *key =
        keyset_find(hq->keyset, KEY_ROLE_FRESHNESS, sign_key_id(hq->freshness_key));
    if (!key || !keyset_key_valid(key, call->now))
        return err_set(err, ERR_DENIED, "the key set has no freshness key of ours valid now");
    int rc = standing_compose(a, &e, err);
    return rc == 0 ? hqd_sign(&e, hq->freshness_key, out, out_size) : rc;
}

enum hq_step hq_box_confirm(struct hq_call *call)
{
    struct err_text err = {""};
    struct standing_answer a = {.revision = call->hq->head.revision, .time = call->now};
    uint64_t held = 0;
    char *text = NULL;
    size_t size = 0;
    if (read_question(call, &a, &held) != 0)
        return HQ_DONE;
    memcpy(a.checkpoint, call->id, strlen(call->id) + 1);
    int rc = find_standing(call, held, &a, &err);
    if (rc == 0)
        rc = sign_answer(call, &a, &text, &size, &err);
    if (rc == ERR_DENIED)
        return hq_answer_error(call, 503, "%s", err.text);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    hq_answer_bytes(call, 200, "application/json", text, size);
    free(text);
    return HQ_DONE;
}
