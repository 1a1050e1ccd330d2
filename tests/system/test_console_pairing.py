"""A tablet is paired: certificates made on the box, fetched once by a code, good for this console and no other."""
import json
import os
import pathlib
import types

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from harness.https import Https
from harness.process import run_program, wait_for
from harness.signing import World
from harness.stack import Checkpoint, program, short_folder


@pytest.fixture(scope="module")
def box():
    with short_folder() as folder:
        made = Checkpoint(folder)
        World().write_roots(made.roots)
        made.add_tcp_lane(1)
        made.add_tcp_lane(2)
        try:
            made.start_checkpointd()
            made.leader()
            made.ca = made.etc / "console" / "ca.pem"
            assert ctl(made, "console", "init", "127.0.0.1", "console.local", "--config-dir", made.etc)[0] == 0
            made.consoled = made.start("checkpoint-consoled", made.write("consoled.yaml", {
                "listen": "127.0.0.1:0", "pair_listen": "127.0.0.1:0", "hosts": ["127.0.0.1", "console.local"],
                "certificate": str(made.etc / "console/server.pem"), "key": str(made.etc / "console/server.key.pem"),
                "tablets_ca": str(made.ca), "runtime_dir": str(made.run), "pair_dir": str(made.run / "pair")}))
            made.pairing = Https(made.port_of("consoled-pair"), made.ca)
            made.port = made.port_of("consoled")
            yield made
        finally:
            made.stop()


def ctl(box, *argv):
    """checkpointctl by root or by oneself: (exit status, what it printed as JSON)."""
    done = run_program([program("checkpointctl"), *map(str, argv), "--json", "--runtime-dir", box.run],
                       text=True, env={**os.environ, "XDG_RUNTIME_DIR": str(box.folder)})
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else {}


def fetch(box, code):
    return box.pairing.ask("POST", "/api/pair", {"code": code})


def install(box, bundle, password):
    """The bundle as a browser keeps it: a certificate and its key in files."""
    key, certificate, _ = pkcs12.load_key_and_certificates(bundle, password.encode())
    pem, key_path = box.folder / "tablet.pem", box.folder / "tablet.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    key_path.chmod(0o600)
    return types.SimpleNamespace(pem=pem, key_path=key_path, certificate=certificate)


def test_a_tablet_fetches_its_certificate_once_and_is_let_in_with_it(box):
    status, paired = ctl(box, "tablet", "pair", "booth-1", 1, 2, "--config-dir", box.etc)
    assert status == 0, paired
    spool = list((box.run / "pair").iterdir())
    assert len(spool) == 1 and paired["code"].replace("-", "") not in spool[0].name
    assert b"PRIVATE KEY" not in spool[0].read_bytes()
    status, headers, bundle = fetch(box, " " + paired["code"].lower().replace("-", " "))
    assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "application/x-pkcs12", "no-store")
    assert list((box.run / "pair").iterdir()) == []
    assert fetch(box, paired["code"])[0] == 404
    with pytest.raises(ValueError):
        pkcs12.load_key_and_certificates(bundle, b"0000-0000-0000-0000")
    tablet = install(box, bundle, paired["password"])
    names = tablet.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:checkpoint-tablet:booth-1"]
    browser = Https(box.port, box.ca, tablet)
    wait_for("the tablet is let in", lambda: browser.ask("GET", "/")[0] == 200, 30)
    assert browser.login("wang", "correct horse 1").json("GET", "/api/session")[1]["lanes"] == [1, 2]


def test_names_lanes_and_a_tablet_twice_are_refused(box):
    for argv in (("Booth",), ("a" * 40,), ("booth 2",), ("booth-3", "x"), ("booth-3", "0")):
        assert ctl(box, "tablet", "pair", *argv, "--config-dir", box.etc)[0] != 0, argv
    assert ctl(box, "tablet", "pair", "booth-1", "--config-dir", box.etc)[0] != 0
    assert list((box.run / "pair").iterdir()) == []


def test_the_pairing_end_gives_nothing_else(box):
    assert b"/js/pair.js" in box.pairing.ask("GET", "/pair")[2] and box.pairing.ask("GET", "/js/pair.js")[0] == 200
    assert box.pairing.ask("GET", "/")[2] == box.pairing.ask("GET", "/pair")[2]
    for path in ("/api/session", "/api/board", "/api/stream", "/api/hits/1/pictures"):
        assert box.pairing.ask("GET", path)[0] == 404
    for path in ("/api/login", "/api/act", "/api/emergency_raise"):
        assert box.pairing.ask("POST", path, {})[0] == 404


def test_a_new_server_certificate_leaves_the_ca_and_what_is_old_is_deleted(box):
    ca = box.ca.read_bytes()
    old = (box.etc / "console/server.pem").read_bytes()
    assert ctl(box, "console", "init", "127.0.0.1", "--config-dir", box.etc)[0] == 0
    assert box.ca.read_bytes() == ca and (box.etc / "console/server.pem").read_bytes() != old
    for name in ("ca.key.pem", "server.key.pem"):
        assert (box.etc / "console" / name).stat().st_mode & 0o777 == 0o600
    status, paired = ctl(box, "tablet", "pair", "booth-9", "--config-dir", box.etc)
    assert status == 0
    spool = next((box.run / "pair").iterdir())
    os.utime(spool, (spool.stat().st_mtime - 16 * 60,) * 2)
    assert fetch(box, paired["code"])[0] == 404
    assert ctl(box, "tablet", "pair", "booth-10", "--config-dir", box.etc)[0] == 0
    assert not spool.exists()


def test_guessing_codes_ends_soon_for_everybody(box):
    codes = [fetch(box, f"0000-0000-{i:02}")[0] for i in range(12)]
    assert codes[0] == 404 and codes[-1] == 429
    status, paired = ctl(box, "tablet", "pair", "booth-4", "--config-dir", box.etc)
    assert status == 0 and fetch(box, paired["code"])[0] == 429
    assert "CONSOLE_PAIR_REFUSED" in pathlib.Path(box.consoled.log_path).read_text()
