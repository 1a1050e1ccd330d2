"""Modules behind somebody else's Modbus for the contract of the role io: libmodbus' own server and pymodbus'."""
import os
import subprocess

import yaml

from .process import SANITIZER_OPTIONS, SLOWNESS
from .sim import BarrierSim
from .stack import PROFILES, program
from sim.barrier_model import INPUTS
from sim.module_model import MODULES

TESTS = program("x").parents[1] / "tests"
SHIPPED = PROFILES / "module"
# limit_closed, the two health contacts, mains: what is so at a closed barrier
ACTIVE = [INPUTS.index(name) for name in ("limit_closed", "person_device_ok", "vehicle_detector_ok", "mains_ok")]
ENVIRONMENT = {**SANITIZER_OPTIONS, **os.environ}


class Lines:
    """A program that answers each line of its stdin by one."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(part) for part in command], env=ENVIRONMENT, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.first = self.process.stdout.readline().strip()
        assert self.first, command

    def do(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(10 * SLOWNESS) == 0


class LibmodbusModule:
    """libmodbus' server with the tables of a model."""

    def __init__(self, folder, profile, line):
        self.lines = Lines(TESTS / "libmodbus_module", *(["rtu", line] if line else ["tcp"]))
        self.port = 0 if line else int(self.lines.first)
        model = MODULES[profile]
        for function, table in model.get("tables", {}).items():
            for address, value in table.items():
                self.set(function, address, value)
        if "flash_on" in model:
            first, unit_s = model["flash_on"]
            self.obey(f"timer {first} {model['outputs'][2]} {int(unit_s * 1000)}")
        if "clears" in model:
            first, function, target, count = model["clears"]
            self.obey(f"clears {first} {count} {function} {target}")
        function, first, count = model["inputs"]
        if function == 4:
            self.set(4, first, sum(1 << channel for channel in ACTIVE))
        else:
            for channel in ACTIVE:
                if channel < count:
                    self.set(function, first + channel, 1)
        for (function, address), levels in model.get("words", {}).items():
            self.set(function, address, 2 if levels == "inputs" else 0)

    def obey(self, line):
        assert self.lines.do(line) == "ok", line

    def set(self, function, address, value):
        self.obey(f"set {function} {address} {value}")

    def fault(self, kind):
        self.obey(f"fault {kind}")

    def coil(self, address):
        return self.lines.do(f"get 1 {address}") == "1"

    def stop(self):
        self.lines.stop()


class PymodbusModule:
    """The simulator behind pymodbus."""

    def __init__(self, folder, profile, line):
        points = yaml.safe_load((SHIPPED / f"{profile}.yaml").read_text()).get("points", {})
        wiring = []
        for kind, channels in points.items():
            wiring += [f"--{kind}", ",".join(f"{k}={v}" for k, v in channels.items() if not k.startswith("active"))]
        self.sim = BarrierSim("io", folder, "--profile", profile, "--stack", "pymodbus", *wiring,
                              *(["--serial-line", line] if line else []), "--bounce-ms", "0")
        self.sim.start()
        self.sim.do("input", input="limit_closed", active=True)  # whatever the boom does
        self.sim.do("input", input="limit_open", active=False)
        self.port = 0 if line else self.sim.port

    def set(self, function, address, value):
        self.sim.do("register", function=function, address=address, value=value)

    def fault(self, kind):
        self.sim.do("fault", kind=kind)

    def stop(self):
        self.sim.stop()
