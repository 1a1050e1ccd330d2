/*
 * See own.h. No state of its own: all of it is in the database.
 */
#include "gateway/hq/own.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"
#include "gateway/hq/hqd.h"

enum { SHOWN_MAX = 256 /* bytes of a path or query in a record */ };

static int take_head(void *ctx, const struct hq_value *columns, size_t count)
{
    struct journal_head *head = ctx;
    struct journal_header header;
    const uint8_t *bytes = (const uint8_t *)columns[0].data;
    if (count != 1 || columns[0].size != JOURNAL_HEADER_SIZE ||
        journal_header_read(bytes, &header, NULL) != 0)
        return ERR_CORRUPT;
    memcpy(head->chain, header.chain, JOURNAL_CHAIN_ID_SIZE);
    head->sequence = header.sequence;
    return journal_hash(bytes, head->hash);
}

int hq_own_head(struct hq_db *db, struct journal_head *out, struct err_text *err)
{
    struct journal_head head = {0};
    int rc = hq_db_query(db, "SELECT header FROM own_records ORDER BY sequence DESC LIMIT 1", NULL,
                         0, take_head, &head, err);
    if (rc != 0)
        return err_prefix(err, rc, "headquarters' own records");
    *out = head;
    return 0;
}

static int put(struct hq_db *db, struct journal_header *header, const char *body, size_t size,
               struct err_text *err)
{
    uint8_t bytes[JOURNAL_HEADER_SIZE];
    uint8_t salt[JOURNAL_SALT_SIZE];
    if (RAND_bytes(salt, sizeof(salt)) != 1)
        return err_set(err, ERR_IO, "no random numbers");
    int rc = journal_digest(salt, body, size, header->digest);
    if (rc != 0)
        return rc;
    journal_header_write(header, bytes);
    return hq_db_exec(db,
                      "INSERT INTO own_records(sequence, header, salt, body, time_ms)"
                      " VALUES($1, $2, $3, $4, $5)",
                      HQ_PARAMS(hq_int((int64_t)header->sequence), hq_blob(bytes, sizeof(bytes)),
                                hq_blob(salt, sizeof(salt)), hq_blob(body, size),
                                hq_int(header->wall.ms)),
                      err);
}

int hq_own_append(struct hq_db *db, const char *actor, json_t *body, struct wall_time now,
                  struct err_text *err)
{
    struct journal_head head;
    struct journal_header header = {.kind = JOURNAL_ACT, .wall = now};
    char *text = NULL;
    size_t size = 0;
    int rc = body ? json_canonical(body, &text, &size) : ERR_NO_MEMORY;
    json_decref(body);
    if (rc == 0)
        rc = hq_own_head(db, &head, err);
    if (rc == 0 && head.sequence == 0 && RAND_bytes(head.chain, sizeof(head.chain)) != 1)
        rc = err_set(err, ERR_IO, "no random numbers");
    if (rc == 0) {
        memcpy(header.chain, head.chain, sizeof(header.chain));
        memcpy(header.previous, head.hash, sizeof(header.previous));
        (void)snprintf(header.actor, sizeof(header.actor), "%s", actor); /* cut as promised */
        header.sequence = head.sequence + 1;
        rc = put(db, &header, text, size, err);
    }
    free(text);
    return rc;
}

/* ---- an operator's request ---- */

static int set(json_t *body, const char *name, json_t *value)
{
    return value && json_object_set_new(body, name, value) == 0 ? 0 : ERR_NO_MEMORY;
}

static int set_text(json_t *body, const char *name, const char *text)
{
    return text && text[0] ? set(body, name, json_string(text)) : 0;
}

/* What a peer sent: printable ASCII, cut. */
static int set_shown(json_t *body, const char *name, const char *text)
{
    char shown[SHOWN_MAX + 1];
    size_t size = 0;
    for (; text && text[size] && size < SHOWN_MAX; size++)
        shown[size] = text[size] >= ' ' && text[size] <= '~' ? text[size] : '?';
    shown[size] = '\0';
    return set_text(body, name, shown);
}

static int set_hash(json_t *body, const struct hq_call *call)
{
    uint8_t hash[HASH_SIZE];
    char text[HASH_TEXT_SIZE];
    if (call->size == 0)
        return 0;
    int rc = hash_bytes(call->body, call->size, hash);
    if (rc != 0)
        return rc;
    hash_format(hash, text);
    rc = set(body, "bytes", json_integer((json_int_t)call->size));
    return rc == 0 ? set_text(body, "body", text) : rc;
}

/* New reference, NULL without memory. A reason stands once its member was read. */
static json_t *describe(const struct hq_call *call, int status)
{
    const struct tls_identity *who = &call->peer.identity;
    json_t *body = json_object();
    int rc = body ? set(body, "answer", json_integer(status)) : ERR_NO_MEMORY;
    rc = rc ? rc : set_text(body, "person", who->name);
    rc = rc ? rc : set_text(body, "fleet", who->fleet);
    rc = rc || !call->roles ? rc : set(body, "roles", hq_roles_json(call->roles));
    rc = rc ? rc : set_text(body, "what", call->what ? call->what : "unknown");
    rc = rc ? rc : set_text(body, "about", call->about);
    rc = rc ? rc : set_text(body, "reason", call->reason);
    rc = rc ? rc : set_shown(body, "refused", status >= 400 ? call->why : "");
    rc = rc ? rc : set_shown(body, "method", call->method);
    rc = rc ? rc : set_shown(body, "path", call->path);
    rc = rc ? rc : set_shown(body, "query", call->query_text);
    rc = rc ? rc : set_hash(body, call);
    if (rc == 0)
        return body;
    json_decref(body);
    return NULL;
}

int hq_act_commit(struct hq_call *call, int status, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int rc = hq_own_append(db, call->peer.identity.name, describe(call, status), call->now, err);
    if (rc == 0)
        rc = hq_db_commit(db, err);
    if (rc == 0)
        call->recorded = true;
    return rc;
}

void hq_act_record(struct hq_call *call)
{
    struct err_text err = {""};
    int rc = hq_db_begin(&call->hq->db, &err);
    if (rc == 0)
        rc = hq_act_commit(call, call->answer.status, &err);
    hq_db_rollback(&call->hq->db);
    hqd_noted(call->hq, rc, &err);
    if (rc != 0)
        hq_answer_error(call, rc == ERR_IO || rc == ERR_CORRUPT ? 500 : 503,
                        "refused: it could not be recorded: %s",
                        err.text[0] ? err.text : err_name(rc));
}

/* ---- streams ---- */

static int goes_on(struct hq_call *call, int64_t after, int64_t *out_count, struct err_text *err)
{
    return hq_db_number(&call->hq->db,
                        "SELECT count(*) FROM streams WHERE person = $1 AND checkpoint = $2"
                        " AND next = $3 AND begun_ms > $4 AND begun_ms <= $5",
                        HQ_PARAMS(hq_text(call->peer.identity.name),
                                  hq_text(call->query.checkpoint), hq_int(after),
                                  hq_int(call->now.ms - HQ_STREAM_MS), hq_int(call->now.ms)),
                        0, out_count, err);
}

int hq_stream_begin(struct hq_call *call, int64_t after, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int64_t count = 0;
    int rc = goes_on(call, after, &count, err);
    if (rc != 0 || count > 0) {
        call->recorded = rc == 0;
        return rc;
    }
    hq_call_about(call, "waits for hits after %lld", (long long)after);
    rc = hq_db_begin(db, err);
    if (rc == 0)
        rc =
            hq_db_exec(db,
                       "INSERT INTO streams(person, checkpoint, next, begun_ms)"
                       " VALUES($1, $2, $3, $4) ON CONFLICT(person, checkpoint) DO UPDATE"
                       " SET next = $3, begun_ms = $4",
                       HQ_PARAMS(hq_text(call->peer.identity.name), hq_text(call->query.checkpoint),
                                 hq_int(after), hq_int(call->now.ms)),
                       err);
    if (rc == 0)
        rc = hq_act_commit(call, 200, err);
    hq_db_rollback(db);
    return rc;
}

int hq_stream_page(struct hq_call *call, int64_t after, int64_t next, struct err_text *err)
{
    struct hq_db *db = &call->hq->db;
    int rc = hq_db_begin(db, err);
    if (rc == 0)
        rc = hq_db_exec(db,
                        "UPDATE streams SET next = $4"
                        " WHERE person = $1 AND checkpoint = $2 AND next = $3",
                        HQ_PARAMS(hq_text(call->peer.identity.name),
                                  hq_text(call->query.checkpoint), hq_int(after), hq_int(next)),
                        err);
    if (rc == 0)
        rc = hq_act_commit(call, 200, err);
    hq_db_rollback(db);
    return rc;
}

/* ---- the chain, read ---- */

struct page {
    struct hq_call *call;
    char source[TLS_URN_SIZE];
    int count;
    int64_t next;
};

static int read_row(const struct hq_value *columns, size_t count, struct journal_record *out)
{
    struct journal_record r = {0};
    if (count != 3 || columns[0].size != JOURNAL_HEADER_SIZE)
        return ERR_CORRUPT;
    memcpy(r.bytes, columns[0].data, JOURNAL_HEADER_SIZE);
    int rc = journal_header_read(r.bytes, &r.header, NULL);
    if (rc != 0)
        return ERR_CORRUPT;
    r.has_body = columns[1].type == HQ_BLOB && columns[2].type == HQ_BLOB;
    if (r.has_body && columns[1].size != JOURNAL_SALT_SIZE)
        return ERR_CORRUPT;
    if (r.has_body) {
        memcpy(r.salt, columns[1].data, JOURNAL_SALT_SIZE);
        r.body = columns[2].data;
        r.body_size = columns[2].size;
    }
    *out = r;
    return 0;
}

static int add_record(void *ctx, const struct hq_value *columns, size_t count)
{
    struct page *p = ctx;
    struct evbuffer *to = p->call->answer.body;
    struct journal_record record;
    char *line = NULL;
    size_t size = 0;
    int rc = read_row(columns, count, &record);
    if (rc == 0)
        rc = journal_wire_write(&record, p->source, true, &line, &size);
    if (rc == 0 && p->count > 0 && evbuffer_get_length(to) + size + 512 > HQ_ANSWER_MAX)
        rc = ERR_FULL;
    if (rc == 0 && (evbuffer_add(to, ",", p->count > 0) != 0 || evbuffer_add(to, line, size) != 0))
        rc = ERR_NO_MEMORY;
    free(line);
    if (rc != 0)
        return rc;
    p->count++;
    p->next = (int64_t)record.header.sequence;
    return 0;
}

static enum hq_step end_page(struct page *p, const struct journal_head *head)
{
    char hash[HASH_TEXT_SIZE];
    hash_format(head->hash, hash);
    hq_call_about(p->call, "%d, up to %lld", p->count, (long long)p->next);
    if (evbuffer_add_printf(p->call->answer.body,
                            "],\"next\":%lld,\"head\":{\"sequence\":%llu,\"hash\":\"%s\"}}",
                            (long long)p->next, (unsigned long long)head->sequence, hash) < 0)
        return hq_answer_error(p->call, 503, "out of memory");
    return HQ_DONE;
}

enum hq_step hq_operator_own(struct hq_call *call)
{
    struct err_text err = {""};
    struct journal_head head = {0};
    struct page p = {.call = call, .next = (int64_t)call->query.after};
    struct tls_identity us = {.kind = TLS_PEER_HQ};
    (void)snprintf(us.fleet, sizeof(us.fleet), "%s", call->hq->keyset->fleet); /* a label fits */
    int rc = tls_identity_format(&us, p.source);
    if (rc == 0)
        rc = hq_own_head(&call->hq->db, &head, &err);
    hq_answer_begin(call, 200);
    if (rc == 0 && evbuffer_add_printf(call->answer.body, "{\"records\":[") < 0)
        rc = ERR_NO_MEMORY;
    if (rc == 0)
        rc =
            hq_db_query(&call->hq->db,
                        "SELECT header, salt, body FROM own_records WHERE sequence > $1"
                        " ORDER BY sequence LIMIT $2",
                        HQ_PARAMS(hq_int(p.next), hq_int(call->query.limit)), add_record, &p, &err);
    return rc == 0 || rc == ERR_FULL ? end_page(&p, &head) : hq_answer_failure(call, rc, &err);
}
