"""The camera network: a network namespace of the cameras, joined to this machine by a veth pair.

The cameras' sockets are made inside the namespace and stay there; matchd captures on this end.
"""
import ctypes
import os
import subprocess
import threading

from harness.camera import Camera

BOX, CAMERAS = "10.98.40.1", "10.98.40.2"
PORT = 9840
CLONE_NEWNET = 0x40000000


def _ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class CameraNet:
    """Made by start(), gone after stop(): names carry this process's number."""

    def __init__(self):
        number = os.getpid() % 100000
        self.namespace, self.interface, self.far = f"cams{number}", f"cam{number}", f"far{number}"
        self.made = False

    def start(self):
        _ip("netns", "add", self.namespace)
        self.made = True
        _ip("link", "add", self.interface, "type", "veth", "peer", "name", self.far, "netns", self.namespace)
        _ip("addr", "add", f"{BOX}/30", "dev", self.interface)
        _ip("link", "set", self.interface, "up")
        _ip("-n", self.namespace, "addr", "add", f"{CAMERAS}/30", "dev", self.far)
        _ip("-n", self.namespace, "link", "set", self.far, "up")
        return self

    @property
    def camera_mac(self):
        out = subprocess.run(["ip", "netns", "exec", self.namespace, "cat", f"/sys/class/net/{self.far}/address"],
                             check=True, capture_output=True, text=True)
        return out.stdout.strip()

    def camera(self, **options):
        """A Camera whose socket lives in the namespace: only a thread of its own enters it."""
        out = []

        def make():
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/run/netns/{self.namespace}", "rb") as namespace:
                if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"namespace {self.namespace} cannot be entered")
            out.append(Camera((BOX, PORT), **options))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if not out:
            raise RuntimeError("no camera: its namespace cannot be entered")
        return out[0]

    def stop(self):
        if self.made:
            subprocess.run(["ip", "link", "del", self.interface], check=False, capture_output=True)
            _ip("netns", "del", self.namespace)
            self.made = False
