"""hqd in a thief's hands, with all it holds: its certificate, its freshness key, its receipt key; and one clerk alone.

One box, a thief at the other end of its link. It adds and withdraws no entry, holds no news back for a day without an
alarm, confirms nothing that was not sent, moves no boom, ends no hold; what it confirmed and threw away reaches the true
headquarters afterwards.
"""
import json
import os

import pytest
from harness import journal
from harness.signing import DAY_MS, Key, entry, now_ms, time_text
from harness.stack import short_folder, wait_until
from harness.uplink_site import BOX, WANTED, Site
from test_list_threats import Threat, alarms

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="capture on lo needs root")

HOUR_MS = 3600 * 1000
STRAY = "鲁H66666"


class Thief(Threat):
    """Answers as it likes; every key of its own is a true one of hqd's."""

    def __init__(self, site):
        super().__init__(site)
        self.keys = [self.world.freshness_key, self.world.receipt_key]
        self.keyset = self.world.keyset()
        self.receipt = None  # of the last line sent: (chain, sequence, head) to what is answered
        self.messages = []
        self.exempt = None

    def answer(self, request):
        path = request[1].split("?")[0]
        if path == "/v1/keyset":
            return 200, self.keyset
        if path.endswith("/journal"):
            return 404, {"error": {"code": "not_found", "en": "none", "zh": "无"}}
        if path == "/v1/exempt-list":
            return 200, self.exempt
        if path.endswith("/records") and self.receipt:
            chain, sequence = json.loads(request[2].splitlines()[-1])["id"].split(":")
            return 200, self.receipt(chain, int(sequence))
        if path.endswith("/inbox") and self.messages:
            after = int(request[1].split("after=")[1].split("&")[0])
            news = [{"number": after + n, "kind": "instruction", "expires": "", "body": json.loads(text)}
                    for n, text in enumerate(self.messages, 1)]
            self.messages = []
            return 200, {"messages": news, "next": after + len(news)}
        return super().answer(request)


class Robbed(Site):
    """A box with a list, at a thief's."""

    def __init__(self, folder):
        super().__init__(folder)
        self.hq.world.clerks.append(Key("list", "clerk-a"))  # a second key of the same person
        self.thief = Thief(self)
        self.true_list = [self.hq.world.batch(added=[entry(1, WANTED)], signers=self.hq.world.clerks[:2])]
        self.thief.batches = list(self.true_list)
        self.journal = self.box.state / "checkpointd" / "journal"
        self.checkpointd()
        self.matchd()
        self.uplinkd(hq=self.thief.url, compress=False, retry_max="100ms")
        wait_until("list at the lanes", lambda: (self.status()["list"] or {}).get("revision") == 1, 30)

    def asked(self, part, times=2):
        """The thief was asked that often from now on, so what it says now was heard."""
        begin = len(self.thief.fake.paths(part))
        wait_until(f"{part} to be asked for", lambda: len(self.thief.fake.paths(part)) >= begin + times, 30)

    def confirmed(self):
        return self.status()["journal"]["confirmed"]

    def hash_of(self, sequence):
        """Of a record in the box's journal, as only the box knows it before it is sent."""
        return dict(journal.hashes(self.journal))[sequence]


@pytest.fixture(scope="module", name="site")
def robbed():
    with short_folder() as folder:
        site = Robbed(folder)
        try:
            yield site
        finally:
            site.stop()


def test_it_adds_and_withdraws_no_entry(site):
    thief, world = site.thief, site.hq.world
    before, keyset = site.redis.client().xrange("wanted:delta"), site.redis.client().get("wanted:keyset")
    own_clerks = [Key("list", "clerk-a"), Key("list", "clerk-b")]
    stray = {"added": [entry(2, STRAY)], "advance": False}
    lies = [world.batch(**stray, signers=[key]) for key in thief.keys]
    lies += [world.batch(**stray, signers=thief.keys), world.batch(**stray, signers=own_clerks),
             world.batch(withdrawn=[1], advance=False, signers=thief.keys)]
    for lie in lies:
        thief.batches = [*site.true_list, lie]
        thief.head = {"revision": 2}
        site.asked("/list/batches")
        assert site.revision() == 1 and site.redis.client().xrange("wanted:delta") == before
    site.wait_log("UPLINK_LIST_REFUSED")
    thief.batches, thief.head = list(site.true_list), {}
    thief.keyset = world.keyset(version=2, keys=[*own_clerks, *world.keys], signers=thief.keys)
    thief.policy = world.policy(1, signers=thief.keys)
    thief.exempt = world.exempt_list([], signers=thief.keys)
    thief.head = {"keyset_version": 2, "policy_version": 1, "exempt_revision": 1}
    site.wait_log("WANTED_KEYSET_REFUSED")
    site.asked("/list/head")
    assert site.redis.client().get("wanted:keyset") == keyset
    assert site.redis.client().get("wanted:policy") is None
    thief.head = {}


def test_one_clerk_signing_twice_is_one_clerk(site):
    thief, world = site.thief, site.hq.world
    site.true_list.append(world.batch(added=[entry(2, "鲁H22222")], signers=world.clerks[1:2]))
    thief.batches = list(site.true_list)
    wait_until("what a clerk signed", lambda: site.revision() == 2)
    wait_until("the alarm over", lambda: site.logged("active=0"))
    first, _, spare = world.clerks
    assert first.holder == spare.holder and first.id != spare.id
    top = {"added": [entry(3, STRAY, priority=1)], "advance": False}
    twice = json.loads(world.batch(**top, signers=[first]))
    twice["signatures"] *= 2
    for lie in (world.batch(**top, signers=[first, spare]), json.dumps(twice).encode(), world.batch(**top, signers=[first])):
        thief.batches, thief.head = [*site.true_list, lie], {"revision": 3}
        site.asked("/list/batches")
        assert site.revision() == 2
    site.wait_log("two different clerks")
    site.true_list.append(world.batch(added=[entry(3, STRAY, priority=1)], signers=world.clerks[:2]))
    thief.batches, thief.head = list(site.true_list), {}
    wait_until("the list that two signed", lambda: site.revision() == 3)


def test_it_freezes_no_list_unnoticed(site):
    """A statement of its own is good for a day at most and never of the future; one anew every day hides nothing either:
    what no clerk has signed for a day is told at the lanes."""
    thief, world = site.thief, site.hq.world
    wait_until("current", lambda: "WANTED_STALE" not in alarms(site))
    old = now_ms() - DAY_MS - HOUR_MS
    for fields in ({"valid_until": time_text(old + 365 * DAY_MS)},
                   {"valid_until": time_text(now_ms() + DAY_MS + HOUR_MS)},
                   {"time": time_text(now_ms() + HOUR_MS), "valid_until": time_text(now_ms() + DAY_MS)}):
        lie = world.freshness(**fields)
        thief.head = {"freshness": json.loads(lie)}
        site.asked("/list/head")
        held = site.redis.client().get("wanted:current")
        assert json.loads(held)["payload"] != json.loads(lie)["payload"], fields
    thief.head = {}
    assert "WANTED_UNSIGNED" not in alarms(site)
    site.matching.stop()
    site.box.start_matchd(site.redis.socket, list_signed_max="1ms")  # as a day later
    wait_until("told", lambda: "WANTED_UNSIGNED" in alarms(site), 30)
    assert "WANTED_STALE" not in alarms(site)


def test_it_confirms_nothing_that_was_not_sent(site):
    thief, receipt, hash_of = site.thief, site.hq.world.receipt, site.hash_of
    site.acts(3)
    lies = {
        "a record ahead": lambda chain, n: receipt(BOX, chain, n + 1000, hash_of(n)),
        "another hash": lambda chain, n: receipt(BOX, chain, n, bytes(32)),
        "another chain": lambda chain, n: receipt(BOX, "ab" * 16, n, hash_of(n)),
        "another box": lambda chain, n: receipt("lu-hz-02", chain, n, hash_of(n)),
        "the other key": lambda chain, n: receipt(BOX, chain, n, hash_of(n), key=site.hq.world.freshness_key),
    }
    for what, lie in lies.items():
        thief.receipt = lie
        site.asked("/records")
        assert site.confirmed() == 0, what
    site.wait_log("UPLINK_RECEIPT_REFUSED")


def test_it_moves_no_boom_and_ends_no_hold(site):
    thief, world = site.thief, site.hq.world
    site.act("hold", lane=1, reason="stays")
    held = wait_until("held", lambda: site.box.lane(1)["holds"], 30)
    made = [world.instruction(BOX, number, kind, body, key=key) for key in thief.keys for number, (kind, body) in enumerate(
        [("message", {"text": "let them through"}), ("hold", {"lane": 1, "reason": "x"}), ("raise", {"lane": 1}),
         ("release", {"lane": 1, "hold": held[0]["hold"]}),
         ("verdict", {"checked": time_text(now_ms()), "entry": 1, "hold": False, "place": "x", "plate": WANTED,
                      "verdict": "false_alarm"})], 1)]
    thief.messages = made
    refused = wait_until("all on record", lambda: len(said := [
        record.body for record in journal.verify(site.journal) if record.kind == "instruction"]) == len(made) and said, 30)
    assert all(body["result"] == "refused" and "expected instruction" in body["why"] for body in refused), refused
    assert site.box.lane(1)["holds"] == held
    assert not [event for coil in ("raise", "lower") for event in site.box.sims[1].events("coil", coil=coil, on=True)]
    assert site.hit(WANTED, 1)["hit"]


def test_what_it_confirmed_and_threw_away_reaches_the_true_headquarters(site):
    """A receipt lets go of nothing: hits, acts and what the lanes did stay for 30 days behind it at least."""
    thief, world = site.thief, site.hq.world
    thief.receipt = lambda chain, n: world.receipt(BOX, chain, n, site.hash_of(n))
    site.sync(30)
    assert all(record.body is not None for record in journal.verify(site.journal))
    site.link.stop()
    for batch in site.true_list:
        assert site.hq.operator().put("/v1/list/batches", batch).status == 201
    site.uplinkd()
    site.acts(1)
    head = site.status()["journal"]["head"]
    wait_until("all of it", lambda: site.whole_at_hq(head), 60)
    site.both_ends(head)
