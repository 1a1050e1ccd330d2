"""A TCP relay that is a bad link: cut, slow, losing segments, or swallowing them all, as it is told.

Losses are the kernel's: a socket filter drops what arrives, so that the far end's TCP sends it again.
"""
import ctypes
import queue
import socket
import struct
import threading
import time

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
LOAD_RANDOM = (0x20, 0, 0, 0xFFFFF000 + 56)  # BPF_LD|BPF_W|BPF_ABS of SKF_AD_RANDOM
CHUNK_BYTES = 1 << 16


def attach_loss(sock, percent):
    """So many of a hundred segments that come in on `sock` are dropped; 0: none."""
    if percent == 0:
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
        except FileNotFoundError:
            pass  # it had none
        return
    limit = min((1 << 32) * percent // 100, (1 << 32) - 1)
    program = b"".join(struct.pack("HBBI", *step) for step in (
        LOAD_RANDOM,
        (0x35, 0, 1, limit),   # BPF_JMP|BPF_JGE: kept from the limit on
        (0x06, 0, 0, 0xFFFF),  # BPF_RET
        (0x06, 0, 0, 0)))
    room = ctypes.create_string_buffer(program)
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 4, ctypes.addressof(room)))


class Way:
    """One direction of one connection: what is read goes out after the link's delay."""

    def __init__(self, link, source, sink):
        self.link, self.source, self.sink = link, source, sink
        self.waiting = queue.Queue(64)
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self._read, self._write)]
        for thread in self.threads:
            thread.start()

    def _read(self):
        data = b"-"
        while data:
            try:
                data = self.source.recv(CHUNK_BYTES)
            except OSError:
                data = b""
            self.waiting.put((time.monotonic() + self.link.delay_s, data))

    def _write(self):
        while True:
            due, data = self.waiting.get()
            self.link.stopping.wait(max(0.0, due - time.monotonic()))
            try:
                if not data:
                    self.sink.shutdown(socket.SHUT_WR)
                    return
                self.sink.sendall(data)
                self.link.passed(len(data))
            except OSError:
                self._end()
                return

    def _end(self):
        """The reader may stand at a full queue."""
        for end in (self.source, self.sink):
            close_both_ways(end)
        while self.threads[0].is_alive():
            try:
                self.waiting.get(timeout=0.1)
            except queue.Empty:
                continue


def close_both_ways(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # gone already


class BadLink:
    """127.0.0.1:`port` leads to 127.0.0.1:`to_port`; as good as none until a fault is set."""

    def __init__(self, to_port):
        self.to_port, self.delay_s, self.loss_percent, self.is_cut = to_port, 0.0, 0, False
        self.left = None  # bytes that may pass before it is cut; None: any number
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.sockets, self.ways = [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    def _accept(self):
        while not self.stopping.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.is_cut:
                    raise OSError("cut")
                server = socket.create_connection(("127.0.0.1", self.to_port), 10)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            with self.lock:
                self.sockets += [client, server]
                for sock in (client, server):
                    attach_loss(sock, self.loss_percent)
                self.ways += [Way(self, client, server), Way(self, server, client)]

    def lose(self, percent):
        """Of the segments in both directions, from now on; 100 swallows them all, 0 ends it."""
        with self.lock:
            self.loss_percent = percent
            for sock in self.sockets:
                attach_loss(sock, percent)

    def cut(self):
        """Ends what stands and refuses what comes."""
        self.is_cut = True
        with self.lock:
            for sock in self.sockets:
                close_both_ways(sock)

    def passed(self, size):
        if self.left is not None:
            self.left -= size
            if self.left <= 0:
                self.left = None
                self.cut()

    def cut_after(self, size):
        """Mends it until so many bytes have passed, both ways together."""
        self.mend()
        self.left = size

    def mend(self):
        self.is_cut, self.delay_s = False, 0.0
        self.lose(0)

    def stop(self):
        self.stopping.set()
        self.cut()
        close_both_ways(self.listener)
        self.listener.close()
        self.acceptor.join()
        for way in self.ways:
            for thread in way.threads:
                thread.join()
        for sock in self.sockets:
            sock.close()
