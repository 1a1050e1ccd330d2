"""Many consoles at once: a checkpoint with a crowd of officers, each at a tablet of their own, and event streams that are
read side by side, or not at all.
"""
import json
import selectors
import socket
import ssl
import time

from cryptography.hazmat.primitives import hashes

from harness.console import Console
from harness.process import SLOWNESS, ProgramError

PIN = "402915"
READ_BYTES = 1 << 16
MARK = b'"event":"hit"'


class Crowd(Console):
    """A Console with `seats` more officers, each at a tablet of their own."""

    def __init__(self, folder, seats, **options):
        super().__init__(folder, **options)
        self.seats = {f"seat-{number}": str(600000 + number) for number in range(seats)}

    def add_accounts(self):
        super().add_accounts()
        with_all(self, lambda client, tablet: client.act("officer_add", officer=self.seats[tablet], password=PIN,
                                                         role="officer"))

    def pair(self):
        super().pair()
        self.tablets |= {tablet: self.tablets_ca.issue(tablet, f"urn:checkpoint-tablet:{tablet}") for tablet in self.seats}
        with_all(self, lambda client, tablet: client.act(
            "tablet_add", name=tablet, lanes=[1],
            fingerprint=self.tablets[tablet].certificate.fingerprint(hashes.SHA256()).hex()))

    def sign_on_all(self):
        """A browser a seat, its officer signed on."""
        return [self.browser(tablet).login(officer, PIN) for tablet, officer in self.seats.items()]


def with_all(crowd, act):
    client = crowd.box.control()
    for tablet in crowd.seats:
        answer = act(client, tablet)
        assert answer["ok"], answer
    client.close()


def stream_request(browser):
    return (f"GET /api/stream HTTP/1.1\r\nHost: {browser.host}:{browser.port}\r\nCookie: {browser.cookie}\r\n"
            "Sec-Fetch-Site: same-origin\r\n\r\n").encode()


class Lines:
    """Whole lines out of what a socket that never waits has for us."""

    def __init__(self, link):
        self.link, self.rest, self.ended = link, b"", False

    def take(self):
        try:
            while data := self.link.recv(READ_BYTES):
                self.rest += data
            self.ended = True
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except (ConnectionError, ssl.SSLError):
            self.ended = True
        *lines, self.rest = self.rest.split(b"\n")
        return lines

    def fileno(self):
        return self.link.fileno()

    def close(self):
        self.link.close()


class Listener(Lines):
    """A console's event stream; `hits` it heard of, in order."""

    def __init__(self, browser):
        link = browser.connect()
        link.sendall(stream_request(browser))
        link.setblocking(False)
        super().__init__(link)
        self.hits, self.begun = [], False

    def take(self):
        """(the matched plate, when it was read) of each new hit."""
        new = []
        for line in super().take():
            if not self.begun:
                assert line.split()[1] == b"200", line
                self.begun = True
            if MARK in line:
                new.append((json.loads(line[len(b"data: "):]), time.monotonic()))
        self.hits += [hit for hit, _ in new]
        return [(hit["matched"], at) for hit, at in new]


class Bystander(Lines):
    """A subscriber of checkpointd's own socket: when an event was there to be told."""

    begun = True

    def __init__(self, box, token):
        client = box.events(token)
        super().__init__(client.socket)
        self.rest = client.buffer
        self.link.setblocking(False)

    def take(self):
        now = [(line, time.monotonic()) for line in super().take() if MARK in line]
        return [(json.loads(line)["matched"], at) for line, at in now]


def stall(browser):
    """A stream that is asked for and never read, with little room on the way."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect((browser.host, browser.port))
    link = browser.tls.wrap_socket(plain, server_hostname=browser.host)
    link.sendall(stream_request(browser))
    return link


class Ears:
    """Reads any number of Listeners and Bystanders in one thread; `told(reader, plate, time)` of each hit."""

    def __init__(self, readers):
        self.readers, self.chosen = list(readers), selectors.DefaultSelector()
        for reader in self.readers:
            self.chosen.register(reader, selectors.EVENT_READ, reader)

    def begin(self):
        """Until each stream has begun: what happens from here on is told."""
        self.listen("the streams begin", lambda: all(reader.begun for reader in self.readers))

    def listen(self, what, done, told=lambda reader, plate, at: None, timeout_s=20.0):
        """Until `done()`."""
        deadline = time.monotonic() + timeout_s * SLOWNESS
        while not done():
            if time.monotonic() > deadline:
                raise ProgramError(f"{what}: not within {timeout_s} s")
            for key, _ in self.chosen.select(0.05):
                for plate, at in key.data.take():
                    told(key.data, plate, at)
                if key.data.ended:
                    self.chosen.unregister(key.data)

    def close(self):
        for reader in self.readers:
            reader.close()
        self.chosen.close()
