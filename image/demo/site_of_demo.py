"""Everything the demo starts: headquarters, one checkpoint, two lanes, cameras in a network of their own, a console."""
import itertools
import json
import os
import socket
import subprocess

from camera_net import BOX, CAMERAS, PORT, CameraNet
from console import TABLET, ConsoleStream, DemoConsole
from officer import LEADER, OFFICER, SCRIPT, SECOND, Officer
from watch import Watch

from harness.fleet import Fleet
from harness.pictures import PictureSender
from harness.process import wait_for
from harness.signing import entry
from harness.stack import program

PICTURE_BYTES = 100_000


class DemoSite:
    def __init__(self, folder, tell, certificates):
        self.fleet, self.tell = Fleet(folder), tell
        self.box, self.net = self.fleet.box, CameraNet()
        self.modes = {1: "normally_open", 2: "normally_closed"}
        self.cameras, self.pictures, self.watch, self.sink, self.stream = {}, {}, None, None, None
        self.console, self.officer = DemoConsole(self.box, certificates), None
        self._events = itertools.count(1)

    # ---- start ----

    def start(self, plan):
        self.tell("hq", 0, "hqctl init: roots, key set, clerks; hqd and hq-cad start")
        self.fleet.__enter__()
        self.publish(plan)
        self.add_lanes()
        self.add_cameras()
        self.tell("box", 0, "redis, camerad, checkpointd, uplinkd (enrols with a one-time token), matchd start")
        self.box.start_camerad()
        self.pictures = {lane: PictureSender(self.box.run) for lane in self.cameras}
        self.fleet.start_box(sources=[{"kind": "pcap", "interface": self.net.interface}],
                             matchd={"accept_partial_checksum": True,
                                     "ports": [{"port": PORT, "format": "compact"}]},
                             checkpointd={"console_without_tablets": not self.console.certificates,
                                          "headquarters_phone": "0530-110"})
        self.watch = Watch(self.box.events(self.fleet.token), self.tell)
        self.watch.start()
        self.start_console()
        self.fleet.wait_ready()
        self.tell("box", 0, f"both lanes ready, {len(plan.listed)} entries in force")
        self.tell_console()

    def publish(self, plan):
        entries = [entry(number, plate, priority=priority, **{"class": plate_class})
                   for number, (plate, plate_class, priority) in enumerate(plan.listed, 1)]
        answer = self.fleet.publish(entries)
        self.tell("hq", 0, f"wanted list of {len(entries)} vehicles imported, signed by two clerks, published "
                           f"as revision {answer['revision']}")

    def add_lanes(self):
        # A barrier that stands open has nothing to close by itself; lane 2's controller closes when its loop clears.
        self.box.add_tcp_lane(1, sim=["--start-open"], mode=self.modes[1], transit_max="6s",
                              name="东向 east")
        self.box.add_rtu_lane(2, sim=["--auto-close", "loop", "--travel-s", "1"], mode=self.modes[2],
                              auto_close="loop", transit_max="6s", name="西向 west")

    def add_cameras(self):
        self.net.start()
        self.sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sink.bind((BOX, PORT))  # so that the kernel does not answer the cameras with errors
        self.box.port = PORT
        for lane in (1, 2):
            key = os.urandom(16)
            self.box.add_camera(lane, lane, key=key, mac=self.net.camera_mac, address=CAMERAS)
            self.cameras[lane] = self.net.camera(lane=lane, camera=lane, key=key)

    # ---- the console ----

    def start_console(self):
        control = self.box.control()
        try:
            people = ((LEADER, "leader"), (OFFICER, "officer"), (SECOND, "leader"), (SCRIPT, "officer"))
            for (number, pin, name), role in people:
                answer = control.act("officer_add", self.fleet.token, officer=number, password=pin, role=role,
                                     name=name)
                if not answer["ok"]:
                    raise RuntimeError(f"officer_add {number}: {answer}")
        finally:
            control.close()
        browser = self.console.start().browser().login(SCRIPT[0], SCRIPT[1])
        self.stream = ConsoleStream(browser)
        self.stream.start()
        self.officer = Officer(browser, self.stream, self.watch, self.tell)

    def tell_console(self):
        """What somebody needs who wants to look."""
        said = [f"{self.console.url}  on this machine; officer {OFFICER[0]}, PIN {OFFICER[1]}; "
                f"leader {LEADER[0]}, PIN {LEADER[1]}",
                f"authority to trust: {self.console.ca}"]
        if self.console.certificates:
            said.append(f"certificate of tablet '{TABLET}' to import: {self.console.bundle}, "
                        f"its password in {self.console.password}")
        else:
            said.append("no tablet certificate is asked for, this address is of this machine alone; as shipped one is: "
                        "--certificates. Hits wait for you once you are signed on")
        for line in said:
            self.tell("console", 0, line)

    # ---- what the lanes' traffic asks for ----

    def next_event_id(self):
        return next(self._events)

    def hand_in(self, lane, event):
        """The camera's picture of its event; what it shows is nobody's business on the way."""
        answer = self.pictures[lane].put(os.urandom(PICTURE_BYTES), event, camera=lane)
        if answer != (0, ""):
            raise RuntimeError(f"picture of event {event}: {answer}")

    def raise_boom(self, lane, vehicle):
        self.officer.act("raise", lane=lane, reason=f"已核对 {vehicle.plate}")

    def wait_boom_closed(self, lane):
        def closed():
            status = self.box.lane(lane)
            return status["boom"] == "closed" and status["vehicles"] == 0
        wait_for(f"boom {lane} closed", closed, 20, interval_s=0.05)

    # ---- what became of it ----

    def hits_at_hq(self):
        return set(self.fleet.hits_at_hq())

    def pictures_at_hq(self):
        """Events whose pictures are whole there: of hits alone."""
        store = self.fleet.database
        try:
            rows = store.execute("SELECT DISTINCT l.event FROM evidence_links l JOIN evidence e ON e.number = l.number"
                                 " WHERE e.complete_ms IS NOT NULL").fetchall()
        finally:
            store.close()
        return {int(event) for event, in rows}

    def audit(self):
        """Both ends' own verification: the journal by checkpointctl, headquarters' copy by hqctl."""
        box = subprocess.run([program("checkpointctl"), "audit", "verify", "--journal",
                              self.box.state / "checkpointd" / "journal", "--json"],
                             capture_output=True, text=True, check=False, timeout=120)
        hq = self.fleet.hq.audit(self.box.name)
        ok = box.returncode == 0 and hq["ok"]
        if ok:
            here, there = json.loads(box.stdout), hq["checkpoints"][0]
            self.tell("audit", 0, f"journal of the box: chain {here['chain'][:8]} holds together, {here['bodies']} "
                                  f"bodies; headquarters: {there['records']} records, verified")
        else:
            self.tell("audit", 0, f"FAILED: {box.stdout}{box.stderr} {hq}")
        return ok

    def stop(self):
        try:
            if self.watch:
                self.watch.close()
            if self.stream:
                self.stream.close()
            for one in (*self.cameras.values(), *self.pictures.values()):
                one.close()
            if self.sink:
                self.sink.close()
            self.fleet.stop()
        finally:
            self.net.stop()
