/*
 * See schema.h. Text columns that are compared or ordered have the collation "C" in PostgreSQL, so
 * that both stores order alike whatever the server's language.
 */
#include "gateway/hq/store/schema.h"

#include <stddef.h>

static const char sqlite_1[] =
    "CREATE TABLE batches(revision INTEGER PRIMARY KEY, hash BLOB NOT NULL, time_ms INTEGER NOT "
    "NULL,"
    " envelope BLOB NOT NULL, operator TEXT NOT NULL) STRICT;"
    "CREATE TABLE entries(id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, record BLOB NOT NULL,"
    " body BLOB NOT NULL) STRICT;"
    "CREATE TABLE ids(one INTEGER PRIMARY KEY CHECK(one = 1), max_id INTEGER NOT NULL,"
    " entries INTEGER NOT NULL, need_two INTEGER NOT NULL) STRICT;"
    "INSERT INTO ids VALUES(1, 0, 0, 0);"
    "CREATE TABLE documents(kind TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY(kind, version)) STRICT;"
    "CREATE TABLE chunks(hash BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT;"
    "CREATE TABLE checkpoints(id TEXT PRIMARY KEY, name TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " revoked_ms INTEGER, last_seen_ms INTEGER, list_revision INTEGER, list_hash TEXT,"
    " inbox_acked INTEGER NOT NULL DEFAULT 0, certificate_until_ms INTEGER,"
    " instruction_id INTEGER NOT NULL DEFAULT 0, enrolled_ms INTEGER) STRICT;"
    "CREATE TABLE certificates(fingerprint BLOB PRIMARY KEY, checkpoint TEXT NOT NULL,"
    " until_ms INTEGER NOT NULL, revoked_ms INTEGER) STRICT, WITHOUT ROWID;"
    "CREATE INDEX certificates_of ON certificates(checkpoint);"
    "CREATE TABLE operators(name TEXT NOT NULL PRIMARY KEY, revoked_ms INTEGER, last_seen_ms "
    "INTEGER) "
    "STRICT, WITHOUT ROWID;"
    "CREATE TABLE tokens(checkpoint TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE,"
    " expires_ms INTEGER NOT NULL, operator TEXT NOT NULL) STRICT;"
    "CREATE TABLE chains(checkpoint TEXT NOT NULL, chain BLOB NOT NULL, state TEXT NOT NULL,"
    " reason TEXT, sequence INTEGER NOT NULL, head BLOB NOT NULL, opened_ms INTEGER NOT NULL,"
    " receipt BLOB, accepted_by TEXT, accepted_ms INTEGER, accept_reason TEXT,"
    " PRIMARY KEY(checkpoint, chain)) STRICT;"
    "CREATE TABLE records(checkpoint TEXT NOT NULL, chain BLOB NOT NULL, sequence INTEGER NOT NULL,"
    " hash BLOB NOT NULL, kind TEXT NOT NULL, time_ms INTEGER NOT NULL,"
    " received_ms INTEGER NOT NULL, line BLOB NOT NULL,"
    " PRIMARY KEY(checkpoint, chain, sequence)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE hits(number INTEGER PRIMARY KEY AUTOINCREMENT, checkpoint TEXT NOT NULL,"
    " chain BLOB NOT NULL, sequence INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
    " received_ms INTEGER NOT NULL, provisional INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
    "CREATE TABLE urgents(checkpoint TEXT NOT NULL, chain BLOB NOT NULL, sequence INTEGER NOT NULL,"
    " kind TEXT NOT NULL, time_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL, line BLOB NOT "
    "NULL,"
    " PRIMARY KEY(checkpoint, chain, sequence)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE inbox(number INTEGER PRIMARY KEY AUTOINCREMENT, checkpoint TEXT,"
    " kind TEXT NOT NULL, body BLOB NOT NULL, created_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE acts(number INTEGER PRIMARY KEY AUTOINCREMENT, operator TEXT NOT NULL,"
    " time_ms INTEGER NOT NULL, method TEXT NOT NULL, target TEXT NOT NULL, body_hash BLOB,"
    " status INTEGER NOT NULL) STRICT;"
    "CREATE TABLE revisions(one INTEGER PRIMARY KEY CHECK(one = 1), value INTEGER NOT NULL) STRICT;"
    "INSERT INTO revisions VALUES(1, 0);"
    "CREATE INDEX hits_of ON hits(checkpoint, number);"
    "CREATE INDEX hits_at ON hits(checkpoint, chain, sequence);"
    "CREATE INDEX chains_newest ON chains(checkpoint, opened_ms);";

/* What version 2 adds: officers' answers to hits, the match policy in force at a box. */
static const char sqlite_2[] =
    "ALTER TABLE checkpoints ADD COLUMN policy_version INTEGER;"
    "CREATE TABLE answers(number INTEGER PRIMARY KEY AUTOINCREMENT, checkpoint TEXT NOT NULL,"
    " chain BLOB NOT NULL, sequence INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
    " received_ms INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
    "CREATE INDEX answers_of ON answers(checkpoint, number);";

/* What version 3 adds: which entries crowd one another in an index, of those that are there too. */
static const char sqlite_3[] = "ALTER TABLE entries ADD COLUMN crowd INTEGER NOT NULL DEFAULT 0;"
                               "UPDATE entries SET crowd = crowd_of(record);"
                               "CREATE INDEX entries_of_crowd ON entries(crowd);";

/* Version 3 as a whole. Numbers that cursors follow are drawn inside transactions that hold the row
 * of `revisions`, so they become visible in their order. */
static const char postgres_3[] =
    "CREATE TABLE batches(revision BIGINT PRIMARY KEY, hash BYTEA NOT NULL, time_ms BIGINT NOT "
    "NULL,"
    " envelope BYTEA NOT NULL, operator TEXT NOT NULL);"
    "CREATE TABLE entries(id BIGINT PRIMARY KEY, revision BIGINT NOT NULL, record BYTEA NOT NULL,"
    " body BYTEA NOT NULL, crowd BIGINT NOT NULL);"
    "CREATE INDEX entries_of_crowd ON entries(crowd);"
    "CREATE TABLE ids(one BIGINT PRIMARY KEY CHECK(one = 1), max_id BIGINT NOT NULL,"
    " entries BIGINT NOT NULL, need_two BIGINT NOT NULL);"
    "INSERT INTO ids VALUES(1, 0, 0, 0);"
    "CREATE TABLE documents(kind TEXT COLLATE \"C\" NOT NULL, version BIGINT NOT NULL,"
    " body BYTEA NOT NULL, PRIMARY KEY(kind, version));"
    "CREATE TABLE chunks(hash BYTEA PRIMARY KEY, body BYTEA NOT NULL);"
    "CREATE TABLE checkpoints(id TEXT COLLATE \"C\" PRIMARY KEY, name TEXT NOT NULL,"
    " created_ms BIGINT NOT NULL, revoked_ms BIGINT, last_seen_ms BIGINT, list_revision BIGINT,"
    " list_hash TEXT, inbox_acked BIGINT NOT NULL DEFAULT 0, certificate_until_ms BIGINT,"
    " instruction_id BIGINT NOT NULL DEFAULT 0, enrolled_ms BIGINT, policy_version BIGINT);"
    "CREATE TABLE certificates(fingerprint BYTEA PRIMARY KEY,"
    " checkpoint TEXT COLLATE \"C\" NOT NULL, until_ms BIGINT NOT NULL, revoked_ms BIGINT);"
    "CREATE INDEX certificates_of ON certificates(checkpoint);"
    "CREATE TABLE operators(name TEXT COLLATE \"C\" PRIMARY KEY, revoked_ms BIGINT,"
    " last_seen_ms BIGINT);"
    "CREATE TABLE tokens(checkpoint TEXT COLLATE \"C\" PRIMARY KEY, hash BYTEA NOT NULL UNIQUE,"
    " expires_ms BIGINT NOT NULL, operator TEXT NOT NULL);"
    "CREATE TABLE chains(checkpoint TEXT COLLATE \"C\" NOT NULL, chain BYTEA NOT NULL,"
    " state TEXT NOT NULL, reason TEXT, sequence BIGINT NOT NULL, head BYTEA NOT NULL,"
    " opened_ms BIGINT NOT NULL, receipt BYTEA, accepted_by TEXT, accepted_ms BIGINT,"
    " accept_reason TEXT, PRIMARY KEY(checkpoint, chain));"
    "CREATE INDEX chains_newest ON chains(checkpoint, opened_ms);"
    "CREATE TABLE records(checkpoint TEXT COLLATE \"C\" NOT NULL, chain BYTEA NOT NULL,"
    " sequence BIGINT NOT NULL, hash BYTEA NOT NULL, kind TEXT NOT NULL, time_ms BIGINT NOT NULL,"
    " received_ms BIGINT NOT NULL, line BYTEA NOT NULL, PRIMARY KEY(checkpoint, chain, sequence));"
    "CREATE TABLE hits(number BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
    " checkpoint TEXT COLLATE \"C\" NOT NULL, chain BYTEA NOT NULL, sequence BIGINT NOT NULL,"
    " time_ms BIGINT NOT NULL, received_ms BIGINT NOT NULL, provisional BIGINT NOT NULL,"
    " body BYTEA NOT NULL);"
    "CREATE INDEX hits_of ON hits(checkpoint, number);"
    "CREATE INDEX hits_at ON hits(checkpoint, chain, sequence);"
    "CREATE TABLE answers(number BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
    " checkpoint TEXT COLLATE \"C\" NOT NULL, chain BYTEA NOT NULL, sequence BIGINT NOT NULL,"
    " time_ms BIGINT NOT NULL, received_ms BIGINT NOT NULL, body BYTEA NOT NULL);"
    "CREATE INDEX answers_of ON answers(checkpoint, number);"
    "CREATE TABLE urgents(checkpoint TEXT COLLATE \"C\" NOT NULL, chain BYTEA NOT NULL,"
    " sequence BIGINT NOT NULL, kind TEXT NOT NULL, time_ms BIGINT NOT NULL,"
    " received_ms BIGINT NOT NULL, line BYTEA NOT NULL, PRIMARY KEY(checkpoint, chain, sequence));"
    "CREATE TABLE inbox(number BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
    " checkpoint TEXT COLLATE \"C\", kind TEXT NOT NULL, body BYTEA NOT NULL,"
    " created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL);"
    "CREATE TABLE acts(number BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
    " operator TEXT COLLATE \"C\" NOT NULL, time_ms BIGINT NOT NULL, method TEXT NOT NULL,"
    " target TEXT NOT NULL, body_hash BYTEA, status BIGINT NOT NULL);"
    "CREATE TABLE revisions(one BIGINT PRIMARY KEY CHECK(one = 1), value BIGINT NOT NULL);"
    "INSERT INTO revisions VALUES(1, 0);";

/* What version 4 adds: the exempt list in force at a box. */
static const char sqlite_4[] = "ALTER TABLE checkpoints ADD COLUMN exempt_revision INTEGER;";
static const char postgres_4[] = "ALTER TABLE checkpoints ADD COLUMN exempt_revision BIGINT;";

/* What version 5 adds: headquarters' own chain, which takes the place of "acts" (those recorded
 * before stay), where each person's stream of hits stands, what a case holds, and how far bodies
 * past their term are deleted; persons with their roles; what is to
 * be reviewed. hq_sqlite_guards follow. */
static const char sqlite_5[] =
    "CREATE TABLE own_records(sequence INTEGER PRIMARY KEY, header BLOB NOT NULL, salt BLOB,"
    " body BLOB, time_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE streams(person TEXT NOT NULL, checkpoint TEXT NOT NULL, next INTEGER NOT NULL,"
    " begun_ms INTEGER NOT NULL, PRIMARY KEY(person, checkpoint)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE case_holds(number INTEGER PRIMARY KEY AUTOINCREMENT, case_number TEXT NOT NULL,"
    " checkpoint TEXT, plate TEXT, entry INTEGER, from_ms INTEGER, until_ms INTEGER,"
    " reason TEXT NOT NULL, begun_by TEXT NOT NULL, begun_ms INTEGER NOT NULL, ended_by TEXT,"
    " ended_ms INTEGER, end_reason TEXT) STRICT;"
    "CREATE TABLE retain_marks(source TEXT NOT NULL, checkpoint TEXT NOT NULL, chain BLOB NOT NULL,"
    " mark INTEGER NOT NULL, PRIMARY KEY(source, checkpoint, chain)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE reviews(number INTEGER PRIMARY KEY AUTOINCREMENT, sequence INTEGER NOT NULL,"
    " why TEXT NOT NULL, person TEXT NOT NULL, what TEXT NOT NULL, about TEXT NOT NULL,"
    " time_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, answered_by TEXT, answered_ms INTEGER,"
    " verdict TEXT, reason TEXT) STRICT;"
    "CREATE TABLE review_draws(week_ms INTEGER PRIMARY KEY, seed BLOB NOT NULL) STRICT;"
    /* persons: roles are bits of enum hq_role; added_by NULL: by the configuration */
    "ALTER TABLE operators ADD COLUMN roles INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE operators ADD COLUMN full_name TEXT;"
    "ALTER TABLE operators ADD COLUMN police_number TEXT;"
    "ALTER TABLE operators ADD COLUMN certificate BLOB;"
    "ALTER TABLE operators ADD COLUMN added_by TEXT;"
    "ALTER TABLE operators ADD COLUMN added_ms INTEGER;"
    "ALTER TABLE operators ADD COLUMN revoked_by TEXT;";

/* PostgreSQL has its guards in the step itself: nobody alters what was recorded, whatever the role.
 * Bodies past their term stay there until version 8. */
static const char postgres_5[] =
    "CREATE TABLE own_records(sequence BIGINT PRIMARY KEY, header BYTEA NOT NULL, salt BYTEA,"
    " body BYTEA, time_ms BIGINT NOT NULL);"
    "CREATE TABLE streams(person TEXT COLLATE \"C\" NOT NULL, checkpoint TEXT COLLATE \"C\" NOT"
    " NULL, next BIGINT NOT NULL, begun_ms BIGINT NOT NULL, PRIMARY KEY(person, checkpoint));"
    "CREATE TABLE case_holds(number BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
    " case_number TEXT COLLATE \"C\" NOT NULL, checkpoint TEXT COLLATE \"C\", plate TEXT,"
    " entry BIGINT, from_ms BIGINT, until_ms BIGINT, reason TEXT NOT NULL, begun_by TEXT NOT NULL,"
    " begun_ms BIGINT NOT NULL, ended_by TEXT, ended_ms BIGINT, end_reason TEXT);"
    "CREATE TABLE retain_marks(source TEXT COLLATE \"C\" NOT NULL,"
    " checkpoint TEXT COLLATE \"C\" NOT NULL, chain BYTEA NOT NULL, mark BIGINT NOT NULL,"
    " PRIMARY KEY(source, checkpoint, chain));"
    "CREATE TABLE reviews(number BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
    " sequence BIGINT NOT NULL, why TEXT NOT NULL, person TEXT NOT NULL, what TEXT NOT NULL,"
    " about TEXT NOT NULL, time_ms BIGINT NOT NULL, due_ms BIGINT NOT NULL, answered_by TEXT,"
    " answered_ms BIGINT, verdict TEXT, reason TEXT);"
    "CREATE TABLE review_draws(week_ms BIGINT PRIMARY KEY, seed BYTEA NOT NULL);"
    "ALTER TABLE operators ADD COLUMN roles BIGINT NOT NULL DEFAULT 0,"
    " ADD COLUMN full_name TEXT, ADD COLUMN police_number TEXT, ADD COLUMN certificate BYTEA,"
    " ADD COLUMN added_by TEXT, ADD COLUMN added_ms BIGINT, ADD COLUMN revoked_by TEXT;"
    "CREATE FUNCTION hqd_keep() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN RAISE EXCEPTION '% is kept as it was recorded', TG_TABLE_NAME; END$$;"
    "CREATE TRIGGER records_keep BEFORE UPDATE OR DELETE ON records"
    " FOR EACH ROW EXECUTE FUNCTION hqd_keep();"
    "CREATE TRIGGER answers_keep BEFORE UPDATE OR DELETE ON answers"
    " FOR EACH ROW EXECUTE FUNCTION hqd_keep();"
    "CREATE TRIGGER own_records_keep BEFORE UPDATE OR DELETE ON own_records"
    " FOR EACH ROW EXECUTE FUNCTION hqd_keep();"
    "CREATE TRIGGER batches_keep BEFORE UPDATE OR DELETE ON batches"
    " FOR EACH ROW EXECUTE FUNCTION hqd_keep();"
    "CREATE TRIGGER hits_keep BEFORE DELETE ON hits FOR EACH ROW WHEN (OLD.provisional = 0)"
    " EXECUTE FUNCTION hqd_keep();";

/* What several hqd tell one another: `value` counts what boxes are told, `hits` what operators
 * follow. PostgreSQL tells it at once besides (channel hqd). */
static const char sqlite_6[] = "ALTER TABLE revisions ADD COLUMN hits INTEGER NOT NULL DEFAULT 0;";
static const char postgres_6[] =
    "ALTER TABLE revisions ADD COLUMN hits BIGINT NOT NULL DEFAULT 0;"
    "CREATE FUNCTION hqd_tell() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN PERFORM pg_notify('hqd', ''); RETURN NULL; END$$;"
    "CREATE TRIGGER revisions_told AFTER UPDATE ON revisions"
    " FOR EACH STATEMENT EXECUTE FUNCTION hqd_tell();"
    /* For other systems (API.md). Bodies were checked to be JSON; as jsonb one with a NUL in a text
     * would hide all others. */
    "CREATE VIEW hq_hits AS SELECT number, checkpoint, encode(chain, 'hex') AS chain, sequence,"
    " to_timestamp(time_ms / 1000.0) AS time, to_timestamp(received_ms / 1000.0) AS received,"
    " provisional = 1 AS provisional, convert_from(body, 'UTF8')::json AS record FROM hits;"
    "CREATE FUNCTION hq_hits_tell() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN PERFORM pg_notify('hq_hits', NEW.number::text); RETURN NULL; END$$;"
    "CREATE TRIGGER hits_told AFTER INSERT OR UPDATE OF provisional ON hits"
    " FOR EACH ROW EXECUTE FUNCTION hq_hits_tell();";

/* What version 7 adds: instructions and what the boxes said of them. */
static const char sqlite_7[] =
    "CREATE TABLE instructions(number INTEGER PRIMARY KEY, checkpoint TEXT NOT NULL,"
    " id INTEGER NOT NULL, kind TEXT NOT NULL, signed_by TEXT NOT NULL, sent_by TEXT NOT NULL,"
    " time_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, answered_ms INTEGER,"
    " sequence INTEGER, result TEXT, why TEXT, why_zh TEXT, status TEXT, entry INTEGER,"
    " verdict TEXT) STRICT;"
    "CREATE INDEX instructions_of ON instructions(checkpoint, id);"
    "CREATE TRIGGER instructions_no_delete BEFORE DELETE ON instructions"
    " BEGIN SELECT RAISE(ABORT, 'instructions: records are neither changed nor deleted'); END;";
static const char postgres_7[] =
    "CREATE TABLE instructions(number BIGINT PRIMARY KEY, checkpoint TEXT COLLATE \"C\" NOT NULL,"
    " id BIGINT NOT NULL, kind TEXT NOT NULL, signed_by TEXT NOT NULL, sent_by TEXT NOT NULL,"
    " time_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, answered_ms BIGINT, sequence BIGINT,"
    " result TEXT, why TEXT, why_zh TEXT, status TEXT, entry BIGINT, verdict TEXT);"
    "CREATE INDEX instructions_of ON instructions(checkpoint, id);"
    "CREATE TRIGGER instructions_keep BEFORE DELETE ON instructions"
    " FOR EACH ROW EXECUTE FUNCTION hqd_keep();";

/* What version 8 adds: what boxes say of their own journals, a gap in a chain that stands; over
 * PostgreSQL the guards SQLite has had since version 5, and the right to forget, which is the
 * retention program's alone: whoever may insert into retain_marks and does not own it. */
static const char sqlite_8[] =
    "ALTER TABLE chains ADD COLUMN gap_ms INTEGER;"
    "CREATE TABLE journals(checkpoint TEXT NOT NULL, chain BLOB NOT NULL, recorded INTEGER NOT "
    "NULL,"
    " confirmed INTEGER NOT NULL, newest INTEGER NOT NULL, first_ms INTEGER NOT NULL,"
    " told_ms INTEGER NOT NULL, lost_from INTEGER, lost_to INTEGER,"
    " PRIMARY KEY(checkpoint, chain)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER journals_no_delete BEFORE DELETE ON journals"
    " BEGIN SELECT RAISE(ABORT, 'journals: what was told stays'); END;"
    "CREATE TRIGGER journals_no_update BEFORE UPDATE ON journals WHEN NEW.recorded < OLD.recorded"
    " OR NEW.confirmed < OLD.confirmed OR NEW.checkpoint <> OLD.checkpoint OR NEW.chain <> "
    "OLD.chain"
    " OR (OLD.lost_to IS NOT NULL AND NEW.lost_to IS NOT OLD.lost_to AND NEW.lost_to <= "
    "OLD.lost_to)"
    " BEGIN SELECT RAISE(ABORT, 'journals: what was told stays'); END;";
static const char postgres_8[] =
    "ALTER TABLE chains ADD COLUMN gap_ms BIGINT;"
    "CREATE TABLE journals(checkpoint TEXT COLLATE \"C\" NOT NULL, chain BYTEA NOT NULL,"
    " recorded BIGINT NOT NULL, confirmed BIGINT NOT NULL, newest BIGINT NOT NULL,"
    " first_ms BIGINT NOT NULL, told_ms BIGINT NOT NULL, lost_from BIGINT, lost_to BIGINT,"
    " PRIMARY KEY(checkpoint, chain));";

/* What version 9 adds: when a certificate was issued and first shown, so that one that was renewed
 * ends the one before it (those of earlier versions count as shown); of a token, the key a person
 * approved and the one that asked last. */
static const char sqlite_9[] =
    "ALTER TABLE certificates ADD COLUMN issued_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE certificates ADD COLUMN shown_ms INTEGER;"
    "UPDATE certificates SET shown_ms = 0;"
    "ALTER TABLE tokens ADD COLUMN approved BLOB;"
    "ALTER TABLE tokens ADD COLUMN approved_by TEXT;"
    "ALTER TABLE tokens ADD COLUMN requested BLOB;"
    "ALTER TABLE tokens ADD COLUMN requested_ms INTEGER;";
static const char postgres_9[] =
    "ALTER TABLE certificates ADD COLUMN issued_ms BIGINT NOT NULL DEFAULT 0,"
    " ADD COLUMN shown_ms BIGINT;"
    "UPDATE certificates SET shown_ms = 0;"
    "ALTER TABLE tokens ADD COLUMN approved BYTEA, ADD COLUMN approved_by TEXT,"
    " ADD COLUMN requested BYTEA, ADD COLUMN requested_ms BIGINT;";

/* What version 10 adds: the second chain of a checkpoint, which chains are one and what people
 * follow of them. */
static const char sqlite_10[] =
    "ALTER TABLE chains ADD COLUMN stream INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE observed(number INTEGER PRIMARY KEY AUTOINCREMENT, checkpoint TEXT NOT NULL,"
    " chain BLOB NOT NULL, sequence INTEGER NOT NULL) STRICT;"
    "CREATE TRIGGER observed_no_delete BEFORE DELETE ON observed"
    " BEGIN SELECT RAISE(ABORT, 'observed is kept as it was recorded'); END;"
    "CREATE TRIGGER observed_no_update BEFORE UPDATE ON observed"
    " BEGIN SELECT RAISE(ABORT, 'observed is kept as it was recorded'); END;"
    "CREATE TRIGGER chains_stream BEFORE UPDATE OF stream ON chains"
    " BEGIN SELECT RAISE(ABORT, 'chains: the stream of one stays'); END;";
static const char postgres_10[] =
    "ALTER TABLE chains ADD COLUMN stream BIGINT NOT NULL DEFAULT 0;"
    "CREATE TABLE observed(number BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
    " checkpoint TEXT COLLATE \"C\" NOT NULL, chain BYTEA NOT NULL, sequence BIGINT NOT NULL);"
    "CREATE TRIGGER observed_keep BEFORE UPDATE OR DELETE ON observed"
    " FOR EACH ROW EXECUTE FUNCTION hqd_keep();"
    "CREATE TRIGGER observed_no_truncate BEFORE TRUNCATE ON observed"
    " FOR EACH STATEMENT EXECUTE FUNCTION hqd_keep();"
    "CREATE TRIGGER chains_stream BEFORE UPDATE ON chains"
    " FOR EACH ROW WHEN (NEW.stream <> OLD.stream) EXECUTE FUNCTION hqd_keep();";

/* What version 11 adds: an instruction stays as it was sent, and is answered once. */
/* clang-format off */
#define SENT_STAYS(same)                                                                           \
    same("number") " AND " same("checkpoint") " AND " same("id") " AND " same("kind") " AND "      \
    same("signed_by") " AND " same("sent_by") " AND " same("time_ms") " AND "                      \
    same("expires_ms") " AND " same("entry") " AND " same("verdict")
/* clang-format on */
#define ANSWERED_ONCE "OLD.answered_ms IS NULL AND NEW.answered_ms IS NOT NULL AND "
#define SAME_SQLITE(column) "NEW." column " IS OLD." column
#define SAME_POSTGRES(column) "NEW." column " IS NOT DISTINCT FROM OLD." column
static const char sqlite_11[] =
    "CREATE TRIGGER instructions_no_update BEFORE UPDATE ON instructions"
    " WHEN NOT (" ANSWERED_ONCE SENT_STAYS(
        SAME_SQLITE) ")"
                     " BEGIN SELECT RAISE(ABORT, 'instructions: records are neither changed nor "
                     "deleted'); END;";
static const char postgres_11[] =
    "CREATE TRIGGER instructions_no_update BEFORE UPDATE ON instructions"
    " FOR EACH ROW WHEN (NOT (" ANSWERED_ONCE SENT_STAYS(
        SAME_POSTGRES) "))"
                       " EXECUTE FUNCTION hqd_keep();"
                       "CREATE TRIGGER instructions_no_truncate BEFORE TRUNCATE ON instructions"
                       " FOR EACH STATEMENT EXECUTE FUNCTION hqd_keep();";

/* What version 12 adds: the newest self-test of each checkpoint. `since_ms`: one is expected since
 * then, NULL: none is; `alarmed_ms`: its absence was told. And the stick brought last of each. */
static const char sqlite_12[] =
    "CREATE TABLE self_tests(checkpoint TEXT PRIMARY KEY, since_ms INTEGER, time_ms INTEGER,"
    " chain BLOB, sequence INTEGER, alarmed_ms INTEGER) STRICT, WITHOUT ROWID;"
    "CREATE TABLE spools(checkpoint TEXT PRIMARY KEY, manifest BLOB NOT NULL,"
    " newest INTEGER NOT NULL, taken_ms INTEGER NOT NULL) STRICT;";
static const char postgres_12[] =
    "CREATE TABLE self_tests(checkpoint TEXT COLLATE \"C\" PRIMARY KEY, since_ms BIGINT,"
    " time_ms BIGINT, chain BYTEA, sequence BIGINT, alarmed_ms BIGINT);"
    "CREATE TABLE spools(checkpoint TEXT COLLATE \"C\" PRIMARY KEY, manifest BYTEA NOT NULL,"
    " newest BIGINT NOT NULL, taken_ms BIGINT NOT NULL);";

/* What version 13 adds: the retention terms in force at a box; holds of one lane. */
static const char sqlite_13[] =
    "ALTER TABLE checkpoints ADD COLUMN retention_version INTEGER;"
    "ALTER TABLE case_holds ADD COLUMN lane INTEGER;"
    "CREATE TRIGGER case_holds_lane BEFORE UPDATE OF lane ON case_holds"
    " BEGIN SELECT RAISE(ABORT, 'case_holds: the lane of one stays'); END;";
static const char postgres_13[] =
    "ALTER TABLE checkpoints ADD COLUMN retention_version BIGINT;"
    "ALTER TABLE case_holds ADD COLUMN lane BIGINT;"
    "CREATE TRIGGER case_holds_lane BEFORE UPDATE ON case_holds FOR EACH ROW"
    " WHEN (NEW.lane IS DISTINCT FROM OLD.lane) EXECUTE FUNCTION hqd_keep();";

/* What version 14 adds: pictures of hits. A picture's bytes may go while it is not whole, and at
 * the end of its term; which there were and of which hits stays. */
/* clang-format off */
#define EVIDENCE_SAME(is)                                                                          \
    "NEW.number " is " OLD.number AND NEW.checkpoint " is " OLD.checkpoint AND NEW.sha " is        \
    " OLD.sha AND NEW.size " is " OLD.size AND NEW.declared_ms " is " OLD.declared_ms"
#define EVIDENCE_GONE(is)                                                                          \
    "OLD.deleted_ms IS NULL AND NEW.deleted_ms IS NOT NULL AND NEW.held " is                       \
    " OLD.held AND NEW.complete_ms " is " OLD.complete_ms"
#define EVIDENCE_REFUSE(why) " BEGIN SELECT RAISE(ABORT, 'evidence: " why "'); END;"
static const char sqlite_14[] =
    "CREATE TABLE evidence(number INTEGER PRIMARY KEY AUTOINCREMENT, checkpoint TEXT NOT NULL,"
    " sha BLOB NOT NULL, size INTEGER NOT NULL, held INTEGER NOT NULL,"
    " declared_ms INTEGER NOT NULL, complete_ms INTEGER, deleted_ms INTEGER,"
    " UNIQUE(checkpoint, sha)) STRICT;"
    "CREATE INDEX evidence_declared ON evidence(checkpoint, declared_ms);"
    "CREATE INDEX evidence_left ON evidence(number) WHERE deleted_ms IS NULL;"
    "CREATE TABLE evidence_parts(number INTEGER NOT NULL, at INTEGER NOT NULL,"
    " bytes BLOB NOT NULL, PRIMARY KEY(number, at)) STRICT;"
    "CREATE TABLE evidence_links(number INTEGER NOT NULL, chain BLOB NOT NULL,"
    " sequence INTEGER NOT NULL, kind TEXT NOT NULL, camera INTEGER NOT NULL, event TEXT NOT NULL,"
    " taken_ms INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
    " PRIMARY KEY(number, chain, sequence, kind, camera, event)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX evidence_of_hit ON evidence_links(chain, sequence);"
    "CREATE TRIGGER evidence_no_delete BEFORE DELETE ON evidence"
    EVIDENCE_REFUSE("what was here stays named")
    "CREATE TRIGGER evidence_no_update BEFORE UPDATE ON evidence WHEN NOT (" EVIDENCE_SAME("IS")
    " AND ((OLD.complete_ms IS NULL AND NEW.deleted_ms IS OLD.deleted_ms)"
    " OR (may_forget() AND " EVIDENCE_GONE("IS") ")))"
    EVIDENCE_REFUSE("a picture is neither changed nor deleted")
    "CREATE TRIGGER evidence_parts_no_update BEFORE UPDATE ON evidence_parts"
    EVIDENCE_REFUSE("a picture is neither changed nor deleted")
    "CREATE TRIGGER evidence_parts_no_delete BEFORE DELETE ON evidence_parts"
    " WHEN NOT may_forget() AND NOT EXISTS(SELECT 1 FROM evidence e WHERE e.number = OLD.number"
    " AND e.complete_ms IS NULL)"
    EVIDENCE_REFUSE("a picture is neither changed nor deleted")
    "CREATE TRIGGER evidence_links_no_update BEFORE UPDATE ON evidence_links"
    EVIDENCE_REFUSE("a picture stays with its hit")
    "CREATE TRIGGER evidence_links_no_delete BEFORE DELETE ON evidence_links"
    EVIDENCE_REFUSE("a picture stays with its hit");
#define EVIDENCE_KEEP " FOR EACH ROW EXECUTE FUNCTION hqd_keep();"
#define EVIDENCE_NO_TRUNCATE(table)                                                                \
    "CREATE TRIGGER " table "_no_truncate BEFORE TRUNCATE ON " table                               \
    " FOR EACH STATEMENT EXECUTE FUNCTION hqd_keep();"
static const char postgres_14[] =
    "CREATE TABLE evidence(number BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
    " checkpoint TEXT COLLATE \"C\" NOT NULL, sha BYTEA NOT NULL, size BIGINT NOT NULL,"
    " held BIGINT NOT NULL, declared_ms BIGINT NOT NULL, complete_ms BIGINT, deleted_ms BIGINT,"
    " UNIQUE(checkpoint, sha));"
    "CREATE INDEX evidence_declared ON evidence(checkpoint, declared_ms);"
    "CREATE INDEX evidence_left ON evidence(number) WHERE deleted_ms IS NULL;"
    "CREATE TABLE evidence_parts(number BIGINT NOT NULL, at BIGINT NOT NULL, bytes BYTEA NOT NULL,"
    " PRIMARY KEY(number, at));"
    "ALTER TABLE evidence_parts ALTER COLUMN bytes SET STORAGE EXTERNAL;"
    "CREATE TABLE evidence_links(number BIGINT NOT NULL, chain BYTEA NOT NULL,"
    " sequence BIGINT NOT NULL, kind TEXT COLLATE \"C\" NOT NULL, camera BIGINT NOT NULL,"
    " event TEXT COLLATE \"C\" NOT NULL, taken_ms BIGINT NOT NULL, time_ms BIGINT NOT NULL,"
    " PRIMARY KEY(number, chain, sequence, kind, camera, event));"
    "CREATE INDEX evidence_of_hit ON evidence_links(chain, sequence);"
    "CREATE FUNCTION hqd_keep_part() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN IF hqd_may_forget() OR EXISTS(SELECT 1 FROM evidence e WHERE e.number = OLD.number"
    " AND e.complete_ms IS NULL) THEN RETURN OLD; END IF;"
    " RAISE EXCEPTION '% is kept as it was recorded', TG_TABLE_NAME; END$$;"
    "CREATE TRIGGER evidence_no_delete BEFORE DELETE ON evidence" EVIDENCE_KEEP
    "CREATE TRIGGER evidence_no_update BEFORE UPDATE ON evidence FOR EACH ROW WHEN (NOT"
    " (" EVIDENCE_SAME("IS NOT DISTINCT FROM")
    " AND ((OLD.complete_ms IS NULL AND NEW.deleted_ms IS NOT DISTINCT FROM OLD.deleted_ms)"
    " OR (" EVIDENCE_GONE("IS NOT DISTINCT FROM") " AND hqd_may_forget()))))"
    " EXECUTE FUNCTION hqd_keep();"
    "CREATE TRIGGER evidence_parts_no_update BEFORE UPDATE ON evidence_parts" EVIDENCE_KEEP
    "CREATE TRIGGER evidence_parts_no_delete BEFORE DELETE ON evidence_parts"
    " FOR EACH ROW EXECUTE FUNCTION hqd_keep_part();"
    "CREATE TRIGGER evidence_links_keep BEFORE UPDATE OR DELETE ON evidence_links" EVIDENCE_KEEP
    EVIDENCE_NO_TRUNCATE("evidence") EVIDENCE_NO_TRUNCATE("evidence_parts")
    EVIDENCE_NO_TRUNCATE("evidence_links");
/* clang-format on */

/* What version 15 adds: a checkpoint's box that was replaced: since when, by whom and why, and of
 * which streams its new box has yet to begin a chain (bit 1 << enum hq_stream); a token that
 * replaces; certificates of a box that was replaced, and when one was last shown since. */
static const char sqlite_15[] =
    "ALTER TABLE checkpoints ADD COLUMN replaced_ms INTEGER;"
    "ALTER TABLE checkpoints ADD COLUMN replaced_by TEXT;"
    "ALTER TABLE checkpoints ADD COLUMN replace_reason TEXT;"
    "ALTER TABLE checkpoints ADD COLUMN expected_streams INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE tokens ADD COLUMN replaces INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE certificates ADD COLUMN replaced_ms INTEGER;"
    "ALTER TABLE certificates ADD COLUMN back_ms INTEGER;";
static const char postgres_15[] =
    "ALTER TABLE checkpoints ADD COLUMN replaced_ms BIGINT, ADD COLUMN replaced_by TEXT,"
    " ADD COLUMN replace_reason TEXT, ADD COLUMN expected_streams BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE tokens ADD COLUMN replaces BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE certificates ADD COLUMN replaced_ms BIGINT, ADD COLUMN back_ms BIGINT;";

/* What version 16 adds: what checkpoints call for. */
static const char sqlite_16[] =
    "CREATE TABLE calls(checkpoint TEXT NOT NULL, kind TEXT NOT NULL, id INTEGER NOT NULL,"
    " chain BLOB NOT NULL, sequence INTEGER NOT NULL, opened_ms INTEGER, ended_ms INTEGER,"
    " until_ms INTEGER, received_ms INTEGER NOT NULL, about TEXT NOT NULL,"
    " PRIMARY KEY(checkpoint, kind, id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX calls_open ON calls(opened_ms) WHERE ended_ms IS NULL;";
static const char postgres_16[] =
    "CREATE TABLE calls(checkpoint TEXT COLLATE \"C\" NOT NULL, kind TEXT COLLATE \"C\" NOT NULL,"
    " id BIGINT NOT NULL, chain BYTEA NOT NULL, sequence BIGINT NOT NULL, opened_ms BIGINT,"
    " ended_ms BIGINT, until_ms BIGINT, received_ms BIGINT NOT NULL, about TEXT NOT NULL,"
    " PRIMARY KEY(checkpoint, kind, id));"
    "CREATE INDEX calls_open ON calls(opened_ms) WHERE ended_ms IS NULL;";

const struct hq_schema_step hq_schema[HQ_SCHEMA_VERSION] = {
    {sqlite_1, NULL},         {sqlite_2, NULL},         {sqlite_3, postgres_3},
    {sqlite_4, postgres_4},   {sqlite_5, postgres_5},   {sqlite_6, postgres_6},
    {sqlite_7, postgres_7},   {sqlite_8, postgres_8},   {sqlite_9, postgres_9},
    {sqlite_10, postgres_10}, {sqlite_11, postgres_11}, {sqlite_12, postgres_12},
    {sqlite_13, postgres_13}, {sqlite_14, postgres_14}, {sqlite_15, postgres_15},
    {sqlite_16, postgres_16},
};
