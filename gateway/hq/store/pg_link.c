/*
 * See pg_link.h. libpq's sockets are non-blocking here; connecting alone blocks, for PG_CONNECT_S a
 * server.
 */
#include "gateway/hq/store/pg_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE_MS = 500, TEXT_SIZE = 400 };

/* libpq's messages have lines; ours are one. */
static void one_line(const char *text, char out[TEXT_SIZE])
{
    size_t n = 0;
    for (; *text && n + 1 < TEXT_SIZE; text++)
        if (*text != '\n' && *text != '\t')
            out[n++] = *text;
        else if (n > 0 && out[n - 1] != ' ')
            out[n++] = ' ';
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

void pg_link_close(struct pg_link *link)
{
    PQfinish(link->conn); /* NULL is fine */
    link->conn = NULL;
}

static int code_of(const char *state)
{
    static const struct {
        const char *prefix;
        int code;
    } codes[] = {
        {"23", ERR_CONFLICT},   /* integrity constraint */
        {"53", ERR_FULL},       /* insufficient resources: disk, memory, connections */
        {"40", ERR_BUSY},       /* rolled back for another's sake */
        {"55P03", ERR_BUSY},    /* a lock was not to be had */
        {"57", ERR_BUSY},       /* cancelled, shutting down, starting */
        {"08", ERR_BUSY},       /* connection */
        {"25006", ERR_BUSY},    /* only reads: no longer the primary */
        {"25P03", ERR_BUSY},    /* we were idle in a transaction */
        {"42501", ERR_DENIED},  /* privilege */
        {"28", ERR_DENIED},     /* who we are */
        {"22021", ERR_INVALID}, /* bytes that are no UTF-8 */
    };
    for (size_t i = 0; state && i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strncmp(state, codes[i].prefix, strlen(codes[i].prefix)) == 0)
            return codes[i].code;
    return ERR_IO;
}

int pg_link_fail(struct pg_link *link, const PGresult *result, struct err_text *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    char text[TEXT_SIZE];
    one_line(primary ? primary : PQerrorMessage(link->conn), text);
    bool lost = PQstatus(link->conn) != CONNECTION_OK || !state || strncmp(state, "57P0", 4) == 0 ||
                strcmp(state, "25006") == 0;
    int rc = err_set(err, lost ? ERR_BUSY : code_of(state), "database: %s", text);
    if (lost)
        pg_link_close(link);
    return rc;
}

static void note_warning(void *ctx, const PGresult *notice)
{
    struct pg_link *link = ctx;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    if (!severity || strcmp(severity, "WARNING") != 0)
        return;
    link->warned = true;
    (void)snprintf(link->warning, sizeof(link->warning), "%s", text ? text : ""); /* cut: reads */
}

static void tell_alive(const struct pg_link *link)
{
    if (link->alive)
        link->alive(link->alive_ctx);
}

/* Waits a while for the socket; past the deadline the connection is closed. */
static int wait_socket(struct pg_link *link, struct mono_time begun, short events,
                       struct err_text *err)
{
    if (mono_diff_ms(clock_mono(&clock_system), begun) > PG_ANSWER_S * 1000) {
        pg_link_close(link);
        return err_set(err, ERR_BUSY, "database: no answer for %d s", PG_ANSWER_S);
    }
    struct pollfd fd = {.fd = PQsocket(link->conn), .events = events};
    if (poll(&fd, 1, SLICE_MS) < 0 && errno != EINTR)
        return err_set(err, ERR_IO, "database: poll: %s", strerror(errno));
    tell_alive(link);
    return 0;
}

/* Sends what is left and waits until a result is there. */
static int await(struct pg_link *link, struct err_text *err)
{
    const struct mono_time begun = clock_mono(&clock_system);
    while (true) {
        int left = PQflush(link->conn);
        if (left == 0 && !PQisBusy(link->conn))
            return 0; /* of many results one read brought, none is worth another */
        if (left < 0 || !PQconsumeInput(link->conn))
            return pg_link_fail(link, NULL, err);
        if (!PQisBusy(link->conn))
            return 0;
        int rc = wait_socket(link, begun, (short)(POLLIN | (left ? POLLOUT : 0)), err);
        if (rc != 0)
            return rc;
    }
}

int pg_link_flush(struct pg_link *link, struct err_text *err)
{
    const struct mono_time begun = clock_mono(&clock_system);
    while (true) {
        int left = PQflush(link->conn);
        if (left == 0)
            return 0;
        if (left < 0 || !PQconsumeInput(link->conn))
            return pg_link_fail(link, NULL, err);
        int rc = wait_socket(link, begun, POLLIN | POLLOUT, err);
        if (rc != 0)
            return rc;
    }
}

int pg_link_result(struct pg_link *link, PGresult **out, struct err_text *err)
{
    int rc = link->conn ? await(link, err) : err_set(err, ERR_BUSY, "database: not connected");
    if (rc == 0)
        *out = PQgetResult(link->conn);
    return rc;
}

/* Takes all results; the first error counts. `row` (NULL: nobody) sees each good one. */
static int take_all(struct pg_link *link, void (*row)(void *ctx, const PGresult *result), void *ctx,
                    struct err_text *err)
{
    PGresult *result = NULL;
    int fault = 0;
    int rc;
    while ((rc = pg_link_result(link, &result, err)) == 0 && result) {
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && fault == 0)
            fault = pg_link_fail(link, result, err);
        else if (row)
            row(ctx, result);
        PQclear(result);
        if (!link->conn)
            return fault;
    }
    return rc != 0 ? rc : fault;
}

int pg_link_finish(struct pg_link *link, struct err_text *err)
{
    return take_all(link, NULL, NULL, err);
}

int pg_link_run(struct pg_link *link, const char *sql, struct err_text *err)
{
    if (!link->conn)
        return err_set(err, ERR_BUSY, "database: not connected");
    if (!PQsendQuery(link->conn, sql))
        return pg_link_fail(link, NULL, err);
    return pg_link_finish(link, err);
}

struct settings {
    char encoding[32];
    char fsync[16];
    char commit[32];
};

static void take_settings(void *ctx, const PGresult *result)
{
    struct settings *out = ctx;
    if (PQntuples(result) != 1 || PQnfields(result) != 3)
        return;
    (void)snprintf(out->encoding, sizeof(out->encoding), "%s", PQgetvalue(result, 0, 0)); /* cut */
    (void)snprintf(out->fsync, sizeof(out->fsync), "%s", PQgetvalue(result, 0, 1));   /* differs */
    (void)snprintf(out->commit, sizeof(out->commit), "%s", PQgetvalue(result, 0, 2)); /* too */
}

/* What a receipt says must outlive a power cut of the server. */
static int check_server(struct pg_link *link, struct err_text *err)
{
    struct settings s = {0};
    int version = PQserverVersion(link->conn);
    if (version < PG_VERSION_FIRST)
        return err_set(err, ERR_UNSUPPORTED, "PostgreSQL %d.%d, expected 15 or later",
                       version / 10000, version % 10000);
    if (!PQsendQuery(link->conn,
                     "SELECT current_setting('server_encoding'),"
                     " current_setting('fsync'), current_setting('synchronous_commit')"))
        return pg_link_fail(link, NULL, err);
    int rc = take_all(link, take_settings, &s, err);
    if (rc != 0)
        return rc;
    if (strcmp(s.encoding, "UTF8") != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "encoding '%s', expected UTF8: create the database anew with"
                       " CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'",
                       s.encoding);
    if (strcmp(s.fsync, "on") != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "fsync = '%s', expected on: a power cut would lose confirmed records",
                       s.fsync);
    if (strcmp(s.commit, "off") == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "synchronous_commit = 'off', expected on, or remote_apply: a power cut"
                       " would lose confirmed records");
    return 0;
}

static int set_session(struct pg_link *link, struct err_text *err)
{
    char sql[300];
    (void)snprintf(sql, sizeof(sql),
                   "SET lock_timeout = '%ds'; SET idle_in_transaction_session_timeout = '60s';"
                   " SET client_min_messages = warning; SET bytea_output = hex; LISTEN hqd",
                   PG_LOCK_S); /* fits */
    return pg_link_run(link, sql, err);
}

/* What stands before "dbname" may be overruled by the URL, what stands after it may not. */
static PGconn *connect_to(const char *url)
{
    char seconds[8];
    (void)snprintf(seconds, sizeof(seconds), "%d", PG_CONNECT_S); /* fits */
    const char *const keys[] = {"target_session_attrs",
                                "tcp_user_timeout",
                                "keepalives_idle",
                                "fallback_application_name",
                                "dbname",
                                "connect_timeout",
                                "client_encoding",
                                NULL};
    const char *const values[] = {"read-write", "10000", "10", "hqd", url, seconds, "UTF8", NULL};
    return PQconnectdbParams(keys, values, 1);
}

int pg_link_open(struct pg_link *link, struct err_text *err)
{
    const struct mono_time now = clock_mono(&clock_system);
    char text[TEXT_SIZE];
    if (link->conn && PQstatus(link->conn) == CONNECTION_OK)
        return 0;
    pg_link_close(link);
    if (link->failed_at.ns != 0 && mono_diff_ms(now, link->failed_at) < PG_CONNECT_AGAIN_MS)
        return err_set(err, ERR_BUSY, "database: cannot be reached");
    tell_alive(link);
    link->conn = connect_to(link->url);
    tell_alive(link);
    int rc = link->conn ? 0 : ERR_NO_MEMORY;
    if (rc == 0 && PQstatus(link->conn) != CONNECTION_OK) {
        one_line(PQerrorMessage(link->conn), text);
        rc = err_set(err, ERR_BUSY, "database: cannot be reached: %s", text);
    }
    if (rc == 0) {
        (void)PQsetNoticeReceiver(link->conn, note_warning, link); /* the old one prints */
        if (PQsetnonblocking(link->conn, 1) != 0)
            rc = pg_link_fail(link, NULL, err);
    }
    if (rc == 0)
        rc = check_server(link, err);
    if (rc == 0)
        rc = set_session(link, err);
    link->failed_at.ns = 0;
    if (rc != 0) {
        link->failed_at = clock_mono(&clock_system);
        pg_link_close(link);
    }
    return rc;
}
