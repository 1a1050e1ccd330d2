"""Power cuts of the box, replayed from the log of its programs' writes and syncs: what it answered for is there, once.

checkpointd: records that went to headquarters, instructions answered as on record, an account, the key set, the seal's
key; its second chain and what waits for it. checkpoint-uplinkd: instructions acknowledged to headquarters, the list, the renewed certificate.
A program is killed in the middle of a change drawn by number, its folder becomes what the cut left of it, it starts on
that. Besides, the same log is cut at other points and drawn anew, and held against what was told to somebody at each.
CHECKPOINT_ROUNDS draws so many rounds (the sweep box_power).
"""
import base64
import contextlib
import hashlib
import json
import os
import random
import sqlite3
import types

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from harness import journal
from harness.pki import DAY, now
from harness.process import Program, ProgramError
from harness.signing import World, entry
from harness.stack import Checkpoint, LineClient, program, short_folder, wait_until
from harness.uplink_site import BOX, WANTED, a_site
from harness.writelog import WriteLog
from test_uplinkd_refusals import Inbox, recorded

SEED = int(os.environ.get("CHECKPOINT_SEED", "1"))
ROUNDS = int(os.environ.get("CHECKPOINT_ROUNDS", "1"))
DRAWS = 12  # further cuts a round
CHANGES_MAX = 500  # of checkpointd from its start to the cut
FIRST_CHANGES = 120  # it makes more in an empty folder
UPLINK_CHANGES_MAX = 120
RENEWAL_CHANGES = 8  # at least so many are made by a renewal
PASSWORD = "correct horse 1"
WAITING_MAX = 30  # fewer than UPLINKD_INSTRUCTIONS_MAX
GONE = (OSError, EOFError)  # of a connection whose program ended


class Lost(AssertionError):
    """Something that was told to somebody is not there."""


def place(tree, folder, aside):
    """The files that lie right in `folder` of a tree of files, in the empty folder `aside`."""
    for path in aside.iterdir():
        path.unlink()
    for path, contents in tree.items():
        if contents is not None and os.path.dirname(path) == str(folder):
            (aside / os.path.basename(path)).write_bytes(contents)


def rows_of(folder):
    """(sequence, header, body) of a journal that holds together, or what is lost of it."""
    try:
        journal.verify(folder)
        with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as store:
            return store.execute("SELECT sequence, header, body FROM record ORDER BY sequence").fetchall()
    except (AssertionError, InvalidSignature, sqlite3.DatabaseError) as error:
        raise Lost(f"journal damaged: {error}") from error


def pending_of(contents):
    """Counts of the whole places of the second chain's file `pending` (gateway/base/slot_file.c), rising."""
    half, counts = len(contents or b"") // 2, []
    for place in (contents[:half], contents[half:]) if half else ():
        if hashlib.sha256(place[:8] + place[40:].rstrip(b"\0")).digest() == place[8:40]:
            counts.append(int.from_bytes(place[:8], "big"))
    return sorted(counts)


def instructed(rows):
    """Ids of the instructions on record, as often as they stand there."""
    return sorted(json.loads(body)["id"] for _, header, body in rows if header[6] == 15)


# ---- checkpointd ----


class Journals:
    """checkpointd under a write log; the test speaks to it as checkpoint-uplinkd does."""

    def __init__(self, folder):
        self.box = Checkpoint(folder, BOX)
        self.world = World("lu-hz")
        self.world.write_roots(self.box.roots)
        self.keyset = json.loads(self.world.keyset())
        self.box.add_tcp_lane(1, auto_close="loop", mode="normally_closed")
        self.state = self.box.state / "checkpointd"
        self.state.mkdir()
        config = self.box.write_checkpointd(seal_interval="1s")
        self.daemon = Program("checkpointd", [program("checkpointd"), "--config", config], self.box.folder)
        self.log = WriteLog(self.state, self.box.folder / "writes")
        self.aside = self.box.folder / "aside"
        self.aside.mkdir()
        self.link = None
        self.forget()

    def forget(self):
        """As before the first start: nothing was told to anybody."""
        self.next, self.account, self.told_keyset, self.token = 1, False, False, None
        self.pending = 0  # the count of a writing that was synced
        self.done, self.seen = [], {}  # ids answered; headers by sequence, of the first chain and of the second
        self.told = []  # (log's size, answered, newest record, of the second chain, account, key set) at moments of this run

    def connect(self):
        """To both chains' sockets, from the beginning of what has no receipt."""
        self.link, self.second = LineClient(self.box.run / "records"), LineClient(self.box.run / "observe")
        self.seen = {"record": {}, "observe": {}}
        for link in (self.link, self.second):
            link.send(do="credit", n=4000, bytes=8 << 20)
        while not self.seen["record"]:
            self.take(self.link, "record")
        self.note()
        assert self.ask("keyset", keyset=self.keyset)["ok"]
        self.told_keyset = True

    def take(self, link, stream):
        """One line: a record is noted, an answer returned."""
        line = link.receive()
        if "record" in line:
            event = line["record"]
            self.seen[stream][int(event["id"].split(":")[1])] = base64.b64decode(event["header"])
        return line if "ok" in line or "error" in line else None

    def ask(self, what, **members):
        self.link.send(do=what, **members)
        while True:
            answer = self.take(self.link, "record")
            if answer:
                return answer

    def take_second(self):
        """What came of the second chain meanwhile."""
        self.second.socket.settimeout(0.001)
        with contextlib.suppress(TimeoutError):
            while True:
                self.take(self.second, "observe")

    def linger(self):
        """While what waits in the second chain is synced thrice."""
        for _ in range(3):
            before = self.pending
            wait_until("synced", lambda before=before: self.note() or self.pending > before or not self.daemon.running)

    def note(self):
        """What was told, and then how long the log is: it holds all that made it so."""
        path = self.state / "observe" / "pending"
        places = pending_of(path.read_bytes()) if path.exists() else []
        self.pending = places[0] if len(places) == 2 else self.pending  # the newer one is written once the other is synced
        head = [max(self.seen[stream], default=0) if self.seen else 0 for stream in ("record", "observe")]
        self.told.append(types.SimpleNamespace(size=self.log.size(), done=len(self.done), head=head[0], second=head[1],
                                               account=self.account, keyset=self.told_keyset, pending=self.pending))

    def act(self, name, **args):
        client = LineClient(self.box.run / "control")
        try:
            return client.act(name, self.token, **args)
        finally:
            client.close()

    def sign_on(self):
        """The account may be there already where the cut came before its answer."""
        self.token = None
        if not self.account:
            self.act("officer_add", officer="wang", password=PASSWORD, role="leader")
        self.token = self.act("login", officer="wang", password=PASSWORD)["result"]["token"]
        self.account = True

    def offer(self):
        """The next instruction, or the last one again when checkpointd ended before it answered."""
        number = self.next
        kind, body = ("hold", {"lane": 1, "reason": "x"}) if number % 7 == 0 else ("message", {"text": f"x{number}"})
        envelope = json.loads(self.world.instruction(BOX, number, kind, body))
        if self.ask("instruction", number=number, instruction=envelope).get("ok"):
            self.done.append(number)
            self.next += 1

    def feed(self, rng, linger):
        """Until the program ends in the middle of something."""
        self.note()
        for step in rng.sample([self.sign_on, self.connect], 2):
            step()
            self.note()
        if linger:
            self.linger()
        while True:
            self.offer()
            if rng.random() < 0.3:
                self.act("stop", lane=1, reason=f"act {self.next}")
            self.take_second()
            self.note()

    def cut_off(self, rng, changes, lies=False, linger=False):
        """checkpointd runs and is killed in the middle of a change."""
        self.told = []
        self.note()
        self.log.attach(self.daemon, lies, end_after=rng.randrange(*changes))
        with contextlib.suppress(ProgramError):  # the cut may come before it is ready
            self.daemon.start()
        if self.daemon.process:
            with contextlib.suppress(*GONE):
                self.feed(rng, linger)
            self.daemon.wait_killed()
        self.link = None

    def check_draw(self, rng, end=None):
        """One more draw of what a cut at `end` of the log leaves, held against what was told by then."""
        tree = self.log.survivors(rng, end)
        told = [row for row in self.told if end is None or row.size <= end][-1]
        for name, stream, head in (("journal", "record", told.head), ("observe", "observe", told.second)):
            place(tree, self.state / name, self.aside)
            if head == 0 and told.done == 0:
                continue  # nobody knows of the chain yet
            rows = rows_of(self.aside)
            headers = {sequence: header for sequence, header, _ in rows}
            if len(rows) < head or any(headers[n] != self.seen[stream][n] for n in range(1, head + 1) if n in self.seen[stream]):
                raise Lost(f"{name}: {len(rows)} records, {head} were sent")
            if stream == "record" and not set(self.done[:told.done]) <= set(instructed(rows)):
                raise Lost(f"instructions {self.done[:told.done]}, on record {instructed(rows)}")
        if max(pending_of(tree.get(str(self.state / "observe" / "pending"))), default=0) < told.pending:
            raise Lost("what waited for its record in the second chain")
        for name, is_told in (("accounts.json", told.account), ("keyset.json", told.keyset)):
            if is_told and not tree.get(str(self.state / name)):
                raise Lost(name)
        return tree

    def go_on(self):
        """checkpointd starts on what the cut left: the chain goes on, nothing is done twice."""
        said = self.daemon.log_path.stat().st_size if self.daemon.log_path.exists() else 0
        self.log.detach(self.daemon)
        self.daemon.start()
        with open(self.daemon.log_path, "rb") as log:
            log.seek(said)
            told = log.read().decode(errors="replace")
        assert "SET_ASIDE" not in told and "RECORD_DAMAGED" not in told and "REFUSED" not in told, told
        self.sign_on()
        self.connect()
        self.offer()  # what was under way is offered again, and answered whether its record survived or not
        self.link.close()
        self.second.close()
        rows = rows_of(self.state / "journal")
        assert instructed(rows) == list(range(1, self.next)), "an instruction is missing or stands there twice"
        holds = [json.loads(body)["by"]["origin"] for _, header, body in rows
                 if header[6] == 5 and b'"hold_active"' in body and b'"origin"' in body]
        assert len(holds) == len(set(holds)), holds
        assert self.daemon.stop()[0] == 0
        rows_of(self.state / "observe")
        self.log.begin()
        return len(rows)

    def stop(self):
        if self.daemon.running:
            self.daemon.kill()
        self.box.stop()


@pytest.fixture(name="journals")
def some_journals():
    with short_folder() as folder:
        one = Journals(folder)
        try:
            yield one
        finally:
            one.stop()


def test_what_checkpointd_told_survives_power_cuts(journals):
    rng = random.Random(SEED)
    for number in range(ROUNDS):
        last = number == ROUNDS - 1
        journals.cut_off(rng, (CHANGES_MAX, CHANGES_MAX + 100) if last else (FIRST_CHANGES, CHANGES_MAX), linger=last)
        for _ in range(DRAWS):
            journals.check_draw(rng, rng.choice([None, rng.randrange(journals.log.size())]))
        journals.log.write(journals.check_draw(rng))
        records = journals.go_on()
        print(f"round {number + 1} of {ROUNDS}, seed {SEED}: {records} records, {journals.next - 1} instructions, lost 0, twice 0",
              flush=True)


def test_a_first_start_of_checkpointd_survives_power_cuts(journals):
    """From an empty folder: whatever was cut off, the next start makes it."""
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        journals.cut_off(rng, (1, 2 * FIRST_CHANGES))
        for _ in range(DRAWS):
            journals.check_draw(rng, rng.choice([None, rng.randrange(journals.log.size() + 1)]))
        journals.log.write(journals.check_draw(rng))
        if journals.told[-1].head == 0:
            journals.next, journals.account = 1, False  # all may be lost: nobody was told
        journals.go_on()
        journals.log.write({str(journals.log.folder): None})
        journals.forget()


def test_control_without_syncs_checkpointd_loses(journals):
    """The same with syncs that do nothing: when that loses nothing, the tests above show nothing."""
    rng = random.Random(SEED)
    journals.cut_off(rng, (CHANGES_MAX - 1, CHANGES_MAX), lies=True)
    lost = 0
    for _ in range(DRAWS):
        try:
            journals.check_draw(rng)
        except Lost:
            lost += 1
    print(f"seed {SEED}: {lost} of {DRAWS} cuts without syncs lost something that was told")
    assert lost > 0


# ---- checkpoint-uplinkd ----


class Handed(Inbox):
    """Headquarters hands out a few messages a poll, and notes what each poll acknowledges."""

    def __init__(self, site, log):
        super().__init__(site, [])
        self.log, self.revision = log, 0
        self.told = []  # (log's size, acknowledged, the list's revision) at moments of this run

    def fill(self, count):
        """So many more: instructions, and news of a list."""
        for number in range(len(self.messages) + 1, len(self.messages) + count + 1):
            text = self.liar.world.instruction(BOX, number, "message", {"text": "x"})
            self.messages.append(("list", "{}") if number % 9 == 0 else ("instruction", text))

    def instructions(self, above=0, upto=1 << 30):
        """Numbers, which are the instructions' ids too."""
        return [n for n, (kind, _) in enumerate(self.messages, 1) if kind == "instruction" and above < n <= upto]

    def answer(self, request):
        path, _, query = request[1].partition("?")
        if not path.endswith("/inbox"):
            return super().answer(request)
        said = dict(pair.split("=") for pair in query.split("&"))
        self.acknowledged, self.revision = int(said["after"]), int(said["revision"])
        self.told.append((self.log.size(), self.acknowledged, self.revision))
        last = min(self.acknowledged + 3, len(self.messages))
        news = range(self.acknowledged + 1, last + 1)
        while len(self.liar.batches) < last // 9:  # what a message of a list speaks of
            self.liar.batches.append(self.liar.world.batch(added=[entry(len(self.liar.batches) + 1, WANTED)]))
        if not news:
            self.fake.stopping.wait(0.2)
        return 200, {"messages": [{"number": n, "kind": self.messages[n - 1][0], "expires": "",
                                   "body": json.loads(self.messages[n - 1][1])} for n in news], "next": last}


class Messages:
    """checkpoint-uplinkd under a write log, checkpointd away until it goes on."""

    def __init__(self, site):
        self.site = site
        self.state = site.box.state / "uplinkd"
        self.state.mkdir()
        self.log = WriteLog(self.state, site.box.folder / "writes")
        self.hq = Handed(site, self.log)
        config = site.box.write_uplinkd(site.hq, site.redis.socket, hq=self.hq.url)
        self.link = site.link = Program("checkpoint-uplinkd", [program("checkpoint-uplinkd"), "--config", config],
                                        site.box.folder)
        self.daemon = site.checkpointd()
        assert self.daemon.stop()[0] == 0

    def cut_off(self, rng, lies=False):
        """More than are handed out before uplinkd is killed in the middle of a change."""
        self.before = self.hq.acknowledged
        self.hq.fill(WAITING_MAX)
        self.hq.told = [(0, self.before, self.hq.revision)]
        self.log.attach(self.link, lies, end_after=rng.randrange(40, UPLINK_CHANGES_MAX))
        with contextlib.suppress(ProgramError):  # the cut may come before it is ready
            self.link.start()
        if self.link.process:
            self.link.wait_killed()

    def check_draw(self, rng, end=None):
        tree = self.log.survivors(rng, end)
        acknowledged = [row[1] for row in self.hq.told if end is None or row[0] <= end][-1]
        number = tree.get(str(self.state / "inbox.number"), b"0\n")
        if int(number or 0) < acknowledged:
            raise Lost(f"acknowledged {acknowledged}, known is {number}")
        for n in self.hq.instructions(self.before, acknowledged):
            kept = tree.get(str(self.state / "messages" / f"{n:020}.json")) or b"{}"
            if json.loads(kept).get("body") != json.loads(self.hq.messages[n - 1][1]):
                raise Lost(f"instruction {n} of {acknowledged} acknowledged: {kept[:40]}")
        return tree

    def go_on(self):
        """uplinkd starts on what the cut left, with checkpointd: every instruction arrives, once; the list is not older."""
        held, polls = self.hq.told[-1][2], len(self.hq.told)
        self.log.detach(self.link)
        self.daemon.start()
        self.link.start()
        wait_until("a poll", lambda: len(self.hq.told) > polls)
        assert self.hq.told[polls][2] >= held, "an older list than headquarters was told of"
        wait_until("all instructions on record", lambda: self.hq.acknowledged == len(self.hq.messages) and
                   len(recorded(self.site)) >= len(self.hq.instructions()), 60)
        wait_until("none kept", lambda: not list((self.state / "messages").iterdir()))
        assert [(r["id"], r["result"]) for r in recorded(self.site)] == [(n, "done") for n in self.hq.instructions()]
        assert self.link.stop()[0] == 0 and self.daemon.stop()[0] == 0
        self.log.begin()


@pytest.fixture(name="site")
def a_linked_site():
    yield from a_site()


def test_what_uplinkd_acknowledged_survives_power_cuts(site):
    rng = random.Random(SEED)
    messages = Messages(site)
    for number in range(ROUNDS):
        messages.cut_off(rng)
        for _ in range(DRAWS):
            messages.check_draw(rng, rng.choice([None, rng.randrange(messages.log.size() + 1)]))
        messages.log.write(messages.check_draw(rng))
        told = messages.hq.told[-1]
        messages.go_on()
        print(f"round {number + 1} of {ROUNDS}, seed {SEED}: {told[1]} acknowledged, list {told[2]}, "
              f"{len(messages.hq.instructions())} instructions on record, lost 0, twice 0", flush=True)
    messages.cut_off(rng, lies=True)  # the control run: when that loses nothing, the above shows nothing
    lost = 0
    for _ in range(DRAWS):
        try:
            messages.check_draw(rng)
        except (Lost, ValueError):
            lost += 1
    print(f"seed {SEED}: {lost} of {DRAWS} cuts without syncs lost what was acknowledged")
    assert lost > 0


def is_pair(certificate, key):
    """Whether a key belongs to a certificate, both as PEM; None is no pair."""
    if not certificate or not key:
        return False
    try:
        mine = x509.load_pem_x509_certificate(certificate).public_key().public_numbers()
        return serialization.load_pem_private_key(key, None).public_key().public_numbers() == mine
    except ValueError:
        return False


class Certificate:
    """A box's certificate past two thirds of its life, in a folder of its own under a write log."""

    def __init__(self, site, number):
        self.site, self.number = site, number
        folder = site.box.folder / f"own{number}"
        folder.mkdir()
        self.pair = site.hq.pki.box(BOX, stem=f"own{number}", start=now() - 25 * DAY, end=now() + 5 * DAY)
        for name in ("pem", "key_path"):
            path = getattr(self.pair, name)
            setattr(self.pair, name, path.rename(folder / path.name))
        self.old = self.pair.pem.read_bytes()
        self.log = WriteLog(folder, site.box.folder / f"writes{number}")
        config = site.box.write_uplinkd(site.hq, site.redis.socket, self.pair)
        self.link = site.link = Program("checkpoint-uplinkd", [program("checkpoint-uplinkd"), "--config", config],
                                        site.box.folder)

    def check(self, tree, renewed):
        """What is left can be used: the certificate with its key, or with the one that waits beside it."""
        certificate, key = tree.get(str(self.pair.pem)), str(self.pair.key_path)
        if not is_pair(certificate, tree.get(key)) and not is_pair(certificate, tree.get(key + ".new")):
            raise Lost("no pair")
        if renewed and certificate == self.old:
            raise Lost("the certificate that ended at headquarters")
        return tree

    def lost_of(self, rng, renewed_at, draws=3):
        """How many of the draws at every point of the log leave no pair that works."""
        lost = 0
        for record in list(self.log.records()):
            for _ in range(draws):
                try:
                    self.check(self.log.survivors(rng, record.end), record.end >= renewed_at)
                except Lost:
                    lost += 1
        return lost


def renew(site, number, lies=False):
    """A renewal from end to end, and how long its log was when it was told."""
    renewal = Certificate(site, number)
    renewal.log.attach(renewal.link, lies)
    said = renewal.link.log_path.read_text().count("UPLINK_RENEWED") if renewal.link.log_path.exists() else 0
    renewal.link.start()
    wait_until("renewed", lambda: renewal.link.log_path.read_text().count("UPLINK_RENEWED") > said, 30)
    told = renewal.log.size()
    assert renewal.link.stop()[0] == 0
    return renewal, told


def test_a_renewal_survives_power_cuts(site):
    rng = random.Random(SEED)
    whole, told = renew(site, 0)
    assert len(list(whole.log.records())) > RENEWAL_CHANGES
    assert whole.lost_of(rng, told) == 0
    for number in range(1, ROUNDS + 1):
        cut = Certificate(site, number)
        cut.log.attach(cut.link, end_after=rng.randrange(1, RENEWAL_CHANGES))
        with contextlib.suppress(ProgramError):
            cut.link.start()
        if cut.link.process:
            cut.link.wait_killed()
        cut.log.write(cut.check(cut.log.survivors(rng), False))
        cut.log.detach(cut.link)
        cut.link.start()
        wait_until("renewed", lambda: cut.pair.pem.read_bytes() != cut.old and
                   is_pair(cut.pair.pem.read_bytes(), cut.pair.key_path.read_bytes()), 30)
        wait_until("headquarters takes it", lambda: site.hq.peer(cut.pair).get("/v1/list/head").status == 200, 30)
        assert cut.link.stop()[0] == 0
        print(f"round {number} of {ROUNDS}, seed {SEED}: the box reached headquarters and has its new certificate", flush=True)
    control, told = renew(site, ROUNDS + 1, lies=True)
    lost = control.lost_of(rng, told, 10)
    print(f"seed {SEED}: {lost} cuts without syncs left no pair that works")
    assert lost > 0
