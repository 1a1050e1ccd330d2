/*
 * Signed documents kept by hqd: snapshots with their chunks, key sets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/base/log.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/own.h"
#include "gateway/signed/snapshot.h"

static const int64_t year_ms = (int64_t)366 * 24 * 3600 * 1000;

enum hq_step hq_document_newest(struct hq_call *call, const char *kind)
{
    struct err_text err = {""};
    char *text = NULL;
    size_t size = 0;
    int rc = hq_db_bytes(&call->hq->db,
                         "SELECT body FROM documents WHERE kind = $1 ORDER BY version DESC LIMIT 1",
                         HQ_PARAMS(hq_text(kind)), &text, &size, &err);
    if (rc == ERR_NOT_FOUND)
        return hq_answer_error(call, 404, "no %s yet", kind);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    enum hq_step step = hq_answer_bytes(call, 200, "application/json", text, size);
    free(text);
    return step;
}

enum hq_step hq_list_snapshot(struct hq_call *call)
{
    return hq_document_newest(call, "snapshot");
}

enum hq_step hq_keyset(struct hq_call *call)
{
    return hq_document_newest(call, "keyset");
}

int hq_document_put(struct hqd *hq, const char *kind, uint64_t version, const char *body,
                    size_t size, struct err_text *err)
{
    return hq_db_exec(&hq->db,
                      "INSERT INTO documents(kind, version, body) VALUES($1, $2, $3)"
                      " ON CONFLICT(kind, version) DO UPDATE SET body = $3",
                      HQ_PARAMS(hq_text(kind), hq_int((int64_t)version), hq_blob(body, size)), err);
}

static int check_chunks(struct hqd *hq, const struct snapshot *s, struct err_text *err)
{
    for (size_t i = 0; i < s->chunk_count; i++) {
        char hash[HASH_TEXT_SIZE];
        int64_t size = 0;
        int rc = hq_db_number(&hq->db, "SELECT length(body) FROM chunks WHERE hash = $1",
                              HQ_PARAMS(hq_blob(s->chunks[i].hash, HASH_SIZE)), -1, &size, err);
        if (rc != 0)
            return rc;
        hash_format(s->chunks[i].hash, hash);
        if (size != (int64_t)s->chunks[i].size_bytes)
            return err_set(err, ERR_DENIED, "chunk %zu, %s: not here, or of another size", i, hash);
    }
    return 0;
}

/* Against the list it claims to equal. */
static int check_counts(struct hqd *hq, const struct snapshot *s, struct err_text *err)
{
    int64_t same = 0;
    int64_t need_two = 0;
    int rc = hq_db_number(&hq->db, "SELECT count(*) FROM ids WHERE entries = $1 AND max_id = $2",
                          HQ_PARAMS(hq_int((int64_t)s->entry_count), hq_int((int64_t)s->max_id)), 0,
                          &same, err);
    if (rc == 0)
        rc = hq_db_number(&hq->db, "SELECT need_two FROM ids", NULL, 0, 0, &need_two, err);
    if (rc == 0 && same == 0)
        rc = err_set(err, ERR_DENIED, "entries or max_id are not those of the list");
    if (rc == 0 && need_two > 0 && s->clerk_count < 2)
        rc = err_set(err, ERR_DENIED, "one clerk where two are needed");
    return rc;
}

static enum hq_step take_snapshot(struct hq_call *call, const struct snapshot *s)
{
    struct hqd *hq = call->hq;
    struct err_text err = {""};
    char hash[HASH_TEXT_SIZE];
    if (s->revision != hq->head.revision || memcmp(s->hash, hq->head.hash, HASH_SIZE) != 0) {
        hash_format(hq->head.hash, hash);
        return hq_answer_error_with(call, 409, "snapshot of another revision than the head's",
                                    json_pack("{s:{s:I,s:s,s:o}}", "head", "revision",
                                              (json_int_t)hq->head.revision, "hash", hash, "time",
                                              hq_time_json(hq->head.time.ms)));
    }
    int rc = check_counts(hq, s, &err);
    if (rc == 0)
        rc = check_chunks(hq, s, &err);
    if (rc == ERR_DENIED)
        return hq_answer_error(call, 422, "%s", err.text);
    if (rc == 0)
        rc = hq_db_begin(&hq->db, &err);
    if (rc == 0)
        rc = hq_document_put(hq, "snapshot", s->revision, call->body, call->size, &err);
    if (rc == 0)
        rc = hq_act_commit(call, 201, &err);
    hq_db_rollback(&hq->db);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    return hq_answer_json(call, 201, json_pack("{s:I}", "revision", (json_int_t)s->revision));
}

enum hq_step hq_list_put_snapshot(struct hq_call *call)
{
    struct err_text err = {""};
    struct snapshot s = {0};
    int rc = snapshot_verify(call->hq->keyset, call->body, call->size, &s, &err);
    if (rc != 0)
        return hq_answer_error(call, rc == ERR_NO_MEMORY ? 503 : 422, "%s",
                               err.text[0] ? err.text : err_name(rc));
    hq_call_about(call, "revision %llu, %zu chunks", (unsigned long long)s.revision, s.chunk_count);
    enum hq_step step = take_snapshot(call, &s);
    snapshot_fini(&s);
    return step;
}

/* The hash of the path; answers 400 and returns false when it is none. */
static bool chunk_hash(struct hq_call *call, uint8_t out[HASH_SIZE])
{
    if (hex_decode(call->id, out, HASH_SIZE) == 0)
        return true;
    hq_answer_error(call, 400, "chunk: expected 64 hex digits");
    return false;
}

enum hq_step hq_list_chunk(struct hq_call *call)
{
    struct err_text err = {""};
    uint8_t hash[HASH_SIZE];
    char *body = NULL;
    size_t size = 0;
    if (!chunk_hash(call, hash))
        return HQ_DONE;
    int rc = hq_db_bytes(&call->hq->db, "SELECT body FROM chunks WHERE hash = $1",
                         HQ_PARAMS(hq_blob(hash, sizeof(hash))), &body, &size, &err);
    if (rc == ERR_NOT_FOUND)
        return hq_answer_error(call, 404, "no such chunk");
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    enum hq_step step = hq_answer_bytes(call, 200, "application/octet-stream", body, size);
    free(body);
    return step;
}

enum hq_step hq_list_put_chunk(struct hq_call *call)
{
    struct err_text err = {""};
    struct hq_db *db = &call->hq->db;
    uint8_t hash[HASH_SIZE];
    uint8_t got[HASH_SIZE];
    if (!chunk_hash(call, hash))
        return HQ_DONE;
    int rc = hash_bytes(call->body, call->size, got);
    if (rc == 0 && memcmp(hash, got, HASH_SIZE) != 0)
        return hq_answer_error(call, 422, "the bytes have another hash");
    if (rc == 0)
        rc = hq_db_begin(db, &err);
    if (rc == 0)
        rc = hq_db_exec(db, "INSERT INTO chunks(hash, body) VALUES($1, $2) ON CONFLICT DO NOTHING",
                        HQ_PARAMS(hq_blob(hash, HASH_SIZE), hq_blob(call->body, call->size)), &err);
    int status = rc == 0 && hq_db_changed(db) > 0 ? 201 : 200;
    if (rc == 0)
        rc = hq_act_commit(call, status, &err);
    hq_db_rollback(db);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    return hq_answer_json(call, status, json_pack("{s:s}", "chunk", call->id));
}

static int store_keyset(struct hq_call *call, const struct keyset *next, struct err_text *err)
{
    struct hqd *hq = call->hq;
    char message[64];
    (void)snprintf(message, sizeof(message), "{\"version\":%llu}",
                   (unsigned long long)next->version); /* fits */
    int rc = hq_db_begin(&hq->db, err);
    if (rc == 0)
        rc = hq_document_put(hq, "keyset", next->version, call->body, call->size, err);
    if (rc == 0)
        rc = hqd_post(hq, NULL, "keyset", message, strlen(message), call->now,
                      (struct wall_time){call->now.ms + year_ms}, err);
    if (rc == 0)
        rc = hq_act_commit(call, 201, err);
    hq_db_rollback(&hq->db);
    return rc;
}

/* Takes `next` over when it is stored. */
static enum hq_step take_keyset(struct hq_call *call, struct keyset **next)
{
    struct hqd *hq = call->hq;
    struct err_text err = {""};
    hq_call_about(call, "version %llu", (unsigned long long)(*next)->version);
    if (strcmp(hq->keyset->fleet, (*next)->fleet) != 0)
        return hq_answer_error(call, 422, "fleet: another fleet's key set");
    if (keyset_check_newer(hq->keyset, *next, &err) != 0)
        return hq_answer_error_with(call, 409, err.text,
                                    json_pack("{s:I}", "version", (json_int_t)hq->keyset->version));
    int rc = store_keyset(call, *next, &err);
    if (rc != 0)
        return hq_answer_failure(call, rc, &err);
    free(hq->keyset);
    hq->keyset = *next;
    *next = NULL;
    log_event(EVENT_HQ_KEYSET, "version=%llu operator=%s", (unsigned long long)hq->keyset->version,
              call->peer.identity.name);
    hqd_renew_freshness(hq);
    hqd_wake(hq, HQ_TOPIC_INBOX);
    return hq_answer_json(call, 201,
                          json_pack("{s:I}", "version", (json_int_t)hq->keyset->version));
}

enum hq_step hq_put_keyset(struct hq_call *call)
{
    struct err_text err = {""};
    struct keyset *next = calloc(1, sizeof(*next));
    int rc =
        next ? keyset_verify(&call->hq->roots, call->body, call->size, next, &err) : ERR_NO_MEMORY;
    enum hq_step step = rc == 0 ? take_keyset(call, &next)
                                : hq_answer_error(call, rc == ERR_NO_MEMORY ? 503 : 422, "%s",
                                                  err.text[0] ? err.text : err_name(rc));
    free(next);
    return step;
}
