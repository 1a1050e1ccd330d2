/*
 * See db_postgres_guard.h. An update passes only where it is named here. The right to forget is one
 * that no "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES" gives by the way.
 */
#include "gateway/hq/store/db_postgres_guard.h"

#define KEEP " FOR EACH ROW EXECUTE FUNCTION hqd_keep();"
#define NO_DELETE(table)                                                                           \
    "CREATE TRIGGER " table "_no_delete BEFORE DELETE ON " table KEEP "CREATE TRIGGER " table      \
    "_no_truncate BEFORE TRUNCATE ON " table " FOR EACH STATEMENT EXECUTE FUNCTION hqd_keep();"
#define NO_UPDATE(table) "CREATE TRIGGER " table "_no_update BEFORE UPDATE ON " table KEEP
#define UPDATE_ONLY(table, when)                                                                   \
    "CREATE TRIGGER " table "_no_update BEFORE UPDATE ON " table " FOR EACH ROW WHEN (NOT (" when  \
    ")) EXECUTE FUNCTION hqd_keep();"
#define SAME(column) "NEW." column " IS NOT DISTINCT FROM OLD." column
#define SAME_PLACE SAME("checkpoint") " AND " SAME("chain") " AND " SAME("sequence")
#define SAME_TIMES SAME("time_ms") " AND " SAME("received_ms")
#define DROP(name, table) "DROP TRIGGER " name " ON " table ";"

/* clang-format off */
const char hq_postgres_guards[] =
    DROP("records_keep", "records") DROP("answers_keep", "answers")
    DROP("own_records_keep", "own_records") DROP("batches_keep", "batches")
    "CREATE FUNCTION hqd_may_forget() RETURNS boolean LANGUAGE sql STABLE AS"
    " $$SELECT has_table_privilege('retain_marks', 'REFERENCES') AND NOT pg_has_role((SELECT"
    " relowner FROM pg_class WHERE oid = 'retain_marks'::regclass), 'MEMBER')$$;"
    "CREATE FUNCTION hqd_keep_urgent() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN IF EXISTS(SELECT 1 FROM records r WHERE r.checkpoint = OLD.checkpoint"
    " AND r.chain = OLD.chain AND r.sequence = OLD.sequence AND r.line = OLD.line) THEN RETURN OLD;"
    " END IF; RAISE EXCEPTION '% is kept as it was recorded', TG_TABLE_NAME; END$$;"
    NO_DELETE("records")
    UPDATE_ONLY("records", SAME_PLACE " AND " SAME_TIMES " AND " SAME("hash") " AND " SAME("kind")
                " AND length(NEW.line) < length(OLD.line) AND hqd_may_forget()")
    NO_DELETE("answers")
    UPDATE_ONLY("answers", SAME("number") " AND " SAME_PLACE " AND " SAME_TIMES
                " AND NEW.body = '\\x7b7d' AND hqd_may_forget()")
    NO_DELETE("own_records")
    UPDATE_ONLY("own_records", SAME("sequence") " AND " SAME("header") " AND " SAME("time_ms")
                " AND NEW.salt IS NULL AND NEW.body IS NULL AND hqd_may_forget()")
    UPDATE_ONLY("hits", SAME("number") " AND " SAME_PLACE " AND " SAME_TIMES
                " AND NEW.provisional <= OLD.provisional AND (" SAME("body")
                " OR (NEW.body = '\\x7b7d' AND hqd_may_forget()))")
    "CREATE TRIGGER urgents_no_delete BEFORE DELETE ON urgents FOR EACH ROW"
    " EXECUTE FUNCTION hqd_keep_urgent();"
    UPDATE_ONLY("urgents", SAME_PLACE " AND " SAME_TIMES " AND " SAME("kind")
                " AND length(NEW.line) < length(OLD.line) AND hqd_may_forget()")
    NO_DELETE("chains")
    UPDATE_ONLY("chains", SAME("checkpoint") " AND " SAME("chain") " AND " SAME("opened_ms")
                " AND NEW.sequence >= OLD.sequence")
    NO_DELETE("batches") NO_UPDATE("batches") NO_DELETE("acts") NO_UPDATE("acts")
    NO_DELETE("review_draws") NO_UPDATE("review_draws") NO_DELETE("reviews")
    UPDATE_ONLY("reviews", "OLD.answered_ms IS NULL AND NEW.answered_ms IS NOT NULL AND "
                SAME("number") " AND " SAME("sequence") " AND " SAME("why") " AND " SAME("person")
                " AND " SAME("what") " AND " SAME("about") " AND " SAME("time_ms") " AND "
                SAME("due_ms"))
    NO_DELETE("case_holds")
    UPDATE_ONLY("case_holds", "OLD.ended_ms IS NULL AND NEW.ended_ms IS NOT NULL AND "
                SAME("number") " AND " SAME("case_number") " AND " SAME("checkpoint") " AND "
                SAME("plate") " AND " SAME("entry") " AND " SAME("from_ms") " AND "
                SAME("until_ms") " AND " SAME("reason") " AND " SAME("begun_by") " AND "
                SAME("begun_ms"))
    NO_DELETE("journals")
    UPDATE_ONLY("journals", SAME("checkpoint") " AND " SAME("chain")
                " AND NEW.recorded >= OLD.recorded AND NEW.confirmed >= OLD.confirmed"
                " AND (OLD.lost_to IS NULL OR " SAME("lost_to") " OR NEW.lost_to > OLD.lost_to)");
/* clang-format on */
