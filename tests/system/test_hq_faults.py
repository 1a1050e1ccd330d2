"""Faults between a box and headquarters, round after round: records counted at both ends, none lost, none twice.

CHECKPOINT_ROUNDS draws so many from all faults (the sweep hq_faults); without it a few of the quick ones are drawn.
Kills alone, over PostgreSQL with its primary among them, are in test_hq_kills.
"""
import contextlib
import os
import random

import pytest

from harness.bad_link import BadLink
from harness.small_disk import SmallDisk
from harness.stack import short_folder, wait_until
from harness.uplink_site import BOX, Site, killed

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting small disks needs root")

SEED = int(os.environ.get("CHECKPOINT_SEED", "1"))
SWEEP = "CHECKPOINT_ROUNDS" in os.environ
ROUNDS = int(os.environ.get("CHECKPOINT_ROUNDS", "4"))
PATIENCE_S = 180  # for all to be up again: waits between tries, TCP's own among them
DISK_BYTES = (64 if SWEEP else 16) << 20


class FaultySite(Site):
    """Each end on a small disk, a link that can be made bad between them."""

    def __init__(self, folder, last_first):
        super().__init__(folder)
        last_first.callback(self.stop)
        self.box_disk = SmallDisk(self.box.state / "checkpointd", DISK_BYTES)
        last_first.callback(self.box_disk.unmount)
        last_first.callback(self.stop_box)
        self.hq.hqd.stop()
        self.hq_disk = SmallDisk(self.hq.folder / "state", DISK_BYTES)
        last_first.callback(self.hq_disk.unmount)
        last_first.callback(self.hq.hqd.stop)
        self.hq.hqd.start()
        self.bad_link = BadLink(self.hq.port)
        last_first.callback(self.bad_link.stop)
        self.journal = self.box.state / "checkpointd" / "journal"
        self.checkpointd()
        self.uplinkd(hq=[f"https://127.0.0.1:{self.bad_link.port}"])
        self.faults = {
            "uplinkd killed": lambda rng: killed(self.link),
            "hqd killed": lambda rng: killed(self.hq.hqd),
            "hq-cad killed": lambda rng: killed(self.hq.cad),
            "Redis killed": lambda rng: killed(self.redis),
            "uplinkd and hqd killed": lambda rng: killed(self.link, self.hq.hqd),
            "link cut": self.cut,
            "black hole": self.black_hole,
            "headquarters' disk full": self.hq_disk_full,
            "box's disk full": self.box_disk_full,
        }
        if SWEEP:
            self.faults |= {"30 % loss": self.loss, "2 s delay": self.delay}

    def stop_box(self):
        self.link.stop()
        self.daemon.stop()

    @contextlib.contextmanager
    def cut(self, _rng):
        self.bad_link.cut()
        yield
        self.bad_link.mend()

    @contextlib.contextmanager
    def black_hole(self, rng):
        self.bad_link.lose(100)
        yield
        if SWEEP and rng.random() < 0.5:
            wait_until("told", lambda: not self.status()["uplink"]["connected"], 120)
        if rng.random() < 0.5:
            self.bad_link.cut()  # somebody on the way forgot the connections
        self.bad_link.mend()

    @contextlib.contextmanager
    def loss(self, _rng):
        self.bad_link.lose(30)
        yield
        self.sync(PATIENCE_S)
        self.bad_link.mend()

    @contextlib.contextmanager
    def delay(self, _rng):
        self.bad_link.delay_s = 2.0
        yield
        self.sync(PATIENCE_S)
        self.bad_link.mend()

    @contextlib.contextmanager
    def hq_disk_full(self, _rng):
        self.hq_disk.fill()
        yield

        def refuses():
            self.hq_disk.fill()  # what it freed meanwhile
            self.acts(5, "for a full disk")
            return not self.status()["uplink"]["connected"]
        wait_until("headquarters to refuse", refuses, 60)
        self.hq_disk.free()

    @contextlib.contextmanager
    def box_disk_full(self, _rng):
        self.box_disk.fill()
        reserve = self.journal / "reserve"

        def noticed():
            self.acts(5, "for a full disk")
            return not reserve.exists()
        wait_until("the reserve to be used", noticed, 60)
        yield
        self.box_disk.free()
        wait_until("the reserve to be back", reserve.exists, 60)


@pytest.fixture
def site():
    with short_folder() as folder, contextlib.ExitStack() as last_first:
        yield FaultySite(folder, last_first)


def test_rounds_of_faults_lose_nothing_and_double_nothing(site):
    rng = random.Random(SEED)
    names = []
    for number in range(ROUNDS):
        names = names or rng.sample(sorted(site.faults), len(site.faults))
        name = names.pop()
        print(f"round {number + 1} of {ROUNDS}, seed {SEED}: {name}", flush=True)
        site.acts(rng.randrange(1, 30), "before")
        with site.faults[name](rng):
            site.acts(rng.randrange(1, 20), "during")
        site.acts(rng.randrange(0, 10), "after")
        head = site.sync(PATIENCE_S)
        site.both_ends(head)
        site.both_ends(0, 1, "observe")
        site.list_arrives(PATIENCE_S)
        print(f"{head} records, lost 0, twice 0", flush=True)
    verified = site.hq.operator().post("/v1/operator/audit/verify", {"checkpoint": BOX}).json
    assert verified["ok"] and len(verified["checkpoints"]) == 2, verified
