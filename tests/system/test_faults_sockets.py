"""Local sockets: hostile clients hurt nobody else, other users are refused, and the two programs may
start in either order."""
import json
import os
import random
import socket
import subprocess
import sys

import pytest

from harness.site import SECOND, running_site
from harness.stack import LineClient, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="capture on lo needs root")

LINE_SOCKETS = ["control", "events", "records"]
STRANGER = 65534  # nobody


@pytest.fixture(scope="module")
def site():
    with running_site() as site:
        yield site


@pytest.fixture(autouse=True)
def others_are_served(site):
    yield
    assert site.act("status")["ok"]
    event = site.read(11, site.planted(), plate_class="02")
    site.next("hit", lambda hit: hit["read"]["event_id"] == str(event))
    assert not site.box.lane(1)["blind"] and site.matchd.running and site.checkpointd.running


def connect(site, name, kind=socket.SOCK_STREAM):
    client = socket.socket(socket.AF_UNIX, kind)
    client.settimeout(10)
    client.connect(str(site.box.run / name))
    return client


def answers(client):
    """What the server says until it closes or has no more to say."""
    out = b""
    client.shutdown(socket.SHUT_WR)
    try:
        while data := client.recv(65536):
            out += data
    except ConnectionError:
        pass
    return [json.loads(line) for line in out.splitlines()]


GARBAGE = {
    "binary": random.Random(3).randbytes(3000) + b"\n",
    "not utf-8": b'{"do":"\xff\xfe"}\n',
    "no object": b"[1,2,3]\n",
    "cut": b'{"do":"status"',
    "deep": b"[" * 20000 + b"\n",
    "key twice": b'{"do":"status","do":"lanes"}\n',
    "nul": b'{"do":"sta\0tus"}\n',
    "unknown act": b'{"id":1,"do":"open_all_gates"}\n',
    "wrong types": b'{"id":"x","do":7,"args":[],"token":{},"origin":1}\n',
    "nul by escape": b'{"id":1,"do":"check","args":{"plate":"\\u0000"}}\n',
    "empty lines": b"\n\n\n\n",
}


@pytest.mark.parametrize("name", LINE_SOCKETS)
@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_is_answered_or_closed(site, name, what):
    with connect(site, name) as client:
        client.sendall(GARBAGE[what])
        for answer in answers(client):
            if not (name == "records" and "urgent" in answer):  # hits come by themselves there
                assert "error" in answer or "status" in answer, answer


@pytest.mark.parametrize("name", LINE_SOCKETS)
def test_endless_line_is_cut_off(site, name):
    with connect(site, name) as client:
        with pytest.raises(OSError):  # closed long before
            for _ in range(1000):
                client.sendall(b"x" * 65536)


def test_values_of_acts_out_of_range(site):
    client = site.box.control()
    for name, args in [("raise", {"lane": 0}), ("raise", {"lane": -1}), ("raise", {"lane": 2**63 - 1}),
                       ("raise", {"lane": "2"}), ("raise", {"lane": 2.5}), ("raise", {}),
                       ("hold", {"lane": 2, "reason": "x" * 5000}), ("release", {"hold": -1, "reason": "x"}),
                       ("release", {"hold": 1 << 62, "reason": "x"}), ("hits", {"limit": -1}),
                       ("hits", {"limit": 10**9}), ("check", {"plate": "", "reason": "x"}),
                       ("check", {"plate": "鲁" * 20000, "reason": "x"}),
                       ("officer_add", {"officer": "../../x", "password": "long enough 1", "role": "leader"})]:
        answer = client.act(name, site.token, **args)
        assert answer["ok"] is False and answer["error"]["en"] and answer["error"]["zh"], (name, answer)
    client.close()
    assert not site.box.sims[2].events("coil", coil="raise", on=True)


def test_subscriber_that_does_not_read_is_dropped_alone(site):
    slow = connect(site, "events")
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(json.dumps({"do": "subscribe", "token": site.token}).encode() + b"\n")
    others = [LineClient(site.box.run / "events") for _ in range(3)]  # come and go meanwhile
    for other in others:
        other.send(do="subscribe")
        assert other.receive()["ok"]
        other.close()
    for _ in range(20):
        event = site.read(11, site.planted(), plate_class="02")
        site.next("hit", lambda hit: hit["read"]["event_id"] == str(event))
    slow.close()


def test_more_clients_than_places_are_refused_and_places_come_back(site):
    crowd = []
    try:
        for _ in range(200):
            crowd.append(connect(site, "control"))
    except OSError:
        pass
    assert crowd
    for client in crowd:
        client.close()

    def served():
        try:
            return site.act("status")["ok"]
        except (BlockingIOError, ConnectionError, EOFError):
            return False  # the crowd still stands at the door, or in all places: then this one is closed
    wait_until("served again", served)


@pytest.mark.parametrize("name", ["matches", "reads"])
def test_garbage_on_message_sockets(site, name):
    """A peer of the right user that speaks nonsense is closed; what it displaced comes back."""
    for message in (b"\0", random.Random(4).randbytes(200), random.Random(5).randbytes(60000), bytes(4096)):
        with connect(site, name, socket.SOCK_SEQPACKET) as client:
            client.send(message)
            try:
                while client.recv(65536):
                    pass
            except ConnectionError:
                pass
    wait_until("matchd is back", lambda: not site.box.lane(1)["blind"]
               and site.box.lane(1)["list_usable"])


def as_stranger(path, kind):
    """Connects as another user; what came of it."""
    script = ("import os,socket,sys\n"
              f"os.setgid({STRANGER}); os.setuid({STRANGER})\n"
              f"s = socket.socket(socket.AF_UNIX, socket.{kind}); s.settimeout(10)\n"
              "try:\n s.connect(sys.argv[1]); s.send(b'x' * 100); print('closed' if s.recv(10) == b'' else 'served')\n"
              "except OSError as e: print(type(e).__name__)\n")
    return subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True,
                          check=True, timeout=60).stdout.strip()


@pytest.mark.parametrize("name, kind", [("matches", "SOCK_SEQPACKET"), ("reads", "SOCK_SEQPACKET"),
                                        ("records", "SOCK_STREAM")])
def test_other_users_are_refused(site, name, kind):
    """By the file's mode, and by who they are when the mode was opened by mistake."""
    path = site.box.run / name
    folder, mode = site.box.folder, path.stat().st_mode
    folder.chmod(0o755)
    assert as_stranger(path, kind) == "PermissionError"
    path.chmod(0o666)
    try:
        assert as_stranger(path, kind) in ("closed", "ConnectionResetError", "BrokenPipeError")
    finally:
        path.chmod(mode)


@pytest.mark.parametrize("first", ["matchd", "checkpointd"])
def test_either_order_of_start(site, first):
    site.matchd.stop()
    site.checkpointd.stop()
    order = [site.matchd, site.checkpointd]
    for program in order if first == "matchd" else order[::-1]:
        program.start()
    client = site.box.control()
    site.token = client.act("login", officer="wang", password="correct horse 1")["result"]["token"]
    client.close()
    site.events.close()
    site.events = site.box.events(site.token)
    site.wait_ready()
    site.read(12, SECOND, plate_class="02")
    site.hit(SECOND)
