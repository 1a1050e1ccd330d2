"""checkpointctl run as a person would: with descriptors for passwords, or at a terminal (a pty)."""
import json
import os
import pty
import select
import signal
import subprocess
import time
import unicodedata

from harness.process import SANITIZER_OPTIONS, SLOWNESS, check_report, run_program
from harness.stack import program


def columns(text):
    """Columns of a terminal: wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Result:
    """Exit status and what was printed."""

    def __init__(self, status, out, err=""):
        self.status, self.out, self.err = status, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.status}\n{self.out}{self.err}"


class Ctl:
    """A user's shell: its runtime folder, its session folder, its language."""

    def __init__(self, run, session, lang="en_US.UTF-8"):
        self.run, self.session, self.lang = run, session, lang
        if session:
            session.mkdir(mode=0o700, exist_ok=True)

    @property
    def token_file(self):
        return self.session / "checkpoint" / "token"

    def _argv(self, args):
        return [str(program("checkpointctl")), "--runtime-dir", str(self.run), *map(str, args)]

    def _env(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "XDG_"))}
        env |= {**SANITIZER_OPTIONS, "LANG": self.lang, "TZ": "Asia/Shanghai"}
        if self.session:
            env["XDG_RUNTIME_DIR"] = str(self.session)
        return env

    def __call__(self, *args, password=None, second=None, user=None, timeout_s=30):
        """Runs to its end without a terminal; passwords go through descriptors of their own."""
        ends, options = [], []
        for option, text in (("--password-fd", password), ("--second-fd", second)):
            if text is not None:
                read_end, write_end = os.pipe()
                os.write(write_end, text.encode() + b"\n")
                os.close(write_end)
                ends.append(read_end)
                options += [option, read_end]
        try:
            done = run_program(self._argv([*args, *options]), env=self._env(), pass_fds=ends,
                               stdin=subprocess.DEVNULL, timeout_s=timeout_s, start_new_session=True,
                               user=user)
        finally:
            for end in ends:
                os.close(end)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def terminal(self, *args):
        return Terminal(self._argv(args), self._env())

    def at_terminal(self, *args, answers=()):
        """`answers`: (prompt, text) pairs in order. Result.out is the screen, echo included."""
        terminal = self.terminal(*args)
        for prompt, text in answers:
            terminal.wait(prompt)
            terminal.type(text + "\n")
        return terminal.finish()


class Terminal:
    """A program at a pty, with the screen as it was written."""

    def __init__(self, argv, env):
        self.screen, self.seen = "", 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(argv[0], argv, env)

    def _more(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.fd], [], [], left)[0]:
            raise TimeoutError(f"the terminal shows only:\n{self.screen}")
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # Linux says EIO when the program has gone
            data = b""
        self.screen += data.decode(errors="replace")
        return bool(data)

    def wait(self, text, timeout_s=15):
        """Until `text` stands on the screen, behind what an earlier wait found."""
        deadline = time.monotonic() + timeout_s * SLOWNESS
        while text not in self.screen[self.seen:]:
            if not self._more(deadline):
                raise EOFError(f"the program ended, the screen:\n{self.screen}")
        self.seen = self.screen.index(text, self.seen) + len(text)

    def type(self, text):
        os.write(self.fd, text.encode())

    def finish(self, timeout_s=30):
        deadline = time.monotonic() + timeout_s * SLOWNESS
        try:
            while self._more(deadline):
                pass
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
            raise
        finally:
            os.close(self.fd)
            _, status = os.waitpid(self.pid, 0)
        check_report("the program at the terminal", self.screen)
        return Result(os.waitstatus_to_exitcode(status), self.screen.replace("\r\n", "\n"))
