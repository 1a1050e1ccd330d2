"""checkpoint-matchd end to end: frames of every source, VLAN, IPv6 and json included, come out at the events socket; sources
that come late or vanish, connections that break and lists that were set back are alarmed, and it goes on by itself."""
import json
import os
import pathlib
import time

import pytest
import yaml

from harness import frames
from harness.cache import Cache, Redis
from harness.camera import encode_compact
from harness.compare import differences
from harness.netns import Namespace
from harness.process import Program, run_program
from harness.signing import World, entry
from harness.stack import Checkpoint, program, short_folder, wait_until

KEY = bytes(range(16))
PORT, JSON_PORT = 9840, 9841
WANTED = "鲁H12345"
BURST = 180  # frames; fewer than checkpoint-matchd keeps while nobody takes them

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and raw sockets need root")


def eal(vdev):
    return ["--no-huge", "--no-shconf", "--no-pci", "-m", "128", "--no-telemetry", "--log-level=3", f"--vdev={vdev}"]


class Box:
    """checkpointd with one open lane; checkpoint-matchd is started by the test, in the namespace."""

    def __init__(self, folder, namespace=None):
        self.box = Checkpoint(folder)
        self.namespace = namespace
        self.world = World()
        self.world.write_roots(self.box.roots)
        self.redis = Redis(self.box.folder)
        self.counter = time.time_ns() // 1_000_000
        self.event = 0
        self.events = self.matchd = None

    def start(self):
        self.redis.start()
        self.cache = Cache(self.redis, self.world)
        self.cache.add(entry(1, WANTED))
        self.box.add_open_lane(1, transit_max="1s")
        self.start_checkpointd()
        self.token = self.box.leader()
        self.events = self.box.events(self.token)

    def start_checkpointd(self):
        self.checkpointd = self.box.start_checkpointd()

    def start_matchd(self, *sources, **more):
        for name in ("a", "b"):
            key = self.box.etc / f"{name}.key"
            key.write_text(KEY.hex() + "\n")
            key.chmod(0o600)
        path = self.box.write("matchd.yaml", {
            "runtime_dir": str(self.box.run), "state_dir": str(self.box.state / "matchd"), "roots": str(self.box.roots),
            "redis_socket": self.redis.socket, "redis_user": "",
            "ports": [{"port": PORT}, {"port": JSON_PORT, "format": "json"}], "sources": list(sources),
            "cameras": [
                {"id": 1, "lane": 1, "auth": "required", "key_file": str(self.box.etc / "a.key"),
                 "mac": "02:00:00:00:00:07", "address": "10.9.0.7"},
                {"id": 2, "lane": 1, "auth": "required", "key_file": str(self.box.etc / "b.key"), "vlans": [12],
                 "address": "fd00::7"},
                {"id": 3, "lane": 1, "vlans": [100, 12], "address": "10.9.0.7"},
                {"id": 4, "lane": 1, "format": "json", "port": JSON_PORT, "device_id": "37080000001211000004",
                 "address": "fd00::7"}], **more})
        argv = [program("checkpoint-matchd"), "--config", path]
        prefix = self.namespace.prefix() if self.namespace else []
        self.matchd = Program("checkpoint-matchd", [*prefix, *argv], self.box.folder)
        self.box.programs.start(self.matchd)

    def datagram(self, camera, plate="鲁H54321", key=KEY, **fields):
        self.counter += 1
        self.event += 1
        return encode_compact(1, camera, plate, event_id=self.event, key=key, counter=self.counter, **fields)

    def frame(self, plate="鲁H54321", **fields):
        """A frame of camera 1."""
        return frames.udp_frame(self.datagram(1, plate, **fields))

    def status(self):
        client = self.box.control()
        answer = client.act("status")["result"]
        client.close()
        return answer

    def alarms(self):
        return {alarm["name"]: alarm.get("detail", "") for alarm in self.status()["alarms"]}

    def wait_alarm(self, name, detail=""):
        def told():
            found = self.alarms().get(name)
            return found is not None and detail in found and (found or "-")
        return wait_until(name, told)

    def wait_no_alarm(self, name):
        wait_until(f"end of {name}", lambda: name not in self.alarms())

    def next(self, kind, check=lambda event: True):
        while True:
            event = self.events.receive()
            if event["event"] == kind and check(event):
                return event

    def reads(self, count):
        """Event ids of the next reads, in the order they came."""
        return [int(self.next("read")["read"]["event_id"]) for _ in range(count)]

    def stop(self):
        if self.events:
            self.events.close()
        self.box.stop()
        self.redis.stop()


@pytest.fixture
def box():
    with short_folder() as folder:
        site = Box(folder)
        try:
            site.start()
            yield site
        finally:
            site.stop()


@pytest.fixture
def wired(box):
    """The same with a namespace and a cable in it."""
    with Namespace() as namespace:
        box.namespace = namespace
        namespace.plug()
        yield box
        box.matchd.stop()


def live(kind):
    if kind == "pcap":
        return {"kind": "pcap", "interface": "gateway"}
    return {"kind": "dpdk", "device": "net_af_packet0", "eal_args": eal("net_af_packet0,iface=gateway")}


def traffic(box):
    """Reads of four cameras by every encapsulation; returns the frames, whose event ids count from 1. Few are untagged:
    of those without a hit only ten in a second are told one by one."""
    out = []
    for number in range(150):
        if number % 40 == 3:
            out.append(frames.udp_frame(box.datagram(3, key=None), vlans=[100, 12]))
        elif number % 40 == 7:
            box.event += 1
            text = {"DeviceID": "37080000001211000004", "LaneNo": "1", "PlateNo": "鲁H1-345", "EventID": box.event,
                    "HasPlate": 1, "PassTime": "20261124120000"}
            out.append(frames.udp_frame(json.dumps(text).encode(), port=JSON_PORT, family=6))
        elif number % 2:
            out.append(frames.udp_frame(box.datagram(2), family=6, vlans=[12]))
        else:
            out.append(box.frame())
    return out


def ways(box, kind, path, sent):
    """The source of that kind, after its file was written if it reads one."""
    if kind in ("replay", "dpdk-pcap"):
        frames.write_pcap(path, sent, gap_us=100)
    return {"replay": {"kind": "replay", "file": str(path), "full_speed": True},
            "dpdk-pcap": {"kind": "dpdk", "eal_args": eal(f"net_pcap0,rx_pcap={path}")},
            "dpdk": live("dpdk"), "pcap": live("pcap")}[kind]


@needs_root
@pytest.mark.parametrize("kind", ["replay", "dpdk-pcap", "dpdk", "pcap"])
def test_the_same_frames_are_the_same_reads_in_the_same_order(wired, kind, tmp_path):
    sent = traffic(wired)
    wired.start_matchd(ways(wired, kind, tmp_path / "traffic.pcap", sent))
    if kind in ("dpdk", "pcap"):
        wait_for_frames(wired)
        wired.namespace.send(*sent)
    assert wired.reads(150) == list(range(1, 151))


def wait_for_frames(box):
    """Until a frame that is no read is counted: the source is open and sees the cable."""
    def seen():
        return box.status()["matchd"]["counters"].get("compact_too_short", 0)

    def one_more():
        box.namespace.send(frames.udp_frame(b"hello"))
        return seen() > before

    before = seen()
    wait_until("a frame", one_more)


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@needs_root
def test_an_idle_dpdk_port_leaves_the_core_to_others_and_misses_nothing(wired):
    wired.start_matchd(live("dpdk"))
    wait_for_frames(wired)
    begin, used = time.monotonic(), cpu_s(wired.matchd.process.pid)
    wait_until("a while of nothing", lambda: time.monotonic() - begin > 3)
    share = (cpu_s(wired.matchd.process.pid) - used) / (time.monotonic() - begin)
    print(f"idle: {100 * share:.1f} % of a core")
    assert share < 0.5  # a spinning poller takes all of one
    wired.namespace.send(*[wired.frame() for _ in range(BURST)])
    assert wired.reads(BURST) == list(range(1, BURST + 1))


@needs_root
@pytest.mark.parametrize("kind", ["dpdk", "pcap"])
def test_an_interface_that_comes_late_vanishes_and_returns(wired, kind):
    wired.namespace.unplug()
    wired.start_matchd(live(kind))
    wired.wait_alarm("CAPTURE_DOWN")
    for round_ in (1, 2):
        wired.namespace.plug()
        wired.wait_no_alarm("CAPTURE_DOWN")
        wait_for_frames(wired)
        wired.namespace.send(wired.frame())
        assert wired.reads(1) == [round_]
        wired.namespace.unplug()
        wired.wait_alarm("CAPTURE_DOWN", "gateway" if kind == "pcap" else "net_af_packet0")


@needs_root
def test_a_cable_that_is_out_is_alarmed(wired):
    wired.start_matchd(live("pcap"), {"kind": "pcap", "interface": "lo"})
    wait_for_frames(wired)
    wired.namespace.set_up("camera", False)
    assert "gateway: no link" in wired.wait_alarm("CAPTURE_DOWN")
    wired.namespace.set_up("camera", True)
    wired.wait_no_alarm("CAPTURE_DOWN")
    wait_for_frames(wired)


def know_list(box, revision):
    """checkpoint-matchd has that list from its last run, before a first frame comes."""
    box.start_matchd()
    wait_until("list", lambda: (box.status()["list"] or {}).get("revision") == revision)
    box.matchd.stop()


def test_an_environment_of_dpdk_that_cannot_start_says_why(box):
    box.start_matchd({"kind": "dpdk", "eal_args": ["--no-huge", "--no-shconf", "--no-pci", "-m", "99999999"]})
    reason = "Cannot allocate memory; correct it and start the program anew"  # not that it was tried before
    assert "-m 99999999" in box.wait_alarm("CAPTURE_DOWN", reason)


def replay(box, tmp_path, *sent):
    path = tmp_path / f"replay-{box.event}.pcap"
    frames.write_pcap(path, sent, gap_us=100)
    return {"kind": "replay", "file": str(path), "full_speed": True}


def test_reads_wait_for_checkpointd(box, tmp_path):
    """Matched while checkpointd is away, told when it is back: more at once than a socket holds."""
    sent = [box.frame() for _ in range(BURST // 2)] + [box.frame(WANTED)]
    sent += [box.frame() for _ in range(80)]
    know_list(box, 1)
    box.events.close()
    box.checkpointd.stop()
    box.start_matchd(replay(box, tmp_path, *sent))
    wait_until("end of the replay", lambda: "REPLAY_ENDED" in box.matchd.tail())
    box.start_checkpointd()
    client = box.box.control()
    login = client.act("login", officer="wang", password="correct horse 1")
    hits = wait_until("the hit", lambda: client.act("hits", login["result"]["token"])["result"]["hits"])
    client.close()
    assert [hit["read"]["event_id"] for hit in hits] == [str(BURST // 2 + 1)]
    wait_until("all reads", lambda: box.status()["counters"]["reads"] == len(sent))
    box.events = box.box.events(login["result"]["token"])


def test_field_names_of_json_by_configuration(box, tmp_path):
    texts = [{"cam": 4, "no": "鲁H-12345", "id": 1}, {"cam": "37080000001211000004", "no": "鲁H1-345", "id": "2"},
             {"cam": 5, "no": "鲁H-12345", "id": 3}, {"DeviceID": 4, "PlateNo": WANTED, "EventID": 4}]
    sent = [frames.udp_frame(json.dumps(text).encode(), port=JSON_PORT) for text in texts]
    sent.append(box.frame())
    camera = {"id": 4, "lane": 1, "address": "10.9.0.7", "format": "json", "port": JSON_PORT,
              "device_id": "37080000001211000004", "dash": "auto"}
    gat1400 = {"id": 5, "lane": 1, "address": "10.9.0.7", "format": "json", "port": JSON_PORT}
    key = {"id": 1, "lane": 1, "address": "10.9.0.7", "auth": "required", "key_file": str(box.box.etc / "a.key")}
    box.start_matchd(replay(box, tmp_path, *sent), cameras=[key, camera, gat1400],
                     json={"camera": "cam", "plate": "no", "event": "id", "lane": ""})
    plates = [box.next("read")["read"]["plate"] for _ in range(4)]
    # '-' is a separator, an unread symbol, and always one from a camera of the standard
    assert plates == [WANTED, "鲁H1?345", "鲁H?12345", "鲁H54321"]
    wait_until("the refusal", lambda: box.status()["matchd"]["counters"]["json_no_camera"] == 1)


def test_candidates_of_an_unreadable_text_are_matched(box, tmp_path):
    sent = [box.frame("危险品"), box.frame("危险品", candidates=[(WANTED, 40)]), box.frame()]
    know_list(box, 1)
    box.start_matchd(replay(box, tmp_path, *sent))
    hit = box.next("hit")
    assert (hit["match"], hit["decision"]["level"], hit["read"]["event_id"]) == ("candidate", "quiet", "2")
    assert box.reads(2) == [2, 3]
    wait_until("both are counted", lambda: box.status()["matchd"]["counters"]["undecoded"] == 2)


CHANGING = {"time", "mono_ns", "clock", "list", "offset_ms", "valid_from", "valid_until", "applicant_time",
            "reviewer_time", "approver_time", "scan_us_max", "opened", "due"}


def lasting(value):
    """Without what differs from run to run, and without the list's revision, which alone may differ."""
    if isinstance(value, dict):
        return {name: lasting(part) for name, part in value.items() if name not in CHANGING}
    return [lasting(part) for part in value] if isinstance(value, list) else value


def everything_shown(box):
    """What a leader can get at."""
    client = box.box.control()
    shown = {name: client.act(name, box.token, **args).get("result")
             for name, args in (("status", {}), ("metrics", {}), ("lanes", {}), ("hits", {}),
                                ("check", {"plate": "鲁H54321", "reason": "other"}))}
    client.close()
    shown["status"] = {name: shown["status"][name] for name in ("counters", "matchd")}
    shown["alarms"] = sorted(box.alarms().items())
    for part in ("status", "metrics"):
        shown[part]["counters"].pop("scans_dropped")
    shown["metrics"].pop("buses")
    shown["metrics"].pop("journal")
    return lasting(shown)


def shown_after_reads(folder, tmp_path, handling):
    box = Box(folder)
    try:
        box.start()
        if handling:
            box.cache.add(*[entry(number, "鲁H54321", handling=handling, priority=1) for number in range(2, 12)])
        else:
            box.cache.add(*[entry(number, "鲁R00000", priority=1) for number in range(2, 12)])
        box.cache.add(entry(12, "鲁H54321", priority=3))
        know_list(box, 3)
        box.start_matchd(replay(box, tmp_path, *[box.frame() for _ in range(5)]))
        box.reads(5)
        wait_until("an empty lane", lambda: box.box.lane(1)["vehicles"] == 0 and box.box.lane(1)["order_known"])
        events = wait_until("counters", lambda: box.status()["matchd"]["counters"].get("reads") == 5 and
                            everything_shown(box))
        os.kill(box.matchd.process.pid, 10)  # SIGUSR1: counters to the log
        log = wait_until("the dump", lambda: [line for line in box.matchd.tail().splitlines() if "frames=" in line])
        return events, log[-1].split("frames=")[1]
    finally:
        box.stop()


def test_observe_entries_show_nowhere(tmp_path):
    """More of them than a message has room for, on the plate of a weaker entry that is to be stopped; one vehicle,
    read five times."""
    shown = []
    for handling in ("observe", None):
        with short_folder() as folder:
            shown.append(shown_after_reads(folder, tmp_path, handling))
    differ = list(differences(*shown))
    assert not differ, differ
    assert [hit["entry"]["id"] for hit in shown[0][0]["hits"]["hits"]] == [12]


def test_a_list_that_was_set_back_is_alarmed_and_lets_nobody_through(box):
    old = {key: box.cache.redis.dump(key) for key in box.cache.redis.keys()}
    old_world = (box.world.revision, box.world.hash)
    box.cache.add(entry(2, "鲁H22222"))
    box.start_matchd()
    wait_until("usable", lambda: box.box.lane(1).get("list_usable"))
    box.matchd.stop()
    for path in sorted((box.box.state / "matchd" / "last-good").iterdir()):
        path.unlink()
    box.cache.redis.flushall()
    for key, value in old.items():
        box.cache.redis.restore(key, 0, value)
    box.start_matchd()
    assert box.wait_alarm("WANTED_ROLLED_BACK") == "in force 1, highest 2"
    wait_until("not usable", lambda: not box.box.lane(1)["list_usable"])
    box.events.close()
    box.checkpointd.stop()  # the journal remembers it
    box.start_checkpointd()
    box.wait_alarm("WANTED_ROLLED_BACK")
    assert not box.box.lane(1)["list_usable"]
    box.world.revision, box.world.hash = old_world
    box.cache.add(entry(3, "鲁H33333"))  # another list for the revision that was
    box.wait_alarm("WANTED_OTHER_LIST")
    box.wait_no_alarm("WANTED_ROLLED_BACK")
    assert not box.box.lane(1)["list_usable"]
    box.cache.add(entry(4, "鲁H44444"))
    box.wait_no_alarm("WANTED_OTHER_LIST")
    wait_until("usable again", lambda: box.box.lane(1)["list_usable"])
    box.events = box.box.events()


def test_of_many_entries_of_one_plate_the_strongest_are_told(box, tmp_path):
    """Ten of another class, one that agrees: an alert names it first; what finds no room is counted."""
    more = [entry(number, "鲁H54321", **{"class": "01"}, priority=1) for number in range(2, 12)]
    box.cache.add(*more, entry(12, "鲁H54321", **{"class": "02"}, priority=3))
    know_list(box, 2)
    box.start_matchd(replay(box, tmp_path, box.frame(plate_class="02")))
    hits = [box.next("hit") for _ in range(8)]
    assert [hit["entry"]["id"] for hit in hits] == [12, 2, 3, 4, 5, 6, 7, 8]
    assert [hit["decision"]["level"] for hit in hits] == ["sounding"] + ["quiet"] * 7
    wait_until("the others are counted", lambda: box.status()["matchd"]["counters"].get("hits_left_out") == 3)


def test_tag_counters_outlive_the_program_and_a_damaged_file_blinds_nobody(box, tmp_path):
    sent = [box.frame()]
    counters = box.box.state / "matchd" / "counters"
    box.start_matchd(replay(box, tmp_path, *sent))
    assert box.reads(1) == [1]
    box.matchd.stop()
    assert counters.read_text() == f"1 {box.counter}\n"
    box.start_matchd(replay(box, tmp_path, *sent))
    wait_until("replay refused", lambda: box.status()["matchd"]["counters"].get("camera_replay") == 1)
    box.matchd.stop()
    counters.write_text("one two\n")
    box.start_matchd(replay(box, tmp_path, box.frame()))
    assert "expected lines '<camera> <counter>'" in box.wait_alarm("COUNTERS_LOST")
    assert box.reads(1) == [2]
    assert counters.with_suffix(".refused").read_text() == "one two\n"
    box.matchd.stop()
    box.start_matchd()
    box.wait_no_alarm("COUNTERS_LOST")


CAMERA = {"id": 1, "lane": 1, "address": "10.9.0.7"}
REFUSED = [
    ({"cameras": [{**CAMERA, "port": 9999}]}, "cameras[0].port = '9999': nobody listens there, expected one of 'ports'"),
    ({"cameras": [{**CAMERA, "port": JSON_PORT}]},
     "cameras[0].format: port 9841 carries another, expected 'json'"),
    ({"cameras": [{**CAMERA, "format": "json", "port": JSON_PORT, "key_file": "/k"}]},
     "cameras[0].key_file = '/k': json datagrams carry no tag, expected none"),
    ({"cameras": [{**CAMERA, "mac": "ff:ff:ff:ff:ff:ff"}]},
     "cameras[0].mac = 'ff:ff:ff:ff:ff:ff': a group address, which no camera sends from"),
    ({"cameras": [{"id": 1, "lane": 1}]}, "matchd.yaml:2: cameras[0].address: missing, expected "),
    ({"sources": [{"kind": "pcap", "interface": "lo"}, {"kind": "pcap", "interface": "lo"}]},
     "sources[1].interface = 'lo': already given to sources[0]: every read would come twice"),
    ({"sources": [{"kind": "dpdk", "eal_args": ["--no-pci"]}, {"kind": "dpdk", "eal_args": ["--no-huge"]}]},
     "sources[1].eal_args: there is one environment, expected those of sources[0]"),
    ({"json": {"plate": ""}}, "json.plate = '': empty, expected text of 1 to 31 bytes"),
]


@pytest.mark.parametrize("change, reason", REFUSED, ids=[reason.split(":")[0] for _, reason in REFUSED])
def test_what_could_never_work_is_refused(tmp_path, change, reason):
    path = tmp_path / "matchd.yaml"
    ports = [{"port": PORT}, {"port": JSON_PORT, "format": "json"}]
    path.write_text(yaml.safe_dump({"cameras": [CAMERA], "ports": ports, **change}, sort_keys=False))
    result = run_program([program("checkpoint-matchd"), "--config", path, "--check"], text=True)
    assert result.returncode == 78
    assert reason in result.stdout + result.stderr
