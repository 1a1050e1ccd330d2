"""Cameras that say plates over registers or a serial line, as their pages in drivers/wire describe.

Written from the tables there, apart from the product's codecs, so that the two check each other.
"""
import struct

from sim.modbus_server import EXCEPTION_ADDRESS, ModbusError

MAGIC, VERSION, COUNT = 0x5052, 1, 34
OPEN, CLOSE = bytes.fromhex("89ABCDEF"), bytes.fromhex("12345678")


class RegisterCamera:
    """The last read as input registers from `base`; half a read when it is told to tear."""

    powered = True

    def __init__(self, base=0):
        self.base, self.sequence = base, 0
        self.registers = [0] * COUNT
        self.registers[0:2] = [MAGIC, VERSION]
        self.tear_left = 0

    def read(self, plate, confidence=255, plate_class="", direction=0, colour=0, event=0,
             wall_ms=0, skip=0, text=None):
        """A vehicle; `skip` reads before it were overwritten unseen; `text`: raw bytes instead."""
        for _ in range(skip + 1):
            self.sequence = self.sequence % 65535 + 1
        text = bytes.fromhex(text) if text else plate.encode("utf-8")
        words = list(struct.unpack("!16H", text[:32].ljust(32, b"\0")))
        kind = struct.unpack("!H", plate_class.encode("ascii"))[0] if plate_class else 0
        self.registers = ([MAGIC, VERSION, self.sequence, confidence, kind, direction, colour, 0xFFFF]
                          + list(struct.unpack("!4H", struct.pack("!Q", event)))
                          + list(struct.unpack("!4H", struct.pack("!Q", wall_ms)))
                          + [len(text)] + words + [self.sequence])

    def read_bits(self, function, address, count):
        raise ModbusError(EXCEPTION_ADDRESS)

    def read_registers(self, function, address, count):
        first = address - self.base
        if function != 4 or first < 0 or first + count > COUNT:
            raise ModbusError(EXCEPTION_ADDRESS)
        words = list(self.registers)
        if self.tear_left > 0:  # register 33 is written, register 2 not yet
            self.tear_left -= 1
            words[2] = (words[2] - 1) & 0xFFFF
            words[20] ^= 0x0101
        return words[first:first + count]

    def write_coil(self, address, *values):
        raise ModbusError(EXCEPTION_ADDRESS)

    write_register = mask_register = write_coil


def serial_message(number, data):
    out = OPEN + struct.pack("!II", number, len(data)) + data
    check = 0
    for byte in out:
        check ^= byte
    return out + bytes([check]) + CLOSE


def serial_text(plate, confidence="", plate_class="", direction="", event=""):
    return ";".join(str(part) for part in (plate, confidence, plate_class, direction, event)).encode()
