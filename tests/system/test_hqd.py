"""hqd and hq-cad as they run: real processes, real TLS, every statement signed and checked in Python."""
import base64
import datetime
import hashlib
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from harness.hq import BIN, Headquarters, Peer, SqliteFile
from harness.pki import Pair, Root, now
from harness.process import SLOWNESS, run_program, wait_for
from harness.prometheus import Exposition
from harness.records import Journal
from harness.signing import Key, World, entry, now_ms, payload_of, time_text


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


def test_an_observe_entry_needs_a_key_to_seal_to(hq):
    """Else its hits would wait at the boxes for ever."""
    zhang, world = hq.operator(), hq.world
    without = [key for key in world.keys if key.role != "observe"]
    assert zhang.put("/v1/keyset", world.keyset(version=2, keys=without)).status == 201
    batch = world.batch(added=[entry(1, "鲁H12345", handling="observe")], advance=False)
    answer = zhang.put("/v1/list/batches", batch)
    assert answer.status == 422 and answer.json["error"]["en"] == (
        "entry 1: handling observe, but the key set has no observe key in force that its hits could be sealed to")
    assert zhang.put("/v1/keyset", world.keyset(version=3)).status == 201
    assert zhang.put("/v1/list/batches", batch).status == 201
    assert zhang.get("/v1/operator/observed").json == {"records": [], "next": 0}


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


def test_what_lies_before_a_gap_is_asked_for_again(hq):
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    first = journal.line("start")
    lost, after = journal.line("passage"), journal.line("hit")
    assert box.post(records_path("lu-hz-01"), first).status == 200
    ahead = box.post(records_path("lu-hz-01"), after)
    assert (ahead.status, ahead.code) == (409, "conflict")
    assert ahead.json["gap"] == {"chain": journal.chain.hex(), "after": 1}
    assert zhang.get("/v1/operator/checkpoints").json["checkpoints"][0]["state"] == "active"
    assert zhang.get("/v1/operator/hits").json["hits"][0]["provisional"] is True
    assert box.post(records_path("lu-hz-01"), lost + after).status == 200
    assert zhang.get("/v1/operator/hits").json["hits"][0]["provisional"] is False
    row = zhang.get("/v1/operator/checkpoints").json["checkpoints"][0]
    assert (row["state"], row["confirmed"], row["quarantine"]) == ("active", 3, None)


def test_a_new_chain_is_quarantined_until_an_operator_accepts(hq):
    box, old, new, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    assert box.post(records_path("lu-hz-01"), old.line("start")).status == 200
    lines = new.line("start") + new.line("hit")
    broken = box.post(records_path("lu-hz-01"), lines)
    assert (broken.status, broken.code) == (409, "conflict")
    assert broken.json["quarantine"]["sequence"] == 0
    assert zhang.get("/v1/operator/checkpoints").json["checkpoints"][0]["state"] == "quarantined"
    assert zhang.get("/v1/operator/hits").json["hits"][0]["provisional"] is True
    accepted = zhang.post("/v1/operator/accept-chain", {
        "checkpoint": "lu-hz-01", "chain": new.chain.hex(), "reason": "disk was full"})
    assert accepted.status == 200, accepted.body
    assert box.post(records_path("lu-hz-01"), lines).status == 200
    assert zhang.get("/v1/operator/hits").json["hits"][0]["provisional"] is False
    row = zhang.get("/v1/operator/checkpoints").json["checkpoints"][0]
    assert (row["state"], row["confirmed"], row["quarantine"]) == ("active", 2, None)


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


def test_hq_tells_how_old_the_list_of_a_box_is(hq):
    box, zhang = hq.box("lu-hz-01"), hq.operator()
    times = []
    for number in (1, 2, 3):
        batch = hq.world.batch(added=[entry(number, "鲁H12345")])
        assert zhang.put("/v1/list/batches", batch).status == 201
        times.append(zhang.get("/v1/list/head").json["time"])
        if number == 1:
            hash_text = "sha256:" + hq.world.hash.hex()
    box.get(f"/v1/checkpoints/lu-hz-01/inbox?after=0&revision=1&hash={hash_text}")
    row = zhang.get("/v1/operator/checkpoints").json["checkpoints"][0]
    assert (row["list_revision"], row["list_time"], row["behind_since"]) == (1, times[0], times[1])
    box.get("/v1/checkpoints/lu-hz-01/inbox?after=0&revision=3&hash=sha256:" + hq.world.hash.hex())
    row = zhang.get("/v1/operator/checkpoints").json["checkpoints"][0]
    assert (row["list_time"], row["behind_since"]) == (times[2], None)


def test_metrics_count_what_was_asked_and_taken(hq):
    box, zhang, journal = hq.box("lu-hz-01"), hq.operator(), Journal("lu-hz-01")
    lines = [journal.line("start"), journal.line("hit"), journal.line("passage")]
    for body in (lines[0] + lines[1], lines[1] + lines[2]):
        assert box.post(records_path("lu-hz-01"), body).status == 200
    assert zhang.get("/v1/operator/nothing").status == 404
    answer = zhang.get("/v1/operator/metrics")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    told = Exposition(answer.body.decode())
    assert told.value("hqd_records_total", taken="stored") == 3
    assert told.value("hqd_records_total", taken="repeated") == 1
    assert told.value("hqd_requests_total", **{"class": "4xx"}) == 1
    assert told.value("hqd_requests_total", **{"class": "2xx"}) == 3  # enroll and two of the box
    assert told.value("hq_checkpoint_info", checkpoint="lu-hz-01", state="active") == 1
    assert told.value("hq_checkpoint_confirmed", checkpoint="lu-hz-01") == 3
    assert told.value("hqd_open_requests") == 1 and told.value("hqd_connections") >= 1
    assert box.get("/v1/operator/metrics").status == 403


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


# Who may speak

def refused_by_tls(peer):
    """The handshake fails, or the connection ends before any answer."""
    try:
        answer = peer.get("/v1/list/head")
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
        return True
    raise AssertionError(f"answered {answer.status}")


def test_certificates_nobody_vouches_for_end_at_the_handshake(hq, tmp_path):
    day = datetime.timedelta(days=1)
    stranger = Root(tmp_path / "pki", "stranger-ca")
    pairs = {
        "none": None,
        "expired": hq.pki.box("lu-hz-01", "expired", start=now() - 3 * day, end=now() - day),
        "not yet": hq.pki.box("lu-hz-01", "early", start=now() + day, end=now() + 3 * day),
        "another root": stranger.issue("foreign", "urn:checkpoint:lu-hz-01"),
        "box under the operators' root": hq.pki.operators.issue("crossed", "urn:checkpoint:lu-hz-01"),
        "operator under the boxes' root":
            hq.pki.boxes.issue("risen", f"urn:checkpoint-operator:{hq.pki.fleet}:zhang"),
        "no name": hq.pki.boxes.issue("nameless", None),
        "server as client": hq.pki.server,
    }
    hq.box("lu-hz-01")
    for what, pair in pairs.items():
        assert refused_by_tls(hq.peer(pair)), what
    assert "HQ_PEER_REFUSED" in hq.hqd.tail(200) or "certificate was refused" in hq.hqd.tail(200)


def test_known_certificates_of_unknown_holders_are_denied(hq):
    for peer in (hq.box("lu-hz-09", enroll=False), hq.operator("wang")):
        answer = peer.get("/v1/list/head")
        assert (answer.status, answer.code) == (403, "denied")
    other_fleet = hq.pki.operators.issue("elsewhere", "urn:checkpoint-operator:other:zhang")
    assert hq.peer(other_fleet).get("/v1/list/head").status == 403


def test_another_checkpoints_certificate_opens_no_path(hq):
    one = hq.box("lu-hz-01")
    hq.box("lu-hz-02")
    for method, path in (("POST", "records"), ("POST", "urgent"), ("GET", "inbox")):
        answer = one.ask(method, f"/v1/checkpoints/lu-hz-02/{path}", b"{}" if method == "POST" else None)
        assert (answer.status, answer.code) == (403, "denied"), path


def test_boxes_are_no_operators_and_operators_no_boxes(hq):
    box, zhang = hq.box("lu-hz-01"), hq.operator()
    assert box.put("/v1/list/batches", hq.world.batch(added=[entry(1, "鲁H12345")])).status == 403
    assert box.get("/v1/operator/hits").status == 403
    assert box.post("/v1/operator/enroll", {"checkpoint": "x", "name": "x"}).status == 403
    assert zhang.get("/v1/checkpoints/lu-hz-01/inbox").status == 403
    assert zhang.get("/v1/list/head").json["revision"] == 0


def test_a_revoked_box_is_denied_on_the_connection_it_has(hq):
    box, zhang = hq.box("lu-hz-01"), hq.operator()
    connection = box.connect()
    assert box.get("/v1/list/head", connection=connection).status == 200
    assert zhang.post("/v1/operator/revoke", {"checkpoint": "lu-hz-01", "reason": "stolen"}).status == 200
    assert box.get("/v1/list/head", connection=connection).status == 403
    connection.close()
    assert zhang.get("/v1/operator/checkpoints").json["checkpoints"][0]["state"] == "revoked"


def test_an_operator_taken_out_of_the_configuration_is_denied(hq):
    li = hq.operator("li")
    assert li.get("/v1/operator/self").json["operator"] == "li"
    hq.operators = ["zhang"]
    hq.write_config()
    hq.hqd.process.send_signal(signal.SIGHUP)
    wait_for("li to be denied", lambda: li.get("/v1/operator/self").status == 403)
    assert hq.operator().get("/v1/operator/self").status == 200


def test_sessions_are_not_resumed(hq):
    zhang = hq.operator()
    connection = zhang.connect()
    assert zhang.get("/v1/operator/self", connection=connection).status == 200
    assert connection.sock.version() == "TLSv1.3"
    assert not connection.sock.session or not connection.sock.session.has_ticket
    connection.close()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(hq.pki.servers.pem)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", hq.port)) as plain:
        old.wrap_socket(plain, server_hostname="127.0.0.1")


# Enrolment

def token_for(hq, checkpoint, **more):
    answer = hq.operator().post("/v1/operator/enroll", {"checkpoint": checkpoint, "name": "东关", **more})
    assert answer.status == 201, answer.body
    return answer.json["token"]


def request_for(urn=None, key=None):
    """(private key, base64 PKCS#10)."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if urn:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(urn)]), critical=False)
    der = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    return key, base64.encodebytes(der)


def enroll(hq, checkpoint, token, request, path="/.well-known/est/simpleenroll"):
    login = base64.b64encode(f"{checkpoint}:{token}".encode()).decode()
    return Peer(hq.est_port, hq.pki).post(path, request, headers={
        "Content-Type": "application/pkcs10", "Authorization": f"Basic {login}"})


def certificates_of(answer):
    return pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.body))


def pair_of(hq, stem, key, certificate):
    return Pair(hq.folder / "pki", stem, key, certificate)


def test_a_box_enrols_once_with_its_token(hq):
    token = token_for(hq, "lu-hz-01")
    key, request = request_for("urn:checkpoint:lu-hz-01")
    answer = enroll(hq, "lu-hz-01", token, request)
    assert answer.status == 200, answer.body
    leaf = certificates_of(answer)[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:checkpoint:lu-hz-01"]
    assert (leaf.not_valid_after - now()).days in (29, 30)
    box = hq.peer(pair_of(hq, "enrolled", key, leaf))
    assert box.get("/v1/list/head").status == 200
    again = enroll(hq, "lu-hz-01", token, request_for()[1])
    assert (again.status, again.code) == (401, "unauthorized")
    assert again.headers["WWW-Authenticate"].startswith("Basic")


def test_wrong_tokens_and_requests_get_nothing_and_cost_nothing(hq):
    token = token_for(hq, "lu-hz-01")
    other = token_for(hq, "lu-hz-02")
    _, good = request_for()
    for checkpoint, secret in (("lu-hz-01", "0" * 40), ("lu-hz-01", other), ("lu-hz-03", token), ("", "")):
        assert enroll(hq, checkpoint, secret, good).status == 401, checkpoint
    assert Peer(hq.est_port, hq.pki).post("/.well-known/est/simpleenroll", good).status == 401
    weak = rsa.generate_private_key(65537, 2048)
    for what, body, status in (("another name", request_for("urn:checkpoint:lu-hz-02")[1], 403),
                               ("an hqd", request_for(f"urn:checkpoint-hq:{hq.pki.fleet}")[1], 403),
                               ("RSA", request_for(key=weak)[1], 400), ("nonsense", b"nonsense", 400),
                               ("empty", b"", 400)):
        assert enroll(hq, "lu-hz-01", token, body).status == status, what
    key, request = request_for()
    assert enroll(hq, "lu-hz-01", token, request).status == 200


def test_of_two_requests_with_one_token_one_is_answered(hq):
    token, answers = token_for(hq, "lu-hz-01"), []
    threads = [threading.Thread(target=lambda: answers.append(
        enroll(hq, "lu-hz-01", token, request_for()[1]).status)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 401, 401, 401]


def test_tokens_are_kept_as_hashes(hq):
    token = token_for(hq, "lu-hz-01")
    for path in (hq.folder / "state").iterdir():
        assert token.encode() not in path.read_bytes(), path


def test_enrolling_anew_ends_the_earlier_certificate(hq):
    boxes = []
    for stem in ("first", "second"):
        key, request = request_for()
        answer = enroll(hq, "lu-hz-01", token_for(hq, "lu-hz-01"), request)
        boxes.append(hq.peer(pair_of(hq, stem, key, certificates_of(answer)[0])))
    assert [box.get("/v1/list/head").status for box in boxes] == [403, 200]


def test_a_box_renews_its_own_certificate_only(hq):
    box = hq.box("lu-hz-01")
    key, request = request_for("urn:checkpoint:lu-hz-01")
    answer = box.post("/.well-known/est/simplereenroll", request)
    assert answer.status == 200, answer.body
    renewed = hq.peer(pair_of(hq, "renewed", key, certificates_of(answer)[0]))
    assert renewed.get("/v1/list/head").status == 200
    assert box.post("/.well-known/est/simplereenroll", request_for("urn:checkpoint:lu-hz-02")[1]).status == 403
    assert Peer(hq.est_port, hq.pki).post("/.well-known/est/simplereenroll", request).status == 404


def test_cacerts_are_the_box_root(hq):
    answer = Peer(hq.est_port, hq.pki).get("/.well-known/est/cacerts")
    assert answer.status == 200
    assert certificates_of(answer) == [hq.pki.boxes.certificate]


def test_without_hq_cad_enrolment_says_so_and_keeps_the_token(hq):
    token = token_for(hq, "lu-hz-01")
    hq.cad.stop()
    answer = enroll(hq, "lu-hz-01", token, request_for()[1])
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "busy", "5")
    hq.cad.start()
    assert enroll(hq, "lu-hz-01", token, request_for()[1]).status == 200


def test_hq_cad_signs_nothing_but_boxes(hq):
    def ask(line):
        with socket.socket(socket.AF_UNIX) as plain:
            plain.settimeout(10 * SLOWNESS)
            plain.connect(str(hq.runtime / "issue"))
            plain.sendall(line + b"\n")
            return json.loads(plain.makefile().readline())

    request = request_for(f"urn:checkpoint-operator:{hq.pki.fleet}:zhang")[1].replace(b"\n", b"").decode()
    for value in ({}, {"csr": "x", "checkpoint": "lu-hz-01"}, {"csr": request, "checkpoint": "lu-hz-01"},
                  {"csr": request_for()[1].decode(), "checkpoint": "a:b"}):
        assert "error" in ask(json.dumps(value).encode()), value
    assert "chain" in ask(json.dumps({"csr": request_for()[1].decode(), "checkpoint": "lu-hz-01"}).encode())


# HTTP that nobody should send

def test_bodies_and_headers_above_their_limits_are_refused(hq):
    zhang = hq.operator()
    assert zhang.put("/v1/list/batches", b"x" * (1 << 20)).status == 400
    try:
        assert zhang.put("/v1/list/batches", b"x" * ((1 << 20) + 1)).status == 413
    except (ConnectionError, ssl.SSLError):
        pass  # it may hang up before everything was sent
    try:
        assert zhang.get("/v1/list/head", headers={"X-Long": "x" * 9000}).status >= 400
    except (ConnectionError, ssl.SSLError, http.client.RemoteDisconnected):
        pass
    assert zhang.get("/v1/operator/self").status == 200


def test_garbage_ends_one_connection_and_nothing_else(hq):
    zhang = hq.operator()
    pieces = [b"\0" * 200, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 50,
              b"PUT /v1/list/batches HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
              b"PUT /v1/list/batches HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
              b"PUT /v1/list/batches HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
              b"GET /%00 HTTP/1.1\r\n\r\n", b"GET http://[ HTTP/1.1\r\n\r\n",
              b"GET /v1/list/head HTTP/1.1\r\n\r\n" * 20,
              b"GET /v1/operator/hits?wait=5 HTTP/1.1\r\n\r\nGET /v1/operator/self HTTP/1.1\r\n\r\n"]
    for piece in pieces:
        connection = zhang.connect()
        connection.connect()
        connection.sock.sendall(piece)
        connection.sock.settimeout(0.2)
        try:
            connection.sock.recv(4096)
        except (OSError, ssl.SSLError):
            pass
        connection.close()
        assert zhang.get("/v1/operator/self").status == 200, piece
    for port in (hq.port, hq.est_port):
        with socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(b"GET /v1/list/head HTTP/1.1\r\nHost: x\r\n\r\n")
            plain.settimeout(5 * SLOWNESS)
            assert b"revision" not in plain.recv(4096)
    assert hq.hqd.running


def test_paths_methods_and_queries_outside_the_api(hq):
    zhang = hq.operator()
    for method, path, status in (("GET", "/", 404), ("GET", "/v1", 404), ("GET", "/v1/list/head/", 404),
                                 ("DELETE", "/v1/list/head", 405), ("PATCH", "/v1/list/batches", 405),
                                 ("GET", "/v1/list/%68ead", 400), ("GET", "/v1/list/chunks/zz", 400),
                                 ("GET", "/v1/list/batches?after=-1", 400),
                                 ("GET", "/v1/list/batches?limit=1001", 400),
                                 ("GET", "/v1/list/batches?after=1&after=2", 400),
                                 ("GET", "/v1/operator/hits?wait=61", 400),
                                 ("GET", "/v1/operator/hits?colour=red", 400)):
        answer = zhang.ask(method, path)
        assert answer.status == status, (path, answer.status)
        assert answer.json["error"]["en"] and answer.json["error"]["zh"]


def test_one_peer_cannot_take_every_waiting_place(hq):
    zhang = hq.operator()
    connections = [zhang.connect() for _ in range(9)]
    for connection in connections:
        connection.request("GET", "/v1/operator/hits?wait=30")
    statuses = [c.getresponse().status for c in connections[8:]]
    assert statuses == [429]
    for connection in connections:
        connection.close()


# The server itself

def test_what_was_answered_survives_a_kill(hq):
    box, journal, zhang = hq.box("lu-hz-01"), Journal("lu-hz-01"), hq.operator()
    assert zhang.put("/v1/list/batches", hq.world.batch(added=[entry(1, "鲁H12345")])).status == 201
    assert box.post(records_path("lu-hz-01"), journal.line("start")).status == 200
    hq.hqd.kill()
    hq.hqd.start()
    box.port = zhang.port = hq.port
    assert zhang.get("/v1/list/head").json["revision"] == 1
    assert box.post(records_path("lu-hz-01"), journal.line("hit")).status == 200
    assert zhang.post("/v1/operator/audit/verify", {"checkpoint": "lu-hz-01"}).json["checkpoints"][0]["last"] == 2


def test_an_altered_record_is_found_by_the_audit(hq):
    box, journal = hq.box("lu-hz-01"), Journal("lu-hz-01")
    lines = [journal.line("start")] + [journal.line() for _ in range(150)]
    assert box.post(records_path("lu-hz-01"), b"".join(lines)).status == 200
    hq.hqd.stop()
    if isinstance(hq.store, SqliteFile):
        hq.store.execute("DROP TRIGGER records_no_update")
    else:
        hq.store.execute("DROP TRIGGER records_no_update ON records")
    hq.store.execute("UPDATE records SET line = (SELECT line FROM records WHERE sequence = 90) WHERE sequence = 100")
    hq.hqd.start()
    report = hq.operator().post("/v1/operator/audit/verify", {}).json
    assert report["ok"] is False
    row = report["checkpoints"][0]
    assert (row["ok"], row["fault"]["sequence"], row["records"]) == (False, 100, 99)


def test_it_ends_within_two_seconds_with_requests_waiting(hq):
    zhang = hq.operator()
    connection = zhang.connect()
    connection.request("GET", "/v1/operator/hits?wait=60")
    zhang.get("/v1/operator/self")
    status, seconds = hq.hqd.stop()
    assert status == 0 and seconds < 2 * SLOWNESS
    connection.close()


def check(program, config):
    return run_program([BIN / program, "--config", config, "--check"], text=True)


def test_check_names_what_is_wrong(tmp_path):
    hq = Headquarters(tmp_path)
    assert check("hqd", hq.config).returncode == 0
    assert check("hq-cad", hq.cad_config).returncode == 0
    assert not (tmp_path / "state").exists()
    good = hq.config.read_text()
    foreign = World("testfleet").keyset()
    (tmp_path / "foreign.json").write_bytes(foreign)
    for old, new, said in ((f"{tmp_path}/keyset.json", f"{tmp_path}/foreign.json", "foreign.json"),
                           (f"{tmp_path}/receipt.key.pem", f"{tmp_path}/missing.pem", "missing.pem"),
                           ("listen: 127.0.0.1:0", "listen: localhost", "address:port"),
                           ("operators: [zhang, li]", "operators: [Zhang]", "operators[0]"),
                           (str(hq.pki.server.key_path), str(hq.pki.boxes.key_path), "key")):
        hq.config.write_text(good.replace(old, new, 1))
        result = check("hqd", hq.config)
        assert result.returncode == 78 and said in result.stderr, (new, result.stderr)
    os.chmod(tmp_path / "freshness.key.pem", 0o644)
    hq.config.write_text(good)
    assert check("hqd", hq.config).returncode == 78


def test_many_boxes_hear_of_a_batch_within_a_second(hq):
    boxes = []
    for number in range(40):
        box = hq.box(f"lu-hz-{number:02d}")
        connection = box.connect()
        connection.request("GET", f"/v1/checkpoints/lu-hz-{number:02d}/inbox?wait=30")
        boxes.append(connection)
    begin = time.monotonic()
    assert hq.operator().put("/v1/list/batches", hq.world.batch(added=[entry(1, "鲁H12345")])).status == 201
    for connection in boxes:
        assert json.loads(connection.getresponse().read())["messages"][0]["body"]["revision"] == 1
        connection.close()
    assert time.monotonic() - begin < 1 * SLOWNESS


def test_without_a_descriptor_left_it_waits_and_goes_on(tmp_path):
    hq = Headquarters(tmp_path)
    hq.cad.start()
    hq.hqd.argv = ["/bin/sh", "-c", 'ulimit -n 40; exec "$@"', "sh", *hq.hqd.argv]
    hq.hqd.start()
    zhang = hq.operator()
    held = [socket.create_connection(("127.0.0.1", hq.port)) for _ in range(60)]
    ticks = [int(n) for n in pathlib.Path(f"/proc/{hq.hqd.process.pid}/stat").read_text().split()[13:15]]
    wait_for("half a second", lambda t=time.monotonic(): time.monotonic() - t > 0.5)
    after = [int(n) for n in pathlib.Path(f"/proc/{hq.hqd.process.pid}/stat").read_text().split()[13:15]]
    assert sum(after) - sum(ticks) < 0.25 * os.sysconf("SC_CLK_TCK")
    for plain in held:
        plain.close()
    assert zhang.get("/v1/operator/self").status == 200
    hq.stop()
