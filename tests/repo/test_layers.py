"""The layer check refuses what it should: a check that cannot fail checks nothing."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import check_layers  # noqa: E402


def make(root, path, *includes):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f'#include "{name}"\n' for name in includes), encoding="utf-8")


def violations(root):
    allowed = check_layers.read_layers(check_layers.ROOT / "tests/layers.txt")
    return check_layers.check(root, allowed)[0]


def test_allowed_edges_pass(tmp_path):
    make(tmp_path, "gateway/base/err.h")
    make(tmp_path, "gateway/lane/lane.c", "gateway/base/err.h", "gateway/lane/lane.h")
    make(tmp_path, "gateway/lane/lane.h")
    make(tmp_path, "gateway/pipeline/pipeline.c", "gateway/lane/lane.h")
    assert violations(tmp_path) == []


def test_an_upward_include_is_refused(tmp_path):
    make(tmp_path, "gateway/lane/lane.h")
    make(tmp_path, "gateway/base/err.c", "gateway/lane/lane.h")
    assert violations(tmp_path) == [
        'gateway/base/err.c:1: #include "gateway/lane/lane.h": gateway/base may not include gateway/lane']


def test_a_sibling_include_is_refused(tmp_path):
    make(tmp_path, "gateway/match/index.h")
    make(tmp_path, "gateway/lane/lane.c", "gateway/match/index.h")
    assert len(violations(tmp_path)) == 1


def test_one_driver_may_not_include_another(tmp_path):
    make(tmp_path, "drivers/a/a.h")
    make(tmp_path, "drivers/b/b.c", "drivers/a/a.h")
    assert len(violations(tmp_path)) == 1


def test_a_folder_without_a_row_is_refused(tmp_path):
    make(tmp_path, "gateway/nowhere/x.c", "gateway/base/err.h")
    assert violations(tmp_path) == ["gateway/nowhere: not named in tests/layers.txt"]


def test_a_relative_include_is_refused(tmp_path):
    make(tmp_path, "gateway/base/err.h")
    make(tmp_path, "gateway/base/err.c", "err.h")
    assert violations(tmp_path) == [
        'gateway/base/err.c:1: #include "err.h": no such file from the repository root']
