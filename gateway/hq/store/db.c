/*
 * What every engine shares: forwarding and the one-value helpers. No state.
 */
#include "gateway/hq/store/db.h"

#include <stdlib.h>
#include <string.h>

struct hq_value hq_int(int64_t number)
{
    return (struct hq_value){.type = HQ_INT, .number = number};
}

struct hq_value hq_text(const char *text)
{
    if (!text)
        return (struct hq_value){.type = HQ_NULL};
    return (struct hq_value){.type = HQ_TEXT, .data = text, .size = strlen(text)};
}

struct hq_value hq_blob(const void *data, size_t size)
{
    return (struct hq_value){.type = HQ_BLOB, .data = data, .size = size};
}

bool hq_db_is_postgres(const char *where)
{
    return strncmp(where, "postgresql://", 13) == 0 || strncmp(where, "postgres://", 11) == 0;
}

int hq_db_open(const char *where, struct hq_db *out, struct err_text *err)
{
    if (hq_db_is_postgres(where))
        return hq_db_open_postgres(where, out, err);
    return hq_db_open_sqlite(strncmp(where, "sqlite:", 7) == 0 ? where + 7 : where, out, err);
}

void hq_db_close(struct hq_db *db)
{
    if (db->ops)
        db->ops->close(db->impl);
    *db = (struct hq_db){0};
}

int hq_db_begin(struct hq_db *db, struct err_text *err)
{
    return db->ops->begin(db->impl, err);
}

int hq_db_begin_scope(struct hq_db *db, const char *scope, struct err_text *err)
{
    return db->ops->begin_scope ? db->ops->begin_scope(db->impl, scope, err) : hq_db_begin(db, err);
}

int hq_db_commit(struct hq_db *db, struct err_text *err)
{
    return db->ops->commit(db->impl, err);
}

void hq_db_rollback(struct hq_db *db)
{
    db->ops->rollback(db->impl);
}

int64_t hq_db_changed(struct hq_db *db)
{
    return db->ops->changed(db->impl);
}

int hq_db_descriptor(struct hq_db *db)
{
    return db->ops->descriptor ? db->ops->descriptor(db->impl) : -1;
}

bool hq_db_told(struct hq_db *db)
{
    return db->ops->told && db->ops->told(db->impl);
}

void hq_db_watch(struct hq_db *db, void (*alive)(void *ctx), void *ctx)
{
    if (db->ops->watch)
        db->ops->watch(db->impl, alive, ctx);
}

int hq_db_scrub(struct hq_db *db, struct err_text *err)
{
    return db->ops->scrub ? db->ops->scrub(db->impl, err) : 0;
}

int hq_db_query(struct hq_db *db, const char *sql, const struct hq_value *params, size_t count,
                hq_row_cb row, void *ctx, struct err_text *err)
{
    return db->ops->query(db->impl, sql, params, count, row, ctx, err);
}

int hq_db_exec(struct hq_db *db, const char *sql, const struct hq_value *params, size_t count,
               struct err_text *err)
{
    return hq_db_query(db, sql, params, count, NULL, NULL, err);
}

int hq_db_queue(struct hq_db *db, const char *sql, const struct hq_value *params, size_t count,
                struct err_text *err)
{
    return db->ops->queue ? db->ops->queue(db->impl, sql, params, count, err)
                          : hq_db_exec(db, sql, params, count, err);
}

int hq_db_add_row(struct hq_db *db, const struct hq_rows *rows, const struct hq_value *values,
                  size_t count, struct err_text *err)
{
    return db->ops->add_row ? db->ops->add_row(db->impl, rows->copy, values, count, err)
                            : hq_db_queue(db, rows->insert, values, count, err);
}

int hq_db_change(struct hq_db *db, enum hq_db_change what, struct err_text *err)
{
    return what == HQ_DB_CHANGE_HITS
               ? hq_db_exec(db, "UPDATE revisions SET hits = hits + 1", NULL, 0, err)
               : hq_db_exec(db, "UPDATE revisions SET value = value + 1", NULL, 0, err);
}

static int take_revision(void *ctx, const struct hq_value *columns, size_t count)
{
    if (count != 2)
        return ERR_CORRUPT;
    *(struct hq_db_revision *)ctx =
        (struct hq_db_revision){.inbox = columns[0].number, .hits = columns[1].number};
    return 0;
}

int hq_db_revision(struct hq_db *db, struct hq_db_revision *out, struct err_text *err)
{
    return hq_db_query(db, "SELECT value, hits FROM revisions", NULL, 0, take_revision, out, err);
}

int hq_db_inbox_undrawn(struct hq_db *db, int64_t number, bool *out_undrawn, struct err_text *err)
{
    int64_t top = 0;
    int64_t passed = 0;
    int rc = hq_db_number(db, db->ops->inbox_top, NULL, 0, 0, &top, err);
    if (rc == 0 && number > top && number - top > HQ_DB_INBOX_AHEAD_MAX)
        return err_set(err, ERR_TOO_LARGE, "message %lld, the last one drawn is %lld",
                       (long long)number, (long long)top);
    if (rc == 0 && number <= top)
        rc = hq_db_number(db,
                          "SELECT count(*) FROM inbox WHERE checkpoint = '' AND number >= $1"
                          " AND created_ms < $1",
                          HQ_PARAMS(hq_int(number)), 0, &passed, err);
    if (rc == 0)
        *out_undrawn = number > top || passed > 0;
    return rc;
}

int hq_db_raise_inbox(struct hq_db *db, int64_t number, int64_t until_ms, struct err_text *err)
{
    int64_t top = 0;
    int rc = hq_db_number(db, db->ops->inbox_top, NULL, 0, 0, &top, err);
    return rc == 0 && top < number
               ? hq_db_exec(db, db->ops->inbox_raise,
                            HQ_PARAMS(hq_int(number), hq_int(top), hq_int(until_ms)), err)
               : rc;
}

static int take_number(void *ctx, const struct hq_value *columns, size_t count)
{
    if (count > 0 && columns[0].type == HQ_INT)
        *(int64_t *)ctx = columns[0].number;
    return 0;
}

int hq_db_number(struct hq_db *db, const char *sql, const struct hq_value *params, size_t count,
                 int64_t fallback, int64_t *out, struct err_text *err)
{
    int64_t number = fallback;
    int rc = hq_db_query(db, sql, params, count, take_number, &number, err);
    if (rc == 0)
        *out = number;
    return rc;
}

struct bytes {
    char *data;
    size_t size;
};

static int take_bytes(void *ctx, const struct hq_value *columns, size_t count)
{
    struct bytes *out = ctx;
    if (out->data || count < 1 || columns[0].type == HQ_NULL || columns[0].type == HQ_INT)
        return 0;
    out->data = malloc(columns[0].size + 1);
    if (!out->data)
        return ERR_NO_MEMORY;
    memcpy(out->data, columns[0].data, columns[0].size);
    out->data[columns[0].size] = '\0';
    out->size = columns[0].size;
    return 0;
}

int hq_db_bytes(struct hq_db *db, const char *sql, const struct hq_value *params, size_t count,
                char **out, size_t *out_size, struct err_text *err)
{
    struct bytes found = {0};
    int rc = hq_db_query(db, sql, params, count, take_bytes, &found, err);
    if (rc == 0 && !found.data)
        rc = err_set(err, ERR_NOT_FOUND, "no such row");
    if (rc != 0) {
        free(found.data);
        return rc;
    }
    *out = found.data;
    *out_size = found.size;
    return 0;
}
