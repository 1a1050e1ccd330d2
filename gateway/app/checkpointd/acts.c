/*
 * What commands and consoles may ask of checkpointd, beside the accounts that gateway/control
 * keeps: one row an act. Control thread, except the answers of the lanes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "gateway/app/checkpointd/checkpointd.h"
#include "gateway/base/log.h"
#include "gateway/base/utf8.h"

enum { HITS_DEFAULT = 20, REASON_MAX = FACT_REASON_SIZE - 1 };

static void refuse(struct control *control, const struct control_call *call, const char *code,
                   const char *en, const char *zh)
{
    control_refuse(control, call->ticket, code, en, zh);
}

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : ""); /* every field is as wide as what it takes */
}

void acts_fill_actor(struct fact_actor *out, const struct control_actor *actor, const char *reason)
{
    copy_text(out->program, sizeof(out->program), actor->program);
    out->uid = actor->peer.uid;
    copy_text(out->officer, sizeof(out->officer), actor->officer);
    copy_text(out->second, sizeof(out->second), actor->second);
    copy_text(out->origin, sizeof(out->origin), actor->origin);
    copy_text(out->reason, sizeof(out->reason), reason);
}

void acts_begin_fact(const struct checkpointd *c, struct fact *fact,
                     const struct control_actor *actor, enum fact_kind kind, const char *reason)
{
    memset(fact, 0, sizeof(*fact));
    fact->kind = kind;
    fact->wall = clock_wall(&c->clock);
    fact->mono = clock_mono(&clock_system);
    fact->to_journal = true;
    fact->to_events = true;
    acts_fill_actor(&fact->actor, actor, reason);
}

static void begin_act(const struct checkpointd *c, struct fact *fact,
                      const struct control_actor *actor, const char *act, const char *reason)
{
    acts_begin_fact(c, fact, actor, FACT_ACT, reason);
    copy_text(fact->u.act.act, sizeof(fact->u.act.act), act);
}

/* ---- arguments ---- */

const char *acts_reason(struct control *control, const struct control_call *call, bool needed)
{
    const char *reason = json_string_value(json_object_get(call->args, "reason"));
    if (!reason || !*reason) { /* picked from a table */
        reason = json_string_value(json_object_get(call->args, "reason_code"));
    }
    size_t size = reason ? strlen(reason) : 0;
    if (size > REASON_MAX) {
        refuse(control, call, "too_large", "reason: longer than 200 bytes", "理由过长");
        return NULL;
    }
    if (reason && !utf8_is_line(reason)) {
        refuse(control, call, "invalid", "reason: expected a text of one line",
               "理由应为一行文字，不含控制字符");
        return NULL;
    }
    if (needed && size == 0) {
        refuse(control, call, "invalid", "reason: missing", "缺少理由");
        return NULL;
    }
    return reason ? reason : "";
}

/* ---- looking ---- */

static json_t *or_null(json_t *value)
{
    return value ? json_incref(value) : json_null();
}

static json_t *alarms_of(const struct board *board)
{
    json_t *alarms = json_array();
    const char *key;
    json_t *alarm;
    json_object_foreach(board->alarms, key, alarm)
    {
        json_t *copy = json_copy(alarm);
        json_int_t event = json_integer_value(json_object_get(alarm, "alarm"));
        const struct log_event_def *def = log_event_find((enum log_event_id)event);
        if (def) {
            json_object_set_new(copy, "what_to_do", json_string(def->what_to_do));
            json_object_set_new(copy, "what_to_do_zh", json_string(log_event_what_to_do_zh(def)));
        }
        json_array_append_new(alarms, copy);
    }
    return alarms;
}

static json_t *counters_of(const struct checkpointd *c)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "reads",
                     (json_int_t)atomic_load(&c->stat_reads), "unread",
                     (json_int_t)atomic_load(&c->stat_unread), "hits",
                     (json_int_t)atomic_load(&c->stat_hits), "alerts_quiet",
                     (json_int_t)atomic_load(&c->stat_quiet), "alerts_sounding",
                     (json_int_t)atomic_load(&c->stat_sounding), "holds",
                     (json_int_t)atomic_load(&c->stat_holds), "suppressed",
                     (json_int_t)atomic_load(&c->stat_suppressed), "facts_lost",
                     (json_int_t)atomic_load(&c->stat_lost), "records_lost",
                     (json_int_t)atomic_load(&c->recorder.lost_total), "events_dropped",
                     (json_int_t)atomic_load(&c->events_dropped), "scans_dropped",
                     (json_int_t)atomic_load(&c->scans_dropped), "outcomes_dropped",
                     (json_int_t)atomic_load(&c->outcomes_dropped));
}

static json_t *journal_of(const struct checkpointd *c)
{
    return json_pack("{s:I,s:I,s:b}", "head", (json_int_t)atomic_load(&c->recorder.recorded),
                     "confirmed", (json_int_t)atomic_load(&c->recorder.confirmed), "healthy",
                     (int)atomic_load(&c->recorder.healthy));
}

/* Of the journal's file system; null when it cannot be asked. The reserve is what is there of it.
 */
static json_t *disk_of(const struct checkpointd *c)
{
    char path[sizeof(c->journal_dir) + 16];
    struct statvfs disk;
    struct stat reserve = {.st_size = 0};
    (void)snprintf(path, sizeof(path), "%s/reserve", c->journal_dir);
    if (statvfs(c->journal_dir, &disk) != 0) {
        return json_null();
    }
    bool there = stat(path, &reserve) == 0;
    return json_pack("{s:I,s:I,s:I,s:I}", "free_bytes",
                     (json_int_t)disk.f_bavail * (json_int_t)disk.f_frsize, "size_bytes",
                     (json_int_t)disk.f_blocks * (json_int_t)disk.f_frsize, "reserve_bytes",
                     there ? (json_int_t)reserve.st_size : 0, "reserve_wanted_bytes",
                     (json_int_t)c->config.reserve_bytes);
}

static json_t *matchd_of(const struct checkpointd *c)
{
    json_t *sources = json_array();
    const char *key;
    json_t *source;
    json_object_foreach(c->board.sources, key, source)
    {
        json_array_append_new(sources, json_deep_copy(source));
    }
    return json_pack("{s:b,s:O,s:o}", "connected", (int)atomic_load(&c->matchd_connected),
                     "counters", c->board.matchd, "sources", sources);
}

/* What was said when trust last changed, with the offset of now. */
static json_t *clock_of(const struct checkpointd *c)
{
    if (!c->board.clock) {
        return json_null();
    }
    json_t *clock = json_copy(c->board.clock);
    json_object_set_new(clock, "offset_ms",
                        json_integer((json_int_t)atomic_load(&c->clock_offset_ms)));
    return clock;
}

static json_t *lane_json(const struct checkpointd *c, const struct config_lane *lane)
{
    char key[8];
    snprintf(key, sizeof(key), "%u", lane->lane.lane.lane);
    json_t *status = json_object_get(c->board.lanes, key);
    json_t *result = status ? json_copy(status) : json_object();
    json_object_set_new(result, "lane", json_integer(lane->lane.lane.lane));
    json_object_set_new(result, "name", json_string(lane->lane.name));
    json_object_set_new(result, "mode", json_string(lane_mode_name(lane->lane.lane.mode)));
    json_t *capture = json_object_get(c->board.captures, key);
    if (capture) {
        json_object_set(result, "capture", capture);
    }
    return result;
}

static json_t *lanes_of(const struct checkpointd *c)
{
    json_t *lanes = json_array();
    for (size_t i = 0; i < c->config.lane_count; i++) {
        json_array_append_new(lanes, lane_json(c, &c->config.lanes[i]));
    }
    return lanes;
}

static void run_status(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    json_t *result = json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "checkpoint",
                               c->config.checkpoint, "alarms", alarms_of(&c->board), "list",
                               or_null(c->board.list), "policy", or_null(c->board.policy), "clock",
                               clock_of(c), "uplink", or_null(c->board.uplink), "journal",
                               journal_of(c), "counters", counters_of(c), "lanes", lanes_of(c),
                               "buses", buses_json(c), "matchd", matchd_of(c));
    json_object_set_new(result, "exempt_list", or_null(c->board.exempt));
    json_object_set_new(result, "retention", or_null(c->board.retention));
    json_object_set_new(result, "self_test", or_null(c->board.self_test));
    json_object_set_new(result, "cameras", cameras_json(c));
    json_object_set_new(result, "displays", displays_json(c));
    json_object_set_new(result, "disk", disk_of(c));
    json_object_set_new(result, "journal_folder", json_string(c->journal_dir));
    json_object_set_new(result, "headquarters_phone", json_string(c->config.headquarters_phone));
    control_answer(control, call->ticket, result);
}

static void run_lanes(void *ctx, struct control *control, const struct control_call *call)
{
    control_answer(control, call->ticket, json_pack("{s:o}", "lanes", lanes_of(ctx)));
}

static void run_hits(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    const json_t *limit_value = json_object_get(call->args, "limit");
    json_int_t limit = limit_value ? json_integer_value(limit_value) : HITS_DEFAULT;
    if (limit < 1 || limit > BOARD_HITS_MAX) {
        refuse(control, call, "invalid", "limit: expected 1 to 256", "limit 应为 1 到 256");
        return;
    }
    size_t count = json_array_size(c->board.hits);
    json_t *hits = json_array();
    for (size_t i = 0; i < count && i < (size_t)limit; i++) {
        json_array_append_new(hits,
                              cases_hit_json(c, json_array_get(c->board.hits, count - 1 - i)));
    }
    control_answer(control, call->ticket, json_pack("{s:o}", "hits", hits));
}

/* The whole picture at once. Who sees no plates gets no hits and no messages. */
static void run_board(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    json_t *hits = json_array();
    bool plates = call->actor.role != OFFICER_ROLE_TECHNICIAN;
    for (size_t i = 0; plates && i < json_array_size(c->board.hits); i++) {
        json_array_append_new(hits, cases_hit_json(c, json_array_get(c->board.hits, i)));
    }
    json_t *result = json_pack(
        "{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "checkpoint", c->config.checkpoint, "hits", hits,
        "lanes", lanes_of(c), "alarms", alarms_of(&c->board), "messages",
        plates ? json_copy(c->board.messages) : json_array(), "list", or_null(c->board.list),
        "clock", clock_of(c), "uplink", or_null(c->board.uplink), "duty", duty_json(c));
    json_object_set_new(result, "lookouts", plates ? lookouts_json(c) : json_array());
    json_object_set_new(result, "headquarters_phone", json_string(c->config.headquarters_phone));
    control_answer(control, call->ticket, result);
}

static void run_messages(void *ctx, struct control *control, const struct control_call *call)
{
    const struct checkpointd *c = ctx;
    control_answer(control, call->ticket,
                   json_pack("{s:o}", "messages", json_copy(c->board.messages)));
}

static json_t *sockets_of(const struct checkpointd *c)
{
    struct line_stats s;
    line_server_stats(control_server(c->control), &s);
    return json_pack("{s:I,s:I,s:I,s:I,s:I}", "clients", (json_int_t)s.clients, "refused",
                     (json_int_t)s.refused, "slow_dropped", (json_int_t)s.slow_dropped, "lines_bad",
                     (json_int_t)s.lines_bad, "posts_dropped", (json_int_t)s.posts_dropped);
}

static void run_metrics(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    control_answer(control, call->ticket,
                   json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:O}", "counters", counters_of(c),
                             "buses", buses_json(c), "journal", journal_of(c), "matchd",
                             matchd_of(c), "sockets", sockets_of(c), "cameras", cameras_json(c),
                             "displays", displays_json(c), "captures", c->board.captures));
}

static void run_audit_head(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    json_t *result = journal_of(c);
    json_object_set_new(result, "folder", json_string(c->journal_dir));
    control_answer(control, call->ticket, result);
}

/* ---- rules ---- */

int checkpointd_reload(struct checkpointd *c, struct err_text *err)
{
    struct rule_set *rules = NULL;
    int result = rules_load(c->config.rules, &rules, err);
    if (result != 0) {
        log_event(EVENT_CONFIG_REFUSED, "detail=\"%s\"", err->text);
        return result;
    }
    log_event(EVENT_RULES_LOADED, "title=\"%s\" rules=%zu", rules_title(rules), rules_count(rules));
    lane_post(c, &(struct pipeline_event){.kind = PIPELINE_RULES, .u.rules = rules});
    return 0;
}

static void run_reload(void *ctx, struct control *control, const struct control_call *call)
{
    struct checkpointd *c = ctx;
    struct err_text err;
    static struct fact fact; /* control thread */
    begin_act(c, &fact, &call->actor, "reload", "");
    if (recorder_push(c, &fact) != 0) {
        refuse(control, call, "journal", "the journal cannot record it now", "日志当前无法写入");
        return;
    }
    publish_push(c, &fact);
    if (checkpointd_reload(c, &err) != 0) {
        refuse(control, call, "invalid", err.text, "规则文件被拒绝，原规则继续有效");
        return;
    }
    cases_load_codes(c);
    control_answer(control, call->ticket, json_pack("{s:s}", "rules", c->config.rules));
}

/* ---- accounts ---- */

/* Whether a record of that name only tells of what is so in any case. */
static bool only_tells(const char *act)
{
    static const char *const ends[] = {"_refused", "_locked", "_failed"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t size = strlen(act);
        size_t end = strlen(ends[i]);
        if (size > end && strcmp(act + size - end, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* In the password thread, behind which a raise of every lane may wait: not longer than the disk. */
int acts_record(void *ctx, const struct control_actor *actor, const char *act,
                const json_t *details)
{
    struct checkpointd *c = ctx;
    struct fact fact;
    char *text = json_dumps(details, JSON_COMPACT | JSON_SORT_KEYS);
    begin_act(c, &fact, actor, act, "");
    snprintf(fact.u.act.detail, sizeof(fact.u.act.detail), "%.*s", FACT_DETAIL_SIZE - 1,
             text ? text : "");
    free(text);
    int result = recorder_record_in_time(c, &fact, !only_tells(act));
    if (result == 0) {
        publish_push(c, &fact);
    }
    return result;
}

const struct control_act checkpointd_acts[] = {
    {"status", CONTROL_ANYBODY | CONTROL_AGAIN, run_status},
    {"lanes", CONTROL_ANYBODY | CONTROL_AGAIN, run_lanes},
    {"metrics", CONTROL_ANYBODY | CONTROL_AGAIN, run_metrics},
    {"audit_head", CONTROL_ANYBODY | CONTROL_AGAIN, run_audit_head},
    {"hits", CONTROL_READER | CONTROL_AGAIN, run_hits},
    {"messages", CONTROL_READER | CONTROL_AGAIN, run_messages},
    {"hit_answer", CONTROL_OFFICER, acts_hit_answer},
    {"board", CONTROL_SIGNED_ON | CONTROL_AGAIN, run_board},
    {"codes", CONTROL_ANYBODY | CONTROL_AGAIN, case_act_codes},
    {"hit_show", CONTROL_READER | CONTROL_AGAIN, case_act_show},
    {"hit_sign", CONTROL_SIGNER, case_act_sign},
    {"hit_confirm", CONTROL_OFFICER, case_act_confirm},
    {"hit_reject", CONTROL_OFFICER, case_act_reject},
    {"hit_agree", CONTROL_OFFICER, case_act_agree},
    {"hit_intercept", CONTROL_OFFICER, case_act_intercept},
    {"hit_feedback", CONTROL_OFFICER, case_act_feedback},
    {"hit_close", CONTROL_OFFICER, case_act_close},
    {"stop_record", CONTROL_OFFICER, case_act_stop_record},
    {"check", CONTROL_SIGNER, acts_check},
    {"history", CONTROL_READER | CONTROL_FRESH_PIN, acts_history},
    {"history_more", CONTROL_READER, acts_history_more},
    {"report", CONTROL_REVIEWER, acts_report},
    {"lookout_add", CONTROL_LEADER, acts_lookout_add},
    {"lookout_end", CONTROL_LEADER, acts_lookout_end},
    {"lookouts", CONTROL_READER | CONTROL_AGAIN, acts_lookouts},
    {"ack", CONTROL_OFFICER, lane_act_ack},
    {"hold", CONTROL_PROTECTIVE, lane_act_hold},
    {"stop", CONTROL_PROTECTIVE | CONTROL_AGAIN, lane_act_stop},
    {"release", CONTROL_OFFICER | CONTROL_FRESH_PIN_AT_CONSOLE, lane_act_release},
    {"raise", CONTROL_RAISING, lane_act_raise},
    {"raise_all", CONTROL_PROTECTIVE | CONTROL_FRESH_PIN | CONTROL_AGAIN, raise_all_act},
    {"lower", CONTROL_OFFICER | CONTROL_AGAIN, press_act_lower},
    {"lower_beat", CONTROL_OFFICER | CONTROL_HEARD | CONTROL_AGAIN, press_act_beat},
    {"lower_end", CONTROL_OFFICER | CONTROL_HEARD | CONTROL_AGAIN, press_act_end},
    {"inspected", CONTROL_OFFICER, lane_act_inspected},
    {"convoy", CONTROL_OFFICER, lane_act_convoy},
    {"convoy_end", CONTROL_PROTECTIVE, lane_act_convoy_end},
    {"duty", CONTROL_READER | CONTROL_AGAIN, duty_act_show},
    {"help", CONTROL_PROTECTIVE | CONTROL_AGAIN, duty_act_help},
    {"help_end", CONTROL_SIGNER, duty_act_help_end},
    {"well", CONTROL_SIGNER, duty_act_well},
    {"handover", CONTROL_READER | CONTROL_AGAIN, handover_act_show},
    {"handover_accept", CONTROL_SIGNER | CONTROL_FRESH_PIN, handover_act_accept},
    {"backup_end", CONTROL_OFFICER, duty_act_backup_end},
    {"service_out", CONTROL_PROTECTIVE, lane_act_service_out},
    {"service_in", CONTROL_OFFICER, lane_act_service_in},
    {"bus_scan", CONTROL_ADMIN, tool_act_bus_scan},
    {"bus_read", CONTROL_TECHNICIAN, tool_act_bus_read},
    {"bus_write", CONTROL_ADMIN, tool_act_bus_write},
    {"test_raise", CONTROL_TECHNICIAN, tool_act_test_raise},
    {"test_stop", CONTROL_TECHNICIAN | CONTROL_HEARD | CONTROL_AGAIN, tool_act_test_stop},
    {"test_lower", CONTROL_TECHNICIAN, tool_act_test_lower},
    {"test_watch", CONTROL_ANYBODY | CONTROL_AGAIN, tool_act_test_watch},
    {"guided_test", CONTROL_TECHNICIAN, tool_act_guided_test},
    {"camera_trigger", CONTROL_TECHNICIAN, tool_act_camera_trigger},
    {"journal_set_aside", CONTROL_ADMIN, set_aside_act},
    {"reload", CONTROL_ADMIN, run_reload}};
const size_t checkpointd_act_count = sizeof(checkpointd_acts) / sizeof(checkpointd_acts[0]);
