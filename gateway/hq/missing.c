/*
 * Which sequences headquarters lacks, chain by chain: holes in what it holds, what a chain that has
 * gone took with it, what a box put back to an earlier state lost, what headquarters itself lost
 * since it gave a receipt. What a chain in use has not sent yet is waiting, not missing. Holes are
 * looked for some thousand records a round of the loop. A box tells of its journal alone: of its
 * second chain holes show, and what lies beyond a gap.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/encode.h"
#include "gateway/hq/hqd.h"
#include "gateway/hq/records.h"
#include "gateway/journal/record.h"

enum {
    CHAINS_MAX = 65536, /* of all boxes */
    CHAINS_AT_ONCE = 1024,
    /* Of a page: with a range for each reason an answer stays below HQ_ANSWER_MAX. */
    PAGE_CHAINS = 2048,
    ROUND = 4096, /* records */
    HOLES_MAX = 1000
};

struct chain {
    char checkpoint[TLS_LABEL_SIZE];
    uint8_t id[JOURNAL_CHAIN_ID_SIZE];
    int64_t stream; /* enum hq_stream: each has a chain in use of its own */
    bool known;     /* records of it are held, or were refused */
    bool quarantined;
    int64_t held;
    int64_t gap_ms;
    int64_t recorded; /* told by the box */
    int64_t confirmed;
    int64_t told_ms;
    int64_t lost_from;
    int64_t lost_to;
    int64_t urgent; /* highest sequence of what came ahead of the chain */
    int64_t opened_ms;
    int64_t newest;      /* what the box has now */
    int64_t replaced_ms; /* the checkpoint's box was put in another's place */
};

struct missing {
    struct chain *chains;
    size_t count;
    size_t room;
    size_t at;
    int64_t looked; /* records of the chain looked through */
    int round;
    int holes;
    bool complete;
    json_t *ranges; /* of the chain */
    json_t *report;
    bool more; /* checkpoints behind the page */
};

static void missing_free(void *state)
{
    struct missing *m = state;
    if (!m)
        return;
    free(m->chains);
    json_decref(m->ranges);
    json_decref(m->report);
    free(m);
}

static int grow(struct missing *m)
{
    if (m->count < m->room)
        return 0;
    if (m->room >= CHAINS_MAX)
        return ERR_TOO_LARGE;
    struct chain *more = realloc(m->chains, (m->room + CHAINS_AT_ONCE) * sizeof(*more));
    if (!more)
        return ERR_NO_MEMORY;
    m->chains = more;
    m->room += CHAINS_AT_ONCE;
    return 0;
}

static int take_chain(void *ctx, const struct hq_value *c, size_t count)
{
    struct missing *m = ctx;
    if (count != 15 || c[0].size >= TLS_LABEL_SIZE || c[1].size != JOURNAL_CHAIN_ID_SIZE)
        return ERR_CORRUPT;
    int rc = grow(m);
    if (rc != 0)
        return rc;
    struct chain *chain = &m->chains[m->count++];
    *chain = (struct chain){0};
    memcpy(chain->checkpoint, c[0].data, c[0].size);
    memcpy(chain->id, c[1].data, c[1].size);
    chain->known = c[2].type == HQ_TEXT;
    chain->quarantined = chain->known && c[2].size != 6; /* "active" */
    int64_t *const numbers[] = {&chain->held,      &chain->gap_ms,  &chain->recorded,
                                &chain->confirmed, &chain->told_ms, &chain->lost_from,
                                &chain->lost_to,   &chain->urgent,  &chain->opened_ms,
                                &chain->newest,    &chain->stream,  &chain->replaced_ms};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        *numbers[i] = c[3 + i].number;
    return 0;
}

/* The first `most` of the checkpoints above one, or of one alone. */
static int load_chains(struct hq_db *db, const struct hq_query *query, int64_t most,
                       struct missing *m, struct err_text *err)
{
    return hq_db_query(
        db,
        "WITH k AS (SELECT checkpoint, chain FROM chains WHERE checkpoint > $2"
        " UNION SELECT checkpoint, chain FROM urgents WHERE checkpoint > $2"
        " UNION SELECT checkpoint, chain FROM journals WHERE checkpoint > $2)"
        " SELECT k.checkpoint, k.chain, c.state, coalesce(c.sequence, 0), coalesce(c.gap_ms, 0),"
        " coalesce(j.recorded, 0), coalesce(j.confirmed, 0), coalesce(j.told_ms, 0),"
        " coalesce(j.lost_from, 0), coalesce(j.lost_to, 0),"
        " coalesce((SELECT max(u.sequence) FROM urgents u WHERE u.checkpoint = k.checkpoint"
        " AND u.chain = k.chain), 0), coalesce(c.opened_ms, 0), coalesce(j.newest, 0),"
        " coalesce(c.stream, 0), coalesce(p.replaced_ms, 0) FROM k"
        " LEFT JOIN chains c ON c.checkpoint = k.checkpoint AND c.chain = k.chain"
        " LEFT JOIN checkpoints p ON p.id = k.checkpoint"
        " LEFT JOIN journals j ON j.checkpoint = k.checkpoint AND j.chain = k.chain"
        " WHERE $1 = '' OR k.checkpoint = $1 ORDER BY 1, 14, 12, 2 LIMIT $3",
        HQ_PARAMS(hq_text(query->checkpoint), hq_text(query->above), hq_int(most)), take_chain, m,
        err);
}

/* A checkpoint's chains are judged together: of a page that is full the last one's go to the next.
 */
static int load_page(struct hq_call *call, struct missing *m, struct err_text *err)
{
    int rc = load_chains(&call->hq->db, &call->query, PAGE_CHAINS + 1, m, err);
    if (rc != 0 || m->count <= PAGE_CHAINS)
        return rc;
    const char *last = m->chains[m->count - 1].checkpoint;
    size_t count = m->count - 1;
    while (count > 0 && strcmp(m->chains[count - 1].checkpoint, last) == 0)
        count--;
    if (count == 0)
        return err_set(err, ERR_TOO_LARGE, "more than %d chains of %s: ask for it alone",
                       PAGE_CHAINS, last);
    m->count = count;
    m->more = true;
    return 0;
}

static int load(struct hq_call *call, struct missing *m, struct err_text *err)
{
    if (call->query.has_above)
        return load_page(call, m, err);
    int rc = load_chains(&call->hq->db, &call->query, CHAINS_MAX + 1, m, err);
    if (rc == ERR_TOO_LARGE)
        (void)err_set(err, rc, "more than %d chains: ask for one checkpoint, or page by page",
                      CHAINS_MAX); /* rc stays */
    return rc;
}

/* ---- one chain ---- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* When the box last said that it writes this chain: it told so, or began it. */
static int64_t said_ms(const struct chain *chain)
{
    return larger(chain->told_ms, chain->opened_ms);
}

/* Whether the box writes this chain now: of its stream the one it spoke of last. A box's chains
 * stand together. */
static bool is_in_use(const struct missing *m, const struct chain *chain)
{
    size_t from = (size_t)(chain - m->chains);
    if (chain->stream == HQ_STREAM_JOURNAL && said_ms(chain) < chain->replaced_ms)
        return false; /* its box is shut out, the new one has not come yet */
    while (from > 0 && strcmp(m->chains[from - 1].checkpoint, chain->checkpoint) == 0)
        from--;
    for (size_t i = from; i < m->count; i++) {
        const struct chain *other = &m->chains[i];
        if (strcmp(other->checkpoint, chain->checkpoint) != 0)
            break;
        if (other == chain || other->stream != chain->stream)
            continue;
        if (said_ms(other) > said_ms(chain) ||
            (said_ms(other) == said_ms(chain) && other->opened_ms > chain->opened_ms))
            return false;
    }
    return true;
}

static int take_time(void *ctx, const struct hq_value *c, size_t count)
{
    int64_t *numbers = ctx;
    for (size_t i = 0; i < count && i < 2; i++)
        numbers[i] = c[i].number;
    return 0;
}

/* What is known of one range; `why` is a word of API.md. */
static int add_range(struct hq_call *call, struct missing *m, const char *why, int64_t from,
                     int64_t to, struct err_text *err)
{
    const struct chain *chain = &m->chains[m->at];
    const struct hq_value id = hq_blob(chain->id, sizeof(chain->id));
    const int64_t size = to - from + 1;
    int64_t urgents[2] = {0, 0};
    int64_t before_ms = 0;
    int64_t hits = 0;
    if (from > to)
        return 0;
    m->complete = m->complete && strcmp(why, "waiting") == 0;
    int rc = hq_db_query(&call->hq->db,
                         "SELECT count(*), coalesce(max(time_ms), 0) FROM urgents"
                         " WHERE checkpoint = $1 AND chain = $2 AND sequence >= $3"
                         " AND sequence <= $4",
                         HQ_PARAMS(hq_text(chain->checkpoint), id, hq_int(from), hq_int(to)),
                         take_time, urgents, err);
    if (rc == 0)
        rc = hq_db_number(&call->hq->db,
                          "SELECT count(*) FROM hits WHERE checkpoint = $1 AND chain = $2"
                          " AND sequence >= $3 AND sequence <= $4 AND provisional = 1",
                          HQ_PARAMS(hq_text(chain->checkpoint), id, hq_int(from), hq_int(to)), 0,
                          &hits, err);
    if (rc == 0)
        rc = hq_db_number(&call->hq->db,
                          "SELECT time_ms FROM records WHERE checkpoint = $1 AND chain = $2"
                          " AND sequence = $3",
                          HQ_PARAMS(hq_text(chain->checkpoint), id, hq_int(from - 1)), 0,
                          &before_ms, err);
    json_t *row = json_pack("{s:I,s:I,s:I,s:s,s:o,s:I,s:o,s:I}", "from", (json_int_t)from, "to",
                            (json_int_t)to, "count", (json_int_t)size, "why", why, "before",
                            hq_time_json(before_ms), "urgents", (json_int_t)urgents[0],
                            "urgent_last", hq_time_json(urgents[1]), "hits", (json_int_t)hits);
    if (rc != 0) {
        json_decref(row);
        return rc;
    }
    return row && json_array_append_new(m->ranges, row) == 0 ? 0 : ERR_NO_MEMORY;
}

/* Behind what is held: why each part of it is not there. */
static int add_tail(struct hq_call *call, struct missing *m, bool in_use, struct err_text *err)
{
    const struct chain *c = &m->chains[m->at];
    int64_t existed =
        c->lost_from ? c->newest : larger(larger(c->recorded, c->confirmed), c->urgent);
    int64_t confirmed = larger(c->confirmed, c->held);
    int rc = c->lost_from ? add_range(call, m, "box_went_back", c->lost_from, c->lost_to, err) : 0;
    if (rc != 0 || !in_use)
        return rc != 0 ? rc : add_range(call, m, "gone", c->held + 1, existed, err);
    rc = add_range(call, m, "lost_here", c->held + 1, confirmed, err);
    return rc == 0 ? add_range(call, m, "waiting", confirmed + 1, existed, err) : rc;
}

static int end_chain(struct hq_call *call, struct missing *m, struct err_text *err)
{
    const struct chain *c = &m->chains[m->at];
    char id[2 * JOURNAL_CHAIN_ID_SIZE + 1];
    bool in_use = is_in_use(m, c);
    int64_t last_ms = 0;
    int rc = m->looked < c->held ? add_range(call, m, "hole", m->looked + 1, c->held, err) : 0;
    if (rc == 0)
        rc = add_tail(call, m, in_use, err);
    if (rc == 0)
        rc = hq_db_number(
            &call->hq->db,
            "SELECT time_ms FROM records WHERE checkpoint = $1 AND chain = $2"
            " AND sequence = $3",
            HQ_PARAMS(hq_text(c->checkpoint), hq_blob(c->id, sizeof(c->id)), hq_int(c->held)), 0,
            &last_ms, err);
    if (rc != 0)
        return rc;
    hex_encode(c->id, sizeof(c->id), id);
    json_t *row = json_pack(
        "{s:s,s:s,s:s,s:s,s:b,s:I,s:o,s:I,s:I,s:o,s:o,s:O}", "id", c->checkpoint, "chain", id,
        "stream", c->stream == HQ_STREAM_OBSERVE ? "observe" : "journal", "state",
        !c->known        ? "none"
        : c->quarantined ? "quarantined"
                         : "active",
        "in_use", in_use, "held", (json_int_t)c->held, "last", hq_time_json(last_ms), "recorded",
        (json_int_t)c->recorded, "confirmed", (json_int_t)c->confirmed, "told",
        hq_time_json(c->told_ms), "asked_again", hq_time_json(c->gap_ms), "ranges", m->ranges);
    if (!row || json_array_append_new(m->report, row) != 0)
        return ERR_NO_MEMORY;
    m->at++;
    return 0;
}

/* ---- holes ---- */

struct hole_search {
    struct missing *m;
    int64_t from[ROUND];
    int64_t to[ROUND];
    size_t count;
};

static int take_sequence(void *ctx, const struct hq_value *c, size_t count)
{
    struct hole_search *s = ctx;
    struct missing *m = s->m;
    if (count != 1)
        return ERR_CORRUPT;
    if (c[0].number > m->looked + 1) {
        s->from[s->count] = m->looked + 1;
        s->to[s->count++] = c[0].number - 1;
    }
    m->looked = c[0].number;
    m->round++;
    return 0;
}

static int look_for_holes(struct hq_call *call, struct missing *m, struct err_text *err)
{
    const struct chain *c = &m->chains[m->at];
    struct hole_search *s = calloc(1, sizeof(*s));
    if (!s)
        return ERR_NO_MEMORY;
    s->m = m;
    m->round = 0;
    int rc = hq_db_query(&call->hq->db,
                         "SELECT sequence FROM records WHERE checkpoint = $1 AND chain = $2"
                         " AND sequence > $3 AND sequence <= $4 ORDER BY sequence LIMIT $5",
                         HQ_PARAMS(hq_text(c->checkpoint), hq_blob(c->id, sizeof(c->id)),
                                   hq_int(m->looked), hq_int(c->held), hq_int(ROUND)),
                         take_sequence, s, err);
    for (size_t i = 0; rc == 0 && i < s->count; i++)
        rc = ++m->holes > HOLES_MAX
                 ? err_set(err, ERR_TOO_LARGE, "more than %d holes: the database is damaged",
                           HOLES_MAX)
                 : add_range(call, m, "hole", s->from[i], s->to[i], err);
    free(s);
    return rc;
}

/* ---- the request ---- */

static enum hq_step answer_page(struct hq_call *call, const struct missing *m)
{
    json_t *answer = json_pack("{s:b,s:O}", "complete", m->complete, "chains", m->report);
    json_t *next = m->more ? json_string(m->chains[m->count - 1].checkpoint) : json_null();
    if (call->query.has_above && json_object_set(answer, "next", next) != 0) {
        json_decref(answer);
        answer = NULL;
    }
    json_decref(next);
    return hq_answer_json(call, 200, answer);
}

static enum hq_step missing_step(struct hq_call *call, struct missing *m)
{
    struct err_text err = {""};
    int rc = 0;
    if (m->at == m->count)
        return answer_page(call, m);
    if (!m->ranges) {
        m->looked = 0;
        m->ranges = json_array();
        rc = m->ranges ? 0 : ERR_NO_MEMORY;
    }
    if (rc == 0)
        rc = look_for_holes(call, m, &err);
    if (rc == 0 && m->round < ROUND) {
        rc = end_chain(call, m, &err);
        json_decref(m->ranges);
        m->ranges = NULL;
    }
    return rc == 0 ? HQ_AGAIN : hq_answer_failure(call, rc, &err);
}

enum hq_step hq_operator_missing(struct hq_call *call)
{
    struct err_text err = {""};
    if (call->state)
        return missing_step(call, call->state);
    struct missing *m = calloc(1, sizeof(*m));
    call->state = m;
    call->state_free = missing_free;
    int rc = m && (m->report = json_array()) ? 0 : ERR_NO_MEMORY;
    hq_call_about(call, "%s%s%s", call->query.checkpoint[0] ? call->query.checkpoint : "all",
                  call->query.above[0] ? " above " : "", call->query.above);
    if (rc == 0) {
        m->complete = true;
        rc = load(call, m, &err);
    }
    return rc == 0 ? HQ_AGAIN : hq_answer_failure(call, rc, &err);
}
