"""A small Modbus server on asyncio: TCP and RTU over a pty, misbehaving on request.

Written from the standard, apart from libmodbus, so that the product's bytes are checked by another
hand. A pty has no baud rate, so RTU bytes are paced here to the rate the line was opened with.
"""
import asyncio
import os
import random
import socket
import struct
import termios
import time
import tty

EXCEPTION_FUNCTION, EXCEPTION_ADDRESS, EXCEPTION_VALUE = 1, 2, 3
READS_BITS, READS_REGISTERS, MASK_REGISTER = (1, 2), (3, 4), 22
SERVER_ID, DEVICE_ID, MEI_DEVICE_ID, MORE_FOLLOWS = 17, 43, 14, 0xFF
SHORT_REQUESTS = {SERVER_ID: 4, DEVICE_ID: 7}  # bytes with CRC; all others have at least 8
RATES = {getattr(termios, f"B{n}"): n for n in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200,
                                                230400)}


def notify(text):
    """sd_notify: the harness waits for it."""
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(text.encode(), ("\0" + path[1:]) if path[0] == "@" else path)


class ModbusError(Exception):
    """An exception answer; `code` as on the wire."""

    def __init__(self, code):
        super().__init__(f"exception {code}")
        self.code = code


def crc16(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


def describe(identity, first):
    """The answer to Read Device Identification from object `first` on, as many objects as `split` says."""
    if identity.get("raw"):
        return bytes.fromhex(identity["raw"])
    texts = [identity.get(key, "").encode() for key in ("vendor", "product", "revision")]
    found = [(number, text) for number, text in enumerate(texts) if number >= first][:identity.get("split", 3)]
    last = found[-1][0] if found else first
    more = (MORE_FOLLOWS, last + 1) if last < 2 else (0, 0)
    objects = b"".join(bytes([number, len(text)]) + text for number, text in found)
    return bytes([DEVICE_ID, MEI_DEVICE_ID, 1, 0x81, *more, len(found)]) + objects


def answer_identity(identity, pdu):
    """What the device says it is: functions 17 and 43/14. No identity: it does not know them."""
    if not identity or (pdu[0] == DEVICE_ID and pdu[1:3] != bytes([MEI_DEVICE_ID, 1])):
        raise ModbusError(EXCEPTION_FUNCTION)
    if pdu[0] == DEVICE_ID:
        return describe(identity, pdu[3])
    data = "-".join(identity.get(key, "") for key in ("vendor", "product", "revision")).encode() + b"\xff"
    return bytes([SERVER_ID, len(data)]) + data


def answer_pdu(device, pdu):
    """The answer of `device` (read_bits, read_registers, write_coil, write_register, mask_register) to one PDU."""
    function = pdu[0]
    try:
        if function in SHORT_REQUESTS:
            return answer_identity(getattr(device, "identity", None), pdu)
        if function == MASK_REGISTER and len(pdu) == 7:
            device.mask_register(*struct.unpack("!HHH", pdu[1:]))
            return pdu
        if len(pdu) != 5 or function not in (1, 2, 3, 4, 5, 6):
            raise ModbusError(EXCEPTION_FUNCTION)
        address, value = struct.unpack("!HH", pdu[1:])
        if function in READS_BITS:
            bits = device.read_bits(function, address, value)
            data = bytearray((len(bits) + 7) // 8)
            for at, bit in enumerate(bits):
                data[at // 8] |= bool(bit) << (at % 8)
            return bytes([function, len(data)]) + bytes(data)
        if function in READS_REGISTERS:
            words = device.read_registers(function, address, value)
            return bytes([function, 2 * len(words)]) + struct.pack(f"!{len(words)}H", *words)
        if function == 5:
            device.write_coil(address, value)
        else:
            device.write_register(address, value)
        return pdu
    except ModbusError as error:
        return bytes([function | 0x80, error.code])


class Faults:
    """How the next requests are answered. Kinds: silence, exception, unit, garbage, short, crc,
    delay, function, twice, drop; on a serial line also what is wrong with it: echo (an adapter hands
    each request back), master (another one asks behind each answer), swapped (A and B), reflection (no
    termination), collide (a second module on the address answers at the same time). Each for `count` requests (None: until "none") of `functions`."""

    KINDS = ("none", "silence", "exception", "unit", "garbage", "short", "crc", "delay", "function",
             "twice", "drop", "echo", "master", "swapped", "reflection", "collide")

    def __init__(self, seed=1):
        self.kind, self.value, self.count, self.functions = "none", 0, None, None
        self.unit = None
        self.random = random.Random(seed)

    def set(self, kind, value=0, count=None, functions=None, unit=None):
        if kind not in self.KINDS:
            raise ValueError(f"fault {kind!r}: expected one of {', '.join(self.KINDS)}")
        self.kind, self.value, self.count = kind, value, count
        self.functions, self.unit = functions, unit

    def take(self, unit, function):
        """The kind that applies to this request."""
        if self.kind == "none" or (self.functions and function not in self.functions):
            return "none"
        if self.unit is not None and unit != self.unit:
            return "none"
        if self.count is not None:
            if self.count == 0:
                self.kind = "none"
                return "none"
            self.count -= 1
        return self.kind

    def apply(self, kind, unit, pdu):
        """(unit, pdu) of the answer after the fault; None for silence."""
        if kind in ("silence", "drop"):
            return None
        if kind == "exception":
            return unit, bytes([pdu[0] | 0x80, self.value or 4])
        if kind == "unit":
            return (self.value or unit % 247 + 1), pdu
        if kind == "function":
            return unit, bytes([pdu[0] ^ 3]) + pdu[1:]
        if kind == "short":
            return unit, pdu[:-1]
        return unit, pdu


class Server:
    """Devices by unit. Subclasses frame; `device(unit)` None means that nobody answers."""

    def __init__(self, devices):
        self.devices = devices
        self.faults = Faults()
        self.requests = 0

    def answer(self, unit, pdu):
        """(kind of fault, answer or None)."""
        self.requests += 1
        kind = self.faults.take(unit, pdu[0])
        device = self.devices.get(unit)
        if device is None or not device.powered:
            return kind, None
        answered = kind not in ("exception", "silence", "drop")
        reply = answer_pdu(device, pdu) if answered else pdu
        return kind, self.faults.apply(kind, unit, reply)


class TcpServer(Server):
    async def start(self, host, port):
        self.peers = set()
        self.host, self.port = host, port
        await self.listen()
        return self.port

    async def listen(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: TcpPeer(self), self.host, self.port,
                                               reuse_address=True)
        self.port = self.server.sockets[0].getsockname()[1]

    async def refuse(self):
        """As a pulled cable with a dead peer: nobody listens, open connections end."""
        self.server.close()
        for peer in list(self.peers):
            peer.transport.abort()


class TcpPeer(asyncio.Protocol):
    def __init__(self, server):
        self.server, self.buffer = server, b""

    def connection_made(self, transport):
        self.transport = transport
        self.server.peers.add(self)

    def connection_lost(self, exc):
        self.server.peers.discard(self)

    def data_received(self, data):
        self.buffer += data
        while len(self.buffer) >= 7:
            transaction, protocol, length = struct.unpack("!HHH", self.buffer[:6])
            if protocol != 0 or not 2 <= length <= 254:
                self.transport.abort()
                return
            if len(self.buffer) < 6 + length:
                return
            frame, self.buffer = self.buffer[6:6 + length], self.buffer[6 + length:]
            self.request(transaction, frame[0], frame[1:])

    def request(self, transaction, unit, pdu):
        kind, answer = self.server.answer(unit, pdu)
        if kind == "drop":
            self.transport.abort()
            return
        if answer is None:
            return
        body = bytes([answer[0]]) + answer[1]
        out = struct.pack("!HHH", transaction, 0, len(body)) + body
        if kind == "garbage":
            out = self.server.faults.random.randbytes(self.server.faults.value or 24)
        elif kind == "crc":
            out = struct.pack("!HHH", transaction ^ 0x5555, 0, len(body)) + body
        elif kind == "short":
            out = out[:-1]
        elif kind == "twice":
            out += out
        if kind == "delay":
            asyncio.get_running_loop().call_later(self.server.faults.value / 1000,
                                                  self.transport.write, out)
        else:
            self.transport.write(out)


class RtuServer(Server):
    """One pty; `link` is a symbolic link to the slave that outlives a vanished line."""

    def __init__(self, devices, link, baud, answer_ms=1.0, char_bits=10):
        super().__init__(devices)
        self.link, self.baud, self.answer_s = link, baud, answer_ms / 1000
        self.char_s = char_bits / baud
        self.gap_s = max(3.5 * self.char_s, 0.00175) if baud > 19200 else 3.5 * self.char_s
        self.buffer, self.arrived = b"", 0.0
        self.tasks, self.answering = set(), None

    def open(self):
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        temporary = f"{self.link}.new"
        if os.path.lexists(temporary):
            os.unlink(temporary)
        os.symlink(os.ttyname(self.slave), temporary)
        os.replace(temporary, self.link)
        asyncio.get_running_loop().add_reader(self.master, self.readable)

    def vanish(self):
        """As an unplugged adapter: the line reports an error, its path is gone."""
        asyncio.get_running_loop().remove_reader(self.master)
        os.unlink(self.link)
        os.close(self.master)
        os.close(self.slave)

    def right_rate(self):
        return RATES.get(termios.tcgetattr(self.slave)[5]) == self.baud

    def readable(self):
        try:
            data = os.read(self.master, 512)
        except OSError:
            return
        now = time.monotonic()
        if now - self.arrived > 0.05:
            self.buffer = b""
        # On a real line the last of these bytes would have come this much later.
        self.arrived = max(self.arrived, now) + len(data) * self.char_s
        self.buffer = (self.buffer + data)[-256:]
        short = len(self.buffer) >= 4 and SHORT_REQUESTS.get(self.buffer[1]) == len(self.buffer)
        if (short or len(self.buffer) >= 8) and crc16(self.buffer[:-2]) == self.buffer[-2:]:
            frame, self.buffer = self.buffer[:-2], b""
            if self.answering:  # the machine was slow, hardware is not: its answer is lost, not late
                self.answering.cancel()
            if self.right_rate():
                self.answering = task = asyncio.get_running_loop().create_task(self.request(frame, self.arrived))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    async def request(self, frame, arrived):
        # A device acts when it has heard the frame and the silence behind it.
        await self.until(arrived + self.gap_s)
        kind, answer = self.answer(frame[0], frame[1:])
        if kind == "echo":
            os.write(self.master, frame + crc16(frame))
        if answer is None or kind == "drop":
            return
        begin = time.monotonic() + self.answer_s
        if kind == "delay":
            begin += self.faults.value / 1000
            self.answering = None  # late as ordered, whatever is asked meanwhile
        out = bytes([answer[0]]) + answer[1]
        out += bytes(2) if kind == "crc" else crc16(out)
        if kind == "garbage":
            out = self.faults.random.randbytes(self.faults.value or 24)
        elif kind == "short":
            out = out[:-3]
        elif kind == "twice":
            out += out
        elif kind == "master":
            strange = bytes([99, 3, 0, 0, 0, 2])
            out += strange + crc16(strange)
        elif kind == "collide" and len(answer[1]) > 2:
            # The other's inputs are the opposite; a bit is 0 on the line where either sends 0.
            other = out[:3] + bytes(byte ^ 0xFF for byte in out[3:-2])
            out = bytes(a & b for a, b in zip(out, other + crc16(other)))
        elif kind == "swapped":
            out = bytes([0x00, 0xFE, 0x80, 0x00, 0xF8, 0xC0, 0x00])
        await self.send(out, begin)
        if kind == "reflection":
            os.write(self.master, bytes([0x00, 0xFE, 0x80]))

    async def until(self, when):
        delay = when - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)

    async def send(self, out, begin):
        sent = 0
        await self.until(begin + self.char_s)
        while sent < len(out):
            due = min(len(out), int((time.monotonic() - begin) / self.char_s))
            if due > sent:
                os.write(self.master, out[sent:due])
                sent = due
            if sent < len(out):
                await self.until(begin + (sent + 1) * self.char_s)
