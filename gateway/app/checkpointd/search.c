/* See search.h. */
#include "gateway/app/checkpointd/search.h"

#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/utf8.h"
#include "gateway/match/look_alike.h"
#include "gateway/model/plate_key.h"
#include "gateway/model/plate_symbols.h"
#include "gateway/pipeline/why.h"

enum { ACT_TEXT_MAX = WANTED_TEXT_MAX };

void searches_init(struct checkpointd *c)
{
    thread_lock_init(&c->searches.lock);
}

/* ---- arguments ---- */

static void refuse_invalid(struct control *control, const struct control_call *call, const char *en,
                           const char *zh)
{
    control_refuse(control, call->ticket, "invalid", en, zh);
}

static bool is_code(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size <= SEARCH_CODE_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == size;
}

const char *search_code(struct checkpointd *c, struct control *control,
                        const struct control_call *call, enum code_table_id table)
{
    const char *code = json_string_value(json_object_get(call->args, "reason"));
    const struct codes *codes = c->cases.codes;
    char en[128];
    if (!code || code[0] == '\0') {
        refuse_invalid(control, call, "reason: missing", "缺少理由");
        return NULL;
    }
    if (!is_code(code)) {
        refuse_invalid(control, call, "reason: expected a code of small letters, like other",
                       "理由应为代码");
        return NULL;
    }
    if (codes && !codes_find(codes, table, code)) {
        snprintf(en, sizeof(en), "reason = '%.31s': not in table '%s', see the act codes", code,
                 codes_table_name(table));
        refuse_invalid(control, call, en, "请从代码表中选择理由");
        return NULL;
    }
    return code;
}

const char *search_text(struct control *control, const struct control_call *call, const char *name,
                        size_t max)
{
    const json_t *value = json_object_get(call->args, name);
    char text[96];
    if (!value || json_is_null(value)) {
        return "";
    }
    if (!json_is_string(value) || json_string_length(value) > max) {
        snprintf(text, sizeof(text), "%.40s: expected a text of at most %zu bytes", name, max);
        control_refuse(control, call->ticket, json_is_string(value) ? "too_large" : "invalid", text,
                       "文字过长或格式不正确");
        return NULL;
    }
    if (!utf8_is_line(json_string_value(value))) {
        snprintf(text, sizeof(text), "%.40s: expected a text of one line", name);
        refuse_invalid(control, call, text, "文字应为一行，不含控制字符");
        return NULL;
    }
    return json_string_value(value);
}

/* ---- quotas ---- */

static int64_t limit_of(const struct checkpointd *c, enum search_use use)
{
    switch (use) {
    case SEARCH_CHECK:
        return c->config.search_per_hour;
    case SEARCH_HISTORY:
        return c->config.history_per_shift;
    case SEARCH_TIED:
        return SEARCH_TIED_MAX;
    }
    return 0;
}

/* A quota that was reached goes on record, once while the uses since `oldest` fill it: who asks on
 * and on fills no journal. */
static void record_refusal(struct checkpointd *c, const struct control_call *call,
                           enum search_use use, struct wall_time oldest)
{
    static struct fact fact; /* control thread */
    struct quota_use told = {.at = clock_wall(&c->clock), .kind = (int)use + SEARCH_TOLD};
    struct wall_time before;
    snprintf(told.officer, sizeof(told.officer), "%s", call->actor.officer);
    if (!quota_within(&c->searches.quota, &told, oldest, 1, &before)) {
        return;
    }
    quota_note(&c->searches.quota, &told);
    acts_begin_fact(c, &fact, &call->actor, FACT_ACT, "");
    snprintf(fact.u.act.act, sizeof(fact.u.act.act), "quota");
    snprintf(fact.u.act.detail, sizeof(fact.u.act.detail), "%s",
             use == SEARCH_HISTORY ? "history" : "search");
    fact.class = LANE_CLASS_ROUTINE; /* nothing was let through */
    int pushed = recorder_push(c, &fact);
    (void)pushed; /* counted; the search itself was refused */
}

static void refuse_quota(struct control *control, const struct control_call *call,
                         enum search_use use, struct wall_time ends)
{
    char text[WALL_TEXT_SIZE];
    char en[128];
    wall_format(ends, text);
    snprintf(en, sizeof(en), "as many %s as an officer may in one %s; the next one from %s",
             use == SEARCH_HISTORY ? "history searches" : "searches",
             use == SEARCH_HISTORY ? "shift" : "hour", text);
    control_refuse_with(control, call->ticket, "quota", en,
                        use == SEARCH_HISTORY ? "本班次历史查询次数已用完"
                                              : "一小时内查询次数已用完",
                        json_pack("{s:s}", "ends", text));
}

/* When `use` is due again, by its window. */
static struct wall_time due_again(const struct checkpointd *c, enum search_use use,
                                  struct wall_time now, struct wall_time oldest)
{
    if (use == SEARCH_HISTORY)
        return shift_end(&c->config.shifts, now);
    return (struct wall_time){oldest.ms + SEARCH_HOUR_MS};
}

static struct wall_time window_since(const struct checkpointd *c, enum search_use use,
                                     struct wall_time now)
{
    if (use == SEARCH_HISTORY)
        return shift_begin(&c->config.shifts, now);
    if (use == SEARCH_CHECK)
        return (struct wall_time){now.ms - SEARCH_HOUR_MS + 1};
    return (struct wall_time){0}; /* a hit's are counted for good */
}

static bool within(struct checkpointd *c, const struct quota_use *use, struct wall_time *out_oldest)
{
    enum search_use kind = (enum search_use)use->kind;
    return quota_within(&c->searches.quota, use, window_since(c, kind, use->at),
                        (size_t)limit_of(c, kind), out_oldest);
}

void search_note_use(struct checkpointd *c, const struct quota_use *use)
{
    quota_note(&c->searches.quota, use);
}

bool search_may(struct checkpointd *c, struct control *control, const struct control_call *call,
                enum search_use kind)
{
    struct quota_use use = {.at = clock_wall(&c->clock), .kind = (int)kind};
    struct wall_time oldest;
    snprintf(use.officer, sizeof(use.officer), "%s", call->actor.officer);
    if (within(c, &use, &oldest)) {
        quota_note(&c->searches.quota, &use);
        return true;
    }
    refuse_quota(control, call, kind, due_again(c, kind, use.at, oldest));
    record_refusal(c, call, kind, oldest);
    return false;
}

/* ---- those that wait ---- */

/* False: nobody waits for it any more. */
static bool take_search(struct checkpointd *c, uint64_t number, struct search *out)
{
    bool found = false;
    pthread_mutex_lock(&c->searches.lock);
    for (int i = 0; i < SEARCHES_MAX && !found; i++) {
        if (c->searches.open[i].number == number) {
            *out = c->searches.open[i];
            c->searches.open[i].number = 0;
            found = true;
        }
    }
    pthread_mutex_unlock(&c->searches.lock);
    return found;
}

static int keep_search(struct checkpointd *c, uint64_t number, const struct search_ask *ask)
{
    int result = ERR_BUSY;
    pthread_mutex_lock(&c->searches.lock);
    for (int i = 0; i < SEARCHES_MAX && result != 0; i++) {
        if (c->searches.open[i].number == 0) {
            c->searches.open[i] =
                (struct search){.number = number,
                                .expires = mono_add_ms(clock_mono(&clock_system), SEARCH_WAIT_MS),
                                .ask = *ask};
            result = 0;
        }
    }
    pthread_mutex_unlock(&c->searches.lock);
    return result;
}

/* It is on record: matchd may be asked. False: given up meanwhile. */
static bool mark_asked(struct checkpointd *c, uint64_t number, struct pipeline_event *out)
{
    bool found = false;
    pthread_mutex_lock(&c->searches.lock);
    for (int i = 0; i < SEARCHES_MAX && !found; i++) {
        struct search *search = &c->searches.open[i];
        if (search->number == number) {
            search->asked = true;
            *out = (struct pipeline_event){.kind = PIPELINE_SEARCH};
            out->u.search.number = number;
            out->u.search.key = search->ask.key;
            out->u.search.class = search->ask.class;
            found = true;
        }
    }
    pthread_mutex_unlock(&c->searches.lock);
    return found;
}

static bool take_expired(struct checkpointd *c, struct mono_time now, struct search *out)
{
    bool found = false;
    pthread_mutex_lock(&c->searches.lock);
    for (int i = 0; i < SEARCHES_MAX && !found; i++) {
        struct search *search = &c->searches.open[i];
        if (search->number != 0 && !mono_before(now, search->expires)) {
            *out = *search;
            search->number = 0;
            found = true;
        }
    }
    pthread_mutex_unlock(&c->searches.lock);
    return found;
}

void searches_tick(struct checkpointd *c)
{
    struct search search;
    while (take_expired(c, clock_mono(&clock_system), &search)) {
        search.ask.done(c, &search.ask, search.asked ? SEARCH_NO_MATCHD : SEARCH_NOT_RECORDED,
                        NULL);
    }
}

/* ---- asking ---- */

bool search_is_far_off(plate_key listed, plate_key seen)
{
    struct look_alike like;
    uint8_t a[PLATE_SYMBOLS_MAX] = {0};
    uint8_t b[PLATE_SYMBOLS_MAX] = {0};
    int differing = 0;
    look_alike_init(&like, true);
    int count_a = plate_symbols(look_alike_fold(&like, listed), a);
    int count_b = plate_symbols(look_alike_fold(&like, seen), b);
    for (int i = 0; i < PLATE_SYMBOLS_MAX; i++) {
        differing += a[i] != b[i] && a[i] != PLATE_SYMBOL_UNREAD && b[i] != PLATE_SYMBOL_UNREAD;
    }
    return count_a != count_b || differing > SEARCH_FAR_SYMBOLS;
}

static void put_said(json_t *object, const char *key, const char *text)
{
    if (text[0] != '\0') {
        json_object_set_new(object, key, json_string(text));
    }
}

/* What the record says beside who, why and which plate. */
static void fill_text(const struct search_ask *ask, const struct control_actor *actor,
                      struct fact *fact)
{
    json_t *more = json_object();
    char class[4];
    plate_class_format(ask->class, class);
    put_said(more, "class", class);
    put_said(more, "note", ask->note);
    put_said(more, "tablet", actor->tablet);
    if (ask->hit != 0) {
        json_object_set_new(more, "hit", json_integer((json_int_t)ask->hit));
    }
    if (ask->listed != 0 && search_is_far_off(ask->listed, ask->key)) {
        json_object_set_new(more, "far_off", json_true());
    }
    size_t size = json_dumpb(more, fact->text, ACT_TEXT_MAX, JSON_COMPACT);
    fact->text[size <= ACT_TEXT_MAX ? size : 0] = '\0'; /* bounded by its parts: it fits */
    json_decref(more);
}

/* Journal thread: on record or not. */
static void told(struct checkpointd *c, const struct fact *fact, struct control_ticket ticket,
                 int result)
{
    struct pipeline_event event;
    struct search search;
    (void)ticket; /* stands in what was asked */
    if (result == 0 && mark_asked(c, fact->u.act.number, &event)) {
        lane_post(c, &event);
    } else if (result != 0 && take_search(c, fact->u.act.number, &search)) {
        search.ask.done(c, &search.ask, SEARCH_NOT_RECORDED, NULL);
    }
}

static int may_tie(struct checkpointd *c, const struct control_call *call,
                   const struct search_ask *ask)
{
    struct quota_use use = {
        .at = clock_wall(&c->clock), .kind = SEARCH_TIED, .about = ask->hit, .officer = ""};
    struct wall_time oldest;
    if (ask->hit == 0) {
        return 0;
    }
    if (!within(c, &use, &oldest)) {
        return ERR_DENIED;
    }
    snprintf(use.officer, sizeof(use.officer), "%s", call->actor.officer);
    quota_note(&c->searches.quota, &use);
    return 0;
}

int search_start(struct checkpointd *c, const struct control_call *call,
                 const struct search_ask *ask)
{
    static struct fact fact; /* control thread */
    uint64_t number = atomic_fetch_add(&c->search_number, 1) + 1;
    struct search given_back;
    int result = may_tie(c, call, ask);
    if (result == 0) {
        result = keep_search(c, number, ask);
    }
    if (result != 0) {
        return result;
    }
    acts_begin_fact(c, &fact, &call->actor, FACT_ACT, ask->code);
    snprintf(fact.u.act.act, sizeof(fact.u.act.act), "search");
    fact.u.act.number = number;
    fill_text(ask, &call->actor, &fact);
    if (plate_decode(ask->key, fact.u.act.detail) != 0) {
        result = ERR_INVALID;
    }
    if (result == 0) {
        result = recorder_record_and_tell(c, &fact, call->ticket, told);
    }
    if (result != 0) {
        bool mine = take_search(c, number, &given_back);
        return mine ? result : 0; /* else the tick has answered */
    }
    return 0;
}

/* ---- answers ---- */

static json_t *match_json(const struct match_hit *hit, const struct plate_read *read,
                          const char *text)
{
    char plate[PLATE_TEXT_SIZE] = "";
    if (plate_decode(hit->entry.key, plate) != 0) {
        return json_object(); /* checked at the socket */
    }
    json_t *card = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *row =
        json_pack("{s:I,s:s,s:s,s:s,s:i,s:b,s:o}", "entry", (json_int_t)hit->entry.id, "plate",
                  plate, "match", match_kind_name(hit->kind), "category",
                  wanted_category_name(hit->entry.category), "priority", hit->entry.priority,
                  "expired", hit->expired, "card", card ? card : json_null());
    why_into(row, hit, read);
    why_words_into(row, hit, read);
    return row;
}

void acts_searched(void *ctx, uint64_t number, const struct match_packet *packet)
{
    struct checkpointd *c = ctx;
    struct search search;
    if (!take_search(c, number, &search)) {
        return;
    }
    if (!packet) {
        search.ask.done(c, &search.ask, SEARCH_NO_MATCHD, NULL);
        return;
    }
    json_t *hits = json_array();
    for (int h = 0; h < packet->message.u.read.hit_count; h++) {
        const struct match_hit *hit = &packet->message.u.read.hits[h];
        if (hit->entry.handling != HANDLING_OBSERVE) {
            json_array_append_new(hits,
                                  match_json(hit, &packet->message.u.read.read, packet->texts[h]));
        }
    }
    search.ask.done(c, &search.ask, SEARCH_ANSWERED, hits);
}

/* ---- the act "check" ---- */

static void answer_check(struct checkpointd *c, const struct search_ask *ask, enum search_end end,
                         json_t *hits)
{
    char plate[PLATE_TEXT_SIZE];
    switch (end) {
    case SEARCH_NO_MATCHD:
        control_refuse(c->control, ask->ticket, "no_match_service",
                       "checkpoint-matchd does not answer: the plate was not looked up",
                       "比对程序无响应，未能查询");
        return;
    case SEARCH_NOT_RECORDED:
        control_refuse(c->control, ask->ticket, "journal",
                       "the journal cannot record the search now: nothing was looked up",
                       "日志当前无法写入，未能查询");
        return;
    case SEARCH_ANSWERED:
        break;
    }
    int result = plate_decode(ask->key, plate);
    control_answer(c->control, ask->ticket,
                   json_pack("{s:s,s:o}", "plate", result == 0 ? plate : "", "hits", hits));
}

/* False: refused. */
static bool take_plate(struct control *control, const struct control_call *call,
                       struct search_ask *out)
{
    const char *text = json_string_value(json_object_get(call->args, "plate"));
    const json_t *class = json_object_get(call->args, "class");
    struct plate_text plate = {.kind = PLATE_DECODE_ERROR};
    char canonical[PLATE_TEXT_SIZE];
    if (text) {
        plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    }
    if (plate.kind != PLATE_KEY || plate_decode(plate.key, canonical) != 0) {
        refuse_invalid(control, call, "plate: not a plate, expected one like 鲁H12345",
                       "车牌格式不正确");
        return false;
    }
    out->key = plate.key;
    if (class && !json_is_null(class) &&
        (!json_is_string(class) || plate_class_parse(json_string_value(class), &out->class) != 0 ||
         out->class == PLATE_CLASS_ANY)) {
        refuse_invalid(control, call, "class: expected two characters of GA/T 16.7, like 02",
                       "号牌种类应为两位代码，如 02");
        return false;
    }
    return true;
}

static void refuse_start(struct control *control, const struct control_call *call, int result)
{
    if (result == ERR_BUSY) {
        control_refuse(control, call->ticket, "busy", "other searches still wait",
                       "其他查询尚未完成");
    } else {
        control_refuse(control, call->ticket, "journal",
                       "the journal cannot record the search now: nothing was looked up",
                       "日志当前无法写入，未能查询");
    }
}

void acts_check(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct search_ask ask = {
        .class = PLATE_CLASS_UNKNOWN, .ticket = call->ticket, .done = answer_check};
    const char *code = search_code(c, control, call, CODES_SEARCH);
    const char *note = code ? search_text(control, call, "note", SEARCH_NOTE_MAX) : NULL;
    if (!note || !take_plate(control, call, &ask) || !search_may(c, control, call, SEARCH_CHECK)) {
        return;
    }
    snprintf(ask.code, sizeof(ask.code), "%s", code);
    snprintf(ask.note, sizeof(ask.note), "%s", note);
    int result = search_start(c, call, &ask);
    if (result != 0) {
        refuse_start(control, call, result);
    }
}
