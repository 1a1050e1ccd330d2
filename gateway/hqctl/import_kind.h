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

int import_run(const struct import_kind *kind, const char *name, const void *data, size_t size,
               uint64_t first_id, struct wall_time now, struct import_result *out,
               struct err_text *err) MUST_CHECK;
/* RFC 3339 in UTC, of a time with or without offset; anything else as it stands. */
json_t *import_time_value(const char *text);
/* "armed; violent" -> ["armed","violent"] */
json_t *import_names_value(const char *text);
