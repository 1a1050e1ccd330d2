"""A real redis-server on a unix socket, and the signed list written into it as uplinkd does."""
import pathlib
import subprocess

import redis

from harness.process import Program

CONFIG = pathlib.Path(__file__).resolve().parents[2] / "systemd" / "config"


class Redis:
    """redis-server; starting it again after a kill finds an empty one. With `product_users` it runs
    under the product's own configuration and users, and the harness is one user more."""

    HARNESS = {"username": "harness", "password": "of-the-tests-alone"}

    def __init__(self, folder, product_users=False):
        self.folder = pathlib.Path(folder)
        self.socket = str(self.folder / "redis.sock")
        self.login, self.matchd_options = {}, {}
        argv = ["redis-server", "--port", "0", "--save", ""]
        if product_users:
            argv = ["redis-server", self._make_config(), "--aclfile", self._make_users()]
        self.program = Program("redis", [*argv, "--unixsocket", self.socket, "--dir", self.folder],
                               self.folder, ready=self._answers)

    def _make_config(self):
        """The product's, but for folders this machine lacks: they are read before the arguments."""
        text = (CONFIG / "redis.conf").read_text(encoding="utf-8")
        for line in ("dir /var/lib/checkpoint/redis", "aclfile /etc/checkpoint/redis/users.acl"):
            assert line in text
            text = text.replace(line, "")
        path = self.folder / "redis.conf"
        path.write_text(text, encoding="utf-8")
        return path

    def _make_users(self):
        subprocess.run([CONFIG / "make-redis-users", CONFIG / "redis-users.acl.in", self.folder],
                       check=True)
        self.login = self.HARNESS
        self.matchd_options = {"redis_user": "checkpoint-matchd",
                               "redis_secret": str(self.folder / "matchd.secret")}
        users = self.folder / "users.acl"
        with open(users, "a", encoding="ascii") as file:
            file.write(f"user harness on >{self.HARNESS['password']} ~* &* +@all\n")
        return users

    def _answers(self):
        try:
            return self.client().ping()
        except redis.RedisError:
            return False

    def start(self):
        self.program.start()
        return self

    def client(self):
        return redis.Redis(unix_socket_path=self.socket, **self.login)

    def client_of(self, program):
        """With the credentials of "matchd" or "uplinkd"."""
        return redis.Redis(unix_socket_path=self.socket, username=f"checkpoint-{program}",
                           password=(self.folder / f"{program}.secret").read_text().strip())

    def stop(self):
        self.program.stop()

    def kill(self):
        self.program.kill()


class Cache:
    """The list of a signing World in Redis; `add`, `withdraw`, `refresh` are headquarters' acts."""

    def __init__(self, server, world):
        self.redis, self.world = server.client(), world
        self.batches, self.keyset = {}, world.keyset()
        self.snapshot = None  # (revision, manifest, chunks)
        self.fill()

    def fill(self):
        """Everything anew, as uplinkd refills a Redis that lost it."""
        self.redis.set("wanted:keyset", self.keyset)
        if self.snapshot:
            self._write_snapshot()
        for revision, batch in self.batches.items():
            self.redis.xadd("wanted:delta", {"batch": batch}, id=f"{revision}-0")
        self.refresh()

    def _meta(self):
        world = self.world
        self.redis.hset("wanted:meta", mapping={
            "format": "1", "revision": world.revision, "hash": f"sha256:{world.hash.hex()}",
            "keyset": world.version, "snapshot": self.snapshot[0] if self.snapshot else 0,
            "chunks": len(self.snapshot[2]) if self.snapshot else 0})

    def _write_snapshot(self):
        revision, manifest, chunks = self.snapshot
        for number, chunk in enumerate(chunks):
            self.redis.set(f"wanted:chunk:{revision}:{number}", chunk)
        self.redis.hset("wanted:meta", "manifest", manifest)

    def take_snapshot(self):
        """The whole list as one, in place of the batches that led to it."""
        self.redis.delete("wanted:delta")
        self.batches.clear()
        self.snapshot = (self.world.revision, *self.world.snapshot())
        self._write_snapshot()
        self.refresh()

    def refresh(self):
        self.redis.set("wanted:current", self.world.freshness())
        self._meta()

    def publish(self, **changes):
        batch = self.world.batch(**changes)
        self.batches[self.world.revision] = batch
        self.redis.xadd("wanted:delta", {"batch": batch}, id=f"{self.world.revision}-0")
        self.refresh()

    def add(self, *entries):
        self.publish(added=entries)

    def withdraw(self, *ids):
        self.publish(withdrawn=ids)
