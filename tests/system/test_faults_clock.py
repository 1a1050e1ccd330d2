"""A clock at 1970, 400 days behind or ahead: time is not trusted, nothing is dropped by validity
alone and nothing holds by hit, withdrawals still count, and no record ever carries a wrong time."""
import os
import time

import pytest

from harness.signing import entry, now_ms, time_text
from harness.site import WANTED, Site
from harness.stack import preload_clock, short_folder, wait_until

EXPIRED = "豫C11111"
HOUR_MS, DAY_S = 3600 * 1000, 24 * 3600

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="capture on lo needs root")
CLOCKS = {"1970": -int(time.time()) + 3600, "400 days behind": -400 * DAY_S,
          "400 days ahead": 400 * DAY_S}


@pytest.fixture
def site():
    with short_folder() as folder:
        site = Site(folder)
        try:
            site.redis.start()
            yield site
        finally:
            site.stop()


def set_clock(daemon, offset_s):
    """The program's wall clock from its next start on; the monotonic one stays true."""
    preload_clock(daemon, WALL_CLOCK_OFFSET_S=offset_s)


def start_true(site):
    """With the true clock once, as every box begins: journal, last-good list, kept time."""
    site.start()
    site.cache.add(entry(90, EXPIRED, valid_until=time_text(now_ms() - HOUR_MS)))
    wait_until("list", lambda: status(site)["list"]["revision"] == site.world.revision)


def restart_with(site, offset_s):
    site.matchd.stop()
    site.checkpointd.stop()
    for daemon in (site.checkpointd, site.matchd):
        set_clock(daemon, offset_s)
        daemon.start()
    site.events.close()
    client = site.box.control()
    site.token = client.act("login", officer="wang", password="correct horse 1")["result"]["token"]
    client.close()
    site.events = site.box.events(site.token)
    wait_until("sees", lambda: not site.box.lane(1).get("blind", True) and status(site)["list"]
               and status(site)["list"]["revision"])
    wait_until("boom", lambda: site.box.lane(2).get("order_known"), 40)


def status(site):
    client = site.box.control()
    result = client.act("status")["result"]
    client.close()
    return result


def alerted(site, plate, camera=12, **fields):
    event = site.read(camera, plate, **fields)
    return site.next("hit", lambda hit: hit["read"]["event_id"] == str(event))


@pytest.mark.parametrize("clock", CLOCKS)
def test_untrusted_clock(site, clock):
    start_true(site)
    assert status(site)["clock"]["trusted"] is True
    site.read(12, EXPIRED)  # expired by a clock that is trusted: no hit
    alerted(site, WANTED, 11)
    assert not [r for r in site.verify_journal() if r.kind == "hit" and r.body["matched"] == EXPIRED]

    restart_with(site, CLOCKS[clock])
    assert status(site)["clock"]["trusted"] is False
    for plate in (WANTED, EXPIRED):
        hit = alerted(site, plate, plate_class="02")
        assert "时钟不可信" in hit["marks_zh"] and not hit["decision"].get("hold"), hit
        assert hit["clock"]["trusted"] is False
    site.box.sims[2].do("vehicle", plate=WANTED)
    wait_until("at the boom", lambda: site.box.lane(2)["at_boom"] == 1)
    assert site.act("check", plate=WANTED, reason="other")["ok"]  # the lane has decided by then
    assert not site.box.lane(2)["holds"]
    assert not site.box.sims[2].events("coil", coil="raise", on=True)

    site.cache.withdraw(1)  # withdrawals still count
    wait_until("withdrawn", lambda: not site.act("check", plate=WANTED, reason="other")["result"]["hits"])

    assert site.act("hold", lane=2, reason="by eye")["ok"]
    wait_until("held", lambda: site.box.lane(2)["holds"])
    site.checkpointd.stop()
    records = site.verify_journal()
    now, start = now_ms(), records[0].wall_ms
    assert all(start <= r.wall_ms <= now + 1000 for r in records), "no record of a wrong time"


def test_clock_put_right_is_trusted_again(site):
    start_true(site)
    restart_with(site, CLOCKS["400 days ahead"])
    assert status(site)["clock"]["trusted"] is False
    restart_with(site, 0)
    assert status(site)["clock"]["trusted"] is True
    assert alerted(site, WANTED, plate_class="02")["decision"]["hold"]
