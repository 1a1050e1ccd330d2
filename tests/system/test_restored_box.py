"""A box put back to an earlier state of its journal: headquarters holds other records under its numbers. Both ends say
what is to be done, hits flow meanwhile, a named person at the box and one at headquarters have a new chain begin, open
holds go on."""
import shutil

import pytest

from harness import journal
from harness.ctl import Ctl
from harness.signing import entry
from harness.stack import wait_until
from harness.uplink_site import BOX, WANTED, a_site
from test_hq_missing import hqctl, missing, ranges


@pytest.fixture
def site():
    yield from a_site()


def chains(site):
    """(chain, state, accepted by) of both streams in the order they were begun."""
    return site.store("SELECT stream, chain, state, accepted_by FROM chains ORDER BY stream, opened_ms, chain")


def state(site):
    row, = site.hq.operator().get("/v1/operator/checkpoints").json["checkpoints"]
    return row["state"]


def hit_at_hq(site, event):
    """A read now is a hit at headquarters, though its chain is in quarantine."""
    before = len(site.hq_hits())
    site.hit(WANTED, event)
    wait_until("the hit at headquarters", lambda: len(site.hq_hits()) > before, 10)


def test_a_box_put_back_begins_a_new_chain_by_two_named_people(site):
    folder = site.box.state / "checkpointd"
    site.publish(entry(1, WANTED, **{"class": "02"}))
    site.checkpointd()
    site.uplinkd()
    site.act("hold", lane=1, reason="driver fled")
    holds = wait_until("the hold", lambda: [h["hold"] for h in site.box.lane(1)["holds"]])
    site.sync()
    wait_until("the second chain at headquarters", lambda: site.sequences(1))
    site.daemon.stop()
    shutil.copytree(folder, site.box.folder / "copy")
    site.daemon.start()
    site.login()
    site.acts(10, "after the copy was made")
    head = site.sync()
    site.daemon.stop()
    shutil.rmtree(folder)
    shutil.copytree(site.box.folder / "copy", folder)
    site.daemon.start()
    site.login()

    site.wait_log("UPLINK_SET_ASIDE", 30)
    log = site.hq.hqd.log_path
    wait_until("headquarters alarms", lambda: "HQ_QUARANTINE" in log.read_text())
    wait_until("its reason", lambda: 'reason="another record under a sequence held"' in log.read_text())
    wait_until("shown as that", lambda: state(site) == "quarantined")
    site.matchd()
    wait_until("lane 1 matches", lambda: not site.box.lane(1).get("blind", True) and site.box.lane(1)["list_usable"], 30)
    hit_at_hq(site, 1)

    ctl = Ctl(site.box.run, site.box.folder / "session")
    assert ctl("login", "wang", password="correct horse 1").status == 0
    assert "reason: missing" in ctl("journal", "set-aside", "--reason", "").err
    done = ctl("journal", "set-aside", "--reason", "disk image put back")
    assert done.status == 0 and "restart it" in done.out, done.err
    last = journal.verify(folder / "journal")[-1].sequence
    for _ in range(2):  # once: the next start finds nothing to do
        site.daemon.stop()
        site.daemon.start()
        site.login()
        aside = {p.name.partition("-")[0] for p in (folder / "journal").glob("*.damaged-*[0-9]")}
        assert aside == {"journal.sqlite.damaged", "seal.key.damaged"}
        assert len(list((folder / "journal").glob("*.damaged-*[0-9]"))) == 2
        assert not (folder / "set-aside.json").exists()
        assert [h["hold"] for h in site.box.lane(1)["holds"]] == holds
    assert journal.verify(folder / "journal")[0].sequence == 1
    wait_until("both new chains at headquarters", lambda: len(chains(site)) == 4, 30)
    site.wait_log("UPLINK_QUARANTINE", 30)
    wait_until("lane 1 matches", lambda: not site.box.lane(1).get("blind", True) and site.box.lane(1)["list_usable"], 30)
    site.events.close()
    site.events = site.box.events(site.token)
    hit_at_hq(site, 2)

    new = next(c for s, c, *_ in reversed(chains(site)) if s == 0)
    status, said = hqctl(site.hq, "accept-chain", BOX, new.hex(), "--reason", "disk image put back, seen by li")
    assert status == 0, said
    assert {(c[2], c[3]) for c in chains(site)} == {("active", "zhang")} and state(site) == "active"
    now = site.sync(30)
    rows = site.store("SELECT sequence FROM records WHERE chain = ? ORDER BY sequence", new)
    assert [s for s, in rows][:now] == list(range(1, now + 1))
    complete, held = missing(site.hq)
    old = next(c for s, c, *_ in chains(site) if s == 0)
    assert old != new and held[old.hex()]["held"] == head and ranges(held[new.hex()]) == []
    assert last < head  # what the put-back box wrote under numbers held stands in the files set aside
    assert not held[old.hex()]["in_use"] and isinstance(complete, bool)
