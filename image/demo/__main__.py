"""The demo's main: starts everything, lets vehicles drive, tells what happens, counts, stops everything. See image/demo.sh."""
import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time

from report import alert_delays, coil_delays, console_delays, percentiles
from site_of_demo import DemoSite
from traffic import LaneTraffic, Plan

from harness.process import ProgramError, wait_for

SETTLE_S = 30.0
COLOURS = {"hit": "1;31", "hold": "1;33", "lane": "36", "alarm": "35", "hq": "32", "officer": "1;34", "console": "1;36"}


class Teller:
    """One line an event: seconds since the start, who, what."""

    def __init__(self, colours):
        self.colours, self.begin, self.lock = colours, time.monotonic(), threading.Lock()

    def __call__(self, kind, lane, text):
        who = f"lane {lane}" if lane else kind
        line = f"{time.monotonic() - self.begin:8.3f}  {who:8} {text}"
        if self.colours and kind in COLOURS:
            line = f"\033[{COLOURS[kind]}m{line}\033[0m"
        with self.lock:
            print(line, flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="image/demo.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="seconds of traffic; without it until Ctrl-C")
    parser.add_argument("--headless", action="store_true", help="plain lines without colours, for machines")
    parser.add_argument("--certificates", action="store_true",
                        help="the console lets in paired tablets only, as shipped (--headless too)")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("CHECKPOINT_SEED", "1")),
                        help="decides plates and vehicles (default 1)")
    return parser.parse_args()


def drive(site, plan, over, seconds, tell):
    """Traffic on both lanes until `seconds` are over or `over` is set from outside."""
    lanes = [LaneTraffic(lane, site, plan.lanes[lane - 1], over, tell) for lane in (1, 2)]
    for lane in lanes:
        lane.start()
    over.wait(seconds)
    over.set()
    for lane in lanes:
        lane.join()
    return lanes


def settle(site, expected):
    """Waits until headquarters has every hit and its picture, or SETTLE_S are over: the count says which."""
    try:
        wait_for("every hit at headquarters", lambda: expected <= site.hits_at_hq() & site.pictures_at_hq(),
                 SETTLE_S, interval_s=0.1)
    except ProgramError:
        pass  # the result shows what is missing


def result_of(site, lanes):
    expected = {event for lane in lanes for event in lane.expected}
    settle(site, expected)
    tcp, rtu = lanes
    seen, alerted, holds = site.watch.count()
    alert = percentiles(alert_delays(lanes, site.watch))
    coil = percentiles(coil_delays(tcp, {"red"}, tcp.holds_expected))
    rtu_events = [e for e, v in rtu.holds_expected.items() if v.priority == 1]
    closed = site.stream.closed()
    console = percentiles(console_delays(site.watch, site.stream))
    coil_rtu = percentiles(coil_delays(rtu, {"siren", "strobe"}, rtu_events))
    return {
        "reads_sent": sum(len(lane.sent) for lane in lanes), "reads_seen": seen,
        "hits_expected": len(expected), "hits_alerted": alerted,
        "console_hits": len(site.stream.shown_ns), "handled": len(closed),
        "confirmed": list(closed.values()).count("confirm"), "rejected": list(closed.values()).count("reject"),
        "hits_at_hq": len(site.hits_at_hq()), "pictures_at_hq": len(site.pictures_at_hq()),
        "holds": holds, "holds_expected": sum(len(lane.holds_expected) for lane in lanes),
        "audit_ok": site.audit(),
        "frame_to_alert_ms_p50": alert[0], "frame_to_alert_ms_p99": alert[1],
        "hit_to_console_ms_p50": console[0], "hit_to_console_ms_p99": console[1],
        "frame_to_coil_ms_p50": coil[0], "frame_to_coil_ms_p99": coil[1],
        "frame_to_coil_rtu_ms_p50": coil_rtu[0], "frame_to_coil_rtu_ms_p99": coil_rtu[1],
        "violations": sum(len(lane.sim.events("violation")) for lane in lanes)}


def is_whole(result):
    return (result["audit_ok"] and result["violations"] == 0 and result["hits_expected"] > 0 and
            result["reads_sent"] == result["reads_seen"] and
            result["hits_expected"] == result["hits_alerted"] == result["hits_at_hq"] == result["pictures_at_hq"] and
            result["hits_expected"] == result["console_hits"] == result["handled"] and
            result["holds_expected"] == result["holds"])


def main():
    options = parse_arguments()
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    tell = Teller(sys.stdout.isatty() and not options.headless)
    plan = Plan(options.seed)
    with tempfile.TemporaryDirectory(prefix="cp.", dir="/tmp") as folder:
        site = DemoSite(folder, tell, options.headless or options.certificates)
        try:
            site.start(plan)
            lanes = drive(site, plan, over, options.seconds, tell)
            result = result_of(site, lanes)
        finally:
            site.stop()
    errors = [str(part.error) for part in (*lanes, site.watch, site.stream) if part.error]
    for error in errors:
        print(f"image/demo.sh: {error}", file=sys.stderr)
    print(json.dumps(result))
    return 0 if is_whole(result) and not errors else 1


if __name__ == "__main__":
    sys.exit(main())
