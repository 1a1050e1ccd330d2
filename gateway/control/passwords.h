/*
 * The password thread: sign-on, fresh PINs, second officers, accounts and tablets, one job after
 * the other. Owns the accounts and the tablets' file; what a job changed goes back with it.
 * Internal to gateway/control.
 */
#pragma once

#include "gateway/control/control.h"
#include "gateway/control/guesses.h"

enum password_job_kind {
    JOB_LOGIN,
    JOB_ACT, /* an act that waits for a fresh PIN, a second officer, or both */
    JOB_ADD,
    JOB_DISABLE,
    JOB_SET_PASSWORD,
    JOB_TABLET_ADD,
    JOB_TABLET_REVOKE
};

struct password_job {
    enum password_job_kind kind;
    struct control_ticket ticket;
    struct control_actor actor;       /* who asks */
    uint64_t session;                 /* the token they showed; 0: none */
    char number[CONTROL_NUMBER_SIZE]; /* JOB_ACT: as the call's */
    /* Whose account; JOB_ACT: the second officer, "" = none. */
    char name[OFFICER_NAME_MAX + 1];
    char title[OFFICER_TITLE_SIZE]; /* JOB_ADD */
    enum officer_role role;         /* JOB_ADD; set by a sign-on that fits */
    char password[PASSWORD_MAX_BYTES + 1];
    bool with_pin; /* JOB_ACT */
    char pin[PASSWORD_MAX_BYTES + 1];
    const struct control_act *act;
    json_t *args;           /* owned, without pin and second */
    struct tablet tablet;   /* JOB_TABLET_… */
    struct tablets *paired; /* all of them behind such a job; owned */
    /* What came of it. */
    int result;
    const char *code; /* NULL: that of the result */
    struct err_text err;
    struct err_text zh; /* "": as the result says */
    struct guess_wait wait;
};

struct passwords;

struct passwords_options {
    const char *accounts_path;
    const char *tablets_path; /* NULL: none */
    const char *guesses_path; /* keeps the counts of wrong passwords; NULL: in memory only */
    void *ctx;
    int (*record)(void *ctx, const struct control_actor *actor, const char *act,
                  const json_t *details);
    /* In the password thread: takes the job over. */
    void (*done)(void *done_ctx, struct password_job *job);
    /* Of each officer, when the accounts were read and when one was made. */
    void (*named)(void *done_ctx, const struct officer *officer);
    void *done_ctx;
};

int passwords_create(const struct passwords_options *options, struct passwords **out,
                     struct err_text *err) MUST_CHECK;
void passwords_destroy(struct passwords *passwords); /* NULL is fine */
void passwords_run(struct thread *self, void *passwords);
/* In another thread: writes the counts of wrong passwords; ends after the first. */
void passwords_keep_run(struct thread *self, void *passwords);
/* Before the thread starts. */
const struct tablets *passwords_tablets(const struct passwords *passwords);
/* Before the thread starts: whether the account is there, enabled and of that role. */
bool passwords_know(const struct passwords *passwords, const char *name, enum officer_role role);
/* Any thread. Takes `job` (heap) over on success. ERR_FULL. */
int passwords_submit(struct passwords *passwords, struct password_job *job) MUST_CHECK;
void password_job_free(struct password_job *job); /* wipes the password; NULL is fine */
