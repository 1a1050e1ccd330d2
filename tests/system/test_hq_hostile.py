"""hqd and hq-cad under clients, disks and kills that mean no good: real processes, real TLS."""
import base64
import json
import os
import pathlib
import random
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.x509.oid import NameOID
from harness.hq import Headquarters, SqliteFile
from harness.process import SANITIZED, SLOWNESS, ProgramError, wait_for
from harness.records import Journal
from harness.signing import entry, time_ms
from harness.stack import WallClock, short_folder
from test_hqd import certificates_of, enroll, records_path, request_for, token_for, verify

MIB = 1 << 20


@pytest.fixture()
def hq(tmp_path):
    headquarters = Headquarters(tmp_path).start()
    yield headquarters
    headquarters.stop()


def resident_bytes(program):
    text = pathlib.Path(f"/proc/{program.process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) * 1024


def closed(plain, timeout_s=10):
    """Whether the other end closes within the time; what it says before is read over."""
    plain.settimeout(timeout_s * SLOWNESS)
    try:
        while plain.recv(65536):
            pass
        return True
    except TimeoutError:
        return False
    except (ConnectionError, ssl.SSLError):
        return True


def secure(peer):
    plain = socket.create_connection(("127.0.0.1", peer.port), timeout=15 * SLOWNESS)
    return peer.context.wrap_socket(plain, server_hostname="127.0.0.1")


# Slow, half-open and deaf clients

def test_one_certificate_has_sixteen_connections(hq):
    box, zhang = hq.box("lu-hz-01"), hq.operator()
    kept = [secure(box) for _ in range(16)]
    for plain in kept:  # a whole request each: the handshakes are over at hqd too
        plain.sendall(b"GET /v1/list/head HTTP/1.1\r\nHost: hq\r\n\r\n")
        assert b"200 OK" in plain.recv(65536)
    assert closed(secure(box))
    assert not closed(kept[0], timeout_s=0.3)
    assert zhang.get("/v1/operator/self").status == 200
    kept.pop().close()
    wait_for("a place", lambda: box_answers(box))
    for plain in kept:
        plain.close()


def box_answers(box):
    try:
        return box.get("/v1/list/head").status == 200
    except (ConnectionError, ssl.SSLError, OSError):
        return False


def test_half_sent_bodies_cost_a_bounded_amount_and_nobody_waits(hq):
    box, zhang = hq.box("lu-hz-01"), hq.operator()
    before = resident_bytes(hq.hqd)
    head = (f"POST {records_path('lu-hz-01')} HTTP/1.1\r\nHost: hq\r\n"
            f"Content-Length: {MIB}\r\n\r\n").encode()
    held = []
    for _ in range(40):
        try:
            plain = secure(box)
            plain.sendall(head + b"x" * (MIB - 1))
            held.append(plain)
        except (ConnectionError, ssl.SSLError):
            pass
    assert zhang.get("/v1/operator/self").status == 200
    assert SANITIZED or resident_bytes(hq.hqd) - before < 28 * MIB
    for plain in held:
        plain.close()


def test_a_client_that_never_reads_holds_up_nobody(hq):
    box, zhang, world = hq.box("lu-hz-01"), hq.operator(), hq.world
    for first in range(1, 2500, 500):
        wide = [entry(n, f"鲁H1{n:04d}", reason="长" * 60) for n in range(first, first + 500)]
        assert zhang.put("/v1/list/batches", world.batch(added=wide)).status == 201
    assert len(zhang.get("/v1/list/batches").body) > MIB
    before = resident_bytes(hq.hqd)
    held = [secure(box) for _ in range(16)]
    for plain in held:
        plain.sendall(b"GET /v1/list/batches HTTP/1.1\r\nHost: hq\r\n\r\n" * 100)
    for _ in range(3):
        assert zhang.get("/v1/operator/self").status == 200
    assert SANITIZED or resident_bytes(hq.hqd) - before < 16 * 4 * MIB
    for plain in held:
        plain.close()


def test_who_never_shakes_hands_holds_up_nobody(hq):
    zhang = hq.operator()
    held = [socket.create_connection(("127.0.0.1", port)) for port in (hq.port, hq.est_port)
            for _ in range(300)]
    for plain in held[::3]:
        plain.sendall(b"\x16")  # the first byte of a handshake
    assert zhang.get("/v1/operator/self").status == 200
    for plain in held:
        plain.close()
    token = token_for(hq, "lu-hz-01")
    assert enroll(hq, "lu-hz-01", token, request_for()[1]).status == 200


def test_requests_byte_by_byte_are_answered_and_giant_heads_are_not(hq):
    zhang = hq.operator()
    plain = secure(zhang)
    for byte in b"GET /v1/operator/self HTTP/1.1\r\nHost: hq\r\n\r\n":
        plain.sendall(bytes([byte]))
    assert b"200 OK" in plain.recv(65536)
    plain.close()
    plain = secure(zhang)
    try:
        for number in range(2000):
            plain.sendall(b"X-%d: " % number + b"y" * 500 + b"\r\n")
    except (ConnectionError, ssl.SSLError):
        pass
    assert closed(plain)
    plain.close()
    assert zhang.get("/v1/operator/self").status == 200


# TLS

def s_client(hq, *options):
    pair = hq.pki.operator("zhang")
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{hq.port}", "-CAfile", hq.pki.servers.pem,
         "-cert", pair.pem, "-key", pair.key_path, *options],
        input=b"GET /v1/operator/self HTTP/1.1\r\nHost: hq\r\nConnection: close\r\n\r\n",
        capture_output=True, timeout=60, check=False)


def test_openssls_own_client_cannot_resume_renegotiate_or_go_below_1_3(hq, tmp_path):
    session = tmp_path / "session.pem"
    first = s_client(hq, "-ign_eof", "-sess_out", session)
    assert b"200 OK" in first.stdout and b"TLSv1.3" in first.stdout, first.stderr
    assert b"New Session Ticket" not in first.stdout and not session.exists()
    again = s_client(hq, "-reconnect", "-ign_eof")
    assert b"Reused" not in again.stdout
    for version in ("-tls1_2", "-tls1_1"):
        refused = s_client(hq, version)
        assert refused.returncode != 0 and b"200 OK" not in refused.stdout, version
    assert hq.operator().get("/v1/operator/self").status == 200


def test_a_box_revoked_while_it_waits_hears_nothing_more(hq):
    box, zhang = hq.box("lu-hz-01"), hq.operator()
    waiting = box.connect()
    waiting.request("GET", "/v1/checkpoints/lu-hz-01/inbox?wait=30")
    assert box.get("/v1/list/head").status == 200
    assert zhang.post("/v1/operator/revoke", {"checkpoint": "lu-hz-01", "reason": "stolen"}).status == 200
    assert zhang.put("/v1/list/batches", hq.world.batch(added=[entry(1, "鲁H12345")])).status == 201
    answer = waiting.getresponse()
    assert answer.status == 403 and b"revision" not in answer.read()
    waiting.close()


# Records that mean no good

def test_one_box_cannot_break_the_operators_answers(hq):
    box, zhang, journal = hq.box("lu-hz-01"), hq.operator(), Journal("lu-hz-01")
    assert box.post(records_path("lu-hz-01"), journal.line("start")).status == 200
    journal.encode = lambda body: b'}],"next":1} garbage'
    bad = journal.line("hit")
    for path in ("records", "urgent"):
        answer = box.post(f"/v1/checkpoints/lu-hz-01/{path}", bad)
        assert (answer.status, answer.code) == (422, "refused"), path
        assert "body" in answer.json["error"]["en"]
    assert zhang.get("/v1/operator/hits").json == {"hits": [], "next": 0}


def test_hits_of_a_box_put_back_to_yesterday_all_reach_the_operators(hq):
    box, zhang, journal = hq.box("lu-hz-01"), hq.operator(), Journal("lu-hz-01")
    start = journal.line("start")
    copy = Journal("lu-hz-01", journal.chain)
    copy.sequence, copy.head, copy.boot = journal.sequence, journal.head, journal.boot
    assert box.post(records_path("lu-hz-01"), start + journal.line("hit", {"plate": "鲁H00001"})).status == 200
    for plate in ("鲁H00002", "鲁H00003"):
        fork = Journal("lu-hz-01", copy.chain)
        fork.sequence, fork.head, fork.boot = copy.sequence, copy.head, copy.boot
        answer = box.post(records_path("lu-hz-01"), fork.line("hit", {"plate": plate}))
        assert (answer.status, answer.json["quarantine"]["sequence"]) == (409, 2)
    shown = zhang.get("/v1/operator/hits").json["hits"]
    assert [(h["record"]["plate"], h["provisional"]) for h in shown] == [
        ("鲁H00001", False), ("鲁H00002", True), ("鲁H00003", True)]


# Disks and kills

@pytest.fixture()
def small_disk(tmp_path):
    """A folder on a file system of 2 MiB, and a function that makes it larger."""
    folder = tmp_path / "hq" / "state"
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", folder], check=True)
    try:
        yield folder, lambda: subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_gives_no_receipt_still_reads_and_heals(small_disk):
    folder, enlarge = small_disk
    # the file, whatever store the other tests are run over
    hq = Headquarters(folder.parent, store=SqliteFile(folder / "hqd.sqlite")).start()
    try:
        box, zhang, journal = hq.box("lu-hz-01"), hq.operator(), Journal("lu-hz-01")
        confirmed, refused = 0, None
        pending = []
        while refused is None:
            assert journal.sequence < 20000, "the disk never filled"
            pending = [journal.line("hit", {"plate": "鲁H12345", "text": "长" * 300}) for _ in range(20)]
            answer = box.post(records_path("lu-hz-01"), b"".join(pending))
            if answer.status == 200:
                confirmed = verify(answer.body, hq.world.receipt_key)["sequence"]
            else:
                refused = answer
        assert (refused.status, refused.code) in ((503, "busy"), (500, "internal"))
        assert "database" in refused.json["error"]["en"]
        # what only reads is served, the list of withdrawals above all
        assert box.get("/v1/list/head").status == 200
        assert box.get("/v1/checkpoints/lu-hz-01/inbox").status == 200
        # what a person looks at must stand in headquarters' own records: it waits for the disk
        for _ in range(2000):  # what is left of the last page takes a few
            look = zhang.get("/v1/operator/hits?limit=1")
            if look.status != 200:
                break
        assert look.status in (500, 503) and "could not be recorded" in look.json["error"]["en"]
        assert box.get("/v1/list/head").status == 200
        enlarge()
        assert zhang.get("/v1/operator/hits?limit=1000").json["hits"]
        answer = box.post(records_path("lu-hz-01"), b"".join(pending))
        assert answer.status == 200, answer.body
        assert verify(answer.body, hq.world.receipt_key)["sequence"] == confirmed + 20
        report = zhang.post("/v1/operator/audit/verify", {}).json
        assert report["ok"] and report["checkpoints"][0]["records"] == confirmed + 20
    finally:
        hq.stop()


def test_kills_in_the_middle_of_ingest_lose_and_double_nothing(hq):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    box, journal = hq.box("lu-hz-01"), Journal("lu-hz-01")
    receipts, unconfirmed = [], []
    stop = threading.Event()

    def send():
        """Sends what has no receipt yet, in sequence, as uplinkd does."""
        while not stop.is_set():
            if len(unconfirmed) < 200:
                unconfirmed.extend((journal.line("hit", {"n": journal.sequence + 1}), journal.sequence)
                                   for _ in range(8))
            body = b"".join(line for line, _ in unconfirmed[:64])
            try:
                box.port = hq.port
                answer = box.post(records_path("lu-hz-01"), body)
            except (OSError, ssl.SSLError, ValueError):
                continue
            if answer.status == 200:
                receipts.append(verify(answer.body, hq.world.receipt_key)["sequence"])
                unconfirmed[:] = [pair for pair in unconfirmed if pair[1] > receipts[-1]]

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for _ in range(12):
            goal = len(receipts) + draw.randrange(1, 12)
            wait_for("receipts", lambda g=goal: len(receipts) >= g, 30)
            hq.hqd.kill()
            held = confirmed_at(hq)
            assert held >= max(receipts), "a receipt for a record that is gone"
            hq.hqd.start()
    finally:
        stop.set()
        sender.join()
    assert receipts == sorted(receipts)
    report = hq.operator().post("/v1/operator/audit/verify", {}).json
    assert report["ok"], report
    numbers = [json.loads(body)["n"] for (body,) in hq.store.rows("SELECT body FROM hits ORDER BY sequence")]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= max(receipts)


def confirmed_at(hq):
    """What the database of a killed hqd holds, read from a copy of its files."""
    last = "SELECT coalesce(max(sequence), 0) FROM records"
    if not isinstance(hq.store, SqliteFile):
        return hq.store.rows(last)[0][0]
    copy = hq.folder / "copy"
    copy.mkdir(exist_ok=True)
    for name in ("hqd.sqlite", "hqd.sqlite-wal"):
        source = hq.folder / "state" / name
        (copy / name).write_bytes(source.read_bytes() if source.exists() else b"")
    (copy / "hqd.sqlite-shm").unlink(missing_ok=True)
    db = sqlite3.connect(copy / "hqd.sqlite")
    try:
        return db.execute(last).fetchone()[0]
    finally:
        db.close()


@pytest.mark.parametrize("what", ["garbage", "foreign", "cut"])
def test_a_database_that_is_not_ours_is_refused_and_left_alone(tmp_path, what):
    path = tmp_path / "state" / "hqd.sqlite"
    hq = Headquarters(tmp_path, store=SqliteFile(path))
    path.parent.mkdir()
    if what == "garbage":
        path.write_bytes(os.urandom(8192))
    elif what == "foreign":
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE record(a)")
        db.close()
    else:
        path.write_bytes(b"SQLite format 3\0" + bytes(40))
    before = path.read_bytes()
    with pytest.raises(ProgramError) as error:
        hq.hqd.start()
    assert "hqd.sqlite" in str(error.value) and "database" in str(error.value)
    assert path.read_bytes() == before


# Enrolment

def request_named(name, key=None, curve=None):
    """A request whose subject says `name`."""
    key = key or ec.generate_private_key(curve or ec.SECP256R1())
    digest = None if isinstance(key, ed448.Ed448PrivateKey) else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])).sign(key, digest)
    return base64.encodebytes(request.public_bytes(serialization.Encoding.DER))


def test_the_subject_of_a_request_carries_no_meaning(hq):
    token = token_for(hq, "lu-hz-01")
    answer = enroll(hq, "lu-hz-01", token, request_named("urn:checkpoint-hq:testfleet"))
    assert answer.status == 200
    leaf = certificates_of(answer)[0]
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "lu-hz-01"
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:checkpoint:lu-hz-01"]


def test_odd_keys_and_oversized_requests_get_nothing_and_keep_the_token(hq):
    token = token_for(hq, "lu-hz-01")
    weak = pathlib.Path(hq.folder) / "weak.pem"
    made = subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:512", "-nodes", "-keyout", weak, "-subj",
                           "/CN=lu-hz-01", "-outform", "DER"], capture_output=True, check=True)
    good = base64.b64decode(request_for()[1])
    broken = bytearray(good)
    broken[-3] ^= 1
    odd = {"RSA of 512 bits": (base64.encodebytes(made.stdout), 400),
           "RSA of 4096 bits": (request_named("x", rsa.generate_private_key(65537, 4096)), 400),
           "P-521": (request_named("x", curve=ec.SECP521R1()), 400),
           "secp256k1": (request_named("x", curve=ec.SECP256K1()), 400),
           "Ed448": (request_named("x", ed448.Ed448PrivateKey.generate()), 400),
           "a signature of nobody": (base64.encodebytes(bytes(broken)), 400),
           "something behind it": (base64.encodebytes(good + b"\0"), 400),
           "much behind it": (base64.encodebytes(good + bytes(11000)), 400)}
    for what, (body, status) in odd.items():
        assert enroll(hq, "lu-hz-01", token, body).status == status, what
    try:
        assert enroll(hq, "lu-hz-01", token, b"A" * 20000).status == 413
    except (ConnectionError, ssl.SSLError):
        pass  # it may hang up before everything was sent
    for _ in range(100):
        assert enroll(hq, "lu-hz-01", os.urandom(20).hex(), request_for()[1]).status == 401
    assert enroll(hq, "lu-hz-01", token, base64.encodebytes(good)).status == 200


ASK_AS = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.settimeout(20)
s.connect(sys.argv[1])
try:
    s.sendall(b'{"csr":"x","checkpoint":"a"}\\n')
    print("said", s.makefile().readline().strip())
except (BrokenPipeError, ConnectionResetError):
    print("said ")
"""


def test_hq_cad_hears_hqd_only():
    with short_folder() as folder:
        hq = Headquarters(folder)
        hq.cad.start()
        try:
            path = hq.runtime / "issue"
            for opened in (hq.folder, hq.runtime):  # only the peer check is left to refuse
                opened.chmod(0o711)
            path.chmod(0o666)
            told = subprocess.run([sys.executable, "-c", ASK_AS, path], capture_output=True, text=True,
                                  timeout=30, check=True).stdout
            assert told == "said \n", told
        finally:
            hq.cad.stop()


def test_hq_cad_outlives_garbage_and_a_kill(hq):
    path = hq.runtime / "issue"
    for piece in (b"\0" * 100 + b"\n", b"\xff\n", b"[" * 40000, b"{}\n" * 100, b'{"csr":' + b"9" * 400 + b"}\n",
                  b"[" * 3000 + b"\n", b"x" * 70000, b"half a line"):
        with socket.socket(socket.AF_UNIX) as plain:
            plain.settimeout(0.5)
            plain.connect(str(path))
            try:
                plain.sendall(piece)
                plain.recv(4096)
            except (OSError, TimeoutError):
                pass
    token = token_for(hq, "lu-hz-01")
    assert enroll(hq, "lu-hz-01", token, request_for()[1]).status == 200
    hq.cad.kill()  # its socket file stays behind
    token = token_for(hq, "lu-hz-02")
    assert enroll(hq, "lu-hz-02", token, request_for()[1]).status == 503
    hq.cad.start()
    assert enroll(hq, "lu-hz-02", token, request_for()[1]).status == 200


# HQ's clock

def test_a_clock_that_jumps_leaves_statements_receipts_and_waits_alive(tmp_path):
    hq = Headquarters(tmp_path)
    clock = WallClock(tmp_path / "clock", hq.hqd)
    hq.start()
    try:
        box, zhang, journal = hq.box("lu-hz-01"), hq.operator(), Journal("lu-hz-01")
        assert zhang.put("/v1/list/batches", hq.world.batch(added=[entry(1, "鲁H12345")])).status == 201

        def freshness_ms():
            head = zhang.get("/v1/list/head").json
            fresh = verify(head["freshness"], hq.world.freshness_key)
            assert (fresh["revision"], fresh["hash"]) == (1, head["hash"])
            assert time_ms(fresh["valid_until"]) - time_ms(fresh["time"]) == 24 * 3600 * 1000
            return time_ms(fresh["time"])

        def receipt_ms():
            answer = box.post(records_path("lu-hz-01"), journal.line("hit"))
            assert answer.status == 200, answer.body
            receipt = verify(answer.body, hq.world.receipt_key)
            assert receipt["sequence"] == journal.sequence
            return time_ms(receipt["time"])

        begin, first = freshness_ms(), receipt_ms()
        waiting = box.connect()
        waiting.request("GET", "/v1/checkpoints/lu-hz-01/inbox?after=9&wait=4")
        clock.set(61 * 60)  # an hour later: the statement is renewed by itself
        wait_for("a new statement", lambda: freshness_ms() >= begin + 3600 * 1000)
        assert receipt_ms() >= first + 3600 * 1000
        clock.set(-30 * 60)  # back: renewed at once, or it would speak of the future
        wait_for("an earlier statement", lambda: freshness_ms() < begin)
        assert receipt_ms() < first
        assert json.loads(waiting.getresponse().read()) == {"messages": [], "next": 9}
        waiting.close()
        late = zhang.put("/v1/list/batches", hq.world.batch(added=[entry(2, "鲁H23456")], advance=False))
        assert (late.status, late.code) == (422, "refused") and "ahead" in late.json["error"]["en"]
        clock.set(400 * 24 * 3600)  # every certificate has ended by then
        wait_for("refusal", lambda: not box_answers(box))
        clock.set(0)
        wait_for("an answer", lambda: box_answers(box))
        assert receipt_ms() >= first and zhang.post("/v1/operator/audit/verify", {}).json["ok"]
        assert len(zhang.get("/v1/operator/hits").json["hits"]) == journal.sequence
    finally:
        hq.stop()
