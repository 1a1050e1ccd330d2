"""Headquarters' own records: what people do, look at and are refused, in a chain that is verified apart from hqd."""
import base64
import contextlib
import hashlib
import json
import os
import random
import signal
import sqlite3
import threading

import pytest
from harness.hq import Headquarters, acts, own_records, rows_of
from harness.hqctl import Hqctl
from harness.journal import verify_rows
from harness.process import wait_for
from harness.records import Journal
from harness.signing import entry


@pytest.fixture()
def hq(tmp_path):
    headquarters = Headquarters(tmp_path).start()
    yield headquarters
    headquarters.stop()


def state(hq):
    return hq.folder / "state"


def send(box, *lines):
    answer = box.post("/v1/checkpoints/lu-hz-01/records", b"".join(lines))
    assert answer.status == 200, answer.body


def test_every_request_of_a_person_stands_once_with_its_answer(hq):
    box, journal, zhang, li = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator(), hq.operator("li")
    send(box, journal.line("start"), journal.line("hit"))
    before = len(own_records(state(hq)))
    zhang.get("/v1/operator/self")
    zhang.put("/v1/list/batches", hq.world.batch(added=[entry(1, "鲁H12345")]))
    zhang.put("/v1/list/batches", b"nonsense")
    li.get("/v1/operator/hits?checkpoint=lu-hz-01")
    li.get("/v1/list/entries")
    li.post("/v1/operator/audit/verify", {})
    zhang.post("/v1/operator/revoke", {"checkpoint": "lu-hz-01", "reason": "被盗"})
    zhang.post("/v1/operator/nothing", {})
    zhang.post("/v1/checkpoints/lu-hz-01/records", {})
    zhang.get("/v1/list/head?unknown=1")
    box.get("/v1/list/head")
    assert acts(state(hq))[before:] == [
        ("zhang", "self", 200), ("zhang", "list.publish", 201), ("zhang", "list.publish", 400), ("li", "hits", 200),
        ("li", "list.entries", 200), ("li", "audit.verify", 200), ("zhang", "checkpoint.revoke", 200),
        ("zhang", "unknown", 404), ("zhang", "box.records", 403), ("zhang", "list.head", 400)]
    looked = acts(state(hq), "hits")[0]
    assert (looked["about"], looked["query"]) == ("1 hits, 1 to 1", "checkpoint=lu-hz-01")
    revoked = acts(state(hq), "checkpoint.revoke")[0]
    assert (revoked["about"], revoked["reason"]) == ("lu-hz-01", "被盗")
    published, refused = acts(state(hq), "list.publish")
    assert published["about"] == "revision 1: 1 added, 0 changed, 0 withdrawn" and "refused" not in published
    assert refused["refused"] and refused["bytes"] == len(b"nonsense")


def test_who_is_refused_at_the_door_stands_there_too(hq):
    stranger = hq.peer(hq.pki.operator("stranger"))
    assert stranger.get("/v1/operator/hits").status == 403
    elsewhere = hq.pki.operators.issue("elsewhere", "urn:checkpoint-operator:other:zhang")
    assert hq.peer(elsewhere).get("/v1/operator/self").status == 403
    rows = [(b["person"], b["fleet"], b["answer"], b["refused"]) for b in
            [record.body for record in own_records(state(hq))] if b["answer"] == 403]
    assert rows == [("stranger", "testfleet", 403, "certificate: its holder is not known here"),
                    ("zhang", "other", 403, "certificate: its holder is not known here")]


def test_a_stream_is_its_beginning_and_its_pages(hq):
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    send(box, journal.line("start"))
    found = []
    assert zhang.get("/v1/operator/hits?after=0&wait=1").json == {"hits": [], "next": 0}
    assert zhang.get("/v1/operator/hits?after=0&wait=1").json == {"hits": [], "next": 0}
    assert len(acts(state(hq), "hits")) == 1, "a stream that goes on begins once"
    waiting = threading.Thread(target=lambda: found.append(zhang.get("/v1/operator/hits?after=0&wait=20").json))
    waiting.start()
    send(box, journal.line("hit"), journal.line("hit"))
    waiting.join(20)
    shown = found[0]["next"]
    assert zhang.get(f"/v1/operator/hits?after={shown}&wait=1").json["hits"] == []
    rows = [b["about"] for b in acts(state(hq), "hits")]
    assert rows == ["waits for hits after 0", "2 hits, 1 to 2"], rows
    assert zhang.get("/v1/operator/hits?after=1&wait=1").json["next"] == 2
    assert hq.operator("li").get("/v1/operator/hits?after=2&wait=1").json["hits"] == []
    assert [b["about"] for b in acts(state(hq), "hits")][2:] == ["1 hits, 2 to 2", "waits for hits after 2"]


def test_a_person_taken_out_while_waiting_stands_as_refused(hq):
    zhang = hq.operator("li")
    connection = zhang.connect()
    connection.request("GET", "/v1/operator/hits?wait=2")
    wait_for("the wait is recorded", lambda: acts(state(hq), "hits"))
    hq.operators = ["zhang"]
    hq.write_config()
    os.kill(hq.hqd.process.pid, signal.SIGHUP)
    wait_for("li is out", lambda: hq.operator("li").get("/v1/operator/self").status == 403)
    assert connection.getresponse().status == 403
    connection.close()
    assert [b["answer"] for b in acts(state(hq), "hits")] == [200, 403]


@pytest.mark.parametrize("request_of", ["publish", "enroll", "look"])
def test_what_cannot_be_recorded_is_refused_whole(hq, request_of):
    zhang = hq.operator()
    assert zhang.get("/v1/operator/self").status == 200
    hq.hqd.stop()
    with sqlite3.connect(state(hq) / "hqd.sqlite") as db:
        db.execute("CREATE TRIGGER broken BEFORE INSERT ON own_records BEGIN SELECT RAISE(ABORT, 'no'); END")
    hq.hqd.start()
    zhang.port = hq.port
    if request_of == "publish":
        answer = zhang.put("/v1/list/batches", hq.world.batch(added=[entry(1, "鲁H12345")]))
    elif request_of == "enroll":
        answer = zhang.post("/v1/operator/enroll", {"checkpoint": "lu-hz-01", "name": "n"})
    else:
        answer = zhang.get("/v1/list/entries")
    assert answer.status >= 500 and "could not be recorded" in answer.json["error"]["en"]
    assert set(answer.json) == {"error"}
    with sqlite3.connect(f"file:{state(hq)}/hqd.sqlite?mode=ro", uri=True) as db:
        assert db.execute("SELECT (SELECT count(*) FROM batches), (SELECT count(*) FROM tokens)").fetchone() == (0, 0)


def test_kills_leave_every_act_with_its_record_and_no_record_without_its_act(hq):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    answered = 0
    for _ in range(3):
        zhang = hq.operator()
        killer = threading.Timer(draw.uniform(0.02, 0.3), hq.hqd.kill)
        killer.start()
        try:
            while killer.is_alive():
                number = answered + draw.randrange(1000000) + 1
                answer = zhang.post("/v1/operator/enroll", {"checkpoint": f"b-{number}", "name": "n"})
                answered += answer.status == 201
        except OSError:
            pass  # the kill cut the connection
        killer.join()
        hq.hqd.start()
    with sqlite3.connect(f"file:{state(hq)}/hqd.sqlite?mode=ro", uri=True) as db:
        made = {row[0] for row in db.execute("SELECT checkpoint FROM tokens")}
    recorded = {body["about"] for body in acts(state(hq), "checkpoint.enroll")}
    assert made == recorded and len(made) >= answered > 0


# The auditor

@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """One headquarters for the auditor's tests; the one that alters its records comes last."""
    headquarters = Hqctl(tmp_path_factory.mktemp("audited")).init().start()
    for n in range(3):
        headquarters.enroll(f"lu-hz-0{n}")
    yield headquarters
    headquarters.stop()


def test_hqctl_verifies_the_chain_itself_and_shows_it(audited):
    said = audited.run("audit", "own", "verify", *audited.online)
    assert said.startswith("Own records ok 总部操作记录完整: 1 to ")
    anchor = said.splitlines()[1].removeprefix("Head ")
    assert audited.json("audit", "own", "verify", "--anchor", anchor, *audited.online)[0]["anchored"] is True
    rows = audited.json("audit", "own", "show", "--person", "zhang", *audited.online)
    assert [r["body"]["about"] for r in rows if r["body"]["what"] == "checkpoint.enroll"] == [
        f"lu-hz-0{n}" for n in range(3)]
    last = audited.run("audit", "own", "show", "--last", 1, *audited.online).splitlines()
    assert len(last) == 1 and "  zhang  own.records  " in last[0]
    assert len(own_records(audited.dir / "state")) > len(rows)  # the looks stand there as well


def test_a_chain_written_anew_is_found_by_its_anchor(audited):
    said = audited.run("audit", "own", "verify", *audited.online)
    sequence, _, _ = said.splitlines()[1].removeprefix("Head ").partition(":")
    result = audited.try_run("audit", "own", "verify", "--anchor", f"{sequence}:sha256:{'ab' * 32}", *audited.online)
    assert result.returncode == 1 and "the chain was written anew" in result.stderr
    result = audited.try_run("audit", "own", "verify", "--anchor", "4", *audited.online)
    assert result.returncode == 2 and "expected SEQUENCE:sha256:" in result.stderr


def test_records_over_the_api_verify_in_python(hq):
    zhang = hq.operator()
    for _ in range(5):
        zhang.get("/v1/operator/self")
    answer = zhang.get("/v1/operator/own?limit=1000").json
    rows = [(n, base64.b64decode(r["header"]), bytes.fromhex(r["salt"]), base64.b64decode(r["data_base64"]), None)
            for n, r in enumerate(answer["records"], 1)]
    records = verify_rows(rows)
    assert len(records) == answer["head"]["sequence"] == answer["next"] == 5
    assert all(json.loads(row[3])["person"] == "zhang" for row in rows)
    assert {r["source"] for r in answer["records"]} == {"urn:checkpoint-hq:testfleet"}


ALTERED = {
    "CAST(replace(CAST(body AS TEXT), 'lu-hz-01', 'lu-hz-09') AS BLOB)": "after record 1: the body does not fit its digest",
    "copied": "record 1: expected 2",
    "missing": "records 2 to 2 are missing",
    "cut": "the records end at 1, before the anchor at 4",
}


def alter(path, how):
    """Record 2 altered, as somebody may who has the file and takes the triggers away."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        if how == "copied":
            db.execute("UPDATE own_records SET (header, salt, body) = "
                       "(SELECT header, salt, body FROM own_records WHERE sequence = 1) WHERE sequence = 2")
        elif how in ("missing", "cut"):
            db.execute("DELETE FROM own_records WHERE sequence " + ("= 2" if how == "missing" else ">= 2"))
        else:
            db.execute(f"UPDATE own_records SET body = {how} WHERE sequence = 2")


def test_an_altered_chain_is_found_by_hqctl(audited):
    audited.keep_port()
    path = audited.dir / "state/hqd.sqlite"
    audited.run("audit", "own", "verify", *audited.online)
    anchor = "4:sha256:" + hashlib.sha256(rows_of(path)[3][1]).hexdigest()
    audited.run("audit", "own", "verify", "--anchor", anchor, *audited.online)
    audited.hqd.stop()
    whole = path.read_bytes()
    for how, message in ALTERED.items():
        path.write_bytes(whole)
        alter(path, how)
        audited.hqd.start()
        result = audited.try_run("audit", "own", "verify", "--anchor", anchor, *audited.online)
        assert result.returncode == 1 and message in result.stderr, (how, result.stderr)
        audited.hqd.stop()
