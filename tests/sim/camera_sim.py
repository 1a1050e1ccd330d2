#!/usr/bin/python3
"""Camera simulator: register map over Modbus TCP or an RTU pty, or text on a serial pty.

    camera_sim.py --listen 127.0.0.1:0 --log L --control C     registers over TCP
    camera_sim.py --pty P --baud 9600 --log L --control C      registers over RTU
    camera_sim.py --serial P --baud 9600 --log L --control C   text, bytes paced to the baud
    registers: --map 1|2 --encoding utf-8|gbk --trigger COIL --light COIL …
    text: --framing nedap_protocolled|stx_etx|line --encoding utf-8|gbk --trigger-frame HEX

Log: one JSON object a line with `mono_ns`: kinds ready, read, answer, fault, trigger, light. Control, as
of the barrier simulator:
    {"do":"read","plate":"鲁H12345","confidence":97,"plate_class":"02","event":7}
        registers also: "skip":N reads overwritten, "text":"ff…" raw bytes for the plate,
            "candidates":[["鲁H1234S",40]], "wall_ms":N or null for the camera's clock
        text also: "damage":"check|cut|end|long|fields|text", "number":N of the message; says which it got
    {"do":"tear","count":N,"block":"read|status|candidates"} registers: the next N looks find half a block
    {"do":"on_trigger","read":{…}} what a trigger reads
    {"do":"heartbeat","on":false} registers; {"do":"say","text":"ALIVE"} text: a message of that text
    {"do":"clock","offset":S} seconds ahead of ours
    {"do":"fault",…} of the Modbus server; {"do":"bytes","hex":"…"} text: anything
    {"do":"refuse"} {"do":"listen"} (TCP) {"do":"vanish"} {"do":"return"} (pty)
"""
import argparse
import asyncio
import json
import os
import pathlib
import signal
import sys
import time
import tty

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from sim.camera_model import (ETX, STX, Clock, RegisterCamera, serial_message, serial_text,  # noqa: E402
                              stx_etx_text)
from sim.modbus_server import RtuServer, TcpServer, notify  # noqa: E402

ANSWER_SIZE, REPEAT_S, REPEATS = 17, 0.5, 3


class SerialLine:
    """The camera's end of a pty: sends paced, repeats a message until it is answered."""

    def __init__(self, link, baud, framing, encoding, log, trigger=b""):
        self.link, self.char_s, self.log = link, 10 / baud, log
        self.trigger, self.on_trigger = trigger, None
        self.speaking = False  # in the middle of a message; a line may be taken as whole at its CR
        self.framing, self.encoding, self.clock = framing, encoding, Clock()
        self.number, self.heard, self.answered = 0, b"", set()
        self.lock = asyncio.Lock()
        self.tasks = set()

    def open(self):
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        if os.path.lexists(self.link):
            os.unlink(self.link)
        os.symlink(os.ttyname(self.slave), self.link)
        asyncio.get_running_loop().add_reader(self.master, self.readable)

    def vanish(self):
        asyncio.get_running_loop().remove_reader(self.master)
        os.unlink(self.link)
        os.close(self.master)
        os.close(self.slave)

    def readable(self):
        try:
            self.heard = (self.heard + os.read(self.master, 512))[-4096:]
        except OSError:
            return
        while self.trigger and self.trigger in self.heard:
            before, _, after = self.heard.partition(self.trigger)
            self.heard = before + after
            self.log("trigger", inside=self.speaking)
            if self.on_trigger:
                self.read(**self.on_trigger)
        while len(self.heard) >= ANSWER_SIZE:
            frame, self.heard = self.heard[:ANSWER_SIZE], self.heard[ANSWER_SIZE:]
            number = int.from_bytes(frame[4:8], "big")
            good = frame == serial_message(number, b"")
            self.answered.add(number if good else None)
            self.log("answer", number=number, good=good)

    async def send(self, data):
        async with self.lock:
            begin, sent = time.monotonic(), 0
            while sent < len(data):
                due = min(len(data), int((time.monotonic() - begin) / self.char_s) + 1)
                if due > sent:
                    os.write(self.master, data[sent:due])
                    sent = due
                    self.speaking = sent < len(data) - 1
                await asyncio.sleep(self.char_s)

    async def deliver(self, number, data):
        for _ in range(REPEATS):
            await self.send(data)
            await asyncio.sleep(REPEAT_S)
            if number in self.answered:
                return

    def start(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def say(self, text):
        """A message of that text, once."""
        data = text.encode(self.encoding)
        self.start(self.send({"line": data + b"\r\n", "stx_etx": STX + data + ETX,
                              "nedap_protocolled": serial_message(self.number, data)}[self.framing]))

    def read(self, plate, damage=None, number=None, repeat=True, **fields):
        if self.framing == "nedap_protocolled":
            self.read_protocolled(plate, damage, number, repeat, fields)
            return
        begin, end = (STX, ETX) if self.framing == "stx_etx" else (b"", b"\r\n")
        text = stx_etx_text(self.clock, plate) if self.framing == "stx_etx" else serial_text(plate, **fields)
        data = text.encode(self.encoding)
        data = {None: data, "cut": data[:len(data) // 2], "long": data + b"A" * 300,
                "fields": b"x;y;z" + data + b";;;;;;", "text": data + b"\xff\xff"}[damage]
        self.start(self.send(begin + data + (b"" if damage == "cut" else end)))

    def read_protocolled(self, plate, damage, number, repeat, fields):
        self.number = number or self.number + 1
        text = serial_text(plate, **fields).encode(self.encoding)
        if damage == "fields":
            text += b";;;;;;"
        if damage == "text":
            text += b"\xff\xff"
        data = serial_message(self.number, text)
        if damage == "check":
            data = data[:-5] + bytes([data[-5] ^ 0x40]) + data[-4:]
        elif damage == "cut":
            data = data[:len(data) // 2]
        elif damage == "end":
            data = data[:-4] + bytes(4)
        elif damage == "long":
            data = data[:8] + bytes([0, 0, 1, 0]) + data[12:]
        if damage or not repeat:
            self.start(self.send(data))
        else:
            self.start(self.deliver(self.number, data))


class Simulator:
    def __init__(self, options):
        self.options = options
        self.log_file = open(options.log, "a", buffering=1, encoding="utf-8")
        self.camera = None if options.serial else RegisterCamera(
            options.base, options.map, options.encoding, options.trigger, options.light, self.log)
        self.server = None
        if self.camera:
            self.camera.clock.offset = options.offset

    def log(self, kind, **fields):
        self.log_file.write(json.dumps({"kind": kind, "mono_ns": time.monotonic_ns(), **fields},
                                       ensure_ascii=False) + "\n")

    async def act(self, command):
        do = command.pop("do")
        if do == "read":
            (self.camera or self.server).read(**command)
            self.log("read", **command)
            return {} if self.camera else {"number": self.server.number}
        elif do == "tear":
            self.camera.tear_left[command.get("block", "read")] = command["count"]
        elif do == "on_trigger":
            (self.camera or self.server).on_trigger = command["read"]
        elif do == "heartbeat":
            self.camera.beating = command["on"]
        elif do == "clock":
            (self.camera or self.server).clock.offset = command["offset"]
        elif do == "say":
            self.server.say(command["text"])
        elif do == "fault":
            self.server.faults.set(**command)
            self.log("fault", fault=command["kind"])
        elif do == "bytes":
            await self.server.send(bytes.fromhex(command["hex"]))
        elif do == "refuse":
            await self.server.refuse()
        elif do == "listen":
            await self.server.listen()
        elif do == "vanish":
            self.server.vanish()
        elif do == "return":
            self.server.open()
        elif do == "state":
            return {"requests": getattr(self.server, "requests", 0),
                    "torn_left": sum(self.camera.tear_left.values()) if self.camera else 0,
                    "lights": [*self.camera.lights.values()] if self.camera else []}
        else:
            raise ValueError(f"do {do!r}: unknown")
        return {}

    async def serve_control(self, reader, writer):
        while line := await reader.readline():
            try:
                answer = {"ok": True, **await self.act(json.loads(line))}
            except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
                answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
            writer.write((json.dumps(answer) + "\n").encode())
            await writer.drain()
        writer.close()

    async def open_line(self):
        o = self.options
        if o.serial:
            self.server = SerialLine(o.serial, o.baud, o.framing, o.encoding, self.log,
                                     bytes.fromhex(o.trigger_frame))
            self.server.open()
            return {"pty": o.serial}
        if o.pty:
            self.server = RtuServer({o.unit: self.camera}, o.pty, o.baud)
            self.server.open()
            return {"pty": o.pty}
        host, _, port = o.listen.rpartition(":")
        self.server = TcpServer({o.unit: self.camera})
        return {"port": await self.server.start(host, int(port))}

    async def run(self):
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: done.done() or done.set_result(None))
        ready = await self.open_line()
        await asyncio.start_unix_server(self.serve_control, self.options.control)
        self.log("ready", **ready)
        notify("READY=1")
        await done


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    line = parser.add_mutually_exclusive_group(required=True)
    line.add_argument("--listen", help="host:port, port 0 = any (see the log's first line)")
    line.add_argument("--pty", help="path of a symbolic link to the RTU line")
    line.add_argument("--serial", help="path of a symbolic link to the serial line")
    parser.add_argument("--baud", type=int, default=9600)
    parser.add_argument("--unit", type=int, default=1)
    parser.add_argument("--base", type=int, default=0)
    parser.add_argument("--map", type=int, default=1)
    parser.add_argument("--offset", type=float, default=0.0, help="seconds its clock is ahead of ours")
    parser.add_argument("--encoding", default="utf-8")
    parser.add_argument("--framing", default="nedap_protocolled")
    parser.add_argument("--trigger", type=int)
    parser.add_argument("--trigger-frame", default="", help="bytes in hex that make it read")
    parser.add_argument("--light", type=int, nargs="*", default=[])
    parser.add_argument("--log", required=True)
    parser.add_argument("--control", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(Simulator(parse_arguments()).run())
