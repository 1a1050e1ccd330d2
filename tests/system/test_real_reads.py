"""Real reads of real plates through the whole chain: what must hit, hits, read for read, at the lane and at headquarters.

The expectation is a plain computation over the file, apart from the product: the best read, in capitals, is a listed plate or
one character that cameras take for another away from it.
"""
import json
import random
import time

import pytest

from harness.camera import Camera
from harness.fleet import Fleet
from harness.signing import entry
from harness.stack import ROOT, short_folder, wait_until

DATA = ROOT.parent / "shared" / "data" / "reads.jsonl"
KEY = bytes(range(16))
SEED = 20261125
PLATE_SYMBOLS_MAX = 10  # the longest plate a key can hold
WINDOW = 32             # reads under way at once
LOOK_ALIKES = ("0ODQ", "1I", "2Z", "5S", "8B", "6G")

pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"{DATA.name}: not here, it is no part of the product")


def load():
    """(true plate, best read or "") of each record, in the order of the file."""
    records = []
    for line in DATA.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        best = record["reads"][0]["plate"] if record["reads"] else ""
        records.append((record["truth"].upper(), best.upper()))
    return records


def listed_half(records):
    """Half of the distinct true plates that a list can name, picked by the seed."""
    plates = sorted({truth for truth, _ in records
                     if truth.isascii() and truth.isalnum() and len(truth) <= PLATE_SYMBOLS_MAX})
    return set(random.Random(SEED).sample(plates, len(plates) // 2))


def one_look_alike(plate):
    """Every text that is one look-alike character away from `plate`."""
    return {plate[:at] + other + plate[at + 1:] for at, character in enumerate(plate)
            for group in LOOK_ALIKES if character in group for other in group if other != character}


def must_hit(records, listed):
    """Event ids (1, 2, …) of the records whose best read is a listed plate or looks like one."""
    return {number for number, (_, best) in enumerate(records, 1) if best in listed or one_look_alike(best) & listed}


class Reads:
    """Sends the reads, never more than WINDOW ahead of what the checkpoint has told of."""

    def __init__(self, fleet, camera):
        self.events, self.camera = fleet.box.events(fleet.token), camera
        self.seen, self.alerted = set(), set()

    def take_one(self):
        event = self.events.receive()
        if event["event"] == "read" and "read" in event:
            self.seen.add(int(event["read"]["event_id"]))
        elif event["event"] == "hit":
            self.alerted.add(int(event["read"]["event_id"]))

    def send(self, records):
        for number, (_, best) in enumerate(records, 1):
            self.camera.send(best, number)
            while number - len(self.seen) >= WINDOW:
                self.take_one()
        while len(self.seen) < len(records):
            self.take_one()


def test_real_reads_alert_exactly_as_computed():
    records = load()
    listed = listed_half(records)
    expected = must_hit(records, listed)
    assert len(records) > 500 and 100 < len(expected) < len(records) / 2
    assert "" in {best for _, best in records}  # empty ones are passages too
    with short_folder() as folder, Fleet(folder) as fleet:
        # each photograph is a vehicle of its own: one read again at once would stand there still
        fleet.box.add_open_lane(1, vehicle_silence="0s")
        fleet.box.add_camera(11, 1, key=KEY)
        fleet.publish([entry(number, plate, **{"class": "any"})
                       for number, plate in enumerate(sorted(listed), 1)])
        fleet.start_box()
        wait_until("the list is in force", lambda: fleet.box.lane(1).get("list_usable"))
        reads = Reads(fleet, Camera(("127.0.0.1", fleet.box.port), lane=1, camera=11, key=KEY))
        begin = time.monotonic()
        reads.send(records)
        print(f"{len(records)} reads, {len(expected)} must hit, sent in {time.monotonic() - begin:.1f} s")
        assert reads.alerted == expected
        wait_until("every hit at headquarters", lambda: expected <= set(fleet.hits_at_hq()), 60)
        assert sorted(fleet.hits_at_hq()) == sorted(expected)  # each once
