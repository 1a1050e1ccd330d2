"""Programs under test: started, waited for by sd_notify, stopped by pid, their logs kept in files."""
import os
import pathlib
import select
import signal
import socket
import subprocess
import time


class ProgramError(RuntimeError):
    """A program did not start, did not stop, or ended by itself; the text holds its last log lines."""


def wait_for(what, check, timeout_s=10.0, interval_s=0.005):
    """Polls `check` until it returns something true and returns that; ProgramError at the deadline."""
    deadline = time.monotonic() + timeout_s
    idle = select.poll()
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise ProgramError(f"{what}: not within {timeout_s} s")
        idle.poll(interval_s * 1000)


class Program:
    """One daemon. `ready` is how it says so: "notify" (sd_notify READY=1) or a function to poll."""

    def __init__(self, name, argv, folder, *, ready="notify", env=None):
        self.name, self.argv, self.ready = name, [str(a) for a in argv], ready
        self.folder = pathlib.Path(folder)
        self.log_path = self.folder / f"{name}.log"
        self.env = {**os.environ, **(env or {})}
        self.env.pop("JOURNAL_STREAM", None)
        self.process = None
        self._notify = None

    def start(self, timeout_s=15.0):
        if self.ready == "notify":
            path = self.folder / f"{self.name}.notify"
            path.unlink(missing_ok=True)
            self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._notify.bind(str(path))
            self.env["NOTIFY_SOCKET"] = str(path)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.argv, env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        check = self._notified if self.ready == "notify" else self.ready
        wait_for(f"{self.name} to be ready", lambda: self._alive() and check(), timeout_s)
        return self

    def _alive(self):
        if self.process.poll() is not None:
            raise ProgramError(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
        return True

    def _notified(self):
        while select.select([self._notify], [], [], 0)[0]:
            if b"READY=1" in self._notify.recv(4096).split(b"\n"):
                return True
        return False

    def tail(self, lines=30):
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout_s=5.0):
        """SIGTERM; returns (exit status, seconds it took). ProgramError when it hangs."""
        if not self.running:
            self._close()
            return (self.process.returncode if self.process else None), 0.0
        begin = time.monotonic()
        self.process.terminate()
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise ProgramError(f"{self.name} did not stop within {timeout_s} s:\n"
                               f"{self.tail()}") from error
        self._close()
        return status, time.monotonic() - begin

    def kill(self):
        """SIGKILL, as a power cut would for this one program."""
        if self.running:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(5)
        self._close()

    def _close(self):
        if self._notify:
            self._notify.close()
            self._notify = None


class Group:
    """Programs stopped together, last started first; every failure to stop is told."""

    def __init__(self):
        self.programs = []

    def start(self, program, **options):
        self.programs.append(program)
        return program.start(**options)

    def stop(self):
        failures = []
        for program in reversed(self.programs):
            try:
                program.stop()
            except ProgramError as error:
                failures.append(str(error))
        self.programs.clear()
        if failures:
            raise ProgramError("\n".join(failures))
