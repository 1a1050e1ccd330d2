/*
 * `doctor`: every part of the checkpoint, good or to be looked at, with what is wrong and what to
 * do about it. What checkpointd knows is asked of it; without it the rest is looked at all the
 * same, and what cannot be seen is said.
 */
#include "gateway/app/checkpointctl/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DISK_FREE_MIN_PERCENT = 5, MIB = 1 << 20 };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

void doctor_add(struct doctor *d, const char *check, const char *part, bool good,
                const char *detail, const char *what_to_do)
{
    json_t *row = json_pack("{s:s,s:s,s:b,s:s}", "check", check, "part", part, "good", (int)good,
                            "detail", detail);
    if (row && !good) {
        json_object_set_new(row, "what_to_do", json_string(what_to_do));
    }
    d->look = d->look || !good;
    json_array_append_new(d->rows, row);
}

/* ---- devices ---- */

static void watchdog_text(const struct ctl *ctl, const json_t *device, char *out, size_t size)
{
    const char *watchdog = text_of(device, "watchdog");
    if (!watchdog) {
        out[0] = '\0';
    } else if (strcmp(watchdog, "armed") == 0) {
        snprintf(out, size, "%s", ctl_say(ctl, ", watchdog armed", "，看门狗已启用"));
    } else {
        snprintf(out, size, "%s",
                 strcmp(watchdog, "none") == 0
                     ? ctl_say(ctl, ", no watchdog that can be read", "，无可读取的看门狗")
                     : ctl_say(ctl, ", watchdog not seen", "，看门狗状态未知"));
    }
}

static const char *identity_text(const struct ctl *ctl, const json_t *device)
{
    const char *identity = text_of(device, "identity");
    if (identity && strcmp(identity, "confirmed") == 0) {
        return ctl_say(ctl, ", model confirmed", "，型号已核实");
    }
    return identity && strcmp(identity, "cannot_tell") == 0
               ? ctl_say(ctl, ", model cannot be told", "，型号无法核实")
               : "";
}

/* Another model answers in its place. */
static void add_refused(struct doctor *d, const char *part, const char *found)
{
    doctor_add(d, "device", part, false, found,
               ctl_say(d->ctl,
                       "put the right module back, or give this one a profile and name it in "
                       "checkpointd.yaml",
                       "装回正确型号的模块，或为其编写配置档案并在 checkpointd.yaml 中引用"));
}

static void add_device(struct doctor *d, const json_t *bus, const json_t *device)
{
    const struct ctl *ctl = d->ctl;
    const char *refused = text_of(device, "refused");
    const json_t *last = json_object_get(device, "last_good_ms_ago");
    bool contact = json_is_true(json_object_get(device, "contact"));
    char part[DOCTOR_TEXT_SIZE];
    char detail[DOCTOR_TEXT_SIZE];
    char watchdog[96];
    watchdog_text(ctl, device, watchdog, sizeof(watchdog));
    snprintf(part, sizeof(part), ctl_say(ctl, "%s, lane %lld: %s", "%s，车道 %lld：%s"),
             text_of(bus, "bus"), number_of(device, "lane"), text_of(device, "device"));
    if (refused) {
        add_refused(d, part, refused);
        return;
    }
    if (contact) {
        snprintf(detail, sizeof(detail),
                 ctl_say(ctl, "reachable, round trip %lld us, p99 %lld us%s%s",
                         "可达，往返 %lld 微秒，p99 %lld 微秒%s%s"),
                 number_of(device, "median_us"), number_of(device, "p99_us"), watchdog,
                 identity_text(ctl, device));
    } else {
        snprintf(detail, sizeof(detail),
                 json_is_integer(last) ? ctl_say(ctl, "silent for %lld ms", "已 %lld 毫秒无应答")
                                       : ctl_say(ctl, "never answered%.0lld", "从未应答%.0lld"),
                 json_is_integer(last) ? (long long)json_integer_value(last) : 0LL);
    }
    doctor_add(d, "device", part, contact, detail,
               ctl_say(ctl, "its supply, address and wiring; 'bus scan' shows who answers",
                       "检查供电、地址和接线；可用 bus scan 查看哪些站号应答"));
}

static void add_buses(struct doctor *d)
{
    const json_t *buses = json_object_get(d->status, "buses");
    const char *lang = d->ctl->zh ? "zh" : "en";
    for (size_t i = 0; i < json_array_size(buses); i++) {
        const json_t *bus = json_array_get(buses, i);
        const json_t *devices = json_object_get(bus, "devices");
        const char *cause = text_of(json_object_get(bus, "cause"), lang);
        if (cause) {
            doctor_add(d, "line", text_of(bus, "bus"), false, cause,
                       ctl_say(d->ctl, "'checkpointctl status' has the alarm with what to do",
                               "checkpointctl status 显示该告警及处置建议"));
        }
        for (size_t n = 0; n < json_array_size(devices); n++) {
            add_device(d, bus, json_array_get(devices, n));
        }
    }
}

static void add_cameras(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    const json_t *cameras = json_object_get(d->status, "cameras");
    for (size_t i = 0; i < json_array_size(cameras); i++) {
        const json_t *camera = json_array_get(cameras, i);
        const json_t *silent = json_object_get(camera, "silent_ms");
        const json_t *offset = json_object_get(camera, "clock_offset_ms");
        char part[DOCTOR_TEXT_SIZE];
        char detail[DOCTOR_TEXT_SIZE];
        char clock[96] = "";
        snprintf(part, sizeof(part),
                 ctl_say(ctl, "camera %lld, lane %lld", "摄像机 %lld，车道 %lld"),
                 number_of(camera, "camera"), number_of(camera, "lane"));
        if (json_is_integer(offset)) {
            snprintf(clock, sizeof(clock),
                     ctl_say(ctl, ", clock off by %lld ms", "，时钟偏差 %lld 毫秒"),
                     (long long)json_integer_value(offset));
        }
        if (json_is_integer(silent)) {
            snprintf(detail, sizeof(detail),
                     ctl_say(ctl, "heard %lld ms ago%s", "%lld 毫秒前有信号%s"),
                     (long long)json_integer_value(silent), clock);
        } else {
            snprintf(detail, sizeof(detail), "%s", ctl_say(ctl, "never heard", "从未收到信号"));
        }
        doctor_add(d, "camera", part, json_is_true(json_object_get(camera, "contact")), detail,
                   ctl_say(ctl, "its supply and line, then 'camera test'",
                           "检查供电和线路，然后运行 camera test"));
    }
}

/* ---- the rest of what checkpointd knows ---- */

static void add_matchd(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    const json_t *matchd = json_object_get(d->status, "matchd");
    bool connected = json_is_true(json_object_get(matchd, "connected"));
    char detail[DOCTOR_TEXT_SIZE];
    snprintf(detail, sizeof(detail),
             connected ? ctl_say(ctl, "connected, %lld reads", "已连接，读牌 %lld")
                       : ctl_say(ctl, "not connected; %lld reads before", "未连接；此前读牌 %lld"),
             number_of(json_object_get(matchd, "counters"), "reads"));
    doctor_add(d, "matchd", "checkpoint-matchd", connected, detail,
               ctl_say(ctl, "systemctl status checkpoint-matchd; the lanes are blind meanwhile",
                       "systemctl status checkpoint-matchd；其间车道无法比对"));
}

static void add_list(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    const json_t *list = json_object_get(d->status, "list");
    const json_t *lanes = json_object_get(d->status, "lanes");
    char detail[DOCTOR_TEXT_SIZE];
    char signed_at[32];
    char until[32];
    bool usable = json_is_object(list);
    for (size_t i = 0; i < json_array_size(lanes); i++) {
        usable = usable && json_is_true(json_object_get(json_array_get(lanes, i), "list_usable"));
    }
    snprintf(detail, sizeof(detail),
             ctl_say(ctl, "revision %lld, signed %s, vouched for until %s",
                     "版本 %lld，签发于 %s，总部确认有效至 %s"),
             number_of(list, "revision"), ctl_time(text_of(list, "signed_at"), signed_at),
             ctl_time(text_of(list, "current_until"), until));
    doctor_add(d, "list", ctl_say(ctl, "wanted list", "布控名单"), usable,
               json_is_object(list) ? detail : ctl_say(ctl, "no list", "没有名单"),
               ctl_say(ctl,
                       "it is too old or missing: look at Redis and at the link to headquarters",
                       "名单过旧或缺失：检查 Redis 和总部链路"));
}

static void add_clock(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    const json_t *clock = json_object_get(d->status, "clock");
    const char *source = text_of(clock, "source");
    char detail[DOCTOR_TEXT_SIZE];
    bool trusted = json_is_true(json_object_get(clock, "trusted"));
    snprintf(detail, sizeof(detail),
             ctl_say(ctl, "%s, source %s, offset %lld ms", "%s，来源 %s，偏差 %lld 毫秒"),
             trusted ? ctl_say(ctl, "trusted", "可信") : ctl_say(ctl, "NOT trusted", "不可信"),
             source ? source : "-", number_of(clock, "offset_ms"));
    doctor_add(d, "clock", ctl_say(ctl, "clock", "时钟"), trusted, detail,
               ctl_say(ctl,
                       "set it: chronyc tracking, or the link to headquarters; hits do not hold "
                       "meanwhile",
                       "校时：chronyc tracking 或恢复总部链路；其间命中不拦停"));
}

static void add_uplink(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    const json_t *uplink = json_object_get(d->status, "uplink");
    const char *detail = text_of(uplink, "detail");
    bool connected = json_is_true(json_object_get(uplink, "connected"));
    doctor_add(d, "uplink", ctl_say(ctl, "headquarters", "总部链路"), connected,
               connected           ? ctl_say(ctl, "answers", "已连接")
               : detail && *detail ? detail
                                   : ctl_say(ctl, "does not answer", "未连接"),
               ctl_say(ctl,
                       "systemctl status checkpoint-uplinkd; network, certificate; records wait "
                       "on the box",
                       "systemctl status checkpoint-uplinkd；检查网络和证书；记录暂存本机"));
}

static void add_journal(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    const json_t *journal = json_object_get(d->status, "journal");
    char detail[DOCTOR_TEXT_SIZE];
    snprintf(detail, sizeof(detail),
             ctl_say(ctl, "newest record %lld, confirmed %lld, lost %lld",
                     "最新记录 %lld，已确认 %lld，丢失 %lld"),
             number_of(journal, "head"), number_of(journal, "confirmed"),
             number_of(json_object_get(d->status, "counters"), "records_lost"));
    doctor_add(d, "journal", ctl_say(ctl, "journal", "日志"),
               json_is_true(json_object_get(journal, "healthy")), detail,
               ctl_say(ctl, "releases are refused: make room on the disk, then 'audit verify'",
                       "放行被拒绝：请清理磁盘，然后运行 audit verify"));
}

static void add_disk(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    const json_t *disk = json_object_get(d->status, "disk");
    long long size = number_of(disk, "size_bytes");
    long long percent = size > 0 ? number_of(disk, "free_bytes") / (size / 100 + 1) : 0;
    bool reserve = number_of(disk, "reserve_bytes") >= number_of(disk, "reserve_wanted_bytes");
    char detail[DOCTOR_TEXT_SIZE];
    snprintf(detail, sizeof(detail),
             ctl_say(ctl, "%lld MiB free (%lld %%), the journal's reserve of %lld MiB is %s",
                     "剩余 %lld MiB（%lld %%），日志预留 %lld MiB %s"),
             number_of(disk, "free_bytes") / MIB, percent,
             number_of(disk, "reserve_wanted_bytes") / MIB,
             reserve ? ctl_say(ctl, "there", "完好") : ctl_say(ctl, "IN USE", "已动用"));
    doctor_add(d, "disk", ctl_say(ctl, "disk", "磁盘"),
               json_is_object(disk) && reserve && percent >= DISK_FREE_MIN_PERCENT,
               json_is_object(disk) ? detail : ctl_say(ctl, "cannot be asked", "无法检查"),
               ctl_say(ctl, "make room: releases are refused once the journal cannot be written",
                       "请清理空间：日志写满后将拒绝放行"));
}

static void add_alarms(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    size_t count = json_array_size(json_object_get(d->status, "alarms"));
    char detail[DOCTOR_TEXT_SIZE];
    snprintf(detail, sizeof(detail), ctl_say(ctl, "%zu active", "当前 %zu 条"), count);
    doctor_add(d, "alarms", ctl_say(ctl, "alarms", "告警"), count == 0, detail,
               ctl_say(ctl, "'checkpointctl status' lists them with what to do",
                       "checkpointctl status 逐条列出处置建议"));
}

static void add_pictures(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    char detail[DOCTOR_TEXT_SIZE];
    json_t *state = ctl_pictures(ctl);
    if (state) {
        bool good = ctl_pictures_text(ctl, state, detail, sizeof(detail));
        doctor_add(d, "pictures", ctl_say(ctl, "pictures", "图片"), good, detail,
                   ctl_say(ctl,
                           "systemctl status checkpoint-camerad; journalctl -u checkpoint-camerad; "
                           "lanes and hits go on without it",
                           "systemctl status checkpoint-camerad；journalctl -u "
                           "checkpoint-camerad；车道与命中不受影响"));
    }
    json_decref(state);
}

static void add_checkpointd(struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    if (d->status) {
        doctor_add(d, "checkpointd", "checkpointd", true, ctl_say(ctl, "answers", "运行中"), "");
        return;
    }
    doctor_add(
        d, "checkpointd", "checkpointd", false,
        ctl_say(ctl,
                "does not answer; not seen therefore: devices, inputs, watchdogs, cameras, "
                "list, journal, clock, headquarters",
                "无响应；因此无法检查：设备、输入、看门狗、摄像机、名单、日志、时钟、总部链路"),
        ctl_say(ctl,
                "systemctl status checkpointd; journalctl -u checkpointd; with the rights to "
                "its socket?",
                "systemctl status checkpointd；journalctl -u checkpointd；检查套接字权限"));
}

/* ---- the whole ---- */

json_t *doctor_ask(struct ctl *ctl, const char *act)
{
    char path[256];
    struct err_text err;
    json_t *answer = NULL;
    json_t *result = NULL;
    json_t *request = json_pack("{s:s}", "do", act);
    struct control_client *client = NULL;
    if (request &&
        snprintf(path, sizeof(path), "%s/control", ctl->runtime_dir) < (int)sizeof(path) &&
        control_client_open(path, &client, &err) == 0 &&
        control_client_ask(client, request, CONTROL_CLIENT_WAIT_MS, &answer, &err) == 0) {
        result = json_incref(json_object_get(answer, "result"));
    }
    control_client_close(client);
    json_decref(request);
    json_decref(answer);
    return result;
}

static void look_at_all(struct doctor *d)
{
    add_checkpointd(d);
    doctor_configurations(d);
    if (d->status) {
        add_buses(d);
        add_cameras(d);
        add_matchd(d);
        add_list(d);
        add_journal(d);
        add_disk(d);
        add_clock(d);
        add_uplink(d);
        add_alarms(d);
        doctor_codes(d);
    } else {
        doctor_disk_here(d);
    }
    doctor_redis(d);
    doctor_certificate(d);
    add_pictures(d);
    doctor_console(d);
}

static int print_rows(const struct doctor *d)
{
    const struct ctl *ctl = d->ctl;
    const char *titles[] = {ctl_say(ctl, "PART", "部件"), ctl_say(ctl, "STATE", "状态"),
                            ctl_say(ctl, "DETAIL, WHAT TO DO", "说明、处置")};
    struct text_table *table = NULL;
    int result = text_table_create(titles, 3, &table);
    for (size_t i = 0; result == 0 && i < json_array_size(d->rows); i++) {
        const json_t *row = json_array_get(d->rows, i);
        const char *what_to_do = text_of(row, "what_to_do");
        char detail[2 * DOCTOR_TEXT_SIZE + 8];
        snprintf(detail, sizeof(detail), "%s%s%s", text_of(row, "detail"), what_to_do ? " → " : "",
                 what_to_do ? what_to_do : "");
        const char *cells[] = {text_of(row, "part"),
                               json_is_true(json_object_get(row, "good"))
                                   ? ctl_say(ctl, "good", "正常")
                                   : ctl_say(ctl, "LOOK", "异常"),
                               detail};
        result = text_table_add(table, cells);
    }
    if (result == 0) {
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    return result == 0 ? EXIT_OK : ctl_fail(ctl, EXIT_RUN, "no_memory", "no memory", "内存不足");
}

static int print_result(const struct doctor *d)
{
    if (d->ctl->json) {
        json_t *whole = json_pack("{s:b,s:O}", "good", (int)!d->look, "rows", d->rows);
        ctl_print_json(whole);
        json_decref(whole);
        return EXIT_OK;
    }
    return print_rows(d);
}

int ctl_doctor(struct ctl *ctl)
{
    struct doctor d = {.ctl = ctl, .rows = json_array()};
    int status = 0;
    if (ctl->interactive && !ctl_has_terminal()) {
        json_decref(d.rows);
        return ctl_fail(ctl, EXIT_USAGE, "no_terminal",
                        "--interactive: there is no terminal to ask at",
                        "--interactive：没有可用于询问的终端");
    }
    d.status = doctor_ask(ctl, "status");
    look_at_all(&d);
    if (ctl->interactive && d.status) {
        status = doctor_hands(&d);
    }
    int printed = print_result(&d); /* what was seen before an interruption too */
    json_decref(d.rows);
    json_decref(d.status);
    status = status ? status : printed;
    return status ? status : d.look ? EXIT_RUN : EXIT_OK;
}
