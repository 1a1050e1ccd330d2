"""Instructions of headquarters' duty officers: from the desk to the lane and back, what checkpointd takes for none, and
that none of them lets anybody through."""
import hashlib
import json
import re
import sqlite3
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from harness import journal
from harness.camera import Camera
from harness.ctl import Ctl
from harness.fleet import Fleet
from harness.hqctl import ROOTS, HqctlError
from harness.signing import Key, World, canonical, entry, envelope, now_ms, payload_of, time_ms, time_text
from harness.stack import ROOT, Checkpoint, LineClient, preload_clock, short_folder, wait_until

KEY = bytes(range(16))
HOUR_MS = 3600 * 1000
QUEUE_MAX = 1024  # LANE_EVENTS_MAX
TOP = "鲁H11111"
BOX, WANTED, OTHER, PASSWORD = "lu-hz-01", "鲁H12345", "鲁H54321", "correct horse 1"
DUTY = "instruction key of wang"


def records(box, kind="instruction"):
    """Bodies, and the actor who stands in the header."""
    held = journal.verify(box.state / "checkpointd" / "journal")
    return [r.body for r in held if r.kind == kind and r.body]


class Desk(Fleet):
    """A fleet with a duty officer whose key boxes know, and a check point lane with a boom."""

    def start(self):
        self.box.add_closing_lane(1, mode="check_point", transit_max="4s", vehicle_silence="0s")
        self.box.add_camera(11, 1, key=KEY)
        self.box.add_open_lane(2, transit_max="1s", vehicle_silence="0s")
        self.box.add_camera(12, 2, key=KEY)
        self.publish([entry(1, WANTED, **{"class": "02"}), entry(2, TOP, priority=1, **{"class": "02"})])
        self.start_box()
        self.wait_ready()
        self.camera = Camera(("127.0.0.1", self.box.port), lane=1, camera=11, key=KEY)
        self.other = Camera(("127.0.0.1", self.box.port), lane=2, camera=12, key=KEY)
        self.sent = 0
        self.key = self.duty_officer()
        return self

    def duty_officer(self, name="wang"):
        self.hq.run("clerk", "add", self.hq.dir, name, "--duty", "--publish", *self.hq.online,
                    passphrases=[*ROOTS[:2], DUTY])
        return self.hq.dir / "duty" / f"{name}.key.pem"

    def instruct(self, *args):
        sent, = self.hq.json("instruct", *args, "--key", self.key, *self.hq.online, passphrases=[DUTY])
        return sent["number"]

    def restart(self):
        daemon = self.daemons["checkpointd"]
        assert daemon.stop()[0] == 0
        daemon.start()
        client = self.box.control()
        self.token = client.act("login", officer="wang", password=PASSWORD)["result"]["token"]
        client.close()
        wait_until("lane 2 matches", lambda: not self.box.lane(2).get("blind", True), 30)

    def hit(self, plate):
        """The hit of a vehicle that drives by on lane 2, once the one before it is forgotten."""
        wait_until("lane 2 empty", lambda: self.box.lane(2)["vehicles"] == 0, 30)
        self.sent += 1
        events = self.box.events(self.token)
        self.other.send(plate, self.sent, plate_class="02")
        told = next(e for e in iter(events.receive, None) if e["event"] == "hit")
        events.close()
        return told

    def verdict(self, hit, finding, *options):
        """Found at headquarters about a hit of the box, told to all boxes, on record at this one."""
        number = wait_until("the hit at headquarters", lambda: next(
            (h["number"] for h in self.hq.hits() if h["record"]["hit"] == hit["hit"] and not h["provisional"]), None), 30)
        said, = self.hq.json("verdict", number, "--finding", finding, "--key", self.key, *options, *self.hq.online,
                             passphrases=[DUTY])
        assert said["told"] == 1
        return wait_until("the box has it", lambda: next(
            (r for r in journal.verify(self.box.state / "checkpointd" / "journal")
             if r.kind == "instruction" and r.body["id"] == said["id"]), None), 30)

    def take_out(self, role):
        """A key set without the keys of a role, by the same roots, in force at the box."""
        held = json.loads(payload_of((self.hq.dir / "keyset.json").read_bytes()))
        at = int(time.time() * 1000)
        payload = canonical({**held, "version": held["version"] + 1, "time": time_text(at),
                             "keys": [key for key in held["keys"] if key["role"] != role]})
        roots = []
        for number, passphrase in enumerate(ROOTS[:2], 1):
            root = Key("root", f"root {number}")
            root.private = load_pem_private_key((self.hq.dir / f"secret/root-{number}.key.pem").read_bytes(),
                                                passphrase.encode())
            der = root.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            root.id = "sha256:" + hashlib.sha256(der).hexdigest()
            roots.append(root)
        path = self.hq.dir / "keyset-without.json"
        path.write_bytes(envelope("keyset/1", payload, roots))
        self.hq.run("keyset", "publish", path, *self.hq.online)
        mine = self.box.state / "checkpointd" / "keyset.json"
        wait_until("the key set at the box", lambda: json.loads(payload_of(mine.read_bytes()))["version"] > held["version"], 60)

    def answered(self, number):
        """What headquarters shows of it once the box's chain has told."""
        def row():
            rows = {row["number"]: row for row in self.hq.json("instructions", *self.hq.online)}
            return rows[number] if rows[number]["result"] else None
        return wait_until(f"instruction {number} acknowledged", row, 30)


@pytest.fixture(scope="module")
def desk():
    with short_folder() as folder, Desk(folder) as desk:
        yield desk.start()


def test_from_the_duty_officers_desk_to_the_lane(desk):
    with pytest.raises(HqctlError, match="key of role list, expected instruction"):
        desk.hq.run("instruct", "status", BOX, "--key", desk.hq.clerk_key("zhang"), *desk.hq.online,
                    passphrases=[desk.hq.passphrases["zhang"]])
    with pytest.raises(HqctlError, match="hold: expected either lane or plate"):
        desk.hq.run("instruct", "hold", BOX, "--reason", "x", "--key", desk.key, *desk.hq.online, passphrases=[DUTY])
    ctl = Ctl(desk.box.run, desk.box.folder / "session")
    assert ctl("login", "wang", password=PASSWORD).status == 0
    assert "No messages of headquarters" in ctl("messages").out
    events = desk.box.events(desk.token)
    number = desk.instruct("message", BOX, "注意白色面包车")
    row = desk.answered(number)
    assert (row["result"], row["kind"], row["signed_by"], row["sent_by"]) == ("done", "message", "wang", "zhang")
    told = next(e for e in iter(events.receive, None) if e["event"] == "instruction")
    events.close()
    assert (told["said"], told["signed_by"]) == ({"text": "注意白色面包车"}, "wang")
    shown = ctl("messages").out
    assert "注意白色面包车" in shown and "wang" in shown
    assert "发信人" in Ctl(desk.box.run, ctl.session, "zh_CN.UTF-8")("messages").out
    row = desk.answered(desk.instruct("status", BOX))
    assert row["status"]["lanes"][:1] == [{"lane": 1, "boom": "closed", "contact": True, "blind": False,
                                       "list_usable": True, "holds": 0}]
    assert row["status"]["list_revision"] == 1 and row["status"]["journal_healthy"] is True
    assert desk.hq.run("instructions", *desk.hq.online).count("signed by wang  done") == 2


def test_a_hold_from_headquarters_is_ended_by_an_officer_at_the_lane(desk):
    row = desk.answered(desk.instruct("hold", BOX, "--plate", OTHER, "--reason", "协查"))
    assert (row["result"], row["why"]) == ("failed", "no vehicle of that plate stands at a boom")
    assert "栏杆前没有" in row["why_zh"]
    row = desk.answered(desk.instruct("hold", BOX, "--lane", "7", "--reason", "协查"))
    assert (row["result"], row["why"]) == ("failed", "lane: no such lane here")
    desk.camera.send(OTHER, 1, plate_class="02")
    wait_until("read", lambda: desk.box.lane(1)["vehicles"] == 1, 30)
    desk.box.sims[1].do("vehicle", plate=OTHER)
    wait_until("at the boom", lambda: desk.box.lane(1)["at_boom"] == 1, 30)
    assert desk.answered(desk.instruct("hold", BOX, "--plate", OTHER, "--reason", "协查"))["result"] == "done"
    hold, = desk.box.lane(1)["holds"]
    assert hold["by_officer"]
    made, = [b for b in records(desk.box, "decision") if b.get("what") == "hold_active"]
    assert made["by"]["program"] == "headquarters" and made["by"]["origin"].startswith("instruction ")
    assert made["reason"] == "协查"
    said = [b for b in records(desk.box) if (b["kind"], b["result"]) == ("hold", "done")][0]
    assert said["lane"] == 1 and said["said"] == {"plate": OTHER, "reason": "协查"}
    client = desk.box.control()
    assert client.act("release", desk.token, hold=hold["hold"], reason="looked at")["ok"]
    client.close()


def test_headquarters_answers_what_an_officer_asks_for_want_of_a_second_person(desk):
    client, lane = desk.box.control(), desk.box.sims[1]
    number = client.act("help", desk.token, lane=2)["result"]["help"]
    calls = wait_until("the call", lambda: desk.hq.json("calls", BOX, *desk.hq.online), 30)
    assert [(c["kind"], c["id"], c["officer"], c["lane"]) for c in calls] == [("help", number, "wang", 2)]
    assert "求助 help" in desk.hq.run("calls", *desk.hq.online)
    assert "1 calls open" in desk.hq.run("top", "--once", *desk.hq.online)
    assert client.act("help_end", desk.token, help=number, reason="误触")["ok"]
    wait_until("it is over", lambda: not desk.hq.json("calls", BOX, *desk.hq.online), 30)
    assert client.act("raise", desk.token, lane=1, reason="let go")["ok"]  # the one of before
    wait_until("lane 1 empty", lambda: desk.box.lane(1)["vehicles"] == 0 and desk.box.lane(1)["boom"] == "closed", 30)
    desk.camera.send(TOP, 2, plate_class="02")
    wait_until("read", lambda: desk.box.lane(1)["vehicles"] == 1, 30)
    lane.do("vehicle", plate=TOP)
    hold = wait_until("held", lambda: desk.box.lane(1)["holds"], 30)[0]["hold"]
    refused = client.act("release", desk.token, hold=hold, reason="证件齐全")["error"]
    assert (refused["code"], refused["waits"]) == ("second_person", "hq")
    asked, = wait_until("the question", lambda: desk.hq.json("calls", *desk.hq.online), 30)
    assert (asked["kind"], asked["what"], asked["hold"], asked["officer"]) == ("question", "release", hold, "wang")
    assert f"release {hold} {asked['id']}" in desk.hq.run("calls", *desk.hq.online)
    row = desk.answered(desk.instruct("agree", BOX, "release", hold, asked["id"], "--note", "已核实"))
    assert (row["kind"], row["result"], row["signed_by"]) == ("agree", "done", "wang")
    wait_until("answered", lambda: not desk.hq.json("calls", *desk.hq.online), 30)
    assert [h["hold"] for h in desk.box.lane(1)["holds"]] == [hold]  # nothing moves and nothing ends by it
    assert client.act("release", desk.token, hold=hold, reason="证件齐全")["ok"]
    ended = wait_until("on record", lambda: [b for b in records(desk.box, "act") if b["what"] == "hold_release"
                                             and b.get("hold") == hold], 30)
    assert (ended[0]["by"]["officer"], ended[0]["by"]["second"]) == ("wang", "hq:wang")
    client.close()


def test_a_verified_outcome_is_shown_with_the_next_hit_which_does_not_hold(desk):
    first = desk.hit(WANTED)
    assert first["decision"]["hold"] and "checked" not in first
    taken = desk.verdict(first, "false_alarm", "--place", "城东卡口")
    assert taken.body["result"] == "done" and taken.body["signed_by"] == "wang"
    assert taken.wall_ms - time_ms(taken.body["signed_at"]) <= 2000
    again = desk.hit(WANTED)
    assert again["checked_zh"] == "0 分钟前 城东卡口已查: 误报"
    assert again["checked_en"] == "checked 0 min ago at 城东卡口: false alarm"
    assert not again["decision"].get("hold") and again["decision"]["level"] == first["decision"]["level"]
    told = wait_until("the hit at headquarters", lambda: next(
        (h["record"] for h in desk.hq.hits() if h["record"]["hit"] == again["hit"]), None), 30)
    assert told["checked"]["verdict"] == "false_alarm" and told["checked"]["signed_by"] == "wang"
    ctl = Ctl(desk.box.run, desk.box.folder / "session", "zh_CN.UTF-8")
    assert "城东卡口已查" in ctl("hits").out.replace("\n", "").replace(" ", "")
    desk.verdict(again, "found", "--place", "城西卡口", "--hold")  # a later one takes its place
    third = desk.hit(WANTED)
    assert third["checked_zh"].endswith("城西卡口已查: 已查获") and third["decision"]["hold"]
    desk.restart()
    fourth = desk.hit(WANTED)  # the journal remembers
    assert fourth["checked_zh"].endswith("城西卡口已查: 已查获") and fourth["decision"]["hold"]
    top = desk.hit(TOP)
    desk.verdict(top, "false_alarm", "--place", "城东卡口")
    once_more = desk.hit(TOP)  # priority 1: one person's word ends no hold
    assert once_more["checked_zh"].endswith("误报") and once_more["decision"]["hold"]
    proposed = desk.hq.json("proposals", *desk.hq.online)
    assert [(p["entry"], p["verdict"], p["owner"], p["signed_by"]) for p in proposed] == [
        (1, "false_alarm", "张三", "wang"), (1, "found", "张三", "wang"), (2, "false_alarm", "张三", "wang")]
    desk.hq.withdraw("2", clerk="zhang")
    assert [p["entry"] for p in desk.hq.json("proposals", *desk.hq.online)] == [1, 1]
    assert "withdrawn 已撤控" in desk.hq.run("proposals", "--all", *desk.hq.online)


class Alone:
    """A box without headquarters: the test speaks to checkpointd as checkpoint-uplinkd does."""

    def __init__(self, folder):
        self.box = Checkpoint(folder, BOX)
        self.world = World("lu-hz")
        self.world.write_roots(self.box.roots)
        self.keyset = json.loads(self.world.keyset())
        self.box.add_tcp_lane(1, auto_close="loop", mode="normally_closed")
        self.daemon = self.box.start_checkpointd()
        self.token = self.box.leader()
        self.number = 0
        self.link = None
        self.connect()

    def connect(self):
        if self.link:
            self.link.close()
        self.link = LineClient(self.box.run / "records")
        assert self.ask("keyset", keyset=self.keyset)["ok"]

    def ask(self, what, **members):
        self.link.send(do=what, **members)
        while True:
            answer = self.link.receive()
            if "ok" in answer or "error" in answer:
                return answer

    def offer(self, envelope):
        """The record it leaves, once checkpointd has answered."""
        before = len(records(self.box))
        self.number += 1
        answer = self.ask("instruction", number=self.number, instruction=json.loads(envelope))
        assert answer == {"ok": True, "instruction": self.number}, answer
        held = records(self.box)
        assert len(held) == before + 1 and held[-1]["number"] == self.number
        return held[-1]

    def again(self, envelope):
        """Offered once more under the number it had: the answer."""
        return self.ask("instruction", number=self.number, instruction=json.loads(envelope))

    def end(self):
        """An orderly end; the journal's folder."""
        self.link.close()
        self.link = None
        assert self.daemon.stop()[0] == 0
        return self.box.state / "checkpointd" / "journal"

    def begin(self):
        self.daemon.start()
        client = self.box.control()
        self.token = client.act("login", officer="wang", password=PASSWORD)["result"]["token"]
        client.close()
        self.connect()

    def alarms(self):
        client = self.box.control()
        answer = client.act("status", self.token)
        client.close()
        return {alarm["name"] for alarm in answer["result"]["alarms"]}

    def stop(self):
        if self.link:
            self.link.close()
        self.box.stop()


@pytest.fixture
def alone():
    with short_folder() as folder:
        site = Alone(folder)
        yield site
        site.stop()


def test_the_outcomes_of_a_key_that_is_taken_out_count_no_more(desk):
    desk.verdict(desk.hit(WANTED), "false_alarm", "--place", "城东卡口")
    dropped = desk.hit(WANTED)
    assert dropped["checked_zh"].endswith("误报") and not dropped["decision"].get("hold")
    desk.take_out("instruction")
    again = desk.hit(WANTED)
    assert again["decision"]["hold"] and "checked" not in again and "checked_zh" not in again
    desk.restart()  # nor by the journal
    assert desk.hit(WANTED)["decision"]["hold"]


def test_what_is_no_duty_officers_is_refused_and_on_record(alone):
    world, text = alone.world, {"text": "x"}
    for name in ("receipt_key", "freshness_key"):
        record = alone.offer(world.instruction(BOX, 1, "message", text, key=getattr(world, name)))
        assert record["result"] == "refused" and "expected instruction" in record["why"], record
        assert "id" not in record and "signed_by" not in record and record["why_zh"]
    assert alone.offer(world.instruction(BOX, 1, "message", text, key=world.clerks[0]))["result"] == "refused"
    record = alone.offer(world.instruction("lu-hz-02", 1, "message", text))
    assert (record["result"], record["why"]) == ("refused", "instruction is for checkpoint lu-hz-02")
    record = alone.offer(world.instruction(BOX, 1, "message", text, age_ms=2 * HOUR_MS))
    assert record["result"] == "refused" and "expired" in record["why"], record
    changed = json.loads(world.instruction(BOX, 1, "message", text))
    changed["payload"] = json.loads(world.instruction(BOX, 1, "message", {"text": "y"}))["payload"]
    assert alone.offer(json.dumps(changed))["result"] == "refused"
    good = world.instruction(BOX, 5, "message", text)
    assert alone.offer(good)["result"] == "done"
    for again in (good, world.instruction(BOX, 4, "message", text)):
        assert "5 was carried out" in alone.offer(again)["why"]
    alone.end()
    alone.begin()
    assert "5 was carried out" in alone.offer(good)["why"]  # the journal remembers
    assert alone.offer(world.instruction(BOX, 6, "message", text))["result"] == "done"
    for _ in range(25):  # a flood that nobody's key vouches for does not fill the journal
        alone.number += 1
        assert alone.ask("instruction", number=alone.number, instruction=json.loads(
            world.instruction(BOX, 9, "message", text, key=world.receipt_key)))["ok"]
    refused = [r for r in records(alone.box) if r["result"] == "refused"]
    assert len(refused) <= 20 + 1 + 20 + 1
    assert alone.offer(world.instruction(BOX, 10, "message", text))["result"] == "done"


def test_one_dated_ahead_of_a_clock_nothing_vouches_for_waits(alone):
    """The box's clock is three hours behind, as after a day without power: a receipt says what time it is."""
    alone.end()
    preload_clock(alone.daemon)  # and no source disciplines it
    alone.begin()
    world, text = alone.world, {"text": "x"}
    assert "expired" in alone.offer(world.instruction(BOX, 1, "message", text, age_ms=2 * HOUR_MS))["why"]
    world.time_of = lambda: now_ms() + 3 * HOUR_MS
    early = world.instruction(BOX, 1, "message", text)
    alone.number += 1
    for _ in range(2):
        answer = alone.again(early)
        assert answer["error"]["code"] == "busy" and "ahead of the clock" in answer["error"]["en"], answer
    assert len(records(alone.box)) == 1
    wait_until("told", lambda: "INSTRUCTION_EARLY" in alone.alarms())
    assert alone.offer(world.instruction(BOX, 1, "message", text, key=world.receipt_key))["result"] == "refused"
    wait_until("none waits", lambda: "INSTRUCTION_EARLY" not in alone.alarms())
    assert alone.again(early)["error"]["code"] == "busy"
    wait_until("told again", lambda: "INSTRUCTION_EARLY" in alone.alarms())
    alone.ask("receipt", receipt=json.loads(world.receipt(BOX, "00" * 16, 1, bytes(32))))  # of no record here, but signed
    wait_until("carried out", lambda: "ok" in alone.again(early))
    held = records(alone.box)[-1]
    assert (held["id"], held["result"], held["number"]) == (1, "done", alone.number)
    wait_until("the alarm ends", lambda: "INSTRUCTION_EARLY" not in alone.alarms())
    record = alone.offer(world.instruction(BOX, 2, "message", text, age_ms=-HOUR_MS))  # now the clock is vouched for
    assert record["result"] == "refused" and "ahead of the clock" in record["why"], record


def holds_made(box):
    """Holds of headquarters on record, by the instruction that asked for them."""
    return [b["by"]["origin"] for b in records(box, "decision") if b.get("what") == "hold_active" and "by" in b]


def test_a_hold_is_set_once_however_often_it_is_offered(alone):
    box, world = alone.box, alone.world
    hold = [None, *(world.instruction(BOX, n, "hold", {"lane": 1, "reason": "x"}) for n in (1, 2))]
    other = sqlite3.connect(box.state / "checkpointd" / "journal" / "journal.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # the journal cannot commit
    alone.number += 1
    assert alone.again(hold[1])["error"]["code"] == "busy"
    assert len(box.lane(1)["holds"]) == 1
    other.execute("ROLLBACK")
    other.close()
    wait_until("on record", lambda: "ok" in alone.again(hold[1]))
    assert alone.again(hold[1])["ok"]  # the answer may be lost: it is given again, and nothing is recorded
    assert holds_made(box) == ["instruction 1"]
    assert [(r["id"], r["result"], r["lane"]) for r in records(box)] == [(1, "done", 1)]
    made = next(b for b in records(box, "decision") if b.get("what") == "hold_active")
    # The program ends between the hold's record and the instruction's.
    journal.append(alone.end(), 5, {**made, "by": {**made["by"], "origin": "instruction 2"}, "hold": made["hold"] + 1})
    alone.begin()
    assert alone.again(hold[1])["ok"]
    assert len(box.lane(1)["holds"]) == 2
    assert alone.offer(hold[2])["result"] == "done"
    assert len(box.lane(1)["holds"]) == 2 and len(records(box)) == 2
    assert holds_made(box) == ["instruction 1", "instruction 2"]


def damage(folder, what, change):
    """The sequence of the newest record of that kind, and the record changed."""
    store = sqlite3.connect(folder / "journal.sqlite")
    kind = {"decision": 5, "list": 9, "instruction": 15}[what]
    sequence, = store.execute("SELECT max(sequence) FROM record WHERE kind = ?", (kind,)).fetchone()
    store.execute(f"UPDATE record SET {change} WHERE sequence = ?", (sequence,))
    store.commit()
    store.close()
    return sequence


def test_damaged_records_are_named_and_keep_no_start(alone):
    world, box = alone.world, alone.box
    client = box.control()
    assert client.act("hold", alone.token, lane=1, reason="stays")["ok"]
    client.close()
    good = [None, *(world.instruction(BOX, n, "message", {"text": "x"}) for n in (1, 2, 3))]
    assert [alone.offer(good[n])["result"] for n in (1, 2)] == ["done", "done"]
    folder = alone.end()
    journal.append(folder, 9, {"revision": 3})
    journal.append(folder, 12, {"what": "clock"}, count=300)  # more than the tail that a start checks
    lost = [damage(folder, "instruction", "header = x'00'"), damage(folder, "decision", "body = CAST(body || x'20' AS BLOB)"),
            damage(folder, "list", "salt = NULL")]
    alone.begin()
    told = alone.daemon.log_path.read_text(encoding="utf-8")
    for number in lost:
        assert f"RECORD_DAMAGED: a record of the journal cannot be read sequence={number} " in told, (lost, told)
    wait_until("told", lambda: {"RECORD_DAMAGED", "HOLDS_TAKEN_OVER"} <= alone.alarms())
    store = sqlite3.connect(folder / "journal.sqlite")
    for number, why in ((3, None), (1, "instruction 1, 3 was carried out")):
        alone.number += 10
        assert alone.again(good[number])["ok"]
        body, = store.execute("SELECT body FROM record WHERE kind = 15 ORDER BY sequence DESC").fetchone()
        assert json.loads(body).get("why") == why
    store.close()


def test_a_flood_of_verified_outcomes_holds_up_no_start(alone):
    """More in force than the lanes' queue takes: nobody reads it yet while the journal is looked through."""
    world, box = alone.world, alone.box
    for number in range(1, QUEUE_MAX + 50):
        assert alone.ask("instruction", number=number, instruction=json.loads(world.instruction(
            BOX, number, "verdict", {"checked": time_text(world.time_of()), "entry": number, "hold": False, "place": "x",
                                     "plate": WANTED, "verdict": "found"})))["ok"]
    alone.end()
    alone.begin()
    alone.number = QUEUE_MAX + 50
    assert [r["result"] for r in records(box)] == ["done"] * (QUEUE_MAX + 49)
    assert alone.offer(world.instruction(BOX, alone.number, "message", {"text": "x"}))["result"] == "done"


def acts_of_the_product():
    """Every word that any officer or technician can ask checkpointd for."""
    lane = (ROOT / "gateway/lane/lane_text.c").read_text()
    control = (ROOT / "gateway/app/checkpointd/acts.c").read_text()
    names = re.findall(r'"([a-z_]+)"', lane.partition("act_names[LANE_ACT_COUNT] = {")[2].partition("};")[0])
    names += re.findall(r'\{"([a-z_]+)", CONTROL_', control)
    assert {"raise", "release", "emergency_raise", "convoy", "bus_write"} <= set(names)
    return sorted(set(names))


def test_no_instruction_lets_anybody_through(alone):
    """Whatever it is called and whatever stands in it: no coil moves a boom, no hold ends."""
    box, world = alone.box, alone.world
    client = box.control()
    assert client.act("hold", alone.token, lane=1, reason="stays")["ok"]
    held = wait_until("held", lambda: box.lane(1)["holds"], 30)
    number = 0
    for name in acts_of_the_product() + ["lower", "open", "end_hold", "clear"]:
        if name in ("hold", "status"):
            continue
        number += 1
        record = alone.offer(world.instruction(BOX, number, name, {"lane": 1, "reason": "x"}))
        assert record["result"] == "failed" and "not known here" in record["why"], record
        assert record["why_zh"] == "本版本不认识该类指令"
    bodies = [("hold", {"lane": 1, "reason": "x", "release": held[0]["hold"]}),
              ("hold", {"lane": 1, "reason": "x", "act": "raise"}), ("hold", {"hold": held[0]["hold"], "reason": "x"}),
              ("status", {"raise": True}), ("verdict", {"entry": 1, "release": held[0]["hold"]}), ("message", {"text": "x", "lane": 1, "act": "release"})]
    for kind, body in bodies:
        number += 1
        record = alone.offer(world.instruction(BOX, number, kind, body))
        assert record["result"] == "failed" and f"{kind}: unknown field" in record["why"], record
    number += 1  # nor does agreeing to what nobody here asks
    record = alone.offer(world.instruction(BOX, number, "agree", {"agrees": True, "hold": held[0]["hold"], "note": "x", "question": 1,
                                                               "what": "release"}))
    assert (record["result"], record["why"]) == ("failed", "nobody asks for that here")
    number += 1
    assert alone.offer(world.instruction(BOX, number, "hold", {"lane": 1, "reason": "x"}))["result"] == "done"
    assert [h["hold"] for h in box.lane(1)["holds"]][0] == held[0]["hold"]
    client.close()
    for coil in ("raise", "lower"):
        assert box.sims[1].events("coil", coil=coil, on=True) == []
    assert [b for b in records(box, "order") if b["output"] in ("raise", "lower")] == []
