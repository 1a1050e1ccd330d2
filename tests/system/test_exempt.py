"""Exempt vehicles from a spreadsheet to the boom: two clerks, hqd, uplinkd, checkpointd, a check point that holds
everybody for inspection; and what checkpointd takes for no list of headquarters."""
import json

import pytest

from harness import journal
from harness.camera import Camera
from harness.ctl import Ctl
from harness.fleet import Fleet
from harness.hqctl import HqctlError
from harness.signing import DAY_MS, World, entry, now_ms, time_text
from harness.stack import Checkpoint, LineClient, short_folder, wait_until

KEY = bytes(range(16))
AMBULANCE, WANTED, BRIEFLY, OTHER = "鲁K11111", "鲁H12345", "鲁K22222", "鲁H54321"
PASSWORD = "correct horse 1"


def vehicle(plate, until_ms=None, **fields):
    """A row of the CSV."""
    now = now_ms()
    return {"plate": plate, "class": "02", "kind": "ambulance", "authority": "急救中心", "approver": "王五",
            "valid_from": time_text(now - DAY_MS), "valid_until": time_text(until_ms or now + 30 * DAY_MS), **fields}


class Exempts(Fleet):
    """A fleet whose box has one lane, a check point."""

    def start(self):
        self.box.add_closing_lane(1, mode="check_point", transit_max="4s", vehicle_silence="0s")
        self.box.add_camera(11, 1, key=KEY)
        self.publish([entry(1, WANTED)])
        self.start_box()
        self.camera = Camera(("127.0.0.1", self.box.port), lane=1, camera=11, key=KEY)
        self.event = 0
        self.wait_ready()
        return self

    def status(self):
        client = self.box.control()
        status = client.act("status")["result"]
        client.close()
        return status

    def alarms(self):
        return {alarm["name"] for alarm in self.status()["alarms"]}

    def wait_list(self, **members):
        def in_force():
            held = self.status()["exempt_list"] or {}
            return held if members.items() <= held.items() else None
        return wait_until(f"exempt list {members}", in_force, 30)

    def comes(self, plate, **fields):
        """The vehicle is read and drives up to the boom; its read's event id."""
        self.event += 1
        self.camera.send(plate, self.event, **{"plate_class": "02", **fields})
        wait_until("read", lambda: self.passages(plate), 30)
        self.box.sims[1].do("vehicle", plate=plate)

    def passages(self, plate):
        return [b for b in self.bodies("passage") if b.get("read", {}).get("plate") == plate]

    def bodies(self, kind, **members):
        records = journal.verify(self.box.state / "checkpointd" / "journal")
        return [r.body for r in records if r.kind == kind and r.body and members.items() <= r.body.items()]

    def opens(self):
        return len(self.box.sims[1].events("coil", coil="raise", on=True))

    def passes(self, plate, opens):
        """It is let through by itself, the `opens`-th time, and leaves."""
        self.comes(plate)
        wait_until("opened", lambda: self.opens() == opens, 30)
        wait_until("gone", lambda: self.box.lane(1)["vehicles"] == 0 and self.box.lane(1)["boom"] == "closed", 30)

    def waits(self, plate, opens, **fields):
        """It is due for inspection, as all others are; an officer lets it go."""
        self.comes(plate, **fields)
        wait_until("due", lambda: self.box.lane(1).get("inspection_due"), 30)
        assert self.opens() == opens
        client = self.box.control()
        assert client.act("raise", self.token, lane=1, reason="looked at")["ok"]
        client.close()
        wait_until("gone", lambda: self.box.lane(1)["vehicles"] == 0 and self.box.lane(1)["boom"] == "closed", 30)


@pytest.fixture
def fleet():
    with short_folder() as folder, Exempts(folder) as fleet:
        yield fleet.start()


def sign_and_publish(hq, path):
    """One signature is not enough, nor is another role's; with two clerks' it is published, once."""
    with pytest.raises(HqctlError, match="is not signed yet"):
        hq.run("exempt", "publish", path, *hq.online)
    hq.sign_exempt(path, "zhang")
    with pytest.raises(HqctlError, match="expected two different clerks"):
        hq.run("exempt", "publish", path, *hq.online)
    wrong = path.with_suffix(".wrong")
    hq.run("exempt", "sign", path, "--key", hq.dir / "hqd" / "freshness.key.pem", "--out", wrong)
    with pytest.raises(HqctlError, match="key of role freshness, expected list"):
        hq.run("exempt", "publish", wrong, *hq.online)
    hq.sign_exempt(path, "li")
    shown = hq.run("exempt", "show", path, *hq.online)
    assert f"1  {AMBULANCE}  class 02  ambulance" in shown and "only at lu-hz-09 lu-hz-10" in shown
    assert "A box would take it" in shown
    for _ in range(2):
        assert hq.json("exempt", "publish", path, *hq.online) == [{"revision": 1}]


def test_from_a_spreadsheet_to_the_boom(fleet):
    hq = fleet.hq
    with pytest.raises(HqctlError, match=r"\.csv:3:56: valid_until = .*: expected at most .*, 366 days after") as refused:
        hq.draft_exempt([vehicle(AMBULANCE), vehicle(OTHER, now_ms() + 400 * DAY_MS), vehicle("鲁H1?345")])
    assert "plate = '鲁H1?345': is partial, expected every character" in refused.value.stderr
    path = hq.draft_exempt([vehicle(AMBULANCE, reason="值班车"), vehicle(WANTED), vehicle(OTHER),
                            vehicle("鲁K77777", checkpoints="lu-hz-09; lu-hz-10")])
    draft = json.loads(path.read_text())
    assert (draft["type"], draft["revision"], draft["last_id"]) == ("exempt-draft/1", 1, 4)
    sign_and_publish(hq, path)
    held = fleet.wait_list(revision=1)
    assert (held["entries"], held["in_force"]) == (3, 3)  # the fourth is other checkpoints'
    in_force = hq.json("exempt", "show", *hq.online)[0]
    assert in_force["hash"] == "sha256:" + held["hash"] and in_force["verified"]
    ctl = Ctl(fleet.box.run, fleet.box.folder / "session")
    assert "revision 1, 3 of 3 vehicles in force now" in " ".join(ctl("status").out.split())

    path = hq.folder / "without.json"
    hq.run("exempt", "withdraw", OTHER, "--out", path, *hq.online)
    late = hq.draft_exempt([vehicle("鲁K33333")])
    assert hq.publish_exempt_file(path) == 2
    for clerk in hq.clerks[:2]:
        hq.sign_exempt(late, clerk)
    with pytest.raises(HqctlError, match="does not follow the exempt list in force, revision 2, signed by zhang, li"):
        hq.run("exempt", "publish", late, *hq.online)
    ends_ms = now_ms() + 8000
    hq.publish_exempt_file(hq.draft_exempt([vehicle(BRIEFLY, ends_ms)]))
    fleet.wait_list(revision=3, entries=3)
    wait_until("headquarters shows it", lambda: hq.checkpoints()[0]["exempt_revision"] == 3, 30)

    fleet.passes(AMBULANCE, 1)
    reason, = fleet.bodies("decision", what="exempt")
    assert reason["exempt"]["id"] == 1 and reason["exempt"]["revision"] == 3
    assert reason["exempt"]["authority"] == "急救中心" and reason["passage"] == fleet.passages(AMBULANCE)[0]["passage"]
    raised, = [b for b in fleet.bodies("order") if b["output"] == "raise"]
    assert raised["passage"] == reason["passage"] and raised["cause"] == "cleared"

    fleet.daemons["uplinkd"].stop()
    fleet.redis.stop()
    fleet.wait_list(revision=3, in_force=2)  # an end counts without anybody's word
    assert now_ms() >= ends_ms
    fleet.waits(BRIEFLY, 1)
    opened = fleet.opens()
    fleet.comes(WANTED)  # a hit always wins
    hold = wait_until("held", lambda: fleet.box.lane(1)["holds"], 30)[0]
    hit, = [b for b in fleet.bodies("hit") if b["passage"] == hold["passage"]]
    assert hit["decision"]["level"] == "sounding" and hit["decision"]["hold"]
    assert fleet.opens() == opened and len(fleet.bodies("decision", what="exempt")) == 1

    wait_until("on record", lambda: fleet.bodies("decision", what="hold_active"))
    fleet.daemons["checkpointd"].kill()  # and from its own file, verified anew
    fleet.daemons["checkpointd"].start()
    fleet.wait_list(revision=3, entries=3, in_force=2)
    assert fleet.box.lane(1)["holds"] and fleet.opens() == opened


# ---- what checkpointd takes, alone ----


class Records:
    """The socket that uplinkd speaks with checkpointd."""

    def __init__(self, box):
        self.line = LineClient(box.run / "records")

    def offer(self, act, envelope):
        text = envelope if isinstance(envelope, str) else envelope.decode()
        self.line.socket.sendall(f'{{"do":"{act}","{act}":{text.strip()}}}\n'.encode())
        while True:
            answer = self.line.receive()
            if "ok" in answer or "error" in answer:
                return answer


def row(number, plate, **fields):
    now = now_ms()
    return {"id": number, "plate": plate, "class": "02", "kind": "fire", "authority": "消防支队", "approver": "赵六",
            "valid_from": time_text(now - DAY_MS), "valid_until": time_text(now + 30 * DAY_MS), **fields}


@pytest.fixture
def box():
    with short_folder() as folder:
        box = Checkpoint(folder)
        box.world = World(fleet="lu-hz")
        box.world.write_roots(box.roots)
        box.add_open_lane(1)
        box.daemon = box.start_checkpointd()
        yield box
        box.stop()


def exempt_of(box):
    client = box.control()
    status = client.act("status")["result"]
    client.close()
    return (status["exempt_list"] or {}).get("revision", 0), {a["name"] for a in status["alarms"]}


def wait_exempt(box, revision, *alarms):
    seen = {"EXEMPT_REFUSED", "EXEMPT_ROLLED_BACK"}
    wait_until(f"revision {revision}, alarms {alarms}", lambda: (
        exempt_of(box)[0] == revision and exempt_of(box)[1] & seen == set(alarms)), 20)


def test_nothing_but_headquarters_next_list_is_taken(box):
    world, records = box.world, Records(box)
    good = world.exempt_list([row(1, AMBULANCE)], revision=2)
    assert "no key set yet" in records.offer("exempt", good)["error"]["en"]
    wait_exempt(box, 0, "EXEMPT_REFUSED")
    assert records.offer("keyset", world.keyset())["ok"]
    assert records.offer("exempt", good) == {"ok": True, "exempt": 2}
    wait_exempt(box, 2)
    other = World(fleet="lu-hz")
    refused = [
        ("expected two different clerks", world.exempt_list([row(1, OTHER)], 3, signers=world.clerks[:1])),
        ("key of role instruction, expected list",
         world.exempt_list([row(1, OTHER)], 3, signers=[world.clerks[0], world.instruction_key])),
        ("key is not in key set", other.exempt_list([row(1, OTHER)], 3)),
        ("is held", world.exempt_list([row(1, AMBULANCE)], 1)),
        ("another exempt list of revision 2", world.exempt_list([row(1, OTHER)], 2)),
        ("366 days", world.exempt_list([row(1, OTHER, valid_until=time_text(now_ms() + 400 * DAY_MS))], 3)),
        ("of fleet", world.exempt_list([row(1, OTHER)], 3, fleet="yu-zz"))]
    for why, envelope in refused:
        assert why in records.offer("exempt", envelope)["error"]["en"]
        wait_exempt(box, 2, "EXEMPT_REFUSED")
    assert records.offer("exempt", good)["ok"]  # the one held ends the alarm
    wait_exempt(box, 2)
    alarms = [r.body for r in journal.verify(box.state / "checkpointd" / "journal")
              if r.kind == "device" and (r.body or {}).get("name") == "EXEMPT_REFUSED" and r.body["active"]]
    assert alarms[-1]["detail"] == "exempt list statement: signatures: expected two different clerks"


def test_a_file_set_back_or_altered_exempts_nobody(box):
    world, records = box.world, Records(box)
    path = box.state / "checkpointd" / "exempt-list.json"
    assert records.offer("keyset", world.keyset())["ok"]
    assert records.offer("exempt", world.exempt_list([row(1, AMBULANCE)], 1))["ok"]
    first = path.read_bytes()
    assert records.offer("exempt", world.exempt_list([row(2, OTHER)], 2))["ok"]
    wait_exempt(box, 2)
    second = path.read_bytes()

    def restart_with(content):
        box.daemon.kill()
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        box.daemon.start()

    restart_with(second)
    wait_exempt(box, 2)
    restart_with(first)
    wait_exempt(box, 0, "EXEMPT_ROLLED_BACK")
    restart_with(second.replace(b'"alg"', b'"Alg"', 1))
    wait_exempt(box, 0, "EXEMPT_REFUSED")
    restart_with(None)
    wait_exempt(box, 0)
    assert Records(box).offer("exempt", second.decode())["ok"]  # as uplinkd offers it again
    wait_exempt(box, 2)


def test_a_clerk_who_is_taken_out_of_the_key_set_takes_the_list_along(box):
    world, records = box.world, Records(box)
    assert records.offer("keyset", world.keyset())["ok"]
    assert records.offer("exempt", world.exempt_list([row(1, AMBULANCE)], 1))["ok"]
    wait_exempt(box, 1)
    keys = [key for key in world.keys if key is not world.clerks[1]]
    assert records.offer("keyset", world.keyset(version=2, keys=keys))["ok"]
    wait_exempt(box, 0, "EXEMPT_REFUSED")
