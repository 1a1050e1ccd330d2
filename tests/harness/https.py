"""A browser's half of the console in a few lines: requests over TLS 1.3, raw ones too, a session, an event stream."""
import contextlib
import http.client
import json
import socket
import ssl


class Https:
    """One box's console at a port; `pair` is the certificate a tablet shows, None for none."""

    def __init__(self, port, ca, pair=None, host="127.0.0.1"):
        self.port, self.host = port, host
        self.tls = ssl.create_default_context(cafile=str(ca))
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_3
        if pair:
            self.tls.load_cert_chain(str(pair.pem), str(pair.key_path))
        self.cookie = self.csrf = None

    @property
    def origin(self):
        return f"https://{self.host}:{self.port}"

    def headers(self):
        return {"Origin": self.origin, "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin",
                **({"Cookie": self.cookie} if self.cookie else {}), **({"X-CSRF-Token": self.csrf} if self.csrf else {})}

    def seen(self, status, headers, data):
        """Every answer passes here with its headers, data None for a stream; a test that asks something of all of them asks here."""

    def ask(self, method, path, body=None, headers=None, timeout_s=20.0):
        """(status, headers, bytes); `headers` replace those a page of ours sends, None takes one away."""
        sent = {name: value for name, value in {**self.headers(), **(headers or {})}.items() if value is not None}
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        connection = http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=timeout_s)
        try:
            connection.request(method, path, body=data, headers=sent)
            answer = connection.getresponse()
            status, got, data = answer.status, dict(answer.getheaders()), answer.read()
            self.seen(status, got, data)
            return status, got, data
        finally:
            connection.close()

    def json(self, method, path, body=None, **options):
        status, _, data = self.ask(method, path, body, **options)
        return status, json.loads(data)

    def login(self, officer, pin):
        status, headers, data = self.ask("POST", "/api/login", {"officer": officer, "pin": pin})
        assert status == 200, data
        self.cookie, self.csrf = headers["Set-Cookie"].split(";")[0], json.loads(data)["csrf"]
        return self

    def act(self, name, **args):
        return self.json("POST", "/api/act", {"do": name, "args": args})

    def connect(self, timeout_s=20.0):
        """A raw TLS connection."""
        plain = socket.create_connection((self.host, self.port), timeout=timeout_s)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as browsers have it
        return self.tls.wrap_socket(plain, server_hostname=self.host)

    def raw(self, data, timeout_s=20.0):
        """Sends bytes as they are; (first line of the answer or b"", whether the connection was closed)."""
        got, closed = b"", True
        with self.connect(timeout_s) as link:
            try:
                link.sendall(data)
                while chunk := link.recv(65536):
                    got += chunk
            except TimeoutError:
                closed = False
            except OSError:  # it was broken off
                pass
        self._see_raw(got)
        return got.split(b"\r\n")[0], closed

    def _see_raw(self, data):
        """Each whole answer in it, one after another."""
        while (end := data.find(b"\r\n\r\n")) >= 0:
            first, *lines = data[:end].decode("latin-1").split("\r\n")
            status = int(first.split()[1])
            headers = dict(line.split(": ", 1) for line in lines)
            size = int(headers.get("Content-Length", 0))
            body, data = data[end + 4:end + 4 + size], data[end + 4 + size:]
            if status >= 200 and len(body) == size:  # else "go on", or broken off
                self.seen(status, headers, body)

    def stream(self, after=None, timeout_s=20.0):
        return Stream(self, after, timeout_s)


class Stream:
    """An event stream, read as EventSource does: (event, id, data) one after another."""

    def __init__(self, https, after, timeout_s):
        self.connection = http.client.HTTPSConnection(https.host, https.port, context=https.tls, timeout=timeout_s)
        self.connection.request("GET", "/api/stream", headers={"Cookie": https.cookie or "", "Sec-Fetch-Site": "same-origin",
                                                               **({"Last-Event-ID": after} if after else {})})
        self.socket = self.connection.sock  # which the answer takes over
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        https.seen(self.status, dict(self.answer.getheaders()), None)

    def next(self):
        """The next event; None when the stream ended."""
        event = {}
        for line in iter(self.answer.readline, b""):
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if line == b"\n" and "event" in event:
                return event["event"], event.get("id"), event.get("data")
            if line == b"\n":
                event = {}
            else:
                event[name] = value
        return None

    def until(self, check):
        """The first event for which `check(event, id, data)` holds, and all that came with it."""
        seen = []
        while True:
            one = self.next()
            assert one, f"the stream ended after {seen}"
            seen.append(one)
            if check(*one):
                return one, seen

    def shut(self):
        """Whoever reads sees the end."""
        with contextlib.suppress(OSError):  # it ended by itself
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.connection.close()
