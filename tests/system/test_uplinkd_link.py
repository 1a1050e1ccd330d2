"""What the link costs: compressed batches, a bandwidth limit, a metered link; hits wait for none of it."""
import time

import pytest

from harness import journal
from harness.process import ProgramError
from harness.signing import entry
from harness.stack import wait_until
from harness.uplink_site import BOX, WANTED, a_site
from harness.zstd_frame import bomb, frame, stated_size, unstated

RECORDS = f"/v1/checkpoints/{BOX}/records"


@pytest.fixture
def site():
    yield from a_site()


def first_batch(site, **more):
    """As sent to a headquarters that takes none."""
    fake = site.fake(lambda request: (503, {}))
    site.uplinkd(hq=[f"https://127.0.0.1:{fake.port}"], **more)
    wait_until("a batch", lambda: fake.paths("/records"))
    site.link.stop()
    return next(body for _, path, body in fake.requests if path == RECORDS)


def test_batches_go_up_compressed(site):
    site.checkpointd()
    site.acts(20)
    packed = first_batch(site)
    assert len(packed) < stated_size(packed) * 0.8
    assert first_batch(site, compress=False).startswith(b"{")


def test_backlog_goes_up_in_batches_of_up_to_a_mebibyte(site):
    site.checkpointd().stop()
    journal.append(site.box.state / "checkpointd" / "journal", journal.KINDS.index("device"), {"what": "backlog " * 30}, 6000)
    site.daemon.start()
    site.login()
    site.uplinkd()
    head = site.sync(60)
    assert head > 6000 and site.whole_at_hq(head)
    batches = site.store("SELECT count(*), sum(length(line) + 1) FROM records GROUP BY chain, received_ms")
    assert max(size for _, size in batches) > 700_000  # those of the first steps are smaller
    assert all(size <= 1 << 20 and records <= 2000 for records, size in batches)


def ask(site, body, **headers):
    return site.hq.box(BOX, enroll=False).post(RECORDS, body, headers=headers)


def test_headquarters_refuses_bodies_that_lie_about_their_size(site):
    zstd = {"Content-Encoding": "zstd"}
    assert ask(site, bomb(1 << 30), **zstd).status == 413
    assert ask(site, bomb(1 << 20, stated=100), **zstd).status == 400
    assert ask(site, frame(b"{}", stated=1000), **zstd).status == 400
    assert ask(site, unstated(b"{}"), **zstd).status == 400
    assert ask(site, frame(b"{}") * 2, **zstd).status == 400
    assert ask(site, frame(b"{}")[:-1], **zstd).status == 400
    assert ask(site, b"{}", **zstd).status == 400
    assert "Content-Encoding" in ask(site, b"{}", **{"Content-Encoding": "gzip"}).json["error"]["en"]
    plain, packed = ask(site, b"{}\n"), ask(site, frame(b"{}\n"), **zstd)
    assert (plain.status, plain.json) == (packed.status, packed.json) and plain.status == 422
    assert site.hq.operator().get("/v1/list/head").status == 200


def ready_for_hits(site, **link):
    site.checkpointd()
    site.uplinkd(**link)
    site.matchd()
    site.publish(entry(1, WANTED))
    wait_until("list in matchd", lambda: site.status()["list"]
               and site.status()["list"]["revision"] == 1)


def behind(site):
    journal = site.status()["journal"]
    return journal["head"] - journal["confirmed"]


def stays_here(site):
    """Whether an act of now is not confirmed."""
    site.acts(1)
    try:
        site.sync(1)
    except ProgramError:
        return True
    return False


def test_metered_link_takes_hits_at_once_and_the_rest_in_its_time(site):
    ready_for_hits(site, metered_interval="6h")
    wait_until("all of the start is up", lambda: stays_here(site), 60)
    site.hit(WANTED, 7)
    wait_until("hit at headquarters", site.hq_hits)
    assert site.hq_hits()[0]["provisional"] and behind(site) > 1
    site.link.stop()
    site.uplinkd(metered_interval="1s")
    for _ in range(2):
        site.acts(3)
        assert site.whole_at_hq(site.sync())
    assert [h["record"]["read"]["event_id"] for h in site.hq_hits()] == ["7"]


def test_bandwidth_limit_holds_and_hits_do_not_wait_for_it(site):
    limit = 2000  # bytes/s
    ready_for_hits(site, upload_kbit_s=16, compress=False)
    site.sync()
    site.link.stop()
    site.acts(30)
    begin = time.monotonic()
    site.link.start()
    site.hit(WANTED, 8)
    wait_until("hit at headquarters", site.hq_hits, 60)
    assert behind(site) > 0  # it went before the others
    first = site.sync(60)
    size = sum(row[0] for row in site.store(
        "SELECT length(line) FROM records WHERE kind <> 'observed' ORDER BY sequence DESC LIMIT 60"))
    assert time.monotonic() - begin > size / limit / 2
    assert site.whole_at_hq(first)
