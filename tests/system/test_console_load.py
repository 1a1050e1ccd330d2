"""Many tablets at once: those that do not read are let go and counted, the others hear every hit once and in order. And a
console that has just started does not call a tablet strange before it knows.
"""
import http.client
import json
import pathlib
import re

import pytest

from harness.console import ACCOUNTS, Console
from harness.console_load import Ears, Listener, stall
from harness.https import Https
from harness.process import frozen_thread, wait_for
from harness.stack import short_folder

STALLED = 20
ASKING = 60
OF_ONE = 4  # streams of a session
READERS = ("leader", "officer")
SLEEPERS = ("leader", "second_leader", "officer", "second_officer", "auxiliary")
HITS_MAX = 400  # far more than ring, chunk and the kernel's buffers hold of one tablet
TOLD = re.compile(r"CONSOLE_STREAM_DROPPED.*count=(\d+)")
AT_ONCE = 8
ESTABLISHED = "01"
NOBODY_LOOKS_FOR, LISTED = "鲁R7K21X", "鲁R55L08"


@pytest.fixture(scope="module")
def console():
    with short_folder() as folder:
        made = Console(folder)
        try:
            made.start()
            yield made
        finally:
            made.stop()


def browser(console, role, tablet):
    return console.browser(tablet).login(*ACCOUNTS[role])


def held(port, links):
    """Those of the connections that the server still holds, by the kernel's word: nothing is read from them."""
    clients = {f"{link.getsockname()[1]:04X}" for link in links}
    rows = [row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[2][-4:] for row in rows
            if row[1].endswith(f":{port:04X}") and row[3] == ESTABLISHED and row[2][-4:] in clients}


def test_no_tablet_is_told_of_a_vehicle_nobody_looks_for(console):
    stream = browser(console, "officer", "booth").stream()
    passed = console.pass_by(NOBODY_LOOKS_FOR)
    console.next("read", lambda event: event["read"]["event_id"] == str(passed))
    console.list_entries([LISTED])
    hit = console.make_hit(LISTED)["event"]["hit"]
    _, seen = stream.until(lambda _, __, data: data and json.loads(data).get("hit") == hit)
    told = [json.loads(data) for name, _, data in seen if name == "m"]
    assert not {"read", "capture"} & {event["event"] for event in told}
    assert NOBODY_LOOKS_FOR not in json.dumps(told, ensure_ascii=False)
    stream.close()


def test_sixty_consoles_ask_at_once_and_each_is_answered(console):
    one = browser(console, "officer", "booth")
    links = [http.client.HTTPSConnection(one.host, one.port, context=one.tls, timeout=30) for _ in range(ASKING)]
    assert all(answers(links, one, "/favicon.ico"))  # each connection stands
    files = pathlib.Path(f"/proc/{console.consoled.process.pid}/fd")
    before = len(list(files.iterdir()))
    with frozen_thread(console.checkpointd.process.pid, "control"):
        ask(links, one, "/api/session")
        wait_for("all are asked on", lambda: len(list(files.iterdir())) >= before + ASKING, 8)
    assert all(answers(links))
    for link in links:
        link.close()


def ask(links, one, path):
    for link in links:
        link.request("GET", path, headers=one.headers())


def answers(links, one=None, path=None):
    if path:
        ask(links, one, path)
    for link in links:
        answer = link.getresponse()
        yield answer.read() and answer.status == 200


def test_stalled_tablets_are_dropped_and_counted_and_the_others_hear_every_hit_once(console):
    plates = [f"鲁Q{number:05}" for number in range(HITS_MAX)]
    console.list_entries(plates, priority=3)
    readers = [Listener(one) for one in [browser(console, role, "booth") for role in READERS] for _ in range(2)]
    ears = Ears(readers)
    ears.begin()
    links = [stall(one) for one in [browser(console, role, "lane-2") for role in SLEEPERS] for _ in range(OF_ONE)]
    port, made = console.box.port_of("consoled"), []
    wait_for("all are held", lambda: len(held(port, links)) == STALLED)
    while held(port, links):
        assert len(made) < HITS_MAX, f"{len(held(port, links))} are still held"
        for plate in plates[len(made):len(made) + AT_ONCE]:
            console.read(11, plate, plate_class="02")
            made.append(plate)
        ears.listen(made[-1], lambda: all(len(reader.hits) >= len(made) for reader in readers))
    for reader in readers:
        assert not reader.ended and [hit["matched"] for hit in reader.hits] == made
    ears.close()
    console.program_stop("consoled")  # which tells those it has not told yet
    assert sum(map(int, TOLD.findall(pathlib.Path(console.consoled.log_path).read_text()))) == STALLED
    for link in links:
        link.close()


def test_a_console_that_has_just_started_calls_no_tablet_strange(console):
    run = console.box.folder / "late"
    run.mkdir()
    config = console.box.write("late.yaml", {
        "hosts": ["127.0.0.1"], "listen": "127.0.0.1:0", "pair_listen": "", "runtime_dir": str(run),
        "certificate": str(console.server.pem), "key": str(console.server.key_path),
        "tablets_ca": str(console.tablets_ca.pem)})
    late = console.box.start("checkpoint-consoled", config)
    tablet = Https(int((run / "consoled.port").read_text()), console.servers.pem, console.tablets["booth"])
    status, _, body = tablet.ask("GET", "/")
    assert (status, json.loads(body)["error"]["code"]) == (503, "unreachable")
    for name in ("control", "events"):
        (run / name).symlink_to(console.box.run / name)
    answers = []
    wait_for("the tablet is let in", lambda: answers.append(tablet.ask("GET", "/")[0]) or answers[-1] == 200)
    assert set(answers) <= {200, 503}
    late.stop()
    assert "CONSOLE_TABLET_REFUSED" not in pathlib.Path(late.log_path).read_text()
