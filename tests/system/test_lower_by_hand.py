"""An officer lowers a boom by hand from a tablet of that lane: while beats come, and not a moment longer."""
import threading
import time

import pytest

from harness import journal
from harness.process import SLOWNESS, wait_for
from harness.signing import World
from harness.stack import Checkpoint, LineClient, short_folder, wait_until

BEAT_S = 0.05
PROMISED_S = 0.5  # from the last beat to the stop, and a scan
BUSY_S = 0.5  # what a busy machine may take on top; the boom would be down later still
PIN = "27491683"
BOUND, OTHER = "booth", "office"


class Stand:
    """One lane that may be lowered by hand, a tablet that is bound to it and one that is not, an officer."""

    def __init__(self, folder):
        self.box = Checkpoint(folder)
        World().write_roots(self.box.roots)
        self.box.add_tcp_lane(1, manual_lower="hold_to_run", transit_max="1s", travel="6s", clear="1s",
                              sim=["--travel-s", "1.6"])
        self.box.start_checkpointd()
        self.sim, self.press = self.box.sims[1], 1000
        self.leader = self.box.leader()
        client = self.box.control()
        assert client.act("officer_add", officer="li", password=PIN, role="officer")["ok"]
        for at, (name, lanes) in enumerate(((BOUND, [1]), (OTHER, [2]))):
            assert client.act("tablet_add", name=name, fingerprint=f"{at:064x}", lanes=lanes)["ok"]
        client.close()
        self.tablets = {name: Tablet(self.box, name) for name in (BOUND, OTHER)}
        wait_until("the lane is there", lambda: self.box.lane(1).get("boom") == "closed")

    def open(self):
        self.ask("raise", self.leader, lane=1, reason="test")
        wait_until("open", lambda: self.box.lane(1)["boom"] == "open")

    def ask(self, name, token, **args):
        client = self.box.control()
        answer = client.act(name, token, **args)
        client.close()
        assert answer["ok"], answer

    def down(self, held):
        """Pressed until it comes down; while the way is not yet known to be clear it is refused."""
        def granted():
            self.press += 1
            held.begin(self.press)
            return held.answer["ok"] or (held.stop() and False)
        begun = time.monotonic_ns()
        wait_for("the lane lets it come down", granted, 15.0, interval_s=0.25)  # an officer is heard 20 times a second
        return self.sim.wait_event("boom", motion=-1, after_ns=begun)["mono_ns"]


class Tablet:
    """Speaks for the console, for an officer at a tablet."""

    def __init__(self, box, name):
        self.client, self.name, self.number, self.token = LineClient(box.run / "control"), name, 0, None
        self.token = self.act("login", officer="li", password=PIN)["result"]["token"]

    def act(self, name, **args):
        self.number += 1
        self.client.send(id=self.number, do=name, args=args, tablet=self.name,
                         **({"token": self.token} if self.token else {}))
        while (answer := self.client.receive()).get("id") != self.number:
            pass
        return answer


class Held:
    """A thumb on the button of a tablet."""

    def __init__(self, tablet):
        self.tablet, self.thread, self.off, self.answer, self.refusal = tablet, None, None, None, None
        self.last_ns, self.number = 0, None

    def begin(self, press):
        self.press, self.off, self.refusal = press, threading.Event(), None
        self.answer = self.tablet.act("lower", lane=1, press=press)
        self.number = self.answer["ok"] and self.answer["result"]["beat"]
        self.thread = threading.Thread(target=self.beat)
        self.thread.start()

    def once(self, number):
        return self.tablet.act("lower_beat", lane=1, press=self.press, beat=number)

    def beat(self):
        while not self.off.is_set():
            self.last_ns = time.monotonic_ns()
            answer = self.once(self.number)
            if not answer["ok"]:
                self.refusal = answer["error"]["code"]
                return
            self.number = answer["result"]["beat"]
            self.off.wait(BEAT_S)

    def stop(self):
        """No beat any more, and no word of it."""
        self.off.set()
        self.thread.join()
        return True

    def beaten_again(self):
        """What a beat of the same press is answered, once that is over."""
        answer = self.once(self.number)
        return None if answer["ok"] else answer

    def let_go(self):
        self.stop()
        return self.tablet.act("lower_end", lane=1, press=self.press)


@pytest.fixture(scope="module")
def stand():
    with short_folder() as folder:
        stand = Stand(folder)
        try:
            yield stand
        finally:
            stand.box.stop()


@pytest.fixture
def held(stand):
    held = Held(stand.tablets[BOUND])
    yield held
    if held.thread:
        held.stop()
    stand.open()


def test_lowers_while_held_and_stops_when_beats_stay_away(stand, held):
    stand.open()
    begun = stand.down(held)
    held.stop()
    stopped = stand.sim.wait_event("boom", motion=0, by="stop", after_ns=begun)
    assert 0 < stopped["position"] < 1
    assert stopped["mono_ns"] - held.last_ns < (PROMISED_S + BUSY_S) * 1e9 * SLOWNESS
    answer = wait_until("the tablet hears it", lambda: held.beaten_again())
    assert answer["error"]["code"] == "beat_lost"


def test_a_beat_that_answers_nothing_new_is_nobodys(stand, held):
    """What the network kept of a dead page: beats come, and all but one repeat an answer that is gone."""
    begun = stand.down(held)
    held.stop()
    old = held.number
    assert {held.once(wrong)["error"]["code"] for wrong in (None, old + 1, -old)} == {"beat_lost"}
    done = threading.Event()

    def come_late():
        while not done.is_set():
            held.once(old)
            done.wait(BEAT_S)

    late = threading.Thread(target=come_late)
    late.start()
    try:
        stopped = stand.sim.wait_event("boom", motion=0, by="stop", after_ns=begun)
    finally:
        done.set()
        late.join()
    assert 0 < stopped["position"] < 1
    assert held.beaten_again()["error"]["code"] == "beat_lost"


def test_let_go_stops_at_once(stand, held):
    begun = stand.down(held)
    held.let_go()
    stopped = stand.sim.wait_event("boom", motion=0, by="stop", after_ns=begun)
    assert 0 < stopped["position"] <= 1  # at once may be before it has left


def test_held_to_the_end_it_is_closed(stand, held):
    begun = stand.down(held)
    stand.sim.wait_event("boom", motion=0, position=0.0, after_ns=begun)
    wait_until("closed", lambda: stand.box.lane(1)["boom"] == "closed")
    wait_until("the tablet hears it", lambda: held.refusal)
    assert held.refusal == "down"


def test_somebody_under_it_raises(stand, held):
    begun = stand.down(held)
    stand.sim.do("input", input="obstacle", active=True)
    try:
        assert stand.sim.wait_event("boom", motion=1, after_ns=begun)["position"] > 0
        wait_until("the tablet hears it", lambda: held.refusal)
    finally:
        stand.sim.do("input", input="obstacle", active=None)
    wait_until("open", lambda: stand.box.lane(1)["boom"] == "open")
    wait_until("nobody under it", lambda: "obstacle" not in stand.box.lane(1)["inputs"])
    stand.ask("ack", stand.leader, lane=1, reason="looked")


def test_only_from_a_tablet_of_that_lane(stand):
    other, bound = stand.tablets[OTHER], stand.tablets[BOUND]
    before = len(stand.sim.events("coil", coil="lower", on=True))
    assert other.act("lower", lane=1, press=1)["error"]["code"] == "denied"
    client = stand.box.control()
    assert client.act("lower", stand.leader, lane=1, press=1)["error"]["code"] == "denied"
    client.close()
    assert bound.act("lower", lane=1, press=0)["error"]["code"] == "invalid"
    assert bound.act("lower_beat", lane=1, press=99) == {"id": bound.number, "ok": True, "result": {"taken": False}}
    assert len(stand.sim.events("coil", coil="lower", on=True)) == before


def test_every_lane_is_raised_with_a_pin(stand):
    tablet = stand.tablets[BOUND]
    args = {"reason": "traffic", "reason_code": "traffic", "note": "smoke at lane 1"}
    for wrong in ({}, {"pin": "11111111"}):
        assert tablet.act("raise_all", **args, **wrong)["error"]["code"] == "pin"
    assert tablet.act("raise_all", pin=PIN)["error"]["code"] == "invalid"
    answer = tablet.act("raise_all", pin=PIN, **args)
    assert answer["ok"] and answer["result"] == {"lanes": [1], "refused": [], "recorded": True, "unrecorded": []}, answer
    stand.sim.do("input", input="local_control", active=True)
    try:
        wait_until("local control", lambda: stand.box.lane(1)["boom"] == "local_control")
        assert tablet.act("raise_all", pin=PIN, **args)["error"]["code"] == "local_control"
    finally:
        stand.sim.do("input", input="local_control", active=None)
    wait_until("ours again", lambda: stand.box.lane(1)["boom"] != "local_control")


def test_a_hold_at_a_tablet_says_why(stand):
    assert stand.tablets[BOUND].act("hold", lane=1)["error"]["code"] == "invalid"


def test_the_status_tells_measured_from_ordered_and_who(stand, held):
    stand.open()  # again: local control came between
    lane = stand.box.lane(1)
    assert (lane["boom_measured"], lane["ordered"], lane["queue"]) == ("open", "raise", [])
    assert lane["ordered_at"] and "manual_lower" not in lane
    stand.down(held)
    lane = wait_until("it comes down", lambda: (s := stand.box.lane(1))["boom_measured"] == "between" and s)
    assert (lane["ordered"], lane["ordered_by"], lane["ordered_who"]["officer"]) == ("lower", "hand", "li")
    assert lane["manual_lower"]["by"] == {"officer": "li", "name": "li", "program": lane["manual_lower"]["by"]["program"]}
    assert lane["manual_lower"]["moves"] and lane["manual_lower"]["since"]
    held.let_go()
    lane = wait_until("it stands", lambda: (s := stand.box.lane(1))["ordered"] == "stop" and s)
    assert lane["ordered_by"] == "hand" and "manual_lower" not in lane


def test_the_status_says_who_holds_and_why(stand):
    """A reason in somebody's own words may name a plate, and technicians see the status."""
    tablet = stand.tablets[BOUND]
    for reason, shown in (("suspicious", "suspicious"), ("鲁H12345 looks odd", None)):
        assert tablet.act("hold", lane=1, reason=reason)["ok"]
        hold = wait_until("held", lambda: stand.box.lane(1)["holds"])[0]
        assert hold["by"]["officer"] == "li" and hold["since"] and hold.get("reason") == shown
        stand.ask("release", stand.leader, hold=hold["hold"], reason="test")
        wait_until("released", lambda: not stand.box.lane(1)["holds"])
    stand.ask("service_out", stand.leader, lane=1, reason="repair")
    lane = wait_until("out", lambda: (s := stand.box.lane(1)).get("out_of_service") and s)
    assert lane["out_by"]["officer"] == "wang" and lane["out_since"] and lane["out_reason"] == "repair"
    stand.ask("service_in", stand.leader, lane=1, reason="done")


def test_what_is_on_record(stand):
    """Who, when it began, why it ended; of the many orders of one press the first."""
    facts = [r.body for r in journal.verify(stand.box.state / "checkpointd" / "journal")]
    asked = [b for b in facts if b.get("what") == "lower_by_hand"]
    ended = [b for b in facts if b.get("what") == "lower_ended"]
    orders = [b for b in facts if b.get("output") == "lower" and b.get("on")]
    assert asked and ended and all(b["by"]["officer"] == "li" for b in asked + ended + orders)
    assert {b.get("refusal") for b in ended} >= {"beat_lost", "let_go", None, "not_clear"}
    assert len(orders) == len(ended)
    whole = [b for b in facts if b.get("what") == "raise_all"]
    single = [b for b in facts if b.get("act_kind") == "emergency_raise"]
    assert len(whole) == len(single) == 2 and [b["what"] for b in single] == ["act", "refused"]
    assert all((b["reason"], b["by"]["officer"]) == ("traffic", "li") for b in whole + single)
    assert single[0]["note"] == "smoke at lane 1" and single[0]["reason_code"] == "traffic"
