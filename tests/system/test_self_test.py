"""The daily self-test through real programs, its interval cut to seconds: capture end, index, rules, journal, link,
headquarters, receipt. No lane hears of it; a camera that sends its plate is none; each break of its way is alarmed."""
import os
import re

import pytest

from harness import journal
from harness.signing import entry
from harness.stack import wait_until
from harness.uplink_site import BOX, KEY, WANTED, Site, a_site

PLATE = "试试00000"
ENTRY = 5


def self_test_entry(**fields):
    return entry(ENTRY, PLATE, **{"category": "self_test", "priority": 3, "reason": "每日自检", **fields})


class SelfTestSite(Site):
    def start(self, grace="1h", within="30h"):
        """Each second a self-test; `within`: how old one may be at headquarters."""
        self.hq.self_test_within = within
        self.hq.write_config()
        self.restart_hq()
        self.box.add_open_lane(1, transit_max="1s")
        self.box.add_camera(11, 1, key=KEY)
        self.daemon = self.box.start_checkpointd(self_test_interval="1s", self_test_grace=grace)
        self.token = self.box.leader()
        self.uplinkd()
        self.matchd()
        wait_until("seen at headquarters", lambda: self.row()["last_seen"])

    def records(self, kind=None):
        return [record for record in journal.verify(self.box.state / "checkpointd" / "journal")
                if kind is None or record.kind == kind]

    def tests(self):
        return [record.body for record in self.records("device") if record.body.get("what") == "self_test"]

    def row(self):
        return next(row for row in self.hq.operator().get("/v1/operator/checkpoints").json["checkpoints"]
                    if row["id"] == BOX)

    def alarms(self):
        return {alarm["name"] for alarm in self.status()["alarms"]}

    def metric(self, name):
        text = self.hq.operator().get("/v1/operator/metrics").body.decode()
        return int(re.search(rf"^{name}(?:{{[^}}]*}})? (\d+)$", text, re.M).group(1))

    def hq_told(self, name):
        return self.hq.hqd.log_path.read_text(encoding="utf-8", errors="replace").count(f" {name}: ")


@pytest.fixture
def site():
    yield from a_site(SelfTestSite)


def test_it_goes_the_whole_way_and_no_lane_hears_of_it(site):
    site.start()
    assert site.status()["self_test"] is None and site.row()["self_test"] is None
    site.publish(entry(1, WANTED), self_test_entry())
    first = wait_until("a self-test at headquarters", lambda: site.row()["self_test"], 30)
    wait_until("another one", lambda: site.row()["self_test"] > first, 30)
    body = site.tests()[-1]
    assert body["entry"]["id"] == ENTRY and body["entry"]["category"] == "self_test" and body["match"] == "exact"
    assert body["plate"] == PLATE and body["decision"]["rule"] and body["list"]["revision"] == 1
    assert site.status()["self_test"]["entry"]["id"] == ENTRY
    # a camera that sends its plate sends a plate: a passage, no hit, no self-test of its own
    before = {test["number"] for test in site.tests()}
    site.camera.send(PLATE, 71, plate_class="02")
    site.camera.send(WANTED, 72, plate_class="02")
    wait_until("the hit behind it", lambda: [r for r in site.records("hit")
                                             if r.body["read"]["event_id"] == "72"], 30)
    assert [r.body["read"]["event_id"] for r in site.records("hit")] == ["72"]
    passage = next(r.body for r in site.records("passage") if r.body.get("read", {}).get("event_id") == "71")
    assert "entry" not in passage
    numbers = [test["number"] for test in site.tests()]
    assert len(numbers) == len(set(numbers)) and all(n > max(before) for n in numbers if n not in before)
    # nothing of it is a hit, an order, or counted
    wait_until("both reads counted", lambda: site.status()["counters"]["reads"] == 2)
    assert site.status()["counters"]["hits"] == 1
    assert not site.alarms() & {"SELF_TEST_FAILED", "SELF_TEST_UNCONFIRMED"}
    assert {hit["entry"]["id"] for hit in site.act("hits")["hits"]} == {1}
    site.sync()
    assert {hit["record"]["entry"]["id"] for hit in site.hq_hits()} == {1}
    assert site.metric("hq_self_tests_absent") == 0 and site.metric("hq_checkpoint_self_test_seconds") < 60
    assert not site.row()["self_test_absent"] and not site.hq_told("HQ_SELF_TEST_ABSENT")


def test_one_that_does_not_come_is_alarmed_at_both_ends(site):
    site.start(grace="1s", within="2s")
    site.publish(self_test_entry())
    wait_until("a self-test at headquarters", lambda: site.row()["self_test"], 30)
    site.link.stop()
    wait_until("the box misses its receipt", lambda: "SELF_TEST_UNCONFIRMED" in site.alarms(), 60)
    wait_until("headquarters misses it", lambda: site.row()["self_test_absent"], 60)
    assert site.metric("hq_self_tests_absent") == 1 and site.hq_told("HQ_SELF_TEST_ABSENT")
    site.uplinkd()
    wait_until("it is back", lambda: not site.row()["self_test_absent"], 60)
    wait_until("the box's alarm ends", lambda: "SELF_TEST_UNCONFIRMED" not in site.alarms(), 30)
    assert site.hq_told("HQ_SELF_TEST_BACK")


@pytest.mark.skipif(not os.environ.get("CHECKPOINT_FULL"), reason="of the full tier (CHECKPOINT_FULL=1)")
def test_an_entry_that_has_ended_fails_it_and_its_withdrawal_ends_it(site):
    site.start(grace="1s", within="2s")
    site.publish(self_test_entry(valid_until="2026-01-02T00:00:00.000Z", valid_from="2026-01-01T00:00:00.000Z"))
    wait_until("the box fails it", lambda: "SELF_TEST_FAILED" in site.alarms(), 30)
    assert not site.tests()
    wait_until("headquarters misses it", lambda: site.row()["self_test_absent"], 60)
    site.publish(withdrawn=[ENTRY])
    wait_until("the box asks for none", lambda: "SELF_TEST_FAILED" not in site.alarms(), 30)
    wait_until("headquarters misses none", lambda: not site.row()["self_test_absent"], 30)
