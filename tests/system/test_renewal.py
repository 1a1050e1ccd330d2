"""The box's certificate renews itself: when, under what faults, and what headquarters ends when."""
import shutil

import pytest

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from harness.hq import Headquarters
from harness.pki import DAY, now
from harness.process import Program
from harness.stack import preload_clock, program, wait_until
from harness.uplink_site import BOX, a_site
from test_hqd import certificates_of, pair_of, request_for

REENROLL = "/.well-known/est/simplereenroll"


@pytest.fixture
def site():
    yield from a_site()


class Renewal:
    """A pair past two thirds of its life, or not yet, and what became of it."""

    def __init__(self, site, used_days=25, life_days=30):
        self.pair = site.hq.pki.box(BOX, stem="own", start=now() - used_days * DAY,
                                    end=now() + (life_days - used_days) * DAY)
        self.old = pair_of(site.hq, "kept", self.pair.key, self.pair.certificate)
        self.site = site

    def certificate(self):
        return x509.load_pem_x509_certificate(self.pair.pem.read_bytes())

    def renewed(self):
        return self.certificate() != self.pair.certificate

    def key(self):
        return serialization.load_pem_private_key(self.pair.key_path.read_bytes(), None)

    def is_pair(self):
        return self.key().public_key().public_numbers() == self.certificate().public_key().public_numbers()

    def old_refused(self):
        answer = self.site.hq.peer(self.old).get("/v1/list/head")
        return answer.status == 403 and "revoked" in answer.json["error"]["en"]


def test_past_two_thirds_of_its_life_it_is_renewed_and_the_old_one_ends(site):
    renewal = Renewal(site)
    site.checkpointd()
    site.uplinkd(renewal.pair)
    site.wait_log("UPLINK_RENEWED", 30)
    assert renewal.renewed() and renewal.is_pair()
    assert renewal.key().private_numbers() != renewal.pair.key.private_numbers()
    assert renewal.pair.key_path.stat().st_mode & 0o777 == 0o600
    assert not list(renewal.pair.pem.parent.glob("own*.new*"))
    assert (renewal.certificate().not_valid_after - now()).days in (29, 30)
    wait_until("the old certificate refused", renewal.old_refused)
    site.acts(2)
    site.sync()
    log = site.link.log_path.read_text()
    assert log.count("UPLINK_RENEWED") == 1
    assert "UPLINK_REFUSED" not in log and "UPLINK_CERTIFICATE " not in log, log
    assert "PRIVATE KEY" not in log
    assert [row[0] for row in site.store("SELECT count(*) FROM certificates WHERE checkpoint = ?"
                                         " AND revoked_ms IS NULL", BOX)] == [1]


def test_not_before_two_thirds_of_its_life(site):
    renewal = Renewal(site, used_days=19)
    offset = site.box.folder / "clock"
    offset.write_text("0\n")
    site.checkpointd()
    config = site.box.write_uplinkd(site.hq, site.redis.socket, renewal.pair)
    site.link = Program("checkpoint-uplinkd", [program("checkpoint-uplinkd"), "--config", config], site.box.folder)
    preload_clock(site.link, WALL_CLOCK_OFFSET_FILE=offset)
    site.box.programs.start(site.link)
    site.acts(1)
    site.sync()
    assert not renewal.renewed() and not site.logged("UPLINK_RENEWED")
    new = offset.with_suffix(".new")
    new.write_text(f"{2 * 24 * 3600}\n")
    new.rename(offset)
    site.wait_log("UPLINK_RENEWED", 30)
    assert renewal.renewed() and renewal.is_pair()


def test_what_cannot_be_renewed_is_told_with_the_time_left_and_tried_again(site):
    renewal = Renewal(site)
    site.hq.cad.stop()
    site.checkpointd()
    site.uplinkd(renewal.pair)
    site.wait_log("UPLINK_NOT_RENEWED")
    assert site.logged("4 days 23 hours left: ") and site.logged("certificates cannot be issued now")
    site.acts(1)
    site.sync()  # the old one serves
    assert not site.logged("UPLINK_DOWN") and not renewal.renewed()
    site.hq.cad.start()
    site.wait_log("UPLINK_RENEWED", 30)
    assert renewal.is_pair()
    site.acts(1)
    site.sync()


def test_a_folder_that_cannot_be_written_leaves_the_pair_as_it_is(site):
    renewal = Renewal(site)
    blocked = renewal.pair.key_path.with_name(renewal.pair.key_path.name + ".new")
    blocked.mkdir()  # the waiting key's name is taken
    (blocked / "full").touch()
    site.checkpointd()
    site.uplinkd(renewal.pair)
    site.wait_log("UPLINK_NOT_RENEWED")
    assert not renewal.renewed() and renewal.is_pair()
    site.acts(1)
    site.sync()
    shutil.rmtree(blocked)
    site.wait_log("UPLINK_RENEWED", 30)
    assert renewal.is_pair()


@pytest.fixture
def hq(tmp_path):
    headquarters = Headquarters(tmp_path).start()
    yield headquarters
    headquarters.stop()


def test_the_old_certificate_serves_until_the_new_one_is_shown(hq):
    box = hq.box(BOX)

    def renewed(stem):
        key, request = request_for(f"urn:checkpoint:{BOX}")
        answer = box.post(REENROLL, request)
        assert answer.status == 200, answer.body
        return hq.peer(pair_of(hq, stem, key, certificates_of(answer)[0]))

    lost, kept = renewed("lost"), renewed("kept")  # the first answer never reached the box, say
    connection = box.connect()
    assert box.get("/v1/list/head", connection=connection).status == 200
    waiting = box.connect()
    waiting.request("GET", f"/v1/checkpoints/{BOX}/inbox?wait=60")
    assert box.get("/v1/list/head").status == 200
    assert kept.get("/v1/list/head").status == 200
    assert waiting.getresponse().status == 403  # let go at once
    assert [peer.get("/v1/list/head").status for peer in (box, lost, kept)] == [403, 403, 200]
    assert box.get("/v1/list/head", connection=connection).status == 403
    hq.hqd.stop()
    hq.hqd.start()
    for peer in (box, lost, kept):
        peer.port = hq.port
    assert [peer.get("/v1/list/head").status for peer in (box, lost, kept)] == [403, 403, 200]


def test_a_database_put_back_to_before_a_renewal_ends_the_old_one_when_the_new_one_is_shown(hq):
    box = hq.box(BOX, start=now() - 20 * DAY, end=now() + 10 * DAY)
    assert box.get("/v1/list/head").status == 200
    hq.hqd.stop()
    backup = hq.store.path.read_bytes()
    hq.hqd.start()
    box.port = hq.port
    key, request = request_for(f"urn:checkpoint:{BOX}")
    renewed = hq.peer(pair_of(hq, "renewed", key, certificates_of(box.post(REENROLL, request))[0]))
    assert renewed.get("/v1/list/head").status == 200
    hq.hqd.stop()
    for left in hq.store.path.parent.glob("hqd.sqlite-*"):
        left.unlink()
    hq.store.path.write_bytes(backup)
    hq.hqd.start()
    box.port = renewed.port = hq.port
    assert box.get("/v1/list/head").status == 200  # nothing here says that there is a later one
    assert [peer.get("/v1/list/head").status for peer in (renewed, box, renewed)] == [200, 403, 200]
