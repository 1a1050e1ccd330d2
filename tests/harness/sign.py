"""A sign that drivers read: the far end of a pty, with what was written to it."""
import os
import tty

from .process import wait_for


class Sign:
    """`line` is the path of its serial line; it can be pulled out and plugged in again."""

    def __init__(self, path):
        self.line = str(path)
        self.plug_in()

    def plug_in(self):
        self.heard = b""
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        os.symlink(os.ttyname(self.slave), self.line)

    def pull_out(self):
        if self.master is not None:
            os.unlink(self.line)
            os.close(self.master)
            os.close(self.slave)
            self.master = None

    def listen(self):
        """Everything written to it since it was plugged in."""
        try:
            while data := os.read(self.master, 4096):
                self.heard += data
        except BlockingIOError:
            pass
        return self.heard

    def wait_shown(self, text, encoding="gbk"):
        """Waits for that text as a whole message."""
        frame = text.encode(encoding) + b"\r\n"
        return wait_for(f"sign shows {text}", lambda: frame in self.listen())
