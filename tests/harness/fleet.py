"""The whole product in one folder: a headquarters that hqctl made, a box that enrolled with it, Redis with its users.

    with short_folder() as folder, Fleet(folder) as fleet:
        fleet.box.add_tcp_lane(1); fleet.box.add_camera(11, 1, key=KEY)
        fleet.publish([entry(1, "鲁H12345")])
        fleet.start_box()
"""
import json
import shutil
import sqlite3
import subprocess

from harness.cache import Redis
from harness.hqctl import Hqctl
from harness.process import SLOWNESS, Program
from harness.stack import ROOT, Checkpoint, program, wait_until

CONFIG = ROOT / "systemd" / "config"


class RedisWithUsers(Redis):
    """Redis as a box has it: systemd/config/redis.conf and users.acl, other folders."""

    def __init__(self, folder):
        super().__init__(folder)
        subprocess.run([CONFIG / "make-redis-users", CONFIG / "redis-users.acl.in", folder], check=True)
        self.secrets = folder
        moved = {"unixsocket": self.socket, "aclfile": folder / "users.acl", "dir": folder}
        lines = []
        for line in (CONFIG / "redis.conf").read_text().splitlines():
            name = line.partition(" ")[0]
            lines.append(f"{name} {moved[name]}" if name in moved else line)
        config = folder / "redis.conf"
        config.write_text("\n".join(lines) + "\n")
        self.program = Program("redis", ["redis-server", config], folder, ready=self._listens)

    def _listens(self):
        """No user of this harness may PING: the refusal says that it answers."""
        client = self.client()
        try:
            return "NOAUTH" in str(client.execute_command("PING", "x"))
        except Exception as error:
            return "Authentication" in str(error) or "NOAUTH" in str(error)
        finally:
            client.close()

    def options(self, name):
        """redis_user and redis_secret of checkpoint-<name>."""
        return {"redis_user": f"checkpoint-{name}", "redis_secret": str(self.secrets / f"{name}.secret")}


class Fleet:
    """Headquarters runs from the start; the box when start_box() is called. stop() ends all."""

    def __init__(self, folder, checkpoint="lu-hz-01", fleet="lu-hz"):
        self.box = Checkpoint(folder, checkpoint)
        self.hq = Hqctl(self.box.folder, fleet=fleet)
        self.redis = None
        self.token = None
        self.daemons = {}
        self.title = checkpoint  # the name people call it by
        self.link_options = {}  # of uplinkd.yaml, besides

    def __enter__(self):
        try:
            self.hq.init().start()
            self.hq.keep_port()
            self.take_roots()
        except BaseException:
            self.stop()
            raise
        return self

    def take_roots(self):
        """What the installation medium brings."""
        shutil.copytree(self.hq.box / "roots", self.box.roots, dirs_exist_ok=True)
        for name in ("hq-root.pem", "box-root.pem"):
            shutil.copy(self.hq.box / "uplinkd" / name, self.box.etc / name)

    def __exit__(self, *_):
        self.stop()

    @property
    def database(self):
        """Headquarters' own store, opened read-only."""
        return sqlite3.connect(f"file:{self.hq.dir}/state/hqd.sqlite?mode=ro", uri=True)

    def hits_at_hq(self):
        """Event ids of the hits that stand in the chain at headquarters, one item a stored hit."""
        store = self.database
        try:
            rows = store.execute("SELECT body FROM hits WHERE provisional = 0").fetchall()
        finally:
            store.close()
        return [int(json.loads(body)["read"]["event_id"]) for (body,) in rows]

    def publish(self, entries):
        return self.hq.publish(entries)

    def uplinkd_config(self):
        here = self.box
        return here.write("uplinkd.yaml", {
            "checkpoint": here.name, "fleet": self.hq.fleet, "hq": [f"https://127.0.0.1:{self.hq.port}"],
            "est_url": f"https://127.0.0.1:{self.hq.est_port}/.well-known/est",
            "hq_root": str(here.etc / "hq-root.pem"), "box_root": str(here.etc / "box-root.pem"),
            "certificate": str(here.etc / "box.pem"), "key": str(here.etc / "box.key.pem"),
            "runtime_dir": str(here.run), "state_dir": str(here.state / "uplinkd"),
            "roots": str(here.roots), "redis_socket": self.redis.socket,
            **self.redis.options("uplinkd"), "retry_max": "500ms", **self.link_options})

    def token_for(self, fingerprint):
        return self.hq.enroll(self.box.name, self.title, fingerprint=fingerprint)["token"]

    def enroll(self, config):
        """The box gets its certificate with a one-time token of headquarters."""
        with subprocess.Popen([program("checkpoint-uplinkd"), "--config", config, "--enroll", "--token-fd", "0"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as box:
            shown = box.stdout.readline().split()[-1]  # the technician reads it out
            said = box.communicate(self.token_for(shown) + "\n", timeout=60 * SLOWNESS)[0]
        assert box.returncode == 0, said

    def start_redis(self):
        if self.redis is None:
            self.redis = RedisWithUsers(self.box.folder)
        self.redis.start()

    def start_box(self, sources=None, matchd=None, checkpointd=None):
        """Redis, checkpointd, uplinkd (enrolled now), matchd, an officer's token; options of two of them."""
        self.start_redis()
        self.daemons["checkpointd"] = self.box.start_checkpointd(**(checkpointd or {}))
        config = self.uplinkd_config()
        self.enroll(config)
        self.daemons["uplinkd"] = self.box.start("checkpoint-uplinkd", config)
        self.daemons["matchd"] = self.box.start_matchd(
            self.redis.socket, sources, **self.redis.options("matchd"), **(matchd or {}))
        self.token = self.box.leader()
        return self

    def lane_ready(self, lane):
        status = self.box.lane(lane)
        return (not status.get("blind", True) and status["list_usable"] and status["order_known"]
                and status["boom"] in ("open", "closed"))

    def wait_ready(self):
        for lane in self.box.lanes:
            wait_until(f"lane {lane['id']} ready", lambda lane=lane: self.lane_ready(lane["id"]), 30)

    def confirmed(self):
        """Records the box knows to be at headquarters, and records in its journal."""
        client = self.box.control()
        journal = client.act("status")["result"]["journal"]
        client.close()
        return journal["confirmed"], journal["head"]

    def stop(self):
        try:
            self.box.stop()
        finally:
            if self.redis:
                self.redis.stop()
            self.hq.stop()


class Neighbour(Fleet):
    """Another whole box of a running fleet, in a folder of its own; headquarters is the other's to stop."""

    def __init__(self, folder, fleet, checkpoint):
        self.box, self.hq = Checkpoint(folder, checkpoint), fleet.hq
        self.redis, self.token, self.daemons, self.title, self.link_options = None, None, {}, checkpoint, {}

    def __enter__(self):
        self.take_roots()
        return self

    def stop(self):
        try:
            self.box.stop()
        finally:
            if self.redis:
                self.redis.stop()
