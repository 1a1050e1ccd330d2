"""What every daemon does alike: --check, readiness, the watchdog, an end within two seconds, arguments."""
import grp
import os
import pathlib
import re
import shutil
import socket
import subprocess

import pytest
import yaml

from harness.hq import Headquarters
from harness.pki import Root
from harness.process import SLOWNESS, run_program, wait_for
from harness.signing import World
from harness.stack import ROOT, Checkpoint, program, short_folder

EXAMPLES = ROOT / "systemd" / "config"
DAEMONS = {"checkpointd": "checkpointd.yaml", "checkpoint-matchd": "matchd.yaml",
           "checkpoint-uplinkd": "uplinkd.yaml", "checkpoint-camerad": "camerad.yaml",
           "checkpoint-consoled": "consoled.yaml", "hqd": "hqd.yaml", "hq-cad": "hq-cad.yaml"}


@pytest.fixture
def folder():
    with short_folder() as path:
        yield pathlib.Path(path)


def run(name, *argv):
    return run_program([program(name), *argv], text=True)


def check(name, config):
    return run(name, "--config", config, "--check")


# The example configurations

def copy(source, target, mode=0o600):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    target.chmod(mode)


def files_of_hq(folder, etc):
    hq = Headquarters(folder / "made")
    for source, target in ((hq.pki.server.pem, "hqd/server.pem"), (hq.pki.server.key_path, "hqd/server.key.pem"),
                           (hq.pki.boxes.pem, "hqd/box-root.pem"), (hq.pki.operators.pem, "hqd/console-root.pem"),
                           (hq.folder / "freshness.key.pem", "hqd/freshness.key.pem"),
                           (hq.folder / "receipt.key.pem", "hqd/receipt.key.pem"),
                           (hq.folder / "keyset.json", "hqd/keyset.json"),
                           (hq.pki.boxes.pem, "hq-cad/box-issuing.pem"),
                           (hq.pki.boxes.key_path, "hq-cad/box-issuing.key.pem"),
                           (hq.pki.servers.pem, "uplinkd/hq-root.pem"), (hq.pki.server.pem, "console/server.pem"),
                           (hq.pki.server.key_path, "console/server.key.pem"), (hq.pki.boxes.pem, "console/ca.pem")):
        copy(source, etc / target)
    hq.world.write_roots(etc / "roots")
    (etc / "hqd/broken.json").write_text("no key set\n")


def install_examples(folder):
    """/etc/checkpoint below a folder of ours, with every file the examples name. Returns that folder."""
    etc = folder / "etc"
    etc.mkdir()
    files_of_hq(folder, etc)
    copy(ROOT / "rules/default/default.yaml", etc / "rules.yaml")
    shutil.copytree(ROOT / "drivers/profiles", folder / "usr/profiles")
    (etc / "redis").mkdir()
    for name in ("matchd", "uplinkd"):
        (etc / f"redis/{name}.secret").write_text("secret\n")
    for camera in (11, 12):
        key = etc / f"cameras/{camera}.key"
        key.parent.mkdir(exist_ok=True)
        key.write_text(os.urandom(16).hex() + "\n")
        key.chmod(0o600)
    for example in EXAMPLES.glob("*.yaml"):
        # the defaults said aloud, so that they are checked too, and the machine's folders moved below ours
        header, _, options = example.read_text().partition("\n\n")
        shown = header + "\n\n" + re.sub(r"^# (\w+: +[^#\s])", r"\1", options, flags=re.M)
        shown = re.sub(r"^# (?=(handling|retention):)|^#(?=   \w+: +[^#\s])", "", shown, flags=re.M)
        for there in ("/etc/checkpoint", "/var/lib/checkpoint", "/run/checkpoint", "/usr/share/checkpoint"):
            shown = shown.replace(f"{there}/", f"{folder}/{there.split('/')[1]}/")
        (etc / example.name).write_text(shown)
    return etc


@pytest.mark.parametrize("name", DAEMONS)
def test_example_configuration_is_good(folder, name):
    config = install_examples(folder) / DAEMONS[name]
    result = check(name, config)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{name}: {config}: configuration is good\n"
    assert not (folder / "var").exists()  # --check makes nothing


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_an_example_says_something_as_it_is(example):
    """A file of comments alone is refused as empty."""
    assert yaml.safe_load(example.read_text())


@pytest.mark.parametrize("source, example", [("checkpointd/config.c", "checkpointd.yaml"), ("consoled/config.c", "consoled.yaml"),
                                             ("camerad.c", "camerad.yaml")])
def test_every_option_stands_in_the_example(source, example):
    text = (ROOT / "gateway/app" / source).read_text()
    rows = re.findall(r'\b(?:TOP|HANDLING|RETENTION)_ROW\(\w+,\s*"(\w+)"|\bROW\((\w+), CONFIG_|'
                      r'CONFIG_(?:ARRAY|OPTION)\(struct \w+, [\w.]+, (?:[\w.]+, )?"(\w+)"', text)
    options = {name for row in rows for name in row if name}
    shown = set(re.findall(r"^(?:# +)?(\w+):", (EXAMPLES / example).read_text(), re.M))
    assert len(options) >= 9 and options <= shown, options - shown


WRONG = [
    # daemon, what stands there, what is put there, the key it must name, words of the reason
    ("checkpointd", "baud: 38400", "baud: 9601", "buses[1].baud = '9601'", "a standard rate"),
    ("checkpointd", "host: 192.168.10.11", "host: barrier.local", "buses[0].host = 'barrier.local'",
     "numeric address"),
    ("checkpointd", "profile: generic", "profile: genric", "lanes[0].devices[0].profile = 'genric'", "unknown"),
    ("checkpointd", "exit_loop: 5,\n                 active_low: [obstacle], ", "exit_loop: 5,\n                 ",
     "lanes[1].devices[0].inputs.obstacle = '3'", "a safety input without polarity"),
    ("checkpointd", "active_high: [presence, local_control]", "active_high: [presence, obstacle, local_control]",
     "lanes[0].devices[0].inputs.active_high", "'obstacle' also stands in 'active_low'"),
    ("checkpointd", "presence: 2", "presence: 1", "lanes[0].devices[0]", "already taken"),
    ("checkpointd", "bus: lane-2", "bus: lane-3", "lanes[1].bus = 'lane-3'", "no such bus"),
    ("checkpointd", "rules.yaml", "missing.yaml", "rules = '{etc}/missing.yaml'", "No such file"),
    ("checkpointd", "{etc}/roots", "{etc}/no-roots", "roots = '{etc}/no-roots'", "no such folder"),
    ("checkpointd", "token_life: 12h", "token_lif: 12h", "token_lif", "token_life"),
    ("checkpoint-matchd", "cameras/12.key", "cameras/13.key", "cameras[1].key_file = '{etc}/cameras/13.key'",
     "No such file"),
    ("checkpoint-matchd", "matchd.secret", "other.secret", "redis_secret = '{etc}/redis/other.secret'",
     "No such file"),
    ("checkpoint-matchd", "{etc}/roots", "{etc}/redis", "roots = '{etc}/redis'", "0 root keys"),
    ("checkpoint-matchd", "port: 9840", "port: 98400", "ports[0].port = '98400'", "65535"),
    ("checkpoint-matchd", "id: 12", "id: 11", "cameras[1].id = '11'", "already given"),
    ("hqd", "0.0.0.0:8442", "localhost", "listen = 'localhost'", "address:port"),
    ("hqd", "hqd/keyset.json", "hqd/broken.json", "keyset = '{etc}/hqd/broken.json'", "envelope"),
    ("hqd", "receipt.key.pem", "missing.pem", "receipt_key = '{etc}/hqd/missing.pem'", "No such file"),
    ("checkpoint-uplinkd", "redis/uplinkd.secret", "redis/other.secret",
     "redis_secret = '{etc}/redis/other.secret'", "No such file"),
    ("checkpoint-uplinkd", "hq-root.pem", "missing.pem", "hq_root = '{etc}/uplinkd/missing.pem'", "No such file"),
    ("checkpoint-uplinkd", "retry_max: 30s", "retry_max: 30", "retry_max = '30'", ""),
    ("checkpoint-camerad", "picture_days: 30", "picture_days: 0", "picture_days = '0'", "1 to 3650"),
    ("checkpoint-consoled", "0.0.0.0:8444", "8444", "pair_listen = '8444'", "address:port"),
    ("checkpoint-consoled", "console/server.pem", "console/missing.pem", "certificate = '{etc}/console/missing.pem'",
     "No such file"),
    ("checkpoint-consoled", "console/ca.pem", "console/missing.pem", "tablets_ca = '{etc}/console/missing.pem'",
     "No such file"),
    ("checkpoint-consoled", "required  ", "optional  ", "tablet_certificates = 'optional'", "required, none"),
    ("hq-cad", "box-issuing.key.pem", "missing.pem", "key = '{etc}/hq-cad/missing.pem'", "No such file"),
]


@pytest.mark.parametrize("name, old, new, key, reason", WRONG,
                         ids=[f"{row[0]}-{row[2].rpartition('/')[2]}" for row in WRONG])
def test_check_names_file_line_key_value_reason(folder, name, old, new, key, reason):
    etc = install_examples(folder)
    config = etc / DAEMONS[name]
    old, new, key = (text.replace("{etc}", str(etc)) for text in (old, new, key))
    before, found, after = config.read_text().partition(old)
    assert found
    config.write_text(before + new + after)
    result = check(name, config)
    assert result.returncode == 78 and result.stdout == ""
    assert result.stderr.startswith(f"{name}: {config}:"), result.stderr
    assert f"{key}: " in result.stderr and reason in result.stderr, result.stderr
    number = int(result.stderr[len(f"{name}: {config}:"):].split(":")[0])
    line = before.count("\n") + 1
    # what has no single value is named by its first line
    assert number == line or (key.endswith("]") and number <= line), result.stderr


def test_a_daemon_refuses_to_start_with_a_wrong_configuration(folder):
    etc = install_examples(folder)
    for name, file in DAEMONS.items():
        config = etc / file
        config.write_text(config.read_text() + "surplus: 1\n")
        result = run(name, "--config", config)
        assert result.returncode == 78 and "surplus" in result.stderr, name


@pytest.mark.parametrize("name", DAEMONS)
def test_missing_configuration_and_wrong_arguments(folder, name):
    result = check(name, folder / "missing.yaml")
    assert result.returncode == 78 and "missing.yaml: No such file" in result.stderr
    for argv in (["--nonsense"], ["surplus"], ["--config"]):
        result = run(name, *argv)
        assert result.returncode == 2 and "--help" in result.stderr, argv
    result = run(name, "--help")
    assert result.returncode == 0 and "--check" in result.stdout and "EXIT STATUS" in result.stdout
    result = run(name, "--version")
    assert result.returncode == 0 and result.stdout.startswith(f"{name} ")


# Groups of the local sockets

def test_sockets_belong_to_the_groups_of_the_configuration(folder):
    others = [name for name in ("daemon", "mail", "games") if os.geteuid() == 0]
    mine = grp.getgrgid(os.getgid()).gr_name
    groups = dict(zip(("control", "events", "records"), others or [mine] * 3))
    box = Checkpoint(folder)
    World().write_roots(box.roots)
    box.add_tcp_lane(1)
    try:
        box.start_checkpointd(**{f"{name}_group": group for name, group in groups.items()})
        for name, group in groups.items():
            status = (box.run / name).stat()
            assert grp.getgrgid(status.st_gid).gr_name == group and status.st_mode & 0o777 == 0o660
        assert (box.run / "matches").stat().st_gid == os.getgid()  # the folder's
    finally:
        box.stop()


# Life

class Manager:
    """The service manager's end of sd_notify."""

    def __init__(self, folder):
        self.path = folder / "manager"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)
        self.seen = []

    def lines(self):
        while True:
            try:
                self.seen += self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.seen

    def wait(self, line):
        return wait_for(line, lambda: line in self.lines(), 15)


def uplinkd_config(folder):
    """Of a box that is not enrolled, without Redis and headquarters: what it must live through."""
    World().write_roots(folder / "roots")
    paths = {key: str(folder / name) for key, name in (
        ("hq_root", "hq.pem"), ("box_root", "box-root.pem"), ("certificate", "box.pem"),
        ("key", "box.key.pem"), ("runtime_dir", "run"), ("state_dir", "state"), ("roots", "roots"),
        ("redis_socket", "redis.sock"))}
    config = folder / "uplinkd.yaml"
    config.write_text(yaml.safe_dump({"checkpoint": "lu-hz-01", "fleet": "lu-hz", "redis_user": "",
                                      "hq": ["https://127.0.0.1:1"], **paths}))
    return config


def start(folder, name):
    """A daemon with real work to do. Returns (what to stop it with, its process, the manager)."""
    manager = Manager(folder)
    env = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "2000000"}
    os.environ.update(env)
    try:
        if name in ("hqd", "hq-cad"):
            hq = Headquarters(folder / "hq")
            argv = [program(name), "--config", hq.config if name == "hqd" else hq.cad_config]
            stop = lambda: None
        elif name == "checkpoint-camerad":
            (folder / "run").mkdir()
            config = folder / "camerad.yaml"
            config.write_text(f"runtime_dir: {folder}/run\nstate_dir: {folder}/state\n")
            argv, stop = [program(name), "--config", config], lambda: None
        elif name == "checkpoint-consoled":
            (folder / "run").mkdir()
            root = Root(folder, "console-ca")
            server = root.issue("server", "urn:checkpoint-console:console", server=True)
            config = folder / "consoled.yaml"
            config.write_text(f"hosts: [127.0.0.1]\nlisten: 127.0.0.1:0\npair_listen: 127.0.0.1:0\nruntime_dir: {folder}/run\n"
                              f"certificate: {server.pem}\nkey: {server.key_path}\ntablets_ca: {root.pem}\n")
            argv, stop = [program(name), "--config", config], lambda: None
        elif name == "checkpoint-uplinkd":
            argv, stop = [program(name), "--config", uplinkd_config(folder)], lambda: None
        else:
            box = Checkpoint(folder / "box")
            World().write_roots(box.roots)
            box.add_tcp_lane(1)
            box.add_camera(11, 1)
            (box.state / "checkpointd").mkdir(exist_ok=True)
            if name == "checkpointd":
                config = box.write_checkpointd()
            else:
                config = box.write_matchd(box.folder / "no-redis.sock")
            argv, stop = [program(name), "--config", config], box.stop
        log = open(folder / "log", "wb")
        process = subprocess.Popen([str(a) for a in argv], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
    finally:
        for key in env:
            os.environ.pop(key)
    return stop, process, manager


@pytest.mark.parametrize("name", DAEMONS)
def test_readiness_watchdog_and_end_within_two_seconds(folder, name):
    stop, process, manager = start(folder, name)
    try:
        manager.wait("READY=1")
        assert any(line.startswith("STATUS=") for line in manager.seen)
        wait_for("watchdog fed", lambda: manager.lines().count("WATCHDOG=1") >= 2, 10)
        assert "STOPPING=1" not in manager.seen
        process.terminate()
        status = process.wait(2 * SLOWNESS)
        assert status == 0, (folder / "log").read_text()
        assert "STOPPING=1" in manager.lines()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(5)
        stop()


@pytest.mark.parametrize("name", sorted(set(DAEMONS) - {"hq-cad", "checkpoint-consoled"}))  # these keep no state
def test_a_second_one_on_the_same_state_is_refused_and_the_first_goes_on(folder, name):
    stop, process, manager = start(folder, name)
    try:
        manager.wait("READY=1")
        options = yaml.safe_load(pathlib.Path(process.args[2]).read_text())
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()
        second = folder / "second.yaml"
        second.write_text(yaml.safe_dump({**options, "runtime_dir": str(elsewhere)}))
        result = run(name, "--config", second)
        assert result.returncode == 1
        assert result.stderr.endswith(f"{name}: {options['state_dir']}: another program works there, expected one of "
                                      "a kind: stop it, or give this one a 'state_dir' of its own\n")
        assert list(elsewhere.iterdir()) == [] and process.poll() is None
        process.kill()
        process.wait(5)
        again = subprocess.Popen([str(a) for a in process.args], stderr=subprocess.PIPE, text=True)
        first_line = again.stderr.readline()  # what was held ends with its holder, however that ended
        again.kill()
        again.communicate(timeout=5)
        assert "another program" not in first_line
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(5)
        stop()


@pytest.mark.parametrize("name", DAEMONS)
def test_a_configuration_that_is_no_file_is_refused_at_once(folder, name):
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, folder, "/dev/zero"):
        result = check(name, path)
        assert (result.returncode, result.stderr) == (78, f"{name}: {path}: not a regular file\n")
