"""A hit's pictures from a camera program to headquarters: never ahead of hits, whole across cuts and kills, none twice."""
import contextlib
import hashlib
import json
import os
import re
import sqlite3

import pytest

from harness.bad_link import BadLink
from harness.ctl import Ctl
from harness.pictures import PictureSender
from harness.signing import DAY_MS, entry
from harness.stack import short_folder, wait_until
from harness.uplink_site import BOX, WANTED, Site

PLATES = [f"鲁H{number}" for number in range(20001, 20010)]


@pytest.fixture(scope="module")
def site():
    with short_folder() as folder:
        site = Site(folder)
        try:
            site.road = BadLink(site.hq.port)
            site.others.append(site.road)
            site.checkpointd()
            site.camerad = site.box.start_camerad()
            site.uplinkd(hq=[f"https://127.0.0.1:{site.road.port}"], retry_max="500ms")
            site.matchd()
            site.publish(entry(1, WANTED), *(entry(2 + n, plate) for n, plate in enumerate(PLATES)))
            wait_until("list in matchd", lambda: site.status()["list"] and site.status()["list"]["revision"] == 1)
            site.event = 100
            yield site
        finally:
            site.stop()


def handed_in(site, data, event, **options):
    sender = PictureSender(site.box.run)
    try:
        return sender.put(data, event, **options)
    finally:
        sender.close()


def hit_with(site, data):
    """A hit, and its picture after it; the camera's event."""
    site.event += 1
    site.hit(PLATES[site.event % len(PLATES)], site.event)
    assert handed_in(site, data, site.event) == (0, "")
    return site.event


def at_hq(site, event):
    """sha256 -> row, of the pictures of the event's hit as headquarters holds them."""
    return {bytes(sha): (size, held, complete) for sha, size, held, complete in site.store(
        "SELECT e.sha, e.size, e.held, e.complete_ms IS NOT NULL FROM evidence e JOIN evidence_links l"
        " ON l.number = e.number WHERE l.event = ? AND e.checkpoint = ?", str(event), BOX)}


def bytes_at_hq(site, data):
    """What its parts are together, and where each begins."""
    rows = site.store("SELECT p.at, p.bytes FROM evidence_parts p JOIN evidence e ON e.number = p.number WHERE e.sha = ?"
                      " ORDER BY p.at", hashlib.sha256(data).digest())
    return b"".join(part for _, part in rows), [at for at, _ in rows]


def wait_whole(site, event, *pictures):
    def whole():
        rows = at_hq(site, event)
        return all(rows.get(hashlib.sha256(data).digest(), (0, 0, 0))[2] for data in pictures)
    wait_until("the pictures are at headquarters", whole, 60)
    for data in pictures:
        held, starts = bytes_at_hq(site, data)
        assert held == data and len(starts) == len(set(starts))


def held(site, event, data):
    return at_hq(site, event).get(hashlib.sha256(data).digest(), (0, 0, 0))[1]


def test_a_hits_pictures_reach_headquarters_and_others_stay(site):
    scene, crop, passage = (os.urandom(size) for size in (300_000, 5_000, 10_000))
    event = site.event = site.event + 1
    assert handed_in(site, crop, event, kind="crop") == (0, "")  # before the read is known
    assert handed_in(site, passage, event + 1) == (0, "")
    site.hit(WANTED, event)
    site.camera.send("鲁H99999", event + 1, plate_class="02")  # nobody's
    site.event += 1
    assert handed_in(site, scene, event) == (0, "")
    wait_whole(site, event, scene, crop)
    hit, = [row["number"] for row in site.hq_hits() if row["record"]["read"]["event_id"] == str(event)]
    rows = site.hq.operator().get(f"/v1/operator/evidence?hit={hit}").json["evidence"]
    assert sorted((row["kind"], row["camera"], row["event"], row["trigger"]) for row in rows) == [
        ("crop", 11, str(event), True), ("scene", 11, str(event), True)]
    assert not site.store("SELECT 1 FROM evidence WHERE sha = ?", hashlib.sha256(passage).digest())
    assert not site.logged("UPLINK_PICTURE")


def part_of_it(site, event, data, than):
    """The road lets some of it through and is cut; how much headquarters holds then."""
    site.road.cut_after(600_000)
    wait_until("the road is cut", lambda: site.road.is_cut, 60)
    now = wait_until("more of it is there", lambda: (lambda n: n if n > than else 0)(held(site, event, data)), 30)
    assert now < len(data)
    return now


def test_cuts_and_kills_in_the_middle_lose_nothing_and_send_nothing_twice(site):
    data = os.urandom(4_000_000)
    site.road.cut()
    event = hit_with(site, data)
    cuts = [part_of_it(site, event, data, 0)]
    for daemon in (site.hq.hqd, site.link, site.camerad):
        daemon.kill()
        daemon.start()
        cuts.append(part_of_it(site, event, data, cuts[-1]))
    site.road.mend()
    site.hq.hqd.kill()  # whatever it is doing
    site.hq.hqd.start()
    wait_whole(site, event, data)
    # each went on where it was cut: what was there then was not sent again
    starts = bytes_at_hq(site, data)[1]
    assert cuts == sorted(set(cuts)) and set(cuts) <= set(starts) and starts == sorted(set(starts))
    assert site.store("SELECT count(*) FROM evidence WHERE sha = ?", hashlib.sha256(data).digest()) == [(1,)]


def test_no_picture_goes_while_a_hit_waits(site):
    """A headquarters that takes pictures but no urgent record gets none of either."""
    takes_hits = []

    def answer(request):
        path = request[1]
        if path.endswith("/urgent"):
            return (202, {"provisional": True}) if takes_hits else (503, {})
        return (409, {"error": {"code": "conflict", "en": "not yet", "zh": "-"}}) if "/evidence" in path else (503, {})

    fake = site.fake(answer)
    site.link.stop()
    site.uplinkd(hq=[f"https://127.0.0.1:{fake.port}"], retry_max="200ms")
    hit_with(site, os.urandom(1000))
    wait_until("the hit is offered again and again", lambda: len(fake.paths("/urgent")) >= 5, 60)
    assert not fake.paths("/evidence")
    takes_hits.append(True)
    wait_until("now the picture is offered", lambda: fake.paths("/evidence"), 60)
    site.link.stop()
    site.uplinkd(hq=[f"https://127.0.0.1:{site.road.port}"], retry_max="500ms")


def test_a_picture_whose_bytes_changed_is_not_sent_and_is_named(site):
    data = os.urandom(100_000)
    site.road.cut()
    event = hit_with(site, data)
    name = hashlib.sha256(data).hexdigest()
    file = site.box.state / "camerad" / "pictures" / name[:2] / name
    file.write_bytes(b"!" + data[1:])
    site.road.mend()
    wait_until("it is named", lambda: "PICTURE_DAMAGED" in site.camerad.log_path.read_text(), 30)
    assert str(file) in site.camerad.log_path.read_text()
    assert held(site, event, data) == 0
    other = os.urandom(1000)  # the next one goes
    wait_whole(site, hit_with(site, other), other)


def test_a_headquarters_put_back_gets_hit_and_picture_once_more(site):
    store = site.hq.store.path
    site.hq.hqd.stop()
    backup = store.read_bytes()
    site.hq.hqd.start()
    data = os.urandom(20_000)
    event = hit_with(site, data)
    wait_whole(site, event, data)
    site.sync()
    site.hq.hqd.stop()
    store.write_bytes(backup)
    for name in ("-wal", "-shm"):
        store.with_name(store.name + name).unlink(missing_ok=True)
    site.hq.hqd.start()
    wait_whole(site, event, data)


def terms_published(site, version, **options):
    """Headquarters' terms, until camerad goes by them."""
    answer = site.hq.operator().put("/v1/retention-terms", site.hq.world.retention_terms(version, **options))
    assert answer.status == 201, answer.body
    wait_until("camerad has the terms", lambda: camerad_rows(site, "SELECT version FROM terms") == [(version,)], 30)


def camerad_rows(site, query):
    db = sqlite3.connect(site.box.state / "camerad" / "pictures.sqlite")
    with contextlib.closing(db), db:
        return db.execute(query).fetchall()


def test_headquarters_terms_and_holds_bind_the_pictures_of_the_box(site):
    """Kept by camerad: it goes by them while nobody tells it. Configured are 30 days."""
    data, passage = os.urandom(20_000), os.urandom(20_000)
    wait_whole(site, hit_with(site, data), data)
    assert handed_in(site, passage, 4000) == (0, "")
    of_hit, of_nobody = (site.box.state / "camerad" / "pictures" / name[:2] / name for name in
                         (hashlib.sha256(picture).hexdigest() for picture in (data, passage)))
    wait_until("camerad knows that it is there", lambda: camerad_rows(
        site, f"SELECT result FROM sends WHERE sha = x'{of_hit.name}'") == [(1,)], 30)
    terms_published(site, 1, picture=(1, 10), holds=[{"case": "A3717", "plate": "鲁H77777"}])
    site.link.stop()
    site.camerad.stop()
    for table, column, days in (("pictures", "stored_ms", 20), ("sends", "again_ms", 20)):
        camerad_rows(site, f"UPDATE {table} SET {column} = {column} - {days * DAY_MS}")
    site.camerad.start()
    wait_until("older than the ceiling", lambda: not of_nobody.exists(), 30)
    assert of_hit.exists(), "the older one, of a hit of a time that a case holds"
    site.link.start()
    terms_published(site, 2, picture=(25, 30))
    assert of_hit.exists(), "younger than the floor, and no case holds it"
    terms_published(site, 3, picture=(1, 10))
    wait_until("nothing keeps it any more", lambda: not of_hit.exists(), 30)
    shown = json.dumps(site.status()) + site.camerad.log_path.read_text() + site.link.log_path.read_text()
    assert "A3717" not in shown and "鲁H77777" not in shown


def test_a_flood_of_pictures_is_bounded_and_named(site):
    site.camerad.stop()
    site.camerad = site.box.start_camerad(store_mb=1, store_pictures=10, state_dir=str(site.box.state / "flood"))
    sender = PictureSender(site.box.run)
    for number in range(25):
        assert sender.put(os.urandom(50_000), 5000 + number) == (0, "")  # the oldest give way
    folder = site.box.state / "flood" / "pictures"
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    assert len(sizes) <= 10 and sum(sizes) <= 1 << 20
    code, why = sender.put(os.urandom(2 << 20), 6000)
    assert code == -5 and "a picture of 2097152 bytes: expected at most 1048576" in why
    assert sum(path.is_file() for path in folder.rglob("*")) == len(sizes), "nothing gave way to what can never fit"
    assert "PICTURES_FULL" in site.camerad.log_path.read_text()
    sender.close()

    def row(words, lang="en_US.UTF-8"):
        ctl = Ctl(site.box.run, site.box.folder / "session", lang)
        return wait_until(words, lambda: words in re.sub(r"\s+", " ", ctl("status").out) and ctl, 30)
    row("pictures LOOK 10 held (0 MiB), 0 wait for headquarters, 0 damaged; last fault")
    row("no room for pictures: what cameras hand in is refused")
    row("保存 10 张（0 MiB），待上送 0，损坏 0；最近故障", "zh_CN.UTF-8")
    site.camerad.kill()
    said = site.box.run / "camerad.json"
    state = json.loads(said.read_text())
    assert state["fault"]["stands"] and state["pictures"] == 10
    said.write_text(json.dumps({**state, "mono_ns": state["mono_ns"] - 100 * 10**9}))  # a minute and more ago
    ctl = row("pictures LOOK checkpoint-camerad silent for 1")
    rows = [row for row in ctl("doctor", "--json", "--config-dir", site.box.etc, timeout_s=60).json["rows"]
            if row["check"] == "pictures"]
    assert [row["good"] for row in rows] == [False] and "systemctl status checkpoint-camerad" in rows[0]["what_to_do"]
