#!/usr/bin/python3
"""clang-format agrees with every C file."""
import subprocess
import sys

from tree import ROOT, c_files


def main():
    files = c_files(".c", ".h")
    result = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=ROOT, check=False)
    print(f"{len(files)} files")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
