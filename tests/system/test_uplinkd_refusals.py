"""What checkpoint-uplinkd refuses: certificates on either side, a lying headquarters, answers that make no sense."""
import json
import os

import pytest

from harness import journal
from harness.pki import DAY, Root, now
from harness.signing import NO_HASH, Key, entry, hash_text
from harness.stack import wait_until
from harness.uplink_site import BOX, WANTED, a_site


@pytest.fixture
def site():
    yield from a_site()


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
    site.hq.cad.stop()  # or it would be renewed
    site.uplinkd(site.hq.pki.box(BOX, stem="old", start=now() - 25 * DAY, end=now() + 5 * DAY))
    site.wait_log("UPLINK_CERTIFICATE_ENDS")
    assert site.logged("old.pem: 4 days left")


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
        self.site, self.world, self.batches, self.head, self.policy = site, site.hq.world, [], {}, None
        self.fake = site.fake(self.answer)
        self.url = [f"https://127.0.0.1:{self.fake.port}"]

    def answer(self, request):
        path = request[1].split("?")[0]
        if path == "/v1/keyset":
            return 200, self.world.keyset()
        if path == "/v1/match-policy":
            return 200, self.policy
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
    before = wait_until("its batch", lambda: site.redis.client().xrange("wanted:delta"))
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


@pytest.mark.parametrize("name", ["one_clerk", "other_role", "altered", "older", "fork", "other_fleet", "channel"])
def test_a_policy_that_is_refused_holds_up_no_list(site, name):
    liar = Liar(site)
    world = liar.world
    liar.head, liar.policy = {"policy_version": 2}, world.policy(2)
    site.uplinkd(hq=liar.url)
    held = wait_until("true policy in Redis", lambda: site.redis.client().get("wanted:policy"))
    assert json.loads(held) == json.loads(liar.policy)  # signed in Python, verified in C
    liar.policy = {
        "one_clerk": lambda: world.policy(3, signers=world.clerks[:1]),
        "other_role": lambda: world.policy(3, signers=[world.clerks[0], world.instruction_key]),
        "altered": lambda: world.policy(3).replace(b'"payload":"', b'"payload":"AAAA'),
        "older": lambda: world.policy(1), "fork": lambda: world.policy(2, false_alerts=30),
        "other_fleet": lambda: world.policy(3, fleet="yu-zz"),
        "channel": lambda: world.policy(3, channels=[("latin", "{}")])}[name]()
    liar.head = {"policy_version": 3}
    site.wait_log("WANTED_POLICY_REFUSED")
    liar.batches.append(world.batch(added=[entry(1, WANTED)]))
    wait_until("list in Redis", lambda: site.revision() == 1)
    assert site.redis.client().get("wanted:policy") == held
    liar.policy = world.policy(3)
    wait_until("the next policy in Redis", lambda: site.redis.client().get("wanted:policy") != held)


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
    site.uplinkd(hq=liar.url, compress=False)
    site.wait_log("UPLINK_RECEIPT_REFUSED")
    assert site.status()["journal"]["confirmed"] == 0
    wait_until("sent again", lambda: len(liar.fake.paths("/records")) > 1)


ENVELOPE_MAX, WAIT_MAX, OTHERS_MAX = 64 << 10, 64, 256  # INSTRUCTION_ENVELOPE_MAX, UPLINKD_INSTRUCTIONS_MAX, OTHERS_KEPT_MAX


class Inbox:
    """A headquarters whose inbox holds these messages, (kind, envelope or body), until they are acknowledged."""

    def __init__(self, site, messages):
        self.liar, self.messages, self.acknowledged = Liar(site), messages, 0
        self.more = {}  # by number: members beside those of a message
        self.fake = site.fake(self.answer)
        self.url = [f"https://127.0.0.1:{self.fake.port}"]

    def answer(self, request):
        path, _, query = request[1].partition("?")
        if not path.endswith("/inbox"):
            return (404, {}) if path.endswith("/journal") else self.liar.answer(request)
        self.acknowledged = int(query.split("after=")[1].split("&")[0])
        waiting = [{"number": n, "kind": kind, "expires": "", "body": json.loads(text), **self.more.get(n, {})}
                   for n, (kind, text) in enumerate(self.messages, 1) if n > self.acknowledged]
        if not waiting:
            self.fake.stopping.wait(0.2)
        return 200, {"messages": waiting, "next": max(self.acknowledged, len(self.messages))}


def recorded(site):
    """Instructions that checkpointd has put on record."""
    rows = journal.verify(site.box.state / "checkpointd" / "journal")
    return [r.body for r in rows if r.kind == "instruction" and r.body]


def test_an_instruction_that_is_too_large_is_refused_once_and_holds_up_nothing(site):
    """Between what a file holds and what an answer may be; uplinkd's connection to checkpointd stays."""
    huge = [json.dumps({"alg": "ed25519", "payload": "A" * size, "signatures": [], "type": "instruction/1"})
            for size in (2 << 20, 1200 << 10, ENVELOPE_MAX)]
    hq = Inbox(site, [("instruction", huge[0]), ("message_of_later", huge[1]), ("instruction", huge[2])])
    hq.messages += [("instruction", hq.liar.world.instruction(BOX, 1, "message", {"text": "after it"}))]
    site.checkpointd()
    site.uplinkd(hq=hq.url)
    said = wait_until("the next one on record", lambda: (lambda rows: rows if len(rows) == 3 else None)(recorded(site)), 30)
    wait_until("all acknowledged", lambda: hq.acknowledged == 4)
    told = site.link.log_path.read_text(encoding="utf-8")
    assert told.count("MESSAGE_TOO_LARGE") == 3 and "MESSAGE_KEPT" not in told
    assert "active=1" not in "".join(line for line in told.splitlines() if "UPLINK_BOX_LOST" in line)
    assert [(r["number"], r["result"]) for r in said] == [(1, "refused"), (3, "refused"), (4, "done")]
    assert "bytes, expected at most 65536" in said[0]["why"] and "大小" in said[0]["why_zh"]


def test_members_beside_a_message_hold_up_none_behind_it(site):
    """uplinkd's own word for one that was too large, from headquarters: what is kept is offered until it is on record."""
    hq = Inbox(site, [])
    hq.messages += [("instruction", hq.liar.world.instruction(BOX, n, "message", {"text": "x"})) for n in (1, 2, 3)]
    hq.more = {1: {"too_large": {}}, 2: {"too_large": 0}}
    site.checkpointd()
    site.uplinkd(hq=hq.url)
    said = wait_until("all on record", lambda: (lambda rows: rows if len(rows) == 3 else None)(recorded(site)), 30)
    assert [(r["id"], r["result"]) for r in said] == [(1, "done"), (2, "done"), (3, "done")]


def test_no_instruction_gives_way_while_checkpointd_is_away(site):
    """More than are kept: the next ones stay at headquarters, unacknowledged; messages nobody waits for give way."""
    count = WAIT_MAX + 5
    hq = Inbox(site, [("message_of_later", "{}")] * (OTHERS_MAX - 10))
    for n in range(1, count + 1):
        hq.messages += [("message_of_later", "{}"),
                        ("instruction", hq.liar.world.instruction(BOX, n, "message", {"text": f"x{n}"}))]
    hq.liar.batches.append(hq.liar.world.batch(added=[entry(1, WANTED)]))
    site.uplinkd(hq=hq.url)
    site.wait_log("INSTRUCTIONS_WAIT", 30)
    wait_until("the list all the same", lambda: site.revision() == 1)
    kept = OTHERS_MAX - 10 + 2 * WAIT_MAX + 1  # all before the first that found no room
    wait_until("acknowledged what is kept", lambda: hq.acknowledged == kept)
    assert not site.logged("UPLINK_STATE_UNWRITTEN")
    assert site.link.stop()[0] == 0
    site.checkpointd()
    site.link.start()
    said = wait_until("the last one on record", lambda: (lambda rows: rows if rows and rows[-1]["id"] == count else None)(
        recorded(site)), 60)
    assert [(r["id"], r["result"]) for r in said] == [(n, "done") for n in range(1, count + 1)]
    wait_until("all acknowledged", lambda: hq.acknowledged == len(hq.messages))
    folder = site.box.state / "uplinkd" / "messages"
    wait_until("no instruction is left", lambda: len(list(folder.iterdir())) == OTHERS_MAX)
