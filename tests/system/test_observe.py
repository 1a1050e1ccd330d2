"""Observe entries: with and without them everything an officer, supervisor or technician can get from the box is the
same; their hits stand in the second chain, sealed to headquarters, and survive a kill."""
import collections
import concurrent.futures
import datetime
import json
import pathlib
import re
import time

import pytest

from harness import frames, journal, observe
from harness.camera import encode_compact
from harness.cache import Cache
from harness.compare import differences
from harness.ctl import Ctl
from harness.fleet import Fleet
from harness.https import Https
from harness.pictures import PictureSender
from harness.pki import Root
from harness.signing import entry
from harness.site import KEY, WANTED, Site
from harness.stack import LineClient, short_folder, wait_until

PORT = 9840
OBSERVED, BOTH, NEVER = "鲁H54321", "鲁H66666", "鲁R00000"
STOPPED_TOO = 12  # the entry that stops BOTH
TODAY = datetime.datetime.now(datetime.timezone.utc).date()
AROUND = {"from": f"{TODAY - datetime.timedelta(days=2)}T00:00:00Z", "to": f"{TODAY + datetime.timedelta(days=2)}T00:00:00Z"}
MANY = 70  # more than wait for their record at once


class ObserveSite(Site):
    """`observed`: entries of the list's second batch beside one that nobody reads."""

    def __init__(self, folder, observed):
        super().__init__(folder)
        self.observed, self.counter, self.event = observed, time.time_ns() // 1_000_000, 0

    def start(self):
        self.redis.start()
        self.cache = Cache(self.redis, self.world)
        self.cache.add(entry(1, WANTED, priority=1), entry(STOPPED_TOO, BOTH, priority=3))
        self.cache.add(entry(2, NEVER), *self.observed)
        self.box.add_open_lane(1, transit_max="1s", vehicle_silence="0s")
        self.box.port, self.box.ports = PORT, [{"port": PORT, "format": "compact"}]
        self.box.add_camera(11, 1, key=KEY, address="10.9.0.7")
        self.start_checkpointd()
        self.camerad = self.box.start_camerad()
        self.sign_on()
        self.know_list()

    def start_console(self):
        root = Root(pathlib.Path(self.box.folder), "console-ca")
        server = root.issue("server", f"urn:checkpoint-console:{self.box.name}", server=True)
        self.consoled = self.box.start("checkpoint-consoled", self.box.write("consoled.yaml", {
            "listen": "127.0.0.1:0", "pair_listen": "", "hosts": ["127.0.0.1"], "certificate": str(server.pem),
            "key": str(server.key_path), "runtime_dir": str(self.box.run), "tablet_certificates": "none"}))
        self.browser = Https(self.box.port_of("consoled"), root.pem).login("wang", "correct horse 1")
        self.stream = self.browser.stream()
        assert self.stream.status == 200

    def hand_in_pictures(self, events):
        """A scene of each of the reads to come."""
        sender = PictureSender(self.box.run)
        for event in range(1, events + 1):
            assert sender.put(b"\xff\xd8%d" % event, event)[0] == 0
        sender.close()

    def start_checkpointd(self):
        (self.box.state / "checkpointd").mkdir(exist_ok=True)
        (self.box.state / "checkpointd" / "keyset.json").write_bytes(self.world.keyset())
        self.checkpointd = self.box.start_checkpointd(console_without_tablets=True)

    def know_list(self):
        """matchd has it from its last run, before a first frame comes."""
        self.start_matchd()
        wait_until("list", lambda: (self.shown("status")["list"] or {}).get("revision") == self.world.revision)
        self.matchd.stop()

    def start_matchd(self, *sent):
        path = self.box.folder / f"sent-{self.event}.pcap"
        if sent:
            frames.write_pcap(path, sent, gap_us=100)
        self.matchd = self.box.start_matchd(
            self.redis.socket, [{"kind": "replay", "file": str(path), "full_speed": True}] if sent else [])

    def frame(self, plate, **fields):
        self.counter += 1
        self.event += 1
        return frames.udp_frame(encode_compact(1, 11, plate, event_id=self.event, key=KEY, counter=self.counter,
                                               **fields))

    def shown(self, act, **args):
        answer = self.act(act, **args)
        assert answer["ok"], answer
        return answer["result"]

    def wait_reads(self, count):
        """Until that many were counted and the lane is empty again."""
        wait_until(f"{count} reads", lambda: self.shown("status")["matchd"]["counters"].get("reads") == count, 30)
        wait_until("the last of them", lambda: self.last_read() == self.event, 30)
        wait_until("an empty lane", lambda: self.box.lane(1)["vehicles"] == 0 and self.box.lane(1)["order_known"], 30)

    def last_read(self):
        return max((int(record.body["read"]["event_id"]) for record in journal.verify(self.journal)
                    if record.kind in ("passage", "hit")), default=0)

    @property
    def second(self):
        return self.box.state / "checkpointd" / "observe"

    @property
    def pending(self):
        return self.second / "pending"

    def wait_pending(self):
        """Until the file was begun and ended anew: what was read before stands in it."""
        for _ in range(2):
            before = self.pending.read_bytes()
            wait_until("pending written", lambda before=before: self.pending.read_bytes() != before)

    def batches(self):
        """What headquarters finds in the second chain, whose every record is checked."""
        return [observe.open_body(record.body, self.world.observe_key.private)
                for record in journal.verify(self.second) if record.kind == "observed"]

    def restart_checkpointd(self, kill=False):
        """The next start records what the one before left."""
        before = len(self.batches())
        self.events.close()
        if kill:
            self.checkpointd.kill()
        else:
            self.checkpointd.stop()
        self.start_checkpointd()
        self.events = self.box.events()
        wait_until("what was pending", lambda: len(self.batches()) >= before + 7)


def hits_of(batches):
    return [hit for batch in batches for hit in batch["hits"]]


def observed_entries():
    """More than a message has room for of one plate, and one beside an entry that stops."""
    return [*(entry(number, OBSERVED, handling="observe", priority=1) for number in range(100, 110)),
            entry(120, BOTH, handling="observe", priority=1)]


def traffic(site):
    return [site.frame(OBSERVED), site.frame(OBSERVED), site.frame(BOTH), site.frame(WANTED), site.frame("鲁H99999"),
            site.frame("危险品", candidates=[(OBSERVED, 40)]), site.frame("鲁H5432?"), site.frame("无车牌"),
            site.frame(BOTH)]


# ---- with and without ----

CHANGING = {"time", "mono_ns", "offset_ms", "valid_from", "valid_until", "applicant_time", "reviewer_time",
            "approver_time", "list", "clock", "scan_us_max", "journal_folder", "order", "wall_ms", "last_time", "opened", "due",
            "searched_to", "lookout", "begun", "until", "since", "answered", "median_ms", "p90_ms", "worst_ms"}
IDS = {"hit", "passage", "hold", "hits", "vehicles", "id", "question"}  # begin at the journal's head, which counts seconds too
VOLATILE = {"buses", "journal", "disk", "clock", "uplink", "captures", "capture"}
TIMED = ("scans_dropped",)


def lasting(value):
    """Without what differs from run to run, and without the list's revision and time, which alone may differ."""
    if isinstance(value, dict):
        return {name: lasting(part) for name, part in value.items()
                if name not in CHANGING and not (name in IDS and isinstance(part, int) and part > 1 << 20)}
    return [lasting(part) for part in value] if isinstance(value, list) else value


def masked(text):
    """A text without its numbers and the site's folder: times, durations, addresses."""
    text = re.sub(r"/tmp/cp\.\w+", "#", text)
    text = re.sub(r"[0-9a-f]{16,}", "#", text)
    text = re.sub(r"\s+|-{3,}", "", re.sub(r"\d+", "#", text))  # a column's width goes with its numbers
    units = r"毫秒|微秒|秒|分钟?|小时|天|ms|us|µs|min(?:utes?)?|seconds?|hours?|days?|[smhd](?![a-z])"
    return re.sub(rf"#(?:#|[.:/-]#|{units})*", "#", text)


def acts_shown(site):
    shown = {}
    site.shown("officer_add", officer="zhou", password="correct horse 2", role="officer")
    for name, args in (("status", {}), ("metrics", {}), ("lanes", {}), ("hits", {}),
                       *(("check", {"plate": plate, "reason": "other"}) for plate in (OBSERVED, BOTH, WANTED, NEVER)),
                       *(("history", {"plate": plate, "look_alike": True, "reason": "case", "case": "1", "pin": "correct horse 1", **AROUND})
                         for plate in (OBSERVED, BOTH, NEVER, "")),
                       *(("lookout_add", {"plate": plate, "class": "any", "hours": 1, "reason": "test", "case": "1",
                                          "second": {"officer": "zhou", "password": "correct horse 2"}})
                         for plate in (OBSERVED, NEVER)),
                       ("lookouts", {}), ("board", {}), ("report", AROUND)):
        result = site.shown(name, **args)
        assert name != "history" or args["plate"] == NEVER or result["passages"], "an observed vehicle passed like any"
        for volatile in VOLATILE:
            result.pop(volatile, None)
        for timed in TIMED:
            result.get("counters", {}).pop(timed, None)
        shown[f"{name} {args.get('plate')}"] = lasting(result)
    return shown


def commands_shown(site):
    """What a technician and an officer see at a terminal, in both languages; numbers apart from the JSON forms."""
    shown = {}
    for lang in ("en_US.UTF-8", "zh_CN.UTF-8"):
        ctl = Ctl(site.box.run, site.box.folder / "session", lang)
        assert ctl("login", "wang", password="correct horse 1").status == 0
        for words in ("status", "lanes", "hits", f"check {OBSERVED} --reason other", f"check {BOTH} --reason other",
                      "audit verify", "metrics", "doctor"):
            answer = ctl(*words.split())
            shown[f"{lang} {words}"] = (answer.status, masked(answer.out), masked(answer.err))
    return shown


CONSOLE_CHANGING = {"delay_ms", "at", "confirm_after_ms", "stream", "id", "csrf", "expires_in_s"}


def asked(site, method, path, body=None):
    status, answer = site.browser.json(method, path, body)
    return status, without(lasting(answer.get("result", answer)), CONSOLE_CHANGING | VOLATILE)


def without(value, names):
    if isinstance(value, dict):
        return {name: without(part, names) for name, part in value.items() if name not in names}
    return [without(part, names) for part in value] if isinstance(value, list) else value


def console_shown(site):
    """What a page fetches, the numbers of hits and passages by how far they are apart, and a rejection whose plate
    seen is an observed one."""
    status, board = site.browser.json("GET", "/api/board")
    assert status == 200 and board["hits"]
    numbers = [(hit["hit"], hit["passage"]) for hit in board["hits"]]
    shown = {"apart": [(hit - numbers[0][0], passage - numbers[0][1]) for hit, passage in numbers],
             "board": asked(site, "GET", "/api/board"), "session": asked(site, "GET", "/api/session"),
             "pictures": [asked(site, "GET", f"/api/hits/{hit}/pictures") for hit, _ in numbers]}
    assert any(pictures["pictures"] for _, pictures in shown["pictures"])
    wanted = next(hit["hit"] for hit in board["hits"] if hit["entry"]["plate"] == WANTED)
    pin = {"pin": "correct horse 1"}
    for name, args in (*(("check", {"plate": plate, "reason": "other"}) for plate in (OBSERVED, BOTH)),
                       ("history", {"plate": OBSERVED, "reason": "case", "case": "1", **pin, **AROUND}),
                       ("hit_show", {"hit": wanted}), ("hit_sign", {"hit": wanted}),
                       ("hit_reject", {"hit": wanted, "reason": "plate_differs", "plate": OBSERVED}),
                       *((name, {}) for name in ("hits", "handover", "duty", "lookouts", "lanes", "messages", "status")),
                       ("report", AROUND)):
        shown[f"{name} {args.get('plate')}"] = status, answer = asked(site, "POST", "/api/act", {"do": name, "args": args})
        assert status == 200, (name, answer)
        for timed in TIMED:
            answer.get("counters", {}).pop(timed, None)
    _, rejected = shown[f"hit_reject {OBSERVED}"]
    assert rejected["seen"]["plate"] == OBSERVED and rejected["seen"]["hits"] == []
    return shown


def streamed(site):
    """What the page was told until the end."""
    _, seen = site.stream.until(lambda event, id_, data: event == "m" and "the end" in data)
    site.stream.close()
    return events_shown([json.loads(data) for event, _, data in seen if event == "m"])


def sorted_by_text(values):
    return sorted(values, key=lambda value: json.dumps(value, sort_keys=True))


def events_shown(told):
    """What a subscriber was told, by kind; a lane's status comes by its own time, and so do what the devices answer
    to orders, the terms at a start and the harness's own sign-on; alarms are named that came or went at all."""
    by_kind = collections.defaultdict(list)
    for event in told:
        kind = event["event"] + (" done" if "result" in event else "")
        if kind not in ("status", "capture", "clock", "retention") and event.get("what") != "login":
            by_kind[kind].append(lasting(event))
    by_kind["alarm"] = sorted({(alarm["name"], alarm.get("lane")) for alarm in by_kind["alarm"]}, key=str)
    by_kind["boom done"] = sorted_by_text(by_kind["boom done"])
    return dict(by_kind)


TIMED_KINDS = ("device", "clock", "seal")  # by the clock, not by reads


def exported(site):
    """What uplinkd is given, by kind, and that nothing was ahead of its turn but a hit of an entry that stops."""
    client = LineClient(site.box.run / "records")
    head = client.receive()["status"]["head"]
    client.send(do="credit", n=1000)
    types = collections.Counter(client.receive()["record"]["type"] for _ in range(head))
    client.close()
    return {kind: count for kind, count in types.items() if kind.removeprefix("checkpoint.") not in TIMED_KINDS}


def recorded(site):
    """The first journal: every record of what a read brings about, word for word but times, by kind."""
    by_kind = collections.defaultdict(list)
    for record in journal.verify(site.journal):
        if record.kind not in TIMED_KINDS:
            by_kind[record.kind].append((record.actor, lasting(record.body)))
    by_kind["list"] = sorted_by_text(by_kind["list"])
    return dict(by_kind)


def settled(site):
    """All acts are on record: the journal has not grown for a turn of its thread."""
    head = 0

    def still():
        nonlocal head
        before, head = head, len(journal.verify(site.journal))
        return before == head
    wait_until("the journal settled", still)


def logged(program):
    return sorted({masked(line) for line in program.log_path.read_text().splitlines()})


def coils(site):
    """In their order; by whom, too."""
    return [(event["coil"], event["on"], event["by"]) for event in site.box.sims[1].events("coil")]


def files_shown(site):
    """Names under the state folder, and the sizes of those that have one by design."""
    state = site.box.state / "checkpointd"
    names = sorted(str(path.relative_to(state)) for path in state.rglob("*") if path.is_file())
    return names, site.pending.stat().st_size, (site.second / "reserve").stat().st_size


def run_site(observed):
    with short_folder() as folder:
        site = ObserveSite(folder, observed)
        try:
            site.start()
            site.told = []
            site.start_console()
            frames_sent = traffic(site)
            site.hand_in_pictures(site.event)
            site.start_matchd(*frames_sent)
            site.wait_reads(site.event)
            shown = {"acts": acts_shown(site), "commands": commands_shown(site), "console": console_shown(site)}
            site.shown("ack", lane=1, reason="the end")
            while not site.told or "the end" not in str(site.told[-1]):
                site.told.append(site.events.receive())
            wait_until("the end on record", lambda: any(
                "the end" in str(record.body) for record in journal.verify(site.journal)))  # and all before it
            settled(site)
            shown |= {"events": events_shown(site.told), "streamed": streamed(site), "exported": exported(site), "coils": coils(site),
                      "recorded": recorded(site), "files": files_shown(site),
                      "logs": [logged(d) for d in (site.matchd, site.checkpointd, site.consoled, site.camerad)]}
            site.wait_pending()
            site.restart_checkpointd()
            bodies = {len(json.dumps(record.body)) for record in journal.verify(site.second)
                      if record.kind == "observed"}
            return shown, bodies, site.batches()
        finally:
            site.stop()


@pytest.fixture(scope="module")
def runs():
    with concurrent.futures.ThreadPoolExecutor() as pool:  # apart from one another: each has its own folder
        return list(pool.map(run_site, (observed_entries(), [])))


def test_with_and_without_all_is_the_same(runs):
    (with_them, *_), (without, *_) = runs
    found = list(differences(with_them, without))
    assert not found, "\n".join(map(str, found))
    assert with_them["coils"] and with_them["events"]["hit"] and with_them["streamed"]["hit"], "nothing was compared"
    named = collections.Counter(body["what"] for actor, body in with_them["recorded"]["act"] if actor == "officer:wang")
    pictured = sum(status == 200 for status, _ in with_them["console"]["pictures"])
    assert named["hit_shown"] == pictured > 0 and named["search"] and named["history"], named


def test_their_hits_stand_in_the_second_chain_alone(runs):
    (_, with_bodies, with_batches), (_, without_bodies, without_batches) = runs
    assert with_bodies == without_bodies and len(with_bodies) == 1, "all bodies are equally long"
    assert hits_of(without_batches) == [] and without_batches
    hits = hits_of(with_batches)
    assert {hit["entry"] for hit in hits} > {120} and len(hits) == len({tuple(hit.items()) for hit in hits})
    exact = next(hit for hit in hits if hit["entry"] == 120)
    assert (exact["kind"], exact["lane"], exact["camera"], exact["event_id"], exact["reads"]) == ("exact", 1, 11, 3, 2)
    assert {hit["kind"] for hit in hits} == {"exact", "partial"} or {hit["kind"] for hit in hits} == {
        "exact", "candidate", "partial"}


# ---- nothing lost ----

@pytest.fixture
def many():
    with short_folder() as folder:
        site = ObserveSite(folder, [entry(1000 + n, f"鲁K{n:05d}", handling="observe", priority=1)
                                    for n in range(MANY)])
        try:
            site.start()
            yield site
        finally:
            site.stop()


def test_a_kill_loses_none_and_overflow_takes_the_next_records(many):
    """More at once than `pending` holds: the rest is counted."""
    some = MANY - 20
    many.start_matchd(*(many.frame(f"鲁K{n:05d}") for n in range(some)))
    many.wait_reads(some)
    many.wait_pending()
    many.restart_checkpointd(kill=True)
    batches = many.batches()
    assert sorted(hit["entry"] for hit in hits_of(batches)) == [1000 + n for n in range(some)]
    assert sum(batch["lost"] for batch in batches) == 0
    assert max(len(batch["hits"]) for batch in batches) == observe.HITS_MAX
    recorded_then = len(batches)
    wait_until("one of the next interval", lambda: len(many.batches()) > recorded_then, 30)
    assert len(many.batches()) == recorded_then + 1


# ---- at headquarters ----

def observed_frames(lane, plates):
    counter = time.time_ns() // 1_000_000
    return [frames.udp_frame(encode_compact(lane, 11, plate, event_id=n, key=KEY, counter=counter + n))
            for n, plate in enumerate(plates, 1)]


class Town:
    """Headquarters as `hqctl init` makes it, one box with a camera that is replayed."""

    def __init__(self, fleet):
        self.fleet, self.hq, self.box = fleet, fleet.hq, fleet.box
        self.box.add_open_lane(1, transit_max="1s", vehicle_silence="0s")
        self.box.port, self.box.ports = PORT, [{"port": PORT, "format": "compact"}]
        self.box.add_camera(11, 1, key=KEY, address="10.9.0.7")
        fleet.start_box([])

    def status(self):
        client = self.box.control()
        status = client.act("status")["result"]
        client.close()
        return status

    def read(self, *plates):
        """matchd once more, with the list it has and these frames."""
        path = self.box.folder / "sent.pcap"
        frames.write_pcap(path, observed_frames(1, plates), gap_us=100)
        self.fleet.daemons["matchd"].stop()
        self.fleet.daemons["matchd"] = self.box.start_matchd(
            self.fleet.redis.socket, [{"kind": "replay", "file": str(path), "full_speed": True}],
            **self.fleet.redis.options("matchd"))
        wait_until("the reads", lambda: self.status()["matchd"]["counters"].get("reads") == len(plates), 30)

    def restart_checkpointd(self):
        """What is pending goes on record at once."""
        self.fleet.daemons["checkpointd"].stop()
        self.fleet.daemons["checkpointd"] = self.box.start_checkpointd()

    def observed(self, *more, key="secret/observe.key.pem", passphrase="observe holder"):
        done = self.hq.try_run("observe", "--key", self.hq.dir / key, "--json", *more, *self.hq.online,
                               passphrases=[passphrase])
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def chains(self):
        store = self.fleet.database
        try:
            return store.execute("SELECT stream, state FROM chains ORDER BY stream").fetchall()
        finally:
            store.close()


def test_headquarters_alone_reads_them(tmp_path):
    """From the list's CSV to hqctl: imported, signed by two, matched, sealed, forwarded, opened."""
    with short_folder() as folder, Fleet(folder) as fleet:
        town = Town(fleet)
        fleet.publish([entry(1, WANTED, priority=1), entry(2, OBSERVED, handling="observe", priority=2)])
        wait_until("the list", lambda: (town.status()["list"] or {}).get("revision") == 1, 30)
        town.read(OBSERVED, WANTED, OBSERVED, "鲁H99999")
        wait_until("the hit at headquarters", lambda: fleet.hits_at_hq() == [2], 30)
        town.restart_checkpointd()
        hits, said = wait_until("observe hits at headquarters", lambda: (found := town.observed())[0] and found, 30)
        assert [(hit["checkpoint"], hit["entry"], hit["plate"], hit["match"], hit["lane"], hit["camera"], hit["reads"])
                for hit in hits] == [("lu-hz-01", 2, OBSERVED, "exact", 1, 11, 2)]
        assert said.startswith("1 hits in "), said
        assert town.chains() == [(0, "active"), (1, "active")]
        assert fleet.hits_at_hq() == [2], "only the entry that stops is among the hits"
        assert town.hq.try_run("audit", "verify", *town.hq.online).returncode == 0
        looks = [row for row in town.hq.json("audit", "own", "show", *town.hq.online)
                 if '"observed"' in json.dumps(row)]
        assert looks, "who looked is on record"
        clerk = town.hq.try_run("observe", "--key", town.hq.clerk_key("li"), *town.hq.online,
                                passphrases=[town.hq.passphrases["li"]])
        assert clerk.returncode == 1 and "no X25519 private key in PEM (PKCS#8)" in clerk.stderr, clerk.stderr
