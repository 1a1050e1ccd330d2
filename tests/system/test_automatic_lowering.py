"""Our own automatic lowering: only with everything safety rule 7 asks for, and never onto anything."""
import datetime
import os
import signal

import pytest

from harness.signing import World
from harness.stack import INPUTS, PATIENCE, Checkpoint, module, short_folder, wait_until

# A scan is two requests, the guard's answer three; the rest is what was under way before it.
SAME_SCAN = 8
TIMES = {"transit_max": "1s", "travel": "3s", "clear": "1s"}
WIRED = {**INPUTS, "person_device_ok": 10, "vehicle_detector_ok": 11}


class Lane:
    """One lane that lowers itself, over TCP or RTU; `tests` is its record of guided tests."""

    def __init__(self, folder, kind):
        self.box = Checkpoint(folder)
        World().write_roots(self.box.roots)
        (self.box.add_tcp_lane if kind == "tcp" else self.box.add_rtu_lane)(
            1, lower_automatically=True, person_device=True, vehicle_detector=True, **TIMES)
        self.box.lanes[0]["devices"] = [module(inputs=WIRED, timeout=PATIENCE)]
        self.sim = self.box.sims[1]
        self.path = self.box.state / "checkpointd" / "guided-tests.yaml"

    def record(self, days=30, stopped=True, text=None, mode=0o600):
        when = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(text or "tests:\n"
                             f"  - {{lane: 1, tested: {when:%Y-%m-%dT%H:%M:%S}Z, "
                             f"stopped: {str(stopped).lower()}, by: Zhao}}\n")
        os.chmod(self.path, mode)

    def start(self):
        self.daemon = self.box.start_checkpointd()
        self.token = self.box.leader()
        wait_until("closed", lambda: self.box.lane(1).get("boom") == "closed")

    def alarms(self):
        client = self.box.control()
        active = client.act("status")["result"]["alarms"]
        client.close()
        return {a["name"]: a for a in active}

    def alarmed(self, name):
        return wait_until(name, lambda: self.alarms().get(name))

    def open(self):
        client = self.box.control()
        assert client.act("raise", self.token, lane=1, reason="let through")["ok"]
        client.close()
        wait_until("open", lambda: self.box.lane(1)["boom"] == "open")

    def pass_one(self):
        """A vehicle drives through behind an officer's raise."""
        self.open()
        self.sim.do("vehicle", plate="鲁H00001", speed=15, runs=True)
        return self.sim.wait_event("input", input="exit_loop", active=False)

    def lowers(self):
        return self.sim.events("coil", coil="lower", on=True)

    def left_open(self):
        """Everything has happened that would lower a boom, and the lane says why it does not."""
        self.alarmed("LANE_BOOM_LEFT_OPEN")
        self.alarmed("LANE_PERSON_DEVICE")
        assert not self.lowers() and self.box.lane(1)["boom"] == "open"


@pytest.fixture(params=["tcp", "rtu"])
def lane(request):
    yield from a_lane(request.param)


@pytest.fixture
def tcp():
    yield from a_lane("tcp")


def a_lane(kind):
    with short_folder() as folder:
        lane = Lane(folder, kind)
        try:
            yield lane
        finally:
            lane.box.stop()


def test_boom_comes_down_behind_a_vehicle_when_the_way_is_clear(lane):
    lane.record()
    lane.start()
    free = lane.pass_one()
    lower = lane.sim.wait_event("coil", coil="lower", on=True)
    assert lower["mono_ns"] - free["mono_ns"] >= 1_000_000_000  # clear for the set time
    wait_until("closed", lambda: lane.box.lane(1)["boom"] == "closed")
    assert len(lane.lowers()) == 1 and not lane.sim.events("violation")
    assert "LANE_PERSON_DEVICE" not in lane.alarms()
    assert "LANE_FOREIGN_MOTION" not in lane.alarms()


@pytest.mark.parametrize("what", ["obstacle", "presence"])
def test_something_under_the_lowering_boom_stops_and_raises_it_in_the_same_scan(lane, what):
    lane.record()
    lane.start()
    lane.pass_one()
    lane.sim.wait_event("coil", coil="lower", on=True)
    wait_until("coming down", lambda: lane.sim.state()["motion"] == -1)
    lane.sim.do("input", input=what, active=True)
    seen = lane.sim.events("input", input=what, active=True)[-1]
    stop = lane.sim.wait_event("coil", coil="stop", on=True, after_ns=seen["mono_ns"])
    up = lane.sim.wait_event("coil", coil="raise", on=True, after_ns=seen["mono_ns"])
    assert seen["mono_ns"] < stop["mono_ns"] <= up["mono_ns"]
    assert up["requests"] - seen["requests"] <= SAME_SCAN
    lane.alarmed("LANE_OBSTACLE")
    wait_until("up", lambda: lane.sim.state()["position"] == 1.0)
    wait_until("open", lambda: lane.box.lane(1)["boom"] == "open")
    lane.sim.do("input", input=what, active=None)
    assert not lane.sim.events("violation")
    assert len(lane.lowers()) == 1


@pytest.mark.parametrize("name", ["person_device_ok", "vehicle_detector_ok"])
def test_detector_that_fails_while_lowering_stops_and_raises(tcp, name):
    tcp.record()
    tcp.start()
    tcp.pass_one()
    tcp.sim.wait_event("coil", coil="lower", on=True)
    wait_until("coming down", lambda: tcp.sim.state()["motion"] == -1)
    tcp.sim.do("input", input=name, active=False)
    tcp.sim.wait_event("coil", coil="lower", on=False)
    wait_until("up", lambda: tcp.sim.state()["position"] == 1.0)
    tcp.alarmed("LANE_PERSON_DEVICE")
    assert len(tcp.lowers()) == 1


@pytest.mark.parametrize("record", [
    None, {"days": 366}, {"stopped": False}, {"days": -2}], ids=["none", "old", "failed", "future"])
def test_without_a_good_test_nothing_is_lowered(tcp, record):
    if record:
        tcp.record(**record)
    tcp.start()
    tcp.pass_one()
    tcp.left_open()
    assert "GUIDED_TESTS_REFUSED" not in tcp.alarms()


@pytest.mark.parametrize("bad,words", [
    ({"text": "tests:\n  - {lane: 1, tested: yesterday, stopped: true, by: Zhao}\n"}, "yaml:2"),
    ({"text": "tests: [\n"}, "yaml:"),
    ({"mode": 0o622}, "others may write it")], ids=["time", "syntax", "mode"])
def test_bad_record_is_named_and_counts_for_nothing(tcp, bad, words):
    tcp.record(**bad)
    tcp.start()
    assert words in tcp.alarmed("GUIDED_TESTS_REFUSED")["detail"]
    tcp.pass_one()
    tcp.left_open()
    tcp.record()
    tcp.daemon.process.send_signal(signal.SIGHUP)
    wait_until("accepted", lambda: "GUIDED_TESTS_REFUSED" not in tcp.alarms())


@pytest.mark.parametrize("name", ["person_device_ok", "vehicle_detector_ok"])
def test_unhealthy_detector_means_no_lowering(tcp, name):
    tcp.record()
    tcp.start()
    tcp.sim.do("input", input=name, active=False)
    tcp.pass_one()
    tcp.left_open()


def test_nothing_is_lowered_after_lost_contact(tcp):
    tcp.record()
    tcp.start()
    tcp.open()
    tcp.sim.do("fault", kind="silence")
    tcp.alarmed("LANE_CONTACT_LOST")
    tcp.sim.do("fault", kind="none")
    wait_until("contact", lambda: tcp.box.lane(1)["boom"] == "open")
    tcp.sim.do("vehicle", plate="鲁H00002", speed=15, runs=True)
    tcp.sim.wait_event("input", input="exit_loop", active=False)
    tcp.alarmed("LANE_BOOM_LEFT_OPEN")
    assert not tcp.lowers()
