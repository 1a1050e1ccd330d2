"""The demo's console: checkpoint-consoled, a tablet paired as a technician pairs it, and what its stream shows."""
import json
import os
import subprocess
import threading
import time
import types

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from harness.https import Https
from harness.process import wait_for
from harness.stack import program

ADDRESS, TABLET, LANES = "127.0.0.1", "booth", (1, 2)
LET_IN_WITHIN_S = 30.0  # the console asks for the list of tablets every 5 s
STREAM_SILENT_S = 60.0  # a heartbeat comes every 10 s


class DemoConsole:
    """`certificates` False: any browser of this machine may reach the sign-on, none is asked for a certificate."""

    def __init__(self, box, certificates):
        self.box, self.certificates = box, certificates
        self.folder = box.etc / "console"
        self.ca = self.folder / "ca.pem"
        self.bundle, self.password = box.folder / "tablet.p12", box.folder / "tablet.password"
        self.port = None

    def checkpointctl(self, *argv):
        done = subprocess.run([str(a) for a in (program("checkpointctl"), *argv, "--json", "--config-dir", self.box.etc,
                                                "--runtime-dir", self.box.run)],
                              capture_output=True, text=True, check=False, timeout=60,
                              env={**os.environ, "XDG_RUNTIME_DIR": str(self.box.folder)})
        if done.returncode != 0:
            raise RuntimeError(f"checkpointctl {' '.join(map(str, argv))}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def start(self):
        self.checkpointctl("console", "init", ADDRESS, "localhost")
        self.box.start("checkpoint-consoled", self.box.write("consoled.yaml", {
            "hosts": [ADDRESS, "localhost"], "listen": f"{ADDRESS}:0", "pair_listen": f"{ADDRESS}:0",
            "certificate": str(self.folder / "server.pem"), "key": str(self.folder / "server.key.pem"),
            "tablets_ca": str(self.ca), "tablet_certificates": "required" if self.certificates else "none",
            "runtime_dir": str(self.box.run), "pair_dir": str(self.box.run / "pair")}))
        self.port = int((self.box.run / "consoled.port").read_text())
        self.pair()
        return self

    def pair(self):
        """The tablet's certificate, fetched once by its code, and its password; both stay in the demo's folder."""
        paired = self.checkpointctl("tablet", "pair", TABLET, *LANES)
        pairing = Https(int((self.box.run / "consoled-pair.port").read_text()), self.ca)
        status, _, bundle = pairing.ask("POST", "/api/pair", {"code": paired["code"]})
        if status != 200:
            raise RuntimeError(f"pairing tablet {TABLET}: {status} {bundle}")
        self.bundle.write_bytes(bundle)
        self.password.write_text(paired["password"] + "\n")

    @property
    def url(self):
        return f"https://{ADDRESS}:{self.port}/"

    def browser(self):
        """What the tablet's browser is: its certificate from the file, let in."""
        key, certificate, _ = pkcs12.load_key_and_certificates(self.bundle.read_bytes(),
                                                               self.password.read_text().strip().encode())
        pair = types.SimpleNamespace(pem=self.folder / "tablet.pem", key_path=self.folder / "tablet.key.pem")
        pair.pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pair.key_path.touch(mode=0o600)
        pair.key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                    serialization.NoEncryption()))
        browser = Https(self.port, self.ca, pair)
        wait_for("the tablet is let in", lambda: browser.ask("GET", "/")[0] == 200, LET_IN_WITHIN_S, interval_s=0.2)
        return browser


class ConsoleStream(threading.Thread):
    """The tablet's event stream: when each hit came (CLOCK_MONOTONIC, ns), and how far its handling is."""

    def __init__(self, browser):
        super().__init__(name="console", daemon=True)
        self.stream = browser.stream(timeout_s=STREAM_SILENT_S)
        if self.stream.status != 200:
            raise RuntimeError(f"event stream of the console: {self.stream.status}")
        self.lock = threading.Lock()
        self.shown_ns, self.hits, self.cases = {}, {}, {}  # by event of the read, the same, by hit
        self.closing, self.error = False, None

    def run(self):
        try:
            while (event := self.stream.next()) is not None:
                at = time.monotonic_ns()
                if event[0] == "m":
                    self.take(json.loads(event[2]), at)
            if not self.closing:
                self.error = RuntimeError("the console's event stream ended")
        except Exception as error:  # shown and counted by the demo, which then fails
            self.error = None if self.closing else error

    def take(self, event, at):
        with self.lock:
            if event["event"] == "hit":
                number = int(event["read"]["event_id"])
                self.shown_ns.setdefault(number, at)
                self.hits[number] = event["hit"]
            elif event["event"] == "handling":
                self.cases[event["hit"]] = event

    def wait_hit(self, event, timeout_s):
        def look():
            with self.lock:
                return self.hits.get(event)
        return wait_for(f"the hit of read {event} at the console", look, timeout_s)

    def case(self, hit):
        """The event `handling` of the hit, the newest."""
        with self.lock:
            return self.cases.get(hit, {})

    def closed(self):
        """Events of the reads whose hits are closed, with what was answered."""
        with self.lock:
            return {event: self.cases[hit].get("answer") for event, hit in self.hits.items()
                    if self.cases.get(hit, {}).get("stage") == "closed"}

    def close(self):
        self.closing = True
        self.stream.shut()
        self.join()
        self.stream.close()
