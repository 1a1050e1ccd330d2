"""A real redis-server on a unix socket, and the signed list written into it as uplinkd does."""
import redis

from harness.process import Program


class Redis:
    """redis-server; starting it again after a kill finds an empty one."""

    def __init__(self, folder):
        self.socket = str(folder / "redis.sock")
        self.program = Program("redis", ["redis-server", "--port", "0", "--unixsocket", self.socket,
                                         "--save", "", "--dir", folder], folder, ready=self._answers)

    def _answers(self):
        try:
            return redis.Redis(unix_socket_path=self.socket).ping()
        except redis.RedisError:
            return False

    def start(self):
        self.program.start()
        return self

    def client(self):
        return redis.Redis(unix_socket_path=self.socket)

    def stop(self):
        self.program.stop()

    def kill(self):
        self.program.kill()


class Cache:
    """The list of a signing World in Redis; `add`, `withdraw`, `refresh` are headquarters' acts."""

    def __init__(self, server, world):
        self.redis, self.world = server.client(), world
        self.batches = {}
        self.fill()

    def fill(self):
        """Everything anew, as uplinkd refills a Redis that lost it."""
        self.redis.set("wanted:keyset", self.world.keyset())
        for revision, batch in self.batches.items():
            self.redis.xadd("wanted:delta", {"batch": batch}, id=f"{revision}-0")
        self.refresh()

    def _meta(self):
        world = self.world
        self.redis.hset("wanted:meta", mapping={
            "format": "1", "revision": world.revision, "hash": f"sha256:{world.hash.hex()}",
            "keyset": world.version, "snapshot": 0, "chunks": 0})

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
