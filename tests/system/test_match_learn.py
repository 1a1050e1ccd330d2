"""From officers' answers to what officers are told: answers, channel, policy, judgement at the box."""
import json
import random

import pytest

from harness.camera import Camera
from harness.fleet import Fleet
from harness.hqctl import HqctlError
from harness.process import wait_for
from harness.signing import entry
from harness.stack import short_folder, wait_until

KEY = bytes(range(16))
SEED = 20261126
LETTERS, DIGITS = "ACEFHJKLMNPRTUVWXY", "0123456789"
CONFUSED = {"8": "B", "B": "8", "0": "D", "5": "S", "2": "Z"}


def plates(count, rng):
    """Latin plates, each with an 8 that a camera may take for a B."""
    made = set()
    while len(made) < count:
        made.add("".join(rng.choices(LETTERS, k=3)) + "8" + "".join(rng.choices(DIGITS, k=3)))
    return sorted(made)


def misread(plate):
    return plate.replace("8", "B", 1)


class Learning(Fleet):
    """A fleet with one lane, wanted plates and an officer."""

    def start(self, wanted):
        self.box.add_open_lane(1)
        self.box.add_camera(11, 1, key=KEY)
        self.publish([entry(number, plate) for number, plate in enumerate(wanted, 1)])
        self.start_box()
        wait_until("the list is in force", lambda: self.box.lane(1).get("list_usable"))
        self.camera = Camera(("127.0.0.1", self.box.port), lane=1, camera=11, key=KEY)
        self.events = self.box.events(self.token)
        self.sent = 0
        return self

    def read(self, plate, **fields):
        """The hit that a read gives, None for none: its own read event comes behind the hit's."""
        self.sent += 1
        self.camera.send(plate, self.sent, **fields)
        hit = None
        while True:
            event = self.events.receive()
            if event["event"] == "hit" and event["read"]["event_id"] == str(self.sent):
                hit = event
            if event["event"] == "read" and event.get("read", {}).get("event_id") == str(self.sent):
                return hit

    def answer(self, **args):
        """As an officer; waits while the officer's measure is full."""
        def asked():
            answer = client.act("hit_answer", self.token, **args)
            return answer if answer["ok"] or answer["error"]["code"] != "busy" else None
        client = self.box.control()
        answer = wait_for("an answer taken", asked, 30, interval_s=0.1)
        client.close()
        assert answer["ok"], answer

    def policy(self):
        client = self.box.control()
        policy = client.act("status")["result"]["policy"]
        client.close()
        return policy

    def put_in_force(self, *options):
        version = self.hq.publish_policy(*options)
        wait_until(f"policy {version} in force", lambda: (self.policy() or {}).get("version") == version, 30)


@pytest.fixture
def fleet():
    with short_folder() as folder, Learning(folder) as learning:
        yield learning


def pairs_file(path, rng, count=600):
    """Reads of a simulated camera: some characters confused, the truth then among its candidates."""
    with path.open("w") as file:
        for plate in plates(count, rng):
            wrong = "".join(CONFUSED[c] if c in CONFUSED and rng.random() < 0.15 else c for c in plate)
            other = plate[:-1] + rng.choice(DIGITS)
            reads = [{"plate": wrong, "confidence": 90.0}]
            if wrong != plate:
                reads.append({"plate": plate, "confidence": 84.5})
            reads.append({"plate": other, "confidence": 40.0})
            file.write(json.dumps({"truth": plate, "reads": reads}) + "\n")
    return path


def test_answers_of_officers_become_a_channel_in_force(fleet):
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    wanted = plates(120, rng)
    fleet.start(wanted)
    out = fleet.box.folder / "channels"
    refused = fleet.hq.try_run("match", "learn", "--out", out, *fleet.hq.online)
    assert refused.returncode == 1 and "too few pairs of any alphabet: nothing written" in refused.stderr
    for number, plate in enumerate(wanted):
        hit = fleet.read(misread(plate) if number % 3 == 0 else plate, confidence=80)
        fleet.answer(hit=hit["hit"], answer="confirm", reason="seen at the boom")
    first = fleet.read(wanted[0][:3] + "8" + wanted[0][4:], confidence=70)  # the same car, later: another passage or none
    if first:
        fleet.answer(hit=first["hit"], answer="misread", reason="no plate on it")
    wait_until("every answer at headquarters",
               lambda: len(fleet.hq.json("match", "answers", *fleet.hq.online)) >= 120, 60)
    line = fleet.hq.run("match", "answers", *fleet.hq.online).splitlines()[0]
    assert f"listed {wanted[0]}  read {misread(wanted[0])}  confirm  wang  seen at the boom" in line

    learned = fleet.hq.try_run("match", "learn", "--out", out, *fleet.hq.online)
    assert learned.returncode == 0, learned.stderr
    assert "120 confirmed" in learned.stderr and "mainland: 0 pairs" in learned.stderr
    assert "latin: version 1, learned from 120 pairs (none in force before)" in learned.stdout
    rows = [line.split() for line in learned.stdout.splitlines()]
    assert ["8", "B"] in [row[:2] for row in rows]
    channel = json.loads((out / "latin.json").read_text())
    assert (channel["alphabet"], channel["pairs"], channel["version"]) == ("latin", 120, 1)
    assert channel["read"]["8"]["ppm"]["B"] > 100_000

    fleet.put_in_force("--channel", out / "latin.json", "--false-alerts", "3")
    assert fleet.policy()["channels"] == ["latin"]
    shown = fleet.hq.run("match", "policy", "show", *fleet.hq.online)
    assert "channel latin: version 1, learned " in shown and "from 120 confirmed pairs" in shown
    again = fleet.hq.json("match", "learn", "--out", out, *fleet.hq.online)[0]
    assert (again["version"], again["pairs"]) == (2, 120)  # the one behind that in force
    same = next(row for row in again["confusions"] if (row["true"], row["read"]) == ("8", "B"))
    assert same["old_ppm"] == same["new_ppm"] == channel["read"]["8"]["ppm"]["B"]


def told_of(fleet):
    """What those who sign are told of the policy in force: percent of misread plates shown, by size of list."""
    channel = fleet.hq.json("match", "policy", "show", *fleet.hq.online)[0]["channels"][0]
    assert [row["entries"] for row in channel["told"]] == [10_000, 100_000, 1_000_000]
    return [row["percent"] for row in channel["told"]]


def test_a_policy_decides_which_candidates_are_told(fleet):
    rng = random.Random(SEED + 1)
    print(f"seed {SEED + 1}")
    wanted = plates(400, rng)  # a threshold comes of the list's length, too
    fleet.start(wanted)
    reads = pairs_file(fleet.box.folder / "reads.jsonl", rng)
    out = fleet.box.folder / "channels"
    fleet.hq.run("match", "learn", "--reads", reads, "--out", out)

    def doubtful(plate):
        """A candidate whose best read is another plate by a character this camera never took for that one."""
        return fleet.read(plate[:-1] + str((int(plate[-1]) + 3) % 10), confidence=90, candidates=[(plate, 84)])

    hit = doubtful(wanted[0])
    assert hit and hit["match"] == "candidate" and "odds_db" not in hit  # nothing is known of the camera
    assert hit["decision"]["level"] == "quiet"

    fleet.put_in_force("--channel", out / "latin.json", "--false-alerts", "1", "--traffic", "1000000")
    strict = told_of(fleet)
    assert "WARNING: hides most misread plates" in fleet.hq.run("match", "policy", "show", *fleet.hq.online)
    assert doubtful(wanted[1]) is None
    near = fleet.read(misread(wanted[2]), confidence=90, candidates=[(wanted[2], 84)])
    assert near and near["odds_db"] > 0 and near["why"].endswith("this plate"), near
    exact = fleet.read(wanted[3], confidence=40)
    assert exact and exact["match"] == "exact" and exact["decision"]["level"] == "sounding"

    fleet.put_in_force("--false-alerts", "1000", "--traffic", "1")
    assert all(few < many for few, many in zip(strict, told_of(fleet)))
    shown = fleet.hq.run("match", "policy", "show", *fleet.hq.online)
    assert "officers are told of" in shown and "WARNING" not in shown
    lax = doubtful(wanted[4])
    assert lax and lax["match"] == "candidate" and lax["odds_db"] < near["odds_db"], lax


def test_files_that_cannot_be_learned_from_are_named(fleet):
    bad = fleet.box.folder / "bad.jsonl"
    bad.write_text('{"truth":"AB8123","reads":[]}\n{"plates":[]}\n')
    out = fleet.box.folder / "channels"
    with pytest.raises(HqctlError, match=r"bad\.jsonl: line 2: expected an answer, or an object with truth and reads"):
        fleet.hq.run("match", "learn", "--reads", bad, "--out", out)
    with pytest.raises(HqctlError, match="No such file"):
        fleet.hq.run("match", "learn", "--reads", bad.with_name("none"), "--out", out)
    broken = fleet.box.folder / "latin.json"
    broken.write_text("{}")
    with pytest.raises(HqctlError, match=r"latin\.json: "):
        fleet.hq.draft_policy("--channel", broken)
    assert not out.exists()
