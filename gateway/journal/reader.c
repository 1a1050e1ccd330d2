/* See reader.h. */
#include "gateway/journal/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The statement for these kinds; numbers and names from here only, nothing from outside. */
static int prepare(struct journal_reader *reader, const char *columns, uint32_t kinds,
                   sqlite3_stmt **out, struct err_text *err)
{
    char sql[SQL_SIZE];
    const char *before = " AND kind IN (";
    size_t size =
        (size_t)snprintf(sql, sizeof sql, "SELECT %s FROM record WHERE sequence > ?", columns);
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
    int result = prepare(reader, STORE_ROW_COLUMNS, kinds, &rows, err);
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

/* ---- past damage ---- */

struct sequences {
    uint64_t *list; /* heap; NULL: all from 1 to `count` */
    size_t count;
    size_t room;
};

static int add_sequence(struct sequences *s, uint64_t sequence)
{
    if (s->count == s->room) {
        size_t room = s->room == 0 ? JOURNAL_READ_MAX : 2 * s->room;
        uint64_t *list = realloc(s->list, room * sizeof *list);
        if (!list)
            return ERR_NO_MEMORY;
        s->list = list;
        s->room = room;
    }
    s->list[s->count++] = sequence;
    return 0;
}

/* By the index of kinds alone: a damaged page of records is not touched. */
static int list_sequences(struct journal_reader *reader, uint32_t kinds, struct sequences *out,
                          struct err_text *err)
{
    sqlite3_stmt *rows = NULL;
    int step = SQLITE_DONE;
    int result = prepare(reader, "sequence", kinds, &rows, err);
    if (result != 0)
        return result;
    sqlite3_bind_int64(rows, 1, 0);
    sqlite3_bind_int64(rows, 2, -1); /* all */
    while (result == 0 && (step = sqlite3_step(rows)) == SQLITE_ROW)
        result = add_sequence(out, (uint64_t)sqlite3_column_int64(rows, 0));
    if (result != 0)
        (void)err_set(err, result, "journal reader: no memory"); /* returned below */
    else if (step != SQLITE_DONE)
        result = store_error(reader->db, "journal reader", err);
    sqlite3_finalize(rows);
    return result;
}

bool journal_record_is_whole(const struct journal_record *record)
{
    uint8_t digest[JOURNAL_HASH_SIZE];
    return !record->has_body ||
           (journal_digest(record->salt, record->body, record->body_size, digest) == 0 &&
            memcmp(digest, record->header.digest, sizeof digest) == 0);
}

static bool is_whole(const struct journal_record *record, const uint8_t *stored_hash)
{
    uint8_t hash[JOURNAL_HASH_SIZE];
    return journal_hash(record->bytes, hash) == 0 && memcmp(hash, stored_hash, sizeof hash) == 0 &&
           journal_record_is_whole(record);
}

/* The row `one` stands on. */
static int scan_row(const struct journal_scan *scan, uint64_t sequence, sqlite3_stmt *one)
{
    struct journal_record record;
    const uint8_t *hash = NULL;
    struct err_text why = {{0}};
    int result = store_row_record(one, &record, &hash, &why);
    if (result == 0 && !is_whole(&record, hash))
        result = err_set(&why, ERR_CORRUPT, "record %llu: not the one recorded",
                         (unsigned long long)sequence);
    if (result != 0) {
        scan->damaged(scan->ctx, sequence, why.text);
        return 0;
    }
    bool asked_for = scan->kinds == 0 || scan->kinds & JOURNAL_KIND_BIT(record.header.kind);
    return asked_for ? scan->take(scan->ctx, &record) : 0;
}

static int scan_one(struct journal_reader *reader, const struct journal_scan *scan,
                    uint64_t sequence, sqlite3_stmt *one, struct err_text *err)
{
    sqlite3_bind_int64(one, 1, (sqlite3_int64)sequence);
    int step = sqlite3_step(one);
    int result = step == SQLITE_ROW ? scan_row(scan, sequence, one) : 0;
    if (step == SQLITE_DONE) {
        scan->damaged(scan->ctx, sequence, "the record is missing");
    } else if (step != SQLITE_ROW) {
        result = store_error(reader->db, "journal reader", err);
        if (result == ERR_CORRUPT) {
            scan->damaged(scan->ctx, sequence, err->text);
            result = 0;
        }
    }
    sqlite3_reset(one); /* its error is told already */
    return result;
}

int journal_reader_scan(struct journal_reader *reader, const struct journal_scan *scan,
                        struct err_text *err)
{
    struct sequences s = {.count = 0};
    struct journal_header newest = {.sequence = 0};
    sqlite3_stmt *one = NULL;
    int result = journal_reader_last(reader, &newest, err);
    if (result != 0)
        return result == ERR_NOT_FOUND ? 0 : result;
    result = scan->kinds != 0 ? list_sequences(reader, scan->kinds, &s, err) : ERR_CORRUPT;
    if (result == ERR_CORRUPT) { /* without its index each record is looked at */
        free(s.list);
        s = (struct sequences){.count = newest.sequence};
        result = 0;
    }
    if (result == 0 &&
        sqlite3_prepare_v2(reader->db,
                           "SELECT " STORE_ROW_COLUMNS " FROM record WHERE sequence = ?", -1, &one,
                           NULL) != SQLITE_OK)
        result = store_error(reader->db, "journal reader", err);
    for (size_t i = 0; result == 0 && i < s.count; i++)
        result = scan_one(reader, scan, s.list ? s.list[i] : i + 1, one, err);
    sqlite3_finalize(one);
    free(s.list);
    return result;
}

/* ---- by time ---- */

static int prepare_span(struct journal_reader *reader, const char *sql,
                        const struct journal_span *span, sqlite3_stmt **out, struct err_text *err)
{
    if (sqlite3_prepare_v2(reader->db, sql, -1, out, NULL) != SQLITE_OK)
        return store_error(reader->db, "journal reader", err);
    sqlite3_bind_int64(*out, 1, (sqlite3_int64)span->kind);
    sqlite3_bind_int64(*out, 2, span->from.ms);
    sqlite3_bind_int64(*out, 3, span->until.ms);
    return 0;
}

/* The row is behind what was read, whatever is wrong with it. */
static void move_place(sqlite3_stmt *row, struct journal_place *place)
{
    place->sequence = (uint64_t)sqlite3_column_int64(row, 0);
    place->wall.ms = sqlite3_column_int64(row, 5);
}

int journal_reader_back(struct journal_reader *reader, const struct journal_span *span,
                        struct journal_place *place, size_t limit,
                        int (*take)(void *ctx, const struct journal_record *record), void *ctx,
                        size_t *out_count, struct err_text *err)
{
    static const char sql[] =
        "SELECT " STORE_ROW_COLUMNS ", wall FROM record INDEXED BY record_body"
        " WHERE kind = ?1 AND body IS NOT NULL AND wall >= ?2 AND (wall, sequence) < (?3, ?4)"
        " ORDER BY wall DESC, sequence DESC LIMIT ?5";
    const struct journal_span left = {span->kind, span->from,
                                      place->sequence ? place->wall : span->until};
    sqlite3_stmt *rows = NULL;
    *out_count = 0;
    int result = prepare_span(reader, sql, &left, &rows, err);
    if (result != 0)
        return result;
    sqlite3_bind_int64(rows, 4, (sqlite3_int64)place->sequence);
    sqlite3_bind_int64(rows, 5,
                       (sqlite3_int64)(limit > JOURNAL_READ_MAX ? JOURNAL_READ_MAX : limit));
    for (int step = SQLITE_ROW; result == 0;) {
        struct journal_record record;
        step = sqlite3_step(rows);
        if (step != SQLITE_ROW) {
            result = step == SQLITE_DONE ? 0 : store_error(reader->db, "journal reader", err);
            break;
        }
        move_place(rows, place);
        result = store_row_record(rows, &record, NULL, err);
        if (result == 0) {
            ++*out_count;
            result = take(ctx, &record);
        }
    }
    sqlite3_finalize(rows);
    return result;
}

static int count_rows(struct journal_reader *reader, const char *sql,
                      const struct journal_span *span, uint64_t *out, struct err_text *err)
{
    sqlite3_stmt *rows = NULL;
    int result = prepare_span(reader, sql, span, &rows, err);
    if (result == 0 && sqlite3_step(rows) != SQLITE_ROW)
        result = store_error(reader->db, "journal reader", err);
    if (result == 0)
        *out = (uint64_t)sqlite3_column_int64(rows, 0);
    sqlite3_finalize(rows);
    return result;
}

int journal_reader_count(struct journal_reader *reader, const struct journal_span *span,
                         uint64_t *out_all, uint64_t *out_with_body, struct err_text *err)
{
    static const char all[] = "SELECT count(*) FROM record INDEXED BY record_kind"
                              " WHERE kind = ?1 AND wall >= ?2 AND wall < ?3";
    static const char with_body[] =
        "SELECT count(*) FROM record INDEXED BY record_body"
        " WHERE kind = ?1 AND wall >= ?2 AND wall < ?3 AND body IS NOT NULL";
    int result = count_rows(reader, all, span, out_all, err);
    return result == 0 ? count_rows(reader, with_body, span, out_with_body, err) : result;
}
