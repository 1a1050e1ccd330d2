"""A camera program that hands pictures to checkpoint-camerad, from the layout of gateway/model/picture_message.h alone."""
import hashlib
import socket
import struct

from harness.process import SLOWNESS
from harness.signing import now_ms

MESSAGE_SIZE, DATA_MAX = 560, 64 * 1024
PUT, DATA, ANSWER = 1, 2, 8
KINDS = {"scene": 1, "crop": 2, "later": 3}


def message(kind, body, version=1):
    return (struct.pack("<II", version, kind) + body).ljust(MESSAGE_SIZE, b"\0")


class PictureSender:
    """One connection to the socket `pictures` in `run`."""

    def __init__(self, run, timeout_s=15):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(timeout_s * SLOWNESS)
        self.socket.connect(str(run / "pictures"))

    def send(self, packet):
        self.socket.send(packet)

    def answer(self):
        """(code, text); a code of 0: it is stored."""
        packet = self.socket.recv(MESSAGE_SIZE + DATA_MAX)
        if not packet:
            raise EOFError("checkpoint-camerad closed the connection")
        version, kind, code = struct.unpack_from("<IIi", packet)
        assert (version, kind, len(packet)) == (1, ANSWER, MESSAGE_SIZE)
        return code, packet[12:].split(b"\0", 1)[0].decode()

    def begin(self, data, event, camera=11, kind="scene", sha=None):
        about = struct.pack("<32sQqIHB", sha or hashlib.sha256(data).digest(), event, now_ms(), len(data), camera,
                            KINDS[kind])
        self.send(message(PUT, about))

    def data(self, data):
        for at in range(0, len(data), DATA_MAX):
            part = data[at:at + DATA_MAX]
            self.send(message(DATA, struct.pack("<II", at, len(part))) + part)

    def put(self, data, event, **options):
        """The picture of a camera's event, whole; the store's answer."""
        self.begin(data, event, **options)
        self.data(data)
        return self.answer()

    def close(self):
        self.socket.close()
