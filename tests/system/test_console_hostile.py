"""The console against those who mean it ill: every shape is refused, told, and nobody else notices."""
import contextlib
import hmac
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import threading
import time

import pytest
from cryptography.hazmat.primitives import hashes

from harness.https import Https
from harness.pki import Root
from harness.process import wait_for
from harness.signing import World
from harness.stack import Checkpoint, short_folder

OFFICER, PIN = "wang", "correct horse 1"
OPEN = {"tablet_certificates": "none", "connections_per_address": 40}


SECURITY = {
    "Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Permissions-Policy": "",
    "Strict-Transport-Security": "max-age=", "Cache-Control": "no-"}


class Checked(Https):
    """Every answer, whatever its status, bears the headers; a refusal says in JSON what it is, in both languages."""

    def seen(self, status, headers, data):
        for name, begin in SECURITY.items():
            assert headers.get(name, "?").startswith(begin), (status, name, headers)
        if status >= 400 and data:
            assert headers["Content-Type"] == "application/json", (status, headers)
            error = json.loads(data)["error"]
            assert error["code"] and error["en"] and re.search("[\u4e00-\u9fff]", error["zh"]), (status, data)


class Booth:
    """A box with one lane and two consoles: `open` lets any browser in, `shut` only paired tablets."""

    def __init__(self, folder):
        self.box = Checkpoint(folder)
        World().write_roots(self.box.roots)
        self.box.add_tcp_lane(1)
        self.root = Root(pathlib.Path(folder), "console-ca")
        self.server = self.root.issue("server", "urn:checkpoint-console:lu-hz-01", server=True)
        self.stranger = self.root.issue("stranger", "urn:checkpoint-tablet:stranger")
        self.checkpointd = self.box.start_checkpointd(console_without_tablets=True)
        self.box.leader(OFFICER, PIN)
        self.consoled, self.port = self.start("open", **OPEN)

    def start(self, name, **options):
        run = self.box.folder / name
        if not run.exists():
            run.mkdir()
            for socket_name in ("control", "events"):
                (run / socket_name).symlink_to(self.box.run / socket_name)
        config = self.configure(name, **options)
        return self.box.start("checkpoint-consoled", config), int((run / "consoled.port").read_text())

    def configure(self, name, **options):
        return self.box.write(f"{name}.yaml", {
            "listen": "127.0.0.1:0", "pair_listen": "127.0.0.1:0", "hosts": ["127.0.0.1", "console.local"],
            "certificate": str(self.server.pem), "key": str(self.server.key_path), "tablets_ca": str(self.root.pem),
            "runtime_dir": str(self.box.folder / name), **options})

    def browser(self, signed_on=True):
        https = Checked(self.port, self.root.pem)
        return https.login(OFFICER, PIN) if signed_on else https

    def log(self):
        return pathlib.Path(self.consoled.log_path).read_text()


@pytest.fixture(scope="module")
def booth():
    with short_folder() as folder:
        made = Booth(folder)
        try:
            yield made
        finally:
            made.box.stop()


@pytest.fixture
def other(booth):
    """A second browser at work: asks before and after the test, and is answered each time."""
    browser = booth.browser()
    assert browser.act("lanes")[0] == 200
    yield browser
    assert browser.act("lanes")[0] == 200
    assert booth.consoled.running


def told(booth, name, reason):
    return re.search(rf"{name}: .*reason=\"{reason}", booth.log())


HEAD = "Host: 127.0.0.1\r\n"
SHAPES = {
    "bare line feeds": ("GET / HTTP/1.1\n" + HEAD.replace("\r", "") + "\n", 400),
    "one bare line feed": ("GET / HTTP/1.1\r\nHost: 127.0.0.1\nX: y\r\n\r\n", 400),
    "no Host": ("GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (f"GET / HTTP/1.1\r\n{HEAD}{HEAD}\r\n", 400),
    "an absolute URI": (f"GET https://127.0.0.1/ HTTP/1.1\r\n{HEAD}\r\n", 400),
    "an authority in the path": (f"GET //console.local/ HTTP/1.1\r\n{HEAD}\r\n", 400),
    "another Host": ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
    "a Host that begins alike": ("GET / HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", 421),
    "two lengths": (f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}", 400),
    "two lengths that differ": (f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{{}}", 400),
    "chunks": (f"POST /api/login HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n", 400),
    "length and chunks": (f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "0\r\n\r\nGET /api/session HTTP/1.1\r\n\r\n", 400),
    "a negative length": (f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: -1\r\n\r\n", 400),
    "a length that overflows": (f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 18446744073709551617\r\n\r\n", 413),
    "a body beyond the limit": (f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 70000\r\n\r\n" + "x" * 70000, 413),
    "a head beyond the limit": (f"GET / HTTP/1.1\r\n{HEAD}X: {'y' * 20000}\r\n\r\n", 400),
    "an endless line": ("GET /" + "y" * 40000, 400),
    "a method there is none of": (f"STEAL / HTTP/1.1\r\n{HEAD}\r\n", 405),
    "a method that is not allowed": (f"TRACE / HTTP/1.1\r\n{HEAD}\r\n", 405),
    "an expectation": (f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 2\r\nExpect: everything\r\n\r\n", 417),
    "a length behind a question": (f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 70000\r\nExpect: 100-continue\r\n\r\n", 413),
    "no HTTP": ("\x16\x03\x01\x00\x00garbage\r\n\r\n", None),
    "a request behind a refused one": (f"GET /nothing HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n"
                                       f"0\r\n\r\nGET / HTTP/1.1\r\n{HEAD}\r\n", 400),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_two_readers_may_read_differently_are_refused_and_the_connection_ends(booth, other, name):
    data, status = SHAPES[name]
    for port in ("consoled", "consoled-pair"):
        browser = Checked(int((booth.box.folder / "open" / f"{port}.port").read_text()), booth.root.pem)
        first, closed = browser.raw(data.encode("latin-1"), timeout_s=20)
        assert closed, (port, name, first)
        if status:
            # What the HTTP layer refuses by itself may break off before its answer is read.
            assert first.split()[1:2] == [str(status).encode()] or (status in (400, 413) and first == b""), (port, name, first)


def test_methods_paths_and_heads(booth, other):
    browser = booth.browser()
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"):
        status, _, data = browser.ask(method, "/api/act")
        assert status == 405, method
        assert data == b"" or method != "HEAD"
    assert browser.ask("GET", "/api/act")[0] == 405
    for path in ("/nothing", "/../etc/passwd", "/js/../index.html", "/js/%2e%2e/", "/api/", "/api/stream/", "/index.html"):
        assert browser.ask("GET", path)[0] == 404, path


def test_only_our_own_pages_may_send(booth, other):
    browser = booth.browser()
    body = {"do": "lanes", "args": {}}
    for wrong, status in (({"Origin": "https://evil.example"}, 403), ({"Origin": None}, 403), ({"Origin": "null"}, 403),
                          ({"Origin": f"http://127.0.0.1:{booth.port}"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
                          ({"Sec-Fetch-Site": "same-site"}, 403), ({"Content-Type": "text/plain"}, 415),
                          ({"Content-Type": "application/jsonx"}, 415), ({"Content-Type": None}, 415),
                          ({"X-CSRF-Token": None}, 403), ({"X-CSRF-Token": "0" * 64}, 403),
                          ({"X-CSRF-Token": browser.csrf[:-1]}, 403)):
        assert browser.ask("POST", "/api/act", body, headers=wrong)[0] == status, wrong
    for wrong in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Content-Type": "text/plain"}):
        for path in ("/api/login", "/api/emergency_raise"):
            assert browser.ask("POST", path, {"lane": 1}, headers=wrong)[0] in (403, 415), (path, wrong)
    assert browser.ask("GET", "/api/board", headers={"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert told(booth, "CONSOLE_REQUEST_REFUSED", "")


def test_bodies_that_are_no_object_in_good_utf8(booth, other):
    browser = booth.browser()
    for body in (b"", b"[]", b"{", b'{"do":"lanes"}x', b'{"do":"\xff\xfe"}', b'{"do":"lanes","do":"hold"}', b'{"do":"\\ud800"}',
                 b'{"a":' * 10000 + b"1" + b"}" * 10000, b"null", b'{"do":5}', b'{"do":"lanes","args":[]}',
                 b'{"do":"officer_add","args":{}}', b'{"do":"reload"}', b'{"do":"bus_write"}'):
        status, answer = browser.json("POST", "/api/act", body)
        assert (status, answer["ok"]) == (400, False), body[:40]


def test_sessions_forged_replayed_or_in_two_minds(booth, other):
    browser = booth.browser()
    token = browser.cookie.split("=")[1]
    for cookie in ("", "__Host-token=", "__Host-token=" + "0" * 64, "__Host-token=" + token.upper(), "token=" + token,
                   f"__Host-token={token}; __Host-token={token}", f"__Host-token={token}x", "__Host-token=" + "é" * 64):
        headers = {"Cookie": cookie.encode("utf-8").decode("latin-1")}
        assert browser.ask("GET", "/api/session", headers=headers)[0] == 401 or cookie.endswith("0" * 64), cookie
        assert browser.ask("POST", "/api/act", {"do": "lanes"}, headers=headers)[0] in (401, 403), cookie
    assert browser.json("POST", "/api/act", {"do": "ack", "args": {"lane": 1, "reason": "x"}},
                        headers={"Cookie": "__Host-token=" + "0" * 64})[0] == 403  # the proof is another token's
    stream = browser.stream()
    assert stream.status == 200
    assert browser.json("POST", "/api/logout", {})[0] == 200
    while stream.next():  # ends
        pass
    assert browser.act("ack", lane=1, reason="x")[0] in (401, 403)  # replayed after the sign-off
    assert browser.stream().status == 401


@pytest.mark.skipif(not os.environ.get("CHECKPOINT_FULL"), reason="waits for deadlines of 10 s: of the full tier")
def test_slow_and_endless_peers_are_ended_in_time_and_cost_nobody_anything(booth, other):
    """Half a handshake, half a head, half a body, a byte now and then: each is ended by its own deadline."""
    browser = booth.browser(signed_on=False)
    begun = time.monotonic()
    hello = socket.create_connection(("127.0.0.1", booth.port))
    hello.sendall(b"\x16\x03\x01\x02\x00\x01")
    links = {name: browser.connect() for name in ("head", "body", "endless")}
    links["head"].sendall(f"GET / HTTP/1.1\r\n{HEAD}".encode())
    links["body"].sendall(f"POST /api/login HTTP/1.1\r\n{HEAD}Content-Length: 1000\r\n\r\n{{".encode())
    links["endless"].sendall(f"GET / HTTP/1.1\r\n{HEAD}".encode())
    stop = threading.Event()

    def drip():
        while not stop.wait(0.2):
            for name, byte in (("head", b"X: y\r\n"), ("body", b" "), ("endless", b"A: " + b"b" * 400 + b"\r\n")):
                with contextlib.suppress(OSError):
                    links[name].sendall(byte)

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        for link in (hello, *links.values()):
            link.settimeout(30)
            with contextlib.suppress(OSError):
                while link.recv(4096):
                    pass
        assert time.monotonic() - begun < 30
        assert other.act("lanes")[0] == 200
    finally:
        stop.set()
        thread.join()
        for link in (hello, *links.values()):
            link.close()
    assert told(booth, "CONSOLE_CONNECTION_ENDED", "")


def test_one_address_does_not_take_every_place(booth):
    links = []
    try:
        for _ in range(60):
            with contextlib.suppress(OSError):
                links.append(booth.browser(signed_on=False).connect(timeout_s=5))
        alive = 0
        for link in links:
            with contextlib.suppress(OSError):
                link.sendall(f"GET /favicon.ico HTTP/1.1\r\n{HEAD}\r\n".encode())
                alive += link.recv(4096).startswith(b"HTTP/1.1 200")
        assert 30 <= alive <= 40
    finally:
        for link in links:
            link.close()


def test_a_tls_session_is_not_resumed(booth):
    https = booth.browser(signed_on=False)
    with socket.create_connection(("127.0.0.1", https.port)) as plain, https.tls.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        tls.sendall(b"GET /favicon.ico HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert tls.recv(64).startswith(b"HTTP/1.1 200")
        assert tls.version() == "TLSv1.3"
        assert not tls.session or not tls.session.has_ticket


def test_tls_older_than_13_and_plain_http(booth, other):
    context = ssl.create_default_context(cafile=str(booth.root.pem))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", booth.port)) as plain:
        context.wrap_socket(plain, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", booth.port), timeout=20) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert b"200 OK" not in plain.recv(4096)


def test_a_tablet_that_is_not_paired_gets_nothing(booth):
    consoled, port = booth.start("shut")
    try:
        with pytest.raises((ssl.SSLError, OSError)):
            Checked(port, booth.root.pem).ask("GET", "/")  # shows no certificate
        strangers = Root(booth.box.folder, "other-ca").issue("fake", "urn:checkpoint-tablet:booth-1")
        with pytest.raises((ssl.SSLError, OSError)):
            Checked(port, booth.root.pem, strangers).ask("GET", "/")  # of another CA
        for path in ("/", "/api/session", "/js/main.js"):
            assert Checked(port, booth.root.pem, booth.stranger).ask("GET", path)[0] == 403
        status, answer = Checked(port, booth.root.pem, booth.stranger).json(
            "POST", "/api/login", {"officer": OFFICER, "pin": PIN})
        assert (status, answer["error"]["code"]) == (403, "tablet")
        wait_for("it is told", lambda: "CONSOLE_TABLET_REFUSED" in pathlib.Path(consoled.log_path).read_text())
    finally:
        consoled.stop()


@contextlib.contextmanager
def unreachable(path):
    """Nobody who connects to the socket from now on finds it."""
    away = path.rename(path.with_name("away"))
    yield
    away.rename(path)


def test_a_session_is_its_tablets_alone_and_ends_with_it(booth):
    """A tablet is let in as soon as its pairing is answered, and shut out as soon as its revocation is."""
    consoled, port = booth.start("tablets")
    pairs = {name: booth.root.issue(name, f"urn:checkpoint-tablet:{name}") for name in ("booth-1", "booth-2")}
    control = booth.box.control()

    def tablet(act, **args):
        control.send(id=1, do=act, args=args)
        assert control.receive()["ok"]

    try:
        first, second = (Checked(port, booth.root.pem, pair) for pair in pairs.values())
        wait_for("the list is known", lambda: first.ask("GET", "/")[0] == 403)
        for name, pair in pairs.items():
            tablet("tablet_add", name=name, fingerprint=pair.certificate.fingerprint(hashes.SHA256()).hex(), lanes=[1])
        assert first.ask("GET", "/")[0] == second.ask("GET", "/")[0] == 200
        first.login(OFFICER, PIN)
        assert first.json("GET", "/api/session")[1]["tablet"] == "booth-1"
        second.cookie, second.csrf = first.cookie, first.csrf  # copied to the other tablet
        assert second.ask("GET", "/api/session")[0] == 401
        assert second.act("hold", lane=1, reason="stolen")[0] == 401
        assert second.ask("GET", "/api/board")[0] == 401 and second.stream().status == 401
        stream = first.stream()
        assert stream.status == 200
        with unreachable(booth.box.run / "control"):  # what ended is not asked for once more
            tablet("tablet_revoke", name="booth-1")
            assert first.ask("GET", "/")[0] == 403
            while event := stream.next():  # ends
                last = json.loads(event[2])
        assert (last["event"], last["why"]) == ("session_ended", "tablet")
        assert second.login(OFFICER, PIN).act("lanes")[0] == 200
    finally:
        control.close()
        consoled.stop()


def test_a_new_certificate_is_taken_by_a_reload_and_a_wrong_one_is_not(booth, other):
    """Streams go on meanwhile."""
    browser = booth.browser()
    stream = browser.stream()

    def shown():
        with browser.connect() as link:
            return link.getpeercert(binary_form=True)

    def refused(*words):
        lines = [line for line in booth.log().splitlines() if "CONSOLE_FILES_REFUSED" in line]
        return lines and all(word in lines[-1] for word in words)

    was = shown()
    new = booth.root.issue("server-new", "urn:checkpoint-console:lu-hz-01", server=True)
    booth.server.pem.write_bytes(new.pem.read_bytes())  # its key is not there yet
    booth.consoled.process.send_signal(signal.SIGHUP)
    wait_for("the certificate without its key is refused", lambda: refused("open.yaml", booth.server.key_path.name))
    booth.configure("open", listen="127.0.0.1:1", **OPEN)
    booth.consoled.process.send_signal(signal.SIGHUP)
    wait_for("another address is refused", lambda: refused("open.yaml", "listen", "restart"))
    assert shown() == was
    booth.server.key_path.write_bytes(new.key_path.read_bytes())
    booth.configure("open", hosts=["127.0.0.1", "console.local", "new.local"], **OPEN)
    assert browser.ask("GET", "/", headers={"Host": "new.local"})[0] == 421
    booth.consoled.process.send_signal(signal.SIGHUP)
    wait_for("the new certificate is shown", lambda: shown() == ssl.PEM_cert_to_DER_cert(new.pem.read_text()))
    assert browser.ask("GET", "/", headers={"Host": "new.local"})[0] == 200
    assert "CONSOLE_FILES_TAKEN" in booth.log()
    other.act("hold", lane=1, reason="after the reload")
    stream.until(lambda event, id_, data: event == "m" and '"after the reload"' in data)
    stream.close()


def test_events_are_replayed_once_and_streams_live_through_checkpointds_restart(booth, other):
    browser = booth.browser()
    stream = browser.stream()
    other.act("hold", lane=1, reason="first")
    (_, last, _), _ = stream.until(lambda event, id_, data: event == "m" and '"first"' in data)
    stream.close()
    other.act("hold", lane=1, reason="second")
    other.act("hold", lane=1, reason="third")
    again = browser.stream(after=last)
    _, seen = again.until(lambda event, id_, data: event == "m" and '"third"' in data)
    ids = [id_ for event, id_, _ in seen if event == "m"]
    assert len(set(ids)) == len(ids) and sum('"second"' in (data or "") for *_, data in seen) >= 1
    assert "reset" not in [event for event, *_ in seen]
    for unknown in ("0" * 16 + "-5", last.split("-")[0] + "-999999999", "nonsense"):
        stream = browser.stream(after=unknown)
        stream.until(lambda event, id_, data: event == "reset")
        stream.close()
    booth.checkpointd.stop()
    again.until(lambda event, id_, data: event == "gone")
    assert browser.json("POST", "/api/act", {"do": "lanes"})[0] == 503
    booth.checkpointd.start()
    # A session that outlived it goes on from a new board; one that did not ends.
    words = (event for event in iter(again.next, None) if event[0] != "hb")
    first = next(words, None)
    assert first is None or (first[0], next(words)[0]) == ("back", "reset")
    again.close()


class Hung:
    """Takes checkpointd's place: subscriptions are answered, questions only until `hang` is set."""

    def __init__(self, folder):
        self.hang, self.links, self.listeners = threading.Event(), [], []
        for name, answer in (("control", self.control), ("events", self.events)):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(folder / name))
            listener.listen(64)
            self.listeners.append(listener)
            threading.Thread(target=self.serve, args=(listener, answer), daemon=True).start()

    def serve(self, listener, answer):
        with contextlib.suppress(OSError):
            while True:
                link, _ = listener.accept()
                self.links.append(link)
                answer(link)

    def control(self, link):
        if not self.hang.is_set():
            link.recv(65536)
            link.sendall(b'{"id":1,"ok":true,"result":{"tablets":[]}}\n')

    def events(self, link):
        link.recv(65536)
        link.sendall(b'{"ok":true,"officer":"wang"}\n')

    def stop(self):
        for one in (*self.listeners, *self.links):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.mark.skipif(not os.environ.get("CHECKPOINT_FULL"), reason="waits for deadlines of 15 s: of the full tier")
def test_a_hung_checkpointd_holds_up_nothing_but_its_own_answers(booth):
    run = booth.box.folder / "hung"
    run.mkdir()
    hung = Hung(run)
    consoled, port = booth.start("hung", tablet_certificates="none")
    browser = Checked(port, booth.root.pem)
    browser.cookie = "__Host-token=" + "a" * 64
    browser.csrf = hmac.new(b"a" * 64, b"csrf", "sha256").hexdigest()
    try:
        stream = browser.stream(timeout_s=60)
        assert stream.status == 200 and browser.act("lanes")[0] == 200
        hung.hang.set()
        stream.until(lambda event, id_, data: event == "gone")
        assert browser.ask("GET", "/", timeout_s=10)[0] == 200
        status, answer = browser.json("POST", "/api/act", {"do": "lanes"}, timeout_s=60)
        assert (status, answer["error"]["code"]) == (503, "unreachable")
        hung.hang.clear()
        stream.until(lambda event, id_, data: event == "back")
        stream.close()
        assert "CONSOLE_NO_ANSWER" in consoled.log_path.read_text()
    finally:
        consoled.stop()
        hung.stop()
