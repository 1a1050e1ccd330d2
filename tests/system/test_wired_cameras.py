"""Cameras on serial and Modbus lines: read, alert, held barrier; every fault of them named.

A camera that shares its line with a lane's module is in the full tier alone (CHECKPOINT_FULL=1): where the machine stands
still for a tenth of a second that lane loses contact, as it must, and then the order of its vehicles.
"""
import os

import pytest

from harness.camera_site import CameraSite, running
from harness.process import run_program
from harness.signing import World
from harness.stack import Checkpoint, program, short_folder, wait_until

# lane: (camera, kind, its reads count as genuine)
LANES = {1: (21, "tcp", False), 2: (22, "rtu", True), 3: (23, "serial", True),
         4: (24, "shared", True)}
if not os.environ.get("CHECKPOINT_FULL"):
    del LANES[4]
MODBUS = [lane for lane in LANES if LANES[lane][1] != "serial"]
WANTED = {1: "鲁H11111", 2: "鲁H22222", 3: "鲁H33333", 4: "鲁H44444"}
INNOCENT = {1: "豫A10001", 2: "豫A20002", 3: "豫A30003", 4: "豫A40004"}
CAMERA_UNIT = 9


class Site(CameraSite):
    """Four lanes, a camera of each kind; no camera on the network at all."""

    def __init__(self, folder):
        super().__init__(folder, LANES, WANTED)
        self.number = 100

    def add(self):
        times = {"transit_max": "2s", "empty": "1s", "auto_close": "loop", "vehicle_silence": "0s"}
        for lane, (camera, kind, wired) in LANES.items():
            sim = ["--auto-close", "loop"]
            more = {"wired": True} if wired else {}
            if kind == "shared":
                self.box.add_rtu_lane(lane, sim=[*sim, "--camera-unit", CAMERA_UNIT], **times)
                more |= {"unit": CAMERA_UNIT, "answer": "20ms"}
            else:
                self.box.add_tcp_lane(lane, sim=sim, **times)
            self.box.add_wired_camera(camera, lane, kind, **more)

    def start(self):
        super().start(error_report="1s")
        for lane in LANES:
            self.wait_ready(lane)
            self.first_read(lane)

    def wait_ready(self, lane):
        self.wait_usable(lane, lambda status: status["order_known"] and status["boom"] == "closed")

    def first_read(self, lane):
        """Registers that were there before we looked are not taken: one poll must have seen none."""
        wait_until(f"camera of lane {lane} heard", lambda: not self.alarm("CAMERA_LOST", lane))

    def read(self, lane, plate, **fields):
        self.number += 1
        self.sim(lane).do("read", plate=plate, event=self.number, **fields)
        return self.number

    def wait_alarm(self, name, lane, words=""):
        def found():
            alarm = self.alarm(name, lane)
            return alarm if alarm and words in alarm.get("detail", "") else None
        return wait_until(f"{name} of lane {lane}: {words}", found)

    def wait_calm(self, name, lane, timeout_s=15):
        wait_until(f"end of {name}", lambda: not self.alarm(name, lane), timeout_s)

    def passes(self, lane, plate):
        """An innocent vehicle through the lane, so that nobody stands there afterwards."""
        raised = len(self.box.sims[lane].events("coil", coil="raise", on=True))
        self.read(lane, plate)
        self.box.sims[lane].do("vehicle", speed=15, plate=plate)
        wait_until("raised", lambda: len(
            self.box.sims[lane].events("coil", coil="raise", on=True)) > raised)
        wait_until("passed", lambda: self.box.lane(lane)["vehicles"] == 0
                   and self.box.lane(lane)["boom"] == "closed", 30)


@pytest.fixture(scope="module")
def site():
    with running(Site) as site:
        yield site


def wired(lanes):
    return [lane for lane in lanes if LANES[lane][2]]


@pytest.mark.parametrize("lane", wired(LANES))
def test_innocent_vehicle_read_by_a_wired_camera_is_let_through(site, lane):
    site.passes(lane, INNOCENT[lane])
    assert not site.box.sims[lane].events("violation")


@pytest.mark.parametrize("lane", LANES)
def test_wanted_vehicle_is_alerted_and_held(site, lane):
    camera, _, genuine = LANES[lane]
    sim = site.box.sims[lane]
    raised = len(sim.events("coil", coil="raise", on=True))
    event = site.read(lane, WANTED[lane], plate_class="02", confidence=97)
    hit = site.next("hit", lambda e: e["matched"] == WANTED[lane])
    assert hit["lane"] == lane and hit["match"] == "exact"
    assert hit["decision"]["level"] == "sounding"
    assert hit["read"]["camera"] == camera and hit["read"]["event_id"] == str(event)
    assert hit["read"]["confidence"] == 97 and hit["read"]["class"] == "02"
    assert hit["read"]["authenticity"] == ("wired" if genuine else "none")
    sim.do("vehicle", speed=15, plate=WANTED[lane])
    hold = wait_until("hold", lambda: site.box.lane(lane)["holds"])[0]["hold"]
    assert site.box.lane(lane)["lights"] == ["red"]
    assert len(sim.events("coil", coil="raise", on=True)) == raised
    assert site.act("release", hold=hold, reason="papers checked")["ok"]
    assert site.act("raise", lane=lane, reason="let go")["ok"]
    wait_until("gone", lambda: site.box.lane(lane)["vehicles"] == 0
               and site.box.lane(lane)["boom"] == "closed", 30)


def test_modbus_tcp_never_opens_a_closed_lane(site):
    sim = site.box.sims[1]
    raised = len(sim.events("coil", coil="raise", on=True))
    site.read(1, INNOCENT[1])
    sim.do("vehicle", speed=15, plate=INNOCENT[1])
    site.next("read", lambda e: e["read"]["plate"] == INNOCENT[1])
    wait_until("at the boom", lambda: site.box.lane(1)["at_boom"] == 1)
    site.read(1, "豫A10009")  # a later read is through: a raise would have been ordered before it
    site.next("read", lambda e: e["read"]["plate"] == "豫A10009")
    assert len(sim.events("coil", coil="raise", on=True)) == raised
    assert site.act("raise", lane=1, reason="checked by eye")["ok"]
    wait_until("gone", lambda: site.box.lane(1)["boom"] == "closed"
               and not site.box.lane(1)["inputs"].count("presence"), 30)
    site.wait_ready(1)


def heard(site, lane):
    """A read of now arrives: tried again until the camera was polled once after its fault."""
    plate = "豫B99999"
    site.read(lane, plate)
    site.events.socket.settimeout(0.5)
    try:
        return site.next("read", lambda e: e["lane"] == lane and e["read"]["plate"] == plate)
    except TimeoutError:
        return None
    finally:
        site.events.socket.settimeout(10.0)


def settle(site, lane):
    """Reads without a vehicle leave the queue when it does not come."""
    wait_until("order known", lambda: site.box.lane(lane)["order_known"]
               and site.box.lane(lane)["vehicles"] == 0, 30)


@pytest.mark.parametrize("lane", MODBUS)
@pytest.mark.parametrize("kind,words", [
    ("silence", "no whole answer"), ("exception", "exception"), ("unit", "unit"), ("garbage", ""),
    ("crc", "")])
def test_modbus_camera_that_misbehaves_is_named_and_comes_back(site, lane, kind, words):
    shared = LANES[lane][1] == "shared"
    before = contact_lost(site, lane)
    site.sim(lane).do("fault", kind=kind, **({"unit": CAMERA_UNIT} if shared else {}))
    detail = site.wait_alarm("CAMERA_LOST", lane)["detail"]
    assert detail.startswith(f"camera {LANES[lane][0]}: ")
    assert shared or words in detail  # there a slow machine may show silence first
    site.sim(lane).do("fault", kind="none")
    wait_until("read again", lambda: heard(site, lane))
    site.wait_calm("CAMERA_LOST", lane, 90)
    settle(site, lane)
    if kind in ("silence", "exception"):  # noise on a shared line is heard by everybody
        assert contact_lost(site, lane) == before


def contact_lost(site, lane):
    """How often the lane lost its devices since the start, by the log."""
    return site.checkpointd.log_path.read_text().count(f"LANE_CONTACT_LOST lane={lane} active=1")


@pytest.mark.parametrize("lane", MODBUS)
def test_torn_registers_give_the_read_once_and_whole(site, lane):
    if LANES[lane][1] != "shared":
        site.sim(lane).do("tear", count=3)
    event = site.read(lane, WANTED[lane], plate_class="02")
    hit = site.next("hit", lambda e: e["lane"] == lane)
    assert hit["matched"] == WANTED[lane] and hit["read"]["event_id"] == str(event)
    if LANES[lane][1] != "shared":
        assert site.sim(lane).do("state")["torn_left"] == 0
    settle(site, lane)
    site.act("ack", lane=lane)


@pytest.mark.parametrize("lane", MODBUS)
def test_text_that_is_no_plate_and_overwritten_reads_are_named(site, lane):
    site.sim(lane).do("read", plate="", text="ff41")
    assert "plate_text" in site.wait_alarm("CAMERA_GARBLED", lane)["detail"]
    site.wait_calm("CAMERA_GARBLED", lane)
    site.read(lane, INNOCENT[lane], skip=2)
    assert "2 reads" in site.wait_alarm("CAMERA_MISSED", lane)["detail"]
    site.wait_calm("CAMERA_MISSED", lane)
    settle(site, lane)


@pytest.mark.parametrize("lane", [1, 2, 3])
def test_cut_line_is_named_and_comes_back(site, lane):
    cut, back = ("refuse", "listen") if LANES[lane][1] == "tcp" else ("vanish", "return")
    site.sim(lane).do(cut)
    site.wait_alarm("CAMERA_LOST", lane, f"camera {LANES[lane][0]}: ")
    site.sim(lane).do(back)
    wait_until("read again", lambda: heard(site, lane))
    site.wait_calm("CAMERA_LOST", lane)
    settle(site, lane)


@pytest.mark.parametrize("damage,cause", [
    ("check", "bad_check"), ("cut", "cut"), ("end", "bad_end"), ("long", "too_long"),
    ("fields", "bad_fields")])
def test_damaged_message_is_named_and_costs_no_other(site, damage, cause):
    site.read(3, INNOCENT[3], damage=damage)
    assert cause in site.wait_alarm("CAMERA_GARBLED", 3, cause)["detail"]
    event = site.read(3, WANTED[3], plate_class="02")
    hit = site.next("hit", lambda e: e["lane"] == 3)
    assert hit["read"]["event_id"] == str(event)
    site.wait_calm("CAMERA_GARBLED", 3)
    settle(site, 3)
    site.act("ack", lane=3)


def test_noise_on_the_serial_line_is_named(site):
    site.sim(3).do("bytes", hex="5a" * 200)
    assert "garbage" in site.wait_alarm("CAMERA_GARBLED", 3)["detail"]
    error = site.next("camera_errors", lambda e: e["camera"] == LANES[3][0] and e["first"] == "garbage")
    assert (error["lane"], error["cause"]) == (3, "line_garbled") and error["count"] > 0
    site.wait_calm("CAMERA_GARBLED", 3)
    wait_until("read again", lambda: heard(site, 3))
    settle(site, 3)


def test_value_out_of_range_is_named_and_the_read_is_taken(site):
    event = site.read(1, INNOCENT[1], confidence=140)
    assert site.wait_alarm("CAMERA_GARBLED", 1)["detail"] == \
        "camera 21: register 3, confidence: 140, expected 0 to 100, or 255 for none"
    site.next("read", lambda e: e["lane"] == 1 and e["read"]["event_id"] == str(event))
    site.wait_calm("CAMERA_GARBLED", 1)
    settle(site, 1)


def test_serial_message_is_acknowledged_and_taken_once(site):
    site.number += 1
    message = {"plate": INNOCENT[3], "event": site.number}
    number = site.sim(3).do("read", **message)["number"]
    site.next("read", lambda e: e["read"]["event_id"] == str(message["event"]))
    assert site.sim(3).wait_event("answer", number=number)["good"]
    site.sim(3).do("read", **message, number=number)  # the answer was lost
    after = site.read(3, INNOCENT[1])
    got = site.next("read", lambda e: e["lane"] == 3)
    assert got["read"]["event_id"] == str(after)
    settle(site, 3)


def test_matchd_away_reads_are_dropped_and_alarmed(site):
    site.matchd.kill()
    site.wait_alarm("MATCHD_LOST", 0)
    site.read(2, WANTED[2], plate_class="02")
    detail = site.wait_alarm("CAMERA_READS_DROPPED", 0)["detail"]
    assert "checkpoint-matchd does not listen" in detail
    assert site.box.lane(2)["blind"] and site.box.lane(2)["lights"] == ["red"]
    site.matchd.start()
    site.wait_ready(2)
    site.wait_calm("CAMERA_READS_DROPPED", 0)
    event = site.read(2, WANTED[2], plate_class="02")  # the dropped one never comes late
    assert site.next("hit", lambda e: e["lane"] == 2)["read"]["event_id"] == str(event)
    settle(site, 2)
    site.act("ack", lane=2)


@pytest.mark.parametrize("change,words", [
    ({"kind": "modbus_tcp", "host": "127.0.0.1", "wired": True}, "only a serial line"),
    ({"kind": "modbus_tcp"}, "expected the address of the camera"),
    ({"kind": "serial", "line": "ttyS1"}, "expected the path of a serial device"),
    ({"kind": "modbus_rtu", "bus": "bus-1"}, "expected a bus of kind 'modbus_rtu'"),
    ({"kind": "modbus_rtu", "bus": "none"}, "expected a bus of kind 'modbus_rtu'"),
    ({"kind": "serial", "line": "/dev/ttyS9", "lane": 9}, "no such lane"),
    ({"kind": "modbus_rtu", "bus": "bus-2", "answer": "60ms"}, "100 ms")])
def test_camera_that_cannot_be_is_refused(change, words):
    with short_folder() as folder:
        box = Checkpoint(folder)
        World().write_roots(box.roots)
        box.add_tcp_lane(1)
        box.add_rtu_lane(2)
        try:
            box.wired.append({"id": 5, "lane": 1, **change})
            path = box.write_checkpointd()
            result = run_program([program("checkpointd"), "--config", path, "--check"], text=True)
            assert result.returncode != 0 and words in result.stderr, result
        finally:
            box.stop()
