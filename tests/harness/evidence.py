"""A box's side of hits' pictures at headquarters, request by request (gateway/hq/API.md)."""
import hashlib

from harness.signing import now_ms, time_text

RANGE = 256 * 1024


def hit_body(event, camera=11, plate="鲁H12345"):
    """Of a hit record, as far as pictures and holds look at it."""
    return {"hit": event, "matched": plate, "read": {"camera": camera, "event_id": str(event), "plate": plate,
                                                     "time": time_text(now_ms())}}


class Sender:
    """Of one box; `declare` first, then `range` after `range`."""

    def __init__(self, box, checkpoint="lu-hz-01"):
        self.box, self.path = box, f"/v1/checkpoints/{checkpoint}/evidence"
        self.connection = box.connect()  # opened by its first request, and anew where it was closed

    def declare(self, data, chain, sequence, event, kind="scene", camera=11, other=()):
        """`other`: members instead of what they should be."""
        fields = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "chain": chain.hex(),
                  "sequence": sequence, "kind": kind, "camera": camera, "event": str(event),
                  "taken": time_text(now_ms())}
        return self.box.post(self.path, {**fields, **dict(other)}, connection=self.connection)

    def range(self, data, start, end=None, **other):
        """Bytes of `data` from `start`; `other`: sha, header, body instead of what they should be."""
        end = min(len(data), start + RANGE) if end is None else end
        sha = other.get("sha", hashlib.sha256(data).hexdigest())
        header = other.get("header", f"bytes {start}-{end - 1}/{len(data)}")
        return self.box.put(f"{self.path}/{sha}", other.get("body", data[start:end]),
                            headers={"Content-Range": header} if header else {}, connection=self.connection)

    def all(self, data, start=0):
        """The rest of it; the last answer."""
        answer = None
        while start < len(data):
            answer = self.range(data, start)
            assert answer.status == 200, answer.body
            start = answer.json["held"]
        return answer

    def state(self, data):
        return self.box.get(f"{self.path}/{hashlib.sha256(data).hexdigest()}", connection=self.connection)
