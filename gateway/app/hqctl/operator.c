/*
 * hqctl whoami, enroll, checkpoints, audit verify, accept-chain, revoke: one request each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/base/text_table.h"

static int no_memory(const struct hqctl *h)
{
    struct err_text err = {"out of memory"};
    return hqctl_fail(h, ERR_NO_MEMORY, &err);
}

int hqctl_whoami(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    struct arg_spec spec = {0};
    char roles[128];
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    status = hqctl_get(h, "/v1/operator/self", &answer);
    hqctl_join(json_object_get(answer.value, "roles"), roles, sizeof(roles));
    if (status == 0 && h->json)
        status = hqctl_print(json_incref(answer.value));
    else if (status == 0)
        hqctl_line(stdout,
                   "Operator %s of fleet %s; hqd's time %s, key set version %lld; roles: %s",
                   hqctl_text_of(answer.value, "operator"), hqctl_text_of(answer.value, "fleet"),
                   hqctl_text_of(answer.value, "time"),
                   (long long)hqctl_number_of(answer.value, "keyset_version"), roles);
    hq_answer_fini(&answer);
    return status;
}

void hqctl_print_token(const json_t *value)
{
    hqctl_line(stdout, "Checkpoint  %s", hqctl_text_of(value, "checkpoint"));
    hqctl_line(stdout, "Token       %s", hqctl_text_of(value, "token"));
    hqctl_line(stdout, "Expires     %s", hqctl_text_of(value, "expires"));
    hqctl_line(stdout, "Enrolment   %s", hqctl_text_of(value, "est_url"));
}

int hqctl_enroll(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    const char *checkpoint = NULL;
    const char *name = NULL;
    const char *fingerprint = NULL;
    int64_t minutes = 60;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT("fingerprint", "SHA256", &fingerprint,
                        "The fingerprint the box shows, approved beforehand. Default: "
                        "'hqctl enrolment approve' later."),
        ARG_OPTION_TEXT("name", "TEXT", &name, "What people call it. Default: its id."),
        ARG_OPTION_NUMBER("minutes", "N", &minutes, 1, 4320,
                          "How long the token is good, 1 to 4320 (72 hours). Default: 60.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  The technician gives the token to the box, which gets its certificate with it. "
                "It works\n  once and is shown once; a new one replaces an unused one. Enrolling a "
                "checkpoint again\n  ends its earlier certificates.\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("CHECKPOINT", 1, &checkpoint)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    json_t *body = json_pack("{s:s,s:s,s:I}", "checkpoint", checkpoint, "name",
                             name ? name : checkpoint, "valid_minutes", (json_int_t)minutes);
    if (body && fingerprint &&
        json_object_set_new(body, "fingerprint", json_string(fingerprint)) != 0) {
        json_decref(body);
        body = NULL;
    }
    status = hqctl_post(h, "/v1/operator/enroll", body, &answer);
    if (status == 0 && h->json)
        status = hqctl_print(json_incref(answer.value));
    else if (status == 0)
        hqctl_print_token(answer.value);
    if (answer.text)
        explicit_bzero(answer.text, answer.size);
    hq_answer_fini(&answer);
    return status;
}

/* ---- checkpoints ---- */

static const char *const checkpoint_titles[] = {
    "CHECKPOINT", "STATE",  ">LIST",      ">CONFIRMED",        ">POLICY",
    ">EXEMPT",    ">TERMS", "SEEN",       "LIST BEHIND SINCE", "CERTIFICATE UNTIL",
    "SELF-TEST",  "NAME",   "QUARANTINE", "OLD BOX SEEN"};

enum { CHECKPOINT_COLUMNS = sizeof(checkpoint_titles) / sizeof(checkpoint_titles[0]) };
_Static_assert((int)CHECKPOINT_COLUMNS <= (int)TEXT_TABLE_COLUMNS_MAX,
               "more columns than a table has");

/* Adds one checkpoint to the table. */
static int add_checkpoint(struct text_table *table, const json_t *row)
{
    char list[24];
    char confirmed[24];
    char policy[24];
    char exempt[24];
    char terms[24];
    (void)snprintf(policy, sizeof(policy), "%lld",
                   (long long)hqctl_number_of(row, "policy_version")); /* fits */
    (void)snprintf(exempt, sizeof(exempt), "%lld",
                   (long long)hqctl_number_of(row, "exempt_revision")); /* fits */
    (void)snprintf(terms, sizeof(terms), "%lld",
                   (long long)hqctl_number_of(row, "retention_version")); /* fits */
    (void)snprintf(list, sizeof(list), "%lld",
                   (long long)hqctl_number_of(row, "list_revision")); /* fits */
    (void)snprintf(confirmed, sizeof(confirmed), "%lld",
                   (long long)hqctl_number_of(row, "confirmed")); /* fits */
    char self_test[64];
    (void)snprintf(self_test, sizeof(self_test), "%s%s",
                   hqctl_or_dash(hqctl_text_of(row, "self_test")),
                   json_is_true(json_object_get(row, "self_test_absent")) ? " ABSENT" : "");
    const char *cells[] = {hqctl_text_of(row, "id"),
                           hqctl_text_of(row, "state"),
                           list,
                           confirmed,
                           policy,
                           exempt,
                           terms,
                           hqctl_or_dash(hqctl_text_of(row, "last_seen")),
                           hqctl_or_dash(hqctl_text_of(row, "behind_since")),
                           hqctl_or_dash(hqctl_text_of(row, "certificate_until")),
                           self_test,
                           hqctl_text_of(row, "name"),
                           hqctl_text_of(row, "quarantine"),
                           hqctl_text_of(row, "old_box_seen")};
    return text_table_add(table, cells);
}

static int print_checkpoints(const struct hqctl *h, const json_t *rows)
{
    struct text_table *table = NULL;
    const json_t *row;
    size_t index;
    int status = EXIT_OK;
    json_array_foreach(rows, index, row)
    {
        if (h->json && status == EXIT_OK)
            status = hqctl_print(json_incref((json_t *)(uintptr_t)row));
    }
    if (h->json)
        return status;
    int rc = text_table_create(checkpoint_titles, CHECKPOINT_COLUMNS, &table);
    json_array_foreach(rows, index, row)
    {
        if (rc == 0)
            rc = add_checkpoint(table, row);
    }
    if (rc == 0)
        text_table_print(table, stdout, text_screen_columns(stdout));
    text_table_destroy(table);
    return rc == 0 ? EXIT_OK : no_memory(h);
}

int hqctl_checkpoints(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    struct arg_spec spec = {0};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    status = hqctl_get(h, "/v1/operator/checkpoints", &answer);
    if (status == 0)
        status = print_checkpoints(h, json_object_get(answer.value, "checkpoints"));
    hq_answer_fini(&answer);
    return status;
}

/* ---- audit ---- */

static void print_verdict(const json_t *row)
{
    const json_t *fault = json_object_get(row, "fault");
    bool ok = json_is_true(json_object_get(row, "ok"));
    hqctl_line(stdout, "%-20s %s  %lld records, %lld to %lld, chain %s, %s",
               hqctl_text_of(row, "id"), ok ? "ok   " : "FAULT",
               (long long)hqctl_number_of(row, "records"), (long long)hqctl_number_of(row, "first"),
               (long long)hqctl_number_of(row, "last"), hqctl_or_dash(hqctl_text_of(row, "chain")),
               json_is_object(json_object_get(row, "receipt")) ? "anchored by a receipt"
                                                               : "no receipt yet");
    if (json_is_object(fault))
        hqctl_line(stdout, "    at record %lld: %s %s",
                   (long long)hqctl_number_of(fault, "sequence"), hqctl_text_of(fault, "en"),
                   hqctl_text_of(fault, "zh"));
}

static int print_verdicts(const struct hqctl *h, json_t *answer)
{
    bool ok = json_is_true(json_object_get(answer, "ok"));
    const json_t *row;
    size_t index;
    if (h->json) {
        int status = hqctl_print(json_incref(answer));
        return status == 0 && !ok ? EXIT_RUN : status;
    }
    json_array_foreach(json_object_get(answer, "checkpoints"), index, row)
    {
        print_verdict(row);
    }
    puts(ok ? "Audit ok." : "Audit found faults.");
    return ok ? EXIT_OK : EXIT_RUN;
}

int hqctl_audit_verify(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    struct err_text err = {""};
    const char *checkpoint = NULL;
    size_t count = 0;
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  hqd reads every record of the checkpoint, or of all, and checks the chain of "
                "hashes and\n  the bodies. Status 1 names the first fault of each.\n",
        .operands = "[CHECKPOINT]",
        .operands_max = 1,
        .operand = &checkpoint,
        .operands_count = &count};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    json_t *body = count ? json_pack("{s:s}", "checkpoint", checkpoint) : json_object();
    status = hqctl_post(h, "/v1/operator/audit/verify", body, &answer);
    if (status == 0 && count > 0 &&
        json_array_size(json_object_get(answer.value, "checkpoints")) == 0) {
        (void)err_set(&err, ERR_NOT_FOUND, "%s: hqd has no record of such a checkpoint",
                      checkpoint); /* told here: nothing verified is no 'ok' */
        status = hqctl_fail(h, ERR_NOT_FOUND, &err);
    } else if (status == 0) {
        status = print_verdicts(h, answer.value);
    }
    hq_answer_fini(&answer);
    return status;
}

/* ---- accept-chain and revoke ---- */

int hqctl_accept_chain(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    const char *operands[2] = {NULL, NULL};
    const char *reason = NULL;
    const struct arg_option options[] = {ARG_OPTION_TEXT_NEEDED(
        "reason", "TEXT", &reason, "Why it is accepted; recorded with your name.")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  A checkpoint whose records broke off or began anew is quarantined until somebody "
            "at HQ\n  knows why. 'hqctl checkpoints' shows the chain; look at the box first.\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("CHECKPOINT CHAIN", 2, operands)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    json_t *body = json_pack("{s:s,s:s,s:s}", "checkpoint", operands[0], "chain", operands[1],
                             "reason", reason);
    status = hqctl_post(h, "/v1/operator/accept-chain", body, &answer);
    if (status == 0 && h->json)
        status = hqctl_print(json_incref(answer.value));
    else if (status == 0)
        hqctl_line(stdout, "Checkpoint %s is %s.", operands[0],
                   hqctl_text_of(answer.value, "state"));
    hq_answer_fini(&answer);
    return status;
}

bool hqctl_confirmed(const char *checkpoint, const char *what)
{
    char line[8] = "";
    fprintf(stderr, "Checkpoint %s: %s. Go on? [y/N] ", checkpoint, what);
    return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

int hqctl_revoke(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    const char *checkpoint = NULL;
    const char *reason = NULL;
    bool yes = false;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("reason", "TEXT", &reason, "Why; recorded with your name."),
        ARG_OPTION_FLAG("yes", &yes, "Do not ask.")};
    struct arg_spec spec = {.text = "DESCRIPTION\n  For a box that is stolen or lost: hqd refuses "
                                    "it from its next request on.\n",
                            ARG_OPTIONS(options),
                            ARG_OPERANDS("CHECKPOINT", 1, &checkpoint)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    if (!yes && !hqctl_confirmed(checkpoint, "will be shut out until it is enrolled again")) {
        fprintf(stderr, "hqctl: nothing done\n");
        return EXIT_RUN;
    }
    json_t *body = json_pack("{s:s,s:s}", "checkpoint", checkpoint, "reason", reason);
    status = hqctl_post(h, "/v1/operator/revoke", body, &answer);
    if (status == 0 && h->json)
        status = hqctl_print(json_incref(answer.value));
    else if (status == 0)
        hqctl_line(stdout, "Checkpoint %s is %s.", checkpoint,
                   hqctl_text_of(answer.value, "state"));
    hq_answer_fini(&answer);
    return status;
}
