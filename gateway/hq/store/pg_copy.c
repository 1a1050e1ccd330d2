/*
 * See pg_copy.h. The form is that of "COPY … (FORMAT binary)": a head, of each row how many fields
 * it has, of each field its size, -1 for NULL; numbers big-endian.
 */
#include "gateway/hq/store/pg_copy.h"

#include <endian.h>
#include <string.h>

/* 11 bytes, then flags and the size of an extension, both 0. */
static const char head[19] = "PGCOPY\n\377\r\n";

static int put(struct pg_link *link, const char *data, size_t size, struct err_text *err)
{
    int done;
    while (link->conn && (done = PQputCopyData(link->conn, data, (int)size)) != 1) {
        int rc = done < 0 ? pg_link_fail(link, NULL, err) : pg_link_flush(link, err);
        if (rc != 0)
            return rc;
    }
    return link->conn ? 0 : err_set(err, ERR_BUSY, "database: not connected");
}

static int put_rows(struct pg_copy *copy, struct pg_link *link, struct err_text *err)
{
    int rc = copy->used ? put(link, copy->rows, copy->used, err) : 0;
    copy->used = 0;
    return rc;
}

static int add(struct pg_copy *copy, struct pg_link *link, const void *data, size_t size,
               struct err_text *err)
{
    if (size > sizeof(copy->rows) - copy->used) {
        int rc = put_rows(copy, link, err);
        if (rc != 0)
            return rc;
    }
    if (size > sizeof(copy->rows))
        return put(link, data, size, err);
    memcpy(copy->rows + copy->used, data, size);
    copy->used += size;
    return 0;
}

static int add_value(struct pg_copy *copy, struct pg_link *link, const struct hq_value *v,
                     struct err_text *err)
{
    const uint64_t number = htobe64((uint64_t)v->number);
    bool is_number = v->type == HQ_INT;
    size_t size = is_number ? sizeof(number) : v->size;
    const uint32_t stated = v->type == HQ_NULL ? UINT32_MAX : htobe32((uint32_t)size);
    int rc = add(copy, link, &stated, sizeof(stated), err);
    if (rc != 0 || v->type == HQ_NULL || size == 0)
        return rc;
    return add(copy, link, is_number ? (const void *)&number : v->data, size, err);
}

static int begin(struct pg_copy *copy, struct pg_link *link, const char *sql, struct err_text *err)
{
    PGresult *result = NULL;
    if (!link->conn || !PQsendQuery(link->conn, sql))
        return pg_link_fail(link, NULL, err);
    int rc = pg_link_result(link, &result, err);
    if (rc == 0 && PQresultStatus(result) != PGRES_COPY_IN) {
        rc = pg_link_fail(link, result, err);
        struct err_text rest; /* the first fault is told */
        if (link->conn && pg_link_finish(link, &rest) != 0)
            rc = rc ? rc : ERR_IO;
    }
    PQclear(result);
    if (rc != 0)
        return rc;
    copy->sql = sql;
    copy->used = 0;
    return add(copy, link, head, sizeof(head), err);
}

int pg_copy_row(struct pg_copy *copy, struct pg_link *link, const char *sql,
                const struct hq_value *values, size_t count, struct err_text *err)
{
    const uint16_t fields = htobe16((uint16_t)count);
    int rc = 0;
    if (copy->sql != sql) {
        rc = pg_copy_end(copy, link, err);
        if (rc == 0)
            rc = begin(copy, link, sql, err);
    }
    if (rc == 0)
        rc = add(copy, link, &fields, sizeof(fields), err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_value(copy, link, &values[i], err);
    return rc;
}

int pg_copy_end(struct pg_copy *copy, struct pg_link *link, struct err_text *err)
{
    int done;
    if (!copy->sql)
        return 0;
    copy->sql = NULL;
    int rc = put_rows(copy, link, err);
    while (rc == 0 && (done = PQputCopyEnd(link->conn, NULL)) != 1)
        rc = done < 0 ? pg_link_fail(link, NULL, err) : pg_link_flush(link, err);
    return rc == 0 ? pg_link_finish(link, err) : rc;
}
