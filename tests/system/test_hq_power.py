"""Power cuts of headquarters, replayed from the log of hqd's writes and syncs: what had a receipt is there, once.

The box goes on all the while. hqd is killed in the middle of a change drawn by number, its folder becomes what the cut
left of it, hqd starts on that. Besides, the same log is cut at other points and drawn anew, and held against what the
box had receipts for at each. CHECKPOINT_ROUNDS draws so many rounds (the sweep hq_power). hq-cad keeps no file.
"""
import contextlib
import http.client
import os
import pathlib
import random
import sqlite3

import pytest

from harness import journal
from harness.hq import Headquarters
from harness.process import ProgramError
from harness.signing import entry
from harness.stack import short_folder, wait_until
from harness.uplink_site import Site
from harness.writelog import WriteLog

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="capturing reads needs root")

SEED = int(os.environ.get("CHECKPOINT_SEED", "1"))
ROUNDS = int(os.environ.get("CHECKPOINT_ROUNDS", "2"))
DRAWS = 12  # further cuts a round
PLATES = 50 * ROUNDS
CHANGES_MAX = 900  # of hqd from its start to the cut
FIRST_CHANGES = 100  # it makes more in an empty folder
HELD = "SELECT count(*) FROM records r JOIN chains c USING (checkpoint, chain) WHERE c.stream = 0"


def plate(number):
    return f"鲁H{20000 + number}"


class Lost(AssertionError):
    """Something that was told to be stored is not there."""


class PowerSite(Site):
    """A checkpoint whose reads become hits, and headquarters under a write log."""

    def __init__(self, folder):
        super().__init__(folder)
        self.hq.hqd.stop()
        self.log = WriteLog(self.hq.folder / "state", pathlib.Path(folder) / "writes")
        self.aside = pathlib.Path(folder) / "aside"
        self.aside.mkdir()
        self.event = self.published = 0
        self.batch = None
        self.told = []  # (log's size, records with a receipt, batches taken) at moments of this run
        self.hq.hqd.start()
        self.checkpointd()
        self.uplinkd()
        self.matchd()
        for first in range(1, PLATES + 1, 500):
            self.publish_next([entry(number, plate(number)) for number in range(first, min(first + 500, PLATES + 1))])
        wait_until("list in matchd", lambda: (self.status()["list"] or {}).get("revision") == self.published, 60)
        self.hq.hqd.stop()
        self.log.begin()

    def publish_next(self, added=()):
        """The next batch, or the last one again when hqd ended before it answered."""
        if self.batch is None:
            self.batch = self.hq.world.batch(added=added or [entry(PLATES + self.published, "鲁H00001")])
        answer = self.hq.operator().put("/v1/list/batches", self.batch)
        assert answer.status in (200, 201), answer.body
        self.batch, self.published = None, self.published + 1

    def note(self):
        """What has a receipt or an answer now, and then how long the log is: it holds all that made them."""
        confirmed = self.status()["journal"]["confirmed"]
        self.told.append((self.log.size(), confirmed, self.published))

    def feed(self, rng, enough):
        """Hits, acts and batches until `enough`."""
        while not enough():
            if self.event < PLATES:
                self.event += 1
                self.hit(plate(self.event), self.event)
            self.acts(rng.randrange(1, 6))
            if rng.random() < 0.2:
                with contextlib.suppress(OSError, http.client.HTTPException):  # hqd ended: whether it took it is open
                    self.publish_next()
            self.note()

    def cut_off(self, rng, lies=False):
        """hqd runs and is killed in the middle of something."""
        self.told = []
        self.note()
        self.log.attach(self.hq.hqd, lies, end_after=rng.randrange(20, CHANGES_MAX))
        with contextlib.suppress(ProgramError):  # the cut came before it was ready
            self.hq.hqd.start()
        self.feed(rng, lambda: not self.hq.hqd.running)
        if self.hq.hqd.process:
            self.hq.hqd.wait_killed()

    def held(self, tree):
        """(records, batches) in the database of a tree of files, sound as a whole."""
        for path in self.aside.iterdir():
            path.unlink()
        for path, contents in tree.items():
            if contents is not None:
                (self.aside / os.path.basename(path)).write_bytes(contents)
        with contextlib.closing(sqlite3.connect(self.aside / "hqd.sqlite")) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return (*db.execute(HELD).fetchone(), *db.execute("SELECT count(*) FROM batches").fetchone())

    def check_draw(self, rng, end=None):
        """One more draw of what a cut at `end` of the log leaves."""
        tree = self.log.survivors(rng, end)
        told = [row for row in self.told if end is None or row[0] <= end]
        confirmed, batches = told[-1][1:]
        try:
            records, held_batches = self.held(tree)
        except sqlite3.DatabaseError as error:
            raise Lost(f"database damaged: {error}") from error
        if records < confirmed or held_batches < batches:
            raise Lost(f"{records} records of {confirmed}, {held_batches} batches of {batches}")
        return tree

    def go_on(self):
        """hqd starts on what the cut left; all the box has arrives, once."""
        self.log.detach(self.hq.hqd)
        self.hq.hqd.start()
        if self.batch:
            self.publish_next()
        head = self.sync(60)
        self.both_ends(head)
        self.both_ends(0, 1, "observe")
        self.hits_once()
        self.hq.hqd.stop()
        self.log.begin()
        return head

    def hits_once(self):
        """No plate lost, none twice: every hit of the box's journal is one hit of headquarters."""
        made = [record.sequence for record in journal.verify(self.box.state / "checkpointd" / "journal")
                if record.kind == "hit"]
        assert len(made) == self.event, "the box made other hits than its camera read"
        wait_until("every hit to be final", lambda: self.store(
            "SELECT count(*) FROM hits WHERE provisional = 0") == [(len(made),)], 30)
        assert sorted(self.store("SELECT sequence FROM hits WHERE provisional < 2")) == [(number,) for number in made]


@pytest.fixture(scope="module", name="site")
def one_site():
    with short_folder() as folder:
        one = PowerSite(folder)
        try:
            yield one
        finally:
            one.stop()


def test_what_had_a_receipt_survives_power_cuts(site):
    rng = random.Random(SEED)
    for number in range(ROUNDS):
        site.cut_off(rng)
        for _ in range(DRAWS):
            site.check_draw(rng, rng.choice([None, rng.randrange(site.log.size())]))
        tree = site.check_draw(rng)
        site.log.write(tree)
        head = site.go_on()
        print(f"round {number + 1} of {ROUNDS}, seed {SEED}: {head} records, {site.event} hits, lost 0, twice 0", flush=True)


def test_a_first_start_survives_power_cuts(tmp_path):
    """From an empty folder: whatever was cut off of making the database, the next start makes it."""
    rng = random.Random(SEED)
    hq = Headquarters(tmp_path)
    (tmp_path / "state").mkdir()
    hq.cad.start()
    try:
        for _ in range(ROUNDS):
            log = WriteLog(tmp_path / "state", tmp_path / "writes")
            log.attach(hq.hqd, end_after=rng.randrange(1, FIRST_CHANGES))
            with pytest.raises(ProgramError, match="-9"):
                hq.hqd.start()
            log.cut(rng)
            log.detach(hq.hqd)
            hq.hqd.start()
            assert hq.operator().get("/v1/list/head").status == 200
            hq.hqd.stop()
            log.write({str(log.folder): None})
    finally:
        hq.stop()


def test_control_without_syncs_loses(site):
    """The same with syncs that do nothing: when that loses nothing, the test above shows nothing."""
    rng = random.Random(SEED)
    site.cut_off(rng, lies=True)
    lost = 0
    for _ in range(DRAWS):
        try:
            site.check_draw(rng)
        except Lost:
            lost += 1
    print(f"seed {SEED}: {lost} of {DRAWS} cuts without syncs lost something that had a receipt")
    assert lost > 0
