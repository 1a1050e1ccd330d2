/*
 * hqctl audit missing: which sequences headquarters lacks, and what is known of them.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"

enum { PATH_ROOM = 200 };

/* In both languages; "" for a word this hqctl does not know. */
static const char *why_text(const char *why)
{
    static const struct {
        const char *why;
        const char *text;
    } texts[] = {
        {"gone", "gone with the box's old journal 随检查站旧日志丢失"},
        {"box_went_back",
         "lost when the box was put back to an earlier state 检查站恢复到较早状态时丢失"},
        {"lost_here", "headquarters held them and gave a receipt; the box sends them again "
                      "总部曾确认后丢失，待检查站重发"},
        {"hole", "missing in headquarters' database 总部数据库缺失"},
        {"waiting", "not sent yet 尚未上报"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(texts[i].why, why) == 0)
            return texts[i].text;
    return "";
}

static void print_range(const json_t *row)
{
    const char *why = hqctl_text_of(row, "why");
    hqctl_line(stdout, "    %s %lld to %lld (%lld): %s: %s",
               strcmp(why, "waiting") == 0 ? "waiting 待传" : "MISSING 缺失",
               (long long)hqctl_number_of(row, "from"), (long long)hqctl_number_of(row, "to"),
               (long long)hqctl_number_of(row, "count"), why, why_text(why));
    if (hqctl_number_of(row, "urgents") > 0 || hqctl_number_of(row, "hits") > 0)
        hqctl_line(stdout,
                   "        of them held as provisional 其中临时保存: %lld records 条, %lld hits "
                   "命中, last 最后 %s",
                   (long long)hqctl_number_of(row, "urgents"),
                   (long long)hqctl_number_of(row, "hits"),
                   hqctl_or_dash(hqctl_text_of(row, "urgent_last")));
    if (strcmp(why, "waiting") != 0)
        hqctl_line(stdout, "        the record before them 其前一条: %s",
                   hqctl_or_dash(hqctl_text_of(row, "before")));
}

static void print_chain(const json_t *row)
{
    const json_t *ranges = json_object_get(row, "ranges");
    const json_t *range;
    size_t i;
    bool in_use = json_is_true(json_object_get(row, "in_use"));
    bool second = strcmp(hqctl_text_of(row, "stream"), "observe") == 0;
    hqctl_line(stdout, "%s  chain %s%s  %s%s  held 1 to %lld, last %s", hqctl_text_of(row, "id"),
               hqctl_text_of(row, "chain"), second ? " (observe 布控观察)" : "",
               hqctl_text_of(row, "state"), in_use ? "" : ", ended 已终止",
               (long long)hqctl_number_of(row, "held"), hqctl_or_dash(hqctl_text_of(row, "last")));
    json_array_foreach(ranges, i, range)
    {
        print_range(range);
    }
    if (!in_use)
        hqctl_line(stdout,
                   "    What it wrote last and told nobody of cannot be known; last told: "
                   "%s 其最后未上报的记录无从得知",
                   hqctl_or_dash(hqctl_text_of(row, "told")));
}

/* What the pages say together; printed as they come, unless it is to be one JSON object. */
struct whole {
    json_t *chains; /* --json only */
    size_t count;
    bool complete;
};

static int take_page(const struct hqctl *h, const json_t *answer, struct whole *out)
{
    const json_t *chains = json_object_get(answer, "chains");
    const json_t *row;
    size_t i;
    out->count += json_array_size(chains);
    out->complete &= json_is_true(json_object_get(answer, "complete"));
    if (h->json)
        return json_array_extend(out->chains, (json_t *)(uintptr_t)chains) == 0 ? 0 : ERR_NO_MEMORY;
    json_array_foreach(chains, i, row)
    {
        print_chain(row);
    }
    return 0;
}

static int print_end(const struct hqctl *h, const struct whole *whole)
{
    if (h->json) {
        int status = hqctl_print(
            json_pack("{s:b,s:O}", "complete", whole->complete, "chains", whole->chains));
        return whole->complete ? status : EXIT_RUN;
    }
    puts(whole->complete ? "Nothing is known to be missing. 未发现缺失。"
                         : "Records are missing. 有记录缺失。");
    return whole->complete ? EXIT_OK : EXIT_RUN;
}

/* Page by page; an hqd that knows no pages answers at once with all. */
static int walk(struct hqctl *h, const char *checkpoint, struct whole *out)
{
    char above[PATH_ROOM] = "";
    for (bool more = true; more;) {
        struct hq_answer answer;
        struct err_text err = {""};
        char path[PATH_ROOM];
        int size =
            snprintf(path, sizeof(path), "/v1/operator/audit/missing?%s%s",
                     checkpoint[0] ? "checkpoint=" : "above=", checkpoint[0] ? checkpoint : above);
        if (size >= (int)sizeof(path)) {
            (void)err_set(&err, ERR_TOO_LARGE, "an id that is none"); /* told here */
            return hqctl_fail(h, ERR_TOO_LARGE, &err);
        }
        int status = hqctl_get(h, path, &answer);
        const char *next = json_string_value(json_object_get(answer.value, "next"));
        if (status == 0 && take_page(h, answer.value, out) != 0)
            status = hqctl_fail(h, ERR_NO_MEMORY, &err);
        more = status == 0 && next && strcmp(next, above) > 0;
        if (more)
            (void)snprintf(above, sizeof(above), "%s", next); /* cut: refused above */
        hq_answer_fini(&answer);
        if (status != 0)
            return status;
    }
    return 0;
}

int hqctl_audit_missing(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    struct whole whole = {.complete = true};
    const char *checkpoint = "";
    size_t count = 0;
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  Which records headquarters lacks, as ranges of each chain: those a box lost with "
            "its disk,\n  those headquarters lost after it had given a receipt, holes. Against "
            "what boxes said of\n  their journals, receipts and what came ahead of its turn. "
            "What a box has not sent yet is\n  waiting, not missing. Status 1: something is "
            "missing.\n  列出总部缺失的记录序号区间；有缺失时退出状态为 1。\n",
        .operands = "[CHECKPOINT]",
        .operands_max = 1,
        .operand = &checkpoint,
        .operands_count = &count};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    if (count &&
        strspn(checkpoint, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(checkpoint)) {
        fprintf(stderr, "hqctl audit missing: expected a checkpoint's id\n");
        return EXIT_USAGE;
    }
    whole.chains = json_array();
    status = walk(h, checkpoint, &whole);
    if (status == 0 && count > 0 && whole.count == 0) {
        (void)err_set(&err, ERR_NOT_FOUND, "%s: hqd has no record of such a checkpoint",
                      checkpoint); /* told here: nothing looked at is no 'complete' */
        status = hqctl_fail(h, ERR_NOT_FOUND, &err);
    } else if (status == 0) {
        status = print_end(h, &whole);
    }
    json_decref(whole.chains);
    return status;
}
