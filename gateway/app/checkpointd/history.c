/*
 * The acts "history" and "history_more": past passages of this box, newest first. A search has a
 * case number and a reason, is within its officer's quota and on record before it begins; it goes
 * on page by page for the officer who began it, without a record and a quota of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/json.h"

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS, HITS_LOOKED_MS = 400 };

/* ---- asking; control thread ---- */

static void refuse(struct control *control, const struct control_call *call, const char *en,
                   const char *zh)
{
    control_refuse(control, call->ticket, "invalid", en, zh);
}

/* False: refused. */
static bool take_plate(struct control *control, const struct control_call *call, plate_key *out)
{
    const char *text = json_string_value(json_object_get(call->args, "plate"));
    struct plate_text plate = {.kind = PLATE_DECODE_ERROR};
    char canonical[PLATE_TEXT_SIZE];
    *out = 0;
    if (!text || text[0] == '\0') {
        return true;
    }
    plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    if (plate.kind != PLATE_KEY || plate_decode(plate.key, canonical) != 0) {
        refuse(control, call, "plate: not a plate, expected one like 鲁H12345 or 鲁H12?4?",
               "车牌格式不正确，未知位请用 ?");
        return false;
    }
    *out = plate.key;
    return true;
}

/* False: refused. */
static bool take_query(struct checkpointd *c, struct control *control,
                       const struct control_call *call, struct history *out)
{
    const json_t *lane = json_object_get(call->args, "lane");
    const json_t *limit = json_object_get(call->args, "limit");
    json_int_t rows = limit ? json_integer_value(limit) : HISTORY_ROWS_DEFAULT;
    plate_key plate;
    uint8_t number = 0;
    if (!take_plate(control, call, &plate)) {
        return false;
    }
    if (lane && !json_is_null(lane)) {
        number = acts_lane_of(c, control, call);
        if (number == 0) {
            return false;
        }
    }
    if (rows < 1 || rows > HISTORY_ROWS_MAX) {
        refuse(control, call, "limit: expected 1 to 100", "limit 应为 1 到 100");
        return false;
    }
    out->rows_max = (size_t)rows;
    out->span.kind = JOURNAL_PASSAGE;
    passage_query_init(&out->query, plate, json_is_true(json_object_get(call->args, "look_alike")),
                       number);
    return inquiry_span(control, call, HISTORY_SPAN_DAYS, &out->span.from, &out->span.until);
}

/* What was searched for, for the record. */
static json_t *details(const struct history *h, const char *case_number, const char *tablet)
{
    char from[WALL_TEXT_SIZE];
    char until[WALL_TEXT_SIZE];
    wall_format(h->span.from, from);
    wall_format(h->span.until, until);
    json_t *more = json_pack("{s:s,s:s,s:s}", "case", case_number, "from", from, "to", until);
    if (h->query.lane != 0) {
        json_object_set_new(more, "of_lane", json_integer(h->query.lane));
    }
    if (h->query.look_alike) {
        json_object_set_new(more, "look_alike", json_true());
    }
    if (tablet[0] != '\0') {
        json_object_set_new(more, "tablet", json_string(tablet));
    }
    return more;
}

void acts_history(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    const char *code = search_code(c, control, call, CODES_HISTORY);
    const char *case_number = code ? search_text(control, call, "case", HISTORY_CASE_MAX) : NULL;
    if (!case_number) {
        return;
    }
    if (case_number[0] == '\0') {
        refuse(control, call, "case: missing", "缺少案件编号");
        return;
    }
    struct history *history = calloc(1, sizeof(*history));
    struct inquiry *inquiry =
        history ? inquiry_begin(c, call, INQUIRY_HISTORY, "history", code) : NULL;
    if (!inquiry) {
        if (!history) {
            control_refuse(control, call->ticket, "no_memory", "no memory", "内存不足");
        }
        free(history);
        return;
    }
    inquiry->history = history;
    if (!take_query(c, control, call, history) || !search_may(c, control, call, SEARCH_HISTORY)) {
        inquiry_free(inquiry);
        return;
    }
    snprintf(history->officer, sizeof(history->officer), "%s", call->actor.officer);
    if ((history->query.plate != 0 &&
         plate_decode(history->query.plate, inquiry->fact.u.act.detail) != 0) ||
        !inquiry_details(inquiry, details(history, case_number, call->actor.tablet))) {
        refuse(control, call, "plate, case: cannot be recorded", "查询条件无法记录");
        inquiry_free(inquiry);
        return;
    }
    inquiries_submit(c, inquiry);
}

void acts_history_more(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    const char *next = json_string_value(json_object_get(call->args, "next"));
    char *end = NULL;
    uint64_t id = next ? strtoull(next, &end, 10) : 0;
    if (id == 0 || *end != '\0') {
        refuse(control, call, "next: expected what 'history' answered", "next 不正确");
        return;
    }
    struct inquiry *inquiry = inquiry_begin(c, call, INQUIRY_MORE, "history", "");
    if (inquiry) {
        inquiry->more = id;
        inquiries_submit(c, inquiry);
    }
}

/* ---- those that are open; search thread ---- */

/* Takes over the inquiry's search; the one longest unused gives way. */
static struct history *open_history(struct inquiries *q, struct inquiry *inquiry)
{
    size_t place = 0;
    for (size_t i = 0; i < HISTORY_OPEN_MAX; i++) {
        if (!q->open[i]) {
            place = i;
            break;
        }
        if (mono_before(q->open[i]->used, q->open[place]->used)) {
            place = i;
        }
    }
    free(q->open[place]);
    q->open[place] = inquiry->history;
    inquiry->history = NULL;
    q->open[place]->id = ++q->last_id;
    return q->open[place];
}

static struct history *find_history(struct inquiries *q, const struct inquiry *inquiry)
{
    struct mono_time now = clock_mono(&clock_system);
    for (size_t i = 0; i < HISTORY_OPEN_MAX; i++) {
        struct history *h = q->open[i];
        if (h && h->id == inquiry->more && strcmp(h->officer, inquiry->officer) == 0 &&
            mono_diff_ms(now, h->used) < HISTORY_LIFE_MS) {
            return h;
        }
    }
    return NULL;
}

static void close_history(struct inquiries *q, struct history *h)
{
    for (size_t i = 0; i < HISTORY_OPEN_MAX; i++) {
        if (q->open[i] == h) {
            free(h);
            q->open[i] = NULL;
        }
    }
}

/* ---- a page ---- */

struct page {
    struct history *history;
    json_t *rows;
    json_t *with_hits; /* {"passage number": row}: rows whose passage has a hit */
    uint64_t altered;
};

static bool was_shown(struct history *h, json_int_t passage)
{
    size_t kept = h->seen_count < HISTORY_SEEN_MAX ? h->seen_count : HISTORY_SEEN_MAX;
    for (size_t i = 0; i < kept; i++) {
        if (h->seen[i] == passage) {
            return true;
        }
    }
    h->seen[h->seen_count++ % HISTORY_SEEN_MAX] = passage;
    return false;
}

static void passage_text(json_int_t passage, char out[24])
{
    snprintf(out, 24, "%" JSON_INTEGER_FORMAT, passage);
}

/* A record's row; false: it shows nothing new. */
static bool take_row(struct page *page, const json_t *body)
{
    json_t *row = passage_row(&page->history->query, body);
    json_int_t passage = json_integer_value(json_object_get(row, "passage"));
    char name[24];
    if (!row || was_shown(page->history, passage)) {
        json_decref(row);
        return false;
    }
    if (json_integer_value(json_object_get(body, "hits")) > 0) {
        passage_text(passage, name);
        json_object_set(page->with_hits, name, row);
    }
    json_array_append_new(page->rows, row);
    return true;
}

static int take_record(void *ctx, const struct journal_record *record)
{
    struct page *page = ctx;
    json_t *body = NULL;
    if (!passage_body_may(&page->history->query, record->body, record->body_size)) {
        return 0;
    }
    if (!journal_record_is_whole(record) ||
        json_parse(record->body, record->body_size, &body, NULL) != 0) {
        page->altered++;
        return 0;
    }
    bool taken = take_row(page, body);
    json_decref(body);
    return taken && json_array_size(page->rows) == page->history->rows_max ? ERR_STOPPED : 0;
}

static int take_hit(void *ctx, const struct journal_record *record)
{
    struct page *page = ctx;
    json_t *body = NULL;
    char name[24];
    if (json_parse(record->body, record->body_size, &body, NULL) != 0) {
        return 0; /* the row stays without its number */
    }
    passage_text(json_integer_value(json_object_get(body, "passage")), name);
    json_t *row = json_object_get(page->with_hits, name);
    if (row) {
        json_object_set(row, "hit", json_object_get(body, "hit"));
        json_object_del(page->with_hits, name);
    }
    json_decref(body);
    return json_object_size(page->with_hits) == 0 ? ERR_STOPPED : 0;
}

/* The numbers of the rows' hits: recorded with a read, so not long before or after it. */
static void add_hits(struct checkpointd *c, struct thread *self, struct page *page,
                     struct wall_time newest)
{
    struct inquiry_reading hits = {
        .span = {JOURNAL_HIT, {page->history->place.wall.ms - HOUR_MS}, {newest.ms + HOUR_MS}},
        .work_ms = HITS_LOOKED_MS,
        .take = take_hit,
        .ctx = page};
    struct err_text err;
    if (json_object_size(page->with_hits) > 0) {
        int result = inquiry_read(c, self, &hits, &err);
        (void)result; /* a row without its hit's number still is a passage */
    }
}

/* Records of the span without a body any more, a day at a time. */
static int64_t without_body(struct checkpointd *c, struct thread *self,
                            const struct journal_span *span)
{
    uint64_t gone = 0;
    for (int64_t at = span->from.ms; at < span->until.ms; at += DAY_MS) {
        int64_t until = at + DAY_MS < span->until.ms ? at + DAY_MS : span->until.ms;
        const struct journal_span day = {span->kind, {at}, {until}};
        uint64_t all = 0;
        uint64_t with = 0;
        struct err_text err;
        thread_alive(self);
        if (thread_stopping(self) ||
            journal_reader_count(c->inquiries.reader, &day, &all, &with, &err) != 0) {
            return -1; /* not said */
        }
        gone += all - with;
    }
    return (int64_t)gone;
}

/* All of the page goes into the answer: the control thread writes it and frees it, so nothing of
 * it is held here any more. */
static json_t *answer_json(struct page *page, const struct inquiry_reading *reading, int64_t gone,
                           bool more)
{
    const struct history *h = page->history;
    char text[WALL_TEXT_SIZE];
    char next[24];
    wall_format(more && h->place.sequence ? h->place.wall : h->span.from, text);
    json_decref(page->with_hits); /* holds some of the rows */
    json_t *answer = json_pack("{s:o,s:s,s:I}", "passages", page->rows, "searched_to", text,
                               "scanned", (json_int_t)h->scanned);
    page->with_hits = NULL;
    page->rows = NULL;
    if (more) {
        snprintf(next, sizeof(next), "%" PRIu64, h->id);
        json_object_set_new(answer, "next", json_string(next));
    }
    if (gone >= 0) {
        json_object_set_new(answer, "without_body", json_integer(gone));
    }
    if (reading->damaged + page->altered > 0) {
        json_object_set_new(answer, "damaged",
                            json_integer((json_int_t)reading->damaged + (json_int_t)page->altered));
    }
    return answer;
}

static void run_page(struct checkpointd *c, struct thread *self, struct history *h,
                     struct control_ticket ticket)
{
    struct page page = {.history = h, .rows = json_array(), .with_hits = json_object()};
    struct wall_time newest = h->place.sequence ? h->place.wall : h->span.until;
    struct inquiry_reading reading = {.span = h->span,
                                      .place = h->place,
                                      .work_ms = HISTORY_WORK_MS,
                                      .take = take_record,
                                      .ctx = &page};
    struct err_text err;
    int64_t gone = -1;
    int result = inquiry_read(c, self, &reading, &err);
    h->place = reading.place;
    h->scanned += reading.scanned;
    h->used = clock_mono(&clock_system);
    bool full = json_array_size(page.rows) == h->rows_max;
    if (result == 0 || result == ERR_TIMEOUT || (result == ERR_STOPPED && full)) {
        add_hits(c, self, &page, newest);
        if (!h->begun) {
            gone = without_body(c, self, &h->span);
        }
        h->begun = true;
        control_answer(c->control, ticket, answer_json(&page, &reading, gone, result != 0));
    } else {
        control_refuse(c->control, ticket, err_name(result), err.text, "日志暂时无法读取");
    }
    if (result == 0) {
        close_history(&c->inquiries, h);
    }
    json_decref(page.rows);
    json_decref(page.with_hits);
}

void history_run(struct checkpointd *c, struct thread *self, struct inquiry *inquiry)
{
    struct history *h = inquiry->kind == INQUIRY_HISTORY ? open_history(&c->inquiries, inquiry)
                                                         : find_history(&c->inquiries, inquiry);
    if (!h) {
        control_refuse(c->control, inquiry->ticket, "not_found",
                       "next: that search has ended: begin it anew", "该查询已结束，请重新查询");
        return;
    }
    run_page(c, self, h, inquiry->ticket);
}
