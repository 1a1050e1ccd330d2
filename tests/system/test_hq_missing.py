"""Headquarters says exactly which records it lacks, and a box sends again what headquarters lost."""
import json
import sqlite3

import pytest

from harness.hq import BIN, Headquarters, acts
from harness.process import run_program
from harness.records import Journal
from harness.signing import entry
from harness.stack import wait_until
from harness.uplink_site import BOX, WANTED, a_site

RECORDS, URGENT, JOURNAL, OBSERVE = (
    f"/v1/checkpoints/{BOX}/{path}" for path in ("records", "urgent", "journal", "observe"))


@pytest.fixture
def hq(tmp_path):
    headquarters = Headquarters(tmp_path).start()
    yield headquarters
    headquarters.stop()


@pytest.fixture
def site():
    yield from a_site()


def missing(hq, checkpoint=BOX):
    """(complete, chains by id) as headquarters states it."""
    answer = hq.operator().get(f"/v1/operator/audit/missing?checkpoint={checkpoint}")
    assert answer.status == 200, answer.body
    return answer.json["complete"], {chain["chain"]: chain for chain in answer.json["chains"]}


def ranges(chain):
    return [(r["from"], r["to"], r["why"]) for r in chain["ranges"]]


def tell(box, journal, recorded, confirmed):
    answer = box.post(JOURNAL, {"chain": journal.chain.hex(), "recorded": recorded, "confirmed": confirmed})
    assert answer.status == 200, answer.body
    return answer.json


def take(box, *lines):
    answer = box.post(RECORDS, b"".join(lines))
    assert answer.status == 200, answer.body


def hqctl(hq, *args):
    """hqctl as zhang; (status, standard output)."""
    pair = hq.pki.operator("zhang")
    config = hq.folder / "hqctl.yaml"
    config.write_text(f"hq: https://127.0.0.1:{hq.port}\nhq_root: {hq.pki.servers.pem}\nfleet: testfleet\n"
                      f"certificate: {pair.pem}\nkey: {pair.key_path}\n")
    done = run_program([BIN / "hqctl", *args, "--config", config], text=True)
    return done.returncode, done.stdout + done.stderr


def test_what_a_lost_disk_took_is_named_range_by_range(hq):
    box, old = hq.box(BOX), Journal(BOX)
    take(box, *(old.line("start" if n == 0 else "passage") for n in range(10)))
    assert tell(box, old, 20, 10) == {"chain": old.chain.hex(), "held": 10, "state": "active"}
    complete, chains = missing(hq)
    assert complete and ranges(chains[old.chain.hex()]) == [(11, 20, "waiting")]
    assert hqctl(hq, "audit", "missing", BOX)[0] == 0
    for _ in range(14):
        old.line()
    assert box.post(URGENT, old.line("hit")).status == 202  # the 25th
    new = Journal(BOX)
    lines = [new.line("start"), new.line("hit")]
    assert box.post(RECORDS, lines[0]).status == 409  # in quarantine until somebody knows why
    assert tell(box, new, 2, 0)["state"] == "quarantined"
    complete, chains = missing(hq)
    assert not complete
    gone = chains[old.chain.hex()]
    assert (gone["held"], gone["in_use"], ranges(gone)) == (10, False, [(11, 25, "gone")])
    assert (gone["ranges"][0]["count"], gone["ranges"][0]["urgents"], gone["ranges"][0]["hits"]) == (15, 1, 1)
    assert gone["ranges"][0]["before"] == gone["last"] is not None
    assert ranges(chains[new.chain.hex()]) == [(1, 2, "waiting")]
    status, said = hqctl(hq, "audit", "missing", BOX)
    assert status == 1 and "MISSING 缺失 11 to 25 (15): gone" in said and "1 records 条, 1 hits" in said
    status, said = hqctl(hq, "audit", "missing", "--json")
    assert status == 1 and json.loads(said.splitlines()[0])["complete"] is False
    assert hqctl(hq, "audit", "missing", "lu-hz-99")[0] == 1


def test_a_box_put_back_to_an_earlier_state_is_told_apart(hq):
    box, journal = hq.box(BOX), Journal(BOX)
    take(box, journal.line("start"), journal.line(), journal.line())
    tell(box, journal, 12, 3)
    tell(box, journal, 8, 3)  # 9 to 12 are gone, 4 to 8 still come
    complete, chains = missing(hq)
    assert not complete
    assert ranges(chains[journal.chain.hex()]) == [(9, 12, "box_went_back"), (4, 8, "waiting")]
    tell(box, journal, 30, 3)  # others stand there now: those lost stay lost
    assert ranges(missing(hq)[1][journal.chain.hex()]) == [(9, 12, "box_went_back"), (4, 30, "waiting")]
    assert "HQ_JOURNAL_BACK" in hq.hqd.log_path.read_text()


def test_the_second_chain_is_stated_beside_the_first(hq):
    """The box tells of its journal alone: that makes neither chain one that has gone, and a second chain is not the
    journal's successor. Of it holes show, and what lies beyond a gap."""
    box, first, second = hq.box(BOX), Journal(BOX), Journal(BOX)
    take(box, first.line("start"), first.line())
    lines = [second.line("start"), *(second.line("observed", {}) for _ in range(5))]
    assert box.post(OBSERVE, b"".join(lines[:3])).status == 200
    tell(box, first, 2, 2)
    complete, chains = missing(hq)
    assert complete and [(c["stream"], c["in_use"], c["held"], c["ranges"]) for c in chains.values()] == [
        ("journal", True, 2, []), ("observe", True, 3, [])]
    beyond = box.post(OBSERVE, lines[5])
    assert beyond.status == 409 and beyond.json["gap"] == {"chain": second.chain.hex(), "after": 3}, beyond.body
    complete, chains = missing(hq)
    assert complete and ranges(chains[second.chain.hex()]) == [(4, 6, "waiting")]
    assert chains[first.chain.hex()]["in_use"] and not ranges(chains[first.chain.hex()])
    status, said = hqctl(hq, "audit", "missing", BOX)
    assert status == 0 and f"chain {second.chain.hex()} (observe 布控观察)  active" in said, said
    other = Journal(BOX)
    assert box.post(OBSERVE, other.line("start")).status == 409  # in quarantine: the box began it anew
    complete, chains = missing(hq)
    assert not complete and ranges(chains[second.chain.hex()]) == [(4, 6, "gone")]
    assert chains[first.chain.hex()]["in_use"] and not ranges(chains[first.chain.hex()])


def test_holes_in_the_database_itself_are_found(hq):
    box, journal = hq.box(BOX), Journal(BOX)
    take(box, *(journal.line("start" if n == 0 else "passage") for n in range(9)))
    hq.hqd.stop()
    with sqlite3.connect(hq.folder / "state/hqd.sqlite") as db:
        db.execute("DROP TRIGGER records_no_delete")
        db.execute("DELETE FROM records WHERE sequence IN (1, 4, 5, 9)")
    db.close()
    hq.hqd.start()
    complete, chains = missing(hq)
    assert not complete
    assert ranges(chains[journal.chain.hex()]) == [(1, 1, "hole"), (4, 5, "hole"), (9, 9, "hole")]


def test_a_fleet_of_ten_thousand_chains_is_stated(hq):
    """More than one answer of hqd's may hold: hqctl asks page by page."""
    hq.store.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 11000)"
                     " INSERT INTO journals(checkpoint, chain, recorded, confirmed, newest, first_ms, told_ms)"
                     " SELECT printf('box-%05d', i), randomblob(16), 7, 7, 7, 1, 1 FROM n")
    status, said = hqctl(hq, "audit", "missing", "--json")
    answer = json.loads(said)
    assert status == 1 and not answer["complete"]
    assert [chain["id"] for chain in answer["chains"]] == [f"box-{i:05}" for i in range(1, 11001)]


@pytest.mark.parametrize("body", [
    {"chain": "00" * 16, "recorded": 1, "confirmed": 2}, {"chain": "00" * 15, "recorded": 2, "confirmed": 1},
    {"chain": "00" * 16, "recorded": 2, "confirmed": -1}, {"chain": "00" * 16, "recorded": 2}])
def test_a_telling_that_makes_no_sense_is_refused(hq, body):
    assert hq.box(BOX).post(JOURNAL, body).status == 400


def test_headquarters_put_back_gets_again_what_it_lost(site):
    """Yesterday's database after a day: the box sends once more what headquarters had confirmed and lost, each record
    is there once, and the hits as well. Its second chain comes again with its next record."""
    site.checkpointd()
    site.uplinkd()
    site.acts(20, "before")
    early = site.sync()
    wait_until("the second chain at headquarters", lambda: site.sequences(1))
    saved = site.hq.folder / "saved.sqlite"
    hqd = [BIN / "hqd", "--config", site.hq.config]
    assert run_program([*hqd, "--backup", saved]).returncode == 0  # it goes on meanwhile
    second = len(site.sequences(1))
    site.daemon.stop()
    site.daemon.start()  # what is pending of the second chain goes on record
    site.login()
    second = wait_until("more of the second chain", lambda: max(len(site.sequences(1)) - second - 8, 0)) + second + 8
    early = site.sync()
    site.acts(120, "after")  # more than one batch
    site.act("hold", lane=1, reason="driver fled")
    late = wait_until("all of it confirmed", lambda: max(site.sync() - early - 120, 0)) + early + 120
    first = site.hq.world.batch(added=[entry(1, WANTED)])
    assert site.hq.operator().put("/v1/list/batches", first).status == 201
    wait_until("the box has acknowledged it", lambda: site.store(
        "SELECT inbox_acked FROM checkpoints WHERE id = ?", BOX)[0][0] > 0)
    site.hq.hqd.kill()
    assert run_program([*hqd, "--restore", saved]).returncode == 0
    assert len(site.sequences()) < late and len(site.sequences(1)) < second
    site.hq.hqd.start()
    # the box is quiet: nothing new is needed to bring back what was lost
    wait_until("what was lost is back", lambda: site.whole_at_hq(late), 60)
    head = site.sync()
    site.acts(3, "and on")
    wait_until("those after it confirmed", lambda: site.sync() > head)
    assert site.whole_at_hq(head + 1)
    wait_until("the second chain is back", lambda: site.whole_at_hq(second, 1), 60)
    assert len(site.store("SELECT DISTINCT chain FROM records")) == 2
    complete, chains = missing(site.hq)
    assert complete and [(c["stream"], c["state"], c["in_use"]) for c in chains.values()] == [
        ("journal", "active", True), ("observe", "active", True)]
    assert site.hq.operator().post("/v1/operator/audit/verify", {"checkpoint": BOX}).json["ok"]
    wait_until("headquarters has announced it", lambda: acts(site.hq.folder / "state", "database.restored"))
    assert site.hq.operator().put("/v1/list/batches", first).status == 201  # the same bytes, published again
    site.publish(entry(2, "鲁H22222"))
    wait_until("what is published now reaches the box", lambda: site.revision() == 2)
