"""Opens sealed observe records with headquarters' private key, written from gateway/signed/README.md alone, apart from
the product's own code."""
import base64
import hashlib
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALGORITHM = "x25519-hkdf-sha256-aes256gcm"
PURPOSE = b"checkpoint:observe/1\n"
HEAD, HIT, HITS_MAX = struct.Struct(">BBHIq"), struct.Struct(">QQqqQQHBBHBBBBHhHHBB4x"), 8
NAMES = ("entry", "revision", "first_ms", "last_ms", "read_key", "event_id", "camera", "lane", "kind", "class",
         "agreement", "authenticity", "confidence", "direction", "speed_kmh", "odds_db", "differs", "reads", "colour",
         "flags")
KINDS = ("", "exact", "look_alike", "candidate", "partial")


def open_body(body, private, checkpoint="lu-hz-01"):
    """{"lost": …, "from_ms": …, "hits": [{…}]} of a record's body; raises what `cryptography` does."""
    assert body.keys() == {"alg", "key", "sealed"} and body["alg"] == ALGORITHM, body
    sealed = base64.b64decode(body["sealed"], validate=True)
    own = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    shared = private.exchange(X25519PublicKey.from_public_bytes(sealed[:32]))
    derived = HKDF(hashes.SHA256(), 44, sealed[:32] + own, PURPOSE).derive(shared)
    plain = AESGCM(derived[:32]).decrypt(derived[32:], sealed[32:], PURPOSE + checkpoint.encode())
    version, count, lost, _, from_ms = HEAD.unpack_from(plain)
    assert version == 1 and len(plain) == HEAD.size + HITS_MAX * HIT.size, plain
    assert not any(plain[HEAD.size + count * HIT.size:]), "something behind the hits"
    hits = [dict(zip(NAMES, HIT.unpack_from(plain, HEAD.size + i * HIT.size))) for i in range(count)]
    for hit in hits:
        hit["kind"] = KINDS[hit["kind"]]
    return {"lost": lost, "from_ms": from_ms, "hits": hits}


def seal(batch, public, ephemeral, checkpoint="lu-hz-01"):
    """A record's body of such a batch."""
    own = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    first = ephemeral.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    derived = HKDF(hashes.SHA256(), 44, first + own, PURPOSE).derive(ephemeral.exchange(public))
    hits = b"".join(HIT.pack(*(KINDS.index(hit[name]) if name == "kind" else hit[name] for name in NAMES))
                    for hit in batch["hits"])
    plain = HEAD.pack(1, len(batch["hits"]), batch["lost"], 0, batch["from_ms"]) + hits
    plain = plain.ljust(HEAD.size + HITS_MAX * HIT.size, b"\0")
    sealed = first + AESGCM(derived[:32]).encrypt(derived[32:], plain, PURPOSE + checkpoint.encode())
    identity = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    return {"alg": ALGORITHM, "key": f"sha256:{identity}", "sealed": base64.b64encode(sealed).decode()}
