/*
 * Officers' accounts: number, name, role, hash (yescrypt) of password or PIN, enabled or not. One
 * JSON file, mode 0600, written whole and atomically. Owned by one thread; checking or setting a
 * password takes tens of milliseconds on purpose, so that thread is not one anybody waits for.
 *
 * A PIN of six digits is enough for a sign-on because guesses are few, not because it is long: they
 * lock (guesses.h) and are on record. Whoever can read this file can try all PINs at home: it is
 * checkpointd's alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/err.h"

enum {
    OFFICER_NAME_MAX = 31,   /* a-z 0-9 . _ - , first a letter or digit: 037112 */
    OFFICER_TITLE_SIZE = 32, /* the name people say, UTF-8: 张伟 */
    PIN_MIN_DIGITS = 6,      /* digits alone are a PIN */
    PIN_MAX_DIGITS = 12,
    PASSWORD_MIN_BYTES = 8,
    PASSWORD_MAX_BYTES = 128,
    OFFICERS_MAX = 256
};

enum officer_role {
    OFFICER_ROLE_OFFICER = 1, /* 民警 */
    OFFICER_ROLE_LEADER,      /* 带班领导: on duty, answers for the shift */
    OFFICER_ROLE_AUXILIARY,   /* 辅警: signs for alerts, raises in an emergency */
    OFFICER_ROLE_TECHNICIAN,  /* devices, never a plate */
    OFFICER_ROLE_AUDITOR,     /* reads all, acts never */
    OFFICER_ROLE_END
};

struct officer {
    char name[OFFICER_NAME_MAX + 1];
    char title[OFFICER_TITLE_SIZE]; /* "" = none given */
    enum officer_role role;
    bool disabled;
    char hash[128]; /* crypt(5) */
};

struct accounts;

/* "officer", "leader", "auxiliary", "technician", "auditor"; NULL when it is none. And back:
 * ERR_INVALID. */
const char *officer_role_name(enum officer_role role);
int officer_role_parse(const char *name, enum officer_role *out) MUST_CHECK;

/* A missing file means no accounts yet. *out is heap memory for accounts_close(). ERR_CORRUPT or
 * ERR_DENIED (readable by others) name the file: nobody can sign on until it is put right. */
int accounts_open(const char *path, struct accounts **out, struct err_text *err) MUST_CHECK;
void accounts_close(struct accounts *accounts); /* NULL is fine */

/* A leader who is not disabled: without one the bootstrap may make the first. */
bool accounts_has_leader(const struct accounts *accounts);
const struct officer *accounts_find(const struct accounts *accounts, const char *name);
/* In the order they were made; NULL behind the last. */
const struct officer *accounts_at(const struct accounts *accounts, int index);

/* `title` may be "". ERR_CONFLICT (name taken), ERR_INVALID (name, title or password), ERR_FULL,
 * ERR_IO. */
int accounts_add(struct accounts *accounts, const char *name, const char *title,
                 enum officer_role role, const char *password, struct err_text *err) MUST_CHECK;
/* ERR_NOT_FOUND; ERR_DENIED for the last leader. */
int accounts_disable(struct accounts *accounts, const char *name, struct err_text *err) MUST_CHECK;
int accounts_set_password(struct accounts *accounts, const char *name, const char *password,
                          struct err_text *err) MUST_CHECK;
/* 0 and the role when the password is right and the account enabled; otherwise ERR_DENIED, after
 * the same work for a name that does not exist. */
int accounts_check(const struct accounts *accounts, const char *name, const char *password,
                   enum officer_role *out_role) MUST_CHECK;
