"""Ethernet frames and pcap files for tests, built from the RFCs alone: VLAN, IPv4, IPv6, UDP, and every way to get them wrong."""
import ipaddress
import struct

CAMERA_MAC = bytes.fromhex("020000000007")
GATEWAY_MAC = bytes.fromhex("020000000001")
TYPE_IPV4, TYPE_IPV6, TYPE_VLAN, TYPE_PROVIDER = 0x0800, 0x86DD, 0x8100, 0x88A8


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def _udp(source, destination, port, payload, udp_checksum, length):
    head = struct.pack("!HHHH", 40000, port, 8 + len(payload) if length is None else length, 0)
    pseudo = source + destination + struct.pack("!IHH", 8 + len(payload), 0, 17)
    if udp_checksum is None:
        udp_checksum = checksum(pseudo + head + payload) or 0xFFFF
    return head[:6] + struct.pack("!H", udp_checksum) + payload


def ipv4(payload, *, source="10.9.0.7", destination="10.9.0.1", port=9840, udp_checksum=None, udp_length=None,
         ip_checksum=None, fragment=0, protocol=17, options=b""):
    """An IPv4 datagram; `fragment` is the flags-and-offset word."""
    a, b = (ipaddress.IPv4Address(x).packed for x in (source, destination))
    body = _udp(a, b, port, payload, udp_checksum, udp_length)
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(body), 1, fragment, 64,
                       protocol, 0) + a + b + options
    value = checksum(head) if ip_checksum is None else ip_checksum
    return head[:10] + struct.pack("!H", value) + head[12:] + body


def ipv6(payload, *, source="fd00::7", destination="fd00::1", port=9840, udp_checksum=None, udp_length=None,
         next_header=17, extensions=b""):
    """An IPv6 datagram; `next_header` names the first of `extensions`."""
    a, b = (ipaddress.IPv6Address(x).packed for x in (source, destination))
    body = _udp(a, b, port, payload, udp_checksum, udp_length)
    return struct.pack("!IHBB", 6 << 28, len(extensions) + len(body), next_header, 64) + a + b + extensions + body


def ethernet(kind, body, *, vlans=(), source=CAMERA_MAC, destination=GATEWAY_MAC):
    """`vlans` outer first; the outer of two is a provider tag (802.1ad)."""
    out = destination + source
    for at, vlan in enumerate(vlans):
        out += struct.pack("!HH", TYPE_PROVIDER if at + 1 < len(vlans) else TYPE_VLAN, vlan)
    return out + struct.pack("!H", kind) + body


def udp_frame(payload, *, family=4, vlans=(), source_mac=CAMERA_MAC, **fields):
    if family == 4:
        return ethernet(TYPE_IPV4, ipv4(payload, **fields), vlans=vlans, source=source_mac)
    return ethernet(TYPE_IPV6, ipv6(payload, **fields), vlans=vlans, source=source_mac)


def write_pcap(path, frames, *, start_s=1_700_000_000, gap_us=1000):
    """`frames`: bytes, or (bytes on the wire, bytes kept). Classic pcap, little-endian, microseconds."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            frame, kept = frame if isinstance(frame, tuple) else (frame, len(frame))
            at = number * gap_us
            out.write(struct.pack("<IIII", start_s + at // 1_000_000, at % 1_000_000, kept, len(frame)))
            out.write(frame[:kept])
