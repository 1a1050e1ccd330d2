"""Capture over several queues and sources, idling, and what is told of every frame that is lost, in a network namespace
of its own."""
import os
import pathlib
import subprocess
import time

import pytest
import yaml

from harness import frames, prometheus
from harness.netns import Namespace
from harness.stack import program, short_folder, wait_until
from test_capture import Box, eal, needs_root


@pytest.fixture
def box():
    with short_folder() as folder:
        site = Box(folder)
        try:
            site.start()
            with Namespace() as namespace:
                site.namespace = namespace
                namespace.plug()
                yield site
                if site.matchd:
                    site.matchd.stop()
        finally:
            site.stop()


def sources(kind):
    return {
        "af_packet": {"kind": "dpdk", "device": "net_af_packet0", "eal_args": eal("net_af_packet0,iface=gateway")},
        "queues": {"kind": "dpdk", "device": "net_af_packet0", "queues": 2, "cores": [0, 1],
                   "eal_args": eal("net_af_packet0,iface=gateway,qpairs=2")},
        "net_pcap": {"kind": "dpdk", "device": "net_pcap0", "eal_args": eal("net_pcap0,rx_iface=gateway")},
        "pcap": {"kind": "pcap", "interface": "gateway"}}[kind]


def hello(number=0):
    """A frame that is no read, and is counted as that; queues are told apart by its address."""
    return frames.udp_frame(b"hello", source=f"10.9.{number // 250}.{number % 250 + 2}")


def of_sources(box, counter):
    """{(source, queue): value}"""
    return {(source["source"], source["queue"]): source["counters"].get(counter, 0)
            for source in box.status()["matchd"]["sources"]}


def total(box, counter="compact_too_short"):
    return sum(of_sources(box, counter).values())


def wait_for_cable(box):
    """Until a frame was counted and none is on its way any more: counters are told once a second."""
    seen = {"value": total(box), "since": 0.0}

    def one_more():
        box.namespace.send(hello())
        return total(box) > seen["value"]

    def settled():
        now = total(box)
        if now != seen["value"]:
            seen.update(value=now, since=time.monotonic())
        return time.monotonic() - seen["since"] > 2.5

    wait_until("a frame", one_more)
    wait_until("no frame on its way", settled)


def metrics(box):
    result = subprocess.run([program("checkpointctl"), "--runtime-dir", str(box.box.run), "metrics"], check=True,
                            capture_output=True, text=True, timeout=60)
    return prometheus.Exposition(result.stdout)


@needs_root
def test_two_queues_deliver_each_frame_once(box):
    box.start_matchd(sources("queues"))
    wait_for_cable(box)
    before = of_sources(box, "compact_too_short")
    sent = 200
    box.namespace.send(*[hello(i) for i in range(sent)])
    wait_until("every frame", lambda: total(box) >= sum(before.values()) + sent)
    after = of_sources(box, "compact_too_short")
    assert sum(after.values()) == sum(before.values()) + sent
    assert set(after) == {("net_af_packet0", 0), ("net_af_packet0", 1)}
    assert all(after[queue] > before.get(queue, 0) for queue in after), after
    told = metrics(box)
    for name, queue in after:
        assert told.value("checkpoint_capture_dropped_total", source=name, queue=str(queue),
                          cause="compact_too_short") == after[name, queue]
        assert told.value("checkpoint_capture_dropped_total", source=name, queue=str(queue), cause="nic") == 0
    assert told.value("checkpoint_capture_total", what="compact_too_short") == sum(after.values())
    threads = pathlib.Path(f"/proc/{box.matchd.process.pid}/task")
    names = {(task / "comm").read_text().strip(): os.sched_getaffinity(int(task.name)) for task in threads.iterdir()}
    assert names["capture1"] == {0} and names["capture2"] == {1}


@needs_root
def test_several_sources_have_a_thread_and_counters_each(box):
    both = sources("af_packet"), sources("pcap")
    box.start_matchd(*both)
    wait_for_cable(box)
    before = of_sources(box, "compact_too_short")
    box.namespace.send(*[hello(i) for i in range(50)])
    wait_until("every frame, by each", lambda: all(
        count == before[source] + 50 for source, count in of_sources(box, "compact_too_short").items()))
    assert set(before) == {("net_af_packet0", 0), ("gateway", 0)}


def capture_thread(box):
    for task in pathlib.Path(f"/proc/{box.matchd.process.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "capture1":
            return task
    raise AssertionError("no thread capture1")


def thread_use(task):
    """CPU seconds, and how often it went to sleep."""
    fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
    status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
    return ((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(status["voluntary_ctxt_switches"]))


@needs_root
@pytest.mark.parametrize("kind", ["af_packet", "net_pcap", "pcap"])
def test_an_idle_source_sleeps_and_a_burst_after_that_is_whole(box, kind):
    box.start_matchd(sources(kind))
    wait_for_cable(box)
    task = capture_thread(box)
    begin, (cpu, sleeps) = time.monotonic(), thread_use(task)
    wait_until("a while of nothing", lambda: time.monotonic() - begin > 3)
    seconds = time.monotonic() - begin
    more_cpu, more_sleeps = (now - then for now, then in zip(thread_use(task), (cpu, sleeps)))
    print(f"{kind}: {100 * more_cpu / seconds:.1f} % of a core, {more_sleeps / seconds:.0f} sleeps a second")
    assert more_sleeps / seconds < 200  # a frame wakes it; a timed sleep would be 5000
    before, burst = total(box), 400  # the smallest ring takes 512
    box.namespace.send(*[hello() for _ in range(burst)])
    wait_until("every frame", lambda: total(box) == before + burst)


@needs_root
def test_what_is_told_is_good_prometheus_text_and_every_frame_has_one_end(box, tmp_path):
    path = tmp_path / "some.pcap"
    sent = [box.frame(), box.frame(), frames.udp_frame(b"x"), frames.ethernet(0x0806, bytes(46)),
            frames.udp_frame(b"x", port=53), frames.udp_frame(box.datagram(1, key=None))]
    frames.write_pcap(path, sent, gap_us=1)
    box.start_matchd({"kind": "replay", "file": str(path), "full_speed": True})
    wait_until("all frames", lambda: total(box, "frames") == len(sent))
    told = metrics(box)
    assert told.value("checkpoint_capture_source_frames_total", source="replay", queue="0") == len(sent)
    assert told.value("checkpoint_capture_source_reads_total", source="replay", queue="0") == 2
    dropped = told.values("checkpoint_capture_dropped_total", source="replay")
    assert sum(dropped) == len(sent) - 2
    for cause in ("compact_too_short", "frame_not_ip", "frame_foreign_port", "camera_untagged"):
        assert told.value("checkpoint_capture_dropped_total", source="replay", queue="0", cause=cause) == 1
    status = subprocess.run([program("checkpointctl"), "--runtime-dir", str(box.box.run), "status"],
                            capture_output=True, text=True, timeout=60).stdout
    row = next(line for line in status.splitlines() if line.startswith("replay"))
    assert "queue 0: 6 frames, 2 reads" in row


@needs_root
def test_what_an_earlier_matchd_counted_is_not_told_as_this_ones(box, tmp_path):
    refused, good = tmp_path / "refused.pcap", tmp_path / "good.pcap"
    frames.write_pcap(refused, [frames.udp_frame(b"x")] * 3, gap_us=1)
    frames.write_pcap(good, [box.frame()], gap_us=1)
    box.start_matchd({"kind": "replay", "file": str(refused), "full_speed": True})
    wait_until("refused", lambda: total(box) == 3)
    box.matchd.stop()
    assert total(box) == 3  # the last word on what was lost
    box.start_matchd({"kind": "replay", "file": str(good), "full_speed": True})
    wait_until("read", lambda: total(box, "frames_with_read") == 1)
    assert of_sources(box, "compact_too_short") == {("replay", 0): 0}


@pytest.mark.parametrize("change, reason", [
    ({"queues": 17}, "queues = '17'"),
    ({"queues": 0}, "queues = '0'"),
    ({"queues": 2, "cores": [1]}, "sources[0].cores: 1 of them, expected 2, one a queue"),
    ({"cores": [1024]}, "sources[0].cores[0] = '1024'"),
    ({"descriptors": 1}, "sources[0].descriptors = '1'"),
    ({"kind": "pcap", "interface": "eth1", "queues": 2}, "sources[0].queues = '2': only a dpdk source has more than one"),
])
def test_queues_that_cannot_be_are_refused_with_their_line(tmp_path, change, reason):
    refuse(tmp_path, [{"kind": "dpdk", "device": "net_null0", **change}], reason)


@pytest.mark.parametrize("second, reason", [
    ({"kind": "pcap", "interface": "eth1", "cores": [0]}, "sources[1].cores: one of them is given to sources[0] already"),
    ({"kind": "dpdk", "device": "net_null0"}, "sources[1].device = 'net_null0': already given to sources[0], expected another"),
    ({"kind": "dpdk", "device": "net_null1", "queues": 16}, "sources: 17 queues in all, expected at most 16"),
])
def test_sources_that_cannot_be_together_are_refused(tmp_path, second, reason):
    refuse(tmp_path, [{"kind": "dpdk", "device": "net_null0", "cores": [0]}, second], reason)


def refuse(folder, wrong, reason):
    path = folder / "matchd.yaml"
    path.write_text(yaml.safe_dump({"ports": [{"port": 9840}], "sources": wrong}, sort_keys=False))
    result = subprocess.run([program("checkpoint-matchd"), "--config", str(path), "--check"], capture_output=True,
                            text=True, timeout=60)
    assert result.returncode == 78
    assert f"{path}:" in result.stderr and reason in result.stderr, result.stderr
