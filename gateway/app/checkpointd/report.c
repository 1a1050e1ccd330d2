/*
 * The act "report": what alarmed in a time, how it was answered and how fast, who looked up what
 * and why. Counted from the journal in the thread "search"; no plate, no passage in it. That it was
 * asked for is on record first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/json.h"

enum {
    REPORT_HITS_MAX = 50000, /* counted; more is said as `truncated` */
    REPORT_POLICIES_MAX = 256,
    REPORT_WORK_MS = 10 * 1000, /* for each kind of record */
    ANSWER_LATE_MS = 24 * 3600 * 1000,
    NAME_SIZE = 160,
    DAY_MS = 24 * 3600 * 1000
};

struct report {
    struct checkpointd *c;
    const struct inquiry *inquiry;
    json_t *answers; /* {"hit": "confirm", "misread" or "rejected"}, the latest of each */
    json_t *handled; /* {"hit": true}: its latest record was taken */
    json_t *shifts;  /* tables of rows by a name that sorts */
    json_t *days;
    json_t *cameras;
    json_t *owners;
    json_t *searches;
    size_t hits;
    size_t signs;
    size_t answered;
    size_t policies;
    bool truncated;
    uint64_t damaged;
    int64_t sign_ms[REPORT_HITS_MAX];
    int64_t answer_ms[REPORT_HITS_MAX];
    struct {
        struct wall_time since;
        json_int_t promised;
    } policy[REPORT_POLICIES_MAX]; /* newest first */
};

/* ---- tables ---- */

static json_t *row_of(json_t *table, const char *name)
{
    json_t *row = json_object_get(table, name);
    if (!row) {
        row = json_object();
        json_object_set_new(table, name, row);
    }
    return row;
}

static void count(json_t *row, const char *field)
{
    json_object_set_new(row, field,
                        json_integer(json_integer_value(json_object_get(row, field)) + 1));
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void hit_name(const json_t *body, char out[24])
{
    snprintf(out, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(body, "hit")));
}

/* ---- hits ---- */

/* One hit into a row of any table. */
static void count_hit(json_t *row, const char *level, const char *answer)
{
    count(row, "alerts");
    count(row, strcmp(level, "sounding") == 0 ? "sounding"
               : strcmp(level, "silent") == 0 ? "silent"
                                              : "quiet");
    count(row, strcmp(answer, "confirm") == 0    ? "confirmed"
               : strcmp(answer, "misread") == 0  ? "misread"
               : strcmp(answer, "rejected") == 0 ? "rejected"
                                                 : "unanswered");
}

static void day_name(struct wall_time at, char out[16])
{
    time_t seconds = (time_t)(at.ms / 1000);
    struct tm local = {.tm_hour = 0};
    (void)localtime_r(&seconds, &local); /* fails only beyond year 2^31: 1900 then */
    if (strftime(out, 16, "%Y-%m-%d", &local) == 0) {
        out[0] = '\0';
    }
}

static void count_everywhere(struct report *r, struct wall_time at, const json_t *body)
{
    const json_t *card = json_object_get(body, "card");
    const char *level = text_of(json_object_get(body, "decision"), "level");
    json_int_t camera =
        json_integer_value(json_object_get(json_object_get(body, "read"), "camera"));
    const char *owner =
        json_object_get(body, "lookout") ? "local_lookout" : text_of(card, "authority");
    char name[WALL_TEXT_SIZE];
    char hit[24];
    char number[16];
    hit_name(body, hit);
    const char *answer = text_of(r->answers, hit);
    snprintf(number, sizeof(number), "%05" JSON_INTEGER_FORMAT, camera);
    wall_format(shift_begin(&r->c->config.shifts, at), name);
    json_t *shift = row_of(r->shifts, name);
    count_hit(shift, level, answer);
    count_hit(row_of(row_of(shift, "cameras"), number), level, answer);
    day_name(at, name);
    count_hit(row_of(r->days, name), level, answer);
    json_t *row = row_of(r->cameras, number);
    count_hit(row, level, answer);
    json_object_set(row, "lane", json_object_get(body, "lane"));
    count_hit(row_of(r->owners, owner[0] ? owner : "unknown"), level, answer);
}

static int take_hit(struct report *r, const struct journal_record *record, const json_t *body)
{
    if (strcmp(text_of(json_object_get(body, "decision"), "level"), "none") == 0) {
        return 0; /* alerted nobody */
    }
    if (r->hits == REPORT_HITS_MAX) {
        r->truncated = true;
        return ERR_STOPPED;
    }
    r->hits++;
    count_everywhere(r, record->header.wall, body);
    return 0;
}

static int take_answer(struct report *r, const struct journal_record *record, const json_t *body)
{
    char name[24];
    (void)record;
    hit_name(body, name);
    if (!json_object_get(r->answers, name)) { /* newest first: the latest counts */
        json_object_set_new(r->answers, name, json_string(text_of(body, "answer")));
    }
    return 0;
}

/* ---- how fast ---- */

static void take_time(const json_t *handling, const json_t *at, int64_t *list, size_t *list_count)
{
    struct wall_time opened;
    struct wall_time then;
    const char *text = json_string_value(at);
    if (text && *list_count < REPORT_HITS_MAX &&
        wall_parse(text_of(handling, "opened"), &opened) == 0 && wall_parse(text, &then) == 0 &&
        then.ms >= opened.ms) {
        list[(*list_count)++] = then.ms - opened.ms;
    }
}

/* A rejection that says nothing of the plate is no answer to matching: it stands in the handling
 * alone. One that still waits for a second person's word does not count yet. */
static void take_rejection(struct report *r, const char *hit, const json_t *handling)
{
    if (strcmp(text_of(handling, "answer"), "reject") == 0 && !json_object_get(handling, "waits") &&
        !json_object_get(r->answers, hit)) {
        json_object_set_new(r->answers, hit, json_string("rejected"));
    }
}

/* A record of a hit's handling states all of it so far: the latest counts. */
static int take_handling(struct report *r, const struct journal_record *record, const json_t *body)
{
    const json_t *handling = json_object_get(body, "handling");
    char name[24];
    struct wall_time opened;
    (void)record;
    hit_name(body, name);
    if (!handling || json_object_get(r->handled, name)) {
        return 0; /* none: said of a hit whose case was closed before */
    }
    json_object_set_new(r->handled, name, json_true());
    take_rejection(r, name, handling);
    if (wall_parse(text_of(handling, "opened"), &opened) == 0 && opened.ms >= r->inquiry->from.ms &&
        opened.ms < r->inquiry->until.ms) {
        take_time(handling, json_object_get(json_object_get(handling, "signed"), "time"),
                  r->sign_ms, &r->signs);
        take_time(handling, json_object_get(handling, "answered"), r->answer_ms, &r->answered);
    }
    return 0;
}

static int by_size(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static json_t *times_json(int64_t *list, size_t size)
{
    json_t *row = json_pack("{s:I}", "count", (json_int_t)size);
    if (size > 0) {
        qsort(list, size, sizeof(*list), by_size);
        json_object_set_new(row, "median_ms", json_integer(list[(size - 1) / 2]));
        json_object_set_new(row, "p90_ms", json_integer(list[(size * 9 + 9) / 10 - 1]));
        json_object_set_new(row, "worst_ms", json_integer(list[size - 1]));
    }
    return row;
}

/* ---- who looked up what ---- */

/* The word for the table, NULL: no act that concerns plates. */
static const char *search_kind(const json_t *body)
{
    static const char *const known[] = {"history", "lookout", "lookout_ended", "quota", "report"};
    const char *what = text_of(body, "what");
    if (strcmp(what, "search") == 0) {
        return json_object_get(body, "hit") ? "hit" : "check";
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(what, known[i]) == 0) {
            return known[i];
        }
    }
    return NULL;
}

static int take_act(struct report *r, const struct journal_record *record, const json_t *body)
{
    const char *kind = search_kind(body);
    const char *officer = text_of(json_object_get(body, "by"), "officer");
    char name[NAME_SIZE];
    (void)record;
    if (!kind || (officer[0] == '\0' && strcmp(kind, "lookout_ended") != 0)) {
        return 0;
    }
    /* Reasons of look-outs are free text, which belongs on their card alone. */
    bool coded = strncmp(kind, "lookout", sizeof("lookout") - 1) != 0;
    const char *reason = coded ? text_of(body, "reason") : "";
    snprintf(name, sizeof(name), "%s|%s|%s", officer, kind, reason);
    json_t *row = row_of(r->searches, name);
    json_object_set_new(row, "officer", json_string(officer));
    json_object_set_new(row, "kind", json_string(kind));
    json_object_set_new(row, "reason", json_string(reason));
    count(row, "count");
    return 0;
}

/* ---- the operating point ---- */

static int take_policy(struct report *r, const struct journal_record *record, const json_t *body)
{
    const json_t *policy = json_object_get(body, "policy");
    if (!policy) {
        return 0;
    }
    r->policy[r->policies].since = record->header.wall;
    r->policy[r->policies].promised = json_integer_value(json_object_get(policy, "false_alerts"));
    r->policies++;
    /* The one before the time asked for is the last that counts. */
    return record->header.wall.ms < r->inquiry->from.ms || r->policies == REPORT_POLICIES_MAX
               ? ERR_STOPPED
               : 0;
}

/* By the policy in force when the shift ended. */
static void put_promise(const struct report *r, json_t *shift, struct wall_time end)
{
    for (size_t i = 0; i < r->policies; i++) {
        if (r->policy[i].since.ms < end.ms) {
            json_object_set_new(shift, "promised_false", json_integer(r->policy[i].promised));
            return;
        }
    }
}

/* ---- reading ---- */

struct reading {
    struct report *r;
    int (*take)(struct report *r, const struct journal_record *record, const json_t *body);
};

static int take_record(void *ctx, const struct journal_record *record)
{
    const struct reading *reading = ctx;
    json_t *body = NULL;
    if (json_parse(record->body, record->body_size, &body, NULL) != 0) {
        reading->r->damaged++;
        return 0;
    }
    int result = reading->take(reading->r, record, body);
    json_decref(body);
    return result;
}

static int read_kind(struct report *r, struct thread *self, const struct journal_span *span,
                     int (*take)(struct report *r, const struct journal_record *record,
                                 const json_t *body),
                     struct err_text *err)
{
    struct reading reading = {r, take};
    struct inquiry_reading inquiry = {
        .span = *span, .work_ms = REPORT_WORK_MS, .take = take_record, .ctx = &reading};
    if (span->kind == 0) {
        return 0; /* of a build without that kind */
    }
    int result = inquiry_read(r->c, self, &inquiry, err);
    r->damaged += inquiry.damaged;
    r->truncated |= result == ERR_TIMEOUT;
    return result == ERR_TIMEOUT || (result == ERR_STOPPED && !thread_stopping(self)) ? 0 : result;
}

static int read_all(struct report *r, struct thread *self, struct err_text *err)
{
    const struct wall_time from = r->inquiry->from;
    const struct wall_time until = r->inquiry->until;
    const struct wall_time late = {until.ms + ANSWER_LATE_MS};
    const struct wall_time early = {from.ms - (int64_t)INQUIRY_SPAN_DAYS * DAY_MS};
    const struct {
        struct journal_span span;
        int (*take)(struct report *r, const struct journal_record *record, const json_t *body);
    } kinds[] = {{{JOURNAL_HIT_ANSWER, from, late}, take_answer},
                 {{journal_kind_parse("handling"), from, late}, take_handling},
                 {{JOURNAL_LIST, early, until}, take_policy},
                 {{JOURNAL_HIT, from, until}, take_hit},
                 {{JOURNAL_ACT, from, until}, take_act}};
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        result = read_kind(r, self, &kinds[i].span, kinds[i].take, err);
    }
    return result;
}

/* ---- the answer ---- */

/* Of those answered; none without an answer. */
static void put_shares(json_t *row)
{
    json_int_t right = json_integer_value(json_object_get(row, "confirmed"));
    json_int_t misread = json_integer_value(json_object_get(row, "misread"));
    json_int_t wrong = misread + json_integer_value(json_object_get(row, "rejected"));
    json_int_t all = right + wrong;
    if (all > 0) {
        json_object_set_new(row, "misread_percent", json_integer((100 * misread + all / 2) / all));
        json_object_set_new(row, "false_percent", json_integer((100 * wrong + all / 2) / all));
    }
}

/* The rows of a table by their names, each with its own as `key`. New reference. */
static json_t *rows_json(json_t *table, const char *key)
{
    json_t *rows = json_array();
    char *text = json_dumps(table, JSON_SORT_KEYS | JSON_COMPACT);
    json_t *sorted = text ? json_loads(text, 0, NULL) : NULL;
    const char *name;
    json_t *row;
    json_object_foreach(sorted, name, row)
    {
        if (key && strcmp(key, "camera") == 0) {
            json_object_set_new(row, key, json_integer(strtoll(name, NULL, 10)));
        } else if (key) {
            json_object_set_new(row, key, json_string(name));
        }
        put_shares(row);
        json_array_append(rows, row);
    }
    json_decref(sorted);
    free(text);
    return rows;
}

/* A shift without an alert is a row too; one that was not asked for whole says so. */
static json_t *shifts_json(struct report *r)
{
    struct wall_time begin = shift_begin(&r->c->config.shifts, r->inquiry->from);
    while (begin.ms < r->inquiry->until.ms) {
        struct wall_time end = shift_end(&r->c->config.shifts, begin);
        char name[WALL_TEXT_SIZE];
        char text[WALL_TEXT_SIZE];
        wall_format(begin, name);
        wall_format(end, text);
        json_t *row = row_of(r->shifts, name);
        json_t *cameras = json_object_get(row, "cameras");
        json_object_set_new(row, "end", json_string(text));
        json_object_set_new(row, "cameras", cameras ? rows_json(cameras, "camera") : json_array());
        put_promise(r, row, end);
        if (begin.ms < r->inquiry->from.ms || end.ms > r->inquiry->until.ms) {
            json_object_set_new(row, "partial", json_true());
        }
        begin = end;
    }
    return rows_json(r->shifts, "begin");
}

static json_t *answer_json(struct report *r)
{
    char from[WALL_TEXT_SIZE];
    char until[WALL_TEXT_SIZE];
    wall_format(r->inquiry->from, from);
    wall_format(r->inquiry->until, until);
    json_t *answer =
        json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "from", from, "to", until, "shifts",
                  shifts_json(r), "days", rows_json(r->days, "day"), "cameras",
                  rows_json(r->cameras, "camera"), "owners", rows_json(r->owners, "owner"),
                  "to_sign", times_json(r->sign_ms, r->signs), "to_answer",
                  times_json(r->answer_ms, r->answered), "searches", rows_json(r->searches, NULL));
    json_object_set_new(answer, "truncated", json_boolean(r->truncated));
    json_object_set_new(answer, "damaged", json_integer((json_int_t)r->damaged));
    return answer;
}

#define TABLES(r)                                                                                  \
    {                                                                                              \
        &(r)->answers, &(r)->handled, &(r)->shifts, &(r)->days, &(r)->cameras, &(r)->owners,       \
            &(r)->searches                                                                         \
    }

void report_run(struct checkpointd *c, struct thread *self, const struct inquiry *inquiry)
{
    struct report *r = calloc(1, sizeof(*r));
    struct err_text err = {"no memory"};
    int result = ERR_NO_MEMORY;
    if (r) {
        r->c = c;
        r->inquiry = inquiry;
        json_t **tables[] = TABLES(r);
        for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
            *tables[i] = json_object();
        }
        result = read_all(r, self, &err);
    }
    if (result == 0) {
        control_answer(c->control, inquiry->ticket, answer_json(r));
    } else {
        control_refuse(c->control, inquiry->ticket, err_name(result), err.text, "日志暂时无法读取");
    }
    if (r) {
        json_t **tables[] = TABLES(r);
        for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
            json_decref(*tables[i]);
        }
    }
    free(r);
}

/* ---- the act; control thread ---- */

/* The shift under way so far, or the one before it. False: refused. */
static bool take_shift(struct checkpointd *c, struct control *control,
                       const struct control_call *call, const json_t *which, struct wall_time *from,
                       struct wall_time *until)
{
    const char *word = json_string_value(which);
    struct wall_time now = clock_wall(&c->clock);
    struct wall_time begin = shift_begin(&c->config.shifts, now);
    if (word && strcmp(word, "this") == 0) {
        *from = begin;
        until->ms = now.ms + 1;
    } else if (word && strcmp(word, "last") == 0) {
        *from = shift_begin(&c->config.shifts, (struct wall_time){begin.ms - 1});
        *until = begin;
    } else {
        control_refuse(control, call->ticket, "invalid", "shift: expected this or last",
                       "shift 应为 this 或 last");
        return false;
    }
    return true;
}

void acts_report(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct wall_time from;
    struct wall_time until;
    char first[WALL_TEXT_SIZE];
    char last[WALL_TEXT_SIZE];
    const json_t *shift = json_object_get(call->args, "shift");
    if (shift ? !take_shift(c, control, call, shift, &from, &until)
              : !inquiry_span(control, call, INQUIRY_SPAN_DAYS, &from, &until)) {
        return;
    }
    struct inquiry *inquiry = inquiry_begin(c, call, INQUIRY_REPORT, "report", "");
    if (!inquiry) {
        return;
    }
    inquiry->from = from;
    inquiry->until = until;
    wall_format(from, first);
    wall_format(until, last);
    bool fits = inquiry_details(inquiry, json_pack("{s:s,s:s}", "from", first, "to", last));
    (void)fits; /* two times do */
    inquiries_submit(c, inquiry);
}
