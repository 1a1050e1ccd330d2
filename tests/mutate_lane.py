#!/usr/bin/python3
"""Takes the lane's guards out one by one and shows that a test notices.

    tests/mutate_lane.py [--by tests|walk|wire] [--build build/release] [--only NAME …] [--jobs N] [--sample N]

Each mutant (lane_mutants.py) is one edit of gateway/lane; it is compiled in a folder of its own and run against the
lane's unit tests, or against the exhaustive walk alone (tests/walk): by which rule of it in which family the mutant fell.
Or against the simulated wire (tests/wire): there each mutant of the guard must fall but those of UNSEEN, which are named
with the reason; one of the lane may live on where the guard keeps the same rule. One JSON line a mutant: {"sweep": "lane_mutants", "mutant": …, "rule": …, "by":
test, "killed": true}; exit status 0 only if every mutant was killed. `rule` is the safety rule of
the design, "holds" or "order" (order of vehicles). Needs the libraries of a finished build.

By the walk a mutant but those of UNWALKED is run in the families that should show it (FALLS), where the machine as it is violates nothing.
--everywhere: then in all families, small ones first.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

from lane_mutants import FALLS, MUTANTS, UNSEEN, UNWALKED

ROOT = pathlib.Path(__file__).resolve().parent.parent
LANE = ROOT / "gateway" / "lane"
TESTS = ["test_guard", "test_rules", "test_lower", "test_lane", "test_queue", "test_naming", "test_modes",
         "test_service", "test_safety_inputs", "test_emergency_stop", "test_walk_cases", "test_feedback", "test_maintained", "test_hand",
         "test_hand_guard", "test_reject", "test_lane_walk"]
WALK = ROOT / "tests" / "walk"
FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-O2", "-w", f"-I{ROOT}"]
TIMEOUT_S, WALKS = 240, "400"
WALK_TIMEOUT_S, WALK_VIOLATED = 7200, 1
WIRE_EVENTS = {"test_wire_scenarios": "0", "test_wire_orders": "400000", "test_wire_random": "20000"}


def build(folder, build_dir, by, changed=None):
    """Links what `by` names. Changed files of the lane (name: text) are compiled and go before the library, which then
    gives only the others."""
    mine = []
    for name, text in (changed or {}).items():
        (folder / name).write_text(text, encoding="utf-8")
        mine.append(folder / f"{name}.o")
        compile_one(folder / name, mine[-1])
    libraries = [build_dir / part / f"lib{part.replace('/', '_')}.a" for part in by.libraries]
    for program, parts in by.programs(folder.parent / "objects", build_dir).items():
        subprocess.run(["cc", "-o", folder / program, *parts, *mine, *libraries, *by.flags, "-lcmocka", "-lsystemd", "-lpthread"],
                       check=True, capture_output=True)


def compile_one(source, target):
    subprocess.run(["cc", *FLAGS, "-c", "-o", target, source], check=True, capture_output=True)


class By:
    """What every judge of mutants has."""
    libraries = ["gateway/lane", "gateway/model", "gateway/base"]
    flags = []
    sources = []  # compiled here; the rest comes from the build


class ByTests(By):
    """The lane's unit tests, one program each."""
    sweep = "lane_mutants"
    sources = [ROOT / "tests" / "unit" / "gateway" / "lane" / f"{part}.c" for part in [*TESTS, "lane_world"]]

    @staticmethod
    def programs(objects, _):
        return {test: [objects / f"{test}.o", objects / "lane_world.o"] for test in TESTS}

    @staticmethod
    def broken(folder):
        return ByTests.first_failure(folder)

    @staticmethod
    def first_failure(folder):
        """Name of the first test that fails, None when all pass."""
        for test in TESTS:
            try:
                result = subprocess.run([folder / test], capture_output=True, timeout=TIMEOUT_S, cwd=ROOT,
                                        env={**os.environ, "CHECKPOINT_WALKS": WALKS})
            except subprocess.TimeoutExpired:
                return test
            if result.returncode != 0:
                return test
        return None


class ByWire(By):
    """The scenarios and the random life of the simulated wire, seeded."""
    sweep = "lane_mutants_wire"
    libraries = ["drivers/modbus_io", "drivers/bus", "gateway/lane", "gateway/config", "gateway/model", "gateway/base"]
    wrapped = ["clock_mono", "ppoll", *(f"modbus_link_{verb}" for verb in ("timing", "is_open", "close", "open", "exchange"))]
    flags = ["-lyaml", "-ljansson", "-lcrypto", "-lmodbus", *(f"-Wl,--wrap={name}" for name in wrapped)]
    programs_of = list(WIRE_EVENTS)
    sources = sorted((ROOT / "tests" / "wire").glob("*.c"))

    @staticmethod
    def programs(objects, _):
        common = [objects / f"{s.stem}.o" for s in ByWire.sources if s.stem not in ByWire.programs_of]
        return {name: [objects / f"{name}.o", *common] for name in ByWire.programs_of}

    @staticmethod
    def broken(folder):
        return ByWire.first_failure(folder)

    @staticmethod
    def first_failure(folder):
        """What the first program that fails says, None when both pass."""
        for name in ByWire.programs_of:
            if name == "test_wire_orders" and folder.name != "whole" and not folder.name.startswith("guard_"):
                continue  # no lane in it
            result = subprocess.run([folder / name], capture_output=True, text=True, timeout=WALK_TIMEOUT_S, cwd=ROOT, check=False,
                                    env={**os.environ, "CHECKPOINT_SEED": "1", "CHECKPOINT_EVENTS": WIRE_EVENTS[name]})
            if result.returncode != 0:
                said = [line for line in result.stderr.splitlines() if "ERROR" in line or "site:" in line]
                return f"{name}: {said[0] if said else result.returncode}"
        return None


class ByWalk(By):
    """The exhaustive walk alone; it ends at the first rule that is violated."""
    sweep = "lane_mutants_walk"
    options = []
    everywhere = False
    sampled = False  # beside a run of --quick

    @staticmethod
    def programs(_, build_dir):
        built = build_dir / "tests" / "walk" / "CMakeFiles" / "walk_lane.dir"
        return {"walk": [built / f"{source.name}.o" for source in sorted(WALK.glob("*.c"))]}

    @staticmethod
    def first_failure(folder):
        """The violated rule, None when the walk ends without one."""
        names = [family for family, mutants in FALLS.items() if folder.name in mutants.split()]
        fell = ByWalk.walk(folder, names) if names else None
        return fell or (ByWalk.walk(folder, []) if ByWalk.everywhere else None)

    @staticmethod
    def broken(folder):
        """The machine as it is; the sweep lane_states walks all of it."""
        return None if ByWalk.sampled else ByWalk.walk(folder, ["--quick"])

    @staticmethod
    def walk(folder, families):
        result = subprocess.run([folder / "walk", "--rules-only", *ByWalk.options, *families], capture_output=True, text=True,
                                timeout=WALK_TIMEOUT_S, check=False)
        last = json.loads(result.stdout.splitlines()[-1]) if result.stdout.endswith("}\n") else {}
        if result.returncode == WALK_VIOLATED:
            return f"{last['family']}: {last['violation']}"
        return f"signal {-result.returncode}: {result.stderr[-200:]}" if result.returncode < 0 else None


def run(mutant, top, build_dir, by):
    name, rule, file, old, new = mutant
    line = {"sweep": by.sweep, "mutant": name, "rule": rule}
    text = (LANE / file).read_text(encoding="utf-8")
    if text.count(old) != 1:
        return {**line, "error": f"{file}: found {text.count(old)} times: {old}", "killed": False}
    folder = top / name
    folder.mkdir()
    try:
        build(folder, build_dir, by, {file: text.replace(old, new)})
    except subprocess.CalledProcessError as error:
        return {**line, "error": error.stderr.decode()[-400:], "killed": False}
    fell = by.first_failure(folder)
    shutil.rmtree(folder)
    return {**line, "by": fell, "killed": fell is not None}


def chosen_of(options, by):
    """The mutants to run; a sample is seeded and says so, so is what cannot be seen."""
    chosen = [m for m in MUTANTS if not options.only or m[0] in options.only]
    unseen = {ByWire: UNSEEN, ByWalk: UNWALKED}.get(by, {})
    for name, *_ in [m for m in chosen if m[0] in unseen]:
        print(json.dumps({"sweep": by.sweep, "mutant": name, "unseen": unseen[name]}), flush=True)
    chosen = [m for m in chosen if m[0] not in unseen]
    if options.sample:
        seed = int(os.environ.get("CHECKPOINT_SEED") or random.randrange(1 << 31))
        print(json.dumps({"sweep": "lane_mutants", "seed": seed}), flush=True)
        chosen = random.Random(seed).sample(chosen, min(options.sample, len(chosen)))
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--by", choices=["tests", "walk", "wire"], default="tests")
    parser.add_argument("--states-max", help="of a family, by walk; unbounded if not given")
    parser.add_argument("--everywhere", action="store_true", help="by walk: in all families, not only where it should fall")
    parser.add_argument("--sample", type=int, help="so many, drawn with CHECKPOINT_SEED")
    parser.add_argument("--only", nargs="*", help="these mutants, by name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    by = {"tests": ByTests, "walk": ByWalk, "wire": ByWire}[options.by]
    ByWalk.everywhere = options.everywhere
    ByWalk.sampled = bool(options.sample or options.only)
    ByWalk.options = ["--states-max", options.states_max] if options.states_max else []
    chosen = chosen_of(options, by)
    with tempfile.TemporaryDirectory(prefix="mutants.") as name:
        top = pathlib.Path(name)
        (top / "objects").mkdir()
        for source in by.sources:
            compile_one(source, top / "objects" / f"{source.stem}.o")
        (top / "whole").mkdir()
        build(top / "whole", options.build, by)
        broken = by.broken(top / "whole")
        if broken:
            print(json.dumps({"sweep": by.sweep, "mutant": None, "error": f"{broken} fails as it is"}))
            return 1
        alive = killed = 0
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for line in pool.map(lambda m: run(m, top, options.build, by), chosen):
                print(json.dumps(line, ensure_ascii=False), flush=True)
                alive += not line["killed"] and (by is not ByWire or "error" in line or line["mutant"].startswith("guard_"))
                killed += line["killed"]
    listed = {name for names in FALLS.values() for name in names.split()}
    assert listed | set(UNWALKED) == {m[0] for m in MUTANTS}, "FALLS names other mutants than there are"
    rules = {m[1] for m in MUTANTS}
    assert rules >= set(range(1, 9)), "a safety rule without a mutant"
    return 1 if alive or not killed else 0


if __name__ == "__main__":
    sys.exit(main())
