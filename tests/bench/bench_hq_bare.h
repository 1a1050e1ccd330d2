/*
 * What hqd's ingest is measured against: the same lines put into an empty table of the same engine
 * by its own quickest way (a prepared INSERT, COPY in binary), as durable, a commit a batch. No
 * check, no network but the engine's own. Each call ends the benchmark on a fault.
 */
#pragma once

#include <stddef.h>

struct bare_store {
    struct sqlite3 *sqlite;
    struct sqlite3_stmt *insert;
    struct pg_conn *postgres;
    long long sequence;
};

/* `database`: a file's path, which is made, or a PostgreSQL URL. */
void bare_store_open(const char *database, struct bare_store *out);
/* A batch of lines, each with its '\n', in one commit. */
void bare_store_put(struct bare_store *store, const char *lines, size_t size);
void bare_store_close(struct bare_store *store);
