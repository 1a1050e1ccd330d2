"""checkpoint-uplinkd between a real checkpointd, Redis and hqd: records up, lists down, whatever fails between."""
import base64
import json

import pytest

from harness import journal
from harness.process import SLOWNESS, run_program
from harness.signing import entry, payload_of
from harness.stack import program, wait_until
from harness.uplink_site import BOX, WANTED, a_site


@pytest.fixture
def site():
    yield from a_site()


def test_records_reach_headquarters_and_are_confirmed(site):
    site.checkpointd()
    site.uplinkd()
    site.acts(3)
    head = site.sync()
    assert site.whole_at_hq(head)
    wait_until("link shown", lambda: site.status()["uplink"] == {"connected": True, "detail": ""})
    answer = site.hq.operator().post("/v1/operator/audit/verify", {"checkpoint": BOX})
    assert answer.json["ok"] and answer.json["checkpoints"][0]["last"] >= head


def known_to(folder, plate):
    """Whether any file there has it: as text, in hex, or in base64 wherever it begins."""
    text = plate.encode()
    forms = [text, text.hex().encode(), json.dumps(plate)[1:-1].encode()]
    for shift, first in ((0, 0), (1, 2), (2, 3)):
        forms.append(base64.b64encode(b"\0" * shift + text)[first:(shift + len(text)) * 8 // 6])
    return any(form in path.read_bytes() for path in folder.rglob("*") if path.is_file() for form in forms)


def test_a_passage_stays_on_the_box_and_its_header_is_confirmed(site):
    """The default: headquarters has a passage's header and digest, the chain verifies there, no plate is known there."""
    passes = "鲁H99999"
    site.checkpointd()
    site.uplinkd()
    site.matchd()
    site.publish(entry(1, WANTED))
    wait_until("list in matchd", lambda: site.status()["list"] and site.status()["list"]["revision"] == 1)
    site.camera.send(passes, 6, plate_class="02")
    site.hit(WANTED, 7)
    folder = site.box.state / "checkpointd" / "journal"

    def both_passed():
        return sum(record.kind == "passage" for record in journal.verify(folder)) >= 2
    wait_until("both vehicles on record", both_passed, 60)
    head = site.sync()
    assert site.whole_at_hq(head)
    site.both_ends(head)
    answer = site.hq.operator().post("/v1/operator/audit/verify", {"checkpoint": BOX}).json
    assert answer["ok"] and answer["checkpoints"][0]["last"] >= head
    lines = [json.loads(line) for line, in site.store("SELECT line FROM records WHERE kind = 'passage'")]
    assert len(lines) >= 2 and not any("data_base64" in line or "data" in line for line in lines)
    with_body = [json.loads(line) for line, in site.store("SELECT line FROM records WHERE kind = 'hit'")]
    assert all("data_base64" in line for line in with_body) and with_body
    assert known_to(folder, passes) and known_to(site.hq.folder / "state", WANTED)
    assert not known_to(site.hq.folder, passes)


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
    assert site.whole_at_hq(head)
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
        confirmed = [row[0] for row in site.store("SELECT max(sequence) FROM chains WHERE stream = 0")][0]
        victim.start()
        if victim is daemon:
            site.login()
        head = site.sync()
        assert head > (confirmed or 0)
        assert site.whole_at_hq(head)
    answer = site.hq.operator().post("/v1/operator/audit/verify", {"checkpoint": BOX})
    assert answer.json["ok"], answer.json
    assert len(site.store("SELECT DISTINCT chain FROM records")) == 2  # the second one is that of observe hits


def test_nothing_happens_without_checkpointd_and_it_is_told(site):
    site.uplinkd()
    site.wait_log("UPLINK_BOX_LOST")
    site.publish(entry(1, WANTED))
    wait_until("list in Redis", lambda: site.revision() == 1)
    site.checkpointd()
    site.sync()


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


def test_an_instruction_waits_for_checkpointd_and_does_not_stop_the_list(site):
    site.uplinkd()
    world, messages = site.hq.world, site.box.state / "uplinkd" / "messages"
    for number in (1, 2):
        answer = site.hq.operator().post("/v1/operator/instructions",
                                         world.instruction(BOX, number, "message", {"text": f"x{number}"}))
        assert answer.status == 201, answer.body
    wait_until("both kept", lambda: messages.exists() and len(list(messages.glob("*.json"))) == 2)
    site.publish(entry(1, WANTED))
    wait_until("list in Redis", lambda: site.revision() == 1)
    site.link.kill()
    site.link.start()
    site.publish(entry(2, "鲁H22222"))
    wait_until("list in Redis", lambda: site.revision() == 2)
    assert len(list(messages.glob("*.json"))) == 2 and not site.logged("UPLINK_MESSAGE_KEPT")
    site.checkpointd()
    wait_until("both on record and out of the folder", lambda: not list(messages.glob("*.json")), 30)
    said = [m["said"]["text"] for m in site.act("messages")["messages"]]
    assert said == ["x1", "x2"]
    wait_until("acknowledged", lambda: site.store("SELECT result FROM instructions ORDER BY number")
               == [("done",), ("done",)], 30)


def test_sigterm_ends_within_two_seconds_while_headquarters_hangs(site):
    fake = site.fake(lambda request: fake.stopping.wait(60) and None)
    site.checkpointd()
    site.uplinkd(hq=[f"https://127.0.0.1:{fake.port}"])
    wait_until("requests hang", lambda: fake.paths("/records") and fake.paths("/head"))
    status, seconds = site.link.stop()
    assert status == 0 and seconds < 2.0 * SLOWNESS


def test_second_server_serves_when_the_first_is_down(site):
    site.checkpointd()
    site.uplinkd(hq=["https://127.0.0.1:1", f"https://127.0.0.1:{site.hq.port}"])
    site.acts(2)
    site.sync()


@pytest.mark.parametrize("field,value,text", [
    ("hq", ["http://hq.example"], "hq[0] = 'http://hq.example': not an address"),
    ("checkpoint", "Lu HZ", "checkpoint = 'Lu HZ': not an id"),
    ("batch_records", 2001, "batch_records = '2001'"),
    ("nonsense", 1, "nonsense")])
def test_bad_configuration_names_file_line_and_key(site, field, value, text):
    path = site.box.write_uplinkd(site.hq, site.redis.socket, **{field: value})
    done = run_program([program("checkpoint-uplinkd"), "--config", path, "--check"], text=True)
    assert done.returncode == 78 and "uplinkd.yaml:" in done.stderr and text in done.stderr
