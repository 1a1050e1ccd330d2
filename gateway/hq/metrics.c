/*
 * Prometheus text (exposition format 0.0.4): what this hqd did since it started, and what the
 * database says of the fleet, the same from every hqd.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/hq/hqd.h"

enum { LABELS_SIZE = 2 * TLS_LABEL_SIZE + 32, ROWS_FIRST = 64 };

/* A checkpoint; -1: not known. */
struct row {
    char id[TLS_LABEL_SIZE];
    char state[16];
    int64_t seen_ms;
    int64_t list_revision;
    int64_t confirmed;
    int64_t self_test_ms;
    bool self_test_absent;
};

struct page {
    struct evbuffer *out;
    bool full; /* out of memory */
    struct row *rows;
    size_t count;
    size_t room;
};

static void describe(struct page *page, const char *name, const char *type, const char *help)
{
    page->full |=
        evbuffer_add_printf(page->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type) < 0;
}

static void sample(struct page *page, const char *name, const char *labels, int64_t value)
{
    page->full |= evbuffer_add_printf(page->out, "%s%s %" PRId64 "\n", name, labels, value) < 0;
}

/* ---- of this hqd ---- */

static void add_own(struct page *page, const struct hqd_counters *c)
{
    static const char *const classes[HQ_STATUS_CLASSES] = {"{class=\"1xx\"}", "{class=\"2xx\"}",
                                                           "{class=\"3xx\"}", "{class=\"4xx\"}",
                                                           "{class=\"5xx\"}"};
    describe(page, "hqd_requests_total", "counter",
             "Requests answered by this hqd, by the class of their status.");
    for (size_t i = 0; i < HQ_STATUS_CLASSES; i++)
        sample(page, "hqd_requests_total", classes[i], (int64_t)c->requests[i]);
    describe(page, "hqd_records_total", "counter", "Records of checkpoints taken by this hqd.");
    sample(page, "hqd_records_total", "{taken=\"stored\"}", (int64_t)c->stored);
    sample(page, "hqd_records_total", "{taken=\"repeated\"}", (int64_t)c->repeated);
    describe(page, "hqd_quarantines_total", "counter",
             "Chains that broke or began anew, found by this hqd.");
    sample(page, "hqd_quarantines_total", "", (int64_t)c->quarantines);
    describe(page, "hqd_connections", "gauge", "Connections of this hqd's API.");
    sample(page, "hqd_connections", "", (int64_t)c->connections);
    describe(page, "hqd_open_requests", "gauge",
             "Requests of this hqd that are not answered yet, most of them waiting.");
    sample(page, "hqd_open_requests", "", (int64_t)c->open_requests);
}

static void add_list(struct page *page, const struct hqd *hq, struct wall_time now)
{
    describe(page, "hq_list_revision", "gauge", "Revision of the wanted list.");
    sample(page, "hq_list_revision", "", (int64_t)hq->head.revision);
    if (!hq->freshness)
        return;
    describe(page, "hq_freshness_age_seconds", "gauge",
             "Age of the statement that the list is current.");
    sample(page, "hq_freshness_age_seconds", "", (now.ms - hq->freshness_time.ms) / 1000);
}

/* ---- of the fleet ---- */

static int64_t number_or_none(const struct hq_value *v)
{
    return v->type == HQ_INT ? v->number : -1;
}

/* id, state, last seen, list revision, sequence, newest self-test, when it was missed */
static int take_row(void *ctx, const struct hq_value *c, size_t count)
{
    struct page *page = ctx;
    if (count != 7 || c[0].size >= sizeof(page->rows->id) || c[1].size >= sizeof(page->rows->state))
        return ERR_CORRUPT;
    if (page->count == page->room) {
        size_t room = page->room ? 2 * page->room : ROWS_FIRST;
        struct row *rows = reallocarray(page->rows, room, sizeof(*rows));
        if (!rows)
            return ERR_NO_MEMORY;
        page->rows = rows;
        page->room = room;
    }
    struct row *row = &page->rows[page->count++];
    *row = (struct row){.seen_ms = number_or_none(&c[2]),
                        .list_revision = number_or_none(&c[3]),
                        .confirmed = number_or_none(&c[4]),
                        .self_test_ms = number_or_none(&c[5]),
                        .self_test_absent = c[6].type == HQ_INT};
    memcpy(row->id, c[0].data, c[0].size);
    memcpy(row->state, c[1].data, c[1].size);
    return 0;
}

static int read_rows(struct page *page, struct hq_db *db, struct err_text *err)
{
    return hq_db_query(db,
                       "SELECT p.id, CASE WHEN p.revoked_ms IS NOT NULL THEN 'revoked'"
                       " WHEN c.state = 'quarantined' THEN 'quarantined'"
                       " WHEN p.last_seen_ms IS NOT NULL THEN 'active'"
                       " ELSE 'enrolled' END, p.last_seen_ms, p.list_revision,"
                       " c.sequence, t.time_ms,"
                       " CASE WHEN p.revoked_ms IS NULL THEN t.alarmed_ms END FROM checkpoints p"
                       " LEFT JOIN self_tests t ON t.checkpoint = p.id LEFT JOIN chains c"
                       " ON c.checkpoint = p.id AND c.chain ="
                       " (SELECT n.chain FROM chains n WHERE n.checkpoint = p.id AND n.stream = 0"
                       " ORDER BY n.state = 'quarantined' DESC, n.opened_ms DESC,"
                       " n.chain LIMIT 1) ORDER BY p.id",
                       NULL, 0, take_row, page, err);
}

static void add_each(struct page *page, const char *name, const char *help,
                     int64_t (*value)(const struct row *row, struct wall_time now),
                     struct wall_time now)
{
    char labels[LABELS_SIZE];
    bool described = false;
    for (size_t i = 0; i < page->count; i++) {
        int64_t number = value(&page->rows[i], now);
        if (number < 0)
            continue;
        if (!described)
            describe(page, name, "gauge", help);
        described = true;
        (void)snprintf(labels, sizeof(labels), "{checkpoint=\"%s\"}", page->rows[i].id); /* fits */
        sample(page, name, labels, number);
    }
}

static int64_t age_s(int64_t ms, struct wall_time now)
{
    int64_t age_ms = now.ms - ms;
    return ms < 0 ? -1 : age_ms > 0 ? age_ms / 1000 : 0;
}

static int64_t seen_of(const struct row *row, struct wall_time now)
{
    return age_s(row->seen_ms, now);
}

static int64_t self_test_of(const struct row *row, struct wall_time now)
{
    return age_s(row->self_test_ms, now);
}

static void add_absent(struct page *page)
{
    int64_t absent = 0;
    for (size_t i = 0; i < page->count; i++)
        absent += page->rows[i].self_test_absent;
    describe(page, "hq_self_tests_absent", "gauge",
             "Checkpoints whose daily self-test has not arrived.");
    sample(page, "hq_self_tests_absent", "", absent);
}

static int64_t revision_of(const struct row *row, struct wall_time now)
{
    (void)now; /* a number that does not age */
    return row->list_revision;
}

static int64_t confirmed_of(const struct row *row, struct wall_time now)
{
    (void)now; /* a number that does not age */
    return row->confirmed;
}

static void add_fleet(struct page *page, struct wall_time now)
{
    char labels[LABELS_SIZE];
    if (page->count > 0)
        describe(page, "hq_checkpoint_info", "gauge", "A checkpoint and its state.");
    for (size_t i = 0; i < page->count; i++) {
        (void)snprintf(labels, sizeof(labels), "{checkpoint=\"%s\",state=\"%s\"}", page->rows[i].id,
                       page->rows[i].state); /* fits */
        sample(page, "hq_checkpoint_info", labels, 1);
    }
    add_each(page, "hq_checkpoint_seen_seconds", "Since a checkpoint was last seen, to a minute.",
             seen_of, now);
    add_each(page, "hq_checkpoint_list_revision", "Revision of the list in force at a checkpoint.",
             revision_of, now);
    add_each(page, "hq_checkpoint_confirmed", "Last record of a checkpoint that is confirmed.",
             confirmed_of, now);
    add_each(page, "hq_checkpoint_self_test_seconds", "Since a checkpoint's newest self-test.",
             self_test_of, now);
    add_absent(page);
}

enum hq_step hq_operator_metrics(struct hq_call *call)
{
    struct page page = {.out = call->answer.body};
    struct err_text err = {""};
    int rc = read_rows(&page, &call->hq->db, &err);
    hq_answer_begin(call, 200);
    call->answer.type = "text/plain; version=0.0.4; charset=utf-8";
    if (rc == 0) {
        add_own(&page, &call->hq->counters);
        add_list(&page, call->hq, call->now);
        add_fleet(&page, call->now);
    }
    free(page.rows);
    if (rc == 0 && page.full)
        rc = ERR_NO_MEMORY;
    return rc == 0 ? HQ_DONE : hq_answer_failure(call, rc, &err);
}
