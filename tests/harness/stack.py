"""A whole checkpoint in one folder: configuration files, programs, simulated lanes."""
import json
import os
import pathlib
import socket
import tempfile

import yaml

from harness.process import SLOWNESS, Group, Program, wait_for
from harness.sign import Sign
from harness.sim import BarrierSim, CameraSim

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CHECKPOINT_BUILD", ROOT / "build" / "release"))
INPUTS = {"limit_open": 0, "limit_closed": 1, "presence": 2, "obstacle": 3, "entry_loop": 4,
          "exit_loop": 5, "local_control": 6, "emergency_stop": 7, "fault": 8, "boom_off": 9}
OUTPUTS = {"raise": 0, "lower": 1, "stop": 2, "red": 3, "yellow": 4, "green": 5, "siren": 6,
           "strobe": 7}

# A simulator shares the machine with everything else: patience, where a module needs none.
PATIENCE = "800ms"


def program(name):
    """Path of a program of the build under test."""
    return BUILD / "bin" / name


def short_folder():
    """A folder of its own with a short name: sockets and serial lines have short paths."""
    return tempfile.TemporaryDirectory(prefix="cp.", dir="/tmp")


def free_udp_port():
    """A port nobody else uses now; the socket is kept, so that datagrams to it are not refused."""
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", 0))
    _sinks.append(sink)
    return sink.getsockname()[1]


_sinks = []


PROFILES = ROOT / "drivers" / "profiles"
# Inputs whose polarity a device must state; the simulators' contacts close.
SAFETY_INPUTS = ["presence", "obstacle", "local_control", "emergency_stop", "person_device_ok",
                 "vehicle_detector_ok", "fire_raise"]


def with_polarity(lane):
    """The lane, its safety inputs active high unless it says otherwise."""
    devices = []
    for device in lane["devices"]:
        inputs = dict(device.get("inputs", {}))
        said = set(inputs.get("active_low", [])) | set(inputs.get("active_high", []))
        silent = [name for name in SAFETY_INPUTS if name in inputs and name not in said]
        if silent:
            inputs["active_high"] = list(inputs.get("active_high", [])) + silent
        devices.append({**device, **({"inputs": inputs} if inputs else {})})
    return {**lane, "devices": devices}


def module(**more):
    return {"name": "module", "profile": "generic", "unit": 1, "inputs": dict(INPUTS),
            "outputs": dict(OUTPUTS), **more}


class LineClient:
    """One JSON object a line over a unix socket."""

    def __init__(self, path, timeout_s=10.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout_s * SLOWNESS)
        self.socket.connect(str(path))
        self.buffer = b""
        self.number = 0

    def send(self, **fields):
        self.socket.sendall((json.dumps(fields, ensure_ascii=False) + "\n").encode())

    def receive(self):
        while b"\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("the server closed the connection")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def act(self, name, /, token=None, **args):
        """One act on the control socket; the answer whole."""
        self.number += 1
        request = {"id": self.number, "do": name, "args": args}
        if token:
            request["token"] = token
        self.send(**request)
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                return answer

    def close(self):
        self.socket.close()


class Checkpoint:
    """One box: its folders, its lanes' simulators, checkpointd."""

    def __init__(self, folder, name="lu-hz-01"):
        self.folder = pathlib.Path(folder)
        self.name = name
        self.run = self.folder / "run"
        self.state = self.folder / "state"
        self.etc = self.folder / "etc"
        self.roots = self.etc / "roots"
        for path in (self.run, self.state, self.etc, self.roots):
            path.mkdir(parents=True, exist_ok=True)
        self.lanes, self.buses, self.cameras, self.sims = [], [], [], {}
        self.wired, self.camera_sims = [], {}
        self.displays, self.signs = [], {}
        self.port = free_udp_port()
        self.ports = [{"port": self.port, "format": "compact"}]
        self.programs = Group()

    def add_tcp_lane(self, lane, sim=(), **options):
        """A lane whose module speaks Modbus TCP; `sim` are arguments of the simulator."""
        self.sims[lane] = BarrierSim(f"lane{lane}", self.folder, *sim).start()
        self.buses.append({"name": f"bus-{lane}", "kind": "modbus_tcp", "host": "127.0.0.1",
                           "port": self.sims[lane].port})
        self.lanes.append({"id": lane, "bus": f"bus-{lane}", "devices": [module(timeout=PATIENCE)],
                           **options})

    def add_closing_lane(self, lane, sim=(), **options):
        """One over TCP whose barrier's own controller closes behind a vehicle."""
        self.add_tcp_lane(lane, sim=["--auto-close", "loop", *sim], auto_close="loop", **options)

    def add_open_lane(self, lane, **options):
        """One over TCP whose boom stands open."""
        self.add_tcp_lane(lane, sim=["--start-open"], mode="normally_open", **options)

    def add_rtu_lane(self, lane, sim=(), baud=115200, **options):
        """A lane whose module hangs on a serial line (a pty here)."""
        self.sims[lane] = BarrierSim(f"lane{lane}", self.folder, "--baud", baud, *sim,
                                     pty=True).start()
        self.buses.append({"name": f"bus-{lane}", "kind": "modbus_rtu",
                           "line": self.sims[lane].pty, "baud": baud, "parity": "none"})
        self.lanes.append({"id": lane, "bus": f"bus-{lane}", "devices": [module(timeout=PATIENCE)],
                           **options})

    def add_wired_camera(self, camera, lane, kind, sim=(), **options):
        """A camera of checkpointd.yaml: "tcp", "rtu" or "serial" with a simulator of its own (`sim`: its
        arguments), "shared" on the line of the lane's bus (its simulator needs --camera-unit)."""
        entry = {"id": camera, "lane": lane, **options}
        if kind == "shared":
            entry |= {"kind": "modbus_rtu", "bus": f"bus-{lane}"}
        else:
            sim = CameraSim(f"camera{camera}", self.folder, kind, *(str(a) for a in sim)).start()
            self.camera_sims[camera] = sim
            entry |= {"tcp": lambda: {"kind": "modbus_tcp", "host": "127.0.0.1", "port": sim.port},
                      "rtu": lambda: {"kind": "modbus_rtu", "line": sim.line, "baud": 9600},
                      "serial": lambda: {"kind": "serial", "line": sim.line, "baud": 9600}}[kind]()
        self.wired.append(entry)

    def add_display(self, lane, **options):
        """A sign of a lane in checkpointd.yaml."""
        sign = Sign(self.folder / f"sign{lane}.tty")
        self.signs[lane] = sign
        self.displays.append({"lane": lane, "profile": "generic", "line": sign.line, **options})
        return sign

    def write(self, name, content):
        path = self.etc / name
        path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
        return path

    def write_checkpointd(self, **more):
        return self.write("checkpointd.yaml", {
            "checkpoint": self.name, "runtime_dir": str(self.run),
            "state_dir": str(self.state / "checkpointd"),
            "rules": str(ROOT / "rules" / "default" / "default.yaml"),
            "codes": str(ROOT / "rules" / "default" / "codes.yaml"), "roots": str(self.roots),
            "shipped_profiles": str(PROFILES), "profiles": str(self.etc / "profiles"),
            "journal_reserve_bytes": 1 << 20, "search_per_hour": 5000, "buses": self.buses,
            "lanes": [with_polarity(lane) for lane in self.lanes],
            **({"cameras": self.wired} if self.wired else {}),
            **({"displays": self.displays} if self.displays else {}), **more})

    def start_checkpointd(self, **more):
        (self.state / "checkpointd").mkdir(exist_ok=True)
        path = self.write_checkpointd(**more)
        return self.start("checkpointd", path)

    def add_port(self, format_name):
        """One more port of matchd; its number."""
        self.ports.append({"port": free_udp_port(), "format": format_name})
        return self.ports[-1]["port"]

    def add_camera(self, camera, lane, key=None, **options):
        """A camera of matchd.yaml, on this machine unless `address` says where; `key` (16 bytes) makes its tag
        required."""
        entry = {"id": camera, "lane": lane, "port": self.port, "address": "127.0.0.1", **options}
        if key:
            path = self.etc / f"camera-{camera}.key"
            path.write_text(key.hex() + "\n")
            path.chmod(0o600)
            entry |= {"key_file": str(path), "auth": "required"}
        self.cameras.append(entry)

    def write_matchd(self, redis_socket, sources=None, **more):
        return self.write("matchd.yaml", {
            "runtime_dir": str(self.run), "state_dir": str(self.state / "matchd"),
            "roots": str(self.roots), "redis_socket": str(redis_socket), "redis_user": "",
            "ports": self.ports, "accept_partial_checksum": True,
            "sources": [{"kind": "pcap", "interface": "lo"}] if sources is None else sources,
            **({"cameras": self.cameras} if self.cameras else {}), **more})

    def start_matchd(self, redis_socket, sources=None, **more):
        return self.start("checkpoint-matchd", self.write_matchd(redis_socket, sources, **more))

    def write_uplinkd(self, headquarters, redis_socket, pair=None, **more):
        """uplinkd.yaml for a Headquarters; `pair` is the box's certificate, a good one if None."""
        pair = pair or headquarters.pki.box(self.name)
        return self.write("uplinkd.yaml", {
            "checkpoint": self.name, "fleet": headquarters.pki.fleet,
            "hq": [f"https://127.0.0.1:{headquarters.port_of_restart or headquarters.port}"],
            "hq_root": str(headquarters.pki.servers.pem), "box_root": str(headquarters.pki.boxes.pem),
            "certificate": str(pair.pem), "key": str(pair.key_path),
            "runtime_dir": str(self.run), "state_dir": str(self.state / "uplinkd"),
            "roots": str(self.roots), "redis_socket": str(redis_socket), "redis_user": "",
            "retry_max": "500ms", "poll_wait": "20s", **more})

    def start_uplinkd(self, headquarters, redis_socket, pair=None, **more):
        """The link to a Headquarters that knows the checkpoint (`hq.box(name)`)."""
        return self.start("checkpoint-uplinkd",
                          self.write_uplinkd(headquarters, redis_socket, pair, **more))

    def start_camerad(self, **more):
        """The picture store; harness.pictures hands in."""
        return self.start("checkpoint-camerad", self.write("camerad.yaml", {
            "runtime_dir": str(self.run), "state_dir": str(self.state / "camerad"), "disk_free_mb": 0, **more}))

    def start(self, name, config):
        daemon = Program(name, [program(name), "--config", config], self.folder)
        return self.programs.start(daemon)

    def control(self):
        return LineClient(self.run / "control")

    def events(self, token=None):
        client = LineClient(self.run / "events")
        client.send(do="subscribe", **({"token": token} if token else {}))
        answer = client.receive()
        if not answer.get("ok"):
            raise AssertionError(answer)
        return client

    def port_of(self, server):
        """Where one that has written so listens."""
        return int((self.run / f"{server}.port").read_text())

    def lane(self, number):
        client = self.control()
        lanes = client.act("lanes")["result"]["lanes"]
        client.close()
        return next(lane for lane in lanes if lane["lane"] == number)

    def leader(self, officer="wang", password="correct horse 1"):
        """The first leader and a token of theirs."""
        client = self.control()
        answer = client.act("officer_add", officer=officer, password=password, role="leader")
        assert answer["ok"], answer
        answer = client.act("login", officer=officer, password=password)
        assert answer["ok"], answer
        client.close()
        return answer["result"]["token"]

    def stop(self):
        try:
            self.programs.stop()
        finally:
            for sim in [*self.sims.values(), *self.camera_sims.values()]:
                sim.stop()
            for sign in self.signs.values():
                sign.pull_out()
            self.sims, self.camera_sims, self.signs = {}, {}, {}


def preload_clock(daemon, **options):
    """A wrong wall clock from the next start on; WALL_CLOCK_… options of wall_clock.c say how wrong."""
    library = BUILD / "tests" / "wall_clock.so"
    assert library.exists(), library
    daemon.env |= {"LD_PRELOAD": str(library), **{name: str(value) for name, value in options.items()},
                   "ASAN_OPTIONS": daemon.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}


class WallClock:
    """One wall clock that may jump, of programs from their next start on; their monotonic one stays true."""

    def __init__(self, path, *daemons):
        self.path = pathlib.Path(path)
        self.set(0)
        for daemon in daemons:
            preload_clock(daemon, WALL_CLOCK_OFFSET_FILE=self.path)

    def set(self, offset_s):
        new = self.path.with_suffix(".new")
        new.write_text(f"{offset_s}\n")
        new.rename(self.path)


def wait_until(what, check, timeout_s=15.0):
    return wait_for(what, check, timeout_s, interval_s=0.02)
