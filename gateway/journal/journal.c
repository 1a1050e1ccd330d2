/* See journal.h. */
#include "gateway/journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "gateway/base/encode.h"
#include "gateway/base/file.h"
#include "gateway/base/json.h"
#include "gateway/base/trusted_time.h"
#include "gateway/journal/private.h"

enum { TAIL_CHECKED = 256, WALL_NAME_SIZE = 64 };

static const char own_actor[] = "journal";

/* ---- files beside the database ---- */

static int make_reserve(const struct journal *j)
{
    uint64_t size = j->options.reserve_bytes;
    struct statvfs disk;
    if (access(j->reserve_path, F_OK) == 0)
        return 0;
    if (statvfs(j->options.folder, &disk) != 0 || disk.f_bavail * disk.f_frsize < 2 * size)
        return ERR_FULL;
    int fd = open(j->reserve_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_IO;
    int failed = posix_fallocate(fd, 0, (off_t)size);
    close(fd);
    if (failed != 0)
        unlink(j->reserve_path); /* half a reserve is none */
    return failed == 0 ? 0 : ERR_FULL;
}

/* Overwrites before the rename, so that the old private key is gone from the file it stood in. */
static void wipe_file(const char *path)
{
    uint8_t zeros[SEAL_KEY_SIZE] = {0};
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    /* Best effort on flash; the seal is safe once the rename below is. */
    bool wiped = write(fd, zeros, sizeof zeros) == (ssize_t)sizeof zeros && fsync(fd) == 0;
    (void)wiped;
    close(fd);
}

static int promote_next_key(const struct journal *j, struct err_text *err)
{
    wipe_file(j->key_path);
    if (rename(j->next_key_path, j->key_path) != 0)
        return err_set(err, ERR_IO, "%s: %s", j->key_path, strerror(errno));
    return 0;
}

static int load_key(const char *path, uint8_t out[SEAL_KEY_SIZE], struct err_text *err)
{
    uint8_t *data;
    size_t size;
    int result = file_read(path, SEAL_KEY_SIZE, &data, &size, err);
    if (result != 0)
        return result;
    if (size == SEAL_KEY_SIZE)
        memcpy(out, data, size);
    else
        result = err_set(err, ERR_CORRUPT, "%s: %zu bytes, expected %d", path, size, SEAL_KEY_SIZE);
    explicit_bzero(data, size);
    free(data);
    return result;
}

/* ---- appending ---- */

static int insert_record(struct journal *j, const struct journal_entry *entry,
                         struct journal_head *head, struct err_text *err)
{
    struct journal_record record = {.has_body = true, .body = entry->body};
    struct journal_header *h = &record.header;
    record.body_size = entry->body_size;
    memcpy(h->chain, head->chain, sizeof h->chain);
    memcpy(h->boot, j->boot, sizeof h->boot);
    memcpy(h->previous, head->hash, sizeof h->previous);
    h->sequence = head->sequence + 1;
    h->kind = entry->kind;
    h->wall = entry->wall;
    h->mono = entry->mono;
    snprintf(h->actor, sizeof h->actor, "%s", entry->actor);
    if (RAND_bytes(record.salt, sizeof record.salt) != 1 ||
        journal_digest(record.salt, record.body, record.body_size, h->digest) != 0)
        return err_set(err, ERR_IO, "no random bytes or no memory");
    journal_header_write(h, record.bytes);
    int result = journal_head_follow(head, &record, err);
    if (result != 0)
        return result;
    sqlite3_reset(j->insert);
    sqlite3_bind_int64(j->insert, 1, (sqlite3_int64)h->sequence);
    sqlite3_bind_int(j->insert, 2, (int)h->kind);
    sqlite3_bind_int64(j->insert, 3, h->wall.ms);
    sqlite3_bind_blob(j->insert, 4, record.bytes, sizeof record.bytes, SQLITE_TRANSIENT);
    sqlite3_bind_blob(j->insert, 5, record.salt, sizeof record.salt, SQLITE_TRANSIENT);
    sqlite3_bind_blob64(j->insert, 6, record.body, record.body_size, SQLITE_TRANSIENT);
    sqlite3_bind_blob(j->insert, 7, head->hash, sizeof head->hash, SQLITE_TRANSIENT);
    result = sqlite3_step(j->insert) == SQLITE_DONE ? 0 : store_error(j->db, "append", err);
    sqlite3_reset(j->insert);
    return result;
}

static int append_once(struct journal *j, const struct journal_entry *entries, size_t count,
                       struct err_text *err)
{
    struct journal_head head = j->head;
    int result = store_exec(j->db, "BEGIN IMMEDIATE", err);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = insert_record(j, &entries[i], &head, err);
    if (result == 0)
        result = store_exec(j->db, "COMMIT", err);
    if (result != 0) {
        if (!sqlite3_get_autocommit(j->db))
            sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL); /* the error is told already */
        return result;
    }
    j->head = head;
    return 0;
}

static int check_entries(const struct journal *j, const struct journal_entry *entries, size_t count,
                         struct err_text *err)
{
    if (count == 0 || count > JOURNAL_GROUP_MAX)
        return err_set(err, ERR_TOO_LARGE, "%zu records at once, expected 1 to %d", count,
                       JOURNAL_GROUP_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t actor = strlen(entries[i].actor);
        if (!journal_kind_name(entries[i].kind) || actor == 0 || actor > JOURNAL_ACTOR_SIZE)
            return err_set(err, ERR_INVALID, "record %zu of the group: kind or actor", i);
        if (entries[i].body_size > JOURNAL_BODY_MAX)
            return err_set(err, ERR_TOO_LARGE, "body of %zu bytes, expected at most %d",
                           entries[i].body_size, JOURNAL_BODY_MAX);
        if (j->reserve_used && !entries[i].essential)
            return err_set(err, ERR_FULL, "the disk is full: only holds and acts are recorded");
    }
    return 0;
}

static bool all_essential(const struct journal_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!entries[i].essential)
            return false;
    return true;
}

int journal_append(struct journal *j, const struct journal_entry *entries, size_t count,
                   uint64_t *out_sequence, struct err_text *err)
{
    int result = check_entries(j, entries, count, err);
    if (result == ERR_INVALID || result == ERR_TOO_LARGE)
        return result;
    uint64_t first = j->head.sequence + 1;
    if (result == 0)
        result = append_once(j, entries, count, err);
    if (result == ERR_FULL && !j->reserve_used && unlink(j->reserve_path) == 0) {
        j->reserve_used = true;
        if (all_essential(entries, count))
            result = append_once(j, entries, count, err);
    }
    j->failed = result != 0;
    if (result == 0)
        *out_sequence = first;
    return result;
}

static int append_own(struct journal *j, enum journal_kind kind, const char *body, size_t size,
                      struct err_text *err)
{
    uint64_t sequence;
    struct journal_entry entry = {.kind = kind,
                                  .actor = own_actor,
                                  .body = body,
                                  .body_size = size,
                                  .wall = clock_wall(j->options.clock),
                                  .mono = clock_mono(j->options.clock),
                                  .essential = true};
    return journal_append(j, &entry, 1, &sequence, err);
}

/* ---- seals ---- */

static int append_seal(struct journal *j, struct err_text *err)
{
    struct seal seal = {.sequence = j->head.sequence};
    uint8_t next[SEAL_KEY_SIZE];
    char *body = NULL;
    size_t size;
    memcpy(seal.hash, j->head.hash, sizeof seal.hash);
    int result = seal_key_make(next, seal.next);
    if (result == 0)
        result = file_write_atomic(j->next_key_path, next, sizeof next, 0600, err);
    if (result == 0)
        result = seal_sign(&seal, j->head.chain, j->seal_key);
    if (result == 0)
        result = seal_body_write(&seal, &body, &size);
    if (result == 0)
        result = append_own(j, JOURNAL_SEAL, body, size, err);
    if (result == 0)
        result = promote_next_key(j, err);
    if (result == 0) {
        memcpy(j->seal_key, next, sizeof next);
        j->sealed_at = clock_mono(j->options.clock);
    }
    explicit_bzero(next, sizeof next);
    free(body);
    return result;
}

/* A new chain begins with a seal over nothing, which names its first two keys. */
static int begin_chain(struct journal *j, struct err_text *err)
{
    uint8_t public_key[SEAL_KEY_SIZE];
    if (RAND_bytes(j->head.chain, sizeof j->head.chain) != 1)
        return err_set(err, ERR_IO, "no random bytes");
    int result = seal_key_make(j->seal_key, public_key);
    if (result == 0)
        result = file_write_atomic(j->key_path, j->seal_key, sizeof j->seal_key, 0600, err);
    return result == 0 ? append_seal(j, err) : result;
}

/* ---- opening ---- */

struct last_seal {
    bool found;
    struct seal seal;
};

static int take_tail_row(struct journal *j, sqlite3_stmt *rows, bool first, struct err_text *err)
{
    struct journal_record record;
    const uint8_t *hash;
    int result = store_row_record(rows, &record, &hash, err);
    if (result != 0)
        return result;
    if (first) {
        memcpy(j->head.chain, record.header.chain, sizeof j->head.chain);
        memcpy(j->head.hash, record.header.previous, sizeof j->head.hash);
        j->head.sequence = record.header.sequence - 1;
    }
    result = journal_head_follow(&j->head, &record, err);
    if (result == 0 && memcmp(hash, j->head.hash, JOURNAL_HASH_SIZE) != 0)
        result = err_set(err, ERR_CORRUPT, "record %llu: its stored hash is another",
                         (unsigned long long)record.header.sequence);
    return result == 0 ? 0 : ERR_CORRUPT;
}

/* The last records must hold together before anything is added behind them. */
static int check_tail(struct journal *j, struct err_text *err)
{
    sqlite3_stmt *rows = NULL;
    const char *sql = "SELECT * FROM (SELECT " STORE_ROW_COLUMNS
                      " FROM record ORDER BY sequence DESC LIMIT ?) ORDER BY sequence";
    if (sqlite3_prepare_v2(j->db, sql, -1, &rows, NULL) != SQLITE_OK)
        return store_error(j->db, "tail", err);
    sqlite3_bind_int(rows, 1, TAIL_CHECKED);
    int result = 0;
    int step;
    bool first = true;
    while (result == 0 && (step = sqlite3_step(rows)) != SQLITE_DONE) {
        result = step == SQLITE_ROW ? take_tail_row(j, rows, first, err)
                                    : store_error(j->db, "tail", err);
        first = false;
    }
    sqlite3_finalize(rows);
    return result;
}

static int find_last_seal(struct journal *j, struct last_seal *out, struct err_text *err)
{
    sqlite3_stmt *rows = NULL;
    const char *sql = "SELECT body FROM record WHERE kind = ? ORDER BY sequence DESC LIMIT 1";
    if (sqlite3_prepare_v2(j->db, sql, -1, &rows, NULL) != SQLITE_OK)
        return store_error(j->db, "seal", err);
    sqlite3_bind_int(rows, 1, JOURNAL_SEAL);
    int result = 0;
    int step = sqlite3_step(rows);
    if (step == SQLITE_ROW) {
        result = seal_body_read(sqlite3_column_blob(rows, 0), (size_t)sqlite3_column_bytes(rows, 0),
                                &out->seal, err);
        out->found = result == 0;
    } else if (step != SQLITE_DONE) {
        result = store_error(j->db, "seal", err);
    }
    sqlite3_finalize(rows);
    return result == ERR_INVALID ? ERR_CORRUPT : result;
}

/* The key that fits the last seal: normally seal.key, or seal.key.next when power failed between
 * the seal's commit and the rename. */
static int restore_key(struct journal *j, struct err_text *err)
{
    struct last_seal last = {0};
    uint8_t public_key[SEAL_KEY_SIZE];
    int result = find_last_seal(j, &last, err);
    if (result == 0 && !last.found)
        return err_set(err, ERR_CORRUPT, "no seal in the chain");
    if (result != 0)
        return result;
    if (load_key(j->key_path, j->seal_key, err) == 0 &&
        seal_key_public(j->seal_key, public_key) == 0 &&
        memcmp(public_key, last.seal.next, sizeof public_key) == 0)
        return 0;
    if (load_key(j->next_key_path, j->seal_key, err) == 0 &&
        seal_key_public(j->seal_key, public_key) == 0 &&
        memcmp(public_key, last.seal.next, sizeof public_key) == 0)
        return promote_next_key(j, err);
    return err_set(err, ERR_CORRUPT, "%s: not the key the last seal names", j->key_path);
}

static int load_confirmed(struct journal *j, struct err_text *err)
{
    char *text = NULL;
    int result = store_meta_get(j->db, "confirmed", &text, err);
    j->confirmed = text ? strtoull(text, NULL, 10) : 0;
    free(text);
    return result;
}

static int append_start(struct journal *j, struct err_text *err)
{
    char *body = NULL;
    size_t size;
    json_t *object = json_pack("{s:s,s:i}", "checkpoint", j->options.checkpoint, "format", 1);
    int result = object ? json_canonical(object, &body, &size) : ERR_NO_MEMORY;
    json_decref(object);
    if (result == 0)
        result = append_own(j, JOURNAL_START, body, size, err);
    free(body);
    return result;
}

static int set_paths(struct journal *j, struct err_text *err)
{
    const char *folder = j->options.folder;
    int result = store_path(folder, "journal.sqlite", j->path, err);
    if (result == 0)
        result = store_path(folder, "seal.key", j->key_path, err);
    if (result == 0)
        result = store_path(folder, "seal.key.next", j->next_key_path, err);
    return result == 0 ? store_path(folder, "reserve", j->reserve_path, err) : result;
}

static int open_chain(struct journal *j, struct err_text *err)
{
    int result = store_open(j->path, false, &j->db, err);
    if (result == 0 &&
        sqlite3_prepare_v2(j->db,
                           "INSERT INTO record (sequence, kind, wall, header, salt, body, hash)"
                           " VALUES (?, ?, ?, ?, ?, ?, ?)",
                           -1, &j->insert, NULL) != SQLITE_OK)
        result = store_error(j->db, j->path, err);
    if (result == 0)
        result = check_tail(j, err);
    if (result == 0)
        result = load_confirmed(j, err);
    if (result == 0)
        result = j->head.sequence == 0 ? begin_chain(j, err) : restore_key(j, err);
    if (result == 0)
        result = append_start(j, err);
    if (result == ERR_FULL && j->head.sequence > 0) {
        j->start_owed = true; /* a full disk must not keep the lanes from running */
        result = 0;
    }
    return result == 0 ? 0 : err_prefix(err, result, "%s", j->path);
}

static void free_journal(struct journal *j)
{
    sqlite3_finalize(j->insert);
    sqlite3_close(j->db);
    explicit_bzero(j, sizeof *j);
    free(j);
}

int journal_open(const struct journal_options *options, struct journal **out, struct err_text *err)
{
    struct journal *j = calloc(1, sizeof *j);
    if (!j)
        return err_set(err, ERR_NO_MEMORY, "journal: no memory");
    j->options = *options;
    if (j->options.seal_interval_ms == 0)
        j->options.seal_interval_ms = JOURNAL_SEAL_INTERVAL_DEFAULT_MS;
    if (j->options.reserve_bytes == 0)
        j->options.reserve_bytes = JOURNAL_RESERVE_DEFAULT_BYTES;
    int result = set_paths(j, err);
    if (result == 0)
        result = time_boot_id(j->boot) == 0 ? 0 : err_set(err, ERR_IO, "boot id: cannot be read");
    if (result == 0)
        j->reserve_used = make_reserve(j) != 0;
    if (result == 0)
        result = open_chain(j, err);
    if (result != 0) {
        free_journal(j);
        return result;
    }
    j->sealed_at = clock_mono(j->options.clock);
    j->log_holds_deleted = true; /* the run before may have ended between the two */
    *out = j;
    return 0;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    /* A full disk must not keep the program from ending; the chain is whole without these two. */
    struct err_text err;
    if (append_own(j, JOURNAL_STOP, "{}", 2, &err) == 0 && append_seal(j, &err) != 0)
        j->failed = true;
    free_journal(j);
}

static int rename_aside(const char *folder, const char *name, const char *ending,
                        struct wall_time now, struct err_text *err)
{
    char from_name[WALL_NAME_SIZE];
    char from[STORE_PATH_SIZE];
    char to_name[WALL_NAME_SIZE];
    char to[STORE_PATH_SIZE];
    snprintf(from_name, sizeof from_name, "%s%s", name, ending);
    snprintf(to_name, sizeof to_name, "%s.damaged-%" PRId64 "%s", name, now.ms, ending);
    int result = store_path(folder, from_name, from, err);
    if (result == 0)
        result = store_path(folder, to_name, to, err);
    if (result == 0 && rename(from, to) != 0 && errno != ENOENT)
        result = err_set(err, ERR_IO, "%s: %s", from, strerror(errno));
    return result;
}

int journal_set_aside(const char *folder, struct wall_time now, struct err_text *err)
{
    /* The endings stay behind, so that SQLite still finds the write-ahead log of the file. */
    static const char *const names[][2] = {{"journal.sqlite", ""},
                                           {"journal.sqlite", "-wal"},
                                           {"journal.sqlite", "-shm"},
                                           {"seal.key", ""},
                                           {"seal.key.next", ""}};
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof names / sizeof names[0]; i++)
        result = rename_aside(folder, names[i][0], names[i][1], now, err);
    return result;
}

int journal_maintain(struct journal *j, struct err_text *err)
{
    if (j->reserve_used && make_reserve(j) == 0)
        j->reserve_used = false;
    if (j->start_owed) {
        int result = append_start(j, err);
        if (result != 0)
            return result;
        j->start_owed = false;
    }
    struct mono_time due = mono_add_ms(j->sealed_at, j->options.seal_interval_ms);
    return mono_before(clock_mono(j->options.clock), due) ? 0 : append_seal(j, err);
}

bool journal_healthy(const struct journal *j)
{
    return !j->reserve_used && !j->failed;
}

bool journal_failed(const struct journal *j)
{
    return j->failed && !j->reserve_used;
}

void journal_head_read(const struct journal *j, struct journal_head *out)
{
    *out = j->head;
}

uint64_t journal_confirmed(const struct journal *j)
{
    return j->confirmed;
}
