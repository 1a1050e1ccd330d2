/*
 * hqd's database: what is committed stays, what is rolled back is gone, a double key is a conflict.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/hq/store/db.h"
#include "gateway/match/crowd.h"

static char folder[32];
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/test_db.XXXXXX", sizeof("/tmp/test_db.XXXXXX"));
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/hqd.sqlite", folder); /* fits */
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path); /* a test that failed early has not made it */
    return rmdir(folder);
}

static int put_operator(struct hq_db *db, const char *name)
{
    return hq_db_exec(db, "INSERT INTO operators(name, last_seen_ms) VALUES($1, $2)",
                      HQ_PARAMS(hq_text(name), hq_int(7)), NULL);
}

static int64_t operators(struct hq_db *db)
{
    int64_t count = -1;
    assert_int_equal(hq_db_number(db, "SELECT count(*) FROM operators", NULL, 0, 0, &count, NULL),
                     0);
    return count;
}

static void committed_rows_survive_reopening(void **state)
{
    (void)state;
    struct hq_db db;
    struct err_text err;
    assert_int_equal(hq_db_open_sqlite(path, &db, &err), 0);
    assert_int_equal(hq_db_begin(&db, &err), 0);
    assert_int_equal(put_operator(&db, "li"), 0);
    assert_int_equal(hq_db_commit(&db, &err), 0);
    assert_int_equal(hq_db_begin(&db, &err), 0);
    assert_int_equal(put_operator(&db, "wang"), 0);
    assert_int_equal(hq_db_changed(&db), 1);
    hq_db_rollback(&db);
    assert_int_equal(operators(&db), 1);
    assert_int_equal(put_operator(&db, "li"), ERR_CONFLICT);
    hq_db_close(&db);
    assert_int_equal(hq_db_open_sqlite(path, &db, &err), 0);
    assert_int_equal(operators(&db), 1);
    hq_db_close(&db);
}

static void bytes_come_back_whole(void **state)
{
    (void)state;
    struct hq_db db;
    struct err_text err;
    char *out = NULL;
    size_t size = 0;
    assert_int_equal(hq_db_open_sqlite(path, &db, &err), 0);
    assert_int_equal(hq_db_exec(&db, "INSERT INTO chunks(hash, body) VALUES($1, $2)",
                                HQ_PARAMS(hq_blob("h", 1), hq_blob("a\0b", 3)), &err),
                     0);
    assert_int_equal(hq_db_bytes(&db, "SELECT body FROM chunks WHERE hash = $1",
                                 HQ_PARAMS(hq_blob("h", 1)), &out, &size, &err),
                     0);
    assert_int_equal(size, 3);
    assert_memory_equal(out, "a\0b", 4);
    free(out);
    assert_int_equal(hq_db_bytes(&db, "SELECT body FROM chunks WHERE hash = $1",
                                 HQ_PARAMS(hq_blob("x", 1)), &out, &size, &err),
                     ERR_NOT_FOUND);
    hq_db_close(&db);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    (void)state;
    struct hq_db db;
    struct err_text err;
    char other[80];
    (void)snprintf(other, sizeof(other), "%s/other", folder); /* fits */
    FILE *file = fopen(other, "we");
    assert_non_null(file);
    for (int i = 0; i < 200; i++)
        assert_true(fputs("this is not a database file\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(hq_db_open_sqlite(other, &db, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "file is not a database"));
    assert_int_equal(unlink(other), 0);
}

static void another_programs_database_is_refused_untouched(void **state)
{
    (void)state;
    struct hq_db db;
    struct err_text err;
    char other[80];
    sqlite3 *plain = NULL;
    (void)snprintf(other, sizeof(other), "%s/foreign", folder); /* fits */
    assert_int_equal(sqlite3_open(other, &plain), SQLITE_OK);
    assert_int_equal(sqlite3_exec(plain, "CREATE TABLE record(a)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(plain), SQLITE_OK);
    assert_int_equal(hq_db_open_sqlite(other, &db, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "another program's database, expected hqd's"));
    assert_int_equal(sqlite3_open(other, &plain), SQLITE_OK);
    assert_int_equal(sqlite3_exec(plain, "CREATE TABLE batches(a)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(plain, "PRAGMA user_version=1", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(plain), SQLITE_OK);
    assert_int_equal(hq_db_open_sqlite(other, &db, &err), ERR_CORRUPT);
    assert_int_equal(unlink(other), 0);
}

static int add_drop(void *ctx, int count, char **values, char **names)
{
    char *sql = ctx;
    (void)names;
    assert_int_equal(count, 1);
    assert_true(strlen(sql) + strlen(values[0]) + 1 < 4096);
    memcpy(sql + strlen(sql), values[0], strlen(values[0]) + 1);
    return 0;
}

static void drop_triggers(sqlite3 *plain)
{
    char sql[4096] = "";
    assert_int_equal(sqlite3_exec(plain,
                                  "SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_schema"
                                  " WHERE type = 'trigger'",
                                  add_drop, sql, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(plain, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* A database as version 2 left it, then `sql`. */
static void make_old(const char *file, const char *sql)
{
    static const char to_version_2[] =
        "DROP TABLE instructions; DROP TABLE own_records; DROP TABLE streams;"
        "DROP TABLE case_holds; DROP TABLE reviews; DROP TABLE review_draws; DROP TABLE "
        "retain_marks;"
        "ALTER TABLE operators DROP COLUMN roles;ALTER TABLE operators DROP COLUMN full_name;"
        "ALTER TABLE operators DROP COLUMN police_number;ALTER TABLE operators DROP COLUMN "
        "certificate;"
        "ALTER TABLE operators DROP COLUMN added_by;ALTER TABLE operators DROP COLUMN added_ms;"
        "ALTER TABLE operators DROP COLUMN revoked_by;"
        "DROP INDEX entries_of_crowd;"
        "ALTER TABLE checkpoints DROP COLUMN exempt_revision;"
        "ALTER TABLE checkpoints DROP COLUMN retention_version;"
        "ALTER TABLE entries DROP COLUMN crowd;"
        "ALTER TABLE revisions DROP COLUMN hits;"
        "DROP TABLE evidence_links; DROP TABLE evidence_parts; DROP TABLE evidence;"
        "DROP TABLE self_tests; DROP TABLE spools; DROP TABLE calls;"
        "DROP TABLE observed;ALTER TABLE chains DROP COLUMN stream;"
        "DROP TABLE journals; ALTER TABLE chains DROP COLUMN gap_ms;"
        "ALTER TABLE certificates DROP COLUMN issued_ms;"
        "ALTER TABLE certificates DROP COLUMN shown_ms;"
        "ALTER TABLE tokens DROP COLUMN approved;ALTER TABLE tokens DROP COLUMN approved_by;"
        "ALTER TABLE tokens DROP COLUMN requested;ALTER TABLE tokens DROP COLUMN requested_ms;"
        "ALTER TABLE checkpoints DROP COLUMN replaced_ms;"
        "ALTER TABLE checkpoints DROP COLUMN replaced_by;"
        "ALTER TABLE checkpoints DROP COLUMN replace_reason;"
        "ALTER TABLE checkpoints DROP COLUMN expected_streams;"
        "ALTER TABLE tokens DROP COLUMN replaces;"
        "ALTER TABLE certificates DROP COLUMN replaced_ms;"
        "ALTER TABLE certificates DROP COLUMN back_ms;"
        "PRAGMA user_version=2";
    struct hq_db db;
    sqlite3 *plain = NULL;
    assert_int_equal(hq_db_open_sqlite(file, &db, NULL), 0);
    hq_db_close(&db);
    assert_int_equal(sqlite3_open(file, &plain), SQLITE_OK);
    drop_triggers(plain);
    assert_int_equal(sqlite3_exec(plain, to_version_2, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(plain, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(plain), SQLITE_OK);
}

/* Entries of version 2 know nothing of crowds: theirs are reckoned from their records. */
static void a_database_of_version_2_is_brought_up(void **state)
{
    (void)state;
    struct hq_db db;
    struct err_text err = {""};
    struct plate_text plate;
    char old[80];
    char sql[512];
    int64_t number = 0;
    /* id 5, 鲁H10345, from 0 until 1 ms, class any, other, priority 2, stop */
    plate_encode("鲁H10345", strlen("鲁H10345"), PLATE_DASH_AUTO, &plate);
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO entries VALUES(5, 1, x'0500000000000000%016llx"
                   "00000000000000000100000000000000ffff0000020100000000000000000000"
                   "00000000000000000000000000000000', x'7b7d')",
                   (unsigned long long)__builtin_bswap64(plate.key)); /* fits */
    (void)snprintf(old, sizeof(old), "%s/old2", folder);              /* fits */
    make_old(old, sql);
    assert_int_equal(hq_db_open_sqlite(old, &db, &err), 0);
    assert_int_equal(
        hq_db_number(&db, "SELECT crowd FROM entries WHERE id = 5", NULL, 0, -1, &number, &err), 0);
    plate_encode("鲁HIQ34S", strlen("鲁HIQ34S"), PLATE_DASH_AUTO, &plate);
    assert_int_equal(number, match_crowd_of(plate.key));
    assert_int_not_equal(number, plate.key);
    hq_db_close(&db);
    assert_int_equal(unlink(old), 0);
}

/* Not half: what cannot be brought up stays what it was. */
static void a_record_that_cannot_be_read_stops_the_bringing_up(void **state)
{
    (void)state;
    struct hq_db db;
    struct err_text err = {""};
    char old[80];
    sqlite3 *plain = NULL;
    (void)snprintf(old, sizeof(old), "%s/old3", folder); /* fits */
    make_old(old, "INSERT INTO entries VALUES(5, 1, x'05', x'7b7d')");
    assert_int_not_equal(hq_db_open_sqlite(old, &db, &err), 0);
    assert_non_null(strstr(err.text, "an entry's record cannot be read"));
    assert_int_equal(sqlite3_open(old, &plain), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(plain, "SELECT crowd FROM entries", NULL, NULL, NULL),
                         SQLITE_OK);
    assert_int_equal(sqlite3_close(plain), SQLITE_OK);
    assert_int_equal(unlink(old), 0);
}

/* What version 1 wrote stays, and what version 2 has is there. */
static void a_database_of_version_1_is_brought_up(void **state)
{
    (void)state;
    struct hq_db db;
    struct err_text err = {""};
    char old[80];
    int64_t number = 0;
    (void)snprintf(old, sizeof(old), "%s/old", folder); /* fits */
    make_old(old, "DROP TABLE answers;"
                  "ALTER TABLE checkpoints DROP COLUMN policy_version;"
                  "INSERT INTO checkpoints(id, name, created_ms) VALUES('n', 'N', 7);"
                  "PRAGMA user_version=1");
    assert_int_equal(hq_db_open_sqlite(old, &db, &err), 0);
    assert_int_equal(hq_db_number(&db,
                                  "SELECT created_ms FROM checkpoints WHERE policy_version IS NULL",
                                  NULL, 0, -1, &number, &err),
                     0);
    assert_int_equal(number, 7);
    assert_int_equal(hq_db_number(&db, "SELECT count(*) FROM answers", NULL, 0, -1, &number, &err),
                     0);
    assert_int_equal(number, 0);
    hq_db_close(&db);
    assert_int_equal(unlink(old), 0);
}

static const char *const kept[] = {
    "INSERT INTO records VALUES('n', x'01', 1, x'02', 'passage', 5, 6, x'616263')",
    "INSERT INTO answers VALUES(1, 'n', x'01', 2, 5, 6, x'61626364')",
    "INSERT INTO hits VALUES(1, 'n', x'01', 3, 5, 6, 0, x'61626364')",
    "INSERT INTO urgents VALUES('n', x'01', 4, 'hit', 5, 6, x'616263')",
    "INSERT INTO own_records VALUES(1, x'01', x'02', x'616263', 5)",
    ("INSERT INTO chains(checkpoint, chain, state, sequence, head, opened_ms)"
     " VALUES('n', x'01', 'active', 9, x'02', 5)"),
    "INSERT INTO batches VALUES(1, x'01', 5, x'02', 'zhang')",
    "INSERT INTO acts VALUES(1, 'zhang', 5, 'PUT', '/', x'01', 200)",
    "INSERT INTO case_holds(case_number, reason, begun_by, begun_ms) VALUES('c', 'r', 'li', 5)",
    ("INSERT INTO instructions(number, checkpoint, id, kind, signed_by, sent_by, time_ms,"
     " expires_ms) VALUES(1, 'n', 1, 'hold', 'wang', 'zhang', 5, 9)"),
};

/* What neither connection may do. */
static const char *const never[] = {
    "DELETE FROM records",
    "DELETE FROM answers",
    "DELETE FROM hits",
    "DELETE FROM urgents",
    "DELETE FROM own_records",
    "DELETE FROM chains",
    "DELETE FROM batches",
    "DELETE FROM acts",
    "DELETE FROM case_holds",
    "UPDATE records SET hash = x'03', line = x'61'",
    "UPDATE records SET line = x'616264'",
    "UPDATE records SET sequence = 7, line = x'61'",
    "UPDATE answers SET body = x'61626365'",
    "UPDATE hits SET body = x'61626365'",
    "UPDATE hits SET provisional = 1",
    "UPDATE hits SET sequence = 7",
    "UPDATE urgents SET line = x'616264'",
    "UPDATE own_records SET body = x'616264'",
    "UPDATE own_records SET header = x'03', body = NULL, salt = NULL",
    "UPDATE own_records SET body = NULL",
    "UPDATE chains SET sequence = 8",
    "UPDATE batches SET operator = 'li'",
    "UPDATE acts SET status = 403",
    "UPDATE case_holds SET reason = 'x', ended_ms = 7",
    "DELETE FROM instructions",
    "UPDATE instructions SET kind = 'message'",
    "UPDATE instructions SET signed_by = 'li'",
    "UPDATE instructions SET expires_ms = 99, answered_ms = 7",
    "UPDATE instructions SET verdict = '{}', answered_ms = 7",
    "UPDATE instructions SET result = 'done'",
    ("REPLACE INTO instructions(number, checkpoint, id, kind, signed_by, sent_by, time_ms,"
     " expires_ms) VALUES(1, 'n', 1, 'message', 'wang', 'zhang', 5, 9)"),
    "INSERT OR REPLACE INTO records VALUES('n', x'01', 1, x'03', 'hit', 5, 6, x'61')",
    "INSERT OR REPLACE INTO own_records VALUES(1, x'03', x'02', x'61', 5)",
    "INSERT OR REPLACE INTO batches VALUES(1, x'03', 5, x'02', 'li')",
    "REPLACE INTO hits VALUES(1, 'n', x'01', 3, 5, 6, 1, x'61')",
};

/* What the retention program may do and hqd not. */
static const char *const retention[] = {
    "UPDATE records SET line = x'61'",
    "UPDATE answers SET body = x'7b7d'",
    "UPDATE hits SET body = x'7b7d'",
    "UPDATE urgents SET line = x'61'",
    "UPDATE own_records SET salt = NULL, body = NULL",
};

static const char *const hqds_own[] = {
    "UPDATE chains SET sequence = 10, head = x'05', state = 'quarantined'",
    "UPDATE case_holds SET ended_ms = 7, ended_by = 'li', end_reason = 'closed'",
    "UPDATE instructions SET answered_ms = 7, sequence = 3, result = 'done', why = NULL",
    "INSERT INTO hits VALUES(2, 'n', x'01', 4, 5, 6, 1, x'61')",
    "UPDATE hits SET provisional = 0 WHERE number = 2",
    "INSERT INTO hits VALUES(3, 'n', x'01', 5, 5, 6, 1, x'61')",
    "DELETE FROM hits WHERE number = 3",
    "INSERT INTO records VALUES('n', x'01', 4, x'02', 'hit', 5, 6, x'61')",
    "DELETE FROM urgents",
};

static void refuse_all(struct hq_db *db, const char *const *statements, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct err_text err = {""};
        if (hq_db_exec(db, statements[i], NULL, 0, &err) == 0)
            fail_msg("taken: %s", statements[i]);
        assert_non_null(strstr(err.text, "records are neither changed nor deleted"));
    }
}

static void take_all(struct hq_db *db, const char *const *statements, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct err_text err = {""};
        if (hq_db_exec(db, statements[i], NULL, 0, &err) != 0)
            fail_msg("%s: %s", statements[i], err.text);
    }
}

#define ALL(statements) statements, sizeof(statements) / sizeof((statements)[0])

static void records_are_neither_changed_nor_deleted(void **state)
{
    (void)state;
    struct hq_db db;
    struct hq_db other;
    char file[80];
    sqlite3 *plain = NULL;
    (void)snprintf(file, sizeof(file), "%s/guarded", folder);                 /* fits */
    assert_int_not_equal(hq_db_open_sqlite_retention(file, &other, NULL), 0); /* makes none */
    assert_int_equal(hq_db_open_sqlite(file, &db, NULL), 0);
    take_all(&db, ALL(kept));
    refuse_all(&db, ALL(never));
    refuse_all(&db, ALL(retention));
    assert_int_equal(hq_db_open_sqlite_retention(file, &other, NULL), 0);
    refuse_all(&other, ALL(never));
    take_all(&other, ALL(retention));
    take_all(&db, ALL(hqds_own));
    refuse_all(&db, ALL(((const char *const[]){"UPDATE case_holds SET ended_ms = NULL",
                                               "UPDATE instructions SET answered_ms = NULL",
                                               "UPDATE instructions SET answered_ms = 8",
                                               "UPDATE instructions SET result = 'failed'"})));
    assert_int_equal(hq_db_scrub(&other, NULL), 0);
    hq_db_close(&other);
    hq_db_close(&db);
    /* a program that is none of ours */
    assert_int_equal(sqlite3_open(file, &plain), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(plain, retention[0], NULL, NULL, NULL), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(plain, never[0], NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(plain), SQLITE_OK);
    assert_int_equal(unlink(file), 0);
}

/* ERR_CORRUPT is the word for what a peer sent: a box must not be blamed for our own disk. */
static void a_damaged_page_is_our_own_fault(void **state)
{
    (void)state;
    struct hq_db db;
    struct err_text err = {""};
    char file_path[80];
    static char zeros[65536];
    (void)snprintf(file_path, sizeof(file_path), "%s/damaged", folder); /* fits */
    assert_int_equal(hq_db_open_sqlite(file_path, &db, &err), 0);
    hq_db_close(&db);
    FILE *file = fopen(file_path, "r+e");
    assert_non_null(file);
    assert_int_equal(fseek(file, 4096, SEEK_SET), 0); /* the first page holds the schema */
    assert_int_equal(fwrite(zeros, 1, sizeof(zeros), file), sizeof(zeros));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(hq_db_open_sqlite(file_path, &db, &err), 0);
    int rc = hq_db_exec(&db, "INSERT INTO checkpoints(id, name, created_ms) VALUES('a', 'b', 1)",
                        NULL, 0, &err);
    assert_int_equal(rc, ERR_IO);
    assert_non_null(strstr(err.text, "stored data damaged"));
    hq_db_close(&db);
    assert_int_equal(unlink(file_path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committed_rows_survive_reopening),
        cmocka_unit_test(bytes_come_back_whole),
        cmocka_unit_test(a_file_that_is_no_database_is_refused),
        cmocka_unit_test(another_programs_database_is_refused_untouched),
        cmocka_unit_test(a_database_of_version_1_is_brought_up),
        cmocka_unit_test(a_database_of_version_2_is_brought_up),
        cmocka_unit_test(a_record_that_cannot_be_read_stops_the_bringing_up),
        cmocka_unit_test(records_are_neither_changed_nor_deleted),
        cmocka_unit_test(a_damaged_page_is_our_own_fault),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
