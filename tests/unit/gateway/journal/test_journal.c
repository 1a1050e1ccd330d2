/* The journal: what was appended is there after a kill, every change to it is found, a cut tail is
 * found by an anchor, a full disk still takes holds and acts. */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/json.h"
#include "gateway/journal/journal.h"
#include "gateway/journal/reader.h"
#include "gateway/journal/verify.h"

enum { RESERVE_BYTES = 256 * 1024, CHILD_SKIPPED = 77 };

struct bench {
    char folder[64];
    char path[128];
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    snprintf(b->folder, sizeof b->folder, "/tmp/journal.XXXXXX");
    if (!mkdtemp(b->folder))
        return -1;
    snprintf(b->path, sizeof b->path, "%s/journal.sqlite", b->folder);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"journal.sqlite",     "journal.sqlite-wal",
                                        "journal.sqlite-shm", "seal.key",
                                        "seal.key.next",      "reserve"};
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", b->folder, names[i]);
        unlink(path);
    }
    int result = rmdir(b->folder);
    free(b);
    return result;
}

static struct journal *open_at(const char *folder)
{
    struct journal_options options = {.folder = folder,
                                      .checkpoint = "lu-hz-01",
                                      .reserve_bytes = RESERVE_BYTES,
                                      .clock = &clock_system};
    struct journal *journal = NULL;
    struct err_text err;
    if (journal_open(&options, &journal, &err) != 0)
        fail_msg("%s", err.text);
    return journal;
}

static struct journal_entry entry(enum journal_kind kind, const char *body)
{
    return (struct journal_entry){.kind = kind,
                                  .actor = "lane",
                                  .body = body,
                                  .body_size = strlen(body),
                                  .wall = {1790000000000},
                                  .mono = {1},
                                  .essential = true};
}

static void append(struct journal *journal, const char *body)
{
    struct journal_entry one = entry(JOURNAL_HIT, body);
    uint64_t sequence;
    assert_int_equal(journal_append(journal, &one, 1, &sequence, NULL), 0);
}

static struct journal_report verify(struct bench *b, const struct journal_anchor *anchor)
{
    struct journal_report report;
    struct err_text err;
    if (journal_verify(b->folder, anchor, anchor ? 1 : 0, &report, &err) != 0)
        fail_msg("%s", err.text);
    return report;
}

static void assert_faulty(struct bench *b, const struct journal_anchor *anchor, uint64_t at,
                          const char *text)
{
    struct journal_report report = verify(b, anchor);
    assert_false(report.ok);
    assert_int_equal(report.fault_at, at);
    if (!strstr(report.fault.text, text))
        fail_msg("'%s' lacks '%s'", report.fault.text, text);
}

static void sql(struct bench *b, const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Seal, start, three hits, stop, seal. */
static struct journal_head small_journal(struct bench *b)
{
    struct journal_head head;
    struct journal *journal = open_at(b->folder);
    append(journal, "{\"hit\":1}");
    append(journal, "{\"hit\":2}");
    append(journal, "{\"hit\":3}");
    journal_head_read(journal, &head);
    journal_close(journal);
    return head;
}

static void a_chain_goes_on_over_restarts_and_verifies(void **state)
{
    struct bench *b = *state;
    struct journal_head head = small_journal(b);
    assert_int_equal(head.sequence, 5);
    struct journal *journal = open_at(b->folder);
    journal_head_read(journal, &head);
    append(journal, "{\"hit\":4}");
    journal_close(journal);
    struct journal_report report = verify(b, NULL);
    assert_true(report.ok);
    assert_int_equal(report.records, 11);
    assert_int_equal(report.seals, 3);
    assert_int_equal(report.sealed_to, 11);
    assert_int_equal(report.anchored_to, 0);
    assert_memory_equal(report.chain, head.chain, sizeof head.chain);
}

static void a_group_is_all_or_nothing(void **state)
{
    struct bench *b = *state;
    struct journal *journal = open_at(b->folder);
    struct journal_head before, after;
    struct journal_entry group[2] = {entry(JOURNAL_HIT, "{}"), entry(JOURNAL_HIT, "{}")};
    uint64_t sequence;
    group[1].actor = "";
    journal_head_read(journal, &before);
    assert_int_equal(journal_append(journal, group, 2, &sequence, NULL), ERR_INVALID);
    journal_head_read(journal, &after);
    assert_memory_equal(&before, &after, sizeof before);
    group[1].actor = "officer:wang";
    assert_int_equal(journal_append(journal, group, 2, &sequence, NULL), 0);
    assert_int_equal(sequence, before.sequence + 1);
    journal_close(journal);
    assert_true(verify(b, NULL).ok);
}

/* Flips one bit of each byte of a column of a record and back. Returns how many flips were found.
 */
static int flip_column(struct bench *b, sqlite3 *db, int sequence, const char *column, int *found)
{
    sqlite3_blob *blob;
    int flips = 0;
    assert_int_equal(sqlite3_blob_open(db, "main", "record", column, sequence, 1, &blob), 0);
    int size = sqlite3_blob_bytes(blob);
    for (int i = 0; i < size; i++, flips++) {
        uint8_t byte;
        assert_int_equal(sqlite3_blob_read(blob, &byte, 1, i), 0);
        uint8_t flipped = (uint8_t)(byte ^ (1u << ((i + sequence) % 8)));
        assert_int_equal(sqlite3_blob_write(blob, &flipped, 1, i), 0);
        sqlite3_blob_close(blob);
        *found += !verify(b, NULL).ok;
        assert_int_equal(sqlite3_blob_open(db, "main", "record", column, sequence, 1, &blob), 0);
        assert_int_equal(sqlite3_blob_write(blob, &byte, 1, i), 0);
    }
    sqlite3_blob_close(blob);
    return flips;
}

static void every_flipped_byte_is_found(void **state)
{
    static const char *const columns[] = {"header", "salt", "body", "hash"};
    struct bench *b = *state;
    sqlite3 *db;
    int flips = 0;
    int found = 0;
    small_journal(b);
    assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA synchronous=OFF", NULL, NULL, NULL), SQLITE_OK);
    for (int sequence = 1; sequence <= 7; sequence++)
        for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++)
            flips += flip_column(b, db, sequence, columns[c], &found);
    sqlite3_close(db);
    assert_true(flips > 7 * (JOURNAL_HEADER_SIZE + JOURNAL_SALT_SIZE + JOURNAL_HASH_SIZE));
    assert_int_equal(found, flips);
    assert_true(verify(b, NULL).ok);
}

static void a_removed_record_is_found(void **state)
{
    struct bench *b = *state;
    small_journal(b);
    sql(b, "DELETE FROM record WHERE sequence = 4");
    assert_faulty(b, NULL, 5, "records 4 to 4 are missing");
}

static void reordered_records_are_found(void **state)
{
    struct bench *b = *state;
    small_journal(b);
    sql(b, "UPDATE record SET sequence = 99 WHERE sequence = 3;"
           "UPDATE record SET sequence = 3 WHERE sequence = 4;"
           "UPDATE record SET sequence = 4 WHERE sequence = 99");
    assert_faulty(b, NULL, 3, "record 3 says it is record 4");
}

static void a_cut_tail_is_found_by_an_anchor(void **state)
{
    struct bench *b = *state;
    struct journal_anchor anchor = {.head = small_journal(b), .name = "HQ receipt"};
    struct journal_report whole = verify(b, &anchor);
    assert_true(whole.ok);
    assert_int_equal(whole.anchored_to, 5);
    assert_string_equal(whole.anchor, "HQ receipt");
    sql(b, "DELETE FROM record WHERE sequence >= 5");
    assert_true(verify(b, NULL).ok); /* the chain alone cannot know */
    assert_faulty(b, &anchor, 5, "records 5 to 5 are missing: HQ receipt vouches for them");
}

static void another_journal_under_the_anchor_is_found(void **state)
{
    struct bench *b = *state;
    struct journal_anchor anchor = {.head = small_journal(b), .name = "HQ receipt"};
    anchor.head.hash[0] ^= 1;
    assert_faulty(b, &anchor, 5, "record 5 is not the one HQ receipt vouches for");
}

static void a_damaged_tail_is_refused_and_set_aside(void **state)
{
    struct bench *b = *state;
    small_journal(b);
    sql(b, "UPDATE record SET body = CAST('{\"hit\":9}' AS BLOB) WHERE sequence = 4");
    struct journal_options options = {.folder = b->folder,
                                      .checkpoint = "lu-hz-01",
                                      .reserve_bytes = RESERVE_BYTES,
                                      .clock = &clock_system};
    struct journal *journal = NULL;
    struct err_text err;
    assert_int_equal(journal_open(&options, &journal, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.text, "record 4: the body is not the one recorded"));
    assert_int_equal(journal_set_aside(b->folder, (struct wall_time){7}, &err), 0);
    journal_close(open_at(b->folder));
    assert_true(verify(b, NULL).ok);
    char path[160];
    snprintf(path, sizeof path, "%s.damaged-7", b->path);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/seal.key.damaged-7", b->folder);
    assert_int_equal(unlink(path), 0);
}

/* What a build that knows more kinds appends; the program is not running. */
static void append_foreign(struct bench *b, int kind, const char *body)
{
    struct journal_record record = {.has_body = true, .body = body, .body_size = strlen(body)};
    struct journal_header *h = &record.header;
    uint8_t hash[JOURNAL_HASH_SIZE];
    sqlite3 *db;
    sqlite3_stmt *last, *insert;
    assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT header, hash FROM record ORDER BY sequence DESC",
                                        -1, &last, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(last), SQLITE_ROW);
    assert_int_equal(journal_header_read(sqlite3_column_blob(last, 0), h, NULL), 0);
    memcpy(h->previous, sqlite3_column_blob(last, 1), sizeof h->previous);
    sqlite3_finalize(last);
    h->sequence++;
    h->kind = (enum journal_kind)kind;
    assert_int_equal(journal_digest(record.salt, body, record.body_size, h->digest), 0);
    journal_header_write(h, record.bytes);
    assert_int_equal(journal_hash(record.bytes, hash), 0);
    assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO record VALUES (?, ?, 0, ?, ?, ?, ?)", -1,
                                        &insert, NULL),
                     SQLITE_OK);
    sqlite3_bind_int64(insert, 1, (sqlite3_int64)h->sequence);
    sqlite3_bind_int(insert, 2, kind);
    sqlite3_bind_blob(insert, 3, record.bytes, sizeof record.bytes, SQLITE_STATIC);
    sqlite3_bind_blob(insert, 4, record.salt, sizeof record.salt, SQLITE_STATIC);
    sqlite3_bind_blob(insert, 5, body, (int)record.body_size, SQLITE_STATIC);
    sqlite3_bind_blob(insert, 6, hash, sizeof hash, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
    sqlite3_finalize(insert);
    sqlite3_close(db);
}

struct seen {
    int records;
    int foreign;
};

static int see(void *ctx, const struct journal_record *record)
{
    struct seen *seen = ctx;
    seen->records++;
    if (record->header.kind == 200) {
        struct journal_wire wire;
        char *line;
        size_t size;
        seen->foreign++;
        assert_memory_equal(record->body, "{\"new\":1}", record->body_size);
        assert_int_equal(journal_wire_write(record, "urn:checkpoint:a", true, &line, &size), 0);
        assert_non_null(strstr(line, "\"type\":\"checkpoint.kind_200\""));
        assert_int_equal(journal_wire_read(line, size, &wire, NULL), 0);
        assert_memory_equal(wire.record.bytes, record->bytes, sizeof record->bytes);
        journal_wire_free(&wire);
        free(line);
    }
    return 0;
}

static struct seen read_kinds(struct bench *b, uint32_t kinds)
{
    struct journal_reader *reader;
    struct seen seen = {0};
    uint64_t last;
    assert_int_equal(journal_reader_open(b->folder, &reader, NULL), 0);
    assert_int_equal(journal_reader_read(reader, 0, kinds, 1000, see, &seen, &last, NULL), 0);
    journal_reader_close(reader);
    return seen;
}

/* Back from a newer build: its records are links of the chain like any other. */
static void kinds_of_a_newer_build_are_carried(void **state)
{
    struct bench *b = *state;
    small_journal(b);
    append_foreign(b, 200, "{\"new\":1}");
    append_foreign(b, JOURNAL_HIT, "{\"hit\":4}");
    append_foreign(b, JOURNAL_KIND_MAX, "{\"newer\":1}");
    struct journal *journal = open_at(b->folder);
    append(journal, "{\"hit\":5}");
    struct journal_entry one = entry((enum journal_kind)200, "{}");
    uint64_t sequence;
    assert_int_equal(journal_append(journal, &one, 1, &sequence, NULL), ERR_INVALID);
    journal_close(journal);
    struct journal_report report = verify(b, NULL);
    assert_true(report.ok);
    assert_int_equal(report.records, 14);
    assert_int_equal(report.sealed_to, 14);
    struct seen seen = read_kinds(b, 0);
    assert_int_equal(seen.records, 14);
    assert_int_equal(seen.foreign, 1);
    assert_int_equal(read_kinds(b, JOURNAL_KIND_BIT(JOURNAL_HIT)).records, 5);
    assert_int_equal(read_kinds(b, JOURNAL_KINDS_UNKNOWN).records, 2);
    assert_int_equal(read_kinds(b, JOURNAL_KINDS_UNKNOWN | JOURNAL_KIND_BIT(JOURNAL_HIT)).records,
                     7);
    /* They are verified too, and only they may have any kind but 0. */
    sql(b, "UPDATE record SET body = CAST('{\"new\":2}' AS BLOB) WHERE sequence = 8");
    assert_faulty(b, NULL, 8, "record 8: the body is not the one recorded");
    sql(b, "UPDATE record SET body = CAST('{\"new\":1}' AS BLOB) WHERE sequence = 8");
    assert_true(verify(b, NULL).ok);
    sql(b, "UPDATE record SET header = CAST(substr(header, 1, 6) || x'00' || substr(header, 8) AS "
           "BLOB)"
           " WHERE sequence = 8");
    assert_faulty(b, NULL, 8, "record kind 0, flags 0: expected 1 to 255, 0");
}

struct salvaged {
    uint64_t verified_to;
    int records;
};

static void salvage_one(void *ctx, const struct journal_record *record, bool verified)
{
    struct salvaged *salvaged = ctx;
    salvaged->records++;
    if (verified)
        salvaged->verified_to = record->header.sequence;
}

static struct salvaged salvage(struct bench *b, struct journal_report *report)
{
    struct salvaged salvaged = {0};
    struct err_text err;
    if (journal_salvage(b->folder, salvage_one, &salvaged, report, &err) != 0)
        fail_msg("%s", err.text);
    return salvaged;
}

static void what_can_be_read_of_a_damaged_journal_is(void **state)
{
    struct bench *b = *state;
    struct journal_report report;
    small_journal(b);
    struct salvaged all = salvage(b, &report);
    assert_true(report.ok);
    assert_int_equal(all.records, 7);
    assert_int_equal(all.verified_to, 7);
    /* An altered body: read, as all behind it, but nothing from there on is verified. */
    sql(b, "UPDATE record SET body = CAST('{\"hit\":9}' AS BLOB) WHERE sequence = 4");
    all = salvage(b, &report);
    assert_false(report.ok);
    assert_int_equal(report.fault_at, 4);
    assert_string_equal(report.fault.text, "record 4: the body is not the one recorded");
    assert_int_equal(all.records, 7);
    assert_int_equal(all.verified_to, 3);
    /* A row that is none: passed over. */
    sql(b, "UPDATE record SET header = x'00' WHERE sequence = 4");
    all = salvage(b, &report);
    assert_int_equal(report.fault_at, 4);
    assert_int_equal(all.records, 6);
    assert_int_equal(all.verified_to, 3);
    /* No database any more. */
    sql(b, "PRAGMA journal_mode=DELETE");
    FILE *file = fopen(b->path, "r+e");
    assert_non_null(file);
    assert_true(fputs("no database, no database", file) >= 0);
    assert_int_equal(fclose(file), 0);
    struct err_text err;
    assert_int_equal(journal_salvage(b->folder, salvage_one, &all, &report, &err), ERR_CORRUPT);
}

static void what_was_committed_survives_a_kill(void **state)
{
    struct bench *b = *state;
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t child = fork();
    if (child == 0) {
        struct journal *journal = open_at(b->folder);
        struct journal_entry one = entry(JOURNAL_HIT, "{\"hit\":1}");
        for (uint64_t sequence;;)
            if (journal_append(journal, &one, 1, &sequence, NULL) != 0 ||
                write(pipe_fds[1], &sequence, sizeof sequence) != (ssize_t)sizeof sequence)
                _exit(1);
    }
    close(pipe_fds[1]);
    uint64_t last = 0;
    for (int i = 0; i < 40; i++)
        assert_int_equal(read(pipe_fds[0], &last, sizeof last), sizeof last);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(pipe_fds[0], &last, sizeof last) == (ssize_t)sizeof last)
        continue;
    close(pipe_fds[0]);
    struct journal *journal = open_at(b->folder);
    journal_close(journal);
    struct journal_report report = verify(b, NULL);
    assert_true(report.ok);
    assert_true(report.records >= last);
}

/* In a mount namespace of its own: fills a small disk. Returns the child's exit status. */
static int fill_disk(const char *folder)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=3m") != 0)
        return CHILD_SKIPPED;
    struct journal *journal = open_at(folder);
    char body[4096];
    memset(body, 'x', sizeof body);
    struct journal_entry routine = entry(JOURNAL_PASSAGE, "");
    struct journal_entry act = entry(JOURNAL_ACT, "{\"what\":\"hold\"}");
    routine.body = body;
    routine.body_size = sizeof body;
    routine.essential = false;
    uint64_t sequence;
    int result = 0;
    for (int i = 0; i < 2000 && result == 0; i++)
        result = journal_append(journal, &routine, 1, &sequence, NULL);
    if (result != ERR_FULL || journal_healthy(journal))
        return 1;
    if (journal_append(journal, &act, 1, &sequence, NULL) != 0)
        return 2; /* holds and acts go on */
    if (journal_append(journal, &routine, 1, &sequence, NULL) != ERR_FULL ||
        journal_healthy(journal))
        return 3;
    journal_close(journal);
    struct journal_report report;
    if (journal_verify(folder, NULL, 0, &report, NULL) != 0 || !report.ok)
        return 4;
    return 0;
}

static void a_full_disk_still_takes_holds_and_acts(void **state)
{
    struct bench *b = *state;
    pid_t child = fork();
    if (child == 0)
        _exit(fill_disk(b->folder));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_SKIPPED) {
        print_message("skipped: no right to mount a small disk\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* The bytes are those a JSON library makes of the same members, and the id is found in them. */
static void expect_canonical(const char *line, size_t size)
{
    json_t *event = NULL;
    char *text = NULL;
    size_t text_size = 0;
    const char *id = NULL;
    size_t id_size = 0;
    assert_int_equal(strlen(line), size);
    assert_int_equal(json_parse(line, size, &event, NULL), 0);
    assert_int_equal(json_canonical(event, &text, &text_size), 0);
    assert_int_equal(text_size, size);
    assert_memory_equal(text, line, size);
    assert_true(journal_wire_id(line, size, &id, &id_size));
    assert_int_equal(id_size, json_string_length(json_object_get(event, "id")));
    assert_memory_equal(id, json_string_value(json_object_get(event, "id")), id_size);
    assert_false(journal_wire_id(line, size - 1, &id, &id_size));
    free(text);
    json_decref(event);
}

static void the_wire_form_round_trips_and_refuses_changes(void **state)
{
    (void)state;
    struct journal_record record = {.has_body = true, .body = "{\"hit\":1}", .body_size = 9};
    record.header = (struct journal_header){
        .sequence = 3, .kind = JOURNAL_HIT, .wall = {1790000000123}, .actor = "lane"};
    assert_int_equal(journal_digest(record.salt, record.body, 9, record.header.digest), 0);
    journal_header_write(&record.header, record.bytes);
    char *line;
    size_t size;
    struct journal_wire wire;
    struct err_text err;
    assert_int_equal(journal_wire_write(&record, "urn:checkpoint:a", true, &line, &size), 0);
    assert_int_equal(journal_wire_read(line, size, &wire, &err), 0);
    assert_string_equal(wire.source, "urn:checkpoint:a");
    assert_memory_equal(wire.record.bytes, record.bytes, sizeof record.bytes);
    assert_memory_equal(wire.record.body, record.body, 9);
    journal_wire_free(&wire);
    expect_canonical(line, size);
    char *salt = strstr(line, "\"salt\":\"");
    salt[8] = '1';
    assert_int_equal(journal_wire_read(line, size, &wire, &err), ERR_CORRUPT);
    free(line);
    assert_int_equal(journal_wire_write(&record, "urn:checkpoint:a", false, &line, &size), 0);
    assert_null(strstr(line, "data_base64"));
    expect_canonical(line, size);
    assert_int_equal(journal_wire_read(line, size, &wire, &err), 0);
    assert_false(wire.record.has_body);
    free(line);
    assert_int_equal(journal_wire_write(&record, "urn:\"a\"", false, &line, &size), ERR_INVALID);
}

/* Body sizes around every padding and the limit, all bytes in them, and headers at their limits. */
static void a_line_of_any_record_is_canonical(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 256, JOURNAL_BODY_MAX - 1, JOURNAL_BODY_MAX};
    static const int64_t walls[] = {INT64_MIN, -62167219200001, -1,       0,
                                    999,       253402300799999, INT64_MAX};
    char source[128];
    char *body = malloc(JOURNAL_BODY_MAX);
    assert_non_null(body);
    for (size_t i = 0; i < JOURNAL_BODY_MAX; i++)
        body[i] = (char)(i * 131 >> 3 ^ i);
    memset(source, '~', sizeof source);
    source[sizeof source - 1] = '\0';
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] * 7; i++) {
        struct journal_record record = {
            .has_body = true, .body = body, .body_size = sizes[i / 7], .salt = {0xFF, 0, 0x80}};
        struct journal_wire wire;
        char *line;
        size_t size;
        record.header =
            (struct journal_header){.chain = {0xFF, 0xEE},
                                    .sequence = i % 2 ? UINT64_MAX : 1,
                                    .kind = i % 3 ? JOURNAL_KIND_MAX : JOURNAL_HIT_ANSWER,
                                    .wall = {walls[i % 7]},
                                    .actor = "officer:王"};
        assert_int_equal(journal_digest(record.salt, body, record.body_size, record.header.digest),
                         0);
        journal_header_write(&record.header, record.bytes);
        assert_int_equal(journal_wire_write(&record, source, true, &line, &size), 0);
        assert_true(size <= JOURNAL_WIRE_MAX);
        expect_canonical(line, size);
        assert_int_equal(journal_wire_read(line, size, &wire, NULL), 0);
        assert_string_equal(wire.source, source);
        assert_int_equal(wire.record.body_size, record.body_size);
        assert_memory_equal(wire.record.body, body, record.body_size);
        assert_memory_equal(wire.record.bytes, record.bytes, sizeof record.bytes);
        journal_wire_free(&wire);
        free(line);
    }
    struct journal_record longer = {
        .has_body = true, .body = body, .body_size = JOURNAL_BODY_MAX + 1};
    char *none;
    size_t size;
    assert_int_equal(journal_wire_write(&longer, "a", true, &none, &size), ERR_INVALID);
    assert_int_equal(journal_wire_write(&longer, "\x7F", false, &none, &size), ERR_INVALID);
    assert_int_equal(journal_wire_write(&longer, "王", false, &none, &size), ERR_INVALID);
    free(body);
}

/* A line of `record` with another type; what journal_wire_read says to it. */
static int read_typed(const struct journal_record *record, const char *type)
{
    struct journal_wire wire;
    char line[2048];
    char *text;
    size_t size;
    assert_int_equal(journal_wire_write(record, "urn:checkpoint:a", true, &text, &size), 0);
    char *at = strstr(text, "\"type\":\"");
    assert_non_null(at);
    at += strlen("\"type\":\"");
    const char *end = strchr(at, '"');
    snprintf(line, sizeof line, "%.*s%s%s", (int)(at - text), text, type, end);
    free(text);
    int result = journal_wire_read(line, strlen(line), &wire, NULL);
    if (result == 0)
        journal_wire_free(&wire);
    return result;
}

/* Box and headquarters may be of different builds, whichever is newer. */
static void a_type_says_the_kind_by_name_or_number(void **state)
{
    (void)state;
    struct journal_record record = {.has_body = true, .body = "{}", .body_size = 2};
    record.header = (struct journal_header){
        .sequence = 3, .kind = JOURNAL_HIT, .wall = {1790000000123}, .actor = "lane"};
    assert_int_equal(journal_digest(record.salt, record.body, 2, record.header.digest), 0);
    journal_header_write(&record.header, record.bytes);
    assert_int_equal(read_typed(&record, "checkpoint.hit"), 0);
    assert_int_equal(read_typed(&record, "checkpoint.kind_4"), 0);
    assert_int_equal(read_typed(&record, "checkpoint.kind_5"), ERR_INVALID);
    assert_int_equal(read_typed(&record, "checkpoint.act"), ERR_INVALID);
    record.header.kind = (enum journal_kind)200;
    journal_header_write(&record.header, record.bytes);
    assert_int_equal(read_typed(&record, "checkpoint.kind_200"), 0);
    assert_int_equal(read_typed(&record, "checkpoint.what_comes_2"), 0);
    assert_int_equal(read_typed(&record, "checkpoint."), ERR_INVALID);
    assert_int_equal(read_typed(&record, "checkpoint.A"), ERR_INVALID);
    assert_int_equal(read_typed(&record, "checkpoint.a b"), ERR_INVALID);
    assert_int_equal(read_typed(&record, "other.kind_200"), ERR_INVALID);
    assert_int_equal(read_typed(&record, "checkpoint.abcdefghijklmnopqrstuvwxyz0123456"),
                     ERR_INVALID);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_chain_goes_on_over_restarts_and_verifies),
        CASE(a_group_is_all_or_nothing),
        CASE(every_flipped_byte_is_found),
        CASE(a_removed_record_is_found),
        CASE(reordered_records_are_found),
        CASE(a_cut_tail_is_found_by_an_anchor),
        CASE(another_journal_under_the_anchor_is_found),
        CASE(a_damaged_tail_is_refused_and_set_aside),
        CASE(kinds_of_a_newer_build_are_carried),
        CASE(what_can_be_read_of_a_damaged_journal_is),
        CASE(what_was_committed_survives_a_kill),
        CASE(a_full_disk_still_takes_holds_and_acts),
        cmocka_unit_test(the_wire_form_round_trips_and_refuses_changes),
        cmocka_unit_test(a_line_of_any_record_is_canonical),
        cmocka_unit_test(a_type_says_the_kind_by_name_or_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
