"""A disk that does not come back: the journal's thread stands still in the middle of its work. Nothing
is released, the lanes and the emergency raise go on, and nobody else stands still with it."""
import time

import pytest

from harness.process import frozen_thread
from harness.site import WANTED, running_site
from harness.stack import wait_until

MAY_BE_SILENT_S = 5  # a thread that says nothing for longer ends the program


@pytest.fixture
def site():
    with running_site() as site:
        yield site


def test_a_disk_that_hangs_holds_up_nobody_but_the_journal(site):
    event = site.read(11, WANTED, plate_class="02")
    hit = site.next("hit", lambda hit: hit["read"]["event_id"] == str(event))["hit"]
    wait_until("closed", lambda: site.box.lane(2)["boom"] == "closed")
    asked = {"hit_answer": {"hit": hit, "answer": "confirm", "reason": "seen by eye"},
             "guided_test": {"lane": 2, "reason": "travel times only", "up_ms": 1500}}
    waiting = {name: site.box.control() for name in asked}
    begin = time.monotonic()
    with frozen_thread(site.checkpointd.process.pid, "journal"):
        for name, client in waiting.items():  # each waits for its record
            client.send(id=1, do=name, token=site.token, args=asked[name])
        answer = site.act("raise", lane=2, emergency=True, reason="ambulance")
        assert answer["ok"], answer
        wait_until("open", lambda: site.box.lane(2)["boom"] == "open")
        site.wait_alarm(("LANE_JOURNAL_DOWN", 2))
        assert site.act("raise", lane=1, reason="let go")["error"]["code"] == "journal"  # it has a hit
        wait_until("longer than a thread may be silent",
                   lambda: time.monotonic() - begin > MAY_BE_SILENT_S + 1)
        assert site.act("stop", lane=2, reason="all through")["ok"]
    for name, client in waiting.items():
        assert client.receive()["ok"], name
        client.close()
    site.wait_alarm(("LANE_JOURNAL_DOWN", 2), active=False)
    bodies = [r.body for r in site.verify_journal() if r.body]
    assert [b for b in bodies if b.get("act_kind") == "emergency_raise"], "the raise is on record"
    assert [b for b in bodies if b.get("what") == "barrier_test"]
