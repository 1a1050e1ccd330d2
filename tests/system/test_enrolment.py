"""checkpoint-uplinkd --enroll against a real hqd and hq-cad: the first certificate, refusals, an interrupted installation."""
import hashlib
import os
import signal
import shutil
import subprocess

import pytest

from cryptography.hazmat.primitives import serialization
from harness.ctl import Terminal
from harness.hq import acts
from harness.pki import Root
from harness.process import SLOWNESS, run_program
from harness.stack import program, wait_until
from harness.uplink_site import BOX, a_site
from test_hqd import enroll, request_for


@pytest.fixture
def site():
    yield from a_site()


class Enrolment:
    def __init__(self, site):
        self.site = site
        self.pem = site.box.etc / "box.pem"
        self.key = site.box.etc / "box.key.pem"
        self.root = site.box.etc / "box-root.pem"

    def token(self, checkpoint=BOX):
        answer = self.site.hq.operator().post("/v1/operator/enroll",
                                              {"checkpoint": checkpoint, "name": "x"})
        assert answer.status == 201, answer.body
        return answer.json["token"]

    def config(self, **more):
        return self.site.box.write_uplinkd(self.site.hq, self.site.redis.socket, **{
            "certificate": str(self.pem), "key": str(self.key), "box_root": str(self.root),
            "est_url": f"https://127.0.0.1:{self.site.hq.est_port}/.well-known/est", **more})

    def run(self, token, **more):
        return run_program([program("checkpoint-uplinkd"), "--enroll", "--config",
                            self.config(**more), "--token-fd", "0"], input=token + "\n",
                           text=True, timeout_s=60)

    def at_terminal(self):
        terminal = Terminal([program("checkpoint-uplinkd"), "--enroll", "--config", self.config()],
                            os.environ)
        terminal.wait(f"One-time token of {BOX}: ")
        return terminal

    def nothing_installed(self):
        return not self.pem.exists() and not self.key.exists()


@pytest.fixture
def enrolment(site):
    return Enrolment(site)


def test_enrolled_box_links_up(site, enrolment):
    token = enrolment.token()
    done = enrolment.run(token)
    assert done.returncode == 0, done.stderr
    assert f"enrolled {BOX}, certificate until " in done.stdout
    assert token not in done.stdout + done.stderr
    assert enrolment.key.stat().st_mode & 0o777 == 0o600
    assert not list(site.box.etc.glob("*.new*"))
    assert enrolment.root.read_bytes().strip() == site.hq.pki.boxes.pem.read_bytes().strip()
    site.checkpointd()
    site.link = site.box.start("checkpoint-uplinkd", site.box.etc / "uplinkd.yaml")
    site.acts(1)
    site.sync()
    again = enrolment.run(token)
    assert again.returncode == 1 and "the token was refused" in again.stderr
    assert enrolment.run(enrolment.token()).returncode == 0
    site.acts(1)
    site.sync()  # the running link took the new certificate up


class Asking:
    """--enroll as it runs, its fingerprint shown, the token given when the test says so."""

    def __init__(self, enrolment):
        config = enrolment.config()
        self.process = subprocess.Popen([program("checkpoint-uplinkd"), "--enroll", "--config", config, "--token-fd", "0"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.fingerprint = self.process.stdout.readline().split()[-1]

    def finish(self, token):
        said = self.process.communicate(token + "\n", timeout=60 * SLOWNESS)[0]
        return self.process.returncode, said


@pytest.fixture
def approving(site, enrolment):
    site.hq.approval = True
    site.hq.write_config()
    site.restart_hq()
    return enrolment


def test_headquarters_holds_the_request_until_the_fingerprint_shown_is_approved(site, approving):
    token, zhang = approving.token(), site.hq.operator()
    first = Asking(approving)
    first.process.kill()  # interrupted: the same key asks the next time
    first.process.communicate()
    asking = Asking(approving)
    assert asking.fingerprint == first.fingerprint
    asking.process.stdin.write(token + "\n")
    asking.process.stdin.close()
    wait_until("the request held", lambda: zhang.get("/v1/operator/enrolments").json["enrolments"][0]["fingerprint"])
    row = zhang.get("/v1/operator/enrolments").json["enrolments"][0]
    assert (row["checkpoint"], row["fingerprint"], row["approved"], row["by"]) == (BOX, asking.fingerprint, None, "zhang")
    assert "until somebody there approves this fingerprint" in asking.process.stdout.readline()
    assert approving.nothing_installed()
    answer = zhang.post("/v1/operator/enrolments/approve", {"checkpoint": BOX, "fingerprint": asking.fingerprint})
    assert answer.status == 200, answer.body
    assert asking.process.wait(60 * SLOWNESS) == 0 and approving.key.stat().st_mode & 0o777 == 0o600
    asking.process.stdout.close()
    assert not list(site.box.etc.glob("*.request")) and zhang.get("/v1/operator/enrolments").json["enrolments"] == []
    assert asking.fingerprint == fingerprint_of(serialization.load_pem_private_key(approving.key.read_bytes(), None))


def test_a_fingerprint_approved_beforehand_is_not_waited_for(site, approving):
    asking = Asking(approving)
    answer = site.hq.operator().post("/v1/operator/enroll", {"checkpoint": BOX, "name": "x", "fingerprint": asking.fingerprint})
    status, said = asking.finish(answer.json["token"])
    assert status == 0 and "until somebody" not in said


def fingerprint_of(key):
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def test_who_only_holds_the_token_gets_nothing(approving, site):
    hq, zhang = site.hq, site.hq.operator()
    token = approving.token()
    key, request = request_for(f"urn:checkpoint:{BOX}")
    other, thief = request_for(f"urn:checkpoint:{BOX}")
    for path, body in (("approve", {"checkpoint": BOX, "fingerprint": "sha256:12"}), ("approve", {"checkpoint": BOX}),
                       ("revoke", {"checkpoint": BOX})):
        assert zhang.post(f"/v1/operator/enrolments/{path}", body).status == 400, body
    for asked in (request, thief):
        held = enroll(hq, BOX, token, asked)
        assert (held.status, held.headers["Retry-After"]) == (202, "5") and b"BEGIN" not in held.body
    approve = {"checkpoint": BOX, "fingerprint": fingerprint_of(key)}
    assert zhang.get("/v1/operator/enrolments").json["enrolments"][0]["fingerprint"] == fingerprint_of(other)
    assert zhang.post("/v1/operator/enrolments/approve", approve).status == 200
    assert enroll(hq, BOX, token, thief).status == 202
    assert enroll(hq, BOX, token, request).status == 200
    assert enroll(hq, BOX, token, request).status == 401
    assert zhang.post("/v1/operator/enrolments/approve", approve).status == 404
    assert (BOX + " " + fingerprint_of(key), 200) in [
        (body.get("about"), body["answer"]) for body in acts(hq.folder / "state", "enrolment.approve")]


def test_a_token_is_taken_back_and_lasts_72_hours_at_most(approving, site):
    zhang, token = site.hq.operator(), approving.token()
    assert zhang.post("/v1/operator/enrolments/revoke", {"checkpoint": BOX, "reason": "遗失"}).status == 200
    assert enroll(site.hq, BOX, token, request_for()[1]).status == 401
    assert zhang.post("/v1/operator/enrolments/revoke", {"checkpoint": BOX, "reason": "x"}).status == 404
    for minutes, status in ((72 * 60, 201), (72 * 60 + 1, 400)):
        body = {"checkpoint": BOX, "name": "x", "valid_minutes": minutes}
        assert zhang.post("/v1/operator/enroll", body).status == status, minutes


def test_a_place_that_cannot_be_written_is_told_before_the_token_is_used(site, enrolment):
    token = enrolment.token()
    missing = site.box.etc / "not-there"
    refused = enrolment.run(token, key=str(missing / "box.key.pem"))
    assert refused.returncode == 1
    assert f"not enrolled: {missing}" in refused.stderr and "No such file or directory" in refused.stderr
    refused = enrolment.run(token, certificate=str(missing / "box.pem"))
    assert refused.stderr.endswith(f"not enrolled: {missing}/box.pem: cannot be installed: {missing}: No such file or "
                                   "directory, expected a folder of this user\n")
    assert enrolment.run(token).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_enrolled_by_root_the_certificate_is_the_daemons(site, enrolment):
    nobody = 65534
    place = site.box.etc / "uplinkd"
    place.mkdir()
    shutil.copy(site.hq.pki.servers.pem, place / "hq-root.pem")
    os.chown(place, nobody, nobody)
    for folder in (site.box.folder, site.box.etc):
        folder.chmod(0o711)
    done = enrolment.run(enrolment.token(), hq_root=str(place / "hq-root.pem"), key=str(place / "box.key.pem"),
                         certificate=str(place / "box.pem"), box_root=str(place / "box-root.pem"))
    assert done.returncode == 0, done.stderr
    for name in ("box.key.pem", "box.pem", "box-root.pem"):
        assert (place / name).stat().st_uid == nobody


def test_enrolment_refusals_install_nothing(site, enrolment):
    pki = site.hq.pki
    wrong = enrolment.run("not-the-token")
    assert wrong.returncode == 1 and "the token was refused: wrong, used, expired" in wrong.stderr
    assert enrolment.run("").returncode == 1
    other = enrolment.run(enrolment.token("lu-hz-02"))
    assert other.returncode == 1 and "the token was refused" in other.stderr
    foreign = Root(pki.folder, "foreign-ca", "servers-ca")
    done = enrolment.run(enrolment.token(), hq_root=str(foreign.pem))
    assert done.returncode == 1 and "we refuse the server's certificate" in done.stderr
    done = enrolment.run(enrolment.token(), fleet="other")
    assert done.returncode == 1 and "not the HQ of our fleet" in done.stderr
    enrolment.root.write_bytes(foreign.pem.read_bytes())
    done = enrolment.run(enrolment.token())
    assert done.returncode == 1 and "does not chain to the box root" in done.stderr
    site.hq.hqd.stop()
    done = enrolment.run("x")
    assert done.returncode == 1 and "cannot connect" in done.stderr
    assert enrolment.nothing_installed()


def test_the_terminal_is_asked_without_echo(enrolment):
    token = enrolment.token()
    terminal = enrolment.at_terminal()
    terminal.type(token + "\n")
    done = terminal.finish()
    assert done.status == 0 and f"enrolled {BOX}, certificate until " in done.out
    assert token not in done.out


def test_interrupted_at_the_terminal(enrolment):
    terminal = enrolment.at_terminal()
    terminal.type("half\x03")
    done = terminal.finish()
    assert done.status == -signal.SIGINT and "half" not in done.out
    assert enrolment.nothing_installed()


def answer_of_old(site, enrolment):
    class Pair:  # what the box has in place
        pem, key_path = enrolment.pem, enrolment.key
    return site.hq.peer(Pair).get("/v1/list/head").status


def test_revoked_box_is_told_and_goes_on_once_enrolled_anew(site, enrolment):
    assert enrolment.run(enrolment.token()).returncode == 0
    site.checkpointd()
    site.link = site.box.start("checkpoint-uplinkd", site.box.etc / "uplinkd.yaml")
    before = site.sync()
    answer = site.hq.operator().post("/v1/operator/revoke", {"checkpoint": BOX, "reason": "stolen"})
    assert answer.status == 200, answer.body
    site.acts(2)
    site.wait_log("UPLINK_REFUSED")
    wait_until("records that wait", lambda: (j := site.status()["journal"])["confirmed"] < j["head"])
    assert answer_of_old(site, enrolment) == 403
    assert enrolment.run(enrolment.token()).returncode == 0
    assert site.sync() > before


def test_interrupted_installation_is_completed(site, enrolment):
    assert enrolment.run(enrolment.token()).returncode == 0
    os.replace(enrolment.key, str(enrolment.key) + ".new")
    enrolment.key.write_bytes(site.hq.pki.box(BOX, stem="old").key_path.read_bytes())
    enrolment.key.chmod(0o600)
    site.checkpointd()
    site.link = site.box.start("checkpoint-uplinkd", site.box.etc / "uplinkd.yaml")
    site.sync()
    assert not list(site.box.etc.glob("*.new*"))


@pytest.mark.parametrize("argv", [["--token-fd", "0"], ["--enroll", "--token-fd", "x"],
                                  ["--enroll", "--token", "secret"]])
def test_wrong_arguments(argv):
    done = run_program([program("checkpoint-uplinkd"), *argv])
    assert done.returncode == 2
