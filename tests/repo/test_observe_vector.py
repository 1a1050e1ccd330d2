"""The vector of gateway/signed/observe.h, opened and sealed again from gateway/signed/README.md alone."""
import base64
import json
import pathlib

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from harness import observe
from harness.signing import plate_key

VECTOR = pathlib.Path(__file__).resolve().parent.parent / "unit/gateway/signed/observe_vector.txt"
HIT = {"entry": 100, "revision": 17, "first_ms": 1795392000000, "last_ms": 1795392001234,
       "read_key": plate_key("鲁H12345"), "event_id": 9, "camera": 11, "lane": 2, "kind": "look_alike", "class": 0xFFFF,
       "agreement": 1, "authenticity": 1, "confidence": 93, "direction": 3, "speed_kmh": 41, "odds_db": -12,
       "differs": 5, "reads": 3, "colour": 5, "flags": 2}
BATCH = {"lost": 2, "from_ms": 1795392000000, "hits": [HIT, {**HIT, "entry": 101}]}


def lines():
    rows = [line.split(" ", 1) for line in VECTOR.read_text().splitlines() if not line.startswith("#")]
    return dict(rows)


def private(name):
    return X25519PrivateKey.from_private_bytes(bytes.fromhex(lines()[name]))


def test_it_opens():
    body = json.loads(lines()["body"])
    assert observe.open_body(body, private("private")) == BATCH


def test_it_is_sealed_by_its_ephemeral_key():
    sealed = observe.seal(BATCH, private("private").public_key(), private("ephemeral"))
    assert sealed == json.loads(lines()["body"])
    assert len(base64.b64decode(sealed["sealed"])) == 640
