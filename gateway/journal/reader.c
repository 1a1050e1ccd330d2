/* See reader.h. */
#include "gateway/journal/reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/journal/store.h"

struct journal_reader {
    sqlite3 *db;
};

int journal_reader_open(const char *folder, struct journal_reader **out, struct err_text *err)
{
    char path[STORE_PATH_SIZE];
    int result = store_path(folder, "journal.sqlite", path, err);
    if (result != 0)
        return result;
    struct journal_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return err_set(err, ERR_NO_MEMORY, "journal reader: no memory");
    result = store_open(path, true, &reader->db, err);
    if (result != 0) {
        free(reader);
        return result;
    }
    *out = reader;
    return 0;
}

void journal_reader_close(struct journal_reader *reader)
{
    if (!reader)
        return;
    sqlite3_close(reader->db);
    free(reader);
}

int journal_reader_last(struct journal_reader *reader, struct journal_header *out,
                        struct err_text *err)
{
    sqlite3_stmt *rows = NULL;
    struct journal_record record;
    if (sqlite3_prepare_v2(
            reader->db, "SELECT " STORE_ROW_COLUMNS " FROM record ORDER BY sequence DESC LIMIT 1",
            -1, &rows, NULL) != SQLITE_OK)
        return store_error(reader->db, "journal reader", err);
    int step = sqlite3_step(rows);
    int result = step == SQLITE_ROW    ? store_row_record(rows, &record, NULL, err)
                 : step == SQLITE_DONE ? err_set(err, ERR_NOT_FOUND, "the journal is empty")
                                       : store_error(reader->db, "journal reader", err);
    if (result == 0)
        *out = record.header;
    sqlite3_finalize(rows);
    return result;
}

enum { SQL_SIZE = 160 + 4 * JOURNAL_KIND_MAX };

/* The statement for these kinds; numbers only, nothing from outside. */
static int prepare(struct journal_reader *reader, uint32_t kinds, sqlite3_stmt **out,
                   struct err_text *err)
{
    char sql[SQL_SIZE];
    const char *before = " AND kind IN (";
    size_t size = (size_t)snprintf(sql, sizeof sql,
                                   "SELECT " STORE_ROW_COLUMNS " FROM record WHERE sequence > ?");
    for (int kind = 1; kinds != 0 && kind <= JOURNAL_KIND_MAX; kind++)
        if (kinds & JOURNAL_KIND_BIT(kind)) {
            size += (size_t)snprintf(sql + size, sizeof sql - size, "%s%d", before, kind);
            before = ",";
        }
    (void)snprintf(sql + size, sizeof sql - size, "%s ORDER BY sequence LIMIT ?",
                   kinds ? ")" : ""); /* four characters a kind: it fits */
    if (sqlite3_prepare_v2(reader->db, sql, -1, out, NULL) != SQLITE_OK)
        return store_error(reader->db, "journal reader", err);
    return 0;
}

int journal_reader_read(struct journal_reader *reader, uint64_t after, uint32_t kinds, size_t limit,
                        int (*take)(void *ctx, const struct journal_record *record), void *ctx,
                        uint64_t *out_last, struct err_text *err)
{
    sqlite3_stmt *rows = NULL;
    *out_last = after;
    int result = prepare(reader, kinds, &rows, err);
    if (result != 0)
        return result;
    sqlite3_bind_int64(rows, 1, (sqlite3_int64)after);
    sqlite3_bind_int64(rows, 2,
                       (sqlite3_int64)(limit > JOURNAL_READ_MAX ? JOURNAL_READ_MAX : limit));
    for (;;) {
        int step = sqlite3_step(rows);
        if (step == SQLITE_DONE)
            break;
        if (step != SQLITE_ROW) {
            result = store_error(reader->db, "journal reader", err);
            break;
        }
        struct journal_record record;
        result = store_row_record(rows, &record, NULL, err);
        if (result == 0)
            result = take(ctx, &record);
        if (result != 0)
            break;
        *out_last = record.header.sequence;
    }
    sqlite3_finalize(rows);
    return result;
}
