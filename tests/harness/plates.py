"""Seeded plates in the formats of the field, with their class (GA/T 16.7). For tests and the demo."""
import random

PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
AREAS = "ABCDEFGHJKLMNPQRS"
SERIAL_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
DIGITS = "0123456789"


def _digits(rng, count):
    return "".join(rng.choice(DIGITS) for _ in range(count))


def _serial(rng, count, letters=1):
    symbols = [rng.choice(DIGITS) for _ in range(count)]
    for at in rng.sample(range(count), rng.randint(0, letters)):
        symbols[at] = rng.choice(SERIAL_LETTERS)
    return "".join(symbols)


def _head(rng):
    province = "鲁" if rng.random() < 0.6 else rng.choice(PROVINCES)
    return province + rng.choice(AREAS)


FORMATS = [
    (60, "02", lambda rng: _head(rng) + _serial(rng, 5, 2)),
    (10, "01", lambda rng: _head(rng) + _serial(rng, 5)),
    (12, "52", lambda rng: _head(rng) + rng.choice("DF") + _serial(rng, 1) + _digits(rng, 4)),
    (4, "51", lambda rng: _head(rng) + _digits(rng, 5) + rng.choice("DF")),
    (4, "15", lambda rng: _head(rng) + _digits(rng, 4) + "挂"),
    (2, "16", lambda rng: _head(rng) + _digits(rng, 4) + "学"),
    (2, "23", lambda rng: _head(rng) + _digits(rng, 4) + "警"),
    (1, "03", lambda rng: _digits(rng, 6) + "使"),
    (1, "26", lambda rng: "粤Z" + rng.choice(SERIAL_LETTERS) + _digits(rng, 3) + "港"),
    (1, "31", lambda rng: "WJ" + rng.choice(PROVINCES) + _digits(rng, 5)),
    (1, "32", lambda rng: rng.choice("KVN") + rng.choice("AB") + _digits(rng, 5)),
]


def generate(seed, count):
    """`count` distinct (plate text, class) pairs."""
    rng = random.Random(seed)
    weights = [weight for weight, _, _ in FORMATS]
    seen, out = set(), []
    while len(out) < count:
        _, plate_class, make = rng.choices(FORMATS, weights)[0]
        plate = make(rng)
        if plate not in seen:
            seen.add(plate)
            out.append((plate, plate_class))
    return out
