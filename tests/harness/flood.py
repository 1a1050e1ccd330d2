"""A flood of datagrams on loopback: sent by a process of its own at a bounded rate, until stopped."""
import multiprocessing
import os
import select
import socket
import time

RATE_PER_S = 20_000
BURST = 200
LONGEST_S = 1200  # ends by itself then, whatever became of the test


def _send(destination, datagrams, stop, sent):
    os.nice(5)
    idle = select.poll()
    begin, count = time.monotonic(), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(destination)
        while not stop.is_set() and time.monotonic() - begin < LONGEST_S:
            for _ in range(BURST):
                try:
                    out.send(datagrams[count % len(datagrams)])
                except OSError:
                    pass  # nobody takes it at the socket, or no room: capture has seen it or not
                count += 1
            sent.value = count
            ahead_s = begin + count / RATE_PER_S - time.monotonic()
            if ahead_s > 0:
                idle.poll(ahead_s * 1000)


class Flood:
    """`with Flood(destination, datagrams) as flood:` - they are sent in turn again and again."""

    def __init__(self, destination, datagrams):
        context = multiprocessing.get_context("fork")
        self._stop, self._sent = context.Event(), context.Value("Q", 0)
        self._process = context.Process(target=_send, daemon=True, args=(
            destination, list(datagrams), self._stop, self._sent))
        self._begin = time.monotonic()

    def __enter__(self):
        self._process.start()
        self._begin = time.monotonic()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._process.join(10)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        if self._process.exitcode != 0:
            raise RuntimeError(f"the flood's sender ended with {self._process.exitcode}")

    @property
    def seconds(self):
        return time.monotonic() - self._begin

    @property
    def sent(self):
        return self._sent.value
