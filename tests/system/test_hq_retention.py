"""hq-retaind deletes bodies past their term at headquarters: neither plate nor salt is left in the files, chains verify,
what a case holds stays, and every deletion stands in headquarters' own records."""
import contextlib
import json
import sqlite3

import pytest
from harness.hq import Headquarters, acts, own_records
from harness.process import wait_for
from harness.records import Journal
from harness.signing import now_ms, time_text
from harness.stack import preload_clock

DAY_MS = 24 * 3600 * 1000
BOX = "/v1/checkpoints/lu-hz-01"


@pytest.fixture()
def hq(tmp_path):
    headquarters = Headquarters(tmp_path).start()
    yield headquarters
    headquarters.retaind.stop()
    headquarters.stop()


def send(box, lines, path="records"):
    for at in range(0, len(lines), 500):
        answer = box.post(f"{BOX}/{path}", b"".join(lines[at:at + 500]))
        assert answer.status in (200, 202), answer.body


def secrets_of(line):
    """What must not be left of a record: its salt, its body as it travels."""
    event = json.loads(line)
    return event["salt"].encode(), event["data_base64"].encode()


def files_of(hq):
    return b"".join(path.read_bytes() for path in sorted((hq.folder / "state").glob("hqd.sqlite*")))


def retain(hq):
    """One run of hq-retaind, which has ended its deleting when the log is empty."""
    hq.retaind.start()
    wal = hq.folder / "state/hqd.sqlite-wal"
    wait_for("the write-ahead log is empty", lambda: wal.exists() and wal.stat().st_size == 0, 60)
    hq.retaind.stop()


def deletions(hq):
    return [record.body["about"] for record in own_records(hq.folder / "state")
            if record.body and record.body["what"] == "retention.delete"]


def test_what_is_past_its_term_leaves_neither_plate_nor_salt(hq):
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    journal.age_ms = 31 * DAY_MS
    first = journal.line("start")
    old = [journal.line("passage", {"plate": f"鲁H{n:05d}", "lane": n % 4}) for n in range(1200)]
    hit = journal.line("hit", {"plate": "鲁B77777", "lane": 1})
    journal.age_ms = 0
    young = journal.line("passage", {"plate": "鲁C88888"})
    send(box, [first, *old[:700], *old[700:], hit, young])
    raw = files_of(hq)
    assert all(secret in raw for line in (old[0], old[600], old[-1]) for secret in secrets_of(line))
    retain(hq)
    raw = files_of(hq)
    left = [n for n, line in enumerate(old) if any(secret in raw for secret in secrets_of(line))]
    assert not left, f"{len(left)} of {len(old)} passages, the first {left[:5]}"
    assert all(secret in raw for line in (hit, young) for secret in secrets_of(line))
    report = zhang.post("/v1/operator/audit/verify", {}).json
    assert report["ok"] and report["checkpoints"][0]["records"] == journal.sequence
    told = deletions(hq)
    assert sum(int(about.split()[0]) for about in told) == len(old)
    assert all("passages, " in about and f" of lu-hz-01 chain {journal.chain.hex()}" in about for about in told)
    # the box sends an old one again: it is a repeat, and stays without its body
    send(box, [old[5]])
    assert not any(secret in files_of(hq) for secret in secrets_of(old[5]))
    count = len(told)
    retain(hq)
    assert len(deletions(hq)) == count, "nothing is deleted twice"


def test_hits_answers_urgent_ones_and_own_records_go_with_all_their_copies(hq):
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    stray = Journal("lu-hz-01")
    lines = [journal.line("start"), journal.line("hit", {"plate": "鲁B77777", "lane": 1}),
             journal.line("hit_answer", {"hit": 2, "plate": "鲁B77771", "reason": "目视"})]
    send(box, [stray.line("hit", {"plate": "鲁D66666", "lane": 2})], "urgent")
    send(box, lines)
    assert zhang.post("/v1/operator/revoke", {"checkpoint": "lu-hz-01", "reason": "保密的理由"}).status == 200
    plates = ["鲁B77777", "鲁B77771", "鲁D66666", "保密的理由"]
    raw = files_of(hq)
    assert all(text.encode() in raw for text in plates)
    clock = hq.folder / "clock"
    clock.write_text(f"{1100 * DAY_MS // 1000}")
    preload_clock(hq.retaind, WALL_CLOCK_OFFSET_FILE=clock)
    hq.retention_config.write_text(hq.retention_config.read_text() + "clock_ahead_days: 1101\n")
    retain(hq)
    raw = files_of(hq)
    for text in plates:
        assert text.encode() not in raw, text
    assert not any(secret in raw for line in lines[1:] for secret in secrets_of(line))
    assert all(secret in raw for secret in secrets_of(lines[0])), "a start names nobody"
    assert {about.split(",")[0] for about in deletions(hq)} >= {"2 records", "2 hits", "1 answers"}
    rows = zhang.get("/v1/operator/hits").json["hits"]
    assert [row["record"] for row in rows] == [{}, {}]
    assert zhang.post("/v1/operator/audit/verify", {}).json["ok"]
    own = own_records(hq.folder / "state")  # verified: the chain holds without bodies
    assert own[0].body is None and own[-1].body["what"] == "audit.verify"


def test_a_clock_that_jumped_ahead_deletes_nothing(hq):
    """Further ahead than any record or signature speaks for: refused and alarmed, until a record does."""
    box, journal = hq.box("lu-hz-01"), Journal("lu-hz-01")
    journal.age_ms = 2 * DAY_MS
    lines = [journal.line("start"), journal.line("passage", {"plate": "鲁H11111"})]
    send(box, lines)
    clock = hq.folder / "clock"
    clock.write_text(f"{40 * DAY_MS // 1000}")
    preload_clock(hq.retaind, WALL_CLOCK_OFFSET_FILE=clock)
    hq.retaind.start()
    wait_for("the clock is refused", lambda: "HQ_RETAIN_CLOCK" in hq.retaind.log_path.read_text(), 60)
    hq.retaind.stop()
    assert "expected at most 7 days between" in hq.retaind.log_path.read_text()
    assert secrets_of(lines[1])[1] in files_of(hq) and not deletions(hq)
    clock.write_text(f"{4 * DAY_MS // 1000}")  # six days ahead of the record: within the bound, and not yet due
    retain(hq)
    assert secrets_of(lines[1])[1] in files_of(hq)
    hq.retention_config.write_text(hq.retention_config.read_text() + "passage_days: 5\n")
    hq.retaind.start()
    wait_for("in bound and past its term it goes", lambda: secrets_of(lines[1])[1] not in files_of(hq), 60)
    hq.retaind.stop()


def test_what_a_case_holds_stays_until_the_hold_ends(hq):
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    journal.age_ms = 31 * DAY_MS
    lines = [journal.line("start")] + [journal.line("passage", {"plate": plate}) for plate in
                                       ("鲁H11111", "鲁H22222", "鲁H33333")]
    journal.age_ms = 0
    send(box, lines + [journal.line("stop")])
    held = {"case_number": "A3717", "reason": "审理中", "plates": ["鲁H22222"]}
    assert zhang.post("/v1/operator/holds", held).json == {"case_number": "A3717", "holds": 1}
    retain(hq)
    raw = files_of(hq)
    assert [secrets_of(line)[1] in raw for line in lines[1:]] == [False, True, False]
    row = zhang.get("/v1/operator/holds").json["holds"][0]
    assert (row["case_number"], row["plate"], row["by"], row["ended"]) == ("A3717", "鲁H22222", "zhang", None)
    assert zhang.post("/v1/operator/holds/end", {"case_number": "A3718", "reason": "x"}).status == 404
    ended = zhang.post("/v1/operator/holds/end", {"case_number": "A3717", "reason": "判决生效"})
    assert ended.json == {"case_number": "A3717", "ended": 1}
    retain(hq)
    assert secrets_of(lines[2])[1] not in files_of(hq)
    assert [(b["person"], b["about"], b["reason"]) for b in acts(hq.folder / "state", "hold.add")] == [
        ("zhang", "case A3717, 1 holds", "审理中")]
    assert acts(hq.folder / "state", "hold.end")[-1]["reason"] == "判决生效"


def test_published_terms_bound_what_is_configured_and_forged_ones_end_all_deleting(hq):
    """Configured are 30 days for a passage. The terms let it be 20 at most: one of 25 days goes."""
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    journal.age_ms = 25 * DAY_MS
    lines = [journal.line("start"), journal.line("passage", {"plate": "鲁H11111"})]
    journal.age_ms = 15 * DAY_MS
    lines += [journal.line("passage", {"plate": "鲁H22222"})]
    journal.age_ms = 0
    send(box, lines + [journal.line("stop")])
    retain(hq)
    assert secrets_of(lines[1])[1] in files_of(hq)
    assert zhang.put("/v1/retention-terms", hq.world.retention_terms(1, passage=(10, 20))).status == 201
    retain(hq)
    assert [secrets_of(line)[1] in files_of(hq) for line in lines[1:]] == [False, True]
    assert "version=1 passage_days=20 record_days=365" in hq.retaind.log_path.read_text()
    assert zhang.put("/v1/retention-terms", hq.world.retention_terms(1, passage=(1, 2))).status == 409
    # what hqd itself could have stored: signed by one clerk, or by nobody's key
    for version, signers in ((2, hq.world.clerks[:1]), (3, [hq.world.receipt_key])):
        terms = hq.world.retention_terms(version, passage=(1, 2), signers=signers)
        assert zhang.put("/v1/retention-terms", terms).status == 422
        hq.store.execute(f"INSERT INTO documents(kind, version, body) VALUES('retention-terms', {version},"
                         f" CAST('{terms.decode()}' AS BLOB))")
        seen = hq.retaind.log_path.read_text().count("HQ_RETAIN_TERMS")
        hq.retaind.start()
        wait_for("refused", lambda: hq.retaind.log_path.read_text().count("HQ_RETAIN_TERMS") > seen, 60)
        hq.retaind.stop()
        assert secrets_of(lines[2])[1] in files_of(hq)


@pytest.mark.parametrize("body, message", [
    ({"case_number": "A1", "reason": "r"}, "expected plates, entries or a checkpoint"),
    ({"case_number": "A1", "plates": ["鲁H1"]}, "reason: expected a text"),
    ({"case_number": "A1", "reason": "r", "plates": ["鲁H???11"]}, "plates: '鲁H???11' is no full plate"),
    ({"case_number": "A1", "reason": "r", "entries": [0]}, "entries: expected ids"),
    ({"case_number": "A1", "reason": "r", "checkpoint": "b", "from": "gestern"}, "from: expected a time in UTC"),
    ({"case_number": "A1", "reason": "r", "plates": ["鲁H11111"], "lane": 2}, "lane: expected 1 to 255, and its"),
    ({"case_number": "A1", "reason": "r", "checkpoint": "b", "lane": 0}, "lane: expected 1 to 255, and its"),
])
def test_a_hold_that_names_nothing_is_refused(hq, body, message):
    answer = hq.operator().post("/v1/operator/holds", body)
    assert answer.status == 400 and message in answer.json["error"]["en"]


def test_holds_by_checkpoint_time_and_entry(hq):
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    journal.age_ms = 40 * DAY_MS
    first = [journal.line("start"), journal.line("passage", {"plate": "鲁H11111"})]
    journal.age_ms = 35 * DAY_MS
    second = [journal.line("passage", {"plate": "鲁H22222"}), journal.line("passage", {"entry": {"id": 7}, "plate": "x"})]
    journal.age_ms = 0
    send(box, first + second + [journal.line("stop")])
    assert zhang.post("/v1/operator/holds", {"case_number": "A1", "reason": "r", "checkpoint": "lu-hz-01",
                                             "until": time_text(now_ms() - 38 * DAY_MS)}).status == 201
    assert zhang.post("/v1/operator/holds", {"case_number": "A2", "reason": "r", "entries": [7]}).status == 201
    assert zhang.post("/v1/operator/holds", {"case_number": "A3", "reason": "r", "checkpoint": "lu-hz-02"}).status == 201
    retain(hq)
    raw = files_of(hq)
    assert [secrets_of(line)[1] in raw for line in (first[1], *second)] == [True, False, True]


def test_a_hold_of_one_lane(hq):
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    journal.age_ms = 31 * DAY_MS
    lines = [journal.line("start")] + [journal.line("passage", {"plate": "鲁H11111", "lane": lane}) for lane in (1, 2)]
    journal.age_ms = 0
    send(box, lines + [journal.line("stop")])
    held = {"case_number": "A1", "reason": "r", "checkpoint": "lu-hz-01", "lane": 2}
    assert zhang.post("/v1/operator/holds", held).status == 201
    retain(hq)
    assert [secrets_of(line)[1] in files_of(hq) for line in lines[1:]] == [False, True]
    assert zhang.get("/v1/operator/holds").json["holds"][0]["lane"] == 2


def test_hqd_itself_cannot_delete(hq):
    """The guards as they stand in the file: a program without the retention program's right changes nothing."""
    box, journal = hq.box("lu-hz-01"), Journal("lu-hz-01")
    send(box, [journal.line("start"), journal.line("passage")])
    with contextlib.closing(sqlite3.connect(hq.folder / "state/hqd.sqlite", isolation_level=None)) as db:
        db.create_function("may_forget", 0, lambda: 0)
        for sql in ("DELETE FROM records", "UPDATE records SET line = x'61'", "DELETE FROM own_records",
                    "UPDATE own_records SET salt = NULL, body = NULL"):
            with pytest.raises(sqlite3.Error):
                db.execute(sql)
    assert len(own_records(hq.folder / "state")) == 1
