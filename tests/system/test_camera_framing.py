"""Cameras by register map version 2 and by framing profile, and the signs of lanes, through the whole box."""
import pytest

from harness import prometheus
from harness.camera_site import CameraSite, running
from harness.process import SLOWNESS, run_program
from harness.signing import World
from harness.stack import Checkpoint, program, short_folder, wait_until

# lane: (camera, kind, options in checkpointd.yaml, arguments of its simulator)
LANES = {1: (31, "tcp", {"candidates": True, "heartbeat": "1s", "clock_limit": "1s"},
             ["--map", 2, "--encoding", "gbk"]),
         2: (32, "serial", {"wired": True, "profile": "line_gbk"}, ["--framing", "line", "--encoding", "gbk"]),
         3: (33, "serial", {"wired": True, "profile": "stx_etx"}, ["--framing", "stx_etx"]),
         4: (34, "shared", {"wired": True, "unit": 9, "answer": "20ms"}, [])}
WANTED = {1: "鲁H11111", 2: "鲁H22222", 3: "鲁H33333", 4: "鲁H44444"}


class Site(CameraSite):
    def __init__(self, folder):
        super().__init__(folder, LANES, WANTED)

    def add(self):
        for lane, (camera, kind, options, sim) in LANES.items():
            if kind == "shared":
                self.box.add_rtu_lane(lane, sim=["--camera-unit", 9, "--camera-map", 2])
            else:
                self.box.add_tcp_lane(lane)
            self.box.add_wired_camera(camera, lane, kind, sim, **options)
        self.sign = self.box.add_display(1)

    def start(self):
        super().start()
        for lane in LANES:
            self.wait_usable(lane)
            wait_until(f"camera of lane {lane}", lambda n=lane: self.camera(n)["contact"])


@pytest.fixture(scope="module")
def site():
    with running(Site) as site:
        yield site


@pytest.mark.parametrize("lane", LANES)
def test_wanted_plate_is_alerted_whatever_its_framing_and_encoding(site, lane):
    camera, kind, options, _ = LANES[lane]
    site.sim(lane).do("read", plate=WANTED[lane])
    hit = site.next("hit", lambda e: e["lane"] == lane)
    assert hit["matched"] == WANTED[lane] and hit["match"] == "exact"
    assert hit["read"]["camera"] == camera
    assert hit["read"]["authenticity"] == ("wired" if options.get("wired") else "none")


def test_candidates_of_registers_come_with_the_read(site):
    site.sim(1).do("read", plate="豫A10001", candidates=[["豫A1000I", 30], ["豫A10007", 41]])
    read = site.next("read", lambda e: e["read"]["plate"] == "豫A10001")["read"]
    assert read["candidates"] == [{"plate": "豫A10007", "confidence": 41}]  # the other is the plate itself


def test_clock_that_is_off_is_measured_alarmed_and_over(site):
    site.sim(1).do("clock", offset=3.2)
    alarm = wait_until("alarm", lambda: site.alarm("CAMERA_CLOCK_OFF", 1))
    assert alarm["detail"].startswith("camera 31: its clock is 3") and "ms ahead of ours" in alarm["detail"]
    assert alarm["what_to_do_zh"]
    camera = site.camera(1)
    assert abs(camera["clock_offset_ms"] - 3200) <= camera["clock_error_ms"]
    for lang, words in (("en_US.UTF-8", "clock +3"), ("zh_CN.UTF-8", "时钟 +3")):
        assert words in site.ctl(lang)("status").out
    site.sim(1).do("clock", offset=0)
    wait_until("end of the alarm", lambda: not site.alarm("CAMERA_CLOCK_OFF", 1), 30)
    camera = site.camera(1)
    assert abs(camera["clock_offset_ms"]) <= camera["clock_error_ms"]


def test_heartbeat_that_stands_still_is_alarmed(site):
    site.sim(1).do("heartbeat", on=False)
    alarm = wait_until("alarm", lambda: site.alarm("CAMERA_LOST", 1))
    assert alarm["detail"] == "camera 31: its heartbeat stands still for 1000 ms"
    site.sim(1).do("heartbeat", on=True)
    wait_until("end of the alarm", lambda: not site.alarm("CAMERA_LOST", 1))


def test_shared_line_carries_heartbeat_and_clock_beside_the_modules(site):
    camera = site.camera(4)
    assert camera["silent_ms"] <= 2000 * SLOWNESS and abs(camera["clock_offset_ms"]) <= camera["clock_error_ms"]
    assert not site.alarm("LANE_CONTACT_LOST", 4)


def test_numbers_of_cameras_and_displays_are_prometheus_text(site):
    exposition = prometheus.Exposition(site.ctl("en_US.UTF-8")("metrics").out)
    for camera, *_ in LANES.values():
        assert exposition.samples["checkpoint_camera_reads_total", (("camera", str(camera)),)] >= 1
        assert exposition.samples["checkpoint_camera_contact", (("camera", str(camera)),)] == 1
    assert ("checkpoint_camera_clock_offset_milliseconds", (("camera", "31"),)) in exposition.samples
    assert exposition.samples["checkpoint_display_messages_total", (("lane", "1"),)] >= 1


def test_sign_says_slow_down_and_heals_when_its_line_is_back(site):
    site.sign.wait_shown("减速慢行")
    site.sign.pull_out()
    assert wait_until("alarm", lambda: site.alarm("DISPLAY_LOST", 1))["detail"]
    assert site.status()["displays"][0]["contact"] is False
    site.sign.plug_in()
    site.sign.wait_shown("减速慢行")
    wait_until("end of the alarm", lambda: not site.alarm("DISPLAY_LOST", 1))


PROFILE = "source: none\nframing: line\ntemplate: \"{plat}\"\nencoding: gbk\n"
SIGN = "source: none\ncolumns: 10\n"


@pytest.mark.parametrize("cameras,displays,words", [
    ([{"kind": "serial", "line": "/dev/ttyS9", "profile": "bad"}], [],
     "cameras[0]: {profiles}/serial/bad.yaml:3: template = '{{plat}}': a field in it is unknown"),
    ([{"kind": "serial", "line": "/dev/ttyS9", "profile": "none"}], [],
     "cameras[0].profile = 'none': unknown, expected serial/none.yaml in "),
    ([{"kind": "serial", "line": "/dev/ttyS9", "profile": "line"}], [], "expected another name for the site's"),
    ([{"kind": "serial", "line": "/dev/ttyS9", "profile": "../x"}], [], "expected the name of a profile"),
    ([{"kind": "serial", "line": "/dev/ttyS9", "trigger_coil": 5}], [], "only a camera with registers has coils"),
    ([{"kind": "modbus_tcp", "host": "127.0.0.1", "light": "always"}], [], "no light_coils"),
    ([{"kind": "modbus_tcp", "host": "127.0.0.1", "light_from": "24:00"}], [],
     "cameras[0].light_from = '24:00': not a time of day, expected like 22:30"),
    ([], [{"lane": 1, "profile": "bad", "line": "/dev/ttyS9"}],
     "displays[0]: {profiles}/display/bad.yaml:2: columns = '10': too narrow for the message 'please_stop'"),
    ([], [{"lane": 9, "profile": "generic", "line": "/dev/ttyS9"}], "displays[0].lane = '9': no such lane"),
    ([], [{"lane": 1, "profile": "generic", "line": "ttyS9"}], "expected the path of a serial device"),
    ([], [{"lane": 1, "profile": "generic", "line": "/dev/ttyS9", "text": "hit"}], "unknown key"),
    ([{"kind": "serial", "line": "/dev/ttyS9"}], [{"lane": 1, "profile": "generic", "line": "/dev/ttyS9"}],
     "a camera has this line")])
def test_profile_or_display_that_cannot_be_is_refused_by_place(tmp_path, cameras, displays, words):
    for kind, name, text in (("serial", "bad", PROFILE), ("display", "bad", SIGN), ("serial", "line", PROFILE)):
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / f"{name}.yaml").write_text(text)
    with short_folder() as folder:
        box = Checkpoint(folder)
        World().write_roots(box.roots)
        box.add_tcp_lane(1)
        try:
            box.wired = [{"id": 5, "lane": 1, **camera} for camera in cameras]
            box.displays = displays
            path = box.write_checkpointd(profiles=str(tmp_path))
            result = run_program([program("checkpointd"), "--config", path, "--check"], text=True)
            assert result.returncode != 0 and words.format(profiles=tmp_path) in result.stderr, result
        finally:
            box.stop()
