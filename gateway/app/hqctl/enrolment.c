/*
 * hqctl enrolment list, approve, revoke: tokens that wait to be used, and whose key asks with one.
 */
#include <stdio.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/base/text_table.h"

static const char *const titles[] = {"CHECKPOINT",  "ASKS WITH", "ASKED",
                                     "APPROVED BY", "EXPIRES",   "TOKEN BY"};

enum { COLUMNS = sizeof(titles) / sizeof(titles[0]) };

static int print_rows(const struct hqctl *h, const json_t *rows)
{
    struct text_table *table = NULL;
    struct err_text err = {"out of memory"};
    const json_t *row;
    size_t i;
    int rc = text_table_create(titles, COLUMNS, &table);
    json_array_foreach(rows, i, row)
    {
        const char *cells[COLUMNS] = {hqctl_text_of(row, "checkpoint"),
                                      hqctl_or_dash(hqctl_text_of(row, "fingerprint")),
                                      hqctl_or_dash(hqctl_text_of(row, "asked")),
                                      hqctl_or_dash(hqctl_text_of(row, "approved_by")),
                                      hqctl_text_of(row, "expires"),
                                      hqctl_text_of(row, "by")};
        if (rc == 0)
            rc = text_table_add(table, cells);
    }
    if (rc == 0)
        text_table_print(table, stdout, text_screen_columns(stdout));
    text_table_destroy(table);
    return rc == 0 ? EXIT_OK : hqctl_fail(h, rc, &err);
}

int hqctl_enrolment_list(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    struct arg_spec spec = {0};
    const json_t *row;
    size_t i;
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    status = hqctl_get(h, "/v1/operator/enrolments", &answer);
    const json_t *rows = json_object_get(answer.value, "enrolments");
    if (status == 0 && !h->json)
        status = print_rows(h, rows);
    else
        json_array_foreach(rows, i, row)
        {
            if (status == EXIT_OK)
                status = hqctl_print(json_incref((json_t *)(uintptr_t)row));
        }
    hq_answer_fini(&answer);
    return status;
}

/* Posts and says what became of the checkpoint's token. */
static int post(struct hqctl *h, const char *path, const char *checkpoint, json_t *body)
{
    struct hq_answer answer;
    int status = hqctl_post(h, path, body, &answer);
    if (status == 0 && h->json)
        status = hqctl_print(json_incref(answer.value));
    else if (status == 0)
        hqctl_line(stdout, "Enrolment of %s is %s.", checkpoint,
                   hqctl_text_of(answer.value, "state"));
    hq_answer_fini(&answer);
    return status;
}

int hqctl_enrolment_approve(struct hqctl *h, int argc, char **argv)
{
    const char *checkpoint = NULL;
    const char *fingerprint = NULL;
    const struct arg_option options[] = {ARG_OPTION_TEXT_NEEDED(
        "fingerprint", "SHA256", &fingerprint, "As the box shows it: sha256: and 64 hex digits.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  The box shows the fingerprint of the key it asks with. Have it read out by the "
                "technician, not\n  copied from 'enrolment list': whoever holds the token alone "
                "shows up there too.\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("CHECKPOINT", 1, &checkpoint)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    return post(h, "/v1/operator/enrolments/approve", checkpoint,
                json_pack("{s:s,s:s}", "checkpoint", checkpoint, "fingerprint", fingerprint));
}

int hqctl_enrolment_revoke(struct hqctl *h, int argc, char **argv)
{
    const char *checkpoint = NULL;
    const char *reason = NULL;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("reason", "TEXT", &reason, "Why; recorded with your name.")};
    struct arg_spec spec = {.text =
                                "DESCRIPTION\n  For a token that was lost or given to the wrong "
                                "hands. A certificate got with it stays: see revoke.\n",
                            ARG_OPTIONS(options),
                            ARG_OPERANDS("CHECKPOINT", 1, &checkpoint)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    return post(h, "/v1/operator/enrolments/revoke", checkpoint,
                json_pack("{s:s,s:s}", "checkpoint", checkpoint, "reason", reason));
}
