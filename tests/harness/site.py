"""One checkpoint as a town runs it: two lanes, a camera each, headquarters' list in Redis."""
import contextlib
import time

from harness import journal
from harness.cache import Cache, Redis
from harness.camera import Camera
from harness.process import SLOWNESS, ProgramError
from harness.signing import World, entry
from harness.stack import Checkpoint, short_folder, wait_until

KEY = bytes(range(16))
WANTED = "鲁H12345"
SECOND = "鲁H22222"
INNOCENT = "鲁H54321"
PLANTS = 40


class Site:
    """One checkpoint with two lanes, a camera each, and headquarters' list in Redis."""

    def __init__(self, folder, *, product_users=False, serial=False):
        """`serial`: lane 2 hangs on a line of its own, a pty. A busy machine delays those more than
        a line would, so only tests that mean it ask for it."""
        self.serial = serial
        self.box = Checkpoint(folder)
        self.world = World()
        self.world.write_roots(self.box.roots)
        self.redis = Redis(self.box.folder, product_users)
        self.events = None
        self.next_event = 1
        self.plants = []
        self.cameras = {number: self.camera(number) for number in (11, 12, 13)}

    def start(self, **checkpointd):
        """`checkpointd`: options of its configuration."""
        if not self.redis.program.running:
            self.redis.start()
        self.cache = Cache(self.redis, self.world)
        self.cache.add(entry(1, WANTED, priority=1), entry(2, SECOND, priority=2))
        self.configure()
        self.checkpointd = self.box.start_checkpointd(**checkpointd)
        self.matchd = self.box.start_matchd(self.redis.socket, **self.redis.matchd_options)
        self.sign_on()
        self.wait_ready()

    def configure(self):
        """Lane 1 normally open, lane 2 normally closed; camera 13 has no key. A plate read again is
        another vehicle's once the lane has given up the first one, which no loop sees."""
        self.box.add_open_lane(1, transit_max="1s", vehicle_silence="0s")
        add_second = self.box.add_rtu_lane if self.serial else self.box.add_tcp_lane
        add_second(2, sim=["--auto-close", "loop"], auto_close="loop", transit_max="4s",
                   vehicle_silence="0s")
        self.box.add_camera(11, 1, key=KEY)
        self.box.add_camera(12, 2, key=KEY)
        self.box.add_camera(13, 2)

    def sign_on(self):
        self.token = self.box.leader()
        self.events = self.box.events(self.token)

    def wait_ready(self):
        for lane in (1, 2):
            wait_until(f"lane {lane} ready", lambda lane=lane: self.is_ready(lane), 60)

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

    def next(self, kind, check=lambda event: True, timeout_s=15.0):
        """The next event of this kind that `check` likes; those before it are passed over."""
        deadline = time.monotonic() + timeout_s * SLOWNESS
        while time.monotonic() < deadline:
            event = self.events.receive()
            if event["event"] == kind and check(event):
                return event
        raise ProgramError(f"no such event '{kind}' within {timeout_s} s")

    def wait_capture(self):
        """Until a datagram that is no read is counted: a matching that has just started sees the network."""
        def counted():
            client = self.box.control()
            status = client.act("status")["result"]
            client.close()
            return (status.get("matchd") or {}).get("counters", {}).get("compact_too_short", 0)

        def one_more():
            self.cameras[11].send_bytes(b"hello")
            return counted() > before

        before = counted()
        wait_until("a datagram counted", one_more)

    def planted(self):
        """A wanted plate nobody read for a while: one vehicle after the other that alerts."""
        if not self.plants:
            self.plants = [f"鲁P{number:05}" for number in range(PLANTS)]
            self.cache.add(*(entry(1000 + number, plate) for number, plate in enumerate(self.plants)))
            wait_until("the planted are listed", lambda: self.act(
                "check", plate=self.plants[-1], reason="other").get("result", {}).get("hits"))
        self.plants.append(self.plants.pop(0))
        return self.plants[-1]

    def hit(self, plate):
        return self.next("hit", lambda event: event["matched"] == plate)

    def act(self, name, **args):
        client = self.box.control()
        answer = client.act(name, self.token, **args)
        client.close()
        return answer

    def alarms(self):
        """Names of the alarms that checkpointd shows, those of a lane as (name, lane)."""
        client = self.box.control()
        alarms = client.act("status")["result"]["alarms"]
        client.close()
        return {(a["name"], a["lane"]) if a.get("lane") else a["name"] for a in alarms}

    def wait_alarm(self, name, active=True):
        wait_until(f"alarm {name} {'raised' if active else 'over'}",
                   lambda: (name in self.alarms()) == active)

    def counters(self):
        client = self.box.control()
        counters = client.act("status")["result"]["counters"]
        client.close()
        return counters

    @property
    def journal(self):
        return self.box.state / "checkpointd" / "journal"

    def verify_journal(self):
        """The records, the whole chain checked by an independent reader."""
        return journal.verify(self.journal)

    def stop(self):
        if self.events:
            self.events.close()
        try:
            self.box.stop()
        finally:
            self.redis.stop()


@contextlib.contextmanager
def running_site(configure=lambda site: None, **options):
    """A site from start to stop, for a fixture of any scope; `configure(site)` adds to it."""
    with short_folder() as folder:
        site = Site(folder, **options)
        try:
            configure(site)
            site.start()
            yield site
        finally:
            site.stop()
