"""Journal records as a box sends them to HQ, made in Python from the byte layout of gateway/journal."""
import base64
import hashlib
import json
import os
import struct

from harness.signing import now_ms, time_text


class Journal:
    """A checkpoint's journal in Python: records that follow one another, as lines for hqd."""

    KINDS = {"start": 1, "stop": 2, "passage": 3, "hit": 4, "act": 8, "hit_answer": 14, "instruction": 15,
             "observed": 16}

    def __init__(self, checkpoint, chain=None):
        self.checkpoint, self.chain = checkpoint, chain or os.urandom(16)
        self.sequence, self.head, self.boot = 0, bytes(32), os.urandom(16)
        self.age_ms = 0  # how old the records that come are

    @staticmethod
    def encode(body):
        return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def line(self, kind="passage", body=None, with_body=True):
        self.sequence += 1
        text = self.encode(body or {"plate": "鲁H12345"})
        salt = os.urandom(16)
        wall = now_ms() - self.age_ms
        header = struct.pack(">4sBBBB16sQQQ16s48s32s32s", b"CPJR", 1, 1, self.KINDS[kind], 0,
                             self.chain, self.sequence, wall, wall * 1000, self.boot, b"checkpointd",
                             hashlib.sha256(salt + text).digest(), self.head)
        self.head = hashlib.sha256(header).digest()
        event = {"specversion": "1.0", "id": f"{self.chain.hex()}:{self.sequence}",
                 "source": f"urn:checkpoint:{self.checkpoint}", "type": f"checkpoint.{kind}",
                 "time": time_text(wall), "header": base64.b64encode(header).decode()}
        if with_body:
            event.update(salt=salt.hex(), data_base64=base64.b64encode(text).decode(),
                         datacontenttype="application/json")
        return json.dumps(event).encode() + b"\n"
