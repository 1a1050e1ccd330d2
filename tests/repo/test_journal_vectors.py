"""The journal's published vectors, computed from the byte table of gateway/journal/README.md alone: headers, digests, hashes, seals."""
import hashlib
import json
import pathlib
import struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "unit/gateway/journal/journal_vectors.txt"
KINDS = ("start stop passage hit decision order outcome act list config device clock seal").split()


def read_vectors():
    lines = VECTORS.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if not line.startswith("#")]


def header(vector, digest):
    actor = vector["actor"].encode()
    assert 0 < len(actor) <= 48
    return (b"CPJR" + bytes([1, 1, KINDS.index(vector["kind"]) + 1, 0]) + bytes.fromhex(vector["chain"])
            + struct.pack("!QqQ", vector["sequence"], vector["wall_ms"], vector["mono_ns"])
            + bytes.fromhex(vector["boot"]) + actor.ljust(48, b"\0") + digest
            + bytes.fromhex(vector["previous"]))


def raw_public(private):
    return private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def seal_body(vector):
    """The canonical JSON of a seal, signed anew: Ed25519 signatures are deterministic (RFC 8032)."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["private"]))
    following = raw_public(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["next_private"])))
    message = (b"checkpoint:journal-seal/1\n" + bytes.fromhex(vector["chain"])
               + struct.pack("!Q", vector["sequence"]) + bytes.fromhex(vector["hash"]) + following)
    Ed25519PublicKey.from_public_bytes(raw_public(key)).verify(key.sign(message), message)
    return json.dumps({"algorithm": "ed25519", "sequence": vector["sequence"], "hash": vector["hash"],
                       "key": raw_public(key).hex(), "next_key": following.hex(),
                       "signature": key.sign(message).hex()}, sort_keys=True, separators=(",", ":"))


def test_records():
    records = [vector for vector in read_vectors() if "kind" in vector]
    assert len(records) >= 3
    for vector in records:
        digest = hashlib.sha256(bytes.fromhex(vector["salt"]) + vector["body"].encode()).digest()
        data = header(vector, digest)
        assert len(data) == 176
        assert digest.hex() == vector["digest"], vector["name"]
        assert data.hex() == vector["header"], vector["name"]
        assert hashlib.sha256(data).hexdigest() == vector["hash"], vector["name"]


def test_records_follow_each_other():
    records = [vector for vector in read_vectors() if "kind" in vector]
    for before, after in zip(records, records[1:]):
        assert after["previous"] == before["hash"] and after["sequence"] == before["sequence"] + 1
        assert after["chain"] == before["chain"]


def test_seals():
    seals = [vector for vector in read_vectors() if "private" in vector]
    assert seals
    for vector in seals:
        assert seal_body(vector) == vector["seal"], vector["name"]
