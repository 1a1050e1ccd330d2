#!/usr/bin/python3
"""clang-tidy (.clang-tidy says which checks and why not the others) over the C files of the build.

A sample of SAMPLE files, drawn by CHECKPOINT_SEED; every file with CHECKPOINT_TIDY=all, as the full tier runs it.
Files named as arguments: these alone.
"""
import concurrent.futures
import json
import os
import pathlib
import random
import subprocess
import sys

from tree import ROOT

BUILD = pathlib.Path(os.environ.get("CHECKPOINT_BUILD", ROOT / "build" / "release"))
SAMPLE = 30
JOBS = 2


def all_files():
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    return sorted({str(pathlib.Path(entry["directory"], entry["file"]).resolve()) for entry in commands})


def chosen():
    if len(sys.argv) > 1:
        return [str(pathlib.Path(name).resolve()) for name in sys.argv[1:]]
    files = all_files()
    if os.environ.get("CHECKPOINT_TIDY") == "all":
        return files
    seed = int(os.environ.get("CHECKPOINT_SEED", "1"))
    print(f"CHECKPOINT_SEED={seed}: {SAMPLE} of {len(files)} files")
    return sorted(random.Random(seed).sample(files, SAMPLE))


def tidy(path):
    """One file a process: clang-tidy 14 carries state of va_list from file to file."""
    result = subprocess.run(["clang-tidy", "-p", BUILD, "--quiet", path], cwd=ROOT, check=False,
                            capture_output=True, text=True)
    return path, result.returncode, result.stdout


def main():
    files, failed = chosen(), 0
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for path, status, said in pool.map(tidy, files):
            if status != 0 or "warning:" in said:
                failed += 1
                print(f"{os.path.relpath(path, ROOT)}:\n{said}", flush=True)
    print(f"{len(files)} files, {failed} with findings")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
