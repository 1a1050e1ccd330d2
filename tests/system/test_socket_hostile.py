"""checkpointd's local sockets under peers that mean no good, and its journal when it stands still."""
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time

import pytest
from harness import journal
from harness.process import wait_for
from harness.signing import World
from harness.stack import Checkpoint, LineClient, short_folder, wait_until

NOBODY = 65534


@pytest.fixture
def box():
    with short_folder() as folder:
        box = Checkpoint(folder)
        World().write_roots(box.roots)
        yield box
        box.stop()


def one_lane(box, **options):
    box.add_closing_lane(1, transit_max="1s", **options)
    daemon = box.start_checkpointd()
    wait_until("boom closed", lambda: box.lane(1).get("boom") == "closed")
    return daemon


def act(box, token, name, **args):
    client = box.control()
    try:
        return client.act(name, token, **args)
    finally:
        client.close()


def code(answer):
    return "ok" if answer.get("ok") else answer["error"]["code"]


def login(box, officer, password):
    answer = act(box, None, "login", officer=officer, password=password)
    assert answer["ok"], answer
    return answer["result"]["token"]


def hold_of(box, lane=1):
    holds = box.lane(lane)["holds"]
    return holds[0]["hold"] if holds else None


ASK_AS_NOBODY = """
import json, os, socket, sys
os.setgid(65534); os.setuid(65534)
for path, request in json.load(sys.stdin):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET if path.endswith("matches") else socket.SOCK_STREAM)
    s.settimeout(20)
    try:
        s.connect(path)
        s.sendall((json.dumps(request) + "\\n").encode())
        print(s.recv(65536).decode().split("\\n")[0], flush=True)
    except (BrokenPipeError, ConnectionResetError):
        print(flush=True)
"""


class Stranger:
    """Another user of the machine, who may open the sockets: what is left to refuse is the peer's."""

    def __init__(self, box):
        self.run = box.run
        for folder in (box.folder, box.run):
            folder.chmod(0o711)
        for name in ("control", "events", "records", "matches"):
            (box.run / name).chmod(0o666)

    def ask(self, name, **request):
        """The first line that comes back; None when the connection is just closed."""
        told = subprocess.run([sys.executable, "-c", ASK_AS_NOBODY], text=True, timeout=60, check=True,
                              capture_output=True, input=json.dumps([[str(self.run / name), request]])).stdout
        return json.loads(told) if told.strip() else None

    def act(self, name, token=None, **args):
        request = {"id": 1, "do": name, "args": args}
        return self.ask("control", **request, **({"token": token} if token else {}))


# Who may do what

def test_each_act_is_for_whom_the_table_says(box):
    one_lane(box)
    leader = box.leader()
    assert act(box, leader, "officer_add", officer="li", password="second person 2", role="officer")["ok"]
    stranger = Stranger(box)
    officer = stranger.act("login", officer="li", password="second person 2")["result"]["token"]
    risen = stranger.act("login", officer="wang", password="correct horse 1")["result"]["token"]
    anybody = ("status", "lanes", "metrics", "audit_head")
    needs_officer = {"hits": {}, "check": {"plate": "鲁H12345", "reason": "x"}, "ack": {"lane": 1},
                     "hold": {"lane": 1}, "stop": {"lane": 1}, "raise": {"lane": 1, "reason": "x"},
                     "release": {"hold": 1, "reason": "x"}, "logout": {}}
    needs_admin = {"reload": {}, "officer_add": {"officer": "zhao", "password": "long enough", "role": "leader"},
                   "officer_disable": {"officer": "li"}}
    for name in anybody:
        assert code(stranger.act(name)) == "ok", name
    for name, args in {**needs_officer, **needs_admin}.items():
        assert code(stranger.act(name, **args)) == "denied", name
    for name, args in needs_admin.items():
        assert code(stranger.act(name, officer, **args)) == "denied", name
    assert code(stranger.act("officer_passwd", officer, officer="wang", password="now it is mine")) == "denied"
    assert code(stranger.act("officer_passwd", officer, officer="li", password="third password")) == "ok"
    assert code(stranger.act("hits", officer)) == "denied"  # a new password ends the tokens
    assert code(stranger.act("reload", risen)) == "ok"
    assert code(stranger.act("hits", leader)) == "denied"  # a token is its user's
    assert code(act(box, risen, "hits")) == "denied"


def test_records_and_matches_are_for_their_programs_only(box):
    daemon = one_lane(box)
    stranger = Stranger(box)
    assert stranger.ask("records", do="credit", n=10) is None
    assert stranger.ask("matches", do="x") is None
    assert daemon.running and stranger.ask("events", do="subscribe")["ok"]


def test_a_disabled_officer_is_out_at_once(box):
    one_lane(box)
    leader = box.leader()
    assert act(box, leader, "officer_add", officer="li", password="second person 2", role="leader")["ok"]
    li = login(box, "li", "second person 2")
    assert act(box, li, "hits")["ok"]
    assert act(box, leader, "officer_disable", officer="li")["ok"]
    assert code(act(box, li, "hits")) == "denied"
    assert code(act(box, None, "login", officer="li", password="second person 2")) == "denied"
    second = {"officer": "li", "password": "second person 2"}
    assert code(act(box, leader, "hold", lane=1, second=second)) == "denied"
    assert code(act(box, leader, "officer_disable", officer="wang")) == "denied"  # the last leader
    assert hold_of(box) is None


# Lines

HOSTILE_LINES = {
    "not JSON": b"hello", "cut": b'{"do":"status"', "two": b'{"do":"status"}{"do":"status"}',
    "a NUL": b'{"do":"sta\0tus"}', "an escaped NUL": b'{"do":"status\\u0000"}', "a list": b"[]",
    "deep": b"[" * 30000, "deep and closed": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "a key twice": b'{"do":"status","do":"lanes"}', "a huge real": b'{"do":"status","id":1e999}',
    "a huge number": b'{"do":"status","id":99999999999999999999}', "bad UTF-8": b'{"do":"\xff\xfe"}',
    "half a surrogate": b'{"do":"\\ud800"}', "no text": b'{"do":7}', "nothing": b"",
    "not even a space": b"   ",
}


ENDLESS = 5 << 20  # bytes without a newline: more than a line of any socket may have


@pytest.mark.parametrize("name", ["control", "events", "records"])
def test_hostile_lines_are_answered_and_change_nothing(box, name):
    daemon = one_lane(box)
    for what, line in HOSTILE_LINES.items():
        client = LineClient(box.run / name)
        if name == "records":
            client.receive()  # its status
        client.socket.sendall(line + b"\n")
        answer = client.receive()
        assert answer["error"]["en"] and answer["error"]["zh"], what
        client.close()
    client = LineClient(box.run / name)
    try:
        client.socket.sendall(b"x" * ENDLESS)
        while client.socket.recv(65536):
            pass
    except (BrokenPipeError, ConnectionResetError):
        pass
    client.close()
    assert daemon.running and act(box, None, "status")["ok"]
    assert act(box, None, "metrics")["result"]["sockets"]["lines_bad"] >= 10


def test_hostile_arguments_are_refused(box):
    one_lane(box)
    token = box.leader()
    huge, deep = "x" * 60000, json.loads("[" * 500 + "]" * 500)
    for name, args in (("hold", {"lane": 257}), ("hold", {"lane": -1}), ("hold", {"lane": "1"}), ("hold", {"lane": True}),
                       ("hold", {"lane": 1, "reason": huge}), ("release", {"hold": -1, "reason": "x"}),
                       ("release", {"hold": 2 ** 62, "reason": "x"}), ("release", {"hold": deep, "reason": "x"}),
                       ("hits", {"limit": 0}), ("hits", {"limit": 257}), ("hits", {"limit": "all"}),
                       ("check", {"plate": huge, "reason": "x"}), ("check", {"plate": "鲁H12345"}), ("check", {"reason": "x"}),
                       ("login", {"officer": huge, "password": "x"}), ("login", {"officer": deep, "password": deep}),
                       ("officer_add", {"officer": "../x", "password": "long enough"}),
                       ("officer_add", {"officer": "li", "password": "long enough", "role": "king"}),
                       ("hold", {"lane": 1, "second": deep}), ("hold", {"lane": 1, "second": {"officer": "wang"}})):
        answer = act(box, token, name, **args)
        assert not answer["ok"] and answer["error"]["en"] and answer["error"]["zh"], (name, args)
    assert hold_of(box) is None
    assert act(box, token, "hits", limit=256)["result"]["hits"] == []


def test_hundreds_of_connections_leave_places_and_descriptors(box):
    daemon = one_lane(box)
    held = []
    for name, kind in (("control", socket.SOCK_STREAM), ("events", socket.SOCK_STREAM),
                       ("records", socket.SOCK_STREAM), ("matches", socket.SOCK_SEQPACKET)):
        for _ in range(300):
            plain = socket.socket(socket.AF_UNIX, kind)
            plain.connect(str(box.run / name))
            held.append(plain)
    descriptors = lambda: len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
    wait_until("the surplus to be closed", lambda: descriptors() < 260)
    told = LineClient(box.run / "control").receive()
    assert told["error"]["code"] == "busy" and told["error"]["zh"]
    stranger = Stranger(box)
    assert code(stranger.act("status")) == "ok"  # another user still finds a place
    for plain in held:
        plain.close()
    wait_until("places", lambda: code(act_or_busy(box, "status")) == "ok")
    assert act(box, None, "metrics")["result"]["sockets"]["refused"] > 500
    assert descriptors() < 60


def act_or_busy(box, name):
    client = box.control()
    try:
        client.send(id=1, do=name, args={})
        return client.receive()
    except (BrokenPipeError, ConnectionResetError, EOFError):
        return {"error": {"code": "closed"}}
    finally:
        client.close()


# Accounts

def test_a_flood_of_wrong_passwords_costs_little_and_shuts_nobody_out(box):
    one_lane(box)
    token = box.leader()
    client = box.control()
    for number in range(60):
        client.send(id=number + 1, do="login", args={"officer": f"nobody{number}", "password": "not this one"})
    answers = [client.receive() for _ in range(60)]
    assert sorted(a["id"] for a in answers) == list(range(1, 61))
    assert {code(a) for a in answers} <= {"denied", "full"}
    client.close()
    assert act(box, token, "hold", lane=1, reason="meanwhile")["ok"]
    assert login(box, "wang", "correct horse 1")
    told = [r for r in journal.verify(box.state / "checkpointd" / "journal") if r.body.get("what") == "login_refused"]
    assert 1 <= len(told) <= 20, len(told)


@pytest.mark.parametrize("what", ["damaged", "readable"])
def test_unusable_accounts_stop_no_lane(box, what):
    daemon = one_lane(box)
    box.leader()
    daemon.stop()
    path = box.state / "checkpointd" / "accounts.json"
    good = path.read_bytes()
    if what == "damaged":
        path.write_bytes(good[:len(good) // 2])
    else:
        path.chmod(0o644)
    daemon.start()
    wait_until("boom closed", lambda: box.lane(1).get("boom") == "closed")
    assert "ACCOUNTS_UNUSABLE" in daemon.tail(200) and str(path) in daemon.tail(200)
    assert code(act(box, None, "login", officer="wang", password="correct horse 1")) == "corrupt"
    assert code(act(box, None, "officer_add", officer="eve", password="let me in please", role="leader")) == "corrupt"
    path.write_bytes(good)
    path.chmod(0o600)
    assert act(box, login(box, "wang", "correct horse 1"), "hits")["ok"]


# The journal

def journal_path(box):
    return box.state / "checkpointd" / "journal" / "journal.sqlite"


def test_a_release_the_journal_did_not_take_in_time_does_not_happen_late(box):
    daemon = one_lane(box, commit_wait="200ms")
    token = box.leader()
    assert act(box, token, "hold", lane=1, reason="driver fled")["ok"]
    hold = wait_until("hold", lambda: hold_of(box))
    writer = sqlite3.connect(journal_path(box), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")  # the disk stands still
    try:
        assert code(act(box, token, "release", hold=hold, reason="papers good")) == "journal"
    finally:
        writer.execute("ROLLBACK")
        writer.close()
    folder = journal_path(box).parent
    wait_until("it to be on record after all", lambda: any(
        r.body.get("what") == "hold_kept" for r in journal.verify(folder)))
    kinds = [r.body.get("what") for r in journal.verify(folder)]
    assert kinds.index("hold_release") < kinds.index("hold_kept") and "hold_ended" not in kinds
    assert hold_of(box) == hold
    daemon.kill()
    daemon.start()
    wait_until("hold restored", lambda: box.lane(1).get("holds") and hold_of(box) == hold)
    token = login(box, "wang", "correct horse 1")
    assert act(box, token, "release", hold=hold, reason="papers good")["ok"]
    wait_until("released", lambda: hold_of(box) is None)


def test_behind_a_whole_group_of_kept_records_nobody_waits_for_ever(box):
    """More records than one commit takes wait for the file: who waits for one of his own is answered, also at the end."""
    daemon = one_lane(box)
    token = box.leader()
    writer = sqlite3.connect(journal_path(box), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        for _ in range(80):
            wait_until("the act to be taken", lambda: act(box, token, "ack", lane=1, reason="x")["ok"], 30)
        for _ in range(3):  # each answer is a try later
            assert not act(box, None, "login", officer="wang", password="correct horse 1")["ok"]
    finally:
        writer.execute("ROLLBACK")
        writer.close()
    wait_until("each on record", lambda: [
        r.body.get("what") for r in journal.verify(journal_path(box).parent)].count("act") == 80, 30)
    assert daemon.stop()[0] == 0


def test_a_journal_locked_for_long_stops_no_lane_and_loses_no_record(box):
    """Somebody else's hand on the file: every commit fails after its two seconds."""
    daemon = one_lane(box)
    token = box.leader()
    writer = sqlite3.connect(journal_path(box), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    alarms = lambda: {a["name"] for a in act(box, None, "status")["result"]["alarms"]}
    try:
        for _ in range(10):
            assert act(box, token, "ack", lane=1, reason="x")["ok"]
        wait_until("the alarm", lambda: "LANE_JOURNAL_DOWN" in alarms(), 30)
        assert act(box, token, "hold", lane=1, reason="driver fled")["ok"]
        hold = wait_until("hold", lambda: hold_of(box))
        assert code(act(box, token, "release", hold=hold, reason="papers good")) == "journal"
        since = time.monotonic()
        wait_until("longer than a thread may stand still", lambda: time.monotonic() - since > 7)
        assert daemon.running and hold_of(box) == hold
    finally:
        writer.execute("ROLLBACK")
        writer.close()
    wait_until("the alarm to end", lambda: "LANE_JOURNAL_DOWN" not in alarms(), 30)
    assert act(box, token, "release", hold=hold, reason="papers good")["ok"]
    told = [r.body.get("what") for r in journal.verify(journal_path(box).parent)]
    assert told.count("act") == 10 and told.count("hold_active") == 1
    assert daemon.running


def flood(box, token, count):
    """Acknowledgements without a pause; how many were carried out, how many refused as too many."""
    told = {"ok": 0, "busy": 0}
    client = box.control()
    for number in range(count):
        client.send(id=number, do="ack", args={"lane": 1, "reason": "x"}, token=token)
        if number % 20 == 19:
            for _ in range(20):
                told[code(client.receive())] += 1
    client.close()
    return told


def test_an_officer_who_floods_pushes_nothing_out_of_the_journal(box):
    one_lane(box)
    token = box.leader()
    assert act(box, token, "officer_add", officer="li", password="second person 2", role="officer")["ok"]
    li = login(box, "li", "second person 2")
    told = flood(box, token, 2000)
    assert told["busy"] > 0 and told["ok"] >= 200, told
    for protective in (("stop", {}), ("raise", {"emergency": True})):  # their own too, when it protects
        answer = act(box, token, protective[0], lane=1, reason="x", **protective[1])
        assert answer["ok"], answer
    assert act(box, li, "hold", lane=1, reason="driver fled")["ok"]  # others are heard
    hold = wait_until("hold", lambda: hold_of(box))
    wait_until("the hold to be on record", lambda: any(
        r.body.get("hold") == hold for r in journal.verify(journal_path(box).parent)))
    acts = [r for r in journal.verify(journal_path(box).parent) if r.body.get("what") == "act"]
    assert len([r for r in acts if r.body["by"]["officer"] == "wang"]) == told["ok"] + 2
    assert act(box, None, "metrics")["result"]["counters"]["facts_lost"] == 0


def test_a_hold_is_found_again_behind_many_records(box):
    daemon = one_lane(box)
    token = box.leader()
    assert act(box, token, "hold", lane=1, reason="driver fled")["ok"]
    hold = wait_until("hold", lambda: hold_of(box))
    for number in range(10):
        officer = {"officer": f"officer{number}", "password": "long enough"}
        assert act(box, token, "officer_add", role="officer", **officer)["ok"]
        flood(box, login(box, **officer), 200)
    wait_until("all on record", lambda: act(box, None, "audit_head")["result"]["head"] > 2000)
    daemon.kill()
    daemon.start(timeout_s=10)
    wait_until("the lane", lambda: "holds" in box.lane(1))
    assert hold_of(box) == hold
    wait_until("boom closed", lambda: box.lane(1).get("boom") == "closed")
    token = login(box, "wang", "correct horse 1")
    assert act(box, token, "release", hold=hold, reason="found")["ok"]
    wait_until("released", lambda: hold_of(box) is None)
    assert act(box, token, "hold", lane=1, reason="another")["ok"]
    assert wait_until("hold", lambda: hold_of(box)) > hold  # a number is given out once
