"""Another HQ-server CA without downtime: a box that is live takes the new root from the key set,
one that was away over it is met with the certificate it can trust, and then takes it as well."""
import json
import os
import shutil
import signal
from types import SimpleNamespace

import pytest

from cryptography.hazmat.primitives import serialization
from harness.hq import Peer
from harness.pki import Root
from harness.signing import payload_of
from harness.stack import wait_until
from harness.uplink_site import a_site


@pytest.fixture
def site():
    yield from a_site()


def der(root):
    return root.certificate.public_bytes(serialization.Encoding.DER)


class ServerCa:
    """The new CA beside the old one, and hqd's certificate under it."""

    def __init__(self, site):
        self.site, pki = site, site.hq.pki
        self.old = pki.servers
        self.new = Root(pki.folder, "new-servers-ca")
        self.pair = self.new.issue("new-hqd", f"urn:checkpoint-hq:{pki.fleet}", server=True)
        self.place = pki.server

    def publish(self, *roots):
        world = self.site.hq.world
        world.version += 1
        answer = self.site.hq.operator().put("/v1/keyset", world.keyset(servers=[der(root) for root in roots]))
        assert answer.status == 201, answer.body

    def switch(self):
        """hqd's new certificate, the one before beside it; SIGHUP."""
        for path, new in ((self.place.pem, self.pair.pem), (self.place.key_path, self.pair.key_path)):
            shutil.copy(path, f"{path}.before")
            shutil.copy(new, path)
        self.hup()

    def drop_before(self):
        for path in (self.place.pem, self.place.key_path):
            os.unlink(f"{path}.before")
        self.hup()

    def hup(self):
        log = self.site.hq.hqd.log_path
        taken = log.read_text().count("HQ_FILES_TAKEN")
        os.kill(self.site.hq.hqd.process.pid, signal.SIGHUP)
        wait_until("files taken", lambda: log.read_text().count("HQ_FILES_TAKEN") > taken, 20)


def trusted(site):
    return (site.box.state / "uplinkd" / "hq-roots.pem").read_text().count("BEGIN")


def test_a_live_box_and_one_that_was_away_take_the_new_root(site):
    ca = ServerCa(site)
    site.checkpointd()
    site.uplinkd()
    site.sync()
    assert trusted(site) == 1
    ca.publish(ca.old, ca.new)
    wait_until("both roots at the box", lambda: trusted(site) == 2, 30)
    site.wait_log("UPLINK_SERVERS_TAKEN")
    kept = site.hq.operator()
    connection = kept.connect()
    assert kept.get("/v1/operator/self", connection=connection).status == 200
    ca.switch()
    assert kept.get("/v1/operator/self", connection=connection).status == 200  # open connections go on
    connection.close()
    both = site.hq.folder / "both.pem"  # people's own trust; a box names what it trusts
    both.write_bytes(ca.old.pem.read_bytes() + ca.new.pem.read_bytes())
    site.hq.pki.servers = SimpleNamespace(pem=both)
    site.acts(5, "under the new certificate")
    site.sync()
    assert "UPLINK_SERVER_REFUSED" not in site.link.log_path.read_text()

    # One that was away: it knows the old root alone, and nothing of the key set.
    site.link.stop()
    shutil.rmtree(site.box.state / "uplinkd")
    site.acts(5, "while away")
    site.link.start()
    wait_until("it has both again", lambda: trusted(site) == 2, 30)
    site.sync()
    ca.publish(ca.new)
    wait_until("the old root has gone", lambda: trusted(site) == 1, 30)
    ca.drop_before()
    site.link.stop()
    site.acts(5, "the new root alone")
    site.link.start()
    head = site.sync()
    assert site.whole_at_hq(head)
    assert "UPLINK_SERVER_REFUSED" not in site.link.log_path.read_text()
    site.hq.pki.servers = ca.new
    assert Peer(site.hq.port, site.hq.pki, site.hq.pki.operator("zhang")).get("/v1/operator/self").status == 200


def test_what_a_technician_added_counts_until_there_is_another_key_set(site):
    """A box that was away when the old root went has the new one from a technician, and may start more than once before
    it reaches headquarters."""
    ca = ServerCa(site)
    site.checkpointd()
    site.uplinkd()
    ca.publish(ca.old)
    used = site.box.state / "uplinkd" / "hq-roots.pem"
    wait_until("taken", lambda: used.read_text().startswith(f"Key set {site.hq.world.version}\n"), 30)
    site.link.stop()
    configured = ca.old.pem
    people = site.hq.folder / "people.pem"
    shutil.copy(configured, people)
    site.hq.pki.servers = SimpleNamespace(pem=people)
    before = os.stat(used).st_mtime - 100
    os.utime(used, (before, before))
    configured.write_bytes(ca.new.pem.read_bytes())
    for start in range(3):
        site.link.start()
        assert trusted(site) == 2, start
        site.link.stop()
    site.link.start()
    ca.publish(ca.old)
    wait_until("the key set's alone", lambda: trusted(site) == 1, 30)
    site.acts(2)
    site.sync()


def test_a_root_that_is_none_and_a_file_that_cannot_be_written_stop_nothing(site):
    """Else one key set that two root holders got wrong would cost every box its link."""
    ca = ServerCa(site)
    site.checkpointd()
    site.uplinkd()
    held = site.box.state / "checkpointd" / "keyset.json"

    def version():
        return held.exists() and json.loads(payload_of(held.read_bytes()))["version"]

    world = site.hq.world
    world.version += 1
    assert site.hq.operator().put("/v1/keyset", world.keyset(servers=[b"x" * 100, der(ca.old)])).status == 201
    wait_until("the key set at checkpointd", lambda: version() == world.version, 30)
    site.wait_log("servers[0]: no root certificate")
    assert trusted(site) == 1
    site.link.stop()
    site.link.start()
    site.acts(2)
    site.sync()
    used = site.box.state / "uplinkd" / "hq-roots.pem"
    used.rename(used.with_suffix(".away"))
    (used / "in-the-way").mkdir(parents=True)
    ca.publish(ca.old, ca.new)
    wait_until("the key set at checkpointd", lambda: version() == world.version, 30)
    site.wait_log("UPLINK_STATE_UNWRITTEN")
    shutil.rmtree(used)
    wait_until("both, once they can be written", lambda: used.is_file() and trusted(site) == 2, 30)
    site.acts(2)
    site.sync()


def test_a_key_set_whose_servers_are_none_is_refused(site):
    ca = ServerCa(site)
    world = site.hq.world
    world.version += 1
    for servers in ([b"x" * 3000], [der(ca.new)] * 5):
        answer = site.hq.operator().put("/v1/keyset", world.keyset(servers=servers))
        assert answer.status == 422 and "servers" in answer.json["error"]["en"], answer.body


def test_files_that_do_not_fit_change_nothing(site):
    ca = ServerCa(site)
    log = site.hq.hqd.log_path
    kept = ca.place.pem.read_bytes()
    shutil.copy(ca.pair.pem, ca.place.pem)  # without its key
    os.kill(site.hq.hqd.process.pid, signal.SIGHUP)
    wait_until("refused", lambda: "HQ_FILES_REFUSED" in log.read_text(), 20)
    assert site.hq.operator().get("/v1/operator/self").status == 200
    ca.place.pem.write_bytes(kept)
    ca.hup()
    assert site.hq.operator().get("/v1/operator/self").status == 200
