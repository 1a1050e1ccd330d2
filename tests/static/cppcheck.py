#!/usr/bin/python3
"""cppcheck over the whole tree: errors, warnings, performance, portability; cppcheck.suppress has the exceptions."""
import os
import pathlib
import subprocess
import sys

from tree import FOLDERS, ROOT, c_files

HERE = pathlib.Path(__file__).resolve().parent

def command(*more):
    return ["cppcheck", "-q", "-j2", "--std=c11", "--platform=unix64", "--library=posix", "--library=gnu",
            "--library=bsd", "--enable=warning,performance,portability", "--inline-suppr", "--error-exitcode=1",
            f"--suppressions-list={HERE / 'cppcheck.suppress'}", "-I.",
            f"--include={HERE / 'cppcheck_macros.h'}",
            "--template={file}:{line}: {severity}: {id}: {message}", *more]


def main():
    print(f"{len(c_files('.c'))} files", flush=True)
    build = pathlib.Path(os.environ.get("CHECKPOINT_BUILD", ROOT / "build" / "release")) / "cppcheck"
    build.mkdir(parents=True, exist_ok=True)
    # A planted leak must be found, or the check checks nothing.
    planted = build / "planted.c"
    planted.write_text("#include <stdlib.h>\nint f(void) { char *p = malloc(2); return p == 0; }\n")
    if subprocess.run(command(planted), cwd=ROOT, check=False, capture_output=True).returncode == 0:
        print("cppcheck does not find a planted memory leak")
        return 1
    return subprocess.run(command(*FOLDERS), cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
