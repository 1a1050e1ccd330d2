/*
 * What headquarters' duty officers said: messages, and instructions with what became of them.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/checkpointctl/checkpointctl.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* The message's or the hold's own words. */
static const char *said_of(const json_t *event)
{
    const json_t *said = json_object_get(event, "said");
    const char *text = text_of(said, "text");
    return text[0] ? text : text_of(said, "reason");
}

void ctl_describe_instruction(const struct ctl *ctl, const json_t *event, char *out, size_t size)
{
    const char *why = ctl_say(ctl, text_of(event, "why"), text_of(event, "why_zh"));
    const char *by = text_of(event, "signed_by");
    snprintf(out, size, "%s%s%s  %s%s%s  %s%s%s", ctl_say(ctl, "headquarters", "总部"),
             by[0] ? " " : "", by, ctl_word(ctl, text_of(event, "kind")),
             said_of(event)[0] ? ": " : "", said_of(event), ctl_word(ctl, text_of(event, "result")),
             why[0] ? ": " : "", why);
}

static int print_messages(const struct ctl *ctl, const json_t *messages)
{
    const char *titles[] = {ctl_say(ctl, "TIME", "时间"), ctl_say(ctl, ">LANE", ">车道"),
                            ctl_say(ctl, "FROM", "发信人"), ctl_say(ctl, "MESSAGE", "内容")};
    struct text_table *table = NULL;
    int result = text_table_create(titles, 4, &table);
    for (size_t i = json_array_size(messages); result == 0 && i-- > 0;) {
        const json_t *message = json_array_get(messages, i);
        json_int_t lane = json_integer_value(json_object_get(message, "lane"));
        char time[32];
        char number[24];
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, lane);
        const char *cells[] = {ctl_time(text_of(message, "time"), time), lane > 0 ? number : "-",
                               text_of(message, "signed_by"), said_of(message)};
        result = text_table_add(table, cells);
    }
    if (result == 0) {
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    return result == 0 ? EXIT_OK : ctl_fail(ctl, EXIT_RUN, "no_memory", "no memory", "内存不足");
}

int ctl_messages(struct ctl *ctl)
{
    json_t *result = NULL;
    int status = ctl_ask(ctl, "messages", NULL, &result);
    if (status != 0) {
        return status;
    }
    const json_t *messages = json_object_get(result, "messages");
    if (ctl->json) {
        ctl_print_json(result);
    } else if (json_array_size(messages) == 0) {
        puts(ctl_say(ctl, "No messages of headquarters since checkpointd started.",
                     "自启动以来没有总部消息。"));
    } else {
        status = print_messages(ctl, messages);
    }
    json_decref(result);
    return status;
}
