"""What an officer says of a hit: on record, at headquarters, shown; it releases nothing and silences nothing."""
import datetime
import time

import pytest

from harness import journal
from harness.camera import Camera
from harness.ctl import Ctl
from harness.fleet import Fleet
from harness.signing import entry
from harness.site import SECOND, running_site
from harness.stack import short_folder, wait_until

KEY = bytes(range(16))
WANTED = "鲁H18345"
READ = "鲁H1B345"  # as a camera misreads it
OTHER = "鲁H13345"
PASSWORD = "correct horse 1"


class Answers(Fleet):
    """A fleet with one lane, a wanted plate and an officer's shell."""

    def start(self):
        self.box.add_open_lane(1)
        self.box.add_camera(11, 1, key=KEY)
        self.publish([entry(1, WANTED, priority=1)])
        self.start_box()
        wait_until("the list is in force", lambda: self.box.lane(1).get("list_usable"))
        self.camera = Camera(("127.0.0.1", self.box.port), lane=1, camera=11, key=KEY)
        self.events = self.box.events(self.token)
        self.ctl = Ctl(self.box.run, self.box.folder / "session")
        assert self.ctl("login", "wang", password=PASSWORD).status == 0
        self.sent = 0
        return self

    def next(self, kind):
        while True:
            event = self.events.receive()
            if event["event"] == kind:
                return event

    def hit(self, plate, **fields):
        """The hit event of a read."""
        self.sent += 1
        self.camera.send(plate, self.sent, **fields)
        return self.next("hit")

    def records(self, kind):
        return [r for r in journal.verify(self.box.state / "checkpointd" / "journal") if r.kind == kind]

    def answers_at_hq(self, count):
        def all_there():
            rows = self.hq.json("match", "answers", *self.hq.online)
            return rows if len(rows) >= count else None
        return wait_until(f"{count} answers at headquarters", all_there, 30)


@pytest.fixture
def fleet():
    with short_folder() as folder, Answers(folder) as answers:
        yield answers.start()


def refused(result, code, text):
    assert result.status != 0 and f"[{code}]" in result.err and text in result.err, result
    return True


def test_a_hit_says_why_everywhere(fleet):
    exact = fleet.hit(WANTED)
    assert (exact["match"], "differs" in exact) == ("exact", False)
    assert exact["why"] == "exact; odds not judged" and exact["why_zh"] == "精确匹配；未评估可能性"
    near = fleet.hit(READ)
    assert near["match"] == "look_alike"
    assert near["differs"] == [{"position": 4, "listed": "8", "read": "B"}]
    assert near["why"] == "look-alike: B read for 8 at position 4; odds not judged: check by eye"
    shown = fleet.ctl("hits")
    flat = " ".join(shown.out.split())
    assert "look-alike: B read for" in flat and str(near["hit"]) in flat, shown
    chinese = Ctl(fleet.box.run, fleet.ctl.session, "zh_CN.UTF-8")("hits").out
    assert "形近字匹配" in chinese.replace("\n", "").replace(" ", "")
    recorded = fleet.records("hit")
    assert [r.body.get("differs") for r in recorded] == [None, near["differs"]]
    assert not any("why" in r.body for r in recorded)
    at_hq = wait_until("both at headquarters", lambda: (rows := fleet.hq.hits()) and len(rows) == 2 and rows, 30)
    assert at_hq[1]["record"]["differs"] == near["differs"]
    line = fleet.hq.run("hits", *fleet.hq.online).splitlines()[1]
    assert "look-alike: B read for 8 at position 4" in line
    looked = fleet.ctl("check", READ, "--reason", "other")
    assert "look-alike" in looked.out, looked


def test_answers_stand_on_record_and_reach_headquarters(fleet):
    hit = fleet.hit(READ, candidates=[(WANTED, 60)])
    number = hit["hit"]
    said = fleet.ctl("hit", "misread", number, "--plate", OTHER, "--reason", "dirt on the plate")
    assert said.status == 0 and f"Hit {number}: recorded as misread." in said.out, said
    told = fleet.next("hit_answer")
    assert (told["hit"], told["answer"], told["plate"], told["listed"]) == (number, "misread", OTHER, WANTED)
    assert told["by"]["officer"] == "wang" and told["reason"] == "dirt on the plate"
    assert "misread, carries" in " ".join(fleet.ctl("hits").out.split())
    again = fleet.ctl("hit", "confirm", number, "--reason", "looked twice")
    assert again.status == 0, again
    assert "confirmed by wang" in " ".join(fleet.ctl("hits").out.split())

    first, second = fleet.records("hit_answer")
    assert (first.actor, second.actor) == ("officer:wang", "officer:wang")
    assert (first.body["answer"], second.body["answer"]) == ("misread", "confirm")
    assert first.body["plate"] == OTHER and "plate" not in second.body
    assert first.body["read"]["plate"] == READ and first.body["read"]["candidates"] == [
        {"plate": WANTED, "confidence": 60}]
    # With each, in one commit, what became of the hit's handling: the first is its answer, and no more.
    steps = fleet.records("handling")
    assert [(r.actor, r.body["what"], r.body["hit"], r.body["reason"]) for r in steps] == [
        ("officer:wang", "hit_answer", number, "dirt on the plate"), ("officer:wang", "hit_answer", number, "looked twice")]
    assert [r.sequence for r in steps] == [first.sequence + 1, second.sequence + 1]
    assert [(s["stage"], s["answer"], s["by"]["officer"]) for s in (r.body["handling"] for r in steps)] == [
        ("rejected", "reject", "wang")] * 2
    at_hq = fleet.answers_at_hq(2)
    assert [row["record"] for row in at_hq] == [first.body, second.body]
    assert {row["checkpoint"] for row in at_hq} == {"lu-hz-01"}


def test_an_answer_releases_nothing_and_silences_nothing():
    with running_site() as site:
        def holds():
            return [hold["hold"] for hold in site.box.lane(2)["holds"]]

        site.read(12, SECOND, plate_class="02")
        hit = site.hit(SECOND)
        site.box.sims[2].do("vehicle", plate=SECOND)
        hold, = wait_until("hold", holds)
        answer = site.act("hit_answer", hit=hit["hit"], answer="misread", plate=OTHER, reason="not it")
        assert answer == {"id": answer["id"], "ok": True, "result": {"hit": hit["hit"], "answer": "misread"}}
        site.next("hit_answer")
        assert holds() == [hold]
        site.read(11, SECOND, plate_class="02")  # the same plate at the other lane: another passage
        assert site.hit(SECOND)["decision"]["level"] == "sounding"
        assert holds() == [hold]
        assert site.act("release", hold=hold, reason="not it")["ok"]
        wait_until("released", lambda: not holds())


def test_what_is_no_answer_is_refused(fleet):
    hit = fleet.hit(READ)["hit"]
    ctl = fleet.ctl
    assert refused(ctl("hit", "confirm", hit), "invalid", "reason: missing")
    assert refused(ctl("hit", "confirm", 4711, "--reason", "x"), "not_found", "没有该命中")
    assert refused(ctl("hit", "confirm", "seven", "--reason", "x"), "usage", "expected the number of a hit")
    assert refused(ctl("hit", "misread", hit, "--plate", WANTED, "--reason", "x"), "invalid", "confirm the hit instead")
    assert refused(ctl("hit", "misread", hit, "--plate", "鲁H1?345", "--reason", "x"), "invalid", "not a whole plate")
    assert refused(ctl("hit", "confirm", hit, "--plate", OTHER, "--reason", "x"), "usage", "--plate")
    client = fleet.box.control()
    assert client.act("hit_answer", hit=hit, answer="confirm", reason="x")["error"]["code"] == "denied"
    assert client.act("hit_answer", fleet.token, hit=hit, answer="perhaps", reason="x")["error"]["code"] == "invalid"
    assert client.act("hit_answer", fleet.token, hit=hit, answer="confirm", plate=OTHER,
                      reason="x")["error"]["en"] == "plate: only with misread"
    client.close()
    assert fleet.records("hit_answer") == []


def test_a_hit_that_is_on_no_board_any_more_is_answered_on_record_too(fleet):
    old = fleet.hit(READ)
    daemon = fleet.daemons["checkpointd"]
    daemon.stop()
    fleet.box.write_checkpointd(handling={"close": "1s"})  # twice that, and it is not read back
    wait_until("the hit is old", lambda: time.time() - datetime.datetime.fromisoformat(old["time"]).timestamp() > 2.5)
    daemon.start()
    assert fleet.ctl("login", "wang", password=PASSWORD).status == 0
    assert str(old["hit"]) not in fleet.ctl("hits").out
    fleet.events = fleet.box.events(fleet.token)
    said = fleet.ctl("hit", "misread", old["hit"], "--plate", OTHER, "--reason", "dirt on the plate")
    assert said.status == 0 and f"Hit {old['hit']}: recorded as misread." in said.out, said
    told = fleet.next("hit_answer")
    assert (told["hit"], told["plate"], told["by"]["officer"]) == (old["hit"], OTHER, "wang")
    answer, = fleet.records("hit_answer")
    step, = fleet.records("handling")
    assert (answer.body["plate"], answer.body["read"]["plate"]) == (OTHER, READ)
    assert (step.sequence, step.actor) == (answer.sequence + 1, "officer:wang")
    assert (step.body["what"], step.body["hit"], step.body["lane"]) == ("hit_answer", old["hit"], 1)
    assert "handling" not in step.body  # its case is closed, or gone


def test_a_hit_of_an_earlier_run_can_still_be_answered(fleet):
    hit = fleet.hit(READ)["hit"]
    fleet.daemons["checkpointd"].stop()
    fleet.daemons["checkpointd"].start()
    assert fleet.ctl("login", "wang", password=PASSWORD).status == 0
    assert str(hit) in fleet.ctl("hits").out
    said = fleet.ctl("hit", "confirm", hit, "--reason", "seen on the camera's picture")
    assert said.status == 0, said
    answer, = fleet.records("hit_answer")
    assert (answer.body["hit"], answer.body["listed"], answer.body["lane"]) == (hit, WANTED, 1)
    assert answer.body["read"]["plate"] == READ
