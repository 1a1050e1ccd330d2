"""hqd --backup while headquarters works, and --restore: what is copied, what is refused, what stays."""
import os
import shutil
import sqlite3
import stat

import pytest

from harness.hq import Headquarters
from harness.process import run_program
from harness.records import Journal
from harness.stack import program
from test_hqd import records_path

BOX = "lu-hz-01"


@pytest.fixture
def hq(tmp_path):
    headquarters = Headquarters(tmp_path / "hq").start()
    yield headquarters
    headquarters.stop()


def hqd(hq, *arguments):
    return run_program([program("hqd"), "--config", hq.config, *map(str, arguments)], text=True)


def refused(hq, *arguments):
    done = hqd(hq, *arguments)
    assert done.returncode == 1 and not done.stdout, (done.stdout, done.stderr)
    return done.stderr


class Sender:
    """A box whose journal goes up record by record."""

    def __init__(self, hq):
        self.box, self.journal = hq.box(BOX), Journal(BOX)
        self.send("start")

    def send(self, *kinds):
        body = b"".join(self.journal.line(kind) for kind in kinds)
        answer = self.box.post(records_path(BOX), body)
        assert answer.status == 200, answer.body


def sequences(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return [row[0] for row in db.execute("SELECT sequence FROM records ORDER BY sequence")]
    finally:
        db.close()


def test_a_copy_is_taken_while_records_come_and_is_put_back(hq, tmp_path):
    sender, saved = Sender(hq), tmp_path / "saved.sqlite"
    sender.send("hit", "passage")
    done = hqd(hq, "--backup", saved)
    assert done.returncode == 0 and str(saved) in done.stdout and "100 %" in done.stderr, done.stderr
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert sequences(saved) == [1, 2, 3] and sorted(p.name for p in tmp_path.iterdir()) == ["hq", "saved.sqlite"]
    sender.send("hit")
    assert "another program" in refused(hq, "--restore", saved)
    assert sequences(hq.store.path) == [1, 2, 3, 4]
    hq.hqd.stop()
    done = hqd(hq, "--restore", saved)
    assert done.returncode == 0, done.stderr
    assert sequences(hq.store.path) == [1, 2, 3] and sequences(f"{hq.store.path}.before") == [1, 2, 3, 4]
    assert not hq.store.path.with_name("hqd.sqlite-wal").exists()
    assert "is there already" in refused(hq, "--restore", saved)
    for path in hq.store.path.parent.iterdir():
        path.unlink()
    owner = 1 if os.geteuid() == 0 else os.geteuid()
    os.chown(hq.store.path.parent, owner, -1)  # a lost disk: only the folder says whose the database is
    assert hqd(hq, "--restore", saved).returncode == 0 and hq.store.path.stat().st_uid == owner
    hq.hqd.start()
    sender.box.port = hq.port
    assert len(hq.operator().get("/v1/operator/hits").json["hits"]) == 1
    assert sender.box.get(f"/v1/checkpoints/{BOX}/inbox?after=0").status == 200


def test_what_is_no_good_copy_is_refused_and_changes_nothing(hq, tmp_path):
    sender, saved = Sender(hq), tmp_path / "saved.sqlite"
    sender.send(*["passage"] * 200)
    assert hqd(hq, "--backup", saved).returncode == 0
    hq.hqd.stop()
    before = sequences(hq.store.path)
    foreign, newer, damaged, cut = (tmp_path / name for name in ("foreign", "newer", "damaged", "cut"))
    db = sqlite3.connect(foreign)
    db.execute("CREATE TABLE notes(text)")
    db.close()
    shutil.copy(saved, newer)
    db = sqlite3.connect(newer)
    db.execute("PRAGMA user_version = 99")
    db.close()
    whole = bytearray(saved.read_bytes())
    cut.write_bytes(whole[:len(whole) // 2])
    whole[len(whole) // 3:len(whole) // 3 + 8192] = b"\xa5" * 8192
    damaged.write_bytes(whole)
    assert "no database of hqd" in refused(hq, "--restore", foreign)
    assert "schema 99, this build knows" in refused(hq, "--restore", newer)
    for bad in (damaged, cut, hq.config):
        said = refused(hq, "--restore", bad)
        assert "malformed" in said or "damaged" in said or "not a database" in said, said
    assert "No such file" in refused(hq, "--restore", tmp_path / "nothing")
    assert sequences(hq.store.path) == before
    assert not [p.name for p in hq.store.path.parent.iterdir() if ".new" in p.name or ".before" in p.name]


def test_a_backup_overwrites_nothing_and_knows_where_it_cannot_help(hq, tmp_path):
    Sender(hq)
    taken = tmp_path / "taken"
    taken.write_text("something else")
    assert "is there already" in refused(hq, "--backup", taken) and taken.read_text() == "something else"
    assert "No such file" in refused(hq, "--backup", tmp_path / "no" / "folder")
    both = hqd(hq, "--backup", taken, "--restore", taken)
    assert both.returncode == 2 and "expected one of them" in both.stderr
    assert hqd(hq, "--backup").returncode == 2
    other = tmp_path / "postgres.yaml"
    other.write_text(hq.config.read_text().replace(f"database: '{hq.store.url}'", "database: postgresql://nowhere/hq"))
    done = run_program([program("hqd"), "--config", other, "--backup", tmp_path / "new"], text=True)
    assert done.returncode == 1 and "pg_basebackup or pg_dump" in done.stderr
    assert not (tmp_path / "new").exists()
