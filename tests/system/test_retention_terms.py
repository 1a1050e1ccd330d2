"""Headquarters' retention terms at the box, offered as uplinkd does: what is taken and what is refused, what stays in
force across restarts, set back files and a key set without the clerk; what a case holds, and that nobody there learns of it."""
import base64
import json
import sqlite3

import pytest
from harness import journal
from harness.signing import DAY_MS, World, now_ms
from harness.stack import Checkpoint, LineClient, short_folder, wait_until

HELD, FREE = "鲁K82288", "鲁K71177"
PASSAGE = 3


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


class Box(Checkpoint):
    def __init__(self, folder):
        super().__init__(folder)
        self.world = World(fleet="lu-hz")
        self.world.write_roots(self.roots)
        self.add_open_lane(1)
        self.daemon = self.start_checkpointd()
        self.folder_of_journal = self.state / "checkpointd" / "journal"
        self.terms_file = self.state / "checkpointd" / "retention-terms.json"

    def status(self):
        client = self.control()
        status = client.act("status")["result"]
        client.close()
        return status

    def wait(self, version, *alarms, **members):
        """The terms in force, with these alarms and no other of theirs."""
        seen = {"RETENTION_REFUSED", "RETENTION_ROLLED_BACK"}

        def in_force():
            status = self.status()
            terms = status["retention"] or {}
            return (terms if terms.get("version") == version and members.items() <= terms.items()
                    and {a["name"] for a in status["alarms"]} & seen == set(alarms) else None)
        return wait_until(f"version {version}, alarms {alarms}, {members}", in_force, 20)

    def restart(self):
        self.daemon.stop()
        self.daemon.start()
        return Records(self)

    def add_passages(self, *plates, days=25):
        """Of vehicles that passed so long ago. Stops and starts checkpointd."""
        self.daemon.stop()
        for plate in plates:
            journal.append(self.folder_of_journal, PASSAGE, {"lane": 1, "plates": [{"plate": plate}]})
        db = sqlite3.connect(self.folder_of_journal / "journal.sqlite")
        db.execute("UPDATE record SET wall = wall - ? WHERE kind = ?", (days * DAY_MS, PASSAGE))
        db.commit()
        db.close()
        self.daemon.start()

    def has(self, plate):
        db = sqlite3.connect(f"file:{self.folder_of_journal}/journal.sqlite?mode=ro", uri=True)
        try:
            return bool(db.execute("SELECT 1 FROM record WHERE instr(body, ?)", (plate.encode(),)).fetchall())
        finally:
            db.close()


@pytest.fixture
def box():
    with short_folder() as folder:
        box = Box(folder)
        yield box
        box.stop()


def test_nothing_but_headquarters_next_terms_are_taken(box):
    world, records = box.world, Records(box)
    shown = box.wait(0)
    assert shown["passage"] == {"floor": 1, "ceiling": 3650, "days": 30}, "built in, and what is configured"
    good = world.retention_terms(2, passage=(10, 20), record=(30, 90))
    assert "no key set yet" in records.offer("retention", good)["error"]["en"]
    box.wait(0, "RETENTION_REFUSED")
    assert records.offer("keyset", world.keyset())["ok"]
    assert records.offer("retention", good) == {"ok": True, "retention": 2}
    shown = box.wait(2)
    assert shown["passage"] == {"floor": 10, "ceiling": 20, "days": 20}
    assert shown["record"] == {"floor": 30, "ceiling": 90, "days": 90} and "paused" not in shown
    refused = [
        ("expected two different clerks", world.retention_terms(3, passage=(1, 2), signers=world.clerks[:1])),
        ("key of role instruction, expected list",
         world.retention_terms(3, passage=(1, 2), signers=[world.clerks[0], world.instruction_key])),
        ("key is not in key set", World(fleet="lu-hz").retention_terms(3, passage=(1, 2))),
        ("is held", world.retention_terms(1, passage=(1, 2))),
        ("other retention terms of version 2", world.retention_terms(2, passage=(1, 2))),
        ("29 out of range", world.retention_terms(3, record=(29, 30))),
        ("of fleet yu-zz", sign_for_another_fleet(world))]
    for why, envelope in refused:
        assert why in records.offer("retention", envelope)["error"]["en"]
        box.wait(2, "RETENTION_REFUSED", passage=shown["passage"])
    assert records.offer("retention", good)["ok"]  # those held end the alarm
    box.wait(2)
    box.daemon.stop()  # with which all is on record; else within seconds
    taken = [r.body["retention"] for r in journal.verify(box.folder_of_journal)
             if r.kind == "list" and (r.body or {}).get("retention")]
    assert [t["version"] for t in taken] == [2] and taken[0]["passage"]["days"] == 20


def sign_for_another_fleet(world):
    fleet, world.fleet = world.fleet, "yu-zz"
    envelope = world.retention_terms(3, passage=(1, 2))
    world.fleet = fleet
    return envelope


def test_terms_to_come_wait_for_their_time(box):
    records = Records(box)
    assert records.offer("keyset", box.world.keyset())["ok"]
    assert records.offer("retention", box.world.retention_terms(1, passage=(10, 20), from_ms=now_ms() + DAY_MS))["ok"]
    assert box.wait(1)["passage"] == {"floor": 1, "ceiling": 3650, "days": 30}


def test_the_last_good_ones_outlive_restart_and_clerk_and_older_ones_delete_nothing(box):
    world, records = box.world, Records(box)
    assert records.offer("keyset", world.keyset())["ok"]
    assert records.offer("retention", world.retention_terms(1, passage=(1, 3650)))["ok"]
    box.wait(1)
    older = box.terms_file.read_bytes()
    terms = world.retention_terms(2, passage=(10, 20))
    assert records.offer("retention", terms)["ok"]
    box.wait(2)
    records = box.restart()
    box.wait(2)
    world.version = 2
    without = world.keyset(keys=[key for key in world.keys if key is not world.clerks[1]])
    assert records.offer("keyset", without)["ok"]
    box.wait(2, "RETENTION_REFUSED", passage={"floor": 10, "ceiling": 20, "days": 20})
    records = box.restart()
    box.wait(2, "RETENTION_REFUSED", passage={"floor": 10, "ceiling": 20, "days": 20})
    world.version = 3
    assert records.offer("keyset", world.keyset())["ok"]

    box.daemon.stop()
    box.terms_file.write_bytes(older)
    box.daemon.start()
    box.add_passages(FREE)
    box.wait(1, "RETENTION_ROLLED_BACK", paused=True)
    box.daemon.stop()
    box.terms_file.unlink()
    box.daemon.start()
    box.wait(0, "RETENTION_ROLLED_BACK", paused=True)
    assert box.has(FREE), "nothing is deleted by terms older than it has had"
    assert "is held" in Records(box).offer("retention", older)["error"]["en"]
    assert Records(box).offer("retention", terms)["ok"]
    box.wait(2)
    wait_until("deleted again", lambda: not box.has(FREE), 20)


DIFFERS = {"version", "hash", "signed_at", "time", "mono_ns", "since", "until", "age_ms"}


def without_times(value):
    """What a box says of itself, without what differs by the clock and by the statement's own number."""
    if isinstance(value, dict):
        return {name: without_times(member) for name, member in value.items() if name not in DIFFERS}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def shown_to_anybody(box, version):
    """Its status, and what it has put on record of these terms; None: nothing yet."""
    status = box.status()
    for name in ("journal", "buses", "clock", "disk"):
        status.pop(name)
    taken = [r.body for r in journal.verify(box.folder_of_journal)
             if r.kind == "list" and (r.body or {}).get("retention", {}).get("version") == version]
    return (without_times(status), without_times(taken[0])) if taken else None


def test_what_a_case_holds_stays_and_nobody_at_the_box_learns_of_it(box):
    world, records = box.world, Records(box)
    assert records.offer("keyset", world.keyset())["ok"]
    box.add_passages(HELD, FREE)
    records = Records(box)
    key = bytes(range(16))
    hold = {"case": "A3717", "by": "zhang", "plate": HELD}
    assert records.offer("retention", world.retention_terms(1, passage=(1, 20), holds=[hold], plate_key=key))["ok"]
    wait_until("what nobody holds is gone", lambda: not box.has(FREE), 20)
    assert box.has(HELD)
    payload = base64.b64decode(json.loads(box.terms_file.read_text())["payload"])
    assert b"A3717" in payload and HELD.encode() not in payload, "the plate is hashed"
    with_hold = wait_until("on record", lambda: shown_to_anybody(box, 1), 20)
    records = box.restart()
    box.wait(1)
    assert box.has(HELD)
    text = json.dumps([box.status(), (box.folder / "checkpointd.log").read_text()], ensure_ascii=False)
    assert "A3717" not in text and HELD not in text

    # the same terms without the hold
    assert records.offer("retention", world.retention_terms(2, passage=(1, 20), plate_key=key))["ok"]
    wait_until("the hold has ended", lambda: not box.has(HELD), 20)
    # but for the version and its signature nothing tells of the hold
    wait_until("the same is shown", lambda: shown_to_anybody(box, 2) == with_hold, 20)
    raw = b"".join(path.read_bytes() for path in box.folder_of_journal.glob("journal.sqlite*"))
    assert HELD.encode() not in raw
