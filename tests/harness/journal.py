"""Reads and verifies a checkpoint's journal, written from gateway/journal/README.md alone, apart from
the product's own code: every record follows the one before, every body fits its digest, every seal
is by the key that the seal before it named.
"""
import dataclasses
import hashlib
import json
import os
import pathlib
import sqlite3

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KINDS = ("", "start", "stop", "passage", "hit", "decision", "order", "outcome", "act", "list",
         "config", "device", "clock", "seal", "hit_answer", "instruction", "observed", "handling")
HEADER_SIZE = 176


def kind_name(number):
    return KINDS[number] if number < len(KINDS) else f"kind_{number}"


@dataclasses.dataclass
class Record:
    sequence: int
    kind: str
    wall_ms: int
    actor: str
    body: dict | None  # None: deleted past its retention


def _rows(folder):
    path = pathlib.Path(folder) / "journal.sqlite"
    store = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return store.execute("SELECT sequence, header, salt, body, hash FROM record"
                             " ORDER BY sequence").fetchall()
    finally:
        store.close()


def hashes(folder):
    """(sequence, hash) of each record, as the journal itself keeps them."""
    return [(row[0], row[4]) for row in _rows(folder)]


def _seal(chain, body, expected_key):
    seal = json.loads(body)
    assert expected_key in (None, seal["key"]), f"seal by another key than the one before named: {seal}"
    message = (b"checkpoint:journal-seal/1\n" + chain + seal["sequence"].to_bytes(8, "big")
               + bytes.fromhex(seal["hash"]) + bytes.fromhex(seal["next_key"]))
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal["key"])).verify(
        bytes.fromhex(seal["signature"]), message)
    return seal


def verify(folder):
    """The records of the journal in `folder`, the whole chain checked; AssertionError or
    InvalidSignature when it does not hold together."""
    return verify_rows(_rows(folder))


def verify_rows(rows):
    """The same of (sequence, header, salt, body, hash or None) rows, wherever they are kept."""
    records, previous, next_key, chain = [], bytes(32), None, None
    for number, (sequence, header, salt, body, stored_hash) in enumerate(rows, 1):
        where = f"record {number}"
        assert header and len(header) == HEADER_SIZE and header[:6] == b"CPJR\x01\x01", where
        chain = chain or header[8:24]
        assert header[8:24] == chain and sequence == number, where
        assert int.from_bytes(header[24:32], "big") == number, where
        assert header[144:176] == previous, f"{where} does not follow the one before"
        if body is None:  # past its retention
            assert salt is None, f"{where}: a salt without its body"
        else:
            assert hashlib.sha256(salt + body).digest() == header[112:144], f"{where}: another body"
        if kind_name(header[6]) == "seal":
            seal = _seal(chain, body, next_key)
            assert seal["sequence"] == number - 1 and bytes.fromhex(seal["hash"]) == previous, where
            next_key = seal["next_key"]
        previous = hashlib.sha256(header).digest()
        assert stored_hash in (None, previous), f"{where}: another hash"
        records.append(Record(sequence, kind_name(header[6]), int.from_bytes(header[32:40], "big"),
                              header[64:112].rstrip(b"\0").decode(),
                              None if body is None else json.loads(body)))
    assert records, "an empty journal"
    return records


def append(folder, kind, body, count=1):
    """So many more records of kind number `kind`, as another build appends them; checkpointd is not running."""
    path = pathlib.Path(folder) / "journal.sqlite"
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    store = sqlite3.connect(path)
    try:
        sequence, header, previous = store.execute(
            "SELECT sequence, header, hash FROM record ORDER BY sequence DESC LIMIT 1").fetchone()
        rows = []
        for number in range(sequence + 1, sequence + 1 + count):
            salt = os.urandom(16)
            header = (header[:6] + bytes([kind]) + header[7:24] + number.to_bytes(8, "big") + header[32:112]
                      + hashlib.sha256(salt + text).digest() + previous)
            previous = hashlib.sha256(header).digest()
            rows.append((number, kind, int.from_bytes(header[32:40], "big"), header, salt, text, previous))
        store.executemany("INSERT INTO record (sequence, kind, wall, header, salt, body, hash)"
                          " VALUES (?,?,?,?,?,?,?)", rows)
        store.commit()
    finally:
        store.close()


def size_bytes(folder):
    """What the journal takes on disk, its write-ahead log included, the reserve not."""
    return sum(path.stat().st_size for path in pathlib.Path(folder).glob("journal.sqlite*"))
