"""The device of drivers/template on a pty, from the table in template_frame.h, apart from the driver's code."""
import asyncio
import os
import tty

from sim.modbus_server import ModbusError, Server

MODEL, VERSION = 0x42, 1
READ, SET, IDENTIFY = 1, 2, 3


def summed(data):
    total = 0
    for byte in data:
        total ^= byte
    return bytes(data) + bytes([total])


class TemplateServer(Server):
    """Units are modules of the model `generic`, whose tables it does not use."""

    def __init__(self, modules, link):
        super().__init__(modules)
        self.link, self.buffer = link, b""

    def open(self):
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.symlink(os.ttyname(self.slave), self.link)
        asyncio.get_running_loop().add_reader(self.master, self.readable)

    def readable(self):
        self.buffer = (self.buffer + os.read(self.master, 64))[-6:]
        if len(self.buffer) == 6 and self.buffer[0] == 0xA5 and summed(self.buffer[:5]) == self.buffer:
            request, self.buffer = self.buffer, b""
            self.answer_one(*request[1:5])

    def data(self, module, command, first, second):
        if command == READ:
            return [*module.word(module.input_level, 0, 16).to_bytes(2, "big"), module.word(module.output_level, 0, 8)]
        if command == IDENTIFY:
            return [MODEL, VERSION, 0]
        module.write_coil(first, 0xFF00 if second else 0)
        return [first, second, 0]

    def answer_one(self, unit, command, first, second):
        self.requests += 1
        kind, module = self.faults.take(unit, command), self.devices.get(unit)
        if module is None or not module.powered or kind in ("silence", "drop"):
            return
        if kind == "exception":
            out = summed([0x5A, unit, command | 0x80, 4, 0, 0])
        else:
            try:
                out = summed([0x5A, unit, command, *self.data(module, command, first, second)])
            except ModbusError as error:
                out = summed([0x5A, unit, command | 0x80, error.code, 0, 0])
        os.write(self.master, self.spoilt(kind, out))

    def spoilt(self, kind, out):
        changed = {"unit": (1, 1), "function": (2, 3), "crc": (6, 0x55)}
        if kind == "garbage":
            return self.faults.random.randbytes(24)
        if kind == "short":
            return out[:-1]
        if kind in changed:
            at, flip = changed[kind]
            spoilt = bytearray(out)
            spoilt[at] ^= flip
            return bytes(spoilt) if kind == "crc" else summed(spoilt[:-1])
        return out
