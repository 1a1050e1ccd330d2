/*
 * hqctl's sub-commands and what they share: arguments, connection, answers for people (text) and
 * programs (--json: one object a line on standard output). One thread; a command ends the process
 * with the status it returns.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/app/service.h"
#include "gateway/hqctl/args.h"
#include "gateway/hqctl/hq_client.h"
#include "gateway/hqctl/passphrase.h"

enum { HQCTL_PATH_SIZE = 4096, HQCTL_COMMAND_SIZE = 64, HQCTL_AUDIT_TIMEOUT_S = 3600 };

struct hqctl;

/* What a command works with, and so which common options it has. */
enum hqctl_reach {
    HQCTL_ALONE,  /* --json */
    HQCTL_FOLDER, /* --dir besides */
    HQCTL_ONLINE  /* --config, --operator and --hq besides */
};

/* A row of the table of commands; argv[0] is the last of its words. */
struct hqctl_command {
    const char *words; /* "wanted import" */
    const char *purpose;
    enum hqctl_reach reach;
    int (*run)(struct hqctl *h, int argc, char **argv); /* returns the status */
};

/* One run of a command: main() makes it and closes the client. */
struct hqctl {
    const struct hqctl_command *command;
    bool json;
    struct hq_connection_choice choice;
    int64_t passphrase_fd; /* -1: the terminal */
    struct hq_client client;
};

/* Parses the command's arguments with the common ones; name and purpose of `spec` are the table's.
 * Returns -1 to go on, else the status. */
int hqctl_parse(struct hqctl *h, int argc, char **argv, struct arg_spec *spec);
/* The same, and connects. */
int hqctl_open(struct hqctl *h, int argc, char **argv, struct arg_spec *spec);

/* The row of --passphrase-fd. */
#define HQCTL_PASSPHRASE_FD(h, order)                                                              \
    ARG_OPTION_NUMBER(                                                                             \
        "passphrase-fd", "N", &(h)->passphrase_fd, 0, 1023,                                        \
        "Read passphrases from this file descriptor, one a line, in this order: " order            \
        ". Default: the terminal.")

/* Loads the configuration and opens the client. 0, or the status after saying why. */
int hqctl_connect(struct hqctl *h);
/* Says what failed: standard error, and with --json an error object on standard output. Returns the
 * status. */
int hqctl_fail(const struct hqctl *h, int rc, const struct err_text *err);
int hqctl_fail_config(const struct hqctl *h, int rc, const struct err_text *err);
/* Prints one object as a line and frees it; NULL says there was no memory. Returns EXIT_OK, or
 * EXIT_RUN when standard output is broken. */
int hqctl_print(json_t *value);
/* The same with one member more, whose reference is taken over. */
int hqctl_print_with(json_t *value, const char *name, json_t *member);
/* EXIT_OK when all of standard output so far was written; EXIT_RUN after saying that it was not. */
int hqctl_written(void);
/* One line for a person, its end added. What hqd, a box or a file said may stand in it: control
 * characters are shown as '?', so that none of them commands the terminal. */
void hqctl_line(FILE *to, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Where a command talks while it works: standard output, or standard error with --json. */
FILE *hqctl_talk(const struct hqctl *h);
/* Texts and numbers of an answer, "" or 0 when they are not there. */
const char *hqctl_text_of(const json_t *object, const char *name);
int64_t hqctl_number_of(const json_t *object, const char *name);

/* Connects and asks: POSTs `body`, which is taken over (NULL: no memory), or GETs. 0 with the
 * answer, or the status after saying why; hq_answer_fini in either case. */
int hqctl_post(struct hqctl *h, const char *path, json_t *body, struct hq_answer *out);
int hqctl_get(struct hqctl *h, const char *path, struct hq_answer *out);
/* "a, b" of a list of texts, cut at the end of `out`. */
void hqctl_join(const json_t *list, char *out, size_t size);
/* "-" for "": a cell of a table. */
const char *hqctl_or_dash(const char *text);

/* Whether a person at a terminal says yes to `what` about a checkpoint. Without one, --yes must
 * have said it. */
bool hqctl_confirmed(const char *checkpoint, const char *what);
/* A token with what the technician needs. */
void hqctl_print_token(const json_t *value);

/* PUTs a key set. 0, or the status after saying why. */
int hqctl_keyset_put(struct hqctl *h, const char *text, size_t size);
/* "1,2": two different ones of the three root keys. ERR_INVALID. */
int hqctl_parse_roots(const char *text, int out[2], struct err_text *err);

struct passphrase_source hqctl_passphrases(const struct hqctl *h);

/* The sub-commands. */
int hqctl_init(struct hqctl *h, int argc, char **argv);
int hqctl_clerk_add(struct hqctl *h, int argc, char **argv);
int hqctl_keyset_publish(struct hqctl *h, int argc, char **argv);
int hqctl_ca_issuing(struct hqctl *h, int argc, char **argv);
int hqctl_ca_server(struct hqctl *h, int argc, char **argv);
int hqctl_ca_server_end(struct hqctl *h, int argc, char **argv);
int hqctl_key_list(struct hqctl *h, int argc, char **argv);
int hqctl_key_rotate(struct hqctl *h, int argc, char **argv);
int hqctl_root_rotate(struct hqctl *h, int argc, char **argv);
int hqctl_whoami(struct hqctl *h, int argc, char **argv);
int hqctl_replace(struct hqctl *h, int argc, char **argv);
int hqctl_enroll(struct hqctl *h, int argc, char **argv);
int hqctl_enrolment_list(struct hqctl *h, int argc, char **argv);
int hqctl_enrolment_approve(struct hqctl *h, int argc, char **argv);
int hqctl_enrolment_revoke(struct hqctl *h, int argc, char **argv);
int hqctl_checkpoints(struct hqctl *h, int argc, char **argv);
int hqctl_top(struct hqctl *h, int argc, char **argv);
int hqctl_calls(struct hqctl *h, int argc, char **argv);
int hqctl_hits(struct hqctl *h, int argc, char **argv);
int hqctl_evidence_list(struct hqctl *h, int argc, char **argv);
int hqctl_evidence_get(struct hqctl *h, int argc, char **argv);
int hqctl_observe(struct hqctl *h, int argc, char **argv);
int hqctl_audit_verify(struct hqctl *h, int argc, char **argv);
int hqctl_audit_missing(struct hqctl *h, int argc, char **argv);
int hqctl_person_add(struct hqctl *h, int argc, char **argv);
int hqctl_person_roles(struct hqctl *h, int argc, char **argv);
int hqctl_person_list(struct hqctl *h, int argc, char **argv);
int hqctl_person_revoke(struct hqctl *h, int argc, char **argv);
int hqctl_hold_add(struct hqctl *h, int argc, char **argv);
int hqctl_hold_end(struct hqctl *h, int argc, char **argv);
int hqctl_hold_list(struct hqctl *h, int argc, char **argv);
int hqctl_review(struct hqctl *h, int argc, char **argv);
int hqctl_review_answer(struct hqctl *h, int argc, char **argv);
int hqctl_own_verify(struct hqctl *h, int argc, char **argv);
int hqctl_own_show(struct hqctl *h, int argc, char **argv);
int hqctl_spool_import(struct hqctl *h, int argc, char **argv);
int hqctl_accept_chain(struct hqctl *h, int argc, char **argv);
int hqctl_revoke(struct hqctl *h, int argc, char **argv);
int hqctl_match_answers(struct hqctl *h, int argc, char **argv);
int hqctl_match_learn(struct hqctl *h, int argc, char **argv);
int hqctl_policy_draft(struct hqctl *h, int argc, char **argv);
int hqctl_policy_sign(struct hqctl *h, int argc, char **argv);
int hqctl_policy_show(struct hqctl *h, int argc, char **argv);
int hqctl_policy_publish(struct hqctl *h, int argc, char **argv);
int hqctl_retention_draft(struct hqctl *h, int argc, char **argv);
int hqctl_retention_sign(struct hqctl *h, int argc, char **argv);
int hqctl_retention_show(struct hqctl *h, int argc, char **argv);
int hqctl_retention_publish(struct hqctl *h, int argc, char **argv);
int hqctl_exempt_draft(struct hqctl *h, int argc, char **argv);
int hqctl_exempt_withdraw(struct hqctl *h, int argc, char **argv);
int hqctl_exempt_sign(struct hqctl *h, int argc, char **argv);
int hqctl_exempt_show(struct hqctl *h, int argc, char **argv);
int hqctl_exempt_publish(struct hqctl *h, int argc, char **argv);
int hqctl_instruct_message(struct hqctl *h, int argc, char **argv);
int hqctl_instruct_hold(struct hqctl *h, int argc, char **argv);
int hqctl_instruct_status(struct hqctl *h, int argc, char **argv);
int hqctl_instruct_agree(struct hqctl *h, int argc, char **argv);
int hqctl_instruct_publish(struct hqctl *h, int argc, char **argv);
int hqctl_instructions(struct hqctl *h, int argc, char **argv);
int hqctl_verdict(struct hqctl *h, int argc, char **argv);
int hqctl_proposals(struct hqctl *h, int argc, char **argv);
int hqctl_wanted_head(struct hqctl *h, int argc, char **argv);
int hqctl_wanted_import(struct hqctl *h, int argc, char **argv);
int hqctl_wanted_list(struct hqctl *h, int argc, char **argv);
int hqctl_wanted_show(struct hqctl *h, int argc, char **argv);
int hqctl_wanted_sign(struct hqctl *h, int argc, char **argv);
int hqctl_wanted_publish(struct hqctl *h, int argc, char **argv);
int hqctl_wanted_rebase(struct hqctl *h, int argc, char **argv);
int hqctl_wanted_withdraw(struct hqctl *h, int argc, char **argv);
int hqctl_wanted_extend(struct hqctl *h, int argc, char **argv);
int hqctl_wanted_snapshot(struct hqctl *h, int argc, char **argv);
int hqctl_wanted_status(struct hqctl *h, int argc, char **argv);
int hqctl_wanted_history(struct hqctl *h, int argc, char **argv);
