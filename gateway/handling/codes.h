/*
 * Code tables: the reasons and outcomes a county may change, as data (rules/default/codes.yaml).
 * Read whole, checked whole; constant then.
 */
#pragma once

#include <jansson.h>

#include "gateway/base/err.h"
#include "gateway/handling/handling.h"

enum code_table_id {
    CODES_REJECT,
    CODES_RELEASE,
    CODES_RAISE,
    CODES_HOLD,
    CODES_SEARCH,
    CODES_HISTORY,
    CODES_SERVICE,
    CODES_OUTCOME,         /* the vehicle was intercepted */
    CODES_NOT_INTERCEPTED, /* it was not */
    CODES_SUSPECT,
    CODES_HANDED_TO,
    CODES_COUNT
};

enum { CODE_TEXT_SIZE = 97, CODES_ROWS_MAX = 32 };

struct code {
    char code[HANDLING_CODE_SIZE]; /* a-z, 0-9, _ */
    char zh[CODE_TEXT_SIZE];
    char en[CODE_TEXT_SIZE];
    bool misread; /* reject: the vehicle carries another plate: matching learns from it */
};

struct code_table {
    struct code rows[CODES_ROWS_MAX];
    size_t count;
};

struct codes {
    struct code_table tables[CODES_COUNT];
};

/* ERR_… with `file:line: table[n].key = 'value': reason`; *out untouched on failure. */
int codes_load(const char *path, struct codes *out, struct err_text *err) MUST_CHECK;
/* NULL: the table has no such code. */
const struct code *codes_find(const struct codes *codes, enum code_table_id table,
                              const char *code);
/* "reject"; never NULL for a table there is. */
const char *codes_table_name(enum code_table_id table);
/* {"reject":[{"code","zh","en"}],…}. New reference, NULL without memory. */
json_t *codes_json(const struct codes *codes);

struct config_section;
extern const struct config_section codes_section; /* for a test of the table */
