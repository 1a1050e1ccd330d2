"""checkpointd deletes a passage past its term: neither plate nor salt is left in its files, the chain verifies.
What stands longer than its record's term (a hold, out of service, an emergency stop to reset) stands on."""
import os
import sqlite3

import pytest

from harness.ctl import Ctl
from harness.site import INNOCENT, running_site
from harness.stack import wait_until

DAY_MS = 24 * 3600 * 1000

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="capture on lo needs root")


@pytest.fixture
def site():
    with running_site() as site:
        yield site


def test_an_old_passage_loses_its_body_and_a_young_one_does_not(site):
    journal = site.box.state / "checkpointd" / "journal"
    path = journal / "journal.sqlite"

    def passages(query="SELECT sequence, salt, body FROM record WHERE kind = 3 ORDER BY sequence"):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    def in_files(data):
        return any(data in file.read_bytes() for file in journal.glob("journal.sqlite*"))

    site.read(11, INNOCENT)
    sequence, salt, body = wait_until("the passage on record", lambda: [
        row for row in passages() if INNOCENT.encode() in row[2]])[0]
    assert in_files(INNOCENT.encode()) and in_files(salt)
    site.checkpointd.stop()
    db = sqlite3.connect(path)
    db.execute("UPDATE record SET wall = wall - ? WHERE kind = 3", (31 * DAY_MS,))
    db.commit()
    db.close()
    site.checkpointd.start()
    wait_until("its body is gone", lambda: not in_files(INNOCENT.encode()), 30)
    assert not in_files(salt)
    assert dict((row[0], row[1:]) for row in passages())[sequence] == (None, None)
    wait_until("sees again", lambda: site.is_ready(1))
    site.read(11, "鲁H54322")
    wait_until("the next passage", lambda: any(row[2] and "鲁H54322".encode() in row[2]
                                               for row in passages()))
    verified = Ctl(site.box.run, None)("audit", "verify", "--json").json
    assert verified["ok"] and verified["records"] > verified["bodies"]
    assert any(record.sequence == sequence and record.body is None for record in site.verify_journal())


def test_what_stands_longer_than_its_records_term_is_restored_all_the_same(site):
    path = site.box.state / "checkpointd" / "journal" / "journal.sqlite"
    held, out = "hold_active", "out_of_service"
    assert site.act("hold", lane=1)["ok"]
    assert site.act("service_out", lane=2, reason="new road")["ok"]
    for active in (True, None):
        site.box.sims[2].do("input", input="emergency_stop", active=active)
        wait_until("emergency stop", lambda: (site.box.lane(2)["boom"] == "emergency_stop") == bool(active))

    def of(what):
        return [r.sequence for r in site.verify_journal() if r.body and r.body.get("what") == what]

    def stands():
        one, two = site.box.lane(1), site.box.lane(2)
        return one.get("holds") and two.get("out_of_service") and two.get("stop_not_reset")

    wait_until("on record", lambda: stands() and of(held) and of(out) and of("emergency_stop"))
    old = of(held) + of(out) + of("emergency_stop")
    for _ in range(2):  # the second time from what was said anew alone
        site.checkpointd.stop()
        db = sqlite3.connect(path)
        db.execute("UPDATE record SET wall = wall - ?", (200 * DAY_MS,))
        db.execute("INSERT INTO confirmed (sequence, wall) SELECT MAX(sequence), MAX(wall) FROM record")
        db.commit()
        db.close()
        site.checkpointd.start()
        wait_until("their bodies are gone",
                   lambda: not {r.sequence for r in site.verify_journal() if r.body} & set(old), 30)
        wait_until("they stand on", stands)
        old = of("hold_kept") + of(out) + of("emergency_stop")
        assert len(old) == 3
    body = [r.body for r in site.verify_journal() if r.sequence == of("hold_kept")[-1]][0]
    assert body["reason"] == "stands since before" and body["hold"] == site.box.lane(1)["holds"][0]["hold"]
