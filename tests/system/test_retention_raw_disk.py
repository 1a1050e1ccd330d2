"""Deleted on time on both sides, shown on the raw image of the disk both lie on: free blocks, logs, Redis' append-only
file and all. Headquarters' terms, signed by two clerks, shorten what box and headquarters are configured to; what a case
holds stays at both, and goes from both once the hold has ended."""
import base64
import json
import os
import re
import sqlite3

import pytest
from harness.camera import Camera
from harness.ctl import Ctl
from harness.fleet import Fleet
from harness.process import Program, wait_for
from harness.raw_disk import RawDisk
from harness.signing import DAY_MS, entry
from harness.stack import preload_clock, program, short_folder, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own and capture on lo need root")

KEY = bytes(range(16))
GOES, STAYS = "鲁K71177", "鲁K82288"
AGE_DAYS = 25


class Retention(Fleet):
    """Two lanes, a camera each; passages go to headquarters with their bodies."""

    def start(self):
        for lane in (1, 2):
            self.box.add_open_lane(lane, transit_max="1s", vehicle_silence="0s")
            self.box.add_camera(10 + lane, lane, key=KEY)
        self.publish([entry(1, "鲁H12345")])
        self.start_box(checkpointd={"keep_on_box": ["none"]})
        self.wait_ready()
        self.retaind = Program("hq-retaind", [program("hq-retaind"), "--config", self.box.write("hq-retaind.yaml", {
            "state_dir": f"{self.hq.dir}/state", "roots": str(self.box.roots), "clock_ahead_days": 2 * AGE_DAYS})],
            self.box.folder)
        clock = self.box.folder / "clock"
        clock.write_text(str(AGE_DAYS * DAY_MS // 1000))
        preload_clock(self.retaind, WALL_CLOCK_OFFSET_FILE=clock)
        return self

    def passes(self, lane, plate):
        """The vehicle passes and is on record at both ends; (sequence, salt) of its passage."""
        Camera(("127.0.0.1", self.box.port), lane=lane, camera=10 + lane, key=KEY).send(plate, lane)
        sequence, salt = wait_until("on record", lambda: self.passage(plate), 30)
        wait_until("at headquarters", lambda: self.confirmed()[0] >= sequence, 30)
        return sequence, salt

    def rows(self, sql, *values):
        db = sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

    @property
    def journal(self):
        return self.box.state / "checkpointd" / "journal" / "journal.sqlite"

    def passage(self, plate):
        rows = self.rows("SELECT sequence, salt FROM record WHERE kind = 3 AND instr(body, ?)", plate.encode())
        return rows[0] if rows else None

    def body(self, sequence):
        return self.rows("SELECT body FROM record WHERE sequence = ?", sequence)[0][0]

    def event_at_hq(self, sequence):
        store = self.database
        try:
            rows = store.execute("SELECT line FROM records WHERE sequence = ? AND kind = 'passage'", (sequence,))
            return json.loads(rows.fetchone()[0])
        finally:
            store.close()

    def make_old(self):
        """The box's passages are AGE_DAYS old. The process ends without closing the file: it must not remove the log
        itself, as another program that knows nothing of wiping would."""
        self.daemons["checkpointd"].stop()
        child = os.fork()
        if child == 0:
            db = sqlite3.connect(self.journal)
            db.execute("UPDATE record SET wall = wall - ? WHERE kind = 3", (AGE_DAYS * DAY_MS,))
            db.commit()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        self.daemons["checkpointd"].start()

    def take_terms(self, *options):
        version = self.hq.publish_retention(*options)
        wait_until("the box has them", lambda: self.hq.checkpoints()[0]["retention_version"] == version, 30)
        return version

    def delete_at_hq(self):
        """Until it says that it has: the log of the database is emptied before that, and hqd may write to it again at once."""
        before = self.retaind_log().count(" HQ_RETAINED:")
        self.retaind.start()
        try:
            wait_for("headquarters has deleted", lambda: self.retaind_log().count(" HQ_RETAINED:") > before, 60)
        finally:
            self.retaind.stop()
        assert " HQ_RETAIN_FAILED:" not in self.retaind_log()

    def retaind_log(self):
        path = self.retaind.log_path
        return path.read_text(encoding="utf-8") if path.exists() else ""


class Traces:
    """What must not be left of a passage: at the box its plate and salt, at headquarters both as they came."""

    def __init__(self, plate, salt, event):
        self.box = [plate.encode(), salt]
        body, text = base64.b64decode(event["data_base64"]), event["data_base64"]
        self.hq = [event["salt"].encode()]
        for found in re.finditer(plate.encode(), body):
            at = (found.start() + 2) // 3 * 4  # from there on the text tells the plate's bytes alone
            self.hq.append(text[at:at + 12].encode())

    def on(self, disk):
        """("all" | "none" | "some") of the box's and of headquarters'; a line's end may hide one of the latter."""
        found = [disk.holds(*self.box), disk.holds(*self.hq)]
        return tuple("none" if not any(some) else "all" if sum(some) >= 2 else "some" for some in found)


def test_past_their_term_passages_leave_nothing_on_the_disk_of_either_side():
    with short_folder() as folder:
        disk = RawDisk(folder, f"{folder}.img")
        try:
            with Retention(folder) as fleet:
                run(fleet.start(), disk)
        finally:
            disk.unmount()


def run(fleet, disk):
    goes, goes_salt = fleet.passes(1, GOES)
    stays, stays_salt = fleet.passes(2, STAYS)
    gone = Traces(GOES, goes_salt, fleet.event_at_hq(goes))
    held = Traces(STAYS, stays_salt, fleet.event_at_hq(stays))
    assert gone.on(disk) == held.on(disk) == ("all", "all")
    fleet.hq.run("hold", "add", "A3717", "--checkpoint", fleet.box.name, "--lane", 2, "--reason", "审理中", *fleet.hq.online)
    assert fleet.take_terms("--passage", "5-20") == 1
    fleet.make_old()
    wait_until("the box has deleted it", lambda: fleet.body(goes) is None, 60)
    fleet.delete_at_hq()
    assert gone.on(disk) == ("none", "none")
    assert fleet.body(stays) and held.on(disk) == ("all", "all")
    shown = " ".join(Ctl(fleet.box.run, None)("status").out.split())
    assert "terms version 1" in shown and "passages 20 days (5 to 20)" in shown

    fleet.hq.run("hold", "end", "A3717", "--reason", "判决生效", *fleet.hq.online)
    fleet.delete_at_hq()
    assert held.on(disk) == ("all", "none"), "headquarters' is gone, the box holds it still"
    assert fleet.take_terms() == 2
    wait_until("the hold has ended at the box", lambda: fleet.body(stays) is None, 60)
    wait_until("nothing is left", lambda: held.on(disk) == ("none", "none"))
    verified = Ctl(fleet.box.run, None)("audit", "verify", "--json").json
    assert verified["ok"] and verified["records"] > verified["bodies"]
    assert fleet.hq.audit(fleet.box.name)["ok"]
