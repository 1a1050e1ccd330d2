"""checkpoint-uplinkd between a real checkpointd, Redis and hqd: records up, lists down, and every fault between."""
import datetime
import json
import os
import sqlite3
import subprocess

import pytest

from harness.cache import Redis
from harness.camera import Camera
from harness.hq import Headquarters
from harness.pki import Root, now
from harness.process import Program, ProgramError
from harness.signing import Key, World, entry
from harness.stack import Checkpoint, LineClient, program, short_folder, wait_until

BOX = "lu-hz-01"
KEY = bytes(range(16))
WANTED = "鲁H12345"


class Site:
    """One checkpoint and its headquarters; programs are started by the test."""

    def __init__(self, folder):
        self.box = Checkpoint(folder, BOX)
        self.hq = Headquarters(self.box.folder / "hq").start()
        self.hq.world.write_roots(self.box.roots)
        self.hq.port_of_restart = self.hq.port
        self.hq.write_config()
        self.redis = Redis(self.box.folder).start()
        self.hq.box(BOX)
        self.token = None
        self.others = []

    def checkpointd(self, **more):
        self.box.add_tcp_lane(1, sim=["--start-open"], mode="normally_open", transit_max="1s")
        daemon = self.box.start_checkpointd(**more)
        self.token = self.box.leader()
        return daemon

    def uplinkd(self, pair=None, **more):
        self.link = self.box.start_uplinkd(self.hq, self.redis.socket, pair, **more)
        return self.link

    def act(self, name, **args):
        client = self.box.control()
        answer = client.act(name, self.token, **args)
        client.close()
        assert answer["ok"], answer
        return answer["result"]

    def status(self):
        return self.act("status")

    def acts(self, count, text="act"):
        """Acts of an officer, each a record or more."""
        for n in range(count):
            self.act("stop", lane=1, reason=f"{text} {n}")

    def sync(self, timeout_s=20):
        """Waits until all the journal holds is confirmed; returns its head."""
        def confirmed():
            journal = self.status()["journal"]
            return journal["head"] if journal["head"] == journal["confirmed"] else None
        return wait_until("every record confirmed", confirmed, timeout_s)

    def store(self, query, *args):
        db = sqlite3.connect(self.hq.folder / "state" / "hqd.sqlite")
        try:
            return db.execute(query, args).fetchall()
        finally:
            db.close()

    def sequences(self):
        return [row[0] for row in self.store(
            "SELECT sequence FROM records WHERE checkpoint = ? ORDER BY sequence", BOX)]

    def publish(self, *added, **options):
        answer = self.hq.operator().put("/v1/list/batches",
                                        self.hq.world.batch(added=added, **options))
        assert answer.status == 201, answer.body

    def revision(self):
        return int(self.redis.client().hget("wanted:meta", "revision") or 0)

    def logged(self, text):
        return text in self.link.log_path.read_text(encoding="utf-8", errors="replace")

    def wait_log(self, text, timeout_s=15):
        wait_until(f"'{text}' in uplinkd's log", lambda: self.logged(text), timeout_s)

    def stop(self):
        self.box.stop()
        for other in self.others:
            other.stop()
        self.hq.stop()
        self.redis.stop()


@pytest.fixture
def site():
    with short_folder() as folder:
        site = Site(folder)
        try:
            yield site
        finally:
            site.stop()


def test_records_reach_headquarters_and_are_confirmed(site):
    site.checkpointd()
    site.uplinkd()
    site.acts(3)
    head = site.sync()
    assert site.sequences() == list(range(1, head + 1))
    wait_until("link shown", lambda: site.status()["uplink"] == {"connected": True, "detail": ""})
    answer = site.hq.operator().post("/v1/operator/audit/verify", {"checkpoint": BOX})
    assert answer.json["ok"] and answer.json["checkpoints"][0]["last"] == head
