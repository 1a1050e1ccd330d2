"""checkpointd with simulated lanes: start, acts, holds over a kill, records, the end."""
import json
import os
import pathlib
import signal

import pytest

from harness import journal
from harness.process import SLOWNESS, Program, ProgramError, run_program
from harness.signing import World
from harness.stack import ROOT, Checkpoint, LineClient, program, short_folder, wait_until


@pytest.fixture
def box():
    with short_folder() as folder:
        yield from a_box(folder)


def a_box(folder):
    box = Checkpoint(folder)
    World().write_roots(box.roots)
    yield box
    box.stop()


def two_lanes(box):
    box.add_closing_lane(1, transit_max="1s")
    box.add_rtu_lane(2, mode="normally_open", sim=["--start-open"], transit_max="1s")
    return box.start_checkpointd()


def act(box, token, name, **args):
    client = box.control()
    answer = client.act(name, token, **args)
    client.close()
    return answer


def alarms(box):
    return {a["name"] for a in act(box, None, "status")["result"]["alarms"]}


def hold_of(box, lane):
    holds = box.lane(lane)["holds"]
    return holds[0]["hold"] if holds else None


def hold_on_record(box, token, lane):
    """A hold acts before it is committed: what must outlive a kill is waited for in the journal."""
    assert act(box, token, "hold", lane=lane, reason="driver fled")["ok"]
    hold = wait_until("hold", lambda: hold_of(box, lane))
    folder = box.state / "checkpointd" / "journal"
    wait_until("on record", lambda: [r for r in journal.verify(folder) if r.body.get("hold") == hold
                                     and r.body.get("what") == "hold_active"])
    return hold


def test_lanes_come_up_and_show_their_booms(box):
    two_lanes(box)
    wait_until("boom 1 closed", lambda: box.lane(1).get("boom") == "closed")
    wait_until("boom 2 open", lambda: box.lane(2).get("boom") == "open")
    assert box.lane(1)["blind"] and box.lane(1)["lights"] == ["red"]
    wait_until("alarms", lambda: {"LANE_BLIND", "LANE_LIST_UNUSABLE"} <= alarms(box))


def threads(daemon):
    """Scheduler and priority of its threads by their names."""
    return {(task / "comm").read_text().strip(): (os.sched_getscheduler(int(task.name)),
                                                  os.sched_getparam(int(task.name)).sched_priority)
            for task in pathlib.Path(f"/proc/{daemon.process.pid}/task").iterdir()}


@pytest.mark.skipif(os.geteuid() != 0, reason="real-time priority needs root here")
def test_buses_and_lanes_run_at_their_real_time_priority(box):
    shown = threads(two_lanes(box))
    assert shown["bus-1"] == shown["bus-2"] == (os.SCHED_FIFO, 40)
    assert shown["lane"] == (os.SCHED_FIFO, 35) and shown["journal"] == (os.SCHED_FIFO, 30)
    assert shown["control"][0] == os.SCHED_OTHER
    wait_until("other alarms", lambda: "LANE_BLIND" in alarms(box))
    assert "NOT_REALTIME" not in alarms(box)


@pytest.mark.skipif(os.geteuid() != 0, reason="dropping a capability needs root")
def test_a_refused_real_time_priority_is_told(box):
    box.add_tcp_lane(1)
    (box.state / "checkpointd").mkdir()
    without = ["setpriv", "--bounding-set=-sys_nice", program("checkpointd"), "--config", box.write_checkpointd()]
    daemon = box.programs.start(Program("checkpointd", without, box.folder))
    assert threads(daemon)["bus-1"][0] == os.SCHED_OTHER
    alarm = wait_until("told", lambda: [a for a in act(box, None, "status")["result"]["alarms"]
                                        if a["name"] == "NOT_REALTIME"])[0]
    assert alarm["detail"] == "bus-1, lane" and "LimitRTPRIO" in alarm["what_to_do"]


def test_acts_need_an_officer(box):
    two_lanes(box)
    answer = act(box, None, "raise", lane=1, reason="test")
    assert answer["error"]["code"] == "denied" and answer["error"]["zh"]
    assert act(box, None, "hits")["error"]["code"] == "denied"


def test_officer_raises_the_boom(box):
    two_lanes(box)
    token = box.leader()
    wait_until("boom closed", lambda: box.lane(1).get("boom") == "closed")
    assert act(box, token, "raise", lane=1, reason="ambulance")["ok"]
    wait_until("boom open", lambda: box.lane(1)["boom"] == "open")
    assert box.sims[1].events("coil", coil="raise", on=True)
    assert not box.sims[1].events("violation")
    assert act(box, token, "raise", lane=9, reason="x")["error"]["code"] == "not_found"


def test_hold_outlives_a_kill_and_ends_by_release(box):
    daemon = two_lanes(box)
    token = box.leader()
    hold = hold_on_record(box, token, 1)
    assert act(box, token, "raise", lane=1, reason="x")["error"]["code"] == "held"
    daemon.kill()
    daemon.start()
    wait_until("hold restored", lambda: box.lane(1).get("holds") and hold_of(box, 1) == hold)
    client = box.control()
    token = client.act("login", officer="wang", password="correct horse 1")["result"]["token"]
    client.close()
    assert act(box, token, "release", hold=hold)["error"]["code"] == "invalid"  # no reason
    assert act(box, token, "release", hold=hold, reason="checked, not him")["ok"]
    folder = box.state / "checkpointd" / "journal"
    wait_until("its end on record", lambda: any(
        r.body and r.body.get("what") == "hold_ended" for r in journal.verify(folder)))
    daemon.kill()
    daemon.start()
    wait_until("lane up", lambda: box.lane(1).get("boom") == "closed")
    assert hold_of(box, 1) is None


def alarms_of(box, name):
    client = box.control()
    status = client.act("status", None)["result"]
    client.close()
    return {alarm["lane"]: alarm["detail"] for alarm in status["alarms"] if alarm["name"] == name}


def test_a_release_whose_end_is_not_on_record_still_holds_and_says_so(box):
    """The program ended between the two. The officer may have been refused, or a hit have joined."""
    daemon = two_lanes(box)
    hold = hold_on_record(box, box.leader(), 1)
    daemon.kill()
    folder = box.state / "checkpointd" / "journal"
    journal.append(folder, journal.KINDS.index("act"), {"what": "hold_release", "lane": 1, "hold": hold, "priority": 3})
    daemon.start()
    wait_until("still held", lambda: hold_of(box, 1) == hold)
    told = wait_until("told", lambda: alarms_of(box, "HOLD_STILL_HELD"))
    assert list(told) == [1] and f"hold {hold} of passage" in told[1]
    client = box.control()
    token = client.act("login", officer="wang", password="correct horse 1")["result"]["token"]
    client.close()
    assert act(box, token, "ack", lane=1)["ok"]
    wait_until("acknowledged", lambda: not alarms_of(box, "HOLD_STILL_HELD"))
    assert act(box, token, "release", hold=hold, reason="checked, not him")["ok"]
    wait_until("released", lambda: hold_of(box, 1) is None)


def test_a_withdrawal_whose_end_is_not_on_record_is_taken_up_again(box):
    """What joined the hold before that stays: nobody has withdrawn it."""
    daemon = two_lanes(box)
    hold_on_record(box, box.leader(), 1)
    daemon.kill()
    folder = box.state / "checkpointd" / "journal"
    held = [{"hit": 900 + n, "entry": 90 + n, "priority": 2} for n in (1, 2)]
    for lane, joined in ((1, held[:1]), (2, held)):
        of = {"lane": lane, "hold": (5 << 30) + lane, "passage": 70 + lane, "priority": 2}
        journal.append(folder, journal.KINDS.index("decision"), {"what": "hold_active", **of, "held": held[:1]})
        journal.append(folder, journal.KINDS.index("decision"), {"what": "hold_withdraw", **of, "held": held[:1]})
        if joined == held:
            journal.append(folder, journal.KINDS.index("decision"), {"what": "hold_joined", **of, "held": held})
    daemon.start()
    wait_until("the one ended", lambda: any(
        r.body and r.body.get("what") == "hold_ended" and r.body.get("hold") == (5 << 30) + 1 for r in journal.verify(folder)))
    rows = wait_until("the other held", lambda: box.lane(2).get("holds"))
    assert [(row["hold"], row["of_hits"]) for row in rows] == [((5 << 30) + 2, [901, 902])]


def test_an_officers_hold_that_a_hit_has_joined_stays_an_officers(box):
    """A withdrawal of what joined it ends it no more after a start than before."""
    daemon = two_lanes(box)
    hold = hold_on_record(box, box.leader(), 1)
    daemon.kill()
    folder = box.state / "checkpointd" / "journal"
    of = {"lane": 1, "hold": hold, "priority": 2, "held": [{"hit": 901, "entry": 91, "priority": 2}]}
    journal.append(folder, journal.KINDS.index("decision"), {"what": "hold_joined", **of})
    journal.append(folder, journal.KINDS.index("decision"), {"what": "hold_withdraw", **of})
    for _ in range(2):  # then from what it says itself
        known = journal.verify(folder)[-1].sequence
        daemon.start()
        kept = wait_until("on record anew", lambda: [
            r.body for r in journal.verify(folder) if r.sequence > known and r.body and r.body.get("what") == "hold_kept"])[0]
        assert (kept["hold"], kept["by_officer"], kept["held"]) == (hold, True, of["held"])
        row, = box.lane(1)["holds"]
        assert (row["hold"], row["by_officer"], row["of_hits"]) == (hold, True, [901])
        daemon.kill()


def test_a_journal_of_a_newer_build_goes_on_with_its_holds(box):
    """Kinds of records not known here are carried and forwarded; what they say of holds in words known here
    makes holds, but ends none."""
    daemon = two_lanes(box)
    hold = hold_on_record(box, box.leader(), 1)
    daemon.kill()
    folder = box.state / "checkpointd" / "journal"
    chain = [r.sequence for r in journal.verify(folder)]
    journal.append(folder, 200, {"what": "hold_ended", "lane": 1, "hold": hold})
    journal.append(folder, 201, {"what": "hold_active", "lane": 2, "hold": hold + 256, "passage": 7, "priority": 2})
    daemon.start()
    wait_until("holds restored", lambda: hold_of(box, 1) == hold and hold_of(box, 2) == hold + 256)
    assert not list(folder.glob("*damaged*"))
    records = journal.verify(folder)
    assert [r.sequence for r in records[:len(chain)]] == chain
    assert [r.kind for r in records[len(chain):len(chain) + 2]] == ["kind_200", "kind_201"]
    client = LineClient(box.run / "records")
    client.receive()
    client.send(do="credit", n=len(chain) + 2)
    types = [client.receive()["record"]["type"] for _ in range(len(chain) + 2)]
    client.close()
    assert types[-2:] == ["checkpoint.kind_200", "checkpoint.kind_201"]


def test_records_come_in_sequence_for_credit(box):
    two_lanes(box)
    token = box.leader()
    client = LineClient(box.run / "records")
    status = client.receive()["status"]
    assert status["checkpoint"] == "lu-hz-01" and status["confirmed"] == 0
    client.send(do="credit", n=3)
    ids = [client.receive()["record"]["id"] for _ in range(3)]
    assert [int(i.split(":")[1]) for i in ids] == [1, 2, 3]
    client.send(do="credit", n=1000)
    act(box, token, "hold", lane=1, reason="now")
    urgent = None
    while urgent is None:
        urgent = client.receive().get("urgent")
    assert urgent["type"] == "checkpoint.decision"
    client.send(do="receipt", receipt={"nonsense": 1})
    answer = client.receive()
    while "error" not in answer:
        answer = client.receive()
    assert answer["error"].get("zh"), answer
    client.close()


def test_credit_counts_the_bytes_of_events_and_nothing_else(box):
    two_lanes(box)
    client = LineClient(box.run / "records")
    client.receive()

    def next_in_turn():
        answer = client.receive()
        return next_in_turn() if "urgent" in answer else answer

    client.send(do="credit", n=100, bytes=1)
    for expected in (1, 2, 3):
        event = next_in_turn()["record"]
        assert event["id"].endswith(f":{expected}")
        size = len(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode())
        client.send(do="credit", n=1, bytes=size - 1)  # used up, not one byte more
        client.send(do="list", revision=1, hash="none")
        assert next_in_turn() == {"ok": True}
        client.send(do="credit", n=1, bytes=1)
    client.close()


def test_sigterm_ends_within_two_seconds_and_leaves_red_on(box):
    daemon = two_lanes(box)
    wait_until("red", lambda: box.lane(1).get("lights") == ["red"])
    status, seconds = daemon.stop()
    assert status == 0 and seconds < 2.0 * SLOWNESS
    assert box.sims[1].state()["coils"]["red"]
    assert not box.sims[1].events("coil", coil="lower")


def test_bad_configuration_names_file_line_and_key(box):
    box.add_tcp_lane(1, transit_max="1ms")
    with pytest.raises(ProgramError) as error:
        box.start_checkpointd()
    text = str(error.value)
    assert "checkpointd.yaml:" in text and "transit_max_ms" in text and "78" in text


@pytest.mark.parametrize("change,words", [
    ({"mode": "check_point"}, None),
    ({"auto_close": "timer", "read_missing": "5s"}, None),
    ({"mode": "check-point"}, "mode = 'check-point'"),
    ({"read_missing": "1ms"}, "read_missing_ms = '1'"),
    ({"raise_maintained": True}, "raise_maintained = 'true': not allowed here, expected auto_close 'loop' or 'timer'"),
    ({"raise_maintained": True, "auto_close": "timer"}, "raise_maintained = 'true': not allowed here, expected no output 'lower'")])
def test_mode_and_equipment_of_a_lane(box, change, words):
    box.add_tcp_lane(1, **change)
    result = run_program([program("checkpointd"), "--config", box.write_checkpointd(), "--check"], text=True)
    assert (result.returncode == 0) == (words is None), result
    assert words is None or words in result.stderr, result


def test_a_camera_looks_at_one_lane(box):
    box.add_tcp_lane(1, cameras=[{"id": 11, "role": "front"}])
    box.add_tcp_lane(2, cameras=[{"id": 12, "role": "front"}, {"id": 11, "role": "rear"}])
    with pytest.raises(ProgramError) as error:
        box.start_checkpointd()
    assert ("lanes[1].cameras[1].id = '11': a camera of lane 1, expected one that looks at this lane"
            in str(error.value)), error.value
    box.lanes[1]["cameras"] = [{"id": 12, "role": "side"}]
    with pytest.raises(ProgramError) as error:
        box.start_checkpointd()
    assert "lanes[1].cameras[0].role = 'side'" in str(error.value)


def test_reload_keeps_the_old_rules_when_the_new_are_bad(box, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text((ROOT / "rules" / "default" / "default.yaml").read_text())
    box.add_tcp_lane(1)
    daemon = box.start_checkpointd(rules=str(rules))
    token = box.leader()
    assert act(box, token, "reload")["ok"]
    rules.write_text("rules: [ {nonsense: 1} ]\n")
    answer = act(box, token, "reload")
    assert "rules.yaml:1" in answer["error"]["en"]
    daemon.process.send_signal(signal.SIGHUP)
    wait_until("refused in the log", lambda: daemon.tail(200).count("CONFIG_REFUSED") >= 2)
    assert daemon.running
