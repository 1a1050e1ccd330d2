"""The contract of the role camera: register maps over TCP and RTU, every framing of a serial line, faults included."""
import json
import os
import queue
import subprocess
import threading

import pytest

from harness.process import SANITIZER_OPTIONS, SLOWNESS, wait_for
from harness.sim import CameraSim
from harness.stack import ROOT, program, short_folder

PROBE = program("x").parents[1] / "tests" / "camera_probe"
PROFILES = ROOT / "drivers" / "profiles" / "serial"
TRIGGER, LIGHTS = 16, (17, 20)
DEADLINE_S = 20 * SLOWNESS
# name: arguments of the simulator; the profile where it is serial
REGISTERS = {"tcp-1": ["--map", 1], "tcp-2": ["--map", 2], "rtu-1": ["--map", 1],
             "rtu-2": ["--map", 2, "--encoding", "gbk"]}
TEXTS = {"nedap_protocolled": ("nedap_protocolled", "utf-8"), "stx_etx": ("stx_etx", "utf-8"),
         "line": ("line", "utf-8"), "line_gbk": ("line", "gbk")}


class Camera:
    """A driver on a line to a simulated camera, and what its sink heard."""

    def __init__(self, folder, kind, sim_options, where=(), options=()):
        self.sim = CameraSim("camera", folder, kind, *(str(o) for o in sim_options)).start()
        line = str(self.sim.port) if kind == "tcp" else self.sim.line
        self.probe = subprocess.Popen([PROBE, kind, line, *where, *options], text=True,
                                      env={**SANITIZER_OPTIONS, **os.environ}, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
        self.heard, self.events = queue.Queue(), []
        self.beside = []  # came between the last command and its answer
        self.reader = threading.Thread(target=self.listen)
        self.reader.start()

    def listen(self):
        for line in self.probe.stdout:
            self.heard.put(json.loads(line))

    def next(self, event, **fields):
        """The next such event; all before it are kept in `events`."""
        while True:
            got = self.beside.pop(0) if self.beside else self.hear()
            if got["event"] == event and all(got[name] == value for name, value in fields.items()):
                return got

    def hear(self):
        self.events.append(self.heard.get(timeout=DEADLINE_S))
        return self.events[-1]

    def ask(self, command):
        """The driver's own thread may tell what the command led to before the command is answered."""
        self.probe.stdin.write(command + "\n")
        self.probe.stdin.flush()
        self.beside = []
        while (got := self.hear())["event"] != command.split()[0]:
            self.beside.append(got)
        return got

    def count(self, event, **fields):
        return sum(e["event"] == event and all(e[n] == v for n, v in fields.items()) for e in self.events)

    def stop(self):
        self.probe.stdin.close()
        status = self.probe.wait(DEADLINE_S)
        self.reader.join()
        self.probe.stdout.close()
        self.sim.stop()
        assert status == 0  # 0 also says that no sanitizer reported


@pytest.fixture
def camera():
    """Makes the one camera of a test."""
    with short_folder() as folder:
        made = []

        def make(kind, sim_options, *, where=(), options=(), speaks=False):
            """`speaks`: it must be heard before it counts as there."""
            made.append(Camera(folder, kind, sim_options, where, options))
            if not speaks:
                made[0].next("contact", contact=True)
            return made[0]
        try:
            yield make
        finally:
            for one in made:
                one.stop()


@pytest.fixture
def registers(camera):
    def make(name, *options, sim=()):
        made = camera(name.split("-", maxsplit=1)[0], [*REGISTERS[name], *sim], options=options)
        wait_for("heard", lambda: made.ask("stats")["heard"])  # an empty map was seen
        return made
    return make


@pytest.fixture
def text(camera):
    def make(profile, *options, sim=()):
        framing, encoding = TEXTS[profile]
        return camera("serial", ["--framing", framing, "--encoding", encoding, *sim],
                      where=[PROFILES / f"{profile}.yaml"], options=options)
    return make


# ---- registers ----

@pytest.mark.parametrize("name", REGISTERS)
def test_read_of_registers_arrives_whole(registers, name):
    c = registers(name)
    c.sim.do("read", plate="鲁H12345", confidence=97, direction=3, event=4711, wall_ms=1795669381000)
    read = c.next("read")
    assert (read["plate"], read["camera"], read["lane"]) == ("鲁H12345", 7, 3)
    assert (read["confidence"], read["direction"], read["event_id"]) == (97, 3, 4711)
    assert read["camera_ms"] == 1795669381000 and read["candidates"] == []


def test_text_without_a_mark_is_read_as_stated(registers):
    c = registers("tcp-1", "gbk", sim=["--encoding", "gbk"])
    c.sim.do("read", plate="鲁H12345")
    assert c.next("read")["plate"] == "鲁H12345"


CANDIDATES = [["鲁H1234S", 40], ["鲁Q12345", 255], ["豫H12345", 3]]


@pytest.mark.parametrize("name", ["tcp-2", "rtu-2"])
def test_candidates_come_with_their_read(registers, name):
    c = registers(name, "candidates")
    c.sim.do("read", plate="鲁H12345", candidates=CANDIDATES)
    read = c.next("read")
    assert read["plate"] == "鲁H12345" and read["candidates"] == CANDIDATES
    c.sim.do("read", plate="豫A1")
    assert c.next("read")["candidates"] == []


def test_torn_looks_are_repeated_at_once(registers):
    """Three torn looks with a second between two looks: a repetition at the poll's pace would be late."""
    c = registers("tcp-2", "candidates", "poll=1000")
    before = c.ask("stats")["torn"]
    c.sim.do("tear", count=3)
    c.sim.do("tear", count=2, block="candidates")
    begin = c.sim.do("state")["requests"]
    c.sim.do("read", plate="鲁H12345", candidates=CANDIDATES[:1])
    read = c.next("read")
    assert read["plate"] == "鲁H12345" and read["candidates"] == CANDIDATES[:1]
    # four looks at the read, three at the candidates, and a status or two
    assert c.sim.do("state")["requests"] - begin <= 12
    stats = c.ask("stats")
    assert stats["torn"] - before == 5 and stats["bad"] == 0
    assert c.count("fault") == 0


def test_camera_that_never_finishes_writing_is_named_and_not_polled_without_pause(registers):
    c = registers("tcp-1", "poll=50")
    c.sim.do("tear", count=1000000)
    assert c.next("fault")["detail"] == "torn"
    before = c.ask("stats")["torn"]
    wait_for("more looks", lambda: c.ask("stats")["torn"] > before + 5)
    requests, torn = c.sim.do("state")["requests"], c.ask("stats")["torn"]
    wait_for("20 looks more", lambda: c.ask("stats")["torn"] >= torn + 20)
    assert c.sim.do("state")["requests"] - requests <= 40 * SLOWNESS  # at the pace of polls: one look each
    assert c.count("fault") == 1  # said once
    c.sim.do("tear", count=0)
    c.sim.do("read", plate="鲁H12345")
    assert c.next("read")["plate"] == "鲁H12345"


def test_status_that_is_never_finished_is_no_heartbeat_and_does_not_fill_the_line(registers):
    c = registers("tcp-2", "heartbeat=1000", "poll=20")
    torn, requests = c.ask("stats")["torn"], c.sim.do("state")["requests"]
    c.sim.do("tear", count=1000000, block="status")
    assert c.next("contact", contact=False)["reason"] == "its heartbeat stands still for 1000 ms"
    torn, requests = c.ask("stats")["torn"] - torn, c.sim.do("state")["requests"] - requests
    assert 4 <= torn < requests / 2  # most exchanges look at the read
    c.sim.do("read", plate="鲁H12345")
    assert c.next("read")["plate"] == "鲁H12345"


def test_candidates_that_cannot_be_had_do_not_keep_a_vehicle(registers):
    c = registers("tcp-2", "candidates")
    c.sim.do("tear", count=1000000, block="candidates")
    c.sim.do("read", plate="鲁H12345", candidates=CANDIDATES)
    read = c.next("read")
    assert read["plate"] == "鲁H12345" and read["candidates"] == []


@pytest.mark.parametrize("name", ["tcp-2", "rtu-2"])
def test_heartbeat_that_stands_still_is_a_lost_camera(registers, name):
    c = registers(name, "heartbeat=1000")
    c.sim.do("heartbeat", on=False)
    assert c.next("contact", contact=False)["reason"] == "its heartbeat stands still for 1000 ms"
    c.sim.do("read", plate="鲁H12345")  # still taken: an alarm is no reason to lose a plate
    assert c.next("read")["plate"] == "鲁H12345"
    c.sim.do("heartbeat", on=True)
    c.next("contact", contact=True)


def test_version_1_has_no_heartbeat_to_stand_still(registers):
    c = registers("tcp-1", "heartbeat=200")
    c.sim.do("heartbeat", on=False)
    polls = c.sim.do("state")["requests"]
    wait_for("a second of polls", lambda: c.sim.do("state")["requests"] > polls + 20)
    assert c.ask("stats")["contact"] and c.count("contact", contact=False) == 0


@pytest.mark.parametrize("name", ["tcp-2", "rtu-2"])
@pytest.mark.parametrize("offset_s", [3.2, -75])
def test_offset_of_the_clock_is_measured(registers, name, offset_s):
    c = registers(name, sim=["--offset", offset_s])

    def near():
        s = c.ask("stats")
        good = s["clock_known"] and abs(s["clock_offset_ms"] - offset_s * 1000) <= s["clock_error_ms"]
        return s if good else None
    assert wait_for("offset", near)["clock_error_ms"] < 500 * SLOWNESS


def test_offset_of_the_clock_is_taken_from_reads_where_nothing_else_says_it(registers):
    c = registers("tcp-1")
    assert not c.ask("stats")["clock_known"]
    c.sim.do("clock", offset=-5)
    c.sim.do("read", plate="鲁H12345", wall_ms=None)
    c.next("read")
    offset = c.ask("stats")["clock_offset_ms"]
    assert -5000 - 1000 * SLOWNESS < offset <= -4999


@pytest.mark.parametrize("name", ["tcp-1", "rtu-2"])
def test_trigger_sets_its_coil_and_brings_a_read(registers, name):
    c = registers(name, f"trigger={TRIGGER}", sim=["--trigger", TRIGGER])
    c.sim.do("on_trigger", read={"plate": "鲁H12345"})
    assert c.ask("trigger")["result"] == "ok"
    c.sim.wait_event("trigger")
    assert c.next("read")["plate"] == "鲁H12345"
    stats = wait_for("counted", lambda: (lambda s: s if s["triggers"] else None)(c.ask("stats")))
    assert (stats["triggers"], stats["trigger_failures"]) == (1, 0)


def test_trigger_the_camera_refuses_is_counted_and_named(registers):
    c = registers("tcp-1", f"trigger={TRIGGER}")  # the camera has no such coil
    assert c.ask("trigger")["result"] == "ok"
    fault = c.next("fault", fault="order")
    assert fault["detail"].startswith(f"trigger, coil {TRIGGER}: ") and "exception 2" in fault["detail"]
    assert c.ask("stats")["trigger_failures"] == 1
    assert c.ask("stats")["contact"]


def test_trigger_that_comes_too_late_is_dropped(registers):
    c = registers("tcp-1", f"trigger={TRIGGER}", sim=["--trigger", TRIGGER])
    c.sim.do("refuse")
    c.next("contact", contact=False)
    assert c.ask("trigger")["result"] == "ok"
    assert c.ask("trigger")["result"] == "busy"
    assert "in time" in c.next("fault", fault="order")["detail"]
    c.sim.do("listen")
    c.next("contact", contact=True)
    c.sim.do("read", plate="豫A1")
    c.next("read")
    assert not c.sim.events("trigger")


def test_camera_without_trigger_says_so(registers):
    c = registers("tcp-1")
    assert c.ask("trigger")["result"] == "unsupported"
    assert c.ask("light on")["result"] == "unsupported"


def test_lights_follow_plan_and_command_and_are_written_again_when_the_camera_is_back(registers):
    coils = [f"light={coil}" for coil in LIGHTS]
    c = registers("tcp-2", *coils, "on", sim=["--light", *LIGHTS])
    wait_for("on", lambda: c.sim.do("state")["lights"] == [True, True])
    c.ask("light off")
    wait_for("off", lambda: c.sim.do("state")["lights"] == [False, False])
    c.ask("light plan")
    wait_for("on again", lambda: c.sim.do("state")["lights"] == [True, True])
    written = len(c.sim.events("light"))
    c.sim.do("refuse")
    c.next("contact", contact=False)
    c.sim.do("listen")
    wait_for("written again", lambda: len(c.sim.events("light")) == written + len(LIGHTS))


# ---- text ----

@pytest.mark.parametrize("profile", TEXTS)
def test_message_arrives_whole(text, profile):
    c = text(profile)
    fields = {} if profile == "stx_etx" else {"confidence": 97, "direction": 3, "event": 4711}
    c.sim.do("read", plate="鲁H12345", **fields)
    read = c.next("read")
    assert (read["plate"], read["camera"], read["lane"]) == ("鲁H12345", 7, 3)
    if fields:
        assert (read["confidence"], read["direction"], read["event_id"]) == (97, 3, 4711)


DAMAGES = {"nedap_protocolled": {"check": "bad_check", "cut": "cut", "end": "bad_end", "long": "too_long",
                                 "fields": "bad_fields", "text": "bad_text"},
           "stx_etx": {"cut": "cut", "long": "too_long", "fields": "bad_fields", "text": "bad_text"},
           "line": {"cut": "cut", "long": "too_long", "fields": "bad_fields", "text": "bad_text"}}


@pytest.mark.parametrize("profile,damage,cause", [(p, d, c) for p, rows in DAMAGES.items() for d, c in rows.items()])
def test_damage_costs_its_message_and_no_other(text, profile, damage, cause):
    c = text(profile)
    c.sim.do("read", plate="豫A1", damage=damage)
    assert c.next("fault", fault="bad")["detail"] == cause
    c.sim.do("read", plate="鲁H12345")
    assert c.next("read")["plate"] == "鲁H12345"
    assert c.count("read") == 1


@pytest.mark.parametrize("profile", ["nedap_protocolled", "stx_etx"])
def test_noise_before_a_message_costs_nothing(text, profile):
    c = text(profile)
    c.sim.do("bytes", hex="5a0d0affc2b348" * 12)
    c.sim.do("read", plate="鲁H12345")
    assert c.next("read")["plate"] == "鲁H12345"


@pytest.mark.parametrize("offset_s", [0, 30])
def test_offset_of_the_clock_is_taken_from_messages(text, offset_s):
    c = text("stx_etx")
    c.sim.do("clock", offset=offset_s)
    c.sim.do("read", plate="鲁H12345")
    c.next("read")
    stats = c.ask("stats")
    assert abs(stats["clock_offset_ms"] - offset_s * 1000) <= stats["clock_error_ms"] + 1000 * SLOWNESS


def test_heartbeat_keeps_a_silent_camera(camera, tmp_path):
    profile = tmp_path / "alive.yaml"
    profile.write_text((PROFILES / "line.yaml").read_text() + "\nheartbeat: ALIVE\nsilence: 1s\n")
    c = camera("serial", ["--framing", "line"], where=[profile], speaks=True)
    for _ in range(2):
        def alive():
            c.sim.do("say", text="ALIVE")
            return c.ask("stats")["contact"]
        wait_for("heard", alive, interval_s=0.3)
        assert c.next("contact", contact=False)["reason"] == "nothing heard for 1000 ms"
    stats = c.ask("stats")
    assert (stats["reads"], stats["bad"]) == (0, 0)


def test_line_unplugged_and_back(text):
    c = text("line")
    c.sim.do("vanish")
    assert c.next("contact", contact=False)["reason"] == "the line is gone"
    c.sim.do("return")
    c.next("contact", contact=True)
    c.sim.do("read", plate="鲁H12345")
    assert c.next("read")["plate"] == "鲁H12345"
