"""Import against the list in force: JSON and GBK, the difference, mass changes and conflicts that must be confirmed."""
import json

import pytest
from harness.hqctl import COLUMNS, Hqctl, write_csv
from harness.signing import entry, now_ms, time_text

ROW = {**entry(0, "鲁H12345"), "valid_from": "2026-11-01T00:00:00Z", "valid_until": "2099-05-01T00:00:00Z"}
DAY_MS = 24 * 3600 * 1000


@pytest.fixture(scope="module")
def hq(tmp_path_factory):
    headquarters = Hqctl(tmp_path_factory.mktemp("hq")).init().start()
    yield headquarters
    headquarters.stop()


@pytest.fixture(scope="module")
def head(hq, tmp_path_factory):
    path = tmp_path_factory.mktemp("head") / "head.json"
    path.write_text(json.dumps({"revision": 0, "hash": "sha256:" + "0" * 64, "max_id": 0, "entries": 0, "time": None}))
    return path


def rows_json(rows):
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]


def draft(path):
    return json.loads(path.read_text())


# Forms of a file

@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("form", ["csv", "json"])
def test_either_form_in_either_encoding_says_the_same(hq, head, tmp_path, form, encoding):
    rows = [ROW, {**ROW, "plate": "粤B2345?", "class": "", "officer_risk": ["armed"], "priority": 1,
                  "valid_until": "2099-05-01T08:00:00+08:00"}]
    path = tmp_path / f"list.{form}"
    if form == "csv":
        text = write_csv(path, rows).read_text(encoding="utf-8")
    else:
        rows[1]["class"] = None
        text = json.dumps(rows_json(rows), ensure_ascii=False, indent=1)
    path.write_bytes(text.encode(encoding))
    result = hq.try_run("wanted", "import", path, "--head", head, "--out", tmp_path / "out.json")
    assert result.returncode == 0, result.stderr
    assert ("read as GBK 按 GBK 读取" in result.stderr) == encoding.startswith("gb")
    assert [(e["plate"], e["reason"], e["class"], e["valid_until"], e["officer_risk"])
            for e in draft(tmp_path / "out.json")["added"]] == [
        ("鲁H12345", ROW["reason"], ROW["class"], "2099-05-01T00:00:00.000Z", []),
        ("粤B2345?", ROW["reason"], "any", "2099-05-01T00:00:00.000Z", ["armed"])]


def test_a_file_whose_only_chinese_is_valid_in_both_is_read_as_gbk(hq, head, tmp_path):
    """鲁 in GBK is a valid character of UTF-8 (U+00B3); the dot of a plate in UTF-8 is valid GBK."""
    plain = {**ROW, "reason": "x", "authority": "x", "applicant": "a", "reviewer": "b", "approver": "c", "contact": "1",
             "document": "17", "case_number": "A", "vehicle": "", "instructions": ""}
    path = write_csv(tmp_path / "a.csv", [plain])
    path.write_bytes(path.read_text(encoding="utf-8").encode("gbk"))
    dotted = write_csv(tmp_path / "b.csv", [{**plain, "plate": "AB·1234"}])
    for name, plate in ((path, "鲁H12345"), (dotted, "AB1234")):
        hq.run("wanted", "import", name, "--head", head, "--out", tmp_path / f"{name.stem}.json")
        assert draft(tmp_path / f"{name.stem}.json")["added"][0]["plate"] == plate
    said = hq.try_run("wanted", "import", path, "--head", head, "--encoding", "utf-8")
    assert said.returncode == 1 and ":2:1: plate = '" in said.stderr
    said = hq.try_run("wanted", "import", path, "--head", head, "--encoding", "latin1")
    assert said.stderr == "hqctl: --encoding = 'latin1': expected auto, utf-8 or gbk\n"


@pytest.mark.parametrize("text, message", [
    ("[]", "1:1: no entry in the list"),
    ("\n [\n", "3:0: ']' expected near end of file"),
    ('[\n {"plate": "鲁H1",\n  "plate": "鲁H2"}]', "3:9: duplicate object key near ''plate''"),
    ("[\n 7]", "2:2: expected an object with the fields of an entry"),
    ('[{"id": 7}]', "1:9: id = '7': ids are given at import, expected no such field"),
    ('[{"colour": 7}]', "1:2: unknown field 'colour'"),
    ([ROW, {**ROW, "plate": "鲁"}], "1:{last}: plate = '鲁': is no plate"),
    ([{**ROW, "priority": "1"}], "1:{last}: priority = '1': not a whole number, expected a whole number"),
    ([{**ROW, "priority": 9}], "1:{last}: priority = '9': 9 out of range, expected 1 .. 3"),
    ([{**ROW, "approver": None}], "1:{last}: approver = 'null': missing, expected text"),
], ids=[str(n) for n in range(10)])
def test_a_bad_json_entry_is_told_with_line_column_name_value_and_reason(hq, head, tmp_path, text, message):
    path = tmp_path / "list.json"
    if isinstance(text, list):
        name = message.split(": ")[1].split(" = ")[0]
        text = json.dumps(rows_json(text), ensure_ascii=False)
        message = message.replace("{last}", str(text.rindex(f'"{name}": ') + len(name) + 5))
    path.write_text(text, encoding="utf-8")
    said = hq.try_run("wanted", "import", path, "--head", head)
    assert (said.returncode, said.stderr) == (1, f"{path}:{message}\nhqctl: nothing imported: 1 fault\n")


# Against the list in force

def test_the_difference_is_shown_and_a_dry_run_makes_no_draft(hq, tmp_path):
    hq.publish([{**ROW, "case_number": "D1"}, {**ROW, "case_number": "D2"}, {**ROW, "case_number": "D3"}])
    path = write_csv(tmp_path / "list.csv", [{**ROW, "case_number": "D1"},
                                             {**ROW, "case_number": "D2", "reason": "换了理由"},
                                             {**ROW, "plate": "鲁H99999", "case_number": "D4"}])
    args = ("wanted", "import", path, "--out", tmp_path / "out.json", *hq.online)
    shown = hq.run(*args, "--dry-run")
    assert "with 3 entries: 1 added, 1 changed, 0 withdrawn; 1 are there already" in shown
    assert f'      reason: "{ROW["reason"]}" -> "换了理由"' in shown and "Dry run: no draft was made." in shown
    assert not (tmp_path / "out.json").exists()
    answer = json.loads(hq.run(*args, "--dry-run", "--json", "--whole"))
    assert [(e["plate"], e["case_number"]) for e in answer["diff"]["added"]] == [("鲁H99999", "D4")]
    assert [(c["before"]["id"], c["after"]["id"]) for c in answer["diff"]["changed"]] == [(2, 2)]
    assert [e["case_number"] for e in answer["diff"]["withdrawn"]] == ["D3"] and "draft" not in answer
    hq.run(*args, "--whole")
    made = draft(tmp_path / "out.json")
    assert ([e["id"] for e in made["added"]], [e["id"] for e in made["changed"]],
            [e["id"] for e in made["withdrawn"]]) == ([4], [2], [3])
    hq.publish_file(hq.sign(tmp_path / "out.json", "zhang"))
    again = hq.try_run("wanted", "import", path, "--whole", "--out", tmp_path / "again.json", *hq.online)
    assert again.returncode == 0 and "says all of it already; no draft was made" in again.stderr
    assert not (tmp_path / "again.json").exists()


def test_a_mass_change_needs_its_own_word(hq, tmp_path):
    rows = [{**ROW, "case_number": f"M{n}", "priority": 1, "valid_until": time_text(now_ms() + 30 * DAY_MS)}
            for n in range(21)]
    path = write_csv(tmp_path / "list.csv", rows)
    args = ("wanted", "import", path, "--out", tmp_path / "out.json", *hq.online)
    said = hq.try_run(*args)
    assert said.returncode == 1 and not (tmp_path / "out.json").exists()
    assert said.stderr.splitlines() == [
        "WARNING 警告: 21 entries would become priority 1 (of 21) 21 条将成为一级",
        "hqctl: no draft was made: look at what is said above, then say --confirm-mass"]
    dry = hq.try_run(*args, "--dry-run", "--json")
    assert dry.returncode == 0
    assert [(s["what"], s["count"], s["of"]) for s in json.loads(dry.stdout)["suspicious"]] == [("priority_1", 21, 21)]
    hq.run(*args, "--confirm-mass")
    assert len(draft(tmp_path / "out.json")["added"]) == 21


def test_a_whole_list_needs_the_list_in_force(hq, head, tmp_path):
    path = write_csv(tmp_path / "list.csv", [ROW])
    said = hq.try_run("wanted", "import", path, "--head", head, "--whole")
    assert said.stderr == "hqctl: --whole: needs the list in force, expected no --head\n"


def test_the_manual_names_every_column(hq):
    manual = hq.run("wanted", "import", "--help")
    assert all(name.split("_number")[0].split("_time")[0] in manual for name in COLUMNS)
