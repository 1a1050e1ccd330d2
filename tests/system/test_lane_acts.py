"""Acts on lanes by checkpointctl: convoys, inspections, out of service; what is left of them after a restart."""
import os

import pytest

from harness.camera import Camera
from harness.ctl import Ctl, columns
from harness.site import INNOCENT, KEY, SECOND, running_site
from harness.stack import wait_until

PASSWORD = "correct horse 1"


def add_check_point(site):
    site.box.add_closing_lane(3, mode="check_point", transit_max="4s", vehicle_silence="0s")
    site.box.add_camera(14, 3, key=KEY)
    site.cameras[14] = Camera(("127.0.0.1", site.box.port), lane=3, camera=14, key=KEY)


@pytest.fixture
def site():
    with running_site(add_check_point) as site:
        wait_until("lane 3 ready", lambda: site.is_ready(3), 60)
        site.ctl = Ctl(site.box.run, site.box.folder / "session")
        assert site.ctl("login", "wang", password=PASSWORD).status == 0
        yield site


def records(site, what):
    return [r.body for r in site.verify_journal() if r.body and r.body.get("what") == what]


def on_record(site, what, lane):
    """The newest record of that name of the lane, once it is there."""
    return wait_until(f"{what} on record",
                      lambda: [b for b in records(site, what) if b.get("lane") == lane])[-1]


def test_a_convoy_opens_its_lanes_tells_hits_and_lowers_nothing(site):
    begun = site.ctl("convoy", 2, 3, "--minutes", 5, "--reason", "relief column")
    assert begun.status == 0 and begun.out == "Lane 2: convoy done.\nLane 3: convoy done.\n"
    for lane in (2, 3):
        wait_until("open", lambda lane=lane: site.box.lane(lane)["boom"] == "open")
    body = on_record(site, "convoy", 2)
    assert body["by"]["officer"] == "wang" and body["reason"] == "relief column" and body["for_ms"] == 300000
    shown = site.ctl("lanes")
    assert shown.out.count("convoy until ") == 2 and max(map(columns, shown.out.splitlines())) <= 80
    assert "车队放行至" in Ctl(site.box.run, site.box.folder / "session", "zh_CN.UTF-8")("status").out
    site.read(12, SECOND, plate_class="02")
    assert site.hit(SECOND)["decision"]["hold"]
    site.box.sims[2].do("vehicle", plate=SECOND)
    wait_until("told", lambda: ("LANE_CONVOY_HIT", 2) in site.alarms())
    assert on_record(site, "convoy_hit", 2)["held"][0]["entry"] == 2
    wait_until("passed", lambda: site.box.lane(2)["vehicles"] == 0, 30)
    assert not site.box.lane(2)["holds"]
    assert site.ctl("convoy", "end", 3, "--reason", "through").status == 0
    assert "convoy_until" not in site.box.lane(3) and "convoy_until" in site.box.lane(2)
    assert on_record(site, "convoy_ended", 3)["by"]["officer"] == "wang"
    assert site.act("convoy_end", lane=3, reason="again")["error"]["code"] == "no_convoy"
    for sim in site.box.sims.values():
        assert not sim.events("coil", coil="lower")


def test_convoys_are_named_bounded_and_begin_for_no_held_vehicle(site):
    assert site.ctl("convoy", 2, "--minutes", 121, "--reason", "x").status == 2
    assert "--minutes N: missing" in site.ctl("convoy", 2, "--reason", "x").err
    assert "'x': expected the number of a lane" in site.ctl("convoy", 2, "x", "--minutes", 5, "--reason", "x").err
    assert "[invalid]" in site.ctl("convoy", 2, "--minutes", 5).err  # no reason, and nobody to ask
    for minutes in (0, 121, "5", None):
        assert site.act("convoy", lane=2, minutes=minutes, reason="x")["error"]["code"] == "convoy_time"
    site.read(12, SECOND, plate_class="02")
    site.box.sims[2].do("vehicle", plate=SECOND)
    wait_until("held", lambda: site.box.lane(2)["holds"])
    both = site.ctl("convoy", 2, 3, "--minutes", 5, "--reason", "x")
    assert both.status == 3 and "[held]" in both.err and both.out == "Lane 3: convoy done.\n"
    assert site.box.lane(2)["boom"] == "closed"


def test_a_check_point_opens_when_an_officer_has_inspected(site):
    sim = site.box.sims[3]
    assert site.act("inspected", lane=3, reason="x")["error"]["code"] == "no_inspection"
    site.read(14, INNOCENT)
    sim.do("vehicle", plate=INNOCENT)
    wait_until("due", lambda: site.box.lane(3).get("inspection_due"))
    assert site.box.lane(3)["lights"] == ["red"] and ("LANE_INSPECTION", 3) in site.alarms()
    assert "inspection due" in site.ctl("lanes").out
    passage = site.box.lane(3)["inspection_of"]
    assert site.act("inspected", lane=3, passage=passage + 1, reason="x")["error"]["code"] == "no_inspection"
    assert site.act("inspected", lane=3, passage="x", reason="x")["error"]["code"] == "invalid"
    assert not sim.events("coil", coil="raise", on=True)
    done = site.ctl("inspected", 3, "--reason", "papers and boot looked at")
    assert done.status == 0 and done.out == "Lane 3: inspected done.\n"
    sim.wait_event("coil", coil="raise", on=True)
    body = on_record(site, "inspected", 3)
    assert body["passage"] == passage and body["reason"] == "papers and boot looked at"


def test_a_restart_keeps_out_of_service_and_ends_a_convoy(site):
    assert site.ctl("service", "out", 3, "--reason", "new loop").status == 0
    assert site.ctl("convoy", 2, "--minutes", 60, "--reason", "column").status == 0
    assert "out of service" in site.ctl("lanes").out
    assert site.act("convoy", lane=3, minutes=5, reason="x")["error"]["code"] == "out_of_service"
    on_record(site, "out_of_service", 3)
    assert on_record(site, "convoy", 2)["for_ms"] == 3600000
    site.checkpointd.kill()
    site.checkpointd.start()
    wait_until("restored", lambda: site.box.lane(3).get("out_of_service"))
    body = on_record(site, "convoy_ended", 2)
    assert "by" not in body and "convoy_until" not in site.box.lane(2)
    ended = [r for r in site.verify_journal() if r.body and r.body.get("what") == "convoy_ended"]
    assert ended[0].wall_ms > 0
    site.checkpointd.kill()  # and is not ended twice
    site.checkpointd.start()
    wait_until("restored", lambda: site.box.lane(3).get("out_of_service"))
    assert len(records(site, "convoy_ended")) == 1
    assert site.ctl("login", "wang", password=PASSWORD).status == 0
    back = site.ctl("service", "in", 3, "--reason", "done")
    assert back.status == 0 and back.out == "Lane 3: in service done.\n"
    assert not site.box.lane(3).get("out_of_service")
    on_record(site, "in_service", 3)
    site.checkpointd.kill()
    site.checkpointd.start()
    wait_until("lane", lambda: "boom" in site.box.lane(3))
    assert not site.box.lane(3).get("out_of_service")


pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="capture on lo needs root")
