"""The simulated camera makes the vectors of the compact datagram byte for byte, as the product's codec does."""
import json
import pathlib

from harness import camera

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "unit/drivers/wire/compact_vectors.txt"


def read_vectors():
    lines = VECTORS.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if not line.startswith("#")]


def test_siphash_matches_the_paper():
    assert camera.siphash24(bytes(range(16)), bytes(range(15))) == 0xA129CA6149BE45E5


def test_camera_encodes_every_vector():
    checked = 0
    for vector in read_vectors():
        if "cause" in vector:
            continue
        fields = {name: value for name, value in vector.items() if name not in ("name", "hex")}
        if "key" in fields:
            fields["key"] = bytes.fromhex(fields["key"])
        lane, number, plate = fields.pop("lane"), fields.pop("camera"), fields.pop("plate")
        assert camera.encode_compact(lane, number, plate, **fields).hex() == vector["hex"], vector["name"]
        checked += 1
    assert checked >= 10


def test_every_cause_of_refusal_has_a_vector():
    header = (VECTORS.parents[4] / "drivers/wire/compact.c").read_text(encoding="utf-8")
    names = header.split("names[COMPACT_CAUSE_COUNT] = {", 1)[1].split("}", 1)[0]
    causes = {name.strip().strip('"') for name in names.split(",")} - {"ok"}
    assert causes == {vector["cause"] for vector in read_vectors() if "cause" in vector}
