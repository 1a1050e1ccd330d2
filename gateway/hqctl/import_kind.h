/*
 * What differs between the lists a CSV can be imported to. Internal to gateway/hqctl.
 */
#pragma once

#include "gateway/hqctl/import.h"
#include "gateway/model/plate_class.h"
#include "gateway/model/plate_key.h"

enum { IMPORT_CASE_SIZE = 257 };

/* What an entry of the file is known by, to find one listed twice. */
struct import_mark {
    plate_key key;
    plate_class class;
    uint32_t line;
    char case_number[IMPORT_CASE_SIZE]; /* "" where the list has none */
};

struct import_kind {
    const char *const *fields;   /* NULL ends; `id` is no column */
    const char *const *optional; /* columns that may be missing; NULL ends */
    const char *unknown;         /* of a column that is none of them */
    const char *same;            /* what two rows may not have in common */
    size_t entries_max;
    /* The JSON value of a cell; what is wrong with it `check` says. NULL without memory. */
    json_t *(*cell_value)(const char *field, const char *text);
    /* The row as an entry of the list, new reference, and its mark but for the line. ERR_INVALID:
     * `err` is "field: reason". */
    int (*check)(const json_t *row, struct wall_time now, json_t **out_entry,
                 struct import_mark *out_mark, struct err_text *err);
};

/* One import while it runs, whatever the file's form. */
struct import {
    const struct import_kind *kind;
    const char *name;
    uint64_t first_id;
    struct wall_time now;
    struct import_mark *marks;
    size_t mark_count;
    struct import_result *result;
};

/* Makes room for marks and entries. ERR_NO_MEMORY; import_state_end in either case. */
int import_state_begin(struct import *in, struct import_result *out) MUST_CHECK;
/* Frees; of an import that failed the entries as well. Returns `rc`. */
int import_state_end(struct import *in, int rc);
/* Looks for entries given twice, then ERR_INVALID when there was any fault. */
int import_state_judge(struct import *in) MUST_CHECK;
/* A new fault to be filled; beyond the bound it is only counted. */
struct import_fault *import_fault_add(struct import *in, uint32_t line, uint32_t column);
/* Its value, cut at a character. */
void import_fault_value(struct import_fault *fault, const char *text, size_t size);
/* Its reason; the value in quotes at its beginning is dropped. */
void import_fault_reason(struct import_fault *fault, const char *reason);
/* Checks a row and keeps it as an entry. ERR_INVALID: `why` is "field: reason". */
int import_row_take(struct import *in, json_t *row, uint32_t line, struct err_text *why) MUST_CHECK;

int import_run(const struct import_kind *kind, const char *name, const void *data, size_t size,
               uint64_t first_id, struct wall_time now, struct import_result *out,
               struct err_text *err) MUST_CHECK;
/* The same of a JSON list of objects with the same fields. */
int import_run_json(const struct import_kind *kind, const char *name, const char *text, size_t size,
                    uint64_t first_id, struct wall_time now, struct import_result *out,
                    struct err_text *err) MUST_CHECK;
/* RFC 3339 in UTC, of a time with or without offset; anything else as it stands. */
json_t *import_time_value(const char *text);
/* "armed; violent" -> ["armed","violent"] */
json_t *import_names_value(const char *text);
