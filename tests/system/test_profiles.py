"""A technician adds a device by writing a profile: a site's folder, --check on its bad lines, what profile and lane
both say, a controller with registers driven by it, another model on its address."""
import re

import pytest

from harness.process import run_program
from harness.signing import World
from harness.stack import PATIENCE, PROFILES, ROOT, Checkpoint, program, short_folder, wait_until

GENERIC = (PROFILES / "module" / "generic.yaml").read_text()


@pytest.fixture
def box():
    with short_folder() as folder:
        box = Checkpoint(folder)
        World().write_roots(box.roots)
        (box.etc / "profiles" / "module").mkdir(parents=True)
        try:
            yield box
        finally:
            box.stop()


def write_profile(box, name, text=GENERIC, **replaced):
    """A profile of the site, begun as a copy of a shipped one; `replaced`: lines by their key."""
    text = re.sub(r"^name: .*$", f"name: {name}", text, flags=re.M)
    for key, line in replaced.items():
        text, found = re.subn(rf"^{key}:.*$", line, text, flags=re.M)
        assert found == 1 or not text.endswith("\n" + line), key
        if not found:
            text += line + "\n"
    path = box.etc / "profiles" / "module" / f"{name}.yaml"
    path.write_text(text)
    return path


def line_of(path, text):
    return path.read_text().partition(text)[0].count("\n") + 1


def lane(box, device, **options):
    """A lane that nothing stands behind: for --check."""
    box.buses = [{"name": "bus-1", "kind": "modbus_tcp", "host": "127.0.0.1", "port": 502}]
    inputs = {"limit_open": 0, "limit_closed": 1, "presence": 2, "obstacle": 3, "entry_loop": 4}
    outputs = {"raise": 0, "red": 3, "green": 4}
    device = {"name": "module", "inputs": inputs, "outputs": outputs, **device}
    box.lanes = [{"id": 1, "bus": "bus-1", "devices": [{k: v for k, v in device.items() if v}], **options}]


def check(box):
    path = box.write_checkpointd()
    result = run_program([program("checkpointd"), "--config", path, "--check"], text=True)
    return path, result


def refused(box, *words):
    path, result = check(box)
    assert result.returncode == 78, result.stdout
    for word in words:
        assert word in result.stderr, result.stderr
    return path, result.stderr


def accepted(box):
    _, result = check(box)
    assert result.returncode == 0, result.stderr


def test_a_sites_profile_is_found_and_its_bad_line_named(box):
    profile = write_profile(box, "gate")
    lane(box, {"profile": "gate"})
    accepted(box)
    profile.write_text(profile.read_text().replace("count: 16}", "count: 99}", 1))
    path, _ = refused(box, f"{profile}:{line_of(profile, 'count: 99')}: inputs[0].count = '99': ", "expected 1 to 64",
                      "lanes[0].devices[0].profile = 'gate'")
    refused(box, f"{path}:{line_of(path, 'profile: gate')}: ")


def test_a_profile_nobody_wrote_and_one_written_twice_are_refused(box):
    lane(box, {"profile": "gaet"})
    refused(box, "lanes[0].devices[0].profile = 'gaet': unknown, expected module/gaet.yaml in ", str(box.etc / "profiles"))
    lane(box, {"profile": "../module/generic"})
    refused(box, "lanes[0].devices[0].profile = '../module/generic': expected the name of a profile")
    write_profile(box, "generic")
    lane(box, {"profile": "generic"})
    refused(box, "lanes[0].devices[0].profile = 'generic': both in ", "expected another name for the site's")


@pytest.mark.parametrize("key, of_profile, of_lane, shown", [
    ("feedback", "feedback: open", "both", "'both' here, but profile 'gate' says 'open'"),
    ("auto_close", "auto_close: timer", "loop", "'loop' here, but profile 'gate' says 'timer'"),
    ("raise_maintained", "raise: maintained", False, "'false' here, but profile 'gate' says 'true'")])
def test_profile_and_lane_must_agree_where_both_speak(box, key, of_profile, of_lane, shown):
    write_profile(box, "gate", barrier=f"barrier: {{{of_profile}}}")
    lane(box, {"profile": "gate"}, **{key: of_lane})
    refused(box, f"lanes[0].{key} = ", shown)


def test_what_the_profile_says_of_its_barrier_becomes_the_lanes(box):
    # Without limit switches a closed lane has nothing to hold by: the lane refuses what the profile said.
    write_profile(box, "gate", barrier="barrier: {feedback: none}")
    lane(box, {"profile": "gate", "inputs": {"presence": 2, "obstacle": 3, "entry_loop": 4}})
    refused(box, "feedback")
    lane(box, {"profile": "gate", "inputs": {"presence": 2, "obstacle": 3, "entry_loop": 4}}, mode="normally_open")
    accepted(box)


def test_no_automatic_lowering_beside_another_master(box):
    write_profile(box, "gate", barrier="barrier: {other_masters: [camera, remote_fob]}")
    lane(box, {"profile": "gate"}, lower_automatically=True)
    refused(box, "lanes[0].lower_automatically = 'true': profile 'gate' has other masters")


def test_no_lower_through_a_module_that_could_lower_by_itself(box):
    outputs = {"raise": 0, "lower": 1, "stop": 2}
    for name, words in (("adam_6060", "what profile 'adam_6060' does without us is unknown (safety rule 2)"),
                        ("gate", "the fail-safe of profile 'gate' would lower the boom")):
        write_profile(box, "gate", fail_safe="fail_safe: {outputs: on}")
        lane(box, {"profile": name, "outputs": outputs})
        refused(box, f"lanes[0].devices[0].profile = '{name}'", "outputs.lower", words)


def test_a_light_flashes_by_a_name_of_its_profile(box):
    lane(box, {"profile": "tower_light", "inputs": None, "outputs": None, "flash": {"yellow": "1hz"}}, camera_to_boom_m=5)
    accepted(box)
    lane(box, {"profile": "tower_light", "inputs": None, "outputs": None, "flash": {"yellow": "3hz"}})
    refused(box, "lanes[0].devices[0].flash.yellow = '3hz': unknown to profile 'tower_light'")
    lane(box, {"profile": "generic", "flash": {"yellow": "1hz"}})
    refused(box, "lanes[0].devices[0].flash.yellow = '1hz': unknown to profile 'generic'")


def test_rule_one_counts_every_exchange_of_a_profile(box):
    """At 38400 bit/s with an answer of 5 ms the controller's three reads and writes a scan just fit; at 7 not."""
    text = (PROFILES / "module" / "barrier_registers.yaml").read_text()
    for answer, good in (("5ms", True), ("7ms", False)):
        write_profile(box, "gate", text, answer=f"answer: {answer}")
        lane(box, {"profile": "gate", "inputs": None, "outputs": None})
        box.buses = [{"name": "bus-1", "kind": "modbus_rtu", "line": "/dev/ttyS9", "baud": 38400, "parity": "even"}]
        if good:
            accepted(box)
        else:
            refused(box, "buses[0]", "100 ms")


def test_a_controller_with_registers_is_driven_and_another_on_its_address_named(box):
    box.add_tcp_lane(1, sim=["--profile", "barrier_registers"])
    sim = box.sims[1]
    box.lanes[0]["devices"] = [{"name": "controller", "profile": "barrier_registers", "timeout": PATIENCE}]
    sim.do("register", function=4, address=16, value=0x1234)  # another maker's
    box.start_checkpointd()
    token = box.leader()
    client = box.control()

    def alarm():
        alarms = client.act("status")["result"]["alarms"]
        return next((a for a in alarms if a["name"] == "LANE_CONTACT_LOST" and a.get("lane") == 1), None)

    told = wait_until("another device is told", alarm)
    assert "controller: 型号不符 another device: model (input register 16) is 0x1234" in str(told), told
    assert not sim.events("coil", on=True) and sim.do("registers", function=3, address=1)["value"] == 0

    sim.do("register", function=4, address=16, value=0xCB01)
    wait_until("contact", lambda: box.lane(1).get("contact") and box.lane(1)["boom"] == "closed")
    wait_until("the alarm is over", lambda: alarm() is None)
    values = [sim.do("registers", function=3, address=address)["value"] for address in (1, *range(16, 24))]
    assert values == [20] + [0] * 8  # armed, at rest
    assert client.act("raise", token, lane=1, reason="test", emergency=True)["ok"]
    wait_until("open", lambda: box.lane(1)["boom"] == "open")
    assert not sim.events("coil", by="watchdog") and not sim.events("violation")
    client.close()


def test_example_of_the_manual_is_a_good_profile(box):
    manual = (ROOT / "drivers" / "profiles" / "README.md").read_text()
    text = manual.partition("```yaml\n")[2].partition("```")[0]
    (box.etc / "profiles" / "module" / "adam_6060_gate3.yaml").write_text(text)
    lane(box, {"profile": "adam_6060_gate3", "outputs": {"raise": 0, "lower": 1, "stop": 2, "red": 3}})
    accepted(box)
