/*
 * hqctl calls: what checkpoints call for and nothing has ended yet, newest first.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/base/clock.h"
#include "gateway/base/text_table.h"

enum { LIMIT = 1000, MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS };

static const char *const titles[] = {"AGE", "CHECKPOINT", "CALL", ">LANE", "OFFICER", "ABOUT"};
enum { COLUMNS = sizeof(titles) / sizeof(titles[0]) };

static const struct {
    const char *kind;
    const char *words;
} calls[] = {{"help", "求助 help"},
             {"backup", "增援 backup"},
             {"well", "未报平安 missed 'well'"},
             {"overdue", "处置逾期 overdue hit"},
             {"question", "请示 question"},
             {"lookout", "临时布控 look-out"}};

static const char *words_of(const char *kind)
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].kind, kind) == 0)
            return calls[i].words;
    return kind;
}

/* "40 s", "7 min", "3 h", "2 d" by headquarters' clock. */
static void age_of(const json_t *row, const char *now_text, char *out, size_t size)
{
    struct wall_time now;
    struct wall_time opened;
    if (wall_parse(now_text, &now) != 0 || wall_parse(hqctl_text_of(row, "opened"), &opened) != 0) {
        (void)snprintf(out, size, "-"); /* fits */
        return;
    }
    int64_t ms = now.ms > opened.ms ? now.ms - opened.ms : 0;
    int64_t unit = ms < MINUTE_MS ? 1000
                   : ms < HOUR_MS ? MINUTE_MS
                   : ms < DAY_MS  ? HOUR_MS
                                  : DAY_MS;
    (void)snprintf(out, size, "%lld %s", (long long)(ms / unit),
                   unit == 1000        ? "s"
                   : unit == MINUTE_MS ? "min"
                   : unit == HOUR_MS   ? "h"
                                       : "d"); /* fits */
}

/* What 'hqctl instruct agree' is told, the hit, the end. */
static void about_of(const json_t *row, char *out, size_t size)
{
    long long hold = (long long)hqctl_number_of(row, "hold");
    long long hit = (long long)hqctl_number_of(row, "hit");
    const char *what = hqctl_text_of(row, "what");
    const char *until = hqctl_text_of(row, "until");
    if (what[0])
        (void)snprintf(out, size, "%s %lld %lld", what, hold ? hold : hit,
                       (long long)hqctl_number_of(row, "id")); /* fits: words of the box's own */
    else if (hit)
        (void)snprintf(out, size, "hit %lld", hit); /* fits */
    else
        (void)snprintf(out, size, "%s%s", until[0] ? "until " : "-", until); /* cut, likewise */
}

static int add_row(struct text_table *table, const json_t *row, const char *now)
{
    char age[32];
    char about[64];
    char lane[24] = "-";
    long long number = (long long)hqctl_number_of(row, "lane");
    age_of(row, now, age, sizeof(age));
    about_of(row, about, sizeof(about));
    if (number > 0)
        (void)snprintf(lane, sizeof(lane), "%lld", number); /* fits */
    const char *cells[COLUMNS] = {age,
                                  hqctl_text_of(row, "checkpoint"),
                                  words_of(hqctl_text_of(row, "kind")),
                                  lane,
                                  hqctl_or_dash(hqctl_text_of(row, "officer")),
                                  about};
    return text_table_add(table, cells);
}

static int print_rows(const struct hqctl *h, const json_t *answer)
{
    struct err_text err = {""};
    struct text_table *table = NULL;
    const json_t *rows = json_object_get(answer, "calls");
    const json_t *row;
    size_t i;
    int rc = h->json ? 0 : text_table_create(titles, COLUMNS, &table);
    json_array_foreach(rows, i, row)
    {
        if (rc == 0 && h->json)
            rc = hqctl_print(json_incref((json_t *)(uintptr_t)row)) == EXIT_OK ? 0 : ERR_IO;
        else if (rc == 0)
            rc = add_row(table, row, hqctl_text_of(answer, "now"));
    }
    if (rc == 0 && table && json_array_size(rows) == 0)
        puts("No checkpoint calls. 没有检查站呼叫。");
    else if (rc == 0 && table)
        text_table_print(table, stdout, text_screen_columns(stdout));
    text_table_destroy(table);
    return rc == 0 ? hqctl_written() : hqctl_fail(h, rc, &err);
}

int hqctl_calls(struct hqctl *h, int argc, char **argv)
{
    const char *checkpoint = "";
    struct hq_answer answer = {0};
    char path[HQCTL_PATH_SIZE];
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  Help (求助), backup at a dangerous vehicle, a word 'I am well' that is missed,\n"
                "  hits nobody dealt with in time, questions ('hqctl instruct agree' answers\n"
                "  one), local look-outs: newest first, until the checkpoint's own record ends\n"
                "  it. For duty officers and auditors.\n"
                "  检查站的求助、增援、未报平安、处置逾期、请示和临时布控，最新在前。\n",
        .operands = "[CHECKPOINT]",
        .operands_max = 1,
        .operand = &checkpoint};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    if (strspn(checkpoint, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(checkpoint) ||
        snprintf(path, sizeof(path), "/v1/operator/calls?limit=%d%s%s", LIMIT,
                 checkpoint[0] ? "&checkpoint=" : "", checkpoint) >= (int)sizeof(path)) {
        fprintf(stderr, "hqctl calls: expected a checkpoint's id\n");
        return EXIT_USAGE;
    }
    status = hqctl_get(h, path, &answer);
    if (status == 0)
        status = print_rows(h, answer.value);
    hq_answer_fini(&answer);
    return status;
}
