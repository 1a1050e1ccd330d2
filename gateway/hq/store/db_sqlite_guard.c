/*
 * See db_sqlite_guard.h. An update passes only where it is named here; "IS" compares NULLs too.
 */
#include "gateway/hq/store/db_sqlite_guard.h"

#include <stddef.h>

#define REFUSE(table)                                                                              \
    " BEGIN SELECT RAISE(ABORT, '" table ": records are neither changed nor deleted'); END;"
#define NO_DELETE(table) "CREATE TRIGGER " table "_no_delete BEFORE DELETE ON " table REFUSE(table)
#define NO_UPDATE(table) "CREATE TRIGGER " table "_no_update BEFORE UPDATE ON " table REFUSE(table)
#define UPDATE_ONLY(table, when)                                                                   \
    "CREATE TRIGGER " table "_no_update BEFORE UPDATE ON " table " WHEN NOT (" when                \
    ")" REFUSE(table)
#define SAME(column) "NEW." column " IS OLD." column
#define SAME_PLACE SAME("checkpoint") " AND " SAME("chain") " AND " SAME("sequence")
#define SAME_TIMES SAME("time_ms") " AND " SAME("received_ms")

const char hq_sqlite_guards[] =
    /* A body and its salt leave a line, the rest of it stays. */
    NO_DELETE("records") UPDATE_ONLY(
        "records", "may_forget() AND " SAME_PLACE " AND " SAME_TIMES " AND " SAME(
                       "hash") " AND " SAME("kind") " AND length(NEW.line) < length(OLD.line)")
        NO_DELETE("answers") UPDATE_ONLY(
            "answers",
            "may_forget() AND " SAME("number") " AND " SAME_PLACE " AND " SAME_TIMES
                                               " AND NEW.body = x'7b7d'") NO_DELETE("own_records")
            UPDATE_ONLY("own_records",
                        "may_forget() AND " SAME("sequence") " AND " SAME("header") " AND " SAME(
                            "time_ms") " AND NEW.salt IS NULL AND NEW.body IS NULL")
    /* A hit is told as provisional until its chain has it; then it stays. */
    "CREATE TRIGGER hits_no_delete BEFORE DELETE ON hits WHEN OLD.provisional = 0" REFUSE("hits")
        UPDATE_ONLY("hits", SAME("number") " AND " SAME_PLACE " AND " SAME_TIMES
                                           " AND NEW.provisional <= OLD.provisional"
                                           " AND (" SAME(
                                               "body") " OR (may_forget() AND NEW.body = x'7b7d'))")
    /* An urgent record goes when the chain holds the same; one that says something else stays. */
    "CREATE TRIGGER urgents_no_delete BEFORE DELETE ON urgents WHEN NOT EXISTS(SELECT 1 FROM "
    "records r"
    " WHERE r.checkpoint = OLD.checkpoint AND r.chain = OLD.chain AND r.sequence = OLD.sequence"
    " AND r.line = OLD.line)" REFUSE("urgents")
        UPDATE_ONLY("urgents", "may_forget() AND " SAME_PLACE " AND " SAME_TIMES
                               " AND " SAME("kind") " AND length(NEW.line) < length(OLD.line)")
    /* Where a chain stands only moves on. */
    NO_DELETE("chains") UPDATE_ONLY("chains", SAME("checkpoint") " AND " SAME("chain") " AND " SAME(
                                                  "opened_ms") " AND NEW.sequence >= OLD.sequence")
        NO_DELETE("batches") NO_UPDATE("batches") NO_DELETE("acts") NO_UPDATE("acts")
    /* A review is answered once. */
    NO_DELETE("reviews") NO_DELETE("review_draws") NO_UPDATE("review_draws") UPDATE_ONLY(
        "reviews",
        "OLD.answered_ms IS NULL AND NEW.answered_ms IS NOT NULL "
        "AND " SAME("number") " AND " SAME("sequence") " AND " SAME(
            "wh"
            "y") " AND " SAME("person") " AND " SAME("what") " AND " SAME("about") " AND " SAME("ti"
                                                                                                "me"
                                                                                                "_m"
                                                                                                "s") " AND"
                                                                                                     " " SAME(
                                                                                                         "due_ms"))
    /* A case's hold is ended once, by name, and stays readable. */
    NO_DELETE("case_holds") UPDATE_ONLY(
        "case_holds",
        "OLD.ended_ms IS NULL AND NEW.ended_ms IS NOT NULL AND " SAME("number") " AND " SAME(
            "case_"
            "numbe"
            "r") " AND " SAME("checkpoint") " AND " SAME("plate") " AND " SAME("entry") " AND"
                                                                                        " " SAME(
                                                                                            "f"
                                                                                            "r"
                                                                                            "o"
                                                                                            "m"
                                                                                            "_"
                                                                                            "m"
                                                                                            "s") " "
                                                                                                 "A"
                                                                                                 "N"
                                                                                                 "D"
                                                                                                 " " SAME("until_ms") " AND " SAME(
                                                                                                     "reason") " AND"
                                                                                                               " " SAME("begun_by") " AND " SAME(
                                                                                                                   "begun_ms"));

static void may_forget(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count, (void)values; /* it has none */
    sqlite3_result_int(context, sqlite3_user_data(context) != NULL);
}

int hq_sqlite_guard_open(sqlite3 *db, bool may)
{
    static bool allowed = true; /* its address is the answer */
    /* Innocuous: it tells a constant, and triggers may call nothing else (trusted_schema=OFF). */
    return sqlite3_create_function(db, "may_forget", 0, SQLITE_UTF8 | SQLITE_INNOCUOUS,
                                   may ? &allowed : NULL, may_forget, NULL, NULL);
}
