"""No room for the journal: protective acts go on out of the reserve, releasing ones are refused and
alarmed, emergency raise works, and with room again everything does."""
import os

import pytest

from harness.site import INNOCENT, SECOND, WANTED, Site
from harness.small_disk import SmallDisk
from harness.stack import short_folder, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")

DISK_BYTES = 6 << 20
RESERVE_BYTES = 1 << 20


@pytest.fixture
def site():
    with short_folder() as folder:
        site = Site(folder)
        disk = SmallDisk(site.box.state / "checkpointd", DISK_BYTES)
        site.disk = disk
        try:
            site.start(journal_reserve_bytes=RESERVE_BYTES)
            yield site
        finally:
            try:
                site.stop()
            finally:
                disk.unmount()


def routine(site):
    """Something to record that is no protective act."""
    site.read(12, INNOCENT)


def full(site):
    """The disk is full and checkpointd has noticed."""
    site.disk.fill()

    def noticed():
        routine(site)  # filled once: a second time would take what the reserve gives back
        return ("LANE_JOURNAL_DOWN", 2) in site.alarms()
    wait_until("journal down", noticed)
    assert not (site.journal / "reserve").exists()


def hold_at_boom(site):
    event = site.read(12, SECOND, plate_class="02")
    site.next("hit", lambda hit: hit["read"]["event_id"] == str(event))
    site.box.sims[2].do("vehicle", plate=SECOND)
    return wait_until("hold", lambda: site.box.lane(2)["holds"])[0]["hold"]


def test_holds_and_alerts_go_on_and_releases_are_refused(site):
    sim = site.box.sims[2]
    full(site)
    # The car read meanwhile is queued first, so that it cannot come in before the one that is to be held.
    wait_until("queued", lambda: site.box.lane(2)["vehicles"] or not site.box.lane(2)["order_known"])
    wait_until("order", lambda: site.box.lane(2)["order_known"] and not site.box.lane(2)["vehicles"], 40)
    moved = len(sim.events("coil", coil="raise", on=True))

    hold = hold_at_boom(site)  # protective: alert, hold, red
    wait_until("red", lambda: site.box.lane(2)["lights"] == ["red"])
    event = site.read(11, WANTED, plate_class="02")
    site.next("hit", lambda hit: hit["read"]["event_id"] == str(event)
              and hit["decision"]["siren"])
    site.box.sims[1].wait_event("coil", coil="siren", on=True)

    answer = site.act("release", hold=hold, reason="papers in order")  # releasing
    assert answer["error"]["code"] == "journal" and answer["error"]["zh"]
    site.wait_alarm(("LANE_COMMIT_REFUSED", 2))
    assert [h["hold"] for h in site.box.lane(2)["holds"]] == [hold]
    assert site.act("raise", lane=2, reason="let go")["ok"] is False
    assert len(sim.events("coil", coil="raise", on=True)) == moved
    on_record = {(r.kind, r.body.get("what")) for r in site.verify_journal()}
    assert ("decision", "hold_active") in on_record

    assert site.act("raise", lane=2, emergency=True, reason="ambulance")["ok"]
    wait_until("open", lambda: site.box.lane(2)["boom"] == "open")

    site.disk.free()
    site.wait_alarm(("LANE_JOURNAL_DOWN", 2), active=False)
    assert (site.journal / "reserve").stat().st_size == RESERVE_BYTES
    assert site.act("release", hold=hold, reason="papers in order")["ok"]
    wait_until("released", lambda: not site.box.lane(2)["holds"])
    records = site.verify_journal()
    assert any("not written" in r.body.get("detail", "") for r in records), "the gap is on record"
    assert not sim.events("violation")


def test_kill_on_a_full_disk_keeps_the_hold(site):
    wait_until("order", lambda: site.box.lane(2)["order_known"])
    hold = hold_at_boom(site)
    wait_until("on record", lambda: [r for r in site.verify_journal()
                                     if r.body.get("what") == "hold_active"])
    full(site)
    site.checkpointd.kill()
    site.verify_journal()
    site.checkpointd.start()  # with the disk still full
    wait_until("restored", lambda: site.box.lane(2).get("holds"))
    assert [h["hold"] for h in site.box.lane(2)["holds"]] == [hold]
    site.wait_alarm(("LANE_JOURNAL_DOWN", 2))
    site.disk.free()
    site.wait_alarm(("LANE_JOURNAL_DOWN", 2), active=False)
    site.verify_journal()
