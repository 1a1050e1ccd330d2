/*
 * Lanes and their holds, events as they come: tables for a terminal of 80 columns,
 * with --json what checkpointd said.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/checkpointctl/checkpointctl.h"

enum { CELL_SIZE = 128, PATH_SIZE = 256 };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static int no_memory(const struct ctl *ctl)
{
    return ctl_fail(ctl, EXIT_RUN, "no_memory", "no memory", "内存不足");
}

/* ---- lanes ---- */

/* The words of an array of names, separated by spaces; "-" for none. */
static const char *join_words(const struct ctl *ctl, const json_t *names, char out[CELL_SIZE])
{
    size_t size = 0;
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(names) && size < CELL_SIZE; i++) {
        size += (size_t)snprintf(out + size, CELL_SIZE - size, "%s%s", i > 0 ? " " : "",
                                 ctl_word(ctl, json_string_value(json_array_get(names, i))));
    }
    return out[0] ? out : "-";
}

/* "convoy until 14:05:00", "" without one. */
static void describe_convoy(const struct ctl *ctl, const json_t *lane, char out[CELL_SIZE])
{
    char until[32];
    const char *end = text_of(lane, "convoy_until");
    out[0] = '\0';
    if (end) {
        snprintf(out, CELL_SIZE, ctl_say(ctl, "convoy until %s", "车队放行至 %s"),
                 ctl_time(end, until));
    }
}

/* What is not as usual with the lane, "good" when all is. */
static const char *lane_state(const struct ctl *ctl, const json_t *lane, char out[CELL_SIZE])
{
    char convoy[CELL_SIZE];
    describe_convoy(ctl, lane, convoy);
    const struct {
        bool wrong;
        const char *en;
        const char *zh;
    } faults[] = {
        {!json_is_true(json_object_get(lane, "contact")), "no contact", "失联"},
        {json_is_true(json_object_get(lane, "blind")), "blind", "失明"},
        {!json_is_true(json_object_get(lane, "list_usable")), "no list", "无名单"},
        {json_is_false(json_object_get(lane, "order_known")), "order lost", "次序不明"},
        {json_is_true(json_object_get(lane, "stopped")), "stopped", "已停止"},
        {json_is_true(json_object_get(lane, "stop_not_reset")), "stop not reset", "急停未复位"},
        {json_is_true(json_object_get(lane, "out_of_service")), "out of service", "停用"},
        {convoy[0] != '\0', convoy, convoy},
        {json_is_true(json_object_get(lane, "inspection_due")), "inspection due", "待检查"},
        {json_is_true(json_object_get(lane, "panic")), "officer asks for help", "民警求助"},
        {json_is_true(json_object_get(lane, "fire_raise")), "fire raise", "消防抬杆"},
        {json_is_true(json_object_get(lane, "mains_lost")), "on battery", "电池供电"},
        {json_object_get(lane, "blocked_exempt") != NULL, "exempt vehicle blocked", "免检车辆受阻"},
    };
    size_t size = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (faults[i].wrong) {
            size += (size_t)snprintf(out + size, CELL_SIZE - size, "%s%s", size > 0 ? ", " : "",
                                     ctl_say(ctl, faults[i].en, faults[i].zh));
        }
    }
    return out[0] ? out : ctl_say(ctl, "good", "正常");
}

static int add_lane(const struct ctl *ctl, struct text_table *table, const json_t *lane)
{
    char number[8];
    char lights[CELL_SIZE];
    char state[CELL_SIZE];
    char vehicles[24];
    char holds[24];
    snprintf(number, sizeof(number), "%lld", number_of(lane, "lane"));
    snprintf(vehicles, sizeof(vehicles), "%lld", number_of(lane, "vehicles"));
    snprintf(holds, sizeof(holds), "%zu", json_array_size(json_object_get(lane, "holds")));
    const char *cells[] = {number,
                           text_of(lane, "name"),
                           ctl_word(ctl, text_of(lane, "mode")),
                           ctl_word(ctl, text_of(lane, "boom")),
                           join_words(ctl, json_object_get(lane, "lights"), lights),
                           vehicles,
                           holds,
                           lane_state(ctl, lane, state)};
    return text_table_add(table, cells);
}

int ctl_print_lanes(const struct ctl *ctl, const json_t *lanes)
{
    const char *titles[] = {ctl_say(ctl, ">LANE", ">车道"),   ctl_say(ctl, "NAME", "名称"),
                            ctl_say(ctl, "MODE", "模式"),     ctl_say(ctl, "BOOM", "栏杆"),
                            ctl_say(ctl, "LIGHTS", "信号灯"), ctl_say(ctl, ">CARS", ">车辆"),
                            ctl_say(ctl, ">HOLDS", ">拦截"),  ctl_say(ctl, "STATE", "状态")};
    struct text_table *table = NULL;
    int result = text_table_create(titles, 8, &table);
    for (size_t i = 0; result == 0 && i < json_array_size(lanes); i++) {
        result = add_lane(ctl, table, json_array_get(lanes, i));
    }
    if (result == 0) {
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    return result == 0 ? EXIT_OK : no_memory(ctl);
}

static int add_hold(const struct ctl *ctl, struct text_table *table, const json_t *lane,
                    const json_t *hold, bool active)
{
    char number[24];
    char lane_text[8];
    char priority[8] = "-";
    char place[96];
    snprintf(number, sizeof(number), "%lld", number_of(hold, "hold"));
    snprintf(lane_text, sizeof(lane_text), "%lld", number_of(lane, "lane"));
    if (number_of(hold, "priority") > 0) {
        snprintf(priority, sizeof(priority), "%lld", number_of(hold, "priority"));
    }
    if (active) {
        snprintf(place, sizeof(place), "%s", ctl_say(ctl, "at the boom", "栏杆前"));
    } else {
        snprintf(place, sizeof(place), ctl_say(ctl, "%lld vehicles ahead", "前方还有 %lld 辆"),
                 number_of(hold, "place"));
    }
    const char *cells[] = {number, lane_text, priority,
                           json_is_true(json_object_get(hold, "by_officer"))
                               ? ctl_say(ctl, "officer", "民警")
                               : ctl_say(ctl, "hit", "命中"),
                           place};
    return text_table_add(table, cells);
}

/* The table of open holds; nothing when there is none. */
static int print_holds(const struct ctl *ctl, const json_t *lanes)
{
    const char *titles[] = {ctl_say(ctl, ">HOLD", ">拦截号"), ctl_say(ctl, ">LANE", ">车道"),
                            ctl_say(ctl, ">PRIORITY", ">级别"), ctl_say(ctl, "BY", "来源"),
                            ctl_say(ctl, "WHERE", "位置")};
    struct text_table *table = NULL;
    size_t count = 0;
    int result = text_table_create(titles, 5, &table);
    for (size_t i = 0; i < json_array_size(lanes); i++) {
        const json_t *lane = json_array_get(lanes, i);
        for (int active = 1; active >= 0; active--) {
            const json_t *holds = json_object_get(lane, active ? "holds" : "waiting");
            for (size_t h = 0; result == 0 && h < json_array_size(holds); h++, count++) {
                result = add_hold(ctl, table, lane, json_array_get(holds, h), active);
            }
        }
    }
    if (result == 0 && count > 0) {
        putchar('\n');
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    return result == 0 ? EXIT_OK : no_memory(ctl);
}

int ctl_lanes(struct ctl *ctl)
{
    json_t *result = NULL;
    int status = ctl_ask(ctl, "lanes", NULL, &result);
    if (status != 0) {
        return status;
    }
    const json_t *lanes = json_object_get(result, "lanes");
    if (ctl->json) {
        ctl_print_json(result);
    } else {
        status = ctl_print_lanes(ctl, lanes);
        status = status == 0 ? print_holds(ctl, lanes) : status;
    }
    json_decref(result);
    return status;
}

static const char *or_dash(const char *text)
{
    return text && text[0] ? text : "-";
}

/* ---- events ---- */

static void describe_exempt(const struct ctl *ctl, const json_t *event, char *out, size_t size)
{
    const json_t *entry = json_object_get(event, "exempt");
    const char *why = text_of(event, "why");
    snprintf(out, size, "%s  %s  %s %lld  %s%s%s", or_dash(text_of(entry, "plate")),
             or_dash(ctl_say(ctl, text_of(entry, "kind"), text_of(entry, "kind_zh"))),
             ctl_say(ctl, "entry", "条目"), number_of(entry, "id"),
             or_dash(text_of(entry, "authority")),
             why ? ctl_say(ctl, "  ended: ", "  已终止：") : "", why ? ctl_word(ctl, why) : "");
}

/* What an event says, beside its time, lane and name. */
static void describe(const struct ctl *ctl, const json_t *event, char *out, size_t size)
{
    const char *name = text_of(event, "event");
    const json_t *read = json_object_get(event, "read");
    if (strcmp(name, "read") == 0) {
        const char *plate = text_of(read, "plate");
        snprintf(out, size, "%s", plate ? plate : ctl_word(ctl, text_of(read, "kind")));
    } else if (strncmp(name, "hit", 3) == 0) {
        ctl_describe_hit(ctl, event, out, size);
    } else if (strcmp(name, "instruction") == 0) {
        ctl_describe_instruction(ctl, event, out, size);
    } else if (strcmp(name, "policy") == 0) {
        const json_t *policy = json_object_get(event, "policy");
        snprintf(out, size, "%s %lld", ctl_say(ctl, "version", "版本"),
                 number_of(policy, "version"));
    } else if (strcmp(name, "exempt_list") == 0) {
        const json_t *list = json_object_get(event, "exempt_list");
        snprintf(out, size, ctl_say(ctl, "revision %lld, %lld in force", "版本 %lld，有效 %lld 辆"),
                 number_of(list, "revision"), number_of(list, "in_force"));
    } else if (strcmp(name, "retention") == 0) {
        const json_t *terms = json_object_get(event, "retention");
        snprintf(out, size,
                 ctl_say(ctl, "version %lld, passages %lld days", "版本 %lld，过车 %lld 天"),
                 number_of(terms, "version"), number_of(json_object_get(terms, "passage"), "days"));
    } else if (strcmp(name, "exempt") == 0) {
        describe_exempt(ctl, event, out, size);
    } else if (strcmp(name, "alarm") == 0) {
        bool active = json_is_true(json_object_get(event, "active"));
        snprintf(out, size, "[%lld] %s%s  %s", number_of(event, "alarm"),
                 active ? "" : ctl_say(ctl, "ended: ", "已恢复："),
                 or_dash(ctl_say(ctl, text_of(event, "en"), text_of(event, "zh"))),
                 text_of(event, "detail") ? text_of(event, "detail") : "");
    } else if (strcmp(name, "plate_conflict") == 0) {
        const json_t *plates = json_object_get(event, "conflict");
        snprintf(out, size, "%s: %s / %s",
                 or_dash(ctl_say(ctl, text_of(event, "en"), text_of(event, "zh"))),
                 or_dash(json_string_value(json_array_get(plates, 0))),
                 or_dash(json_string_value(json_array_get(plates, 1))));
    } else if (strcmp(name, "boom") == 0) {
        snprintf(out, size, "%s %s", ctl_word(ctl, text_of(event, "output")),
                 ctl_word(ctl, text_of(event, "result") ? text_of(event, "result")
                                                        : text_of(event, "cause")));
    } else if (strcmp(name, "camera_errors") == 0) {
        snprintf(out, size, "%s %lld  %s ×%lld", ctl_say(ctl, "camera", "摄像机"),
                 number_of(event, "camera"), or_dash(text_of(event, "cause")),
                 number_of(event, "count"));
    } else if (strcmp(name, "capture") == 0) {
        snprintf(out, size, ctl_say(ctl, "%lld of %lld vehicles read", "%lld/%lld 辆已抓拍"),
                 number_of(event, "captured"), number_of(event, "vehicles"));
    } else if (strcmp(name, "list") == 0) {
        const json_t *list = json_object_get(event, "list");
        snprintf(out, size, "%s %lld  %s", ctl_say(ctl, "revision", "版本"),
                 number_of(list, "revision"), ctl_word(ctl, text_of(list, "state")));
    } else {
        const char *boom = text_of(event, "boom");
        snprintf(out, size, "%s%s%s  %s", ctl_word(ctl, text_of(event, "what")), boom ? " " : "",
                 boom ? ctl_word(ctl, boom) : "",
                 text_of(json_object_get(event, "by"), "officer")
                     ? text_of(json_object_get(event, "by"), "officer")
                     : "");
    }
}

static void show_event(const struct ctl *ctl, const json_t *event)
{
    char time[32];
    char text[1024];
    const char *name = text_of(event, "event");
    if (ctl->json) {
        ctl_print_json(event);
    } else if (name && strcmp(name, "status") != 0 &&
               !json_is_false(json_object_get(event, "over"))) {
        describe(ctl, event, text, sizeof(text));
        printf("%s  %2lld  %-5s  ", ctl_time(text_of(event, "time"), time),
               number_of(event, "lane"), name);
        text_print(stdout, text, strlen(text));
        putchar('\n');
    }
    fflush(stdout); /* who follows sees each line at once; a broken pipe ends the program */
}

static int subscribe(const struct ctl *ctl, struct control_client *client)
{
    struct err_text err;
    json_t *answer = NULL;
    json_t *request = json_pack("{s:s}", "do", "subscribe");
    if (ctl->token) {
        json_object_set_new(request, "token", json_string(ctl->token));
    }
    int result = control_client_send(client, request, CONTROL_CLIENT_WAIT_MS, &err);
    if (result == 0) {
        result = control_client_receive(client, CONTROL_CLIENT_WAIT_MS, &answer, &err);
    }
    json_decref(request);
    if (result != 0) {
        return ctl_fail_err(ctl, EXIT_UNAVAILABLE, result, &err);
    }
    json_t *ignored = NULL;
    int status = ctl_result(ctl, answer, &ignored); /* it has no result: NULL */
    json_decref(ignored);
    return status;
}

int ctl_watch(struct ctl *ctl)
{
    char path[PATH_SIZE];
    struct err_text err;
    struct control_client *client = NULL;
    int result = snprintf(path, sizeof(path), "%s/events", ctl->runtime_dir) < (int)sizeof(path)
                     ? control_client_open(path, &client, &err)
                     : err_set(&err, ERR_INVALID, "--runtime-dir: path too long");
    if (result != 0) {
        return ctl_fail_err(ctl, EXIT_UNAVAILABLE, result, &err);
    }
    int status = subscribe(ctl, client);
    while (status == 0) {
        json_t *event = NULL;
        result = control_client_receive(client, -1, &event, &err);
        if (result != 0) {
            status = ctl_fail_err(ctl, EXIT_UNAVAILABLE, result, &err);
            break;
        }
        show_event(ctl, event);
        json_decref(event);
    }
    control_client_close(client);
    return status;
}
