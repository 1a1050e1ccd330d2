"""Spool mode: a checkpoint and headquarters that never share a network, everything on a stick both ways, by the same
signatures; what becomes of a stick that is lost, brought twice, in the wrong order, cut short, altered or another's."""
import base64
import datetime
import hashlib
import json
import os
import shutil

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from harness import journal
from harness.hq import BIN
from harness.process import run_program
from harness.signing import entry
from harness.small_disk import SmallDisk
from harness.stack import program, wait_until
from harness.uplink_site import BOX, WANTED, Site, a_site


class SpoolSite(Site):
    def start(self):
        """No uplinkd, no link: matchd reads what the imports write to Redis."""
        self.checkpointd()
        self.matchd()
        self.pair = self.hq.pki.box(BOX)
        self.config = self.box.write_uplinkd(self.hq, self.redis.socket, self.pair, hq=["https://127.0.0.1:1"])
        operator = self.hq.pki.operator("zhang")
        self.hqctl = self.hq.folder / "hqctl.yaml"
        self.hqctl.write_text(f"hq: https://127.0.0.1:{self.hq.port}\nhq_root: {self.hq.pki.servers.pem}\n"
                              f"fleet: {self.hq.pki.fleet}\ncertificate: {operator.pem}\nkey: {operator.key_path}\n")

    def stick(self, name="stick"):
        path = self.box.folder / name
        path.mkdir(exist_ok=True)
        return path

    def uplink(self, what, stick, status=0):
        done = run_program([program("checkpoint-uplinkd"), "--config", self.config, what, stick], timeout_s=90, text=True)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def export(self, stick, status=0):
        return self.uplink("--spool-export", stick, status)

    def take(self, stick, status=0):
        return self.uplink("--spool-import", stick, status)

    def bring(self, stick, status=0, box=BOX):
        done = run_program([BIN / "hqctl", "spool", "import", stick / box, "--reason", "weekly stick, sergeant Wang",
                            "--config", self.hqctl], timeout_s=90, text=True)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def round_trip(self, stick):
        self.export(stick)
        self.bring(stick)
        self.take(stick)

    def journal(self):
        return self.status()["journal"]

    def files(self, stick, kind="journal"):
        return sorted((stick / BOX).glob(f"{kind}-*.ndjson*"))


@pytest.fixture
def site():
    yield from a_site(SpoolSite)


def records(site):
    return journal.verify(site.box.state / "checkpointd" / "journal")


def instruct(site, number, text):
    body = site.hq.world.instruction(BOX, number, kind="message", body={"text": text})
    answer = site.hq.operator().post("/v1/operator/instructions", body)
    assert answer.status == 201, answer.body


def seal(pair, payload):
    """A manifest as a box would sign it, written from gateway/tls/sealed.h alone."""
    signature = pair.key.sign(b"checkpoint:spool-manifest/1\n" + payload, ec.ECDSA(hashes.SHA256()))
    return {"alg": "x509-sha256", "certificates": [base64.b64encode(pair.certificate.public_bytes(Encoding.DER)).decode()],
            "payload": base64.b64encode(payload).decode(), "sig": base64.b64encode(signature).decode(),
            "type": "spool-manifest/1"}


def bring_sealed(site, manifest, operator="zhang"):
    return site.hq.operator(operator).post("/v1/operator/spool", {"manifest": manifest, "reason": "a test"})


def test_records_list_and_receipts_cross_the_gap_both_ways(site):
    site.start()
    stick = site.stick()
    site.publish(entry(1, WANTED))
    site.acts(3)
    assert "records" in site.export(stick)
    manifest = json.loads((stick / BOX / "manifest.json").read_bytes())
    assert manifest["type"] == "spool-manifest/1" and len(manifest["certificates"]) >= 1
    site.bring(stick)
    assert site.journal()["confirmed"] == 0  # nothing is confirmed before the receipt is back
    told = site.take(stick)
    assert "0 -> 1" in told
    confirmed = site.journal()["confirmed"]
    assert confirmed >= 3 and site.whole_at_hq(confirmed) and site.whole_at_hq(1, 1)
    wait_until("list in matchd", lambda: site.status()["list"] and site.status()["list"]["revision"] == 1)
    assert site.hit(WANTED, 7)["match"] == "exact"
    # the next trip carries the hit, an emptied list and a message; the trip before, brought again, changes nothing
    shutil.copytree(stick, site.box.folder / "old")
    site.publish(withdrawn=[1])
    instruct(site, 1, "注意白色面包车")
    site.round_trip(stick)
    wait_until("the message on record", lambda: [r for r in records(site) if r.kind == "instruction"])
    assert [hit["record"]["read"]["event_id"] for hit in site.hq_hits()] == ["7"]
    wait_until("withdrawn in matchd", lambda: site.status()["list"]["revision"] == 2)
    row = site.store("SELECT list_revision, inbox_acked FROM checkpoints WHERE id = ?", BOX)[0]
    assert "brought before" in site.bring(site.box.folder / "old")
    assert site.store("SELECT list_revision, inbox_acked FROM checkpoints WHERE id = ?", BOX)[0] == row
    confirmed = site.journal()["confirmed"]
    site.take(site.box.folder / "old")
    assert site.journal()["confirmed"] == confirmed and site.revision() == 2
    assert site.whole_at_hq(confirmed) and len(site.hq_hits()) == 1
    acts = [r for r in site.hq.operator().get("/v1/operator/own?limit=1000").json["records"]]
    assert any("weekly stick" in json.dumps(r) or r.get("data_base64") for r in acts)


def test_a_lost_stick_loses_nothing_and_one_that_is_cut_or_altered_is_refused(site):
    site.start()
    lost, stick = site.stick("lost"), site.stick()
    site.acts(2)
    site.export(lost)
    site.acts(2)
    site.export(stick)
    first = site.files(stick)[0]
    whole = first.read_bytes()
    # altered in the middle, then cut short, then gone: refused, nothing is stored, no receipt
    for damaged in (whole[:40] + bytes([whole[40] ^ 1]) + whole[41:], whole[:-30], None):
        if damaged is None:
            first.unlink()
        else:
            first.write_bytes(damaged)
        assert first.name in site.bring(stick, status=1)
        assert not site.sequences() and not (stick / BOX / "answer" / "receipt-journal.json").exists()
    first.write_bytes(whole)
    # a manifest that was altered, or is not there
    manifest = stick / BOX / "manifest.json"
    good = manifest.read_bytes()
    value = json.loads(good)
    value["payload"] = value["payload"][:20] + ("A" if value["payload"][20] != "A" else "B") + value["payload"][21:]
    manifest.write_text(json.dumps(value))
    site.bring(stick, status=1)
    manifest.unlink()
    assert "cut short" in site.bring(stick, status=1)
    manifest.write_bytes(good)
    site.bring(stick)
    held = site.sequences()
    assert held == list(range(1, len(held) + 1)) and len(held) > 4
    # the answer cut short: nothing is taken as the end of it
    answer = stick / BOX / "answer"
    (answer / "answer.json").rename(answer / "away")
    site.take(stick, status=1)
    (answer / "away").rename(answer / "answer.json")
    inbox = answer / "inbox.json"
    text = inbox.read_bytes()
    inbox.write_bytes(text.replace(b'"payload":"', b'"payload":"AAAA', 1))
    site.take(stick, status=1)
    assert site.journal()["confirmed"] == 0
    inbox.write_bytes(text)
    site.take(stick)
    assert site.journal()["confirmed"] == held[-1]


def test_a_receipts_file_says_nothing_else_to_checkpointd(site):
    site.start()
    stick = site.stick()
    site.acts(1)
    site.export(stick)
    site.bring(stick)
    receipt = stick / BOX / "answer" / "receipt-journal.json"
    good = receipt.read_bytes()
    receipt.write_bytes(b'{}}\n{"do":"instruction","number":7,"too_large":99999}\n{"do":"receipt","receipt":{}')
    assert receipt.name in site.take(stick, status=1)
    receipt.write_bytes(json.dumps(json.loads(good), indent=1).encode())  # the same, in lines
    site.take(stick)
    assert site.journal()["confirmed"] > 0
    assert not [r for r in records(site) if r.kind == "instruction"]


def test_another_checkpoints_stick_and_a_revoked_ones_are_refused(site):
    site.start()
    stick = site.stick()
    site.acts(1)
    site.export(stick)
    site.bring(stick)
    # another box finds nothing of its own there, and its answer is not for this one
    site.hq.box("lu-hz-02")
    shutil.move(stick / BOX, stick / "lu-hz-02")
    assert "missing" in site.take(stick, status=1)
    shutil.move(stick / "lu-hz-02", stick / BOX)
    # the manifest under certificates that no connection would get by with
    payload = base64.b64decode(json.loads((stick / BOX / "manifest.json").read_bytes())["payload"])
    pki, urn, day = site.hq.pki, f"urn:checkpoint:{BOX}", datetime.timedelta(days=1)
    now = datetime.datetime.utcnow()
    bad = {"wrong root": pki.operators.issue("wrong-root", urn),
           "expired": pki.boxes.issue("expired", urn, start=now - 40 * day, end=now - day),
           "not yet valid": pki.boxes.issue("early", urn, start=now + day),
           "another box": pki.boxes.issue("another", "urn:checkpoint:lu-hz-02"),
           "a server's": pki.boxes.issue("server", urn, server=True)}
    for why, pair in bad.items():
        assert bring_sealed(site, seal(pair, payload)).status == 403, why
    altered = seal(site.pair, payload)
    altered["certificates"] = seal(pki.box("lu-hz-02"), payload)["certificates"]
    assert bring_sealed(site, altered).status in (403, 422)
    assert bring_sealed(site, seal(site.pair, payload)).status == 200
    assert bring_sealed(site, seal(site.pair, payload), operator="li").status == 200
    answer = site.hq.operator().post("/v1/operator/revoke", {"checkpoint": BOX, "reason": "stolen"})
    assert answer.status == 200
    before = site.sequences()
    site.acts(1)
    site.export(stick)
    assert "revoked" in site.bring(stick, status=1)
    assert site.sequences() == before


def test_headquarters_put_back_gets_what_it_lost_and_an_interrupted_export_goes_on(site):
    site.start()
    site.acts(2)
    stick = site.stick()
    site.round_trip(stick)
    site.hq.hqd.stop()
    for name in ("hqd.sqlite", "hqd.sqlite-wal", "hqd.sqlite-shm"):
        (site.hq.folder / "state" / name).unlink(missing_ok=True)
    site.hq.hqd.start()
    site.hq.box(BOX, enroll=True)
    assert not site.sequences()
    # the first trip after that is refused for its gap and says where headquarters stands, of both chains
    site.acts(1)
    wait_until("a record of the second chain, one every 10 s", lambda: site.export(stick) and site.files(stick, "observe"), 30)
    assert "missing" in site.bring(stick, status=1)
    assert "holds records up to 0 only" in site.take(stick)
    # the second brings everything again; a part of it was written, when the power went
    site.export(stick)
    files = site.files(stick)
    (stick / BOX / "manifest.json").unlink()
    site.files(stick, "observe")[0].unlink()
    written = {path: path.stat().st_mtime_ns for path in files}
    site.export(stick)
    again = {path: path.stat().st_mtime_ns for path in site.files(stick)}
    assert site.files(stick, "observe") and all(again.get(path, stamp) == stamp for path, stamp in written.items())
    site.bring(stick)
    site.take(stick)
    assert site.whole_at_hq(site.journal()["confirmed"])
    site.round_trip(stick)
    assert site.whole_at_hq(site.journal()["confirmed"])


def test_links_and_stale_files_on_a_stick_lead_nowhere(site):
    """A stick with a file system of its own may carry more than an export: nothing beside it is written or read."""
    site.start()
    stick, elsewhere = site.stick(), site.box.folder / "elsewhere"
    elsewhere.mkdir()
    victim = elsewhere / "key"
    victim.write_text("whoever's")
    (stick / BOX).symlink_to(elsewhere)
    assert "no link" in site.export(stick, status=1)
    (stick / BOX).unlink()
    (stick / BOX).mkdir()
    (stick / BOX / "manifest.json.new").symlink_to(victim)
    site.acts(1)
    site.export(stick)
    (site.box.folder / "linked").mkdir()
    (site.box.folder / "linked" / BOX).symlink_to(stick / BOX)
    assert "no link" in site.bring(site.box.folder / "linked", status=1)
    answer = stick / BOX / "answer"
    answer.symlink_to(elsewhere)
    assert "no link" in site.bring(stick, status=1)
    assert [path.name for path in elsewhere.iterdir()] == ["key"] and victim.read_text() == "whoever's"
    # what an earlier import left is not taken for this one's
    answer.unlink()
    answer.mkdir()
    (answer / "receipt-observe.json").write_text("of another chain")
    (answer / "chunk-00.bin").write_text("of an old list")
    site.bring(stick)
    assert not (answer / "chunk-00.bin").exists()
    site.take(stick)
    assert site.whole_at_hq(site.journal()["confirmed"])


def test_an_old_batch_under_the_name_of_the_next_ends_the_import(site):
    site.start()
    stick = site.stick()
    site.publish(entry(1, WANTED))
    site.round_trip(stick)
    site.publish(entry(2, "鲁H20002"))
    site.export(stick)
    site.bring(stick)
    second, sealed = (stick / BOX / "answer" / f"batch-{2:020}.json{suffix}" for suffix in ("", ".cms"))
    good, rows = sealed.read_bytes(), site.hq.operator().get("/v1/list/batches?after=0").json["batches"]
    sealed.unlink()
    second.write_text(json.dumps({"revision": 2, "envelope": rows[0]["envelope"]}))
    assert "no batch behind 1" in site.take(stick, status=1)
    sealed.write_bytes(good)
    assert "1 -> 2" in site.take(stick)


def test_whoever_carries_the_stick_reads_no_entry_of_the_list(site):
    """An entry that is only observed shows nowhere at the box: not on the stick that brings it either."""
    site.start()
    stick = site.stick()
    site.publish(entry(1, WANTED), entry(2, "鲁H20002", handling="observe"))
    site.export(stick)
    site.bring(stick)
    answer = stick / BOX / "answer"
    zhang = site.hq.operator()
    payload = zhang.get("/v1/list/batches?after=0").json["batches"][0]["envelope"]["payload"]
    whole = b"".join(path.read_bytes() for path in answer.iterdir())
    assert payload.encode() not in whole and base64.b64decode(payload) not in whole
    batch = answer / f"batch-{1:020}.json.cms"
    good = batch.read_bytes()
    # altered, or to another box: named, and nothing of it is taken
    for bad in (good[:-20] + bytes([good[-20] ^ 1]) + good[-19:], good[:100], b"{}"):
        batch.write_bytes(bad)
        assert batch.name in site.take(stick, status=1) and site.revision() == 0
    batch.write_bytes(good)
    # the same of a snapshot, which a box that has no list yet gets
    manifest, chunks = site.hq.world.snapshot()
    for data in chunks:
        assert zhang.put(f"/v1/list/chunks/{hashlib.sha256(data).hexdigest()}", data).status in (200, 201)
    assert zhang.put("/v1/list/snapshot", manifest).status == 201
    site.bring(stick)
    whole = b"".join(path.read_bytes() for path in answer.iterdir())
    assert chunks and not any(data in whole for data in chunks) and not list(answer.glob("batch-*"))
    assert "0 -> 1" in site.take(stick)


def test_a_box_in_place_of_another_counts_its_exports_anew(site):
    site.start()
    stick = site.stick()
    site.export(stick)
    payload = json.loads(base64.b64decode(json.loads((stick / BOX / "manifest.json").read_bytes())["payload"]))

    def bring(number):
        text = json.dumps({**payload, "number": number}, sort_keys=True, separators=(",", ":")).encode()
        answer = bring_sealed(site, seal(site.pair, text))
        assert answer.status == 200, answer.body
        return answer.json

    assert bring(1 << 62)["newer"] and not bring(5)["newer"]
    site.hq.store.execute("UPDATE checkpoints SET replaced_ms = (SELECT taken_ms + 1 FROM spools WHERE checkpoint = id)")
    wait_until("a later millisecond", lambda: bring(6)["newer"])
    assert bring(6)["newest"] == 6 and bring(7)["newer"]


@pytest.mark.skipif(not os.environ.get("CHECKPOINT_FULL") or os.geteuid() != 0,
                    reason="of the full tier (CHECKPOINT_FULL=1); mounts a small file system, which needs root")
def test_a_full_stick_is_told_and_the_export_goes_on_with_room(site):
    site.start()
    site.acts(20)
    stick = site.stick()
    disk = SmallDisk(stick / BOX, 1 << 20)
    try:
        disk.fill()
        assert "full" in site.export(stick, status=1) and not (stick / BOX / "manifest.json").exists()
        disk.free()
        site.export(stick)
        site.bring(stick)
        shutil.rmtree(stick / BOX / "answer")
        disk.fill()
        assert site.bring(stick, status=1)  # no room for the answer: nothing is half an answer
        site.take(stick, status=1)
        disk.free()
        site.bring(stick)
        site.take(stick)
        assert site.whole_at_hq(site.journal()["confirmed"])
    finally:
        disk.unmount()
