/*
 * A bus asked by hand: which units answer, what stands in a coil or register, one of them written.
 * checkpointd carries each request out between two scans of its lanes; what it refuses is printed
 * with its reason.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/app/checkpointctl/checkpointctl.h"

enum { UNIT_LAST = 247, SCAN_STEP = 8, STANDSTILL_MAX = 5, TEXT_SIZE = 160, WORD_MAX = 65535 };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* Decimal, or hexadecimal behind 0x as makers' tables have it. */
static int take_number(const struct ctl *ctl, const char *text, const char *what_en,
                       const char *what_zh, int64_t max, json_int_t *out)
{
    bool hex = strncmp(text, "0x", 2) == 0;
    char *end = NULL;
    char en[TEXT_SIZE];
    char zh[TEXT_SIZE];
    errno = 0;
    long long value = strtoll(text, &end, hex ? 16 : 10);
    if (errno == 0 && end != text && *end == '\0' && value >= 0 && value <= max) {
        *out = value;
        return 0;
    }
    snprintf(en, sizeof(en), "%s '%.40s': expected a number from 0 to %lld, or 0x…", what_en, text,
             (long long)max);
    snprintf(zh, sizeof(zh), "%s“%.40s”：应为 0 到 %lld 之间的数字，或 0x…", what_zh, text,
             (long long)max);
    return ctl_fail(ctl, EXIT_USAGE, "usage", en, zh);
}

static int no_memory(const struct ctl *ctl)
{
    return ctl_fail(ctl, EXIT_RUN, "no_memory", "no memory", "内存不足");
}

/* ---- scan ---- */

struct scan {
    int from;
    int to;
    json_t *units;
    json_t *silent; /* units of the configuration that did not answer: device objects */
};

static void show_progress(const struct ctl *ctl, const struct scan *scan, int unit)
{
    if (!ctl->json && isatty(STDERR_FILENO)) {
        fprintf(stderr,
                ctl_say(ctl, "\runit %3d of %d to %d, %zu found ",
                        "\r站号 %3d（%d 到 %d），"
                        "已发现 %zu "),
                unit, scan->from, scan->to, json_array_size(scan->units));
    }
}

static void end_progress(const struct ctl *ctl)
{
    if (!ctl->json && isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
}

/* Some units at a time, so that what is asked can be followed and interrupted. */
static int ask_units(struct ctl *ctl, struct scan *scan)
{
    int unit = scan->from;
    int still = 0; /* requests without progress: the line is busy */
    while (unit <= scan->to && still < STANDSTILL_MAX) {
        json_t *result = NULL;
        int to = unit + SCAN_STEP - 1 < scan->to ? unit + SCAN_STEP - 1 : scan->to;
        show_progress(ctl, scan, unit);
        int status = ctl_ask(
            ctl, "bus_scan",
            json_pack("{s:s,s:i,s:i}", "bus", ctl->operands[0], "from", unit, "to", to), &result);
        if (status != 0) {
            end_progress(ctl);
            return status;
        }
        json_array_extend(scan->units, json_object_get(result, "units"));
        int next = (int)number_of(result, "next");
        still = next > unit ? 0 : still + 1;
        unit = next > unit ? next : unit;
        json_decref(result);
    }
    end_progress(ctl);
    return unit > scan->to
               ? 0
               : ctl_fail(ctl, EXIT_RUN, "busy", "the line has no room for the scan now",
                          "该线路当前没有空闲时间");
}

static bool was_found(const struct scan *scan, long long unit)
{
    for (size_t i = 0; i < json_array_size(scan->units); i++) {
        if (number_of(json_array_get(scan->units, i), "unit") == unit) {
            return true;
        }
    }
    return false;
}

/* Modules that the configuration has on this bus and nobody heard. */
static int find_silent(struct ctl *ctl, struct scan *scan)
{
    json_t *status = NULL;
    int result = ctl_ask(ctl, "status", NULL, &status);
    const json_t *buses = json_object_get(status, "buses");
    for (size_t i = 0; result == 0 && i < json_array_size(buses); i++) {
        const json_t *bus = json_array_get(buses, i);
        const json_t *devices = json_object_get(bus, "devices");
        if (strcmp(text_of(bus, "bus"), ctl->operands[0]) != 0) {
            continue;
        }
        for (size_t d = 0; d < json_array_size(devices); d++) {
            json_t *device = json_array_get(devices, d);
            long long unit = number_of(device, "unit");
            if (unit >= scan->from && unit <= scan->to && !was_found(scan, unit)) {
                json_array_append(scan->silent, device);
            }
        }
    }
    json_decref(status);
    return result;
}

static const char *answer_text(const struct ctl *ctl, const json_t *unit, char out[TEXT_SIZE])
{
    const char *answer = text_of(unit, "answer");
    if (strcmp(answer, "exception") == 0) {
        snprintf(out, TEXT_SIZE, ctl_say(ctl, "answers (exception %lld)", "有应答（异常码 %lld）"),
                 number_of(unit, "exception"));
        return out;
    }
    return strcmp(answer, "value") == 0 ? ctl_say(ctl, "answers", "有应答")
                                        : ctl_say(ctl, "GARBLED: two on one address, or noise",
                                                  "乱码：地址重复或线路受干扰");
}

static int print_units(const struct ctl *ctl, const struct scan *scan)
{
    const char *titles[] = {ctl_say(ctl, ">UNIT", ">站号"), ctl_say(ctl, ">ROUND TRIP", ">往返"),
                            ctl_say(ctl, "CONFIGURED AS", "配置为"),
                            ctl_say(ctl, "ANSWER", "应答")};
    struct text_table *table = NULL;
    int result = text_table_create(titles, 4, &table);
    for (size_t i = 0; result == 0 && i < json_array_size(scan->units); i++) {
        const json_t *unit = json_array_get(scan->units, i);
        const char *known_as = text_of(unit, "known_as");
        char number[24];
        char round_trip[32];
        char answer[TEXT_SIZE];
        snprintf(number, sizeof(number), "%lld", number_of(unit, "unit"));
        snprintf(round_trip, sizeof(round_trip), "%lld us", number_of(unit, "round_trip_us"));
        const char *cells[] = {number, round_trip, known_as ? known_as : "-",
                               answer_text(ctl, unit, answer)};
        result = text_table_add(table, cells);
    }
    if (result == 0) {
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    return result == 0 ? EXIT_OK : no_memory(ctl);
}

static bool all_answer(const struct scan *scan)
{
    return scan->to > scan->from &&
           json_array_size(scan->units) == (size_t)scan->to - (size_t)scan->from + 1;
}

static bool any_garbled(const struct scan *scan)
{
    for (size_t i = 0; i < json_array_size(scan->units); i++) {
        if (strcmp(text_of(json_array_get(scan->units, i), "answer"), "garbled") == 0) {
            return true;
        }
    }
    return false;
}

static int print_scan(const struct ctl *ctl, const struct scan *scan)
{
    int status = EXIT_OK;
    if (json_array_size(scan->units) == 0) {
        printf(ctl_say(ctl, "No unit from %d to %d answers.\n", "站号 %d 到 %d 均无应答。\n"),
               scan->from, scan->to);
    } else {
        status = print_units(ctl, scan);
    }
    if (all_answer(scan)) {
        puts(ctl_say(ctl, "Every unit answers: this module does not look at the unit number.",
                     "所有站号都有应答：该模块不区分站号。"));
    }
    for (size_t i = 0; i < json_array_size(scan->silent); i++) {
        const json_t *device = json_array_get(scan->silent, i);
        printf(ctl_say(ctl,
                       "LOOK: unit %lld (lane %lld: %s) is configured and does not answer: its "
                       "supply, its address, its wiring.\n",
                       "异常：站号 %lld（车道 %lld：%s）已配置但无应答：检查供电、地址和接线。\n"),
               number_of(device, "unit"), number_of(device, "lane"), text_of(device, "device"));
    }
    return status;
}

int ctl_bus_scan(struct ctl *ctl)
{
    struct scan scan = {.from = ctl->from ? (int)ctl->from : 1,
                        .to = ctl->to ? (int)ctl->to : UNIT_LAST};
    if (scan.from > scan.to) {
        return ctl_fail(ctl, EXIT_USAGE, "usage", "--from: expected not above --to",
                        "--from 不能大于 --to");
    }
    scan.units = json_array();
    scan.silent = json_array();
    int status = ask_units(ctl, &scan);
    if (status == 0) {
        status = find_silent(ctl, &scan);
    }
    if (status == 0 && ctl->json) {
        json_t *whole =
            json_pack("{s:s,s:i,s:i,s:O,s:O}", "bus", ctl->operands[0], "from", scan.from, "to",
                      scan.to, "units", scan.units, "silent", scan.silent);
        ctl_print_json(whole);
        json_decref(whole);
    } else if (status == 0) {
        status = print_scan(ctl, &scan);
    }
    if (status == 0 && (json_array_size(scan.silent) > 0 || any_garbled(&scan))) {
        status = EXIT_RUN;
    }
    json_decref(scan.units);
    json_decref(scan.silent);
    return status;
}

/* ---- read ---- */

static int take_function(const struct ctl *ctl, const char *text, json_int_t *out)
{
    static const char *const names[] = {"coils", "discrete", "holding", "input"};
    char en[TEXT_SIZE];
    for (int i = 0; i < 4; i++) {
        char number[2] = {(char)('1' + i), '\0'};
        if (strcmp(text, names[i]) == 0 || strcmp(text, number) == 0) {
            *out = i + 1;
            return 0;
        }
    }
    snprintf(en, sizeof(en), "'%.40s': expected 1 coils, 2 discrete, 3 holding or 4 input", text);
    return ctl_fail(ctl, EXIT_USAGE, "usage", en,
                    "功能码应为 1 coils、2 discrete、3 holding 或 4 input");
}

static int print_values(const struct ctl *ctl, const json_t *result)
{
    const char *titles[] = {ctl_say(ctl, ">ADDRESS", ">地址"), ctl_say(ctl, "HEX", "十六进制"),
                            ctl_say(ctl, ">VALUE", ">数值")};
    const json_t *values = json_object_get(result, "values");
    struct text_table *table = NULL;
    int status = text_table_create(titles, 3, &table);
    for (size_t i = 0; status == 0 && i < json_array_size(values); i++) {
        long long value = (long long)json_integer_value(json_array_get(values, i));
        char address[24];
        char hex[24];
        char decimal[24];
        snprintf(address, sizeof(address), "%lld", number_of(result, "address") + (long long)i);
        snprintf(hex, sizeof(hex), "0x%04llX", value);
        snprintf(decimal, sizeof(decimal), "%lld", value);
        const char *cells[] = {address, hex, decimal};
        status = text_table_add(table, cells);
    }
    if (status == 0) {
        text_table_print(table, stdout, text_screen_columns(stdout));
    }
    text_table_destroy(table);
    return status == 0 ? EXIT_OK : no_memory(ctl);
}

static void put_reason(const struct ctl *ctl, json_t *args)
{
    if (ctl->reason) {
        json_object_set_new(args, "reason", json_string(ctl->reason));
    }
}

int ctl_bus_read(struct ctl *ctl)
{
    json_int_t unit = 0, function = 0, address = 0, count = 0;
    json_t *result = NULL;
    int status = take_number(ctl, ctl->operands[1], "unit", "站号", 255, &unit);
    status = status ? status : take_function(ctl, ctl->operands[2], &function);
    status =
        status ? status : take_number(ctl, ctl->operands[3], "address", "地址", WORD_MAX, &address);
    status = status ? status : take_number(ctl, ctl->operands[4], "count", "数量", 64, &count);
    if (status != 0) {
        return status;
    }
    json_t *args = json_pack("{s:s,s:I,s:I,s:I,s:I}", "bus", ctl->operands[0], "unit", unit,
                             "function", function, "address", address, "count", count);
    put_reason(ctl, args);
    status = ctl_ask(ctl, "bus_read", args, &result);
    if (status == 0 && ctl->json) {
        ctl_print_json(result);
    } else if (status == 0) {
        status = print_values(ctl, result);
    }
    json_decref(result);
    return status;
}

/* ---- write ---- */

static int take_value(const struct ctl *ctl, bool coil, const char *text, json_int_t *out)
{
    if (coil && (strcmp(text, "on") == 0 || strcmp(text, "off") == 0)) {
        *out = strcmp(text, "on") == 0;
        return 0;
    }
    return take_number(ctl, text, "value", "数值", coil ? 1 : WORD_MAX, out);
}

int ctl_bus_write(struct ctl *ctl)
{
    const char *kind = ctl->operands[2];
    bool coil = strcmp(kind, "coil") == 0;
    json_int_t unit = 0, address = 0, value = 0;
    json_t *result = NULL;
    if (!coil && strcmp(kind, "register") != 0) {
        return ctl_fail(ctl, EXIT_USAGE, "usage", "expected coil or register",
                        "应为 coil 或 register");
    }
    int status = take_number(ctl, ctl->operands[1], "unit", "站号", 255, &unit);
    status =
        status ? status : take_number(ctl, ctl->operands[3], "address", "地址", WORD_MAX, &address);
    status = status ? status : take_value(ctl, coil, ctl->operands[4], &value);
    status = status ? status : ctl_reason_ask(ctl);
    if (status != 0) {
        return status;
    }
    json_t *args = json_pack("{s:s,s:I,s:s,s:I,s:I}", "bus", ctl->operands[0], "unit", unit, "kind",
                             kind, "address", address, "value", value);
    put_reason(ctl, args);
    status = ctl_ask(ctl, "bus_write", args, &result);
    if (status == 0 && ctl->json) {
        ctl_print_json(result);
    } else if (status == 0) {
        printf(ctl_say(ctl, "%s unit %lld: %s %lld = %lld, acknowledged in %lld us.\n",
                       "%s 站号 %lld：%s %lld = %lld，已确认，用时 %lld 微秒。\n"),
               ctl->operands[0], (long long)unit,
               coil ? ctl_say(ctl, "coil", "线圈") : ctl_say(ctl, "register", "寄存器"),
               (long long)address, (long long)value, number_of(result, "round_trip_us"));
    }
    json_decref(result);
    return status;
}
