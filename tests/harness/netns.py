"""A network namespace of the test's own, a veth pair inside it, and raw frames onto it; gone afterwards."""
import ctypes
import os
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000


def ip(*args, check=True):
    return subprocess.run(["ip", *map(str, args)], check=check, capture_output=True, text=True)


class Namespace:
    """`camera` and `gateway`: two ends of a cable, as a camera and the box see it."""

    _made = 0

    def __init__(self):
        Namespace._made += 1
        self.name = f"cp-{os.getpid()}-{Namespace._made}"
        self._sender = None

    def __enter__(self):
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        self.close_sender()
        ip("netns", "del", self.name)

    def prefix(self):
        """What to put before a command to run it inside."""
        return ["ip", "netns", "exec", self.name]

    def plug(self):
        """Both ends appear and come up."""
        ip("-n", self.name, "link", "add", "camera", "type", "veth", "peer", "name", "gateway")
        for end in ("camera", "gateway"):
            subprocess.run([*self.prefix(), "sysctl", "-qw", f"net.ipv6.conf.{end}.disable_ipv6=1"],
                           check=False, stderr=subprocess.DEVNULL)
            ip("-n", self.name, "link", "set", end, "mtu", "4000", "up")

    def unplug(self):
        """Both ends vanish."""
        self.close_sender()
        ip("-n", self.name, "link", "del", "camera")

    def set_up(self, end, up):
        ip("-n", self.name, "link", "set", end, "up" if up else "down")

    def _open(self):
        """A socket belongs to the namespace its thread was in when it was made."""
        failure = []

        def run():
            fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
                self._sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
                self._sender.bind(("camera", 0))
            except OSError as error:
                failure.append(error)
            finally:
                os.close(fd)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]

    def send(self, *frames):
        if not self._sender:
            self._open()
        for frame in frames:
            self._sender.send(frame)

    def close_sender(self):
        if self._sender:
            self._sender.close()
            self._sender = None
