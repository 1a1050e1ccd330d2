"""One full cycle a shipped profile, byte for byte, against libmodbus' own server and pymodbus', over TCP and RTU.

frames/PROFILE.txt holds the expected frames of a serial line, CRC included: "> " to the module, "< " from it,
written from the maker's page; a line with "maker" behind it is printed there as it stands. Over TCP the same
requests travel without CRC behind a header."""
import json
import pathlib
import struct

import pytest

from harness.io_modules import TESTS, LibmodbusModule, Lines, PymodbusModule
from harness.process import wait_for
from harness.stack import PROFILES as FOLDERS
from harness.stack import short_folder
from harness.wire_tap import ConnectionTap, LineTap
from sim.modbus_server import crc16
from sim.module_model import MODULES

SHIPPED = FOLDERS / "module"
FRAMES = pathlib.Path(__file__).parent / "frames"
PROFILES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))
ATTEMPTS = 5  # on a slow machine an answer may be late, or the keep-alive due once more


def expected(profile):
    """[(direction, unit and PDU and CRC)] of frames/PROFILE.txt."""
    frames = []
    for line in (FRAMES / f"{profile}.txt").read_text().splitlines():
        text = line.partition("#")[0]
        if text.strip():
            frames.append((text[0], bytes.fromhex(text[1:])))
    return frames


def over_tcp(frames, first):
    """The same behind a header; each request has the next transaction number, its answer the same."""
    out, transaction = [], first - 1
    for way, frame in frames:
        transaction += way == ">"
        out.append((way, struct.pack("!HHH", transaction & 0xFFFF, 0, len(frame) - 2) + frame[:-2]))
    return out


class Bench:
    """A module, its driver in io_probe, and the tap between them."""

    def __init__(self, folder, kind, profile, transport):
        self.transport, self.profile = transport, profile
        if transport == "rtu":
            self.tap = LineTap()
            self.module = kind(folder, profile, self.tap.far)
            where = self.tap.near
        else:
            self.module = kind(folder, profile, None)
            self.tap = ConnectionTap(self.module.port)
            where = str(self.tap.port)
        self.probe = Lines(TESTS / "io_probe", SHIPPED / f"{profile}.yaml", transport, where)
        wired = json.loads(self.probe.first)
        self.first_output = wired["outputs_wired"][0]

    def do(self, command):
        return json.loads(self.probe.do(command))

    def reset(self):
        """The module's registers as they are from the factory, its outputs off."""
        for function, table in MODULES[self.profile].get("tables", {}).items():
            for address, value in table.items():
                self.module.set(function, address, value)
        self.do(f"off {self.first_output}")
        self.tap.take()

    def cycle(self):
        """The commands of frames/*.txt and the bytes they made on the wire; None when an answer came too late."""
        self.reset()
        for command in ("open", "scan", f"on {self.first_output}", "scan", f"off {self.first_output}",
                        f"pulse {self.first_output} 700"):
            if self.do(command)["result"] != "ok":
                return None
        return self.tap.take()

    def stop(self):
        self.probe.stop()
        self.module.stop()
        self.tap.stop()


@pytest.fixture(scope="module", params=[(k, p, t) for p in PROFILES for t in ("tcp", "rtu")
                                        for k in (LibmodbusModule, PymodbusModule)],
                ids=lambda value: f"{value[1]}-{value[2]}-{value[0].__name__}")
def bench(request):
    with short_folder() as folder:
        bench = Bench(folder, *request.param)
        try:
            yield bench
        finally:
            bench.stop()


def test_frame_files_are_whole_frames_and_hold_the_makers():
    for profile in PROFILES:
        frames = expected(profile)
        assert frames and all(crc16(frame[:-2]) == frame[-2:] for _, frame in frames), profile
    waveshare = (FRAMES / "waveshare_rtu_relay.txt").read_text()
    for printed in ("01 05 00 00 FF 00 8C 3A", "01 05 02 00 00 07 8D B0"):
        assert (">", bytes.fromhex(printed)) in expected("waveshare_rtu_relay") and f"> {printed}  # maker" in waveshare


def test_cycle_is_the_makers_byte_for_byte(bench):
    frames = expected(bench.profile)
    for _ in range(ATTEMPTS):
        heard = bench.cycle()
        wanted = frames
        if heard and bench.transport == "tcp":
            wanted = over_tcp(frames, int.from_bytes(heard[0][1][:2], "big"))
        if heard == wanted:
            return
    assert heard == wanted


@pytest.mark.parametrize("kind,results", [("silence", {"timeout"}), ("exception", {"denied"}),
                                          ("unit", {"corrupt", "timeout"}), ("garbage", {"corrupt", "timeout"}),
                                          ("crc", {"corrupt", "timeout"})])
def test_fault_is_told_and_over_at_once(bench, kind, results):
    bench.module.fault(kind)
    answer = bench.do("scan")
    assert answer["result"] in results | {"io"} and answer["detail"], answer  # a closed link is opened first
    bench.module.fault("none")
    wait_for("answered again", lambda: bench.do("scan")["result"] == "ok")


def test_another_models_answers_are_noticed(bench):
    altered = {"adam_4056so": (3, 210, 0x4055), "barrier_registers": (4, 16, 1)}
    if bench.profile not in altered:
        pytest.skip("nothing tells its model by a value")
    function, address, value = altered[bench.profile]
    was = MODULES[bench.profile]["tables"][function][address]
    bench.module.set(function, address, value)
    wait_for("another model", lambda: bench.do("open")["result"] == "conflict")
    bench.module.set(function, address, was)
    wait_for("the model", lambda: bench.do("open")["result"] == "ok")
