"""Over PostgreSQL hqd's role changes and deletes nothing it recorded; bodies past their term go by hq-retaind's own."""
import pathlib
import subprocess

import pytest

from harness import postgres
from harness.evidence import Sender, hit_body
from harness.hq import Headquarters
from harness.process import ProgramError, wait_for
from harness.records import Journal
from harness.signing import entry

DAY_MS = 24 * 3600 * 1000
BOX = "/v1/checkpoints/lu-hz-01"
GRANTS = pathlib.Path(__file__).resolve().parents[2] / "gateway" / "hq" / "store" / "postgres_grants.sql"


class Roles:
    """A headquarters whose schema one role owns, which hqd runs under another, hq-retaind under a third."""

    def __init__(self, folder):
        self.store = postgres.Database()
        self.hqd, self.retaind = (f"{name}_{self.store.name}" for name in ("hqd", "retaind"))
        self.owner_url = self.store.url
        self.store.execute("; ".join(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN"
                                     for role in (self.hqd, self.retaind)))
        self.hq = Headquarters(folder, store=self.store).start()
        self.hq.hqd.stop()  # the schema is there
        server = self.store.server
        subprocess.run([postgres.BIN / "psql", "-q", "-h", server.folder, "-U", "hq", "-d", self.store.name, "-v",
                        f"hqd={self.hqd}", "-v", f"retaind={self.retaind}", "-f", GRANTS], check=True, timeout=60)
        self.hq.store.url = self.url(self.hqd)
        self.hq.write_config()
        self.hq.hqd.start()
        self.retain_as(self.retaind)

    def url(self, role):
        return self.owner_url.replace("//hq@", f"//{role}@")

    def retain_as(self, role):
        self.hq.retention_config.write_text(f"state_dir: {self.hq.folder}/state\nroots: {self.hq.folder}/roots\n"
                                            f"database: '{self.url(role)}'\n")

    def run(self, role, sql):
        """(worked, what psql said)"""
        server = self.store.server
        done = subprocess.run([postgres.BIN / "psql", "-h", server.folder, "-U", role, "-d", self.store.name, "-Atqc",
                               sql], capture_output=True, text=True, check=False, timeout=60)
        return done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def roles(tmp_path_factory):
    site = Roles(tmp_path_factory.mktemp("roles"))
    hq = site.hq
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    journal.age_ms = 31 * DAY_MS
    lines = [journal.line("start"), journal.line("passage", {"plate": "鲁H11111"}),
             journal.line("passage", {"plate": "鲁H22222"})]
    journal.age_ms = 0
    lines += [journal.line("hit", hit_body(7, plate="鲁B77777")), journal.line("hit_answer", {"hit": 4})]
    assert box.post(f"{BOX}/records", b"".join(lines)).status == 200
    pictures = Sender(box)
    assert pictures.declare(b"picture", journal.chain, 4, 7).status == 200 and pictures.all(b"picture").json["complete"]
    second = Journal("lu-hz-01")
    assert box.post(f"{BOX}/observe", second.line("start") + second.line("observed", {})).status == 200
    assert box.post(f"{BOX}/urgent", Journal("lu-hz-01").line("hit", {"plate": "鲁D66666"})).status == 202
    assert box.post(f"{BOX}/journal", {"chain": journal.chain.hex(), "recorded": 5, "confirmed": 5}).status == 200
    assert zhang.put("/v1/list/batches", hq.world.batch(added=[entry(1, "鲁H12345")])).status == 201
    held = {"case_number": "A3717", "reason": "审理中", "plates": ["鲁H22222"]}
    assert zhang.post("/v1/operator/holds", held).status == 201
    site.store.execute("INSERT INTO instructions(number, checkpoint, id, kind, signed_by, sent_by, time_ms, expires_ms)"
                       " VALUES(1, 'lu-hz-01', 1, 'hold', 'wang', 'zhang', 5, 9)")
    yield site
    hq.retaind.stop()
    hq.stop()


FORBIDDEN = [
    *(f"DELETE FROM {t}" for t in ("records", "answers", "own_records", "batches", "acts", "urgents", "chains", "reviews",
                                   "case_holds", "journals", "observed", "hits WHERE provisional = 0", "review_draws")),
    *(f"TRUNCATE {t}" for t in ("records", "own_records", "batches", "chains", "observed",
                                     "instructions")),
    "DELETE FROM instructions", "UPDATE instructions SET kind = 'message'", "UPDATE instructions SET answered_ms = NULL",
    "UPDATE instructions SET expires_ms = 99, answered_ms = 7", "UPDATE instructions SET answered_ms = 7, entry = 5",
    "UPDATE instructions SET result = 'done'",
    "UPDATE records SET line = '\\x61'", "UPDATE records SET kind = 'x'", "UPDATE answers SET body = '\\x7b7d'",
    "UPDATE own_records SET salt = NULL, body = NULL", "UPDATE hits SET body = '\\x7b7d'",
    "UPDATE hits SET provisional = 1", "UPDATE urgents SET line = '\\x61'", "UPDATE chains SET sequence = 1",
    "UPDATE batches SET operator = 'x'", "UPDATE case_holds SET plate = 'x'", "UPDATE case_holds SET ended_ms = 5, plate = 'x'",
    "UPDATE chains SET stream = 1", "UPDATE observed SET sequence = 9",
    "DELETE FROM evidence", "DELETE FROM evidence_parts", "DELETE FROM evidence_links", "TRUNCATE evidence_parts",
    "UPDATE evidence SET sha = '\\x00'", "UPDATE evidence SET complete_ms = NULL", "UPDATE evidence SET deleted_ms = 5",
    "UPDATE evidence_parts SET bytes = '\\x00'", "UPDATE evidence_links SET sequence = 9",
    "UPDATE journals SET recorded = 1", "INSERT INTO retain_marks VALUES('passages', '', '', 1)",
    "UPDATE hqd_about SET version = 1", "DROP TRIGGER records_no_delete ON records", "ALTER TABLE records DISABLE TRIGGER ALL",
    "CREATE TEMP TABLE retain_marks(a int); UPDATE hits SET body = '\\x7b7d'",
]


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_hqds_role_changes_nothing_it_recorded(roles, sql):
    worked, said = roles.run(roles.hqd, sql)
    assert not worked and ("is kept as it was recorded" in said or "permission denied" in said or "must be owner" in said), said


def test_an_instruction_is_answered_once(roles):
    answer = "UPDATE instructions SET answered_ms = {0}, sequence = {0}, result = 'done' WHERE number = 2"
    roles.store.execute("INSERT INTO instructions(number, checkpoint, id, kind, signed_by, sent_by, time_ms, expires_ms)"
                        " VALUES(2, 'lu-hz-01', 2, 'hold', 'wang', 'zhang', 5, 9)")
    worked, said = roles.run(roles.hqd, answer.format(7))
    assert worked, said
    worked, said = roles.run(roles.hqd, answer.format(8))
    assert not worked and "is kept as it was recorded" in said, said


@pytest.mark.parametrize("sql", [sql for sql in FORBIDDEN if "TRIGGER" not in sql and "retain_marks" not in sql
                                 and "hqd_about" not in sql and not sql.startswith("DELETE FROM acts")
                                 and not sql.startswith("DELETE FROM review")])
def test_the_triggers_keep_it_from_the_owner_too(roles, sql):
    """Rights do not stop an owner: a statement that went wrong under it is stopped by the triggers."""
    worked, said = roles.run("hq", sql)
    assert not worked and "is kept as it was recorded" in said, said


@pytest.mark.parametrize("sql", ["DELETE FROM records", "UPDATE records SET kind = 'x'", "UPDATE chains SET sequence = 99",
                                 "UPDATE records SET line = line || '\\x61'", "UPDATE hits SET body = '\\x61'",
                                 "DELETE FROM own_records", "DELETE FROM case_holds", "SELECT * FROM tokens",
                                 "SELECT bytes FROM evidence_parts", "DELETE FROM evidence_links", "UPDATE evidence SET sha = '\\x00'"])
def test_the_retention_programs_role_only_empties_bodies(roles, sql):
    worked, said = roles.run(roles.retaind, sql)
    assert not worked and ("is kept as it was recorded" in said or "permission denied" in said), said


def test_bodies_past_their_term_go_and_what_a_case_holds_stays(roles):
    hq = roles.hq
    hq.retaind.start()
    wait_for("a body is gone", lambda: roles.store.rows(
        "SELECT sequence FROM records WHERE kind = 'passage' AND position('data_base64' IN convert_from(line, 'UTF8')) = 0")
        == [(2,)], 60)
    hq.retaind.stop()
    left = roles.store.rows("SELECT sequence FROM records WHERE position('salt' IN convert_from(line, 'UTF8')) > 0"
                            " AND chain IN (SELECT chain FROM chains WHERE stream = 0)"
                            " ORDER BY sequence")
    assert left == [(1,), (3,), (4,), (5,)], "young ones, the start, what the case holds"
    zhang = hq.operator()
    assert zhang.post("/v1/operator/audit/verify", {}).json["ok"]
    own = zhang.get("/v1/operator/own?after=0&limit=1000").json
    assert own["head"]["sequence"] == len(own["records"])
    chains = zhang.get("/v1/operator/audit/missing").json["chains"]
    assert sorted((chain["state"], chain["held"]) for chain in chains) == [("active", 2), ("active", 5), ("none", 0)]


def test_pictures_past_their_term_go(roles):
    hq = roles.hq
    box, journal = Sender(hq.box("lu-hz-05"), "lu-hz-05"), Journal("lu-hz-05")
    journal.age_ms = 31 * DAY_MS
    lines = journal.line("start") + journal.line("hit", hit_body(1)) + journal.line("hit", hit_body(2, plate="鲁H22222"))
    assert box.box.post("/v1/checkpoints/lu-hz-05/records", lines).status == 200
    for sequence, data in ((2, b"free"), (3, b"held")):
        assert box.declare(data, journal.chain, sequence, sequence - 1).status == 200 and box.all(data).json["complete"]
    hq.retaind.start()
    wait_for("the picture no case holds is gone", lambda: sorted(bytes(row[0]) for row in roles.store.rows(
        "SELECT p.bytes FROM evidence_parts p JOIN evidence e ON e.number = p.number WHERE e.checkpoint = 'lu-hz-05'"))
        == [b"held"], 60)
    hq.retaind.stop()
    assert box.state(b"free").json["complete"]
    # signed terms, which the role reads itself, shorten what is configured
    journal.age_ms = 8 * DAY_MS
    assert box.box.post("/v1/checkpoints/lu-hz-05/records", journal.line("hit", hit_body(3))).status == 200
    assert box.declare(b"eight days", journal.chain, 4, 3).status == 200 and box.all(b"eight days").json["complete"]
    assert hq.operator().put("/v1/retention-terms", hq.world.retention_terms(1, picture=(1, 7))).status == 201
    hq.retaind.start()
    wait_for("a younger one has gone by them", lambda: [bytes(row[0]) for row in roles.store.rows(
        "SELECT p.bytes FROM evidence_parts p JOIN evidence e ON e.number = p.number WHERE e.checkpoint = 'lu-hz-05'")]
        == [b"held"], 60)
    hq.retaind.stop()


def test_after_a_backup_was_put_back_messages_go_on_above_those_seen(roles):
    box, hq = roles.hq.box("lu-hz-02"), roles.hq
    assert box.get("/v1/checkpoints/lu-hz-02/inbox?after=5000&wait=0").json == {"messages": [], "next": 5000}
    assert hq.operator().put("/v1/list/batches", hq.world.batch(added=[entry(2, "鲁H22222")])).status == 201
    told = box.get("/v1/checkpoints/lu-hz-02/inbox?after=5000&wait=10").json
    assert [(m["number"], m["kind"]) for m in told["messages"]] == [(5001, "list")]
    assert "HQ_RESTORED" in hq.hqd.log_path.read_text()


def test_roles_that_fit_their_program_badly_are_refused(roles):
    hq = roles.hq
    for role in ("hq", roles.hqd):
        roles.retain_as(role)
        with pytest.raises(ProgramError, match="the role may delete no bodies"):
            hq.retaind.start()
    roles.retain_as(roles.retaind)
    sibling = hq.sibling("wrong")
    sibling.store = type(hq.store).__new__(type(hq.store))
    sibling.store.__dict__.update(hq.store.__dict__)
    sibling.store.url = roles.url(roles.retaind)
    sibling.write_config()
    with pytest.raises(ProgramError, match="which is hq-retaind's alone"):
        sibling.hqd.start()
