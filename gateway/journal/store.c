/* See store.h. */
#include "gateway/journal/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/journal/wipe.h"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS record ("
    " sequence INTEGER PRIMARY KEY, kind INTEGER NOT NULL, wall INTEGER NOT NULL,"
    " header BLOB NOT NULL, salt BLOB, body BLOB, hash BLOB NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS record_kind ON record (kind, wall);"
    "CREATE INDEX IF NOT EXISTS record_body ON record (kind, wall) WHERE body IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS confirmed (sequence INTEGER PRIMARY KEY, wall INTEGER NOT NULL)"
    " STRICT;"
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;";

int store_path(const char *folder, const char *name, char out[STORE_PATH_SIZE],
               struct err_text *err)
{
    int size = snprintf(out, STORE_PATH_SIZE, "%s/%s", folder, name);
    if (size < 0 || size >= STORE_PATH_SIZE)
        return err_set(err, ERR_INVALID, "%.100s…: path longer than %d bytes", folder,
                       STORE_PATH_SIZE);
    return 0;
}

int store_error(sqlite3 *db, const char *what, struct err_text *err)
{
    int code = sqlite3_errcode(db) & 0xFF;
    int result = code == SQLITE_FULL                               ? ERR_FULL
                 : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ERR_CORRUPT
                 : code == SQLITE_BUSY || code == SQLITE_LOCKED    ? ERR_BUSY
                 : code == SQLITE_NOMEM                            ? ERR_NO_MEMORY
                                                                   : ERR_IO;
    return err_set(err, result, "%s: %s", what, sqlite3_errmsg(db));
}

int store_exec(sqlite3 *db, const char *sql, struct err_text *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_error(db, sql, err);
}

int store_open(const char *path, bool read_only, sqlite3 **out, struct err_text *err)
{
    sqlite3 *db = NULL;
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const char *vfs = NULL;
    int result = wipe_vfs(&vfs, err);
    if (result == 0 && sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, vfs) != SQLITE_OK)
        result = db ? store_error(db, "open", err) : ERR_NO_MEMORY;
    if (result == 0) {
        sqlite3_extended_result_codes(db, 1);
        sqlite3_busy_timeout(db, STORE_BUSY_MS);
    }
    if (result == 0 && !read_only)
        result = store_exec(db,
                            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                            "PRAGMA secure_delete=ON; PRAGMA wal_autocheckpoint=1000;"
                            "PRAGMA temp_store=MEMORY;",
                            err);
    if (result == 0 && !read_only)
        result = store_exec(db, schema, err);
    if (result != 0) {
        sqlite3_close(db);
        return err_prefix(err, result, "%s", path);
    }
    *out = db;
    return 0;
}

int store_meta_get(sqlite3 *db, const char *key, char **out, struct err_text *err)
{
    sqlite3_stmt *query = NULL;
    int result = 0;
    char *value = NULL;
    if (sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE key = ?", -1, &query, NULL) !=
        SQLITE_OK)
        return store_error(db, "meta", err);
    sqlite3_bind_text(query, 1, key, -1, SQLITE_STATIC);
    int step = sqlite3_step(query);
    if (step == SQLITE_ROW) {
        value = strdup((const char *)sqlite3_column_text(query, 0));
        result = value ? 0 : err_set(err, ERR_NO_MEMORY, "no memory");
    } else if (step != SQLITE_DONE) {
        result = store_error(db, "meta", err);
    }
    sqlite3_finalize(query);
    if (result == 0)
        *out = value;
    return result;
}

int store_meta_set(sqlite3 *db, const char *key, const char *value, size_t size,
                   struct err_text *err)
{
    sqlite3_stmt *insert = NULL;
    if (sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", -1,
                           &insert, NULL) != SQLITE_OK)
        return store_error(db, "meta", err);
    sqlite3_bind_text(insert, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_text64(insert, 2, value, size, SQLITE_STATIC, SQLITE_UTF8);
    int result = sqlite3_step(insert) == SQLITE_DONE ? 0 : store_error(db, "meta", err);
    sqlite3_finalize(insert);
    return result;
}

int store_row_record(sqlite3_stmt *row, struct journal_record *out, const uint8_t **stored_hash,
                     struct err_text *err)
{
    unsigned long long sequence = (unsigned long long)sqlite3_column_int64(row, 0);
    struct journal_record record = {0};
    const void *header = sqlite3_column_blob(row, 1);
    const void *salt = sqlite3_column_blob(row, 2);
    record.body = sqlite3_column_blob(row, 3);
    record.body_size = (size_t)sqlite3_column_bytes(row, 3);
    record.has_body = sqlite3_column_type(row, 3) != SQLITE_NULL;
    bool has_salt = sqlite3_column_type(row, 2) != SQLITE_NULL;
    if (!header || sqlite3_column_bytes(row, 1) != JOURNAL_HEADER_SIZE ||
        has_salt != record.has_body ||
        (has_salt && sqlite3_column_bytes(row, 2) != JOURNAL_SALT_SIZE) ||
        sqlite3_column_bytes(row, 4) != JOURNAL_HASH_SIZE)
        return err_set(err, ERR_CORRUPT, "record %llu: a field is missing or of another size",
                       sequence);
    memcpy(record.bytes, header, sizeof record.bytes);
    if (has_salt)
        memcpy(record.salt, salt, sizeof record.salt);
    if (journal_header_read(record.bytes, &record.header, err) != 0)
        return err_prefix(err, ERR_CORRUPT, "record %llu", sequence);
    if (record.header.sequence != sequence)
        return err_set(err, ERR_CORRUPT, "record %llu says it is record %llu", sequence,
                       (unsigned long long)record.header.sequence);
    *out = record;
    if (stored_hash)
        *stored_hash = sqlite3_column_blob(row, 4);
    return 0;
}
