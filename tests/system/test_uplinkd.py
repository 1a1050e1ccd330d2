"""checkpoint-uplinkd between a real checkpointd, Redis and hqd: records up, lists down, every fault between."""
import json
import os
import sqlite3
import subprocess

import pytest

from harness.cache import Redis
from harness.camera import Camera
from harness.fake_hq import FakeHq
from harness.hq import Headquarters
from harness.pki import DAY, Root, now
from harness.signing import NO_HASH, Key, entry, hash_text, payload_of
from harness.stack import Checkpoint, program, short_folder, wait_until

BOX = "lu-hz-01"
KEY = bytes(range(16))
WANTED = "鲁H12345"


class Site:
    """One checkpoint and its headquarters; programs are started by the test."""

    def __init__(self, folder):
        self.box = Checkpoint(folder, BOX)
        self.hq = Headquarters(self.box.folder / "hq").start()
        self.hq.world.write_roots(self.box.roots)
        self.hq.port_of_restart = self.hq.port
        self.hq.write_config()
        self.redis = Redis(self.box.folder).start()
        self.hq.box(BOX)
        self.token = self.events = None
        self.others = []

    def checkpointd(self):
        self.box.add_tcp_lane(1, sim=["--start-open"], mode="normally_open", transit_max="1s")
        self.box.add_camera(11, 1, key=KEY)
        self.daemon = self.box.start_checkpointd()
        self.token = self.box.leader()
        return self.daemon

    def login(self):
        client = self.box.control()
        self.token = client.act("login", officer="wang", password="correct horse 1")["result"]["token"]
        client.close()

    def matchd(self):
        self.box.start_matchd(self.redis.socket)
        self.camera = Camera(("127.0.0.1", self.box.port), lane=1, camera=11, key=KEY)
        self.events = self.box.events(self.token)

    def hit(self, plate, event):
        """A read that must become a hit on the box."""
        self.camera.send(plate, event, plate_class="02")
        while True:
            told = self.events.receive()
            if told["event"] == "hit" and told["matched"] == plate:
                return told

    def hq_hits(self):
        return self.hq.operator().get("/v1/operator/hits").json["hits"]

    def restart_hq(self, pair=None):
        """hqd again at the same port, with another server certificate if told."""
        self.hq.hqd.stop()
        if pair:
            self.hq.pki.server = pair
            self.hq.write_config()
        self.hq.hqd.start()

    def fake(self, answer, pair=None):
        """Headquarters' place is taken by a server that answers as told."""
        fake = FakeHq(self.hq.pki, answer, pair)
        self.others.append(fake)
        return fake

    def uplinkd(self, pair=None, **more):
        self.link = self.box.start_uplinkd(self.hq, self.redis.socket, pair, **more)
        return self.link

    def act(self, name, **args):
        client = self.box.control()
        answer = client.act(name, self.token, **args)
        client.close()
        assert answer["ok"], answer
        return answer["result"]

    def status(self):
        return self.act("status")

    def acts(self, count, text="act"):
        """Acts of an officer, each a record or more."""
        for n in range(count):
            self.act("stop", lane=1, reason=f"{text} {n}")

    def sync(self, timeout_s=20):
        """Waits until all the journal holds is confirmed; returns its head."""
        def confirmed():
            journal = self.status()["journal"]
            return journal["head"] if journal["head"] == journal["confirmed"] else None
        return wait_until("every record confirmed", confirmed, timeout_s)

    def store(self, query, *args):
        db = sqlite3.connect(self.hq.folder / "state" / "hqd.sqlite")
        try:
            return db.execute(query, args).fetchall()
        finally:
            db.close()

    def sequences(self):
        return [row[0] for row in self.store(
            "SELECT sequence FROM records WHERE checkpoint = ? ORDER BY sequence", BOX)]

    def publish(self, *added, **options):
        answer = self.hq.operator().put("/v1/list/batches",
                                        self.hq.world.batch(added=added, **options))
        assert answer.status == 201, answer.body

    def revision(self):
        return int(self.redis.client().hget("wanted:meta", "revision") or 0)

    def seen_by_hq(self):
        """When hqd last heard of the box, and what it stored of it."""
        rows = self.store("SELECT last_seen_ms FROM checkpoints WHERE id = ?", BOX)
        return rows[0][0], self.sequences()

    def logged(self, text):
        return text in self.link.log_path.read_text(encoding="utf-8", errors="replace")

    def wait_log(self, text, timeout_s=15):
        wait_until(f"'{text}' in uplinkd's log", lambda: self.logged(text), timeout_s)

    def stop(self):
        if self.events:
            self.events.close()
            self.camera.close()
        self.box.stop()
        for other in self.others:
            other.stop()
        self.hq.stop()
        self.redis.stop()


@pytest.fixture
def site():
    with short_folder() as folder:
        site = Site(folder)
        try:
            yield site
        finally:
            site.stop()


def test_records_reach_headquarters_and_are_confirmed(site):
    site.checkpointd()
    site.uplinkd()
    site.acts(3)
    head = site.sync()
    assert site.sequences() == list(range(1, head + 1))
    wait_until("link shown", lambda: site.status()["uplink"] == {"connected": True, "detail": ""})
    answer = site.hq.operator().post("/v1/operator/audit/verify", {"checkpoint": BOX})
    assert answer.json["ok"] and answer.json["checkpoints"][0]["last"] == head


def test_list_published_at_headquarters_alerts_and_the_hit_goes_back(site):
    site.checkpointd()
    site.uplinkd()
    site.matchd()
    site.publish(entry(1, WANTED))
    wait_until("list in Redis", lambda: site.revision() == 1)
    wait_until("list in matchd", lambda: site.status()["list"]
               and site.status()["list"]["revision"] == 1)
    told = site.hit(WANTED, 7)
    assert told["match"] == "exact"
    wait_until("hit at headquarters", site.hq_hits)
    site.sync()
    hits = site.hq_hits()
    assert [h["record"]["read"]["event_id"] for h in hits] == ["7"]
    assert not hits[0]["provisional"] and hits[0]["checkpoint"] == BOX
    site.publish(withdrawn=[1])
    wait_until("withdrawn in Redis", lambda: site.revision() == 2)
    row = site.store("SELECT list_revision, list_hash, inbox_acked FROM checkpoints WHERE id = ?", BOX)[0]
    wait_until("box's list shown to operators", lambda: site.store(
        "SELECT list_revision FROM checkpoints WHERE id = ?", BOX)[0][0] == 2)
    assert row[2] > 0


def test_urgent_record_overtakes_records_that_hang(site):
    release = []

    def answer(request):
        if request[1].endswith("/records"):
            wait_until("released", lambda: release or fake.stopping.is_set(), 60)
            return None
        if request[1].endswith("/urgent"):
            return 202, {"provisional": True}
        return 503, {}

    fake = site.fake(answer)
    site.checkpointd()
    site.uplinkd(hq=[f"https://127.0.0.1:{fake.port}"])
    wait_until("a batch hangs", lambda: fake.paths("/records"))
    site.act("hold", lane=1, reason="driver fled")
    wait_until("urgent one arrives", lambda: fake.paths("/urgent"))
    assert len(fake.paths("/records")) == 1 and not release
    release.append(True)


def test_headquarters_down_at_start_during_and_back(site):
    site.hq.hqd.stop()
    site.checkpointd()
    site.uplinkd()
    site.wait_log("UPLINK_DOWN")
    site.acts(20, "before")
    assert site.status()["journal"]["confirmed"] == 0
    wait_until("link shown as down", lambda: not site.status()["uplink"]["connected"]
               and "cannot connect" in site.status()["uplink"]["detail"])
    site.hq.hqd.start()
    first = site.sync()
    site.hq.hqd.kill()
    site.acts(130, "during")
    site.hq.hqd.start()
    head = site.sync()
    assert head >= first + 130
    assert site.sequences() == list(range(1, head + 1))
    wait_until("link shown as up", lambda: site.status()["uplink"]["connected"])
    assert site.link.log_path.read_text().count("UPLINK_DOWN") <= 8  # begins and ends, not each try


def test_redis_down_at_start_and_back(site):
    site.redis.stop()
    site.uplinkd()
    site.publish(entry(1, WANTED))
    site.wait_log("UPLINK_LIST_TAKEN")
    site.wait_log("WANTED_REDIS_DOWN")
    site.redis.start()
    wait_until("list in Redis", lambda: site.revision() == 1)


def test_redis_is_refilled_from_disk_without_headquarters(site):
    site.uplinkd()
    site.publish(entry(1, WANTED), entry(2, "鲁H22222"))
    wait_until("list in Redis", lambda: site.revision() == 1)
    site.hq.hqd.stop()
    site.redis.client().flushall()
    wait_until("refilled", lambda: site.revision() == 1)
    site.link.stop()
    site.redis.kill()
    site.redis.start()
    assert site.revision() == 0
    site.link.start()
    wait_until("filled from disk", lambda: site.revision() == 1)
    assert site.redis.client().xlen("wanted:delta") == 1


def test_kill_of_each_program_loses_nothing_and_doubles_nothing(site):
    daemon = site.checkpointd()
    link = site.uplinkd()
    for number, victim in enumerate((link, site.hq.hqd, daemon)):
        site.acts(40, f"before {number}")
        victim.kill()
        if victim is not daemon:
            site.acts(10, f"without {number}")
        confirmed = [row[0] for row in site.store("SELECT max(sequence) FROM records")][0]
        victim.start()
        if victim is daemon:
            site.login()
        head = site.sync()
        assert head > (confirmed or 0)
        assert site.sequences() == list(range(1, head + 1))
    answer = site.hq.operator().post("/v1/operator/audit/verify", {"checkpoint": BOX})
    assert answer.json["ok"], answer.json
    assert len(site.store("SELECT DISTINCT chain FROM records")) == 1


def test_nothing_happens_without_checkpointd_and_it_is_told(site):
    site.uplinkd()
    site.wait_log("UPLINK_BOX_LOST")
    site.publish(entry(1, WANTED))
    wait_until("list in Redis", lambda: site.revision() == 1)
    site.checkpointd()
    site.sync()


@pytest.mark.parametrize("name", ["none", "expired", "foreign", "another", "other_key"])
def test_unusable_certificate_is_named_and_nothing_is_sent(site, name):
    pki = site.hq.pki
    pair = pki.box(BOX, stem="bad")
    if name == "none":
        pair.pem.unlink()
    elif name == "expired":
        pair = pki.box(BOX, stem="bad", start=now() - 40 * DAY, end=now() - DAY)
    elif name == "foreign":
        pair = Root(pki.folder, "foreign-ca", "boxes-ca").issue("bad", f"urn:checkpoint:{BOX}")
    elif name == "another":
        pair = pki.box("lu-hz-02", stem="bad")
    else:
        pair.key_path = pki.box(BOX, stem="worse").key_path
    site.checkpointd()
    site.uplinkd(pair)
    site.wait_log({"none": "bad.pem: No such file", "expired": "bad.pem: expired at ",
                   "foreign": "does not chain to the box root: ",
                   "another": "is of 'lu-hz-02', expected checkpoint 'lu-hz-01'",
                   "other_key": "does not belong to the key"}[name])
    assert site.logged("UPLINK_CERTIFICATE")
    site.acts(2)
    wait_until("link shown", lambda: "bad.pem" in site.status()["uplink"]["detail"])
    assert site.seen_by_hq() == (None, [])
    good = pki.box(BOX, stem="good")
    os.replace(good.key_path, site.box.folder / "hq" / "pki" / "bad.key")
    if name == "other_key":
        os.replace(site.box.folder / "hq" / "pki" / "bad.key", pair.key_path)
    os.replace(good.pem, pair.pem)
    site.sync()


def test_certificate_that_ends_soon_is_told(site):
    site.uplinkd(site.hq.pki.box(BOX, stem="old", start=now() - 25 * DAY, end=now() + 5 * DAY))
    site.wait_log("UPLINK_CERTIFICATE_ENDS")
    assert site.logged("old.pem: 4 days left")


def test_revoked_box_is_told_and_goes_on_after_enrolling(site):
    site.checkpointd()
    site.uplinkd()
    site.sync()
    assert site.hq.operator().post("/v1/operator/revoke",
                                   {"checkpoint": BOX, "reason": "stolen"}).status == 200
    site.acts(2)
    site.wait_log("UPLINK_REFUSED")
    before = site.sequences()
    site.acts(2)
    assert site.sequences() == before


@pytest.mark.parametrize("name", ["foreign", "expired", "other_fleet", "a_box"])
def test_wrong_server_is_refused_and_nothing_is_sent(site, name):
    pki = site.hq.pki
    urn = f"urn:checkpoint-hq:{pki.fleet}"
    pair = {"foreign": lambda: Root(pki.folder, "other-ca", "servers-ca").issue("s", urn, server=True),
            "expired": lambda: pki.servers.issue("s", urn, server=True, start=now() - 9 * DAY,
                                                 end=now() - DAY),
            "other_fleet": lambda: pki.servers.issue("s", "urn:checkpoint-hq:other", server=True),
            "a_box": lambda: pki.servers.issue("s", f"urn:checkpoint:{BOX}", server=True)}[name]()
    fake = site.fake(lambda request: (200, {}), pair)
    site.checkpointd()
    site.uplinkd(hq=[f"https://127.0.0.1:{fake.port}"])
    site.wait_log("UPLINK_SERVER_REFUSED")
    site.acts(2)
    wait_until("link shown", lambda: "we refuse" in site.status()["uplink"]["detail"])
    assert not fake.requests


def head_of(world, **fields):
    return {"revision": world.revision, "hash": hash_text(world.hash), "time": None, "max_id": 0,
            "entries": 0, "freshness": json.loads(world.freshness()), "keyset_version": world.version,
            **fields}


class Liar:
    """A lying headquarters: the right certificate and key set, and whatever list it likes."""

    def __init__(self, site):
        self.world, self.batches, self.head = site.hq.world, [], {}
        self.fake = site.fake(self.answer)
        self.url = [f"https://127.0.0.1:{self.fake.port}"]

    def answer(self, request):
        path = request[1].split("?")[0]
        if path == "/v1/keyset":
            return 200, self.world.keyset()
        if path == "/v1/list/head":
            return 200, head_of(self.world, **self.head)
        if path == "/v1/list/batches":
            after = int(request[1].split("after=")[1].split("&")[0])
            return 200, {"batches": [{"revision": n + 1, "hash": hash_text(NO_HASH),
                                      "envelope": json.loads(batch)}
                                     for n, batch in enumerate(self.batches) if n >= after],
                         "next": len(self.batches)}
        if path == "/v1/list/snapshot":
            return 404, {"error": {"code": "not_found", "en": "none", "zh": "无"}}
        if path.endswith("/inbox"):
            self.fake.stopping.wait(0.2)
            after = int(request[1].split("after=")[1].split("&")[0])
            return 200, {"messages": [{"number": after + 1, "kind": "list", "expires": "",
                                       "body": {}}], "next": after + 1}
        return 503, {}


@pytest.mark.parametrize("name", ["unsigned", "altered", "other_role", "stranger", "one_clerk",
                                  "out_of_order"])
def test_lying_headquarters_changes_no_list(site, name):
    liar = Liar(site)
    world = liar.world
    liar.batches.append(world.batch(added=[entry(1, WANTED)]))
    site.uplinkd(hq=liar.url)
    wait_until("true list in Redis", lambda: site.revision() == 1)
    before = site.redis.client().xrange("wanted:delta")
    add = {"added": [entry(2, "鲁H66666")]}
    if name == "unsigned":
        bad = json.dumps({**json.loads(world.batch(**add)), "signatures": []}).encode()
    elif name == "altered":
        bad = world.batch(**add).replace(b'"payload":"', b'"payload":"AAAA')
    elif name == "other_role":
        bad = world.batch(**add, signers=[world.freshness_key])
    elif name == "stranger":
        bad = world.batch(**add, signers=[Key("list", "clerk-a"), Key("list", "clerk-b")])
    elif name == "one_clerk":
        bad = world.batch(added=[entry(2, "鲁H66666", priority=1)], signers=world.clerks[:1])
    else:
        world.batch(added=[entry(9, "鲁H99999")])
        bad = world.batch(**add)
        liar.head = {"revision": 2}
    liar.batches.append(bad)
    site.wait_log("UPLINK_LIST_REFUSED")
    assert site.revision() == 1
    assert site.redis.client().xrange("wanted:delta") == before
    assert site.link.running


@pytest.mark.parametrize("name", ["nonsense", "endless", "huge", "deep", "hang_up", "negative"])
def test_answers_that_make_no_sense_are_cut_and_told(site, name):
    good = []

    def endless():
        while not fake.stopping.is_set():
            yield b"{" * 65536

    def answer(request):
        if good:
            return liar.answer(request)
        return {"nonsense": (200, "hello"), "endless": (200, endless()),
                "huge": (200, b" " * (5 << 20)), "deep": (200, "[" * 100000), "hang_up": None,
                "negative": (200, head_of(site.hq.world, revision=-1))}[name]

    liar = Liar(site)
    fake = site.fake(answer)
    liar.batches.append(liar.world.batch(added=[entry(1, WANTED)]))
    site.uplinkd(hq=[f"https://127.0.0.1:{fake.port}"])
    site.wait_log({"endless": "answer too large, limit 4194304", "huge": "answer too large",
                   "hang_up": "UPLINK_DOWN"}.get(name, "UPLINK_ANSWER_BAD"))
    good.append(True)
    wait_until("list in Redis", lambda: site.revision() == 1)


def test_receipt_of_a_stranger_confirms_nothing(site):
    liar = Liar(site)
    good = liar.fake.answer

    def answer(request):
        if request[1].endswith("/records"):
            first = json.loads(request[2].splitlines()[-1])
            chain, sequence = first["id"].split(":")
            return 200, liar.world.receipt(BOX, chain, int(sequence), bytes(32),
                                           key=Key("receipt", "hqd"))
        return good(request)

    liar.fake.answer = answer
    site.checkpointd()
    site.uplinkd(hq=liar.url)
    site.wait_log("UPLINK_RECEIPT_REFUSED")
    assert site.status()["journal"]["confirmed"] == 0
    wait_until("sent again", lambda: len(liar.fake.paths("/records")) > 1)


def test_new_chain_waits_in_quarantine_while_hits_go_on(site):
    daemon = site.checkpointd()
    site.uplinkd()
    site.matchd()
    site.publish(entry(1, WANTED))
    wait_until("list in matchd", lambda: site.status()["list"]
               and site.status()["list"]["revision"] == 1)
    site.sync()
    daemon.kill()
    for path in (site.box.state / "checkpointd" / "journal").iterdir():
        path.unlink()
    site.events.close()
    daemon.start()
    site.login()
    site.events = site.box.events(site.token)
    site.wait_log("UPLINK_QUARANTINE")
    site.hit(WANTED, 21)
    hit = wait_until("hit at headquarters", site.hq_hits)[0]
    assert hit["provisional"] and hit["record"]["read"]["event_id"] == "21"
    assert site.status()["journal"]["confirmed"] == 0
    box = site.hq.operator().get("/v1/operator/checkpoints").json["checkpoints"][0]
    assert box["state"] == "quarantined"
    answer = site.hq.operator().post("/v1/operator/accept-chain", {
        "checkpoint": BOX, "chain": box["chain"], "reason": "disk replaced"})
    assert answer.status == 200, answer.body
    site.sync()
    assert not site.hq_hits()[-1]["provisional"]


def test_far_behind_the_list_comes_as_a_snapshot(site):
    zhang, world = site.hq.operator(), site.hq.world
    for number in range(1, 4):
        site.publish(*[entry(10 * number + n, f"鲁H{number}{n:04d}") for n in range(5)])
    manifest, chunks = world.snapshot(chunk_entries=4)
    for chunk, row in zip(chunks, json.loads(payload_of(manifest))["chunks"]):
        assert zhang.put(f"/v1/list/chunks/{row['hash'][7:]}", chunk).status == 201
    assert zhang.put("/v1/list/snapshot", manifest).status == 201
    site.uplinkd()
    wait_until("snapshot in Redis", lambda: site.revision() == 3)
    assert site.redis.client().hget("wanted:meta", "snapshot") == b"3"
    assert len(list((site.box.state / "uplinkd" / "list").glob("chunk-*"))) == 4
    site.publish(entry(99, WANTED))
    wait_until("the next batch", lambda: site.revision() == 4)


def test_new_key_set_reaches_checkpointd(site):
    site.checkpointd()
    site.uplinkd()
    site.sync()
    site.hq.world.version = 2
    assert site.hq.operator().put("/v1/keyset", site.hq.world.keyset()).status == 201

    def version():
        text = (site.box.state / "checkpointd" / "keyset.json").read_bytes()
        return json.loads(payload_of(text))["version"]
    wait_until("key set 2 at checkpointd", lambda: version() == 2)
    site.acts(1)
    site.sync()


def test_instruction_is_kept_told_once_and_does_not_stop_the_list(site):
    site.uplinkd()
    answer = site.hq.operator().post("/v1/operator/instructions",
                                     site.hq.world.instruction(BOX, 1, "notice", {"text": "x"}))
    assert answer.status == 201, answer.body
    site.wait_log("UPLINK_MESSAGE_KEPT")
    kept = list((site.box.state / "uplinkd" / "messages").iterdir())
    assert len(kept) == 1 and json.loads(kept[0].read_text())["kind"] == "instruction"
    site.publish(entry(1, WANTED))
    wait_until("list in Redis", lambda: site.revision() == 1)
    site.link.kill()
    site.link.start()
    site.publish(entry(2, "鲁H22222"))
    wait_until("list in Redis", lambda: site.revision() == 2)
    assert site.link.log_path.read_text().count("UPLINK_MESSAGE_KEPT") == 1


def test_sigterm_ends_within_two_seconds_while_headquarters_hangs(site):
    fake = site.fake(lambda request: fake.stopping.wait(60) and None)
    site.checkpointd()
    site.uplinkd(hq=[f"https://127.0.0.1:{fake.port}"])
    wait_until("requests hang", lambda: fake.paths("/records") and fake.paths("/head"))
    status, seconds = site.link.stop()
    assert status == 0 and seconds < 2.0


def test_second_server_serves_when_the_first_is_down(site):
    site.checkpointd()
    site.uplinkd(hq=["https://127.0.0.1:1", f"https://127.0.0.1:{site.hq.port}"])
    site.acts(2)
    site.sync()


@pytest.mark.parametrize("field,value,text", [
    ("hq", ["http://hq.example"], "hq[0] = 'http://hq.example': not an address"),
    ("checkpoint", "Lu HZ", "checkpoint = 'Lu HZ': not an id"),
    ("batch_records", 1000, "batch_records = '1000'"),
    ("nonsense", 1, "nonsense")])
def test_bad_configuration_names_file_line_and_key(site, field, value, text):
    path = site.box.write_uplinkd(site.hq, site.redis.socket, **{field: value})
    done = subprocess.run([program("checkpoint-uplinkd"), "--config", path, "--check"],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 78 and "uplinkd.yaml:" in done.stdout and text in done.stdout


# Enrolment

class Enrolment:
    def __init__(self, site):
        self.site = site
        self.pem = site.box.etc / "box.pem"
        self.key = site.box.etc / "box.key.pem"
        self.root = site.box.etc / "box-root.pem"

    def token(self, checkpoint=BOX):
        answer = self.site.hq.operator().post("/v1/operator/enroll",
                                              {"checkpoint": checkpoint, "name": "x"})
        assert answer.status == 201, answer.body
        return answer.json["token"]

    def run(self, token, **more):
        path = self.site.box.write_uplinkd(self.site.hq, self.site.redis.socket, **{
            "certificate": str(self.pem), "key": str(self.key), "box_root": str(self.root),
            "est_url": f"https://127.0.0.1:{self.site.hq.est_port}/.well-known/est", **more})
        return subprocess.run([program("checkpoint-uplinkd"), "--enroll", "--config", path,
                               "--token-fd", "0"], input=token + "\n", capture_output=True,
                              text=True, timeout=60, check=False)

    def nothing_installed(self):
        return not self.pem.exists() and not self.key.exists()


@pytest.fixture
def enrolment(site):
    return Enrolment(site)


def test_enrolled_box_links_up(site, enrolment):
    token = enrolment.token()
    done = enrolment.run(token)
    assert done.returncode == 0, done.stderr
    assert f"enrolled {BOX}, certificate until " in done.stdout
    assert token not in done.stdout + done.stderr
    assert enrolment.key.stat().st_mode & 0o777 == 0o600
    assert not list(site.box.etc.glob("*.new*"))
    assert enrolment.root.read_bytes().strip() == site.hq.pki.boxes.pem.read_bytes().strip()
    site.checkpointd()
    site.link = site.box.start("checkpoint-uplinkd", site.box.etc / "uplinkd.yaml")
    site.acts(1)
    site.sync()
    again = enrolment.run(token)
    assert again.returncode == 1 and "the token was refused" in again.stderr
    assert enrolment.run(enrolment.token()).returncode == 0
    site.acts(1)
    site.sync()  # the running link took the new certificate up


def test_enrolment_refusals_install_nothing(site, enrolment):
    pki = site.hq.pki
    wrong = enrolment.run("not-the-token")
    assert wrong.returncode == 1 and "the token was refused: wrong, used, expired" in wrong.stderr
    assert enrolment.run("").returncode == 1
    other = enrolment.run(enrolment.token("lu-hz-02"))
    assert other.returncode == 1 and "the token was refused" in other.stderr
    foreign = Root(pki.folder, "foreign-ca", "servers-ca")
    done = enrolment.run(enrolment.token(), hq_root=str(foreign.pem))
    assert done.returncode == 1 and "we refuse the server's certificate" in done.stderr
    done = enrolment.run(enrolment.token(), fleet="other")
    assert done.returncode == 1 and "not the HQ of our fleet" in done.stderr
    enrolment.root.write_bytes(foreign.pem.read_bytes())
    done = enrolment.run(enrolment.token())
    assert done.returncode == 1 and "does not chain to the box root" in done.stderr
    site.hq.hqd.stop()
    done = enrolment.run("x")
    assert done.returncode == 1 and "cannot connect" in done.stderr
    assert enrolment.nothing_installed()


def test_interrupted_installation_is_completed(site, enrolment):
    assert enrolment.run(enrolment.token()).returncode == 0
    os.replace(enrolment.key, str(enrolment.key) + ".new")
    enrolment.key.write_bytes(site.hq.pki.box(BOX, stem="old").key_path.read_bytes())
    enrolment.key.chmod(0o600)
    site.checkpointd()
    site.link = site.box.start("checkpoint-uplinkd", site.box.etc / "uplinkd.yaml")
    site.sync()
    assert not list(site.box.etc.glob("*.new*"))


@pytest.mark.parametrize("argv", [["--token-fd", "0"], ["--enroll", "--token-fd", "x"],
                                  ["--enroll", "--token", "secret"]])
def test_wrong_arguments(argv):
    done = subprocess.run([program("checkpoint-uplinkd"), *argv], capture_output=True, timeout=20,
                          check=False)
    assert done.returncode == 2
