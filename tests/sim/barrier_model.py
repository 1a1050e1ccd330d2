"""The physical model of one lane: boom, limit switches, loops, vehicles, lights. Pure: time comes in.

Distances in metres along the lane, 0 under the boom, vehicles drive towards plus. The boom's
position is 0 closed, 1 open. Coils and inputs have the product's names.
"""

INPUTS = ["limit_open", "limit_closed", "presence", "obstacle", "entry_loop", "exit_loop",
          "local_control", "emergency_stop", "fault", "boom_off", "person_device_ok",
          "vehicle_detector_ok", "fire_raise", "panic", "cabinet_door", "mains_ok"]
OUTPUTS = ["raise", "lower", "stop", "red", "yellow", "green", "siren", "strobe"]
ENTRY_LOOP, PRESENCE_LOOP, EXIT_LOOP = (-5.0, -2.0), (-1.5, 1.5), (3.0, 5.0)
STOP_LINE, GONE, SPAWN, GAP = -2.0, 12.0, -20.0, 1.5
OPEN_ENOUGH = 0.9
REST_S = 0.1  # longer than contacts bounce


class Vehicle:
    def __init__(self, plate, length=4.5, speed=6.0, runs=False):
        self.plate, self.length, self.speed, self.runs = plate, length, speed, runs
        self.front, self.may_go = SPAWN, False

    def over(self, loop):
        return self.front >= loop[0] and self.front - self.length <= loop[1]


class Barrier:
    """`log(kind, **fields)` is told of every change. `auto_close`: "loop" as the maker's controller
    does it, or "none". `one_per_opening`: a vehicle waits for a raise of its own."""

    def __init__(self, log, *, travel_s=1.5, bounce_ms=12, auto_close="none", close_delay_s=0.5,
                 one_per_opening=None, low=(), position=0.0):
        self.log, self.travel_s, self.bounce_s = log, travel_s, bounce_ms / 1000
        self.auto_close, self.close_delay_s = auto_close, close_delay_s
        self.one_per_opening = auto_close == "loop" if one_per_opening is None else one_per_opening
        self.low = set(low)
        self.position, self.motion = position, 0  # -1 lowering, 1 raising
        self.coils = dict.fromkeys(OUTPUTS, False)
        self.forced, self.inputs = {}, dict.fromkeys(INPUTS, False)
        self.changed_s = dict.fromkeys(INPUTS, -1.0)
        self.vehicles, self.close_at, self.now = [], None, None
        self.boom_off, self.powered, self.passed = False, True, 0
        self.credit = False  # raised before its vehicle came
        self.told_low = False

    # --- outputs ---

    def set_coil(self, name, on, by="write"):
        if self.coils[name] == on:
            return
        self.coils[name] = on
        self.log("coil", coil=name, on=on, by=by)
        if self.coils["raise"] and self.coils["lower"]:
            self.log("violation", what="raise and lower energised together")
        if not on:
            return
        if name == "stop":
            self.move(0, "stop")
        elif name == "raise" and not self.coils["stop"]:
            self.close_at = None
            self.move(1, "raise")
            self.credit = not self.first_waiting_may_go()
        elif name == "lower" and not self.coils["stop"]:
            self.move(-1, "lower")

    def move(self, motion, by):
        if motion > 0 and self.position >= 1.0 or motion < 0 and self.position <= 0.0:
            motion = 0
        if motion != self.motion:
            self.motion = motion
            self.log("boom", motion=motion, position=round(self.position, 3), by=by)

    def power_cycle(self):
        for name in OUTPUTS:
            self.set_coil(name, False, by="power")
        self.move(0, "power")

    # --- inputs ---

    def force(self, name, active):
        """An input held by the test: True, False, or None to let the model decide again."""
        if name not in INPUTS:
            raise ValueError(f"input {name!r}: expected one of {', '.join(INPUTS)}")
        if active is None:
            self.forced.pop(name, None)
        else:
            self.forced[name] = bool(active)
        self.sense()

    def sense(self):
        facts = {
            "limit_open": self.position >= 1.0, "limit_closed": self.position <= 0.0,
            "presence": any(v.over(PRESENCE_LOOP) for v in self.vehicles),
            "entry_loop": any(v.over(ENTRY_LOOP) for v in self.vehicles),
            "exit_loop": any(v.over(EXIT_LOOP) for v in self.vehicles),
            "boom_off": self.boom_off, "person_device_ok": True, "vehicle_detector_ok": True,
            "mains_ok": True,
        }
        for name in INPUTS:
            active = self.forced.get(name, facts.get(name, False))
            if active != self.inputs[name]:
                self.inputs[name] = active
                self.changed_s[name] = self.now if self.now is not None else -1.0
                self.log("input", input=name, active=active)

    def level(self, name):
        """What the module's contact says now, bounce and polarity included."""
        value = self.inputs[name]
        since = (self.now or 0.0) - self.changed_s[name]
        if name.startswith("limit_") and 0 <= since < self.bounce_s and int(since * 500) % 2:
            value = not value
        return value != (name in self.low)

    # --- vehicles ---

    def arrive(self, plate="", **options):
        vehicle = Vehicle(plate, **options)
        behind = [v.front - v.length - GAP for v in self.vehicles]
        vehicle.front = min([SPAWN] + behind)
        vehicle.may_go, self.credit = self.credit, False
        self.vehicles.append(vehicle)
        self.log("vehicle", plate=plate, what="arrived")

    def first_waiting_may_go(self):
        for vehicle in self.vehicles:
            if vehicle.front <= STOP_LINE + 0.01:
                vehicle.may_go = True
                return True
        return False

    def may_pass(self, vehicle):
        if vehicle.runs:
            return True
        if self.coils["red"] or self.position < OPEN_ENOUGH and not self.boom_off:
            return False
        if not self.one_per_opening:
            return True
        ahead = any(v is not vehicle and STOP_LINE < v.front and v.over((STOP_LINE, EXIT_LOOP[1]))
                    for v in self.vehicles)
        return vehicle.may_go and not ahead

    def drive(self, dt):
        limit = None
        for vehicle in self.vehicles:
            target = vehicle.front + vehicle.speed * dt
            if vehicle.front <= STOP_LINE and target > STOP_LINE and not self.may_pass(vehicle):
                target = STOP_LINE
            if limit is not None:
                target = max(vehicle.front, min(target, limit))
            before, vehicle.front = vehicle.front, target
            if before < STOP_LINE <= target:
                self.log("vehicle", plate=vehicle.plate, what="at_stop_line")
            if before <= 0 < target:
                self.cross(vehicle)
            limit = vehicle.front - vehicle.length - GAP
        while self.vehicles and self.vehicles[0].front - self.vehicles[0].length > GONE:
            gone = self.vehicles.pop(0)
            self.passed += 1
            self.log("vehicle", plate=gone.plate, what="gone")

    def cross(self, vehicle):
        self.log("vehicle", plate=vehicle.plate, what="under_boom", position=round(self.position, 3))
        if self.position < OPEN_ENOUGH / 2 and not self.boom_off:
            self.boom_off = True
            self.log("boom", motion=0, position=round(self.position, 3), by="run_through")

    # --- time ---

    def tick(self, now_s):
        dt = 0.0 if self.now is None else now_s - self.now
        self.now = now_s
        was_exit = self.inputs["exit_loop"]
        if self.motion:
            self.position = min(1.0, max(0.0, self.position + self.motion * dt / self.travel_s))
            if self.position in (0.0, 1.0):
                self.move(0, "limit")
        self.drive(dt)
        self.sense()
        if self.motion < 0:
            self.credit = False
        low = self.motion < 0 and self.position < 0.5 and self.inputs["presence"]
        if low and not self.told_low:
            self.log("violation", what="boom low over a vehicle")
        self.told_low = low
        if self.auto_close == "loop":
            self.close_by_loop(was_exit, now_s)

    def close_by_loop(self, was_exit, now_s):
        """The maker's own closing: behind the exit loop, never over an occupied presence loop."""
        if was_exit and not self.inputs["exit_loop"] and self.position > 0.0:
            self.close_at = now_s + self.close_delay_s
        blocked = self.inputs["presence"] or self.inputs["obstacle"] or self.coils["stop"]
        if self.motion < 0 and (self.inputs["presence"] or self.inputs["obstacle"]):
            self.move(1, "auto_reopen")
            self.close_at = now_s + self.close_delay_s
        if self.close_at is not None and now_s >= self.close_at and not blocked:
            self.close_at = None
            self.move(-1, "auto_close")

    def rests(self):
        """Nothing changes but by somebody's hand: the boom stands, its contacts have come to rest, no vehicle is there."""
        return (not self.motion and not self.vehicles and self.close_at is None and self.now is not None
                and self.now - max(self.changed_s.values()) > REST_S)

    def state(self):
        return {"position": round(self.position, 3), "motion": self.motion, "coils": self.coils,
                "inputs": self.inputs, "boom_off": self.boom_off, "passed": self.passed,
                "vehicles": [{"plate": v.plate, "front": round(v.front, 2)} for v in self.vehicles]}
