"""What drives through the demo's lanes: seeded vehicles, some of them wanted, and an officer who deals with each hold.

One thread a lane. A vehicle is real to the barrier simulator (it drives, stops at red, waits for the boom) and to the
camera (one tagged datagram, sent when it passes under it, and its picture).
"""
import random
import threading

from harness.plates import generate

SPEED_M_S = 12.0
NEXT_VEHICLE_S = 2.5
EVENTS_WAIT_S = 20.0


class Vehicle:
    """`priority` 0: not wanted. `tells_class` False: the camera sends no class, so the hit is quiet and holds nobody."""

    def __init__(self, plate, plate_class, priority=0, tells_class=True):
        self.plate, self.plate_class = plate, plate_class
        self.priority, self.tells_class = priority, tells_class

    @property
    def holds(self):
        return self.priority > 0 and self.tells_class


class Plan:
    """Which vehicles come, decided by the seed alone; also what headquarters must list."""

    WANTED_SHARE = 0.3

    def __init__(self, seed, count=2000, listed=1000):
        rng = random.Random(seed)
        plates = generate(seed, count + listed)
        self.listed = [(plate, plate_class, rng.choice((1, 2, 2, 3)))
                       for plate, plate_class in plates[:listed]]
        wanted = list(self.listed)
        rng.shuffle(wanted)
        # The first vehicles of each lane show each kind, whatever the seed.
        shown = {1: True, 3: True, 4: False, 7: True}
        self.lanes = []
        for lane in (0, 1):
            innocent = iter(plates[listed + lane::2])
            vehicles = []
            for at in range(count // 2):
                if at in shown or (wanted and rng.random() < self.WANTED_SHARE):
                    tells = shown[at] if at in shown else rng.random() < 0.75
                    vehicles.append(Vehicle(*wanted.pop(), tells_class=tells))
                else:
                    vehicles.append(Vehicle(*next(innocent)))
            self.lanes.append(vehicles)


class LaneTraffic(threading.Thread):
    """Vehicles of one lane, one after the other, until `over` is set. Errors are kept in `error`."""

    def __init__(self, lane, site, vehicles, over, tell):
        super().__init__(name=f"lane-{lane}", daemon=True)
        self.lane, self.site, self.over, self.tell = lane, site, over, tell
        self.vehicles = iter(vehicles)
        self.sim = site.box.sims[lane]
        self.camera = site.cameras[lane]
        self.sent, self.expected, self.holds_expected = [], {}, {}
        self.confirms = lane == 1  # the first hit that holds; every other one is found to be another vehicle
        self.last = None
        self.error = None

    def run(self):
        try:
            while not self.over.is_set():
                self.drive(next(self.vehicles))
        except Exception as error:  # shown and counted by the demo, which then fails
            self.error = error

    def drive(self, vehicle):
        if vehicle.holds and self.last:  # red at once: whoever is still ahead would stop for it too
            self.wait_gone(self.last)
        self.last = vehicle
        event = self.site.next_event_id()
        fields = {"confidence": 95, "direction": 4}
        if vehicle.tells_class:
            fields["plate_class"] = vehicle.plate_class
        self.sim.do("vehicle", plate=vehicle.plate, speed=SPEED_M_S)
        if vehicle.priority:
            self.expected[event] = vehicle
        if vehicle.holds:
            self.holds_expected[event] = vehicle
        self.sent.append(event)
        self.camera.send(vehicle.plate, event, **fields)
        self.site.hand_in(self.lane, event)
        self.let_through(vehicle, event)

    def let_through(self, vehicle, event):
        if vehicle.priority:
            hold = self.site.watch.wait_hold(event, EVENTS_WAIT_S) if vehicle.holds else None
            confirms, self.confirms = self.confirms and vehicle.holds, self.confirms and not vehicle.holds
            self.site.officer.deal(self.lane, event, hold, confirms, vehicle.priority)
        if self.closed and vehicle.priority:
            self.wait_at_line(vehicle)
            self.site.raise_boom(self.lane, vehicle)
        if self.closed or vehicle.holds:
            self.wait_gone(vehicle)
        else:
            self.over.wait(NEXT_VEHICLE_S)

    @property
    def closed(self):
        return self.site.modes[self.lane] == "normally_closed"

    def wait_at_line(self, vehicle):
        self.sim.wait_event("vehicle", plate=vehicle.plate, what="at_stop_line",
                            timeout_s=EVENTS_WAIT_S)

    def wait_gone(self, vehicle):
        self.sim.wait_event("vehicle", plate=vehicle.plate, what="gone", timeout_s=EVENTS_WAIT_S)
        if self.closed:
            self.site.wait_boom_closed(self.lane)
