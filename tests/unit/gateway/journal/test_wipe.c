/*
 * What a write-ahead log or a rollback journal held is overwritten before it is shortened or
 * removed: seen through a descriptor opened before, which still shows the removed file's blocks.
 * A power cut between any two writes of it leaves a database that is whole.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "gateway/journal/wipe.h"

static char folder[64];
static char path[96];
static char log_path[112];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/wipe.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/x.sqlite", folder);
    snprintf(log_path, sizeof log_path, "%s-wal", path);
    return 0;
}

static int teardown(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    return rmdir(folder);
}

static sqlite3 *open_db(const char *mode)
{
    char sql[200];
    const char *vfs = NULL;
    sqlite3 *db = NULL;
    assert_int_equal(wipe_vfs(&vfs, NULL), 0);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs),
                     SQLITE_OK);
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode=%s; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
             "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, b TEXT)",
             mode);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void run(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
}

static void add_rows(sqlite3 *db)
{
    for (int i = 0; i < 40; i++)
        run(db, "INSERT INTO t(b) VALUES(printf('%s%.*c', 'SECRETPLATE', 6000, 'x'))");
}

/* Whether the file, which may have been removed since, still holds the secret. */
static bool holds(int fd)
{
    struct stat st;
    static char bytes[8 << 20];
    assert_int_equal(fstat(fd, &st), 0);
    ssize_t n = pread(fd, bytes, sizeof bytes, 0);
    assert_true(n >= 0);
    return memmem(bytes, (size_t)n, "SECRETPLATE", 11) != NULL;
}

static void a_log_is_overwritten_before_it_is_removed(void **state)
{
    (void)state;
    sqlite3 *db = open_db("WAL");
    add_rows(db);
    int fd = open(log_path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && holds(fd));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_not_equal(access(log_path, F_OK), 0);
    assert_false(holds(fd));
    close(fd);
}

/* A journal of another mode: it holds the pages as they were before. */
static void a_rollback_journal_is_overwritten_before_it_is_removed(void **state)
{
    char journal[128];
    (void)state;
    snprintf(journal, sizeof journal, "%s-journal", path);
    sqlite3 *db = open_db("DELETE");
    add_rows(db);
    run(db, "PRAGMA cache_spill=1; PRAGMA cache_size=5; BEGIN; UPDATE t SET b = NULL");
    int fd = open(journal, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && holds(fd));
    run(db, "COMMIT");
    assert_int_not_equal(access(journal, F_OK), 0);
    assert_false(holds(fd));
    close(fd);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- a power cut while a log is wiped ---- */

static uint8_t *read_all(const char *name, size_t *out_size)
{
    struct stat st;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    *out_size = (size_t)st.st_size;
    return bytes;
}

static void write_all(const char *name, const uint8_t *bytes, size_t size)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static int one_number(void *ctx, int count, char **values, char **names)
{
    (void)count;
    (void)names;
    *(int *)ctx = (int)strtol(values[0], NULL, 10);
    return 0;
}

/* The log as it was when all of it stood in the database, its first `wiped` bytes zeros: what is
 * newer in the database must not give way to an older page of the log. */
static void expect_newest(const uint8_t *log, size_t size, size_t wiped)
{
    int newest = -1;
    uint8_t *cut = malloc(size);
    assert_non_null(cut);
    memcpy(cut, log, size);
    memset(cut, 0, wiped);
    write_all(log_path, cut, size);
    free(cut);
    sqlite3 *db = open_db("WAL");
    assert_int_equal(sqlite3_exec(db, "SELECT max(n) FROM t", one_number, &newest, NULL),
                     SQLITE_OK);
    assert_int_equal(newest, 41);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_power_cut_while_a_log_is_wiped_loses_nothing(void **state)
{
    size_t log_size = 0;
    size_t db_size = 0;
    (void)state;
    sqlite3 *db = open_db("WAL");
    run(db, "PRAGMA wal_autocheckpoint=0");
    add_rows(db);
    run(db, "INSERT INTO t(b) VALUES('last')");
    uint8_t *log = read_all(log_path, &log_size);
    run(db, "PRAGMA wal_checkpoint(PASSIVE)"); /* all of it is in the database, the log stands */
    uint8_t *whole = read_all(path, &db_size);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    for (size_t wiped = 4096; wiped < log_size; wiped += log_size / 7) {
        write_all(path, whole, db_size);
        expect_newest(log, log_size, wiped);
    }
    free(log);
    free(whole);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_log_is_overwritten_before_it_is_removed),
        CASE(a_rollback_journal_is_overwritten_before_it_is_removed),
        CASE(a_power_cut_while_a_log_is_wiped_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
