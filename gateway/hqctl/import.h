/*
 * A file of vehicles -> entries of the wanted list or of the exempt list, all or nothing. A CSV's
 * first line names the columns: the fields of gateway/signed/wanted_entry.h or exempt_list.h
 * without `id`, in any order. Every bad row is reported with file, line, column, name and value
 * (the first IMPORT_FAULTS_MAX of them), and with any bad row nothing is imported. README.md
 * describes the columns. Pure, any thread.
 */
#pragma once

#include <jansson.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"
#include "gateway/hqctl/import_text.h"

enum {
    IMPORT_ENTRIES_MAX = 100000,
    IMPORT_FAULTS_MAX = 100, /* reported; all are counted */
    IMPORT_VALUE_SIZE = 100,
    IMPORT_REASON_SIZE = 320
};

struct import_fault {
    uint32_t line;
    uint32_t column;
    const char *field; /* column name, "" for the row or file; static */
    char value[IMPORT_VALUE_SIZE];
    char reason[IMPORT_REASON_SIZE];
};

struct import_result {
    json_t *entries; /* array, ids rising from first_id */
    size_t row_count;
    enum import_encoding encoding; /* what it was read as, by import_wanted */
    size_t fault_count;
    struct import_fault faults[IMPORT_FAULTS_MAX];
};

/* To the wanted list. ERR_INVALID with fault_count > 0: `out->faults` says why. ERR_NO_MEMORY.
 * import_fini frees. */
int import_csv(const char *name, const void *data, size_t size, uint64_t first_id,
               struct wall_time now, struct import_result *out, struct err_text *err) MUST_CHECK;
/* The same of a file in either encoding, CSV or a JSON list of objects with the same fields (what
 * begins with [ is JSON). */
int import_wanted(const char *name, const void *data, size_t size, enum import_encoding encoding,
                  uint64_t first_id, struct wall_time now, struct import_result *out,
                  struct err_text *err) MUST_CHECK;
/* To the exempt list, likewise; its ids are for exempt_draft_put to give. */
int import_exempt_csv(const char *name, const void *data, size_t size, struct wall_time now,
                      struct import_result *out, struct err_text *err) MUST_CHECK;
void import_fini(struct import_result *result);
/* "list.csv:7:3: plate = 'X': is no plate". */
void import_fault_format(const char *name, const struct import_fault *fault, struct err_text *out);
/* A time as a cell may give it: RFC 3339 in UTC (…Z) or with an offset (…+08:00). ERR_INVALID. */
int import_time_parse(const char *text, struct wall_time *out) MUST_CHECK;
