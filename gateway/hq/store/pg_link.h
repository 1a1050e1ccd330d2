/*
 * A connection to PostgreSQL that is taken up again when it was lost: to the server that accepts
 * writes, of those its URL names. Every wait has a deadline and tells the caller's thread that it
 * lives. Used by db_postgres.c alone, by the thread that owns the database.
 */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>

#include "gateway/base/clock.h"
#include "gateway/base/err.h"

enum {
    PG_VERSION_FIRST = 150000,  /* older ones were never tried */
    PG_CONNECT_S = 2,           /* a server of the URL; a thread may be silent for 5 s */
    PG_CONNECT_AGAIN_MS = 1000, /* after a failed attempt */
    PG_ANSWER_S = 30,           /* a statement */
    PG_LOCK_S = 10              /* of it, for a lock another hqd holds */
};

struct pg_link {
    PGconn *conn; /* NULL: not connected */
    char *url;
    struct mono_time failed_at; /* ns 0: the last attempt succeeded */
    bool warned;                /* the server warned since this was cleared */
    char warning[200];
    void (*alive)(void *ctx); /* called at least once a second while it waits; NULL: nobody */
    void *alive_ctx;
};

/* Connects, and refuses a server that could lose what it confirmed or cannot hold our text:
 * ERR_BUSY (cannot be reached now; too soon after the last attempt), ERR_UNSUPPORTED (version,
 * encoding, settings; `err` says what to do). Nothing when it is connected already. */
int pg_link_open(struct pg_link *link, struct err_text *err) MUST_CHECK;
void pg_link_close(struct pg_link *link); /* fine when it is closed */

/* The next result of what was sent; NULL: there is no more. ERR_BUSY: the connection was lost, or
 * the deadline passed; it is closed then, and whether the statement ran is unknown. */
int pg_link_result(struct pg_link *link, PGresult **out, struct err_text *err) MUST_CHECK;
/* Sends what libpq holds back because the server does not take it. Errors of pg_link_result. */
int pg_link_flush(struct pg_link *link, struct err_text *err) MUST_CHECK;
/* Reads all results of what was sent, which have no rows to look at; the first error counts. */
int pg_link_finish(struct pg_link *link, struct err_text *err) MUST_CHECK;
/* Runs statements without parameters and rows. */
int pg_link_run(struct pg_link *link, const char *sql, struct err_text *err) MUST_CHECK;
/* The error of a result (NULL: of the connection) as a code of ours; never 0. Closes the connection
 * when it cannot be used further, to a server that only reads too. */
int pg_link_fail(struct pg_link *link, const PGresult *result, struct err_text *err) MUST_CHECK;
