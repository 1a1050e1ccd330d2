/* The checkpoint at a glance: every part with its state, alarms with what to do. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointctl/checkpointctl.h"

enum { TEXT_SIZE = 512 };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* ---- one row a part ---- */

struct part {
    const char *name;
    const char *state;
    char text[TEXT_SIZE];
};

static const char *good(const struct ctl *ctl, bool is_good)
{
    return is_good ? ctl_say(ctl, "good", "正常") : ctl_say(ctl, "LOOK", "异常");
}

/* A line is good while nothing is known against it and every device on it answers. */
static bool bus_is_good(const json_t *bus)
{
    const json_t *devices = json_object_get(bus, "devices");
    bool is_good = !json_is_object(json_object_get(bus, "cause"));
    for (size_t i = 0; i < json_array_size(devices); i++) {
        is_good = is_good && json_is_true(json_object_get(json_array_get(devices, i), "contact"));
    }
    return is_good;
}

static void describe_bus(const struct ctl *ctl, const json_t *bus, struct part *part)
{
    const char *cause = text_of(json_object_get(bus, "cause"), ctl->zh ? "zh" : "en");
    part->name = text_of(bus, "bus");
    part->state = good(ctl, bus_is_good(bus));
    snprintf(
        part->text, sizeof(part->text),
        ctl_say(ctl,
                "%s%s%lld scans, %lld failed, %lld late, longest %lld us; orders %lld done, "
                "%lld failed, %lld vetoed",
                "%s%s扫描 %lld，失败 %lld，迟到 %lld，最长 %lld 微秒；指令完成 %lld，失败 %lld，"
                "否决 %lld"),
        cause ? cause : "", cause ? "; " : "", number_of(bus, "scans"),
        number_of(bus, "scans_failed"), number_of(bus, "late_scans"), number_of(bus, "scan_us_max"),
        number_of(bus, "orders_done"), number_of(bus, "orders_failed"),
        number_of(bus, "orders_vetoed"));
}

/* One device of a bus; a camera on a lane's line has no lane of its own here. */
static void describe_device(const struct ctl *ctl, const json_t *device, struct part *part)
{
    const json_t *last = json_object_get(device, "last_good_ms_ago");
    const char *refused = text_of(device, "refused"); /* another model answers in its place */
    char answered[64];
    char life[48];
    part->name = text_of(device, "device");
    part->state = good(ctl, json_is_true(json_object_get(device, "contact")));
    snprintf(answered, sizeof(answered), "%s",
             json_is_integer(last) ? ctl_duration(ctl, json_integer_value(last) / 1000, life)
                                   : "-");
    snprintf(
        part->text, sizeof(part->text),
        ctl_say(ctl,
                "lane %lld: %s%sround trip %lld us, p99 %lld us; last answer %s ago; %lld "
                "answers, %lld silent, %lld garbled, %lld refused, %lld broken off",
                "车道 %lld：%s%s往返 %lld 微秒，p99 %lld 微秒；上次应答 %s前；应答 %lld，无应答 "
                "%lld，乱码 %lld，拒绝 %lld，中断 %lld"),
        number_of(device, "lane"), refused ? refused : "", refused ? "; " : "",
        number_of(device, "median_us"), number_of(device, "p99_us"), answered,
        number_of(device, "good"), number_of(device, "timeouts"), number_of(device, "corrupt"),
        number_of(device, "denied"), number_of(device, "broken"));
}

/* A camera on a wire: when it was heard, how far its clock is off, what it lost. */
static void describe_camera(const struct ctl *ctl, const json_t *camera, char name[32],
                            struct part *part)
{
    const json_t *silent = json_object_get(camera, "silent_ms");
    const json_t *offset = json_object_get(camera, "clock_offset_ms");
    char heard[64];
    char clock[96];
    snprintf(name, 32, ctl_say(ctl, "camera %lld", "摄像机 %lld"), number_of(camera, "camera"));
    part->name = name;
    part->state = good(ctl, json_is_true(json_object_get(camera, "contact")));
    snprintf(heard, sizeof(heard),
             json_is_null(silent) ? ctl_say(ctl, "never heard", "从未收到")
                                  : ctl_say(ctl, "heard %lld s ago", "%lld 秒前收到"),
             (long long)json_integer_value(silent) / 1000);
    snprintf(clock, sizeof(clock),
             json_is_null(offset)
                 ? ctl_say(ctl, "clock unknown", "时钟未知")
                 : ctl_say(ctl, "clock %+lld ms (+-%lld)", "时钟 %+lld 毫秒（±%lld）"),
             (long long)json_integer_value(offset), number_of(camera, "clock_error_ms"));
    snprintf(part->text, sizeof(part->text),
             ctl_say(ctl,
                     "lane %lld, %s, %s; %lld reads, %lld garbled, %lld missed, %lld errors; "
                     "triggers %lld, failed %lld",
                     "车道 %lld，%s，%s；读牌 %lld，无法解析 %lld，遗漏 %lld，错误 %lld；"
                     "触发 %lld，失败 %lld"),
             number_of(camera, "lane"), heard, clock, number_of(camera, "reads"),
             number_of(camera, "bad"), number_of(camera, "missed"), number_of(camera, "errors"),
             number_of(camera, "triggers"), number_of(camera, "trigger_failures"));
}

static void describe_display(const struct ctl *ctl, const json_t *display, char name[32],
                             struct part *part)
{
    snprintf(name, 32, ctl_say(ctl, "display %lld", "显示屏 %lld"), number_of(display, "lane"));
    part->name = name;
    part->state = good(ctl, json_is_true(json_object_get(display, "contact")));
    snprintf(part->text, sizeof(part->text),
             ctl_say(ctl, "lane %lld; %lld messages written, %lld replaced, %lld errors",
                     "车道 %lld；写入 %lld 条，被替换 %lld 条，错误 %lld"),
             number_of(display, "lane"), number_of(display, "shown"),
             number_of(display, "replaced"), number_of(display, "errors"));
}

/* A counter of what was refused or lost: capture's causes, the system's drops. */
static bool is_drop(const char *name)
{
    static const char *const prefixes[] = {"frame_",    "compact_",     "json_",
                                           "camera_",   "dropped_",     "source_errors",
                                           "undecoded", "reads_refused"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* What was counted of refusals and losses, behind the `size` bytes of text there are. */
static void describe_drops(const struct ctl *ctl, json_t *counters, struct part *part, size_t size)
{
    const char *name;
    json_t *value;
    size_t before = size;
    json_object_foreach(counters, name, value)
    {
        if (is_drop(name) && json_integer_value(value) > 0 && size < sizeof(part->text)) {
            size += (size_t)snprintf(part->text + size, sizeof(part->text) - size, " %s %lld", name,
                                     (long long)json_integer_value(value));
        }
    }
    if (size == before) {
        (void)snprintf(part->text + size, sizeof(part->text) - size, " %s",
                       ctl_say(ctl, "none", "无"));
    }
}

static void describe_matchd(const struct ctl *ctl, const json_t *matchd, struct part *part)
{
    json_t *counters = json_object_get(matchd, "counters");
    part->name = ctl_say(ctl, "matchd", "比对程序");
    part->state = good(ctl, json_is_true(json_object_get(matchd, "connected")));
    size_t size = (size_t)snprintf(part->text, sizeof(part->text),
                                   ctl_say(ctl, "%lld frames, %lld reads; refused or lost:",
                                           "帧 %lld，读牌 %lld；拒收或丢失："),
                                   number_of(counters, "frames"), number_of(counters, "reads"));
    describe_drops(ctl, counters, part, size);
}

/* One queue of a capture source. What is against it now is an alarm. */
static void describe_source(const struct ctl *ctl, const json_t *source, const char *state,
                            struct part *part)
{
    json_t *counters = json_object_get(source, "counters");
    part->name = text_of(source, "source");
    part->state = state;
    size_t size =
        (size_t)snprintf(part->text, sizeof(part->text),
                         ctl_say(ctl, "queue %lld: %lld frames, %lld reads; refused or lost:",
                                 "队列 %lld：帧 %lld，读牌 %lld；拒收或丢失："),
                         number_of(source, "queue"), number_of(counters, "frames"),
                         number_of(counters, "frames_with_read"));
    describe_drops(ctl, counters, part, size);
}

static void describe_list(const struct ctl *ctl, const json_t *status, struct part *part)
{
    const json_t *list = json_object_get(status, "list");
    const json_t *lanes = json_object_get(status, "lanes");
    char signed_at[32];
    char until[32];
    size_t usable = 0;
    for (size_t i = 0; i < json_array_size(lanes); i++) {
        usable += json_is_true(json_object_get(json_array_get(lanes, i), "list_usable"));
    }
    part->name = ctl_say(ctl, "list", "布控名单");
    part->state = good(ctl, usable == json_array_size(lanes) && json_is_object(list));
    if (!json_is_object(list)) {
        snprintf(part->text, sizeof(part->text), "%s", ctl_say(ctl, "no list", "没有名单"));
        return;
    }
    snprintf(part->text, sizeof(part->text),
             ctl_say(ctl,
                     "revision %lld, %s, signed %s, vouched for until %s; usable in %zu of "
                     "%zu lanes",
                     "版本 %lld，%s，签发于 %s，总部确认有效至 %s；%zu/%zu 条车道可用"),
             number_of(list, "revision"), ctl_word(ctl, text_of(list, "state")),
             ctl_time(text_of(list, "signed_at"), signed_at),
             ctl_time(text_of(list, "current_until"), until), usable, json_array_size(lanes));
}

/* The names of an array, "none" without any. */
static const char *join_names(const struct ctl *ctl, const json_t *names, char out[TEXT_SIZE])
{
    size_t size = 0;
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(names) && size < TEXT_SIZE; i++) {
        size += (size_t)snprintf(out + size, TEXT_SIZE - size, "%s%s", i > 0 ? ", " : "",
                                 ctl_word(ctl, json_string_value(json_array_get(names, i))));
    }
    return out[0] ? out : ctl_say(ctl, "none, look-alike rule only", "无，仅按形近规则");
}

/* Without a signed policy the built-in one is no fault: headquarters need not have made one. */
static void describe_policy(const struct ctl *ctl, const json_t *policy, struct part *part)
{
    char head[96];
    char time[32];
    char channels[TEXT_SIZE];
    long long version = number_of(policy, "version");
    part->name = ctl_say(ctl, "policy", "比对策略");
    part->state = good(ctl, json_is_object(policy));
    if (!json_is_object(policy)) {
        snprintf(part->text, sizeof(part->text), "%s",
                 ctl_say(ctl, "not told by matchd yet", "比对程序尚未报告"));
        return;
    }
    if (version == 0) {
        snprintf(head, sizeof(head), "%s",
                 ctl_say(ctl, "none of headquarters, built-in values", "总部未下发，用内置值"));
    } else {
        snprintf(head, sizeof(head),
                 ctl_say(ctl, "version %lld, signed %s", "版本 %lld，签发于 %s"), version,
                 ctl_time(text_of(policy, "signed_at"), time));
    }
    snprintf(part->text, sizeof(part->text),
             ctl_say(ctl,
                     "%s: %lld false alerts a shift at %lld vehicles (%s), look-alike %lld, "
                     "channels: %s",
                     "%s：每班次误报 %lld 次、车流 %lld 辆（%s），形近字 %lld 个，识读模型：%s"),
             head, number_of(policy, "false_alerts"), number_of(policy, "traffic"),
             json_is_true(json_object_get(policy, "traffic_stated"))
                 ? ctl_say(ctl, "stated", "总部给定")
                 : ctl_say(ctl, "own count", "本站统计"),
             number_of(policy, "look_alike"),
             join_names(ctl, json_object_get(policy, "channels"), channels));
}

/* Without a list nobody is exempt, which is no fault. */
static void describe_exempt(const struct ctl *ctl, const json_t *list, struct part *part)
{
    char time[32];
    struct wall_time signed_at = {0};
    const char *text = text_of(list, "signed_at");
    part->name = ctl_say(ctl, "exempt list", "免检名单");
    part->state = good(ctl, true);
    if (number_of(list, "revision") == 0 || !text || wall_parse(text, &signed_at) != 0) {
        snprintf(part->text, sizeof(part->text), "%s", ctl_say(ctl, "none", "无"));
        return;
    }
    snprintf(part->text, sizeof(part->text),
             ctl_say(ctl,
                     "revision %lld, %lld of %lld vehicles in force now, signed %s, %lld days ago",
                     "版本 %lld，现有效 %lld/%lld 辆，签发于 %s，%lld 天前"),
             number_of(list, "revision"), number_of(list, "in_force"), number_of(list, "entries"),
             ctl_time(text, time),
             (long long)((clock_wall(&clock_system).ms - signed_at.ms) / (24LL * 3600 * 1000)));
}

/* Of what cases hold nothing is known here, as it must be. */
static void describe_retention(const struct ctl *ctl, const json_t *terms, struct part *part)
{
    const json_t *passage = json_object_get(terms, "passage");
    const json_t *picture = json_object_get(terms, "picture");
    const json_t *record = json_object_get(terms, "record");
    char head[96];
    char time[32];
    part->name = ctl_say(ctl, "retention", "保存期限");
    part->state = good(ctl, !json_is_true(json_object_get(terms, "paused")));
    if (!json_is_object(terms)) {
        snprintf(part->text, sizeof(part->text), "%s", ctl_say(ctl, "not told yet", "尚未报告"));
        return;
    }
    if (number_of(terms, "version") == 0) {
        snprintf(head, sizeof(head), "%s",
                 ctl_say(ctl, "no terms of headquarters", "总部未下发规定"));
    } else {
        snprintf(head, sizeof(head),
                 ctl_say(ctl, "terms version %lld, signed %s", "规定版本 %lld，签发于 %s"),
                 number_of(terms, "version"), ctl_time(text_of(terms, "signed_at"), time));
    }
    snprintf(part->text, sizeof(part->text),
             ctl_say(ctl,
                     "%s: passages %lld days (%lld to %lld), pictures %lld to %lld, hits and "
                     "others %lld (%lld to %lld)%s",
                     "%s：过车 %lld 天（%lld–%lld），图片 %lld–%lld 天，命中等记录 %lld "
                     "天（%lld–%lld）%s"),
             head, number_of(passage, "days"), number_of(passage, "floor"),
             number_of(passage, "ceiling"), number_of(picture, "floor"),
             number_of(picture, "ceiling"), number_of(record, "days"), number_of(record, "floor"),
             number_of(record, "ceiling"),
             json_is_true(json_object_get(terms, "paused"))
                 ? ctl_say(ctl, "; nothing is deleted", "；暂停删除")
                 : "");
}

static void describe_journal(const struct ctl *ctl, const json_t *status, struct part *part)
{
    const json_t *journal = json_object_get(status, "journal");
    part->name = ctl_say(ctl, "journal", "日志");
    part->state = good(ctl, json_is_true(json_object_get(journal, "healthy")));
    snprintf(part->text, sizeof(part->text),
             ctl_say(ctl, "head %lld, confirmed by headquarters %lld, records lost %lld",
                     "最新记录 %lld，总部已确认 %lld，丢失记录 %lld"),
             number_of(journal, "head"), number_of(journal, "confirmed"),
             number_of(json_object_get(status, "counters"), "records_lost"));
}

static void describe_clock(const struct ctl *ctl, const json_t *status, struct part *part)
{
    const json_t *clock = json_object_get(status, "clock");
    const char *source = text_of(clock, "source");
    part->name = ctl_say(ctl, "clock", "时钟");
    part->state = good(ctl, json_is_true(json_object_get(clock, "trusted")));
    snprintf(part->text, sizeof(part->text),
             ctl_say(ctl, "source %s, offset %lld ms", "来源 %s，偏差 %lld 毫秒"),
             source ? source : "-", number_of(clock, "offset_ms"));
}

static void describe_uplink(const struct ctl *ctl, const json_t *uplink, struct part *part)
{
    const char *detail = text_of(uplink, "detail");
    bool connected = json_is_true(json_object_get(uplink, "connected"));
    part->name = ctl_say(ctl, "uplink", "总部链路");
    part->state = good(ctl, connected);
    snprintf(part->text, sizeof(part->text), "%s%s%s",
             connected ? ctl_say(ctl, "headquarters answers", "总部已连接")
                       : ctl_say(ctl, "headquarters does not answer", "总部未连接"),
             detail && detail[0] ? "; " : "", detail ? detail : "");
}

static void describe_self_test(const struct ctl *ctl, const json_t *test, struct part *part)
{
    char time[32];
    part->name = ctl_say(ctl, "self-test", "自检");
    part->state = good(ctl, true); /* what is wrong is an alarm */
    snprintf(part->text, sizeof(part->text),
             ctl_say(ctl, "last recorded %s, entry %lld", "最近记录 %s，条目 %lld"),
             ctl_time(text_of(test, "time"), time),
             number_of(json_object_get(test, "entry"), "id"));
}

/* Vehicles read of those that left, of this hour or, before anybody came, of the last. */
static void describe_captures(const struct ctl *ctl, const json_t *lanes, struct part *part)
{
    size_t size = 0;
    bool low = false;
    part->name = ctl_say(ctl, "reads", "抓拍");
    part->text[0] = '\0';
    for (size_t i = 0; i < json_array_size(lanes) && size < sizeof(part->text); i++) {
        const json_t *lane = json_array_get(lanes, i);
        const json_t *capture = json_object_get(lane, "capture");
        const json_t *now = json_object_get(capture, "now");
        const json_t *hour = now ? now : json_object_get(capture, "last");
        if (hour) {
            low |= json_is_true(json_object_get(hour, "low"));
            size += (size_t)snprintf(
                part->text + size, sizeof(part->text) - size,
                ctl_say(ctl, "%slane %lld: %lld of %lld vehicles", "%s车道 %lld：%lld/%lld 辆"),
                size > 0 ? "; " : "", number_of(lane, "lane"), number_of(hour, "captured"),
                number_of(hour, "vehicles"));
        }
    }
    part->state = good(ctl, !low);
}

static int add_part(struct text_table *table, const struct part *part)
{
    const char *cells[] = {part->name, part->state, part->text};
    return text_table_add(table, cells);
}

static int fill_wired(const struct ctl *ctl, const json_t *status, struct text_table *table)
{
    const json_t *cameras = json_object_get(status, "cameras");
    const json_t *displays = json_object_get(status, "displays");
    struct part part = {.state = ""};
    char name[32];
    int result = 0;
    for (size_t i = 0; result == 0 && i < json_array_size(cameras); i++) {
        describe_camera(ctl, json_array_get(cameras, i), name, &part);
        result = add_part(table, &part);
    }
    for (size_t i = 0; result == 0 && i < json_array_size(displays); i++) {
        describe_display(ctl, json_array_get(displays, i), name, &part);
        result = add_part(table, &part);
    }
    return result;
}

static int add_bus(const struct ctl *ctl, const json_t *bus, struct text_table *table)
{
    struct part part = {.state = ""};
    const json_t *devices = json_object_get(bus, "devices");
    describe_bus(ctl, bus, &part);
    int result = add_part(table, &part);
    for (size_t i = 0; result == 0 && i < json_array_size(devices); i++) {
        describe_device(ctl, json_array_get(devices, i), &part);
        result = add_part(table, &part);
    }
    return result;
}

static int add_pictures(const struct ctl *ctl, struct text_table *table)
{
    struct part part = {.name = ctl_say(ctl, "pictures", "图片")};
    json_t *state = ctl_pictures(ctl);
    part.state = good(ctl, state && ctl_pictures_text(ctl, state, part.text, sizeof(part.text)));
    json_decref(state);
    return part.text[0] ? add_part(table, &part) : 0;
}

static int fill_parts(const struct ctl *ctl, const json_t *status, struct text_table *table)
{
    struct part part = {.state = ""};
    const json_t *buses = json_object_get(status, "buses");
    const json_t *uplink = json_object_get(status, "uplink");
    const json_t *matchd = json_object_get(status, "matchd");
    const json_t *sources = json_object_get(matchd, "sources");
    int result = 0;
    for (size_t i = 0; result == 0 && i < json_array_size(buses); i++) {
        result = add_bus(ctl, json_array_get(buses, i), table);
    }
    if (result == 0) {
        result = fill_wired(ctl, status, table);
    }
    if (result == 0) {
        describe_matchd(ctl, matchd, &part);
        result = add_part(table, &part);
    }
    const char *state = part.state; /* as matchd's: its sources have no say of their own */
    for (size_t i = 0; result == 0 && i < json_array_size(sources); i++) {
        describe_source(ctl, json_array_get(sources, i), state, &part);
        result = add_part(table, &part);
    }
    if (result == 0) {
        describe_captures(ctl, json_object_get(status, "lanes"), &part);
        result = part.text[0] ? add_part(table, &part) : 0;
    }
    if (result == 0) {
        describe_list(ctl, status, &part);
        result = add_part(table, &part);
    }
    if (result == 0) {
        describe_policy(ctl, json_object_get(status, "policy"), &part);
        result = add_part(table, &part);
    }
    if (result == 0) {
        describe_exempt(ctl, json_object_get(status, "exempt_list"), &part);
        result = add_part(table, &part);
    }
    if (result == 0 && json_is_object(json_object_get(status, "self_test"))) {
        describe_self_test(ctl, json_object_get(status, "self_test"), &part);
        result = add_part(table, &part);
    }
    if (result == 0) {
        describe_retention(ctl, json_object_get(status, "retention"), &part);
        result = add_part(table, &part);
    }
    if (result == 0) {
        describe_journal(ctl, status, &part);
        result = add_part(table, &part);
    }
    if (result == 0) {
        describe_clock(ctl, status, &part);
        result = add_part(table, &part);
    }
    if (result == 0 && json_is_object(uplink)) {
        describe_uplink(ctl, uplink, &part);
        result = add_part(table, &part);
    }
    return result == 0 ? add_pictures(ctl, table) : result;
}

static int print_parts(const struct ctl *ctl, const json_t *status)
{
    const char *titles[] = {ctl_say(ctl, "PART", "部件"), ctl_say(ctl, "STATE", "状态"),
                            ctl_say(ctl, "DETAIL", "说明")};
    struct text_table *table = NULL;
    int result = text_table_create(titles, 3, &table);
    if (result == 0) {
        result = fill_parts(ctl, status, table);
    }
    if (result == 0) {
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    return result == 0 ? EXIT_OK : ctl_fail(ctl, EXIT_RUN, "no_memory", "no memory", "内存不足");
}

/* ---- alarms ---- */

enum { ALARM_INDENT = 6 };

static void print_line(const char *text, size_t columns)
{
    printf("%*s", ALARM_INDENT, "");
    text_wrap(stdout, text, ALARM_INDENT, columns);
    putchar('\n');
}

static void print_alarm(const struct ctl *ctl, const json_t *alarm, size_t columns)
{
    char head[TEXT_SIZE];
    char lane[32] = "";
    const char *detail = text_of(alarm, "detail");
    const char *what_to_do = text_of(alarm, ctl->zh ? "what_to_do_zh" : "what_to_do");
    const char *text = text_of(alarm, ctl->zh ? "zh" : "en");
    if (number_of(alarm, "lane") > 0) {
        snprintf(lane, sizeof(lane), ctl_say(ctl, "lane %lld: ", "车道 %lld："),
                 number_of(alarm, "lane"));
    }
    snprintf(head, sizeof(head), "%s%s%s%s", lane, text ? text : "-", detail ? " — " : "",
             detail ? detail : "");
    printf("[%3lld] ", number_of(alarm, "alarm"));
    text_wrap(stdout, head, ALARM_INDENT, columns);
    putchar('\n');
    if (what_to_do) {
        print_line(what_to_do, columns);
    }
}

static void print_alarms(const struct ctl *ctl, const json_t *alarms)
{
    size_t columns = text_screen_columns(stdout) - ALARM_INDENT;
    size_t count = json_array_size(alarms);
    if (count == 0) {
        printf("\n%s\n", ctl_say(ctl, "No alarms.", "没有告警。"));
        return;
    }
    printf(ctl_say(ctl, "\nALARMS (%zu)\n", "\n告警（%zu）\n"), count);
    for (size_t i = 0; i < count; i++) {
        print_alarm(ctl, json_array_get(alarms, i), columns);
    }
}

static void print_session(const struct ctl *ctl)
{
    char life[48];
    json_t *about = ctl_token_about(ctl);
    if (about) {
        printf(ctl_say(ctl, "Signed on: %s, %s left\n", "已登录：%s，剩余 %s\n"),
               text_of(about, "officer"),
               ctl_duration(ctl, number_of(about, "expires_in_s"), life));
    }
    json_decref(about);
}

int ctl_status(struct ctl *ctl)
{
    json_t *status = NULL;
    int result = ctl_ask(ctl, "status", NULL, &status);
    if (result != 0) {
        return result;
    }
    if (ctl->json) {
        ctl_print_json(status);
    } else {
        printf("%s %s\n", ctl_say(ctl, "Checkpoint", "检查站"), text_of(status, "checkpoint"));
        print_session(ctl);
        putchar('\n');
        result = ctl_print_lanes(ctl, json_object_get(status, "lanes"));
        putchar('\n');
        result = result == 0 ? print_parts(ctl, status) : result;
        print_alarms(ctl, json_object_get(status, "alarms"));
    }
    json_decref(status);
    return result;
}
