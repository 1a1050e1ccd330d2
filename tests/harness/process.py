"""Programs under test: started, waited for by sd_notify, stopped by pid, their logs kept in files.

A program that ends by itself, ends with another status than 0, or leaves a sanitizer's report in its
log fails the test that stops it; so does one that is run to its end and whose report could else pass
for the refusal a test expects. Deadlines are multiplied by CHECKPOINT_SLOWNESS (sanitizer builds
set it, a loaded machine may).
"""
import contextlib
import ctypes
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import time


TESTS = pathlib.Path(__file__).resolve().parents[1]
SLOWNESS = float(os.environ.get("CHECKPOINT_SLOWNESS", "1"))
# A sanitizer keeps freed blocks and a shadow of the rest: what is resident then says nothing of the program.
SANITIZED = bool(os.environ.get("CHECKPOINT_SANITIZE"))
SANITIZER_REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|SUMMARY: \w+Sanitizer|: runtime error: ")
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "strict_string_checks=1:detect_stack_use_after_return=1",
    "LSAN_OPTIONS": f"suppressions={TESTS / 'lsan.supp'}:print_suppressions=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"suppressions={TESTS / 'tsan.supp'}:second_deadlock_stack=1",
}


class ProgramError(RuntimeError):
    """A program did not start, did not stop, or ended by itself; the text holds its last log lines."""


def wait_for(what, check, timeout_s=10.0, interval_s=0.005):
    """Polls `check` until it returns something true and returns that; ProgramError at the deadline."""
    timeout_s *= SLOWNESS
    deadline = time.monotonic() + timeout_s
    idle = select.poll()
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise ProgramError(f"{what}: not within {timeout_s} s")
        idle.poll(interval_s * 1000)


def check_report(name, text):
    """ProgramError when a sanitizer reported in what a program wrote."""
    report = SANITIZER_REPORT.search(text)
    if report:
        raise ProgramError(f"{name}: a sanitizer reported:\n"
                           f"{text[max(0, report.start() - 200):report.start() + 8000]}")


def run_program(argv, *, timeout_s=30.0, env=None, **options):
    """subprocess.run of a program of this build, its output captured and looked through for reports."""
    argv = [str(a) for a in argv]
    done = subprocess.run(argv, capture_output=True, timeout=timeout_s * SLOWNESS, check=False,
                          env={**SANITIZER_OPTIONS, **(os.environ if env is None else env)}, **options)
    for output in (done.stdout, done.stderr):
        check_report(argv[0], output if isinstance(output, str) else output.decode(errors="replace"))
    return done


@contextlib.contextmanager
def frozen_thread(pid, name):
    """Stops one thread of a program, as a lock or a page that never comes would; the others go on."""
    libc = ctypes.CDLL(None, use_errno=True)
    seize, interrupt, detach, wait_all = 0x4206, 0x4207, 17, 0x40000000

    def ptrace(request):
        if libc.ptrace(request, tid, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of thread {name}")

    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    tid, = (int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            if (task / "comm").read_text().strip() == name)
    ptrace(seize)
    ptrace(interrupt)
    os.waitpid(tid, wait_all)
    try:
        yield
    finally:
        ptrace(detach)


class Program:
    """One daemon. `ready` is how it says so: "notify" (sd_notify READY=1) or a function to poll."""

    exit_statuses = (0,)  # of an orderly end by SIGTERM

    def __init__(self, name, argv, folder, *, ready="notify", env=None):
        self.name, self.argv, self.ready = name, [str(a) for a in argv], ready
        self.folder = pathlib.Path(folder)
        self.log_path = self.folder / f"{name}.log"
        self.env = {**SANITIZER_OPTIONS, **os.environ, **(env or {})}
        self.env.pop("JOURNAL_STREAM", None)
        self.process = None
        self.by_itself = None  # once asked to stop: whether it had ended before
        self._notify = None

    def start(self, timeout_s=15.0):
        if self.ready == "notify":
            path = self.folder / f"{self.name}.notify"
            path.unlink(missing_ok=True)
            self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._notify.bind(str(path))
            self.env["NOTIFY_SOCKET"] = str(path)
        self.by_itself = None
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.argv, env=self.env, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        check = self._notified if self.ready == "notify" else self.ready
        try:
            wait_for(f"{self.name} to be ready", lambda: self._alive() and check(), timeout_s)
        except ProgramError:
            self.kill()  # nothing, when it ended: that was told
            raise
        return self

    def _alive(self):
        if self.process.poll() is not None:
            status, self.process = self.process.returncode, None
            self._close()
            raise ProgramError(f"{self.name} ended with {status}:\n{self.tail()}")
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

    def ask_to_stop(self):
        """SIGTERM, once; stop() then waits for the end."""
        if self.process is not None and self.by_itself is None:
            self.by_itself = self.process.poll() is not None
            self.process.terminate()

    def stop(self, timeout_s=5.0):
        """SIGTERM; returns (exit status, seconds it took). ProgramError when it hangs, ended by
        itself, ends with a status of its own, or a sanitizer reported."""
        begin = time.monotonic()
        self.ask_to_stop()
        by_itself, self.by_itself = self.by_itself, None
        process, self.process = self.process, None
        self._close()
        if process is None:
            return None, 0.0
        try:
            status = process.wait(timeout_s * SLOWNESS)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise ProgramError(f"{self.name} did not stop within {timeout_s} s:\n"
                               f"{self.tail()}") from error
        self._check_sanitizers()
        if by_itself or status not in self.exit_statuses:
            how = "by itself " if by_itself else ""
            raise ProgramError(f"{self.name} ended {how}with {status}:\n{self.tail()}")
        return status, time.monotonic() - begin

    def kill(self):
        """SIGKILL, as a power cut would for this one program."""
        process, self.process = self.process, None
        self._close()
        if process is None:
            return
        if process.poll() is not None:
            raise ProgramError(f"{self.name} ended by itself with {process.returncode}:\n{self.tail()}")
        process.send_signal(signal.SIGKILL)
        process.wait(5)
        self._check_sanitizers()

    def wait_killed(self, timeout_s=30.0):
        """Until SIGKILL ends it that somebody else sends, its own write log for one."""
        wait_for(f"{self.name} to be killed", lambda: not self.running, timeout_s)
        status, self.process = self.process.returncode, None
        self._close()
        if status != -signal.SIGKILL:
            raise ProgramError(f"{self.name} ended with {status}:\n{self.tail()}")
        self._check_sanitizers()

    def _check_sanitizers(self):
        check_report(self.name, self.log_path.read_text(encoding="utf-8", errors="replace"))

    def _close(self):
        if self._notify:
            self._notify.close()
            self._notify = None


class Group:
    """Programs stopped together; every failure to stop is told."""

    def __init__(self):
        self.programs = []

    def start(self, program, **options):
        self.programs.append(program)
        return program.start(**options)

    def stop(self):
        """All at once, the last started first: none may need another to end well."""
        failures = []
        for program in reversed(self.programs):
            program.ask_to_stop()
        for program in reversed(self.programs):
            try:
                program.stop()
            except ProgramError as error:
                failures.append(str(error))
        self.programs.clear()
        if failures:
            raise ProgramError("\n".join(failures))
