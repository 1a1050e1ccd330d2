"""Listens between a driver and its device: every byte goes through, and is kept."""
import os
import selectors
import socket
import threading
import tty


class Tap:
    """`frames` is [(direction, bytes)], direction ">" to the device and "<" from it; bytes of one direction that
    follow each other are one frame."""

    def __init__(self):
        self.frames, self.lock = [], threading.Lock()
        self.selector = selectors.DefaultSelector()
        self.wake, self.woken = os.pipe()
        self.selector.register(self.wake, selectors.EVENT_READ, None)
        self.fds = [self.wake, self.woken]
        self.thread = threading.Thread(target=self.run, daemon=True)

    def join(self, source, target, direction, ended=lambda: None):
        self.selector.register(source, selectors.EVENT_READ, lambda: self.copy(source, target, direction, ended))

    def copy(self, source, target, direction, ended):
        try:
            data = os.read(source, 512)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(source)
            ended()
            return
        with self.lock:
            if self.frames and self.frames[-1][0] == direction:
                self.frames[-1] = (direction, self.frames[-1][1] + data)
            else:
                self.frames.append((direction, data))
        try:
            os.write(target, data)
        except OSError:
            pass  # the other side has hung up; its own end is told by its own read

    def take(self):
        """What was heard since the last time."""
        with self.lock:
            heard, self.frames = self.frames, []
        return heard

    def run(self):
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    return
                key.data()

    def stop(self):
        os.write(self.woken, b"x")
        self.thread.join()
        self.selector.close()
        for fd in self.fds:
            os.close(fd)


class LineTap(Tap):
    """Two serial lines that are one: the driver opens `near`, the device `far`."""

    def __init__(self):
        super().__init__()
        ends = [os.openpty() for _ in range(2)]
        for master, slave in ends:
            tty.setraw(slave)
            self.fds += [master, slave]
        self.near, self.far = (os.ttyname(slave) for _, slave in ends)
        self.join(ends[0][0], ends[1][0], ">")
        self.join(ends[1][0], ends[0][0], "<")
        self.thread.start()


class ConnectionTap(Tap):
    """The driver connects to `port`; each connection goes on to `far_port`."""

    def __init__(self, far_port):
        super().__init__()
        self.far_port, self.sockets = far_port, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        self.thread.start()

    def accept(self):
        near, _ = self.listener.accept()
        far = socket.create_connection(("127.0.0.1", self.far_port))
        self.sockets += [near, far]
        self.join(near.fileno(), far.fileno(), ">", lambda: self.hang_up(far))
        self.join(far.fileno(), near.fileno(), "<", lambda: self.hang_up(near))

    @staticmethod
    def hang_up(side):
        try:
            side.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was first

    def stop(self):
        super().stop()
        for each in [self.listener, *self.sockets]:
            each.close()
