"""A damaged journal is set aside at start, its open holds are not: they stand in their lanes, on record in the
new journal, alarmed; where one may be missing every lane asks for the vehicle to be confirmed."""
import json
import sqlite3

import pytest

from harness import journal
from harness.signing import World
from harness.stack import Checkpoint, short_folder, wait_until


class Site:
    def __init__(self, folder):
        self.box = Checkpoint(folder)
        World().write_roots(self.box.roots)
        self.box.add_tcp_lane(1, transit_max="1s")
        self.box.add_tcp_lane(2, transit_max="1s")
        self.daemon = self.box.start_checkpointd()
        self.token = self.box.leader()
        self.journal = self.box.state / "checkpointd" / "journal"

    def act(self, name, **args):
        client = self.box.control()
        answer = client.act(name, self.token, **args)
        client.close()
        return answer

    def hold(self, lane):
        before = self.holds(lane)
        assert self.act("hold", lane=lane, reason="driver fled")["ok"]
        hold = wait_until("hold", lambda: set(self.holds(lane)) - set(before)).pop()
        self.last(what="hold_active", hold=hold)
        return hold

    def release(self, hold):
        assert self.act("release", hold=hold, reason="papers in order")["ok"]
        self.last(what="hold_ended", hold=hold)

    def holds(self, lane):
        return [h["hold"] for h in self.box.lane(lane).get("holds", [])]

    def alarms(self, name):
        """Lanes with that alarm, and what it says."""
        client = self.box.control()
        rows = client.act("status", None)["result"]["alarms"]
        client.close()
        return {a["lane"]: a.get("detail", "") for a in rows if a["name"] == name}

    def last(self, **body):
        """Sequence of the last record that says so, once there is one."""
        return wait_until(f"record of {body}", lambda: [
            r.sequence for r in journal.verify(self.journal) if r.body and body.items() <= r.body.items()])[-1]

    def restart(self):
        self.daemon.start()
        wait_until("lanes up", lambda: all(self.box.lane(n).get("boom") == "closed" for n in (1, 2)))
        client = self.box.control()
        self.token = client.act("login", officer="wang", password="correct horse 1")["result"]["token"]
        client.close()

    def alter(self, sequence):
        store = sqlite3.connect(self.journal / "journal.sqlite")
        assert store.execute("UPDATE record SET body = CAST('{}' AS BLOB) WHERE sequence = ?",
                             (sequence,)).rowcount == 1
        store.commit()
        store.close()

    def set_aside(self):
        return {path.name for path in self.journal.glob("*damaged*")}


@pytest.fixture
def site():
    with short_folder() as folder:
        site = Site(folder)
        yield site
        site.box.stop()


def test_holds_of_the_sound_part_stay_and_outlive_the_next_kill(site):
    one = site.hold(1)
    other = site.hold(2)
    site.release(other)
    damaged = site.last(what="hold_ended", hold=other)
    released = site.last(what="hold_release", hold=other)
    later = site.hold(2)
    site.daemon.kill()
    site.alter(released)
    site.restart()
    aside = site.set_aside()
    assert {name.partition("-")[0] for name in aside} == {"journal.sqlite.damaged", "seal.key.damaged"}
    # What ended the one of lane 2 does not verify, nor does what began the later one: both hold.
    assert damaged > released and site.holds(1) == [one] and sorted(site.holds(2)) == [other, later]
    told = site.alarms("HOLDS_TAKEN_OVER")
    assert f"hold {one} of passage 0; others may be missing" in told[1], told
    assert f"hold {other} of passage 0; hold {later} of passage 0 not verified; " in told[2], told
    assert f"record {released}: " in told[1], told
    assert sorted(site.alarms("LANE_CONFIRM_VEHICLE")) == [1, 2]
    records = journal.verify(site.journal)
    kept = {}
    for r in records:  # the first says where it comes from; it is put on record anew as what stands
        if r.body and r.body.get("what") == "hold_kept":
            kept.setdefault(r.body["hold"], r.body["reason"])
    assert kept == {one: "open in the journal that was set aside", other: "open in the journal that was set aside",
                    later: "open in the journal that was set aside, in a part that does not verify"}
    assert not (site.journal / "open-holds.json").exists()
    # An officer has looked; the next start has them from the new journal alone.
    assert site.act("ack", lane=1)["ok"]
    wait_until("acknowledged", lambda: sorted(site.alarms("HOLDS_TAKEN_OVER")) == [2])
    assert sorted(site.alarms("LANE_CONFIRM_VEHICLE")) == [2]
    site.release(later)
    site.daemon.kill()
    site.restart()
    assert site.holds(1) == [one] and site.holds(2) == [other]
    assert not site.alarms("HOLDS_TAKEN_OVER")
    assert site.set_aside() == aside
    newer = site.hold(2)
    assert newer > max(one, other, later)  # no number is given twice, also over the two chains


def test_a_journal_whose_key_is_lost_is_read_whole(site):
    """Nothing can be missing: no lane without a hold is asked to confirm."""
    one = site.hold(1)
    site.release(site.hold(2))
    site.daemon.kill()
    (site.journal / "seal.key").unlink()
    (site.journal / "seal.key.next").unlink(missing_ok=True)
    site.restart()
    assert site.holds(1) == [one] and site.holds(2) == []
    told = site.alarms("HOLDS_TAKEN_OVER")
    assert list(told) == [1] and told[1].startswith(f"hold {one} of passage 0; ") and "missing" not in told[1], told
    assert not site.alarms("LANE_CONFIRM_VEHICLE")


def test_a_file_that_is_no_database_makes_every_lane_ask(site):
    site.hold(1)
    site.daemon.kill()
    for path in site.journal.glob("journal.sqlite*"):
        path.unlink()
    (site.journal / "journal.sqlite").write_bytes(b"this is no database" * 1000)
    site.restart()
    assert site.holds(1) == [] and site.holds(2) == []
    assert sorted(site.alarms("LANE_CONFIRM_VEHICLE")) == [1, 2]
    told = site.alarms("HOLDS_TAKEN_OVER")
    assert sorted(told) == [1, 2] and all(d.startswith("others may be missing; ") for d in told.values()), told


def test_what_a_power_cut_left_between_the_two_journals_is_taken_up(site):
    """The kept holds come before all that the journal says: one that ended there stays ended."""
    ended = site.hold(1)
    site.release(ended)
    site.daemon.kill()
    hold = {"active": True, "held": [], "passage": 9, "priority": 2, "verified": True}
    kept = site.journal / "open-holds.json"
    kept.write_text(json.dumps({"whole": True, "why": "record 3: altered", "highest": ended + 512, "holds": [
        {**hold, "lane": 1, "hold": ended}, {**hold, "lane": 2, "hold": ended + 256}]}))
    site.restart()
    assert site.holds(1) == [] and site.holds(2) == [ended + 256]
    assert site.alarms("HOLDS_TAKEN_OVER") == {2: f"hold {ended + 256} of passage 9; record 3: altered"}
    assert not kept.exists()
    assert site.last(what="hold_kept", hold=ended + 256)
    site.daemon.kill()
    kept.write_text("{")
    site.restart()
    assert site.holds(2) == [ended + 256] and sorted(site.alarms("LANE_CONFIRM_VEHICLE")) == [1, 2]
    assert not kept.exists()


def test_a_lane_out_of_service_or_with_its_stop_to_reset_stays_so_and_is_on_record_anew(site):
    assert site.act("service_out", lane=2, reason="new loop")["ok"]
    for active in (True, None):
        site.box.sims[1].do("input", input="emergency_stop", active=active)
        wait_until("emergency stop", lambda: (site.box.lane(1)["boom"] == "emergency_stop") == bool(active))
    out = site.last(what="out_of_service", lane=2)
    assert site.last(what="emergency_stop", lane=1)
    damaged = site.last(what="hold_active", hold=site.hold(1))
    site.daemon.kill()
    site.alter(damaged)
    site.restart()
    assert site.set_aside() and out < damaged
    for _ in range(2):  # the second time from the new journal alone
        wait_until("out of service", lambda: site.box.lane(2).get("out_of_service"))
        wait_until("to reset", lambda: site.box.lane(1).get("stop_not_reset"))
        assert not site.box.lane(1).get("out_of_service") and not site.box.lane(2).get("stop_not_reset")
        site.last(what="out_of_service", lane=2, reason="out of service in the journal that was set aside")
        site.last(what="emergency_stop", lane=1, reason="emergency stop not reset in the journal that was set aside")
        site.daemon.kill()
        site.restart()
    assert site.act("service_in", lane=2, reason="done")["ok"]


def test_a_second_chain_that_cannot_be_opened_is_set_aside_once_it_can(site):
    folder = site.box.state / "checkpointd"
    second, away, request = folder / "observe", folder / "away", folder / "set-aside.json"
    assert site.act("journal_set_aside", reason="disk image put back")["ok"]
    site.daemon.stop()
    second.rename(away)
    second.write_text("in the way")
    site.restart()
    first = site.set_aside()
    assert first and request.exists()  # it names the second chain, which is still to be set aside
    site.daemon.stop()
    second.unlink()
    away.rename(second)
    site.restart()
    assert list(second.glob("journal.sqlite.damaged-*")) and not request.exists()
    assert site.set_aside() == first
