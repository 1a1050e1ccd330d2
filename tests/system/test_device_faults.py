"""Faults of bus and barrier over the simulator, Modbus TCP and RTU: what the lane shows, that nothing
is lowered after them, that emergency raise works, that the lane comes back by itself."""
import concurrent.futures
import functools
import inspect

import pytest

from harness.signing import World
from harness.stack import Checkpoint, short_folder, wait_until

TCP, RTU, OPEN = 1, 2, 3  # lanes; OPEN: normally open, over TCP
BOTH = [TCP, RTU]
# A scan is two requests, the guard's answer three; the rest is what was under way before it.
SAME_SCAN = 8


def on_both_lanes(test):
    """At the same time: they share nothing but checkpointd, and wait for their booms most of it."""
    signature = inspect.signature(test)

    @functools.wraps(test)
    def on_both(**given):
        with concurrent.futures.ThreadPoolExecutor(len(BOTH)) as pool:
            for done in [pool.submit(test, lane=lane, **given) for lane in BOTH]:
                done.result()

    on_both.__signature__ = signature.replace(
        parameters=[one for name, one in signature.parameters.items() if name != "lane"])
    return on_both


class Site:
    def __init__(self, folder):
        self.box = Checkpoint(folder)
        World().write_roots(self.box.roots)

    def start(self):
        times = {"transit_max": "1s", "travel": "3s", "scan_lost": "500ms"}
        self.box.add_tcp_lane(TCP, **times)
        self.box.add_rtu_lane(RTU, **times)
        self.box.add_open_lane(OPEN, on_blind="alarm", on_no_list="alarm", **times)
        self.checkpointd = self.box.start_checkpointd()
        self.token = self.box.leader()
        for lane in BOTH:
            self.shows(lane, "closed")
        self.shows(OPEN, "open")

    def lane(self, lane):
        return self.box.lane(lane)

    def shows(self, lane, boom, timeout_s=15):
        wait_until(f"lane {lane} {boom}", lambda: self.lane(lane).get("boom") == boom, timeout_s)

    def alarms(self, lane):
        client = self.box.control()
        active = client.act("status")["result"]["alarms"]
        client.close()
        return {a["name"] for a in active if a.get("lane") == lane}

    def alarmed(self, lane, name):
        wait_until(f"{name} of lane {lane}", lambda: name in self.alarms(lane))

    def calm(self, lane, name):
        wait_until(f"end of {name}", lambda: name not in self.alarms(lane))

    def act(self, name, lane, **args):
        client = self.box.control()
        answer = client.act(name, self.token, lane=lane, **args)
        client.close()
        return answer

    def refused(self, lane, **args):
        return self.act("raise", lane, reason="test", **args)["error"]["code"]

    def raises(self, lane):
        return len(self.box.sims[lane].events("coil", coil="raise", on=True))

    def emergency(self, lane):
        """Emergency raise: the coil is energised, whatever else is the matter."""
        before = self.raises(lane)
        assert self.act("raise", lane, reason="ambulance", emergency=True)["ok"]
        wait_until("raise energised", lambda: self.raises(lane) > before)

    def close_by_hand(self, lane):
        """Somebody turns the key, lowers the boom at the barrier, turns it back, and looks."""
        sim = self.box.sims[lane]
        sim.do("input", input="local_control", active=True)
        self.alarmed(lane, "LANE_LOCAL_CONTROL")
        # A stop of ours that is still under way may meet the first try.
        wait_until("down", lambda: sim.do("boom", motion=-1) is not None
                   and sim.state()["position"] == 0.0)
        sim.do("input", input="local_control", active=None)
        self.shows(lane, "closed")
        assert self.act("ack", lane, reason="looked at")["ok"]

    def never_lowered(self):
        for lane, sim in self.box.sims.items():
            assert not sim.events("coil", coil="lower", on=True), lane
            assert not sim.events("violation"), lane


@pytest.fixture(scope="module")
def whole():
    with short_folder() as folder:
        site = Site(folder)
        try:
            site.start()
            yield site
        finally:
            site.box.stop()


@pytest.fixture
def site(whole):
    yield whole
    whole.never_lowered()


@pytest.mark.parametrize("kind", ["silence", "unit", "exception", "garbage", "crc", "short", "drop",
                                  "function"])
@on_both_lanes
def test_bus_fault_is_lost_contact_and_ends_by_itself(site, lane, kind):
    sim = site.box.sims[lane]
    sim.do("fault", kind=kind)
    site.alarmed(lane, "LANE_CONTACT_LOST")
    site.shows(lane, "unknown")
    assert not site.lane(lane)["contact"]
    assert site.refused(lane) == "no_contact"
    before = site.raises(lane)
    assert site.act("raise", lane, reason="ambulance", emergency=True)["ok"]  # goes on trying
    sim.do("fault", kind="none")
    wait_until("raise energised", lambda: site.raises(lane) > before)
    site.calm(lane, "LANE_CONTACT_LOST")
    site.shows(lane, "open")
    site.close_by_hand(lane)


@on_both_lanes
def test_one_lost_answer_is_survived(site, lane):
    sim = site.box.sims[lane]
    sim.do("fault", kind="silence", count=1)
    before = sim.events("fault", fault="silence")[-1]["requests"]
    wait_until("whole scans since", lambda: sim.state()["requests"] > before + 10)
    wait_until("contact again", lambda: site.lane(lane)["contact"]
               and site.lane(lane)["boom"] == "closed")
    sim.do("fault", kind="delay", value=5, count=5)
    sim.do("fault", kind="none")
    assert site.act("raise", lane, reason="test")["ok"]
    site.shows(lane, "open")
    site.close_by_hand(lane)


@on_both_lanes
def test_cut_line_reconnects_by_itself(site, lane):
    sim = site.box.sims[lane]
    cut, back = {TCP: ("refuse", "listen"), RTU: ("vanish", "return")}[lane]
    sim.do(cut)
    site.alarmed(lane, "LANE_CONTACT_LOST")
    site.shows(lane, "unknown")
    sim.do(back)
    site.calm(lane, "LANE_CONTACT_LOST")
    site.shows(lane, "closed")
    site.emergency(lane)
    site.shows(lane, "open")
    site.close_by_hand(lane)


@on_both_lanes
def test_power_loss_in_mid_travel_leaves_the_boom_where_it_is(site, lane):
    sim = site.box.sims[lane]
    assert site.act("raise", lane, reason="test")["ok"]
    wait_until("half way", lambda: 0.1 < sim.state()["position"] < 1.0)
    sim.do("power", on=False)
    site.alarmed(lane, "LANE_CONTACT_LOST")
    site.shows(lane, "unknown")
    stood = sim.state()["position"]
    sim.do("power", on=True)
    site.calm(lane, "LANE_CONTACT_LOST")
    wait_until("contact", lambda: site.lane(lane)["contact"])
    assert sim.state()["position"] == stood
    if stood < 1.0:  # else the loss came as the boom arrived
        assert site.lane(lane)["boom"] in ("unknown", "stopped")
    site.emergency(lane)
    site.shows(lane, "open")
    site.close_by_hand(lane)


@on_both_lanes
def test_contradicting_limits_are_a_fault_only_emergency_moves(site, lane):
    sim = site.box.sims[lane]
    sim.do("input", input="limit_open", active=True)
    site.alarmed(lane, "LANE_BARRIER_FAULT")
    site.shows(lane, "fault")
    assert site.refused(lane) == "fault"
    site.emergency(lane)
    wait_until("up", lambda: sim.state()["position"] == 1.0)  # before it the stuck limit lets go
    sim.do("input", input="limit_open", active=None)
    site.calm(lane, "LANE_BARRIER_FAULT")
    site.shows(lane, "open")
    site.close_by_hand(lane)


@on_both_lanes
def test_fault_contact_lets_only_emergency_raise_through(site, lane):
    sim = site.box.sims[lane]
    sim.do("input", input="fault", active=True)
    site.alarmed(lane, "LANE_BARRIER_FAULT")
    assert site.refused(lane) == "fault"
    site.emergency(lane)
    sim.do("input", input="fault", active=None)
    site.calm(lane, "LANE_BARRIER_FAULT")
    site.shows(lane, "open")
    site.close_by_hand(lane)


@on_both_lanes
def test_stuck_limit_is_an_unconfirmed_motion(site, lane):
    sim = site.box.sims[lane]
    sim.do("input", input="limit_open", active=False)
    assert site.act("raise", lane, reason="test")["ok"]
    site.alarmed(lane, "LANE_UNCONFIRMED")
    site.shows(lane, "unknown")
    sim.do("input", input="limit_open", active=None)
    site.shows(lane, "open")
    site.emergency(lane)
    site.close_by_hand(lane)
    site.calm(lane, "LANE_UNCONFIRMED")


@on_both_lanes
def test_broken_boom_is_run_through(site, lane):
    sim = site.box.sims[lane]
    sim.do("boom_off", off=True)
    site.alarmed(lane, "LANE_RUN_THROUGH")
    site.shows(lane, "broken")
    assert site.lane(lane)["lights"] == ["red"]
    assert site.refused(lane) == "no_boom"
    site.emergency(lane)
    sim.do("boom_off", off=False)
    site.shows(lane, "open")
    assert "LANE_RUN_THROUGH" in site.alarms(lane)  # until somebody has looked
    site.close_by_hand(lane)
    site.calm(lane, "LANE_RUN_THROUGH")


@pytest.mark.parametrize("control,alarm", [("local_control", "LANE_LOCAL_CONTROL"),
                                           ("emergency_stop", "LANE_EMERGENCY_STOP")])
@on_both_lanes
def test_hands_off_means_no_motion_at_all(site, lane, control, alarm):
    sim = site.box.sims[lane]
    sim.do("input", input=control, active=True)
    site.alarmed(lane, alarm)
    site.shows(lane, control)
    before = site.raises(lane)
    assert site.refused(lane) == control
    assert site.refused(lane, emergency=True) == control
    sim.do("input", input=control, active=None)
    site.calm(lane, alarm)
    site.shows(lane, "closed")
    assert site.raises(lane) == before
    site.emergency(lane)
    site.shows(lane, "open")
    site.close_by_hand(lane)


@on_both_lanes
def test_emergency_stop_in_mid_travel_stops(site, lane):
    sim = site.box.sims[lane]
    assert site.act("raise", lane, reason="test")["ok"]
    wait_until("moving", lambda: sim.state()["motion"] == 1)
    sim.do("input", input="emergency_stop", active=True)
    wait_until("stopped", lambda: sim.state()["motion"] == 0)
    site.alarmed(lane, "LANE_EMERGENCY_STOP")
    sim.do("input", input="emergency_stop", active=None)
    site.calm(lane, "LANE_EMERGENCY_STOP")
    site.emergency(lane)
    site.shows(lane, "open")
    site.close_by_hand(lane)


@on_both_lanes
def test_emergency_stop_is_reset_on_purpose(site, lane):
    sim = site.box.sims[lane]
    sim.do("input", input="emergency_stop", active=True)
    site.alarmed(lane, "LANE_STOP_NOT_RESET")
    assert site.act("ack", lane, reason="too early")["ok"]
    sim.do("input", input="emergency_stop", active=None)
    site.calm(lane, "LANE_EMERGENCY_STOP")
    assert site.lane(lane)["stop_not_reset"] and "LANE_STOP_NOT_RESET" in site.alarms(lane)
    before = site.raises(lane)
    assert site.refused(lane) == "not_reset"
    assert site.act("ack", lane)["error"]["code"] == "not_named"  # a reset has its reason on record
    assert site.act("ack", lane, reason="place is safe")["ok"]
    site.calm(lane, "LANE_STOP_NOT_RESET")
    assert site.raises(lane) == before
    assert "stop_not_reset" not in site.lane(lane)
    assert site.act("raise", lane, reason="test")["ok"]
    site.shows(lane, "open")
    site.close_by_hand(lane)


def after(site, lane, event, kind, **fields):
    return site.box.sims[lane].wait_event(kind, after_ns=event["mono_ns"] - 1, **fields)


@on_both_lanes
def test_foreign_motion_is_stopped_on_the_scan_that_shows_it(site, lane):
    sim = site.box.sims[lane]
    begin = sim.do("state") and sim.events()[-1]
    sim.do("boom", motion=1)
    left = sim.wait_event("input", after_ns=begin["mono_ns"], input="limit_closed", active=False)
    stop = after(site, lane, left, "coil", coil="stop", on=True)
    assert stop["requests"] - left["requests"] <= SAME_SCAN
    site.alarmed(lane, "LANE_FOREIGN_MOTION")
    assert sim.state()["motion"] == 0
    site.emergency(lane)
    site.shows(lane, "open")
    site.close_by_hand(lane)
    site.calm(lane, "LANE_FOREIGN_MOTION")


@on_both_lanes
def test_foreign_coil_is_switched_off_and_stopped(site, lane):
    sim = site.box.sims[lane]
    sim.do("coil", coil="raise", on=True)
    on = sim.events("coil", coil="raise", on=True, by="foreign")[-1]
    off = after(site, lane, on, "coil", coil="raise", on=False, by="write")
    stop = after(site, lane, on, "coil", coil="stop", on=True)
    assert stop["requests"] - on["requests"] <= SAME_SCAN
    assert off["requests"] - on["requests"] <= SAME_SCAN + 3  # the stop first, a scan between two
    site.alarmed(lane, "LANE_FOREIGN_MOTION")
    site.close_by_hand(lane)


@on_both_lanes
def test_held_vehicle_that_breaks_through_is_run_through(site, lane):
    sim = site.box.sims[lane]
    before = site.raises(lane)
    assert site.act("hold", lane, reason="driver fled")["ok"]
    hold = wait_until("hold", lambda: site.lane(lane)["holds"])[0]["hold"]
    assert site.refused(lane) == "held"  # normally closed: held by not raising
    sim.do("vehicle", plate="鲁H00001", speed=15, runs=True)
    site.alarmed(lane, "LANE_RUN_THROUGH")
    assert site.lane(lane)["holds"][0]["hold"] == hold  # only an officer ends it
    assert site.raises(lane) == before
    wait_until("gone", lambda: not sim.state()["vehicles"])
    sim.do("boom_off", off=False)
    assert site.act("release", lane, hold=hold, reason="reported by radio")["ok"]
    site.close_by_hand(lane)


def test_normally_open_lane_holds_by_red_light_and_names_who_passes_it(site):
    sim = site.box.sims[OPEN]
    wait_until("order known", lambda: site.lane(OPEN)["order_known"] or
               "LANE_CONFIRM_VEHICLE" not in site.alarms(OPEN))
    assert site.act("hold", OPEN, reason="driver fled")["ok"]
    hold = wait_until("hold", lambda: site.lane(OPEN)["holds"])[0]["hold"]
    wait_until("red", lambda: site.lane(OPEN)["lights"] == ["red"])
    wait_until("red lamp", lambda: sim.state()["coils"]["red"])
    assert not sim.events("boom") and not sim.events("coil", coil="raise")
    begin = sim.events()[-1]
    sim.do("vehicle", plate="鲁H00002", speed=15, runs=True)
    over = sim.wait_event("input", after_ns=begin["mono_ns"], input="exit_loop", active=True)
    site.alarmed(OPEN, "LANE_RUN_THROUGH")
    assert over and sim.state()["position"] == 1.0
    assert site.act("release", OPEN, hold=hold, reason="reported")["ok"]
    assert site.act("ack", OPEN)["ok"]
    wait_until("no hold", lambda: not site.lane(OPEN)["holds"])
    assert not sim.events("boom")


def test_normally_open_lane_without_contact_moves_nothing(site):
    sim = site.box.sims[OPEN]
    sim.do("fault", kind="silence")
    site.alarmed(OPEN, "LANE_CONTACT_LOST")
    site.shows(OPEN, "unknown")
    sim.do("fault", kind="none")
    site.calm(OPEN, "LANE_CONTACT_LOST")
    site.shows(OPEN, "open")
    assert not sim.events("boom")
    site.emergency(OPEN)  # open already: energised all the same
    site.shows(OPEN, "open")
