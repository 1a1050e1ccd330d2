#!/usr/bin/python3
"""Barrier simulator: a physical lane behind a Modbus module, over TCP or an RTU pty.

    barrier_sim.py --listen 127.0.0.1:0 --log L --control C
    barrier_sim.py --pty /tmp/lane2 --baud 38400 --log L --control C

Log: one JSON object a line, each with `mono_ns` (CLOCK_MONOTONIC) and `requests`, the number of
Modbus requests heard so far (by it a test counts scans, however slow the machine): kinds ready, coil,
input, boom, vehicle, violation, fault. Control: a unix socket, one JSON object a line, answered by one:
    {"do":"vehicle","plate":"鲁H12345","length":4.5,"speed":6,"runs":false}
    {"do":"input","input":"obstacle","active":true|false|null}
    {"do":"fault","kind":"silence|exception|unit|garbage|short|crc|delay|function|twice|drop|none",
     "value":N,"count":N,"functions":[2],"unit":N}
    {"do":"refuse"} {"do":"listen"} (TCP) {"do":"vanish"} {"do":"return"} (pty)
    {"do":"identity","identity":{"vendor":"V","product":"P","revision":"R","split":1,"raw":"2B0E…"}}
    {"do":"power","on":false} {"do":"register","function":3,"address":214,"value":1}
    {"do":"boom_off","off":true} {"do":"state"}
    {"do":"read","plate":"鲁H12345"} of the camera on the same line (--camera-unit)
Ready is told by sd_notify and by the log's first line (port, pty).
"""
import argparse
import asyncio
import json
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from sim.barrier_model import INPUTS, OUTPUTS, Barrier  # noqa: E402
from sim.camera_model import RegisterCamera  # noqa: E402
from sim.modbus_server import RtuServer, TcpServer, notify  # noqa: E402
from sim.module_model import MODULES, Module  # noqa: E402
from sim.template_server import TemplateServer  # noqa: E402

TICK_S, REST_TICK_S = 0.005, 0.02


class Simulator:
    def __init__(self, options):
        self.options = options
        self.log_file = open(options.log, "a", buffering=1, encoding="utf-8")
        self.barriers, self.modules = {}, {}
        for unit in options.unit:
            barrier = Barrier(lambda kind, unit=unit, **fields: self.log(kind, unit=unit, **fields),
                              travel_s=options.travel_s, bounce_ms=options.bounce_ms,
                              auto_close=options.auto_close, low=options.low,
                              one_per_opening=options.one_per_opening,
                              position=1.0 if options.start_open else 0.0)
            self.barriers[unit] = barrier
            self.modules[unit] = Module(barrier, MODULES[options.profile],
                                        options.inputs, options.outputs, options.low_outputs)
        if options.camera_unit:
            self.modules[options.camera_unit] = RegisterCamera(version=options.camera_map)
        self.server = None

    def requests(self):
        return self.server.requests if self.server else 0

    def log(self, kind, **fields):
        self.log_file.write(json.dumps({"kind": kind, "mono_ns": time.monotonic_ns(),
                                        "requests": self.requests(), **fields}, ensure_ascii=False) + "\n")

    async def tick(self):
        while True:
            for barrier in self.barriers.values():
                barrier.tick(time.monotonic() * self.options.pace)
            rests = all(barrier.rests() for barrier in self.barriers.values())
            await asyncio.sleep(REST_TICK_S if rests else TICK_S)

    def act(self, command):
        do = command.pop("do")
        if do == "read":
            self.modules[self.options.camera_unit].read(**command)
            self.log("read", **command)
            return {}
        unit = command.get("unit") or self.options.unit[0]
        barrier = self.barriers.get(unit)
        if do == "state":
            return {**barrier.state(), "requests": self.requests()}
        if do == "fault":
            self.server.faults.set(**command)
            self.log("fault", fault=command["kind"])
        elif do == "vehicle":
            command.pop("unit", None)
            barrier.arrive(command.pop("plate", ""), **command)
        elif do == "input":
            barrier.force(command["input"], command["active"])
        elif do == "register":
            self.modules[unit].set(**{k: v for k, v in command.items() if k != "unit"})
        elif do == "identity":  # null: it does not know functions 17 and 43; pymodbus always does
            self.modules[unit].identity = command["identity"]
            if self.options.stack == "pymodbus":
                self.server.identify(command["identity"])
        elif do == "registers":
            return {"value": self.modules[unit].tables[command["function"]].get(command["address"])}
        elif do == "power":
            barrier.powered = command["on"]
            if not command["on"]:
                barrier.power_cycle()
        elif do == "coil":  # somebody else's hand on the relay
            barrier.set_coil(command["coil"], command["on"], by="foreign")
        elif do == "boom":
            barrier.move(command["motion"], "foreign")
        elif do == "boom_off":
            barrier.boom_off = command["off"]
        elif do == "vanish":
            self.server.vanish()
        elif do == "return":
            self.server.open()
        else:
            raise ValueError(f"do {do!r}: unknown")
        return {}

    async def serve_control(self, reader, writer):
        while line := await reader.readline():
            try:
                command = json.loads(line)
                if command.get("do") == "refuse":
                    await self.server.refuse()
                    result = {}
                elif command.get("do") == "listen":
                    await self.server.listen()
                    result = {}
                else:
                    result = self.act(command)
                answer = {"ok": True, **result}
            except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
                answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
            writer.write((json.dumps(answer, ensure_ascii=False) + "\n").encode())
            await writer.drain()
        writer.close()

    async def start_pymodbus(self, ready):
        from sim.pymodbus_server import PymodbusRtu, PymodbusTcp  # a second to load, for those who ask for it
        if self.options.pty or self.options.serial_line:
            self.server = PymodbusRtu(self.modules, self.options.pty, self.options.serial_line, self.options.baud)
            await self.server.start()
        else:
            host, _, port = self.options.listen.rpartition(":")
            self.server = PymodbusTcp(self.modules)
            ready["port"] = await self.server.start(host.strip("[]"), int(port))

    async def run(self):
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: done.done() or done.set_result(None))
        ready = {"units": self.options.unit}
        if self.options.stack == "pymodbus":
            await self.start_pymodbus(ready)
        elif self.options.stack == "template":
            self.server = TemplateServer(self.modules, self.options.pty)
            self.server.open()
            ready["pty"] = self.options.pty
        elif self.options.pty:
            self.server = RtuServer(self.modules, self.options.pty, self.options.baud,
                                    self.options.answer_ms, self.options.char_bits)
            self.server.open()
            ready["pty"] = self.options.pty
        else:
            host, _, port = self.options.listen.rpartition(":")
            self.server = TcpServer(self.modules)
            ready["port"] = await self.server.start(host.strip("[]"), int(port))
        if self.options.control:
            await asyncio.start_unix_server(self.serve_control, self.options.control)
        ticking = loop.create_task(self.tick())
        self.log("ready", **ready)
        notify("READY=1")
        await asyncio.wait([done, ticking], return_when=asyncio.FIRST_COMPLETED)
        if ticking.done():
            ticking.result()


def channel_map(names):
    def parse(text):
        out = {}
        for part in filter(None, text.split(",")):
            name, _, channel = part.partition("=")
            if name not in names:
                raise argparse.ArgumentTypeError(f"{name!r}: expected one of {', '.join(names)}")
            out[int(channel)] = name
        return out
    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    line = parser.add_mutually_exclusive_group(required=True)
    line.add_argument("--listen", help="host:port, port 0 = any (see the log's first line)")
    line.add_argument("--pty", help="path of a symbolic link to the RTU line")
    line.add_argument("--serial-line", help="path of an RTU line that is there (--stack pymodbus)")
    parser.add_argument("--stack", choices=["own", "pymodbus", "template"], default="own",
                        help="whose Modbus it speaks, or drivers/template's frames")
    parser.add_argument("--baud", type=int, default=38400)
    parser.add_argument("--char-bits", type=int, default=10)
    parser.add_argument("--answer-ms", type=float, default=1.0, help="RTU: thinking time")
    parser.add_argument("--unit", type=int, action="append")
    parser.add_argument("--camera-unit", type=int, help="a register camera on the same line")
    parser.add_argument("--camera-map", type=int, default=1, help="version of its register map")
    parser.add_argument("--profile", choices=MODULES, default="generic")
    parser.add_argument("--inputs", type=channel_map(INPUTS), default=dict(enumerate(INPUTS)),
                        help="presence=2,obstacle=3 … default: in order")
    parser.add_argument("--outputs", type=channel_map(OUTPUTS), default=dict(enumerate(OUTPUTS)))
    parser.add_argument("--low", type=lambda text: text.split(","), default=[],
                        help="inputs wired normally closed")
    parser.add_argument("--low-outputs", type=lambda text: text.split(","), default=[],
                        help="outputs that act when de-energised")
    parser.add_argument("--travel-s", type=float, default=1.5)
    parser.add_argument("--bounce-ms", type=float, default=12)
    parser.add_argument("--auto-close", choices=["none", "loop"], default="none")
    parser.add_argument("--one-per-opening", action=argparse.BooleanOptionalAction)
    parser.add_argument("--start-open", action="store_true")
    parser.add_argument("--pace", type=float, default=1.0, help="model seconds a second")
    parser.add_argument("--log", required=True)
    parser.add_argument("--control")
    options = parser.parse_args()
    options.unit = options.unit or [1]
    return options


if __name__ == "__main__":
    asyncio.run(Simulator(parse_arguments()).run())
