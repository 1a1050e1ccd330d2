"""checkpointctl bus scan, read and write: who answers, what stands where, and what may be written when."""
import json

import pytest

from harness import journal
from harness.ctl import Ctl
from harness.signing import World
from harness.stack import Checkpoint, module, short_folder, wait_until

PASSWORD = "correct horse 1"
TCP, RTU, BESIDE = 1, 2, 3  # lanes; BESIDE shares the line of RTU
SIREN, RAISE, LOWER = 6, 0, 1  # coils of the generic module
SPARE = 8


@pytest.fixture(scope="module")
def box():
    with short_folder() as folder:
        box = Checkpoint(folder)
        World().write_roots(box.roots)
        try:
            box.add_tcp_lane(TCP)
            box.add_rtu_lane(RTU, sim=["--unit", "1", "--unit", "4"])
            box.lanes.append({"id": BESIDE, "bus": f"bus-{RTU}", "devices": [module(unit=4)]})
            for lane in box.lanes[1:]:  # two lanes on one line: rule 1 leaves no room for patience
                lane["devices"][0] |= {"timeout": "20ms", "answer_ms": 3}
            box.start_checkpointd()
            ctl = shell(box)
            assert ctl("officer", "add", "wang", "--role", "leader", password=PASSWORD).status == 0
            assert ctl("login", "wang", password=PASSWORD).status == 0
            for lane in (TCP, RTU, BESIDE):
                wait_until("contact", lambda lane=lane: box.lane(lane).get("contact"), 30)
            yield box
        finally:
            box.stop()


def shell(box, lang="en_US.UTF-8"):
    return Ctl(box.run, box.folder / "session", lang)


@pytest.fixture
def ctl(box):
    return shell(box)


def service(box, ctl, way, *lanes):
    for lane in lanes:
        done = ctl("service", way, lane, "--reason", "works at the cabinet")
        assert done.status == 0, done
        wait_until(f"lane {lane} {way}", lambda lane=lane: box.lane(lane).get("out_of_service", False)
                   == (way == "out"))


def records(box, act):
    """Bodies of what is on record of an act."""
    return [r for r in journal.verify(box.state / "checkpointd" / "journal")
            if r.kind == "act" and r.body.get("what") == act]


def scans(ctl, bus):
    return next(b["scans"] for b in ctl("status", "--json").json["buses"] if b["bus"] == bus)


# ---- scan


def test_a_scan_finds_who_answers_while_the_lanes_go_on(box, ctl):
    before = scans(ctl, "bus-2")
    done = ctl("bus", "scan", "bus-2", "--from", 1, "--to", 10, "--json", timeout_s=60)
    assert done.status == 0, done
    found = {u["unit"]: u for u in done.json["units"]}
    assert set(found) == {1, 4} and not done.json["silent"]
    assert found[1]["known_as"] == "lane 2: module" and found[4]["known_as"] == "lane 3: module"
    assert all(u["round_trip_us"] > 0 for u in found.values())
    assert scans(ctl, "bus-2") > before + 10
    wait_until("contact", lambda: box.lane(RTU)["contact"] and box.lane(BESIDE)["contact"], 30)
    table = ctl("bus", "scan", "bus-2", "--from", 3, "--to", 5).out
    assert "lane 3: module" in table and "answers" in table
    chinese = shell(box, "zh_CN.UTF-8")("bus", "scan", "bus-2", "--from", 2, "--to", 3)
    assert chinese.status == 0 and "站号 2 到 3 均无应答" in chinese.out
    assert not [e for e in box.sims[RTU].events("coil") if e["by"] != "write"]


def test_a_scan_shows_itself_at_a_terminal_and_is_bounded(box, ctl):
    screen = ctl.terminal("bus", "scan", "bus-2", "--from", "1", "--to", "9")
    screen.wait("unit   9 of 1 to 9")
    assert screen.finish().status == 0
    for bad in (["--from", "0"], ["--to", "248"]):
        assert "expected a number from 1 to 247" in ctl("bus", "scan", "bus-2", *bad).err
    assert ctl("bus", "scan", "bus-2", "--from", "9", "--to", "3").status == 2
    none = ctl("bus", "scan", "bus-9")
    assert none.status == 3 and "expected one of bus-1, bus-2" in none.err and "总线" in none.err


def test_a_configured_unit_that_is_silent_is_named(box, ctl):
    sim = box.sims[RTU]
    sim.do("fault", kind="silence", unit=4)
    try:
        done = ctl("bus", "scan", "bus-2", "--from", 1, "--to", 5, timeout_s=60)
        assert done.status == 1, done
        assert "LOOK: unit 4 (lane 3: module) is configured and does not answer" in done.out
    finally:
        sim.do("fault", kind="none")
    wait_until("back", lambda: box.lane(BESIDE)["contact"], 30)


# ---- read


def test_a_read_shows_what_stands_there_and_is_on_record(box, ctl):
    sim = box.sims[TCP]
    inputs = sim.state()["inputs"]
    done = ctl("bus", "read", "bus-1", 1, "discrete", 0, 4, "--json", "--reason", "a look")
    assert done.status == 0, done
    assert done.json["values"] == [int(inputs[n]) for n in ("limit_open", "limit_closed", "presence", "obstacle")]
    assert "0x0001" in ctl("bus", "read", "bus-1", "1", "2", "0x1", "1").out
    record = records(box, "bus_read")[0]
    assert record.actor == "officer:wang" and record.body["detail"] == "bus-1 unit 1 function 2 address 0 count 4"


def test_a_read_that_fails_says_how(box, ctl):
    missing = ctl("bus", "read", "bus-1", 1, "coils", 60000, 4)
    assert missing.status == 3 and "[exception]" in missing.err and "异常码" in missing.err
    silent = ctl("bus", "read", "bus-2", 7, "coils", 0, 1)
    assert silent.status == 3 and "[silent]" in silent.err
    assert "expected 1 coils, 2 discrete, 3 holding or 4 input" in ctl("bus", "read", "bus-1", 1, 7, 0, 1).err
    assert ctl("bus", "read", "bus-1", 1, "coils", 0, 65).status == 2
    stranger = Ctl(box.run, box.folder / "other")("bus", "read", "bus-1", 1, "coils", 0, 1)
    assert stranger.status == 77


# ---- write


def test_a_write_needs_every_lane_of_the_bus_out_of_service(box, ctl):
    write = ["bus", "write", "bus-2", 1, "coil", SIREN, "on", "--reason", "try the siren"]
    refused = ctl(*write)
    assert refused.status == 3 and "lane 2 is in service" in refused.err and "[in_service]" in refused.err
    service(box, ctl, "out", RTU)
    refused = ctl(*write)
    assert refused.status == 3 and "lane 3 is in service" in refused.err and "停用" in refused.err
    assert not box.sims[RTU].state()["coils"]["siren"]
    service(box, ctl, "out", BESIDE)
    done = ctl(*write)
    assert done.status == 0 and "acknowledged" in done.out, done
    assert box.sims[RTU].events("coil", coil="siren", on=True, unit=1)
    record = records(box, "bus_write")[-1]
    assert record.body["detail"] == f"bus-2 unit 1 coil {SIREN} = 1"
    assert record.body["reason"] == "try the siren" and record.body["by"]["officer"] == "wang"
    assert ctl("bus", "write", "bus-2", 1, "coil", SIREN, "off", "--reason", "over").status == 0
    service(box, ctl, "in", RTU, BESIDE)
    assert ctl(*write).status == 3


def test_no_write_moves_a_boom(box, ctl):
    service(box, ctl, "out", TCP)
    sim = box.sims[TCP]
    before = len(sim.events("boom"))
    for coil in (RAISE, LOWER):
        for unit in (1, 9):  # a module on TCP may answer for any unit
            for value in ("on", "off"):
                refused = ctl("bus", "write", "bus-1", unit, "coil", coil, value, "--reason", "x")
                assert refused.status == 3 and "[moves_boom]" in refused.err and "栏杆" in refused.err, refused
    for kind, address in (("register", 0), ("coil", 500)):
        refused = ctl("bus", "write", "bus-1", 1, kind, address, 1, "--reason", "x")
        assert refused.status == 3 and "[not_named]" in refused.err, refused
    assert len(sim.events("boom")) == before and not sim.state()["coils"]["raise"]
    service(box, ctl, "in", TCP)


def test_a_write_needs_a_reason_and_the_right_to_it(box, ctl):
    service(box, ctl, "out", TCP)
    write = ["bus", "write", "bus-1", 1, "coil", SIREN, 0]
    refused = ctl(*write)
    assert refused.status == 3 and "reason: missing" in refused.err
    assert ctl("officer", "add", "li", password="second person 2").status == 0
    plain = Ctl(box.run, box.folder / "plain")
    assert plain("login", "li", password="second person 2").status == 0
    asked = ctl.at_terminal("bus", "write", "bus-1", "1", "coil", str(SIREN), "0", answers=[("Reason: ", "quiet")])
    assert asked.status == 0, asked
    assert ctl("bus", "write", "bus-1", 1, "coil", SIREN, 2, "--reason", "x").status == 2
    assert ctl("bus", "write", "bus-1", 1, "lamp", SIREN, 1, "--reason", "x").status == 2
    service(box, ctl, "in", TCP)


def test_a_write_that_fails_is_on_record_as_failed(box, ctl):
    service(box, ctl, "out", RTU, BESIDE)
    failed = ctl("bus", "write", "bus-2", 30, "register", 5, 7, "--reason", "to nobody")
    assert failed.status == 3 and "[silent]" in failed.err, failed
    detail = wait_until("the record", lambda: records(box, "bus_write_failed"))[-1].body["detail"]
    assert detail.startswith("bus-2 unit 30 register 5 = 7: "), json.dumps(detail)
    service(box, ctl, "in", RTU, BESIDE)
