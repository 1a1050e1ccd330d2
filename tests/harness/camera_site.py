"""A checkpoint whose cameras hang on wires: lanes, cameras, a wanted list, checkpointd and matchd, and what its status
says of them."""
import contextlib

from .cache import Cache, Redis
from .ctl import Ctl
from .signing import World, entry
from .stack import Checkpoint, short_folder, wait_until


class CameraSite:
    """`cameras`: {lane: (camera, kind)}, kinds as of Checkpoint.add_wired_camera. A subclass adds lanes and cameras to
    `box` in add(); `wanted`: {lane: plate}."""

    def __init__(self, folder, cameras, wanted):
        self.box = Checkpoint(folder)
        self.cameras, self.wanted = cameras, wanted
        self.world = World()
        self.world.write_roots(self.box.roots)
        self.redis = Redis(self.box.folder)
        self.events = None

    def start(self, **checkpointd):
        self.redis.start()
        self.cache = Cache(self.redis, self.world)
        self.cache.add(*(entry(n, plate) for n, plate in self.wanted.items()))
        self.add()
        self.checkpointd = self.box.start_checkpointd(**checkpointd)
        self.matchd = self.box.start_matchd(self.redis.socket, sources=[])
        self.token = self.box.leader()
        self.events = self.box.events(self.token)

    def wait_usable(self, lane, more=lambda status: True):
        """The lane judges reads by the list; `more` of its status holds too."""
        def usable():
            status = self.box.lane(lane)
            return not status.get("blind", True) and status["list_usable"] and more(status)
        wait_until(f"lane {lane} ready", usable, 30)

    def sim(self, lane):
        """The camera's: its own simulator, or that of the module whose line it shares."""
        camera, kind, *_ = self.cameras[lane]
        return self.box.sims[lane] if kind == "shared" else self.box.camera_sims[camera]

    def status(self):
        client = self.box.control()
        try:
            return client.act("status")["result"]
        finally:
            client.close()

    def camera(self, lane):
        return next(c for c in self.status()["cameras"] if c["lane"] == lane)

    def alarm(self, name, lane):
        return next((a for a in self.status()["alarms"] if a["name"] == name and a.get("lane", 0) == lane), None)

    def next(self, kind, check):
        while True:
            event = self.events.receive()
            if event["event"] == kind and check(event):
                return event

    def act(self, name, **args):
        client = self.box.control()
        answer = client.act(name, self.token, **args)
        client.close()
        return answer

    def ctl(self, lang):
        return Ctl(self.box.run, self.box.folder, lang)

    def stop(self):
        if self.events:
            self.events.close()
        self.box.stop()
        self.redis.stop()


@contextlib.contextmanager
def running(kind):
    """A started site of that class, in a folder of its own; stopped in the end."""
    with short_folder() as folder:
        site = kind(folder)
        try:
            site.start()
            yield site
        finally:
            site.stop()
