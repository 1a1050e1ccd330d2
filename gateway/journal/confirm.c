/*
 * What headquarters has: its newest receipt, kept as an anchor. Journal's thread.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/journal/private.h"

static int check_hash(struct journal *j, const struct journal_head *head, struct err_text *err)
{
    sqlite3_stmt *query = NULL;
    if (sqlite3_prepare_v2(j->db, "SELECT hash FROM record WHERE sequence = ?", -1, &query, NULL) !=
        SQLITE_OK)
        return store_error(j->db, "confirm", err);
    sqlite3_bind_int64(query, 1, (sqlite3_int64)head->sequence);
    int step = sqlite3_step(query);
    int result = 0;
    if (step == SQLITE_DONE)
        result = err_set(err, ERR_NOT_FOUND, "no record %llu", (unsigned long long)head->sequence);
    else if (step != SQLITE_ROW)
        result = store_error(j->db, "confirm", err);
    else if (sqlite3_column_bytes(query, 0) != JOURNAL_HASH_SIZE ||
             memcmp(sqlite3_column_blob(query, 0), head->hash, JOURNAL_HASH_SIZE) != 0)
        result = err_set(err, ERR_CORRUPT, "record %llu has another hash than the receipt says",
                         (unsigned long long)head->sequence);
    sqlite3_finalize(query);
    return result;
}

static int store_confirmed(struct journal *j, uint64_t sequence, const char *receipt, size_t size,
                           struct err_text *err)
{
    char text[24];
    int digits = snprintf(text, sizeof text, "%llu", (unsigned long long)sequence);
    int result = store_exec(j->db, "BEGIN IMMEDIATE", err);
    if (result != 0)
        return result;
    result = store_meta_set(j->db, "receipt", receipt, size, err);
    if (result == 0)
        result = store_meta_set(j->db, "confirmed", text, (size_t)digits, err);
    if (result == 0)
        result = store_exec(j->db, "COMMIT", err);
    if (result != 0) {
        struct err_text ignored; /* the first error is the one to report */
        int rolled_back = store_exec(j->db, "ROLLBACK", &ignored);
        (void)rolled_back;
    }
    return result;
}

int journal_confirm(struct journal *j, const struct journal_head *head, const char *receipt,
                    size_t receipt_size, struct err_text *err)
{
    if (memcmp(head->chain, j->head.chain, sizeof head->chain) != 0)
        return err_set(err, ERR_CONFLICT, "the receipt is of another chain");
    int result = check_hash(j, head, err);
    if (result == 0 && head->sequence <= j->confirmed)
        return 0; /* headquarters was put back to an earlier state, or says it twice */
    if (result == 0)
        result = store_confirmed(j, head->sequence, receipt, receipt_size, err);
    if (result == 0)
        j->confirmed = head->sequence;
    return result;
}
