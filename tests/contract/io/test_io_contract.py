"""The contract of the role io: every module profile, over Modbus TCP and RTU, behaves the same."""
import json
import os
import subprocess

import pytest

from harness.process import SANITIZER_OPTIONS, SLOWNESS, wait_for
from harness.sim import BarrierSim
from harness.stack import program, short_folder

PROBE = program("x").parents[1] / "tests" / "io_probe"
# profile: (inputs, outputs) the simulated module has for us
PROFILES = {"generic": (10, 8), "waveshare_rtu_relay": (8, 8), "iologik_e1214": (6, 6),
            "adam_6060": (6, 6), "adam_4056so": (0, 8)}


class Device:
    """The driver on a link to a simulated module."""

    def __init__(self, folder, profile, transport):
        self.inputs, self.outputs = PROFILES[profile]
        rtu = ["--baud", "115200"] if transport == "rtu" else []
        self.sim = BarrierSim("io", folder, "--profile", profile, *rtu, pty=transport == "rtu")
        self.sim.start()
        where = self.sim.pty if transport == "rtu" else str(self.sim.port)
        self.probe = subprocess.Popen(
            [PROBE, profile, str(self.inputs), str(self.outputs), transport, where],
            env={**SANITIZER_OPTIONS, **os.environ}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, command):
        self.probe.stdin.write(command + "\n")
        self.probe.stdin.flush()
        return json.loads(self.probe.stdout.readline())

    def good(self, command):
        """A slow machine may cost an answer; a link that was lost is opened again."""
        return wait_for(command, lambda: (lambda a: a if a["result"] == "ok" else None)(
            self.do(command)))

    def stop(self):
        self.probe.stdin.close()
        status = self.probe.wait(10 * SLOWNESS)
        self.sim.stop()
        assert status == 0  # 0 also says that no sanitizer reported


@pytest.fixture(params=[(p, t) for p in PROFILES for t in ("tcp", "rtu")],
                ids=lambda value: "-".join(value))
def device(request):
    with short_folder() as folder:
        device = Device(folder, *request.param)
        try:
            yield device
        finally:
            device.stop()


def test_scan_says_what_the_module_has_and_write_moves_it(device):
    device.good("open")
    before = device.good("scan")
    assert before["outputs"] == []
    if device.inputs:
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
    answer = device.good("pulse raise")
    device.sim.wait_event("coil", coil="raise", on=True)
    if answer["self_ends"]:
        device.sim.wait_event("coil", coil="raise", on=False, by="timer")
    else:
        assert device.sim.state()["coils"]["raise"]
        device.good("off raise")


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


def test_setting_that_must_be_is_checked_when_opened(device):
    wrong = {"iologik_e1214": (0x1020, 1), "adam_4056so": (214, 0)}
    profile = device.probe.args[1]
    if profile not in wrong:
        assert device.good("open")["detail"] == ""
        return
    address, value = wrong[profile]
    device.sim.do("register", address=address, value=value)
    answer = wait_for("refused", lambda: (lambda a: a if a["result"] == "invalid" else None)(
        device.do("open")))
    assert "must be" in answer["detail"]
