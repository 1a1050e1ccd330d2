/* See verify.h. */
#include "gateway/journal/verify.h"

#include <stdio.h>
#include <string.h>

#include "gateway/journal/seal.h"
#include "gateway/journal/store.h"

enum { READ_AT_ONCE = 1000 };

struct walk {
    struct journal_head head;
    uint8_t next_key[SEAL_KEY_SIZE]; /* that must sign the next seal */
    const struct journal_anchor *anchors;
    size_t anchor_count;
    struct journal_report report;
};

static void fault(struct walk *walk, uint64_t at)
{
    if (walk->report.fault_at == 0)
        walk->report.fault_at = at ? at : 1;
}

/* The first record names the chain and the first seal key. */
static int begin(struct walk *walk, const struct journal_record *record, struct err_text *err)
{
    struct seal genesis;
    if (record->header.kind != JOURNAL_SEAL || !record->has_body)
        return err_set(err, ERR_CORRUPT, "record 1 is not the seal that begins a chain");
    int result = seal_body_read(record->body, record->body_size, &genesis, err);
    if (result != 0)
        return result;
    memcpy(walk->head.chain, record->header.chain, sizeof walk->head.chain);
    memcpy(walk->report.chain, record->header.chain, sizeof walk->report.chain);
    memcpy(walk->next_key, genesis.key, sizeof walk->next_key);
    return 0;
}

static int check_seal(struct walk *walk, const struct journal_record *record, struct err_text *err)
{
    struct seal seal;
    if (!record->has_body)
        return err_set(err, ERR_CORRUPT, "record %llu: a seal without body",
                       (unsigned long long)record->header.sequence);
    int result = seal_body_read(record->body, record->body_size, &seal, err);
    if (result != 0)
        return err_prefix(err, result, "record %llu", (unsigned long long)record->header.sequence);
    if (seal.sequence != record->header.sequence - 1 ||
        memcmp(seal.hash, record->header.previous, sizeof seal.hash) != 0 ||
        memcmp(seal.key, walk->next_key, sizeof seal.key) != 0 ||
        seal_verify(&seal, record->header.chain) != 0)
        return err_set(err, ERR_CORRUPT, "record %llu: the seal is not by the key named before it",
                       (unsigned long long)record->header.sequence);
    memcpy(walk->next_key, seal.next, sizeof walk->next_key);
    walk->report.seals++;
    walk->report.sealed_to = record->header.sequence;
    return 0;
}

static int check_anchors(struct walk *walk, struct err_text *err)
{
    for (size_t i = 0; i < walk->anchor_count; i++) {
        const struct journal_anchor *anchor = &walk->anchors[i];
        if (anchor->head.sequence != walk->head.sequence)
            continue;
        if (memcmp(anchor->head.chain, walk->head.chain, sizeof walk->head.chain) != 0)
            return err_set(err, ERR_CONFLICT, "%s is of another chain", anchor->name);
        if (memcmp(anchor->head.hash, walk->head.hash, sizeof walk->head.hash) != 0)
            return err_set(err, ERR_CORRUPT, "record %llu is not the one %s vouches for",
                           (unsigned long long)walk->head.sequence, anchor->name);
        walk->report.anchored_to = walk->head.sequence;
        snprintf(walk->report.anchor, sizeof walk->report.anchor, "%s", anchor->name);
    }
    return 0;
}

static int take_record(struct walk *walk, const struct journal_record *record,
                       const uint8_t *stored_hash, struct err_text *err)
{
    int result = walk->head.sequence == 0 ? begin(walk, record, err) : 0;
    if (result == 0)
        result = journal_head_follow(&walk->head, record, err);
    if (result == 0 && memcmp(stored_hash, walk->head.hash, JOURNAL_HASH_SIZE) != 0)
        result = err_set(err, ERR_CORRUPT, "record %llu: its stored hash is another",
                         (unsigned long long)record->header.sequence);
    if (result == 0 && record->header.kind == JOURNAL_SEAL)
        result = check_seal(walk, record, err);
    if (result == 0)
        result = check_anchors(walk, err);
    walk->report.records++;
    walk->report.bodies += record->has_body;
    return result;
}

/* Takes up to READ_AT_ONCE rows. Returns 1 at the end, 0 for more, or an error; a fault in the
 * chain ends the walk too, with the report filled in. */
static int take_rows(struct walk *walk, sqlite3 *db, sqlite3_stmt *rows, struct err_text *err)
{
    sqlite3_reset(rows);
    sqlite3_bind_int64(rows, 1, (sqlite3_int64)walk->head.sequence);
    for (int i = 0; i < READ_AT_ONCE; i++) {
        int step = sqlite3_step(rows);
        if (step == SQLITE_DONE)
            return 1;
        if (step != SQLITE_ROW)
            return store_error(db, "read", err);
        struct journal_record record;
        const uint8_t *stored_hash;
        int result = store_row_record(rows, &record, &stored_hash, &walk->report.fault);
        if (result == 0)
            result = take_record(walk, &record, stored_hash, &walk->report.fault);
        if (result == ERR_NO_MEMORY)
            return result;
        if (result != 0) {
            fault(walk, (uint64_t)sqlite3_column_int64(rows, 0));
            return 1;
        }
    }
    return 0;
}

static void check_tail(struct walk *walk)
{
    for (size_t i = 0; i < walk->anchor_count && walk->report.fault_at == 0; i++) {
        const struct journal_anchor *anchor = &walk->anchors[i];
        if (anchor->head.sequence <= walk->head.sequence)
            continue;
        (void)err_set(&walk->report.fault, ERR_NOT_FOUND,
                      "records %llu to %llu are missing: %s vouches for them",
                      (unsigned long long)walk->head.sequence + 1,
                      (unsigned long long)anchor->head.sequence, anchor->name);
        fault(walk, walk->head.sequence + 1);
    }
    if (walk->report.records == 0 && walk->report.fault_at == 0) {
        (void)err_set(&walk->report.fault, ERR_NOT_FOUND, "the journal is empty");
        fault(walk, 1);
    }
}

/* The journal read-only, and its rows behind a sequence. */
static int open_rows(const char *folder, sqlite3 **db, sqlite3_stmt **rows, struct err_text *err)
{
    char path[STORE_PATH_SIZE];
    int result = store_path(folder, "journal.sqlite", path, err);
    if (result == 0)
        result = store_open(path, true, db, err);
    if (result == 0 && sqlite3_prepare_v2(*db,
                                          "SELECT " STORE_ROW_COLUMNS
                                          " FROM record WHERE sequence > ? ORDER BY sequence",
                                          -1, rows, NULL) != SQLITE_OK)
        result = store_error(*db, path, err);
    return result;
}

int journal_verify(const char *folder, const struct journal_anchor *anchors, size_t anchor_count,
                   struct journal_report *out, struct err_text *err)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    struct walk walk = {.anchors = anchors, .anchor_count = anchor_count};
    int result = open_rows(folder, &db, &rows, err);
    while (result == 0)
        result = take_rows(&walk, db, rows, err);
    sqlite3_finalize(rows);
    sqlite3_close(db);
    if (result < 0)
        return result;
    check_tail(&walk);
    walk.report.ok = walk.report.fault_at == 0;
    *out = walk.report;
    return 0;
}

int journal_salvage(const char *folder,
                    void (*take)(void *ctx, const struct journal_record *record, bool verified),
                    void *ctx, struct journal_report *out, struct err_text *err)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    struct walk walk = {0};
    struct journal_report *report = &walk.report;
    uint64_t at = 0;
    int result = open_rows(folder, &db, &rows, err);
    if (result == 0)
        sqlite3_bind_int64(rows, 1, 0);
    int step = result == 0 ? sqlite3_step(rows) : SQLITE_DONE; /* nobody writes: one transaction */
    for (; step == SQLITE_ROW; step = sqlite3_step(rows)) {
        struct journal_record record;
        struct err_text why = {""};
        const uint8_t *stored_hash;
        at = (uint64_t)sqlite3_column_int64(rows, 0);
        bool readable = store_row_record(rows, &record, &stored_hash, &why) == 0;
        if (report->fault_at == 0 &&
            (!readable || take_record(&walk, &record, stored_hash, &why) != 0)) {
            report->fault = why;
            fault(&walk, at);
        }
        if (readable)
            take(ctx, &record, report->fault_at == 0);
    }
    if (result == 0 && step != SQLITE_DONE && report->fault_at == 0) {
        int unread = store_error(db, "read", &report->fault);
        (void)unread; /* what was read before counts; the report says that there was more */
        fault(&walk, at + 1);
    }
    sqlite3_finalize(rows);
    sqlite3_close(db);
    if (result != 0)
        return result;
    check_tail(&walk);
    report->ok = report->fault_at == 0;
    *out = *report;
    return 0;
}
