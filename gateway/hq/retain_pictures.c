/*
 * See retain_pictures.h. What is due is looked for without keeping hqd from writing; each round of
 * deletions is a short transaction that looks at the holds again.
 */
#include "gateway/hq/retain_pictures.h"

#include <stdio.h>
#include <string.h>

#include "gateway/hq/holds.h"
#include "gateway/hq/own.h"
#include "gateway/tls/identity.h"

enum { ROUND = 20 /* pictures of one transaction, of up to 8 MiB */ };

struct round {
    struct hq_db *db;
    int64_t due_ms; /* hits up to here are past the term */
    struct hq_holds *holds;
    size_t count;
    int64_t numbers[ROUND];
    char checkpoints[ROUND][TLS_LABEL_SIZE];
    int64_t deleted;
    int64_t held;
    int64_t first; /* deleted */
    int64_t last;
};

static int take_due(void *ctx, const struct hq_value *c, size_t count)
{
    struct round *r = ctx;
    if (count != 2 || c[1].size >= TLS_LABEL_SIZE || r->count == ROUND)
        return ERR_CORRUPT;
    memcpy(r->checkpoints[r->count], c[1].data, c[1].size);
    r->checkpoints[r->count][c[1].size] = '\0';
    r->numbers[r->count++] = c[0].number;
    return 0;
}

static int find_due(struct round *r, int64_t after, struct err_text *err)
{
    return hq_db_query(r->db,
                       "SELECT e.number, e.checkpoint FROM evidence e WHERE e.deleted_ms IS NULL"
                       " AND e.number > $1 AND NOT EXISTS(SELECT 1 FROM evidence_links l"
                       " WHERE l.number = e.number AND l.time_ms > $2) ORDER BY e.number LIMIT $3",
                       HQ_PARAMS(hq_int(after), hq_int(r->due_ms), hq_int(ROUND)), take_due, r,
                       err);
}

struct look {
    const struct hq_holds *holds;
    const char *checkpoint;
    bool held;
};

static int look_at_hit(void *ctx, const struct hq_value *c, size_t count)
{
    struct look *look = ctx;
    if (count != 2)
        return ERR_CORRUPT;
    look->held |= hq_holds_cover(look->holds, look->checkpoint, (struct wall_time){c[1].number},
                                 c[0].data, c[0].size);
    return 0;
}

/* What a case holds of the hit holds its pictures. */
static int is_held(struct round *r, size_t at, bool *out, struct err_text *err)
{
    struct look look = {.holds = r->holds, .checkpoint = r->checkpoints[at]};
    int rc = hq_db_query(r->db,
                         "SELECT h.body, h.time_ms FROM evidence_links l JOIN hits h"
                         " ON h.checkpoint = $2 AND h.chain = l.chain AND h.sequence = l.sequence"
                         " WHERE l.number = $1",
                         HQ_PARAMS(hq_int(r->numbers[at]), hq_text(r->checkpoints[at])),
                         look_at_hit, &look, err);
    *out = look.held;
    return rc;
}

static int delete_one(struct round *r, size_t at, struct wall_time now, struct err_text *err)
{
    const struct hq_value number = hq_int(r->numbers[at]);
    bool held = false;
    int rc = is_held(r, at, &held, err);
    if (rc != 0 || held) {
        r->held += held;
        return rc;
    }
    rc = hq_db_exec(r->db,
                    "UPDATE evidence SET deleted_ms = $2 WHERE number = $1 AND NOT EXISTS(SELECT 1"
                    " FROM evidence_links l WHERE l.number = $1 AND l.time_ms > $3)",
                    HQ_PARAMS(number, hq_int(now.ms), hq_int(r->due_ms)), err);
    if (rc != 0 || hq_db_changed(r->db) == 0)
        return rc; /* of a newer hit since */
    r->first = r->deleted == 0 ? number.number : r->first;
    r->last = number.number;
    r->deleted++;
    return hq_db_exec(r->db, "DELETE FROM evidence_parts WHERE number = $1", HQ_PARAMS(number),
                      err);
}

static int tell(struct round *r, struct wall_time now, struct err_text *err)
{
    char about[96];
    if (r->deleted == 0)
        return 0;
    (void)snprintf(about, sizeof(about), "%lld pictures, %lld to %lld", (long long)r->deleted,
                   (long long)r->first, (long long)r->last); /* fits */
    return hq_own_append(r->db, "hq-retaind",
                         json_pack("{s:s,s:s,s:s}", "what", "retention.delete", "about", about,
                                   "person", "hq-retaind"),
                         now, err);
}

static int delete_round(struct round *r, struct wall_time now, struct err_text *err)
{
    int rc = hq_db_begin(r->db, err);
    if (rc == 0)
        rc = hq_holds_load(r->db, &r->holds, err);
    for (size_t i = 0; rc == 0 && i < r->count; i++)
        rc = delete_one(r, i, now, err);
    if (rc == 0)
        rc = tell(r, now, err);
    if (rc == 0)
        rc = hq_db_commit(r->db, err);
    hq_db_rollback(r->db);
    hq_holds_free(r->holds);
    r->holds = NULL;
    return rc;
}

int hq_retain_pictures(struct hq_db *db, int64_t days, struct wall_time now,
                       bool (*go_on)(void *ctx), void *ctx, struct hq_retained *out,
                       struct err_text *err)
{
    struct round r = {.db = db, .due_ms = now.ms - days * 24 * 3600 * 1000};
    int64_t after = 0;
    int rc = 0;
    do {
        r.count = 0;
        r.deleted = r.held = 0;
        rc = go_on(ctx) ? find_due(&r, after, err) : ERR_STOPPED;
        if (rc == 0 && r.count > 0)
            rc = delete_round(&r, now, err);
        if (rc == 0 && r.count > 0) {
            after = r.numbers[r.count - 1];
            out->deleted += r.deleted;
            out->held += r.held;
        }
    } while (rc == 0 && r.count == ROUND);
    return rc == 0 || rc == ERR_STOPPED ? rc : err_prefix(err, rc, "pictures");
}
