"""Every boom goes up at once, also when the journal is dead: then the alarm and the answer say what is not on record."""
import os
import threading

import pytest

from harness import journal
from harness.process import Program
from harness.signing import World
from harness.stack import BUILD, Checkpoint, LineClient, program, short_folder, wait_until

PIN = "27491683"
LANES = [1, 2, 3]
WHY = {"reason": "smoke", "reason_code": "traffic", "note": "smoke at lane 1"}


class Stand:
    """Three lanes whose barriers close behind a vehicle, a leader at a tablet, and a disk below the journal that breaks on
    request."""

    def __init__(self, folder):
        self.box = Checkpoint(folder)
        World().write_roots(self.box.roots)
        for lane in LANES:
            self.box.add_closing_lane(lane, sim=["--travel-s", "0.3"], exit_gap="300ms")
        self.word, state = self.box.folder / "disk", self.box.state / "checkpointd"
        self.disk("")
        state.mkdir()
        library = BUILD / "tests" / "broken_disk.so"
        assert library.exists(), library
        self.daemon = Program("checkpointd", [program("checkpointd"), "--config", self.box.write_checkpointd()], self.box.folder)
        self.daemon.env |= {
            "LD_PRELOAD": str(library), "BROKEN_DISK_FILE": str(self.word), "BROKEN_DISK_FOLDER": str(state),
            "ASAN_OPTIONS": self.daemon.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}

    def start(self):
        self.box.programs.start(self.daemon)
        self.box.leader("wang", PIN)
        assert self.act("tablet_add", name="a", fingerprint="a" * 64, lanes=LANES)["ok"]
        self.token = self.login()["result"]["token"]
        self.wait_booms("closed")

    def disk(self, word):
        new = self.word.with_suffix(".new")
        new.write_text(word)
        new.rename(self.word)

    def act(self, name, /, tablet=None, token=None, **args):
        client = LineClient(self.box.run / "control", timeout_s=30)
        client.send(id=1, do=name, args=args, **({"tablet": tablet} if tablet else {}), **({"token": token} if token else {}))
        answer = client.receive()
        client.close()
        return answer

    def login(self):
        return self.act("login", "a", officer="wang", password=PIN)

    def wait_booms(self, state):
        for lane in LANES:
            wait_until(f"lane {lane} {state}", lambda lane=lane: self.box.lane(lane).get("boom") == state)

    def close(self):
        """A vehicle passes each open boom, whose own controller closes behind it."""
        for lane in LANES:
            if self.box.lane(lane)["boom"] == "open":
                self.box.sims[lane].do("vehicle", plate="", speed=20, runs=True)
        self.wait_booms("closed")

    def raise_all(self):
        """By the leader at the tablet; the answer, every boom open."""
        answer = self.act("raise_all", "a", self.token, pin=PIN, **WHY)
        self.wait_booms("open")
        return answer

    def alarms(self):
        return {(alarm["name"], alarm.get("lane")) for alarm in self.act("status")["result"]["alarms"]}

    def records(self):
        return [r.body for r in journal.verify(self.box.state / "checkpointd" / "journal") if r.body]


@pytest.fixture(scope="module")
def stand():
    with short_folder() as folder:
        stand = Stand(folder)
        try:
            stand.start()
            yield stand
        finally:
            stand.disk("")
            stand.box.stop()


DOWN = {("LANE_JOURNAL_DOWN", lane) for lane in LANES}


def gaps(records):
    return sum("were not written" in body.get("detail", "") for body in records)


def well_again(stand):
    stand.disk("")
    wait_until("the journal is well", lambda: not DOWN & stand.alarms(), 30)


@pytest.mark.parametrize("how", ["EIO", pytest.param("ENOSPC", marks=pytest.mark.skipif(
    not os.environ.get("CHECKPOINT_FULL"), reason="as EIO, and a full disk has a test of its own: of the full tier"))])
def test_a_journal_that_cannot_write(stand, how):
    stand.close()
    before = stand.records()
    stand.disk(how)
    answer = stand.raise_all()
    assert answer["ok"] and answer["result"] == {"lanes": LANES, "refused": [], "recorded": False, "unrecorded": LANES}, answer
    wait_until("it is alarmed", lambda: DOWN <= stand.alarms())
    told = [line for line in stand.daemon.tail(200).splitlines() if "RAISE_ALL_UNRECORDED" in line]
    assert "officer=wang" in told[-1] and "lanes=[1,2,3]" in told[-1]
    well_again(stand)
    wait_until("the gap is on record", lambda: gaps(stand.records()) > gaps(before))
    stand.close()
    assert stand.raise_all()["result"] == {"lanes": LANES, "refused": [], "recorded": True, "unrecorded": []}
    acts = [b["act_kind"] for b in stand.records()[len(before):] if b.get("reason") == "smoke" and "act_kind" in b]
    assert acts[-3:] == ["emergency_raise"] * 3


def test_a_disk_that_does_not_come_back(stand):
    """Somebody who signs on waits for it, and the PIN behind him is checked all the same."""
    stand.close()
    stand.disk("hang")
    waiting = []
    thread = threading.Thread(target=lambda: waiting.append(stand.login()))
    thread.start()
    try:
        wait_until("it is alarmed", lambda: DOWN <= stand.alarms())
        answer = stand.raise_all()
        assert answer["ok"] and not answer["result"]["recorded"] and answer["result"]["unrecorded"] == LANES, answer
        thread.join()
        assert waiting[0]["error"]["code"] == "timeout" and stand.login()["error"]["code"] == "timeout"
    finally:
        stand.disk("")
    well_again(stand)
    def told():
        return [b["what"] for b in stand.records() if b.get("what", "").startswith("login")][-2:]
    wait_until("on record after all, and what became of it", lambda: told() == ["login", "login_failed"])
