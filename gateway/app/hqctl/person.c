/*
 * hqctl person add, roles, list, revoke: who may do what at headquarters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/base/clock.h"
#include "gateway/base/text_table.h"
#include "gateway/hqctl/person.h"
#include "gateway/signed/sign_key.h"

enum { ROLES_MAX = 6, ROLE_TEXT_SIZE = 128 };

/* What 'person add' and 'person roles' were given. */
struct person_args {
    const char *name;
    const char *full_name;
    const char *number;
    const char *roles[ROLES_MAX];
    size_t role_count;
};

#define PERSON_ROWS(args)                                                                          \
    ARG_OPTION_TEXT_NEEDED("full-name", "TEXT", &(args)->full_name, "The person's name."),         \
        ARG_OPTION_TEXT_NEEDED("number", "TEXT", &(args)->number, "Police number 警号."),          \
        ARG_OPTION_TEXTS_NEEDED("role", "ROLE", (args)->roles, ROLES_MAX, &(args)->role_count,     \
                                "applicant, reviewer, approver, duty_officer, auditor or "         \
                                "fleet_administrator; several times for more.")

/* Takes `certificate` ("" for none). NULL without memory. */
static json_t *body_of(const struct person_args *a, const char *certificate)
{
    json_t *roles = json_array();
    for (size_t i = 0; roles && i < a->role_count; i++)
        (void)json_array_append_new(roles, json_string(a->roles[i])); /* hqd refuses none at all */
    json_t *body = json_pack("{s:s,s:s,s:s,s:o}", "name", a->name, "full_name", a->full_name,
                             "number", a->number, "roles", roles);
    if (body && certificate[0] &&
        json_object_set_new(body, "certificate", json_string(certificate)) != 0) {
        json_decref(body);
        return NULL;
    }
    return body;
}

static int tell_person(const struct hqctl *h, const struct hq_answer *answer)
{
    char roles[ROLE_TEXT_SIZE];
    if (h->json)
        return hqctl_print(json_incref(answer->value));
    hqctl_join(json_object_get(answer->value, "roles"), roles, sizeof(roles));
    hqctl_line(stdout, "%s: %s", hqctl_text_of(answer->value, "name"), roles);
    return EXIT_OK;
}

/* The certificate first: hqd is told which one it serves. One that hqd refuses opens nothing. */
static int add(struct hqctl *h, const struct person_args *a, const char *folder)
{
    struct err_text err = {""};
    struct hq_answer answer = {0};
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];
    char hash[HASH_TEXT_SIZE];
    struct person_options o = {.folder = folder,
                               .name = a->name,
                               .passphrases = hqctl_passphrases(h),
                               .now = clock_wall(&clock_system)};
    int status = hqctl_connect(h);
    if (status != 0)
        return status;
    o.connection = &h->client.connection;
    int rc = person_make(&o, fingerprint, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    hash_format(fingerprint, hash);
    rc = hq_client_post(&h->client, "/v1/operator/persons", body_of(a, hash), HQCTL_AUDIT_TIMEOUT_S,
                        &answer, &err);
    struct err_text why = {""};
    int settled = person_settle(&o, rc == 0, &why);
    status = rc == 0 ? tell_person(h, &answer) : hqctl_fail(h, rc, &err);
    if (settled != 0)
        status = hqctl_fail(h, settled, &why);
    else if (rc == 0 && !h->json)
        printf("Certificate, key and hqctl.yaml: %s/operators/%s; give them to the person.\n",
               folder, a->name);
    hq_answer_fini(&answer);
    return status;
}

int hqctl_person_add(struct hqctl *h, int argc, char **argv)
{
    struct person_args a = {0};
    const char *operands[2] = {NULL, NULL};
    const struct arg_option options[] = {PERSON_ROWS(&a), HQCTL_PASSPHRASE_FD(h, "the CA keys'")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  Makes DIR/operators/NAME with a certificate under the console root, whose key "
                "must be in\n  DIR/secret, and tells hqd, which serves this certificate only. For "
                "a fleet administrator;\n  your own rights another one changes. Again for the same "
                "name: a new certificate, the\n  earlier one ends.\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("DIR NAME", 2, operands)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    a.name = operands[1];
    if (!h->choice.config && !h->choice.folder)
        h->choice.folder = operands[0];
    return add(h, &a, operands[0]);
}

int hqctl_person_roles(struct hqctl *h, int argc, char **argv)
{
    struct person_args a = {0};
    struct hq_answer answer;
    const struct arg_option options[] = {PERSON_ROWS(&a)};
    struct arg_spec spec = {.text = "DESCRIPTION\n  The roles given take the place of those held; "
                                    "the certificate stays.\n",
                            ARG_OPTIONS(options),
                            ARG_OPERANDS("NAME", 1, &a.name)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    status = hqctl_post(h, "/v1/operator/persons", body_of(&a, ""), &answer);
    if (status == 0)
        status = tell_person(h, &answer);
    hq_answer_fini(&answer);
    return status;
}

int hqctl_person_revoke(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    const char *name = NULL;
    const char *reason = NULL;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED("reason", "TEXT", &reason, "Why; recorded with your name.")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n  hqd refuses the person from the next request on, whatever "
                "hqd.yaml names. 'hqctl person\n  add' lets one back in, with a new certificate.\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("NAME", 1, &name)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    status = hqctl_post(h, "/v1/operator/persons/revoke",
                        json_pack("{s:s,s:s}", "name", name, "reason", reason), &answer);
    if (status == 0 && h->json)
        status = hqctl_print(json_incref(answer.value));
    else if (status == 0)
        hqctl_line(stdout, "%s is %s.", name, hqctl_text_of(answer.value, "state"));
    hq_answer_fini(&answer);
    return status;
}

/* ---- list ---- */

static const char *const titles[] = {"NAME",  "ROLES",    "FULL NAME", "NUMBER",
                                     "SINCE", "ADDED BY", "SEEN",      "REVOKED"};

enum { PERSON_COLUMNS = sizeof(titles) / sizeof(titles[0]) };

static int add_row(struct text_table *table, const json_t *row)
{
    char roles[ROLE_TEXT_SIZE];
    const char *by = hqctl_text_of(row, "added_by");
    hqctl_join(json_object_get(row, "roles"), roles, sizeof(roles));
    const char *cells[] = {hqctl_text_of(row, "name"),
                           roles,
                           hqctl_or_dash(hqctl_text_of(row, "full_name")),
                           hqctl_or_dash(hqctl_text_of(row, "number")),
                           hqctl_or_dash(hqctl_text_of(row, "added")),
                           by[0] ? by : "hqd.yaml",
                           hqctl_or_dash(hqctl_text_of(row, "last_seen")),
                           hqctl_or_dash(hqctl_text_of(row, "revoked"))};
    return text_table_add(table, cells);
}

static int print_rows(const struct hqctl *h, const json_t *rows)
{
    struct text_table *table = NULL;
    struct err_text err = {"out of memory"};
    const json_t *row;
    size_t index;
    int status = EXIT_OK;
    int rc = h->json ? 0 : text_table_create(titles, PERSON_COLUMNS, &table);
    json_array_foreach(rows, index, row)
    {
        if (h->json && status == EXIT_OK)
            status = hqctl_print(json_incref((json_t *)(uintptr_t)row));
        else if (!h->json && rc == 0)
            rc = add_row(table, row);
    }
    if (rc == 0 && table)
        text_table_print(table, stdout, text_screen_columns(stdout));
    text_table_destroy(table);
    return rc == 0 ? status : hqctl_fail(h, rc, &err);
}

int hqctl_person_list(struct hqctl *h, int argc, char **argv)
{
    struct hq_answer answer;
    struct arg_spec spec = {0};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    status = hqctl_get(h, "/v1/operator/persons", &answer);
    if (status == 0)
        status = print_rows(h, json_object_get(answer.value, "persons"));
    hq_answer_fini(&answer);
    return status;
}
