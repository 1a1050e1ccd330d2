/*
 * What checkpointctl says: errors in both languages, the rest in the reader's, help pages from the
 * tables of commands and options.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/app/checkpointctl/checkpointctl.h"
#include "gateway/base/clock.h"

enum { HELP_INDENT = 7, ERROR_INDENT = 15 /* "checkpointctl: " */ };

const char *ctl_say(const struct ctl *ctl, const char *en, const char *zh)
{
    return ctl->zh ? zh : en;
}

/* ---- words of the protocol ---- */

static const struct {
    const char *name;
    const char *en;
    const char *zh;
} words[] = {
    /* what is wanted */
    {"stolen", "stolen", "被盗抢"},
    {"fugitive", "fugitive", "在逃"},
    {"hit_and_run", "hit and run", "肇事逃逸"},
    {"self_test", "self-test", "自检"},
    {"cloned", "cloned plate", "套牌"},
    {"missing", "missing", "失踪"},
    {"case", "case", "涉案"},
    {"other", "other", "其他"},
    /* matches and alerts */
    {"exact", "exact", "精确"},
    {"look_alike", "look-alike", "形近"},
    {"candidate", "candidate", "候选"},
    {"partial", "partial", "部分"},
    {"confirm", "confirmed", "确认属实"},
    {"misread", "misread", "误读"},
    {"none", "none", "无"},
    {"quiet", "quiet", "静默列表"},
    {"silent", "silent", "无声"},
    {"sounding", "sounding", "声光"},
    {"unread", "unread", "未识别"},
    {"no_plate", "no plate", "无车牌"},
    {"decode_error", "no plate text", "非车牌"},
    {"tag", "tag", "标签"},
    {"wired", "wired", "有线"},
    {"session", "session", "会话"},
    /* lanes */
    {"normally_closed", "closed", "常闭"},
    {"normally_open", "open", "常开"},
    {"check_point", "check", "逐车检查"},
    {"red", "red", "红"},
    {"yellow", "yellow", "黄"},
    {"green", "green", "绿"},
    {"open", "open", "开"},
    {"closed", "closed", "关"},
    {"raising", "raising", "升起中"},
    {"lowering", "lowering", "落下中"},
    {"stopped", "stopped", "已停止"},
    {"fault", "fault", "故障"},
    {"local_control", "local control", "本地控制"},
    {"emergency_stop", "emergency stop", "急停"},
    {"broken", "broken", "断杆"},
    {"unknown", "unknown", "未知"},
    {"raise", "raise", "抬杆"},
    {"emergency_raise", "emergency raise", "紧急抬杆"},
    {"lower", "lower", "落杆"},
    {"stop", "stop", "停止"},
    {"hold", "hold", "拦截"},
    {"release", "release", "解除"},
    {"ack", "acknowledge", "确认"},
    {"hold_waiting", "vehicle to be held is on its way", "待拦截车辆驶来"},
    {"hold_active", "vehicle held", "车辆已拦停"},
    {"hold_dropped", "hold dropped", "拦截取消"},
    {"hold_release", "hold released", "拦截解除"},
    {"hold_withdraw", "entry withdrawn", "已撤控"},
    {"hold_ended", "hold ended", "拦截结束"},
    {"hold_kept", "still held", "继续拦截"},
    {"left", "vehicle left", "车辆已离开"},
    {"inspected", "inspected", "检查完毕"},
    {"convoy", "convoy", "车队放行"},
    {"convoy_end", "convoy's end", "结束车队放行"},
    {"convoy_ended", "convoy ended", "车队放行结束"},
    {"convoy_hit", "vehicle to be held passes in a convoy", "应拦截车辆混在车队中"},
    {"out_of_service", "out of service", "停用"},
    {"in_service", "in service", "启用"},
    {"stop_reset", "emergency stop reset", "急停复位"},
    {"fire_raise", "fire raise", "消防抬杆"},
    {"mains_lost", "mains lost", "市电中断"},
    {"mains_back", "mains back", "市电恢复"},
    {"retrigger", "camera triggered again", "重新触发摄像机"},
    {"run_through", "run through", "闯卡"},
    {"foreign_motion", "motion nobody ordered", "非指令动作"},
    {"plate_conflict", "plate conflict", "车牌冲突"},
    {"refused", "refused", "被拒绝"},
    {"failed", "failed", "未能执行"},
    {"message", "message", "消息"},
    {"verdict", "outcome of a hit", "命中核查结果"},
    {"status", "status", "状态查询"},
    {"boom", "boom", "栏杆"},
    {"done", "done", "已完成"},
    /* inputs */
    {"limit_open", "limit_open", "上限位 limit_open"},
    {"limit_closed", "limit_closed", "下限位 limit_closed"},
    {"presence", "presence", "杆下线圈 presence"},
    {"obstacle", "obstacle", "障碍检测 obstacle"},
    {"entry_loop", "entry_loop", "入口线圈 entry_loop"},
    {"exit_loop", "exit_loop", "出口线圈 exit_loop"},
    {"boom_off", "boom_off", "断杆 boom_off"},
    {"person_device_ok", "person_device_ok", "人员检测正常 person_device_ok"},
    {"vehicle_detector_ok", "vehicle_detector_ok", "车辆检测器正常 vehicle_detector_ok"},
    {"panic", "panic", "报警按钮 panic"},
    {"cabinet_door", "cabinet_door", "机柜门 cabinet_door"},
    {"mains_ok", "mains_ok", "市电 mains_ok"},
    /* list and clock */
    {"current", "current", "有效"},
    {"stale", "not confirmed as current", "未确认为最新"},
    {"officer", "officer", "民警"},
    {"leader", "leader", "带班领导"},
    {"auxiliary", "auxiliary", "辅警"},
    {"technician", "technician", "技术人员"},
    {"auditor", "auditor", "审计员"},
    {"entry_expired", "its entry ended", "条目到期"},
    {"entry_withdrawn", "its entry was withdrawn", "条目已撤销"},
    {"clock_untrusted", "the clock is not trusted", "时钟不可信"},
    {"plates_differ", "something else was read of it", "另有不同识读"},
    {"open_hit", "it has a hit", "已命中布控"},
};

const char *ctl_word(const struct ctl *ctl, const char *name)
{
    if (!name) {
        return "-";
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].name, name) == 0) {
            return ctl_say(ctl, words[i].en, words[i].zh);
        }
    }
    return name;
}

/* ---- errors ---- */

int ctl_fail(const struct ctl *ctl, int status, const char *code, const char *en, const char *zh)
{
    if (ctl->json) {
        json_t *error = json_pack("{s:{s:s,s:s,s:s}}", "error", "code", code, "en", en, "zh", zh);
        ctl_print_json(error);
        json_decref(error);
        return status;
    }
    size_t columns = text_screen_columns(stderr) - ERROR_INDENT;
    const char *other = ctl_say(ctl, zh, en);
    fputs("checkpointctl: ", stderr);
    text_wrap(stderr, ctl_say(ctl, en, zh), ERROR_INDENT, columns);
    if (strcmp(en, zh) != 0) {
        fprintf(stderr, "\n%*s", ERROR_INDENT, "");
        text_wrap(stderr, other, ERROR_INDENT, columns);
    }
    fprintf(stderr, "\n%*s[%s]\n", ERROR_INDENT, "", code);
    return status;
}

int ctl_fail_err(const struct ctl *ctl, int status, int code, const struct err_text *err)
{
    char zh[sizeof(err->text) + 32];
    snprintf(zh, sizeof(zh), "失败：%s", err->text);
    return ctl_fail(ctl, status, err_name(code), err->text, zh);
}

void ctl_print_json(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    puts(text ? text
              : "{\"error\":{\"code\":\"no_memory\",\"en\":\"no memory\",\"zh\":\"内存不足\"}}");
    free(text);
}

/* ---- times ---- */

const char *ctl_time(const char *rfc3339, char out[32])
{
    struct wall_time wall;
    struct tm local;
    if (!rfc3339 || wall_parse(rfc3339, &wall) != 0) {
        return "-";
    }
    time_t seconds = (time_t)(wall.ms / 1000);
    if (!localtime_r(&seconds, &local) || strftime(out, 32, "%m-%d %H:%M:%S", &local) == 0) {
        return "-";
    }
    return out;
}

const char *ctl_duration(const struct ctl *ctl, int64_t seconds, char out[48])
{
    long long minutes = (seconds > 0 ? seconds : 0) / 60;
    if (minutes >= 60) {
        snprintf(out, 48, ctl->zh ? "%lld 小时 %lld 分" : "%lld h %lld min", minutes / 60,
                 minutes % 60);
    } else {
        snprintf(out, 48, ctl->zh ? "%lld 分" : "%lld min", minutes);
    }
    return out;
}

/* ---- help ---- */

static const struct {
    unsigned bit;
    const char *form;
    const char *en;
    const char *zh;
} option_help[] = {
    {CTL_REASON, "--reason TEXT", "Why; stands in the record. At most 200 bytes.",
     "理由，写入记录，最长 200 字节。"},
    {CTL_EMERGENCY, "--emergency", "Raise whatever else is gone; needs no reason.",
     "紧急抬杆，不需要理由。"},
    {CTL_SECOND, "--second NAME", "The second officer who confirms (priority 1).",
     "第二名民警（一级布控必须）。"},
    {CTL_SECOND_FD, "--second-fd N", "Read that officer's password from this file descriptor.",
     "从该文件描述符读取第二名民警的密码。"},
    {CTL_PASSWORD_FD, "--password-fd N",
     "Read the password, one line, from this file descriptor instead of the terminal.",
     "从该文件描述符（而非终端）读取一行密码。"},
    {CTL_ROLE, "--role ROLE", "officer (default), leader, auxiliary, technician or auditor.",
     "officer（民警，默认）、leader（带班领导）、auxiliary（辅警）、technician（技术人员）或 "
     "auditor（审计员）。"},
    {CTL_NAME, "--name NAME", "The name people say, such as 张伟; at most 31 bytes.",
     "姓名，如 张伟，最长 31 字节。"},
    {CTL_LIMIT, "--limit N", "How many, 1 to 256 (default 20).", "条数，1 到 256，默认 20。"},
    {CTL_MINUTES, "--minutes N", "How long, 1 to 120 minutes.", "时长，1 到 120 分钟。"},
    {CTL_JOURNAL, "--journal DIR",
     "Folder of the journal (default: the running checkpointd's, otherwise "
     "/var/lib/checkpoint/checkpointd/journal).",
     "日志目录（默认取自运行中的 checkpointd，否则为 /var/lib/checkpoint/checkpointd/journal）。"},
    {CTL_RECEIPT, "--receipt FILE", "A signed receipt of headquarters: an anchor from outside.",
     "总部签名回执，作为外部锚点。"},
    {CTL_SEAL, "--seal FILE", "A seal exported with 'audit seal': an anchor from outside.",
     "用 audit seal 导出的封签，作为外部锚点。"},
    {CTL_KEYSET, "--keyset FILE",
     "Key set that the receipt is checked with (default: keyset.json beside the journal's folder).",
     "校验回执用的密钥集（默认：日志目录旁的 keyset.json）。"},
    {CTL_ROOTS, "--roots DIR", "Root public keys (default /etc/checkpoint/roots).",
     "根公钥目录（默认 /etc/checkpoint/roots）。"},
    {CTL_CONFIG, "--config FILE",
     "matchd.yaml: ports and cameras (default /etc/checkpoint/matchd.yaml).",
     "matchd.yaml：端口与摄像机（默认 /etc/checkpoint/matchd.yaml）。"},
    {CTL_PLATE, "--plate PLATE", "The plate the vehicle carries, as you see it.",
     "目视看到的实际车牌。"},
    {CTL_FROM, "--from N", "First unit that is asked, 1 to 247 (default 1).",
     "起始站号，1 到 247，默认 1。"},
    {CTL_TO, "--to N", "Last unit that is asked, 1 to 247 (default 247).",
     "结束站号，1 到 247，默认 247。"},
    {CTL_WAIT, "--wait N", "Seconds to wait for what shall come, 1 to 600 (default 30).",
     "等待秒数，1 到 600，默认 30。"},
    {CTL_INTERACTIVE, "--interactive",
     "Ask for each input to be operated by hand and see whether it changes.",
     "逐个要求手动操作输入，并检查是否变化。"},
    {CTL_CONFIG_DIR, "--config-dir DIR",
     "Folder of checkpointd.yaml, matchd.yaml and uplinkd.yaml (default /etc/checkpoint).",
     "checkpointd.yaml、matchd.yaml 和 uplinkd.yaml 所在目录（默认 /etc/checkpoint）。"},
    {CTL_JSON, "--json", "One JSON object on standard output, errors too.",
     "以 JSON 输出，错误也一样。"},
    {CTL_LANG, "--lang en|zh", "Language (default: LC_ALL, LC_MESSAGES, LANG).",
     "语言（默认取自 LC_ALL、LC_MESSAGES、LANG）。"},
    {CTL_RUNTIME_DIR, "--runtime-dir DIR",
     "Folder of checkpointd's sockets (default /run/checkpoint).",
     "checkpointd 套接字目录（默认 /run/checkpoint）。"},
    {CTL_HELP, "--help", "This text.", "显示帮助。"},
};

static void print_heading(const struct ctl *ctl, const char *en, const char *zh)
{
    printf("\n%s\n", ctl_say(ctl, en, zh));
}

static void print_paragraph(const char *text, size_t indent)
{
    size_t columns = text_screen_columns(stdout) - indent;
    printf("%*s", (int)indent, "");
    text_wrap(stdout, text, indent, columns);
    putchar('\n');
}

/* Each line of `text` is a paragraph. */
static void print_paragraphs(const char *text)
{
    char *copy = strdup(text);
    char *rest = copy;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        print_paragraph(line, HELP_INDENT);
    }
    free(copy);
}

static void print_options(const struct ctl *ctl, unsigned bits)
{
    for (size_t i = 0; i < sizeof(option_help) / sizeof(option_help[0]); i++) {
        if (bits & option_help[i].bit) {
            print_paragraph(option_help[i].form, HELP_INDENT);
            print_paragraph(ctl_say(ctl, option_help[i].en, option_help[i].zh), 2 * HELP_INDENT);
        }
    }
}

static void print_exit_status(const struct ctl *ctl)
{
    print_heading(ctl, "EXIT STATUS", "退出状态");
    print_paragraph(
        ctl_say(
            ctl,
            "0 done; 1 failed, or a fault was found; 2 wrong command line; 3 the checkpoint "
            "refused, its reason is printed; 69 checkpointd does not answer; 77 not signed on, "
            "wrong password or not allowed; 78 wrong configuration; 130 interrupted",
            "0 完成；1 失败或发现问题；2 命令行错误；3 检查站拒绝（已打印原因）；69 checkpointd "
            "无响应；77 未登录、密码错误或无权限；78 配置错误；130 被中断"),
        HELP_INDENT);
}

static const char *token_text(const struct ctl *ctl, enum ctl_token token)
{
    switch (token) {
    case CTL_TOKEN_NONE:
        return NULL;
    case CTL_TOKEN_IF_ANY:
        return ctl_say(ctl,
                       "For leaders who are signed on, and for root and group checkpoint-admin.",
                       "限已登录的带班领导、root 或 checkpoint-admin 组成员。");
    case CTL_TOKEN_NEEDED:
        return ctl_say(ctl, "For officers who are signed on: checkpointctl login.",
                       "限已登录的民警：checkpointctl login。");
    }
    return NULL;
}

void ctl_print_help(const struct ctl *ctl, const struct ctl_command *command)
{
    const char *who = token_text(ctl, command->token);
    printf("%s\n", ctl_say(ctl, "NAME", "名称"));
    printf("%*scheckpointctl %s - %s\n", HELP_INDENT, "", command->name,
           ctl_say(ctl, command->summary_en, command->summary_zh));
    print_heading(ctl, "SYNOPSIS", "用法");
    printf("%*scheckpointctl %s%s%s [%s]\n", HELP_INDENT, "", command->name,
           command->operands[0] ? " " : "", command->operands, ctl_say(ctl, "options", "选项"));
    print_heading(ctl, "DESCRIPTION", "说明");
    print_paragraphs(ctl_say(ctl, command->help_en, command->help_zh));
    if (who) {
        print_paragraphs(who);
    }
    print_heading(ctl, "OPTIONS", "选项");
    print_options(ctl, command->options | CTL_COMMON);
    print_exit_status(ctl);
}

void ctl_print_overview(const struct ctl *ctl)
{
    const char *titles[] = {ctl_say(ctl, "COMMAND", "命令"), ""};
    struct text_table *table = NULL;
    printf("%s\n\n%s: checkpointctl %s\n\n",
           ctl_say(ctl,
                   "checkpointctl - the checkpoint's command line, for technicians and officers",
                   "checkpointctl - 检查站命令行，供技术人员和民警使用"),
           ctl_say(ctl, "usage", "用法"), ctl_say(ctl, "COMMAND [options]", "命令 [选项]"));
    int result = text_table_create(titles, 2, &table);
    for (size_t i = 0; result == 0 && i < ctl_command_count; i++) {
        char name[64];
        const struct ctl_command *command = &ctl_commands[i];
        snprintf(name, sizeof(name), "%s %s", command->name, command->operands);
        const char *cells[] = {name, ctl_say(ctl, command->summary_en, command->summary_zh)};
        result = text_table_add(table, cells);
    }
    if (result == 0) {
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    print_heading(ctl, "OPTIONS OF EVERY COMMAND", "通用选项");
    print_options(ctl, CTL_COMMON);
    printf("\n%s\n", ctl_say(ctl, "'checkpointctl help COMMAND' tells more about a command.",
                             "各命令详情：checkpointctl help 命令"));
    print_exit_status(ctl);
}
