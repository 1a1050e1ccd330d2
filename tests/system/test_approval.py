"""No entry without names: who applied, reviewed and approved, asked at import, at signing and by hqd; 紧急布控."""
import hashlib
import json

import pytest
from harness.hq import Headquarters
from harness.hqctl import Hqctl, write_csv
from harness.signing import DAY_MS, entry, now_ms, time_text

HOUR_MS = 3600 * 1000

# What changes a good entry into one that may not be signed, and what is said of it.
UNFIT = [
    ({"approver_number": None}, "approver_number: missing, expected who it is with number and time"),
    ({"applicant_time": None}, "applicant_time: missing, expected who it is with number and time"),
    ({"reviewer_number": None}, "reviewer_number: missing, expected who it is with number and time"),
    ({"document": None}, "document: missing, expected the one it was approved by"),
    ({"approver": "张三"}, "approver: is the applicant, expected another person"),
    ({"approver_number": "370001"}, "approver: is the applicant, expected another person"),
    ({"approver_number": "370002"}, "approver: is the reviewer, expected another person"),
    ({"reviewer": "张三"}, "reviewer: is the applicant, expected another person"),
    ({"approver_time": time_text(now_ms() - 2 * DAY_MS)}, "approver_time: before reviewer_time"),
]


def emergency(number, plate, **fields):
    """By the duty leader and a second officer, who applies."""
    return entry(number, plate, **{
        "emergency": True, "applicant": "李四", "applicant_number": "370002", "document": None,
        "valid_from": time_text(now_ms() - HOUR_MS), "valid_until": time_text(now_ms() + 22 * HOUR_MS), **fields})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Hqctl(tmp_path_factory.mktemp("made")).init()


@pytest.fixture()
def hq(tmp_path):
    headquarters = Headquarters(tmp_path).start()
    yield headquarters
    headquarters.stop()


def head(folder):
    path = folder / "head.json"
    path.write_text(json.dumps({"revision": 0, "hash": "sha256:" + "0" * 64, "max_id": 0, "time": None}))
    return path


def draft_of(folder, entries):
    path = folder / "draft.json"
    path.write_text(json.dumps({"type": "wanted-draft/1", "source": "x", "head": json.loads(head(folder).read_text()),
                                "added": entries, "withdrawn": []}))
    return path


def sign(made, path, clerk="zhang"):
    return made.try_run("wanted", "sign", path, "--key", made.clerk_key(clerk), "--dir", made.dir,
                        passphrases=[made.passphrases[clerk]])


def test_signing_refuses_what_was_not_approved_and_asks_for_no_passphrase(made, tmp_path):
    for change, message in UNFIT:
        path = draft_of(tmp_path, [entry(1, "鲁H12345"), entry(2, "鲁H23456", **change)])
        result = made.try_run("wanted", "sign", path, "--key", made.clerk_key("zhang"), "--dir", made.dir)
        assert result.returncode == 1 and result.stderr.endswith(f"{path}: entry 2: {message}\n"), result.stderr
        assert json.loads(path.read_text())["type"] == "wanted-draft/1"
    path = draft_of(tmp_path, [entry(1, "鲁H12345")])
    assert sign(made, path).returncode == 0


def test_import_refuses_it_with_its_place(made, tmp_path):
    for change, message in UNFIT[3:6]:
        path = write_csv(tmp_path / "list.csv", [entry(0, "鲁H12345"), {**entry(0, "鲁H23456"), **{
            name: value or "" for name, value in change.items()}}])
        result = made.try_run("wanted", "import", path, "--head", head(tmp_path))
        assert result.returncode == 1 and f"{path}:3:" in result.stderr and message.split(": ")[1] in result.stderr


def test_hqd_refuses_what_another_tool_signed(hq):
    zhang = hq.operator()
    for change, message in UNFIT:
        answer = zhang.put("/v1/list/batches", hq.world.batch(added=[entry(1, "鲁H12345", **change)], advance=False))
        assert answer.status == 422 and answer.json["error"]["en"] == f"entry 1: {message}"
    assert zhang.put("/v1/list/batches", hq.world.batch(added=[entry(1, "鲁H12345")])).status == 201
    changed = hq.world.batch(changed=[entry(1, "鲁H12345", document=None)], advance=False)
    assert zhang.put("/v1/list/batches", changed).status == 422


def test_an_emergency_needs_two_clerks_two_people_and_ends_within_a_day(hq):
    zhang, world = hq.operator(), hq.world
    for fields, message in (
            ({"valid_until": time_text(now_ms() + 24 * HOUR_MS)}, "24 hours at most"),
            ({"approver": "李四"}, "approver: is the applicant"), ({"approver_number": None}, "approver_number: missing")):
        answer = zhang.put("/v1/list/batches", world.batch(added=[emergency(1, "鲁H12345", **fields)], advance=False))
        assert answer.status == 422 and message in answer.json["error"]["en"], answer.body
    one = zhang.put("/v1/list/batches", world.batch(added=[emergency(1, "鲁H12345")], signers=world.clerks[:1],
                                                    advance=False))
    assert one.status == 422 and "two" in one.json["error"]["en"], one.body
    assert zhang.put("/v1/list/batches", world.batch(added=[emergency(1, "鲁H12345")])).status == 201
    manifest, chunks = world.snapshot(signers=world.clerks[:1])
    for chunk in chunks:
        zhang.put(f"/v1/list/chunks/{hashlib.sha256(chunk).hexdigest()}", chunk)
    assert zhang.put("/v1/list/snapshot", manifest).status == 422, "a list with one needs two clerks as a whole"
    whole = world.batch(changed=[entry(1, "鲁H12345")])  # formalised: three people, a document, a longer time
    assert zhang.put("/v1/list/batches", whole).status == 201
    assert "emergency" not in zhang.get("/v1/list/entries").json["entries"][0]["entry"]


def test_an_emergency_from_a_spreadsheet(made, tmp_path):
    row = {name: value if value is not None else "" for name, value in emergency(0, "鲁H12345").items()}
    path = write_csv(tmp_path / "list.csv", [row])
    made.run("wanted", "import", path, "--head", head(tmp_path), "--out", tmp_path / "list.json")
    result = sign(made, tmp_path / "list.json")
    assert "EMERGENCY 紧急布控" in result.stdout and "1 signature of 2 needed" in result.stdout
    shown = made.try_run("wanted", "show", tmp_path / "list.json", "--dir", made.dir)
    assert shown.returncode == 1, "a checkpoint refuses it with one"
    assert sign(made, tmp_path / "list.json", "li").returncode == 0
    assert made.run("wanted", "show", tmp_path / "list.json", "--dir", made.dir).endswith("verified.\n")
    long = write_csv(tmp_path / "long.csv", [{**row, "valid_until": time_text(now_ms() + 2 * DAY_MS)}])
    result = made.try_run("wanted", "import", long, "--head", head(tmp_path), "--out", tmp_path / "x.json")
    assert result.returncode == 1 and "an emergency entry is valid for 24 hours at most" in result.stderr


def people(**fields):
    at = time_text(now_ms() - HOUR_MS)
    said = {"applicant": f"赵六,370004,{at}", "reviewer": f"李四,370002,{at}", "approver": f"王五,370003,{at}",
            "document": "续字3号", "until": time_text(now_ms() + 100 * DAY_MS), **fields}
    return [part for name, value in said.items() for part in (f"--{name}", value)]


def test_an_extension_is_an_approved_act(tmp_path):
    hq = Hqctl(tmp_path).init().start()
    try:
        hq.publish([entry(0, "鲁H12345"), entry(0, "鲁H23456", priority=1),
                    {name: value or "" for name, value in emergency(0, "鲁H34567").items()}])
        for fields, message in (
                ({"approver": f"赵六,370009,{time_text(now_ms())}"}, "approver: is the applicant"),
                ({"until": time_text(now_ms() + DAY_MS)}, "entry 1: is valid until "),
                ({"reviewer": "李四"}, "--reviewer = '李四': expected NAME,NUMBER,TIME"),
                ({"until": "soon"}, "--until: 'soon' is no time")):
            result = hq.try_run("wanted", "extend", 1, *people(**fields), "--out", tmp_path / "no.json", *hq.online)
            assert result.returncode == 1 and message in result.stderr, result.stderr
            assert not (tmp_path / "no.json").exists()
        said = hq.run("wanted", "extend", 1, *people(), "--out", tmp_path / "one.json", *hq.online)
        assert "(two different clerks)" not in said
        hq.sign(tmp_path / "one.json", "zhang")
        assert hq.publish_file(tmp_path / "one.json")["revision"] == 2
        said = hq.run("wanted", "extend", "鲁H23456", 3, *people(), "--out", tmp_path / "two.json", *hq.online)
        assert "(two different clerks)" in said and "  ~ 3  鲁H34567" in said
        hq.sign(tmp_path / "two.json", "zhang")
        assert hq.try_run("wanted", "publish", tmp_path / "two.json", *hq.online).returncode == 1
        hq.sign(tmp_path / "two.json", "li")
        assert hq.publish_file(tmp_path / "two.json")["revision"] == 3
        rows = hq.entries()
        assert [row["applicant"] for row in rows] == ["赵六"] * 3 and "emergency" not in rows[2]
        assert {row["document"] for row in rows} == {"续字3号"}
        hq.run("wanted", "extend", 1, *people(until=time_text(now_ms() + 200 * DAY_MS)), "--out", tmp_path / "late.json",
               *hq.online)
        hq.sign(tmp_path / "late.json", "zhang")
        hq.withdraw(2)
        assert hq.try_run("wanted", "publish", tmp_path / "late.json", *hq.online).returncode == 1
        hq.run("wanted", "rebase", tmp_path / "late.json", *hq.online)
        assert "1 changed, 0 withdrawn; unsigned" in hq.run("wanted", "show", tmp_path / "late.json")
        hq.sign(tmp_path / "late.json", "li")
        assert hq.publish_file(tmp_path / "late.json")["revision"] == 5
    finally:
        hq.stop()
