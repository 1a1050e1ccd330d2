"""What happens at a lane beside hits: inspections by rule, the sign, unread vehicles, the capture ratio; and what
headquarters hears of at once."""
import base64
import contextlib
import json
import os

import pytest

from harness.camera import Camera
from harness.ctl import Ctl
from harness.site import INNOCENT, KEY, SECOND, Site
from harness.stack import INPUTS, PATIENCE, LineClient, module, short_folder, wait_until
from harness.uplink_site import a_site

RULES = """\
title: inspections by lane
rules:
  - {name: stop, when: {match: exact, class: agree, clock: trusted, officer_risk: false},
     then: {alert: sounding, hold: true, forward: urgent}}
  - {name: other, when: {hit: true}, then: {alert: quiet}}
  - {name: drawn, then: {alert: quiet, raise: true, inspect: true},
     when: {hit: false, passage: plate, authenticity: tag, cleared: true, lane: 2, direction: 3, random: 100%}}
  - {name: cleared, then: {alert: none, raise: true, inspect: false},
     when: {hit: false, passage: plate, authenticity: tag, cleared: true}}
examples:
  - {name: a, hit: {priority: 2}, expect: {rule: stop}}
  - {name: b, hit: {match: look_alike}, expect: {rule: other}}
  - {name: c, cleared: true, lane: 2, direction: 3, expect: {rule: drawn, inspect: true}}
  - {name: d, cleared: true, lane: 3, expect: {rule: cleared, inspect: false}}
"""
STOP = "请停车 接受检查"


@contextlib.contextmanager
def a_road():
    """Lane 2 has a sign, lane 3 is a check point, lane 4 has a camera that can be triggered."""
    with short_folder() as folder:
        site = Site(folder)
        try:
            site.box.add_closing_lane(3, mode="check_point", transit_max="4s", vehicle_silence="0s")
            site.box.add_camera(14, 3, key=KEY)
            site.cameras[14] = Camera(("127.0.0.1", site.box.port), lane=3, camera=14, key=KEY)
            site.box.add_tcp_lane(4, transit_max="4s", read_missing="500ms")
            site.box.add_wired_camera(15, 4, "tcp", ["--trigger", 7], trigger_coil=7)
            site.sign = site.box.add_display(2)
            rules = site.box.etc / "rules.yaml"
            rules.write_text(RULES)
            site.start(rules=str(rules))
            for lane in (3, 4):
                wait_until(f"lane {lane} ready", lambda lane=lane: site.is_ready(lane), 60)
            yield site
        finally:
            site.stop()


@pytest.fixture(scope="module")
def road():
    with a_road() as site:
        yield site


def gone(site, lane):
    wait_until("gone", lambda: site.box.lane(lane)["vehicles"] == 0 and site.box.lane(lane)["boom"] == "closed", 30)


def drive(site, camera, lane, plate, **fields):
    site.read(camera, plate, **fields)
    site.box.sims[lane].do("vehicle", plate=plate, speed=14.0)


def body_of(site, check):
    return wait_until("on record", lambda: [r.body for r in site.verify_journal() if r.body and check(r.body)])[-1]


def test_a_rule_says_who_is_inspected_and_the_record_names_it(road):
    raised = len(road.box.sims[2].events("coil", coil="raise", on=True))
    drive(road, 12, 2, "鲁H77771", direction=3)
    wait_until("due", lambda: road.box.lane(2).get("inspection_due"))
    passage = road.box.lane(2)["inspection_of"]
    assert len(road.box.sims[2].events("coil", coil="raise", on=True)) == raised
    assert road.act("inspected", lane=2, reason="looked at")["ok"]
    gone(road, 2)
    body = body_of(road, lambda b: b.get("passage") == passage and "inspect" in b)
    assert body["inspect"] == "due" and body["inspect_rule"] == "drawn"


def test_a_check_point_lets_through_whom_the_rules_take_out(road):
    drive(road, 14, 3, "鲁H77772")
    road.box.sims[3].wait_event("coil", coil="raise", on=True)
    gone(road, 3)
    body = body_of(road, lambda b: b.get("inspect") == "not")
    assert body["inspect_rule"] == "cleared"


def test_the_sign_shows_the_plate_to_the_cleared_and_one_message_to_all_others(road):
    drive(road, 12, 2, INNOCENT)
    road.sign.wait_shown(INNOCENT)
    gone(road, 2)
    road.sign.wait_shown("减速慢行")
    drive(road, 12, 2, SECOND, plate_class="02")
    wait_until("held", lambda: road.box.lane(2)["holds"])
    road.sign.wait_shown(STOP)
    hold = road.box.lane(2)["holds"][0]["hold"]
    assert road.act("release", hold=hold, reason="checked")["ok"]
    assert road.act("raise", lane=2, reason="let go")["ok"]
    gone(road, 2)
    assert SECOND.encode("gbk") not in road.sign.listen()


def test_vehicles_and_reads_are_counted_and_shown(road):
    def capture():
        return road.box.lane(3).get("capture", {}).get("now", {})

    before = capture().get("vehicles_total", 0), capture().get("captured_total", 0)
    drive(road, 14, 3, "鲁H77773")
    gone(road, 3)
    wait_until("counted", lambda: (capture().get("vehicles_total"), capture().get("captured_total"))
               == (before[0] + 1, before[1] + 1))
    ctl = Ctl(road.box.run, road.box.folder / "session")
    assert f"lane 3: {capture()['captured']} of {capture()['vehicles']} vehicles" in " ".join(ctl("status").out.split())
    assert f'checkpoint_lane_captured_total{{lane="3"}} {before[1] + 1}\n' in ctl("metrics").out


def test_a_vehicle_that_stands_unread_has_the_camera_triggered(road):
    camera = road.box.camera_sims[15]
    camera.do("on_trigger", read={"plate": "鲁H77774"})
    road.box.sims[4].do("vehicle", plate="鲁H77774")
    camera.wait_event("trigger")
    road.next("read", lambda event: event["lane"] == 4 and event["read"]["plate"] == "鲁H77774")
    assert body_of(road, lambda b: b.get("what") == "retrigger")["lane"] == 4


# ---- at headquarters at once


@pytest.fixture
def link():
    yield from a_site()


URGENT = [  # what is done at the lane, and what headquarters is told by
    (lambda sim: sim.do("input", input="panic", active=True), {"name": "LANE_PANIC"}),
    (lambda sim: sim.do("input", input="cabinet_door", active=True), {"name": "LANE_CABINET_DOOR"}),
    (lambda sim: sim.do("input", input="mains_ok", active=False), {"name": "LANE_MAINS_LOST"}),
    (lambda sim: sim.do("boom", motion=-1), {"what": "foreign_motion"}),
    (lambda sim: sim.do("boom_off", off=True), {"what": "run_through"}),
    (lambda sim: sim.do("input", input="fire_raise", active=True), {"what": "fire_raise"}),
]


def test_headquarters_hears_of_help_and_escape_ahead_of_the_backlog(link):
    inputs = {**INPUTS, "fire_raise": 12, "panic": 13, "cabinet_door": 14, "mains_ok": 15}
    link.box.add_open_lane(1, transit_max="1s", devices=[module(timeout=PATIENCE, inputs=inputs)])
    link.daemon = link.box.start_checkpointd()
    link.token = link.box.leader()
    wait_until("open", lambda: link.box.lane(1).get("boom") == "open")
    link.uplinkd()
    link.sync()
    # A second reader gives no credit: what comes all the same is ahead of its turn.
    ahead = LineClient(link.box.run / "records")
    assert "status" in ahead.receive()

    def at_hq(sequence):
        return link.store("SELECT sequence FROM urgents WHERE sequence = ?1 UNION "
                          "SELECT r.sequence FROM records r JOIN chains c USING (checkpoint, chain)"
                          " WHERE c.stream = 0 AND r.sequence = ?1", sequence)

    for do, told in URGENT:
        do(link.box.sims[1])
        while True:
            event = ahead.receive().get("urgent")
            if event and told.items() <= json.loads(base64.b64decode(event["data_base64"])).items():
                break
        sequence = int(event["id"].split(":")[1])
        wait_until(f"{told} at headquarters", lambda sequence=sequence: at_hq(sequence), 2)
    ahead.close()
    link.sync()


pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="capture on lo needs root")
