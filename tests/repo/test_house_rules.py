"""Rules of the house that no compiler holds: calls, lengths, folders, nothing of one machine in the tree."""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRODUCT = ("gateway", "drivers", "rules")

BANNED = re.compile(r"\b(strcpy|strcat|stpcpy|sprintf|vsprintf|strtok|atoi|atol|atof|gets|alloca|system|popen|"
                    r"tmpnam|mktemp|setjmp|longjmp|volatile)\b(?=\s*\(|\s+\w|\s*\*)")
LINES_MAX = 600
TESTS_LINES_MAX = 800  # one file a program or module: its fixtures serve every test
TOP = {".ci", ".clang-format", ".clang-tidy", ".gitignore", "CMakeLists.txt", "CMakePresets.json", "README.md",
       "drivers", "gateway", "image", "rules", "systemd", "tests"}
# Folders of somebody's machine, and keys. Ours are /etc, /var/lib, /run, /dev, /usr, and /tmp in tests.
FOREIGN = re.compile(rb"(?<![\w.$}])/(?:work|workspace|root|Users)/\w"
                     rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}")
# Files that must name what FOREIGN finds.
FOREIGN_ALLOWED = {
    "tests/repo/test_house_rules.py": "the patterns themselves",
}
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|\b[Nn]ot (?:yet )?implemented\b|\b[Pp]laceholder\b")


def tracked():
    """Paths below the root that git knows, or would: nothing that is built."""
    result = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True,
                            text=True, check=True)
    names = [name for name in result.stdout.splitlines() if (ROOT / name).is_file()]
    assert len(names) > 300
    return names


def code_of(text):
    """C without comments and strings; lines stay lines."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", blank, text, flags=re.S)


def banned_calls(text):
    return [(code_of(text)[:match.start()].count("\n") + 1, match.group(1))
            for match in BANNED.finditer(code_of(text))]


def is_c(name):
    return name.endswith((".c", ".h"))


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_banned_calls():
    found = [f"{name}:{line}: {call}" for name in tracked() if is_c(name) and name.startswith(PRODUCT)
             for line, call in banned_calls(read(name))]
    assert found == []


def test_banned_calls_are_found_where_they_stand():
    assert banned_calls('/* strcpy(a, b) */\nint f(void) { return atoi("gets(x)"); }\nstrcat (a, b);\n'
                        "volatile int x;\nstatic volatile sig_atomic_t y;\nstrtok_r(a, b, c); my_system(1);\n") == [
        (2, "atoi"), (3, "strcat"), (4, "volatile"), (5, "volatile")]


def test_length_of_files():
    names = [name for name in tracked() if name.endswith((".c", ".h", ".py", ".sh")) or name == "CMakeLists.txt"]
    long = {name for name in names
            if read(name).count("\n") > (TESTS_LINES_MAX if name.startswith("tests/") else LINES_MAX)}
    assert long == set()


def test_top_level():
    assert {name.split("/")[0] for name in tracked()} <= TOP


def test_headers_open_alike():
    headers = [name for name in tracked() if name.endswith(".h")]
    assert len(headers) > 80
    for name in headers:
        text = read(name)
        assert text.startswith("/*"), f"{name}: no comment says what this is"
        assert "\n#pragma once\n" in text, name
    for name in tracked():
        if name.endswith(".c"):
            assert read(name).startswith("/*"), f"{name}: no comment says what this is"


def foreign(content):
    return [match.group(0).decode(errors="replace") for match in FOREIGN.finditer(content)]


def test_nothing_of_one_machine_and_no_key():
    found = {name: foreign((ROOT / name).read_bytes()) for name in tracked() if name not in FOREIGN_ALLOWED}
    assert {name: what for name, what in found.items() if what} == {}


def test_machine_paths_and_keys_are_found():
    assert foreign(b"see /work/main/x and /root/me, ${X}/root/y, a/work/b") == ["/work/m", "/root/m"]
    assert foreign(b"-----BEGIN EC PRIVATE KEY-----") and not foreign(b"-----BEGIN PUBLIC KEY-----")


def test_nothing_is_left_for_later():
    found = [f"{name}:{number}: {line.strip()}" for name in tracked()
             if name.endswith((".c", ".h", ".py", ".sh", ".txt", ".md", ".yaml", ".service"))
             and name not in FOREIGN_ALLOWED
             for number, line in enumerate(read(name).splitlines(), 1) if UNFINISHED.search(line)]
    assert found == []
