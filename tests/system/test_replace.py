"""Swapped hardware: the old box dies in mid-backlog, another one takes its place under the same identity, the old one
comes back, is refused and alarmed. Counted at both ends."""
from types import SimpleNamespace

import pytest

from harness import journal
from harness.camera import Camera
from harness.fleet import Fleet, Neighbour
from harness.hq import Headquarters, Peer, acts
from harness.hqctl import ROOTS
from harness.records import Journal
from harness.signing import entry
from harness.stack import short_folder, wait_until
from test_hqd import certificates_of, enroll, pair_of, request_for

KEY = bytes(range(16))
BOX, WANTED, DUTY = "lu-hz-01", "鲁H12345", "instruction key of wang"
RECORDS, OBSERVE = f"/v1/checkpoints/{BOX}/records", f"/v1/checkpoints/{BOX}/observe"


class Site(Fleet):
    """A box with one lane and a camera."""

    def prepare(self):
        self.box.add_open_lane(1, transit_max="1s")
        self.box.add_camera(11, 1, key=KEY)

    def go(self):
        self.start_box()
        self.wait_ready()
        self.camera = Camera(("127.0.0.1", self.box.port), lane=1, camera=11, key=KEY)
        return self

    def act(self, name, **args):
        client = self.box.control()
        answer = client.act(name, self.token, **args)
        client.close()
        assert answer["ok"], answer

    def kinds(self, kind):
        """Bodies of the journal's records of that kind."""
        return [r.body for r in journal.verify(self.box.state / "checkpointd" / "journal") if r.kind == kind]

    def head(self):
        return self.confirmed()[1]

    def log(self, name):
        return (self.box.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")


class NewBox(Neighbour, Site):
    """The box that takes the old one's place."""

    def __init__(self, folder, old):
        super().__init__(folder, old, BOX)
        self.answer = None
        self.prepare()
        self.take_roots()

    def token_for(self, fingerprint):
        self.answer, = self.hq.json("replace", BOX, "--reason", "mainboard burnt", "--fingerprint", fingerprint, "--yes",
                                    *self.hq.online)
        return self.answer["token"]


@pytest.fixture
def sites():
    with short_folder() as folder, short_folder() as other:
        with Site(folder) as old:
            old.prepare()
            new = NewBox(other, old)
            try:
                yield old, new
            finally:
                new.stop()


def store(site, query, *args):
    database = site.database
    try:
        return database.execute(query, args).fetchall()
    finally:
        database.close()


def instruct(site, text):
    key = site.hq.dir / "duty" / "wang.key.pem"
    sent, = site.hq.json("instruct", "message", BOX, text, "--key", key, *site.hq.online, passphrases=[DUTY])
    return sent["number"]


def answered(site, number):
    return next(r["result"] for r in site.hq.json("instructions", *site.hq.online) if r["number"] == number)


def kill_in_mid_backlog(old):
    """Records that headquarters knows of and never gets, among them an instruction kept and not yet carried out."""
    link = old.daemons["uplinkd"]
    link.stop()
    old.link_options = {"upload_kbit_s": 16, "compress": False}  # 40 s for what comes now
    old.uplinkd_config()
    link.start()
    before, _ = old.confirmed()
    for n in range(30):
        old.act("stop", lane=1, reason=f"never sent {n} " + "x" * 150)
    wait_until("all on record", lambda: old.head() >= before + 30)
    head = old.head()
    chain, = store(old, "SELECT chain FROM chains WHERE stream = 0")[0]
    old.publish([entry(2, "鲁H22222", **{"class": "02"})])  # a box that looks at the list says where its journal stands
    wait_until("headquarters knows how far it goes",
               lambda: store(old, "SELECT recorded FROM journals WHERE chain = ?", chain)[0][0] >= head, 30)
    old.daemons["checkpointd"].kill()
    number = instruct(old, "第二条")
    wait_until("acknowledged", lambda: store(old, "SELECT inbox_acked FROM checkpoints")[0][0] >= number, 30)
    for name in ("uplinkd", "matchd"):
        old.daemons[name].kill()
    return chain.hex(), head, number


def test_another_box_takes_its_place(sites):
    old, new = sites
    old.publish([entry(1, WANTED, **{"class": "02"})])
    old.hq.run("clerk", "add", old.hq.dir, "wang", "--duty", "--publish", *old.hq.online,
               passphrases=[*ROOTS[:2], DUTY])
    old.go()
    old.camera.send(WANTED, 1, plate_class="02")
    wait_until("the old box's hit", lambda: old.hits_at_hq() == [1], 30)
    first = instruct(old, "第一条")
    wait_until("carried out", lambda: answered(old, first) == "done", 30)
    chain, head, second = kill_in_mid_backlog(old)
    certificate = SimpleNamespace(pem=old.box.etc / "box.pem", key_path=old.box.etc / "box.key.pem")
    trust = SimpleNamespace(servers=SimpleNamespace(pem=old.box.etc / "hq-root.pem"))
    waiting = Peer(old.hq.port, trust, certificate).connect()
    waiting.request("GET", f"/v1/checkpoints/{BOX}/inbox?after={second}&wait=60")

    new.go()  # replaces it on the way
    refused = waiting.getresponse()
    assert refused.status == 403 and "replaced by another one" in refused.read().decode()
    waiting.close()
    held, recorded = new.answer["old"]["held"], new.answer["old"]["recorded"]
    assert held < head <= recorded
    assert new.answer["old"] == {"chain": chain, "held": held, "recorded": recorded, "missing": recorded - held}
    wait_until("its journal at headquarters", lambda: len(set(new.confirmed())) == 1, 30)
    chains = store(old, "SELECT chain, state, accepted_by, accept_reason FROM chains WHERE stream = 0 ORDER BY opened_ms")
    assert [(c[0].hex() == chain, *c[1:]) for c in chains] == [
        (True, "active", None, None), (False, "active", "zhang", "mainboard burnt")]
    wait_until("what the old one had not carried out", lambda: answered(old, second) == "done", 30)
    assert [b["said"]["text"] for b in new.kinds("instruction") if "said" in b] == ["第二条"]
    new.camera.send(WANTED, 2, plate_class="02")
    wait_until("the new box's hit", lambda: sorted(old.hits_at_hq()) == [1, 2])
    confirmed = new.confirmed()[0]
    for row, last in zip(chains, (held, confirmed)):
        assert [s for s, in store(old, "SELECT sequence FROM records WHERE chain = ? AND sequence <= ? ORDER BY sequence",
                                  row[0], last)] == list(range(1, last + 1))
    done = old.hq.try_run("audit", "missing", BOX, *old.hq.online)
    assert done.returncode == 1 and f"MISSING 缺失 {held + 1} to {recorded} ({recorded - held}): gone" in done.stdout, done.stdout
    assert done.stdout.count("MISSING") == 1

    assert not store(old, "SELECT * FROM certificates WHERE back_ms IS NOT NULL")
    before = store(old, "SELECT count(*) FROM records WHERE chain = ?", bytes.fromhex(chain))
    for name in ("checkpointd", "uplinkd"):
        old.daemons[name].start()
    wait_until("the old one alarms", lambda: "UPLINK_REFUSED" in old.log("checkpoint-uplinkd"), 30)
    assert "take this one out of service" in old.log("checkpoint-uplinkd")
    log = old.hq.folder / "hqd.log"
    wait_until("headquarters alarms", lambda: "HQ_TWO_BOXES" in log.read_text())
    told, = acts(old.hq.dir / "state", "checkpoint.two_boxes")
    assert told["about"].startswith(f"{BOX} certificate sha256:")
    row, = old.hq.json("checkpoints", *old.hq.online)
    assert row["state"] == "active" and row["replaced"] and row["old_box_seen"]
    assert store(old, "SELECT count(*) FROM records WHERE chain = ?", bytes.fromhex(chain)) == before
    new.act("stop", lane=1, reason="goes on")
    wait_until("the new one goes on", lambda: new.confirmed()[0] > confirmed, 30)
    assert log.read_text().count("HQ_TWO_BOXES") == 1  # once an hour


@pytest.fixture
def hq(tmp_path):
    headquarters = Headquarters(tmp_path).start()
    yield headquarters
    headquarters.stop()


def replace(hq, **more):
    return hq.operator().post("/v1/operator/replace", {"checkpoint": BOX, "reason": "burnt", **more})


def enrolled(hq, stem, token):
    key, request = request_for(f"urn:checkpoint:{BOX}")
    answer = enroll(hq, BOX, token, request)
    assert answer.status == 200, answer.body
    return hq.peer(pair_of(hq, stem, key, certificates_of(answer)[0]))


def test_only_the_next_chain_of_each_stream_is_taken(hq):
    assert replace(hq).status == 404
    old, first = hq.box(BOX), Journal(BOX)
    assert old.post(RECORDS, first.line("start")).status == 200
    for body in ({"reason": ""}, {"valid_minutes": 4321}, {"fingerprint": "sha256:12"}, {"reason": None}):
        assert replace(hq, **body).status == 400, body
    answer = replace(hq)
    assert answer.status == 201 and answer.json["old"]["missing"] == 0
    assert old.post(RECORDS, first.line()).status == 403
    complete = hq.operator().get("/v1/operator/audit/missing").json
    assert complete["complete"] and not complete["chains"][0]["in_use"]
    new = enrolled(hq, "new", answer.json["token"])
    second, third, sealed = Journal(BOX), Journal(BOX), Journal(BOX)
    assert new.post(RECORDS, second.line("start")).status == 200
    assert new.post(RECORDS, third.line("start")).status == 409
    assert new.post(OBSERVE, sealed.line("start")).status == 200
    assert new.post(OBSERVE, Journal(BOX).line("start")).status == 409
    assert new.post(RECORDS, second.line()).status == 200
    assert old.get("/v1/list/head").status == 403
    row, = hq.operator().get("/v1/operator/checkpoints").json["checkpoints"]
    assert row["old_box_seen"] is not None


def test_the_old_ones_disk_in_the_new_box_goes_on_and_nothing_else_is_taken(hq):
    old, journal_ = hq.box(BOX), Journal(BOX)
    assert old.post(RECORDS, journal_.line("start")).status == 200
    new = enrolled(hq, "new", replace(hq).json["token"])
    assert new.post(RECORDS, journal_.line()).status == 200
    assert new.post(RECORDS, Journal(BOX).line("start")).status == 409


def test_a_token_that_only_enrols_expects_no_chain(hq):
    old = hq.box(BOX)
    assert old.post(RECORDS, Journal(BOX).line("start")).status == 200
    assert replace(hq).status == 201
    token = hq.operator().post("/v1/operator/enroll", {"checkpoint": BOX, "name": "x"}).json["token"]
    assert enrolled(hq, "again", token).post(RECORDS, Journal(BOX).line("start")).status == 409
