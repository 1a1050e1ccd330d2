"""A module swapped for another model while nobody looked: refused at the next contact, nothing energised, named by
an alarm, status and doctor in both languages; the right one heals it. Over Modbus TCP and RTU, by function 43/14."""
import pytest

from harness.ctl import Ctl
from harness.signing import World
from harness.stack import PROFILES, Checkpoint, short_folder, wait_until

TCP, RTU = 1, 2
RIGHT = {"vendor": "Gate Works", "product": "SM-8", "revision": "1.4"}
OTHER = {**RIGHT, "product": "SM-4"}
TOLD = "module: 型号不符 another device: product code is 'SM-4', not 'SM-8'; expected Gate Works SM-8"


class Site:
    def __init__(self, folder):
        self.box = Checkpoint(folder)
        World().write_roots(self.box.roots)
        (self.box.etc / "profiles" / "module").mkdir(parents=True)
        text = (PROFILES / "module" / "generic.yaml").read_text().replace("name: generic", "name: sm8")
        text = text.replace("model: any module with discrete inputs and coils from address 0", "model: Gate Works SM-8")
        (self.box.etc / "profiles" / "module" / "sm8.yaml").write_text(
            text + "device_identification: {vendor: 'Gate*', product: SM-8}\n")
        self.box.add_tcp_lane(TCP)
        self.box.add_rtu_lane(RTU)
        for lane in self.box.lanes:
            lane["devices"][0]["profile"] = "sm8"
            self.box.sims[lane["id"]].do("identity", identity=RIGHT)
        self.box.start_checkpointd()
        self.token = self.box.leader()

    def status(self):
        client = self.box.control()
        status = client.act("status")["result"]
        client.close()
        return status

    def device(self, lane):
        return next(d for bus in self.status()["buses"] for d in bus["devices"] if d["lane"] == lane)

    def alarm(self, lane):
        return next((a for a in self.status()["alarms"]
                     if a["name"] == "DEVICE_OTHER_MODEL" and a.get("lane") == lane), None)

    def doctor(self, lane, lang="en_US.UTF-8"):
        done = Ctl(self.box.run, self.box.folder / "session", lang)("doctor", "--config-dir", self.box.etc, "--json")
        return next(r for r in done.json["rows"] if r["check"] == "device" and r["part"].startswith(f"bus-{lane},")
                    or r["part"].startswith(f"bus-{lane}，"))

    def swap(self, lane, identity):
        """Power off, another one in its place, power on."""
        sim = self.box.sims[lane]
        sim.do("power", on=False)
        wait_until("silence is told", lambda: not self.device(lane)["contact"])
        sim.do("identity", identity=identity)
        sim.do("power", on=True)

    def emergency(self, lane):
        client = self.box.control()
        answer = client.act("raise", self.token, lane=lane, reason="ambulance", emergency=True)
        client.close()
        assert answer["ok"], answer


@pytest.fixture(scope="module")
def site():
    with short_folder() as folder:
        site = Site(folder)
        try:
            yield site
        finally:
            site.box.stop()


@pytest.mark.parametrize("lane", [TCP, RTU])
def test_a_swapped_module_is_refused_and_named_until_the_right_one_is_back(site, lane):
    wait_until("contact", lambda: site.device(lane)["contact"])
    assert site.device(lane)["identity"] == "confirmed" and site.alarm(lane) is None
    assert "model confirmed" in site.doctor(lane)["detail"]
    assert "型号已核实" in site.doctor(lane, "zh_CN.UTF-8")["detail"]

    site.swap(lane, OTHER)
    alarm = wait_until("another model is told", lambda: site.alarm(lane))
    assert TOLD in str(alarm)
    device = site.device(lane)
    assert not device["contact"] and device["identity"] == "other" and TOLD == f"{device['device']}: {device['refused']}"
    row = site.doctor(lane)
    assert not row["good"] and row["detail"] in TOLD and "put the right module back" in row["what_to_do"]
    assert "装回正确型号的模块" in site.doctor(lane, "zh_CN.UTF-8")["what_to_do"]
    shown = Ctl(site.box.run, site.box.folder / "session")("status").out
    assert "SM-4" in shown and "another model answers" in shown.replace("\n", " ")

    before = len(site.box.sims[lane].events("coil", on=True))
    site.emergency(lane)  # goes on trying; nothing reaches the stranger
    asked = site.box.sims[lane].state()["requests"]
    wait_until("asked again", lambda: site.box.sims[lane].state()["requests"] > asked + 3)
    assert len(site.box.sims[lane].events("coil", on=True)) == before

    site.swap(lane, RIGHT)
    wait_until("contact", lambda: site.device(lane)["contact"])
    wait_until("the alarm is over", lambda: site.alarm(lane) is None)
    assert site.device(lane)["identity"] == "confirmed" and site.device(lane)["refused"] is None
    wait_until("raised", lambda: len(site.box.sims[lane].events("coil", on=True, coil="raise")) > 0)


@pytest.mark.parametrize("lane", [TCP, RTU])
def test_a_module_that_does_not_know_the_function_cannot_tell(site, lane):
    site.swap(lane, None)
    wait_until("contact", lambda: site.device(lane)["contact"])
    assert site.device(lane)["identity"] == "cannot_tell" and site.alarm(lane) is None
    assert "model cannot be told" in site.doctor(lane)["detail"]
    assert "型号无法核实" in site.doctor(lane, "zh_CN.UTF-8")["detail"]
    site.swap(lane, RIGHT)
    wait_until("contact", lambda: site.device(lane)["identity"] == "confirmed" and site.device(lane)["contact"])
