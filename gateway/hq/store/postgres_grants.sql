-- Rights over hqd's tables in PostgreSQL for two roles that own nothing, run as the schema's owner once hqd has brought
-- the schema up, and again after each new version:
--   psql -v hqd=hqd -v retaind=hq_retaind -f postgres_grants.sql "postgresql://owner@host/hq"
-- hqd adds records and can neither change nor delete them; hq-retaind empties bodies, deletes pictures' bytes and does
-- nothing else.
\set ON_ERROR_STOP on
BEGIN;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM :"hqd", :"retaind";

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO :"hqd";
REVOKE INSERT ON retain_marks, hqd_about, hq_hits FROM :"hqd";
GRANT UPDATE ON entries, ids, documents, chunks, checkpoints, certificates, operators, tokens, chains, journals, hits,
    inbox, revisions, streams, case_holds, reviews, instructions,
    self_tests, spools, evidence, calls TO :"hqd";
GRANT DELETE ON entries, documents, chunks, certificates, tokens, hits, urgents, inbox, streams, retain_marks,
    calls, evidence_parts TO :"hqd"; -- of pictures that are not whole: the triggers see to it
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO :"hqd";
GRANT UPDATE ON SEQUENCE inbox_number_seq TO :"hqd"; -- after a backup was put back

GRANT SELECT ON hqd_about, chains, records, urgents, hits, answers, batches, own_records, case_holds, retain_marks,
    documents, evidence, evidence_links TO :"retaind";
GRANT INSERT ON own_records TO :"retaind";
GRANT INSERT, UPDATE ON retain_marks TO :"retaind";
GRANT UPDATE(line) ON records, urgents TO :"retaind";
GRANT UPDATE(body) ON hits, answers TO :"retaind";
GRANT UPDATE(salt, body) ON own_records TO :"retaind";
GRANT UPDATE(deleted_ms) ON evidence TO :"retaind";
GRANT SELECT(number), DELETE ON evidence_parts TO :"retaind";
-- The mark of the right to forget, which the triggers ask for.
GRANT REFERENCES ON retain_marks TO :"retaind";
COMMIT;
