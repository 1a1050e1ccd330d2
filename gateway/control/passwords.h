/*
 * The password thread: sign-on, second officers and accounts, one job after the other. A wrong
 * password makes the next try for that name wait, so that guessing takes years and a typo does not.
 * Internal to gateway/control.
 */
#pragma once

#include "gateway/control/control.h"

enum password_job_kind { JOB_LOGIN, JOB_SECOND, JOB_ADD, JOB_DISABLE, JOB_SET_PASSWORD };

struct password_job {
    enum password_job_kind kind;
    struct control_ticket ticket;
    struct control_actor actor; /* who asks */
    char name[OFFICER_NAME_MAX + 1];
    enum officer_role role; /* JOB_ADD; set by a sign-on that fits */
    char password[PASSWORD_MAX_BYTES + 1];
    /* JOB_SECOND: the act that waits for it. */
    const struct control_act *act;
    json_t *args; /* owned */
    /* What came of it. */
    int result;
    struct err_text err;
};

struct passwords;

struct passwords_options {
    const char *accounts_path;
    void *ctx;
    int (*record)(void *ctx, const struct control_actor *actor, const char *act,
                  const json_t *details);
    /* In the password thread: takes the job over. */
    void (*done)(void *done_ctx, struct password_job *job);
    void *done_ctx;
};

int passwords_create(const struct passwords_options *options, struct passwords **out,
                     struct err_text *err) MUST_CHECK;
void passwords_destroy(struct passwords *passwords); /* NULL is fine */
void passwords_run(struct thread *self, void *passwords);
/* Any thread. Takes `job` (heap) over on success. ERR_FULL. */
int passwords_submit(struct passwords *passwords, struct password_job *job) MUST_CHECK;
void password_job_free(struct password_job *job); /* wipes the password; NULL is fine */
