/*
 * What every engine shares: forwarding and the one-value helpers. No state.
 */
#include "gateway/hq/db.h"

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
