"""zstd frames made by hand (RFC 8878): of stored blocks, of lies and of bombs."""
import struct

MAGIC = b"\x28\xb5\x2f\xfd"
BLOCK_MAX = 128 * 1024
RAW, RLE = 0, 1


def block(kind, size, content, last):
    return struct.pack("<I", last | kind << 1 | size << 3)[:3] + content


def header(stated):
    """Single segment, content size of four bytes."""
    return MAGIC + bytes([0xA0]) + struct.pack("<I", stated)


def frame(data, stated=None):
    """`data` as it is; `stated`: a size the header says instead of the true one."""
    pieces = [data[at:at + BLOCK_MAX] for at in range(0, len(data), BLOCK_MAX)] or [b""]
    blocks = [block(RAW, len(piece), piece, piece is pieces[-1]) for piece in pieces]
    return header(len(data) if stated is None else stated) + b"".join(blocks)


def bomb(size, stated=None):
    """`size` zeros in four bytes a block of 128 KiB."""
    count = -(-size // BLOCK_MAX)
    blocks = [block(RLE, BLOCK_MAX, b"\0", n == count - 1) for n in range(count)]
    return header(count * BLOCK_MAX if stated is None else stated) + b"".join(blocks)


def unstated(data):
    """A frame that does not say how large it becomes."""
    return MAGIC + bytes([0x00, 0x58]) + block(RAW, len(data), data, True)


def stated_size(data):
    """Of a frame as libzstd writes it for a whole message: the content size in its header."""
    assert data.startswith(MAGIC) and data[4] & 0x20, data[:8]
    kind = data[4] >> 6
    return int.from_bytes(data[5:5 + (1, 2, 4, 8)[kind]], "little") + (256 if kind == 1 else 0)
