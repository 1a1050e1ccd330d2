"""checkpointctl barrier test: a technician at a terminal, the simulated barrier's key in the test's hand."""
import json
import os
import signal

import pytest
import yaml

from harness import journal
from harness.ctl import Ctl
from harness.signing import World
from harness.stack import Checkpoint, short_folder, wait_until

PASSWORD = "correct horse 1"
LANE = 1
TRAVEL_S = 0.6
GO_ON = "q end: "


def start(box, **options):
    box.add_tcp_lane(LANE, sim=["--travel-s", str(TRAVEL_S)], **options)
    box.start_checkpointd()
    ctl = shell(box)
    assert ctl("officer", "add", "wang", "--role", "leader", password=PASSWORD).status == 0
    assert ctl("login", "wang", password=PASSWORD).status == 0
    wait_until("boom closed", lambda: box.lane(LANE).get("boom") == "closed")
    return ctl


@pytest.fixture
def box():
    with short_folder() as folder:
        box = Checkpoint(folder)
        World().write_roots(box.roots)
        try:
            yield box
        finally:
            box.stop()


def shell(box, lang="en_US.UTF-8"):
    return Ctl(box.run, box.folder / "session", lang)


def take_out(box, ctl):
    assert ctl("service", "out", LANE, "--reason", "yearly test").status == 0
    wait_until("out of service", lambda: box.lane(LANE).get("out_of_service"))


def answer(screen, text="", prompt=GO_ON):
    screen.wait(prompt)
    screen.type(text + "\n")


def by_key(box, screen, word="Now: lower"):
    """The technician hears of it, sees the boom up and turns the key."""
    screen.wait(word)
    wait_until("open", lambda: box.lane(LANE)["boom"] == "open")
    box.sims[LANE].do("boom", motion=-1)


def up_to_the_interlock(box, screen):
    answer(screen)  # raise
    screen.wait("Auto-close: the lane declares none")
    answer(screen)  # lower
    by_key(box, screen)
    answer(screen)  # the interlock: up again
    answer(screen)  # the body lies there


def guided_file(box):
    path = box.state / "checkpointd" / "guided-tests.yaml"
    return yaml.safe_load(path.read_text()) if path.exists() else None


def records(box):
    return [r for r in journal.verify(box.state / "checkpointd" / "journal")
            if r.kind == "act" and r.body.get("what") == "barrier_test"]


def start_test(box, ctl, *options):
    return ctl.terminal("barrier", "test", str(LANE), "--reason", "yearly test", *options)


def test_a_barrier_that_stops_is_measured_recorded_and_counts(box):
    ctl = start(box)
    take_out(box, ctl)
    sim = box.sims[LANE]
    screen = start_test(box, ctl)
    up_to_the_interlock(box, screen)
    by_key(box, screen, "onto the test body")
    sim.wait_event("boom", motion=-1, after_ns=sim.events("boom")[-2]["mono_ns"])
    wait_until("half way", lambda: sim.state()["position"] < 0.6)
    sim.do("input", input="obstacle", active=True)
    sim.do("boom", motion=1)  # the barrier's own hardware
    answer(screen, "y", "[y/n]: ")
    result = screen.finish()
    assert result.status == 0, result
    assert "Interlock: the hardware stopped the boom" in result.out
    assert "Lane 1 stays OUT OF SERVICE" in result.out and box.lane(LANE)["out_of_service"]
    row, = guided_file(box)["tests"]
    assert row["lane"] == LANE and row["stopped"] is True and row["by"] == "wang" and row["tested"].endswith("Z")
    assert (box.state / "checkpointd" / "guided-tests.yaml").stat().st_mode & 0o777 == 0o600
    record, = records(box)
    assert record.actor == "officer:wang" and record.body["detail"].endswith("interlock stopped")
    said = dict(part.rsplit(" ", 1) for part in record.body["detail"].split(", ")[1:-1])
    assert TRAVEL_S * 800 <= int(said["up_ms"]) <= TRAVEL_S * 3000, said
    assert TRAVEL_S * 800 <= int(said["down_ms"]) <= TRAVEL_S * 3000, said
    assert 200 <= int(said["pulse_ms"]) <= 2000, said
    assert not [e for e in sim.events("coil", coil="lower", on=True)], "the gateway lowered"
    # Taken over at once, as a file of somebody's hand would be.
    wait_until("journaled", lambda: [r for r in journal.verify(box.state / "checkpointd" / "journal")
                                     if r.body and r.body.get("what") == "guided_test"])


def test_a_barrier_that_goes_on_is_recorded_as_not_stopping(box):
    ctl = start(box)
    take_out(box, ctl)
    sim = box.sims[LANE]
    screen = start_test(box, ctl)
    up_to_the_interlock(box, screen)
    by_key(box, screen, "onto the test body")
    wait_until("half way", lambda: 0 < sim.state()["position"] < 0.6)
    sim.do("input", input="obstacle", active=True)
    screen.wait("LOOK: the boom reached its lower limit")
    answer(screen, "y", "[y/n]: ")  # what the technician says does not outweigh the inputs
    result = screen.finish()
    assert result.status == 1 and "LOOK: interlock not shown" in result.out, result
    row, = guided_file(box)["tests"]
    assert row["stopped"] is False
    assert records(box)[0].body["detail"].endswith("interlock did not stop")


def test_a_claim_that_the_inputs_do_not_show_is_refused(box):
    ctl = start(box)
    client = box.control()
    token = client.act("login", officer="wang", password=PASSWORD)["result"]["token"]

    def claim(**more):
        return client.act("guided_test", token, lane=LANE, stopped=True, reason="trust me", **more)

    assert claim()["error"]["code"] == "in_service"
    take_out(box, ctl)
    assert claim()["error"]["en"] == "no lower by hand was watched on lane 1"
    assert client.act("test_lower", token, lane=LANE)["ok"]
    refused = claim()["error"]
    assert refused["code"] == "not_seen" and "obstacle did not become active" in refused["en"]
    assert client.act("test_raise", token, lane=LANE)["ok"]
    wait_until("open", lambda: box.lane(LANE)["boom"] == "open")
    assert client.act("test_lower", token, lane=LANE)["ok"]
    wait_until("watched", lambda: client.act("test_watch", lane=LANE)["result"]["watch"]["edges"])
    box.sims[LANE].do("boom", motion=-1)
    wait_until("half way", lambda: box.sims[LANE].state()["position"] < 0.8)
    box.sims[LANE].do("input", input="obstacle", active=True)
    wait_until("down", lambda: "limit_closed" in box.lane(LANE)["inputs"])
    refused = claim()["error"]
    assert refused["code"] == "not_seen" and "the boom reached its lower limit" in refused["en"]
    assert client.act("guided_test", lane=LANE, stopped=True, reason="nobody")["error"]["code"] == "denied"
    assert guided_file(box) is None and not records(box)
    client.close()


def test_only_the_hardware_stops_the_boom_of_a_test_that_counts(box):
    """Neither our own stop nor a body that the rising boom met shows what rule 7 asks for."""
    ctl = start(box)
    take_out(box, ctl)
    sim = box.sims[LANE]
    client = box.control()
    token = client.act("login", officer="wang", password=PASSWORD)["result"]["token"]

    def act(name):
        assert client.act(name, token, lane=LANE)["ok"]

    def refused(words):
        error = client.act("guided_test", token, lane=LANE, stopped=True, reason="it stopped")["error"]
        assert error["code"] == "not_seen" and words in error["en"], error
        assert guided_file(box) is None

    def watch_lower():
        act("test_lower")
        wait_until("watched", lambda: client.act("test_watch", lane=LANE)["result"]["watch"]["edges"])

    act("test_raise")
    wait_until("open", lambda: box.lane(LANE)["boom"] == "open")
    wait_until("pulse over", lambda: not sim.state()["coils"]["raise"])
    watch_lower()
    sim.do("boom", motion=-1)
    wait_until("half way", lambda: 0 < sim.state()["position"] < 0.8)
    act("test_stop")
    wait_until("stopped", lambda: sim.state()["motion"] == 0)
    sim.do("input", input="obstacle", active=True)
    wait_until("seen", lambda: "obstacle" in box.lane(LANE)["inputs"])
    refused("output stop was energised meanwhile")

    sim.do("input", input="obstacle", active=False)
    sim.do("boom", motion=-1)
    wait_until("down", lambda: "limit_closed" in box.lane(LANE)["inputs"])
    watch_lower()
    sim.do("boom", motion=1)
    wait_until("half way", lambda: sim.state()["position"] > 0.2)
    sim.do("input", input="obstacle", active=True)
    sim.do("boom", motion=0)
    wait_until("seen", lambda: "obstacle" in box.lane(LANE)["inputs"])
    refused("did not become active while the boom was closing")
    client.close()


def test_the_lane_must_be_out_of_service_and_somebody_must_be_there(box):
    ctl = start(box)
    refused = start_test(box, ctl).finish()
    assert refused.status == 3 and "checkpointctl service out 1" in refused.out and "停用" in refused.out
    assert ctl("barrier", "test", LANE).status == 2
    assert "run it at a terminal" in ctl("barrier", "test", LANE).err
    client = box.control()
    assert client.act("test_raise", lane=LANE)["error"]["code"] == "denied"
    client.close()


@pytest.mark.parametrize("how", ["prompt", "wait"])
def test_an_interruption_stops_the_boom_and_leaves_the_lane_out(box, how):
    ctl = start(box)
    take_out(box, ctl)
    screen = start_test(box, ctl)
    if how == "prompt":
        screen.wait(GO_ON)
        screen.type("\x03")
    else:
        answer(screen)
        answer(screen, prompt="3. Lower")
        screen.wait("Now: lower")
        os.kill(screen.pid, signal.SIGINT)
    result = screen.finish()
    assert result.status == 130, result
    assert "Lane 1 stays OUT OF SERVICE" in result.out and "nothing is on record" in result.out
    assert box.lane(LANE)["out_of_service"] and guided_file(box) is None
    if how == "wait":
        assert box.sims[LANE].events("coil", coil="stop", on=True)


def test_steps_can_be_skipped_and_other_lanes_tests_stay(box):
    ctl = start(box)
    path = box.state / "checkpointd" / "guided-tests.yaml"
    path.write_text('tests:\n  - {lane: 7, tested: "2026-01-02T03:04:05Z", stopped: true, by: "李 \\"x\\""}\n')
    path.chmod(0o600)
    take_out(box, ctl)
    screen = shell(box, "zh_CN.UTF-8").terminal("barrier", "test", str(LANE), "--reason", "年检")
    for _ in range(3):
        answer(screen, "s", "q 结束：")
    result = screen.finish()
    assert result.status == 0 and "防砸联锁：未测试" in result.out and "停用状态" in result.out, result
    assert records(box)[0].body["detail"] == "lane 1, interlock not tried"
    assert [row["lane"] for row in guided_file(box)["tests"]] == [7]
    client = box.control()
    token = client.act("login", officer="wang", password=PASSWORD)["result"]["token"]
    assert client.act("guided_test", token, lane=LANE, stopped=False, reason="no body at hand")["ok"]
    client.close()
    rows = {row["lane"]: row for row in guided_file(box)["tests"]}
    assert set(rows) == {1, 7} and rows[7]["by"] == '李 "x"' and rows[1]["stopped"] is False


def test_auto_close_is_measured_against_what_the_lane_declares(box):
    ctl = start(box, auto_close="timer", auto_close_within="3s")
    take_out(box, ctl)
    sim = box.sims[LANE]
    screen = start_test(box, ctl, "--json")
    answer(screen)
    answer(screen, prompt="2. Auto-close by timer")
    wait_until("open", lambda: sim.state()["position"] == 1.0)
    sim.do("boom", motion=-1)  # the barrier's own timer
    answer(screen, "s", "3. Lower")
    answer(screen, "s", "4. Interlock")
    result = screen.finish()
    assert result.status == 0, result
    said = json.loads(next(line for line in result.out.splitlines() if line.startswith("{")))
    assert said["interlock"] == "not tried" and said["on_file"] is False
    assert "auto_close_ms" in records(box)[0].body["detail"]
