"""kill -9 of each program between a box and headquarters' two PostgreSQL servers, while records flow.

When the primary is killed its standby is promoted, and the next round has a new standby. CHECKPOINT_ROUNDS draws so many
(the sweep hq_kills); without it the primary and one program more are killed once. Records are counted at both ends.
"""
import contextlib
import os
import random
import threading

import pytest

from harness import postgres
from harness.stack import short_folder, wait_until
from harness.uplink_site import BOX, Site, killed

SEED = int(os.environ.get("CHECKPOINT_SEED", "1"))
ROUNDS = int(os.environ.get("CHECKPOINT_ROUNDS", "2"))
PATIENCE_S = 120
PRIMARY = "PostgreSQL's primary"
HELD = "SELECT count(*) FROM records r JOIN chains c USING (checkpoint, chain) WHERE c.stream = 0"


class KillSite(Site):
    """Headquarters over two servers; each program may be killed."""

    def __init__(self, folder, last_first):
        self.pair = postgres.Pair()
        last_first.callback(self.pair.stop)
        super().__init__(folder, self.pair)
        last_first.callback(self.stop)
        self.checkpointd()
        self.uplinkd()
        self.kills = {
            "uplinkd": lambda: killed(self.link),
            "hqd": lambda: killed(self.hq.hqd),
            "hq-cad": lambda: killed(self.hq.cad),
            "Redis": lambda: killed(self.redis),
            PRIMARY: self.primary_killed,
        }

    def confirmed(self):
        return self.status()["journal"]["confirmed"]

    @contextlib.contextmanager
    def primary_killed(self):
        self.pair.kill_primary()
        confirmed = self.confirmed()
        held = self.store(HELD)[0][0]  # now: later the box would have sent it again
        assert held >= confirmed, f"{confirmed - held} records with a receipt are not in the standby"
        yield
        self.pair.mend()

    @contextlib.contextmanager
    def records_flow(self, count, until):
        """Acts in a thread; the body begins once `until` records more are confirmed."""
        begin, failures = self.confirmed(), []

        def act():
            try:
                self.acts(count)
            except BaseException as error:  # told where the test can see it
                failures.append(error)

        thread = threading.Thread(target=act)
        thread.start()
        try:
            wait_until("records to flow", lambda: failures or self.confirmed() >= begin + until, PATIENCE_S)
            yield
        finally:
            thread.join()
        assert not failures, failures


@pytest.fixture
def site():
    with short_folder() as folder, contextlib.ExitStack() as last_first:
        yield KillSite(folder, last_first)


def test_rounds_of_kills_lose_nothing_and_double_nothing(site):
    rng = random.Random(SEED)
    others = sorted(site.kills.keys() - {PRIMARY})
    names = [PRIMARY, rng.choice(others)]
    for number in range(ROUNDS):
        names = names or rng.sample(sorted(site.kills), len(site.kills))
        name = names.pop()
        print(f"round {number + 1} of {ROUNDS}, seed {SEED}: {name}", flush=True)
        with site.records_flow(30, rng.randrange(1, 30)), site.kills[name]():
            site.acts(rng.randrange(1, 10), "while it is dead")
        head = site.sync(PATIENCE_S)
        site.both_ends(head)
        site.both_ends(0, 1, "observe")
        site.list_arrives(PATIENCE_S)
        print(f"{head} records, lost 0, twice 0", flush=True)
    verified = site.hq.operator().post("/v1/operator/audit/verify", {"checkpoint": BOX}).json
    assert verified["ok"] and len(verified["checkpoints"]) == 2, verified
