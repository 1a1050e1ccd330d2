"""Every call of the console's HTTP API by every role, by nobody, from another tablet, with a forged and with an ended
session, by a tablet that is not paired and without a certificate; the calls are those of the server's own tables, so
that a new one without a row here fails."""
import hashlib
import hmac
import http.client
import json
import pathlib
import re
import ssl

import pytest
from cryptography.hazmat.primitives import hashes

from harness.https import Https
from harness.pki import Root
from harness.signing import World
from harness.stack import Checkpoint, LineClient, short_folder, wait_until

CONSOLE = pathlib.Path(__file__).parents[2] / "gateway" / "console"
PIN = "402915"
ROLES = {"O": "officer", "L": "leader", "A": "auxiliary", "T": "technician", "U": "auditor"}
RAISED_UNNAMED = "CONSOLE_RAISE_UNNAMED"

# Acts a page may ask for, with the roles that are heard; nobody else is, whatever the session looks like.
MAY = {
    "ack": "OL", "acts": "OLATU", "backup_end": "OL", "camera_trigger": "OLT", "check": "OLA", "codes": "OLATU",
    "convoy": "OL", "convoy_end": "OLA", "duty": "OLAU", "guided_test": "OLT", "handover": "OLAU",
    "handover_accept": "OLA", "help": "OLA", "help_end": "OLA", "history": "OLAU", "history_more": "OLAU",
    "hit_agree": "OL", "hit_close": "OL", "hit_confirm": "OL", "hit_feedback": "OL", "hit_intercept": "OL",
    "hit_reject": "OL", "hit_show": "OLAU", "hit_sign": "OLA", "hits": "OLAU", "hold": "OLA", "inspected": "OL",
    "lanes": "OLATU", "lookout_add": "L", "lookout_end": "L", "lookouts": "OLAU", "lower": "OL", "lower_beat": "OL",
    "lower_end": "OL", "messages": "OLAU", "metrics": "OLATU", "officer_passwd": "OLATU", "raise": "OL",
    "raise_all": "OLA", "release": "OL", "report": "LU", "service_in": "OL", "service_out": "OLA", "status": "OLATU",
    "stop": "OLA", "stop_record": "OL", "test_lower": "OLT", "test_raise": "OLT", "test_stop": "OLT",
    "test_watch": "OLATU", "well": "OLA",
}
PINS = {"handover_accept", "history", "officer_passwd", "raise_all", "release"}
PLAIN = {"codes"}  # the words of the code tables are for whoever sits at a paired tablet

# Other paths: roles that are heard, and what nobody, a forged, a foreign and an ended session get.
PICTURES = "/api/hits/"
PATHS = {
    ("POST", "/api/login"): ("OLATU", 400),  # without a number and a PIN
    ("POST", "/api/logout"): ("OLATU", 401),
    ("GET", "/api/session"): ("OLATU", 401),
    ("POST", "/api/act"): ("OLATU", 401),
    ("POST", "/api/emergency_raise"): ("OLATU", 200),
    ("GET", "/api/board"): ("OLATU", 401),
    ("GET", "/api/stream"): ("OLATU", 401),
    ("GET", PICTURES): ("OLAU", 401),
    ("POST", "/api/pair"): ("", 404),  # not at this port
}
ENDED_LOGOUT = 200  # whoever signs off a session that is over has what he wants


def rows_of(name):
    """The server's tables as they stand in its source."""
    text = (CONSOLE / name).read_text()
    if name == "handlers.c":
        return re.findall(r'"(\w+)"', re.search(r"acts\[\] = \{(.*?)\}", text, re.S)[1])
    return re.findall(r'\{"(GET|POST)", "([^"]+)"', text)


class Caller(Https):
    """A browser that keeps its connection."""

    link = None

    def ask(self, method, path, body=None, headers=None, timeout_s=30.0):
        sent = {name: value for name, value in {**self.headers(), **(headers or {})}.items() if value is not None}
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        for last in (False, True):
            if not self.link:
                self.link = http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=timeout_s)
            try:
                self.link.request(method, path, body=data, headers=sent)
                answer = self.link.getresponse()
                return answer.status, dict(answer.getheaders()), answer.read()
            except (http.client.HTTPException, ConnectionError):
                self.close()  # the server ended it in between
                if last:
                    raise

    def close(self):
        if self.link:
            self.link.close()
        self.link = None

    def holds(self, token):
        """Goes on with this session, and its proof."""
        self.cookie = f"__Host-token={token}"
        self.csrf = hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()
        return self

    @property
    def token(self):
        return self.cookie.split("=")[1]

    def code(self, method, path, body=None):
        """(status, code of the refusal or None)."""
        if path == "/api/stream":
            stream = self.stream()
            stream.close()
            return stream.status, None
        path = path + "1/pictures" if path == PICTURES else path
        status, data = self.json(method, path, body)
        return status, None if status == 200 else data["error"]["code"]


class Booth:
    """A box with a lane, an officer of each role, two paired tablets."""

    def __init__(self, folder):
        self.box = Checkpoint(folder)
        World().write_roots(self.box.roots)
        self.box.add_tcp_lane(1)
        self.root = Root(pathlib.Path(folder), "console-ca")
        self.server = self.root.issue("server", "urn:checkpoint-console:lu-hz-01", server=True)
        self.pairs = {name: self.root.issue(name, f"urn:checkpoint-tablet:{name}") for name in ("a", "b", "lost")}
        self.checkpointd = self.box.start_checkpointd()
        self.box.leader()
        control = LineClient(self.box.run / "control")
        for role in ROLES.values():
            assert control.act("officer_add", officer=f"0{role}", password=PIN, role=role, name=role)["ok"]
        for name in ("a", "b"):
            fingerprint = self.pairs[name].certificate.fingerprint(hashes.SHA256()).hex()
            assert control.act("tablet_add", name=name, fingerprint=fingerprint, lanes=[1])["ok"]
        control.close()
        self.consoled = self.box.start("checkpoint-consoled", self.box.write("consoled.yaml", {
            "listen": "127.0.0.1:0", "pair_listen": "", "hosts": ["127.0.0.1"], "certificate": str(self.server.pem),
            "key": str(self.server.key_path), "tablets_ca": str(self.root.pem), "runtime_dir": str(self.box.run)}))
        self.port = self.box.port_of("consoled")
        wait_until("the tablets are known", lambda: self.at("a").ask("GET", "/")[0] == 200, 30)

    def at(self, tablet):
        return Caller(self.port, self.root.pem, self.pairs[tablet] if tablet else None)

    def signed_on(self, role, tablet="a"):
        return self.at(tablet).login(f"0{role}", PIN)

    def status(self):
        control = LineClient(self.box.run / "control")
        status = control.act("status")["result"]
        control.close()
        return status


@pytest.fixture(scope="module")
def booth():
    with short_folder() as folder:
        made = Booth(folder)
        try:
            yield made
        finally:
            made.box.stop()


def test_every_call_has_a_row():
    acts = rows_of("handlers.c")
    assert len(acts) > 40 and set(acts) == set(MAY) and len(set(acts)) == len(acts)
    paths = rows_of("routes.c")
    assert set(paths) == set(PATHS) and len(paths) == len(PATHS)


@pytest.mark.parametrize("letter", ROLES)
def test_a_role_is_heard_where_its_row_says(booth, letter):
    caller = booth.signed_on(ROLES[letter])
    for act, roles in MAY.items():
        status, code = caller.code("POST", "/api/act", {"do": act, "args": {}})
        assert (status, code) == (403, "denied") if letter not in roles else (status, code) != (403, "denied"), act
        assert act not in PINS or letter not in roles or code in ("pin", "busy"), (act, code)
        assert status != 401, act
    for act in ("officer_add", "officer_disable", "tablets", "tablet_add", "tablet_revoke", "bus_write", "bus_read",
                "reload", "login", "logout", "session", "board", "hit_answer", "journal_set_aside"):
        assert caller.code("POST", "/api/act", {"do": act, "args": {}}) == (400, "invalid"), act
    for (method, path), (roles, _) in sorted(PATHS.items(), key=lambda row: row[0][1] == "/api/logout"):
        body = {"do": "codes", "lane": 1} if method == "POST" else None
        status, code = caller.code(method, path, body)
        denied = (404, "not_found") if path == "/api/pair" else (403, "denied")
        assert (status, code) == denied if letter not in roles else status not in (401, 403), (path, status, code)
    caller.close()


def refused_everywhere(booth, caller, ended=False):
    """Nobody's: the emergency raise, and what says nothing of anybody."""
    assert caller.ask("GET", "/")[0] == 200
    for act in MAY:
        status, code = caller.code("POST", "/api/act", {"do": act, "args": {}})
        assert (status, code) == (200, None) if act in PLAIN and caller.cookie else (status, code) == (401, "session"), act
    for (method, path), (_, expected) in PATHS.items():
        body = {"do": "lanes", "lane": 1} if method == "POST" else None
        status, code = caller.code(method, path, body)
        over = ENDED_LOGOUT if path == "/api/logout" and caller.cookie else expected
        assert status == over, (path, status, code)
    caller.close()


def test_nobody_and_sessions_that_are_none_raise_in_an_emergency_and_no_more(booth):
    live = booth.signed_on("leader")
    ended = booth.signed_on("officer")
    assert ended.json("POST", "/api/logout", {})[0] == 200
    callers = {"nobody": booth.at("a"), "forged": booth.at("a").holds("0" * 64),
               "foreign": booth.at("b").holds(live.token), "ended": booth.at("a").holds(ended.token)}
    for caller in callers.values():
        refused_everywhere(booth, caller)
    wait_until("the unnamed raises are alarmed",
               lambda: RAISED_UNNAMED in [alarm["name"] for alarm in booth.status()["alarms"]], 30)
    assert live.json("GET", "/api/session")[1]["officer"] == "0leader", "what others tried ended nothing of hers"


def test_a_tablet_that_is_not_paired_and_none_at_all(booth):
    token = booth.signed_on("leader").token
    lost = booth.at("lost").holds(token)
    for method, path in [*PATHS, ("GET", "/"), ("GET", "/glossary.js")]:
        assert lost.code(method, path, {"do": "codes", "lane": 1} if method == "POST" else None)[0] == 403, path
        with pytest.raises((ssl.SSLError, OSError)):
            booth.at(None).holds(token).ask(method, path, b"{}" if method == "POST" else None)


BOMBS = {
    "as long as a line may be": {"do": "check", "args": {"plate": "鲁H12345", "note": "x" * 65000, "reason": "other"}},
    "longer than a line at checkpointd": {"do": "check", "args": {"plate": "x" * 65440}},
    "deep": {"do": "hold", "args": "DEEP"},
    "deeper than any": {"do": "hold", "args": "DEEPER"},
    "many keys": {"do": "ack", "args": {f"k{n}": n for n in range(4000)}},
    "a second of another shape": {"do": "hold", "args": {"lane": 1, "second": [1]}},
    "numbers out of reach": {"do": "hold", "args": {"lane": 10 ** 18, "hit": -1, "press": 1e308}},
}
NESTED = {"DEEP": 1500, "DEEPER": 9000}
ODD_PLATES = ("鲁H1234\u202e5", "鲁H\u200b12345", "\ufeff鲁H12345", "鲁Ｈ１２３４５\u0301", "鲁H1234\U0001d7d3", "\uffff", "鲁" * 300,
              "鲁H12345\n", "\x1b[31m鲁H1", "鲁H12345\u2028", "?" * 7, "a" * 15)


def test_bombs_and_odd_texts_are_refused_and_the_next_is_served(booth):
    caller = booth.signed_on("officer")
    for name, body in BOMBS.items():
        text = json.dumps(body, ensure_ascii=False)
        for word, depth in NESTED.items():
            text = text.replace(f'"{word}"', '{"lane":1,"a":' + '[' * depth + ']' * depth + '}')
        status, data = caller.json("POST", "/api/act", text.encode())
        assert status in (400, 404, 409, 413, 429, 403) and not data["ok"], (name, status, data)
        assert caller.code("GET", "/api/session")[0] in (200, 429), name
    taken = []
    for plate in ODD_PLATES:
        status, data = caller.json("POST", "/api/act", {"do": "check", "args": {"plate": plate, "reason": "other"}})
        assert status in (200, 400, 409, 429), (plate, status, data)
        if data.get("error", {}).get("code") != "invalid":
            taken.append(plate)
    assert booth.checkpointd.running and booth.consoled.running
    assert set(taken) <= {"?" * 7, "\ufeff鲁H12345"}, taken  # a mark of its bytes' order says nothing
