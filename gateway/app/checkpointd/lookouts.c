/* See lookouts.h. */
#include "gateway/app/checkpointd/lookouts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS, CASE_MAX = 64 };

static const int64_t again_ms = (int64_t)LOOKOUT_AGAIN_DAYS * DAY_MS;

void lookout_desk_init(struct checkpointd *c)
{
    thread_lock_init(&c->lookouts.lock);
}

/* ---- the rule of seven days ---- */

static bool same_class(plate_class a, plate_class b)
{
    return a == b || a == PLATE_CLASS_ANY || b == PLATE_CLASS_ANY;
}

bool lookout_may(const struct lookout_desk *desk, plate_key key, plate_class class,
                 struct wall_time now, struct wall_time *out_again)
{
    for (int i = 0; i < LOOKOUT_RECENT_MAX; i++) {
        const struct lookout_recent *row = &desk->recent[i];
        if (row->digest != 0 && now.ms < row->begun.ms + again_ms &&
            same_class(row->class, class) && row->digest == lookout_digest(desk, key, row->begun)) {
            out_again->ms = row->begun.ms + again_ms;
            return false;
        }
    }
    return true;
}

bool lookout_remember(struct lookout_desk *desk, const struct lookout_recent *one,
                      struct wall_time now)
{
    struct lookout_recent *place = NULL;
    for (int i = 0; i < LOOKOUT_RECENT_MAX; i++) {
        struct lookout_recent *row = &desk->recent[i];
        if (row->digest == one->digest && row->class == one->class &&
            row->begun.ms == one->begun.ms) {
            return true;
        }
        if (!place && (row->digest == 0 || now.ms >= row->begun.ms + again_ms)) {
            place = row;
        }
    }
    if (place) {
        *place = *one;
    }
    return place != NULL;
}

static void forget(struct lookout_desk *desk, const struct lookout *lookout)
{
    for (int i = 0; i < LOOKOUT_RECENT_MAX; i++) {
        if (desk->recent[i].id == lookout->id) {
            desk->recent[i] = (struct lookout_recent){.digest = 0};
        }
    }
}

/* ---- rows ---- */

static struct lookout_row *find_row(struct lookout_desk *desk, uint64_t id)
{
    for (int i = 0; i < LOOKOUTS_MAX; i++) {
        if (desk->rows[i].lookout.id == id) {
            return &desk->rows[i];
        }
    }
    return NULL;
}

void lookouts_ended(struct checkpointd *c, uint64_t id)
{
    pthread_mutex_lock(&c->lookouts.lock);
    struct lookout_row *row = id != 0 ? find_row(&c->lookouts, id) : NULL;
    if (row) {
        *row = (struct lookout_row){.pending = false};
    }
    pthread_mutex_unlock(&c->lookouts.lock);
}

void lookout_post(struct checkpointd *c, const struct lookout *lookout)
{
    struct pipeline_event event = {.kind = PIPELINE_LOOKOUT};
    event.u.lookout = malloc(sizeof(*lookout));
    if (event.u.lookout) {
        *event.u.lookout = *lookout;
        lane_post(c, &event);
    }
}

static void copy_member(json_t *to, const char *name, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);
    if (value) {
        json_object_set(to, name, value);
    }
}

static json_t *row_json(const struct lookout *lookout)
{
    char plate[PLATE_TEXT_SIZE] = "";
    char class[4];
    char begun[WALL_TEXT_SIZE];
    char until[WALL_TEXT_SIZE];
    json_t *card = json_loads(lookout->text, JSON_REJECT_DUPLICATES, NULL);
    int decoded = plate_decode(lookout->key, plate);
    (void)decoded; /* made of a plate */
    plate_class_format(lookout->class, class);
    wall_format(lookout->begun, begun);
    wall_format(lookout->until, until);
    json_t *row = json_pack("{s:I,s:s,s:s,s:s,s:s}", "id", (json_int_t)lookout->id, "plate", plate,
                            "class", class, "begun", begun, "until", until);
    copy_member(row, "reason", card, "reason");
    copy_member(row, "case", card, "case_number");
    copy_member(row, "officer", card, "authority");
    copy_member(row, "second", card, "approver");
    json_decref(card);
    return row;
}

json_t *lookouts_json(struct checkpointd *c)
{
    json_t *rows = json_array();
    pthread_mutex_lock(&c->lookouts.lock);
    for (int i = 0; i < LOOKOUTS_MAX; i++) {
        if (c->lookouts.rows[i].lookout.id != 0 && !c->lookouts.rows[i].pending) {
            json_array_append_new(rows, row_json(&c->lookouts.rows[i].lookout));
        }
    }
    pthread_mutex_unlock(&c->lookouts.lock);
    return rows;
}

/* ---- on record again ---- */

static int say_rows(struct checkpointd *c, struct fact *fact)
{
    int result = 0;
    for (int i = 0; result == 0 && i < LOOKOUTS_MAX; i++) {
        const struct lookout_row *row = &c->lookouts.rows[i];
        if (row->lookout.id != 0 && !row->pending) {
            fact->u.lookout.lookout = row->lookout;
            fact->u.lookout.state = FACT_LOOKOUT_STANDS;
            result = recorder_push(c, fact);
        }
    }
    return result;
}

/* As many as there can be fit into the text. */
static bool fill_recent(const struct lookout_desk *desk, struct wall_time now, struct fact *fact)
{
    json_t *rows = json_array();
    for (int i = 0; i < LOOKOUT_RECENT_MAX; i++) {
        const struct lookout_recent *row = &desk->recent[i];
        char digest[24];
        char class[4];
        if (row->digest != 0 && now.ms < row->begun.ms + again_ms) {
            snprintf(digest, sizeof(digest), "%016" PRIx64, row->digest);
            plate_class_format(row->class, class);
            json_array_append_new(rows,
                                  json_pack("[s,s,I]", digest, class, (json_int_t)row->begun.ms));
        }
    }
    bool any = json_array_size(rows) > 0;
    json_t *more = json_pack("{s:o}", "keyed", rows);
    size_t size = json_dumpb(more, fact->text, WANTED_TEXT_MAX, JSON_COMPACT);
    fact->text[size <= WANTED_TEXT_MAX ? size : 0] = '\0';
    json_decref(more);
    return any;
}

_Static_assert(LOOKOUT_RECENT_MAX * sizeof("[\"0123456789abcdef\",\"any\",1790000000000],") + 32 <
                   WANTED_TEXT_MAX,
               "all recent ones are one record");

int lookouts_say_standing(struct checkpointd *c)
{
    static struct fact fact; /* lane thread */
    memset(&fact, 0, sizeof(fact));
    fact.kind = FACT_LOOKOUT;
    fact.wall = clock_wall(&c->clock);
    fact.mono = clock_mono(&clock_system);
    fact.to_journal = true;
    snprintf(fact.actor.program, sizeof(fact.actor.program), "checkpointd");
    snprintf(fact.actor.reason, sizeof(fact.actor.reason), "stands since before");
    pthread_mutex_lock(&c->lookouts.lock);
    int result = say_rows(c, &fact);
    fact.kind = FACT_ACT;
    memset(&fact.u, 0, sizeof(fact.u));
    snprintf(fact.u.act.act, sizeof(fact.u.act.act), "lookouts_recent");
    if (result == 0 && fill_recent(&c->lookouts, fact.wall, &fact)) {
        result = recorder_push(c, &fact);
    }
    pthread_mutex_unlock(&c->lookouts.lock);
    return result;
}

/* ---- the act "lookout_add" ---- */

static void refuse(struct control *control, const struct control_call *call, const char *code,
                   const char *en, const char *zh)
{
    control_refuse(control, call->ticket, code, en, zh);
}

/* False: refused. */
static bool take_plate(struct control *control, const struct control_call *call,
                       struct lookout *out)
{
    const char *text = json_string_value(json_object_get(call->args, "plate"));
    const char *class = json_string_value(json_object_get(call->args, "class"));
    struct plate_text plate = {.kind = PLATE_DECODE_ERROR};
    char canonical[PLATE_TEXT_SIZE];
    if (text) {
        plate_encode(text, strlen(text), PLATE_DASH_AUTO, &plate);
    }
    if (plate.kind != PLATE_KEY || plate_has_unread(plate.key) ||
        plate_decode(plate.key, canonical) != 0 || plate.key == WANTED_SELF_TEST_KEY) {
        refuse(control, call, "invalid", "plate: expected a whole plate, like 鲁H12345",
               "车牌格式不正确或不完整");
        return false;
    }
    if (!class || plate_class_parse(class, &out->class) != 0 || out->class == PLATE_CLASS_UNKNOWN) {
        refuse(control, call, "invalid",
               "class: expected two characters of GA/T 16.7, like 02, or any",
               "号牌种类应为两位代码（如 02）或 any");
        return false;
    }
    out->key = plate.key;
    return true;
}

/* What a hit's card shows. False: it does not fit. */
static bool fill_card(const struct control_call *call, const char *reason, const char *case_number,
                      struct lookout *out)
{
    char until[WALL_TEXT_SIZE];
    wall_format(out->until, until);
    json_t *card = json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:i}", "reason", reason, "case_number",
                             case_number, "authority", call->actor.officer, "approver",
                             call->actor.second, "valid_until", until, "lookout", 1, "priority", 3);
    size_t size = json_dumpb(card, out->text, sizeof(out->text) - 1, JSON_COMPACT | JSON_SORT_KEYS);
    bool fits = size > 0 && size < sizeof(out->text);
    out->text[fits ? size : 0] = '\0';
    json_decref(card);
    return fits;
}

/* False: refused. */
static bool take_args(struct checkpointd *c, struct control *control,
                      const struct control_call *call, struct lookout *out)
{
    const json_t *hours = json_object_get(call->args, "hours");
    const char *reason = acts_reason(control, call, true);
    const char *case_number = reason ? search_text(control, call, "case", CASE_MAX) : NULL;
    json_int_t count = json_integer_value(hours);
    if (!case_number || !take_plate(control, call, out)) {
        return false;
    }
    if (!json_is_integer(hours) || count < 1 || count > LOOKOUT_HOURS_MAX) {
        refuse(control, call, "invalid", "hours: expected 1 to 24", "布控时长应为 1 到 24 小时");
        return false;
    }
    out->begun = clock_wall(&c->clock);
    out->until.ms = out->begun.ms + count * HOUR_MS;
    if (case_number[0] == '\0' || !fill_card(call, reason, case_number, out)) {
        refuse(control, call, "invalid", "case: missing, or too long with the reason",
               "缺少案件编号，或与理由合计过长");
        return false;
    }
    return true;
}

static void refuse_again(struct control *control, const struct control_call *call,
                         struct wall_time again)
{
    char text[WALL_TEXT_SIZE];
    char en[128];
    wall_format(again, text);
    snprintf(
        en, sizeof(en),
        "plate: looked out for within the last 7 days; headquarters may list it; again from %s",
        text);
    control_refuse_with(control, call->ticket, "again", en,
                        "7 天内已对该车布控，不得续期；请报上级列入布控名单",
                        json_pack("{s:s}", "ends", text));
}

/* A place for it, not on record yet; false: refused. */
static bool reserve(struct checkpointd *c, struct control *control, const struct control_call *call,
                    struct lookout *lookout)
{
    struct lookout_desk *desk = &c->lookouts;
    struct wall_time again = {0};
    pthread_mutex_lock(&desk->lock);
    struct lookout_row *row = find_row(desk, 0);
    bool may = lookout_may(desk, lookout->key, lookout->class, lookout->begun, &again);
    uint64_t now = (uint64_t)lookout->begun.ms;
    lookout->id = now > desk->last_id ? now : desk->last_id + 1;
    const struct lookout_recent recent = {lookout_digest(desk, lookout->key, lookout->begun),
                                          lookout->id, lookout->class, lookout->begun};
    bool room = may && row && lookout_remember(desk, &recent, lookout->begun);
    if (room) {
        desk->last_id = lookout->id;
        *row = (struct lookout_row){*lookout, .pending = true};
    }
    pthread_mutex_unlock(&desk->lock);
    if (!may) {
        refuse_again(control, call, again);
    } else if (!room) {
        refuse(control, call, "full",
               "as many local look-outs as there can be: 32 at once, 64 in 7 days",
               "本地布控数量已达上限");
    }
    return room;
}

static void drop(struct checkpointd *c, const struct lookout *lookout)
{
    lookouts_ended(c, lookout->id);
    pthread_mutex_lock(&c->lookouts.lock);
    forget(&c->lookouts, lookout);
    pthread_mutex_unlock(&c->lookouts.lock);
}

static void refuse_unrecorded(struct control *control, struct control_ticket ticket)
{
    control_refuse(control, ticket, "journal", "the journal cannot record it now",
                   "日志当前无法写入");
}

/* Journal thread. */
static void begun(struct checkpointd *c, const struct fact *fact, struct control_ticket ticket,
                  int result)
{
    const struct lookout *lookout = &fact->u.lookout.lookout;
    if (result != 0) {
        drop(c, lookout);
        refuse_unrecorded(c->control, ticket);
        return;
    }
    pthread_mutex_lock(&c->lookouts.lock);
    struct lookout_row *row = find_row(&c->lookouts, lookout->id);
    if (row) {
        row->pending = false;
    }
    pthread_mutex_unlock(&c->lookouts.lock);
    lookout_post(c, lookout);
    publish_push(c, fact);
    log_event(EVENT_LOOKOUT_BEGUN, "id=%" PRIu64 " officer=%s second=%s", lookout->id,
              fact->actor.officer, fact->actor.second);
    control_answer(c->control, ticket, row_json(lookout));
}

void acts_lookout_add(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    static struct fact fact; /* control thread */
    struct lookout lookout = {.id = 0};
    if (call->actor.second[0] == '\0') {
        refuse(control, call, "second",
               "a local look-out needs a second person: second {officer, password}",
               "本地布控需第二人确认");
        return;
    }
    if (!take_args(c, control, call, &lookout)) {
        return;
    }
    if (lookout_keys_ready(c, lookout.begun) != 0) {
        refuse(control, call, "io", "the rule of seven days cannot be kept: see LOOKOUT_KEYS",
               "无法保存七日规则的密钥，未布控");
        return;
    }
    if (!reserve(c, control, call, &lookout)) {
        return;
    }
    acts_begin_fact(c, &fact, &call->actor, FACT_LOOKOUT, acts_reason(control, call, true));
    fact.urgent = true;
    fact.u.lookout.lookout = lookout;
    fact.u.lookout.state = FACT_LOOKOUT_BEGUN;
    if (recorder_record_and_tell(c, &fact, call->ticket, begun) != 0) {
        drop(c, &lookout);
        refuse_unrecorded(control, call->ticket);
    }
}

/* ---- the acts "lookout_end", "lookouts" ---- */

/* Journal thread. */
static void ended(struct checkpointd *c, const struct fact *fact, struct control_ticket ticket,
                  int result)
{
    struct lookout over = fact->u.lookout.lookout;
    if (result != 0) {
        refuse_unrecorded(c->control, ticket);
        return;
    }
    over.until.ms = 0;
    lookout_post(c, &over);
    lookouts_ended(c, over.id);
    publish_push(c, fact);
    log_event(EVENT_LOOKOUT_ENDED, "id=%" PRIu64 " officer=%s", over.id, fact->actor.officer);
    control_answer(c->control, ticket, json_pack("{s:I}", "id", (json_int_t)over.id));
}

void acts_lookout_end(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    static struct fact fact; /* control thread */
    json_int_t id = json_integer_value(json_object_get(call->args, "id"));
    const char *reason = acts_reason(control, call, true);
    if (!reason) {
        return;
    }
    acts_begin_fact(c, &fact, &call->actor, FACT_LOOKOUT, reason);
    pthread_mutex_lock(&c->lookouts.lock);
    const struct lookout_row *row = id > 0 ? find_row(&c->lookouts, (uint64_t)id) : NULL;
    bool there = row && !row->pending;
    if (there) {
        fact.u.lookout.lookout = row->lookout;
    }
    pthread_mutex_unlock(&c->lookouts.lock);
    if (!there) {
        refuse(control, call, "not_found", "id: no such look-out", "没有该本地布控");
        return;
    }
    fact.urgent = true;
    fact.u.lookout.state = FACT_LOOKOUT_ENDED;
    if (recorder_record_and_tell(c, &fact, call->ticket, ended) != 0) {
        refuse_unrecorded(control, call->ticket);
    }
}

void acts_lookouts(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    control_answer(control, call->ticket, json_pack("{s:o}", "lookouts", lookouts_json(c)));
}
