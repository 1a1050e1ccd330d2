/*
 * The paired tablets: name, fingerprint of the certificate, the lanes each is bound to. One JSON
 * file, mode 0600, written whole and atomically. The password thread owns the store and writes it;
 * the control thread works with a copy, replaced whole. Internal to gateway/control.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum {
    TABLETS_MAX = 64,      /* the longest revoked gives way to a new one */
    TABLET_NAME_SIZE = 32, /* a-z 0-9 . _ - and a NUL */
    TABLET_LANES_MAX = 16,
    TABLET_FINGERPRINT_SIZE = 65, /* SHA-256 of the certificate (DER), lower-case hex, and a NUL */
    TABLET_BY_SIZE = 64
};

struct tablet {
    char name[TABLET_NAME_SIZE]; /* "" = free */
    char fingerprint[TABLET_FINGERPRINT_SIZE];
    uint8_t lanes[TABLET_LANES_MAX]; /* 0 behind the last */
    struct wall_time paired_at;
    char paired_by[TABLET_BY_SIZE]; /* an officer's number, or "uid:0" */
    bool revoked;
    struct wall_time revoked_at;
    char revoked_by[TABLET_BY_SIZE];
};

struct tablets {
    int count;
    struct tablet rows[TABLETS_MAX];
};

bool tablets_is_name(const char *name);
/* NULL when there is none of that name; a revoked one is found too. */
const struct tablet *tablets_find(const struct tablets *tablets, const char *name);

/* Reads name, fingerprint and lanes out of an act's arguments. ERR_INVALID names the member. */
int tablets_parse(const json_t *args, struct tablet *out, struct err_text *err) MUST_CHECK;
/* {"name","fingerprint","lanes","paired_at","paired_by","revoked"…}; a new reference. */
json_t *tablets_row_json(const struct tablet *tablet);

/* A missing file means none. ERR_CORRUPT, ERR_DENIED (others may read it) name the file. */
int tablets_load(const char *path, struct tablets *out, struct err_text *err) MUST_CHECK;
/* Changes `tablets` only when the file was written. ERR_CONFLICT (a tablet that is not revoked has
 * the name, or one the fingerprint), ERR_FULL, ERR_IO. */
int tablets_add(struct tablets *tablets, const char *path, const struct tablet *tablet,
                struct err_text *err) MUST_CHECK;
/* ERR_NOT_FOUND (none of that name in use), ERR_IO. */
int tablets_revoke(struct tablets *tablets, const char *path, const char *name,
                   struct wall_time when, const char *by, struct err_text *err) MUST_CHECK;
