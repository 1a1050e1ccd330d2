#!/usr/bin/python3
"""Headquarters and the link against what was promised, each figure with its bound beside it. The real programs over
real TLS, Redis and PostgreSQL on one machine; bench_hq_load is the load of many boxes, bench_hq_make the lists and
journals. Needs root (capture on lo). The last line is one JSON object; its "short" names what misses its bound.

    bench_hq.py MODE... [--build DIR] [options]      MODE: records backlog publish fresh boxes hit all
"""
import argparse
import atexit
import contextlib
import functools
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
MODES = ("records", "boxes", "hit", "backlog", "publish", "fresh")
TOOL_LIMIT_S = 1800  # of one program of ours, beside others


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modes", nargs="+", choices=(*MODES, "all"))
    parser.add_argument("--build", default=str(ROOT / "build" / "release"))
    parser.add_argument("--records", type=int, default=20_000, help="of one run")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--boxes", type=int, default=5_000)
    parser.add_argument("--backlog", type=int, default=1_000_000)
    parser.add_argument("--hits", type=int, default=300)
    parser.add_argument("--batches", type=int, default=100, help="published, and as many withdrawn")
    parser.add_argument("--listed", type=int, default=1_000_000, help="entries of the list that changes")
    parser.add_argument("--lists", type=int, nargs="+", default=[1_000_000, 10_000_000], help="of a fresh box")
    options = parser.parse_args()
    options.modes = MODES if "all" in options.modes else options.modes
    return options


OPTIONS = arguments()
os.environ["CHECKPOINT_BUILD"] = OPTIONS.build
sys.path.insert(0, str(TESTS))
# The harness reads CHECKPOINT_BUILD when it is imported.
from harness.cache import Redis  # noqa: E402
from harness.camera import Camera  # noqa: E402
from harness.postgres import Database, Postgres  # noqa: E402
from harness.process import wait_for  # noqa: E402
from harness.report import NOT_RUN, Report, cpu_s, may_run  # noqa: E402
from harness.signing import envelope, canonical, entry, hash_text, now_ms, time_text  # noqa: E402
from harness.stack import short_folder  # noqa: E402
from harness.uplink_site import BOX, KEY, Site  # noqa: E402


def program_of(name):
    return pathlib.Path(OPTIONS.build) / "tests" / "bench" / name


def tool(name, *argv):
    """The last line of one of our programs, as JSON."""
    done = subprocess.run([program_of(name), *map(str, argv)], stdout=subprocess.PIPE, check=True, timeout=TOOL_LIMIT_S)
    return json.loads(done.stdout.splitlines()[-1])


# ---- records, boxes: bench_hq_load is the client ----

@contextlib.contextmanager
def stores():
    """[(name, options of bench_hq_load that choose it)]."""
    server = Postgres(folder_in=None).start()  # on a disk, as hqd's own file
    try:
        yield [("sqlite", []), ("postgres", ["--database", Database(server).url])]
    finally:
        server.stop()


def load(stores_said, *options):
    """{store: figures}."""
    return {name: tool("bench_hq_load", *options, *chosen) for name, chosen in stores_said}


def records(report):
    """From one box, every batch committed and answered by a receipt; a bare insert of the same bytes beside."""
    with stores() as chosen:
        for name, found in load(chosen, "--records", OPTIONS.records, "--runs", OPTIONS.runs).items():
            report.put(f"records_per_s_{name}", found["records_per_s"], least=20_000)
            report.put(f"records_per_s_{name}_batches_of_100", found["small_records_per_s"])
            report.put(f"records_{name}_hqd_cpu_us", found["hqd_cpu_us_a_record"])
            report.put(f"records_{name}_bare_insert_per_s", found["bare_per_s"])
            report.put(f"records_{name}_of_bare_insert", found["records_per_s"] / found["bare_per_s"])


def boxes(report):
    """Long polls of so many boxes, each with a certificate of its own; 500 records a second of another beside."""
    with stores() as chosen:
        for name, found in load(chosen, "--records", 1000, "--runs", 1, "--boxes", OPTIONS.boxes).items():
            report.put(f"boxes_held_{name}", found["boxes"], least=min(5_000, OPTIONS.boxes))
            report.put(f"boxes_kb_each_{name}", found["held_kb"], most=50)
            report.put(f"boxes_records_beside_p99_ms_{name}", found["held_records_p99_ms"], most=100)


# ---- a box and its headquarters ----

class Box(Site):
    """A checkpoint whose Redis runs as the product configures it."""

    def __init__(self, folder):
        super().__init__(folder)
        self.redis.stop()
        self.redis = Redis(self.box.folder, product_users=True).start()
        self.uplinkd_redis = {"redis_user": "checkpoint-uplinkd",
                              "redis_secret": str(self.box.folder / "uplinkd.secret")}
        self.probe = None

    def uplinkd(self, pair=None, **more):
        return super().uplinkd(pair, **self.uplinkd_redis, **more)

    def matchd(self):
        self.box.start_matchd(self.redis.socket, **self.redis.matchd_options)
        self.camera = Camera(("127.0.0.1", self.box.port), lane=1, camera=11, key=KEY)
        self.events = self.box.events(self.token)

    def probed_matchd(self):
        """matchd alone, asked by bench_hq_probe in checkpointd's place."""
        self.probe = subprocess.Popen([program_of("bench_hq_probe"), self.box.run / "matches"], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.box.add_camera(11, 1, key=KEY)
        return self.box.start_matchd(self.redis.socket, **self.redis.matchd_options)

    def wait_matched(self, plate, expected=True):
        """Until a read of that plate would be a hit by the list in force, or none."""
        self.probe.stdin.write(f"{'+' if expected else '-'}{plate}\n")
        self.probe.stdin.flush()
        assert self.probe.stdout.readline() == "ok\n"

    def wait_listed(self):
        """Until checkpointd says that the list is in force."""
        def in_force():
            return (self.status()["list"] or {}).get("revision") == self.hq.world.revision
        wait_for("the list in force", in_force, 60, 0.2)

    def memory_mb(self):
        return int(self.redis.client().info("memory")["used_memory_rss"]) / 1e6

    def stop(self):
        super().stop()
        if self.probe:
            self.probe.stdin.close()  # which ends it
            assert self.probe.wait(30) == 0
            self.probe.stdout.close()


@contextlib.contextmanager
def a_box():
    with short_folder() as folder:
        site = Box(folder)
        try:
            yield site
        finally:
            site.stop()


def ms_since(begun):
    return (time.monotonic() - begun) * 1e3


class Follower(threading.Thread):
    """A duty officer's `hits --follow`: when each plate came, by the monotonic clock."""

    def __init__(self, site, count):
        super().__init__(daemon=True)
        self.peer, self.count, self.seen = site.hq.operator(), count, {}

    def run(self):
        connection, after = self.peer.connect(), 0
        while len(self.seen) < self.count:
            answer = self.peer.get(f"/v1/operator/hits?after={after}&wait=10", connection=connection).json
            for hit in answer["hits"]:
                self.seen.setdefault(hit["record"]["matched"], time.monotonic())
            after = answer["next"]
        connection.close()


def plates(count):
    """None of them on a list of bench_hq_make, whose plates end in five digits, nor like one of those."""
    return [f"鲁H{number % 10_000:04d}{'ACEFHJKLMN'[number // 10_000]}" for number in range(count)]


def hit(report):
    """From the camera's datagram to the officer who follows at headquarters: a little more than from the box's hit."""
    wanted = plates(OPTIONS.hits)
    with a_box() as site:
        site.publish(*(entry(number + 1, plate) for number, plate in enumerate(wanted)))
        site.checkpointd()
        site.uplinkd()
        site.matchd()
        site.wait_listed()
        follower = Follower(site, len(wanted))
        follower.start()
        sent = {}
        for number, plate in enumerate(wanted):
            sent[plate] = time.monotonic()
            site.camera.send(plate, number + 1, plate_class="02")
            wait_for(f"hit {number} at headquarters", lambda: plate in follower.seen, 30)
        follower.join()
    report.p99("hit_to_hq", [(follower.seen[plate] - sent[plate]) * 1e3 for plate in wanted], most=100)


# ---- backlog ----

def fill_journal(site):
    """What a long time without headquarters leaves, in the place of the journal."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as made:  # where a commit costs nothing
        tool("bench_hq_make", "journal", made, BOX, OPTIONS.backlog)
        shutil.copytree(made, site.box.state / "checkpointd" / "journal")


def cut_off_box(site, wanted):
    """A box that works, with its list, while headquarters cannot be reached."""
    site.publish(*(entry(number + 1, plate) for number, plate in enumerate(wanted)))
    site.uplinkd()
    wait_for("the list", lambda: site.revision() == 1, 30)
    site.hq.hqd.stop()
    fill_journal(site)
    site.checkpointd()
    site.matchd()
    site.wait_listed()
    wait_for("the journal told to uplinkd", lambda: site.status()["journal"]["head"] > OPTIONS.backlog, 60)
    for number, plate in enumerate(wanted):
        site.hit(plate, number + 1)


def backlog(report):
    wanted = plates(10)
    with a_box() as site:
        cut_off_box(site, wanted)
        programs = {"checkpointd": site.daemon, "uplinkd": site.link, "hqd": site.hq.hqd}
        before = {name: cpu_s(program) for name, program in programs.items() if name != "hqd"}
        site.hq.hqd.start()
        begun = time.monotonic()
        follower = Follower(site, len(wanted))
        follower.start()
        wait_for("the backlog at headquarters", lambda: site.store(
            "SELECT count(*) FROM chains WHERE sequence >= ?", OPTIONS.backlog)[0][0], 600)
        report.put("backlog_drained_s", ms_since(begun) / 1e3, most=60)
        follower.join()
        report.put("backlog_last_hits_at_hq_s", max(follower.seen.values()) - begun, most=2)
        for name, program in programs.items():
            report.put(f"backlog_{name}_cpu_us_a_record",
                       (cpu_s(program) - before.get(name, 0)) / OPTIONS.backlog * 1e6)


# ---- lists ----

@functools.lru_cache(maxsize=1)
def made_list(listed):
    """(folder of the chunks, rows of the manifest)"""
    folder = pathlib.Path(tempfile.mkdtemp(dir="/dev/shm"))
    atexit.register(shutil.rmtree, folder)
    return folder, tool("bench_hq_make", "list", folder, listed)


def publish_snapshot(site, listed):
    """The list that bench_hq_make made is headquarters': chunks as they were uploaded before, then the manifest."""
    folder, rows = made_list(listed)
    site.publish(entry(1, "京A00000"))
    world = site.hq.world
    database = sqlite3.connect(site.hq.folder / "state" / "hqd.sqlite")
    with database:
        database.execute("UPDATE ids SET entries = ?, max_id = ?, need_two = 0", (rows["entries"],) * 2)
        for number, chunk in enumerate(rows["chunks"]):
            database.execute("INSERT INTO chunks(hash, body) VALUES(?, ?)",
                             (bytes.fromhex(chunk["hash"].partition(":")[2]),
                              (folder / f"chunk-{number}.bin").read_bytes()))
    database.close()
    manifest = envelope("wanted-snapshot/1", canonical({
        "revision": world.revision, "hash": hash_text(world.hash), "entries": rows["entries"],
        "max_id": rows["entries"], "chunks": rows["chunks"], "time": time_text(now_ms())}), world.clerks)
    answer = site.hq.operator().put("/v1/list/snapshot", manifest)
    assert answer.status == 201, answer.body
    return rows["last"]


@contextlib.contextmanager
def fresh_box(listed):
    """A box with nothing on it, and a headquarters with a list; (site, the list's last plate, the programs)."""
    with a_box() as site:
        last = publish_snapshot(site, listed)
        programs = {"uplinkd": None, "matchd": site.probed_matchd(), "hqd": site.hq.hqd, "redis": site.redis.program}
        yield site, last, programs


def fresh(report):
    """From the first start of uplinkd to a match of the last entry of the list."""
    bounds = {1_000_000: 5, 10_000_000: 60}
    for listed in OPTIONS.lists:
        with fresh_box(listed) as (site, last, programs):
            before = {name: cpu_s(program) for name, program in programs.items() if program}
            begun = time.monotonic()
            programs["uplinkd"] = site.uplinkd()
            site.wait_matched(last)
            report.put(f"fresh_{listed}_s", ms_since(begun) / 1e3, most=bounds.get(listed, 60))
            for name, program in programs.items():
                report.put(f"fresh_{listed}_{name}_cpu_s", cpu_s(program) - before.get(name, 0))
            report.put(f"fresh_{listed}_redis_mb", site.memory_mb(), most=250 if listed <= 1_000_000 else None)


def publish(report):
    """Batches of 1,000 entries on a long list, each signed before, until the last of it is a hit; then each
    withdrawn until it is none."""
    with fresh_box(OPTIONS.listed) as (site, last, _):
        site.uplinkd()
        site.wait_matched(last)
        made = plates(1000 * OPTIONS.batches)
        first = OPTIONS.listed + 1
        groups = [[(first + number, made[number]) for number in range(at, at + 1000)]
                  for at in range(0, len(made), 1000)]
        batches = [site.hq.world.batch(added=[entry(*pair) for pair in group]) for group in groups]
        batches += [site.hq.world.batch(withdrawn=[number for number, _ in group]) for group in groups]
        operator = site.hq.operator()
        connection = operator.connect()
        times = []
        for number, batch in enumerate(batches):
            added = number < len(groups)
            begun = time.monotonic()
            answer = operator.put("/v1/list/batches", batch, connection=connection)
            assert answer.status == 201, answer.body
            site.wait_matched(groups[number % len(groups)][-1][1], added)
            times.append(ms_since(begun))
        connection.close()
    report.p99("publish_1000", times[:len(groups)], most=1000)
    report.p99("withdraw_1000", times[len(groups):], most=1000)


def main():
    if not may_run("bench_hq.py"):
        return NOT_RUN
    report = Report("hq")
    for mode in OPTIONS.modes:
        globals()[mode](report)
    report.finish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
