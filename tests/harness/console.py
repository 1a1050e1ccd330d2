"""A checkpoint with its console: a Site, the picture store, checkpoint-consoled behind a relay, a paired tablet.

    with running_console() as console:
        console.url, console.tablets["booth"].pem, console.accounts["officer"]

`Commands` lets a test in another language make hits, cut the LAN, stop and start programs: one JSON object a line
over a unix socket, {"do": name, ...} answered with {"ok": true, "result": ...} or {"ok": false, "error": text}.
"""
import base64
import hashlib
import contextlib
import json
import socket
import threading
import time

from cryptography.hazmat.primitives import hashes

from harness.bad_link import BadLink
from harness.https import Https
from harness.pictures import PictureSender
from harness.pki import Root
from harness.signing import entry
from harness.site import Site
from harness.stack import short_folder, wait_until

# Number and PIN of one account a role.
ACCOUNTS = {"leader": ("200001", "583920"), "second_leader": ("200002", "640173"), "officer": ("100001", "274916"),
            "second_officer": ("100002", "918265"), "auxiliary": ("300001", "406182"),
            "technician": ("400001", "735194"), "auditor": ("500001", "862047")}
SETTLERS = ("leader", "second_leader", "officer", "second_officer")
ROLES = {"second_leader": "leader", "second_officer": "officer"}
COMMAND_BYTES_MAX = 8 << 20


TABLETS = {"booth": [1, 2, 3], "lane-2": [2]}  # and the lanes each is bound to
PHONE = "0530-110110"  # headquarters'
COMPLAINT = "菏泽市公安局督察支队 0530-12389"


class Console(Site):
    """A Site whose officers sit at browsers; `url` leads through the relay `lan`."""

    def __init__(self, folder, **options):
        super().__init__(folder, **options)
        self.lan, self.consoled, self.camerad, self.sender = None, None, None, None
        self.accounts = {role: {"officer": number, "pin": pin} for role, (number, pin) in ACCOUNTS.items()}
        self.pictures, self.last_entry = {}, 5000
        self.tablets, self.settlers = {}, []

    def start(self, **checkpointd):
        self.camerad = self.box.start_camerad()
        self.sender = PictureSender(self.box.run)
        super().start(**{"headquarters_phone": PHONE, "complaint": COMPLAINT, **checkpointd})
        self.add_accounts()
        self.pair()
        self.start_consoled()

    def configure(self):
        super().configure()
        self.add_hand_lane(3)

    def add_hand_lane(self, lane, *sim):
        """One that may be lowered by hand; its boom is slow enough to be caught on its way."""
        self.box.add_tcp_lane(lane, manual_lower="hold_to_run", transit_max="1s", travel="10s", clear="1s",
                              sim=["--travel-s", "5", *sim])

    def add_accounts(self):
        client = self.box.control()
        for role, (number, pin) in ACCOUNTS.items():
            answer = client.act("officer_add", officer=number, password=pin, role=ROLES.get(role, role))
            assert answer["ok"], answer
        client.close()

    def pair(self):
        """A certificate each tablet, and its fingerprint at checkpointd."""
        folder = self.box.etc / "console"
        folder.mkdir(exist_ok=True)
        self.servers, self.tablets_ca = Root(folder, "servers-ca"), Root(folder, "tablets-ca")
        self.server = self.servers.issue("server", f"urn:checkpoint-console:{self.box.name}", server=True)
        client = self.box.control()
        for name, lanes in TABLETS.items():
            pair = self.tablets_ca.issue(name, f"urn:checkpoint-tablet:{name}")
            fingerprint = pair.certificate.fingerprint(hashes.SHA256()).hex()
            answer = client.act("tablet_add", name=name, fingerprint=fingerprint, lanes=lanes)
            assert answer["ok"], answer
            self.tablets[name] = pair
        client.close()

    def start_consoled(self):
        """At a port of its own, which it keeps when it starts again."""
        config = {
            "hosts": ["127.0.0.1"], "listen": "127.0.0.1:0", "pair_listen": "127.0.0.1:0", "runtime_dir": str(self.box.run),
            "pair_dir": str(self.box.run / "pair"),
            "certificate": str(self.server.pem), "key": str(self.server.key_path), "tablets_ca": str(self.tablets_ca.pem),
            "connections_per_address": 512}
        self.consoled = self.box.start("checkpoint-consoled", self.box.write("consoled.yaml", config))
        self.box.write("consoled.yaml", {**config, "listen": f"127.0.0.1:{self.box.port_of('consoled')}"})
        self.lan = BadLink(self.box.port_of("consoled"))

    def browser(self, tablet="booth"):
        """One of that tablet, nobody signed on, straight at consoled."""
        return Https(self.box.port_of("consoled"), self.servers.pem, self.tablets[tablet])

    @property
    def url(self):
        return f"https://127.0.0.1:{self.lan.port}"

    @property
    def direct(self):
        """As `url`, without the relay: for what measures time."""
        return f"https://127.0.0.1:{self.lan.to_port}"

    @property
    def pair_url(self):
        return f"https://127.0.0.1:{self.box.port_of('consoled-pair')}/pair"

    def stop(self):
        try:
            if self.sender:
                self.sender.close()
            if self.lan:
                self.lan.stop()
        finally:
            super().stop()

    # ---- what a test asks for; each is a command of the same name ----

    def list_entries(self, plates, **fields):
        """Wanted entries, in force when this returns; their ids."""
        first = self.last_entry + 1
        self.last_entry += len(plates)
        self.cache.add(*(entry(first + at, plate, **fields) for at, plate in enumerate(plates)))
        wait_until("the entries are in force", lambda: self.act(
            "check", plate=plates[-1], reason="other").get("result", {}).get("hits"))
        return list(range(first, self.last_entry + 1))

    def withdraw_entries(self, ids):
        self.cache.withdraw(*ids)

    def picture(self, name, kind, data):
        """A JPEG by name, for hits to come; kind: scene or crop."""
        self.pictures[name] = (kind, base64.b64decode(data))

    def hand_in(self, name, event, camera=11):
        """A picture of a camera's event; of kind "later": a snapshot taken after the read."""
        kind, data = self.pictures[name]
        answer = self.sender.put(data, int(event), camera=camera, kind=kind)
        assert answer[0] == 0, answer

    def pass_by(self, plate, camera=11, pictures=(), **fields):
        """A vehicle is read, its pictures handed in before; the event id of the read."""
        event = self.next_event + 1
        for name in pictures:
            self.hand_in(name, event, camera)
        return self.read(camera, plate, **fields)

    def make_hit(self, plate, matched=None, **options):
        """The hit event of a vehicle that is on the list."""
        event = self.pass_by(plate, **options)
        hit = self.next("hit", lambda fact: fact["read"].get("event_id") == str(event))
        return {"event": hit, "matched": matched}

    def settle(self, hits):
        """Each signed for, rejected and closed, by officers in turn: one asks so much a second and no more."""
        client = self.box.control()
        if not self.settlers:
            self.settlers = [self.login(client, role) for role in SETTLERS]
        for number, hit in enumerate(hits):
            token = self.settlers[number % len(self.settlers)]
            for name, args in (("hit_show", {}), ("hit_sign", {}), ("hit_reject", {"reason": "test"}), ("hit_close", {})):
                self.act_in_time(client, name, token, hit=hit, **args)
        client.close()

    @staticmethod
    def act_in_time(client, name, token, **args):
        """The act's result; asked again when the officer asked too much at once."""
        def asked():
            answer = client.act(name, token, **args)
            if not answer["ok"] and answer["error"]["code"] == "busy":
                return None
            return answer
        answer = wait_until(f"{name} is heard", asked, 60)
        if not answer["ok"]:
            raise AssertionError((name, args, answer))
        return answer["result"]

    def lane_do(self, lane, what, **fields):
        """A command of the lane's simulator."""
        return self.box.sims[lane].do(what, **fields)

    def lane_status(self, lane):
        return self.box.lane(lane)

    def cut(self):
        self.lan.cut()

    def mend(self):
        self.lan.mend()

    def program_named(self, name):
        return {"consoled": self.consoled, "checkpointd": self.checkpointd, "camerad": self.camerad,
                "matchd": self.matchd}[name]

    def program_stop(self, name, kill=False):
        daemon = self.program_named(name)
        if kill:
            daemon.kill()
        else:
            daemon.stop()

    def program_start(self, name):
        self.program_named(name).start()
        if name == "checkpointd":
            self.events.close()
            self.take_token()

    def end_tokens(self, officer, in_s):
        """The officer's sessions run out by themselves so many seconds from now: checkpointd, started anew, reads when."""
        path = self.box.run / "private" / "tokens.json"
        self.program_stop("checkpointd")
        kept = json.loads(path.read_text())
        for token in kept["content"]:
            if token["officer"] == officer:
                token["expires_ns"] = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(in_s * 1e9)
        rows = json.dumps(kept["content"], separators=(",", ":"), ensure_ascii=False, sort_keys=True)
        path.write_text(json.dumps({**kept, "sum": hashlib.sha256(rows.encode()).hexdigest()}))
        self.program_start("checkpointd")

    def take_token(self):
        """A token of the harness' leader again, and its stream of events."""
        client = self.box.control()
        answer = client.act("login", officer="wang", password="correct horse 1")
        client.close()
        assert answer["ok"], answer
        self.token = answer["result"]["token"]
        self.events = self.box.events(self.token)
        self.wait_ready()

    @staticmethod
    def login(client, role):
        """A token of that role's officer, at the box; signing off at the box would end the tablets' sessions, too."""
        officer, pin = ACCOUNTS[role]
        return client.act("login", officer=officer, password=pin)["result"]["token"]

    def act_as(self, role, name, args=None):
        """One act on the control socket, by an officer of that role."""
        client = self.box.control()
        answer = client.act(name, self.login(client, role), **(args or {}))
        client.close()
        return answer

    def description(self):
        """What a browser test needs to know."""
        return {"url": self.url, "direct": self.direct, "pair_url": self.pair_url, "accounts": self.accounts,
                "checkpoint": self.box.name, "phone": PHONE,
                "ca": str(self.servers.pem),
                "tablets": {name: {"certificate": str(pair.pem), "key": str(pair.key_path)}
                            for name, pair in self.tablets.items()}}


class Commands:
    """Serves a Console's methods on a unix socket, one connection and one command at a time."""

    NAMES = {"list_entries", "withdraw_entries", "picture", "pass_by", "make_hit", "hand_in", "lane_do", "lane_status", "cut", "mend",
             "settle", "program_stop", "program_start", "end_tokens", "act_as", "alarms"}

    def __init__(self, console, path):
        self.console = console
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, client.makefile("rwb") as lines:
                for line in iter(lambda: lines.readline(COMMAND_BYTES_MAX), b""):
                    lines.write(json.dumps(self._answer(line), ensure_ascii=False).encode() + b"\n")
                    lines.flush()

    def _answer(self, line):
        try:
            args = json.loads(line)
            name = args.pop("do")
            if name not in self.NAMES:
                raise ValueError(f"do: '{name}': expected one of {sorted(self.NAMES)}")
            result = getattr(self.console, name)(**args)
            return {"ok": True, "result": sorted(map(str, result)) if isinstance(result, set) else result}
        except Exception as error:  # the test is told, and fails with it
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@contextlib.contextmanager
def running_console(**options):
    """A Console from start to stop."""
    with short_folder() as folder:
        console = Console(folder, **options)
        try:
            console.start()
            yield console
        finally:
            console.stop()
