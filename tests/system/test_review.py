"""What a reviewer must look at again: withdrawals and emergencies at once, each week a sample drawn by a recorded seed."""
import datetime
import hashlib
import re

import pytest
from harness.hq import Headquarters, acts, own_records
from harness.hqctl import Hqctl
from harness.process import wait_for
from harness.signing import entry, now_ms, time_text
from harness.stack import preload_clock

DAY_MS = 24 * 3600 * 1000
SAMPLE = 20
DRAWN = {"answers", "chain.accept", "checkpoint.enroll", "checkpoint.replace", "checkpoint.revoke", "evidence.open",
         "hits", "hold.add", "hold.end", "instruction.post", "keyset.publish", "list.entries", "list.publish",
         "match_policy.publish", "person.add", "person.revoke", "retention.publish"}


@pytest.fixture()
def hq(tmp_path):
    headquarters = Headquarters(tmp_path, operators=["zhang", "li", "wang:reviewer", "qian:auditor"]).start()
    yield headquarters
    headquarters.stop()


def state(hq):
    return hq.folder / "state"


def reviews(hq, who="wang"):
    return hq.operator(who).get("/v1/operator/reviews?limit=1000").json["reviews"]


def answer(hq, number, verdict="ok", who="wang", reason="看过卷宗"):
    return hq.operator(who).post("/v1/operator/reviews/answer",
                                 {"number": number, "verdict": verdict, "reason": reason})


def test_withdrawals_and_emergencies_are_reviewed_after(hq):
    zhang, world = hq.operator(), hq.world
    assert zhang.put("/v1/list/batches", world.batch(added=[entry(1, "鲁H12345"), entry(2, "鲁H23456")])).status == 201
    assert reviews(hq) == []
    one_person = world.batch(withdrawn=[1], signers=world.clerks[:1])
    assert zhang.put("/v1/list/batches", one_person).status == 201, "a withdrawal is one person's, at once"
    night = entry(3, "鲁H34567", emergency=True, valid_from=time_text(now_ms()), document=None,
                  valid_until=time_text(now_ms() + 20 * 3600 * 1000))
    assert zhang.put("/v1/list/batches", world.batch(added=[night])).status == 201
    rows = reviews(hq)
    assert [(r["why"], r["person"], r["what"], r["overdue"], r["answered_by"]) for r in rows] == [
        ("withdrawal", "zhang", "list.publish", False, None), ("emergency", "zhang", "list.publish", False, None)]
    records = {record.sequence: record for record in own_records(state(hq))}
    assert rows[0]["about"] == records[rows[0]["sequence"]].body["about"] == "revision 2: 0 added, 0 changed, 1 withdrawn"
    assert answer(hq, 1, who="zhang").json["error"]["en"] == "your own act: expected another reviewer"
    assert answer(hq, 1, "perhaps").status == 400 and answer(hq, 9).status == 404
    assert answer(hq, 1, who="qian").status == 403
    assert answer(hq, 1, "objection", reason="无撤控文书").json == {"number": 1, "verdict": "objection"}
    assert answer(hq, 1).status == 409
    row = reviews(hq, "qian")[0]
    assert (row["verdict"], row["answered_by"], row["reason"]) == ("objection", "wang", "无撤控文书")
    assert [(b["person"], b["about"]) for b in acts(state(hq), "review.answer") if b["answer"] == 200] == [
        ("wang", "review 1: objection")]
    refused = world.batch(withdrawn=[2], signers=[world.freshness_key], advance=False)
    assert zhang.put("/v1/list/batches", refused).status == 422 and len(reviews(hq)) == 2


def drawn_again(seed, first, last, records):
    """The sequences of the sample, reckoned from the own records alone."""
    may = [r.sequence for r in records if first <= r.sequence <= last and r.body and r.body["what"] in DRAWN]
    ranks = sorted(may, key=lambda n: hashlib.sha256(bytes.fromhex(seed) + n.to_bytes(8, "big")).digest())
    return set(ranks[:SAMPLE]), len(may)


def test_the_weeks_sample_is_drawn_by_a_recorded_seed_and_becomes_overdue(tmp_path):
    hq = Headquarters(tmp_path, operators=["zhang", "wang:reviewer"])
    clock = tmp_path / "clock"
    clock.write_text("0")
    hq.start()
    try:
        zhang = hq.operator()
        for n in range(30):
            zhang.get("/v1/list/entries")
            zhang.get("/v1/operator/self")
        zhang.post("/v1/operator/enroll", {"checkpoint": "lu-hz-01", "name": "n"})
        assert reviews(hq) == [], "the week is not over"
        hq.stop()
        clock.write_text(str(8 * DAY_MS // 1000))
        preload_clock(hq.hqd, WALL_CLOCK_OFFSET_FILE=clock)
        hq.start()
        wait_for("the sample is drawn", lambda: reviews(hq), 20)
        rows = reviews(hq)
        records = own_records(state(hq))
        told = [r.body["about"] for r in records if r.body["what"] == "review.draw"]
        assert len(told) == 1
        week, count, of, first, last, seed = re.fullmatch(
            r"week of (\S+): (\d+) of (\d+), records (\d+) to (\d+), seed ([0-9a-f]{64})", told[0]).groups()
        assert datetime.date.fromisoformat(week).weekday() == 0
        expected, possible = drawn_again(seed, int(first), int(last), records)
        assert {row["sequence"] for row in rows} == expected
        assert (int(count), int(of)) == (SAMPLE, possible) and possible == 31
        assert {row["why"] for row in rows} == {"sample"} and not any(row["overdue"] for row in rows)
        assert answer(hq, rows[0]["number"]).status == 200
        hq.stop()
        clock.write_text(str(16 * DAY_MS // 1000))
        hq.start()
        wait_for("it is overdue", lambda: sum(row["overdue"] for row in reviews(hq)) == SAMPLE - 1, 20)
    finally:
        hq.stop()


def test_hqctl_shows_and_answers_reviews(tmp_path):
    hq = Hqctl(tmp_path).init().start()
    try:
        hq.publish([entry(0, "鲁H12345"), entry(0, "鲁H23456")])
        hq.withdraw("鲁H12345")
        said = hq.run("review", *hq.online).splitlines()
        assert said[0].startswith("1  withdrawal  record ") and "  due 20" in said[0]
        assert said[1] == "1 open, 0 overdue"
        own = hq.try_run("review", "answer", 1, "--ok", "--reason", "x", *hq.online)
        assert own.returncode == 1 and "your own act" in own.stderr
        assert hq.try_run("review", "answer", 1, "--reason", "x", *hq.online).returncode == 2
        hq.run("person", "add", hq.dir, "wang", "--full-name", "王五", "--number", "370003", "--role", "reviewer", *hq.online,
               passphrases=["ca keys of HQ"])
        mine = [*hq.online, "--operator", "wang"]
        assert hq.run("review", "answer", 1, "--objection", "--reason", "无文书", *mine) == "Review 1: objection.\n"
        assert hq.run("review", *mine) == "0 open, 0 overdue\n"
        assert hq.run("review", "--all", *mine).splitlines()[1] == "    objection by wang: 无文书"
    finally:
        hq.stop()
