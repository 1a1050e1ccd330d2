"""Cameras that say plates over registers or a serial line, as their pages in drivers/wire describe.

Written from the tables there, apart from the product's codecs, so that the two check each other.
"""
import struct
import time

from sim.modbus_server import EXCEPTION_ADDRESS, EXCEPTION_VALUE, ModbusError

MAGIC, COUNT = 0x5052, 34
STATUS_AT, CANDIDATES_AT, CANDIDATES_MAX, MAP_END = 34, 40, 5, 88
ENCODINGS = {"utf-8": 0, "gbk": 1}
OPEN, CLOSE = bytes.fromhex("89ABCDEF"), bytes.fromhex("12345678")
STX, ETX = b"\x02", b"\x03"


def words_of(data, count):
    return list(struct.unpack(f"!{count}H", data[:2 * count].ljust(2 * count, b"\0")))


class Clock:
    """The camera's own: `offset` seconds ahead of ours."""

    offset = 0.0

    def ms(self):
        return int((time.time() + self.offset) * 1000)


class RegisterCamera:
    """The last read as input registers from `base`; half a block when it is told to tear. Version 2 has
    heartbeat, clock and candidates too. `lights` and `trigger` are coils; `log` hears of them."""

    powered = True

    def __init__(self, base=0, version=1, encoding="utf-8", trigger=None, lights=(), log=None):
        self.base, self.version, self.encoding, self.sequence = base, version, encoding, 0
        self.registers = [MAGIC, version] + [0] * (COUNT - 2)
        self.candidates = [0] * (MAP_END - CANDIDATES_AT)
        self.clock, self.beating, self.beat = Clock(), True, 7
        self.tear_left = {"read": 0, "status": 0, "candidates": 0}
        self.trigger, self.lights, self.log = trigger, {light: False for light in lights}, log
        self.on_trigger = None  # the read a trigger makes

    def read(self, plate, confidence=255, plate_class="", direction=0, colour=0, event=0,
             wall_ms=0, skip=0, text=None, candidates=()):
        """A vehicle; `skip` reads before it were overwritten unseen; `text`: raw bytes instead; `wall_ms`
        None: the camera's clock; `candidates`: [plate, confidence] of each."""
        for _ in range(skip + 1):
            self.sequence = self.sequence % 65535 + 1
        text = bytes.fromhex(text) if text else plate.encode(self.encoding)
        kind = struct.unpack("!H", plate_class.encode("ascii"))[0] if plate_class else 0
        wall_ms = self.clock.ms() if wall_ms is None else wall_ms
        marks = ENCODINGS[self.encoding] << 8 if self.version > 1 else 0
        block = [self.sequence, len(candidates)]
        for other, sure in candidates:
            data = other.encode(self.encoding)
            block += [len(data) << 8 | sure] + words_of(data, 8)
        self.candidates = block + [0] * (MAP_END - CANDIDATES_AT - 1 - len(block)) + [self.sequence]
        self.registers = ([MAGIC, self.version, self.sequence, confidence, kind, direction, colour, 0xFFFF]
                          + list(struct.unpack("!4H", struct.pack("!Q", event)))
                          + list(struct.unpack("!4H", struct.pack("!Q", wall_ms)))
                          + [marks | len(text)] + words_of(text, 16) + [self.sequence])

    def status(self):
        if self.beating:
            self.beat = int(time.monotonic() * 4) & 0xFFFF
        return [self.beat] + list(struct.unpack("!4H", struct.pack("!Q", self.clock.ms()))) + [self.beat]

    def torn(self, block, at, words):
        """As read between the writing of its last register and its first."""
        if at < len(words) and self.tear_left[block] > 0:
            self.tear_left[block] -= 1
            words[at] = (words[at] - 1) & 0xFFFF
            words[4] ^= 0x0101  # whatever stands between is half old, half new
        return words

    def read_bits(self, function, address, count):
        raise ModbusError(EXCEPTION_ADDRESS)

    def read_registers(self, function, address, count):
        first = address - self.base
        end = MAP_END if self.version > 1 else COUNT
        if function != 4 or first < 0 or first + count > end:
            raise ModbusError(EXCEPTION_ADDRESS)
        if first == 0:
            words = self.torn("read", 2, list(self.registers))
        elif first == STATUS_AT:
            words = self.torn("status", 0, self.status())
        else:
            words = self.torn("candidates", 0, list(self.candidates))
        return words[:count]

    def write_coil(self, address, value):
        if value not in (0xFF00, 0):
            raise ModbusError(EXCEPTION_VALUE)
        if address == self.trigger and value:
            self.log("trigger")
            if self.on_trigger:
                self.read(**self.on_trigger)
        elif address in self.lights:
            self.lights[address] = bool(value)
            self.log("light", coil=address, on=bool(value))
        else:
            raise ModbusError(EXCEPTION_ADDRESS)

    def write_register(self, address, *values):
        raise ModbusError(EXCEPTION_ADDRESS)

    mask_register = write_register


def serial_message(number, data):
    out = OPEN + struct.pack("!II", number, len(data)) + data
    check = 0
    for byte in out:
        check ^= byte
    return out + bytes([check]) + CLOSE


def serial_text(plate, confidence="", plate_class="", direction="", event=""):
    return ";".join(str(part) for part in (plate, confidence, plate_class, direction, event))


def stx_etx_text(clock, plate, camera="01"):
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(clock.ms() / 1000 + 8 * 3600)) + camera + plate
