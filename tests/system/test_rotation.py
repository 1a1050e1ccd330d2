"""Every key of the design page's table gets another in its place without downtime: under a box that is live and one
that was away over it and comes back. Records are counted at both ends after each."""
import base64
import json
import os
import signal

import pytest
from cryptography import x509

from harness.fleet import Fleet, Neighbour
from harness.hqctl import ROOTS
from harness.signing import entry
from harness.stack import short_folder, wait_until

KEY = bytes(range(16))
LIVE, AWAY = "lu-hz-01", "lu-hz-02"
DUTY = "instruction key of wang"


class Box(Fleet):
    """One box of the fleet."""

    def prepare(self):
        self.box.add_open_lane(1, transit_max="1s")
        self.box.add_camera(11, 1, key=KEY)

    def act(self, text):
        client = self.box.control()
        answer = client.act("stop", self.token, lane=1, reason=text)
        client.close()
        assert answer["ok"], answer

    def link(self, up):
        """The way to headquarters, which is all of the box that rotation touches."""
        for name in ("uplinkd", "matchd"):
            self.daemons[name].start() if up else self.daemons[name].stop()

    def log(self, name="checkpoint-uplinkd"):
        return (self.box.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def settled(self):
        """Every record is confirmed, and at headquarters once and in order."""
        def same():
            confirmed, head = self.confirmed()
            return head if confirmed == head else None
        head = wait_until(f"{self.box.name}: every record confirmed", same, 40)
        database = self.database
        try:
            rows = database.execute("SELECT r.sequence FROM records r JOIN chains c ON c.checkpoint = r.checkpoint AND"
                                    " c.chain = r.chain WHERE r.checkpoint = ? AND c.stream = 0 ORDER BY r.sequence",
                                    (self.box.name,)).fetchall()
        finally:
            database.close()
        held = [s for s, in rows]
        assert held == list(range(1, len(held) + 1)) and len(held) >= head, (len(held), head)

    def revision(self):
        """Of the list the lane matches against, while it is said to be current."""
        client = self.box.control()
        told = client.act("status")["result"]["list"]
        client.close()
        return told["revision"] if told["state"] == "current" else None


class OtherBox(Neighbour, Box):
    """The second one, which finds headquarters there."""


def first_of(pem):
    """The first certificate of a file."""
    end = b"-----END CERTIFICATE-----"
    return x509.load_pem_x509_certificate(pem.partition(end)[0] + end + b"\n")


class Headquarters:
    """What each rotation is, as its manual says."""

    def __init__(self, hq, live):
        self.hq, self.live, self.entries = hq, live, 0

    def version(self):
        return self.hq.json("whoami", *self.hq.online)[0]["keyset_version"]

    def key(self, role, *more, passphrase=None):
        self.hq.run("key", "rotate", self.hq.dir, role, "--publish", *more, *self.hq.online,
                    passphrases=[*ROOTS[:2], *([passphrase] if passphrase else [])])

    def hup(self):
        taken = self.hq.hqd.log_path.read_text().count("HQ_FILES_TAKEN")
        os.kill(self.hq.hqd.process.pid, signal.SIGHUP)
        wait_until("files taken", lambda: self.hq.hqd.log_path.read_text().count("HQ_FILES_TAKEN") > taken, 20)

    def server_key(self, role):
        self.key(role)
        self.hup()

    def root(self, number):
        names = [*ROOTS[:3]]
        others = [n for n in (1, 2, 3) if n != number]
        fresh = f"new root key {number}"
        self.hq.run("root", "rotate", self.hq.dir, "--number", number, "--publish", *self.hq.online,
                    passphrases=[*(names[n - 1] for n in others), fresh])
        ROOTS[number - 1] = fresh

    def all_roots(self):
        for number in (1, 2, 3):
            self.root(number)

    def publish(self):
        """A new entry: clerks' list keys, hqd's freshness key, all of it verified by the box."""
        self.entries += 1
        self.hq.publish([entry(100 + self.entries, f"鲁K{self.entries:05d}", **{"class": "02"})])
        return self.entries + 1

    def clerk(self, name):
        self.key("list", "--holder", name, passphrase=self.hq.passphrases[name])

    def both_clerks(self):
        for name in self.hq.clerks:
            self.clerk(name)
        self.publish()

    def issuing(self, box):
        """The CA that issues to boxes; the box enrols under the new one, the other keeps its certificate."""
        self.hq.run("ca", "issuing", self.hq.dir, passphrases=[ROOTS[3]])
        self.hq.cad.stop()
        self.hq.cad.start()
        before = (box.box.etc / "box.pem").read_bytes()
        box.enroll(box.uplinkd_config())
        after = (box.box.etc / "box.pem").read_bytes()
        issuing = first_of((self.hq.dir / "ca/box-issuing.pem").read_bytes())
        assert before != after and first_of(after).issuer == issuing.subject

    def server(self):
        """The HQ-server CA, and hqd's certificate under it."""
        self.hq.run("ca", "server", self.hq.dir, "--hq-address", "127.0.0.1", "--publish", *self.hq.online,
                    passphrases=[*ROOTS[:2], ROOTS[3]])
        self.hup()

    def duty(self):
        self.key("instruction", "--holder", "wang", passphrase=DUTY)

    def instruct(self, box):
        key = self.hq.dir / "duty" / "wang.key.pem"
        sent, = self.hq.json("instruct", "message", box, "轮换", "--key", key, *self.hq.online, passphrases=[DUTY])
        return sent["number"]

    def done(self, number):
        return next(r["result"] for r in self.hq.json("instructions", *self.hq.online) if r["number"] == number) == "done"


ROTATIONS = {
    "root": Headquarters.all_roots,
    "issuing CA": lambda h: h.issuing(h.live),
    "HQ-server CA": Headquarters.server,
    "list": Headquarters.both_clerks,
    "freshness": lambda h: h.server_key("freshness"),
    "receipt": lambda h: h.server_key("receipt"),
    "instruction": Headquarters.duty,
    "observe": lambda h: h.key("observe", passphrase="new observe holder"),
}


@pytest.fixture(scope="module")
def fleet():
    roots = list(ROOTS)
    with short_folder() as one, short_folder() as two:
        with Box(one, LIVE) as live:
            away = OtherBox(two, live, AWAY)
            try:
                away.take_roots()
                live.publish([entry(1, "鲁H12345", **{"class": "02"})])
                live.hq.run("clerk", "add", live.hq.dir, "wang", "--duty", "--publish", *live.hq.online,
                            passphrases=[*ROOTS[:2], DUTY])
                for box in (live, away):
                    box.prepare()
                    box.start_box()
                    box.wait_ready()
                yield Headquarters(live.hq, live), live, away
            finally:
                away.stop()
                ROOTS[:] = roots


def newest(hq, role):
    """Id of the key of that role that was made last."""
    rows = [row for row in hq.json("key", "list", hq.dir) if row["role"] == role]
    return max(rows, key=lambda row: row["from"])["key"]


def receipt_key(box):
    database = box.database
    try:
        text, = database.execute("SELECT receipt FROM chains WHERE checkpoint = ? AND stream = 0",
                                 (box.box.name,)).fetchone()
    finally:
        database.close()
    return json.loads(text)["signatures"][0]["key"]


def sealed_to(box):
    """Key of the newest record of the second chain."""
    database = box.database
    try:
        row = database.execute("SELECT r.line FROM records r JOIN observed o ON o.checkpoint = r.checkpoint AND"
                               " o.chain = r.chain AND o.sequence = r.sequence WHERE r.checkpoint = ?"
                               " ORDER BY o.number DESC LIMIT 1", (box.box.name,)).fetchone()
    finally:
        database.close()
    return row and json.loads(base64.b64decode(json.loads(row[0])["data_base64"]))["key"]


def trusted(box):
    return (box.box.state / "uplinkd" / "hq-roots.pem").read_text().count("BEGIN")


def works(headquarters, box, revision, sealed=False):
    """What all the keys are for: records and receipts, the list and that it is current, instructions."""
    wait_until(f"{box.box.name}: the list", lambda: box.revision() == revision, 40)
    number = headquarters.instruct(box.box.name)
    wait_until(f"{box.box.name}: an instruction", lambda: headquarters.done(number), 40)
    box.act("and on")
    box.settled()
    assert receipt_key(box) == newest(box.hq, "receipt")
    if sealed:
        wait_until("sealed to the new key", lambda: sealed_to(box) == newest(box.hq, "observe"), 40)


# One by one takes a minute: a sweep. The quick tier rotates them all while the second box is away.
EACH = [[name] for name in ROTATIONS] if os.environ.get("CHECKPOINT_ROTATE_EACH") else [list(ROTATIONS)]


@pytest.mark.parametrize("names", EACH, ids="+".join)
def test_they_are_rotated_under_a_live_box_and_one_that_is_away(fleet, names):
    headquarters, live, away = fleet
    before = headquarters.version()
    away.link(False)
    for n in range(5):
        live.act(f"before {n}")
        away.act(f"while away {n}")
    for name in names:
        ROTATIONS[name](headquarters)
    assert names == ["issuing CA"] or headquarters.version() > before
    live.act("after")
    revision = headquarters.publish()
    sealed = names == ["observe"]  # a record every ten seconds
    works(headquarters, live, revision, sealed)
    away.link(True)
    works(headquarters, away, revision, sealed)
    for box in (live, away):
        assert "WANTED_KEYSET_REFUSED" not in box.log() + box.log("checkpoint-matchd"), box.log()
        assert "KEYSET_REFUSED" not in box.log("checkpointd") and "UPLINK_SERVER_REFUSED" not in box.log()


def test_the_server_ca_before_ends(fleet):
    headquarters, live, away = fleet
    hq = headquarters.hq
    if not list((hq.dir / "hqd").glob("*.before")):
        headquarters.server()
    for box in (live, away):
        wait_until("both roots", lambda box=box: trusted(box) == 2, 40)
    hq.run("ca", "server-end", hq.dir, "--publish", *hq.online, passphrases=ROOTS[:2])
    headquarters.hup()
    assert not list((hq.dir / "hqd").glob("*.before"))
    for box in (live, away):
        wait_until("the new root alone", lambda box=box: trusted(box) == 1, 40)
        box.act("and on")
        box.settled()
