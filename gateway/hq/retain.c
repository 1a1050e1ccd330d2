/*
 * See retain.h. How far each source is done is kept as a mark (retain_marks): records are in the
 * order of their time, so a pass goes on at its mark and ends at the first record not yet due.
 */
#include "gateway/hq/retain.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/hq/holds.h"
#include "gateway/hq/own.h"
#include "gateway/hq/retain_pictures.h"
#include "gateway/tls/identity.h"

enum { ROUND = 200 /* rows of one transaction */, CHAINS_MAX = 16384 };

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;
static const char program_name[] = "hq-retaind";

enum term { TERM_PASSAGE, TERM_RECORD, TERM_OWN };

/* Rows in the order of a number: key, kind, checkpoint, time, received, body or line. $1 the number
 * gone by, $2 how many; of a chain's also $3 checkpoint, $4 chain. */
struct source {
    const char *name; /* stands in retain_marks: never changed */
    const char *what; /* for people */
    enum term term;
    bool of_chain; /* `body` is a line of journal_wire_write */
    bool marked;   /* false: looked through from its beginning each time */
    const char *select;
    const char *update; /* $1 key, $2 what is left; of a chain's $3, $4 */
};

#define CHAIN_ROWS(table)                                                                          \
    "SELECT sequence, kind, checkpoint, time_ms, received_ms, line FROM " table                    \
    " WHERE checkpoint = $3 AND chain = $4 AND sequence > $1 ORDER BY sequence LIMIT $2"
#define CHAIN_LEFT(table)                                                                          \
    "UPDATE " table " SET line = $2 WHERE checkpoint = $3 AND chain = $4 AND sequence = $1"
#define NUMBERED_ROWS(table, kind)                                                                 \
    "SELECT number, '" kind "', checkpoint, time_ms, received_ms, body FROM " table                \
    " WHERE number > $1 ORDER BY number LIMIT $2"
#define NUMBERED_LEFT(table) "UPDATE " table " SET body = $2 WHERE number = $1"

static const char own_rows[] = "SELECT sequence, 'own', '', time_ms, time_ms, body FROM own_records"
                               " WHERE sequence > $1 ORDER BY sequence LIMIT $2";
static const char own_left[] = "UPDATE own_records SET salt = NULL, body = $2 WHERE sequence = $1";

static const struct source sources[] = {
    {"passages", "passages", TERM_PASSAGE, true, true, CHAIN_ROWS("records"),
     CHAIN_LEFT("records")},
    {"records", "records", TERM_RECORD, true, true, CHAIN_ROWS("records"), CHAIN_LEFT("records")},
    {"urgent-passages", "urgent passages", TERM_PASSAGE, true, false, CHAIN_ROWS("urgents"),
     CHAIN_LEFT("urgents")},
    {"urgents", "urgent records", TERM_RECORD, true, false, CHAIN_ROWS("urgents"),
     CHAIN_LEFT("urgents")},
    {"hits", "hits", TERM_RECORD, false, true, NUMBERED_ROWS("hits", "hit"), NUMBERED_LEFT("hits")},
    {"answers", "answers", TERM_RECORD, false, true, NUMBERED_ROWS("answers", "hit_answer"),
     NUMBERED_LEFT("answers")},
    {"own", "own records", TERM_OWN, false, true, own_rows, own_left},
};

struct chain_key {
    char checkpoint[TLS_LABEL_SIZE];
    uint8_t chain[JOURNAL_CHAIN_ID_SIZE];
};

struct due {
    int64_t key;
    char *left; /* heap; NULL: nothing is left of it */
    size_t left_size;
};

struct run {
    struct hq_db *db;
    const struct hq_terms *terms;
    struct wall_time now;
    struct hq_retained *out;
    struct err_text *err;
    struct chain_key *chains;
    size_t chain_count;
    /* of the pass */
    const struct source *source;
    const struct chain_key *chain; /* of_chain */
    int64_t mark;
    /* of the round */
    struct hq_holds *holds;
    struct due due[ROUND];
    size_t due_count;
    int rows;
    bool end; /* what follows is not due yet */
    int64_t held;
};

static int64_t term_ms(const struct run *r)
{
    switch (r->source->term) {
    case TERM_PASSAGE:
        return r->terms->passage_days * day_ms;
    case TERM_RECORD:
        return r->terms->record_days * day_ms;
    case TERM_OWN:
        break;
    }
    return r->terms->own_days * day_ms;
}

/* Kinds that name nobody are kept for ever, and those a newer build knows. */
static bool is_of_term(const struct hq_value *kind, enum term term)
{
    static const char *const kinds[] = {"hit", "hit_answer", "decision",    "order",    "outcome",
                                        "act", "device",     "instruction", "observed", "handling"};
    char name[JOURNAL_KIND_TEXT_SIZE];
    (void)snprintf(name, sizeof(name), "%.*s", (int)kind->size, kind->data); /* written by us */
    if (term == TERM_PASSAGE)
        return strcmp(name, "passage") == 0;
    for (size_t i = 0; term == TERM_RECORD && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(name, kinds[i]) == 0)
            return true;
    return term == TERM_OWN;
}

/* ---- one row ---- */

static bool held(struct run *r, const char *checkpoint, int64_t time_ms, const char *body,
                 size_t size)
{
    bool covered = hq_holds_cover(r->holds, checkpoint, (struct wall_time){time_ms}, body, size);
    r->held += covered;
    return covered;
}

/* The line without body and salt; *out NULL: there is none in it, or it is held. */
static int strip_line(struct run *r, const struct hq_value *line, char **out, size_t *out_size)
{
    struct journal_wire wire;
    int rc = journal_wire_read(line->data, line->size, &wire, r->err);
    if (rc != 0)
        return rc;
    if (wire.record.has_body && !held(r, r->chain->checkpoint, wire.record.header.wall.ms,
                                      wire.record.body, wire.record.body_size))
        rc = journal_wire_write(&wire.record, wire.source, false, out, out_size);
    journal_wire_free(&wire);
    return rc;
}

static int take_due(struct run *r, const struct hq_value *c)
{
    struct due *due = &r->due[r->due_count];
    char checkpoint[TLS_LABEL_SIZE];
    *due = (struct due){.key = c[0].number};
    if (r->source->of_chain) {
        int rc = strip_line(r, &c[5], &due->left, &due->left_size);
        r->due_count += rc == 0 && due->left;
        return rc;
    }
    (void)snprintf(checkpoint, sizeof(checkpoint), "%.*s", (int)c[2].size, c[2].data); /* fits */
    bool empty = c[5].type != HQ_BLOB || c[5].size <= 2; /* NULL, {} */
    if (!empty && !held(r, checkpoint, c[3].number, c[5].data, c[5].size))
        r->due_count++;
    return 0;
}

static int take_row(void *ctx, const struct hq_value *c, size_t count)
{
    struct run *r = ctx;
    if (count != 6)
        return ERR_CORRUPT;
    int64_t time_ms = c[3].number < c[4].number ? c[3].number : c[4].number;
    if (time_ms > r->now.ms - term_ms(r)) {
        r->end = true;
        return ERR_STOPPED;
    }
    int rc = is_of_term(&c[1], r->source->term) ? take_due(r, c) : 0;
    r->rows++;
    r->mark = c[0].number;
    return rc;
}

/* ---- one round ---- */

static struct hq_value chain_value(const struct run *r)
{
    return r->source->of_chain ? hq_blob(r->chain->chain, JOURNAL_CHAIN_ID_SIZE) : hq_blob("", 0);
}

static const char *checkpoint_of(const struct run *r)
{
    return r->source->of_chain ? r->chain->checkpoint : "";
}

static size_t params_of(const struct run *r)
{
    return r->source->of_chain ? 4 : 2;
}

static int read_rows(struct run *r)
{
    const struct hq_value params[] = {hq_int(r->mark), hq_int(ROUND), hq_text(checkpoint_of(r)),
                                      chain_value(r)};
    int rc = hq_db_query(r->db, r->source->select, params, params_of(r), take_row, r, r->err);
    return rc == ERR_STOPPED ? 0 : rc;
}

/* What is left of a body that stands alone: an empty object; of our own nothing. */
static struct hq_value left_of(const struct run *r, const struct due *due)
{
    if (r->source->of_chain)
        return hq_blob(due->left, due->left_size);
    return r->source->term == TERM_OWN ? hq_text(NULL) : hq_blob("{}", 2);
}

static int delete_bodies(struct run *r)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->due_count; i++) {
        const struct hq_value params[] = {hq_int(r->due[i].key), left_of(r, &r->due[i]),
                                          hq_text(checkpoint_of(r)), chain_value(r)};
        rc = hq_db_exec(r->db, r->source->update, params, params_of(r), r->err);
    }
    return rc;
}

static int put_mark(struct run *r)
{
    if (!r->source->marked || r->rows == 0)
        return 0;
    return hq_db_exec(r->db,
                      "INSERT INTO retain_marks(source, checkpoint, chain, mark)"
                      " VALUES($1, $2, $3, $4)"
                      " ON CONFLICT(source, checkpoint, chain) DO UPDATE SET mark = $4",
                      HQ_PARAMS(hq_text(r->source->name), hq_text(checkpoint_of(r)), chain_value(r),
                                hq_int(r->mark)),
                      r->err);
}

static int tell(struct run *r)
{
    char about[256];
    char chain[2 * JOURNAL_CHAIN_ID_SIZE + 1] = "";
    if (r->due_count == 0)
        return 0;
    if (r->source->of_chain)
        hex_encode(r->chain->chain, JOURNAL_CHAIN_ID_SIZE, chain);
    (void)snprintf(about, sizeof(about), "%zu %s, %lld to %lld%s%s%s%s", r->due_count,
                   r->source->what, (long long)r->due[0].key,
                   (long long)r->due[r->due_count - 1].key, chain[0] ? " of " : "",
                   checkpoint_of(r), chain[0] ? " chain " : "", chain); /* fits */
    return hq_own_append(r->db, program_name,
                         json_pack("{s:s,s:s,s:s}", "what", "retention.delete", "about", about,
                                   "person", program_name),
                         r->now, r->err);
}

static void end_round(struct run *r)
{
    for (size_t i = 0; i < r->due_count; i++)
        free(r->due[i].left);
    hq_holds_free(r->holds);
    r->holds = NULL;
    r->due_count = 0;
}

static int run_round(struct run *r)
{
    r->rows = 0;
    r->held = 0;
    int rc = hq_db_begin(r->db, r->err);
    if (rc == 0)
        rc = hq_holds_load(r->db, &r->holds, r->err);
    if (rc == 0)
        rc = read_rows(r);
    if (rc == 0)
        rc = delete_bodies(r);
    if (rc == 0)
        rc = put_mark(r);
    if (rc == 0)
        rc = tell(r);
    if (rc == 0)
        rc = hq_db_commit(r->db, r->err);
    hq_db_rollback(r->db);
    if (rc == 0) {
        r->out->deleted += (int64_t)r->due_count;
        r->out->held += r->held;
    }
    end_round(r);
    return rc;
}

/* ---- all of it ---- */

static int run_pass(struct run *r, bool (*go_on)(void *ctx), void *ctx)
{
    int rc =
        hq_db_number(r->db,
                     "SELECT mark FROM retain_marks WHERE source = $1 AND checkpoint = $2"
                     " AND chain = $3",
                     HQ_PARAMS(hq_text(r->source->name), hq_text(checkpoint_of(r)), chain_value(r)),
                     0, &r->mark, r->err);
    r->end = false;
    do {
        if (rc == 0)
            rc = go_on(ctx) ? run_round(r) : ERR_STOPPED;
    } while (rc == 0 && !r->end && r->rows == ROUND);
    return rc == 0 || rc == ERR_STOPPED ? rc : err_prefix(r->err, rc, "%s", r->source->what);
}

static int take_chain(void *ctx, const struct hq_value *c, size_t count)
{
    struct run *r = ctx;
    if (count != 2 || c[0].size >= TLS_LABEL_SIZE || c[1].size != JOURNAL_CHAIN_ID_SIZE)
        return ERR_CORRUPT;
    if (r->chain_count == CHAINS_MAX)
        return ERR_TOO_LARGE;
    struct chain_key *key = &r->chains[r->chain_count++];
    memcpy(key->checkpoint, c[0].data, c[0].size);
    memcpy(key->chain, c[1].data, c[1].size);
    return 0;
}

static int run_all(struct run *r, bool (*go_on)(void *ctx), void *ctx)
{
    int rc = hq_db_query(r->db,
                         "SELECT checkpoint, chain FROM chains UNION"
                         " SELECT checkpoint, chain FROM urgents",
                         NULL, 0, take_chain, r, r->err);
    for (size_t i = 0; rc == 0 && i < sizeof(sources) / sizeof(sources[0]); i++) {
        r->source = &sources[i];
        if (!r->source->of_chain)
            rc = run_pass(r, go_on, ctx);
        for (size_t k = 0; rc == 0 && r->source->of_chain && k < r->chain_count; k++) {
            r->chain = &r->chains[k];
            rc = run_pass(r, go_on, ctx);
        }
    }
    return rc == ERR_STOPPED ? 0 : rc;
}

/* Two clocks that are not ours: a box's, which wrote the record, bounded by when it came; a
 * clerk's, which dated a batch. */
static int check_clock(struct run *r)
{
    char known[WALL_TEXT_SIZE];
    char now[WALL_TEXT_SIZE];
    int64_t known_ms = 0;
    int rc = hq_db_number(
        r->db,
        "SELECT max(t) FROM (SELECT CASE WHEN r.time_ms < r.received_ms THEN r.time_ms"
        " ELSE r.received_ms END AS t FROM chains c JOIN records r ON r.checkpoint = c.checkpoint"
        " AND r.chain = c.chain AND r.sequence = c.sequence UNION ALL"
        " SELECT CASE WHEN time_ms < received_ms THEN time_ms ELSE received_ms END FROM urgents"
        " UNION ALL SELECT time_ms FROM batches) k",
        NULL, 0, 0, &known_ms, r->err);
    if (rc != 0 || r->now.ms - known_ms <= r->terms->clock_ahead_days * day_ms)
        return rc;
    wall_format(r->now, now);
    wall_format((struct wall_time){known_ms}, known);
    return err_set(r->err, ERR_STALE,
                   "the clock says %s, the newest record or batch %s: expected at most %lld days"
                   " between",
                   now, known_ms > 0 ? known : "there is none",
                   (long long)r->terms->clock_ahead_days);
}

int hq_retain(struct hq_db *db, const struct hq_terms *terms, struct wall_time now,
              bool (*go_on)(void *ctx), void *ctx, struct hq_retained *out, struct err_text *err)
{
    struct run *r = calloc(1, sizeof(*r));
    int rc = r && (r->chains = calloc(CHAINS_MAX, sizeof(*r->chains))) ? 0 : ERR_NO_MEMORY;
    *out = (struct hq_retained){0};
    if (rc == 0) {
        r->db = db;
        r->terms = terms;
        r->now = now;
        r->out = out;
        r->err = err;
        rc = check_clock(r);
        if (rc == 0)
            rc = run_all(r, go_on, ctx);
        if (rc == 0 && terms->picture_days > 0)
            rc = hq_retain_pictures(db, terms->picture_days, now, go_on, ctx, out, err);
        rc = rc == ERR_STOPPED ? 0 : rc;
        free(r->chains);
    }
    free(r);
    return rc == 0 ? hq_db_scrub(db, err) : rc;
}
