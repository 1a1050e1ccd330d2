"""match_eval still measures: on reads of a simulated camera, whose misreads are known, it finds what must come out."""
import json
import random
import subprocess

import pytest

from harness.stack import BUILD

PROGRAM = BUILD / "tests" / "bench" / "match_eval"
KEYS = {"recall_exact", "recall_commercial", "fa_commercial", "recall_ours_at_commercial_fa",
        "fa_ours_at_commercial_recall", "gain_points", "gain_ci95"}
SEED = 5


def plate(rng):
    return "".join(rng.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=3)) + "".join(rng.choices("0123456789", k=3))


def misread(rng, truth):
    """The camera's best read: often right, else one look-alike, a lost first symbol or an odd confusion."""
    cause = rng.random()
    at = rng.randrange(6)
    alike = {"8": "B", "B": "8", "0": "O", "1": "I", "2": "Z", "S": "5", "5": "S"}
    if cause < 0.25:
        return "".join(alike.get(c, c) if i == at else c for i, c in enumerate(truth))
    if cause < 0.35:
        return truth[1:]
    if cause < 0.45:
        return truth[:at] + rng.choice("ACEFHKTXY47") + truth[at + 1:]
    return truth


def line(rng):
    truth = plate(rng)
    best = misread(rng, truth)
    reads = [{"plate": best, "confidence": 90}]
    if best != truth and rng.random() < 0.8:
        reads.append({"plate": truth, "confidence": 90 - rng.random() * 4})
    reads += [{"plate": misread(rng, plate(rng)), "confidence": 60 + rng.random() * 20} for _ in range(2)]
    return json.dumps({"truth": truth, "reads": reads})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = random.Random(SEED)
    folder = tmp_path_factory.mktemp("eval")
    (folder / "reads.jsonl").write_text("\n".join([line(rng) for _ in range(900)] +
                                                  [json.dumps({"truth": "ABC123", "reads": []})]) + "\n")
    (folder / "plates.txt").write_text("云A12345\n云A1234D\n", encoding="utf-8")
    return folder


def evaluate(*options):
    return subprocess.run([PROGRAM, *map(str, options)], capture_output=True, text=True, timeout=300, check=False)


def test_measures(data):
    done = evaluate("--reads", data / "reads.jsonl", "--plates", data / "plates.txt", "--list-size", 20000,
                    "--halves", 2, "--draws", 3, "--seed", SEED)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert KEYS <= result.keys()
    assert result["reads"] == 900 and result["unread"] == 1
    # Of 100 reads 25 get a look-alike where there is one, 10 lose a symbol, 10 are odd.
    assert 0.6 < result["recall_exact"] < result["recall_commercial"] < 0.85
    assert result["recall_ours_at_commercial_fa"] > result["recall_commercial"] + 0.05
    assert result["gain_ci95"][0] <= result["gain_points"] <= result["gain_ci95"][1]
    assert result["fa_ours_at_commercial_recall"] <= result["fa_commercial"]


def test_same_seed_same_result(data):
    options = ("--reads", data / "reads.jsonl", "--plates", data / "plates.txt", "--list-size", 2000, "--halves", 1,
               "--draws", 1, "--seed")
    assert evaluate(*options, 7).stdout == evaluate(*options, 7).stdout
    assert evaluate(*options, 7).stdout != evaluate(*options, 8).stdout


@pytest.mark.parametrize("text, reason", [
    ('{"truth":"ABC123","reads":[]}\n{"truth":', ":2: line 1 column 9: "),
    ('{"truth":"ABC123"}\n', ':1: expected "truth" (text) and "reads" (a list)'),
    ('{"truth":"ABC123","reads":[{"plate":"ABC123","confidence":90}]}\n',
     "0 confirmed pairs of alphabet 'latin' with plate and read whole (of 0 pairs), expected 100 to 10000000"),
])
def test_says_what_is_wrong(data, tmp_path, text, reason):
    reads = tmp_path / "reads.jsonl"
    reads.write_text(text)
    done = evaluate("--reads", reads, "--plates", data / "plates.txt", "--list-size", 100)
    assert done.returncode == 1
    assert reason in done.stderr
    assert done.stdout == ""


def test_refuses_options(data):
    done = evaluate("--reads", data / "reads.jsonl", "--plates", data / "plates.txt", "--list-size", "0")
    assert done.returncode == 2
    assert done.stderr == "--list-size '0': expected 1 to 4000000\n"
