"""The full tier of tests/run.sh over sweeps of its own: interrupted and begun again, a sweep that fails, a changed tree, and
what it closes with; the quick one over builds and suites of its own. What is tried is the script."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

RUN = pathlib.Path(__file__).resolve().parents[1] / "run.sh"
CLOSING = "100% tests passed, 0 tests failed out of 3"
LARGEST = "4294967295"
SWEEPS = """
sweeps() {
    sweep first true
    sweep second test -e ../well
    sweep killer sh -c 'test -e ../once || { touch ../once; kill -KILL $PPID; }'
    sweep seeded sh -c 'echo "$CHECKPOINT_SEED" >../seed'
}
build_preset() { echo "build $1" >>../done; }
suite() { :; }
suite_tests() {
    timeout 20 sh -c 'until grep -q release ../done; do sleep 0.05; done' && echo "tests $1" >>../done && test ! -e ../ill
}
"""


@pytest.fixture
def tree(tmp_path):
    """A clean tree with the script, its sweeps and a build that is there; what is not of the tree stands beside it."""
    root, shims = tmp_path / "tree", tmp_path / "shims"
    (root / "tests").mkdir(parents=True)
    shims.mkdir()
    shutil.copy(RUN, root / "tests" / "run.sh")
    (root / "tests" / "setup.sh").write_text("setup_packages() { :; }\nsetup_browser() { :; }\n")
    (root / "tests" / "sweeps.sh").write_text(SWEEPS)
    (root / ".gitignore").write_text("/build/\n")
    for name, text in (("ctest", f'echo "{CLOSING}"; exit "${{CTEST_STATUS:-0}}"'), ("od", f"echo ' {int(LARGEST) - 1}'")):
        (shims / name).write_text(f"#!/bin/sh\n{text}\n")
        (shims / name).chmod(0o755)
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "tree"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    return root


def full(tree, *options, seed="7", **env):
    return run(tree, *(options or ["--full"]), seed=seed, **env)


def run(tree, *options, seed="7", **env):
    """(exit status, lines)"""
    env = {**os.environ, "PATH": f"{tree.parent / 'shims'}:{os.environ['PATH']}", "CHECKPOINT_SEED": seed, **env}
    done = subprocess.run(["bash", "tests/run.sh", *options], cwd=tree, env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    return done.returncode, done.stdout.splitlines()


def results(tree):
    lines = (tree / "build" / "full" / "results.jsonl").read_text().splitlines()
    return [(row["sweep"], row["result"], row["seed"]) for row in map(json.loads, lines)]


def test_a_run_that_was_interrupted_does_what_has_not_passed_yet(tree):
    (tree.parent / "well").touch()
    status, lines = full(tree)
    assert status == -9 and lines[-1] == "killer …"
    assert results(tree) == [("first", "passed", 7), ("second", "passed", 7)]
    status, lines = full(tree, seed="8")
    assert status == 0 and lines[-1] == CLOSING
    assert lines[1:4] == ["first: passed before at this commit", "second: passed before at this commit", "killer …"]
    assert results(tree)[2:] == [("killer", "passed", 8), ("seeded", "passed", 8)]
    status, lines = full(tree, CTEST_STATUS="8", seed="9")
    assert status == 1 and lines[-1] == CLOSING and len(lines) == 6, lines
    assert len(results(tree)) == 4


def test_a_sweep_that_fails_is_told_before_the_closing_line_and_runs_again(tree):
    (tree.parent / "once").touch()
    status, lines = full(tree)
    assert status == 1 and lines[-2:] == ["FAILED sweeps: second (see build/full/)", CLOSING]
    (tree.parent / "well").touch()
    status, lines = full(tree)
    assert status == 0 and "second …" in lines and not any(line.startswith("FAILED") for line in lines)
    (tree / "more").touch()
    status, lines = full(tree)
    assert status == 0 and "first …" in lines, "a changed tree has passed nothing before"


def test_the_seed_of_a_run_is_a_whole_number(tree):
    """Python and C read it as digits."""
    for name in ("well", "once"):
        (tree.parent / name).touch()
    assert full(tree, seed="")[0] == 0
    assert (tree.parent / "seed").read_text() == LARGEST + "\n"
    assert {row[2] for row in results(tree)} == {int(LARGEST)}


def test_sweeps_by_name(tree):
    (tree.parent / "once").touch()
    status, lines = full(tree, "--sweep", "first", "second")
    assert status == 1 and lines[-1] == "FAILED sweeps: second (see build/full/)"
    assert full(tree, "--sweep", "first")[0] == 0
    assert full(tree, "--sweep", "fisrt")[0] == 2
    assert full(tree, "--list") == (0, ["first", "second", "killer", "seeded"])


def test_the_quick_tier_builds_release_while_the_other_tests_run(tree):
    done = tree.parent / "done"
    assert run(tree) == (0, ["CHECKPOINT_SEED=7", CLOSING])
    assert done.read_text().splitlines() == ["build asan", "build release", "tests asan", "build release"]
    done.unlink()
    (tree.parent / "ill").touch()
    assert run(tree) == (1, ["CHECKPOINT_SEED=7"])
    assert done.read_text().splitlines()[-1] == "tests asan", "release is not tested behind a suite that failed"
