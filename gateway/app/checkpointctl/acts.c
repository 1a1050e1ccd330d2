/*
 * Acts on lanes, and a plate looked up. What a lane refuses is printed with its reason; a release
 * that needs a second officer asks for one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointctl/checkpointctl.h"

enum { WHY_SIZE = 4096 };

/* A number among the operands; false when it is none. */
static bool parse_number(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 1) {
        return false;
    }
    *out = value;
    return true;
}

static int number_of(const struct ctl *ctl, const char *operand, const char *what_en,
                     const char *what_zh, int64_t *out)
{
    char en[160];
    char zh[160];
    if (parse_number(operand, out)) {
        return 0;
    }
    snprintf(en, sizeof(en), "'%.40s': expected the number of a %s", operand, what_en);
    snprintf(zh, sizeof(zh), "“%.40s”：应为%s编号", operand, what_zh);
    return ctl_fail(ctl, EXIT_USAGE, "usage", en, zh);
}

int ctl_number_operand(const struct ctl *ctl, const char *what_en, const char *what_zh,
                       int64_t *out)
{
    return number_of(ctl, ctl->operands[0], what_en, what_zh, out);
}

int ctl_reason_ask(struct ctl *ctl)
{
    if (ctl->reason || !ctl_has_terminal()) {
        return 0;
    }
    int status = ctl_line_read(ctl, ctl_say(ctl, "Reason: ", "理由："), &ctl->asked_reason);
    ctl->reason = ctl->asked_reason;
    return status;
}

static void put_reason(const struct ctl *ctl, json_t *args)
{
    if (ctl->reason) {
        json_object_set_new(args, "reason", json_string(ctl->reason));
    }
}

static int show_act(const struct ctl *ctl, json_t *result)
{
    if (ctl->json) {
        ctl_print_json(result);
    } else {
        printf(ctl_say(ctl, "Lane %lld: %s done.\n", "车道 %lld：%s 已执行。\n"),
               (long long)json_integer_value(json_object_get(result, "lane")),
               ctl_word(ctl, json_string_value(json_object_get(result, "act"))));
    }
    json_decref(result);
    return EXIT_OK;
}

static int act_on_lane(struct ctl *ctl, const char *act)
{
    int64_t lane = 0;
    json_t *result = NULL;
    int status = ctl_number_operand(ctl, "lane", "车道", &lane);
    if (status != 0) {
        return status;
    }
    json_t *args = json_pack("{s:I}", "lane", (json_int_t)lane);
    put_reason(ctl, args);
    if (ctl->emergency) {
        json_object_set_new(args, "emergency", json_true());
    }
    status = ctl_ask(ctl, act, args, &result);
    return status == 0 ? show_act(ctl, result) : status;
}

int ctl_ack(struct ctl *ctl)
{
    return act_on_lane(ctl, "ack");
}

int ctl_hold(struct ctl *ctl)
{
    return act_on_lane(ctl, "hold");
}

int ctl_raise(struct ctl *ctl)
{
    return act_on_lane(ctl, "raise");
}

int ctl_stop(struct ctl *ctl)
{
    return act_on_lane(ctl, "stop");
}

/* ---- acts that need a reason ---- */

static int named_act_on_lane(struct ctl *ctl, const char *act)
{
    int status = ctl_reason_ask(ctl);
    return status == 0 ? act_on_lane(ctl, act) : status;
}

int ctl_inspected(struct ctl *ctl)
{
    return named_act_on_lane(ctl, "inspected");
}

int ctl_convoy_end(struct ctl *ctl)
{
    return named_act_on_lane(ctl, "convoy_end");
}

int ctl_service_out(struct ctl *ctl)
{
    return named_act_on_lane(ctl, "service_out");
}

int ctl_service_in(struct ctl *ctl)
{
    return named_act_on_lane(ctl, "service_in");
}

static int convoy_on(struct ctl *ctl, int64_t lane)
{
    json_t *result = NULL;
    json_t *args =
        json_pack("{s:I,s:I}", "lane", (json_int_t)lane, "minutes", (json_int_t)ctl->minutes);
    put_reason(ctl, args);
    int status = ctl_ask(ctl, "convoy", args, &result);
    return status == 0 ? show_act(ctl, result) : status;
}

/* Every lane is asked, also behind one that refuses: those that open are told, and the first
 * refusal is the exit status. */
int ctl_convoy(struct ctl *ctl)
{
    int64_t lanes[CTL_LANES_MAX] = {0};
    if (ctl->minutes == 0) {
        return ctl_fail(ctl, EXIT_USAGE, "usage", "--minutes N: missing, 1 to 120",
                        "缺少 --minutes N（1 到 120）");
    }
    for (int i = 0; i < ctl->operand_count; i++) {
        int status = number_of(ctl, ctl->operands[i], "lane", "车道", &lanes[i]);
        if (status != 0) {
            return status;
        }
    }
    int first = ctl_reason_ask(ctl);
    if (first != 0) {
        return first;
    }
    for (int i = 0; i < ctl->operand_count; i++) {
        int status = convoy_on(ctl, lanes[i]);
        first = first != 0 ? first : status;
    }
    return first;
}

/* ---- release ---- */

/* Adds the second officer, asked for at the terminal unless the options name one. */
static int put_second(const struct ctl *ctl, json_t *args)
{
    char *name = NULL;
    char *password = NULL;
    int status = 0;
    if (ctl->second) {
        name = strdup(ctl->second);
    } else {
        status = ctl_line_read(ctl, ctl_say(ctl, "Second officer: ", "第二名民警警号："), &name);
    }
    if (status == 0 && name) {
        status = ctl_password_read(
            ctl, ctl->second_fd,
            ctl_say(ctl, "Password of the second officer: ", "第二名民警密码："), &password);
    }
    if (status == 0 && name) {
        json_object_set_new(args, "second",
                            json_pack("{s:s,s:s}", "officer", name, "password", password));
    }
    ctl_password_free(password);
    free(name);
    return status;
}

static bool needs_second(const json_t *answer)
{
    const json_t *error = json_object_get(answer, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    return code && strcmp(code, "second_person") == 0;
}

/* Priority 1 and no second officer named: says so and asks, when there is a terminal. */
static int release_with_second(struct ctl *ctl, json_t *args, json_t **io_answer)
{
    if (!needs_second(*io_answer) || ctl->second || !ctl_has_terminal()) {
        return 0;
    }
    fprintf(stderr, "%s\n",
            ctl_say(ctl, "Priority 1: a second officer must confirm the release.",
                    "一级布控：须由第二名民警确认解除。"));
    int status = put_second(ctl, args);
    if (status != 0) {
        return status;
    }
    json_decref(*io_answer);
    *io_answer = NULL;
    return ctl_call(ctl, "release", json_incref(args), io_answer);
}

int ctl_release(struct ctl *ctl)
{
    int64_t hold = 0;
    json_t *answer = NULL;
    json_t *result = NULL;
    int status = ctl_number_operand(ctl, "hold, see 'checkpointctl lanes'", "拦截", &hold);
    if (status != 0) {
        return status;
    }
    status = ctl_reason_ask(ctl);
    if (status != 0) {
        return status;
    }
    json_t *args = json_pack("{s:I}", "hold", (json_int_t)hold);
    put_reason(ctl, args);
    if (ctl->second) {
        status = put_second(ctl, args);
    }
    if (status == 0) {
        status = ctl_call(ctl, "release", json_incref(args), &answer);
    }
    if (status == 0) {
        status = release_with_second(ctl, args, &answer);
    }
    json_decref(args);
    if (status != 0) {
        json_decref(answer);
        return status;
    }
    status = ctl_result(ctl, answer, &result);
    return status == 0 ? show_act(ctl, result) : status;
}

/* ---- a plate looked up ---- */

static int show_hits(const struct ctl *ctl, const json_t *result)
{
    const char *titles[] = {
        ctl_say(ctl, "ENTRY", "条目"),      ctl_say(ctl, "PLATE", "车牌"),
        ctl_say(ctl, "MATCH", "匹配"),      ctl_say(ctl, "CATEGORY", "类别"),
        ctl_say(ctl, ">PRIORITY", ">级别"), ctl_say(ctl, "WHY, REASON", "依据、事由")};
    struct text_table *table = NULL;
    const json_t *hits = json_object_get(result, "hits");
    int status = text_table_create(titles, 6, &table);
    for (size_t i = 0; status == 0 && i < json_array_size(hits); i++) {
        const json_t *hit = json_array_get(hits, i);
        char entry[24];
        char priority[8];
        snprintf(entry, sizeof(entry), "%lld",
                 (long long)json_integer_value(json_object_get(hit, "entry")));
        snprintf(priority, sizeof(priority), "%d",
                 (int)json_integer_value(json_object_get(hit, "priority")));
        const char *reason =
            json_string_value(json_object_get(json_object_get(hit, "card"), "reason"));
        char why[WHY_SIZE];
        snprintf(why, sizeof(why), "%s%s%s", ctl_why(ctl, hit), reason ? " — " : "",
                 reason ? reason : "");
        const char *cells[] = {entry,
                               json_string_value(json_object_get(hit, "plate")),
                               ctl_word(ctl, json_string_value(json_object_get(hit, "match"))),
                               ctl_word(ctl, json_string_value(json_object_get(hit, "category"))),
                               priority,
                               why};
        status = text_table_add(table, cells);
    }
    if (status == 0) {
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    return status == 0 ? EXIT_OK : ctl_fail(ctl, EXIT_RUN, "no_memory", "no memory", "内存不足");
}

int ctl_check(struct ctl *ctl)
{
    json_t *result = NULL;
    int status = ctl_reason_ask(ctl);
    if (status != 0) {
        return status;
    }
    json_t *args = json_pack("{s:s}", "plate", ctl->operands[0]);
    if (!args) {
        return ctl_fail(ctl, EXIT_USAGE, "invalid", "plate: not UTF-8",
                        "车牌不是有效的 UTF-8 文本");
    }
    put_reason(ctl, args);
    status = ctl_ask(ctl, "check", args, &result);
    if (status != 0) {
        return status;
    }
    if (ctl->json) {
        ctl_print_json(result);
    } else if (json_array_size(json_object_get(result, "hits")) == 0) {
        printf("%s: %s\n", json_string_value(json_object_get(result, "plate")),
               ctl_say(ctl, "not in the wanted list", "未在布控名单中"));
    } else {
        status = show_hits(ctl, result);
    }
    json_decref(result);
    return status;
}

int ctl_reload(struct ctl *ctl)
{
    json_t *result = NULL;
    int status = ctl_ask(ctl, "reload", NULL, &result);
    if (status != 0) {
        return status;
    }
    if (ctl->json) {
        ctl_print_json(result);
    } else {
        printf(ctl_say(ctl, "Rules of %s are in force.\n", "规则 %s 已生效。\n"),
               json_string_value(json_object_get(result, "rules")));
    }
    json_decref(result);
    return EXIT_OK;
}

int ctl_journal_set_aside(struct ctl *ctl)
{
    json_t *result = NULL;
    json_t *args = json_object();
    int status = ctl_reason_ask(ctl);
    put_reason(ctl, args);
    if (status != 0) {
        json_decref(args);
        return status;
    }
    status = ctl_ask(ctl, "journal_set_aside", args, &result);
    if (status != 0) {
        return status;
    }
    if (ctl->json) {
        ctl_print_json(result);
    } else {
        printf(
            ctl_say(ctl,
                    "The journal's chain %s ends with the next start of checkpointd: restart it. "
                    "The old files stay.\n",
                    "日志链 %s 在 checkpointd 下次启动时结束：请重启。旧文件保留。\n"),
            json_string_value(json_object_get(result, "chain")));
    }
    json_decref(result);
    return EXIT_OK;
}
