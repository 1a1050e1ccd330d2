#!/usr/bin/env python3
"""Starts a whole box with its console and runs Node programs of this folder against it, one after the other.

    run.py FILE … [ARGUMENT …]   exit status: the worst of theirs; 77 when a tool is missing (said on stderr)

The program finds CHECKPOINT_BOX (a JSON description of the box) and CHECKPOINT_NODE_MODULES in its environment.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness.console import Commands, running_console  # noqa: E402  (the path above)
from harness.stack import ROOT  # noqa: E402

MODULES = ROOT / "build" / "browser" / "node_modules"
SKIPPED = 77  # ctest's SKIP_RETURN_CODE
TOOLS = ("node", "chromium", "certutil", "pk12util", "openssl")


def missing():
    """What this machine lacks; tests/run.sh installs it."""
    return [tool for tool in TOOLS if not shutil.which(tool)] + (
        [] if (MODULES / "playwright-core").is_dir() else [str(MODULES.relative_to(ROOT))])


def run(file, arguments, description):
    """Its exit status."""
    return subprocess.run(
        ["node", HERE / file, *arguments], check=False,
        env={**os.environ, "CHECKPOINT_BOX": str(description), "CHECKPOINT_NODE_MODULES": str(MODULES.parent)}).returncode


def main():
    if len(sys.argv) < 2:
        sys.exit("run.py: expected the name of a Node program of this folder")
    if missing():
        print(f"skipped: this machine lacks {', '.join(missing())}; tests/run.sh installs it", file=sys.stderr)
        return SKIPPED
    with running_console() as console:
        sockets = console.box.folder / "commands.sock"
        description = console.box.folder / "box.json"
        description.write_text(json.dumps({**console.description(), "commands": str(sockets)}))
        commands = Commands(console, sockets)
        files = [one for one in sys.argv[1:] if one.endswith(".mjs")]
        arguments = [one for one in sys.argv[1:] if not one.endswith(".mjs")]
        try:
            return max([run(file, arguments, description) for file in files], key=abs, default=2)
        finally:
            commands.stop()


if __name__ == "__main__":
    sys.exit(main())
