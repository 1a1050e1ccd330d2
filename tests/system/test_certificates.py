"""The certificate matrix in both directions, revocation on connections that are open, and no CA of the system's.

Certificates are made with openssl, and openssl is the client and the server of the other side.
"""
import contextlib
import os
import subprocess
import time

import pytest
from harness import postgres
from harness.hq import Headquarters, SqliteFile
from harness.prometheus import Exposition
from harness.process import SLOWNESS, run_program, wait_for
from harness.records import Journal
from harness.stack import program
from test_hqd import records_path

BOX, OTHER = "lu-hz-01", "lu-hz-02"
HQ_URN, BOX_URN = "urn:checkpoint-hq:testfleet", f"urn:checkpoint:{BOX}"
GOOD_BOX = f"subjectAltName=URI:{BOX_URN}\nextendedKeyUsage=clientAuth\n"
GOOD_HQ = f"subjectAltName=URI:{HQ_URN},IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"


def openssl(*argv, **options):
    return subprocess.run(["openssl", *map(str, argv)], capture_output=True, timeout=60 * SLOWNESS, check=False, **options)


class Made:
    """A certificate and its key by openssl: `root` signs (None: itself), valid from and until days from now."""

    def __init__(self, folder, stem, root, extensions, days=(-1, 20), key=("EC", "ec_paramgen_curve:P-256")):
        self.pem, self.key_path = folder / f"{stem}.pem", folder / f"{stem}.key"
        request, config = folder / f"{stem}.csr", folder / f"{stem}.cnf"
        self._run("genpkey", "-algorithm", key[0], "-pkeyopt", key[1], "-out", self.key_path)
        self.key_path.chmod(0o600)
        self._run("req", "-new", "-key", self.key_path, "-subj", f"/CN={stem}", "-out", request)
        config.write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={config}.db\nnew_certs_dir={folder}\nrand_serial=yes\n"
                          "default_md=sha256\npolicy=p\nunique_subject=no\nx509_extensions=e\n[p]\ncommonName=supplied\n"
                          f"[e]\nbasicConstraints=critical,CA:FALSE\n{extensions}")
        (folder / f"{stem}.cnf.db").touch()
        signer = ["-selfsign", "-keyfile", self.key_path] if root is None else ["-cert", root.pem, "-keyfile", root.key_path]
        begin, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + d * 86400)) for d in days)
        self._run("ca", "-batch", "-notext", "-config", config, "-in", request, "-out", self.pem, "-startdate", begin,
                  "-enddate", end, *signer)

    @staticmethod
    def _run(*argv):
        done = openssl(*argv)
        assert done.returncode == 0, done.stderr.decode()


class Strangers:
    """A root nobody trusts, of the same name as one that is trusted."""

    def __init__(self, folder, name):
        self.pem, self.key_path = folder / "stranger.pem", folder / "stranger.key"
        done = openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                       self.key_path, "-out", self.pem, "-days", "30", "-subj", f"/CN={name}")
        assert done.returncode == 0, done.stderr


# What a client shows hqd

@pytest.fixture(scope="module")
def hq(tmp_path_factory):
    headquarters = Headquarters(tmp_path_factory.mktemp("hq"), store=SqliteFile("state/hqd.sqlite")).start()
    headquarters.store.path = headquarters.folder / "state" / "hqd.sqlite"
    headquarters.box(BOX)
    headquarters.box(OTHER)
    yield headquarters
    headquarters.stop()


def ask(hq, pair, *options, path="/v1/list/head"):
    """What openssl's client got: the status line, or b""."""
    own = ["-cert", pair.pem, "-key", pair.key_path] if pair else []
    done = openssl("s_client", "-connect", f"127.0.0.1:{hq.port}", "-CAfile", hq.pki.servers.pem, "-cipher",
                   "DEFAULT@SECLEVEL=0", "-quiet", "-ign_eof", *own, *options,
                   input=f"GET {path} HTTP/1.1\r\nHost: hq\r\nConnection: close\r\n\r\n".encode())
    return next((line for line in done.stdout.splitlines() if line.startswith(b"HTTP/1.1")), b"")


CLIENTS = {  # what is wrong: (how it is made from folder and pki, the reason in hqd's log)
    "none": (lambda f, p: None, "certificate required"),
    "expired": (lambda f, p: Made(f, "c", p.boxes, GOOD_BOX, days=(-9, -1)), f"certificate has expired (depth 0, {BOX_URN})"),
    "not yet valid": (lambda f, p: Made(f, "c", p.boxes, GOOD_BOX, days=(1, 9)), "certificate is not yet valid"),
    "wrong root": (lambda f, p: Made(f, "c", Strangers(f, "boxes-ca"), GOOD_BOX), "(depth 0, urn:checkpoint:lu-hz-01)"),
    "self-signed": (lambda f, p: Made(f, "c", None, GOOD_BOX), "self-signed certificate"),
    "SAN of no kind of ours": (lambda f, p: Made(f, "c", p.boxes, "subjectAltName=DNS:lu-hz-01\nextendedKeyUsage=clientAuth\n"),
                               "no identity of ours"),
    "two SANs": (lambda f, p: Made(f, "c", p.boxes, f"subjectAltName=URI:{BOX_URN},URI:urn:checkpoint:{OTHER}\n"
                                                    "extendedKeyUsage=clientAuth\n"), "no identity of ours"),
    "SAN of a box unknown": (lambda f, p: Made(f, "c", p.boxes, GOOD_BOX.replace(BOX, "lu-hz-77")),
                             "certificate: its holder is not known here (urn:checkpoint:lu-hz-77)"),
    "a person's, by the boxes' root": (lambda f, p: Made(f, "c", p.boxes, GOOD_BOX.replace(
        BOX_URN, "urn:checkpoint-operator:testfleet:zhang")), "its root may not vouch for this kind of peer"),
    "a box's, by the console root": (lambda f, p: Made(f, "c", p.operators, GOOD_BOX),
                                     "its root may not vouch for this kind of peer"),
    "the server's own": (lambda f, p: p.server, "(depth 1, urn:checkpoint-hq:testfleet)"),
    "weak key": (lambda f, p: Made(f, "c", p.boxes, GOOD_BOX, key=("RSA", "rsa_keygen_bits:1024")), "EE certificate key too weak"),
    "wrong EKU": (lambda f, p: Made(f, "c", p.boxes, GOOD_BOX.replace("clientAuth", "serverAuth")),
                  "unsuitable certificate purpose"),
}


def refused_saying(hq, why, *arguments, **options):
    """hqd refuses and logs the reason; asked again while its limit of lines is reached."""
    def check():
        status = ask(hq, *arguments, **options)
        assert b"403" in status or status == b"", status
        return any("HQ_PEER_REFUSED" in line and why in line for line in hq.hqd.log_path.read_text().splitlines())
    wait_for(f"'{why}' in hqd's log", check, 20)


@pytest.mark.parametrize("name", CLIENTS)
def test_hqd_refuses_and_says_why(hq, tmp_path, name):
    make, why = CLIENTS[name]
    refused_saying(hq, why, make(tmp_path, hq.pki))


def test_hqd_refuses_tls_1_2_and_says_why(hq):
    refused_saying(hq, 'reason="protocol version"', hq.pki.box(BOX, "old-tls"), "-tls1_2")


def test_another_boxes_and_a_persons_certificate_open_no_path_of_a_box(hq):
    good = hq.pki.box(BOX, "good")
    assert b"200" in ask(hq, good)
    refused_saying(hq, f"another checkpoint's path ({BOX_URN})", good, path=f"/v1/checkpoints/{OTHER}/inbox")
    assert b"403" in ask(hq, hq.pki.operator("zhang"), path=f"/v1/checkpoints/{BOX}/inbox")


# What a server shows a box

@contextlib.contextmanager
def server(pair, *options):
    """openssl's server; yields its port."""
    argv = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cipher", "DEFAULT@SECLEVEL=0", "-cert", pair.pem,
            "-key", pair.key_path, *options]
    with subprocess.Popen([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            for line in process.stdout:
                if line.startswith("ACCEPT"):
                    break
            yield int(line.rsplit(":", 1)[1])
        finally:
            process.kill()


def enrol_at(hq, folder, port, argv=(), **env):
    """The box's client asks that server for a certificate; its exit status and what it says."""
    config = folder / "uplinkd.yaml"
    config.write_text("\n".join([
        f"checkpoint: {BOX}", "fleet: testfleet", f"hq: ['https://127.0.0.1:{port}']",
        f"est_url: https://127.0.0.1:{port}/.well-known/est", f"hq_root: {hq.pki.servers.pem}",
        f"box_root: {folder}/box-root.pem", f"certificate: {folder}/box.pem", f"key: {folder}/box.key.pem", ""]))
    done = run_program([*argv, program("checkpoint-uplinkd"), "--enroll", "--config", config, "--token-fd", "0"],
                       input="token\n", text=True, env={**os.environ, **env})
    assert done.returncode == 1 and not (folder / "box.pem").exists()
    return done.stderr


SERVERS = {
    "expired": (lambda f, p: Made(f, "s", p.servers, GOOD_HQ, days=(-9, -1)), (), "certificate has expired"),
    "not yet valid": (lambda f, p: Made(f, "s", p.servers, GOOD_HQ, days=(1, 9)), (), "certificate is not yet valid"),
    "wrong root": (lambda f, p: Made(f, "s", Strangers(f, "servers-ca"), GOOD_HQ), (), "(depth 0, urn:checkpoint-hq:testfleet)"),
    "self-signed": (lambda f, p: Made(f, "s", None, GOOD_HQ), (), "self-signed certificate"),
    "SAN of no kind of ours": (lambda f, p: Made(f, "s", p.servers, GOOD_HQ.replace(f"URI:{HQ_URN},", "DNS:localhost,")), (),
                               "no identity of ours"),
    "another fleet's": (lambda f, p: Made(f, "s", p.servers, GOOD_HQ.replace("testfleet", "other")), (), "not the HQ of our fleet"),
    "a box's, by the servers' root": (lambda f, p: Made(f, "s", p.servers, GOOD_HQ.replace(HQ_URN, BOX_URN)), (),
                                      "not the HQ of our fleet"),
    "a box's": (lambda f, p: p.box(OTHER, "as-server"), (), f"(depth 0, urn:checkpoint:{OTHER})"),
    "a person's": (lambda f, p: p.operator("zhang"), (), "(depth 0, urn:checkpoint-operator:testfleet:zhang)"),
    "weak key": (lambda f, p: Made(f, "s", p.servers, GOOD_HQ, key=("RSA", "rsa_keygen_bits:1024")), (), "EE certificate key too weak"),
    "wrong EKU": (lambda f, p: Made(f, "s", p.servers, GOOD_HQ.replace("serverAuth", "clientAuth")), (),
                  "unsuitable certificate purpose"),
    "TLS 1.2": (lambda f, p: p.server, ("-tls1_2",), "protocol version"),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_box_refuses_and_says_why(hq, tmp_path, name):
    make, options, why = SERVERS[name]
    with server(make(tmp_path, hq.pki), *options) as port:
        told = enrol_at(hq, tmp_path, port)
    assert why in told, told


def test_the_same_server_with_a_good_certificate_is_talked_to(hq, tmp_path):
    with server(Made(tmp_path, "s", hq.pki.servers, GOOD_HQ)) as port:
        told = enrol_at(hq, tmp_path, port)
    assert "refuse" not in told and "cannot connect" not in told, told


@pytest.mark.skipif(os.geteuid() != 0, reason="another /etc/ssl/certs needs root")
def test_a_ca_in_the_systems_store_vouches_for_nobody(hq, tmp_path):
    root = Strangers(tmp_path, "system-ca")
    store = tmp_path / "store"
    store.mkdir()
    name = openssl("x509", "-in", root.pem, "-noout", "-subject_hash").stdout.decode().strip()
    for file in (f"{name}.0", "ca-certificates.crt"):
        (store / file).write_bytes(root.pem.read_bytes())
    as_system = ["unshare", "-m", "sh", "-c", f"mount --bind {store} /etc/ssl/certs && exec \"$@\"", "sh"]
    with server(Made(tmp_path, "s", root, GOOD_HQ)) as port:
        probe = subprocess.run([*as_system, "curl", "-s", "-o", "/dev/null", f"https://127.0.0.1:{port}/"], check=False)
        assert probe.returncode == 0, "the system's store is not in place"
        told = enrol_at(hq, tmp_path, port, as_system, SSL_CERT_FILE=str(root.pem), SSL_CERT_DIR=str(store),
                        CURL_CA_BUNDLE=str(root.pem))
    assert "we refuse the server's certificate" in told, told


# Revocation

def revoke(hq, checkpoint):
    answer = hq.operator().post("/v1/operator/revoke", {"checkpoint": checkpoint, "reason": "stolen"})
    assert answer.status == 200, answer.body


def test_a_revoked_box_with_a_saved_session_is_refused(hq, tmp_path):
    hq.box("lu-hz-05")
    pair, session = hq.pki.box("lu-hz-05", "saved"), tmp_path / "session"
    assert b"200" in ask(hq, pair, "-sess_out", session)
    again = ["-sess_in", session] if session.exists() else []
    revoke(hq, "lu-hz-05")
    refused_saying(hq, "certificate: revoked (urn:checkpoint:lu-hz-05)", pair, *again)
    assert not again, "headquarters gave a session to resume"


@pytest.fixture(params=["sqlite", "postgres"])
def held_and_acting(request, tmp_path):
    """(the hqd that holds the connections, the one a person revokes at): two over PostgreSQL, one over SQLite."""
    if request.param == "sqlite":
        one = Headquarters(tmp_path, store=SqliteFile(tmp_path / "state" / "hqd.sqlite")).start()
        yield one, one
        one.stop()
        return
    one = Headquarters(tmp_path, store=postgres.Database()).start()
    other = one.sibling("other")
    other.hqd.start()
    yield other, one
    other.hqd.stop()
    one.stop()


def test_revocation_reaches_open_connections_within_two_seconds(held_and_acting, capsys):
    holding, acting = held_and_acting
    names = [f"lu-hz-{n:02}" for n in range(1, 6)]
    waiting, idle, sending, journals, seconds = {}, {}, {}, {}, []
    watcher = holding.operator("li")
    for name in names:
        acting.box(name)
        box = holding.peer(holding.pki.box(name, f"held-{name}"))
        idle[name], waiting[name], sending[name] = box.connect(), box.connect(), box.connect()
        assert box.get("/v1/list/head", connection=idle[name]).status == 200
        waiting[name].request("GET", f"/v1/checkpoints/{name}/inbox?wait=60")
        journals[name] = Journal(name).line("start")
        sending[name].putrequest("POST", records_path(name))
        sending[name].putheader("Content-Length", str(len(journals[name])))
        sending[name].endheaders(journals[name][:40])

    def parked():
        page = Exposition(watcher.get("/v1/operator/metrics").body.decode())
        return page.samples["hqd_open_requests", ()] == len(names) + 1  # and this one
    wait_for("the long polls", parked)
    for name in names:
        begin = time.monotonic()
        revoke(acting, name)
        answer = waiting[name].getresponse()
        seconds.append(time.monotonic() - begin)
        assert (answer.status, answer.getheader("Connection")) == (403, "close"), name
        idle[name].request("GET", "/v1/list/head")
        assert idle[name].getresponse().status == 403
        sending[name].send(journals[name][40:])
        assert sending[name].getresponse().status == 403
    with capsys.disabled():
        print(f" [revocation to the end of a long poll held: median {sorted(seconds)[2] * 1000:.0f} ms,"
              f" worst {max(seconds) * 1000:.0f} ms] ", end="")
    assert sorted(seconds)[2] <= 2 * SLOWNESS
    assert holding.store.rows("SELECT count(*) FROM records") == [(0,)]
    for connection in (*waiting.values(), *idle.values(), *sending.values()):
        connection.close()
