"""Every act by every role, by nobody, by a console without an officer, and with a token of another tablet: the
acts are those that checkpointd itself names, so that a new one without a row here fails."""
import json
import os
import subprocess
import sys

import pytest

from harness import journal
from harness.stack import Checkpoint, LineClient, short_folder, wait_until
from harness.signing import World

PIN = "402915"
UNNAMED = 801  # CONSOLE_RAISE_UNNAMED
ROLES = {"O": "officer", "L": "leader", "A": "auxiliary", "T": "technician", "U": "auditor"}
CONSOLE = 65534  # nobody's: stands for the console's user here
STRANGER = 65533
TABLETS = {"a": "a" * 64, "b": "b" * 64}

# Who may: Officer, Leader, Auxiliary, Technician, aUditor (signed on at a tablet); and without a sign-on
# B root on the box, S another user on the box, C the console.
MAY = {
    "login": "OLATU BSC",
    "logout": "OLATU",
    "session": "OLATU",
    "acts": "OLATU",
    "officer_add": "L B",
    "officer_disable": "L B",
    "officer_passwd": "OLATU B",  # at a tablet with the PIN there was; whose: below
    "tablets": "L BC",
    "tablet_add": "L B",
    "tablet_revoke": "L B",
    "status": "OLATU BS",
    "lanes": "OLATU BS",
    "metrics": "OLATU BS",
    "audit_head": "OLATU BS",
    "hits": "OLAU",
    "messages": "OLAU",
    "hit_answer": "OL",
    "check": "OLA",
    "ack": "OL",
    "hold": "OLA",
    "stop": "OLA",
    "release": "OL",
    "raise": "OL",
    "inspected": "OL",
    "convoy": "OL",
    "convoy_end": "OLA",
    "service_out": "OLA",
    "service_in": "OL",
    "bus_scan": "L B",
    "bus_read": "OLT",
    "bus_write": "L B",
    "test_raise": "OLT",
    "test_stop": "OLT",
    "test_lower": "OLT",
    "test_watch": "OLATU BS",
    "guided_test": "OLT",
    "camera_trigger": "OLT",
    "journal_set_aside": "L B",
    "reload": "L B",
    "codes": "OLATU BSC",
    "board": "OLATU",
    "hit_show": "OLAU",
    "hit_sign": "OLA",
    "hit_confirm": "OL",
    "hit_reject": "OL",
    "hit_agree": "OL",
    "hit_intercept": "OL",
    "hit_feedback": "OL",
    "hit_close": "OL",
    "stop_record": "OL",
    "duty": "OLAU",
    "help": "OLA",
    "help_end": "OLA",
    "well": "OLA",
    "backup_end": "OL",
    "handover": "OLAU",
    "handover_accept": "OLA",
    "raise_all": "OLA",
    "lower": "OL",
    "lower_beat": "OL",
    "lower_end": "OL",
    "history": "OLAU",
    "history_more": "OLAU",
    "lookout_add": "L",
    "lookout_end": "L",
    "lookouts": "OLAU",
    "report": "LU",
}
PINS = {"release": "console", "officer_add": "console", "officer_disable": "console", "officer_passwd": "console",
        "tablet_add": "console", "tablet_revoke": "console", "raise_all": "always", "history": "always", "handover_accept": "always"}
TABLETLESS = {"tablets"}  # the console's, for no tablet or one that is not paired
EMERGENCY = "OLATU C"  # raise with emergency: true, at a tablet


class Asker:
    """Somebody's connection: `fields` go with each request."""

    def __init__(self, box, **fields):
        self.client = LineClient(box.run / "control")
        self.fields = fields

    def code(self, act, **args):
        """None when it was done, else the refusal's code."""
        self.client.number += 1
        self.client.send(**{"id": self.client.number, "do": act, "args": args, **self.fields})
        answer = self.client.receive()
        while answer.get("id") != self.client.number:
            answer = self.client.receive()
        return None if answer["ok"] else answer["error"]["code"]

    def close(self):
        self.client.close()


@pytest.fixture(scope="module")
def box():
    with short_folder() as folder:
        box = Checkpoint(folder)
        World().write_roots(box.roots)
        box.add_tcp_lane(1)
        try:
            box.start_checkpointd(console_user="nobody")
            box.leader()
            client = LineClient(box.run / "control")
            for letter, role in ROLES.items():
                assert client.act("officer_add", officer=f"0{role}", password=PIN, role=role, name=role)["ok"]
            for name, fingerprint in TABLETS.items():
                assert client.act("tablet_add", name=name, fingerprint=fingerprint, lanes=[1])["ok"]
            client.close()
            yield box
        finally:
            box.stop()


def sign_on(box, role, tablet="a"):
    client = LineClient(box.run / "control")
    client.send(id=1, do="login", tablet=tablet, args={"officer": f"0{role}", "password": PIN})
    answer = client.receive()
    client.close()
    assert answer["ok"], answer
    return answer["result"]["token"]


@pytest.fixture(scope="module")
def acts(box):
    client = LineClient(box.run / "control")
    client.send(id=1, do="acts", tablet="a", token=sign_on(box, "auditor"))
    rows = client.receive()["result"]["acts"]
    client.close()
    return {row["act"]: row for row in rows}


def heard(asker, acts):
    """The acts that are not refused for who asks; logout last, it ends the token."""
    order = sorted(acts, key=lambda act: act == "logout")
    return {act for act in order if asker.code(act) != "denied"}


def alarms_of(box):
    client = LineClient(box.run / "control")
    alarms = client.act("status")["result"]["alarms"]
    client.close()
    return alarms


def expected(acts, letter):
    return {act for act in acts if letter in MAY.get(act, "")}


def test_every_act_has_a_row(acts):
    assert sorted(set(acts) - set(MAY)) == [], "acts without a row in MAY"
    assert {act: row["pin"] for act, row in acts.items() if row["pin"]} == \
        {act: pin for act, pin in PINS.items() if act in acts}


@pytest.mark.parametrize("letter", ROLES)
def test_a_role_may_what_its_row_says(box, acts, letter):
    asker = Asker(box, tablet="a", token=sign_on(box, ROLES[letter]))
    own = {"officer": f"0{ROLES[letter]}", "password": "1"}
    assert asker.code("officer_passwd", **own) == "pin", "who finds a tablet signed on makes the officer's PIN his own"
    assert asker.code("officer_passwd", **own, pin=PIN) == "invalid"
    other = asker.code("officer_passwd", officer="0nobody", password="1", pin=PIN)
    assert other == ("not_found" if letter == "L" else "denied")
    allowed = asker.code("raise", emergency=True, lane=1) is None
    assert allowed == (letter in EMERGENCY)
    assert heard(asker, acts) == expected(acts, letter)
    asker.close()


def test_an_emergency_raise_at_a_tablet_is_by_name_whoever_is_signed_on(box):
    """And a right of the tablet: the same people have none at the box's own terminal."""
    for role in ("technician", "auditor"):
        asker = Asker(box, tablet="a", token=sign_on(box, role))
        assert asker.code("raise", lane=1) == "denied" and asker.code("raise", lane=1, emergency=1) == "denied"
        assert asker.code("raise", lane=1, emergency=True) is None
        asker.close()
        wait_until("by name", lambda: box.lane(1).get("ordered_who", {}).get("officer") == f"0{role}")
        client = LineClient(box.run / "control")
        token = client.act("login", officer=f"0{role}", password=PIN)["result"]["token"]
        assert client.act("raise", token, lane=1, emergency=True)["error"]["code"] == "denied"
        client.close()
    raised = [r.body for r in journal.verify(box.state / "checkpointd" / "journal") if r.body.get("act_kind") == "emergency_raise"]
    assert {"0technician", "0auditor"} <= {b["by"].get("officer") for b in raised}


def test_a_technician_reads_modules_and_no_cameras(box):
    """Registers of a camera show plates: what no lane names may be one."""
    where = {"bus": "bus-1", "function": 1, "address": 0, "count": 1}
    for role, other in (("technician", "denied"), ("officer", None)):
        asker = Asker(box, tablet="a", token=sign_on(box, role))
        assert asker.code("bus_read", unit=1, **where) is None
        assert (asker.code("bus_read", unit=77, **where) == "denied") == (other == "denied")
        asker.close()


def test_nobody_on_the_box(box, acts):
    asker = Asker(box)
    assert heard(asker, acts) == expected(acts, "B")
    assert asker.code("raise", emergency=True, lane=1) == "denied"
    asker.close()


def test_a_console_without_an_officer_and_foreign_tokens(box, acts):
    token = sign_on(box, "leader")
    for fields in ({"tablet": "a"}, {"tablet": "a", "token": "0" * 64}, {"tablet": "a", "token": token[:-1]},
                   {"tablet": "b", "token": token}):
        asker = Asker(box, **fields)
        assert heard(asker, acts) == expected(acts, "C"), fields
        assert asker.code("raise", emergency=True, lane=1) is None
        asker.close()
    for fields in ({"token": token}, {"tablet": "lost", "token": token}):
        asker = Asker(box, **fields)
        known = expected(acts, "B") if "tablet" not in fields else TABLETLESS
        assert heard(asker, acts) == known, fields
        asker.close()
    wait_until("the unnamed raise is alarmed", lambda: UNNAMED in [alarm["alarm"] for alarm in alarms_of(box)])
    signed_on = Asker(box, tablet="a", token=token)
    assert signed_on.code("ack", lane=1) is None
    signed_on.close()
    wait_until("an officer has seen it", lambda: UNNAMED not in [alarm["alarm"] for alarm in alarms_of(box)])


def ask_as(box, uid, requests):
    """What another user of the box is answered, let in to the socket."""
    code = ("import socket,sys\n"
            "s=socket.socket(socket.AF_UNIX);s.settimeout(60);s.connect(sys.argv[1]);f=s.makefile('rw')\n"
            "for line in sys.stdin:\n"
            "    f.write(line);f.flush();sys.stdout.write(f.readline())\n")
    for path in (box.folder, box.run):
        path.chmod(path.stat().st_mode | 0o011)
    (box.run / "control").chmod(0o666)
    lines = "".join(json.dumps({"id": 1, **request}) + "\n" for request in requests)
    done = subprocess.run([sys.executable, "-c", code, str(box.run / "control")], input=lines, text=True, user=uid,
                          group=uid, extra_groups=[], capture_output=True, timeout=120, check=True)
    return [json.loads(line).get("error", {}).get("code") for line in done.stdout.splitlines()]


def heard_as(box, uid, acts, **fields):
    codes = ask_as(box, uid, [{"do": act, "args": {}, **fields} for act in acts])
    return {act for act, code in zip(acts, codes, strict=True) if code != "denied"}


@pytest.mark.skipif(os.geteuid() != 0, reason="another user needs root")
def test_a_stranger_on_the_box(box, acts):
    """Without a token, with one that was given to somebody else, and naming a tablet as only the console may."""
    token = sign_on(box, "leader")
    assert heard_as(box, STRANGER, acts) == expected(acts, "S")
    assert heard_as(box, STRANGER, acts, token=token) == expected(acts, "S")
    assert heard_as(box, STRANGER, acts, token=token, tablet="a") == set()
    raised = {"do": "raise", "args": {"lane": 1, "emergency": True}}
    assert ask_as(box, STRANGER, [raised, {**raised, "tablet": "a"}]) == ["denied", "denied"]


@pytest.mark.skipif(os.geteuid() != 0, reason="another user needs root")
def test_the_consoles_user(box, acts):
    """Says nothing of a tablet or names one that is not paired: an emergency raise, and which tablets there are."""
    for fields in ({}, {"tablet": ""}, {"tablet": "lost"}):
        assert heard_as(box, CONSOLE, acts, **fields) == TABLETLESS, fields
    assert heard_as(box, CONSOLE, acts, tablet="a") == expected(acts, "C")
    raised = {"do": "raise", "args": {"lane": 1, "emergency": True}}
    assert ask_as(box, CONSOLE, [raised, {**raised, "tablet": "lost"}, {**raised, "tablet": "a"}]) == [None] * 3


def test_sign_ons_go_on_when_checkpointd_is_killed(box):
    """And those of a tablet that was revoked before do not."""
    tokens = {tablet: sign_on(box, "officer", tablet) for tablet in TABLETS}
    client = LineClient(box.run / "control")
    client.send(id=1, do="tablet_revoke", args={"name": "b"})
    assert client.receive()["ok"]
    client.close()
    daemon = box.programs.programs[-1]
    daemon.kill()
    daemon.start()
    for tablet, code in (("a", None), ("b", "denied")):
        asker = Asker(box, tablet=tablet, token=tokens[tablet])
        assert asker.code("session") == code
        asker.close()
