"""A serial line that is miswired says so: the likely cause as an alarm of the lane, in status and in
the metrics, with each device's health beside it."""
import copy

import pytest

from harness.ctl import Ctl
from harness.process import SANITIZED, frozen_thread
from harness.prometheus import Exposition
from harness.signing import World
from harness.stack import Checkpoint, short_folder, wait_until

LANE, OTHER = 1, 2
# What a client of the control socket reads of one answer (gateway/control/client.c).
ANSWER_MAX_BYTES = 4 << 20
# Above what this box says: every lane with all its 32 alarms (600 bytes each), a full queue and four holds at once.
FULLER = 16
# fault of the line: (alarm, name of the cause, whether the lane goes on)
CAUSES = {"echo": ("BUS_ECHO", "echo", True),
          "master": ("BUS_SECOND_MASTER", "second_master", True),
          "twice": ("BUS_TWO_ON_ADDRESS", "two_on_address", True),
          "reflection": ("BUS_TERMINATION", "termination", True),
          "swapped": ("BUS_SWAPPED", "swapped", False),
          "collide": ("BUS_COLLIDING", "colliding", False)}


@pytest.fixture(scope="module")
def box():
    with short_folder() as folder:
        box = Checkpoint(folder)
        World().write_roots(box.roots)
        try:
            box.add_rtu_lane(LANE)
            box.add_tcp_lane(OTHER)
            box.start_checkpointd()
            box.leader()
            wait_until("contact", lambda: box.lane(LANE).get("contact") and box.lane(OTHER).get("contact"))
            yield box
        finally:
            box.stop()


def ctl(box, lang="en_US.UTF-8"):
    return Ctl(box.run, box.folder / "session", lang)


def bus(box, lane):
    return next(b for b in ctl(box)("status", "--json").json["buses"] if b["bus"] == f"bus-{lane}")


def row(box, name, lang="en_US.UTF-8"):
    """The row of a part in the table of status, its wrapped lines joined."""
    lines = ctl(box, lang)("status").out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(name))
    wrapped = [lines[at]]
    for line in lines[at + 1:]:
        if not line.startswith("    "):
            break
        wrapped.append(line)
    return " ".join(" ".join(wrapped).split())


def test_a_line_that_is_well_has_no_cause_and_healthy_devices(box):
    for lane in (LANE, OTHER):
        shown = bus(box, lane)
        assert shown["cause"] is None
        device, = shown["devices"]
        assert device["device"] == "module" and device["lane"] == lane and device["contact"]
        assert device["good"] > 0 and 0 < device["median_us"] <= device["p99_us"]
    assert row(box, "bus-1").startswith("bus-1 good ")
    metrics = Exposition(ctl(box)("metrics").out)
    assert metrics.value("checkpoint_bus_line_cause", bus="bus-1", cause="none") == 1
    assert metrics.value("checkpoint_device_answers_total", bus="bus-1", lane="1", device="module") > 0


@pytest.mark.parametrize("fault", CAUSES)
def test_a_miswired_line_is_named_with_what_to_do(box, fault):
    alarm, cause, goes_on = CAUSES[fault]
    sim = box.sims[LANE]
    if not goes_on:  # an adapter plugged in anew: nothing was ever right on it
        sim.do("vanish")
    sim.do("fault", kind=fault)
    if not goes_on:
        sim.do("return")
    shown = wait_until(alarm, lambda: next((a for a in ctl(box)("status", "--json").json["alarms"]
                                            if a["name"] == alarm), None), 40)
    assert shown["lane"] == LANE and shown["detail"] == "bus-1"
    assert shown["what_to_do"] and shown["what_to_do_zh"]
    assert bus(box, LANE)["cause"] == {"name": cause, "en": shown["en"], "zh": shown["zh"]}
    assert bus(box, OTHER)["cause"] is None
    assert row(box, "bus-1").startswith(f"bus-1 LOOK {shown['en']}; ")
    assert shown["zh"].replace(" ", "") in row(box, "bus-1", "zh_CN.UTF-8").replace(" ", "")
    assert Exposition(ctl(box)("metrics").out).value(
        "checkpoint_bus_line_cause", bus="bus-1", cause=cause) == 1
    if goes_on:
        wait_until("contact", lambda: bus(box, LANE)["devices"][0]["contact"])
    sim.do("fault", kind="none")


def test_a_cause_ends_with_its_symptoms(box):
    box.sims[LANE].do("fault", kind="none")
    wait_until("no cause", lambda: bus(box, LANE)["cause"] is None, 40)
    wait_until("no alarm", lambda: not [a for a in ctl(box)("status", "--json").json["alarms"]
                                        if a["name"].startswith("BUS_")])
    wait_until("contact", lambda: bus(box, LANE)["devices"][0]["contact"])


def test_a_silent_device_is_told_apart_from_its_bus(box):
    sim = box.sims[OTHER]
    sim.do("fault", kind="silence")
    wait_until("silent", lambda: not bus(box, OTHER)["devices"][0]["contact"])
    device, = bus(box, OTHER)["devices"]
    assert device["timeouts"] > 0 and device["last_good_ms_ago"] > 0
    assert row(box, "bus-2").startswith("bus-2 LOOK ")
    assert bus(box, LANE)["devices"][0]["contact"]
    sim.do("fault", kind="none")
    wait_until("back", lambda: bus(box, OTHER)["devices"][0]["contact"])
    assert row(box, "bus-2").startswith("bus-2 good ")


@pytest.mark.skipif(SANITIZED, reason="what stands still for 5 s ends the program: too little for a slow one")
def test_lanes_that_stand_still_stop_no_bus():
    """The guard of a boom is the bus thread's: it waits for nobody."""
    with short_folder() as folder:
        box = Checkpoint(folder)
        World().write_roots(box.roots)
        try:
            box.add_rtu_lane(LANE)
            box.add_tcp_lane(OTHER)
            box.buses[1]["scan_interval"] = "1ms"
            daemon = box.start_checkpointd()
            status = lambda: ctl(box)("status", "--json").json
            wait_until("contact", lambda: box.lane(LANE).get("contact") and box.lane(OTHER).get("contact"))
            with frozen_thread(daemon.process.pid, "lane"):
                wait_until("no room for scans", lambda: status()["counters"]["scans_dropped"] > 0)
                box.sims[LANE].do("fault", kind="echo")  # a cause that is to be told
                wait_until("echo", lambda: bus(box, LANE)["cause"])
                scans = bus(box, LANE)["scans"]
                wait_until("the bus goes on", lambda: bus(box, LANE)["scans"] > scans + 20)
            wait_until("told then", lambda: [a for a in status()["alarms"] if a["name"] == "BUS_ECHO"])
        finally:
            box.stop()


def longest_line(box, act):
    """Bytes of the answer as it goes over the control socket."""
    client = box.control()
    client.send(id=1, do=act, args={})
    while b"\n" not in client.buffer:
        client.buffer += client.socket.recv(1 << 20)
    client.close()
    return client.buffer.index(b"\n")


def test_a_box_carries_32_lanes_with_all_their_modules():
    with short_folder() as folder:
        box = Checkpoint(folder)
        World().write_roots(box.roots)
        try:
            box.add_tcp_lane(1)
            for lane in range(2, 33):  # the other modules are not there
                box.buses.append({**box.buses[0], "name": f"bus-{lane}", "port": 1})
                first = copy.deepcopy(box.lanes[0]["devices"][0])
                cabinet = [{"name": f"cabinet module {i}", "profile": "generic", "unit": i + 2, "inputs": {name: 0}}
                           for i, name in enumerate(("panic", "fire_raise", "cabinet_door"))]
                box.lanes.append({**copy.deepcopy(box.lanes[0]), "id": lane, "bus": f"bus-{lane}",
                                  "name": f"进城第{lane}车道", "devices": [first, *cabinet]})
            box.start_checkpointd()
            wait_until("all lanes told", lambda: sum(
                a["name"] == "LANE_CONTACT_LOST" for a in ctl(box)("status", "--json").json["alarms"]) == 31)
            status = ctl(box)("status", "--json").json
            assert [lane["lane"] for lane in status["lanes"]] == list(range(1, 33))
            assert [b["devices"][0]["contact"] for b in status["buses"]] == [True] + [False] * 31
            assert [len(b["devices"]) for b in status["buses"]] == [1] + [4] * 31
            sizes = {act: longest_line(box, act) for act in ("status", "metrics")}
            print(f"bytes of an answer at 32 lanes: {sizes}")
            assert max(sizes.values()) * FULLER < ANSWER_MAX_BYTES, sizes
            assert "bus-32" in ctl(box)("status").out
        finally:
            box.stop()
