"""A list of 100,000 that changes while the lanes work: a batch is in force without a new index; what it adds, changes
and withdraws counts from the revision that a read carries; every hit carries its own entry and text."""
import os
import random
import threading

import pytest

from harness.signing import DAY_MS, PROVINCES, entry, now_ms, time_text
from harness.site import Site
from harness.stack import short_folder, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="capture on lo needs root")

ENTRIES = 100_000
FIRST = 1000  # ids of the long list
SEED = 20261126
GO = 50_000          # the first that a storm of batches withdraws …
OF_A_BATCH = 3       # … so many in each, which adds as many
BATCHES_MOST = 3000
READS_MOST = 3000


def plate(number):
    return f"{PROVINCES[number // 10_000]}K{number % 10_000:05d}"


def listed(number, **fields):
    """Entry `number` of the long list; its case number tells whose text a card shows."""
    return entry(FIRST + number, **{"plate": plate(number), "case_number": f"A{FIRST + number}", **fields})


class LongSite(Site):
    def configure(self):
        """Called with the list of every site in Redis: the long one goes on top, as a snapshot."""
        super().configure()
        self.world.entries.update((FIRST + number, listed(number)) for number in range(ENTRIES))
        self.cache.take_snapshot()

    def exact(self, text):
        """Cards of the entries that are exactly this plate, by id."""
        answer = self.act("check", plate=text, reason="other")
        assert answer["ok"], answer
        return {hit["entry"]: hit["card"] for hit in answer["result"]["hits"] if hit["match"] == "exact"}

    def is_in_force(self):
        client = self.box.control()
        status = client.act("status")["result"]
        client.close()
        return status["list"]["revision"] == self.world.revision

    def publish(self, **changes):
        self.cache.publish(**changes)
        wait_until("in force", self.is_in_force)

    def index_counters(self):
        client = self.box.control()
        counters = (client.act("status")["result"].get("matchd") or {}).get("counters", {})
        client.close()
        return counters.get("index_updates", 0), counters.get("index_rebuilds", 0)


@pytest.fixture(scope="module")
def site():
    with short_folder() as folder:
        site = LongSite(folder)
        try:
            site.start()
            yield site
        finally:
            site.stop()


@pytest.fixture(autouse=True)
def no_index_is_built_anew(request):
    """Whatever a test does to the list, the index goes on."""
    if "site" not in request.fixturenames:
        yield
        return
    site = request.getfixturevalue("site")
    wait_until("one index", lambda: site.index_counters()[1] == 1)
    yield
    before = site.index_counters()[0]
    site.publish(withdrawn=[max(site.world.entries)])
    wait_until("counted", lambda: site.index_counters()[0] > before)
    assert site.index_counters()[1] == 1


def test_added_and_withdrawn(site):
    new = "鲁H77777"
    assert not site.exact(new)
    site.publish(added=[entry(200_000, new)])
    assert list(site.exact(new)) == [200_000]
    assert list(site.exact(plate(5))) == [FIRST + 5]
    site.publish(withdrawn=[200_000, FIRST + 5])
    assert not site.exact(new) and not site.exact(plate(5))
    assert list(site.exact(plate(6))) == [FIRST + 6]


def test_a_changed_entry_takes_the_place_of_the_old(site):
    site.publish(changed=[listed(10, reason="改过的原因", priority=3), listed(11, valid_until=time_text(now_ms() - DAY_MS),
                                                                         valid_from=time_text(now_ms() - 2 * DAY_MS)),
                          listed(12, plate="鲁H66666")])
    assert site.exact(plate(10))[FIRST + 10]["reason"] == "改过的原因"
    assert not site.exact(plate(11))  # its time is over
    assert not site.exact(plate(12)) and list(site.exact("鲁H66666")) == [FIRST + 12]
    site.publish(changed=[listed(11)])
    assert list(site.exact(plate(11))) == [FIRST + 11]


def test_the_class_of_a_changed_entry_counts(site):
    """One entry gets the class that is read, another gets it and loses it again."""
    def agreement(number):
        site.read(11, plate(number), plate_class="02")
        return site.next("hit", lambda event: event["entry"]["id"] == FIRST + number)["class_agreement"]

    site.publish(changed=[listed(number, **{"class": "02"}) for number in (20_020, 97_531)])
    site.publish(changed=[listed(97_531, **{"class": "01"})])
    assert agreement(20_020) == "agree"
    assert agreement(97_531) == "conflict"


def test_to_observe_and_back(site):
    site.publish(changed=[listed(30, handling="observe", priority=1)])
    assert not site.exact(plate(30))
    site.publish(changed=[listed(30, handling="observe", priority=1, reason="nothing of it is told")])
    assert not site.exact(plate(30))
    site.publish(changed=[listed(30)])
    assert list(site.exact(plate(30))) == [FIRST + 30]
    site.publish(changed=[listed(30, handling="observe", priority=1)])
    site.publish(withdrawn=[FIRST + 30])
    assert not site.exact(plate(30))


def test_every_card_is_its_own(site):
    print(f"SEED={SEED}")
    for number in random.Random(SEED).sample(range(100, ENTRIES), 60):
        (found, card), = site.exact(plate(number)).items()
        assert (found, card["case_number"], card["plate"]) == (FIRST + number, f"A{FIRST + number}", plate(number))


class Storm(threading.Thread):
    """Batches as fast as Redis takes them until it is enough: each withdraws what the one before added and some of
    the long list, and changes an entry."""

    def __init__(self, site):
        super().__init__()
        self.site, self.gone_at = site, {}  # entry -> revision that withdrew it
        self.enough = threading.Event()

    def run(self):
        for batch in range(BATCHES_MOST):
            first = 300_000 + batch * OF_A_BATCH
            old = [first - OF_A_BATCH + n for n in range(OF_A_BATCH)] if batch else []
            old += [FIRST + GO + batch * OF_A_BATCH + n for n in range(OF_A_BATCH)]
            self.gone_at |= {number: self.site.world.revision + 1 for number in old}
            self.site.cache.publish(added=[entry(first + n, f"新K{batch * OF_A_BATCH + n:05d}") for n in range(OF_A_BATCH)],
                                    withdrawn=old, changed=[listed(40_000 + batch)])
            if self.enough.wait(0.001):
                return


def test_reads_while_the_list_changes(site):
    """Reads of plates that stay, and of plates that are withdrawn meanwhile: the ones all hit, the others never
    under a revision that has withdrawn them."""
    pick = random.Random(SEED)
    stay = pick.sample(range(60_000, 95_000), READS_MOST)
    hits, revisions = [], set()
    storm = Storm(site)
    storm.start()
    try:
        for at, number in enumerate(stay):
            site.read(11, plate(GO + pick.randrange(OF_A_BATCH * 100)))
            site.read(11, plate(number))
            while not hits or hits[-1]["entry"]["id"] != FIRST + number:
                hits.append(site.next("hit", timeout_s=30))
            revisions.add(hits[-1]["list"]["revision"])
            if at >= 100 and len(revisions) >= 10:
                break
    finally:
        storm.enough.set()
        storm.join()
    assert len(revisions) >= 10, "the list changed meanwhile"
    for hit in hits:
        number = hit["entry"]["id"]
        if hit["match"] == "exact" and number >= FIRST:
            assert hit["read"]["plate"] == hit["entry"]["plate"]
        assert hit["list"]["revision"] < storm.gone_at.get(number, site.world.revision + 1)
    wait_until("all of it in force", site.is_in_force)
    assert not any(site.exact(plate(GO + number)) for number in range(10))


def test_starts_from_its_own_copy_and_goes_on():
    """Without Redis the long list and the batches behind it come from disk, in one index; batches that follow
    change that."""
    with short_folder() as folder:
        site = LongSite(folder)
        try:
            site.start()
            for number in range(5):
                site.publish(added=[entry(200_000 + number, f"新H6666{number}")], withdrawn=[FIRST + number])
            site.matchd.stop()
            site.redis.kill()
            site.matchd.start()
            wait_until("in force", lambda: site.index_counters() == (0, 1) and site.is_ready(1))
            assert "WANTED_INDEXED" in site.matchd.tail()
            assert site.exact("新H66664") and not site.exact(plate(0)) and site.exact(plate(5))
            site.redis.start()
            site.cache.fill()
            site.publish(added=[entry(300_000, "新H77777")])
            assert site.exact("新H77777") and site.index_counters()[1] == 1
        finally:
            site.stop()
