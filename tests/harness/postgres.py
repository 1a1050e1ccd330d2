"""PostgreSQL servers for tests: each in a folder of its own, on a unix socket, as a user that is not root.

A primary may get a standby that confirms every commit; either may be killed, the standby promoted.
"""
import atexit
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

from harness.process import SLOWNESS, Program, wait_for

BIN = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), default=pathlib.Path("/nonexistent"))
USER = "postgres"  # made by the package; PostgreSQL refuses to run as root
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []

# A server that is thrown away need not wait for a disk; what it writes is the same.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Server(Program):
    """The postmaster; SIGQUIT ends it at once, SIGTERM would wait for its clients."""

    def stop(self, timeout_s=20.0):
        if self.running:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout_s * SLOWNESS)
        self.process = None
        self._close()
        return 0, 0.0


class Postgres:
    """One server. start() makes its cluster when there is none; stop() removes what it left."""

    def __init__(self, settings=(), folder_in=MEMORY):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pg-", dir=folder_in))
        if os.geteuid() == 0:
            owner = pwd.getpwnam(USER)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.data = self.folder / "data"
        argv = [*AS_USER, BIN / "postgres", "-D", self.data, "-k", self.folder]
        for setting in ("listen_addresses=", "shared_buffers=64MB", *settings):
            argv += ["-c", setting]
        self.server = Server("postgres", argv, self.folder, ready=self._ready)

    def _run(self, *argv, **options):
        done = subprocess.run([*AS_USER, *map(str, argv)], capture_output=True, text=True, check=False,
                              cwd=self.folder, timeout=120 * SLOWNESS, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _ready(self):
        return subprocess.run([BIN / "pg_isready", "-q", "-h", self.folder], check=False).returncode == 0

    def start(self):
        if not self.data.exists():
            self._run(BIN / "initdb", "-D", self.data, "-A", "trust", "-U", "hq", "-E", "UTF8", "--locale=C",
                      "--no-sync", "--no-instructions")
        self.server.start(60.0)
        return self

    def stop(self):
        self.server.stop()
        shutil.rmtree(self.folder)

    def kill(self):
        """As a power cut would: the server and all its helpers."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.server.process.pid)], check=True,
                                  capture_output=True, text=True).stdout.split()
        self.server.kill()
        for child in children:
            try:
                os.kill(int(child), signal.SIGKILL)
            except ProcessLookupError:
                continue  # ended with its server
        wait_for("the helpers to end", lambda: not any(map(alive, children)))

    def sql(self, text, database="hqd"):
        return self._run(BIN / "psql", "-h", self.folder, "-U", "hq", "-d", database, "-Atqc", text).strip()

    def create(self, database="hqd", options=""):
        self.sql(f"CREATE DATABASE {database} {options}", "postgres")
        return self.url(database)

    def url(self, database="hqd", *others):
        hosts = ",".join(str(server.folder) for server in (self, *others))
        return f"postgresql://hq@/{database}?host={hosts}"

    def standby(self):
        """Another server that follows this one; from now on a commit is done when both have it."""
        other = Postgres()
        other.follow(self)
        return other

    def follow(self, primary):
        """Anew from a copy of `primary`; whatever this one held is gone."""
        shutil.rmtree(self.data, ignore_errors=True)
        self._run(BIN / "pg_basebackup", "-h", primary.folder, "-U", "hq", "-D", self.data, "-R", "-c", "fast",
                  "--no-sync")
        self.start()
        primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'", "postgres")
        primary.sql("SELECT pg_reload_conf()", "postgres")
        wait_for("the standby to confirm", lambda: primary.sql(
            "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')",
            "postgres") == "1", 60)

    def promote(self):
        self.sql("ALTER SYSTEM SET synchronous_standby_names = ''", "postgres")
        self._run(BIN / "pg_ctl", "promote", "-D", self.data, "-w")


def alive(pid):
    return pathlib.Path(f"/proc/{pid}/exe").exists()


_shared = []


def shared():
    """One server for all tests of a run; it ends with Python."""
    if not _shared:
        server = Postgres().start()
        atexit.register(server.stop)
        _shared.append(server)
    return _shared[0]


class Database:
    """A database of its own on a server; what a test reads or writes past hqd."""

    count = 0

    def __init__(self, server=None, options=""):
        self.server = server or shared()
        Database.count += 1
        self.name = f"hq_{Database.count}"
        self.url = self.server.create(self.name, options)

    def rows(self, sql):
        """Rows as tuples, as sqlite3 gives them."""
        text = self.server.sql(f"SELECT coalesce(json_agg(t), '[]') FROM ({sql}) t", self.name)
        return json.loads(text, object_pairs_hook=lambda row: tuple(
            bytes.fromhex(v[2:]) if isinstance(v, str) and v.startswith("\\x") else v for _, v in row))

    def execute(self, sql):
        self.server.sql(sql, self.name)


class Pair(Database):
    """A database on a primary whose standby confirms every commit; the URL names both and stays."""

    def __init__(self):
        super().__init__(Postgres().start())
        self.other = None
        try:
            self.other = self.server.standby()
        except BaseException:
            self.server.stop()
            raise
        self.url = self.server.url(self.name, self.other)

    def kill_primary(self):
        """The standby takes its place; the one that died is not there any more."""
        self.server.kill()
        self.server, self.other = self.other, self.server
        self.server.promote()

    def mend(self):
        """The one that died follows the one that took its place."""
        self.other.follow(self.server)

    def stop(self):
        for server in (self.other, self.server):
            server.stop()


def main():
    """For benchmarks: a server on a disk; prints the URL of an empty database, ends with standard input."""
    server = Postgres(folder_in=None).start()
    try:
        print(server.create(), flush=True)
        sys.stdin.read()
    finally:
        server.stop()


if __name__ == "__main__":
    main()
