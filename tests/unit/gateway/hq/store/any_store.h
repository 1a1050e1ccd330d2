/*
 * The database of a unit test: SQLite in memory, or with CHECKPOINT_HQ_DATABASE a PostgreSQL server
 * (tests/system/test_postgres.py starts one and runs these tests over it), each test in a schema of
 * its own that is empty when it begins.
 */
#pragma once

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/hq/store/db.h"

static int open_store(struct hq_db *out)
{
    const char *server = getenv("CHECKPOINT_HQ_DATABASE");
    char where[512];
    struct err_text err = {""};
    if (!server)
        return hq_db_open_sqlite(":memory:", out, NULL);
    PGconn *conn = PQconnectdb(server);
    PGresult *made =
        PQexec(conn, "SET client_min_messages = error; DROP SCHEMA IF EXISTS unit CASCADE;"
                     " CREATE SCHEMA unit");
    int rc = PQresultStatus(made) == PGRES_COMMAND_OK ? 0 : ERR_IO;
    PQclear(made);
    PQfinish(conn);
    (void)snprintf(where, sizeof(where), "%s&options=-csearch_path%%3Dunit", server); /* a test's */
    if (rc == 0)
        rc = hq_db_open(where, out, &err);
    if (rc != 0)
        fprintf(stderr, "%s: %s\n", server, err.text);
    return rc;
}

static int run_each(struct hq_db *db, const char *const *statements)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && statements[i]; i++)
        rc = hq_db_exec(db, statements[i], NULL, 0, NULL);
    return rc;
}

/* No statement can write any more: as with a full disk. */
__attribute__((unused)) static int fill_store(struct hq_db *db)
{
    static const char *const sqlite[] = {"PRAGMA query_only=ON", NULL};
    static const char *const postgres[] = {
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
        " RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END$$",
        "CREATE TRIGGER full_disk BEFORE UPDATE ON operators EXECUTE FUNCTION full_disk()",
        "CREATE TRIGGER full_disk BEFORE UPDATE ON checkpoints EXECUTE FUNCTION full_disk()", NULL};
    return run_each(db, getenv("CHECKPOINT_HQ_DATABASE") ? postgres : sqlite);
}

__attribute__((unused)) static int drain_store(struct hq_db *db)
{
    static const char *const sqlite[] = {"PRAGMA query_only=OFF", NULL};
    static const char *const postgres[] = {"DROP FUNCTION full_disk CASCADE", NULL};
    return run_each(db, getenv("CHECKPOINT_HQ_DATABASE") ? postgres : sqlite);
}
