"""The Update Framework's threats to the list, at the box: freeze, rollback, mix-and-match, truncation, endless data. Each
is refused, alarmed, and over when headquarters is itself again (gateway/wanted/README.md has the table)."""
import json
import os

import pytest
from harness.signing import DAY_MS, NO_HASH, entry, hash_text, now_ms, payload_of, time_text
from harness.site import WANTED as LISTED
from harness.site import running_site
from harness.stack import wait_until
from harness.uplink_site import WANTED, a_site
from test_uplinkd_refusals import Liar

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="capture on lo needs root")


@pytest.fixture
def site():
    yield from a_site()


class Threat(Liar):
    """A headquarters whose snapshot and chunks can lie, too."""

    def __init__(self, site):
        super().__init__(site)
        self.manifest, self.chunks, self.answers = None, {}, {}

    def answer(self, request):
        path = request[1].split("?")[0]
        if path in self.answers:
            return self.answers[path]()
        if path == "/v1/list/snapshot" and self.manifest:
            return 200, self.manifest
        if path.startswith("/v1/list/chunks/"):
            return 200, self.chunks[path.rpartition("/")[2]]
        return super().answer(request)


def refused_and_over(site, liar, says):
    """The alarm stands with that text while the list stays, and ends once headquarters tells the truth."""
    site.wait_log(says)
    assert site.logged("UPLINK_LIST_REFUSED") or site.logged("UPLINK_ANSWER_BAD")
    assert site.revision() == 2
    liar.head = {}
    liar.batches.append(liar.world.batch(added=[entry(3, "鲁H33333")]))
    wait_until("the true list", lambda: site.revision() == 3)
    wait_until("the alarm over", lambda: site.logged("active=0"))


def with_two(site):
    liar = Threat(site)
    liar.batches += [liar.world.batch(added=[entry(1, WANTED)]), liar.world.batch(added=[entry(2, "鲁H22222")])]
    site.uplinkd(hq=liar.url)
    wait_until("list in Redis", lambda: site.revision() == 2)
    return liar


def chunk_name(manifest):
    return json.loads(payload_of(manifest))["chunks"][0]["hash"].removeprefix("sha256:")


def test_rollback_by_headquarters(site):
    liar = with_two(site)
    liar.head = {"revision": 1, "hash": hash_text(NO_HASH)}
    refused_and_over(site, liar, "headquarters is back at revision 1, held is 2")


def test_another_list_of_the_same_revision(site):
    liar = with_two(site)
    liar.head = {"hash": "sha256:" + "ab" * 32}
    refused_and_over(site, liar, "headquarters names another list of revision 2")


def test_truncated_chain(site):
    liar = with_two(site)
    liar.head = {"revision": 5}
    refused_and_over(site, liar, "headquarters names revision 5 but has no batch behind 2")


def test_chunk_of_another_snapshot(site):
    liar = Threat(site)
    world = liar.world
    world.batch(added=[entry(1, "豫A66666")])
    stray = world.snapshot()[1][0]
    world.batch(withdrawn=[1], added=[entry(2, WANTED)])
    liar.manifest, (chunk,) = world.snapshot()
    name = chunk_name(liar.manifest)
    liar.chunks = {name: stray}
    site.uplinkd(hq=liar.url)
    site.wait_log("UPLINK_LIST_REFUSED")
    assert not site.revision()
    liar.chunks = {name: chunk}
    wait_until("the true list", lambda: site.revision() == 2)


def test_endless_chunk(site):
    liar = Threat(site)
    world = liar.world
    world.batch(added=[entry(1, WANTED)])
    liar.manifest, (chunk,) = world.snapshot()
    name = chunk_name(liar.manifest)

    def endless():
        while not liar.fake.stopping.is_set():
            yield b"x" * 65536
    liar.answers[f"/v1/list/chunks/{name}"] = lambda: (200, endless())
    site.uplinkd(hq=liar.url)
    site.wait_log("answer too large")
    assert not site.revision()
    liar.answers.clear()
    liar.chunks = {name: chunk}
    wait_until("the list", lambda: site.revision() == 1)


def alarms(site):
    client = site.box.control()
    told = {alarm["name"] for alarm in client.act("status")["result"]["alarms"]}
    client.close()
    return told


@needs_root
def test_freeze(site):
    """Headquarters goes on saying that what was current 25 hours ago is current: the lanes are told, matching goes on."""
    liar = Threat(site)
    liar.batches.append(liar.world.batch(added=[entry(1, WANTED)]))
    old = now_ms() - DAY_MS - 3600 * 1000
    liar.head = {"freshness": json.loads(liar.world.freshness(time=time_text(old), valid_until=time_text(old + DAY_MS)))}
    site.checkpointd()
    site.matchd()
    site.uplinkd(hq=liar.url)
    wait_until("list in Redis", lambda: site.revision() == 1)
    wait_until("the alarm at the lanes", lambda: "WANTED_STALE" in alarms(site))
    site.hit(WANTED, 1)
    liar.head = {}
    wait_until("the alarm over", lambda: "WANTED_STALE" not in alarms(site))


@needs_root
def test_endless_data_in_redis():
    """64 MB under each key that matchd reads: not taken, told, and the list in force stays."""
    huge = b"x" * (64 << 20)
    with running_site() as site:
        for key, alarm in (("wanted:keyset", "WANTED_KEYSET_REFUSED"), ("wanted:current", "WANTED_CURRENT_REFUSED"),
                           ("wanted:delta", "WANTED_ALTERED")):
            if key == "wanted:delta":
                site.cache.redis.xadd(key, {"batch": huge}, id="900-0")
            else:
                site.cache.redis.set(key, huge)
            site.wait_alarm(alarm)
            assert site.act("check", plate=LISTED, reason="other")["result"]["hits"]
            site.cache.redis.flushall()
            site.cache.fill()
            site.wait_alarm(alarm, active=False)
