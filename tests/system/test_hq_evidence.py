"""Hits' pictures at headquarters: taken in ranges from the box whose hit names them, looked at with a reason, gone in time."""
import hashlib
import json
import os
import socket
import sqlite3

import pytest

from harness.evidence import RANGE, Sender, hit_body
from harness.hq import Headquarters, acts
from harness.process import run_program, wait_for
from harness.records import Journal
from harness.stack import program

BOX = "lu-hz-01"
RECORDS = f"/v1/checkpoints/{BOX}/records"
DAY_MS = 24 * 3600 * 1000
SQLITE = os.environ.get("CHECKPOINT_HQ_STORE") != "postgres"


class Site:
    """A headquarters and a box; each hit is a record of one journal."""

    def __init__(self, folder):
        self.hq = Headquarters(folder, operators=("zhang", "wang:applicant", "li:auditor")).start()
        self.peer = self.hq.box(BOX)
        self.box = Sender(self.peer)
        self.journal = Journal(BOX)
        assert self.peer.post(RECORDS, self.journal.line("start")).status == 200

    def hit(self, event, **body):
        """Sequence of a hit whose read is that event of camera 11."""
        assert self.peer.post(RECORDS, self.journal.line("hit", hit_body(event, **body))).status == 200
        return self.journal.sequence

    def declare(self, data, sequence, event, **other):
        return self.box.declare(data, self.journal.chain, sequence, event, **other)

    def number_of(self, sequence):
        hits = self.hq.operator().get("/v1/operator/hits?limit=1000").json["hits"]
        return [hit["number"] for hit in hits if hit["sequence"] == sequence][-1]

    def listed(self, sequence):
        return self.hq.operator().get(f"/v1/operator/evidence?hit={self.number_of(sequence)}").json["evidence"]

    def parts(self):
        return self.hq.store.rows("SELECT count(*) FROM evidence_parts")[0][0]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("evidence"))
    yield site
    site.hq.stop()


def test_a_picture_comes_whole_and_is_opened_with_a_reason(site):
    scene, crop = os.urandom(2 * RANGE + 12345), os.urandom(4321)
    sequence = site.hit(7)
    for data, kind in ((scene, "scene"), (crop, "crop")):
        assert site.declare(data, sequence, 7, kind=kind).json == {"held": 0, "size": len(data), "complete": False}
        assert site.box.all(data).json == {"held": len(data), "size": len(data), "complete": True}
    rows = {row["kind"]: row for row in site.listed(sequence)}
    assert rows["scene"]["sha256"] == hashlib.sha256(scene).hexdigest() and rows["crop"]["size"] == len(crop)
    assert all(row["complete"] and row["trigger"] and row["event"] == "7" and row["deleted"] is None for row in rows.values())
    zhang = site.hq.operator()
    ask = {"hit": site.number_of(sequence), "sha256": hashlib.sha256(scene).hexdigest()}
    assert zhang.post("/v1/operator/evidence/open", ask).status == 400  # a look needs its reason
    answer = zhang.post("/v1/operator/evidence/open", {**ask, "reason": "核对案件 A3717"})
    assert answer.status == 200 and answer.body == scene
    looks = acts(site.hq.store, "evidence.open")
    assert looks[-1]["reason"] == "核对案件 A3717" and ask["sha256"] in looks[-1]["about"]
    for name, status in (("wang", 403), ("li", 200)):  # an applicant sees no hits
        assert site.hq.operator(name).get(f"/v1/operator/evidence?hit={ask['hit']}").status == status
    # the same once more: nothing is stored again
    before = site.parts()
    assert site.declare(scene, sequence, 7).json["complete"] and site.box.range(scene, 0).json["complete"]
    assert site.parts() == before


def test_the_picture_taken_later_says_so(site):
    data, sequence = os.urandom(100), site.hit(8)
    assert site.declare(data, sequence, 8, kind="later").status == 200
    site.box.all(data)
    row, = site.listed(sequence)
    assert row["kind"] == "later" and not row["trigger"] and isinstance(row["delay_ms"], int)


def test_only_what_a_hit_of_the_box_names_is_taken(site):
    data, sequence = os.urandom(5000), site.hit(20)
    assert site.declare(data, sequence + 1, 20).status == 409  # the hit has not come yet
    assert "has not come here yet" in site.declare(data, sequence + 1, 20).json["error"]["en"]
    for event, camera in ((21, 11), (20, 12)):
        answer = site.declare(data, sequence, event, camera=camera)
        assert answer.status == 422 and f"no event {event} of camera {camera}" in answer.json["error"]["en"]
    other = Sender(site.hq.box("lu-hz-02"), "lu-hz-02")
    assert other.declare(data, site.journal.chain, sequence, 20).status == 409  # another's hit
    assert Sender(other.box).declare(data, site.journal.chain, sequence, 20).status == 403
    assert site.box.range(data, 0).status == 404  # never declared
    assert site.box.state(data).status == 404
    for wrong in ({"kind": "selfie"}, {"size": 0}, {"size": (8 << 20) + 1}, {"event": "020"}, {"event": 20}, {"camera": -1},
                  {"sha256": "00"}, {"chain": "zz" * 16}, {"taken": "now"}, {"more": 1}, {"sequence": 0}):
        assert site.declare(data, sequence, 20, other=wrong).status == 400, wrong
    # an urgent hit counts: it is here
    urgent = Journal(BOX)
    assert site.peer.post(f"/v1/checkpoints/{BOX}/urgent", urgent.line("hit", hit_body(22))).status == 202
    assert site.box.declare(data, urgent.chain, urgent.sequence, 22).status == 200


def test_ranges_out_of_order_are_refused_with_what_is_held(site):
    data, sequence = os.urandom(RANGE + 8192), site.hit(30)
    assert site.declare(data, sequence, 30).status == 200
    gap = site.box.range(data, 4096, 8192)
    assert gap.status == 409 and gap.json["held"] == 0 and gap.code == "conflict"
    assert site.box.range(data, 0, 8192).json["held"] == 8192
    overlap = site.box.range(data, 4096, 12288)
    assert overlap.status == 409 and overlap.json["held"] == 8192
    assert site.box.range(data, 0, 8192).json["held"] == 8192  # its answer was lost: nothing changes
    assert site.box.state(data).json == {"held": 8192, "size": len(data), "complete": False}
    ask = {"hit": site.number_of(sequence), "sha256": hashlib.sha256(data).hexdigest(), "reason": "r"}
    assert site.hq.operator().post("/v1/operator/evidence/open", ask).status == 409  # on its way
    assert site.box.all(data, 8192).json["complete"]


@pytest.mark.parametrize("header", [
    None, "", "bytes", "bytes 0-4095", "bytes 0-4095/*", "bytes */4096", "0-4095/8192", "bytes=0-4095/8192", "bytes  0-4095/8192",
    "bytes 00-4095/8192", "bytes 0-04095/8192", "bytes -1-4095/8192", "bytes 4095-0/8192", "bytes 0-8192/8192", "bytes 0-4095/8192 x",
    "bytes 1-4096/8192", "bytes 0-4094/8192", "bytes 0-99999999999/99999999999", "bytes 0-4095/9000000", "bytes 0-262144/300000"])
def test_a_malformed_range_is_refused(site, header):
    data, sequence = b"x" * 8192, site.hit(40)
    assert site.declare(data, sequence, 40).status == 200
    answer = site.box.range(data, 0, 4096, header=header)
    assert answer.status == 400 and "Content-Range" in answer.json["error"]["en"], answer.body
    assert site.box.state(data).json["held"] == 0


def test_other_lengths_and_large_bodies_are_refused(site):
    data, sequence = b"y" * 8192, site.hit(41)
    assert site.declare(data, sequence, 41).status == 200
    assert site.declare(data, sequence, 41, other={"size": 8191}).status == 422
    assert site.box.range(data, 0, 4096, body=b"y" * 4095).status == 400
    assert site.box.range(data, 0, 4096, body=b"y" * 4097).status == 400
    assert site.box.range(data, 0, header="bytes 0-4095/4096", body=b"y" * 4096).status == 422  # of another size
    assert site.box.range(data, 0, body=b"y" * (RANGE + 1)).status == 413
    assert site.box.range(data, 0, sha="zz").status == 400
    assert site.box.state(data).json["held"] == 0


def test_an_endless_body_is_cut_off(site):
    data, sequence = b"e" * 8192, site.hit(42)
    assert site.declare(data, sequence, 42).status == 200
    with socket.create_connection(("127.0.0.1", site.hq.port), 30) as plain, \
            site.peer.context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        tls.sendall(f"PUT {site.box.path}/{hashlib.sha256(data).hexdigest()} HTTP/1.1\r\nHost: hq\r\n"
                    "Content-Range: bytes 0-4095/8192\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        sent = 0
        with pytest.raises(OSError):
            while sent < 64 << 20:
                tls.sendall(b"10000\r\n" + b"e" * 0x10000 + b"\r\n")
                sent += 0x10000
            raise AssertionError("64 MiB were taken")
    assert site.box.state(data).json["held"] == 0


def test_what_is_not_what_it_says_is_not_kept(site):
    data, sequence = os.urandom(RANGE + 100), site.hit(50)
    before = site.parts()
    assert site.declare(data, sequence, 50).status == 200
    assert site.box.range(data, 0, body=b"z" + data[1:RANGE]).status == 200
    answer = site.box.range(data, RANGE)
    assert answer.status == 422 and "not those of SHA-256" in answer.json["error"]["en"]
    assert site.parts() == before and site.box.state(data).json["held"] == 0
    assert "HQ_EVIDENCE_WRONG" in site.hq.hqd.log_path.read_text()
    assert site.box.all(data).json["complete"]  # sent once more as it is


def test_a_hit_has_so_many_pictures(site):
    sequence = site.hit(60)
    for number in range(32):
        assert site.declare(b"n%d" % number, sequence, 60).status == 200
    answer = site.declare(b"one more", sequence, 60)
    assert answer.status == 422 and "32 pictures" in answer.json["error"]["en"]


def test_a_flood_ends_at_the_days_limit(site):
    site.hq.port_of_restart = site.hq.port
    site.hq.write_config()
    site.hq.config.write_text(site.hq.config.read_text() + "evidence_day_mb: 1\n")
    site.hq.hqd.stop()
    site.hq.hqd.start()
    try:
        other = Sender(site.hq.box("lu-hz-03"), "lu-hz-03")
        journal = Journal("lu-hz-03")
        lines = journal.line("start") + journal.line("hit", hit_body(1))
        assert other.box.post("/v1/checkpoints/lu-hz-03/records", lines).status == 200
        big = other.declare(os.urandom(1 << 20), journal.chain, 2, 1)
        assert big.status == 200
        answer = other.declare(b"more", journal.chain, 2, 1)
        assert answer.status == 429 and answer.headers["Retry-After"] and "at most 1048576" in answer.json["error"]["en"]
        assert site.box.box.post(RECORDS, site.journal.line("hit", hit_body(61))).status == 200  # hits are not concerned
    finally:
        site.hq.write_config()
        site.hq.hqd.stop()
        site.hq.hqd.start()
        site.box = Sender(site.peer)


@pytest.mark.skipif(not SQLITE, reason="of SQLite's guards; PostgreSQL's are test_postgres_guards'")
@pytest.mark.parametrize("sql", [
    "DELETE FROM evidence", "DELETE FROM evidence_parts WHERE number IN (SELECT number FROM evidence WHERE complete_ms IS NOT NULL)",
    "DELETE FROM evidence_links", "UPDATE evidence_parts SET bytes = x'00'", "UPDATE evidence_links SET sequence = 1",
    "UPDATE evidence SET sha = x'00'", "UPDATE evidence SET complete_ms = NULL WHERE complete_ms IS NOT NULL",
    "UPDATE evidence SET deleted_ms = 5", "UPDATE evidence SET checkpoint = 'x'"])
def test_nobody_changes_what_is_here(site, sql):
    data, sequence = os.urandom(10), site.hit(70)
    site.declare(data, sequence, 70)
    site.box.all(data)
    with sqlite3.connect(site.hq.store.path) as db:
        db.create_function("may_forget", 0, lambda: 0)  # hqd's answer
        with pytest.raises(sqlite3.IntegrityError, match="neither changed nor deleted|stays"):
            db.execute(sql)
    db.close()


@pytest.mark.skipif(not SQLITE, reason="over PostgreSQL hq-retaind has a role of its own: test_postgres_guards")
def test_pictures_go_at_their_term_and_a_case_holds_them(tmp_path):
    site = Site(tmp_path)
    try:
        pictures = {}
        for event, plate, age in ((1, "鲁H11111", 31), (2, "鲁H22222", 31), (3, "鲁H33333", 29)):
            site.journal.age_ms = age * DAY_MS
            pictures[event] = (os.urandom(3000), site.hit(event, plate=plate))
            site.declare(*pictures[event], event)
            site.box.all(pictures[event][0])
        site.journal.age_ms = 0
        site.hit(4)
        held = {"case_number": "A1", "reason": "审理中", "plates": ["鲁H22222"]}
        assert site.hq.operator().post("/v1/operator/holds", held).status == 201
        site.hq.retaind.start()
        wait_for("the first one is gone", lambda: site.parts() == 2, 60)
        site.hq.retaind.stop()
        gone = {event: site.listed(sequence)[0]["deleted"] is not None for event, (_, sequence) in pictures.items()}
        assert gone == {1: True, 2: False, 3: False}
        raw = b"".join(path.read_bytes() for path in (site.hq.folder / "state").iterdir() if path.is_file())
        assert pictures[1][0][:2000] not in raw and pictures[2][0][:2000] in raw
        answer = site.hq.operator().post("/v1/operator/evidence/open", {
            "hit": site.number_of(pictures[1][1]), "sha256": hashlib.sha256(pictures[1][0]).hexdigest(), "reason": "r"})
        assert answer.status == 404 and "end of its term" in answer.json["error"]["en"]
        # a box that sends it again is told that it was here; nothing is stored
        assert site.declare(*pictures[1], 1).json["complete"] and site.parts() == 2
        assert any("1 pictures" in act["about"] for act in acts(site.hq.store, "retention.delete"))
    finally:
        site.hq.retaind.stop()
        site.hq.stop()


def test_hqctl_lists_and_fetches(site, tmp_path):
    data, sequence = os.urandom((3 << 20) + 777), site.hit(80)
    site.declare(data, sequence, 80)
    site.box.all(data)
    pair, pki = site.hq.pki.operator("zhang"), site.hq.pki
    config = tmp_path / "hqctl.yaml"
    config.write_text(f"hq: https://127.0.0.1:{site.hq.port}\nhq_root: {pki.servers.pem}\nfleet: {site.hq.world.fleet}\n"
                      f"certificate: {pair.pem}\nkey: {pair.key_path}\n")

    def hqctl(*argv):
        return run_program([program("hqctl"), *argv, "--config", config], text=True)

    number, sha = site.number_of(sequence), hashlib.sha256(data).hexdigest()
    said = hqctl("evidence", "list", number)
    assert said.returncode == 0 and sha in said.stdout and f"1 pictures of hit {number}" in said.stdout, said
    out = tmp_path / "scene.jpg"
    said = hqctl("evidence", "get", number, sha, "--out", out, "--reason", "复核", "--json")
    assert said.returncode == 0 and json.loads(said.stdout)["size"] == len(data) and out.read_bytes() == data
    assert out.stat().st_mode & 0o777 == 0o600
    said = hqctl("evidence", "get", number, "0" * 64, "--out", tmp_path / "none", "--reason", "复核")
    assert said.returncode == 1 and "has no such picture" in said.stderr and not (tmp_path / "none").exists()
    assert hqctl("evidence", "get", number, sha, "--out", out).returncode == 2
    assert hqctl("evidence", "list", "x").returncode == 2
