/*
 * hqctl review: what is to be looked at again, and answers to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"

struct listing {
    const struct hqctl *h;
    bool all;
    size_t open;
    size_t overdue;
};

static int print_row(void *ctx, const json_t *row)
{
    struct listing *l = ctx;
    const char *by = hqctl_text_of(row, "answered_by");
    bool overdue = json_is_true(json_object_get(row, "overdue"));
    l->open += by[0] == '\0';
    l->overdue += overdue;
    if (by[0] && !l->all)
        return 0;
    if (l->h->json)
        return hqctl_print(json_incref((json_t *)(uintptr_t)row)) == EXIT_OK ? 0 : ERR_IO;
    hqctl_line(stdout, "%lld  %s  record %lld  %s  %s  %s  %s%s%s",
               (long long)hqctl_number_of(row, "number"), hqctl_text_of(row, "why"),
               (long long)hqctl_number_of(row, "sequence"), hqctl_text_of(row, "time"),
               hqctl_text_of(row, "person"), hqctl_text_of(row, "what"),
               hqctl_text_of(row, "about"), by[0] ? "" : "  due ",
               by[0] ? "" : hqctl_text_of(row, "due"));
    if (overdue)
        hqctl_line(stdout, "    OVERDUE 已逾期");
    if (by[0])
        hqctl_line(stdout, "    %s by %s: %s", hqctl_text_of(row, "verdict"), by,
                   hqctl_text_of(row, "reason"));
    return 0;
}

int hqctl_review(struct hqctl *h, int argc, char **argv)
{
    struct listing l = {.h = h};
    struct err_text err = {""};
    uint64_t after = 0;
    const struct arg_option options[] = {ARG_OPTION_FLAG("all", &l.all, "Answered ones too.")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  Every withdrawal and emergency entry, and each week a random sample of what people "
            "did and\n  looked at (20 acts, drawn when the week is over, Monday to Monday UTC). A "
            "reviewer answers\n  each within 7 days with 'hqctl review answer'; 'hqctl audit own "
            "show --after N' shows the\n  record itself. "
            "抽查：每周随机抽取，撤控与紧急布控逐条复核。\n",
        ARG_OPTIONS(options)};
    int status = hqctl_open(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc =
        hq_client_walk(&h->client, "/v1/operator/reviews?", "reviews", &after, print_row, &l, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (!h->json)
        printf("%zu open, %zu overdue\n", l.open, l.overdue);
    return EXIT_OK;
}

int hqctl_review_answer(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    const char *number = NULL;
    const char *reason = NULL;
    bool ok = false;
    bool objection = false;
    const struct arg_option options[] = {
        ARG_OPTION_FLAG("ok", &ok, "It was right."),
        ARG_OPTION_FLAG("objection", &objection, "It was not: somebody must be asked."),
        ARG_OPTION_TEXT_NEEDED("reason", "TEXT", &reason,
                               "What was looked at; recorded with your name.")};
    struct arg_spec spec = {.text = "DESCRIPTION\n  Once, and not of your own acts.\n",
                            ARG_OPTIONS(options),
                            ARG_OPERANDS("NUMBER", 1, &number)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    size_t digits = strspn(number, "0123456789");
    if (ok == objection || digits == 0 || digits > 18 || number[digits] != '\0') {
        fprintf(stderr, "hqctl review answer: expected the number of a review, and --ok or "
                        "--objection\n");
        return EXIT_USAGE;
    }
    status = hqctl_post(h, "/v1/operator/reviews/answer",
                        json_pack("{s:I,s:s,s:s}", "number", (json_int_t)strtoull(number, NULL, 10),
                                  "verdict", ok ? "ok" : "objection", "reason", reason),
                        &answer);
    if (status == 0 && h->json)
        status = hqctl_print(json_incref(answer.value));
    else if (status == 0)
        hqctl_line(stdout, "Review %s: %s.", number, hqctl_text_of(answer.value, "verdict"));
    hq_answer_fini(&answer);
    return status;
}
