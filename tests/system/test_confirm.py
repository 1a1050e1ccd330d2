"""Whether a hit's entry still stands: asked of headquarters at the hit, shown with it, waited for by nobody; an answer counts
when it is headquarters' own and about this very hit, and it ends no hold."""
import base64
import json

import pytest

from harness import journal
from harness.bad_link import BadLink
from harness.camera import Camera
from harness.ctl import Ctl
from harness.signing import canonical, entry, envelope, payload_of, time_text
from harness.stack import LineClient, short_folder, wait_until
from harness.uplink_site import BOX, KEY, Site

PASSWORD = "correct horse 1"
WANTED, SECOND, OBSERVED = "鲁H12345", "鲁H22222", "鲁H54321"
BURST = 16  # CONFIRM_BURST
PLANTS = [f"鲁P{number:05}" for number in range(BURST + 8)]
MINUTE_MS = 60_000


class Chain(Site):
    """Headquarters, a link that can hang, uplinkd, checkpointd, matchd; lane 1 is open, lane 2 has a boom that opens for the cleared."""

    way = None

    def start(self):
        plates = [entry(1, WANTED, priority=1, **{"class": "02"}), entry(2, SECOND, **{"class": "02"}),
                  entry(3, OBSERVED, handling="observe", priority=1, **{"class": "02"}),
                  *(entry(100 + number, plate, **{"class": "02"}) for number, plate in enumerate(PLANTS))]
        assert self.hq.operator().put("/v1/list/batches", self.hq.world.batch(added=plates)).status == 201
        self.box.add_closing_lane(2, transit_max="4s", vehicle_silence="0s")
        self.box.add_camera(12, 2, key=KEY)
        self.checkpointd()
        self.way = BadLink(self.hq.port)
        self.uplinkd(hq=[f"https://127.0.0.1:{self.way.port}"])
        self.matchd()
        self.second = Camera(("127.0.0.1", self.box.port), lane=2, camera=12, key=KEY)
        for lane in (1, 2):
            wait_until("ready", lambda lane=lane: self.ready(self.box.lane(lane)), 30)
        wait_until("linked", lambda: self.shown("status")["uplink"]["connected"], 30)
        self.sent = 0
        return self

    @staticmethod
    def ready(lane):
        return lane.get("list_usable") and lane["order_known"] and not lane["blind"] and lane["boom"] in ("open", "closed")

    def shown(self, act):
        client = self.box.control()
        result = client.act(act, self.token)["result"]
        client.close()
        return result

    def read(self, plate, camera=None):
        self.sent += 1
        (camera or self.camera).send(plate, self.sent, plate_class="02")

    def next(self, kind, check=lambda event: True):
        return next(e for e in iter(self.events.receive, None) if e["event"] == kind and check(e))

    def hit(self, plate, camera=None):
        self.read(plate, camera)
        return self.next("hit", lambda event: event["matched"] == plate)

    def word(self, hit):
        return self.next("hit_standing", lambda event: event["hit"] == hit["hit"])

    def records(self, kind):
        return [r for r in journal.verify(self.box.state / "checkpointd" / "journal") if r.kind == kind]

    def standings(self):
        return [r for r in self.records("decision") if r.body.get("what") == "entry_standing"]

    def stop(self):
        self.box.stop()
        self.redis.stop()
        if self.way:
            self.way.stop()
        self.hq.stop()


@pytest.fixture(scope="module")
def chain():
    with short_folder() as folder:
        site = Chain(folder)
        try:
            yield site.start()
        finally:
            site.stop()


def test_headquarters_says_at_the_hit_that_the_entry_stands(chain):
    hit = chain.hit(WANTED)
    said = chain.word(hit)
    assert (said["passage"], said["entry"]) == (hit["passage"], 1)
    assert (said["standing"], said["list_revision"], said["hq_revision"]) == ("stands", 1, 1)
    assert said["en"] == "headquarters confirms: the entry stands" and said["zh"] == "总部确认有效"
    record, = wait_until("on record", chain.standings, 30)
    at, = [r for r in chain.records("hit") if r.body["hit"] == hit["hit"]]
    assert (record.body["hit"], record.body["hit_sequence"]) == (hit["hit"], at.sequence)
    statement = record.body["statement"]  # who reads the journal can check it again
    chain.hq.world.freshness_key.private.public_key().verify(
        base64.b64decode(statement["signatures"][0]["sig"]),
        b"checkpoint:standing/1\n" + payload_of(canonical(statement)))
    ctl = Ctl(chain.box.run, chain.box.folder / "session")
    assert ctl("login", "wang", password=PASSWORD).status == 0
    flat = " ".join(ctl("hits").out.split())
    assert "headquarters confirms" in flat and "s ago" in flat, flat
    chinese = Ctl(chain.box.run, ctl.session, "zh_CN.UTF-8")("hits").out.replace("\n", "").replace(" ", "")
    assert "总部确认有效（" in chinese and "秒前）" in chinese, chinese


def test_a_headquarters_that_hangs_delays_nothing(chain):
    chain.way.delay_s = 3600
    hit = chain.hit(SECOND)  # told before any word of headquarters
    said = chain.word(hit)
    assert (said["standing"], said["en"], said["zh"]) == ("no_answer", "headquarters gave no answer", "总部未答")
    assert said["mono_ns"] - hit["mono_ns"] >= 5_000_000_000  # CONFIRM_WAIT_MS
    shown, = [h for h in chain.shown("hits")["hits"] if h["hit"] == hit["hit"]]
    assert shown["standing"]["standing"] == "no_answer"
    assert len(chain.standings()) == 1


# ---- a headquarters that lies: the test speaks to checkpointd as checkpoint-uplinkd does ----

class Liar:
    def __init__(self, chain):
        self.world = chain.hq.world
        self.link = LineClient(chain.box.run / "records")
        self.asks = 0

    def receive(self):
        line = self.link.receive()
        self.asks += "ask" in line
        return line

    def tell(self, what, **members):
        self.link.send(do=what, **members)
        return next(line for line in iter(self.receive, None) if "ok" in line or "error" in line)

    def asked(self):
        return next(line["ask"] for line in iter(self.receive, None) if "ask" in line)

    def answer(self, ask, said="withdrawn", *, key=None, **fields):
        payload = canonical({"chain": ask["chain"], "checkpoint": BOX, "entry": ask["entry"], "revision": ask["revision"] + 1,
                             "sequence": ask["sequence"], "standing": said, "time": time_text(self.world.time_of()), **fields})
        return json.loads(envelope("standing/1", payload, [key or self.world.freshness_key]))

    def refused(self, statement):
        answer = self.tell("standing", standing=statement)
        assert "error" in answer, answer
        return answer["error"]["en"]


@pytest.fixture(scope="module")
def liar(chain):
    chain.link.stop()
    liar = Liar(chain)
    yield liar
    liar.link.close()


def test_what_a_hostile_headquarters_says_ends_nothing(chain, liar):
    world, before = liar.world, len(chain.standings())
    hit = chain.hit(PLANTS[0])
    assert chain.word(hit)["standing"] == "no_link"  # who has not said that it reaches headquarters is not asked
    assert liar.tell("link", connected=True, detail="")["ok"]
    chain.read(OBSERVED)  # what is only observed asks nothing
    hit = chain.hit(SECOND, chain.second)
    ask = liar.asked()
    assert (ask["entry"], ask["revision"]) == (2, 1)
    chain.box.sims[2].do("vehicle", plate=SECOND)
    held = wait_until("held", lambda: chain.box.lane(2)["holds"], 30)
    good = liar.answer(ask)
    assert "key of role receipt" in liar.refused(liar.answer(ask, key=world.receipt_key))
    assert "key of role list" in liar.refused(liar.answer(ask, key=world.clerks[0]))
    assert "signature" in liar.refused({**good, "payload": liar.answer(ask, "stands")["payload"]})
    assert "is for checkpoint lu-hz-02" in liar.refused(liar.answer(ask, checkpoint="lu-hz-02"))
    assert "no hit waits" in liar.refused(liar.answer(ask, sequence=ask["sequence"] + 1))
    assert "no hit waits" in liar.refused(liar.answer(ask, chain="00" * 16))
    assert "is about entry 1" in liar.refused(liar.answer(ask, entry=1))
    for minutes in (-10, 10):
        stamp = time_text(world.time_of() + minutes * MINUTE_MS)
        assert "from this box's clock" in liar.refused(liar.answer(ask, time=stamp))
    assert "expected stands, withdrawn" in liar.refused(liar.answer(ask, "released"))
    assert len(chain.standings()) == before
    assert liar.tell("standing", standing=good)["ok"]
    said = chain.word(hit)
    assert said["standing"] == "withdrawn" and "statement" not in said
    assert said["en"] == "headquarters says withdrawn; not in the signed list (revision 1)"
    assert said["zh"] == "总部称已撤控，签名名单（版本 1）中未撤"
    assert "has its answer" in liar.refused(good)  # the same once more, or another one
    assert "has its answer" in liar.refused(liar.answer(ask, "stands"))
    wait_until("on record", lambda: len(chain.standings()) > before, 30)
    assert len(chain.standings()) == before + 1
    assert chain.box.lane(2)["holds"] == held
    shown, = [h for h in chain.shown("hits")["hits"] if h["hit"] == hit["hit"]]
    assert shown["standing"]["standing"] == "withdrawn" and shown["decision"]["hold"]


def test_a_flood_of_hits_is_no_flood_at_headquarters(chain, liar):
    assert liar.tell("link", connected=True, detail="")["ok"]
    for plate in PLANTS:
        chain.read(plate)
    said = chain.next("hit_standing", lambda event: event["standing"] == "too_many_hits")
    assert (said["en"], said["zh"]) == ("headquarters not asked: too many hits at once", "未询问总部：同时命中过多")
    before = liar.asks
    assert liar.tell("link", connected=False, detail="away")["ok"]  # behind all questions
    assert 1 <= liar.asks - before <= BURST + 4
