"""A simulated ANPR camera: encodes `compact` datagrams, tags them, sends them over UDP.

Written from the byte table alone, apart from the product's codec, so that the two check each other.
"""
import socket
import struct
import time

MASK = 0xFFFFFFFFFFFFFFFF
(TLV_WALL_MS, TLV_SPEED, TLV_CLASS, TLV_COLOUR, TLV_DIRECTION, TLV_EVENT, TLV_CANDIDATE,
 TLV_SCORES) = range(1, 9)
TLV_TAG = 255
CONFIDENCE_NONE = 255


def _rotl(value, bits):
    return ((value << bits) | (value >> (64 - bits))) & MASK


def siphash24(key, data):
    """SipHash-2-4 (Aumasson, Bernstein 2012), 64-bit result."""
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D,
         k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rounds(count):
        for _ in range(count):
            v[0] = (v[0] + v[1]) & MASK
            v[2] = (v[2] + v[3]) & MASK
            v[1] = _rotl(v[1], 13) ^ v[0]
            v[3] = _rotl(v[3], 16) ^ v[2]
            v[0] = _rotl(v[0], 32)
            v[2] = (v[2] + v[1]) & MASK
            v[0] = (v[0] + v[3]) & MASK
            v[1] = _rotl(v[1], 17) ^ v[2]
            v[3] = _rotl(v[3], 21) ^ v[0]
            v[2] = _rotl(v[2], 32)

    whole = len(data) // 8 * 8
    for at in range(0, whole, 8):
        word = struct.unpack_from("<Q", data, at)[0]
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    word = int.from_bytes(data[whole:].ljust(7, b"\0") + bytes([len(data) & 0xFF]), "little")
    v[3] ^= word
    rounds(2)
    v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def tlv(kind, body):
    return struct.pack("!BB", kind, len(body)) + body


def encode_compact(lane, camera, plate, *, confidence=CONFIDENCE_NONE, event_id=None,
                   wall_ms=None, plate_class=None, colour=None, direction=None, speed_kmh=None,
                   candidates=(), scores=None, key=None, counter=None):
    """One datagram; with a 16-byte `key` it carries the tag over all bytes before it.

    `candidates`: (plate, confidence) pairs; `scores`: one number a symbol.
    """
    text = plate.encode("utf-8") if isinstance(plate, str) else plate
    out = b"PR" + struct.pack("!BBHBB", 1, lane, camera, confidence, len(text)) + text
    if wall_ms is not None:
        out += tlv(TLV_WALL_MS, struct.pack("!Q", wall_ms))
    if speed_kmh is not None:
        out += tlv(TLV_SPEED, struct.pack("!H", speed_kmh))
    if plate_class:
        out += tlv(TLV_CLASS, plate_class.encode("ascii"))
    if colour is not None:
        out += tlv(TLV_COLOUR, bytes([colour]))
    if direction is not None:
        out += tlv(TLV_DIRECTION, bytes([direction]))
    if event_id is not None:
        out += tlv(TLV_EVENT, struct.pack("!Q", event_id))
    for candidate, score in candidates:
        out += tlv(TLV_CANDIDATE, bytes([score]) + candidate.encode("utf-8"))
    if scores:
        out += tlv(TLV_SCORES, bytes(scores))
    if key is not None:
        out += struct.pack("!BBQ", TLV_TAG, 16, counter)
        out += struct.pack("!Q", siphash24(key, out))
    return out


class Camera:
    """Sends reads of one camera; remembers when each event id left (CLOCK_MONOTONIC, ns)."""

    def __init__(self, destination, *, lane, camera, key=None, source=None):
        self.lane, self.camera, self.key = lane, camera, key
        self.sent_ns = {}
        self.counter = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if source:
            self._socket.bind(source)
        self._socket.connect(destination)

    def send(self, plate, event_id, **fields):
        wall_ms = time.time_ns() // 1_000_000
        self.counter = max(self.counter + 1, wall_ms)
        datagram = encode_compact(self.lane, self.camera, plate, event_id=event_id,
                                  wall_ms=wall_ms, key=self.key, counter=self.counter, **fields)
        self.sent_ns[event_id] = time.monotonic_ns()
        self._socket.send(datagram)
        return datagram

    def send_bytes(self, data):
        self._socket.send(data)

    def close(self):
        self._socket.close()
