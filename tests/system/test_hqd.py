"""hqd and hq-cad as they run: real processes, real TLS, every statement signed and checked in Python."""
import base64
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import threading

import pytest
from harness import hq as hq_module
from harness.hq import BIN, Headquarters
from harness.process import wait_for
from harness.signing import Key, World, entry, envelope, now_ms, payload_of, time_text


@pytest.fixture()
def hq(tmp_path):
    headquarters = Headquarters(tmp_path).start()
    yield headquarters
    headquarters.stop()


def verify(envelope_bytes, key):
    """Payload of an envelope signed by `key`, checked with the cryptography package."""
    value = json.loads(envelope_bytes) if isinstance(envelope_bytes, (bytes, str)) else envelope_bytes
    payload = base64.b64decode(value["payload"])
    assert [s["key"] for s in value["signatures"]] == [key.id]
    key.private.public_key().verify(base64.b64decode(value["signatures"][0]["sig"]),
                                    b"checkpoint:" + value["type"].encode() + b"\n" + payload)
    return json.loads(payload)


class Journal:
    """A checkpoint's journal in Python: records that follow one another, as lines for hqd."""

    KINDS = {"start": 1, "passage": 3, "hit": 4, "act": 8}

    def __init__(self, checkpoint, chain=None):
        self.checkpoint, self.chain = checkpoint, chain or os.urandom(16)
        self.sequence, self.head, self.boot = 0, bytes(32), os.urandom(16)

    def line(self, kind="passage", body=None, with_body=True):
        self.sequence += 1
        text = json.dumps(body or {"plate": "鲁H12345"}, sort_keys=True, separators=(",", ":"),
                          ensure_ascii=False).encode()
        salt = os.urandom(16)
        wall = now_ms()
        header = struct.pack(">4sBBBB16sQQQ16s48s32s32s", b"CPJR", 1, 1, self.KINDS[kind], 0,
                             self.chain, self.sequence, wall, wall * 1000, self.boot, b"checkpointd",
                             hashlib.sha256(salt + text).digest(), self.head)
        self.head = hashlib.sha256(header).digest()
        event = {"specversion": "1.0", "id": f"{self.chain.hex()}:{self.sequence}",
                 "source": f"urn:checkpoint:{self.checkpoint}", "type": f"checkpoint.{kind}",
                 "time": time_text(wall), "header": base64.b64encode(header).decode()}
        if with_body:
            event.update(salt=salt.hex(), data_base64=base64.b64encode(text).decode(),
                         datacontenttype="application/json")
        return json.dumps(event).encode() + b"\n"


def records_path(box_id):
    return f"/v1/checkpoints/{box_id}/records"


# The list

def test_empty_list_has_a_head_and_a_freshness_statement(hq):
    head = hq.operator().get("/v1/list/head").json
    assert head["revision"] == 0 and head["time"] is None and head["entries"] == 0
    assert verify(head["freshness"], hq.world.freshness_key)["revision"] == 0
    assert head["keyset_version"] == 1


def test_publish_moves_the_head_and_the_freshness_statement(hq):
    zhang = hq.operator()
    batch = hq.world.batch(added=[entry(1, "鲁H12345"), entry(2, "鲁H23456")])
    answer = zhang.put("/v1/list/batches", batch)
    assert answer.status == 201, answer.body
    assert answer.json == {"revision": 1, "hash": "sha256:" + hq.world.hash.hex()}
    head = zhang.get("/v1/list/head").json
    assert (head["revision"], head["hash"], head["max_id"], head["entries"]) == (
        1, "sha256:" + hq.world.hash.hex(), 2, 2)
    fresh = verify(head["freshness"], hq.world.freshness_key)
    assert (fresh["revision"], fresh["hash"]) == (1, head["hash"])
    listed = zhang.get("/v1/list/batches?after=0").json
    assert listed["next"] == 1 and listed["batches"][0]["envelope"] == json.loads(batch)
    assert zhang.get("/v1/list/batches?after=1").json == {"batches": [], "next": 1}


def test_same_bytes_again_are_told_again_and_not_stored(hq):
    zhang = hq.operator()
    batch = hq.world.batch(added=[entry(1, "鲁H12345")])
    first = zhang.put("/v1/list/batches", batch)
    again = zhang.put("/v1/list/batches", batch)
    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert len(zhang.get("/v1/list/batches").json["batches"]) == 1


def test_replayed_or_out_of_order_batches_conflict_with_the_head(hq):
    zhang = hq.operator()
    first = hq.world.batch(added=[entry(1, "鲁H12345")])
    second = hq.world.batch(added=[entry(2, "鲁H23456")])
    late = zhang.put("/v1/list/batches", second)
    assert (late.status, late.code, late.json["head"]["revision"]) == (409, "conflict", 0)
    assert zhang.put("/v1/list/batches", first).status == 201
    assert zhang.put("/v1/list/batches", second).status == 201
    replay = zhang.put("/v1/list/batches", first)
    assert (replay.status, replay.json["head"]["revision"]) == (409, 2)
    assert replay.json["head"]["hash"] == "sha256:" + hq.world.hash.hex()


def test_of_two_clerks_at_once_one_gets_the_place(hq):
    other = World(hq.world.fleet)
    other.__dict__.update({**hq.world.__dict__, "entries": {}})
    batches = [hq.world.batch(added=[entry(1, "鲁H12345")]), other.batch(added=[entry(1, "鲁H99999")])]
    answers = []
    threads = [threading.Thread(target=lambda b=b, n=n: answers.append(
        hq.operator(n).put("/v1/list/batches", b))) for b, n in zip(batches, ("zhang", "li"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(a.status for a in answers) == [201, 409]


@pytest.mark.parametrize("name", ["unsigned", "altered", "other_role", "stranger", "one_clerk",
                                  "future", "unknown_change", "id_again"])
def test_batches_that_must_not_stand_are_refused(hq, name):
    zhang, world = hq.operator(), hq.world
    assert zhang.put("/v1/list/batches", world.batch(added=[entry(5, "鲁H12345")])).status == 201
    add = {"added": [entry(6, "鲁H23456")], "advance": False}
    if name == "unsigned":
        value = json.loads(world.batch(**add))
        batch = json.dumps({**value, "signatures": []}).encode()
    elif name == "altered":
        value = json.loads(world.batch(**add))
        payload = bytearray(base64.b64decode(value["payload"]))
        payload[-5] ^= 1
        batch = json.dumps({**value, "payload": base64.b64encode(bytes(payload)).decode()}).encode()
    elif name == "other_role":
        batch = world.batch(**add, signers=[world.freshness_key])
    elif name == "stranger":
        batch = world.batch(**add, signers=[Key("list", "clerk-a")])
    elif name == "one_clerk":
        batch = world.batch(added=[entry(6, "鲁H23456", priority=1)], advance=False,
                            signers=world.clerks[:1])
    elif name == "future":
        batch = world.batch(**add, time=time_text(now_ms() + 6 * 60 * 1000))
    elif name == "unknown_change":
        batch = world.batch(changed=[entry(9, "鲁H23456")], advance=False)
    else:
        batch = world.batch(added=[entry(4, "鲁H23456")], advance=False)
    answer = zhang.put("/v1/list/batches", batch)
    assert (answer.status, answer.code) == (422, "refused"), answer.body
    assert zhang.get("/v1/list/head").json["revision"] == 1


def test_what_is_no_envelope_is_a_bad_request(hq):
    zhang = hq.operator()
    for body in (b"", b"hello", b"[]", b"{}", b"\xff\xfe", b'{"a":' * 3000):
        answer = zhang.put("/v1/list/batches", body)
        assert (answer.status, answer.code) == (400, "bad_request"), body[:20]


def test_entries_in_force_follow_changes_and_withdrawals(hq):
    zhang, world = hq.operator(), hq.world
    for batch in (dict(added=[entry(1, "鲁H12345"), entry(2, "鲁H23456"), entry(3, "鲁H34567")]),
                  dict(changed=[entry(2, "鲁H88888")], withdrawn=[1])):
        assert zhang.put("/v1/list/batches", world.batch(**batch)).status == 201
    rows = zhang.get("/v1/list/entries?limit=1").json
    assert rows["next"] == 2 and rows["entries"][0] == {"revision": 2, "entry": world.entries[2]}
    rows = zhang.get("/v1/list/entries?after=2").json
    assert [row["entry"]["id"] for row in rows["entries"]] == [3]
    head = zhang.get("/v1/list/head").json
    assert (head["entries"], head["max_id"]) == (2, 3)


def test_snapshot_needs_its_chunks_and_the_head(hq):
    zhang, world = hq.operator(), hq.world
    assert zhang.get("/v1/list/snapshot").status == 404
    zhang.put("/v1/list/batches", world.batch(added=[entry(n, f"鲁H1{n:04d}") for n in range(1, 6)]))
    manifest, chunks = world.snapshot(chunk_entries=2)
    assert zhang.put("/v1/list/snapshot", manifest).status == 422
    for chunk in chunks:
        path = f"/v1/list/chunks/{hashlib.sha256(chunk).hexdigest()}"
        assert zhang.get(path).status == 404
        assert zhang.put(path, chunk + b"x").status == 422
        assert zhang.put(path, chunk).status == 201
        assert zhang.put(path, chunk).status == 200
        assert zhang.get(path).body == chunk
    assert zhang.put("/v1/list/snapshot", manifest).status == 201
    assert zhang.get("/v1/list/snapshot").body == manifest
    zhang.put("/v1/list/batches", world.batch(withdrawn=[1]))
    assert zhang.put("/v1/list/snapshot", manifest).status == 409


def test_key_sets_only_rise(hq):
    zhang, world = hq.operator(), hq.world
    assert payload_of(zhang.get("/v1/keyset").body)
    newer = world.keyset(version=2)
    assert zhang.put("/v1/keyset", world.keyset(version=2, signers=world.roots[:1])).status == 422
    assert zhang.put("/v1/keyset", newer).status == 201
    assert zhang.get("/v1/keyset").body == newer
    older = zhang.put("/v1/keyset", newer)
    assert (older.status, older.json["version"]) == (409, 2)
    assert zhang.get("/v1/operator/self").json["keyset_version"] == 2


# Records

def test_records_get_a_receipt_that_python_can_check(hq):
    box, journal = hq.box("lu-hz-01"), Journal("lu-hz-01")
    body = b"".join(journal.line(kind) for kind in ("start", "passage", "hit"))
    answer = box.post(records_path("lu-hz-01"), body)
    assert answer.status == 200, answer.body
    receipt = verify(answer.body, hq.world.receipt_key)
    assert receipt["checkpoint"] == "lu-hz-01" and receipt["chain"] == journal.chain.hex()
    assert receipt["sequence"] == 3 and receipt["head"] == "sha256:" + journal.head.hex()


def test_the_same_records_twice_are_stored_once(hq):
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    body = journal.line("start") + journal.line("hit")
    for _ in range(3):
        assert box.post(records_path("lu-hz-01"), body).status == 200
    assert len(zhang.get("/v1/operator/hits").json["hits"]) == 1
    report = zhang.post("/v1/operator/audit/verify", {}).json
    assert report["ok"] and report["checkpoints"][0]["records"] == 2


def test_a_gap_is_quarantined_until_an_operator_accepts(hq):
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    first = journal.line("start")
    lost, after = journal.line("passage"), journal.line("hit")
    assert box.post(records_path("lu-hz-01"), first).status == 200
    broken = box.post(records_path("lu-hz-01"), after)
    assert (broken.status, broken.code) == (409, "conflict")
    assert broken.json["quarantine"]["sequence"] == 1
    assert zhang.get("/v1/operator/checkpoints").json["checkpoints"][0]["state"] == "quarantined"
    hit = zhang.get("/v1/operator/hits").json["hits"][0]
    assert hit["provisional"] is True
    accepted = zhang.post("/v1/operator/accept-chain", {
        "checkpoint": "lu-hz-01", "chain": journal.chain.hex(), "reason": "disk was full"})
    assert accepted.status == 200, accepted.body
    assert box.post(records_path("lu-hz-01"), lost + after).status == 200
    assert zhang.get("/v1/operator/hits").json["hits"][0]["provisional"] is False
    row = zhang.get("/v1/operator/checkpoints").json["checkpoints"][0]
    assert (row["state"], row["confirmed"], row["quarantine"]) == ("active", 3, None)


def test_an_urgent_hit_is_shown_at_once_and_confirmed_by_the_chain(hq):
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    start, hit = journal.line("start"), journal.line("hit", {"plate": "鲁H12345", "lane": 1})
    found = []
    waiting = threading.Thread(target=lambda: found.append(zhang.get("/v1/operator/hits?wait=10")))
    waiting.start()
    answer = box.post("/v1/checkpoints/lu-hz-01/urgent", hit)
    assert (answer.status, answer.json) == (202, {"provisional": True})
    waiting.join(10)
    shown = found[0].json["hits"]
    assert [(h["provisional"], h["sequence"], h["record"]["lane"]) for h in shown] == [(True, 2, 1)]
    assert box.post(records_path("lu-hz-01"), start + hit).status == 200
    rows = zhang.get("/v1/operator/hits?checkpoint=lu-hz-01").json["hits"]
    assert [(h["provisional"], h["number"]) for h in rows] == [(False, shown[0]["number"])]


def test_records_of_another_checkpoint_or_nonsense_are_refused(hq):
    box = hq.box("lu-hz-01")
    assert box.post(records_path("lu-hz-01"), Journal("lu-hz-02").line("start")).status == 422
    line = Journal("lu-hz-01").line("start").replace(b'"data_base64": "eyJ', b'"data_base64": "eyK')
    for body in (b"", b"nonsense\n", line, b"{}\n" * 10):
        assert box.post(records_path("lu-hz-01"), body).status == 422, body[:40]
    assert box.post(records_path("lu-hz-02"), b"x").status == 403


# Inbox

def test_the_inbox_wakes_when_the_list_moves(hq):
    box, zhang = hq.box("lu-hz-01"), hq.operator()
    empty = box.get("/v1/checkpoints/lu-hz-01/inbox?after=0").json
    assert empty == {"messages": [], "next": 0}
    got = []
    waiting = threading.Thread(
        target=lambda: got.append(box.get("/v1/checkpoints/lu-hz-01/inbox?after=0&wait=10")))
    waiting.start()
    assert zhang.put("/v1/list/batches", hq.world.batch(added=[entry(1, "鲁H12345")])).status == 201
    waiting.join(5)
    message = got[0].json["messages"][0]
    assert message["kind"] == "list"
    assert message["body"] == {"revision": 1, "hash": "sha256:" + hq.world.hash.hex()}
    assert got[0].json["next"] == message["number"]
    later = box.get(f"/v1/checkpoints/lu-hz-01/inbox?after={message['number']}&wait=1")
    assert later.json == {"messages": [], "next": message["number"]}


def test_the_inbox_tells_hq_which_list_a_box_has(hq):
    box = hq.box("lu-hz-01")
    hash_text = "sha256:" + "ab" * 32
    box.get(f"/v1/checkpoints/lu-hz-01/inbox?after=0&revision=7&hash={hash_text}")
    row = hq.operator().get("/v1/operator/checkpoints").json["checkpoints"][0]
    assert (row["list_revision"], row["list_hash"]) == (7, hash_text)


def test_an_instruction_reaches_one_box_once(hq):
    one, two, zhang = hq.box("lu-hz-01"), hq.box("lu-hz-02"), hq.operator()
    order = hq.world.instruction("lu-hz-01", 1, "notice", {"text": "注意"})
    assert zhang.post("/v1/operator/instructions", order).status == 201
    assert zhang.post("/v1/operator/instructions", order).status == 409
    wrong = hq.world.instruction("lu-hz-01", 2, "notice", {}, key=hq.world.receipt_key)
    assert zhang.post("/v1/operator/instructions", wrong).status == 422
    messages = one.get("/v1/checkpoints/lu-hz-01/inbox").json["messages"]
    assert [(m["kind"], m["body"]) for m in messages] == [("instruction", json.loads(order))]
    assert two.get("/v1/checkpoints/lu-hz-02/inbox").json["messages"] == []
