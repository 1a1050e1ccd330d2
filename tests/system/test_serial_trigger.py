"""A serial camera whose profile has a trigger frame: asked again for a vehicle that stands unread, by hand once in its
pause, never into its own message; what cannot be sent is dropped and told."""
import pytest

from harness.camera_site import CameraSite, running
from harness.process import wait_for
from harness.stack import PROFILES, wait_until

TRIGGERED, MUTE = 1, 2  # lanes
CAMERAS = {TRIGGERED: (41, "serial"), MUTE: (42, "serial")}
FRAME = "02 54 52 47 03"
PAUSE_S = 3  # a test that finds it running must not come after its end


class Site(CameraSite):
    def __init__(self, folder):
        super().__init__(folder, CAMERAS, {TRIGGERED: "鲁H11111"})

    def add(self):
        folder = self.box.etc / "profiles" / "serial"
        folder.mkdir(parents=True)
        (folder / "triggered.yaml").write_text(
            (PROFILES / "serial" / "line.yaml").read_text() + f"trigger: '{FRAME}'\ntrigger_pause: {int(PAUSE_S * 1000)}ms\n")
        for lane, profile in ((TRIGGERED, "triggered"), (MUTE, "line")):
            self.box.add_tcp_lane(lane, sim=["--auto-close", "loop"], transit_max="2s", empty="1s", auto_close="loop",
                                  read_missing="1s", camera_to_boom_m=3)
            self.box.add_wired_camera(CAMERAS[lane][0], lane, "serial", ["--framing", "line", "--trigger-frame", FRAME],
                                      profile=profile, wired=True)

    def start(self):
        super().start()
        for lane in CAMERAS:
            self.wait_usable(lane, lambda status: status["order_known"] and status["boom"] == "closed")
            wait_until(f"camera of lane {lane}", lambda n=lane: self.camera(n)["contact"])

    def trigger(self, lane):
        answer = self.act("camera_trigger", camera=CAMERAS[lane][0], reason="test")
        assert answer["ok"], answer
        return answer["result"]["trigger"]

    def sent(self, lane):
        return self.sim(lane).events("trigger")

    def wait_asked(self):
        """Until its pause is over; each try is a record of the journal."""
        wait_for("asked", lambda: self.trigger(TRIGGERED) == "asked", interval_s=0.2)

    def may_be_asked(self):
        before = len(self.sent(TRIGGERED))
        self.wait_asked()
        wait_until("sent", lambda: len(self.sent(TRIGGERED)) == before + 1)


@pytest.fixture(scope="module")
def site():
    with running(Site) as site:
        yield site


def test_a_vehicle_that_stands_unread_is_read_again(site):
    sim = site.box.sims[TRIGGERED]
    site.sim(TRIGGERED).do("on_trigger", read={"plate": "豫A10001", "event": 7})
    sim.do("vehicle", speed=15, plate="豫A10001")
    read = site.next("read", lambda e: e["lane"] == TRIGGERED)
    assert read["read"]["plate"] == "豫A10001"
    wait_until("raised", lambda: sim.events("coil", coil="raise", on=True))
    wait_until("gone", lambda: site.box.lane(TRIGGERED)["vehicles"] == 0, 30)
    site.sim(TRIGGERED).do("on_trigger", read=None)
    assert len(site.sent(TRIGGERED)) == site.camera(TRIGGERED)["triggers"] == 1
    assert site.alarm("CAMERA_GARBLED", TRIGGERED) is None


def test_it_is_asked_once_in_its_pause(site):
    site.may_be_asked()
    assert site.trigger(TRIGGERED) == "waiting"
    site.may_be_asked()
    times = [e["mono_ns"] for e in site.sent(TRIGGERED)]
    # The simulator hears late on a busy machine, so not every gap on its own.
    assert times[-1] - times[0] >= (len(times) - 1) * PAUSE_S * 0.9e9


def test_it_is_not_asked_into_its_own_message(site):
    site.may_be_asked()
    sim = site.sim(TRIGGERED)
    asked, number = False, 100
    while not asked:  # until the pause is over, in the middle of one
        number += 1
        sim.do("read", plate="豫A10002", event=number)
        asked = site.trigger(TRIGGERED) == "asked"
        site.next("read", lambda e, n=number: e["read"]["event_id"] == str(n))
    wait_until("sent", lambda: site.camera(TRIGGERED)["triggers"] == len(site.sent(TRIGGERED)))
    assert not [e for e in site.sent(TRIGGERED) if e["inside"]]


def test_what_cannot_be_sent_is_dropped_and_told(site):
    site.may_be_asked()
    before = site.camera(TRIGGERED)["trigger_failures"]
    site.sim(TRIGGERED).do("vanish")
    wait_until("lost", lambda: not site.camera(TRIGGERED)["contact"])
    site.wait_asked()
    alarm = wait_until("told", lambda: site.alarm("CAMERA_ORDER_FAILED", TRIGGERED))
    assert "trigger: the camera could not be asked in time" in alarm["detail"]
    assert site.camera(TRIGGERED)["trigger_failures"] == before + 1
    sent = len(site.sent(TRIGGERED))
    site.sim(TRIGGERED).do("return")
    wait_until("back", lambda: site.camera(TRIGGERED)["contact"])
    site.sim(TRIGGERED).do("read", plate="豫A10003", event=900)
    site.next("read", lambda e: e["read"]["event_id"] == "900")
    assert len(site.sent(TRIGGERED)) == sent  # not late either


def test_a_camera_without_a_trigger_says_so(site):
    assert site.trigger(MUTE) == "none"
    assert not site.sent(MUTE)
