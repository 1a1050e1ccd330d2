/*
 * What the files of checkpointctl share: the command line, one table of commands, asking
 * checkpointd, answers in the reader's language. One thread; the program holds nothing but the
 * signed-on officer's token, in a file of that user's session.
 */
#pragma once

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/app/service.h"
#include "gateway/base/err.h"
#include "gateway/base/text_table.h"
#include "gateway/control/client.h"

/* Beside those of service.h; sysexits(3) where it has one. */
enum ctl_exit {
    EXIT_REFUSED = 3,      /* the checkpoint refused the act; its reason was printed */
    EXIT_UNAVAILABLE = 69, /* checkpointd does not answer */
    EXIT_DENIED = 77,      /* not signed on, wrong password, or not allowed */
    EXIT_INTERRUPTED = 130 /* while a password was asked for */
};

/* Options, one bit each; every command takes those of CTL_COMMON. */
enum ctl_option_bit {
    CTL_JSON = 1u << 0,
    CTL_LANG = 1u << 1,
    CTL_RUNTIME_DIR = 1u << 2,
    CTL_HELP = 1u << 3,
    CTL_COMMON = CTL_JSON | CTL_LANG | CTL_RUNTIME_DIR | CTL_HELP,
    CTL_REASON = 1u << 4,
    CTL_PASSWORD_FD = 1u << 5,
    CTL_SECOND = 1u << 6,
    CTL_SECOND_FD = 1u << 7,
    CTL_ROLE = 1u << 8,
    CTL_LIMIT = 1u << 9,
    CTL_EMERGENCY = 1u << 10,
    CTL_JOURNAL = 1u << 11,
    CTL_RECEIPT = 1u << 12,
    CTL_SEAL = 1u << 13,
    CTL_KEYSET = 1u << 14,
    CTL_ROOTS = 1u << 15,
    CTL_CONFIG = 1u << 16,
    CTL_VERSION = 1u << 17,
    CTL_PLATE = 1u << 18,
    CTL_MINUTES = 1u << 19,
    CTL_FROM = 1u << 20,
    CTL_TO = 1u << 21,
    CTL_WAIT = 1u << 22,
    CTL_INTERACTIVE = 1u << 23,
    CTL_CONFIG_DIR = 1u << 24,
    CTL_NAME = 1u << 25
};

enum { CTL_LANES_MAX = 32 }; /* named by one command */

enum ctl_token {
    CTL_TOKEN_NONE,   /* asks nothing of an officer */
    CTL_TOKEN_IF_ANY, /* administrators may do it too */
    CTL_TOKEN_NEEDED
};

struct ctl;

struct ctl_command {
    const char *name;     /* "officer add" */
    const char *operands; /* "NAME", "" */
    int operand_min;
    int operand_max;
    unsigned options; /* beside CTL_COMMON */
    enum ctl_token token;
    int (*run)(struct ctl *ctl); /* returns the exit status */
    const char *summary_en;
    const char *summary_zh;
    const char *help_en; /* paragraphs, each a line */
    const char *help_zh;
};

struct ctl {
    const struct ctl_command *command;
    bool json;
    bool zh;
    bool emergency;
    bool help;
    bool version;
    const char *lang;
    const char *runtime_dir;
    const char *reason;
    char *asked_reason; /* heap: `reason` when it was asked for */
    const char *second;
    const char *role;
    const char *name;
    const char *journal;
    const char *receipt;
    const char *seal;
    const char *keyset;
    const char *roots;
    const char *config;
    const char *plate;
    int64_t password_fd; /* -1: ask at the terminal */
    int64_t second_fd;
    int64_t limit;
    int64_t from; /* units of a bus; 0: the first */
    int64_t to;   /* 0: the last */
    int64_t wait_s;
    bool interactive;
    const char *config_dir;
    int64_t minutes;
    char **operands;
    int operand_count;
    char *token; /* heap, wiped; NULL: not signed on */
    struct control_client *client;
};

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_command_count;

/* ---- language and output (text.c) ---- */

/* The text in the reader's language; both are formats when one is. */
const char *ctl_say(const struct ctl *ctl, const char *en, const char *zh)
    __attribute__((format_arg(2), format_arg(3)));
/* The text of a name of the protocol ("stolen", "closed", "exact") in the reader's language; the
 * name itself when it has none. */
const char *ctl_word(const struct ctl *ctl, const char *name);
/* Prints an error in both languages, with --json as an object; returns `status`. */
int ctl_fail(const struct ctl *ctl, int status, const char *code, const char *en, const char *zh);
/* The same of an error of this machine: `text` is in English. */
int ctl_fail_err(const struct ctl *ctl, int status, int code, const struct err_text *err);
/* One object a line on standard output. */
void ctl_print_json(const json_t *value);
/* An RFC 3339 text as local time, "MM-DD HH:MM:SS"; "-" for none. */
const char *ctl_time(const char *rfc3339, char out[32]);
/* "3 h 12 min" / "3 小时 12 分". */
const char *ctl_duration(const struct ctl *ctl, int64_t seconds, char out[48]);
void ctl_print_help(const struct ctl *ctl, const struct ctl_command *command);
void ctl_print_overview(const struct ctl *ctl);

/* ---- the picture store (pictures.c) ---- */

/* What checkpoint-camerad last said of itself; a new reference, NULL: this box has none. */
json_t *ctl_pictures(const struct ctl *ctl);
/* In the reader's language; whether all is well. */
bool ctl_pictures_text(const struct ctl *ctl, const json_t *state, char *out, size_t size);

/* ---- asking checkpointd (main.c) ---- */

/* Sends `args` (stolen, NULL = {}) and waits. 0 and the whole answer, a new reference, also when
 * the act was refused; otherwise an exit status, the reason printed. */
int ctl_call(struct ctl *ctl, const char *act, json_t *args, json_t **out_answer) MUST_CHECK;
/* The result of an answer (stolen), a new reference, or the refusal printed and its exit status. */
int ctl_result(const struct ctl *ctl, json_t *answer, json_t **out_result) MUST_CHECK;
/* Both. */
int ctl_ask(struct ctl *ctl, const char *act, json_t *args, json_t **out_result) MUST_CHECK;

/* ---- passwords (prompt.c) ---- */

/* A password from `fd` (a line, without its end), or asked at the terminal without echo when fd is
 * -1; *out is heap memory for ctl_password_free(). Prints its own error; returns an exit status. */
int ctl_password_read(const struct ctl *ctl, int64_t fd, const char *prompt, char **out) MUST_CHECK;
/* A new password, at the terminal asked twice. */
int ctl_password_new(const struct ctl *ctl, int64_t fd, char **out) MUST_CHECK;
void ctl_password_free(char *password); /* NULL is fine */
/* A line asked at the terminal, with echo. */
int ctl_line_read(const struct ctl *ctl, const char *prompt, char **out) MUST_CHECK;
bool ctl_has_terminal(void);
/* For a command that must end in order: SIGINT, SIGTERM and SIGHUP wait until somebody asks. */
void ctl_signals_block(sigset_t *out_before);
/* Waits; EXIT_INTERRUPTED when one of them came. */
int ctl_pause(int ms) MUST_CHECK;

/* ---- the token's file (token.c) ---- */

/* Puts the token of this session into ctl->token; none there is no error unless `needed`. Prints
 * its own error; returns an exit status. */
int ctl_token_load(struct ctl *ctl, bool needed) MUST_CHECK;
/* Whether there is a place for it; the error names what to set. */
int ctl_token_place(const struct ctl *ctl) MUST_CHECK;
int ctl_token_save(const struct ctl *ctl, const json_t *login) MUST_CHECK;
/* Overwrites and removes the file. */
int ctl_token_wipe(const struct ctl *ctl) MUST_CHECK;
/* Officer and seconds left of the token on file; NULL when there is none. New reference. */
json_t *ctl_token_about(const struct ctl *ctl);

/* ---- commands ---- */

int ctl_login(struct ctl *ctl); /* officers.c */
int ctl_logout(struct ctl *ctl);
int ctl_officer_add(struct ctl *ctl);
int ctl_officer_disable(struct ctl *ctl);
int ctl_officer_passwd(struct ctl *ctl);
int ctl_tablet_list(struct ctl *ctl);
int ctl_tablet_revoke(struct ctl *ctl);

int ctl_console_init(struct ctl *ctl); /* console.c */
int ctl_tablet_pair(struct ctl *ctl);

int ctl_ack(struct ctl *ctl); /* acts.c */
/* What needs a reason asks for it where there is somebody to answer; elsewhere checkpointd refuses.
 * Returns an exit status. */
int ctl_reason_ask(struct ctl *ctl);
/* The first operand as a number; `what` is of what. Returns an exit status. */
int ctl_number_operand(const struct ctl *ctl, const char *what_en, const char *what_zh,
                       int64_t *out);
int ctl_hold(struct ctl *ctl);
int ctl_release(struct ctl *ctl);
int ctl_raise(struct ctl *ctl);
int ctl_stop(struct ctl *ctl);
int ctl_inspected(struct ctl *ctl);
int ctl_convoy(struct ctl *ctl);
int ctl_convoy_end(struct ctl *ctl);
int ctl_service_out(struct ctl *ctl);
int ctl_service_in(struct ctl *ctl);
int ctl_check(struct ctl *ctl);
int ctl_journal_set_aside(struct ctl *ctl);
int ctl_reload(struct ctl *ctl);

int ctl_status(struct ctl *ctl); /* status.c */
int ctl_metrics(struct ctl *ctl);

int ctl_lanes(struct ctl *ctl); /* lanes.c */
/* The table of lanes, for status too. Returns an exit status. */
int ctl_print_lanes(const struct ctl *ctl, const json_t *lanes);
int ctl_messages(struct ctl *ctl); /* messages.c */
/* An event "instruction" in one line. */
void ctl_describe_instruction(const struct ctl *ctl, const json_t *event, char *out, size_t size);
int ctl_hits(struct ctl *ctl); /* hits.c */
int ctl_hit_confirm(struct ctl *ctl);
int ctl_hit_misread(struct ctl *ctl);
/* One line of a hit event, beside its time and lane. */
void ctl_describe_hit(const struct ctl *ctl, const json_t *event, char *out, size_t size);
/* Why a hit is one, in the reader's language; "" when checkpointd did not say. */
const char *ctl_why(const struct ctl *ctl, const json_t *hit);
int ctl_watch(struct ctl *ctl);

int ctl_audit_verify(struct ctl *ctl); /* audit.c */
int ctl_audit_seal(struct ctl *ctl);

int ctl_replay(struct ctl *ctl); /* replay.c */

int ctl_doctor(struct ctl *ctl);   /* doctor.c */
int ctl_bus_scan(struct ctl *ctl); /* bus.c */
int ctl_bus_read(struct ctl *ctl);
int ctl_bus_write(struct ctl *ctl);
int ctl_barrier_test(struct ctl *ctl); /* barrier.c */
int ctl_camera_test(struct ctl *ctl);  /* camera.c */
