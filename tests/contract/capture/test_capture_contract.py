"""Every capture source yields the same reads in the same order from the same frames, and counts each bad one by its cause.

The frames and what must come of them are computed here, apart from the product's code.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess

import pytest

from harness import camera, frames

BUILD = pathlib.Path(os.environ["CHECKPOINT_BUILD"])
PROGRAM = BUILD / "tests/capture_reads"
VECTORS = pathlib.Path(__file__).resolve().parents[2] / "unit/drivers/wire/compact_vectors.txt"
KEY = b"0123456789abcdef"
SEED = 20261124


class Traffic:
    """Frames, the event ids they must yield, and the counters they must leave."""

    def __init__(self):
        self.frames, self.reads, self.counts = [], [], {}
        self.event, self.counter = 0, 1000

    def count(self, stage, cause):
        self.counts[(stage, cause)] = self.counts.get((stage, cause), 0) + 1

    def add(self, frame, *steps):
        """`steps`: "frame.fragment", or ending in a read: "frame.ok", "compact.ok", "camera.ok"."""
        self.frames.append(frame)
        for step in steps:
            self.count(*step.split("."))
        if steps[-1] == "camera.ok":
            self.reads.append(self.event)

    def datagram(self, lane, number, *, key=None, **fields):
        self.event += 1
        if key is not None:
            self.counter += 1
        return camera.encode_compact(lane, number, "鲁H12345", confidence=90, event_id=self.event, key=key,
                                     counter=self.counter, **fields)


COMPACT = ("frame.ok", "compact.ok")


def good(t):
    t.add(frames.udp_frame(t.datagram(1, 1)), *COMPACT, "camera.ok")
    t.add(frames.udp_frame(t.datagram(1, 1), family=6), *COMPACT, "camera.ok")
    t.add(frames.udp_frame(t.datagram(1, 1), udp_checksum=0), *COMPACT, "camera.ok")
    t.add(frames.udp_frame(t.datagram(1, 1), options=bytes([0x94, 4, 0, 0])), *COMPACT, "camera.ok")
    t.add(frames.udp_frame(t.datagram(1, 1)) + bytes(9), *COMPACT, "camera.ok")
    t.add(frames.udp_frame(t.datagram(2, 2, key=KEY), vlans=[12]), *COMPACT, "camera.ok")
    t.add(frames.udp_frame(t.datagram(3, 3, key=KEY), family=6, vlans=[100, 12]), *COMPACT, "camera.ok")
    t.add(frames.udp_frame(t.datagram(5, 5), port=9842), *COMPACT, "camera.ok")
    hop = bytes([17, 0, 5, 2, 0, 0, 1, 0])
    t.add(frames.udp_frame(t.datagram(1, 1), family=6, next_header=0, extensions=hop), *COMPACT, "camera.ok")
    t.event += 1
    text = json.dumps({"DeviceID": 4, "PlateNo": "鲁H12345", "EventID": t.event, "LaneNo": 4}).encode()
    t.add(frames.udp_frame(text, port=9841), "frame.ok", "json.ok", "camera.ok")


def bad_frames(t):
    whole = frames.udp_frame(t.datagram(1, 1))
    t.add((whole, len(whole) - 3), "frame.truncated")
    t.add(whole[:-3], "frame.truncated")
    t.add(whole[:13], "frame.truncated")
    t.add(frames.udp_frame(bytes(2900)), "frame.truncated")
    t.add(frames.udp_frame(b"x", vlans=[1, 2, 3]), "frame.vlan_depth")
    t.add(frames.ethernet(0x0806, bytes(28)), "frame.not_ip")
    t.add(frames.ethernet(0x88CC, bytes(60)), "frame.not_ip")
    t.add(frames.ethernet(frames.TYPE_IPV4, b"\x65" + bytes(40)), "frame.bad_header")
    t.add(frames.udp_frame(t.datagram(1, 1), ip_checksum=0x1234), "frame.ip_checksum")
    t.add(frames.udp_frame(t.datagram(1, 1), fragment=0x2000), "frame.fragment")
    t.add(frames.udp_frame(t.datagram(1, 1), fragment=0x0010), "frame.fragment")
    part = bytes([17, 0, 0, 1, 0, 0, 0, 9])
    t.add(frames.udp_frame(t.datagram(1, 1), family=6, next_header=44, extensions=part), "frame.fragment")
    routing = bytes([17, 0, 0, 1, 0, 0, 0, 0])
    t.add(frames.udp_frame(t.datagram(1, 1), family=6, next_header=43, extensions=routing), "frame.extension")
    t.add(frames.udp_frame(t.datagram(1, 1), protocol=6), "frame.not_udp")
    t.add(frames.udp_frame(t.datagram(1, 1), port=53), "frame.foreign_port")
    t.add(frames.udp_frame(t.datagram(1, 1), udp_length=9), "frame.udp_length")
    t.add(frames.udp_frame(t.datagram(1, 1), udp_checksum=0x1234), "frame.udp_checksum")
    t.add(frames.udp_frame(t.datagram(1, 1), family=6, udp_checksum=0x1234), "frame.udp_checksum")
    t.add(frames.udp_frame(t.datagram(1, 1), family=6, udp_checksum=0), "frame.udp_checksum")


def bad_datagrams(t):
    for line in VECTORS.read_text(encoding="utf-8").splitlines():
        vector = {} if line.startswith("#") else json.loads(line)
        if "cause" in vector:
            t.add(frames.udp_frame(bytes.fromhex(vector["hex"])), "frame.ok", "compact." + vector["cause"])
    t.add(frames.udp_frame(b"GET / HTTP/1.1\r\n"), "frame.ok", "compact.bad_magic")
    t.add(frames.udp_frame(b"{", port=9841), "frame.ok", "json.bad_syntax")
    t.add(frames.udp_frame(b"[" * 100, port=9841), "frame.ok", "json.too_deep")
    t.add(frames.udp_frame(b"{}", port=9841), "frame.ok", "json.no_camera")
    t.add(frames.udp_frame(t.datagram(1, 1), port=9841), "frame.ok", "json.bad_syntax")


def bad_senders(t):
    t.add(frames.udp_frame(t.datagram(1, 99)), *COMPACT, "camera.unknown")
    t.add(frames.udp_frame(t.datagram(4, 4)), *COMPACT, "camera.format")
    t.add(frames.udp_frame(t.datagram(1, 1), port=9842), *COMPACT, "camera.port")
    t.add(frames.udp_frame(t.datagram(2, 2, key=KEY), vlans=[13]), *COMPACT, "camera.vlan")
    t.add(frames.udp_frame(t.datagram(2, 2, key=KEY)), *COMPACT, "camera.vlan")
    t.add(frames.udp_frame(t.datagram(2, 2, key=KEY), vlans=[12], source_mac=bytes(6)), *COMPACT, "camera.mac")
    t.add(frames.udp_frame(t.datagram(2, 2, key=KEY), vlans=[12], source="10.9.0.8"), *COMPACT, "camera.address")
    t.add(frames.udp_frame(t.datagram(2, 1)), *COMPACT, "camera.lane")
    t.add(frames.udp_frame(t.datagram(2, 2), vlans=[12]), *COMPACT, "camera.untagged")
    t.add(frames.udp_frame(t.datagram(2, 2, key=bytes(16)), vlans=[12]), *COMPACT, "camera.bad_tag")
    once = frames.udp_frame(t.datagram(2, 2, key=KEY), vlans=[12])
    t.add(once, *COMPACT, "camera.ok")
    t.add(once, *COMPACT, "camera.replay")


def noise(t, rng):
    """Random bytes: as a frame they are no IP; as a payload no datagram."""
    body = bytes(rng.randrange(256) for _ in range(rng.randrange(46, 1400)))
    t.add(frames.ethernet(0x9999, body), "frame.not_ip")
    t.add(frames.udp_frame(b"\0" + body), "frame.ok", "compact.bad_magic" if len(body) < 1400 else "compact.too_long")


def traffic(rounds):
    rng = random.Random(SEED)
    t = Traffic()
    for _ in range(rounds):
        kinds = [good, bad_frames, bad_datagrams, bad_senders, lambda t: noise(t, rng)]
        rng.shuffle(kinds)
        for kind in kinds:
            kind(t)
    return t


def run(kind, what, count):
    result = subprocess.run([PROGRAM, kind, what, str(count)], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return lines[:-1], lines[-1]


def check(t, reads, stats):
    assert [read["event"] for read in reads] == t.reads
    counted = {(stage, cause): n for stage in ("frame", "compact", "json", "camera")
               for cause, n in stats[stage].items() if n}
    assert counted == t.counts
    assert stats["frames"] == len(t.frames)
    assert {read["camera"]: (read["lane"], read["auth"]) for read in reads} == {
        1: (1, 0), 2: (2, 1), 3: (3, 1), 4: (4, 0), 5: (5, 0)}


def test_same_file_same_reads_through_pcap_and_dpdk(tmp_path):
    print("seed", SEED)
    t = traffic(12)
    path = tmp_path / "traffic.pcap"
    frames.write_pcap(path, t.frames)
    through_pcap = run("replay", path, len(t.frames))
    through_dpdk = run("dpdk", f"net_pcap0,rx_pcap={path}", len(t.frames))
    check(t, *through_pcap)
    check(t, *through_dpdk)
    assert through_pcap == through_dpdk


def test_every_cause_is_met(tmp_path):
    t = traffic(1)
    path = tmp_path / "traffic.pcap"
    frames.write_pcap(path, t.frames)
    _, stats = run("replay", path, len(t.frames))
    assert [f"{stage}.{cause}" for stage in ("frame", "compact", "camera")
            for cause, n in stats[stage].items() if not n] == []


LIVE = """
ip link set lo up
ip link add camera type veth peer name gateway
sysctl -qw net.ipv6.conf.camera.disable_ipv6=1 net.ipv6.conf.gateway.disable_ipv6=1 2>/dev/null
ip link set camera mtu 4000 up
ip link set gateway mtu 4000 up
exec /usr/bin/python3 "$@"
"""

SEND = """
import json, socket, subprocess, sys
program, kind, what, frames = sys.argv[1], sys.argv[2], sys.argv[3], json.load(open(sys.argv[4]))
count = int(sys.argv[5])
reader = subprocess.Popen([program, kind, what, str(count)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
line = reader.stderr.readline()
if line.strip() == "ready":
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind(("camera", 0))
    for frame in frames:
        sender.send(bytes.fromhex(frame))
out, err = reader.communicate(timeout=60)
sys.stdout.write(out)
sys.stderr.write(line + err)
sys.exit(reader.returncode)
"""


def run_live(tmp_path, kind, what, t, count):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("a network namespace needs root")
    names = {"sender.py": SEND, "frames.json": json.dumps([frame.hex() for frame in t.frames])}
    for name, text in names.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    result = subprocess.run(
        ["unshare", "-n", "sh", "-ec", LIVE, "sh", tmp_path / "sender.py", PROGRAM, kind, what,
         tmp_path / "frames.json", str(count)], capture_output=True, text=True, timeout=120)
    if "unshare failed" in result.stderr:
        pytest.skip("no network namespaces here")
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return lines[:-1], lines[-1]


def live_traffic():
    """What a socket can send: nothing truncated by hand, nothing shorter than a header."""
    t = Traffic()
    for _ in range(5):
        good(t)
        bad_senders(t)
    return t


def test_live_pcap_sees_what_was_sent(tmp_path):
    t = live_traffic()
    sent = len(t.frames)
    # the kernel's filter keeps these from us: not counted
    for frame in (frames.ethernet(0x0806, bytes(46)), frames.udp_frame(bytes(40), port=53),
                  frames.udp_frame(bytes(40), port=53, vlans=[12])):
        t.frames.insert(0, frame)
    t.add(frames.udp_frame(t.datagram(1, 1), fragment=0x2000), "frame.fragment")
    t.add(frames.udp_frame(t.datagram(2, 2), fragment=0x2000, vlans=[12]), "frame.fragment")
    reads, stats = run_live(tmp_path, "live", "gateway", t, sent + 2)
    t.frames = t.frames[3:]
    check(t, reads, stats)


def test_dpdk_af_packet_sees_what_was_sent(tmp_path):
    t = live_traffic()
    reads, stats = run_live(tmp_path, "dpdk", "net_af_packet0,iface=gateway", t, len(t.frames))
    check(t, reads, stats)
