"""Signed statements made in Python: roots, key sets, batches, snapshots, freshness, receipts, instructions.

Written from gateway/signed's headers and from the `cryptography` package alone, so it checks the C
code rather than repeating it. Typical use:

    world = World("lu-hz")                        # three roots, two clerks, hqd's keys
    batch = world.batch(added=[entry(1, "鲁H12345")])
    fresh = world.freshness()                     # of the batch just made
    world.write_roots(folder); (folder / "keyset.json").write_bytes(world.keyset())
"""
import base64
import calendar
import functools
import hashlib
import json
import pathlib
import struct
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from harness.camera import siphash24

DAY_MS = 24 * 3600 * 1000
NO_HASH = bytes(32)
CATEGORIES = ["other", "stolen", "fugitive", "hit_and_run", "cloned", "missing", "case", "self_test"]
RISKS = {"armed": 1, "violent": 2, "several_people": 4}
PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
SPECIALS = "警使领学挂港澳应急试超民航场内连军空海北沈兰济南成"


def now_ms():
    return time.time_ns() // 1_000_000


def time_text(ms):
    seconds, rest = divmod(ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:03d}Z"


@functools.lru_cache
def time_ms(text):
    whole, _, rest = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 1000 + int(rest or 0)


def hash_text(digest):
    return "sha256:" + digest.hex()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def plate_key(text):
    """The key of a plate already in canonical form (gateway/model/plate_symbols.h)."""
    def symbol(c):
        if c == "?":
            return 127
        if c.isascii() and c.isdigit():
            return 1 + int(c)
        if c.isascii():
            return 11 + ord(c) - ord("A")
        return 39 + PROVINCES.index(c) if c in PROVINCES else 70 + SPECIALS.index(c)

    symbols = [symbol(c) for c in text]
    key = 0
    if len(symbols) == 10:
        for s in symbols:
            key = key << 6 | s
        return 1 << 63 | key
    if len(symbols) > 9:
        raise ValueError(f"{text}: too long for a plate")
    for at, s in enumerate(symbols):
        key |= s << (56 - 7 * at)
    return key


def entry(number, plate, **fields):
    """A wanted entry with every required field; override any by name, None takes a field out."""
    value = {"id": number, "plate": plate, "class": "any", "category": "stolen", "priority": 2,
             "handling": "stop", "officer_risk": [], "reason": "被盗车辆", "authority": "菏泽市公安局",
             "case_number": "A3717000001", "applicant": "张三", "reviewer": "李四", "approver": "王五",
             "applicant_number": "370001", "applicant_time": time_text(now_ms() - DAY_MS),
             "reviewer_number": "370002", "reviewer_time": time_text(now_ms() - DAY_MS),
             "approver_number": "370003", "approver_time": time_text(now_ms() - DAY_MS),
             "document": "鲁公布控〔2026〕17号", "contact": "0530-110", "valid_from": time_text(now_ms() - DAY_MS),
             "valid_until": time_text(now_ms() + 90 * DAY_MS), **fields}
    return {name: field for name, field in value.items() if field is not None}


def record(value, text_size):
    """The 64-byte match record of an entry."""
    plate_class = value.get("class", "any")
    code = 0xFFFF if plate_class == "any" else ord(plate_class[0]) << 8 | ord(plate_class[1])
    return struct.pack("<QQqqHHBBBBI20x", value["id"], plate_key(value["plate"]),
                       time_ms(value["valid_from"]), time_ms(value["valid_until"]), code,
                       CATEGORIES.index(value["category"]), value["priority"],
                       {"stop": 1, "observe": 2}[value["handling"]],
                       sum(RISKS[name] for name in value["officer_risk"]),
                       1 if value.get("emergency") else 0, text_size)


def list_bytes(entries):
    """(records, texts) of the entries, in the order given."""
    texts = [canonical(value) for value in entries]
    return (b"".join(record(value, len(text)) for value, text in zip(entries, texts)),
            b"".join(texts))


class Key:
    """A key pair with its id, role and holder; `private` is a cryptography object."""

    def __init__(self, role, holder, algorithm="ed25519"):
        self.role, self.holder, self.algorithm = role, holder, algorithm
        self.private = (X25519PrivateKey if algorithm == "x25519" else Ed25519PrivateKey).generate()
        public = self.private.public_key()
        self.public = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        der = public.public_bytes(serialization.Encoding.DER,
                                  serialization.PublicFormat.SubjectPublicKeyInfo)
        self.id = hash_text(hashlib.sha256(der).digest())

    def public_pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def private_pem(self, passphrase=None):
        protection = (serialization.BestAvailableEncryption(passphrase.encode()) if passphrase
                      else serialization.NoEncryption())
        return self.private.private_bytes(serialization.Encoding.PEM,
                                          serialization.PrivateFormat.PKCS8, protection)

    def sign(self, statement_type, payload):
        return self.private.sign(b"checkpoint:" + statement_type.encode() + b"\n" + payload)


def envelope(statement_type, payload, keys):
    """Signed envelope bytes; `keys` may be of any role, which is how refusals are tested."""
    return canonical({
        "type": statement_type, "alg": "ed25519", "payload": base64.b64encode(payload).decode(),
        "signatures": [{"key": key.id,
                        "sig": base64.b64encode(key.sign(statement_type, payload)).decode()}
                       for key in keys]})


def payload_of(envelope_bytes):
    return base64.b64decode(json.loads(envelope_bytes)["payload"])


class World:
    """Everybody who signs for one fleet, and where its list stands."""

    def __init__(self, fleet="lu-hz", clerks=("clerk-a", "clerk-b"), time_of=now_ms):
        self.fleet, self.time_of = fleet, time_of
        self.roots = [Key("root", f"root {n}") for n in (1, 2, 3)]
        self.clerks = [Key("list", name) for name in clerks]
        self.freshness_key = Key("freshness", "hqd")
        self.receipt_key = Key("receipt", "hqd")
        self.instruction_key = Key("instruction", "duty-officer")
        self.observe_key = Key("observe", "hq", "x25519")
        self.version = 1
        self.revision, self.hash, self.list_time = 0, NO_HASH, 0
        self.entries = {}
        self.keyset_valid_ms = None  # (not before, not after) of every key; None: a day ago, a year

    @property
    def keys(self):
        return [*self.clerks, self.freshness_key, self.receipt_key, self.instruction_key,
                self.observe_key]

    def keyset(self, *, version=None, keys=None, signers=None, valid_ms=None, servers=()):
        """`servers`: DER of the roots of headquarters' server certificates."""
        at = self.time_of()
        begin, end = valid_ms or self.keyset_valid_ms or (at - DAY_MS, at + 365 * DAY_MS)
        payload = canonical({
            "fleet": self.fleet, "version": version or self.version, "time": time_text(at),
            "keys": [{"alg": key.algorithm, "holder": key.holder, "id": key.id, "role": key.role,
                      "public": base64.b64encode(key.public).decode(),
                      "not_before": time_text(begin), "not_after": time_text(end)}
                     for key in (self.keys if keys is None else keys)],
            **({"servers": [base64.b64encode(der).decode() for der in servers]} if servers else {})})
        return envelope("keyset/1", payload, self.roots[:2] if signers is None else signers)

    def write_roots(self, folder):
        """root-1.pub.pem … into `folder`, as a box has them in /etc/checkpoint/roots."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for number, key in enumerate(self.roots, 1):
            (folder / f"root-{number}.pub.pem").write_bytes(key.public_pem())
        return folder

    def batch(self, added=(), changed=(), withdrawn=(), *, signers=None, advance=True, **head):
        """The next batch, signed by both clerks unless told; `head` overrides head fields."""
        at = max(self.time_of(), self.list_time)
        added = sorted(added, key=lambda value: value["id"])
        changed = sorted(changed, key=lambda value: value["id"])
        fields = {"revision": self.revision + 1, "prev": hash_text(self.hash),
                  "time": time_text(at), "added": len(added), "changed": len(changed),
                  "withdrawn": len(withdrawn), **head}
        records, texts = list_bytes([*added, *changed])
        ids = b"".join(struct.pack("<Q", number) for number in sorted(withdrawn))
        payload = canonical(fields) + b"\n" + records + ids + texts
        if advance:
            self.revision, self.hash = fields["revision"], hashlib.sha256(payload).digest()
            self.list_time = time_ms(fields["time"])
            for value in [*added, *changed]:
                self.entries[value["id"]] = value
            for number in withdrawn:
                self.entries.pop(number, None)
        return envelope("wanted-batch/1", payload, self.clerks if signers is None else signers)

    def policy(self, version=1, *, signers=None, channels=(), **head):
        """A match policy, signed by both clerks unless told; `channels` are (alphabet, text) pairs."""
        texts = [text.encode() for _, text in channels]
        fields = {"version": version, "fleet": self.fleet, "time": time_text(self.time_of()), "false_alerts": 3,
                  "look_alike": 1, "traffic": 0,
                  "channels": [{"alphabet": name, "bytes": len(text)} for (name, _), text in zip(channels, texts)],
                  **head}
        return envelope("match-policy/1", canonical(fields) + b"\n" + b"".join(texts),
                        self.clerks if signers is None else signers)

    def exempt_list(self, entries, revision=1, *, signers=None, **head):
        """An exempt list, signed by both clerks unless told."""
        fields = {"revision": revision, "fleet": self.fleet, "time": time_text(self.time_of()),
                  "last_id": max((value["id"] for value in entries), default=0), "entries": entries, **head}
        return envelope("exempt-list/1", canonical(fields), self.clerks if signers is None else signers)

    def retention_terms(self, version=1, *, holds=(), plate_key=bytes(16), signers=None, from_ms=None, **days):
        """Retention terms, signed by both clerks unless told; days: passage=(10, 60) and so on, from `from_ms` on
        (a day ago); of a hold "plate" is its text."""
        at = self.time_of()
        bounds = {kind: dict(zip(("floor", "ceiling"), days.get(kind, (least, 3650))))
                  for kind, least in (("passage", 1), ("picture", 1), ("record", 30))}
        rows = [{"case": "A3717", "by": "zhang", "begun": time_text(at), **hold} for hold in holds]
        for row in rows:
            if "plate" in row:
                row["plate"] = f"{siphash24(plate_key, row['plate'].encode()):016x}"
        payload = canonical({"version": version, "fleet": self.fleet, "time": time_text(at), "holds": rows,
                             "plate_key": base64.b64encode(plate_key).decode(),
                             "terms": [{"from": time_text(at - DAY_MS if from_ms is None else from_ms), **bounds}]
                             if days else []})
        return envelope("retention-terms/1", payload, self.clerks if signers is None else signers)

    def snapshot(self, *, chunk_entries=1000, signers=None, **fields):
        """(manifest envelope, [chunk bytes]) of the list as it stands, chunks as they are."""
        entries = [self.entries[number] for number in sorted(self.entries)]
        chunks, rows = [], []
        for at in range(0, len(entries), chunk_entries):
            part = entries[at:at + chunk_entries]
            stored = b"".join(list_bytes(part))
            chunks.append(stored)
            rows.append({"encoding": "identity", "entries": len(part), "size": len(stored),
                         "raw_size": len(stored), "hash": hash_text(hashlib.sha256(stored).digest())})
        payload = canonical({
            "revision": self.revision, "hash": hash_text(self.hash), "entries": len(entries),
            "max_id": max(self.entries, default=0), "chunks": rows,
            "time": time_text(max(self.time_of(), self.list_time)), **fields})
        return envelope("wanted-snapshot/1", payload, self.clerks if signers is None else signers), chunks

    def freshness(self, *, valid_ms=DAY_MS, key=None, **fields):
        at = self.time_of()
        payload = canonical({"revision": self.revision, "hash": hash_text(self.hash),
                             "time": time_text(at), "valid_until": time_text(at + valid_ms), **fields})
        return envelope("freshness/1", payload, [key or self.freshness_key])

    def receipt(self, checkpoint, chain_hex, sequence, head, *, key=None):
        payload = canonical({"checkpoint": checkpoint, "chain": chain_hex, "sequence": sequence,
                             "head": hash_text(head), "time": time_text(self.time_of())})
        return envelope("receipt/1", payload, [key or self.receipt_key])

    def instruction(self, checkpoint, number, kind, body, *, valid_ms=3600 * 1000, age_ms=0, key=None, **fields):
        """To every box of a fleet: checkpoint "*" and fleet."""
        at = self.time_of() - age_ms
        payload = canonical({"id": number, "checkpoint": checkpoint, "kind": kind, "body": body,
                             "time": time_text(at), "expires": time_text(at + valid_ms), **fields})
        return envelope("instruction/1", payload, [key or self.instruction_key])
