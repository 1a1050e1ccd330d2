"""Simulated devices as programs: started, told what to do, their logs read."""
import json
import os
import pathlib
import shutil
import socket
import sys
import tempfile
import weakref

from .process import Program, wait_for

REALTIME_PRIORITY = 45  # above every thread of checkpointd
SIM = pathlib.Path(__file__).resolve().parent.parent / "sim"


class Simulated(Program):
    """A simulator of tests/sim. `do(...)` sends one command; `events(kind, **fields)` reads its log."""

    script = None

    def __init__(self, name, folder, *arguments):
        folder = pathlib.Path(folder)
        # In memory: a write to a busy disk would hold up the simulated hardware.
        log_folder = tempfile.mkdtemp(prefix="sim-", dir="/dev/shm")
        weakref.finalize(self, shutil.rmtree, log_folder, ignore_errors=True)
        self.events_path, self.control_path = pathlib.Path(log_folder) / f"{name}.jsonl", folder / f"{name}.sock"
        super().__init__(name, [sys.executable, SIM / self.script, "--log", self.events_path,
                                "--control", self.control_path, *arguments], folder)
        self._control = None
        self._read, self._read_bytes = [], 0  # of the log

    def start(self, timeout_s=15.0):
        super().start(timeout_s)
        try:  # hardware does not slow down when the machine under test is busy
            os.sched_setscheduler(self.process.pid, os.SCHED_FIFO, os.sched_param(REALTIME_PRIORITY))
        except PermissionError:
            pass  # not root: slower under load, else the same
        return self

    def events(self, kind=None, **fields):
        with open(self.events_path, "rb") as log:
            log.seek(self._read_bytes)
            whole = log.read().rpartition(b"\n")[0]  # behind it a line is being written
        if whole:
            self._read_bytes += len(whole) + 1
            self._read += map(json.loads, whole.split(b"\n"))
        return [event for event in self._read
                if kind in (None, event["kind"]) and all(event.get(k) == v for k, v in fields.items())]

    def wait_event(self, kind, *, after_ns=0, timeout_s=10.0, **fields):
        """The first such event later than `after_ns`."""
        def find():
            return next((e for e in self.events(kind, **fields) if e["mono_ns"] > after_ns), None)
        return wait_for(f"{self.name}: {kind} {fields}", find, timeout_s)

    def do(self, do, **fields):
        if self._control is None:
            self._control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._control.settimeout(10)
            self._control.connect(str(self.control_path))
            self._lines = self._control.makefile("r", encoding="utf-8")
        self._control.sendall((json.dumps({"do": do, **fields}) + "\n").encode())
        answer = json.loads(self._lines.readline())
        if not answer.pop("ok"):
            raise ValueError(answer["error"])
        return answer

    def _close(self):
        if self._control is not None:
            self._lines.close()
            self._control.close()
            self._control = None
        super()._close()


class BarrierSim(Simulated):
    """`tcp` (any free port, see .port) or an RTU line at `pty` (see .pty)."""

    script = "barrier_sim.py"

    def __init__(self, name, folder, *arguments, pty=False):
        self.pty = str(pathlib.Path(folder) / f"{name}.tty") if pty else None
        elsewhere = "--serial-line" in arguments
        line = [] if elsewhere else ["--pty", self.pty] if pty else ["--listen", "127.0.0.1:0"]
        super().__init__(name, folder, *line, *arguments)

    @property
    def port(self):
        return self.events("ready")[-1]["port"]

    def state(self):
        return self.do("state")


class CameraSim(Simulated):
    """`kind`: "tcp" (registers, see .port), "rtu" (registers at .line), "serial" (text at .line)."""

    script = "camera_sim.py"

    def __init__(self, name, folder, kind, *arguments):
        self.kind = kind
        self.line = str(pathlib.Path(folder) / f"{name}.tty")
        line = {"tcp": ["--listen", "127.0.0.1:0"], "rtu": ["--pty", self.line],
                "serial": ["--serial", self.line]}[kind]
        super().__init__(name, folder, *line, *arguments)

    @property
    def port(self):
        return self.events("ready")[-1]["port"]
