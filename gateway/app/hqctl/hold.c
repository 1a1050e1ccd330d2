/*
 * hqctl hold add, end, list: what a case needs is kept past its term.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/base/text_table.h"
#include "gateway/signed/retention_terms.h"

enum { HOLD_ROWS_MAX = 64, ID_DIGITS_MAX = 18 };

/* What 'hold add' was given. */
struct hold_args {
    const char *case_number;
    const char *reason;
    const char *plates[HOLD_ROWS_MAX];
    size_t plate_count;
    const char *entries[HOLD_ROWS_MAX];
    size_t entry_count;
    const char *checkpoint;
    int64_t lane; /* 0: any */
    const char *from;
    const char *until;
};

static json_t *texts_json(const char *const *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < count; i++)
        if (json_array_append_new(list, json_string(texts[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* NULL without memory, or with a fault in `err`. */
static json_t *entries_json(const struct hold_args *a, struct err_text *err)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < a->entry_count; i++) {
        const char *text = a->entries[i];
        size_t digits = strspn(text, "0123456789");
        bool fits = digits > 0 && digits <= ID_DIGITS_MAX && text[digits] == '\0';
        if (!fits)
            (void)err_set(err, ERR_INVALID, "--entry = '%.60s': expected the id of a wanted entry",
                          text); /* told by the caller */
        if (!fits ||
            json_array_append_new(list, json_integer((json_int_t)strtoull(text, NULL, 10))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int set_text(json_t *body, const char *name, const char *text)
{
    return text ? json_object_set_new(body, name, json_string(text)) : 0;
}

static json_t *add_body(const struct hold_args *a, struct err_text *err)
{
    json_t *plates = texts_json(a->plates, a->plate_count);
    json_t *entries = entries_json(a, err);
    json_t *body = json_pack("{s:s,s:s,s:o,s:o}", "case_number", a->case_number, "reason",
                             a->reason, "plates", plates, "entries", entries);
    if (body && a->lane > 0 && json_object_set_new(body, "lane", json_integer(a->lane)) != 0) {
        json_decref(body);
        return NULL;
    }
    if (body && (set_text(body, "checkpoint", a->checkpoint) | set_text(body, "from", a->from) |
                 set_text(body, "until", a->until)) == 0)
        return body;
    json_decref(body);
    return NULL;
}

int hqctl_hold_add(struct hqctl *h, int argc, char **argv)
{
    struct hold_args a = {0};
    struct err_text err = {""};
    struct hq_answer answer;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("reason", "TEXT", &a.reason, "Why; recorded with your name."),
        ARG_OPTION_TEXTS("plate", "PLATE", a.plates, HOLD_ROWS_MAX, &a.plate_count,
                         "What names this plate, read or candidate; several times for more."),
        ARG_OPTION_TEXTS("entry", "ID", a.entries, HOLD_ROWS_MAX, &a.entry_count,
                         "Hits of this wanted entry; several times for more."),
        ARG_OPTION_TEXT("checkpoint", "ID", &a.checkpoint,
                        "Only of this checkpoint; alone: all that it recorded."),
        ARG_OPTION_NUMBER("lane", "N", &a.lane, 1, RETENTION_LANE_MAX,
                          "Only of this lane of the checkpoint."),
        ARG_OPTION_TEXT("from", "TIME", &a.from, "From then on, 2026-12-01T00:00:00Z."),
        ARG_OPTION_TEXT("until", "TIME", &a.until, "Before then.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  What the case needs is not deleted at the end of its term until 'hqctl hold "
                "end'. Needed is\n  at least one of --plate, --entry, --checkpoint.\n"
                "  At headquarters it counts at once. Checkpoints hold it with the next retention "
                "terms: 'hqctl\n  retention draft', which two clerks sign.\n"
                "  案件保全：案件所需记录到期不删除，直至解除。\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("CASE", 1, &a.case_number)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    json_t *body = add_body(&a, &err);
    if (!body && err.text[0]) {
        (void)hqctl_fail(h, ERR_INVALID, &err); /* the status is another */
        return EXIT_USAGE;
    }
    status = hqctl_post(h, "/v1/operator/holds", body, &answer);
    if (status == 0 && h->json)
        status = hqctl_print(json_incref(answer.value));
    else if (status == 0)
        hqctl_line(stdout, "Case %s: %lld held.", a.case_number,
                   (long long)hqctl_number_of(answer.value, "holds"));
    hq_answer_fini(&answer);
    return status;
}

int hqctl_hold_end(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    const char *case_number = NULL;
    const char *reason = NULL;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("reason", "TEXT", &reason, "Why; recorded with your name.")};
    struct arg_spec spec = {.text = "DESCRIPTION\n  What is past its term goes with the next run "
                                    "of hq-retaind, within the hour; "
                                    "at\n  checkpoints with the next retention terms ('hqctl "
                                    "retention draft').\n",
                            ARG_OPTIONS(options),
                            ARG_OPERANDS("CASE", 1, &case_number)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    status =
        hqctl_post(h, "/v1/operator/holds/end",
                   json_pack("{s:s,s:s}", "case_number", case_number, "reason", reason), &answer);
    if (status == 0 && h->json)
        status = hqctl_print(json_incref(answer.value));
    else if (status == 0)
        hqctl_line(stdout, "Case %s: %lld ended.", case_number,
                   (long long)hqctl_number_of(answer.value, "ended"));
    hq_answer_fini(&answer);
    return status;
}

/* ---- list ---- */

static const char *const titles[] = {"CASE",  "PLATE", "ENTRY", "CHECKPOINT", ">LANE", "FROM",
                                     "UNTIL", "BY",    "SINCE", "ENDED",      "REASON"};

enum { HOLD_COLUMNS = sizeof(titles) / sizeof(titles[0]) };

struct listing {
    const struct hqctl *h;
    struct text_table *table; /* NULL with --json */
};

static int add_row(void *ctx, const json_t *row)
{
    struct listing *l = ctx;
    char entry[24] = "";
    char lane[24] = "";
    if (l->h->json)
        return hqctl_print(json_incref((json_t *)(uintptr_t)row)) == EXIT_OK ? 0 : ERR_IO;
    if (hqctl_number_of(row, "entry") > 0)
        (void)snprintf(entry, sizeof(entry), "%lld",
                       (long long)hqctl_number_of(row, "entry")); /* fits */
    if (hqctl_number_of(row, "lane") > 0)
        (void)snprintf(lane, sizeof(lane), "%lld",
                       (long long)hqctl_number_of(row, "lane")); /* fits */
    const char *cells[] = {hqctl_text_of(row, "case_number"),
                           hqctl_or_dash(hqctl_text_of(row, "plate")),
                           hqctl_or_dash(entry),
                           hqctl_or_dash(hqctl_text_of(row, "checkpoint")),
                           hqctl_or_dash(lane),
                           hqctl_or_dash(hqctl_text_of(row, "from")),
                           hqctl_or_dash(hqctl_text_of(row, "until")),
                           hqctl_text_of(row, "by"),
                           hqctl_text_of(row, "begun"),
                           hqctl_or_dash(hqctl_text_of(row, "ended")),
                           hqctl_text_of(row, "reason")};
    return text_table_add(l->table, cells);
}

int hqctl_hold_list(struct hqctl *h, int argc, char **argv)
{
    struct listing l = {.h = h};
    struct err_text err = {""};
    struct arg_spec spec = {0};
    uint64_t after = 0;
    int status = hqctl_open(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = h->json ? 0 : text_table_create(titles, HOLD_COLUMNS, &l.table);
    if (rc == 0)
        rc = hq_client_walk(&h->client, "/v1/operator/holds?", "holds", &after, add_row, &l, &err);
    if (rc == 0 && l.table)
        text_table_print(l.table, stdout, text_screen_columns(stdout));
    text_table_destroy(l.table);
    return rc == 0 ? EXIT_OK : hqctl_fail(h, rc, &err);
}
