#!/usr/bin/python3
"""The officers' console against what was promised, each figure with its bound beside it: checkpointd, matchd, camerad
and consoled over real TLS on one machine, each officer at a tablet of their own. Needs root (capture on lo). The last
line is one JSON object; its "short" names what misses its bound.

push: how long behind checkpointd's own event (a subscriber of its socket, in the same loop) a console's stream has
it, medians and p99 of the worst and of all; the same with stalled tablets beside; the same lines by a bare TLS server.
Client and peer are Python in the same core's time: their share is in every figure.

    bench_console.py [--quick] [--build DIR] [options]
"""
import argparse
import http.client
import json
import os
import pathlib
import socket
import ssl
import statistics
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
RUNS = 7
STREAMS_OF_ONE = 4  # of a session: gateway/console/feed.h
PEER = "--bare-peer"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build" / "release"))
    parser.add_argument("--quick", action="store_true", help="a sample, that everything still runs")
    parser.add_argument("--consoles", type=int, default=50)
    parser.add_argument("--stalled", type=int, default=20)
    parser.add_argument("--hits", type=int, default=40, help="of one run")
    parser.add_argument("--requests", type=int, default=1_000, help="of one run")
    parser.add_argument("--handshakes", type=int, default=100, help="of one run")
    parser.add_argument("--connections", type=int, default=200, help="held idle")
    options = parser.parse_args()
    if options.quick:
        options.consoles, options.stalled, options.hits, options.requests = 4, 2, 3, 40
        options.handshakes, options.connections = 5, 10
    return options


# ---- the bare peer: TLS and nothing else ----

def bare_peer(certificate, key, roots):
    """Answers each connection's first bytes with its own 200 and sends it every line that comes in from then on,
    or, after `echo`, each request's bytes back."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(roots)
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    links = []
    for line in sys.stdin.buffer:
        word, _, rest = line.rstrip(b"\n").partition(b" ")
        if word == b"take":
            link = context.wrap_socket(listener.accept()[0], server_side=True)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.recv(65536)
            link.sendall(b"HTTP/1.1 200 OK\n")
            links.append(link)
        elif word == b"tell":
            for link in links:
                link.sendall(b"data: " + rest + b"\n")
        else:  # handshakes
            for _ in range(int(rest)):
                with context.wrap_socket(listener.accept()[0], server_side=True) as link:
                    link.recv(1)


if PEER in sys.argv:
    bare_peer(*sys.argv[sys.argv.index(PEER) + 1:])
    sys.exit(0)

OPTIONS = arguments()
os.environ["CHECKPOINT_BUILD"] = OPTIONS.build
sys.path.insert(0, str(TESTS))
# The harness reads CHECKPOINT_BUILD when it is imported.
from harness.console_load import Bystander, Crowd, Ears, Listener, stall  # noqa: E402
from harness.https import Https  # noqa: E402
from harness.report import NOT_RUN, Report, cpu_s, may_run, rss_kb  # noqa: E402
from harness.stack import short_folder  # noqa: E402


class Peer:
    """The bare server in a process of its own."""

    def __init__(self, crowd):
        self.process = subprocess.Popen(
            [sys.executable, __file__, PEER, crowd.server.pem, crowd.server.key_path, crowd.tablets_ca.pem],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def order(self, line):
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


# ---- push ----

def in_ms(values_s):
    return [value * 1e3 for value in values_s]


class Plates:
    """Listed plates, each for one hit."""

    def __init__(self, crowd, count):
        self.plates = [f"鲁Q{number:05}" for number in range(count)]
        crowd.list_entries(self.plates, priority=3)

    def take(self, count):
        taken, self.plates = self.plates[:count], self.plates[count:]
        return taken


def push(crowd, plates, readers, bystander):
    """(seconds behind the event of every console and hit, seconds from the read to checkpointd's event)."""
    ears, behind, before = Ears([bystander, *readers]), [], []
    ears.begin()
    for plate in plates:
        heard, sent = {}, time.monotonic()

        def told(reader, matched, at):
            if matched == plate:
                heard[reader] = at

        crowd.read(11, plate, plate_class="02")
        ears.listen(f"the hit of {plate}", lambda: len(heard) == len(readers) + 1, told)
        event = heard.pop(bystander)
        before.append(event - sent)
        behind += [at - event for at in heard.values()]
    ears.chosen.close()
    return behind, before


def pushes(report, crowd, browsers, plates):
    bystander = Bystander(crowd.box, crowd.token)
    readers = [Listener(browser) for browser in browsers]
    behind, before = [], []
    for _ in range(RUNS):
        one, other = push(crowd, plates.take(OPTIONS.hits), readers, bystander)
        behind, before = behind + one, before + other
    report.p99("read_to_event", in_ms(before), worst=True)
    report.p99("push", in_ms(behind), most=50, worst=True)

    links = [stall(browser) for browser in browsers[:OPTIONS.stalled]]
    memory = {name: rss_kb(program) for name, program in (("consoled", crowd.consoled), ("checkpointd", crowd.checkpointd))}
    used = cpu_s(crowd.consoled)
    behind = []
    for _ in range(RUNS):
        behind += push(crowd, plates.take(OPTIONS.hits), readers, bystander)[0]
    report.p99(f"push_beside_{OPTIONS.stalled}_stalled", in_ms(behind), most=50, worst=True)
    report.put("push_consoled_cpu_us_a_console_and_hit", (cpu_s(crowd.consoled) - used) / len(behind) * 1e6)
    report.put(f"consoled_rss_mb_more_beside_{OPTIONS.stalled}_stalled", (rss_kb(crowd.consoled) - memory["consoled"]) / 1e3, most=64)
    report.put(f"checkpointd_rss_mb_more_beside_{OPTIONS.stalled}_stalled",
               (rss_kb(crowd.checkpointd) - memory["checkpointd"]) / 1e3, most=64)
    for one in [*links, *readers]:
        one.close()
    bare_push(report, crowd, browsers, readers[0].hits[:OPTIONS.hits], bystander)


def bare_push(report, crowd, browsers, hits, bystander):
    """The same lines to as many connections by the bare server: what TLS and this client cost."""
    peer = Peer(crowd)
    readers = []
    for browser in browsers:
        bare = Https(peer.port, crowd.servers.pem, crowd.tablets[next(iter(crowd.tablets))])
        bare.cookie = browser.cookie
        peer.order(b"take")
        readers.append(Listener(bare))
    bystander.close()
    ears, behind = Ears(readers), []
    ears.begin()
    for hit in hits:
        line = json.dumps(hit, ensure_ascii=False, separators=(",", ":")).encode()
        heard, sent = {}, time.monotonic()
        peer.order(b"tell " + line)
        ears.listen("a bare line", lambda: len(heard) == len(readers), lambda reader, _, at: heard.__setitem__(reader, at))
        behind += [at - sent for at in heard.values()]
    report.p99("bare_tls_push", in_ms(behind), worst=True)
    ears.close()
    peer.stop()


# ---- requests ----

def kept(browser):
    connection = http.client.HTTPSConnection(browser.host, browser.port, context=browser.tls, timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask_all(connections, browsers, count, method, path, body):
    """`count` requests, one under way on each connection; seconds it took."""
    begun = time.monotonic()
    for at in range(0, count, len(connections)):
        for connection, browser in zip(connections, browsers):
            connection.request(method, path, body=body, headers=browser.headers())
        for connection in connections:
            answer = connection.getresponse()
            data = answer.read()
            assert answer.status == 200, data
    return time.monotonic() - begun


def requests(report, crowd, browsers):
    act = json.dumps({"do": "lanes", "args": {}}).encode()
    connections = [kept(browser) for browser in browsers]
    count = -(-OPTIONS.requests // len(connections)) * len(connections)
    for name, method, path, body in (("page", "GET", "/js/main.js", None), ("act", "POST", "/api/act", act)):
        rates, used = [], cpu_s(crowd.consoled)
        for _ in range(RUNS):
            rates.append(count / ask_all(connections, browsers, count, method, path, body))
        report.put(f"{name}_requests_per_s", statistics.median(rates))
        report.put(f"{name}_consoled_cpu_us", (cpu_s(crowd.consoled) - used) / (RUNS * count) * 1e6)
    for connection in connections:
        connection.close()


def handshake_rate(browser, count, path=None):
    begun = time.monotonic()
    for _ in range(count):
        with browser.connect() as link:
            link.sendall(b"x" if not path else
                         f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            while link.recv(65536):
                pass
    return count / (time.monotonic() - begun)


def handshakes(report, crowd, browsers):
    used = cpu_s(crowd.consoled)
    rates = [handshake_rate(browsers[0], OPTIONS.handshakes, "/favicon.ico") for _ in range(RUNS)]
    report.put("connections_per_s", statistics.median(rates))
    report.put("connection_consoled_cpu_us", (cpu_s(crowd.consoled) - used) / (RUNS * OPTIONS.handshakes) * 1e6)
    peer = Peer(crowd)
    bare = Https(peer.port, crowd.servers.pem, crowd.tablets[next(iter(crowd.tablets))])
    peer.order(f"handshakes {RUNS * OPTIONS.handshakes}".encode())
    bare_rates = [handshake_rate(bare, OPTIONS.handshakes) for _ in range(RUNS)]
    report.put("bare_tls_connections_per_s", statistics.median(bare_rates))
    report.put("connections_of_bare_tls", statistics.median(rates) / statistics.median(bare_rates))
    peer.stop()


# ---- what is held ----

def held(report, crowd, browsers):
    before = rss_kb(crowd.consoled)
    connections = [kept(browsers[number % len(browsers)]) for number in range(OPTIONS.connections)]
    ask_all(connections, browsers * (len(connections) // len(browsers) + 1), len(connections), "GET", "/favicon.ico", None)
    report.put("connections_held", len(connections))
    report.put("connection_kb", (rss_kb(crowd.consoled) - before) / len(connections), most=100)
    for connection in connections:
        connection.close()
    before = rss_kb(crowd.consoled)
    streams = [Listener(browser) for browser in browsers for _ in range(STREAMS_OF_ONE)]
    ears = Ears(streams)
    ears.begin()
    report.put("streams_held", len(streams))
    report.put("stream_kb_more_than_idle_connections", (rss_kb(crowd.consoled) - before) / len(streams))
    ears.close()


def stalled_memory(report, crowd, browsers, plates):
    """Every console stalls, hits go on: what both programs then hold."""
    programs = {"consoled": crowd.consoled, "checkpointd": crowd.checkpointd}
    before = {name: rss_kb(program) for name, program in programs.items()}
    links = [stall(browser) for browser in browsers]
    bystander = Bystander(crowd.box, crowd.token)
    most = dict(before)
    for _ in range(RUNS):
        push(crowd, plates.take(OPTIONS.hits), [], bystander)
        most = {name: max(most[name], rss_kb(program)) for name, program in programs.items()}
    for name in programs:
        report.put(f"{name}_rss_mb", most[name] / 1e3)
        report.put(f"{name}_rss_mb_more_with_{len(links)}_stalled", (most[name] - before[name]) / 1e3, most=64)
    for one in [*links, bystander]:
        one.close()


def main():
    if not may_run("bench_console.py"):
        return NOT_RUN
    report = Report("console", consoles=OPTIONS.consoles, runs=RUNS)
    with short_folder() as folder:
        crowd = Crowd(folder, OPTIONS.consoles)
        try:
            crowd.start()
            browsers = crowd.sign_on_all()
            plates = Plates(crowd, 3 * RUNS * OPTIONS.hits)
            held(report, crowd, browsers)
            pushes(report, crowd, browsers, plates)
            requests(report, crowd, browsers)
            handshakes(report, crowd, browsers)
            stalled_memory(report, crowd, browsers, plates)
        finally:
            crowd.stop()
    report.finish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
