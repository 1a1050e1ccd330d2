"""Which model answers, by what it says of itself: Read Device Identification (43/14) against pymodbus' server and
the simulator's, Report Server ID (17) against these and libmodbus' own server, over TCP and RTU. Another model is
refused and nothing is energised; a device that does not know the functions cannot tell."""
import contextlib
import json
import pathlib

import pytest

from harness.io_modules import TESTS, LibmodbusModule, Lines
from harness.process import wait_for
from harness.sim import BarrierSim
from harness.stack import short_folder
from harness.wire_tap import LineTap

PROFILE = """name: here
model: Gate Works SM-8
answer: 10ms
outputs: [{write: coil, address: 0, count: 8}]
fail_safe: {outputs: hold}
on_power_up: off
"""
VENDOR, PRODUCT = "device_identification: {vendor: Gate Works}\n", "device_identification: {product: SM-8}\n"
REVISION = "device_identification: {revision: '1.*', answer_max: 60}\n"
RIGHT = {"vendor": "Gate Works", "product": "SM-8", "revision": "1.4"}


class Bench:
    """A module of one stack and line; `probe(keys)` is its driver with these keys in the profile."""

    def __init__(self, folder, stack, transport):
        self.folder, self.stack, self.transport = folder, stack, transport
        if stack == "libmodbus":
            self.tap = LineTap() if transport == "rtu" else None
            self.module = LibmodbusModule(folder, "generic", self.tap.far if self.tap else None)
            self.where = self.tap.near if self.tap else str(self.module.port)
            return
        rtu = ["--baud", "115200"] if transport == "rtu" else []
        self.module = BarrierSim("io", folder, "--stack", stack, *rtu, pty=transport == "rtu")
        self.module.start()
        self.tap, self.where = None, self.module.pty or str(self.module.port)

    def identity(self, **identity):
        self.module.do("identity", identity=identity or None)

    @contextlib.contextmanager
    def probe(self, keys):
        path = pathlib.Path(self.folder) / "here.yaml"
        path.write_text(PROFILE + keys)
        lines = Lines(TESTS / "io_probe", path, self.transport, self.where)
        try:
            yield lambda command: json.loads(lines.do(command))
        finally:
            lines.stop()

    def opens(self, keys, result):
        """What open says, once it says `result` (a slow machine may cost an answer first)."""
        with self.probe(keys) as do:
            return wait_for(f"{keys}: {result}", lambda: (
                lambda a: a if a["result"] == result else None)(do("open")))["detail"]

    def stop(self):
        self.module.stop()
        if self.tap:
            self.tap.stop()


def benches(*stacks):
    return pytest.mark.parametrize("bench", [(s, t) for s in stacks for t in ("tcp", "rtu")], ids="-".join,
                                   indirect=True)


@pytest.fixture(scope="module")
def bench(request):
    with short_folder() as folder:
        bench = Bench(folder, *request.param)
        try:
            yield bench
        finally:
            bench.stop()


@benches("own", "pymodbus")
def test_the_right_model_is_opened_and_moved(bench):
    bench.identity(**RIGHT)
    with bench.probe(PRODUCT + "server_id: {text: SM-8, required: true}\n") as do:
        wait_for("opened", lambda: do("open")["result"] == "ok")
        wait_for("written", lambda: do("on red")["result"] == "ok")
        assert do("scan")["outputs"] == ["red"]
        do("off red")


@benches("own", "pymodbus")
@pytest.mark.parametrize("keys,other,says", [
    (VENDOR, {"vendor": "Other Works"}, "vendor is 'Other Works', not 'Gate Works'"),
    (PRODUCT, {"product": "SM-80"}, "product code is 'SM-80', not 'SM-8'"),
    (REVISION, {"revision": "2.0"}, "revision is '2.0', not '1.*'"),
    (PRODUCT, {"product": ""}, "product code is '', not 'SM-8'"),
    ("server_id: {text: SM-8}\n", {"product": "SM-4"}, "server id (17) is 47 61 74 65 'Gate Works-SM-4-1.4")],
    ids=["vendor", "product", "revision", "none", "server"])
def test_another_model_is_refused_with_what_was_expected_and_found(bench, keys, other, says):
    bench.identity(**{**RIGHT, **other})
    before = len(bench.module.events("coil"))
    text = bench.opens(keys, "conflict")
    assert text.startswith(f"型号不符 another device: {says}") and text.endswith("; expected Gate Works SM-8")
    assert len(bench.module.events("coil")) == before
    bench.identity(**RIGHT)
    bench.opens(keys, "ok")


@benches("libmodbus")
def test_server_id_of_libmodbus(bench):
    # libmodbus' server: id 180, run indicator FF, its version
    bench.opens("server_id: {id: 'B4 FF', text: LMB, required: true}\n", "ok")
    assert "server id (17) is B4 FF 4C 4D '??LMB" in bench.opens("server_id: {id: 'B4 00'}\n", "conflict")
    assert "server id (17) is B4 FF" in bench.opens("server_id: {text: ADAM}\n", "conflict")


@benches("own")
def test_a_device_without_the_functions_cannot_tell(bench):
    bench.identity()
    bench.opens(PRODUCT + "server_id: {text: SM-8}\n", "ok")
    name = "identify: [{what: name, read: input_registers, address: 5, count: 2, answer: text, text: SM-8%s}]\n"
    bench.opens(name % ", required: false", "ok")
    assert "name is refused (2); expected" in bench.opens(name % "", "conflict")
    required = PRODUCT.replace("}", ", required: true}")
    assert "device identification (43/14) is refused (1); expected" in bench.opens(required, "conflict")
    assert "server id (17) is refused (1)" in bench.opens("server_id: {text: SM-8, required: true}\n", "conflict")


@benches("own")
def test_an_answer_in_parts_is_put_together(bench):
    for split in (1, 2):
        bench.identity(**RIGHT, split=split)
        bench.opens(REVISION, "ok")
    bench.identity(**{**RIGHT, "revision": "2"}, split=1)
    assert "revision is '2', not '1.*'" in bench.opens(REVISION, "conflict")


@benches("own")
@pytest.mark.parametrize("raw,says", [
    ("2B0E0181FF01" + "01" + "0004474F4F44", None),  # more follows, for ever the same
    ("2B0E0181FF0000", None), ("2B0E0181FF0100", None),  # … and nothing comes
    ("2B0E01810000" + "01" + "01FF", "answer of 2"),  # an object longer than the answer may be
    ("2B0E02810000" + "00", "MEI type 14, code 2 answered"),
    ("2B0D01810000" + "00", "MEI type 13, code 1 answered"),
    ("2B0E018100", None), ("2B", None)],  # cut short
    ids=["endless", "nothing", "forward", "long", "code", "mei", "short", "bare"])
def test_a_hostile_answer_is_no_identification(bench, raw, says):
    bench.identity(raw=raw)
    with bench.probe(PRODUCT) as do:
        answer = do("open")
        assert answer["result"] in {"corrupt", "timeout", "io"}, answer
        assert not says or says in answer["detail"] or answer["result"] != "corrupt"
        if bench.transport == "tcp" and answer["result"] == "corrupt" and raw.startswith("2B0E0181FF"):
            assert "identification without end" in answer["detail"]
    bench.identity(**RIGHT)
    bench.opens(PRODUCT, "ok")
