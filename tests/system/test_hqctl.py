"""hqctl as people use it: a headquarters made by init, run, and worked with; every refusal with its exact text."""
import base64
import hashlib
import json
import os
import select
import signal
import sqlite3
import stat
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from harness.hqctl import COLUMNS, ROOTS, Hqctl, HqctlError, enrolled, write_csv
from harness.process import SLOWNESS, check_report, wait_for
from harness.signing import canonical, entry, list_bytes, payload_of, time_text, now_ms
from harness.records import Journal

NO_ZEROS = "sha256:" + "0" * 64
DEADLINE_S = 20 * SLOWNESS


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of 'hqctl init' that tests only read."""
    return Hqctl(tmp_path_factory.mktemp("made")).init()


@pytest.fixture()
def hq(tmp_path):
    headquarters = Hqctl(tmp_path).init().start()
    yield headquarters
    headquarters.stop()


def refused(hq, *args, status=1, **options):
    """What a command that must fail says on standard error."""
    result = hq.try_run(*args, **options)
    assert result.returncode == status, (result.returncode, result.stdout, result.stderr)
    return result.stderr


def signatures(path):
    return json.loads(path.read_text())["signatures"]


# Arguments

def test_every_command_has_a_manual(made):
    overview = made.run("--help")
    commands = [line[2:24].strip() for line in overview.splitlines() if line.startswith("  ") and line[2].isalpha()
                and not line.startswith("  ~")]
    assert {"init", "clerk add", "enroll", "wanted import", "wanted sign", "wanted publish", "wanted withdraw",
            "hits", "checkpoints", "audit verify", "accept-chain", "revoke"} <= set(commands)
    for command in commands:
        if command.startswith("0 done"):
            continue
        text = made.run(*command.split(), "--help")
        assert text.startswith(f"NAME\n  hqctl {command} - ") and "EXIT STATUS" in text and "--json" in text


@pytest.mark.parametrize("args, message", [
    (["nonsense"], "hqctl: 'nonsense' is no command\nTry 'hqctl --help'.\n"),
    (["enroll"], "hqctl enroll: missing an argument, expected CHECKPOINT\nTry 'hqctl enroll --help'.\n"),
    (["enroll", "a", "b"], "hqctl enroll: unexpected argument 'b'\nTry 'hqctl enroll --help'.\n"),
    (["enroll", "a", "--minutes", "0"],
     "hqctl enroll: --minutes = '0': expected a whole number from 1 to 4320\nTry 'hqctl enroll --help'.\n"),
    (["enroll", "a", "--minutes"],
     "hqctl enroll: --minutes: missing its value, expected --minutes N\nTry 'hqctl enroll --help'.\n"),
    (["hits", "--fallow"], "hqctl hits: unknown option '--fallow'\nTry 'hqctl hits --help'.\n"),
    (["wanted", "sign", "x"], "hqctl wanted sign: missing --key FILE\nTry 'hqctl wanted sign --help'.\n"),
])
def test_wrong_arguments_are_told(made, args, message):
    assert refused(made, *args, status=2) == message


@pytest.mark.parametrize("text, message", [
    ("hq: https://127.0.0.1:1\nhq_root: /r\nfleet: A\ncertificate: /c\nkey: /k\n",
     "{path}:3: fleet = 'A': not a name, expected 1 to 64 of a-z 0-9 -"),
    ("hq: http://127.0.0.1:1\nhq_root: /r\nfleet: a\ncertificate: /c\nkey: /k\n",
     "{path}:1: hq = 'http://127.0.0.1:1': no address, expected https://HOST:PORT"),
    ("hq: https://127.0.0.1:1\nhq_rot: /r\n", "{path}:2: hq_rot: unknown key, did you mean 'hq_root'?"),
])
def test_a_wrong_configuration_is_told_with_its_line(made, tmp_path, text, message):
    path = tmp_path / "hqctl.yaml"
    path.write_text(text)
    said = refused(made, "whoami", "--config", path, status=78)
    assert said == f"hqctl: {message.format(path=path)}\n"


# init

def test_init_leaves_what_the_contract_lists(made):
    files = {str(p.relative_to(made.dir)): stat.S_IMODE(p.stat().st_mode)
             for p in made.dir.rglob("*") if p.is_file()}
    for name in ("roots/root-1.pub.pem", "roots/root-2.pub.pem", "roots/root-3.pub.pem", "keyset.json",
                 "ca/box-root.pem", "ca/hq-root.pem", "ca/console-root.pem", "ca/update-root.pem",
                 "ca/stick-root.pem", "ca/box-issuing.pem", "ca/box-issuing.key.pem", "hqd/server.pem",
                 "hqd/server.key.pem", "hqd/freshness.key.pem", "hqd/receipt.key.pem",
                 "operators/zhang/cert.pem", "operators/zhang/key.pem", "clerks/zhang.key.pem",
                 "clerks/li.key.pem", "secret/root-1.key.pem", "secret/box-root.key.pem", "hqd.yaml",
                 "hq-cad.yaml", "box/roots/root-1.pub.pem", "box/uplinkd/hq-root.pem",
                 "box/uplinkd/box-root.pem", "box/keyset.json"):
        assert name in files, name
    for name, mode in files.items():
        if name.endswith(("key.pem", ".yaml")):
            assert mode == 0o600, name
    for folder in (made.dir, *[p for p in made.dir.rglob("*") if p.is_dir()]):
        for_boxes = made.dir / "box" in (folder, *folder.parents)
        assert stat.S_IMODE(folder.stat().st_mode) == (0o755 if for_boxes else 0o700), folder
    assert not made.dir.with_name("hq.new").exists()


def test_secret_keys_open_only_with_their_own_passphrase(made):
    names = ["root-1", "root-2", "root-3"]
    keys = [(made.dir / f"secret/{n}.key.pem", p) for n, p in zip(names, ROOTS)]
    keys += [(made.dir / f"secret/{n}-root.key.pem", ROOTS[3]) for n in ("box", "hq", "console")]
    keys += [(made.dir / "secret/update-root.key.pem", ROOTS[4]), (made.dir / "secret/stick-root.key.pem", ROOTS[5])]
    keys += [(made.clerk_key(n), made.passphrases[n]) for n in made.clerks]
    for path, passphrase in keys:
        load_pem_private_key(path.read_bytes(), passphrase.encode())
        with pytest.raises(ValueError):
            load_pem_private_key(path.read_bytes(), b"another passphrase")
        with pytest.raises(TypeError):
            load_pem_private_key(path.read_bytes(), None)


def test_the_key_set_is_signed_by_two_roots_and_holds_the_roles(made):
    value = json.loads((made.dir / "keyset.json").read_text())
    payload = base64.b64decode(value["payload"])
    roots = {}
    for number in (1, 2, 3):
        path = made.dir / f"roots/root-{number}.pub.pem"
        der = subprocess.run(["openssl", "pkey", "-pubin", "-in", path, "-outform", "DER"],
                             capture_output=True, check=True).stdout
        roots["sha256:" + hashlib.sha256(der).hexdigest()] = load_pem_public_key(path.read_bytes())
    assert len({s["key"] for s in value["signatures"]}) == 2
    for one in value["signatures"]:
        roots[one["key"]].verify(base64.b64decode(one["sig"]), b"checkpoint:keyset/1\n" + payload)
    keys = json.loads(payload)["keys"]
    assert sorted((k["role"], k["holder"]) for k in keys) == [
        ("freshness", "hqd"), ("list", "li"), ("list", "zhang"), ("observe", "hq"), ("receipt", "hqd")]


def test_roots_are_separate_and_chains_hold(made):
    def verify(root, *more):
        return subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", made.dir / f"ca/{root}-root.pem", *more],
                              capture_output=True, check=False).returncode

    assert verify("box", made.dir / "ca/box-issuing.pem") == 0
    assert verify("hq", "-purpose", "sslserver", made.dir / "hqd/server.pem") == 0
    assert verify("console", "-purpose", "sslclient", made.dir / "operators/zhang/cert.pem") == 0
    for root in ("console", "box", "update", "stick"):
        assert verify(root, made.dir / "hqd/server.pem") != 0


def test_init_refuses_a_folder_in_use_and_leaves_nothing_on_failure(made, tmp_path):
    options = ["--fleet", "f", "--hq-address", "h", "--operator", "o", "--clerk", "a", "--clerk", "b"]
    said = refused(made, "init", made.dir, *options, passphrases=ROOTS)
    assert said == f"hqctl: {made.dir}: not empty, expected a new or an empty folder\n"
    new = tmp_path / "new"
    said = refused(made, "init", new, *options, passphrases=ROOTS)
    assert said == "hqctl: passphrase of the list key of clerk a: no line left to read\n"
    said = refused(made, "init", new, *options, passphrases=["short"])
    assert said == "hqctl: passphrase of the root key 1 of 3: 5 bytes, expected at least 12\n"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "new.new").mkdir()
    assert "left by an init that did not end" in refused(made, "init", new, *options, passphrases=ROOTS)


def test_init_that_cannot_end_removes_what_it_made(made, tmp_path):
    """A file where the folder should go makes the very last step, the rename, fail."""
    target = tmp_path / "hq"
    target.mkdir()
    options = ["--fleet", "f", "--hq-address", "h", "--operator", "o", "--clerk", "a", "--clerk", "b"]
    os.chmod(tmp_path, 0o700)
    result = subprocess.run(
        ["bash", "-c", f"ulimit -f 0; exec \"$@\"", "-", *made.argv("init", target, *options, "--passphrase-fd", "0")],
        input="".join(f"{p}\n" for p in [*ROOTS, "passphrase of a", "passphrase of b"]), capture_output=True,
        text=True, check=False)
    assert result.returncode != 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hq"] and list(target.iterdir()) == []


@pytest.mark.parametrize("change, message", [
    ({"--fleet": "Fleet"}, "--fleet = 'Fleet': expected 1 to 64 of a-z 0-9 -, a letter or digit first and last"),
    ({"--operator": "张"}, "--operator = '张': expected 1 to 64 of a-z 0-9 -, a letter or digit first and last"),
    ({"--hq-address": "h:99999"}, "--hq-address: 'h:99999': port '99999', expected 0 to 65535"),
    ({"--hq-address": "a:b:c"}, "--hq-address: 'a:b:c': no address, expected HOST, HOST:PORT or [IPV6]:PORT"),
    ({"--state-dir": "state"}, "--state-dir = 'state': expected an absolute path of at most 180 bytes"),
])
def test_init_refuses_wrong_options(made, tmp_path, change, message):
    options = {"--fleet": "f", "--hq-address": "h", "--operator": "o", **change}
    args = [part for pair in options.items() for part in pair]
    said = refused(made, "init", tmp_path / "new", *args, "--clerk", "a", "--clerk", "b", passphrases=ROOTS)
    assert said == f"hqctl: {message}\n"
    same = refused(made, "init", tmp_path / "new", "--fleet", "f", "--hq-address", "h", "--operator", "o",
                   "--clerk", "a", "--clerk", "a", passphrases=ROOTS)
    assert same == "hqctl: --clerk = 'a': given twice, expected two people\n"


# import

def head_file(folder, revision=0, max_id=0):
    path = folder / "head.json"
    path.write_text(json.dumps({"revision": revision, "hash": NO_ZEROS, "max_id": max_id, "entries": 0,
                                "time": None if revision == 0 else time_text(now_ms()),
                                "freshness": None, "keyset_version": 1}))
    return path


def test_import_gives_new_ids_above_the_head(made, tmp_path):
    path = write_csv(tmp_path / "list.csv", [entry(0, "鲁H12345"), entry(0, "鲁H2345?", priority=1,
                                                                       officer_risk=["armed", "violent"])])
    answer = made.json("wanted", "import", path, "--head", head_file(tmp_path, max_id=41))[0]
    assert answer == {"draft": str(tmp_path / "list.draft.json"), "entries": 2, "priority_1": 1, "revision": 1,
                      "changed": 0, "unchanged": 0, "withdrawn": 0, "suspicious": [], "conflicts": []}
    draft = json.loads((tmp_path / "list.draft.json").read_text())
    assert [(e["id"], e["plate"], e["officer_risk"]) for e in draft["added"]] == [
        (42, "鲁H12345", []), (43, "鲁H2345?", ["armed", "violent"])]
    assert draft["head"] == {"revision": 0, "hash": NO_ZEROS, "max_id": 41, "time": None}
    said = refused(made, "wanted", "import", path, "--head", tmp_path / "head.json")
    assert said == f"hqctl: {tmp_path}/list.draft.json: is there already; remove it or choose another --out\n"


def test_a_plate_of_no_known_form_is_imported_but_pointed_at(made, tmp_path):
    path = write_csv(tmp_path / "list.csv", [entry(0, plate, case_number=f"C{at}") for at, plate in enumerate(
        ("鲁H12345", "鲁H1234", "鲁HD12345", "ABC123", "鲁H1234567"))])
    result = made.try_run("wanted", "import", path, "--head", head_file(tmp_path))
    assert result.returncode == 0 and "\n5 entries added (0 of priority 1), " in result.stdout
    assert result.stderr == ("hqctl: plate '鲁H1234', case C1: fits no known form; is it complete?\n"
                             "hqctl: plate '鲁H1234567', case C4: fits no known form; is it complete?\n")


ROW = {**entry(0, "鲁H12345"), "valid_from": "2026-11-01T00:00:00Z", "valid_until": "2099-05-01T00:00:00Z"}


@pytest.mark.parametrize("change, message", [
    ({"plate": "鲁"}, "{path}:2:1: plate = '鲁': is no plate"),
    ({"plate": "鲁H1???"}, "{path}:2:1: plate = '鲁H1???': gives too little, expected at least 4 characters"),
    ({"class": ""}, "{path}:2:9: class = '': missing, expected two digits (GA/T 16.7) or any for a full plate"),
    ({"class": "x"}, "{path}:2:9: class = 'x': expected two digits or capitals (GA/T 16.7) or any"),
    ({"category": "theft"}, "{path}:2:13: category = 'theft': expected other, stolen, fugitive, hit_and_run, "
                            "cloned, missing, case or self_test"),
    ({"priority": "0"}, "{path}:2:20: priority = '0': 0 out of range, expected 1 .. 3"),
    ({"priority": "top"}, "{path}:2:20: priority = 'top': not a whole number, expected a whole number"),
    ({"handling": "watch"}, "{path}:2:22: handling = 'watch': expected stop or observe"),
    ({"officer_risk": "armed;loud"}, "{path}:2:27: officer_risk = 'armed;loud': 'loud', expected each of armed, "
                                     "violent, several_people at most once"),
    ({"approver": ""}, "{path}:2:58: approver = '': missing, expected text"),
    ({"approver": "张三"}, "{path}:2:58: approver = '张三': is the applicant, expected another person"),
    ({"reason": "a\nb"}, "{path}:2:28: reason = 'a?b': control character in text"),
    ({"valid_until": "2026-13-01T00:00:00Z"}, "{path}:2:91: valid_until = '2026-13-01T00:00:00Z': is no time, "
                                              "expected UTC as 2026-11-24T03:46:48.123Z"),
    ({"valid_until": "2026-11-02T00:00:00Z"}, "{path}:2:91: valid_until = '2026-11-02T00:00:00Z': already past, the "
                                              "entry would never alert"),
    ({"valid_until": "2026-11-01T00:00:00Z"},
     "{path}:2:91: valid_until = '2026-11-01T00:00:00Z': not after valid_from"),
])
def test_a_bad_row_is_told_with_line_column_name_value_and_reason(made, tmp_path, change, message):
    path = write_csv(tmp_path / "list.csv", [{**ROW, **change}, entry(0, "鲁H23456")])
    said = refused(made, "wanted", "import", path, "--head", head_file(tmp_path))
    assert said == message.format(path=path) + "\nhqctl: nothing imported: 1 fault\n"
    assert not (tmp_path / "list.draft.json").exists()


HEADER = ",".join(COLUMNS)


@pytest.mark.parametrize("data, message", [
    (b"", ["1:1: empty, expected a first line with the column names"]),
    (HEADER.encode() + b"\r\n", ["1:1: no row below the column names"]),
    (HEADER.replace("vehicle", "colour").encode() + b"\n", [
        "1:154: column 'colour': unknown, expected plate, class, category, priority, handling, officer_risk, reason, "
        "authority, case_number, applicant, reviewer, approver, each of these with _number and _time, document, "
        "emergency, contact, valid_from, valid_until, instructions or vehicle"]),
    (HEADER.replace("vehicle", "plate").encode(), ["1:154: column 'plate': stands twice"]),
    (HEADER.replace("vehicle", "id").encode(), ["1:154: column 'id': ids are given at import, expected no such column"]),
    (HEADER.replace(",approver,", ",").encode(), ["1:1: column 'approver': missing"]),
    (HEADER.replace(",", ";").encode(), ["1:1: column 'plate;class;category;priority;handling;officer_risk;reason;"
                                        "authority;case_number;applicant;reviewer': one column only, expected "
                                        "columns separated by commas"]),
    (HEADER.encode() + b"\na,b\n", ["2:1: 2 fields, expected 25 as in line 1"]),
    (HEADER.encode() + "\n鲁H".encode() + b"\xc2\xb3\xbd", ["2:4: byte 0xBD is no UTF-8, expected UTF-8: save it as "
                                                          "'CSV UTF-8'"]),
    (HEADER.encode("utf-16"), ["1:1: UTF-16, expected UTF-8: save it as 'CSV UTF-8'"]),
    (HEADER.encode() + b'\n"a,\n', ["2:1: the quote opened here is never closed"]),
    (HEADER.encode() + b'\n"a"b,\n', ["2:4: text behind a closing quote, expected a comma"]),
    (HEADER.encode() + b'\na"b,\n', ["2:2: quote inside a field without quotes, expected \"…\" around the whole field "
                                    "and \"\" for a quote in it"]),
    (HEADER.encode() + b"\na\rb\n", ["2:2: carriage return alone, expected CRLF or LF"]),
    (HEADER.encode() + b"\na\x00b\n", ["2:2: control character 0x00"]),
    (HEADER.encode() + b"\n" + b"," * 70 + b"\n", ["2:65: more than 64 fields in a row"]),
    (HEADER.encode() + b"\n" + b"x" * 40000 + b"\n", ["2:32768: row above 32768 bytes"]),
], ids=[str(n) for n in range(17)])
def test_a_malformed_file_is_told_with_its_place(made, tmp_path, data, message):
    path = tmp_path / "list.csv"
    path.write_bytes(data)
    said = refused(made, "wanted", "import", path, "--head", head_file(tmp_path))
    expected = "".join(f"{path}:{line}\n" for line in message)
    assert said == f"{expected}hqctl: nothing imported: {len(message)} fault{'s' if len(message) > 1 else ''}\n"


def test_all_bad_rows_are_told_up_to_a_bound(made, tmp_path):
    path = write_csv(tmp_path / "list.csv", [{**ROW, "plate": f"#{n}"} for n in range(150)] + [ROW, ROW])
    result = made.try_run("wanted", "import", path, "--head", head_file(tmp_path), "--json")
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 102 and lines[0].startswith(f"{path}:2:1: plate = ")
    assert lines[-2:] == ["… and 51 more", "hqctl: nothing imported: 151 faults"]
    error = json.loads(result.stdout)["error"]
    assert error["count"] == 151 and error["faults"][2] == {
        "line": 4, "column": 1, "field": "plate", "value": "#2", "reason": "is no plate"}


def test_the_same_vehicle_and_case_twice_in_a_file_is_refused(made, tmp_path):
    path = write_csv(tmp_path / "list.csv", [ROW, {**ROW, "case_number": "other"}, ROW])
    said = refused(made, "wanted", "import", path, "--head", head_file(tmp_path))
    assert said.splitlines()[0] == f"{path}:4:1: same plate, class and case_number as line 2"


def test_a_spreadsheets_file_is_read(made, tmp_path):
    """BOM, CRLF, quotes, another column order, empty rows at the end, a local time."""
    columns = list(reversed(COLUMNS))
    row = {**ROW, "reason": 'said "stop", then left', "valid_until": "2099-05-01T08:00:00+08:00"}
    path = write_csv(tmp_path / "list.csv", [row], columns)
    text = path.read_text(encoding="utf-8") + "," * 24 + "\r\n\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    made.run("wanted", "import", path, "--head", head_file(tmp_path))
    draft = json.loads((tmp_path / "list.draft.json").read_text())
    assert [(e["reason"], e["valid_until"]) for e in draft["added"]] == [
        ('said "stop", then left', "2099-05-01T00:00:00.000Z")]


@pytest.mark.parametrize("text, message", [
    ("{", "line 1 column 1: string or '}' expected near end of file"),
    ("[]", "no JSON object, expected a draft"),
    ('{"type":"x"}', "type = 'x': expected wanted-draft/1"),
    ('{"type":"wanted-draft/1","heads":1}', "'heads': unknown, expected type, source, head, added, changed or withdrawn"),
    ('{"type":"wanted-draft/1"}', "head: missing, expected an object"),
    ('{"type":"wanted-draft/1","head":{"revision":0,"max_id":5,"time":null,"hash":"%s"},"added":[{"id":5}]}' % NO_ZEROS,
     "added[0].id: expected a whole number above 5"),
    ('{"type":"wanted-draft/1","head":{"revision":0,"max_id":5,"time":null,"hash":"%s"},"added":[],"withdrawn":[]}'
     % NO_ZEROS, "nothing added, changed or withdrawn"),
    ('{"type":"wanted-draft/1","head":{"revision":0,"max_id":5,"time":null,"hash":"%s"},"added":[{"id":6}],'
     '"withdrawn":[]}' % NO_ZEROS, "added[0]: category: missing, expected text"),
    ('{"type":"wanted-batch/1"}\n', "line 1: envelope: alg: missing, expected text"),
])
def test_a_malformed_draft_is_told(made, tmp_path, text, message):
    path = tmp_path / "list.json"
    path.write_text(text)
    said = refused(made, "wanted", "sign", path, "--key", made.clerk_key("li"), passphrases=["x"])
    assert said == f"hqctl: {path}: {message}\n"


# sign

def draft_of(hq, tmp_path, *entries, name="list"):
    path = write_csv(tmp_path / f"{name}.csv", entries)
    hq.run("wanted", "import", path, "--head", head_file(tmp_path))
    return tmp_path / f"{name}.draft.json"


def test_a_signed_batch_is_what_python_and_openssl_expect(made, tmp_path):
    entries = [entry(0, "鲁H12345"), entry(0, "京A12345", priority=1)]
    path = draft_of(made, tmp_path, *entries)
    for clerk in made.clerks:
        made.sign(path, clerk)
    value = json.loads(path.read_text())
    payload = payload_of(path.read_text())
    head, _, rest = payload.partition(b"\n")
    fields = json.loads(head)
    assert (fields["revision"], fields["prev"], fields["added"]) == (1, NO_ZEROS, 2)
    expected = [{**e, "id": n} for n, e in enumerate(entries, 1)]
    assert rest == b"".join(list_bytes(expected))
    (tmp_path / "signed").write_bytes(b"checkpoint:wanted-batch/1\n" + payload)
    for one, clerk in zip(value["signatures"], made.clerks):
        (tmp_path / "sig").write_bytes(base64.b64decode(one["sig"]))
        public = tmp_path / f"{clerk}.pub.pem"
        subprocess.run(["openssl", "pkey", "-in", made.clerk_key(clerk), "-passin",
                        f"pass:{made.passphrases[clerk]}", "-pubout", "-out", public], check=True)
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in",
                        tmp_path / "signed", "-sigfile", tmp_path / "sig"], check=True, capture_output=True)
        with pytest.raises(subprocess.CalledProcessError):
            (tmp_path / "sig").write_bytes(bytes(64))
            subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in",
                            tmp_path / "signed", "-sigfile", tmp_path / "sig"], check=True, capture_output=True)


def test_signing_shows_what_is_signed_before_the_passphrase(made, tmp_path):
    path = draft_of(made, tmp_path, entry(0, "鲁H12345"), entry(0, "京A12345", priority=1, reason="持枪"))
    result = made.try_run("wanted", "sign", path, "--key", made.clerk_key("li"), passphrases=["wrong"])
    assert result.returncode == 1
    assert "2 added, 0 changed, 0 withdrawn; priority 1: 1" in result.stdout
    assert "+ 2  京A12345  class any  stolen  priority 1  case A3717000001  持枪" in result.stdout
    assert result.stderr == f"hqctl: {made.clerk_key('li')}: wrong passphrase\n"
    assert json.loads(path.read_text())["type"] == "wanted-draft/1"


def test_priority_1_needs_two_clerks_on_the_box_as_well(made, tmp_path):
    path = draft_of(made, tmp_path, entry(0, "京A12345", priority=1))
    made.sign(path, "zhang")
    said = refused(made, "wanted", "show", path, "--dir", made.dir)
    assert said == ("hqctl: revision 1: wanted batch: holds a priority 1 or observe entry, expected two different "
                    "clerks\n")
    again = refused(made, "wanted", "sign", path, "--key", made.clerk_key("zhang"), "--dir", made.dir,
                    passphrases=[made.passphrases["zhang"]])
    assert again == "hqctl: clerk zhang has signed it already, expected another clerk\n"
    assert len(signatures(path)) == 1
    made.sign(path, "li")
    assert made.run("wanted", "show", path, "--dir", made.dir).splitlines()[-1] == (
        "A box would take it: signatures and clerks verified.")


def test_a_key_that_is_no_clerks_is_refused(made, tmp_path):
    path = draft_of(made, tmp_path, entry(0, "京A12345"))
    key = made.dir / "hqd/freshness.key.pem"
    said = refused(made, "wanted", "sign", path, "--key", key, "--dir", made.dir)
    assert said == f"hqctl: {key}: is no clerk's list key in key set version 1\n"
    loose = tmp_path / "loose.key.pem"
    loose.write_bytes(made.clerk_key("li").read_bytes())
    loose.chmod(0o644)
    said = refused(made, "wanted", "sign", path, "--key", loose, passphrases=[made.passphrases["li"]])
    assert said == f"hqctl: {loose}: mode 0644, expected 0600: a private key\n"


def test_an_altered_signed_file_is_noticed(made, tmp_path):
    path = draft_of(made, tmp_path, entry(0, "京A12345"))
    made.sign(path, "li")
    value = json.loads(path.read_text())
    payload = base64.b64decode(value["payload"]).replace("王五".encode(), "王六".encode())
    path.write_text(json.dumps({**value, "payload": base64.b64encode(payload).decode()}))
    said = refused(made, "wanted", "show", path, "--dir", made.dir)
    assert said == "hqctl: revision 1: wanted batch: signatures[0]: does not verify\n"


def test_a_list_larger_than_a_batch_becomes_several_that_follow_one_another(made, tmp_path):
    path = draft_of(made, tmp_path, *[entry(0, f"京A{n:05d}") for n in range(3000)])
    made.sign(path, "li")
    lines = path.read_text().splitlines()
    assert len(lines) == 3
    before, ids = bytes(32), 0
    for revision, line in enumerate(lines, 1):
        payload = payload_of(line)
        head = json.loads(payload.partition(b"\n")[0])
        assert (head["revision"], head["prev"]) == (revision, "sha256:" + before.hex())
        before, ids = hashlib.sha256(payload).digest(), ids + head["added"]
        assert len(line) <= 1 << 20
    assert ids == 3000


def test_a_terminal_is_asked_without_echo(made, tmp_path):
    path = draft_of(made, tmp_path, entry(0, "京A12345"))
    pid, fd = os.forkpty()
    if pid == 0:
        os.execv(made.argv()[0], made.argv("wanted", "sign", path, "--key", made.clerk_key("li")))
    seen = b""
    while b"passphrase of the" not in seen:
        assert select.select([fd], [], [], DEADLINE_S)[0], seen
        seen += os.read(fd, 4096)
    os.write(fd, made.passphrases["li"].encode() + b"\n")
    while True:
        assert select.select([fd], [], [], DEADLINE_S)[0], seen
        try:
            more = os.read(fd, 4096)
        except OSError:  # the terminal ends with the program
            break
        if not more:
            break
        seen += more
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
    os.close(fd)
    assert made.passphrases["li"].encode() not in seen
    assert len(signatures(path)) == 1


# With hqd

def test_what_init_wrote_starts_and_knows_the_operator(hq):
    me = hq.json("whoami", *hq.online)[0]
    assert (me["operator"], me["fleet"], me["keyset_version"]) == ("zhang", "testfleet", 1)


def test_publish_list_withdraw(hq):
    answer = hq.publish([entry(0, "鲁H12345"), entry(0, "京A12345", priority=1)])
    assert answer["revision"] == 1
    assert [(e["id"], e["plate"]) for e in hq.entries()] == [(1, "鲁H12345"), (2, "京A12345")]
    assert hq.withdraw("鲁H12345")["revision"] == 2
    assert [e["id"] for e in hq.entries()] == [2]
    assert hq.withdraw(2, clerk="li")["revision"] == 3
    assert hq.entries() == []
    head = hq.json("wanted", "head", *hq.online)[0]
    told = hq.run("wanted", "head", *hq.online)
    assert told.startswith(f"Revision {head['revision']}, {head['entries']} entries, ")
    for command in (("wanted", "head"), ("hits", "--help")):
        with open("/dev/full", "w") as full:
            broken = subprocess.run(hq.argv(*command, *hq.online), stdout=full, stderr=subprocess.PIPE, text=True,
                                    timeout=60, check=False)
        assert (broken.returncode, broken.stderr) == (1, "hqctl: the answer could not be written\n"), command
    assert (head["revision"], head["max_id"], head["entries"]) == (3, 2, 0)
    assert hq.publish([entry(0, "鲁H12345")])["revision"] == 4
    assert [e["id"] for e in hq.entries()] == [3]


def test_one_clerk_is_refused_by_hqd_and_two_are_not(hq):
    path = hq.import_entries([entry(0, "京A12345", priority=1)])
    said = refused(hq, "wanted", "publish", path, *hq.online)
    assert said == f"hqctl: {path}: is not signed yet: 'hqctl wanted sign' first\n"
    hq.sign(path, "zhang")
    said = refused(hq, "wanted", "publish", path, *hq.online)
    assert said.endswith("/v1/list/batches: HTTP 422 refused: wanted batch: holds a priority 1 or observe entry, "
                         "expected two different clerks\n")
    hq.sign(path, "li")
    assert hq.publish_file(path)["revision"] == 1
    assert hq.publish_file(path)["revision"] == 1


def test_the_second_of_two_clerks_is_told_who_was_first_and_can_rebase(hq):
    mine, theirs = hq.import_entries([entry(0, "鲁H12345")]), hq.import_entries([entry(0, "鲁H23456")])
    hq.sign(mine, "zhang")
    hq.sign(theirs, "li")
    hq.publish_file(theirs)
    said = refused(hq, "wanted", "publish", mine, *hq.online)
    assert said.startswith("hqctl: revision 1 was published before yours, signed by li (the list is at 1 since 20")
    assert said.endswith(f"): run 'hqctl wanted rebase {mine}', then sign it again\n")
    hq.run("wanted", "rebase", mine, *hq.online)
    hq.sign(mine, "zhang")
    assert hq.publish_file(mine)["revision"] == 2
    assert [(e["id"], e["plate"]) for e in hq.entries()] == [(1, "鲁H23456"), (2, "鲁H12345")]


def test_a_large_file_is_published_in_steps_and_goes_on_after_a_break(hq):
    path = hq.import_entries([entry(0, f"京A{n:05d}") for n in range(3000)])
    hq.sign(path, "li")
    lines = path.read_text().splitlines()
    first = path.with_name("first.json")
    first.write_text(lines[0] + "\n")
    assert hq.publish_file(first)["revision"] == 1
    assert hq.publish_file(path)["revision"] == len(lines) > 1
    assert len(hq.entries()) == 3000


def test_what_is_left_of_a_broken_publish_is_rebased_alone(hq):
    """Between the first batch and the others another clerk was quicker."""
    path = hq.sign(hq.import_entries([entry(0, f"京A{n:05d}") for n in range(3000)]), "li")
    (path.parent / "first.json").write_text(path.read_text().splitlines()[0] + "\n")
    hq.publish_file(path.parent / "first.json")
    hq.withdraw("1", clerk="zhang")
    assert "revision 2 was published before yours" in refused(hq, "wanted", "publish", path, *hq.online)
    hq.run("wanted", "rebase", path, *hq.online)
    hq.publish_file(hq.sign(path, "li"))
    assert sorted(e["plate"] for e in hq.entries()) == [f"京A{n:05d}" for n in range(1, 3000)]
    assert refused(hq, "wanted", "rebase", path, *hq.online) == "hqctl: all of it is on the list already\n"


def look_alikes(count):
    """Entries of one plate and those that look like it."""
    return [entry(0, "鲁H" + "".join("0DQO"[n >> 2 * at & 3] for at in range(5)), case_number=f"C{n}")
            for n in range(count)]


def test_a_list_past_what_an_index_holds_is_refused_before_any_box_hears_of_it(hq):
    hq.publish(look_alikes(4096), clerks=["li"])
    revision, entries = hq.json("wanted", "head", *hq.online)[0]["revision"], len(hq.entries())
    path = hq.import_entries([entry(0, "鲁H1234?"), entry(0, "鲁HDDDDD", case_number="one more")])
    hq.sign(path, "li")  # a clerk offline knows the file alone
    said = refused(hq, "wanted", "publish", path, *hq.online)
    assert said.endswith("/v1/list/batches: HTTP 422 refused: entry 4098: makes 4097 entries of its plate and those "
                         "that look like it, expected at most 4096\n")
    assert (hq.json("wanted", "head", *hq.online)[0]["revision"], len(hq.entries())) == (revision, entries)
    hq.withdraw("1", clerk="li")
    hq.run("wanted", "rebase", path, *hq.online)
    assert hq.publish_file(hq.sign(path, "li"))["revision"] == revision + 2


def test_a_file_past_what_an_index_holds_is_refused_to_its_clerk(made, tmp_path):
    path = draft_of(made, tmp_path, *look_alikes(4097))
    said = refused(made, "wanted", "sign", path, "--key", made.clerk_key("li"),
                   passphrases=[made.passphrases["li"]])
    assert said == (f"hqctl: {path}: entry 4097: makes 4097 entries of its plate and those that look like it, "
                    "expected at most 4096\n")
    assert json.loads(path.read_text())["type"] == "wanted-draft/1"


def test_withdrawing_what_is_not_listed_is_refused(hq):
    hq.publish([entry(0, "鲁H12345")])
    out = hq.folder / "w.json"
    for what, message in (("京A12345", "'京A12345': not on the list in force"), ("7", "'7': not on the list in force"),
                          ("鲁", "'鲁': expected an entry's id or its plate")):
        assert refused(hq, "wanted", "withdraw", what, "--out", out, *hq.online) == f"hqctl: {message}\n"
    assert not out.exists()


def test_a_new_clerk_signs_after_the_key_set_is_published(hq):
    new = {"wang": "list key of wang"}
    said = refused(hq, "clerk", "add", hq.dir, "wang", passphrases=[ROOTS[0], "not root 2", "list key of wang"])
    assert said == f"hqctl: {hq.dir}/secret/root-2.key.pem: wrong passphrase\n"
    assert not hq.clerk_key("wang").exists()
    hq.run("clerk", "add", hq.dir, "wang", "--roots", "3,1", passphrases=[ROOTS[2], ROOTS[0], new["wang"]])
    hq.passphrases.update(new)
    path = hq.import_entries([entry(0, "鲁H12345", priority=1)])
    hq.sign(path, "wang")
    hq.sign(path, "li")
    said = refused(hq, "wanted", "publish", path, *hq.online)
    assert said.endswith("HTTP 422 refused: wanted batch: signatures[0]: key is not in key set version 1\n")
    hq.run("keyset", "publish", hq.dir / "keyset.json", *hq.online)
    assert hq.publish_file(path)["revision"] == 1
    said = refused(hq, "keyset", "publish", hq.dir / "keyset.json", *hq.online)
    assert said.startswith("hqctl: hqd holds version 2 already: ")
    said = refused(hq, "clerk", "add", hq.dir, "wang", passphrases=[ROOTS[0], ROOTS[1], "x"])
    assert said == "hqctl: clerk wang: has a list key in key set version 2 already\n"
    hq.run("clerk", "add", hq.dir, "zhao", "--publish", "--hq", hq.online[-1],
           passphrases=[ROOTS[0], ROOTS[1], "list key of zhao"])
    assert hq.json("whoami", *hq.online)[0]["keyset_version"] == 3
    assert (hq.box / "keyset.json").read_bytes() == (hq.dir / "keyset.json").read_bytes()


def test_a_snapshot_is_signed_by_two_clerks_in_turn(hq):
    sign = {name: ["--key", hq.clerk_key(name)] for name in hq.clerks}
    said = refused(hq, "wanted", "snapshot", *sign["li"], *hq.online, passphrases=["x"])
    assert said == "hqctl: the list is empty: nothing was published yet\n"
    hq.publish([entry(0, f"京A{n:05d}") for n in range(40)] + [entry(0, "鲁H12345", priority=1)])
    said = refused(hq, "wanted", "snapshot", *sign["li"], *hq.online, passphrases=[hq.passphrases["li"]])
    assert said == ("hqctl: holds entries of priority 1, expected two clerks: --key twice, or --out FILE for the "
                    "other one\n")
    left = hq.folder / "manifest.json"
    hq.run("wanted", "snapshot", *sign["zhang"], "--out", left, *hq.online, passphrases=[hq.passphrases["zhang"]])
    again = refused(hq, "wanted", "snapshot", *sign["zhang"], "--add", left, *hq.online,
                    passphrases=[hq.passphrases["zhang"]])
    assert again == f"hqctl: {hq.clerk_key('zhang')}: has signed it already, expected another clerk's\n"
    answer = hq.json("wanted", "snapshot", *sign["li"], "--add", left, *hq.online,
                     passphrases=[hq.passphrases["li"]])[0]
    assert (answer["revision"], answer["entries"], answer["published"]) == (1, 41, True)
    hq.withdraw(7)
    hq.publish([entry(0, "鲁H23456")], clerks=["li"])
    said = refused(hq, "wanted", "snapshot", *sign["li"], "--add", left, *hq.online,
                   passphrases=[hq.passphrases["li"]])
    assert said == f"hqctl: {left}: is not the list at revision 3 (it says 1)\n"
    answer = hq.json("wanted", "snapshot", *sign["zhang"], *sign["li"], *hq.online,
                     passphrases=[hq.passphrases["zhang"], hq.passphrases["li"]])[0]
    assert (answer["revision"], answer["entries"], answer["chunks"]) == (3, 41, 1)
    box = enrolled(hq, "lu-hz-01")
    manifest = json.loads(payload_of(box.get("/v1/list/snapshot").body))
    assert (manifest["revision"], manifest["entries"], manifest["max_id"]) == (3, 41, 42)
    chunk = box.get(f"/v1/list/chunks/{manifest['chunks'][0]['hash'].removeprefix('sha256:')}").body
    assert hashlib.sha256(chunk).hexdigest() == manifest["chunks"][0]["hash"].removeprefix("sha256:")


# Checkpoints, hits, audit

def test_a_box_enrols_with_curl_and_openssl_and_shows_up(hq):
    box = enrolled(hq, "lu-hz-01")
    assert box.get("/v1/list/head").status == 200
    row = hq.checkpoints()[0]
    assert (row["id"], row["state"], row["name"]) == ("lu-hz-01", "active", "lu-hz-01")
    assert row["certificate_until"]
    assert hq.run("checkpoints", *hq.online).splitlines()[1].split()[:4] == ["lu-hz-01", "active", "0", "0"]


def send(box, checkpoint, data):
    answer = box.post(f"/v1/checkpoints/{checkpoint}/records", data)
    assert answer.status == 200, answer.body


def test_hits_are_listed_and_followed_over_a_restart_of_hqd(hq):
    hq.keep_port()
    box, journal = enrolled(hq, "lu-hz-01"), Journal("lu-hz-01")
    send(box, "lu-hz-01", journal.line("start") + journal.line("hit", {"plate": "鲁H12345", "lane": 1}))
    follower = hq.follow()
    try:
        first = json.loads(follower.stdout.readline())
        assert (first["checkpoint"], first["record"]["plate"], first["provisional"]) == ("lu-hz-01", "鲁H12345", False)
        send(box, "lu-hz-01", journal.line("hit", {"plate": "鲁H23456", "lane": 2}))
        assert json.loads(follower.stdout.readline())["record"]["lane"] == 2
        hq.hqd.stop()
        assert "going on when hqd answers" in follower.stderr.readline()
        hq.hqd.start()
        send(box, "lu-hz-01", journal.line("hit", {"plate": "鲁H34567", "lane": 1}))
        third = json.loads(follower.stdout.readline())
        assert third["record"]["plate"] == "鲁H34567"
    finally:
        follower.terminate()
        check_report("hqctl", follower.communicate(timeout=DEADLINE_S)[1])
    assert [h["number"] for h in hq.hits()] == [1, 2, 3]
    assert [h["number"] for h in hq.hits(after=2)] == [3]
    assert hq.hits(checkpoint="lu-hz-02") == []
    assert "lane 2  鲁H23456" in hq.run("hits", *hq.online)
    send(box, "lu-hz-01", journal.line("hit", {"plate": "\x1b[2J\n鲁\x9b1m", "lane": 3}))
    assert hq.run("hits", "--after", 3, *hq.online).endswith("  lane 3  ?[2J?鲁?1m    entry 0 priority 0  \n")


def test_audit_is_ok_until_a_record_is_altered_in_the_database(hq):
    box, journal = enrolled(hq, "lu-hz-01"), Journal("lu-hz-01")
    other, second = enrolled(hq, "lu-hz-02"), Journal("lu-hz-02")
    send(box, "lu-hz-01", b"".join(journal.line("passage", {"plate": f"鲁H1000{n}"}) for n in range(5)))
    send(other, "lu-hz-02", second.line("start"))
    report = hq.audit()
    assert report["ok"] and [(c["id"], c["records"]) for c in report["checkpoints"]] == [
        ("lu-hz-01", 5), ("lu-hz-02", 1)]
    assert hq.run("audit", "verify", *hq.online).splitlines()[-1] == "Audit ok."
    said = refused(hq, "audit", "verify", "nobody", *hq.online)
    assert said == "hqctl: nobody: hqd has no record of such a checkpoint\n"
    db = sqlite3.connect(hq.dir / "state/hqd.sqlite", isolation_level=None)
    where = "WHERE checkpoint = 'lu-hz-01' AND sequence = 4"
    event = json.loads(db.execute(f"SELECT line FROM records {where}").fetchone()[0])
    body = base64.b64decode(event["data_base64"])
    event["data_base64"] = base64.b64encode(body.replace(b"10003", b"10004")).decode()
    db.execute("DROP TRIGGER records_no_update")
    db.execute(f"UPDATE records SET line = ? {where}", (json.dumps(event).encode(),))
    db.close()
    result = hq.try_run("audit", "verify", *hq.online)
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("lu-hz-01             FAULT") and lines[1].startswith("    at record 4: ")
    assert lines[2].startswith("lu-hz-02             ok ") and lines[-1] == "Audit found faults."
    report = hq.audit("lu-hz-01")
    assert (report["ok"], report["checkpoints"][0]["fault"]["sequence"]) == (False, 4)
    assert hq.audit("lu-hz-02")["ok"]


def test_a_quarantine_is_shown_and_ended_with_a_reason(hq):
    box, journal = enrolled(hq, "lu-hz-01"), Journal("lu-hz-01")
    send(box, "lu-hz-01", journal.line("start"))
    assert box.post("/v1/checkpoints/lu-hz-01/records", Journal("lu-hz-01").line("start")).status == 409
    row = hq.checkpoints()[0]
    assert row["state"] == "quarantined" and row["quarantine"]
    assert row["quarantine"].split()[0] in hq.run("checkpoints", *hq.online).splitlines()[1]
    said = refused(hq, "accept-chain", "lu-hz-01", row["chain"], *hq.online, status=2)
    assert said.startswith("hqctl accept-chain: missing --reason TEXT\n")
    hq.run("accept-chain", "lu-hz-01", row["chain"], "--reason", "disk replaced", *hq.online)
    assert hq.checkpoints()[0]["state"] == "active"


def test_a_revoked_box_is_out_until_it_is_enrolled_again(hq):
    box = enrolled(hq, "lu-hz-01")
    said = refused(hq, "revoke", "lu-hz-01", "--reason", "stolen", *hq.online)
    assert said.endswith("hqctl: nothing done\n") and box.get("/v1/list/head").status == 200
    hq.run("revoke", "lu-hz-01", "--reason", "stolen", "--yes", *hq.online)
    assert box.get("/v1/list/head").status == 403
    assert hq.checkpoints()[0]["state"] == "revoked"


def test_a_token_works_once(hq):
    enrolled(hq, "lu-hz-01")
    token = hq.enroll("lu-hz-02")["token"]
    with pytest.raises(HqctlError) as refusal:
        hq.enroll("LU")
    assert refusal.value.stderr.endswith("HTTP 400 bad_request: checkpoint: expected 1 to 64 of a-z 0-9 -\n")
    assert len(token) == 40 and token not in (hq.folder / "hqd.log").read_text()


def test_hq_that_is_down_foreign_or_unwilling_is_told(hq, made):
    online = hq.online
    foreign = ["--dir", made.dir, "--hq", online[-1]]
    assert "we refuse the server's certificate" in refused(hq, "whoami", *foreign)
    hq.hqd.stop()
    said = refused(hq, "whoami", *online)
    assert "cannot connect" in said and said.startswith(f"hqctl: {online[-1]}/v1/operator/self: ")
    error = json.loads(hq.try_run("whoami", "--json", *online).stdout)["error"]
    assert error["code"] == "io" and "cannot connect" in error["en"]
