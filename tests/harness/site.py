"""One checkpoint as a town runs it: two lanes, a camera each, headquarters' list in Redis."""
from harness.cache import Cache, Redis
from harness.camera import Camera
from harness.signing import World, entry
from harness.stack import Checkpoint, short_folder, wait_until

KEY = bytes(range(16))
WANTED = "鲁H12345"
INNOCENT = "鲁H54321"


class Site:
    """One checkpoint with two lanes, a camera each, and headquarters' list in Redis."""

    def __init__(self, folder):
        self.box = Checkpoint(folder)
        self.world = World()
        self.world.write_roots(self.box.roots)
        self.redis = Redis(self.box.folder)
        self.events = None

    def start(self):
        self.redis.start()
        self.cache = Cache(self.redis, self.world)
        self.cache.add(entry(1, WANTED, priority=1), entry(2, "鲁H22222", priority=2))
        self.box.add_tcp_lane(1, sim=["--start-open"], mode="normally_open", transit_max="1s")
        self.box.add_rtu_lane(2, sim=["--auto-close", "loop"], auto_close="loop",
                              transit_max="4s")
        self.box.add_camera(11, 1, key=KEY)
        self.box.add_camera(12, 2, key=KEY)
        self.box.add_camera(13, 2)
        self.checkpointd = self.box.start_checkpointd()
        self.matchd = self.box.start_matchd(self.redis.socket)
        self.token = self.box.leader()
        self.events = self.box.events(self.token)
        self.cameras = {number: self.camera(number) for number in (11, 12, 13)}
        self.next_event = 1
        for lane in (1, 2):
            wait_until(f"lane {lane} ready", lambda lane=lane: self.is_ready(lane))

    def is_ready(self, lane):
        status = self.box.lane(lane)
        return (not status.get("blind", True) and status["list_usable"] and status["order_known"]
                and status["boom"] in ("open", "closed"))

    def camera(self, number):
        lane = 1 if number == 11 else 2
        return Camera(("127.0.0.1", self.box.port), lane=lane, camera=number,
                      key=KEY if number != 13 else None)

    def read(self, camera, plate, **fields):
        self.next_event += 1
        self.cameras[camera].send(plate, self.next_event, **fields)
        return self.next_event

    def next(self, kind, check=lambda event: True):
        while True:
            event = self.events.receive()
            if event["event"] == kind and check(event):
                return event

    def hit(self, plate):
        return self.next("hit", lambda event: event["matched"] == plate)

    def act(self, name, **args):
        client = self.box.control()
        answer = client.act(name, self.token, **args)
        client.close()
        return answer

    def stop(self):
        if self.events:
            self.events.close()
        self.box.stop()
        self.redis.stop()
