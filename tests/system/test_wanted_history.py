"""Which checkpoint has which list, what the list was, and one vehicle under stop and observe."""
import json
import sqlite3

import pytest
from harness.hq import own_records
from harness.hqctl import Hqctl, HqctlError, enrolled
from harness.signing import entry

ROW = {**entry(0, "鲁H12345"), "valid_from": "2026-11-01T00:00:00Z", "valid_until": "2099-05-01T00:00:00Z"}


@pytest.fixture()
def hq(tmp_path):
    headquarters = Hqctl(tmp_path).init().start()
    yield headquarters
    headquarters.stop()


def as_observe(path):
    """A draft's only entry under observe: import refuses it, a clerk may sign it."""
    draft = json.loads(path.read_text())
    draft["added"][0]["handling"] = "observe"
    path.write_text(json.dumps(draft))
    return path


def signed(hq, path):
    for clerk in hq.clerks:
        hq.sign(path, clerk)
    return path


def test_status_says_who_has_what_and_how_far_behind(hq):
    one = hq.publish([{**ROW, "case_number": "S1"}])
    two = hq.publish([{**ROW, "case_number": "S2"}])
    boxes = {}
    for name, held in (("lu-hz-01", one), ("lu-hz-02", two), ("lu-hz-03", {**two, "hash": "sha256:" + "1" * 64})):
        boxes[name] = enrolled(hq, name)
        assert boxes[name].get(f"/v1/checkpoints/{name}/inbox?after=0&wait=0&revision={held['revision']}"
                               f"&hash={held['hash']}").status == 200
    enrolled(hq, "lu-hz-04")
    enrolled(hq, "lu-hz-05")
    hq.run("revoke", "lu-hz-05", "--reason", "taken down", "--yes", *hq.online)
    rows = {row["id"]: row for row in hq.json("wanted", "status", *hq.online)}
    assert {name: (row["list_revision"], row["behind_by"], row["behind_since"] is not None, row["other_list"])
            for name, row in rows.items()} == {
        "lu-hz-01": (1, 1, True, False), "lu-hz-02": (2, 0, False, False), "lu-hz-03": (2, 0, False, True),
        "lu-hz-04": (None, 2, False, False)}
    assert rows["lu-hz-04"]["age_s"] == -1 and 0 <= rows["lu-hz-01"]["age_s"] < 3600
    text = hq.run("wanted", "status", *hq.online)
    assert text.splitlines()[0].startswith("List revision 2 of 20") and ": 3 of 4 checkpoints without it" in text
    assert "OTHER LIST 名单不同" in text and "lu-hz-05" not in text


def test_history_of_revisions_and_of_one_entry(hq):
    hq.publish([{**ROW, "case_number": "H1", "priority": 1}, {**ROW, "case_number": "H2"}])
    changed = hq.import_entries([{**ROW, "case_number": "H2", "reason": "换了理由"}])
    hq.publish_file(hq.sign(changed, "zhang"))
    hq.withdraw("2", clerk="li")
    rows = hq.json("wanted", "history", *hq.online)
    assert [(r["revision"], r["added"], r["changed"], r["withdrawn"], r["priority_1"], r["clerks"], r["published_by"])
            for r in rows] == [(1, 2, 0, 0, 1, "zhang, li", "zhang"), (2, 0, 1, 0, 0, "zhang", "zhang"),
                               (3, 0, 0, 1, 0, "li", "zhang")]
    assert [r["revision"] for r in hq.json("wanted", "history", "--last", "1", *hq.online)] == [3]
    life = hq.json("wanted", "history", "2", *hq.online)
    assert [(r["revision"], r["act"], r["entry"] and r["entry"]["reason"]) for r in life] == [
        (1, "added", ROW["reason"]), (2, "changed", "换了理由"), (3, "withdrawn", None)]
    text = hq.run("wanted", "history", "2", *hq.online)
    assert f'reason: "{ROW["reason"]}" -> "换了理由"' in text and text.endswith("Not on the list at revision 3.\n")
    assert hq.run("wanted", "history", "1", *hq.online).splitlines()[-1].startswith("On the list at revision 3, valid")
    never = hq.try_run("wanted", "history", "77", *hq.online)
    assert (never.returncode, never.stderr) == (1, "hqctl: entry 77: never on the list\n")


def test_a_box_is_not_told_who_published(hq):
    hq.publish([ROW])
    answer = enrolled(hq, "lu-hz-01").get("/v1/list/batches?after=0").json
    assert [set(row) for row in answer["batches"]] == [{"revision", "hash", "envelope"}]


def test_history_notices_batches_that_do_not_follow_one_another(hq):
    hq.publish([{**ROW, "case_number": "A"}])
    hq.publish([{**ROW, "case_number": "B"}])
    hq.publish([{**ROW, "case_number": "C"}])
    db = sqlite3.connect(hq.dir / "state/hqd.sqlite")
    names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'batches'")]
    assert names
    for name in names:
        db.execute(f"DROP TRIGGER {name}")
    db.execute("DELETE FROM batches WHERE revision = 2")
    db.commit()
    db.close()
    said = hq.try_run("wanted", "history", *hq.online)
    assert said.returncode == 1 and "revision" in said.stderr and "3" in said.stderr


def test_stop_and_observe_of_one_vehicle_is_named_at_each_step_and_published_only_when_confirmed(hq, tmp_path):
    observe = signed(hq, as_observe(hq.import_entries([{**ROW, "case_number": "O1"}])))
    hq.publish_file(observe)
    # import
    said = hq.try_run("wanted", "import", tmp_path / "list-1.csv", "--out", tmp_path / "x.json", "--dry-run", *hq.online)
    assert said.returncode == 0 and "WARNING" not in said.stderr  # a change of that entry itself
    both = ["WARNING 警告: 鲁H12345 would be under stop and observe at once 同时列为拦截和监控:", "  ! 2  鲁H12345", "  ! 1  鲁H12345"]
    rows = [{**ROW, "case_number": "O2"}]
    with pytest.raises(HqctlError) as refused:
        hq.import_entries(rows)
    lines = refused.value.stderr.splitlines()
    assert lines[0] == both[0] and lines[1].startswith(both[1]) and lines[2].startswith(both[2])
    assert lines[3] == "hqctl: no draft was made: look at what is said above, then say --confirm-conflicts"
    hq.run("wanted", "import", tmp_path / "list-2.csv", "--out", tmp_path / "stop.json", "--confirm-conflicts", *hq.online)
    # publish
    stop = hq.sign(tmp_path / "stop.json", "zhang")
    said = hq.try_run("wanted", "publish", stop, *hq.online)
    lines = said.stderr.splitlines()
    assert said.returncode == 1 and lines[0] == both[0] and lines[1].startswith(both[1]) and lines[2].startswith(both[2])
    assert lines[3] == ("hqctl: revision 2 was not published: one vehicle would be under stop and observe; say "
                        "--confirm-conflicts if it is meant")
    assert hq.json("wanted", "head", *hq.online)[0]["revision"] == 1
    assert hq.json("wanted", "publish", stop, "--confirm-conflicts", *hq.online)[0]["revision"] == 2
    acts = [r.body for r in own_records(hq.dir / "state") if r.body and r.body.get("what") == "list.publish"]
    assert acts[-1]["about"] == "revision 2: 1 added, 0 changed, 0 withdrawn; 1 confirmed under stop and observe"
    assert acts[-2]["answer"] == 422
    # what is there already is not asked for again
    hq.publish_file(signed(hq, hq.import_entries([{**ROW, "case_number": "O2", "reason": "again"}])))


def test_signing_names_both_entries_of_a_file(hq, tmp_path):
    path = hq.import_entries([{**ROW, "case_number": "F1"}, {**ROW, "case_number": "F2"}])
    as_observe(path)
    said = hq.try_run("wanted", "sign", path, "--key", hq.clerk_key("zhang"), "--dir", hq.dir,
                      passphrases=[hq.passphrases["zhang"]])
    assert said.returncode == 0 and "鲁H12345 would be under stop and observe at once" in said.stderr
    assert "  ! 1  鲁H12345" in said.stderr and "  ! 2  鲁H12345" in said.stderr
