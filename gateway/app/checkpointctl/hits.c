/*
 * The last hits, and what an officer saw of one: confirmed, or misread. An answer goes on record
 * and to headquarters, where judgement learns from it; it ends no hold.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointctl/checkpointctl.h"
#include "gateway/base/clock.h"
#include "gateway/model/plate_key.h"

enum { CELL_SIZE = 2048 };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static const char *or_dash(const char *text)
{
    return text && text[0] ? text : "-";
}

/* ---- showing ---- */

const char *ctl_why(const struct ctl *ctl, const json_t *hit)
{
    const char *why = text_of(hit, ctl->zh ? "why_zh" : "why");
    return why ? why : "";
}

/* "confirmed by wang", "misread, carries 鲁H12346 (wang)", "" without an answer. */
static void describe_answer(const struct ctl *ctl, const json_t *hit, char *out, size_t size)
{
    const json_t *answer = json_object_get(hit, "answer");
    const char *plate = text_of(answer, "plate");
    const char *officer = or_dash(text_of(answer, "officer"));
    const char *said = text_of(answer, "answer");
    out[0] = '\0';
    if (said && strcmp(said, "confirm") == 0) {
        snprintf(out, size, ctl_say(ctl, "confirmed by %s", "已由 %s 确认"), officer);
    } else if (said && plate) {
        snprintf(out, size, ctl_say(ctl, "misread, carries %s (%s)", "误读，实为 %s（%s）"), plate,
                 officer);
    } else if (said) {
        snprintf(out, size, ctl_say(ctl, "misread (%s)", "误读（%s）"), officer);
    }
}

/* What headquarters said of the entry at the hit, "" while nothing is known: "headquarters
 * confirms: the entry stands, 2 s ago". */
static void describe_standing(const struct ctl *ctl, const json_t *hit, char *out, size_t size)
{
    const json_t *standing = json_object_get(hit, "standing");
    const char *words = text_of(standing, ctl->zh ? "zh" : "en");
    const char *time = text_of(standing, "time");
    struct wall_time said;
    out[0] = '\0';
    if (!words || !time || wall_parse(time, &said) != 0) {
        return;
    }
    int64_t ago_s = (clock_wall(&clock_system).ms - said.ms) / 1000;
    long long n = ago_s < 0 ? 0 : ago_s < 120 ? ago_s : ago_s / 60;
    snprintf(out, size,
             ago_s < 120 ? ctl_say(ctl, "%s, %lld s ago", "%s（%lld 秒前）")
                         : ctl_say(ctl, "%s, %lld min ago", "%s（%lld 分钟前）"),
             words, n);
}

/* Both plates read of one vehicle, "" when it was one. */
static void describe_conflict(const struct ctl *ctl, const json_t *hit, char *out, size_t size)
{
    const json_t *plates = json_object_get(hit, "conflict");
    const char *first = json_string_value(json_array_get(plates, 0));
    const char *second = json_string_value(json_array_get(plates, 1));
    out[0] = '\0';
    if (first && second) {
        snprintf(out, size, ctl_say(ctl, "two plates read: %s / %s", "车牌冲突：%s / %s"), first,
                 second);
    }
}

/* Two plates of one vehicle before all else; why, the answer, the entry's reason or the marks: what
 * there is, apart by a dash. */
static void describe_why(const struct ctl *ctl, const json_t *hit, char *out, size_t size)
{
    char conflict[2 * PLATE_TEXT_SIZE + 48];
    char answer[CELL_SIZE / 4];
    char standing[CELL_SIZE / 4];
    const char *more =
        ctl->zh ? text_of(hit, "marks_zh") : text_of(json_object_get(hit, "card"), "reason");
    describe_conflict(ctl, hit, conflict, sizeof(conflict));
    describe_answer(ctl, hit, answer, sizeof(answer));
    describe_standing(ctl, hit, standing, sizeof(standing));
    const char *checked = text_of(hit, ctl->zh ? "checked_zh" : "checked_en");
    const char *parts[] = {conflict, checked ? checked : "", ctl_why(ctl, hit), answer,
                           standing, more ? more : ""};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && used < size; i++) {
        if (parts[i][0]) {
            used +=
                (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? " — " : "", parts[i]);
        }
    }
}

static int add_hit(const struct ctl *ctl, struct text_table *table, const json_t *hit)
{
    char number[24];
    char time[32];
    char lane[24];
    char category[64]; /* and its priority: seven columns leave the last one room in 80 */
    char why[CELL_SIZE];
    const json_t *entry = json_object_get(hit, "entry");
    const json_t *decision = json_object_get(hit, "decision");
    snprintf(number, sizeof(number), "%lld", number_of(hit, "hit"));
    snprintf(lane, sizeof(lane), "%lld", number_of(hit, "lane"));
    snprintf(category, sizeof(category), "%.40s %lld", ctl_word(ctl, text_of(entry, "category")),
             number_of(entry, "priority"));
    describe_why(ctl, hit, why, sizeof(why));
    const char *cells[] = {number,
                           ctl_time(text_of(hit, "time"), time),
                           lane,
                           or_dash(text_of(entry, "plate")),
                           category,
                           json_is_true(json_object_get(decision, "hold"))
                               ? ctl_say(ctl, "hold", "拦截")
                               : ctl_word(ctl, text_of(decision, "level")),
                           or_dash(why)};
    return text_table_add(table, cells);
}

static int print_hits(const struct ctl *ctl, const json_t *hits)
{
    const char *titles[] = {
        ctl_say(ctl, ">HIT", ">命中号"),      ctl_say(ctl, "TIME", "时间"),
        ctl_say(ctl, ">LANE", ">车道"),       ctl_say(ctl, "WANTED", "布控车牌"),
        ctl_say(ctl, "CATEGORY", "类别级别"), ctl_say(ctl, "ALERT", "告警"),
        ctl_say(ctl, "WHY", "依据")};
    struct text_table *table = NULL;
    int result = text_table_create(titles, 7, &table);
    for (size_t i = 0; result == 0 && i < json_array_size(hits); i++) {
        result = add_hit(ctl, table, json_array_get(hits, i));
    }
    if (result == 0) {
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    return result == 0 ? EXIT_OK : ctl_fail(ctl, EXIT_RUN, "no_memory", "no memory", "内存不足");
}

int ctl_hits(struct ctl *ctl)
{
    json_t *result = NULL;
    json_t *args = ctl->limit > 0 ? json_pack("{s:I}", "limit", (json_int_t)ctl->limit) : NULL;
    int status = ctl_ask(ctl, "hits", args, &result);
    if (status != 0) {
        return status;
    }
    const json_t *hits = json_object_get(result, "hits");
    if (ctl->json) {
        ctl_print_json(result);
    } else if (json_array_size(hits) == 0) {
        puts(ctl_say(ctl, "No hits.", "没有命中。"));
    } else {
        status = print_hits(ctl, hits);
    }
    json_decref(result);
    return status;
}

static void describe_hit(const struct ctl *ctl, const json_t *event, char *out, size_t size)
{
    const json_t *entry = json_object_get(event, "entry");
    const char *marks = text_of(event, "marks_zh");
    const char *checked = text_of(event, ctl->zh ? "checked_zh" : "checked_en");
    snprintf(out, size, "%lld  %s  %s  %s %lld  %s%s%s%s%s", number_of(event, "hit"),
             or_dash(text_of(entry, "plate")), ctl_word(ctl, text_of(entry, "category")),
             ctl_say(ctl, "priority", "级别"), number_of(entry, "priority"), ctl_why(ctl, event),
             marks && marks[0] ? "  " : "", marks ? marks : "", checked ? "  " : "",
             checked ? checked : "");
}

void ctl_describe_hit(const struct ctl *ctl, const json_t *event, char *out, size_t size)
{
    const char *name = text_of(event, "event");
    const char *plate = text_of(event, "plate");
    if (strcmp(name, "hit_answer") == 0) {
        snprintf(out, size, "%s %lld  %s  %s%s%s  %s", ctl_say(ctl, "hit", "命中"),
                 number_of(event, "hit"), or_dash(text_of(event, "listed")),
                 ctl_word(ctl, text_of(event, "answer")), plate ? " " : "", plate ? plate : "",
                 or_dash(text_of(json_object_get(event, "by"), "officer")));
    } else if (strcmp(name, "hit_standing") == 0) {
        snprintf(out, size, "%s %lld  %s", ctl_say(ctl, "hit", "命中"), number_of(event, "hit"),
                 or_dash(ctl_say(ctl, text_of(event, "en"), text_of(event, "zh"))));
    } else {
        describe_hit(ctl, event, out, size);
    }
}

/* ---- answering ---- */

static int answer_hit(struct ctl *ctl, const char *answer)
{
    int64_t hit = 0;
    json_t *result = NULL;
    int status = ctl_number_operand(ctl, "hit, see 'checkpointctl hits'", "命中", &hit);
    if (status == 0) {
        status = ctl_reason_ask(ctl);
    }
    if (status != 0) {
        return status;
    }
    json_t *args = json_pack("{s:I,s:s,s:s*,s:s*}", "hit", (json_int_t)hit, "answer", answer,
                             "reason", ctl->reason, "plate", ctl->plate);
    if (!args) {
        return ctl_fail(ctl, EXIT_USAGE, "invalid", "plate or reason: not UTF-8",
                        "车牌或理由不是有效的 UTF-8 文本");
    }
    status = ctl_ask(ctl, "hit_answer", args, &result);
    if (status != 0) {
        return status;
    }
    if (ctl->json) {
        ctl_print_json(result);
    } else {
        printf(ctl_say(ctl, "Hit %lld: recorded as %s.\n", "命中 %lld：已记录为%s。\n"),
               number_of(result, "hit"), ctl_word(ctl, text_of(result, "answer")));
    }
    json_decref(result);
    return EXIT_OK;
}

int ctl_hit_confirm(struct ctl *ctl)
{
    return answer_hit(ctl, "confirm");
}

int ctl_hit_misread(struct ctl *ctl)
{
    return answer_hit(ctl, "misread");
}
