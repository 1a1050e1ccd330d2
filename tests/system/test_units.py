"""systemd's own tools accept every unit, user and folder shipped, and refuse a broken one."""
import os
import pathlib
import re
import subprocess

import pytest

from harness.stack import ROOT, program

SYSTEMD = ROOT / "systemd"
PROGRAMS = set(re.findall(r"checkpoint_program\((\S+)", (ROOT / "gateway/app/CMakeLists.txt").read_text()))
UNITS = [unit for unit in sorted(SYSTEMD.glob("*.service")) if unit.stem in PROGRAMS | {"checkpoint-redis"}]
OURS = re.compile(r"/usr/bin/(checkpoint[a-z-]*|hqd|hq-cad|hq-retaind)(?= )")
# Exposure of 'systemd-analyze security' (0 none, 10 all). Above 1.0 stands what a program's task needs:
# networks, real-time threads, serial lines, packet sockets.
EXPOSURE_MAX = {"checkpoint-redis": 1.0, "hq-cad": 1.0, "hq-retaind": 1.0, "hqd": 1.7, "checkpoint-camerad": 1.0, "checkpoint-consoled": 1.6, "checkpoint-uplinkd": 2.0,
                "checkpointd": 2.3, "checkpoint-matchd": 2.2}


def run(*argv, **options):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60, check=False,
                          **options)


def install(folder, edit=lambda name, text: text):
    """The units as installed, except that their programs are those of this build."""
    for unit in UNITS:
        text = OURS.sub(lambda match: str(program(match.group(1))), unit.read_text())
        (folder / unit.name).write_text(edit(unit.name, text))
    drop_in = folder / "checkpoint-matchd.service.d"
    drop_in.mkdir(exist_ok=True)
    (drop_in / "dpdk.conf").write_text((SYSTEMD / "examples" / "matchd-dpdk.conf").read_text())
    return folder


def verify(folder, *names):
    """systemd-analyze's exit status and what it said; our units shadow those of the machine."""
    result = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=yes",
                 *(folder / name for name in names or [unit.name for unit in UNITS]),
                 env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"})
    return result.returncode, result.stdout + result.stderr


# hq-retaind works on hqd's database, a file with one owner.
USER_OF = {"hq-retaind": "hqd"}


def test_every_daemon_has_a_unit():
    daemons = {name for name in PROGRAMS if name.endswith("d")}
    assert {"checkpointd", "checkpoint-matchd", "hqd", "hq-cad"} <= daemons
    assert daemons | {"checkpoint-redis"} == {unit.stem for unit in UNITS}
    assert daemons | {"checkpoint-redis"} <= set(EXPOSURE_MAX)


def test_units_pass_verify(tmp_path):
    status, said = verify(install(tmp_path))
    assert status == 0 and said == "", said


@pytest.mark.parametrize("what, old, new", [
    ("a wrong value", "WatchdogSec=10", "WatchdogSec=soon"),
    ("an unknown setting", "NoNewPrivileges=yes", "NoMorePrivileges=yes"),
    ("a program that is not there", "/hqd --config", "/hqd-missing --config"),
    ("an unknown system call group", "@system-service", "@no-such-group"),
])
def test_a_broken_unit_is_refused(tmp_path, what, old, new):
    install(tmp_path, lambda name, text: text.replace(old, new) if name == "hqd.service" else text)
    assert new in (tmp_path / "hqd.service").read_text()
    status, said = verify(tmp_path, "hqd.service")
    assert status != 0 and "hqd.service" in said, what


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_sandbox_is_closed(unit):
    threshold = round(EXPOSURE_MAX[unit.stem] * 10)
    result = run("systemd-analyze", "security", "--offline=yes", f"--threshold={threshold}", unit)
    assert result.returncode == 0, result.stdout.splitlines()[-1] + result.stderr
    nothing = run("systemd-analyze", "security", "--offline=yes", "--threshold=0", unit)
    assert nothing.returncode != 0  # the threshold is looked at


def settings_of(unit):
    found = {}
    for line in unit.read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(key, []).extend(value.split())
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_manners_of_a_unit(unit):
    settings = settings_of(unit)
    assert settings["Type"] == ["notify"] and settings["NoNewPrivileges"] == ["yes"]
    assert settings["ProtectSystem"] == ["strict"] and settings["User"] == [USER_OF.get(unit.stem, unit.stem)]
    assert settings["CapabilityBoundingSet"] == (["CAP_NET_RAW"] if unit.stem == "checkpoint-matchd" else [])
    assert {"RestrictAddressFamilies", "SystemCallFilter"} <= settings.keys()
    if unit.stem == "checkpoint-redis":  # knows no watchdog
        return
    assert settings["WatchdogSec"] == ["10"] and int(settings["TimeoutStopSec"][0]) >= 2
    assert settings["Restart"] == ["on-failure"] and settings["RestartPreventExitStatus"] == ["2", "78"]


def test_users_groups_and_folders(tmp_path):
    etc = tmp_path / "etc"
    (tmp_path / "usr/lib/sysusers.d").mkdir(parents=True)
    etc.mkdir()
    # dialout is the machine's own group
    (etc / "group").write_text("root:x:0:\ndialout:x:20:\n")
    result = run("systemd-sysusers", f"--root={tmp_path}", SYSTEMD / "checkpoint.sysusers")
    assert result.returncode == 0, result.stderr
    users = {line.split(":")[0] for line in (etc / "passwd").read_text().splitlines()}
    groups = {line.split(":")[0] for line in (etc / "group").read_text().splitlines()}
    for unit in UNITS:
        settings = settings_of(unit)
        assert set(settings["User"]) <= users, unit.name
        assert set(settings["Group"] + settings.get("SupplementaryGroups", [])) <= groups, unit.name
    result = run("systemd-tmpfiles", f"--root={tmp_path}", "--create", SYSTEMD / "checkpoint.tmpfiles")
    assert result.returncode == 0, result.stderr
    run_folder = (tmp_path / "run/checkpoint").stat()
    assert run_folder.st_mode & 0o7777 == 0o3775
    ids = {line.split(":")[0]: int(line.split(":")[2]) for line in (etc / "group").read_text().splitlines()}
    assert run_folder.st_gid == ids["checkpoint"]


def test_defaults_of_the_programs_name_users_and_groups_that_are_made():
    made = set(re.findall(r"^[ug] (\S+)", (SYSTEMD / "checkpoint.sysusers").read_text(), re.M))
    sources = [path.read_text() for path in (ROOT / "gateway/app").rglob("*.c")]
    named = {name for text in sources for name in re.findall(
        r'"\w+_(?:user|group)",\s*CONFIG_STRING,(?:\s*\.min = 1,)?\s*\.fallback = "([^"]+)"', text)}
    assert len(named) >= 7 and named <= made, named - made


def test_redis_users_are_those_of_the_programs():
    users = set(re.findall(r"^user (\S+) on", (SYSTEMD / "config/redis-users.acl.in").read_text(), re.M))
    text = (ROOT / "gateway/app/matchd/config.c").read_text()
    assert re.search(r'"redis_user", CONFIG_STRING, \.fallback = "([^"]+)"', text).group(1) in users
