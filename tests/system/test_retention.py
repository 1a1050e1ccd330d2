"""checkpointd deletes a passage past its term: neither plate nor salt is left in its files, the chain verifies."""
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
