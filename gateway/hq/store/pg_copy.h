/*
 * Rows into a table by PostgreSQL's COPY in binary: a third of what a statement a row costs the
 * server, and it takes them while we make the next. Used by db_postgres.c alone, inside a
 * transaction.
 */
#pragma once

#include "gateway/hq/store/db.h"
#include "gateway/hq/store/pg_link.h"

struct pg_copy {
    const char *sql; /* of the COPY under way, NULL: none */
    size_t used;
    char rows[64 * 1024];
};

/* One more row; nothing else may be sent before pg_copy_end, but to another COPY. Its fault may be
 * told by a later call. Errors of pg_link_result. */
int pg_copy_row(struct pg_copy *copy, struct pg_link *link, const char *sql,
                const struct hq_value *values, size_t count, struct err_text *err) MUST_CHECK;
/* The rows are in the table, or why not. Nothing when none is under way. */
int pg_copy_end(struct pg_copy *copy, struct pg_link *link, struct err_text *err) MUST_CHECK;
