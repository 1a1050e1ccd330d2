"""A taken-over console: floods the socket `control` as long as its standard input stays open, then prints what it was
answered. Run as another user by its text (`python3 -c`), so it needs nothing but the standard library.

    python3 -c TEXT PATH_OF_CONTROL LANE    a line on standard input begins, a second one lets it raise LANE, too
Prints {"acts": {name: {code or "done": count}}, "halves": count, "garbage": count}.
"""
import contextlib
import json
import os
import random
import select
import socket
import sys
import threading

BURST = 40
HALVES = 24
TABLETS = ("booth", "", "lost", None)
ARGS = {"release": {"hold": 1, "reason": "x"}, "officer_add": {"officer": "eve", "password": "let me in 1", "role": "leader"},
        "convoy": {"lane": 1, "minutes": 5, "reason": "x"}, "raise_all": {"reason": "x", "pin": "000000"},
        "tablet_add": {"name": "mine", "fingerprint": "0" * 64, "lanes": [1, 2, 3]}}
ACTS = ("raise", "hold", "stop", "ack", "release", "inspected", "convoy", "service_out", "raise_all", "lower", "lower_beat",
        "lower_end", "test_raise", "bus_write", "officer_add", "tablet_add", "reload", "status", "lanes", "hits", "board")


class Flood:
    def __init__(self, path, lane):
        self.path, self.lane = path, lane
        self.over, self.raises, self.lock = threading.Event(), threading.Event(), threading.Lock()
        self.random = random.Random(5)
        self.told = {"acts": {}, "halves": 0, "garbage": 0}

    def connect(self):
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(5)
        link.connect(self.path)
        return link

    def request(self, number):
        """One that is nobody's; every tenth, when it raises, the one that anybody may have."""
        emergency = self.raises.is_set() and number % 10 == 0
        name = "raise" if emergency else ACTS[number % len(ACTS)]
        args = {"lane": self.lane, "emergency": True} if emergency else ARGS.get(
            name, {"lane": number % 3 + 1, "reason": "x", "press": 1, "beat": self.random.randrange(1 << 53)})
        tablet = TABLETS[number % len(TABLETS)]
        token = f"{self.random.getrandbits(256):064x}"
        return {"id": number, "do": name, "args": args, **({} if tablet is None else {"tablet": tablet}),
                **({"token": token} if number % 3 else {})}

    def count(self, request, answer):
        name = "emergency" if request["args"].get("emergency") else request["do"]
        code = "done" if answer["ok"] else answer["error"]["code"]
        with self.lock:
            codes = self.told["acts"].setdefault(name, {})
            codes[code] = codes.get(code, 0) + 1

    def ask(self):
        """Acts without a pause, each answer read."""
        link, number = self.connect(), 0
        with link, link.makefile("r") as lines:
            while not self.over.is_set():
                asked = {number + at: self.request(number + at) for at in range(BURST)}
                number += BURST
                link.sendall("".join(json.dumps(one) + "\n" for one in asked.values()).encode())
                for _ in asked:
                    answer = json.loads(lines.readline())
                    self.count(asked[answer["id"]], answer)

    def deaf(self):
        """Acts without a pause, no answer read."""
        number = 0
        while not self.over.is_set():
            with contextlib.suppress(OSError), self.connect() as link:
                link.settimeout(0.05)
                while not self.over.is_set():
                    number += 1
                    link.sendall(json.dumps(self.request(number)).encode() + b"\n")

    def halves(self):
        """Connections with half a message each, a byte more now and then."""
        links = []
        idle = select.poll()
        while not self.over.is_set():
            with contextlib.suppress(OSError):
                if len(links) < HALVES:
                    links.append(self.connect())
                    links[-1].sendall(json.dumps(self.request(len(links))).encode()[:-7])
                    self.told["halves"] += 1
                for link in links:
                    link.sendall(b" ")
            idle.poll(20)
        for link in links:
            link.close()

    def garbage(self):
        while not self.over.is_set():
            with contextlib.suppress(OSError), self.connect() as link:
                link.sendall(self.random.randbytes(3000) + b"\n[1]\n{\n" + b"[" * 30000 + b"\n" + b"x" * 70000)
                self.told["garbage"] += 1
                while link.recv(65536):
                    pass

    def run(self):
        threads = [threading.Thread(target=one) for one in (self.ask, self.ask, self.deaf, self.halves, self.garbage)]
        for thread in threads:
            thread.start()
        if sys.stdin.readline():
            self.raises.set()
            sys.stdin.read()
        self.over.set()
        for thread in threads:
            thread.join()
        print(json.dumps(self.told))


if __name__ == "__main__":
    sys.stdin.readline()
    Flood(sys.argv[1], int(sys.argv[2])).run()
    os._exit(0)
