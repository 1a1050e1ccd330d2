"""The journal's message catalogues made by the build: journalctl takes them, every event is in both languages."""
import os
import re
import shutil
import subprocess

from harness.stack import ROOT, program

MADE = program("x").parents[1] / "systemd"
NAMESPACE = "c4ec9017c0de4a7e8d000000"
EVENT = re.compile(r"^EVENT\((\d+), (\w+), \w+, \"((?:[^\"\\]|\\.)*)\", \"((?:[^\"\\]|\\.)*)\", \"((?:[^\"\\]|\\.)*)\"\)",
                   re.M)


def events():
    found = EVENT.findall((ROOT / "gateway/base/events.def").read_text())
    assert len(found) == (ROOT / "gateway/base/events.def").read_text().count("\nEVENT(") > 80
    return [(number, name, *(text.replace('\\"', '"') for text in texts)) for number, name, *texts in found]


def entries(name):
    """id -> (subject, text) of one catalogue."""
    out = {}
    for part in (MADE / name).read_text().split("-- ")[1:]:
        head, _, text = part.partition("\n\n")
        number, subject, defined = head.split("\n")
        assert defined == "Defined-By: checkpoint" and number not in out, head
        out[number] = (subject, text)
    return out


def compile_catalog(root, *files):
    folder = root / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (root / "var/lib/systemd/catalog").mkdir(parents=True)
    for file in files:
        shutil.copy(file, folder / file.name)

    def journalctl(*argv):
        return subprocess.run(["journalctl", f"--root={root}", *argv], capture_output=True, text=True, timeout=60,
                              check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
    return journalctl("--update-catalog"), journalctl


def test_journalctl_compiles_and_finds_every_event(tmp_path):
    update, journalctl = compile_catalog(tmp_path, *sorted(MADE.glob("*.catalog")))
    assert update.returncode == 0 and update.stderr == "", update.stderr
    listed = journalctl("--list-catalog").stdout
    for number, name, english, _, _ in events():
        assert f"{NAMESPACE}{int(number):08x} checkpoint: {name} {number}: {english}" in listed
    shown = journalctl("--dump-catalog", f"{NAMESPACE}{500:08x}").stdout
    assert "Check power and cabling of the lane's modules" in shown


def test_journalctl_refuses_a_broken_catalogue(tmp_path):
    broken = tmp_path / "checkpoint.catalog"
    broken.write_text("Subject: without an id\n\nx\n")
    headless, _ = compile_catalog(tmp_path / "headless", broken)
    assert headless.returncode != 0 or headless.stderr


def test_ids_are_unique_and_made_of_the_number():
    numbers = [int(number) for number, *_ in events()]
    assert len(set(numbers)) == len(numbers)
    expected = {f"{NAMESPACE}{number:08x}" for number in numbers}
    assert set(entries("checkpoint.catalog")) == set(entries("checkpoint.zh_CN.catalog")) == expected


def test_numbers_and_names_stay_what_they_were():
    """Monitoring hangs on these: a sample of what was given out first."""
    now = {int(number): name for number, name, *_ in events()}
    assert {100: "PROGRAM_STARTED", 300: "WANTED_NO_LIST", 500: "LANE_CONTACT_LOST", 600: "JOURNAL_SET_ASIDE",
            900: "HQ_NO_FRESHNESS"}.items() <= now.items()


def test_every_event_says_what_to_do_in_both_languages():
    english, chinese = entries("checkpoint.catalog"), entries("checkpoint.zh_CN.catalog")
    missing = []
    for number, name, text_en, text_zh, what_to_do in events():
        key = f"{NAMESPACE}{int(number):08x}"
        assert english[key] == (f"Subject: {name} {number}: {text_en}", f"{what_to_do}\n\n@CHECKPOINT_FIELDS@\n\n")
        assert chinese[key][0] == f"Subject: {name} {number}: {text_zh}"
        if not re.search("[一-鿿]", chinese[key][1]):
            missing.append(name)
    # Rows of gateway/base/events_zh.def; a new event may be a row behind, not ten.
    assert len(missing) < 10, f"no Chinese in events_zh.def: {missing}"
