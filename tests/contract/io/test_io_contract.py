"""The contract of the role io: every module profile, over Modbus TCP and RTU, behaves the same."""
import contextlib
import json
import os
import pathlib
import subprocess
import time

import pytest
import yaml

from harness.process import SANITIZER_OPTIONS, SLOWNESS, wait_for
from harness.sim import BarrierSim
from harness.stack import PROFILES as FOLDERS
from harness.stack import program, short_folder
from sim.barrier_model import OUTPUTS

SHIPPED = FOLDERS / "module"
PROBE = program("x").parents[1] / "tests" / "io_probe"
OURS = pathlib.Path(__file__).parent / "profiles"  # a technician's, so to speak
PROFILES = {path.stem: path for folder in (SHIPPED, OURS) for path in sorted(folder.glob("*.yaml"))}
# The simulator's own Modbus and somebody else's.
STACKS = os.environ.get("CHECKPOINT_IO_STACKS", "own pymodbus").split()
DEVICES = [(profile, line, stack) for profile in PROFILES for line in ("tcp", "rtu") for stack in STACKS]
if "own" in STACKS:
    DEVICES.append(("generic", "rtu", "template"))


def wiring(profile):
    """The simulator's arguments for a profile that fixed its points."""
    points = yaml.safe_load(PROFILES[profile].read_text()).get("points", {})
    arguments = []
    for kind in ("inputs", "outputs"):
        if kind in points:
            channels = [f"{name}={channel}" for name, channel in points[kind].items()
                        if not name.startswith("active_")]
            arguments += [f"--{kind}", ",".join(channels)]
            if "active_low" in points[kind]:
                arguments += ["--low" if kind == "inputs" else "--low-outputs", ",".join(points[kind]["active_low"])]
    return arguments


class Device:
    """The driver on a link to a simulated module."""

    def __init__(self, folder, profile, transport, stack):
        self.profile = profile
        rtu = ["--baud", "115200"] if transport == "rtu" else []
        self.sim = BarrierSim("io", folder, "--profile", profile, "--stack", stack, *rtu, *wiring(profile),
                              pty=transport == "rtu")
        self.sim.start()
        where = self.sim.pty if transport == "rtu" else str(self.sim.port)
        command = [PROBE, PROFILES[profile], transport, where]
        if stack == "template":  # a driver of its own, which knows no profiles
            command = [PROBE.with_name("io_probe_template"), where]
        self.probe = subprocess.Popen(
            command, env={**SANITIZER_OPTIONS, **os.environ}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        wired = json.loads(self.probe.stdout.readline())
        self.inputs, self.outputs = wired["wired"], wired["outputs_wired"]

    def do(self, command):
        self.probe.stdin.write(command + "\n")
        self.probe.stdin.flush()
        return json.loads(self.probe.stdout.readline())

    def good(self, command):
        """A slow machine may cost an answer; a link that was lost is opened again."""
        return wait_for(command, lambda: (lambda a: a if a["result"] == "ok" else None)(
            self.do(command)))

    def rest(self):
        self.sim.do("fault", kind="none")
        for name in OUTPUTS:
            self.sim.do("coil", coil=name, on=False)
        self.sim.do("input", input="presence", active=None)
        self.since_ns = time.monotonic_ns()

    def energised(self):
        """Coils that went on since the test began."""
        return [e["coil"] for e in self.sim.events("coil", on=True) if e["mono_ns"] > self.since_ns]

    @contextlib.contextmanager
    def altered(self, function, address, value):
        """A register or flag other than it was."""
        was = self.register(function, address)
        self.sim.do("register", function=function, address=address, value=value)
        try:
            yield
        finally:
            self.sim.do("register", function=function, address=address, value=was)

    def register(self, function, address):
        return self.sim.do("registers", function=function, address=address)["value"]

    def stop(self):
        self.probe.stdin.close()
        status = self.probe.wait(10 * SLOWNESS)
        self.sim.stop()
        assert status == 0  # 0 also says that no sanitizer reported


@pytest.fixture(scope="module", params=DEVICES, ids="-".join)
def running(request):
    with short_folder() as folder:
        device = Device(folder, *request.param)
        try:
            yield device
        finally:
            device.stop()


@pytest.fixture
def device(running):
    """The module of this profile and line, its inputs and outputs at rest."""
    running.rest()
    return running


def test_scan_says_what_the_module_has_and_write_moves_it(device):
    device.good("open")
    before = device.good("scan")
    assert before["outputs"] == []
    if "limit_closed" in device.inputs:
        assert "presence" not in before["active"]
        wait_for("the limit switch has stopped bouncing",
                 lambda: "limit_closed" in device.good("scan")["active"])
        device.sim.do("input", input="presence", active=True)
        assert "presence" in device.good("scan")["active"]
    device.good("on red")
    assert device.good("scan")["outputs"] == ["red"]
    assert device.sim.state()["coils"]["red"]
    device.sim.do("coil", coil="red", on=False)  # read back, not remembered
    assert device.good("scan")["outputs"] == []
    device.good("on red")
    device.good("off red")
    assert not device.sim.state()["coils"]["red"]


def test_pulse_ends_by_the_module_or_is_left_to_the_bus(device):
    device.good("open")
    output = device.outputs[0]
    answer = device.good(f"pulse {output}")
    device.sim.wait_event("coil", coil=output, on=True, after_ns=device.since_ns)
    if answer["self_ends"]:
        device.sim.wait_event("coil", coil=output, on=False, by="timer", after_ns=device.since_ns)
    else:
        assert device.sim.state()["coils"][output]
        device.good(f"off {output}")


@pytest.mark.parametrize("kind,result", [
    ("silence", {"timeout"}), ("exception", {"denied"}), ("garbage", {"corrupt", "timeout"}),
    ("unit", {"corrupt", "timeout"}), ("crc", {"corrupt", "timeout"}),
    ("short", {"corrupt", "timeout"}), ("function", {"corrupt", "timeout"})])
def test_every_fault_is_told_apart_and_over_at_once(device, kind, result):
    device.good("open")
    device.sim.do("fault", kind=kind)
    for command in ("scan", "on red"):
        answer = device.do(command)
        # After a TCP link was closed its opening may be what fails.
        assert answer["result"] in result | {"io"}, answer
        assert answer["detail"]
    device.sim.do("fault", kind="none")
    device.good("on red")
    assert device.good("scan")["outputs"] == ["red"]


def refused(device, result, command="open"):
    """What the command says, once it says `result` (a slow machine may cost an answer first)."""
    return wait_for(f"{command} is refused: {result}", lambda: (
        lambda a: a["detail"] if a["result"] == result else None)(device.do(command)))


# profile: register that is not as it must be, what it is made, what open says; None: we mend it
SETTINGS = {"iologik_e1214": (2, 4114, 1, None), "adam_4056so": (3, 214, 0, "communication safety (40215) is 0"),
            "barrier_registers": (3, 1, 0, None), "site_module": (3, 300, 9, None)}


def test_setting_that_must_be_is_read_back_and_armed_when_opened(device):
    if device.profile not in SETTINGS:
        pytest.skip("its profile has no setting")
    function, address, value, says = SETTINGS[device.profile]
    with device.altered(function, address, value):
        if says:
            assert says in refused(device, "invalid")
        else:
            device.good("open")
            assert device.register(function, address) != value


# profile: a register that tells the model, and what another model has there
MODELS = {"adam_4056so": (3, 211, 0x4400), "barrier_registers": (4, 16, 0xCB02), "iologik_e1214": (4, 48, None),
          "site_module": (4, 500, 8)}


def test_another_model_on_the_address_is_named(device):
    if device.profile not in MODELS:
        pytest.skip("nothing tells its model")
    function, address, value = MODELS[device.profile]
    with device.altered(function, address, value):
        text = refused(device, "conflict")
    assert text.startswith("型号不符 another device: ")
    assert yaml.safe_load(PROFILES[device.profile].read_text())["model"] in text
    assert not device.energised()


# profile: table and first of the fail-safe values
FAIL_SAFE = {"barrier_registers": (3, 16), "site_module": (1, 400)}


def test_fail_safe_values_are_at_rest_before_anything_is_energised(device):
    if device.profile not in FAIL_SAFE:
        pytest.skip("its fail-safe values cannot be read")
    function, first = FAIL_SAFE[device.profile]
    low = yaml.safe_load(PROFILES[device.profile].read_text())["points"]["outputs"].get("active_low", [])
    with device.altered(function, first + OUTPUTS.index("lower"), 1):
        device.good("open")
        assert [device.register(function, first + at) for at in range(8)] == [int(name in low) for name in OUTPUTS]
    assert not device.energised()


def test_an_output_register_with_a_strange_value_is_flagged(device):
    if device.profile != "site_module":
        pytest.skip("its outputs are bits")
    device.good("open")
    device.sim.do("register", function=3, address=203, value=0x1234)  # red; 0 ends it
    try:
        assert refused(device, "corrupt", "scan") == (
            "read outputs: register 203 is 0x1234, expected 0x0AA0 or 0x0550")
    finally:
        device.sim.do("register", function=3, address=203, value=0)
    device.good("scan")


def test_watchdog_is_fed_by_scans_and_lets_go_without_them(device):
    if device.profile != "barrier_registers":
        pytest.skip("its profile has no keep-alive")
    device.good("open")
    device.good("on red")
    on_ns = time.monotonic_ns()
    while time.monotonic_ns() < on_ns + 2.5e9:  # longer than the watchdog's two seconds
        device.good("scan")
    assert not device.sim.events("coil", by="watchdog")
    device.sim.wait_event("coil", coil="red", on=False, by="watchdog", after_ns=on_ns)
    assert device.good("scan")["outputs"] == []
