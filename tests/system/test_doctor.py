"""checkpointctl doctor: all good, each fault named with what to do, inputs by hand, and what it says without
checkpointd; camera test beside it."""
import datetime
import os
import signal

import pytest
import yaml

from harness.ctl import Ctl, columns
from harness.pki import Root
from harness.signing import entry
from harness.stack import wait_until
from harness.uplink_site import BOX, WANTED, a_site

CHECKS = {"checkpointd", "configuration", "device", "camera", "matchd", "list", "journal", "disk", "clock",
          "uplink", "alarms", "codes", "redis", "certificate"}
TRIGGER = 40
SOON = datetime.datetime.utcnow() + datetime.timedelta(days=3)  # what pki.py takes is naive UTC


@pytest.fixture(scope="module")
def site():
    for site in a_site():
        site.box.add_wired_camera(21, 1, "tcp", sim=["--map", 2, "--trigger", TRIGGER], trigger_coil=TRIGGER)
        site.box.add_wired_camera(22, 1, "serial", silence="0ms")
        site.checkpointd()
        site.uplinkd()
        site.matchd()
        site.publish(entry(1, WANTED))
        wait_until("list in matchd", lambda: (site.status()["list"] or {}).get("revision") == 1, 30)
        ctl = shell(site)
        assert ctl("login", "wang", password="correct horse 1").status == 0
        yield site


def shell(site, lang="en_US.UTF-8"):
    return Ctl(site.box.run, site.box.folder / "session", lang)


def doctor(site, *args, lang="en_US.UTF-8", etc=None):
    return shell(site, lang)("doctor", "--config-dir", etc or site.box.etc, *args, timeout_s=60)


def rows(site, *args, **more):
    """By check, the rows of the answer, and the exit status with it."""
    done = doctor(site, "--json", *args, **more)
    found = {}
    for row in done.json["rows"]:
        found.setdefault(row["check"], []).append(row)
    assert done.json["good"] == (done.status == 0), done
    return found, done.status


def looks(site, **more):
    found, _ = rows(site, **more)
    return [row for of in found.values() for row in of if not row["good"]]


def wait_good(site):
    seen = []

    def good():
        seen[:] = looks(site)
        return not seen
    try:
        wait_until("all good", good, 60)
    except Exception as error:
        raise AssertionError(seen) from error


# ---- doctor


def test_all_is_good(site):
    site.sync()
    for camera in (21, 22):
        read(site, camera, "豫A10001")
    wait_good(site)
    found, status = rows(site)
    assert status == 0 and set(found) == CHECKS
    module, *_ = found["device"]
    assert "round trip" in module["detail"] and "watchdog" in module["detail"]
    assert "days left" in found["certificate"][0]["detail"]
    assert "trusted, source" in found["clock"][0]["detail"] and "offset" in found["clock"][0]["detail"]
    assert "reserve of 1 MiB is there" in found["disk"][0]["detail"]
    assert found["redis"][0]["detail"] == str(site.redis.socket)
    assert not [row for of in found.values() for row in of if "what_to_do" in row]
    for lang in ("en_US.UTF-8", "zh_CN.UTF-8"):
        table = doctor(site, lang=lang)
        assert table.status == 0 and max(map(columns, table.out.splitlines())) <= 80
        assert ("正常" in table.out) == lang.startswith("zh")


def test_a_silent_device_and_a_lost_camera_are_named(site):
    site.box.sims[1].do("fault", kind="silence")
    site.box.camera_sims[21].do("fault", kind="silence")
    try:
        wait_until("both", lambda: {"device", "camera"} <= {row["check"] for row in looks(site)}, 30)
        found = {row["check"]: row for row in looks(site)}
        assert found["device"]["part"] == "bus-1, lane 1: module" and "silent for" in found["device"]["detail"]
        assert "bus scan" in found["device"]["what_to_do"]
        assert found["camera"]["part"] == "camera 21, lane 1" and "camera test" in found["camera"]["what_to_do"]
        assert found["alarms"]["detail"].endswith("active")
        table = doctor(site, lang="zh_CN.UTF-8")
        assert table.status == 1 and "异常" in table.out and "检查供电、地址和接线" in table.out.replace("\n", "")
    finally:
        site.box.sims[1].do("fault", kind="none")
        site.box.camera_sims[21].do("fault", kind="none")
    wait_good(site)


def test_a_configuration_that_is_wrong_is_told_by_its_line(site, tmp_path):
    for name in ("checkpointd.yaml", "matchd.yaml", "uplinkd.yaml"):
        (tmp_path / name).write_text((site.box.etc / name).read_text())
    text = (tmp_path / "checkpointd.yaml").read_text()
    (tmp_path / "checkpointd.yaml").write_text(text + "colour: red\n")
    (tmp_path / "uplinkd.yaml").unlink()
    found, status = rows(site, etc=tmp_path)
    assert status == 1
    wrong, good, missing = found["configuration"]
    assert "colour: unknown key" in wrong["detail"] and f"{text.count(chr(10)) + 1}:" in wrong["detail"]
    assert good["good"] and "No such file" in missing["detail"]
    assert "uplinkd.yaml says where it is" in found["certificate"][0]["detail"]


def test_redis_and_certificate(site, tmp_path):
    pair = site.hq.pki.boxes.issue("old", f"urn:checkpoint:{BOX}", end=SOON)
    for name in ("checkpointd.yaml", "matchd.yaml", "uplinkd.yaml"):
        (tmp_path / name).write_text((site.box.etc / name).read_text())
    good = site.hq.pki.box(BOX).pem
    (tmp_path / "uplinkd.yaml").write_text(
        (tmp_path / "uplinkd.yaml").read_text().replace(str(good), str(pair.pem)))
    (tmp_path / "matchd.yaml").write_text(
        (tmp_path / "matchd.yaml").read_text().replace(str(site.redis.socket), str(tmp_path / "none.sock")))
    found = {row["check"]: row for row in looks(site, etc=tmp_path)}
    assert "none.sock" in found["redis"]["detail"] and "redis-server" in found["redis"]["what_to_do"]
    assert found["certificate"]["detail"] == "2 days left" and "--enroll" in found["certificate"]["what_to_do"]


def test_the_console_and_its_tablets(site, tmp_path):
    for name in ("checkpointd.yaml", "matchd.yaml", "uplinkd.yaml"):
        (tmp_path / name).write_text((site.box.etc / name).read_text())
    ctl = shell(site)
    assert ctl("console", "init", "127.0.0.1", "--config-dir", tmp_path).status == 0
    folder = tmp_path / "console"
    config = {"hosts": ["127.0.0.1"], "listen": "127.0.0.1:0", "pair_listen": "", "runtime_dir": str(site.box.run),
              "certificate": str(folder / "server.pem"), "key": str(folder / "server.key.pem"),
              "tablets_ca": str(folder / "ca.pem")}
    (tmp_path / "consoled.yaml").write_text(yaml.safe_dump(config))
    found = {row["check"]: row for row in looks(site, etc=tmp_path)}
    assert "does not run" in found["console"]["detail"] and "tablet pair" in found["tablets"]["what_to_do"]
    assert ctl("tablet", "pair", "booth", "1", "--config-dir", tmp_path).status == 0
    consoled = site.box.start("checkpoint-consoled", tmp_path / "consoled.yaml")
    found, _ = rows(site, etc=tmp_path)
    assert found["configuration"][-1]["good"] and found["console"][0]["detail"].startswith("listens at port ")
    assert (found["tablets"][0]["detail"], found["console_certificate"][0]["good"]) == ("1 paired", True)
    consoled.kill()  # its port's file stays
    soon = Root(tmp_path, "soon").issue("server", "urn:checkpoint-console:console", server=True, end=SOON)
    config |= {"certificate": str(soon.pem), "key": str(soon.key_path), "tablet_certificates": "none"}
    (tmp_path / "consoled.yaml").write_text(yaml.safe_dump(config))
    found = {row["check"]: row for row in looks(site, etc=tmp_path)}
    assert "does not run" in found["console"]["detail"] and "any browser" in found["tablets"]["detail"]
    assert found["console_certificate"]["detail"] == "2 days left"
    table = doctor(site, lang="zh_CN.UTF-8", etc=tmp_path).out
    assert "控制台证书" in table and max(map(columns, table.splitlines())) <= 80
    ctl("tablet", "revoke", "booth")


def test_inputs_are_operated_by_hand(site):
    sim = site.box.sims[1]
    screen = shell(site).terminal("doctor", "--config-dir", str(site.box.etc), "--interactive", "--wait", "2")
    screen.wait("what you operate raises its alarms")
    for name in ("limit_open", "limit_closed"):
        screen.wait(f"Operate {name} of lane 1")
        screen.type("s\n")
    for name, seen in (("presence", True), ("obstacle", False), ("entry_loop", True)):
        screen.wait(f"Operate {name} of lane 1")
        screen.type("\n")
        screen.wait("now …")
        if seen:
            sim.do("input", input=name, active=True)
        screen.wait("seen")
    screen.wait("Operate exit_loop of lane 1")
    screen.type("q\n")
    result = screen.finish()
    for name in ("presence", "entry_loop"):
        sim.do("input", input=name, active=None)
    assert result.status == 1, result
    flat = " ".join(result.out.split())
    assert "lane 1: presence good change seen" in flat and "lane 1: entry_loop good change seen" in flat
    assert "lane 1: obstacle LOOK no change seen in time" in flat and "lane 1: limit_open" not in flat
    assert shell(site)("doctor", "--interactive").status == 2


def test_an_interruption_of_the_hands_still_shows_what_was_seen(site):
    screen = shell(site).terminal("doctor", "--config-dir", str(site.box.etc), "--interactive")
    screen.wait("Operate limit_open of lane 1")
    screen.type("\n")
    screen.wait("now …")
    os.kill(screen.pid, signal.SIGINT)
    result = screen.finish()
    assert result.status == 130 and "Redis" in result.out, result


# ---- camera test


def read(site, camera, plate):
    site.number = getattr(site, "number", 500) + 1
    site.box.camera_sims[camera].do("read", plate=plate, event=site.number)


def test_a_camera_is_triggered_and_its_read_comes_back(site):
    sim = site.box.camera_sims[21]
    sim.do("on_trigger", read={"plate": "鲁A20021", "event": 9001})
    done = shell(site)("camera", "test", 21)
    assert done.status == 0, done
    assert "trigger: asked" in done.out and "good  read: 鲁A20021" in done.out and "good  heartbeat" in done.out
    assert sim.events("trigger")
    sim.do("on_trigger", read={"plate": "鲁A20022", "event": 9002})
    done = shell(site)("camera", "test", 21, "--json")
    assert done.status == 0 and done.json["read"]["plate"] == "鲁A20022" and done.json["state"]["contact"], done
    assert isinstance(done.json["clock_offset_ms"], int)


def test_a_camera_without_a_trigger_waits_for_a_plate(site):
    screen = shell(site, "zh_CN.UTF-8").terminal("camera", "test", "22")
    screen.wait("请将车牌置于视野内")
    read(site, 22, "鲁A20031")
    result = screen.finish()
    assert result.status == 0 and "正常  读牌：鲁A20031" in result.out, result
    none = shell(site)("camera", "test", 22, "--wait", 1)
    assert none.status == 1 and "LOOK  read: none came" in none.out


def test_a_camera_of_the_network_is_waited_for_by_its_number(site):
    screen = shell(site).terminal("camera", "test", "11")
    screen.wait("on the camera network")
    site.camera.send("鲁A20041", 77001, plate_class="02")
    result = screen.finish()
    assert result.status == 0 and "good  read: 鲁A20041" in result.out and "ms against ours" in result.out, result
    assert Ctl(site.box.run, site.box.folder / "nobody")("camera", "test", 11).status == 77
    assert shell(site)("camera", "test", "x").status == 2


# ---- without checkpointd: last, since it ends it


def test_without_checkpointd_it_says_what_it_cannot_see(site):
    site.daemon.stop()
    site.box.programs.programs.remove(site.daemon)
    folder = site.box.state / "checkpointd" / "journal"
    found, status = rows(site, "--journal", folder)
    assert status == 1 and set(found) == {"checkpointd", "configuration", "disk", "redis", "certificate"}
    assert "not seen therefore: devices, inputs, watchdogs" in found["checkpointd"][0]["detail"]
    assert all(row["good"] for row in found["configuration"] + found["redis"] + found["certificate"])
    assert str(folder) in found["disk"][0]["detail"]
    assert "控制程序" not in doctor(site, lang="zh_CN.UTF-8").err
    assert "无法检查：设备、输入、看门狗" in doctor(site, lang="zh_CN.UTF-8").out.replace("\n", "").replace(" ", "")
