"""The lanes with consoled killed, hung, or in hostile hands: vehicles pass, a hit holds, checkpointctl releases and raises,
all as without a console; and a boom that an officer was lowering by hand through it stops, and stays."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from harness import hostile_console
from harness.console import ACCOUNTS, Console
from harness.ctl import Ctl
from harness.process import SLOWNESS, ProgramError, wait_for
from harness.site import INNOCENT, SECOND, Site
from harness.stack import short_folder, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="capture on lo and another user need root")

OFFICER, PIN = ACCOUNTS["officer"]
PASSES, HOLDS, BY_HAND = 1, 2, 3  # lanes
CONSOLE_UID = 65534  # nobody's, whom checkpointd takes for the console's
BEAT_S = 0.05
PROMISED_S = 0.5  # from the last beat to the stop, and a scan
BUSY_S = 0.5
SPEED = 15.0  # m/s
OUTPUTS = ("raise", "lower", "stop", "red", "siren")
full = pytest.mark.skipif(not os.environ.get("CHECKPOINT_FULL"), reason="beside the others: of the full tier")
UNNAMED = ("CONSOLE_RAISE_UNNAMED", BY_HAND)


class Stand(Console):
    """Two lanes with a camera and a closing barrier each, one that may be lowered by hand; consoled not yet started."""

    def configure(self):
        for lane in (PASSES, HOLDS):
            self.box.add_closing_lane(lane, sim=["--travel-s", "0.4"], transit_max="4s", exit_gap="300ms",
                                      vehicle_silence="0s")
            self.box.add_camera(10 + lane, lane, key=bytes(range(16)))
        self.add_hand_lane(BY_HAND, "--start-open")

    def begin(self):
        """Without consoled, which a test starts when it wants it: what the lanes do without it comes first."""
        Site.start(self, console_user="nobody")
        assert self.act("officer_add", officer=OFFICER, password=PIN, role="officer")["ok"]
        self.pair()
        self.ctl = Ctl(self.box.run, self.box.folder / "session")
        assert self.ctl("login", "wang", password="correct horse 1").status == 0
        self.peer = self.drive()

    def open_console(self):
        """consoled, and an officer signed on at the tablet of the lane that is lowered by hand."""
        if self.consoled:
            self.consoled.start()
        else:
            self.start_consoled()
        officer = self.browser()
        wait_until("the tablet is let in", lambda: officer.ask("GET", "/favicon.ico")[0] == 200, 30)
        return officer.login(OFFICER, PIN)

    # ---- what the lanes do ----

    def drive(self, meanwhile=lambda: None):
        """A vehicle passes, another one is held, released and let through by checkpointctl: what the simulated hardware saw.
        `meanwhile` is done while one drives and the other one stands."""
        begun = time.monotonic_ns()
        self.read(11, INNOCENT)
        self.box.sims[PASSES].do("vehicle", plate=INNOCENT, speed=SPEED)
        self.read(12, SECOND, plate_class="02")
        self.box.sims[HOLDS].do("vehicle", plate=SECOND, speed=SPEED)
        hold = wait_until("held", lambda: self.box.lane(HOLDS)["holds"])[0]["hold"]
        refused = self.ctl("raise", HOLDS, "--reason", "x")
        assert refused.status == 3 and "[held]" in refused.err, refused
        meanwhile()
        assert not self.seen(HOLDS, begun, "raise")
        assert self.ctl("release", hold, "--reason", "papers checked").status == 0
        assert self.ctl("raise", HOLDS, "--reason", "let go").status == 0
        for lane in (PASSES, HOLDS):
            wait_until(f"through lane {lane}", lambda lane=lane: self.is_over(lane), 30)
        return {lane: self.story(lane, begun) for lane in (PASSES, HOLDS)}

    def is_over(self, lane):
        status = self.box.lane(lane)
        return status["vehicles"] == 0 and status["boom"] == "closed" and status["order_known"] and not status["holds"]

    def seen(self, lane, begun, coil):
        return [e for e in self.box.sims[lane].events("coil", coil=coil, on=True) if e["mono_ns"] > begun]

    def story(self, lane, begun):
        """The boom's motions with what moved it, each output's changes, where the vehicle was."""
        events = [e for e in self.box.sims[lane].events() if e["mono_ns"] > begun]
        assert not [e for e in events if e["kind"] == "violation"]
        return {"boom": [(e["motion"], e["by"]) for e in events if e["kind"] == "boom"],
                "vehicle": [e["what"] for e in events if e["kind"] == "vehicle"],
                **{output: [e["on"] for e in events if e["kind"] == "coil" and e["coil"] == output] for output in OUTPUTS}}

    # ---- the boom that is lowered by hand ----

    def raised(self):
        assert self.ctl("raise", BY_HAND, "--reason", "test").status == 0
        wait_until("open", lambda: self.box.lane(BY_HAND)["boom"] == "open")

    def lowering(self, officer):
        """Held down through consoled until it moves; since when."""
        self.raised()
        thumb, begun = Thumb(officer), time.monotonic_ns()
        wait_for("the lane lets it come down", thumb.press, 15.0, interval_s=0.25)  # so often an officer is heard
        begun = self.box.sims[BY_HAND].wait_event("boom", motion=-1, after_ns=begun)["mono_ns"]
        return thumb, begun

    def stopped(self, begun, at_ns):
        """It stands, in time and on its way; `at_ns`: when consoled was gone."""
        stop = self.box.sims[BY_HAND].wait_event("boom", motion=0, after_ns=begun)
        assert stop["by"] == "stop" and 0 < stop["position"] < 1, stop
        assert stop["mono_ns"] - at_ns < (PROMISED_S + BUSY_S) * 1e9 * SLOWNESS
        self.stood_ns = stop["mono_ns"]

    def stays(self):
        """Nothing brought it down once it stood."""
        later = [e for e in self.box.sims[BY_HAND].events() if e["mono_ns"] > self.stood_ns]
        assert not [e for e in later if e["kind"] == "boom" and e["motion"] < 0]
        assert not [e for e in later if e["kind"] == "coil" and e["coil"] == "lower" and e["on"]]


class Thumb:
    """On the button of a page: each beat repeats the answer before it, over one connection."""

    def __init__(self, officer):
        self.officer, self.number, self.turn, self.refusal = officer, 0, None, None
        self.link = http.client.HTTPSConnection(officer.host, officer.port, context=officer.tls, timeout=60)
        self.thread = threading.Thread(target=self.beat)

    def act(self, name, **args):
        body = json.dumps({"do": name, "args": {"lane": BY_HAND, "press": self.number, **args}})
        self.link.request("POST", "/api/act", body=body, headers=self.officer.headers())
        return json.loads(self.link.getresponse().read())

    def press(self):
        self.number += 1
        answer = self.act("lower")
        if answer["ok"]:
            self.turn = answer["result"]["beat"]
            self.thread.start()
        return answer["ok"]

    def beat(self):
        """Until the lane refuses, or the console is gone."""
        idle = threading.Event()
        with contextlib.suppress(OSError, http.client.HTTPException):
            while not self.refusal:
                answer = self.act("lower_beat", beat=self.turn)
                if answer["ok"]:
                    self.turn = answer["result"]["beat"]
                else:
                    self.refusal = answer["error"]["code"]
                idle.wait(BEAT_S)

    def off(self):
        self.thread.join()
        self.link.close()


class Hostile:
    """Another process in the place of consoled, with its uid: does nothing until it is told."""

    def __init__(self, box):
        for path in (box.folder, box.run):
            path.chmod(path.stat().st_mode | 0o011)
        (box.run / "control").chmod(0o666)
        text = pathlib.Path(hostile_console.__file__).read_text(encoding="utf-8")
        self.process = subprocess.Popen([sys.executable, "-c", text, str(box.run / "control"), str(BY_HAND)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=CONSOLE_UID, group=CONSOLE_UID,
                                        extra_groups=[])

    def say(self, word):
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def end(self):
        out, _ = self.process.communicate(timeout=60 * SLOWNESS)
        assert self.process.returncode == 0
        return json.loads(out)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def stand():
    with short_folder() as folder:
        made = Stand(folder)
        try:
            made.begin()
            yield made
        finally:
            made.stop()


def fill_up(stand):
    """Whoever is signed on at consoled hears of each raise: more than checkpointd keeps of one that does not read."""
    def dropped():
        return stand.act("metrics")["result"]["sockets"]["slow_dropped"]
    before, client = dropped(), stand.box.control()

    def raised_often():
        for _ in range(100):
            client.number += 1
            client.send(id=client.number, do="raise", token=stand.token,
                        args={"lane": BY_HAND, "emergency": True, "reason": "x" * 200, "note": "y" * 200})
        for _ in range(100):
            assert client.receive()["ok"]
        return dropped() > before
    wait_until("what consoled does not read is given up", raised_often, 60)
    client.close()


@full
def test_killed(stand):
    officer = stand.open_console()

    def kill():
        thumb, begun = stand.lowering(officer)
        stand.consoled.kill()
        stand.stopped(begun, time.monotonic_ns())
        thumb.off()

    assert stand.drive(kill) == stand.peer
    stand.stays()


def test_hung(stand):
    officer = stand.open_console()
    stream = officer.stream(timeout_s=60)
    thumbs = []

    def hang():
        thumb, begun = stand.lowering(officer)
        thumbs.append(thumb)
        os.kill(stand.consoled.process.pid, signal.SIGSTOP)
        stand.stopped(begun, time.monotonic_ns())
        fill_up(stand)

    assert stand.drive(hang) == stand.peer
    stand.consoled.kill()
    thumbs[0].off()
    stream.close()
    stand.stays()


@full
def test_hung_for_a_moment_what_it_kept_lowers_nothing(stand):
    """The beat that was on its way comes late."""
    thumb, begun = stand.lowering(stand.open_console())
    os.kill(stand.consoled.process.pid, signal.SIGSTOP)
    stand.stopped(begun, time.monotonic_ns())
    os.kill(stand.consoled.process.pid, signal.SIGCONT)
    thumb.off()
    # Who stood still for too long ends by itself when it notices, and is started anew.
    assert thumb.refusal == "beat_lost" or wait_for("its end", lambda: "THREAD_STALE" in stand.consoled.tail())
    with contextlib.suppress(ProgramError):
        stand.consoled.kill()
    stand.stays()


def test_hostile(stand):
    officer, hostile = stand.open_console(), Hostile(stand.box)
    try:
        def take_over():
            thumb, begun = stand.lowering(officer)
            stand.consoled.kill()
            hostile.say("begin")
            stand.stopped(begun, time.monotonic_ns())
            hostile.say("raise")
            thumb.off()

        assert stand.drive(take_over) == stand.peer
        stand.wait_alarm(UNNAMED)
        told = hostile.end()
    finally:
        hostile.stop()
    stand.stays()
    raises = told["acts"].pop("emergency")
    assert raises["done"] and set(raises) <= {"done", "busy"}
    assert {code for codes in told["acts"].values() for code in codes} == {"denied"}, told
    assert set(told["acts"]) == set(hostile_console.ACTS) and told["halves"] and told["garbage"]
    acts = [r.body for r in stand.verify_journal() if "act_kind" in (r.body or {})]
    assert {b["act_kind"] for b in acts if not b["by"].get("officer")} == {"emergency_raise"}
